/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pairs of key and value: from the file of the home, from options, into the file, and printed.
 * Rejected: the INI reader of plan files; a policy has no sections, and its mistakes must name the
 * line of this file.
 */
#include "agent_policy.h"

#include "agent_policy_value.h"

#include "posix/durable_file.h"

#include <stdlib.h>
#include <string.h>

#define POLICY_BYTES_MAX 16384u
#define PAIR_BYTES       AGENT_POLICY_PAIR_BYTES

/* Cuts blanks at both ends, in place. */
static char *trim(char *text)
{
    size_t size = strlen(text);
    while (size > 0 && strchr(" \t\r", text[size - 1u]) != NULL) {
        text[--size] = 0;
    }
    return text + strspn(text, " \t");
}

/* Takes "key = value" apart into copy. The key's row, or AGENT_POLICY_KEYS: text says what is
 * wrong.
 */
static uint32_t read_pair(char copy[PAIR_BYTES], const char **value, const char *pair,
                          char text[256])
{
    char *equals = NULL;
    if (strlen(pair) < PAIR_BYTES) {
        (void)snprintf(copy, PAIR_BYTES, "%s", pair);
        equals = strchr(copy, '=');
    }
    if (equals == NULL) {
        (void)snprintf(text, 256, "'%.60s': KEY = VALUE wanted", pair);
        return AGENT_POLICY_KEYS;
    }
    *equals = 0;
    *value = trim(equals + 1);
    const char *key = trim(copy);
    const uint32_t row = agent_policy_find(key);
    if (row < AGENT_POLICY_KEYS) {
        return row;
    }
    int used = snprintf(text, 256, "unknown key '%.40s'; there are", key);
    for (uint32_t i = 0; i < AGENT_POLICY_KEYS; i++) {
        used += snprintf(text + used, 256u - (size_t)used, "%s %s", i == 0 ? "" : ",",
                         agent_policy_key(i));
    }
    return AGENT_POLICY_KEYS;
}

/* Sets the value of pair. Its row, or AGENT_POLICY_KEYS: text says what is wrong, and *policy is
 * untouched. */
static uint32_t set_pair(fedl_site_policy *policy, const char *pair, char text[256])
{
    char copy[PAIR_BYTES];
    char words[80];
    const char *value = NULL;
    const uint32_t row = read_pair(copy, &value, pair, text);
    if (row < AGENT_POLICY_KEYS && !agent_policy_read(policy, row, value)) {
        (void)snprintf(text, 256, "%s: '%.40s' is not %s", agent_policy_key(row), value,
                       agent_policy_words(row, words));
        return AGENT_POLICY_KEYS;
    }
    return row;
}

bool agent_policy_set(fedl_site_policy *policy, const char *pair, char text[256])
{
    return set_pair(policy, pair, text) < AGENT_POLICY_KEYS;
}

/* The lines of a file; line numbers count from 1. */
static bool read_lines(fedl_site_policy *policy, char *lines, uint32_t *number, char why[256])
{
    uint32_t seen[AGENT_POLICY_KEYS] = {0}; /* the line that has set it */
    *number = 0;
    while (lines != NULL) {
        char *end = strchr(lines, '\n');
        if (end != NULL) {
            *end = 0;
        }
        lines[strcspn(lines, "#")] = 0; /* no value has one */
        const char *line = trim(lines);
        ++*number;
        if (*line != 0) {
            const uint32_t row = set_pair(policy, line, why);
            if (row == AGENT_POLICY_KEYS) {
                return false;
            }
            if (seen[row] != 0) {
                (void)snprintf(why, 256, "%s stands in line %u already", agent_policy_key(row),
                               seen[row]);
                return false;
            }
            seen[row] = *number;
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

/* Of several options for one key the last one holds, and alone may stand in the file. */
static bool is_set_again(const agent_options *options, uint32_t index)
{
    char copy[PAIR_BYTES];
    char text[256];
    const char *value = NULL;
    const uint32_t row = read_pair(copy, &value, options->policy[index], text);
    for (uint32_t i = index + 1u; i < options->policy_count; i++) {
        if (read_pair(copy, &value, options->policy[i], text) == row) {
            return true;
        }
    }
    return false;
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
        if (!is_set_again(options, i)) {
            used += snprintf(text + used, sizeof text - (size_t)used, "%s\n", options->policy[i]);
        }
    }
    return agent_home_save(home, "policy", fedl_bytes_of(text, (size_t)used));
}

void agent_policy_print(FILE *out, const fedl_site_policy *policy, bool json)
{
    for (uint32_t i = 0; i < AGENT_POLICY_KEYS; i++) {
        const char *start = json ? (i == 0 ? "\"" : ",\"") : (i == 0 ? "policy    " : "          ");
        (void)fprintf(out, "%s%s%s", start, agent_policy_key(i), json ? "\":" : " = ");
        agent_policy_value_print(out, policy, i, json);
        (void)fputs(json ? "" : "\n", out);
    }
}
