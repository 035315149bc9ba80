/* SPDX-License-Identifier: Apache-2.0 */
/* The helper's machine: what it answers, what it refuses and why, and what it remembers. */
#include "helper_fleet.h"

#include "cmocka_all.h"

#include <string.h>

static fedl_helper other; /* after a restart */
static fedli_mask_key keys[DEVICES];
static bool is_new;
static uint32_t accused;

static fedl_helper_answer judge(fedl_bytes of)
{
    fedl_helper_request read;
    memset(keys, 0, sizeof keys);
    return fedl_helper_check(&helper, &read, keys, DEVICES, &is_new, &accused, of, UTC_S);
}

static void expect(fedl_helper_answer answer, uint32_t whom)
{
    static const fedli_mask_key nothing[DEVICES];
    assert_int_equal(judge(pack()), answer);
    assert_int_equal(accused, whom);
    if (answer != FEDL_HELPER_SUM) {
        assert_false(is_new);
        assert_memory_equal(keys, nothing, request.count * sizeof keys[0]); /* and no seed stays */
    }
}

static void the_sum_takes_all_masks_off(void **state)
{
    (void)state;
    static const uint32_t bits[] = {8, 16, 24, 32};
    for (size_t b = 0; b < 4; b++) {
        uint8_t masked[384 + 64] = {0};
        uint8_t sum[384 + 64] = {0};
        request.shape = (fedli_mask_shape){bits[b], 384, 448};
        expect(FEDL_HELPER_SUM, 0);
        assert_true(is_new);
        for (uint32_t i = 0; i < request.count; i++) {
            fedli_mask_apply(fedli_prg_best(), &request.shape, masked, 0, sizeof masked,
                             senders[i].seed.seed, false);
        }
        fedli_mask_slice(fedli_prg_best(), &request.shape, masked, keys, request.count, 0, 1);
        assert_memory_equal(masked, sum, sizeof sum);
    }
}

static void certificates_are_judged_by_its_own_pin(void **state)
{
    (void)state;
    uint8_t seed[32] = {9};
    uint8_t foreign_public[32];
    uint8_t foreign_secret[64];
    crypto->sign_keypair(foreign_public, foreign_secret, seed);
    certify(&senders[2], foreign_secret, FEDL_CERT_DEVICE, 0);
    seal_all();
    expect(FEDL_HELPER_CERTIFICATE, senders[2].id);
    certify(&senders[2], ca_secret, FEDL_CERT_ROUND, 0); /* another role */
    seal_all();
    expect(FEDL_HELPER_CERTIFICATE, senders[2].id);
    certify(&senders[2], ca_secret, FEDL_CERT_DEVICE, UTC_S - 1); /* expired */
    seal_all();
    expect(FEDL_HELPER_CERTIFICATE, senders[2].id);
    senders[2].id++; /* of another device */
    certify(&senders[2], ca_secret, FEDL_CERT_DEVICE, 0);
    senders[2].id--;
    seal_all();
    expect(FEDL_HELPER_CERTIFICATE, senders[2].id);
    fleet_id[0] ^= 1; /* of another fleet */
    certify(&senders[2], ca_secret, FEDL_CERT_DEVICE, 0);
    fleet_id[0] ^= 1;
    seal_all();
    expect(FEDL_HELPER_CERTIFICATE, senders[2].id);
}

static void revoked_devices_are_refused(void **state)
{
    (void)state;
    revoked[0] = senders[4].id;
    expect(FEDL_HELPER_REVOKED, senders[4].id);
}

static void signatures_and_seals_have_to_fit(void **state)
{
    (void)state;
    memcpy(senders[1].id_secret, senders[0].id_secret, 64); /* signed by somebody else */
    seal_all();
    expect(FEDL_HELPER_SEED, senders[1].id);
    assert_int_equal(helper_fleet_setup(NULL), 0);
    memset(senders[1].noise_secret, 1, 32); /* sealed by somebody else */
    seal_all();
    expect(FEDL_HELPER_SEED, senders[1].id);
    assert_int_equal(helper_fleet_setup(NULL), 0);
    helper_public[0] ^= 1; /* for another helper */
    seal(&senders[1]);
    helper_public[0] ^= 1;
    expect(FEDL_HELPER_SEED, senders[1].id);
    assert_int_equal(helper_fleet_setup(NULL), 0);
    for (size_t i = 0; i < FEDLI_SEED_ITEM_BYTES; i += 7) { /* flipped */
        senders[1].item[i] ^= 4;
        expect(FEDL_HELPER_SEED, senders[1].id);
        senders[1].item[i] ^= 4;
    }
    senders[1].seed.min_cohort = 2;
    seal_all();
    expect(FEDL_HELPER_SEED, senders[1].id);
}

