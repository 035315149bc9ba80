/* SPDX-License-Identifier: Apache-2.0 */
#include "inih/plan_file.h"

#include "inih/plan_draft.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "train.lr = 0.1" → section, key and value, trimmed in place. */
static bool split_override(char *text, char **section, char **name, char **value)
{
    char *dot = strchr(text, '.');
    char *equals = dot == NULL ? NULL : strchr(dot, '=');
    if (equals == NULL) {
        return false;
    }
    *dot = '\0';
    *equals = '\0';
    *section = text + strspn(text, " \t");
    *name = dot + 1 + strspn(dot + 1, " \t");
    *value = equals + 1 + strspn(equals + 1, " \t");
    char *ends[3] = {dot, equals, *value + strlen(*value)};
    char *begins[3] = {*section, *name, *value};
    for (size_t i = 0; i < 3; i++) {
        while (ends[i] > begins[i] && (ends[i][-1] == ' ' || ends[i][-1] == '\t')) {
            *--ends[i] = '\0';
        }
    }
    return (*section)[0] != '\0' && (*name)[0] != '\0';
}

bool plan_overridden(const plan_draft *draft, const plan_key *key)
{
    for (size_t i = draft->override_next; i < draft->source->override_count; i++) {
        char copy[PLAN_LINE_BYTES_MAX + 1];
        char *section = NULL;
        char *name = NULL;
        char *value = NULL;
        const char *text = draft->source->overrides[i].text;
        if (strlen(text) >= sizeof copy) {
            continue; /* refused when it is applied */
        }
        memcpy(copy, text, strlen(text) + 1);
        if (key->type != PLAN_COLUMN && split_override(copy, &section, &name, &value) &&
            strcmp(section, key->section) == 0 && strcmp(name, key->name) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_control(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((uint8_t)*text < 0x20u || *text == 0x7f) {
            return true;
        }
    }
    return false;
}

static void apply_override(plan_draft *draft, const char *text)
{
    char copy[PLAN_LINE_BYTES_MAX + 1];
    char *section = NULL;
    char *name = NULL;
    char *value = NULL;
    draft->override = text;
    if (strlen(text) >= sizeof copy) {
        plan_fail(draft, FEDL_ERR_FULL, 0, "longer than %u characters", PLAN_LINE_BYTES_MAX);
        return;
    }
    memcpy(copy, text, strlen(text) + 1);
    if (has_control(copy) || !split_override(copy, &section, &name, &value)) {
        plan_fail(draft, FEDL_ERR_FORMAT, 0, "expected section.key=value");
        return;
    }
    if (!plan_section_known(section)) {
        const char *near = plan_section_near(section);
        plan_fail(draft, FEDL_ERR_FORMAT, 0, "unknown section [%s]%s%s%s", section,
                  near == NULL ? "" : "; did you mean [", near == NULL ? "" : near,
                  near == NULL ? "" : "]?");
        return;
    }
    plan_draft_set(draft, section, name, value);
    draft->override = NULL;
}

fedl_status plan_read(plan_draft *draft, const plan_source *source, fedl_task_config *config,
                      fedl_plan_error *error)
{
    memset(config, 0, sizeof *config);
    plan_draft_init(draft, source, config, &config->data, error);
    plan_lines_feed(draft, source->text, NULL);
    for (size_t i = 0; i < source->override_count && draft->status == FEDL_OK; i++) {
        draft->override_next = i + 1;
        apply_override(draft, source->overrides[i].text);
    }
    for (size_t i = 0; i < source->change_count && draft->status == FEDL_OK; i++) {
        const plan_change *change = &source->changes[i];
        if (!plan_given(draft, change->section, change->name)) {
            plan_draft_set(draft, change->section, change->name, change->value);
        }
    }
    if (draft->status == FEDL_OK) {
        plan_draft_defaults(draft, false);
    }
    if (draft->status == FEDL_OK) {
        plan_finish(draft);
    }
    return draft->status;
}

static fedl_status read_source(fedl_task_config *config, const plan_source *source,
                               fedl_plan_error *error)
{
    plan_draft draft;
    const fedl_status status = plan_read(&draft, source, config, error);
    if (status != FEDL_OK) {
        plan_remedy(&draft, error);
    }
    return status;
}

fedl_status fedl_plan_file_parse(fedl_task_config *config, fedl_bytes text,
                                 const fedl_plan_override *overrides, size_t override_count,
                                 fedl_plan_error *error)
{
    const plan_source source = {
        .text = text, .base_dir = "", .overrides = overrides, .override_count = override_count};
    return read_source(config, &source, error);
}

/* The path is not part of the text: callers put it in front, as they do for a line of the file. */
static fedl_status fail_file(fedl_plan_error *error, fedl_status status, const char *why)
{
    error->line = 0;
    (void)snprintf(error->text, sizeof error->text, "%s", why);
    return status;
}

static fedl_status fail_errno(fedl_plan_error *error, int code)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
        return fail_file(error, FEDL_ERR_NOT_FOUND,
                         "no such file: give a plan file (the folder examples/ has some)");
    case EISDIR:
        return fail_file(error, FEDL_ERR_IO, "is a folder: give a plan file");
    default: /* errno is not an enum of ours */
        return fail_file(error, FEDL_ERR_IO, strerror(code));
    }
}

