/* SPDX-License-Identifier: Apache-2.0 */
#include "host/admin_name.h"

#include "cmocka_all.h"

#include <string.h>

static char error[FEDL_NAME_TEXT_BYTES];
static char remedy[FEDL_NAME_TEXT_BYTES];
static uint32_t found;

/* Among: 7 kitchen, 12 "7", 13 "12x", 3 "cellar", 4 "cellar", 9 "9". */
static fedl_status look(const char *wanted)
{
    static const struct {
        uint32_t id;
        const char *name;
    } all[] = {{7, "kitchen"}, {12, "7"}, {13, "12x"}, {3, "cellar"}, {4, "cellar"}, {9, "9"}};
    fedl_name_match match;
    found = 0;
    error[0] = '\0';
    remedy[0] = '\0';
    fedl_name_match_init(&match, wanted, "device");
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        fedl_name_match_see(&match, all[i].id, all[i].name);
    }
    return fedl_name_match_end(&match, &found, error, remedy);
}

static void expect(const char *wanted, uint32_t id)
{
    assert_int_equal(look(wanted), FEDL_OK);
    assert_int_equal(found, id);
}

static void ids_and_names_find_their_device(void **state)
{
    (void)state;
    expect("kitchen", 7);
    expect("12", 12);
    expect("12x", 13);
    expect("3", 3);
    expect("9", 9); /* it is its own id: no doubt */
}

static void a_number_that_is_also_a_name_is_refused(void **state)
{
    (void)state;
    assert_int_equal(look("7"), FEDL_ERR_MISMATCH);
    assert_int_equal(found, 0);
    assert_string_equal(error, "\"7\" is the id of device 7 and the name of device 12");
    assert_string_equal(remedy, "say id:7 or id:12");
    expect("id:7", 7); /* what the remedy says works */
    expect("id:12", 12);
}

static void several_and_none_are_errors(void **state)
{
    (void)state;
    assert_int_equal(look("cellar"), FEDL_ERR_MISMATCH);
    assert_non_null(strstr(error, "several devices"));
    static const char *const none[] = {
        "attic",      "",   "5",  "id:5", "id:",          "id:kitchen",
        "4294967303", "07", "+7", " 7",   "id:4294967303"};
    for (size_t i = 0; i < sizeof none / sizeof none[0]; i++) {
        assert_int_equal(look(none[i]), FEDL_ERR_NOT_FOUND);
        assert_non_null(strstr(remedy, "fedl device list"));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_names_find_their_device),
        cmocka_unit_test(a_number_that_is_also_a_name_is_refused),
        cmocka_unit_test(several_and_none_are_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
