/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fetching a container, chunk by chunk, each at the offset where the last one ended: a lost
 * connection costs one chunk. Nothing of it is used before the digest of the whole was compared
 * with the signed manifest. Rejected: a running hash. It saves one pass of a megabyte per
 * millisecond, and would not notice memory that changed between the chunks.
 */
#include "client/client_state.h"

#include <string.h>

bool fedli_client_task_fits(const fedli_client_task *task)
{
    const fedl_manifest *manifest = &task->manifest;
    const fedl_model_spec *spec = &task->plan.model;
    const bool in_order =
        !task->to_train || (task->task_id == manifest->task_id && task->round > manifest->round);
    return in_order && manifest->task_id >= 1 &&
           manifest->container_bytes == fedl_container_size(spec) &&
           manifest->parameter_count == fedl_model_parameter_count(spec);
}

void fedli_client_fill_fetch(const fedli_client_state *c, fedl_message_fetch *fetch)
{
    fetch->task_id = c->task.manifest.task_id;
    memcpy(fetch->digest, c->task.manifest.digest, sizeof fetch->digest);
    fetch->offset = c->fetched_bytes;
    fetch->bytes_max = c->cfg.chunk_bytes_max;
}

/* All bytes are there. Errors: ERR_MISMATCH (digest, or another model than the plan's), those of
 * fedl_model_load(). */
static fedl_status verify(fedli_client_state *c)
{
    uint8_t digest[FEDL_HASH_BYTES];
    const fedl_bytes container =
        fedl_bytes_of(c->container, (size_t)c->task.manifest.container_bytes);
    fedl_digest(c->crypto, digest, container.data, container.size);
    if (memcmp(digest, c->task.manifest.digest, sizeof digest) != 0) {
        return FEDL_ERR_MISMATCH;
    }
    return fedl_model_load(&c->model, container);
}

void fedli_client_on_chunk(fedli_client_state *c, const fedl_message_chunk *chunk)
{
    const uint64_t total = c->task.manifest.container_bytes;
    const uint64_t size = chunk->payload.size;
    if (chunk->offset != c->fetched_bytes || chunk->total_bytes != total || size == 0 ||
        size > c->cfg.chunk_bytes_max || size > total - c->fetched_bytes) {
        fedli_client_link_fail(c, FEDL_CLIENT_LOG_BAD_MESSAGE, FEDL_ERR_RANGE);
        return;
    }
    memcpy(c->container + c->fetched_bytes, chunk->payload.data, chunk->payload.size);
    c->fetched_bytes += size;
    if (c->fetched_bytes < total) {
        return; /* the next FETCH goes out at once */
    }
    const fedl_status status = verify(c);
    if (status != FEDL_OK) {
        fedli_client_task_drop(c);
        fedli_client_task_refuse(c, status);
        return;
    }
    c->verified = true;
    fedl_client_action *log = fedli_client_log(c, FEDL_CLIENT_LOG_MODEL_FETCHED);
    log->a = c->task.manifest.version;
    log->b = total;
    fedli_client_use_model(c);
}
