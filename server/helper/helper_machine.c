/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "helper/helper_machine.h"

#include "base/check.h"
#include "base/cursor.h"
#include "base/secret.h"

#include <string.h>

#define MAGIC          "fedlhlp1"
#define PERSONAL       "fedl.hlps.v1"
#define CHECKSUM_BYTES 32u

fedl_status fedl_helper_init(fedl_helper *helper, const fedl_helper_config *cfg)
{
    if (cfg->min_cohort < FEDL_COHORT_MIN || cfg->min_cohort > FEDL_COHORT_MAX ||
        cfg->parts > FEDL_HELPER_PARTS_MAX) {
        return FEDL_ERR_RANGE;
    }
    memset(helper, 0, sizeof *helper);
    helper->cfg = *cfg;
    return FEDL_OK;
}

void fedl_helper_deinit(fedl_helper *helper)
{
    fedli_wipe(helper, sizeof *helper);
}

/* ---- answered rounds ---- */

/* Where the task stands, or would stand. */
static uint32_t place_of(const fedl_helper *helper, uint32_t task_id)
{
    uint32_t at = 0;
    while (at < helper->count && helper->rounds[at].task_id < task_id) {
        at++;
    }
    return at;
}

static bool is_known(const fedl_helper *helper, uint32_t at, uint32_t task_id)
{
    return at < helper->count && helper->rounds[at].task_id == task_id;
}

static fedl_helper_answer check_round(const fedl_helper *helper, const fedl_helper_request *request,
                                      bool *is_new)
{
    const uint32_t at = place_of(helper, request->attempt.task_id);
    *is_new = true;
    if (!is_known(helper, at, request->attempt.task_id)) {
        return helper->count < FEDL_HELPER_TASKS_MAX ? FEDL_HELPER_SUM : FEDL_HELPER_FULL;
    }
    const fedl_helper_round *last = &helper->rounds[at];
    if (request->attempt.round > last->round) {
        return FEDL_HELPER_SUM;
    }
    *is_new = false;
    return request->attempt.round == last->round &&
                   memcmp(request->hash, last->hash, sizeof last->hash) == 0
               ? FEDL_HELPER_SUM
               : FEDL_HELPER_ANSWERED;
}

static void write_round(fedli_writer *writer, uint32_t task_id, uint32_t round, const uint8_t *hash)
{
    fedli_write_u32(writer, task_id);
    fedli_write_u32(writer, round);
    fedli_write_copy(writer, hash, FEDL_HELPER_HASH_BYTES);
}

size_t fedl_helper_encode(const fedl_helper *helper, uint8_t *out,
                          const fedl_helper_request *request)
{
    const uint32_t task_id = request == NULL ? 0 : request->attempt.task_id;
    const uint32_t at = request == NULL ? helper->count : place_of(helper, task_id);
    const bool added = request != NULL && !is_known(helper, at, task_id);
    const uint32_t count = helper->count + added;
    fedli_writer writer;
    size_t size;
    fedli_writer_init(&writer, out, FEDL_HELPER_STATE_BYTES(count) - CHECKSUM_BYTES);
    fedli_write_copy(&writer, MAGIC, 8);
    fedli_write_copy(&writer, helper->cfg.fleet_id, 16);
    fedli_write_u32(&writer, count);
    for (uint32_t i = 0; i < helper->count; i++) {
        const fedl_helper_round *r = &helper->rounds[i];
        if (request != NULL && i == at) {
            write_round(&writer, task_id, request->attempt.round, request->hash);
        }
        if (i != at || added) {
            write_round(&writer, r->task_id, r->round, r->hash);
        }
    }
    if (request != NULL && at == helper->count) {
        write_round(&writer, task_id, request->attempt.round, request->hash);
    }
    const fedl_status status = fedli_writer_end(&writer, &size);
    FEDLI_CHECK(status == FEDL_OK && size == FEDL_HELPER_STATE_BYTES(count) - CHECKSUM_BYTES);
    fedli_hash(helper->cfg.crypto, out + size, PERSONAL, out, size);
    return size + CHECKSUM_BYTES;
}

