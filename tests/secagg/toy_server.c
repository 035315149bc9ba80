/* SPDX-License-Identifier: Apache-2.0 */
#include "toy_server.h"

#include "base/cursor.h"
#include "cmocka_all.h"
#include "secagg/shamir.h"
#include "secagg/share.h"

#include <stdlib.h>
#include <string.h>

static toy_blob blob_new(size_t size)
{
    toy_blob blob = {malloc(size), size};
    assert_non_null(blob.data);
    memset(blob.data, 0, size);
    return blob;
}

static void blob_keep(toy_blob *kept, fedl_bytes bytes)
{
    if (kept->data != NULL) { /* sent again: must be the same */
        assert_int_equal(kept->size, bytes.size);
        assert_memory_equal(kept->data, bytes.data, bytes.size);
        return;
    }
    *kept = blob_new(bytes.size);
    memcpy(kept->data, bytes.data, bytes.size);
}

void toy_init(toy_server *toy, const fedl_crypto *crypto, const fedl_plan *plan,
              const fedli_attempt *attempt, uint32_t n, uint32_t k, uint32_t t)
{
    memset(toy, 0, sizeof *toy);
    toy->crypto = crypto;
    toy->plan = plan;
    toy->attempt = *attempt;
    toy->n = n;
    toy->k = k;
    toy->t = t;
    assert_true(n <= TOY_DEVICES_MAX);
}

void toy_deinit(toy_server *toy)
{
    for (uint32_t i = 0; i < toy->n; i++) {
        free(toy->ready[i].data);
        free(toy->shares[i].data);
        free(toy->vector[i].data);
        free(toy->confirm[i].data);
        free(toy->unmask[i].data);
    }
    free(toy->roster.data);
    memset(toy, 0, sizeof *toy);
}

fedli_mask_shape toy_shape(const fedl_plan *plan)
{
    fedli_mask_shape shape = {.ring_bits = plan->update.ring_bits};
    shape.body_bytes =
        fedl_update_body_size(&plan->update, fedl_model_parameter_count(&plan->model));
    shape.vector_bytes = shape.body_bytes + 64;
    return shape;
}

static void lanes_add(uint8_t *sum, const uint8_t *term, size_t size, size_t lane_bytes)
{
    for (size_t at = 0; at + lane_bytes <= size; at += lane_bytes) {
        uint32_t carry = 0;
        for (size_t i = 0; i < lane_bytes; i++) {
            carry += (uint32_t)sum[at + i] + term[at + i];
            sum[at + i] = (uint8_t)carry;
            carry >>= 8;
        }
    }
}

void toy_vector_add(const fedl_plan *plan, uint8_t *sum, const uint8_t *vector)
{
    const size_t lane_bytes = plan->update.ring_bits / 8u;
    const size_t words_bytes = fedl_model_parameter_count(&plan->model) * lane_bytes;
    const fedli_mask_shape shape = toy_shape(plan);
    lanes_add(sum, vector, words_bytes, lane_bytes);
    lanes_add(sum + shape.body_bytes, vector + shape.body_bytes, 64, 8);
}

/* ---- what comes in ---- */

void toy_put(toy_server *toy, uint32_t position, fedl_group_item item, fedl_bytes blob)
{
    if (item == FEDL_ITEM_READY) {
        assert_int_equal(blob.size, FEDLI_READY_BYTES);
        blob_keep(&toy->ready[position], blob);
    } else if (item == FEDL_ITEM_SHARES) {
        assert_int_equal(blob.size, 64 + 144 * toy->k);
        blob_keep(&toy->shares[position], blob);
    } else if (item == FEDL_ITEM_CONFIRM) {
        blob_keep(&toy->confirm[position], blob);
    } else if (item == FEDL_ITEM_UNMASK) {
        blob_keep(&toy->unmask[position], blob);
    } else {
        assert_int_equal(item, FEDL_ITEM_COMPLAINT);
        assert_int_equal(blob.size, FEDLI_COMPLAINT_BYTES);
        toy->complaints++;
        toy->blamed = fedli_load_u32(blob.data);
        assert_int_equal(fedli_load_u32(blob.data + 4), FEDL_REFUSAL_SHARE);
    }
}

