/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HandshakeState of the Noise specification (section 5.3), driven by a table of tokens: a
 * pattern is a row of data, and one interpreter each way serves all patterns.
 *
 * Rejected: hand-written functions per message (as WireGuard has them). They are shorter for one
 * pattern, but we have three, and the table can be compared with the specification line by line.
 */
#include "secure/noise.h"

#include "base/check.h"
#include "base/secret.h"
#include "secure/noise_symmetric.h"

#include <string.h>

#define MESSAGE_BYTES_MAX 65535u /* Noise, section 3 */
#define TOKENS_MAX        4u
#define MESSAGES_MAX      3u

typedef enum token {
    TOKEN_E = 1,
    TOKEN_S = 2,
    TOKEN_EE = 3,
    TOKEN_ES = 4,
    TOKEN_SE = 5,
    TOKEN_SS = 6,
} token;

typedef struct script {
    uint8_t name[FEDLI_NOISE_HASH_BYTES]; /* padded with zeros */
    bool premessage; /* "<- s": the initiator knows the responder's static key beforehand */
    uint8_t message_count;
    uint8_t remote_known_at[2]; /* message index from which rs is known: [initiator?] */
    uint8_t tokens[MESSAGES_MAX][TOKENS_MAX]; /* 0 ends a line; even lines go to the responder */
} script;

static const script scripts[] = {
    {"Noise_IK_25519_ChaChaPoly_BLAKE2b",
     true,
     2,
     {1, 0},
     {
         {TOKEN_E, TOKEN_ES, TOKEN_S, TOKEN_SS}, /* -> e, es, s, ss */
         {TOKEN_E, TOKEN_EE, TOKEN_SE},          /* <- e, ee, se */
     }},
    {"Noise_XX_25519_ChaChaPoly_BLAKE2b",
     false,
     3,
     {3, 2},
     {
         {TOKEN_E},                              /* -> e */
         {TOKEN_E, TOKEN_EE, TOKEN_S, TOKEN_ES}, /* <- e, ee, s, es */
         {TOKEN_S, TOKEN_SE},                    /* -> s, se */
     }},
    {"Noise_X_25519_ChaChaPoly_BLAKE2b",
     true,
     1,
     {1, 0},
     {
         {TOKEN_E, TOKEN_ES, TOKEN_S, TOKEN_SS}, /* -> e, es, s, ss */
     }},
};

static const script *script_of(fedli_noise_pattern pattern)
{
    return &scripts[(size_t)pattern - 1];
}

/* The tokens of the next message, or NULL when there is none. */
static const uint8_t *next_line(const fedli_noise *noise)
{
    if (noise->crypto == NULL || fedli_noise_finished(noise)) {
        return NULL;
    }
    return script_of(noise->pattern)->tokens[noise->message_index];
}

/* The same when this side is the one to write it, or to read it; else NULL. */
static const uint8_t *line_in_turn(const fedli_noise *noise, bool to_write)
{
    const bool initiator_writes = noise->message_index % 2 == 0;
    return (initiator_writes == noise->initiator) == to_write ? next_line(noise) : NULL;
}

static bool has_ephemeral(const uint8_t *line)
{
    return line[0] == TOKEN_E;
}

fedl_status fedli_noise_init(fedli_noise *noise, const fedl_crypto *crypto,
                             fedli_noise_pattern pattern, bool initiator, fedl_bytes prologue,
                             const uint8_t secret[32], const uint8_t *remote_public)
{
    if (pattern != FEDLI_NOISE_IK && pattern != FEDLI_NOISE_XX && pattern != FEDLI_NOISE_X) {
        return FEDL_ERR_ARGUMENT;
    }
    const script *plan = script_of(pattern);
    if ((remote_public != NULL) != (plan->premessage && initiator)) {
        return FEDL_ERR_ARGUMENT;
    }
    memset(noise, 0, sizeof *noise);
    noise->crypto = crypto;
    noise->pattern = pattern;
    noise->initiator = initiator;
    memcpy(noise->s_secret, secret, 32);
    crypto->x25519_public(noise->s_public, noise->s_secret);
    if (remote_public != NULL) {
        memcpy(noise->rs, remote_public, 32);
    }
    fedli_noise_start(noise, plan->name);
    fedli_noise_mix_hash(noise, prologue);
    if (plan->premessage) {
        fedli_noise_mix_hash(noise, fedl_bytes_of(initiator ? noise->rs : noise->s_public, 32));
    }
    return FEDL_OK;
}

