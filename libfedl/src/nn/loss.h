/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Losses: from logits to the top error, which already carries the learning rate (docs/numerics.md
 * §4), and to a loss value that is computed only when somebody wants to see it.
 */
#ifndef FEDL_NN_LOSS_H
#define FEDL_NN_LOSS_H

#include "fedl/model.h"
#include "nn/requant.h"

/* No row counts more than this: 2^15 nats in Q16, so that 2^16 rows stay below 2^47. */
#define FEDLI_LOSS_MAX_Q16 0x7fffffff

/* Learning rate over batch size, η/B = mantissa · 2^exp with 2^14 ≤ mantissa < 2^15. */
typedef struct fedli_rate {
    int32_t mantissa;
    int32_t exp;
} fedli_rate;

typedef struct fedli_loss_ops {
    fedl_loss_kind kind;
    /** Smallest number of outputs that makes sense. */
    uint32_t output_count_min;
    /** Words of target per row. */
    uint32_t (*target_count)(uint32_t output_count);
    /** False when a target word is outside its range. */
    bool (*target_valid)(const int32_t *target, uint32_t output_count);
    /** Loss of one row. Shapes: logits [output_count] times 2^exp, target [target_count]. */
    uint32_t (*value_q16)(const int32_t *logits, int32_t exp, const int32_t *target,
                          uint32_t output_count);
    /**
     * Top error of the whole batch, times rate, requantised to 9 bits. logits may be overwritten.
     * Shapes: error, logits [rows, output_count], targets [rows, target_count].
     */
    fedli_requant (*error)(int16_t *error, int32_t *logits, int32_t exp, const int32_t *targets,
                           uint32_t rows, uint32_t output_count, fedli_rate rate);
} fedli_loss_ops;

/** The row for kind, or NULL when there is none. */
const fedli_loss_ops *fedli_loss_ops_of(fedl_loss_kind kind);

extern const fedli_loss_ops fedli_loss_softmax;
extern const fedli_loss_ops fedli_loss_mse;

#endif