static void nobody_stands_for_two(void **state)
{
    (void)state;
    sender kept = senders[2];
    senders[2] = senders[1]; /* the same entry twice */
    expect(FEDL_HELPER_DUPLICATE, senders[1].id);
    senders[2].id = kept.id; /* one device's seed under another id */
    expect(FEDL_HELPER_DUPLICATE, kept.id);
    senders[2] = kept;
    senders[1].id = 30; /* ids fall */
    expect(FEDL_HELPER_DUPLICATE, senders[2].id);
}

static void seeds_are_for_one_attempt(void **state)
{
    (void)state;
    fedli_attempt now = request.attempt;
    for (int i = 0; i < 6; i++) {
        request.attempt = now;
        fedli_attempt *a = &request.attempt;
        a->task_id += i == 0;
        a->round += i == 1;
        a->attempt += i == 2;
        a->version += i == 3;
        a->model_digest[5] ^= (uint8_t)(i == 4);
        a->plan_digest[5] ^= (uint8_t)(i == 5);
        expect(FEDL_HELPER_BINDING, senders[0].id);
    }
    request.attempt = now;
    fedli_helper_binding(crypto, senders[3].seed.rb, &request.attempt);
    senders[3].seed.rb[0] ^= 1;
    seal(&senders[3]);
    expect(FEDL_HELPER_BINDING, senders[3].id);
    request.attempt.fleet_id[0] ^= 1;
    expect(FEDL_HELPER_FLEET, 0);
}

static void small_cohorts_are_refused(void **state)
{
    (void)state;
    senders[3].seed.min_cohort = 6;
    seal_all();
    expect(FEDL_HELPER_SMALL, 0);
    request.count = 6;
    expect(FEDL_HELPER_SUM, 0);
    helper.cfg.min_cohort = 7;
    expect(FEDL_HELPER_SMALL, 0);
    helper.cfg.min_cohort = 3;
    request.count = 2;
    expect(FEDL_HELPER_SMALL, 0);
    request.count = 0;
    expect(FEDL_HELPER_SMALL, 0);
    fedl_helper_config cfg = helper.cfg;
    cfg.min_cohort = 2;
    assert_int_equal(fedl_helper_init(&other, &cfg), FEDL_ERR_RANGE);
}

static void restart(void)
{
    static uint8_t kept[FEDL_HELPER_STATE_BYTES_MAX];
    fedl_helper_config cfg = helper.cfg;
    const size_t size = fedl_helper_encode(&helper, kept, NULL);
    assert_int_equal(fedl_helper_init(&other, &cfg), FEDL_OK);
    assert_int_equal(fedl_helper_decode(&other, fedl_bytes_of(kept, size)), FEDL_OK);
    helper = other;
}

static void a_round_is_answered_once(void **state)
{
    (void)state;
    for (int restarts = 0; restarts < 2; restarts++) {
        assert_int_equal(helper_fleet_setup(NULL), 0);
        expect(FEDL_HELPER_SUM, 0);
        assert_true(is_new);
        assert_int_equal(fedl_helper_request_read(&request, crypto, pack()), FEDL_OK);
        fedl_helper_commit(&helper, &request);
        if (restarts) {
            restart();
        }
        expect(FEDL_HELPER_SUM, 0); /* the same bytes: the same answer */
        assert_false(is_new);
        request.count = 4; /* one device fewer: the difference would be its mask */
        expect(FEDL_HELPER_ANSWERED, 0);
        request.count = 5;
        request.attempt.attempt = 2;
        seal_all();
        expect(FEDL_HELPER_ANSWERED, 0);
        request.attempt.round = 3;
        seal_all();
        expect(FEDL_HELPER_ANSWERED, 0);
        request.attempt.round = 5;
        seal_all();
        expect(FEDL_HELPER_SUM, 0);
        assert_true(is_new);
        request.attempt.task_id = TASK - 1; /* other tasks have rounds of their own */
        request.attempt.round = 1;
        seal_all();
        expect(FEDL_HELPER_SUM, 0);
    }
}

