/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "fedl/plan.h"

#include <stdlib.h>
#include <string.h>

#define FIXED_BYTES 256u

static const char data_lines[] = "format = idx\n";

static fedl_plan good_plan(void)
{
    fedl_plan plan;
    memset(&plan, 0, sizeof plan);
    plan.model.input_count = 784;
    plan.model.input_exp = -7;
    plan.model.loss = FEDL_LOSS_SOFTMAX_CE;
    plan.model.layer_count = 3;
    plan.model.layers[0] = (fedl_layer_spec){FEDL_LAYER_DENSE, 64, -14};
    plan.model.layers[1] = (fedl_layer_spec){FEDL_LAYER_RELU, 0, 0};
    plan.model.layers[2] = (fedl_layer_spec){FEDL_LAYER_DENSE, 10, -13};
    plan.train = (fedl_train_config){2, 16, 1677722, 655};
    plan.update = (fedl_update_config){.clip_q16 = 262144,
                                       .update_exp = -11,
                                       .ring_bits = 16,
                                       .clients_max = 10,
                                       .w_unit = 750,
                                       .w_max = 8};
    plan.aggregation = FEDL_AGGREGATION_PLAIN;
    plan.privacy.mode = FEDL_PRIVACY_NONE;
    plan.run_seed = 0xa1b2c3d4u;
    plan.holdout_permille = 100;
    plan.data = fedl_bytes_of(data_lines, sizeof data_lines - 1);
    return plan;
}

/* Written by hand from the table in docs/protocol.md. */
static const uint8_t golden[FIXED_BYTES] = {
    'f',
    'p',
    'l',
    'n',
    2,
    0,
    1,
    0, /* magic, version, aggregation */
    0xd4,
    0xc3,
    0xb2,
    0xa1,
    100,
    0,
    0,
    0, /* run_seed, holdout */
    2,
    0,
    0,
    0,
    16,
    0,
    0,
    0, /* epochs, batch */
    0x9a,
    0x99,
    0x19,
    0x00,
    0x8f,
    0x02,
    0,
    0, /* lr, mu */
    0,
    0,
    4,
    0,
    0xf5,
    16,
    0,
    0,
    10,
    0,
    0,
    0, /* clip, update_exp, ring, clients_max */
    0xee,
    0x02,
    0,
    0,
    8,
    0,
    0,
    0, /* w_unit, w_max */
    0x10,
    0x03,
    0,
    0,
    0xf9,
    1,
    3,
    0, /* inputs, input_exp, loss, layers */
    1,
    0xf2,
    0,
    0,
    64,
    0,
    0,
    0, /* dense 64 */
    2,
    0,
    0,
    0,
    0,
    0,
    0,
    0, /* relu */
    1,
    0xf3,
    0,
    0,
    10,
    0,
    0,
    0,         /* dense 10, then 13 empty places */
    [189] = 1, /* no privacy; the rest of masking and privacy: zero */
    [252] = sizeof data_lines - 1};

static void bytes_are_the_written_ones(void **state)
{
    (void)state;
    const fedl_plan plan = good_plan();
    uint8_t bytes[FEDL_PLAN_BYTES_MAX];
    size_t size = 0;
    assert_int_equal(fedl_plan_encode(bytes, sizeof bytes, &size, &plan), FEDL_OK);
    assert_int_equal(size, FIXED_BYTES + sizeof data_lines - 1);
    assert_memory_equal(bytes, golden, FIXED_BYTES);
    assert_memory_equal(bytes + FIXED_BYTES, data_lines, sizeof data_lines - 1);
    for (size_t room = 0; room < size; room++) {
        size_t untouched = 4711;
        assert_int_equal(fedl_plan_encode(bytes, room, &untouched, &plan), FEDL_ERR_SIZE);
        assert_int_equal(untouched, 4711);
    }
}

