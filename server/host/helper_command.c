/* SPDX-License-Identifier: Apache-2.0 */
/* `fedl-server helper init | sign | accept | run`. */
#include "host/helper_home.h"
#include "host/helper_process.h"

#include "base/secret.h"
#include "posix/ca_key.h"
#include "sodium/crypto_sodium.h"
#include "store/crash_point.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTEN_USUAL "tcp://0.0.0.0:7071"

static const char help[] =
    "fedl-server helper: the second party of tasks with mode = helper. It takes the masks off "
    "sums\n"
    "and sees no update; whoever runs it must not be whoever runs the server.\n"
    "\n"
    "  1  on the helper:           fedl-server helper init   --home DIR\n"
    "       makes DIR with its key, and DIR/" FEDL_HELPER_REQUEST_FILE "\n"
    "  2  where the CA key is:     fedl-server helper sign   --home SERVERHOME --request FILE\n"
    "                                                        --grant FILE [--ca-key FILE]\n"
    "       makes the grant: helper and server both need a copy\n"
    "  3  on the helper, once:     fedl-server helper accept --home DIR --grant FILE\n"
    "  4  on the helper:           fedl-server helper run    --home DIR [--listen URL]\n"
    "                                                        [--min-cohort N]\n"
    "       serves until SIGTERM or Ctrl-C; may be killed at any moment\n"
    "  5  on the server, in fedl.ini under [server], then restart it:\n"
    "       helper_url = tcp://HELPER:7071\n"
    "       helper_cert = the grant\n"
    "\n"
    "  --listen URL      address to serve at (default: " LISTEN_USUAL "; port 0 = any free one)\n"
    "  --min-cohort N    makes no sum of fewer devices, whatever they ask for (default: 5)\n"
    "\n"
    "DIR/revoked lists devices that it refuses, one id a line; it is read at start.\n"
    "DIR/answered must never be restored from a copy. Exit codes and the rest: docs/server.md\n";

typedef struct arguments {
    const char *home;
    const char *listen;
    const char *request;
    const char *grant;
    const char *ca_key;
    const char *min_cohort;
} arguments;

static int fail(fedl_exit code, const char *text)
{
    (void)fprintf(stderr, "fedl-server helper: %s\n", text);
    return (int)code;
}

fedl_exit fedl_helper_exit_of(fedl_status status)
{
    switch ((int)status) {
    case FEDL_OK:
        return FEDL_EXIT_OK;
    case FEDL_ERR_EXISTS:
        return FEDL_EXIT_EXISTS;
    case FEDL_ERR_NOT_FOUND:
        return FEDL_EXIT_NO_HOME;
    case FEDL_ERR_READ_ONLY:
        return FEDL_EXIT_READ_ONLY;
    case FEDL_ERR_NO_SPACE:
        return FEDL_EXIT_NO_SPACE;
    case FEDL_ERR_BUSY:
        return FEDL_EXIT_BUSY;
    case FEDL_ERR_POLICY:
    case FEDL_ERR_CORRUPT:
    case FEDL_ERR_FORMAT:
    case FEDL_ERR_AUTH:
    case FEDL_ERR_MISMATCH:
        return FEDL_EXIT_KEYS;
    default:
        return FEDL_EXIT_FAILED;
    }
}

static int command_init(const arguments *args)
{
    char text[FEDL_HOME_TEXT_BYTES];
    const fedl_status status = fedl_helper_home_create(args->home, fedl_crypto_sodium(), text);
    if (status != FEDL_OK) {
        return fail(fedl_helper_exit_of(status), text);
    }
    (void)printf("made a helper in %s\nnext: take %s/" FEDL_HELPER_REQUEST_FILE
                 " to whoever has the fleet's CA key:\n"
                 "  fedl-server helper sign --home SERVERHOME --request " FEDL_HELPER_REQUEST_FILE
                 " --grant " FEDL_HELPER_GRANT_FILE "\n",
                 args->home, args->home);
    return 0;
}

