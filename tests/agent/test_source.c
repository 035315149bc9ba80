/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Conformance of data sources: every format must read the same four rows, must survive being cut at
 * every byte and having any byte changed, and must answer each fault with its status and one line.
 */
#include "cmocka_all.h"

#include "fedl/normalise.h"
#include "partition_file.h"
#include "scratch_file.h"
#include "source.h"

static char text[FEDL_SOURCE_TEXT_BYTES];
static fedl_data_config data;
static const fedl_partition *partition; /* NULL: all rows */
static uint32_t partition_client;
static fedl_model_spec model;

static void set_model(uint32_t inputs, uint32_t outputs, fedl_loss_kind loss)
{
    const fedl_model_spec spec = {.input_count = inputs,
                                  .input_exp = -7,
                                  .loss = loss,
                                  .layer_count = 1,
                                  .layers = {{FEDL_LAYER_DENSE, outputs, -14}}};
    assert_int_equal(fedl_model_spec_check(&spec), FEDL_OK);
    model = spec;
}

static void set_csv(const char *columns[], uint32_t count, const char *label)
{
    memset(&data, 0, sizeof data);
    data.format = FEDL_DATA_CSV;
    data.header = true;
    data.separator = ',';
    data.column_count = count;
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(data.columns[i].name, sizeof data.columns[i].name, "%s", columns[i]);
    }
    (void)snprintf(data.label_column, sizeof data.label_column, "%s", label);
}

static fedl_status try_open(fedl_table **table, const char *path, const char *labels, bool optional)
{
    const fedl_source_request request = {&data,     &model,          path, labels, optional,
                                         partition, partition_client};
    memset(text, 0, sizeof text);
    const fedl_status status = fedl_source_open(table, &request, text);
    if (status != FEDL_OK) {
        assert_true(strlen(text) > 10);
        assert_null(strchr(text, '\n'));
    } else {
        assert_int_equal(text[0], 0);
    }
    return status;
}

static void refused(const char *path, const char *labels, fedl_status status, const char *names)
{
    fedl_table *table = NULL;
    assert_int_equal(try_open(&table, path, labels, false), status);
    assert_null(table);
    if (strstr(text, names) == NULL) {
        print_error("'%s' lacks '%s'\n", text, names);
        fail();
    }
}

/* 2×2 pixels of four images, and labels. */
static const uint8_t images[] = {0, 0, 8, 3, 0,  0,  0,  4,  0,  0,   0,   2,   0, 0, 0, 2,
                                 0, 1, 2, 3, 10, 20, 30, 40, 99, 100, 254, 255, 7, 7, 7, 7};
static const uint8_t labels[] = {0, 0, 8, 1, 0, 0, 0, 4, 0, 1, 2, 1};

static void idx_reads_pixels_and_labels(void **state)
{
    (void)state;
    memset(&data, 0, sizeof data);
    data.format = FEDL_DATA_IDX;
    set_model(4, 3, FEDL_LOSS_SOFTMAX_CE);
    const char *image_path = scratch_write("images", images, sizeof images);
    const char *label_path = scratch_write("labels", labels, sizeof labels);
    fedl_table *table = NULL;
    assert_int_equal(try_open(&table, image_path, label_path, false), FEDL_OK);
    assert_int_equal(table->row_count, 4);
    for (uint32_t i = 0; i < 16; i++) {
        assert_int_equal(table->inputs[i], fedl_normalise_pixel(images[16 + i]));
    }
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(table->targets[i], labels[8 + i]);
    }
    fedl_table_destroy(table);
    table = NULL;
    assert_int_equal(try_open(&table, image_path, NULL, true), FEDL_OK);
    assert_int_equal(table->target_count, 0);
    fedl_table_destroy(table);
    /* An autoencoder wants the pixels back and no labels. */
    set_model(4, 4, FEDL_LOSS_MSE);
    assert_int_equal(try_open(&table, image_path, NULL, false), FEDL_OK);
    assert_true(table->reconstruct);
    fedl_table_destroy(table);
}

