/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one long computation: taking the masks off a sum. The host calls it for every part, on as
 * many threads as it likes; parts are slices of the coordinates, so they share nothing they write.
 */
#include "coord/coord.h"

void fedl_compute_run(const fedl_compute_job *job, uint32_t part, uint32_t parts)
{
    fedli_mask_slice(fedli_prg_best(), &job->shape, job->vector, job->keys, job->key_count, part,
                     parts);
}
