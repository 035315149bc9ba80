/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mask generator alone: what one core makes of keystream and adds to a vector that lies in the
 * first-level cache, beside libsodium's keystream with an addition of its own.
 */
#include "bench_secagg.h"
#include "secagg/prg_backend.h"

#include <sodium.h>
#include <string.h>

#define PIECE_BYTES 15360u

typedef struct kernel {
    const fedli_prg *prg; /* NULL: libsodium */
    uint32_t lane_bits;   /* 0: the keystream alone */
} kernel;

/* Typed loops, which the compiler makes vectors of; 24 bits have none. */
static void plain_add(uint8_t *piece, const uint8_t *scratch, uint32_t lane_bits)
{
    if (lane_bits == 8) {
        for (size_t i = 0; i < PIECE_BYTES; i++) {
            piece[i] = (uint8_t)(piece[i] + scratch[i]);
        }
    } else if (lane_bits == 16) {
        uint16_t *a = (uint16_t *)(void *)piece;
        const uint16_t *b = (const uint16_t *)(const void *)scratch;
        for (size_t i = 0; i < PIECE_BYTES / 2; i++) {
            a[i] = (uint16_t)(a[i] + b[i]);
        }
    } else if (lane_bits == 32) {
        uint32_t *a = (uint32_t *)(void *)piece;
        const uint32_t *b = (const uint32_t *)(const void *)scratch;
        for (size_t i = 0; i < PIECE_BYTES / 4; i++) {
            a[i] += b[i];
        }
    } else if (lane_bits != 0) {
        fedli_prg_lanes(piece, scratch, PIECE_BYTES, lane_bits, false);
    }
}

static void run_once(const kernel *k, uint8_t *piece, uint8_t *scratch, const uint8_t key[32])
{
    static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
    const size_t block_count = PIECE_BYTES / FEDLI_PRG_BLOCK_BYTES;
    if (k->prg == NULL) {
        (void)crypto_stream_chacha20_ietf(scratch, PIECE_BYTES, nonce, key);
        plain_add(piece, scratch, k->lane_bits);
    } else if (k->lane_bits == 0) {
        k->prg->stream(scratch, block_count, key, 0);
    } else if (k->lane_bits == 24) {
        const fedli_mask_shape shape = {24, 1u << 20, (1u << 20) + 64u};
        fedli_mask_apply(k->prg, &shape, piece, 0, PIECE_BYTES, key, false);
    } else {
        k->prg->add(piece, block_count, key, 0, k->lane_bits, false);
    }
}

/* Best of several runs, bytes per second of processor time. */
static double rate_of(const kernel *k, double seconds)
{
    static _Alignas(64) uint8_t piece[PIECE_BYTES];
    static _Alignas(64) uint8_t scratch[PIECE_BYTES];
    uint8_t key[32] = {1};
    double best = 0;
    for (uint32_t run = 0; run < 5; run++) {
        uint64_t bytes = 0;
        const double begin = bench_cpu_s();
        double passed = 0;
        while (passed < seconds / 5) {
            for (uint32_t i = 0; i < 16; i++) {
                key[0]++;
                run_once(k, piece, scratch, key);
            }
            bytes += 16u * PIECE_BYTES;
            passed = bench_cpu_s() - begin;
        }
        const double rate = (double)bytes / passed;
        best = rate > best ? rate : best;
    }
    return best;
}

double bench_kernel_rate(uint32_t ring_bits, double seconds)
{
    const kernel k = {fedli_prg_best(), ring_bits};
    return rate_of(&k, seconds);
}

void bench_kernels(FILE *json, bool quick)
{
    static const uint32_t lanes[6] = {0, 8, 16, 24, 32, 64};
    const double seconds = quick ? 0.05 : 0.5;
    double sodium[6];
    if (sodium_init() < 0) {
        bench_fail("libsodium");
    }
    (void)printf("keystream added to a vector in the first-level cache, GB/s on one core\n");
    (void)printf("%-10s %8s %8s %8s %8s %8s %8s %12s\n", "backend", "stream", "add 8", "add 16",
                 "add 24", "add 32", "add 64", "16: ratio");
    for (uint32_t b = 0;; b++) {
        const kernel first = {b == 0 ? NULL : fedli_prg_at(b - 1), 0};
        if (b > 0 && first.prg == NULL) {
            break;
        }
        const char *name = b == 0 ? "libsodium" : first.prg->name;
        double rate[6];
        (void)printf("%-10s", name);
        for (size_t i = 0; i < 6; i++) {
            const kernel k = {first.prg, lanes[i]};
            rate[i] = rate_of(&k, seconds);
            (void)printf(" %8.2f", rate[i] * 1e-9);
            sodium[i] = b == 0 ? rate[i] : sodium[i];
        }
        (void)printf(" %12.2f\n", rate[2] / sodium[2]);
        for (size_t i = 0; json != NULL && i < 6; i++) {
            (void)fprintf(json,
                          "{\"backend\": \"%s\", \"lane_bits\": %u, \"bytes_per_s\": %.0f, "
                          "\"ratio_to_libsodium\": %.3f}\n",
                          name, lanes[i], rate[i], rate[i] / sodium[i]);
        }
    }
    (void)printf(
        "libsodium: its stream into a buffer, then an addition; ratio: to that, 16 bits\n\n");
}
