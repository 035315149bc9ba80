/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder of a device: identity (secret, 0600), server (its URL), progress (newest accepted
 * version of each task), model (newest verified model with its plan and manifest), policy (what the
 * owner demands, agent_policy.h), lock. Every file is replaced whole or not at all.
 */
#ifndef FEDL_CLIENT_AGENT_HOME_H
#define FEDL_CLIENT_AGENT_HOME_H

#include "agent_options.h"
#include "fedl/client.h"
#include "nng/client_url.h"

#define AGENT_PATH_BYTES 768u
#define AGENT_TEXT_BYTES 2048u

typedef struct agent_home {
    char path[512];
    int lock_fd; /* −1: not locked */
} agent_home;

/* Everything here answers with an exit code; AGENT_EXIT_OK or text says what is wrong. */

/** Finds the folder (and makes it, 0700, when create) and locks it against other fedl-clients when
 * lock. */
agent_exit agent_home_open(agent_home *home, const char *path, bool create, bool lock,
                           char text[AGENT_TEXT_BYTES]);
void agent_home_close(agent_home *home);
/** Path of a file in the folder. */
void agent_home_file(const agent_home *home, char out[AGENT_PATH_BYTES], const char *name);
bool agent_home_joined(const agent_home *home);

/** Reads identity, URL and progress; a damaged or badly protected identity is refused. url and
 * progress may be NULL. */
agent_exit agent_home_load(const agent_home *home, fedl_identity *identity,
                           char url[FEDL_URL_BYTES_MAX], fedl_client_progress *progress,
                           const fedl_crypto *crypto, char text[AGENT_TEXT_BYTES]);
/** Writes one file durably. */
fedl_status agent_home_save(const agent_home *home, const char *name, fedl_bytes bytes);
/** Overwrites and removes the identity, then removes what belongs to it: progress (task numbers of
 * another fleet mean other tasks), model, address, policy. */
fedl_status agent_home_forget(const agent_home *home);
/** What a failed write means to people. */
agent_exit agent_exit_of(fedl_status status);

#endif
