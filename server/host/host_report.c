/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator's log actions as lines. Rounds are the readable part:
 *
 *   15:04:05 ├─ round 7 · attempt 1 · 10/10 reports · loss 0.513 · held-out accuracy 82.4 % (of the
 *   model before) · version 8 3f2a… · 1.9 s
 *
 * Of a masked round the line says how many the sum is of; debug adds the frozen cohort and the
 * survivors.
 *
 * What a stranger can cause (refusals, rejects) is limited to LINES_PER_S lines a second; the next
 * line of that kind says how many were left out.
 */
#include "host/host_state.h"
#include "posix/host_clock.h"
#include "wire/message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LINES_PER_S 10u

bool fedli_host_task_info(const fedl_host *host, fedl_task_info *info, uint32_t task_id)
{
    for (uint32_t i = 0; i < fedl_coord_task_count(&host->coord); i++) {
        fedl_coord_task_at(&host->coord, info, i);
        if (info->task_id == task_id) {
            return true;
        }
    }
    return false;
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

static const char *task_name(const fedl_host *host, uint32_t task_id)
{
    fedl_task_info info;
    return fedli_host_task_info(host, &info, task_id) ? info.name : "?";
}

/* " of <name>" when several tasks share the log. */
static void task_label(const fedl_host *host, const fedl_action *action, char out[96])
{
    bool several = fedl_coord_task_count(&host->coord) > 1;
    (void)snprintf(out, 96, "%s%s", several ? " of " : "",
                   several ? task_name(host, action->task_id) : "");
}

static void report_device(fedl_host *host, const fedl_action *action, const char *event,
                          const char *what)
{
    fedl_log_line line;
    fedl_log_begin(&line, &host->log, FEDL_LEVEL_INFO, event);
    fedl_log_u64(&line, "device", action->device_id);
    fedl_log_str(&line, "name", device_name(host, action->device_id));
    fedl_log_end(&line, "device %u \"%s\" %s", (unsigned)action->device_id,
                 device_name(host, action->device_id), what);
}

/* Too late for a step that t others have ended is what slow devices are. */
static fedl_log_level reject_level(uint64_t code)
{
    return code == FEDL_REJECT_STALE ? FEDL_LEVEL_DEBUG : FEDL_LEVEL_WARN;
}

static void report_stranger(fedl_host *host, const fedl_action *action, fedl_log_level level,
                            const char *event, uint64_t code, const char *why)
{
    fedl_log_line line;
    uint64_t second = fedl_host_utc_s();
    fedl_log_quota *quota = &host->quota;
    if (quota->second != second) {
        quota->second = second;
        quota->count = 0;
    }
    if (quota->count == LINES_PER_S) {
        quota->suppressed++;
        return;
    }
    quota->count++;
    fedl_log_begin(&line, &host->log, level, event);
    fedl_log_u64(&line, "device", action->device_id);
    fedl_log_u64(&line, "code", code);
    fedl_log_str(&line, "why", why);
    fedl_log_u64(&line, "suppressed", quota->suppressed);
    fedl_log_end(&line, "%s: %s (device %u, code %" PRIu64 ", %" PRIu64 " lines left out)", event,
                 why, (unsigned)action->device_id, code, quota->suppressed);
    quota->suppressed = 0;
}

/* The fields that every line about an attempt begins with. */
static void begin_attempt(fedl_log_line *line, fedl_host *host, const fedl_action *action,
                          fedl_log_level level, const char *event)
{
    fedl_log_begin(line, &host->log, level, event);
    fedl_log_u64(line, "task", action->task_id);
    fedl_log_u64(line, "round", action->round);
    fedl_log_u64(line, "attempt", action->attempt);
}

static void report_cohort(fedl_host *host, const fedl_action *action)
{
    fedl_task_holder *holder = fedli_host_task_find(host, action->task_id);
    char label[96];
    fedl_log_line line;
    if (holder != NULL) {
        memset(&holder->masked, 0, sizeof holder->masked);
        holder->masked.round = action->round;
        holder->masked.cohort_count = (uint32_t)action->a;
    }
    task_label(host, action, label);
    begin_attempt(&line, host, action, FEDL_LEVEL_DEBUG, "round.cohort");
    fedl_log_u64(&line, "devices", action->a);
    fedl_log_u64(&line, "after_ms", action->b);
    fedl_log_end(&line, "├─ round %u%s · attempt %u · cohort of %" PRIu64 " after %.1f s",
                 (unsigned)action->round, label, (unsigned)action->attempt, action->a,
                 (double)action->b / 1000.0);
}

static void report_survivors(fedl_host *host, const fedl_action *action)
{
    fedl_task_holder *holder = fedli_host_task_find(host, action->task_id);
    char label[96];
    fedl_log_line line;
    if (holder != NULL) {
        holder->masked.round = action->round;
        holder->masked.survivor_count = (uint32_t)action->a;
        holder->masked.share_count = (uint32_t)action->b;
    }
    task_label(host, action, label);
    begin_attempt(&line, host, action, FEDL_LEVEL_DEBUG, "round.survivors");
    fedl_log_u64(&line, "survivors", action->a);
    fedl_log_u64(&line, "shared", action->b);
    fedl_log_end(&line, "├─ round %u%s · attempt %u · sum of %" PRIu64 " of %" PRIu64 ", unmasking",
                 (unsigned)action->round, label, (unsigned)action->attempt, action->a, action->b);
}

/* A burnt round, or a device that is left out; device_id 0: nobody is to blame. */
static void report_blame(fedl_host *host, const fedl_action *action, const char *event,
                         const char *what)
{
    const char *text = action->text != NULL ? action->text : "";
    char label[96];
    char device[FEDL_TASK_NAME_BYTES_MAX + 32] = "";
    fedl_log_line line;
    task_label(host, action, label);
    begin_attempt(&line, host, action, FEDL_LEVEL_WARN, event);
    fedl_log_u64(&line, "device", action->device_id);
    if (action->device_id != 0) {
        fedl_log_str(&line, "name", device_name(host, action->device_id));
        (void)snprintf(device, sizeof device, " · device %u \"%s\"", (unsigned)action->device_id,
                       device_name(host, action->device_id));
    }
    fedl_log_str(&line, "text", text);
    fedl_log_end(&line, "├─ round %u%s · attempt %u · %s%s · %s", (unsigned)action->round, label,
                 (unsigned)action->attempt, what, device, text);
}

static void report_excluded(fedl_host *host, const fedl_action *action)
{
    if (action->a == 1) {
        report_blame(host, action, "device.excluded", "left out until fedl device readmit");
    } else {
        report_blame(host, action, "round.excluded", "left out of the next attempt");
    }
}

void fedli_host_charged(const fedl_host *host, const fedl_store_op *op)
{
    const bool charges = op->kind == FEDL_STORE_GROUP_COMMIT || op->kind == FEDL_STORE_COMMIT ||
                         op->kind == FEDL_STORE_ROUND_ABORT || op->kind == FEDL_STORE_ROUND_BURN;
    fedl_task_holder *holder = fedli_host_task_find(host, op->task_id);
    if (charges && holder != NULL) {
        holder->rho_spent += op->rho;
    }
}

/* "10/10 reports", or "masked sum of 9/10". */
static void report_count_text(const fedl_task_holder *holder, uint64_t reports, char out[64])
{
    const bool masked = holder != NULL && holder->config.plan.aggregation != FEDL_AGGREGATION_PLAIN;
    const uint64_t goal = holder != NULL ? holder->config.round.clients_goal : reports;
    (void)snprintf(out, 64, "%s%" PRIu64 "/%" PRIu64 "%s", masked ? "masked sum of " : "", reports,
                   goal, masked ? "" : " reports");
}

/* What the devices told in their sum; nothing under noise: then every field is null. */
static void put_metrics(fedl_log_line *line, const uint64_t tail[FEDL_TAIL_WORDS], double loss,
                        double accuracy)
{
    static const char *const keys[] = {"loss",          "rows",      "eval_rows",
                                       "eval_accuracy", "saturated", "clipped"};
    if (tail[FEDL_TAIL_ROWS] == 0) {
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            fedl_log_null(line, keys[i]);
        }
        return;
    }
    fedl_log_decimal(line, keys[0], (uint64_t)(loss * 10000.0 + 0.5));
    fedl_log_u64(line, keys[1], tail[FEDL_TAIL_ROWS]);
    fedl_log_u64(line, keys[2], tail[FEDL_TAIL_EVAL_ROWS]);
    fedl_log_decimal(line, keys[3], (uint64_t)(accuracy * 10000.0 + 0.5));
    fedl_log_u64(line, keys[4], tail[FEDL_TAIL_SATURATED]);
    fedl_log_u64(line, keys[5], tail[FEDL_TAIL_CLIPPED]);
}

