/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The items that a device and its group exchange in one attempt. Each is a blob of fixed layout
 * (little-endian) that travels in parts of any size by PUT and GET; nothing in it is protobuf.
 * n devices in the roster, k neighbours per device, S(u) = number of u's neighbours in U2.
 *
 * item       dir  bytes                       content
 * READY      up   364                         nonce 16 ‖ model digest 32 ‖ caps u32 (0) ‖
 *                                             device certificate 176 ‖ epoch certificate 136
 * ROSTER     down 8 + 89·n                    n u32 ‖ k u16 ‖ t u16 ‖ entries by rising id:
 *                                             {id u32 ‖ ID_pk 32 ‖ EK_pk 32 ‖ epoch u32 ‖ caps u8 ‖
 *                                             nonce 16}
 * CERTS      down 312·k                       per neighbour, in neighbour order: device
 *                                             certificate 176 ‖ epoch certificate 136
 * SHARES     up   64 + 144·k                  cb 32 ‖ salt 16 ‖ per neighbour {sealed pair 80 ‖
 *                                             tag of the b share 16 ‖ tag of the d share 16} ‖
 *                                             SeedBox 32·k + 16
 * FORWARD    down ⌈n/8⌉ + 96·S(u)             U2 bitmap ‖ per neighbour in U2, in neighbour order:
 *                                             {its salt 16 ‖ its sealed pair for u 80}
 * (masked vector: UPLOAD)
 * SURVIVORS  down ⌈n/8⌉                       U3 bitmap
 * CONFIRM    up   16·|U3 ∩ N(u)|              per neighbour in U3: tag (trust = active only)
 * CONFIRMS   down ⌈k/8⌉ + 16·ones             bitmap over u's neighbours ‖ tags of those for u
 * UNMASK     up   32·S(u)                     per neighbour v in U2: v's b share if v ∈ U3, else
 *                                             v's d share
 * COMPLAINT  up   8                           accused id u32 ‖ fedl_refusal u32
 * SEED       up   408                         aggregation = helper: secagg/helper.h
 * HELPER     down 176                         aggregation = helper: the helper's certificate
 *
 * Bitmaps stand in roster order (CONFIRMS: in neighbour order), least significant bit first,
 * padding zero.
 */
#ifndef FEDL_SECAGG_ITEM_H
#define FEDL_SECAGG_ITEM_H

#include "fedl/secagg.h"

typedef enum fedl_group_item {
    FEDL_ITEM_READY = 1,
    FEDL_ITEM_SHARES = 2,
    FEDL_ITEM_CONFIRM = 3,
    FEDL_ITEM_UNMASK = 4,
    FEDL_ITEM_COMPLAINT = 5,
    FEDL_ITEM_SEED = 6,
    FEDL_ITEM_ROSTER = 17,
    FEDL_ITEM_CERTS = 18,
    FEDL_ITEM_FORWARD = 19,
    FEDL_ITEM_SURVIVORS = 20,
    FEDL_ITEM_CONFIRMS = 21,
    FEDL_ITEM_HELPER = 22,
} fedl_group_item;

#define FEDLI_NONCE16_BYTES      16u
#define FEDLI_SALT_BYTES         16u
#define FEDLI_DEVICE_CERT_BYTES  176u
#define FEDLI_EPOCH_CERT_BYTES   136u
#define FEDLI_READY_BYTES        (16u + 32u + 4u + FEDLI_DEVICE_CERT_BYTES + FEDLI_EPOCH_CERT_BYTES)
#define FEDLI_ROSTER_HEAD_BYTES  8u
#define FEDLI_ROSTER_ENTRY_BYTES 89u
#define FEDLI_CERT_PAIR_BYTES    (FEDLI_DEVICE_CERT_BYTES + FEDLI_EPOCH_CERT_BYTES)
#define FEDLI_SHARE_BYTES        32u /* one kind */
#define FEDLI_SHARE_TAG_BYTES    16u
#define FEDLI_SEALED_PAIR_BYTES  (2u * FEDLI_SHARE_BYTES + 16u)
#define FEDLI_SHARES_HEAD_BYTES  48u
#define FEDLI_SHARES_EACH_BYTES  (FEDLI_SEALED_PAIR_BYTES + 2u * FEDLI_SHARE_TAG_BYTES)
#define FEDLI_FORWARD_EACH_BYTES (FEDLI_SALT_BYTES + FEDLI_SEALED_PAIR_BYTES)
#define FEDLI_CONFIRM_TAG_BYTES  16u
#define FEDLI_COMPLAINT_BYTES    8u
#define FEDLI_SEED_ITEM_BYTES    (96u + 72u + FEDLI_DEVICE_CERT_BYTES + 64u)

static inline size_t fedli_roster_bytes(uint32_t n)
{
    return FEDLI_ROSTER_HEAD_BYTES + (size_t)FEDLI_ROSTER_ENTRY_BYTES * n;
}
static inline size_t fedli_seedbox_bytes(uint32_t k)
{
    return 32u * (size_t)k + 16u;
}
static inline size_t fedli_shares_bytes(uint32_t k)
{
    return FEDLI_SHARES_HEAD_BYTES + (size_t)FEDLI_SHARES_EACH_BYTES * k + fedli_seedbox_bytes(k);
}
static inline size_t fedli_bitmap_bytes(uint32_t n)
{
    return ((size_t)n + 7u) / 8u;
}
static inline bool fedli_bitmap_get(const uint8_t *bitmap, uint32_t i)
{
    return ((uint32_t)bitmap[i / 8u] >> (i % 8u) & 1u) != 0;
}
static inline void fedli_bitmap_set(uint8_t *bitmap, uint32_t i)
{
    bitmap[i / 8u] = (uint8_t)(bitmap[i / 8u] | 1u << (i % 8u));
}

typedef struct fedli_roster_entry {
    uint32_t device_id;
    uint8_t id_public[32];
    uint8_t epoch_public[32];
    uint32_t epoch;
    uint8_t caps; /* 0 */
    uint8_t nonce[FEDLI_NONCE16_BYTES];
} fedli_roster_entry;

void fedli_roster_entry_encode(uint8_t out[FEDLI_ROSTER_ENTRY_BYTES],
                               const fedli_roster_entry *entry);
/** Errors: ERR_FORMAT (id 0, caps not 0). */
FEDL_NODISCARD fedl_status fedli_roster_entry_decode(fedli_roster_entry *entry,
                                                     const uint8_t bytes[FEDLI_ROSTER_ENTRY_BYTES]);
/** Number of ones among the first n bits. */
uint32_t fedli_bitmap_count(const uint8_t *bitmap, uint32_t n);
/** True when the padding behind bit n − 1 is zero. */
bool fedli_bitmap_clean(const uint8_t *bitmap, uint32_t n);

#endif
