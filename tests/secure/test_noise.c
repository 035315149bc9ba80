/* SPDX-License-Identifier: Apache-2.0 */
/* Handshakes as they should go, and calls that break the contract. Attacks: test_noise_attacks.c.
 */
#include "secure/noise.h"

#include "cmocka_all.h"
#include "noise_pair.h"
#include "secure/prologue.h"
#include "sodium/crypto_sodium.h"

#include <string.h>

static const fedli_noise_pattern patterns[] = {FEDLI_NOISE_IK, FEDLI_NOISE_XX, FEDLI_NOISE_X};

#define PATTERN_COUNT (sizeof patterns / sizeof patterns[0])

static void both_sides_agree(void **state)
{
    (void)state;
    for (size_t p = 0; p < PATTERN_COUNT; p++) {
        noise_pair pair;
        uint8_t keys[2][2][32];
        uint8_t hashes[2][64];
        noise_pair_begin(&pair, patterns[p]);
        noise_pair_advance(&pair, noise_pair_message_count(patterns[p]));
        assert_true(fedli_noise_finished(&pair.initiator));
        assert_true(fedli_noise_finished(&pair.responder));
        noise_pair_split(&pair, keys, hashes);
        assert_memory_equal(keys[0][0], keys[1][1], 32);
        assert_memory_equal(keys[0][1], keys[1][0], 32);
        assert_memory_not_equal(keys[0][0], keys[0][1], 32);
        assert_memory_equal(hashes[0], hashes[1], 64);
    }
}

