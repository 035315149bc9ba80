/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting a machine away in the middle of a masked attempt. Its layout is in saved.h; taking it up
 * again is client_resume.c. Rejected: saving every state of the machine. Before an attempt there is
 * nothing that could not be asked for or computed again.
 */
#include "client/saved.h"

#include "base/check.h"
#include "base/cursor.h"
#include "base/secret.h"

#include <string.h>

void fedli_saved_tag(const fedl_crypto *crypto, uint8_t tag[FEDL_HASH_BYTES],
                     const fedl_identity *identity, const uint8_t *bytes, size_t size)
{
    uint8_t key[FEDL_HASH_BYTES];
    fedli_hash(crypto, key, "fedl.savekey.v1", identity->id_secret, sizeof identity->id_secret);
    fedli_kdf(crypto, tag, key, "fedl.saved.v1", bytes, size);
    fedli_wipe(key, sizeof key);
}

/* An attempt is under way and no question to the host is open: what a STORE leads to is not known
 * before its answer, and half a training is not worth its bytes. What is left of a part is asked
 * for again. */
static bool savable(const fedli_client_state *c)
{
    const bool asking = c->work == FEDLI_WORK_PUT || c->work == FEDLI_WORK_GET ||
                        c->work == FEDLI_WORK_TAKE || c->work == FEDLI_WORK_UPLOAD ||
                        c->work == FEDLI_WORK_CHECKIN;
    return !c->saved_away && c->group.active && asking;
}

static bool has_update(const fedli_client_state *c)
{
    return !c->group.reported;
}

size_t fedl_client_save_bytes(const fedl_client *client)
{
    const fedli_client_state *c = client->state;
    if (!savable(c)) {
        return 0;
    }
    const size_t models =
        has_update(c) ? FEDLI_SAVED_STATS_BYTES + 4u + 2u * fedl_container_size(&c->task.plan.model)
                      : 0;
    return FEDLI_SAVED_HEAD_BYTES + FEDLI_EPOCH_CERT_BYTES + 32u + FEDLI_SAVED_PROGRESS_BYTES +
           FEDLI_MANIFEST_KEPT_BYTES + 4u + c->plan_bytes_used + 4u + c->group.block_bytes +
           models + FEDL_HASH_BYTES;
}

static void write_head(const fedli_client_state *c, fedli_writer *w, size_t size)
{
    const fedli_client_group *g = &c->group;
    const uint32_t flags =
        (has_update(c) ? FEDLI_SAVED_UPDATE : 0u) | (g->reported ? FEDLI_SAVED_REPORTED : 0u) |
        (g->closed ? FEDLI_SAVED_CLOSED : 0u) | (g->announced ? FEDLI_SAVED_ANNOUNCED : 0u) |
        (c->update_sent ? FEDLI_SAVED_SENT : 0u);
    fedli_write_u32(w, FEDLI_SAVED_MAGIC);
    fedli_write_u16(w, FEDLI_SAVED_FORMAT);
    fedli_write_u16(w, (uint16_t)flags);
    fedli_write_u32(w, (uint32_t)size);
    fedli_write_u32(w, FEDL_LIBRARY_VERSION);
    fedli_write_u32(w, c->cfg.identity.device_id);
    fedli_write_copy(w, c->cfg.identity.fleet_id, 16);
    fedli_write_u32(w, g->setup.attempt.task_id);
    fedli_write_u32(w, g->setup.attempt.round);
    fedli_write_u32(w, g->setup.attempt.attempt);
    fedli_write_u32(w, g->late_round);
    fedli_write_copy(w, g->epoch.cert_bytes, FEDLI_EPOCH_CERT_BYTES);
    fedli_write_copy(w, g->epoch.secret, sizeof g->epoch.secret);
}

static void write_progress(const fedli_client_state *c, fedli_writer *w)
{
    const fedl_client_accepted *task = &c->cfg.progress.tasks[0];
    FEDLI_CHECK(task->task_id == c->group.setup.attempt.task_id); /* the task used last */
    fedli_write_u32(w, task->version);
    fedli_write_copy(w, task->digest, sizeof task->digest);
    fedli_write_u32(w, task->round_opened);
    fedli_write_u32(w, task->attempt_opened);
    fedli_write_u32(w, task->round_closed);
    fedli_write_u32(w, task->resumed);
    fedli_write_u64(w, task->rho_spent);
}

static fedl_status write_update(const fedli_client_state *c, fedli_writer *w)
{
    const size_t size = fedl_container_size(&c->task.plan.model);
    fedli_write_u32(w, c->training.row_count);
    fedli_write_u64(w, c->training.stats.loss_sum_q16);
    fedli_write_u64(w, c->training.eval.row_count);
    fedli_write_u64(w, c->training.eval.correct_count);
    fedli_write_u64(w, c->training.eval.loss_sum_q16);
    fedli_write_u32(w, (uint32_t)size);
    fedli_write_copy(w, c->container, size);
    if (w->failed || w->capacity - w->position < size) {
        return FEDL_ERR_SIZE;
    }
    const fedl_status status = fedl_model_export(&c->model, w->data + w->position, size);
    w->position += size;
    return status;
}

fedl_status fedl_client_save(fedl_client *client, uint8_t *out, size_t out_bytes, size_t *size)
{
    fedli_client_state *c = client->state;
    fedli_writer w;
    size_t written = 0;
    const size_t total = fedl_client_save_bytes(client);
    if (total == 0) {
        return FEDL_ERR_STATE;
    }
    if (out_bytes < total) {
        return FEDL_ERR_SIZE;
    }
    fedli_writer_init(&w, out, total - FEDL_HASH_BYTES);
    write_head(c, &w, total);
    write_progress(c, &w);
    fedli_write_copy(&w, c->task.manifest_bytes, sizeof c->task.manifest_bytes);
    fedli_write_u32(&w, (uint32_t)c->plan_bytes_used);
    fedli_write_copy(&w, c->plan_bytes, c->plan_bytes_used);
    fedli_write_u32(&w, (uint32_t)c->group.block_bytes);
    fedli_write_copy(&w, c->group.block, c->group.block_bytes);
    fedl_status status = has_update(c) ? write_update(c, &w) : FEDL_OK;
    if (status == FEDL_OK) {
        status = fedli_writer_end(&w, &written);
    }
    FEDLI_CHECK(status == FEDL_OK && written == total - FEDL_HASH_BYTES);
    fedli_saved_tag(c->crypto, out + written, &c->cfg.identity, out, written);
    /* Two machines with one state could be shown two sets of survivors: this one ends here. */
    c->saved_away = true;
    fedli_client_group_clear(c);
    fedli_wipe(&c->group.epoch, sizeof c->group.epoch);
    fedli_client_session_drop(c);
    *size = total;
    return FEDL_OK;
}
