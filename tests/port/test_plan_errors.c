/* SPDX-License-Identifier: Apache-2.0 */
/* Every way in which a plan can be wrong, with the exact line and the exact sentence. */
#include "cmocka_all.h"

#include "inih/plan_file.h"

#include <stdio.h>
#include <string.h>

static fedl_task_config config;
static fedl_plan_error error;

/* Lines 1 … 13 of a good plan; a row's text follows as line 14. */
static const char base[] = "[task]\nname = t\n[model]\ninputs = 4\nlayers = dense 3\n[round]\n"
                           "rounds = 2\nclients = 5\n[data]\nformat = idx\n[train]\nepochs = 1\n"
                           "# line 13\n";

typedef struct row {
    const char *text;
    fedl_status status;
    uint32_t line;
    const char *expected;
} row;

static void check(const row *rows, size_t count, const char *before)
{
    for (size_t i = 0; i < count; i++) {
        char text[2048];
        const int size = snprintf(text, sizeof text, "%s%s", before, rows[i].text);
        assert_true(size >= 0 && (size_t)size < sizeof text);
        const fedl_status status =
            fedl_plan_file_parse(&config, fedl_bytes_of(text, (size_t)size), NULL, 0, &error);
        if (status != rows[i].status || error.line != rows[i].line ||
            strcmp(error.text, rows[i].expected) != 0) {
            fail_msg("%s\n  gave %s, line %u: %s\n  not  %s, line %u: %s", rows[i].text,
                     fedl_status_text(status), error.line, error.text,
                     fedl_status_text(rows[i].status), rows[i].line, rows[i].expected);
        }
    }
}

#define CHECK(rows, before) check(rows, sizeof(rows) / sizeof((rows)[0]), before)

static void syntax(void **state)
{
    (void)state;
    static const row rows[] = {
        {"lr", FEDL_ERR_FORMAT, 14, "expected 'key = value'"},
        {"lr 0.1", FEDL_ERR_FORMAT, 14, "expected 'key = value'"},
        {"lr: 0.1", FEDL_ERR_FORMAT, 14, "expected 'key = value'"},
        {"= 0.1", FEDL_ERR_FORMAT, 14, "expected 'key = value'"},
        {"lr ; = 0.1", FEDL_ERR_FORMAT, 14, "expected 'key = value'"},
        {"\n\n  continued line", FEDL_ERR_FORMAT, 16, "expected 'key = value'"},
        {"lr = 0.1\n\t0.2", FEDL_ERR_FORMAT, 15, "expected 'key = value'"},
        {"[train", FEDL_ERR_FORMAT, 14, "'[' without ']'"},
        {"[eval] every = 1", FEDL_ERR_FORMAT, 14, "unexpected text after ']'"},
        {"lr = 0.1\x01", FEDL_ERR_FORMAT, 14, "the line holds the control character 0x01"},
        {"lr\r = 0.1", FEDL_ERR_FORMAT, 14, "the line holds the control character 0x0d"},
        {"lr = 0.1\x7f", FEDL_ERR_FORMAT, 14, "the line holds the control character 0x7f"},
    };
    CHECK(rows, base);
    static const row first[] = {
        {"name = t\n", FEDL_ERR_FORMAT, 1, "'name' stands before any [section]"},
        {"\xef\xbb\xbf\nname = t\n", FEDL_ERR_FORMAT, 2, "'name' stands before any [section]"},
        {"", FEDL_ERR_FORMAT, 0, "'name' in [task] is missing"},
    };
    CHECK(first, "");
    static const char zero[] = "[task]\nname = a\0b\n";
    assert_int_equal(
        fedl_plan_file_parse(&config, fedl_bytes_of(zero, sizeof zero - 1), NULL, 0, &error),
        FEDL_ERR_FORMAT);
    assert_string_equal(error.text, "the line holds the control character 0x00");
    assert_int_equal(error.line, 2);
}

