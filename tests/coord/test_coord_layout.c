/* SPDX-License-Identifier: Apache-2.0 */
/* Memory, limits, and every error that the contract of coord.h names. */
#include "coord_world.h"

#include <stdlib.h>
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

static void init_fails_until_the_block_is_large_enough(void **state)
{
    (void)state;
    fedl_coord coord;
    fedl_coord_config cfg;
    world_config(&cfg);
    cfg.devices_max = 3;
    cfg.sessions_max = 2;
    const size_t needed = fedl_coord_size(&cfg);
    assert_true(needed > 0);
    for (size_t bytes = 0; bytes < needed; bytes += bytes < 4096 ? 64 : 4096) {
        void *block = aligned_alloc(16, (bytes + 16) / 16 * 16);
        assert_non_null(block);
        assert_int_equal(fedl_coord_init(&coord, &cfg, block, bytes), FEDL_ERR_SIZE);
        free(block);
    }
    uint8_t *block = aligned_alloc(16, needed + 16);
    assert_non_null(block);
    assert_int_equal(fedl_coord_init(&coord, &cfg, block, needed - 16), FEDL_ERR_SIZE);
    assert_int_equal(fedl_coord_init(&coord, &cfg, block + 8, needed), FEDL_ERR_SIZE);
    assert_int_equal(fedl_coord_init(&coord, &cfg, NULL, needed), FEDL_ERR_SIZE);
    assert_int_equal(fedl_coord_init(&coord, &cfg, block, needed), FEDL_OK);
    fedl_coord_deinit(&coord);
    free(block);
}

static void config_is_checked(void **state)
{
    (void)state;
    fedl_coord_config good;
    fedl_coord coord;
    world_config(&good);
    fedl_coord_config bad[8];
    for (size_t i = 0; i < 8; i++) {
        bad[i] = good;
    }
    bad[0].crypto = NULL;
    bad[1].devices_max = 0;
    bad[2].devices_max = 100001;
    bad[3].sessions_max = 0;
    bad[4].sessions_max = (1u << 20) + 1u;
    bad[5].tasks_max = 0;
    bad[6].tasks_max = 65;
    bad[7].poll_ms_max = 60001;
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(fedl_coord_size(&bad[i]), 0);
        assert_int_equal(fedl_coord_init(&coord, &bad[i], w.block, 1), FEDL_ERR_RANGE);
    }
}

static void a_device_and_its_session_are_small(void **state)
{
    (void)state;
    fedl_coord_config cfg;
    world_config(&cfg);
    cfg.devices_max = 10000;
    cfg.sessions_max = 10000;
    const size_t many = fedl_coord_size(&cfg);
    cfg.devices_max = 1000;
    cfg.sessions_max = 1000;
    const size_t few = fedl_coord_size(&cfg);
    assert_true((many - few) / 9000 < 1536);
    print_message("%zu bytes per device with its session\n", (many - few) / 9000);

    /* A task: staging and fixed parts apart, master 4 B, container 2 B, sum 2 B a parameter. */
    fedl_plan plan = w.plan;
    cfg.staging_bytes = 0; /* one vector: 2 B a parameter more */
    plan.model.layers[0].units = 1000;
    const size_t small = fedl_coord_task_size(&cfg, &plan, &w.round);
    plan.model.layers[0].units = 11000;
    const size_t large = fedl_coord_task_size(&cfg, &plan, &w.round);
    const size_t parameters = 10000 * (8 + 1 + 4);
    assert_true(large - small <= parameters * 10 + 10000 * 2 + 1024); /* biases take 4 B */
}

static void task_size_refuses_bad_plans(void **state)
{
    (void)state;
    fedl_plan plan = w.plan;
    fedl_round_config round = w.round;
    plan.model.layer_count = 0;
    assert_int_equal(fedl_coord_task_size(&w.cfg, &plan, &w.round), 0);
    round.select_count = 2; /* below the goal */
    assert_int_equal(fedl_coord_task_size(&w.cfg, &w.plan, &round), 0);
    round = w.round;
    round.agg_kind = 99;
    assert_int_equal(fedl_coord_task_size(&w.cfg, &w.plan, &round), 0);
}

