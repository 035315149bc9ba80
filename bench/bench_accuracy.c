/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does the integer arithmetic cost accuracy? The same 784-64-10 network is trained centrally in
 * fixed point and in float32, in one program: same initial weights, same rows in the same order,
 * same learning rate, for several seeds; what counts is the paired difference.
 *
 *   bench_accuracy [--quick] [--seeds N] [--epochs N] [--rows N] [--json FILE] [--data DIR]
 *                  [--mnist DIR] [--fashion-mnist DIR]
 *
 * DIR of --data (default $FEDL_DATA, else .cache/data) holds mnist/ and fashion-mnist/ with the raw
 * IDX files. Exit status: 0 the bound holds on every set, 1 it does not, 2 usage, 77 no data.
 * Bound: |mean difference| ≤ 0.3 points or ≤ 2 standard errors of the difference.
 */
#include "fedl/normalise.h"
#include "fedl/train.h"
#include "idx_reader.h"
#include "reference_float.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEEDS_MAX    64u
#define BATCH_ROWS   16u
#define BOUND_POINTS 0.3
#define RATE         0.1
#define SET_COUNT    2u

typedef struct options {
    uint32_t seeds;
    uint32_t epochs;
    uint32_t train_rows;
    uint32_t test_rows;
    const char *json_path;
    const char *data;
    const char *set_dir[SET_COUNT]; /* NULL: below data */
} options;

/* The fixed-point trainer's source; it writes down which rows it was asked for. */
typedef struct recorder {
    const idx_set *set;
    uint32_t *order;
    size_t read_count;
} recorder;

typedef struct outcome {
    double fixed[SEEDS_MAX]; /* percent */
    double real[SEEDS_MAX];
    double fixed_mean;
    double real_mean;
    double difference;
    double error;
    bool holds;
} outcome;

static const char *const set_names[SET_COUNT] = {"mnist", "fashion-mnist"};
static const char *const set_keys[SET_COUNT] = {"mnist", "fashion_mnist"};

static void *must_alloc(size_t size)
{
    void *block = calloc(1, size);
    if (block == NULL) {
        (void)fprintf(stderr, "out of memory\n");
        exit(2);
    }
    return block;
}

static fedl_status read_row(void *context, uint32_t row, int8_t *input, int32_t *target)
{
    recorder *rec = (recorder *)context;
    const uint8_t *pixels = rec->set->pixels + (size_t)row * rec->set->pixel_count;
    for (uint32_t k = 0; k < rec->set->pixel_count; k++) {
        input[k] = fedl_normalise_pixel(pixels[k]);
    }
    target[0] = rec->set->labels[row];
    if (rec->order != NULL) {
        rec->order[rec->read_count++] = row;
    }
    return FEDL_OK;
}

static fedl_model_config mlp_config(uint32_t inputs)
{
    fedl_model_config config;
    memset(&config, 0, sizeof config);
    config.batch_rows_max = BATCH_ROWS;
    config.spec.input_count = inputs;
    config.spec.input_exp = -7;
    config.spec.loss = FEDL_LOSS_SOFTMAX_CE;
    config.spec.layer_count = 3;
    config.spec.layers[0] = (fedl_layer_spec){FEDL_LAYER_DENSE, 64, -14};
    config.spec.layers[1] = (fedl_layer_spec){FEDL_LAYER_RELU, 0, 0};
    config.spec.layers[2] = (fedl_layer_spec){FEDL_LAYER_DENSE, 10, -13};
    return config;
}

static void float_row(float *out, float *label, const idx_set *set, uint32_t row)
{
    const uint8_t *pixels = set->pixels + (size_t)row * set->pixel_count;
    for (uint32_t k = 0; k < set->pixel_count; k++) {
        out[k] = (float)pixels[k] / 255.0f;
    }
    *label = (float)set->labels[row];
}

/* Trains the float model on the rows that the fixed one saw, epoch by epoch. */
static double float_run(reference_model *reference, const recorder *rec, const idx_set *test,
                        uint32_t epochs)
{
    const uint32_t rows = rec->set->row_count;
    const size_t width = rec->set->pixel_count;
    float *inputs = must_alloc(BATCH_ROWS * width * sizeof *inputs);
    float labels[BATCH_ROWS];
    size_t at = 0;
    for (uint32_t epoch = 0; epoch < epochs; epoch++) {
        for (uint32_t first = 0; first < rows; first += BATCH_ROWS) {
            const uint32_t count = rows - first < BATCH_ROWS ? rows - first : BATCH_ROWS;
            for (uint32_t b = 0; b < count; b++) {
                float_row(inputs + b * width, &labels[b], rec->set, rec->order[at++]);
            }
            reference_train(reference, inputs, labels, count, (float)RATE);
        }
    }
    uint32_t correct = 0;
    for (uint32_t row = 0; row < test->row_count; row++) {
        float_row(inputs, labels, test, row);
        reference_forward(reference, inputs);
        uint32_t best = 0;
        for (uint32_t c = 1; c < 10; c++) {
            best = reference->logits[c] > reference->logits[best] ? c : best;
        }
        correct += best == test->labels[row];
    }
    free(inputs);
    return 100.0 * correct / test->row_count;
}