void fedl_helper_commit(fedl_helper *helper, const fedl_helper_request *request)
{
    const uint32_t at = place_of(helper, request->attempt.task_id);
    if (!is_known(helper, at, request->attempt.task_id)) {
        FEDLI_CHECK(helper->count < FEDL_HELPER_TASKS_MAX);
        memmove(&helper->rounds[at + 1], &helper->rounds[at],
                (helper->count - at) * sizeof helper->rounds[0]);
        helper->count++;
    }
    helper->rounds[at].task_id = request->attempt.task_id;
    helper->rounds[at].round = request->attempt.round;
    memcpy(helper->rounds[at].hash, request->hash, sizeof request->hash);
}

static bool read_rounds(fedl_helper *helper, fedli_reader *reader, uint32_t count)
{
    uint32_t last_id = 0;
    for (uint32_t i = 0; i < count; i++) {
        fedl_helper_round *r = &helper->rounds[i];
        r->task_id = fedli_read_u32(reader);
        r->round = fedli_read_u32(reader);
        fedli_read_copy(reader, r->hash, sizeof r->hash);
        if (r->task_id <= last_id || r->round == 0) {
            return false;
        }
        last_id = r->task_id;
    }
    return fedli_reader_end(reader) == FEDL_OK;
}

fedl_status fedl_helper_decode(fedl_helper *helper, fedl_bytes bytes)
{
    uint8_t checksum[CHECKSUM_BYTES];
    uint8_t magic[8];
    uint8_t fleet_id[16];
    fedli_reader reader;
    if (bytes.size < FEDL_HELPER_STATE_BYTES(0) || bytes.size > FEDL_HELPER_STATE_BYTES_MAX) {
        return FEDL_ERR_CORRUPT;
    }
    const size_t size = bytes.size - CHECKSUM_BYTES;
    fedli_hash(helper->cfg.crypto, checksum, PERSONAL, bytes.data, size);
    fedli_reader_init(&reader, fedl_bytes_of(bytes.data, size));
    fedli_read_copy(&reader, magic, sizeof magic);
    fedli_read_copy(&reader, fleet_id, sizeof fleet_id);
    const uint32_t count = fedli_read_u32(&reader);
    if (memcmp(checksum, bytes.data + size, sizeof checksum) != 0 ||
        memcmp(magic, MAGIC, sizeof magic) != 0 || count > FEDL_HELPER_TASKS_MAX ||
        bytes.size != FEDL_HELPER_STATE_BYTES(count)) {
        return FEDL_ERR_CORRUPT;
    }
    if (memcmp(fleet_id, helper->cfg.fleet_id, sizeof fleet_id) != 0) {
        return FEDL_ERR_MISMATCH;
    }
    helper->count = 0;
    if (!read_rounds(helper, &reader, count)) {
        return FEDL_ERR_CORRUPT;
    }
    helper->count = count;
    return FEDL_OK;
}

/* ---- one request ---- */

static void spread(const fedl_helper *helper, fedl_helper_work work, void *job)
{
    const uint32_t parts = helper->cfg.parts == 0 ? 1u : helper->cfg.parts;
    if (helper->cfg.spread != NULL) {
        helper->cfg.spread(helper->cfg.context, work, job, parts);
        return;
    }
    for (uint32_t part = 0; part < parts; part++) {
        work(job, part, parts);
    }
}

static bool is_revoked(const fedl_helper *helper, uint32_t device_id)
{
    for (uint32_t i = 0; i < helper->cfg.revoked_count; i++) {
        if (helper->cfg.revoked[i] == device_id) {
            return true;
        }
    }
    return false;
}

