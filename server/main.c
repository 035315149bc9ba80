/* SPDX-License-Identifier: Apache-2.0 */
/* fedl-server: command line. Everything else is in server/host. */
#include "base/secret.h"
#include "host/helper_process.h"
#include "host/host_state.h"
#include "host/server_host.h"
#include "posix/host_clock.h"
#include "sodium/crypto_sodium.h"
#include "store/crash_point.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct arguments {
    const char *home;
    const char *listen;
    const char *advertise;
    const char *log_format;
    const char *ca_out;
} arguments;

static const char help[] =
    "fedl-server: coordinates federated training; devices connect to it with fedl-client.\n"
    "\n"
    "  fedl-server init [--home DIR] [--listen URL] [--advertise URL] [--ca-out FILE]\n"
    "      Makes a server home: keys, database and fedl.ini. Done once.\n"
    "  fedl-server run  [--home DIR] [--listen URL] [--log text|logfmt|json]\n"
    "      Serves until SIGTERM or Ctrl-C. It may be killed at any moment: the next run goes on\n"
    "      with the last published model version.\n"
    "\n"
    "  fedl-server helper init|sign|accept|run …\n"
    "      The second party of tasks with mode = helper, on another machine: docs/server.md.\n"
    "\n"
    "  --home DIR       where everything is kept (default: $FEDL_HOME, else ~/.fedl)\n"
    "  --listen URL     address to serve at (default: tcp://0.0.0.0:7070; port 0 = any free one)\n"
    "  --advertise URL  address that devices are told (default: tcp://<this host's name>:7070)\n"
    "  --ca-out FILE    puts the fleet's CA key into FILE and not into the home: take FILE away, "
    "sign\n"
    "                   devices with fedl ca sign (docs/server.md)\n"
    "  --log FORMAT     text for people, logfmt or json for machines\n"
    "\n"
    "A first run, in three terminals:\n"
    "  1  fedl-server init && fedl-server run\n"
    "  2  fedl device add kitchen          # prints the command that makes a device join\n"
    "     fedl task add plan.ini           # what to train; docs/plan.md explains the file\n"
    "  3  (on the device) the printed fedl-client join …, then fedl-client run …\n"
    "\n"
    "Exit codes: 0 ended as asked · 2 command line · 3 fedl.ini · 4 not initialised · 5 exists\n"
    "already · 6 not writable · 7 disk full · 8 address in use · 9 another server has the "
    "database\n"
    "10 database damaged or not ours · 11 key file · 1 anything else. All of it: docs/server.md\n";

static int fail(fedl_exit code, const char *text)
{
    (void)fprintf(stderr, "fedl-server: %s\n", text);
    return (int)code;
}

/* Options after the command; −1: all fine, else the exit code. */
static int parse(arguments *args, int argc, char **argv)
{
    static const struct option options[] = {
        {"home", required_argument, NULL, 'h'},      {"listen", required_argument, NULL, 'l'},
        {"advertise", required_argument, NULL, 'a'}, {"log", required_argument, NULL, 'f'},
        {"ca-out", required_argument, NULL, 'c'},    {NULL, 0, NULL, 0},
    };
    int letter = 0;
    opterr = 0;
    optind = 2;
    while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (letter == 'h') {
            args->home = optarg;
        } else if (letter == 'l') {
            args->listen = optarg;
        } else if (letter == 'a') {
            args->advertise = optarg;
        } else if (letter == 'f') {
            args->log_format = optarg;
        } else if (letter == 'c') {
            args->ca_out = optarg;
        } else {
            char text[200];
            (void)snprintf(text, sizeof text,
                           "unknown option or missing value: %.80s; see fedl-server --help",
                           argv[optind - 1]);
            return fail(FEDL_EXIT_USAGE, text);
        }
    }
    if (optind < argc) {
        char text[200];
        (void)snprintf(text, sizeof text, "unexpected argument: %.80s; see fedl-server --help",
                       argv[optind]);
        return fail(FEDL_EXIT_USAGE, text);
    }
    if (args->log_format != NULL && strcmp(args->log_format, "text") != 0 &&
        strcmp(args->log_format, "logfmt") != 0 && strcmp(args->log_format, "json") != 0) {
        return fail(FEDL_EXIT_USAGE, "--log takes text, logfmt or json");
    }
    return -1;
}

/* tcp://<host name>:<port of listen>, a guess that the operator may correct in fedl.ini. */
static void guess_advertise(fedl_server_config *config)
{
    char name[100] = "localhost";
    const char *port = strrchr(config->listen, ':');
    if (gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') {
        (void)snprintf(name, sizeof name, "localhost");
    }
    if (strncmp(config->listen, "tcp://0.0.0.0:", 14) == 0 && port != NULL) {
        (void)snprintf(config->advertise, sizeof config->advertise, "tcp://%.99s%.8s", name, port);
    } else {
        memcpy(config->advertise, config->listen, sizeof config->advertise);
    }
}

