/* SPDX-License-Identifier: Apache-2.0 */
/* A lying server or neighbour from SHARES on: FORWARD, SURVIVORS, CONFIRMS, and repeated ones. */
#include "base/cursor.h"
#include "cmocka_all.h"
#include "party_attack.h"
#include "secagg/share.h"

#include <stdlib.h>
#include <string.h>

#define NAMED(spoil) #spoil

static void clear_bit(uint8_t *bitmap, uint32_t i)
{
    bitmap[i / 8] = (uint8_t)(bitmap[i / 8] & ~(1u << (i % 8)));
}

/* ---- FORWARD; with 5 devices: bitmap 1 ‖ 4 · 96 ---- */

static void forward_short(world *w, toy_blob *forward)
{
    (void)w;
    attack_resize(forward, forward->size - 1);
}

static void forward_long(world *w, toy_blob *forward)
{
    (void)w;
    attack_resize(forward, forward->size + 96);
}

static void forward_padding(world *w, toy_blob *forward)
{
    fedli_bitmap_set(forward->data, w->count);
}

static void forward_without_self(world *w, toy_blob *forward)
{
    (void)w;
    clear_bit(forward->data, 0);
}

static void forward_of_two(world *w, toy_blob *forward)
{
    (void)w;
    forward->data[0] = 3;
    attack_resize(forward, 1 + 96);
}

static void forward_few_neighbours(world *w, toy_blob *forward)
{
    (void)w;
    forward->data[0] = 7; /* three devices, two neighbours, t = 3 */
    attack_resize(forward, 1 + 2 * 96);
}

/* ---- SURVIVORS ---- */

static void survivors_long(world *w, toy_blob *survivors)
{
    (void)w;
    attack_resize(survivors, 2);
}

static void survivors_padding(world *w, toy_blob *survivors)
{
    (void)w;
    survivors->data[0] |= 0x80;
}

static void survivors_without_self(world *w, toy_blob *survivors)
{
    (void)w;
    clear_bit(survivors->data, 0);
}

static void survivors_of_two(world *w, toy_blob *survivors)
{
    (void)w;
    survivors->data[0] = 3;
}

static void survivors_few_neighbours(world *w, toy_blob *survivors)
{
    (void)w;
    survivors->data[0] = 7;
}

/* ---- CONFIRMS; bitmap 1 ‖ 4 · 16 ---- */

static void confirms_padding(world *w, toy_blob *confirms)
{
    (void)w;
    confirms->data[0] |= 0x10;
}

static void confirms_short(world *w, toy_blob *confirms)
{
    (void)w;
    attack_resize(confirms, confirms->size - 16);
}

static void confirms_long(world *w, toy_blob *confirms)
{
    (void)w;
    attack_resize(confirms, confirms->size + 16);
}

static void confirms_of_two(world *w, toy_blob *confirms)
{
    (void)w;
    confirms->data[0] = 3;
    attack_resize(confirms, 1 + 2 * 16);
}

static void confirms_of_nobody(world *w, toy_blob *confirms)
{
    (void)w;
    confirms->data[0] = 0;
    attack_resize(confirms, 1);
}

static void confirms_forged(world *w, toy_blob *confirms)
{
    (void)w;
    confirms->data[1] ^= 1;
    confirms->data[1 + 16 + 15] ^= 1;
}

static void confirms_swapped(world *w, toy_blob *confirms)
{
    (void)w;
    uint8_t tag[16];
    memcpy(tag, confirms->data + 1, 16);
    memcpy(confirms->data + 1, confirms->data + 17, 16);
    memcpy(confirms->data + 17, tag, 16);
}

static void confirms_reflected(world *w, toy_blob *confirms)
{
    memcpy(confirms->data + 1, w->toy.confirm[0].data, confirms->size - 1);
}

static void confirms_of_one_only(world *w, toy_blob *confirms)
{
    (void)w;
    for (uint32_t i = 1; i < 4; i++) {
        memcpy(confirms->data + 1 + 16 * i, confirms->data + 1, 16);
    }
}

