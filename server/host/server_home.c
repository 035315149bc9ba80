/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. Every failure becomes one line that says what to do. */
#include "host/server_home.h"
#include "base/cursor.h"
#include "base/secret.h"
#include "posix/ca_key.h"
#include "posix/durable_file.h"
#include "secure/cert.h"
#include "store/store.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define KEY_RESERVED_BYTES 48u

static const uint8_t key_magic[8] = {'f', 'e', 'd', 'l', 'k', 'e', 'y', '1'};
static const uint8_t key_magic_no_ca[8] = {'f', 'e', 'd', 'l', 'k', 'e', 'y', '2'};
static const uint8_t key_personal[FEDL_PERSONAL_BYTES] = "fedl.home.v1";

fedl_status fedl_home_locate(fedl_home *home, const char *option, char text[FEDL_HOME_TEXT_BYTES])
{
    const char *named = option != NULL ? option : getenv("FEDL_HOME");
    const char *user = getenv("HOME");
    if (named != NULL && named[0] != '\0') {
        (void)snprintf(home->path, sizeof home->path, "%s", named);
    } else if (user != NULL && user[0] != '\0') {
        named = user;
        (void)snprintf(home->path, sizeof home->path, "%s/.fedl", user);
    } else {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "no home folder is known; give --home DIR");
        return FEDL_ERR_NOT_FOUND;
    }
    if (strlen(named) > 90 || strlen(home->path) > 95) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                       "home path is longer than 95 bytes, too long for its admin socket; give a "
                       "shorter --home DIR");
        return FEDL_ERR_RANGE;
    }
    (void)snprintf(home->config_path, sizeof home->config_path, "%s/%s", home->path,
                   FEDL_SERVER_CONFIG_FILE);
    (void)snprintf(home->database_path, sizeof home->database_path, "%s/fedl.db", home->path);
    (void)snprintf(home->key_path, sizeof home->key_path, "%s/server.key", home->path);
    (void)snprintf(home->socket_path, sizeof home->socket_path, "%s/admin.sock", home->path);
    return FEDL_OK;
}

static fedl_status explain(char *text, const char *path, fedl_status status)
{
    const char *todo = "check the disk and the system log";
    if (status == FEDL_ERR_READ_ONLY) {
        todo = "make the folder writable for this user, or give another --home DIR";
    } else if (status == FEDL_ERR_NO_SPACE) {
        todo = "free space on its file system and run init again";
    } else if (status == FEDL_ERR_NOT_FOUND) {
        todo = "give a --home DIR whose parent folder can be made";
    }
    /* Only a file where a folder or a plain file is wanted is a "format" of a path. */
    (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "%s: %s; %s", path,
                   status == FEDL_ERR_FORMAT ? "something else is in the way"
                                             : fedl_status_text(status),
                   status == FEDL_ERR_FORMAT ? "move it away, or give another --home DIR" : todo);
    return status;
}

/* mkdir -p with mode 0700 for what is made. */
static fedl_status make_folder(const char *path)
{
    char part[128];
    (void)snprintf(part, sizeof part, "%s", path);
    for (char *at = part + 1;; at++) {
        if (*at != '/' && *at != '\0') {
            continue;
        }
        char kept = *at;
        *at = '\0';
        struct stat info;
        if (mkdir(part, 0700) != 0) {
            int error = errno;
            if (stat(part, &info) != 0) {
                return fedl_status_of_errno(error);
            }
            if (!S_ISDIR(info.st_mode)) {
                return FEDL_ERR_FORMAT;
            }
        }
        if (kept == '\0') {
            return FEDL_OK;
        }
        *at = kept;
    }
}

static void key_checksum(const fedl_crypto *crypto, uint8_t out[32],
                         const uint8_t bytes[FEDL_HOME_KEY_BYTES])
{
    fedl_hash hash;
    crypto->hash_init(&hash, 32, NULL, 0, key_personal);
    crypto->hash_update(&hash, bytes, FEDL_HOME_KEY_BYTES - 32);
    crypto->hash_final(&hash, out, 32);
}

static void identity_derive(fedl_server_identity *identity, const fedl_crypto *crypto)
{
    crypto->x25519_public(identity->noise_public, identity->noise_secret);
    memcpy(identity->round_public, identity->round_secret + 32, 32);
    memcpy(identity->ca_public, identity->ca_secret + 32, 32);
}

static void identity_make(fedl_server_identity *identity, const fedl_crypto *crypto,
                          const uint8_t entropy[192])
{
    uint8_t public_key[32];
    memset(identity, 0, sizeof *identity);
    memcpy(identity->fleet_id, entropy, 16);
    memcpy(identity->noise_secret, entropy + 32, 32);
    crypto->sign_keypair(public_key, identity->round_secret, entropy + 64);
    crypto->sign_keypair(public_key, identity->ca_secret, entropy + 96);
    memcpy(identity->token_key, entropy + 128, 32);
    identity_derive(identity, crypto);
    fedl_cert cert = {.role = FEDL_CERT_ROUND, .subject_id = 0, .serial = 1};
    memcpy(cert.fleet_id, identity->fleet_id, sizeof cert.fleet_id);
    memcpy(cert.id_public, identity->round_public, sizeof cert.id_public);
    memcpy(cert.noise_public, identity->noise_public, sizeof cert.noise_public);
    fedl_cert_issue(crypto, identity->server_cert, &cert, identity->ca_secret);
}

