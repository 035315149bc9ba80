/* SPDX-License-Identifier: Apache-2.0 */
/* trainer and evaluate. */
#include "cmocka_all.h"
#include "nn/model_state.h"
#include "nn_fixture.h"

#include <stdlib.h>
#include <string.h>

static const fedl_train_config plain = {
    .local_epochs = 3, .batch_rows = 16, .lr_q24 = FEDL_LR_ONE_Q24 / 10};
static const fedl_train_seed seed = {11, 3, 5};

static fedl_eval_stats evaluate(fedl_model *model, const fedl_sample_source *source)
{
    fedl_eval_stats stats = {0};
    assert_int_equal(fedl_model_evaluate(model, &stats, source, 0, source->row_count), FEDL_OK);
    return stats;
}

static void classification_is_learned(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(32, 16, 4, FEDL_LOSS_SOFTMAX_CE);
    fixture_model m;
    fixture_rows train_rows;
    fixture_rows test_rows;
    fixture_model_open(&m, &spec, 16, 1);
    const fedl_sample_source train = fixture_source(&train_rows, &spec, 400, 1);
    const fedl_sample_source test = fixture_source(&test_rows, &spec, 300, 2);
    const fedl_eval_stats before = evaluate(&m.model, &test);
    fedl_train_stats stats;
    assert_int_equal(fixture_train(&m.model, &train, fedl_bytes_of(NULL, 0), &plain, &seed, &stats),
                     FEDL_OK);
    const fedl_eval_stats after = evaluate(&m.model, &test);
    assert_int_equal(after.row_count, 300);
    assert_true(before.correct_count < 200);
    assert_true(after.correct_count > 270);
    assert_true(after.loss_sum_q16 * 3 < before.loss_sum_q16);
    assert_int_equal(stats.step_count, 75);
    assert_int_equal(stats.row_count, 400);
    assert_int_equal(stats.saturated_count, 0);
    assert_true(stats.update_count > 0 &&
                stats.update_count <= UINT64_C(75) * fedl_model_parameter_count(&spec));
    assert_true(stats.loss_sum_q16 / stats.row_count < 65536 / 2);
    fixture_model_close(&m);
}

static void regression_is_learned(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(8, 0, 2, FEDL_LOSS_MSE);
    fixture_model m;
    fixture_rows rows;
    fixture_model_open(&m, &spec, 8, 1);
    const fedl_sample_source source = fixture_source(&rows, &spec, 256, 1);
    const fedl_eval_stats before = evaluate(&m.model, &source);
    const fedl_train_config config = {
        .local_epochs = 20, .batch_rows = 8, .lr_q24 = FEDL_LR_ONE_Q24 / 10};
    assert_int_equal(fixture_train(&m.model, &source, fedl_bytes_of(NULL, 0), &config, &seed, NULL),
                     FEDL_OK);
    const fedl_eval_stats after = evaluate(&m.model, &source);
    assert_true(after.loss_sum_q16 * 200 < before.loss_sum_q16);
    assert_int_equal(after.correct_count, 0);
    fixture_model_close(&m);
}

static void same_seed_same_model_other_seed_other_model(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(16, 8, 3, FEDL_LOSS_SOFTMAX_CE);
    uint64_t checksums[5];
    const fedl_train_seed seeds[5] = {{1, 2, 3}, {1, 2, 3}, {2, 2, 3}, {1, 3, 3}, {1, 2, 4}};
    for (size_t i = 0; i < 5; i++) {
        fixture_model m;
        fixture_rows rows;
        fixture_model_open(&m, &spec, 16, 1);
        const fedl_sample_source source = fixture_source(&rows, &spec, 50, 1);
        assert_int_equal(
            fixture_train(&m.model, &source, fedl_bytes_of(NULL, 0), &plain, &seeds[i], NULL),
            FEDL_OK);
        checksums[i] = fixture_checksum(&m.model);
        fixture_model_close(&m);
    }
    assert_true(checksums[0] == checksums[1]);
    for (size_t i = 2; i < 5; i++) {
        assert_true(checksums[0] != checksums[i]);
    }
}

