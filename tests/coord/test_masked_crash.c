/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One masked story, told again and again: four devices, two rounds, one device vanishes in the
 * first after it has shared its secrets. Each time another store op fails, or the server dies at
 * another moment. Whatever happens, both rounds commit exact sums, and the server never holds both
 * kinds of share of anybody.
 */
#include "coord_party.h"

#include <string.h>

static party_world p;
static forbidden_pair forbidden;

static void open_story(void)
{
    parties_open(&p, 5, FEDL_TRUST_ACTIVE);
    p.w.round.round_count = 2;
    p.w.round.attempt_max = 100;
    p.w.round.deadline_ms = 3000;
    p.w.plan.secagg.step_ms = 1000;
    forbidden_pair_init(&forbidden);
    parties_add_task(&p);
    parties_watch(&p, &forbidden);
    p.parties[1].lost_at = FEDLI_PARTY_UPLOAD; /* in every attempt of round 1 */
    p.parties[1].lose_in_round = 1;
}

/* The device that vanished comes back as new once the server has got over it. */
static void wake_the_lost(void)
{
    party_device *q = &p.parties[1];
    if (q->lost) {
        q->lost = false;
        q->begun = false;
        q->waits = false;
        q->connected = false;
    }
}

static void tell_the_story(void)
{
    for (uint32_t tries = 0; p.w.version[1] < 3; tries++) {
        assert_true(tries < 100);
        parties_run(&p);
        world_run_ms(&p.w, 500);
        if (p.w.opened_round[1] == 0 || p.w.version[1] > 1 || p.parties[0].begun == false) {
            wake_the_lost();
        }
    }
}

static void check_end(void)
{
    fedl_task_info info;
    world_run_ms(&p.w, 2000);
    world_task_info(&p.w, &info, 1);
    assert_int_equal(info.version, 3);
    assert_int_equal(p.w.commit_count, 2);
    assert_true(p.w.group_commit_count >= 2);
    assert_int_equal(forbidden_pair_found(&forbidden), 0);
    /* The search can see: survivors' b shares and the vanished one's d shares were there. */
    assert_true(forbidden_pair_seen(&forbidden, FEDLI_SHARE_B) >= 5);
    assert_true(forbidden_pair_seen(&forbidden, FEDLI_SHARE_D) >= 1);
}

static uint64_t undisturbed(uint8_t digest[32])
{
    open_story();
    const uint64_t first = p.w.store_serial;
    tell_the_story();
    check_end();
    world_digest(&p.w, digest, 1);
    const uint64_t count = p.w.store_serial - first;
    assert_int_equal(p.w.burn_count, 0);
    parties_close(&p);
    return count;
}

static void every_op_may_fail_once(void **state)
{
    (void)state;
    uint8_t expected[32];
    uint8_t digest[32];
    const uint64_t count = undisturbed(expected);
    assert_int_equal(count, 7); /* open, group commit, commit, twice; complete */
    for (uint64_t n = 1; n <= count; n++) {
        open_story();
        p.w.store_fail_at = p.w.store_serial + n;
        tell_the_story();
        check_end();
        assert_int_equal(p.w.log_counts[FEDL_LOG_STORE_FAILED], 1);
        world_digest(&p.w, digest, 1);
        assert_memory_equal(digest, expected, 32);
        parties_close(&p);
    }
}

static void the_server_may_die_at_any_op(void **state)
{
    (void)state;
    uint8_t expected[32];
    uint8_t digest[32];
    const uint64_t count = undisturbed(expected);
    for (uint64_t n = 0; n < 2 * count; n++) {
        open_story();
        p.w.crash_at = p.w.store_serial + 1u + n / 2u;
        p.w.crash_applied = n % 2u == 1u;
        tell_the_story();
        check_end();
        assert_int_equal(p.w.restart_count, 1);
        assert_int_equal(p.w.burn_count, 0);
        world_digest(&p.w, digest, 1);
        assert_memory_equal(digest, expected, 32);
        parties_close(&p);
    }
}

