/* SPDX-License-Identifier: Apache-2.0 */
/* Two ends of a handshake with fixed keys, for the tests of noise.c. */
#ifndef FEDL_TESTS_NOISE_PAIR_H
#define FEDL_TESTS_NOISE_PAIR_H

#include "secure/noise.h"

typedef struct noise_pair {
    fedli_noise initiator;
    fedli_noise responder;
} noise_pair;

/* A wire message and the payload of a test. */
typedef struct noise_message {
    uint8_t data[256];
    size_t size;
} noise_message;

#define NOISE_PAIR_PROLOGUE "fedl/1 test fleet"

extern const uint8_t noise_pair_secret[2][32];    /* static: initiator, responder */
extern const uint8_t noise_pair_ephemeral[2][32]; /* likewise */

int noise_pair_message_count(fedli_noise_pattern pattern);
void noise_pair_begin(noise_pair *pair, fedli_noise_pattern pattern);
/** The side that writes message `index`, and the other. */
fedli_noise *noise_pair_writer(noise_pair *pair, int index);
fedli_noise *noise_pair_reader(noise_pair *pair, int index);
/** Writes message `index` with the payload "message <index>"; must succeed. */
void noise_pair_write(noise_pair *pair, int index, noise_message *out);
/** Reads it on the other side and compares the payload when it succeeds. */
fedl_status noise_pair_read(noise_pair *pair, int index, const noise_message *message);
/** Exchanges the messages 0…count − 1 without a fault. */
void noise_pair_advance(noise_pair *pair, int count);
/** Splits both sides: keys[side][0] sends, keys[side][1] receives. */
void noise_pair_split(noise_pair *pair, uint8_t keys[2][2][32], uint8_t hashes[2][64]);

#endif
