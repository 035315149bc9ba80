/* SPDX-License-Identifier: Apache-2.0 */
#include "agg/accum.h"

#include "agg/accum_fold.h"
#include "agg_fixture.h"
#include "base/cursor.h"
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static void init_checks_its_block(void **state)
{
    (void)state;
    const fedl_update_config cfg = {
        .clip_q16 = 65536, .update_exp = -12, .ring_bits = 16, .clients_max = 10, .w_max = 8};
    const size_t bytes = fedl_accum_size(&cfg, 1000);
    assert_int_equal(bytes, 2000);
    uint8_t *block = agg_fixture_block(bytes + 16);
    fedl_accum accum;
    for (size_t size = 0; size < bytes; size++) {
        assert_int_equal(fedl_accum_init(&accum, &cfg, 1000, block, size), FEDL_ERR_SIZE);
    }
    assert_int_equal(fedl_accum_init(&accum, &cfg, 1000, NULL, bytes), FEDL_ERR_SIZE);
    assert_int_equal(fedl_accum_init(&accum, &cfg, 1000, block + 1, bytes + 15), FEDL_ERR_SIZE);
    assert_int_equal(fedl_accum_init(&accum, &cfg, 0, block, bytes), FEDL_ERR_RANGE);
    assert_int_equal(fedl_accum_init(&accum, &cfg, FEDL_PARAMETERS_MAX + 1, block, bytes),
                     FEDL_ERR_RANGE);
    fedl_update_config bad = cfg;
    bad.ring_bits = 12;
    assert_int_equal(fedl_accum_init(&accum, &bad, 1000, block, bytes), FEDL_ERR_RANGE);
    assert_int_equal(fedl_accum_init(&accum, &cfg, 1000, block, bytes), FEDL_OK);
    assert_int_equal(accum.count, 0);
    free(block);
    const uint8_t bits[4] = {8, 16, 24, 32};
    const size_t sizes[4] = {1008, 2000, 4000, 4000};
    for (size_t i = 0; i < 4; i++) {
        bad.ring_bits = bits[i];
        assert_int_equal(fedl_accum_size(&bad, 1000), sizes[i]);
    }
}

static void sums_are_those_of_plain_integers(void **state)
{
    (void)state;
    fedli_rng rng;
    fedli_rng_init(&rng, 1);
    for (uint8_t bits = 8; bits <= 32; bits = (uint8_t)(bits + 8)) {
        agg_fixture fx;
        agg_fixture_init(&fx, bits, 9, 3);
        /* One byte off: alignment is not asked of vectors. */
        uint8_t *vector = malloc(fx.vector_bytes + 1);
        assert_non_null(vector);
        int64_t plain[64] = {0};
        uint64_t tail[FEDL_TAIL_WORDS] = {0};
        const int64_t q_max = fedl_update_q_max(&fx.update);
        for (uint32_t n = 1; n <= 9; n++) {
            memset(vector, 0, fx.vector_bytes + 1);
            for (uint32_t i = 0; i < fx.count; i++) {
                /* The first two coordinates run to both ends of what the ring holds. */
                int64_t z = (int64_t)fedli_rng_below(&rng, (uint32_t)(2 * q_max + 1)) - q_max;
                z = i == 0 ? q_max : i == 1 ? -q_max : z;
                agg_fixture_put(&fx, vector + 1, i, 3 * z);
                plain[i] += 3 * z;
            }
            for (size_t i = 0; i < FEDL_TAIL_WORDS; i++) {
                const uint64_t value = fedli_rng_u32(&rng);
                fedli_store_u64(vector + 1 + fx.vector_bytes - 64 + 8 * i, value);
                tail[i] += value;
            }
            assert_int_equal(fedl_accum_add(&fx.accum, fedl_bytes_of(vector + 1, fx.vector_bytes)),
                             FEDL_OK);
            assert_int_equal(fx.accum.count, n);
            for (uint32_t i = 0; i < fx.count; i++) {
                assert_true(fedl_accum_sum(&fx.accum, i) == plain[i]);
            }
            assert_memory_equal(fx.accum.tail, tail, sizeof tail);
        }
        free(vector);
        agg_fixture_free(&fx);
    }
}

static void the_ring_wraps_around(void **state)
{
    (void)state;
    for (uint8_t bits = 8; bits <= 32; bits = (uint8_t)(bits + 8)) {
        agg_fixture fx;
        agg_fixture_init(&fx, bits, 4, 1);
        const int64_t half = (int64_t)1 << (bits - 1);
        uint8_t *vector = calloc(1, fx.vector_bytes);
        assert_non_null(vector);
        const fedl_bytes view = fedl_bytes_of(vector, fx.vector_bytes);
        agg_fixture_put(&fx, vector, 0, half - 1);
        agg_fixture_put(&fx, vector, 1, -half);
        agg_fixture_put(&fx, vector, 2, -1);
        assert_int_equal(fedl_accum_add(&fx.accum, view), FEDL_OK);
        assert_true(fedl_accum_sum(&fx.accum, 0) == half - 1);
        assert_true(fedl_accum_sum(&fx.accum, 1) == -half);
        assert_true(fedl_accum_sum(&fx.accum, 2) == -1);
        assert_int_equal(fedl_accum_add(&fx.accum, view), FEDL_OK);
        assert_true(fedl_accum_sum(&fx.accum, 0) == -2);
        assert_true(fedl_accum_sum(&fx.accum, 1) == 0);
        assert_true(fedl_accum_sum(&fx.accum, 2) == -2);
        assert_true(fedl_accum_sum(&fx.accum, 3) == 0);
        free(vector);
        agg_fixture_free(&fx);
    }
}

