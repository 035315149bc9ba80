/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "inih/plan_file.h"
#include "inih/select_count.h"

#include <stdlib.h>
#include <string.h>

static fedl_task_config config;
static fedl_plan_error error;

static fedl_status parse(const char *text)
{
    return fedl_plan_file_parse(&config, fedl_bytes_of(text, strlen(text)), NULL, 0, &error);
}

static const char smallest[] = "[task]\nname = t\n[model]\ninputs = 4\nlayers = dense 3\n"
                               "[round]\nrounds = 2\nclients = 5\n[data]\nformat = idx\n"
                               "[aggregation]\nmode = plain\n";

static void defaults_are_the_documented_ones(void **state)
{
    (void)state;
    assert_int_equal(parse(smallest), FEDL_OK);
    const fedl_plan *plan = &config.plan;
    assert_string_equal(config.name, "t");
    assert_int_equal(plan->model.input_count, 4);
    assert_int_equal(plan->model.input_exp, -7);
    assert_int_equal(plan->model.loss, FEDL_LOSS_SOFTMAX_CE);
    assert_int_equal(plan->model.layer_count, 1);
    assert_int_equal(plan->model.layers[0].weight_exp, -13); /* the only layer is the output */
    assert_int_equal(plan->train.local_epochs, 1);
    assert_int_equal(plan->train.batch_rows, 16);
    assert_int_equal(plan->train.lr_q24, 1677722);
    assert_int_equal(plan->train.prox_mu_q16, 0);
    assert_int_equal(plan->run_seed, 1);
    assert_int_equal(plan->update.clip_q16, 4 << 16);
    assert_int_equal(plan->update.update_exp, -11);
    assert_int_equal(plan->update.ring_bits, 16);
    assert_int_equal(plan->update.clients_max, 5);
    assert_int_equal(plan->update.w_unit, 0);
    assert_int_equal(plan->update.w_max, 1);
    assert_int_equal(plan->aggregation, FEDL_AGGREGATION_PLAIN);
    assert_int_equal(plan->holdout_permille, 0);
    assert_int_equal(config.round.reports_min, 3);
    assert_int_equal(config.round.select_count, 5);
    assert_int_equal(config.round.pool_min, 5);
    assert_int_equal(config.round.pool_timeout_ms, 30000);
    assert_int_equal(config.round.deadline_ms, 600000);
    assert_int_equal(config.round.attempt_max, 3);
    assert_int_equal(config.round.retry_ms, 10000);
    assert_int_equal(config.round.server_lr_q16, 65536);
    assert_int_equal(config.round.agg_kind, 1);
    assert_int_equal(config.experiment.partition, FEDL_PARTITION_IID);
    assert_true(config.experiment.dirichlet_alpha == 0.5);
    assert_int_equal(config.experiment.client_count, 5);
    assert_int_equal(config.experiment.partition_seed, 1);
    assert_int_equal(config.experiment.eval_every_rounds, 1);
    assert_string_equal(config.experiment.train_path, "");
    assert_int_equal(plan->data.size, strlen("format = idx\n"));
    assert_ptr_equal(plan->data.data, config.data_text);
    assert_memory_equal(plan->data.data, "format = idx\n", plan->data.size);
}

static const char full[] =
    "; every key once\n"
    "[task]\nname = All.keys_1-a\n"
    "[model]\ninputs = 2\ninput_exp = -6\nlayers =  dense 8 ,relu,dense 3\nweight_exp = -12\n"
    "output_weight_exp = -11\nloss = softmax\n"
    "[train]\nepochs = 3\nbatch = 32\nlr = 0.05\nprox_mu = 0.01\nseed = 4294967295\n"
    "[round]\nrounds = 9\nclients = 10\nmin_reports = 4\nexpected_dropout = 10%\nselect = 17\n"
    "pool = 20\npool_timeout = 1m\ndeadline = 90s\nattempts = 5\nretry = 500ms\n"
    "[aggregation]\nmode = plain\noptimiser = fedavg\nserver_lr = 0.5\nclip = 2.5\nring_bits = 24\n"
    "update_exp = -15\nclients_max = 12\nw_unit = 100\nw_max = 6\n"
    "[privacy]\nmode = none\n"
    "[data]\nformat = csv\nheader = no\nseparator = semicolon\nlabel = #2\nclasses = a, b b,c\n"
    "column #0 = -1.5, 2\ncolumn #1 = 0, 0.25\n"
    "[eval]\nholdout = 12.5%\nevery = 4\n"
    "[experiment]\ntrain = a b.csv\ntest = /abs/t.csv\npartition = dirichlet\nalpha = 0.3\n"
    "clients = 30\nseed = 7\n";

