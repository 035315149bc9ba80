/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stranger on the server's port who does everything wrong. Speaks TCP directly, not through nng,
 * so that also the greeting, the lengths and the ends of messages can be wrong.
 *
 *   wire_garbage PORT noise|truncated|oversized COUNT   connections that the server has to end
 *   wire_garbage PORT bodies COUNT SEED      messages in good frames with bad content
 *   wire_garbage PORT hello-ik COUNT SEED    opening messages of nobody
 *   wire_garbage PORT hello-xx COUNT SEED    enrolments that are begun and left, or go on badly
 *   wire_garbage PORT half-open COUNT        connections that stay, and say nothing or half a thing
 *   wire_garbage PORT storm SEED             all kinds of messages; both of these until SIGTERM
 *
 * Nothing is timed. That a message was handled is seen from the answer to a good opening message
 * sent behind it on the same connection: requests of one connection are handled in order.
 * Prints one line with what was sent and what came back; fails when the server does not answer good
 * openings any more, answers with anything but openings and refusals, or keeps what it must end.
 */
#include "base/cursor.h"
#include "base/rng.h"
#include "wire/frame.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BODY_BYTES_MAX (FEDLI_ENVELOPE_BYTES_MAX + 64u)
#define FRAME_HEAD     12u /* length u64, request id u32; both big-endian */
#define BATCH_MESSAGES 16u
#define GREETING_BYTES 8u
#define OPENING_BODY   32u /* message 1 of XX is one public key */

static const uint8_t greeting[GREETING_BYTES] = {0, 'S', 'P', 0, 0, 0x30, 0, 0}; /* REQ */

static uint16_t port;
static fedli_rng rng;
static uint32_t sent, refused, opened;
static volatile sig_atomic_t stopped;

_Noreturn static void die(const char *what)
{
    (void)fprintf(stderr, "wire_garbage: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int dial(void)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const int yes = 1; /* else every message waits for the acknowledgement of the one before */
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0) {
        die("the server does not accept connections");
    }
    return fd;
}

/* 0: the peer has closed, which is an answer, too. */
static int put(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size > 0) {
        const ssize_t done = send(fd, at, size, MSG_NOSIGNAL);
        if (done <= 0) {
            return 0;
        }
        at += done;
        size -= (size_t)done;
    }
    return 1;
}

static int get(int fd, void *data, size_t size)
{
    uint8_t *at = data;
    while (size > 0) {
        const ssize_t done = recv(fd, at, size, 0);
        if (done <= 0) {
            return 0;
        }
        at += done;
        size -= (size_t)done;
    }
    return 1;
}

static void fill(uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)fedli_rng_below(&rng, 256);
    }
}

static void put_big_endian(uint8_t *out, uint64_t value, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        out[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
    }
}

static int dial_greeted(void)
{
    uint8_t theirs[GREETING_BYTES];
    const int fd = dial();
    if (put(fd, greeting, sizeof greeting) == 0 || get(fd, theirs, sizeof theirs) == 0) {
        die("no greeting from the server");
    }
    return fd;
}

static void post(int fd, uint32_t id, const uint8_t *body, size_t size)
{
    uint8_t head[FRAME_HEAD];
    put_big_endian(head, size + 4, 8);
    put_big_endian(head + 8, id | 0x80000000u, 4);
    if (put(fd, head, sizeof head) == 0 || put(fd, body, size) == 0) {
        die("the server closed the connection of a well-framed message");
    }
    sent++;
}

/* Reads one reply; counts it, and gives its id and session. */
static fedli_envelope_kind take(int fd, uint32_t *id, uint64_t *session)
{
    static uint8_t body[BODY_BYTES_MAX];
    uint8_t head[FRAME_HEAD];
    fedli_envelope envelope;
    if (get(fd, head, sizeof head) == 0) {
        die("the server closed the connection instead of answering");
    }
    uint64_t size = 0;
    for (unsigned i = 0; i < 8; i++) {
        size = size << 8 | head[i];
    }
    if (size < 4 || size - 4 > sizeof body || get(fd, body, (size_t)size - 4) == 0) {
        die("a reply of a wrong size");
    }
    *id = ((uint32_t)head[8] << 24 | (uint32_t)head[9] << 16 | (uint32_t)head[10] << 8 | head[11]) &
          0x7fffffffu;
    if (fedli_envelope_decode(&envelope, fedl_bytes_of(body, (size_t)size - 4)) != FEDL_OK) {
        die("a reply that is no envelope");
    }
    if (envelope.kind == FEDLI_ENVELOPE_REFUSE) {
        refused++;
    } else if (envelope.kind == FEDLI_ENVELOPE_HELLO_XX) {
        opened++;
    } else {
        die("garbage was answered with something else than a refusal");
    }
    *session = envelope.session_id;
    return envelope.kind;
}