static void unknown_names(void **state)
{
    (void)state;
    static const row rows[] = {
        {"epoch = 1", FEDL_ERR_FORMAT, 14,
         "unknown key 'epoch' in [train]; did you mean 'epochs'?"},
        {"Lr = 1", FEDL_ERR_FORMAT, 14, "unknown key 'Lr' in [train]; did you mean 'lr'?"},
        {"clip = 1", FEDL_ERR_FORMAT, 14,
         "unknown key 'clip' in [train]; it belongs to [aggregation]"},
        {"column a = 1, 2", FEDL_ERR_FORMAT, 14,
         "unknown key 'column a' in [train]; it belongs to [data]"},
        {"momentum = 0.9", FEDL_ERR_FORMAT, 14, "unknown key 'momentum' in [train]"},
        {"[rounds]", FEDL_ERR_FORMAT, 14, "unknown section [rounds]; did you mean [round]?"},
        {"[Eval]", FEDL_ERR_FORMAT, 14, "unknown section [Eval]; did you mean [eval]?"},
        {"a_word_that_is_longer_than_any_key_we_have = 1", FEDL_ERR_FORMAT, 14,
         "unknown key 'a_word_that_is_longer_than_any_key_we_have' in [train]"},
        {"[network]", FEDL_ERR_FORMAT, 14, "unknown section [network]"},
        {"[]", FEDL_ERR_FORMAT, 14, "unknown section []"},
    };
    CHECK(rows, base);
}

static void duplicates(void **state)
{
    (void)state;
    static const row rows[] = {
        {"epochs = 1", FEDL_ERR_FORMAT, 14,
         "duplicate key 'epochs' in [train], first given in line 12"},
        {"lr = 1\n\nlr = 1", FEDL_ERR_FORMAT, 16,
         "duplicate key 'lr' in [train], first given in line 14"},
        {"[data]", FEDL_ERR_FORMAT, 14, "section [data] appears twice, first in line 9"},
    };
    CHECK(rows, base);
}

static void long_lines(void **state)
{
    (void)state;
    char text[1024];
    for (size_t length = 185; length <= 300; length++) {
        /* A comment of this many characters, then a good key: the count of lines stays right. */
        const int used =
            snprintf(text, sizeof text, "%s;%0*d\nbad = 1\n", base, (int)length - 1, 0);
        const fedl_status status =
            fedl_plan_file_parse(&config, fedl_bytes_of(text, (size_t)used), NULL, 0, &error);
        assert_int_equal(status, length <= 190 ? FEDL_ERR_FORMAT : FEDL_ERR_FULL);
        assert_int_equal(error.line, length <= 190 ? 15 : 14);
        assert_string_equal(error.text, length <= 190 ? "unknown key 'bad' in [train]"
                                                      : "the line is longer than 190 characters");
    }
}