/* Moves the secret half of the CA key to its own file. */
static fedl_status split_ca(fedl_server_identity *identity, const fedl_crypto *crypto,
                            const char *ca_path)
{
    fedl_ca_key key;
    memcpy(key.fleet_id, identity->fleet_id, sizeof key.fleet_id);
    memcpy(key.secret, identity->ca_secret, sizeof key.secret);
    const fedl_status status = fedl_ca_key_write(ca_path, crypto, &key);
    fedli_wipe(&key, sizeof key);
    fedli_wipe(identity->ca_secret, 32);
    return status;
}

static fedl_status write_keys(const fedl_home *home, const fedl_crypto *crypto,
                              const uint8_t entropy[192], bool ca_offline)
{
    static const uint8_t reserved[KEY_RESERVED_BYTES];
    fedl_server_identity identity;
    uint8_t bytes[FEDL_HOME_KEY_BYTES];
    fedli_writer writer;
    size_t size = 0;
    identity_make(&identity, crypto, entropy);
    if (ca_offline) {
        fedli_wipe(identity.ca_secret, 32);
    }
    fedli_writer_init(&writer, bytes, sizeof bytes);
    fedli_write_copy(&writer, ca_offline ? key_magic_no_ca : key_magic, sizeof key_magic);
    fedli_write_copy(&writer, identity.fleet_id, sizeof identity.fleet_id);
    fedli_write_copy(&writer, identity.noise_secret, sizeof identity.noise_secret);
    fedli_write_copy(&writer, identity.round_secret, sizeof identity.round_secret);
    fedli_write_copy(&writer, identity.ca_secret, sizeof identity.ca_secret);
    fedli_write_copy(&writer, identity.token_key, sizeof identity.token_key);
    fedli_write_copy(&writer, identity.server_cert, sizeof identity.server_cert);
    fedli_write_copy(&writer, reserved, sizeof reserved);
    key_checksum(crypto, bytes + FEDL_HOME_KEY_BYTES - 32, bytes);
    fedl_status status = fedli_writer_end(&writer, &size);
    if (status == FEDL_OK && size != FEDL_HOME_KEY_BYTES - 32) {
        status = FEDL_ERR_SIZE;
    }
    if (status == FEDL_OK) {
        status = fedl_file_replace(home->key_path, fedl_bytes_of(bytes, sizeof bytes), 0600);
    }
    fedli_wipe(bytes, sizeof bytes);
    fedli_wipe(&identity, sizeof identity);
    return status;
}

static fedl_status write_config(const fedl_home *home, const fedl_server_config *config)
{
    char ini[2048];
    int length = snprintf(ini, sizeof ini,
                          "# fedl-server; every key is explained in docs/server.md\n"
                          "[server]\n"
                          "listen = %s\n"
                          "# what devices are told to connect to (fedl device add prints it)\n"
                          "advertise = %s\n\n"
                          "[log]\n"
                          "# text, logfmt or json\n"
                          "format = text\n"
                          "level = info\n\n"
                          "[limits]\n"
                          "devices_max = %u\n"
                          "tasks_max = %u\n"
                          "# memory for uploads under way\n"
                          "staging_mb = %u\n",
                          config->listen, config->advertise, (unsigned)config->devices_max,
                          (unsigned)config->tasks_max, (unsigned)config->staging_mb);
    return fedl_file_replace(home->config_path, fedl_bytes_of(ini, (size_t)length), 0600);
}

fedl_status fedl_home_create(const fedl_home *home, const fedl_crypto *crypto,
                             const uint8_t entropy[192], const fedl_server_config *config,
                             const char *ca_path, char text[FEDL_HOME_TEXT_BYTES])
{
    char store_text[256];
    fedl_store *store = NULL;
    if (access(home->key_path, F_OK) == 0) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                       "%s is a server home already; start it with: fedl-server run --home %s",
                       home->path, home->path);
        return FEDL_ERR_EXISTS;
    }
    fedl_status status = make_folder(home->path);
    if (status != FEDL_OK) {
        return explain(text, home->path, status);
    }
    status = write_config(home, config);
    if (status != FEDL_OK) {
        return explain(text, home->config_path, status);
    }
    status = fedl_store_sqlite_open(&store, crypto, home->database_path, store_text);
    if (status == FEDL_ERR_NO_SPACE) { /* the store's text is one for a server that runs */
        return explain(text, home->database_path, status);
    }
    if (status != FEDL_OK) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "%s", store_text);
        return status;
    }
    store->ops->close(store);
    if (ca_path != NULL) {
        fedl_server_identity identity;
        identity_make(&identity, crypto, entropy);
        status = split_ca(&identity, crypto, ca_path);
        fedli_wipe(&identity, sizeof identity);
        if (status == FEDL_ERR_EXISTS) {
            (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                           "--ca-out %s: there is a file already; name a new one", ca_path);
            return status;
        }
        if (status != FEDL_OK) {
            explain(text, ca_path, status);
            if (status == FEDL_ERR_NOT_FOUND) {
                (void)snprintf(
                    text, FEDL_HOME_TEXT_BYTES,
                    "--ca-out %s: its folder is not there; make it, or name another file", ca_path);
            }
            return status;
        }
    }
    status = write_keys(home, crypto, entropy, ca_path != NULL);
    return status == FEDL_OK ? FEDL_OK : explain(text, home->key_path, status);
}

