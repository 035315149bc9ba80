/* SPDX-License-Identifier: Apache-2.0 */
/* What the machine wants done, on a host with files, threads and a network. */
#include "agent_state.h"

#include "agent_model.h"
#include "agent_policy.h"

#include <stdlib.h>
#include <string.h>

#define SLICE_BATCHES 16u /* between two looks at the stop flag: milliseconds */

void agent_answer_later(agent_state *a, fedl_client_event_kind kind, fedl_status status)
{
    if (a->queue_count < AGENT_QUEUE_MAX) { /* one answer per action, and a step has at most 8 */
        const agent_answer answer = {.kind = kind, .status = status};
        a->queue[a->queue_count++] = answer;
    }
}

static void give_memory(agent_state *a, size_t bytes)
{
    const size_t rounded = (bytes + 15u) & ~(size_t)15u;
    free(a->task_block);
    a->task_block = aligned_alloc(16, rounded);
    agent_answer_later(a, FEDL_CLIENT_MEMORY, FEDL_OK);
    a->queue[a->queue_count - 1u].block = a->task_block;
    a->queue[a->queue_count - 1u].block_bytes = a->task_block == NULL ? 0 : rounded;
}

static fedl_status open_views(agent_state *a, const fedl_plan *plan, fedl_view *train,
                              fedl_view *eval)
{
    char text[FEDL_SOURCE_TEXT_BYTES];
    fedl_status status = agent_data_open(&a->data, a->options, plan, false, text);
    if (status == FEDL_OK) {
        status = fedl_view_split(train, eval, a->data.table, NULL, 0, plan->run_seed, a->device_id,
                                 plan->holdout_permille);
        if (status != FEDL_OK) {
            (void)fedli_source_fail(text, status, "the data can't be split: %s",
                                    fedl_status_text(status));
        }
    }
    if (status != FEDL_OK) {
        agent_log_line(&a->log, "data_error", "data: %s", text);
    }
    return status;
}

/* Stopping here leaves nothing behind: the next run trains the round again if it is still open. */
static void train(agent_state *a, const fedl_plan *plan)
{
    fedl_view train_view;
    fedl_view eval_view;
    bool done = false;
    fedl_status status = open_views(a, plan, &train_view, &eval_view);
    if (status == FEDL_OK) {
        const fedl_sample_source train_rows = fedl_view_source(&train_view);
        const fedl_sample_source eval_rows = fedl_view_source(&eval_view);
        while (status == FEDL_OK && !done && !agent_stopped()) {
            status = fedl_client_train(&a->client, &done, &train_rows, &eval_rows, SLICE_BATCHES);
        }
    }
    if (status == FEDL_OK && !done) {
        status = FEDL_ERR_CANCELLED;
    }
    agent_answer_later(a, FEDL_CLIENT_TRAINED, status);
}

static void store(agent_state *a, const fedl_client_action *action)
{
    fedl_status status = FEDL_OK;
    switch (action->store_kind) {
    case FEDL_CLIENT_STORE_IDENTITY: {
        /* Address and policy first: an identity without them would be a device that can't be used,
         * or one that agrees to other things than its owner said. */
        char line[FEDL_URL_BYTES_MAX + 1u];
        const int size = snprintf(line, sizeof line, "%s\n", a->url);
        status = agent_home_save(&a->home, "server", fedl_bytes_of(line, (size_t)size));
        if (status == FEDL_OK) {
            status = agent_policy_save(&a->home, a->options);
        }
        if (status == FEDL_OK) {
            status = agent_home_save(&a->home, "identity", action->bytes);
        }
        break;
    }
    case FEDL_CLIENT_STORE_PROGRESS:
        status = agent_home_save(&a->home, "progress", action->bytes);
        break;
    }
    if (status != FEDL_OK) {
        agent_log_line(&a->log, "store_error", "%s: can't write: %s", a->home.path,
                       fedl_status_text(status));
    }
    agent_answer_later(a, FEDL_CLIENT_STORED, status);
}

