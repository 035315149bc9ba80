/* SPDX-License-Identifier: Apache-2.0 */
/* Vectors, uploads and whole rounds for the test world. */
#include "coord_world.h"

#include "base/cursor.h"

#include <string.h>

size_t world_vector_bytes(const world *w)
{
    return fedl_update_vector_size(&w->plan.update, fedl_model_parameter_count(&w->plan.model));
}

void world_vector(const world *w, uint8_t *out, uint32_t seed)
{
    const uint32_t parameters = fedl_model_parameter_count(&w->plan.model);
    const uint32_t q_max = fedl_update_q_max(&w->plan.update);
    const uint64_t weight = 1u + seed % w->plan.update.w_max;
    uint8_t *tail = out + fedl_update_body_size(&w->plan.update, parameters);
    memset(out, 0, world_vector_bytes(w));
    for (uint32_t i = 0; i < fedl_update_word_count(&w->plan.update, parameters); i++) {
        const int32_t q =
            (int32_t)(fedli_mix32(fedli_mix32(seed) ^ i) % (2u * q_max + 1u)) - (int32_t)q_max;
        fedli_store_u16(out + 2u * i, (uint16_t)((uint32_t)q * (uint32_t)weight));
    }
    fedli_store_u64(tail + 8u * FEDL_TAIL_WEIGHT, weight);
    if ((w->plan.update.noise_sigma2_q8 != 0 || w->plan.update.sum_sigma2_q8 != 0) &&
        !w->tells_rows) {
        return;
    }
    fedli_store_u64(tail + 8u * FEDL_TAIL_ROWS, 10u * weight + seed % 7u);
    fedli_store_u64(tail + 8u * FEDL_TAIL_LOSS_Q16, 1000u + seed);
}

uint32_t world_seed_of(uint32_t task_id, uint32_t round, uint32_t device_id)
{
    return fedli_mix32(task_id * 65536u + round * 256u + device_id);
}

/* round half away from zero, exact: what docs/numerics.md §6 says, written another way. */
static int64_t fedavg_step(int64_t sum, int64_t weight, int32_t shift)
{
    const int64_t numerator = (sum < 0 ? -sum : sum) << shift; /* < 2^15 · 2^19 */
    const int64_t rounded = (2 * numerator + weight) / (2 * weight);
    return sum < 0 ? -rounded : rounded;
}

/* docs/update.md §9: one block of S·H·Σ / 16, half away from zero, by the definition of H. */
static void turn_back(const world *w, int64_t sum[256], uint32_t round)
{
    const uint32_t seed = fedli_mix32(fedli_mix32(w->plan.run_seed ^ 0x5167e5u) ^ round);
    int64_t turned[256];
    for (uint32_t i = 0; i < 256; i++) {
        int64_t dot = 0;
        for (uint32_t j = 0; j < 256; j++) {
            uint32_t parity = 0;
            for (uint32_t both = i & j; both != 0; both >>= 1) {
                parity ^= both & 1u;
            }
            dot += parity != 0 ? -sum[j] : sum[j];
        }
        const int64_t rounded = ((dot < 0 ? -dot : dot) + 8) / 16;
        const bool flip = (fedli_mix32(seed + i) >> 31 != 0) != (dot < 0);
        assert_true(rounded < 32768); /* nothing is cut in these tests */
        turned[i] = flip ? -rounded : rounded;
    }
    memcpy(sum, turned, sizeof turned);
}

void world_check_commit(const world *w, const fedl_store_op *op)
{
    enum { P = 8 * 16 + 16 + 16 * 4 + 4, WORDS = 256 };
    int64_t sum[WORDS] = {0};
    int64_t weight = 0;
    int32_t before[P];
    uint8_t vector[4096];
    fedl_model_record parent;
    assert_int_equal(fedl_model_parameter_count(&w->plan.model), P);
    assert_int_equal(w->store->ops->model_read(w->store, &parent, op->task_id,
                                               op->model.version - 1, NULL, 0, before, P),
                     FEDL_OK);
    assert_memory_equal(parent.digest, op->model.parent_digest, 32);
    for (uint32_t m = 0; m < op->member_count; m++) {
        const uint32_t seed = world_seed_of(op->task_id, op->round, op->members[m]);
        world_vector(w, vector, seed);
        weight += 1 + seed % w->plan.update.w_max;
        for (size_t i = 0; i < fedl_update_word_count(&w->plan.update, P); i++) {
            sum[i] += fedli_i16_of(fedli_load_u16(vector + 2 * i));
        }
    }
    if (w->plan.update.rotate) {
        turn_back(w, sum, op->round);
    }
    assert_int_equal(op->metrics.tail[FEDL_TAIL_WEIGHT], weight);
    assert_int_equal(op->metrics.report_count, op->member_count);
    for (size_t i = 0; i < P; i++) {
        const bool bias = (i >= 128 && i < 144) || i >= 208;
        const int32_t exp = bias ? -24 : i < 128 ? -14 - 16 : -13 - 16;
        assert_int_equal(op->model.master_words[i],
                         before[i] + fedavg_step(sum[i], weight, -11 - exp));
    }
}

