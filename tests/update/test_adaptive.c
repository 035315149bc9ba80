/* SPDX-License-Identifier: Apache-2.0 */
/* Adaptive clipping on the device: what is scaled up or down stays within the plan's clip, and one
 * bit tells on which side of the round's bound it was. */
#include "base/cursor.h"
#include "cmocka_all.h"
#include "fedl/plan.h"
#include "secagg/prg.h"
#include "update/clip.h"
#include "update/gaussian.h"
#include "update_fixture.h"

#include <math.h>
#include <string.h>

static fedl_update_config adaptive_config(bool of_devices)
{
    fedl_update_config cfg = fixture_config();
    cfg.ring_bits = 32;
    cfg.w_unit = 0;
    cfg.w_max = 1;
    cfg.noise_sigma2_q8 = of_devices ? 16u << 8 : 0;
    cfg.sum_sigma2_q8 = of_devices ? 0 : 16u << 8;
    cfg.bit_sigma2_q8 = 9u << 8;
    return cfg;
}

static void the_factor_clips_and_scales_at_once(void **state)
{
    (void)state;
    static const struct {
        uint32_t norm;
        uint32_t clip;
        uint32_t bound;
        uint32_t factor;
    } rows[] = {
        {0, 65536, 65536, 32768},
        {65536, 65536, 65536, 32768},
        {65537, 65536, 65536, 32767},
        {131072, 65536, 65536, 16384},
        {1000, 65536, 4096, 524288},
        {4096, 65536, 4096, 524288},
        {4097, 65536, 4096, 524160},
        {65536, 65536, 4096, 32768},
        {1000, 65536, 1048576, 2048},
        {1048576, 65536, 1048576, 2048},
        {1048577, 65536, 1048576, 2047},
        {3037000500u, 65536, 1048576, 0},
        {1, 268435455, 16777216, 524287},
        {268435455, 268435455, 268435455, 32768},
        {3, 16, 1, 174762},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(fedli_clip_rescale_q15(rows[i].norm, rows[i].clip, rows[i].bound),
                         rows[i].factor);
    }
    int32_t values[] = {0, 1, -1, 16777215, -16777215, -3};
    fedli_clip_scale_up(values, 6, FEDLI_CLIP_MAX_Q15);
    const int32_t sixteen[] = {0, 16, -16, 268435440, -268435440, -48};
    assert_memory_equal(values, sixteen, sizeof values);
    int32_t odd[] = {-3, 3, 5};
    fedli_clip_scale_up(odd, 3, 50000); /* 3 · 50000 / 2^15 = 4.57…: toward zero */
    assert_true(odd[0] == -4 && odd[1] == 4 && odd[2] == 7);
}

/* Σ z² of the words of a vector without noise, in steps. */
static uint64_t squares_of(const update_fixture *f, const fedl_update *update)
{
    static uint8_t bytes[8192];
    uint64_t sum = 0;
    assert_int_equal(fedl_update_read(update, bytes, 0, (f->count * 4u + 63u) / 64u * 64u),
                     FEDL_OK);
    for (uint32_t i = 0; i < f->count; i++) {
        const int64_t z = (int32_t)fedli_load_u32(bytes + 4u * i);
        sum += (uint64_t)(z * z);
    }
    return sum;
}

static void no_bound_makes_a_vector_longer_than_the_clip(void **state)
{
    (void)state;
    static const uint32_t bounds[] = {0, 4096, 5000, 30000, 65536, 65537, 300000, 1048576};
    static const int8_t exps[] = {-18, -12, -8};
    const uint32_t units[2] = {9, 4};
    const int8_t weight_exps[2] = {-14, -13};
    const fedl_model_spec spec = fixture_spec(12, 2, units, weight_exps);
    update_fixture f;
    fixture_init(&f, &spec);
    bool above[2] = {false, false};
    for (uint32_t seed = 1; seed <= 12; seed++) {
        fixture_randomise(&f, seed, seed % 3 == 0 ? 30 : seed % 3 == 1 ? 1000 : 20000);
        fixture_load(&f);
        for (size_t b = 0; b < sizeof bounds / sizeof bounds[0]; b++) {
            for (size_t e = 0; e < sizeof exps; e++) {
                fedl_update update;
                fedl_update_config cfg = adaptive_config(false);
                cfg.update_exp = exps[e];
                cfg.bound_q16 = bounds[b];
                fixture_begin(&f, &update, &cfg);
                const uint64_t steps = UINT64_C(1) << -exps[e]; /* clip is 1 */
                const uint64_t squares = squares_of(&f, &update);
                assert_true(squares <= steps * steps);
                const uint32_t bound = bounds[b] == 0 ? 65536 : bounds[b];
                const bool is_above = update.norm_q16 > bound;
                above[is_above] = true;
                assert_int_equal(update.tail[FEDL_TAIL_CLIPPED], is_above);
                assert_int_equal(update.tail[FEDL_TAIL_WEIGHT], 1);
                if (exps[e] == -18) { /* fine enough: the clip is used up, not only kept */
                    const double wanted = fmin(1, (double)update.norm_q16 / bound);
                    assert_true(fabs(sqrt((double)squares) / (double)steps - wanted) < 0.02);
                }
            }
        }
    }
    assert_true(above[0] && above[1]);
    fixture_free(&f);
}

