/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Three whole attempts from fixed secrets, frozen: who sends or gets what, how many bytes, and the
 * BLAKE2b-256 of each blob in order. A change of any layout or derivation shows here.
 *
 * "test_party_transcripts --write >tests/secagg/party_transcripts.h" writes the header anew; only
 * for a change of the protocol that is meant.
 */
#include "cmocka_all.h"
#include "party_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REFUSED 100u /* in place of an item: no blob, the size is the refusal */

typedef struct line {
    uint32_t device_id;
    uint32_t what;
    uint32_t bytes;
    const char *digest;
} line;

#include "party_transcripts.h"

/* ---- one transcript under way ---- */

static const line *expected; /* NULL: write */
static size_t expected_count;
static size_t line_count;

static void tell(world *w, uint32_t position, uint32_t what, size_t size, const uint8_t *data)
{
    uint8_t digest[32];
    char text[65];
    fedl_digest(&w->crypto, digest, data, what == REFUSED ? 0 : size);
    for (uint32_t i = 0; i < 32; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", digest[i]);
    }
    const uint32_t device_id = w->devices[position].id;
    if (expected == NULL) {
        (void)printf("    {%u, %u, %zu,\n     \"%s\"},\n", device_id, what, size, text);
    } else {
        assert_in_range(line_count, 0, expected_count - 1);
        assert_int_equal(expected[line_count].device_id, device_id);
        assert_int_equal(expected[line_count].what, what);
        assert_int_equal(expected[line_count].bytes, size);
        assert_string_equal(expected[line_count].digest, text);
    }
    line_count++;
}

static void note(world *w, uint32_t position, uint32_t what, fedl_bytes bytes)
{
    tell(w, position, what, bytes.size, bytes.data);
}

static void spoil_share(world *w, uint32_t position, fedl_group_item item, toy_blob *blob)
{
    (void)w;
    if (position == 1 && item == FEDL_ITEM_FORWARD) {
        blob->data[blob->size - 1] ^= 1; /* of the last neighbour */
    }
}

static void play(uint32_t n, bool lost, bool aborted, const line *lines, size_t count)
{
    world w;
    expected = lines;
    expected_count = count;
    line_count = 0;
    world_init(&w, n, FEDL_TRUST_ACTIVE, 16, 1);
    w.note = note;
    w.tamper = aborted ? spoil_share : NULL;
    w.devices[n - 2].lost_at_vector = lost;
    world_begin(&w, 3, 1);
    world_to_shares(&w);
    world_pump_all(&w);
    if (!aborted) {
        toy_freeze_u3(&w.toy);
        world_pump_all(&w);
        w.toy.confirms_frozen = true;
        world_pump_all(&w);
        world_expect_sum(&w);
    }
    for (uint32_t i = 0; i < n; i++) {
        if (fedli_party_next(&w.devices[i].party) == FEDLI_PARTY_REFUSED) {
            tell(&w, i, REFUSED, (size_t)world_refusal(&w, i), NULL);
        }
    }
    world_deinit(&w);
}

/* ---- tests ---- */

#define COUNT(lines) (sizeof(lines) / sizeof((lines)[0]))

static void three_devices(void **state)
{
    (void)state;
    play(3, false, false, three, COUNT(three));
    assert_int_equal(line_count, COUNT(three));
}

static void three_devices_aborted(void **state)
{
    (void)state;
    play(3, false, true, three_aborted, COUNT(three_aborted));
    assert_int_equal(line_count, COUNT(three_aborted));
}

static void five_devices_one_lost(void **state)
{
    (void)state;
    play(5, true, false, five_one_lost, COUNT(five_one_lost));
    assert_int_equal(line_count, COUNT(five_one_lost));
}

static void write_one(const char *name, uint32_t n, bool lost, bool aborted)
{
    (void)printf("\nstatic const line %s[] = {\n", name);
    play(n, lost, aborted, NULL, 0);
    (void)printf("};\n");
}

static int write_all(void)
{
    (void)printf("/* SPDX-License-Identifier: Apache-2.0 */\n"
                 "/* Written by test_party_transcripts --write. Device, item (99: vector, 100: "
                 "refused), bytes,\n * digest. */\n/* clang-format off */\n");
    write_one("three", 3, false, false);
    write_one("three_aborted", 3, false, true);
    write_one("five_one_lost", 5, true, false);
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(three_devices),
        cmocka_unit_test(three_devices_aborted),
        cmocka_unit_test(five_devices_one_lost),
    };
    if (argc == 2 && strcmp(argv[1], "--write") == 0) {
        return write_all();
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
