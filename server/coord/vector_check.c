/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be checked of a vector that is not masked: every number in it is one that an honest
 * device of this plan could have sent. So one device's influence on a sum is bounded by w_max
 * clipped coordinates, and no sum wraps around, whoever lies.
 *
 * It is not a proof of good input: within these bounds a device may still send what it likes. A
 * masked vector will not come through here.
 */
#include "base/cursor.h"
#include "coord/coord_state.h"

static bool tail_is_sane(const fedli_task *t, const uint64_t tail[FEDL_TAIL_WORDS])
{
    return tail[FEDL_TAIL_WEIGHT] >= 1u && tail[FEDL_TAIL_WEIGHT] <= t->plan.update.w_max &&
           tail[FEDL_TAIL_ROWS] <= UINT32_MAX &&
           tail[FEDL_TAIL_LOSS_Q16] <= FEDL_TAIL_LOSS_Q16_MAX &&
           tail[FEDL_TAIL_EVAL_ROWS] <= UINT32_MAX &&
           tail[FEDL_TAIL_EVAL_CORRECT] <= tail[FEDL_TAIL_EVAL_ROWS] &&
           tail[FEDL_TAIL_EVAL_LOSS_Q16] <= FEDL_TAIL_LOSS_Q16_MAX &&
           tail[FEDL_TAIL_SATURATED] <= t->accum.parameter_count && tail[FEDL_TAIL_CLIPPED] <= 1u;
}

bool fedli_vector_is_sane(const fedli_task *t, const uint8_t *vector)
{
    const size_t word_bytes = t->plan.update.ring_bits / 8u;
    const uint64_t ring = (uint64_t)1 << t->plan.update.ring_bits;
    uint64_t tail[FEDL_TAIL_WORDS];
    const uint8_t *at = vector + t->accum.vector_bytes - sizeof tail;
    for (size_t i = 0; i < FEDL_TAIL_WORDS; i++) {
        tail[i] = fedli_load_u64(at + 8u * i);
    }
    if (!tail_is_sane(t, tail)) {
        return false;
    }
    /* q_max · w < 2^(b−1): a word is small, or its negative is. */
    const uint64_t bound = fedl_update_q_max(&t->plan.update) * tail[FEDL_TAIL_WEIGHT];
    for (uint32_t i = 0; i < t->accum.parameter_count; i++, vector += word_bytes) {
        uint64_t word = 0;
        for (size_t k = 0; k < word_bytes; k++) {
            word |= (uint64_t)vector[k] << (8u * k);
        }
        if (word > bound && ring - word > bound) {
            return false;
        }
    }
    return true;
}
