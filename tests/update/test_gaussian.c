/* SPDX-License-Identifier: Apache-2.0 */
/* The discrete Gaussian: moments, goodness of fit against the exact distribution, exact coins. */
#include "update/gaussian.h"

#include "cmocka_all.h"
#include "secagg/prg.h"

#include <math.h>
#include <string.h>

#define SAMPLES 40000u

static const uint8_t key[32] = {1, 2, 3, 4, 5, 6, 7, 8, 9};

static void stream(uint8_t *out, size_t block_count, const uint8_t *k, uint32_t counter)
{
    fedli_prg_portable.stream(out, block_count, k, counter);
}

static void bounds_are_kept_without_bias(void **state)
{
    (void)state;
    fedli_noise_bits bits;
    uint32_t seen[6] = {0};
    fedli_noise_bits_init(&bits, stream, key, 0);
    for (uint32_t i = 0; i < 60000; i++) {
        const uint64_t value = fedli_noise_below(&bits, 6);
        assert_true(value < 6);
        seen[value]++;
    }
    for (uint32_t i = 0; i < 6; i++) { /* 10,000 ± 5 standard deviations of 91 */
        assert_in_range(seen[i], 9540, 10460);
    }
    assert_int_equal(fedli_noise_below(&bits, 1), 0);
    assert_true(fedli_noise_below(&bits, UINT64_C(1) << 62) < UINT64_C(1) << 62);
}

