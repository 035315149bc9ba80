/* SPDX-License-Identifier: Apache-2.0 */
/* From "section, key, value" to a field of the config, by the table of keys. */
#include "inih/plan_draft.h"

#include "inih/plan_value.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void plan_draft_init(plan_draft *draft, const plan_source *source, fedl_task_config *config,
                     fedl_data_config *data, fedl_plan_error *error)
{
    memset(draft, 0, sizeof *draft);
    memset(error, 0, sizeof *error);
    draft->config = config;
    draft->data = data;
    draft->error = error;
    draft->source = source;
}

void plan_fail(plan_draft *draft, fedl_status status, uint32_t line, const char *format, ...)
{
    draft->suggesting = draft->status == FEDL_OK;
    if (!draft->suggesting) {
        return;
    }
    fedl_plan_error *error = draft->error;
    size_t used = 0;
    if (draft->override != NULL) {
        (void)snprintf(error->text, sizeof error->text, "override '%.80s': ", draft->override);
        used = strlen(error->text);
        line = 0;
    }
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->text + used, sizeof error->text - used, format, arguments);
    va_end(arguments);
    error->line = line;
    draft->status = status;
}

void plan_suggest(plan_draft *draft, const char *section, const char *name, const char *format, ...)
{
    if (!draft->suggesting || draft->suggestion_count == PLAN_SUGGESTIONS_MAX) {
        return;
    }
    plan_change *change = &draft->suggestions[draft->suggestion_count++];
    change->section = section;
    change->name = name;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(change->value, sizeof change->value, format, arguments);
    va_end(arguments);
}

static void fail_expected(plan_draft *draft, fedl_status status, const plan_key *key,
                          const char *value)
{
    char expects[128];
    plan_key_expects(expects, sizeof expects, key);
    const char *hint =
        strchr(value, '#') != NULL ? " (a comment after a value starts with ';')" : "";
    plan_fail(draft, status, draft->line, "'%s' in [%s]: expected %s, not '%.40s'%s", key->name,
              key->section, expects, value, hint);
}

static void *field_of(const plan_draft *draft, const plan_key *key)
{
    uint8_t *base = NULL;
    switch (key->home) {
    case PLAN_HOME_TASK:
        base = (uint8_t *)draft->config;
        break;
    case PLAN_HOME_DATA:
        base = (uint8_t *)draft->data;
        break;
    case PLAN_HOME_DRAFT:
        base = (uint8_t *)(uintptr_t)draft;
        break;
    }
    return base + key->offset;
}

/* Integers, enums, bool and char alike: the low bytes of value in a field of 1, 2 or 4 bytes. */
static void store_integer(plan_draft *draft, const plan_key *key, int64_t value)
{
    const uint8_t byte = (uint8_t)value;
    const uint16_t half = (uint16_t)value;
    const uint32_t word = (uint32_t)value;
    const void *from = key->size == 1   ? (const void *)&byte
                       : key->size == 2 ? (const void *)&half
                                        : (const void *)&word;
    memcpy(field_of(draft, key), from, key->size);
}

/* Where a value decides on safety, its nearest one; elsewhere the range says enough. */
static void suggest_nearest(plan_draft *draft, const plan_key *key, bool is_low)
{
    if (strcmp(key->section, "aggregation") == 0 || strcmp(key->section, "privacy") == 0 ||
        strcmp(key->section, "round") == 0) {
        plan_suggest(draft, key->section, key->name, "%s", is_low ? key->low : key->high);
    }
}

static bool read_number(int64_t *value, plan_type type, const char *text)
{
    if (type == PLAN_INT) {
        return plan_read_int(value, text);
    }
    if (type == PLAN_DURATION) {
        return plan_read_duration_ms(value, text);
    }
    if (type == PLAN_PERCENT) {
        return plan_read_permille(value, text);
    }
    return plan_read_fixed(value, text, type == PLAN_Q16 ? 16 : 24);
}

static void set_number(plan_draft *draft, const plan_key *key, const char *text)
{
    int64_t value = 0;
    int64_t low = 0;
    int64_t high = 0;
    if (!read_number(&value, key->type, text)) {
        fail_expected(draft, FEDL_ERR_FORMAT, key, text);
    } else if (!read_number(&low, key->type, key->low) ||
               !read_number(&high, key->type, key->high) || value < low || value > high) {
        fail_expected(draft, FEDL_ERR_RANGE, key, text);
        suggest_nearest(draft, key, value < low);
    } else {
        store_integer(draft, key, value);
    }
}

static void set_real(plan_draft *draft, const plan_key *key, const char *text)
{
    double value = 0;
    double low = 0;
    double high = 0;
    if (!plan_read_real(&value, text)) {
        fail_expected(draft, FEDL_ERR_FORMAT, key, text);
    } else if (!plan_read_real(&low, key->low) || !plan_read_real(&high, key->high) ||
               value < low || value > high) {
        fail_expected(draft, FEDL_ERR_RANGE, key, text);
        suggest_nearest(draft, key, value < low);
    } else {
        memcpy(field_of(draft, key), &value, sizeof value);
    }
}

