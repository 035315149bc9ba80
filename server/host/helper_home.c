/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "host/helper_home.h"

#include "base/secret.h"
#include "posix/durable_file.h"
#include "posix/host_clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_BYTES     (8u + 32u + 32u)
#define REQUEST_BYTES (8u + 32u)
#define PATH_BYTES    512u

static const char key_magic[] = "fedlhky1";
static const char request_magic[] = "fedlhrq1";
static const char grant_magic[] = "fedlhgr1";

static fedl_status say(char *text, fedl_status status, const char *path, const char *what)
{
    (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "%.400s: %s", path, what);
    return status;
}

static void join(char out[PATH_BYTES], const char *folder, const char *name)
{
    (void)snprintf(out, PATH_BYTES, "%.400s/%s", folder, name);
}

static bool is_there(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

/* A file of exactly size bytes that begins with magic; what: its name for people. */
static fedl_status read_fixed(uint8_t *out, size_t size, const char *magic, const char *what,
                              const char *path, char *text)
{
    uint8_t *data = NULL;
    size_t found = 0;
    const fedl_status status = fedl_file_read(&data, &found, path, size + 1u);
    if (status != FEDL_OK && status != FEDL_ERR_FULL) {
        return say(text, status, path, fedl_status_text(status));
    }
    if (status == FEDL_ERR_FULL || found != size || memcmp(data, magic, 8) != 0) {
        free(data);
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "%.400s: not %s", path, what);
        return FEDL_ERR_FORMAT;
    }
    memcpy(out, data, size);
    fedli_wipe(data, found);
    free(data);
    return FEDL_OK;
}

static fedl_status write_file(const char *path, const uint8_t *bytes, size_t size, unsigned mode,
                              char *text)
{
    const fedl_status status = fedl_file_replace(path, fedl_bytes_of(bytes, size), mode);
    return status == FEDL_OK ? FEDL_OK
                             : say(text, status, path,
                                   status == FEDL_ERR_NOT_FOUND ? "its folder does not exist"
                                                                : fedl_status_text(status));
}

/* A list of no rounds, of the fleet in helper->cfg. */
static fedl_status write_answered(const fedl_helper *helper, const char *path, char *text)
{
    uint8_t none[FEDL_HELPER_STATE_BYTES(0)];
    char file[PATH_BYTES];
    join(file, path, FEDL_HELPER_ANSWERED_FILE);
    return write_file(file, none, fedl_helper_encode(helper, none, NULL), 0600, text);
}

/* No round is answered, and there is no fleet yet; before the key, so that a key has its list. */
static fedl_status begin_answered(const char *path, const fedl_crypto *crypto, char *text)
{
    fedl_helper *helper = calloc(1, sizeof *helper);
    if (helper == NULL) {
        return say(text, FEDL_ERR_NO_MEMORY, path, "out of memory");
    }
    helper->cfg.crypto = crypto;
    const fedl_status status = write_answered(helper, path, text);
    free(helper);
    return status;
}

fedl_status fedl_helper_home_create(const char *path, const fedl_crypto *crypto,
                                    char text[FEDL_HOME_TEXT_BYTES])
{
    uint8_t key[KEY_BYTES];
    uint8_t request[REQUEST_BYTES];
    char file[PATH_BYTES];
    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return say(text, fedl_status_of_errno(errno), path, "cannot make this folder");
    }
    join(file, path, "helper.key");
    if (is_there(file)) {
        return say(text, FEDL_ERR_EXISTS, file, "there is a helper already");
    }
    memcpy(key, key_magic, 8);
    fedl_host_entropy(key + 8, 32);
    fedli_hash(crypto, key + 40, "fedl.hkey.v1", key, 40);
    memcpy(request, request_magic, 8);
    crypto->x25519_public(request + 8, key + 8);
    fedl_status status = begin_answered(path, crypto, text);
    if (status == FEDL_OK) {
        status = write_file(file, key, sizeof key, 0600, text);
    }
    fedli_wipe(key, sizeof key);
    if (status == FEDL_OK) {
        join(file, path, FEDL_HELPER_REQUEST_FILE);
        status = write_file(file, request, sizeof request, 0644, text);
    }
    return status;
}

fedl_status fedl_helper_home_key(uint8_t secret[32], const char *path, const fedl_crypto *crypto,
                                 char text[FEDL_HOME_TEXT_BYTES])
{
    uint8_t key[KEY_BYTES];
    uint8_t checksum[32];
    char file[PATH_BYTES];
    struct stat info;
    join(file, path, "helper.key");
    if (stat(file, &info) != 0 && errno == ENOENT) {
        (void)snprintf(
            text, FEDL_HOME_TEXT_BYTES,
            "there is no helper in %.300s; make one with: fedl-server helper init --home "
            "%.300s",
            path, path);
        return FEDL_ERR_NOT_FOUND;
    }
    if (stat(file, &info) == 0 && (info.st_mode & 077u) != 0) {
        return say(text, FEDL_ERR_POLICY, file, "others may read this key; chmod 600 it");
    }
    const fedl_status status =
        read_fixed(key, sizeof key, key_magic, "the key of a helper", file, text);
    if (status != FEDL_OK) {
        return status;
    }
    fedli_hash(crypto, checksum, "fedl.hkey.v1", key, 40);
    const bool good = fedli_equal_ct(checksum, key + 40, sizeof checksum);
    if (good) {
        memcpy(secret, key + 8, 32);
    }
    fedli_wipe(key, sizeof key);
    return good ? FEDL_OK : say(text, FEDL_ERR_CORRUPT, file, "the key file is damaged");
}