static void every_row_is_read_once_per_epoch_and_the_last_batch_is_short(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(4, 0, 2, FEDL_LOSS_SOFTMAX_CE);
    fixture_model m;
    fixture_rows rows;
    fixture_model_open(&m, &spec, 16, 1);
    const fedl_sample_source source = fixture_source(&rows, &spec, 37, 1);
    fedl_trainer trainer;
    const fedl_train_config config = {.local_epochs = 2, .batch_rows = 16, .lr_q24 = 1000};
    assert_int_equal(
        fedl_trainer_begin(&trainer, &m.model, &source, fedl_bytes_of(NULL, 0), &config, &seed),
        FEDL_OK);
    const uint32_t reads[6] = {16, 32, 37, 53, 69, 74};
    const uint32_t last_epoch[6] = {0, 0, 0, 16, 32, 37};
    for (size_t i = 0; i < 6; i++) {
        bool done = true;
        assert_int_equal(fedl_trainer_step(&trainer, &done), FEDL_OK);
        assert_int_equal(rows.read_count, reads[i]);
        assert_int_equal(fedl_trainer_stats(&trainer)->row_count, last_epoch[i]);
        assert_int_equal(done, i == 5);
    }
    bool done = false;
    assert_int_equal(fedl_trainer_step(&trainer, &done), FEDL_OK);
    assert_true(done);
    assert_int_equal(rows.read_count, 74);
    fixture_model_close(&m);
}

static void begin_errors(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(4, 3, 2, FEDL_LOSS_SOFTMAX_CE);
    fixture_model m;
    fixture_model inference_only;
    fixture_rows rows;
    fixture_model_open(&m, &spec, 16, 1);
    fixture_model_open(&inference_only, &spec, 0, 1);
    fedl_sample_source source = fixture_source(&rows, &spec, 10, 1);
    const fedl_bytes none = fedl_bytes_of(NULL, 0);
    fedl_trainer trainer;
    fedl_train_config bad;
    assert_int_equal(
        fedl_trainer_begin(&trainer, &inference_only.model, &source, none, &plain, &seed),
        FEDL_ERR_ARGUMENT);
#define REFUSED(change)                                                                            \
    do {                                                                                           \
        bad = plain;                                                                               \
        change;                                                                                    \
        assert_int_equal(fedl_trainer_begin(&trainer, &m.model, &source, none, &bad, &seed),       \
                         FEDL_ERR_RANGE);                                                          \
    } while (0)
    REFUSED(bad.local_epochs = 0);
    REFUSED(bad.local_epochs = 1001);
    REFUSED(bad.batch_rows = 0);
    REFUSED(bad.batch_rows = 17);
    REFUSED(bad.lr_q24 = 0);
    REFUSED(bad.lr_q24 = 16 * FEDL_LR_ONE_Q24 + 1);
    REFUSED(bad.lr_q24 = FEDL_LR_ONE_Q24; bad.prox_mu_q16 = 65537);
    source.row_count = 0;
    REFUSED((void)0);
    source.row_count = (1u << 30) + 1;
    REFUSED((void)0);
    source.row_count = 1u << 30;
    REFUSED(bad.batch_rows = 1; bad.local_epochs = 2);
#undef REFUSED
    source.row_count = 10;
    bad = plain;
    bad.prox_mu_q16 = 655;
    assert_int_equal(fedl_trainer_begin(&trainer, &m.model, &source, none, &bad, &seed),
                     FEDL_ERR_ARGUMENT);
    const fedl_bytes container = fixture_container(&m.model);
    assert_int_equal(fedl_trainer_begin(&trainer, &m.model, &source,
                                        fedl_bytes_of(container.data, container.size - 1), &bad,
                                        &seed),
                     FEDL_ERR_ARGUMENT);
    assert_int_equal(fedl_trainer_begin(&trainer, &m.model, &source, container, &bad, &seed),
                     FEDL_OK);
    ((uint8_t *)(uintptr_t)container.data)[12] = 1; /* same size, other input exponent */
    assert_int_equal(fedl_trainer_begin(&trainer, &m.model, &source, container, &bad, &seed),
                     FEDL_ERR_ARGUMENT);
    fixture_container_free(container);
    fixture_model_close(&m);
    fixture_model_close(&inference_only);
}