static void every_key_reaches_its_field(void **state)
{
    (void)state;
    assert_int_equal(parse(full), FEDL_OK);
    const fedl_plan *plan = &config.plan;
    assert_string_equal(config.name, "All.keys_1-a");
    assert_int_equal(plan->model.input_exp, -6);
    assert_int_equal(plan->model.layer_count, 3);
    assert_int_equal(plan->model.layers[0].units, 8);
    assert_int_equal(plan->model.layers[0].weight_exp, -12);
    assert_int_equal(plan->model.layers[1].kind, FEDL_LAYER_RELU);
    assert_int_equal(plan->model.layers[1].weight_exp, 0);
    assert_int_equal(plan->model.layers[2].units, 3);
    assert_int_equal(plan->model.layers[2].weight_exp, -11);
    const fedl_train_config train = {3, 32, 838861, 655};
    assert_memory_equal(&plan->train, &train, sizeof train);
    assert_int_equal(plan->run_seed, 4294967295u);
    const fedl_round_config round = {9, 10, 4, 17, 20, 60000, 90000, 5, 500, 32768, 1};
    assert_memory_equal(&config.round, &round, sizeof round);
    assert_int_equal(plan->update.clip_q16, 163840);
    assert_int_equal(plan->update.ring_bits, 24);
    assert_int_equal(plan->update.update_exp, -15);
    assert_int_equal(plan->update.clients_max, 12);
    assert_int_equal(plan->update.w_unit, 100);
    assert_int_equal(plan->update.w_max, 6);
    assert_int_equal(plan->holdout_permille, 125);
    assert_false(config.data.header);
    assert_int_equal(config.data.separator, ';');
    assert_string_equal(config.data.label_column, "#2");
    assert_int_equal(config.data.class_count, 3);
    assert_string_equal(config.data.class_names[1], "b b");
    assert_int_equal(config.data.column_count, 2);
    assert_string_equal(config.data.columns[1].name, "#1");
    assert_string_equal(config.data.columns[0].mean_text, "-1.5");
    assert_string_equal(config.data.columns[1].scale_text, "0.25");
    assert_int_equal(config.experiment.eval_every_rounds, 4);
    assert_string_equal(config.experiment.train_path, "a b.csv");
    assert_string_equal(config.experiment.test_path, "/abs/t.csv");
    assert_int_equal(config.experiment.partition, FEDL_PARTITION_DIRICHLET);
    assert_true(config.experiment.dirichlet_alpha == 0.3);
    assert_int_equal(config.experiment.client_count, 30);
    assert_int_equal(config.experiment.partition_seed, 7);
}

static void select_follows_expected_dropout(void **state)
{
    (void)state;
    const fedl_plan_override overrides[] = {{"round.expected_dropout = 10%"}, {"round.clients=10"}};
    assert_int_equal(fedl_plan_file_parse(&config, fedl_bytes_of(smallest, strlen(smallest)),
                                          overrides, 2, &error),
                     FEDL_OK);
    assert_int_equal(config.round.select_count, 16);
    assert_int_equal(config.round.pool_min, 16);
    assert_int_equal(config.plan.update.clients_max, 10);
}

