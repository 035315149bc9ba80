/* SPDX-License-Identifier: Apache-2.0 */
#include "table.h"

#include "base/fixed.h"
#include "base/rng.h"

#include <stdlib.h>
#include <string.h>

#define HOLDOUT_PERMILLE_MAX 500u

static bool size_fits(uint32_t row_count, uint32_t input_count)
{
    return row_count <= FEDL_TABLE_ROWS_MAX &&
           (uint64_t)row_count * input_count <= FEDL_TABLE_BYTES_MAX;
}

fedl_status fedl_table_create(fedl_table **table, uint32_t row_count, uint32_t input_count,
                              bool targets)
{
    if (!size_fits(row_count, input_count)) {
        return FEDL_ERR_FULL;
    }
    fedl_table *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    made->input_count = input_count;
    made->target_count = targets ? 1u : 0u;
    const fedl_status status = fedl_table_reserve(made, row_count);
    if (status != FEDL_OK) {
        free(made);
        return status;
    }
    *table = made;
    return FEDL_OK;
}

fedl_status fedl_table_reserve(fedl_table *table, uint32_t row_count)
{
    if (!size_fits(row_count, table->input_count)) {
        return FEDL_ERR_FULL;
    }
    /* At least one byte, so that NULL always means failure. */
    int8_t *inputs = realloc(table->inputs, (size_t)row_count * table->input_count + 1u);
    if (inputs == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    table->inputs = inputs;
    if (table->target_count > 0) {
        int32_t *targets = realloc(table->targets, ((size_t)row_count + 1u) * sizeof *targets);
        if (targets == NULL) {
            return FEDL_ERR_NO_MEMORY;
        }
        table->targets = targets;
    }
    return FEDL_OK;
}

fedl_status fedl_table_keep(fedl_table *table, const uint32_t *rows, uint32_t row_count)
{
    if (row_count == 0) {
        return FEDL_ERR_RANGE;
    }
    for (uint32_t i = 0; i < row_count; i++) {
        if (rows[i] >= table->row_count) {
            return FEDL_ERR_RANGE;
        }
    }
    fedl_table *kept = NULL;
    const fedl_status status =
        fedl_table_create(&kept, row_count, table->input_count, table->target_count > 0);
    if (status != FEDL_OK) {
        return status;
    }
    const size_t width = table->input_count;
    for (uint32_t i = 0; i < row_count; i++) {
        memcpy(kept->inputs + i * width, table->inputs + rows[i] * width, width);
        if (table->target_count > 0) {
            kept->targets[i] = table->targets[rows[i]];
        }
    }
    free(table->inputs);
    free(table->targets);
    table->inputs = kept->inputs;
    table->targets = kept->targets;
    table->row_count = row_count;
    free(kept);
    return FEDL_OK;
}

void fedl_table_destroy(fedl_table *table)
{
    if (table != NULL) {
        free(table->inputs);
        free(table->targets);
        free(table);
    }
}

void fedl_view_all(fedl_view *view, const fedl_table *table)
{
    const fedl_view all = {
        .table = table, .base_count = table->row_count, .row_count = table->row_count};
    *view = all;
}

fedl_status fedl_view_split(fedl_view *train, fedl_view *eval, const fedl_table *table,
                            const uint32_t *rows, uint32_t row_count, uint32_t run_seed,
                            uint32_t device_id, uint32_t holdout_permille)
{
    const uint32_t count = rows == NULL ? table->row_count : row_count;
    if (count == 0 || count > FEDL_TABLE_ROWS_MAX || holdout_permille > HOLDOUT_PERMILLE_MAX) {
        return FEDL_ERR_RANGE;
    }
    for (uint32_t i = 0; rows != NULL && i < count; i++) {
        if (rows[i] >= table->row_count) {
            return FEDL_ERR_RANGE;
        }
    }
    /* permille ≤ 500, so at least half of the rows, and at least one, remain for training. */
    const uint32_t eval_count = (uint32_t)((uint64_t)count * holdout_permille / 1000u);
    fedl_view view = {.table = table,
                      .rows = rows,
                      .base_count = count,
                      .first = 0,
                      .row_count = count - eval_count,
                      .shuffled = true,
                      .seed = fedli_device_seed(run_seed, 0, device_id)};
    *train = view;
    view.first = count - eval_count;
    view.row_count = eval_count;
    *eval = view;
    return FEDL_OK;
}

static fedl_status read_row(void *context, uint32_t row, int8_t *input, int32_t *target)
{
    const fedl_view *view = context;
    const fedl_table *table = view->table;
    if (row >= view->row_count) {
        return FEDL_ERR_RANGE;
    }
    if (table->target_count == 0 && !table->reconstruct) {
        return FEDL_ERR_STATE;
    }
    uint32_t at = view->first + row;
    if (view->shuffled) {
        at = fedli_shuffle_at(view->seed, at, view->base_count);
    }
    if (view->rows != NULL) {
        at = view->rows[at];
    }
    const size_t width = table->input_count;
    memcpy(input, table->inputs + at * width, width);
    if (table->reconstruct) {
        for (size_t k = 0; k < width; k++) {
            /* |mantissa| ≤ 127 and exponents within [−40, 20]: fits 62 bits, saturates at int32. */
            target[k] =
                fedli_sat32(fedli_rshr(input[k], FEDL_TARGET_EXP - (int32_t)table->input_exp));
        }
    } else {
        target[0] = table->targets[at];
    }
    return FEDL_OK;
}

fedl_sample_source fedl_view_source(const fedl_view *view)
{
    /* read_row() only reads; the source's context is not const because other sources may write. */
    const fedl_sample_source source = {(void *)(uintptr_t)view, view->row_count, read_row};
    return source;
}
