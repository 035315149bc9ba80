/* SPDX-License-Identifier: Apache-2.0 */
/* See the header: records, and the helper's side of it. */
#include "host/helper_wire.h"
#include "host/helper_records.h"

#include "base/cursor.h"
#include "base/secret.h"
#include "posix/host_clock.h"

#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct door_session {
    uint64_t id; /* 0 = free */
    fedli_channel channel;
} door_session;

struct fedl_helper_door {
    fedl_helper_door_config cfg;
    nng_socket socket;
    bool open;
    char url[160];
    door_session sessions[FEDL_HELPER_SESSIONS_MAX];
    uint32_t next;
    uint64_t strangers;
};

/* ---- opening and closing ---- */

static int start(fedl_helper_door *d, const char *url)
{
    nng_listener listener;
    int port = 0;
    int code = nng_rep0_open(&d->socket);
    if (code != 0) {
        return code;
    }
    d->open = true;
    code = nng_socket_set_size(d->socket, NNG_OPT_RECVMAXSZ, FEDL_HELPER_WIRE_BYTES_MAX);
    if (code == 0) {
        code = nng_listen(d->socket, url, &listener, 0);
    }
    if (code != 0) {
        return code;
    }
    (void)snprintf(d->url, sizeof d->url, "%s", url);
    char *colon = strrchr(d->url, ':');
    if (colon != NULL && strncmp(url, "tcp://", 6) == 0 && strcmp(colon, ":0") == 0 &&
        nng_listener_get_int(listener, NNG_OPT_TCP_BOUND_PORT, &port) == 0) {
        (void)snprintf(colon, sizeof d->url - (size_t)(colon - d->url), ":%d", port);
    }
    return 0;
}

fedl_status fedl_helper_door_open(fedl_helper_door **door, const fedl_helper_door_config *cfg,
                                  const char *url, char text[256])
{
    fedl_helper_door *d = calloc(1, sizeof *d);
    if (d == NULL) {
        (void)snprintf(text, 256, "out of memory");
        return FEDL_ERR_NO_MEMORY;
    }
    d->cfg = *cfg;
    const int code = start(d, url);
    if (code != 0) {
        (void)snprintf(text, 256, "cannot listen at %.100s: %.40s; %s", url, nng_strerror(code),
                       code == NNG_EADDRINUSE
                           ? "another program listens there: stop it or give another --listen"
                           : "give an address of this machine, as in --listen tcp://0.0.0.0:7071");
        fedl_helper_door_close(d);
        return code == NNG_EADDRINUSE ? FEDL_ERR_BUSY : FEDL_ERR_IO;
    }
    *door = d;
    return FEDL_OK;
}

uint64_t fedl_helper_door_strangers(const fedl_helper_door *door)
{
    return door->strangers;
}

const char *fedl_helper_door_url(const fedl_helper_door *door)
{
    return door->url;
}

void fedl_helper_door_close(fedl_helper_door *door)
{
    if (door == NULL) {
        return;
    }
    if (door->open) {
        (void)nng_close(door->socket);
    }
    fedli_wipe(door, sizeof *door);
    free(door);
}

/* ---- one message ---- */

/* Message 1 → session and message 2. False: a stranger. */
static bool greet(fedl_helper_door *d, uint8_t out[FEDL_HELPER_HELLO_REPLY_BYTES], fedl_bytes hello)
{
    uint8_t prologue[FEDLI_PROLOGUE_BYTES_MAX];
    uint8_t ephemeral[32];
    uint8_t nothing[1];
    size_t size = 0;
    fedli_noise noise;
    if (fedli_noise_init(&noise, d->cfg.crypto, FEDLI_NOISE_IK, false,
                         fedli_prologue_encode(prologue, d->cfg.fleet_id), d->cfg.helper_secret,
                         NULL) != FEDL_OK) {
        return false;
    }
    bool good = fedli_noise_read(&noise, nothing, 0, &size, hello) == FEDL_OK &&
                fedli_equal_ct(fedli_noise_remote_static(&noise), d->cfg.server_public, 32);
    if (good) {
        door_session *s = &d->sessions[d->next];
        d->next = (d->next + 1u) % FEDL_HELPER_SESSIONS_MAX;
        fedl_host_entropy(ephemeral, sizeof ephemeral);
        fedl_host_entropy(&s->id, sizeof s->id);
        out[0] = FEDL_HELPER_KIND_HELLO;
        fedli_store_u64(out + 1, s->id);
        good = fedli_noise_write(&noise, out + 9, FEDLI_NOISE_IK_OVERHEAD_2, &size,
                                 fedl_bytes_of(NULL, 0), ephemeral) == FEDL_OK &&
               fedl_helper_split(&s->channel, &noise, d->cfg.crypto) == FEDL_OK;
        s->id = good ? s->id : 0;
        fedli_wipe(ephemeral, sizeof ephemeral);
    }
    fedli_noise_wipe(&noise);
    return good;
}

