/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bench_channel [--quick] [--json FILE]: what sessions cost beside the primitives they stand on.
 *
 *   handshakes     a whole IK handshake, both sides on one core; the line beside it is the time of
 *                  the scalar multiplications that it cannot avoid
 *   records        seal and open in place at several sizes; the line is the bare AEAD on the same
 *                  bytes
 *
 * Ours and the line alternate within each repetition and the best of all repetitions counts, so
 * that another load on the machine hits both. A ratio of 1 means: nothing is lost above the
 * primitives.
 */
#include "secure/channel.h"
#include "secure/noise.h"
#include "secure/prologue.h"
#include "sodium/crypto_sodium.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define REPETITIONS    7
#define AD_BYTES       16u
#define SIZE_BYTES_MAX 61440u

typedef struct row {
    const char *name;
    const char *unit;
    size_t size; /* bytes of a record, 0 for handshakes */
    double ours;
    double line;
} row;

/* Time of one unit of work in seconds, lowest of all repetitions. */
typedef struct best {
    double seconds;
} best;

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void keep_best(best *b, double seconds)
{
    if (b->seconds == 0 || seconds < b->seconds) {
        b->seconds = seconds;
    }
}

static void must(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "bench_channel: %s failed\n", what);
        exit(1);
    }
}

static void handshake(const uint8_t secrets[4][32], const uint8_t server_public[32])
{
    const fedl_crypto *crypto = fedl_crypto_sodium();
    static const uint8_t fleet_id[16] = "benchmark fleet";
    uint8_t prologue_bytes[FEDLI_PROLOGUE_BYTES_MAX];
    const fedl_bytes prologue = fedli_prologue_encode(prologue_bytes, fleet_id);
    const fedl_bytes none = {NULL, 0};
    fedli_noise device;
    fedli_noise server;
    uint8_t message[FEDLI_NOISE_IK_OVERHEAD_1];
    uint8_t empty[1];
    uint8_t keys[2][32];
    uint8_t hash[64];
    size_t size = 0;
    bool good = fedli_noise_init(&device, crypto, FEDLI_NOISE_IK, true, prologue, secrets[0],
                                 server_public) == FEDL_OK;
    good = good && fedli_noise_init(&server, crypto, FEDLI_NOISE_IK, false, prologue, secrets[1],
                                    NULL) == FEDL_OK;
    for (int i = 0; i < 2; i++) {
        fedli_noise *from = i == 0 ? &device : &server;
        fedli_noise *to = i == 0 ? &server : &device;
        size_t payload_size = 0;
        good = good && fedli_noise_write(from, message, sizeof message, &size, none,
                                         secrets[2 + i]) == FEDL_OK;
        good = good && fedli_noise_read(to, empty, 0, &payload_size,
                                        fedl_bytes_of(message, size)) == FEDL_OK;
    }
    good = good && fedli_noise_split(&device, keys[0], keys[1], hash) == FEDL_OK;
    good = good && fedli_noise_split(&server, keys[0], keys[1], hash) == FEDL_OK;
    must(good, "handshake");
}

/* IK with both sides on this core: 8 multiplications of a point (es, ss, ee, se twice) and 4 of the
 * base (both static and both ephemeral public keys). */
static void multiplications(const uint8_t secrets[4][32], const uint8_t point[32])
{
    const fedl_crypto *crypto = fedl_crypto_sodium();
    uint8_t out[32];
    for (int i = 0; i < 8; i++) {
        must(crypto->x25519(out, secrets[i % 4], point), "x25519");
    }
    for (int i = 0; i < 4; i++) {
        crypto->x25519_public(out, secrets[i]);
    }
}

static row measure_handshakes(int count)
{
    uint8_t secrets[4][32];
    uint8_t server_public[32];
    best ours = {0};
    best line = {0};
    fedl_random_bytes(secrets, sizeof secrets);
    fedl_crypto_sodium()->x25519_public(server_public, secrets[1]);
    for (int repetition = 0; repetition < REPETITIONS; repetition++) {
        double start = now();
        for (int i = 0; i < count; i++) {
            handshake((const uint8_t(*)[32])secrets, server_public);
        }
        keep_best(&ours, (now() - start) / count);
        start = now();
        for (int i = 0; i < count; i++) {
            multiplications((const uint8_t(*)[32])secrets, server_public);
        }
        keep_best(&line, (now() - start) / count);
    }
    const row result = {"IK handshake, both sides", "1/s", 0, 1 / ours.seconds, 1 / line.seconds};
    return result;
}

static uint8_t buffer[SIZE_BYTES_MAX + FEDLI_RECORD_OVERHEAD_BYTES];
static uint8_t header[AD_BYTES];

