/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that one masked attempt remembers, and the names that the group's files share.
 *
 *   fedli_group_state ─┬─ members[]  slots in order of arrival: READY blob, progress of each item
 *                      ├─ order[]    roster position → slot; sorted by device id at any time
 *                      ├─ ring[]     words of the graph
 *                      ├─ u2, u3, confirmed, scratch   bitmaps by position
 *                      ├─ u2_list[]  positions of U2, rising
 *                      ├─ pool[]     one area per position, its stride follows k
 *                      └─ keys[]     what takes the masks off
 *
 * An area has two lives. Until U3 freezes it is the SHARES blob as it came: cb 32 ‖ salt 16 ‖ per
 * neighbour {sealed pair 80 ‖ b tag 16 ‖ d tag 16} ‖ SeedBox. Then it is packed, and everything
 * that is of no use for the one kind of share that will be asked for is wiped:
 *
 *   cb 32 ‖ tags of that kind 16·k ‖ SeedBox 32·k + 16 ‖ UNMASK blob 32·k ‖ CONFIRM blob 16·k ‖
 *   bitmap of good shares 32                                      112 + 96·k ≤ 64 + 144·k, k ≥ 2
 *
 * UNMASK and CONFIRM come packed (only neighbours in U2, or U3); when whole they are spread out, so
 * that entry i belongs to neighbour i. Rejected: a block per item and member (its size would be the
 * sum, not the maximum, of the lives), sorting members (they are 400 bytes each).
 */
#ifndef FEDL_COORD_GROUP_STATE_H
#define FEDL_COORD_GROUP_STATE_H

#include "coord/group.h"
#include "secagg/graph.h"
#include "secagg/params.h"
#include "secagg/share.h"

#define FEDLI_GROUP_NONE UINT32_MAX

/* Where READY keeps what. Certificates: docs/protocol.md "Keys and certificates", secagg/epoch.h.
 */
#define FEDLI_READY_DIGEST_AT 16u
#define FEDLI_READY_CAPS_AT   48u
#define FEDLI_READY_CERTS_AT  52u
#define FEDLI_CERT_ID_AT      28u
#define FEDLI_CERT_NOISE_AT   60u
#define FEDLI_EPOCH_AT        28u /* in the epoch certificate */
#define FEDLI_EPOCH_KEY_AT    40u

typedef struct fedli_group_member {
    fedl_instant_ns begun_ns; /* first part of READY */
    uint32_t device_id;       /* 0 = the slot is free */
    uint32_t ready_bytes;     /* received so far, per item */
    uint32_t shares_bytes;
    uint32_t confirm_bytes;
    uint32_t unmask_bytes;
    uint32_t complaint_bytes;
    uint16_t good;        /* verified shares of the secret that is wanted of this member */
    uint16_t wrong_sent;  /* shares that did not fit their tags; ≤ k */
    uint16_t wrong_owned; /* … ≤ k */
    bool ready;
    bool shared;    /* SHARES is whole */
    bool confirmed; /* CONFIRM is whole */
    bool unmasked;  /* UNMASK is whole and was looked at */
    bool known;     /* its secret is reconstructed, its keys are in keys[] */
    bool removed;   /* not waited for, not listened to */
    uint8_t complaint[FEDLI_COMPLAINT_BYTES];
    uint8_t blob[FEDLI_READY_BYTES];
} fedli_group_member;

typedef struct fedli_group_state {
    fedl_group_setup setup;
    fedl_group_phase phase;
    fedl_instant_ns deadline_ns;
    const char *reason;
    uint32_t blamed;
    uint32_t blamed_other;
    bool burnt;
    bool news;
    bool helper_told;                /* HELPER: somebody has read the certificate */
    bool helper_out;                 /* … the question is out */
    uint32_t helper_tries;           /* … questions without a good answer */
    fedl_instant_ns helper_until_ns; /* … when it is too late for one */
    uint32_t slots_max;              /* plan.update.clients_max */
    uint32_t slots_used;
    uint32_t order_count; /* of order[]: devices with a slot; from SHARING on n */
    uint32_t ready_count;
    uint32_t n; /* from SHARING on, as all that follows */
    uint32_t t;
    uint32_t waiting;      /* devices whose item would end this phase */
    uint32_t u2_count;     /* from MASKING on */
    uint32_t u3_count;     /* vectors in the sum */
    uint32_t secrets_left; /* from FROZEN on: members of U2 whose secret is not known yet */
    uint32_t wrong_count;  /* shares that did not fit their tags */
    uint32_t key_count;
    uint32_t keys_max;
    size_t area_bytes; /* stride of the pool */
    size_t pool_bytes;
    fedli_graph graph;
    uint8_t roster_root[32];
    uint8_t beacon[32];
    uint8_t rb[32];
    /* The last Lagrange weights: neighbours often lack the same devices. */
    uint32_t weights_count;
    uint8_t weights_xs[FEDL_NEIGHBOURS_MAX];
    uint8_t weights[FEDL_NEIGHBOURS_MAX];
    fedli_group_member *members;
    uint32_t *order;
    uint16_t *ring;
    uint8_t *u2;
    uint8_t *u3;
    uint8_t *confirmed; /* whose tags are handed out; frozen when UNMASKING begins */
    uint8_t *scratch;
    uint16_t *u2_list;
    uint8_t *pool;
    fedli_mask_key *keys;
} fedli_group_state;

