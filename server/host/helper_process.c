/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper as a process. One thread takes one question after the other: a fleet asks once per
 * round, and the server waits. Seeds and sum of a question are spread over all CPUs, by threads
 * that live as long as the work. Durable before visible: the list of answered rounds is replaced on
 * disk before a sum is made.
 */
#include "host/helper_process.h"
#include "host/compute_pool.h"
#include "host/helper_home.h"
#include "host/helper_threads.h"
#include "host/helper_wire.h"

#include "base/secret.h"
#include "posix/durable_file.h"
#include "posix/host_clock.h"
#include "posix/plural.h"
#include "sodium/crypto_sodium.h"
#include "store/crash_point.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TURN_MS 500u

_Static_assert(FEDL_COMPUTE_PARTS_MAX <= FEDL_HELPER_PARTS_MAX, "the machine takes so many parts");

typedef struct process {
    fedl_helper helper;
    char answered_path[512];
} process;

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

/* ---- what the machine asks of its host ---- */

static bool keep(void *context, fedl_bytes state)
{
    const process *p = context;
    fedl_crash_at_host(FEDL_CRASH_HELPER_BEFORE_KEEP);
    const fedl_status status = fedl_file_replace(p->answered_path, state, 0600);
    if (status != FEDL_OK) {
        (void)fprintf(stderr, "%s: %s\n", p->answered_path, fedl_status_text(status));
        return false;
    }
    fedl_crash_at_host(FEDL_CRASH_HELPER_AFTER_KEEP);
    return true;
}

/* ---- serving ---- */

static void say(const fedl_helper_verdict *v)
{
    (void)printf("task %u · round %u · attempt %u · %u devices · %s%s\n",
                 (unsigned)v->about.task_id, (unsigned)v->about.round, (unsigned)v->about.attempt,
                 (unsigned)v->count,
                 v->answer == FEDL_HELPER_SUM ? "answered" : fedl_helper_answer_text(v->answer),
                 v->answer == FEDL_HELPER_SUM && !v->is_new ? " again" : "");
    if (v->accused != 0) {
        (void)printf("  device %u\n", (unsigned)v->accused);
    }
    (void)fflush(stdout);
}

static void serve(void *context, uint8_t **reply, size_t *reply_size, fedl_bytes bytes)
{
    process *p = context;
    fedl_helper_verdict verdict;
    fedl_helper_room room = {.keys_max = fedl_helper_keys_max(bytes),
                             .reply_bytes = fedl_helper_reply_bytes(&p->helper, bytes)};
    room.keys = calloc(room.keys_max, sizeof *room.keys);
    room.reply = malloc(room.reply_bytes);
    if (room.keys != NULL && room.reply != NULL) {
        *reply_size = fedl_helper_serve(&p->helper, &room, &verdict, bytes, fedl_host_utc_s());
        *reply = room.reply;
        room.reply = NULL;
        say(&verdict);
    }
    free(room.keys);
    free(room.reply);
}

/* The list of answered rounds: who has lost it might answer twice. */
static fedl_status load_answered(process *p, const char *home, char *text)
{
    uint8_t *state = NULL;
    size_t size = 0;
    (void)snprintf(p->answered_path, sizeof p->answered_path, "%.400s/%s", home,
                   FEDL_HELPER_ANSWERED_FILE);
    fedl_status status =
        fedl_file_read(&state, &size, p->answered_path, FEDL_HELPER_STATE_BYTES_MAX);
    if (status == FEDL_OK) {
        status = fedl_helper_decode(&p->helper, fedl_bytes_of(state, size));
    }
    free(state);
    if (status != FEDL_OK) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                       "%s: %s; without it the helper would answer rounds twice. If it is lost, "
                       "make a new helper: fedl-server helper init",
                       p->answered_path, fedl_status_text(status));
    }
    return status == FEDL_OK ? FEDL_OK : FEDL_ERR_CORRUPT;
}

/* Everything that the home holds. */
static fedl_status load(process *p, fedl_helper_door_config *door, uint32_t **revoked, int *lock,
                        const fedl_helper_run_options *options, char *text)
{
    const char *home = options->home;
    fedl_helper_grant grant;
    fedl_helper_config cfg = {.crypto = fedl_crypto_sodium(),
                              .min_cohort = options->min_cohort,
                              .context = p,
                              .keep = keep,
                              .spread = fedl_helper_spread,
                              .parts = fedl_compute_parts(0)};
    fedl_status status = fedl_helper_home_key(cfg.noise_secret, home, cfg.crypto, text);
    if (status == FEDL_OK) {
        status = fedl_helper_home_lock(lock, home, text);
    }
    if (status == FEDL_OK) {
        status = fedl_helper_home_grant(&grant, cfg.crypto, home, cfg.noise_secret, text);
    }
    if (status == FEDL_OK) {
        status = fedl_helper_home_revoked(revoked, &cfg.revoked_count, home, text);
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
    }
    fedli_wipe(&cfg, sizeof cfg);
    return status == FEDL_OK ? load_answered(p, home, text) : status;
}

static void serve_until_stopped(process *p, fedl_helper_door *door,
                                const fedl_helper_run_options *options, uint32_t revoked_count)
{
    (void)signal(SIGTERM, on_signal);
    (void)signal(SIGINT, on_signal);
    (void)printf("ready at %s · home %s · at least %u devices · %u revoked · %u task%s answered\n",
                 fedl_helper_door_url(door), options->home, (unsigned)options->min_cohort,
                 (unsigned)revoked_count, (unsigned)p->helper.count, fedl_plural(p->helper.count));
    (void)fflush(stdout);
    uint64_t told = 0;
    while (stopped == 0) {
        fedl_helper_door_turn(door, TURN_MS, serve, p);
        const uint64_t strangers = fedl_helper_door_strangers(door);
        if (strangers > 2u * told) { /* the 1st, 3rd, 7th …: nobody can fill a disk with lines */
            (void)printf("refused %llu handshakes: not the server of " FEDL_HELPER_GRANT_FILE
                         ", or for another helper\n",
                         (unsigned long long)strangers);
            (void)fflush(stdout);
            told = strangers;
        }
    }
    (void)printf("stopped\n");
}

fedl_exit fedl_helper_run(const fedl_helper_run_options *options, char text[FEDL_HOME_TEXT_BYTES])
{
    fedl_helper_door_config cfg;
    fedl_helper_door *door = NULL;
    uint32_t *revoked = NULL;
    int lock = -1;
    process *p = calloc(1, sizeof *p);
    memset(&cfg, 0, sizeof cfg);
    (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "out of memory");
    const fedl_status status =
        p == NULL ? FEDL_ERR_NO_MEMORY : load(p, &cfg, &revoked, &lock, options, text);
    fedl_exit code = fedl_helper_exit_of(status);
    if (code == FEDL_EXIT_OK &&
        fedl_helper_door_open(&door, &cfg, options->listen, text) != FEDL_OK) {
        code = FEDL_EXIT_LISTEN;
    }
    fedli_wipe(&cfg, sizeof cfg);
    if (code == FEDL_EXIT_OK) {
        serve_until_stopped(p, door, options, p->helper.cfg.revoked_count);
    }
    fedl_helper_door_close(door);
    free(revoked);
    if (p != NULL) {
        fedl_helper_deinit(&p->helper);
        free(p);
    }
    if (lock >= 0) {
        (void)close(lock);
    }
    return code;
}
