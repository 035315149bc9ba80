/* SPDX-License-Identifier: Apache-2.0 */
/* What the machines get told about the world: time and secret random bytes. */
#ifndef FEDL_PORT_POSIX_HOST_CLOCK_H
#define FEDL_PORT_POSIX_HOST_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/** Monotonic nanoseconds with any origin; counts while the machine sleeps where the system can. */
int64_t fedl_host_now_ns(void);
/** Seconds since 1970 UTC; 0 when the clock is plainly not set (before 2024), so that a device
 * without a battery-backed clock skips expiry checks instead of failing all of them. */
uint64_t fedl_host_utc_s(void);
/** Fills out with secret random bytes from the system; ends the process if it has none, because
 * nothing safe can be done without. */
void fedl_host_entropy(void *out, size_t size);

#endif
