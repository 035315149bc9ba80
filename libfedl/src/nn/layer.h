/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every kind of layer provides, as one row of a table. A new layer is one file and one row.
 *
 * Between layers flows ONE wide tensor (int32 accumulators with one exponent). A dense layer
 * narrows it to its own int8 input first; ReLU works in place. So ReLU is applied before the
 * rounding and the scale is never spent on negative values. Rejected: a narrow tensor behind every
 * layer (one more rounding per ReLU).
 */
#ifndef FEDL_NN_LAYER_H
#define FEDL_NN_LAYER_H

#include "base/arena.h"
#include "fedl/model.h"
#include "nn/kernels.h"

struct fedli_model_state;

typedef struct fedli_layer_ops fedli_layer_ops;

typedef struct fedli_layer {
    const fedli_layer_ops *ops;
    uint32_t in_count;
    uint32_t out_count;
    int32_t weight_exp;
    int32_t input_exp; /* exponent of input[], set by the forward pass */
    int16_t *weights;  /* [out_count][in_count], DENSE only */
    int32_t *biases;   /* [out_count] at FEDL_BIAS_EXP, DENSE only */
    int8_t *input;     /* [rows][in_count], DENSE only; the narrowed input of the last forward */
} fedli_layer;

/* One backward step: what the layers need to know beyond their own state. */
typedef struct fedli_sgd_step {
    uint32_t rows;
    uint32_t dither_seed; /* of this device, round and step */
    uint64_t update_count;
    uint64_t saturated_count;
} fedli_sgd_step;

struct fedli_layer_ops {
    fedl_layer_kind kind;
    const char *name;
    /** Checks one layer of a spec and tells its number of outputs and parameters (both fit: the
     * caller bounds in_count). Errors: ERR_RANGE. */
    fedl_status (*check)(const fedl_layer_spec *spec, uint32_t in_count, uint32_t *out_count,
                         uint64_t *parameter_count);
    /** Takes the layer's tensors from the arena, for at most rows rows. */
    void (*lay_out)(fedli_layer *layer, fedli_arena *arena, uint32_t rows);
    /** Wide tensor in, wide tensor out. */
    void (*forward)(struct fedli_model_state *state, uint32_t index, uint32_t rows);
    /**
     * From state->error (of the layer's output) to state->error of its input, and the update of its
     * own parameters. Errors of the first layer's input are not computed.
     */
    void (*backward)(struct fedli_model_state *state, uint32_t index, fedli_sgd_step *step);
};

/** The row for kind, or NULL when there is none. */
const fedli_layer_ops *fedli_layer_ops_of(fedl_layer_kind kind);

extern const fedli_layer_ops fedli_layer_dense;
extern const fedli_layer_ops fedli_layer_relu;

#endif
