/* SPDX-License-Identifier: Apache-2.0 */
/* Where things lie in a party's block, and what shows that a saved block is whole. */
#include "base/cursor.h"
#include "base/secret.h"
#include "secagg/params.h"
#include "secagg/party_state.h"

#include <string.h>

#define ALIGN 16u

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* n ≤ 65535 and k ≤ 254: every offset stays below 2^20. */
static uint32_t place(uint32_t *end, size_t bytes)
{
    const uint32_t offset = *end;
    *end += ((uint32_t)bytes + ALIGN - 1u) & ~(ALIGN - 1u);
    return offset;
}

fedli_party_layout fedli_party_layout_for(uint32_t n_max, uint32_t k_max)
{
    const uint32_t candidates =
        (uint32_t)(sizeof(fedli_roster_hash) + k_max * sizeof(fedli_party_candidate));
    const uint32_t words = n_max > FEDL_COMPLETE_GRAPH_MAX ? 4u * n_max : 0;
    const uint32_t blob = larger((uint32_t)fedli_shares_bytes(k_max),
                                 larger(FEDLI_READY_BYTES, FEDLI_SEED_ITEM_BYTES));
    fedli_party_layout at;
    uint32_t end = 0;
    (void)place(&end, sizeof(fedli_party_state));
    at.peers = place(&end, k_max * sizeof(fedli_party_peer));
    at.pairs = place(&end, k_max * sizeof(fedli_pair));
    at.u2 = place(&end, fedli_bitmap_bytes(n_max));
    at.u3 = place(&end, fedli_bitmap_bytes(n_max));
    at.area_bytes = larger(larger(candidates, words), blob);
    at.area = place(&end, at.area_bytes);
    at.block_bytes = end;
    return at;
}

uint32_t fedli_party_n_max(const fedl_plan *plan)
{
    return plan->aggregation == FEDL_AGGREGATION_HELPER ? 0 : plan->update.clients_max;
}

uint32_t fedli_party_k_max(const fedl_plan *plan)
{
    if (plan->aggregation == FEDL_AGGREGATION_HELPER) {
        return 0;
    }
    return fedli_params_k_max(plan->update.clients_max, plan->secagg.gamma_permille,
                              plan->secagg.delta_permille, plan->secagg.trust);
}

size_t fedli_party_size(const fedl_plan *plan)
{
    return fedli_party_layout_for(fedli_party_n_max(plan), fedli_party_k_max(plan)).block_bytes;
}

void fedli_party_setup_digest(const fedli_party *party, uint8_t digest[32])
{
    const fedli_attempt *attempt = &party->setup->attempt;
    uint8_t layout[16 + 4 * 4 + 32 + 32 + 4 + FEDLI_EPOCH_CERT_BYTES];
    size_t size = 0;
    fedli_writer writer;
    fedli_writer_init(&writer, layout, sizeof layout);
    fedli_write_copy(&writer, attempt->fleet_id, sizeof attempt->fleet_id);
    fedli_write_u32(&writer, attempt->task_id);
    fedli_write_u32(&writer, attempt->round);
    fedli_write_u32(&writer, attempt->attempt);
    fedli_write_u32(&writer, attempt->version);
    fedli_write_copy(&writer, attempt->model_digest, sizeof attempt->model_digest);
    fedli_write_copy(&writer, attempt->plan_digest, sizeof attempt->plan_digest);
    fedli_write_u32(&writer, party->setup->device_id);
    fedli_write_copy(&writer, party->epoch->cert_bytes, FEDLI_EPOCH_CERT_BYTES);
    if (fedli_writer_end(&writer, &size) == FEDL_OK) {
        fedli_hash(party->setup->crypto, digest, "fedl.ptysetup.v1", layout, size);
    }
}

static void state_digest(const fedli_party *party, uint8_t digest[32])
{
    fedli_hash(party->setup->crypto, digest, "fedl.ptystate.v1", party->state,
               offsetof(fedli_party_state, state_digest));
}