/* Rows 1 and 3 belong to client 1, row 2 to client 0, row 0 to nobody; client 2 has none. */
static const uint32_t owners[] = {FEDL_PARTITION_NOBODY, 1, 0, 1};

static void idx_reads_a_clients_rows_only(void **state)
{
    (void)state;
    memset(&data, 0, sizeof data);
    data.format = FEDL_DATA_IDX;
    set_model(4, 3, FEDL_LOSS_SOFTMAX_CE);
    fedl_partition split = {0};
    fedl_table *table = NULL;
    uint8_t bad_labels[sizeof labels];
    memcpy(bad_labels, labels, sizeof labels);
    bad_labels[8] = 200; /* row 0: nobody's */
    const char *image_path = scratch_write("images", images, sizeof images);
    const char *label_path = scratch_write("labels", bad_labels, sizeof bad_labels);
    assert_int_equal(fedl_partition_make(&split, owners, 4, 3), FEDL_OK);
    partition = &split;
    partition_client = 1;
    assert_int_equal(try_open(&table, image_path, label_path, false), FEDL_OK);
    assert_int_equal(table->row_count, 2);
    for (uint32_t i = 0; i < 8; i++) {
        const uint32_t row = i < 4 ? 1 : 3;
        assert_int_equal(table->inputs[i], fedl_normalise_pixel(images[16 + row * 4 + i % 4]));
    }
    assert_int_equal(table->targets[0], labels[8 + 1]);
    assert_int_equal(table->targets[1], labels[8 + 3]);
    fedl_table_destroy(table);
    partition_client = 2;
    refused(image_path, label_path, FEDL_ERR_RANGE, "client 2 of the partition has no row");
    partition_client = 3;
    refused(image_path, label_path, FEDL_ERR_RANGE, "clients 0 … 2");
    fedl_partition_free(&split);
    assert_int_equal(fedl_partition_make(&split, owners, 3, 3), FEDL_OK);
    refused(image_path, label_path, FEDL_ERR_MISMATCH, "the partition is for 3 rows");
    fedl_partition_free(&split);
    partition = NULL;
}

static void idx_faults(void **state)
{
    (void)state;
    memset(&data, 0, sizeof data);
    data.format = FEDL_DATA_IDX;
    set_model(4, 3, FEDL_LOSS_SOFTMAX_CE);
    const char *good = scratch_write("images", images, sizeof images);
    const char *good_labels = scratch_write("labels", labels, sizeof labels);
    uint8_t bad[sizeof images + 1];
    refused(NULL, good_labels, FEDL_ERR_MISMATCH, "--images");
    refused(good, NULL, FEDL_ERR_MISMATCH, "--labels");
    refused(scratch_path("none"), good_labels, FEDL_ERR_NOT_FOUND, "no such file");
    refused(scratch_folder, good_labels, FEDL_ERR_FORMAT, "not a regular file");
    refused(good_labels, good, FEDL_ERR_MISMATCH, "data has 1 inputs, the task wants 4");
    refused(good, good, FEDL_ERR_MISMATCH, "swapped");
    memcpy(bad, images, sizeof images);
    bad[0] = 1;
    refused(scratch_write("bad", bad, sizeof images), good_labels, FEDL_ERR_FORMAT,
            "not an IDX file");
    memcpy(bad, "\x1f\x8b\x08\x00", 4);
    refused(scratch_write("bad", bad, sizeof images), good_labels, FEDL_ERR_FORMAT, "gunzip");
    memcpy(bad, images, sizeof images);
    bad[2] = 0x0d; /* floats */
    refused(scratch_write("bad", bad, sizeof images), good_labels, FEDL_ERR_UNSUPPORTED, "0x0d");
    memcpy(bad, images, sizeof images);
    memset(bad + 4, 0xff, 12); /* 2^96 values */
    refused(scratch_write("bad", bad, sizeof images), good_labels, FEDL_ERR_FULL, "2 GiB");
    memcpy(bad, images, sizeof images);
    bad[sizeof images] = 0;
    refused(scratch_write("bad", bad, sizeof images + 1), good_labels, FEDL_ERR_FORMAT,
            "1 bytes follow");
    memcpy(bad, images, sizeof images);
    memset(bad + 4, 0, 4);
    refused(scratch_write("bad", bad, 16), good_labels, FEDL_ERR_MISMATCH, "no image");
    uint8_t bad_labels[sizeof labels];
    memcpy(bad_labels, labels, sizeof labels);
    bad_labels[10] = 3;
    refused(good, scratch_write("bad", bad_labels, sizeof labels), FEDL_ERR_RANGE,
            "label 3 in row 2");
    bad_labels[7] = 3;
    refused(good, scratch_write("bad", bad_labels, sizeof labels - 1), FEDL_ERR_MISMATCH,
            "4 images");
    model.input_exp = -4;
    refused(good, good_labels, FEDL_ERR_UNSUPPORTED, "input_exp");
    set_model(4, 1, FEDL_LOSS_MSE);
    refused(good, good_labels, FEDL_ERR_UNSUPPORTED, "CSV");
}

