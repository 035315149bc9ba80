/* SPDX-License-Identifier: Apache-2.0 */
#include "forbidden_pair.h"

#include "cmocka_all.h"

#include <string.h>

void forbidden_pair_init(forbidden_pair *pair)
{
    memset(pair, 0, sizeof *pair);
}

static uint32_t start_of(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8;
}

void forbidden_pair_add(forbidden_pair *pair, uint32_t device_id, uint32_t attempt,
                        const fedli_attempt_secrets *secrets, uint32_t t, uint32_t share_count)
{
    assert_true(pair->count < FORBIDDEN_OWNERS_MAX);
    assert_true(share_count <= FORBIDDEN_SHARES_MAX);
    forbidden_owner *owner = &pair->owners[pair->count++];
    owner->device_id = device_id;
    owner->attempt = attempt;
    owner->share_count = share_count;
    for (uint32_t i = 0; i < share_count; i++) {
        uint8_t both[2 * FEDLI_SHARE_BYTES];
        fedli_share_pair(both, secrets, t, (uint8_t)(i + 1u));
        for (uint32_t kind = 0; kind < 2; kind++) {
            memcpy(owner->shares[kind][i], both + kind * FEDLI_SHARE_BYTES, FEDLI_SHARE_BYTES);
            pair->starts[start_of(owner->shares[kind][i])] = 1;
        }
    }
}

static void look(forbidden_pair *pair, const uint8_t *at)
{
    for (uint32_t o = 0; o < pair->count; o++) {
        forbidden_owner *owner = &pair->owners[o];
        for (uint32_t kind = 0; kind < 2; kind++) {
            for (uint32_t i = 0; !owner->seen[kind] && i < owner->share_count; i++) {
                owner->seen[kind] = memcmp(at, owner->shares[kind][i], FEDLI_SHARE_BYTES) == 0;
            }
        }
    }
}

void forbidden_pair_scan(forbidden_pair *pair, const void *memory, size_t size)
{
    const uint8_t *bytes = memory;
    static const uint8_t zeros[64];
    for (size_t i = 0; i + FEDLI_SHARE_BYTES <= size; i++) {
        /* Most memory is zero; no share begins with as many zeros. */
        while (i + 2u * sizeof zeros <= size && memcmp(bytes + i, zeros, sizeof zeros) == 0) {
            i += sizeof zeros / 2u;
        }
        if (pair->starts[start_of(bytes + i)] != 0) {
            look(pair, bytes + i);
        }
    }
}

uint32_t forbidden_pair_found(const forbidden_pair *pair)
{
    for (uint32_t o = 0; o < pair->count; o++) {
        if (pair->owners[o].seen[0] && pair->owners[o].seen[1]) {
            return pair->owners[o].device_id;
        }
    }
    return 0;
}

uint32_t forbidden_pair_seen(const forbidden_pair *pair, fedli_share_kind kind)
{
    uint32_t count = 0;
    for (uint32_t o = 0; o < pair->count; o++) {
        count += pair->owners[o].seen[kind == FEDLI_SHARE_B ? 0 : 1] ? 1u : 0u;
    }
    return count;
}
