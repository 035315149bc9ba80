/* SPDX-License-Identifier: Apache-2.0 */
#include "secagg/pair.h"

#include "base/check.h"
#include "base/cursor.h"
#include "base/secret.h"
#include "secagg/binding.h"

#include <string.h>

#define ROOT_BYTES     (32u + 32u + 32u + 16u + 4u + 4u)
#define EDGE_BYTES     (32u + 4u + 4u) /* rb ‖ from ‖ to: how share keys and tags begin */
#define KEY_TEXT_BYTES (EDGE_BYTES + FEDLI_SALT_BYTES)
#define TAG_TEXT_BYTES (EDGE_BYTES + 32u)

static void next_chain(const fedl_crypto *crypto, uint8_t chain[32])
{
    uint8_t next[32];
    fedli_kdf(crypto, next, chain, "fedl.next.v1", NULL, 0);
    memcpy(chain, next, 32);
    fedli_wipe(next, sizeof next);
}

/* The chain of the pair's first round. shared: the result of the DH. */
static void first_chain(const fedl_crypto *crypto, uint8_t chain[32], const uint8_t shared[32],
                        const uint8_t fleet_id[16], uint32_t task_id, const fedli_pair_end *lo,
                        const fedli_pair_end *hi)
{
    uint8_t text[ROOT_BYTES];
    uint8_t root[32];
    uint8_t task[12];
    fedli_writer writer;
    size_t size;
    fedli_writer_init(&writer, text, sizeof text);
    fedli_write_copy(&writer, shared, 32);
    fedli_write_copy(&writer, lo->epoch_public, 32);
    fedli_write_copy(&writer, hi->epoch_public, 32);
    fedli_write_copy(&writer, fleet_id, 16);
    fedli_write_u32(&writer, lo->device_id);
    fedli_write_u32(&writer, hi->device_id);
    const fedl_status status = fedli_writer_end(&writer, &size);
    FEDLI_CHECK(status == FEDL_OK && size == sizeof text);
    fedli_hash(crypto, root, "fedl.pair.v1", text, sizeof text);
    fedli_store_u32(task, task_id);
    fedli_store_u32(task + 4, lo->epoch);
    fedli_store_u32(task + 8, hi->epoch);
    fedli_kdf(crypto, chain, root, "fedl.task.v1", task, sizeof task);
    fedli_wipe(text, sizeof text);
    fedli_wipe(root, sizeof root);
}

fedl_status fedli_pair_derive(const fedl_crypto *crypto, fedli_pair *pair,
                              const uint8_t fleet_id[16], uint32_t task_id,
                              const fedli_pair_end *self, const uint8_t epoch_secret[32],
                              const fedli_pair_end *peer, uint32_t round)
{
    const bool self_is_lo = self->device_id < peer->device_id;
    const uint32_t first = self->round_lo > peer->round_lo ? self->round_lo : peer->round_lo;
    uint8_t shared[32];
    fedli_pair found;
    if (first == 0 || round < first || round - first >= FEDL_EPOCH_ROUNDS_MAX) {
        return FEDL_ERR_RANGE;
    }
    if (!crypto->x25519(shared, epoch_secret, peer->epoch_public)) {
        fedli_wipe(shared, sizeof shared);
        return FEDL_ERR_AUTH;
    }
    first_chain(crypto, found.chain, shared, fleet_id, task_id, self_is_lo ? self : peer,
                self_is_lo ? peer : self);
    fedli_wipe(shared, sizeof shared);
    for (found.round = first; found.round < round; found.round++) {
        next_chain(crypto, found.chain);
    }
    *pair = found;
    fedli_wipe(&found, sizeof found);
    return FEDL_OK;
}

fedl_status fedli_pair_advance(const fedl_crypto *crypto, fedli_pair *pair, uint32_t round)
{
    if (pair->round == 0 || round < pair->round || round - pair->round >= FEDL_EPOCH_ROUNDS_MAX) {
        return FEDL_ERR_RANGE;
    }
    for (; pair->round < round; pair->round++) {
        next_chain(crypto, pair->chain);
    }
    return FEDL_OK;
}

void fedli_pair_seed(const fedl_crypto *crypto, uint8_t seed[32], const fedli_pair *pair,
                     const uint8_t rb[32])
{
    fedli_kdf(crypto, seed, pair->chain, "fedl.mask.v1", rb, 32);
}

static void write_edge(uint8_t text[EDGE_BYTES], const uint8_t rb[32], uint32_t from_id,
                       uint32_t to_id)
{
    memcpy(text, rb, 32);
    fedli_store_u32(text + 32, from_id);
    fedli_store_u32(text + 36, to_id);
}

void fedli_pair_share_key(const fedl_crypto *crypto, uint8_t key[32], const fedli_pair *pair,
                          const uint8_t rb[32], uint32_t from_id, uint32_t to_id,
                          const uint8_t salt[FEDLI_SALT_BYTES])
{
    uint8_t text[KEY_TEXT_BYTES];
    write_edge(text, rb, from_id, to_id);
    memcpy(text + EDGE_BYTES, salt, FEDLI_SALT_BYTES);
    fedli_kdf(crypto, key, pair->chain, "fedl.shar.v1", text, sizeof text);
}

void fedli_survivors_digest(const fedl_crypto *crypto, uint8_t digest[32], uint32_t n,
                            const uint8_t *u2, const uint8_t *u3)
{
    static const uint8_t for_survivors[FEDL_PERSONAL_BYTES] = "fedl.surv.v1";
    uint8_t count[4];
    fedl_hash hash;
    fedli_store_u32(count, n);
    crypto->hash_init(&hash, FEDL_HASH_BYTES, NULL, 0, for_survivors);
    crypto->hash_update(&hash, count, sizeof count);
    crypto->hash_update(&hash, u2, fedli_bitmap_bytes(n));
    crypto->hash_update(&hash, u3, fedli_bitmap_bytes(n));
    crypto->hash_final(&hash, digest, FEDL_HASH_BYTES);
}

void fedli_pair_confirm(const fedl_crypto *crypto, uint8_t tag[FEDLI_CONFIRM_TAG_BYTES],
                        const fedli_pair *pair, const uint8_t rb[32], uint32_t from_id,
                        uint32_t to_id, const uint8_t survivors_digest[32])
{
    uint8_t text[TAG_TEXT_BYTES];
    uint8_t whole[32];
    write_edge(text, rb, from_id, to_id);
    memcpy(text + EDGE_BYTES, survivors_digest, 32);
    fedli_kdf(crypto, whole, pair->chain, "fedl.conf.v1", text, sizeof text);
    memcpy(tag, whole, FEDLI_CONFIRM_TAG_BYTES);
    fedli_wipe(whole, sizeof whole);
}
