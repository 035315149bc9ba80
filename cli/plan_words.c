/* SPDX-License-Identifier: Apache-2.0 */
#include "plan_words.h"

#include "posix/plural.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

/* Compiled ChaCha20 with addition on a Cortex-M4, cycles a byte; measured in bench_secagg's terms.
 */
#define M4_CYCLES_A_BYTE 22.0
#define M4_HZ            64e6

__attribute__((format(printf, 2, 3))) static void line(const char *label, const char *format, ...)
{
    va_list arguments;
    (void)printf("%-15s", label);
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    (void)putchar('\n');
}

typedef struct bytes_text {
    char text[24];
} bytes_text;

static bytes_text in_bytes(double bytes)
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB"};
    bytes_text out;
    int unit = 0;
    while (bytes >= 1000 && unit < 4) {
        bytes /= 1000;
        unit++;
    }
    (void)snprintf(out.text, sizeof out.text, unit == 0 ? "%.0f %s" : "%.1f %s", bytes,
                   units[unit]);
    return out;
}

static void words_of_graph(const fedl_plan_report *r, const fedl_secagg_config *secagg)
{
    if (r->complete) {
        line("graph", "complete: %u neighbours each, %u of them unmask (t)", r->k, r->t);
    } else {
        line("graph", "ring: %u of %u devices are neighbours of each, %u of them unmask (t)", r->k,
             r->cohort, r->t);
    }
    line("may vanish", "%u of %u after training; an attempt fails with probability %.1e",
         r->vanish_max, r->cohort, r->failure);
    line("", "when each of them vanishes with %g%% (step_dropout)", secagg->delta_permille / 10.0);
    line("may collude", "%u of %u devices (gamma = %g%%) with the server", r->colluding, r->cohort,
         secagg->gamma_permille / 10.0);
    if (!r->complete) {
        line("", "a graph that does not stand it comes up once in 2^%u rounds", r->attack_bits);
    }
}

static void words_of_step(const char *label, const char *name, const fedl_plan_step *step)
{
    line(label, "%-10s %9s in %3llu messages of at most 16 kB, or %llu of 256 B", name,
         in_bytes((double)step->bytes).text, (unsigned long long)step->message_count,
         (unsigned long long)step->small_message_count);
}

static void words_of_time(const fedl_secagg_config *secagg, const fedl_plan_report *r)
{
    const bool active = secagg->trust == FEDL_TRUST_ACTIVE;
    line("steps", "after training, %g s each at most (step_timeout); a device moves",
         secagg->step_ms / 1000.0);
    words_of_step("", "shares", &r->shares_step);
    words_of_step("", "vector", &r->vector_step);
    if (active) {
        words_of_step("", "confirm", &r->confirm_step);
    }
    words_of_step("", "unmask", &r->unmask_step);
}

static void words_of_cost(const fedl_task_config *config, const fedl_plan_report *r,
                          uint64_t server_bytes)
{
    const double masking_up = (double)r->masking_up_bytes;
    const double masking_down = (double)r->masking_down_bytes;
    const double vector = (double)r->vector_bytes;
    line("upload", "%u bits a parameter: %s%s%s%s", config->plan.update.ring_bits,
         in_bytes(vector).text, r->masked ? ", and for masking " : "",
         r->masked ? in_bytes(masking_up).text : "", r->masked ? "" : " a round");
    if (r->masked) {
        line("", "%s a round and device, %.2f bits a parameter", in_bytes(vector + masking_up).text,
             8 * (vector + masking_up) / r->parameter_count);
    }
    line("download", "%s model%s%s", in_bytes((double)r->model_bytes).text,
         r->masked ? ", and for masking " : "", r->masked ? in_bytes(masking_down).text : "");
    if (r->masked) {
        line("device work",
             "%u key agreements, %u signature checks every %u rounds; %s of mask each round",
             r->agreement_count, r->signature_count, config->plan.secagg.epoch_rounds,
             in_bytes((double)r->mask_bytes).text);
        line("", "(about %.2g s of masking on a Cortex-M4 with 64 MHz)",
             (double)r->mask_bytes * M4_CYCLES_A_BYTE / M4_HZ);
        words_of_time(&config->plan.secagg, r);
    }
    if (server_bytes != 0) {
        line("server", "%s of memory for the task", in_bytes((double)server_bytes).text);
    }
}