static void prologue_is_the_documented_one(void **state)
{
    (void)state;
    const uint8_t fleet[16] = {0xf1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    uint8_t out[FEDLI_PROLOGUE_BYTES_MAX];
    fedl_bytes prologue = fedli_prologue_encode(out, fleet);
    assert_ptr_equal(prologue.data, out);
    assert_int_equal(prologue.size, 22);
    assert_memory_equal(out, "fedl/1", 6);
    assert_memory_equal(out + 6, fleet, 16);
    prologue = fedli_prologue_encode(out, NULL);
    assert_int_equal(prologue.size, 6);
    assert_memory_equal(prologue.data, "fedl/1", 6);
}

static void overheads_are_the_documented_ones(void **state)
{
    (void)state;
    const size_t expected[PATTERN_COUNT][3] = {
        {FEDLI_NOISE_IK_OVERHEAD_1, FEDLI_NOISE_IK_OVERHEAD_2, 0},
        {FEDLI_NOISE_XX_OVERHEAD_1, FEDLI_NOISE_XX_OVERHEAD_2, FEDLI_NOISE_XX_OVERHEAD_3},
        {FEDLI_NOISE_X_OVERHEAD, 0, 0},
    };
    for (size_t p = 0; p < PATTERN_COUNT; p++) {
        noise_pair pair;
        noise_pair_begin(&pair, patterns[p]);
        const int count = noise_pair_message_count(patterns[p]);
        for (int i = 0; i < count; i++) {
            noise_message message;
            assert_int_equal(fedli_noise_overhead(&pair.initiator), expected[p][i]);
            assert_int_equal(fedli_noise_overhead(&pair.responder), expected[p][i]);
            noise_pair_write(&pair, i, &message);
            assert_int_equal(message.size, expected[p][i] + strlen("message 0"));
            assert_int_equal(noise_pair_read(&pair, i, &message), FEDL_OK);
        }
        assert_int_equal(fedli_noise_overhead(&pair.initiator), 0);
    }
}

static void remote_static_appears_in_time(void **state)
{
    (void)state;
    /* Number of finished messages from which each side knows the other: initiator, responder. */
    const int known_from[PATTERN_COUNT][2] = {{0, 1}, {2, 3}, {0, 1}};
    uint8_t publics[2][32];
    fedl_crypto_sodium()->x25519_public(publics[0], noise_pair_secret[0]);
    fedl_crypto_sodium()->x25519_public(publics[1], noise_pair_secret[1]);
    for (size_t p = 0; p < PATTERN_COUNT; p++) {
        for (int done = 0; done <= noise_pair_message_count(patterns[p]); done++) {
            noise_pair pair;
            noise_pair_begin(&pair, patterns[p]);
            noise_pair_advance(&pair, done);
            const uint8_t *of_responder = fedli_noise_remote_static(&pair.initiator);
            const uint8_t *of_initiator = fedli_noise_remote_static(&pair.responder);
            assert_int_equal(of_responder != NULL, done >= known_from[p][0]);
            assert_int_equal(of_initiator != NULL, done >= known_from[p][1]);
            if (of_responder != NULL) {
                assert_memory_equal(of_responder, publics[1], 32);
            }
            if (of_initiator != NULL) {
                assert_memory_equal(of_initiator, publics[0], 32);
            }
            fedli_noise_wipe(&pair.initiator);
            assert_null(fedli_noise_remote_static(&pair.initiator));
        }
    }
}

static void init_checks_its_arguments(void **state)
{
    (void)state;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    const fedl_bytes none = {NULL, 0};
    const uint8_t *secret = noise_pair_secret[0];
    const uint8_t remote[32] = {9};
    fedli_noise noise;
    fedli_noise untouched;
    memset(&noise, 0x5a, sizeof noise);
    memcpy(&untouched, &noise, sizeof noise);
    const struct {
        int pattern;
        bool initiator;
        const uint8_t *remote;
    } bad[] = {
        {0, true, NULL},
        {4, true, NULL},
        {FEDLI_NOISE_IK, true, NULL},
        {FEDLI_NOISE_IK, false, remote},
        {FEDLI_NOISE_XX, true, remote},
        {FEDLI_NOISE_XX, false, remote},
        {FEDLI_NOISE_X, true, NULL},
        {FEDLI_NOISE_X, false, remote},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(fedli_noise_init(&noise, crypto, (fedli_noise_pattern)bad[i].pattern,
                                          bad[i].initiator, none, secret, bad[i].remote),
                         FEDL_ERR_ARGUMENT);
        assert_memory_equal(&noise, &untouched, sizeof noise);
    }
}

/* A call that must fail with status and leave the state as it was. */
static void refuse_write(fedli_noise *noise, size_t room, size_t payload_size,
                         const uint8_t *ephemeral, fedl_status expected)
{
    static uint8_t payload[65536];
    static uint8_t out[65600];
    const fedli_noise before = *noise;
    size_t size = 77;
    assert_true(room <= sizeof out && payload_size <= sizeof payload);
    assert_int_equal(
        fedli_noise_write(noise, out, room, &size, fedl_bytes_of(payload, payload_size), ephemeral),
        expected);
    assert_int_equal(size, 77);
    assert_memory_equal(&before, noise, sizeof before);
}

static void refuse_read(fedli_noise *noise, const uint8_t *message, size_t message_size,
                        size_t room, fedl_status expected)
{
    static uint8_t payload[65536];
    const fedli_noise before = *noise;
    size_t size = 77;
    assert_int_equal(
        fedli_noise_read(noise, payload, room, &size, fedl_bytes_of(message, message_size)),
        expected);
    assert_int_equal(size, 77);
    assert_memory_equal(&before, noise, sizeof before);
}

static void buffers_one_byte_too_small(void **state)
{
    (void)state;
    for (size_t p = 0; p < PATTERN_COUNT; p++) {
        noise_pair pair;
        noise_pair_begin(&pair, patterns[p]);
        for (int i = 0; i < noise_pair_message_count(patterns[p]); i++) {
            noise_message message;
            fedli_noise *writer = noise_pair_writer(&pair, i);
            fedli_noise *reader = noise_pair_reader(&pair, i);
            const size_t overhead = fedli_noise_overhead(writer);
            refuse_write(writer, overhead + 8, 9, noise_pair_ephemeral[i % 2], FEDL_ERR_SIZE);
            refuse_write(writer, overhead - 1, 0, noise_pair_ephemeral[i % 2], FEDL_ERR_SIZE);
            refuse_write(writer, 0, 0, noise_pair_ephemeral[i % 2], FEDL_ERR_SIZE);
            noise_pair_write(&pair, i, &message);
            refuse_read(reader, message.data, message.size, 8, FEDL_ERR_SIZE);
            refuse_read(reader, message.data, message.size, 0, FEDL_ERR_SIZE);
            for (size_t size = 0; size < overhead; size++) {
                refuse_read(reader, message.data, size, 256, FEDL_ERR_TRUNCATED);
            }
            assert_int_equal(noise_pair_read(&pair, i, &message), FEDL_OK);
        }
    }
}

static void longest_message_is_65535_bytes(void **state)
{
    (void)state;
    static uint8_t payload[65536];
    static uint8_t out[65600];
    static uint8_t back[65600];
    noise_pair pair;
    size_t size = 0;
    const size_t most = 65535 - FEDLI_NOISE_IK_OVERHEAD_1;
    memset(payload, 0xc3, sizeof payload);
    noise_pair_begin(&pair, FEDLI_NOISE_IK);
    refuse_write(&pair.initiator, sizeof out, most + 1, noise_pair_ephemeral[0], FEDL_ERR_SIZE);
    assert_int_equal(fedli_noise_write(&pair.initiator, out, sizeof out, &size,
                                       fedl_bytes_of(payload, most), noise_pair_ephemeral[0]),
                     FEDL_OK);
    assert_int_equal(size, 65535);
    refuse_read(&pair.responder, out, 65536, 65536, FEDL_ERR_SIZE);
    assert_int_equal(
        fedli_noise_read(&pair.responder, back, most, &size, fedl_bytes_of(out, 65535)), FEDL_OK);
    assert_int_equal(size, most);
    assert_memory_equal(back, payload, most);
}

static void calls_out_of_turn(void **state)
{
    (void)state;
    for (size_t p = 0; p < PATTERN_COUNT; p++) {
        noise_pair pair;
        noise_pair_begin(&pair, patterns[p]);
        const int count = noise_pair_message_count(patterns[p]);
        for (int i = 0; i <= count; i++) {
            noise_message message = {{0}, 200};
            uint8_t keys[2][32];
            uint8_t hash[64];
            if (i < count) {
                refuse_read(noise_pair_writer(&pair, i), message.data, message.size, 256,
                            FEDL_ERR_STATE);
                refuse_write(noise_pair_reader(&pair, i), 256, 0, noise_pair_ephemeral[0],
                             FEDL_ERR_STATE);
                assert_int_equal(fedli_noise_split(&pair.initiator, keys[0], keys[1], hash),
                                 FEDL_ERR_STATE);
                assert_int_equal(fedli_noise_split(&pair.responder, keys[0], keys[1], hash),
                                 FEDL_ERR_STATE);
                assert_false(fedli_noise_finished(&pair.initiator));
                noise_pair_write(&pair, i, &message);
                assert_int_equal(noise_pair_read(&pair, i, &message), FEDL_OK);
                continue;
            }
            refuse_read(&pair.initiator, message.data, message.size, 256, FEDL_ERR_STATE);
            refuse_read(&pair.responder, message.data, message.size, 256, FEDL_ERR_STATE);
            refuse_write(&pair.initiator, 256, 0, noise_pair_ephemeral[0], FEDL_ERR_STATE);
            refuse_write(&pair.responder, 256, 0, noise_pair_ephemeral[0], FEDL_ERR_STATE);
        }
    }
}

static void ephemeral_secret_is_needed_for_e(void **state)
{
    (void)state;
    noise_pair pair;
    noise_pair_begin(&pair, FEDLI_NOISE_XX);
    refuse_write(&pair.initiator, 256, 0, NULL, FEDL_ERR_ARGUMENT);
    noise_pair_advance(&pair, 1);
    refuse_write(&pair.responder, 256, 0, NULL, FEDL_ERR_ARGUMENT);
    noise_pair_begin(&pair, FEDLI_NOISE_XX);
    noise_pair_advance(&pair, 2);
    noise_message message;
    assert_int_equal(fedli_noise_write(&pair.initiator, message.data, sizeof message.data,
                                       &message.size, fedl_bytes_of("message 2", 9), NULL),
                     FEDL_OK);
    assert_int_equal(noise_pair_read(&pair, 2, &message), FEDL_OK);
}

static void split_and_wipe_leave_nothing(void **state)
{
    (void)state;
    static const fedli_noise zero;
    noise_pair pair;
    uint8_t keys[2][2][32];
    uint8_t hashes[2][64];
    noise_pair_begin(&pair, FEDLI_NOISE_IK);
    noise_pair_advance(&pair, 2);
    noise_pair_split(&pair, keys, hashes);
    assert_memory_equal(&pair.initiator, &zero, sizeof zero);
    assert_memory_equal(&pair.responder, &zero, sizeof zero);
    assert_int_equal(fedli_noise_split(&pair.initiator, keys[0][0], keys[0][1], hashes[0]),
                     FEDL_ERR_STATE);
    assert_memory_equal(keys[0][0], keys[1][1], 32); /* the failed call wrote nothing */
    assert_false(fedli_noise_finished(&pair.initiator));
    assert_int_equal(fedli_noise_overhead(&pair.initiator), 0);
    refuse_write(&pair.initiator, 256, 0, noise_pair_ephemeral[0], FEDL_ERR_STATE);
    refuse_read(&pair.responder, hashes[0], 64, 256, FEDL_ERR_STATE);
}

int main(void)
{
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_sides_agree),
        cmocka_unit_test(prologue_is_the_documented_one),
        cmocka_unit_test(overheads_are_the_documented_ones),
        cmocka_unit_test(remote_static_appears_in_time),
        cmocka_unit_test(init_checks_its_arguments),
        cmocka_unit_test(buffers_one_byte_too_small),
        cmocka_unit_test(longest_message_is_65535_bytes),
        cmocka_unit_test(calls_out_of_turn),
        cmocka_unit_test(ephemeral_secret_is_needed_for_e),
        cmocka_unit_test(split_and_wipe_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
