/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan: everything a device must know to take part in a task. The operator writes it as an INI
 * file (docs/plan.md); what travels and what the manifest's digest covers is the canonical encoding
 * below.
 *
 * The round part (fedl_round_config) stays on the server: no device needs it.
 */
#ifndef FEDL_PLAN_H
#define FEDL_PLAN_H

#include "fedl/secagg.h"
#include "fedl/update.h"

#define FEDL_PLAN_DATA_BYTES_MAX 8192u
#define FEDL_PLAN_BYTES_MAX      (FEDL_PLAN_DATA_BYTES_MAX + 1024u)
#define FEDL_TASK_NAME_BYTES_MAX 64u

typedef struct fedl_plan {
    fedl_model_spec model;
    fedl_train_config train;
    fedl_update_config update;
    fedl_aggregation aggregation;
    fedl_secagg_config secagg;   /* zero when aggregation is plain */
    fedl_privacy_config privacy; /* mode NONE, else zero, when there is none */
    uint32_t run_seed;           /* seeds initialisation, shuffles, dither and rounding */
    uint32_t holdout_permille; /* part of the device's rows kept for evaluation, 0 … 500: the LAST
                                  rows after the seeded shuffle of rows */
    fedl_bytes
        data; /* the [data] section as normalised "key = value\n" lines; opaque to the core */
} fedl_plan;

/** Sets what the update's configuration takes from the privacy part: whoever fills in a plan calls
 * it, fedl_plan_check() refuses a plan where the two differ. */
void fedl_plan_settle(fedl_plan *plan);
/** Checks every part and their combination. Errors: ERR_RANGE, ERR_UNSUPPORTED. */
FEDL_NODISCARD fedl_status fedl_plan_check(const fedl_plan *plan);
/** Fixed-width little-endian encoding (docs/protocol.md). Errors: ERR_SIZE, those of check. */
FEDL_NODISCARD fedl_status fedl_plan_encode(uint8_t *out, size_t out_bytes, size_t *out_size,
                                            const fedl_plan *plan);
/** Decodes and checks; plan->data points into bytes. Errors: ERR_TRUNCATED, ERR_FORMAT,
 * ERR_VERSION, those of check. */
FEDL_NODISCARD fedl_status fedl_plan_decode(fedl_plan *plan, fedl_bytes bytes);

/** Δ̃² in grid steps², Q16: what ‖z‖² of a rounded vector may be; 0 when clip · 2^-update_exp is
 * above FEDL_PRIVACY_CLIP_STEPS_MAX. Formula and source: update/privacy.c. */
uint64_t fedl_privacy_bound_q16(const fedl_update_config *cfg, uint32_t parameter_count);
/** ρ of one sum in FEDL_RHO_ONE units, rounded up; UINT64_MAX when it has no bound. */
uint64_t fedl_privacy_rho(uint64_t bound_q16, uint32_t n_eff, uint32_t sigma2_q8);
/**
 * What one attempt costs in FEDL_RHO_ONE units, from the reader's own view of the smallest sum and
 * of the share of a cohort that colludes: max(1, ⌈γ·clients_max⌉) of the devices in that sum add no
 * noise. 0 without privacy, UINT64_MAX when nobody honest is left. plan was checked.
 */
uint64_t fedl_privacy_charge(const fedl_plan *plan, uint32_t min_cohort, uint32_t gamma_permille);

/* How the server runs the rounds of a task. */
typedef struct fedl_round_config {
    uint32_t round_count;  /* rounds until the task is complete, ≥ 1 */
    uint32_t clients_goal; /* reports that close a round, ≥ 1, ≤ plan.update.clients_max */
    uint32_t reports_min;  /* fewest reports that still make a version at the deadline, 1 …
                              clients_goal */
    uint32_t select_count; /* devices asked to train (≥ clients_goal: over-selection) */
    uint32_t pool_min;     /* check-ins to wait for before devices are chosen, ≥ select_count */
    uint32_t pool_timeout_ms; /* … but no longer than this when at least clients_goal are there; 0 =
                                 wait for ever */
    uint32_t deadline_ms;     /* from the choice of devices to the end of the round */
    uint32_t attempt_max;     /* attempts per round before the task is paused, ≥ 1 */
    uint32_t
        retry_ms; /* pause before a new attempt, and the retry_after told to devices not chosen */
    uint32_t server_lr_q16; /* server learning rate */
    uint32_t agg_kind;      /* fedl_agg_kind */
} fedl_round_config;

/** Errors: ERR_RANGE. */
FEDL_NODISCARD fedl_status fedl_round_config_check(const fedl_round_config *round,
                                                   const fedl_plan *plan);

#endif
