/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. Two queues under one lock. */
#include "host/store_worker.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

typedef struct job_queue {
    fedl_store_job *first;
    fedl_store_job *last;
} job_queue;

struct fedl_store_worker {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping;
    bool joined;
    job_queue waiting;
    job_queue finished;
    fedl_store *store;
    void (*wake)(void *context);
    void *context;
};

static void push(job_queue *queue, fedl_store_job *job)
{
    job->next = NULL;
    if (queue->last != NULL) {
        queue->last->next = job;
    } else {
        queue->first = job;
    }
    queue->last = job;
}

static fedl_store_job *pop(job_queue *queue)
{
    fedl_store_job *job = queue->first;
    if (job != NULL) {
        queue->first = job->next;
        queue->last = queue->first != NULL ? queue->last : NULL;
    }
    return job;
}

static void *work(void *argument)
{
    fedl_store_worker *w = argument;
    (void)pthread_mutex_lock(&w->lock);
    for (;;) {
        fedl_store_job *job = pop(&w->waiting);
        if (job == NULL) {
            if (w->stopping) {
                break;
            }
            (void)pthread_cond_wait(&w->changed, &w->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&w->lock);
        job->run(job, w->store);
        (void)pthread_mutex_lock(&w->lock);
        push(&w->finished, job);
        w->wake(w->context);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

fedl_status fedl_store_worker_open(fedl_store_worker **worker, fedl_store *store,
                                   void (*wake)(void *context), void *context)
{
    fedl_store_worker *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    (void)pthread_mutex_init(&w->lock, NULL);
    (void)pthread_cond_init(&w->changed, NULL);
    w->store = store;
    w->wake = wake;
    w->context = context;
    /* Signals belong to the loop. */
    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int code = pthread_create(&w->thread, NULL, work, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != 0) {
        w->joined = true;
        fedl_store_worker_close(w);
        return FEDL_ERR_IO;
    }
    *worker = w;
    return FEDL_OK;
}

void fedl_store_worker_submit(fedl_store_worker *worker, fedl_store_job *job)
{
    (void)pthread_mutex_lock(&worker->lock);
    push(&worker->waiting, job);
    (void)pthread_cond_signal(&worker->changed);
    (void)pthread_mutex_unlock(&worker->lock);
}

fedl_store_job *fedl_store_worker_next(fedl_store_worker *worker)
{
    (void)pthread_mutex_lock(&worker->lock);
    fedl_store_job *job = pop(&worker->finished);
    (void)pthread_mutex_unlock(&worker->lock);
    return job;
}

void fedl_store_worker_stop(fedl_store_worker *worker)
{
    if (worker->joined) {
        return;
    }
    (void)pthread_mutex_lock(&worker->lock);
    worker->stopping = true;
    (void)pthread_cond_signal(&worker->changed);
    (void)pthread_mutex_unlock(&worker->lock);
    (void)pthread_join(worker->thread, NULL);
    worker->joined = true;
}

void fedl_store_worker_close(fedl_store_worker *worker)
{
    fedl_store_worker_stop(worker);
    (void)pthread_cond_destroy(&worker->changed);
    (void)pthread_mutex_destroy(&worker->lock);
    free(worker);
}
