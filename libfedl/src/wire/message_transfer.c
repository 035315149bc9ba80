/* SPDX-License-Identifier: Apache-2.0 */
/* Moving models down and vectors up, in chunks: FETCH, CHUNK, UPLOAD, ACCEPTED. */
#include "wire/message_codec.h"

#include "fedl/v1/fedl.pb-c.h"

#define UPLOAD_GRAIN_BYTES 64u /* keystream block: offsets and sizes of a vector's parts */

/* Is [offset, offset + size) a non-empty part of total bytes, and total within the limit? */
static bool part_fits(uint64_t offset, size_t size, uint64_t total_bytes)
{
    return total_bytes <= FEDLI_TRANSFER_BYTES_MAX && size >= 1 && size <= FEDLI_CHUNK_BYTES_MAX &&
           offset < total_bytes && size <= total_bytes - offset;
}

/* ---- FETCH ---- */

static fedl_status fetch_check(const fedl_message_fetch *fetch)
{
    const bool good = fetch->task_id >= 1 && fetch->offset <= FEDLI_TRANSFER_BYTES_MAX &&
                      fetch->bytes_max >= FEDLI_CHUNK_BYTES_MIN &&
                      fetch->bytes_max <= FEDLI_CHUNK_BYTES_MAX;
    return good ? FEDL_OK : FEDL_ERR_RANGE;
}

