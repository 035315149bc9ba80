/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper as a process. One thread takes one question after the other: a fleet asks once per
 * round, and the server waits. Durable before visible: the list of answered rounds is replaced on
 * disk before a sum is made.
 */
#include "host/helper_process.h"
#include "host/exit_code.h"
#include "host/helper_home.h"
#include "host/helper_wire.h"

#include "base/secret.h"
#include "posix/ca_key.h"
#include "posix/durable_file.h"
#include "posix/host_clock.h"
#include "sodium/crypto_sodium.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TURN_MS 500u

typedef struct arguments {
    const char *home;
    const char *listen;
    const char *request;
    const char *grant;
    const char *ca_key;
    uint32_t min_cohort;
} arguments;

typedef struct process {
    fedl_helper helper;
    char answered_path[512];
    uint8_t state[FEDL_HELPER_STATE_BYTES_MAX];
} process;

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static int fail(fedl_exit code, const char *text)
{
    (void)fprintf(stderr, "fedl-server helper: %s\n", text);
    return (int)code;
}

static fedl_exit exit_of(fedl_status status)
{
    switch ((int)status) {
    case FEDL_ERR_EXISTS:
        return FEDL_EXIT_EXISTS;
    case FEDL_ERR_NOT_FOUND:
        return FEDL_EXIT_NO_HOME;
    case FEDL_ERR_READ_ONLY:
        return FEDL_EXIT_READ_ONLY;
    case FEDL_ERR_NO_SPACE:
        return FEDL_EXIT_NO_SPACE;
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

/* ---- serving ---- */

/* The sum of all masks, negative, behind the head of the reply. */
static uint8_t *make_sum(const fedl_helper_request *request, const fedli_mask_key *keys,
                         size_t *reply_size)
{
    const size_t vector_bytes = request->shape.vector_bytes;
    uint8_t *reply = calloc(1, FEDL_HELPER_REPLY_HEAD_BYTES + vector_bytes);
    if (reply != NULL) {
        fedli_mask_slice(fedli_prg_best(), &request->shape, reply + FEDL_HELPER_REPLY_HEAD_BYTES,
                         keys, request->count, 0, 1);
        *reply_size = FEDL_HELPER_REPLY_HEAD_BYTES + vector_bytes;
    }
    return reply;
}

static fedl_helper_answer keep(process *p, const fedl_helper_request *request)
{
    const size_t size = fedl_helper_encode(&p->helper, p->state, request);
    if (fedl_file_replace(p->answered_path, fedl_bytes_of(p->state, size), 0600) != FEDL_OK) {
        return FEDL_HELPER_STORE;
    }
    fedl_helper_commit(&p->helper, request);
    return FEDL_HELPER_SUM;
}

static void serve(void *context, uint8_t **reply, size_t *reply_size, fedl_bytes bytes)
{
    process *p = context;
    fedl_helper_request request;
    const uint32_t keys_max = (uint32_t)(bytes.size / FEDL_HELPER_ENTRY_BYTES + 1u);
    fedli_mask_key *keys = calloc(keys_max, sizeof *keys);
    bool is_new = false;
    uint32_t accused = 0;
    if (keys == NULL) {
        return;
    }
    fedl_helper_answer answer = fedl_helper_check(&p->helper, &request, keys, keys_max, &is_new,
                                                  &accused, bytes, fedl_host_utc_s());
    if (answer == FEDL_HELPER_SUM && is_new) {
        answer = keep(p, &request);
    }
    if (answer == FEDL_HELPER_SUM) {
        *reply = make_sum(&request, keys, reply_size);
    } else {
        *reply = calloc(1, FEDL_HELPER_REPLY_HEAD_BYTES);
        *reply_size = FEDL_HELPER_REPLY_HEAD_BYTES;
    }
    if (*reply != NULL) {
        fedl_helper_reply_write(*reply, answer, accused, request.hash);
    }
    fedli_wipe(keys, keys_max * sizeof *keys);
    free(keys);
    (void)printf("task %u · round %u · attempt %u · %u devices · %s%s\n",
                 (unsigned)request.attempt.task_id, (unsigned)request.attempt.round,
                 (unsigned)request.attempt.attempt, (unsigned)request.count,
                 answer == FEDL_HELPER_SUM ? "answered" : fedl_helper_answer_text(answer),
                 answer == FEDL_HELPER_SUM && !is_new ? " again" : "");
    if (accused != 0) {
        (void)printf("  device %u\n", (unsigned)accused);
    }
    (void)fflush(stdout);
}

/* Everything that the home holds. */
static fedl_status load(process *p, fedl_helper_door_config *door, uint32_t **revoked,
                        const arguments *args, char *text)
{
    char path[512];
    fedl_helper_grant grant;
    fedl_helper_config cfg = {.crypto = fedl_crypto_sodium(), .min_cohort = args->min_cohort};
    uint8_t *state = NULL;
    size_t size = 0;
    (void)snprintf(path, sizeof path, "%.400s/%s", args->home, FEDL_HELPER_GRANT_FILE);
    (void)snprintf(p->answered_path, sizeof p->answered_path, "%.400s/%s", args->home,
                   FEDL_HELPER_ANSWERED_FILE);
    fedl_status status = fedl_helper_home_key(cfg.noise_secret, args->home, cfg.crypto, text);
    if (status == FEDL_OK) {
        status = fedl_helper_grant_read(&grant, cfg.crypto, path, text);
    }
    if (status == FEDL_OK) {
        status = fedl_helper_home_revoked(revoked, &cfg.revoked_count, args->home, text);
    }
    if (status == FEDL_OK) {
        memcpy(cfg.fleet_id, grant.fleet_id, 16);
        memcpy(cfg.ca_public, grant.ca_public, 32);
        cfg.revoked = *revoked;
        memcpy(door->fleet_id, grant.fleet_id, 16);
        memcpy(door->server_public, grant.server_public, 32);
        memcpy(door->helper_secret, cfg.noise_secret, 32);
        door->crypto = cfg.crypto;
        status = fedl_helper_init(&p->helper, &cfg);
        if (status == FEDL_OK) {
            status = fedl_file_read(&state, &size, p->answered_path, sizeof p->state);
        }
        if (status == FEDL_OK) {
            status = fedl_helper_decode(&p->helper, fedl_bytes_of(state, size));
        }
        free(state);
        if (status != FEDL_OK) {
            (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                           "%s: %s; without it the helper would answer rounds twice",
                           p->answered_path, fedl_status_text(status));
        }
    }
    fedli_wipe(&cfg, sizeof cfg);
    return status;
}

static int command_run(const arguments *args)
{
    char text[FEDL_HOME_TEXT_BYTES] = "out of memory";
    fedl_helper_door_config cfg;
    fedl_helper_door *door = NULL;
    uint32_t *revoked = NULL;
    process *p = calloc(1, sizeof *p);
    memset(&cfg, 0, sizeof cfg);
    fedl_status status = p == NULL ? FEDL_ERR_NO_MEMORY : load(p, &cfg, &revoked, args, text);
    fedl_exit code = status == FEDL_OK ? FEDL_EXIT_OK : exit_of(status);
    if (status == FEDL_OK && fedl_helper_door_open(&door, &cfg, args->listen, text) != FEDL_OK) {
        code = FEDL_EXIT_LISTEN;
    }
    fedli_wipe(&cfg, sizeof cfg);
    if (code == FEDL_EXIT_OK) {
        (void)signal(SIGTERM, on_signal);
        (void)signal(SIGINT, on_signal);
        (void)printf("ready at %s · home %s · at least %u devices\n", fedl_helper_door_url(door),
                     args->home, (unsigned)args->min_cohort);
        (void)fflush(stdout);
        while (stopped == 0) {
            fedl_helper_door_turn(door, TURN_MS, serve, p);
        }
    }
    fedl_helper_door_close(door);
    free(revoked);
    if (p != NULL) {
        fedl_helper_deinit(&p->helper);
        free(p);
    }
    return code == FEDL_EXIT_OK ? 0 : fail(code, text);
}

/* ---- the other commands ---- */

static int command_init(const arguments *args)
{
    char text[FEDL_HOME_TEXT_BYTES];
    const fedl_status status = fedl_helper_home_create(args->home, fedl_crypto_sodium(), text);
    if (status != FEDL_OK) {
        return fail(exit_of(status), text);
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
        return fail(exit_of(status), text);
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
        return fail(exit_of(status), text);
    }
    (void)printf("wrote %s\nnext: on the helper:  fedl-server helper accept --home DIR --grant %s\n"
                 "      on the server, in fedl.ini under [server]:  helper_url = tcp://…, "
                 "helper_cert = %s\n",
                 args->grant, args->grant, args->grant);
    return 0;
}

static int command_accept(const arguments *args)
{
    char text[FEDL_HOME_TEXT_BYTES] = "";
    const fedl_status status =
        fedl_helper_home_accept(args->home, fedl_crypto_sodium(), args->grant, text);
    if (status != FEDL_OK) {
        return fail(exit_of(status), text);
    }
    (void)printf("this helper now serves the fleet of that grant\n"
                 "next: fedl-server helper run --home %s --listen tcp://0.0.0.0:7071\n",
                 args->home);
    return 0;
}

static bool parse(arguments *args, int argc, char **argv)
{
    static const struct option options[] = {
        {"home", required_argument, NULL, 'h'},
        {"listen", required_argument, NULL, 'l'},
        {"request", required_argument, NULL, 'r'},
        {"grant", required_argument, NULL, 'g'},
        {"ca-key", required_argument, NULL, 'c'},
        {"min-cohort", required_argument, NULL, 'm'},
        {NULL, 0, NULL, 0},
    };
    int letter = 0;
    char *end = NULL;
    opterr = 0;
    optind = 2;
    while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
        switch (letter) {
        case 'h':
            args->home = optarg;
            break;
        case 'l':
            args->listen = optarg;
            break;
        case 'r':
            args->request = optarg;
            break;
        case 'g':
            args->grant = optarg;
            break;
        case 'c':
            args->ca_key = optarg;
            break;
        case 'm':
            args->min_cohort = (uint32_t)strtoul(optarg, &end, 10);
            if (*end != '\0' || args->min_cohort < FEDL_COHORT_MIN ||
                args->min_cohort > FEDL_COHORT_MAX) {
                return false;
            }
            break;
        default:
            return false;
        }
    }
    return optind == argc && args->home != NULL;
}

int fedl_helper_main(int argc, char **argv)
{
    arguments args = {.min_cohort = FEDL_HELPER_COHORT_USUAL};
    const char *command = argc > 1 ? argv[1] : "";
    const bool good = argc > 1 && parse(&args, argc, argv);
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return fail(FEDL_EXIT_FAILED, "libsodium does not start");
    }
    if (good && strcmp(command, "init") == 0) {
        return command_init(&args);
    }
    if (good && strcmp(command, "sign") == 0 && args.request != NULL && args.grant != NULL) {
        return command_sign(&args);
    }
    if (good && strcmp(command, "accept") == 0 && args.grant != NULL) {
        return command_accept(&args);
    }
    if (good && strcmp(command, "run") == 0 && args.listen != NULL) {
        return command_run(&args);
    }
    return fail(FEDL_EXIT_USAGE,
                "init --home DIR | sign --home SERVERHOME --request FILE --grant FILE [--ca-key "
                "FILE] | accept --home DIR --grant FILE | run --home DIR --listen URL "
                "[--min-cohort N]; see docs/server.md");
}
