/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The drop-out matrix: real coordinator, real devices, a virtual network; in one step of a masked
 * round each device vanishes with some probability. Either the sum is exact or the attempt fails
 * for the reason that belongs to the step; how often it succeeds stands beside what the thresholds
 * promise.
 *
 *   bench_dropout [--short | --medium] [--n N] [--attempts A] [--seed S] [--gamma ‰] [--delta ‰]
 *                 [--active] [--step NAME] [--loss ‰] [--dry] [--json FILE]
 *
 * --short: small cohorts, for ctest in every build. --medium: with rings. Exit status 1: something
 * was not as it must be. JSON: one row per cell, {n, step, loss, attempts, committed, …}.
 */
#include "bench_dropout.h"

#include "sim_json.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

typedef struct bench_options {
    const char *json_path;
    uint32_t n;        /* 0 = all */
    uint32_t attempts; /* 0 = by n */
    uint32_t seed;
    uint32_t gamma_permille;
    uint32_t delta_permille;
    fedl_server_trust trust;
    fedl_sim_phase step;    /* 0 = all */
    uint32_t loss_permille; /* UINT32_MAX = all */
    bool is_short;
    bool is_medium;
    bool is_dry; /* the arithmetic alone */
} bench_options;

static const char *step_name(fedl_sim_phase step)
{
    switch (step) {
    case FEDL_SIM_READY:
        return "READY";
    case FEDL_SIM_SHARES:
        return "SHARES";
    case FEDL_SIM_MASKED:
        return "MASKED";
    case FEDL_SIM_CONFIRM:
        return "CONFIRM";
    case FEDL_SIM_UNMASK:
        return "UNMASK";
    case FEDL_SIM_CHECKIN:
    case FEDL_SIM_FETCH:
    case FEDL_SIM_TRAIN:
    case FEDL_SIM_UPLOAD:
        break;
    }
    return "?";
}

/* An attempt costs n·k shares, and in a new world as many key agreements. */
static uint32_t attempts_for(const bench_options *options, uint32_t n)
{
    if (options->attempts != 0) {
        return options->attempts;
    }
    if (options->is_short || options->is_medium) {
        return n <= 5 ? 6 : n <= 50 ? 3 : 1;
    }
    return n <= 10 ? 200 : n <= 50 ? 20 : n <= 129 ? 5 : n <= 300 ? 2 : 1;
}

static void print_row(const dropout_cell *cell, const dropout_promise *promise,
                      const dropout_result *r)
{
    printf("%5u %3u/%-3u %-7s %4.0f %% %5.1f %%  %4u  %4u %7.1f %% %7.1f %% %s%7.3f %%", cell->n,
           promise->params.k, promise->params.t, step_name(cell->step), cell->loss_permille / 10.0,
           r->attempts == 0 ? 0.0 : 100.0 * r->lost / ((double)cell->n * r->attempts), r->attempts,
           r->committed, r->attempts == 0 ? 0.0 : 100.0 * r->committed / r->attempts,
           100.0 * promise->expected, promise->complete || cell->step == FEDL_SIM_READY ? " " : "≥",
           100.0 * promise->success);
    if (r->committed > 0) {
        printf("  %u-%u", r->fewest_reports, r->most_reports);
    }
    for (uint32_t i = 0; i < r->reason_count; i++) {
        printf("  %u %s", r->reasons[i].count, r->reasons[i].text);
    }
    printf("%s%s\n", r->violation[0] != '\0' ? "  VIOLATION: " : "", r->violation);
    fflush(stdout);
}

