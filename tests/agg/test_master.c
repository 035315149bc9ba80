/* SPDX-License-Identifier: Apache-2.0 */
#include "agg/master.h"

#include "agg_fixture.h"
#include "base/cursor.h"
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

/* Container order of agg_fixture_spec(): 30 weights, 5 biases, 15 weights, 3 biases. */
enum { W1 = 0, B1 = 30, W2 = 35, B2 = 50, END = 53 };

static size_t offset_of(const agg_fixture *fx, uint32_t index)
{
    const size_t at = fedl_container_header_size(&fx->spec);
    if (index < B1) {
        return at + 2 * (size_t)index;
    }
    if (index < W2) {
        return at + 60 + 4 * (size_t)(index - B1);
    }
    if (index < B2) {
        return at + 80 + 2 * (size_t)(index - W2);
    }
    return at + 110 + 4 * (size_t)(index - B2);
}

static bool is_bias(uint32_t index)
{
    return (index >= B1 && index < W2) || index >= B2;
}

static void init_checks_spec_and_block(void **state)
{
    (void)state;
    fedl_model_spec spec = agg_fixture_spec();
    assert_int_equal(fedl_master_size(&spec), 224);
    uint8_t *block = agg_fixture_block(240);
    fedl_master master;
    for (size_t size = 0; size < 212; size++) {
        assert_int_equal(fedl_master_init(&master, &spec, block, size), FEDL_ERR_SIZE);
    }
    assert_int_equal(fedl_master_init(&master, &spec, NULL, 240), FEDL_ERR_SIZE);
    assert_int_equal(fedl_master_init(&master, &spec, block + 4, 236), FEDL_ERR_SIZE);
    memset(block, 0xaa, 240);
    assert_int_equal(fedl_master_init(&master, &spec, block, 224), FEDL_OK);
    for (uint32_t i = 0; i < END; i++) {
        assert_int_equal(master.words[i], 0);
    }
    spec.layers[0].units = 0;
    assert_int_equal(fedl_master_size(&spec), 0);
    assert_int_equal(fedl_master_init(&master, &spec, block, 240), fedl_model_spec_check(&spec));
    assert_int_not_equal(fedl_model_spec_check(&spec), FEDL_OK);
    spec = agg_fixture_spec();
    spec.layers[1].kind = (fedl_layer_kind)77;
    assert_int_equal(fedl_master_init(&master, &spec, block, 240), FEDL_ERR_UNSUPPORTED);
    free(block);
}

static void exponents_are_16_finer_and_minus_24(void **state)
{
    (void)state;
    agg_fixture fx;
    agg_fixture_init(&fx, 16, 2, 1);
    for (uint32_t i = 0; i < END; i++) {
        const int32_t expected = is_bias(i) ? -24 : i < B1 ? -31 : -24;
        assert_int_equal(fedl_master_exp(&fx.master, i), expected);
    }
    agg_fixture_free(&fx);
}

static void export_rounds_half_up_and_saturates(void **state)
{
    (void)state;
    agg_fixture fx;
    agg_fixture_init(&fx, 16, 2, 1);
    const int32_t weights[][2] = {
        {0, 0},        {0x7fff, 0},        {0x8000, 1},         {-0x8000, 0},
        {-0x8001, -1}, {INT32_MAX, 32767}, {INT32_MIN, -32768}, {0x18000, 2},
        {-0x18000, -1}};
    const int32_t biases[][2] = {{127, 0}, {128, 1}, {-128, 0}, {-129, -1}, {INT32_MAX, 0x800000}};
    for (uint32_t i = 0; i < 9; i++) {
        fx.master.words[W1 + i] = weights[i][0];
        fx.master.words[W2 + i] = weights[i][0];
    }
    for (uint32_t i = 0; i < 5; i++) {
        fx.master.words[B1 + i] = biases[i][0];
    }
    fx.master.words[B2] = INT32_MIN;
    const size_t size = fedl_container_size(&fx.spec);
    uint8_t *out = malloc(size);
    assert_non_null(out);
    for (size_t less = 0; less < size; less++) {
        assert_int_equal(fedl_master_export_container(&fx.master, out, less), FEDL_ERR_SIZE);
    }
    assert_int_equal(fedl_master_export_container(&fx.master, out, size), FEDL_OK);
    fedl_model_spec spec;
    assert_int_equal(fedl_container_header_decode(&spec, fedl_bytes_of(out, size)), FEDL_OK);
    assert_true(fedl_model_spec_equal(&spec, &fx.spec));
    for (uint32_t i = 0; i < 9; i++) {
        assert_int_equal(fedli_i16_of(fedli_load_u16(out + offset_of(&fx, W1 + i))), weights[i][1]);
        assert_int_equal(fedli_i16_of(fedli_load_u16(out + offset_of(&fx, W2 + i))), weights[i][1]);
    }
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(fedli_i32_of(fedli_load_u32(out + offset_of(&fx, B1 + i))), biases[i][1]);
    }
    assert_int_equal(fedli_i32_of(fedli_load_u32(out + offset_of(&fx, B2))), -0x800000);
    free(out);
    agg_fixture_free(&fx);
}

