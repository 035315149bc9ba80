/* SPDX-License-Identifier: Apache-2.0 */
#include "secagg/shamir.h"

#include "base/hex.h"
#include "base/rng.h"
#include "cmocka_all.h"

#include <stdbool.h>
#include <string.h>

/* Multiplication as the definition has it, with a branch. */
static uint8_t slow_mul(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (; b != 0; b >>= 1) {
        product ^= (b & 1u) != 0 ? a : 0;
        a = (a & 0x80u) != 0 ? a << 1 ^ 0x11bu : a << 1;
    }
    return (uint8_t)product;
}

static void field_is_gf_2_8_modulo_0x11b(void **state)
{
    (void)state;
    assert_int_equal(fedli_gf256_mul(0x57, 0x83), 0xc1); /* FIPS 197, 4.2 */
    for (uint32_t a = 0; a < 256; a++) {
        for (uint32_t b = 0; b < 256; b++) {
            assert_int_equal(fedli_gf256_mul((uint8_t)a, (uint8_t)b), slow_mul(a, b));
        }
        const uint8_t inverse = fedli_gf256_inverse((uint8_t)a);
        assert_int_equal(slow_mul(a, inverse), a == 0 ? 0 : 1);
    }
    assert_int_equal(fedli_gf256_inverse(0), 0);
}

/* Points of one polynomial of degree 2 at 0, 1, 2 and 255, from another implementation. */
static void known_points_lie_on_one_polynomial(void **state)
{
    (void)state;
    static const char *const texts[4] = {
        "00112233445566778899aabbccddeeff", "d43099fe444807c46921a4f33a2a798b",
        "d9ad4e3bec2e1a7485698823abf05d36", "0ff784df000c4380a5ed683f7e6e3dcf"};
    const uint8_t xs[3] = {1, 2, 255};
    uint8_t points[4][16];
    uint8_t weights[3];
    uint8_t out[16] = {0};
    for (int i = 0; i < 4; i++) {
        assert_int_equal(fedli_hex_decode(points[i], 16, texts[i]), FEDL_OK);
    }
    assert_int_equal(fedli_shamir_weights(weights, xs, 3, 0), FEDL_OK);
    for (int i = 0; i < 3; i++) {
        fedli_shamir_combine(out, weights[i], points[i + 1], 16);
    }
    assert_memory_equal(out, points[0], 16);
    /* The other way: f(x) = f0 + c1·x + c2·x², c from f(1), f(2); shares at 1, 2 and 255. */
    uint8_t coefficients[2][16];
    for (int i = 0; i < 16; i++) {
        const uint8_t at_1 = points[1][i] ^ points[0][i]; /* c1 + c2 */
        const uint8_t at_2 = points[2][i] ^ points[0][i]; /* 2·c1 + 4·c2 */
        const uint8_t c2 = slow_mul((uint8_t)(at_2 ^ slow_mul(at_1, 2)), fedli_gf256_inverse(0x06));
        coefficients[0][i] = at_1 ^ c2;
        coefficients[1][i] = c2;
    }
    for (int i = 0; i < 3; i++) {
        fedli_shamir_share(out, points[0], 16, coefficients[0], 3, xs[i]);
        assert_memory_equal(out, points[i + 1], 16);
    }
}

static void weights_refuse_bad_coordinates(void **state)
{
    (void)state;
    uint8_t xs[256];
    uint8_t weights[256];
    uint8_t before[256];
    memset(weights, 0x5a, sizeof weights);
    memcpy(before, weights, sizeof weights);
    for (uint32_t i = 0; i < 256; i++) {
        xs[i] = (uint8_t)(i + 1); /* the last one is 0 */
    }
    assert_int_equal(fedli_shamir_weights(weights, xs, 0, 0), FEDL_ERR_RANGE);
    assert_int_equal(fedli_shamir_weights(weights, xs, 256, 0), FEDL_ERR_RANGE);
    xs[17] = 0;
    assert_int_equal(fedli_shamir_weights(weights, xs, 255, 0), FEDL_ERR_RANGE);
    xs[17] = 255;
    assert_int_equal(fedli_shamir_weights(weights, xs, 255, 0), FEDL_ERR_RANGE);
    assert_memory_equal(weights, before, sizeof weights);
    xs[17] = 18;
    assert_int_equal(fedli_shamir_weights(weights, xs, 255, 0), FEDL_OK);
    assert_int_equal(fedli_shamir_weights(weights, xs, 1, 0), FEDL_OK);
    assert_int_equal(weights[0], 1);
}

