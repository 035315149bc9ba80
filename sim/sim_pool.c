/* SPDX-License-Identifier: Apache-2.0 */
/* Worker threads: see sim_pool.h. One lock, two condition variables, two queues. */
#include "sim_pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

typedef struct job_queue {
    fedl_sim_job *head;
    fedl_sim_job *tail;
} job_queue;

struct fedl_sim_pool {
    pthread_mutex_t lock;
    pthread_cond_t work; /* a job was queued, or the end has come */
    pthread_cond_t done; /* a job has ended */
    job_queue queues[2]; /* urgent, relaxed */
    bool ending;
    uint32_t worker_count;
    pthread_t workers[];
};

static fedl_sim_job *take(fedl_sim_pool *pool)
{
    for (uint32_t q = 0; q < 2; q++) {
        fedl_sim_job *job = pool->queues[q].head;
        if (job != NULL) {
            pool->queues[q].head = job->next;
            if (job->next == NULL) {
                pool->queues[q].tail = NULL;
            }
            job->next = NULL;
            job->state = FEDL_SIM_JOB_RUNNING;
            return job;
        }
    }
    return NULL;
}

/* Takes one given job out of its queue; false when it is in none. */
static bool take_this(fedl_sim_pool *pool, fedl_sim_job *job)
{
    for (uint32_t q = 0; q < 2; q++) {
        fedl_sim_job *before = NULL;
        for (fedl_sim_job *at = pool->queues[q].head; at != NULL; before = at, at = at->next) {
            if (at != job) {
                continue;
            }
            if (before == NULL) {
                pool->queues[q].head = job->next;
            } else {
                before->next = job->next;
            }
            if (pool->queues[q].tail == job) {
                pool->queues[q].tail = before;
            }
            job->next = NULL;
            return true;
        }
    }
    return false;
}

/* Called with the lock held; runs job without it. */
static void run_unlocked(fedl_sim_pool *pool, fedl_sim_job *job)
{
    pthread_mutex_unlock(&pool->lock);
    job->run(job->context);
    pthread_mutex_lock(&pool->lock);
    job->state = FEDL_SIM_JOB_DONE;
    pthread_cond_broadcast(&pool->done);
}

static void *worker_main(void *context)
{
    fedl_sim_pool *pool = context;
    pthread_mutex_lock(&pool->lock);
    while (!pool->ending) {
        fedl_sim_job *job = take(pool);
        if (job == NULL) {
            pthread_cond_wait(&pool->work, &pool->lock);
        } else {
            run_unlocked(pool, job);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

fedl_status fedl_sim_pool_create(fedl_sim_pool **pool, uint32_t threads)
{
    if (threads < 1 || threads > FEDL_SIM_THREADS_MAX) {
        return FEDL_ERR_RANGE;
    }
    fedl_sim_pool *made = calloc(1, sizeof *made + (threads - 1) * sizeof made->workers[0]);
    if (made == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    pthread_mutex_init(&made->lock, NULL);
    pthread_cond_init(&made->work, NULL);
    pthread_cond_init(&made->done, NULL);
    for (uint32_t i = 0; i + 1 < threads; i++) {
        if (pthread_create(&made->workers[i], NULL, worker_main, made) != 0) {
            fedl_sim_pool_destroy(made);
            return FEDL_ERR_FULL;
        }
        made->worker_count++;
    }
    *pool = made;
    return FEDL_OK;
}

void fedl_sim_pool_submit(fedl_sim_pool *pool, fedl_sim_job *job, fedl_sim_priority priority)
{
    job_queue *queue = &pool->queues[priority == FEDL_SIM_URGENT ? 0 : 1];
    atomic_store(&job->cancelled, false);
    pthread_mutex_lock(&pool->lock);
    job->next = NULL;
    job->state = FEDL_SIM_JOB_QUEUED;
    if (queue->tail == NULL) {
        queue->head = job;
    } else {
        queue->tail->next = job;
    }
    queue->tail = job;
    pthread_cond_signal(&pool->work);
    pthread_mutex_unlock(&pool->lock);
}

void fedl_sim_pool_wait(fedl_sim_pool *pool, fedl_sim_job *job)
{
    pthread_mutex_lock(&pool->lock);
    while (job->state == FEDL_SIM_JOB_QUEUED || job->state == FEDL_SIM_JOB_RUNNING) {
        /* The awaited job first; while another thread runs it, anything else that is queued. */
        fedl_sim_job *other = NULL;
        if (job->state == FEDL_SIM_JOB_QUEUED && take_this(pool, job)) {
            job->state = FEDL_SIM_JOB_RUNNING;
            other = job;
        } else {
            other = take(pool);
        }
        if (other != NULL) {
            run_unlocked(pool, other);
        } else {
            pthread_cond_wait(&pool->done, &pool->lock);
        }
    }
    job->state = FEDL_SIM_JOB_IDLE;
    pthread_mutex_unlock(&pool->lock);
}

void fedl_sim_pool_cancel(fedl_sim_pool *pool, fedl_sim_job *job)
{
    atomic_store(&job->cancelled, true);
    pthread_mutex_lock(&pool->lock);
    if (job->state == FEDL_SIM_JOB_QUEUED && take_this(pool, job)) {
        job->state = FEDL_SIM_JOB_IDLE;
    }
    while (job->state == FEDL_SIM_JOB_RUNNING) {
        pthread_cond_wait(&pool->done, &pool->lock);
    }
    job->state = FEDL_SIM_JOB_IDLE;
    pthread_mutex_unlock(&pool->lock);
}

bool fedl_sim_pool_is_done(fedl_sim_pool *pool, fedl_sim_job *job)
{
    pthread_mutex_lock(&pool->lock);
    const bool done = job->state == FEDL_SIM_JOB_DONE || job->state == FEDL_SIM_JOB_IDLE;
    pthread_mutex_unlock(&pool->lock);
    return done;
}

void fedl_sim_pool_destroy(fedl_sim_pool *pool)
{
    if (pool == NULL) {
        return;
    }
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->worker_count; i++) {
        pthread_join(pool->workers[i], NULL);
    }
    pthread_cond_destroy(&pool->done);
    pthread_cond_destroy(&pool->work);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

uint32_t fedl_sim_processor_count(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) {
        return 1;
    }
    const uint32_t count = (uint32_t)CPU_COUNT(&set);
    return count < 1 ? 1 : count > FEDL_SIM_THREADS_MAX ? FEDL_SIM_THREADS_MAX : count;
}
