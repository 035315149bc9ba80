/* SPDX-License-Identifier: Apache-2.0 */
/* fedl-sim run: plan → data → partition → world → rounds → result. */
#include "sim_json.h"
#include "sim_monitor.h"
#include "sim_options.h"
#include "sim_pool.h"

#include "base/hex.h"
#include "posix/durable_file.h"
#include "posix/host_clock.h"
#include "posix/plural.h"

#include <math.h>
#include <signal.h>
#include <string.h>

/* Set by the signal; nothing else in the program is global and changes. */
static volatile sig_atomic_t interrupted;

static void on_interrupt(int number)
{
    (void)number;
    interrupted = 1;
}

/* The first Ctrl-C ends the run after the round; the second ends the process. */
static void catch_interrupt(void)
{
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

/* The watch of the monitor, and the end after the round under way once Ctrl-C was pressed. */
typedef struct run_state {
    fedl_sim_monitor monitor;
    bool stopping;
    uint32_t rounds_at_interrupt;
    int64_t begin_ns;
} run_state;

static bool keep_going(void *context)
{
    /* The monitor is the first member, and the context of all observers. */
    run_state *run = context;
    if (interrupted != 0 && !run->stopping) {
        run->stopping = true;
        run->rounds_at_interrupt = run->monitor.round_count;
        if (!run->monitor.quiet) {
            printf("interrupted: finishing the round under way (Ctrl-C again to give up)\n");
            fflush(stdout);
        }
    }
    return !(run->stopping && run->monitor.round_count > run->rounds_at_interrupt) &&
           run->monitor.status == FEDL_OK;
}

static const char *outcome_name(fedl_sim_outcome outcome)
{
    switch (outcome) {
    case FEDL_SIM_COMPLETE:
        return "complete";
    case FEDL_SIM_STOPPED:
        return "interrupted";
    case FEDL_SIM_PAUSED:
        return "paused";
    case FEDL_SIM_STALLED:
        return "stalled";
    }
    return "?";
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
    return "?";
}

static fedl_status write_json(const char *path, const fedl_sim_monitor *monitor,
                              const fedl_sim_config *cfg, const fedl_sim_totals *totals,
                              fedl_sim_outcome outcome, double wall_s)
{
    const fedl_sim_data *data = monitor->data;
    const bool classes = data->task->plan.model.loss == FEDL_LOSS_SOFTMAX_CE;
    const double updates = (double)totals->client_updates;
    char digest[2 * 32 + 1];
    fedli_hex_encode(digest, totals->digest, sizeof totals->digest);
    fedl_sim_json json;
    const fedl_status status = fedl_sim_json_begin(&json);
    if (status != FEDL_OK) {
        return status;
    }
    fedl_sim_json_string(&json, "plan", data->plan_path);
    fedl_sim_json_string(&json, "task", data->task->name);
    fedl_sim_json_string(&json, "aggregation", aggregation_name(data->task->plan.aggregation));
    fedl_sim_json_string(&json, "outcome", outcome_name(outcome));
    fedl_sim_json_count(&json, "rounds", totals->rounds);
    fedl_sim_json_count(&json, "clients", data->partition.client_count);
    fedl_sim_json_count(&json, "threads", cfg->threads);
    fedl_sim_json_count(&json, "seed", cfg->seed);
    fedl_sim_json_count(&json, "run_seed", data->task->plan.run_seed);
    const double none = (double)NAN;
    const bool scored = monitor->has_test;
    fedl_sim_json_number(&json, "test_accuracy",
                         scored && classes ? fedl_sim_accuracy(&monitor->last_test) : none);
    fedl_sim_json_number(&json, "test_loss", scored ? fedl_sim_loss(&monitor->last_test) : none);
    fedl_sim_json_number(&json, "best_test_accuracy",
                         scored && classes ? monitor->best_accuracy : none);
    fedl_sim_json_number(&json, "best_test_loss", scored ? monitor->best_loss : none);
    fedl_sim_json_number(&json, "wall_s", wall_s);
    fedl_sim_json_number(&json, "virtual_s", (double)totals->virtual_ns / 1e9);
    fedl_sim_json_number(&json, "bytes_up_per_client_per_round",
                         updates > 0 ? (double)totals->bytes_up / updates : none);
    fedl_sim_json_number(&json, "bytes_down_per_client_per_round",
                         updates > 0 ? (double)totals->bytes_down / updates : none);
    fedl_sim_json_count(&json, "client_updates", totals->client_updates);
    fedl_sim_json_number(&json, "updates_per_s", wall_s > 0 ? updates / wall_s : none);
    fedl_sim_json_count(&json, "version", totals->version);
    fedl_sim_json_string(&json, "model_digest", digest);
    const fedl_task_config *task = data->task;
    const bool private = task->plan.privacy.mode != FEDL_PRIVACY_NONE;
    fedl_sim_json_real(&json, "rho_spent", fedl_sim_rho(task, totals->rho_spent));
    fedl_sim_json_real(&json, "rho_budget", fedl_sim_rho(task, task->plan.privacy.rho_budget));
    fedl_sim_json_real(&json, "epsilon_spent", fedl_sim_epsilon(task, totals->rho_spent));
    fedl_sim_json_real(&json, "delta", private ? task->privacy_delta : none);
    if (monitor->end_reason != NULL) {
        fedl_sim_json_string(&json, "end_reason", monitor->end_reason);
    } else {
        fedl_sim_json_null(&json, "end_reason");
    }
    fedl_sim_json_count(&json, "aborted_attempts", totals->aborted_attempts);
    fedl_sim_json_count(&json, "burnt_rounds", totals->burnt_rounds);
    char reasons[FEDL_SIM_TEXT_BYTES];
    fedl_sim_reasons_text(totals, reasons);
    fedl_sim_json_string(&json, "failures", reasons);
    fedl_sim_json_count(&json, "fewest_reports", totals->fewest_reports);
    fedl_sim_json_count(&json, "most_reports", totals->most_reports);
    fedl_sim_json_count(&json, "dropouts", totals->dropouts);
    fedl_sim_json_count(&json, "messages_lost", totals->messages_lost);
    fedl_sim_json_count(&json, "server_crashes", totals->server_crashes);
    fedl_sim_json_count(&json, "helper_sums", totals->helper_sums);
    fedl_sim_json_count(&json, "helper_crashes", totals->helper_crashes);
    fedl_sim_json_count(&json, "events", totals->events);
    return fedl_sim_json_write(&json, path);
}

static void print_summary(const fedl_sim_monitor *monitor, const fedl_sim_totals *totals,
                          fedl_sim_outcome outcome, double wall_s)
{
    char digest[2 * 32 + 1];
    fedli_hex_encode(digest, totals->digest, sizeof totals->digest);
    printf("%s: %u round%s, %llu client update%s, %u aborted attempt%s, %u burnt "
           "round%s, %.2f s (virtual %.0f s)\n",
           outcome_name(outcome), totals->rounds, fedl_plural(totals->rounds),
           (unsigned long long)totals->client_updates, fedl_plural(totals->client_updates),
           totals->aborted_attempts, fedl_plural(totals->aborted_attempts), totals->burnt_rounds,
           fedl_plural(totals->burnt_rounds), wall_s, (double)totals->virtual_ns / 1e9);
    printf("aggregation %s", aggregation_name(monitor->data->task->plan.aggregation));
    if (totals->helper_sums > 0 || totals->helper_crashes > 0) {
        printf(": the helper made %u sum%s, died %u time%s", totals->helper_sums,
               fedl_plural(totals->helper_sums), totals->helper_crashes,
               fedl_plural(totals->helper_crashes));
    }
    printf("\n");
    if (monitor->has_test && monitor->data->task->plan.model.loss == FEDL_LOSS_SOFTMAX_CE) {
        printf("test accuracy %.2f %% (best %.2f %%)\n",
               100.0 * fedl_sim_accuracy(&monitor->last_test), 100.0 * monitor->best_accuracy);
    } else if (monitor->has_test) {
        printf("test loss %.5f (best %.5f)\n", fedl_sim_loss(&monitor->last_test),
               monitor->best_loss);
    }
    const fedl_task_config *task = monitor->data->task;
    if (task->plan.privacy.mode != FEDL_PRIVACY_NONE) {
        printf("privacy: rho %.6g of %.6g spent, epsilon %.4g at delta %g%s%s\n",
               fedl_sim_rho(task, totals->rho_spent),
               fedl_sim_rho(task, task->plan.privacy.rho_budget),
               fedl_sim_epsilon(task, totals->rho_spent), task->privacy_delta,
               monitor->end_reason != NULL ? "; ended early: " : "",
               monitor->end_reason != NULL ? monitor->end_reason : "");
    }
    printf("model version %u, digest %s\n", totals->version, digest);
}

static int exit_status(const fedl_sim_data *data, const fedl_sim_totals *totals,
                       fedl_sim_outcome outcome, const char *reason)
{
    char text[FEDL_SIM_TEXT_BYTES];
    switch (outcome) {
    case FEDL_SIM_COMPLETE:
        return FEDL_SIM_EXIT_OK;
    case FEDL_SIM_STOPPED:
        return FEDL_SIM_EXIT_INTERRUPTED;
    case FEDL_SIM_PAUSED:
        fedl_sim_fail(text, FEDL_OK,
                      "the task was paused in %s: allow more attempts, a longer deadline or "
                      "fewer reports in [round]",
                      reason);
        return fedl_sim_complain(FEDL_SIM_EXIT_INCOMPLETE, text);
    case FEDL_SIM_STALLED:
        fedl_sim_fail(text, FEDL_OK,
                      "no round ended for 30 virtual days after round %u of %u: do enough devices "
                      "stay within reach?",
                      totals->rounds, data->task->round.round_count);
        return fedl_sim_complain(FEDL_SIM_EXIT_INCOMPLETE, text);
    }
    return FEDL_SIM_EXIT_FAILED;
}

/* Everything after the run: evaluations, files, last words. */
static int report(const fedl_sim_options *options, run_state *run, const fedl_sim_config *cfg,
                  fedl_sim_outcome outcome, const char *reason)
{
    char text[FEDL_SIM_TEXT_BYTES];
    fedl_sim_totals totals;
    fedl_status status = fedl_sim_monitor_finish(&run->monitor);
    fedl_sim_world_totals(run->monitor.world, &totals);
    const double wall_s = (double)(fedl_host_now_ns() - run->begin_ns) / 1e9;
    if (run->monitor.curve_status != FEDL_OK) {
        fedl_sim_fail(text, status, "cannot write %s: %s", options->curve_path,
                      fedl_status_text(run->monitor.curve_status));
        return fedl_sim_complain(FEDL_SIM_EXIT_FAILED, text);
    }
    if (status != FEDL_OK) {
        fedl_sim_fail(text, status, "evaluation: %s", fedl_status_text(status));
        return fedl_sim_complain(FEDL_SIM_EXIT_FAILED, text);
    }
    if (!options->quiet) {
        print_summary(&run->monitor, &totals, outcome, wall_s);
    }
    /* A result that goes to /dev/stdout follows the words above; main looks for errors. */
    (void)fflush(stdout);
    if (options->model_path != NULL) {
        status = fedl_file_output(
            options->model_path, fedl_bytes_of(run->monitor.model, run->monitor.model_bytes), 0644);
    }
    const char *failed_path = options->model_path;
    if (status == FEDL_OK && options->json_path != NULL) {
        failed_path = strcmp(options->json_path, "-") == 0 ? "standard output" : options->json_path;
        status = write_json(options->json_path, &run->monitor, cfg, &totals, outcome, wall_s);
    }
    if (status != FEDL_OK) {
        fedl_sim_fail(text, status, "cannot write %s: %s", failed_path, fedl_status_text(status));
        return fedl_sim_complain(FEDL_SIM_EXIT_FAILED, text);
    }
    return exit_status(run->monitor.data, &totals, outcome, reason);
}

static int simulate(const fedl_sim_options *options, const fedl_sim_data *data, int64_t begin_ns)
{
    char text[FEDL_SIM_TEXT_BYTES];
    run_state run = {.begin_ns = begin_ns};
    fedl_sim_config cfg;
    fedl_sim_config_default(&cfg);
    cfg.task = data->task;
    cfg.plan_text = fedl_bytes_of(data->plan_text, data->plan_bytes);
    cfg.table = data->train;
    cfg.partition = &data->partition;
    cfg.seed = options->has_seed ? options->seed : data->task->plan.run_seed;
    cfg.threads = options->threads == 0 ? fedl_sim_processor_count() : options->threads;
    cfg.enrol = options->enrol;
    cfg.net = options->net;
    fedl_status status =
        fedl_sim_monitor_init(&run.monitor, data, options->quiet, options->curve_path, text);
    if (status == FEDL_OK) {
        cfg.watch = fedl_sim_monitor_watch(&run.monitor);
        cfg.watch.keep_going = keep_going;
        status = fedl_sim_world_create(&run.monitor.world, &cfg, text);
    }
    int result = FEDL_SIM_EXIT_FAILED;
    if (status == FEDL_OK) {
        fedl_sim_outcome outcome = FEDL_SIM_STALLED;
        catch_interrupt();
        status = fedl_sim_world_run(run.monitor.world, &outcome, text);
        if (status == FEDL_OK) {
            result = report(options, &run, &cfg, outcome, text);
        }
    }
    if (status != FEDL_OK) {
        result = fedl_sim_complain(FEDL_SIM_EXIT_FAILED, text);
    }
    fedl_sim_world *world = run.monitor.world;
    fedl_sim_monitor_deinit(&run.monitor);
    fedl_sim_world_destroy(world);
    return result;
}

int fedl_sim_command_run(const fedl_sim_options *options)
{
    const int64_t begin_ns = fedl_host_now_ns(); /* wall_s counts the loading of data */
    char text[FEDL_SIM_TEXT_BYTES];
    fedl_sim_data data = {0};
    if (fedl_sim_check_outputs(options, text) != FEDL_OK) {
        return fedl_sim_complain(FEDL_SIM_EXIT_FAILED, text);
    }
    int result = FEDL_SIM_EXIT_PLAN;
    fedl_status status = fedl_sim_data_plan(&data, options->plan_path, options->overrides,
                                            options->override_count, text);
    if (status == FEDL_OK) {
        result = FEDL_SIM_EXIT_DATA;
        status = fedl_sim_data_tables(&data, true, text);
    }
    if (status == FEDL_OK) {
        status = fedl_sim_data_partition(&data, options->partition_path, text);
    }
    result = status == FEDL_OK ? simulate(options, &data, begin_ns)
                               : fedl_sim_complain((fedl_sim_exit)result, text);
    fedl_sim_data_close(&data);
    return result;
}