void toy_put_vector(toy_server *toy, uint32_t position, fedl_bytes vector)
{
    blob_keep(&toy->vector[position], vector);
}

/* ---- what goes out ---- */

static uint32_t neighbour(const toy_server *toy, uint32_t position, uint32_t index)
{
    return fedli_graph_neighbour(&toy->graph, position, index);
}

bool toy_shows_u3(const toy_server *toy, uint32_t viewer, uint32_t member)
{
    return toy->u3_shown != NULL ? toy->u3_shown[viewer][member] : toy->in_u3[member];
}

static toy_blob certs_for(const toy_server *toy, uint32_t position)
{
    toy_blob out = blob_new((size_t)FEDLI_CERT_PAIR_BYTES * toy->k);
    for (uint32_t i = 0; i < toy->k; i++) {
        memcpy(out.data + (size_t)FEDLI_CERT_PAIR_BYTES * i,
               toy->ready[neighbour(toy, position, i)].data + 52, FEDLI_CERT_PAIR_BYTES);
    }
    return out;
}

static toy_blob forward_for(const toy_server *toy, uint32_t position)
{
    const size_t bitmap_bytes = fedli_bitmap_bytes(toy->n);
    toy_blob out = blob_new(bitmap_bytes + (size_t)FEDLI_FORWARD_EACH_BYTES * toy->k);
    for (uint32_t i = 0; i < toy->n; i++) {
        if (toy->in_u2[i]) {
            fedli_bitmap_set(out.data, i);
        }
    }
    out.size = bitmap_bytes;
    for (uint32_t i = 0; i < toy->k; i++) {
        const uint32_t from = neighbour(toy, position, i);
        if (toy->in_u2[from]) {
            const uint32_t index = fedli_graph_index(&toy->graph, from, position);
            memcpy(out.data + out.size, toy->shares[from].data + 32, 16);
            memcpy(out.data + out.size + 16, toy->shares[from].data + 48 + 112 * (size_t)index, 80);
            out.size += 96;
        }
    }
    return out;
}

static toy_blob survivors_for(const toy_server *toy, uint32_t position)
{
    toy_blob out = blob_new(fedli_bitmap_bytes(toy->n));
    for (uint32_t i = 0; i < toy->n; i++) {
        if (toy_shows_u3(toy, position, i)) {
            fedli_bitmap_set(out.data, i);
        }
    }
    return out;
}

/* Number of set members among the neighbours of owner before `other`. */
static uint32_t rank_of(const toy_server *toy, uint32_t owner, uint32_t other, bool in_u3)
{
    uint32_t rank = 0;
    for (uint32_t i = 0; neighbour(toy, owner, i) != other; i++) {
        const uint32_t v = neighbour(toy, owner, i);
        rank += (in_u3 ? toy_shows_u3(toy, owner, v) : toy->in_u2[v]) ? 1u : 0u;
    }
    return rank;
}

static toy_blob confirms_for(const toy_server *toy, uint32_t position)
{
    const size_t bitmap_bytes = fedli_bitmap_bytes(toy->k);
    toy_blob out = blob_new(bitmap_bytes + 16 * (size_t)toy->k);
    out.size = bitmap_bytes;
    for (uint32_t i = 0; i < toy->k; i++) {
        const uint32_t from = neighbour(toy, position, i);
        if (toy->confirm[from].data == NULL || !toy_shows_u3(toy, position, from) ||
            !toy_shows_u3(toy, from, position)) {
            continue;
        }
        fedli_bitmap_set(out.data, i);
        memcpy(out.data + out.size,
               toy->confirm[from].data + 16 * (size_t)rank_of(toy, from, position, true), 16);
        out.size += 16;
    }
    return out;
}

