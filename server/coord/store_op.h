/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the coordinator wants to be durable: each op is ONE transaction (with its audit row). The
 * coordinator emits it as a STORE action; whoever executes it answers with a STORED event.
 * Pointers inside an op stay valid and unchanged until that event.
 */
#ifndef FEDL_COORD_STORE_OP_H
#define FEDL_COORD_STORE_OP_H

#include "fedl/plan.h"
#include "fedl/status.h"
#include "secure/cert.h"
#include "secure/manifest.h"

typedef enum fedl_device_state {
    FEDL_DEVICE_INVITED = 1, /* a token is out */
    FEDL_DEVICE_ACTIVE = 2,
    FEDL_DEVICE_REVOKED = 3,
    FEDL_DEVICE_LEFT = 4,
    FEDL_DEVICE_PENDING = 5, /* has shown its token and its keys, waits for a certificate of the CA,
                                whose key is not here */
} fedl_device_state;

typedef enum fedl_task_state {
    FEDL_TASK_RUNNING = 1,
    FEDL_TASK_PAUSED = 2, /* by the operator, or after too many failed attempts */
    FEDL_TASK_COMPLETE = 3,
} fedl_task_state;

/* A device as stored; name is UTF-8, zero-terminated. */
typedef struct fedl_device_record {
    uint32_t device_id; /* ≥ 1, never used twice */
    fedl_device_state state;
    char name[FEDL_TASK_NAME_BYTES_MAX];
    uint8_t token_hash[32]; /* INVITED: keyed hash of the token's secret; never the secret itself */
    uint64_t token_expires_s; /* UTC */
    uint8_t id_public[32];    /* ACTIVE and after */
    uint8_t noise_public[32];
    uint8_t cert_signature[64]; /* of a certificate that was signed elsewhere; zero = none */
    uint64_t changed_s;
} fedl_device_record;

/* One published model version. */
typedef struct fedl_model_record {
    uint32_t task_id;
    uint32_t version; /* 1, 2, 3 … without gaps */
    uint32_t round;   /* 0 for the first */
    uint8_t digest[32];
    uint8_t parent_digest[32];
    uint8_t manifest[FEDLI_MANIFEST_BYTES];
    uint8_t signature[64];
    fedl_bytes container;
    const int32_t *master_words; /* [parameter_count], agg/master.h */
    uint32_t parameter_count;
    fedl_bytes
        agg_state; /* optimiser state after this version, host-independent bytes; may be empty */
    uint64_t created_s;
    uint32_t bound_q16; /* adaptive clipping: as in manifest, where it is stored; else 0 */
} fedl_model_record;

/* Sums over the devices of a committed round, from the tail of the vectors. */
typedef struct fedl_round_metrics {
    uint32_t report_count;
    uint64_t tail[FEDL_TAIL_WORDS];
    uint64_t bytes_up; /* bytes of vectors and items received for this attempt, before framing */
    uint64_t bytes_down;
    uint64_t duration_ms; /* from choosing devices to commit */
} fedl_round_metrics;

typedef enum fedl_store_op_kind {
    FEDL_STORE_DEVICE_ADD = 1,   /* device: state INVITED */
    FEDL_STORE_DEVICE_ENROL = 2, /* device: state ACTIVE or PENDING; the token is used up */
    FEDL_STORE_DEVICE_STATE = 3, /* device.device_id, device.state */
    FEDL_STORE_TASK_ADD = 4,     /* task_id, name, plan_text, first model */
    FEDL_STORE_TASK_STATE = 5,   /* task_id, task_state, text = reason */
    FEDL_STORE_ROUND_OPEN = 6,   /* task_id, round, attempt, members */
    FEDL_STORE_ROUND_ABORT = 7,  /* task_id, round, attempt, text = reason; rho: the failed attempt
                                    has cost it, because devices may have answered the roster */
    FEDL_STORE_COMMIT = 8, /* task_id, round, attempt, members that were counted, model, metrics,
                              rho (of the server's own noise): the commit point of a version */
    FEDL_STORE_GROUP_COMMIT = 9, /* task_id, round, attempt, members = U2, share_kinds, masked_sum,
                                    group_state, rho: the commit point of a masked sum. Afterwards
                                    the round is finished (COMMIT) or burnt, never tried again */
    FEDL_STORE_ROUND_BURN = 10,  /* task_id, round, attempt, text, blamed: no attempt follows, the
                                    next round starts from the same model; masked_sum and
                                    group_state are forgotten, the charge stays. rho as
                                    ROUND_ABORT, of an open attempt without a sum */
    FEDL_STORE_DEVICE_CERTIFY = 11, /* device.device_id, device.cert_signature: PENDING → ACTIVE */
    FEDL_STORE_DEVICE_READMIT = 12, /* device.device_id: forgets that tasks leave it out */
} fedl_store_op_kind;

typedef struct fedl_store_op {
    fedl_store_op_kind kind;
    uint64_t utc_s;
    fedl_device_record device;
    uint32_t task_id;
    fedl_task_state task_state;
    char name[FEDL_TASK_NAME_BYTES_MAX];
    fedl_bytes plan_text;
    uint32_t round;
    uint32_t attempt;
    const uint32_t *members; /* device ids, rising */
    uint32_t member_count;
    fedl_model_record model;
    fedl_round_metrics metrics;
    const uint8_t *share_kinds; /* [member_count]: 1 = b (survivor), 2 = d (vanished) */
    fedl_bytes masked_sum;      /* one vector */
    fedl_bytes group_state;     /* fedl_group_export() */
    uint64_t rho;               /* privacy charge, FEDL_RHO_ONE units; 0 = none */
    uint32_t blamed;            /* ROUND_ABORT, ROUND_BURN, COMMIT: device to name in the audit; 0 =
                                   none. Without blamed_other and blamed_in_doubt it has lied: from
                                   here on the task leaves it out */
    uint32_t blamed_other;      /* the other end of a complaint; 0 = none */
    bool blamed_in_doubt;       /* a helper accuses it: only the audit keeps that */
    const char *text;           /* static storage, or NULL */
} fedl_store_op;

#endif
