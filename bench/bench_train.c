/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speed of the integer kernels, of whole training steps and of evaluation, on one core.
 *
 *   bench_train [--json FILE] [--seconds S]
 *
 * Rows are synthetic with the sparsity of digit images (19 % of the inputs are not zero). The float
 * column is the project's own float32 reference, plain C as well: a yardstick, not a rival.
 * A multiply-accumulate of a training step counts forward, update and data gradient.
 */
#include "base/rng.h"
#include "fedl/train.h"
#include "nn/model_state.h"
#include "reference_float.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ROW_COUNT  512u
#define BATCH_MAX  32u
#define INPUTS_MAX 784u

static int8_t inputs[ROW_COUNT][INPUTS_MAX];
static double seconds_per_case = 0.3;

typedef struct net {
    const char *name;
    uint32_t in, hidden, out;
} net;

static double now_s(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static fedl_status read_row(void *context, uint32_t row, int8_t *input, int32_t *target)
{
    const net *n = (const net *)context;
    memcpy(input, inputs[row], n->in);
    target[0] = (int32_t)(fedli_mix32(row) % n->out);
    return FEDL_OK;
}

static fedl_model_config config_of(const net *n)
{
    fedl_model_config config;
    memset(&config, 0, sizeof config);
    config.batch_rows_max = BATCH_MAX;
    config.spec.input_count = n->in;
    config.spec.input_exp = -7;
    config.spec.loss = FEDL_LOSS_SOFTMAX_CE;
    config.spec.layer_count = 3;
    config.spec.layers[0] = (fedl_layer_spec){FEDL_LAYER_DENSE, n->hidden, -14};
    config.spec.layers[1] = (fedl_layer_spec){FEDL_LAYER_RELU, 0, 0};
    config.spec.layers[2] = (fedl_layer_spec){FEDL_LAYER_DENSE, n->out, -13};
    return config;
}

static void must(fedl_status status)
{
    if (status != FEDL_OK) {
        (void)fprintf(stderr, "%s\n", fedl_status_text(status));
        exit(1);
    }
}

/* Rows per second of whole epochs until the time is up. */
static double train_rate(fedl_model *model, const net *n, uint32_t batch_rows)
{
    const fedl_sample_source source = {(void *)(uintptr_t)n, ROW_COUNT, read_row};
    const fedl_train_config config = {
        .local_epochs = 1, .batch_rows = batch_rows, .lr_q24 = FEDL_LR_ONE_Q24 / 50};
    const double begin = now_s();
    uint64_t rows = 0;
    for (uint32_t round = 0; now_s() - begin < seconds_per_case; round++) {
        const fedl_train_seed seed = {1, round, 0};
        fedl_trainer trainer;
        bool done = false;
        must(fedl_trainer_begin(&trainer, model, &source, fedl_bytes_of(NULL, 0), &config, &seed));
        while (!done) {
            must(fedl_trainer_step(&trainer, &done));
        }
        rows += ROW_COUNT;
    }
    return (double)rows / (now_s() - begin);
}

static double evaluate_rate(fedl_model *model, const net *n)
{
    const fedl_sample_source source = {(void *)(uintptr_t)n, ROW_COUNT, read_row};
    const double begin = now_s();
    fedl_eval_stats stats = {0};
    while (now_s() - begin < seconds_per_case) {
        must(fedl_model_evaluate(model, &stats, &source, 0, ROW_COUNT));
    }
    return (double)stats.row_count / (now_s() - begin);
}

static double float_rate(const fedl_model *model, const net *n, uint32_t batch_rows)
{
    static float batch[BATCH_MAX * INPUTS_MAX];
    float labels[BATCH_MAX];
    reference_model reference;
    reference_open(&reference, model);
    const double begin = now_s();
    uint64_t rows = 0;
    while (now_s() - begin < seconds_per_case) {
        for (uint32_t b = 0; b < batch_rows; b++) {
            const uint32_t row = (uint32_t)((rows + b) % ROW_COUNT);
            for (uint32_t k = 0; k < n->in; k++) {
                batch[b * n->in + k] = (float)inputs[row][k] / 128.0f;
            }
            labels[b] = (float)(fedli_mix32(row) % n->out);
        }
        reference_train(&reference, batch, labels, batch_rows, 0.02f);
        rows += batch_rows;
    }
    const double rate = (double)rows / (now_s() - begin);
    reference_close(&reference);
    return rate;
}

/* GMAC/s of the kernels alone, first layer, dense errors. */
static void kernel_rates(fedl_model *model, uint32_t rows, double *forward, double *update)
{
    fedli_model_state *s = model->state;
    fedli_layer *l = &s->layers[0];
    const fedli_dense_shape shape = {rows, l->in_count, l->out_count};
    const double macs = (double)rows * l->in_count * l->out_count;
    for (uint32_t b = 0; b < rows; b++) {
        memcpy(l->input + (size_t)b * l->in_count, inputs[b], l->in_count);
        for (uint32_t i = 0; i < l->out_count; i++) {
            s->error[b * l->out_count + i] = (int16_t)((fedli_mix32(b * 1000u + i) % 1023u) - 511u);
        }
    }
    for (uint32_t k = 0; k < l->in_count; k++) {
        s->dither[k] = fedli_mix32(k);
    }
    uint64_t calls = 0;
    double begin = now_s();
    for (; now_s() - begin < seconds_per_case; calls++) {
        s->kernels->forward(s->wide, l->input, l->weights, l->biases, -5, &shape, s->scratch);
    }
    *forward = (double)calls * macs / (now_s() - begin) * 1e-9;
    begin = now_s();
    for (calls = 0; now_s() - begin < seconds_per_case; calls++) {
        /* A long shift: the weights barely move however often this runs. */
        (void)s->kernels->update(l->weights, s->error, l->input, s->dither, 28, &shape, s->scratch);
    }
    *update = (double)calls * macs / (now_s() - begin) * 1e-9;
}

static void run_net(const net *n, FILE *json)
{
    static const uint32_t batches[] = {1, 8, 16, 32};
    const fedl_model_config config = config_of(n);
    const size_t size = fedl_model_size(&config);
    void *block = malloc(size);
    fedl_model model;
    if (block == NULL) {
        exit(1);
    }
    must(fedl_model_init(&model, &config, block, size));
    for (size_t i = 0; i < sizeof batches / sizeof batches[0]; i++) {
        const uint32_t b = batches[i];
        double forward;
        double update;
        fedl_model_randomise(&model, 1);
        kernel_rates(&model, b, &forward, &update);
        fedl_model_randomise(&model, 1);
        const double real = float_rate(&model, n, b);
        const double rate = train_rate(&model, n, b);
        const double macs = 2.0 * n->in * n->hidden + 3.0 * n->hidden * n->out;
        (void)printf("%-12s %3u %9.1f %9.1f %12.0f %9.2f %12.0f %8.2f\n", n->name, b, forward,
                     update, rate, rate * macs * 1e-9, real, rate / real);
        (void)fflush(stdout);
        if (json != NULL) {
            (void)fprintf(
                json,
                ",\n  \"%s_b%u_forward_gmac_s\": %.3f,\n  \"%s_b%u_update_gmac_s\": %.3f,\n"
                "  \"%s_b%u_train_rows_s\": %.0f,\n  \"%s_b%u_float32_rows_s\": %.0f",
                n->name, b, forward, n->name, b, update, n->name, b, rate, n->name, b, real);
        }
    }
    const double evaluated = evaluate_rate(&model, n);
    (void)printf("%-12s evaluation %.0f rows/s\n", n->name, evaluated);
    if (json != NULL) {
        (void)fprintf(json, ",\n  \"%s_evaluate_rows_s\": %.0f", n->name, evaluated);
    }
    free(block);
}

int main(int argc, char **argv)
{
    static const net nets[] = {{"784-64-10", 784, 64, 10}, {"128-64-10", 128, 64, 10}};
    FILE *json = NULL;
    for (int i = 1; i < argc; i += 2) {
        if (i + 1 < argc && strcmp(argv[i], "--json") == 0) {
            json = fopen(argv[i + 1], "w");
        } else if (i + 1 < argc && strcmp(argv[i], "--seconds") == 0) {
            seconds_per_case = strtod(argv[i + 1], NULL);
        } else {
            (void)fprintf(stderr, "usage: bench_train [--json FILE] [--seconds S]\n");
            return 2;
        }
    }
    for (uint32_t row = 0; row < ROW_COUNT; row++) {
        for (uint32_t k = 0; k < INPUTS_MAX; k++) {
            const uint32_t h = fedli_mix32(row * INPUTS_MAX + k);
            inputs[row][k] = (int8_t)(h % 100u < 19u ? (h >> 8) % 128u : 0);
        }
    }
    if (json != NULL) {
        (void)fprintf(json, "{\n  \"bench\": \"train\",\n  \"kernels\": \"%s\"",
                      fedli_kernels_ref.name);
    }
    (void)printf("%-12s %3s %9s %9s %12s %9s %12s %8s\n", "net", "B", "forward", "update", "rows/s",
                 "GMAC/s", "float32", "ratio");
    for (size_t i = 0; i < sizeof nets / sizeof nets[0]; i++) {
        run_net(&nets[i], json);
    }
    if (json != NULL) {
        (void)fprintf(json, "\n}\n");
        return fclose(json) == 0 ? 0 : 1;
    }
    return 0;
}
