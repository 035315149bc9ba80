/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All devices of one attempt: the real party, with vectors of random words in place of trained
 * ones. What is measured here is the masking; the server measures itself.
 *
 * Every device checks its neighbours' certificates: 132,000 signatures in a cohort of 1,000, of
 * which 2,000 differ. Those that were good once are remembered, which shortens the bench and
 * touches no figure.
 */
#include "agg/accum.h"
#include "base/cursor.h"
#include "bench_secagg.h"
#include "coord/group.h"
#include "secagg/party.h"
#include "secure/cert.h"
#include "secure/channel.h"
#include "sodium/crypto_sodium.h"
#include "wire/message.h"

#include <stdlib.h>
#include <string.h>

#define RECORD_BYTES_MAX (FEDLI_FRAME_BYTES_MAX + FEDLI_RECORD_OVERHEAD_BYTES)
#define SEEN_SLOTS       8192u

typedef struct fleet_device {
    bench_registered registered;
    uint8_t device_cert[FEDLI_DEVICE_CERT_BYTES];
    fedli_epoch_key epoch;
    fedli_party_setup setup;
    fedli_party party;
    void *block;
    fedli_channel channel;
    bool lost;
    bool over;
} fleet_device;

struct bench_fleet {
    uint32_t n;
    fedl_crypto crypto;
    fedl_site_policy policy;
    fedl_plan plan;
    uint8_t fleet_id[16];
    uint8_t ca_public[32];
    fleet_device *devices;
    /* of the attempt under way */
    int fd;
    fedli_attempt attempt;
    fedl_accum plain; /* the sum without masks */
    void *plain_block;
    uint8_t *vector;
    double mask_s;
    uint32_t uploads;
};

/* ---- making ---- */

typedef struct seen_signature {
    uint8_t signature[64];
    uint8_t key[32];
} seen_signature;

static bool verify_once(const uint8_t signature[64], const void *message, size_t size,
                        const uint8_t public_key[32])
{
    static seen_signature seen[SEEN_SLOTS];
    seen_signature *slot = &seen[fedli_load_u32(signature) % SEEN_SLOTS];
    if (memcmp(slot->signature, signature, 64) == 0 && memcmp(slot->key, public_key, 32) == 0) {
        return true;
    }
    if (!fedl_crypto_sodium()->verify(signature, message, size, public_key)) {
        return false;
    }
    memcpy(slot->signature, signature, 64);
    memcpy(slot->key, public_key, 32);
    return true;
}

static void make_device(bench_fleet *fleet, uint32_t index, const uint8_t ca_secret[64])
{
    fleet_device *device = &fleet->devices[index];
    bench_registered *registered = &device->registered;
    uint8_t seed[32];
    uint8_t id_secret[64];
    registered->device_id = index + 1u;
    fedl_random_bytes(seed, sizeof seed);
    fleet->crypto.sign_keypair(registered->id_public, id_secret, seed);
    fedl_random_bytes(registered->noise_public, 32);
    fedl_random_bytes(registered->send_key, 32);
    fedl_random_bytes(registered->receive_key, 32);
    fedl_cert cert = {.role = FEDL_CERT_DEVICE, .subject_id = index + 1u, .serial = 1};
    memcpy(cert.fleet_id, fleet->fleet_id, 16);
    memcpy(cert.id_public, registered->id_public, 32);
    memcpy(cert.noise_public, registered->noise_public, 32);
    fedl_cert_issue(&fleet->crypto, device->device_cert, &cert, ca_secret);
    fedl_random_bytes(seed, sizeof seed);
    fedli_epoch_key_make(&fleet->crypto, &device->epoch, fleet->fleet_id, index + 1u, BENCH_TASK, 1,
                         64, id_secret, seed);
}

bench_fleet *bench_fleet_create(uint32_t n)
{
    bench_fleet *fleet = bench_alloc(sizeof *fleet);
    uint8_t seed[32];
    uint8_t ca_secret[64];
    must(fedl_crypto_sodium_init(), "libsodium");
    fleet->n = n;
    fleet->crypto = *fedl_crypto_sodium();
    fleet->crypto.verify = verify_once;
    fedl_site_policy_default(&fleet->policy);
    fleet->policy.min_cohort = FEDL_COHORT_MIN;
    fedl_random_bytes(fleet->fleet_id, sizeof fleet->fleet_id);
    fedl_random_bytes(seed, sizeof seed);
    fleet->crypto.sign_keypair(fleet->ca_public, ca_secret, seed);
    fleet->devices = bench_alloc(n * sizeof *fleet->devices);
    for (uint32_t i = 0; i < n; i++) {
        make_device(fleet, i, ca_secret);
    }
    return fleet;
}

void bench_fleet_destroy(bench_fleet *fleet)
{
    free(fleet->devices);
    free(fleet);
}

