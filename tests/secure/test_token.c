/* SPDX-License-Identifier: Apache-2.0 */
#include "secure/cert.h"

#include "base/hex.h"
#include "cmocka_all.h"
#include "sodium/crypto_sodium.h"

#include <ctype.h>
#include <string.h>

static const uint8_t secret[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
static const char letters[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/* Made with Python's hashlib.blake2b(digest_size=32, person=…) and integers. */
static const char known_fingerprint[] = "974147fb8865797e94af2ad762d72e2d";
static const char known_token[] = "000G40R4-0M30E209-185GR38E-1YBM2HZV-H1JQJZMM-NWNDERPQ-5RPRJPTV";

static void make(char text[FEDLI_TOKEN_TEXT_BYTES])
{
    uint8_t noise_public[32];
    uint8_t ca_public[32];
    uint8_t fingerprint[FEDLI_FINGERPRINT_BYTES];
    memset(noise_public, 0x33, 32);
    memset(ca_public, 0x44, 32);
    fedl_fingerprint(fedl_crypto_sodium(), fingerprint, noise_public, ca_public);
    fedl_token_format(fedl_crypto_sodium(), text, secret, fingerprint);
}

static fedl_status parse(const char *text)
{
    uint8_t s[FEDLI_TOKEN_SECRET_BYTES];
    uint8_t f[FEDLI_FINGERPRINT_BYTES];
    uint8_t expected[FEDLI_FINGERPRINT_BYTES];
    memset(s, 0x5a, sizeof s);
    memset(f, 0x5a, sizeof f);
    const fedl_status status = fedl_token_parse(fedl_crypto_sodium(), s, f, text);
    if (status == FEDL_OK) {
        assert_memory_equal(s, secret, sizeof s);
        assert_int_equal(fedli_hex_decode(expected, sizeof expected, known_fingerprint), FEDL_OK);
        assert_memory_equal(f, expected, sizeof f);
    } else {
        for (size_t i = 0; i < sizeof s; i++) {
            assert_int_equal(s[i], 0x5a);
            assert_int_equal(f[i], 0x5a);
        }
    }
    return status;
}

static void equals_the_independent_value(void **state)
{
    (void)state;
    char text[FEDLI_TOKEN_TEXT_BYTES];
    make(text);
    assert_string_equal(text, known_token);
    assert_int_equal(parse(known_token), FEDL_OK);
}

static void fingerprint_depends_on_both_keys(void **state)
{
    (void)state;
    uint8_t key[2][32] = {{1}, {2}};
    uint8_t print[3][FEDLI_FINGERPRINT_BYTES];
    fedl_fingerprint(fedl_crypto_sodium(), print[0], key[0], key[1]);
    fedl_fingerprint(fedl_crypto_sodium(), print[1], key[1], key[0]);
    fedl_fingerprint(fedl_crypto_sodium(), print[2], key[0], key[0]);
    assert_memory_not_equal(print[0], print[1], sizeof print[0]);
    assert_memory_not_equal(print[0], print[2], sizeof print[0]);
    assert_memory_not_equal(print[1], print[2], sizeof print[0]);
}

static void tolerates_how_people_write(void **state)
{
    (void)state;
    char text[2 * FEDLI_TOKEN_TEXT_BYTES];
    size_t size = 0;
    for (size_t i = 0; known_token[i] != '\0'; i++) {
        text[i] = (char)tolower((unsigned char)known_token[i]);
        text[i + 1] = '\0';
    }
    assert_int_equal(parse(text), FEDL_OK);
    for (size_t i = 0; known_token[i] != '\0'; i++) {
        if (known_token[i] != '-') {
            text[size++] = known_token[i];
        }
    }
    text[size] = '\0';
    assert_int_equal(size, 56);
    assert_int_equal(parse(text), FEDL_OK);
    const char *look_alike[] = {"0Oo", "1IiLl"};
    for (size_t k = 0; k < 2; k++) {
        for (const char *c = look_alike[k]; *c != '\0'; c++) {
            strcpy(text, known_token);
            char *at = strchr(text, look_alike[k][0]);
            assert_non_null(at);
            *at = *c;
            assert_int_equal(parse(text), FEDL_OK);
        }
    }
}

static void catches_every_wrong_letter_and_swap(void **state)
{
    (void)state;
    char text[FEDLI_TOKEN_TEXT_BYTES];
    const size_t size = strlen(known_token);
    strcpy(text, known_token);
    for (size_t i = 0; i < size; i++) {
        if (text[i] == '-') {
            continue;
        }
        for (size_t k = 0; k < 32; k++) {
            text[i] = letters[k];
            assert_int_equal(parse(text),
                             letters[k] == known_token[i] ? FEDL_OK : FEDL_ERR_MISMATCH);
        }
        text[i] = known_token[i];
    }
    for (size_t i = 0; i + 1 < size; i++) {
        if (text[i] == '-' || text[i + 1] == '-' || text[i] == text[i + 1]) {
            continue;
        }
        text[i] = known_token[i + 1];
        text[i + 1] = known_token[i];
        assert_int_equal(parse(text), FEDL_ERR_MISMATCH);
        text[i] = known_token[i];
        text[i + 1] = known_token[i + 1];
    }
}

static void refuses_other_bytes_and_lengths(void **state)
{
    (void)state;
    char text[FEDLI_TOKEN_TEXT_BYTES + 8];
    strcpy(text, known_token);
    for (int c = 1; c < 256; c++) {
        const int upper = toupper(c);
        const bool is_letter =
            strchr(letters, upper) != NULL || upper == 'O' || upper == 'I' || upper == 'L';
        text[10] = (char)c;
        const fedl_status status = parse(text);
        if (is_letter) {
            assert_true(status == FEDL_OK || status == FEDL_ERR_MISMATCH);
        } else {
            assert_int_equal(status, FEDL_ERR_FORMAT);
        }
    }
    for (size_t size = 0; size < strlen(known_token); size++) {
        strcpy(text, known_token);
        text[size] = '\0';
        assert_int_equal(parse(text), FEDL_ERR_FORMAT);
    }
    strcpy(text, known_token);
    strcat(text, "0");
    assert_int_equal(parse(text), FEDL_ERR_FORMAT);
    char long_text[1000];
    memset(long_text, '7', sizeof long_text);
    for (size_t size = 57; size < sizeof long_text; size += 47) {
        long_text[size] = '\0';
        assert_int_equal(parse(long_text), FEDL_ERR_FORMAT);
        long_text[size] = '7';
    }
    strcpy(text, known_token);
    strcat(text, "-");
    assert_int_equal(parse(text), FEDL_OK);
}

static void round_trips_extreme_values(void **state)
{
    (void)state;
    for (unsigned value = 0; value < 256; value += 17) {
        uint8_t s[FEDLI_TOKEN_SECRET_BYTES];
        uint8_t f[FEDLI_FINGERPRINT_BYTES];
        uint8_t s_back[FEDLI_TOKEN_SECRET_BYTES];
        uint8_t f_back[FEDLI_FINGERPRINT_BYTES];
        char text[FEDLI_TOKEN_TEXT_BYTES];
        memset(s, (int)value, sizeof s);
        memset(f, (int)(255 - value), sizeof f);
        fedl_token_format(fedl_crypto_sodium(), text, s, f);
        assert_int_equal(fedl_token_parse(fedl_crypto_sodium(), s_back, f_back, text), FEDL_OK);
        assert_memory_equal(s, s_back, sizeof s);
        assert_memory_equal(f, f_back, sizeof f);
    }
}

int main(void)
{
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_independent_value),
        cmocka_unit_test(fingerprint_depends_on_both_keys),
        cmocka_unit_test(tolerates_how_people_write),
        cmocka_unit_test(catches_every_wrong_letter_and_swap),
        cmocka_unit_test(refuses_other_bytes_and_lengths),
        cmocka_unit_test(round_trips_extreme_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
