/* SPDX-License-Identifier: Apache-2.0 */
/* A small experiment and its oracle: see sim_fixture.h. */
#include "sim_fixture.h"

#include "cmocka_all.h"

#include "agg/agg.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SIDE       8u
#define PIXELS     (SIDE * SIDE)
#define CLASSES    4u
#define TRAIN_ROWS 400u
#define TEST_ROWS  120u

static const char plan_format[] = "[task]\nname = tiny\n"
                                  "[model]\ninputs = 64\nlayers = dense 12, relu, dense 4\n"
                                  "[train]\nepochs = 2\nbatch = 8\nlr = 0.1\nseed = 7\n"
                                  "[round]\nrounds = 3\nclients = 5\nmin_reports = 5\n"
                                  "deadline = 1h\nattempts = 50\nretry = 5s\n"
                                  "[aggregation]\nmode = plain\nclip = 2\nw_unit = 20\n"
                                  "[data]\nformat = idx\n"
                                  "[eval]\nholdout = 20%%\n"
                                  "[experiment]\n"
                                  "train = %s/train-images\ntrain_labels = %s/train-labels\n"
                                  "test = %s/test-images\ntest_labels = %s/test-labels\n"
                                  "partition = dirichlet\nalpha = 1\nclients = 5\nseed = 3\n";

static void put_u32_be(FILE *file, uint32_t value)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        fputc((int)(value >> shift & 0xff), file);
    }
}

static FILE *create(const char *folder, const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    return file;
}

/* A class is a pattern of bright pixels; noise flips a quarter of them. */
static void write_set(const char *folder, const char *name, uint32_t rows, uint32_t seed)
{
    char part[64];
    snprintf(part, sizeof part, "%s-images", name);
    FILE *images = create(folder, part);
    snprintf(part, sizeof part, "%s-labels", name);
    FILE *labels = create(folder, part);
    put_u32_be(images, 0x00000803);
    put_u32_be(images, rows);
    put_u32_be(images, SIDE);
    put_u32_be(images, SIDE);
    put_u32_be(labels, 0x00000801);
    put_u32_be(labels, rows);
    for (uint32_t row = 0; row < rows; row++) {
        const uint32_t class = fedli_mix32(seed + row) % CLASSES;
        fputc((int)class, labels);
        for (uint32_t p = 0; p < PIXELS; p++) {
            const uint32_t noise = fedli_mix32(seed * 77u + row * PIXELS + p);
            const bool bright = (fedli_mix32(class * PIXELS + p) & 1u) != 0;
            fputc((noise & 3u) == 0 ? (int)(noise >> 24) : bright ? 200 : 20, images);
        }
    }
    assert_int_equal(fclose(images), 0);
    assert_int_equal(fclose(labels), 0);
}

void sim_fixture_open(sim_fixture *fixture, const char *const *extra)
{
    *fixture = (sim_fixture){0};
    snprintf(fixture->folder, sizeof fixture->folder, "/tmp/fedl-sim-test-XXXXXX");
    assert_non_null(mkdtemp(fixture->folder));
    write_set(fixture->folder, "train", TRAIN_ROWS, 1);
    write_set(fixture->folder, "test", TEST_ROWS, 2);
    snprintf(fixture->plan_path, sizeof fixture->plan_path, "%s/plan.ini", fixture->folder);
    FILE *plan = create(fixture->folder, "plan.ini");
    fprintf(plan, plan_format, fixture->folder, fixture->folder, fixture->folder, fixture->folder);
    assert_int_equal(fclose(plan), 0);

    fedl_plan_override overrides[16];
    size_t count = 0;
    for (; extra != NULL && extra[count] != NULL; count++) {
        overrides[count].text = extra[count];
    }
    char text[FEDL_SIM_TEXT_BYTES] = "";
    fedl_status status =
        fedl_sim_data_plan(&fixture->data, fixture->plan_path, overrides, count, text);
    if (status == FEDL_OK) {
        status = fedl_sim_data_tables(&fixture->data, true, text);
    }
    if (status == FEDL_OK) {
        status = fedl_sim_data_partition(&fixture->data, NULL, text);
    }
    if (status != FEDL_OK) {
        fail_msg("%s", text);
    }
}

