/* SPDX-License-Identifier: Apache-2.0 */
#include "secure/channel.h"

#include "base/cursor.h"
#include "cmocka_all.h"
#include "sodium/crypto_sodium.h"

#include <string.h>

#define EPOCH_MESSAGES (UINT64_C(1) << 20)
#define NONCE_LIMIT    (UINT64_C(1) << 52)

static const uint8_t key_up[32] = {1, 2, 3};
static const uint8_t key_down[32] = {4, 5, 6};
static const char text[] = "twenty-six bytes of secret";
static const uint8_t header[16] = {'f', 'e', 'd', 'l', 1, 4};

typedef struct record {
    uint8_t data[128];
    size_t size;
} record;

static void begin(fedli_channel *client, fedli_channel *server)
{
    fedli_channel_init(client, fedl_crypto_sodium(), key_up, key_down);
    fedli_channel_init(server, fedl_crypto_sodium(), key_down, key_up);
}

static fedl_bytes ad(void)
{
    return fedl_bytes_of(header, sizeof header);
}

static void seal(fedli_channel *channel, record *out)
{
    assert_int_equal(fedli_channel_seal(channel, out->data, sizeof out->data, &out->size,
                                        fedl_bytes_of(text, sizeof text), ad()),
                     FEDL_OK);
    assert_int_equal(out->size, sizeof text + FEDLI_RECORD_OVERHEAD_BYTES);
}

static fedl_status open_bytes(fedli_channel *channel, const uint8_t *data, size_t size)
{
    uint8_t out[128];
    size_t out_size = 0;
    const fedl_status status =
        fedli_channel_open(channel, out, sizeof out, &out_size, fedl_bytes_of(data, size), ad());
    if (status == FEDL_OK) {
        assert_int_equal(out_size, sizeof text);
        assert_memory_equal(out, text, sizeof text);
    } else {
        assert_int_equal(out_size, 0);
    }
    return status;
}

/* Opens what must fail and checks that the state did not move. */
static void refuse(fedli_channel *channel, const uint8_t *data, size_t size, fedl_status expected)
{
    const fedli_channel before = *channel;
    assert_int_equal(open_bytes(channel, data, size), expected);
    assert_memory_equal(&before, channel, sizeof before);
}

/* Puts both directions of a pair at a nonce, with keys moved along epoch by epoch. */
static void move_to(fedli_channel *client, fedli_channel *server, uint64_t nonce)
{
    client->send_nonce = nonce;
    client->send_epoch = (uint32_t)(nonce >> 20);
    server->receive_nonce_next = nonce;
    server->receive_epoch = (uint32_t)(nonce >> 20);
}

static void passes_both_ways_in_place(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    uint8_t buffer[64];
    size_t size = 0;
    begin(&client, &server);
    for (int i = 0; i < 6; i++) {
        fedli_channel *from = i % 3 == 2 ? &server : &client;
        fedli_channel *to = i % 3 == 2 ? &client : &server;
        memcpy(buffer + 8, text, sizeof text);
        assert_int_equal(fedli_channel_seal(from, buffer, sizeof buffer, &size,
                                            fedl_bytes_of(buffer + 8, sizeof text), ad()),
                         FEDL_OK);
        assert_memory_not_equal(buffer + 8, text, sizeof text);
        assert_int_equal(fedli_channel_open(to, buffer + 8, sizeof text, &size,
                                            fedl_bytes_of(buffer, size), ad()),
                         FEDL_OK);
        assert_int_equal(size, sizeof text);
        assert_memory_equal(buffer + 8, text, sizeof text);
    }
    /* An empty record is a record too. */
    assert_int_equal(fedli_channel_seal(&client, buffer, 24, &size, fedl_bytes_of(NULL, 0), ad()),
                     FEDL_OK);
    assert_int_equal(size, 24);
    assert_int_equal(
        fedli_channel_open(&server, buffer + 8, 0, &size, fedl_bytes_of(buffer, 24), ad()),
        FEDL_OK);
    assert_int_equal(size, 0);
}

