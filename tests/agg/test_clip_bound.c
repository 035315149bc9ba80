/* SPDX-License-Identifier: Apache-2.0 */
/* Adaptive clipping on the server: its three functions, and with real updates of a cohort the whole
 * loop, which ends at the quantile of their norms wherever it began. */
#include "agg/clip_bound.h"

#include "agg/accum.h"
#include "agg_fixture.h"
#include "base/cursor.h"
#include "cmocka_all.h"
#include "secagg/prg.h"
#include "update_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CLIENTS = 60, ROUNDS = 110, SETTLED = 60 };

static const fedl_update_config one = {.clip_q16 = 65536, .bit_sigma2_q8 = 256};

static void counts_are_recentred_and_cut(void **state)
{
    (void)state;
    assert_int_equal(fedl_clip_bound_above(0, 10), 0);
    assert_int_equal(fedl_clip_bound_above(7, 10), 7);
    assert_int_equal(fedl_clip_bound_above(10, 10), 10);
    assert_int_equal(fedl_clip_bound_above(11, 10), 10);
    assert_int_equal(fedl_clip_bound_above(UINT64_MAX, 10), 0);
    assert_int_equal(fedl_clip_bound_above(UINT64_C(1) << 63, 10), 0);
    assert_int_equal(fedl_clip_bound_above((UINT64_C(1) << 63) - 1, 65535), 65535);
}

static void the_next_bound_follows_the_paper(void **state)
{
    (void)state;
    for (uint32_t count = 1; count <= 65535; count = count * 3 + 1) {
        for (uint32_t step = 0; step <= 8; step++) {
            const uint32_t above = (uint32_t)((uint64_t)count * step / 8);
            for (uint16_t permille = 1; permille <= 999; permille = (uint16_t)(permille + 166)) {
                const uint32_t bound = 40000 + 1000 * step;
                const double share = (double)(count - above) / count;
                const double wanted = bound * exp(-0.2 * (share - permille / 1000.0));
                const double made = fedl_clip_bound_next_q16(&one, bound, above, count, permille);
                assert_true(fabs(made - wanted) < 0.6 + wanted * 2e-5);
            }
        }
    }
    /* The very numbers, on every host. */
    assert_int_equal(fedl_clip_bound_next_q16(&one, 65536, 0, 10, 500), 59299);
    assert_int_equal(fedl_clip_bound_next_q16(&one, 65536, 5, 10, 500), 65536);
    assert_int_equal(fedl_clip_bound_next_q16(&one, 65536, 10, 10, 500), 72429);
    /* It stays within a factor of 16 of the clip. */
    assert_int_equal(fedl_clip_bound_next_q16(&one, 4096, 0, 10, 1), 4096);
    assert_int_equal(fedl_clip_bound_next_q16(&one, 1048576, 10, 10, 999), 1048576);
    fedl_update_config odd = one;
    odd.clip_q16 = 65537;
    assert_int_equal(fedl_clip_bound_next_q16(&odd, 4097, 0, 10, 1), 4097);
    odd.clip_q16 = UINT32_MAX / 16;
    assert_int_equal(fedl_clip_bound_next_q16(&odd, odd.clip_q16 * 16, 10, 10, 999),
                     odd.clip_q16 * 16);
}

static void the_rate_undoes_the_scaling(void **state)
{
    (void)state;
    assert_int_equal(fedl_clip_bound_lr_q16(&one, 65536, 65536), 65536);
    assert_int_equal(fedl_clip_bound_lr_q16(&one, 1048576, 65536), 1048576);
    assert_int_equal(fedl_clip_bound_lr_q16(&one, 4096, 65536), 4096);
    assert_int_equal(fedl_clip_bound_lr_q16(&one, 98304, 1), 2);
    assert_int_equal(fedl_clip_bound_lr_q16(&one, 4096, 7), 1);
    fedl_update_config large = one;
    large.clip_q16 = UINT32_MAX / 16;
    assert_int_equal(fedl_clip_bound_lr_q16(&large, large.clip_q16 * 16, 65536), 1048576);
}

/* A cohort whose norms spread over a factor of about six. */
static void cohort_init(update_fixture clients[CLIENTS])
{
    const uint32_t units[1] = {3};
    const int8_t exps[1] = {-14};
    const fedl_model_spec spec = fixture_spec(4, 1, units, exps);
    for (uint32_t n = 0; n < CLIENTS; n++) {
        fixture_init(&clients[n], &spec);
        fixture_randomise(&clients[n], n + 1, 800 + 60 * n);
        fixture_load(&clients[n]);
    }
}

