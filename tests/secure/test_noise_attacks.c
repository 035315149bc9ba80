/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody on the wire, or with a wrong key, can try against a handshake. */
#include "cmocka_all.h"
#include "noise_pair.h"
#include "secure/channel.h"
#include "secure/noise.h"
#include "sodium/crypto_sodium.h"

#include <string.h>

static const fedli_noise_pattern patterns[] = {FEDLI_NOISE_IK, FEDLI_NOISE_XX, FEDLI_NOISE_X};

/* The u-coordinates of small order, and their non-canonical twins (RFC 7748, section 7; the list of
 * cr.yp.to/ecdh.html#validate). Little-endian. */
static const uint8_t low_order[][32] = {
    {0},
    {1},
    {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
     0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
     0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
    {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
     0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
     0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57},
    {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
    {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
     0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
};

#define LOW_ORDER_COUNT (sizeof low_order / sizeof low_order[0])

/* The reader must refuse and stay as it was. */
static void refuse(noise_pair *pair, int index, const noise_message *message)
{
    fedli_noise *reader = noise_pair_reader(pair, index);
    const fedli_noise before = *reader;
    uint8_t payload[256];
    static const uint8_t zeros[256];
    size_t size = 77;
    memset(payload, 0xaa, sizeof payload);
    const size_t payload_size = message->size - fedli_noise_overhead(reader);
    assert_int_equal(fedli_noise_read(reader, payload, sizeof payload, &size,
                                      fedl_bytes_of(message->data, message->size)),
                     FEDL_ERR_AUTH);
    assert_int_equal(size, 77);
    assert_memory_equal(&before, reader, sizeof before);
    assert_memory_equal(payload, zeros, payload_size);
}

/* Message 1 of XX is in the clear: whatever is changed there must come out at message 2. */
static void refuse_one_later(noise_pair *pair, const noise_message *message)
{
    uint8_t payload[256];
    uint8_t reply[256];
    size_t size = 0;
    assert_int_equal(fedli_noise_read(&pair->responder, payload, sizeof payload, &size,
                                      fedl_bytes_of(message->data, message->size)),
                     FEDL_OK);
    const fedl_status status = fedli_noise_write(&pair->responder, reply, sizeof reply, &size,
                                                 fedl_bytes_of("x", 1), noise_pair_ephemeral[1]);
    if (status == FEDL_OK) {
        assert_int_equal(fedli_noise_read(&pair->initiator, payload, sizeof payload, &size,
                                          fedl_bytes_of(reply, size)),
                         FEDL_ERR_AUTH);
    } else {
        assert_int_equal(status, FEDL_ERR_AUTH);
    }
}

static void every_bit_flip_fails(void **state)
{
    (void)state;
    for (size_t p = 0; p < sizeof patterns / sizeof patterns[0]; p++) {
        for (int i = 0; i < noise_pair_message_count(patterns[p]); i++) {
            noise_pair fresh;
            noise_message message;
            noise_pair_begin(&fresh, patterns[p]);
            noise_pair_advance(&fresh, i);
            noise_pair_write(&fresh, i, &message);
            for (size_t bit = 0; bit < message.size * 8; bit++) {
                noise_pair pair = fresh;
                message.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
                if (patterns[p] == FEDLI_NOISE_XX && i == 0) {
                    refuse_one_later(&pair, &message);
                } else {
                    refuse(&pair, i, &message);
                }
                message.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
            }
            assert_int_equal(noise_pair_read(&fresh, i, &message), FEDL_OK);
        }
    }
}

static void every_truncation_fails(void **state)
{
    (void)state;
    for (size_t p = 0; p < sizeof patterns / sizeof patterns[0]; p++) {
        for (int i = 0; i < noise_pair_message_count(patterns[p]); i++) {
            noise_pair pair;
            noise_message message;
            noise_pair_begin(&pair, patterns[p]);
            noise_pair_advance(&pair, i);
            noise_pair_write(&pair, i, &message);
            if (patterns[p] == FEDLI_NOISE_XX && i == 0) {
                continue; /* a shorter payload in the clear: see every_bit_flip_fails */
            }
            noise_message shorter = message;
            while (shorter.size > fedli_noise_overhead(noise_pair_reader(&pair, i))) {
                shorter.size--;
                refuse(&pair, i, &shorter);
            }
            shorter = message;
            shorter.data[shorter.size++] = 0;
            refuse(&pair, i, &shorter);
            assert_int_equal(noise_pair_read(&pair, i, &message), FEDL_OK);
        }
    }
}

static void wrong_server_key_fails(void **state)
{
    (void)state;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    const uint8_t other_secret[32] = {77};
    const fedl_bytes prologue = fedl_bytes_of(NOISE_PAIR_PROLOGUE, strlen(NOISE_PAIR_PROLOGUE));
    const fedli_noise_pattern with_key[] = {FEDLI_NOISE_IK, FEDLI_NOISE_X};
    for (size_t p = 0; p < 2; p++) {
        noise_pair pair;
        noise_message message;
        noise_pair_begin(&pair, with_key[p]);
        noise_pair_write(&pair, 0, &message);
        assert_int_equal(fedli_noise_init(&pair.responder, crypto, with_key[p], false, prologue,
                                          other_secret, NULL),
                         FEDL_OK);
        refuse(&pair, 0, &message);
    }
    /* A server that knows its public key only cannot answer message 1 of IK: its message 2 fails,
     * whatever static secret it uses, because the initiator mixed in the real key. */
    noise_pair pair;
    noise_pair impostor;
    noise_message message;
    noise_pair_begin(&pair, FEDLI_NOISE_IK);
    noise_pair_write(&pair, 0, &message);
    noise_pair_begin(&impostor, FEDLI_NOISE_IK);
    noise_pair_advance(&impostor, 1);
    impostor.responder.ck[0] ^= 1; /* the chaining key that it cannot compute */
    noise_pair_write(&impostor, 1, &message);
    refuse(&pair, 1, &message);
}

static void wrong_prologue_fails(void **state)
{
    (void)state;
    const fedl_bytes others[] = {
        {NULL, 0}, fedl_bytes_of("fedl/1 test fleeu", 17), fedl_bytes_of("fedl/1 test flee", 16)};
    for (size_t p = 0; p < sizeof patterns / sizeof patterns[0]; p++) {
        for (size_t k = 0; k < sizeof others / sizeof others[0]; k++) {
            noise_pair pair;
            noise_message message;
            noise_pair_begin(&pair, patterns[p]);
            assert_int_equal(fedli_noise_init(&pair.responder, fedl_crypto_sodium(), patterns[p],
                                              false, others[k], noise_pair_secret[1], NULL),
                             FEDL_OK);
            noise_pair_write(&pair, 0, &message);
            if (patterns[p] == FEDLI_NOISE_XX) {
                refuse_one_later(&pair, &message);
            } else {
                refuse(&pair, 0, &message);
            }
        }
    }
}

static void low_order_ephemerals_fail(void **state)
{
    (void)state;
    for (size_t k = 0; k < LOW_ORDER_COUNT; k++) {
        for (int high_bit = 0; high_bit < 2; high_bit++) {
            for (size_t p = 0; p < sizeof patterns / sizeof patterns[0]; p++) {
                noise_pair pair;
                noise_message message;
                noise_pair_begin(&pair, patterns[p]);
                noise_pair_write(&pair, 0, &message);
                memcpy(message.data, low_order[k], 32);
                message.data[31] |= (uint8_t)(high_bit << 7);
                if (patterns[p] == FEDLI_NOISE_XX) {
                    refuse_one_later(&pair, &message);
                } else {
                    refuse(&pair, 0, &message);
                }
            }
            noise_pair pair;
            noise_message message;
            noise_pair_begin(&pair, FEDLI_NOISE_IK);
            noise_pair_advance(&pair, 1);
            noise_pair_write(&pair, 1, &message);
            memcpy(message.data, low_order[k], 32);
            message.data[31] |= (uint8_t)(high_bit << 7);
            refuse(&pair, 1, &message);
        }
    }
}

static void low_order_server_key_is_not_used(void **state)
{
    (void)state;
    static const uint8_t zeros[256];
    for (size_t k = 0; k < LOW_ORDER_COUNT; k++) {
        const fedli_noise_pattern with_key[] = {FEDLI_NOISE_IK, FEDLI_NOISE_X};
        for (size_t p = 0; p < 2; p++) {
            fedli_noise noise;
            uint8_t out[256] = {0};
            size_t size = 77;
            assert_int_equal(fedli_noise_init(&noise, fedl_crypto_sodium(), with_key[p], true,
                                              fedl_bytes_of(NULL, 0), noise_pair_secret[0],
                                              low_order[k]),
                             FEDL_OK);
            const fedli_noise before = noise;
            assert_int_equal(fedli_noise_write(&noise, out, sizeof out, &size,
                                               fedl_bytes_of("secret", 6), noise_pair_ephemeral[0]),
                             FEDL_ERR_AUTH);
            assert_int_equal(size, 77);
            assert_memory_equal(out, zeros, sizeof out);
            assert_memory_equal(&before, &noise, sizeof before);
        }
    }
}

/* Message 1 of IK can be replayed: it authenticates the client, but not that it is there now. */
static void replayed_ik_message_gives_a_dead_session(void **state)
{
    (void)state;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    const uint8_t fresh_ephemeral[32] = {200, 201};
    noise_pair pair;
    noise_message first;
    noise_message second;
    uint8_t keys[2][2][32];
    uint8_t hashes[2][64];
    fedli_channel client;
    fedli_channel replayed;
    uint8_t record[64];
    uint8_t out[64];
    size_t record_size = 0;
    size_t size = 0;

    /* The genuine session, recorded by the attacker together with its first record. */
    noise_pair_begin(&pair, FEDLI_NOISE_IK);
    noise_pair_write(&pair, 0, &first);
    assert_int_equal(noise_pair_read(&pair, 0, &first), FEDL_OK);
    noise_pair_write(&pair, 1, &second);
    assert_int_equal(noise_pair_read(&pair, 1, &second), FEDL_OK);
    noise_pair_split(&pair, keys, hashes);
    fedli_channel_init(&client, crypto, keys[0][0], keys[0][1]);
    assert_int_equal(fedli_channel_seal(&client, record, sizeof record, &record_size,
                                        fedl_bytes_of("check-in", 8), fedl_bytes_of(NULL, 0)),
                     FEDL_OK);

    /* The server answers the replay with a fresh ephemeral, as it does for every HELLO. */
    noise_pair again;
    uint8_t again_keys[2][32];
    uint8_t again_hash[64];
    noise_pair_begin(&again, FEDLI_NOISE_IK);
    assert_int_equal(noise_pair_read(&again, 0, &first), FEDL_OK);
    assert_int_equal(fedli_noise_write(&again.responder, out, sizeof out, &size,
                                       fedl_bytes_of(NULL, 0), fresh_ephemeral),
                     FEDL_OK);
    assert_int_equal(fedli_noise_split(&again.responder, again_keys[0], again_keys[1], again_hash),
                     FEDL_OK);
    assert_memory_not_equal(again_keys[1], keys[1][1], 32);
    assert_memory_not_equal(again_hash, hashes[1], 64);

    /* Nothing recorded opens there, and what the server sends is closed to the old session. */
    fedli_channel_init(&replayed, crypto, again_keys[0], again_keys[1]);
    assert_int_equal(fedli_channel_open(&replayed, out, sizeof out, &size,
                                        fedl_bytes_of(record, record_size), fedl_bytes_of(NULL, 0)),
                     FEDL_ERR_AUTH);
    assert_int_equal(fedli_channel_seal(&replayed, record, sizeof record, &record_size,
                                        fedl_bytes_of("task", 4), fedl_bytes_of(NULL, 0)),
                     FEDL_OK);
    assert_int_equal(fedli_channel_open(&client, out, sizeof out, &size,
                                        fedl_bytes_of(record, record_size), fedl_bytes_of(NULL, 0)),
                     FEDL_ERR_AUTH);
}

/* A message of one handshake is worth nothing in another one of the same two parties. */
static void messages_do_not_move_between_handshakes(void **state)
{
    (void)state;
    const uint8_t other_ephemeral[32] = {100};
    noise_pair one;
    noise_pair two;
    noise_message message;
    uint8_t out[256];
    size_t size = 0;
    for (size_t p = 0; p < 2; p++) {
        noise_pair_begin(&one, patterns[p]);
        noise_pair_advance(&one, 1);
        noise_pair_write(&one, 1, &message);
        noise_pair_begin(&two, patterns[p]);
        assert_int_equal(fedli_noise_write(&two.initiator, out, sizeof out, &size,
                                           fedl_bytes_of("message 0", 9), other_ephemeral),
                         FEDL_OK);
        refuse(&two, 1, &message);
    }
}

int main(void)
{
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_bit_flip_fails),
        cmocka_unit_test(every_truncation_fails),
        cmocka_unit_test(wrong_server_key_fails),
        cmocka_unit_test(wrong_prologue_fails),
        cmocka_unit_test(low_order_ephemerals_fail),
        cmocka_unit_test(low_order_server_key_is_not_used),
        cmocka_unit_test(replayed_ik_message_gives_a_dead_session),
        cmocka_unit_test(messages_do_not_move_between_handshakes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
