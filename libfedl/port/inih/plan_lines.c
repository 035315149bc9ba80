/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader in front of libinih. libinih cuts lines at 198 characters, takes indented lines as
 * continuations (and then miscounts), and hides duplicates. So every line is looked at here first:
 * it is counted, refused when it is too long or holds control characters, its indentation goes, and
 * what is neither empty, comment, section nor "key = value" is an error. One call of the reader is
 * one line, so that libinih's view of a line and ours are the same.
 */
#include "inih/plan_draft.h"

#include <ini.h>
#include <string.h>

typedef struct plan_lines {
    plan_draft *draft;
    fedl_bytes text;
    size_t at;
    uint32_t line;
    const char *section_forced;
    const char *sections_seen[16]; /* names in the key table */
    uint32_t section_line[16];
    uint32_t section_count;
} plan_lines;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_comment(char c)
{
    return c == ';' || c == '#';
}

/* The next line without its end, into out; false when there is none or it was refused. */
static bool next_line(plan_lines *lines, char out[PLAN_LINE_BYTES_MAX + 1])
{
    const uint8_t *data = lines->text.data + lines->at;
    const size_t left = lines->text.size - lines->at;
    if (left == 0) {
        return false;
    }
    const uint8_t *newline = (const uint8_t *)memchr(data, '\n', left);
    size_t size = newline == NULL ? left : (size_t)(newline - data);
    lines->at += size + (newline != NULL);
    lines->line++;
    lines->draft->line = lines->line;
    if (lines->line == 1 && size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) {
        data += 3; /* byte order mark */
        size -= 3;
    }
    size -= size > 0 && data[size - 1] == '\r';
    while (size > 0 && is_blank((char)data[0])) {
        data++;
        size--;
    }
    while (size > 0 && is_blank((char)data[size - 1])) {
        size--;
    }
    if (size > PLAN_LINE_BYTES_MAX) {
        plan_fail(lines->draft, FEDL_ERR_FULL, lines->line, "the line is longer than %u characters",
                  PLAN_LINE_BYTES_MAX);
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if ((data[i] < 0x20u && data[i] != '\t') || data[i] == 0x7fu) {
            plan_fail(lines->draft, FEDL_ERR_FORMAT, lines->line,
                      "the line holds the control character 0x%02x", data[i]);
            return false;
        }
    }
    memcpy(out, data, size);
    out[size] = '\0';
    return true;
}

static void check_section(plan_lines *lines, char *line)
{
    char *end = strchr(line, ']');
    if (end == NULL) {
        plan_fail(lines->draft, FEDL_ERR_FORMAT, lines->line, "'[' without ']'");
        return;
    }
    const char *after = end + 1;
    after += strspn(after, " \t");
    if (*after != '\0' && !is_comment(*after)) {
        plan_fail(lines->draft, FEDL_ERR_FORMAT, lines->line, "unexpected text after ']'");
        return;
    }
    *end = '\0';
    const char *name = line + 1;
    if (lines->section_forced != NULL) {
        plan_fail(lines->draft, FEDL_ERR_FORMAT, lines->line, "no sections here");
    } else if (!plan_section_known(name)) {
        const char *near = plan_section_near(name);
        plan_fail(lines->draft, FEDL_ERR_FORMAT, lines->line, "unknown section [%.60s]%s%s%s", name,
                  near == NULL ? "" : "; did you mean [", near == NULL ? "" : near,
                  near == NULL ? "" : "]?");
    } else {
        for (uint32_t i = 0; i < lines->section_count; i++) {
            if (strcmp(lines->sections_seen[i], name) == 0) {
                plan_fail(lines->draft, FEDL_ERR_FORMAT, lines->line,
                          "section [%s] appears twice, first in line %u", name,
                          lines->section_line[i]);
            }
        }
        /* plan_section_near() of a known name is that name, as the table holds it. */
        if (lines->section_count < sizeof lines->section_line / sizeof lines->section_line[0]) {
            lines->sections_seen[lines->section_count] = plan_section_near(name);
            lines->section_line[lines->section_count++] = lines->line;
        }
    }
    *end = ']';
    end[1] = '\0';
}

static void check_key_line(plan_lines *lines, const char *line)
{
    const size_t name_size = strcspn(line, "=:");
    if (line[name_size] != '=' || name_size == 0) {
        plan_fail(lines->draft, FEDL_ERR_FORMAT, lines->line, "expected 'key = value'");
        return;
    }
    lines->draft->line_pending = true;
}

/* libinih took the last key line for a comment, or did not see it at all. */
static void check_pending(plan_lines *lines)
{
    if (lines->draft->line_pending) {
        plan_fail(lines->draft, FEDL_ERR_FORMAT, lines->line, "expected 'key = value'");
        lines->draft->line_pending = false;
    }
}

/* fgets() as libinih wants it: one line with its newline, or NULL at the end. */
static char *read_for_inih(char *out, int out_bytes, void *stream)
{
    plan_lines *lines = (plan_lines *)stream;
    char line[PLAN_LINE_BYTES_MAX + 1];
    check_pending(lines);
    if (lines->draft->status != FEDL_OK || out_bytes < (int)PLAN_LINE_BYTES_MAX + 2 ||
        !next_line(lines, line)) {
        return NULL;
    }
    if (line[0] == '[') {
        check_section(lines, line);
    } else if (line[0] != '\0' && !is_comment(line[0])) {
        check_key_line(lines, line);
    }
    const size_t size = strlen(line);
    memcpy(out, line, size);
    out[size] = '\n';
    out[size + 1] = '\0';
    return lines->draft->status == FEDL_OK ? out : NULL;
}

static int take_from_inih(void *user, const char *section, const char *name, const char *value)
{
    plan_lines *lines = (plan_lines *)user;
    plan_draft *draft = lines->draft;
    draft->line_pending = false;
    if (lines->section_forced != NULL) {
        section = lines->section_forced;
    } else if (section[0] == '\0') {
        plan_fail(draft, FEDL_ERR_FORMAT, lines->line, "'%.60s' stands before any [section]", name);
        return 0;
    }
    plan_draft_set(draft, section, name, value);
    return draft->status == FEDL_OK;
}

void plan_lines_feed(plan_draft *draft, fedl_bytes text, const char *section_forced)
{
    plan_lines lines = {.draft = draft, .text = text, .section_forced = section_forced};
    if (text.size > FEDL_PLAN_TEXT_BYTES_MAX) {
        plan_fail(draft, FEDL_ERR_FULL, 0, "the plan is longer than %u bytes",
                  FEDL_PLAN_TEXT_BYTES_MAX);
        return;
    }
    const int result = ini_parse_stream(read_for_inih, &lines, take_from_inih, &lines);
    check_pending(&lines);
    if (result != 0) {
        plan_fail(draft, FEDL_ERR_FORMAT, result > 0 ? (uint32_t)result : 0,
                  "expected 'key = value'");
    }
    draft->line = 0;
}