size_t fedli_noise_overhead(const fedli_noise *noise)
{
    const uint8_t *line = next_line(noise);
    if (line == NULL) {
        return 0;
    }
    bool has_key = noise->has_key;
    size_t size = 0;
    for (size_t i = 0; i < TOKENS_MAX && line[i] != 0; i++) {
        if (line[i] == TOKEN_E) {
            size += 32;
        } else if (line[i] == TOKEN_S) {
            size += 32 + (has_key ? FEDL_TAG_BYTES : 0);
        } else {
            has_key = true; /* every DH token mixes a key */
        }
    }
    return size + (has_key ? FEDL_TAG_BYTES : 0);
}

/* A DH token. The first letter names the initiator's key, the second the responder's. */
static fedl_status mix_dh(fedli_noise *noise, bool initiator_static, bool responder_static)
{
    const bool own_static = noise->initiator ? initiator_static : responder_static;
    const bool remote_static = noise->initiator ? responder_static : initiator_static;
    uint8_t shared[32];
    const bool good = noise->crypto->x25519(shared, own_static ? noise->s_secret : noise->e_secret,
                                            remote_static ? noise->rs : noise->re);
    if (good) {
        fedli_noise_mix_key(noise, shared);
    }
    fedli_wipe(shared, sizeof shared);
    return good ? FEDL_OK : FEDL_ERR_AUTH;
}

static fedl_status mix_token(fedli_noise *noise, token dh)
{
    switch (dh) {
    case TOKEN_EE:
        return mix_dh(noise, false, false);
    case TOKEN_ES:
        return mix_dh(noise, false, true);
    case TOKEN_SE:
        return mix_dh(noise, true, false);
    case TOKEN_SS:
        return mix_dh(noise, true, true);
    case TOKEN_E:
    case TOKEN_S:
        break;
    }
    FEDLI_CHECK(false);
    return FEDL_ERR_STATE;
}

/* Writes keys and payload; *position ends behind the last byte, also on an error. */
static fedl_status write_line(fedli_noise *noise, const uint8_t *line, uint8_t *out,
                              size_t *position, fedl_bytes payload, const uint8_t *ephemeral_secret)
{
    fedl_status status = FEDL_OK;
    for (size_t i = 0; i < TOKENS_MAX && line[i] != 0 && status == FEDL_OK; i++) {
        if (line[i] == TOKEN_E) {
            memcpy(noise->e_secret, ephemeral_secret, 32);
            noise->crypto->x25519_public(noise->e_public, noise->e_secret);
            memcpy(out + *position, noise->e_public, 32);
            fedli_noise_mix_hash(noise, fedl_bytes_of(noise->e_public, 32));
            *position += 32;
        } else if (line[i] == TOKEN_S) {
            const size_t size = 32 + (noise->has_key ? FEDL_TAG_BYTES : 0);
            fedli_noise_encrypt_and_hash(noise, out + *position,
                                         fedl_bytes_of(noise->s_public, 32));
            *position += size;
        } else {
            status = mix_token(noise, (token)line[i]);
        }
    }
    if (status == FEDL_OK) {
        const size_t size = payload.size + (noise->has_key ? FEDL_TAG_BYTES : 0);
        fedli_noise_encrypt_and_hash(noise, out + *position, payload);
        *position += size;
    }
    return status;
}

