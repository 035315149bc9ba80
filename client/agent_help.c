/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_options.h"

static const char help_all[] =
    "fedl-client: takes part in federated training with the data of this device.\n"
    "The data never leaves the device; what leaves it is a clipped update of the model.\n"
    "\n"
    "  fedl-client join HOST:PORT --token TOKEN   once: make keys, become part of the fleet\n"
    "  fedl-client run --csv FILE                 train whenever the server asks, for ever\n"
    "  fedl-client predict --csv FILE             use the newest model on rows of a file\n"
    "  fedl-client status                         who this device is and what it holds\n"
    "  fedl-client leave                          say goodbye; the keys are destroyed\n"
    "\n"
    "Every command takes --home DIR (default: $FEDL_CLIENT_HOME, else ~/.fedl-client), the folder\n"
    "with keys and model: one folder is one device. 'fedl-client help COMMAND' tells more.\n";

static const char help_join[] =
    "fedl-client join HOST[:PORT] --token TOKEN [--home DIR] [--timeout S] [--log text|json]\n"
    "            [--allow-plain] [--policy KEY=VALUE]\n"
    "\n"
    "Makes the device's keys and enrols it. The operator makes the token, which works once:\n"
    "'fedl device add NAME'. It also names the server's keys, so a wrong server is noticed before\n"
    "anything secret is sent.\n"
    "\n"
    "  HOST:PORT            also tcp://host:port or ipc:///path; the port is 7070 if left out\n"
    "  --token TOKEN        dashes and case don't matter\n"
    "  --token-file FILE    reads the token from a file, so that it is not in the process list\n"
    "  --timeout S          give up after S seconds (60)\n"
    "\n"
    "What the device demands of every task is kept in the home, in the file 'policy':\n"
    "  --allow-plain        also take tasks whose updates the server sees one by one (lab use);\n"
    "                       without it, only masked ones, of which it sees sums\n"
    "  --policy KEY=VALUE   any other demand, like min_cohort=20 or epsilon_max=8 (most privacy\n"
    "                       that one task may cost, at delta 1e-6); docs/client.md lists them\n";

static const char help_run[] =
    "fedl-client run DATA [--home DIR] [--rounds N | --once | --until-complete] [--log text|json]\n"
    "            [--allow-plain] [--policy KEY=VALUE]\n"
    "\n"
    "Waits for tasks, trains on the device's data and sends updates. Lost connections are found\n"
    "again by themselves, for ever. Ctrl-C and SIGTERM stop between two batches; nothing breaks.\n"
    "\n"
    "DATA, as the task's plan wants it:\n"
    "  --images FILE --labels FILE   IDX files, unpacked\n"
    "  --csv FILE                    a table; the plan names its columns\n"
    "  --rows FILE:K                 only the rows of client K of a partition file\n"
    "\n"
    "  --rounds N         stop after N updates were accepted; --once is --rounds 1\n"
    "  --until-complete   stop when the final model has arrived\n"
    "  --memory BYTES     refuse tasks that need more memory\n"
    "  --chunk BYTES      largest piece of a transfer (16384); weak links want small ones\n"
    "  --allow-plain      also take tasks that are not masked; --policy KEY=VALUE changes any\n"
    "                     other demand of this device for this run (docs/client.md)\n"
    "  --log json         one JSON object a line on standard output\n";

static const char help_predict[] =
    "fedl-client predict DATA [--home DIR] [--json]\n"
    "\n"
    "Runs the newest model on every row of DATA (see 'fedl-client help run') and prints one line "
    "a\n"
    "row: row,class,logit for classes, row,value for values, row,error for models that give back\n"
    "their input. Labels are optional; when they are there, a summary goes to standard error.\n"
    "\n"
    "  --json   one JSON object a line\n";

static const char help_status[] =
    "fedl-client status [--home DIR] [--json]\n"
    "\n"
    "Shows device, fleet, server, policy and the newest model. Asks nobody.\n";

static const char help_leave[] =
    "fedl-client leave [--home DIR] [--local | --timeout S] [--log text|json]\n"
    "\n"
    "Tells the server that this device takes part no longer, then destroys its keys; predict ends\n"
    "with them, because it verifies the model with their help. To come back, join with a new "
    "token.\n"
    "\n"
    "  --local       destroy keys, model and progress without asking the server: for a device "
    "that\n"
    "                it refuses or that can't reach it. The operator revokes the device there\n"
    "  --timeout S   give up after S seconds (60)\n";

void agent_help(FILE *out, agent_command about)
{
    const char *text = help_all;
    switch (about) {
    case AGENT_JOIN:
        text = help_join;
        break;
    case AGENT_RUN:
        text = help_run;
        break;
    case AGENT_LEAVE:
        text = help_leave;
        break;
    case AGENT_PREDICT:
        text = help_predict;
        break;
    case AGENT_STATUS:
        text = help_status;
        break;
    case AGENT_HELP:
    case AGENT_VERSION:
        break;
    }
    (void)fputs(text, out);
}
