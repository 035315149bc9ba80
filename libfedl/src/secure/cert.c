/* SPDX-License-Identifier: Apache-2.0 */
#include "secure/cert.h"

#include "base/check.h"
#include "base/cursor.h"

#include <string.h>

#define SCHEMA         1u
#define CONTEXT        "fedl/cert/v1"
#define CONTEXT_BYTES  (sizeof CONTEXT - 1)
#define BODY_BYTES     (FEDLI_CERT_BYTES - FEDL_SIGNATURE_BYTES)
#define RESERVED_BYTES 12u
#define NOT_AFTER_AT   92u /* in the body */

static void signed_text(uint8_t out[CONTEXT_BYTES + BODY_BYTES], const uint8_t body[BODY_BYTES])
{
    memcpy(out, CONTEXT, CONTEXT_BYTES);
    memcpy(out + CONTEXT_BYTES, body, BODY_BYTES);
}

void fedl_cert_issue(const fedl_crypto *crypto, uint8_t out[FEDLI_CERT_BYTES],
                     const fedl_cert *cert, const uint8_t ca_secret[64])
{
    static const uint8_t reserved[RESERVED_BYTES];
    uint8_t text[CONTEXT_BYTES + BODY_BYTES];
    fedli_writer writer;
    size_t size;
    fedli_writer_init(&writer, out, BODY_BYTES);
    fedli_write_u16(&writer, SCHEMA);
    fedli_write_u8(&writer, (uint8_t)cert->role);
    fedli_write_u8(&writer, 0);
    fedli_write_copy(&writer, cert->fleet_id, 16);
    fedli_write_u32(&writer, cert->subject_id);
    fedli_write_u32(&writer, cert->serial);
    fedli_write_copy(&writer, cert->id_public, 32);
    fedli_write_copy(&writer, cert->noise_public, 32);
    fedli_write_u64(&writer, cert->not_after_s);
    fedli_write_copy(&writer, reserved, sizeof reserved);
    const fedl_status status = fedli_writer_end(&writer, &size);
    FEDLI_CHECK(status == FEDL_OK && size == BODY_BYTES);
    if (ca_secret == NULL) {
        memset(out + BODY_BYTES, 0, FEDL_SIGNATURE_BYTES);
        return;
    }
    signed_text(text, out);
    crypto->sign(out + BODY_BYTES, text, sizeof text, ca_secret);
}

static bool is_role(uint8_t role)
{
    return role == FEDL_CERT_DEVICE || role == FEDL_CERT_ROUND || role == FEDL_CERT_HELPER;
}

static fedl_status parse(fedl_cert *cert, fedl_bytes body)
{
    static const uint8_t zeros[RESERVED_BYTES];
    uint8_t reserved[RESERVED_BYTES];
    fedli_reader reader;
    memset(cert, 0, sizeof *cert);
    fedli_reader_init(&reader, body);
    if (fedli_read_u16(&reader) != SCHEMA) {
        return FEDL_ERR_VERSION;
    }
    const uint8_t role = fedli_read_u8(&reader);
    const uint8_t gap = fedli_read_u8(&reader);
    fedli_read_copy(&reader, cert->fleet_id, 16);
    cert->subject_id = fedli_read_u32(&reader);
    cert->serial = fedli_read_u32(&reader);
    fedli_read_copy(&reader, cert->id_public, 32);
    fedli_read_copy(&reader, cert->noise_public, 32);
    cert->not_after_s = fedli_read_u64(&reader);
    fedli_read_copy(&reader, reserved, sizeof reserved);
    if (fedli_reader_end(&reader) != FEDL_OK || !is_role(role) || gap != 0 ||
        memcmp(reserved, zeros, sizeof zeros) != 0) {
        return FEDL_ERR_FORMAT;
    }
    cert->role = (fedl_cert_role)role;
    return FEDL_OK;
}

fedl_status fedl_cert_open(fedl_cert *cert, const fedl_crypto *crypto, fedl_bytes bytes,
                           const uint8_t ca_public[32], uint64_t now_s)
{
    uint8_t text[CONTEXT_BYTES + BODY_BYTES];
    fedl_cert found;
    if (bytes.size != FEDLI_CERT_BYTES) {
        return FEDL_ERR_FORMAT;
    }
    signed_text(text, bytes.data);
    if (!crypto->verify(bytes.data + BODY_BYTES, text, sizeof text, ca_public)) {
        return FEDL_ERR_AUTH;
    }
    const fedl_status status = parse(&found, fedl_bytes_of(bytes.data, BODY_BYTES));
    if (status != FEDL_OK) {
        return status;
    }
    if (now_s != 0 && found.not_after_s != 0 && now_s > found.not_after_s) {
        return FEDL_ERR_EXPIRED;
    }
    *cert = found;
    return FEDL_OK;
}

uint64_t fedl_cert_not_after_s(const uint8_t bytes[FEDLI_CERT_BYTES])
{
    return fedli_load_u64(bytes + NOT_AFTER_AT);
}
