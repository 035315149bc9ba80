/* SPDX-License-Identifier: Apache-2.0 */
#include "inih/plan_value.h"

#include <string.h>

#define DIGITS_MAX 18u /* 10^18 < 2^60: twice that still fits 64 bits */

/* A decimal number as an exact fraction: magnitude / 10^decimals. */
typedef struct fraction {
    bool negative;
    uint64_t magnitude;
    uint64_t power; /* 10^decimals */
    uint32_t digits;
} fraction;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Reads sign, digits and at most one point; *end is where it stopped. */
static bool read_fraction(fraction *out, const char *text, const char **end)
{
    bool point = false;
    bool digit_last = false;
    *out = (fraction){false, 0, 1, 0};
    if (*text == '-' || *text == '+') {
        out->negative = *text == '-';
        text++;
    }
    for (;; text++) {
        if (*text == '.' && !point && out->digits > 0) {
            point = true;
            digit_last = false;
        } else if (is_digit(*text) && out->digits < DIGITS_MAX) {
            out->magnitude = out->magnitude * 10u + (uint64_t)(*text - '0');
            out->power *= point ? 10u : 1u;
            out->digits++;
            digit_last = true;
        } else {
            break;
        }
    }
    *end = text;
    return digit_last; /* "5." and "." are typing errors */
}

bool plan_read_int(int64_t *value, const char *text)
{
    fraction f;
    const char *end = NULL;
    if (!read_fraction(&f, text, &end) || *end != '\0' || f.power != 1 || *text == '+') {
        return false;
    }
    *value = f.negative ? -(int64_t)f.magnitude : (int64_t)f.magnitude;
    return true;
}

bool plan_read_fixed(int64_t *value, const char *text, uint32_t frac_bits)
{
    fraction f;
    const char *end = NULL;
    if (!read_fraction(&f, text, &end) || *end != '\0') {
        return false;
    }
    uint64_t q = f.magnitude / f.power;
    uint64_t rest = f.magnitude % f.power;
    if (q >> (62u - frac_bits) != 0) {
        return false;
    }
    /* Long division, one bit at a time: rest < 10^18, so twice rest stays below 2^61. */
    for (uint32_t i = 0; i < frac_bits; i++) {
        rest *= 2u;
        q = 2u * q + (rest >= f.power);
        rest -= rest >= f.power ? f.power : 0;
    }
    q += 2u * rest >= f.power;
    *value = f.negative ? -(int64_t)q : (int64_t)q;
    return true;
}

bool plan_read_real(double *value, const char *text)
{
    fraction f;
    const char *end = NULL;
    if (!read_fraction(&f, text, &end) || *end != '\0' || f.digits > 15) {
        return false;
    }
    /* Both are below 2^53, so one division gives the nearest double. */
    const double magnitude = (double)f.magnitude / (double)f.power;
    *value = f.negative ? -magnitude : magnitude;
    return true;
}

bool plan_read_duration_ms(int64_t *value, const char *text)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}};
    fraction f;
    const char *end = NULL;
    if (!read_fraction(&f, text, &end) || f.negative || f.power != 1 || f.digits > 9) {
        return false;
    }
    if (*end == '\0') {
        *value = 0;
        return f.magnitude == 0;
    }
    end += strspn(end, " ");
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcmp(end, units[i].unit) == 0) {
            *value = (int64_t)f.magnitude * units[i].ms;
            return true;
        }
    }
    return false;
}

bool plan_read_permille(int64_t *value, const char *text)
{
    fraction f;
    const char *end = NULL;
    if (!read_fraction(&f, text, &end) || f.negative || f.power > 10 || f.digits > 6) {
        return false;
    }
    *value = (int64_t)(f.magnitude * (f.power == 1 ? 10u : 1u));
    if (*end == '\0') {
        return f.magnitude == 0;
    }
    end += strspn(end, " ");
    return strcmp(end, "%") == 0;
}
