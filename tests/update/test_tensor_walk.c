/* SPDX-License-Identifier: Apache-2.0 */
#include "update/tensor_walk.h"

#include "cmocka_all.h"
#include "update_fixture.h"

static void check_walk(const fedl_model_spec *spec, uint32_t tensor_count)
{
    update_fixture fixture;
    fixture_init(&fixture, spec);
    fedli_tensor_walk walk;
    fedli_tensor_walk_init(&walk, spec);
    uint32_t tensors = 0;
    uint32_t next = 0;
    size_t end = fedl_container_header_size(spec);
    while (fedli_tensor_walk_next(&walk)) {
        assert_int_equal(walk.first, next);
        assert_true(walk.count >= 1);
        assert_true(walk.byte_offset == end);
        for (uint32_t i = 0; i < walk.count; i++) {
            const fixture_place place = fixture_place_of(&fixture, walk.first + i);
            assert_int_equal(place.bias, walk.bias);
            assert_int_equal(place.exp, walk.exp);
            assert_true(place.byte_offset == walk.byte_offset + (walk.bias ? 4u : 2u) * i);
        }
        next += walk.count;
        end += walk.count * (walk.bias ? 4u : 2u);
        tensors++;
    }
    assert_int_equal(tensors, tensor_count);
    assert_int_equal(next, fedl_model_parameter_count(spec));
    assert_true(end == fedl_container_size(spec));
    assert_false(fedli_tensor_walk_next(&walk));
    fixture_free(&fixture);
}

static void every_parameter_is_visited_once(void **state)
{
    (void)state;
    const uint32_t units[3] = {5, 1, 3};
    const int8_t exps[3] = {-14, -15, -8};
    const fedl_model_spec one = fixture_spec(4, 1, units, exps);
    check_walk(&one, 2);
    const fedl_model_spec three = fixture_spec(7, 3, units, exps);
    check_walk(&three, 6);
}

static void layers_without_parameters_are_passed(void **state)
{
    (void)state;
    const uint32_t units[3] = {5, 4, 3};
    const int8_t exps[3] = {-14, -12, -13};
    fedl_model_spec spec = fixture_spec(6, 3, units, exps);
    /* dense, ReLU, dense, ReLU, dense without the first ReLU. */
    for (uint32_t i = 1; i + 1 < spec.layer_count; i++) {
        spec.layers[i] = spec.layers[i + 1];
    }
    spec.layer_count--;
    assert_int_equal(fedl_model_spec_check(&spec), FEDL_OK);
    check_walk(&spec, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_parameter_is_visited_once),
        cmocka_unit_test(layers_without_parameters_are_passed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
