/* SPDX-License-Identifier: Apache-2.0 */
/* Log actions of masked rounds as lines for people and for machines; what they leave for status. */
#include "host/host_state.h"
#include "sodium/crypto_sodium.h"

#include "cmocka_all.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct world {
    fedl_host *host;
    fedl_task_holder *holder;
    int read_fd;
    char got[FEDL_LOG_LINE_BYTES + 1];
} world;

static int open_world(void **state)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->host = calloc(1, sizeof *w->host);
    w->holder = calloc(1, sizeof *w->holder);
    assert_true(w->host != NULL && w->holder != NULL);
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    w->read_fd = ends[0];
    w->host->log = (fedl_log){.fd = ends[1], .format = FEDL_LOG_TEXT, .level = FEDL_LEVEL_DEBUG};
    assert_int_equal(fedl_crypto_sodium_init(), FEDL_OK);
    fedl_coord_config_default(&w->host->coord_config);
    w->host->coord_config.crypto = fedl_crypto_sodium();
    w->host->coord_config.devices_max = 8;
    w->host->coord_config.sessions_max = 8;
    const size_t bytes = fedl_coord_size(&w->host->coord_config);
    w->host->coord_block = aligned_alloc(64, (bytes + 63) / 64 * 64);
    assert_non_null(w->host->coord_block);
    assert_int_equal(
        fedl_coord_init(&w->host->coord, &w->host->coord_config, w->host->coord_block, bytes),
        FEDL_OK);
    const fedl_device_record device = {
        .device_id = 5, .state = FEDL_DEVICE_ACTIVE, .name = "pump-5"};
    assert_int_equal(fedl_coord_restore_device(&w->host->coord, &device), FEDL_OK);
    w->holder->task_id = 1;
    w->holder->config.plan.aggregation = FEDL_AGGREGATION_MASKED;
    w->holder->config.round.clients_goal = 10;
    w->host->tasks = w->holder;
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    world *w = *state;
    fedl_coord_deinit(&w->host->coord);
    (void)close(w->read_fd);
    (void)close(w->host->log.fd);
    free(w->host->coord_block);
    free(w->holder);
    free(w->host);
    free(w);
    return 0;
}

/* The line that the action makes must hold part. */
static void expect(world *w, fedl_log_format format, fedl_action action, const char *part)
{
    action.kind = FEDL_ACTION_LOG;
    action.task_id = 1;
    action.round = 7;
    action.attempt = 2;
    w->host->log.format = format;
    fedli_host_report(w->host, &action);
    const ssize_t count = read(w->read_fd, w->got, sizeof w->got - 1);
    assert_true(count > 0);
    w->got[count] = '\0';
    if (strstr(w->got, part) == NULL) {
        fail_msg("'%s' is not in: %s", part, w->got);
    }
}

static void a_masked_round_is_told(void **state)
{
    world *w = *state;
    const fedl_action cohort = {.log_kind = FEDL_LOG_COHORT, .a = 10, .b = 1240};
    const fedl_action survivors = {.log_kind = FEDL_LOG_SURVIVORS, .a = 8, .b = 9};
    expect(w, FEDL_LOG_TEXT, cohort, "├─ round 7 · attempt 2 · cohort of 10 after 1.2 s\n");
    expect(w, FEDL_LOG_JSON, cohort,
           "\"event\":\"round.cohort\",\"task\":1,\"round\":7,\"attempt\":2,\"devices\":10,"
           "\"after_ms\":1240}");
    assert_int_equal(w->holder->masked.survivor_count, 0);
    expect(w, FEDL_LOG_TEXT, survivors, "├─ round 7 · attempt 2 · sum of 8 of 9, unmasking\n");
    expect(w, FEDL_LOG_LOGFMT, survivors,
           "event=round.survivors task=1 round=7 attempt=2 survivors=8 shared=9\n");
    assert_int_equal(w->holder->masked.round, 7);
    assert_int_equal(w->holder->masked.cohort_count, 10);
    assert_int_equal(w->holder->masked.share_count, 9);
    assert_int_equal(w->holder->masked.survivor_count, 8);
    expect(w, FEDL_LOG_TEXT, cohort, "cohort of 10");
    assert_int_equal(w->holder->masked.survivor_count, 0); /* of the attempt before */
}