static double fixed_run(fedl_model *model, recorder *rec, const idx_set *test, uint32_t epochs,
                        uint32_t seed)
{
    const fedl_sample_source source = {rec, rec->set->row_count, read_row};
    const fedl_train_config config = {.local_epochs = epochs,
                                      .batch_rows = BATCH_ROWS,
                                      .lr_q24 = (uint32_t)(RATE * FEDL_LR_ONE_Q24 + 0.5)};
    const fedl_train_seed train_seed = {seed, 0, 0};
    fedl_trainer trainer;
    bool done = false;
    fedl_status status =
        fedl_trainer_begin(&trainer, model, &source, fedl_bytes_of(NULL, 0), &config, &train_seed);
    while (status == FEDL_OK && !done) {
        status = fedl_trainer_step(&trainer, &done);
    }
    recorder test_rec = {test, NULL, 0};
    const fedl_sample_source test_source = {&test_rec, test->row_count, read_row};
    fedl_eval_stats stats = {0};
    if (status == FEDL_OK) {
        status = fedl_model_evaluate(model, &stats, &test_source, 0, test->row_count);
    }
    if (status != FEDL_OK) {
        (void)fprintf(stderr, "fixed point: %s\n", fedl_status_text(status));
        exit(1);
    }
    return 100.0 * (double)stats.correct_count / (double)stats.row_count;
}

static void summarise(outcome *o, uint32_t seeds)
{
    double squares = 0.0;
    for (uint32_t i = 0; i < seeds; i++) {
        o->fixed_mean += o->fixed[i] / seeds;
        o->real_mean += o->real[i] / seeds;
    }
    o->difference = o->fixed_mean - o->real_mean;
    for (uint32_t i = 0; i < seeds; i++) {
        const double d = o->fixed[i] - o->real[i] - o->difference;
        squares += d * d;
    }
    o->error = seeds > 1 ? sqrt(squares / (seeds - 1) / seeds) : 0.0;
    o->holds = fabs(o->difference) <= BOUND_POINTS || fabs(o->difference) <= 2.0 * o->error;
}

static bool run_set(outcome *o, const options *opt, uint32_t index)
{
    char dir[1024];
    idx_set train;
    idx_set test;
    (void)snprintf(dir, sizeof dir, "%s/%s", opt->data, set_names[index]);
    const char *place = opt->set_dir[index] != NULL ? opt->set_dir[index] : dir;
    if (!idx_set_open(&train, place, "train", opt->train_rows)) {
        (void)printf("%-14s no data in %s\n", set_names[index], place);
        return false;
    }
    if (!idx_set_open(&test, place, "t10k", opt->test_rows)) {
        idx_set_close(&train);
        return false;
    }
    const fedl_model_config config = mlp_config(train.pixel_count);
    const size_t size = fedl_model_size(&config);
    void *block = must_alloc(size);
    recorder rec = {&train, NULL, 0};
    rec.order = must_alloc((size_t)train.row_count * opt->epochs * sizeof *rec.order);
    memset(o, 0, sizeof *o);
    for (uint32_t i = 0; i < opt->seeds; i++) {
        fedl_model model;
        reference_model reference;
        if (fedl_model_init(&model, &config, block, size) != FEDL_OK) {
            exit(2);
        }
        rec.read_count = 0;
        fedl_model_randomise(&model, 1000 + i);
        reference_open(&reference, &model);
        o->fixed[i] = fixed_run(&model, &rec, &test, opt->epochs, 1 + i);
        o->real[i] = float_run(&reference, &rec, &test, opt->epochs);
        reference_close(&reference);
        (void)printf("  %-14s seed %2u  fixed %6.2f  float32 %6.2f  difference %+5.2f\n",
                     set_names[index], i + 1, o->fixed[i], o->real[i], o->fixed[i] - o->real[i]);
        (void)fflush(stdout);
    }
    summarise(o, opt->seeds);
    free(rec.order);
    free(block);
    idx_set_close(&train);
    idx_set_close(&test);
    return true;
}

