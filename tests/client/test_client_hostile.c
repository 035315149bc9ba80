/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that no honest server sends: the device drops the connection and comes back. */
#include "cmocka_all.h"

#include "device_world.h"

#include <string.h>

/* w->counter counts requests; request number `fault_at` meets `fault_kind`, once. */
static int fault_at;
static world_answer fault_kind;

static world_answer fault_once(world *w, const fedl_message *request, fedl_message *reply)
{
    (void)request;
    (void)reply;
    return w->counter++ == fault_at ? fault_kind : WORLD_REPLY;
}

/* Every kind of message as the answer to every request; the device must recover each time. */
static fedl_message_kind wrong_kind;

static void fill_item(fedl_message *reply)
{
    static const uint8_t payload[64] = {1};
    const fedl_bytes part = fedl_bytes_of(payload, sizeof payload);
    if (reply->kind == FEDL_MESSAGE_PUT) {
        reply->u.put = (fedl_message_put){1, 1, 1, FEDL_ITEM_READY, 0, 64, part};
    } else if (reply->kind == FEDL_MESSAGE_GET) {
        reply->u.get = (fedl_message_get){1, 1, 1, FEDL_ITEM_ROSTER, 0, FEDLI_CHUNK_BYTES_MIN, 0};
    } else {
        reply->u.part = (fedl_message_part){FEDL_ITEM_ROSTER, 0, 64, part};
    }
}

static world_answer answer_wrongly(world *w, const fedl_message *request, fedl_message *reply)
{
    static const uint8_t payload[64] = {1};
    if (w->counter++ != fault_at) {
        return WORLD_REPLY;
    }
    const uint64_t id = request->request_id;
    const fedl_model_offer offer = {
        .manifest = fedl_bytes_of(w->server.manifest_bytes, FEDLI_MANIFEST_BYTES),
        .plan = fedl_bytes_of(w->server.plan_bytes, w->server.plan_size)};
    memset(reply, 0, sizeof *reply);
    reply->kind = wrong_kind;
    reply->request_id = id;
    switch (wrong_kind) {
    case FEDL_MESSAGE_ENROLLED:
        reply->u.enrolled.device_id = 1;
        reply->u.enrolled.device_cert = fedl_bytes_of(payload, 64);
        reply->u.enrolled.server_cert = fedl_bytes_of(payload, 64);
        break;
    case FEDL_MESSAGE_CHECKIN:
        reply->u.checkin.protocol_min = 1;
        reply->u.checkin.protocol_max = 1;
        break;
    case FEDL_MESSAGE_TASK: /* honest to the point of the signature, which is zero */
        reply->u.task.task_id = WORLD_TASK_ID;
        reply->u.task.round = 1;
        reply->u.task.attempt = 1;
        reply->u.task.deadline_ms = 1000;
        reply->u.task.offer = offer;
        break;
    case FEDL_MESSAGE_FETCH:
        reply->u.fetch.task_id = 1;
        reply->u.fetch.bytes_max = FEDLI_CHUNK_BYTES_MIN;
        break;
    case FEDL_MESSAGE_CHUNK: /* right offset, wrong total */
        reply->u.chunk.total_bytes = 4000;
        reply->u.chunk.payload = fedl_bytes_of(payload, 64);
        break;
    case FEDL_MESSAGE_UPLOAD:
        reply->u.upload.task_id = 1;
        reply->u.upload.round = 1;
        reply->u.upload.attempt = 1;
        reply->u.upload.total_bytes = 64;
        reply->u.upload.payload = fedl_bytes_of(payload, 64);
        break;
    case FEDL_MESSAGE_ACCEPTED:
        reply->u.accepted.next_offset = 64u * 1000u; /* beyond the vector */
        break;
    case FEDL_MESSAGE_REJECT:
        reply->u.reject.code = FEDL_REJECT_BUSY;
        reply->u.reject.retry_after_ms = 77;
        reply->u.reject.text = fedl_bytes_of("later", 5);
        break;
    case FEDL_MESSAGE_PUT:
    case FEDL_MESSAGE_GET:
    case FEDL_MESSAGE_PART:
        fill_item(reply);
        break;
    case FEDL_MESSAGE_ENROL:
    case FEDL_MESSAGE_WAIT:
    case FEDL_MESSAGE_LEAVE:
    case FEDL_MESSAGE_LEFT:
        break;
    }
    return WORLD_REPLY;
}

