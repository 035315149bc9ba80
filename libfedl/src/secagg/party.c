/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The device's side of one masked attempt: beginning, end, and the way from step to step. What
 * stands in the items is read by the other party_*.c files.
 */
#include "secagg/party.h"

#include "base/check.h"
#include "base/secret.h"
#include "secagg/params.h"
#include "secagg/party_state.h"
#include "secagg/share.h"
#include "secure/cert.h"

#include <string.h>

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* ---- helpers of all steps ---- */

void fedli_party_enter(fedli_party *party, fedli_party_phase phase)
{
    fedli_party_state *s = party->state;
    s->phase = phase;
    s->item_offset = 0;
    s->item_bytes = 0;
    s->index = 0;
    s->peer_next = 0;
    s->last_id = 0;
    s->gathered = 0;
    s->head_taken = false;
    fedli_wipe(s->gather, sizeof s->gather);
    if (phase == FEDLI_PHASE_UNMASK) { /* no key of a pair is needed any more */
        s->judged = true;
        fedli_wipe(fedli_party_pairs(party), s->at.u2 - s->at.pairs);
    }
}

static void wipe_secrets(const fedli_party *party)
{
    fedli_party_state *s = party->state;
    fedli_wipe(s->secret, sizeof s->secret);
    fedli_wipe(s->self_seed, sizeof s->self_seed);
    fedli_wipe(s->noise_key, sizeof s->noise_key);
    fedli_party_wipe_body(party);
}

void fedli_party_wipe_body(const fedli_party *party)
{
    const fedli_party_layout *at = &party->state->at;
    fedli_wipe(fedli_party_at(party, at->pairs), at->u2 - at->pairs);
    fedli_wipe(fedli_party_area(party), at->area_bytes);
}

void fedli_party_refuse(fedli_party *party, fedl_refusal reason)
{
    wipe_secrets(party);
    fedli_party_enter(party, FEDLI_PHASE_REFUSED);
    party->state->refusal = reason;
}

void fedli_party_refuse_count(fedli_party *party, fedl_refusal reason, uint32_t asked,
                              uint32_t allowed)
{
    fedli_party_refuse(party, reason);
    party->state->asked = asked;
    party->state->allowed = allowed;
}

uint32_t fedli_party_cohort_min(const fedli_party *party, uint32_t n)
{
    const fedl_plan *plan = party->setup->plan;
    const fedl_site_policy *policy = party->setup->policy;
    const uint32_t gamma = larger(plan->secagg.gamma_permille, policy->gamma_permille);
    const uint32_t asked = larger(plan->secagg.min_cohort, policy->min_cohort);
    return larger(larger(asked, FEDL_COHORT_MIN), fedli_colluding(n, gamma) + 2u);
}

/* ---- beginning and end ---- */

/* nonce 16 ‖ model digest 32 ‖ caps u32 (0) ‖ device certificate ‖ epoch certificate */
static void ready_build(const fedli_party *party)
{
    uint8_t *out = fedli_party_area(party);
    memcpy(out, party->state->nonce, FEDLI_NONCE16_BYTES);
    memcpy(out + 16, party->setup->attempt.model_digest, 32);
    memset(out + 48, 0, 4);
    memcpy(out + 52, party->setup->device_cert, FEDLI_DEVICE_CERT_BYTES);
    memcpy(out + 52 + FEDLI_DEVICE_CERT_BYTES, party->epoch->cert_bytes, FEDLI_EPOCH_CERT_BYTES);
}

fedl_status fedli_party_own_certificate(const fedli_party_setup *setup, fedl_cert *own)
{
    const fedl_bytes bytes = fedl_bytes_of(setup->device_cert, FEDLI_DEVICE_CERT_BYTES);
    if (fedl_cert_open(own, setup->crypto, bytes, setup->ca_public, 0) != FEDL_OK ||
        own->role != FEDL_CERT_DEVICE || own->subject_id != setup->device_id ||
        memcmp(own->fleet_id, setup->attempt.fleet_id, sizeof own->fleet_id) != 0) {
        return FEDL_ERR_AUTH;
    }
    return FEDL_OK;
}

