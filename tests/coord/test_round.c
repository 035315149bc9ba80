/* SPDX-License-Identifier: Apache-2.0 */
#include "coord_world.h"

#include <string.h>

static world w;

static int setup(void **state)
{
    (void)state;
    world_open(&w, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

static void whole_task(void **state)
{
    (void)state;
    world_join_members(&w, 5);
    assert_int_equal(world_add_task(&w, "first"), 1);
    world_transcript_clear(&w);
    world_play_round(&w, 0);
    print_message("%s", w.transcript);
    assert_int_equal(w.version[1], 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole_task, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
