/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random lives of a fleet, each from its seed (60 here, 1,500 under the label slow): devices that
 * connect, vanish, repeat, lie and leave; an operator who pauses, resumes, revokes and invites; a
 * store that is slow and fails; a server that dies. After it, all is healed and the task must go
 * on.
 *
 * The invariants are checked all the way: by the world (nothing shown before it is stored, no
 * request answered twice, every commit is the average of its members' one vector), by the store
 * (versions rise by one, attempts by one, members rise and were chosen), by the sanitizers.
 */
#include "coord_world.h"

#include "base/cursor.h"

#include <string.h>

#ifndef SEEDS
#define SEEDS 60u
#endif
#define STEPS 120u

static world w;
static fedli_rng rng;

static uint32_t below(uint32_t bound)
{
    return fedli_rng_below(&rng, bound);
}

/* The vector of the TASK that the device knows, or one that is wrong in some way. */
static void upload_something(device *d)
{
    uint8_t vector[4096];
    uint32_t round = d->known_round;
    uint32_t attempt = d->known_attempt;
    if (round == 0) {
        return;
    }
    world_vector(&w, vector, world_seed_of(d->task_id, round, d->id));
    switch (below(10)) {
    case 0: /* a lie */
        fedli_store_u64(vector + world_vector_bytes(&w) - 64, 5u + below(1000));
        break;
    case 1:
        fedli_store_u16(vector + 2u * below(212), 0x8000u);
        break;
    case 2:
        attempt += below(3);
        break;
    case 3:
        round += 1u; /* that round's vector: a device sends one per round, whatever it does */
        world_vector(&w, vector, world_seed_of(d->task_id, round, d->id));
        break;
    case 4: { /* any one part */
        const uint32_t parts = (uint32_t)world_vector_bytes(&w) / 64u;
        const uint32_t first = below(parts);
        device_upload_part(&w, d, vector, (size_t)first * 64u,
                           (size_t)(1u + below(parts - first)) * 64u, round, attempt);
        return;
    }
    default:
        break;
    }
    device_upload(&w, d, vector, round, attempt);
}

static void remember_task(device *d)
{
    if (device_got(d, FEDL_MESSAGE_TASK)) {
        d->task_id = d->message.u.task.task_id;
        d->known_round = d->message.u.task.round;
        d->known_attempt = d->message.u.task.attempt;
    }
}

static void act_device(device *d)
{
    remember_task(d);
    switch (below(12)) {
    case 0:
        device_hello(&w, d);
        return;
    case 1:
        device_abandon(&w, d);
        return;
    case 2:
        if (d->request != 0) {
            device_gone(&w, d);
        }
        return;
    case 3: /* the last envelope once more, whole or damaged */
        if (below(2) == 0 && d->sent_bytes > 0) {
            d->sent[below((uint32_t)d->sent_bytes)] ^= (uint8_t)(1u << below(8));
        }
        device_abandon(&w, d);
        w.devices[w.device_count - 1u].answer = ANSWER_NONE;
        device_send_raw(&w, &w.devices[0], d->sent, d->sent_bytes); /* devices[0] is nobody */
        return;
    case 4:
    case 5:
    case 6:
    case 7:
        if (d->session_id == 0 || d->answer == ANSWER_REFUSED) {
            device_hello(&w, d);
        }
        if (d->session_id != 0) {
            device_checkin(&w, d, below(2) * below(8000));
        }
        return;
    default:
        if (d->session_id != 0) {
            upload_something(d);
        }
        return;
    }
}

static void act_operator(void)
{
    fedl_admin admin = {.kind = FEDL_ADMIN_TASK_PAUSE, .task_id = 1u + below(2)};
    switch (below(5)) {
    case 0:
        admin.kind = FEDL_ADMIN_TASK_PAUSE;
        break;
    case 1:
    case 2:
        admin.kind = FEDL_ADMIN_TASK_RESUME;
        break;
    case 3:
        if (below(4) != 0) {
            return;
        }
        admin.kind = FEDL_ADMIN_DEVICE_REVOKE;
        admin.device_id = 6u + below(3); /* five are left in peace */
        break;
    default:
        if (w.device_count < 12 && w.device_count > 0) {
            const uint32_t id = world_add_device(&w);
            if (id != 0) {
                device *d = world_new_device(&w);
                d->id = id;
                device_enrol(&w, d, w.token);
                d->session_id = 0;
            }
        }
        return;
    }
    world_admin(&w, &admin);
}

static void act_world(void)
{
    w.hold = below(3) == 0;
    if (w.store_count > 0 && below(2) == 0) {
        world_store_one(&w);
    }
    if (!w.hold) {
        world_store_all(&w);
    }
    if (below(8) == 0) {
        w.store_fail_at = w.store_serial + 1u + below(3);
    }
    if (below(40) == 0) {
        w.crash_at = w.store_serial + 1u;
        w.crash_applied = below(2) == 0;
    }
    if (below(60) == 0) {
        world_restart(&w);
    }
    if (below(3) == 0) {
        world_run_ms(&w, below(5000));
    } else {
        world_tick(&w);
    }
}

/* Everything works again: one more version of each task must come. */
static void heal(void)
{
    w.hold = false;
    w.store_fail_at = 0;
    w.crash_at = 0;
    world_store_all(&w);
    world_run_ms(&w, 10000);
    for (uint32_t id = 1; id <= 2; id++) {
        const uint32_t before = w.version[id];
        for (uint32_t tries = 0; w.version[id] == before; tries++) {
            fedl_task_info info;
            assert_true(tries < 20);
            world_task_info(&w, &info, id);
            if (info.state == FEDL_TASK_COMPLETE) {
                break;
            }
            if (info.state == FEDL_TASK_PAUSED) {
                const fedl_admin resume = {.kind = FEDL_ADMIN_TASK_RESUME, .task_id = id};
                world_admin(&w, &resume);
            }
            for (uint32_t i = 1; i <= 5; i++) {
                device_connect(&w, &w.devices[i]);
                device_checkin(&w, &w.devices[i], 5000);
            }
            world_settle(&w);
            for (uint32_t i = 1; i <= 5; i++) {
                device *d = &w.devices[i];
                uint8_t vector[4096];
                if (device_got(d, FEDL_MESSAGE_TASK)) {
                    remember_task(d);
                    world_vector(&w, vector, world_seed_of(d->task_id, d->known_round, d->id));
                    device_upload(&w, d, vector, d->known_round, d->known_attempt);
                }
            }
            world_run_ms(&w, 12000);
        }
    }
}

static void live(uint64_t seed)
{
    fedli_rng_init(&rng, seed);
    world_open(&w, NULL);
    w.check_sums = true;
    w.round.round_count = 20;
    w.round.pool_min = 4;
    w.round.pool_timeout_ms = 2000;
    (void)world_new_device(&w); /* nobody */
    world_join_members(&w, 5u + below(4));
    assert_int_equal(world_add_task(&w, "one"), 1);
    assert_int_equal(world_add_task(&w, "two"), 2);
    for (uint32_t i = 0; i < w.device_count; i++) {
        w.devices[i].session_id = 0;
    }
    for (uint32_t step = 0; step < STEPS; step++) {
        const uint32_t what = below(20);
        if (what < 14) {
            act_device(&w.devices[1u + below(w.device_count - 1u)]);
        } else if (what == 14) {
            act_operator();
        } else {
            act_world();
        }
        assert_true(fedl_coord_device_count(&w.coord) <= w.cfg.devices_max);
    }
    heal();
}

static void many_lives(void **state)
{
    (void)state;
    uint64_t commits = 0;
    uint64_t aborts = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        live(seed);
        commits += w.commit_count;
        aborts += w.log_counts[FEDL_LOG_ROUND_ABORTED];
        world_close(&w);
    }
    print_message("%u lives, %llu commits, %llu aborts\n", SEEDS, (unsigned long long)commits,
                  (unsigned long long)aborts);
    assert_true(commits > 3u * SEEDS); /* not a test of idleness */
    assert_true(aborts > SEEDS / 4u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_lives),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
