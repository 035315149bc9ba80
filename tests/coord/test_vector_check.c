/* SPDX-License-Identifier: Apache-2.0 */
/* Every ring: the bound itself passes, one beyond it does not, at every place of the vector. */
#include "cmocka_all.h"

#include "base/cursor.h"
#include "coord/coord_state.h"

#include <string.h>

#define PARAMETERS 67u /* no multiple of any vector width */

static fedli_task task;
static uint8_t vector[1024];

static void store_word(uint32_t index, uint64_t word)
{
    const uint32_t bytes = task.plan.update.ring_bits / 8u;
    for (uint32_t k = 0; k < bytes; k++) {
        vector[index * bytes + k] = (uint8_t)(word >> (8u * k));
    }
}

static void make(uint8_t ring_bits, uint32_t w_max, uint64_t weight)
{
    memset(&task, 0, sizeof task);
    memset(vector, 0, sizeof vector);
    task.plan.update = (fedl_update_config){.clip_q16 = 65536,
                                            .update_exp = -12,
                                            .ring_bits = ring_bits,
                                            .clients_max = 3,
                                            .w_unit = 10,
                                            .w_max = w_max};
    task.accum.parameter_count = PARAMETERS;
    task.accum.vector_bytes = fedl_update_vector_size(&task.plan.update, PARAMETERS);
    fedli_store_u64(vector + task.accum.vector_bytes - 64u + 8u * FEDL_TAIL_WEIGHT, weight);
}

static void words_are_bounded_in_every_ring(void **state)
{
    (void)state;
    const uint8_t rings[] = {8, 16, 24, 32};
    for (size_t r = 0; r < sizeof rings; r++) {
        for (uint64_t weight = 1; weight <= 4; weight++) {
            make(rings[r], 4, weight);
            const uint64_t ring = (uint64_t)1 << rings[r];
            const uint64_t bound = fedl_update_q_max(&task.plan.update) * weight;
            assert_true(bound > 0 && bound < ring / 2);
            const uint64_t good[] = {0, 1, bound, ring - 1, ring - bound};
            const uint64_t bad[] = {bound + 1, ring - bound - 1, ring / 2, ring / 2 - 1};
            for (uint32_t i = 0; i < PARAMETERS; i++) {
                for (size_t k = 0; k < sizeof good / sizeof good[0]; k++) {
                    store_word(i, good[k]);
                    assert_true(fedli_vector_is_sane(&task, vector));
                }
                for (size_t k = 0; k < sizeof bad / sizeof bad[0]; k++) {
                    store_word(i, bad[k]);
                    /* With the largest weight and few clients the bound may reach the ring's. */
                    assert_int_equal(fedli_vector_is_sane(&task, vector),
                                     bad[k] <= bound || ring - bad[k] <= bound);
                }
                store_word(i, 0);
            }
        }
    }
}

static void an_unknown_ring_passes_nothing(void **state)
{
    (void)state;
    make(16, 4, 1);
    task.plan.update.ring_bits = 12;
    assert_false(fedli_vector_is_sane(&task, vector));
}

/* The bit of adaptive clipping: 0 or 1 a device; with the devices' noise whatever that can be. */
static void bits_are_bounded(void **state)
{
    (void)state;
    const size_t at = 8u * FEDL_TAIL_CLIPPED;
    make(16, 1, 1);
    task.plan.update.w_unit = 0;
    task.plan.update.sum_sigma2_q8 = 256;
    uint8_t *tail = vector + task.accum.vector_bytes - 64u;
    for (uint32_t adaptive = 0; adaptive < 2; adaptive++) {
        task.plan.update.bit_sigma2_q8 = adaptive * 1024u;
        for (uint64_t bit = 0; bit < 3; bit++) {
            fedli_store_u64(tail + at, bit);
            assert_int_equal(fedli_vector_is_sane(&task, vector), bit <= adaptive);
        }
        fedli_store_u64(tail + at, UINT64_MAX);
        assert_false(fedli_vector_is_sane(&task, vector));
    }
    task.accum.count = 3;
    task.accum.parameter_count = 0; /* the tail alone */
    task.accum.tail[FEDL_TAIL_WEIGHT] = 3;
    const uint64_t noise = 3 * 8192;
    const struct {
        uint64_t word;
        bool bare;  /* good without the devices' noise */
        bool noisy; /* good with it */
    } sums[] = {{0, true, true},          {3, true, true},
                {4, false, true},         {UINT64_MAX, false, true},
                {3 + noise, false, true}, {4 + noise, false, false},
                {0 - noise, false, true}, {0 - noise - 1, false, false}};
    for (size_t i = 0; i < sizeof sums / sizeof sums[0]; i++) {
        task.accum.tail[FEDL_TAIL_CLIPPED] = sums[i].word;
        task.plan.update.sum_sigma2_q8 = 256;
        task.plan.update.noise_sigma2_q8 = 0;
        assert_int_equal(fedli_sum_is_sane(&task), sums[i].bare);
        task.plan.update.sum_sigma2_q8 = 0;
        task.plan.update.noise_sigma2_q8 = 1024;
        assert_int_equal(fedli_sum_is_sane(&task), sums[i].noisy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_bounded_in_every_ring),
        cmocka_unit_test(an_unknown_ring_passes_nothing),
        cmocka_unit_test(bits_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