/* Dies after exchange number n, wherever that is. True: the story was longer than that. */
static bool die_at_exchange(uint32_t n)
{
    uint32_t seen = 0;
    bool moved = true;
    while (moved && seen < n) {
        moved = false;
        for (uint32_t i = 0; i < p.count && seen < n; i++) {
            if (party_pump(&p, &p.parties[i])) {
                moved = true;
                seen++;
            }
        }
        world_settle(&p.w);
        for (uint32_t i = 0; i < p.count; i++) {
            moved = moved || (p.parties[i].waits && p.parties[i].d->answer != ANSWER_NONE);
        }
    }
    if (seen < n) {
        return false;
    }
    world_restart(&p.w);
    tell_the_story();
    assert_int_equal(p.w.burn_count, 0);
    assert_int_equal(p.w.group_commit_count, 2); /* a stored sum is finished: there is no other */
    return true;
}

static void the_server_may_die_at_any_moment(void **state)
{
    (void)state;
    uint8_t expected[32];
    uint8_t digest[32];
    uint32_t moments = 0;
    (void)undisturbed(expected);
    for (uint32_t n = 1;; n += 7) {
        open_story();
        if (!die_at_exchange(n)) {
            parties_close(&p);
            break;
        }
        check_end();
        world_digest(&p.w, digest, 1);
        assert_memory_equal(digest, expected, 32);
        parties_close(&p);
        moments++;
    }
    assert_true(moments >= 10);
}

static void before_the_commit_point_a_new_attempt_after_it_the_same(void **state)
{
    (void)state;
    for (uint32_t after = 0; after < 2; after++) {
        open_story();
        p.parties[1].lost_at = (fedli_party_want)0;
        p.w.hold = true;
        parties_run(&p);
        world_store_one(&p.w); /* ROUND_OPEN */
        parties_run(&p);
        assert_int_equal(p.w.stores[0].op->kind, FEDL_STORE_GROUP_COMMIT);
        if (after != 0) {
            world_store_one(&p.w);
        }
        p.w.hold = false;
        world_restart(&p.w);
        parties_run_until(&p, 2, 20000);
        assert_true(p.w.version[1] >= 2);
        assert_non_null(strstr(p.w.transcript, after != 0 ? "round 1.1 commits 5 reports"
                                                          : "round 1.2 commits 5 reports"));
        assert_int_equal(forbidden_pair_found(&forbidden), 0);
        parties_close(&p);
    }
}

/* Everybody has given its shares and is done when the server loses them: it asks once more. */
static void what_was_sent_before_a_restart_is_sent_again(void **state)
{
    (void)state;
    static const fedl_server_trust trusts[] = {FEDL_TRUST_CURIOUS, FEDL_TRUST_ACTIVE};
    for (uint32_t i = 0; i < 4; i++) {
        parties_open(&p, 5, trusts[i % 2u]);
        p.w.round.round_count = 1;
        parties_add_task(&p);
        p.w.hold = true;
        parties_run(&p);
        world_store_one(&p.w); /* ROUND_OPEN */
        parties_run(&p);
        world_store_one(&p.w); /* GROUP_COMMIT */
        parties_run(&p);
        assert_int_not_equal(p.w.compute_ticket, 0);
        if (i >= 2) {
            world_compute(&p.w);
            assert_int_equal(p.w.stores[0].op->kind, FEDL_STORE_COMMIT);
        }
        uint32_t done = 0;
        for (uint32_t u = 0; u < 5; u++) {
            done += p.parties[u].begun ? 0u : 1u;
        }
        assert_int_equal(done, 5);
        p.w.hold = false;
        world_restart(&p.w);
        parties_run(&p);
        assert_int_equal(p.w.version[1], 2);
        assert_non_null(strstr(p.w.transcript, "round 1.1 commits 5 reports"));
        parties_close(&p);
    }
}

/* Everybody has confirmed and waits for the others' tags, which are lost as well. */
static void confirmations_are_sent_again(void **state)
{
    (void)state;
    parties_open(&p, 5, FEDL_TRUST_ACTIVE);
    p.w.round.round_count = 1;
    parties_add_task(&p);
    for (uint32_t i = 0; i < 5; i++) {
        p.parties[i].lost_at = FEDLI_PARTY_GET;
        p.parties[i].lost_item = FEDL_ITEM_CONFIRMS;
    }
    parties_run(&p);
    world_restart(&p.w);
    for (uint32_t i = 0; i < 5; i++) {
        p.parties[i].lost = false;
        p.parties[i].lost_at = (fedli_party_want)0;
    }
    parties_run(&p); /* no time has to pass */
    assert_non_null(strstr(p.w.transcript, "round 1.1 commits 5 reports"));
    parties_close(&p);
}

