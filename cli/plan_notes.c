/* SPDX-License-Identifier: Apache-2.0 */
#include "plan_notes.h"

#include "posix/plural.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/* A link that an operator should not overlook: slower ones are weak, faster ones need no note. */
#define LINK_BYTES_A_S   16000.0 /* 128 kbit/s */
#define SMALL_MESSAGE_S  0.05    /* a round trip of a piece of 256 bytes */
#define COORDINATE_STEPS 16u

__attribute__((format(printf, 2, 3))) static void note(fedl_plan_notes *notes, const char *format,
                                                       ...)
{
    if (notes->count < FEDL_PLAN_NOTES_MAX) {
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(notes->text[notes->count++], sizeof notes->text[0], format, arguments);
        va_end(arguments);
    }
}

/* Seconds that this step takes a weak device: by bytes, or by round trips of small pieces. */
static double weak_seconds(const fedl_plan_step *step)
{
    return fmax((double)step->bytes / LINK_BYTES_A_S,
                (double)step->small_message_count * SMALL_MESSAGE_S);
}

static void note_step(fedl_plan_notes *notes, const char *name, const fedl_plan_step *step,
                      double limit_s)
{
    if (weak_seconds(step) > limit_s) {
        note(notes,
             "step '%s': within step_timeout = %g s a device must move %.0f kB (%.0f kbit/s), or "
             "%llu "
             "messages of 256 bytes (%.0f ms each); for weaker links: "
             "aggregation.step_timeout=%.0fs",
             name, limit_s, (double)step->bytes / 1000, (double)step->bytes * 8 / limit_s / 1000,
             (unsigned long long)step->small_message_count,
             1000 * limit_s / (double)step->small_message_count, ceil(weak_seconds(step)));
    }
}

void fedl_plan_notes_make(fedl_plan_notes *notes, const fedl_task_config *config,
                          const fedl_plan_report *r, uint64_t server_bytes)
{
    const fedl_secagg_config *secagg = &config->plan.secagg;
    const double limit_s = secagg->step_ms / 1000.0;
    notes->count = 0;
    if (server_bytes == 0) {
        note(notes, "a server with the default [limits] in fedl.ini can't take it: see "
                    "docs/server.md, \"Memory\"");
    }
    if (config->plan.update.ring_bits < 32 && r->q_max < COORDINATE_STEPS) {
        note(notes, "a coordinate has only %u step%s each way: use aggregation.ring_bits=%u",
             r->q_max, fedl_plural(r->q_max), config->plan.update.ring_bits + 8u);
    }
    if (!r->masked) {
        return;
    }
    if (secagg->trust == FEDL_TRUST_ACTIVE) {
        note(notes,
             "trust = active needs the fleet CA's key away from the server, which could make "
             "devices up otherwise: fedl-server init --ca-out FILE, then fedl ca sign for "
             "each device (docs/server.md)");
    }
    if (r->vanish_max == 0) {
        note(notes, "no device may vanish after training, else the round is tried again: more "
                    "clients, or a smaller min_reports, would bear it");
    } else if (r->failure > 0.01) {
        note(notes,
             "%.0f of 100 attempts fail and are made again: more clients, or a smaller "
             "min_reports, would bear more",
             ceil(100 * r->failure));
    }
    note_step(notes, "shares", &r->shares_step, limit_s);
    note_step(notes, "vector", &r->vector_step, limit_s);
    note_step(notes, "confirm", &r->confirm_step, limit_s);
    note_step(notes, "unmask", &r->unmask_step, limit_s);
}
