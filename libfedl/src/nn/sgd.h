/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One step of stochastic gradient descent on integers: the fused weight update, the biases, the
 * FedProx pull, and the learning rate in its two pieces (docs/numerics.md §5).
 */
#ifndef FEDL_NN_SGD_H
#define FEDL_NN_SGD_H

#include "fedl/bytes.h"
#include "nn/model_state.h"

/** η/B = mantissa·2^exp by integer division. 1 ≤ lr_q24 ≤ 2^28, 1 ≤ rows ≤ 1024. */
fedli_rate fedli_rate_of(uint32_t lr_q24, uint32_t rows);

/** η·μ in Q30, rounded half up; lr_q24 · mu_q16 ≤ 2^40. */
uint32_t fedli_prox_q30(uint32_t lr_q24, uint32_t mu_q16);

/** W −= E·x of one dense layer with counter-based stochastic rounding; counts into step. */
void fedli_sgd_update_weights(fedli_model_state *state, uint32_t index, fedli_sgd_step *step);
/** b −= Σ E, rounded half up to the bias grid, saturating; counts into step. */
void fedli_sgd_update_biases(fedli_model_state *state, uint32_t index, fedli_sgd_step *step);

/** Narrows wide (count values) to state->error, and notes when nothing is left of it. */
void fedli_error_narrow(fedli_model_state *state, size_t count);

/**
 * Back-propagation of the batch whose logits are in wide: top error, then every layer downwards,
 * each updated on the way, until nothing is left to propagate. Overwrites wide and error.
 */
void fedli_sgd_backward(fedli_model_state *state, fedli_rate rate, fedli_sgd_step *step);

/** p −= η·μ·(p − p_round) for every weight and bias; reference is a container of the same spec. */
void fedli_sgd_prox(fedli_model_state *state, fedl_bytes reference, uint32_t prox_q30,
                    uint32_t step_seed);

#endif
