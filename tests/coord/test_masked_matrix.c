/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every item by PUT and GET, and the other requests, in every phase of a masked round, from a
 * device of the cohort and from one that was not chosen. The answer is one that the table allows,
 * and none of it disturbs the round: in the end it commits the exact sum.
 */
#include "coord_party.h"

#include <string.h>

typedef enum scene {
    SCENE_OPENING = 1,
    SCENE_GATHERING,
    SCENE_SHARING,
    SCENE_MASKING,
    SCENE_FREEZING,
    SCENE_CONFIRMING,
    SCENE_UNMASKING,
    SCENE_COMPUTING,
    SCENE_COMMITTING,
    SCENE_ABORTING,
    SCENE_BURNING,
    SCENE_END,
} scene;

#define COHORT 4u

static party_world p;

static void stop_all_at(fedli_party_want want, fedl_group_item item)
{
    for (uint32_t i = 0; i < COHORT; i++) {
        p.parties[i].lost_at = want;
        p.parties[i].lost_item = item;
    }
    parties_run(&p);
}

/* Stores what is out, and lets everybody go on. */
static void store_and_run(void)
{
    world_store_all(&p.w);
    parties_run(&p);
}

static void set_scene(scene s)
{
    parties_open(&p, COHORT + 1u, FEDL_TRUST_ACTIVE);
    p.w.round.clients_goal = COHORT;
    p.w.round.select_count = COHORT;
    p.w.round.pool_min = COHORT;
    p.w.round.round_count = 1;
    p.parties[COHORT].lost = true; /* of the fleet, but not there when devices are chosen */
    device_connect(&p.w, p.parties[COHORT].d);
    parties_add_task(&p);
    p.w.hold = true;
    parties_run(&p);
    if (s == SCENE_OPENING) {
        return;
    }
    switch (s) {
    case SCENE_GATHERING:
    case SCENE_ABORTING:
        world_store_all(&p.w);
        stop_all_at(FEDLI_PARTY_PUT, FEDL_ITEM_READY);
        break;
    case SCENE_SHARING:
        world_store_all(&p.w);
        stop_all_at(FEDLI_PARTY_PUT, FEDL_ITEM_SHARES);
        break;
    case SCENE_MASKING:
        world_store_all(&p.w);
        stop_all_at(FEDLI_PARTY_UPLOAD, FEDL_ITEM_READY);
        break;
    case SCENE_FREEZING:
        store_and_run();
        break;
    case SCENE_CONFIRMING:
        store_and_run();
        world_store_all(&p.w);
        stop_all_at(FEDLI_PARTY_PUT, FEDL_ITEM_CONFIRM);
        break;
    case SCENE_UNMASKING:
    case SCENE_BURNING:
        store_and_run();
        world_store_all(&p.w);
        stop_all_at(FEDLI_PARTY_PUT, FEDL_ITEM_UNMASK);
        break;
    case SCENE_COMPUTING:
    case SCENE_COMMITTING:
        store_and_run();
        store_and_run();
        break;
    case SCENE_OPENING:
    case SCENE_END:
        break;
    }
    if (s == SCENE_COMMITTING) {
        world_compute(&p.w);
    }
    if (s == SCENE_ABORTING || s == SCENE_BURNING) {
        world_run_ms(&p.w, 15000);
    }
}

static void check_scene(scene s)
{
    static const fedl_round_phase phases[] = {
        [SCENE_OPENING] = FEDL_PHASE_OPENING,       [SCENE_GATHERING] = FEDL_PHASE_RUNNING,
        [SCENE_SHARING] = FEDL_PHASE_RUNNING,       [SCENE_MASKING] = FEDL_PHASE_RUNNING,
        [SCENE_FREEZING] = FEDL_PHASE_FREEZING,     [SCENE_CONFIRMING] = FEDL_PHASE_UNMASKING,
        [SCENE_UNMASKING] = FEDL_PHASE_UNMASKING,   [SCENE_COMPUTING] = FEDL_PHASE_COMPUTING,
        [SCENE_COMMITTING] = FEDL_PHASE_COMMITTING, [SCENE_ABORTING] = FEDL_PHASE_ABORTING,
        [SCENE_BURNING] = FEDL_PHASE_BURNING,
    };
    fedl_task_info info;
    world_task_info(&p.w, &info, 1);
    assert_int_equal(info.phase, phases[s]);
    assert_true(info.masked);
    if (s >= SCENE_SHARING && s <= SCENE_COMPUTING) {
        assert_int_equal(info.cohort_count, COHORT);
    }
    if (s >= SCENE_FREEZING && s <= SCENE_COMPUTING) {
        assert_int_equal(info.share_count, COHORT);
        assert_int_equal(info.survivor_count, COHORT);
    }
}