static door_session *find(fedl_helper_door *d, uint64_t id)
{
    for (uint32_t i = 0; i < FEDL_HELPER_SESSIONS_MAX; i++) {
        if (id != 0 && d->sessions[i].id == id) {
            return &d->sessions[i];
        }
    }
    return NULL;
}

/* Opens a request, has it answered, seals the reply into message. */
static void exchange(fedl_helper_door *d, nng_msg *message, fedl_bytes bytes,
                     fedl_helper_door_serve serve, void *context)
{
    static const uint8_t kind = FEDL_HELPER_KIND_RECORDS;
    uint8_t *request = NULL;
    uint8_t *reply = NULL;
    uint8_t *sealed = NULL;
    size_t request_size = 0;
    size_t reply_size = 0;
    size_t sealed_size = 0;
    if (bytes.size < 9) {
        nng_msg_clear(message);
        return;
    }
    door_session *s = find(d, fedli_load_u64(bytes.data + 1));
    const bool good =
        s != NULL && fedl_helper_records_open(&s->channel, &request, &request_size,
                                              fedl_bytes_of(bytes.data + 9, bytes.size - 9),
                                              fedl_bytes_of(bytes.data, 9)) == FEDL_OK;
    nng_msg_clear(message);
    if (!good) {
        return; /* the session stays: forged bytes must not end it */
    }
    serve(context, &reply, &reply_size, fedl_bytes_of(request, request_size));
    if (reply != NULL && fedl_helper_records_seal(&s->channel, &sealed, &sealed_size,
                                                  fedl_bytes_of(reply, reply_size),
                                                  fedl_bytes_of(&kind, 1)) == FEDL_OK) {
        (void)nng_msg_append(message, &kind, 1);
        (void)nng_msg_append(message, sealed, sealed_size);
    }
    fedli_wipe(s, sizeof *s);
    free(request);
    free(sealed);
    if (reply != NULL) {
        fedli_wipe(reply, reply_size);
        free(reply);
    }
}

void fedl_helper_door_turn(fedl_helper_door *door, uint32_t wait_ms, fedl_helper_door_serve serve,
                           void *context)
{
    uint8_t hello[FEDL_HELPER_HELLO_REPLY_BYTES];
    nng_msg *message = NULL;
    (void)nng_socket_set_ms(door->socket, NNG_OPT_RECVTIMEO, (nng_duration)wait_ms);
    if (nng_recvmsg(door->socket, &message, 0) != 0) {
        return;
    }
    const fedl_bytes bytes = fedl_bytes_of(nng_msg_body(message), nng_msg_len(message));
    if (bytes.size == 1u + FEDLI_NOISE_IK_OVERHEAD_1 && bytes.data[0] == FEDL_HELPER_KIND_HELLO) {
        const bool known = greet(door, hello, fedl_bytes_of(bytes.data + 1, bytes.size - 1));
        nng_msg_clear(message);
        if (known) {
            (void)nng_msg_append(message, hello, sizeof hello);
        }
        door->strangers += known ? 0 : 1u;
    } else if (bytes.size > 0 && bytes.data[0] == FEDL_HELPER_KIND_RECORDS) {
        exchange(door, message, bytes, serve, context);
    } else {
        nng_msg_clear(message);
    }
    if (nng_sendmsg(door->socket, message, 0) != 0) {
        nng_msg_free(message); /* who asked has gone */
    }
}
