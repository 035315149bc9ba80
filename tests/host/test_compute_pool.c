/* SPDX-License-Identifier: Apache-2.0 */
/* Every part of every job runs once, done comes once and last, on the loop's thread. */
#include "host/compute_pool.h"

#include "cmocka_all.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define JOBS 3u

typedef struct world {
    uv_loop_t loop;
    fedl_compute_pool pool;
    pthread_t loop_thread;
    fedl_compute_job jobs[JOBS];
    uint8_t vectors[JOBS][FEDL_COMPUTE_PARTS_MAX];
    atomic_uint on_loop_thread; /* parts that ran where they must not */
    uint32_t done_count[JOBS];
} world;

static world *now; /* run() gets no context */

static void run_part(const fedl_compute_job *job, uint32_t part, uint32_t parts)
{
    assert_int_equal(parts, now->pool.parts);
    if (pthread_equal(pthread_self(), now->loop_thread)) {
        (void)atomic_fetch_add(&now->on_loop_thread, 1);
    }
    job->vector[part]++;
}

static void job_done(void *context, uint64_t ticket)
{
    world *w = context;
    const size_t j = (size_t)ticket - 100;
    assert_true(pthread_equal(pthread_self(), w->loop_thread));
    assert_true(j < JOBS);
    for (uint32_t part = 0; part < FEDL_COMPUTE_PARTS_MAX; part++) {
        assert_int_equal(w->vectors[j][part], part < w->pool.parts ? 1 : 0);
    }
    w->done_count[j]++;
}

static void run_with(uint32_t parts)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    now = w;
    w->loop_thread = pthread_self();
    assert_int_equal(uv_loop_init(&w->loop), 0);
    w->pool = (fedl_compute_pool){
        .loop = &w->loop, .parts = parts, .run = run_part, .done = job_done, .context = w};
    for (uint32_t j = 0; j < JOBS; j++) {
        w->jobs[j].vector = w->vectors[j];
        assert_int_equal(fedl_compute_submit(&w->pool, &w->jobs[j], 100 + j), FEDL_OK);
    }
    assert_int_equal(w->pool.jobs_out, JOBS);
    assert_int_equal(w->done_count[0], 0);                 /* never from inside submit */
    assert_int_equal(uv_run(&w->loop, UV_RUN_DEFAULT), 0); /* ends when nothing is out */
    assert_int_equal(w->pool.jobs_out, 0);
    for (uint32_t j = 0; j < JOBS; j++) {
        assert_int_equal(w->done_count[j], 1);
    }
    assert_int_equal(atomic_load(&w->on_loop_thread), 0);
    assert_int_equal(uv_loop_close(&w->loop), 0);
    free(w);
}

static void every_part_runs_once(void **state)
{
    (void)state;
    run_with(1);
    run_with(2);
    run_with(FEDL_COMPUTE_PARTS_MAX);
}

static void parts_follow_the_setting(void **state)
{
    (void)state;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    assert_int_equal(fedl_compute_parts(0), online < 16 ? online : 16);
    assert_int_equal(fedl_compute_parts(1), 1);
    assert_int_equal(fedl_compute_parts(7), 7);
    assert_int_equal(fedl_compute_parts(17), FEDL_COMPUTE_PARTS_MAX);
    assert_int_equal(fedl_compute_parts(UINT32_MAX), FEDL_COMPUTE_PARTS_MAX);
}

static void the_environment_wins(void **state)
{
    (void)state;
    assert_int_equal(unsetenv("UV_THREADPOOL_SIZE"), 0);
    fedl_compute_reserve(5);
    assert_string_equal(getenv("UV_THREADPOOL_SIZE"), "5");
    fedl_compute_reserve(9);
    assert_string_equal(getenv("UV_THREADPOOL_SIZE"), "5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_environment_wins),
        cmocka_unit_test(every_part_runs_once),
        cmocka_unit_test(parts_follow_the_setting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