/* The whole file in one block of FEDL_PLAN_TEXT_BYTES_MAX + 1 bytes: a longer one is refused by the
 * parser, which sees one byte too many. */
static fedl_status read_file(uint8_t *out, size_t *size, const char *path, fedl_plan_error *error)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return fail_errno(error, errno);
    }
    *size = fread(out, 1, FEDL_PLAN_TEXT_BYTES_MAX + 1u, file);
    const bool failed = ferror(file) != 0;
    const int code = errno;
    (void)fclose(file);
    if (failed) {
        return fail_errno(error, code);
    }
    if (*size == 0) {
        return fail_file(error, FEDL_ERR_FORMAT, "is empty: give a plan file");
    }
    return FEDL_OK;
}

static fedl_status read_path(fedl_task_config *config, const char *path, plan_source *source,
                             fedl_plan_error *error)
{
    char base_dir[FEDL_PLAN_PATH_BYTES_MAX];
    size_t size = 0;
    memset(error, 0, sizeof *error);
    const char *slash = strrchr(path, '/');
    const size_t base_size = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    if (base_size >= sizeof base_dir) {
        return fail_file(error, FEDL_ERR_FULL, "the path is too long");
    }
    memcpy(base_dir, path, base_size);
    base_dir[base_size] = '\0';
    uint8_t *text = (uint8_t *)malloc(FEDL_PLAN_TEXT_BYTES_MAX + 1u);
    if (text == NULL) {
        return fail_file(error, FEDL_ERR_NO_MEMORY, "out of memory");
    }
    fedl_status status = read_file(text, &size, path, error);
    if (status == FEDL_OK) {
        source->text = fedl_bytes_of(text, size);
        source->base_dir = base_dir;
        status = read_source(config, source, error);
    }
    free(text);
    return status;
}

fedl_status fedl_plan_file_read(fedl_task_config *config, const char *path,
                                const fedl_plan_override *overrides, size_t override_count,
                                fedl_plan_error *error)
{
    plan_source source = {.overrides = overrides, .override_count = override_count};
    return read_path(config, path, &source, error);
}

fedl_status fedl_plan_file_check(fedl_task_config *config, const char *path,
                                 const fedl_plan_override *overrides, size_t override_count,
                                 fedl_plan_error *error)
{
    plan_source source = {.overrides = overrides, .override_count = override_count, .strict = true};
    return read_path(config, path, &source, error);
}

fedl_status fedl_plan_data_parse(fedl_data_config *data, fedl_bytes data_text,
                                 fedl_plan_error *error)
{
    const plan_source source = {.text = data_text, .base_dir = ""};
    plan_draft draft;
    memset(data, 0, sizeof *data);
    plan_draft_init(&draft, &source, NULL, data, error);
    plan_lines_feed(&draft, data_text, "data");
    if (draft.status == FEDL_OK) {
        plan_draft_defaults(&draft, true);
    }
    if (draft.status == FEDL_OK) {
        plan_data_finish(&draft);
    }
    return draft.status;
}