static const attack attacks[] = {
    {NAMED(forward_short), FEDL_ITEM_FORWARD, forward_short, FEDL_REFUSAL_FORWARD_FORM},
    {NAMED(forward_long), FEDL_ITEM_FORWARD, forward_long, FEDL_REFUSAL_FORWARD_FORM},
    {NAMED(forward_padding), FEDL_ITEM_FORWARD, forward_padding, FEDL_REFUSAL_FORWARD_FORM},
    {NAMED(forward_without_self), FEDL_ITEM_FORWARD, forward_without_self,
     FEDL_REFUSAL_FORWARD_SELF},
    {NAMED(forward_of_two), FEDL_ITEM_FORWARD, forward_of_two, FEDL_REFUSAL_FORWARD_SMALL},
    {NAMED(forward_few_neighbours), FEDL_ITEM_FORWARD, forward_few_neighbours,
     FEDL_REFUSAL_FORWARD_NEIGHBOURS},
    {NAMED(survivors_long), FEDL_ITEM_SURVIVORS, survivors_long, FEDL_REFUSAL_SURVIVORS_FORM},
    {NAMED(survivors_padding), FEDL_ITEM_SURVIVORS, survivors_padding, FEDL_REFUSAL_SURVIVORS_FORM},
    {NAMED(survivors_without_self), FEDL_ITEM_SURVIVORS, survivors_without_self,
     FEDL_REFUSAL_SURVIVORS_SELF},
    {NAMED(survivors_of_two), FEDL_ITEM_SURVIVORS, survivors_of_two, FEDL_REFUSAL_SURVIVORS_SMALL},
    {NAMED(survivors_few_neighbours), FEDL_ITEM_SURVIVORS, survivors_few_neighbours,
     FEDL_REFUSAL_SURVIVORS_NEIGHBOURS},
    {NAMED(confirms_padding), FEDL_ITEM_CONFIRMS, confirms_padding, FEDL_REFUSAL_CONFIRM_FORM},
    {NAMED(confirms_short), FEDL_ITEM_CONFIRMS, confirms_short, FEDL_REFUSAL_CONFIRM_FORM},
    {NAMED(confirms_long), FEDL_ITEM_CONFIRMS, confirms_long, FEDL_REFUSAL_CONFIRM_FORM},
    {NAMED(confirms_of_two), FEDL_ITEM_CONFIRMS, confirms_of_two, FEDL_REFUSAL_CONFIRM_FEW},
    {NAMED(confirms_of_nobody), FEDL_ITEM_CONFIRMS, confirms_of_nobody, FEDL_REFUSAL_CONFIRM_FEW},
    {NAMED(confirms_forged), FEDL_ITEM_CONFIRMS, confirms_forged, FEDL_REFUSAL_CONFIRM_FEW},
    {NAMED(confirms_swapped), FEDL_ITEM_CONFIRMS, confirms_swapped, FEDL_REFUSAL_CONFIRM_FEW},
    {NAMED(confirms_reflected), FEDL_ITEM_CONFIRMS, confirms_reflected, FEDL_REFUSAL_CONFIRM_FEW},
    {NAMED(confirms_of_one_only), FEDL_ITEM_CONFIRMS, confirms_of_one_only,
     FEDL_REFUSAL_CONFIRM_FEW},
};

static void lies_about_survivors_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        attack_run(&attacks[i], ATTACK_DEVICES);
    }
}

/* Zero bytes never move a pump: offered by hand. */
static void empty_items_are_refused(void **state)
{
    (void)state;
    const fedl_bytes none = fedl_bytes_of("", 0);
    world w;
    world_init(&w, ATTACK_DEVICES, FEDL_TRUST_ACTIVE, 16, 800);
    world_begin(&w, 1, 1);
    world_to_vectors(&w);
    fedli_party_take(&w.devices[0].party, none, 0);
    world_expect_refused(&w, 0, FEDL_REFUSAL_SURVIVORS_FORM);
    world_begin(&w, 1, 2);
    world_to_shares(&w);
    fedli_party_take(&w.devices[1].party, none, 0);
    world_expect_refused(&w, 1, FEDL_REFUSAL_FORWARD_FORM);
    world_deinit(&w);
}

/* One bad tag among enough good ones only does not count. */
static void one_forged(world *w, toy_blob *confirms)
{
    (void)w;
    confirms->data[1] ^= 1;
}

static void spare_confirmations_may_be_bad(void **state)
{
    (void)state;
    world w;
    attack lie = {"one_forged", FEDL_ITEM_CONFIRMS, one_forged, FEDL_REFUSAL_NONE};
    world_init(&w, ATTACK_DEVICES, FEDL_TRUST_ACTIVE, 16, 801);
    w.tamper = attack_tell;
    w.tamper_context = &lie;
    world_begin(&w, 1, 1);
    world_to_end(&w);
    assert_int_equal(fedli_party_next(&w.devices[0].party), FEDLI_PARTY_DONE);
    world_expect_sum(&w);
    world_deinit(&w);
}

/* A device that did not send SHARES is said to be alive, and confirms. */
static void resurrected(world *w, toy_blob *survivors)
{
    fedli_bitmap_set(survivors->data, w->tamper_target);
}

static void confirms_of_the_dead(world *w, toy_blob *confirms)
{
    fedli_bitmap_set(confirms->data, w->tamper_target - 1); /* neighbour order of device 0 */
    attack_resize(confirms, confirms->size + 16);
}

static void the_dead_stay_dead(void **state)
{
    (void)state;
    static const attack lies[] = {
        {"resurrected", FEDL_ITEM_SURVIVORS, resurrected, FEDL_REFUSAL_SURVIVORS_FORGED},
        {"confirms_of_the_dead", FEDL_ITEM_CONFIRMS, confirms_of_the_dead,
         FEDL_REFUSAL_CONFIRM_FORM}};
    for (uint32_t i = 0; i < 2; i++) {
        world w;
        world_init(&w, 10, FEDL_TRUST_ACTIVE, 16, 802);
        w.tamper_target = 3;
        w.devices[3].lost_at_shares = true;
        attack_in(&w, &lies[i]);
        world_deinit(&w);
    }
}