static void wrong_values(void **state)
{
    (void)state;
    static const row rows[] = {
        {"lr = fast", FEDL_ERR_FORMAT, 14,
         "'lr' in [train]: expected a decimal number from 0.0000001 to 16, not 'fast'"},
        {"lr =", FEDL_ERR_FORMAT, 14,
         "'lr' in [train]: expected a decimal number from 0.0000001 to 16, not ''"},
        {"lr = 0", FEDL_ERR_RANGE, 14,
         "'lr' in [train]: expected a decimal number from 0.0000001 to 16, not '0'"},
        {"lr = 16.1", FEDL_ERR_RANGE, 14,
         "'lr' in [train]: expected a decimal number from 0.0000001 to 16, not '16.1'"},
        {"batch = 16  # rows", FEDL_ERR_FORMAT, 14,
         "'batch' in [train]: expected a whole number from 1 to 1024, not '16  # rows' (a comment "
         "after a value starts with ';')"},
        {"batch = 1025", FEDL_ERR_RANGE, 14,
         "'batch' in [train]: expected a whole number from 1 to 1024, not '1025'"},
        {"[eval]\nholdout = 0.1", FEDL_ERR_FORMAT, 15,
         "'holdout' in [eval]: expected a percentage like 10% from 0% to 50%, not '0.1'"},
        {"[eval]\nholdout = 51%", FEDL_ERR_RANGE, 15,
         "'holdout' in [eval]: expected a percentage like 10% from 0% to 50%, not '51%'"},
        {"[aggregation]\nring_bits = 12", FEDL_ERR_FORMAT, 15,
         "'ring_bits' in [aggregation]: expected 8 or 16 or 24 or 32, not '12'"},
        {"[aggregation]\nmode = secret", FEDL_ERR_FORMAT, 15,
         "'mode' in [aggregation]: expected plain or masked or helper, not 'secret'"},
        {"[aggregation]\noptimiser = fedadam", FEDL_ERR_FORMAT, 15,
         "'optimiser = fedadam' in [aggregation] is not there yet (see the road map in README.md)"},
        {"[experiment]\nalpha = big", FEDL_ERR_FORMAT, 15,
         "'alpha' in [experiment]: expected a decimal number from 0.001 to 1000, not 'big'"},
        {"[experiment]\nalpha = 0", FEDL_ERR_RANGE, 15,
         "'alpha' in [experiment]: expected a decimal number from 0.001 to 1000, not '0'"},
        {"[experiment]\ntest =", FEDL_ERR_FORMAT, 15, "'test' in [experiment] has no value"},
    };
    CHECK(rows, base);
    static const char before[] = "[data]\nformat = idx\n[model]\ninputs = 4\n[round]\nclients = 2\n"
                                 "rounds = 1\n";
    static const row later[] = {
        {"deadline = 30", FEDL_ERR_FORMAT, 8,
         "'deadline' in [round]: expected a duration like 30s, 5m or 2h, from 1ms to 7d, not '30'"},
        {"deadline = 8d", FEDL_ERR_RANGE, 8,
         "'deadline' in [round]: expected a duration like 30s, 5m or 2h, from 1ms to 7d, not '8d'"},
        {"[task]\nname = a b\n[aggregation]", FEDL_ERR_FORMAT, 0, "'layers' in [model] is missing"},
        {"[task]\nname =", FEDL_ERR_FORMAT, 9, "'name' in [task] has no value"},
        {"[task]\nname = 0123456789012345678901234567890123456789012345678901234567890123",
         FEDL_ERR_FULL, 9, "'name' in [task] is too long"},
    };
    CHECK(later, before);
}

static void layers(void **state)
{
    (void)state;
    static const char before[] = "[task]\nname = t\n[data]\nformat = idx\n[round]\nclients = 2\n"
                                 "rounds = 1\n[model]\ninputs = 784\n";
    static const row rows[] = {
        {"layers = ", FEDL_ERR_FORMAT, 10,
         "'layers' in [model]: expected 'dense N' (N from 1 to 65536) or 'relu', not ''"},
        {"layers = dense 64, conv 3", FEDL_ERR_FORMAT, 10,
         "'layers' in [model]: expected 'dense N' (N from 1 to 65536) or 'relu', not 'conv 3'"},
        {"layers = dense 64,, dense 2", FEDL_ERR_FORMAT, 10,
         "'layers' in [model]: expected 'dense N' (N from 1 to 65536) or 'relu', not ''"},
        {"layers = dense 0", FEDL_ERR_FORMAT, 10,
         "'layers' in [model]: expected 'dense N' (N from 1 to 65536) or 'relu', not 'dense 0'"},
        {"layers = dense 65537", FEDL_ERR_FORMAT, 10,
         "'layers' in [model]: expected 'dense N' (N from 1 to 65536) or 'relu', not 'dense "
         "65537'"},
        {"layers = dense", FEDL_ERR_FORMAT, 10,
         "'layers' in [model]: expected 'dense N' (N from 1 to 65536) or 'relu', not 'dense'"},
        {"layers = relu, dense 2", FEDL_ERR_RANGE, 10,
         "'layers' in [model]: the first and the last layer must be dense"},
        {"layers = dense 2, relu", FEDL_ERR_RANGE, 10,
         "'layers' in [model]: the first and the last layer must be dense"},
        {"layers = dense 2, relu, relu, dense 2", FEDL_ERR_RANGE, 10,
         "'layers' in [model]: a relu must follow a dense layer"},
        {"layers = dense 1,dense 1,dense 1,dense 1,dense 1,dense 1,dense 1,dense 1,dense 1,dense "
         "1,dense 1,dense 1,dense 1,dense 1,dense 1,dense 1,dense 2",
         FEDL_ERR_FULL, 10, "'layers' in [model]: more than 16 layers"},
        {"layers = dense 2000, relu, dense 10", FEDL_ERR_RANGE, 10,
         "the model has 1590010 parameters; at most 1048576 can be"},
        {"layers = dense 1", FEDL_ERR_RANGE, 10, "loss = softmax needs at least 2 outputs"},
        {"layers = dense 2\nloss = mse", FEDL_ERR_RANGE, 10,
         "loss = mse predicts one number: the last layer must be dense 1"},
    };
    CHECK(rows, before);
}

