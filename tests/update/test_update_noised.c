/* SPDX-License-Identifier: Apache-2.0 */
/* The noised vector: the bound on its length, its mean and noise, repeatability, the sum turned
 * back. */
#include "agg/accum.h"
#include "base/cursor.h"
#include "base/fixed.h"
#include "cmocka_all.h"
#include "fedl/plan.h"
#include "secagg/prg.h"
#include "update/rotate.h"
#include "update_fixture.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void stream(uint8_t *out, size_t block_count, const uint8_t *key, uint32_t counter)
{
    fedli_prg_portable.stream(out, block_count, key, counter);
}

static fedl_update_config noisy(bool rotate, uint8_t ring_bits)
{
    const fedl_update_config cfg = {.clip_q16 = 1u << 16,
                                    .update_exp = -8,
                                    .ring_bits = ring_bits,
                                    .clients_max = 10,
                                    .w_max = 1,
                                    .rotate = rotate,
                                    .noise_sigma2_q8 = 9u << 8};
    return cfg;
}

static void make_fixture(update_fixture *fixture, uint32_t spread)
{
    const uint32_t units[] = {16, 5};
    const int8_t exps[] = {-13, -12};
    const fedl_model_spec spec = fixture_spec(30, 2, units, exps);
    fixture_init(fixture, &spec);
    fixture_randomise(fixture, 5, spread);
    fixture_load(fixture);
}

static uint8_t *read_all(const fedl_update *update, size_t *size)
{
    const uint32_t count = fedl_model_parameter_count(fedl_model_spec_of(update->model));
    *size = fedl_update_vector_size(&update->config, count);
    uint8_t *bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(fedl_update_read(update, bytes, 0, *size), FEDL_OK);
    return bytes;
}

static void any_part_and_any_ring_is_the_same_vector(void **state)
{
    (void)state;
    static const uint8_t key[32] = {4};
    update_fixture fixture;
    make_fixture(&fixture, 300);
    for (uint32_t form = 0; form < 8; form++) {
        const fedl_update_config cfg = noisy(form >= 4, (uint8_t)(16u + 8u * (form % 3u)));
        fedl_update update;
        size_t size = 0;
        uint8_t part[200];
        fixture_begin(&fixture, &update, &cfg);
        assert_int_equal(fedl_update_read(&update, part, 0, 64), FEDL_ERR_STATE);
        assert_int_equal(fedl_update_protect(&update, stream, key), FEDL_OK);
        uint8_t *whole = read_all(&update, &size);
        for (size_t at = 0; at < size; at += 64) {
            const size_t bytes = size - at < sizeof part ? size - at : sizeof part;
            assert_int_equal(fedl_update_read(&update, part, at, bytes), FEDL_OK);
            assert_memory_equal(part, whole + at, bytes);
        }
        for (size_t i = 0; i < FEDL_TAIL_WORDS; i++) {
            assert_int_equal(fedli_load_u64(whole + size - 64 + 8 * i), i == 0 ? 1 : 0);
        }
        free(whole);
    }
    fixture_free(&fixture);
}

static void another_secret_is_other_noise(void **state)
{
    (void)state;
    update_fixture fixture;
    make_fixture(&fixture, 300);
    const fedl_update_config cfg = noisy(true, 16);
    fedl_update update;
    size_t size = 0;
    uint8_t key[32] = {1};
    fixture_begin(&fixture, &update, &cfg);
    assert_int_equal(fedl_update_protect(&update, stream, key), FEDL_OK);
    uint8_t *first = read_all(&update, &size);
    assert_int_equal(fedl_update_protect(&update, stream, key), FEDL_OK);
    uint8_t *again = read_all(&update, &size);
    assert_memory_equal(first, again, size);
    key[31] = 1;
    assert_int_equal(fedl_update_protect(&update, stream, key), FEDL_OK);
    uint8_t *other = read_all(&update, &size);
    assert_memory_not_equal(first, other, size - 64);
    free(first);
    free(again);
    free(other);
    const fedl_update_config plain = fixture_config();
    fixture_begin(&fixture, &update, &plain);
    assert_int_equal(fedl_update_protect(&update, stream, key), FEDL_ERR_STATE);
    fixture_free(&fixture);
}

