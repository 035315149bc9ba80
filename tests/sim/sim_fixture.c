/* SPDX-License-Identifier: Apache-2.0 */
/* A small experiment and its oracle: see sim_fixture.h. */
#include "sim_fixture.h"

#include "cmocka_all.h"

#include "base/rng.h"
#include "sim_oracle.h"

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

    fedl_plan_override overrides[32];
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
    fedl_sim_oracle sums;
    sim_result result;
} oracle;

static void on_stored(void *context, fedl_instant_ns now_ns, const fedl_store_op *op)
{
    (void)now_ns;
    oracle *o = context;
    const fedl_status status = fedl_sim_oracle_stored(&o->sums, op);
    if (status != FEDL_OK) {
        fail_msg("round %u, attempt %u: %s", op->round, op->attempt,
                 o->sums.text != NULL ? o->sums.text : fedl_status_text(status));
    }
    if (op->kind == FEDL_STORE_COMMIT) {
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
    oracle o = {.result = {.fewest_reports = UINT32_MAX}};
    fedl_sim_oracle_init(&o.sums, &own);
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
    o.result.checked_rounds = o.sums.checked_rounds;
    assert_int_equal(o.result.checked_rounds, o.result.totals.rounds);
    fedl_sim_oracle_deinit(&o.sums);
    return o.result;
}
