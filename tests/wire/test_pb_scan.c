/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "wire/pb_arena.h"
#include "wire/pb_scan.h"

static void scan_accepts_and_refuses(void **state)
{
    (void)state;
    static const struct {
        size_t size;
        uint8_t bytes[16];
        fedl_status expected;
        const char *what;
    } rows[] = {
        {0, {0}, FEDL_OK, "the empty message"},
        {2, {0x08, 0x00}, FEDL_OK, "field 1, varint"},
        {3, {0x08, 0x80, 0x00}, FEDL_OK, "a varint longer than needed"},
        {1, {0x08}, FEDL_ERR_FORMAT, "a key without a value"},
        {2, {0x08, 0x80}, FEDL_ERR_FORMAT, "an open varint"},
        {4, {0x08, 0x01, 0x08, 0x02}, FEDL_ERR_FORMAT, "field 1 twice"},
        {4, {0x08, 0x01, 0x10, 0x02}, FEDL_OK, "fields 1 and 2"},
        {2, {0x00, 0x00}, FEDL_ERR_FORMAT, "field number 0"},
        {3, {0xf8, 0x03, 0x00}, FEDL_OK, "field number 63"},
        {3, {0x80, 0x04, 0x00}, FEDL_ERR_FORMAT, "field number 64"},
        {9, {0x09, 1, 2, 3, 4, 5, 6, 7, 8}, FEDL_OK, "64 fixed bits"},
        {8, {0x09, 1, 2, 3, 4, 5, 6, 7}, FEDL_ERR_FORMAT, "64 fixed bits, cut"},
        {5, {0x0d, 1, 2, 3, 4}, FEDL_OK, "32 fixed bits"},
        {4, {0x0d, 1, 2, 3}, FEDL_ERR_FORMAT, "32 fixed bits, cut"},
        {4, {0x0a, 0x02, 'a', 'b'}, FEDL_OK, "two bytes"},
        {3, {0x0a, 0x02, 'a'}, FEDL_ERR_FORMAT, "two bytes, one missing"},
        {2, {0x0a, 0x00}, FEDL_OK, "no bytes"},
        {12,
         {0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0},
         FEDL_ERR_FORMAT,
         "a length of 2^64 - 1"},
        {11,
         {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01},
         FEDL_OK,
         "the varint 2^64 - 1"},
        {11,
         {0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02},
         FEDL_ERR_FORMAT,
         "a varint beyond 64 bits"},
        {2, {0x0b, 0x0c}, FEDL_ERR_FORMAT, "a group"},
        {1, {0x0c}, FEDL_ERR_FORMAT, "the end of a group"},
        {2, {0x0e, 0x00}, FEDL_ERR_FORMAT, "wire type 6"},
        {2, {0x0f, 0x00}, FEDL_ERR_FORMAT, "wire type 7"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const fedl_status status = fedli_pb_scan(fedl_bytes_of(rows[i].bytes, rows[i].size));
        if (status != rows[i].expected) {
            fail_msg("%s: %s", rows[i].what, fedl_status_text(status));
        }
    }
}

static void arena_is_bounded_and_aligned(void **state)
{
    (void)state;
    _Alignas(16) uint8_t block[64];
    fedli_pb_arena arena;
    fedli_pb_arena_init(&arena, block, sizeof block);
    ProtobufCAllocator *allocator = &arena.allocator;
    uint8_t *first = (uint8_t *)allocator->alloc(allocator->allocator_data, 1);
    assert_ptr_equal(first, block);
    allocator->free(allocator->allocator_data, first);
    assert_ptr_equal(allocator->alloc(allocator->allocator_data, 33), block + 16);
    assert_false(fedli_pb_arena_failed(&arena));
    assert_null(allocator->alloc(allocator->allocator_data, 1));
    assert_true(fedli_pb_arena_failed(&arena));
    assert_null(fedli_pb_arena_take(&arena, 0));

    fedli_pb_arena_init(&arena, NULL, 64);
    assert_true(fedli_pb_arena_failed(&arena));
    assert_null(fedli_pb_arena_take(&arena, 1));
    fedli_pb_arena_init(&arena, block + 1, 32);
    assert_true(fedli_pb_arena_failed(&arena));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scan_accepts_and_refuses),
        cmocka_unit_test(arena_is_bounded_and_aligned),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
