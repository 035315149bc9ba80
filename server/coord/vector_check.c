/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be checked of a vector that is not masked: every number in it is one that an honest
 * device of this plan could have sent. So one device's influence on a sum is bounded by w_max
 * clipped coordinates, and no sum wraps around, whoever lies.
 *
 * It is not a proof of good input: within these bounds a device may still send what it likes. Of
 * masked vectors only the sum can be looked at, after its masks are off: one that no honest devices
 * could have made is thrown away, but one liar among many may stay within the bounds of all.
 */
#include "base/cursor.h"
#include "coord/coord_state.h"
#include "update/gaussian.h"

/* Exact metrics are not private: with noise of any kind a device says only that it is there. */
static bool reports_metrics(const fedli_task *t)
{
    return t->plan.update.noise_sigma2_q8 == 0 && t->plan.update.sum_sigma2_q8 == 0;
}

/* Adaptive clipping: n devices, each 0 or 1 and its noise, if it makes any; re-centred. */
static bool bits_are_sane(const fedl_update_config *update, uint64_t bits, uint64_t n)
{
    if (update->bit_sigma2_q8 == 0) {
        return bits == 0;
    }
    const uint64_t noise = update->noise_sigma2_q8 == 0 ? 0 : n * FEDLI_NOISE_END; /* < 2^29 */
    return bits + noise <= n + 2u * noise;
}

/* The tail of a sum of n vectors without metrics. */
static bool bare_tail_is_sane(const fedl_update_config *update,
                              const uint64_t tail[FEDL_TAIL_WORDS], uint64_t n)
{
    for (size_t i = 0; i < FEDL_TAIL_WORDS; i++) {
        if (i != FEDL_TAIL_CLIPPED && tail[i] != (i == FEDL_TAIL_WEIGHT ? n : 0u)) {
            return false;
        }
    }
    return bits_are_sane(update, tail[FEDL_TAIL_CLIPPED], n);
}

static bool tail_is_sane(const fedli_task *t, const uint64_t tail[FEDL_TAIL_WORDS])
{
    if (!reports_metrics(t)) {
        return bare_tail_is_sane(&t->plan.update, tail, 1);
    }
    return tail[FEDL_TAIL_WEIGHT] >= 1u && tail[FEDL_TAIL_WEIGHT] <= t->plan.update.w_max &&
           tail[FEDL_TAIL_ROWS] <= UINT32_MAX &&
           tail[FEDL_TAIL_LOSS_Q16] <= FEDL_TAIL_LOSS_Q16_MAX &&
           tail[FEDL_TAIL_EVAL_ROWS] <= UINT32_MAX &&
           tail[FEDL_TAIL_EVAL_CORRECT] <= tail[FEDL_TAIL_EVAL_ROWS] &&
           tail[FEDL_TAIL_EVAL_LOSS_Q16] <= FEDL_TAIL_LOSS_Q16_MAX &&
           tail[FEDL_TAIL_SATURATED] <= t->accum.parameter_count && tail[FEDL_TAIL_CLIPPED] <= 1u;
}

/*
 * Whether every word of the body lies within ±bound: (word + bound) mod 2^b ≤ 2·bound. No early
 * exit, so that compilers turn each loop into vector instructions: honest vectors are the rule.
 */
static bool words8_are_within(const uint8_t *body, uint32_t count, uint32_t bound)
{
    uint32_t outside = 0;
    for (uint32_t i = 0; i < count; i++) {
        outside |= (uint8_t)(body[i] + bound) > 2u * bound ? 1u : 0u;
    }
    return outside == 0;
}

static bool words16_are_within(const uint8_t *body, uint32_t count, uint32_t bound)
{
    uint32_t outside = 0;
    for (uint32_t i = 0; i < count; i++) {
        outside |= (uint16_t)(fedli_load_u16(body + 2u * i) + bound) > 2u * bound ? 1u : 0u;
    }
    return outside == 0;
}

