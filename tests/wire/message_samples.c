/* SPDX-License-Identifier: Apache-2.0 */
#include "message_samples.h"

#include "cmocka_all.h"

#include <stdlib.h>
#include <string.h>

static uint8_t filler[FEDLI_CHUNK_BYTES_MAX];

void *sample_scratch(void)
{
    static _Alignas(16) uint8_t scratch[FEDLI_MESSAGE_ARENA_BYTES];
    return scratch;
}

static void fill(uint8_t *out, size_t size, uint8_t seed)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)(seed + 31u * i);
    }
}

static fedl_model_offer sample_offer(size_t manifest_bytes, size_t plan_bytes)
{
    fedl_model_offer offer;
    memset(&offer, 0, sizeof offer);
    offer.manifest = fedl_bytes_of(filler, manifest_bytes);
    fill(offer.signature, sizeof offer.signature, 9);
    offer.plan = fedl_bytes_of(filler + 5, plan_bytes);
    return offer;
}

static fedl_message join_sample(size_t index, fedl_message m)
{
    if (index == 0) {
        m.kind = FEDL_MESSAGE_ENROL;
        fill(m.u.enrol.secret, 16, 1);
        fill(m.u.enrol.id_public, 32, 2);
        m.u.enrol.library_version = 1002003;
    } else if (index == 1) {
        m.kind = FEDL_MESSAGE_ENROLLED;
        m.u.enrolled.device_id = 77;
        fill(m.u.enrolled.fleet_id, 16, 3);
        m.u.enrolled.device_cert = fedl_bytes_of(filler, 176);
        m.u.enrolled.server_cert = fedl_bytes_of(filler + 1, FEDLI_CERT_BYTES_MAX);
    } else {
        m.kind = index == 2 ? FEDL_MESSAGE_LEAVE : FEDL_MESSAGE_LEFT;
    }
    return m;
}

static fedl_message task_sample(size_t index, fedl_message m)
{
    if (index <= 5) {
        m.kind = FEDL_MESSAGE_CHECKIN;
        m.u.checkin = (fedl_message_checkin){1, 3, 5, 65536, 59999, 0, {0}};
        if (index == 5) {
            m.u.checkin.have_task_id = 6;
            fill(m.u.checkin.have_digest, 32, 4);
        }
    } else if (index <= 7) {
        m.kind = FEDL_MESSAGE_TASK;
        m.u.task = (fedl_message_task){1, 2, 3, 4000, sample_offer(240, 230)};
        if (index == 7) {
            m.u.task =
                (fedl_message_task){UINT32_MAX, UINT32_MAX - 1, UINT32_MAX - 2, FEDLI_DELAY_MS_MAX,
                                    sample_offer(FEDLI_MANIFEST_BYTES_MAX, FEDL_PLAN_BYTES_MAX)};
        }
    } else if (index <= 9) {
        m.kind = FEDL_MESSAGE_WAIT;
        m.u.wait.retry_after_ms = 12345;
        if (index == 9) {
            m.u.wait.has_offer = true;
            m.u.wait.offer = sample_offer(240, 190);
        }
    } else {
        m.kind = FEDL_MESSAGE_REJECT;
        m.u.reject = (fedl_message_reject){FEDL_REJECT_BUSY, 700, fedl_bytes_of("no slot ~", 9)};
    }
    return m;
}

static fedl_message item_sample(size_t index, fedl_message m)
{
    if (index == 16) {
        m.kind = FEDL_MESSAGE_PUT;
        m.u.put = (fedl_message_put){7, 8, 9, FEDL_ITEM_SHARES, 11, 111, fedl_bytes_of(filler, 99)};
    } else if (index == 17) {
        m.kind = FEDL_MESSAGE_GET;
        m.u.get = (fedl_message_get){7, 8, 9, FEDL_ITEM_FORWARD, 12, 1024, 30000};
    } else {
        m.kind = FEDL_MESSAGE_PART;
        m.u.part.item = FEDL_ITEM_CONFIRMS;
        if (index == 18) {
            m.u.part.offset = 13;
            m.u.part.total_bytes = 112;
            m.u.part.payload = fedl_bytes_of(filler, 99);
        }
    }
    return m;
}

