/* SPDX-License-Identifier: Apache-2.0 */
/* What the vector means: bounds, bias and counters over many deltas, against exact arithmetic. */
#include "base/cursor.h"
#include "base/rng.h"
#include "cmocka_all.h"
#include "update_fixture.h"

#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 wide;

enum { INPUTS = 40, HIDDEN = 20, OUTPUTS = 5 };

static void init_medium(update_fixture *fixture)
{
    const uint32_t units[2] = {HIDDEN, OUTPUTS};
    const int8_t exps[2] = {-14, -12};
    const fedl_model_spec spec = fixture_spec(INPUTS, 2, units, exps);
    fixture_init(fixture, &spec);
}

/* All x of the vector, re-centred; the caller frees. */
static int64_t *words_of(const fedl_update *update, uint32_t count)
{
    const size_t word_bytes = update->config.ring_bits / 8u;
    const size_t size = fedl_update_body_size(&update->config, count);
    uint8_t *body = malloc(size);
    int64_t *words = malloc(count * sizeof *words);
    assert_true(body != NULL && words != NULL);
    assert_int_equal(fedl_update_read(update, body, 0, size), FEDL_OK);
    const int64_t ring = (int64_t)1 << update->config.ring_bits;
    for (size_t i = 0; i < count; i++) {
        int64_t word = 0;
        for (size_t b = 0; b < word_bytes; b++) {
            word |= (int64_t)body[i * word_bytes + b] << (8 * b);
        }
        words[i] = word < ring / 2 ? word : word - ring;
    }
    free(body);
    return words;
}

static wide delta_square(const update_fixture *fixture)
{
    wide sum = 0;
    for (uint32_t i = 0; i < fixture->count; i++) {
        const int64_t d = fixture_delta(fixture, i);
        sum += (wide)((uint64_t)(d * d));
    }
    return sum;
}

/* Checks every bound that a vector of weight 1 promises; returns Σ (z·2^shift)². */
static wide check_bounds(const update_fixture *fixture, const fedl_update_config *cfg)
{
    fedl_update update;
    fixture_begin(fixture, &update, cfg);
    int64_t *words = words_of(&update, fixture->count);
    const int32_t shift = cfg->update_exp + 16;
    const int64_t q_max = fedl_update_q_max(cfg);
    wide square = 0;
    for (uint32_t i = 0; i < fixture->count; i++) {
        assert_true(words[i] >= -q_max && words[i] <= q_max);
        const int64_t d = fixture_delta(fixture, i);
        /* Never beyond the next grid point, never the other sign. */
        const int64_t z = shift > 0 ? words[i] * ((int64_t)1 << shift) : words[i];
        const int64_t grid = shift > 0 ? (int64_t)1 << shift : 1;
        const int64_t scale = shift > 0 ? 1 : (int64_t)1 << -shift;
        assert_true(d >= 0 ? z >= 0 && z < d * scale + grid : z <= 0 && z > d * scale - grid);
        square += (wide)((uint64_t)(z * z));
    }
    const int32_t fine = shift < 0 ? -shift : 0;
    const wide clip = (wide)cfg->clip_q16 << fine;
    assert_true(square <= clip * clip);
    const wide before = delta_square(fixture);
    const wide c2 = (wide)cfg->clip_q16 * cfg->clip_q16;
    assert_int_equal(update.tail[FEDL_TAIL_CLIPPED], before > c2 ? 1 : 0);
    assert_true((wide)update.norm_q16 * update.norm_q16 >= before);
    free(words);
    return square;
}

static void no_vector_is_longer_than_the_limit(void **state)
{
    (void)state;
    update_fixture fixture;
    init_medium(&fixture);
    fedl_update_config cfg = fixture_config();
    cfg.ring_bits = 32;
    cfg.w_unit = 0;
    cfg.w_max = 1;
    cfg.clients_max = 1;
    fedli_rng rng;
    fedli_rng_init(&rng, 8);
    for (uint32_t turn = 0; turn < 60; turn++) {
        fixture_randomise(&fixture, turn, 1 + (30000u >> fedli_rng_below(&rng, 15)));
        fedl_update update;
        cfg.clip_q16 = UINT32_MAX;
        cfg.update_exp = -16;
        fixture_begin(&fixture, &update, &cfg);
        const uint32_t norm = update.norm_q16;
        const uint32_t limits[5] = {norm, norm + 1, norm - 1, norm / 2 + 1, norm / 100 + 1};
        for (size_t i = 0; i < 5; i++) {
            cfg.clip_q16 = limits[i] == 0 ? 1 : limits[i];
            cfg.update_exp = (int8_t)(-20 + (int32_t)fedli_rng_below(&rng, 17));
            (void)check_bounds(&fixture, &cfg);
        }
    }
    fixture_free(&fixture);
}

