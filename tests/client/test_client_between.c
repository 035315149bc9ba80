/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offers at the wrong moment: whatever a lying server offers, and in whatever state of a masked
 * attempt it comes, one (task, round, attempt) has one set of items, one binding and one vector.
 * The observer here reads every message of the device, and asks the machine for nothing.
 */
#include "cmocka_all.h"

#include "device_group.h"

#include <stdlib.h>
#include <string.h>

/* ---- what the wire has shown ---- */

#define ATTEMPTS_MAX 8u

typedef struct seen {
    uint32_t task_id;
    uint32_t round;
    uint32_t attempt;
    uint8_t rb[32];
    uint8_t item[8][4096];
    size_t item_size[8];
    uint8_t vector[2048];
    size_t vector_size;
} seen;

static seen attempts[ATTEMPTS_MAX];
static uint32_t attempt_count;
static fedl_message_task offered; /* the answer to the last check-in, if that was a task */

/* What goes up or is asked for belongs to the task that was offered last. */
static seen *attempt_of(uint32_t task_id, uint32_t round, uint32_t attempt)
{
    assert_int_equal(task_id, offered.task_id);
    assert_int_equal(round, offered.round);
    assert_int_equal(attempt, offered.attempt);
    for (uint32_t i = 0; i < attempt_count; i++) {
        seen *s = &attempts[i];
        if (s->task_id == task_id && s->round == round && s->attempt == attempt) {
            return s;
        }
    }
    assert_true(attempt_count < ATTEMPTS_MAX);
    seen *s = &attempts[attempt_count++];
    memset(s, 0, sizeof *s);
    s->task_id = task_id;
    s->round = round;
    s->attempt = attempt;
    return s;
}

/* Bytes that were seen before are the same ones. */
static bool goes_on(uint8_t *kept, size_t *kept_size, size_t room, uint64_t offset, fedl_bytes part)
{
    assert_true(offset <= *kept_size && offset + part.size <= room);
    const size_t known = *kept_size - (size_t)offset;
    const size_t size = known < part.size ? known : part.size;
    if (memcmp(kept + offset, part.data, size) != 0) {
        return false;
    }
    memcpy(kept + offset, part.data, part.size);
    if (offset + part.size > *kept_size) {
        *kept_size = (size_t)offset + part.size;
    }
    return true;
}

static void see_put(const fedl_message_put *put)
{
    seen *s = attempt_of(put->task_id, put->round, put->attempt);
    const uint32_t item = (uint32_t)put->item;
    assert_true(item < 8);
    if (put->item == FEDL_ITEM_READY && put->offset == 0 && s->item_size[FEDL_ITEM_SHARES] == 0) {
        s->item_size[item] = 0; /* before a roster is accepted an attempt may begin anew */
    }
    assert_true(put->item == FEDL_ITEM_READY || s->item_size[FEDL_ITEM_READY] > 0);
    assert_true(
        goes_on(s->item[item], &s->item_size[item], sizeof s->item[0], put->offset, put->payload));
}

static void see_upload(const fedl_message_upload *upload)
{
    seen *s = attempt_of(upload->task_id, upload->round, upload->attempt);
    const uint8_t zeros[32] = {0};
    assert_true(s->item_size[FEDL_ITEM_SHARES] > 0);
    assert_memory_not_equal(upload->digest, zeros, 32);
    if (s->vector_size == 0) {
        memcpy(s->rb, upload->digest, 32);
    }
    assert_memory_equal(s->rb, upload->digest, 32);
    for (uint32_t i = 0; i < attempt_count; i++) {
        assert_true(&attempts[i] == s || memcmp(attempts[i].rb, s->rb, 32) != 0);
    }
    assert_true(
        goes_on(s->vector, &s->vector_size, sizeof s->vector, upload->offset, upload->payload));
}

static bool see(const fedl_message *request)
{
    if (request->kind == FEDL_MESSAGE_PUT) {
        see_put(&request->u.put);
    } else if (request->kind == FEDL_MESSAGE_UPLOAD) {
        see_upload(&request->u.upload);
    } else if (request->kind == FEDL_MESSAGE_GET) {
        const fedl_message_get *get = &request->u.get;
        assert_true(attempt_of(get->task_id, get->round, get->attempt)->item_size[FEDL_ITEM_READY] >
                    0);
    } else {
        return false;
    }
    return true;
}

/* ---- lies ---- */

/* An offer, as it differs from the present one. */
typedef struct lie {
    const char *name;
    bool wait; /* offered for prediction only */
    bool other_task;
    bool other_plan;  /* another table of k and t, so another graph */
    bool other_model; /* that the server does not even have */
    uint32_t versions;
    uint32_t rounds;
    uint32_t attempts;
} lie;

