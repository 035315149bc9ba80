/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one question costs the helper: opening n seeds (two DH, two signatures each) and summing n
 * masks of d coordinates, on 1, 2 … threads. The request is made by real devices' code, the reply
 * is made by the machine that `fedl-server helper run` runs; a reply that is not, bit by bit, that
 * of one thread ends the benchmark.
 *
 *   bench_helper [--quick]
 *
 * Times are the best of several runs; cpu is the processor time of the busiest thread, which other
 * programs on the machine change less than the clock. Exit status: 0, or 2 for usage and failures.
 */
#include "host/compute_pool.h"
#include "host/helper_threads.h"
#include "secure/cert.h"
#include "sodium/crypto_sodium.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define RUNS 5

typedef struct fleet {
    const fedl_crypto *crypto;
    uint8_t fleet_id[16];
    uint8_t ca_public[32];
    uint8_t ca_secret[64];
    uint8_t helper_public[32];
    fedl_helper_config cfg;
} fleet;

static void fail(const char *what)
{
    (void)fprintf(stderr, "bench_helper: %s failed\n", what);
    exit(2);
}

static void *must_alloc(size_t bytes)
{
    void *block = calloc(1, bytes);
    if (block == NULL) {
        fail("memory");
    }
    return block;
}

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool keep(void *context, fedl_bytes state)
{
    (void)context;
    return state.size > 0; /* a file of some KB: not what is measured */
}

static void fleet_init(fleet *f)
{
    uint8_t seed[32] = {1};
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        fail("libsodium");
    }
    memset(f, 0, sizeof *f);
    f->crypto = fedl_crypto_sodium();
    f->crypto->sign_keypair(f->ca_public, f->ca_secret, seed);
    f->cfg = (fedl_helper_config){.crypto = f->crypto, .min_cohort = 3, .keep = keep};
    memset(f->cfg.noise_secret, 7, sizeof f->cfg.noise_secret);
    f->crypto->x25519_public(f->helper_public, f->cfg.noise_secret);
    memcpy(f->cfg.ca_public, f->ca_public, sizeof f->cfg.ca_public);
}

/* What device id sends. */
static void make_seed(const fleet *f, uint8_t item[FEDLI_SEED_ITEM_BYTES], uint32_t id,
                      const fedli_attempt *attempt)
{
    uint8_t secret[32] = {0};
    uint8_t noise_secret[32] = {0};
    uint8_t id_secret[64];
    uint8_t ephemeral[32];
    fedl_cert cert = {.role = FEDL_CERT_DEVICE, .subject_id = id, .serial = 1};
    fedli_seed seed = {.device_id = id, .min_cohort = 3};
    memcpy(secret, &id, sizeof id);
    memcpy(noise_secret, &id, sizeof id);
    noise_secret[31] = 9;
    f->crypto->sign_keypair(cert.id_public, id_secret, secret);
    f->crypto->x25519_public(cert.noise_public, noise_secret);
    fedl_cert_issue(f->crypto, seed.cert, &cert, f->ca_secret);
    fedli_helper_binding(f->crypto, seed.rb, attempt);
    fedli_seed_derive(f->crypto, seed.seed, ephemeral, secret, seed.rb);
    const fedli_seed_keys keys = {id_secret, noise_secret, f->helper_public, f->fleet_id};
    if (fedli_seed_seal(f->crypto, item, &seed, &keys, ephemeral) != FEDL_OK) {
        fail("sealing");
    }
}

static fedl_bytes make_request(const fleet *f, uint32_t n, uint32_t ring_bits, uint32_t d)
{
    fedl_helper_request request = {.count = n};
    const size_t body = ((size_t)d * ring_bits / 8 + 63) / 64 * 64;
    const size_t size = fedl_helper_request_bytes(n);
    uint8_t *bytes = must_alloc(size);
    request.attempt.task_id = 1;
    request.attempt.round = 1;
    request.attempt.attempt = 1;
    request.shape = (fedli_mask_shape){ring_bits, body, body + FEDLI_PRG_BLOCK_BYTES};
    for (uint32_t i = 0; i < n; i++) {
        uint8_t *entry = bytes + FEDL_HELPER_HEAD_BYTES + (size_t)i * FEDL_HELPER_ENTRY_BYTES;
        const uint32_t id = i + 1;
        entry[0] = (uint8_t)id;
        entry[1] = (uint8_t)(id >> 8);
        make_seed(f, entry + 4, id, &request.attempt);
    }
    fedl_helper_request_write(bytes, f->crypto, &request);
    return fedl_bytes_of(bytes, size);
}

/* What the machine spreads: first the seeds, then the sum. */
enum { SEEDS, SUM, WORKS };

