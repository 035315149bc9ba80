/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast does a server fold clients' vectors into the sum, and how fast does a device produce
 * its vector? Rates are in GB (10^9 bytes) of update bytes per second, each beside what the same
 * machine does in the same run with the same bytes: memcpy, and a plain loop of typed additions.
 *
 *   bench_fold [--quick] [--json FILE]
 *
 * "hot" folds one vector again and again (it stays in the cache as far as it fits); "cold" walks
 * through a pool larger than the last-level cache, as uploads that have just arrived would be. The
 * accumulator itself is used again and again in both. Every figure is the best of several runs:
 * other programs can only slow a run down. Exit status: 0, or 2 for usage and failures.
 */
#include "agg/accum.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POOL_BYTES (96u << 20)
#define ROWS_MAX   64u

typedef struct row {
    const char *what;   /* fold, update_read, update_begin */
    const char *memory; /* hot, cold */
    uint32_t ring_bits;
    uint32_t parameter_count;
    double gb_per_s;
    double memcpy_gb_per_s; /* 0: no comparison for this row */
    double add_gb_per_s;
} row;

typedef struct bench {
    uint64_t run_ns; /* shortest run that counts */
    uint32_t runs;
    uint8_t *pool;
    uint8_t *target; /* of memcpy and of the plain additions */
    row rows[ROWS_MAX];
    uint32_t row_count;
} bench;

/* One timed operation on `bytes` update bytes. */
typedef struct job {
    void (*work)(struct job *job, const uint8_t *source);
    size_t bytes;
    size_t source_count; /* different sources in the pool */
    void *context;
} job;

static void fail(const char *what)
{
    (void)fprintf(stderr, "bench_fold: %s failed\n", what);
    exit(2);
}

static void *must_alloc(size_t bytes)
{
    void *block = aligned_alloc(64, (bytes + 63u) & ~(size_t)63u);
    if (block == NULL) {
        fail("malloc");
    }
    memset(block, 0, bytes);
    return block;
}

static uint64_t now_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Best rate of several runs, GB/s. */
static double rate_of(const bench *b, job *j)
{
    double best = 0;
    size_t next = 0;
    for (uint32_t run = 0; run < b->runs; run++) {
        uint64_t turns = 0;
        uint64_t passed = 0;
        const uint64_t start = now_ns();
        while (passed < b->run_ns) {
            /* Enough work between two looks at the clock: about a megabyte. */
            const size_t batch = 1 + (1u << 20) / j->bytes;
            for (size_t i = 0; i < batch; i++) {
                j->work(j, b->pool + next * j->bytes);
                next = next + 1 == j->source_count ? 0 : next + 1;
            }
            turns += batch;
            passed = now_ns() - start;
        }
        const double rate = (double)turns * (double)j->bytes / (double)passed;
        best = rate > best ? rate : best;
    }
    return best;
}

static void work_fold(job *j, const uint8_t *source)
{
    fedl_accum *accum = j->context;
    if (accum->count == accum->clients_max) {
        fedl_accum_clear(accum); /* once in 65535 vectors */
    }
    if (fedl_accum_add(accum, fedl_bytes_of(source, j->bytes)) != FEDL_OK) {
        fail("fedl_accum_add");
    }
}

static void work_memcpy(job *j, const uint8_t *source)
{
    memcpy(j->context, source, j->bytes);
    /* The copy is never read; the compiler must not know. */
    __asm__ volatile("" : : "r"(j->context) : "memory");
}

/* What a typed loop over words of the host does; 8 and 24 bits are compared with 32-bit words. */
static void work_add_u16(job *j, const uint8_t *source)
{
    uint16_t *restrict sum = j->context;
    const uint16_t *restrict words = (const uint16_t *)(const void *)source;
    const size_t count = j->bytes / 2;
    for (size_t i = 0; i < count; i++) {
        sum[i] = (uint16_t)(sum[i] + words[i]);
    }
}

static void work_add_u32(job *j, const uint8_t *source)
{
    uint32_t *restrict sum = j->context;
    const uint32_t *restrict words = (const uint32_t *)(const void *)source;
    const size_t count = j->bytes / 4;
    for (size_t i = 0; i < count; i++) {
        sum[i] += words[i];
    }
}

