/* SPDX-License-Identifier: Apache-2.0 */
/* Joining and leaving a fleet: ENROL, ENROLLED, LEAVE, LEFT. */
#include "wire/message_codec.h"

#include "fedl/v1/fedl.pb-c.h"

/* ---- ENROL ---- */

static fedl_status enrol_to_pb(ProtobufCMessage **out, const fedl_message *message,
                               fedli_pb_arena *arena)
{
    const fedl_message_enrol *enrol = &message->u.enrol;
    Fedl__V1__Enrol *pb = (Fedl__V1__Enrol *)fedli_pb_arena_take(arena, sizeof *pb);
    if (pb == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedl__v1__enrol__init(pb);
    pb->secret = fedli_pb_borrow(enrol->secret, sizeof enrol->secret);
    pb->id_public = fedli_pb_borrow(enrol->id_public, sizeof enrol->id_public);
    pb->library_version = enrol->library_version;
    *out = &pb->base;
    return FEDL_OK;
}

static fedl_status enrol_from_pb(fedl_message *message, const ProtobufCMessage *base)
{
    const Fedl__V1__Enrol *pb = (const Fedl__V1__Enrol *)base;
    fedl_message_enrol *enrol = &message->u.enrol;
    fedl_status status = fedli_pb_copy(enrol->secret, sizeof enrol->secret, pb->secret);
    if (status == FEDL_OK) {
        status = fedli_pb_copy(enrol->id_public, sizeof enrol->id_public, pb->id_public);
    }
    enrol->library_version = pb->library_version;
    return status;
}

/* ---- ENROLLED ---- */

static fedl_status enrolled_check(const fedl_message_enrolled *enrolled)
{
    const bool good = enrolled->device_id >= 1 &&
                      fedli_view_fits(enrolled->device_cert, FEDLI_CERT_BYTES_MAX) &&
                      fedli_view_fits(enrolled->server_cert, FEDLI_CERT_BYTES_MAX);
    return good ? FEDL_OK : FEDL_ERR_RANGE;
}

static fedl_status enrolled_to_pb(ProtobufCMessage **out, const fedl_message *message,
                                  fedli_pb_arena *arena)
{
    const fedl_message_enrolled *enrolled = &message->u.enrolled;
    const fedl_status status = enrolled_check(enrolled);
    if (status != FEDL_OK) {
        return status;
    }
    Fedl__V1__Enrolled *pb = (Fedl__V1__Enrolled *)fedli_pb_arena_take(arena, sizeof *pb);
    if (pb == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedl__v1__enrolled__init(pb);
    pb->device_id = enrolled->device_id;
    pb->fleet_id = fedli_pb_borrow(enrolled->fleet_id, sizeof enrolled->fleet_id);
    pb->device_cert = fedli_pb_borrow(enrolled->device_cert.data, enrolled->device_cert.size);
    pb->server_cert = fedli_pb_borrow(enrolled->server_cert.data, enrolled->server_cert.size);
    *out = &pb->base;
    return FEDL_OK;
}

static fedl_status enrolled_from_pb(fedl_message *message, const ProtobufCMessage *base)
{
    const Fedl__V1__Enrolled *pb = (const Fedl__V1__Enrolled *)base;
    fedl_message_enrolled *enrolled = &message->u.enrolled;
    const fedl_status status =
        fedli_pb_copy(enrolled->fleet_id, sizeof enrolled->fleet_id, pb->fleet_id);
    if (status != FEDL_OK) {
        return status;
    }
    enrolled->device_id = pb->device_id;
    enrolled->device_cert = fedl_bytes_of(pb->device_cert.data, pb->device_cert.len);
    enrolled->server_cert = fedl_bytes_of(pb->server_cert.data, pb->server_cert.len);
    return enrolled_check(enrolled);
}

/* ---- LEAVE and LEFT have no fields ---- */

static fedl_status leave_to_pb(ProtobufCMessage **out, const fedl_message *message,
                               fedli_pb_arena *arena)
{
    (void)message;
    Fedl__V1__Leave *pb = (Fedl__V1__Leave *)fedli_pb_arena_take(arena, sizeof *pb);
    if (pb == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedl__v1__leave__init(pb);
    *out = &pb->base;
    return FEDL_OK;
}

static fedl_status left_to_pb(ProtobufCMessage **out, const fedl_message *message,
                              fedli_pb_arena *arena)
{
    (void)message;
    Fedl__V1__Left *pb = (Fedl__V1__Left *)fedli_pb_arena_take(arena, sizeof *pb);
    if (pb == NULL) {
        return FEDL_ERR_SIZE;
    }
    fedl__v1__left__init(pb);
    *out = &pb->base;
    return FEDL_OK;
}

static fedl_status nothing_from_pb(fedl_message *message, const ProtobufCMessage *base)
{
    (void)message;
    (void)base;
    return FEDL_OK;
}

const fedli_message_codec fedli_codec_enrol = {&fedl__v1__enrol__descriptor, enrol_to_pb,
                                               enrol_from_pb};
const fedli_message_codec fedli_codec_enrolled = {&fedl__v1__enrolled__descriptor, enrolled_to_pb,
                                                  enrolled_from_pb};
const fedli_message_codec fedli_codec_leave = {&fedl__v1__leave__descriptor, leave_to_pb,
                                               nothing_from_pb};
const fedli_message_codec fedli_codec_left = {&fedl__v1__left__descriptor, left_to_pb,
                                              nothing_from_pb};
