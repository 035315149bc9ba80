/* SPDX-License-Identifier: Apache-2.0 */
#include "store_scene.h"

#include "base/rng.h"
#include "sodium/crypto_sodium.h"
#include "store/store_check.h"

#include "cmocka_all.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const fedl_crypto *scene_crypto(void)
{
    assert_int_equal(fedl_crypto_sodium_init(), FEDL_OK);
    return fedl_crypto_sodium();
}

fedl_store_op scene_device_add(uint32_t device_id, const char *name)
{
    fedl_store_op op = {.kind = FEDL_STORE_DEVICE_ADD, .utc_s = 1000 + device_id};
    op.device.device_id = device_id;
    op.device.state = FEDL_DEVICE_INVITED;
    op.device.token_expires_s = 5000;
    memset(op.device.token_hash, (int)device_id, sizeof op.device.token_hash);
    (void)snprintf(op.device.name, sizeof op.device.name, "%s", name);
    return op;
}

fedl_store_op scene_device_enrol(uint32_t device_id)
{
    fedl_store_op op = {.kind = FEDL_STORE_DEVICE_ENROL, .utc_s = 2000 + device_id};
    op.device.device_id = device_id;
    op.device.state = FEDL_DEVICE_ACTIVE;
    memset(op.device.id_public, (int)(16 + device_id), 32);
    memset(op.device.noise_public, (int)(32 + device_id), 32);
    return op;
}

fedl_store_op scene_device_state(uint32_t device_id, fedl_device_state state)
{
    fedl_store_op op = {.kind = FEDL_STORE_DEVICE_STATE, .utc_s = 3000 + device_id};
    op.device.device_id = device_id;
    op.device.state = state;
    return op;
}

static void fill(uint8_t *out, size_t size, uint32_t seed)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)fedli_mix32(seed + (uint32_t)i);
    }
}

static void model_fill(store_scene *scene, fedl_store_op *op, uint32_t version)
{
    fedl_model_record *model = &op->model;
    uint32_t seed = op->task_id * 100u + version;
    uint8_t parent[SCENE_CONTAINER];
    if (version > 1) {
        fill(parent, sizeof parent, fedli_mix32(seed - 1));
        fedl_store_digest(scene_crypto(), model->parent_digest,
                          fedl_bytes_of(parent, sizeof parent));
    }
    fill(scene->container, sizeof scene->container, fedli_mix32(seed));
    fill(scene->agg_state, sizeof scene->agg_state, fedli_mix32(~seed));
    for (uint32_t i = 0; i < SCENE_PARAMETERS; i++) {
        scene->words[i] = (int32_t)(fedli_mix32(seed ^ (i << 8)) >> 1) - 0x3fffffff;
    }
    model->task_id = op->task_id;
    model->version = version;
    model->round = op->round;
    model->container = fedl_bytes_of(scene->container, sizeof scene->container);
    fedl_store_digest(scene_crypto(), model->digest, model->container);
    fill(model->manifest, sizeof model->manifest, seed);
    fill(model->signature, sizeof model->signature, seed);
    model->master_words = scene->words;
    model->parameter_count = SCENE_PARAMETERS;
    model->agg_state = fedl_bytes_of(scene->agg_state, sizeof scene->agg_state);
    model->created_s = op->utc_s;
}

fedl_store_op scene_task_add(store_scene *scene, uint32_t task_id, const char *name)
{
    static const char plan[] = "[plan]\nname = digits\n";
    fedl_store_op op = {.kind = FEDL_STORE_TASK_ADD, .utc_s = 4000 + task_id, .task_id = task_id};
    (void)snprintf(op.name, sizeof op.name, "%s", name);
    op.plan_text = fedl_bytes_of(plan, sizeof plan - 1);
    op.task_state = FEDL_TASK_RUNNING;
    model_fill(scene, &op, 1);
    return op;
}

