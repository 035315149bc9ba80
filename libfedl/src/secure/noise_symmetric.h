/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CipherState and SymmetricState objects of the Noise specification (sections 5.1, 5.2), on the
 * fields of fedli_noise. Only noise.c calls these, on its working copy; a failure here leaves that
 * copy half changed and the caller throws it away.
 */
#ifndef FEDL_SECURE_NOISE_SYMMETRIC_H
#define FEDL_SECURE_NOISE_SYMMETRIC_H

#include "secure/noise.h"

#define FEDLI_NOISE_HASH_BYTES 64u /* HASHLEN of BLAKE2b */

/** The AEAD nonce of Noise's ChaChaPoly: four zero bytes, then n little-endian. Also of channels.
 */
void fedli_noise_nonce(uint8_t out[FEDL_NONCE_BYTES], uint64_t n);
/** InitializeSymmetric: h = the protocol name, padded with zeros to 64 bytes; ck = h, no key. */
void fedli_noise_start(fedli_noise *noise, const uint8_t name[FEDLI_NOISE_HASH_BYTES]);
/** h = H(h ‖ data). */
void fedli_noise_mix_hash(fedli_noise *noise, fedl_bytes data);
/** ck, k = HKDF(ck, input); n = 0. input is secret; the caller wipes it. */
void fedli_noise_mix_key(fedli_noise *noise, const uint8_t input[32]);
/** EncryptAndHash: out gets plain.size bytes, and 16 more when there is a key. No overlap. */
void fedli_noise_encrypt_and_hash(fedli_noise *noise, uint8_t *out, fedl_bytes plain);
/** DecryptAndHash: out gets sealed.size bytes, 16 fewer when there is a key (then sealed.size ≥ 16
 * is checked by the caller). False: forged. */
bool fedli_noise_decrypt_and_hash(fedli_noise *noise, uint8_t *out, fedl_bytes sealed);
/** Split: key_1 is initiator → responder, key_2 the other direction. */
void fedli_noise_derive(const fedli_noise *noise, uint8_t key_1[32], uint8_t key_2[32]);

#endif
