/* SPDX-License-Identifier: Apache-2.0 */
/* FedAvg's arithmetic: by hand, against double precision, at the ends. The rules that hold for
 * every aggregator are in test_agg_conformance.c. */
#include "agg_fixture.h"
#include "base/cursor.h"
#include "cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* One vector with the given first words and weight; applied to the present master. */
static void apply_words(agg_fixture *fx, const fedl_agg_config *cfg, const int64_t *words,
                        uint32_t word_count, uint32_t weight)
{
    uint8_t *vector = calloc(1, fx->vector_bytes);
    assert_non_null(vector);
    for (uint32_t i = 0; i < word_count; i++) {
        agg_fixture_put(fx, vector, i, words[i]);
    }
    fedli_store_u64(vector + fx->vector_bytes - 64, weight);
    fedl_accum_clear(&fx->accum);
    assert_int_equal(fedl_accum_add(&fx->accum, fedl_bytes_of(vector, fx->vector_bytes)), FEDL_OK);
    const fedl_agg_ops *ops = fedl_agg_find(FEDL_AGG_FEDAVG);
    assert_int_equal(ops->state_size(&fx->spec), 0);
    assert_int_equal(ops->apply(cfg, &fx->master, NULL, &fx->accum), FEDL_OK);
    free(vector);
}

static void hand_computed_steps(void **state)
{
    (void)state;
    agg_fixture fx;
    agg_fixture_init(&fx, 16, 1, 8);
    /* Words 0 … 29 are weights at 2^-31, 30 … 34 biases at 2^-24, 35 … 49 weights at 2^-24. */
    int64_t words[36] = {3, -3, 1};
    words[30] = 3;
    words[31] = -3;
    words[35] = 1;
    const fedl_agg_config one = {FEDL_AGG_FEDAVG, FEDL_SERVER_LR_ONE_Q16, -12};
    apply_words(&fx, &one, words, 36, 2);
    /* 3/2 · 2^-12 = 3·2^18 units of 2^-31 = 3·2^11 units of 2^-24. */
    assert_int_equal(fx.master.words[0], 3 << 18);
    assert_int_equal(fx.master.words[1], -(3 << 18));
    assert_int_equal(fx.master.words[2], 1 << 18);
    assert_int_equal(fx.master.words[3], 0);
    assert_int_equal(fx.master.words[30], 3 << 11);
    assert_int_equal(fx.master.words[31], -(3 << 11));
    assert_int_equal(fx.master.words[35], 1 << 11);
    /* Half the rate, weight 3: 1/3 · ½ · 2^12 = 682.67 → 683 more on the biases. */
    const fedl_agg_config half = {FEDL_AGG_FEDAVG, FEDL_SERVER_LR_ONE_Q16 / 2, -12};
    words[30] = 1;
    words[31] = -1;
    apply_words(&fx, &half, words, 36, 3);
    assert_int_equal(fx.master.words[30], (3 << 11) + 683);
    assert_int_equal(fx.master.words[31], -(3 << 11) - 683);
    agg_fixture_free(&fx);
}

static void halves_go_away_from_zero(void **state)
{
    (void)state;
    agg_fixture fx;
    agg_fixture_init(&fx, 16, 1, 8);
    /* Rate 2^-16 and grid 2^-20: one unit of the sum is 2^-12 units of a bias at 2^-24. */
    const fedl_agg_config cfg = {FEDL_AGG_FEDAVG, 1, -20};
    int64_t words[36] = {0};
    words[30] = 2048;
    words[31] = -2048;
    words[32] = 2047;
    words[33] = -2047;
    words[34] = 3 * 2048;
    words[35] = -3 * 2048;
    apply_words(&fx, &cfg, words, 36, 1);
    const int32_t expected[6] = {1, -1, 0, 0, 2, -2};
    assert_memory_equal(fx.master.words + 30, expected, sizeof expected);
    agg_fixture_free(&fx);
}

static void master_saturates_at_both_ends(void **state)
{
    (void)state;
    agg_fixture fx;
    agg_fixture_init(&fx, 32, 1, 1);
    const fedl_agg_config cfg = {FEDL_AGG_FEDAVG, FEDL_SERVER_LR_MAX_Q16, -4};
    const int64_t words[4] = {INT32_MAX, INT32_MIN, 1, -1};
    fx.master.words[2] = INT32_MAX - 5;
    fx.master.words[3] = INT32_MIN + 5;
    apply_words(&fx, &cfg, words, 4, 1);
    assert_int_equal(fx.master.words[0], INT32_MAX);
    assert_int_equal(fx.master.words[1], INT32_MIN);
    assert_int_equal(fx.master.words[2], INT32_MAX);
    assert_int_equal(fx.master.words[3], INT32_MIN);
    agg_fixture_free(&fx);
}

