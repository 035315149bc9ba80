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
    if (cfg->min_cohort < FEDL_COHORT_MIN || cfg->min_cohort > FEDL_COHORT_MAX) {
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
    uint8_t rb[32];
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
    fedli_helper_binding(helper->cfg.crypto, rb, &request->attempt);
    for (uint32_t i = 0; answer == FEDL_HELPER_SUM && i < request->count; i++) {
        answer = check_seed(helper, &keys[i], request, i, rb, utc_s);
        /* Too small a cohort is nobody's fault. */
        *accused = answer == FEDL_HELPER_SUM || answer == FEDL_HELPER_SMALL
                       ? 0
                       : fedl_helper_entry_id(request, i);
    }
    if (answer != FEDL_HELPER_SUM) {
        fedli_wipe(keys, (size_t)request->count * sizeof *keys);
        *is_new = false;
    }
    return answer;
}