fedl_message sample_message(size_t index)
{
    fedl_message m;
    fill(filler, sizeof filler, 200);
    memset(&m, 0, sizeof m);
    m.request_id = 0xfedcba9876543210u - index;
    if (index < 4) {
        return join_sample(index, m);
    }
    if (index <= 10) {
        return task_sample(index, m);
    }
    if (index >= 16) {
        return item_sample(index, m);
    }
    if (index == 11) {
        m.kind = FEDL_MESSAGE_FETCH;
        m.u.fetch.task_id = 3;
        fill(m.u.fetch.digest, 32, 5);
        m.u.fetch.offset = 4096;
        m.u.fetch.bytes_max = 512;
    } else if (index == 12) {
        m.kind = FEDL_MESSAGE_CHUNK;
        m.u.chunk = (fedl_message_chunk){100, 199, fedl_bytes_of(filler, 99)};
    } else if (index <= 14) {
        const size_t payload_bytes = index == 13 ? 128 : FEDLI_CHUNK_BYTES_MAX;
        m.kind = FEDL_MESSAGE_UPLOAD;
        m.u.upload.task_id = 4;
        m.u.upload.round = 5;
        m.u.upload.attempt = 6;
        m.u.upload.offset = 640;
        m.u.upload.total_bytes = 640 + payload_bytes;
        fill(m.u.upload.digest, 32, 6);
        m.u.upload.payload = fedl_bytes_of(filler, payload_bytes);
    } else {
        m.kind = FEDL_MESSAGE_ACCEPTED;
        m.u.accepted = (fedl_message_accepted){61440, true};
    }
    return m;
}

