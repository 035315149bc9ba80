/* SPDX-License-Identifier: Apache-2.0 */
#include "prg_conformance.h"

void prg_reference(uint8_t *out, size_t block_count, const uint8_t key[32], uint32_t counter)
{
    fedli_prg_portable.stream(out, block_count, key, counter);
}
