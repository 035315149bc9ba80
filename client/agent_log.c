/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_log.h"
#include "posix/plural.h"

#include <stdarg.h>
#include <string.h>
#include <time.h>

void agent_json_string(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (const char *p = text; *p != 0; p++) {
        const unsigned char c = (unsigned char)*p;
        if (c == '"' || c == '\\') {
            (void)fprintf(out, "\\%c", c);
        } else if (c < 0x20) {
            (void)fprintf(out, "\\u%04x", c);
        } else {
            (void)fputc(c, out);
        }
    }
    (void)fputc('"', out);
}

static void begin(const agent_log *log, const char *event)
{
    char clock_text[32] = "";
    const time_t now = time(NULL);
    struct tm parts;
    if (gmtime_r(&now, &parts) != NULL) {
        (void)strftime(clock_text, sizeof clock_text, log->json ? "%Y-%m-%dT%H:%M:%SZ" : "%H:%M:%S",
                       &parts);
    }
    if (log->json) {
        (void)fprintf(log->out, "{\"time\":\"%s\",\"event\":\"%s\"", clock_text, event);
    } else {
        (void)fprintf(log->out, "%s ", clock_text);
    }
}

static void end(const agent_log *log)
{
    (void)fputs(log->json ? "}\n" : "\n", log->out);
    (void)fflush(log->out);
}

void agent_log_line(agent_log *log, const char *event, const char *format, ...)
{
    char text[1200];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    begin(log, event);
    if (log->json) {
        (void)fputs(",\"text\":", log->out);
        agent_json_string(log->out, text);
    } else {
        (void)fputs(text, log->out);
    }
    end(log);
}

static const char *reject_words(uint64_t code)
{
    switch ((unsigned)code) {
    case 1:
        return "version";
    case 2:
        return "malformed";
    case 3:
        return "stale";
    case 4:
        return "not a member";
    case 5:
        return "mismatch";
    case 6:
        return "busy";
    case 7:
        return "not found";
    case 8:
        return "limit";
    case 9:
        return "internal";
    case 10:
        return "token";
    default: /* a number from the wire; the message layer lets only known ones through */
        return "unknown";
    }
}

static const char *event_word(fedl_client_log_kind kind)
{
    switch (kind) {
    case FEDL_CLIENT_LOG_CONNECTED:
        return "connected";
    case FEDL_CLIENT_LOG_CONNECTION_LOST:
        return "connection_lost";
    case FEDL_CLIENT_LOG_REFUSED:
        return "refused";
    case FEDL_CLIENT_LOG_WAITING:
        return "waiting";
    case FEDL_CLIENT_LOG_TASK:
        return "task";
    case FEDL_CLIENT_LOG_TASK_REFUSED:
        return "task_refused";
    case FEDL_CLIENT_LOG_MODEL_FETCHED:
        return "model_fetched";
    case FEDL_CLIENT_LOG_TRAINED:
        return "trained";
    case FEDL_CLIENT_LOG_UPLOADED:
        return "uploaded";
    case FEDL_CLIENT_LOG_REJECTED:
        return "rejected";
    case FEDL_CLIENT_LOG_ENROLLED:
        return "enrolled";
    case FEDL_CLIENT_LOG_LEFT:
        return "left";
    case FEDL_CLIENT_LOG_BAD_MESSAGE:
        return "bad_message";
    case FEDL_CLIENT_LOG_COHORT:
        return "cohort";
    case FEDL_CLIENT_LOG_MASKED:
        return "masked";
    }
    return "unknown";
}