static void post_opening(int fd, uint32_t id)
{
    uint8_t body[FEDLI_ENVELOPE_HEADER_BYTES + OPENING_BODY];
    fedli_envelope_header_encode(body, FEDLI_ENVELOPE_HELLO_XX, 0);
    fill(body + FEDLI_ENVELOPE_HEADER_BYTES, OPENING_BODY);
    post(fd, id, body, sizeof body);
}

/* Waits until everything sent on fd has been handled; gives the session of the good opening. */
static uint64_t settle(int fd, uint32_t id)
{
    uint32_t got = 0;
    uint64_t session = 0;
    fedli_envelope_kind kind;
    post_opening(fd, id);
    do {
        kind = take(fd, &got, &session);
    } while (got != id || kind != FEDLI_ENVELOPE_HELLO_XX);
    return session;
}

/* One message with bad content: the kind of badness is drawn. */
static void post_bad(int fd, uint32_t id, fedli_envelope_kind kind)
{
    static const size_t sizes[] = {0, 1, 15, 31, 33, 95, 96, 97, 160, 1000, 4096, 65535};
    static uint8_t body[BODY_BYTES_MAX];
    size_t size = sizes[fedli_rng_below(&rng, sizeof sizes / sizeof sizes[0])];
    uint64_t session = 0;
    fill(body, FEDLI_ENVELOPE_HEADER_BYTES + size);
    if (kind != FEDLI_ENVELOPE_HELLO_IK && fedli_rng_below(&rng, 2) == 0) {
        session = fedli_rng_below(&rng, 64); /* the low bits name a slot */
    }
    fedli_envelope_header_encode(body, kind, session);
    size += FEDLI_ENVELOPE_HEADER_BYTES;
    switch (fedli_rng_below(&rng, 8)) {
    case 0:
        fill(body, size); /* no magic */
        break;
    case 1:
        body[4] = (uint8_t)(2 + fedli_rng_below(&rng, 250)); /* version */
        break;
    case 2:
        body[5] = (uint8_t)(6 + fedli_rng_below(&rng, 250)); /* kind */
        break;
    case 3:
        body[6] = 1; /* reserved */
        break;
    case 4:
        size = fedli_rng_below(&rng, FEDLI_ENVELOPE_HEADER_BYTES); /* cut in the header */
        break;
    default:
        break;
    }
    post(fd, id, body, size);
}

static void send_bodies(uint32_t count, uint32_t only_kind)
{
    uint32_t id = 1;
    while (count > 0) {
        const int fd = dial_greeted();
        for (uint32_t i = 0; i < BATCH_MESSAGES && count > 0; i++, count--) {
            const uint32_t kind = only_kind != 0 ? only_kind : 1 + fedli_rng_below(&rng, 5);
            if (kind == FEDLI_ENVELOPE_HELLO_XX) {
                post_bad(fd, id++, FEDLI_ENVELOPE_RECORD); /* openings have their own mode */
            } else {
                post_bad(fd, id++, (fedli_envelope_kind)kind);
            }
        }
        (void)settle(fd, id++);
        (void)close(fd);
    }
}

/* Begun enrolments: every second goes on with a forged third message or record. */
static void send_openings(uint32_t count)
{
    uint8_t body[FEDLI_ENVELOPE_HEADER_BYTES + 128];
    const int fd = dial_greeted();
    for (uint32_t id = 1; id <= count; id++) {
        const uint64_t session = settle(fd, 2 * id);
        if (id % 2 == 0) {
            fill(body, sizeof body);
            fedli_envelope_header_encode(
                body, id % 4 == 0 ? FEDLI_ENVELOPE_FINISH_XX : FEDLI_ENVELOPE_RECORD, session);
            post(fd, 2 * id + 1, body, sizeof body);
        }
    }
    (void)settle(fd, 2 * count + 2);
    (void)close(fd);
}

