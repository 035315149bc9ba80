/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The same models in float32: what the integer arithmetic is measured against, in tests and in
 * bench/. Never part of the library. Sums run in a fixed order and nothing is contracted, so a
 * result is repeatable on one machine.
 */
#ifndef FEDL_TESTS_REFERENCE_FLOAT_H
#define FEDL_TESTS_REFERENCE_FLOAT_H

#include "fedl/model.h"

typedef struct reference_layer {
    uint32_t in_count;
    uint32_t out_count;
    bool relu_after;
    float *weights; /* [in][out]: transposed, so that every inner loop runs over outputs */
    float *biases;  /* [out] */
    float *input;   /* [in] of the row at hand */
    float *error;   /* [out] */
    float *weight_gradient;
    float *bias_gradient;
} reference_layer;

typedef struct reference_model {
    fedl_model_spec spec;
    uint32_t layer_count; /* dense layers only */
    reference_layer layers[FEDL_LAYERS_MAX];
    float *logits;
} reference_model;

/** Copies weights and biases of model, as floats. Memory from malloc; aborts without any. */
void reference_open(reference_model *reference, const fedl_model *model);
void reference_close(reference_model *reference);

/** Logits of one row, in reference->logits. */
void reference_forward(reference_model *reference, const float *input);

/**
 * Loss of one row by the last forward pass, in nats or as Σ(z − t)².
 * target: the class index, or output_count values.
 */
float reference_loss(const reference_model *reference, const float *target);

/**
 * One SGD step on the mean gradient of rows rows: inputs [rows][input_count], targets
 * [rows][1 or output_count]. For MSE the gradient of ½Σ(z − t)², as in the integer trainer.
 */
void reference_train(reference_model *reference, const float *inputs, const float *targets,
                     uint32_t rows, float rate);

/** Accumulates the gradient of rows rows (summed, not averaged) without changing a weight. */
void reference_gradient(reference_model *reference, const float *inputs, const float *targets,
                        uint32_t rows);

#endif