static void fill(uint8_t *out, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)fedli_mix32(seed + (uint32_t)i);
    }
}

/* size bytes shared to count devices with threshold t: every window of t shares gives the secret,
 * and any other share; t − 1 do not. */
static void round_trip(size_t size, uint32_t t, uint32_t count, uint32_t seed)
{
    static uint8_t coefficients[254 * 64];
    static uint8_t shares[255][64];
    uint8_t secret[64];
    uint8_t xs[255];
    uint8_t weights[255];
    uint8_t out[64];
    fill(secret, size, seed);
    fill(coefficients, (t - 1) * size, seed ^ 0x1000000u);
    for (uint32_t i = 0; i < count; i++) {
        xs[i] = (uint8_t)(255 - i);
        fedli_shamir_share(shares[i], secret, size, coefficients, t, xs[i]);
    }
    for (uint32_t first = 0; first + t <= count; first += 1 + count / 5) {
        for (uint32_t at = 0; at < 256; at += 51) {
            const uint32_t used = at == 204 && t > 1 ? t - 1 : t;
            memset(out, 0, sizeof out);
            assert_int_equal(fedli_shamir_weights(weights, xs + first, used, (uint8_t)at), FEDL_OK);
            for (uint32_t i = 0; i < used; i++) {
                fedli_shamir_combine(out, weights[i], shares[first + i], size);
            }
            uint8_t expected[64];
            if (at == 0) {
                memcpy(expected, secret, size);
            } else {
                fedli_shamir_share(expected, secret, size, coefficients, t, (uint8_t)at);
            }
            const bool among = 255 - at >= first && 255 - at < first + used;
            assert_int_equal(memcmp(out, expected, size) == 0, used == t || among);
        }
    }
}

static void any_t_shares_give_the_secret(void **state)
{
    (void)state;
    const size_t sizes[] = {64, 32, 13};
    const uint32_t shapes[][2] = {{1, 2}, {2, 2}, {3, 5}, {6, 9}, {49, 66}, {67, 99}, {255, 255}};
    for (uint32_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        for (uint32_t s = 0; s < 3; s++) {
            round_trip(sizes[s], shapes[i][0], shapes[i][1], 100 * i + s);
        }
    }
}

/* A single byte: every polynomial of threshold 2 through one share is equally likely, so that the
 * share alone says nothing. */
static void one_share_of_two_says_nothing(void **state)
{
    (void)state;
    for (uint32_t share = 0; share < 256; share += 15) {
        uint32_t seen = 0;
        for (uint32_t secret = 0; secret < 256; secret++) {
            for (uint32_t coefficient = 0; coefficient < 256; coefficient++) {
                const uint8_t s = (uint8_t)secret;
                const uint8_t c = (uint8_t)coefficient;
                uint8_t out;
                fedli_shamir_share(&out, &s, 1, &c, 2, 77);
                seen += out == share;
            }
        }
        assert_int_equal(seen, 256);
    }
}

/* Every lane and the bytes behind the last whole word are treated alike. */
static void bytes_do_not_depend_on_their_place(void **state)
{
    (void)state;
    uint8_t wide[29];
    uint8_t coefficients[2 * 29];
    uint8_t share[29];
    for (uint32_t value = 0; value < 256; value++) {
        uint8_t first;
        memset(wide, (int)value, sizeof wide);
        memset(coefficients, (int)(value ^ 0x3c), 29);
        memset(coefficients + 29, (int)(255 - value), 29);
        fedli_shamir_share(share, wide, sizeof wide, coefficients, 3, 200);
        first = share[0];
        for (size_t i = 0; i < sizeof share; i++) {
            assert_int_equal(share[i], first);
        }
        memset(share, 0x11, sizeof share);
        fedli_shamir_combine(share, (uint8_t)value, wide, sizeof wide);
        for (size_t i = 0; i < sizeof share; i++) {
            assert_int_equal(share[i], 0x11 ^ slow_mul(value, value));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(field_is_gf_2_8_modulo_0x11b),
        cmocka_unit_test(known_points_lie_on_one_polynomial),
        cmocka_unit_test(weights_refuse_bad_coordinates),
        cmocka_unit_test(any_t_shares_give_the_secret),
        cmocka_unit_test(one_share_of_two_says_nothing),
        cmocka_unit_test(bytes_do_not_depend_on_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
