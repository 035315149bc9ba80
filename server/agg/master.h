/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's master copy of a model: finer than what devices get. Weights int32 at weight_exp −
 * 16, biases int32 at −24, saturating (docs/numerics.md §6). Devices get weights rounded (half up)
 * to int16 and biases at −16 through the container.
 *
 * Memory: 4 bytes per parameter, in container order (per dense layer: weights, then biases).
 */
#ifndef FEDL_AGG_MASTER_H
#define FEDL_AGG_MASTER_H

#include "fedl/model.h"

typedef struct fedl_master {
    fedl_model_spec spec;
    uint32_t parameter_count;
    int32_t *words; /* [parameter_count] */
} fedl_master;

size_t fedl_master_size(const fedl_model_spec *spec);
FEDL_NODISCARD fedl_status fedl_master_init(fedl_master *master, const fedl_model_spec *spec,
                                            void *block, size_t block_bytes);
/** Sets every word from a container of the same spec. Errors: those of fedl_model_load(). */
FEDL_NODISCARD fedl_status fedl_master_load_container(fedl_master *master, fedl_bytes container);
/** Writes the container that devices get. Errors: ERR_SIZE. */
FEDL_NODISCARD fedl_status fedl_master_export_container(const fedl_master *master, uint8_t *out,
                                                        size_t out_bytes);
/** Exponent of word index. */
int8_t fedl_master_exp(const fedl_master *master, uint32_t index);

#endif
