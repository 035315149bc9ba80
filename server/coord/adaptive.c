/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Adaptive clipping in the step that makes a version: the bound of the round that is being closed
 * is that of the visible version's manifest, the next one goes into the manifest of the version
 * that is made, and with it into the same transaction.
 */
#include "agg/clip_bound.h"
#include "coord/coord_state.h"

uint64_t fedli_adaptive_clipped(const fedli_task *t)
{
    const uint64_t word = t->accum.tail[FEDL_TAIL_CLIPPED];
    return t->plan.privacy.adaptive_clip ? fedl_clip_bound_above(word, t->accum.count) : word;
}

uint32_t fedli_adaptive_next(const fedli_task *t)
{
    if (!t->plan.privacy.adaptive_clip) {
        return 0;
    }
    return fedl_clip_bound_next_q16(&t->plan.update, t->model.bound_q16,
                                    (uint32_t)fedli_adaptive_clipped(t), t->accum.count,
                                    t->plan.privacy.quantile_permille);
}

uint32_t fedli_adaptive_lr_q16(const fedli_task *t)
{
    const uint32_t lr_q16 = t->round_config.server_lr_q16;
    return t->plan.privacy.adaptive_clip
               ? fedl_clip_bound_lr_q16(&t->plan.update, t->model.bound_q16, lr_q16)
               : lr_q16;
}
