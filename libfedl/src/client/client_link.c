/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the server: connecting, losing the connection, pausing, and sending what is due. */
#include "client/client_state.h"

#include "base/check.h"
#include "base/secret.h"

/* A session is given up when this many connections in a row broke without one good reply. */
#define SESSION_FAILURES_MAX 2u
/* As many failures in a row are followed by short pauses in the steps of a masked attempt. */
#define STEP_FAILURES_MAX 8u

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* In the steps of a masked attempt, which the server ends after step_ms. */
static bool in_masked_step(const fedli_client_state *c)
{
    return c->task.plan.aggregation != FEDL_AGGREGATION_PLAIN &&
           (c->work == FEDLI_WORK_PUT || c->work == FEDLI_WORK_GET || c->work == FEDLI_WORK_UPLOAD);
}

/* A lost message must not cost the whole step: there is time for several tries. */
static uint32_t reply_timeout_ms(const fedli_client_state *c)
{
    return in_masked_step(c)
               ? min_u32(c->cfg.reply_timeout_ms, c->task.plan.secagg.step_ms / 8u + 500u)
               : c->cfg.reply_timeout_ms;
}

bool fedli_client_wants_link(fedli_work work)
{
    switch (work) {
    case FEDLI_WORK_JOIN:
    case FEDLI_WORK_CHECKIN:
    case FEDLI_WORK_FETCH:
    case FEDLI_WORK_UPLOAD:
    case FEDLI_WORK_LEAVE:
    case FEDLI_WORK_PUT:
    case FEDLI_WORK_GET:
        return true;
    case FEDLI_WORK_IDENTITY:
    case FEDLI_WORK_MEMORY:
    case FEDLI_WORK_PROGRESS:
    case FEDLI_WORK_TRAIN:
    case FEDLI_WORK_STORE:
    case FEDLI_WORK_RESUME:
    case FEDLI_WORK_TAKE:
    case FEDLI_WORK_DONE:
        return false;
    }
    return false;
}

void fedli_client_session_drop(fedli_client_state *c)
{
    c->session = false;
    c->session_failures = 0;
    c->session_id = 0;
    fedli_channel_wipe(&c->channel);
    fedli_noise_wipe(&c->noise);
}

static void say_hello(fedli_client_state *c)
{
    if (c->work == FEDLI_WORK_JOIN) {
        fedli_client_hello_xx(c);
    } else {
        fedli_client_hello_ik(c);
    }
}

void fedli_client_pump(fedli_client_state *c)
{
    if (!fedli_client_wants_link(c->work) || c->request_ns > c->now_ns) {
        return;
    }
    switch (c->link) {
    case FEDLI_LINK_DOWN:
        if (c->connect_ns <= c->now_ns) {
            c->link = FEDLI_LINK_CONNECTING;
            c->timeout_ns = fedli_client_after_ms(c, reply_timeout_ms(c));
            fedli_client_action(c, FEDL_CLIENT_CONNECT);
        }
        return;
    case FEDLI_LINK_READY:
        if (!c->session) {
            say_hello(c);
        } else if (!c->outstanding) {
            fedli_client_request(c);
        }
        return;
    case FEDLI_LINK_CONNECTING:
    case FEDLI_LINK_HELLO:
    case FEDLI_LINK_FINISH:
        return; /* an answer or a time-out moves these on */
    }
}

void fedli_client_on_connected(fedli_client_state *c)
{
    if (c->link != FEDLI_LINK_CONNECTING) {
        return; /* it took longer than the time-out: closed already */
    }
    c->link = FEDLI_LINK_READY;
    c->timeout_ns = FEDL_NEVER_NS;
    c->outstanding = false;
    /* Nothing was heard for as long as a reply may take: the server may have been restarted, and
     * need not say that it forgot the session. A handshake costs less than another time-out. */
    if (c->session &&
        c->now_ns - c->heard_ns >= (fedl_instant_ns)c->cfg.reply_timeout_ms * 1000000) {
        fedli_client_session_drop(c);
    }
    fedli_client_log(c, FEDL_CLIENT_LOG_CONNECTED);
}

/* The link is down from here on, for least_ms or longer; the work stays what it was. Returns the
 * pause. */
static uint32_t take_link_down(fedli_client_state *c, uint32_t least_ms)
{
    uint32_t pause_ms = fedli_client_backoff_ms(c, c->failures);
    pause_ms = pause_ms < least_ms ? least_ms : pause_ms;
    /* A pause that outlasts the step gives the attempt up; but a server that is gone for longer
     * must not find a whole cohort in a hurry. */
    if (in_masked_step(c) && c->failures < STEP_FAILURES_MAX) {
        pause_ms = min_u32(pause_ms, c->task.plan.secagg.step_ms / 16u + 1u);
    }
    c->failures++;
    c->session_failures++;
    if (c->link == FEDLI_LINK_HELLO || c->link == FEDLI_LINK_FINISH ||
        c->session_failures >= SESSION_FAILURES_MAX) {
        fedli_client_session_drop(c);
    }
    c->link = FEDLI_LINK_DOWN;
    c->outstanding = false;
    c->timeout_ns = FEDL_NEVER_NS;
    c->connect_ns = fedli_client_after_ms(c, pause_ms);
    return pause_ms;
}

static void link_fail(fedli_client_state *c, fedl_client_log_kind kind, fedl_status status,
                      uint32_t least_ms)
{
    fedl_client_action *log = fedli_client_log(c, kind);
    fedli_client_action(c, FEDL_CLIENT_CLOSE);
    log->status = status;
    log->a = take_link_down(c, least_ms);
}

void fedli_client_link_fail(fedli_client_state *c, fedl_client_log_kind kind, fedl_status status)
{
    link_fail(c, kind, status, 0);
}

void fedli_client_link_sent_away(fedli_client_state *c, uint32_t retry_after_ms)
{
    link_fail(c, FEDL_CLIENT_LOG_CONNECTION_LOST, FEDL_ERR_BUSY,
              min_u32(retry_after_ms, c->cfg.backoff_ms_max));
}

void fedli_client_on_disconnected(fedli_client_state *c)
{
    if (c->link == FEDLI_LINK_DOWN) {
        return;
    }
    fedl_client_action *log = fedli_client_log(c, FEDL_CLIENT_LOG_CONNECTION_LOST);
    log->status = FEDL_ERR_CONNECTION;
    log->a = take_link_down(c, 0);
}

void fedli_client_on_timeout(fedli_client_state *c)
{
    fedli_client_link_fail(c, FEDL_CLIENT_LOG_CONNECTION_LOST, FEDL_ERR_TIMEOUT);
}

uint32_t fedli_client_poll_ms(const fedli_client_state *c)
{
    return in_masked_step(c) ? min_u32(c->cfg.poll_ms, c->task.plan.secagg.step_ms / 8u + 1u)
                             : c->cfg.poll_ms;
}

void fedli_client_send(fedli_client_state *c, fedli_envelope_kind kind, uint64_t session_id,
                       size_t body_bytes, uint32_t extra_ms)
{
    FEDLI_CHECK(body_bytes <= c->out_bytes - FEDLI_ENVELOPE_HEADER_BYTES);
    fedli_envelope_header_encode(c->out, kind, session_id);
    fedl_client_action *send = fedli_client_action(c, FEDL_CLIENT_SEND);
    send->bytes = fedl_bytes_of(c->out, FEDLI_ENVELOPE_HEADER_BYTES + body_bytes);
    c->sent_ns = c->now_ns;
    c->timeout_ns = fedli_client_after_ms(c, (uint64_t)reply_timeout_ms(c) + extra_ms);
}