static void a_failing_source_changes_nothing_and_may_be_retried(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(4, 3, 2, FEDL_LOSS_SOFTMAX_CE);
    uint64_t checksums[2];
    for (size_t fail = 0; fail < 2; fail++) {
        fixture_model m;
        fixture_rows rows;
        fixture_model_open(&m, &spec, 16, 1);
        const fedl_sample_source source = fixture_source(&rows, &spec, 40, 1);
        fedl_trainer trainer;
        assert_int_equal(
            fedl_trainer_begin(&trainer, &m.model, &source, fedl_bytes_of(NULL, 0), &plain, &seed),
            FEDL_OK);
        const uint64_t before = fixture_checksum(&m.model);
        bool done = false;
        if (fail == 1) {
            bool touched = true;
            rows.fail_status = FEDL_ERR_IO;
            for (rows.fail_row = 0; rows.fail_row < 40; rows.fail_row++) {
                const uint32_t step = trainer.step;
                if (fedl_trainer_step(&trainer, &touched) == FEDL_OK) {
                    continue; /* not in the batches so far */
                }
                assert_int_equal(trainer.step, step);
                assert_true(trainer.step > 0 || fixture_checksum(&m.model) == before);
            }
            rows.fail_status = FEDL_OK;
        }
        while (!done) {
            assert_int_equal(fedl_trainer_step(&trainer, &done), FEDL_OK);
        }
        checksums[fail] = fixture_checksum(&m.model);
        fixture_model_close(&m);
    }
    assert_true(checksums[0] == checksums[1]);
}

static fedl_status read_bad_class(void *context, uint32_t row, int8_t *input, int32_t *target)
{
    memset(input, 1, 4);
    target[0] = row == 3 ? *(const int32_t *)context : 0;
    return FEDL_OK;
}

static void classes_outside_their_range_are_refused(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(4, 3, 2, FEDL_LOSS_SOFTMAX_CE);
    fixture_model m;
    fixture_model_open(&m, &spec, 16, 1);
    int32_t bad[2] = {2, -1};
    for (size_t i = 0; i < 2; i++) {
        const fedl_sample_source source = {&bad[i], 10, read_bad_class};
        const uint64_t before = fixture_checksum(&m.model);
        assert_int_equal(
            fixture_train(&m.model, &source, fedl_bytes_of(NULL, 0), &plain, &seed, NULL),
            FEDL_ERR_RANGE);
        assert_true(fixture_checksum(&m.model) == before);
        fedl_eval_stats stats = {1, 2, 3};
        assert_int_equal(fedl_model_evaluate(&m.model, &stats, &source, 0, 10), FEDL_ERR_RANGE);
        assert_int_equal(stats.row_count, 1);
        assert_int_equal(fedl_model_evaluate(&m.model, &stats, &source, 0, 3), FEDL_OK);
        assert_int_equal(stats.row_count, 4);
    }
    fixture_model_close(&m);
}