static int by_value(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return x < y ? -1 : x > y ? 1 : 0;
}

static uint32_t quantile_of(const update_fixture clients[CLIENTS], const fedl_update_config *cfg,
                            uint16_t permille)
{
    uint32_t norms[CLIENTS];
    for (uint32_t n = 0; n < CLIENTS; n++) {
        fedl_update update;
        fixture_begin(&clients[n], &update, cfg);
        norms[n] = update.norm_q16;
    }
    qsort(norms, CLIENTS, sizeof norms[0], by_value);
    return norms[CLIENTS * permille / 1000u];
}

/* One round: devices, sum, noise, next bound. */
static uint32_t play(const update_fixture clients[CLIENTS], fedl_update_config *cfg,
                     fedl_accum *accum, uint32_t round, uint16_t permille)
{
    const bool of_devices = cfg->noise_sigma2_q8 != 0;
    uint8_t vector[256] = {0};
    uint8_t key[32] = {3};
    fedli_store_u32(key + 4, round);
    fedl_accum_clear(accum);
    for (uint32_t n = 0; n < CLIENTS; n++) {
        fedl_update update;
        fixture_begin(&clients[n], &update, cfg);
        fedli_store_u32(key + 8, n + 1);
        if (of_devices) {
            assert_int_equal(fedl_update_protect(&update, fedli_prg_best()->stream, key), FEDL_OK);
        }
        /* The tail alone: the words and their noise are not looked at. */
        const size_t body_bytes = accum->vector_bytes - 64u;
        assert_int_equal(fedl_update_read(&update, vector + body_bytes, body_bytes, 64), FEDL_OK);
        assert_int_equal(fedl_accum_add(accum, fedl_bytes_of(vector, accum->vector_bytes)),
                         FEDL_OK);
    }
    if (!of_devices) {
        fedli_store_u32(key + 8, 0);
        fedl_accum_noise_bit(accum, cfg->bit_sigma2_q8, fedli_prg_best()->stream, key);
    }
    const uint32_t above = fedl_clip_bound_above(accum->tail[FEDL_TAIL_CLIPPED], CLIENTS);
    return fedl_clip_bound_next_q16(cfg, cfg->bound_q16, above, CLIENTS, permille);
}

static void the_bound_ends_at_the_quantile(void **state)
{
    (void)state;
    static update_fixture clients[CLIENTS];
    cohort_init(clients);
    for (uint32_t i = 0; i < 8; i++) {
        const bool of_devices = i % 2 == 0;
        const uint16_t permille = i / 2 % 2 == 0 ? 500 : 700;
        fedl_update_config cfg = {.ring_bits = 32,
                                  .update_exp = -12,
                                  .clients_max = CLIENTS,
                                  .w_max = 1,
                                  .clip_q16 = i / 4 == 0 ? 4000 : 120000, /* too small, too large */
                                  .noise_sigma2_q8 = of_devices ? 4u << 8 : 0,
                                  .sum_sigma2_q8 = of_devices ? 0 : 4u << 8,
                                  .bit_sigma2_q8 = of_devices ? 4u << 8 : 9u << 8};
        const uint32_t quantile = quantile_of(clients, &cfg, permille);
        const size_t bytes = fedl_accum_size(&cfg, clients[0].count);
        void *block = agg_fixture_block(bytes);
        fedl_accum accum;
        double sum = 0;
        assert_int_equal(fedl_accum_init(&accum, &cfg, clients[0].count, block, bytes), FEDL_OK);
        assert_true(cfg.clip_q16 < quantile / 3 || cfg.clip_q16 > quantile * 3);
        cfg.bound_q16 = cfg.clip_q16;
        for (uint32_t round = 0; round < ROUNDS; round++) {
            cfg.bound_q16 = play(clients, &cfg, &accum, round, permille);
            sum += round < SETTLED ? 0 : log(cfg.bound_q16 / (double)quantile);
        }
        const double off = exp(sum / (ROUNDS - SETTLED)) - 1;
        print_message("devices %d quantile %d clip %u: %+.1f %%\n", of_devices, permille,
                      cfg.clip_q16, 100 * off);
        assert_true(fabs(off) < 0.15);
        free(block);
    }
    for (uint32_t n = 0; n < CLIENTS; n++) {
        fixture_free(&clients[n]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_are_recentred_and_cut),
        cmocka_unit_test(the_next_bound_follows_the_paper),
        cmocka_unit_test(the_rate_undoes_the_scaling),
        cmocka_unit_test(the_bound_ends_at_the_quantile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
