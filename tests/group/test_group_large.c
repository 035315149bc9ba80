/* SPDX-License-Identifier: Apache-2.0 */
/* Cohorts of 50, 128, 129, 300 and (slow) 1,000 devices: complete graphs, Harary graphs and the
 * border between them, with losses at every step at once. */
#include "group_world.h"

#include "coord/group_state.h"
#include "secagg/params.h"

typedef struct loss {
    uint32_t n;
    fedl_server_trust trust;
    uint8_t ring_bits;
    uint32_t lost_permille; /* at each of READY, SHARES, VECTOR, UNMASK */
    bool restarts;
} loss;

static void play(const loss *l)
{
    group_world w;
    const uint32_t lost = l->n * l->lost_permille / 1000u;
    group_world_open(&w, l->n, l->trust, l->ring_bits);
    group_world_begin(&w, l->n);
    w.restarts = l->restarts;
    uint32_t silent = 0;
    silent += group_world_silence(&w, lost, GROUP_SILENT_READY);
    silent += group_world_silence(&w, lost, GROUP_SILENT_SHARES);
    silent += group_world_silence(&w, lost, GROUP_SILENT_VECTOR);
    silent += group_world_silence(&w, lost, GROUP_SILENT_UNMASK);
    group_world_run(&w);
    group_world_expect_exact(&w);
    assert_int_equal(silent, 4u * lost);
    assert_int_equal(fedl_group_cohort(&w.group), l->n - lost);
    assert_int_equal(fedl_group_u2_count(&w.group), l->n - 2u * lost);
    assert_int_equal(fedl_group_u3_count(&w.group), l->n - 3u * lost);
    group_world_close(&w);
}

static void cohorts(void **state)
{
    (void)state;
    static const loss losses[] = {
        {50, FEDL_TRUST_CURIOUS, 16, 0, false},    {50, FEDL_TRUST_ACTIVE, 32, 60, true},
        {129, FEDL_TRUST_CURIOUS, 16, 24, true},
#ifdef EVERYTHING
        {128, FEDL_TRUST_ACTIVE, 24, 50, false},   {129, FEDL_TRUST_ACTIVE, 16, 16, false},
        {300, FEDL_TRUST_CURIOUS, 32, 24, false},  {300, FEDL_TRUST_ACTIVE, 16, 24, true},
        {1000, FEDL_TRUST_CURIOUS, 16, 24, false}, {1000, FEDL_TRUST_ACTIVE, 16, 24, false},
#endif
    };
    for (uint32_t i = 0; i < sizeof losses / sizeof losses[0]; i++) {
        play(&losses[i]);
    }
}

#ifdef EVERYTHING
/* Devices fall out of U2 when too few of their neighbours have sent shares. On a ring that spreads
 * to everybody unless the losses are chosen: 17 of the 52 neighbours of one device, among them
 * those beside it and at both ends of its reach, so that every other device misses 15 at most. */
static void one_falls_out(void **state)
{
    (void)state;
    static const int32_t lost[] = {-26, -25, -20, -15, -12, -9, -6, -3, -1,
                                   1,   4,   8,   12,  16,  20, 25, 26};
    const uint32_t lost_count = sizeof lost / sizeof lost[0];
    const uint32_t place = 30;
    group_world w;
    fedli_params params;
    group_world_open(&w, 140, FEDL_TRUST_CURIOUS, 16);
    assert_int_equal(fedli_params_for(&params, 140, 100, 100, FEDL_TRUST_CURIOUS), FEDL_OK);
    assert_int_equal(params.k, 52);
    assert_int_equal(params.t, 52 - lost_count + 1);
    group_world_begin(&w, 1);
    for (uint32_t i = 0; i < w.n; i++) {
        w.devices[i].silent_at = GROUP_SILENT_SHARES;
    }
    group_world_settle(&w);
    assert_int_equal(fedl_group_phase_of(&w.group), FEDL_GROUP_SHARING);
    const uint16_t *ring = w.group.state->graph.ring;
    for (uint32_t i = 0; i < w.n; i++) {
        w.devices[i].silent_at = GROUP_TALKS;
    }
    for (uint32_t i = 0; i < lost_count; i++) {
        w.devices[ring[(uint32_t)((int32_t)place + lost[i])]].silent_at = GROUP_SILENT_SHARES;
    }
    const uint32_t fallen = ring[place];
    group_world_run(&w);
    group_world_expect_exact(&w);
    assert_int_equal(fedl_group_u2_count(&w.group), 140 - lost_count - 1);
    assert_false(fedl_group_vector_counted(&w.group, w.devices[fallen].device_id));
    assert_int_equal(w.devices[fallen].answer, FEDL_GROUP_NOT_MEMBER);
    group_world_close(&w);
}

/* A quarter of a ring lost at a step is more than it bears: that much is noticed before anything is
 * asked for. */
static void a_thinned_ring(void **state)
{
    (void)state;
    group_world w;
    group_world_open(&w, 140, FEDL_TRUST_CURIOUS, 16);
    group_world_begin(&w, 1);
    group_world_silence(&w, 50, GROUP_SILENT_SHARES);
    group_world_run(&w);
    group_world_expect_failed(&w, "too few devices shared keys", false);
    group_world_begin(&w, 2);
    group_world_silence(&w, 50, GROUP_SILENT_VECTOR);
    group_world_run(&w);
    group_world_expect_failed(&w, "too few vectors", false);
    group_world_close(&w);
}

#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cohorts),
#ifdef EVERYTHING
        cmocka_unit_test(one_falls_out),
        cmocka_unit_test(a_thinned_ring),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
