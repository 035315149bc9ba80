/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of keys for reading and printing, so that `status` shows every value in the form in
 * which it is written.
 */
#include "agent_policy_value.h"

#include "agent_policy.h"

#include "planner/accountant.h"

#include <stddef.h>
#include <string.h>

typedef enum value_form {
    FORM_AGGREGATION = 1, /* plain | masked */
    FORM_BOOL = 2,        /* yes | no */
    FORM_U16 = 3,
    FORM_U32 = 4,
    FORM_PERCENT = 5, /* 10%, 2.5%: permille in a uint16_t */
    FORM_Q16 = 6,     /* decimal | any (UINT32_MAX) */
    FORM_EPSILON = 7, /* decimal, kept as ρ | any (UINT64_MAX) */
} value_form;

typedef struct key_row {
    const char *name;
    value_form form;
    size_t offset; /* in fedl_site_policy */
    uint32_t low;
    uint32_t high;
} key_row;

#define AT(field) offsetof(fedl_site_policy, field)

static const key_row keys[] = {
    {"min_aggregation", FORM_AGGREGATION, AT(min_aggregation), 0, 0},
    {"min_cohort", FORM_U16, AT(min_cohort), FEDL_COHORT_MIN, FEDL_COHORT_MAX},
    {"gamma", FORM_PERCENT, AT(gamma_permille), 0, 333},
    {"require_active", FORM_BOOL, AT(require_active), 0, 0},
    {"require_privacy", FORM_BOOL, AT(require_privacy), 0, 0},
    {"epochs_max", FORM_U32, AT(epochs_max), 1, 1000},
    {"w_max", FORM_U32, AT(w_max), 1, FEDL_UPDATE_W_MAX},
    {"clip_max", FORM_Q16, AT(clip_q16_max), 1, UINT32_MAX - 1u},
    {"epsilon_max", FORM_EPSILON, AT(rho_max), 10, 10000000}, /* low, high: in 10^-4 */
    {"epsilon_budget", FORM_EPSILON, AT(rho_budget), 10, 10000000},
};
_Static_assert(sizeof keys / sizeof keys[0] == AGENT_POLICY_KEYS, "as the header says");

/* Plain decimals only, exactly: digits, perhaps a point and up to places digits, times 10^places.
 * False for anything else and beyond 2^32. */
static bool read_scaled(uint64_t *out, const char *text, unsigned places)
{
    uint64_t value = 0;
    unsigned after = 0;
    bool point = false;
    bool any = false;
    for (const char *p = text; *p != 0; p++) {
        if (*p == '.' && !point) {
            point = true;
            continue;
        }
        if (*p < '0' || *p > '9' || value > UINT32_MAX || after > places) {
            return false;
        }
        value = value * 10u + (uint64_t)(*p - '0');
        after += point ? 1u : 0u;
        any = true;
    }
    for (; after < places; after++) {
        value *= 10u;
    }
    *out = value;
    return any && after == places && text[strlen(text) - 1u] != '.';
}

static bool read_word(bool *second, const char *value, const char *one, const char *two)
{
    *second = strcmp(value, two) == 0;
    return *second || strcmp(value, one) == 0;
}

/* Reads value for the row into *out, still as a number. */
static bool read_value(uint64_t *out, const key_row *row, const char *value)
{
    char digits[AGENT_POLICY_PAIR_BYTES];
    const size_t size = strlen(value);
    bool second = false;
    switch (row->form) {
    case FORM_AGGREGATION:
        if (strcmp(value, "helper") == 0) {
            *out = FEDL_AGGREGATION_HELPER;
            return true;
        }
        if (!read_word(&second, value, "plain", "masked")) {
            return false;
        }
        *out = second ? FEDL_AGGREGATION_MASKED : FEDL_AGGREGATION_PLAIN;
        return true;
    case FORM_BOOL:
        if (!read_word(&second, value, "no", "yes")) {
            return false;
        }
        *out = second ? 1u : 0u;
        return true;
    case FORM_U16:
    case FORM_U32:
        return read_scaled(out, value, 0) && *out >= row->low && *out <= row->high;
    case FORM_PERCENT:
        if (size < 2 || size >= sizeof digits || value[size - 1u] != '%') {
            return false;
        }
        memcpy(digits, value, size - 1u);
        digits[size - 1u] = 0;
        return read_scaled(out, digits, 1) && *out >= row->low && *out <= row->high;
    case FORM_Q16:
        if (strcmp(value, "any") == 0) {
            *out = UINT32_MAX;
            return true;
        }
        /* Four places of decimals; to the nearest multiple of 2^-16. */
        if (!read_scaled(out, value, 4)) {
            return false;
        }
        *out = (*out * 65536u + 5000u) / 10000u;
        return *out >= row->low && *out <= row->high;
    case FORM_EPSILON:
        if (strcmp(value, "any") == 0) {
            *out = UINT64_MAX;
            return true;
        }
        if (!read_scaled(out, value, 4) || *out < row->low || *out > row->high) {
            return false;
        }
        *out = fedl_zcdp_units_down(fedl_zcdp_rho((double)*out / 1e4, AGENT_POLICY_DELTA));
        return true;
    }
    return false;
}

