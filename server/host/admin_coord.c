/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that change something: an ADMIN event for the coordinator, and its ADMIN_REPLY. */
#include "host/admin_server.h"
#include "posix/host_clock.h"

#include <stdio.h>
#include <string.h>

void fedli_json_hex(cJSON *object, const char *key, const uint8_t *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char text[129];
    size = size < 64 ? size : 64;
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15u];
    }
    text[2 * size] = '\0';
    (void)cJSON_AddStringToObject(object, key, text);
}

void fedli_json_u64(cJSON *object, const char *key, uint64_t value)
{
    (void)cJSON_AddNumberToObject(object, key, (double)value);
}

/* Parses the plan and makes the first model; false: the work has been answered. */
static bool prepare_task(fedl_admin_work *work)
{
    char text[400];
    fedl_plan_error error;
    fedl_bytes plan = fedl_bytes_of(work->payload, work->request.payload_bytes);
    fedl_status status = fedli_host_task_make(&work->holder, work->host, plan, &error);
    if (status != FEDL_OK) {
        if (error.text[0] == '\0') {
            (void)snprintf(text, sizeof text, "the plan does not fit this server (%s)",
                           fedl_status_text(status));
            fedli_admin_fail(work, status, text,
                             "compare its [round] and [model] with [limits] in fedl.ini");
            return false;
        }
        (void)snprintf(text, sizeof text, "plan");
        if (error.line > 0) { /* 0: what is wrong is of no single line */
            (void)snprintf(text, sizeof text, "plan, line %u", (unsigned)error.line);
        }
        fedli_admin_fail(work, status, text, error.text);
        return false;
    }
    status = fedli_host_task_first_model(work->holder);
    if (status != FEDL_OK) {
        fedli_admin_fail(work, status, "the first model cannot be made", fedl_status_text(status));
        return false;
    }
    return true;
}

void fedli_admin_send_to_coord(fedl_admin_work *work)
{
    fedl_host *host = work->host;
    const fedl_admin_request *request = &work->request;
    fedl_event event = {.kind = FEDL_EVENT_ADMIN};
    if (request->command == FEDL_COMMAND_DEVICE_ADD) {
        event.admin.kind = FEDL_ADMIN_DEVICE_ADD;
    } else if (request->command == FEDL_COMMAND_DEVICE_REVOKE) {
        event.admin.kind = FEDL_ADMIN_DEVICE_REVOKE;
    } else if (request->command == FEDL_COMMAND_DEVICE_READMIT) {
        event.admin.kind = FEDL_ADMIN_DEVICE_READMIT;
    } else if (request->command == FEDL_COMMAND_DEVICE_CERTIFY) {
        if (request->payload_bytes != sizeof event.admin.certificate) {
            fedli_admin_fail(work, FEDL_ERR_SIZE, "not a certificate", "it has 176 bytes");
            return;
        }
        event.admin.kind = FEDL_ADMIN_DEVICE_CERTIFY;
        memcpy(event.admin.certificate, work->payload, sizeof event.admin.certificate);
    } else if (request->command == FEDL_COMMAND_TASK_PAUSE) {
        event.admin.kind = FEDL_ADMIN_TASK_PAUSE;
    } else if (request->command == FEDL_COMMAND_TASK_RESUME) {
        event.admin.kind = FEDL_ADMIN_TASK_RESUME;
    } else {
        event.admin.kind = FEDL_ADMIN_TASK_ADD;
        if (!prepare_task(work)) {
            return;
        }
        event.admin.setup = &work->holder->setup;
    }
    memcpy(event.admin.name, request->name, sizeof event.admin.name);
    event.admin.token_valid_s = request->valid_s;
    event.admin.device_id = work->device_id;
    event.admin.task_id = work->task_id;
    fedli_admin_await(work);
    event.admin.ticket = work->ticket;
    fedli_host_step(host, &event);
}

static const char *remedy(const fedl_admin_work *work, fedl_status status)
{
    switch ((int)status) {
    case FEDL_ERR_EXISTS:
        return "there is a task with this name; choose another name in the plan";
    case FEDL_ERR_FULL:
        return "a limit of the server is reached: see [limits] in fedl.ini, or try again";
    case FEDL_ERR_MISMATCH:
        return "it is not of this device as it enrolled here, or not signed by this fleet's CA";
    case FEDL_ERR_STATE:
        if (work->request.command == FEDL_COMMAND_DEVICE_CERTIFY) {
            return "the device does not wait for a certificate: fedl device pending lists those "
                   "that do";
        }
        if (work->request.command == FEDL_COMMAND_DEVICE_READMIT) {
            return "no task leaves the device out: fedl device list shows those that are left out";
        }
        return work->request.command == FEDL_COMMAND_DEVICE_REVOKE
                   ? "the device is revoked already"
                   : "see the task's present state with: fedl task list";
    case FEDL_ERR_NO_SPACE:
        return "the server could not store it; free space on its home's file system and try again";
    case FEDL_ERR_READ_ONLY:
    case FEDL_ERR_IO:
    case FEDL_ERR_CORRUPT:
        return "the server could not store it; its log says why";
    default:
        return "";
    }
}