static fedl_helper_answer check_seed(const fedl_helper *helper, fedli_mask_key *key,
                                     const fedl_helper_request *request, uint32_t index,
                                     const uint8_t rb[32], uint64_t utc_s)
{
    const fedl_helper_config *cfg = &helper->cfg;
    fedl_helper_answer answer = FEDL_HELPER_SUM;
    fedli_seed seed;
    const fedl_status status =
        fedli_seed_open(cfg->crypto, &seed, fedl_helper_entry_seed(request, index),
                        cfg->noise_secret, cfg->fleet_id, cfg->ca_public, utc_s);
    if (status != FEDL_OK) {
        return status == FEDL_ERR_MISMATCH || status == FEDL_ERR_EXPIRED ? FEDL_HELPER_CERTIFICATE
                                                                         : FEDL_HELPER_SEED;
    }
    if (seed.device_id != fedl_helper_entry_id(request, index)) {
        answer = FEDL_HELPER_DUPLICATE; /* ids of the list are distinct: someone stands for two */
    } else if (is_revoked(helper, seed.device_id)) {
        answer = FEDL_HELPER_REVOKED;
    } else if (memcmp(seed.rb, rb, 32) != 0) {
        answer = FEDL_HELPER_BINDING;
    } else if (request->count < seed.min_cohort) {
        answer = FEDL_HELPER_SMALL;
    } else {
        memcpy(key->key, seed.seed, sizeof key->key);
        key->subtract = true;
    }
    fedli_wipe(&seed, sizeof seed);
    return answer;
}

/* Opening the seeds of a request: parts are ranges of devices. */
typedef struct seeds_job {
    const fedl_helper *helper;
    const fedl_helper_request *request;
    fedli_mask_key *keys;
    uint64_t utc_s;
    uint8_t rb[32];
    /* Of each part: its first device that is not good, and why; SUM: all are. */
    fedl_helper_answer answers[FEDL_HELPER_PARTS_MAX];
    uint32_t at[FEDL_HELPER_PARTS_MAX];
} seeds_job;

static void check_part(void *context, uint32_t part, uint32_t parts)
{
    seeds_job *job = context;
    const uint64_t count = job->request->count;
    const uint32_t end = (uint32_t)(count * (part + 1u) / parts);
    fedl_helper_answer answer = FEDL_HELPER_SUM;
    for (uint32_t i = (uint32_t)(count * part / parts); answer == FEDL_HELPER_SUM && i < end; i++) {
        answer = check_seed(job->helper, &job->keys[i], job->request, i, job->rb, job->utc_s);
        job->at[part] = i;
    }
    job->answers[part] = answer;
}

/* The first device that is not good decides, as if they were looked at one after the other. */
static fedl_helper_answer check_seeds(const fedl_helper *helper, fedli_mask_key *keys,
                                      const fedl_helper_request *request, uint32_t *accused,
                                      uint64_t utc_s)
{
    seeds_job job = {.helper = helper, .request = request, .keys = keys, .utc_s = utc_s};
    for (uint32_t part = 0; part < FEDL_HELPER_PARTS_MAX; part++) {
        job.answers[part] = FEDL_HELPER_SUM;
    }
    fedli_helper_binding(helper->cfg.crypto, job.rb, &request->attempt);
    spread(helper, check_part, &job);
    for (uint32_t part = 0; part < FEDL_HELPER_PARTS_MAX; part++) {
        if (job.answers[part] != FEDL_HELPER_SUM) {
            /* Too small a cohort is nobody's fault. */
            *accused = job.answers[part] == FEDL_HELPER_SMALL
                           ? 0
                           : fedl_helper_entry_id(request, job.at[part]);
            return job.answers[part];
        }
    }
    return FEDL_HELPER_SUM;
}

static fedl_helper_answer check_list(const fedl_helper *helper, const fedl_helper_request *request,
                                     uint32_t *accused)
{
    uint32_t last_id = 0;
    for (uint32_t i = 0; i < request->count; i++) {
        const uint32_t device_id = fedl_helper_entry_id(request, i);
        if (device_id <= last_id) {
            *accused = device_id;
            return FEDL_HELPER_DUPLICATE;
        }
        last_id = device_id;
    }
    return request->count < helper->cfg.min_cohort ? FEDL_HELPER_SMALL : FEDL_HELPER_SUM;
}

