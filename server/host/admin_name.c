/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "host/admin_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The number that text spells in its one way (no sign, space or leading zero), or 0. */
static uint32_t id_of(const char *text)
{
    char *end = NULL;
    if (text[0] < '1' || text[0] > '9') {
        return 0;
    }
    const unsigned long long value = strtoull(text, &end, 10);
    return *end == '\0' && value <= UINT32_MAX ? (uint32_t)value : 0;
}

void fedl_name_match_init(fedl_name_match *match, const char *wanted, const char *kind)
{
    memset(match, 0, sizeof *match);
    match->wanted = wanted;
    match->kind = kind;
    if (strncmp(wanted, "id:", 3) == 0 && id_of(wanted + 3) != 0) {
        match->id_only = true;
        match->id = id_of(wanted + 3);
    } else {
        match->id = id_of(wanted);
    }
}

void fedl_name_match_see(fedl_name_match *match, uint32_t id, const char *name)
{
    if (match->id != 0 && id == match->id) {
        match->by_id = id;
    }
    if (!match->id_only && strcmp(name, match->wanted) == 0) {
        match->by_name = id;
        match->name_count++;
        match->other = id != match->id ? id : match->other;
    }
}

fedl_status fedl_name_match_end(const fedl_name_match *match, uint32_t *id,
                                char error[FEDL_NAME_TEXT_BYTES], char remedy[FEDL_NAME_TEXT_BYTES])
{
    const char *kind = match->kind;
    if (match->by_id != 0 && match->other != 0) {
        (void)snprintf(error, FEDL_NAME_TEXT_BYTES,
                       "\"%s\" is the id of %s %u and the name of %s %u", match->wanted, kind,
                       (unsigned)match->by_id, kind, (unsigned)match->other);
        (void)snprintf(remedy, FEDL_NAME_TEXT_BYTES, "say id:%u or id:%u", (unsigned)match->by_id,
                       (unsigned)match->other);
        return FEDL_ERR_MISMATCH;
    }
    if (match->by_id == 0 && match->name_count > 1) {
        (void)snprintf(error, FEDL_NAME_TEXT_BYTES, "several %ss have this name", kind);
        (void)snprintf(remedy, FEDL_NAME_TEXT_BYTES, "give the id; fedl %s list shows all", kind);
        return FEDL_ERR_MISMATCH;
    }
    if (match->by_id == 0 && match->name_count == 0) {
        (void)snprintf(error, FEDL_NAME_TEXT_BYTES, "there is no such %s", kind);
        (void)snprintf(remedy, FEDL_NAME_TEXT_BYTES, "fedl %s list shows all", kind);
        return FEDL_ERR_NOT_FOUND;
    }
    *id = match->by_id != 0 ? match->by_id : match->by_name;
    return FEDL_OK;
}
