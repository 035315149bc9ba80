/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ca sign: certificates for pending devices, on a machine that needs no server and no network.
 *
 * A server that lies may put devices into the request file that nobody invited. What stands against
 * it is the person who runs this: every device is shown with its name and key. KEY.signed keeps
 * what was signed, so that one device id never gets two keys, nor one key two ids.
 */
#include "base/hex.h"
#include "base/secret.h"
#include "certificate_line.h"
#include "command.h"
#include "posix/ca_key.h"
#include "posix/durable_file.h"
#include "posix/plural.h"
#include "sodium/crypto_sodium.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LEDGER_LINE_BYTES_MAX 96u

typedef struct signing {
    fedl_ca_key key;
    char *ledger; /* "DEVICE-ID SIGNING-KEY\n" of all that was signed, zero-terminated */
    size_t ledger_used;
    char *out;
    size_t out_used;
    unsigned count;
} signing;

static int fail(const char *path, const char *why)
{
    (void)fprintf(stderr, "fedl: %s: %s\n", path, why);
    return FEDL_EXIT_FILE;
}

/* 1: this id with this key was signed before; 0: neither was; −1: one of them, with another. */
static int look_up(const signing *s, unsigned device_id, const char *key_hex)
{
    const char *at = s->ledger;
    while (*at != '\0') {
        unsigned known_id = 0;
        char known_key[66] = "";
        if (sscanf(at, "%9u %65s", &known_id, known_key) == 2) {
            const bool same_id = known_id == device_id;
            const bool same_key = strcmp(known_key, key_hex) == 0;
            if (same_id || same_key) {
                return same_id && same_key ? 1 : -1;
            }
        }
        const char *end = strchr(at, '\n');
        at = end != NULL ? end + 1 : at + strlen(at);
    }
    return 0;
}

static int sign_line(signing *s, const char *line, unsigned number)
{
    char fleet_hex[34] = "";
    char id_hex[66] = "";
    char noise_hex[66] = "";
    char name[64] = "";
    char text[2 * FEDLI_CERT_BYTES + 1];
    uint8_t certificate[FEDLI_CERT_BYTES];
    fedl_cert cert = {.role = FEDL_CERT_DEVICE, .serial = 1};
    if (sscanf(line, CERTIFICATE_REQUEST_WORD " %33s %9u %65s %65s %63[^\n]", fleet_hex,
               &cert.subject_id, id_hex, noise_hex, name) != 5 ||
        cert.subject_id == 0 || fedli_hex_decode(cert.fleet_id, 16, fleet_hex) != FEDL_OK ||
        fedli_hex_decode(cert.id_public, 32, id_hex) != FEDL_OK ||
        fedli_hex_decode(cert.noise_public, 32, noise_hex) != FEDL_OK) {
        (void)fprintf(stderr, "fedl: line %u is no request of fedl device pending\n", number);
        return FEDL_EXIT_FILE;
    }
    if (memcmp(cert.fleet_id, s->key.fleet_id, 16) != 0) {
        (void)fprintf(stderr, "fedl: line %u: device %u is of another fleet than this key\n",
                      number, cert.subject_id);
        return FEDL_EXIT_REFUSED;
    }
    fedli_hex_encode(id_hex, cert.id_public, 32); /* one spelling */
    const int known = look_up(s, cert.subject_id, id_hex);
    if (known < 0) {
        (void)fprintf(stderr,
                      "fedl: line %u: device %u '%s': this id or this key was signed before with "
                      "another; nothing is signed\n",
                      number, cert.subject_id, name);
        return FEDL_EXIT_REFUSED;
    }
    if (known == 0) {
        s->ledger_used += (size_t)snprintf(s->ledger + s->ledger_used, LEDGER_LINE_BYTES_MAX,
                                           "%u %s\n", cert.subject_id, id_hex);
    }
    fedl_cert_issue(fedl_crypto_sodium(), certificate, &cert, s->key.secret);
    fedli_hex_encode(text, certificate, sizeof certificate);
    s->out_used += (size_t)snprintf(s->out + s->out_used, CERTIFICATE_LINE_BYTES_MAX,
                                    CERTIFICATE_WORD " %u %s\n", cert.subject_id, text);
    for (char *c = name; *c != '\0'; c++) {
        *c = (unsigned char)*c < 32 || *c == 127 ? '?' : *c;
    }
    (void)printf("device %u '%s' key %s%s\n", cert.subject_id, name, id_hex,
                 known == 1 ? " (again)" : "");
    s->count++;
    return FEDL_EXIT_OK;
}