static bool view_equal(fedl_bytes a, fedl_bytes b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static bool offer_equal(const fedl_model_offer *a, const fedl_model_offer *b)
{
    return view_equal(a->manifest, b->manifest) && view_equal(a->plan, b->plan) &&
           memcmp(a->signature, b->signature, sizeof a->signature) == 0;
}

static bool task_equal(const fedl_message_task *a, const fedl_message_task *b)
{
    return a->task_id == b->task_id && a->round == b->round && a->attempt == b->attempt &&
           a->deadline_ms == b->deadline_ms && offer_equal(&a->offer, &b->offer);
}

static bool checkin_equal(const fedl_message_checkin *a, const fedl_message_checkin *b)
{
    return a->protocol_min == b->protocol_min && a->protocol_max == b->protocol_max &&
           a->library_version == b->library_version && a->memory_bytes_max == b->memory_bytes_max &&
           a->wait_ms_max == b->wait_ms_max && a->have_task_id == b->have_task_id &&
           memcmp(a->have_digest, b->have_digest, 32) == 0;
}

static bool upload_equal(const fedl_message_upload *a, const fedl_message_upload *b)
{
    return a->task_id == b->task_id && a->round == b->round && a->attempt == b->attempt &&
           a->offset == b->offset && a->total_bytes == b->total_bytes &&
           memcmp(a->digest, b->digest, 32) == 0 && view_equal(a->payload, b->payload);
}

static bool put_equal(const fedl_message_put *a, const fedl_message_put *b)
{
    return a->task_id == b->task_id && a->round == b->round && a->attempt == b->attempt &&
           a->item == b->item && a->offset == b->offset && a->total_bytes == b->total_bytes &&
           view_equal(a->payload, b->payload);
}

static bool get_equal(const fedl_message_get *a, const fedl_message_get *b)
{
    return a->task_id == b->task_id && a->round == b->round && a->attempt == b->attempt &&
           a->item == b->item && a->offset == b->offset && a->bytes_max == b->bytes_max &&
           a->wait_ms_max == b->wait_ms_max;
}

static bool body_equal(const fedl_message *a, const fedl_message *b)
{
    switch (a->kind) {
    case FEDL_MESSAGE_ENROL:
        return memcmp(&a->u.enrol, &b->u.enrol, sizeof a->u.enrol) == 0;
    case FEDL_MESSAGE_ENROLLED:
        return a->u.enrolled.device_id == b->u.enrolled.device_id &&
               memcmp(a->u.enrolled.fleet_id, b->u.enrolled.fleet_id, 16) == 0 &&
               view_equal(a->u.enrolled.device_cert, b->u.enrolled.device_cert) &&
               view_equal(a->u.enrolled.server_cert, b->u.enrolled.server_cert);
    case FEDL_MESSAGE_CHECKIN:
        return checkin_equal(&a->u.checkin, &b->u.checkin);
    case FEDL_MESSAGE_TASK:
        return task_equal(&a->u.task, &b->u.task);
    case FEDL_MESSAGE_WAIT:
        return a->u.wait.retry_after_ms == b->u.wait.retry_after_ms &&
               a->u.wait.has_offer == b->u.wait.has_offer &&
               offer_equal(&a->u.wait.offer, &b->u.wait.offer);
    case FEDL_MESSAGE_FETCH:
        return a->u.fetch.task_id == b->u.fetch.task_id &&
               memcmp(a->u.fetch.digest, b->u.fetch.digest, 32) == 0 &&
               a->u.fetch.offset == b->u.fetch.offset &&
               a->u.fetch.bytes_max == b->u.fetch.bytes_max;
    case FEDL_MESSAGE_CHUNK:
        return a->u.chunk.offset == b->u.chunk.offset &&
               a->u.chunk.total_bytes == b->u.chunk.total_bytes &&
               view_equal(a->u.chunk.payload, b->u.chunk.payload);
    case FEDL_MESSAGE_UPLOAD:
        return upload_equal(&a->u.upload, &b->u.upload);
    case FEDL_MESSAGE_ACCEPTED:
        return a->u.accepted.next_offset == b->u.accepted.next_offset &&
               a->u.accepted.complete == b->u.accepted.complete;
    case FEDL_MESSAGE_REJECT:
        return a->u.reject.code == b->u.reject.code &&
               a->u.reject.retry_after_ms == b->u.reject.retry_after_ms &&
               view_equal(a->u.reject.text, b->u.reject.text);
    case FEDL_MESSAGE_PUT:
        return put_equal(&a->u.put, &b->u.put);
    case FEDL_MESSAGE_GET:
        return get_equal(&a->u.get, &b->u.get);
    case FEDL_MESSAGE_PART:
        return a->u.part.item == b->u.part.item && a->u.part.offset == b->u.part.offset &&
               a->u.part.total_bytes == b->u.part.total_bytes &&
               view_equal(a->u.part.payload, b->u.part.payload);
    case FEDL_MESSAGE_LEAVE:
    case FEDL_MESSAGE_LEFT:
        return true;
    }
    return false;
}

void assert_message_equal(const fedl_message *a, const fedl_message *b)
{
    if (a->kind != b->kind || a->request_id != b->request_id || !body_equal(a, b)) {
        fail_msg("messages of kind %d and %d differ", (int)a->kind, (int)b->kind);
    }
}

fedl_status decode_exact(fedl_message *message, const uint8_t *bytes, size_t size)
{
    uint8_t *exact = (uint8_t *)malloc(size == 0 ? 1 : size);
    if (size != 0) {
        memcpy(exact, bytes, size);
    }
    const fedl_status status = fedl_message_decode(message, fedl_bytes_of(exact, size),
                                                   sample_scratch(), FEDLI_MESSAGE_ARENA_BYTES);
    /* The payload points into exact, which goes: what is left must not be looked at. */
    free(exact);
    return status;
}
