/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Models: a chain of layers with 16-bit fixed-point weights, in memory that the caller owns.
 *
 *   spec  ──size──►  block  ──init──►  model  ◄──load/export──►  container bytes
 *
 * The container is the canonical form of a model: what the server stores, what travels, what a
 * digest is taken of. The model object adds the scratch that inference and training need.
 * Arithmetic: docs/numerics.md. No float, no malloc; thread-safe when every thread has its own
 * model.
 */
#ifndef FEDL_MODEL_H
#define FEDL_MODEL_H

#include "fedl/bytes.h"
#include "fedl/status.h"

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FEDL_LAYERS_MAX     16u
#define FEDL_UNITS_MAX      65536u
#define FEDL_PARAMETERS_MAX (1u << 20)
#define FEDL_BATCH_ROWS_MAX 1024u
#define FEDL_WEIGHT_EXP_MIN (-15)
#define FEDL_WEIGHT_EXP_MAX (-8)
#define FEDL_BIAS_EXP       (-16) /* every bias is an int32 mantissa times 2^-16 */
#define FEDL_TARGET_EXP     (-16) /* regression targets: int32 mantissas times 2^-16 */

typedef enum fedl_layer_kind {
    FEDL_LAYER_DENSE = 1, /* y = x · Wᵀ + b,  W [units, in] */
    FEDL_LAYER_RELU = 2,  /* y = max(x, 0), keeps the shape */
} fedl_layer_kind;

typedef enum fedl_loss_kind {
    FEDL_LOSS_SOFTMAX_CE = 1, /* target[0] = class index in [0, output_count) */
    FEDL_LOSS_MSE = 2,        /* target[0 … output_count) = mantissas at FEDL_TARGET_EXP */
} fedl_loss_kind;

typedef struct fedl_layer_spec {
    fedl_layer_kind kind;
    uint32_t units;    /* DENSE: number of outputs; RELU: 0 */
    int8_t weight_exp; /* DENSE: weights are int16 mantissas times 2^weight_exp; RELU: 0 */
} fedl_layer_spec;

/* Everything that fixes a model's shape and number formats; plain data, may be copied. */
typedef struct fedl_model_spec {
    uint32_t input_count;
    int8_t input_exp; /* inputs are int8 mantissas (|m| ≤ 127) times 2^input_exp */
    fedl_loss_kind loss;
    uint32_t layer_count;
    fedl_layer_spec layers[FEDL_LAYERS_MAX];
} fedl_model_spec;

/** Checks every field and every product of sizes. The chain begins and ends with DENSE, RELU
 * follows DENSE only, softmax needs two outputs. Errors: ERR_RANGE, ERR_UNSUPPORTED (unknown kind).
 */
FEDL_NODISCARD fedl_status fedl_model_spec_check(const fedl_model_spec *spec);
/** Number of outputs of the last layer; spec was checked. */
uint32_t fedl_model_output_count(const fedl_model_spec *spec);
/** Number of weights and biases, d of the protocol; spec was checked. */
uint32_t fedl_model_parameter_count(const fedl_model_spec *spec);
bool fedl_model_spec_equal(const fedl_model_spec *a, const fedl_model_spec *b);

/* ---- container: header, then per dense layer weights int16 [units][in] and biases int32 [units],
 * all little-endian ---- */

/** Bytes of the whole container; spec was checked. */
size_t fedl_container_size(const fedl_model_spec *spec);
/** Bytes of the header in front of the tensors; spec was checked. */
size_t fedl_container_header_size(const fedl_model_spec *spec);
/** Writes the header. Errors: ERR_SIZE. */
FEDL_NODISCARD fedl_status fedl_container_header_encode(uint8_t *out, size_t out_bytes,
                                                        const fedl_model_spec *spec);
/**
 * Reads and checks a header (bytes may be the header alone or the whole container).
 * Errors: ERR_TRUNCATED, ERR_FORMAT, ERR_VERSION, ERR_RANGE, ERR_UNSUPPORTED.
 */
FEDL_NODISCARD fedl_status fedl_container_header_decode(fedl_model_spec *spec, fedl_bytes bytes);

/* ---- the model object ---- */

typedef struct fedl_model_config {
    fedl_model_spec spec;
    uint32_t batch_rows_max; /* rows that training handles at once; 0 = inference only */
} fedl_model_config;

/* Private fields live in nn/model_state.h; the object is a handle over the caller's block. */
typedef struct fedl_model {
    struct fedli_model_state *state;
} fedl_model;

/** Bytes that fedl_model_init() needs, 16-byte aligned; 0 when cfg is invalid. */
size_t fedl_model_size(const fedl_model_config *cfg);
/** Lays the model out in block (16-byte aligned, owned by the caller, outlives the model); all
 * weights and biases are 0. Errors: those of spec_check, ERR_RANGE (batch_rows_max), ERR_SIZE (also
 * for a block that is not aligned). */
FEDL_NODISCARD fedl_status fedl_model_init(fedl_model *model, const fedl_model_config *cfg,
                                           void *block, size_t block_bytes);
const fedl_model_spec *fedl_model_spec_of(const fedl_model *model);

/** Integer initialisation from seed (He-like uniform, docs/numerics.md §"Initialisation"); biases
 * 0. */
void fedl_model_randomise(fedl_model *model, uint32_t seed);
/** Takes weights and biases from a container of the same spec. Errors: those of header_decode,
 * ERR_MISMATCH (other spec), ERR_TRUNCATED, ERR_FORMAT (bytes left over). */
FEDL_NODISCARD fedl_status fedl_model_load(fedl_model *model, fedl_bytes container);
/** Writes the container (fedl_container_size bytes). Errors: ERR_SIZE. */
FEDL_NODISCARD fedl_status fedl_model_export(const fedl_model *model, uint8_t *out,
                                             size_t out_bytes);

/**
 * Forward pass of ONE row, so that a result never depends on what else is in a batch.
 * Shapes: input [input_count] int8 mantissas, logits [output_count] int32 mantissas times
 * 2^*logit_exp.
 */
void fedl_model_infer(fedl_model *model, int32_t *logits, int8_t *logit_exp, const int8_t *input);

#ifdef __cplusplus
}
#endif
#endif
