/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Wrong tokens, and the search for secrets in logs.
 *
 *   token_tool typo TOKEN               one letter replaced: the checksum must find it
 *   token_tool other-secret TOKEN       well-formed, but the server never issued it
 *   token_tool other-server TOKEN       well-formed, but of a server with other keys
 *   token_tool secret TOKEN             the secret bytes in hex
 *   token_tool range FILE OFFSET BYTES  bytes of a key file in hex
 *   token_tool leaks SECRETS LOG…       fails when 8 bytes in a row of any line of SECRETS (hex)
 *                                       are in a log: raw, or as hex in either case
 */
#include "base/hex.h"
#include "posix/durable_file.h"
#include "secure/cert.h"
#include "sodium/crypto_sodium.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WINDOW_BYTES     8u
#define FILE_BYTES_MAX   ((size_t)256 << 20)
#define SECRET_BYTES_MAX 64u

static int fail(const char *what)
{
    (void)fprintf(stderr, "token_tool: %s\n", what);
    return 2;
}

static int print_hex(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        (void)printf("%02x", bytes[i]);
    }
    (void)putchar('\n');
    return 0;
}

static int change_token(const char *how, const char *text)
{
    const fedl_crypto *crypto = fedl_crypto_sodium();
    uint8_t secret[FEDLI_TOKEN_SECRET_BYTES];
    uint8_t fingerprint[FEDLI_FINGERPRINT_BYTES];
    char out[FEDLI_TOKEN_TEXT_BYTES];
    if (fedl_token_parse(crypto, secret, fingerprint, text) != FEDL_OK) {
        return fail("this is no token");
    }
    if (strcmp(how, "secret") == 0) {
        return print_hex(secret, sizeof secret);
    }
    if (strcmp(how, "typo") == 0) {
        (void)snprintf(out, sizeof out, "%s", text);
        out[3] = out[3] == 'X' ? 'Y' : 'X';
        return puts(out) < 0;
    }
    uint8_t *changed = strcmp(how, "other-server") == 0 ? fingerprint : secret;
    changed[5] ^= 0x40;
    fedl_token_format(crypto, out, secret, fingerprint);
    return puts(out) < 0;
}

static int print_range(const char *path, size_t offset, size_t count)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    if (fedl_file_read(&bytes, &size, path, FILE_BYTES_MAX) != FEDL_OK) {
        return fail(path);
    }
    const int code = offset + count > size ? fail("the file is too short for that range")
                                           : print_hex(bytes + offset, count);
    free(bytes);
    return code;
}

/* Whether any window of the secret is in the log, which is also given in lower case. */
static int leaks_into(const uint8_t *secret, size_t secret_size, const uint8_t *log,
                      const uint8_t *lower, size_t log_size)
{
    char hex[2 * WINDOW_BYTES + 1];
    for (size_t at = 0; at + WINDOW_BYTES <= secret_size; at++) {
        fedli_hex_encode(hex, secret + at, WINDOW_BYTES);
        if (memmem(log, log_size, secret + at, WINDOW_BYTES) != NULL ||
            memmem(lower, log_size, hex, strlen(hex)) != NULL) {
            return 1;
        }
    }
    return 0;
}

static size_t parse_hex(uint8_t out[SECRET_BYTES_MAX], const char *text)
{
    size_t size = 0;
    unsigned value = 0;
    while (size < SECRET_BYTES_MAX && sscanf(text + 2 * size, "%2x", &value) == 1) {
        out[size++] = (uint8_t)value;
    }
    return size;
}

static int search_log(const char *secrets_path, const char *log_path)
{
    uint8_t *log = NULL;
    size_t size = 0;
    char line[2 * SECRET_BYTES_MAX + 2];
    int found = 0;
    FILE *secrets = fopen(secrets_path, "r");
    if (secrets == NULL || fedl_file_read(&log, &size, log_path, FILE_BYTES_MAX) != FEDL_OK) {
        return fail(log_path);
    }
    uint8_t *lower = malloc(size + 1);
    for (size_t i = 0; lower != NULL && i < size; i++) {
        lower[i] = (uint8_t)tolower(log[i]);
    }
    while (lower != NULL && fgets(line, sizeof line, secrets) != NULL) {
        uint8_t secret[SECRET_BYTES_MAX];
        const size_t secret_size = parse_hex(secret, line);
        if (leaks_into(secret, secret_size, log, lower, size) != 0) {
            (void)printf("%s: holds a part of secret %.8s…\n", log_path, line);
            found = 1;
        }
    }
    (void)fclose(secrets);
    free(lower);
    free(log);
    return found;
}

int main(int argc, char **argv)
{
    if (argc < 3 || fedl_crypto_sodium_init() != FEDL_OK) {
        return fail("usage: typo|other-secret|other-server|secret TOKEN, range FILE OFFSET BYTES, "
                    "leaks SECRETS LOG…");
    }
    if (strcmp(argv[1], "range") == 0 && argc == 5) {
        return print_range(argv[2], strtoul(argv[3], NULL, 10), strtoul(argv[4], NULL, 10));
    }
    if (strcmp(argv[1], "leaks") == 0) {
        int code = 0;
        for (int i = 3; i < argc; i++) {
            code |= search_log(argv[2], argv[i]);
        }
        return code;
    }
    return change_token(argv[1], argv[2]);
}
