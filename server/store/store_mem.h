/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of the store in memory, shared by its writing and its reading half. */
#ifndef FEDL_STORE_STORE_MEM_H
#define FEDL_STORE_STORE_MEM_H

#include "store/audit_chain.h"
#include "store/store.h"

typedef struct mem_model {
    fedl_model_record record; /* its pointers point to the three blocks below */
    fedl_round_metrics metrics;
    uint8_t *container;
    int32_t *words;
    uint8_t *agg_state;
} mem_model;

/* A masked sum that waits for the end of its round; all NULL when there is none. */
typedef struct mem_group {
    uint32_t *members; /* U2 */
    uint8_t *kinds;
    uint32_t member_count;
    uint8_t *masked_sum;
    size_t masked_sum_bytes;
    uint8_t *state;
    size_t state_bytes;
} mem_group;

typedef struct mem_task {
    uint32_t task_id;
    fedl_task_state state;
    char name[FEDL_TASK_NAME_BYTES_MAX];
    uint8_t *plan_text;
    size_t plan_bytes;
    mem_model *models; /* version v at index v − 1 */
    size_t model_count;
    size_t model_capacity;
    uint32_t round; /* of the last attempt opened; 0 = none */
    uint32_t attempt;
    bool open;
    uint32_t *members; /* of that attempt */
    uint32_t member_count;
    uint32_t burnt; /* newest burnt round; 0 = none */
    mem_group group;
    fedl_charge_row *charges;
    size_t charge_count;
    size_t charge_capacity;
    uint64_t rho_spent;
    uint32_t *excluded; /* rising ids */
    size_t excluded_count;
    size_t excluded_capacity;
} mem_task;

typedef struct mem_audit {
    fedl_audit_entry entry;
    uint8_t hash[32];
} mem_audit;

typedef struct mem_store {
    fedl_store base;
    const fedl_crypto *crypto;
    fedl_device_record *devices; /* rising ids */
    size_t device_count;
    size_t device_capacity;
    mem_task *tasks; /* rising ids */
    size_t task_count;
    size_t task_capacity;
    mem_audit *audit;
    size_t audit_count;
    size_t audit_capacity;
    fedl_status last;
} mem_store;

/* ---- store_mem.c ---- */
/** Makes room for one more item; the array may move. */
bool fedli_mem_reserve(void **items, size_t count, size_t *capacity, size_t item_bytes);
/** Copy of a block; an empty one gives a block of one byte, so that NULL always means "no memory".
 */
void *fedli_mem_copy(const void *data, size_t bytes);
fedl_device_record *fedli_mem_device_find(mem_store *store, uint32_t device_id);
mem_task *fedli_mem_task_find(mem_store *store, uint32_t task_id);
fedl_status fedli_mem_model_copy(mem_model *model, const fedl_store_op *op);

/* ---- store_mem_round.c ---- */
fedl_status fedli_mem_round_apply(mem_store *store, const fedl_store_op *op);
void fedli_mem_group_free(mem_group *group);
uint32_t fedli_mem_round_next(const mem_task *task);
uint32_t fedli_mem_attempt_last(const mem_task *task);

/* ---- store_mem_exclusion.c ---- */
/** Makes room for whom the op finds lying. Errors: ERR_NOT_FOUND (device), ERR_NO_MEMORY. */
fedl_status fedli_mem_exclude_prepare(mem_store *store, mem_task *task, const fedl_store_op *op);
void fedli_mem_exclude(mem_task *task, const fedl_store_op *op);
fedl_status fedli_mem_readmit(mem_store *store, const fedl_store_op *op);
fedl_status fedli_mem_exclusion_each(fedl_store *base, uint32_t task_id, fedl_exclusion_visit visit,
                                     void *context);

/* ---- store_mem_read.c ---- */
fedl_status fedli_mem_group_read(fedl_store *base, uint32_t task_id, uint8_t *masked_sum,
                                 size_t masked_sum_bytes, uint8_t *group_state,
                                 size_t group_state_bytes);
fedl_status fedli_mem_charge_each(fedl_store *base, uint32_t task_id, fedl_charge_visit visit,
                                  void *context);
fedl_status fedli_mem_device_each(fedl_store *base, fedl_device_visit visit, void *context);
fedl_status fedli_mem_task_each(fedl_store *base, fedl_task_visit visit, void *context);
fedl_status fedli_mem_model_each(fedl_store *base, uint32_t task_id, fedl_model_visit visit,
                                 void *context);
fedl_status fedli_mem_model_read(fedl_store *base, fedl_model_record *record, uint32_t task_id,
                                 uint32_t version, uint8_t *container, size_t container_bytes,
                                 int32_t *master_words, uint32_t parameter_count);
fedl_status fedli_mem_agg_state_read(fedl_store *base, uint32_t task_id, uint32_t version,
                                     uint8_t *agg_state, size_t agg_state_bytes);
fedl_status fedli_mem_audit_each(fedl_store *base, fedl_audit_visit visit, void *context);

#endif
