/* SPDX-License-Identifier: Apache-2.0 */
#include "update/pack.h"

#include "base/check.h"
#include "base/cursor.h"

/* |value|·weight ≤ q_max·w_max < 2^31; as unsigned numbers the product is the one mod 2^32, of
 * which every smaller ring keeps the low bytes. */
static uint32_t ring_word(int32_t value, uint32_t weight)
{
    return (uint32_t)value * weight;
}

void fedli_pack(uint8_t *out, const int32_t *values, uint32_t count, uint32_t weight,
                uint8_t ring_bits)
{
    FEDLI_CHECK(ring_bits == 8 || ring_bits == 16 || ring_bits == 24 || ring_bits == 32);
    if (ring_bits == 8) {
        for (uint32_t i = 0; i < count; i++) {
            out[i] = (uint8_t)ring_word(values[i], weight);
        }
    } else if (ring_bits == 16) {
        for (uint32_t i = 0; i < count; i++) {
            fedli_store_u16(out + 2 * (size_t)i, (uint16_t)ring_word(values[i], weight));
        }
    } else if (ring_bits == 24) {
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t word = ring_word(values[i], weight);
            fedli_store_u16(out + 3 * (size_t)i, (uint16_t)word);
            out[3 * (size_t)i + 2] = (uint8_t)(word >> 16);
        }
    } else {
        for (uint32_t i = 0; i < count; i++) {
            fedli_store_u32(out + 4 * (size_t)i, ring_word(values[i], weight));
        }
    }
}
