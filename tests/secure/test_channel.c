/* SPDX-License-Identifier: Apache-2.0 */
/* Records of one epoch. Nonces and keys: test_channel_epoch.c. */
#include "secure/channel.h"

#include "base/cursor.h"
#include "channel_fixture.h"
#include "cmocka_all.h"
#include "sodium/crypto_sodium.h"

#include <string.h>

static void passes_both_ways_in_place(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    uint8_t buffer[64];
    size_t size = 0;
    channel_begin(&client, &server);
    for (int i = 0; i < 6; i++) {
        fedli_channel *from = i % 3 == 2 ? &server : &client;
        fedli_channel *to = i % 3 == 2 ? &client : &server;
        memcpy(buffer + 8, channel_text, sizeof channel_text);
        assert_int_equal(fedli_channel_seal(from, buffer, sizeof buffer, &size,
                                            fedl_bytes_of(buffer + 8, sizeof channel_text),
                                            channel_ad()),
                         FEDL_OK);
        assert_memory_not_equal(buffer + 8, channel_text, sizeof channel_text);
        assert_int_equal(fedli_channel_open(to, buffer + 8, sizeof channel_text, &size,
                                            fedl_bytes_of(buffer, size), channel_ad()),
                         FEDL_OK);
        assert_int_equal(size, sizeof channel_text);
        assert_memory_equal(buffer + 8, channel_text, sizeof channel_text);
    }
    /* An empty record is a record too. */
    assert_int_equal(
        fedli_channel_seal(&client, buffer, 24, &size, fedl_bytes_of(NULL, 0), channel_ad()),
        FEDL_OK);
    assert_int_equal(size, 24);
    assert_int_equal(
        fedli_channel_open(&server, buffer + 8, 0, &size, fedl_bytes_of(buffer, 24), channel_ad()),
        FEDL_OK);
    assert_int_equal(size, 0);
}

static void refuses_replay_reorder_and_reflection(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    channel_record r[3];
    channel_begin(&client, &server);
    for (int i = 0; i < 3; i++) {
        channel_seal_text(&client, &r[i]);
    }
    channel_refuse(&client, r[0].data, r[0].size, FEDL_ERR_AUTH); /* its own record comes back */
    assert_int_equal(channel_open_text(&server, r[0].data, r[0].size), FEDL_OK);
    channel_refuse(&server, r[0].data, r[0].size, FEDL_ERR_REPLAY);
    assert_int_equal(channel_open_text(&server, r[2].data, r[2].size), FEDL_OK); /* r[1] was lost */
    channel_refuse(&server, r[1].data, r[1].size, FEDL_ERR_REPLAY);
    channel_refuse(&server, r[2].data, r[2].size, FEDL_ERR_REPLAY);
}

