/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fedl-sim baseline: the two ends that federation lies between. Central: the training parts of all
 * clients in one place. Local only: every client alone, on its own training part; the mean over
 * clients, each counted the same. Both for as many epochs as a client's rows see in the federated
 * run: rounds · epochs · the part of the clients that reports in a round, at least 1.
 */
#include "sim_data.h"
#include "sim_eval.h"
#include "sim_json.h"
#include "sim_local.h"
#include "sim_options.h"

#include "posix/host_clock.h"
#include "posix/plural.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EPOCHS_MAX 1000u

typedef struct baseline {
    const fedl_sim_options *options;
    fedl_sim_data data;
    uint32_t clients;
    uint32_t seeds;
    uint32_t threads;
    uint32_t epochs;
    fedl_sim_pool *pool;
    fedl_view *views; /* [2 · clients]: training parts, then held-out parts */
    fedl_sim_union all;
    fedl_sim_local *runs; /* [seeds · (1 + clients)]: per seed central, then the clients */
    double *central;      /* [seeds] accuracy, or loss for regression */
    double *local;
} baseline;

static bool is_classifier(const baseline *base)
{
    return base->data.task->plan.model.loss == FEDL_LOSS_SOFTMAX_CE;
}

static uint32_t total_epochs(const fedl_task_config *task)
{
    const uint64_t goal = task->round.clients_goal;
    const uint64_t clients = task->experiment.client_count;
    const uint64_t visits =
        (uint64_t)task->round.round_count * task->plan.train.local_epochs * goal;
    const uint64_t epochs = (visits + clients / 2) / clients;
    return epochs < 1 ? 1 : epochs > EPOCHS_MAX ? EPOCHS_MAX : (uint32_t)epochs;
}

static fedl_status split_clients(baseline *base)
{
    const fedl_partition *part = &base->data.partition;
    const fedl_plan *plan = &base->data.task->plan;
    fedl_status status = FEDL_OK;
    for (uint32_t i = 0; i < base->clients && status == FEDL_OK; i++) {
        status = fedl_view_split(&base->views[i], &base->views[base->clients + i], base->data.train,
                                 part->rows + part->first[i], part->first[i + 1] - part->first[i],
                                 plan->run_seed, i + 1, plan->holdout_permille);
        base->all.first[i + 1] = base->all.first[i] + base->views[i].row_count;
    }
    return status;
}

static fedl_status prepare(baseline *base, char text[FEDL_SIM_TEXT_BYTES])
{
    base->clients = base->data.partition.client_count;
    base->seeds = base->options->seeds;
    base->threads =
        base->options->threads == 0 ? fedl_sim_processor_count() : base->options->threads;
    base->epochs = total_epochs(base->data.task);
    if (base->data.test == NULL) {
        return fedl_sim_fail(text, FEDL_ERR_NOT_FOUND,
                             "%s: [experiment] names no test data, which a baseline is measured on",
                             base->data.plan_path);
    }
    const size_t run_count = (size_t)base->seeds * (1 + (size_t)base->clients);
    base->views = calloc(2 * (size_t)base->clients, sizeof *base->views);
    base->all.first = calloc((size_t)base->clients + 1, sizeof *base->all.first);
    base->runs = calloc(run_count, sizeof *base->runs);
    base->central = calloc(base->seeds, sizeof *base->central);
    base->local = calloc(base->seeds, sizeof *base->local);
    if (base->views == NULL || base->all.first == NULL || base->runs == NULL ||
        base->central == NULL || base->local == NULL) {
        return fedl_sim_fail(text, FEDL_ERR_NO_MEMORY, "out of memory");
    }
    base->all.views = base->views;
    base->all.count = base->clients;
    fedl_status status = split_clients(base);
    if (status == FEDL_OK) {
        status = fedl_sim_pool_create(&base->pool, base->threads);
    }
    return status == FEDL_OK
               ? status
               : fedl_sim_fail(text, status, "baseline: %s", fedl_status_text(status));
}

static void submit_all(baseline *base)
{
    const fedl_plan *plan = &base->data.task->plan;
    for (uint32_t s = 0; s < base->seeds; s++) {
        for (uint32_t i = 0; i <= base->clients; i++) {
            fedl_sim_local *run = &base->runs[(size_t)s * (1 + base->clients) + i];
            run->plan = plan;
            run->test = base->data.test;
            run->epochs = base->epochs;
            run->seed =
                (fedl_train_seed){.run_seed = plan->run_seed + s, .round = 1, .device_id = i};
            run->source =
                i == 0 ? fedl_sim_union_source(&base->all) : fedl_view_source(&base->views[i - 1]);
            fedl_sim_local_submit(run, base->pool);
        }
    }
}

static double score(const baseline *base, const fedl_eval_stats *stats)
{
    return is_classifier(base) ? fedl_sim_accuracy(stats) : fedl_sim_loss(stats);
}

