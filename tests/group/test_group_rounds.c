/* SPDX-License-Identifier: Apache-2.0 */
/* Whole attempts of small cohorts: every ring, both kinds of trust, every number of devices lost at
 * every step. The sum is exact, or the attempt fails for the reason and at the price it should. */
#include "group_world.h"

#include "secagg/params.h"

#define BOTH_TRUSTS(trust)                                                                         \
    for (fedl_server_trust trust = FEDL_TRUST_CURIOUS; trust <= FEDL_TRUST_ACTIVE; trust++)

static uint32_t threshold(uint32_t n, fedl_server_trust trust)
{
    fedli_params params;
    assert_int_equal(fedli_params_for(&params, n, 100, 100, trust), FEDL_OK);
    return params.t;
}

static void expect_all_done(group_world *w)
{
    for (uint32_t i = 0; i < w->n; i++) {
        const group_device *d = &w->devices[i];
        /* Who comes last finds that its share is not needed any more. */
        assert_true(d->ended ? d->answer == FEDL_GROUP_STALE
                             : fedli_party_next(&d->party) == FEDLI_PARTY_DONE);
        assert_int_equal(fedli_party_refusal(&d->party), FEDL_REFUSAL_NONE);
    }
}

static void rings_without_loss(void **state)
{
    (void)state;
    for (uint8_t ring_bits = 8; ring_bits <= 32; ring_bits += 8) {
        BOTH_TRUSTS(trust)
        {
            group_world w;
            group_world_open(&w, 5, trust, ring_bits);
            group_world_begin(&w, ring_bits);
            group_world_run(&w);
            group_world_expect_exact(&w);
            assert_int_equal(fedl_group_cohort(&w.group), 5);
            assert_int_equal(fedl_group_u2_count(&w.group), 5);
            assert_int_equal(fedl_group_u3_count(&w.group), 5);
            assert_int_equal(fedl_group_blamed(&w.group), 0);
            expect_all_done(&w);
            group_world_close(&w);
        }
    }
}

/* What losing `lost` of n devices at a step must come to; NULL: an exact sum. */
static const char *expected_reason(uint32_t n, uint32_t lost, group_silence at,
                                   fedl_server_trust trust)
{
    const uint32_t left = n - lost;
    if (at == GROUP_SILENT_READY) {
        return left < 3 ? "too few devices ready" : NULL;
    }
    if (left >= 3 && left - 1u >= threshold(n, trust)) {
        return NULL;
    }
    switch ((uint32_t)at) {
    case GROUP_SILENT_SHARES:
        return "too few devices shared keys";
    case GROUP_SILENT_VECTOR:
        return "too few vectors";
    case GROUP_SILENT_CONFIRM:
        return trust == FEDL_TRUST_ACTIVE ? "too few devices confirmed the survivors"
                                          : "too few shares came";
    default:
        return "too few shares came";
    }
}

static void lose(group_world *w, uint32_t lost, group_silence at)
{
    const fedl_server_trust trust = w->plan.secagg.trust;
    group_world_begin(w, 1000u * at + lost);
    assert_int_equal(group_world_silence(w, lost, at), lost);
    group_world_run(w);
    const char *reason = expected_reason(w->n, lost, at, trust);
    if (reason != NULL) {
        group_world_expect_failed(w, reason, at >= GROUP_SILENT_CONFIRM);
        return;
    }
    group_world_expect_exact(w);
    const uint32_t left = w->n - lost;
    assert_int_equal(fedl_group_cohort(&w->group), at == GROUP_SILENT_READY ? left : w->n);
    assert_int_equal(fedl_group_u2_count(&w->group), at <= GROUP_SILENT_SHARES ? left : w->n);
    assert_int_equal(fedl_group_u3_count(&w->group), at <= GROUP_SILENT_VECTOR ? left : w->n);
}

static void losses(uint32_t n)
{
    BOTH_TRUSTS(trust)
    {
        group_world w;
        group_world_open(&w, n, trust, 16);
        for (group_silence at = GROUP_SILENT_READY; at <= GROUP_SILENT_UNMASK; at++) {
            for (uint32_t lost = 0; lost <= n; lost++) {
                lose(&w, lost, at);
            }
        }
        group_world_close(&w);
    }
}