static bool is_up(fedl_group_item item)
{
    return item < FEDL_ITEM_ROSTER;
}

static bool answer_allowed(scene s, const device *d, bool member, bool get)
{
    const bool group = s >= SCENE_GATHERING && s <= SCENE_COMPUTING;
    if (!group) {
        return device_rejected(d, FEDL_REJECT_STALE);
    }
    if (!member) {
        return device_rejected(d, FEDL_REJECT_NOT_MEMBER);
    }
    return device_rejected(d, FEDL_REJECT_STALE) || device_rejected(d, FEDL_REJECT_MISMATCH) ||
           device_rejected(d, FEDL_REJECT_NOT_MEMBER) || (get && device_got(d, FEDL_MESSAGE_PART));
}

static uint32_t try_items(scene s, device *d, bool member)
{
    static const fedl_group_item items[] = {
        FEDL_ITEM_READY,     FEDL_ITEM_SHARES,    FEDL_ITEM_CONFIRM,  FEDL_ITEM_UNMASK,
        FEDL_ITEM_COMPLAINT, FEDL_ITEM_SEED,      FEDL_ITEM_ROSTER,   FEDL_ITEM_CERTS,
        FEDL_ITEM_FORWARD,   FEDL_ITEM_SURVIVORS, FEDL_ITEM_CONFIRMS,
    };
    static const uint8_t junk[241] = {1, 2, 3};
    uint32_t tried = 0;
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        fedl_message m = {.kind = FEDL_MESSAGE_PUT};
        if (is_up(items[i])) { /* 241 is no item's size here */
            m.u.put = (fedl_message_put){1, 1, 1, items[i], 0, 241, fedl_bytes_of(junk, 241)};
        } else {
            m.kind = FEDL_MESSAGE_GET;
            m.u.get = (fedl_message_get){1, 1, 1, items[i], 0, 256, 0};
        }
        for (uint32_t twice = 0; twice < 2; twice++) {
            device_send(&p.w, d, &m);
            if (!answer_allowed(s, d, member, !is_up(items[i]))) {
                fail_msg("scene %d, member %d, item %d: answer %d, message %d, code %d", s, member,
                         items[i], d->answer, d->message.kind, d->message.u.reject.code);
            }
            tried++;
        }
        /* The same of another attempt, another round, another task. */
        for (uint32_t other = 0; other < 3; other++) {
            fedl_message wrong = m;
            uint32_t *field = is_up(items[i]) ? (other == 0   ? &wrong.u.put.attempt
                                                 : other == 1 ? &wrong.u.put.round
                                                              : &wrong.u.put.task_id)
                                              : (other == 0   ? &wrong.u.get.attempt
                                                 : other == 1 ? &wrong.u.get.round
                                                              : &wrong.u.get.task_id);
            *field = 7;
            device_send(&p.w, d, &wrong);
            assert_true(device_rejected(d, other == 2 ? FEDL_REJECT_NOT_FOUND : FEDL_REJECT_STALE));
            tried++;
        }
    }
    return tried;
}

