/* SPDX-License-Identifier: Apache-2.0 */
/* Cohorts that a device refuses, where more than one blob has to be wrong: policies, old and
 * changed rosters, keys of low order. */
#include "base/cursor.h"
#include "cmocka_all.h"
#include "party_attack.h"

#include <stdlib.h>
#include <string.h>

#define AT_NONCE 73u /* in a roster's entry */

/* The roster of the former attempt, complete and once honest. */
static toy_blob old_roster;
static void replayed_roster(world *w, toy_blob *roster)
{
    (void)w;
    memcpy(roster->data, old_roster.data, roster->size);
}

/* Device 0 belongs to another site than the others. */
static void site_refuses(const fedl_site_policy *policy, fedl_refusal expected)
{
    world w;
    world_init(&w, ATTACK_DEVICES, FEDL_TRUST_ACTIVE, 16, 700);
    world_begin(&w, 1, 1);
    w.devices[0].setup.policy = policy;
    world_to_end(&w);
    world_expect_refused(&w, 0, expected);
    world_expect_sum(&w);
    world_deinit(&w);
}

static void sites_ask_for_more_than_the_plan(void **state)
{
    (void)state;
    fedl_site_policy policy;
    fedl_site_policy_default(&policy);
    policy.min_cohort = ATTACK_DEVICES + 1;
    site_refuses(&policy, FEDL_REFUSAL_COHORT_SMALL);
    policy.min_cohort = 3;
    policy.gamma_permille = 700; /* c = 4 of 5: nobody is left to hide among */
    site_refuses(&policy, FEDL_REFUSAL_COHORT_SMALL);
    policy.gamma_permille = 300; /* c = 2: t would have to be 4 */
    site_refuses(&policy, FEDL_REFUSAL_PARAMETERS);
}

/* A tiny cohort, all of it honest: the plan's own min_cohort. */
static void a_tiny_cohort_is_refused(void **state)
{
    (void)state;
    world w;
    world_init(&w, 4, FEDL_TRUST_CURIOUS, 16, 701);
    w.plan.update.clients_max = 10;
    w.plan.secagg.min_cohort = 5;
    for (uint32_t i = 0; i < w.count; i++) {
        free(w.devices[i].block);
        w.devices[i].block = calloc(1, fedli_party_size(&w.plan));
        assert_non_null(w.devices[i].block);
    }
    world_begin(&w, 1, 1);
    world_to_roster(&w);
    world_pump_all(&w);
    for (uint32_t i = 0; i < w.count; i++) {
        world_expect_refused(&w, i, FEDL_REFUSAL_COHORT_SMALL);
        world_expect_numbers(&w, i, 4, 5);
    }
    world_deinit(&w);
}

/* More devices than the plan has room for in its ring: the sum could overflow. */
static void a_huge_cohort_is_refused(void **state)
{
    (void)state;
    world w;
    world_init(&w, ATTACK_DEVICES, FEDL_TRUST_CURIOUS, 16, 702);
    w.plan.update.clients_max = 4;
    world_begin(&w, 1, 1);
    world_to_roster(&w);
    world_pump(&w, 0);
    world_expect_refused(&w, 0, FEDL_REFUSAL_COHORT_LARGE);
    world_expect_numbers(&w, 0, ATTACK_DEVICES, 4);
    world_deinit(&w);
}

static void an_old_roster_is_refused(void **state)
{
    (void)state;
    world w;
    attack lie = {"replayed_roster", FEDL_ITEM_ROSTER, replayed_roster, FEDL_REFUSAL_ROSTER_NONCE};
    world_init(&w, ATTACK_DEVICES, FEDL_TRUST_ACTIVE, 16, 703);
    world_begin(&w, 1, 2);
    world_to_roster(&w);
    old_roster = toy_get(&w.toy, 0, FEDL_ITEM_ROSTER);
    attack_in(&w, &lie);
    free(old_roster.data);
    world_deinit(&w);
}

static void an_expired_certificate_is_refused(void **state)
{
    (void)state;
    world w;
    world_init(&w, ATTACK_DEVICES, FEDL_TRUST_ACTIVE, 16, 704);
    world_begin(&w, 1, 1);
    w.devices[0].setup.utc_s = WORLD_UTC_S + 1;
    world_to_end(&w);
    world_expect_refused(&w, 0, FEDL_REFUSAL_CERTIFICATE);
    assert_int_equal(fedli_party_accused(&w.devices[0].party), w.devices[1].id);
    world_expect_sum(&w);
    world_deinit(&w);
}

