/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. handle = serial << 20 | slot; serial starts at 1 and cannot wrap (2^44 requests).
 */
#include "host/request_table.h"

#include <stdlib.h>
#include <string.h>

#define SLOT_BITS  20u
#define SLOT_COUNT (1u << SLOT_BITS)

struct fedl_request_table {
    uint32_t slot_count;
    uint32_t used_count;
    uint32_t gone_count; /* TAKEN slots marked gone and not told yet */
    uint64_t serial_next;
    uint32_t *free_stack; /* the first slot_count − used_count entries are free slots */
    uint32_t *queue;      /* ring of slot numbers */
    uint32_t queue_first;
    uint32_t queue_count;
    fedl_request_slot *slots;
};

fedl_status fedl_request_table_create(fedl_request_table **table, uint32_t slot_count)
{
    if (slot_count == 0 || slot_count > SLOT_COUNT) {
        return FEDL_ERR_RANGE;
    }
    fedl_request_table *made = calloc(1, sizeof *made);
    if (made != NULL) {
        made->slots = calloc(slot_count, sizeof made->slots[0]);
        made->free_stack = calloc(slot_count, sizeof made->free_stack[0]);
        made->queue = calloc(slot_count, sizeof made->queue[0]);
    }
    if (made == NULL || made->slots == NULL || made->free_stack == NULL || made->queue == NULL) {
        fedl_request_table_destroy(made);
        return FEDL_ERR_NO_MEMORY;
    }
    made->slot_count = slot_count;
    made->serial_next = 1;
    for (uint32_t i = 0; i < slot_count; i++) {
        made->free_stack[i] = slot_count - 1 - i;
    }
    *table = made;
    return FEDL_OK;
}

void fedl_request_table_destroy(fedl_request_table *table)
{
    if (table != NULL) {
        free(table->slots);
        free(table->free_stack);
        free(table->queue);
        free(table);
    }
}

bool fedl_request_table_full(const fedl_request_table *table)
{
    return table->used_count == table->slot_count;
}

uint32_t fedl_request_table_count(const fedl_request_table *table)
{
    return table->used_count;
}

fedl_status fedl_request_table_put(fedl_request_table *table, void *message, fedl_bytes route,
                                   uint32_t pipe)
{
    if (route.size > FEDL_ROUTE_BYTES_MAX) {
        return FEDL_ERR_RANGE;
    }
    if (fedl_request_table_full(table)) {
        return FEDL_ERR_FULL;
    }
    uint32_t index = table->free_stack[table->slot_count - table->used_count - 1];
    fedl_request_slot *slot = &table->slots[index];
    table->used_count++;
    *slot = (fedl_request_slot){.handle = (table->serial_next++ << SLOT_BITS) | index,
                                .pipe = pipe,
                                .route_bytes = route.size,
                                .message = message};
    memcpy(slot->route, route.data, route.size);
    table->queue[(table->queue_first + table->queue_count) % table->slot_count] = index;
    table->queue_count++;
    return FEDL_OK;
}

fedl_request_slot *fedl_request_table_next(fedl_request_table *table)
{
    if (table->queue_count == 0) {
        return NULL;
    }
    fedl_request_slot *slot = &table->slots[table->queue[table->queue_first]];
    table->queue_first = (table->queue_first + 1) % table->slot_count;
    table->queue_count--;
    slot->taken = true;
    return slot;
}

fedl_request_slot *fedl_request_table_find(fedl_request_table *table, uint64_t handle)
{
    uint64_t index = handle & (SLOT_COUNT - 1u);
    if (handle == 0 || index >= table->slot_count || table->slots[index].handle != handle) {
        return NULL;
    }
    return &table->slots[index];
}

void fedl_request_table_release(fedl_request_table *table, fedl_request_slot *slot)
{
    uint32_t index = (uint32_t)(slot - table->slots);
    if (slot->gone && table->gone_count > 0) {
        table->gone_count--;
    }
    memset(slot, 0, sizeof *slot);
    table->used_count--;
    table->free_stack[table->slot_count - table->used_count - 1] = index;
}

void fedl_request_table_mark_gone(fedl_request_table *table, uint32_t pipe)
{
    for (uint32_t i = 0; i < table->slot_count; i++) {
        fedl_request_slot *slot = &table->slots[i];
        if (slot->handle != 0 && slot->pipe == pipe && !slot->gone) {
            slot->gone = true;
            table->gone_count++;
        }
    }
}

bool fedl_request_table_next_gone(fedl_request_table *table, uint64_t *handle)
{
    for (uint32_t i = 0; table->gone_count > 0 && i < table->slot_count; i++) {
        fedl_request_slot *slot = &table->slots[i];
        if (slot->handle != 0 && slot->gone && slot->taken && slot->message == NULL) {
            *handle = slot->handle;
            fedl_request_table_release(table, slot);
            return true;
        }
    }
    return false;
}

fedl_request_slot *fedl_request_table_any(fedl_request_table *table)
{
    for (uint32_t i = 0; i < table->slot_count; i++) {
        if (table->slots[i].handle != 0 && table->slots[i].message != NULL) {
            return &table->slots[i];
        }
    }
    return NULL;
}