fedl_store_op scene_task_state(uint32_t task_id, fedl_task_state state)
{
    fedl_store_op op = {.kind = FEDL_STORE_TASK_STATE,
                        .utc_s = 5000 + task_id,
                        .task_id = task_id,
                        .task_state = state,
                        .text = "by the operator"};
    return op;
}

fedl_store_op scene_round_open(store_scene *scene, uint32_t task_id, uint32_t round,
                               uint32_t attempt)
{
    fedl_store_op op = {.kind = FEDL_STORE_ROUND_OPEN,
                        .utc_s = 6000 + round,
                        .task_id = task_id,
                        .round = round,
                        .attempt = attempt,
                        .members = scene->members,
                        .member_count = 3};
    scene->members[0] = 1;
    scene->members[1] = 2;
    scene->members[2] = 5;
    return op;
}

fedl_store_op scene_round_abort(uint32_t task_id, uint32_t round, uint32_t attempt)
{
    fedl_store_op op = {.kind = FEDL_STORE_ROUND_ABORT,
                        .utc_s = 7000 + round,
                        .task_id = task_id,
                        .round = round,
                        .attempt = attempt,
                        .text = "too few reports"};
    return op;
}

fedl_store_op scene_commit(store_scene *scene, uint32_t task_id, uint32_t round, uint32_t attempt)
{
    fedl_store_op op = {.kind = FEDL_STORE_COMMIT,
                        .utc_s = 8000 + round,
                        .task_id = task_id,
                        .round = round,
                        .attempt = attempt,
                        .members = scene->members,
                        .member_count = 2};
    scene->members[0] = 1;
    scene->members[1] = 5;
    op.metrics.report_count = 2;
    op.metrics.bytes_up = 12345;
    op.metrics.bytes_down = 54321;
    op.metrics.duration_ms = 900;
    for (uint32_t i = 0; i < FEDL_TAIL_WORDS; i++) {
        op.metrics.tail[i] = 0xffffffffffffff00u + i; /* above the signed range on purpose */
    }
    model_fill(scene, &op, round + 1);
    return op;
}

typedef struct print_state {
    fedl_store *store;
    fedl_hash hash;
    store_scene *scratch;
} print_state;

static void hash_u64(print_state *state, uint64_t value)
{
    uint8_t bytes[8];
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (8u * i));
    }
    scene_crypto()->hash_update(&state->hash, bytes, sizeof bytes);
}

static void hash_text(print_state *state, const char *text)
{
    scene_crypto()->hash_update(&state->hash, text, strlen(text) + 1);
}

static bool print_device(void *context, const fedl_device_record *device)
{
    print_state *state = context;
    hash_u64(state, device->device_id);
    hash_u64(state, (uint64_t)device->state);
    hash_text(state, device->name);
    scene_crypto()->hash_update(&state->hash, device->token_hash, 32);
    hash_u64(state, device->token_expires_s);
    scene_crypto()->hash_update(&state->hash, device->id_public, 32);
    scene_crypto()->hash_update(&state->hash, device->noise_public, 32);
    hash_u64(state, device->changed_s);
    return true;
}