static fedl_exit exit_of_init(fedl_status status)
{
    switch ((int)status) {
    case FEDL_ERR_EXISTS:
        return FEDL_EXIT_EXISTS;
    case FEDL_ERR_READ_ONLY:
    case FEDL_ERR_NOT_FOUND:
        return FEDL_EXIT_READ_ONLY;
    case FEDL_ERR_NO_SPACE:
        return FEDL_EXIT_NO_SPACE;
    case FEDL_ERR_BUSY:
        return FEDL_EXIT_BUSY;
    case FEDL_ERR_FORMAT:
    case FEDL_ERR_VERSION:
    case FEDL_ERR_CORRUPT:
        return FEDL_EXIT_DATABASE;
    default:
        return FEDL_EXIT_FAILED;
    }
}

static int command_init(const arguments *args, const fedl_home *home)
{
    uint8_t entropy[192];
    char text[FEDL_HOME_TEXT_BYTES];
    fedl_server_config config;
    fedl_config_error error;
    fedl_server_config_default(&config);
    const char *urls[2] = {args->listen, args->advertise};
    for (int i = 0; i < 2; i++) {
        if (urls[i] != NULL && fedl_server_url_check(urls[i], &error) != FEDL_OK) {
            return fail(FEDL_EXIT_USAGE, error.text);
        }
    }
    if (args->listen != NULL) {
        (void)snprintf(config.listen, sizeof config.listen, "%s", args->listen);
    }
    guess_advertise(&config);
    if (args->advertise != NULL) {
        (void)snprintf(config.advertise, sizeof config.advertise, "%s", args->advertise);
    }
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return fail(FEDL_EXIT_FAILED, "libsodium does not start");
    }
    fedl_host_entropy(entropy, sizeof entropy);
    fedl_status status =
        fedl_home_create(home, fedl_crypto_sodium(), entropy, &config, args->ca_out, text);
    fedli_wipe(entropy, sizeof entropy);
    if (status != FEDL_OK) {
        return fail(exit_of_init(status), text);
    }
    (void)printf("made a server home in %s\n"
                 "  fedl.ini    listens at %s, tells devices %s\n"
                 "  server.key  the fleet's secret keys: keep a copy in a safe place\n"
                 "  fedl.db     devices, tasks, models, audit\n"
                 "next: fedl-server run --home %s\n",
                 home->path, config.listen, config.advertise, home->path);
    if (args->ca_out != NULL) {
        (void)printf("the fleet's CA key is in %s and nowhere else: take it to another machine, "
                     "with a copy;\ndevices join when fedl ca sign has signed them there\n",
                     args->ca_out);
    }
    return 0;
}

int main(int argc, char **argv)
{
    arguments args = {0};
    fedl_host_options options = {0};
    char text[FEDL_HOME_TEXT_BYTES];
    const char *command = argc > 1 ? argv[1] : "--help";
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0 ||
        strcmp(command, "help") == 0) {
        (void)fputs(help, argc > 1 ? stdout : stderr);
        return argc > 1 ? 0 : (int)FEDL_EXIT_USAGE;
    }
    if (strcmp(command, "--version") == 0) {
        (void)printf("fedl-server %s\n", FEDL_VERSION_TEXT);
        return 0;
    }
    if (strcmp(command, "--crash-points") == 0) {
        for (uint32_t i = 0; i < fedl_crash_point_count(); i++) {
            (void)puts(fedl_crash_point_name(i));
        }
        return 0;
    }
    if (strcmp(command, "helper") == 0) {
        (void)signal(SIGPIPE, SIG_IGN);
        return fedl_helper_main(argc - 1, argv + 1);
    }
    bool init = strcmp(command, "init") == 0;
    if (!init && strcmp(command, "run") != 0) {
        (void)snprintf(text, sizeof text,
                       "unknown command '%.40s'; there are init and run, see "
                       "fedl-server --help",
                       command);
        return fail(FEDL_EXIT_USAGE, text);
    }
    int code = parse(&args, argc, argv);
    if (code >= 0) {
        return code;
    }
    if (fedl_crash_point_arm(getenv("FEDL_CRASH")) != FEDL_OK) {
        return fail(FEDL_EXIT_USAGE, "FEDL_CRASH names no crash point; see fedl-server "
                                     "--crash-points");
    }
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGXFSZ, SIG_IGN); /* a file size limit shows as an error of write(2) */
    if (fedl_home_locate(&options.home, args.home, text) != FEDL_OK) {
        return fail(FEDL_EXIT_USAGE, text);
    }
    if (init) {
        return command_init(&args, &options.home);
    }
    options.listen = args.listen;
    options.log_format = args.log_format;
    fedl_exit ended = fedl_host_run(&options, text);
    return ended == FEDL_EXIT_OK ? 0 : fail(ended, text);
}
