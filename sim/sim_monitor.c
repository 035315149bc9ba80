/* SPDX-License-Identifier: Apache-2.0 */
/* Watching a run: see sim_monitor.h. */
#include "sim_monitor.h"

#include "sim_json.h"

#include "planner/accountant.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* JSON's null; a double, so that no expression is promoted by accident. */
static const double none = (double)NAN;

fedl_status fedl_sim_monitor_init(fedl_sim_monitor *monitor, const fedl_sim_data *data, bool quiet,
                                  const char *curve_path, char text[FEDL_SIM_TEXT_BYTES])
{
    *monitor = (fedl_sim_monitor){.data = data, .quiet = quiet, .best_loss = (double)INFINITY};
    monitor->rounds = calloc(data->task->round.round_count, sizeof *monitor->rounds);
    if (monitor->rounds == NULL) {
        return fedl_sim_fail(text, FEDL_ERR_NO_MEMORY, "out of memory");
    }
    if (curve_path != NULL) {
        monitor->curve = fopen(curve_path, "w");
        if (monitor->curve == NULL) {
            return fedl_sim_fail(text, FEDL_ERR_IO, "cannot write %s: %s", curve_path,
                                 strerror(errno));
        }
    }
    return FEDL_OK;
}

double fedl_sim_rho(const fedl_task_config *task, uint64_t rho)
{
    return task->plan.privacy.mode == FEDL_PRIVACY_NONE ? none : fedl_zcdp_from_units(rho);
}

double fedl_sim_epsilon(const fedl_task_config *task, uint64_t rho)
{
    return task->plan.privacy.mode == FEDL_PRIVACY_NONE
               ? none
               : fedl_zcdp_epsilon(fedl_zcdp_from_units(rho), task->privacy_delta);
}

static bool is_classifier(const fedl_sim_monitor *monitor)
{
    return monitor->data->task->plan.model.loss == FEDL_LOSS_SOFTMAX_CE;
}

static double ratio(uint64_t part, uint64_t whole)
{
    return whole == 0 ? none : (double)part / (double)whole;
}

static void print_round(const fedl_sim_monitor *monitor, const fedl_sim_round *round)
{
    const uint64_t *tail = round->metrics.tail;
    printf("round %3u/%u  %u of %u reports", round->round, monitor->data->task->round.round_count,
           round->metrics.report_count, monitor->data->task->round.clients_goal);
    if (tail[FEDL_TAIL_ROWS] > 0) {
        printf("  loss %.4f", ratio(tail[FEDL_TAIL_LOSS_Q16], tail[FEDL_TAIL_ROWS]) / 65536.0);
    } else {
        printf("  loss -"); /* devices that add noise don't tell */
    }
    if (tail[FEDL_TAIL_EVAL_ROWS] > 0 && is_classifier(monitor)) {
        printf("  held-out %5.2f %%",
               100.0 * ratio(tail[FEDL_TAIL_EVAL_CORRECT], tail[FEDL_TAIL_EVAL_ROWS]));
    } else if (tail[FEDL_TAIL_EVAL_ROWS] > 0) {
        printf("  held-out loss %.4f",
               ratio(tail[FEDL_TAIL_EVAL_LOSS_Q16], tail[FEDL_TAIL_EVAL_ROWS]) / 65536.0);
    }
    if (round->has_test && is_classifier(monitor)) {
        printf("  test %5.2f %%", 100.0 * fedl_sim_accuracy(&round->test));
    } else if (round->has_test) {
        printf("  test loss %.4f", fedl_sim_loss(&round->test));
    }
    if (monitor->data->task->plan.privacy.mode != FEDL_PRIVACY_NONE) {
        printf("  epsilon %.3g", fedl_sim_epsilon(monitor->data->task, round->rho_spent));
    }
    if (round->bound_q16 != 0) {
        printf("  clip %.4g", round->bound_q16 / 65536.0);
    }
    printf("  version %u  up %.1f KB  virtual %.1f s\n", round->version,
           (double)round->metrics.bytes_up / 1000.0, (double)round->at_ns / 1e9);
    fflush(stdout);
}