static bool print_model(void *context, const fedl_model_row *row)
{
    print_state *state = context;
    fedl_model_record record;
    hash_u64(state, row->version);
    hash_u64(state, row->round);
    hash_u64(state, row->created_s);
    hash_u64(state, row->metrics.report_count);
    for (uint32_t i = 0; i < FEDL_TAIL_WORDS; i++) {
        hash_u64(state, row->metrics.tail[i]);
    }
    hash_u64(state, row->metrics.bytes_up);
    hash_u64(state, row->metrics.bytes_down);
    hash_u64(state, row->metrics.duration_ms);
    scene_crypto()->hash_update(&state->hash, row->digest, 32);
    scene_crypto()->hash_update(&state->hash, row->parent_digest, 32);
    assert_int_equal(row->container_bytes, SCENE_CONTAINER);
    assert_int_equal(row->parameter_count, SCENE_PARAMETERS);
    assert_int_equal(row->agg_state_bytes, sizeof state->scratch->agg_state);
    assert_int_equal(state->store->ops->model_read(state->store, &record, row->task_id,
                                                   row->version, state->scratch->container,
                                                   SCENE_CONTAINER, state->scratch->words,
                                                   SCENE_PARAMETERS),
                     FEDL_OK);
    assert_int_equal(state->store->ops->agg_state_read(state->store, row->task_id, row->version,
                                                       state->scratch->agg_state,
                                                       sizeof state->scratch->agg_state),
                     FEDL_OK);
    scene_crypto()->hash_update(&state->hash, record.manifest, sizeof record.manifest);
    scene_crypto()->hash_update(&state->hash, record.signature, sizeof record.signature);
    scene_crypto()->hash_update(&state->hash, record.container.data, record.container.size);
    scene_crypto()->hash_update(&state->hash, record.master_words, SCENE_PARAMETERS * 4u);
    scene_crypto()->hash_update(&state->hash, state->scratch->agg_state,
                                sizeof state->scratch->agg_state);
    return true;
}

static bool print_task(void *context, const fedl_task_row *task)
{
    print_state *state = context;
    hash_u64(state, task->task_id);
    hash_u64(state, (uint64_t)task->state);
    hash_text(state, task->name);
    scene_crypto()->hash_update(&state->hash, task->plan_text.data, task->plan_text.size);
    hash_u64(state, task->version);
    hash_u64(state, task->attempt_last);
    assert_int_equal(state->store->ops->model_each(state->store, task->task_id, print_model, state),
                     FEDL_OK);
    return true;
}

void scene_fingerprint(uint8_t out[32], fedl_store *store)
{
    print_state state = {.store = store, .scratch = malloc(sizeof(store_scene))};
    fedl_audit_report report;
    assert_non_null(state.scratch);
    scene_crypto()->hash_init(&state.hash, 32, NULL, 0, NULL);
    assert_int_equal(store->ops->device_each(store, print_device, &state), FEDL_OK);
    assert_int_equal(store->ops->task_each(store, print_task, &state), FEDL_OK);
    assert_int_equal(fedl_audit_verify(&report, store, scene_crypto()), FEDL_OK);
    scene_crypto()->hash_update(&state.hash, report.head, sizeof report.head);
    scene_crypto()->hash_final(&state.hash, out, 32);
    free(state.scratch);
}

uint32_t scene_history_count(void)
{
    return 16;
}

fedl_store_op scene_history_op(store_scene *scene, uint32_t index)
{
    switch (index) {
    case 0:
        return scene_device_add(1, "one");
    case 1:
        return scene_device_add(5, "five");
    case 2:
        return scene_device_add(2, "two");
    case 3:
        return scene_device_enrol(1);
    case 4:
        return scene_device_enrol(2);
    case 5:
        return scene_device_enrol(5);
    case 6:
        return scene_task_add(scene, 1, "digits");
    case 7:
        return scene_round_open(scene, 1, 1, 1);
    case 8:
        return scene_round_abort(1, 1, 1);
    case 9:
        return scene_round_open(scene, 1, 1, 2);
    case 10:
        return scene_commit(scene, 1, 1, 2);
    case 11:
        return scene_task_state(1, FEDL_TASK_PAUSED);
    case 12:
        return scene_task_state(1, FEDL_TASK_RUNNING);
    case 13:
        return scene_round_open(scene, 1, 2, 1);
    case 14:
        return scene_commit(scene, 1, 2, 1);
    default:
        return scene_device_state(2, FEDL_DEVICE_REVOKED);
    }
}

void scene_folder_make(char path[256])
{
    const char *base = getenv("TMPDIR");
    (void)snprintf(path, 256, "%s/fedl-store-XXXXXX", base != NULL ? base : "/tmp");
    assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info;
    (void)flag;
    (void)ftw;
    return remove(path);
}

void scene_folder_remove(const char *path)
{
    assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}
