/* SPDX-License-Identifier: Apache-2.0 */
/* Uploads: in any order, in parts, twice, wrong, too many at once. */
#include "coord_world.h"

#include "base/cursor.h"

#include <string.h>

#define TOTAL 512u /* bytes of the world's vector */

static world w;
static uint8_t vectors[8][4096];

static void open_world(size_t staging_bytes)
{
    fedl_coord_config cfg;
    world_config(&cfg);
    cfg.staging_bytes = staging_bytes;
    cfg.upload_idle_ms = 1000;
    world_open(&w, &cfg);
    w.round.clients_goal = 4;
    w.round.select_count = 4;
    w.round.pool_min = 4;
    world_join_members(&w, 4);
    assert_int_equal(world_vector_bytes(&w), TOTAL);
    assert_int_equal(world_add_task(&w, "first"), 1);
    world_checkin_all(&w, 10000);
    for (uint32_t i = 0; i < 4; i++) {
        assert_true(device_got(&w.devices[i], FEDL_MESSAGE_TASK));
        world_vector(&w, vectors[i], 50 + i);
    }
}

static int setup(void **state)
{
    (void)state;
    open_world(4096);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    world_close(&w);
    return 0;
}

static void part(uint32_t i, size_t offset, size_t size)
{
    device_upload_part(&w, &w.devices[i], vectors[i], offset, size, 1, 1);
}

static void expect_next(uint32_t i, size_t next_offset, bool complete)
{
    assert_true(device_got(&w.devices[i], FEDL_MESSAGE_ACCEPTED));
    assert_int_equal(w.devices[i].message.u.accepted.next_offset, next_offset);
    assert_int_equal(w.devices[i].message.u.accepted.complete, complete);
}

static uint32_t report_count(void)
{
    fedl_task_info info;
    world_task_info(&w, &info, 1);
    return info.report_count;
}

/* All 24 orders of four devices, their parts interleaved: one digest. */
static void the_order_does_not_matter(void **state)
{
    (void)state;
    uint8_t first[32];
    uint32_t tried = 0;
    for (uint32_t code = 0; code < 256; code++) {
        const uint32_t order[4] = {code & 3u, (code >> 2) & 3u, (code >> 4) & 3u, code >> 6};
        uint32_t seen = 0;
        for (uint32_t i = 0; i < 4; i++) {
            seen |= 1u << order[i];
        }
        if (seen != 15u) {
            continue;
        }
        if (tried > 0) {
            world_close(&w);
            open_world(4096);
        }
        for (size_t offset = 0; offset < TOTAL; offset += 128) {
            for (uint32_t i = 0; i < 4; i++) { /* the order turns with every part */
                part(order[(i + offset / 128) % 4], offset, 128);
            }
        }
        uint8_t digest[32];
        world_digest(&w, digest, 1);
        assert_int_equal(w.version[1], 2);
        if (tried++ == 0) {
            memcpy(first, digest, 32);
        }
        assert_memory_equal(digest, first, 32);
    }
    assert_int_equal(tried, 24);
}

static void parts_may_come_twice_early_or_not_at_all(void **state)
{
    (void)state;
    part(0, 128, 128); /* too early: begin at 0 */
    expect_next(0, 0, false);
    part(0, 0, 64);
    expect_next(0, 64, false);
    part(0, 0, 64); /* again */
    expect_next(0, 64, false);
    part(0, 64, 64);
    expect_next(0, 128, false);
    part(0, 256, 64); /* one was lost */
    expect_next(0, 128, false);
    part(0, 0, 256); /* overlapping: not taken, the answer says where to go on */
    expect_next(0, 128, false);
    part(0, 128, 384);
    expect_next(0, 512, true);
    assert_int_equal(report_count(), 1);
    part(0, 448, 64); /* the answer was lost: counted, once */
    expect_next(0, 512, true);
    part(0, 0, 512);
    expect_next(0, 512, true);
    memcpy(vectors[0], vectors[1], TOTAL); /* nor can it be changed */
    part(0, 0, 512);
    expect_next(0, 512, true);
    assert_int_equal(report_count(), 1);
}

