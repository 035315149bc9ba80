/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masks of parts and slices against a plain calculation over the whole vector, for every ring,
 * with every backend of this machine.
 */
#include "cmocka_all.h"

#include "prg_conformance.h"

#include <stdlib.h>
#include <string.h>

#define VECTOR_BYTES_MAX (70u * 1024u)

static const uint32_t rings[4] = {8, 16, 24, 32};
/* Around the borders of a block, of 192 bytes, of a turn, of the buffer and of pieces. */
static const size_t body_sizes[] = {64,    128,   192,   256,   960,   1024,  1088, 1472,
                                    1536,  1600,  3072,  3136,  4096,  9216,  9280, 15360,
                                    15424, 18432, 20032, 46080, 46144, 61440, 64000};

static uint8_t *plain;   /* the vector before */
static uint8_t *masked;  /* what a whole calculation makes of it */
static uint8_t *vector;  /* what is under test */
static uint8_t *scratch; /* keystream */

static fedli_mask_shape shape_of(uint32_t ring_bits, size_t body_bytes)
{
    return (fedli_mask_shape){ring_bits, body_bytes, body_bytes + 64u};
}

static void plain_mask(uint8_t *bytes, const fedli_mask_shape *shape, const uint8_t key[32],
                       bool subtract)
{
    prg_reference(scratch, shape->vector_bytes / 64u, key, 0);
    prg_plain_add(bytes, scratch, shape->body_bytes, shape->ring_bits, subtract);
    prg_plain_add(bytes + shape->body_bytes, scratch + shape->body_bytes, 64, 64, subtract);
}

static void prepare(const fedli_mask_shape *shape, const uint8_t key[32], bool subtract)
{
    prg_fill(plain, shape->vector_bytes, shape->ring_bits + (uint32_t)shape->body_bytes);
    memcpy(masked, plain, shape->vector_bytes);
    plain_mask(masked, shape, key, subtract);
    memcpy(vector, plain, shape->vector_bytes);
    memset(vector + shape->vector_bytes, 0x5a, 64);
}

static void check(const fedli_mask_shape *shape)
{
    assert_memory_equal(vector, masked, shape->vector_bytes);
    for (size_t i = 0; i < 64; i++) {
        assert_int_equal(vector[shape->vector_bytes + i], 0x5a);
    }
}

static void check_parts(const fedli_prg *prg, const fedli_mask_shape *shape, const uint8_t key[32],
                        size_t part_bytes, bool subtract)
{
    memcpy(vector, plain, shape->vector_bytes);
    size_t at = 0;
    while (at < shape->vector_bytes) {
        size_t size = shape->vector_bytes - at < part_bytes ? shape->vector_bytes - at : part_bytes;
        if (shape->ring_bits == 24 && at < shape->body_bytes && at + size > shape->body_bytes &&
            part_bytes % 128 == 0) {
            size = shape->body_bytes - at; /* the tail for itself */
        }
        fedli_mask_apply(prg, shape, vector + at, at, size, key, subtract);
        at += size;
    }
    check(shape);
}

static void parts_equal_the_whole(void **state)
{
    (void)state;
    static const size_t parts[] = {192, 384, 960, 1344, 3072, 9408, 61440};
    static const size_t narrow_parts[] = {64, 128, 1024, 1088};
    uint8_t key[32];
    const fedli_prg *prg;
    for (uint32_t b = 0; (prg = fedli_prg_at(b)) != NULL; b++) {
        for (size_t i = 0; i < sizeof body_sizes / sizeof body_sizes[0]; i++) {
            for (size_t r = 0; r < 4; r++) {
                const fedli_mask_shape shape = shape_of(rings[r], body_sizes[i]);
                const bool subtract = (i + r) % 2 != 0;
                prg_fill(key, sizeof key, (uint32_t)i);
                prepare(&shape, key, subtract);
                fedli_mask_apply(prg, &shape, vector, 0, shape.vector_bytes, key, subtract);
                check(&shape);
                for (size_t p = 0; p < sizeof parts / sizeof parts[0]; p++) {
                    check_parts(prg, &shape, key, parts[p], subtract);
                }
                for (size_t p = 0; rings[r] != 24 && p < 4; p++) {
                    check_parts(prg, &shape, key, narrow_parts[p], subtract);
                }
            }
        }
    }
}