/* Sums many noised vectors of one model and turns the sum back: the mean is the clipped delta. */
static void the_sum_is_the_delta_and_its_noise(void **state)
{
    (void)state;
    update_fixture fixture;
    make_fixture(&fixture, 3000); /* far above the clip norm */
    for (uint32_t form = 0; form < 2; form++) {
        fedl_update_config cfg = noisy(form == 1, 32);
        cfg.clients_max = 400;
        void *block = NULL;
        fedl_accum accum;
        const size_t bytes = fedl_accum_size(&cfg, fixture.count);
        assert_int_equal(posix_memalign(&block, 16, bytes), 0);
        assert_int_equal(fedl_accum_init(&accum, &cfg, fixture.count, block, bytes), FEDL_OK);
        fedl_update update;
        for (uint32_t n = 0; n < 400; n++) {
            uint8_t key[32] = {(uint8_t)n, (uint8_t)(n >> 8), 77};
            size_t size = 0;
            fixture_begin(&fixture, &update, &cfg);
            assert_int_equal(fedl_update_protect(&update, stream, key), FEDL_OK);
            uint8_t *vector = read_all(&update, &size);
            assert_int_equal(fedl_accum_add(&accum, fedl_bytes_of(vector, size)), FEDL_OK);
            free(vector);
        }
        if (cfg.rotate) {
            fedl_accum_unrotate(&accum, fedli_rotate_seed(7, 3)); /* seed of fixture_begin */
        }
        const double factor = update.factor_q15 / 32768.0;
        double worst = 0;
        double squares = 0;
        for (uint32_t i = 0; i < fixture.count; i++) {
            const double ideal = (double)fixture_delta(&fixture, i) * factor / 256.0; /* steps */
            const double error = (double)fedl_accum_sum(&accum, i) / 400.0 - ideal;
            worst = fabs(error) > worst ? fabs(error) : worst;
            squares += error * error;
        }
        /* Noise 9 and rounding at most 1/4 per vector: variance of the mean about 9.2/400. */
        const double variance = squares / fixture.count;
        assert_true(worst < 6 * sqrt(9.25 / 400) + 0.01);
        assert_true(variance > 0.75 * 9.0 / 400 && variance < 1.3 * 9.25 / 400);
        free(block);
    }
    fixture_free(&fixture);
}

static void central_noise_has_its_variance(void **state)
{
    (void)state;
    const fedl_update_config cfg = noisy(false, 16);
    static const uint8_t key[32] = {8};
    void *block = NULL;
    fedl_accum accum;
    const size_t bytes = fedl_accum_size(&cfg, 20000);
    assert_int_equal(posix_memalign(&block, 16, bytes), 0);
    assert_int_equal(fedl_accum_init(&accum, &cfg, 20000, block, bytes), FEDL_OK);
    fedl_accum_noise(&accum, 100u << 8, stream, key);
    double squares = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        squares += (double)(fedl_accum_sum(&accum, i) * fedl_accum_sum(&accum, i));
    }
    assert_true(fabs(squares / 20000 - 100) < 6);
    free(block);
}

/* Without a bound on the rounded length the charge would be a wish. */
static void every_rounded_vector_keeps_the_bound(void **state)
{
    (void)state;
    update_fixture fixture;
    make_fixture(&fixture, 3000);
    for (uint32_t n = 0; n < 60; n++) {
        /* The smallest noise there is, and 32 bits: subtracting it again would need the sampler, so
         * the bound is checked with room for the noise: ‖z + e‖ ≤ Δ̃ + ‖e‖. */
        fedl_update_config cfg = noisy(n % 2 == 1, 32);
        cfg.noise_sigma2_q8 = FEDL_SIGMA2_Q8_MIN;
        fedl_update update;
        uint8_t key[32] = {(uint8_t)n, 5};
        size_t size = 0;
        fixture_begin(&fixture, &update, &cfg);
        assert_int_equal(fedl_update_protect(&update, stream, key), FEDL_OK);
        uint8_t *vector = read_all(&update, &size);
        const uint32_t words = fedl_update_word_count(&cfg, fixture.count);
        double squares = 0;
        for (uint32_t i = 0; i < words; i++) {
            const double z = fedli_i32_of(fedli_load_u32(vector + 4 * i));
            squares += z * z;
        }
        const double bound = sqrt((double)fedl_privacy_bound_q16(&cfg, fixture.count) / 65536.0);
        const double noise = sqrt(4.0 * words);
        assert_true(sqrt(squares) <= bound + 1.3 * noise);
        assert_true(sqrt(squares) >= 0.8 * 256); /* and it is not empty */
        free(vector);
    }
    fixture_free(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_part_and_any_ring_is_the_same_vector),
        cmocka_unit_test(another_secret_is_other_noise),
        cmocka_unit_test(the_sum_is_the_delta_and_its_noise),
        cmocka_unit_test(central_noise_has_its_variance),
        cmocka_unit_test(every_rounded_vector_keeps_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
