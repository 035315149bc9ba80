/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of a fedl_model: everything lies in the caller's block, in this order.
 *
 *   state │ per dense layer: weights int16, biases int32, input int8 [rows][in]
 *         │ wide int32 [rows][widest] │ targets int32 [rows][targets] │ kernel scratch
 *   training only: error int16 [rows][widest] │ dither uint32 [widest input]
 *
 * rows = max(batch_rows_max, 1). update/ reads weights and biases of the layers[] whose weights are
 * not NULL, in order: that is the container's order.
 */
#ifndef FEDL_NN_MODEL_STATE_H
#define FEDL_NN_MODEL_STATE_H

#include "fedl/model.h"
#include "nn/kernels.h"
#include "nn/layer.h"
#include "nn/loss.h"

typedef struct fedli_model_state {
    fedl_model_spec spec;
    uint32_t batch_rows_max; /* 0: inference only */
    uint32_t output_count;
    uint32_t target_count;
    const fedli_kernels *kernels;
    const fedli_loss_ops *loss;
    fedli_layer layers[FEDL_LAYERS_MAX];
    int32_t *wide; /* the tensor that flows between layers */
    int32_t wide_exp;
    int16_t *error; /* |e| ≤ 511; NULL without training */
    int32_t error_exp;
    bool error_zero;  /* nothing is left to propagate */
    bool overflow;    /* an exponent left its range upwards since this was last cleared */
    int32_t *targets; /* [rows][target_count] */
    uint32_t *dither; /* NULL without training */
    void *scratch;    /* of the kernels */
} fedli_model_state;

/** Runs all layers over rows rows of layers[0].input; the logits are in wide, wide_exp. */
void fedli_model_forward(fedli_model_state *state, uint32_t rows);

/** Makes a row read from outside safe for the kernels: −128 becomes −127. */
void fedli_model_sanitise(int8_t *input, size_t count);

#endif
