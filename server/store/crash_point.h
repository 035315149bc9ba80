/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named crash points: FEDL_CRASH=name kills the process with SIGKILL when it gets there for the
 * first time, FEDL_CRASH=name:3 at the third time. Tests sweep over all names; nothing else uses
 * them. They are in every build, because what is tested must be what runs; a point that is not
 * armed costs one comparison.
 *
 * Armed before threads start, read from any thread.
 */
#ifndef FEDL_STORE_CRASH_POINT_H
#define FEDL_STORE_CRASH_POINT_H

#include "coord/store_op.h"

/* Stages of one store op: X(name, text). */
#define FEDL_CRASH_STAGE_MAP(X)                                                                    \
    X(BEFORE_STORE, "before-store")   /* nothing written yet */                                    \
    X(BEFORE_COMMIT, "before-commit") /* all rows written, the transaction still open */           \
    X(AFTER_COMMIT, "after-commit")   /* durable, nobody knows yet */

/* Points outside the store: X(name, text). */
#define FEDL_CRASH_HOST_MAP(X)                                                                     \
    X(MESSAGE_BEFORE_STEP, "message.before-step")                                                  \
    X(STORE_BEFORE_QUEUE, "store.before-queue")                                                    \
    X(STORED_BEFORE_STEP, "stored.before-step")                                                    \
    X(COMPUTE_BEFORE_QUEUE, "compute.before-queue")                                                \
    X(COMPUTED_BEFORE_STEP, "computed.before-step")                                                \
    X(REPLY_BEFORE_SEND, "reply.before-send")                                                      \
    X(REPLY_AFTER_SEND, "reply.after-send")                                                        \
    X(START_AFTER_RESTORE, "start.after-restore")                                                  \
    X(HELPER_BEFORE_KEEP, "helper.before-keep") /* of fedl-server helper run, as the next */       \
    X(HELPER_AFTER_KEEP, "helper.after-keep")   /* durable, and no sum made yet */

typedef enum fedl_crash_stage {
    FEDL_CRASH_STAGE_UNSET = 0,
#define FEDL_CRASH_STAGE_ENUM(name, text) FEDL_CRASH_##name,
    FEDL_CRASH_STAGE_MAP(FEDL_CRASH_STAGE_ENUM)
#undef FEDL_CRASH_STAGE_ENUM
} fedl_crash_stage;

typedef enum fedl_crash_host {
    FEDL_CRASH_HOST_UNSET = 0,
#define FEDL_CRASH_HOST_ENUM(name, text) FEDL_CRASH_##name,
    FEDL_CRASH_HOST_MAP(FEDL_CRASH_HOST_ENUM)
#undef FEDL_CRASH_HOST_ENUM
} fedl_crash_host;

/** Number of names; index < count gives the name ("commit.after-commit"), static storage. */
uint32_t fedl_crash_point_count(void);
const char *fedl_crash_point_name(uint32_t index);

/** Arms "name" or "name:n" (n ≥ 1); NULL or "" disarms. Errors: ERR_NOT_FOUND, ERR_FORMAT (n). */
FEDL_NODISCARD fedl_status fedl_crash_point_arm(const char *text);

/** The marks in the code. They return unless armed and due. */
void fedl_crash_at_store(fedl_store_op_kind kind, fedl_crash_stage stage);
void fedl_crash_at_host(fedl_crash_host point);

/** Name of an op in crash points and audit rows: "device-add" … "device-readmit". */
const char *fedl_store_op_name(fedl_store_op_kind kind);

#endif