static void wrong_events_are_the_hosts_fault(void **state)
{
    (void)state;
    fedl_event event;
    fedl_actions actions;
    world_event(&w, &event, FEDL_EVENT_TICK);
    assert_int_equal(fedl_coord_step(NULL, &event, &actions), FEDL_ERR_ARGUMENT);
    assert_int_equal(fedl_coord_step(&w.coord, NULL, &actions), FEDL_ERR_ARGUMENT);
    assert_int_equal(fedl_coord_step(&w.coord, &event, NULL), FEDL_ERR_ARGUMENT);
    event.kind = (fedl_event_kind)0;
    assert_int_equal(fedl_coord_step(&w.coord, &event, &actions), FEDL_ERR_ARGUMENT);
    event.kind = (fedl_event_kind)9;
    assert_int_equal(fedl_coord_step(&w.coord, &event, &actions), FEDL_ERR_ARGUMENT);
    event.kind = FEDL_EVENT_MESSAGE; /* without a request */
    assert_int_equal(fedl_coord_step(&w.coord, &event, &actions), FEDL_ERR_ARGUMENT);
    event.request = 1;
    event.bytes = fedl_bytes_of(NULL, 5);
    assert_int_equal(fedl_coord_step(&w.coord, &event, &actions), FEDL_ERR_ARGUMENT);
    event.kind = FEDL_EVENT_ADMIN;
    event.admin.kind = (fedl_admin_kind)0;
    assert_int_equal(fedl_coord_step(&w.coord, &event, &actions), FEDL_ERR_ARGUMENT);
    event.admin.kind = FEDL_ADMIN_TASK_ADD; /* without a setup */
    assert_int_equal(fedl_coord_step(&w.coord, &event, &actions), FEDL_ERR_ARGUMENT);
    event.kind = FEDL_EVENT_STORED;
    event.ticket = 0;
    assert_int_equal(fedl_coord_step(&w.coord, &event, &actions), FEDL_ERR_STATE);
    event.ticket = 1;
    assert_int_equal(fedl_coord_step(&w.coord, &event, &actions), FEDL_ERR_STATE);
    assert_int_equal(actions.count, 0);

    w.hold = true; /* a ticket is good once */
    (void)world_add_device(&w);
    event.ticket = w.stores[0].ticket;
    world_store_one(&w);
    assert_int_equal(fedl_coord_step(&w.coord, &event, &actions), FEDL_ERR_STATE);
}

static void restoring_is_checked(void **state)
{
    (void)state;
    fedl_device_record record = {.device_id = 5, .state = FEDL_DEVICE_ACTIVE};
    record.noise_public[0] = 9;
    assert_int_equal(fedl_coord_restore_device(&w.coord, &record), FEDL_OK);
    assert_int_equal(fedl_coord_restore_device(&w.coord, &record), FEDL_ERR_EXISTS);
    record.device_id = 4; /* the same key under another id */
    assert_int_equal(fedl_coord_restore_device(&w.coord, &record), FEDL_ERR_EXISTS);
    record.device_id = 0;
    assert_int_equal(fedl_coord_restore_device(&w.coord, &record), FEDL_ERR_MISMATCH);
    for (uint32_t id = 100; id < 163; id++) {
        record.device_id = 262 - id; /* in falling order */
        record.noise_public[1] = (uint8_t)id;
        assert_int_equal(fedl_coord_restore_device(&w.coord, &record), FEDL_OK);
    }
    record.device_id = 300;
    assert_int_equal(fedl_coord_restore_device(&w.coord, &record), FEDL_ERR_FULL);
    for (uint32_t i = 1; i < fedl_coord_device_count(&w.coord); i++) {
        fedl_device_info before;
        fedl_device_info info;
        fedl_coord_device_at(&w.coord, &before, i - 1);
        fedl_coord_device_at(&w.coord, &info, i);
        assert_true(before.record->device_id < info.record->device_id);
        assert_false(info.connected);
        assert_int_equal(info.seen_ns, FEDL_NEVER_NS);
    }
    world_tick(&w);
    assert_int_equal(fedl_coord_restore_device(&w.coord, &record), FEDL_ERR_STATE);
}

static void adding_a_task_is_checked(void **state)
{
    (void)state;
    assert_int_equal(world_add_task(&w, "a"), 1);
    assert_int_equal(world_add_task(&w, "b"), 2);
    w.store_fail_at = w.store_serial + 1u;
    assert_int_equal(world_add_task(&w, "c"), 0);
    assert_int_equal(w.admin.status, FEDL_ERR_NO_SPACE);
    assert_int_equal(fedl_coord_task_count(&w.coord), 2);
    assert_int_equal(world_add_task(&w, "c"), 4); /* a number that failed is not used again */
}

