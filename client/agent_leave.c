/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leave --local. The server can't be asked: it refuses the device, or is not there any more. So the
 * identity is not read either: also a damaged one is destroyed.
 */
#include "agent_home.h"
#include "agent_run.h"

agent_exit agent_leave_local(const agent_options *options)
{
    char text[AGENT_TEXT_BYTES] = "";
    agent_home home;
    agent_exit code = agent_home_open(&home, options->home, false, true, text);
    if (code == AGENT_EXIT_OK && !agent_home_joined(&home)) {
        (void)snprintf(text, sizeof text, "%s: this home belongs to no device: nothing to destroy",
                       home.path);
        code = AGENT_EXIT_NO_HOME;
    }
    if (code == AGENT_EXIT_OK) {
        const fedl_status status = agent_home_forget(&home);
        (void)snprintf(text, sizeof text, "%s: the keys can't be destroyed: %s", home.path,
                       fedl_status_text(status));
        code = agent_exit_of(status);
    }
    if (code == AGENT_EXIT_OK) {
        (void)printf("%s: keys, model and progress are destroyed; the server was not told: revoke "
                     "the device there\n",
                     home.path);
    } else {
        (void)fprintf(stderr, "fedl-client: %s\n", text);
    }
    agent_home_close(&home);
    return code;
}
