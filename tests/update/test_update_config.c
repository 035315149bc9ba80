/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"
#include "update_fixture.h"

static fedl_model_spec small_spec(void)
{
    const uint32_t units[2] = {4, 2};
    const int8_t exps[2] = {-14, -13};
    return fixture_spec(3, 2, units, exps);
}

static void every_field_has_its_range(void **state)
{
    (void)state;
    const fedl_model_spec spec = small_spec();
    const fedl_update_config good = fixture_config();
    assert_int_equal(fedl_update_config_check(&good, &spec), FEDL_OK);
    fedl_update_config bad[10];
    for (size_t i = 0; i < 10; i++) {
        bad[i] = good;
    }
    bad[0].clip_q16 = 0;
    bad[1].update_exp = -21;
    bad[2].update_exp = -3;
    bad[3].ring_bits = 12;
    bad[4].ring_bits = 0;
    bad[5].clients_max = 0;
    bad[6].clients_max = FEDL_UPDATE_CLIENTS_MAX + 1;
    bad[7].w_max = 0;
    bad[8].w_max = 256;
    bad[9].ring_bits = 40;
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(fedl_update_config_check(&bad[i], &spec), FEDL_ERR_RANGE);
    }
    fedl_update_config ends = good;
    ends.clip_q16 = UINT32_MAX;
    ends.update_exp = -20;
    ends.ring_bits = 32;
    ends.clients_max = FEDL_UPDATE_CLIENTS_MAX;
    ends.w_max = 255;
    ends.w_unit = UINT32_MAX;
    assert_int_equal(fedl_update_config_check(&ends, &spec), FEDL_OK);
    ends.clip_q16 = 1;
    ends.update_exp = -4;
    ends.w_unit = 0;
    assert_int_equal(fedl_update_config_check(&ends, &spec), FEDL_OK);
}

/* Noise of the server: equal weights, no noise of the devices beside it, room for 8σ in the ring.
 */
static void noise_of_the_server_has_its_range(void **state)
{
    (void)state;
    const fedl_model_spec spec = small_spec();
    fedl_update_config good = fixture_config(); /* C = 1 in steps of 2^-12 */
    good.w_unit = 0;
    good.w_max = 1;
    good.sum_sigma2_q8 = 100u * 100u << 8;
    assert_int_equal(fedl_update_config_check(&good, &spec), FEDL_OK);
    assert_int_equal(fedl_update_q_max(&good), (32767 - 801) / 10);
    static const uint32_t variances[] = {1, 255, FEDL_SIGMA2_Q8_MAX, FEDL_SIGMA2_Q8_MAX + 256u};
    for (size_t i = 0; i < sizeof variances / sizeof variances[0]; i++) {
        good.sum_sigma2_q8 = variances[i];
        assert_int_equal(fedl_update_config_check(&good, &spec), FEDL_OK);
    }
    fedl_update_config bad[7];
    for (size_t i = 0; i < 7; i++) {
        bad[i] = good;
    }
    bad[0].w_max = 2;
    bad[1].w_unit = 10;
    bad[2].rotate = true;
    bad[3].noise_sigma2_q8 = FEDL_SIGMA2_Q8_MIN;
    bad[4].sum_sigma2_q8 = FEDL_SIGMA2_Q8_MAX + 1u; /* a fraction of a step² */
    bad[5].clip_q16 = UINT32_MAX;                   /* 2^28 steps */
    bad[6].sum_sigma2_q8 = FEDL_SUM_SIGMA2_Q8_MAX;  /* 8σ = 32768: nothing is left of 2^15 */
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(fedl_update_config_check(&bad[i], &spec), FEDL_ERR_RANGE);
    }
    bad[6].ring_bits = 24;
    assert_int_equal(fedl_update_config_check(&bad[6], &spec), FEDL_OK);
}

static void a_ring_too_small_is_refused(void **state)
{
    (void)state;
    const fedl_model_spec spec = small_spec();
    fedl_update_config cfg = fixture_config();
    cfg.ring_bits = 8;
    cfg.clients_max = 127;
    cfg.w_max = 1;
    assert_int_equal(fedl_update_config_check(&cfg, &spec), FEDL_OK);
    cfg.clients_max = 128;
    assert_int_equal(fedl_update_config_check(&cfg, &spec), FEDL_ERR_RANGE);
}