static void report_committed(fedl_host *host, const fedl_action *action)
{
    static const fedl_round_metrics none;
    const fedl_round_metrics *m = action->metrics != NULL ? action->metrics : &none;
    const fedl_task_holder *holder = fedli_host_task_find(host, action->task_id);
    uint64_t rows = m->tail[FEDL_TAIL_ROWS];
    uint64_t eval_rows = m->tail[FEDL_TAIL_EVAL_ROWS];
    const double loss =
        rows > 0 ? (double)m->tail[FEDL_TAIL_LOSS_Q16] / 65536.0 / (double)rows : 0.0;
    char loss_text[32] = "-"; /* devices that add noise don't tell */
    double accuracy =
        eval_rows > 0 ? (double)m->tail[FEDL_TAIL_EVAL_CORRECT] / (double)eval_rows : 0.0;
    char held_out[80] = "";
    char label[96];
    char reports[64];
    fedl_log_line line;
    if (eval_rows > 0 && holder != NULL && holder->config.plan.model.loss == FEDL_LOSS_SOFTMAX_CE) {
        (void)snprintf(held_out, sizeof held_out,
                       " · held-out accuracy %.1f %% (of the model before)", 100.0 * accuracy);
    }
    if (rows > 0) {
        (void)snprintf(loss_text, sizeof loss_text, "%.3f", loss);
    }
    task_label(host, action, label);
    report_count_text(holder, action->a, reports);
    begin_attempt(&line, host, action, FEDL_LEVEL_INFO, "round.committed");
    fedl_log_u64(&line, "reports", action->a);
    fedl_log_u64(&line, "version", action->b);
    if (action->digest != NULL) {
        fedl_log_hex(&line, "digest", action->digest, 32);
    }
    put_metrics(&line, m->tail, loss, accuracy);
    fedl_log_u64(&line, "bytes_up", m->bytes_up);
    fedl_log_u64(&line, "bytes_down", m->bytes_down);
    fedl_log_u64(&line, "duration_ms", m->duration_ms);
    fedl_log_end(&line,
                 "├─ round %u%s · attempt %u · %s · loss %s%s · version %u %02x%02x… · %.1f s",
                 (unsigned)action->round, label, (unsigned)action->attempt, reports, loss_text,
                 held_out, (unsigned)action->b, action->digest != NULL ? action->digest[0] : 0u,
                 action->digest != NULL ? action->digest[1] : 0u, (double)m->duration_ms / 1000.0);
}

