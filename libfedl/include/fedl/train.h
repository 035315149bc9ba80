/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Local training: mini-batch SGD (with the FedProx term) on integers, one batch per call, so that
 * an MCU can feed its watchdog between calls. The same numbers on every platform: docs/numerics.md.
 */
#ifndef FEDL_TRAIN_H
#define FEDL_TRAIN_H

#include "fedl/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Where rows come from. read() copies row (0 ≤ row < row_count): input [input_count] and target
 * ([1] class index, or [output_count] regression mantissas). An input of -128 is read as -127. It
 * may return any error: training stops with it, before anything has changed, so that the step may
 * be tried again.
 */
typedef struct fedl_sample_source {
    void *context;
    uint32_t row_count;
    fedl_status (*read)(void *context, uint32_t row, int8_t *input, int32_t *target);
} fedl_sample_source;

#define FEDL_LR_ONE_Q24 (1u << 24)

typedef struct fedl_train_config {
    uint32_t local_epochs; /* 1 … 1000 */
    uint32_t batch_rows;   /* 1 … batch_rows_max of the model */
    uint32_t lr_q24;       /* learning rate η, 1 … 16·2^24; 2^24 is 1.0 */
    uint32_t prox_mu_q16;  /* FedProx μ; 0 = plain SGD. η·μ ≤ 1 */
} fedl_train_config;

/* The three numbers that make a device's randomness in a round its own, and repeatable. */
typedef struct fedl_train_seed {
    uint32_t run_seed;
    uint32_t round;
    uint32_t device_id;
} fedl_train_seed;

typedef struct fedl_train_stats {
    uint64_t
        loss_sum_q16;   /* Σ of the per-row loss over the last epoch, for whole rows trained on */
    uint64_t row_count; /* rows of the last epoch seen so far */
    uint64_t step_count;
    uint64_t update_count;    /* weight updates attempted, all epochs */
    uint64_t saturated_count; /* of these, how many saturated */
} fedl_train_stats;

/* Caller-owned; fields are private. */
typedef struct fedl_trainer {
    fedl_model *model;
    fedl_sample_source source;
    fedl_bytes reference;
    fedl_train_config config;
    fedl_train_seed seed;
    uint32_t epoch;
    uint32_t row_next;
    uint32_t step;
    fedl_train_stats stats;
} fedl_trainer;

/**
 * Prepares a local run on model. reference = container the model was loaded from (needed when
 * prox_mu_q16 > 0, else may be empty); it and what source points to outlive the trainer.
 * Errors: ERR_RANGE (config or row_count outside its range, 2^31 steps or more), ERR_ARGUMENT
 * (inference-only model, reference missing or not a whole container of this spec).
 */
FEDL_NODISCARD fedl_status fedl_trainer_begin(fedl_trainer *trainer, fedl_model *model,
                                              const fedl_sample_source *source,
                                              fedl_bytes reference, const fedl_train_config *config,
                                              const fedl_train_seed *seed);
/**
 * Trains one batch. *done = true after the last one, and at every call after that.
 * Errors: those of read(), ERR_RANGE (class index): nothing has changed. ERR_DIVERGED (more than 1
 * % of all updates so far saturated, or an exponent left its range): the model is of no use any
 * more.
 */
FEDL_NODISCARD fedl_status fedl_trainer_step(fedl_trainer *trainer, bool *done);
const fedl_train_stats *fedl_trainer_stats(const fedl_trainer *trainer);

typedef struct fedl_eval_stats {
    uint64_t row_count;
    uint64_t correct_count; /* classification: arg max, ties to the lower index */
    uint64_t loss_sum_q16;  /* cross-entropy in nats, or squared error summed over outputs */
} fedl_eval_stats;

/** Evaluates rows [row_first, row_first + row_count) one by one and ADDS to *stats. Errors: those
 * of read(), ERR_RANGE. */
FEDL_NODISCARD fedl_status fedl_model_evaluate(fedl_model *model, fedl_eval_stats *stats,
                                               const fedl_sample_source *source, uint32_t row_first,
                                               uint32_t row_count);

#ifdef __cplusplus
}
#endif
#endif
