/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the server takes updates in: everything from the sealed record to the accumulator
 * (decrypt, parse, stage, verify the digest, fold), on one core, beside what the AEAD and the
 * digest cost alone on the same bytes in the same run.
 *
 *   bench_ingest [--quick] [--json FILE]
 */
#include "inproc.h"
#include "sodium/crypto_sodium.h"
#include "wire/frame.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct row {
    uint32_t d;
    uint32_t clients;
    double ingest_gbps;
    double aead_gbps;
    double digest_gbps;
} row;

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static fedl_status read_row(void *context, uint32_t index, int8_t *input, int32_t *target)
{
    const uint32_t *input_count = context;
    memset(input, (int)(index + 1u), *input_count);
    target[0] = (int32_t)(index % 10u);
    return FEDL_OK;
}

/* The AEAD alone: opening records of one full chunk. */
static double aead_rate(const fedl_crypto *crypto, double seconds)
{
    static uint8_t sealed[FEDLI_CHUNK_BYTES_DEFAULT + FEDL_TAG_BYTES];
    static uint8_t open[FEDLI_CHUNK_BYTES_DEFAULT];
    const uint8_t key[32] = {1};
    const uint8_t nonce[12] = {2};
    crypto->aead_seal(sealed, open, sizeof open, NULL, 0, nonce, key);
    uint64_t bytes = 0;
    const double begin = now_s();
    while (now_s() - begin < seconds) {
        if (!crypto->aead_open(open, sealed, sizeof sealed, NULL, 0, nonce, key)) {
            exit(1);
        }
        bytes += sizeof open;
    }
    return (double)bytes / (now_s() - begin) * 1e-9;
}

static double digest_rate(const fedl_crypto *crypto, double seconds)
{
    static uint8_t data[FEDLI_CHUNK_BYTES_DEFAULT];
    uint8_t out[32];
    uint64_t bytes = 0;
    const double begin = now_s();
    while (now_s() - begin < seconds) {
        fedl_digest(crypto, out, data, sizeof data);
        data[0] = out[0];
        bytes += sizeof data;
    }
    return (double)bytes / (now_s() - begin) * 1e-9;
}

static void measure(row *r, const fedl_crypto *crypto, uint32_t units, uint32_t clients,
                    uint32_t rounds)
{
    static uint32_t input_count = 999;
    fedl_inproc_config cfg = {.crypto = crypto, .client_count = clients};
    cfg.plan.model = (fedl_model_spec){.input_count = input_count,
                                       .input_exp = -7,
                                       .loss = FEDL_LOSS_SOFTMAX_CE,
                                       .layer_count = 1,
                                       .layers = {{FEDL_LAYER_DENSE, units, -13}}};
    cfg.plan.train = (fedl_train_config){1, 1, FEDL_LR_ONE_Q24 / 100u, 0};
    cfg.plan.update = (fedl_update_config){.clip_q16 = 1u << 16,
                                           .update_exp = -12,
                                           .ring_bits = 16,
                                           .clients_max = clients,
                                           .w_unit = 1,
                                           .w_max = 1};
    cfg.plan.aggregation = FEDL_AGGREGATION_PLAIN;
    cfg.plan.privacy.mode = FEDL_PRIVACY_NONE;
    cfg.plan.run_seed = 7;
    cfg.round = (fedl_round_config){.round_count = rounds,
                                    .clients_goal = clients,
                                    .reports_min = clients,
                                    .select_count = clients,
                                    .pool_min = clients,
                                    .deadline_ms = 600000,
                                    .attempt_max = 3,
                                    .retry_ms = 1000,
                                    .server_lr_q16 = 65536,
                                    .agg_kind = FEDL_AGG_FEDAVG};
    cfg.rows = (fedl_sample_source){&input_count, 2, read_row};
    fedl_inproc_cost cost;
    fedl_inproc_run(&cfg, &cost);
    r->d = units * (input_count + 1u);
    r->clients = clients;
    r->ingest_gbps = (double)cost.upload_bytes / (double)cost.upload_ns;
}

static void print(FILE *json, const row *rows, size_t count)
{
    printf("%10s %8s %14s %12s %14s %10s\n", "parameters", "clients", "ingest GB/s", "AEAD GB/s",
           "BLAKE2b GB/s", "ratio");
    for (size_t i = 0; i < count; i++) {
        const row *r = &rows[i];
        /* The floor of what the protocol asks for: every byte is decrypted once and hashed once. */
        const double limit = 1.0 / (1.0 / r->aead_gbps + 1.0 / r->digest_gbps);
        printf("%10u %8u %14.2f %12.2f %14.2f %9.2f\n", r->d, r->clients, r->ingest_gbps,
               r->aead_gbps, r->digest_gbps, r->ingest_gbps / limit);
        if (json != NULL) {
            fprintf(json,
                    "{\"d\": %u, \"clients\": %u, \"ingest_gbps\": %.4f, \"aead_gbps\": %.4f, "
                    "\"digest_gbps\": %.4f, "
                    "\"ratio_to_aead\": %.4f, \"ratio_to_aead_and_digest\": %.4f}\n",
                    r->d, r->clients, r->ingest_gbps, r->aead_gbps, r->digest_gbps,
                    r->ingest_gbps / r->aead_gbps, r->ingest_gbps / limit);
        }
    }
    printf("ratio = ingest / (AEAD and BLAKE2b one after the other), one core, same run\n");
}

int main(int argc, char **argv)
{
    bool quick = false;
    FILE *json = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            quick = true;
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            json = fopen(argv[++i], "w");
            if (json == NULL) {
                perror(argv[i]);
                return 1;
            }
        } else {
            fprintf(stderr, "usage: bench_ingest [--quick] [--json FILE]\n");
            return 2;
        }
    }
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        fprintf(stderr, "bench_ingest: libsodium can't be initialised\n");
        return 1;
    }
    const fedl_crypto *crypto = fedl_crypto_sodium();
    row rows[3];
    const uint32_t units[3] = {10, 100, 1000};
    const uint32_t rounds[3] = {quick ? 20u : 400u, quick ? 4u : 60u, quick ? 1u : 6u};
    for (size_t i = 0; i < 3; i++) {
        rows[i].aead_gbps = aead_rate(crypto, quick ? 0.1 : 0.5);
        rows[i].digest_gbps = digest_rate(crypto, quick ? 0.1 : 0.5);
        measure(&rows[i], crypto, units[i], 10, rounds[i]);
    }
    print(json, rows, 3);
    if (json != NULL && fclose(json) != 0) {
        perror("bench_ingest");
        return 1;
    }
    return 0;
}
