/* SPDX-License-Identifier: Apache-2.0 */
/*
 * model eval: accuracy and loss of a published version on local data, read as the task's plan says.
 * The model comes over the admin socket; the data stays where it is.
 */
#include "base/hex.h"
#include "command.h"
#include "inih/plan_file.h"
#include "print.h"
#include "sodium/crypto_sodium.h"
#include "source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct evaluation {
    fedl_task_config *config;
    fedl_table *table;
    void *block;
    fedl_model model;
    fedl_eval_stats stats;
} evaluation;

static int fetch_plan(evaluation *e, const fedl_arguments *arguments)
{
    fedl_admin_reply reply;
    fedl_plan_error error = {0};
    const int code = fedl_admin_call(
        &reply, arguments->home, fedl_request_of("task.show", arguments), fedl_bytes_of(NULL, 0));
    if (code != FEDL_EXIT_OK) {
        return code;
    }
    const fedl_status status = fedl_plan_file_parse(
        e->config, fedl_bytes_of(reply.payload, reply.payload_bytes), NULL, 0, &error);
    fedl_admin_reply_free(&reply);
    if (status != FEDL_OK) {
        (void)fprintf(stderr,
                      "fedl: the stored plan is not understood (%s): fedl and fedl-server differ "
                      "in version?\n",
                      error.text);
        return FEDL_EXIT_SERVER;
    }
    return FEDL_EXIT_OK;
}

static int open_data(evaluation *e, const fedl_arguments *arguments)
{
    char text[FEDL_SOURCE_TEXT_BYTES];
    const fedl_source_request request = {.data = &e->config->data,
                                         .model = &e->config->plan.model,
                                         .path = arguments->data,
                                         .labels_path = arguments->labels};
    if (e->config->data.format == FEDL_DATA_IDX && arguments->labels == NULL) {
        (void)fprintf(stderr, "fedl: this task reads IDX files: give the images with --data and "
                              "the labels with --labels\n");
        return FEDL_EXIT_USAGE;
    }
    if (fedl_source_open(&e->table, &request, text) != FEDL_OK) {
        (void)fprintf(stderr, "fedl: %s\n", text);
        return FEDL_EXIT_FILE;
    }
    return FEDL_EXIT_OK;
}

/* Loads the container and checks that it is what the server calls it. */
static int load_model(evaluation *e, const fedl_admin_reply *reply)
{
    const fedl_model_config config = {e->config->plan.model, 0};
    const size_t size = fedl_model_size(&config);
    const char *announced =
        cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(reply->json, "digest"));
    uint8_t digest[FEDL_HASH_BYTES];
    char digest_text[2 * FEDL_HASH_BYTES + 1];
    fedl_digest(fedl_crypto_sodium(), digest, reply->payload, reply->payload_bytes);
    fedli_hex_encode(digest_text, digest, sizeof digest);
    e->block = aligned_alloc(16, size == 0 ? 16 : size);
    fedl_status status = e->block == NULL ? FEDL_ERR_NO_MEMORY : FEDL_OK;
    if (status == FEDL_OK && (announced == NULL || strcmp(announced, digest_text) != 0)) {
        status = FEDL_ERR_MISMATCH;
    }
    if (status == FEDL_OK) {
        status = fedl_model_init(&e->model, &config, e->block, size);
    }
    if (status == FEDL_OK) {
        status = fedl_model_load(&e->model, fedl_bytes_of(reply->payload, reply->payload_bytes));
    }
    if (status != FEDL_OK) {
        (void)fprintf(stderr, "fedl: the exported model can't be used: %s\n",
                      fedl_status_text(status));
        return FEDL_EXIT_SERVER;
    }
    return FEDL_EXIT_OK;
}

static int evaluate(evaluation *e)
{
    fedl_view all;
    fedl_view_all(&all, e->table);
    const fedl_sample_source source = fedl_view_source(&all);
    const fedl_status status =
        fedl_model_evaluate(&e->model, &e->stats, &source, 0, source.row_count);
    if (status != FEDL_OK) {
        (void)fprintf(stderr, "fedl: evaluation failed: %s\n", fedl_status_text(status));
        return FEDL_EXIT_FILE;
    }
    return FEDL_EXIT_OK;
}

static void report(const evaluation *e, cJSON *model, bool json)
{
    static const fedl_column columns[] = {
        {"version", "version", FEDL_CELL_NUMBER},   {"digest", "digest", FEDL_CELL_TEXT},
        {"rows", "rows", FEDL_CELL_NUMBER},         {"accuracy", "accuracy", FEDL_CELL_PERCENT},
        {"loss", "loss per row", FEDL_CELL_NUMBER},
    };
    const double rows = (double)e->stats.row_count;
    cJSON *out = cJSON_CreateObject();
    (void)cJSON_AddNumberToObject(
        out, "version", cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(model, "version")));
    (void)cJSON_AddStringToObject(
        out, "digest", cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(model, "digest")));
    (void)cJSON_AddNumberToObject(out, "rows", rows);
    if (e->config->plan.model.loss == FEDL_LOSS_SOFTMAX_CE) {
        (void)cJSON_AddNumberToObject(out, "accuracy", (double)e->stats.correct_count / rows);
    } else {
        (void)cJSON_AddNullToObject(out, "accuracy");
    }
    (void)cJSON_AddNumberToObject(out, "loss", (double)e->stats.loss_sum_q16 / 65536.0 / rows);
    fedl_print_object(out, columns, sizeof columns / sizeof columns[0], json);
    cJSON_Delete(out);
}

int fedl_cmd_model_eval(const fedl_arguments *arguments)
{
    fedl_arguments chosen = *arguments;
    evaluation e = {.config = calloc(1, sizeof *e.config)};
    fedl_admin_reply reply;
    if (chosen.data == NULL) {
        (void)fprintf(stderr, "fedl: model eval wants --data FILE\n");
        free(e.config);
        return FEDL_EXIT_USAGE;
    }
    if (e.config == NULL || fedl_crypto_sodium_init() != FEDL_OK) {
        (void)fprintf(stderr, "fedl: out of memory, or libsodium can't be initialised\n");
        free(e.config);
        return FEDL_EXIT_FILE;
    }
    int code = fetch_plan(&e, &chosen);
    if (code == FEDL_EXIT_OK) {
        code = open_data(&e, &chosen);
    }
    if (code == FEDL_EXIT_OK) {
        chosen.version = chosen.positional_count > 0 ? chosen.positional[0] : "0";
        code = fedl_admin_call(&reply, chosen.home, fedl_request_of("model.export", &chosen),
                               fedl_bytes_of(NULL, 0));
    }
    if (code == FEDL_EXIT_OK) {
        code = load_model(&e, &reply);
        code = code == FEDL_EXIT_OK ? evaluate(&e) : code;
        if (code == FEDL_EXIT_OK) {
            report(&e, reply.json, chosen.json);
        }
        fedl_admin_reply_free(&reply);
    }
    fedl_table_destroy(e.table);
    free(e.block);
    free(e.config);
    return code;
}
