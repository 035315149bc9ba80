/* SPDX-License-Identifier: Apache-2.0 */
#include "party_attack.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

uint8_t *attack_entry(const toy_blob *roster, uint32_t i)
{
    return roster->data + FEDLI_ROSTER_HEAD_BYTES + (size_t)FEDLI_ROSTER_ENTRY_BYTES * i;
}

void attack_resize(toy_blob *blob, size_t size)
{
    uint8_t *data = calloc(1, size == 0 ? 1 : size);
    assert_non_null(data);
    memcpy(data, blob->data, size < blob->size ? size : blob->size);
    free(blob->data);
    blob->data = data;
    blob->size = size;
}

void attack_tell(world *w, uint32_t position, fedl_group_item item, toy_blob *blob)
{
    const attack *lie = w->tamper_context;
    if (position == 0 && item == lie->item) {
        lie->spoil(w, blob);
    }
}

void attack_in(world *w, const attack *lie)
{
    attack copy = *lie;
    w->tamper = attack_tell;
    w->tamper_context = &copy;
    world_begin(w, 1, 1);
    world_to_end(w);
    if (world_refusal(w, 0) != lie->expected) {
        print_error("%s: refused with \"%s\"\n", lie->name, fedl_refusal_text(world_refusal(w, 0)));
    }
    world_expect_refused(w, 0, lie->expected);
    for (uint32_t i = 1; i < w->count; i++) {
        assert_int_equal(world_refusal(w, i), FEDL_REFUSAL_NONE);
    }
    world_expect_sum(w);
}

void attack_run(const attack *lie, uint32_t n)
{
    static const uint32_t part_bytes[] = {0, 1};
    for (uint32_t i = 0; i < 2; i++) {
        world w;
        world_init(&w, n, FEDL_TRUST_ACTIVE, 16, 600 + n);
        w.part_bytes = part_bytes[i];
        attack_in(&w, lie);
        world_deinit(&w);
    }
}