fedl_status fedl_helper_sign(const fedl_server_identity *identity, const fedl_crypto *crypto,
                             const char *request_path, const char *grant_path,
                             char text[FEDL_HOME_TEXT_BYTES])
{
    uint8_t request[REQUEST_BYTES];
    uint8_t grant[FEDL_HELPER_GRANT_BYTES];
    fedl_cert cert = {.role = FEDL_CERT_HELPER, .subject_id = 0, .serial = 1};
    const fedl_status status =
        read_fixed(request, sizeof request, request_magic, "a request of fedl-server helper init",
                   request_path, text);
    if (status != FEDL_OK) {
        return status;
    }
    memcpy(cert.fleet_id, identity->fleet_id, 16);
    memcpy(cert.noise_public, request + 8, 32);
    memcpy(grant, grant_magic, 8);
    memcpy(grant + 8, identity->fleet_id, 16);
    memcpy(grant + 24, identity->ca_public, 32);
    memcpy(grant + 56, identity->server_cert, FEDLI_CERT_BYTES);
    fedl_cert_issue(crypto, grant + 56 + FEDLI_CERT_BYTES, &cert, identity->ca_secret);
    return write_file(grant_path, grant, sizeof grant, 0644, text);
}

fedl_status fedl_helper_grant_read(fedl_helper_grant *grant, const fedl_crypto *crypto,
                                   const char *path, char text[FEDL_HOME_TEXT_BYTES])
{
    uint8_t bytes[FEDL_HELPER_GRANT_BYTES];
    fedl_helper_grant found;
    fedl_cert server;
    fedl_status status = read_fixed(bytes, sizeof bytes, grant_magic,
                                    "a grant of fedl-server helper sign", path, text);
    if (status != FEDL_OK) {
        return status;
    }
    memcpy(found.fleet_id, bytes + 8, 16);
    memcpy(found.ca_public, bytes + 24, 32);
    memcpy(found.helper_cert, bytes + 56 + FEDLI_CERT_BYTES, FEDLI_CERT_BYTES);
    status = fedl_cert_open(&server, crypto, fedl_bytes_of(bytes + 56, FEDLI_CERT_BYTES),
                            found.ca_public, 0);
    if (status != FEDL_OK || server.role != FEDL_CERT_ROUND ||
        memcmp(server.fleet_id, found.fleet_id, 16) != 0) {
        return say(text, FEDL_ERR_AUTH, path, "the server's certificate in it is not good");
    }
    memcpy(found.server_public, server.noise_public, 32);
    if (fedli_helper_cert_check(crypto, found.helper_public, found.helper_cert, found.ca_public,
                                found.fleet_id, fedl_host_utc_s()) != FEDL_OK) {
        return say(text, FEDL_ERR_AUTH, path, "the helper's certificate in it is not good");
    }
    *grant = found;
    return FEDL_OK;
}

/* Binds the list of answered rounds to the fleet. There is one as long as there is a key: a list
 * that is missing was lost, and a new one would let this key answer an old round twice. */
static fedl_status bind_answered(const fedl_helper_grant *grant, const fedl_crypto *crypto,
                                 const char *path, char *text)
{
    uint8_t *data = NULL;
    size_t size = 0;
    char file[PATH_BYTES];
    fedl_helper *helper = calloc(1, sizeof *helper); /* of no fleet */
    if (helper == NULL) {
        return say(text, FEDL_ERR_NO_MEMORY, path, "out of memory");
    }
    helper->cfg.crypto = crypto;
    join(file, path, FEDL_HELPER_ANSWERED_FILE);
    fedl_status status = fedl_file_read(&data, &size, file, FEDL_HELPER_STATE_BYTES_MAX);
    if (status == FEDL_OK) {
        const fedl_bytes bytes = fedl_bytes_of(data, size);
        const bool unbound = fedl_helper_decode(helper, bytes) == FEDL_OK && helper->count == 0;
        memcpy(helper->cfg.fleet_id, grant->fleet_id, 16);
        status = unbound ? write_answered(helper, path, text) : fedl_helper_decode(helper, bytes);
    }
    if (status == FEDL_ERR_NOT_FOUND) {
        status = say(text, FEDL_ERR_CORRUPT, file,
                     "it is lost, and this helper might answer rounds twice: make a new helper: "
                     "fedl-server helper init");
    } else if (status != FEDL_OK) {
        (void)say(text, status, file,
                  status == FEDL_ERR_MISMATCH ? "it is of another fleet: make a new helper"
                                              : fedl_status_text(status));
    }
    free(data);
    free(helper);
    return status;
}

