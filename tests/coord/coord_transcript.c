/* SPDX-License-Identifier: Apache-2.0 */
/* The log of the coordinator as lines that tests compare. */
#include "coord_world.h"

#include <stdio.h>

static void note(world *w, const char *text)
{
    const size_t room = sizeof w->transcript - w->transcript_bytes;
    const int written = snprintf(w->transcript + w->transcript_bytes, room, "[%6lld] %s\n",
                                 (long long)(w->now_ns / 1000000), text);
    assert_true(written > 0);
    w->transcript_bytes += (size_t)written < room ? (size_t)written : 0u;
}

static void tell_masked(const fedl_action *a, char *text, size_t size)
{
    const unsigned long long x = a->a;
    const unsigned long long y = a->b;
    if (a->log_kind == FEDL_LOG_COHORT) {
        (void)snprintf(text, size, "task %u round %u.%u cohort of %llu", a->task_id, a->round,
                       a->attempt, x);
    } else if (a->log_kind == FEDL_LOG_SURVIVORS) {
        (void)snprintf(text, size, "task %u round %u.%u survivors %llu of %llu", a->task_id,
                       a->round, a->attempt, x, y);
    } else if (a->log_kind == FEDL_LOG_ROUND_BURNT) {
        (void)snprintf(text, size, "task %u round %u.%u is burnt: %s", a->task_id, a->round,
                       a->attempt, a->text);
    } else {
        (void)snprintf(text, size, "task %u round %u.%u excludes device %u%s: %s", a->task_id,
                       a->round, a->attempt, a->device_id, a->a == 1 ? " for good" : "", a->text);
    }
}

static void append_store(char *text, size_t size, const fedl_action *a)
{
    (void)snprintf(text, size, "store failed: %s",
                   a->text != NULL ? a->text : fedl_status_text(a->status));
}

static void append_complete(char *text, size_t size, const fedl_action *a)
{
    (void)snprintf(text, size, "task %u complete%s%s", a->task_id, a->text != NULL ? ": " : "",
                   a->text != NULL ? a->text : "");
}

void world_note_log(world *w, const fedl_action *a)
{
    char text[200];
    const unsigned long long x = a->a;
    const unsigned long long y = a->b;
    w->log_counts[a->log_kind]++;
    switch (a->log_kind) {
    case FEDL_LOG_DEVICE_ENROLLED:
    case FEDL_LOG_DEVICE_PENDING:
        (void)snprintf(text, sizeof text, "device %u %s", a->device_id,
                       a->log_kind == FEDL_LOG_DEVICE_ENROLLED ? "enrolled" : "is pending");
        break;
    case FEDL_LOG_DEVICE_REVOKED:
        (void)snprintf(text, sizeof text, "device %u revoked", a->device_id);
        break;
    case FEDL_LOG_DEVICE_LEFT:
    case FEDL_LOG_DEVICE_READMITTED:
        (void)snprintf(text, sizeof text, "device %u %s", a->device_id,
                       a->log_kind == FEDL_LOG_DEVICE_LEFT ? "left" : "readmitted");
        break;
    case FEDL_LOG_SESSION_OPENED:
        (void)snprintf(text, sizeof text, "device %u connects", a->device_id);
        break;
    case FEDL_LOG_REFUSED:
        w->last_refusal = a->status;
        (void)snprintf(text, sizeof text, "refused: %s", fedl_status_text(a->status));
        break;
    case FEDL_LOG_REJECTED:
        (void)snprintf(text, sizeof text, "device %u rejected: %s", a->device_id, a->text);
        break;
    case FEDL_LOG_ROUND_OPENED:
        (void)snprintf(text, sizeof text, "task %u round %u.%u opens, cohort %llu of %llu",
                       a->task_id, a->round, a->attempt, x, y);
        break;
    case FEDL_LOG_REPORT:
        (void)snprintf(text, sizeof text, "task %u round %u.%u report of %u, %llu of %llu",
                       a->task_id, a->round, a->attempt, a->device_id, x, y);
        break;
    case FEDL_LOG_ROUND_COMMITTED:
        /* The next round may open in the same step; what is told is still this one. */
        assert_true(a->metrics->report_count == a->a && a->metrics->tail[FEDL_TAIL_WEIGHT] >= a->a);
        (void)snprintf(text, sizeof text,
                       "task %u round %u.%u commits %llu reports as version %llu", a->task_id,
                       a->round, a->attempt, x, y);
        assert_true(a->metrics != NULL && a->digest != NULL);
        break;
    case FEDL_LOG_ROUND_ABORTED:
        (void)snprintf(text, sizeof text, "task %u round %u.%u aborts, %llu of %llu: %s",
                       a->task_id, a->round, a->attempt, x, y, a->text);
        break;
    case FEDL_LOG_TASK_ADDED:
    case FEDL_LOG_TASK_RESUMED:
        (void)snprintf(text, sizeof text, "task %u %s", a->task_id,
                       a->log_kind == FEDL_LOG_TASK_ADDED ? "added" : "resumed");
        break;
    case FEDL_LOG_TASK_PAUSED:
        (void)snprintf(text, sizeof text, "task %u paused: %s", a->task_id, a->text);
        break;
    case FEDL_LOG_TASK_COMPLETE:
        append_complete(text, sizeof text, a);
        break;
    case FEDL_LOG_STORE_FAILED:
        append_store(text, sizeof text, a);
        break;
    case FEDL_LOG_COHORT:
    case FEDL_LOG_SURVIVORS:
    case FEDL_LOG_ROUND_BURNT:
    case FEDL_LOG_EXCLUDED:
        tell_masked(a, text, sizeof text);
        break;
    }
    note(w, text);
}

void world_transcript_clear(world *w)
{
    w->transcript_bytes = 0;
    w->transcript[0] = '\0';
}