static int command_sign(const arguments *args)
{
    char text[FEDL_HOME_TEXT_BYTES];
    fedl_home home;
    fedl_server_identity identity;
    fedl_ca_key key;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    fedl_status status = fedl_home_locate(&home, args->home, text);
    if (status == FEDL_OK) {
        status = fedl_home_load_keys(&home, crypto, &identity, text);
    }
    if (status != FEDL_OK) {
        return fail(fedl_helper_exit_of(status), text);
    }
    if (args->ca_key != NULL) {
        status = fedl_ca_key_read(&key, crypto, args->ca_key);
        if (status == FEDL_OK && (memcmp(key.fleet_id, identity.fleet_id, 16) != 0 ||
                                  memcmp(key.secret + 32, identity.ca_public, 32) != 0)) {
            status = FEDL_ERR_MISMATCH;
        }
        memcpy(identity.ca_secret, key.secret, sizeof identity.ca_secret);
        fedli_wipe(&key, sizeof key);
        (void)snprintf(text, sizeof text, "%.300s: %s", args->ca_key, fedl_status_text(status));
    } else if (identity.ca_offline) {
        status = FEDL_ERR_NOT_FOUND;
        (void)snprintf(text, sizeof text,
                       "the CA key is not in this home; give it with --ca-key FILE");
    }
    if (status == FEDL_OK) {
        status = fedl_helper_sign(&identity, crypto, args->request, args->grant, text);
    }
    fedli_wipe(&identity, sizeof identity);
    if (status != FEDL_OK) {
        return fail(fedl_helper_exit_of(status), text);
    }
    char *whole = realpath(args->grant, NULL); /* the server may run in another folder */
    (void)printf("wrote %s\n"
                 "next, on the helper:  fedl-server helper accept --home DIR --grant FILE\n"
                 "      on the server, in fedl.ini under [server], then restart it:\n"
                 "        helper_url = tcp://HELPER:7071\n"
                 "        helper_cert = %s\n",
                 args->grant, whole == NULL ? args->grant : whole);
    free(whole);
    return 0;
}

static int command_accept(const arguments *args)
{
    char text[FEDL_HOME_TEXT_BYTES] = "";
    const fedl_status status =
        fedl_helper_home_accept(args->home, fedl_crypto_sodium(), args->grant, text);
    if (status != FEDL_OK) {
        return fail(fedl_helper_exit_of(status), text);
    }
    (void)printf("this helper now serves the fleet of that grant\n"
                 "next: fedl-server helper run --home %s\n",
                 args->home);
    return 0;
}

static int command_run(const arguments *args)
{
    char text[FEDL_HOME_TEXT_BYTES];
    fedl_helper_run_options options = {args->home, LISTEN_USUAL, FEDL_HELPER_COHORT_USUAL};
    if (args->listen != NULL) {
        options.listen = args->listen;
    }
    if (args->min_cohort != NULL) {
        char *end = NULL;
        const unsigned long number = strtoul(args->min_cohort, &end, 10);
        if (args->min_cohort[0] < '0' || args->min_cohort[0] > '9' || *end != '\0' ||
            number < FEDL_COHORT_MIN || number > FEDL_COHORT_MAX) {
            (void)snprintf(text, sizeof text, "--min-cohort is a number from %u to %u, not '%.40s'",
                           (unsigned)FEDL_COHORT_MIN, (unsigned)FEDL_COHORT_MAX, args->min_cohort);
            return fail(FEDL_EXIT_USAGE, text);
        }
        options.min_cohort = (uint32_t)number;
    }
    if (fedl_crash_point_arm(getenv("FEDL_CRASH")) != FEDL_OK) {
        return fail(FEDL_EXIT_USAGE,
                    "FEDL_CRASH names no crash point; see fedl-server --crash-points");
    }
    const fedl_exit code = fedl_helper_run(&options, text);
    return code == FEDL_EXIT_OK ? 0 : fail(code, text);
}

/* ---- the command line ---- */

typedef struct command {
    const char *name;
    int (*run)(const arguments *args);
    const char *takes; /* letters of its options; capitals are needed */
} command;

