/* SPDX-License-Identifier: Apache-2.0 */
/* The fingerprint: a hash over everything that the interface can read. */
#include "store_scene.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

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
    scene_crypto()->hash_update(&state->hash, device->cert_signature,
                                sizeof device->cert_signature);
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

static void print_group(print_state *state, const fedl_task_row *task)
{
    if (task->masked_sum_bytes == 0) {
        assert_int_equal(task->group_state_bytes, 0);
        return;
    }
    store_scene *s = state->scratch;
    assert_int_equal(task->masked_sum_bytes, sizeof s->masked_sum);
    assert_int_equal(task->group_state_bytes, sizeof s->group_state);
    assert_int_equal(state->store->ops->group_read(state->store, task->task_id, s->masked_sum,
                                                   sizeof s->masked_sum, s->group_state,
                                                   sizeof s->group_state),
                     FEDL_OK);
    scene_crypto()->hash_update(&state->hash, s->masked_sum, sizeof s->masked_sum);
    scene_crypto()->hash_update(&state->hash, s->group_state, sizeof s->group_state);
}

static bool print_charge(void *context, const fedl_charge_row *charge)
{
    print_state *state = context;
    hash_u64(state, charge->round);
    hash_u64(state, charge->attempt);
    hash_u64(state, charge->rho);
    return true;
}

static bool print_exclusion(void *context, uint32_t device_id)
{
    hash_u64(context, device_id);
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
    hash_u64(state, task->round_next);
    hash_u64(state, task->attempt_last);
    hash_u64(state, task->attempt_open ? 1u : 0u);
    hash_u64(state, task->rho_spent);
    hash_u64(state, task->masked_sum_bytes);
    hash_u64(state, task->group_state_bytes);
    print_group(state, task);
    assert_int_equal(
        state->store->ops->charge_each(state->store, task->task_id, print_charge, state), FEDL_OK);
    assert_int_equal(
        state->store->ops->exclusion_each(state->store, task->task_id, print_exclusion, state),
        FEDL_OK);
    hash_u64(state, 0); /* no id: the list ends */
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
