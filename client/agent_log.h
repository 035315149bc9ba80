/* SPDX-License-Identifier: Apache-2.0 */
/* What fedl-client says while it runs: one line an event, for people or (JSON) for programs. */
#ifndef FEDL_CLIENT_AGENT_LOG_H
#define FEDL_CLIENT_AGENT_LOG_H

#include "fedl/client.h"

#include <stdio.h>

typedef struct agent_log {
    FILE *out;
    bool json;
    const char *url;    /* for the lines that name the server */
    const char *reason; /* why the last connection ended, or NULL */
    bool waiting;       /* the last line said so: don't repeat it at every poll */
} agent_log;

/** One line for a LOG action. */
void agent_log_action(agent_log *log, const fedl_client_action *action);
/** One line of fedl-client's own: event is a word for programs, text a sentence for people. */
void agent_log_line(agent_log *log, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** text as a JSON string, quotes included. */
void agent_json_string(FILE *out, const char *text);

#endif
