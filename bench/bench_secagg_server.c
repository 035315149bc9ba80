/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's side of one attempt in a process of its own: the real group, accumulator and record
 * channels, and what a coordinator holds besides for a task (container, staging).
 * No sockets, sessions or database: bench_server measures the whole program.
 */
#include "agg/accum.h"
#include "agg/master.h"
#include "bench_secagg.h"
#include "coord/coord.h"
#include "coord/group.h"
#include "secagg/params.h"
#include "secure/channel.h"
#include "sodium/crypto_sodium.h"
#include "wire/message.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define THREADS_MAX      16u
#define RECORD_BYTES_MAX (FEDLI_FRAME_BYTES_MAX + FEDLI_RECORD_OVERHEAD_BYTES)

typedef struct server {
    int fd;
    const fedl_crypto *crypto;
    bench_setup setup;
    fedl_plan plan;
    fedl_group group;
    fedl_instant_ns now_ns;
    bench_registered *devices;
    fedli_channel *channels; /* of each device */
    fedl_accum accum;
    uint8_t *staging;
    uint32_t staged_device;
    size_t staged_bytes;
    uint8_t *vector; /* the masked sum, once U3 is frozen */
    void *container; /* held only */
    bench_report report;
} server;

/* ---- threads of the unmasking: they live on between jobs, as a host's do ---- */

typedef struct pool {
    pthread_barrier_t begin;
    pthread_barrier_t end;
    const fedl_compute_job *job; /* NULL: stop */
    uint32_t parts;
    double cpu_s[THREADS_MAX];
} pool;

typedef struct pool_worker {
    pool *pool;
    uint32_t part;
    pthread_t thread;
} pool_worker;

static void run_part(pool *p, uint32_t part)
{
    const double begin = bench_cpu_s();
    fedl_compute_run(p->job, part, p->parts);
    p->cpu_s[part] = bench_cpu_s() - begin;
}

static void *worker_main(void *context)
{
    pool_worker *w = context;
    for (;;) {
        (void)pthread_barrier_wait(&w->pool->begin);
        if (w->pool->job == NULL) {
            return NULL;
        }
        run_part(w->pool, w->part);
        (void)pthread_barrier_wait(&w->pool->end);
    }
}

/* The best times of all runs of a job go into the report; 0 there: none yet. */
static void run_job(pool *p, const fedl_compute_job *job, bench_report *report)
{
    double busiest = 0;
    const double begin = bench_now_s();
    p->job = job;
    (void)pthread_barrier_wait(&p->begin);
    run_part(p, 0);
    (void)pthread_barrier_wait(&p->end);
    const double passed = bench_now_s() - begin;
    for (uint32_t i = 0; i < p->parts; i++) {
        busiest = p->cpu_s[i] > busiest ? p->cpu_s[i] : busiest;
    }
    if (report->expand_s <= 0 || passed < report->expand_s) {
        report->expand_s = passed;
    }
    if (report->expand_cpu_s <= 0 || busiest < report->expand_cpu_s) {
        report->expand_cpu_s = busiest;
    }
}

/* ---- memory ---- */

static uint64_t peak_rss(void)
{
    char line[256];
    unsigned long long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "VmHWM:", 6) == 0) {
            kib = strtoull(line + 6, NULL, 10);
        }
    }
    if (f == NULL || fclose(f) != 0 || kib == 0) {
        bench_fail("/proc/self/status");
    }
    return kib * 1024u;
}

/* A block as a coordinator has it; written to, so that it counts. */
static void *held(size_t bytes)
{
    void *block = bench_alloc(bytes);
    __asm__ volatile("" : : "r"(block) : "memory");
    return block;
}

