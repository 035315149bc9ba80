/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "helper/helper_request.h"

#include "base/check.h"
#include "base/cursor.h"

#include <string.h>

#define SCHEMA   1u
#define PERSONAL "fedl.hreq.v1"

const char *fedl_helper_answer_text(fedl_helper_answer answer)
{
    switch (answer) {
#define ANSWER_TEXT(name, value, text)                                                             \
    case FEDL_HELPER_##name:                                                                       \
        return text;
        FEDL_HELPER_ANSWER_MAP(ANSWER_TEXT)
#undef ANSWER_TEXT
    }
    return "unknown";
}

void fedl_helper_request_write(uint8_t *out, const fedl_crypto *crypto,
                               const fedl_helper_request *request)
{
    const fedli_attempt *attempt = &request->attempt;
    const size_t hashed = fedl_helper_request_bytes(request->count) - FEDL_HELPER_HASH_BYTES;
    fedli_writer writer;
    size_t size;
    fedli_writer_init(&writer, out, FEDL_HELPER_HEAD_BYTES);
    fedli_write_u16(&writer, SCHEMA);
    fedli_write_u16(&writer, 0);
    fedli_write_copy(&writer, attempt->fleet_id, sizeof attempt->fleet_id);
    fedli_write_u32(&writer, attempt->task_id);
    fedli_write_u32(&writer, attempt->round);
    fedli_write_u32(&writer, attempt->attempt);
    fedli_write_u32(&writer, attempt->version);
    fedli_write_copy(&writer, attempt->model_digest, sizeof attempt->model_digest);
    fedli_write_copy(&writer, attempt->plan_digest, sizeof attempt->plan_digest);
    fedli_write_u32(&writer, request->shape.ring_bits);
    fedli_write_u32(&writer, (uint32_t)request->shape.body_bytes);
    fedli_write_u32(&writer, request->count);
    const fedl_status status = fedli_writer_end(&writer, &size);
    FEDLI_CHECK(status == FEDL_OK && size == FEDL_HELPER_HEAD_BYTES);
    fedli_hash(crypto, out + hashed, PERSONAL, out, hashed);
}

static bool is_shape(const fedli_mask_shape *shape)
{
    return (shape->ring_bits == 8 || shape->ring_bits == 16 || shape->ring_bits == 24 ||
            shape->ring_bits == 32) &&
           shape->body_bytes >= FEDLI_PRG_BLOCK_BYTES &&
           shape->body_bytes % FEDLI_PRG_BLOCK_BYTES == 0 &&
           shape->body_bytes <= FEDL_HELPER_VECTOR_BYTES_MAX - FEDLI_PRG_BLOCK_BYTES;
}

static fedl_status read_head(fedl_helper_request *request, fedl_bytes bytes)
{
    fedli_attempt *attempt = &request->attempt;
    fedli_reader reader;
    fedli_reader_init(&reader, fedl_bytes_of(bytes.data, FEDL_HELPER_HEAD_BYTES));
    const uint16_t schema = fedli_read_u16(&reader);
    const uint16_t gap = fedli_read_u16(&reader);
    fedli_read_copy(&reader, attempt->fleet_id, sizeof attempt->fleet_id);
    attempt->task_id = fedli_read_u32(&reader);
    attempt->round = fedli_read_u32(&reader);
    attempt->attempt = fedli_read_u32(&reader);
    attempt->version = fedli_read_u32(&reader);
    fedli_read_copy(&reader, attempt->model_digest, sizeof attempt->model_digest);
    fedli_read_copy(&reader, attempt->plan_digest, sizeof attempt->plan_digest);
    request->shape.ring_bits = fedli_read_u32(&reader);
    request->shape.body_bytes = fedli_read_u32(&reader);
    request->shape.vector_bytes = request->shape.body_bytes + FEDLI_PRG_BLOCK_BYTES;
    request->count = fedli_read_u32(&reader);
    const bool good = fedli_reader_end(&reader) == FEDL_OK && schema == SCHEMA && gap == 0 &&
                      attempt->task_id != 0 && attempt->round != 0 && attempt->attempt != 0 &&
                      is_shape(&request->shape) && request->count <= FEDL_COHORT_MAX;
    return good ? FEDL_OK : FEDL_ERR_FORMAT;
}

fedl_status fedl_helper_request_read(fedl_helper_request *request, const fedl_crypto *crypto,
                                     fedl_bytes bytes)
{
    fedl_helper_request found;
    memset(&found, 0, sizeof found);
    if (bytes.size < fedl_helper_request_bytes(0)) {
        return FEDL_ERR_FORMAT;
    }
    if (read_head(&found, bytes) != FEDL_OK ||
        bytes.size != fedl_helper_request_bytes(found.count)) {
        return FEDL_ERR_FORMAT;
    }
    const size_t hashed = bytes.size - FEDL_HELPER_HASH_BYTES;
    fedli_hash(crypto, found.hash, PERSONAL, bytes.data, hashed);
    if (memcmp(found.hash, bytes.data + hashed, sizeof found.hash) != 0) {
        return FEDL_ERR_CORRUPT;
    }
    found.entries = bytes.data + FEDL_HELPER_HEAD_BYTES;
    for (uint32_t i = 0; i < found.count; i++) {
        if (fedl_helper_entry_id(&found, i) == 0) {
            return FEDL_ERR_FORMAT;
        }
    }
    *request = found;
    return FEDL_OK;
}

void fedl_helper_reply_write(uint8_t out[FEDL_HELPER_REPLY_HEAD_BYTES], fedl_helper_answer answer,
                             uint32_t accused, const uint8_t hash[FEDL_HELPER_HASH_BYTES])
{
    fedli_store_u16(out, SCHEMA);
    fedli_store_u16(out + 2, (uint16_t)answer);
    fedli_store_u32(out + 4, accused);
    memcpy(out + 8, hash, FEDL_HELPER_HASH_BYTES);
}

static bool is_answer(uint16_t value)
{
    return value >= FEDL_HELPER_SUM && value <= FEDL_HELPER_FULL;
}

fedl_status fedl_helper_reply_read(fedl_helper_answer *answer, uint32_t *accused,
                                   fedl_bytes *vector, fedl_bytes reply,
                                   const uint8_t hash[FEDL_HELPER_HASH_BYTES], size_t vector_bytes)
{
    if (reply.size < FEDL_HELPER_REPLY_HEAD_BYTES || fedli_load_u16(reply.data) != SCHEMA ||
        !is_answer(fedli_load_u16(reply.data + 2))) {
        return FEDL_ERR_FORMAT;
    }
    const fedl_helper_answer found = (fedl_helper_answer)fedli_load_u16(reply.data + 2);
    const size_t left = reply.size - FEDL_HELPER_REPLY_HEAD_BYTES;
    if (left != (found == FEDL_HELPER_SUM ? vector_bytes : 0)) {
        return FEDL_ERR_FORMAT;
    }
    if (memcmp(reply.data + 8, hash, FEDL_HELPER_HASH_BYTES) != 0) {
        return FEDL_ERR_MISMATCH;
    }
    *answer = found;
    *accused = fedli_load_u32(reply.data + 4);
    *vector = fedl_bytes_of(reply.data + FEDL_HELPER_REPLY_HEAD_BYTES, left);
    return FEDL_OK;
}