/* Waits for every run, also after an error: the jobs live in base. */
static fedl_status collect(baseline *base, char text[FEDL_SIM_TEXT_BYTES])
{
    fedl_status status = FEDL_OK;
    for (uint32_t s = 0; s < base->seeds; s++) {
        for (uint32_t i = 0; i <= base->clients; i++) {
            fedl_sim_local *run = &base->runs[(size_t)s * (1 + base->clients) + i];
            fedl_sim_pool_wait(base->pool, &run->job);
            if (run->status != FEDL_OK && status == FEDL_OK) {
                status = fedl_sim_fail(text, run->status, "%s %u: %s%s",
                                       i == 0 ? "central training, seed" : "client", i == 0 ? s : i,
                                       fedl_status_text(run->status),
                                       run->status == FEDL_ERR_DIVERGED ? "; lower train.lr" : "");
            }
            if (i == 0) {
                base->central[s] = score(base, &run->stats);
            } else {
                base->local[s] += score(base, &run->stats) / base->clients;
            }
        }
        if (!base->options->quiet && status == FEDL_OK) {
            printf("seed %u  central %s %.4f  local only %.4f\n", s + 1,
                   is_classifier(base) ? "accuracy" : "loss", base->central[s], base->local[s]);
            fflush(stdout);
        }
    }
    return status;
}

static double mean(const double *values, uint32_t count)
{
    double sum = 0.0;
    for (uint32_t i = 0; i < count; i++) {
        sum += values[i];
    }
    return sum / count;
}

/* Of a sample; NaN for fewer than two values. */
static double deviation(const double *values, uint32_t count)
{
    const double centre = mean(values, count);
    double sum = 0.0;
    for (uint32_t i = 0; i < count; i++) {
        sum += (values[i] - centre) * (values[i] - centre);
    }
    return count < 2 ? (double)NAN : sqrt(sum / (count - 1));
}

static fedl_status write_json(const baseline *base, double wall_s)
{
    const bool classes = is_classifier(base);
    const double none = (double)NAN;
    fedl_sim_json json;
    const fedl_status status = fedl_sim_json_begin(&json);
    if (status != FEDL_OK) {
        return status;
    }
    const double central = mean(base->central, base->seeds);
    const double local = mean(base->local, base->seeds);
    fedl_sim_json_string(&json, "plan", base->data.plan_path);
    fedl_sim_json_string(&json, "task", base->data.task->name);
    fedl_sim_json_count(&json, "clients", base->clients);
    fedl_sim_json_count(&json, "epochs", base->epochs);
    fedl_sim_json_count(&json, "seeds", base->seeds);
    fedl_sim_json_count(&json, "threads", base->threads);
    fedl_sim_json_number(&json, "central_accuracy", classes ? central : none);
    fedl_sim_json_number(&json, "local_only_accuracy", classes ? local : none);
    fedl_sim_json_number(&json, "central_loss", classes ? none : central);
    fedl_sim_json_number(&json, "local_only_loss", classes ? none : local);
    fedl_sim_json_number(&json, "central_sd", deviation(base->central, base->seeds));
    fedl_sim_json_number(&json, "local_only_sd", deviation(base->local, base->seeds));
    fedl_sim_json_number(&json, "wall_s", wall_s);
    return fedl_sim_json_write(&json, base->options->json_path);
}

static fedl_status measure(baseline *base, char text[FEDL_SIM_TEXT_BYTES])
{
    const int64_t begin_ns = fedl_host_now_ns();
    fedl_status status = prepare(base, text);
    if (status != FEDL_OK) {
        return status;
    }
    if (!base->options->quiet) {
        printf("%u clients, %u epoch%s, %u seed%s: 1 central and %u local runs each\n",
               base->clients, base->epochs, fedl_plural(base->epochs), base->seeds,
               fedl_plural(base->seeds), base->clients);
        fflush(stdout);
    }
    submit_all(base);
    status = collect(base, text);
    const double wall_s = (double)(fedl_host_now_ns() - begin_ns) / 1e9;
    if (status == FEDL_OK && !base->options->quiet) {
        printf("central %.4f, local only %.4f (%s, mean of %u, %.1f s)\n",
               mean(base->central, base->seeds), mean(base->local, base->seeds),
               is_classifier(base) ? "test accuracy" : "test loss", base->seeds, wall_s);
    }
    if (status == FEDL_OK && base->options->json_path != NULL) {
        status = write_json(base, wall_s);
        if (status != FEDL_OK) {
            fedl_sim_fail(text, status, "cannot write %s: %s",
                          strcmp(base->options->json_path, "-") == 0 ? "standard output"
                                                                     : base->options->json_path,
                          fedl_status_text(status));
        }
    }
    return status;
}

int fedl_sim_command_baseline(const fedl_sim_options *options)
{
    char text[FEDL_SIM_TEXT_BYTES];
    baseline base = {.options = options};
    if (fedl_sim_check_outputs(options, text) != FEDL_OK) {
        return fedl_sim_complain(FEDL_SIM_EXIT_FAILED, text);
    }
    fedl_sim_exit result = FEDL_SIM_EXIT_PLAN;
    fedl_status status = fedl_sim_data_plan(&base.data, options->plan_path, options->overrides,
                                            options->override_count, text);
    if (status == FEDL_OK) {
        result = FEDL_SIM_EXIT_DATA;
        status = fedl_sim_data_tables(&base.data, true, text);
    }
    if (status == FEDL_OK) {
        status = fedl_sim_data_partition(&base.data, options->partition_path, text);
    }
    if (status == FEDL_OK) {
        result = FEDL_SIM_EXIT_FAILED;
        status = measure(&base, text);
    }
    fedl_sim_pool_destroy(base.pool);
    free(base.views);
    free(base.all.first);
    free(base.runs);
    free(base.central);
    free(base.local);
    fedl_sim_data_close(&base.data);
    return status == FEDL_OK ? FEDL_SIM_EXIT_OK : fedl_sim_complain(result, text);
}