static void losses_of_3(void **state)
{
    (void)state;
    losses(3);
}

static void losses_of_5(void **state)
{
    (void)state;
    losses(5);
}

static void losses_of_10(void **state)
{
    (void)state;
    losses(10);
}

/* The kinds that are made durable are those of U2: b for survivors, d for the vanished. */
static void kinds_follow_survivors(void **state)
{
    (void)state;
    group_world w;
    group_world_open(&w, 10, FEDL_TRUST_CURIOUS, 32);
    group_world_begin(&w, 3);
    w.devices[0].silent_at = GROUP_SILENT_SHARES;
    w.devices[4].silent_at = GROUP_SILENT_VECTOR;
    w.devices[7].silent_at = GROUP_SILENT_VECTOR;
    group_world_run_to(&w, FEDL_GROUP_FROZEN);
    assert_int_equal(fedl_group_u2_count(&w.group), 9);
    for (uint32_t i = 0; i < 9; i++) {
        uint32_t device_id;
        uint8_t kind;
        fedl_group_u2_at(&w.group, i, &device_id, &kind);
        assert_int_equal(device_id, w.devices[i + 1].device_id);
        assert_int_equal(kind, i + 1 == 4 || i + 1 == 7 ? FEDLI_SHARE_D : FEDLI_SHARE_B);
    }
    group_world_run(&w);
    group_world_expect_exact(&w);
    /* 7 survivors' own masks, and 2 · 7 edges. */
    uint32_t count;
    (void)fedl_group_keys(&w.group, &count);
    assert_int_equal(count, 7 + 2 * 7);
    group_world_close(&w);
}

/* Nobody waits for a revoked device; what it has sent into the sum stays there. */
static void revoked_at_every_step(void **state)
{
    (void)state;
    BOTH_TRUSTS(trust)
    {
        group_world w;
        group_world_open(&w, 10, trust, 24);
        for (fedl_group_phase phase = FEDL_GROUP_GATHERING; phase <= FEDL_GROUP_UNMASKING;
             phase++) {
            if (phase == FEDL_GROUP_FROZEN ||
                (phase == FEDL_GROUP_CONFIRMING && trust == FEDL_TRUST_CURIOUS)) {
                continue;
            }
            group_world_begin(&w, phase);
            const group_silence at = phase == FEDL_GROUP_GATHERING    ? GROUP_SILENT_READY
                                     : phase == FEDL_GROUP_SHARING    ? GROUP_SILENT_SHARES
                                     : phase == FEDL_GROUP_MASKING    ? GROUP_SILENT_VECTOR
                                     : phase == FEDL_GROUP_CONFIRMING ? GROUP_SILENT_CONFIRM
                                                                      : GROUP_SILENT_UNMASK;
            w.devices[2].silent_at = at;
            /* Within these steps nobody waits for the clock: all others do their part. */
            const fedl_instant_ns begin_ns = w.now_ns;
            group_world_run_to(&w, phase);
            assert_true(w.now_ns == begin_ns);
            group_world_settle(&w);
            fedl_group_remove(&w.group, w.now_ns, w.devices[2].device_id);
            fedl_group_remove(&w.group, w.now_ns, w.devices[2].device_id); /* twice is once */
            fedl_group_remove(&w.group, w.now_ns, 4000000000u);            /* a stranger */
            assert_false(fedl_group_waits_for(&w.group, w.devices[2].device_id));
            const fedl_instant_ns before_ns = w.now_ns;
            group_world_run(&w);
            group_world_expect_exact(&w);
            /* Only the roster waited for the clock: it had room for one more. */
            assert_int_equal(w.now_ns != before_ns, phase == FEDL_GROUP_GATHERING);
        }
        group_world_close(&w);
    }
}

/* ---- revoked after they had done their part ---- */

static void revoke(group_world *w, uint32_t index)
{
    fedl_group_remove(&w->group, w->now_ns, w->devices[index].device_id);
}

