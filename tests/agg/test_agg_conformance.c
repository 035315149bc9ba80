/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every aggregator must obey, whatever its algorithm. A new one adds one row to `instances`:
 * its configuration and its promise about how far one client can pull one coordinate.
 */
#include "agg_fixture.h"
#include "base/cursor.h"
#include "cmocka_all.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 6, W_MAX = 4 };

typedef struct agg_instance {
    fedl_agg_config cfg;
    /*
     * Most units of 2^exp by which a coordinate of two masters may differ after one round when the
     * sums differ by change (units of 2^update_exp, one client's doing) under the same Σw.
     */
    double (*influence)(const fedl_agg_config *cfg, int32_t exp, double change, double weight);
} agg_instance;

static double fedavg_influence(const fedl_agg_config *cfg, int32_t exp, double change,
                               double weight)
{
    /* Linear in the sum; each side is rounded by at most half a unit. */
    return ldexp(change / weight * (cfg->server_lr_q16 / 65536.0), cfg->update_exp - exp) + 1.0;
}

static const agg_instance instances[] = {
    {{FEDL_AGG_FEDAVG, FEDL_SERVER_LR_ONE_Q16, -12}, fedavg_influence},
    {{FEDL_AGG_FEDAVG, 6554, -20}, fedavg_influence},
    {{FEDL_AGG_FEDAVG, 2 * FEDL_SERVER_LR_ONE_Q16, -9}, fedavg_influence},
};

#define INSTANCE_COUNT (sizeof instances / sizeof instances[0])

/* A cohort's vectors side by side, and one aggregator's state. */
typedef struct bench {
    const agg_instance *instance;
    const fedl_agg_ops *ops;
    agg_fixture fx;
    uint8_t *vectors[CLIENTS];
    uint32_t weights[CLIENTS];
    void *state;
    size_t state_bytes;
    int32_t *start;
} bench;

static void bench_init(bench *b, const agg_instance *instance, uint8_t ring_bits, fedli_rng *rng)
{
    b->instance = instance;
    b->ops = fedl_agg_find(instance->cfg.kind);
    assert_non_null(b->ops);
    agg_fixture_init(&b->fx, ring_bits, CLIENTS, W_MAX);
    b->state_bytes = b->ops->state_size(&b->fx.spec);
    b->state = b->state_bytes == 0 ? NULL : agg_fixture_block(b->state_bytes);
    for (size_t i = 0; i < CLIENTS; i++) {
        b->weights[i] = 1 + fedli_rng_below(rng, W_MAX);
        b->vectors[i] = malloc(b->fx.vector_bytes);
        assert_non_null(b->vectors[i]);
        agg_fixture_honest(&b->fx, b->vectors[i], rng, b->weights[i]);
    }
    agg_fixture_random_master(&b->fx, rng);
    /* Room to move: saturation would hide differences. */
    b->start = malloc(b->fx.count * sizeof(int32_t));
    assert_non_null(b->start);
    for (uint32_t i = 0; i < b->fx.count; i++) {
        b->start[i] = b->fx.master.words[i] / 16;
    }
}

static void bench_free(bench *b)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        free(b->vectors[i]);
    }
    free(b->state);
    free(b->start);
    agg_fixture_free(&b->fx);
}

/* One first round from the start, adding the vectors in the given order. */
static void bench_round(bench *b, const size_t *order)
{
    if (b->state != NULL) {
        memset(b->state, 0, b->state_bytes);
    }
    memcpy(b->fx.master.words, b->start, b->fx.count * sizeof(int32_t));
    fedl_accum_clear(&b->fx.accum);
    for (size_t i = 0; i < CLIENTS; i++) {
        const fedl_bytes vector = fedl_bytes_of(b->vectors[order[i]], b->fx.vector_bytes);
        assert_int_equal(fedl_accum_add(&b->fx.accum, vector), FEDL_OK);
    }
    assert_int_equal(b->ops->apply(&b->instance->cfg, &b->fx.master, b->state, &b->fx.accum),
                     FEDL_OK);
}

static const size_t in_order[CLIENTS] = {0, 1, 2, 3, 4, 5};

static void order_of_arrival_does_not_matter(void **state)
{
    (void)state;
    fedli_rng rng;
    fedli_rng_init(&rng, 21);
    for (size_t n = 0; n < INSTANCE_COUNT * 4; n++) {
        bench b;
        bench_init(&b, &instances[n / 4], (uint8_t)(8 * (1 + n % 4)), &rng);
        bench_round(&b, in_order);
        int32_t first[64];
        memcpy(first, b.fx.master.words, b.fx.count * sizeof(int32_t));
        for (uint32_t turn = 0; turn < 20; turn++) {
            size_t order[CLIENTS];
            for (uint32_t i = 0; i < CLIENTS; i++) {
                order[i] = fedli_shuffle_at(turn, i, CLIENTS);
            }
            bench_round(&b, order);
            assert_memory_equal(first, b.fx.master.words, b.fx.count * sizeof(int32_t));
        }
        bench_free(&b);
    }
}