/* ---- too few for the site, enough for t ---- */

static void too_few_for_the_site(void **state)
{
    (void)state;
    for (uint32_t late = 0; late < 2; late++) {
        world w;
        fedl_site_policy policy;
        world_init(&w, 10, FEDL_TRUST_ACTIVE, 16, 803);
        policy = w.policy;
        policy.min_cohort = 9;
        w.devices[8].lost_at_shares = late == 0;
        w.devices[9].lost_at_shares = late == 0;
        w.devices[8].lost_at_vector = true;
        w.devices[9].lost_at_vector = true;
        world_begin(&w, 1, 1);
        w.devices[0].setup.policy = &policy;
        world_to_end(&w);
        world_expect_refused(&w, 0,
                             late == 0 ? FEDL_REFUSAL_FORWARD_SMALL : FEDL_REFUSAL_SURVIVORS_SMALL);
        world_expect_numbers(&w, 0, 8, 9);
        world_expect_sum(&w);
        world_deinit(&w);
    }
}

/* ---- shares that do not open ---- */

static void expect_complaint(world *w, uint32_t position, uint32_t accused)
{
    const fedli_party *party = &w->devices[position].party;
    world_expect_refused(w, position, FEDL_REFUSAL_SHARE);
    assert_int_equal(fedli_party_accused(party), w->devices[accused].id);
    assert_int_equal(w->toy.blamed, w->devices[accused].id);
    assert_int_equal(w->toy.complaints, 1);
    assert_null(w->toy.vector[position].data);
}

static void flipped(world *w, toy_blob *forward)
{
    forward->data[1 + w->tamper_target / 8] ^= (uint8_t)(1u << (w->tamper_target % 8));
}

static void every_changed_share_is_complained_about(void **state)
{
    (void)state;
    for (uint32_t bit = 0; bit < 8 * 4 * 96; bit += 37) {
        world w;
        attack lie = {"flipped", FEDL_ITEM_FORWARD, flipped, FEDL_REFUSAL_SHARE};
        world_init(&w, ATTACK_DEVICES, FEDL_TRUST_ACTIVE, 16, 804);
        w.tamper_target = bit;
        attack_in(&w, &lie);
        expect_complaint(&w, 0, 1 + bit / (8 * 96));
        world_deinit(&w);
    }
}

static toy_blob old_forward;
static void replayed_forward(world *w, toy_blob *forward)
{
    (void)w;
    memcpy(forward->data, old_forward.data, forward->size);
}

static void shares_of_an_earlier_attempt_are_refused(void **state)
{
    (void)state;
    world w;
    attack lie = {"replayed_forward", FEDL_ITEM_FORWARD, replayed_forward, FEDL_REFUSAL_SHARE};
    world_init(&w, ATTACK_DEVICES, FEDL_TRUST_ACTIVE, 16, 805);
    world_set_cache(&w, 4); /* the same pairs, the same round */
    world_begin(&w, 1, 2);
    world_to_shares(&w);
    old_forward = toy_get(&w.toy, 0, FEDL_ITEM_FORWARD);
    attack_in(&w, &lie);
    expect_complaint(&w, 0, 1);
    free(old_forward.data);
    world_deinit(&w);
}

/* Device 0 trains another model than the others: no share of anybody opens. */
static void another_model_is_another_round(void **state)
{
    (void)state;
    world w;
    world_init(&w, ATTACK_DEVICES, FEDL_TRUST_ACTIVE, 16, 806);
    world_begin(&w, 1, 1);
    w.devices[0].setup.attempt.model_digest[0] ^= 1; /* what the manifest told it */
    fedli_party_end(&w.devices[0].party);
    assert_int_equal(fedli_party_begin(&w.devices[0].party, &w.devices[0].setup,
                                       &w.devices[0].epoch, NULL, 0, w.devices[0].block,
                                       fedli_party_size(&w.plan)),
                     FEDL_OK);
    world_to_end(&w);
    for (uint32_t i = 0; i < w.count; i++) {
        world_expect_refused(&w, i, FEDL_REFUSAL_SHARE);
        assert_int_equal(fedli_party_accused(&w.devices[i].party), w.devices[i == 0 ? 1 : 0].id);
        assert_null(w.toy.vector[i].data);
    }
    assert_int_equal(w.toy.complaints, w.count);
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lies_about_survivors_are_refused),
        cmocka_unit_test(empty_items_are_refused),
        cmocka_unit_test(spare_confirmations_may_be_bad),
        cmocka_unit_test(the_dead_stay_dead),
        cmocka_unit_test(too_few_for_the_site),
        cmocka_unit_test(every_changed_share_is_complained_about),
        cmocka_unit_test(shares_of_an_earlier_attempt_are_refused),
        cmocka_unit_test(another_model_is_another_round),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