fedl_status fedli_noise_write(fedli_noise *noise, uint8_t *out, size_t out_bytes, size_t *out_size,
                              fedl_bytes payload, const uint8_t ephemeral_secret[32])
{
    const uint8_t *line = line_in_turn(noise, true);
    if (line == NULL) {
        return FEDL_ERR_STATE;
    }
    const size_t overhead = fedli_noise_overhead(noise);
    /* overhead ≤ 96, so the difference is positive and the sum below stays under 65536. */
    if (payload.size > MESSAGE_BYTES_MAX - overhead || out_bytes < overhead + payload.size) {
        return FEDL_ERR_SIZE;
    }
    if (has_ephemeral(line) && ephemeral_secret == NULL) {
        return FEDL_ERR_ARGUMENT;
    }
    fedli_noise next = *noise;
    size_t position = 0;
    const fedl_status status = write_line(&next, line, out, &position, payload, ephemeral_secret);
    if (status == FEDL_OK) {
        next.message_index++;
        *noise = next;
        *out_size = position;
    } else {
        fedli_wipe(out, position);
    }
    fedli_wipe(&next, sizeof next);
    return status;
}

/* message.size ≥ overhead was checked, so every token finds its bytes. */
static fedl_status read_line(fedli_noise *noise, const uint8_t *line, uint8_t *payload,
                             fedl_bytes message)
{
    fedl_status status = FEDL_OK;
    size_t position = 0;
    for (size_t i = 0; i < TOKENS_MAX && line[i] != 0 && status == FEDL_OK; i++) {
        if (line[i] == TOKEN_E) {
            memcpy(noise->re, message.data + position, 32);
            fedli_noise_mix_hash(noise, fedl_bytes_of(noise->re, 32));
            position += 32;
        } else if (line[i] == TOKEN_S) {
            const size_t size = 32 + (noise->has_key ? FEDL_TAG_BYTES : 0);
            if (!fedli_noise_decrypt_and_hash(noise, noise->rs,
                                              fedl_bytes_of(message.data + position, size))) {
                status = FEDL_ERR_AUTH;
            }
            position += size;
        } else {
            status = mix_token(noise, (token)line[i]);
        }
    }
    if (status == FEDL_OK) {
        const fedl_bytes rest = fedl_bytes_of(message.data + position, message.size - position);
        if (!fedli_noise_decrypt_and_hash(noise, payload, rest)) {
            status = FEDL_ERR_AUTH;
        }
    }
    return status;
}

fedl_status fedli_noise_read(fedli_noise *noise, uint8_t *payload, size_t payload_bytes,
                             size_t *payload_size, fedl_bytes message)
{
    const uint8_t *line = line_in_turn(noise, false);
    if (line == NULL) {
        return FEDL_ERR_STATE;
    }
    const size_t overhead = fedli_noise_overhead(noise);
    if (message.size < overhead) {
        return FEDL_ERR_TRUNCATED;
    }
    const size_t size = message.size - overhead;
    if (message.size > MESSAGE_BYTES_MAX || payload_bytes < size) {
        return FEDL_ERR_SIZE;
    }
    fedli_noise next = *noise;
    const fedl_status status = read_line(&next, line, payload, message);
    if (status == FEDL_OK) {
        next.message_index++;
        *noise = next;
        *payload_size = size;
    } else {
        fedli_wipe(payload, size);
    }
    fedli_wipe(&next, sizeof next);
    return status;
}

bool fedli_noise_finished(const fedli_noise *noise)
{
    return noise->crypto != NULL &&
           noise->message_index >= script_of(noise->pattern)->message_count;
}

const uint8_t *fedli_noise_remote_static(const fedli_noise *noise)
{
    if (noise->crypto == NULL ||
        noise->message_index < script_of(noise->pattern)->remote_known_at[noise->initiator]) {
        return NULL;
    }
    return noise->rs;
}

fedl_status fedli_noise_split(fedli_noise *noise, uint8_t send_key[32], uint8_t receive_key[32],
                              uint8_t handshake_hash[64])
{
    if (!fedli_noise_finished(noise)) {
        return FEDL_ERR_STATE;
    }
    if (noise->initiator) {
        fedli_noise_derive(noise, send_key, receive_key);
    } else {
        fedli_noise_derive(noise, receive_key, send_key);
    }
    memcpy(handshake_hash, noise->h, 64);
    fedli_noise_wipe(noise);
    return FEDL_OK;
}

void fedli_noise_wipe(fedli_noise *noise)
{
    fedli_wipe(noise, sizeof *noise);
}