/* The same plan with a byte order mark, CRLF, tabs, indented lines and no newline at the end. */
static void white_space_does_not_matter(void **state)
{
    (void)state;
    static const char text[] = "\xef\xbb\xbf[task]\r\n  name\t=\tt  ; comment\r\n\r\n"
                               "   # indented comment\r\n\t[model] ; comment\r\n"
                               "\tinputs = 4\r\n  layers = dense 3\r\n[round]\r\nrounds=2\r\n"
                               "clients =5\r\n[data]\r\nformat = idx\r\n"
                               "[aggregation]\r\nmode = plain";
    assert_int_equal(parse(smallest), FEDL_OK);
    uint8_t expected[FEDL_PLAN_BYTES_MAX];
    uint8_t actual[FEDL_PLAN_BYTES_MAX];
    size_t expected_size = 0;
    size_t actual_size = 0;
    assert_int_equal(fedl_plan_encode(expected, sizeof expected, &expected_size, &config.plan),
                     FEDL_OK);
    assert_int_equal(parse(text), FEDL_OK);
    assert_string_equal(config.name, "t");
    assert_int_equal(fedl_plan_encode(actual, sizeof actual, &actual_size, &config.plan), FEDL_OK);
    assert_int_equal(actual_size, expected_size);
    assert_memory_equal(actual, expected, expected_size);
}

static void overrides_win_and_the_last_one_most(void **state)
{
    (void)state;
    const fedl_plan_override overrides[] = {{"train.lr=0.5"},       {" train . lr = 0.25 "},
                                            {"data.column #1=3,4"}, {"data.column #5=5,6"},
                                            {"model.inputs=3"},     {"experiment.train=here.csv"}};
    assert_int_equal(
        fedl_plan_file_parse(&config, fedl_bytes_of(full, strlen(full)), overrides, 6, &error),
        FEDL_OK);
    assert_int_equal(config.plan.train.lr_q24, 1 << 22);
    assert_int_equal(config.data.column_count, 3);
    assert_string_equal(config.data.columns[1].mean_text, "3");
    assert_string_equal(config.data.columns[2].name, "#5");
    assert_string_equal(config.experiment.train_path, "here.csv");
}

static void paths_start_at_the_plan_file(void **state)
{
    (void)state;
    const fedl_plan_override overrides[] = {{"experiment.test=own.csv"}};
    const char *path = FEDL_SOURCE_DIR "/examples/breast-cancer/plan.ini";
    assert_int_equal(fedl_plan_file_read(&config, path, NULL, 0, &error), FEDL_OK);
    assert_string_equal(config.experiment.train_path,
                        FEDL_SOURCE_DIR "/examples/breast-cancer/../../.cache/data/breast-cancer/"
                                        "breast-cancer-train.csv");
    assert_int_equal(config.data.column_count, 30);
    assert_int_equal(config.plan.model.input_count, 30);
    assert_int_equal(config.plan.model.input_exp, -5);
    assert_int_equal(fedl_plan_file_read(&config, path, overrides, 1, &error), FEDL_OK);
    assert_string_equal(config.experiment.test_path, "own.csv");
}

static void the_other_example_parses(void **state)
{
    (void)state;
    const char *path = FEDL_SOURCE_DIR "/examples/fashion-mnist/plan.ini";
    if (fedl_plan_file_read(&config, path, NULL, 0, &error) != FEDL_OK) {
        fail_msg("%u: %s", error.line, error.text);
    }
    assert_int_equal(fedl_model_parameter_count(&config.plan.model), 50890);
    assert_int_equal(fedl_update_q_max(&config.plan.update), 409);
}