static row *new_row(bench *b, const char *what, const char *memory, uint32_t ring_bits,
                    uint32_t parameter_count)
{
    row *r = &b->rows[b->row_count++];
    *r = (row){
        .what = what, .memory = memory, .ring_bits = ring_bits, .parameter_count = parameter_count};
    return r;
}

static void bench_fold(bench *b, uint8_t ring_bits, uint32_t parameter_count, bool cold)
{
    const fedl_update_config cfg = {.clip_q16 = 65536,
                                    .update_exp = -12,
                                    .ring_bits = ring_bits,
                                    .clients_max = FEDL_UPDATE_CLIENTS_MAX,
                                    .w_max = 1};
    const size_t accum_bytes = fedl_accum_size(&cfg, parameter_count);
    void *block = must_alloc(accum_bytes);
    fedl_accum accum;
    if (fedl_accum_init(&accum, &cfg, parameter_count, block, accum_bytes) != FEDL_OK) {
        fail("fedl_accum_init");
    }
    const size_t bytes = accum.vector_bytes;
    job j = {work_fold, bytes, cold ? POOL_BYTES / bytes : 1, &accum};
    row *r = new_row(b, "fold", cold ? "cold" : "hot", ring_bits, parameter_count);
    r->gb_per_s = rate_of(b, &j);
    j.context = b->target;
    j.work = work_memcpy;
    r->memcpy_gb_per_s = rate_of(b, &j);
    j.work = ring_bits == 16 ? work_add_u16 : work_add_u32;
    r->add_gb_per_s = rate_of(b, &j);
    free(block);
}

/* One dense layer of 999 inputs: units · 1000 parameters; trained = received plus a little. */
typedef struct device {
    fedl_model model;
    fedl_update update;
    uint8_t *reference;
    size_t reference_bytes;
    void *block;
    fedl_update_config cfg;
} device;

static void begin_update(device *d)
{
    const fedl_train_seed seed = {1, 2, 3};
    if (fedl_update_begin(&d->update, &d->model, fedl_bytes_of(d->reference, d->reference_bytes),
                          &d->cfg, &seed, 100, NULL, NULL) != FEDL_OK) {
        fail("fedl_update_begin");
    }
}

static void device_init(device *d, uint8_t ring_bits, uint32_t units)
{
    fedl_model_config config = {.batch_rows_max = 0};
    config.spec.input_count = 999;
    config.spec.input_exp = -7;
    config.spec.loss = FEDL_LOSS_SOFTMAX_CE;
    config.spec.layer_count = 1;
    config.spec.layers[0] =
        (fedl_layer_spec){.kind = FEDL_LAYER_DENSE, .units = units, .weight_exp = -14};
    const size_t model_bytes = fedl_model_size(&config);
    d->block = must_alloc(model_bytes);
    if (fedl_model_init(&d->model, &config, d->block, model_bytes) != FEDL_OK) {
        fail("fedl_model_init");
    }
    d->reference_bytes = fedl_container_size(&config.spec);
    d->reference = must_alloc(d->reference_bytes);
    fedl_model_randomise(&d->model, 1);
    if (fedl_model_export(&d->model, d->reference, d->reference_bytes) != FEDL_OK) {
        fail("fedl_model_export");
    }
    fedl_model_randomise(&d->model, 2);
    d->cfg = (fedl_update_config){.clip_q16 = 65536,
                                  .update_exp = -13,
                                  .ring_bits = ring_bits,
                                  .clients_max = 10,
                                  .w_unit = 20,
                                  .w_max = 8};
    begin_update(d);
}

static void work_begin(job *j, const uint8_t *source)
{
    (void)source;
    begin_update(j->context);
}

/* In chunks of 60 KB, as they go into frames. */
static void work_read(job *j, const uint8_t *source)
{
    (void)source;
    device *d = j->context;
    static uint8_t chunk[61440];
    for (size_t at = 0; at < j->bytes; at += sizeof chunk) {
        const size_t left = j->bytes - at;
        if (fedl_update_read(&d->update, chunk, at, left < sizeof chunk ? left : sizeof chunk) !=
            FEDL_OK) {
            fail("fedl_update_read");
        }
    }
}