toy_blob toy_get(const toy_server *toy, uint32_t position, fedl_group_item item)
{
    const toy_blob nothing = {NULL, 0};
    if (item == FEDL_ITEM_ROSTER && toy->roster.data != NULL) {
        toy_blob out = blob_new(toy->roster.size);
        memcpy(out.data, toy->roster.data, out.size);
        return out;
    }
    if (item == FEDL_ITEM_CERTS) {
        return certs_for(toy, position);
    }
    if (item == FEDL_ITEM_FORWARD && toy->u2_frozen) {
        return forward_for(toy, position);
    }
    if (item == FEDL_ITEM_SURVIVORS && toy->u3_frozen) {
        return survivors_for(toy, position);
    }
    if (item == FEDL_ITEM_CONFIRMS && toy->confirms_frozen) {
        return confirms_for(toy, position);
    }
    return nothing;
}

/* ---- steps ---- */

static void entry_of(const toy_server *toy, fedli_roster_entry *entry, uint32_t position)
{
    const uint8_t *ready = toy->ready[position].data;
    const uint8_t *epoch_cert = ready + 52 + FEDLI_DEVICE_CERT_BYTES;
    memset(entry, 0, sizeof *entry);
    entry->device_id = toy->ids[position];
    memcpy(entry->nonce, ready, 16);
    memcpy(entry->id_public, ready + 52 + 28, 32); /* bodies: docs/protocol.md */
    entry->epoch = fedli_load_u32(epoch_cert + 28);
    memcpy(entry->epoch_public, epoch_cert + 40, 32);
}

void toy_freeze_roster(toy_server *toy)
{
    uint8_t root[32];
    uint8_t beacon[32];
    fedli_roster_hash hash;
    toy->roster = blob_new(fedli_roster_bytes(toy->n));
    fedli_store_u32(toy->roster.data, toy->n);
    fedli_store_u16(toy->roster.data + 4, (uint16_t)toy->k);
    fedli_store_u16(toy->roster.data + 6, (uint16_t)toy->t);
    fedli_roster_hash_init(&hash, toy->crypto, toy->n);
    for (uint32_t i = 0; i < toy->n; i++) {
        uint8_t *bytes = toy->roster.data + 8 + 89 * (size_t)i;
        fedli_roster_entry entry;
        entry_of(toy, &entry, i);
        fedli_roster_entry_encode(bytes, &entry);
        fedli_roster_hash_add(&hash, toy->crypto, bytes);
    }
    fedli_roster_hash_end(&hash, toy->crypto, root, beacon);
    fedli_round_binding(toy->crypto, toy->rb, &toy->attempt, toy->n, (uint16_t)toy->k,
                        (uint16_t)toy->t, root, beacon);
    assert_int_equal(fedli_graph_init(&toy->graph, toy->crypto, toy->n, toy->k, root, beacon,
                                      fedli_graph_words(toy->n) == 0 ? NULL : toy->words),
                     FEDL_OK);
}

void toy_freeze_u2(toy_server *toy)
{
    for (uint32_t i = 0; i < toy->n; i++) {
        toy->in_u2[i] = toy->shares[i].data != NULL;
    }
    toy->u2_frozen = true;
}

void toy_freeze_u3(toy_server *toy)
{
    for (uint32_t i = 0; i < toy->n; i++) {
        toy->in_u3[i] = toy->in_u2[i] && toy->vector[i].data != NULL;
    }
    toy->u3_frozen = true;
}

/* ---- unmasking ---- */

/* The share of `owner` that `holder` gave, when it is of this kind. */
static const uint8_t *share_from(const toy_server *toy, uint32_t holder, uint32_t owner,
                                 uint32_t kind)
{
    if (toy->unmask[holder].data == NULL ||
        toy_shows_u3(toy, holder, owner) != (kind == FEDLI_SHARE_B)) {
        return NULL;
    }
    return toy->unmask[holder].data + 32 * (size_t)rank_of(toy, holder, owner, false);
}

