/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Helper rounds through the coordinator, with real parties and a real helper machine. As in masked
 * rounds every commit is compared with the plain sum of its members' updates (check_sums).
 */
#include "coord_helper.h"

#include <stdlib.h>
#include <string.h>

static void rounds_commit_the_exact_sum(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {3, 5, 10};
    for (size_t i = 0; i < 3; i++) {
        open_fleet(sizes[i]);
        parties_add_task(&p);
        for (uint32_t round = 1; round <= 3; round++) {
            run_to_the_question();
            assert_int_equal(p.w.group_commit_count, round); /* durable before it is asked */
            assert_int_equal(p.w.commit_count, round - 1);
            helper_answers(FEDL_OK, helper_reply(FEDL_HELPER_SUM));
            assert_int_equal(p.w.commit_count, round);
            assert_int_equal(p.w.last_commit.member_count, sizes[i]);
        }
        assert_int_equal(p.w.burn_count, 0);
        for (uint32_t u = 0; u < sizes[i]; u++) {
            assert_int_equal(p.parties[u].done_count, 3);
            assert_int_equal(p.parties[u].refused_count, 0);
        }
        parties_close(&p);
    }
}

static void who_vanishes_is_left_out(void **state)
{
    (void)state;
    static const struct {
        fedli_party_want want;
        fedl_group_item item;
    } steps[] = {{FEDLI_PARTY_GET, FEDL_ITEM_HELPER},
                 {FEDLI_PARTY_PUT, FEDL_ITEM_SEED},
                 {FEDLI_PARTY_UPLOAD, FEDL_ITEM_READY}};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        open_fleet(5);
        parties_add_task(&p);
        p.parties[2].lost_at = steps[i].want;
        p.parties[2].lost_item = steps[i].item;
        run_to_the_question();
        helper_answers(FEDL_OK, helper_reply(FEDL_HELPER_SUM));
        assert_true(p.parties[2].lost);
        assert_int_equal(p.w.last_commit.member_count, 4);
        parties_close(&p);
    }
}

static void no_answer_is_asked_for_again(void **state)
{
    (void)state;
    uint8_t first[sizeof p.w.helper_request];
    open_fleet(5);
    parties_add_task(&p);
    run_to_the_question();
    const size_t bytes = p.w.helper_request_bytes;
    memcpy(first, p.w.helper_request, bytes);
    helper_answers(FEDL_ERR_CONNECTION, 0);
    assert_int_equal(p.w.helper_ticket, 0); /* after a pause only */
    run_to_the_question();
    assert_int_equal(p.w.helper_asked, 2);
    assert_int_equal(p.w.helper_request_bytes, bytes);
    assert_memory_equal(p.w.helper_request, first, bytes);
    size_t size = helper_reply(FEDL_HELPER_SUM);
    helper_reply_bytes[9] ^= 1u; /* it answers another request */
    helper_answers(FEDL_OK, size);
    run_to_the_question();
    size = helper_reply(FEDL_HELPER_SUM);
    helper_answers(FEDL_OK, size - 1); /* cut short */
    run_to_the_question();
    helper_answers(FEDL_OK, helper_reply(FEDL_HELPER_SUM)); /* to the same bytes the same answer */
    assert_int_equal(p.w.commit_count, 1);
    assert_int_equal(p.w.burn_count, 0);
    parties_close(&p);
}

static void a_helper_that_stays_away_burns_the_round(void **state)
{
    (void)state;
    open_fleet(5);
    parties_add_task(&p);
    run_to_the_question();
    helper_answers(FEDL_ERR_CONNECTION, 0);
    world_run_ms(&p.w, 300);
    const uint64_t late = p.w.helper_ticket;
    assert_int_not_equal(late, 0);
    world_run_ms(&p.w, 10u * 2000u); /* 10 steps */
    assert_int_equal(p.w.burn_count, 1);
    assert_int_equal(p.w.commit_count, 0);
    helper_answers(FEDL_OK, helper_reply(FEDL_HELPER_SUM)); /* too late: nothing happens */
    assert_int_equal(p.w.commit_count, 0);
    p.w.helper_ticket = 0;
    run_to_the_question();
    helper_answers(FEDL_OK, helper_reply(FEDL_HELPER_SUM));
    assert_int_equal(p.w.last_commit.round, 2);
    parties_close(&p);
}

static void expect_commit(uint32_t round, uint32_t member_count)
{
    run_to_the_question();
    helper_answers(FEDL_OK, helper_reply(FEDL_HELPER_SUM));
    assert_int_equal(p.w.last_commit.round, round);
    assert_int_equal(p.w.last_commit.member_count, member_count);
}