static unsigned lines_of(const uint8_t *text, size_t size)
{
    unsigned count = 1;
    for (size_t i = 0; i < size; i++) {
        count += text[i] == '\n' ? 1u : 0u;
    }
    return count;
}

static int sign_all(signing *s, uint8_t *requests, size_t size, const char *ledger_path)
{
    uint8_t *ledger = NULL;
    size_t ledger_size = 0;
    const unsigned lines = lines_of(requests, size);
    const fedl_status status =
        fedl_file_read(&ledger, &ledger_size, ledger_path, CERTIFICATE_FILE_BYTES_MAX);
    if (status != FEDL_OK && status != FEDL_ERR_NOT_FOUND) {
        return fail(ledger_path, fedl_status_text(status));
    }
    s->ledger = calloc(1, ledger_size + (size_t)lines * LEDGER_LINE_BYTES_MAX + 1);
    s->out = calloc(1, (size_t)lines * CERTIFICATE_LINE_BYTES_MAX + 1);
    if (s->ledger == NULL || s->out == NULL) {
        free(ledger);
        return fail(ledger_path, "out of memory");
    }
    if (ledger != NULL) {
        memcpy(s->ledger, ledger, ledger_size);
        s->ledger_used = ledger_size;
    }
    free(ledger);
    int code = FEDL_EXIT_OK;
    unsigned number = 0;
    char *rest = (char *)requests;
    char *line = NULL;
    while (code == FEDL_EXIT_OK && (line = strsep(&rest, "\n")) != NULL) {
        number++;
        code = line[0] == '\0' ? FEDL_EXIT_OK : sign_line(s, line, number);
    }
    return code;
}

int fedl_cmd_ca_sign(const fedl_arguments *arguments)
{
    signing s = {.count = 0};
    uint8_t *requests = NULL;
    size_t size = 0;
    char ledger_path[1024];
    const char *path = arguments->positional[0];
    if (arguments->key == NULL || arguments->out == NULL) {
        (void)fprintf(stderr, "fedl: ca sign wants --key FILE and --out FILE\n");
        return FEDL_EXIT_USAGE;
    }
    if (fedl_crypto_sodium_init() != FEDL_OK ||
        (size_t)snprintf(ledger_path, sizeof ledger_path, "%s.signed", arguments->key) >=
            sizeof ledger_path) {
        return fail(arguments->key, "its name is too long, or libsodium does not start");
    }
    fedl_status status = fedl_ca_key_read(&s.key, fedl_crypto_sodium(), arguments->key);
    if (status != FEDL_OK) {
        return fail(arguments->key,
                    status == FEDL_ERR_POLICY   ? "others may read this secret: chmod 600 it"
                    : status == FEDL_ERR_FORMAT ? "is no CA key of fedl-server init --ca-out"
                                                : fedl_status_text(status));
    }
    status = fedl_file_read(&requests, &size, path, CERTIFICATE_FILE_BYTES_MAX);
    int code = status == FEDL_OK ? sign_all(&s, requests, size, ledger_path)
               : status == FEDL_ERR_NOT_FOUND
                   ? fail(path, "not found: fedl device pending --out writes it, on the server")
                   : fail(path, fedl_status_text(status));
    if (code == FEDL_EXIT_OK && s.count == 0) {
        code = fail(path, "holds no request: fedl device pending --out writes them once devices "
                          "wait; nothing is signed");
    }
    /* What is signed is written down before anybody can have it. */
    if (code == FEDL_EXIT_OK) {
        status = fedl_file_replace(ledger_path, fedl_bytes_of(s.ledger, s.ledger_used), 0600);
        code = status == FEDL_OK ? FEDL_EXIT_OK : fail(ledger_path, fedl_status_text(status));
    }
    if (code == FEDL_EXIT_OK) {
        status = fedl_file_output(arguments->out, fedl_bytes_of(s.out, s.out_used), 0644);
        code = status == FEDL_OK ? FEDL_EXIT_OK : fail(arguments->out, fedl_status_text(status));
    }
    if (code == FEDL_EXIT_OK) {
        (void)printf("%u certificate%s -> %s; next, on the server: fedl device certify %s\n",
                     s.count, fedl_plural(s.count), arguments->out, arguments->out);
    }
    fedli_wipe(&s.key, sizeof s.key);
    free(requests);
    free(s.ledger);
    free(s.out);
    return code;
}
