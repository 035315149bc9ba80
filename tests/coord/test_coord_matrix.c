/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every message in every phase, from every kind of sender: never a crash, never a contract status,
 * always an answer that this table allows.
 */
#include "coord_world.h"

#include "base/cursor.h"

#include <stdio.h>
#include <string.h>

typedef enum scene {
    SCENE_EMPTY = 1, /* no task */
    SCENE_ADDING,    /* its TASK_ADD is out */
    SCENE_POOL,
    SCENE_OPENING,
    SCENE_RUNNING,
    SCENE_COMMITTING,
    SCENE_ABORTING,
    SCENE_RETRY,
    SCENE_PAUSED,
    SCENE_COMPLETE,
    SCENE_END,
} scene;

typedef enum sender {
    SENDER_MEMBER = 1, /* chosen, has not reported (where there are members) */
    SENDER_REPORTED,
    SENDER_OTHER, /* of the fleet, not chosen */
    SENDER_HALF,  /* its first record */
    SENDER_END,
} sender;

static world w;
static uint8_t container_digest[32];

static void report(device *d)
{
    uint8_t vector[4096];
    world_vector(&w, vector, d->id);
    device_upload(&w, d, vector, 1, 1);
}

/* Brings the world into a scene. Devices 0 to 4 check in; 5 stays out; 6 has only said hello. */
static void set_scene(scene s)
{
    world_open(&w, NULL);
    world_join_members(&w, 7);
    device_connect(&w, &w.devices[5]);
    fedl_message wait = {.kind = FEDL_MESSAGE_FETCH};
    wait.u.fetch.task_id = 9;
    wait.u.fetch.bytes_max = 256;
    device_send(&w, &w.devices[5], &wait);
    device_connect(&w, &w.devices[6]);
    w.round.round_count = s == SCENE_COMPLETE ? 1u : 3u;
    w.hold = s == SCENE_ADDING;
    if (s == SCENE_EMPTY) {
        return;
    }
    (void)world_add_task(&w, "first");
    if (s == SCENE_ADDING) {
        return;
    }
    world_digest(&w, container_digest, 1);
    if (s == SCENE_POOL) {
        return;
    }
    w.hold = s == SCENE_OPENING;
    for (uint32_t i = 0; i < 5; i++) {
        device_connect(&w, &w.devices[i]);
        device_checkin(&w, &w.devices[i], 10000);
    }
    world_settle(&w);
    if (s == SCENE_OPENING) {
        return;
    }
    uint32_t reports = s == SCENE_COMMITTING || s == SCENE_COMPLETE ? 3u : 1u;
    w.hold = s == SCENE_COMMITTING;
    for (uint32_t i = 0; reports > 0 && i < 5; i++) {
        if (device_got(&w.devices[i], FEDL_MESSAGE_TASK)) {
            report(&w.devices[i]);
            reports--;
        }
    }
    if (s == SCENE_ABORTING || s == SCENE_RETRY) {
        w.hold = s == SCENE_ABORTING;
        world_run_ms(&w, 10000);
    }
    if (s == SCENE_PAUSED) {
        const fedl_admin pause = {.kind = FEDL_ADMIN_TASK_PAUSE, .task_id = 1};
        world_admin(&w, &pause);
    }
}

/* NULL: there is no such sender in this scene. */
static device *pick(scene s, sender who)
{
    switch (who) {
    case SENDER_MEMBER:
    case SENDER_REPORTED:
    case SENDER_END:
        break;
    case SENDER_OTHER:
        return &w.devices[5];
    case SENDER_HALF:
        return &w.devices[6];
    }
    device *found = NULL;
    for (uint32_t i = 0; s > SCENE_POOL && i < 5; i++) {
        const bool reported = device_got(&w.devices[i], FEDL_MESSAGE_ACCEPTED);
        if (reported == (who == SENDER_REPORTED) &&
            (found == NULL || device_got(&w.devices[i], FEDL_MESSAGE_TASK))) {
            found = &w.devices[i];
        }
    }
    return found;
}