static void a_norm_too_wide_is_refused(void **state)
{
    (void)state;
    const uint32_t units[1] = {10};
    const int8_t exps[1] = {-8};
    const fedl_model_spec spec = fixture_spec(3300, 1, units, exps);
    const fedl_update_config cfg = fixture_config();
    assert_int_equal(fedl_update_config_check(&cfg, &spec), FEDL_ERR_RANGE);
}

static uint32_t q_max_of(uint8_t ring_bits, uint32_t clients_max, uint32_t w_max)
{
    fedl_update_config cfg = fixture_config();
    cfg.ring_bits = ring_bits;
    cfg.clients_max = clients_max;
    cfg.w_max = w_max;
    return fedl_update_q_max(&cfg);
}

static void q_max_is_the_share_of_half_the_ring(void **state)
{
    (void)state;
    /* The two worked examples of the specification. */
    assert_int_equal(q_max_of(16, 10, 8), 409);
    assert_int_equal(q_max_of(16, 1000, 1), 32);
    assert_int_equal(q_max_of(8, 1, 1), 127);
    assert_int_equal(q_max_of(24, 1, 1), 8388607);
    assert_int_equal(q_max_of(32, 1, 1), INT32_MAX);
    assert_int_equal(q_max_of(32, 65535, 255), 128);
    assert_int_equal(q_max_of(8, 128, 1), 0);
    assert_int_equal(q_max_of(9, 1, 1), 0);
    assert_int_equal(q_max_of(16, 0, 1), 0);
    assert_int_equal(q_max_of(16, 1, 0), 0);
}

static void weight_is_rounded_and_clamped(void **state)
{
    (void)state;
    fedl_update_config cfg = fixture_config();
    cfg.w_unit = 100;
    cfg.w_max = 8;
    const uint32_t rows[] = {0, 1, 149, 150, 249, 250, 749, 750, 800, 100000, UINT32_MAX};
    const uint32_t weights[] = {1, 1, 1, 2, 2, 3, 7, 8, 8, 8, 8};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(fedl_update_weight(&cfg, rows[i]), weights[i]);
    }
    cfg.w_unit = 3;
    assert_int_equal(fedl_update_weight(&cfg, 4), 1);
    assert_int_equal(fedl_update_weight(&cfg, 5), 2);
    cfg.w_unit = UINT32_MAX;
    assert_int_equal(fedl_update_weight(&cfg, UINT32_MAX), 1);
    cfg.w_unit = 0;
    assert_int_equal(fedl_update_weight(&cfg, UINT32_MAX), 1);
}

static void sizes_are_padded_to_64(void **state)
{
    (void)state;
    fedl_update_config cfg = fixture_config();
    const uint8_t bits[4] = {8, 16, 24, 32};
    const size_t one[4] = {64, 64, 64, 64};
    const size_t sixty_five[4] = {128, 192, 256, 320};
    for (size_t i = 0; i < 4; i++) {
        cfg.ring_bits = bits[i];
        assert_int_equal(fedl_update_body_size(&cfg, 1), one[i]);
        assert_int_equal(fedl_update_body_size(&cfg, 65), sixty_five[i]);
        assert_int_equal(fedl_update_vector_size(&cfg, 65), sixty_five[i] + 64);
        assert_int_equal(fedl_update_body_size(&cfg, 64), 64u * bits[i] / 8u);
        assert_int_equal(fedl_update_body_size(&cfg, 1u << 20), ((size_t)bits[i] << 20) / 8u);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_has_its_range),
        cmocka_unit_test(noise_of_the_server_has_its_range),
        cmocka_unit_test(a_ring_too_small_is_refused),
        cmocka_unit_test(a_norm_too_wide_is_refused),
        cmocka_unit_test(q_max_is_the_share_of_half_the_ring),
        cmocka_unit_test(weight_is_rounded_and_clamped),
        cmocka_unit_test(sizes_are_padded_to_64),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