fedl_status fedli_party_begin(fedli_party *party, const fedli_party_setup *setup,
                              fedli_epoch_key *epoch, fedli_pair_cache_entry *cache,
                              uint32_t cache_count, void *block, size_t block_bytes)
{
    const fedli_party_layout at =
        fedli_party_layout_for(fedli_party_n_max(setup->plan), fedli_party_k_max(setup->plan));
    if ((uintptr_t)block % 16u != 0 || block_bytes < at.block_bytes) {
        return FEDL_ERR_SIZE;
    }
    if (setup->plan->aggregation == FEDL_AGGREGATION_MASKED &&
        !fedli_epoch_key_good(epoch, setup->device_id, setup->attempt.task_id,
                              setup->attempt.round)) {
        return FEDL_ERR_STATE;
    }
    fedl_cert own;
    const fedl_status status = fedli_party_own_certificate(setup, &own);
    if (status != FEDL_OK) {
        return status;
    }
    memset(block, 0, at.block_bytes);
    *party = (fedli_party){(fedli_party_state *)block, setup, epoch, cache, cache_count};
    fedli_party_state *s = party->state;
    s->magic = FEDLI_PARTY_MAGIC;
    s->state_bytes = sizeof *s;
    s->n_max = fedli_party_n_max(setup->plan);
    s->k_max = fedli_party_k_max(setup->plan);
    s->at = at;
    s->position = FEDLI_PARTY_NOWHERE;
    memcpy(s->id_public, own.id_public, sizeof s->id_public);
    memcpy(s->secret, setup->secret, sizeof s->secret);

    fedli_attempt_secrets secrets;
    fedli_attempt_secrets_derive(setup->crypto, &secrets, s->secret);
    memcpy(s->nonce, secrets.nonce, sizeof s->nonce);
    memcpy(s->noise_key, secrets.noise_key, sizeof s->noise_key);
    fedli_wipe(&secrets, sizeof secrets);

    fedli_party_setup_digest(party, s->setup_digest);
    if (fedli_party_is_helped(party)) {
        fedli_party_helper_begin(party);
    } else {
        fedli_party_enter(party, FEDLI_PHASE_READY);
        ready_build(party);
    }
    fedli_party_settle(party);
    return FEDL_OK;
}

void fedli_party_end(fedli_party *party)
{
    if (party->state != NULL) {
        fedli_wipe(party->state, party->state->at.block_bytes);
        party->state = NULL;
    }
}

/* ---- steps ---- */

fedli_party_want fedli_party_next(const fedli_party *party)
{
    switch (party->state->phase) {
    case FEDLI_PHASE_READY:
    case FEDLI_PHASE_SHARES:
    case FEDLI_PHASE_SEED:
    case FEDLI_PHASE_CONFIRM:
    case FEDLI_PHASE_UNMASK:
    case FEDLI_PHASE_COMPLAINT:
        return FEDLI_PARTY_PUT;
    case FEDLI_PHASE_ROSTER:
    case FEDLI_PHASE_ROSTER_AGAIN:
    case FEDLI_PHASE_CERTS:
    case FEDLI_PHASE_HELPER:
    case FEDLI_PHASE_FORWARD:
    case FEDLI_PHASE_SURVIVORS:
    case FEDLI_PHASE_CONFIRMS:
        return FEDLI_PARTY_GET;
    case FEDLI_PHASE_OPENED:
        return FEDLI_PARTY_STORE_OPENED;
    case FEDLI_PHASE_UPLOAD:
        return FEDLI_PARTY_UPLOAD;
    case FEDLI_PHASE_CLOSED:
        return FEDLI_PARTY_STORE_CLOSED;
    case FEDLI_PHASE_DONE:
        return FEDLI_PARTY_DONE;
    case FEDLI_PHASE_REFUSED:
        break;
    }
    return FEDLI_PARTY_REFUSED;
}

fedl_bytes fedli_party_blob(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    FEDLI_CHECK(fedli_party_next(party) == FEDLI_PARTY_PUT);
    size_t size = 0;
    if (s->phase == FEDLI_PHASE_READY) {
        size = FEDLI_READY_BYTES;
    } else if (s->phase == FEDLI_PHASE_SHARES) {
        size = fedli_shares_bytes(s->k);
    } else if (s->phase == FEDLI_PHASE_SEED) {
        size = FEDLI_SEED_ITEM_BYTES;
    } else if (s->phase == FEDLI_PHASE_CONFIRM) {
        size = (size_t)FEDLI_CONFIRM_TAG_BYTES * s->u3_peers;
        return fedl_bytes_of(fedli_party_confirm_blob(party), size);
    } else if (s->phase == FEDLI_PHASE_UNMASK) {
        size = (size_t)FEDLI_SHARE_BYTES * s->u2_peers;
    } else {
        size = FEDLI_COMPLAINT_BYTES;
    }
    return fedl_bytes_of(fedli_party_area(party), size);
}

void fedli_party_put_done(fedli_party *party)
{
    FEDLI_CHECK(fedli_party_next(party) == FEDLI_PARTY_PUT);
    fedli_party_state *s = party->state;
    if (s->phase == FEDLI_PHASE_READY) {
        fedli_party_enter(party, FEDLI_PHASE_ROSTER);
    } else if (s->phase == FEDLI_PHASE_SHARES) {
        fedli_wipe(fedli_party_area(party), s->at.area_bytes);
        fedli_party_enter(party, FEDLI_PHASE_FORWARD);
    } else if (s->phase == FEDLI_PHASE_SEED) {
        fedli_party_enter(party, FEDLI_PHASE_UPLOAD);
    } else if (s->phase == FEDLI_PHASE_CONFIRM) {
        fedli_party_enter(party, s->judged ? FEDLI_PHASE_UNMASK : FEDLI_PHASE_CONFIRMS);
    } else if (s->phase == FEDLI_PHASE_UNMASK) {
        fedli_party_enter(party, FEDLI_PHASE_DONE);
    } else {
        fedli_party_refuse(party, FEDL_REFUSAL_SHARE);
    }
    fedli_party_settle(party);
}