static void the_list_is_what_encode_promised(void **state)
{
    (void)state;
    static uint8_t promised[FEDL_HELPER_STATE_BYTES_MAX];
    static uint8_t after[FEDL_HELPER_STATE_BYTES_MAX];
    static const uint32_t tasks[] = {5, 9, 1, 7, 5, 9, 7, 1};
    for (size_t i = 0; i < sizeof tasks / sizeof tasks[0]; i++) {
        request.attempt.task_id = tasks[i];
        request.attempt.round = 1 + (uint32_t)i;
        const size_t size = fedl_helper_encode(&helper, promised, &request);
        fedl_helper_commit(&helper, &request);
        assert_int_equal(fedl_helper_encode(&helper, after, NULL), size);
        assert_memory_equal(promised, after, size);
        restart();
    }
    assert_int_equal(helper.count, 4);
    const size_t size = fedl_helper_encode(&helper, after, NULL);
    for (size_t i = 0; i < size; i++) {
        after[i] ^= 2;
        assert_int_equal(fedl_helper_decode(&other, fedl_bytes_of(after, size)), FEDL_ERR_CORRUPT);
        after[i] ^= 2;
        assert_int_equal(fedl_helper_decode(&other, fedl_bytes_of(after, i)), FEDL_ERR_CORRUPT);
    }
    other.cfg.fleet_id[3] ^= 1;
    assert_int_equal(fedl_helper_decode(&other, fedl_bytes_of(after, size)), FEDL_ERR_MISMATCH);
    for (uint32_t i = helper.count; i < FEDL_HELPER_TASKS_MAX; i++) {
        request.attempt.task_id = 100 + i;
        fedl_helper_commit(&helper, &request);
    }
    request.attempt.task_id = 50;
    expect(FEDL_HELPER_FULL, 0);
}

static void malformed_requests_are_refused(void **state)
{
    (void)state;
    const fedl_bytes good = pack();
    for (size_t size = 0; size < good.size; size += size < 200 ? 1 : 97) {
        assert_int_equal(judge(fedl_bytes_of(bytes, size)), FEDL_HELPER_FORM);
    }
    for (size_t i = 0; i < good.size; i += i < 200 ? 1 : 31) {
        bytes[i] ^= 8;
        assert_int_equal(judge(good), FEDL_HELPER_FORM);
        bytes[i] ^= 8;
    }
    assert_int_equal(judge(good), FEDL_HELPER_SUM);
    static const fedli_mask_shape shapes[] = {
        {12, 256, 320}, {16, 0, 64}, {16, 100, 164}, {16, 1u << 23, (1u << 23) + 64u}};
    for (size_t i = 0; i < 4; i++) {
        request.shape = shapes[i];
        expect(FEDL_HELPER_FORM, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_sum_takes_all_masks_off, helper_fleet_setup),
        cmocka_unit_test_setup(certificates_are_judged_by_its_own_pin, helper_fleet_setup),
        cmocka_unit_test_setup(revoked_devices_are_refused, helper_fleet_setup),
        cmocka_unit_test_setup(signatures_and_seals_have_to_fit, helper_fleet_setup),
        cmocka_unit_test_setup(nobody_stands_for_two, helper_fleet_setup),
        cmocka_unit_test_setup(seeds_are_for_one_attempt, helper_fleet_setup),
        cmocka_unit_test_setup(small_cohorts_are_refused, helper_fleet_setup),
        cmocka_unit_test_setup(a_round_is_answered_once, helper_fleet_setup),
        cmocka_unit_test_setup(the_list_is_what_encode_promised, helper_fleet_setup),
        cmocka_unit_test_setup(malformed_requests_are_refused, helper_fleet_setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
