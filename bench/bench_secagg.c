/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What secure aggregation costs: the mask generator by itself, then whole masked attempts between
 * real devices and a real group, with a part of the devices lost after they gave their shares away
 * (the dearest kind of loss), and the memory of the server's process.
 *
 *   bench_secagg [--quick] [--kernels] [--n N] [--d D] [--bits B] [--threads T] [--active] [--json
 * FILE]
 *
 * Without options: n 10, 100, 1000 × d 10,000, 100,000, 1,000,000 × 16 and 32 bits, about four
 * minutes. --quick: small ones only. The limit of unmasking is keys × bytes / (threads × rate of
 * the fused kernel on one core in the same process). Exit status: 0, or 2.
 */
#include "bench_secagg.h"

#include "coord/group.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROWS_MAX       18u
#define LOST_PERMILLE  50u
#define SERVER_LINK_FD 3

typedef struct options {
    bool quick;
    bool kernels;
    uint32_t n;
    uint32_t d;
    uint32_t ring_bits;
    uint32_t threads;
    uint32_t trust;
    FILE *json;
} options;

typedef struct result {
    bench_row row;
    bench_report report;
    double limit_s;
} result;

double bench_now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

double bench_cpu_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void bench_fail(const char *what)
{
    (void)fprintf(stderr, "bench_secagg: %s failed\n", what);
    exit(2);
}

void must(fedl_status status, const char *what)
{
    if (status != FEDL_OK) {
        (void)fprintf(stderr, "bench_secagg: %s: %s\n", what, fedl_status_text(status));
        exit(2);
    }
}

void *bench_alloc(size_t bytes)
{
    void *block = aligned_alloc(64, (bytes + 63u) & ~(size_t)63u);
    if (block == NULL) {
        bench_fail("malloc");
    }
    memset(block, 0, bytes);
    return block;
}

void bench_plan(fedl_plan *plan, const bench_row *row)
{
    memset(plan, 0, sizeof *plan);
    plan->model = (fedl_model_spec){.input_count = 999,
                                    .input_exp = -7,
                                    .loss = FEDL_LOSS_SOFTMAX_CE,
                                    .layer_count = 1,
                                    .layers = {{FEDL_LAYER_DENSE, row->d / 1000u, -13}}};
    plan->train = (fedl_train_config){1, 1, FEDL_LR_ONE_Q24 / 100u, 0};
    plan->update = (fedl_update_config){.clip_q16 = 1u << 16,
                                        .update_exp = -12,
                                        .ring_bits = (uint8_t)row->ring_bits,
                                        .clients_max = row->n,
                                        .w_max = 1};
    plan->aggregation = FEDL_AGGREGATION_MASKED;
    plan->secagg = (fedl_secagg_config){.trust = (fedl_server_trust)row->trust,
                                        .min_cohort = (uint16_t)(row->n / 2u),
                                        .gamma_permille = 100,
                                        .delta_permille = LOST_PERMILLE,
                                        .step_ms = 1000,
                                        .epoch_rounds = 64};
    plan->privacy.mode = FEDL_PRIVACY_NONE;
    must(fedl_plan_check(plan), "the plan");
}