static const char table_text[] = "id,kind,\"size, cm\",weight,grade\r\n"
                                 "1,\"a\"\"b\", 1.5 ,-2e1,good\r\n"
                                 "2,x,0,0.25,bad\r\n";

static void csv_reads_columns_by_name(void **state)
{
    (void)state;
    const char *columns[] = {"weight", "size, cm"};
    set_csv(columns, 2, "grade");
    data.class_count = 2;
    (void)snprintf(data.class_names[0], 24, "bad");
    (void)snprintf(data.class_names[1], 24, "good");
    (void)snprintf(data.columns[0].mean_text, 24, "-20");
    (void)snprintf(data.columns[0].scale_text, 24, "40");
    (void)snprintf(data.columns[1].scale_text, 24, "3");
    set_model(2, 2, FEDL_LOSS_SOFTMAX_CE);
    fedl_table *table = NULL;
    const char *path = scratch_text("t.csv", table_text);
    assert_int_equal(try_open(&table, path, NULL, false), FEDL_OK);
    assert_int_equal(table->row_count, 2);
    const int8_t expected[] = {0, 64, 65, 0}; /* (−20+20)/40, 1.5/3, 20.25/40 = .50625, 0 at 2^−7 */
    assert_memory_equal(table->inputs, expected, 4);
    assert_int_equal(table->targets[0], 1);
    assert_int_equal(table->targets[1], 0);
    fedl_table_destroy(table);
}

static void csv_reads_values_and_positions(void **state)
{
    (void)state;
    const char *columns[] = {"#1", "#0"};
    set_csv(columns, 2, "#2");
    data.header = false;
    data.separator = ';';
    set_model(2, 1, FEDL_LOSS_MSE);
    fedl_table *table = NULL;
    const char *path = scratch_text("t.csv", "0.5;0.25;-1.5\n\n0;1;100.25");
    assert_int_equal(try_open(&table, path, NULL, false), FEDL_OK);
    const int8_t expected[] = {32, 64, 127, 0};
    assert_memory_equal(table->inputs, expected, 4);
    assert_int_equal(table->targets[0], -98304);
    assert_int_equal(table->targets[1], 6569984);
    fedl_table_destroy(table);
    table = NULL;
    /* Without its label a table still serves prediction. */
    data.label_column[1] = '7';
    assert_int_equal(try_open(&table, path, NULL, true), FEDL_OK);
    assert_int_equal(table->target_count, 0);
    fedl_table_destroy(table);
}

