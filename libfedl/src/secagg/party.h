/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's side of one attempt, without any network: blobs in, blobs out, masks in between. The
 * client machine moves the blobs and stores what has to be durable; tests play the server with it.
 *
 *   begin ─► PUT READY ─► GET ROSTER ─► GET ROSTER again (n > 128) ─► GET CERTS ─► STORE opened
 *         ─► PUT SHARES ─► GET FORWARD ─► UPLOAD ─► GET SURVIVORS ─► STORE closed
 *         ─► [PUT CONFIRM ─► GET CONFIRMS] ─► PUT UNMASK ─► DONE
 *   any step may end in REFUSED(reason), or in COMPLAIN (PUT COMPLAINT, then REFUSED).
 *
 *   aggregation = helper: begin ─► GET HELPER ─► STORE opened ─► PUT SEED ─► UPLOAD ─► DONE
 *
 * One secret per attempt makes everything that is sent, so that any blob can be sent again and is
 * the same. The block holds no pointers: its bytes are the state that save() keeps, at any moment,
 * for the same build of the library.
 *
 * A saved copy goes on INSTEAD of the original, never beside it: two that live could be shown two
 * sets of survivors. The host marks the state as used when it takes it up (docs/protocol.md).
 */
#ifndef FEDL_SECAGG_PARTY_H
#define FEDL_SECAGG_PARTY_H

#include "fedl/plan.h"
#include "secagg/binding.h"
#include "secagg/epoch.h"
#include "secagg/pair.h"
#include "secagg/prg.h"

typedef enum fedli_party_want {
    FEDLI_PARTY_PUT = 1,          /* item, fedli_party_blob() */
    FEDLI_PARTY_GET = 2,          /* item, from offset fedli_party_offset() */
    FEDLI_PARTY_STORE_OPENED = 3, /* keep (round, attempt) and the privacy charge, then stored() */
    FEDLI_PARTY_UPLOAD = 4,       /* send the masked vector, then uploaded() */
    FEDLI_PARTY_STORE_CLOSED = 5, /* keep "round is closed", then stored() */
    FEDLI_PARTY_DONE = 6,
    FEDLI_PARTY_REFUSED = 7, /* fedli_party_refusal() */
} fedli_party_want;

/* The device's key of an epoch; lives longer than an attempt. */
typedef struct fedli_epoch_key {
    fedli_epoch_cert cert; /* round_lo 0: none yet */
    uint8_t secret[32];
    uint8_t cert_bytes[FEDLI_EPOCH_CERT_BYTES];
} fedli_epoch_key;

/* Pairs that were verified and derived before, by (device id, EK_pk): spares certificates and DH in
 * the next round. Owned by the host of the party, wiped with the epoch key. */
typedef struct fedli_pair_cache_entry {
    uint32_t device_id; /* 0 = free */
    uint8_t id_public[32];
    uint8_t epoch_public[32];
    uint32_t epoch;
    uint32_t round_hi; /* last round of the epoch certificate … */
    uint64_t
        not_after_s; /* … and end of the device's own, UTC; 0 = none: later it is checked anew */
    fedli_pair pair;
} fedli_pair_cache_entry;

typedef struct fedli_party_setup {
    const fedl_crypto *crypto;
    const fedl_plan *plan; /* checked; aggregation MASKED or HELPER */
    const fedl_site_policy *policy;
    fedli_attempt attempt;
    uint32_t device_id;
    const uint8_t *ca_public;   /* 32 */
    const uint8_t *device_cert; /* FEDLI_DEVICE_CERT_BYTES, this device's own */
    uint64_t utc_s;             /* 0 = no clock */
    uint8_t secret[32];         /* fresh for every attempt; only begin() reads it */
    const uint8_t *id_secret;   /* 64, 32: of this device, outlive the party; HELPER only */
    const uint8_t *noise_secret;
} fedli_party_setup;

typedef struct fedli_party {
    struct fedli_party_state *state;
    const fedli_party_setup *setup; /* outlives the party; after restore: the same values again */
    fedli_epoch_key *epoch;
    fedli_pair_cache_entry *cache;
    uint32_t cache_count;
} fedli_party;