static void refuses_replay_reorder_and_reflection(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    record r[3];
    begin(&client, &server);
    for (int i = 0; i < 3; i++) {
        seal(&client, &r[i]);
    }
    refuse(&client, r[0].data, r[0].size, FEDL_ERR_AUTH); /* its own record comes back */
    assert_int_equal(open_bytes(&server, r[0].data, r[0].size), FEDL_OK);
    refuse(&server, r[0].data, r[0].size, FEDL_ERR_REPLAY);
    assert_int_equal(open_bytes(&server, r[2].data, r[2].size), FEDL_OK); /* r[1] was lost */
    refuse(&server, r[1].data, r[1].size, FEDL_ERR_REPLAY);
    refuse(&server, r[2].data, r[2].size, FEDL_ERR_REPLAY);
}

static void refuses_every_bit_flip(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    record r;
    begin(&client, &server);
    seal(&client, &r);
    seal(&client, &r); /* nonce 1: flips of it go below and above */
    server.receive_nonce_next = 1;
    for (size_t bit = 0; bit < r.size * 8; bit++) {
        r.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        const uint64_t nonce = fedli_load_u64(r.data);
        const fedl_status expected = nonce == 0                    ? FEDL_ERR_REPLAY
                                     : nonce >= 2 * EPOCH_MESSAGES ? FEDL_ERR_RANGE
                                                                   : FEDL_ERR_AUTH;
        refuse(&server, r.data, r.size, expected);
        r.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    uint8_t other[sizeof header];
    for (size_t bit = 0; bit < sizeof header * 8; bit++) {
        uint8_t out[128];
        size_t size = 0;
        memcpy(other, header, sizeof other);
        other[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        assert_int_equal(fedli_channel_open(&server, out, sizeof out, &size,
                                            fedl_bytes_of(r.data, r.size),
                                            fedl_bytes_of(other, sizeof other)),
                         FEDL_ERR_AUTH);
    }
    assert_int_equal(open_bytes(&server, r.data, r.size), FEDL_OK);
}

static void refuses_every_truncation_and_extension(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    record r;
    begin(&client, &server);
    seal(&client, &r);
    for (size_t size = 0; size < r.size; size++) {
        refuse(&server, r.data, size,
               size < FEDLI_RECORD_OVERHEAD_BYTES ? FEDL_ERR_TRUNCATED : FEDL_ERR_AUTH);
    }
    r.data[r.size] = 0;
    refuse(&server, r.data, r.size + 1, FEDL_ERR_AUTH);
    assert_int_equal(open_bytes(&server, r.data, r.size), FEDL_OK);
}

static void reports_small_buffers(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    record r;
    uint8_t out[128];
    size_t size = 77;
    begin(&client, &server);
    const fedli_channel before = client;
    for (size_t room = 0; room < sizeof text + FEDLI_RECORD_OVERHEAD_BYTES; room++) {
        assert_int_equal(
            fedli_channel_seal(&client, out, room, &size, fedl_bytes_of(text, sizeof text), ad()),
            FEDL_ERR_SIZE);
    }
    assert_memory_equal(&before, &client, sizeof before);
    seal(&client, &r);
    const fedli_channel server_before = server;
    for (size_t room = 0; room < sizeof text; room++) {
        assert_int_equal(
            fedli_channel_open(&server, out, room, &size, fedl_bytes_of(r.data, r.size), ad()),
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
    record r;
    uint8_t out[sizeof text];
    static const uint8_t zeros[sizeof text];
    size_t size = 0;
    begin(&client, &server);
    seal(&client, &r);
    r.data[r.size - 1] ^= 1;
    memset(out, 0xaa, sizeof out);
    assert_int_equal(
        fedli_channel_open(&server, out, sizeof out, &size, fedl_bytes_of(r.data, r.size), ad()),
        FEDL_ERR_AUTH);
    assert_memory_equal(out, zeros, sizeof out);
}

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
    record last;
    record first;
    uint8_t expected[32];
    begin(&client, &server);
    move_to(&client, &server, EPOCH_MESSAGES - 1);
    seal(&client, &last);
    assert_memory_equal(client.send_key, key_up, 32);
    seal(&client, &first);
    memcpy(expected, key_up, 32);
    rekey_by_hand(expected);
    assert_memory_equal(client.send_key, expected, 32);
    assert_int_equal(client.send_epoch, 1);

    /* A forged record of the new epoch must not move the receiver. */
    first.data[20] ^= 1;
    refuse(&server, first.data, first.size, FEDL_ERR_AUTH);
    first.data[20] ^= 1;
    assert_int_equal(open_bytes(&server, last.data, last.size), FEDL_OK);
    assert_memory_equal(server.receive_key, key_up, 32);
    assert_int_equal(open_bytes(&server, first.data, first.size), FEDL_OK);
    assert_memory_equal(server.receive_key, expected, 32);
    assert_int_equal(server.receive_epoch, 1);
    refuse(&server, last.data, last.size, FEDL_ERR_REPLAY);
    /* The other direction keeps its own epoch. */
    assert_memory_equal(server.send_key, key_down, 32);
    assert_int_equal(server.send_epoch, 0);
}

static void receiver_may_miss_the_boundary_once(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    record r;
    begin(&client, &server);
    /* Everything from 5 to 2^20 + 6 was lost. */
    move_to(&client, &server, EPOCH_MESSAGES - 1);
    server.receive_nonce_next = 5;
    for (int i = 0; i < 8; i++) {
        seal(&client, &r);
    }
    assert_int_equal(fedli_load_u64(r.data), EPOCH_MESSAGES + 6);
    assert_int_equal(open_bytes(&server, r.data, r.size), FEDL_OK);
    assert_int_equal(server.receive_nonce_next, EPOCH_MESSAGES + 7);
}

static void jump_of_two_epochs_is_refused(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    record r;
    begin(&client, &server);
    client.send_nonce = EPOCH_MESSAGES;
    seal(&client, &r); /* epoch 1 */
    client.send_nonce = 2 * EPOCH_MESSAGES;
    seal(&client, &r); /* epoch 2, a genuine record */
    refuse(&server, r.data, r.size, FEDL_ERR_RANGE);
    fedli_store_u64(r.data, UINT64_MAX);
    refuse(&server, r.data, r.size, FEDL_ERR_RANGE);
}

static void ends_after_the_last_epoch(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    record r;
    uint8_t out[128];
    size_t size = 0;
    begin(&client, &server);
    move_to(&client, &server, NONCE_LIMIT - 1);
    seal(&client, &r);
    const fedli_channel before = client;
    assert_int_equal(
        fedli_channel_seal(&client, out, sizeof out, &size, fedl_bytes_of(text, sizeof text), ad()),
        FEDL_ERR_FULL);
    assert_memory_equal(&before, &client, sizeof before);
    fedli_store_u64(out, NONCE_LIMIT); /* one epoch after the last: must not wrap to epoch 0 */
    memcpy(out + 8, r.data + 8, r.size - 8);
    refuse(&server, out, r.size, FEDL_ERR_RANGE);
    assert_int_equal(open_bytes(&server, r.data, r.size), FEDL_OK);
    refuse(&server, r.data, r.size, FEDL_ERR_REPLAY);
}

static void no_nonce_is_used_twice(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    record r;
    uint8_t small[8];
    size_t size;
    begin(&client, &server);
    move_to(&client, &server, EPOCH_MESSAGES - 50);
    uint64_t expected = EPOCH_MESSAGES - 50;
    for (int i = 0; i < 100; i++) {
        seal(&client, &r);
        assert_int_equal(fedli_load_u64(r.data), expected);
        expected++;
        /* Failed calls in between neither use nor repeat one. */
        assert_int_equal(fedli_channel_seal(&client, small, sizeof small, &size,
                                            fedl_bytes_of(text, sizeof text), ad()),
                         FEDL_ERR_SIZE);
    }
}

static void wiped_channel_does_nothing(void **state)
{
    (void)state;
    fedli_channel client;
    fedli_channel server;
    record r;
    static const fedli_channel zero;
    uint8_t out[128];
    size_t size;
    begin(&client, &server);
    seal(&client, &r);
    fedli_channel_wipe(&client);
    fedli_channel_wipe(&server);
    assert_memory_equal(client.send_key, zero.send_key, 32);
    assert_memory_equal(client.receive_key, zero.receive_key, 32);
    assert_int_equal(
        fedli_channel_seal(&client, out, sizeof out, &size, fedl_bytes_of(text, sizeof text), ad()),
        FEDL_ERR_STATE);
    assert_int_equal(open_bytes(&server, r.data, r.size), FEDL_ERR_STATE);
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
        cmocka_unit_test(keys_move_on_with_the_epoch),
        cmocka_unit_test(receiver_may_miss_the_boundary_once),
        cmocka_unit_test(jump_of_two_epochs_is_refused),
        cmocka_unit_test(ends_after_the_last_epoch),
        cmocka_unit_test(no_nonce_is_used_twice),
        cmocka_unit_test(wiped_channel_does_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
