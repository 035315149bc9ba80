/* SPDX-License-Identifier: Apache-2.0 */
/* Asking for work and the three answers: CHECKIN, TASK, WAIT, REJECT. */
#include "wire/message_codec.h"

#include "fedl/v1/fedl.pb-c.h"

/* ---- CHECKIN ---- */

static fedl_status checkin_check(const fedl_message_checkin *checkin)
{
    uint8_t any = 0;
    for (size_t i = 0; i < sizeof checkin->have_digest; i++) {
        any |= checkin->have_digest[i];
    }
    const bool good =
        checkin->protocol_min >= 1 && checkin->protocol_min <= checkin->protocol_max &&
        checkin->wait_ms_max <= FEDLI_WAIT_MS_MAX && (checkin->have_task_id != 0 || any == 0);
    return good ? FEDL_OK : FEDL_ERR_RANGE;
}

static fedl_status checkin_to_pb(ProtobufCMessage **out, const fedl_message *message,
                                 fedli_pb_arena *arena)
{
    const fedl_message_checkin *checkin = &message->u.checkin;
    const fedl_status status = checkin_check(checkin);
    if (status != FEDL_OK) {
        return status;
    }
    Fedl__V1__Checkin *pb = (Fedl__V1__Checkin *)fedli_pb_arena_take(arena, sizeof *pb);
    if (pb == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedl__v1__checkin__init(pb);
    pb->protocol_min = checkin->protocol_min;
    pb->protocol_max = checkin->protocol_max;
    pb->library_version = checkin->library_version;
    pb->memory_bytes_max = checkin->memory_bytes_max;
    pb->wait_ms_max = checkin->wait_ms_max;
    pb->have_task_id = checkin->have_task_id;
    if (checkin->have_task_id != 0) {
        pb->have_digest = fedli_pb_borrow(checkin->have_digest, sizeof checkin->have_digest);
    }
    *out = &pb->base;
    return FEDL_OK;
}

static fedl_status checkin_from_pb(fedl_message *message, const ProtobufCMessage *base)
{
    const Fedl__V1__Checkin *pb = (const Fedl__V1__Checkin *)base;
    fedl_message_checkin *checkin = &message->u.checkin;
    checkin->protocol_min = pb->protocol_min;
    checkin->protocol_max = pb->protocol_max;
    checkin->library_version = pb->library_version;
    checkin->memory_bytes_max = pb->memory_bytes_max;
    checkin->wait_ms_max = pb->wait_ms_max;
    checkin->have_task_id = pb->have_task_id;
    if (pb->have_task_id != 0) {
        const fedl_status status =
            fedli_pb_copy(checkin->have_digest, sizeof checkin->have_digest, pb->have_digest);
        if (status != FEDL_OK) {
            return status;
        }
    } else if (pb->have_digest.len != 0) {
        return FEDL_ERR_FORMAT;
    }
    return checkin_check(checkin);
}

/* ---- TASK ---- */

static fedl_status offer_check(const fedl_model_offer *offer)
{
    const bool good = fedli_view_fits(offer->manifest, FEDLI_MANIFEST_BYTES_MAX) &&
                      fedli_view_fits(offer->plan, FEDL_PLAN_BYTES_MAX);
    return good ? FEDL_OK : FEDL_ERR_RANGE;
}

static fedl_status task_check(const fedl_message_task *task)
{
    const bool good = task->task_id >= 1 && task->round >= 1 && task->attempt >= 1 &&
                      task->deadline_ms >= 1 && task->deadline_ms <= FEDLI_DELAY_MS_MAX;
    return good ? offer_check(&task->offer) : FEDL_ERR_RANGE;
}

static fedl_status task_to_pb(ProtobufCMessage **out, const fedl_message *message,
                              fedli_pb_arena *arena)
{
    const fedl_message_task *task = &message->u.task;
    const fedl_status status = task_check(task);
    if (status != FEDL_OK) {
        return status;
    }
    Fedl__V1__Task *pb = (Fedl__V1__Task *)fedli_pb_arena_take(arena, sizeof *pb);
    if (pb == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedl__v1__task__init(pb);
    pb->task_id = task->task_id;
    pb->round = task->round;
    pb->attempt = task->attempt;
    pb->deadline_ms = task->deadline_ms;
    pb->manifest = fedli_pb_borrow(task->offer.manifest.data, task->offer.manifest.size);
    pb->signature = fedli_pb_borrow(task->offer.signature, sizeof task->offer.signature);
    pb->plan = fedli_pb_borrow(task->offer.plan.data, task->offer.plan.size);
    *out = &pb->base;
    return FEDL_OK;
}

static fedl_status task_from_pb(fedl_message *message, const ProtobufCMessage *base)
{
    const Fedl__V1__Task *pb = (const Fedl__V1__Task *)base;
    fedl_message_task *task = &message->u.task;
    const fedl_status status =
        fedli_pb_copy(task->offer.signature, sizeof task->offer.signature, pb->signature);
    if (status != FEDL_OK) {
        return status;
    }
    task->task_id = pb->task_id;
    task->round = pb->round;
    task->attempt = pb->attempt;
    task->deadline_ms = pb->deadline_ms;
    task->offer.manifest = fedl_bytes_of(pb->manifest.data, pb->manifest.len);
    task->offer.plan = fedl_bytes_of(pb->plan.data, pb->plan.len);
    return task_check(task);
}

/* ---- WAIT ---- */

static fedl_status wait_check(const fedl_message_wait *wait)
{
    if (wait->retry_after_ms > FEDLI_DELAY_MS_MAX) {
        return FEDL_ERR_RANGE;
    }
    return wait->has_offer ? offer_check(&wait->offer) : FEDL_OK;
}

static fedl_status wait_to_pb(ProtobufCMessage **out, const fedl_message *message,
                              fedli_pb_arena *arena)
{
    const fedl_message_wait *wait = &message->u.wait;
    const fedl_status status = wait_check(wait);
    if (status != FEDL_OK) {
        return status;
    }
    Fedl__V1__Wait *pb = (Fedl__V1__Wait *)fedli_pb_arena_take(arena, sizeof *pb);
    if (pb == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedl__v1__wait__init(pb);
    pb->retry_after_ms = wait->retry_after_ms;
    if (wait->has_offer) {
        pb->manifest = fedli_pb_borrow(wait->offer.manifest.data, wait->offer.manifest.size);
        pb->signature = fedli_pb_borrow(wait->offer.signature, sizeof wait->offer.signature);
        pb->plan = fedli_pb_borrow(wait->offer.plan.data, wait->offer.plan.size);
    }
    *out = &pb->base;
    return FEDL_OK;
}

static fedl_status wait_from_pb(fedl_message *message, const ProtobufCMessage *base)
{
    const Fedl__V1__Wait *pb = (const Fedl__V1__Wait *)base;
    fedl_message_wait *wait = &message->u.wait;
    wait->retry_after_ms = pb->retry_after_ms;
    wait->has_offer = pb->manifest.len != 0 || pb->signature.len != 0 || pb->plan.len != 0;
    if (wait->has_offer) {
        const fedl_status status =
            fedli_pb_copy(wait->offer.signature, sizeof wait->offer.signature, pb->signature);
        if (status != FEDL_OK) {
            return status;
        }
        wait->offer.manifest = fedl_bytes_of(pb->manifest.data, pb->manifest.len);
        wait->offer.plan = fedl_bytes_of(pb->plan.data, pb->plan.len);
    }
    return wait_check(wait);
}

/* ---- REJECT ---- */

static fedl_status reject_check(const fedl_message_reject *reject)
{
    if (reject->code < FEDL_REJECT_VERSION || reject->code > FEDL_REJECT_TOKEN ||
        reject->retry_after_ms > FEDLI_DELAY_MS_MAX || reject->text.size > FEDLI_TEXT_BYTES_MAX) {
        return FEDL_ERR_RANGE;
    }
    for (size_t i = 0; i < reject->text.size; i++) {
        if (reject->text.data[i] < 0x20u || reject->text.data[i] > 0x7eu) {
            return FEDL_ERR_RANGE; /* it goes to logs and terminals: no control characters */
        }
    }
    return FEDL_OK;
}

static fedl_status reject_to_pb(ProtobufCMessage **out, const fedl_message *message,
                                fedli_pb_arena *arena)
{
    const fedl_message_reject *reject = &message->u.reject;
    const fedl_status status = reject_check(reject);
    if (status != FEDL_OK) {
        return status;
    }
    Fedl__V1__Reject *pb = (Fedl__V1__Reject *)fedli_pb_arena_take(arena, sizeof *pb);
    if (pb == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedl__v1__reject__init(pb);
    pb->code = (Fedl__V1__RejectCode)reject->code;
    pb->retry_after_ms = reject->retry_after_ms;
    pb->text = fedli_pb_borrow(reject->text.data, reject->text.size);
    *out = &pb->base;
    return FEDL_OK;
}

static fedl_status reject_from_pb(fedl_message *message, const ProtobufCMessage *base)
{
    const Fedl__V1__Reject *pb = (const Fedl__V1__Reject *)base;
    fedl_message_reject *reject = &message->u.reject;
    /* protobuf-c stores any 32-bit number in an enum: look at it as a number first. */
    const int64_t code = (int64_t)pb->code;
    if (code < FEDL_REJECT_VERSION || code > FEDL_REJECT_TOKEN) {
        return FEDL_ERR_RANGE;
    }
    reject->code = (fedl_reject_code)code;
    reject->retry_after_ms = pb->retry_after_ms;
    reject->text = fedl_bytes_of(pb->text.data, pb->text.len);
    return reject_check(reject);
}

const fedli_message_codec fedli_codec_checkin = {&fedl__v1__checkin__descriptor, checkin_to_pb,
                                                 checkin_from_pb};
const fedli_message_codec fedli_codec_task = {&fedl__v1__task__descriptor, task_to_pb,
                                              task_from_pb};
const fedli_message_codec fedli_codec_wait = {&fedl__v1__wait__descriptor, wait_to_pb,
                                              wait_from_pb};
const fedli_message_codec fedli_codec_reject = {&fedl__v1__reject__descriptor, reject_to_pb,
                                                reject_from_pb};
