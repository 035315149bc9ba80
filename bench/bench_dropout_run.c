/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The experiment of one cell: worlds in which every attempt begins with all n devices, each
 * vanishes in the cell's step with the cell's probability and is back after the attempt. Checked:
 *
 *   every committed sum is that of its members' plain updates (sim_oracle.h)
 *   whoever vanished before its vector is not in it, whoever vanished after is
 *   complete graph: an attempt succeeds exactly when enough devices are left
 *   a failed attempt fails for the reason that belongs to the step, in or before the commit point
 *   nobody is blamed, nothing gets stuck
 */
#include "bench_dropout.h"

#include "sim_oracle.h"

#include "posix/host_clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INPUTS           8u
#define ROWS_PER_CLIENT  10u
#define ATTEMPTS_A_WORLD 25u /* below [round] attempts: a task pauses after so many failures */
#define OVERRIDES        10u
#define OVERRIDE_BYTES   64u

static const char plan_text[] =
    "[task]\nname = dropout\n"
    "[model]\nlayers = dense 8, relu, dense 4\n"
    "[train]\nepochs = 1\nbatch = 8\nlr = 0.1\nseed = 7\n"
    "[round]\nrounds = 100\nclients = 10\ndeadline = 60s\nattempts = 100\nretry = 1s\n"
    "pool_timeout = 0ms\n"
    "[aggregation]\nmode = masked\nclip = 2\nupdate_exp = -8\nstep_timeout = 30s\n"
    "[data]\nformat = csv\nlabel = y\n"
    "column a = 0, 1\ncolumn b = 0, 1\ncolumn c = 0, 1\ncolumn d = 0, 1\n"
    "column e = 0, 1\ncolumn f = 0, 1\ncolumn g = 0, 1\ncolumn h = 0, 1\n"
    "[experiment]\ntrain = rows.csv\npartition = iid\nclients = 10\nseed = 3\n";

static bool write_rows(const char *path, uint32_t count)
{
    FILE *file = fopen(path, "w");
    uint32_t state = 1;
    bool good = file != NULL && fputs("a,b,c,d,e,f,g,h,y\n", file) >= 0;
    for (uint32_t row = 0; good && row < count; row++) {
        const uint32_t class = row % 4u;
        for (uint32_t i = 0; good && i < INPUTS; i++) {
            state = state * 1664525u + 1013904223u;
            const double centre = (class >> (i % 2u) & 1u) != 0 ? 1.0 : -1.0;
            good = fprintf(file, "%.3f,", centre + (double)(state >> 16) / 32768.0 - 1.0) > 0;
        }
        good = good && fprintf(file, "%u\n", class) > 0;
    }
    return (file == NULL || fclose(file) == 0) && good;
}

bool dropout_files_make(dropout_files *files, uint32_t client_count, char text[FEDL_SIM_TEXT_BYTES])
{
    char path[96];
    snprintf(files->folder, sizeof files->folder, "/tmp/fedl-dropout-XXXXXX");
    if (mkdtemp(files->folder) == NULL) {
        fedl_sim_fail(text, FEDL_ERR_IO, "no folder in /tmp");
        return false;
    }
    snprintf(path, sizeof path, "%s/rows.csv", files->folder);
    snprintf(files->plan_path, sizeof files->plan_path, "%s/plan.ini", files->folder);
    FILE *plan = fopen(files->plan_path, "w");
    const bool written = plan != NULL && fputs(plan_text, plan) >= 0;
    const bool good = (plan == NULL || fclose(plan) == 0) && written &&
                      write_rows(path, client_count * ROWS_PER_CLIENT);
    if (!good) {
        fedl_sim_fail(text, FEDL_ERR_IO, "cannot write to %s", files->folder);
        dropout_files_remove(files);
    }
    return good;
}

void dropout_files_remove(const dropout_files *files)
{
    char path[96];
    snprintf(path, sizeof path, "%s/rows.csv", files->folder);
    unlink(path);
    unlink(files->plan_path);
    rmdir(files->folder);
}

/* ---- watching ---- */

typedef struct trial {
    const dropout_cell *cell;
    const dropout_promise *promise;
    dropout_result *result;
    fedl_sim_oracle oracle;
    uint32_t attempts_end; /* of this world */
    uint32_t lost;         /* in the attempt under way */
    bool *gone;            /* [n + 1] by device id */
} trial;

static void violate(trial *t, const fedl_store_op *op, const char *text)
{
    if (t->result->violation[0] == '\0') {
        snprintf(t->result->violation, sizeof t->result->violation,
                 "round %u, attempt %u, %u of %u lost: %s", op->round, op->attempt, t->lost,
                 t->cell->n, text);
    }
}