static void print_json(const agent_log *log, const fedl_client_action *a)
{
    FILE *out = log->out;
    if (a->task_id != 0) {
        (void)fprintf(out, ",\"task\":%u,\"round\":%u,\"attempt\":%u", a->task_id, a->round,
                      a->attempt);
    }
    if (a->status != FEDL_OK) {
        (void)fputs(",\"error\":", out);
        agent_json_string(out, fedl_status_text(a->status));
    }
    switch (a->log_kind) {
    case FEDL_CLIENT_LOG_CONNECTION_LOST:
    case FEDL_CLIENT_LOG_REFUSED:
    case FEDL_CLIENT_LOG_WAITING:
    case FEDL_CLIENT_LOG_BAD_MESSAGE:
    case FEDL_CLIENT_LOG_TASK_REFUSED:
        (void)fprintf(out, ",\"pause_ms\":%llu", (unsigned long long)a->a);
        if (a->refusal != FEDL_REFUSAL_NONE) {
            (void)fputs(",\"refusal\":", out);
            agent_json_string(out, fedl_refusal_text(a->refusal));
            (void)fputs(",\"rule\":", out);
            agent_json_string(out, fedl_refusal_name(a->refusal));
            (void)fputs(",\"remedy\":", out);
            agent_json_string(out, fedl_refusal_remedy(a->refusal));
        }
        if (a->asked != 0 || a->allowed != 0) {
            (void)fprintf(out, ",\"asked\":%llu,\"allowed\":%llu", (unsigned long long)a->asked,
                          (unsigned long long)a->allowed);
        }
        if (a->accused != 0) {
            (void)fprintf(out, ",\"accused\":%u", a->accused);
        }
        break;
    case FEDL_CLIENT_LOG_MODEL_FETCHED:
        (void)fprintf(out, ",\"version\":%llu,\"bytes\":%llu", (unsigned long long)a->a,
                      (unsigned long long)a->b);
        break;
    case FEDL_CLIENT_LOG_TRAINED:
        (void)fprintf(out, ",\"rows\":%llu,\"loss\":%.6f", (unsigned long long)a->a,
                      (double)a->b / 65536.0);
        break;
    case FEDL_CLIENT_LOG_COHORT:
        (void)fprintf(out, ",\"devices\":%llu", (unsigned long long)a->a);
        break;
    case FEDL_CLIENT_LOG_UPLOADED:
    case FEDL_CLIENT_LOG_MASKED:
        (void)fprintf(out, ",\"bytes\":%llu,\"again\":%s", (unsigned long long)a->a,
                      a->b != 0 ? "true" : "false");
        break;
    case FEDL_CLIENT_LOG_REJECTED:
        (void)fprintf(out, ",\"code\":\"%s\"", reject_words(a->a));
        break;
    case FEDL_CLIENT_LOG_ENROLLED:
        (void)fprintf(out, ",\"device\":%llu", (unsigned long long)a->a);
        break;
    case FEDL_CLIENT_LOG_CONNECTED:
    case FEDL_CLIENT_LOG_TASK:
    case FEDL_CLIENT_LOG_LEFT:
        break;
    }
    if (a->text != NULL) {
        (void)fputs(",\"text\":", out);
        agent_json_string(out, a->text);
    }
}

/* How a rule's two numbers read; both are divided by what 1 is counted in. */
typedef struct number_form {
    fedl_refusal refusal;
    double unit;
    int decimals;
    const char *before;
    const char *between;
    const char *sign;
} number_form;

static const number_form number_forms[] = {
    {FEDL_REFUSAL_POLICY_COHORT, 1, 0, "the task says ", ", this device at least ", ""},
    {FEDL_REFUSAL_POLICY_GAMMA, 10, 1, "the task says ", ", this device at least ", "%"},
    {FEDL_REFUSAL_POLICY_EPOCHS, 1, 0, "the task says ", ", this device at most ", ""},
    {FEDL_REFUSAL_POLICY_WEIGHT, 1, 0, "the task says ", ", this device at most ", ""},
    {FEDL_REFUSAL_POLICY_CLIP, 65536, 4, "the task says ", ", this device at most ", ""},
    {FEDL_REFUSAL_POLICY_EPSILON, (double)FEDL_RHO_ONE, 6, "the task may spend rho ",
     ", this device at most ", ""},
    {FEDL_REFUSAL_BOUND, 65536, 4, "the round says ", ", the plan allows at most ", ""},
    {FEDL_REFUSAL_BUDGET, (double)FEDL_RHO_ONE, 6, "rho ", " is asked for, left are ", ""},
    {FEDL_REFUSAL_ROUND_REUSED, 1, 0, "round ", ", answered are those up to ", ""},
    {FEDL_REFUSAL_ROUND_CLOSED, 1, 0, "round ", ", answered are those up to ", ""},
    {FEDL_REFUSAL_ATTEMPTS, 1, 0, "attempt ", ", at most ", ""},
    {FEDL_REFUSAL_COHORT_SMALL, 1, 0, "", " devices, at least ", ""},
    {FEDL_REFUSAL_COHORT_LARGE, 1, 0, "", " devices, at most ", ""},
    {FEDL_REFUSAL_FORWARD_SMALL, 1, 0, "", " devices, at least ", ""},
    {FEDL_REFUSAL_FORWARD_NEIGHBOURS, 1, 0, "", ", at least ", ""},
    {FEDL_REFUSAL_SURVIVORS_SMALL, 1, 0, "", " devices, at least ", ""},
    {FEDL_REFUSAL_SURVIVORS_NEIGHBOURS, 1, 0, "", ", at least ", ""},
    {FEDL_REFUSAL_CONFIRM_FEW, 1, 0, "", ", at least ", ""},
};

static void print_numbers(FILE *out, const fedl_client_action *a)
{
    for (size_t i = 0; i < sizeof number_forms / sizeof number_forms[0]; i++) {
        const number_form *f = &number_forms[i];
        if (f->refusal == a->refusal && (a->asked != 0 || a->allowed != 0)) {
            (void)fprintf(out, " (%s%.*f%s%s%.*f%s)", f->before, f->decimals,
                          (double)a->asked / f->unit, f->sign, f->between, f->decimals,
                          (double)a->allowed / f->unit, f->sign);
        }
    }
}