/* One part of an item, as it came. */
typedef struct fedli_group_part {
    uint64_t offset;
    uint64_t total;
    fedl_bytes payload;
} fedli_group_part;

/* What putting a part into its place came to. */
typedef enum fedli_group_stage {
    FEDLI_STAGE_MORE = 1,
    FEDLI_STAGE_WHOLE = 2,
    FEDLI_STAGE_OTHER = 3,  /* differs from bytes that came before: nothing was taken */
    FEDLI_STAGE_MISFIT = 4, /* wrong total, or beyond it */
} fedli_group_stage;

/* Progress of one PUT; what the caller of fedl_group_put() gets. */
typedef struct fedli_group_progress {
    uint64_t next_offset;
    bool complete;
} fedli_group_progress;

/* The most that cohorts of a plan can need. */
typedef struct fedli_group_measure {
    size_t pool_bytes;
    size_t keys;
    size_t export_bytes;
} fedli_group_measure;

/* ---- group.c ---- */
/** False: clients_max is no size of a cohort. */
bool fedli_group_measure_plan(fedli_group_measure *most, const fedl_plan *plan);
/** Takes the pieces of the block; false: it is too small. With a NULL block *bytes_needed only. */
bool fedli_group_layout(fedli_group_state **state, const fedl_plan *plan, void *block,
                        size_t block_bytes, size_t *bytes_needed);
fedli_group_stage fedli_group_stage_part(uint8_t *place, uint32_t *received, size_t size,
                                         const fedli_group_part *part);
void fedli_group_enter(fedli_group_state *g, fedl_group_phase phase, fedl_instant_ns now_ns);
/** Ends the attempt and wipes what it held but ids. */
void fedli_group_fail(fedli_group_state *g, const char *reason, uint32_t blamed,
                      uint32_t blamed_other);
/** Is something of this device still wanted in this phase? */
bool fedli_group_is_waited_for(const fedli_group_state *g, uint32_t position);
/** Roster position (GATHERING: place in order[]) of a device; FEDLI_GROUP_NONE. */
uint32_t fedli_group_find(const fedli_group_state *g, uint32_t device_id);
/** Neighbours of the device at position that are in the set. */
uint32_t fedli_group_degree(const fedli_group_state *g, uint32_t position, const uint8_t *set);

static inline fedli_group_member *fedli_group_at(const fedli_group_state *g, uint32_t position)
{
    return &g->members[g->order[position]];
}
static inline uint8_t *fedli_group_area(const fedli_group_state *g, uint32_t position)
{
    return g->pool + (size_t)position * g->area_bytes;
}
/* First life of an area. */
static inline uint8_t *fedli_group_salt(const fedli_group_state *g, uint32_t position)
{
    return fedli_group_area(g, position) + 32;
}
static inline uint8_t *fedli_group_sealed(const fedli_group_state *g, uint32_t position,
                                          uint32_t index)
{
    return fedli_group_area(g, position) + FEDLI_SHARES_HEAD_BYTES +
           (size_t)FEDLI_SHARES_EACH_BYTES * index;
}
/* Second life. */
static inline uint8_t *fedli_group_tags(const fedli_group_state *g, uint32_t position)
{
    return fedli_group_area(g, position) + 32;
}
static inline uint8_t *fedli_group_box(const fedli_group_state *g, uint32_t position)
{
    return fedli_group_tags(g, position) + (size_t)FEDLI_SHARE_TAG_BYTES * g->graph.k;
}
static inline uint8_t *fedli_group_unmask(const fedli_group_state *g, uint32_t position)
{
    return fedli_group_box(g, position) + fedli_seedbox_bytes(g->graph.k);
}
static inline uint8_t *fedli_group_confirm(const fedli_group_state *g, uint32_t position)
{
    return fedli_group_unmask(g, position) + (size_t)FEDLI_SHARE_BYTES * g->graph.k;
}
static inline uint8_t *fedli_group_good(const fedli_group_state *g, uint32_t position)
{
    return fedli_group_confirm(g, position) + (size_t)FEDLI_CONFIRM_TAG_BYTES * g->graph.k;
}
static inline size_t fedli_group_area_size(uint32_t k)
{
    return (fedli_shares_bytes(k) + 15u) / 16u * 16u;
}

static inline bool fedli_group_is_helped(const fedli_group_state *g)
{
    return g->setup.plan->aggregation == FEDL_AGGREGATION_HELPER;
}