static void a_lost_session_does_not_lose_the_parts(void **state)
{
    (void)state;
    part(0, 0, 256);
    device_connect(&w, &w.devices[0]);
    part(0, 256, 64);
    expect_next(0, 320, false);
}

static void another_vector_begins_anew(void **state)
{
    (void)state;
    part(0, 0, 256);
    world_vector(&w, vectors[0], 99);
    part(0, 256, 64);
    expect_next(0, 0, false);
    part(0, 0, 512);
    expect_next(0, 512, true);
}

static void wrong_vectors_are_never_counted(void **state)
{
    (void)state;
    fedl_message message = {.kind = FEDL_MESSAGE_UPLOAD};
    fedl_message_upload *upload = &message.u.upload;
    upload->task_id = 1;
    upload->round = 1;
    upload->attempt = 1;
    upload->total_bytes = 1024; /* another architecture */
    upload->payload = fedl_bytes_of(vectors[0], 512);
    device_send(&w, &w.devices[0], &message);
    assert_true(device_rejected(&w.devices[0], FEDL_REJECT_MISMATCH));
    upload->total_bytes = 512; /* the digest is not that of the bytes */
    device_send(&w, &w.devices[0], &message);
    assert_true(device_rejected(&w.devices[0], FEDL_REJECT_MISMATCH));
    upload->task_id = 7;
    device_send(&w, &w.devices[0], &message);
    assert_true(device_rejected(&w.devices[0], FEDL_REJECT_NOT_FOUND));
    upload->task_id = 1;
    upload->attempt = 2;
    device_send(&w, &w.devices[0], &message);
    assert_true(device_rejected(&w.devices[0], FEDL_REJECT_STALE));
    upload->attempt = 1;
    upload->round = 2;
    device_send(&w, &w.devices[0], &message);
    assert_true(device_rejected(&w.devices[0], FEDL_REJECT_STALE));
    device *late = world_join(&w);
    device_connect(&w, late);
    upload->round = 1;
    device_send(&w, late, &message);
    assert_true(device_rejected(late, FEDL_REJECT_NOT_MEMBER));
    assert_int_equal(report_count(), 0);
    part(0, 0, 512); /* nothing of all that stays */
    expect_next(0, 512, true);
}

static void numbers_no_honest_device_sends_are_refused(void **state)
{
    (void)state;
    const struct {
        size_t word;
        uint64_t value;
    } bad[] = {
        {FEDL_TAIL_WEIGHT, 0},
        {FEDL_TAIL_WEIGHT, 5}, /* w_max is 4 */
        {FEDL_TAIL_WEIGHT, UINT64_MAX},
        {FEDL_TAIL_ROWS, (uint64_t)UINT32_MAX + 1u},
        {FEDL_TAIL_LOSS_Q16, (uint64_t)1 << 47},
        {FEDL_TAIL_EVAL_ROWS, (uint64_t)1 << 32},
        {FEDL_TAIL_EVAL_CORRECT, 1}, /* of no rows */
        {FEDL_TAIL_EVAL_LOSS_Q16, (uint64_t)1 << 47},
        {FEDL_TAIL_SATURATED, 213}, /* of 212 coordinates */
        {FEDL_TAIL_CLIPPED, 2},
    };
    const uint16_t limit = (uint16_t)(fedl_update_q_max(&w.plan.update) * 3u);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        world_vector(&w, vectors[0], 2); /* weight 3 */
        fedli_store_u64(vectors[0] + TOTAL - 64u + 8u * bad[i].word, bad[i].value);
        part(0, 0, 512);
        assert_true(device_rejected(&w.devices[0], FEDL_REJECT_MISMATCH));
    }
    const uint16_t words[] = {(uint16_t)(limit + 1u), (uint16_t)(0u - limit - 1u), 0x8000u};
    for (size_t i = 0; i < 3; i++) {
        world_vector(&w, vectors[0], 2);
        fedli_store_u16(vectors[0] + 2u * 211u, words[i]);
        part(0, 0, 512);
        assert_true(device_rejected(&w.devices[0], FEDL_REJECT_MISMATCH));
    }
    assert_int_equal(report_count(), 0);
    fedli_store_u16(vectors[0] + 2u * 211u, (uint16_t)(0u - limit));
    part(0, 0, 512); /* the bound itself is allowed */
    expect_next(0, 512, true);
}

