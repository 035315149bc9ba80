/* SPDX-License-Identifier: Apache-2.0 */
/* The deltas of a trained model in container order, from any parameter on: what both the plain and
 * the noised way of making a vector begin with. */
#ifndef FEDL_UPDATE_UPDATE_STREAM_H
#define FEDL_UPDATE_UPDATE_STREAM_H

#include "fedl/update.h"
#include "update/tensor_walk.h"

typedef struct fedli_update_stream {
    const fedl_update *update;
    fedli_tensor_walk walk;
    uint32_t next; /* parameter index */
} fedli_update_stream;

/** Stands before parameter first < parameter_count. */
void fedli_update_stream_init(fedli_update_stream *stream, const fedl_update *update,
                              uint32_t first);
/** The next count deltas, still unscaled, on the 2^-16 grid; all of them exist. */
void fedli_update_stream_read(fedli_update_stream *stream, int32_t *out, uint32_t count);

#endif