static void combinations(void **state)
{
    (void)state;
    static const row rows[] = {
        {"lr = 2\nprox_mu = 0.6", FEDL_ERR_RANGE, 15,
         "lr · prox_mu in [train] is above 1: use train.prox_mu=0"},
        {"[aggregation]\nclients_max = 4", FEDL_ERR_RANGE, 15,
         "clients in [round] (5) is above clients_max in [aggregation] (4): use "
         "aggregation.clients_max=5, or round.clients=4"},
        {"[aggregation]\nclients_max = 64\nw_max = 2\nring_bits = 8", FEDL_ERR_RANGE, 17,
         "clients_max · w_max = 128 updates do not fit ring_bits = 8: use "
         "aggregation.ring_bits=16"},
        {"[aggregation]\nclients_max = 5000\nw_max = 8", FEDL_ERR_RANGE, 0,
         "clients_max · w_max = 40000 updates do not fit ring_bits = 16: use "
         "aggregation.ring_bits=24"},
        {"[experiment]\nclients = 4", FEDL_ERR_RANGE, 15,
         "clients in [experiment] (4) is below clients in [round] (5): use experiment.clients=5"},
        {"[experiment]\ntrain = x", FEDL_ERR_FORMAT, 15,
         "idx data in [experiment] needs both train and train_labels"},
        {"[experiment]\ntest = x", FEDL_ERR_FORMAT, 15,
         "idx data in [experiment] needs both test and test_labels"},
    };
    CHECK(rows, base);
    static const char before[] = "[task]\nname = t\n[model]\ninputs = 4\nlayers = dense 3\n[data]\n"
                                 "format = idx\n[round]\nrounds = 1\nclients = 5\n";
    static const row coarse[] = {
        {"[model]\nweight_exp = -8\ninputs = 1000\nlayers = dense 1000, relu, dense 10",
         FEDL_ERR_RANGE, 9,
         "weight_exp = -8 with output_weight_exp = -13 is too coarse for 1011010 parameters; -14 "
         "and -13 always fit: use model.weight_exp=-14"},
        {"[model]\noutput_weight_exp = -8\ninputs = 1000\nlayers = dense 1000", FEDL_ERR_RANGE, 9,
         "weight_exp = -14 with output_weight_exp = -8 is too coarse for 1001000 parameters; -14 "
         "and -13 always fit: use model.output_weight_exp=-13"},
    };
    CHECK(coarse, "[task]\nname = t\n[data]\nformat = idx\n[round]\nrounds = 1\nclients = 5\n");
    static const row rounds[] = {
        {"min_reports = 6", FEDL_ERR_RANGE, 10,
         "clients (5) is below min_reports (6): use round.min_reports=5, or round.clients=7"},
        {"select = 4", FEDL_ERR_RANGE, 11,
         "select (4) is below clients (5): use round.select=5, or round.clients=4"},
        {"pool = 4", FEDL_ERR_RANGE, 11,
         "pool (4) is below select (5): use round.pool=5, or round.select=4 with round.clients=4"},
    };
    CHECK(rounds, before);
    static const char rest[] = "[model]\ninputs = 4\nlayers = dense 3\n[data]\nformat = idx\n"
                               "[round]\nrounds = 1\nclients = 5\n[task]\n";
    static const row names[] = {
        {"name = a b", FEDL_ERR_FORMAT, 10,
         "'name' in [task]: letters, digits, '-', '_' and '.', not 'a b'"},
        {"name = .hidden", FEDL_ERR_FORMAT, 10,
         "'name' in [task]: letters, digits, '-', '_' and '.', not '.hidden'"},
    };
    CHECK(names, rest);
}