typedef struct clocks {
    uint32_t works; /* spread so far in this run */
    fedl_helper_work work;
    void *job;
    double cpu_s[FEDL_HELPER_PARTS_MAX]; /* of each part, now */
    double wall_s[WORKS];                /* best of all runs, as the next */
    double busiest_s[WORKS];             /* processor time of the busiest thread */
} clocks;

static double cpu_now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void timed_part(void *context, uint32_t part, uint32_t parts)
{
    clocks *c = context;
    const double begin = cpu_now_s();
    c->work(c->job, part, parts);
    c->cpu_s[part] = cpu_now_s() - begin;
}

static void timed_spread(void *context, fedl_helper_work work, void *job, uint32_t parts)
{
    clocks *c = context;
    double busiest_s = 0;
    c->work = work;
    c->job = job;
    const double begin = now_s();
    fedl_helper_spread(NULL, timed_part, c, parts);
    const double wall_s = now_s() - begin;
    for (uint32_t i = 0; i < parts; i++) {
        busiest_s = c->cpu_s[i] > busiest_s ? c->cpu_s[i] : busiest_s;
    }
    c->wall_s[c->works] = wall_s < c->wall_s[c->works] ? wall_s : c->wall_s[c->works];
    c->busiest_s[c->works] =
        busiest_s < c->busiest_s[c->works] ? busiest_s : c->busiest_s[c->works];
    c->works++;
}

static void measure(fleet *f, fedl_helper *helper, const fedl_helper_room *room, fedl_bytes request,
                    clocks *c)
{
    *c = (clocks){.wall_s = {1e9, 1e9}, .busiest_s = {1e9, 1e9}};
    f->cfg.context = c;
    f->cfg.spread = timed_spread;
    for (int run = 0; run < RUNS; run++) {
        fedl_helper_verdict verdict;
        c->works = 0;
        if (fedl_helper_init(helper, &f->cfg) != FEDL_OK ||
            fedl_helper_serve(helper, room, &verdict, request, 0) != room->reply_bytes ||
            c->works != WORKS) {
            fail("the question");
        }
    }
}

static void bench_row(fleet *f, fedl_helper *helper, uint32_t n, uint32_t ring_bits, uint32_t d)
{
    const fedl_bytes request = make_request(f, n, ring_bits, d);
    fedl_helper_room room = {.keys_max = fedl_helper_keys_max(request)};
    if (fedl_helper_init(helper, &f->cfg) != FEDL_OK) {
        fail("the helper");
    }
    room.reply_bytes = fedl_helper_reply_bytes(helper, request);
    room.keys = must_alloc(room.keys_max * sizeof *room.keys);
    room.reply = must_alloc(room.reply_bytes);
    uint8_t *first = must_alloc(room.reply_bytes);
    const uint32_t most = fedl_compute_parts(0);
    for (uint32_t parts = 1; parts <= most; parts *= 2) {
        clocks c;
        f->cfg.parts = parts;
        measure(f, helper, &room, request, &c);
        if (parts == 1) {
            memcpy(first, room.reply, room.reply_bytes);
        } else if (memcmp(first, room.reply, room.reply_bytes) != 0) {
            fail("comparison of the sums");
        }
        printf("n %5u  d %8u  ring %2u  threads %2u  seeds %8.2f ms (cpu %8.2f)  sum %8.2f ms "
               "(cpu %8.2f, %.2f GB/s)\n",
               (unsigned)n, (unsigned)d, (unsigned)ring_bits, (unsigned)parts,
               c.wall_s[SEEDS] * 1e3, c.busiest_s[SEEDS] * 1e3, c.wall_s[SUM] * 1e3,
               c.busiest_s[SUM] * 1e3, (double)(room.reply_bytes * n) / (c.busiest_s[SUM] * 1e9));
        (void)fflush(stdout);
    }
    free(room.keys);
    free(room.reply);
    free(first);
    free((void *)(uintptr_t)request.data);
}

int main(int argc, char **argv)
{
    static const uint32_t rows[][3] = {{100, 16, 10000},
                                       {100, 16, 100000},
                                       {1000, 16, 100000},
                                       {1000, 32, 100000},
                                       {1000, 16, 1000000}};
    static fleet f;
    const bool quick = argc == 2 && strcmp(argv[1], "--quick") == 0;
    if (argc > 1 && !quick) {
        (void)fprintf(stderr, "usage: bench_helper [--quick]\n");
        return 2;
    }
    fedl_helper *helper = must_alloc(sizeof *helper);
    fleet_init(&f);
    for (size_t i = 0; i < (quick ? 1u : sizeof rows / sizeof rows[0]); i++) {
        bench_row(&f, helper, rows[i][0], rows[i][1], rows[i][2]);
    }
    free(helper);
    return 0;
}