void sim_fixture_close(sim_fixture *fixture)
{
    static const char *const names[] = {"train-images", "train-labels", "test-images",
                                        "test-labels", "plan.ini"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", fixture->folder, names[i]);
        assert_int_equal(unlink(path), 0);
    }
    assert_int_equal(rmdir(fixture->folder), 0);
    fedl_sim_data_close(&fixture->data);
}

fedl_sim_config sim_fixture_config(const sim_fixture *fixture)
{
    fedl_sim_config cfg;
    fedl_sim_config_default(&cfg);
    cfg.task = fixture->data.task;
    cfg.plan_text = fedl_bytes_of(fixture->data.plan_text, fixture->data.plan_bytes);
    cfg.table = fixture->data.train;
    cfg.partition = &fixture->data.partition;
    cfg.seed = 11;
    return cfg;
}

/* ---- the oracle ---- */

typedef struct oracle {
    const fedl_sim_config *cfg;
    sim_result result;
    void *master_block;
    fedl_master master;
    uint8_t *container; /* of the round under way */
    size_t container_bytes;
} oracle;

/* The vector of one device, from scratch. */
static void add_member(const oracle *o, fedl_accum *accum, uint32_t round, uint32_t device_id)
{
    const fedl_plan *plan = &o->cfg->task->plan;
    const fedl_partition *part = o->cfg->partition;
    const uint32_t first = part->first[device_id - 1];
    fedl_view train_view;
    fedl_view eval_view;
    assert_int_equal(fedl_view_split(&train_view, &eval_view, o->cfg->table, part->rows + first,
                                     part->first[device_id] - first, plan->run_seed, device_id,
                                     plan->holdout_permille),
                     FEDL_OK);
    const fedl_sample_source train_rows = fedl_view_source(&train_view);
    const fedl_sample_source eval_rows = fedl_view_source(&eval_view);
    const fedl_model_config model_cfg = {.spec = plan->model,
                                         .batch_rows_max = plan->train.batch_rows};
    const size_t bytes = fedl_model_size(&model_cfg);
    void *block = aligned_alloc(64, (bytes + 63) / 64 * 64);
    const fedl_bytes container = fedl_bytes_of(o->container, o->container_bytes);
    fedl_model model;
    assert_int_equal(fedl_model_init(&model, &model_cfg, block, bytes), FEDL_OK);
    assert_int_equal(fedl_model_load(&model, container), FEDL_OK);
    fedl_eval_stats eval = {0};
    assert_int_equal(fedl_model_evaluate(&model, &eval, &eval_rows, 0, eval_rows.row_count),
                     FEDL_OK);
    const fedl_train_seed seed = {plan->run_seed, round, device_id};
    fedl_trainer trainer;
    bool done = false;
    assert_int_equal(
        fedl_trainer_begin(&trainer, &model, &train_rows, container, &plan->train, &seed), FEDL_OK);
    while (!done) {
        assert_int_equal(fedl_trainer_step(&trainer, &done), FEDL_OK);
    }
    fedl_update update;
    assert_int_equal(fedl_update_begin(&update, &model, container, &plan->update, &seed,
                                       train_rows.row_count, fedl_trainer_stats(&trainer), &eval),
                     FEDL_OK);
    const size_t size =
        fedl_update_vector_size(&plan->update, fedl_model_parameter_count(&plan->model));
    uint8_t *vector = malloc(size);
    assert_int_equal(fedl_update_read(&update, vector, 0, size), FEDL_OK);
    assert_int_equal(fedl_accum_add(accum, fedl_bytes_of(vector, size)), FEDL_OK);
    free(vector);
    free(block);
}