bool toy_open_secret(const toy_server *toy, uint8_t secret[32], uint32_t position, uint32_t kind)
{
    uint8_t xs[FEDL_NEIGHBOURS_MAX] = {0};
    const uint8_t *found[FEDL_NEIGHBOURS_MAX];
    uint8_t weights[FEDL_NEIGHBOURS_MAX];
    uint32_t count = 0;
    for (uint32_t i = 0; i < toy->k && count < toy->t; i++) {
        const uint8_t *share = share_from(toy, neighbour(toy, position, i), position, kind);
        if (share != NULL) {
            const uint8_t *each = toy->shares[position].data + 48 + 112 * (size_t)i;
            uint8_t tag[16];
            fedli_share_tag(toy->crypto, tag, toy->rb, toy->ids[position], (uint8_t)(i + 1),
                            (fedli_share_kind)kind, share);
            assert_memory_equal(tag, each + (kind == FEDLI_SHARE_B ? 80 : 96), 16);
            xs[count] = (uint8_t)(i + 1);
            found[count++] = share;
        }
    }
    if (count < toy->t) {
        return false;
    }
    assert_int_equal(fedli_shamir_weights(weights, xs, count, 0), FEDL_OK);
    memset(secret, 0, 32);
    for (uint32_t i = 0; i < count; i++) {
        fedli_shamir_combine(secret, weights[i], found[i], 32);
    }
    return true;
}

bool toy_take_self(const toy_server *toy, uint8_t *sum, uint32_t position)
{
    const fedli_mask_shape shape = toy_shape(toy->plan);
    uint8_t b[32];
    uint8_t cb[32];
    uint8_t seed[32];
    if (!toy_open_secret(toy, b, position, FEDLI_SHARE_B)) {
        return false;
    }
    fedli_commitment(toy->crypto, cb, toy->rb, toy->ids[position], b);
    assert_memory_equal(cb, toy->shares[position].data, 32);
    fedli_self_seed(toy->crypto, seed, b, toy->rb);
    fedli_mask_apply(&fedli_prg_portable, &shape, sum, 0, shape.vector_bytes, seed, true);
    return true;
}

bool toy_take_edges(const toy_server *toy, uint8_t *sum, uint32_t position)
{
    const fedli_mask_shape shape = toy_shape(toy->plan);
    uint8_t d[32];
    uint8_t seeds[32 * FEDL_NEIGHBOURS_MAX];
    if (!toy_open_secret(toy, d, position, FEDLI_SHARE_D)) {
        return false;
    }
    assert_true(fedli_seedbox_open(toy->crypto, seeds,
                                   toy->shares[position].data + 48 + 112 * (size_t)toy->k, toy->k,
                                   d, toy->rb, toy->ids[position]));
    for (uint32_t i = 0; i < toy->k; i++) {
        const uint32_t other = neighbour(toy, position, i);
        if (toy->in_u3[other]) { /* it had added this mask when position > other */
            fedli_mask_apply(&fedli_prg_portable, &shape, sum, 0, shape.vector_bytes,
                             seeds + 32 * (size_t)i, position > other);
        }
    }
    return true;
}

bool toy_unmask(const toy_server *toy, uint8_t *sum)
{
    memset(sum, 0, toy_shape(toy->plan).vector_bytes);
    for (uint32_t i = 0; i < toy->n; i++) {
        if (toy->in_u3[i]) {
            toy_vector_add(toy->plan, sum, toy->vector[i].data);
        }
    }
    for (uint32_t i = 0; i < toy->n; i++) {
        if (toy->in_u2[i] && !(toy->in_u3[i] ? toy_take_self : toy_take_edges)(toy, sum, i)) {
            return false;
        }
    }
    return true;
}
