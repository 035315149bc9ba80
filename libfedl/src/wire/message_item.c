/* SPDX-License-Identifier: Apache-2.0 */
/* Items of a masked round, in parts: PUT, GET, PART. What is in an item is checked by secagg. */
#include "wire/message_codec.h"

#include "fedl/v1/fedl.pb-c.h"

static bool item_goes_up(uint32_t item)
{
    return item >= FEDL_ITEM_READY && item <= FEDL_ITEM_SEED;
}

static bool item_comes_down(uint32_t item)
{
    return item >= FEDL_ITEM_ROSTER && item <= FEDL_ITEM_HELPER;
}

static bool part_fits(uint64_t offset, size_t size, uint64_t total_bytes)
{
    return total_bytes <= FEDLI_TRANSFER_BYTES_MAX && size >= 1 && size <= FEDLI_CHUNK_BYTES_MAX &&
           offset < total_bytes && size <= total_bytes - offset;
}

/* ---- PUT ---- */

static fedl_status put_check(const fedl_message_put *put)
{
    const bool good = put->task_id >= 1 && put->round >= 1 && put->attempt >= 1 &&
                      item_goes_up((uint32_t)put->item) &&
                      part_fits(put->offset, put->payload.size, put->total_bytes);
    return good ? FEDL_OK : FEDL_ERR_RANGE;
}

static fedl_status put_to_pb(ProtobufCMessage **out, const fedl_message *message,
                             fedli_pb_arena *arena)
{
    const fedl_message_put *put = &message->u.put;
    const fedl_status status = put_check(put);
    if (status != FEDL_OK) {
        return status;
    }
    Fedl__V1__Put *pb = (Fedl__V1__Put *)fedli_pb_arena_take(arena, sizeof *pb);
    if (pb == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedl__v1__put__init(pb);
    pb->task_id = put->task_id;
    pb->round = put->round;
    pb->attempt = put->attempt;
    pb->item = (Fedl__V1__GroupItem)put->item;
    pb->offset = put->offset;
    pb->total_bytes = put->total_bytes;
    *out = &pb->base;
    return FEDL_OK;
}

static fedl_status put_from_pb(fedl_message *message, const ProtobufCMessage *base)
{
    const Fedl__V1__Put *pb = (const Fedl__V1__Put *)base;
    fedl_message_put *put = &message->u.put;
    if (!item_goes_up((uint32_t)pb->item)) {
        return FEDL_ERR_RANGE;
    }
    put->task_id = pb->task_id;
    put->round = pb->round;
    put->attempt = pb->attempt;
    put->item = (fedl_group_item)pb->item;
    put->offset = pb->offset;
    put->total_bytes = pb->total_bytes;
    return put_check(put);
}

/* ---- GET ---- */

static fedl_status get_check(const fedl_message_get *get)
{
    const bool good =
        get->task_id >= 1 && get->round >= 1 && get->attempt >= 1 &&
        item_comes_down((uint32_t)get->item) && get->offset <= FEDLI_TRANSFER_BYTES_MAX &&
        get->bytes_max >= FEDLI_CHUNK_BYTES_MIN && get->bytes_max <= FEDLI_CHUNK_BYTES_MAX &&
        get->wait_ms_max <= FEDLI_WAIT_MS_MAX;
    return good ? FEDL_OK : FEDL_ERR_RANGE;
}

static fedl_status get_to_pb(ProtobufCMessage **out, const fedl_message *message,
                             fedli_pb_arena *arena)
{
    const fedl_message_get *get = &message->u.get;
    const fedl_status status = get_check(get);
    if (status != FEDL_OK) {
        return status;
    }
    Fedl__V1__Get *pb = (Fedl__V1__Get *)fedli_pb_arena_take(arena, sizeof *pb);
    if (pb == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedl__v1__get__init(pb);
    pb->task_id = get->task_id;
    pb->round = get->round;
    pb->attempt = get->attempt;
    pb->item = (Fedl__V1__GroupItem)get->item;
    pb->offset = get->offset;
    pb->bytes_max = get->bytes_max;
    pb->wait_ms_max = get->wait_ms_max;
    *out = &pb->base;
    return FEDL_OK;
}

static fedl_status get_from_pb(fedl_message *message, const ProtobufCMessage *base)
{
    const Fedl__V1__Get *pb = (const Fedl__V1__Get *)base;
    fedl_message_get *get = &message->u.get;
    if (!item_comes_down((uint32_t)pb->item)) {
        return FEDL_ERR_RANGE;
    }
    get->task_id = pb->task_id;
    get->round = pb->round;
    get->attempt = pb->attempt;
    get->item = (fedl_group_item)pb->item;
    get->offset = pb->offset;
    get->bytes_max = pb->bytes_max;
    get->wait_ms_max = pb->wait_ms_max;
    return get_check(get);
}

/* ---- PART ---- */

static fedl_status part_check(const fedl_message_part *part)
{
    const bool not_yet = part->total_bytes == 0 && part->offset == 0 && part->payload.size == 0;
    const bool good = item_comes_down((uint32_t)part->item) &&
                      (not_yet || part_fits(part->offset, part->payload.size, part->total_bytes));
    return good ? FEDL_OK : FEDL_ERR_RANGE;
}

static fedl_status part_to_pb(ProtobufCMessage **out, const fedl_message *message,
                              fedli_pb_arena *arena)
{
    const fedl_message_part *part = &message->u.part;
    const fedl_status status = part_check(part);
    if (status != FEDL_OK) {
        return status;
    }
    Fedl__V1__Part *pb = (Fedl__V1__Part *)fedli_pb_arena_take(arena, sizeof *pb);
    if (pb == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedl__v1__part__init(pb);
    pb->item = (Fedl__V1__GroupItem)part->item;
    pb->offset = part->offset;
    pb->total_bytes = part->total_bytes;
    *out = &pb->base;
    return FEDL_OK;
}

static fedl_status part_from_pb(fedl_message *message, const ProtobufCMessage *base)
{
    const Fedl__V1__Part *pb = (const Fedl__V1__Part *)base;
    fedl_message_part *part = &message->u.part;
    if (!item_comes_down((uint32_t)pb->item)) {
        return FEDL_ERR_RANGE;
    }
    part->item = (fedl_group_item)pb->item;
    part->offset = pb->offset;
    part->total_bytes = pb->total_bytes;
    return part_check(part);
}

const fedli_message_codec fedli_codec_put = {&fedl__v1__put__descriptor, put_to_pb, put_from_pb};
const fedli_message_codec fedli_codec_get = {&fedl__v1__get__descriptor, get_to_pb, get_from_pb};
const fedli_message_codec fedli_codec_part = {&fedl__v1__part__descriptor, part_to_pb,
                                              part_from_pb};