static bool json_row(FILE *file, const dropout_cell *cell, const dropout_promise *promise,
                     const dropout_result *r)
{
    fedl_sim_json json;
    char reasons[FEDL_SIM_TEXT_BYTES] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < r->reason_count && used < sizeof reasons; i++) {
        used += (size_t)snprintf(reasons + used, sizeof reasons - used, "%s%s", i == 0 ? "" : ", ",
                                 r->reasons[i].text);
    }
    if (fedl_sim_json_begin(&json) != FEDL_OK) {
        return false;
    }
    fedl_sim_json_count(&json, "n", cell->n);
    fedl_sim_json_string(&json, "trust", cell->trust == FEDL_TRUST_ACTIVE ? "active" : "curious");
    fedl_sim_json_string(&json, "step", step_name(cell->step));
    fedl_sim_json_number(&json, "loss", cell->loss_permille / 1000.0);
    fedl_sim_json_number(&json, "gamma", cell->gamma_permille / 1000.0);
    fedl_sim_json_number(&json, "delta", cell->delta_permille / 1000.0);
    fedl_sim_json_count(&json, "k", promise->params.k);
    fedl_sim_json_count(&json, "t", promise->params.t);
    fedl_sim_json_count(&json, "min_cohort", promise->cohort_min);
    fedl_sim_json_count(&json, "seed", cell->seed);
    fedl_sim_json_count(&json, "attempts", r->attempts);
    fedl_sim_json_count(&json, "committed", r->committed);
    fedl_sim_json_count(&json, "aborted", r->aborted);
    fedl_sim_json_count(&json, "burnt", r->burnt);
    fedl_sim_json_count(&json, "lost_devices", r->lost);
    fedl_sim_json_count(&json, "fewest_reports", r->fewest_reports);
    fedl_sim_json_count(&json, "most_reports", r->most_reports);
    fedl_sim_json_number(&json, "expected", promise->expected);
    fedl_sim_json_number(&json, "promised", promise->success);
    fedl_sim_json_string(&json, "reasons", reasons);
    fedl_sim_json_string(&json, "violation", r->violation);
    fedl_sim_json_number(&json, "wall_s", r->wall_s);
    return fedl_sim_json_print(&json, file) == FEDL_OK;
}

/* A promise of nearly 1 is kept, or it is none. */
static void check_promise(const dropout_promise *promise, dropout_result *r)
{
    if (promise->success > 0.9999 && r->committed != r->attempts && r->violation[0] == '\0') {
        snprintf(r->violation, sizeof r->violation, "it fails more often than promised");
    }
}

/* One cell. False: a violation, or the file is full. */
static bool run_cell(const bench_options *options, const dropout_files *files, FILE *json,
                     const dropout_cell *cell)
{
    dropout_promise promise;
    dropout_result result;
    if (dropout_promise_make(&promise, cell) != FEDL_OK) {
        printf("%5u no k and t for gamma %.1f %%, delta %.1f %%\n", cell->n,
               cell->gamma_permille / 10.0, cell->delta_permille / 10.0);
        return options->n == 0; /* asked for alone, it is an error */
    }
    if (options->is_dry) {
        result = (dropout_result){0};
    } else {
        dropout_cell_run(&result, cell, &promise, files);
        check_promise(&promise, &result);
    }
    print_row(cell, &promise, &result);
    return (json == NULL || json_row(json, cell, &promise, &result)) && result.violation[0] == '\0';
}

/* All losses of one cohort and step, or the one that was asked for. */
static bool run_step(const bench_options *options, const dropout_files *files, FILE *json,
                     uint32_t n, fedl_sim_phase step)
{
    static const uint32_t losses_permille[] = {0, 50, 100, 200, 300, 400};
    const bool one = options->loss_permille != UINT32_MAX;
    const bool brief = options->is_short || options->is_medium;
    bool good = true;
    for (size_t i = 0; i < (one ? 1 : sizeof losses_permille / sizeof losses_permille[0]); i++) {
        const dropout_cell cell = {.n = n,
                                   .step = step,
                                   .loss_permille =
                                       one ? options->loss_permille : losses_permille[i],
                                   .delta_permille = options->delta_permille,
                                   .gamma_permille = options->gamma_permille,
                                   .trust = options->trust,
                                   .attempts = attempts_for(options, n),
                                   .seed = options->seed};
        /* Without loss all steps are the same; brief: nothing, 10 and 40 %. */
        const bool skip = (i == 0 && step != FEDL_SIM_READY) || (brief && i % 3 != 2 && i > 0);
        if (!skip || one) {
            good = run_cell(options, files, json, &cell) && good;
        }
    }
    return good;
}