static void body_digest(const fedli_party *party, uint8_t digest[32])
{
    const uint32_t begin = offsetof(fedli_party_state, state_digest) + 32u;
    fedli_hash(party->setup->crypto, digest, "fedl.ptybody.v1", fedli_party_at(party, begin),
               party->state->at.block_bytes - begin);
}

void fedli_party_settle(const fedli_party *party)
{
    fedli_party_state *s = party->state;
    s->body_still = s->item_offset == 0;
    fedli_wipe(s->body_digest, sizeof s->body_digest);
    if (s->body_still) {
        body_digest(party, s->body_digest);
    }
    state_digest(party, s->state_digest);
}

static bool layout_is_for(const fedli_party_state *s, const fedl_plan *plan)
{
    if (s->magic != FEDLI_PARTY_MAGIC || s->state_bytes != sizeof *s ||
        s->n_max != fedli_party_n_max(plan) || s->k_max != fedli_party_k_max(plan)) {
        return false;
    }
    const fedli_party_layout at = fedli_party_layout_for(s->n_max, s->k_max);
    return at.peers == s->at.peers && at.pairs == s->at.pairs && at.u2 == s->at.u2 &&
           at.u3 == s->at.u3 && at.area == s->at.area && at.area_bytes == s->at.area_bytes &&
           at.block_bytes == s->at.block_bytes;
}

static bool is_whole(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    uint8_t digest[32];
    state_digest(party, digest);
    if (!fedli_equal_ct(digest, s->state_digest, sizeof digest)) {
        return false;
    }
    fedli_party_setup_digest(party, digest);
    if (!fedli_equal_ct(digest, s->setup_digest, sizeof digest)) {
        return false;
    }
    if (!s->body_still) {
        return true;
    }
    body_digest(party, digest);
    return fedli_equal_ct(digest, s->body_digest, sizeof digest);
}

/* What a roster under way leaves in the block is not to be trusted: the hash in the area is the
 * port's own, with counters inside that nobody here can judge, and whoever wrote it may have known
 * the digests' key. The item begins again, as when its phase was entered: it costs its bytes once
 * more, and the host is asked from offset 0. */
static void begin_roster_again(fedli_party *party)
{
    fedli_party_state *s = party->state;
    if (s->phase == FEDLI_PHASE_ROSTER) {
        s->n = 0;
        s->k = 0;
        s->t = 0;
        s->position = FEDLI_PARTY_NOWHERE;
        fedli_wipe(fedli_party_at(party, s->at.peers), s->at.block_bytes - s->at.peers);
        fedli_party_enter(party, FEDLI_PHASE_ROSTER);
    } else if (s->phase == FEDLI_PHASE_ROSTER_AGAIN) {
        fedli_wipe(fedli_party_area(party), s->at.area_bytes);
        fedli_party_enter(party, FEDLI_PHASE_ROSTER_AGAIN);
    } else {
        return;
    }
    fedli_party_settle(party);
}

fedl_status fedli_party_restore(fedli_party *party, const fedli_party_setup *setup,
                                fedli_epoch_key *epoch, fedli_pair_cache_entry *cache,
                                uint32_t cache_count, void *block, size_t block_bytes)
{
    if ((uintptr_t)block % ALIGN != 0 || block_bytes < fedli_party_size(setup->plan)) {
        return FEDL_ERR_SIZE;
    }
    const fedli_party restored = {(fedli_party_state *)block, setup, epoch, cache, cache_count};
    if (!layout_is_for(restored.state, setup->plan) || !fedli_party_flags_good(restored.state) ||
        !is_whole(&restored) || !fedli_party_is_possible(&restored)) {
        return FEDL_ERR_CORRUPT;
    }
    fedl_cert own;
    const fedl_status status = fedli_party_own_certificate(setup, &own);
    if (status != FEDL_OK) {
        return status;
    }
    if (memcmp(own.id_public, restored.state->id_public, sizeof own.id_public) != 0) {
        return FEDL_ERR_CORRUPT;
    }
    *party = restored;
    begin_roster_again(party);
    return FEDL_OK;
}
