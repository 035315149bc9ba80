/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What secure aggregation costs: the mask generator by itself.
 *
 *   bench_secagg [--quick] [--json FILE]
 */
#include "bench_secagg.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

double bench_now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void bench_fail(const char *what)
{
    (void)fprintf(stderr, "bench_secagg: %s failed\n", what);
    exit(2);
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
                return 2;
            }
        } else {
            (void)fprintf(stderr, "usage: bench_secagg [--quick] [--json FILE]\n");
            return 2;
        }
    }
    bench_kernels(json, quick);
    if (json != NULL && fclose(json) != 0) {
        bench_fail("write");
    }
    return 0;
}
