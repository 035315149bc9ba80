/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random schedules: order, sizes of parts, repeats, losses at all steps at once, restarts at the
 * commit point. Whatever happens the sum is exact or the attempt fails; it must not fail when no
 * more devices are lost than the thresholds bear. After every call (of every fourth schedule; of
 * the others now and then) the whole block is searched for the shares of every device: never both
 * kinds of one.
 */
#include "group_world.h"

#include "coord/group_state.h"
#include "secagg/params.h"
#include "secagg/share.h"

#include <stdlib.h>
#include <string.h>

#ifndef SEEDS
#define SEEDS 40u
#endif

#define N_MAX 12u

/* Every share of every device, by kind, and what was seen of them in the block. */
typedef struct share_watch {
    uint32_t k;
    uint8_t shares[N_MAX][2][N_MAX][FEDLI_SHARE_BYTES];
    uint8_t starts[65536]; /* by the first two bytes of a share */
    bool seen[N_MAX][2];
    uint32_t calls;
    uint32_t every; /* so many calls between two searches */
} share_watch;

/* The shares depend on n, k and t only through x and t; a device not in the roster is harmless. */
static void watch_shares(group_world *w, share_watch *watch, uint32_t n)
{
    fedli_params params;
    memset(watch, 0, sizeof *watch);
    assert_int_equal(fedli_params_for(&params, n, 100, 100, w->plan.secagg.trust), FEDL_OK);
    watch->k = params.k;
    for (uint32_t i = 0; i < w->n; i++) {
        fedli_attempt_secrets secrets;
        fedli_attempt_secrets_derive(w->crypto, &secrets, w->devices[i].setup.secret);
        for (uint32_t j = 0; j < params.k; j++) {
            uint8_t pair[64];
            fedli_share_pair(pair, &secrets, params.t, (uint8_t)(j + 1u));
            for (uint32_t kind = 0; kind < 2; kind++) {
                const uint8_t *share = pair + (size_t)32 * kind;
                memcpy(watch->shares[i][kind][j], share, FEDLI_SHARE_BYTES);
                watch->starts[share[0] | share[1] << 8] = 1;
            }
        }
    }
}

/* Its secret is reconstructed: no share of it is left, but what is half on its way. */
static bool is_known(const group_world *w, uint32_t index)
{
    if (w->part_bytes_max != 0) {
        return false;
    }
    const fedli_group_state *g = w->group.state;
    const uint32_t position = fedli_group_find(g, w->devices[index].device_id);
    return position != FEDLI_GROUP_NONE && fedli_group_at(g, position)->known;
}

static void search_block(group_world *w)
{
    share_watch *watch = w->look_data;
    if (++watch->calls % watch->every != 0) {
        return;
    }
    const uint8_t *block = w->block;
    for (size_t at = 0; at + FEDLI_SHARE_BYTES <= w->block_bytes; at++) {
        if (watch->starts[block[at] | block[at + 1] << 8] == 0) {
            continue;
        }
        for (uint32_t i = 0; i < w->n; i++) {
            for (uint32_t kind = 0; kind < 2; kind++) {
                for (uint32_t j = 0; j < watch->k; j++) {
                    if (memcmp(block + at, watch->shares[i][kind][j], FEDLI_SHARE_BYTES) == 0) {
                        watch->seen[i][kind] = true;
                        assert_false(is_known(w, i));
                    }
                }
            }
        }
    }
    for (uint32_t i = 0; i < w->n; i++) {
        assert_false(watch->seen[i][0] && watch->seen[i][1]);
    }
}

/* No share, seed or key is left in what the group has used. */
static void expect_wiped(group_world *w, share_watch *watch)
{
    const uint8_t *block = w->block;
    memset(watch->seen, 0, sizeof watch->seen);
    watch->every = 1;
    search_block(w);
    for (uint32_t i = 0; i < w->n; i++) {
        assert_false(watch->seen[i][0] || watch->seen[i][1]);
    }
    fedl_group_end(&w->group);
    const uint8_t fresh = w->restarts ? 0x5a : 0xa5;
    for (size_t at = 0; at < w->block_bytes; at++) {
        assert_true(block[at] == 0 || block[at] == fresh || block[at] == 0xa5);
    }
    assert_int_equal(fedl_group_begin(&w->group, &w->setup, w->block, w->block_bytes, w->now_ns),
                     FEDL_OK);
}

typedef struct outcome {
    uint32_t exact;
    uint32_t failed;
    uint32_t seen[2];
} outcome;

static void play(group_world *w, uint32_t seed, outcome *sum)
{
    static share_watch watch;
    group_world_begin(w, seed);
    w->repeats = true;
    w->restarts = fedli_rng_below(&w->rng, 3) == 0;
    w->part_bytes_max = fedli_rng_below(&w->rng, 3) == 0 ? 0 : 1u + fedli_rng_below(&w->rng, 700);
    uint32_t lost = 0;
    const uint32_t never_ready =
        group_world_silence(w, fedli_rng_below(&w->rng, 2) == 0 ? 0 : 1, GROUP_SILENT_READY);
    const uint32_t n = w->n - never_ready;
    for (group_silence at = GROUP_SILENT_SHARES; at <= GROUP_SILENT_UNMASK; at++) {
        const uint32_t some =
            fedli_rng_below(&w->rng, 3) == 0 ? 1u + fedli_rng_below(&w->rng, 2) : 0;
        lost += group_world_silence(w, some, at);
    }
    watch_shares(w, &watch, n);
    watch.every = seed % 4u == 0 ? 1 : 13;
    w->look = search_block;
    w->look_data = &watch;
    group_world_run(w);
    fedli_params params;
    assert_int_equal(fedli_params_for(&params, n, 100, 100, w->plan.secagg.trust), FEDL_OK);
    if (fedl_group_phase_of(&w->group) == FEDL_GROUP_READY) {
        group_world_expect_exact(w);
        sum->exact++;
    } else {
        assert_true(n < lost + 1u + params.t || n < lost + 3u);
        assert_int_equal(fedl_group_blamed(&w->group), 0);
        sum->failed++;
    }
    for (uint32_t i = 0; i < w->n; i++) {
        sum->seen[0] += watch.seen[i][0];
        sum->seen[1] += watch.seen[i][1];
    }
    expect_wiped(w, &watch);
}

static void random_schedules(void **state)
{
    (void)state;
    outcome sum = {0};
    for (uint32_t seed = 0; seed < SEEDS; seed++) {
        group_world w;
        const uint32_t n = 4u + seed % (N_MAX - 3u);
        group_world_open(&w, n, seed % 2 == 0 ? FEDL_TRUST_CURIOUS : FEDL_TRUST_ACTIVE,
                         (uint8_t)(8u * (1u + seed % 4u)));
        play(&w, seed, &sum);
        group_world_close(&w);
    }
    print_message("%u exact, %u failed\n", sum.exact, sum.failed);
    /* The search sees what it looks for, and both ends were reached. */
    assert_true(sum.seen[0] > SEEDS && sum.seen[1] > 0);
    assert_true(sum.exact > SEEDS / 4u && sum.failed > SEEDS / 20u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_schedules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
