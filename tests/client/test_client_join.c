/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "device_world.h"

#include <stdlib.h>
#include <string.h>

static void join_stores_a_working_identity(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_JOIN);
    world_run(w, 100);
    assert_true(w->done);
    assert_int_equal(w->done_status, FEDL_OK);
    assert_true(world_said(w, "log enrolled status 0 a 7"));
    fedl_identity identity;
    assert_int_equal(fedl_identity_decode(&identity,
                                          fedl_bytes_of(w->stored_identity, FEDL_IDENTITY_BYTES),
                                          w->crypto),
                     FEDL_OK);
    assert_int_equal(identity.device_id, WORLD_DEVICE_ID);
    assert_memory_equal(identity.ca_public, w->server.ca_public, 32);
    assert_memory_equal(identity.server_round_public, w->server.round_public, 32);
    assert_true(identity.has_cert);
    assert_memory_equal(identity.cert, w->server.device_cert, sizeof identity.cert);
    /* And the device takes part with it. */
    w->cfg.mode = FEDL_CLIENT_RUN;
    w->cfg.identity = identity;
    world_start(w);
    world_run(w, 100);
    assert_true(w->server.reported);
    world_destroy(w);
}

static void token_errors_show_at_init(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_JOIN);
    char token[FEDLI_TOKEN_TEXT_BYTES];
    fedl_client client = {NULL};
    memcpy(token, w->server.token, sizeof token);
    token[3] = token[3] == 'A' ? 'B' : 'A';
    w->cfg.token = token;
    const size_t bytes = fedl_client_size(&w->cfg);
    void *block = aligned_alloc(16, bytes);
    assert_non_null(block);
    assert_int_equal(fedl_client_init(&client, &w->cfg, block, bytes), FEDL_ERR_MISMATCH);
    w->cfg.token = "hello";
    assert_int_equal(fedl_client_init(&client, &w->cfg, block, bytes), FEDL_ERR_FORMAT);
    w->cfg.token = NULL;
    assert_int_equal(fedl_client_size(&w->cfg), 0);
    assert_int_equal(fedl_client_init(&client, &w->cfg, block, bytes), FEDL_ERR_RANGE);
    assert_null(client.state);
    free(block);
    world_destroy(w);
}

static void another_server_never_sees_the_secret(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        world *w = world_create(FEDL_CLIENT_JOIN);
        if (which == 0) {
            w->server.noise_secret[1] ^= 1u;
        } else {
            w->server.ca_public[1] ^= 1u;
        }
        world_run(w, 100);
        assert_true(w->done);
        assert_int_equal(w->done_status, FEDL_ERR_MISMATCH);
        assert_false(world_said(w, "ENROL"));
        world_destroy(w);
    }
}

static void used_token_ends_with_its_own_status(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_JOIN);
    w->server.token_secret[0] ^= 1u; /* the server does not know the token */
    world_run(w, 100);
    assert_true(w->done);
    assert_int_equal(w->done_status, FEDL_ERR_EXPIRED);
    assert_true(world_said(w, "log rejected status 0 a 10"));
    world_destroy(w);
}

static uint8_t first_keys[64];

static world_answer lose_first(world *w, const fedl_message *request, fedl_message *reply)
{
    (void)reply;
    if (w->counter++ == 0) {
        memcpy(first_keys, request->u.enrol.id_public, 32);
        memcpy(first_keys + 32, w->server.enrol_noise_public, 32);
        return WORLD_SILENT;
    }
    assert_memory_equal(first_keys, request->u.enrol.id_public, 32);
    assert_memory_equal(first_keys + 32, w->server.enrol_noise_public, 32);
    return WORLD_REPLY;
}

static void lost_answer_is_asked_for_with_the_same_keys(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_JOIN);
    w->hook = lose_first;
    world_run(w, 100);
    assert_false(w->done);
    for (int i = 0; i < 5 && !w->done; i++) {
        world_advance(w, 100);
    }
    assert_true(w->done);
    assert_int_equal(w->done_status, FEDL_OK);
    assert_int_equal(w->counter, 2);
    world_destroy(w);
}

