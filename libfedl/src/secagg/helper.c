/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. The seed is under the signature, the signature under the seal: who has no key of
 * the helper learns neither, and no other device can pass a seed on as its own. */
#include "secagg/helper.h"

#include "base/check.h"
#include "base/cursor.h"
#include "base/secret.h"
#include "secure/cert.h"
#include "secure/noise.h"
#include "secure/prologue.h"

#include <string.h>

#define CONTEXT       "fedl/seed/v1"
#define CONTEXT_BYTES (sizeof CONTEXT - 1)
#define SIGNED_BYTES  (32u + 32u + 4u + 4u + FEDLI_DEVICE_CERT_BYTES)
#define PAYLOAD_BYTES (SIGNED_BYTES + FEDL_SIGNATURE_BYTES)

_Static_assert(FEDLI_NOISE_X_OVERHEAD + PAYLOAD_BYTES == FEDLI_SEED_ITEM_BYTES,
               "a sealed seed has one size");

void fedli_helper_binding(const fedl_crypto *crypto, uint8_t rb[32], const fedli_attempt *attempt)
{
    uint8_t text[FEDLI_ATTEMPT_BYTES];
    fedli_writer writer;
    size_t size;
    fedli_writer_init(&writer, text, sizeof text);
    fedli_attempt_write(&writer, attempt);
    const fedl_status status = fedli_writer_end(&writer, &size);
    FEDLI_CHECK(status == FEDL_OK && size == sizeof text);
    fedli_hash(crypto, rb, "fedl.rndh.v1", text, sizeof text);
}

void fedli_seed_derive(const fedl_crypto *crypto, uint8_t seed[32], uint8_t ephemeral[32],
                       const uint8_t secret[32], const uint8_t rb[32])
{
    fedli_kdf(crypto, seed, secret, "fedl.hseed.v1", rb, 32);
    fedli_kdf(crypto, ephemeral, secret, "fedl.hephm.v1", rb, 32);
}

static void write_signed(uint8_t text[CONTEXT_BYTES + SIGNED_BYTES], const fedli_seed *seed)
{
    fedli_writer writer;
    size_t size;
    fedli_writer_init(&writer, text, CONTEXT_BYTES + SIGNED_BYTES);
    fedli_write_copy(&writer, CONTEXT, CONTEXT_BYTES);
    fedli_write_copy(&writer, seed->seed, 32);
    fedli_write_copy(&writer, seed->rb, 32);
    fedli_write_u32(&writer, seed->device_id);
    fedli_write_u32(&writer, seed->min_cohort);
    fedli_write_copy(&writer, seed->cert, sizeof seed->cert);
    const fedl_status status = fedli_writer_end(&writer, &size);
    FEDLI_CHECK(status == FEDL_OK && size == CONTEXT_BYTES + SIGNED_BYTES);
}

fedl_status fedli_seed_seal(const fedl_crypto *crypto, uint8_t out[FEDLI_SEED_ITEM_BYTES],
                            const fedli_seed *seed, const fedli_seed_keys *keys,
                            const uint8_t ephemeral[32])
{
    uint8_t text[CONTEXT_BYTES + PAYLOAD_BYTES];
    uint8_t prologue[FEDLI_PROLOGUE_BYTES_MAX];
    fedli_noise noise;
    size_t size = 0;
    write_signed(text, seed);
    crypto->sign(text + CONTEXT_BYTES + SIGNED_BYTES, text, CONTEXT_BYTES + SIGNED_BYTES,
                 keys->id_secret);
    fedl_status status = fedli_noise_init(&noise, crypto, FEDLI_NOISE_X, true,
                                          fedli_prologue_encode(prologue, keys->fleet_id),
                                          keys->noise_secret, keys->helper_public);
    if (status == FEDL_OK) {
        status = fedli_noise_write(&noise, out, FEDLI_SEED_ITEM_BYTES, &size,
                                   fedl_bytes_of(text + CONTEXT_BYTES, PAYLOAD_BYTES), ephemeral);
        fedli_noise_wipe(&noise);
    }
    fedli_wipe(text, sizeof text);
    return status;
}

