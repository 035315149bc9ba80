/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plan promises and what it costs, for `fedl plan check`: cohort and graph, how many devices
 * may vanish, bytes, work of a device, privacy. Only for plans that were accepted (inih/plan_file.h
 * refuses the others, with the nearest good value).
 */
#ifndef FEDL_PORT_PLAN_REPORT_H
#define FEDL_PORT_PLAN_REPORT_H

#include "fedl/plan.h"

#include <stdbool.h>

#define FEDL_PIECE_BYTES     16384u /* of a transfer: what fedl-client takes unless told otherwise */
#define FEDL_PIECE_BYTES_MIN 256u   /* the smallest that a device may ask for */

/* What one device moves in one step of a masked round, up and down. Each step has step_timeout. */
typedef struct fedl_plan_step {
    uint64_t bytes;
    uint64_t message_count;       /* in pieces of FEDL_PIECE_BYTES */
    uint64_t small_message_count; /* in pieces of FEDL_PIECE_BYTES_MIN */
} fedl_plan_step;

typedef struct fedl_plan_report {
    uint32_t parameter_count;
    uint32_t cohort;     /* n: devices in a round when all goes well */
    uint32_t cohort_min; /* fewest in a sum */
    /* Steps of 2^update_exp that a coordinate of one update may move a round. */
    uint32_t q_max;

    /* Zero when plain. */
    bool masked;
    bool helped;   /* a helper takes the masks off: no graph */
    bool complete; /* everyone with everyone; else a ring of k neighbours */
    uint32_t k;
    uint32_t t;
    uint32_t colluding;   /* of the cohort */
    uint32_t vanish_max;  /* of the cohort, after READY: see planner/attempt_failure.h */
    double failure;       /* bound on P[an attempt fails because devices vanish] */
    uint32_t attack_bits; /* ring: 40 or 80; complete: 0, no chance is involved */
    /* Colluding neighbours of one device with which the server opens its vector. */
    uint32_t opened_by_following; /* the server follows the protocol */
    uint32_t opened_by_lying;     /* it lies; curious: 0 = it needs nobody */

    /* One device, one round without retries; without envelopes (1 %) and manifest. */
    uint64_t model_bytes;      /* down */
    uint64_t vector_bytes;     /* up */
    uint64_t masking_up_bytes; /* READY, SHARES, CONFIRM, UNMASK */
    uint64_t masking_down_bytes;
    fedl_plan_step shares_step;  /* roster, certificates, shares */
    fedl_plan_step vector_step;  /* forwarded shares, the masked vector */
    fedl_plan_step confirm_step; /* active: survivors, confirmation */
    fedl_plan_step unmask_step;  /* confirmations or survivors, shares for unmasking */
    uint32_t agreement_count;    /* X25519 per epoch_rounds rounds */
    uint32_t signature_count;    /* Ed25519 checks per epoch_rounds rounds */
    uint64_t mask_bytes;         /* keystream per round */

    /* What a device whose owner set nothing says to the plan; NONE: it takes part. */
    fedl_refusal usual_refusal;

    /* With privacy; ρ as it is charged. */
    double rho_round;
    double epsilon_round;
    double epsilon_task;    /* all rounds, first attempts only */
    uint32_t budget_rounds; /* attempts that the budget pays for; UINT32_MAX: more than that */
} fedl_plan_report;

/** plan and round were accepted; delta: for ε. */
void fedl_plan_report_make(fedl_plan_report *report, const fedl_plan *plan,
                           const fedl_round_config *round, double delta);

#endif
