/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Walks the tensors of a model in container order: per dense layer its weights, then its biases.
 * One definition of "which parameter has which index, place and exponent", used by the update on
 * the device and by the master copy on the server.
 */
#ifndef FEDL_UPDATE_TENSOR_WALK_H
#define FEDL_UPDATE_TENSOR_WALK_H

#include "fedl/model.h"

typedef struct fedli_tensor_walk {
    const fedl_model_spec *spec;
    uint32_t layer; /* of the current tensor */
    uint32_t input_count;
    bool bias;          /* the current tensor: biases, else weights */
    int8_t exp;         /* of the container's mantissas */
    uint32_t first;     /* index of the tensor's first parameter */
    uint32_t count;     /* its parameters, ≥ 1 */
    size_t byte_offset; /* of the tensor in the container, header included */
} fedli_tensor_walk;

/** Stands before the first tensor; spec was checked, is borrowed. */
void fedli_tensor_walk_init(fedli_tensor_walk *walk, const fedl_model_spec *spec);
/** Moves to the next tensor; false after the last one. */
bool fedli_tensor_walk_next(fedli_tensor_walk *walk);

#endif
