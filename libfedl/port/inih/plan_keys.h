/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of all keys of a plan file: what a value looks like, its range, its default, where it
 * goes, and the sentence that docs/plan.md shows. Parser, error messages and documentation all come
 * from it, so that they cannot disagree (a test compares the page with the table).
 */
#ifndef FEDL_PORT_PLAN_KEYS_H
#define FEDL_PORT_PLAN_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_KEYS_MAX 96u

typedef enum plan_type {
    PLAN_INT = 1,  /* whole number */
    PLAN_Q16,      /* decimal, stored times 2^16, rounded to nearest */
    PLAN_Q24,      /* decimal, stored times 2^24, rounded to nearest */
    PLAN_REAL,     /* decimal, stored as double */
    PLAN_DURATION, /* stored in milliseconds */
    PLAN_PERCENT,  /* stored in permille */
    PLAN_CHOICE,   /* one of "name=number|name=number" */
    PLAN_TEXT,     /* char array */
    PLAN_PATH,     /* char array, relative to the plan file */
    PLAN_LAYERS,
    PLAN_CLASSES,
    PLAN_COLUMN, /* the name is a prefix: "column NAME" */
} plan_type;

typedef enum plan_home {
    PLAN_HOME_TASK = 1, /* offset into fedl_task_config */
    PLAN_HOME_DATA,     /* offset into fedl_data_config */
    PLAN_HOME_DRAFT,    /* offset into plan_draft */
} plan_home;

typedef struct plan_key {
    const char *section;
    const char *name;
    plan_type type;
    const char *low; /* numbers: smallest value, as one would write it. CHOICE: the choices */
    const char *high;
    const char *fallback; /* default as text; "!" = required; "=…" = computed, how */
    plan_home home;
    size_t offset;
    size_t size;
    const char *help;
} plan_key;

extern const plan_key plan_keys[];
extern const size_t plan_key_count;

/** Index of the key, or plan_key_count. "column x" finds the row "column". */
size_t plan_key_find(const char *section, const char *name);
bool plan_section_known(const char *section);
/** Closest section name, closest key of section, or NULL when nothing is near (two edits). */
const char *plan_section_near(const char *section);
const char *plan_key_near(const char *section, const char *name);
/** A section other than this one that has the key, or NULL. */
const char *plan_key_elsewhere(const char *section, const char *name);
/** "a whole number from 1 to 1000": what a value of this key looks like. */
void plan_key_expects(char *text, size_t text_bytes, const plan_key *key);
/** A choice that is planned but not there yet: "masked" in [aggregation] mode, for instance. */
bool plan_choice_later(const plan_key *key, const char *value);

#endif