static void try_upload(scene s, device *d, bool member)
{
    uint8_t vector[4096];
    world_vector(&p.w, vector, 1); /* its digest is no round binding */
    device_upload_part(&p.w, d, vector, 0, 64, 1, 1);
    const bool group = s >= SCENE_GATHERING && s <= SCENE_MASKING;
    const bool after = s >= SCENE_FREEZING && s <= SCENE_COMMITTING;
    if (!group && !after) {
        assert_true(device_rejected(d, FEDL_REJECT_STALE));
    } else if (!member) {
        assert_true(device_rejected(d, FEDL_REJECT_NOT_MEMBER));
    } else if (after) { /* it has reported */
        assert_true(device_got(d, FEDL_MESSAGE_ACCEPTED) && d->message.u.accepted.complete);
    } else {
        assert_true(device_rejected(d, FEDL_REJECT_MISMATCH) ||
                    device_rejected(d, FEDL_REJECT_STALE) ||
                    device_rejected(d, FEDL_REJECT_NOT_MEMBER));
    }
}

static void try_checkin(scene s, device *d, bool member)
{
    device_checkin(&p.w, d, 0);
    if (s == SCENE_GATHERING && member) {
        assert_true(device_got(d, FEDL_MESSAGE_TASK));
    } else {
        assert_true(device_got(d, FEDL_MESSAGE_WAIT));
    }
}

static void every_request_in_every_phase(void **state)
{
    (void)state;
    uint32_t tried = 0;
    for (scene s = SCENE_OPENING; s < SCENE_END; s = (scene)(s + 1)) {
        for (uint32_t member = 0; member < 2; member++) {
            set_scene(s);
            check_scene(s);
            device *d = p.parties[member != 0 ? 1u : COHORT].d;
            tried += try_items(s, d, member != 0);
            try_upload(s, d, member != 0);
            try_checkin(s, d, member != 0);
            check_scene(s); /* nothing of it has moved the round */
            if (s == SCENE_ABORTING || s == SCENE_BURNING) {
                parties_close(&p);
                continue;
            }
            /* Everybody goes on; whose request was taken away above asks again. */
            for (uint32_t i = 0; i < COHORT; i++) {
                p.parties[i].lost = false;
                p.parties[i].lost_at = (fedli_party_want)0;
            }
            p.parties[1].waits = p.parties[1].waits && member == 0;
            p.w.hold = false;
            while (p.w.store_count > 0 || p.w.compute_ticket != 0) {
                if (p.w.store_count > 0) {
                    world_store_one(&p.w);
                } else {
                    world_compute(&p.w);
                }
            }
            parties_run(&p);
            assert_int_equal(p.w.version[1], 2);
            assert_int_equal(p.w.last_commit.attempt, 1);
            assert_int_equal(p.w.last_commit.member_count, COHORT);
            parties_close(&p);
        }
    }
    assert_int_equal(tried, 11 * 2 * 11 * 5);
}

/* A parked GET is answered when there is news, when its time is over, and when the attempt ends. */
static void a_parked_get_is_answered(void **state)
{
    (void)state;
    set_scene(SCENE_SHARING);
    device *d = p.parties[1].d;
    fedl_message m = {.kind = FEDL_MESSAGE_GET};
    m.u.get = (fedl_message_get){1, 1, 1, FEDL_ITEM_FORWARD, 0, 256, 1000};
    device_send(&p.w, d, &m);
    assert_int_equal(d->answer, ANSWER_NONE);
    world_run_ms(&p.w, 800);
    assert_int_equal(d->answer, ANSWER_NONE);
    world_run_ms(&p.w, 200);
    assert_true(device_got(d, FEDL_MESSAGE_PART));
    assert_int_equal(d->message.u.part.total_bytes, 0);
    assert_int_equal(d->message.u.part.payload.size, 0);
    device_send(&p.w, d, &m);
    device_gone(&p.w, d); /* its connection is lost: no answer, and none is tried */
    world_run_ms(&p.w, 200);
    m.u.get.wait_ms_max = 60000;
    device_send(&p.w, d, &m);
    const fedl_admin pause = {.kind = FEDL_ADMIN_TASK_PAUSE, .task_id = 1};
    world_admin(&p.w, &pause);
    world_settle(&p.w);
    assert_true(device_rejected(d, FEDL_REJECT_STALE));
    parties_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_request_in_every_phase),
        cmocka_unit_test(a_parked_get_is_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