static void add_refuses_and_adds_nothing(void **state)
{
    (void)state;
    agg_fixture fx;
    agg_fixture_init(&fx, 16, 2, 1);
    fedli_rng rng;
    fedli_rng_init(&rng, 2);
    uint8_t *vector = calloc(1, fx.vector_bytes + 64);
    uint8_t *before = calloc(1, fx.vector_bytes);
    uint8_t *after = calloc(1, fx.vector_bytes);
    assert_true(vector != NULL && before != NULL && after != NULL);
    agg_fixture_honest(&fx, vector, &rng, 1);
    const fedl_bytes view = fedl_bytes_of(vector, fx.vector_bytes);
    assert_int_equal(fedl_accum_add(&fx.accum, view), FEDL_OK);
    assert_int_equal(fedl_accum_export(&fx.accum, before, fx.vector_bytes), FEDL_OK);
    for (size_t size = 0; size < fx.vector_bytes + 64; size++) {
        if (size != fx.vector_bytes) {
            assert_int_equal(fedl_accum_add(&fx.accum, fedl_bytes_of(vector, size)),
                             FEDL_ERR_MISMATCH);
        }
    }
    assert_int_equal(fx.accum.count, 1);
    assert_int_equal(fedl_accum_export(&fx.accum, after, fx.vector_bytes), FEDL_OK);
    assert_memory_equal(before, after, fx.vector_bytes);
    assert_int_equal(fedl_accum_add(&fx.accum, view), FEDL_OK);
    assert_int_equal(fedl_accum_add(&fx.accum, view), FEDL_ERR_FULL);
    assert_int_equal(fx.accum.count, 2);
    fedl_accum_clear(&fx.accum);
    assert_int_equal(fx.accum.count, 0);
    for (uint32_t i = 0; i < fx.count; i++) {
        assert_true(fedl_accum_sum(&fx.accum, i) == 0);
    }
    for (size_t i = 0; i < FEDL_TAIL_WORDS; i++) {
        assert_true(fx.accum.tail[i] == 0);
    }
    free(vector);
    free(before);
    free(after);
    agg_fixture_free(&fx);
}

/* Words of one, two and three pieces, and one more or less. */
static void take_is_add_and_leaves_nothing(void **state)
{
    (void)state;
    static const uint32_t counts[7] = {1, 53, 2047, 2048, 2049, 4096, 6001};
    fedli_rng rng;
    fedli_rng_init(&rng, 4);
    for (uint8_t bits = 8; bits <= 32; bits = (uint8_t)(bits + 8)) {
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            const fedl_update_config cfg = {.clip_q16 = 65536,
                                            .update_exp = -12,
                                            .ring_bits = bits,
                                            .clients_max = 3,
                                            .w_max = 1};
            const size_t block_bytes = fedl_accum_size(&cfg, counts[c]);
            uint8_t *blocks[2] = {agg_fixture_block(block_bytes), agg_fixture_block(block_bytes)};
            fedl_accum added;
            fedl_accum taken;
            assert_int_equal(fedl_accum_init(&added, &cfg, counts[c], blocks[0], block_bytes),
                             FEDL_OK);
            assert_int_equal(fedl_accum_init(&taken, &cfg, counts[c], blocks[1], block_bytes),
                             FEDL_OK);
            const size_t size = added.vector_bytes;
            uint8_t *vector = malloc(size); /* exact: nothing behind it may be touched */
            uint8_t *sums = malloc(2 * size);
            assert_true(vector != NULL && sums != NULL);
            for (uint32_t n = 0; n < 3; n++) {
                for (size_t i = 0; i < size; i++) {
                    vector[i] = (uint8_t)fedli_rng_u32(&rng);
                }
                assert_int_equal(fedl_accum_add(&added, fedl_bytes_of(vector, size)), FEDL_OK);
                memcpy(sums, vector, size);
                assert_int_equal(fedl_accum_take(&taken, vector, size - 1), FEDL_ERR_MISMATCH);
                assert_int_equal(taken.count, n);
                assert_memory_equal(vector, sums, size);
                assert_int_equal(fedl_accum_take(&taken, vector, size), FEDL_OK);
                for (size_t i = 0; i < size; i++) {
                    assert_int_equal(vector[i], 0);
                }
            }
            assert_int_equal(fedl_accum_export(&added, sums, size), FEDL_OK);
            vector[0] = 1;
            assert_int_equal(fedl_accum_take(&taken, vector, size), FEDL_ERR_FULL);
            assert_int_equal(vector[0], 1);
            assert_int_equal(fedl_accum_export(&taken, sums + size, size), FEDL_OK);
            assert_memory_equal(sums, sums + size, size);
            assert_int_equal(taken.count, 3);
            free(vector);
            free(sums);
            free(blocks[0]);
            free(blocks[1]);
        }
    }
}