static void assert_plan_equal(const fedl_plan *a, const fedl_plan *b)
{
    assert_true(fedl_model_spec_equal(&a->model, &b->model));
    assert_memory_equal(&a->train, &b->train, sizeof a->train);
    assert_int_equal(a->update.clip_q16, b->update.clip_q16);
    assert_int_equal(a->update.update_exp, b->update.update_exp);
    assert_int_equal(a->update.ring_bits, b->update.ring_bits);
    assert_int_equal(a->update.clients_max, b->update.clients_max);
    assert_int_equal(a->update.w_unit, b->update.w_unit);
    assert_int_equal(a->update.w_max, b->update.w_max);
    assert_int_equal(a->aggregation, b->aggregation);
    assert_int_equal(a->run_seed, b->run_seed);
    assert_int_equal(a->holdout_permille, b->holdout_permille);
    assert_int_equal(a->data.size, b->data.size);
    assert_memory_equal(a->data.data, b->data.data, a->data.size);
}

/* Decodes from exactly size bytes, so that ASan sees one byte too many; re-encodes what is good. */
static fedl_status decode_exact(const uint8_t *bytes, size_t size)
{
    uint8_t *exact = (uint8_t *)malloc(size + 1);
    uint8_t *again = (uint8_t *)malloc(FEDL_PLAN_BYTES_MAX);
    memcpy(exact + 1, bytes, size);
    fedl_plan plan;
    const fedl_status status = fedl_plan_decode(&plan, fedl_bytes_of(exact + 1, size));
    if (status == FEDL_OK) {
        size_t again_bytes = 0;
        assert_int_equal(fedl_plan_encode(again, FEDL_PLAN_BYTES_MAX, &again_bytes, &plan),
                         FEDL_OK);
        assert_int_equal(again_bytes, size);
        assert_memory_equal(again, exact + 1, size); /* only canonical bytes are accepted */
    }
    free(exact);
    free(again);
    return status;
}

static void a_plan_comes_back(void **state)
{
    (void)state;
    static uint8_t data[FEDL_PLAN_DATA_BYTES_MAX + 1];
    static uint8_t bytes[FEDL_PLAN_BYTES_MAX];
    const size_t sizes[] = {0, 1, 13, FEDL_PLAN_DATA_BYTES_MAX};
    memset(data, 'x', sizeof data);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        fedl_plan plan = good_plan();
        fedl_plan decoded;
        size_t size = 0;
        plan.data = fedl_bytes_of(data, sizes[i]);
        assert_int_equal(fedl_plan_encode(bytes, sizeof bytes, &size, &plan), FEDL_OK);
        assert_int_equal(fedl_plan_decode(&decoded, fedl_bytes_of(bytes, size)), FEDL_OK);
        assert_plan_equal(&plan, &decoded);
        assert_int_equal(decode_exact(bytes, size), FEDL_OK);
    }
    fedl_plan plan = good_plan();
    size_t size = 0;
    plan.data = fedl_bytes_of(data, sizeof data);
    assert_int_equal(fedl_plan_encode(bytes, sizeof bytes, &size, &plan), FEDL_ERR_RANGE);
}

