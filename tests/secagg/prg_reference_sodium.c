/* SPDX-License-Identifier: Apache-2.0 */
#include "cmocka_all.h"

#include "prg_conformance.h"

#include <sodium.h>
#include <string.h>

void prg_reference(uint8_t *out, size_t block_count, const uint8_t key[32], uint32_t counter)
{
    static const uint8_t nonce[crypto_stream_chacha20_ietf_NONCEBYTES];
    const size_t size = block_count * FEDLI_PRG_BLOCK_BYTES;
    assert_true(sodium_init() >= 0);
    memset(out, 0, size);
    assert_int_equal(crypto_stream_chacha20_ietf_xor_ic(out, out, size, nonce, counter, key), 0);
}
