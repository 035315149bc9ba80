/* SPDX-License-Identifier: Apache-2.0 */
/* A server that lost what came in behind the commit point gets it again, byte for byte. */
#include "cmocka_all.h"
#include "party_world.h"

#include <string.h>

/* What the device of a position puts from here to its end; returns how many items. */
static uint32_t put_rest(world *w, uint32_t position, fedl_group_item items[4], uint8_t *out)
{
    fedli_party *party = &w->devices[position].party;
    uint32_t count = 0;
    while (fedli_party_next(party) == FEDLI_PARTY_PUT) {
        const fedl_bytes blob = fedli_party_blob(party);
        assert_true(count < 4);
        items[count++] = fedli_party_item(party);
        memcpy(out, blob.data, blob.size);
        out += blob.size;
        fedli_party_put_done(party);
    }
    return count;
}

static void done_parties_repeat_themselves(void **state)
{
    (void)state;
    for (int active = 0; active < 2; active++) {
        world w;
        uint8_t first[2048] = {0};
        uint8_t second[2048] = {0};
        fedl_group_item items[4];
        world_init(&w, 6, active != 0 ? FEDL_TRUST_ACTIVE : FEDL_TRUST_CURIOUS, 16, 77);
        world_begin(&w, 1, 1);
        w.devices[4].lost_at_vector = true;
        world_to_end(&w);
        world_expect_sum(&w);
        fedli_party *party = &w.devices[1].party;
        assert_int_equal(fedli_party_next(party), FEDLI_PARTY_DONE);
        fedli_party_rewind(party);
        assert_int_equal(put_rest(&w, 1, items, first), active != 0 ? 2 : 1);
        assert_int_equal(items[0], active != 0 ? FEDL_ITEM_CONFIRM : FEDL_ITEM_UNMASK);
        assert_int_equal(items[active], FEDL_ITEM_UNMASK);
        assert_int_equal(fedli_party_next(party), FEDLI_PARTY_DONE);
        /* The server compares with what it got at first. */
        toy_put(
            &w.toy, 1, FEDL_ITEM_UNMASK,
            fedl_bytes_of(first + (active != 0 ? w.toy.confirm[1].size : 0), w.toy.unmask[1].size));
        fedli_party_rewind(party);
        (void)put_rest(&w, 1, items, second);
        assert_memory_equal(first, second, sizeof first);
        world_expect_wiped(&w, 1);
        world_deinit(&w);
    }
}

static void a_set_of_confirmations_is_read_from_its_beginning(void **state)
{
    (void)state;
    world w;
    world_init(&w, 6, FEDL_TRUST_ACTIVE, 16, 78);
    world_begin(&w, 1, 1);
    world_to_survivors(&w); /* CONFIRM is put */
    fedli_party *party = &w.devices[2].party;
    assert_int_equal(fedli_party_item(party), FEDL_ITEM_CONFIRMS);
    const uint8_t head = 0;
    fedli_party_take(party, fedl_bytes_of(&head, 0), 1u + 16u * 5u);
    fedli_party_rewind(party);
    assert_int_equal(fedli_party_next(party), FEDLI_PARTY_PUT);
    assert_int_equal(fedli_party_item(party), FEDL_ITEM_CONFIRM);
    toy_put(&w.toy, 2, FEDL_ITEM_CONFIRM, fedli_party_blob(party));
    fedli_party_put_done(party);
    assert_int_equal(fedli_party_item(party), FEDL_ITEM_CONFIRMS);
    assert_int_equal(fedli_party_offset(party), 0);
    world_pump_all(&w);
    world_expect_sum(&w);
    world_deinit(&w);
}

static void nothing_is_repeated_before_the_commit_point(void **state)
{
    (void)state;
    world w;
    world_init(&w, 6, FEDL_TRUST_CURIOUS, 16, 79);
    world_begin(&w, 1, 1);
    fedli_party_rewind(&w.devices[0].party);
    assert_int_equal(fedli_party_item(&w.devices[0].party), FEDL_ITEM_READY);
    world_to_vectors(&w);
    fedli_party_rewind(&w.devices[0].party);
    assert_int_equal(fedli_party_item(&w.devices[0].party), FEDL_ITEM_SURVIVORS);
    fedli_party_take(&w.devices[0].party, fedl_bytes_of("", 1), 1); /* nobody has survived */
    assert_int_equal(fedli_party_next(&w.devices[0].party), FEDLI_PARTY_REFUSED);
    fedli_party_rewind(&w.devices[0].party);
    assert_int_equal(fedli_party_next(&w.devices[0].party), FEDLI_PARTY_REFUSED);
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(done_parties_repeat_themselves),
        cmocka_unit_test(a_set_of_confirmations_is_read_from_its_beginning),
        cmocka_unit_test(nothing_is_repeated_before_the_commit_point),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