static void every_prefix_and_every_flipped_bit_is_safe(void **state)
{
    (void)state;
    const fedl_plan plan = good_plan();
    uint8_t bytes[FEDL_PLAN_BYTES_MAX];
    size_t size = 0;
    assert_int_equal(fedl_plan_encode(bytes, sizeof bytes, &size, &plan), FEDL_OK);
    for (size_t cut = 0; cut < size; cut++) {
        assert_int_equal(decode_exact(bytes, cut), FEDL_ERR_TRUNCATED);
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        const fedl_status status = decode_exact(bytes, size);
        if (bit / 8 < 4) {
            assert_int_equal(status, FEDL_ERR_FORMAT);
        } else if (bit / 8 < 6) {
            assert_int_equal(status, FEDL_ERR_VERSION);
        }
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
    bytes[size] = 0;
    assert_int_equal(decode_exact(bytes, size + 1), FEDL_ERR_FORMAT);
}

static fedl_status decode_changed(size_t index, uint8_t value)
{
    uint8_t bytes[FIXED_BYTES + sizeof data_lines - 1];
    memcpy(bytes, golden, FIXED_BYTES);
    memcpy(bytes + FIXED_BYTES, data_lines, sizeof data_lines - 1);
    bytes[index] = value;
    return decode_exact(bytes, sizeof bytes);
}

static void reserved_bytes_and_empty_places_are_zero(void **state)
{
    (void)state;
    static const size_t reserved[] = {7, 38, 39, 62, 63, 70, 71, 84, 85, 88, 187, 224, 251};
    assert_int_equal(decode_changed(0, 'f'), FEDL_OK);
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        assert_int_equal(decode_changed(reserved[i], 1), FEDL_ERR_FORMAT);
    }
    assert_int_equal(decode_changed(253, 0x10), FEDL_ERR_TRUNCATED); /* 4,109 bytes of data */
    assert_int_equal(decode_changed(254, 1), FEDL_ERR_FORMAT);       /* more than may be */
    assert_int_equal(decode_changed(6, 2), FEDL_ERR_RANGE);          /* masked, but zero */
    assert_int_equal(decode_changed(6, 4), FEDL_ERR_UNSUPPORTED);    /* aggregation */
    assert_int_equal(decode_changed(57, 9), FEDL_ERR_UNSUPPORTED);   /* loss */
    assert_int_equal(decode_changed(58, 17), FEDL_ERR_RANGE);        /* layers */
    assert_int_equal(decode_changed(60, 9), FEDL_ERR_UNSUPPORTED);   /* kind of the first */
}

#define EXPECT(change, expected)                                                                   \
    do {                                                                                           \
        fedl_plan plan = good_plan();                                                              \
        change;                                                                                    \
        assert_int_equal(fedl_plan_check(&plan), expected);                                        \
    } while (0)

static void check_knows_every_limit(void **state)
{
    (void)state;
    EXPECT((void)0, FEDL_OK);
    EXPECT(plan.train.local_epochs = 0, FEDL_ERR_RANGE);
    EXPECT(plan.train.local_epochs = 1000, FEDL_OK);
    EXPECT(plan.train.local_epochs = 1001, FEDL_ERR_RANGE);
    EXPECT(plan.train.batch_rows = 0, FEDL_ERR_RANGE);
    EXPECT(plan.train.batch_rows = FEDL_BATCH_ROWS_MAX, FEDL_OK);
    EXPECT(plan.train.batch_rows = FEDL_BATCH_ROWS_MAX + 1, FEDL_ERR_RANGE);
    EXPECT(plan.train.lr_q24 = 0, FEDL_ERR_RANGE);
    EXPECT((plan.train.lr_q24 = 16u << 24, plan.train.prox_mu_q16 = 1u << 12), FEDL_OK);
    EXPECT((plan.train.lr_q24 = 16u << 24, plan.train.prox_mu_q16 = (1u << 12) + 1),
           FEDL_ERR_RANGE);
    EXPECT((plan.train.lr_q24 = (16u << 24) + 1, plan.train.prox_mu_q16 = 0), FEDL_ERR_RANGE);
    EXPECT(plan.model.layer_count = 2, FEDL_ERR_RANGE); /* ends with a ReLU */
    EXPECT(plan.model.loss = (fedl_loss_kind)7, FEDL_ERR_UNSUPPORTED);
    EXPECT(plan.update.ring_bits = 8, FEDL_OK); /* q_max = ⌊127 / 80⌋ = 1 */
    EXPECT((plan.update.ring_bits = 8, plan.update.w_max = 13), FEDL_ERR_RANGE);
    EXPECT(plan.update.ring_bits = 12, FEDL_ERR_RANGE);
    EXPECT(plan.update.clip_q16 = 0, FEDL_ERR_RANGE);
    EXPECT(plan.aggregation = (fedl_aggregation)0, FEDL_ERR_UNSUPPORTED);
    EXPECT(plan.aggregation = (fedl_aggregation)4, FEDL_ERR_UNSUPPORTED);
    EXPECT(plan.holdout_permille = 500, FEDL_OK);
    EXPECT(plan.holdout_permille = 501, FEDL_ERR_RANGE);
    EXPECT(plan.data.size = FEDL_PLAN_DATA_BYTES_MAX + 1, FEDL_ERR_RANGE);
}

