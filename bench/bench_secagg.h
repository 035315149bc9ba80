/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of bench_secagg. One attempt is played by two processes: this one is all devices, a
 * fresh one per row is the server, so that its memory and its times are the server's alone. They
 * talk over a socket pair, one request at a time; both are the same program, so that structs travel
 * as they are. Every failure ends the program with status 2.
 */
#ifndef FEDL_BENCH_SECAGG_H
#define FEDL_BENCH_SECAGG_H

#include "agg/accum.h"
#include "fedl/crypto.h"
#include "fedl/plan.h"
#include "secagg/binding.h"
#include "secagg/prg.h"

#include <stdio.h>

#define BENCH_TASK       1u
#define BENCH_UTC_S      UINT64_C(1700000000)
#define BENCH_PART_BYTES 61440u /* of items and vectors; a multiple of 192 */

double bench_now_s(void);
/** Processor time of the calling thread: what work costs, also where others share the machine. */
double bench_cpu_s(void);
_Noreturn void bench_fail(const char *what);
void must(fedl_status status, const char *what);
void *bench_alloc(size_t bytes); /* zeroed, 64-byte aligned */

/* ---- bench_secagg_kernels.c ---- */
/** Rates of every backend beside libsodium's; prints a table and JSON lines. */
void bench_kernels(FILE *json, bool quick);
/** What one core makes of keystream and adds to a vector in its first-level cache, bytes per second
 * of processor time: best of several runs with the best backend. */
double bench_kernel_rate(uint32_t ring_bits, double seconds);

/* ---- one attempt ---- */

typedef struct bench_row {
    uint32_t n;
    uint32_t d;
    uint32_t ring_bits;
    uint32_t lost;  /* devices that vanish after SHARES: their masks are all to be taken off */
    uint32_t trust; /* fedl_server_trust */
    uint32_t threads;
    uint32_t round;
    double client_mask_s; /* processor time of all masks of one device, mean */
    double attempt_s;     /* everything, devices one after the other */
} bench_row;

/* What the server says of an attempt. */
typedef struct bench_report {
    uint32_t phase;
    uint32_t k;
    uint32_t t;
    uint32_t key_count;
    double ingest_s; /* processor time: records opened, parsed, staged, folded, wiped */
    uint64_t ingest_bytes;
    double ingest_rate;   /* the same of one vector again and again, bytes/s: best run */
    double aead_rate;     /* the same records opened and nothing else, bytes/s: best run */
    double reconstruct_s; /* processor time of UNMASK: shares checked, secrets put together, keys */
    double expand_s;      /* keystream taken off the sum, by the clock; best of 3 to 40 runs */
    double expand_cpu_s;  /* processor time of the busiest thread; best of all runs */
    double kernel_rate;   /* bench_kernel_rate(), in the same process right after */
    uint64_t vector_bytes;
    uint64_t model_bytes;
    uint64_t group_bytes; /* of the group's block */
    uint64_t rss_bytes;   /* peak of the server's process */
    uint8_t digest[32];   /* of the sum without masks */
} bench_report;

/* ---- bench_secagg_ingest.c ---- */
/** ingest_rate and aead_rate, run by run in turn; accum and staging (one vector) are spoiled. */
void bench_ingest(const fedl_crypto *crypto, fedl_accum *accum, uint8_t *staging,
                  bench_report *report);

void bench_plan(fedl_plan *plan, const bench_row *row);

/* ---- bench_secagg_link.c ---- */

typedef enum bench_op {
    BENCH_PUT = 1,
    BENCH_GET = 2,
    BENCH_RECORD = 3, /* one channel record with an UPLOAD */
    BENCH_TIME = 4,   /* the time of the present step is over */
    BENCH_REPORT = 5, /* and the server ends */
} bench_op;

typedef struct bench_request {
    bench_op op;
    uint32_t device; /* index */
    fedl_group_item item;
    uint32_t size; /* bytes that follow */
    uint64_t offset;
    uint64_t total;
} bench_request;

typedef struct bench_reply {
    uint32_t answer; /* fedl_group_answer */
    uint32_t size;   /* bytes that follow */
    uint64_t next_offset;
    uint64_t total;
    bool complete;
} bench_reply;

/* What the server knows of a device. */
typedef struct bench_registered {
    uint32_t device_id;
    uint8_t id_public[32];
    uint8_t noise_public[32];
    uint8_t send_key[32]; /* the device's: the server's receive key */
    uint8_t receive_key[32];
} bench_registered;

typedef struct bench_setup {
    bench_row row;
    fedli_attempt attempt;
    uint8_t ca_public[32];
} bench_setup;

void link_write(int fd, const void *data, size_t size);
void link_read(int fd, void *data, size_t size);
/** Starts a server process; returns the socket. */
int link_spawn(void);
/** Ends it. */
void link_wait(int fd);
/** One request and its reply; in: request.size bytes; out: room for BENCH_PART_BYTES. */
bench_reply link_ask(int fd, const bench_request *request, const void *in, void *out);

/* ---- bench_secagg_server.c ---- */
/** The server's process: reads the set-up and the devices from fd, answers until BENCH_REPORT. */
void bench_server_main(int fd);

/* ---- bench_secagg_fleet.c ---- */
typedef struct bench_fleet bench_fleet;
/** n devices with certificates and epoch keys, made once. */
bench_fleet *bench_fleet_create(uint32_t n);
void bench_fleet_destroy(bench_fleet *fleet);
/** One whole attempt; the sum is compared with the sum of the vectors before masking. */
void bench_fleet_attempt(bench_fleet *fleet, bench_row *row, bench_report *report);

#endif
