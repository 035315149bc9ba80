/* SPDX-License-Identifier: Apache-2.0 */
/* fedl-client: the agent for Linux hosts and gateways. docs/client.md. */
#include "agent_run.h"

#include "fedl/client.h"
#include "sodium/crypto_sodium.h"

int main(int argc, char **argv)
{
    agent_options options;
    char text[256];
    if (!agent_options_parse(&options, argc, argv, text)) {
        (void)fprintf(stderr, "fedl-client: %s\n", text);
        return AGENT_EXIT_USAGE;
    }
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        (void)fprintf(stderr, "fedl-client: no entropy source\n");
        return AGENT_EXIT_FAILED;
    }
    switch (options.command) {
    case AGENT_JOIN:
    case AGENT_RUN:
    case AGENT_LEAVE:
        if (options.local) {
            return (int)agent_leave_local(&options);
        }
        return (int)agent_run(&options, fedl_crypto_sodium());
    case AGENT_PREDICT:
        return (int)agent_predict(&options, fedl_crypto_sodium());
    case AGENT_STATUS:
        return (int)agent_status(&options, fedl_crypto_sodium());
    case AGENT_HELP:
        agent_help(stdout, options.help_about);
        return AGENT_EXIT_OK;
    case AGENT_VERSION:
        (void)printf("fedl-client %u.%u.%u\n", FEDL_LIBRARY_VERSION / 1000000u,
                     FEDL_LIBRARY_VERSION / 1000u % 1000u, FEDL_LIBRARY_VERSION % 1000u);
        return AGENT_EXIT_OK;
    }
    return AGENT_EXIT_USAGE;
}
