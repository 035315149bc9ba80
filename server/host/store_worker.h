/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one thread that touches the store. Jobs run in the order they were given; each comes back to
 * the loop's thread through next(). A job is memory of the caller, so the queue needs none and
 * cannot be full: the coordinator and the admin socket bound how many there are.
 */
#ifndef FEDL_HOST_STORE_WORKER_H
#define FEDL_HOST_STORE_WORKER_H

#include "store/store.h"

typedef struct fedl_store_job {
    struct fedl_store_job *next;                                /* of the queue it is in */
    void (*run)(struct fedl_store_job *job, fedl_store *store); /* on the store's thread */
    void (*done)(struct fedl_store_job *job, void *host);       /* on the loop's thread */
} fedl_store_job;

typedef struct fedl_store_worker fedl_store_worker;

/** Starts the thread; it uses store until close. wake is called from it. Errors: ERR_NO_MEMORY,
 * ERR_IO. */
FEDL_NODISCARD fedl_status fedl_store_worker_open(fedl_store_worker **worker, fedl_store *store,
                                                  void (*wake)(void *context), void *context);
void fedl_store_worker_submit(fedl_store_worker *worker, fedl_store_job *job);
/** Oldest finished job, or NULL. */
fedl_store_job *fedl_store_worker_next(fedl_store_worker *worker);
/** Runs what is queued to the end, then ends the thread. Finished jobs can still be fetched. */
void fedl_store_worker_stop(fedl_store_worker *worker);
/** After stop. */
void fedl_store_worker_close(fedl_store_worker *worker);

#endif
