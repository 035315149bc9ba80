/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store_worker.h"
#include "sodium/crypto_sodium.h"

#include "cmocka_all.h"

#include <semaphore.h>
#include <stdlib.h>

#define JOBS 100u

typedef struct numbered_job {
    fedl_store_job base;
    uint32_t number;
    uint32_t ran_as; /* position in which it ran, from 1 */
} numbered_job;

static sem_t woken;
static uint32_t ran_count; /* store's thread only, until it has ended */

static void wake(void *context)
{
    (void)context;
    (void)sem_post(&woken);
}

static void run(fedl_store_job *base, fedl_store *store)
{
    assert_non_null(store);
    ((numbered_job *)base)->ran_as = ++ran_count;
}

static void jobs_run_in_order_and_all_come_back(void **state)
{
    static numbered_job jobs[JOBS];
    fedl_store *store = NULL;
    fedl_store_worker *worker = NULL;
    (void)state;
    assert_int_equal(fedl_crypto_sodium_init(), FEDL_OK);
    assert_int_equal(fedl_store_mem_open(&store, fedl_crypto_sodium()), FEDL_OK);
    assert_int_equal(sem_init(&woken, 0, 0), 0);
    assert_int_equal(fedl_store_worker_open(&worker, store, wake, NULL), FEDL_OK);
    assert_null(fedl_store_worker_next(worker));
    for (uint32_t i = 0; i < JOBS; i++) {
        jobs[i].number = i;
        jobs[i].base.run = run;
        fedl_store_worker_submit(worker, &jobs[i].base);
    }
    /* The first half as it is woken, the rest after stop, which finishes what was queued. */
    for (uint32_t i = 0; i < JOBS / 2; i++) {
        fedl_store_job *job = NULL;
        while ((job = fedl_store_worker_next(worker)) == NULL) {
            assert_int_equal(sem_wait(&woken), 0);
        }
        assert_ptr_equal(job, &jobs[i].base);
        assert_int_equal(jobs[i].ran_as, i + 1);
    }
    fedl_store_worker_stop(worker);
    fedl_store_worker_stop(worker);
    for (uint32_t i = JOBS / 2; i < JOBS; i++) {
        assert_ptr_equal(fedl_store_worker_next(worker), &jobs[i].base);
        assert_int_equal(jobs[i].ran_as, i + 1);
    }
    assert_null(fedl_store_worker_next(worker));
    fedl_store_worker_close(worker);
    store->ops->close(store);
    assert_int_equal(sem_destroy(&woken), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jobs_run_in_order_and_all_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