/* For noise of the server the vector is the usual one, within the clip; but nothing stands in its
 * tail that tells of the device. */
static void a_device_tells_no_metrics_where_noise_is_added(void **state)
{
    (void)state;
    update_fixture fixture;
    init_medium(&fixture);
    fixture_randomise(&fixture, 3, 20000);
    fedl_update_config cfg = fixture_config();
    cfg.ring_bits = 24;
    cfg.w_unit = 0;
    cfg.w_max = 1;
    fedl_update update;
    fixture_begin(&fixture, &update, &cfg);
    assert_int_equal(update.tail[FEDL_TAIL_CLIPPED], 1);
    assert_int_equal(update.tail[FEDL_TAIL_ROWS], 100);
    int64_t *usual = words_of(&update, fixture.count);
    cfg.sum_sigma2_q8 = 256;
    fixture_begin(&fixture, &update, &cfg);
    int64_t *words = words_of(&update, fixture.count);
    assert_memory_equal(words, usual, fixture.count * sizeof *words);
    for (size_t i = 0; i < FEDL_TAIL_WORDS; i++) {
        assert_int_equal(update.tail[i], i == FEDL_TAIL_WEIGHT ? 1 : 0);
    }
    free(words);
    free(usual);
    fixture_free(&fixture);
}

static void adversarial_deltas_stay_within(void **state)
{
    (void)state;
    update_fixture fixture;
    init_medium(&fixture);
    fedl_update_config cfg = fixture_config();
    cfg.ring_bits = 32;
    cfg.w_unit = 0;
    cfg.w_max = 1;
    cfg.clients_max = 1;
    for (int8_t exp = -20; exp <= -4; exp++) {
        cfg.update_exp = exp;
        /* Every coordinate just above half a grid unit: rounding up can double the norm. */
        for (uint32_t i = 0; i < fixture.count; i++) {
            fixture_set(&fixture, i, 0, exp > -14 ? (1 << (exp + 13)) + 1 : 1);
        }
        fixture_load(&fixture);
        fedl_update update;
        fixture_begin(&fixture, &update, &cfg);
        cfg.clip_q16 = update.norm_q16;
        (void)check_bounds(&fixture, &cfg);
        cfg.clip_q16 = 1;
        (void)check_bounds(&fixture, &cfg);
        /* Both ends of every format. */
        for (uint32_t i = 0; i < fixture.count; i++) {
            const bool up = i % 2 == 0;
            const bool bias = fixture_place_of(&fixture, i).bias;
            const int32_t low = bias ? INT32_MIN : -32768;
            const int32_t high = bias ? INT32_MAX : 32767;
            fixture_set(&fixture, i, up ? low : high, up ? high : low);
        }
        fixture_load(&fixture);
        cfg.clip_q16 = UINT32_MAX;
        (void)check_bounds(&fixture, &cfg);
        cfg.clip_q16 = 65536;
        (void)check_bounds(&fixture, &cfg);
    }
    fixture_free(&fixture);
}

static void the_mean_over_devices_is_the_delta(void **state)
{
    (void)state;
    enum { DEVICES = 400, SHIFT = 6 };
    update_fixture fixture;
    init_medium(&fixture);
    fixture_randomise(&fixture, 9, 200);
    fedl_update_config cfg = fixture_config();
    cfg.clip_q16 = UINT32_MAX;
    cfg.update_exp = SHIFT - 16;
    cfg.w_unit = 0;
    int64_t *sum = calloc(fixture.count, sizeof *sum);
    assert_non_null(sum);
    for (uint32_t device = 0; device < DEVICES; device++) {
        const fedl_train_seed seed = {.run_seed = 1, .round = 1, .device_id = device};
        fedl_update update;
        assert_int_equal(fedl_update_begin(&update, &fixture.model, fixture_reference(&fixture),
                                           &cfg, &seed, 1, NULL, NULL),
                         FEDL_OK);
        assert_false(update.truncate);
        int64_t *words = words_of(&update, fixture.count);
        for (uint32_t i = 0; i < fixture.count; i++) {
            sum[i] += words[i] * (1 << SHIFT);
        }
        free(words);
    }
    /* One coordinate: deviation of the sum ≤ 32·√400 = 640; six of them for 925 coordinates. */
    int64_t total = 0;
    for (uint32_t i = 0; i < fixture.count; i++) {
        const int64_t error = sum[i] - DEVICES * fixture_delta(&fixture, i);
        assert_true(error > -3840 && error < 3840);
        total += error;
    }
    /* All together: ≤ 640·√925 = 19465; five of them. */
    assert_true(total > -97325 && total < 97325);
    free(sum);
    fixture_free(&fixture);
}

