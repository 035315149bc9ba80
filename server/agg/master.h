/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's master copy of a model: finer than what devices get. Weights int32 at weight_exp −
 * 16, biases int32 at −24, saturating (docs/update.md §7). Devices get weights rounded (half up) to
 * int16 and biases at −16 through the container; what the rounding cuts off stays here, so that
 * many small steps of the server add up.
 *
 * Memory: 4 bytes per parameter, in container order (per dense layer: weights, then biases).
 */
#ifndef FEDL_AGG_MASTER_H
#define FEDL_AGG_MASTER_H

#include "fedl/model.h"

#define FEDL_MASTER_WEIGHT_BITS 16 /* extra fraction bits of a weight */
#define FEDL_MASTER_BIAS_EXP    (-24)

/* Caller-owned; aggregators write the words. */
typedef struct fedl_master {
    fedl_model_spec spec;
    uint32_t parameter_count;
    int32_t *words; /* [parameter_count] */
} fedl_master;

/** Bytes of the block that init needs (a multiple of 16); 0 when spec is invalid. */
size_t fedl_master_size(const fedl_model_spec *spec);
/**
 * Lays the master out in block (16-byte aligned, owned by the caller, outlives it); words are 0.
 * Errors: those of fedl_model_spec_check(), ERR_SIZE (block too small or misaligned).
 */
FEDL_NODISCARD fedl_status fedl_master_init(fedl_master *master, const fedl_model_spec *spec,
                                            void *block, size_t block_bytes);
/**
 * Sets every word from a container of the same spec; biases beyond ±128 saturate.
 * Errors: those of fedl_model_load(); nothing is changed then.
 */
FEDL_NODISCARD fedl_status fedl_master_load_container(fedl_master *master, fedl_bytes container);
/** Writes the container that devices get (fedl_container_size bytes). Errors: ERR_SIZE. */
FEDL_NODISCARD fedl_status fedl_master_export_container(const fedl_master *master, uint8_t *out,
                                                        size_t out_bytes);
/**
 * Are these the words that this container (whole, of this spec) was exported from, or that were
 * loaded from it? Compared as they would be exported now: a change of less than what the rounding
 * cuts off, half a step of a device's parameter, is not seen.
 */
bool fedl_master_is_of(const fedl_master *master, const uint8_t *container);
/** Exponent of word index; index < parameter_count. */
int8_t fedl_master_exp(const fedl_master *master, uint32_t index);

/** Bytes of the stored form: the words, little-endian, and nothing else. */
size_t fedl_master_state_size(const fedl_master *master);
/** Writes the stored form, which goes into the same transaction as the container. ERR_SIZE. */
FEDL_NODISCARD fedl_status fedl_master_save(const fedl_master *master, uint8_t *out,
                                            size_t out_bytes);
/** Takes the words from a stored form. Errors: ERR_MISMATCH (its size). */
FEDL_NODISCARD fedl_status fedl_master_restore(fedl_master *master, fedl_bytes state);

#endif