static void report_round(fedl_host *host, const fedl_action *action, fedl_log_level level,
                         const char *event, const char *what)
{
    char label[96];
    const char *text = action->text != NULL ? action->text : "";
    fedl_log_line line;
    task_label(host, action, label);
    begin_attempt(&line, host, action, level, event);
    fedl_log_u64(&line, "device", action->device_id);
    fedl_log_u64(&line, "a", action->a);
    fedl_log_u64(&line, "b", action->b);
    fedl_log_str(&line, "text", text);
    fedl_log_end(&line, "├─ round %u%s · attempt %u · %s %u of %u%s%s", (unsigned)action->round,
                 label, (unsigned)action->attempt, what, (unsigned)action->a, (unsigned)action->b,
                 text[0] != '\0' ? " · " : "", text);
}

static void report_task(fedl_host *host, const fedl_action *action, fedl_log_level level,
                        const char *event, const char *what)
{
    const char *text = action->text != NULL ? action->text : "";
    fedl_log_line line;
    fedl_log_begin(&line, &host->log, level, event);
    fedl_log_u64(&line, "task", action->task_id);
    fedl_log_str(&line, "name", task_name(host, action->task_id));
    fedl_log_u64(&line, "round", action->round);
    fedl_log_str(&line, "text", text);
    fedl_log_end(&line, "%s task %u \"%s\" %s%s%s",
                 action->log_kind == FEDL_LOG_TASK_COMPLETE ? "└─" : "──",
                 (unsigned)action->task_id, task_name(host, action->task_id), what,
                 text[0] != '\0' ? ": " : "", text);
}

