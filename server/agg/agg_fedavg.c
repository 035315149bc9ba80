/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FedAvg (McMahan et al. 2017, "Communication-Efficient Learning of Deep Networks from
 * Decentralized Data", algorithm 1), on the master copy:
 *
 *   master_i += round( sum_i · server_lr · 2^update_exp / Σw  in units of 2^e_i )
 *
 * One exact fraction, one rounding (half away from zero). Written as numerator / denominator with
 * k = update_exp − e_i − 16:  (sum · lr_q16 · 2^max(k,0)) / (Σw · 2^max(−k,0)).
 * Rejected: dividing first and multiplying by the rate afterwards (rounds twice); float64 (the
 * integers fit).
 */
#include "agg/agg.h"
#include "base/fixed.h"
#include "update/tensor_walk.h"

/*
 * e_i lies in [−31, −24] (weights: weight_exp − 16; biases: −24) and update_exp in [−20, −4], so
 * update_exp − e_i ∈ [4, 27] and k ∈ [−12, 11].
 */
#define K_MAX 11
#define K_MIN (-12)
_Static_assert(FEDL_UPDATE_EXP_MAX - (FEDL_WEIGHT_EXP_MIN - FEDL_MASTER_WEIGHT_BITS) - 16 <= K_MAX,
               "numerators stay below 2^62");
_Static_assert(FEDL_UPDATE_EXP_MIN - FEDL_MASTER_BIAS_EXP - 16 >= K_MIN &&
                   FEDL_UPDATE_EXP_MIN - (FEDL_WEIGHT_EXP_MAX - FEDL_MASTER_WEIGHT_BITS) - 16 >=
                       K_MIN,
               "denominators stay below 2^36");

static size_t no_state(const fedl_model_spec *spec)
{
    (void)spec;
    return 0;
}

/* The step of one word; multiplier = lr_q16·2^max(k,0) ≤ 2^31, divisor = Σw·2^max(−k,0) < 2^36. */
static int64_t step_of(int64_t sum, uint64_t multiplier, uint64_t divisor)
{
    /*
     * |sum| ≤ 2^31 (exactly −2^31 only from a vector that breaks its bounds): numerator ≤ 2^62.
     * quotient ≤ 2^62; remainder < divisor, doubled < 2^37.
     */
    const uint64_t numerator = fedli_abs_u64(sum) * multiplier;
    uint64_t quotient = numerator / divisor;
    const uint64_t remainder = numerator % divisor;
    quotient += 2 * remainder >= divisor ? 1u : 0u;
    return sum < 0 ? -(int64_t)quotient : (int64_t)quotient;
}

static fedl_status fedavg_apply(const fedl_agg_config *cfg, fedl_master *master, void *state,
                                const fedl_accum *accum)
{
    (void)state;
    const fedl_status status = fedl_agg_check(cfg, master, accum);
    if (status != FEDL_OK) {
        return status;
    }
    const uint64_t weight = accum->tail[FEDL_TAIL_WEIGHT];
    fedli_tensor_walk walk;
    fedli_tensor_walk_init(&walk, &master->spec);
    while (fedli_tensor_walk_next(&walk)) {
        const int32_t exp = fedl_master_exp(master, walk.first);
        const int32_t k = cfg->update_exp - exp - 16;
        const uint64_t multiplier = (uint64_t)cfg->server_lr_q16 << (k > 0 ? k : 0);
        const uint64_t divisor = weight << (k < 0 ? -k : 0);
        for (uint32_t i = walk.first; i < walk.first + walk.count; i++) {
            const int64_t step = step_of(fedl_accum_sum(accum, i), multiplier, divisor);
            /* |step| ≤ 2^62 + 1 and |word| ≤ 2^31: the sum fits int64. */
            master->words[i] = fedli_sat32(master->words[i] + step);
        }
    }
    return FEDL_OK;
}

const fedl_agg_ops fedli_agg_fedavg = {
    .name = "fedavg",
    .kind = FEDL_AGG_FEDAVG,
    .state_size = no_state,
    .apply = fedavg_apply,
};
