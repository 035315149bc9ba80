/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of fedl-client. */
#ifndef FEDL_CLIENT_AGENT_OPTIONS_H
#define FEDL_CLIENT_AGENT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* How fedl-client ends; the numbers are part of the interface (docs/client.md) and agree with those
 * of fedl-server where both have one. */
typedef enum agent_exit {
    AGENT_EXIT_OK = 0,
    AGENT_EXIT_FAILED = 1,     /* anything else */
    AGENT_EXIT_USAGE = 2,      /* command line */
    AGENT_EXIT_NO_HOME = 4,    /* this home has not joined a fleet, or holds no model yet */
    AGENT_EXIT_EXISTS = 5,     /* join: this home belongs to a device already */
    AGENT_EXIT_READ_ONLY = 6,  /* home not writable */
    AGENT_EXIT_NO_SPACE = 7,   /* disk full */
    AGENT_EXIT_BUSY = 9,       /* another fedl-client uses this home */
    AGENT_EXIT_KEYS = 11,      /* identity damaged or readable by others */
    AGENT_EXIT_NO_SERVER = 12, /* join, leave: nobody answers */
    AGENT_EXIT_TOKEN = 20,     /* mistyped, used or expired */
    AGENT_EXIT_SERVER = 21,    /* not the server that the token was made for */
    AGENT_EXIT_REFUSED = 22,   /* the server refuses this device */
    AGENT_EXIT_DATA = 23,      /* data files wrong or missing */
} agent_exit;

typedef enum agent_command {
    AGENT_JOIN = 1,
    AGENT_RUN = 2,
    AGENT_LEAVE = 3,
    AGENT_PREDICT = 4,
    AGENT_STATUS = 5,
    AGENT_HELP = 6,
    AGENT_VERSION = 7,
} agent_command;

#define AGENT_POLICY_MAX 16u

typedef struct agent_options {
    agent_command command;
    agent_command help_about; /* HELP: 0 = the program as a whole */
    const char *url;          /* as typed */
    const char *token;
    const char *token_file;
    const char *home; /* NULL: the default */
    const char *images;
    const char *labels;
    const char *csv;
    const char *rows_path; /* --rows FILE:K */
    uint32_t rows_client;
    bool log_json;
    bool json;
    bool local;      /* leave: without the server */
    uint32_t rounds; /* 0 = no limit */
    bool until_complete;
    uint32_t timeout_s;
    uint32_t memory_bytes_max;
    uint32_t chunk_bytes_max;
    const char *policy[AGENT_POLICY_MAX]; /* KEY=VALUE, in the order given */
    uint32_t policy_count;
    char rows_buffer[1024];
} agent_options;

/** Reads the command line; false: text says in one line what is wrong. Pointers go into argv. */
bool agent_options_parse(agent_options *options, int argc, char **argv, char text[256]);
void agent_help(FILE *out, agent_command about);

#endif