void device_upload_part(world *w, device *d, const uint8_t *vector, size_t offset, size_t size,
                        uint32_t round, uint32_t attempt)
{
    fedl_message message = {.kind = FEDL_MESSAGE_UPLOAD};
    fedl_message_upload *upload = &message.u.upload;
    upload->task_id = d->task_id == 0 ? 1u : d->task_id;
    upload->round = round;
    upload->attempt = attempt;
    upload->offset = offset;
    upload->total_bytes = world_vector_bytes(w);
    upload->payload = fedl_bytes_of(vector + offset, size);
    fedl_digest(w->crypto, upload->digest, vector, world_vector_bytes(w));
    device_send(w, d, &message);
}

void device_upload(world *w, device *d, const uint8_t *vector, uint32_t round, uint32_t attempt)
{
    const size_t total = world_vector_bytes(w);
    const size_t part = 192;
    size_t offset = 0;
    do {
        const size_t size = total - offset < part ? total - offset : part;
        device_upload_part(w, d, vector, offset, size, round, attempt);
        if (!device_got(d, FEDL_MESSAGE_ACCEPTED)) {
            return;
        }
        offset = (size_t)d->message.u.accepted.next_offset;
    } while (!d->message.u.accepted.complete);
}

/* Everybody who is enrolled connects and checks in. */
void world_checkin_all(world *w, uint32_t wait_ms)
{
    for (uint32_t i = 0; i < w->device_count; i++) {
        device *d = &w->devices[i];
        if (d->id != 0) {
            device_connect(w, d);
            device_checkin(w, d, wait_ms);
        }
    }
    world_settle(w);
}

void world_play_round(world *w, uint32_t seed)
{
    uint8_t vector[4096];
    world_checkin_all(w, 10000);
    for (uint32_t i = 0; i < w->device_count; i++) {
        device *d = &w->devices[i];
        if (device_got(d, FEDL_MESSAGE_TASK)) {
            const fedl_message_task task = d->message.u.task;
            d->task_id = task.task_id;
            world_vector(w, vector, seed + d->id);
            device_upload(w, d, vector, task.round, task.attempt);
        }
    }
    world_settle(w);
}

void world_task_info(const world *w, fedl_task_info *info, uint32_t task_id)
{
    for (uint32_t i = 0; i < fedl_coord_task_count(&w->coord); i++) {
        fedl_coord_task_at(&w->coord, info, i);
        if (info->task_id == task_id) {
            return;
        }
    }
    fail_msg("no task %u", task_id);
}

void world_digest(const world *w, uint8_t out[32], uint32_t task_id)
{
    fedl_task_info info;
    world_task_info(w, &info, task_id);
    memcpy(out, info.digest, 32);
}

void world_compute(world *w)
{
    fedl_event event;
    assert_int_not_equal(w->compute_ticket, 0);
    for (uint32_t part = 3; part-- > 0;) {
        fedl_compute_run(w->compute_job, part, 3);
    }
    world_event(w, &event, FEDL_EVENT_COMPUTED);
    event.ticket = w->compute_ticket;
    w->compute_ticket = 0;
    world_step_once(w, &event);
}

void world_make_helper(world *w)
{
    fedl_cert cert = {.role = FEDL_CERT_HELPER, .serial = 1};
    memset(w->helper_secret, 0x68, sizeof w->helper_secret);
    memcpy(cert.fleet_id, w->cfg.identity.fleet_id, 16);
    w->crypto->x25519_public(cert.noise_public, w->helper_secret);
    fedl_cert_issue(w->crypto, w->cfg.helper_cert, &cert, w->cfg.identity.ca_secret);
    w->cfg.has_helper = true;
}

void world_note_question(world *w, const fedl_action *action)
{
    assert_true(action->bytes.size <= sizeof w->helper_request);
    w->helper_ticket = action->ticket;
    w->helper_request_bytes = action->bytes.size;
    memcpy(w->helper_request, action->bytes.data, action->bytes.size);
    w->helper_asked++;
}

static bool restore_exclusion(void *context, uint32_t device_id)
{
    world *w = context;
    assert_int_equal(fedl_coord_restore_exclusion(&w->coord, w->restored_task_id, device_id),
                     FEDL_OK);
    return true;
}

void world_restore_exclusions(world *w, uint32_t task_id)
{
    w->restored_task_id = task_id;
    assert_int_equal(fedl_coord_restore_exclusion(&w->coord, task_id, 4000), FEDL_ERR_NOT_FOUND);
    assert_int_equal(fedl_coord_restore_exclusion(&w->coord, 4000, 1), FEDL_ERR_NOT_FOUND);
    assert_int_equal(w->store->ops->exclusion_each(w->store, task_id, restore_exclusion, w),
                     FEDL_OK);
}