static fedl_status check_own(const fedl_helper_grant *grant, const fedl_crypto *crypto,
                             const uint8_t secret[32], const char *grant_path, char *text)
{
    uint8_t public_key[32];
    crypto->x25519_public(public_key, secret);
    return memcmp(grant->helper_public, public_key, 32) == 0
               ? FEDL_OK
               : say(text, FEDL_ERR_MISMATCH, grant_path,
                     "it is for another helper's key: have this home's " FEDL_HELPER_REQUEST_FILE
                     " signed");
}

fedl_status fedl_helper_home_accept(const char *path, const fedl_crypto *crypto,
                                    const char *grant_path, char text[FEDL_HOME_TEXT_BYTES])
{
    fedl_helper_grant grant;
    uint8_t secret[32];
    uint8_t *bytes = NULL;
    size_t size = 0;
    char file[PATH_BYTES];
    fedl_status status = fedl_helper_home_key(secret, path, crypto, text);
    if (status != FEDL_OK) {
        return status;
    }
    join(file, path, FEDL_HELPER_GRANT_FILE);
    status = is_there(file) ? say(text, FEDL_ERR_EXISTS, file,
                                  "this helper has a grant already; to take a newer one of the "
                                  "same fleet, remove it first")
                            : fedl_helper_grant_read(&grant, crypto, grant_path, text);
    if (status == FEDL_OK) {
        status = check_own(&grant, crypto, secret, grant_path, text);
    }
    fedli_wipe(secret, sizeof secret);
    if (status == FEDL_OK) {
        status = bind_answered(&grant, crypto, path, text);
    }
    if (status == FEDL_OK) {
        status = fedl_file_read(&bytes, &size, grant_path, FEDL_HELPER_GRANT_BYTES);
        if (status == FEDL_OK) { /* last: a home with a grant is complete */
            status = write_file(file, bytes, size, 0644, text);
        }
        free(bytes);
    }
    return status;
}

fedl_status fedl_helper_home_grant(fedl_helper_grant *grant, const fedl_crypto *crypto,
                                   const char *path, const uint8_t secret[32],
                                   char text[FEDL_HOME_TEXT_BYTES])
{
    char file[PATH_BYTES];
    join(file, path, FEDL_HELPER_GRANT_FILE);
    if (!is_there(file)) {
        return say(text, FEDL_ERR_NOT_FOUND, file,
                   "this helper belongs to no fleet yet: have " FEDL_HELPER_REQUEST_FILE
                   " signed, then fedl-server helper accept");
    }
    const fedl_status status = fedl_helper_grant_read(grant, crypto, file, text);
    return status == FEDL_OK ? check_own(grant, crypto, secret, file, text) : status;
}

fedl_status fedl_helper_home_lock(int *fd, const char *path, char text[FEDL_HOME_TEXT_BYTES])
{
    char file[PATH_BYTES];
    join(file, path, "lock");
    const int opened = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (opened < 0) {
        return say(text, fedl_status_of_errno(errno), file, strerror(errno));
    }
    if (flock(opened, LOCK_EX | LOCK_NB) != 0) {
        (void)close(opened);
        return say(text, FEDL_ERR_BUSY, path, "another process runs this helper");
    }
    *fd = opened;
    return FEDL_OK;
}

fedl_status fedl_helper_home_revoked(uint32_t **ids, uint32_t *count, const char *path,
                                     char text[FEDL_HOME_TEXT_BYTES])
{
    char file[PATH_BYTES];
    uint8_t *data = NULL;
    size_t size = 0;
    uint32_t found = 0;
    uint32_t line = 1;
    join(file, path, "revoked");
    *ids = NULL;
    *count = 0;
    fedl_status status = fedl_file_read(&data, &size, file, (size_t)16 * FEDL_HELPER_REVOKED_MAX);
    if (status == FEDL_ERR_NOT_FOUND) {
        return FEDL_OK;
    }
    if (status != FEDL_OK) {
        return say(text, status, file, fedl_status_text(status));
    }
    uint32_t *list = calloc(size / 2u + 1u, sizeof *list); /* a digit and a newline each */
    char *at = (char *)data;
    status = list == NULL ? FEDL_ERR_NO_MEMORY : FEDL_OK;
    while (status == FEDL_OK && *at != '\0') {
        char *end = at;
        const unsigned long id = *at >= '0' && *at <= '9' ? strtoul(at, &end, 10) : 0;
        if (id == 0 || id > UINT32_MAX || (*end != '\n' && *end != '\0')) {
            status = FEDL_ERR_FORMAT;
            break;
        }
        list[found++] = (uint32_t)id;
        line++;
        at = *end == '\0' ? end : end + 1;
    }
    free(data);
    if (status != FEDL_OK) {
        free(list);
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                       "%.400s, line %u: one device id a line, and nothing else", file,
                       (unsigned)line);
        return status;
    }
    *ids = list;
    *count = found;
    return FEDL_OK;
}
