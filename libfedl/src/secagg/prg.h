/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Masks: the ChaCha20 keystream (RFC 8439 block function, zero nonce, counter from 0, single-use
 * keys) added to a vector in its wire layout, fused: the keystream never goes through memory.
 *
 * The vector is bytes as they travel (fedl/update.h): a body of ring_bits-wide little-endian words,
 * zero-padded to 64 bytes, then a tail of eight 64-bit words. Keystream byte i belongs to vector
 * byte i; block j of 64 bytes is ChaCha20 block counter j. Body words are added modulo 2^ring_bits,
 * tail words modulo 2^64. 24-bit words cross block borders: parts then begin at multiples of 192.
 *
 * Backends (portable, AVX2, AVX-512, NEON) give the same bytes as libsodium's keystream; one suite
 * tests them all (tests/secagg/prg_conformance.c).
 */
#ifndef FEDL_SECAGG_PRG_H
#define FEDL_SECAGG_PRG_H

#include "fedl/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FEDLI_PRG_BLOCK_BYTES 64u

typedef struct fedli_prg {
    const char *name;
    /* bytes[0 … 64·block_count) += or −= keystream blocks counter …, in words of lane_bits 8, 16,
     * 24, 32 or 64. bytes: any alignment. 24: bytes begins with a word, the last one may be cut. */
    void (*add)(uint8_t *bytes, size_t block_count, const uint8_t key[32], uint32_t counter,
                uint32_t lane_bits, bool subtract);
    /* out = keystream; what the Shamir coefficients use. */
    void (*stream)(uint8_t *out, size_t block_count, const uint8_t key[32], uint32_t counter);
} fedli_prg;

extern const fedli_prg fedli_prg_portable;
/** Fastest backend of this processor, found at run time (one CPUID, no state). */
const fedli_prg *fedli_prg_best(void);
/** Backend number index (0 = portable) that this processor can run; NULL beyond the last. */
const fedli_prg *fedli_prg_at(uint32_t index);

/** Layout of a masked vector. */
typedef struct fedli_mask_shape {
    uint32_t ring_bits;  /* 8, 16, 24, 32 */
    size_t body_bytes;   /* padded: a multiple of 64 */
    size_t vector_bytes; /* body_bytes + 64 */
} fedli_mask_shape;

/**
 * part = bytes [offset, offset + size) of the vector; part ±= keystream of key over the same range.
 * offset: a multiple of 64 (of 192 inside a 24-bit body); size: a multiple of 64, or up to the end.
 * With 24 bits a part that ends inside the body ends at a multiple of 192.
 */
void fedli_mask_apply(const fedli_prg *prg, const fedli_mask_shape *shape, uint8_t *part,
                      size_t offset, size_t size, const uint8_t key[32], bool subtract);

/* One key of an unmasking. */
typedef struct fedli_mask_key {
    uint8_t key[32];
    bool subtract;
} fedli_mask_key;

/**
 * Slice part of parts (0 ≤ part < parts) of a whole vector: every key is run over the slice in
 * cache-sized pieces. Slices of one vector may run on different threads at the same time.
 */
void fedli_mask_slice(const fedli_prg *prg, const fedli_mask_shape *shape, uint8_t *vector,
                      const fedli_mask_key *keys, uint32_t key_count, uint32_t part,
                      uint32_t parts);

#endif