static void load_then_export_is_the_identity(void **state)
{
    (void)state;
    agg_fixture fx;
    agg_fixture_init(&fx, 16, 2, 1);
    fedli_rng rng;
    fedli_rng_init(&rng, 6);
    const size_t size = fedl_container_size(&fx.spec);
    uint8_t *in = malloc(size);
    uint8_t *out = malloc(size);
    assert_true(in != NULL && out != NULL);
    assert_int_equal(fedl_container_header_encode(in, size, &fx.spec), FEDL_OK);
    for (uint32_t i = 0; i < END; i++) {
        uint8_t *p = in + offset_of(&fx, i);
        if (is_bias(i)) {
            fedli_store_u32(p, (fedli_rng_u32(&rng) & 0xffffffu) - 0x800000u);
        } else {
            fedli_store_u16(p, (uint16_t)fedli_rng_u32(&rng));
        }
    }
    assert_int_equal(fedl_master_load_container(&fx.master, fedl_bytes_of(in, size)), FEDL_OK);
    assert_int_equal(fedl_master_export_container(&fx.master, out, size), FEDL_OK);
    assert_memory_equal(in, out, size);
    /* A bias outside the master's ±128 is cut there. */
    fedli_store_u32(in + offset_of(&fx, B1), 0x800000u);
    fedli_store_u32(in + offset_of(&fx, B2), 0x80000000u);
    assert_int_equal(fedl_master_load_container(&fx.master, fedl_bytes_of(in, size)), FEDL_OK);
    assert_int_equal(fx.master.words[B1], INT32_MAX);
    assert_int_equal(fx.master.words[B2], INT32_MIN);
    free(in);
    free(out);
    agg_fixture_free(&fx);
}

static void words_are_known_by_their_container(void **state)
{
    (void)state;
    agg_fixture fx;
    agg_fixture_init(&fx, 16, 2, 1);
    fedli_rng rng;
    fedli_rng_init(&rng, 8);
    agg_fixture_random_master(&fx, &rng);
    fx.master.words[W1] = INT32_MAX; /* what saturates on the way out */
    fx.master.words[W2] = INT32_MIN;
    fx.master.words[B1] = INT32_MAX;
    fx.master.words[B2] = INT32_MIN;
    const size_t size = fedl_container_size(&fx.spec);
    uint8_t *container = malloc(size);
    assert_non_null(container);
    assert_int_equal(fedl_master_export_container(&fx.master, container, size), FEDL_OK);
    assert_true(fedl_master_is_of(&fx.master, container));
    for (uint32_t i = 0; i < END; i++) {
        const int32_t word = fx.master.words[i];
        /* The largest weight is where the one below it would be. */
        const uint32_t from = is_bias(i) ? 8 : i == W1 ? 17 : 16;
        for (uint32_t bit = from; bit < 32; bit++) {
            fx.master.words[i] = (int32_t)((uint32_t)word ^ (1u << bit));
            assert_false(fedl_master_is_of(&fx.master, container));
        }
        fx.master.words[i] = word;
    }
    assert_true(fedl_master_is_of(&fx.master, container));
    /* A first model whose biases the master can't hold. */
    fedli_store_u32(container + offset_of(&fx, B1 + 1), 0x800001u);
    fedli_store_u32(container + offset_of(&fx, B2 + 1), 0x80000000u);
    assert_int_equal(fedl_master_load_container(&fx.master, fedl_bytes_of(container, size)),
                     FEDL_OK);
    assert_true(fedl_master_is_of(&fx.master, container));
    fx.master.words[B1 + 1] -= 256;
    assert_false(fedl_master_is_of(&fx.master, container));
    free(container);
    agg_fixture_free(&fx);
}