static void groups_can_be_merged(void **state)
{
    (void)state;
    fedli_rng rng;
    fedli_rng_init(&rng, 22);
    for (size_t n = 0; n < INSTANCE_COUNT; n++) {
        bench b;
        bench_init(&b, &instances[n], 24, &rng);
        bench_round(&b, in_order);
        const size_t size = b.fx.vector_bytes;
        uint8_t *whole = malloc(size);
        uint8_t *part = malloc(size);
        assert_true(whole != NULL && part != NULL);
        assert_int_equal(fedl_accum_export(&b.fx.accum, whole, size), FEDL_OK);
        fedl_accum_clear(&b.fx.accum);
        for (size_t i = 0; i < 3; i++) {
            assert_int_equal(fedl_accum_add(&b.fx.accum, fedl_bytes_of(b.vectors[i], size)),
                             FEDL_OK);
        }
        assert_int_equal(fedl_accum_export(&b.fx.accum, part, size), FEDL_OK);
        fedl_accum_clear(&b.fx.accum);
        assert_int_equal(fedl_accum_add(&b.fx.accum, fedl_bytes_of(part, size)), FEDL_OK);
        for (size_t i = 3; i < CLIENTS; i++) {
            assert_int_equal(fedl_accum_add(&b.fx.accum, fedl_bytes_of(b.vectors[i], size)),
                             FEDL_OK);
        }
        assert_int_equal(fedl_accum_export(&b.fx.accum, part, size), FEDL_OK);
        assert_memory_equal(whole, part, size);
        free(whole);
        free(part);
        bench_free(&b);
    }
}

/* Runs the round with the first vector as it is and as replaced; checks every coordinate. */
static void check_influence(bench *b, const uint8_t *replacement, double change)
{
    int32_t honest[64];
    bench_round(b, in_order);
    memcpy(honest, b->fx.master.words, b->fx.count * sizeof(int32_t));
    const double weight = (double)b->fx.accum.tail[FEDL_TAIL_WEIGHT];
    memcpy(b->vectors[0], replacement, b->fx.vector_bytes);
    bench_round(b, in_order);
    for (uint32_t i = 0; i < b->fx.count; i++) {
        const double moved = fabs((double)honest[i] - (double)b->fx.master.words[i]);
        const double bound = b->instance->influence(
            &b->instance->cfg, fedl_master_exp(&b->fx.master, i), change, weight);
        assert_true(moved <= bound);
    }
}

static void one_client_has_bounded_influence(void **state)
{
    (void)state;
    fedli_rng rng;
    fedli_rng_init(&rng, 23);
    for (size_t n = 0; n < INSTANCE_COUNT * 8; n++) {
        bench b;
        bench_init(&b, &instances[n / 8], (uint8_t)(8 * (1 + n % 4)), &rng);
        uint8_t *other = malloc(b.fx.vector_bytes);
        assert_non_null(other);
        const uint32_t weight = b.weights[0];
        if (n % 8 < 4) {
            /* Within the protocol: at most 2·w·q_max. */
            agg_fixture_honest(&b.fx, other, &rng, weight);
            check_influence(&b, other, 2.0 * weight * fedl_update_q_max(&b.fx.update));
        } else {
            /* Any bytes at all: the whole ring and no more. */
            agg_fixture_liar(&b.fx, other, &rng, weight);
            check_influence(&b, other, ldexp(1.0, b.fx.update.ring_bits));
        }
        free(other);
        bench_free(&b);
    }
}

static void lies_about_the_weight_are_refused(void **state)
{
    (void)state;
    fedli_rng rng;
    fedli_rng_init(&rng, 24);
    /* Added to an honest Σw ≤ 24; smaller lies stay within what honest clients may weigh. */
    const uint64_t lies[] = {UINT64_C(1) << 63, 1000, 19, (uint64_t)0 - 24};
    for (size_t n = 0; n < INSTANCE_COUNT; n++) {
        for (size_t lie = 0; lie < sizeof lies / sizeof lies[0]; lie++) {
            bench b;
            bench_init(&b, &instances[n], 16, &rng);
            bench_round(&b, in_order);
            int32_t before[64];
            memcpy(before, b.fx.master.words, b.fx.count * sizeof(int32_t));
            b.fx.accum.tail[FEDL_TAIL_WEIGHT] += lies[lie];
            assert_int_equal(b.ops->apply(&b.instance->cfg, &b.fx.master, b.state, &b.fx.accum),
                             FEDL_ERR_RANGE);
            fedl_accum_clear(&b.fx.accum);
            assert_int_equal(b.ops->apply(&b.instance->cfg, &b.fx.master, b.state, &b.fx.accum),
                             FEDL_ERR_RANGE);
            assert_memory_equal(before, b.fx.master.words, b.fx.count * sizeof(int32_t));
            bench_free(&b);
        }
    }
}

static void other_shapes_are_refused(void **state)
{
    (void)state;
    fedli_rng rng;
    fedli_rng_init(&rng, 25);
    for (size_t n = 0; n < INSTANCE_COUNT; n++) {
        bench b;
        bench_init(&b, &instances[n], 16, &rng);
        bench_round(&b, in_order);
        b.fx.accum.parameter_count--;
        assert_int_equal(b.ops->apply(&b.instance->cfg, &b.fx.master, b.state, &b.fx.accum),
                         FEDL_ERR_MISMATCH);
        b.fx.accum.parameter_count++;
        fedl_agg_config bad = b.instance->cfg;
        bad.server_lr_q16 = 0;
        assert_int_equal(b.ops->apply(&bad, &b.fx.master, b.state, &b.fx.accum), FEDL_ERR_RANGE);
        bench_free(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order_of_arrival_does_not_matter),
        cmocka_unit_test(groups_can_be_merged),
        cmocka_unit_test(one_client_has_bounded_influence),
        cmocka_unit_test(lies_about_the_weight_are_refused),
        cmocka_unit_test(other_shapes_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