static void csv_of_r_has_row_names(void **state)
{
    (void)state;
    const char *columns[] = {"temp"};
    set_csv(columns, 1, "busy");
    set_model(1, 2, FEDL_LOSS_SOFTMAX_CE);
    fedl_table *table = NULL;
    const char *path = scratch_text("r.csv", "\"date\",\"temp\",\"busy\"\n"
                                             "\"1\",\"2015-02-04\",0.5,1\n\"2\",\"x\",0.25,0\n");
    assert_int_equal(try_open(&table, path, NULL, false), FEDL_OK);
    assert_int_equal(table->inputs[0], 64);
    assert_int_equal(table->targets[0], 1);
    assert_int_equal(table->targets[1], 0);
    fedl_table_destroy(table);
}

static void csv_grows(void **state)
{
    (void)state;
    const char *columns[] = {"v"};
    set_csv(columns, 1, "y");
    set_model(1, 10, FEDL_LOSS_SOFTMAX_CE);
    char *lines = malloc(40000);
    assert_non_null(lines);
    size_t used = (size_t)sprintf(lines, "v,y\n");
    for (unsigned i = 0; i < 3000; i++) {
        used += (size_t)sprintf(lines + used, "0.%u,%u\n", i % 10u, i % 10u);
    }
    fedl_table *table = NULL;
    assert_int_equal(try_open(&table, scratch_write("long.csv", lines, used), NULL, false),
                     FEDL_OK);
    assert_int_equal(table->row_count, 3000);
    assert_int_equal(table->targets[2999], 9);
    fedl_table_destroy(table);
    free(lines);
}