static void print_row(const result *r, FILE *json)
{
    const bench_row *row = &r->row;
    const bench_report *s = &r->report;
    const double unmask_s = s->reconstruct_s + s->expand_s;
    const double unmask_cpu_s = s->reconstruct_s + s->expand_cpu_s;
    const double ingest_rate = s->ingest_rate;
    (void)printf("%5u %8u %3u %5u %3u/%-3u %6u %8.2f %9.4f %6.2f %6.2f %9.4f %9.4f %9.4f %9.4f "
                 "%6.2f %6.2f %6.2f %8.1f\n",
                 row->n, row->d, row->ring_bits, row->lost, s->k, s->t, s->key_count,
                 row->client_mask_s * 1e3, s->ingest_s, ingest_rate * 1e-9,
                 ingest_rate / s->aead_rate, s->reconstruct_s, s->expand_s, s->expand_cpu_s,
                 r->limit_s, r->limit_s / s->expand_s, r->limit_s / s->expand_cpu_s,
                 r->limit_s / unmask_cpu_s, (double)s->rss_bytes * 1e-6);
    (void)fflush(stdout);
    if (json == NULL) {
        return;
    }
    (void)fprintf(json,
                  "{\"n\": %u, \"d\": %u, \"b\": %u, \"lost\": %u, \"trust\": %u, \"k\": %u, "
                  "\"t\": %u, \"threads\": %u, \"keys\": %u, ",
                  row->n, row->d, row->ring_bits, row->lost, row->trust, s->k, s->t, row->threads,
                  s->key_count);
    (void)fprintf(
        json,
        "\"client_mask_s\": %.6f, \"ingest_s\": %.6f, \"ingest_bytes\": %llu, "
        "\"ingest_bytes_per_s\": %.0f, \"aead_bytes_per_s\": %.0f, \"ingest_ratio\": %.4f, "
        "\"reconstruct_s\": %.6f, \"expand_s\": %.6f, "
        "\"unmask_s\": %.6f, \"unmask_limit_s\": %.6f, \"unmask_ratio\": %.4f, "
        "\"expand_ratio\": %.4f, \"expand_cpu_s\": %.6f, \"expand_cpu_ratio\": %.4f, "
        "\"unmask_cpu_ratio\": %.4f, \"kernel_bytes_per_s\": %.0f, ",
        row->client_mask_s, s->ingest_s, (unsigned long long)s->ingest_bytes, ingest_rate,
        s->aead_rate, ingest_rate / s->aead_rate, s->reconstruct_s, s->expand_s, unmask_s,
        r->limit_s, r->limit_s / unmask_s, r->limit_s / s->expand_s, s->expand_cpu_s,
        r->limit_s / s->expand_cpu_s, r->limit_s / unmask_cpu_s, s->kernel_rate);
    (void)fprintf(json,
                  "\"server_rss_bytes\": %llu, \"group_bytes\": %llu, \"vector_bytes\": %llu, "
                  "\"model_bytes\": %llu, \"attempt_s\": %.3f}\n",
                  (unsigned long long)s->rss_bytes, (unsigned long long)s->group_bytes,
                  (unsigned long long)s->vector_bytes, (unsigned long long)s->model_bytes,
                  row->attempt_s);
}

/* Least squares for RSS = x0 + x1·n + x2·d over the rows of one ring. */
static void fit(const result *results, uint32_t count, uint32_t ring_bits, FILE *json)
{
    double m[3][4] = {{0}};
    uint32_t used = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (results[i].row.ring_bits == ring_bits) {
            const double r[4] = {1, results[i].row.n, results[i].row.d,
                                 (double)results[i].report.rss_bytes};
            used++;
            for (size_t a = 0; a < 3; a++) {
                for (size_t b = 0; b < 4; b++) {
                    m[a][b] += r[a] * r[b];
                }
            }
        }
    }
    for (size_t p = 0; p < 3; p++) {
        for (size_t a = 0; used >= 4 && a < 3; a++) {
            const double f = a == p ? 0 : m[a][p] / m[p][p];
            for (size_t b = 0; b < 4; b++) {
                m[a][b] -= f * m[p][b];
            }
        }
    }
    if (used < 4) {
        return; /* three unknowns */
    }
    const double base = m[0][3] / m[0][0];
    const double client = m[1][3] / m[1][1];
    const double parameter = m[2][3] / m[2][2];
    (void)printf("b = %u: RSS = %.1f MB + %.1f kB per device + %.2f B per parameter   (limits: 32 "
                 "kB, 10 B)\n",
                 ring_bits, base * 1e-6, client * 1e-3, parameter);
    if (json != NULL) {
        (void)fprintf(json,
                      "{\"fit_b\": %u, \"base_bytes\": %.0f, \"bytes_per_client\": %.1f, "
                      "\"bytes_per_parameter\": %.3f}\n",
                      ring_bits, base, client, parameter);
    }
}