/* |integer − double| ≤ ½ unit, plus what double itself can err at this size. */
static void check_against_double(agg_fixture *fx, const fedl_agg_config *cfg, fedli_rng *rng)
{
    int32_t *before = malloc(fx->count * sizeof *before);
    assert_non_null(before);
    agg_fixture_random_master(fx, rng);
    memcpy(before, fx->master.words, fx->count * sizeof *before);
    const fedl_agg_ops *ops = fedl_agg_find(FEDL_AGG_FEDAVG);
    assert_int_equal(ops->apply(cfg, &fx->master, NULL, &fx->accum), FEDL_OK);
    const double weight = (double)fx->accum.tail[FEDL_TAIL_WEIGHT];
    for (uint32_t i = 0; i < fx->count; i++) {
        const double mean = (double)fedl_accum_sum(&fx->accum, i) / weight;
        const double rate = cfg->server_lr_q16 / 65536.0;
        const double step = ldexp(mean * rate, cfg->update_exp - fedl_master_exp(&fx->master, i));
        double expected = before[i] + step;
        expected = expected > 2147483647.0 ? 2147483647.0 : expected;
        expected = expected < -2147483648.0 ? -2147483648.0 : expected;
        const double error = fabs(expected - fx->master.words[i]);
        assert_true(error <= 0.5 + fabs(step) * 1e-15);
    }
    free(before);
}

static void double_precision_agrees_within_half_a_unit(void **state)
{
    (void)state;
    fedli_rng rng;
    fedli_rng_init(&rng, 12);
    for (uint32_t turn = 0; turn < 400; turn++) {
        const uint8_t bits = (uint8_t)(8 * (1 + fedli_rng_below(&rng, 4)));
        const uint32_t clients = 1 + fedli_rng_below(&rng, 7);
        const uint32_t w_max = 1 + fedli_rng_below(&rng, 18);
        agg_fixture fx;
        agg_fixture_init(&fx, bits, clients, w_max);
        uint8_t *vector = malloc(fx.vector_bytes);
        assert_non_null(vector);
        for (uint32_t n = 0; n < clients; n++) {
            agg_fixture_honest(&fx, vector, &rng, 1 + fedli_rng_below(&rng, w_max));
            assert_int_equal(fedl_accum_add(&fx.accum, fedl_bytes_of(vector, fx.vector_bytes)),
                             FEDL_OK);
        }
        const fedl_agg_config cfg = {
            FEDL_AGG_FEDAVG, 1 + ((FEDL_SERVER_LR_MAX_Q16 - 1) >> fedli_rng_below(&rng, 21)),
            (int8_t)(FEDL_UPDATE_EXP_MIN + (int32_t)fedli_rng_below(&rng, 17))};
        check_against_double(&fx, &cfg, &rng);
        free(vector);
        agg_fixture_free(&fx);
    }
}

static void a_sum_of_zero_moves_nothing(void **state)
{
    (void)state;
    agg_fixture fx;
    agg_fixture_init(&fx, 16, 1, 8);
    fedli_rng rng;
    fedli_rng_init(&rng, 5);
    agg_fixture_random_master(&fx, &rng);
    int32_t before[53];
    memcpy(before, fx.master.words, sizeof before);
    const fedl_agg_config cfg = {FEDL_AGG_FEDAVG, FEDL_SERVER_LR_MAX_Q16, -4};
    apply_words(&fx, &cfg, NULL, 0, 8);
    assert_memory_equal(before, fx.master.words, sizeof before);
    agg_fixture_free(&fx);
}

/* Steps far below what devices can see still add up in the master. */
static void small_steps_add_up(void **state)
{
    (void)state;
    agg_fixture fx;
    agg_fixture_init(&fx, 16, 1, 1);
    /* 2^-20 a round on a weight of grid 2^-15: 32 rounds move the container by one. */
    const fedl_agg_config cfg = {FEDL_AGG_FEDAVG, FEDL_SERVER_LR_ONE_Q16, -20};
    const int64_t words[1] = {1};
    const size_t size = fedl_container_size(&fx.spec);
    uint8_t *out = malloc(size);
    assert_non_null(out);
    for (uint32_t round = 0; round < 32; round++) {
        apply_words(&fx, &cfg, words, 1, 1);
    }
    assert_int_equal(fedl_master_export_container(&fx.master, out, size), FEDL_OK);
    assert_int_equal(fedli_load_u16(out + fedl_container_header_size(&fx.spec)), 1);
    free(out);
    agg_fixture_free(&fx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hand_computed_steps),
        cmocka_unit_test(halves_go_away_from_zero),
        cmocka_unit_test(master_saturates_at_both_ends),
        cmocka_unit_test(double_precision_agrees_within_half_a_unit),
        cmocka_unit_test(a_sum_of_zero_moves_nothing),
        cmocka_unit_test(small_steps_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
