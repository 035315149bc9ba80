/* SPDX-License-Identifier: Apache-2.0 */
/* What the network and a misbehaving server can do to a device: nothing but cost it time. */
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

static void lost_reply_at_every_request_resumes_at_the_same_offset(void **state)
{
    (void)state;
    const world_answer kinds[] = {WORLD_SILENT, WORLD_DISCONNECT, WORLD_REFUSE};
    world *clean = world_create(FEDL_CLIENT_RUN);
    world_run(clean, 100);
    for (size_t k = 0; k < 3; k++) {
        for (int at = 0; at < 7; at++) { /* CHECKIN, 3 × FETCH, 3 × UPLOAD */
            world *w = world_create(FEDL_CLIENT_RUN);
            w->hook = fault_once;
            fault_at = at;
            fault_kind = kinds[k];
            world_run(w, 100);
            world_until_reported(w);
            assert_int_equal(w->train_count, 1);
            assert_memory_equal(w->server.vector, clean->server.vector, clean->server.vector_size);
            /* One repetition of the request that was hit, and no other. */
            assert_int_equal(world_count(w, "FETCH"), at >= 1 && at <= 3 ? 4 : 3);
            assert_int_equal(world_count(w, "UPLOAD"), at >= 4 ? 4 : 3);
            assert_int_equal(world_count(w, "FETCH 256"), at == 2 ? 2 : 1);
            /* After a silence the session is not trusted; a short break costs no handshake. */
            assert_int_equal(w->hello_count, kinds[k] == WORLD_DISCONNECT ? 1 : 2);
            world_destroy(w);
        }
    }
    world_destroy(clean);
}

static uint64_t first_id;

static world_answer remember_ids(world *w, const fedl_message *request, fedl_message *reply)
{
    (void)reply;
    w->counter++;
    if (w->counter == 1) {
        first_id = request->request_id;
        return WORLD_SILENT;
    }
    if (w->counter == 2) {
        assert_true(request->request_id == first_id); /* in a new record: the channel opened it */
        return WORLD_REPLY;
    }
    assert_true(request->request_id != first_id);
    return WORLD_REPLY;
}

static void repeated_request_keeps_its_id(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->hook = remember_ids;
    world_run(w, 100);
    world_until_reported(w);
    assert_true(w->counter >= 8);
    world_destroy(w);
}

static world_answer always_silent(world *w, const fedl_message *request, fedl_message *reply)
{
    (void)w;
    (void)request;
    (void)reply;
    return WORLD_SILENT;
}

static void silent_server_is_asked_for_ever_with_growing_pauses(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->hook = always_silent;
    world_run(w, 100);
    /* The long-poll may take its time on top of the time-out. */
    assert_int_equal(fedl_client_deadline_ns(&w->client),
                     w->now_ns + (w->cfg.poll_ms + w->cfg.reply_timeout_ms) * WORLD_MS);
    fedl_instant_ns longest_ns = 0;
    for (int i = 0; i < 40; i++) {
        const fedl_instant_ns before_ns = w->now_ns;
        world_advance(w, 100);
        if (w->now_ns - before_ns > longest_ns) {
            longest_ns = w->now_ns - before_ns;
        }
    }
    assert_true(world_count(w, "log connection lost status -24") >= 18);
    assert_true(longest_ns <= (fedl_instant_ns)w->cfg.backoff_ms_max * WORLD_MS);
    assert_true(w->hello_count >= 8); /* the session is given up after two broken connections */
    w->hook = NULL;
    world_until_reported(w);
    world_destroy(w);
}

static void unreachable_server_is_tried_with_doubling_jittered_pauses(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->refuse_connect = true;
    world_run(w, 100);
    fedl_instant_ns low_ns = (fedl_instant_ns)w->cfg.backoff_ms_min * WORLD_MS / 2;
    for (int i = 0; i < 12; i++) {
        const fedl_instant_ns pause_ns = fedl_client_deadline_ns(&w->client) - w->now_ns;
        fedl_instant_ns high_ns = 2 * low_ns;
        if (high_ns > (fedl_instant_ns)w->cfg.backoff_ms_max * WORLD_MS) {
            high_ns = (fedl_instant_ns)w->cfg.backoff_ms_max * WORLD_MS;
            low_ns = high_ns / 2;
        }
        assert_in_range(pause_ns, low_ns, high_ns);
        low_ns *= 2;
        world_advance(w, 100);
    }
    assert_int_equal(w->connect_count, 13);
    w->refuse_connect = false;
    world_until_reported(w);
    world_destroy(w);
}

static void host_that_never_connects_is_asked_again(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    world_event(w, FEDL_CLIENT_TICK);
    assert_int_equal(w->queue_count, 1);
    w->queue_count = 0; /* CONNECTED never comes */
    world_advance(w, 1);
    assert_true(world_said(w, "log connection lost status -24"));
    /* Too late: ignored, because the machine has closed. */
    world_event(w, FEDL_CLIENT_CONNECTED);
    assert_false(world_said(w, "log connected"));
    world_until_reported(w);
    world_destroy(w);
}

static void silent_handshake_times_out(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->silent_hello = true;
    world_run(w, 100);
    world_advance(w, 1);
    assert_true(world_said(w, "log connection lost status -24"));
    w->silent_hello = false;
    world_until_reported(w);
    world_destroy(w);
}

static void refused_device_comes_back_more_and_more_rarely(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->refuse_hello = true;
    world_run(w, 100);
    for (int i = 0; i < 10; i++) {
        world_advance(w, 100);
    }
    assert_int_equal(world_count(w, "log refused status -8"), 11);
    assert_true(fedl_client_deadline_ns(&w->client) - w->now_ns >=
                (fedl_instant_ns)w->cfg.backoff_ms_max * WORLD_MS / 2);
    w->refuse_hello = false;
    world_until_reported(w);
    world_destroy(w);
}

static world_answer always_refuse(world *w, const fedl_message *request, fedl_message *reply)
{
    (void)w;
    (void)request;
    (void)reply;
    return WORLD_REFUSE;
}

static void server_that_forgets_every_session_cannot_make_it_spin(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->hook = always_refuse;
    world_run(w, 1000);
    assert_in_range(w->hello_count, 1, 3); /* then it pauses */
    assert_true(fedl_client_deadline_ns(&w->client) > w->now_ns);
    w->hook = NULL;
    world_until_reported(w);
    world_destroy(w);
}

static void another_servers_key_gets_nothing(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    w->server.noise_secret[3] ^= 0x40u;
    world_run(w, 100);
    assert_true(world_said(w, "log refused"));
    assert_false(world_said(w, "device >"));
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lost_reply_at_every_request_resumes_at_the_same_offset),
        cmocka_unit_test(repeated_request_keeps_its_id),
        cmocka_unit_test(silent_server_is_asked_for_ever_with_growing_pauses),
        cmocka_unit_test(unreachable_server_is_tried_with_doubling_jittered_pauses),
        cmocka_unit_test(host_that_never_connects_is_asked_again),
        cmocka_unit_test(silent_handshake_times_out),
        cmocka_unit_test(refused_device_comes_back_more_and_more_rarely),
        cmocka_unit_test(server_that_forgets_every_session_cannot_make_it_spin),
        cmocka_unit_test(another_servers_key_gets_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