static bool run_all(const bench_options *options, FILE *json)
{
    static const uint32_t short_sizes[] = {3, 5, 10};
    static const uint32_t medium_sizes[] = {50, 129};
    static const uint32_t sizes[] = {3, 5, 10, 50, 128, 129, 300, 1000};
    const uint32_t *list = options->is_short    ? short_sizes
                           : options->is_medium ? medium_sizes
                                                : sizes;
    const uint32_t count = options->is_short ? 3u : options->is_medium ? 2u : 8u;
    bool good = true;
    printf("    n   k/t   step    drawn    lost  tries  sums     rate expected   promised  devices "
           "in a sum\n");
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t n = options->n != 0 ? options->n : list[i];
        dropout_files files;
        char text[FEDL_SIM_TEXT_BYTES];
        if (!dropout_files_make(&files, n, text)) {
            fprintf(stderr, "bench_dropout: %s\n", text);
            return false;
        }
        for (fedl_sim_phase step = FEDL_SIM_READY; step <= FEDL_SIM_UNMASK; step++) {
            const bool wanted = options->step == 0 || options->step == step;
            if (wanted && (step != FEDL_SIM_CONFIRM || options->trust == FEDL_TRUST_ACTIVE)) {
                good = run_step(options, &files, json, n, step) && good;
            }
        }
        dropout_files_remove(&files);
        if (options->n != 0) {
            break;
        }
    }
    return good;
}

static fedl_sim_phase step_named(const char *name)
{
    fedl_sim_phase step = FEDL_SIM_READY;
    while (step <= FEDL_SIM_UNMASK && strcasecmp(name, step_name(step)) != 0) {
        step++;
    }
    return step; /* UNMASK + 1: no such step */
}

static bool parse(bench_options *options, int argc, char **argv)
{
    static const struct option list[] = {{"short", no_argument, NULL, 's'},
                                         {"medium", no_argument, NULL, 'm'},
                                         {"n", required_argument, NULL, 'n'},
                                         {"attempts", required_argument, NULL, 'a'},
                                         {"seed", required_argument, NULL, 'r'},
                                         {"gamma", required_argument, NULL, 'g'},
                                         {"delta", required_argument, NULL, 'd'},
                                         {"active", no_argument, NULL, 'A'},
                                         {"step", required_argument, NULL, 'S'},
                                         {"loss", required_argument, NULL, 'l'},
                                         {"dry", no_argument, NULL, 'D'},
                                         {"json", required_argument, NULL, 'j'},
                                         {NULL, 0, NULL, 0}};
    int id;
    while ((id = getopt_long(argc, argv, "", list, NULL)) != -1) {
        const uint32_t value = optarg == NULL ? 0 : (uint32_t)strtoul(optarg, NULL, 10);
        switch (id) {
        case 's':
            options->is_short = true;
            break;
        case 'm':
            options->is_medium = true;
            break;
        case 'n':
            options->n = value;
            break;
        case 'a':
            options->attempts = value;
            break;
        case 'r':
            options->seed = value;
            break;
        case 'g':
            options->gamma_permille = value;
            break;
        case 'd':
            options->delta_permille = value;
            break;
        case 'A':
            options->trust = FEDL_TRUST_ACTIVE;
            break;
        case 'S':
            options->step = step_named(optarg);
            break;
        case 'l':
            options->loss_permille = value;
            break;
        case 'D':
            options->is_dry = true;
            break;
        case 'j':
            options->json_path = optarg;
            break;
        default:
            return false;
        }
    }
    return optind == argc && options->n <= DROPOUT_CLIENTS_MAX &&
           (options->n == 0 || options->n >= 3) && options->step <= FEDL_SIM_UNMASK &&
           (options->loss_permille <= 1000 || options->loss_permille == UINT32_MAX);
}

int main(int argc, char **argv)
{
    bench_options options = {.seed = 1,
                             .gamma_permille = 50,
                             .delta_permille = 100,
                             .trust = FEDL_TRUST_CURIOUS,
                             .loss_permille = UINT32_MAX};
    if (!parse(&options, argc, argv)) {
        fprintf(stderr, "usage: bench_dropout [--short | --medium] [--n 3-1000] [--attempts A] "
                        "[--seed S] [--gamma ‰] [--delta ‰] [--active]\n"
                        "       [--step NAME] [--loss ‰] [--dry] [--json FILE]\n");
        return 2;
    }
    FILE *json = NULL;
    if (options.json_path != NULL && (json = fopen(options.json_path, "w")) == NULL) {
        fprintf(stderr, "bench_dropout: cannot write %s\n", options.json_path);
        return 1;
    }
    bool good = run_all(&options, json);
    good = (json == NULL || fclose(json) == 0) && good;
    return good ? 0 : 1;
}