static void set_choice(plan_draft *draft, const plan_key *key, const char *text)
{
    const char *choice = key->low;
    const size_t size = strlen(text);
    while (*choice != '\0') {
        const size_t name_size = strcspn(choice, "=");
        const char *number = choice + name_size + 1;
        const size_t number_size = strcspn(number, "|");
        if (name_size == size && strncmp(choice, text, size) == 0) {
            int64_t value = 0;
            for (size_t i = 0; i < number_size; i++) {
                value = value * 10 + (number[i] - '0');
            }
            store_integer(draft, key, value);
            return;
        }
        choice = number + number_size + (number[number_size] == '|');
    }
    if (plan_choice_later(key, text)) {
        plan_fail(draft, FEDL_ERR_FORMAT, draft->line,
                  "'%s = %s' in [%s] is not there yet (see the road map in README.md)", key->name,
                  text, key->section);
        return;
    }
    fail_expected(draft, FEDL_ERR_FORMAT, key, text);
}

static void set_text(plan_draft *draft, const plan_key *key, const char *prefix, const char *text)
{
    char *out = (char *)field_of(draft, key);
    const size_t prefix_size = strlen(prefix);
    const size_t size = strlen(text);
    if (size == 0 || prefix_size + size >= key->size) {
        plan_fail(draft, size == 0 ? FEDL_ERR_FORMAT : FEDL_ERR_FULL, draft->line,
                  size == 0 ? "'%s' in [%s] has no value" : "'%s' in [%s] is too long", key->name,
                  key->section);
        return;
    }
    memcpy(out, prefix, prefix_size);
    memcpy(out + prefix_size, text, size + 1);
}

static void set_value(plan_draft *draft, const plan_key *key, const char *name, const char *value)
{
    switch (key->type) {
    case PLAN_INT:
    case PLAN_Q16:
    case PLAN_Q24:
    case PLAN_DURATION:
    case PLAN_PERCENT:
        set_number(draft, key, value);
        break;
    case PLAN_REAL:
        set_real(draft, key, value);
        break;
    case PLAN_CHOICE:
        set_choice(draft, key, value);
        break;
    case PLAN_TEXT:
        set_text(draft, key, "", value);
        break;
    case PLAN_PATH:
        /* A path typed on the command line means what it means there. */
        set_text(draft, key,
                 value[0] == '/' || draft->override != NULL ? "" : draft->source->base_dir, value);
        break;
    case PLAN_LAYERS:
        plan_set_layers(draft, value);
        break;
    case PLAN_CLASSES:
        plan_set_classes(draft, value);
        break;
    case PLAN_COLUMN:
        plan_set_column(draft, name + strlen(key->name), value);
        break;
    }
}

static void fail_unknown(plan_draft *draft, const char *section, const char *name)
{
    const char *elsewhere = plan_key_elsewhere(section, name);
    const char *near = plan_key_near(section, name);
    if (elsewhere != NULL) {
        plan_fail(draft, FEDL_ERR_FORMAT, draft->line,
                  "unknown key '%.60s' in [%s]; it belongs to [%s]", name, section, elsewhere);
    } else if (near != NULL) {
        plan_fail(draft, FEDL_ERR_FORMAT, draft->line,
                  "unknown key '%.60s' in [%s]; did you mean '%s'?", name, section, near);
    } else {
        plan_fail(draft, FEDL_ERR_FORMAT, draft->line, "unknown key '%.60s' in [%s]", name,
                  section);
    }
}

void plan_draft_set(plan_draft *draft, const char *section, const char *name, const char *value)
{
    const size_t index = plan_key_find(section, name);
    if (index == plan_key_count) {
        fail_unknown(draft, section, name);
        return;
    }
    const plan_key *key = &plan_keys[index];
    if (draft->given[index] && draft->override == NULL && key->type != PLAN_COLUMN) {
        plan_fail(draft, FEDL_ERR_FORMAT, draft->line,
                  "duplicate key '%s' in [%s], first given in line %u", key->name, section,
                  draft->line_of[index]);
        return;
    }
    draft->given[index] = true;
    draft->line_of[index] = draft->line;
    for (size_t i = 0; i < draft->source->change_count; i++) {
        const plan_change *change = &draft->source->changes[i];
        if (strcmp(change->section, key->section) == 0 && strcmp(change->name, key->name) == 0) {
            value = change->value;
        }
    }
    if (!plan_overridden(draft, key)) {
        set_value(draft, key, name, value);
    }
}

void plan_draft_defaults(plan_draft *draft, bool data_only)
{
    for (size_t i = 0; i < plan_key_count && draft->status == FEDL_OK; i++) {
        const plan_key *key = &plan_keys[i];
        if (draft->given[i] || (data_only && strcmp(key->section, "data") != 0)) {
            continue;
        }
        if (key->fallback[0] == '!') {
            plan_fail(draft, FEDL_ERR_FORMAT, 0, "'%s' in [%s] is missing", key->name,
                      key->section);
        } else if (key->fallback[0] != '=') {
            set_value(draft, key, key->name, key->fallback);
        }
    }
}

bool plan_given(const plan_draft *draft, const char *section, const char *name)
{
    const size_t index = plan_key_find(section, name);
    return index < plan_key_count && draft->given[index];
}

uint32_t plan_line_of(const plan_draft *draft, const char *section, const char *name)
{
    const size_t index = plan_key_find(section, name);
    return index < plan_key_count ? draft->line_of[index] : 0;
}
