/* SPDX-License-Identifier: Apache-2.0 */
#include "sim_heap.h"
#include "sim_pool.h"

#include "cmocka_all.h"

#include "base/rng.h"

#include <stdlib.h>

#define JOBS 200u

typedef struct counted {
    fedl_sim_job job;
    uint32_t input;
    uint32_t output;
    uint32_t runs;
} counted;

static void work(void *context)
{
    counted *job = context;
    job->output = fedli_mix32(job->input);
    job->runs++;
}

static void test_each_job_runs_once(void **state)
{
    (void)state;
    for (uint32_t threads = 1; threads <= 4; threads++) {
        static counted jobs[JOBS];
        fedl_sim_pool *pool = NULL;
        assert_int_equal(fedl_sim_pool_create(&pool, threads), FEDL_OK);
        for (uint32_t i = 0; i < JOBS; i++) {
            jobs[i] = (counted){.input = i};
            jobs[i].job.run = work;
            jobs[i].job.context = &jobs[i];
            fedl_sim_pool_submit(pool, &jobs[i].job,
                                 i % 2 == 0 ? FEDL_SIM_URGENT : FEDL_SIM_RELAXED);
        }
        /* In an order that is not the order of submission. */
        for (uint32_t i = 0; i < JOBS; i++) {
            counted *job = &jobs[fedli_shuffle_at(threads, i, JOBS)];
            fedl_sim_pool_wait(pool, &job->job);
            assert_int_equal(job->runs, 1);
            assert_int_equal(job->output, fedli_mix32(job->input));
            assert_true(fedl_sim_pool_is_done(pool, &job->job));
            fedl_sim_pool_wait(pool, &job->job);
        }
        fedl_sim_pool_destroy(pool);
    }
}

static void until_cancelled(void *context)
{
    counted *job = context;
    while (!atomic_load(&job->job.cancelled)) {
    }
    job->runs++;
}

static void test_cancel(void **state)
{
    (void)state;
    fedl_sim_pool *pool = NULL;
    assert_int_equal(fedl_sim_pool_create(&pool, 2), FEDL_OK);
    counted running = {.job = {.run = until_cancelled}};
    counted queued = {.job = {.run = work}};
    running.job.context = &running;
    queued.job.context = &queued;
    fedl_sim_pool_submit(pool, &running.job, FEDL_SIM_URGENT);
    fedl_sim_pool_submit(pool, &queued.job, FEDL_SIM_URGENT);
    /* The only worker is busy for ever or has not begun; queued cannot have run in the first case
     * and may not run afterwards. */
    fedl_sim_pool_cancel(pool, &queued.job);
    fedl_sim_pool_cancel(pool, &running.job);
    assert_true(queued.runs <= 1);
    assert_true(running.runs <= 1);
    assert_true(fedl_sim_pool_is_done(pool, &running.job));
    fedl_sim_pool_destroy(pool);

    /* Without workers a queued job never begins. */
    assert_int_equal(fedl_sim_pool_create(&pool, 1), FEDL_OK);
    queued.runs = 0;
    fedl_sim_pool_submit(pool, &queued.job, FEDL_SIM_RELAXED);
    assert_false(fedl_sim_pool_is_done(pool, &queued.job));
    fedl_sim_pool_cancel(pool, &queued.job);
    assert_int_equal(queued.runs, 0);
    fedl_sim_pool_destroy(pool);
}

static void test_pool_errors(void **state)
{
    (void)state;
    fedl_sim_pool *pool = NULL;
    assert_int_equal(fedl_sim_pool_create(&pool, 0), FEDL_ERR_RANGE);
    assert_int_equal(fedl_sim_pool_create(&pool, FEDL_SIM_THREADS_MAX + 1), FEDL_ERR_RANGE);
    assert_null(pool);
    fedl_sim_pool_destroy(NULL);
    assert_true(fedl_sim_processor_count() >= 1);
}

static void test_heap_orders_by_time_then_arrival(void **state)
{
    (void)state;
    fedl_sim_heap heap;
    fedl_sim_heap_init(&heap);
    for (uint32_t i = 0; i < 1000; i++) {
        const fedl_sim_event event = {.at_ns = (fedl_instant_ns)(fedli_mix32(i) % 50),
                                      .kind = FEDL_SIM_CLIENT_TICK,
                                      .client = i};
        assert_int_equal(fedl_sim_heap_push(&heap, &event), FEDL_OK);
    }
    fedl_sim_event before = {.at_ns = -1};
    fedl_sim_event event;
    for (uint32_t i = 0; i < 1000; i++) {
        assert_true(fedl_sim_heap_pop(&heap, &event));
        assert_true(event.at_ns > before.at_ns ||
                    (event.at_ns == before.at_ns && event.client > before.client));
        before = event;
    }
    assert_false(fedl_sim_heap_pop(&heap, &event));
    /* What is left in the heap is freed with it (seen by the leak checker). */
    event = (fedl_sim_event){.at_ns = 1, .kind = FEDL_SIM_SERVER_MESSAGE, .bytes = malloc(10)};
    assert_int_equal(fedl_sim_heap_push(&heap, &event), FEDL_OK);
    fedl_sim_heap_deinit(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_job_runs_once),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_pool_errors),
        cmocka_unit_test(test_heap_orders_by_time_then_arrival),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