fedl_helper_answer fedl_helper_check(const fedl_helper *helper, fedl_helper_request *request,
                                     fedli_mask_key *keys, uint32_t keys_max, bool *is_new,
                                     uint32_t *accused, fedl_bytes bytes, uint64_t utc_s)
{
    *is_new = false;
    *accused = 0;
    memset(request, 0, sizeof *request);
    if (fedl_helper_request_read(request, helper->cfg.crypto, bytes) != FEDL_OK) {
        return FEDL_HELPER_FORM;
    }
    if (memcmp(request->attempt.fleet_id, helper->cfg.fleet_id, 16) != 0) {
        return FEDL_HELPER_FLEET;
    }
    if (request->count > keys_max) {
        return FEDL_HELPER_FULL;
    }
    fedl_helper_answer answer = check_round(helper, request, is_new);
    if (answer == FEDL_HELPER_SUM) {
        answer = check_list(helper, request, accused);
    }
    if (answer == FEDL_HELPER_SUM) {
        answer = check_seeds(helper, keys, request, accused, utc_s);
    }
    if (answer != FEDL_HELPER_SUM) {
        fedli_wipe(keys, (size_t)request->count * sizeof *keys);
        *is_new = false;
    }
    return answer;
}

/* ---- from request to reply ---- */

uint32_t fedl_helper_keys_max(fedl_bytes bytes)
{
    return (uint32_t)(bytes.size / FEDL_HELPER_ENTRY_BYTES + 1u); /* requests are below 4 GiB */
}

size_t fedl_helper_reply_bytes(const fedl_helper *helper, fedl_bytes bytes)
{
    fedl_helper_request request;
    const fedl_status status = fedl_helper_request_read(&request, helper->cfg.crypto, bytes);
    return FEDL_HELPER_REPLY_HEAD_BYTES + (status == FEDL_OK ? request.shape.vector_bytes : 0);
}

typedef struct sum_job {
    const fedl_helper_request *request;
    const fedli_mask_key *keys;
    uint8_t *vector;
} sum_job;

static void sum_part(void *context, uint32_t part, uint32_t parts)
{
    const sum_job *job = context;
    fedli_mask_slice(fedli_prg_best(), &job->request->shape, job->vector, job->keys,
                     job->request->count, part, parts);
}

static fedl_helper_answer keep(fedl_helper *helper, const fedl_helper_request *request)
{
    const size_t size = fedl_helper_encode(helper, helper->encoded, request);
    if (!helper->cfg.keep(helper->cfg.context, fedl_bytes_of(helper->encoded, size))) {
        return FEDL_HELPER_STORE;
    }
    fedl_helper_commit(helper, request);
    return FEDL_HELPER_SUM;
}

size_t fedl_helper_serve(fedl_helper *helper, const fedl_helper_room *room,
                         fedl_helper_verdict *verdict, fedl_bytes bytes, uint64_t utc_s)
{
    fedl_helper_request request;
    fedl_helper_verdict v = {0};
    size_t size = FEDL_HELPER_REPLY_HEAD_BYTES;
    FEDLI_CHECK(room->reply_bytes >= size);
    v.answer = fedl_helper_check(helper, &request, room->keys, room->keys_max, &v.is_new,
                                 &v.accused, bytes, utc_s);
    if (v.answer == FEDL_HELPER_SUM && room->reply_bytes - size < request.shape.vector_bytes) {
        v.answer = FEDL_HELPER_FULL;
    }
    if (v.answer == FEDL_HELPER_SUM && v.is_new) {
        v.answer = keep(helper, &request);
    }
    if (v.answer == FEDL_HELPER_SUM) {
        sum_job job = {&request, room->keys, room->reply + size};
        memset(job.vector, 0, request.shape.vector_bytes);
        spread(helper, sum_part, &job);
        size += request.shape.vector_bytes;
    }
    fedl_helper_reply_write(room->reply, v.answer, v.accused, request.hash);
    fedli_wipe(room->keys, (size_t)room->keys_max * sizeof *room->keys);
    v.is_new = v.is_new && v.answer == FEDL_HELPER_SUM;
    v.about = request.attempt;
    v.count = request.count;
    *verdict = v;
    return size;
}