static world_answer busy_first(world *w, const fedl_message *request, fedl_message *reply)
{
    if (w->counter++ == 0) {
        memset(reply, 0, sizeof *reply);
        reply->kind = FEDL_MESSAGE_REJECT;
        reply->request_id = request->request_id;
        reply->u.reject.code = FEDL_REJECT_BUSY;
    }
    return WORLD_REPLY;
}

static void busy_server_is_asked_again(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_JOIN);
    w->hook = busy_first;
    world_run(w, 100);
    assert_false(w->done);
    world_advance(w, 100);
    assert_true(w->done);
    assert_int_equal(w->done_status, FEDL_OK);
    world_destroy(w);
}

static uint32_t sent_away_ms;

static world_answer send_away(world *w, const fedl_message *request, fedl_message *reply)
{
    const world_answer answer = busy_first(w, request, reply);
    if (w->counter == 1) {
        reply->u.reject.retry_after_ms = sent_away_ms;
    }
    return answer;
}

static void busy_server_says_when(void **state)
{
    (void)state;
    /* As long as it says, which is longer than the first back-off; at most the longest one. */
    static const uint32_t asked_ms[] = {5000, 3600000};
    for (size_t i = 0; i < 2; i++) {
        world *w = world_create(FEDL_CLIENT_JOIN);
        const uint32_t most_ms = w->cfg.backoff_ms_max;
        assert_true(most_ms > 5000);
        sent_away_ms = asked_ms[i];
        w->hook = send_away;
        world_run(w, 100);
        const fedl_instant_ns before = w->now_ns;
        world_advance(w, 100);
        assert_true(w->done);
        assert_true(w->now_ns - before == (fedl_instant_ns)(i == 0 ? 5000 : most_ms) * WORLD_MS);
        world_destroy(w);
    }
}

static void refused_join_gives_up(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_JOIN);
    w->refuse_hello = true;
    for (int i = 0; i < 10 && !w->done; i++) {
        world_advance(w, 100);
    }
    assert_true(w->done);
    assert_int_equal(w->done_status, FEDL_ERR_AUTH);
    assert_int_equal(w->hello_count, FEDLI_CLIENT_REFUSALS_MAX);
    world_destroy(w);
}

static int cert_change;

static world_answer change_certs(world *w, const fedl_message *request, fedl_message *reply)
{
    static uint8_t bytes[FEDLI_CERT_BYTES];
    const world_server *s = &w->server;
    fedl_cert cert = {.role = FEDL_CERT_ROUND, .serial = 1};
    memcpy(cert.fleet_id, s->fleet_id, 16);
    memcpy(cert.id_public, s->round_public, 32);
    memcpy(cert.noise_public, s->noise_public, 32);
    (void)request;
    switch (cert_change) {
    case 0: /* signed by nobody */
        fedl_cert_issue(w->crypto, bytes, &cert, s->ca_secret);
        bytes[130] ^= 1u;
        break;
    case 1: /* of another fleet */
        cert.fleet_id[0] ^= 1u;
        fedl_cert_issue(w->crypto, bytes, &cert, s->ca_secret);
        break;
    case 2: /* for another server */
        cert.noise_public[0] ^= 1u;
        fedl_cert_issue(w->crypto, bytes, &cert, s->ca_secret);
        break;
    case 3: /* a device posing as a server */
        cert.role = FEDL_CERT_DEVICE;
        cert.subject_id = 9;
        fedl_cert_issue(w->crypto, bytes, &cert, s->ca_secret);
        break;
    case 4: /* too old */
        cert.not_after_s = w->utc_s - 5u;
        fedl_cert_issue(w->crypto, bytes, &cert, s->ca_secret);
        break;
    case 5: /* the device's own certificate is for another id */
        reply->u.enrolled.device_id++;
        return WORLD_REPLY;
    default:
        return WORLD_REPLY;
    }
    reply->u.enrolled.server_cert = fedl_bytes_of(bytes, sizeof bytes);
    return WORLD_REPLY;
}

