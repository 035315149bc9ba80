/* SPDX-License-Identifier: Apache-2.0 */
#include "noise_pair.h"

#include "cmocka_all.h"
#include "sodium/crypto_sodium.h"

#include <stdio.h>
#include <string.h>

const uint8_t noise_pair_secret[2][32] = {{1, 2, 3, 4}, {5, 6, 7, 8}};
const uint8_t noise_pair_ephemeral[2][32] = {{9, 10, 11, 12}, {13, 14, 15, 16}};

int noise_pair_message_count(fedli_noise_pattern pattern)
{
    switch (pattern) {
    case FEDLI_NOISE_IK:
        return 2;
    case FEDLI_NOISE_XX:
        return 3;
    case FEDLI_NOISE_X:
        return 1;
    }
    return 0;
}

void noise_pair_begin(noise_pair *pair, fedli_noise_pattern pattern)
{
    const fedl_crypto *crypto = fedl_crypto_sodium();
    const fedl_bytes prologue = fedl_bytes_of(NOISE_PAIR_PROLOGUE, strlen(NOISE_PAIR_PROLOGUE));
    uint8_t responder_public[32];
    crypto->x25519_public(responder_public, noise_pair_secret[1]);
    assert_int_equal(fedli_noise_init(&pair->initiator, crypto, pattern, true, prologue,
                                      noise_pair_secret[0],
                                      pattern == FEDLI_NOISE_XX ? NULL : responder_public),
                     FEDL_OK);
    assert_int_equal(fedli_noise_init(&pair->responder, crypto, pattern, false, prologue,
                                      noise_pair_secret[1], NULL),
                     FEDL_OK);
}

fedli_noise *noise_pair_writer(noise_pair *pair, int index)
{
    return index % 2 == 0 ? &pair->initiator : &pair->responder;
}

fedli_noise *noise_pair_reader(noise_pair *pair, int index)
{
    return index % 2 == 0 ? &pair->responder : &pair->initiator;
}

static size_t payload_of(char text[32], int index)
{
    return (size_t)snprintf(text, 32, "message %d", index);
}

void noise_pair_write(noise_pair *pair, int index, noise_message *out)
{
    char text[32];
    const size_t size = payload_of(text, index);
    assert_int_equal(fedli_noise_write(noise_pair_writer(pair, index), out->data, sizeof out->data,
                                       &out->size, fedl_bytes_of(text, size),
                                       noise_pair_ephemeral[index % 2]),
                     FEDL_OK);
}

fedl_status noise_pair_read(noise_pair *pair, int index, const noise_message *message)
{
    char text[32];
    uint8_t payload[256];
    size_t size = 0;
    const fedl_status status =
        fedli_noise_read(noise_pair_reader(pair, index), payload, sizeof payload, &size,
                         fedl_bytes_of(message->data, message->size));
    if (status == FEDL_OK) {
        assert_int_equal(size, payload_of(text, index));
        assert_memory_equal(payload, text, size);
    }
    return status;
}

void noise_pair_advance(noise_pair *pair, int count)
{
    for (int i = 0; i < count; i++) {
        noise_message message;
        noise_pair_write(pair, i, &message);
        assert_int_equal(noise_pair_read(pair, i, &message), FEDL_OK);
    }
}

void noise_pair_split(noise_pair *pair, uint8_t keys[2][2][32], uint8_t hashes[2][64])
{
    assert_int_equal(fedli_noise_split(&pair->initiator, keys[0][0], keys[0][1], hashes[0]),
                     FEDL_OK);
    assert_int_equal(fedli_noise_split(&pair->responder, keys[1][0], keys[1][1], hashes[1]),
                     FEDL_OK);
}