/* Without a text host_store.c has said it, with the store's own words. */
static void report_store(fedl_host *host, const fedl_action *action)
{
    fedl_log_line line;
    if (action->text == NULL) {
        return;
    }
    fedl_log_begin(&line, &host->log, FEDL_LEVEL_ERROR, "store.failed");
    fedl_log_str(&line, "op", "model-read");
    fedl_log_str(&line, "text", action->text);
    fedl_log_u64(&line, "task", action->task_id);
    fedl_log_end(&line, "task %u \"%s\" makes no new version: %s", (unsigned)action->task_id,
                 task_name(host, action->task_id), action->text);
}

static void report_session(fedl_host *host, const fedl_action *action)
{
    fedl_log_line line;
    fedl_log_begin(&line, &host->log, FEDL_LEVEL_DEBUG, "session.opened");
    fedl_log_u64(&line, "device", action->device_id);
    fedl_log_end(&line, "device %u connected", (unsigned)action->device_id);
}

void fedli_host_report(fedl_host *host, const fedl_action *action)
{
    switch (action->log_kind) {
    case FEDL_LOG_DEVICE_ENROLLED:
        report_device(host, action, "device.enrolled", "joined");
        break;
    case FEDL_LOG_DEVICE_PENDING:
        report_device(host, action, "device.pending", "waits for its certificate");
        break;
    case FEDL_LOG_DEVICE_REVOKED:
        report_device(host, action, "device.revoked", "is revoked");
        break;
    case FEDL_LOG_DEVICE_READMITTED:
        report_device(host, action, "device.readmitted", "may take part in all tasks again");
        break;
    case FEDL_LOG_DEVICE_LEFT:
        report_device(host, action, "device.left", "left");
        break;
    case FEDL_LOG_SESSION_OPENED:
        report_session(host, action);
        break;
    case FEDL_LOG_REFUSED:
        report_stranger(host, action, FEDL_LEVEL_WARN, "refused",
                        (uint64_t)(-(int64_t)action->status), fedl_status_text(action->status));
        break;
    case FEDL_LOG_REJECTED:
        report_stranger(host, action, reject_level(action->a), "rejected", action->a,
                        action->text != NULL ? action->text : "see the code");
        break;
    case FEDL_LOG_ROUND_OPENED:
        report_round(host, action, FEDL_LEVEL_DEBUG, "round.opened", "chose");
        break;
    case FEDL_LOG_REPORT:
        report_round(host, action, FEDL_LEVEL_DEBUG, "round.report", "report");
        break;
    case FEDL_LOG_ROUND_COMMITTED:
        report_committed(host, action);
        break;
    case FEDL_LOG_ROUND_ABORTED:
        report_round(host, action, FEDL_LEVEL_WARN, "round.aborted", "aborted, reports");
        break;
    case FEDL_LOG_TASK_ADDED:
        report_task(host, action, FEDL_LEVEL_INFO, "task.added", "added");
        break;
    case FEDL_LOG_TASK_PAUSED:
        report_task(host, action, FEDL_LEVEL_WARN, "task.paused", "paused");
        break;
    case FEDL_LOG_TASK_RESUMED:
        report_task(host, action, FEDL_LEVEL_INFO, "task.resumed", "resumed");
        break;
    case FEDL_LOG_TASK_COMPLETE:
        report_task(host, action, FEDL_LEVEL_INFO, "task.complete", "complete");
        break;
    case FEDL_LOG_STORE_FAILED:
        report_store(host, action);
        break;
    case FEDL_LOG_COHORT:
        report_cohort(host, action);
        break;
    case FEDL_LOG_SURVIVORS:
        report_survivors(host, action);
        break;
    case FEDL_LOG_ROUND_BURNT:
        report_blame(host, action, "round.burnt", "burnt");
        break;
    case FEDL_LOG_EXCLUDED:
        report_excluded(host, action);
        break;
    }
}