static void coins_fall_with_their_probability(void **state)
{
    (void)state;
    static const uint64_t cases[][2] = {{0, 1}, {1, 1}, {1, 3}, {7, 4}, {5, 1}, {1, 1000000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fedli_noise_bits bits;
        uint32_t heads = 0;
        fedli_noise_bits_init(&bits, stream, key, (uint32_t)(i + 1u) << 20);
        for (uint32_t n = 0; n < SAMPLES; n++) {
            heads += fedli_noise_bernoulli_exp(&bits, cases[i][0], cases[i][1]) ? 1u : 0u;
        }
        const double p = exp(-(double)cases[i][0] / (double)cases[i][1]);
        const double deviation = sqrt(SAMPLES * p * (1 - p)) + 1e-9;
        assert_true(fabs(heads - SAMPLES * p) <= 5 * deviation);
    }
}

/* Exact probability of x under the discrete Gaussian. */
static double mass(int32_t x, double sigma2)
{
    double total = 0;
    const int32_t reach = (int32_t)(40 * sqrt(sigma2)) + 2;
    for (int32_t i = -reach; i <= reach; i++) {
        total += exp(-(double)i * i / (2 * sigma2));
    }
    return exp(-(double)x * x / (2 * sigma2)) / total;
}

/* Pearson's statistic over cells with at least 10 expected samples, tails together. */
static void samples_fit_the_distribution(void **state)
{
    (void)state;
    static const uint32_t sigmas_q8[] = {64, 256, 4 << 8, 1500, 16 << 8, 400 << 8};
    for (size_t s = 0; s < sizeof sigmas_q8 / sizeof sigmas_q8[0]; s++) {
        static uint32_t counts[4001];
        const double sigma2 = sigmas_q8[s] / 256.0;
        double sum = 0;
        double squares = 0;
        memset(counts, 0, sizeof counts);
        for (uint32_t i = 0; i < SAMPLES; i++) {
            int32_t x = 0;
            fedli_noise_add(&x, i, 1, sigmas_q8[s], stream, key);
            assert_in_range(x + 2000, 0, 4000);
            counts[x + 2000]++;
            sum += x;
            squares += (double)x * x;
        }
        double chi2 = 0;
        double rest_expected = SAMPLES;
        double rest_seen = SAMPLES;
        uint32_t cells = 0;
        for (int32_t x = -2000; x <= 2000; x++) {
            const double expected = SAMPLES * mass(x, sigma2);
            if (expected >= 10) {
                const double seen = counts[x + 2000];
                chi2 += (seen - expected) * (seen - expected) / expected;
                rest_expected -= expected;
                rest_seen -= seen;
                cells++;
            }
        }
        chi2 += rest_expected < 1 ? 0 : pow(rest_seen - rest_expected, 2) / rest_expected;
        /* χ² with k degrees: mean k, variance 2k; 6 deviations and a floor for small k. */
        assert_true(chi2 < cells + 6 * sqrt(2.0 * cells) + 12);
        double variance = 0; /* of the discrete one: below σ² for small σ */
        for (int32_t x = -2000; x <= 2000; x++) {
            variance += (double)x * x * mass(x, sigma2);
        }
        assert_true(fabs(sum / SAMPLES) < 5 * sqrt(variance / SAMPLES));
        assert_true(fabs(squares / SAMPLES - variance) < 6 * variance * sqrt(2.0 / SAMPLES) + 0.01);
    }
}

/* Too wide for cells of one value: classes of a quarter of σ, against the normal law, from which
 * the discrete one differs by less than e^(−2π²σ²). */
static void wide_noise_fits_the_distribution(void **state)
{
    (void)state;
    static const uint32_t sigmas_q8[] = {FEDL_SIGMA2_Q8_MAX, FEDL_SIGMA2_Q8_MAX + 256u,
                                         1000u * 1000u << 8, FEDL_SUM_SIGMA2_Q8_MAX};
    enum { CLASSES = 32, WIDE_SAMPLES = 12000 }; /* −4σ … 4σ */
    for (size_t s = 0; s < sizeof sigmas_q8 / sizeof sigmas_q8[0]; s++) {
        const double sigma = sqrt(sigmas_q8[s] / 256.0);
        uint32_t seen[CLASSES] = {0};
        double sum = 0;
        double squares = 0;
        for (uint32_t i = 0; i < WIDE_SAMPLES; i++) {
            int32_t x = 0;
            fedli_noise_add(&x, i, 1, sigmas_q8[s], stream, key);
            const double place = floor(x / sigma * 4) + CLASSES / 2;
            seen[place < 0 ? 0 : place >= CLASSES ? CLASSES - 1 : (int)place]++;
            sum += x;
            squares += (double)x * x;
        }
        double chi2 = 0;
        uint32_t cells = 0;
        for (int32_t i = 0; i < CLASSES; i++) {
            /* Integers x with ⌊4x/σ⌋ = i − 16: the borders lie half a step below the first. */
            const double low = (ceil((i - CLASSES / 2) * sigma / 4) - 0.5) / sigma;
            const double high = (ceil((i + 1 - CLASSES / 2) * sigma / 4) - 0.5) / sigma;
            const double expected = WIDE_SAMPLES * 0.5 * (erf(high / sqrt(2)) - erf(low / sqrt(2)));
            if (expected >= 10) {
                chi2 += (seen[i] - expected) * (seen[i] - expected) / expected;
                cells++;
            }
        }
        assert_true(chi2 < cells + 6 * sqrt(2.0 * cells) + 12);
        assert_true(fabs(sum / WIDE_SAMPLES) < 5 * sigma / sqrt(WIDE_SAMPLES));
        assert_true(fabs(squares / WIDE_SAMPLES / (sigma * sigma) - 1) <
                    6 * sqrt(2.0 / WIDE_SAMPLES));
    }
}

static void any_part_can_be_made_again(void **state)
{
    (void)state;
    int32_t whole[64] = {0};
    fedli_noise_add(whole, 1000, 64, 16 << 8, stream, key);
    for (uint32_t at = 0; at < 64; at += 7) {
        int32_t one = 5;
        fedli_noise_add(&one, 1000 + at, 1, 16 << 8, stream, key);
        assert_int_equal(one, whole[at] + 5);
    }
    uint8_t other_key[32] = {9};
    int32_t other[64] = {0};
    fedli_noise_add(other, 1000, 64, 16 << 8, stream, other_key);
    assert_memory_not_equal(whole, other, sizeof whole);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_kept_without_bias),
        cmocka_unit_test(coins_fall_with_their_probability),
        cmocka_unit_test(samples_fit_the_distribution),
        cmocka_unit_test(wide_noise_fits_the_distribution),
        cmocka_unit_test(any_part_can_be_made_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
