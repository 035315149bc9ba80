/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of keys for reading and printing, so that `status` shows every value in the form in
 * which it is written. Rejected: the INI reader of plan files; a policy has no sections, and its
 * mistakes must name the line of this file.
 */
#include "agent_policy.h"

#include "posix/durable_file.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define POLICY_BYTES_MAX 16384u
#define PAIR_BYTES       200u

typedef enum value_form {
    FORM_AGGREGATION = 1, /* plain | masked */
    FORM_BOOL = 2,        /* yes | no */
    FORM_U16 = 3,
    FORM_U32 = 4,
    FORM_PERCENT = 5, /* 10%, 2.5%: permille in a uint16_t */
    FORM_Q16 = 6,     /* decimal | any (UINT32_MAX) */
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
};
#define KEY_COUNT (sizeof keys / sizeof keys[0])

/* ---- reading ---- */

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
    char digits[PAIR_BYTES];
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
    }
}

/* Cuts blanks at both ends, in place. */
static char *trim(char *text)
{
    size_t size = strlen(text);
    while (size > 0 && strchr(" \t\r", text[size - 1u]) != NULL) {
        text[--size] = 0;
    }
    return text + strspn(text, " \t");
}

bool agent_policy_set(fedl_site_policy *policy, const char *pair, char text[256])
{
    char copy[PAIR_BYTES];
    char words[80];
    char *equals = NULL;
    if (strlen(pair) < sizeof copy) {
        (void)snprintf(copy, sizeof copy, "%s", pair);
        equals = strchr(copy, '=');
    }
    if (equals == NULL) {
        (void)snprintf(text, 256, "'%.60s': KEY = VALUE wanted", pair);
        return false;
    }
    *equals = 0;
    const char *key = trim(copy);
    const char *value = trim(equals + 1);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        uint64_t number = 0;
        if (strcmp(key, keys[i].name) != 0) {
            continue;
        }
        if (!read_value(&number, &keys[i], value)) {
            (void)snprintf(text, 256, "%s: '%.40s' is not %s", key, value,
                           form_words(&keys[i], words));
            return false;
        }
        put_value(policy, &keys[i], number);
        return true;
    }
    int used = snprintf(text, 256, "unknown key '%.40s'; there are", key);
    for (size_t i = 0; i < KEY_COUNT; i++) {
        used +=
            snprintf(text + used, 256u - (size_t)used, "%s %s", i == 0 ? "" : ",", keys[i].name);
    }
    return false;
}

/* The lines of a file; line numbers count from 1. */
static bool read_lines(fedl_site_policy *policy, char *lines, uint32_t *number, char why[256])
{
    *number = 0;
    while (lines != NULL) {
        char *end = strchr(lines, '\n');
        if (end != NULL) {
            *end = 0;
        }
        const char *line = trim(lines);
        ++*number;
        if (*line != 0 && *line != '#' && !agent_policy_set(policy, line, why)) {
            return false;
        }
        lines = end == NULL ? NULL : end + 1;
    }
    return true;
}

agent_exit agent_policy_load(fedl_site_policy *policy, const agent_home *home,
                             const agent_options *options, char text[AGENT_TEXT_BYTES])
{
    char path[AGENT_PATH_BYTES];
    char why[256] = "";
    uint8_t *bytes = NULL;
    size_t size = 0;
    uint32_t number = 0;
    agent_home_file(home, path, "policy");
    fedl_site_policy_default(policy);
    const fedl_status status = fedl_file_read(&bytes, &size, path, POLICY_BYTES_MAX);
    if (status != FEDL_OK && status != FEDL_ERR_NOT_FOUND) {
        (void)snprintf(text, AGENT_TEXT_BYTES, "%s: %s", path, fedl_status_text(status));
        return AGENT_EXIT_KEYS;
    }
    const bool whole = bytes == NULL || memchr(bytes, 0, size) == NULL;
    const bool good = whole && (bytes == NULL || read_lines(policy, (char *)bytes, &number, why));
    free(bytes);
    if (!good) {
        (void)snprintf(text, AGENT_TEXT_BYTES, "%s:%u: %s", path, number,
                       whole ? why : "this is no text file");
        return AGENT_EXIT_KEYS;
    }
    for (uint32_t i = 0; i < options->policy_count; i++) {
        if (!agent_policy_set(policy, options->policy[i], why)) {
            (void)snprintf(text, AGENT_TEXT_BYTES, "--policy: %s", why);
            return AGENT_EXIT_USAGE;
        }
    }
    return AGENT_EXIT_OK;
}

fedl_status agent_policy_save(const agent_home *home, const agent_options *options)
{
    char text[AGENT_POLICY_MAX * (PAIR_BYTES + 1u) + 128u];
    if (options->policy_count == 0) {
        return FEDL_OK;
    }
    int used = snprintf(text, sizeof text,
                        "# What this device demands of every task; the rest is "
                        "as fedl-client status shows it.\n");
    for (uint32_t i = 0; i < options->policy_count; i++) {
        used += snprintf(text + used, sizeof text - (size_t)used, "%s\n", options->policy[i]);
    }
    return agent_home_save(home, "policy", fedl_bytes_of(text, (size_t)used));
}

/* ---- printing ---- */

static uint64_t get_value(const fedl_site_policy *policy, const key_row *row)
{
    const uint8_t *at = (const uint8_t *)policy + row->offset;
    fedl_aggregation aggregation = FEDL_AGGREGATION_MASKED;
    uint16_t small = 0;
    uint32_t word = 0;
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
    }
}

void agent_policy_print(FILE *out, const fedl_site_policy *policy, bool json)
{
    for (size_t i = 0; i < KEY_COUNT; i++) {
        const char *start = json ? (i == 0 ? "\"" : ",\"") : (i == 0 ? "policy    " : "          ");
        (void)fprintf(out, "%s%s%s", start, keys[i].name, json ? "\":" : " = ");
        print_value(out, &keys[i], get_value(policy, &keys[i]), json);
        (void)fputs(json ? "" : "\n", out);
    }
}