/* With noise of the device: the same bit under fresh noise of each key, beside that of the words.
 */
static void the_bit_gets_its_own_noise(void **state)
{
    (void)state;
    const uint32_t units[1] = {4};
    const int8_t weight_exps[1] = {-14};
    const fedl_model_spec spec = fixture_spec(3, 1, units, weight_exps);
    update_fixture f;
    fixture_init(&f, &spec);
    fixture_randomise(&f, 1, 2000);
    fixture_load(&f);
    for (uint32_t above = 0; above < 2; above++) {
        fedl_update update;
        fedl_update_config cfg = adaptive_config(true);
        cfg.bound_q16 = above == 1 ? 4096 : 1048576;
        fixture_begin(&f, &update, &cfg);
        assert_int_equal(update.norm_q16 > cfg.bound_q16, above);
        int64_t sum = 0;
        int64_t squares = 0;
        enum { KEYS = 4000 };
        for (uint32_t k = 0; k < KEYS; k++) {
            uint8_t key[32] = {7};
            uint8_t tail[64];
            fedli_store_u32(key + 4, k);
            assert_int_equal(fedl_update_protect(&update, fedli_prg_best()->stream, key), FEDL_OK);
            const size_t body = fedl_update_body_size(&cfg, f.count);
            assert_int_equal(fedl_update_read(&update, tail, body, 64), FEDL_OK);
            const int64_t word = (int64_t)fedli_load_u64(tail + 8u * FEDL_TAIL_CLIPPED);
            const int32_t noise = fedli_noise_bit(9u << 8, fedli_prg_best()->stream, key);
            assert_int_equal(word, (int64_t)above + noise);
            int32_t first = 0;
            fedli_noise_add(&first, 0, 1, 9u << 8, fedli_prg_best()->stream, key);
            squares += (int64_t)noise * noise;
            sum += (int64_t)noise * first; /* another stream: no correlation */
            for (size_t i = 1; i < FEDL_TAIL_CLIPPED; i++) {
                assert_int_equal(fedli_load_u64(tail + 8u * i), 0);
            }
        }
        assert_true(fabs((double)squares / KEYS - 9) < 1);
        assert_true(fabs((double)sum / KEYS) < 0.7);
    }
    fixture_free(&f);
}

static void bounds_and_noise_have_their_range(void **state)
{
    (void)state;
    const uint32_t units[1] = {4};
    const int8_t weight_exps[1] = {-14};
    const fedl_model_spec spec = fixture_spec(3, 1, units, weight_exps);
    fedl_update_config cfg = adaptive_config(false);
    cfg.clip_q16 = 65537; /* a sixteenth of it is no whole number: 4096.06… */
    assert_true(fedl_update_bound_fits(&cfg, 4097) && !fedl_update_bound_fits(&cfg, 4096));
    assert_true(fedl_update_bound_fits(&cfg, 1048592) && !fedl_update_bound_fits(&cfg, 1048593));
    assert_false(fedl_update_bound_fits(&cfg, 0));
    static const struct {
        bool of_devices;
        uint32_t sigma2_q8;
        uint32_t bound_q16;
        fedl_status status;
    } rows[] = {
        {false, 1, 0, FEDL_OK},
        {false, 1, 4096, FEDL_ERR_RANGE},
        {false, 1, 4097, FEDL_OK},
        {false, 1, 1048593, FEDL_ERR_RANGE},
        {false, FEDL_SIGMA2_Q8_MAX + 1, 0, FEDL_ERR_RANGE},
        {false, FEDL_SIGMA2_Q8_MAX + 256, 0, FEDL_OK},
        {true, FEDL_SIGMA2_Q8_MIN - 1, 0, FEDL_ERR_RANGE},
        {true, FEDL_SIGMA2_Q8_MIN, 0, FEDL_OK},
        {true, FEDL_SIGMA2_Q8_MAX + 256, 0, FEDL_ERR_RANGE},
        {false, 0, 65536, FEDL_ERR_RANGE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        cfg = adaptive_config(rows[i].of_devices);
        cfg.clip_q16 = 65537;
        cfg.bit_sigma2_q8 = rows[i].sigma2_q8;
        cfg.bound_q16 = rows[i].bound_q16;
        assert_int_equal(fedl_update_config_check(&cfg, &spec), rows[i].status);
    }
    cfg = adaptive_config(false);
    cfg.sum_sigma2_q8 = 0; /* a bit without noise of any kind */
    assert_int_equal(fedl_update_config_check(&cfg, &spec), FEDL_ERR_RANGE);
    cfg = adaptive_config(false);
    cfg.update_exp = -4;
    cfg.clip_q16 = UINT32_MAX / 16;
    assert_int_equal(fedl_update_config_check(&cfg, &spec), FEDL_OK);
    cfg.clip_q16++; /* 16 times it would not fit 32 bits */
    assert_int_equal(fedl_update_config_check(&cfg, &spec), FEDL_ERR_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_factor_clips_and_scales_at_once),
        cmocka_unit_test(no_bound_makes_a_vector_longer_than_the_clip),
        cmocka_unit_test(the_bit_gets_its_own_noise),
        cmocka_unit_test(bounds_and_noise_have_their_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
