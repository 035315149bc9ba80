/* SPDX-License-Identifier: Apache-2.0 */
/*
 * task.watch: one line per round from the first, then live, until the task is complete or paused.
 *
 * The history is read on the store's thread; what happens meanwhile is kept and sent after it, each
 * version once. While a watcher waits for its history it belongs to the store's thread, so a
 * connection that closes then only loses its pointer.
 */
#include "host/admin_server.h"
#include "posix/host_clock.h"
#include "store/state_name.h"

#include <string.h>

void fedli_admin_watch(fedl_admin_work *work)
{
    work->watch_pending = cJSON_CreateArray();
    work->watching = true;
    work->next = work->host->watchers;
    work->host->watchers = work;
    fedli_admin_read_store(work);
}

static void unlist(fedl_admin_work *work)
{
    fedl_admin_work **at = &work->host->watchers;
    while (*at != NULL && *at != work) {
        at = &(*at)->next;
    }
    if (*at == work) {
        *at = work->next;
    }
    work->watching = false;
}

void fedli_admin_watch_drop(fedl_admin_work *work)
{
    if (work->watch_live) {
        unlist(work);
        fedli_admin_forget(work);
    }
}

static double number_in(const cJSON *object, const char *key)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, key);
    return cJSON_IsNumber(item) ? item->valuedouble : 0.0;
}

/* Sends one event (taken over); true: it was the last one and work is gone. */
static bool send_event(fedl_admin_work *work, cJSON *event)
{
    const char *what = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(event, "event"));
    if (what != NULL && strcmp(what, "round") == 0) {
        uint32_t version = (uint32_t)number_in(event, "version");
        if (version <= work->version_sent) {
            cJSON_Delete(event);
            return false;
        }
        work->version_sent = version;
    } else if (what != NULL && strcmp(what, "end") == 0) {
        unlist(work);
        cJSON_Delete(work->reply);
        work->reply = event;
        fedli_admin_finish(work);
        return true;
    }
    fedli_admin_push(work, event);
    return false;
}

static cJSON *end_event(const char *state, const char *reason)
{
    cJSON *event = cJSON_CreateObject();
    (void)cJSON_AddStringToObject(event, "event", "end");
    (void)cJSON_AddStringToObject(event, "state", state);
    if (reason != NULL) {
        (void)cJSON_AddStringToObject(event, "reason", reason);
    }
    return event;
}

void fedli_admin_watch_history(fedl_admin_work *work)
{
    fedl_task_info info;
    if (work->connection == NULL || work->status != FEDL_OK) {
        unlist(work);
        if (work->connection == NULL) {
            fedli_admin_forget(work);
        } else {
            fedli_admin_fail(work, work->status, fedl_status_text(work->status), "");
        }
        return;
    }
    cJSON *rows = cJSON_DetachItemFromObjectCaseSensitive(work->reply, "rows");
    cJSON *hello = work->reply;
    work->reply = NULL;
    work->version_sent = 1; /* version 1 was made by no round */
    fedli_admin_push(work, hello);
    cJSON *row = NULL;
    while ((row = cJSON_DetachItemFromArray(rows, 0)) != NULL) {
        (void)cJSON_AddStringToObject(row, "event", "round");
        (void)send_event(work, row);
    }
    cJSON_Delete(rows);
    while ((row = cJSON_DetachItemFromArray(work->watch_pending, 0)) != NULL) {
        if (send_event(work, row)) {
            return;
        }
    }
    if (work->connection == NULL) {
        unlist(work);
        fedli_admin_forget(work);
        return;
    }
    work->watch_live = true;
    if (fedli_host_task_info(work->host, &info, work->task_id) && info.state != FEDL_TASK_RUNNING) {
        (void)send_event(work, end_event(fedl_task_state_name(info.state), NULL));
    }
}

/* The event that a LOG action stands for, or NULL. */
static cJSON *event_of(const fedl_action *action)
{
    cJSON *event = NULL;
    if (action->log_kind == FEDL_LOG_TASK_COMPLETE) {
        return end_event("complete", NULL);
    }
    if (action->log_kind == FEDL_LOG_TASK_PAUSED) {
        return end_event("paused", action->text);
    }
    if (action->log_kind == FEDL_LOG_ROUND_ABORTED) {
        event = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(event, "event", "abort");
        fedli_json_u64(event, "task_id", action->task_id);
        fedli_json_u64(event, "round", action->round);
        fedli_json_u64(event, "attempt", action->attempt);
        fedli_json_u64(event, "reports", action->a);
        fedli_json_u64(event, "needed", action->b);
        (void)cJSON_AddStringToObject(event, "reason", action->text != NULL ? action->text : "");
    } else if (action->log_kind == FEDL_LOG_ROUND_BURNT || action->log_kind == FEDL_LOG_EXCLUDED) {
        event = cJSON_CreateObject();
        (void)cJSON_AddStringToObject(
            event, "event", action->log_kind == FEDL_LOG_ROUND_BURNT ? "burn" : "exclude");
        fedli_json_u64(event, "task_id", action->task_id);
        fedli_json_u64(event, "round", action->round);
        fedli_json_u64(event, "attempt", action->attempt);
        fedli_json_u64(event, "device_id", action->device_id); /* 0: nobody is to blame */
        (void)cJSON_AddStringToObject(event, "reason", action->text != NULL ? action->text : "");
    } else if (action->log_kind == FEDL_LOG_ROUND_COMMITTED && action->metrics != NULL) {
        fedl_model_row row = {.task_id = action->task_id,
                              .version = (uint32_t)action->b,
                              .round = action->round,
                              .created_s = fedl_host_utc_s(),
                              .metrics = *action->metrics};
        if (action->digest != NULL) {
            memcpy(row.digest, action->digest, sizeof row.digest);
        }
        event = cJSON_CreateObject();
        fedli_json_model(event, &row);
        /* What the action does not tell is left out rather than shown as zero. */
        cJSON_DeleteItemFromObjectCaseSensitive(event, "parent_digest");
        cJSON_DeleteItemFromObjectCaseSensitive(event, "parameters");
        cJSON_DeleteItemFromObjectCaseSensitive(event, "container_bytes");
        (void)cJSON_AddStringToObject(event, "event", "round");
    }
    return event;
}

void fedli_admin_on_log(fedl_host *host, const fedl_action *action)
{
    fedl_admin_work *next = NULL;
    for (fedl_admin_work *work = host->watchers; work != NULL; work = next) {
        next = work->next;
        cJSON *event = work->task_id == action->task_id ? event_of(action) : NULL;
        if (event == NULL) {
            continue;
        }
        if (work->watch_live) {
            (void)send_event(work, event);
        } else {
            (void)cJSON_AddItemToArray(work->watch_pending, event);
        }
    }
}
