/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From trained weights to the vector that is sent: delta, L2 clip, one update grid, stochastic
 * rounding, weight, ring. Specification: docs/numerics.md §6.
 *
 * The vector (identical in plain and masked mode) is
 *   body: parameter_count little-endian words of ring_bits/8 bytes in Z_{2^b}, zero-padded to 64
 * bytes tail: FEDL_TAIL_WORDS little-endian uint64 in Z_{2^64} (64 bytes) It is never stored: any
 * part can be produced again from (trained model, container of the round, seed).
 */
#ifndef FEDL_UPDATE_H
#define FEDL_UPDATE_H

#include "fedl/train.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FEDL_TAIL_WORDS 8u

/* Index of each word of the tail; every word is a sum over clients after aggregation. */
typedef enum fedl_tail_word {
    FEDL_TAIL_WEIGHT = 0,    /* w_u in [1, w_max] */
    FEDL_TAIL_ROWS = 1,      /* training rows, < 2^32 */
    FEDL_TAIL_LOSS_Q16 = 2,  /* Σ training loss of the last epoch, < 2^47 */
    FEDL_TAIL_EVAL_ROWS = 3, /* held-out rows, evaluated on the model as received */
    FEDL_TAIL_EVAL_CORRECT = 4,
    FEDL_TAIL_EVAL_LOSS_Q16 = 5,
    FEDL_TAIL_SATURATED = 6, /* coordinates cut at q_max */
    FEDL_TAIL_CLIPPED = 7,   /* 1 when the L2 clip was active */
} fedl_tail_word;

typedef struct fedl_update_config {
    uint32_t clip_q16;    /* L2 clipping norm C, in units of the weights, Q16, ≥ 1 */
    int8_t update_exp;    /* plan-wide grid of every coordinate, −20 … −4 */
    uint8_t ring_bits;    /* 8, 16, 24 or 32 */
    uint32_t clients_max; /* most clients in one sum */
    uint32_t w_unit;      /* rows per unit of weight, ≥ 1; 0 = every client weighs 1 */
    uint32_t w_max;       /* 1 … 255 */
} fedl_update_config;

/** Errors: ERR_RANGE (also when q_max would be < 1, or N2 could reach 2^63 for this spec). */
FEDL_NODISCARD fedl_status fedl_update_config_check(const fedl_update_config *cfg,
                                                    const fedl_model_spec *spec);
/** q_max = ⌊(2^(b−1) − 1) / (clients_max · w_max)⌋: what one coordinate may be before weighting. */
uint32_t fedl_update_q_max(const fedl_update_config *cfg);
/** w = clamp(round(rows / w_unit), 1, w_max). */
uint32_t fedl_update_weight(const fedl_update_config *cfg, uint32_t row_count);
/** Bytes of the body (padded) and of the whole vector. */
size_t fedl_update_body_size(const fedl_update_config *cfg, uint32_t parameter_count);
size_t fedl_update_vector_size(const fedl_update_config *cfg, uint32_t parameter_count);

/* Caller-owned; fields are private to update/. */
typedef struct fedl_update {
    const fedl_model *model;
    fedl_bytes reference;
    fedl_update_config config;
    uint32_t rounding_seed;
    uint32_t factor_q15; /* clip factor f, 2^15 = not clipped */
    bool truncate;       /* the norm check after stochastic rounding failed: round toward zero */
    int8_t finest_exp;
    uint64_t norm; /* before clipping, in units of 2^finest_exp */
    uint64_t tail[FEDL_TAIL_WORDS];
} fedl_update;

/**
 * Measures the delta (passes over model and reference) and fixes clip factor, weight and tail.
 * model and reference (the round's container) stay unchanged and outlive the update.
 * Errors: ERR_RANGE (config), ERR_MISMATCH (reference has another spec).
 */
FEDL_NODISCARD fedl_status fedl_update_begin(fedl_update *update, const fedl_model *model,
                                             fedl_bytes reference, const fedl_update_config *cfg,
                                             const fedl_train_seed *seed, uint32_t row_count,
                                             const fedl_train_stats *train,
                                             const fedl_eval_stats *eval);
/**
 * Produces bytes [offset, offset + size) of the vector; offset is a multiple of 64. Same bytes at
 * every call. Errors: ERR_RANGE (beyond the vector, or offset not a multiple of 64).
 */
FEDL_NODISCARD fedl_status fedl_update_read(const fedl_update *update, uint8_t *out, size_t offset,
                                            size_t size);

#ifdef __cplusplus
}
#endif
#endif
