/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_partition.h"

#include "cmocka_all.h"

#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

#define ROWS    3000u
#define CLASSES 10u

static int32_t classes[ROWS];

static int make_classes(void **state)
{
    (void)state;
    for (uint32_t row = 0; row < ROWS; row++) {
        classes[row] = (int32_t)(fedli_mix32(row) % CLASSES);
    }
    return 0;
}

static fedl_sim_partition_config config(double alpha, uint32_t clients, uint32_t seed)
{
    const fedl_sim_partition_config cfg = {.client_count = clients,
                                           .row_count = ROWS,
                                           .rows_min = 10,
                                           .seed = seed,
                                           .alpha = alpha,
                                           .classes = classes,
                                           .class_count = CLASSES};
    return cfg;
}

static void check_rows(const fedl_partition *part, uint32_t clients, uint32_t rows_min)
{
    static uint8_t seen[ROWS];
    memset(seen, 0, sizeof seen);
    assert_int_equal(part->client_count, clients);
    assert_int_equal(part->row_count, ROWS);
    assert_int_equal(part->first[0], 0);
    assert_int_equal(part->first[clients], ROWS);
    for (uint32_t i = 0; i < clients; i++) {
        assert_true(part->first[i + 1] - part->first[i] >= rows_min);
    }
    for (uint32_t at = 0; at < ROWS; at++) {
        assert_true(part->rows[at] < ROWS);
        assert_int_equal(seen[part->rows[at]]++, 0);
    }
}

static void test_every_row_once(void **state)
{
    (void)state;
    static const double alphas[] = {0.0, 0.1, 0.5, 1.0, 100.0};
    static const uint32_t clients[] = {1, 2, 10, 37};
    for (size_t a = 0; a < sizeof alphas / sizeof alphas[0]; a++) {
        for (size_t c = 0; c < sizeof clients / sizeof clients[0]; c++) {
            const fedl_sim_partition_config cfg = config(alphas[a], clients[c], 5);
            fedl_partition part;
            assert_int_equal(fedl_sim_partition_make(&part, &cfg), FEDL_OK);
            check_rows(&part, clients[c], 10);
            fedl_partition_free(&part);
        }
    }
}

static void test_seed_repeats(void **state)
{
    (void)state;
    fedl_partition a;
    fedl_partition b;
    fedl_partition c;
    const fedl_sim_partition_config one = config(0.5, 10, 1);
    const fedl_sim_partition_config two = config(0.5, 10, 2);
    assert_int_equal(fedl_sim_partition_make(&a, &one), FEDL_OK);
    assert_int_equal(fedl_sim_partition_make(&b, &one), FEDL_OK);
    assert_int_equal(fedl_sim_partition_make(&c, &two), FEDL_OK);
    assert_memory_equal(a.first, b.first, 11 * sizeof a.first[0]);
    assert_memory_equal(a.rows, b.rows, ROWS * sizeof a.rows[0]);
    assert_memory_not_equal(a.rows, c.rows, ROWS * sizeof a.rows[0]);
    fedl_partition_free(&a);
    fedl_partition_free(&b);
    fedl_partition_free(&c);
}

/* Σ over clients and classes of (share − even share)²: how uneven the labels lie. */
static double unevenness(double alpha)
{
    const fedl_sim_partition_config cfg = config(alpha, 10, 9);
    fedl_partition part;
    assert_int_equal(fedl_sim_partition_make(&part, &cfg), FEDL_OK);
    double sum = 0.0;
    for (uint32_t i = 0; i < 10; i++) {
        uint32_t counts[CLASSES] = {0};
        const uint32_t rows = part.first[i + 1] - part.first[i];
        for (uint32_t at = part.first[i]; at < part.first[i + 1]; at++) {
            counts[classes[part.rows[at]]]++;
        }
        for (uint32_t k = 0; k < CLASSES; k++) {
            const double share = (double)counts[k] / rows - 1.0 / CLASSES;
            sum += share * share;
        }
    }
    fedl_partition_free(&part);
    return sum;
}