/* A colluding device certifies a point of low order: every pair with it would be known. */
static void a_weak_key_is_refused(void **state)
{
    (void)state;
    world w;
    world_init(&w, ATTACK_DEVICES, FEDL_TRUST_ACTIVE, 16, 705);
    fedli_epoch_key *key = &w.devices[2].epoch;
    memset(key->cert.epoch_public, 0, 32);
    key->cert.epoch_public[0] = 1;
    fedli_epoch_cert_issue(&w.crypto, key->cert_bytes, &key->cert, w.devices[2].id_secret);
    world_begin(&w, 1, 1);
    world_to_roster(&w);
    world_pump_all(&w);
    for (uint32_t i = 0; i < w.count; i++) {
        if (i != 2) {
            world_expect_refused(&w, i, FEDL_REFUSAL_WEAK_KEY);
            assert_int_equal(fedli_party_accused(&w.devices[i].party), w.devices[2].id);
            assert_int_equal(w.devices[i].stored_opened, 0);
        }
    }
    world_deinit(&w);
}

/* ---- a roster that is read in two passes ---- */

static void own_key_again(world *w, toy_blob *roster)
{
    memcpy(attack_entry(roster, 77) + 36, w->devices[0].epoch.cert.epoch_public, 32);
}

static void weaker_t(world *w, toy_blob *roster)
{
    fedli_store_u16(roster->data + 6, (uint16_t)((w->toy.k + 1) / 2));
}

static void weaker_k(world *w, toy_blob *roster)
{
    fedli_store_u16(roster->data + 4, (uint16_t)(w->toy.k - 2));
}

static void changed_between_passes(world *w, toy_blob *roster)
{
    if (w->devices[0].certs_got == 0 && fedli_party_cohort(&w->devices[0].party) != 0) {
        attack_entry(roster, w->tamper_target)[AT_NONCE] ^= 1;
    }
}

static void longer_in_the_second_pass(world *w, toy_blob *roster)
{
    if (fedli_party_cohort(&w->devices[0].party) != 0) {
        attack_resize(roster, roster->size + FEDLI_ROSTER_ENTRY_BYTES);
    }
}

static void other_t_in_the_second_pass(world *w, toy_blob *roster)
{
    if (fedli_party_cohort(&w->devices[0].party) != 0) {
        fedli_store_u16(roster->data + 6, (uint16_t)(w->toy.t + 1));
    }
}

/* Only device 0 is run behind READY: a ring of 129 costs too much otherwise. */
static void ring_refuses(void (*spoil)(world *, toy_blob *), uint32_t target, fedl_refusal expected)
{
    world w;
    attack lie = {"ring", FEDL_ITEM_ROSTER, spoil, expected};
    world_init(&w, 129, FEDL_TRUST_CURIOUS, 16, 706);
    world_begin(&w, 1, 1);
    world_to_roster(&w);
    w.tamper = attack_tell;
    w.tamper_context = &lie;
    w.tamper_target = target;
    world_pump(&w, 0);
    world_expect_refused(&w, 0, expected);
    world_deinit(&w);
}

static void a_changed_roster_is_refused(void **state)
{
    (void)state;
    ring_refuses(changed_between_passes, 1, FEDL_REFUSAL_ROSTER_CHANGED);
    ring_refuses(changed_between_passes, 128, FEDL_REFUSAL_ROSTER_CHANGED);
    ring_refuses(longer_in_the_second_pass, 0, FEDL_REFUSAL_ROSTER_CHANGED);
    ring_refuses(other_t_in_the_second_pass, 0, FEDL_REFUSAL_ROSTER_CHANGED);
    ring_refuses(own_key_again, 0, FEDL_REFUSAL_ROSTER_KEYS);
    ring_refuses(weaker_t, 0, FEDL_REFUSAL_PARAMETERS);
    ring_refuses(weaker_k, 0, FEDL_REFUSAL_PARAMETERS);
}

/* The announced size changes while the roster is read. */
static void a_changed_total_is_refused(void **state)
{
    (void)state;
    world w;
    world_init(&w, ATTACK_DEVICES, FEDL_TRUST_CURIOUS, 16, 707);
    world_begin(&w, 1, 1);
    world_to_roster(&w);
    fedli_party *party = &w.devices[0].party;
    fedli_party_take(party, fedl_bytes_of(w.toy.roster.data, 100), w.toy.roster.size);
    assert_int_equal(fedli_party_next(party), FEDLI_PARTY_GET);
    fedli_party_take(party, fedl_bytes_of(w.toy.roster.data + 100, 1), w.toy.roster.size + 89);
    world_expect_refused(&w, 0, FEDL_REFUSAL_ROSTER_CHANGED);
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sites_ask_for_more_than_the_plan),
        cmocka_unit_test(a_tiny_cohort_is_refused),
        cmocka_unit_test(a_huge_cohort_is_refused),
        cmocka_unit_test(an_old_roster_is_refused),
        cmocka_unit_test(an_expired_certificate_is_refused),
        cmocka_unit_test(a_weak_key_is_refused),
        cmocka_unit_test(a_changed_roster_is_refused),
        cmocka_unit_test(a_changed_total_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