static void files_that_can_not_be_read(void **state)
{
    (void)state;
    char too_long[FEDL_PLAN_PATH_BYTES_MAX + 8];
    assert_int_equal(fedl_plan_file_read(&config, "/nowhere/plan.ini", NULL, 0, &error),
                     FEDL_ERR_NOT_FOUND);
    assert_string_equal(error.text,
                        "no such file: give a plan file (the folder examples/ has some)");
    assert_int_equal(fedl_plan_file_read(&config, FEDL_SOURCE_DIR, NULL, 0, &error), FEDL_ERR_IO);
    assert_string_equal(error.text, "is a folder: give a plan file");
    assert_int_equal(fedl_plan_file_read(&config, "/dev/null", NULL, 0, &error), FEDL_ERR_FORMAT);
    assert_string_equal(error.text, "is empty: give a plan file");
    assert_int_equal(error.line, 0);
    memset(too_long, 'a', sizeof too_long);
    strcpy(too_long + sizeof too_long - 3, "/p");
    assert_int_equal(fedl_plan_file_read(&config, too_long, NULL, 0, &error), FEDL_ERR_FULL);
}

/* The linker sends every malloc() of the code under test here (--wrap=malloc). */
void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
static bool malloc_fails;

void *__wrap_malloc(size_t size)
{
    return malloc_fails ? NULL : __real_malloc(size);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    const char *path = FEDL_SOURCE_DIR "/examples/fashion-mnist/plan.ini";
    malloc_fails = true;
    const fedl_status status = fedl_plan_file_read(&config, path, NULL, 0, &error);
    malloc_fails = false;
    assert_int_equal(status, FEDL_ERR_NO_MEMORY);
    assert_non_null(strstr(error.text, "out of memory"));
}

static void a_plan_has_a_largest_size(void **state)
{
    (void)state;
    char *text = (char *)malloc(FEDL_PLAN_TEXT_BYTES_MAX + 1u);
    memset(text, '\n', FEDL_PLAN_TEXT_BYTES_MAX + 1u);
    memcpy(text, smallest, strlen(smallest));
    assert_int_equal(fedl_plan_file_parse(&config, fedl_bytes_of(text, FEDL_PLAN_TEXT_BYTES_MAX),
                                          NULL, 0, &error),
                     FEDL_OK);
    assert_int_equal(fedl_plan_file_parse(&config,
                                          fedl_bytes_of(text, FEDL_PLAN_TEXT_BYTES_MAX + 1u), NULL,
                                          0, &error),
                     FEDL_ERR_FULL);
    assert_string_equal(error.text, "the plan is longer than 65536 bytes");
    free(text);
}

/* Never a crash, never a read outside (ASan), and an error always has a text. */
static void every_prefix_and_every_flipped_bit_is_safe(void **state)
{
    (void)state;
    const size_t size = sizeof full - 1;
    for (size_t cut = 0; cut < size; cut++) {
        char *exact = (char *)malloc(cut + 1);
        memcpy(exact + 1, full, cut);
        if (fedl_plan_file_parse(&config, fedl_bytes_of(exact + 1, cut), NULL, 0, &error) !=
            FEDL_OK) {
            assert_true(error.text[0] != '\0');
        }
        free(exact);
    }
    char *copy = (char *)malloc(size);
    memcpy(copy, full, size);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << (bit % 8)));
        if (fedl_plan_file_parse(&config, fedl_bytes_of(copy, size), NULL, 0, &error) != FEDL_OK) {
            assert_true(error.text[0] != '\0');
        } else {
            assert_int_equal(fedl_plan_check(&config.plan), FEDL_OK);
        }
        copy[bit / 8] = (char)(copy[bit / 8] ^ (1 << (bit % 8)));
    }
    free(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(defaults_are_the_documented_ones),
        cmocka_unit_test(every_key_reaches_its_field),
        cmocka_unit_test(select_follows_expected_dropout),
        cmocka_unit_test(white_space_does_not_matter),
        cmocka_unit_test(overrides_win_and_the_last_one_most),
        cmocka_unit_test(paths_start_at_the_plan_file),
        cmocka_unit_test(the_other_example_parses),
        cmocka_unit_test(files_that_can_not_be_read),
        cmocka_unit_test(no_memory_is_an_error),
        cmocka_unit_test(a_plan_has_a_largest_size),
        cmocka_unit_test(every_prefix_and_every_flipped_bit_is_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