/* Certificate, and the keys in it: which have signed, and sealed. */
static fedl_status check_sender(const fedl_crypto *crypto, const fedli_seed *seed,
                                const uint8_t signature[FEDL_SIGNATURE_BYTES],
                                const uint8_t sender[32], const uint8_t fleet_id[16],
                                const uint8_t ca_public[32], uint64_t now_s)
{
    uint8_t text[CONTEXT_BYTES + SIGNED_BYTES];
    fedl_cert cert;
    const fedl_status status = fedl_cert_open(
        &cert, crypto, fedl_bytes_of(seed->cert, sizeof seed->cert), ca_public, now_s);
    if (status != FEDL_OK) {
        return status == FEDL_ERR_EXPIRED ? FEDL_ERR_EXPIRED : FEDL_ERR_MISMATCH;
    }
    if (cert.role != FEDL_CERT_DEVICE || memcmp(cert.fleet_id, fleet_id, 16) != 0 ||
        cert.subject_id == 0 || cert.subject_id != seed->device_id) {
        return FEDL_ERR_MISMATCH;
    }
    write_signed(text, seed);
    const bool good = memcmp(cert.noise_public, sender, 32) == 0 &&
                      crypto->verify(signature, text, sizeof text, cert.id_public);
    fedli_wipe(text, sizeof text);
    return good ? FEDL_OK : FEDL_ERR_AUTH;
}

static fedl_status unseal(const fedl_crypto *crypto, uint8_t payload[PAYLOAD_BYTES],
                          uint8_t sender[32], const uint8_t item[FEDLI_SEED_ITEM_BYTES],
                          const uint8_t helper_secret[32], const uint8_t fleet_id[16])
{
    uint8_t prologue[FEDLI_PROLOGUE_BYTES_MAX];
    fedli_noise noise;
    size_t size = 0;
    fedl_status status =
        fedli_noise_init(&noise, crypto, FEDLI_NOISE_X, false,
                         fedli_prologue_encode(prologue, fleet_id), helper_secret, NULL);
    if (status != FEDL_OK) {
        return status;
    }
    status = fedli_noise_read(&noise, payload, PAYLOAD_BYTES, &size,
                              fedl_bytes_of(item, FEDLI_SEED_ITEM_BYTES));
    if (status == FEDL_OK) {
        memcpy(sender, fedli_noise_remote_static(&noise), 32);
    }
    fedli_noise_wipe(&noise);
    return status == FEDL_OK && size == PAYLOAD_BYTES ? FEDL_OK : FEDL_ERR_AUTH;
}

fedl_status fedli_seed_open(const fedl_crypto *crypto, fedli_seed *seed,
                            const uint8_t item[FEDLI_SEED_ITEM_BYTES],
                            const uint8_t helper_secret[32], const uint8_t fleet_id[16],
                            const uint8_t ca_public[32], uint64_t now_s)
{
    uint8_t payload[PAYLOAD_BYTES];
    uint8_t sender[32];
    uint8_t signature[FEDL_SIGNATURE_BYTES];
    fedli_reader reader;
    fedli_seed found;
    fedl_status status = unseal(crypto, payload, sender, item, helper_secret, fleet_id);
    if (status == FEDL_OK) {
        fedli_reader_init(&reader, fedl_bytes_of(payload, sizeof payload));
        fedli_read_copy(&reader, found.seed, sizeof found.seed);
        fedli_read_copy(&reader, found.rb, sizeof found.rb);
        found.device_id = fedli_read_u32(&reader);
        found.min_cohort = fedli_read_u32(&reader);
        fedli_read_copy(&reader, found.cert, sizeof found.cert);
        fedli_read_copy(&reader, signature, sizeof signature);
        FEDLI_CHECK(fedli_reader_end(&reader) == FEDL_OK); /* sizes are fixed */
        status = check_sender(crypto, &found, signature, sender, fleet_id, ca_public, now_s);
        if (status == FEDL_OK && found.min_cohort < FEDL_COHORT_MIN) {
            status = FEDL_ERR_RANGE;
        }
        if (status == FEDL_OK) {
            *seed = found;
        }
        fedli_wipe(&found, sizeof found);
    }
    fedli_wipe(payload, sizeof payload);
    return status;
}

fedl_status fedli_helper_cert_check(const fedl_crypto *crypto, uint8_t helper_public[32],
                                    const uint8_t cert[FEDLI_DEVICE_CERT_BYTES],
                                    const uint8_t ca_public[32], const uint8_t fleet_id[16],
                                    uint64_t now_s)
{
    fedl_cert found;
    const fedl_status status = fedl_cert_open(
        &found, crypto, fedl_bytes_of(cert, FEDLI_DEVICE_CERT_BYTES), ca_public, now_s);
    if (status != FEDL_OK) {
        return status == FEDL_ERR_EXPIRED ? FEDL_ERR_EXPIRED : FEDL_ERR_AUTH;
    }
    if (found.role != FEDL_CERT_HELPER || memcmp(found.fleet_id, fleet_id, 16) != 0 ||
        found.subject_id != 0) {
        return FEDL_ERR_AUTH;
    }
    memcpy(helper_public, found.noise_public, 32);
    return FEDL_OK;
}