static fedl_status write_curve(const fedl_sim_monitor *monitor, const fedl_sim_round *round)
{
    const uint64_t *tail = round->metrics.tail;
    fedl_sim_json json;
    fedl_status status = fedl_sim_json_begin(&json);
    if (status != FEDL_OK) {
        return status;
    }
    fedl_sim_json_count(&json, "round", round->round);
    fedl_sim_json_count(&json, "attempt", round->attempt);
    fedl_sim_json_count(&json, "version", round->version);
    fedl_sim_json_count(&json, "reports", round->metrics.report_count);
    fedl_sim_json_number(&json, "train_loss",
                         ratio(tail[FEDL_TAIL_LOSS_Q16], tail[FEDL_TAIL_ROWS]) / 65536.0);
    fedl_sim_json_number(&json, "held_out_accuracy",
                         is_classifier(monitor)
                             ? ratio(tail[FEDL_TAIL_EVAL_CORRECT], tail[FEDL_TAIL_EVAL_ROWS])
                             : none);
    fedl_sim_json_number(&json, "held_out_loss",
                         ratio(tail[FEDL_TAIL_EVAL_LOSS_Q16], tail[FEDL_TAIL_EVAL_ROWS]) / 65536.0);
    fedl_sim_json_number(&json, "test_accuracy",
                         round->has_test && is_classifier(monitor) ? fedl_sim_accuracy(&round->test)
                                                                   : none);
    fedl_sim_json_number(&json, "test_loss", round->has_test ? fedl_sim_loss(&round->test) : none);
    const bool told = tail[FEDL_TAIL_ROWS] > 0; /* not by devices that add noise */
    fedl_sim_json_real(&json, "clipped", told ? (double)tail[FEDL_TAIL_CLIPPED] : none);
    fedl_sim_json_real(&json, "saturated", told ? (double)tail[FEDL_TAIL_SATURATED] : none);
    fedl_sim_json_real(&json, "rho_spent", fedl_sim_rho(monitor->data->task, round->rho_spent));
    fedl_sim_json_real(&json, "epsilon_spent",
                       fedl_sim_epsilon(monitor->data->task, round->rho_spent));
    fedl_sim_json_real(&json, "clip", round->bound_q16 != 0 ? round->bound_q16 / 65536.0 : none);
    fedl_sim_json_count(&json, "bytes_up", round->metrics.bytes_up);
    fedl_sim_json_count(&json, "bytes_down", round->metrics.bytes_down);
    fedl_sim_json_number(&json, "virtual_s", (double)round->at_ns / 1e9);
    return fedl_sim_json_print(&json, monitor->curve);
}

static void remember(fedl_status *first, fedl_status status)
{
    *first = *first == FEDL_OK ? status : *first;
}

static void settle(fedl_sim_monitor *monitor, fedl_sim_round *round)
{
    if (round->eval == NULL) {
        return;
    }
    const fedl_status status = fedl_sim_eval_end(round->eval, &round->test);
    round->eval = NULL;
    remember(&monitor->status, status);
    if (status != FEDL_OK) {
        return;
    }
    round->has_test = true;
    monitor->has_test = true;
    monitor->last_test = round->test;
    monitor->best_accuracy = fmax(monitor->best_accuracy, fedl_sim_accuracy(&round->test));
    monitor->best_loss = fmin(monitor->best_loss, fedl_sim_loss(&round->test));
}

/* Prints rounds in order, until one whose evaluation is not needed yet and not done. */
static void advance(fedl_sim_monitor *monitor, uint32_t pending_max)
{
    while (monitor->printed_count < monitor->round_count) {
        fedl_sim_round *round = &monitor->rounds[monitor->printed_count];
        const uint32_t pending = monitor->round_count - monitor->printed_count;
        if (round->eval != NULL && pending <= pending_max && !fedl_sim_eval_is_done(round->eval)) {
            return;
        }
        settle(monitor, round);
        if (!monitor->quiet) {
            print_round(monitor, round);
        }
        if (monitor->curve != NULL) {
            remember(&monitor->curve_status, write_curve(monitor, round));
            remember(&monitor->status, monitor->curve_status);
        }
        monitor->printed_count++;
    }
}

static fedl_status keep_model(fedl_sim_monitor *monitor, fedl_bytes container)
{
    if (monitor->model == NULL) {
        monitor->model = malloc(container.size);
        monitor->model_bytes = container.size;
    }
    if (monitor->model == NULL || monitor->model_bytes != container.size) {
        return FEDL_ERR_NO_MEMORY;
    }
    memcpy(monitor->model, container.data, container.size);
    return FEDL_OK;
}

