/* SPDX-License-Identifier: Apache-2.0 */
#include "posix/host_clock.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <time.h>

#define NS_PER_S      INT64_C(1000000000)
#define UTC_2024_01_S INT64_C(1704067200)

int64_t fedl_host_now_ns(void)
{
    struct timespec ts = {0, 0};
#ifdef CLOCK_BOOTTIME
    if (clock_gettime(CLOCK_BOOTTIME, &ts) == 0) {
        return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
    }
#endif
    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

uint64_t fedl_host_utc_s(void)
{
    struct timespec ts = {0, 0};
    if (clock_gettime(CLOCK_REALTIME, &ts) != 0 || ts.tv_sec < UTC_2024_01_S) {
        return 0;
    }
    return (uint64_t)ts.tv_sec;
}

void fedl_host_entropy(void *out, size_t size)
{
    uint8_t *bytes = out;
    size_t done = 0;
    while (done < size) {
        const ssize_t n = getrandom(bytes + done, size - done, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            abort();
        }
        done += (size_t)n;
    }
}
