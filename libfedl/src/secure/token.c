/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment tokens as people read them out or type them: 32 bytes and a checksum of 3 make 280
 * bits, which are 56 letters of base32 without a rest, in seven groups of eight.
 *
 * Letters: Crockford's base32 (no I, L, O, U; when reading, I and L mean 1 and O means 0).
 * Rejected: RFC 4648's letters, of which several are mistaken for one another on paper, and a
 * shorter checksum: a wrong token is refused by the server anyway, but only after it took one of
 * the few tries of the rate limit.
 *
 * Half of the token is secret, so letters are mapped by comparing with all 32, never by an index.
 */
#include "base/secret.h"
#include "secure/cert.h"

#include <string.h>

#define PLAIN_BYTES    (FEDLI_TOKEN_SECRET_BYTES + FEDLI_FINGERPRINT_BYTES)
#define CHECKSUM_BYTES 3u
#define TOKEN_BYTES    (PLAIN_BYTES + CHECKSUM_BYTES)
#define LETTER_COUNT   (TOKEN_BYTES * 8u / 5u)
#define GROUP_LETTERS  8u

_Static_assert(LETTER_COUNT * 5u == TOKEN_BYTES * 8u, "no bits are left over");
_Static_assert(LETTER_COUNT + LETTER_COUNT / GROUP_LETTERS <= FEDLI_TOKEN_TEXT_BYTES,
               "letters, dashes and the final zero fit");

/* Personalisation, padded with zeros. */
static const uint8_t for_fingerprint[FEDL_PERSONAL_BYTES] = "fedl.tokn.v1";
static const uint8_t for_checksum[FEDL_PERSONAL_BYTES] = "fedl.tokc.v1";
static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

static void personal_hash(const fedl_crypto *crypto, uint8_t out[FEDL_HASH_BYTES],
                          const uint8_t personal[FEDL_PERSONAL_BYTES], fedl_bytes part_1,
                          fedl_bytes part_2)
{
    fedl_hash hash;
    crypto->hash_init(&hash, FEDL_HASH_BYTES, NULL, 0, personal);
    crypto->hash_update(&hash, part_1.data, part_1.size);
    crypto->hash_update(&hash, part_2.data, part_2.size);
    crypto->hash_final(&hash, out, FEDL_HASH_BYTES);
}

void fedl_fingerprint(const fedl_crypto *crypto, uint8_t out[FEDLI_FINGERPRINT_BYTES],
                      const uint8_t noise_public[32], const uint8_t ca_public[32])
{
    uint8_t digest[FEDL_HASH_BYTES];
    personal_hash(crypto, digest, for_fingerprint, fedl_bytes_of(noise_public, 32),
                  fedl_bytes_of(ca_public, 32));
    memcpy(out, digest, FEDLI_FINGERPRINT_BYTES);
}

static void checksum(const fedl_crypto *crypto, uint8_t out[CHECKSUM_BYTES],
                     const uint8_t plain[PLAIN_BYTES])
{
    uint8_t digest[FEDL_HASH_BYTES];
    personal_hash(crypto, digest, for_checksum, fedl_bytes_of(plain, PLAIN_BYTES),
                  fedl_bytes_of(NULL, 0));
    memcpy(out, digest, CHECKSUM_BYTES);
    fedli_wipe(digest, sizeof digest);
}

/* All ones when a == b (both < 256), else 0. */
static uint32_t mask_of_equal(uint32_t a, uint32_t b)
{
    return (uint32_t)0 - (((a ^ b) - 1u) >> 31);
}

static char letter_of(uint32_t value)
{
    uint32_t letter = 0;
    for (uint32_t i = 0; i < 32; i++) {
        letter |= mask_of_equal(i, value) & (uint8_t)letters[i];
    }
    return (char)letter;
}

