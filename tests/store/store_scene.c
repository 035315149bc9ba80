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

fedl_store_op scene_device_readmit(uint32_t device_id)
{
    fedl_store_op op = {.kind = FEDL_STORE_DEVICE_READMIT, .utc_s = 3700 + device_id};
    op.device.device_id = device_id;
    return op;
}

fedl_store_op scene_device_certify(uint32_t device_id)
{
    fedl_store_op op = {.kind = FEDL_STORE_DEVICE_CERTIFY, .utc_s = 3500 + device_id};
    op.device.device_id = device_id;
    memset(op.device.cert_signature, (int)(64 + device_id), sizeof op.device.cert_signature);
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

fedl_store_op scene_group_commit(store_scene *scene, uint32_t task_id, uint32_t round,
                                 uint32_t attempt)
{
    static const uint8_t kinds[3] = {1, 2, 1};
    static const uint32_t members[3] = {1, 2, 5};
    fedl_store_op op = {.kind = FEDL_STORE_GROUP_COMMIT,
                        .utc_s = 7500 + round,
                        .task_id = task_id,
                        .round = round,
                        .attempt = attempt,
                        .members = scene->members,
                        .member_count = 3,
                        .share_kinds = scene->share_kinds,
                        .rho = SCENE_RHO};
    memcpy(scene->members, members, sizeof members);
    memcpy(scene->share_kinds, kinds, sizeof kinds);
    fill(scene->masked_sum, sizeof scene->masked_sum, fedli_mix32(round));
    fill(scene->group_state, sizeof scene->group_state, fedli_mix32(~round));
    op.masked_sum = fedl_bytes_of(scene->masked_sum, sizeof scene->masked_sum);
    op.group_state = fedl_bytes_of(scene->group_state, sizeof scene->group_state);
    return op;
}

fedl_store_op scene_round_burn(uint32_t task_id, uint32_t round, uint32_t attempt)
{
    fedl_store_op op = scene_round_abort(task_id, round, attempt);
    op.kind = FEDL_STORE_ROUND_BURN;
    op.utc_s = 7700 + round;
    op.text = "a commitment does not fit";
    op.blamed = 2;
    return op;
}

fedl_store_op scene_commit(store_scene *scene, uint32_t task_id, uint32_t round, uint32_t attempt)
{
    return scene_commit_version(scene, task_id, round, attempt, round + 1);
}

fedl_store_op scene_commit_version(store_scene *scene, uint32_t task_id, uint32_t round,
                                   uint32_t attempt, uint32_t version)
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
    model_fill(scene, &op, version);
    return op;
}

uint32_t scene_history_count(void)
{
    return 29;
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
    case 15: /* a masked round that is tried twice, and finished */
        return scene_round_open(scene, 1, 3, 1);
    case 16:
        return scene_round_open(scene, 1, 3, 2);
    case 17:
        return scene_group_commit(scene, 1, 3, 2);
    case 18:
        return scene_commit(scene, 1, 3, 2);
    case 19: /* one that is burnt */
        return scene_round_open(scene, 1, 4, 1);
    case 20:
        return scene_group_commit(scene, 1, 4, 1);
    case 21:
        return scene_round_burn(1, 4, 1);
    case 22: /* one that waits */
        return scene_round_open(scene, 1, 5, 1);
    case 23:
        return scene_group_commit(scene, 1, 5, 1);
    case 24:
        return scene_device_add(9, "nine");
    case 25: {
        fedl_store_op op = scene_device_enrol(9);
        op.device.state = FEDL_DEVICE_PENDING;
        return op;
    }
    case 26:
        return scene_device_certify(9);
    case 27: /* it was found lying in round 4 */
        return scene_device_readmit(2);
    default:
        return scene_device_state(2, FEDL_DEVICE_REVOKED);
    }
}

void scene_folder_make(char path[256])
{
    /* In memory where there is such a folder: what these tests make fail is the process and the
     * calls to the system, and thousands of real syncs would take most of their time. */
    const char *base = getenv("TMPDIR");
    const char *fallback = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    (void)snprintf(path, 256, "%s/fedl-store-XXXXXX", base != NULL ? base : fallback);
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