static bool words24_are_within(const uint8_t *body, uint32_t count, uint32_t bound)
{
    uint32_t outside = 0;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t word = fedli_load_u16(body + 3u * i) | (uint32_t)body[3u * i + 2u] << 16;
        outside |= ((word + bound) & 0xffffffu) > 2u * bound ? 1u : 0u;
    }
    return outside == 0;
}

static bool words32_are_within(const uint8_t *body, uint32_t count, uint32_t bound)
{
    uint32_t outside = 0;
    for (uint32_t i = 0; i < count; i++) {
        outside |= fedli_load_u32(body + 4u * i) + bound > 2u * bound ? 1u : 0u;
    }
    return outside == 0;
}

static bool sum_tail_is_sane(const fedli_task *t)
{
    /* Below 2^16 devices: no bound below exceeds 2^63. */
    const fedl_accum *sum = &t->accum;
    const uint64_t *tail = sum->tail;
    const uint64_t n = sum->count;
    const uint64_t rows_max = n * UINT32_MAX;
    if (!reports_metrics(t)) {
        return bare_tail_is_sane(&t->plan.update, tail, n);
    }
    return !(tail[FEDL_TAIL_WEIGHT] < n || tail[FEDL_TAIL_WEIGHT] > n * t->plan.update.w_max ||
             tail[FEDL_TAIL_ROWS] > rows_max ||
             tail[FEDL_TAIL_LOSS_Q16] > n * FEDL_TAIL_LOSS_Q16_MAX ||
             tail[FEDL_TAIL_EVAL_ROWS] > rows_max ||
             tail[FEDL_TAIL_EVAL_CORRECT] > tail[FEDL_TAIL_EVAL_ROWS] ||
             tail[FEDL_TAIL_EVAL_LOSS_Q16] > n * FEDL_TAIL_LOSS_Q16_MAX ||
             tail[FEDL_TAIL_SATURATED] > n * sum->parameter_count || tail[FEDL_TAIL_CLIPPED] > n);
}

bool fedli_sum_is_sane(const fedli_task *t)
{
    const fedl_accum *sum = &t->accum;
    if (!sum_tail_is_sane(t)) {
        return false;
    }
    if (t->plan.update.noise_sigma2_q8 != 0) {
        return true; /* noise of the devices may have any value */
    }
    /* Σ q_max·w ≤ clients_max·q_max·w_max < 2^(b−1). */
    const int64_t bound =
        (int64_t)(sum->tail[FEDL_TAIL_WEIGHT] * fedl_update_q_max(&t->plan.update));
    for (uint32_t i = 0; i < sum->parameter_count; i++) {
        const int64_t word = fedl_accum_sum(sum, i);
        if (word > bound || word < -bound) {
            return false;
        }
    }
    return true;
}

bool fedli_vector_is_sane(const fedli_task *t, const uint8_t *vector)
{
    const uint32_t count = t->accum.parameter_count;
    uint64_t tail[FEDL_TAIL_WORDS];
    const uint8_t *at = vector + t->accum.vector_bytes - sizeof tail;
    for (size_t i = 0; i < FEDL_TAIL_WORDS; i++) {
        tail[i] = fedli_load_u64(at + 8u * i);
    }
    if (!tail_is_sane(t, tail)) {
        return false;
    }
    /* q_max · w ≤ q_max · w_max < 2^(b−1): twice that is below 2^b ≤ 2^32. */
    const uint32_t weight = (uint32_t)tail[FEDL_TAIL_WEIGHT];
    const uint32_t bound = fedl_update_q_max(&t->plan.update) * weight;
    switch (t->plan.update.ring_bits) {
    case 8:
        return words8_are_within(vector, count, bound);
    case 16:
        return words16_are_within(vector, count, bound);
    case 24:
        return words24_are_within(vector, count, bound);
    case 32:
        return words32_are_within(vector, count, bound);
    default: /* the plan was checked: there is no other ring */
        return false;
    }
}