static void words_of_privacy(const fedl_task_config *config, const fedl_plan_report *r)
{
    switch (config->plan.privacy.mode) {
    case FEDL_PRIVACY_NONE:
        line("privacy", "none: sums and models are exact, and may tell of single devices");
        return;
    case FEDL_PRIVACY_DISTRIBUTED:
        line("privacy", r->helped
                            ? "every device adds noise, the server sees noised sums only; with "
                              "the helper it would see updates with one device's noise"
                            : "every device adds noise, the server sees noised sums only");
        break;
    case FEDL_PRIVACY_CENTRAL:
        line("privacy", "the server adds noise: models are private, the server is trusted");
        line("", "one device moves a sum by at most %.4g steps (L2), noise %.4g steps a coordinate",
             ldexp(config->plan.update.clip_q16, -16 - config->plan.update.update_exp),
             sqrt(config->plan.privacy.sigma2_q8 / 256.0));
        break;
    }
    line("", "epsilon %.3g a round, %.3g in %u round%s at delta %g", r->epsilon_round,
         r->epsilon_task, config->round.round_count, fedl_plural(config->round.round_count),
         config->privacy_delta);
    if (config->plan.privacy.mode == FEDL_PRIVACY_CENTRAL) {
        line("", "the budget pays for %u round%s", r->budget_rounds, fedl_plural(r->budget_rounds));
        return;
    }
    line("", "the budget pays for %u attempt%s of rounds", r->budget_rounds,
         fedl_plural(r->budget_rounds));
}

static void words_of_trust(const fedl_task_config *config, const fedl_plan_report *r)
{
    if (r->helped) {
        line("protected", "single updates, as long as server and helper do not collude");
        line("not protected", "against both together; keep the CA key away from the server too");
    } else if (!r->masked) {
        line("protected", "against the network: updates are encrypted on their way");
        line("not protected", "against the server: it sees each device's update (mode = plain)");
    } else if (config->plan.secagg.trust == FEDL_TRUST_ACTIVE) {
        line("protected",
             "single updates, also against a server that lies, with fewer than %u of the",
             r->opened_by_lying);
        line("", "%u neighbours of a device on its side", r->k);
        line("not protected",
             "against wrong updates of devices, and what the sums themselves tell");
    } else {
        line("protected", "single updates, against a server that follows the protocol and looks,");
        line("", "with fewer than %u of the %u neighbours of a device on its side",
             r->opened_by_following, r->k);
        if (r->opened_by_lying == 0) {
            line("not protected",
                 "trust = curious: a server that lies about who survived opens the");
            line("", "update of any single device it likes, and no device has to help it;");
        } else {
            line("not protected",
                 "trust = curious: a server that lies about who survived opens the");
            line("", "update of a device with %u of its neighbours on its side;",
                 r->opened_by_lying);
        }
        line("", "trust = active takes away these lies");
    }
}

void fedl_plan_words(const fedl_task_config *config, const fedl_plan_report *r,
                     const fedl_plan_notes *notes, uint64_t server_bytes)
{
    line("plan", "%s: %u parameters, %s; safe", config->name, r->parameter_count,
         r->masked   ? "masked"
         : r->helped ? "masked for a helper"
                     : "plain");
    line("cohort", "%u of %u devices that train; no sum of fewer than %u", r->cohort,
         config->round.select_count, r->cohort_min);
    if (r->masked) {
        words_of_graph(r, &config->plan.secagg);
    }
    words_of_cost(config, r, server_bytes);
    line("range", "a coordinate may move %.3g either way a round (%u steps of 2^%d)",
         ldexp(r->q_max, config->plan.update.update_exp), r->q_max, config->plan.update.update_exp);
    words_of_privacy(config, r);
    if (r->usual_refusal == FEDL_REFUSAL_NONE) {
        line("devices", "take part unless their owners set a stricter policy");
    } else {
        line("devices", "refuse unless their owners allow it: %s",
             fedl_refusal_text(r->usual_refusal));
    }
    words_of_trust(config, r);
    for (uint32_t i = 0; i < notes->count; i++) {
        line("note", "%s", notes->text[i]);
    }
}