/** Bytes of the block, from plan.update.clients_max and the largest k for it; plan was checked. */
size_t fedli_party_size(const fedl_plan *plan);
/**
 * epoch and cache are in/out and outlive the party; epoch must be good for attempt.round (else make
 * a new one with fedli_epoch_key_make and clear the cache). Policy and persisted (round, attempt)
 * were checked by the caller. cache_count may be 0, and cache then NULL. block: 16-byte aligned.
 * HELPER: epoch only has to be there, zeros will do.
 * Errors: ERR_SIZE (block too small or misaligned), ERR_STATE (epoch not good for the round),
 * ERR_AUTH (device_cert is not this device's, or not by this CA).
 */
FEDL_NODISCARD fedl_status fedli_party_begin(fedli_party *party, const fedli_party_setup *setup,
                                             fedli_epoch_key *epoch, fedli_pair_cache_entry *cache,
                                             uint32_t cache_count, void *block, size_t block_bytes);
void fedli_epoch_key_make(const fedl_crypto *crypto, fedli_epoch_key *epoch,
                          const uint8_t fleet_id[16], uint32_t device_id, uint32_t task_id,
                          uint32_t round, uint32_t epoch_rounds, const uint8_t id_secret[64],
                          const uint8_t secret[32]);
/** Whether the key serves this task in this round. */
bool fedli_epoch_key_good(const fedli_epoch_key *epoch, uint32_t device_id, uint32_t task_id,
                          uint32_t round);

fedli_party_want fedli_party_next(const fedli_party *party);
fedl_group_item fedli_party_item(const fedli_party *party); /* of PUT and GET */
fedl_bytes fedli_party_blob(const fedli_party *party);      /* of PUT; stays until next step */
void fedli_party_put_done(fedli_party *party);              /* the server has all of it */
uint64_t fedli_party_offset(const fedli_party *party);      /* of GET: next byte wanted */
/** Takes the next bytes of the item under way; total is the item's size, the same every time.
 * Whatever is wrong with them becomes REFUSED or a complaint. */
void fedli_party_take(fedli_party *party, fedl_bytes bytes, uint64_t total);
/** Most bytes for one take() that has at most one neighbour's certificates checked and its pair
 * derived: two signatures and one DH. SIZE_MAX: the item under way costs no such work. */
size_t fedli_party_take_max(const fedli_party *party);
void fedli_party_stored(fedli_party *party);
/** Adds this device's masks to part = bytes [offset, offset + size) of the vector; want is UPLOAD,
 * rules for offset and size as in fedli_mask_apply(). */
void fedli_party_mask(const fedli_party *party, uint8_t *part, size_t offset, size_t size);
void fedli_party_uploaded(fedli_party *party);
/** A server that was restarted behind the commit point has lost CONFIRM and UNMASK: they are put
 * again, the same bytes, for the same survivors. Without effect before CONFIRM or UNMASK was asked
 * for the first time, and in a refused attempt. */
void fedli_party_rewind(fedli_party *party);
const uint8_t *fedli_party_binding(const fedli_party *party); /* rb, from STORE_OPENED on */
/** Key of the noise of this attempt (32 bytes); until uploaded(), in no refused state. */
const uint8_t *fedli_party_noise_key(const fedli_party *party);
fedl_refusal fedli_party_refusal(const fedli_party *party);
uint32_t fedli_party_accused(const fedli_party *party); /* device id with SHARE …; 0 = none */
/** What the rule of a refusal compared: what there was, and what was needed or allowed; both 0: it
 * compares no numbers. */
void fedli_party_numbers(const fedli_party *party, uint32_t *asked, uint32_t *allowed);
uint32_t fedli_party_cohort(const fedli_party *party); /* n, once the roster is read */
/** Binds a block that holds the bytes of a saved party again. A roster that was half read is asked
 * for from its first byte; all else goes on where it was. Errors: ERR_SIZE, ERR_CORRUPT (the
 * bytes changed, belong to another attempt, device or plan, or are none that a party leaves
 * behind), ERR_AUTH (as begin). */
FEDL_NODISCARD fedl_status fedli_party_restore(fedli_party *party, const fedli_party_setup *setup,
                                               fedli_epoch_key *epoch,
                                               fedli_pair_cache_entry *cache, uint32_t cache_count,
                                               void *block, size_t block_bytes);
/** Wipes the block. */
void fedli_party_end(fedli_party *party);

#endif