static void init(server *s)
{
    const uint32_t n = s->setup.row.n;
    fedl_coord_config defaults;
    fedl_coord_config_default(&defaults);
    bench_plan(&s->plan, &s->setup.row);
    s->devices = held(n * sizeof *s->devices);
    s->channels = held(n * sizeof *s->channels);
    link_read(s->fd, s->devices, n * sizeof *s->devices);
    for (uint32_t i = 0; i < n; i++) {
        fedli_channel_init(&s->channels[i], s->crypto, s->devices[i].receive_key,
                           s->devices[i].send_key);
    }
    const size_t accum_bytes = fedl_accum_size(&s->plan.update, s->setup.row.d);
    must(
        fedl_accum_init(&s->accum, &s->plan.update, s->setup.row.d, held(accum_bytes), accum_bytes),
        "accumulator");
    s->report.vector_bytes = s->accum.vector_bytes;
    s->report.model_bytes = fedl_container_size(&s->plan.model);
    const size_t slots = defaults.staging_bytes / s->accum.vector_bytes;
    const size_t staging_bytes = (slots == 0 ? 1 : slots) * s->accum.vector_bytes;
    const size_t master_bytes = fedl_master_size(&s->plan.model); /* lies in staging at the end */
    s->staging = held(staging_bytes < master_bytes ? master_bytes : staging_bytes);
    s->container = held(s->report.model_bytes);
    s->report.group_bytes = fedl_group_size(&s->plan);
    const fedl_group_setup group = {.crypto = s->crypto,
                                    .plan = &s->plan,
                                    .attempt = s->setup.attempt,
                                    .ca_public = s->setup.ca_public,
                                    .utc_s = BENCH_UTC_S,
                                    .cohort_goal = n,
                                    .cohort_min = s->plan.secagg.min_cohort,
                                    .gather_until_ns = 1000000000};
    must(fedl_group_begin(&s->group, &group, held(s->report.group_bytes), s->report.group_bytes, 0),
         "group");
}

/* ---- requests ---- */

/* A record as the coordinator takes it: opened in place, parsed, staged; with the last one the
 * vector is folded and wiped. */
static void take_record(server *s, const bench_request *request, uint8_t *record,
                        bench_reply *reply)
{
    static _Alignas(16) uint8_t scratch[FEDLI_MESSAGE_ARENA_BYTES];
    const uint32_t id = s->devices[request->device].device_id;
    fedl_message message;
    size_t size;
    const double begin = bench_cpu_s();
    must(fedli_channel_open(&s->channels[request->device], record + 8, request->size - 8, &size,
                            fedl_bytes_of(record, request->size), fedl_bytes_of(NULL, 0)),
         "opening a record");
    must(fedl_message_decode(&message, fedl_bytes_of(record + 8, size), scratch, sizeof scratch),
         "parsing a message");
    const fedl_message_upload *upload = &message.u.upload;
    reply->answer = (uint32_t)fedl_group_vector_wanted(&s->group, id, upload->digest);
    if (message.kind != FEDL_MESSAGE_UPLOAD || reply->answer != FEDL_GROUP_OK ||
        upload->total_bytes != s->accum.vector_bytes) {
        bench_fail("an upload");
    }
    if (s->staged_device != id) {
        s->staged_device = id;
        s->staged_bytes = 0;
    }
    if (upload->offset != s->staged_bytes) {
        bench_fail("the order of an upload");
    }
    memcpy(s->staging + s->staged_bytes, upload->payload.data, upload->payload.size);
    s->staged_bytes += upload->payload.size;
    s->report.ingest_bytes += upload->payload.size;
    if (s->staged_bytes == s->accum.vector_bytes) {
        must(fedl_accum_take(&s->accum, s->staging, s->staged_bytes), "folding");
        fedl_group_vector_add(&s->group, s->now_ns, id);
        reply->complete = true;
    }
    s->report.ingest_s += bench_cpu_s() - begin;
}

/* The commit point: what would be stored is written out, then the group goes on. */
static void commit(server *s)
{
    const size_t export_bytes = fedl_group_export_bytes(&s->group);
    uint8_t *export = held(export_bytes);
    s->vector = s->staging; /* no upload is under way any more */
    must(fedl_accum_export(&s->accum, s->vector, s->accum.vector_bytes), "exporting the sum");
    fedl_group_export(&s->group, export);
    fedl_group_committed(&s->group, s->now_ns);
    free(export);
}

static void put(server *s, const bench_request *request, const uint8_t *payload, bench_reply *reply)
{
    const bench_registered *device = &s->devices[request->device];
    const double begin = bench_cpu_s();
    reply->answer = (uint32_t)fedl_group_put(
        &s->group, s->now_ns, device->device_id, device->id_public, device->noise_public,
        request->item, request->offset, request->total, fedl_bytes_of(payload, request->size),
        &reply->next_offset, &reply->complete);
    if (request->item == FEDL_ITEM_UNMASK) {
        s->report.reconstruct_s += bench_cpu_s() - begin;
    }
}