static fedl_plan adaptive_plan(void)
{
    fedl_plan plan = good_plan();
    plan.update.w_unit = 0;
    plan.update.w_max = 1;
    plan.privacy = (fedl_privacy_config){.mode = FEDL_PRIVACY_CENTRAL,
                                         .adaptive_clip = true,
                                         .quantile_permille = 600,
                                         .sigma2_q8 = 16u << 8,
                                         .bit_sigma2_q8 = 0x4321,
                                         .rho_budget = FEDL_RHO_ONE};
    fedl_plan_settle(&plan);
    return plan;
}

static void adaptive_clipping_comes_back_whole_or_not_at_all(void **state)
{
    (void)state;
    uint8_t bytes[FEDL_PLAN_BYTES_MAX];
    size_t size = 0;
    fedl_plan plan = adaptive_plan();
    fedl_plan decoded;
    assert_int_equal(fedl_plan_encode(bytes, sizeof bytes, &size, &plan), FEDL_OK);
    assert_true(bytes[220] == 0x21 && bytes[221] == 0x43 && bytes[222] == 0 && bytes[223] == 0);
    assert_int_equal(fedl_plan_decode(&decoded, fedl_bytes_of(bytes, size)), FEDL_OK);
    assert_true(decoded.privacy.adaptive_clip);
    assert_int_equal(decoded.privacy.quantile_permille, 600);
    assert_int_equal(decoded.privacy.bit_sigma2_q8, 0x4321);
    assert_int_equal(decoded.update.bit_sigma2_q8, 0x4321);
    assert_int_equal(decode_exact(bytes, size), FEDL_OK);
    for (uint32_t i = 0; i < 7; i++) {
        plan = adaptive_plan();
        switch (i) {
        case 0: /* a quantile without noise for it */
            plan.privacy.bit_sigma2_q8 = 0;
            break;
        case 1: /* … and the other way round */
            plan.privacy.adaptive_clip = false;
            plan.privacy.quantile_permille = 0;
            break;
        case 2:
            plan.privacy.quantile_permille = 0;
            break;
        case 3:
            plan.privacy = (fedl_privacy_config){.mode = FEDL_PRIVACY_NONE, .bit_sigma2_q8 = 256};
            break;
        case 4: /* too large to grow; few enough steps */
            plan.update.clip_q16 = UINT32_C(1) << 28;
            plan.update.update_exp = -4;
            break;
        case 5: /* no noise that the sampler makes */
            plan.privacy.bit_sigma2_q8 = FEDL_SIGMA2_Q8_MAX + 1;
            break;
        default:
            break;
        }
        fedl_plan_settle(&plan);
        if (i == 6) { /* bounds belong to rounds */
            plan.update.bound_q16 = plan.update.clip_q16;
        }
        assert_int_equal(fedl_plan_check(&plan), FEDL_ERR_RANGE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_are_the_written_ones),
        cmocka_unit_test(a_plan_comes_back),
        cmocka_unit_test(every_prefix_and_every_flipped_bit_is_safe),
        cmocka_unit_test(reserved_bytes_and_empty_places_are_zero),
        cmocka_unit_test(adaptive_clipping_comes_back_whole_or_not_at_all),
        cmocka_unit_test(check_knows_every_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
