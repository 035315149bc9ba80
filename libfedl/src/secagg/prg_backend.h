/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the backends of the mask generator share: their tables, the initial state of ChaCha20, and
 * the addition of a keystream that lies in memory, for what is too short for a fused kernel.
 */
#ifndef FEDL_SECAGG_PRG_BACKEND_H
#define FEDL_SECAGG_PRG_BACKEND_H

#include "secagg/prg.h"

/* Which of them are in the build is said by CMake (secagg/prg_sources.cmake) to prg.c alone. */
extern const fedli_prg fedli_prg_avx2;
extern const fedli_prg fedli_prg_avx512;
extern const fedli_prg fedli_prg_neon;

/** RFC 8439 §2.3: constants, key, block counter, zero nonce. state holds the key: wipe it. */
void fedli_prg_state(uint32_t state[16], const uint8_t key[32], uint32_t counter);

/**
 * bytes[0 … size) += or −= keystream[0 … size), word by word; lane_bits 8, 16, 24, 32 or 64; both
 * at any alignment, disjoint. size: a multiple of 8. With 24 bits the last word may be cut off:
 * what is there of it are its low bytes, and they are what the whole word would have there.
 */
void fedli_prg_lanes(uint8_t *bytes, const uint8_t *keystream, size_t size, uint32_t lane_bits,
                     bool subtract);

#endif
