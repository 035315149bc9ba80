/* SPDX-License-Identifier: Apache-2.0 */
/* The newest model on the rows of a file; the arithmetic is the integer one of the device. */
#include "agent_data.h"
#include "agent_model.h"
#include "agent_run.h"
#include "posix/plural.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct predict_state {
    agent_model model;
    agent_data data;
    fedl_model net;
    void *block;
    int32_t *logits;
    uint32_t output_count;
    bool json;
    uint64_t correct;
    double error_sum; /* squared, regression */
} predict_state;

static void print_class(predict_state *p, uint32_t row, int8_t exponent)
{
    uint32_t best = 0;
    for (uint32_t k = 1; k < p->output_count; k++) {
        best = p->logits[k] > p->logits[best] ? k : best;
    }
    const fedl_table *table = p->data.table;
    const double logit = ldexp((double)p->logits[best], exponent);
    const bool named = best < p->data.config->class_count;
    if (table->target_count > 0 && table->targets[row] == (int32_t)best) {
        p->correct++;
    }
    if (p->json) {
        (void)printf("{\"row\":%u,\"class\":%u,\"logit\":%.6g}\n", row, best, logit);
    } else if (named) {
        (void)printf("%u,%s,%.6g\n", row, p->data.config->class_names[best], logit);
    } else {
        (void)printf("%u,%u,%.6g\n", row, best, logit);
    }
}

static void print_value(predict_state *p, uint32_t row, int8_t exponent)
{
    const fedl_table *table = p->data.table;
    const double value = ldexp((double)p->logits[0], exponent);
    if (table->target_count > 0) {
        const double error = value - ldexp((double)table->targets[row], FEDL_TARGET_EXP);
        p->error_sum += error * error;
    }
    (void)printf(p->json ? "{\"row\":%u,\"value\":%.6g}\n" : "%u,%.6g\n", row, value);
}

/* Mean squared difference between what went in and what came out: high for unusual rows. */
static void print_reconstruction(predict_state *p, uint32_t row, int8_t exponent)
{
    const fedl_table *table = p->data.table;
    const int8_t *input = table->inputs + (size_t)row * table->input_count;
    double sum = 0;
    for (uint32_t k = 0; k < p->output_count; k++) {
        const double difference =
            ldexp((double)p->logits[k], exponent) - ldexp((double)input[k], table->input_exp);
        sum += difference * difference;
    }
    const double error = sum / (double)p->output_count;
    p->error_sum += error;
    (void)printf(p->json ? "{\"row\":%u,\"error\":%.6g}\n" : "%u,%.6g\n", row, error);
}

static void print_rows(predict_state *p)
{
    const fedl_table *table = p->data.table;
    const bool classes = p->model.plan.model.loss == FEDL_LOSS_SOFTMAX_CE;
    for (uint32_t row = 0; row < table->row_count; row++) {
        int8_t exponent = 0;
        fedl_model_infer(&p->net, p->logits, &exponent,
                         table->inputs + (size_t)row * table->input_count);
        if (classes) {
            print_class(p, row, exponent);
        } else if (table->reconstruct) {
            print_reconstruction(p, row, exponent);
        } else {
            print_value(p, row, exponent);
        }
    }
    if (classes && table->target_count > 0) {
        (void)fprintf(stderr, "%llu of %u row%s right (%.2f %%)\n", (unsigned long long)p->correct,
                      table->row_count, fedl_plural(table->row_count),
                      100.0 * (double)p->correct / (double)table->row_count);
    } else if (table->target_count > 0 || table->reconstruct) {
        (void)fprintf(stderr, "mean squared error %.6g over %u row%s\n",
                      p->error_sum / (double)table->row_count, table->row_count,
                      fedl_plural(table->row_count));
    }
}

static fedl_status load_net(predict_state *p)
{
    const fedl_model_config config = {p->model.plan.model, 0};
    const size_t bytes = (fedl_model_size(&config) + 15u) & ~(size_t)15u;
    p->output_count = fedl_model_output_count(&config.spec);
    p->block = aligned_alloc(16, bytes);
    p->logits = malloc((size_t)p->output_count * sizeof *p->logits);
    if (p->block == NULL || p->logits == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    const fedl_status status = fedl_model_init(&p->net, &config, p->block, bytes);
    return status == FEDL_OK ? fedl_model_load(&p->net, p->model.container) : status;
}

/* Which model answers: a home that takes part in several tasks holds the one it got last. */
static void say_model(const fedl_manifest *manifest, const fedl_client_progress *progress)
{
    const fedl_client_accepted *newest = progress->count != 0 ? &progress->tasks[0] : NULL;
    (void)fprintf(stderr, "model of task %u, version %u", manifest->task_id, manifest->version);
    if (newest != NULL &&
        (newest->task_id != manifest->task_id || newest->version > manifest->version)) {
        (void)fprintf(stderr,
                      "; not the newest, which is version %u of task %u and not kept here: "
                      "fedl-client run fetches it again",
                      newest->version, newest->task_id);
    }
    (void)fputc('\n', stderr);
}

static agent_exit predict(predict_state *p, const agent_options *options, const agent_home *home,
                          const fedl_crypto *crypto, char text[AGENT_TEXT_BYTES])
{
    char why[FEDL_SOURCE_TEXT_BYTES];
    char url[FEDL_URL_BYTES_MAX];
    fedl_identity identity;
    fedl_client_progress progress;
    agent_exit code = agent_home_load(home, &identity, url, &progress, crypto, text);
    if (code == AGENT_EXIT_OK) {
        code = agent_model_load(&p->model, home, &identity, crypto, text);
    }
    if (code != AGENT_EXIT_OK) {
        return code;
    }
    say_model(&p->model.manifest, &progress);
    fedl_status status = load_net(p);
    if (status != FEDL_OK) {
        (void)snprintf(text, AGENT_TEXT_BYTES, "the model can't be used: %s",
                       fedl_status_text(status));
        return AGENT_EXIT_FAILED;
    }
    status = agent_data_open(&p->data, options, &p->model.plan, true, why);
    if (status != FEDL_OK) {
        (void)snprintf(text, AGENT_TEXT_BYTES, "data: %s", why);
        return AGENT_EXIT_DATA;
    }
    print_rows(p);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        (void)snprintf(text, AGENT_TEXT_BYTES, "standard output can't be written");
        return AGENT_EXIT_FAILED;
    }
    return AGENT_EXIT_OK;
}

agent_exit agent_predict(const agent_options *options, const fedl_crypto *crypto)
{
    char text[AGENT_TEXT_BYTES] = "";
    agent_home home;
    predict_state *p = calloc(1, sizeof *p);
    if (p == NULL) {
        return AGENT_EXIT_FAILED;
    }
    p->json = options->json;
    /* No lock: a running agent replaces the model whole, so reading beside it is safe. */
    agent_exit code = agent_home_open(&home, options->home, false, false, text);
    if (code == AGENT_EXIT_OK) {
        code = predict(p, options, &home, crypto, text);
    }
    if (code != AGENT_EXIT_OK) {
        (void)fprintf(stderr, "fedl-client: %s\n", text);
    }
    agent_data_close(&p->data);
    agent_model_free(&p->model);
    free(p->block);
    free(p->logits);
    free(p);
    return code;
}