static void attempts(const options *o)
{
    static const uint32_t ns[3] = {10, 100, 1000};
    static const uint32_t ds[3] = {10000, 100000, 1000000};
    static const uint32_t rings[2] = {16, 32};
    static result results[ROWS_MAX];
    uint32_t count = 0;
    (void)printf("%5s %8s %3s %5s %7s %6s %8s %9s %6s %6s %9s %9s %9s %9s %6s %6s %6s %8s\n", "n",
                 "d", "b", "lost", "k/t", "keys", "mask ms", "ingest s", "GB/s", "/AEAD",
                 "shares s", "expand s", "cpu s", "limit s", "/exp.", "/cpu", "/all", "RSS MB");
    for (uint32_t in = 0; in < (o->n != 0 ? 1u : o->quick ? 2u : 3u); in++) {
        const uint32_t n = o->n != 0 ? o->n : ns[in];
        bench_fleet *fleet = bench_fleet_create(n);
        uint32_t round = 0;
        for (uint32_t id = 0; id < (o->d != 0 ? 1u : o->quick ? 2u : 3u); id++) {
            for (uint32_t ib = 0; ib < (o->ring_bits != 0 ? 1u : 2u); ib++) {
                result *r = &results[count++];
                r->row = (bench_row){.n = n,
                                     .d = o->d != 0 ? o->d : ds[id],
                                     .ring_bits = o->ring_bits != 0 ? o->ring_bits : rings[ib],
                                     .lost = (n * LOST_PERMILLE + 999u) / 1000u,
                                     .trust = o->trust,
                                     .threads = o->threads,
                                     .round = ++round};
                bench_fleet_attempt(fleet, &r->row, &r->report);
                r->limit_s = (double)r->report.key_count * (double)r->report.vector_bytes /
                             (r->report.kernel_rate * o->threads);
                print_row(r, o->json);
            }
        }
        bench_fleet_destroy(fleet);
    }
    (void)printf(
        "mask: one device, all its masks. ingest: records opened, parsed, staged, folded, "
        ""
        "wiped; GB/s: of one vector again and again; /AEAD: to opening its records alone.\n"
        "expand: %u threads by the clock; cpu: the busier one's processor time; limit: "
        "keys × bytes / (threads × kernel rate).\n"
        "/exp.: limit / expand; /cpu: limit / cpu; /all: limit / (shares + cpu). mask, "
        "ingest, shares: processor time.\n",
        o->threads);
    for (uint32_t ib = 0; ib < 2; ib++) {
        fit(results, count, rings[ib], o->json);
    }
}

static uint32_t number(const char *text, uint32_t min, uint32_t max)
{
    char *end;
    const unsigned long value = strtoul(text, &end, 10);
    if (*text == '\0' || *end != '\0' || value < min || value > max) {
        (void)fprintf(stderr, "bench_secagg: %s is not in %u … %u\n", text, min, max);
        exit(2);
    }
    return (uint32_t)value;
}

_Noreturn static void usage(void)
{
    (void)fprintf(stderr, "usage: bench_secagg [--quick] [--kernels] [--n N] [--d D] [--bits B] "
                          "[--threads T] [--active] [--json FILE]\n");
    exit(2);
}

static void parse(options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--quick") == 0) {
            o->quick = true;
        } else if (strcmp(name, "--kernels") == 0) {
            o->kernels = true;
        } else if (strcmp(name, "--active") == 0) {
            o->trust = FEDL_TRUST_ACTIVE;
        } else if (++i >= argc) {
            usage();
        } else if (strcmp(name, "--n") == 0) {
            o->n = number(argv[i], 6, 5000);
        } else if (strcmp(name, "--d") == 0) {
            o->d = number(argv[i], 1000, 1000000) / 1000u * 1000u;
        } else if (strcmp(name, "--bits") == 0) {
            o->ring_bits = number(argv[i], 16, 32) / 8u * 8u;
        } else if (strcmp(name, "--threads") == 0) {
            o->threads = number(argv[i], 1, 16);
        } else if (strcmp(name, "--json") == 0) {
            o->json = fopen(argv[i], "w");
            if (o->json == NULL) {
                perror(argv[i]);
                exit(2);
            }
        } else {
            usage();
        }
    }
}

int main(int argc, char **argv)
{
    options o = {.threads = 2, .trust = FEDL_TRUST_CURIOUS};
    if (argc == 2 && strcmp(argv[1], "--server") == 0) {
        bench_server_main(SERVER_LINK_FD);
        return 0;
    }
    parse(&o, argc, argv);
    if (o.n == 0 && o.d == 0) {
        bench_kernels(o.json, o.quick);
    }
    if (!o.kernels) {
        attempts(&o);
    }
    if (o.json != NULL && fclose(o.json) != 0) {
        bench_fail("write");
    }
    return 0;
}