static void evaluation_errors_and_slices(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(6, 5, 3, FEDL_LOSS_SOFTMAX_CE);
    fixture_model m;
    fixture_rows rows;
    fixture_model_open(&m, &spec, 0, 1);
    const fedl_sample_source source = fixture_source(&rows, &spec, 20, 1);
    const fedl_eval_stats whole = evaluate(&m.model, &source);
    fedl_eval_stats parts = {0};
    for (uint32_t row = 0; row < 20; row += 5) {
        assert_int_equal(fedl_model_evaluate(&m.model, &parts, &source, row, 5), FEDL_OK);
    }
    assert_memory_equal(&parts, &whole, sizeof whole);
    assert_int_equal(fedl_model_evaluate(&m.model, &parts, &source, 20, 0), FEDL_OK);
    assert_int_equal(fedl_model_evaluate(&m.model, &parts, &source, 21, 0), FEDL_ERR_RANGE);
    assert_int_equal(fedl_model_evaluate(&m.model, &parts, &source, 19, 2), FEDL_ERR_RANGE);
    rows.fail_row = 7;
    rows.fail_status = FEDL_ERR_IO;
    assert_int_equal(fedl_model_evaluate(&m.model, &parts, &source, 0, 20), FEDL_ERR_IO);
    assert_memory_equal(&parts, &whole, sizeof whole);
    fixture_model_close(&m);
}

static void a_wild_learning_rate_is_reported_as_divergence(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(16, 8, 4, FEDL_LOSS_MSE);
    fixture_model m;
    fixture_rows rows;
    fixture_model_open(&m, &spec, 4, 1);
    const fedl_sample_source source = fixture_source(&rows, &spec, 64, 1);
    const fedl_train_config config = {
        .local_epochs = 50, .batch_rows = 4, .lr_q24 = 16 * FEDL_LR_ONE_Q24};
    assert_int_equal(fixture_train(&m.model, &source, fedl_bytes_of(NULL, 0), &config, &seed, NULL),
                     FEDL_ERR_DIVERGED);
    fixture_model_close(&m);
}

static int64_t distance(const fedl_model *model, fedl_bytes container)
{
    const fedl_bytes now = fixture_container(model);
    const size_t header = fedl_container_header_size(fedl_model_spec_of(model));
    int64_t sum = 0;
    for (size_t i = header; i + 1 < header + 2 * 32 * 16; i += 2) {
        const int32_t a = (int16_t)(now.data[i] | now.data[i + 1] << 8);
        const int32_t b = (int16_t)(container.data[i] | container.data[i + 1] << 8);
        sum += (int64_t)(a - b) * (a - b);
    }
    fixture_container_free(now);
    return sum;
}

static void fedprox_keeps_the_model_near_its_start(void **state)
{
    (void)state;
    const fedl_model_spec spec = fixture_spec(32, 16, 4, FEDL_LOSS_SOFTMAX_CE);
    int64_t moved[3];
    const uint32_t mu_q16[3] = {0, 65536 / 10, 65536 * 5};
    for (size_t i = 0; i < 3; i++) {
        fixture_model m;
        fixture_rows rows;
        fixture_model_open(&m, &spec, 16, 1);
        const fedl_sample_source source = fixture_source(&rows, &spec, 200, 1);
        const fedl_bytes start = fixture_container(&m.model);
        fedl_train_config config = plain;
        config.prox_mu_q16 = mu_q16[i];
        assert_int_equal(fixture_train(&m.model, &source, start, &config, &seed, NULL), FEDL_OK);
        moved[i] = distance(&m.model, start);
        fixture_container_free(start);
        fixture_model_close(&m);
    }
    assert_true(moved[1] < moved[0]);
    assert_true(moved[2] * 4 < moved[1]);
    assert_true(moved[2] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(classification_is_learned),
        cmocka_unit_test(regression_is_learned),
        cmocka_unit_test(same_seed_same_model_other_seed_other_model),
        cmocka_unit_test(every_row_is_read_once_per_epoch_and_the_last_batch_is_short),
        cmocka_unit_test(begin_errors),
        cmocka_unit_test(a_failing_source_changes_nothing_and_may_be_retried),
        cmocka_unit_test(classes_outside_their_range_are_refused),
        cmocka_unit_test(evaluation_errors_and_slices),
        cmocka_unit_test(a_wild_learning_rate_is_reported_as_divergence),
        cmocka_unit_test(fedprox_keeps_the_model_near_its_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
