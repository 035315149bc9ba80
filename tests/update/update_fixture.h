/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A model before and after training, with every mantissa under the test's control.
 *
 * The layout (index → tensor, place, exponent) is computed here by its own loop on purpose: it
 * checks the walk of the code under test. Errors end the test.
 */
#ifndef FEDL_TESTS_UPDATE_FIXTURE_H
#define FEDL_TESTS_UPDATE_FIXTURE_H

#include "fedl/update.h"

typedef struct update_fixture {
    fedl_model_spec spec;
    uint32_t count; /* parameters */
    fedl_model model;
    void *block;
    size_t container_bytes;
    uint8_t *before; /* container of the round */
    uint8_t *after;  /* container of the trained weights */
} update_fixture;

/* Where parameter index lives. */
typedef struct fixture_place {
    bool bias;
    int8_t exp;
    size_t byte_offset;
} fixture_place;

/* input – units[0] – ReLU – units[1] – …; exps[i] is the weight exponent of dense layer i. */
fedl_model_spec fixture_spec(uint32_t input_count, uint32_t dense_count, const uint32_t *units,
                             const int8_t *exps);
/** Zero weights on both sides. */
void fixture_init(update_fixture *fixture, const fedl_model_spec *spec);
void fixture_free(update_fixture *fixture);
fixture_place fixture_place_of(const update_fixture *fixture, uint32_t index);
/** Sets both mantissas of parameter index (clamped to int16 for weights). */
void fixture_set(update_fixture *fixture, uint32_t index, int32_t before, int32_t after);
/** Random mantissas; trained − received uniform in [−spread, spread]. */
void fixture_randomise(update_fixture *fixture, uint32_t seed, uint32_t spread);
/** Loads `after` into the model. */
void fixture_load(update_fixture *fixture);
/** The exact delta of parameter index in units of 2^-16, biases saturated to ±2^17. */
int64_t fixture_delta(const update_fixture *fixture, uint32_t index);
fedl_bytes fixture_reference(const update_fixture *fixture);
/** Begins an update with seed {7, 3, 11}, 100 rows, no statistics; asserts FEDL_OK. */
void fixture_begin(const update_fixture *fixture, fedl_update *update,
                   const fedl_update_config *cfg);
/** A configuration that most tests start from: C = 1, grid 2^-12, b = 16, 10 clients, w_max 8. */
fedl_update_config fixture_config(void);

#endif