static const lie lies[] = {
    {"the same attempt", false, false, false, false, 0, 0, 0},
    {"the next attempt", false, false, false, false, 0, 0, 1},
    {"the last attempt", false, false, false, false, 0, 0, 2},
    {"another round, the same model", false, false, false, false, 0, 1, 0},
    {"a round that was before", false, false, false, false, 0, UINT32_MAX, 0},
    {"another version, the same bytes", false, false, false, false, 1, 0, 0},
    {"another model", false, false, false, true, 1, 1, 0},
    {"another plan", false, false, true, false, 1, 0, 0},
    {"another task", false, true, false, false, 0, 0, 0},
    {"the held model to predict with", true, false, false, false, 0, 0, 0},
    {"its next version to predict with", true, false, false, false, 1, 0, 0},
    {"another model to predict with", true, false, false, true, 1, 0, 0},
    {"another plan to predict with", true, false, true, false, 1, 0, 0},
    {"another task's model to predict with", true, true, false, false, 0, 0, 0},
};
#define LIES (sizeof lies / sizeof lies[0])

typedef enum way {
    INSTEAD = 0, /* of the answer to an item: nothing that was asked for */
    BETWEEN = 1, /* the item is called stale, and the next check-in gets the lie */
} way;

static const lie *told;
static way told_how;
static int told_at; /* number of the masked request */
static bool told_already;
static bool checkin_next;
static uint8_t offered_manifest[FEDLI_MANIFEST_BYTES];
static uint8_t offered_plan[FEDL_PLAN_BYTES_MAX];

/* Signed by the real server: it is the one that lies. */
static void tell(world *w, fedl_message *reply)
{
    static world_server kept;
    fedl_model_offer offer;
    kept = w->server;
    world_server *s = &w->server;
    s->manifest.version += told->versions;
    s->manifest.task_id += told->other_task ? 1u : 0u;
    s->container[60] ^= told->other_model ? 1u : 0u;
    if (told->other_plan) {
        s->plan.secagg.min_cohort = 6;
        s->plan.secagg.gamma_permille = 150;
    }
    world_sign(w);
    memcpy(offered_manifest, s->manifest_bytes, sizeof offered_manifest);
    memcpy(offered_plan, s->plan_bytes, s->plan_size);
    memset(&offer, 0, sizeof offer);
    offer.manifest = fedl_bytes_of(offered_manifest, sizeof offered_manifest);
    offer.plan = fedl_bytes_of(offered_plan, s->plan_size);
    memcpy(offer.signature, s->signature, 64);
    memset(&reply->u, 0, sizeof reply->u);
    reply->kind = told->wait ? FEDL_MESSAGE_WAIT : FEDL_MESSAGE_TASK;
    if (told->wait) {
        reply->u.wait.retry_after_ms = 500;
        reply->u.wait.has_offer = true;
        reply->u.wait.offer = offer;
    } else {
        reply->u.task.task_id = s->manifest.task_id;
        reply->u.task.round = s->round + told->rounds;
        reply->u.task.attempt = s->attempt + told->attempts;
        reply->u.task.deadline_ms = 60000;
        reply->u.task.offer = offer;
    }
    w->server = kept;
    told_already = true;
    world_say(w, "server lies: %s", told->name);
}

/* An attempt that was given up leaves nothing; only one that named its survivors stays. */
static void expect_wiped(const world *w)
{
    const fedli_client_group *g = &w->client.state->group;
    const uint8_t *bytes = g->block;
    for (size_t i = 0; !g->closed && i < g->block_bytes; i++) {
        assert_int_equal(bytes[i], 0);
    }
}

static world_answer lying(world *w, const fedl_message *request, fedl_message *reply)
{
    if (request->kind == FEDL_MESSAGE_CHECKIN && checkin_next) {
        checkin_next = false;
        expect_wiped(w);
        tell(w, reply);
    } else if (see(request) && w->counter++ == told_at) {
        if (told_how == INSTEAD) {
            tell(w, reply);
        } else {
            memset(&reply->u, 0, sizeof reply->u);
            reply->kind = FEDL_MESSAGE_REJECT;
            reply->u.reject.code = FEDL_REJECT_STALE;
            checkin_next = true;
        }
    }
    if (request->kind == FEDL_MESSAGE_CHECKIN) {
        memset(&offered, 0, sizeof offered);
        if (reply->kind == FEDL_MESSAGE_TASK) {
            offered = reply->u.task;
        }
    }
    return WORLD_REPLY;
}

static world *lying_world(const lie *what, way how, int at)
{
    world *w = world_create(FEDL_CLIENT_RUN);
    w->cfg.chunk_bytes_max = 1024;
    world_masked(w, 5, FEDL_TRUST_ACTIVE, 16);
    world_publish(w); /* so that there is a round before */
    world_group_begin(w);
    attempt_count = 0;
    told = what;
    told_how = how;
    told_at = at;
    told_already = false;
    checkin_next = false;
    w->hook = lying;
    return w;
}