static void bench_update(bench *b, uint8_t ring_bits, uint32_t units)
{
    device d;
    device_init(&d, ring_bits, units);
    const uint32_t count = fedl_model_parameter_count(fedl_model_spec_of(&d.model));
    job j = {work_read, fedl_update_vector_size(&d.cfg, count), 1, &d};
    new_row(b, "update_read", "hot", ring_bits, count)->gb_per_s = rate_of(b, &j);
    j.work = work_begin;
    new_row(b, "update_begin", "hot", ring_bits, count)->gb_per_s = rate_of(b, &j);
    free(d.block);
    free(d.reference);
}

static void print_table(const bench *b)
{
    (void)printf("%-12s %-4s %4s %9s %9s %9s %9s %8s %8s\n", "what", "mem", "b", "params", "GB/s",
                 "memcpy", "add", "/memcpy", "/add");
    for (uint32_t i = 0; i < b->row_count; i++) {
        const row *r = &b->rows[i];
        (void)printf("%-12s %-4s %4u %9u %9.2f", r->what, r->memory, r->ring_bits,
                     r->parameter_count, r->gb_per_s);
        if (r->memcpy_gb_per_s > 0) {
            (void)printf(" %9.2f %9.2f %8.2f %8.2f", r->memcpy_gb_per_s, r->add_gb_per_s,
                         r->gb_per_s / r->memcpy_gb_per_s, r->gb_per_s / r->add_gb_per_s);
        }
        (void)printf("\n");
    }
}

static bool write_json(const bench *b, const char *path)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return false;
    }
    (void)fprintf(file, "[\n");
    for (uint32_t i = 0; i < b->row_count; i++) {
        const row *r = &b->rows[i];
        (void)fprintf(file,
                      "  {\"bench\": \"fold\", \"what\": \"%s\", \"memory\": \"%s\", "
                      "\"ring_bits\": %u, \"parameters\": %u, \"gb_per_s\": %.3f",
                      r->what, r->memory, r->ring_bits, r->parameter_count, r->gb_per_s);
        if (r->memcpy_gb_per_s > 0) {
            (void)fprintf(file,
                          ", \"memcpy_gb_per_s\": %.3f, \"add_gb_per_s\": %.3f, "
                          "\"ratio_to_memcpy\": %.3f, \"ratio_to_add\": %.3f",
                          r->memcpy_gb_per_s, r->add_gb_per_s, r->gb_per_s / r->memcpy_gb_per_s,
                          r->gb_per_s / r->add_gb_per_s);
        }
        (void)fprintf(file, "}%s\n", i + 1 < b->row_count ? "," : "");
    }
    (void)fprintf(file, "]\n");
    return fclose(file) == 0;
}

int main(int argc, char **argv)
{
    static bench b = {.run_ns = 20000000, .runs = 7};
    const char *json_path = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            b.run_ns = 1000000;
            b.runs = 2;
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            json_path = argv[++i];
        } else {
            (void)fprintf(stderr, "usage: bench_fold [--quick] [--json FILE]\n");
            return 2;
        }
    }
    b.pool = must_alloc(POOL_BYTES);
    b.target = must_alloc(5u << 20);
    for (size_t i = 0; i < POOL_BYTES; i += 64) {
        b.pool[i] = (uint8_t)fedli_mix32((uint32_t)i);
    }
    for (uint32_t count = 10000; count <= 1000000; count *= 10) {
        for (uint32_t bits = 8; bits <= 32; bits += 8) {
            bench_fold(&b, (uint8_t)bits, count, false);
            bench_fold(&b, (uint8_t)bits, count, true);
        }
        bench_update(&b, 16, count / 1000);
        bench_update(&b, 24, count / 1000);
    }
    print_table(&b);
    if (json_path != NULL && !write_json(&b, json_path)) {
        fail("writing the JSON file");
    }
    free(b.pool);
    free(b.target);
    return 0;
}
