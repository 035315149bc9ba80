/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What must never go back: which version and which bytes of each task this device accepted last,
 * which masked rounds it has answered, what privacy it has spent, and the record that keeps all
 * that over a restart.
 *
 * Rejected: one pair of task and version. Any other task's offer would replace it, and then an old
 * version of the first task passes.
 */
#include "client/client_state.h"

#include "base/check.h"
#include "base/cursor.h"

#include <string.h>

#define RECORD_FORMAT    4u
#define HEAD_BYTES       14u
#define TASK_BYTES       64u
#define FORMAT_MASKED    3u /* before the ledger of the device */
#define MASKED_HEAD      6u
#define FORMAT_PLAIN     2u /* before masked rounds */
#define PLAIN_HEAD_BYTES 2u
#define PLAIN_TASK_BYTES 40u
#define FIRST_KIND_BYTES 8u
#define DIGEST_BYTES     32u
#define FORGOTTEN        UINT32_MAX /* round closed: what was answered is not known */

_Static_assert(FEDL_PROGRESS_BYTES_MAX == HEAD_BYTES + TASK_BYTES * FEDL_PROGRESS_TASKS_MAX,
               "the record of a full table");

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

static uint64_t add_up(uint64_t a, uint64_t b)
{
    return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* The entry of the task, moved to the front; a new one has nothing but its id. */
static fedl_client_accepted *touch(fedl_client_progress *progress, uint32_t task_id)
{
    const fedl_client_accepted *old = find(progress, task_id);
    fedl_client_accepted entry = {.task_id = task_id};
    uint32_t at = old != NULL ? (uint32_t)(old - progress->tasks) : progress->count;
    if (old != NULL) {
        entry = *old;
    } else if (at == FEDL_PROGRESS_TASKS_MAX) {
        at--; /* full: the last one is out of use for longest */
        const fedl_client_accepted *last = &progress->tasks[at];
        if (last->round_opened != 0 && last->task_id > progress->forgotten_id) {
            progress->forgotten_id = last->task_id;
        }
        progress->rho_forgotten = add_up(progress->rho_forgotten, last->rho_spent);
    } else {
        progress->count++;
    }
    if (old == NULL && task_id <= progress->forgotten_id) {
        entry.round_closed = FORGOTTEN; /* a model to predict with, but no masked round any more */
    }
    memmove(&progress->tasks[1], &progress->tasks[0], at * sizeof progress->tasks[0]);
    progress->tasks[0] = entry;
    return &progress->tasks[0];
}

void fedli_progress_accept(fedl_client_progress *progress, const fedl_manifest *manifest)
{
    fedl_client_accepted *task = touch(progress, manifest->task_id);
    task->version = manifest->version;
    memcpy(task->digest, manifest->digest, DIGEST_BYTES);
}

/* ---- masked rounds ---- */

fedl_refusal fedli_progress_check_attempt(const fedl_client_progress *progress, uint32_t task_id,
                                          uint32_t round, uint32_t attempt)
{
    const fedl_client_accepted *task = find(progress, task_id);
    if (attempt > FEDL_SECAGG_ATTEMPTS_MAX) {
        return FEDL_REFUSAL_ATTEMPTS;
    }
    if (task == NULL) {
        /* Perhaps it was answered before, and forgotten for the sake of newer tasks. */
        return task_id <= progress->forgotten_id ? FEDL_REFUSAL_STATE_LOST : FEDL_REFUSAL_NONE;
    }
    if (task->round_closed == FORGOTTEN) {
        return FEDL_REFUSAL_STATE_LOST;
    }
    if (round <= task->round_closed) {
        return FEDL_REFUSAL_ROUND_CLOSED;
    }
    const bool later = round > task->round_opened ||
                       (round == task->round_opened && attempt > task->attempt_opened);
    return later ? FEDL_REFUSAL_NONE : FEDL_REFUSAL_ROUND_REUSED;
}

uint64_t fedli_progress_left(const fedl_client_progress *progress, uint32_t task_id,
                             uint64_t budget, uint64_t site_budget)
{
    const fedl_client_accepted *task = find(progress, task_id);
    const uint64_t spent = task == NULL ? 0 : task->rho_spent;
    const uint64_t left = spent < budget ? budget - spent : 0;
    uint64_t all = progress->rho_forgotten;
    for (uint32_t i = 0; i < progress->count; i++) {
        all = add_up(all, progress->tasks[i].rho_spent);
    }
    const uint64_t site_left = site_budget == UINT64_MAX ? UINT64_MAX
                               : all < site_budget       ? site_budget - all
                                                         : 0;
    return left < site_left ? left : site_left;
}

void fedli_progress_open(fedl_client_progress *progress, uint32_t task_id, uint32_t round,
                         uint32_t attempt, uint64_t charge)
{
    fedl_client_accepted *task = touch(progress, task_id);
    FEDLI_CHECK(round > task->round_opened ||
                (round == task->round_opened && attempt > task->attempt_opened));
    task->round_opened = round;
    task->attempt_opened = attempt;
    task->rho_spent = add_up(task->rho_spent, charge);
}

void fedli_progress_resume(fedl_client_progress *progress, uint32_t task_id)
{
    touch(progress, task_id)->resumed++;
}

void fedli_progress_close(fedl_client_progress *progress, uint32_t task_id, uint32_t round)
{
    fedl_client_accepted *task = touch(progress, task_id);
    FEDLI_CHECK(round > task->round_closed);
    task->round_closed = round;
}

/* ---- the record ---- */

size_t fedl_client_progress_encode(uint8_t out[FEDL_PROGRESS_BYTES_MAX],
                                   const fedl_client_progress *progress)
{
    fedli_writer writer;
    fedli_writer_init(&writer, out, FEDL_PROGRESS_BYTES_MAX);
    fedli_write_u8(&writer, RECORD_FORMAT);
    fedli_write_u8(&writer, (uint8_t)progress->count);
    fedli_write_u32(&writer, progress->forgotten_id);
    fedli_write_u64(&writer, progress->rho_forgotten);
    for (uint32_t i = 0; i < progress->count; i++) {
        const fedl_client_accepted *task = &progress->tasks[i];
        fedli_write_u32(&writer, task->task_id);
        fedli_write_u32(&writer, task->version);
        fedli_write_copy(&writer, task->digest, DIGEST_BYTES);
        fedli_write_u32(&writer, task->round_opened);
        fedli_write_u32(&writer, task->attempt_opened);
        fedli_write_u32(&writer, task->round_closed);
        fedli_write_u32(&writer, task->resumed);
        fedli_write_u64(&writer, task->rho_spent);
    }
    return HEAD_BYTES + (size_t)progress->count * TASK_BYTES;
}

static void read_task(fedl_client_accepted *task, fedli_reader *reader, bool masked)
{
    task->task_id = fedli_read_u32(reader);
    task->version = fedli_read_u32(reader);
    fedli_read_copy(reader, task->digest, DIGEST_BYTES);
    if (masked) {
        task->round_opened = fedli_read_u32(reader);
        task->attempt_opened = fedli_read_u32(reader);
        task->round_closed = fedli_read_u32(reader);
        task->resumed = fedli_read_u32(reader);
        task->rho_spent = fedli_read_u64(reader);
    }
}

fedl_status fedl_client_progress_decode(fedl_client_progress *progress, fedl_bytes bytes)
{
    fedl_client_progress read;
    fedli_reader reader;
    memset(&read, 0, sizeof read);
    if (bytes.size == FIRST_KIND_BYTES) { /* no record of a later kind has this size */
        read.tasks[0].task_id = fedli_load_u32(bytes.data);
        read.tasks[0].version = fedli_load_u32(bytes.data + 4);
        read.count = read.tasks[0].task_id != 0 ? 1u : 0u;
        *progress = read;
        return FEDL_OK;
    }
    if (bytes.size < PLAIN_HEAD_BYTES) {
        return FEDL_ERR_FORMAT;
    }
    const uint32_t format = bytes.data[0];
    const bool masked = format == RECORD_FORMAT || format == FORMAT_MASKED;
    if (!masked && format != FORMAT_PLAIN) {
        return FEDL_ERR_VERSION;
    }
    const size_t head_bytes = format == RECORD_FORMAT   ? HEAD_BYTES
                              : format == FORMAT_MASKED ? MASKED_HEAD
                                                        : PLAIN_HEAD_BYTES;
    const size_t task_bytes = masked ? TASK_BYTES : PLAIN_TASK_BYTES;
    const uint32_t count = bytes.data[1];
    if (count > FEDL_PROGRESS_TASKS_MAX || bytes.size != head_bytes + count * task_bytes) {
        return FEDL_ERR_FORMAT;
    }
    fedli_reader_init(&reader, fedl_bytes_of(bytes.data + 2, bytes.size - 2u));
    read.forgotten_id = masked ? fedli_read_u32(&reader) : 0;
    read.rho_forgotten = format == RECORD_FORMAT ? fedli_read_u64(&reader) : 0;
    for (; read.count < count; read.count++) {
        fedl_client_accepted *task = &read.tasks[read.count];
        read_task(task, &reader, masked);
        if (task->task_id == 0 || find(&read, task->task_id) != NULL) {
            return FEDL_ERR_FORMAT;
        }
    }
    *progress = read;
    return FEDL_OK;
}