static void unmask(server *s)
{
    fedl_compute_job job = {.vector = s->vector};
    pool p = {.parts = s->setup.row.threads};
    pool_worker workers[THREADS_MAX];
    job.shape.ring_bits = s->plan.update.ring_bits;
    job.shape.vector_bytes = s->accum.vector_bytes;
    job.shape.body_bytes = s->accum.vector_bytes - FEDLI_PRG_BLOCK_BYTES;
    job.keys = fedl_group_keys(&s->group, &job.key_count);
    s->report.key_count = job.key_count;
    if (pthread_barrier_init(&p.begin, NULL, p.parts) != 0 ||
        pthread_barrier_init(&p.end, NULL, p.parts) != 0) {
        bench_fail("pthread_barrier_init");
    }
    for (uint32_t i = 1; i < p.parts; i++) {
        workers[i] = (pool_worker){.pool = &p, .part = i};
        if (pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) != 0) {
            bench_fail("pthread_create");
        }
    }
    run_job(&p, &job, &s->report);
    must(fedl_accum_import(&s->accum, fedl_bytes_of(s->vector, s->accum.vector_bytes),
                           fedl_group_u3_count(&s->group)),
         "importing the sum");
    s->report.rss_bytes = peak_rss();
    /* Again for the times only (the vector is spoiled): others use the machine, too. */
    const double begin = bench_now_s();
    for (uint32_t run = 1; run < 3 || (run < 40 && bench_now_s() - begin < 1); run++) {
        run_job(&p, &job, &s->report);
    }
    p.job = NULL;
    (void)pthread_barrier_wait(&p.begin);
    for (uint32_t i = 1; i < p.parts; i++) {
        (void)pthread_join(workers[i].thread, NULL);
    }
    must(fedl_accum_export(&s->accum, s->vector, s->accum.vector_bytes), "exporting the sum");
    fedl_digest(s->crypto, s->report.digest, s->vector, s->accum.vector_bytes);
}

static void finish(server *s)
{
    fedli_params params;
    must(fedli_params_for(&params, s->setup.row.n, s->plan.secagg.gamma_permille,
                          s->plan.secagg.delta_permille, s->plan.secagg.trust),
         "k and t");
    s->report.k = params.k;
    s->report.t = params.t;
    s->report.phase = (uint32_t)fedl_group_phase_of(&s->group);
    if (s->report.phase == FEDL_GROUP_READY) {
        unmask(s);
        s->report.kernel_rate = bench_kernel_rate(s->plan.update.ring_bits, 0.2);
        bench_ingest(s->crypto, &s->accum, s->staging, &s->report);
    } else {
        const char *reason = fedl_group_reason(&s->group);
        (void)fprintf(stderr, "bench_secagg: the attempt ended in phase %u: %s\n", s->report.phase,
                      reason == NULL ? "" : reason);
    }
}

void bench_server_main(int fd)
{
    static server s;
    static uint8_t in[RECORD_BYTES_MAX];
    static uint8_t out[BENCH_PART_BYTES];
    s.fd = fd;
    must(fedl_crypto_sodium_init(), "libsodium");
    s.crypto = fedl_crypto_sodium();
    link_read(fd, &s.setup, sizeof s.setup);
    init(&s);
    for (;;) {
        bench_request request;
        bench_reply reply = {0};
        size_t size = 0;
        link_read(fd, &request, sizeof request);
        if (request.size > sizeof in || request.device >= s.setup.row.n) {
            bench_fail("a request");
        }
        link_read(fd, in, request.size);
        switch (request.op) {
        case BENCH_PUT:
            put(&s, &request, in, &reply);
            break;
        case BENCH_GET:
            reply.answer = (uint32_t)fedl_group_get(&s.group, s.devices[request.device].device_id,
                                                    request.item, request.offset, out, sizeof out,
                                                    &size, &reply.total);
            break;
        case BENCH_RECORD:
            take_record(&s, &request, in, &reply);
            break;
        case BENCH_TIME:
            s.now_ns = fedl_group_deadline_ns(&s.group);
            fedl_group_tick(&s.group, s.now_ns);
            break;
        case BENCH_REPORT:
            finish(&s);
            link_write(fd, &s.report, sizeof s.report);
            return;
        }
        if (fedl_group_phase_of(&s.group) == FEDL_GROUP_FROZEN) {
            commit(&s);
        }
        reply.size = (uint32_t)size;
        link_write(fd, &reply, sizeof reply);
        link_write(fd, out, size);
    }
}
