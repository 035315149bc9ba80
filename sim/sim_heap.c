/* SPDX-License-Identifier: Apache-2.0 */
/* The agenda: see sim_heap.h. */
#include "sim_heap.h"

#include <stdlib.h>

static bool earlier(const fedl_sim_event *a, const fedl_sim_event *b)
{
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->sequence < b->sequence;
}

void fedl_sim_heap_init(fedl_sim_heap *heap)
{
    *heap = (fedl_sim_heap){0};
}

fedl_status fedl_sim_heap_push(fedl_sim_heap *heap, const fedl_sim_event *event)
{
    if (heap->count == heap->capacity) {
        const size_t capacity = heap->capacity == 0 ? 256 : 2 * heap->capacity;
        fedl_sim_event *items = realloc(heap->items, capacity * sizeof *items);
        if (items == NULL) {
            return FEDL_ERR_NO_MEMORY;
        }
        heap->items = items;
        heap->capacity = capacity;
    }
    fedl_sim_event item = *event;
    item.sequence = heap->sequence_next++;
    size_t at = heap->count++;
    while (at > 0 && earlier(&item, &heap->items[(at - 1) / 2])) {
        heap->items[at] = heap->items[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    heap->items[at] = item;
    return FEDL_OK;
}

bool fedl_sim_heap_pop(fedl_sim_heap *heap, fedl_sim_event *event)
{
    if (heap->count == 0) {
        return false;
    }
    *event = heap->items[0];
    const fedl_sim_event last = heap->items[--heap->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->count) {
            break;
        }
        if (child + 1 < heap->count && earlier(&heap->items[child + 1], &heap->items[child])) {
            child++;
        }
        if (!earlier(&heap->items[child], &last)) {
            break;
        }
        heap->items[at] = heap->items[child];
        at = child;
    }
    heap->items[at] = last;
    return true;
}

void fedl_sim_heap_deinit(fedl_sim_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        free(heap->items[i].bytes);
    }
    free(heap->items);
    *heap = (fedl_sim_heap){0};
}