static const char *device_name(const fedl_host *host, uint32_t device_id)
{
    fedl_device_info info;
    for (uint32_t i = 0; i < fedl_coord_device_count(&host->coord); i++) {
        fedl_coord_device_at(&host->coord, &info, i);
        if (info.record->device_id == device_id) {
            return info.record->name;
        }
    }
    return "?";
}

void fedli_admin_coord_reply(fedl_admin_work *work, const fedl_action *action)
{
    fedl_host *host = work->host;
    const fedl_admin_request *request = &work->request;
    if (action->status != FEDL_OK) {
        fedli_admin_fail(work, action->status, fedl_status_text(action->status),
                         remedy(work, action->status));
        return;
    }
    if (request->command == FEDL_COMMAND_DEVICE_ADD) {
        const char *url =
            host->config.advertise[0] != '\0' ? host->config.advertise : host->config.listen;
        fedli_json_u64(work->reply, "device_id", action->device_id);
        (void)cJSON_AddStringToObject(work->reply, "name", request->name);
        (void)cJSON_AddStringToObject(work->reply, "token", action->text);
        fedli_json_u64(work->reply, "expires_s", fedl_host_utc_s() + request->valid_s);
        (void)cJSON_AddStringToObject(work->reply, "url", url);
        (void)cJSON_AddBoolToObject(work->reply, "ca_elsewhere",
                                    host->coord_config.identity.ca_offline);
    } else if (request->command == FEDL_COMMAND_TASK_ADD) {
        fedl_task_info info;
        fedl_task_holder *holder = work->holder;
        work->holder = NULL;
        fedli_host_task_keep(host, holder, action->task_id);
        fedli_json_u64(work->reply, "task_id", action->task_id);
        (void)cJSON_AddStringToObject(work->reply, "name", holder->config.name);
        fedli_json_u64(work->reply, "parameters",
                       fedl_model_parameter_count(&holder->config.plan.model));
        if (fedli_host_task_info(host, &info, action->task_id)) {
            fedli_json_hex(work->reply, "digest", info.digest, 32);
        }
    } else if (request->command == FEDL_COMMAND_DEVICE_REVOKE ||
               request->command == FEDL_COMMAND_DEVICE_READMIT ||
               request->command == FEDL_COMMAND_DEVICE_CERTIFY) {
        fedli_json_u64(work->reply, "device_id", work->device_id);
        (void)cJSON_AddStringToObject(work->reply, "name", device_name(host, work->device_id));
    } else {
        fedli_json_u64(work->reply, "task_id", work->task_id);
    }
    fedli_admin_finish(work);
}

void fedli_admin_begin(fedl_admin_work *work)
{
    if (!fedli_admin_resolve(work)) {
        return;
    }
    switch (work->request.command) {
    case FEDL_COMMAND_STATUS:
        fedli_admin_status(work);
        break;
    case FEDL_COMMAND_DEVICE_LIST:
        fedli_admin_device_list(work);
        break;
    case FEDL_COMMAND_TASK_LIST:
        fedli_admin_task_list(work);
        break;
    case FEDL_COMMAND_TASK_SHOW:
        fedli_admin_task_show(work);
        break;
    case FEDL_COMMAND_TASK_WATCH:
        fedli_admin_watch(work);
        break;
    case FEDL_COMMAND_DEVICE_ADD:
    case FEDL_COMMAND_DEVICE_REVOKE:
    case FEDL_COMMAND_DEVICE_READMIT:
    case FEDL_COMMAND_DEVICE_CERTIFY:
    case FEDL_COMMAND_TASK_ADD:
    case FEDL_COMMAND_TASK_PAUSE:
    case FEDL_COMMAND_TASK_RESUME:
        fedli_admin_send_to_coord(work);
        break;
    case FEDL_COMMAND_MODEL_LIST:
    case FEDL_COMMAND_MODEL_SHOW:
    case FEDL_COMMAND_MODEL_EXPORT:
    case FEDL_COMMAND_AUDIT_LIST:
    case FEDL_COMMAND_AUDIT_VERIFY:
        fedli_admin_read_store(work);
        break;
    }
}