static void tables(void **state)
{
    (void)state;
    static const char before[] =
        "[task]\nname = t\n[model]\nlayers = dense 3\n[round]\nrounds = 1\n"
        "clients = 5\n[data]\nformat = csv\nlabel = y\ncolumn a = 0, 1\n";
    static const row rows[] = {
        {"column a = 0, 1", FEDL_ERR_FORMAT, 12, "column 'a' appears twice, first in line 11"},
        {"column = 0, 1", FEDL_ERR_FORMAT, 12,
         "'column' in [data] needs a name of 1 to 47 characters without ';'"},
        {"column b = 0", FEDL_ERR_FORMAT, 12,
         "column 'b': expected two decimal numbers: mean, scale, not '0'"},
        {"column b = 0, x", FEDL_ERR_FORMAT, 12,
         "column 'b': expected two decimal numbers: mean, scale, not '0, x'"},
        {"column b = 0, 1, 2", FEDL_ERR_FORMAT, 12,
         "column 'b': expected two decimal numbers: mean, scale, not '0, 1, 2'"},
        {"column b = 0, 0", FEDL_ERR_RANGE, 12, "column 'b': the scale must be at least 0.000001"},
        {"column b = 0, -1", FEDL_ERR_RANGE, 12, "column 'b': the scale must be at least 0.000001"},
        {"column y = 0, 1", FEDL_ERR_FORMAT, 12, "column 'y' is the label, it can't be an input"},
        {"classes = a, b", FEDL_ERR_RANGE, 12, "2 classes, but the last layer has 3 outputs"},
        {"classes = a, , b", FEDL_ERR_FORMAT, 12,
         "'classes' in [data]: a class is a text of 1 to 23 characters without ';'"},
        {"classes = a, b, a", FEDL_ERR_FORMAT, 12, "class 'a' appears twice"},
        {"classes = "
         "0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32",
         FEDL_ERR_FULL, 12, "more than 32 classes"},
        {"header = no", FEDL_ERR_FORMAT, 11,
         "column 'a': without a header, columns are called #0, #1, …"},
        {"[privacy]\nsigma = 3", FEDL_ERR_FORMAT, 13,
         "'sigma' in [privacy] has no effect without 'mode' (none, distributed or central)"},
        {"[eval]\nevery = 2\n[privacy]\nmode = none\nmode = none", FEDL_ERR_FORMAT, 16,
         "duplicate key 'mode' in [privacy], first given in line 15"},
        {"separator = ,", FEDL_ERR_FORMAT, 12,
         "'separator' in [data]: expected comma or semicolon or tab or space, not ','"},
    };
    CHECK(rows, before);
    static const row others[] = {
        {"[task]\nname = t\n[model]\ninputs = 2\nlayers = dense 3\n[round]\nrounds = 1\nclients = "
         "5\n[data]\nformat = csv\nlabel = y\ncolumn a = 0, 1\n",
         FEDL_ERR_RANGE, 4,
         "'inputs' in [model] is 2, but [data] has 1 column: use model.inputs=1"},
        {"[task]\nname = t\n[model]\nlayers = dense 3\n[round]\nrounds = 1\nclients = "
         "5\n[data]\nformat = idx\n",
         FEDL_ERR_FORMAT, 0, "'inputs' in [model] is missing"},
        {"[task]\nname = t\n[model]\nlayers = dense 1\nloss = mse\n[round]\nrounds = 1\nclients = "
         "5\n[data]\nformat = csv\nlabel = y\nclasses = a, b\ncolumn a = 0, 1\n",
         FEDL_ERR_RANGE, 12, "'classes' in [data] makes no sense with loss = mse"},
        {"[task]\nname = t\n[model]\nlayers = dense 2\n[round]\nrounds = 1\nclients = "
         "5\n[data]\nformat = csv\nlabel = y\nheader = no\ncolumn #0 = 0, 1\n",
         FEDL_ERR_FORMAT, 10, "label 'y': without a header, columns are called #0, #1, …"},
    };
    CHECK(others, "");
    static const row label[] = {
        {"label = a;b\ncolumn a = 0, 1\n", FEDL_ERR_FORMAT, 10,
         "'label' in [data] may not hold ';'"},
        {"label = a ;b\ncolumn a = 0, 1\n", FEDL_ERR_FORMAT, 11,
         "column 'a' is the label, it can't be an input"},
    };
    CHECK(label,
          "[task]\nname = t\n[model]\nlayers = dense 3\n[round]\nrounds = 1\nclients = 5\n[data]\n"
          "format = csv\n");
}

