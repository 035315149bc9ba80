/* SPDX-License-Identifier: Apache-2.0 */
/* All commands of fedl, in the order of its help: first a server with its devices, then tasks, then
 * what came out. */
#include "command.h"

const fedl_command fedl_commands[] = {
    {"status", "", "the server, its tasks and devices at a glance", "", 0, 0, "", fedl_cmd_status},
    {"device add", "NAME [--valid TIME]", "invite a device: prints its one-time token",
     "The token is shown only now and works once, within TIME (7d unless told; 30m, 12h, 7d). The\n"
     "printed fedl-client join command is for the device; it makes its own keys there.\n",
     1, 1, "V", fedl_cmd_device_add},
    {"device list", "", "all devices and when they were last seen",
     "States: invited (has a token), pending (waits for its certificate), active, revoked, left.\n",
     0, 0, "", fedl_cmd_device_list},
    {"device pending", "[--out FILE]", "devices that wait for a certificate; FILE: to be signed",
     "Only for servers made with fedl-server init --ca-out, whose CA key is on another machine:\n"
     "take FILE there, and: fedl ca sign FILE --key ca.key --out signed\n"
     "When no device waits, FILE is not written.\n",
     0, 0, "o", fedl_cmd_device_pending},
    {"device certify", "FILE", "bring in what fedl ca sign has made",
     "The devices get their certificates when they ask next, within two minutes.\n", 1, 1, "",
     fedl_cmd_device_certify},
    {"device revoke", "DEVICE", "shut a device out, at once and for good",
     "It can't come back; invite it anew with fedl device add under another name.\n", 1, 1, "",
     fedl_cmd_device_revoke},
    {"device readmit", "DEVICE", "let a device that was found lying take part again",
     "Devices that spoiled a masked round are left out until this; fedl device list shows them.\n",
     1, 1, "", fedl_cmd_device_readmit},
    {"ca sign", "REQUESTS --key FILE --out FILE",
     "sign certificates with the fleet's CA key, on a machine of its own",
     "REQUESTS is from fedl device pending --out. Needs no server. Shows each name and key before "
     "it\n"
     "is worth anything: sign only as many devices as were invited. One key per device id; what "
     "was\n"
     "signed is kept beside the key, in KEY.signed. Bring --out FILE back: fedl device certify "
     "FILE\n",
     1, 1, "ko", fedl_cmd_ca_sign},
    {"plan check", "PLAN [SECTION.KEY=VALUE …]", "is a plan safe, and what does it cost?",
     "Needs no server. Shows graph and threshold, how many devices may vanish and collude, "
     "failure\n"
     "probability, bytes and work of a device, privacy, and what is not protected. "
     "SECTION.KEY=VALUE\n"
     "replaces a value of the file. Exit status 0: accepted; 6: unsafe, or it would hardly work, "
     "with\n"
     "settings that were tried and do; 5: the file can't be read. All keys: docs/plan.md\n",
     1, FEDL_POSITIONAL_MAX, "", fedl_cmd_plan_check},
    {"task add", "PLAN", "start a task from a plan file",
     "Checks the plan as fedl plan check does, makes version 1 of the model and begins with the\n"
     "rounds as soon as enough devices are there. Follow it with: fedl task watch\n",
     1, 1, "", fedl_cmd_task_add},
    {"task list", "", "all tasks and where they stand", "", 0, 0, "", fedl_cmd_task_list},
    {"task show", "[TASK]", "one task with its plan", "", 0, 1, "t", fedl_cmd_task_show},
    {"task pause", "[TASK]", "stop after the attempt under way, which is given up", "", 0, 1, "t",
     fedl_cmd_task_pause},
    {"task resume", "[TASK]", "go on with a paused task", "", 0, 1, "t", fedl_cmd_task_resume},
    {"task watch", "[TASK]", "follow the rounds until the task ends",
     "One line a round, from the first; ends when the task is complete or paused. Ctrl-C ends the\n"
     "watching, not the task.\n",
     0, 1, "t", fedl_cmd_task_watch},
    {"model list", "[--task TASK]", "all versions of the model", "", 0, 0, "t",
     fedl_cmd_model_list},
    {"model show", "[VERSION] [--task TASK]", "one version (default: the newest)", "", 0, 1, "t",
     fedl_cmd_model_show},
    {"model export", "[VERSION] --out FILE [--task TASK]", "write a version's container to a file",
     "Its b2sum -l 256 is the version's digest. FILE is replaced whole or not at all.\n", 0, 1,
     "to", fedl_cmd_model_export},
    {"model eval", "[VERSION] --data FILE [--labels FILE] [--task TASK]",
     "accuracy and loss of a version on your data",
     "The file is read as the plan's [data] section says: a CSV table, or IDX images with "
     "--labels.\n"
     "The data stays here.\n",
     0, 1, "tdl", fedl_cmd_model_eval},
    {"audit list", "[--limit N]", "the newest entries of the audit log", "", 0, 0, "n",
     fedl_cmd_audit_list},
    {"audit verify", "", "check the hash chain of the audit log",
     "Prints the newest hash: keep it elsewhere, whoever can rewrite the whole file can't make it\n"
     "fit.\n",
     0, 0, "", fedl_cmd_audit_verify},
};
const size_t fedl_command_count = sizeof fedl_commands / sizeof fedl_commands[0];
