/* SPDX-License-Identifier: Apache-2.0 */
/* The device's machine on a real host: join, run and leave. */
#ifndef FEDL_CLIENT_AGENT_RUN_H
#define FEDL_CLIENT_AGENT_RUN_H

#include "agent_options.h"
#include "fedl/crypto.h"

/** Carries out JOIN, RUN or LEAVE; says what happens on standard output, what is wrong on standard
 * error. */
agent_exit agent_run(const agent_options *options, const fedl_crypto *crypto);

/* agent_leave.c */
/** leave --local: destroys the keys without the server; says what that means. */
agent_exit agent_leave_local(const agent_options *options);

/* agent_predict.c, agent_status.c */
agent_exit agent_predict(const agent_options *options, const fedl_crypto *crypto);
agent_exit agent_status(const agent_options *options, const fedl_crypto *crypto);

#endif
