/* SPDX-License-Identifier: Apache-2.0 */
/* The server's side of host/helper_wire.h: one connection, one handshake, one question. */
#include "host/helper_records.h"
#include "host/helper_wire.h"

#include "base/secret.h"
#include "posix/host_clock.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <stdlib.h>
#include <string.h>

static fedl_status status_of(int code)
{
    return code == 0               ? FEDL_OK
           : code == NNG_ETIMEDOUT ? FEDL_ERR_TIMEOUT
           : code == NNG_ENOMEM    ? FEDL_ERR_NO_MEMORY
           : code == NNG_EMSGSIZE  ? FEDL_ERR_FULL
                                   : FEDL_ERR_CONNECTION;
}

static fedl_status dial(nng_socket *socket, const char *url)
{
    int code = nng_req0_open(socket);
    if (code != 0) {
        return status_of(code);
    }
    code = nng_socket_set_size(*socket, NNG_OPT_RECVMAXSZ, FEDL_HELPER_WIRE_BYTES_MAX);
    if (code == 0) {
        code = nng_socket_set_ms(*socket, NNG_OPT_RECVTIMEO, (nng_duration)FEDL_HELPER_ANSWER_MS);
    }
    if (code == 0) {
        code = nng_socket_set_ms(*socket, NNG_OPT_SENDTIMEO, (nng_duration)FEDL_HELPER_ANSWER_MS);
    }
    if (code == 0) { /* never by itself: a repeated record is refused */
        code = nng_socket_set_ms(*socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE);
    }
    if (code == 0) {
        code = nng_dial(*socket, url, NULL, 0);
    }
    if (code != 0) {
        (void)nng_close(*socket);
    }
    return status_of(code);
}

/* Sends head ‖ body and takes the answer's message. */
static fedl_status turn(nng_socket socket, nng_msg **answer, fedl_bytes head, fedl_bytes body)
{
    nng_msg *message = NULL;
    int code = nng_msg_alloc(&message, 0);
    if (code == 0) {
        code = nng_msg_append(message, head.data, head.size);
    }
    if (code == 0 && body.size > 0) {
        code = nng_msg_append(message, body.data, body.size);
    }
    if (code == 0) {
        code = nng_sendmsg(socket, message, 0);
    }
    if (code != 0) {
        nng_msg_free(message);
        return status_of(code);
    }
    return status_of(nng_recvmsg(socket, answer, 0));
}

static fedl_status shake(fedli_noise *noise, nng_socket socket, uint8_t session[8])
{
    static const uint8_t kind = FEDL_HELPER_KIND_HELLO;
    uint8_t hello[FEDLI_NOISE_IK_OVERHEAD_1];
    uint8_t ephemeral[32];
    uint8_t nothing[1];
    size_t size = 0;
    nng_msg *answer = NULL;
    fedl_host_entropy(ephemeral, sizeof ephemeral);
    fedl_status status =
        fedli_noise_write(noise, hello, sizeof hello, &size, fedl_bytes_of(NULL, 0), ephemeral);
    fedli_wipe(ephemeral, sizeof ephemeral);
    if (status == FEDL_OK) {
        status = turn(socket, &answer, fedl_bytes_of(&kind, 1), fedl_bytes_of(hello, size));
    }
    if (status != FEDL_OK) {
        return status;
    }
    const uint8_t *body = nng_msg_body(answer);
    if (nng_msg_len(answer) != FEDL_HELPER_HELLO_REPLY_BYTES || body[0] != kind) {
        status = FEDL_ERR_AUTH; /* it does not know this server */
    } else {
        memcpy(session, body + 1, 8);
        status = fedli_noise_read(noise, nothing, 0, &size,
                                  fedl_bytes_of(body + 9, FEDLI_NOISE_IK_OVERHEAD_2));
    }
    nng_msg_free(answer);
    return status;
}

static fedl_status ask(fedli_channel *channel, nng_socket socket, const uint8_t session[8],
                       uint8_t **reply, size_t *reply_size, fedl_bytes request)
{
    uint8_t head[9] = {FEDL_HELPER_KIND_RECORDS};
    uint8_t *sealed = NULL;
    size_t sealed_size = 0;
    nng_msg *answer = NULL;
    memcpy(head + 1, session, 8);
    fedl_status status = fedl_helper_records_seal(channel, &sealed, &sealed_size, request,
                                                  fedl_bytes_of(head, sizeof head));
    if (status == FEDL_OK) {
        status = turn(socket, &answer, fedl_bytes_of(head, sizeof head),
                      fedl_bytes_of(sealed, sealed_size));
        free(sealed);
    }
    if (status != FEDL_OK) {
        return status;
    }
    const uint8_t *body = nng_msg_body(answer);
    const size_t size = nng_msg_len(answer);
    status =
        size < 1 || body[0] != FEDL_HELPER_KIND_RECORDS
            ? FEDL_ERR_FORMAT
            : fedl_helper_records_open(channel, reply, reply_size,
                                       fedl_bytes_of(body + 1, size - 1), fedl_bytes_of(body, 1));
    nng_msg_free(answer);
    return status;
}

fedl_status fedl_helper_call(const fedl_helper_link *link, uint8_t **reply, size_t *reply_size,
                             fedl_bytes request)
{
    uint8_t prologue[FEDLI_PROLOGUE_BYTES_MAX];
    uint8_t session[8];
    fedli_noise noise;
    fedli_channel channel;
    nng_socket socket;
    if (request.size > FEDL_HELPER_REQUEST_BYTES_MAX) {
        return FEDL_ERR_FULL;
    }
    fedl_status status = dial(&socket, link->url);
    if (status != FEDL_OK) {
        return status;
    }
    status = fedli_noise_init(&noise, link->crypto, FEDLI_NOISE_IK, true,
                              fedli_prologue_encode(prologue, link->fleet_id), link->server_secret,
                              link->helper_public);
    if (status == FEDL_OK) {
        status = shake(&noise, socket, session);
        if (status == FEDL_OK) {
            status = fedl_helper_split(&channel, &noise, link->crypto);
        }
        fedli_noise_wipe(&noise);
    }
    if (status == FEDL_OK) {
        status = ask(&channel, socket, session, reply, reply_size, request);
        fedli_channel_wipe(&channel);
    }
    (void)nng_close(socket);
    return status;
}
