/* SPDX-License-Identifier: Apache-2.0 */
/* The helper's replies: each answers one request, whole. */
#include "helper/helper_request.h"

#include "cmocka_all.h"

static void replies_are_for_one_request(void **state)
{
    (void)state;
    uint8_t reply[FEDL_HELPER_REPLY_HEAD_BYTES + 128] = {0};
    uint8_t hash[32] = {7};
    fedl_helper_answer answer = FEDL_HELPER_FULL;
    uint32_t accused = 0;
    fedl_bytes vector;
    const fedl_bytes sum = fedl_bytes_of(reply, sizeof reply);
    fedl_helper_reply_write(reply, FEDL_HELPER_SUM, 0, hash);
    assert_int_equal(fedl_helper_reply_read(&answer, &accused, &vector, sum, hash, 128), FEDL_OK);
    assert_int_equal(answer, FEDL_HELPER_SUM);
    assert_int_equal(vector.size, 128);
    assert_int_equal(fedl_helper_reply_read(&answer, &accused, &vector, sum, hash, 64),
                     FEDL_ERR_FORMAT);
    hash[0]++;
    assert_int_equal(fedl_helper_reply_read(&answer, &accused, &vector, sum, hash, 128),
                     FEDL_ERR_MISMATCH);
    fedl_helper_reply_write(reply, FEDL_HELPER_REVOKED, 12, hash);
    assert_int_equal(fedl_helper_reply_read(&answer, &accused, &vector, sum, hash, 128),
                     FEDL_ERR_FORMAT); /* a refusal carries nothing */
    const fedl_bytes head = fedl_bytes_of(reply, FEDL_HELPER_REPLY_HEAD_BYTES);
    assert_int_equal(fedl_helper_reply_read(&answer, &accused, &vector, head, hash, 128), FEDL_OK);
    assert_int_equal(answer, FEDL_HELPER_REVOKED);
    assert_int_equal(accused, 12);
    reply[2] = 99;
    assert_int_equal(fedl_helper_reply_read(&answer, &accused, &vector, head, hash, 128),
                     FEDL_ERR_FORMAT);
    assert_string_equal(fedl_helper_answer_text((fedl_helper_answer)99), "unknown");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_are_for_one_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