static void csv_faults(void **state)
{
    (void)state;
    const char *columns[] = {"width", "height"};
    set_csv(columns, 2, "class");
    set_model(2, 3, FEDL_LOSS_SOFTMAX_CE);
    const struct {
        const char *content;
        fedl_status status;
        const char *names;
    } cases[] = {
        {"", FEDL_ERR_TRUNCATED, "no row"},
        {"width,height,class\n", FEDL_ERR_TRUNCATED, "no row"},
        {"widht,height,class\n1,1,1\n", FEDL_ERR_MISMATCH, "nearest is 'widht'"},
        {"width,height,klass\n1,1,1\n", FEDL_ERR_MISMATCH, "no column 'class'"},
        {"width,height,class\n1,x,1\n", FEDL_ERR_FORMAT, "t.csv:2: column 'height' holds 'x'"},
        {"width,height,class\n1,1,1\n1,,1\n", FEDL_ERR_FORMAT, "t.csv:3: column 'height'"},
        {"width,height,class\n1,1e40,1\n", FEDL_ERR_RANGE, "too large"},
        {"width,height,class\n1,1,3\n", FEDL_ERR_RANGE, "classes 0 … 2"},
        {"width,height,class\n1,1,-1\n", FEDL_ERR_RANGE, "classes 0 … 2"},
        {"width,height,class\n1,1,0.5\n", FEDL_ERR_RANGE, "classes 0 … 2"},
        {"width,height,class\n1,1,cat\n", FEDL_ERR_FORMAT, "list the texts as classes"},
        {"width,height,class\n1,1\n", FEDL_ERR_MISMATCH, "header has 3 columns"},
        {"width,height,class\n1,1,1\n1,1\n", FEDL_ERR_MISMATCH, "t.csv:3: 2 columns"},
        {"width,height,class\n1,1,\"1\n", FEDL_ERR_TRUNCATED, "t.csv:2: a quote"},
        {"width,height,class\n1,\"1\"2,1\n", FEDL_ERR_FORMAT, "t.csv:2: text after"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        refused(scratch_text("t.csv", cases[i].content), NULL, cases[i].status, cases[i].names);
    }
    refused(NULL, NULL, FEDL_ERR_MISMATCH, "--csv");
    const char *good = scratch_text("t.csv", "width,height,class\n1,1,1\n");
    data.class_count = 1;
    (void)snprintf(data.class_names[0], 24, "only");
    refused(good, NULL, FEDL_ERR_FORMAT, "none of the plan's classes");
    data.class_count = 0;
    data.label_column[0] = 0;
    refused(good, NULL, FEDL_ERR_MISMATCH, "label");
    data.header = false;
    refused(good, NULL, FEDL_ERR_MISMATCH, "#0 … #2");
    (void)snprintf(data.columns[0].name, 24, "#3");
    refused(good, NULL, FEDL_ERR_MISMATCH, "only 3 columns");
    data.header = true;
    set_csv(columns, 2, "class");
    (void)snprintf(data.columns[0].scale_text, 24, "0");
    refused(good, NULL, FEDL_ERR_RANGE, "scale '0'");
    (void)snprintf(data.columns[0].scale_text, 24, "one");
    refused(good, NULL, FEDL_ERR_FORMAT, "scale 'one'");
    data.column_count = 1;
    refused(good, NULL, FEDL_ERR_MISMATCH, "data has 1 inputs, the task wants 2");
    set_csv(columns, 2, "class");
    set_model(2, 3, FEDL_LOSS_MSE);
    refused(good, NULL, FEDL_ERR_UNSUPPORTED, "predicts 3 values");
    set_model(2, 1, FEDL_LOSS_MSE);
    refused(scratch_text("t.csv", "width,height,class\n1,1,40000\n"), NULL, FEDL_ERR_RANGE,
            "32767");
    data.format = (fedl_data_format)9;
    refused(good, NULL, FEDL_ERR_UNSUPPORTED, "unknown");
}

/* Cut at every byte, then every byte changed: a table or a named error, never a crash. */
static void survives(const char *name, const uint8_t *bytes, size_t size, const char *other)
{
    uint8_t copy[256];
    assert_true(size <= sizeof copy);
    for (size_t cut = 0; cut < size; cut++) {
        fedl_table *table = NULL;
        (void)try_open(&table, scratch_write(name, bytes, cut), other, false);
        fedl_table_destroy(table);
    }
    const uint8_t flips[] = {0x01, 0x80, 0xff};
    for (size_t at = 0; at < size; at++) {
        for (size_t f = 0; f < sizeof flips; f++) {
            fedl_table *table = NULL;
            memcpy(copy, bytes, size);
            copy[at] ^= flips[f];
            (void)try_open(&table, scratch_write(name, copy, size), other, false);
            fedl_table_destroy(table);
        }
    }
}

static void damage_never_crashes(void **state)
{
    (void)state;
    memset(&data, 0, sizeof data);
    data.format = FEDL_DATA_IDX;
    set_model(4, 3, FEDL_LOSS_SOFTMAX_CE);
    char label_path[128];
    (void)snprintf(label_path, sizeof label_path, "%s",
                   scratch_write("labels", labels, sizeof labels));
    survives("images", images, sizeof images, label_path);
    for (size_t cut = 0; cut < sizeof labels; cut++) {
        fedl_table *table = NULL;
        assert_int_not_equal(try_open(&table, scratch_write("images", images, sizeof images),
                                      scratch_write("cut", labels, cut), false),
                             FEDL_OK);
    }
    const char *columns[] = {"weight", "size, cm"};
    set_csv(columns, 2, "grade");
    data.class_count = 2;
    (void)snprintf(data.class_names[0], 24, "bad");
    (void)snprintf(data.class_names[1], 24, "good");
    set_model(2, 2, FEDL_LOSS_SOFTMAX_CE);
    survives("t.csv", (const uint8_t *)table_text, sizeof table_text - 1u, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_reads_pixels_and_labels),
        cmocka_unit_test(idx_reads_a_clients_rows_only),
        cmocka_unit_test(idx_faults),
        cmocka_unit_test(csv_reads_columns_by_name),
        cmocka_unit_test(csv_reads_values_and_positions),
        cmocka_unit_test(csv_of_r_has_row_names),
        cmocka_unit_test(csv_grows),
        cmocka_unit_test(csv_faults),
        cmocka_unit_test(damage_never_crashes),
    };
    return cmocka_run_group_tests(tests, scratch_begin, scratch_end);
}