static const command commands[] = {
    {"init", command_init, "H"},
    {"sign", command_sign, "HRGc"},
    {"accept", command_accept, "HG"},
    {"run", command_run, "Hlm"},
};

static const struct option option_list[] = {
    {"home", required_argument, NULL, 'h'},   {"request", required_argument, NULL, 'r'},
    {"grant", required_argument, NULL, 'g'},  {"ca-key", required_argument, NULL, 'c'},
    {"listen", required_argument, NULL, 'l'}, {"min-cohort", required_argument, NULL, 'm'},
    {"help", no_argument, NULL, '?'},         {NULL, 0, NULL, 0},
};

static const char **place_of(arguments *args, int letter)
{
    switch (letter) {
    case 'h':
        return &args->home;
    case 'r':
        return &args->request;
    case 'g':
        return &args->grant;
    case 'c':
        return &args->ca_key;
    case 'l':
        return &args->listen;
    case 'm':
        return &args->min_cohort;
    default:
        return NULL;
    }
}

/* An option that is missing, or one that the command does not take; NULL: none. */
static const char *misfit(const command *cmd, arguments *args, const char **what)
{
    for (size_t i = 0; option_list[i].has_arg == required_argument; i++) {
        const char letter = (char)option_list[i].val;
        const bool needed = strchr(cmd->takes, letter - 'a' + 'A') != NULL;
        const bool taken = needed || strchr(cmd->takes, letter) != NULL;
        const bool given = *place_of(args, letter) != NULL;
        if (given != taken && (given || needed)) {
            *what = given ? "takes no" : "needs";
            return option_list[i].name;
        }
    }
    return NULL;
}

/* −1: all fine, else the exit code. */
static int parse(const command *cmd, arguments *args, int argc, char **argv)
{
    char text[FEDL_HOME_TEXT_BYTES];
    int letter = 0;
    opterr = 0;
    optind = 2;
    while ((letter = getopt_long(argc, argv, ":", option_list, NULL)) != -1) {
        const char **place = place_of(args, letter);
        if (place != NULL) {
            *place = optarg;
            continue;
        }
        if (letter == '?' && optopt == 0 && strcmp(argv[optind - 1], "--help") == 0) {
            (void)fputs(help, stdout);
            return 0;
        }
        (void)snprintf(text, sizeof text, "%s %.80s; see fedl-server helper --help",
                       letter == ':' ? "there is no value after" : "unknown option",
                       argv[optind - 1]);
        return fail(FEDL_EXIT_USAGE, text);
    }
    if (optind < argc) {
        (void)snprintf(text, sizeof text, "what is '%.80s'? See fedl-server helper --help",
                       argv[optind]);
        return fail(FEDL_EXIT_USAGE, text);
    }
    const char *what = "";
    const char *name = misfit(cmd, args, &what);
    if (name != NULL) {
        (void)snprintf(text, sizeof text, "%s %s --%s; see fedl-server helper --help", cmd->name,
                       what, name);
        return fail(FEDL_EXIT_USAGE, text);
    }
    return -1;
}

int fedl_helper_main(int argc, char **argv)
{
    char text[FEDL_HOME_TEXT_BYTES];
    arguments args = {0};
    const char *name = argc > 1 ? argv[1] : "";
    if (argc < 2 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 ||
        strcmp(name, "help") == 0) {
        (void)fputs(help, argc > 1 ? stdout : stderr);
        return argc > 1 ? 0 : (int)FEDL_EXIT_USAGE;
    }
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(name, commands[i].name) != 0) {
            continue;
        }
        const int code = parse(&commands[i], &args, argc, argv);
        if (code >= 0) {
            return code;
        }
        if (fedl_crypto_sodium_init() != FEDL_OK) {
            return fail(FEDL_EXIT_FAILED, "libsodium does not start");
        }
        return commands[i].run(&args);
    }
    (void)snprintf(text, sizeof text,
                   "unknown command '%.40s'; there are init, sign, accept and run, see fedl-server "
                   "helper --help",
                   name);
    return fail(FEDL_EXIT_USAGE, text);
}