static void load_refuses_and_changes_nothing(void **state)
{
    (void)state;
    agg_fixture fx;
    agg_fixture_init(&fx, 16, 2, 1);
    fedli_rng rng;
    fedli_rng_init(&rng, 7);
    agg_fixture_random_master(&fx, &rng);
    const size_t size = fedl_container_size(&fx.spec);
    const size_t header = fedl_container_header_size(&fx.spec);
    uint8_t *bytes = calloc(1, size + 1);
    assert_non_null(bytes);
    int32_t before[END];
    memcpy(before, fx.master.words, sizeof before);
    assert_int_equal(fedl_container_header_encode(bytes, size, &fx.spec), FEDL_OK);
    for (size_t less = 0; less < size; less++) {
        assert_int_equal(fedl_master_load_container(&fx.master, fedl_bytes_of(bytes, less)),
                         FEDL_ERR_TRUNCATED);
    }
    assert_int_equal(fedl_master_load_container(&fx.master, fedl_bytes_of(bytes, size + 1)),
                     FEDL_ERR_FORMAT);
    fedl_model_spec other = fx.spec;
    other.layers[2].weight_exp = -9;
    assert_int_equal(fedl_container_header_encode(bytes, size, &other), FEDL_OK);
    assert_int_equal(fedl_master_load_container(&fx.master, fedl_bytes_of(bytes, size)),
                     FEDL_ERR_MISMATCH);
    memset(bytes, 0, header);
    assert_int_not_equal(fedl_master_load_container(&fx.master, fedl_bytes_of(bytes, size)),
                         FEDL_OK);
    assert_memory_equal(before, fx.master.words, sizeof before);
    free(bytes);
    agg_fixture_free(&fx);
}

static void save_and_restore_keep_every_bit(void **state)
{
    (void)state;
    agg_fixture fx;
    agg_fixture_init(&fx, 16, 2, 1);
    fedli_rng rng;
    fedli_rng_init(&rng, 8);
    agg_fixture_random_master(&fx, &rng);
    fx.master.words[0] = INT32_MIN;
    fx.master.words[1] = 0x01020304;
    int32_t before[END];
    memcpy(before, fx.master.words, sizeof before);
    uint8_t bytes[4 * END];
    assert_int_equal(fedl_master_state_size(&fx.master), sizeof bytes);
    assert_int_equal(fedl_master_save(&fx.master, bytes, sizeof bytes - 1), FEDL_ERR_SIZE);
    assert_int_equal(fedl_master_save(&fx.master, bytes, sizeof bytes), FEDL_OK);
    const uint8_t first[8] = {0, 0, 0, 0x80, 4, 3, 2, 1};
    assert_memory_equal(bytes, first, sizeof first);
    memset(fx.master.words, 0, sizeof before);
    assert_int_equal(fedl_master_restore(&fx.master, fedl_bytes_of(bytes, sizeof bytes - 1)),
                     FEDL_ERR_MISMATCH);
    assert_int_equal(fx.master.words[0], 0);
    assert_int_equal(fedl_master_restore(&fx.master, fedl_bytes_of(bytes, sizeof bytes)), FEDL_OK);
    assert_memory_equal(before, fx.master.words, sizeof before);
    agg_fixture_free(&fx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(init_checks_spec_and_block),
        cmocka_unit_test(exponents_are_16_finer_and_minus_24),
        cmocka_unit_test(export_rounds_half_up_and_saturates),
        cmocka_unit_test(load_then_export_is_the_identity),
        cmocka_unit_test(words_are_known_by_their_container),
        cmocka_unit_test(load_refuses_and_changes_nothing),
        cmocka_unit_test(save_and_restore_keep_every_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