static void check_commit(oracle *o, const fedl_store_op *op)
{
    const fedl_task_config *task = o->cfg->task;
    const uint32_t parameters = fedl_model_parameter_count(&task->plan.model);
    const size_t bytes = fedl_accum_size(&task->plan.update, parameters);
    void *block = aligned_alloc(64, (bytes + 63) / 64 * 64);
    fedl_accum accum;
    assert_int_equal(fedl_accum_init(&accum, &task->plan.update, parameters, block, bytes),
                     FEDL_OK);
    for (uint32_t i = 0; i < op->member_count; i++) {
        assert_true(i == 0 || op->members[i] > op->members[i - 1]);
        add_member(o, &accum, op->round, op->members[i]);
    }
    assert_int_equal(op->metrics.report_count, op->member_count);
    assert_memory_equal(op->metrics.tail, accum.tail, sizeof accum.tail);
    const fedl_agg_config agg = {.kind = (fedl_agg_kind)task->round.agg_kind,
                                 .server_lr_q16 = task->round.server_lr_q16,
                                 .update_exp = task->plan.update.update_exp};
    assert_int_equal(fedl_agg_find(agg.kind)->apply(&agg, &o->master, NULL, &accum), FEDL_OK);
    assert_memory_equal(op->model.master_words, o->master.words,
                        parameters * sizeof o->master.words[0]);
    assert_int_equal(fedl_master_export_container(&o->master, o->container, o->container_bytes),
                     FEDL_OK);
    assert_int_equal(op->model.container.size, o->container_bytes);
    assert_memory_equal(op->model.container.data, o->container, o->container_bytes);
    free(block);
}

static void on_stored(void *context, fedl_instant_ns now_ns, const fedl_store_op *op)
{
    (void)now_ns;
    oracle *o = context;
    if (op->kind == FEDL_STORE_TASK_ADD) {
        const fedl_model_spec *spec = &o->cfg->task->plan.model;
        const size_t bytes = fedl_master_size(spec);
        o->container_bytes = op->model.container.size;
        o->container = malloc(o->container_bytes);
        memcpy(o->container, op->model.container.data, o->container_bytes);
        o->master_block = aligned_alloc(64, (bytes + 63) / 64 * 64);
        assert_int_equal(fedl_master_init(&o->master, spec, o->master_block, bytes), FEDL_OK);
        assert_int_equal(fedl_master_load_container(&o->master, op->model.container), FEDL_OK);
    } else if (op->kind == FEDL_STORE_COMMIT) {
        assert_int_equal(op->model.version, o->result.checked_rounds + 2u);
        check_commit(o, op);
        o->result.checked_rounds++;
        o->result.fewest_reports = op->member_count < o->result.fewest_reports
                                       ? op->member_count
                                       : o->result.fewest_reports;
    }
}

static void on_server_log(void *context, fedl_instant_ns now_ns, const fedl_action *log)
{
    (void)now_ns;
    oracle *o = context;
    o->result.bad_messages +=
        log->log_kind == FEDL_LOG_REFUSED || log->log_kind == FEDL_LOG_REJECTED ? 1u : 0u;
    o->result.enrolled += log->log_kind == FEDL_LOG_DEVICE_ENROLLED ? 1u : 0u;
}

sim_result sim_fixture_run(const fedl_sim_config *cfg)
{
    fedl_sim_config own = *cfg;
    oracle o = {.cfg = &own, .result = {.fewest_reports = UINT32_MAX}};
    own.watch.context = &o;
    own.watch.stored = on_stored;
    own.watch.server_log = on_server_log;
    fedl_sim_world *world = NULL;
    fedl_status status = fedl_sim_world_create(&world, &own, o.result.text);
    if (status == FEDL_OK) {
        status = fedl_sim_world_run(world, &o.result.outcome, o.result.text);
    }
    if (status != FEDL_OK) {
        fail_msg("%s", o.result.text);
    }
    fedl_sim_world_totals(world, &o.result.totals);
    fedl_sim_world_destroy(world);
    assert_int_equal(o.result.checked_rounds, o.result.totals.rounds);
    free(o.master_block);
    free(o.container);
    return o.result;
}
