/* SPDX-License-Identifier: Apache-2.0 */
/* What the coordinator knows at this moment, as JSON: flat objects in one list per reply. */
#include "host/admin_name.h"
#include "host/admin_server.h"
#include "planner/accountant.h"
#include "posix/host_clock.h"
#include "store/state_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *phase_name(fedl_round_phase phase)
{
    switch (phase) {
    case FEDL_PHASE_IDLE:
        return "idle";
    case FEDL_PHASE_POOL:
        return "waiting for devices";
    case FEDL_PHASE_OPENING:
        return "opening";
    case FEDL_PHASE_RUNNING:
        return "running";
    case FEDL_PHASE_COMMITTING:
        return "committing";
    case FEDL_PHASE_FREEZING:
        return "freezing";
    case FEDL_PHASE_UNMASKING:
        return "unmasking";
    case FEDL_PHASE_COMPUTING:
        return "computing";
    case FEDL_PHASE_LOADING:
        return "loading";
    case FEDL_PHASE_BURNING:
        return "burning";
    case FEDL_PHASE_ABORTING:
        return "aborting";
    case FEDL_PHASE_RETRY:
        return "pausing before a new attempt";
    }
    return "unknown";
}

static const char *aggregation_name(fedl_aggregation aggregation)
{
    switch (aggregation) {
    case FEDL_AGGREGATION_PLAIN:
        return "plain";
    case FEDL_AGGREGATION_MASKED:
        return "masked";
    case FEDL_AGGREGATION_HELPER:
        return "helper";
    }
    return "unknown";
}

/* Who sees what: how the sum is protected, how many were in the last one, what it has cost. */
static void put_protection(cJSON *object, const fedl_task_holder *holder)
{
    const fedl_plan *plan = &holder->config.plan;
    (void)cJSON_AddStringToObject(object, "aggregation", aggregation_name(plan->aggregation));
    if (plan->aggregation != FEDL_AGGREGATION_PLAIN) {
        (void)cJSON_AddStringToObject(
            object, "trust", plan->secagg.trust == FEDL_TRUST_ACTIVE ? "active" : "curious");
        fedli_json_u64(object, "min_cohort", plan->secagg.min_cohort);
    }
    if (holder->masked.round != 0) {
        fedli_json_u64(object, "cohort_round", holder->masked.round);
        fedli_json_u64(object, "cohort", holder->masked.cohort_count);
        fedli_json_u64(object, "shared", holder->masked.share_count);
        fedli_json_u64(object, "survivors", holder->masked.survivor_count);
    }
    if (plan->privacy.mode > FEDL_PRIVACY_NONE) {
        const double spent = fedl_zcdp_from_units(holder->rho_spent);
        const double budget = fedl_zcdp_from_units(plan->privacy.rho_budget);
        const double delta = holder->config.privacy_delta;
        (void)cJSON_AddStringToObject(object, "privacy",
                                      plan->privacy.mode == FEDL_PRIVACY_CENTRAL ? "central"
                                                                                 : "distributed");
        (void)cJSON_AddNumberToObject(object, "rho_spent", spent);
        (void)cJSON_AddNumberToObject(object, "rho_budget", budget);
        (void)cJSON_AddNumberToObject(object, "epsilon_spent", fedl_zcdp_epsilon(spent, delta));
        (void)cJSON_AddNumberToObject(object, "epsilon_budget", fedl_zcdp_epsilon(budget, delta));
        (void)cJSON_AddNumberToObject(object, "delta", delta);
    }
}

static void put_task(cJSON *object, const fedl_host *host, const fedl_task_info *info)
{
    const fedl_task_holder *holder = fedli_host_task_find(host, info->task_id);
    fedli_json_u64(object, "task_id", info->task_id);
    (void)cJSON_AddStringToObject(object, "name", info->name);
    (void)cJSON_AddStringToObject(object, "state", fedl_task_state_name(info->state));
    (void)cJSON_AddStringToObject(object, "phase", phase_name(info->phase));
    fedli_json_u64(object, "round", info->round);
    fedli_json_u64(object, "rounds", info->round_count);
    fedli_json_u64(object, "attempt", info->attempt);
    fedli_json_u64(object, "version", info->version);
    fedli_json_hex(object, "digest", info->digest, 32);
    fedli_json_u64(object, "pool", info->pool_count);
    fedli_json_u64(object, "members", info->member_count);
    fedli_json_u64(object, "reports", info->report_count);
    fedli_json_u64(object, "parameters", info->parameter_count);
    if (info->bound_q16 != 0) {
        (void)cJSON_AddNumberToObject(object, "clip", info->bound_q16 / 65536.0);
    }
    if (holder != NULL) {
        put_protection(object, holder);
    }
}

