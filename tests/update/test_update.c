/* SPDX-License-Identifier: Apache-2.0 */
/* begin() and read(): errors, chunking, tail; values are checked in test_update_values.c. */
#include "base/cursor.h"
#include "cmocka_all.h"
#include "update_fixture.h"

#include <stdlib.h>
#include <string.h>

static const fedl_train_seed SEED = {.run_seed = 7, .round = 3, .device_id = 11};

static void init_small(update_fixture *fixture)
{
    const uint32_t units[2] = {9, 4};
    const int8_t exps[2] = {-14, -13};
    const fedl_model_spec spec = fixture_spec(13, 2, units, exps);
    fixture_init(fixture, &spec);
    fixture_randomise(fixture, 5, 300);
}

static fedl_status begin(const update_fixture *fixture, fedl_update *update, fedl_bytes reference,
                         const fedl_update_config *cfg)
{
    return fedl_update_begin(update, &fixture->model, reference, cfg, &SEED, 100, NULL, NULL);
}

static void begin_refuses_and_writes_nothing(void **state)
{
    (void)state;
    update_fixture fixture;
    init_small(&fixture);
    fedl_update update;
    memset(&update, 0x5a, sizeof update);
    fedl_update untouched = update;
    const fedl_update_config cfg = fixture_config();
    fedl_update_config bad = cfg;
    bad.ring_bits = 7;
    const fedl_bytes reference = fixture_reference(&fixture);
    assert_int_equal(begin(&fixture, &update, reference, &bad), FEDL_ERR_RANGE);

    /* Every proper prefix: the header's own errors first, then the missing tensors. */
    const size_t header = fedl_container_header_size(&fixture.spec);
    for (size_t size = 0; size < reference.size; size++) {
        const fedl_status status =
            begin(&fixture, &update, fedl_bytes_of(reference.data, size), &cfg);
        assert_int_not_equal(status, FEDL_OK);
        if (size >= header) {
            assert_int_equal(status, FEDL_ERR_TRUNCATED);
        }
    }
    uint8_t *longer = malloc(reference.size + 1);
    assert_non_null(longer);
    memcpy(longer, reference.data, reference.size);
    longer[reference.size] = 0;
    assert_int_equal(begin(&fixture, &update, fedl_bytes_of(longer, reference.size + 1), &cfg),
                     FEDL_ERR_FORMAT);
    free(longer);

    update_fixture other;
    const uint32_t units[2] = {9, 4};
    const int8_t exps[2] = {-14, -14};
    const fedl_model_spec spec = fixture_spec(13, 2, units, exps);
    fixture_init(&other, &spec);
    assert_int_equal(begin(&fixture, &update, fixture_reference(&other), &cfg), FEDL_ERR_MISMATCH);
    assert_memory_equal(&update, &untouched, sizeof update);
    fixture_free(&other);
    fixture_free(&fixture);
}

static void read_refuses_what_is_outside(void **state)
{
    (void)state;
    update_fixture fixture;
    init_small(&fixture);
    const fedl_update_config cfg = fixture_config();
    fedl_update update;
    fixture_begin(&fixture, &update, &cfg);
    const size_t size = fedl_update_vector_size(&cfg, fixture.count);
    uint8_t *out = malloc(size + 1);
    assert_non_null(out);
    memset(out, 0x33, size + 1);
    assert_int_equal(fedl_update_read(&update, out, 0, size + 1), FEDL_ERR_RANGE);
    assert_int_equal(fedl_update_read(&update, out, 64, size - 63), FEDL_ERR_RANGE);
    assert_int_equal(fedl_update_read(&update, out, size + 64, 0), FEDL_ERR_RANGE);
    assert_int_equal(fedl_update_read(&update, out, SIZE_MAX - 63, 128), FEDL_ERR_RANGE);
    assert_int_equal(fedl_update_read(&update, out, 64, SIZE_MAX), FEDL_ERR_RANGE);
    for (size_t offset = 1; offset < 64; offset++) {
        assert_int_equal(fedl_update_read(&update, out, offset, 1), FEDL_ERR_RANGE);
    }
    assert_int_equal(fedl_update_read(&update, out, size, 0), FEDL_OK);
    assert_int_equal(fedl_update_read(&update, out, 0, 0), FEDL_OK);
    for (size_t i = 0; i <= size; i++) {
        assert_int_equal(out[i], 0x33);
    }
    free(out);
    fixture_free(&fixture);
}