static void check_members(trial *t, const fedl_store_op *op)
{
    const bool before_vector = t->cell->step <= FEDL_SIM_MASKED;
    for (uint32_t i = 0; before_vector && i < op->member_count; i++) {
        if (t->gone[op->members[i]]) {
            violate(t, op, "a device that vanished is in the sum");
        }
    }
    /* A ring's SHARES may leave out devices whose neighbours have vanished. */
    const bool exact = t->promise->complete || t->cell->step != FEDL_SIM_SHARES;
    const uint32_t expected = before_vector ? t->cell->n - t->lost : t->cell->n;
    if (exact ? op->member_count != expected : op->member_count > expected) {
        violate(t, op, "not everybody who stayed is in the sum");
    }
}

static bool fits(fedl_sim_phase step, const char *reason)
{
    static const struct {
        fedl_sim_phase step;
        const char *text;
    } expected[] = {{FEDL_SIM_READY, "too few devices ready"},
                    {FEDL_SIM_SHARES, "too few devices shared keys"},
                    {FEDL_SIM_MASKED, "too few vectors"},
                    {FEDL_SIM_CONFIRM, "too few devices confirmed the survivors"},
                    {FEDL_SIM_UNMASK, "too few shares came"}};
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++) {
        if (expected[i].step == step) {
            return strcmp(expected[i].text, reason) == 0;
        }
    }
    return false;
}

static void note_failure(trial *t, const fedl_store_op *op)
{
    dropout_result *r = t->result;
    const char *text = op->text == NULL ? "" : op->text;
    const bool burnt = op->kind == FEDL_STORE_ROUND_BURN;
    const bool behind = t->oracle.closed_round == op->round; /* the commit point of its sum */
    uint32_t i = 0;
    r->burnt += burnt ? 1u : 0u;
    r->aborted += burnt ? 0u : 1u;
    while (i < r->reason_count && strcmp(r->reasons[i].text, text) != 0) {
        i++;
    }
    if (i < DROPOUT_REASONS_MAX) {
        r->reason_count += i == r->reason_count ? 1u : 0u;
        r->reasons[i].text = text;
        r->reasons[i].count++;
    }
    if (!fits(t->cell->step, text)) {
        violate(t, op, text);
    }
    if (behind != (t->cell->step >= FEDL_SIM_CONFIRM) || (behind && !burnt)) {
        violate(t, op, "it failed on the wrong side of the commit point");
    }
    if (!behind && burnt && op->attempt != FEDL_SECAGG_ATTEMPTS_MAX) {
        violate(t, op, "a round was burnt that could have been tried again");
    }
    if (op->blamed != 0 || op->blamed_other != 0) {
        violate(t, op, "a device was blamed for what nobody did");
    }
}

static void note_end(trial *t, const fedl_store_op *op, bool committed)
{
    const dropout_promise *promise = t->promise;
    const bool enough = t->cell->n - t->lost >= promise->alive_min;
    t->result->attempts++;
    t->result->lost += t->lost;
    if (promise->complete && committed != enough) {
        violate(t, op, committed ? "it succeeded with too few devices" : "enough devices stayed");
    }
    if (committed) {
        dropout_result *r = t->result;
        r->committed++;
        r->most_reports = op->member_count > r->most_reports ? op->member_count : r->most_reports;
        if (r->fewest_reports == 0 || op->member_count < r->fewest_reports) {
            r->fewest_reports = op->member_count;
        }
        check_members(t, op);
    } else {
        note_failure(t, op);
    }
}

static void on_stored(void *context, fedl_instant_ns now_ns, const fedl_store_op *op)
{
    (void)now_ns;
    trial *t = context;
    const fedl_status status = fedl_sim_oracle_stored(&t->oracle, op);
    if (status != FEDL_OK) {
        violate(t, op, t->oracle.text != NULL ? t->oracle.text : fedl_status_text(status));
    }
    if (op->kind == FEDL_STORE_ROUND_OPEN) {
        t->lost = 0;
        memset(t->gone, 0, t->cell->n + 1u);
        if (op->member_count != t->cell->n) {
            violate(t, op, "an attempt began without everybody");
        }
    } else if (op->kind == FEDL_STORE_COMMIT || op->kind == FEDL_STORE_ROUND_ABORT ||
               op->kind == FEDL_STORE_ROUND_BURN) {
        note_end(t, op, op->kind == FEDL_STORE_COMMIT);
    }
}

static void on_dropped(void *context, uint32_t device_id, fedl_sim_phase phase)
{
    (void)phase;
    trial *t = context;
    t->gone[device_id] = true;
    t->lost++;
}

static bool keep_going(void *context)
{
    const trial *t = context;
    return t->result->attempts < t->attempts_end && t->result->violation[0] == '\0';
}

/* ---- worlds ---- */