static void export_and_import_carry_the_sum(void **state)
{
    (void)state;
    fedli_rng rng;
    fedli_rng_init(&rng, 3);
    for (uint8_t bits = 8; bits <= 32; bits = (uint8_t)(bits + 8)) {
        agg_fixture fx;
        agg_fixture_init(&fx, bits, 5, 2);
        const size_t size = fx.vector_bytes;
        uint8_t *vector = calloc(1, size);
        uint8_t *sum = malloc(size);
        uint8_t *again = malloc(size);
        assert_true(vector != NULL && sum != NULL && again != NULL);
        agg_fixture_liar(&fx, vector, &rng, 2);
        assert_int_equal(fedl_accum_add(&fx.accum, fedl_bytes_of(vector, size)), FEDL_OK);
        assert_int_equal(fedl_accum_export(&fx.accum, sum, size - 1), FEDL_ERR_SIZE);
        assert_int_equal(fedl_accum_export(&fx.accum, sum, size), FEDL_OK);
        /* The sum of one vector is that vector, with clean padding. */
        const size_t words = fx.count * (size_t)(bits / 8u);
        memset(vector + words, 0, size - 64 - words);
        assert_memory_equal(sum, vector, size);

        agg_fixture_liar(&fx, vector, &rng, 2);
        assert_int_equal(fedl_accum_add(&fx.accum, fedl_bytes_of(vector, size)), FEDL_OK);
        assert_int_equal(fedl_accum_export(&fx.accum, sum, size), FEDL_OK);
        fedl_accum_clear(&fx.accum);
        assert_int_equal(fedl_accum_import(&fx.accum, fedl_bytes_of(sum, size - 1), 2),
                         FEDL_ERR_MISMATCH);
        assert_int_equal(fedl_accum_import(&fx.accum, fedl_bytes_of(sum, size), 6), FEDL_ERR_RANGE);
        assert_int_equal(fx.accum.count, 0);
        assert_int_equal(fedl_accum_import(&fx.accum, fedl_bytes_of(sum, size), 2), FEDL_OK);
        assert_int_equal(fx.accum.count, 2);
        assert_int_equal(fedl_accum_export(&fx.accum, again, size), FEDL_OK);
        assert_memory_equal(sum, again, size);
        free(vector);
        free(sum);
        free(again);
        agg_fixture_free(&fx);
    }
}

/* Every length up to a few vectors of the machine, at every alignment, with exact buffers. */
static void fold_loops_handle_every_length(void **state)
{
    (void)state;
    enum { MAX = 70 };
    for (size_t count = 1; count <= MAX; count++) {
        for (size_t word = 1; word <= 4; word++) {
            const size_t bytes_size = count * word + (word == 3 ? 2u : 0u);
            uint8_t *bytes = malloc(bytes_size);
            uint32_t sum[MAX] = {0};
            assert_non_null(bytes);
            for (size_t i = 0; i < bytes_size; i++) {
                bytes[i] = (uint8_t)(i * 37u + 11u);
            }
            memset(sum, 0xf7, sizeof sum);
            if (word == 1) {
                fedli_fold_u8((uint8_t *)sum, bytes, count);
            } else if (word == 2) {
                fedli_fold_u16((uint16_t *)sum, bytes, count);
            } else if (word == 3) {
                fedli_fold_u24(sum, bytes, count);
            } else {
                fedli_fold_u32(sum, bytes, count);
            }
            for (size_t i = 0; i < count; i++) {
                uint32_t expected = 0;
                for (size_t b = 0; b < word; b++) {
                    expected |= (uint32_t)bytes[i * word + b] << (8 * b);
                }
                const uint32_t mask = word == 4 ? 0xffffffffu : (1u << (8 * word)) - 1u;
                const uint32_t got = word == 1   ? ((uint8_t *)sum)[i]
                                     : word == 2 ? ((uint16_t *)sum)[i]
                                                 : sum[i];
                assert_int_equal(got & mask, (0xf7f7f7f7u + expected) & mask);
            }
            free(bytes);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_checks_its_block),
        cmocka_unit_test(sums_are_those_of_plain_integers),
        cmocka_unit_test(the_ring_wraps_around),
        cmocka_unit_test(add_refuses_and_adds_nothing),
        cmocka_unit_test(take_is_add_and_leaves_nothing),
        cmocka_unit_test(export_and_import_carry_the_sum),
        cmocka_unit_test(fold_loops_handle_every_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
