/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What server and helper say to each other, little-endian (docs/protocol.md "Helper rounds").
 *
 *   request = schema u16 (1) ‖ 0 u16 ‖ fleet 16 ‖ task u32 ‖ round u32 ‖ attempt u32 ‖ version u32
 * ‖ model digest 32 ‖ plan digest 32 ‖ ring bits u32 ‖ body bytes u32 ‖ n u32 ‖ n · {device u32,
 * rising ‖ SEED 408} ‖ H("fedl.hreq.v1", all before) 32 reply   = schema u16 (1) ‖ answer u16 ‖
 * accused u32 (0 = nobody) ‖ the request's hash 32 ‖ with answer = SUM: −Σ P(s), body bytes + 64
 *
 * The request is also what the commit point of a sum stores: after a restart the same bytes are
 * asked again.
 */
#ifndef FEDL_HELPER_HELPER_REQUEST_H
#define FEDL_HELPER_HELPER_REQUEST_H

#include "secagg/helper.h"
#include "secagg/prg.h"

#define FEDL_HELPER_HEAD_BYTES       112u
#define FEDL_HELPER_ENTRY_BYTES      (4u + FEDLI_SEED_ITEM_BYTES)
#define FEDL_HELPER_HASH_BYTES       32u
#define FEDL_HELPER_REPLY_HEAD_BYTES 40u
#define FEDL_HELPER_ANSWER_MS        15000u /* longest wait of a server for one reply */
#define FEDL_HELPER_VECTOR_BYTES_MAX (1u << 23)
#define FEDL_HELPER_REPLY_BYTES_MAX  (FEDL_HELPER_REPLY_HEAD_BYTES + FEDL_HELPER_VECTOR_BYTES_MAX)

/* X(NAME, value, text): answers of the helper. */
#define FEDL_HELPER_ANSWER_MAP(X)                                                                  \
    X(SUM, 1, "here is the sum")                                                                   \
    X(FORM, 2, "the helper finds the request malformed")                                           \
    X(FLEET, 3, "the helper serves another fleet")                                                 \
    X(ANSWERED, 4, "the helper has answered this round already")                                   \
    X(DUPLICATE, 5, "a device stands twice in the helper's request")                               \
    X(SMALL, 6, "fewer devices than the helper, or one of them, asks for")                         \
    X(SEED, 7, "a device's seed does not open for the helper")                                     \
    X(CERTIFICATE, 8, "a device's certificate is not good for the helper")                         \
    X(REVOKED, 9, "the helper knows a device as revoked")                                          \
    X(BINDING, 10, "a device's seed is for another attempt")                                       \
    X(STORE, 11, "the helper can't store its answer")                                              \
    X(FULL, 12, "the helper has no room for another task")

typedef enum fedl_helper_answer {
#define FEDL_HELPER_ANSWER_ENUM(name, value, text) FEDL_HELPER_##name = (value),
    FEDL_HELPER_ANSWER_MAP(FEDL_HELPER_ANSWER_ENUM)
#undef FEDL_HELPER_ANSWER_ENUM
} fedl_helper_answer;

/** The text of the list above, "unknown" for a value that is not in it. */
const char *fedl_helper_answer_text(fedl_helper_answer answer);

typedef struct fedl_helper_request {
    fedli_attempt attempt;
    fedli_mask_shape shape;
    uint32_t count;
    const uint8_t *entries; /* [count · FEDL_HELPER_ENTRY_BYTES], in the request */
    uint8_t hash[FEDL_HELPER_HASH_BYTES];
} fedl_helper_request;

static inline size_t fedl_helper_request_bytes(uint32_t count)
{
    return FEDL_HELPER_HEAD_BYTES + (size_t)count * FEDL_HELPER_ENTRY_BYTES +
           FEDL_HELPER_HASH_BYTES;
}

/** Writes all of a request but its entries: request->hash and entries are not read. The entries
 * stand in out already, at FEDL_HELPER_HEAD_BYTES. */
void fedl_helper_request_write(uint8_t *out, const fedl_crypto *crypto,
                               const fedl_helper_request *request);
/** The view entries points into bytes. The order of ids is for the caller to check. Errors:
 * ERR_FORMAT (size, schema, shape, ids 0), ERR_CORRUPT (hash). */
FEDL_NODISCARD fedl_status fedl_helper_request_read(fedl_helper_request *request,
                                                    const fedl_crypto *crypto, fedl_bytes bytes);
static inline uint32_t fedl_helper_entry_id(const fedl_helper_request *request, uint32_t index)
{
    const uint8_t *at = request->entries + (size_t)index * FEDL_HELPER_ENTRY_BYTES;
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}
static inline const uint8_t *fedl_helper_entry_seed(const fedl_helper_request *request,
                                                    uint32_t index)
{
    return request->entries + (size_t)index * FEDL_HELPER_ENTRY_BYTES + 4u;
}

void fedl_helper_reply_write(uint8_t out[FEDL_HELPER_REPLY_HEAD_BYTES], fedl_helper_answer answer,
                             uint32_t accused, const uint8_t hash[FEDL_HELPER_HASH_BYTES]);
/** *vector: view of the sum with SUM, else empty. Errors: ERR_FORMAT (size, schema, unknown
 * answer), ERR_MISMATCH (it answers another request). */
FEDL_NODISCARD fedl_status fedl_helper_reply_read(fedl_helper_answer *answer, uint32_t *accused,
                                                  fedl_bytes *vector, fedl_bytes reply,
                                                  const uint8_t hash[FEDL_HELPER_HASH_BYTES],
                                                  size_t vector_bytes);

#endif