static fedl_status open_data(fedl_sim_data *data, const trial *t, const dropout_files *files,
                             char text[FEDL_SIM_TEXT_BYTES])
{
    const dropout_cell *cell = t->cell;
    char words[OVERRIDES][OVERRIDE_BYTES];
    fedl_plan_override overrides[OVERRIDES];
    size_t count = 0;
    const struct {
        const char *name;
        uint32_t value;
        const char *unit;
    } numbers[] = {{"round.clients", cell->n, ""},
                   {"round.select", cell->n, ""},
                   {"round.pool", cell->n, ""},
                   {"round.min_reports", t->promise->cohort_min, ""},
                   {"experiment.clients", cell->n, ""},
                   {"aggregation.min_cohort", t->promise->cohort_min, ""}};
    for (; count < sizeof numbers / sizeof numbers[0]; count++) {
        snprintf(words[count], OVERRIDE_BYTES, "%s=%u%s", numbers[count].name, numbers[count].value,
                 numbers[count].unit);
    }
    snprintf(words[count++], OVERRIDE_BYTES, "aggregation.gamma=%u.%u%%",
             cell->gamma_permille / 10u, cell->gamma_permille % 10u);
    snprintf(words[count++], OVERRIDE_BYTES, "aggregation.step_dropout=%u.%u%%",
             cell->delta_permille / 10u, cell->delta_permille % 10u);
    snprintf(words[count++], OVERRIDE_BYTES, "aggregation.trust=%s",
             cell->trust == FEDL_TRUST_ACTIVE ? "active" : "curious");
    for (size_t i = 0; i < count; i++) {
        overrides[i].text = words[i];
    }
    fedl_status status = fedl_sim_data_plan(data, files->plan_path, overrides, count, text);
    if (status == FEDL_OK) {
        status = fedl_sim_data_tables(data, false, text);
    }
    return status == FEDL_OK ? fedl_sim_data_partition(data, NULL, text) : status;
}

/* Attempts in one world, until attempts_end or the end of its task. */
static fedl_status run_world(trial *t, const fedl_sim_data *data, uint64_t seed,
                             char text[FEDL_SIM_TEXT_BYTES])
{
    fedl_sim_config cfg;
    fedl_sim_world *world = NULL;
    fedl_sim_outcome outcome = FEDL_SIM_STALLED;
    fedl_sim_config_default(&cfg);
    cfg.task = data->task;
    cfg.plan_text = fedl_bytes_of(data->plan_text, data->plan_bytes);
    cfg.table = data->train;
    cfg.partition = &data->partition;
    cfg.seed = seed;
    cfg.enrol = FEDL_SIM_ENROL_PROVISIONED;
    cfg.net.drop[t->cell->step] = t->cell->loss_permille / 1000.0;
    cfg.net.away_ms = 300000; /* longer than the deadline and all steps together */
    cfg.watch = (fedl_sim_watch){
        .context = t, .stored = on_stored, .dropped = on_dropped, .keep_going = keep_going};
    fedl_sim_oracle_init(&t->oracle, &cfg);
    fedl_status status = fedl_sim_world_create(&world, &cfg, text);
    if (status == FEDL_OK) {
        status = fedl_sim_world_run(world, &outcome, text);
    }
    fedl_sim_world_destroy(world);
    fedl_sim_oracle_deinit(&t->oracle);
    if (status == FEDL_OK && outcome != FEDL_SIM_STOPPED) {
        return fedl_sim_fail(text, FEDL_ERR_STATE, "the world %s",
                             outcome == FEDL_SIM_PAUSED    ? "paused its task"
                             : outcome == FEDL_SIM_STALLED ? "is stuck"
                                                           : "ended too early");
    }
    return status;
}

void dropout_cell_run(dropout_result *result, const dropout_cell *cell,
                      const dropout_promise *promise, const dropout_files *files)
{
    char text[FEDL_SIM_TEXT_BYTES] = "";
    const int64_t begin_ns = fedl_host_now_ns();
    *result = (dropout_result){0};
    trial t = {.cell = cell, .promise = promise, .result = result};
    fedl_sim_data data = {0};
    fedl_status status = open_data(&data, &t, files, text);
    t.gone = calloc(cell->n + 1u, sizeof *t.gone);
    status = status == FEDL_OK && t.gone == NULL ? FEDL_ERR_NO_MEMORY : status;
    for (uint32_t world = 0;
         status == FEDL_OK && result->attempts < cell->attempts && result->violation[0] == '\0';
         world++) {
        const uint32_t left = cell->attempts - result->attempts;
        t.attempts_end = result->attempts + (left < ATTEMPTS_A_WORLD ? left : ATTEMPTS_A_WORLD);
        status = run_world(&t, &data, cell->seed + world, text);
    }
    if (status != FEDL_OK && result->violation[0] == '\0') {
        snprintf(result->violation, sizeof result->violation, "%s",
                 text[0] != '\0' ? text : fedl_status_text(status));
    }
    free(t.gone);
    fedl_sim_data_close(&data);
    result->wall_s = (double)(fedl_host_now_ns() - begin_ns) / 1e9;
}