/* 0…31, or 32 when c is no letter of the alphabet. */
static uint32_t value_of(char c)
{
    uint32_t letter = (uint8_t)c;
    uint32_t value = 32;
    /* To upper case: 'a'…'z' differ from 'A'…'Z' by one bit. */
    const uint32_t is_lower = (uint32_t)0 - ((('a' - 1u - letter) & (letter - ('z' + 1u))) >> 31);
    letter ^= is_lower & 0x20u;
    letter ^= mask_of_equal(letter, 'O') & ('O' ^ '0');
    letter ^= mask_of_equal(letter, 'I') & ('I' ^ '1');
    letter ^= mask_of_equal(letter, 'L') & ('L' ^ '1');
    for (uint32_t i = 0; i < 32; i++) {
        value ^= mask_of_equal(letter, (uint8_t)letters[i]) & (32u ^ i);
    }
    return value;
}

void fedl_token_format(const fedl_crypto *crypto, char text[FEDLI_TOKEN_TEXT_BYTES],
                       const uint8_t secret[FEDLI_TOKEN_SECRET_BYTES],
                       const uint8_t fingerprint[FEDLI_FINGERPRINT_BYTES])
{
    uint8_t token[TOKEN_BYTES];
    memcpy(token, secret, FEDLI_TOKEN_SECRET_BYTES);
    memcpy(token + FEDLI_TOKEN_SECRET_BYTES, fingerprint, FEDLI_FINGERPRINT_BYTES);
    checksum(crypto, token + PLAIN_BYTES, token);

    size_t at = 0;
    uint32_t pending = 0; /* the low pending_bits are not yet written; always fewer than 13 */
    uint32_t pending_bits = 0;
    uint32_t count = 0;
    memset(text, 0, FEDLI_TOKEN_TEXT_BYTES);
    for (size_t i = 0; i < TOKEN_BYTES; i++) {
        pending = ((pending << 8) | token[i]) & 0xfffu;
        pending_bits += 8;
        while (pending_bits >= 5) {
            pending_bits -= 5;
            if (count > 0 && count % GROUP_LETTERS == 0) {
                text[at++] = '-';
            }
            text[at++] = letter_of((pending >> pending_bits) & 31u);
            count++;
        }
    }
    pending = 0;
    fedli_wipe(token, sizeof token);
}

/* Letters to bytes, dashes skipped. Reads at most one byte beyond LETTER_COUNT letters. */
static fedl_status decode(uint8_t token[TOKEN_BYTES], const char *text)
{
    uint32_t pending = 0; /* fewer than 8 + 5 bits */
    uint32_t pending_bits = 0;
    uint32_t count = 0;
    size_t size = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '-') {
            continue;
        }
        const uint32_t value = value_of(*c);
        if (value > 31 || count == LETTER_COUNT) {
            return FEDL_ERR_FORMAT;
        }
        count++;
        pending = ((pending << 5) | value) & 0xfffu;
        pending_bits += 5;
        if (pending_bits >= 8) {
            pending_bits -= 8;
            token[size++] = (uint8_t)(pending >> pending_bits);
        }
    }
    return count == LETTER_COUNT ? FEDL_OK : FEDL_ERR_FORMAT;
}

fedl_status fedl_token_parse(const fedl_crypto *crypto, uint8_t secret[FEDLI_TOKEN_SECRET_BYTES],
                             uint8_t fingerprint[FEDLI_FINGERPRINT_BYTES], const char *text)
{
    uint8_t token[TOKEN_BYTES];
    uint8_t expected[CHECKSUM_BYTES];
    fedl_status status = decode(token, text);
    if (status == FEDL_OK) {
        checksum(crypto, expected, token);
        if (!fedli_equal_ct(expected, token + PLAIN_BYTES, CHECKSUM_BYTES)) {
            status = FEDL_ERR_MISMATCH;
        }
    }
    if (status == FEDL_OK) {
        memcpy(secret, token, FEDLI_TOKEN_SECRET_BYTES);
        memcpy(fingerprint, token + FEDLI_TOKEN_SECRET_BYTES, FEDLI_FINGERPRINT_BYTES);
    }
    fedli_wipe(token, sizeof token);
    fedli_wipe(expected, sizeof expected);
    return status;
}
