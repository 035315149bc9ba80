/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the coordinator remembers of a task. It lies in the block that the operator gave for it;
 * task.c lays the block out, and every pointer below leads into it.
 */
#ifndef FEDL_COORD_TASK_STATE_H
#define FEDL_COORD_TASK_STATE_H

#include "coord/coord.h"
#include "coord/group.h"

#define FEDLI_SLOT_NONE      UINT32_MAX
#define FEDLI_STAGING_MAX    64u
#define FEDLI_EXCLUSIONS_MAX 64u  /* devices left out of a round at once for pairs */
#define FEDLI_COMPLAINTS_MAX 128u /* pairs remembered per task */

typedef enum fedli_member_state {
    FEDLI_MEMBER_CHOSEN = 1,
    FEDLI_MEMBER_REPORTED = 2, /* its vector is in the sum */
    FEDLI_MEMBER_GONE = 3,     /* revoked or left before it reported */
} fedli_member_state;

typedef struct fedli_member {
    uint32_t device_id;
    uint32_t rank;
    fedli_member_state state;
} fedli_member;

/* After this many times upload_idle_ms another device may take a slot that still moves. */
#define FEDLI_SLOT_LIFE_IDLES 8

/* Where an upload is put together before it is added to the sum. */
typedef struct fedli_slot {
    uint32_t device_id; /* 0 = free */
    size_t next_offset;
    uint8_t digest[32];       /* of the vector; of a masked one the round binding */
    fedl_instant_ns begun_ns; /* a new vector from the same device does not renew it */
    fedl_instant_ns used_ns;  /* last progress */
} fedli_slot;

/* Two devices of which one is at fault, once per pair. */
typedef struct fedli_complaint {
    uint32_t accused;
    uint32_t accuser;     /* 0 = the helper */
    uint32_t round;       /* kept apart from this one … */
    uint32_t until_round; /* … to this one */
    uint32_t times;       /* complaints so far, ≤ 20 */
} fedli_complaint;

/* The part of a task that only masked rounds use. */
typedef struct fedli_masked {
    fedl_group group;
    bool begun;   /* the group's block holds an attempt */
    bool resumed; /* … that was taken up from the store: what devices had sent is lost */
    fedl_group_phase seen;
    void *block;
    size_t block_bytes;
    uint8_t *exported; /* [exported_max] state of the group at its commit point */
    size_t exported_bytes;
    size_t exported_max;
    uint8_t *share_kinds;    /* [select_count] for store ops */
    uint64_t compute_ticket; /* 0 = not out */
    uint64_t helper_ticket;  /* of the newest question; 0 = not out */
    fedl_compute_job job;
    uint32_t blamed; /* by the attempt that has failed; 0 = nobody */
    uint32_t blamed_other;
    const char *blamed_for; /* static text */
    uint32_t exclusion_bit; /* of fedli_device.excluded_tasks; no other task has it */
    uint32_t liar_count;    /* devices with this bit */
    uint32_t excluded_ids[FEDLI_EXCLUSIONS_MAX]; /* left out of the round under way for pairs */
    uint32_t excluded_count;
    fedli_complaint complaints[FEDLI_COMPLAINTS_MAX]; /* oldest first */
    uint32_t complaint_count;
} fedli_masked;

typedef struct fedli_task {
    uint32_t task_id;
    bool visible; /* its TASK_ADD is stored */
    char name[FEDL_TASK_NAME_BYTES_MAX];
    fedl_task_state state;
    fedl_round_phase phase;
    fedl_plan plan;
    fedl_round_config round_config;
    fedl_bytes plan_text;
    uint8_t *plan_encoded;
    size_t plan_bytes;
    uint8_t plan_digest[32];

    fedl_model_record model; /* newest visible version; its bytes are `container` */
    fedl_master master;      /* its words are valid while they lie in staging, see there */
    uint8_t *container;
    size_t container_bytes;
    uint8_t *agg_state;
    size_t agg_state_bytes;
    const fedl_agg_ops *agg;

    uint32_t round;        /* under way, or the next; model.round + 1, or more when rounds were
                              burnt */
    uint32_t attempt;      /* under way, or the last one; 0 = none yet in this round */
    uint32_t failed_count; /* attempts since the last commit, resumption or start */
    uint64_t rho_spent;    /* by attempts whose charge is stored, FEDL_RHO_ONE units */
    bool lost; /* restored: the server went down in this attempt, and devices may have charged it */
    uint64_t opened_serial;
    fedl_instant_ns phase_since_ns;
    fedl_instant_ns timer_ns; /* POOL: time-out, RUNNING: deadline, RETRY: end */
    uint32_t pool_count;      /* at the choice */
    fedl_accum accum;
    fedli_member *members; /* [select_count], rising device id */
    uint32_t member_count;
    uint32_t outstanding;         /* members in state CHOSEN */
    uint32_t *member_ids;         /* [select_count] for store ops */
    fedl_round_metrics metrics;   /* of the round under way */
    fedl_round_metrics published; /* of the round that made the newest version */
    fedli_slot slots[FEDLI_STAGING_MAX];
    uint32_t slot_count;
    /* [slot_count][accum.vector_bytes], or more where the master words need more. From the commit
     * point of a masked sum on the first place holds that sum; from LOADING to the end of
     * COMMITTING, and while the task is added, master.words lie here. */
    uint8_t *staging;
    size_t staging_bytes;
    fedl_hash *hashes; /* [slot_count], of the parts so far; plain rounds only */
    fedli_masked masked;

    fedl_load_job load;
    uint64_t load_ticket; /* 0 = not out */
    fedl_store_op op;
    uint64_t ticket;             /* of op; 0 = not out */
    fedl_instant_ns op_retry_ns; /* op failed and goes out again then; FEDL_NEVER_NS = not */
    bool want_pause;             /* the operator asked; waits until the attempt has ended */
    uint64_t admin_ticket;       /* add, pause or resume under way */
    bool admin_out;
} fedli_task;

/* By neighbours or for a helper. */
static inline bool fedli_task_is_masked(const fedli_task *t)
{
    return t->plan.aggregation != FEDL_AGGREGATION_PLAIN;
}

static inline bool fedli_task_is_helped(const fedli_task *t)
{
    return t->plan.aggregation == FEDL_AGGREGATION_HELPER;
}

#endif