static void task_limits_and_mismatches(void **state)
{
    (void)state;
    static uint8_t container[8192];
    const size_t block_bytes = fedl_coord_task_size(&w.cfg, &w.plan, &w.round);
    uint8_t *block = aligned_alloc(16, (block_bytes + 16) / 16 * 16 + 16);
    assert_non_null(block);
    fedl_task_setup setup = {.name = "x",
                             .plan = w.plan,
                             .round = w.round,
                             .container = fedl_bytes_of(container, 100),
                             .block = block,
                             .block_bytes = block_bytes};
    const fedl_admin add = {.kind = FEDL_ADMIN_TASK_ADD, .setup = &setup};
    world_admin(&w, &add);
    assert_int_equal(w.admin.status, FEDL_ERR_MISMATCH); /* size of the container */
    setup.container.size = fedl_container_size(&w.plan.model);
    world_admin(&w, &add);
    assert_int_not_equal(w.admin.status, FEDL_OK); /* zeros are no container */
    setup.block_bytes = block_bytes - 16;
    world_admin(&w, &add);
    assert_int_equal(w.admin.status, FEDL_ERR_SIZE);
    setup.block = block + 4;
    setup.block_bytes = block_bytes;
    world_admin(&w, &add);
    assert_int_equal(w.admin.status, FEDL_ERR_SIZE);
    setup.block = block;
    setup.round.clients_goal = 0;
    world_admin(&w, &add);
    assert_int_equal(w.admin.status, FEDL_ERR_RANGE);
    assert_int_equal(fedl_coord_task_count(&w.coord), 0);
    free(block);

    assert_int_equal(world_add_task(&w, "a"), 1);
    assert_int_equal(world_add_task(&w, "b"), 2);
    assert_int_equal(world_add_task(&w, "c"), 3);
    assert_int_equal(world_add_task(&w, "d"), 0);
    assert_int_equal(w.admin.status, FEDL_ERR_FULL);
    fedl_admin admin = {.kind = FEDL_ADMIN_TASK_PAUSE, .task_id = 9};
    world_admin(&w, &admin);
    assert_int_equal(w.admin.status, FEDL_ERR_NOT_FOUND);
    admin.kind = FEDL_ADMIN_TASK_RESUME;
    world_admin(&w, &admin);
    assert_int_equal(w.admin.status, FEDL_ERR_NOT_FOUND);
    admin.task_id = 1;
    world_admin(&w, &admin);
    assert_int_equal(w.admin.status, FEDL_ERR_STATE); /* it runs */
}

static void many_sessions_share_few_slots(void **state)
{
    (void)state;
    /* 2,000 sessions over 40 slots: each new device is served, the table stays whole. */
    fedl_coord_config cfg;
    world_close(&w);
    world_config(&cfg);
    cfg.sessions_max = 40;
    world_open(&w, &cfg);
    world_join_members(&w, 20);
    device *stays = &w.devices[0];
    device_connect(&w, stays);
    device_checkin(&w, stays, 0);
    for (uint32_t i = 0; i < 2000; i++) {
        device *d = &w.devices[1u + i % 19u];
        device_connect(&w, d); /* half-open … */
        if (i % 3u != 0) {
            device_checkin(&w, d, i % 2u == 0 ? 10000 : 0); /* … or live */
            assert_true(d->answer == ANSWER_NONE || device_got(d, FEDL_MESSAGE_WAIT));
        }
        w.now_ns += 1000000;
    }
    /* No flood of half-open sessions throws out one that has proved itself. */
    device_checkin(&w, stays, 0);
    assert_true(device_got(stays, FEDL_MESSAGE_WAIT));
    fedl_coord_counters counters;
    fedl_coord_counters_read(&w.coord, &counters);
    assert_true(counters.sessions_open <= 20);
    w.now_ns += ((fedl_instant_ns)cfg.session_idle_ms + 30000) * 1000000;
    world_settle(&w);
    for (uint32_t i = 0; i < 64; i++) {
        world_tick(&w);
    }
    fedl_coord_counters_read(&w.coord, &counters);
    assert_int_equal(counters.sessions_open, 0); /* all idle for too long */
}

