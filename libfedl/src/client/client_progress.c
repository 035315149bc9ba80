/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Anti-rollback: which version and which bytes of each task this device accepted last, and the
 * record that keeps it over a restart.
 *
 * Rejected: one pair of task and version. Any other task's offer would replace it, and then an old
 * version of the first task passes.
 */
#include "client/client_state.h"

#include "base/cursor.h"

#include <string.h>

#define RECORD_FORMAT    2u
#define HEAD_BYTES       2u
#define TASK_BYTES       40u
#define FIRST_KIND_BYTES 8u
#define DIGEST_BYTES     32u

static const fedl_client_accepted *find(const fedl_client_progress *progress, uint32_t task_id)
{
    for (uint32_t i = 0; i < progress->count; i++) {
        if (progress->tasks[i].task_id == task_id) {
            return &progress->tasks[i];
        }
    }
    return NULL;
}

static bool digest_known(const fedl_client_accepted *task)
{
    static const uint8_t zeros[DIGEST_BYTES];
    return memcmp(task->digest, zeros, DIGEST_BYTES) != 0;
}

fedl_status fedli_progress_check(const fedl_client_progress *progress,
                                 const fedl_manifest *manifest)
{
    const fedl_client_accepted *newest = find(progress, manifest->task_id);
    if (newest == NULL || manifest->version > newest->version) {
        return FEDL_OK;
    }
    if (manifest->version < newest->version) {
        return FEDL_ERR_REPLAY;
    }
    return !digest_known(newest) || memcmp(newest->digest, manifest->digest, DIGEST_BYTES) == 0
               ? FEDL_OK
               : FEDL_ERR_MISMATCH;
}

bool fedli_progress_holds(const fedl_client_progress *progress, const fedl_manifest *manifest)
{
    const fedl_client_accepted *newest = find(progress, manifest->task_id);
    return newest != NULL && newest->version == manifest->version &&
           memcmp(newest->digest, manifest->digest, DIGEST_BYTES) == 0;
}

void fedli_progress_accept(fedl_client_progress *progress, const fedl_manifest *manifest)
{
    const fedl_client_accepted *old = find(progress, manifest->task_id);
    uint32_t at = old != NULL ? (uint32_t)(old - progress->tasks) : progress->count;
    if (at == FEDL_PROGRESS_TASKS_MAX) {
        at--; /* full: the last one is out of use for longest */
    } else if (at == progress->count) {
        progress->count++;
    }
    memmove(&progress->tasks[1], &progress->tasks[0], at * sizeof progress->tasks[0]);
    progress->tasks[0].task_id = manifest->task_id;
    progress->tasks[0].version = manifest->version;
    memcpy(progress->tasks[0].digest, manifest->digest, DIGEST_BYTES);
}

size_t fedl_client_progress_encode(uint8_t out[FEDL_PROGRESS_BYTES_MAX],
                                   const fedl_client_progress *progress)
{
    uint8_t *at = out + HEAD_BYTES;
    out[0] = RECORD_FORMAT;
    out[1] = (uint8_t)progress->count;
    for (uint32_t i = 0; i < progress->count; i++, at += TASK_BYTES) {
        fedli_store_u32(at, progress->tasks[i].task_id);
        fedli_store_u32(at + 4, progress->tasks[i].version);
        memcpy(at + 8, progress->tasks[i].digest, DIGEST_BYTES);
    }
    return HEAD_BYTES + (size_t)progress->count * TASK_BYTES;
}

fedl_status fedl_client_progress_decode(fedl_client_progress *progress, fedl_bytes bytes)
{
    fedl_client_progress read;
    memset(&read, 0, sizeof read);
    if (bytes.size == FIRST_KIND_BYTES) { /* no record of the second kind has this size */
        read.tasks[0].task_id = fedli_load_u32(bytes.data);
        read.tasks[0].version = fedli_load_u32(bytes.data + 4);
        read.count = read.tasks[0].task_id != 0 ? 1u : 0u;
        *progress = read;
        return FEDL_OK;
    }
    if (bytes.size < HEAD_BYTES) {
        return FEDL_ERR_FORMAT;
    }
    if (bytes.data[0] != RECORD_FORMAT) {
        return FEDL_ERR_VERSION;
    }
    const uint32_t count = bytes.data[1];
    if (count > FEDL_PROGRESS_TASKS_MAX || bytes.size != HEAD_BYTES + (size_t)count * TASK_BYTES) {
        return FEDL_ERR_FORMAT;
    }
    for (; read.count < count; read.count++) {
        const uint8_t *at = bytes.data + HEAD_BYTES + (size_t)read.count * TASK_BYTES;
        fedl_client_accepted *task = &read.tasks[read.count];
        task->task_id = fedli_load_u32(at);
        task->version = fedli_load_u32(at + 4);
        memcpy(task->digest, at + 8, DIGEST_BYTES);
        if (task->task_id == 0 || find(&read, task->task_id) != NULL) {
            return FEDL_ERR_FORMAT;
        }
    }
    *progress = read;
    return FEDL_OK;
}
