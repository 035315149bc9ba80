/* SPDX-License-Identifier: Apache-2.0 */
/* Actions of the coordinator that are answered by an event: STORE, LOAD, COMPUTE. */
#include "sim_state.h"

#include <stdlib.h>
#include <string.h>

fedl_status fedli_sim_server_store(fedl_sim_world *world, const fedl_action *action)
{
    /* The op stays valid until its STORED event (contract of coord.h): the pointer may travel. */
    fedl_sim_event event = {.at_ns = world->now_ns + FEDLI_SIM_STORE_NS,
                            .kind = FEDL_SIM_SERVER_STORED,
                            .life = world->server_life,
                            .request = action->ticket};
    event.bytes = malloc(sizeof action->op);
    if (event.bytes == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    event.size = sizeof action->op;
    memcpy(event.bytes, &action->op, sizeof action->op);
    const fedl_status status = fedl_sim_heap_push(&world->heap, &event);
    if (status != FEDL_OK) {
        free(event.bytes);
    }
    return status;
}

/* Done at once, in one part; the virtual time that it takes is made up from the bytes. */
fedl_status fedli_sim_server_compute(fedl_sim_world *world, const fedl_action *action)
{
    const fedl_compute_job *job = action->job;
    fedl_compute_run(job, 0, 1);
    const int64_t bytes = (int64_t)job->shape.vector_bytes * job->key_count;
    const fedl_sim_event event = {.at_ns = world->now_ns + 1000 + bytes * FEDLI_SIM_MASK_NS,
                                  .kind = FEDL_SIM_SERVER_COMPUTED,
                                  .life = world->server_life,
                                  .request = action->ticket};
    return fedl_sim_heap_push(&world->heap, &event);
}

/* Reading takes no virtual time: what was written last is still in memory. */
fedl_status fedli_sim_server_load(fedl_sim_world *world, const fedl_action *action)
{
    const fedl_load_job *job = action->load;
    fedl_model_record record;
    const fedl_status status =
        world->store->ops->model_read(world->store, &record, job->task_id, job->version, NULL, 0,
                                      job->master_words, job->parameter_count);
    if (status != FEDL_OK) {
        return fedl_sim_fail(world->text, status, "version %u can't be read: %s", job->version,
                             fedl_status_text(status));
    }
    const fedl_sim_event event = {.at_ns = world->now_ns,
                                  .kind = FEDL_SIM_SERVER_LOADED,
                                  .life = world->server_life,
                                  .request = action->ticket};
    return fedl_sim_heap_push(&world->heap, &event);
}
