/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which device or task does the operator mean? Devices and tasks are named by id or by name, and a
 * name may look like a number. An exact id wins; when another one is called by that number the
 * order is refused, because revoking the wrong device can't be undone. "id:7" is always an id.
 * Rejected: forbidding such names, which databases hold already.
 */
#ifndef FEDL_HOST_ADMIN_NAME_H
#define FEDL_HOST_ADMIN_NAME_H

#include "fedl/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEDL_NAME_TEXT_BYTES 200u

typedef struct fedl_name_match {
    const char *wanted; /* the caller's, as the operator wrote it */
    const char *kind;   /* "device", "task": for texts */
    bool id_only;
    uint32_t id;      /* that wanted spells; 0 = none */
    uint32_t by_id;   /* seen with that id; 0 = none */
    uint32_t by_name; /* the last one seen with that name */
    uint32_t name_count;
    uint32_t other; /* one that has the name, and not the id; 0 = none */
} fedl_name_match;

/** Begins a search. wanted and kind outlive it. */
void fedl_name_match_init(fedl_name_match *match, const char *wanted, const char *kind);
/** Shows one candidate; id ≥ 1. */
void fedl_name_match_see(fedl_name_match *match, uint32_t id, const char *name);
/**
 * The one that is meant, after all have been seen. Errors: ERR_NOT_FOUND, ERR_MISMATCH (several);
 * error and remedy say it for people.
 */
FEDL_NODISCARD fedl_status fedl_name_match_end(const fedl_name_match *match, uint32_t *id,
                                               char error[FEDL_NAME_TEXT_BYTES],
                                               char remedy[FEDL_NAME_TEXT_BYTES]);

#endif
