/* SPDX-License-Identifier: Apache-2.0 */
/* Noise of the server on masked sums: it sees nothing but them, and adds the noise when they are
 * bare. */
#include "coord_noise.h"
#include "coord_party.h"

#include <stdlib.h>

static party_world p;
static world *const w = &p.w;

static void open_masked(uint64_t sums)
{
    parties_open(&p, 5, FEDL_TRUST_CURIOUS);
    noise_watch(w, 10);
    for (uint32_t i = 0; i < 5; i++) {
        party_device *q = &p.parties[i];
        q->policy.gamma_permille = 10;
        q->block_bytes = fedli_party_size(&w->plan);
        free(q->block);
        free(q->closed);
        q->block = aligned_alloc(16, (q->block_bytes + 15u) / 16u * 16u);
        q->closed = malloc(q->block_bytes);
        assert_non_null(q->block);
        assert_non_null(q->closed);
    }
    w->plan.privacy.rho_budget = sums * noise_charge;
    w->round.round_count = 10;
    parties_add_task(&p);
}

static void masked_sums_get_noise_too(void **state)
{
    (void)state;
    open_masked(2);
    parties_run(&p);
    assert_int_equal(w->version[1], 3);
    assert_int_equal(w->group_commit_count, 2);
    assert_true(noise_charged_at_sums == 0); /* with the version instead */
    assert_int_equal(noise_ledger_rows(w), 2);
    noise_assert_one_draw(1);
    noise_assert_one_draw(2);
    assert_int_equal(noise_task_state(w), FEDL_TASK_COMPLETE);
    parties_close(&p);
}

static void a_masked_sum_taken_up_again_is_released_once(void **state)
{
    (void)state;
    for (uint32_t applied = 0; applied < 2; applied++) {
        open_masked(1);
        w->crash_at = w->store_serial + 3u; /* ROUND_OPEN, GROUP_COMMIT, COMMIT */
        w->crash_applied = applied == 1;
        parties_run(&p);
        assert_int_equal(w->version[1], 2);
        assert_int_equal(w->restart_count, 1);
        assert_int_equal(w->group_commit_count, 1);
        assert_int_equal(noise_of[1].tried, applied == 1 ? 1 : 2);
        assert_int_equal(noise_ledger_rows(w), 1);
        assert_int_equal(noise_task_state(w), FEDL_TASK_COMPLETE);
        parties_close(&p);
    }
}

static void a_burnt_sum_costs_nothing(void **state)
{
    (void)state;
    open_masked(1);
    for (uint32_t i = 0; i < 5; i++) {
        p.parties[i].lost_at = FEDLI_PARTY_PUT;
        p.parties[i].lost_item = FEDL_ITEM_UNMASK;
        p.parties[i].lose_in_round = 1;
    }
    parties_run(&p);
    world_run_ms(w, 60000);
    assert_int_equal(w->burn_count, 1);
    assert_int_equal(w->commit_count, 0);      /* nothing was released … */
    assert_int_equal(noise_ledger_rows(w), 0); /* … nothing is owed */
    parties_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masked_sums_get_noise_too),
        cmocka_unit_test(a_masked_sum_taken_up_again_is_released_once),
        cmocka_unit_test(a_burnt_sum_costs_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