static void on_stored(void *context, fedl_instant_ns now_ns, const fedl_store_op *op)
{
    fedl_sim_monitor *monitor = context;
    const fedl_task_config *task = monitor->data->task;
    if ((op->kind == FEDL_STORE_ROUND_ABORT || op->kind == FEDL_STORE_ROUND_BURN) &&
        !monitor->quiet) {
        advance(monitor, FEDL_SIM_EVALS_MAX);
        printf("round %3u/%u  attempt %u %s: %s\n", op->round, task->round.round_count, op->attempt,
               op->kind == FEDL_STORE_ROUND_ABORT ? "aborted" : "burnt",
               op->text == NULL ? "?" : op->text);
    }
    if (op->kind == FEDL_STORE_TASK_STATE && op->task_state == FEDL_TASK_COMPLETE) {
        monitor->end_reason = op->text;
    }
    if (op->kind == FEDL_STORE_TASK_ADD) {
        remember(&monitor->status, keep_model(monitor, op->model.container));
        monitor->bound_q16 = op->model.bound_q16;
    }
    if (op->kind != FEDL_STORE_COMMIT || monitor->round_count == task->round.round_count) {
        return;
    }
    fedl_sim_totals totals;
    fedl_sim_world_totals(monitor->world, &totals);
    fedl_sim_round *round = &monitor->rounds[monitor->round_count++];
    *round = (fedl_sim_round){.round = op->round,
                              .version = op->model.version,
                              .attempt = op->attempt,
                              .metrics = op->metrics,
                              .rho_spent = totals.rho_spent,
                              .bound_q16 = monitor->bound_q16,
                              .at_ns = now_ns};
    monitor->bound_q16 = op->model.bound_q16;
    remember(&monitor->status, keep_model(monitor, op->model.container));
    const bool due =
        op->round % task->experiment.eval_every_rounds == 0 || op->round == task->round.round_count;
    if (due && monitor->data->test != NULL && monitor->status == FEDL_OK) {
        remember(&monitor->status,
                 fedl_sim_eval_begin(&round->eval, fedl_sim_world_pool(monitor->world),
                                     op->model.container, monitor->data->test));
    }
    advance(monitor, FEDL_SIM_EVALS_MAX);
}

fedl_sim_watch fedl_sim_monitor_watch(fedl_sim_monitor *monitor)
{
    const fedl_sim_watch watch = {.context = monitor, .stored = on_stored};
    return watch;
}

fedl_status fedl_sim_monitor_finish(fedl_sim_monitor *monitor)
{
    /* A run that was interrupted between two evaluations still says how good its model is. */
    if (monitor->round_count > 0 && monitor->data->test != NULL && monitor->status == FEDL_OK) {
        fedl_sim_round *last = &monitor->rounds[monitor->round_count - 1];
        if (last->eval == NULL && !last->has_test) {
            remember(&monitor->status,
                     fedl_sim_eval_begin(&last->eval, fedl_sim_world_pool(monitor->world),
                                         fedl_bytes_of(monitor->model, monitor->model_bytes),
                                         monitor->data->test));
        }
        if (monitor->printed_count == monitor->round_count) {
            settle(monitor, last);
        }
    }
    advance(monitor, 0);
    if (monitor->curve != NULL) {
        const bool good = fclose(monitor->curve) == 0;
        monitor->curve = NULL;
        remember(&monitor->curve_status, good ? FEDL_OK : FEDL_ERR_IO);
        remember(&monitor->status, monitor->curve_status);
    }
    return monitor->status;
}

void fedl_sim_monitor_deinit(fedl_sim_monitor *monitor)
{
    for (uint32_t i = 0; monitor->rounds != NULL && i < monitor->round_count; i++) {
        if (monitor->rounds[i].eval != NULL) {
            fedl_eval_stats ignored;
            (void)!fedl_sim_eval_end(monitor->rounds[i].eval, &ignored);
        }
    }
    if (monitor->curve != NULL) {
        fclose(monitor->curve);
    }
    free(monitor->rounds);
    free(monitor->model);
    *monitor = (fedl_sim_monitor){0};
}
