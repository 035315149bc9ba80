/* SPDX-License-Identifier: Apache-2.0 */
/*
 * State of a device's side of one masked attempt, and what its files share. Everything lies in one
 * block without pointers:
 *
 *   state ‖ peers [k] ‖ pairs [k] ‖ U2 ‖ U3 ‖ area
 *
 * The area is used again from step to step, because each step makes the former one's memory
 * useless; sizes in bytes, k neighbours:
 *
 *   READY       the blob, 364
 *   ROSTER      hash 768 ‖ candidates 68·k;  between both passes: the graph's words, 4·n
 *   CERTS       (hash) ‖ candidates 68·k
 *   SHARES      the blob, 64 + 144·k
 *   FORWARD …   opened pairs 64·k ‖ seeds of the pairs' masks 32·k
 *   SURVIVORS … UNMASK blob 32·k (made in place of the pairs) ‖ … ‖ CONFIRM blob 16·k at 64·k
 *   COMPLAINT   the blob, 8
 *   SEED        the blob, 408 (helper rounds: k = n = 0)
 *
 * DONE keeps the blobs of CONFIRM and UNMASK, which the server has anyway: it may need them again.
 *
 * Rejected: pieces of their own for each of them (three times the memory, and old secrets in it).
 */
#ifndef FEDL_SECAGG_PARTY_STATE_H
#define FEDL_SECAGG_PARTY_STATE_H

#include "secagg/party.h"
#include "secure/cert.h"

#define FEDLI_PARTY_MAGIC    0x31797470u /* "pty1" */
#define FEDLI_PARTY_NOWHERE  UINT32_MAX  /* own position: not found yet */
#define FEDLI_CONFIRMS_BYTES 32u         /* bitmap over up to 254 neighbours */

/* In the order of an attempt; from UPLOAD to DONE the first set of survivors stands, from CLOSED to
 * DONE the last one. */
typedef enum fedli_party_phase {
    FEDLI_PHASE_READY = 1,
    FEDLI_PHASE_ROSTER = 2,
    FEDLI_PHASE_ROSTER_AGAIN = 3,
    FEDLI_PHASE_CERTS = 4,
    FEDLI_PHASE_HELPER = 5, /* helper rounds begin here … */
    FEDLI_PHASE_OPENED = 6,
    FEDLI_PHASE_SHARES = 7,
    FEDLI_PHASE_SEED = 8, /* … and go on here */
    FEDLI_PHASE_FORWARD = 9,
    FEDLI_PHASE_UPLOAD = 10,
    FEDLI_PHASE_SURVIVORS = 11,
    FEDLI_PHASE_CLOSED = 12,
    FEDLI_PHASE_CONFIRM = 13,
    FEDLI_PHASE_CONFIRMS = 14,
    FEDLI_PHASE_UNMASK = 15,
    FEDLI_PHASE_DONE = 16,
    FEDLI_PHASE_COMPLAINT = 17,
    FEDLI_PHASE_REFUSED = 18,
} fedli_party_phase;

/* A neighbour, in neighbour order. */
typedef struct fedli_party_peer {
    uint32_t device_id;
    uint16_t position; /* in the roster */
    uint8_t x;         /* Shamir coordinate of ITS shares for this device */
    bool paired;       /* its certificates were checked and its pair is derived */
} fedli_party_peer;

/* What the roster says about a neighbour; needed until its pair is derived. */
typedef struct fedli_party_candidate {
    uint32_t epoch;
    uint8_t id_public[32];
    uint8_t epoch_public[32];
} fedli_party_candidate;

/* Offsets from the start of the block. */
typedef struct fedli_party_layout {
    uint32_t peers;
    uint32_t pairs;
    uint32_t u2;
    uint32_t u3;
    uint32_t area;
    uint32_t area_bytes;
    uint32_t block_bytes;
} fedli_party_layout;

typedef struct fedli_party_state {
    uint32_t magic;
    uint32_t state_bytes;
    uint32_t n_max;
    uint32_t k_max;
    fedli_party_layout at;
    uint8_t setup_digest[32]; /* attempt, device and epoch key that the state belongs to */

    fedli_party_phase phase;
    fedl_refusal refusal;
    uint32_t accused;
    uint32_t asked; /* numbers of the refusal */
    uint32_t allowed;
    uint32_t n; /* 0: no roster yet */
    uint32_t k;
    uint32_t t;
    uint32_t position; /* own, in the roster */
    uint32_t u2_peers; /* |U2 ∩ N(u)| */
    uint32_t u3_peers; /* |U3 ∩ N(u)| */

    /* The item that comes in. */
    uint64_t item_offset;
    uint64_t item_bytes; /* 0: not known yet */
    uint32_t index;      /* records behind the head that were taken */
    uint32_t peer_next;  /* FORWARD, CONFIRMS: neighbour that the next record is about */
    uint32_t last_id;    /* ROSTER */
    uint32_t confirmed;  /* CONFIRMS: good tags so far */
    uint32_t gathered;   /* bytes of the record under way */
    bool head_taken;
    bool judged; /* CONFIRMS were enough: they are not asked for again */
    uint8_t gather[FEDLI_CERT_PAIR_BYTES];
    uint8_t confirms[FEDLI_CONFIRMS_BYTES];

    uint8_t id_public[32]; /* own */
    uint8_t nonce[FEDLI_NONCE16_BYTES];
    uint8_t roster_root[32];
    uint8_t beacon[32];
    uint8_t rb[32];
    uint8_t survivors_digest[32];
    uint8_t secret[32];    /* until SHARES is built */
    uint8_t self_seed[32]; /* from then until uploaded() */
    uint8_t noise_key[32]; /* until uploaded() */
    uint8_t helper_public[32];

    /* What restore() checks. The body is everything behind the state; while an item comes in, it
     * changes with every byte and is not covered. */
    bool body_still;
    uint8_t body_digest[32];
    uint8_t state_digest[32]; /* over all fields above; last */
} fedli_party_state;

