/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "posix/ca_key.h"
#include "base/secret.h"
#include "posix/durable_file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint8_t key_magic[8] = {'f', 'e', 'd', 'l', 'c', 'a', '0', '1'};
static const uint8_t key_personal[FEDL_PERSONAL_BYTES] = "fedl.cakey.v1";

static void checksum(const fedl_crypto *crypto, uint8_t out[32], const uint8_t *bytes)
{
    fedl_hash hash;
    crypto->hash_init(&hash, 32, NULL, 0, key_personal);
    crypto->hash_update(&hash, bytes, FEDL_CA_KEY_BYTES - 32);
    crypto->hash_final(&hash, out, 32);
}

fedl_status fedl_ca_key_write(const char *path, const fedl_crypto *crypto, const fedl_ca_key *key)
{
    uint8_t bytes[FEDL_CA_KEY_BYTES];
    if (access(path, F_OK) == 0) {
        return FEDL_ERR_EXISTS;
    }
    memcpy(bytes, key_magic, 8);
    memcpy(bytes + 8, key->fleet_id, 16);
    memcpy(bytes + 24, key->secret, 64);
    checksum(crypto, bytes + 88, bytes);
    const fedl_status status = fedl_file_replace(path, fedl_bytes_of(bytes, sizeof bytes), 0600);
    fedli_wipe(bytes, sizeof bytes);
    return status;
}

fedl_status fedl_ca_key_read(fedl_ca_key *key, const fedl_crypto *crypto, const char *path)
{
    uint8_t *bytes = NULL;
    uint8_t expected[32];
    size_t size = 0;
    struct stat info;
    fedl_status status = fedl_file_read(&bytes, &size, path, 4096);
    if (status != FEDL_OK) {
        return status;
    }
    if (stat(path, &info) != 0 || (info.st_mode & 077u) != 0) {
        status = FEDL_ERR_POLICY;
    } else if (size != FEDL_CA_KEY_BYTES || memcmp(bytes, key_magic, sizeof key_magic) != 0) {
        status = FEDL_ERR_FORMAT;
    } else {
        checksum(crypto, expected, bytes);
        status = memcmp(expected, bytes + 88, 32) == 0 ? FEDL_OK : FEDL_ERR_CORRUPT;
    }
    if (status == FEDL_OK) {
        memcpy(key->fleet_id, bytes + 8, 16);
        memcpy(key->secret, bytes + 24, 64);
    }
    fedli_wipe(bytes, size);
    free(bytes);
    return status;
}
