/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What it costs to take one vector in, beside what its AEAD costs: the records of a vector are made
 * once, then, in turn, opened and nothing else, and opened, parsed, staged, folded and wiped as the
 * coordinator does it. During an attempt the two processes push each other out of the caches and
 * other programs use the machine, so that neither rate means much there; here both take the same
 * records in the same minute, and the best run of each counts.
 */
#include "base/cursor.h"
#include "bench_secagg.h"
#include "secure/channel.h"
#include "sodium/crypto_sodium.h"
#include "wire/message.h"

#include <stdlib.h>
#include <string.h>

#define RECORD_BYTES_MAX (FEDLI_FRAME_BYTES_MAX + FEDLI_RECORD_OVERHEAD_BYTES)
#define RUNS_MAX         60u
#define SECONDS          1.0

typedef struct ingest {
    const fedl_crypto *crypto;
    uint8_t key[32];
    uint8_t *records; /* one after the other */
    size_t *ends;     /* of each record */
    size_t count;
    uint8_t *plain;
    uint8_t *scratch; /* FEDLI_MESSAGE_ARENA_BYTES */
} ingest;

static void make_records(ingest *in, const fedl_accum *accum)
{
    const size_t bytes = accum->vector_bytes;
    const size_t part_count = (bytes + BENCH_PART_BYTES - 1) / BENCH_PART_BYTES;
    fedli_channel channel;
    uint8_t *vector = bench_alloc(BENCH_PART_BYTES);
    size_t used = 0;
    in->records = bench_alloc(part_count * RECORD_BYTES_MAX);
    in->ends = bench_alloc(part_count * sizeof *in->ends);
    fedli_channel_init(&channel, in->crypto, in->key, in->key);
    for (size_t at = 0; at < bytes; at += BENCH_PART_BYTES) {
        const size_t size = bytes - at < BENCH_PART_BYTES ? bytes - at : BENCH_PART_BYTES;
        fedl_message message = {.kind = FEDL_MESSAGE_UPLOAD, .request_id = in->count + 1u};
        fedl_message_upload *upload = &message.u.upload;
        uint8_t *record = in->records + used;
        size_t record_bytes;
        upload->task_id = BENCH_TASK;
        upload->round = 1;
        upload->attempt = 1;
        upload->offset = at;
        upload->total_bytes = bytes;
        upload->payload = fedl_bytes_of(vector, size);
        must(fedl_message_encode(record + 8, RECORD_BYTES_MAX - 8, &record_bytes, &message,
                                 in->scratch, FEDLI_MESSAGE_ARENA_BYTES),
             "writing a message");
        must(fedli_channel_seal(&channel, record, RECORD_BYTES_MAX, &record_bytes,
                                fedl_bytes_of(record + 8, record_bytes), fedl_bytes_of(NULL, 0)),
             "sealing a record");
        used += record_bytes;
        in->ends[in->count++] = used;
    }
    free(vector);
}

static fedl_bytes record_at(const ingest *in, size_t index)
{
    const size_t begin = index == 0 ? 0 : in->ends[index - 1];
    return fedl_bytes_of(in->records + begin, in->ends[index] - begin);
}

static void open_all(const ingest *in)
{
    for (size_t i = 0; i < in->count; i++) {
        const fedl_bytes record = record_at(in, i);
        uint8_t nonce[FEDL_NONCE_BYTES] = {0};
        memcpy(nonce + 4, record.data, 8); /* the record's number, as Noise has it */
        if (!in->crypto->aead_open(in->plain, record.data + 8, record.size - 8, NULL, 0, nonce,
                                   in->key)) {
            bench_fail("AEAD");
        }
    }
}

static void take_all(const ingest *in, fedl_accum *accum, uint8_t *staging)
{
    fedli_channel channel;
    size_t staged = 0;
    fedli_channel_init(&channel, in->crypto, in->key, in->key);
    for (size_t i = 0; i < in->count; i++) {
        fedl_message message;
        size_t size;
        must(fedli_channel_open(&channel, in->plain, RECORD_BYTES_MAX, &size, record_at(in, i),
                                fedl_bytes_of(NULL, 0)),
             "opening a record");
        must(fedl_message_decode(&message, fedl_bytes_of(in->plain, size), in->scratch,
                                 FEDLI_MESSAGE_ARENA_BYTES),
             "parsing a message");
        const fedl_message_upload *upload = &message.u.upload;
        if (message.kind != FEDL_MESSAGE_UPLOAD || upload->offset != staged) {
            bench_fail("an upload");
        }
        memcpy(staging + staged, upload->payload.data, upload->payload.size);
        staged += upload->payload.size;
    }
    must(fedl_accum_take(accum, staging, staged), "folding");
}

void bench_ingest(const fedl_crypto *crypto, fedl_accum *accum, uint8_t *staging,
                  bench_report *report)
{
    ingest in = {.crypto = crypto};
    fedl_random_bytes(in.key, sizeof in.key);
    in.plain = bench_alloc(RECORD_BYTES_MAX);
    in.scratch = bench_alloc(FEDLI_MESSAGE_ARENA_BYTES);
    make_records(&in, accum);
    const double bytes = (double)accum->vector_bytes;
    const double end = bench_now_s() + SECONDS;
    for (uint32_t run = 0; run < 3 || (run < RUNS_MAX && bench_now_s() < end); run++) {
        double begin = bench_cpu_s();
        open_all(&in);
        const double open_rate = bytes / (bench_cpu_s() - begin);
        fedl_accum_clear(accum);
        begin = bench_cpu_s();
        take_all(&in, accum, staging);
        const double take_rate = bytes / (bench_cpu_s() - begin);
        report->aead_rate = open_rate > report->aead_rate ? open_rate : report->aead_rate;
        report->ingest_rate = take_rate > report->ingest_rate ? take_rate : report->ingest_rate;
    }
    free(in.plain);
    free(in.scratch);
    free(in.records);
    free(in.ends);
}
