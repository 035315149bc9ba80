/* SPDX-License-Identifier: Apache-2.0 */
/* Small models, synthetic rows and checksums that the tests of nn/ share. */
#ifndef FEDL_TESTS_NN_FIXTURE_H
#define FEDL_TESTS_NN_FIXTURE_H

#include "fedl/train.h"

#define FIXTURE_INPUTS_MAX  64u
#define FIXTURE_OUTPUTS_MAX 16u

/** input_count – hidden (ReLU) – outputs; hidden = 0 leaves the hidden layer out. */
fedl_model_spec fixture_spec(uint32_t input_count, uint32_t hidden, uint32_t outputs,
                             fedl_loss_kind loss);

/* A model in memory of its own, from malloc, so that sanitizers see every step outside. */
typedef struct fixture_model {
    fedl_model model;
    void *block;
} fixture_model;

/** Builds a randomised model; aborts the test program when that fails. */
void fixture_model_open(fixture_model *fixture, const fedl_model_spec *spec,
                        uint32_t batch_rows_max, uint32_t seed);
void fixture_model_close(fixture_model *fixture);

/*
 * Rows that exist only as a function of (seed, row): class centres plus noise, or a random linear
 * map as regression. Learnable, endless, the same everywhere.
 */
typedef struct fixture_rows {
    fedl_model_spec spec;
    uint32_t seed;
    uint32_t fail_row;       /* read() of this row returns fail_status */
    fedl_status fail_status; /* FEDL_OK: never */
    uint32_t read_count;
} fixture_rows;

fedl_sample_source fixture_source(fixture_rows *rows, const fedl_model_spec *spec,
                                  uint32_t row_count, uint32_t seed);

/** FNV-1a over the exported container: equal exactly when all weights and biases are. */
uint64_t fixture_checksum(const fedl_model *model);
uint64_t fixture_fnv(const void *data, size_t size);

/** Runs a trainer to its end; the last status. */
fedl_status fixture_train(fedl_model *model, const fedl_sample_source *source, fedl_bytes reference,
                          const fedl_train_config *config, const fedl_train_seed *seed,
                          fedl_train_stats *stats);

/** The container of model in malloc'ed memory, until fixture_container_free(). */
fedl_bytes fixture_container(const fedl_model *model);
void fixture_container_free(fedl_bytes container);

#endif