/* Nobody can check what the helper says: one round the first time, two the second. */
static void a_refusal_burns_the_round_and_leaves_the_accused_out(void **state)
{
    (void)state;
    static uint32_t revoked[1];
    open_fleet(5);
    p.w.round.round_count = 9;
    p.w.round.attempt_max = 10;
    parties_add_task(&p);
    revoked[0] = p.parties[3].d->id;
    helper.cfg.revoked = revoked;
    helper.cfg.revoked_count = 1;
    run_to_the_question();
    helper_answers(FEDL_OK, helper_reply(FEDL_HELPER_REVOKED));
    assert_int_equal(p.w.burn_count, 1);
    assert_int_equal(p.w.commit_count, 0);
    expect_commit(2, 4);
    run_to_the_question();
    helper_answers(FEDL_OK, helper_reply(FEDL_HELPER_REVOKED)); /* round 3 */
    assert_int_equal(p.w.burn_count, 2);
    expect_commit(4, 4);
    expect_commit(5, 4);
    for (uint32_t i = 0; i < 5; i++) {
        assert_false(fedl_coord_device_excluded(&p.w.coord, i, 0));
    }
    helper.cfg.revoked_count = 0;
    expect_commit(6, 5);
    parties_close(&p);
}

static void a_server_that_restarts_asks_the_same(void **state)
{
    (void)state;
    uint8_t first[sizeof p.w.helper_request];
    for (int answered = 0; answered < 2; answered++) {
        open_fleet(5);
        parties_add_task(&p);
        run_to_the_question();
        const size_t bytes = p.w.helper_request_bytes;
        memcpy(first, p.w.helper_request, bytes);
        if (answered) { /* the answer got lost with the server */
            (void)helper_reply(FEDL_HELPER_SUM);
        }
        p.w.helper_ticket = 0;
        world_restart(&p.w);
        world_run_ms(&p.w, 300);
        assert_int_not_equal(p.w.helper_ticket, 0);
        assert_int_equal(p.w.helper_request_bytes, bytes);
        assert_memory_equal(p.w.helper_request, first, bytes);
        helper_answers(FEDL_OK, helper_reply(FEDL_HELPER_SUM));
        assert_int_equal(p.w.commit_count, 1);
        assert_int_equal(p.w.last_commit.member_count, 5);
        parties_close(&p);
    }
}

static void too_few_vectors_are_never_asked_about(void **state)
{
    (void)state;
    open_fleet(5);
    parties_add_task(&p);
    for (uint32_t i = 0; i < 3; i++) {
        p.parties[i].lost_at = FEDLI_PARTY_UPLOAD;
    }
    parties_run(&p);
    world_run_ms(&p.w, p.w.round.deadline_ms + 1000u);
    assert_int_equal(p.w.helper_asked, 0);
    assert_int_equal(p.w.group_commit_count, 0);
    assert_true(p.w.log_counts[FEDL_LOG_ROUND_ABORTED] >= 1);
    parties_close(&p);
}

static void a_vector_without_its_seed_is_refused(void **state)
{
    (void)state;
    open_fleet(5);
    parties_add_task(&p);
    party_device *q = &p.parties[0];
    q->lost_at = FEDLI_PARTY_PUT;
    q->lost_item = FEDL_ITEM_SEED;
    p.parties[1].lost_at = FEDLI_PARTY_UPLOAD; /* else the goal may be near */
    parties_run(&p);
    assert_true(q->lost);
    uint8_t part[64] = {0};
    fedl_message half = {.kind = FEDL_MESSAGE_PUT};
    half.u.put = (fedl_message_put){1,
                                    q->round,
                                    q->attempt,
                                    FEDL_ITEM_SEED,
                                    0,
                                    FEDLI_SEED_ITEM_BYTES,
                                    fedl_bytes_of(part, sizeof part)};
    device_send(&p.w, q->d, &half);
    assert_true(device_got(q->d, FEDL_MESSAGE_ACCEPTED));
    fedl_message message = {.kind = FEDL_MESSAGE_UPLOAD};
    fedl_message_upload *upload = &message.u.upload;
    *upload = (fedl_message_upload){.task_id = 1,
                                    .round = q->round,
                                    .attempt = q->attempt,
                                    .total_bytes = world_vector_bytes(&p.w),
                                    .payload = fedl_bytes_of(part, sizeof part)};
    memcpy(upload->digest, fedli_party_binding(&q->party), 32);
    device_send(&p.w, q->d, &message);
    assert_true(device_got(q->d, FEDL_MESSAGE_REJECT));
    parties_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_commit_the_exact_sum),
        cmocka_unit_test(who_vanishes_is_left_out),
        cmocka_unit_test(no_answer_is_asked_for_again),
        cmocka_unit_test(a_helper_that_stays_away_burns_the_round),
        cmocka_unit_test(a_refusal_burns_the_round_and_leaves_the_accused_out),
        cmocka_unit_test(a_server_that_restarts_asks_the_same),
        cmocka_unit_test(too_few_vectors_are_never_asked_about),
        cmocka_unit_test(a_vector_without_its_seed_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
