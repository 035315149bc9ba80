/* SPDX-License-Identifier: Apache-2.0 */
/* What agent_run.c (the loop) and agent_actions.c (what the machine wants done) share. */
#ifndef FEDL_CLIENT_AGENT_STATE_H
#define FEDL_CLIENT_AGENT_STATE_H

#include "agent_data.h"
#include "agent_home.h"
#include "agent_log.h"
#include "nng/nng_client.h"

#define AGENT_QUEUE_MAX 8u

typedef struct agent_answer {
    fedl_client_event_kind kind;
    fedl_status status;
    void *block;
    size_t block_bytes;
} agent_answer;

typedef struct agent_state {
    const agent_options *options;
    const fedl_crypto *crypto;
    agent_home home;
    agent_log log;
    char url[FEDL_URL_BYTES_MAX];
    uint32_t device_id;
    fedl_client client;
    void *block;
    void *task_block;
    fedl_nng_client *nng;
    agent_data data;
    agent_answer queue[AGENT_QUEUE_MAX]; /* answers for the next steps */
    uint32_t queue_count;
    uint32_t uploads;
    bool finished;
    agent_exit code;
} agent_state;

/** Carries out one action of the machine; trains_next = a TRAIN follows in the same step. */
void agent_act(agent_state *a, const fedl_client_action *action, bool trains_next);
void agent_answer_later(agent_state *a, fedl_client_event_kind kind, fedl_status status);
/** True once SIGTERM or Ctrl-C came. */
bool agent_stopped(void);

#endif