void fedli_party_stored(fedli_party *party)
{
    const fedli_party_phase phase = party->state->phase;
    FEDLI_CHECK(phase == FEDLI_PHASE_OPENED || phase == FEDLI_PHASE_CLOSED);
    if (phase == FEDLI_PHASE_OPENED && fedli_party_is_helped(party)) {
        fedli_party_seed_build(party);
    } else if (phase == FEDLI_PHASE_OPENED) {
        fedli_party_shares_build(party);
        fedli_party_enter(party, FEDLI_PHASE_SHARES);
    } else if (party->setup->plan->secagg.trust == FEDL_TRUST_ACTIVE) {
        fedli_party_confirm_build(party);
        fedli_party_enter(party, FEDLI_PHASE_CONFIRM);
    } else {
        fedli_party_enter(party, FEDLI_PHASE_UNMASK);
    }
    fedli_party_settle(party);
}

void fedli_party_uploaded(fedli_party *party)
{
    FEDLI_CHECK(party->state->phase == FEDLI_PHASE_UPLOAD);
    fedli_party_state *s = party->state;
    fedli_wipe(s->self_seed, sizeof s->self_seed);
    fedli_wipe(s->noise_key, sizeof s->noise_key);
    fedli_wipe(fedli_party_seed(party, 0), 32u * (size_t)s->u2_peers);
    fedli_party_enter(party,
                      fedli_party_is_helped(party) ? FEDLI_PHASE_DONE : FEDLI_PHASE_SURVIVORS);
    fedli_party_settle(party);
}

void fedli_party_rewind(fedli_party *party)
{
    const fedli_party_phase phase = party->state->phase;
    if (phase >= FEDLI_PHASE_CONFIRM && phase <= FEDLI_PHASE_DONE) {
        fedli_party_enter(party, party->setup->plan->secagg.trust == FEDL_TRUST_ACTIVE
                                     ? FEDLI_PHASE_CONFIRM
                                     : FEDLI_PHASE_UNMASK);
        fedli_party_settle(party);
    }
}

/* ---- questions ---- */

fedl_group_item fedli_party_item(const fedli_party *party)
{
    switch (party->state->phase) {
    case FEDLI_PHASE_READY:
        return FEDL_ITEM_READY;
    case FEDLI_PHASE_ROSTER:
    case FEDLI_PHASE_ROSTER_AGAIN:
        return FEDL_ITEM_ROSTER;
    case FEDLI_PHASE_CERTS:
        return FEDL_ITEM_CERTS;
    case FEDLI_PHASE_HELPER:
        return FEDL_ITEM_HELPER;
    case FEDLI_PHASE_SEED:
        return FEDL_ITEM_SEED;
    case FEDLI_PHASE_SHARES:
        return FEDL_ITEM_SHARES;
    case FEDLI_PHASE_FORWARD:
        return FEDL_ITEM_FORWARD;
    case FEDLI_PHASE_SURVIVORS:
        return FEDL_ITEM_SURVIVORS;
    case FEDLI_PHASE_CONFIRM:
        return FEDL_ITEM_CONFIRM;
    case FEDLI_PHASE_CONFIRMS:
        return FEDL_ITEM_CONFIRMS;
    case FEDLI_PHASE_UNMASK:
        return FEDL_ITEM_UNMASK;
    case FEDLI_PHASE_COMPLAINT:
        return FEDL_ITEM_COMPLAINT;
    case FEDLI_PHASE_OPENED:
    case FEDLI_PHASE_UPLOAD:
    case FEDLI_PHASE_CLOSED:
    case FEDLI_PHASE_DONE:
    case FEDLI_PHASE_REFUSED:
        break;
    }
    FEDLI_CHECK(false); /* want is neither PUT nor GET */
    return FEDL_ITEM_COMPLAINT;
}

uint64_t fedli_party_offset(const fedli_party *party)
{
    return party->state->item_offset;
}

const uint8_t *fedli_party_binding(const fedli_party *party)
{
    return party->state->rb;
}

const uint8_t *fedli_party_noise_key(const fedli_party *party)
{
    FEDLI_CHECK(party->state->phase <= FEDLI_PHASE_UPLOAD);
    return party->state->noise_key;
}

fedl_refusal fedli_party_refusal(const fedli_party *party)
{
    return party->state->refusal;
}

uint32_t fedli_party_accused(const fedli_party *party)
{
    return party->state->accused;
}

void fedli_party_numbers(const fedli_party *party, uint32_t *asked, uint32_t *allowed)
{
    *asked = party->state->asked;
    *allowed = party->state->allowed;
}

uint32_t fedli_party_cohort(const fedli_party *party)
{
    return party->state->n;
}