static void model_ready(agent_state *a, const fedl_client_action *action, bool trains_next)
{
    const fedl_status status =
        agent_model_save(&a->home, action->manifest, action->plan, action->model);
    if (status != FEDL_OK) {
        agent_log_line(&a->log, "store_error", "%s: the model can't be kept: %s", a->home.path,
                       fedl_status_text(status));
    }
    /* A model that nobody wants to be trained is the last of its task. */
    if (!trains_next && a->options->until_complete) {
        agent_log_line(&a->log, "complete", "the task is complete: final model is version %u",
                       action->version);
        a->finished = true;
    }
}

static void connect_server(agent_state *a)
{
    a->log.reason = NULL;
    if (fedl_nng_client_connect(a->nng, a->url) != FEDL_OK) {
        agent_answer_later(a, FEDL_CLIENT_DISCONNECTED, FEDL_OK);
    }
}

static void send_message(agent_state *a, fedl_bytes bytes)
{
    if (fedl_nng_client_send(a->nng, bytes) != FEDL_OK) {
        fedl_nng_client_close(a->nng);
        agent_answer_later(a, FEDL_CLIENT_DISCONNECTED, FEDL_OK);
    }
}

static void done(agent_state *a, fedl_status status)
{
    a->finished = true;
    if (status == FEDL_OK) {
        return;
    }
    if (a->options->command == AGENT_LEAVE) {
        (void)fprintf(stderr,
                      "fedl-client: the server refuses this device: it has left already, "
                      "was revoked, or this is another server; 'fedl-client leave --local "
                      "--home %s' destroys its keys all the same\n",
                      a->home.path);
        a->code = AGENT_EXIT_REFUSED;
    } else if (status == FEDL_ERR_MISMATCH) {
        (void)fprintf(stderr,
                      "fedl-client: %s is not the server that the token was made for: check the "
                      "address, or ask the operator for a new token\n",
                      a->url);
        a->code = AGENT_EXIT_SERVER;
    } else if (status == FEDL_ERR_EXPIRED) {
        (void)fprintf(stderr, "fedl-client: the server does not take this token: it is unknown, "
                              "used or expired; ask the operator for a new one\n");
        a->code = AGENT_EXIT_TOKEN;
    } else if (status == FEDL_ERR_AUTH) {
        (void)fprintf(stderr, "fedl-client: the server refuses to enrol this device\n");
        a->code = AGENT_EXIT_REFUSED;
    } else {
        (void)fprintf(stderr, "fedl-client: %s\n", fedl_status_text(status));
        a->code = agent_exit_of(status);
    }
}

static void log_action(agent_state *a, const fedl_client_action *action)
{
    agent_log_action(&a->log, action);
    if (action->log_kind == FEDL_CLIENT_LOG_UPLOADED && action->b == 0) {
        a->uploads++;
        if (a->options->rounds != 0 && a->uploads >= a->options->rounds) {
            a->finished = true;
        }
    }
    if (action->log_kind == FEDL_CLIENT_LOG_CONNECTED) {
        a->log.reason = NULL;
    }
}

void agent_act(agent_state *a, const fedl_client_action *action, bool trains_next)
{
    switch (action->kind) {
    case FEDL_CLIENT_CONNECT:
        connect_server(a);
        return;
    case FEDL_CLIENT_CLOSE:
        fedl_nng_client_close(a->nng);
        return;
    case FEDL_CLIENT_SEND:
        send_message(a, action->bytes);
        return;
    case FEDL_CLIENT_NEED_MEMORY:
        give_memory(a, action->size_bytes);
        return;
    case FEDL_CLIENT_RELEASE_MEMORY:
        free(a->task_block);
        a->task_block = NULL;
        return;
    case FEDL_CLIENT_TRAIN:
        train(a, action->plan);
        return;
    case FEDL_CLIENT_MODEL_READY:
        model_ready(a, action, trains_next);
        return;
    case FEDL_CLIENT_STORE:
        store(a, action);
        return;
    case FEDL_CLIENT_LOG:
        log_action(a, action);
        return;
    case FEDL_CLIENT_DONE:
        done(a, action->status);
        return;
    }
}
