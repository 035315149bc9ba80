/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every store checks before it looks at its own rows: fields inside their ranges, members
 * rising, the container's digest. Keeps the two implementations from drifting apart.
 */
#ifndef FEDL_STORE_STORE_CHECK_H
#define FEDL_STORE_STORE_CHECK_H

#include "store/store.h"

#include <stdbool.h>

/* fedl_store_op.share_kinds: the kind of share that is asked for, per member of a masked sum. */
#define FEDL_SHARE_SURVIVOR 1u /* b: its own mask comes off */
#define FEDL_SHARE_VANISHED 2u /* d: what it shares with survivors comes off */

/** Most that a task's ledger can hold; a charge beyond it is ERR_RANGE. */
#define FEDL_STORE_RHO_MAX ((uint64_t)INT64_MAX)

/** Errors: ERR_RANGE, ERR_MISMATCH (container digest). */
FEDL_NODISCARD fedl_status fedl_store_op_check(const fedl_crypto *crypto, const fedl_store_op *op);
/** May a device in state from be set to state to? Enrolment and certification have their own ops.
 */
bool fedl_store_device_may(fedl_device_state from, fedl_device_state to);
/** May a task in state from be set to state to? */
bool fedl_store_task_may(fedl_task_state from, fedl_task_state to);
/** BLAKE2b-256 of a container: the model digest. */
void fedl_store_digest(const fedl_crypto *crypto, uint8_t digest[32], fedl_bytes container);

#endif