/* Too many of those who could help were revoked while the sum waited. */
static void revoked_devices_are_not_waited_for_after_a_restart(void **state)
{
    (void)state;
    parties_open(&p, 5, FEDL_TRUST_CURIOUS);
    parties_add_task(&p);
    for (uint32_t i = 0; i < 5; i++) {
        p.parties[i].lost_at = FEDLI_PARTY_PUT;
        p.parties[i].lost_item = FEDL_ITEM_UNMASK;
    }
    parties_run(&p);
    fedl_task_info info;
    world_task_info(&p.w, &info, 1);
    assert_int_equal(info.phase, FEDL_PHASE_UNMASKING);
    p.w.hold = true; /* the store has it, the coordinator dies before it hears of it */
    for (uint32_t i = 0; i < 4; i++) {
        const fedl_admin revoke = {.kind = FEDL_ADMIN_DEVICE_REVOKE,
                                   .device_id = p.parties[i].d->id};
        world_admin(&p.w, &revoke);
        assert_int_equal(p.w.store->ops->apply(p.w.store, p.w.stores[p.w.store_count - 1u].op),
                         FEDL_OK);
        p.parties[i].d->id = 0;
    }
    p.w.hold = false;
    world_restart(&p.w);
    world_settle(&p.w);
    assert_int_equal(p.w.burn_count, 1); /* without waiting for a time-out */
    parties_close(&p);
}

/* The group was stored, but not one device comes back to finish it. */
static void a_restored_round_without_answers_is_burnt(void **state)
{
    (void)state;
    open_story();
    p.parties[1].lost_at = (fedli_party_want)0;
    for (uint32_t i = 0; i < 5; i++) {
        p.parties[i].lost_at = FEDLI_PARTY_PUT;
        p.parties[i].lost_item = FEDL_ITEM_UNMASK;
        p.parties[i].lose_in_round = 1;
    }
    parties_run(&p);
    world_restart(&p.w);
    fedl_task_info info;
    world_task_info(&p.w, &info, 1);
    assert_int_equal(info.phase, FEDL_PHASE_UNMASKING);
    assert_int_equal(info.survivor_count, 5);
    world_run_ms(&p.w, 6000);
    assert_int_equal(p.w.burn_count, 1);
    world_task_info(&p.w, &info, 1);
    assert_int_equal(info.round, 2);
    assert_int_equal(info.version, 1);
    parties_close(&p);
}

static void the_search_finds_what_is_there(void **state)
{
    (void)state;
    fedli_attempt_secrets secrets;
    uint8_t memory[512] = {0};
    uint8_t pair[64];
    memset(&secrets, 7, sizeof secrets);
    forbidden_pair_init(&forbidden);
    forbidden_pair_add(&forbidden, 9, 1, &secrets, 2, 4);
    fedli_share_pair(pair, &secrets, 2, 3);
    forbidden_pair_scan(&forbidden, memory, sizeof memory);
    assert_int_equal(forbidden_pair_found(&forbidden), 0);
    memcpy(memory + 101, pair, 32);
    forbidden_pair_scan(&forbidden, memory, sizeof memory);
    assert_int_equal(forbidden_pair_found(&forbidden), 0); /* one kind is allowed */
    assert_int_equal(forbidden_pair_seen(&forbidden, FEDLI_SHARE_B), 1);
    memset(memory, 0, sizeof memory);
    fedli_share_pair(pair, &secrets, 2, 1); /* of another neighbour, later, at the very end */
    memcpy(memory + sizeof memory - 32, pair + 32, 32);
    forbidden_pair_scan(&forbidden, memory, sizeof memory);
    assert_int_equal(forbidden_pair_found(&forbidden), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_search_finds_what_is_there),
        cmocka_unit_test(every_op_may_fail_once),
        cmocka_unit_test(the_server_may_die_at_any_op),
        cmocka_unit_test(the_server_may_die_at_any_moment),
        cmocka_unit_test(before_the_commit_point_a_new_attempt_after_it_the_same),
        cmocka_unit_test(what_was_sent_before_a_restart_is_sent_again),
        cmocka_unit_test(confirmations_are_sent_again),
        cmocka_unit_test(revoked_devices_are_not_waited_for_after_a_restart),
        cmocka_unit_test(a_restored_round_without_answers_is_burnt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
