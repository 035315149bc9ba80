/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which backends of the mask generator this processor can run, slowest first.
 *
 * Rejected: choosing once and keeping the choice (a global that changes); ifuncs (not every linker
 * of firmware knows them).
 */
#include "secagg/prg_backend.h"

static uint32_t backends(const fedli_prg *out[3])
{
    uint32_t count = 0;
    out[count++] = &fedli_prg_portable;
#if defined(FEDLI_PRG_HAS_X86)
    __builtin_cpu_init(); /* libgcc's own start-up does the same; callers may run before it */
    if (__builtin_cpu_supports("avx2")) {
        out[count++] = &fedli_prg_avx2;
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) {
            out[count++] = &fedli_prg_avx512;
        }
    }
#elif defined(FEDLI_PRG_HAS_NEON)
    out[count++] = &fedli_prg_neon; /* every aarch64 processor has it */
#endif
    return count;
}

const fedli_prg *fedli_prg_best(void)
{
    const fedli_prg *list[3];
    return list[backends(list) - 1];
}

const fedli_prg *fedli_prg_at(uint32_t index)
{
    const fedli_prg *list[3];
    return index < backends(list) ? list[index] : NULL;
}