static const char *form_words(const key_row *row, char out[80])
{
    switch (row->form) {
    case FORM_AGGREGATION:
        return "plain, helper or masked";
    case FORM_BOOL:
        return "yes or no";
    case FORM_U16:
    case FORM_U32:
        (void)snprintf(out, 80, "a whole number from %u to %u", row->low, row->high);
        return out;
    case FORM_PERCENT:
        (void)snprintf(out, 80, "a percentage from %u%% to %u.%u%%", row->low, row->high / 10u,
                       row->high % 10u);
        return out;
    case FORM_Q16:
        return "a decimal number from 0.0001 to 65535, or any";
    case FORM_EPSILON:
        return "a decimal number from 0.001 to 1000, or any";
    }
    return "";
}

static void put_value(fedl_site_policy *policy, const key_row *row, uint64_t value)
{
    uint8_t *at = (uint8_t *)policy + row->offset;
    const fedl_aggregation aggregation = (fedl_aggregation)value;
    const uint16_t small = (uint16_t)value;
    const uint32_t word = (uint32_t)value;
    const bool flag = value != 0;
    switch (row->form) {
    case FORM_AGGREGATION:
        memcpy(at, &aggregation, sizeof aggregation);
        return;
    case FORM_BOOL:
        memcpy(at, &flag, sizeof flag);
        return;
    case FORM_U16:
    case FORM_PERCENT:
        memcpy(at, &small, sizeof small);
        return;
    case FORM_U32:
    case FORM_Q16:
        memcpy(at, &word, sizeof word);
        return;
    case FORM_EPSILON:
        memcpy(at, &value, sizeof value);
        return;
    }
}

static uint64_t get_value(const fedl_site_policy *policy, const key_row *row)
{
    const uint8_t *at = (const uint8_t *)policy + row->offset;
    fedl_aggregation aggregation = FEDL_AGGREGATION_MASKED;
    uint16_t small = 0;
    uint32_t word = 0;
    uint64_t wide = 0;
    bool flag = false;
    switch (row->form) {
    case FORM_AGGREGATION:
        memcpy(&aggregation, at, sizeof aggregation);
        return (uint64_t)aggregation;
    case FORM_BOOL:
        memcpy(&flag, at, sizeof flag);
        return flag ? 1u : 0u;
    case FORM_U16:
    case FORM_PERCENT:
        memcpy(&small, at, sizeof small);
        return small;
    case FORM_U32:
    case FORM_Q16:
        memcpy(&word, at, sizeof word);
        return word;
    case FORM_EPSILON:
        memcpy(&wide, at, sizeof wide);
        return wide;
    }
    return 0;
}

static void print_value(FILE *out, const key_row *row, uint64_t value, bool json)
{
    const char *quote = json ? "\"" : "";
    switch (row->form) {
    case FORM_AGGREGATION:
        (void)fprintf(out, "%s%s%s", quote,
                      value == FEDL_AGGREGATION_PLAIN    ? "plain"
                      : value == FEDL_AGGREGATION_HELPER ? "helper"
                                                         : "masked",
                      quote);
        return;
    case FORM_BOOL:
        (void)fputs(json ? (value != 0 ? "true" : "false") : (value != 0 ? "yes" : "no"), out);
        return;
    case FORM_U16:
    case FORM_U32:
        (void)fprintf(out, "%llu", (unsigned long long)value);
        return;
    case FORM_PERCENT:
        (void)fprintf(out, "%s%llu.%llu%%%s", quote, (unsigned long long)value / 10u,
                      (unsigned long long)value % 10u, quote);
        return;
    case FORM_Q16:
        if (value == UINT32_MAX) {
            (void)fputs(json ? "null" : "any", out);
        } else {
            (void)fprintf(out, "%.4f", (double)value / 65536.0);
        }
        return;
    case FORM_EPSILON:
        if (value == UINT64_MAX) {
            (void)fputs(json ? "null" : "any", out);
        } else {
            (void)fprintf(out, "%.4f",
                          fedl_zcdp_epsilon(fedl_zcdp_from_units(value), AGENT_POLICY_DELTA));
        }
        return;
    }
}

uint32_t agent_policy_find(const char *key)
{
    uint32_t row = 0;
    while (row < AGENT_POLICY_KEYS && strcmp(key, keys[row].name) != 0) {
        row++;
    }
    return row;
}

const char *agent_policy_key(uint32_t row)
{
    return keys[row].name;
}

bool agent_policy_read(fedl_site_policy *policy, uint32_t row, const char *value)
{
    uint64_t number = 0;
    if (!read_value(&number, &keys[row], value)) {
        return false;
    }
    put_value(policy, &keys[row], number);
    return true;
}

const char *agent_policy_words(uint32_t row, char out[80])
{
    return form_words(&keys[row], out);
}

void agent_policy_value_print(FILE *out, const fedl_site_policy *policy, uint32_t row, bool json)
{
    print_value(out, &keys[row], get_value(policy, &keys[row]), json);
}
