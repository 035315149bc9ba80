/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"
#include "nn_fixture.h"

#include <stdlib.h>
#include <string.h>

static void header_has_the_documented_bytes(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(784, 64, 10, FEDL_LOSS_SOFTMAX_CE);
    /* Written by hand from the table in docs/numerics.md. */
    static const uint8_t expected[40] = {
        'F', 'E', 'D', 'M', 1, 0, 0, 0, 0x10, 3, 0, 0, 0xfa, 1,    3, 0, 1,  0xf2, 0, 0,
        64,  0,   0,   0,   2, 0, 0, 0, 0,    0, 0, 0, 1,    0xf3, 0, 0, 10, 0,    0, 0};
    uint8_t header[40];
    assert_int_equal(fedl_container_header_size(&spec), 40);
    assert_int_equal(fedl_container_header_encode(header, sizeof header, &spec), FEDL_OK);
    assert_memory_equal(header, expected, sizeof expected);
    assert_int_equal(fedl_container_size(&spec), 40 + 2 * 784 * 64 + 4 * 64 + 2 * 64 * 10 + 4 * 10);
    for (size_t size = 0; size < sizeof header; size++) {
        assert_int_equal(fedl_container_header_encode(header, size, &spec), FEDL_ERR_SIZE);
    }
}

static void header_round_trip_and_every_truncation(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(5, 3, 2, FEDL_LOSS_MSE);
    uint8_t header[64];
    const size_t size = fedl_container_header_size(&spec);
    assert_int_equal(fedl_container_header_encode(header, sizeof header, &spec), FEDL_OK);
    fedl_model_spec back;
    memset(&back, 0xee, sizeof back);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(fedl_container_header_decode(&back, fedl_bytes_of(header, cut)),
                         FEDL_ERR_TRUNCATED);
        assert_int_equal(back.input_count, 0xeeeeeeeeu);
    }
    assert_int_equal(fedl_container_header_decode(&back, fedl_bytes_of(header, size)), FEDL_OK);
    assert_true(fedl_model_spec_equal(&back, &spec));
    assert_int_equal(fedl_container_header_decode(&back, fedl_bytes_of(header, sizeof header)),
                     FEDL_OK);
}

static void header_errors(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(5, 3, 2, FEDL_LOSS_SOFTMAX_CE);
    const struct {
        size_t at;
        uint8_t value;
        fedl_status expected;
    } cases[] = {
        {0, 'X', FEDL_ERR_FORMAT},     {4, 2, FEDL_ERR_VERSION}, {5, 1, FEDL_ERR_VERSION},
        {6, 1, FEDL_ERR_FORMAT},       {8, 0, FEDL_ERR_RANGE},   {12, 100, FEDL_ERR_RANGE},
        {13, 3, FEDL_ERR_UNSUPPORTED}, {14, 0, FEDL_ERR_RANGE},  {15, 1, FEDL_ERR_FORMAT},
        {16, 9, FEDL_ERR_UNSUPPORTED}, {17, 0, FEDL_ERR_RANGE},  {18, 1, FEDL_ERR_FORMAT},
        {14, 17, FEDL_ERR_RANGE},      {28, 1, FEDL_ERR_RANGE},  {20, 0, FEDL_ERR_RANGE},
        {16, 0, FEDL_ERR_UNSUPPORTED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t header[16 + 8 * 17] = {0};
        fedl_model_spec back;
        assert_int_equal(fedl_container_header_encode(header, sizeof header, &spec), FEDL_OK);
        header[cases[i].at] = cases[i].value;
        assert_int_equal(fedl_container_header_decode(&back, fedl_bytes_of(header, sizeof header)),
                         cases[i].expected);
    }
}

static void every_single_bit_of_the_header_matters(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(5, 3, 2, FEDL_LOSS_SOFTMAX_CE);
    uint8_t header[64] = {0};
    const size_t size = fedl_container_header_size(&spec);
    assert_int_equal(fedl_container_header_encode(header, sizeof header, &spec), FEDL_OK);
    for (size_t bit = 0; bit < size * 8; bit++) {
        fedl_model_spec back;
        header[bit / 8] = (uint8_t)(header[bit / 8] ^ (1u << (bit % 8)));
        const fedl_status status =
            fedl_container_header_decode(&back, fedl_bytes_of(header, sizeof header));
        if (status == FEDL_OK) {
            assert_false(fedl_model_spec_equal(&back, &spec));
        }
        header[bit / 8] = (uint8_t)(header[bit / 8] ^ (1u << (bit % 8)));
    }
}

static void model_round_trip_and_every_truncation(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(5, 3, 2, FEDL_LOSS_MSE);
    fixture_model a;
    fixture_model b;
    fixture_model_open(&a, &spec, 0, 1);
    fixture_model_open(&b, &spec, 4, 2);
    const fedl_bytes bytes = fixture_container(&a.model);
    const uint64_t before = fixture_checksum(&b.model);
    assert_true(before != fixture_checksum(&a.model));
    for (size_t cut = 0; cut < bytes.size; cut++) {
        assert_int_equal(fedl_model_load(&b.model, fedl_bytes_of(bytes.data, cut)),
                         FEDL_ERR_TRUNCATED);
    }
    assert_true(fixture_checksum(&b.model) == before);
    assert_int_equal(fedl_model_load(&b.model, bytes), FEDL_OK);
    assert_true(fixture_checksum(&b.model) == fixture_checksum(&a.model));

    uint8_t *longer = calloc(1, bytes.size + 1);
    assert_non_null(longer);
    memcpy(longer, bytes.data, bytes.size);
    assert_int_equal(fedl_model_load(&b.model, fedl_bytes_of(longer, bytes.size + 1)),
                     FEDL_ERR_FORMAT);
    longer[12] = (uint8_t)(longer[12] + 1);
    assert_int_equal(fedl_model_load(&b.model, fedl_bytes_of(longer, bytes.size)),
                     FEDL_ERR_MISMATCH);
    longer[0] = 0;
    assert_int_equal(fedl_model_load(&b.model, fedl_bytes_of(longer, bytes.size)), FEDL_ERR_FORMAT);
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(fedl_model_export(&a.model, longer, size), FEDL_ERR_SIZE);
    }
    free(longer);
    fixture_container_free(bytes);
    fixture_model_close(&a);
    fixture_model_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(header_has_the_documented_bytes),
        cmocka_unit_test(header_round_trip_and_every_truncation),
        cmocka_unit_test(header_errors),
        cmocka_unit_test(every_single_bit_of_the_header_matters),
        cmocka_unit_test(model_round_trip_and_every_truncation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