static void any_message_in_any_phase_is_survived(void **state)
{
    (void)state;
    for (int kind = FEDL_MESSAGE_ENROL; kind <= FEDL_MESSAGE_PART; kind++) {
        for (int at = 0; at < 8; at++) {
            world *w = world_create(FEDL_CLIENT_RUN);
            w->hook = answer_wrongly;
            wrong_kind = (fedl_message_kind)kind;
            fault_at = at;
            world_run(w, 100);
            world_until_reported(w);
            assert_int_equal(w->train_count, 1);
            world_destroy(w);
        }
    }
}

static world_answer wrong_id(world *w, const fedl_message *request, fedl_message *reply)
{
    (void)request;
    if (w->counter++ == 2) {
        reply->request_id++;
    }
    return WORLD_REPLY;
}

static void answer_to_another_request_is_not_taken(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->hook = wrong_id;
    world_run(w, 100);
    assert_true(world_said(w, "log bad message status -10"));
    world_until_reported(w);
    assert_int_equal(world_count(w, "FETCH 256"), 2);
    world_destroy(w);
}

/* Raw bytes at a moment when the device waits for a reply. */
static void throws(world *w, const void *bytes, size_t size)
{
    fedl_client_event event;
    fedl_client_actions actions;
    memset(&event, 0, sizeof event);
    event.kind = FEDL_CLIENT_MESSAGE;
    event.now_ns = w->now_ns;
    event.bytes = fedl_bytes_of(bytes, size);
    assert_int_equal(fedl_client_step(&w->client, &event, &actions), FEDL_OK);
}

static void garbage_is_survived(void **state)
{
    (void)state;
    for (int at = 0; at < 7; at++) {
        for (uint32_t form = 0; form < 6; form++) {
            world *w = world_create(FEDL_CLIENT_RUN);
            uint8_t bytes[300];
            w->hook = fault_once;
            fault_at = at;
            fault_kind = WORLD_SILENT;
            world_run(w, 100);
            memset(bytes, 0xa5, sizeof bytes);
            fedli_envelope_header_encode(bytes, (fedli_envelope_kind)(form == 0 ? 4u : form),
                                         form == 0 ? 0 : w->server.session_id);
            if (form == 0) {
                bytes[0] = 'x';
            }
            throws(w, bytes, sizeof bytes);
            throws(w, bytes, 3);
            throws(w, bytes, 0);
            world_until_reported(w);
            world_destroy(w);
        }
    }
}

static world_answer duplicate(world *w, const fedl_message *request, fedl_message *reply)
{
    (void)request;
    world_send(w, reply); /* and once more by the harness, as a record of its own */
    const uint32_t last = w->queue_count - 1u;
    /* The identical record again: what a network may do. */
    w->queue[w->queue_count] = w->queue[last];
    w->queue_count++;
    (void)reply;
    return WORLD_SILENT;
}

static void duplicated_records_count_once(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->hook = duplicate;
    world_run(w, 200);
    assert_true(w->server.reported);
    assert_int_equal(w->train_count, 1);
    assert_int_equal(world_count(w, "FETCH"), 3);
    assert_false(world_said(w, "bad message"));
    world_destroy(w);
}

static world_answer lose_slot(world *w, const fedl_message *request, fedl_message *reply)
{
    if (request->kind == FEDL_MESSAGE_UPLOAD && request->u.upload.offset == 512 &&
        w->counter++ < 1) {
        w->server.vector_size = 0; /* the slot went to somebody else */
        w->server.reported = false;
        reply->u.accepted.complete = false;
        reply->u.accepted.next_offset = 0;
    }
    return WORLD_REPLY;
}

static void server_may_ask_for_the_beginning_again(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->hook = lose_slot;
    world_run(w, 100);
    assert_true(w->server.reported);
    assert_int_equal(world_count(w, "UPLOAD 0"), 2);
    assert_int_equal(w->train_count, 1);
    world_destroy(w);
}

static world_answer never_content(world *w, const fedl_message *request, fedl_message *reply)
{
    (void)w;
    if (request->kind == FEDL_MESSAGE_UPLOAD) {
        reply->u.accepted.complete = false;
        reply->u.accepted.next_offset = 0;
    }
    return WORLD_REPLY;
}

static void server_that_never_moves_on_cannot_make_it_spin(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->hook = never_content;
    world_run(w, 1000);
    assert_true(world_count(w, "UPLOAD") <= FEDLI_CLIENT_STALLS_MAX + 2u);
    assert_true(fedl_client_deadline_ns(&w->client) > w->now_ns);
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_message_in_any_phase_is_survived),
        cmocka_unit_test(answer_to_another_request_is_not_taken),
        cmocka_unit_test(garbage_is_survived),
        cmocka_unit_test(duplicated_records_count_once),
        cmocka_unit_test(server_may_ask_for_the_beginning_again),
        cmocka_unit_test(server_that_never_moves_on_cannot_make_it_spin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
