/* SPDX-License-Identifier: Apache-2.0 */
/* The whole chain without a network: training on each device, vectors, sum, master, next round. It
 * must learn from skewed shards, and give the same master in either order of arrival. */
#include "agg/agg.h"
#include "agg_fixture.h"
#include "base/rng.h"
#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

enum { INPUTS = 8, CLASSES = 4, CLIENTS = 4, ROWS = 60, ROUNDS = 12, BATCH = 10 };

/* Client n holds mostly class n; the class is the largest of four pairs of noisy inputs. */
typedef struct shard {
    uint32_t client; /* CLIENTS = the held-out rows, all classes alike */
} shard;

static fedl_status read_row(void *context, uint32_t row, int8_t *input, int32_t *target)
{
    const shard *s = (const shard *)context;
    const uint32_t seed = fedli_mix32(s->client * 100000u + row + 1u);
    const bool mixed = s->client == CLIENTS || row % 4 == 0;
    const uint32_t label = mixed ? seed % CLASSES : s->client;
    for (uint32_t i = 0; i < INPUTS; i++) {
        const int32_t noise = (int32_t)(fedli_mix32(seed + i + 1u) % 81u) - 40;
        input[i] = (int8_t)(i / 2 == label ? 45 + noise : noise);
    }
    target[0] = (int32_t)label;
    return FEDL_OK;
}

static fedl_model_spec net(void)
{
    fedl_model_spec spec;
    memset(&spec, 0, sizeof spec);
    spec.input_count = INPUTS;
    spec.input_exp = -6;
    spec.loss = FEDL_LOSS_SOFTMAX_CE;
    spec.layer_count = 3;
    spec.layers[0] = (fedl_layer_spec){.kind = FEDL_LAYER_DENSE, .units = 12, .weight_exp = -14};
    spec.layers[1] = (fedl_layer_spec){.kind = FEDL_LAYER_RELU};
    spec.layers[2] =
        (fedl_layer_spec){.kind = FEDL_LAYER_DENSE, .units = CLASSES, .weight_exp = -13};
    return spec;
}

typedef struct run {
    fedl_model_spec spec;
    fedl_update_config cfg;
    fedl_model model;
    fedl_accum accum;
    fedl_master master;
    uint8_t *container;
    size_t container_bytes;
    void *blocks[3];
} run;

static void run_init(run *r)
{
    r->spec = net();
    r->cfg = (fedl_update_config){.clip_q16 = 2 * 65536,
                                  .update_exp = -12,
                                  .ring_bits = 16,
                                  .clients_max = CLIENTS,
                                  .w_unit = 20,
                                  .w_max = 4};
    assert_int_equal(fedl_update_config_check(&r->cfg, &r->spec), FEDL_OK);
    const fedl_model_config model = {.spec = r->spec, .batch_rows_max = BATCH};
    const uint32_t count = fedl_model_parameter_count(&r->spec);
    const size_t sizes[3] = {fedl_model_size(&model), fedl_accum_size(&r->cfg, count),
                             fedl_master_size(&r->spec)};
    for (size_t i = 0; i < 3; i++) {
        r->blocks[i] = agg_fixture_block(sizes[i]);
    }
    assert_int_equal(fedl_model_init(&r->model, &model, r->blocks[0], sizes[0]), FEDL_OK);
    assert_int_equal(fedl_accum_init(&r->accum, &r->cfg, count, r->blocks[1], sizes[1]), FEDL_OK);
    assert_int_equal(fedl_master_init(&r->master, &r->spec, r->blocks[2], sizes[2]), FEDL_OK);
    r->container_bytes = fedl_container_size(&r->spec);
    r->container = agg_fixture_block(r->container_bytes);
    fedl_model_randomise(&r->model, 77);
    assert_int_equal(fedl_model_export(&r->model, r->container, r->container_bytes), FEDL_OK);
    assert_int_equal(
        fedl_master_load_container(&r->master, fedl_bytes_of(r->container, r->container_bytes)),
        FEDL_OK);
}

static void run_free(run *r)
{
    for (size_t i = 0; i < 3; i++) {
        free(r->blocks[i]);
    }
    free(r->container);
}

static void train_client(run *r, uint32_t client, uint32_t round)
{
    shard part = {client};
    const fedl_sample_source source = {&part, ROWS, read_row};
    const fedl_bytes reference = fedl_bytes_of(r->container, r->container_bytes);
    const fedl_train_config config = {
        .local_epochs = 2, .batch_rows = BATCH, .lr_q24 = FEDL_LR_ONE_Q24 / 10};
    const fedl_train_seed seed = {.run_seed = 5, .round = round, .device_id = client};
    assert_int_equal(fedl_model_load(&r->model, reference), FEDL_OK);
    fedl_trainer trainer;
    assert_int_equal(fedl_trainer_begin(&trainer, &r->model, &source, reference, &config, &seed),
                     FEDL_OK);
    for (bool done = false; !done;) {
        assert_int_equal(fedl_trainer_step(&trainer, &done), FEDL_OK);
    }
    fedl_update update;
    assert_int_equal(fedl_update_begin(&update, &r->model, reference, &r->cfg, &seed, ROWS,
                                       fedl_trainer_stats(&trainer), NULL),
                     FEDL_OK);
    uint8_t *vector = malloc(r->accum.vector_bytes);
    assert_non_null(vector);
    assert_int_equal(fedl_update_read(&update, vector, 0, r->accum.vector_bytes), FEDL_OK);
    assert_int_equal(fedl_accum_add(&r->accum, fedl_bytes_of(vector, r->accum.vector_bytes)),
                     FEDL_OK);
    free(vector);
}

static uint64_t held_out_correct(run *r)
{
    shard part = {CLIENTS};
    const fedl_sample_source source = {&part, 400, read_row};
    const fedl_bytes container = fedl_bytes_of(r->container, r->container_bytes);
    assert_int_equal(fedl_model_load(&r->model, container), FEDL_OK);
    fedl_eval_stats stats = {0, 0, 0};
    assert_int_equal(fedl_model_evaluate(&r->model, &stats, &source, 0, 400), FEDL_OK);
    return stats.correct_count;
}

static void play(run *r, bool backwards)
{
    const fedl_agg_config agg = {FEDL_AGG_FEDAVG, FEDL_SERVER_LR_ONE_Q16, r->cfg.update_exp};
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        fedl_accum_clear(&r->accum);
        for (uint32_t n = 0; n < CLIENTS; n++) {
            train_client(r, backwards ? CLIENTS - 1 - n : n, round);
        }
        assert_true(r->accum.tail[FEDL_TAIL_ROWS] == (uint64_t)CLIENTS * ROWS);
        assert_int_equal(fedl_agg_find(FEDL_AGG_FEDAVG)->apply(&agg, &r->master, NULL, &r->accum),
                         FEDL_OK);
        assert_int_equal(fedl_master_export_container(&r->master, r->container, r->container_bytes),
                         FEDL_OK);
    }
}

static void rounds_learn_and_repeat(void **state)
{
    (void)state;
    run first;
    run second;
    run_init(&first);
    run_init(&second);
    const uint64_t before = held_out_correct(&first);
    play(&first, false);
    const uint64_t after = held_out_correct(&first);
    /* Four classes: a guess gets 100 of 400. */
    assert_true(before < 250);
    assert_true(after >= 320);
    play(&second, true);
    assert_memory_equal(first.container, second.container, first.container_bytes);
    assert_memory_equal(first.master.words, second.master.words,
                        first.master.parameter_count * sizeof(int32_t));
    run_free(&first);
    run_free(&second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rounds_learn_and_repeat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