/* Takes the fields out of a file whose size and checksum were checked. */
static fedl_status keys_decode(fedl_server_identity *identity, const fedl_crypto *crypto,
                               const uint8_t bytes[FEDL_HOME_KEY_BYTES])
{
    fedli_reader reader;
    fedl_cert cert;
    fedli_reader_init(&reader, fedl_bytes_of(bytes + sizeof key_magic,
                                             FEDL_HOME_KEY_BYTES - 32 - sizeof key_magic));
    fedli_read_copy(&reader, identity->fleet_id, sizeof identity->fleet_id);
    fedli_read_copy(&reader, identity->noise_secret, sizeof identity->noise_secret);
    fedli_read_copy(&reader, identity->round_secret, sizeof identity->round_secret);
    fedli_read_copy(&reader, identity->ca_secret, sizeof identity->ca_secret);
    fedli_read_copy(&reader, identity->token_key, sizeof identity->token_key);
    fedli_read_copy(&reader, identity->server_cert, sizeof identity->server_cert);
    (void)fedli_read_view(&reader, KEY_RESERVED_BYTES);
    fedl_status status = fedli_reader_end(&reader);
    identity->ca_offline = memcmp(bytes, key_magic_no_ca, sizeof key_magic_no_ca) == 0;
    if (status == FEDL_OK) {
        identity_derive(identity, crypto);
        status = fedl_cert_open(&cert, crypto,
                                fedl_bytes_of(identity->server_cert, sizeof identity->server_cert),
                                identity->ca_public, 0);
    }
    return status == FEDL_OK ? FEDL_OK : FEDL_ERR_CORRUPT;
}

fedl_status fedl_home_load_keys(const fedl_home *home, const fedl_crypto *crypto,
                                fedl_server_identity *identity, char text[FEDL_HOME_TEXT_BYTES])
{
    struct stat info;
    uint8_t *bytes = NULL;
    size_t size = 0;
    uint8_t checksum[32];
    if (stat(home->key_path, &info) != 0 && errno == ENOENT) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                       "%s is no server home (there is no server.key); make one with: fedl-server "
                       "init --home %s",
                       home->path, home->path);
        return FEDL_ERR_NOT_FOUND;
    }
    fedl_status status = fedl_file_read(&bytes, &size, home->key_path, 4096);
    if (status != FEDL_OK) {
        return explain(text, home->key_path, status);
    }
    if ((info.st_mode & 077u) != 0) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "%s can be read by others; run: chmod 600 %s",
                       home->key_path, home->key_path);
        status = FEDL_ERR_POLICY;
    } else if (size != FEDL_HOME_KEY_BYTES ||
               (memcmp(bytes, key_magic, 8) != 0 && memcmp(bytes, key_magic_no_ca, 8) != 0)) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                       "%s is not a key file of this fedl; restore it from a backup",
                       home->key_path);
        status = FEDL_ERR_FORMAT;
    } else {
        key_checksum(crypto, checksum, bytes);
        fedl_server_identity loaded;
        memset(&loaded, 0, sizeof loaded);
        status = memcmp(checksum, bytes + size - 32, 32) == 0 ? keys_decode(&loaded, crypto, bytes)
                                                              : FEDL_ERR_CORRUPT;
        if (status == FEDL_OK) {
            *identity = loaded;
        } else {
            (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "%s is damaged; restore it from a backup",
                           home->key_path);
        }
        fedli_wipe(&loaded, sizeof loaded);
    }
    fedli_wipe(bytes, size);
    free(bytes);
    return status;
}

fedl_status fedl_home_load_config(const fedl_home *home, fedl_server_config *config,
                                  char text[FEDL_HOME_TEXT_BYTES])
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    fedl_config_error error;
    fedl_status status = fedl_file_read(&bytes, &size, home->config_path, FEDL_CONFIG_BYTES_MAX);
    if (status == FEDL_ERR_NOT_FOUND) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES,
                       "%s is missing; make a home with: fedl-server init --home %s",
                       home->config_path, home->path);
        return status;
    }
    if (status != FEDL_OK) {
        return explain(text, home->config_path, status);
    }
    status = fedl_server_config_parse(config, fedl_bytes_of(bytes, size), &error);
    free(bytes);
    if (status != FEDL_OK) {
        (void)snprintf(text, FEDL_HOME_TEXT_BYTES, "%s:%u: %s", home->config_path,
                       (unsigned)error.line, error.text);
    }
    return status;
}