/* ---- one device ---- */

static bool pump_put(bench_fleet *fleet, uint32_t index)
{
    fedli_party *party = &fleet->devices[index].party;
    const fedl_bytes blob = fedli_party_blob(party);
    bench_reply reply = {0};
    for (uint64_t at = 0; !reply.complete; at = reply.next_offset) {
        const uint64_t left = blob.size - at;
        const bench_request request = {
            .op = BENCH_PUT,
            .device = index,
            .item = fedli_party_item(party),
            .size = (uint32_t)(left < BENCH_PART_BYTES ? left : BENCH_PART_BYTES),
            .offset = at,
            .total = blob.size};
        reply = link_ask(fleet->fd, &request, blob.data + at, NULL);
        if (reply.answer == FEDL_GROUP_STALE) { /* enough devices have sent theirs */
            fleet->devices[index].over = true;
            return true;
        }
        if (reply.answer != FEDL_GROUP_OK) {
            bench_fail("PUT");
        }
    }
    fedli_party_put_done(party);
    return true;
}

static bool pump_get(bench_fleet *fleet, uint32_t index)
{
    static uint8_t part[BENCH_PART_BYTES];
    fedli_party *party = &fleet->devices[index].party;
    const bench_request request = {.op = BENCH_GET,
                                   .device = index,
                                   .item = fedli_party_item(party),
                                   .offset = fedli_party_offset(party)};
    const bench_reply reply = link_ask(fleet->fd, &request, NULL, part);
    if (reply.answer == FEDL_GROUP_NOT_YET) {
        return false;
    }
    if (reply.answer == FEDL_GROUP_STALE && request.item >= FEDL_ITEM_SURVIVORS) {
        fleet->devices[index].over = true; /* the shares of others were enough */
        return true;
    }
    if (reply.answer != FEDL_GROUP_OK) {
        bench_fail("GET");
    }
    fedli_party_take(party, fedl_bytes_of(part, reply.size), reply.total);
    return true;
}

static void send_part(bench_fleet *fleet, uint32_t index, size_t offset, fedl_bytes payload)
{
    static _Alignas(16) uint8_t scratch[FEDLI_MESSAGE_ARENA_BYTES];
    static uint8_t record[RECORD_BYTES_MAX];
    fleet_device *device = &fleet->devices[index];
    fedl_message message = {.kind = FEDL_MESSAGE_UPLOAD, .request_id = offset + 1u};
    fedl_message_upload *upload = &message.u.upload;
    size_t size;
    upload->task_id = fleet->attempt.task_id;
    upload->round = fleet->attempt.round;
    upload->attempt = fleet->attempt.attempt;
    upload->offset = offset;
    upload->total_bytes = fleet->plain.vector_bytes;
    upload->payload = payload;
    memcpy(upload->digest, fedli_party_binding(&device->party), 32);
    must(fedl_message_encode(record + 8, sizeof record - 8, &size, &message, scratch,
                             sizeof scratch),
         "writing a message");
    must(fedli_channel_seal(&device->channel, record, sizeof record, &size,
                            fedl_bytes_of(record + 8, size), fedl_bytes_of(NULL, 0)),
         "sealing a record");
    const bench_request request = {.op = BENCH_RECORD, .device = index, .size = (uint32_t)size};
    (void)link_ask(fleet->fd, &request, record, NULL);
}

static bool pump_upload(bench_fleet *fleet, uint32_t index)
{
    fleet_device *device = &fleet->devices[index];
    const size_t bytes = fleet->plain.vector_bytes;
    uint8_t key[32];
    if (device->lost) {
        device->over = true;
        return true;
    }
    fedl_random_bytes(key, sizeof key);
    fedli_prg_best()->stream(fleet->vector, bytes / FEDLI_PRG_BLOCK_BYTES, key, 0);
    must(fedl_accum_add(&fleet->plain, fedl_bytes_of(fleet->vector, bytes)), "adding a vector");
    for (size_t at = 0; at < bytes; at += BENCH_PART_BYTES) {
        const size_t left = bytes - at;
        const size_t size = left < BENCH_PART_BYTES ? left : BENCH_PART_BYTES;
        const double begin = bench_cpu_s();
        fedli_party_mask(&device->party, fleet->vector + at, at, size);
        fleet->mask_s += bench_cpu_s() - begin;
        send_part(fleet, index, at, fedl_bytes_of(fleet->vector + at, size));
    }
    fleet->uploads++;
    fedli_party_uploaded(&device->party);
    return true;
}