/* ---- group_helper.c ---- */
/** What a plan with a helper needs; SEEDs lie in the pool, by slot. */
void fedli_group_measure_helped(fedli_group_measure *most, const fedl_plan *plan);
void fedli_group_begin_helped(fedli_group_state *g);
fedl_group_answer fedli_group_put_seed(fedli_group_state *g, fedl_instant_ns now_ns,
                                       uint32_t device_id, const fedli_group_part *part,
                                       fedli_group_progress *progress);
fedl_group_answer fedli_group_get_helper(fedli_group_state *g, fedl_group_item item,
                                         uint64_t offset, uint8_t *out, size_t out_bytes,
                                         size_t *size, uint64_t *total);
fedl_group_answer fedli_group_helped_vector(const fedli_group_state *g, uint32_t device_id,
                                            const uint8_t rb[32]);
/** U3 = the devices whose vectors are in the sum; or the attempt fails. */
void fedli_group_freeze_helped(fedli_group_state *g, fedl_instant_ns now_ns);
void fedli_group_remove_helped(fedli_group_state *g, uint32_t position);
/** Asks at once, and until 10·step_ms are over. */
void fedli_group_begin_asking(fedli_group_state *g, fedl_instant_ns now_ns);
size_t fedli_group_helped_export_bytes(const fedli_group_state *g);
void fedli_group_helped_export(const fedli_group_state *g, uint8_t *out);
fedl_status fedli_group_helped_import(fedli_group_state *g, fedl_bytes exported);

/* ---- group_ready.c ---- */
/** A slot for a device that has none; its place in order[], or NONE when all are taken. */
uint32_t fedli_group_take_slot(fedli_group_state *g, fedl_instant_ns now_ns, uint32_t device_id);
bool fedli_group_is_excluded(const fedli_group_state *g, uint32_t device_id);
fedl_group_answer fedli_group_put_ready(fedli_group_state *g, fedl_instant_ns now_ns,
                                        uint32_t device_id, const uint8_t id_public[32],
                                        const uint8_t noise_public[32],
                                        const fedli_group_part *part,
                                        fedli_group_progress *progress);
void fedli_group_forget_ready(fedli_group_state *g, uint32_t place);
void fedli_group_entry(fedli_roster_entry *entry, const fedli_group_member *m);

/* ---- group_roster.c ---- */
void fedli_group_freeze_roster(fedli_group_state *g, fedl_instant_ns now_ns);

/* ---- group_shares.c ---- */
fedl_group_answer fedli_group_put_shares(fedli_group_state *g, fedl_instant_ns now_ns,
                                         uint32_t position, const fedli_group_part *part,
                                         fedli_group_progress *progress);
void fedli_group_freeze_u2(fedli_group_state *g, fedl_instant_ns now_ns);
fedl_group_answer fedli_group_put_complaint(fedli_group_state *g, uint32_t position,
                                            const fedli_group_part *part,
                                            fedli_group_progress *progress);

/* ---- group_masking.c ---- */
void fedli_group_freeze_u3(fedli_group_state *g, fedl_instant_ns now_ns);
/** secrets_left and u2_list from U2 and U3. */
void fedli_group_count_secrets(fedli_group_state *g);
/** True when every secret that is wanted has t devices of the set to ask. */
bool fedli_group_is_recoverable(const fedli_group_state *g, const uint8_t *helpers);

/* ---- group_down.c: ROSTER … CONFIRMS ---- */
fedl_group_answer fedli_group_get_item(const fedli_group_state *g, uint32_t position,
                                       fedl_group_item item, uint64_t offset, uint8_t *out,
                                       size_t out_bytes, size_t *size, uint64_t *total);

/* ---- group_confirm.c ---- */
fedl_group_answer fedli_group_put_confirm(fedli_group_state *g, fedl_instant_ns now_ns,
                                          uint32_t position, const fedli_group_part *part,
                                          fedli_group_progress *progress);
void fedli_group_end_confirming(fedli_group_state *g, fedl_instant_ns now_ns);
/** Makes entry i of a packed blob of entries belong to neighbour i; gaps become zero. */
void fedli_group_spread(const fedli_group_state *g, uint32_t position, const uint8_t *set,
                        uint8_t *blob, size_t entry_bytes);

/* ---- group_export.c ---- */
size_t fedli_group_export_bound(uint32_t n, uint32_t k);

/* ---- group_unmask.c ---- */
fedl_group_answer fedli_group_put_unmask(fedli_group_state *g, fedl_instant_ns now_ns,
                                         uint32_t position, const fedli_group_part *part,
                                         fedli_group_progress *progress);
void fedli_group_begin_unmasking(fedli_group_state *g, fedl_instant_ns now_ns);
/** READY when all secrets are known, FAILED when one cannot be had any more. */
void fedli_group_check_shares(fedli_group_state *g, fedl_instant_ns now_ns);

#endif