static double time_channel(fedli_channel *sender, fedli_channel *receiver, size_t size, int count,
                           double *open_seconds)
{
    double sealing = 0;
    double opening = 0;
    for (int i = 0; i < count; i++) {
        size_t out_size = 0;
        const double start = now();
        must(fedli_channel_seal(sender, buffer, sizeof buffer, &out_size,
                                fedl_bytes_of(buffer + 8, size),
                                fedl_bytes_of(header, sizeof header)) == FEDL_OK,
             "seal");
        const double middle = now();
        must(fedli_channel_open(receiver, buffer + 8, size, &out_size,
                                fedl_bytes_of(buffer, out_size),
                                fedl_bytes_of(header, sizeof header)) == FEDL_OK,
             "open");
        opening += now() - middle;
        sealing += middle - start;
    }
    *open_seconds = opening / count;
    return sealing / count;
}

static double time_aead(size_t size, int count, double *open_seconds)
{
    const fedl_crypto *crypto = fedl_crypto_sodium();
    const uint8_t key[32] = {1};
    const uint8_t nonce[12] = {2};
    double sealing = 0;
    double opening = 0;
    for (int i = 0; i < count; i++) {
        const double start = now();
        crypto->aead_seal(buffer + 8, buffer + 8, size, header, sizeof header, nonce, key);
        const double middle = now();
        must(crypto->aead_open(buffer + 8, buffer + 8, size + FEDL_TAG_BYTES, header, sizeof header,
                               nonce, key),
             "aead_open");
        opening += now() - middle;
        sealing += middle - start;
    }
    *open_seconds = opening / count;
    return sealing / count;
}

static void measure_records(row rows[2], size_t size, int count)
{
    const uint8_t keys[2][32] = {{3}, {4}};
    fedli_channel sender;
    fedli_channel receiver;
    best seal = {0};
    best open = {0};
    best seal_line = {0};
    best open_line = {0};
    fedli_channel_init(&sender, fedl_crypto_sodium(), keys[0], keys[1]);
    fedli_channel_init(&receiver, fedl_crypto_sodium(), keys[1], keys[0]);
    for (int repetition = 0; repetition < REPETITIONS; repetition++) {
        double opening = 0;
        keep_best(&seal, time_channel(&sender, &receiver, size, count, &opening));
        keep_best(&open, opening);
        keep_best(&seal_line, time_aead(size, count, &opening));
        keep_best(&open_line, opening);
    }
    const double gb = (double)size * 1e-9;
    const row seal_row = {"record seal", "GB/s", size, gb / seal.seconds, gb / seal_line.seconds};
    const row open_row = {"record open", "GB/s", size, gb / open.seconds, gb / open_line.seconds};
    rows[0] = seal_row;
    rows[1] = open_row;
}

static void print_table(const row *rows, size_t count)
{
    (void)printf("%-26s %8s %12s %12s %6s\n", "what", "bytes", "ours", "line", "ratio");
    for (size_t i = 0; i < count; i++) {
        (void)printf("%-26s %8zu %12.4g %12.4g %6.3f  %s\n", rows[i].name, rows[i].size,
                     rows[i].ours, rows[i].line, rows[i].ours / rows[i].line, rows[i].unit);
    }
    (void)printf("line: the scalar multiplications alone; the bare AEAD on the same bytes\n");
}

static bool write_json(const char *path, const row *rows, size_t count)
{
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        return false;
    }
    (void)fprintf(file, "{\"bench\": \"channel\", \"crypto\": \"%s\", \"rows\": [",
                  fedl_crypto_sodium()->name);
    for (size_t i = 0; i < count; i++) {
        (void)fprintf(file,
                      "%s\n  {\"name\": \"%s\", \"bytes\": %zu, \"unit\": \"%s\", \"ours\": %.6g, "
                      "\"line\": %.6g, \"ratio\": %.4f}",
                      i == 0 ? "" : ",", rows[i].name, rows[i].size, rows[i].unit, rows[i].ours,
                      rows[i].line, rows[i].ours / rows[i].line);
    }
    (void)fprintf(file, "\n]}\n");
    return fclose(file) == 0;
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {64, 1024, 16384, SIZE_BYTES_MAX};
    row rows[1 + 2 * (sizeof sizes / sizeof sizes[0])];
    const size_t row_count = sizeof rows / sizeof rows[0];
    const char *json_path = NULL;
    bool quick = false;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            quick = true;
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            json_path = argv[++i];
        } else {
            (void)fprintf(stderr, "usage: bench_channel [--quick] [--json FILE]\n");
            return 2;
        }
    }
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        (void)fprintf(stderr, "bench_channel: libsodium does not start\n");
        return 1;
    }
    const int scale = quick ? 1 : 20;
    rows[0] = measure_handshakes(25 * scale);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        /* The same number of bytes at each size, but at least 20 records. */
        const size_t records = (size_t)200000 / sizes[i];
        measure_records(&rows[1 + 2 * i], sizes[i], (int)(records < 20 ? 20 : records) * scale);
    }
    print_table(rows, row_count);
    if (json_path != NULL && !write_json(json_path, rows, row_count)) {
        (void)fprintf(stderr, "bench_channel: cannot write %s\n", json_path);
        return 1;
    }
    return 0;
}