static bool number_of(const char *text, uint32_t high, uint32_t *value)
{
    char *end = NULL;
    const unsigned long parsed = strtoul(text, &end, 10);
    *value = (uint32_t)parsed;
    return *text != '\0' && *end == '\0' && parsed >= 1 && parsed <= high;
}

static bool parse(options *opt, int argc, char **argv)
{
    bool sound = true;
    for (int i = 1; sound && i < argc; i++) {
        const char *name = argv[i];
        if (strcmp(name, "--quick") == 0) {
            opt->train_rows = 10000;
            opt->test_rows = 10000;
            opt->epochs = 2;
            continue;
        }
        const char *value = ++i < argc ? argv[i] : "";
        if (strcmp(name, "--seeds") == 0) {
            sound = number_of(value, SEEDS_MAX, &opt->seeds);
        } else if (strcmp(name, "--epochs") == 0) {
            sound = number_of(value, 1000, &opt->epochs);
        } else if (strcmp(name, "--rows") == 0) {
            sound = number_of(value, 1u << 24, &opt->train_rows);
        } else if (strcmp(name, "--json") == 0) {
            opt->json_path = value;
        } else if (strcmp(name, "--data") == 0) {
            opt->data = value;
        } else if (strcmp(name, "--mnist") == 0) {
            opt->set_dir[0] = value;
        } else if (strcmp(name, "--fashion-mnist") == 0) {
            opt->set_dir[1] = value;
        } else {
            sound = false;
        }
        sound = sound && *value != '\0';
    }
    return sound;
}

static bool write_json(const options *opt, const outcome *outcomes, const bool *have)
{
    FILE *file = fopen(opt->json_path, "w");
    if (file == NULL) {
        return false;
    }
    (void)fprintf(file,
                  "{\n  \"bench\": \"accuracy\",\n  \"net\": \"784-64-10\",\n  \"seeds\": %u,\n"
                  "  \"epochs\": %u,\n  \"batch_rows\": %u,\n  \"rate\": %.3f,\n"
                  "  \"train_rows\": %u",
                  opt->seeds, opt->epochs, BATCH_ROWS, RATE, opt->train_rows);
    for (uint32_t i = 0; i < SET_COUNT; i++) {
        const outcome *o = &outcomes[i];
        if (have[i]) {
            (void)fprintf(file,
                          ",\n  \"%s_fixed_percent\": %.4f,\n  \"%s_float32_percent\": %.4f,\n"
                          "  \"%s_difference_points\": %.4f,\n  \"%s_standard_error\": %.4f,\n"
                          "  \"%s_bound_holds\": %s",
                          set_keys[i], o->fixed_mean, set_keys[i], o->real_mean, set_keys[i],
                          o->difference, set_keys[i], o->error, set_keys[i],
                          o->holds ? "true" : "false");
        }
    }
    (void)fprintf(file, "\n}\n");
    return fclose(file) == 0;
}

int main(int argc, char **argv)
{
    const char *data = getenv("FEDL_DATA");
    options opt = {.seeds = 5, .epochs = 3, .train_rows = 60000, .test_rows = 10000};
    outcome outcomes[SET_COUNT];
    bool have[SET_COUNT];
    bool any = false;
    bool holds = true;
    opt.data = data != NULL && *data != '\0' ? data : ".cache/data";
    if (!parse(&opt, argc, argv)) {
        (void)fprintf(stderr,
                      "usage: bench_accuracy [--quick] [--seeds N] [--epochs N] [--rows N]\n"
                      "         [--json FILE] [--data DIR] [--mnist DIR] [--fashion-mnist DIR]\n");
        return 2;
    }
    for (uint32_t i = 0; i < SET_COUNT; i++) {
        have[i] = run_set(&outcomes[i], &opt, i);
    }
    (void)printf("\n784-64-10, %u rows, %u epochs, batch %u, rate %.2f, %u seeds\n%-14s %8s %8s "
                 "%11s %9s  bound 0.3\n",
                 opt.train_rows, opt.epochs, BATCH_ROWS, RATE, opt.seeds, "set", "fixed", "float32",
                 "difference", "std.err.");
    for (uint32_t i = 0; i < SET_COUNT; i++) {
        if (have[i]) {
            const outcome *o = &outcomes[i];
            (void)printf("%-14s %8.2f %8.2f %+11.3f %9.3f  %s\n", set_names[i], o->fixed_mean,
                         o->real_mean, o->difference, o->error, o->holds ? "holds" : "BROKEN");
            any = true;
            holds = holds && o->holds;
        }
    }
    if (opt.json_path != NULL && !write_json(&opt, outcomes, have)) {
        (void)fprintf(stderr, "cannot write %s\n", opt.json_path);
        return 2;
    }
    return !any ? 77 : holds ? 0 : 1;
}
