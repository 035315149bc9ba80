/* SPDX-License-Identifier: Apache-2.0 */
/*
 * docs/plan.md lists exactly the keys of the table, row for row. When it fails, it prints the rows
 * as they should be.
 */
#include "cmocka_all.h"

#include "inih/plan_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROW_BYTES_MAX 1024u

static void expected_row(char *row, const plan_key *key)
{
    char expects[256];
    char fallback[256];
    plan_key_expects(expects, sizeof expects, key);
    if (key->fallback[0] == '!') {
        (void)snprintf(fallback, sizeof fallback, "required");
    } else if (key->fallback[0] == '=') {
        (void)snprintf(fallback, sizeof fallback, "%s", key->fallback + 1);
    } else {
        (void)snprintf(fallback, sizeof fallback, "`%s`", key->fallback);
    }
    (void)snprintf(row, ROW_BYTES_MAX, "| `%s` | %s | %s | %s |", key->name, expects, fallback,
                   key->help);
}

static void the_page_is_the_table(void **state)
{
    (void)state;
    FILE *page = fopen(FEDL_SOURCE_DIR "/docs/plan.md", "r");
    char line[ROW_BYTES_MAX];
    char section[32] = "";
    size_t next = 0;
    bool good = true;
    assert_non_null(page);
    while (good && fgets(line, sizeof line, page) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "## [", 4) == 0) {
            (void)snprintf(section, sizeof section, "%.*s", (int)strcspn(line + 4, "]"), line + 4);
        } else if (strncmp(line, "| `", 3) == 0) {
            char row[ROW_BYTES_MAX] = "";
            if (next < plan_key_count) {
                expected_row(row, &plan_keys[next]);
            }
            good = strcmp(row, line) == 0 && strcmp(section, plan_keys[next].section) == 0;
            next++;
        }
    }
    (void)fclose(page);
    if (!good || next != plan_key_count) {
        for (size_t i = 0; i < plan_key_count; i++) {
            char row[ROW_BYTES_MAX];
            expected_row(row, &plan_keys[i]);
            if (i == 0 || strcmp(plan_keys[i].section, plan_keys[i - 1].section) != 0) {
                printf("\n## [%s]\n\n| key | value | default | meaning |\n|---|---|---|---|\n",
                       plan_keys[i].section);
            }
            printf("%s\n", row);
        }
        fail_msg("docs/plan.md differs from the table near row %zu", next);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_is_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
