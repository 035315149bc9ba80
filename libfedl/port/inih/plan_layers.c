/* SPDX-License-Identifier: Apache-2.0 */
/* "dense 64, relu, dense 10" → layers of the model. Exponents are filled in by plan_finish.c. */
#include "inih/plan_draft.h"
#include "inih/plan_value.h"

#include <stdio.h>
#include <string.h>

#define ITEM_BYTES_MAX 32u

static bool read_layer(fedl_layer_spec *layer, const char *item)
{
    int64_t units = 0;
    if (strcmp(item, "relu") == 0) {
        *layer = (fedl_layer_spec){FEDL_LAYER_RELU, 0, 0};
        return true;
    }
    if (strncmp(item, "dense ", 6) != 0 ||
        !plan_read_int(&units, item + 6 + strspn(item + 6, " ")) || units < 1 ||
        units > FEDL_UNITS_MAX) {
        return false;
    }
    *layer = (fedl_layer_spec){FEDL_LAYER_DENSE, (uint32_t)units, 0};
    return true;
}

static void check_order(plan_draft *draft, const fedl_model_spec *model)
{
    const char *wrong = NULL;
    if (model->layers[0].kind != FEDL_LAYER_DENSE ||
        model->layers[model->layer_count - 1].kind != FEDL_LAYER_DENSE) {
        wrong = "the first and the last layer must be dense";
    }
    for (uint32_t i = 1; i < model->layer_count; i++) {
        if (model->layers[i].kind == FEDL_LAYER_RELU &&
            model->layers[i - 1].kind == FEDL_LAYER_RELU) {
            wrong = "a relu must follow a dense layer";
        }
    }
    if (wrong != NULL) {
        plan_fail(draft, FEDL_ERR_RANGE, draft->line, "'layers' in [model]: %s", wrong);
    }
}

void plan_set_layers(plan_draft *draft, const char *value)
{
    fedl_model_spec *model = &draft->config->plan.model;
    model->layer_count = 0;
    memset(model->layers, 0, sizeof model->layers);
    for (;;) {
        char item[ITEM_BYTES_MAX];
        size_t size = strcspn(value, ",");
        const char *next = value + size;
        const size_t blank = strspn(value, " \t");
        const char *begin = blank < size ? value + blank : next;
        size = (size_t)(next - begin);
        while (size > 0 && (begin[size - 1] == ' ' || begin[size - 1] == '\t')) {
            size--;
        }
        (void)snprintf(item, sizeof item, "%.*s", (int)size, begin);
        if (model->layer_count == FEDL_LAYERS_MAX) {
            plan_fail(draft, FEDL_ERR_FULL, draft->line, "'layers' in [model]: more than %u layers",
                      FEDL_LAYERS_MAX);
            return;
        }
        if (size >= sizeof item || !read_layer(&model->layers[model->layer_count], item)) {
            plan_fail(draft, FEDL_ERR_FORMAT, draft->line,
                      "'layers' in [model]: expected 'dense N' (N from 1 to %u) or 'relu', not "
                      "'%.40s'",
                      FEDL_UNITS_MAX, item);
            return;
        }
        model->layer_count++;
        if (*next == '\0') {
            check_order(draft, model);
            return;
        }
        value = next + 1;
    }
}
