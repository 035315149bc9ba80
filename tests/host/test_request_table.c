/* SPDX-License-Identifier: Apache-2.0 */
#include "host/request_table.h"

#include "base/rng.h"
#include "cmocka_all.h"

#include <string.h>

#define SLOTS 5u

static const uint8_t route_bytes[FEDL_ROUTE_BYTES_MAX + 1];
static int message; /* messages are only pointers here */

static fedl_bytes route(size_t size)
{
    return fedl_bytes_of(route_bytes, size);
}

static int make(void **state)
{
    fedl_request_table *table = NULL;
    assert_int_equal(fedl_request_table_create(&table, SLOTS), FEDL_OK);
    *state = table;
    return 0;
}

static int drop(void **state)
{
    fedl_request_table_destroy(*state);
    return 0;
}

static uint64_t put_and_take(fedl_request_table *table, uint32_t pipe)
{
    assert_int_equal(fedl_request_table_put(table, &message, route(8), pipe), FEDL_OK);
    fedl_request_slot *slot = fedl_request_table_next(table);
    assert_non_null(slot);
    slot->message = NULL;
    return slot->handle;
}

static void sizes_are_checked(void **state)
{
    fedl_request_table *table = NULL;
    (void)state;
    assert_int_equal(fedl_request_table_create(&table, 0), FEDL_ERR_RANGE);
    assert_int_equal(fedl_request_table_create(&table, (1u << 20) + 1), FEDL_ERR_RANGE);
    assert_null(table);
}

static void it_is_bounded_and_first_in_first_out(void **state)
{
    fedl_request_table *table = *state;
    uint64_t handles[SLOTS];
    for (uint32_t i = 0; i < SLOTS; i++) {
        assert_false(fedl_request_table_full(table));
        assert_int_equal(fedl_request_table_put(table, &message, route(i), 100 + i), FEDL_OK);
    }
    assert_true(fedl_request_table_full(table));
    assert_int_equal(fedl_request_table_put(table, &message, route(4), 1), FEDL_ERR_FULL);
    for (uint32_t i = 0; i < SLOTS; i++) {
        fedl_request_slot *slot = fedl_request_table_next(table);
        assert_int_equal(slot->pipe, 100 + i);
        assert_int_equal(slot->route_bytes, i);
        slot->message = NULL;
        handles[i] = slot->handle;
    }
    assert_null(fedl_request_table_next(table));
    assert_true(fedl_request_table_full(table)); /* taken slots count: long-polls hold them */
    fedl_request_table_release(table, fedl_request_table_find(table, handles[2]));
    assert_int_equal(fedl_request_table_count(table), SLOTS - 1);
    assert_null(fedl_request_table_find(table, handles[2]));
    assert_int_equal(fedl_request_table_put(table, &message, route(FEDL_ROUTE_BYTES_MAX + 1), 1),
                     FEDL_ERR_RANGE);
    uint64_t fresh = put_and_take(table, 7);
    assert_int_not_equal(fresh, handles[2]);
    assert_null(fedl_request_table_find(table, handles[2]));
    assert_null(fedl_request_table_find(table, 0));
    assert_null(fedl_request_table_find(table, UINT64_MAX));
}

static void lost_connections_are_told_once(void **state)
{
    fedl_request_table *table = *state;
    uint64_t a = put_and_take(table, 1);
    uint64_t b = put_and_take(table, 2);
    uint64_t told = 0;
    assert_int_equal(fedl_request_table_put(table, &message, route(4), 1), FEDL_OK);
    assert_false(fedl_request_table_next_gone(table, &told));
    fedl_request_table_mark_gone(table, 1);
    fedl_request_table_mark_gone(table, 1);
    fedl_request_table_mark_gone(table, 99);
    assert_true(fedl_request_table_next_gone(table, &told));
    assert_int_equal(told, a);
    assert_false(fedl_request_table_next_gone(table, &told));
    assert_null(fedl_request_table_find(table, a));
    assert_non_null(fedl_request_table_find(table, b));
    fedl_request_slot *queued = fedl_request_table_next(table);
    assert_true(queued->gone);
    fedl_request_table_release(table, queued);
    assert_int_equal(fedl_request_table_count(table), 1);
}

static void messages_that_are_left_are_found(void **state)
{
    fedl_request_table *table = *state;
    assert_null(fedl_request_table_any(table));
    assert_int_equal(fedl_request_table_put(table, &message, route(4), 1), FEDL_OK);
    fedl_request_slot *slot = fedl_request_table_any(table);
    assert_ptr_equal(slot->message, &message);
    fedl_request_table_release(table, slot);
    assert_null(fedl_request_table_any(table));
}

/* Random use against a plain count: never more than SLOTS, never a handle twice. */
static void random_use_keeps_the_books(void **state)
{
    fedl_request_table *table = *state;
    uint64_t held[SLOTS] = {0};
    uint64_t newest = 0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t random = fedli_mix32(i);
        uint32_t at = random % SLOTS;
        if (held[at] == 0) {
            held[at] = put_and_take(table, 1);
            assert_true((held[at] >> 20) > (newest >> 20));
            newest = held[at];
            count++;
        } else {
            fedl_request_table_release(table, fedl_request_table_find(table, held[at]));
            held[at] = 0;
            count--;
        }
        assert_int_equal(fedl_request_table_count(table), count);
        assert_int_equal(fedl_request_table_full(table), count == SLOTS);
    }
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, make, drop)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_checked),  CASE(it_is_bounded_and_first_in_first_out),
        CASE(lost_connections_are_told_once), CASE(messages_that_are_left_are_found),
        CASE(random_use_keeps_the_books),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
