/* SPDX-License-Identifier: Apache-2.0 */
/* What a plan fixes about the update, and the sizes that follow from it. */
#include "base/check.h"
#include "base/fixed.h"
#include "fedl/plan.h"
#include "update/clip.h"
#include "update/rotate.h"

static bool ring_is_known(uint8_t ring_bits)
{
    return ring_bits == 8 || ring_bits == 16 || ring_bits == 24 || ring_bits == 32;
}

static bool counts_are_in_range(const fedl_update_config *cfg)
{
    return cfg->clients_max >= 1 && cfg->clients_max <= FEDL_UPDATE_CLIENTS_MAX &&
           cfg->w_max >= 1 && cfg->w_max <= FEDL_UPDATE_W_MAX;
}

uint32_t fedl_update_q_max(const fedl_update_config *cfg)
{
    if (!ring_is_known(cfg->ring_bits) || !counts_are_in_range(cfg)) {
        return 0;
    }
    /* 8σ·√n = √(64 · σ² · n); in Q8: 2^6 · 2^24 · 2^16 = 2^46, and 2^38 of the sum's. The sum of n
     * noises is beyond it with probability 2·e^-32 per coordinate. */
    const uint64_t square_q8 =
        64u * ((uint64_t)cfg->noise_sigma2_q8 * cfg->clients_max + cfg->sum_sigma2_q8);
    const uint32_t margin = square_q8 == 0 ? 0u : fedli_isqrt_u64(square_q8 >> 8) + 1u;
    /* clients_max < 2^16 and w_max < 2^8: the divisor is below 2^24. */
    const uint32_t half_ring = (UINT32_C(1) << (cfg->ring_bits - 1)) - 1u;
    return margin >= half_ring ? 0 : (half_ring - margin) / (cfg->clients_max * cfg->w_max);
}

/* Weights would multiply the sensitivity and tell how much data a device has. */
static bool noise_is_in_range(const fedl_update_config *cfg)
{
    if (cfg->sum_sigma2_q8 != 0) {
        const bool whole = cfg->sum_sigma2_q8 % 256u == 0;
        return cfg->noise_sigma2_q8 == 0 && !cfg->rotate &&
               (cfg->sum_sigma2_q8 <= FEDL_SIGMA2_Q8_MAX || whole) && cfg->w_unit == 0 &&
               cfg->w_max == 1 && fedl_privacy_bound_q16(cfg, 1) != 0;
    }
    if (cfg->noise_sigma2_q8 == 0) {
        return !cfg->rotate; /* rotation serves noise only */
    }
    return cfg->noise_sigma2_q8 >= FEDL_SIGMA2_Q8_MIN &&
           cfg->noise_sigma2_q8 <= FEDL_SIGMA2_Q8_MAX && cfg->w_unit == 0 && cfg->w_max == 1 &&
           fedl_privacy_bound_q16(cfg, 1) != 0;
}

bool fedl_update_bound_fits(const fedl_update_config *cfg, uint32_t bound_q16)
{
    const uint64_t clip = cfg->clip_q16;
    if (cfg->bit_sigma2_q8 == 0) {
        return bound_q16 == 0;
    }
    return bound_q16 != 0 && (uint64_t)bound_q16 * FEDL_BOUND_FACTOR >= clip &&
           bound_q16 <= clip * FEDL_BOUND_FACTOR;
}

/* The bit's noise is made where that of the coordinates is, and every bound fits 32 bits. */
static bool bound_is_in_range(const fedl_update_config *cfg)
{
    const uint32_t sigma2 = cfg->bit_sigma2_q8;
    if (sigma2 == 0) {
        return cfg->bound_q16 == 0;
    }
    const bool noise_good = cfg->noise_sigma2_q8 != 0
                                ? sigma2 >= FEDL_SIGMA2_Q8_MIN && sigma2 <= FEDL_SIGMA2_Q8_MAX
                                : cfg->sum_sigma2_q8 != 0 && sigma2 <= FEDL_SUM_SIGMA2_Q8_MAX &&
                                      (sigma2 <= FEDL_SIGMA2_Q8_MAX || sigma2 % 256u == 0);
    return noise_good && cfg->clip_q16 <= UINT32_MAX / FEDL_BOUND_FACTOR &&
           (cfg->bound_q16 == 0 || fedl_update_bound_fits(cfg, cfg->bound_q16));
}

fedl_status fedl_update_config_check(const fedl_update_config *cfg, const fedl_model_spec *spec)
{
    if (cfg->clip_q16 == 0 || cfg->update_exp < FEDL_UPDATE_EXP_MIN ||
        cfg->update_exp > FEDL_UPDATE_EXP_MAX) {
        return FEDL_ERR_RANGE;
    }
    if (!noise_is_in_range(cfg) || !bound_is_in_range(cfg) || fedl_update_q_max(cfg) == 0 ||
        !fedli_clip_norm_fits(spec)) {
        return FEDL_ERR_RANGE;
    }
    return FEDL_OK;
}

uint32_t fedl_update_weight(const fedl_update_config *cfg, uint32_t row_count)
{
    if (cfg->w_unit == 0) {
        return 1;
    }
    /* Both terms are below 2^33: round half up without overflow. */
    const uint64_t unit = cfg->w_unit;
    const uint64_t weight = (2 * (uint64_t)row_count + unit) / (2 * unit);
    return weight < 1 ? 1 : weight > cfg->w_max ? cfg->w_max : (uint32_t)weight;
}

uint32_t fedl_update_word_count(const fedl_update_config *cfg, uint32_t parameter_count)
{
    const uint32_t last = FEDLI_ROTATE_BLOCK - 1u;
    return cfg->rotate ? (parameter_count + last) & ~last : parameter_count;
}

size_t fedl_update_body_size(const fedl_update_config *cfg, uint32_t parameter_count)
{
    FEDLI_CHECK(ring_is_known(cfg->ring_bits) && parameter_count <= FEDL_PARAMETERS_MAX);
    /* At most 4 · 2^20 + 63 bytes. */
    const size_t bytes =
        (size_t)fedl_update_word_count(cfg, parameter_count) * (cfg->ring_bits / 8u);
    return (bytes + 63u) & ~(size_t)63u;
}

size_t fedl_update_vector_size(const fedl_update_config *cfg, uint32_t parameter_count)
{
    return fedl_update_body_size(cfg, parameter_count) + FEDL_TAIL_WORDS * sizeof(uint64_t);
}
