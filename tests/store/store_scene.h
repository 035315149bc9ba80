/* SPDX-License-Identifier: Apache-2.0 */
/* A small world that store tests write and look at: ops with real digests, and a fingerprint. */
#ifndef FEDL_TESTS_STORE_SCENE_H
#define FEDL_TESTS_STORE_SCENE_H

#include "store/audit_chain.h"
#include "store/store.h"

#define SCENE_PARAMETERS 17000u /* two chunks of master words */
#define SCENE_CONTAINER  66000u /* two chunks */
#define SCENE_MASKED_SUM 70000u /* two chunks */
#define SCENE_RHO        1000u

typedef struct store_scene {
    uint8_t container[SCENE_CONTAINER];
    int32_t words[SCENE_PARAMETERS];
    uint8_t agg_state[300];
    uint32_t members[3];
    uint8_t share_kinds[3];
    uint8_t masked_sum[SCENE_MASKED_SUM];
    uint8_t group_state[300];
} store_scene;

const fedl_crypto *scene_crypto(void);
/* Ops; scene holds what their pointers point to. Versions have contents of their own. */
fedl_store_op scene_device_add(uint32_t device_id, const char *name);
fedl_store_op scene_device_enrol(uint32_t device_id);
fedl_store_op scene_device_state(uint32_t device_id, fedl_device_state state);
fedl_store_op scene_device_certify(uint32_t device_id);
fedl_store_op scene_device_readmit(uint32_t device_id);
fedl_store_op scene_task_add(store_scene *scene, uint32_t task_id, const char *name);
fedl_store_op scene_task_state(uint32_t task_id, fedl_task_state state);
fedl_store_op scene_round_open(store_scene *scene, uint32_t task_id, uint32_t round,
                               uint32_t attempt);
fedl_store_op scene_round_abort(uint32_t task_id, uint32_t round, uint32_t attempt);
/* Counts devices 1 and 5; the version is round + 1, or the given one. */
fedl_store_op scene_commit(store_scene *scene, uint32_t task_id, uint32_t round, uint32_t attempt);
fedl_store_op scene_commit_version(store_scene *scene, uint32_t task_id, uint32_t round,
                                   uint32_t attempt, uint32_t version);
/* Survivors 1 and 5, device 2 vanished; charges SCENE_RHO. */
fedl_store_op scene_group_commit(store_scene *scene, uint32_t task_id, uint32_t round,
                                 uint32_t attempt);
fedl_store_op scene_round_burn(uint32_t task_id, uint32_t round, uint32_t attempt);

/* Hash over everything that the interface can read, audit chain included and verified. */
void scene_fingerprint(uint8_t out[32], fedl_store *store);
/* A whole history of ops: count and the n-th op. Every kind occurs; all succeed in order. */
uint32_t scene_history_count(void);
fedl_store_op scene_history_op(store_scene *scene, uint32_t index);

/* A fresh folder under $TMPDIR, /dev/shm or /tmp, and its removal with everything inside. */
void scene_folder_make(char path[256]);
void scene_folder_remove(const char *path);

#endif