static void put_tasks(fedl_admin_work *work, const char *key)
{
    const fedl_coord *coord = &work->host->coord;
    cJSON *list = cJSON_AddArrayToObject(work->reply, key);
    for (uint32_t i = 0; i < fedl_coord_task_count(coord); i++) {
        fedl_task_info info;
        cJSON *object = cJSON_CreateObject();
        fedl_coord_task_at(coord, &info, i);
        put_task(object, work->host, &info);
        (void)cJSON_AddItemToArray(list, object);
    }
}

void fedli_admin_status(fedl_admin_work *work)
{
    fedl_host *host = work->host;
    fedl_coord_counters counters;
    uint64_t connected = 0;
    uint64_t active = 0;
    size_t rss_bytes = 0;
    uint32_t devices = fedl_coord_device_count(&host->coord);
    for (uint32_t i = 0; i < devices; i++) {
        fedl_device_info info;
        fedl_coord_device_at(&host->coord, &info, i);
        connected += info.connected ? 1u : 0u;
        active += info.record->state == FEDL_DEVICE_ACTIVE ? 1u : 0u;
    }
    fedl_coord_counters_read(&host->coord, &counters);
    (void)uv_resident_set_memory(&rss_bytes);
    (void)cJSON_AddStringToObject(work->reply, "version", FEDL_VERSION_TEXT);
    (void)cJSON_AddStringToObject(work->reply, "home", host->home.path);
    (void)cJSON_AddStringToObject(work->reply, "listen", fedl_transport_url(host->transport));
    (void)cJSON_AddStringToObject(work->reply, "advertise", host->config.advertise);
    fedli_json_u64(work->reply, "pid", (uint64_t)getpid());
    fedli_json_u64(work->reply, "uptime_s", fedl_host_utc_s() - host->started_s);
    fedli_json_u64(work->reply, "devices_active", active);
    fedli_json_u64(work->reply, "devices_connected", connected);
    fedli_json_u64(work->reply, "sessions", counters.sessions_open);
    fedli_json_u64(work->reply, "held_requests", fedl_transport_pending(host->transport));
    fedli_json_u64(work->reply, "messages", counters.messages);
    fedli_json_u64(work->reply, "refusals", counters.refusals);
    fedli_json_u64(work->reply, "rejects", counters.rejects);
    fedli_json_u64(work->reply, "replays", counters.replays);
    fedli_json_u64(work->reply, "bytes_in", counters.bytes_in);
    fedli_json_u64(work->reply, "bytes_out", counters.bytes_out);
    fedli_json_u64(work->reply, "rss_bytes", rss_bytes);
    put_tasks(work, "tasks");
    fedli_admin_finish(work);
}

/* The tasks that leave a device out for lying, by name; an empty text is the normal case. */
static void put_left_out(cJSON *object, const fedl_coord *coord, uint32_t device_index)
{
    char names[512] = "";
    for (uint32_t i = 0; i < fedl_coord_task_count(coord); i++) {
        if (fedl_coord_device_excluded(coord, device_index, i)) {
            fedl_task_info info;
            fedl_coord_task_at(coord, &info, i);
            const size_t used = strlen(names);
            (void)snprintf(names + used, sizeof names - used, "%s%s", used > 0 ? ", " : "",
                           info.name);
        }
    }
    (void)cJSON_AddStringToObject(object, "left_out", names);
}

void fedli_admin_device_list(fedl_admin_work *work)
{
    const fedl_coord *coord = &work->host->coord;
    cJSON *list = cJSON_AddArrayToObject(work->reply, "rows");
    int64_t now_ns = fedl_host_now_ns();
    for (uint32_t i = 0; i < fedl_coord_device_count(coord); i++) {
        fedl_device_info info;
        cJSON *object = cJSON_CreateObject();
        fedl_coord_device_at(coord, &info, i);
        fedli_json_u64(object, "device_id", info.record->device_id);
        (void)cJSON_AddStringToObject(object, "name", info.record->name);
        (void)cJSON_AddStringToObject(object, "state", fedl_device_state_name(info.record->state));
        (void)cJSON_AddBoolToObject(object, "connected", info.connected);
        if (info.seen_ns != FEDL_NEVER_NS) {
            int64_t ago_ns = now_ns > info.seen_ns ? now_ns - info.seen_ns : 0;
            fedli_json_u64(object, "seen_s", (uint64_t)ago_ns / 1000000000u);
        } else {
            (void)cJSON_AddNullToObject(object, "seen_s");
        }
        fedli_json_u64(object, "reports", info.report_count);
        put_left_out(object, coord, i);
        fedli_json_u64(object, "changed_s", info.record->changed_s);
        fedli_json_u64(object, "token_expires_s", info.record->token_expires_s);
        if (info.record->state == FEDL_DEVICE_PENDING) { /* what a certificate is made of */
            fedli_json_hex(object, "fleet_id", work->host->coord_config.identity.fleet_id, 16);
            fedli_json_hex(object, "id_public", info.record->id_public, 32);
            fedli_json_hex(object, "noise_public", info.record->noise_public, 32);
        }
        (void)cJSON_AddItemToArray(list, object);
    }
    fedli_admin_finish(work);
}

