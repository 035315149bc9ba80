/* SPDX-License-Identifier: Apache-2.0 */
/* arena, hex, secret, status: small pieces, one program. */
#include "base/arena.h"
#include "base/hex.h"
#include "base/secret.h"
#include "cmocka_all.h"
#include "fedl/status.h"

#include <string.h>

static void lay_out(fedli_arena *arena)
{
    (void)fedli_arena_take(arena, 3, 7);
    (void)fedli_arena_take(arena, 1, 1);
    (void)fedli_arena_take(arena, 0, 100);
    (void)fedli_arena_take(arena, 5, 16);
}

static void counting_and_giving_agree(void **state)
{
    (void)state;
    static _Alignas(16) uint8_t block[256];
    fedli_arena arena;
    fedli_arena_init(&arena, NULL, 0);
    lay_out(&arena);
    const size_t need = fedli_arena_size(&arena);
    assert_int_equal(need, 32 + 16 + 0 + 80);
    for (size_t size = 0; size <= need; size++) {
        fedli_arena_init(&arena, block, size);
        lay_out(&arena);
        assert_int_equal(arena.failed, size < need);
        assert_int_equal(fedli_arena_size(&arena), size < need ? 0 : need);
    }
    fedli_arena_init(&arena, block + 1, sizeof block - 1);
    assert_null(fedli_arena_take(&arena, 1, 1));
    fedli_arena_init(&arena, NULL, 0);
    (void)fedli_arena_take(&arena, SIZE_MAX / 2, 3);
    assert_true(arena.failed);
}

static void hex_round_trip_and_errors(void **state)
{
    (void)state;
    const uint8_t data[4] = {0x00, 0x7f, 0xab, 0xff};
    char text[9];
    uint8_t back[4];
    fedli_hex_encode(text, data, 4);
    assert_string_equal(text, "007fabff");
    assert_int_equal(fedli_hex_decode(back, 4, "007FabFF"), FEDL_OK);
    assert_memory_equal(back, data, 4);
    assert_int_equal(fedli_hex_decode(back, 4, "007fabf"), FEDL_ERR_FORMAT);
    assert_int_equal(fedli_hex_decode(back, 4, "007fabff0"), FEDL_ERR_FORMAT);
    assert_int_equal(fedli_hex_decode(back, 4, "007fabfg"), FEDL_ERR_FORMAT);
    assert_int_equal(fedli_hex_decode(back, 4, ""), FEDL_ERR_FORMAT);
}

static void secrets_compare_and_vanish(void **state)
{
    (void)state;
    uint8_t a[32];
    uint8_t b[32];
    memset(a, 0x5a, sizeof a);
    memcpy(b, a, sizeof b);
    assert_true(fedli_equal_ct(a, b, sizeof a));
    assert_true(fedli_equal_ct(a, b, 0));
    for (size_t i = 0; i < sizeof a * 8; i++) {
        b[i / 8] = (uint8_t)(b[i / 8] ^ (1u << (i % 8)));
        assert_false(fedli_equal_ct(a, b, sizeof a));
        b[i / 8] = a[i / 8];
    }
    fedli_wipe(a, sizeof a);
    memset(b, 0, sizeof b);
    assert_memory_equal(a, b, sizeof a);
}

static void every_status_has_its_own_text(void **state)
{
    (void)state;
    assert_string_equal(fedl_status_text(FEDL_OK), "ok");
    for (int32_t i = 1; i <= 27; i++) {
        const char *text = fedl_status_text((fedl_status)-i);
        assert_string_not_equal(text, "unknown status");
        for (int32_t j = 1; j < i; j++) {
            assert_string_not_equal(text, fedl_status_text((fedl_status)-j));
        }
    }
    assert_string_equal(fedl_status_text((fedl_status)-999), "unknown status");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counting_and_giving_agree),
        cmocka_unit_test(hex_round_trip_and_errors),
        cmocka_unit_test(secrets_compare_and_vanish),
        cmocka_unit_test(every_status_has_its_own_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
