/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Status codes: one closed list, shared by every layer. Zero is success, everything else is
 * negative.
 *
 * A misbehaving peer is data, not an error: the machines turn it into a REJECT or DROP action. A
 * non-zero status from a machine means that its host broke the contract.
 */
#ifndef FEDL_STATUS_H
#define FEDL_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, value, text): values never change once released. */
#define FEDL_STATUS_MAP(X)                                                                         \
    X(ERR_ARGUMENT, -1, "an argument breaks the function's contract")                              \
    X(ERR_SIZE, -2, "the memory block or buffer is too small")                                     \
    X(ERR_RANGE, -3, "a value lies outside its range")                                             \
    X(ERR_FORMAT, -4, "malformed bytes")                                                           \
    X(ERR_TRUNCATED, -5, "the data ends too early")                                                \
    X(ERR_VERSION, -6, "unknown version")                                                          \
    X(ERR_UNSUPPORTED, -7, "not supported here")                                                   \
    X(ERR_AUTH, -8, "authentication failed")                                                       \
    X(ERR_REPLAY, -9, "a message was replayed")                                                    \
    X(ERR_STATE, -10, "not allowed in this state")                                                 \
    X(ERR_FULL, -11, "a limit is reached")                                                         \
    X(ERR_NOT_FOUND, -12, "not found")                                                             \
    X(ERR_EXISTS, -13, "exists already")                                                           \
    X(ERR_MISMATCH, -14, "digest, shape or identity differs from what was announced")              \
    X(ERR_REVOKED, -15, "the device is revoked")                                                   \
    X(ERR_EXPIRED, -16, "expired")                                                                 \
    X(ERR_POLICY, -17, "refused by policy")                                                        \
    X(ERR_DIVERGED, -18, "training diverged (too many saturated updates)")                         \
    X(ERR_CORRUPT, -19, "stored data is corrupt")                                                  \
    X(ERR_IO, -20, "input/output error")                                                           \
    X(ERR_NO_SPACE, -21, "no space left")                                                          \
    X(ERR_READ_ONLY, -22, "not writable")                                                          \
    X(ERR_BUSY, -23, "busy, try again later")                                                      \
    X(ERR_TIMEOUT, -24, "timed out")                                                               \
    X(ERR_CANCELLED, -25, "cancelled")                                                             \
    X(ERR_NO_MEMORY, -26, "out of memory")                                                         \
    X(ERR_CONNECTION, -27, "the connection failed")

typedef enum fedl_status {
    FEDL_OK = 0,
#define FEDL_STATUS_ENUM(name, value, text) FEDL_##name = (value),
    FEDL_STATUS_MAP(FEDL_STATUS_ENUM)
#undef FEDL_STATUS_ENUM
} fedl_status;

#if defined(__GNUC__)
#define FEDL_NODISCARD __attribute__((warn_unused_result))
#else
#define FEDL_NODISCARD
#endif

/** The English sentence for a status, "ok" for FEDL_OK; never NULL, static storage. */
const char *fedl_status_text(fedl_status status);

#ifdef __cplusplus
}
#endif
#endif