static void few_slots_serve_many_devices(void **state)
{
    (void)state;
    world_close(&w);
    open_world(2 * TOTAL + 100); /* two slots */
    part(0, 0, 64);
    part(1, 0, 64);
    part(2, 0, 64);
    assert_true(device_rejected(&w.devices[2], FEDL_REJECT_BUSY));
    assert_true(w.devices[2].message.u.reject.retry_after_ms > 0);
    part(0, 64, 448); /* frees its slot */
    expect_next(0, 512, true);
    part(2, 0, 64);
    expect_next(2, 64, false);
    part(3, 0, 64);
    assert_true(device_rejected(&w.devices[3], FEDL_REJECT_BUSY));
}

static void a_slow_device_begins_again_after_its_slot_was_taken(void **state)
{
    (void)state;
    world_close(&w);
    open_world(0); /* one slot, always */
    part(0, 0, 64);
    w.now_ns += (fedl_instant_ns)w.cfg.upload_idle_ms * 1000000;
    part(1, 0, 64);
    assert_true(device_rejected(&w.devices[1], FEDL_REJECT_BUSY)); /* idle, but not for longer */
    w.now_ns += 1;
    part(1, 0, 64);
    expect_next(1, 64, false);
    part(0, 64, 64);
    assert_true(device_rejected(&w.devices[0], FEDL_REJECT_BUSY));
    part(1, 64, 448);
    expect_next(1, 512, true);
    part(0, 64, 64);
    expect_next(0, 0, false); /* its parts are gone, it begins again */
    part(0, 0, 512);
    expect_next(0, 512, true);
    assert_int_equal(report_count(), 2);
}

static void advance_ms(uint32_t ms)
{
    w.now_ns += (fedl_instant_ns)ms * 1000000;
}

static void repeating_a_part_does_not_keep_the_slot(void **state)
{
    (void)state;
    world_close(&w);
    open_world(0); /* one slot */
    part(0, 0, 64);
    for (uint32_t i = 0; i < 4; i++) {
        advance_ms(w.cfg.upload_idle_ms / 4u);
        part(0, 0, 64); /* no progress: neither a part that is there … */
        expect_next(0, 64, false);
        part(0, 128, 64); /* … nor one that comes too early */
        expect_next(0, 64, false);
    }
    part(1, 0, 64);
    assert_true(device_rejected(&w.devices[1], FEDL_REJECT_BUSY));
    w.now_ns += 1;
    part(1, 0, 64);
    expect_next(1, 64, false);
}

static void a_slot_has_a_longest_life_when_others_wait(void **state)
{
    (void)state;
    world_close(&w);
    open_world(0);
    part(0, 0, 64);
    for (uint32_t i = 1; i <= 8; i++) { /* 8 idle times are the limit, not over it */
        advance_ms(w.cfg.upload_idle_ms);
        world_vector(&w, vectors[0], 100 + i); /* progress of a kind: always a new vector */
        part(0, 0, 64);
        expect_next(0, 64, false);
        part(1, 0, 64);
        assert_true(device_rejected(&w.devices[1], FEDL_REJECT_BUSY));
    }
    w.now_ns += 1;
    part(0, 64, 64); /* nobody waits at this moment: it goes on */
    expect_next(0, 128, false);
    part(1, 0, 512);
    expect_next(1, 512, true);
    part(0, 0, 512);
    expect_next(0, 512, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_order_does_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(parts_may_come_twice_early_or_not_at_all, setup, teardown),
        cmocka_unit_test_setup_teardown(a_lost_session_does_not_lose_the_parts, setup, teardown),
        cmocka_unit_test_setup_teardown(another_vector_begins_anew, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_vectors_are_never_counted, setup, teardown),
        cmocka_unit_test_setup_teardown(numbers_no_honest_device_sends_are_refused, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(few_slots_serve_many_devices, setup, teardown),
        cmocka_unit_test_setup_teardown(repeating_a_part_does_not_keep_the_slot, setup, teardown),
        cmocka_unit_test_setup_teardown(a_slot_has_a_longest_life_when_others_wait, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_slow_device_begins_again_after_its_slot_was_taken, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