static void fill_message(fedl_message *m, fedl_message_kind kind, uint8_t *vector)
{
    static uint8_t bytes[240] = {1};
    const fedl_bytes some = fedl_bytes_of(bytes, sizeof bytes);
    const fedl_model_offer offer = {.manifest = some, .plan = some};
    memset(m, 0, sizeof *m);
    m->kind = kind;
    switch (kind) {
    case FEDL_MESSAGE_ENROL:
        break;
    case FEDL_MESSAGE_ENROLLED:
        m->u.enrolled.device_id = 1;
        m->u.enrolled.device_cert = fedl_bytes_of(bytes, FEDLI_CERT_BYTES);
        m->u.enrolled.server_cert = fedl_bytes_of(bytes, FEDLI_CERT_BYTES);
        break;
    case FEDL_MESSAGE_CHECKIN:
        m->u.checkin.protocol_min = 1;
        m->u.checkin.protocol_max = 1;
        break;
    case FEDL_MESSAGE_TASK:
        m->u.task = (fedl_message_task){1, 1, 1, 1000, offer};
        break;
    case FEDL_MESSAGE_WAIT:
        m->u.wait.has_offer = true;
        m->u.wait.offer = offer;
        break;
    case FEDL_MESSAGE_FETCH:
        m->u.fetch.task_id = 1;
        m->u.fetch.bytes_max = 256;
        memcpy(m->u.fetch.digest, container_digest, 32);
        break;
    case FEDL_MESSAGE_CHUNK:
        m->u.chunk.total_bytes = 240;
        m->u.chunk.payload = some;
        break;
    case FEDL_MESSAGE_UPLOAD:
        world_vector(&w, vector, 3);
        m->u.upload = (fedl_message_upload){.task_id = 1,
                                            .round = 1,
                                            .attempt = 1,
                                            .total_bytes = world_vector_bytes(&w),
                                            .payload = fedl_bytes_of(vector, 64)};
        break;
    case FEDL_MESSAGE_ACCEPTED:
        break;
    case FEDL_MESSAGE_REJECT:
        m->u.reject.code = FEDL_REJECT_BUSY;
        break;
    case FEDL_MESSAGE_PUT:
        m->u.put = (fedl_message_put){1, 1, 1, FEDL_ITEM_READY, 0, 240, some};
        break;
    case FEDL_MESSAGE_GET:
        m->u.get = (fedl_message_get){1, 1, 1, FEDL_ITEM_ROSTER, 0, 256, 0};
        break;
    case FEDL_MESSAGE_PART:
        m->u.part = (fedl_message_part){FEDL_ITEM_ROSTER, 0, 240, some};
        break;
    case FEDL_MESSAGE_LEAVE:
    case FEDL_MESSAGE_LEFT:
        break;
    }
}

static bool fetch_allowed(const device *d, scene s)
{
    switch (s) {
    case SCENE_EMPTY:
    case SCENE_ADDING:
    case SCENE_COMPLETE: /* asks for version 1, version 2 is out */
        return device_rejected(d, FEDL_REJECT_NOT_FOUND);
    case SCENE_COMMITTING:
        return device_rejected(d, FEDL_REJECT_BUSY);
    case SCENE_POOL:
    case SCENE_OPENING:
    case SCENE_RUNNING:
    case SCENE_ABORTING:
    case SCENE_RETRY:
    case SCENE_PAUSED:
        return device_got(d, FEDL_MESSAGE_CHUNK);
    case SCENE_END:
        break;
    }
    return false;
}

static bool upload_allowed(const device *d, scene s, sender who)
{
    if (s == SCENE_EMPTY || s == SCENE_ADDING) {
        return device_rejected(d, FEDL_REJECT_NOT_FOUND);
    }
    if (s != SCENE_RUNNING && s != SCENE_COMMITTING) {
        return device_rejected(d, FEDL_REJECT_STALE);
    }
    if (who == SENDER_REPORTED) {
        return device_got(d, FEDL_MESSAGE_ACCEPTED) && d->message.u.accepted.complete;
    }
    if (who == SENDER_MEMBER && s == SCENE_COMMITTING) {
        return device_rejected(d, FEDL_REJECT_STALE) || device_rejected(d, FEDL_REJECT_NOT_MEMBER);
    }
    if (who == SENDER_MEMBER) {
        return device_got(d, FEDL_MESSAGE_ACCEPTED) && !d->message.u.accepted.complete;
    }
    return device_rejected(d, FEDL_REJECT_NOT_MEMBER);
}

/* Of a task that is not masked no attempt has items. */
static bool item_allowed(const device *d, scene s)
{
    return device_rejected(d, s == SCENE_EMPTY || s == SCENE_ADDING ? FEDL_REJECT_NOT_FOUND
                                                                    : FEDL_REJECT_STALE);
}

static bool checkin_allowed(const device *d, scene s, sender who)
{
    if (s == SCENE_RUNNING && who == SENDER_MEMBER) {
        return device_got(d, FEDL_MESSAGE_TASK);
    }
    return device_got(d, FEDL_MESSAGE_WAIT) &&
           d->message.u.wait.has_offer == (s == SCENE_PAUSED || s == SCENE_COMPLETE);
}

