/* SPDX-License-Identifier: Apache-2.0 */
/* Device and server together: what n devices send adds up to Σ w·z, exactly, and the master moves
 * by their weighted mean. */
#include "agg/agg.h"
#include "agg_fixture.h"
#include "base/cursor.h"
#include "cmocka_all.h"
#include "update_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 10, SIDE = 25 };

/* A cohort that trained apart from the same container. */
typedef struct cohort {
    update_fixture clients[CLIENTS];
    fedl_update updates[CLIENTS];
    uint32_t rows[CLIENTS];
} cohort;

static void cohort_init(cohort *c, const fedl_update_config *cfg)
{
    const uint32_t units[2] = {SIDE, 4};
    const int8_t exps[2] = {-14, -13};
    const fedl_model_spec spec = fixture_spec(SIDE, 2, units, exps);
    for (uint32_t n = 0; n < CLIENTS; n++) {
        update_fixture *client = &c->clients[n];
        fixture_init(client, &spec);
        for (uint32_t i = 0; i < client->count; i++) {
            const int32_t before = (int32_t)(fedli_mix32(i) % 2001u) - 1000;
            const int32_t step = (int32_t)(fedli_mix32(i + 7919u * (n + 1)) % 1001u) - 500;
            fixture_set(client, i, before, before + step + (i % 3 == 0 ? 300 : 0));
        }
        fixture_load(client);
        c->rows[n] = 15 + 20 * n;
        const fedl_train_seed seed = {.run_seed = 1, .round = 2, .device_id = n};
        assert_int_equal(fedl_update_begin(&c->updates[n], &client->model,
                                           fixture_reference(client), cfg, &seed, c->rows[n], NULL,
                                           NULL),
                         FEDL_OK);
    }
}

static void cohort_free(cohort *c)
{
    for (uint32_t n = 0; n < CLIENTS; n++) {
        fixture_free(&c->clients[n]);
    }
}

static void start_accum(fedl_accum *accum, void **block, const fedl_update_config *cfg,
                        uint32_t count)
{
    const size_t bytes = fedl_accum_size(cfg, count);
    *block = agg_fixture_block(bytes);
    assert_int_equal(fedl_accum_init(accum, cfg, count, *block, bytes), FEDL_OK);
}

static void add_client(fedl_accum *accum, const fedl_update *update)
{
    uint8_t *vector = malloc(accum->vector_bytes);
    assert_non_null(vector);
    assert_int_equal(fedl_update_read(update, vector, 0, accum->vector_bytes), FEDL_OK);
    assert_int_equal(fedl_accum_add(accum, fedl_bytes_of(vector, accum->vector_bytes)), FEDL_OK);
    free(vector);
}

/* x of one coordinate, read alone through its own accumulator. */
static void add_alone(const fedl_update_config *cfg, const fedl_update *update, uint32_t count,
                      int64_t *plain)
{
    fedl_accum alone;
    void *block;
    start_accum(&alone, &block, cfg, count);
    add_client(&alone, update);
    const int64_t weight = (int64_t)update->tail[FEDL_TAIL_WEIGHT];
    const int64_t q_max = fedl_update_q_max(cfg);
    for (uint32_t i = 0; i < count; i++) {
        const int64_t x = fedl_accum_sum(&alone, i);
        assert_true(x % weight == 0 && x / weight >= -q_max && x / weight <= q_max);
        plain[i] += x;
    }
    free(block);
}

static void vectors_add_up_exactly_in_any_order(void **state)
{
    (void)state;
    for (uint8_t bits = 16; bits <= 32; bits = (uint8_t)(bits + 8)) {
        fedl_update_config cfg = fixture_config();
        cfg.ring_bits = bits;
        cfg.clip_q16 = 8 * 65536;
        cohort c;
        cohort_init(&c, &cfg);
        const uint32_t count = c.clients[0].count;
        int64_t *plain = calloc(count, sizeof *plain);
        assert_non_null(plain);
        fedl_accum accum;
        void *block;
        start_accum(&accum, &block, &cfg, count);
        uint64_t weight = 0;
        for (uint32_t n = 0; n < CLIENTS; n++) {
            add_client(&accum, &c.updates[fedli_shuffle_at(bits, n, CLIENTS)]);
            add_alone(&cfg, &c.updates[n], count, plain);
            weight += fedl_update_weight(&cfg, c.rows[n]);
        }
        for (uint32_t i = 0; i < count; i++) {
            assert_true(fedl_accum_sum(&accum, i) == plain[i]);
        }
        assert_true(accum.tail[FEDL_TAIL_WEIGHT] == weight);
        assert_true(accum.tail[FEDL_TAIL_ROWS] == 15 * CLIENTS + 20 * 45);
        free(plain);
        free(block);
        cohort_free(&c);
    }
}

static void the_master_moves_by_the_weighted_mean(void **state)
{
    (void)state;
    fedl_update_config cfg = fixture_config();
    cfg.ring_bits = 24;
    cfg.clip_q16 = 32 * 65536; /* nobody is clipped */
    cohort c;
    cohort_init(&c, &cfg);
    const update_fixture *first = &c.clients[0];
    fedl_accum accum;
    void *block;
    start_accum(&accum, &block, &cfg, first->count);
    for (uint32_t n = 0; n < CLIENTS; n++) {
        add_client(&accum, &c.updates[n]);
    }
    assert_true(accum.tail[FEDL_TAIL_CLIPPED] == 0 && accum.tail[FEDL_TAIL_SATURATED] == 0);
    fedl_master master;
    const size_t master_bytes = fedl_master_size(&first->spec);
    void *master_block = agg_fixture_block(master_bytes);
    assert_int_equal(fedl_master_init(&master, &first->spec, master_block, master_bytes), FEDL_OK);
    assert_int_equal(fedl_master_load_container(&master, fixture_reference(first)), FEDL_OK);
    int32_t *before = malloc(first->count * sizeof *before);
    assert_non_null(before);
    memcpy(before, master.words, first->count * sizeof *before);
    const fedl_agg_config agg = {FEDL_AGG_FEDAVG, FEDL_SERVER_LR_ONE_Q16, cfg.update_exp};
    assert_int_equal(fedl_agg_find(FEDL_AGG_FEDAVG)->apply(&agg, &master, NULL, &accum), FEDL_OK);
    for (uint32_t i = 0; i < first->count; i++) {
        double mean = 0;
        for (uint32_t n = 0; n < CLIENTS; n++) {
            mean += (double)fedl_update_weight(&cfg, c.rows[n]) *
                    (double)fixture_delta(&c.clients[n], i);
        }
        mean /= (double)accum.tail[FEDL_TAIL_WEIGHT];
        const double moved =
            ldexp((double)master.words[i] - before[i], fedl_master_exp(&master, i) + 16);
        /* Each client rounds by less than one unit of 2^-12 = 16 units of 2^-16. */
        assert_true(fabs(moved - mean) < 16.0);
    }
    free(before);
    free(master_block);
    free(block);
    cohort_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_add_up_exactly_in_any_order),
        cmocka_unit_test(the_master_moves_by_the_weighted_mean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
