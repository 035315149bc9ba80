/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masked worlds from seeds: losses, duplicates, power cuts in every step, devices that are put away
 * and taken up again, a server that dies at its writes, flipped bits; alone and all at once. What
 * holds after every event, whatever happens:
 *
 *   every committed sum is that of its members, versions rise one by one (the fixture's oracle);
 *   a device sends one masked vector per attempt, byte for byte, also after it was put away;
 *   the server's memory and what it stores never hold both kinds of share of a device;
 *   a round is finished, burnt or made again, and the task comes to its end.
 *
 * CHAOS_SEEDS worlds; a seed that ever failed is kept in past_seeds for good.
 */
#include "sim_fixture.h"

#include "cmocka_all.h"

#include "base/rng.h"
#include "client/client_state.h"
#include "coord/forbidden_pair.h"
#include "secagg/params.h"
#include "secagg/party_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef CHAOS_SEEDS
#define CHAOS_SEEDS 32u
#endif

#define ROUNDS       3u
#define VECTOR_MAX   4096u
#define SENT_MAX     256u
#define SCAN_EVERY   16u /* steps of the server between two looks at the block of its sessions */
#define WATCH_ONE_IN 6u  /* worlds in which shares are looked for: it takes long */

static const uint64_t past_seeds[] = {1};

/* The vector of one attempt of one device, as far as parts of it were sent. */
typedef struct sent_vector {
    uint32_t device_id;
    uint32_t round;
    uint32_t attempt;
    bool known[VECTOR_MAX / 64u + 1u]; /* per 64 bytes */
    uint8_t bytes[VECTOR_MAX];
} sent_vector;

/* The secret of a device's attempt, until it is known how many it is shared among. */
typedef struct attempt_secret {
    uint32_t round;
    uint32_t attempt;
    bool told;
    uint8_t secret[32];
} attempt_secret;

static struct {
    const fedl_plan *plan;
    sent_vector sent[SENT_MAX];
    uint32_t sent_count;
    uint32_t repeated; /* parts that were sent more than once */
    attempt_secret secrets[FIXTURE_CLIENTS];
    bool looks;
    forbidden_pair forbidden;
    uint32_t server_steps;
    fedli_rng rng;
    uint32_t put_away_chance; /* of 65536 */
    uint32_t put_away_at;     /* the n-th chance of all, once; 0 = never */
    uint32_t chances;
    uint32_t flip_mask;
} seen;

/* What all worlds together have seen: chaos that never happens proves nothing. */
static struct {
    uint64_t dropouts;
    uint64_t lost;
    uint64_t aborted;
    uint64_t burnt;
    uint64_t crashes;
    uint64_t resumed;
    uint64_t repeated;
    uint64_t committed;
    uint64_t short_rounds;
    uint64_t both_kinds; /* worlds in which b shares and d shares were seen, of different devices */
} total;

/* ---- what leaves a device ---- */

static sent_vector *find_sent(uint32_t device_id, uint32_t round, uint32_t attempt)
{
    for (uint32_t i = 0; i < seen.sent_count; i++) {
        sent_vector *v = &seen.sent[i];
        if (v->device_id == device_id && v->round == round && v->attempt == attempt) {
            return v;
        }
    }
    assert_true(seen.sent_count < SENT_MAX);
    sent_vector *v = &seen.sent[seen.sent_count++];
    memset(v, 0, sizeof *v);
    v->device_id = device_id;
    v->round = round;
    v->attempt = attempt;
    return v;
}

static void note_vector(uint32_t device_id, const fedli_client_state *c)
{
    static uint8_t buffer[VECTOR_MAX + FEDLI_CHUNK_BYTES_MAX];
    fedl_message_upload part;
    fedli_client_fill_upload(c, &part, buffer);
    assert_true(part.total_bytes <= VECTOR_MAX);
    sent_vector *v = find_sent(device_id, part.round, part.attempt);
    for (size_t i = 0; i < part.payload.size; i += 64) {
        const size_t at = (size_t)part.offset + i;
        const size_t size = part.payload.size - i < 64 ? part.payload.size - i : 64;
        if (v->known[at / 64]) {
            seen.repeated += i == 0 ? 1u : 0u;
            if (memcmp(v->bytes + at, part.payload.data + i, size) != 0) {
                fail_msg("device %u sends two vectors in attempt %u.%u", device_id, part.round,
                         part.attempt);
            }
        }
        v->known[at / 64] = true;
        memcpy(v->bytes + at, part.payload.data + i, size);
    }
}

/* The secret is there until the shares are made; only then it is known with whom. */
static void note_secret(uint32_t device_id, const fedli_client_state *c)
{
    const fedli_party_state *party = c->group.party.state;
    const fedli_attempt *attempt = &c->group.setup.attempt;
    attempt_secret *mine = &seen.secrets[device_id - 1];
    static const uint8_t zero[32];
    fedli_attempt_secrets secrets;
    fedli_params params;
    if (memcmp(party->secret, zero, 32) != 0) {
        const bool other = memcmp(mine->secret, party->secret, 32) != 0;
        mine->told = mine->told && !other;
        mine->round = attempt->round;
        mine->attempt = attempt->attempt;
        memcpy(mine->secret, party->secret, 32);
    }
    if (mine->told || party->n == 0 || mine->round != attempt->round ||
        mine->attempt != attempt->attempt || seen.forbidden.count == FORBIDDEN_OWNERS_MAX) {
        return;
    }
    const fedl_secagg_config *s = &seen.plan->secagg;
    assert_int_equal(
        fedli_params_for(&params, party->n, s->gamma_permille, s->delta_permille, s->trust),
        FEDL_OK);
    fedli_attempt_secrets_derive(c->crypto, &secrets, mine->secret);
    forbidden_pair_add(&seen.forbidden, device_id, attempt->attempt, &secrets, params.t, params.k);
    mine->told = true;
}

static void on_send(void *context, uint32_t device_id, const fedl_client *machine)
{
    (void)context;
    const fedli_client_state *c = machine->state;
    if (!c->group.active) {
        return;
    }
    if (seen.looks) {
        note_secret(device_id, c);
    }
    if (c->work == FEDLI_WORK_UPLOAD) {
        note_vector(device_id, c);
    }
}

static bool on_put_away(void *context, uint32_t device_id)
{
    (void)context;
    (void)device_id;
    seen.chances++;
    return seen.chances == seen.put_away_at ||
           (fedli_rng_u32(&seen.rng) & 0xffffu) < seen.put_away_chance;
}

static void flip(void *context, uint32_t device_id, fedl_sim_phase phase, uint8_t *bytes,
                 size_t size)
{
    (void)context;
    (void)device_id;
    (void)phase;
    if ((fedli_rng_u32(&seen.rng) & seen.flip_mask) == 0) {
        const uint32_t bit = fedli_rng_below(&seen.rng, (uint32_t)size * 8u);
        bytes[bit / 8] ^= (uint8_t)(1u << (bit % 8));
    }
}

/* ---- what the server has ---- */

static void on_server_step(void *context, fedl_bytes coord_block, fedl_bytes task_block)
{
    (void)context;
    if (!seen.looks) {
        return;
    }
    forbidden_pair_scan(&seen.forbidden, task_block.data, task_block.size);
    if (seen.server_steps++ % SCAN_EVERY == 0) {
        forbidden_pair_scan(&seen.forbidden, coord_block.data, coord_block.size);
    }
    if (forbidden_pair_found(&seen.forbidden) != 0) {
        fail_msg("both kinds of share of device %u", forbidden_pair_found(&seen.forbidden));
    }
}

/* ---- worlds ---- */

static void begin(fedl_sim_config *cfg, uint64_t seed)
{
    seen.plan = &cfg->task->plan;
    seen.sent_count = 0;
    seen.repeated = 0;
    memset(seen.secrets, 0, sizeof seen.secrets);
    seen.looks = seed % WATCH_ONE_IN == 0;
    if (seen.looks) {
        forbidden_pair_init(&seen.forbidden);
    }
    seen.server_steps = 0;
    fedli_rng_init(&seen.rng, ~seed);
    seen.put_away_chance = 0;
    seen.put_away_at = 0;
    seen.chances = 0;
    seen.flip_mask = UINT32_MAX;
    cfg->seed = seed;
    cfg->watch.device_sends = on_send;
    cfg->watch.put_away = on_put_away;
    cfg->watch.server_stepped = on_server_step;
    cfg->watch.tamper = flip;
}

static sim_result run(const fedl_sim_config *cfg)
{
    const sim_result result = sim_fixture_run(cfg);
    const fedl_sim_totals *t = &result.totals;
    if (result.outcome != FEDL_SIM_COMPLETE || t->rounds + t->burnt_rounds != ROUNDS ||
        t->version != t->rounds + 1u) {
        char reasons[FEDL_SIM_TEXT_BYTES];
        fedl_sim_reasons_text(t, reasons);
        fail_msg("seed %llu: outcome %d, %u rounds, %u burnt, version %u: %s (%s)",
                 (unsigned long long)cfg->seed, (int)result.outcome, t->rounds, t->burnt_rounds,
                 t->version, result.text, reasons);
    }
    total.dropouts += t->dropouts;
    total.lost += t->messages_lost;
    total.aborted += t->aborted_attempts;
    total.burnt += t->burnt_rounds;
    total.crashes += t->server_crashes;
    total.resumed += t->resumed;
    total.repeated += seen.repeated;
    total.committed += t->rounds;
    total.short_rounds += t->rounds > 0 && result.fewest_reports < FIXTURE_CLIENTS ? 1u : 0u;
    total.both_kinds += seen.looks && forbidden_pair_seen(&seen.forbidden, FEDLI_SHARE_B) > 0 &&
                        forbidden_pair_seen(&seen.forbidden, FEDLI_SHARE_D) > 0;
    return result;
}

static double up_to(fedli_rng *rng, double max)
{
    /* Half of the time nothing at all: worlds with one kind of trouble are easier to read. */
    const uint32_t draw = fedli_rng_u32(rng);
    return (draw & 1u) != 0 ? 0.0 : max * (double)(draw >> 8) / 16777216.0;
}

static void run_world(const fedl_sim_config *base, uint64_t seed)
{
    fedl_sim_config cfg = *base;
    fedli_rng rng;
    fedli_rng_init(&rng, seed);
    begin(&cfg, seed);
    cfg.net.delay_ms_min = fedli_rng_below(&rng, 20);
    cfg.net.delay_ms_max = cfg.net.delay_ms_min + fedli_rng_below(&rng, 800);
    cfg.net.loss = up_to(&rng, 0.1);
    cfg.net.duplicate = up_to(&rng, 0.3);
    for (uint32_t phase = 1; phase <= FEDL_SIM_PHASE_COUNT; phase++) {
        cfg.net.drop[phase] = up_to(&rng, 0.08);
    }
    cfg.net.away_ms = 200 + fedli_rng_below(&rng, 8000);
    cfg.net.server_crash = up_to(&rng, 0.3);
    cfg.enrol = FEDL_SIM_ENROL_PROVISIONED;
    seen.put_away_chance = (uint32_t)up_to(&rng, 3000.0);
    seen.flip_mask = fedli_rng_below(&rng, 2) == 0 ? 0x7fu : UINT32_MAX;
    (void)run(&cfg);
}

#define MASKED                                                                                     \
    "aggregation.mode=masked", "aggregation.min_cohort=3", "aggregation.gamma=10%",                \
        "aggregation.step_dropout=10%", "aggregation.step_timeout=20s", "round.min_reports=3",     \
        "round.attempts=100", "round.deadline=2m"

static const char *const curious_plan[] = {MASKED, "aggregation.trust=curious", NULL};
static const char *const active_plan[] = {MASKED, "aggregation.trust=active", NULL};

static void run_worlds(const char *const *plan, uint64_t first)
{
    sim_fixture fixture;
    sim_fixture_open(&fixture, plan);
    const fedl_sim_config cfg = sim_fixture_config(&fixture);
    for (uint64_t seed = first; seed < first + CHAOS_SEEDS / 2; seed++) {
        run_world(&cfg, seed);
    }
    for (size_t i = 0; i < sizeof past_seeds / sizeof past_seeds[0]; i++) {
        run_world(&cfg, past_seeds[i]);
    }
    sim_fixture_close(&fixture);
}

static void against_a_curious_server(void **state)
{
    (void)state;
    run_worlds(curious_plan, 1000);
}

static void against_a_lying_server(void **state)
{
    (void)state;
    run_worlds(active_plan, 5000);
}

/* One device, put away for a moment, at each chance in turn: nothing at all changes. */
static void one_nap_at_any_moment_changes_nothing(void **state)
{
    (void)state;
    sim_fixture fixture;
    sim_fixture_open(&fixture, active_plan);
    fedl_sim_config cfg = sim_fixture_config(&fixture);
    cfg.enrol = FEDL_SIM_ENROL_PROVISIONED;
    cfg.net.away_ms = 100;
    begin(&cfg, 12);
    const sim_result reference = run(&cfg);
    const uint32_t chances = seen.chances;
    assert_true(chances > 100);
    uint32_t tried = 0;
    for (uint32_t at = 1; at <= chances; at += 1u + 600u / CHAOS_SEEDS) {
        begin(&cfg, 12);
        seen.looks = false;
        seen.put_away_at = at;
        const sim_result result = run(&cfg);
        /* In the last moments the task is over before the device is back. */
        assert_true(result.totals.resumed == 1 || at + 10 > chances);
        assert_int_equal(result.fewest_reports, FIXTURE_CLIENTS);
        assert_memory_equal(result.totals.digest, reference.totals.digest, 32);
        tried++;
    }
    assert_true(tried > 5);
    sim_fixture_close(&fixture);
}

static void there_was_chaos(void **state)
{
    (void)state;
    printf("%llu committed, %llu burnt, %llu aborted, %llu cut, %llu put away, %llu crashes, %llu "
           "messages lost, %llu parts repeated\n",
           (unsigned long long)total.committed, (unsigned long long)total.burnt,
           (unsigned long long)total.aborted, (unsigned long long)total.dropouts,
           (unsigned long long)total.resumed, (unsigned long long)total.crashes,
           (unsigned long long)total.lost, (unsigned long long)total.repeated);
    assert_true(total.committed > CHAOS_SEEDS);
    assert_true(total.dropouts > CHAOS_SEEDS / 2);
    assert_true(total.lost > CHAOS_SEEDS);
    assert_true(total.aborted > 0);
    assert_true(total.burnt > 0);
    assert_true(total.crashes > CHAOS_SEEDS / 4);
    assert_true(total.resumed > CHAOS_SEEDS);
    assert_true(total.repeated > 0);
    assert_true(total.short_rounds > 0);
    assert_true(total.both_kinds > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_a_curious_server),
        cmocka_unit_test(against_a_lying_server),
        cmocka_unit_test(one_nap_at_any_moment_changes_nothing),
        cmocka_unit_test(there_was_chaos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
