/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "host/helper_threads.h"

#include <pthread.h>

typedef struct worker {
    fedl_helper_work work;
    void *job;
    uint32_t part;
    uint32_t parts;
    bool started;
    pthread_t thread;
} worker;

static void *worker_main(void *context)
{
    const worker *w = context;
    w->work(w->job, w->part, w->parts);
    return NULL;
}

void fedl_helper_spread(void *context, fedl_helper_work work, void *job, uint32_t parts)
{
    worker workers[FEDL_HELPER_PARTS_MAX];
    (void)context;
    for (uint32_t i = 1; i < parts; i++) {
        workers[i] = (worker){.work = work, .job = job, .part = i, .parts = parts};
        workers[i].started =
            pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]) == 0;
    }
    work(job, 0, parts);
    for (uint32_t i = 1; i < parts; i++) {
        if (workers[i].started) {
            (void)pthread_join(workers[i].thread, NULL);
        } else { /* no more threads: done here */
            work(job, i, parts);
        }
    }
}
