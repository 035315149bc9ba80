/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of bench_secagg. Every failure ends the program with status 2. */
#ifndef FEDL_BENCH_SECAGG_H
#define FEDL_BENCH_SECAGG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

double bench_now_s(void);
_Noreturn void bench_fail(const char *what);
void *bench_alloc(size_t bytes); /* zeroed, 64-byte aligned */

/** Rates of every backend beside libsodium's; prints a table and JSON lines. */
void bench_kernels(FILE *json, bool quick);
/** Keystream rate of the best fused kernel on one core, bytes per second, ring_bits wide words. */
double bench_kernel_rate(uint32_t ring_bits, double seconds);

#endif