static bool pump(bench_fleet *fleet, uint32_t index)
{
    fleet_device *device = &fleet->devices[index];
    if (device->over) {
        return false;
    }
    switch (fedli_party_next(&device->party)) {
    case FEDLI_PARTY_PUT:
        return pump_put(fleet, index);
    case FEDLI_PARTY_GET:
        return pump_get(fleet, index);
    case FEDLI_PARTY_UPLOAD:
        return pump_upload(fleet, index);
    case FEDLI_PARTY_STORE_OPENED:
    case FEDLI_PARTY_STORE_CLOSED:
        fedli_party_stored(&device->party);
        return true;
    case FEDLI_PARTY_DONE:
        device->over = true;
        return true;
    case FEDLI_PARTY_REFUSED:
        (void)fprintf(stderr, "bench_secagg: device %u refuses: %s\n", index + 1u,
                      fedl_refusal_text(fedli_party_refusal(&device->party)));
        bench_fail("a device");
    }
    return false;
}

/* ---- the attempt ---- */

static void begin_devices(bench_fleet *fleet, uint32_t lost)
{
    const size_t party_bytes = fedli_party_size(&fleet->plan);
    for (uint32_t i = 0; i < fleet->n; i++) {
        fleet_device *device = &fleet->devices[i];
        device->lost = i % (fleet->n / lost) == 0 && i / (fleet->n / lost) < lost;
        device->over = false;
        device->setup = (fedli_party_setup){.crypto = &fleet->crypto,
                                            .plan = &fleet->plan,
                                            .policy = &fleet->policy,
                                            .attempt = fleet->attempt,
                                            .device_id = i + 1u,
                                            .ca_public = fleet->ca_public,
                                            .device_cert = device->device_cert,
                                            .utc_s = BENCH_UTC_S};
        fedl_random_bytes(device->setup.secret, 32);
        device->block = bench_alloc(party_bytes);
        must(fedli_party_begin(&device->party, &device->setup, &device->epoch, NULL, 0,
                               device->block, party_bytes),
             "a party");
        fedli_channel_init(&device->channel, &fleet->crypto, device->registered.send_key,
                           device->registered.receive_key);
        link_write(fleet->fd, &device->registered, sizeof device->registered);
    }
}

static void begin(bench_fleet *fleet, const bench_row *row)
{
    bench_setup setup = {.row = *row};
    memset(&fleet->attempt, 0, sizeof fleet->attempt);
    memcpy(fleet->attempt.fleet_id, fleet->fleet_id, 16);
    fleet->attempt.task_id = BENCH_TASK;
    fleet->attempt.round = row->round;
    fleet->attempt.attempt = 1;
    fleet->attempt.version = row->round;
    setup.attempt = fleet->attempt;
    memcpy(setup.ca_public, fleet->ca_public, 32);
    bench_plan(&fleet->plan, row);
    const size_t accum_bytes = fedl_accum_size(&fleet->plan.update, row->d);
    fleet->plain_block = bench_alloc(accum_bytes);
    must(fedl_accum_init(&fleet->plain, &fleet->plan.update, row->d, fleet->plain_block,
                         accum_bytes),
         "accumulator");
    fleet->vector = bench_alloc(fleet->plain.vector_bytes);
    fleet->mask_s = 0;
    fleet->uploads = 0;
    fleet->fd = link_spawn();
    link_write(fleet->fd, &setup, sizeof setup);
    begin_devices(fleet, row->lost);
}

static void pump_all(bench_fleet *fleet)
{
    bool moved = true;
    while (moved) {
        moved = false;
        for (uint32_t i = 0; i < fleet->n; i++) {
            while (pump(fleet, i)) {
                moved = true;
            }
        }
    }
}

void bench_fleet_attempt(bench_fleet *fleet, bench_row *row, bench_report *report)
{
    const bench_request time = {.op = BENCH_TIME};
    const bench_request end = {.op = BENCH_REPORT};
    uint8_t digest[32];
    const double begin_s = bench_now_s();
    begin(fleet, row);
    pump_all(fleet); /* up to the vectors; the lost ones have sent their shares */
    (void)link_ask(fleet->fd, &time, NULL, NULL);
    pump_all(fleet);
    link_write(fleet->fd, &end, sizeof end);
    link_read(fleet->fd, report, sizeof *report);
    link_wait(fleet->fd);
    row->attempt_s = bench_now_s() - begin_s;
    row->client_mask_s = fleet->mask_s / fleet->uploads;
    must(fedl_accum_export(&fleet->plain, fleet->vector, fleet->plain.vector_bytes),
         "exporting the sum");
    fedl_digest(&fleet->crypto, digest, fleet->vector, fleet->plain.vector_bytes);
    if (report->phase != FEDL_GROUP_READY || fleet->uploads != row->n - row->lost ||
        memcmp(digest, report->digest, sizeof digest) != 0) {
        bench_fail("the sum is not that of the vectors");
    }
    for (uint32_t i = 0; i < fleet->n; i++) {
        fedli_party_end(&fleet->devices[i].party);
        free(fleet->devices[i].block);
    }
    free(fleet->plain_block);
    free(fleet->vector);
}
