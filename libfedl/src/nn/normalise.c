/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decimal text to Q20 and Q20 to int8 mantissas, exactly. A tie of Q20 has at most 21 decimals
 * (10^21 is a multiple of 2^21), so 21 decimals of the text decide every rounding and the rest is
 * never needed. Rejected: strtod (locale, libm, double rounding), 128-bit integers (not ISO C).
 */
#include "fedl/normalise.h"

#include "base/fixed.h"

#include <stdbool.h>

#define DECIMALS     21
#define TEXT_BYTES   4096u
#define EXPONENT_MAX 100000
#define WHOLE_LIMIT  ((uint64_t)1 << 42)

/* Where the digits of a number lie in its text. */
typedef struct decimal {
    fedl_bytes mantissa; /* digits with at most one point */
    int32_t point;       /* place of the point, counted in digits from the first */
    int32_t digit_count;
    bool negative;
} decimal;

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

/* Takes a sign at *at, if any; true for minus. */
static bool take_sign(fedl_bytes text, size_t *at)
{
    const bool sign = *at < text.size && (text.data[*at] == '-' || text.data[*at] == '+');
    const bool negative = sign && text.data[*at] == '-';
    *at += sign;
    return negative;
}

static bool scan_mantissa(decimal *out, fedl_bytes text, size_t *at)
{
    const size_t begin = *at;
    bool point_seen = false;
    out->digit_count = 0;
    for (; *at < text.size; (*at)++) {
        const uint8_t c = text.data[*at];
        if (c == '.' && !point_seen) {
            point_seen = true;
            out->point = out->digit_count;
        } else if (is_digit(c)) {
            out->digit_count++;
        } else {
            break;
        }
    }
    if (!point_seen) {
        out->point = out->digit_count;
    }
    out->mantissa = fedl_bytes_of(text.data + begin, *at - begin);
    return out->digit_count > 0;
}

/* The part behind e or E; saturates, so that any length is fine. */
static bool scan_exponent(int32_t *exponent, fedl_bytes text, size_t *at)
{
    const bool negative = take_sign(text, at);
    const size_t begin = *at;
    int32_t value = 0;
    for (; *at < text.size && is_digit(text.data[*at]); (*at)++) {
        value = value * 10 + (text.data[*at] - '0');
        value = value > EXPONENT_MAX ? EXPONENT_MAX : value;
    }
    *exponent = negative ? -value : value;
    return *at > begin;
}

static bool scan(decimal *out, fedl_bytes text)
{
    size_t at = 0;
    if (text.size > TEXT_BYTES) {
        return false;
    }
    out->negative = take_sign(text, &at);
    if (!scan_mantissa(out, text, &at)) {
        return false;
    }
    if (at < text.size && (text.data[at] == 'e' || text.data[at] == 'E')) {
        int32_t exponent = 0;
        at++;
        if (!scan_exponent(&exponent, text, &at)) {
            return false;
        }
        out->point += exponent;
    }
    return at == text.size;
}

/* Splits into the whole part and DECIMALS decimals; false when the whole part reaches 2^42. */
static bool split(const decimal *d, uint64_t *whole, uint8_t decimals[DECIMALS])
{
    int32_t place = 0; /* index of the digit */
    *whole = 0;
    for (size_t i = 0; i < d->mantissa.size; i++) {
        const uint8_t c = d->mantissa.data[i];
        if (c == '.') {
            continue;
        }
        if (place < d->point) {
            *whole = *whole * 10u + (uint64_t)(c - '0');
            if (*whole >= WHOLE_LIMIT) {
                return false;
            }
        } else if (place - d->point < DECIMALS) {
            decimals[place - d->point] = (uint8_t)(c - '0');
        }
        place++;
    }
    for (; place < d->point && *whole != 0; place++) {
        *whole *= 10u;
        if (*whole >= WHOLE_LIMIT) {
            return false;
        }
    }
    return true;
}

/* Doubles a decimal fraction in place; returns the bit that leaves it. */
static uint32_t double_decimals(uint8_t decimals[DECIMALS])
{
    uint32_t carry = 0;
    for (int32_t i = DECIMALS; i-- > 0;) {
        const uint32_t twice = 2u * decimals[i] + carry;
        carry = twice >= 10u;
        decimals[i] = (uint8_t)(twice - 10u * carry);
    }
    return carry;
}

fedl_status fedl_decimal_parse(int64_t *value_q20, fedl_bytes text)
{
    decimal d = {.point = 0};
    uint8_t decimals[DECIMALS] = {0};
    uint64_t q20 = 0;
    if (!scan(&d, text)) {
        return FEDL_ERR_FORMAT;
    }
    if (!split(&d, &q20, decimals)) {
        return FEDL_ERR_RANGE;
    }
    for (int32_t bit = 0; bit < 20; bit++) {
        q20 = q20 * 2u + double_decimals(decimals);
    }
    q20 += decimals[0] >= 5; /* half away from zero; at most 2^62 */
    *value_q20 = d.negative ? -(int64_t)q20 : (int64_t)q20;
    return FEDL_OK;
}

/* round(distance · 2^up / scale), half away from zero, cut at 128. distance ≤ 2^63, scale < 2^63.
 */
static uint32_t scaled_up(uint64_t distance, uint64_t scale, int32_t up)
{
    uint64_t quotient = distance / scale;
    uint64_t rest = distance % scale;
    for (int32_t bit = 0; bit < up && quotient < 128u; bit++) {
        rest *= 2u; /* < 2^64, since rest < scale < 2^63 */
        const bool carry = rest >= scale;
        rest -= carry ? scale : 0;
        quotient = quotient * 2u + carry;
    }
    if (quotient >= 128u) {
        return 128u;
    }
    return (uint32_t)quotient + (rest >= scale - rest);
}

/* The same for a negative power: the bit below the point of the shifted quotient decides. */
static uint32_t scaled_down(uint64_t distance, uint64_t scale, int32_t down)
{
    const uint64_t doubled = down > 64 ? 0 : (distance / scale) >> (down - 1);
    const uint64_t rounded = (doubled >> 1) + (doubled & 1u);
    return rounded > 128u ? 128u : (uint32_t)rounded;
}

int8_t fedl_normalise(int64_t value_q20, fedl_norm norm, int8_t input_exp)
{
    if (norm.scale_q20 <= 0) {
        return 0;
    }
    const bool negative = value_q20 < norm.mean_q20;
    /* Modular subtraction of the smaller from the larger: exact in 64 unsigned bits. */
    const uint64_t distance = negative ? (uint64_t)norm.mean_q20 - (uint64_t)value_q20
                                       : (uint64_t)value_q20 - (uint64_t)norm.mean_q20;
    const uint64_t scale = (uint64_t)norm.scale_q20;
    const uint32_t magnitude = input_exp <= 0 ? scaled_up(distance, scale, -input_exp)
                                              : scaled_down(distance, scale, input_exp);
    const int32_t mantissa = magnitude > 127u ? 127 : (int32_t)magnitude;
    return (int8_t)(negative ? -mantissa : mantissa);
}

int8_t fedl_normalise_pixel(uint8_t pixel)
{
    const uint32_t half = (pixel + 1u) >> 1;
    return (int8_t)(half > 127u ? 127u : half);
}