static void live_sessions_make_room_by_use(void **state)
{
    (void)state;
    fedl_coord_config cfg;
    world_close(&w);
    world_config(&cfg);
    cfg.sessions_max = 4;
    world_open(&w, &cfg);
    world_join_members(&w, 6);
    w.now_ns += ((fedl_instant_ns)cfg.session_idle_ms + 1) * 1000000;
    for (uint32_t i = 0; i < 8; i++) {
        world_tick(&w);
    }
    for (uint32_t i = 0; i < 6; i++) {
        device_connect(&w, &w.devices[i]);
        device_checkin(&w, &w.devices[i], 10000);
        w.now_ns += 1000000;
    }
    /* The two oldest had to go, and were told so; the others still wait. */
    assert_int_equal(w.devices[0].answer, ANSWER_REFUSED);
    assert_int_equal(w.devices[1].answer, ANSWER_REFUSED);
    for (uint32_t i = 2; i < 6; i++) {
        assert_int_equal(w.devices[i].answer, ANSWER_NONE);
    }
}

static bool holds(const void *block, size_t block_bytes, const void *bytes, size_t size)
{
    for (size_t at = 0; at + size <= block_bytes; at++) {
        if (memcmp((const uint8_t *)block + at, bytes, size) == 0) {
            return true;
        }
    }
    return false;
}

static void a_token_is_kept_for_one_step(void **state)
{
    (void)state;
    const size_t bytes = fedl_coord_size(&w.cfg);
    (void)world_add_device(&w);
    assert_true(holds(w.block, bytes, w.token, strlen(w.token)));
    world_tick(&w);
    assert_false(holds(w.block, bytes, w.token, strlen(w.token)));
    (void)world_add_device(&w);
    fedl_coord_deinit(&w.coord);
    assert_false(holds(w.block, bytes, w.token, strlen(w.token)));
    const size_t again = fedl_coord_size(&w.cfg); /* teardown wants one to close */
    assert_int_equal(fedl_coord_init(&w.coord, &w.cfg, w.block, again), FEDL_OK);
}

static void deinit_leaves_no_secrets(void **state)
{
    (void)state;
    uint8_t vector[4096];
    const size_t bytes = fedl_coord_size(&w.cfg);
    const size_t task_bytes = fedl_coord_task_size(&w.cfg, &w.plan, &w.round);
    world_join_members(&w, 5);
    assert_int_equal(world_add_task(&w, "first"), 1);
    world_checkin_all(&w, 10000);
    device *d = NULL;
    for (uint32_t i = 0; i < 5 && d == NULL; i++) {
        d = device_got(&w.devices[i], FEDL_MESSAGE_TASK) ? &w.devices[i] : NULL;
    }
    assert_non_null(d);
    world_vector(&w, vector, 9);
    device_upload_part(&w, d, vector, 0, 256, 1, 1);
    assert_true(device_got(d, FEDL_MESSAGE_ACCEPTED));
    const struct {
        const void *bytes;
        size_t size;
    } secrets[] = {
        {w.cfg.identity.noise_secret, 32}, {w.cfg.identity.ca_secret, 32}, {d->got, d->got_bytes}};
    assert_true(holds(w.task_blocks[0], task_bytes, vector, 256));
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        assert_true(holds(w.block, bytes, secrets[i].bytes, secrets[i].size));
    }
    fedl_coord_deinit(&w.coord);
    assert_false(holds(w.task_blocks[0], task_bytes, vector, 256));
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0]; i++) {
        assert_false(holds(w.block, bytes, secrets[i].bytes, secrets[i].size));
    }
    assert_int_equal(fedl_coord_init(&w.coord, &w.cfg, w.block, bytes), FEDL_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(init_fails_until_the_block_is_large_enough, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(config_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(a_device_and_its_session_are_small, setup, teardown),
        cmocka_unit_test_setup_teardown(task_size_refuses_bad_plans, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_events_are_the_hosts_fault, setup, teardown),
        cmocka_unit_test_setup_teardown(restoring_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(adding_a_task_is_checked, setup, teardown),
        cmocka_unit_test_setup_teardown(task_limits_and_mismatches, setup, teardown),
        cmocka_unit_test_setup_teardown(a_token_is_kept_for_one_step, setup, teardown),
        cmocka_unit_test_setup_teardown(deinit_leaves_no_secrets, setup, teardown),
        cmocka_unit_test_setup_teardown(many_sessions_share_few_slots, setup, teardown),
        cmocka_unit_test_setup_teardown(live_sessions_make_room_by_use, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