static void refuses_every_bit_flip(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    channel_record r;
    channel_begin(&client, &server);
    channel_seal_text(&client, &r);
    channel_seal_text(&client, &r); /* nonce 1: flips of it go below and above */
    server.receive_nonce_next = 1;
    for (size_t bit = 0; bit < r.size * 8; bit++) {
        r.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        const uint64_t nonce = fedli_load_u64(r.data);
        const fedl_status expected = nonce == 0                    ? FEDL_ERR_REPLAY
                                     : nonce >= 2 * EPOCH_MESSAGES ? FEDL_ERR_RANGE
                                                                   : FEDL_ERR_AUTH;
        channel_refuse(&server, r.data, r.size, expected);
        r.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    uint8_t other[sizeof channel_header];
    for (size_t bit = 0; bit < sizeof channel_header * 8; bit++) {
        uint8_t out[128];
        size_t size = 0;
        memcpy(other, channel_header, sizeof other);
        other[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(fedli_channel_open(&server, out, sizeof out, &size,
                                            fedl_bytes_of(r.data, r.size),
                                            fedl_bytes_of(other, sizeof other)),
                         FEDL_ERR_AUTH);
    }
    assert_int_equal(channel_open_text(&server, r.data, r.size), FEDL_OK);
}

static void refuses_every_truncation_and_extension(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    channel_record r;
    channel_begin(&client, &server);
    channel_seal_text(&client, &r);
    for (size_t size = 0; size < r.size; size++) {
        channel_refuse(&server, r.data, size,
                       size < FEDLI_RECORD_OVERHEAD_BYTES ? FEDL_ERR_TRUNCATED : FEDL_ERR_AUTH);
    }
    r.data[r.size] = 0;
    channel_refuse(&server, r.data, r.size + 1, FEDL_ERR_AUTH);
    assert_int_equal(channel_open_text(&server, r.data, r.size), FEDL_OK);
}

static void reports_small_buffers(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    channel_record r;
    uint8_t out[128];
    size_t size = 77;
    channel_begin(&client, &server);
    const fedli_channel before = client;
    for (size_t room = 0; room < sizeof channel_text + FEDLI_RECORD_OVERHEAD_BYTES; room++) {
        assert_int_equal(fedli_channel_seal(&client, out, room, &size,
                                            fedl_bytes_of(channel_text, sizeof channel_text),
                                            channel_ad()),
                         FEDL_ERR_SIZE);
    }
    assert_memory_equal(&before, &client, sizeof before);
    channel_seal_text(&client, &r);
    const fedli_channel server_before = server;
    for (size_t room = 0; room < sizeof channel_text; room++) {
        assert_int_equal(fedli_channel_open(&server, out, room, &size,
                                            fedl_bytes_of(r.data, r.size), channel_ad()),
                         FEDL_ERR_SIZE);
    }
    assert_memory_equal(&server_before, &server, sizeof server_before);
    assert_int_equal(size, 77);
}

static void failed_open_leaves_no_plaintext(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    channel_record r;
    uint8_t out[sizeof channel_text];
    static const uint8_t zeros[sizeof channel_text];
    size_t size = 0;
    channel_begin(&client, &server);
    channel_seal_text(&client, &r);
    r.data[r.size - 1] ^= 1;
    memset(out, 0xaa, sizeof out);
    assert_int_equal(fedli_channel_open(&server, out, sizeof out, &size,
                                        fedl_bytes_of(r.data, r.size), channel_ad()),
                     FEDL_ERR_AUTH);
    assert_memory_equal(out, zeros, sizeof out);
}

/* A port that decrypts before it compares the tag, as small ones do. */
static bool careless_open(uint8_t *out, const void *sealed, size_t size, const void *extra,
                          size_t extra_bytes, const uint8_t nonce[12], const uint8_t key[32])
{
    (void)extra;
    (void)extra_bytes;
    (void)nonce;
    (void)key;
    memcpy(out, sealed, size - FEDL_TAG_BYTES);
    return false;
}

static void failed_open_leaves_nothing_with_any_port(void **state)
{
    (void)state;
    fedl_crypto careless = *fedl_crypto_sodium();
    fedli_channel client;
    fedli_channel server;
    channel_record r;
    uint8_t out[sizeof channel_text];
    static const uint8_t zeros[sizeof channel_text];
    size_t size = 0;
    careless.aead_open = careless_open;
    channel_begin(&client, &server);
    server.crypto = &careless;
    channel_seal_text(&client, &r);
    assert_int_equal(fedli_channel_open(&server, out, sizeof out, &size,
                                        fedl_bytes_of(r.data, r.size), channel_ad()),
                     FEDL_ERR_AUTH);
    assert_memory_equal(out, zeros, sizeof out);
}

static void wiped_channel_does_nothing(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    channel_record r;
    static const fedli_channel zero;
    uint8_t out[128];
    size_t size;
    channel_begin(&client, &server);
    channel_seal_text(&client, &r);
    fedli_channel_wipe(&client);
    fedli_channel_wipe(&server);
    assert_memory_equal(client.send_key, zero.send_key, 32);
    assert_memory_equal(client.receive_key, zero.receive_key, 32);
    assert_int_equal(fedli_channel_seal(&client, out, sizeof out, &size,
                                        fedl_bytes_of(channel_text, sizeof channel_text),
                                        channel_ad()),
                     FEDL_ERR_STATE);
    assert_int_equal(channel_open_text(&server, r.data, r.size), FEDL_ERR_STATE);
}

int main(void)
{
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_both_ways_in_place),
        cmocka_unit_test(refuses_replay_reorder_and_reflection),
        cmocka_unit_test(refuses_every_bit_flip),
        cmocka_unit_test(refuses_every_truncation_and_extension),
        cmocka_unit_test(reports_small_buffers),
        cmocka_unit_test(failed_open_leaves_no_plaintext),
        cmocka_unit_test(failed_open_leaves_nothing_with_any_port),
        cmocka_unit_test(wiped_channel_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