static void test_alpha_makes_labels_uneven(void **state)
{
    (void)state;
    const double iid = unevenness(0.0);
    const double mild = unevenness(10.0);
    const double strong = unevenness(0.2);
    assert_true(iid < 0.1);
    assert_true(mild > iid);
    assert_true(strong > 4.0 * mild);
}

static void test_iid_sizes_differ_by_one(void **state)
{
    (void)state;
    const fedl_sim_partition_config cfg = config(0.0, 7, 1);
    fedl_partition part;
    assert_int_equal(fedl_sim_partition_make(&part, &cfg), FEDL_OK);
    for (uint32_t i = 0; i < 7; i++) {
        const uint32_t rows = part.first[i + 1] - part.first[i];
        assert_true(rows == ROWS / 7 || rows == ROWS / 7 + 1);
    }
    fedl_partition_free(&part);
}

static void test_rows_min_is_kept_by_redrawing(void **state)
{
    (void)state;
    fedl_sim_partition_config cfg = config(0.3, 10, 4);
    cfg.rows_min = 200;
    fedl_partition part;
    assert_int_equal(fedl_sim_partition_make(&part, &cfg), FEDL_OK);
    check_rows(&part, 10, 200);
    fedl_partition_free(&part);
}

static void test_errors(void **state)
{
    (void)state;
    fedl_partition part = {0};
    fedl_sim_partition_config cfg = config(0.5, 0, 1);
    assert_int_equal(fedl_sim_partition_make(&part, &cfg), FEDL_ERR_RANGE);
    cfg = config(-1.0, 10, 1);
    assert_int_equal(fedl_sim_partition_make(&part, &cfg), FEDL_ERR_RANGE);
    cfg = config(0.5, 10, 1);
    cfg.row_count = 0;
    assert_int_equal(fedl_sim_partition_make(&part, &cfg), FEDL_ERR_RANGE);
    cfg = config(0.5, 10, 1);
    cfg.class_count = CLASSES - 1;
    assert_int_equal(fedl_sim_partition_make(&part, &cfg), FEDL_ERR_RANGE);
    cfg = config(0.5, 10, 1);
    cfg.classes = NULL;
    assert_int_equal(fedl_sim_partition_make(&part, &cfg), FEDL_ERR_UNSUPPORTED);
    cfg = config(0.0, ROWS / 10 + 1, 1);
    assert_int_equal(fedl_sim_partition_make(&part, &cfg), FEDL_ERR_FULL);
    /* Possible in principle, but no draw with so small an α comes near. */
    cfg = config(0.001, 100, 1);
    cfg.rows_min = 30;
    assert_int_equal(fedl_sim_partition_make(&part, &cfg), FEDL_ERR_FULL);
    assert_null(part.rows);
}

static void test_print_names_the_extremes(void **state)
{
    (void)state;
    const fedl_sim_partition_config cfg = config(0.5, 30, 1);
    fedl_partition part;
    assert_int_equal(fedl_sim_partition_make(&part, &cfg), FEDL_OK);
    char *text = NULL;
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);
    fedl_sim_partition_print(stream, &part, classes, CLASSES);
    fclose(stream);
    assert_non_null(strstr(text, "rows per class"));
    assert_non_null(strstr(text, "30 clients, 3000 rows: smallest"));
    free(text);
    fedl_partition_free(&part);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_once),
        cmocka_unit_test(test_seed_repeats),
        cmocka_unit_test(test_alpha_makes_labels_uneven),
        cmocka_unit_test(test_iid_sizes_differ_by_one),
        cmocka_unit_test(test_rows_min_is_kept_by_redrawing),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_print_names_the_extremes),
    };
    return cmocka_run_group_tests(tests, make_classes, NULL);
}