/* As if nothing had happened, with numbers that no lie has used. */
static void a_further_round_is_good(world *w)
{
    w->group->insist = false;
    w->server.manifest.version += 10;
    w->server.round += 10;
    world_next_round(w);
    world_forget(w);
    world_until_done(w);
    world_expect_sum(w);
}

/* Offers come in answer to a check-in only: anywhere else the message is dropped, and the attempt
 * goes on with the same item. */
static void nobody_asked_for_an_offer(void **state)
{
    (void)state;
    for (size_t i = 0; i < LIES; i += 5) { /* two tasks, one for prediction: their content is not
                                              looked at */
        for (int at = 0;; at++) {
            world *w = lying_world(&lies[i], INSTEAD, at);
            world_until_done(w);
            world_expect_sum(w);
            assert_int_equal(world_count(w, "log bad message"), told_already);
            assert_int_equal(attempt_count, 1);
            assert_int_equal(w->train_count, 1);
            const bool last = !told_already;
            world_destroy(w);
            if (last) {
                assert_true(at >= 11); /* every item was there, some in two parts */
                break;
            }
        }
    }
}

/* The attempt is interrupted at every item, the next check-in gets the lie, the one behind it the
 * first offer again: a device that gave its survivors gives the same bytes, one that did not stays
 * away from what it has opened. */
static void an_offer_in_between_is_not_mixed_in(void **state)
{
    (void)state;
    uint32_t repeated = 0;
    for (size_t i = 0; i < LIES; i++) {
        for (int at = 0;; at++) {
            world *w = lying_world(&lies[i], BETWEEN, at);
            for (uint32_t n = 0; n < 40 && !told_already && !world_said(w, "log uploaded"); n++) {
                world_advance(w, 1000);
            }
            if (!told_already) {
                world_destroy(w);
                assert_true(at >= 11);
                break;
            }
            const fedli_client_group *g = &w->client.state->group;
            const bool closed = g->closed && g->active;
            world_forget(w);
            w->group->insist = true;
            if (w->group->exported_size > 0) {
                for (uint32_t p = 0; p < w->group->peer_count; p++) {
                    fedli_party_rewind(&w->group->peers[p].party);
                }
                world_group_restart(w);
            }
            for (uint32_t n = 0; n < 6; n++) {
                world_advance(w, 200);
            }
            if (closed && world_said(w, "PUT UNMASK")) {
                repeated++;
                assert_true(world_said(w, "log task status 0 a 0 b 0 round 2.1"));
                assert_false(world_said(w, "UPLOAD 0"));
            }
            a_further_round_is_good(w);
            world_destroy(w);
        }
    }
    assert_true(repeated >= 3u * 8u); /* three items behind the survivors, most lies */
}

/* After the round, and not only once. */
static void a_finished_attempt_is_not_moved(void **state)
{
    (void)state;
    for (size_t i = 0; i < LIES; i++) {
        world *w = lying_world(&lies[i], INSTEAD, -1);
        world_until_done(w);
        const fedl_client_accepted before = w->client.state->cfg.progress.tasks[0];
        const uint32_t count = attempt_count;
        checkin_next = true;
        w->server.reported = false;
        w->group->insist = true;
        world_forget(w);
        for (uint32_t n = 0; n < 20 && !world_said(w, "PUT UNMASK") && !world_said(w, "refused");
             n++) {
            world_advance(w, 200);
        }
        assert_true(told_already);
        if (told->wait && !told->other_plan && !told->other_model && !told->other_task) {
            /* The machine that took part is still there. */
            assert_true(world_said(w, "PUT UNMASK"));
            assert_true(world_said(w, "log task status 0 a 0 b 0 round 2.1"));
            assert_int_equal(attempt_count, count);
            assert_int_equal(w->client.state->task.round, 2);
        }
        if (!told->wait && told->rounds != 1 && !told->other_task && !told->other_plan) {
            /* Nothing but the very attempt passes for it. */
            const bool same = told->versions == 0 && told->attempts == 0 && told->rounds == 0;
            assert_int_equal(world_said(w, "PUT UNMASK"), same);
            assert_int_equal(world_said(w, "refused"), !same);
            assert_true(same || told->rounds != 0 || w->refusal == FEDL_REFUSAL_ROUND_CLOSED);
        }
        const fedl_client_accepted *now = w->client.state->cfg.progress.tasks;
        for (uint32_t t = 0; t < w->client.state->cfg.progress.count; t++) {
            if (now[t].task_id == WORLD_TASK_ID) {
                assert_int_equal(now[t].round_closed, before.round_closed);
                assert_int_equal(now[t].round_opened, before.round_opened);
            }
        }
        a_further_round_is_good(w);
        world_destroy(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_asked_for_an_offer),
        cmocka_unit_test(an_offer_in_between_is_not_mixed_in),
        cmocka_unit_test(a_finished_attempt_is_not_moved),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
