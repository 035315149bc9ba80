/* SPDX-License-Identifier: Apache-2.0 */
#include "secure/manifest.h"

#include "base/check.h"
#include "base/cursor.h"

#include <string.h>

#define SCHEMA         1u
#define CONTEXT        "fedl/manifest/v1"
#define CONTEXT_BYTES  (sizeof CONTEXT - 1)
#define RESERVED_BYTES 68u
#define BOUND_OFFSET   168u

void fedl_manifest_encode(uint8_t out[FEDLI_MANIFEST_BYTES], const fedl_manifest *manifest)
{
    static const uint8_t reserved[RESERVED_BYTES];
    fedli_writer writer;
    size_t size;
    fedli_writer_init(&writer, out, FEDLI_MANIFEST_BYTES);
    fedli_write_u16(&writer, SCHEMA);
    fedli_write_u8(&writer, (uint8_t)manifest->model_class);
    fedli_write_u8(&writer, 0);
    fedli_write_copy(&writer, manifest->fleet_id, 16);
    fedli_write_u32(&writer, manifest->task_id);
    fedli_write_u32(&writer, manifest->version);
    fedli_write_u32(&writer, manifest->round);
    fedli_write_copy(&writer, manifest->parent_digest, 32);
    fedli_write_copy(&writer, manifest->digest, 32);
    fedli_write_u64(&writer, manifest->container_bytes);
    fedli_write_copy(&writer, manifest->plan_digest, 32);
    fedli_write_u32(&writer, manifest->parameter_count);
    fedli_write_u32(&writer, manifest->security_counter);
    fedli_write_u32(&writer, manifest->library_version_min);
    fedli_write_u32(&writer, manifest->expires_round);
    fedli_write_u64(&writer, manifest->created_s);
    fedli_write_u64(&writer, manifest->expires_s);
    fedli_write_u32(&writer, manifest->bound_q16);
    fedli_write_copy(&writer, reserved, sizeof reserved);
    const fedl_status status = fedli_writer_end(&writer, &size);
    FEDLI_CHECK(status == FEDL_OK && size == FEDLI_MANIFEST_BYTES);
}

/* What is signed: the context, then the exact bytes. */
static void signed_text(uint8_t out[CONTEXT_BYTES + FEDLI_MANIFEST_BYTES], const uint8_t *bytes)
{
    memcpy(out, CONTEXT, CONTEXT_BYTES);
    memcpy(out + CONTEXT_BYTES, bytes, FEDLI_MANIFEST_BYTES);
}

void fedl_manifest_sign(const fedl_crypto *crypto, uint8_t signature[64],
                        const uint8_t bytes[FEDLI_MANIFEST_BYTES], const uint8_t secret[64])
{
    uint8_t text[CONTEXT_BYTES + FEDLI_MANIFEST_BYTES];
    signed_text(text, bytes);
    crypto->sign(signature, text, sizeof text, secret);
}

static bool all_zero(const uint8_t *data, size_t size)
{
    uint8_t any = 0;
    for (size_t i = 0; i < size; i++) {
        any |= data[i];
    }
    return any == 0;
}

static fedl_status parse(fedl_manifest *manifest, fedl_bytes bytes)
{
    fedl_manifest m;
    uint8_t reserved[RESERVED_BYTES];
    fedli_reader reader;
    memset(&m, 0, sizeof m);
    fedli_reader_init(&reader, bytes);
    if (fedli_read_u16(&reader) != SCHEMA) {
        return FEDL_ERR_VERSION;
    }
    const uint8_t model_class = fedli_read_u8(&reader);
    const uint8_t gap = fedli_read_u8(&reader);
    fedli_read_copy(&reader, m.fleet_id, 16);
    m.task_id = fedli_read_u32(&reader);
    m.version = fedli_read_u32(&reader);
    m.round = fedli_read_u32(&reader);
    fedli_read_copy(&reader, m.parent_digest, 32);
    fedli_read_copy(&reader, m.digest, 32);
    m.container_bytes = fedli_read_u64(&reader);
    fedli_read_copy(&reader, m.plan_digest, 32);
    m.parameter_count = fedli_read_u32(&reader);
    m.security_counter = fedli_read_u32(&reader);
    m.library_version_min = fedli_read_u32(&reader);
    m.expires_round = fedli_read_u32(&reader);
    m.created_s = fedli_read_u64(&reader);
    m.expires_s = fedli_read_u64(&reader);
    m.bound_q16 = fedli_read_u32(&reader);
    fedli_read_copy(&reader, reserved, sizeof reserved);
    if (fedli_reader_end(&reader) != FEDL_OK || model_class != FEDL_MODEL_TRAIN_ONLY || gap != 0 ||
        !all_zero(reserved, sizeof reserved)) {
        return FEDL_ERR_FORMAT;
    }
    m.model_class = FEDL_MODEL_TRAIN_ONLY;
    *manifest = m;
    return FEDL_OK;
}

fedl_status fedl_manifest_open(fedl_manifest *manifest, const fedl_crypto *crypto, fedl_bytes bytes,
                               const uint8_t signature[64], const uint8_t signer_public[32])
{
    uint8_t text[CONTEXT_BYTES + FEDLI_MANIFEST_BYTES];
    if (bytes.size != FEDLI_MANIFEST_BYTES) {
        return FEDL_ERR_FORMAT;
    }
    signed_text(text, bytes.data);
    if (!crypto->verify(signature, text, sizeof text, signer_public)) {
        return FEDL_ERR_AUTH;
    }
    return parse(manifest, bytes);
}

uint32_t fedl_manifest_bound_q16(const uint8_t bytes[FEDLI_MANIFEST_BYTES])
{
    return fedli_load_u32(bytes + BOUND_OFFSET);
}

bool fedl_manifest_expired(const fedl_manifest *manifest, uint64_t now_s, uint32_t round)
{
    const bool by_time = manifest->expires_s != 0 && now_s > manifest->expires_s;
    const bool by_round = manifest->expires_round != 0 && round > manifest->expires_round;
    return by_time || by_round;
}