static void wrong_certificates_are_refused(void **state)
{
    (void)state;
    const fedl_status expected[] = {FEDL_ERR_AUTH,     FEDL_ERR_MISMATCH, FEDL_ERR_MISMATCH,
                                    FEDL_ERR_MISMATCH, FEDL_ERR_EXPIRED,  FEDL_ERR_MISMATCH};
    for (cert_change = 0; cert_change < 6; cert_change++) {
        world *w = world_create(FEDL_CLIENT_JOIN);
        w->hook = change_certs;
        world_run(w, 100);
        assert_true(w->done);
        assert_int_equal(w->done_status, expected[cert_change]);
        assert_false(world_said(w, "host stores"));
        world_destroy(w);
    }
}

static void identity_that_cannot_be_stored_is_reported(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_JOIN);
    w->store_status = FEDL_ERR_NO_SPACE;
    world_run(w, 100);
    assert_true(w->done);
    assert_int_equal(w->done_status, FEDL_ERR_NO_SPACE);
    assert_false(world_said(w, "log enrolled"));
    world_destroy(w);
}

static void identity_bytes_are_checked(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    uint8_t bytes[FEDL_IDENTITY_BYTES];
    fedl_identity back;
    for (int with_cert = 0; with_cert < 2; with_cert++) {
        /* Without a certificate: what a device has that joined before masked rounds existed. */
        w->cfg.identity.has_cert = with_cert != 0;
        memset(w->cfg.identity.cert, with_cert != 0 ? 0xa5 : 0, FEDL_DEVICE_CERT_BYTES);
        fedl_identity_encode(bytes, &w->cfg.identity, w->crypto);
        assert_int_equal(bytes[4], 1 + with_cert);
        assert_int_equal(fedl_identity_decode(&back, fedl_bytes_of(bytes, sizeof bytes), w->crypto),
                         FEDL_OK);
        assert_memory_equal(&back, &w->cfg.identity, sizeof back);
    }
    for (size_t size = 0; size < sizeof bytes; size++) {
        assert_int_equal(fedl_identity_decode(&back, fedl_bytes_of(bytes, size), w->crypto),
                         FEDL_ERR_FORMAT);
    }
    for (size_t at = 0; at < sizeof bytes; at++) {
        bytes[at] ^= 0x20u;
        assert_int_equal(fedl_identity_decode(&back, fedl_bytes_of(bytes, sizeof bytes), w->crypto),
                         at < 4 ? FEDL_ERR_FORMAT : FEDL_ERR_CORRUPT);
        bytes[at] ^= 0x20u;
    }
    /* Another version, and a device without an id, with a right checksum. */
    bytes[4] = 3;
    fedl_digest(w->crypto, bytes + 480, bytes, 480);
    assert_int_equal(fedl_identity_decode(&back, fedl_bytes_of(bytes, sizeof bytes), w->crypto),
                     FEDL_ERR_VERSION);
    bytes[4] = 2;
    memset(bytes + 8, 0, 4);
    fedl_digest(w->crypto, bytes + 480, bytes, 480);
    assert_int_equal(fedl_identity_decode(&back, fedl_bytes_of(bytes, sizeof bytes), w->crypto),
                     FEDL_ERR_FORMAT);
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(join_stores_a_working_identity),
        cmocka_unit_test(token_errors_show_at_init),
        cmocka_unit_test(another_server_never_sees_the_secret),
        cmocka_unit_test(used_token_ends_with_its_own_status),
        cmocka_unit_test(lost_answer_is_asked_for_with_the_same_keys),
        cmocka_unit_test(busy_server_is_asked_again),
        cmocka_unit_test(busy_server_says_when),
        cmocka_unit_test(refused_join_gives_up),
        cmocka_unit_test(wrong_certificates_are_refused),
        cmocka_unit_test(identity_that_cannot_be_stored_is_reported),
        cmocka_unit_test(identity_bytes_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
