/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A party that was saved in the middle of a roster. The hash of the roster so far is a state of the
 * port's, with a fill count inside: whoever can write the device's storage may have set that count
 * behind the buffer, and every digest over it. So the roster is read again from its first byte.
 */
#include "cmocka_all.h"
#include "party_world.h"
#include "secagg/party_state.h"

#include <stdlib.h>
#include <string.h>

static world w;
static uint8_t *forged; /* a copy of the block of device 0 */
static uint8_t bound[32];
static uint32_t restored; /* how often */

static void copy_and_forge(const fedli_party_state *s, size_t size)
{
    memcpy(forged, s, size);
    memset(forged + s->at.area, 0xff, sizeof(fedli_roster_hash)); /* "full" is far behind the end */
    fedli_party_state *f = (fedli_party_state *)(void *)forged;
    fedli_hash(&w.crypto, f->state_digest, "fedl.ptystate.v1", f,
               offsetof(fedli_party_state, state_digest));
}

static void expect_begun_again(const fedli_party *party, const fedli_party_state *before)
{
    const fedli_party_state *s = party->state;
    assert_int_equal(fedli_party_next(party), FEDLI_PARTY_GET);
    assert_int_equal(fedli_party_item(party), FEDL_ITEM_ROSTER);
    assert_int_equal(fedli_party_offset(party), 0);
    assert_int_equal(s->phase, before->phase);
    const bool first = s->phase == FEDLI_PHASE_ROSTER;
    assert_int_equal(s->n, first ? 0 : before->n);
    assert_int_equal(s->position, first ? FEDLI_PARTY_NOWHERE : before->position);
    /* Nothing that came out of the roster stays, but what its first pass has fixed. */
    const uint32_t from = first ? s->at.peers : s->at.area;
    for (uint32_t i = from; i < s->at.block_bytes; i++) {
        assert_int_equal(((const uint8_t *)s)[i], 0);
    }
}

static void forge_half_a_roster(world *of, uint32_t position)
{
    const world_device *device = &of->devices[position];
    const fedli_party_state *s = device->party.state;
    const bool roster = s->phase == FEDLI_PHASE_ROSTER || s->phase == FEDLI_PHASE_ROSTER_AGAIN;
    if (position != 0 || !roster || !s->head_taken) {
        return;
    }
    fedli_party party;
    fedli_epoch_key epoch = device->epoch;
    const size_t size = fedli_party_size(&of->plan);
    const toy_blob *roster_blob = &of->toy.roster;
    copy_and_forge(s, size);
    assert_int_equal(fedli_party_restore(&party, &device->setup, &epoch, NULL, 0, forged, size),
                     FEDL_OK);
    expect_begun_again(&party, s);
    while (party.state->phase <= FEDLI_PHASE_ROSTER_AGAIN) {
        assert_int_equal(fedli_party_next(&party), FEDLI_PARTY_GET);
        const size_t at = (size_t)fedli_party_offset(&party);
        const size_t part = roster_blob->size - at > 5000 ? 5000 : roster_blob->size - at;
        fedli_party_take(&party, fedl_bytes_of(roster_blob->data + at, part), roster_blob->size);
    }
    assert_int_equal(party.state->phase, FEDLI_PHASE_CERTS);
    memcpy(bound, party.state->rb, sizeof bound);
    restored++;
}

static void open_world(uint32_t n, uint32_t part_bytes)
{
    restored = 0;
    world_init(&w, n, FEDL_TRUST_CURIOUS, 16, 956);
    forged = aligned_alloc(16, (fedli_party_size(&w.plan) + 15u) & ~(size_t)15u);
    assert_non_null(forged);
    w.part_bytes = part_bytes;
    w.look = forge_half_a_roster;
    world_begin(&w, 1, 1);
}

static void close_world(void)
{
    free(forged);
    world_deinit(&w);
}

static void a_roster_half_read_is_read_again(void **state)
{
    (void)state;
    open_world(6, 45);
    world_to_end(&w);
    assert_true(restored > 5);
    assert_memory_equal(bound, w.devices[0].party.state->rb, sizeof bound);
    world_expect_sum(&w);
    close_world();
}

/* A ring's second pass; only device 0 reads it here. */
static void so_is_one_that_is_read_twice(void **state)
{
    (void)state;
    open_world(129, 4000);
    world_to_roster(&w);
    world_pump(&w, 0);
    assert_true(restored > 3);
    assert_memory_equal(bound, w.devices[0].party.state->rb, sizeof bound);
    close_world();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_roster_half_read_is_read_again),
        cmocka_unit_test(so_is_one_that_is_read_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
