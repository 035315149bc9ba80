/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The audit row that every store op leaves, and the chain that ties the rows together. Both stores
 * use this file, so the same ops give the same chain.
 *
 *   hash_0 = 32 zero bytes
 *   hash_n = BLAKE2b-256, personalised "fedl.audit.v1", of
 *            hash_{n−1} ‖ sequence u64 ‖ utc_s u64 ‖ what size u32 ‖ what ‖ detail size u32 ‖
 * detail
 *
 * All integers are little-endian; sequence starts at 1 and has no gaps. The chain shows that rows
 * were changed, left out or reordered; someone who may rewrite the whole database can make a new
 * chain, which is why the newest hash belongs on paper or on another machine (fedl audit verify).
 */
#ifndef FEDL_STORE_AUDIT_CHAIN_H
#define FEDL_STORE_AUDIT_CHAIN_H

#include "store/store.h"

#define FEDL_AUDIT_WHAT_BYTES_MAX   32u
#define FEDL_AUDIT_DETAIL_BYTES_MAX 512u

/* A row before it has a hash. */
typedef struct fedl_audit_entry {
    uint64_t sequence;
    uint64_t utc_s;
    char what[FEDL_AUDIT_WHAT_BYTES_MAX];
    char detail[FEDL_AUDIT_DETAIL_BYTES_MAX];
} fedl_audit_entry;

/** Writes what and detail of op; control characters of names become '?'. Never fails. */
void fedl_audit_describe(fedl_audit_entry *entry, const fedl_store_op *op);
/** hash = next link of the chain; hash may be previous. */
void fedl_audit_link(const fedl_crypto *crypto, uint8_t hash[32], const uint8_t previous[32],
                     uint64_t sequence, uint64_t utc_s, const char *what, const char *detail);

typedef struct fedl_audit_report {
    uint64_t row_count;
    uint64_t broken_sequence; /* first row that does not fit, 0 = none */
    uint8_t head[32];         /* hash of the newest row; zero when there is none */
} fedl_audit_report;

/**
 * Recomputes the chain over all rows. Errors: ERR_CORRUPT (report says which row), those of
 * audit_each.
 */
FEDL_NODISCARD fedl_status fedl_audit_verify(fedl_audit_report *report, fedl_store *store,
                                             const fedl_crypto *crypto);

#endif