/* Any offset (a multiple of 64) with any size gives the bytes of the whole, and no more. */
static void check_chunks(const fedl_update *update, const uint8_t *whole, size_t size)
{
    uint8_t *part = malloc(size + 16);
    assert_non_null(part);
    for (size_t offset = 0; offset < size; offset += 64) {
        for (size_t bytes = 0; bytes <= size - offset; bytes += 1 + bytes / 3) {
            memset(part, 0xee, size + 16);
            assert_int_equal(fedl_update_read(update, part, offset, bytes), FEDL_OK);
            assert_memory_equal(part, whole + offset, bytes);
            for (size_t i = 0; i < 16; i++) {
                assert_int_equal(part[bytes + i], 0xee);
            }
        }
    }
    for (size_t chunk = 64; chunk <= size; chunk += 64) {
        for (size_t at = 0; at < size; at += chunk) {
            const size_t bytes = size - at < chunk ? size - at : chunk;
            assert_int_equal(fedl_update_read(update, part + at, at, bytes), FEDL_OK);
        }
        assert_memory_equal(part, whole, size);
    }
    free(part);
}

static void any_chunking_gives_the_same_bytes(void **state)
{
    (void)state;
    update_fixture fixture;
    init_small(&fixture);
    for (uint8_t bits = 8; bits <= 32; bits = (uint8_t)(bits + 8)) {
        fedl_update_config cfg = fixture_config();
        cfg.ring_bits = bits;
        cfg.w_max = 5;
        fedl_update update;
        fixture_begin(&fixture, &update, &cfg);
        const size_t size = fedl_update_vector_size(&cfg, fixture.count);
        uint8_t *whole = malloc(size);
        assert_non_null(whole);
        assert_int_equal(fedl_update_read(&update, whole, 0, size), FEDL_OK);
        check_chunks(&update, whole, size);
        /* A second begin, as after a restart: the same vector. */
        fedl_update again;
        fixture_begin(&fixture, &again, &cfg);
        check_chunks(&again, whole, size);
        free(whole);
    }
    fixture_free(&fixture);
}

static void the_tail_reports_within_its_limits(void **state)
{
    (void)state;
    update_fixture fixture;
    init_small(&fixture);
    const fedl_update_config cfg = fixture_config();
    const fedl_train_stats train = {.loss_sum_q16 = 123456};
    const fedl_eval_stats eval = {.row_count = 50, .correct_count = 40, .loss_sum_q16 = 777};
    fedl_update update;
    assert_int_equal(fedl_update_begin(&update, &fixture.model, fixture_reference(&fixture), &cfg,
                                       &SEED, 100, &train, &eval),
                     FEDL_OK);
    const size_t body = fedl_update_body_size(&cfg, fixture.count);
    uint8_t tail[64];
    assert_int_equal(fedl_update_read(&update, tail, body, 64), FEDL_OK);
    const uint64_t expected[6] = {5, 100, 123456, 50, 40, 777};
    for (size_t i = 0; i < 6; i++) {
        assert_true(fedli_load_u64(tail + 8 * i) == expected[i]);
    }
    const fedl_train_stats much = {.loss_sum_q16 = UINT64_MAX};
    const fedl_eval_stats many = {UINT64_MAX, UINT64_MAX, UINT64_MAX};
    assert_int_equal(fedl_update_begin(&update, &fixture.model, fixture_reference(&fixture), &cfg,
                                       &SEED, UINT32_MAX, &much, &many),
                     FEDL_OK);
    const uint64_t limits[6] = {8,          UINT32_MAX, FEDL_TAIL_LOSS_Q16_MAX,
                                UINT32_MAX, UINT32_MAX, FEDL_TAIL_LOSS_Q16_MAX};
    for (size_t i = 0; i < 6; i++) {
        assert_true(update.tail[i] == limits[i]);
    }
    /* All of it from the largest cohort stays below 2^63. */
    assert_true(FEDL_TAIL_LOSS_Q16_MAX <= (UINT64_C(1) << 63) / FEDL_UPDATE_CLIENTS_MAX);
    fixture_free(&fixture);
}

static void padding_is_zero(void **state)
{
    (void)state;
    update_fixture fixture;
    init_small(&fixture);
    fedl_update_config cfg = fixture_config();
    fedl_update update;
    fixture_begin(&fixture, &update, &cfg);
    const size_t words = fixture.count * (size_t)2;
    const size_t body = fedl_update_body_size(&cfg, fixture.count);
    uint8_t *out = malloc(body);
    assert_non_null(out);
    memset(out, 0xff, body);
    assert_int_equal(fedl_update_read(&update, out, 0, body), FEDL_OK);
    assert_true(words < body);
    for (size_t i = words; i < body; i++) {
        assert_int_equal(out[i], 0);
    }
    free(out);
    fixture_free(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(begin_refuses_and_writes_nothing),
        cmocka_unit_test(read_refuses_what_is_outside),
        cmocka_unit_test(any_chunking_gives_the_same_bytes),
        cmocka_unit_test(the_tail_reports_within_its_limits),
        cmocka_unit_test(padding_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