static void revoked_after_its_part(void **state)
{
    (void)state;
    group_world w;
    group_world_open(&w, 5, FEDL_TRUST_ACTIVE, 16); /* t = 3: one may be lost */
    /* In SHARING: not in U2, though its shares are there. */
    group_world_begin(&w, 1);
    w.devices[4].silent_at = GROUP_SILENT_SHARES;
    group_world_run_to(&w, FEDL_GROUP_SHARING);
    group_world_settle(&w);
    revoke(&w, 0);
    w.devices[4].silent_at = GROUP_TALKS;
    group_world_run(&w);
    group_world_expect_exact(&w);
    assert_int_equal(fedl_group_u2_count(&w.group), 4);
    assert_int_equal(w.devices[0].answer, FEDL_GROUP_NOT_MEMBER);
    /* In MASKING: its vector stays in the sum, its help is not reckoned with. */
    group_world_begin(&w, 2);
    w.devices[4].silent_at = GROUP_SILENT_VECTOR;
    group_world_run_to(&w, FEDL_GROUP_MASKING);
    group_world_settle(&w);
    revoke(&w, 0);
    w.devices[4].silent_at = GROUP_TALKS;
    group_world_run(&w);
    group_world_expect_exact(&w);
    assert_int_equal(fedl_group_u3_count(&w.group), 5);
    assert_true(fedl_group_vector_counted(&w.group, w.devices[0].device_id));
    /* With another one lost that is one too many; found out before the round is at stake. */
    group_world_begin(&w, 3);
    w.devices[4].silent_at = GROUP_SILENT_VECTOR;
    group_world_run_to(&w, FEDL_GROUP_MASKING);
    group_world_settle(&w);
    revoke(&w, 0);
    group_world_run(&w);
    group_world_expect_failed(&w, "too few vectors", false);
    /* The same between confirming and unmasking: too late. */
    group_world_begin(&w, 4);
    w.devices[4].silent_at = GROUP_SILENT_CONFIRM;
    group_world_run_to(&w, FEDL_GROUP_CONFIRMING);
    group_world_settle(&w);
    revoke(&w, 0);
    group_world_run(&w);
    group_world_expect_failed(&w, "too few devices confirmed the survivors", true);
    group_world_close(&w);
}

/* When it is clear that the shares can't come any more, nobody waits for the end of the step. */
static void revoked_in_unmasking(void **state)
{
    (void)state;
    group_world w;
    group_world_open(&w, 5, FEDL_TRUST_CURIOUS, 16);
    group_world_begin(&w, 1);
    for (uint32_t i = 0; i < 4; i++) {
        w.devices[i].silent_at = GROUP_SILENT_UNMASK;
    }
    group_world_run_to(&w, FEDL_GROUP_UNMASKING);
    group_world_settle(&w);
    revoke(&w, 0);
    assert_int_equal(fedl_group_phase_of(&w.group), FEDL_GROUP_UNMASKING);
    revoke(&w, 1);
    group_world_expect_failed(&w, "too few good shares", true);
    /* All at once, between commit point and the first request. */
    group_world_begin(&w, 2);
    group_world_run_to(&w, FEDL_GROUP_FROZEN);
    for (uint32_t i = 0; i < 5; i++) {
        revoke(&w, i);
    }
    assert_int_equal(fedl_group_phase_of(&w.group), FEDL_GROUP_FROZEN);
    fedl_group_committed(&w.group, w.now_ns);
    group_world_expect_failed(&w, "too few good shares", true);
    w.plan.secagg.trust = FEDL_TRUST_ACTIVE;
    group_world_begin(&w, 3);
    group_world_run_to(&w, FEDL_GROUP_FROZEN);
    for (uint32_t i = 0; i < 5; i++) {
        revoke(&w, i);
    }
    fedl_group_committed(&w.group, w.now_ns);
    group_world_expect_failed(&w, "too few devices confirmed the survivors", true);
    group_world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rings_without_loss),
        cmocka_unit_test(losses_of_3),
        cmocka_unit_test(losses_of_5),
        cmocka_unit_test(losses_of_10),
        cmocka_unit_test(kinds_follow_survivors),
        cmocka_unit_test(revoked_at_every_step),
        cmocka_unit_test(revoked_after_its_part),
        cmocka_unit_test(revoked_in_unmasking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