static void slices_equal_the_whole(void **state)
{
    (void)state;
    enum { KEYS = 3 };
    fedli_mask_key keys[KEYS];
    for (uint32_t i = 0; i < KEYS; i++) {
        prg_fill(keys[i].key, sizeof keys[i].key, 100 + i);
        keys[i].subtract = i % 2 == 0;
    }
    const fedli_prg *prg;
    for (uint32_t b = 0; (prg = fedli_prg_at(b)) != NULL; b++) {
        for (size_t i = 0; i < sizeof body_sizes / sizeof body_sizes[0]; i++) {
            for (size_t r = 0; r < 4; r++) {
                const fedli_mask_shape shape = shape_of(rings[r], body_sizes[i]);
                prepare(&shape, keys[0].key, keys[0].subtract);
                plain_mask(masked, &shape, keys[1].key, keys[1].subtract);
                plain_mask(masked, &shape, keys[2].key, keys[2].subtract);
                for (uint32_t parts = 1; parts <= 7; parts++) {
                    memcpy(vector, plain, shape.vector_bytes);
                    for (uint32_t part = parts; part-- > 0;) { /* in any order */
                        fedli_mask_slice(prg, &shape, vector, keys, KEYS, part, parts);
                    }
                    check(&shape);
                }
            }
        }
    }
}

static void slices_share_the_work(void **state)
{
    (void)state;
    const fedli_mask_shape shape = shape_of(16, 64000);
    fedli_mask_key key = {{1}, false};
    for (uint32_t part = 0; part < 2; part++) {
        memset(vector, 0, shape.vector_bytes);
        fedli_mask_slice(&fedli_prg_portable, &shape, vector, &key, 1, part, 2);
        size_t touched = 0;
        for (size_t at = 0; at < shape.vector_bytes; at += 64) {
            static const uint8_t none[64];
            touched += memcmp(vector + at, none, 64) != 0;
        }
        assert_in_range(touched * 64, 28000, 36000);
    }
}

static void no_keys_change_nothing(void **state)
{
    (void)state;
    const fedli_mask_shape shape = shape_of(24, 3136);
    const uint8_t key[32] = {7};
    prepare(&shape, key, false);
    memcpy(masked, plain, shape.vector_bytes);
    fedli_mask_slice(fedli_prg_best(), &shape, vector, NULL, 0, 0, 1);
    fedli_mask_apply(fedli_prg_best(), &shape, vector, 0, 0, key, false);
    check(&shape);
}

/* RFC 8439 A.1 no. 1 by hand: key 0, first bytes of the keystream 76 b8 e0 ad a0 f1. */
static void words_by_hand(void **state)
{
    (void)state;
    const uint8_t key[32] = {0};
    static const uint8_t expected[4][6] = {
        {0x75, 0xb7, 0xdf, 0xac, 0x9f, 0xf0}, /* + ff each */
        {0x75, 0xb8, 0xdf, 0xad, 0x9f, 0xf1},
        {0x75, 0xb8, 0xe0, 0xac, 0xa0, 0xf1},
        {0x75, 0xb8, 0xe0, 0xad, 0x9f, 0xf1},
    };
    for (size_t r = 0; r < 4; r++) {
        const fedli_mask_shape shape = shape_of(rings[r], 64);
        memset(vector, 0xff, shape.vector_bytes);
        fedli_mask_apply(&fedli_prg_portable, &shape, vector, 0, 128, key, false);
        assert_memory_equal(vector, expected[r], 6);
        /* The tail: 64-bit words of block 1, 9f 07 e7 be …, minus one. */
        assert_int_equal(vector[64], 0x9e);
        assert_int_equal(vector[65], 0x07);
        fedli_mask_apply(&fedli_prg_portable, &shape, vector, 0, 128, key, true);
        for (size_t i = 0; i < shape.vector_bytes; i++) {
            assert_int_equal(vector[i], 0xff);
        }
    }
}

static int allocate(void **state)
{
    (void)state;
    uint8_t **blocks[4] = {&plain, &masked, &vector, &scratch};
    for (size_t i = 0; i < 4; i++) {
        *blocks[i] = malloc(VECTOR_BYTES_MAX);
        if (*blocks[i] == NULL) {
            return -1;
        }
    }
    return 0;
}

static int release(void **state)
{
    (void)state;
    free(plain);
    free(masked);
    free(vector);
    free(scratch);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_by_hand),          cmocka_unit_test(parts_equal_the_whole),
        cmocka_unit_test(slices_equal_the_whole), cmocka_unit_test(slices_share_the_work),
        cmocka_unit_test(no_keys_change_nothing),
    };
    return cmocka_run_group_tests(tests, allocate, release);
}