void fedli_admin_task_list(fedl_admin_work *work)
{
    put_tasks(work, "rows");
    fedli_admin_finish(work);
}

void fedli_admin_task_show(fedl_admin_work *work)
{
    fedl_task_info info;
    const fedl_task_holder *holder = fedli_host_task_find(work->host, work->task_id);
    work->raw = malloc(holder->plan_bytes + 1);
    if (work->raw == NULL || !fedli_host_task_info(work->host, &info, work->task_id)) {
        fedli_admin_fail(work, FEDL_ERR_NO_MEMORY, "out of memory", "");
        return;
    }
    put_task(work->reply, work->host, &info);
    memcpy(work->raw, holder->plan_text, holder->plan_bytes);
    work->raw_bytes = holder->plan_bytes;
    fedli_json_u64(work->reply, "bytes", work->raw_bytes);
    fedli_admin_finish(work);
}

static bool end_match(fedl_admin_work *work, const fedl_name_match *match, uint32_t *id)
{
    char error[FEDL_NAME_TEXT_BYTES];
    char remedy[FEDL_NAME_TEXT_BYTES];
    const fedl_status status = fedl_name_match_end(match, id, error, remedy);
    if (status != FEDL_OK) {
        fedli_admin_fail(work, status, error, remedy);
    }
    return status == FEDL_OK;
}

static bool resolve_task(fedl_admin_work *work)
{
    const fedl_task_holder *first = work->host->tasks;
    fedl_name_match match;
    if (work->request.task[0] == '\0') {
        if (first == NULL || first->next != NULL) {
            fedli_admin_fail(work, FEDL_ERR_NOT_FOUND,
                             first == NULL ? "there is no task" : "there are several tasks",
                             first == NULL ? "fedl task add PLAN starts one"
                                           : "name one; fedl task list shows all");
            return false;
        }
        work->task_id = first->task_id;
        return true;
    }
    fedl_name_match_init(&match, work->request.task, "task");
    for (const fedl_task_holder *t = first; t != NULL; t = t->next) {
        fedl_name_match_see(&match, t->task_id, t->config.name);
    }
    return end_match(work, &match, &work->task_id);
}

static bool resolve_device(fedl_admin_work *work)
{
    const fedl_coord *coord = &work->host->coord;
    fedl_name_match match;
    fedl_name_match_init(&match, work->request.device, "device");
    for (uint32_t i = 0; i < fedl_coord_device_count(coord); i++) {
        fedl_device_info info;
        fedl_coord_device_at(coord, &info, i);
        fedl_name_match_see(&match, info.record->device_id, info.record->name);
    }
    return end_match(work, &match, &work->device_id);
}

bool fedli_admin_resolve(fedl_admin_work *work)
{
    switch (work->request.command) {
    case FEDL_COMMAND_DEVICE_REVOKE:
    case FEDL_COMMAND_DEVICE_READMIT:
    case FEDL_COMMAND_DEVICE_CERTIFY:
        return resolve_device(work);
    case FEDL_COMMAND_TASK_SHOW:
    case FEDL_COMMAND_TASK_PAUSE:
    case FEDL_COMMAND_TASK_RESUME:
    case FEDL_COMMAND_TASK_WATCH:
    case FEDL_COMMAND_MODEL_LIST:
    case FEDL_COMMAND_MODEL_SHOW:
    case FEDL_COMMAND_MODEL_EXPORT:
        return resolve_task(work);
    case FEDL_COMMAND_STATUS:
    case FEDL_COMMAND_DEVICE_ADD:
    case FEDL_COMMAND_DEVICE_LIST:
    case FEDL_COMMAND_TASK_ADD:
    case FEDL_COMMAND_TASK_LIST:
    case FEDL_COMMAND_AUDIT_LIST:
    case FEDL_COMMAND_AUDIT_VERIFY:
        break;
    }
    return true;
}