/* The server must end each of these by itself. */
static void send_broken(const char *mode, uint32_t count)
{
    static uint8_t body[2 * BODY_BYTES_MAX];
    for (uint32_t i = 0; i < count; i++) {
        uint8_t head[FRAME_HEAD];
        uint8_t rest[256];
        const int oversized = strcmp(mode, "oversized") == 0;
        const int noise = strcmp(mode, "noise") == 0;
        const int fd = noise ? dial() : dial_greeted();
        fill(body, sizeof body);
        if (noise) {
            body[0] = (uint8_t)(1 + i % 255); /* never the greeting's first byte */
            (void)put(fd, body, 512);
        } else {
            /* A little, a lot and absurdly above the limit; or announced and then cut short. */
            const uint64_t sizes[] = {FEDLI_ENVELOPE_BYTES_MAX + 9u, 1u << 20, UINT64_MAX - 7u};
            put_big_endian(head, oversized ? sizes[i % 3] : 4096, 8);
            put_big_endian(head + 8, 0x80000001u, 4);
            (void)put(fd, head, sizeof head);
            (void)put(fd, body, oversized ? sizeof body : 100);
        }
        sent++;
        (void)shutdown(fd, SHUT_WR);
        while (recv(fd, rest, sizeof rest, 0) > 0) {
        }
        (void)close(fd); /* recv saw the server's end of the connection */
    }
}

static void hold_half_open(uint32_t count)
{
    uint8_t head[FRAME_HEAD];
    for (uint32_t i = 0; i < count; i++) {
        const int fd = dial();
        put_big_endian(head, 4096, 8);
        put_big_endian(head + 8, 0x80000001u, 4);
        /* silent; half a greeting; greeted; half a length; half a message */
        if (i % 5 >= 1 && put(fd, greeting, i % 5 == 1 ? 3 : sizeof greeting) == 0) {
            die("greeting");
        }
        if (i % 5 >= 3 && put(fd, head, i % 5 == 3 ? 5 : sizeof head) == 0) {
            die("half a message");
        }
        sent++;
    }
}

static void on_term(int number)
{
    (void)number;
    stopped = 1;
}

/* Calls that are interrupted go on: a storm ends between two of its rounds. */
static void catch_term(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_term;
    action.sa_flags = SA_RESTART;
    (void)sigaction(SIGTERM, &action, NULL);
}

static void wait_for_term(void)
{
    sigset_t term;
    sigset_t before;
    (void)sigemptyset(&term);
    (void)sigaddset(&term, SIGTERM);
    (void)sigprocmask(SIG_BLOCK, &term, &before);
    while (!stopped) {
        (void)sigsuspend(&before);
    }
}

static void report(const char *mode)
{
    (void)printf("%s: %u sent, %u refused, %u opened\n", mode, (unsigned)sent, (unsigned)refused,
                 (unsigned)opened);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        (void)fprintf(stderr, "usage: wire_garbage PORT MODE COUNT [SEED]\n");
        return 2;
    }
    port = (uint16_t)strtoul(argv[1], NULL, 10);
    const char *mode = argv[2];
    const uint32_t count = (uint32_t)strtoul(argv[3], NULL, 10);
    fedli_rng_init(&rng, argc > 4 ? strtoull(argv[4], NULL, 10) : count);
    catch_term();
    if (strcmp(mode, "bodies") == 0) {
        send_bodies(count, 0);
    } else if (strcmp(mode, "hello-ik") == 0) {
        send_bodies(count, FEDLI_ENVELOPE_HELLO_IK);
    } else if (strcmp(mode, "hello-xx") == 0) {
        send_openings(count);
    } else if (strcmp(mode, "half-open") == 0) {
        hold_half_open(count);
        report(mode);
        wait_for_term();
        return 0;
    } else if (strcmp(mode, "storm") == 0) {
        report(mode);
        while (!stopped) {
            send_bodies(2 * BATCH_MESSAGES, 0);
            send_openings(BATCH_MESSAGES);
            send_broken("noise", 1);
            send_broken("oversized", 3);
        }
    } else {
        send_broken(mode, count);
    }
    report(mode);
    return 0;
}
