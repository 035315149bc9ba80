/* SPDX-License-Identifier: Apache-2.0 */
#include "secagg/epoch.h"

#include "base/check.h"
#include "base/cursor.h"
#include "secure/cert.h"

#include <string.h>

#define SCHEMA        1u
#define CONTEXT       "fedl/epoch/v1"
#define CONTEXT_BYTES (sizeof CONTEXT - 1)
#define BODY_BYTES    (FEDLI_EPOCH_CERT_BYTES - FEDL_SIGNATURE_BYTES)

_Static_assert(FEDLI_CERT_BYTES == FEDLI_DEVICE_CERT_BYTES, "items carry device certificates");

static void signed_text(uint8_t out[CONTEXT_BYTES + BODY_BYTES], const uint8_t body[BODY_BYTES])
{
    memcpy(out, CONTEXT, CONTEXT_BYTES);
    memcpy(out + CONTEXT_BYTES, body, BODY_BYTES);
}

void fedli_epoch_cert_issue(const fedl_crypto *crypto, uint8_t out[FEDLI_EPOCH_CERT_BYTES],
                            const fedli_epoch_cert *cert, const uint8_t id_secret[64])
{
    uint8_t text[CONTEXT_BYTES + BODY_BYTES];
    fedli_writer writer;
    size_t size;
    fedli_writer_init(&writer, out, BODY_BYTES);
    fedli_write_u16(&writer, SCHEMA);
    fedli_write_u16(&writer, 0);
    fedli_write_copy(&writer, cert->fleet_id, 16);
    fedli_write_u32(&writer, cert->device_id);
    fedli_write_u32(&writer, cert->task_id);
    fedli_write_u32(&writer, cert->epoch);
    fedli_write_u32(&writer, cert->round_lo);
    fedli_write_u32(&writer, cert->round_hi);
    fedli_write_copy(&writer, cert->epoch_public, 32);
    const fedl_status status = fedli_writer_end(&writer, &size);
    FEDLI_CHECK(status == FEDL_OK && size == BODY_BYTES);
    signed_text(text, out);
    crypto->sign(out + BODY_BYTES, text, sizeof text, id_secret);
}

static bool in_range(const fedli_epoch_cert *cert)
{
    return cert->device_id != 0 && cert->task_id != 0 && cert->round_lo != 0 &&
           cert->epoch == cert->round_lo && cert->round_hi >= cert->round_lo &&
           cert->round_hi - cert->round_lo < FEDL_EPOCH_ROUNDS_MAX;
}

fedl_status fedli_epoch_cert_open(fedli_epoch_cert *cert, const fedl_crypto *crypto,
                                  const uint8_t bytes[FEDLI_EPOCH_CERT_BYTES],
                                  const uint8_t id_public[32])
{
    uint8_t text[CONTEXT_BYTES + BODY_BYTES];
    fedli_epoch_cert found;
    fedli_reader reader;
    signed_text(text, bytes);
    if (!crypto->verify(bytes + BODY_BYTES, text, sizeof text, id_public)) {
        return FEDL_ERR_AUTH;
    }
    memset(&found, 0, sizeof found);
    fedli_reader_init(&reader, fedl_bytes_of(bytes, BODY_BYTES));
    if (fedli_read_u16(&reader) != SCHEMA) {
        return FEDL_ERR_VERSION;
    }
    const uint16_t reserved = fedli_read_u16(&reader);
    fedli_read_copy(&reader, found.fleet_id, 16);
    found.device_id = fedli_read_u32(&reader);
    found.task_id = fedli_read_u32(&reader);
    found.epoch = fedli_read_u32(&reader);
    found.round_lo = fedli_read_u32(&reader);
    found.round_hi = fedli_read_u32(&reader);
    fedli_read_copy(&reader, found.epoch_public, 32);
    if (fedli_reader_end(&reader) != FEDL_OK || reserved != 0 || !in_range(&found)) {
        return FEDL_ERR_FORMAT;
    }
    *cert = found;
    return FEDL_OK;
}

static bool device_fits(const fedl_cert *cert, const fedli_roster_entry *entry,
                        const uint8_t fleet_id[16])
{
    return cert->role == FEDL_CERT_DEVICE && memcmp(cert->fleet_id, fleet_id, 16) == 0 &&
           cert->subject_id == entry->device_id &&
           memcmp(cert->id_public, entry->id_public, 32) == 0;
}

static bool epoch_fits(const fedli_epoch_cert *cert, const fedli_roster_entry *entry,
                       const uint8_t fleet_id[16], uint32_t task_id, uint32_t round)
{
    return memcmp(cert->fleet_id, fleet_id, 16) == 0 && cert->device_id == entry->device_id &&
           cert->task_id == task_id && cert->epoch == entry->epoch &&
           memcmp(cert->epoch_public, entry->epoch_public, 32) == 0 && round >= cert->round_lo &&
           round <= cert->round_hi;
}

fedl_status fedli_peer_check(const fedl_crypto *crypto, fedli_epoch_cert *cert,
                             const fedli_roster_entry *entry,
                             const uint8_t certs[FEDLI_CERT_PAIR_BYTES],
                             const uint8_t ca_public[32], const uint8_t fleet_id[16],
                             uint32_t task_id, uint32_t round, uint64_t now_s)
{
    fedl_cert device;
    fedli_epoch_cert epoch;
    const fedl_status status = fedl_cert_open(
        &device, crypto, fedl_bytes_of(certs, FEDLI_DEVICE_CERT_BYTES), ca_public, now_s);
    if (status != FEDL_OK) {
        return status == FEDL_ERR_EXPIRED ? FEDL_ERR_EXPIRED : FEDL_ERR_AUTH;
    }
    if (!device_fits(&device, entry, fleet_id)) {
        return FEDL_ERR_AUTH;
    }
    if (fedli_epoch_cert_open(&epoch, crypto, certs + FEDLI_DEVICE_CERT_BYTES, device.id_public) !=
            FEDL_OK ||
        !epoch_fits(&epoch, entry, fleet_id, task_id, round)) {
        return FEDL_ERR_MISMATCH;
    }
    *cert = epoch;
    return FEDL_OK;
}
