/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What would make a refused plan acceptable? Every check suggests values for its own complaint, but
 * knows nothing of the other checks. So each suggestion is tried on the whole plan; where another
 * check complains then, its suggestions are tried on top, and so on. Only what is accepted in the
 * end is told, the sets with the fewest keys first.
 *
 * Rejected: telling suggestions as they are (a step_dropout that the thresholds bear but with which
 * most rounds fail), and a search over all keys (slow, and it finds settings nobody asked for).
 */
#include "inih/plan_draft.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX  4u   /* complaints in a row, all suggestions of each */
#define TRIALS_MAX 100u /* a trial takes about 0.1 ms */
#define CHAIN_MAX  12u  /* complaints in a row, one suggestion of each */

typedef struct change_set {
    plan_change changes[CHAIN_MAX];
    size_t count;
} change_set;

typedef struct search {
    plan_source source;
    fedl_task_config *config; /* of the trial under way */
    uint32_t trials_left;
    size_t fewest; /* keys in a set found */
    uint32_t found_count;
    change_set found[FEDL_PLAN_REMEDIES_MAX]; /* the smallest first */
} search;

static bool same_key(const plan_change *a, const plan_change *b)
{
    return strcmp(a->section, b->section) == 0 && strcmp(a->name, b->name) == 0;
}

/* A later value of a key takes the place of the one before. */
static change_set with(const change_set *set, const plan_change *change)
{
    change_set out = *set;
    size_t at = 0;
    while (at < out.count && !same_key(&out.changes[at], change)) {
        at++;
    }
    out.changes[at] = *change;
    out.count += at == out.count;
    return out;
}

/* Whether b changes all keys that a changes; values don't matter. */
static bool within(const change_set *a, const change_set *b)
{
    size_t shared = 0;
    for (size_t i = 0; i < a->count; i++) {
        for (size_t j = 0; j < b->count; j++) {
            shared += same_key(&a->changes[i], &b->changes[j]);
        }
    }
    return shared == a->count;
}

/* Keeps a set unless one of fewer keys, or the same ones, does too: of these the first counts.
 * Sets found are in order of their sizes, and at most one key larger than the smallest. */
static void keep(search *s, const change_set *set)
{
    for (uint32_t i = 0; i < s->found_count; i++) {
        if (within(&s->found[i], set)) {
            return;
        }
    }
    change_set all[FEDL_PLAN_REMEDIES_MAX + 1u];
    uint32_t count = 0;
    bool placed = false;
    for (uint32_t i = 0; i <= s->found_count; i++) {
        if (!placed && (i == s->found_count || s->found[i].count > set->count)) {
            all[count++] = *set;
            placed = true;
        }
        if (i < s->found_count && !within(set, &s->found[i])) {
            all[count++] = s->found[i];
        }
    }
    s->fewest = all[0].count;
    s->found_count = 0;
    for (uint32_t i = 0; i < count && i < FEDL_PLAN_REMEDIES_MAX; i++) {
        if (all[i].count <= s->fewest + 1u) {
            s->found[s->found_count++] = all[i];
        }
    }
}

/* Tries set with each suggestion; further when depth is left. */
static void try_all(search *s, const change_set *set, const plan_change *suggestions,
                    uint32_t suggestion_count, uint32_t depth)
{
    for (uint32_t i = 0; i < suggestion_count && s->trials_left > 0; i++) {
        const change_set tried = with(set, &suggestions[i]);
        fedl_plan_error error;
        plan_draft draft;
        if (tried.count > s->fewest + 1u) {
            continue;
        }
        s->trials_left--;
        s->source.changes = tried.changes;
        s->source.change_count = tried.count;
        if (plan_read(&draft, &s->source, s->config, &error) == FEDL_OK) {
            keep(s, &tried);
        } else if (depth > 1) {
            plan_change next[PLAN_SUGGESTIONS_MAX];
            const uint32_t next_count = draft.suggestion_count;
            memcpy(next, draft.suggestions, sizeof next);
            try_all(s, &tried, next, next_count, depth - 1);
        }
    }
}

/* Very wrong plans: one suggestion after the other, the first of each complaint. */
static void try_chain(search *s, const plan_draft *root)
{
    change_set set = {.count = 0};
    fedl_plan_error error;
    plan_draft draft = *root;
    for (uint32_t i = 0; i < CHAIN_MAX && draft.suggestion_count > 0; i++) {
        const plan_change change = draft.suggestions[0];
        set = with(&set, &change);
        s->source.changes = set.changes;
        s->source.change_count = set.count;
        if (plan_read(&draft, &s->source, s->config, &error) == FEDL_OK) {
            keep(s, &set);
            return;
        }
    }
}

static void append(char *text, size_t text_bytes, const char *more)
{
    const size_t used = strlen(text);
    (void)snprintf(text + used, text_bytes - used, "%s", more);
}

static void write_text(fedl_plan_error *error, const search *s)
{
    if (s->fewest > 1) {
        append(error->text, sizeof error->text, "; no single change is enough");
        error->reason_bytes = (uint32_t)strlen(error->text);
    }
    for (uint32_t i = 0; i < s->found_count; i++) {
        char *remedy = error->remedies[error->remedy_count++];
        append(error->text, sizeof error->text, i == 0 ? ": use " : ", or ");
        for (size_t j = 0; j < s->found[i].count; j++) {
            const plan_change *change = &s->found[i].changes[j];
            char word[96];
            (void)snprintf(word, sizeof word, "%s.%s=%s", change->section, change->name,
                           change->value);
            append(error->text, sizeof error->text, j == 0 ? "" : j == 1 ? " with " : " and ");
            append(error->text, sizeof error->text, word);
            append(remedy, sizeof error->remedies[0], j == 0 ? "" : " ");
            append(remedy, sizeof error->remedies[0], word);
        }
    }
}

void plan_remedy(const plan_draft *draft, fedl_plan_error *error)
{
    static const change_set nothing;
    error->reason_bytes = (uint32_t)strlen(error->text);
    search *s = draft->suggestion_count == 0 ? NULL : (search *)calloc(1, sizeof *s);
    if (s == NULL) {
        return; /* the reason alone */
    }
    s->config = (fedl_task_config *)malloc(sizeof *s->config);
    s->source = *draft->source;
    s->source.strict = true;
    s->trials_left = TRIALS_MAX;
    s->fewest = CHAIN_MAX;
    for (uint32_t depth = 1; s->config != NULL && depth <= DEPTH_MAX; depth++) {
        /* Two deeper than the first answer: a key with a second value is one change still, and a
         * set of two keys may be what is wanted. */
        if (s->found_count == 0 || s->fewest + 2u >= depth) {
            try_all(s, &nothing, draft->suggestions, draft->suggestion_count, depth);
        }
    }
    if (s->config != NULL && s->found_count == 0) {
        try_chain(s, draft);
    }
    if (s->found_count > 0) {
        write_text(error, s);
    }
    free(s->config);
    free(s);
}