static void saturation_is_counted_and_weighted(void **state)
{
    (void)state;
    update_fixture fixture;
    init_medium(&fixture);
    /* 7 coordinates far beyond q_max = 409 on the 2^-12 grid, one exactly there, one inside. */
    for (uint32_t i = 0; i < 7; i++) {
        fixture_set(&fixture, i * 10, 0, i % 2 == 0 ? 20000 : -20000);
    }
    fixture_set(&fixture, 1, 0, 409 * 4);
    fixture_set(&fixture, 2, 0, -408 * 4);
    fixture_load(&fixture);
    fedl_update_config cfg = fixture_config();
    cfg.clip_q16 = UINT32_MAX;
    fedl_update update;
    fixture_begin(&fixture, &update, &cfg); /* 100 rows of 20: weight 5 */
    int64_t *words = words_of(&update, fixture.count);
    assert_int_equal(update.tail[FEDL_TAIL_SATURATED], 7);
    assert_int_equal(words[0], 409 * 5);
    assert_int_equal(words[10], -409 * 5);
    assert_int_equal(words[1], 409 * 5);
    assert_int_equal(words[2], -408 * 5);
    assert_int_equal(words[3], 0);
    free(words);
    fixture_free(&fixture);
}

static void a_norm_of_exactly_the_limit_is_within(void **state)
{
    (void)state;
    update_fixture fixture;
    init_medium(&fixture);
    /* Quarters of one: √(3² + 4² + 7² + 5² + 1²) = 10 of them, all on the update grid. */
    fixture_set(&fixture, 0, 0, 3 << 12);
    fixture_set(&fixture, 1, 0, -4 * (1 << 12));
    fixture_set(&fixture, 2, 0, 7 << 12);
    fixture_set(&fixture, 3, 0, 5 << 12);
    fixture_set(&fixture, 4, 0, 1 << 12);
    fixture_load(&fixture);
    fedl_update_config cfg = fixture_config();
    cfg.clip_q16 = 10 << 14;
    fedl_update update;
    fixture_begin(&fixture, &update, &cfg);
    assert_int_equal(update.norm_q16, cfg.clip_q16);
    assert_int_equal(update.factor_q15, 32768);
    assert_false(update.truncate);
    cfg.clip_q16--;
    fixture_begin(&fixture, &update, &cfg);
    assert_true(update.factor_q15 < 32768);
    assert_int_equal(update.tail[FEDL_TAIL_CLIPPED], 1);
    fixture_free(&fixture);
}

static void the_fall_back_counts_its_own_saturations(void **state)
{
    (void)state;
    update_fixture fixture;
    init_medium(&fixture);
    /* q_max = 1 and every delta at 1½ units: rounding up is cut, truncation is not. */
    fedl_update_config cfg = fixture_config();
    cfg.clients_max = 4000;
    assert_int_equal(fedl_update_q_max(&cfg), 1);
    for (uint32_t i = 0; i < fixture.count; i++) {
        const fixture_place place = fixture_place_of(&fixture, i);
        fixture_set(&fixture, i, 0, 24 >> (place.exp + 16));
    }
    fixture_load(&fixture);
    fedl_update update;
    cfg.clip_q16 = UINT32_MAX;
    fixture_begin(&fixture, &update, &cfg);
    assert_false(update.truncate);
    assert_in_range(update.tail[FEDL_TAIL_SATURATED], fixture.count / 3, fixture.count * 2 / 3);
    cfg.clip_q16 = update.norm_q16;
    fixture_begin(&fixture, &update, &cfg);
    assert_true(update.truncate);
    assert_int_equal(update.tail[FEDL_TAIL_SATURATED], 0);
    fixture_free(&fixture);
}

static void equal_models_send_zeros(void **state)
{
    (void)state;
    update_fixture fixture;
    init_medium(&fixture);
    fixture_randomise(&fixture, 4, 0);
    const fedl_update_config cfg = fixture_config();
    fedl_update update;
    fixture_begin(&fixture, &update, &cfg);
    assert_int_equal(update.norm_q16, 0);
    assert_int_equal(update.factor_q15, 32768);
    int64_t *words = words_of(&update, fixture.count);
    for (uint32_t i = 0; i < fixture.count; i++) {
        assert_int_equal(words[i], 0);
    }
    free(words);
    fixture_free(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_vector_is_longer_than_the_limit),
        cmocka_unit_test(a_device_tells_no_metrics_where_noise_is_added),
        cmocka_unit_test(adversarial_deltas_stay_within),
        cmocka_unit_test(the_mean_over_devices_is_the_delta),
        cmocka_unit_test(saturation_is_counted_and_weighted),
        cmocka_unit_test(a_norm_of_exactly_the_limit_is_within),
        cmocka_unit_test(the_fall_back_counts_its_own_saturations),
        cmocka_unit_test(equal_models_send_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