static void a_commit_tells_how_many_the_sum_is_of(void **state)
{
    world *w = *state;
    const fedl_action commit = {.log_kind = FEDL_LOG_ROUND_COMMITTED, .a = 8, .b = 8};
    expect(w, FEDL_LOG_TEXT, commit,
           "├─ round 7 · attempt 2 · masked sum of 8/10 · loss - · version 8 ");
    expect(w, FEDL_LOG_JSON, commit,
           "\"loss\":null,\"rows\":null,\"eval_rows\":null,\"eval_accuracy\":null,"
           "\"saturated\":null,\"clipped\":null,");
    fedl_round_metrics told = {.tail = {8, 100, 5u << 16, 10, 9, 7, 3, 2}};
    fedl_action metrics = commit;
    metrics.metrics = &told;
    expect(w, FEDL_LOG_TEXT, metrics, "· masked sum of 8/10 · loss 0.050 · version 8 ");
    expect(w, FEDL_LOG_JSON, metrics,
           "\"loss\":0.0500,\"rows\":100,\"eval_rows\":10,\"eval_accuracy\":0.9000,"
           "\"saturated\":3,\"clipped\":2,");
    w->holder->config.plan.aggregation = FEDL_AGGREGATION_PLAIN;
    expect(w, FEDL_LOG_TEXT, commit, "├─ round 7 · attempt 2 · 8/10 reports · loss");
}

static void who_is_to_blame_is_named(void **state)
{
    world *w = *state;
    fedl_action burnt = {.log_kind = FEDL_LOG_ROUND_BURNT, .text = "too few shares"};
    expect(w, FEDL_LOG_TEXT, burnt, "├─ round 7 · attempt 2 · burnt · too few shares\n");
    expect(w, FEDL_LOG_JSON, burnt,
           "\"level\":\"warn\",\"event\":\"round.burnt\",\"task\":1,\"round\":7,\"attempt\":2,"
           "\"device\":0,\"text\":\"too few shares\"}");
    burnt.device_id = 5;
    expect(w, FEDL_LOG_TEXT, burnt, "· burnt · device 5 \"pump-5\" · too few shares\n");
    fedl_action excluded = {
        .log_kind = FEDL_LOG_EXCLUDED, .device_id = 5, .text = "its share does not fit"};
    expect(w, FEDL_LOG_TEXT, excluded,
           "left out of the next attempt · device 5 \"pump-5\" · its share does not fit\n");
    expect(w, FEDL_LOG_LOGFMT, excluded,
           "level=warn event=round.excluded task=1 round=7 attempt=2 device=5 name=\"pump-5\" "
           "text=\"its share does not fit\"\n");
    excluded.a = 1;
    expect(w, FEDL_LOG_TEXT, excluded,
           "left out until fedl device readmit · device 5 \"pump-5\" · its share does not fit\n");
    expect(w, FEDL_LOG_LOGFMT, excluded, "level=warn event=device.excluded task=1 round=7 ");
    const fedl_action readmitted = {.log_kind = FEDL_LOG_DEVICE_READMITTED, .device_id = 5};
    expect(w, FEDL_LOG_LOGFMT, readmitted, "level=info event=device.readmitted device=5 ");
}

static void words_that_changed_in_the_store_are_told(void **state)
{
    world *w = *state;
    const fedl_action failed = {.log_kind = FEDL_LOG_STORE_FAILED, .text = "not those"};
    expect(w, FEDL_LOG_LOGFMT, failed,
           "level=error event=store.failed op=\"model-read\" text=\"not those\" task=1\n");
}

static void charges_add_up(void **state)
{
    world *w = *state;
    const fedl_store_op op = {.kind = FEDL_STORE_GROUP_COMMIT, .task_id = 1, .rho = 40};
    const fedl_store_op other = {.kind = FEDL_STORE_GROUP_COMMIT, .task_id = 2, .rho = 40};
    w->holder->rho_spent = 2;
    fedli_host_charged(w->host, &op);
    fedli_host_charged(w->host, &other);
    assert_int_equal(w->holder->rho_spent, 42);
    const fedl_store_op failed = {.kind = FEDL_STORE_ROUND_ABORT, .task_id = 1, .rho = 3};
    const fedl_store_op burnt = {.kind = FEDL_STORE_ROUND_BURN, .task_id = 1, .rho = 5};
    const fedl_store_op commit = {.kind = FEDL_STORE_COMMIT, .task_id = 1, .rho = 100};
    fedli_host_charged(w->host, &failed);
    fedli_host_charged(w->host, &burnt);
    fedli_host_charged(w->host, &commit); /* noise of the server; of devices it is 0 */
    assert_int_equal(w->holder->rho_spent, 150);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_masked_round_is_told),
        CASE(a_commit_tells_how_many_the_sum_is_of),
        CASE(who_is_to_blame_is_named),
        CASE(charges_add_up),
        CASE(words_that_changed_in_the_store_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