/* party_layout.c */
fedli_party_layout fedli_party_layout_for(uint32_t n_max, uint32_t k_max);
/** Largest roster and k of this plan; 0 without pairs. */
uint32_t fedli_party_n_max(const fedl_plan *plan);
uint32_t fedli_party_k_max(const fedl_plan *plan);
void fedli_party_setup_digest(const fedli_party *party, uint8_t digest[32]);
/** Ends every call that changes something: brings the digests up to date. */
void fedli_party_settle(const fedli_party *party);

static inline uint8_t *fedli_party_at(const fedli_party *party, uint32_t offset)
{
    return (uint8_t *)party->state + offset;
}
static inline fedli_party_peer *fedli_party_peers(const fedli_party *party)
{
    return (fedli_party_peer *)(void *)fedli_party_at(party, party->state->at.peers);
}
static inline fedli_pair *fedli_party_pairs(const fedli_party *party)
{
    return (fedli_pair *)(void *)fedli_party_at(party, party->state->at.pairs);
}
static inline uint8_t *fedli_party_u2(const fedli_party *party)
{
    return fedli_party_at(party, party->state->at.u2);
}
static inline uint8_t *fedli_party_u3(const fedli_party *party)
{
    return fedli_party_at(party, party->state->at.u3);
}
static inline uint8_t *fedli_party_area(const fedli_party *party)
{
    return fedli_party_at(party, party->state->at.area);
}
static inline fedli_party_candidate *fedli_party_candidates(const fedli_party *party)
{
    return (fedli_party_candidate *)(void *)(fedli_party_area(party) + sizeof(fedli_roster_hash));
}
/* Seed of the pair's mask of the neighbour with this rank among those in U2. */
static inline uint8_t *fedli_party_seed(const fedli_party *party, uint32_t rank)
{
    return fedli_party_area(party) + 64u * (size_t)party->state->k + 32u * (size_t)rank;
}
static inline uint8_t *fedli_party_confirm_blob(const fedli_party *party)
{
    return fedli_party_area(party) + 64u * (size_t)party->state->k;
}

/* party.c */
/** Wipes pairs and area. */
void fedli_party_wipe_body(const fedli_party *party);
/** Goes on to a phase, with nothing of its item taken. */
void fedli_party_enter(fedli_party *party, fedli_party_phase phase);
/** Wipes all secrets and stays REFUSED for this reason. */
void fedli_party_refuse(fedli_party *party, fedl_refusal reason);
/** The same, with the numbers that the rule compared. */
void fedli_party_refuse_count(fedli_party *party, fedl_refusal reason, uint32_t asked,
                              uint32_t allowed);
/** Fewest devices that this device takes part with in a cohort of n. */
uint32_t fedli_party_cohort_min(const fedli_party *party, uint32_t n);

/** Are these the numbers that a cohort of n should have, for the plan and for this site? */
bool fedli_party_parameters_good(const fedli_party *party, uint32_t n, uint32_t k, uint32_t t);
/** The setup's own certificate. Errors: ERR_AUTH (not this device's, or not by this CA). */
FEDL_NODISCARD fedl_status fedli_party_own_certificate(const fedli_party_setup *setup,
                                                       fedl_cert *own);

/* party_check.c */
/** Every bool holds 0 or 1: before any of them is read as one. */
bool fedli_party_flags_good(const fedli_party_state *state);
/** Could this code have left this state behind? Its layout and flags are good. */
bool fedli_party_is_possible(const fedli_party *party);

/* One record each of the item under way, in state->gather (bitmaps: where they belong). What is
 * wrong ends in fedli_party_refuse(). */
void fedli_party_roster_head(fedli_party *party);       /* party_roster.c */
void fedli_party_roster_entry(fedli_party *party);      /* first pass */
void fedli_party_roster_head_again(fedli_party *party); /* second pass */
void fedli_party_roster_entry_again(fedli_party *party);
void fedli_party_pair_up(fedli_party *party);      /* party_certs.c: from the cache … */
void fedli_party_certs_record(fedli_party *party); /* … or from certificates */
void fedli_party_shares_build(fedli_party *party); /* party_shares.c */
void fedli_party_forward_head(fedli_party *party); /* party_forward.c */
void fedli_party_forward_record(fedli_party *party);
void fedli_party_survivors_record(fedli_party *party); /* party_survivors.c */
void fedli_party_confirm_build(fedli_party *party);    /* party_confirm.c */
void fedli_party_confirms_head(fedli_party *party);
void fedli_party_confirms_record(fedli_party *party);

/* party_helper.c: what a helper round has instead of all that. */
static inline bool fedli_party_is_helped(const fedli_party *party)
{
    return party->setup->plan->aggregation == FEDL_AGGREGATION_HELPER;
}
/** The first step: there is no READY. */
void fedli_party_helper_begin(fedli_party *party);
/** HELPER is there: the helper's certificate. */
void fedli_party_helper_record(fedli_party *party);
/** The attempt is stored: makes SEED, and the only mask. */
void fedli_party_seed_build(fedli_party *party);

#endif
