/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan while it is being read: where values go, which line gave which key, and the first error.
 * Used by the plan_*.c files only.
 *
 *   text ──plan_lines──► libinih ──plan_draft_set──► draft ──plan_finish──► checked config
 */
#ifndef FEDL_PORT_PLAN_DRAFT_H
#define FEDL_PORT_PLAN_DRAFT_H

#include "inih/plan_file.h"
#include "inih/plan_keys.h"

#include <stdbool.h>

#define PLAN_LINE_BYTES_MAX 190u /* libinih cuts a line at 198 */

#define PLAN_SUGGESTIONS_MAX 6u

/* A value to stand in place of what the text and the overrides say. */
typedef struct plan_change {
    const char *section; /* of the key table, or a literal */
    const char *name;
    char value[24];
} plan_change;

/* Everything that a plan is read from. */
typedef struct plan_source {
    fedl_bytes text;
    const char *base_dir; /* relative paths start here, with its final slash; "" = as they are */
    const fedl_plan_override *overrides;
    size_t override_count;
    const plan_change *changes;
    size_t change_count;
    bool strict; /* refuse what would hardly ever work, too */
} plan_source;

typedef struct plan_draft {
    fedl_task_config *config; /* NULL when only [data] is read */
    fedl_data_config *data;
    fedl_plan_error *error;
    fedl_status status;        /* of the first error */
    const plan_source *source; /* never NULL */
    const char *override;      /* the override being applied, NULL while the file is read */
    size_t override_next;      /* overrides from here on come later than what is being read */
    uint32_t line;             /* being read; 0 for overrides and defaults */
    bool line_pending;         /* a key line went to libinih and has not come back */
    bool given[PLAN_KEYS_MAX];
    uint32_t line_of[PLAN_KEYS_MAX]; /* where the key was given; 0 = override or not at all */
    uint32_t column_line[FEDL_DATA_COLUMNS_MAX];
    /* Keys that end in no field of the config. */
    int8_t weight_exp;
    int8_t output_weight_exp;
    uint32_t sigma_q16;
    uint32_t quantile_permille;
    uint32_t quantile_sigma_q16; /* 0 = not given */
    double epsilon;
    /* What would end the first error, the best first. Not proven: plan_remedy.c tries them. */
    bool suggesting; /* the last plan_fail() was the first */
    uint32_t suggestion_count;
    plan_change suggestions[PLAN_SUGGESTIONS_MAX];
} plan_draft;

void plan_draft_init(plan_draft *draft, const plan_source *source, fedl_task_config *config,
                     fedl_data_config *data, fedl_plan_error *error);
/** Records the first error, at line (0 = the whole file). */
void plan_fail(plan_draft *draft, fedl_status status, uint32_t line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/** A value of a key with which the error just recorded would go; ignored behind later errors. */
void plan_suggest(plan_draft *draft, const char *section, const char *name, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/** Takes one "key = value" of section; value is trimmed. */
void plan_draft_set(plan_draft *draft, const char *section, const char *name, const char *value);
/** Gives every key of [data] (or of all sections) that was not given its default. */
void plan_draft_defaults(plan_draft *draft, bool data_only);
/** Line that gave the key in this field, for error messages. */
uint32_t plan_line_of(const plan_draft *draft, const char *section, const char *name);
bool plan_given(const plan_draft *draft, const char *section, const char *name);

/* plan_lines.c: feeds text through libinih. section_forced: "data" when the text has no sections.
 */
void plan_lines_feed(plan_draft *draft, fedl_bytes text, const char *section_forced);

/* plan_data.c */
void plan_set_classes(plan_draft *draft, const char *value);
void plan_set_column(plan_draft *draft, const char *column_name, const char *value);
void plan_data_finish(plan_draft *draft);
/** The normalised lines; returns their size, or 0 when they need more than text_bytes. */
size_t plan_data_write(char *text, size_t text_bytes, const fedl_data_config *data);

/* plan_layers.c */
void plan_set_layers(plan_draft *draft, const char *value);

/* plan_protect.c: what masking adds. finish: defaults that follow from other keys, zeros in a plain
 * plan; to be called when [round] and [aggregation] clients_max stand. check: what needs two keys.
 */
void plan_protect_finish(plan_draft *draft);
void plan_protect_check(plan_draft *draft);
/** When the source is read strictly: do enough attempts succeed? */
void plan_works_check(plan_draft *draft);

/* plan_privacy.c: noise and budget; zeros when privacy is none. */
void plan_privacy_finish(plan_draft *draft);
void plan_privacy_check(plan_draft *draft);

/* plan_file.c: reads everything into draft, whose config, data and error are the caller's. */
fedl_status plan_read(plan_draft *draft, const plan_source *source, fedl_task_config *config,
                      fedl_plan_error *error);

/** Whether a later override replaces this key's value, which is then not even looked at. */
bool plan_overridden(const plan_draft *draft, const plan_key *key);

/* plan_remedy.c: tries what draft suggests, and what is suggested then, and writes what is accepted
 * behind the reason. Everything is read again, strictly. */
void plan_remedy(const plan_draft *draft, fedl_plan_error *error);

/* plan_finish.c: computed defaults and every check that needs two keys. */
void plan_finish(plan_draft *draft);

#endif