static bool answer_allowed(const device *d, fedl_message_kind kind, scene s, sender who)
{
    switch (kind) {
    case FEDL_MESSAGE_CHECKIN:
        return checkin_allowed(d, s, who);
    case FEDL_MESSAGE_FETCH:
        return fetch_allowed(d, s);
    case FEDL_MESSAGE_UPLOAD:
        return upload_allowed(d, s, who);
    case FEDL_MESSAGE_LEAVE: /* stored, or waiting behind what is held */
        return device_got(d, FEDL_MESSAGE_LEFT) || (w.hold && d->answer == ANSWER_NONE);
    case FEDL_MESSAGE_ENROL:
    case FEDL_MESSAGE_ENROLLED:
    case FEDL_MESSAGE_TASK:
    case FEDL_MESSAGE_WAIT:
    case FEDL_MESSAGE_CHUNK:
    case FEDL_MESSAGE_ACCEPTED:
    case FEDL_MESSAGE_REJECT:
    case FEDL_MESSAGE_PART:
    case FEDL_MESSAGE_LEFT:
        break;
    case FEDL_MESSAGE_PUT:
    case FEDL_MESSAGE_GET:
        return item_allowed(d, s);
    }
    return device_rejected(d, FEDL_REJECT_MALFORMED);
}

static void every_message_in_every_phase(void **state)
{
    (void)state;
    uint8_t vector[4096];
    uint32_t tried = 0;
    for (scene s = SCENE_EMPTY; s < SCENE_END; s = (scene)(s + 1)) {
        for (sender who = SENDER_MEMBER; who < SENDER_END; who = (sender)(who + 1)) {
            set_scene(s);
            device *d = pick(s, who);
            for (fedl_message_kind kind = FEDL_MESSAGE_ENROL;
                 d != NULL && kind <= FEDL_MESSAGE_PART; kind = (fedl_message_kind)(kind + 1)) {
                if (kind == FEDL_MESSAGE_LEAVE) {
                    continue; /* below: nothing follows it */
                }
                fedl_message m;
                fill_message(&m, kind, vector);
                device_send(&w, d, &m);
                if (!answer_allowed(d, kind, s, who)) {
                    fail_msg("scene %d, sender %d, kind %d: answer %d, message %d, code %d", s, who,
                             kind, d->answer, d->message.kind, d->message.u.reject.code);
                }
                tried++;
            }
            if (d != NULL) {
                fedl_message m;
                fill_message(&m, FEDL_MESSAGE_LEAVE, vector);
                device_send(&w, d, &m);
                assert_true(answer_allowed(d, FEDL_MESSAGE_LEAVE, s, who));
                tried++;
            }
            world_store_all(&w);
            world_run_ms(&w, 30000);
            world_close(&w);
        }
    }
    /* Members in 7 scenes, those who have reported in 6, the two others in all 10. */
    assert_int_equal(tried, (7 + 6 + 10 + 10) * 15);
}

/* Handshake messages and refusals for sessions in every state; the sessions live on. */
static void every_envelope_at_every_session(void **state)
{
    (void)state;
    uint8_t bytes[FEDLI_ENVELOPE_HEADER_BYTES + 300];
    set_scene(SCENE_RUNNING);
    device *joined = world_join(&w);
    const uint64_t sessions[] = {0, w.devices[0].session_id, w.devices[6].session_id,
                                 joined->session_id, UINT64_MAX};
    device *stranger = world_new_device(&w);
    for (size_t i = 0; i < sizeof sessions / sizeof sessions[0]; i++) {
        for (fedli_envelope_kind kind = FEDLI_ENVELOPE_HELLO_IK; kind <= FEDLI_ENVELOPE_REFUSE;
             kind = (fedli_envelope_kind)(kind + 1)) {
            for (size_t size = 0; size <= 300; size += 20) {
                memset(bytes, (int)size, sizeof bytes);
                fedli_envelope_header_encode(bytes, kind, sessions[i]);
                device_send_raw(&w, stranger, bytes, FEDLI_ENVELOPE_HEADER_BYTES + size);
                /* XX message 1 of any 32 bytes is a good one; a finished enrolment is repeated. */
                assert_true(stranger->answer == ANSWER_REFUSED ||
                            stranger->answer == ANSWER_DROPPED ||
                            (kind == FEDLI_ENVELOPE_HELLO_XX && stranger->answer == ANSWER_HELLO) ||
                            (kind == FEDLI_ENVELOPE_FINISH_XX && i == 3));
            }
        }
    }
    device_checkin(&w, &w.devices[5], 0);
    assert_true(device_got(&w.devices[5], FEDL_MESSAGE_WAIT));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_in_every_phase),
        cmocka_unit_test(every_envelope_at_every_session),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
