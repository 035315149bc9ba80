/* SPDX-License-Identifier: Apache-2.0 */
#include "coord_noise.h"

#include "base/cursor.h"
#include "base/fixed.h"
#include "secagg/binding.h"
#include "update/gaussian.h"

#include <math.h>
#include <string.h>

noise_found noise_of[NOISE_ROUNDS_MAX];
uint64_t noise_charge;
uint64_t noise_charged_at_sums;

static fedli_rng before_step; /* state of the world's random bytes before the last step … */
static fedli_rng after_step;  /* … and after it */

static void note_step(world *w)
{
    before_step = after_step;
    after_step = w->rng;
}

/* The key as the specification gives it: KDF(token key, entropy of the step ‖ task ‖ round ‖
 * attempt). */
static void key_of(const world *w, uint8_t key[32], const fedl_store_op *op)
{
    uint8_t text[FEDL_ENTROPY_BYTES + 12u];
    fedli_rng rng = before_step;
    for (size_t i = 0; i < FEDL_ENTROPY_BYTES; i++) {
        text[i] = (uint8_t)fedli_rng_u32(&rng);
    }
    fedli_store_u32(text + FEDL_ENTROPY_BYTES, op->task_id);
    fedli_store_u32(text + FEDL_ENTROPY_BYTES + 4u, op->round);
    fedli_store_u32(text + FEDL_ENTROPY_BYTES + 8u, op->attempt);
    fedli_kdf(w->crypto, key, w->cfg.identity.token_key, "fedl.centnois.v1", text, sizeof text);
}

/* The sum that was applied, from two versions: a step of master words is rate · sum · 2^shift / n,
 * and 2^shift > n makes the rounding reversible. */
static int64_t released_sum(const world *w, int32_t before, int32_t after, size_t i, uint32_t n,
                            double rate)
{
    const bool bias = (i >= 128 && i < 144) || i >= 208;
    const int32_t shift = w->plan.update.update_exp + (bias ? 24 : i < 128 ? 30 : 29);
    assert_true((1u << shift) > 2u * n);
    return llround((double)(after - before) * n / exp2(shift) / rate);
}

/* world_vector() never says that a device was above the bound: the count is the noise of the key.
 */
static uint64_t noisy_count(const world *w, const noise_found *found, uint32_t n)
{
    if (!w->plan.privacy.adaptive_clip) {
        return 0;
    }
    const int32_t noise =
        fedli_noise_bit(w->plan.privacy.bit_sigma2_q8, fedli_prg_portable.stream, found->key);
    return noise < 0 ? 0 : noise > (int32_t)n ? n : (uint64_t)noise;
}

static void note_commit(world *w, const fedl_store_op *op)
{
    uint8_t vector[4096];
    int32_t before[NOISE_PARAMETERS];
    fedl_model_record parent;
    if (op->kind == FEDL_STORE_GROUP_COMMIT) {
        noise_charged_at_sums += op->rho;
    }
    if (op->kind != FEDL_STORE_COMMIT) {
        return;
    }
    assert_in_range(op->round, 1, NOISE_ROUNDS_MAX - 1u);
    assert_true(op->rho == noise_charge);
    assert_int_equal(w->store->ops->model_read(w->store, &parent, 1, op->model.version - 1u, NULL,
                                               0, before, NOISE_PARAMETERS),
                     FEDL_OK);
    int64_t sum[NOISE_PARAMETERS] = {0};
    for (uint32_t m = 0; m < op->member_count; m++) {
        world_vector(w, vector, world_seed_of(1, op->round, op->members[m]));
        for (size_t i = 0; i < NOISE_PARAMETERS; i++) {
            sum[i] += fedli_i16_of(fedli_load_u16(vector + 2 * i));
        }
    }
    noise_found *found = &noise_of[op->round];
    /* With adaptive clipping the mean is scaled back by the bound of the model that was trained. */
    const uint32_t bound_q16 = fedl_manifest_bound_q16(parent.manifest);
    const double rate =
        bound_q16 == 0 ? 1 : round(65536.0 * bound_q16 / w->plan.update.clip_q16) / 65536;
    for (size_t i = 0; i < NOISE_PARAMETERS; i++) {
        found->noise[i] =
            released_sum(w, before[i], op->model.master_words[i], i, op->member_count, rate) -
            sum[i];
    }
    if (found->tried++ == 0) {
        key_of(w, found->key, op);
    }
    memcpy(found->digest, op->model.digest, 32);
    for (size_t i = 0; i < FEDL_TAIL_WORDS; i++) { /* nothing exact goes with it */
        const uint64_t told = i == FEDL_TAIL_WEIGHT    ? op->member_count
                              : i == FEDL_TAIL_CLIPPED ? noisy_count(w, found, op->member_count)
                                                       : 0u;
        assert_true(op->metrics.tail[i] == told);
    }
}

void noise_watch(world *w, uint32_t gamma_permille)
{
    fedl_plan *plan = &w->plan;
    memset(noise_of, 0, sizeof noise_of);
    noise_charged_at_sums = 0;
    plan->update.w_unit = 0;
    plan->update.w_max = 1;
    plan->update.clip_q16 = 1u << 7;
    plan->update.update_exp = -15; /* short steps: no weight is cut in so many rounds */
    plan->update.clients_max = 80;
    plan->secagg.gamma_permille = (uint16_t)gamma_permille;
    plan->privacy =
        (fedl_privacy_config){.mode = FEDL_PRIVACY_CENTRAL, .sigma2_q8 = NOISE_SIGMA2_Q8};
    fedl_plan_settle(plan);
    noise_charge = fedl_privacy_charge(plan, 3, gamma_permille);
    /* s·C = 2^7 · 2^-16 · 2^15 = 64 steps: ρ = 64² / (2 · 30²) = 2.2755… */
    assert_true(fabs((double)noise_charge / (double)FEDL_RHO_ONE - 64.0 * 64 / 1800) < 1e-9);
    before_step = after_step = w->rng;
    w->after_step = note_step;
    w->before_store = note_commit;
    w->check_sums = false;
}

static bool count_charge(void *context, const fedl_charge_row *row)
{
    uint32_t *count = context;
    assert_true(row->rho == noise_charge);
    assert_int_equal(row->round, *count + 1u); /* one per round, none twice */
    ++*count;
    return true;
}

uint32_t noise_ledger_rows(world *w)
{
    uint32_t count = 0;
    assert_int_equal(w->store->ops->charge_each(w->store, 1, count_charge, &count), FEDL_OK);
    return count;
}

/* Noise found in a round, word for word that of its key: added, and added once. */
void noise_assert_one_draw(uint32_t round)
{
    int32_t expected[NOISE_PARAMETERS] = {0};
    fedli_noise_add(expected, 0, NOISE_PARAMETERS, NOISE_SIGMA2_Q8, fedli_prg_portable.stream,
                    noise_of[round].key);
    for (size_t i = 0; i < NOISE_PARAMETERS; i++) {
        assert_int_equal(noise_of[round].noise[i], expected[i]);
    }
}

fedl_task_state noise_task_state(const world *w)
{
    fedl_task_info info;
    world_task_info(w, &info, 1);
    return info.state;
}
