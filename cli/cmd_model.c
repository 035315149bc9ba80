/* SPDX-License-Identifier: Apache-2.0 */
/* model list | show | export; eval lies in cmd_eval.c. */
#include "command.h"
#include "posix/durable_file.h"
#include "print.h"

#include <stdio.h>

static const fedl_column model_columns[] = {
    {"version", "version", FEDL_CELL_NUMBER},
    {"round", "round", FEDL_CELL_NUMBER},
    {"digest", "digest", FEDL_CELL_DIGEST},
    {"parent_digest", "parent", FEDL_CELL_DIGEST},
    {"created_s", "published (UTC)", FEDL_CELL_TIME},
    {"reports", "reports", FEDL_CELL_NUMBER},
    {"train_loss", "loss", FEDL_CELL_NUMBER},
    {"held_out_accuracy", "held-out before", FEDL_CELL_PERCENT},
    {"bytes_up", "received", FEDL_CELL_BYTES},
    {"duration_ms", "took", FEDL_CELL_MILLI},
};
#define MODEL_COLUMN_COUNT (sizeof model_columns / sizeof model_columns[0])

static const fedl_column one_model_columns[] = {
    {"task_id", "task", FEDL_CELL_NUMBER},
    {"version", "version", FEDL_CELL_NUMBER},
    {"round", "made in round", FEDL_CELL_NUMBER},
    {"digest", "digest", FEDL_CELL_TEXT},
    {"parent_digest", "parent", FEDL_CELL_TEXT},
    {"created_s", "published (UTC)", FEDL_CELL_TIME},
    {"parameters", "parameters", FEDL_CELL_NUMBER},
    {"container_bytes", "container", FEDL_CELL_BYTES},
    {"reports", "reports", FEDL_CELL_NUMBER},
    {"train_loss", "mean training loss", FEDL_CELL_NUMBER},
    {"held_out_accuracy", "held-out accuracy of the parent", FEDL_CELL_PERCENT},
    {"held_out_loss", "held-out loss of the parent", FEDL_CELL_NUMBER},
    {"bytes_up", "received", FEDL_CELL_BYTES},
    {"bytes_down", "sent", FEDL_CELL_BYTES},
    {"duration_ms", "took", FEDL_CELL_MILLI},
};

static fedl_arguments with_version(const fedl_arguments *arguments)
{
    fedl_arguments copy = *arguments;
    copy.version = copy.positional_count > 0 ? copy.positional[0] : "0";
    return copy;
}

int fedl_cmd_model_list(const fedl_arguments *arguments)
{
    fedl_admin_reply reply;
    const int code = fedl_admin_call(
        &reply, arguments->home, fedl_request_of("model.list", arguments), fedl_bytes_of(NULL, 0));
    if (code == FEDL_EXIT_OK) {
        fedl_print_rows(cJSON_GetObjectItemCaseSensitive(reply.json, "rows"), model_columns,
                        MODEL_COLUMN_COUNT, arguments->json, "no version yet");
        fedl_admin_reply_free(&reply);
    }
    return code;
}

int fedl_cmd_model_show(const fedl_arguments *arguments)
{
    fedl_admin_reply reply;
    const fedl_arguments chosen = with_version(arguments);
    const int code = fedl_admin_call(&reply, chosen.home, fedl_request_of("model.show", &chosen),
                                     fedl_bytes_of(NULL, 0));
    if (code == FEDL_EXIT_OK) {
        fedl_print_object(reply.json, one_model_columns,
                          sizeof one_model_columns / sizeof one_model_columns[0], chosen.json);
        fedl_admin_reply_free(&reply);
    }
    return code;
}

int fedl_cmd_model_export(const fedl_arguments *arguments)
{
    fedl_admin_reply reply;
    const fedl_arguments chosen = with_version(arguments);
    if (chosen.out == NULL) {
        (void)fprintf(stderr, "fedl: model export wants --out FILE\n");
        return FEDL_EXIT_USAGE;
    }
    char why[FEDL_OUTPUT_TEXT_BYTES];
    if (fedl_file_output_check(chosen.out, why) != FEDL_OK) {
        (void)fprintf(stderr, "fedl: %s\n", why);
        return FEDL_EXIT_FILE;
    }
    int code = fedl_admin_call(&reply, chosen.home, fedl_request_of("model.export", &chosen),
                               fedl_bytes_of(NULL, 0));
    if (code != FEDL_EXIT_OK) {
        return code;
    }
    const fedl_status status =
        fedl_file_output(chosen.out, fedl_bytes_of(reply.payload, reply.payload_bytes), 0644);
    if (status != FEDL_OK) {
        (void)fprintf(stderr, "fedl: cannot write %s: %s\n", chosen.out, fedl_status_text(status));
        code = FEDL_EXIT_FILE;
    } else if (chosen.json) {
        fedl_print_object(reply.json, NULL, 0, true);
    } else {
        const char *digest =
            cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(reply.json, "digest"));
        (void)printf("version %.0f, %zu bytes, digest %s -> %s\n",
                     cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(reply.json, "version")),
                     reply.payload_bytes, digest != NULL ? digest : "?", chosen.out);
    }
    fedl_admin_reply_free(&reply);
    return code;
}