static fedl_status fetch_to_pb(ProtobufCMessage **out, const fedl_message *message,
                               fedli_pb_arena *arena)
{
    const fedl_message_fetch *fetch = &message->u.fetch;
    const fedl_status status = fetch_check(fetch);
    if (status != FEDL_OK) {
        return status;
    }
    Fedl__V1__Fetch *pb = (Fedl__V1__Fetch *)fedli_pb_arena_take(arena, sizeof *pb);
    if (pb == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedl__v1__fetch__init(pb);
    pb->task_id = fetch->task_id;
    pb->digest = fedli_pb_borrow(fetch->digest, sizeof fetch->digest);
    pb->offset = fetch->offset;
    pb->bytes_max = fetch->bytes_max;
    *out = &pb->base;
    return FEDL_OK;
}

static fedl_status fetch_from_pb(fedl_message *message, const ProtobufCMessage *base)
{
    const Fedl__V1__Fetch *pb = (const Fedl__V1__Fetch *)base;
    fedl_message_fetch *fetch = &message->u.fetch;
    const fedl_status status = fedli_pb_copy(fetch->digest, sizeof fetch->digest, pb->digest);
    if (status != FEDL_OK) {
        return status;
    }
    fetch->task_id = pb->task_id;
    fetch->offset = pb->offset;
    fetch->bytes_max = pb->bytes_max;
    return fetch_check(fetch);
}

/* ---- CHUNK ---- */

static fedl_status chunk_check(const fedl_message_chunk *chunk)
{
    return part_fits(chunk->offset, chunk->payload.size, chunk->total_bytes) ? FEDL_OK
                                                                             : FEDL_ERR_RANGE;
}

static fedl_status chunk_to_pb(ProtobufCMessage **out, const fedl_message *message,
                               fedli_pb_arena *arena)
{
    const fedl_message_chunk *chunk = &message->u.chunk;
    const fedl_status status = chunk_check(chunk);
    if (status != FEDL_OK) {
        return status;
    }
    Fedl__V1__Chunk *pb = (Fedl__V1__Chunk *)fedli_pb_arena_take(arena, sizeof *pb);
    if (pb == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedl__v1__chunk__init(pb);
    pb->offset = chunk->offset;
    pb->total_bytes = chunk->total_bytes;
    *out = &pb->base;
    return FEDL_OK;
}

static fedl_status chunk_from_pb(fedl_message *message, const ProtobufCMessage *base)
{
    const Fedl__V1__Chunk *pb = (const Fedl__V1__Chunk *)base;
    fedl_message_chunk *chunk = &message->u.chunk;
    chunk->offset = pb->offset;
    chunk->total_bytes = pb->total_bytes;
    return chunk_check(chunk);
}

/* ---- UPLOAD ---- */

static fedl_status upload_check(const fedl_message_upload *upload)
{
    const bool good = upload->task_id >= 1 && upload->round >= 1 && upload->attempt >= 1 &&
                      upload->offset % UPLOAD_GRAIN_BYTES == 0 &&
                      upload->total_bytes % UPLOAD_GRAIN_BYTES == 0 &&
                      upload->payload.size % UPLOAD_GRAIN_BYTES == 0 &&
                      part_fits(upload->offset, upload->payload.size, upload->total_bytes);
    return good ? FEDL_OK : FEDL_ERR_RANGE;
}

static fedl_status upload_to_pb(ProtobufCMessage **out, const fedl_message *message,
                                fedli_pb_arena *arena)
{
    const fedl_message_upload *upload = &message->u.upload;
    const fedl_status status = upload_check(upload);
    if (status != FEDL_OK) {
        return status;
    }
    Fedl__V1__Upload *pb = (Fedl__V1__Upload *)fedli_pb_arena_take(arena, sizeof *pb);
    if (pb == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedl__v1__upload__init(pb);
    pb->task_id = upload->task_id;
    pb->round = upload->round;
    pb->attempt = upload->attempt;
    pb->offset = upload->offset;
    pb->total_bytes = upload->total_bytes;
    pb->digest = fedli_pb_borrow(upload->digest, sizeof upload->digest);
    *out = &pb->base;
    return FEDL_OK;
}

static fedl_status upload_from_pb(fedl_message *message, const ProtobufCMessage *base)
{
    const Fedl__V1__Upload *pb = (const Fedl__V1__Upload *)base;
    fedl_message_upload *upload = &message->u.upload;
    const fedl_status status = fedli_pb_copy(upload->digest, sizeof upload->digest, pb->digest);
    if (status != FEDL_OK) {
        return status;
    }
    upload->task_id = pb->task_id;
    upload->round = pb->round;
    upload->attempt = pb->attempt;
    upload->offset = pb->offset;
    upload->total_bytes = pb->total_bytes;
    return upload_check(upload);
}

/* ---- ACCEPTED ---- */

static fedl_status accepted_check(const fedl_message_accepted *accepted)
{
    return accepted->next_offset <= FEDLI_TRANSFER_BYTES_MAX ? FEDL_OK : FEDL_ERR_RANGE;
}

static fedl_status accepted_to_pb(ProtobufCMessage **out, const fedl_message *message,
                                  fedli_pb_arena *arena)
{
    const fedl_message_accepted *accepted = &message->u.accepted;
    const fedl_status status = accepted_check(accepted);
    if (status != FEDL_OK) {
        return status;
    }
    Fedl__V1__Accepted *pb = (Fedl__V1__Accepted *)fedli_pb_arena_take(arena, sizeof *pb);
    if (pb == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedl__v1__accepted__init(pb);
    pb->next_offset = accepted->next_offset;
    pb->complete = accepted->complete;
    *out = &pb->base;
    return FEDL_OK;
}

static fedl_status accepted_from_pb(fedl_message *message, const ProtobufCMessage *base)
{
    const Fedl__V1__Accepted *pb = (const Fedl__V1__Accepted *)base;
    fedl_message_accepted *accepted = &message->u.accepted;
    accepted->next_offset = pb->next_offset;
    accepted->complete = pb->complete != 0;
    return accepted_check(accepted);
}

const fedli_message_codec fedli_codec_fetch = {&fedl__v1__fetch__descriptor, fetch_to_pb,
                                               fetch_from_pb};
const fedli_message_codec fedli_codec_chunk = {&fedl__v1__chunk__descriptor, chunk_to_pb,
                                               chunk_from_pb};
const fedli_message_codec fedli_codec_upload = {&fedl__v1__upload__descriptor, upload_to_pb,
                                                upload_from_pb};
const fedli_message_codec fedli_codec_accepted = {&fedl__v1__accepted__descriptor, accepted_to_pb,
                                                  accepted_from_pb};