/* Only an offer can be a replay here: a version below the newest that this device took. */
static const char *status_words(fedl_status status)
{
    return status == FEDL_ERR_REPLAY
               ? "the server offers an older model than this device has accepted; it went back to "
                 "an old backup, or it lies"
               : fedl_status_text(status);
}

static void print_refused(FILE *out, const fedl_client_action *a)
{
    (void)fprintf(out, "task %u, round %u: not done: %s", a->task_id, a->round,
                  a->refusal != FEDL_REFUSAL_NONE ? fedl_refusal_text(a->refusal)
                                                  : status_words(a->status));
    print_numbers(out, a);
    if (a->accused != 0) {
        (void)fprintf(out, " (device %u)", a->accused);
    }
    if (a->text != NULL) {
        (void)fprintf(out, ": %s", a->text);
    }
    if (a->refusal != FEDL_REFUSAL_NONE) {
        (void)fprintf(out, "; to do: %s", fedl_refusal_remedy(a->refusal));
    }
    (void)fprintf(out, "; asking again in %.1f s", (double)a->a / 1000.0);
}

static void print_text(const agent_log *log, const fedl_client_action *a)
{
    FILE *out = log->out;
    const double seconds = (double)a->a / 1000.0;
    switch (a->log_kind) {
    case FEDL_CLIENT_LOG_CONNECTED:
        (void)fprintf(out, "connected to %s", log->url);
        return;
    case FEDL_CLIENT_LOG_CONNECTION_LOST:
        (void)fprintf(out, "no connection to %s (%s); next try in %.1f s", log->url,
                      log->reason != NULL ? log->reason : fedl_status_text(a->status), seconds);
        return;
    case FEDL_CLIENT_LOG_REFUSED:
        (void)fprintf(out,
                      "the server refuses this device (revoked, unknown, or not the server it was "
                      "enrolled at); next try in %.1f s",
                      seconds);
        return;
    case FEDL_CLIENT_LOG_WAITING:
        (void)fprintf(out, "waiting for a task");
        return;
    case FEDL_CLIENT_LOG_TASK:
        (void)fprintf(out, "task %u, round %u: asked to train%s", a->task_id, a->round,
                      a->attempt > 1 ? " (the round is tried again)" : "");
        return;
    case FEDL_CLIENT_LOG_TASK_REFUSED:
        print_refused(out, a);
        return;
    case FEDL_CLIENT_LOG_MODEL_FETCHED:
        (void)fprintf(out, "model version %llu fetched and verified, %llu bytes",
                      (unsigned long long)a->a, (unsigned long long)a->b);
        return;
    case FEDL_CLIENT_LOG_TRAINED:
        (void)fprintf(out, "round %u: trained on %llu row%s, mean loss %.4f", a->round,
                      (unsigned long long)a->a, fedl_plural(a->a), (double)a->b / 65536.0);
        return;
    case FEDL_CLIENT_LOG_UPLOADED:
        (void)fprintf(out, "round %u: update accepted, %llu bytes%s", a->round,
                      (unsigned long long)a->a, a->b != 0 ? " (sent again)" : "");
        return;
    case FEDL_CLIENT_LOG_REJECTED:
        (void)fprintf(out, "the server says: %s%s%s", reject_words(a->a), a->text ? ": " : "",
                      a->text ? a->text : "");
        return;
    case FEDL_CLIENT_LOG_ENROLLED:
        (void)fprintf(out, "enrolled as device %llu", (unsigned long long)a->a);
        return;
    case FEDL_CLIENT_LOG_COHORT:
        (void)fprintf(out, "round %u: masking with %llu device%s", a->round,
                      (unsigned long long)a->a, fedl_plural(a->a));
        return;
    case FEDL_CLIENT_LOG_MASKED:
        (void)fprintf(out, "round %u: masked update sent, %llu bytes%s", a->round,
                      (unsigned long long)a->a, a->b != 0 ? " (masked anew)" : "");
        return;
    case FEDL_CLIENT_LOG_LEFT:
        (void)fprintf(out, "the server has said goodbye");
        return;
    case FEDL_CLIENT_LOG_BAD_MESSAGE:
        (void)fprintf(out, "an unusable message came in (%s); the connection starts anew",
                      fedl_status_text(a->status));
        return;
    }
}

void agent_log_action(agent_log *log, const fedl_client_action *action)
{
    const bool waiting = action->log_kind == FEDL_CLIENT_LOG_WAITING;
    if (waiting && log->waiting && !log->json) {
        return; /* every poll ends with one */
    }
    log->waiting = waiting;
    begin(log, event_word(action->log_kind));
    if (log->json) {
        print_json(log, action);
    } else {
        print_text(log, action);
    }
    end(log);
}