static void overrides(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        fedl_status status;
        const char *expected;
    } rows[] = {
        {"train.lr=x", FEDL_ERR_FORMAT,
         "override 'train.lr=x': 'lr' in [train]: expected a decimal number from 0.0000001 to 16, "
         "not 'x'"},
        {"lr=0.1", FEDL_ERR_FORMAT, "override 'lr=0.1': expected section.key=value"},
        {"train.lr", FEDL_ERR_FORMAT, "override 'train.lr': expected section.key=value"},
        {".lr=1", FEDL_ERR_FORMAT, "override '.lr=1': expected section.key=value"},
        {"train.=1", FEDL_ERR_FORMAT, "override 'train.=1': expected section.key=value"},
        {"train.lr=1\n", FEDL_ERR_FORMAT, "override 'train.lr=1\n': expected section.key=value"},
        {"trian.lr=1", FEDL_ERR_FORMAT,
         "override 'trian.lr=1': unknown section [trian]; did you mean [train]?"},
        {"train.epoch=1", FEDL_ERR_FORMAT,
         "override 'train.epoch=1': unknown key 'epoch' in [train]; did you mean 'epochs'?"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const fedl_plan_override override = {rows[i].text};
        assert_int_equal(
            fedl_plan_file_parse(&config, fedl_bytes_of(base, strlen(base)), &override, 1, &error),
            rows[i].status);
        assert_string_equal(error.text, rows[i].expected);
        assert_int_equal(error.line, 0);
    }
    char text[256];
    (void)snprintf(text, sizeof text, "train.lr=%0190d", 1);
    const fedl_plan_override override = {text};
    assert_int_equal(
        fedl_plan_file_parse(&config, fedl_bytes_of(base, strlen(base)), &override, 1, &error),
        FEDL_ERR_FULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(syntax),       cmocka_unit_test(unknown_names),
        cmocka_unit_test(duplicates),   cmocka_unit_test(long_lines),
        cmocka_unit_test(wrong_values), cmocka_unit_test(layers),
        cmocka_unit_test(combinations), cmocka_unit_test(tables),
        cmocka_unit_test(overrides),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
