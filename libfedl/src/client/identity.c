/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The identity as bytes: "fdid" · version u16 = 2 · reserved u16 · device id u32 · fleet id ·
 * secrets · pinned keys · certificate, zeros up to 480, then BLAKE2b-256 of what precedes. The
 * checksum finds damage of the storage; it protects against nobody who can write there. Version 1
 * has no certificate; an identity without one is written as that.
 */
#include "fedl/client.h"

#include "base/cursor.h"
#include "base/secret.h"

#include "secure/cert.h"

#include <string.h>

#define IDENTITY_MAGIC   0x64696466u /* "fdid" */
#define IDENTITY_VERSION 2u
#define VERSION_NO_CERT  1u
#define BODY_BYTES       (FEDL_IDENTITY_BYTES - FEDL_HASH_BYTES)

_Static_assert(FEDL_DEVICE_CERT_BYTES == FEDLI_CERT_BYTES, "one certificate, one size");

void fedl_identity_encode(uint8_t out[FEDL_IDENTITY_BYTES], const fedl_identity *identity,
                          const fedl_crypto *crypto)
{
    fedli_writer writer;
    memset(out, 0, FEDL_IDENTITY_BYTES);
    fedli_writer_init(&writer, out, BODY_BYTES);
    fedli_write_u32(&writer, IDENTITY_MAGIC);
    fedli_write_u16(&writer, identity->has_cert ? IDENTITY_VERSION : VERSION_NO_CERT);
    fedli_write_u16(&writer, 0);
    fedli_write_u32(&writer, identity->device_id);
    fedli_write_copy(&writer, identity->fleet_id, sizeof identity->fleet_id);
    fedli_write_copy(&writer, identity->id_secret, sizeof identity->id_secret);
    fedli_write_copy(&writer, identity->noise_secret, sizeof identity->noise_secret);
    fedli_write_copy(&writer, identity->server_noise_public, sizeof identity->server_noise_public);
    fedli_write_copy(&writer, identity->ca_public, sizeof identity->ca_public);
    fedli_write_copy(&writer, identity->server_round_public, sizeof identity->server_round_public);
    if (identity->has_cert) {
        fedli_write_copy(&writer, identity->cert, sizeof identity->cert);
    }
    fedl_digest(crypto, out + BODY_BYTES, out, BODY_BYTES);
}

fedl_status fedl_identity_decode(fedl_identity *identity, fedl_bytes bytes,
                                 const fedl_crypto *crypto)
{
    uint8_t digest[FEDL_HASH_BYTES];
    fedl_identity read;
    fedli_reader reader;
    if (bytes.size != FEDL_IDENTITY_BYTES || fedli_load_u32(bytes.data) != IDENTITY_MAGIC) {
        return FEDL_ERR_FORMAT;
    }
    fedl_digest(crypto, digest, bytes.data, BODY_BYTES);
    if (memcmp(digest, bytes.data + BODY_BYTES, sizeof digest) != 0) {
        return FEDL_ERR_CORRUPT;
    }
    memset(&read, 0, sizeof read);
    fedli_reader_init(&reader, fedl_bytes_of(bytes.data + 4, BODY_BYTES - 4));
    const uint16_t version = fedli_read_u16(&reader);
    if (version != IDENTITY_VERSION && version != VERSION_NO_CERT) {
        return FEDL_ERR_VERSION;
    }
    const uint16_t reserved = fedli_read_u16(&reader);
    read.device_id = fedli_read_u32(&reader);
    fedli_read_copy(&reader, read.fleet_id, sizeof read.fleet_id);
    fedli_read_copy(&reader, read.id_secret, sizeof read.id_secret);
    fedli_read_copy(&reader, read.noise_secret, sizeof read.noise_secret);
    fedli_read_copy(&reader, read.server_noise_public, sizeof read.server_noise_public);
    fedli_read_copy(&reader, read.ca_public, sizeof read.ca_public);
    fedli_read_copy(&reader, read.server_round_public, sizeof read.server_round_public);
    read.has_cert = version == IDENTITY_VERSION;
    if (read.has_cert) {
        fedli_read_copy(&reader, read.cert, sizeof read.cert);
    }
    const bool good = reserved == 0 && read.device_id >= 1;
    if (good) {
        *identity = read;
    }
    fedli_wipe(&read, sizeof read);
    return good ? FEDL_OK : FEDL_ERR_FORMAT;
}
