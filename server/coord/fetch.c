/* SPDX-License-Identifier: Apache-2.0 */
/*
 * FETCH: a part of the newest version's container, asked for by its digest. Any device of the fleet
 * may ask, at any offset, as often as it likes. Older versions are gone: who asks for one checks in
 * again.
 */
#include "coord/coord_state.h"

#include <string.h>

void fedli_fetch_on_message(fedli_coord_state *c, uint32_t slot, const fedl_message_fetch *fetch)
{
    fedli_task *t = fedli_task_find(c, fetch->task_id);
    if (t == NULL || !t->visible || memcmp(t->model.digest, fetch->digest, 32) != 0) {
        fedli_outbox_reject(c, slot, FEDL_REJECT_NOT_FOUND, 0, "unknown task or model");
        return;
    }
    if (t->phase == FEDL_PHASE_COMMITTING) { /* its bytes are those of the next version already */
        fedli_outbox_reject(c, slot, FEDL_REJECT_BUSY, 200, "a new version is being made");
        return;
    }
    if (fetch->offset >= t->container_bytes) {
        fedli_outbox_reject(c, slot, FEDL_REJECT_MISMATCH, 0, "beyond the end");
        return;
    }
    const size_t left = t->container_bytes - (size_t)fetch->offset;
    fedl_message message = {.kind = FEDL_MESSAGE_CHUNK};
    message.u.chunk.offset = fetch->offset;
    message.u.chunk.total_bytes = t->container_bytes;
    message.u.chunk.payload = fedl_bytes_of(
        t->container + fetch->offset, left < fetch->bytes_max ? left : (size_t)fetch->bytes_max);
    if (t->phase == FEDL_PHASE_RUNNING) {
        t->metrics.bytes_down += message.u.chunk.payload.size;
    }
    fedli_outbox_reply(c, slot, &message);
}
