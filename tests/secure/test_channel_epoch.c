/* SPDX-License-Identifier: Apache-2.0 */
/* How nonces rise and keys move on. */
#include "base/cursor.h"
#include "channel_fixture.h"
#include "cmocka_all.h"
#include "secure/channel.h"
#include "sodium/crypto_sodium.h"

#include <string.h>

/* What the specification says about REKEY, written with the crypto table alone. */
static void rekey_by_hand(uint8_t key[32])
{
    static const uint8_t zeros[32];
    const uint8_t nonce[12] = {0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255};
    uint8_t sealed[48];
    fedl_crypto_sodium()->aead_seal(sealed, zeros, 32, NULL, 0, nonce, key);
    memcpy(key, sealed, 32);
}

static void keys_move_on_with_the_epoch(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    channel_record last;
    channel_record first;
    uint8_t expected[32];
    channel_begin(&client, &server);
    channel_move_to(&client, &server, EPOCH_MESSAGES - 1);
    channel_seal_text(&client, &last);
    assert_memory_equal(client.send_key, channel_key_up, 32);
    channel_seal_text(&client, &first);
    memcpy(expected, channel_key_up, 32);
    rekey_by_hand(expected);
    assert_memory_equal(client.send_key, expected, 32);
    assert_int_equal(client.send_epoch, 1);

    /* A forged record of the new epoch must not move the receiver. */
    first.data[20] ^= 1;
    channel_refuse(&server, first.data, first.size, FEDL_ERR_AUTH);
    first.data[20] ^= 1;
    assert_int_equal(channel_open_text(&server, last.data, last.size), FEDL_OK);
    assert_memory_equal(server.receive_key, channel_key_up, 32);
    assert_int_equal(channel_open_text(&server, first.data, first.size), FEDL_OK);
    assert_memory_equal(server.receive_key, expected, 32);
    assert_int_equal(server.receive_epoch, 1);
    channel_refuse(&server, last.data, last.size, FEDL_ERR_REPLAY);
    /* The other direction keeps its own epoch. */
    assert_memory_equal(server.send_key, channel_key_down, 32);
    assert_int_equal(server.send_epoch, 0);
}

static void receiver_may_miss_the_boundary_once(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    channel_record r;
    channel_begin(&client, &server);
    /* Everything from 5 to 2^20 + 6 was lost. */
    channel_move_to(&client, &server, EPOCH_MESSAGES - 1);
    server.receive_nonce_next = 5;
    for (int i = 0; i < 8; i++) {
        channel_seal_text(&client, &r);
    }
    assert_int_equal(fedli_load_u64(r.data), EPOCH_MESSAGES + 6);
    assert_int_equal(channel_open_text(&server, r.data, r.size), FEDL_OK);
    assert_int_equal(server.receive_nonce_next, EPOCH_MESSAGES + 7);
}

static void jump_of_two_epochs_is_refused(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    channel_record r;
    channel_begin(&client, &server);
    client.send_nonce = EPOCH_MESSAGES;
    channel_seal_text(&client, &r); /* epoch 1 */
    client.send_nonce = 2 * EPOCH_MESSAGES;
    channel_seal_text(&client, &r); /* epoch 2, a genuine record */
    channel_refuse(&server, r.data, r.size, FEDL_ERR_RANGE);
    fedli_store_u64(r.data, UINT64_MAX);
    channel_refuse(&server, r.data, r.size, FEDL_ERR_RANGE);
}

static void ends_after_the_last_epoch(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    channel_record r;
    uint8_t out[128];
    size_t size = 0;
    channel_begin(&client, &server);
    channel_move_to(&client, &server, NONCE_LIMIT - 1);
    channel_seal_text(&client, &r);
    const fedli_channel before = client;
    assert_int_equal(fedli_channel_seal(&client, out, sizeof out, &size,
                                        fedl_bytes_of(channel_text, sizeof channel_text),
                                        channel_ad()),
                     FEDL_ERR_FULL);
    assert_memory_equal(&before, &client, sizeof before);
    fedli_store_u64(out, NONCE_LIMIT); /* one epoch after the last: must not wrap to epoch 0 */
    memcpy(out + 8, r.data + 8, r.size - 8);
    channel_refuse(&server, out, r.size, FEDL_ERR_RANGE);
    assert_int_equal(channel_open_text(&server, r.data, r.size), FEDL_OK);
    channel_refuse(&server, r.data, r.size, FEDL_ERR_REPLAY);
}

static void no_nonce_is_used_twice(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    channel_record r;
    uint8_t small[8];
    size_t size;
    channel_begin(&client, &server);
    channel_move_to(&client, &server, EPOCH_MESSAGES - 50);
    uint64_t expected = EPOCH_MESSAGES - 50;
    for (int i = 0; i < 100; i++) {
        channel_seal_text(&client, &r);
        assert_int_equal(fedli_load_u64(r.data), expected);
        expected++;
        /* Failed calls in between neither use nor repeat one. */
        assert_int_equal(fedli_channel_seal(&client, small, sizeof small, &size,
                                            fedl_bytes_of(channel_text, sizeof channel_text),
                                            channel_ad()),
                         FEDL_ERR_SIZE);
    }
}

int main(void)
{
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_move_on_with_the_epoch),
        cmocka_unit_test(receiver_may_miss_the_boundary_once),
        cmocka_unit_test(jump_of_two_epochs_is_refused),
        cmocka_unit_test(ends_after_the_last_epoch),
        cmocka_unit_test(no_nonce_is_used_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
