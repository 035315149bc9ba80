/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sending the vector, and everything the server may refuse. The vector is never stored: each chunk
 * is produced again from the trained model, so a repetition costs no memory and has the same bytes;
 * in a masked round the attempt's masks are added on top, in place.
 */
#include "client/client_state.h"

#include "base/check.h"
#include "base/secret.h"

#include <string.h>

/* Parts of a masked vector with words of 24 bits begin at multiples of this. */
#define WORDS24_BYTES 192u

size_t fedli_client_vector_size(const fedli_client_state *c)
{
    return fedl_update_vector_size(&c->task.plan.update,
                                   fedl_model_parameter_count(&c->task.plan.model));
}

void fedli_client_report(fedli_client_state *c)
{
    if (fedli_client_is_masked(c)) {
        fedli_client_group_start(c);
    } else {
        fedli_client_upload_start(c);
    }
}

/* Every part but the last has a multiple of this many bytes. */
static size_t unit_bytes(const fedli_client_state *c)
{
    return fedli_client_is_masked(c) && c->task.plan.update.ring_bits == 24 ? WORDS24_BYTES : 64u;
}

void fedli_client_upload_start(fedli_client_state *c)
{
    c->upload_offset = 0;
    c->upload_stalls = 0;
    c->work = FEDLI_WORK_UPLOAD;
    c->request_ns = c->now_ns;
}

void fedli_client_fill_upload(const fedli_client_state *c, fedl_message_upload *upload,
                              uint8_t *buffer)
{
    const size_t total = fedli_client_vector_size(c);
    const size_t unit = unit_bytes(c);
    const size_t largest = c->cfg.chunk_bytes_max / unit * unit;
    size_t size = total - (size_t)c->upload_offset;
    if (size > largest) {
        size = largest;
    }
    /* Offset and size were checked when they were set; the buffer holds a whole chunk. */
    const fedl_status status = fedl_update_read(&c->update, buffer, (size_t)c->upload_offset, size);
    FEDLI_CHECK(status == FEDL_OK);
    const uint8_t *name = c->update_digest;
    upload->task_id = c->task.task_id;
    upload->round = c->task.round;
    upload->attempt = c->task.attempt;
    if (fedli_client_is_masked(c)) { /* what the mask was made for, not what was offered since */
        const fedli_attempt *attempt = &c->group.setup.attempt;
        fedli_party_mask(&c->group.party, buffer, (size_t)c->upload_offset, size);
        name = fedli_party_binding(&c->group.party);
        upload->task_id = attempt->task_id;
        upload->round = attempt->round;
        upload->attempt = attempt->attempt;
    }
    upload->offset = c->upload_offset;
    upload->total_bytes = total;
    memcpy(upload->digest, name, sizeof upload->digest);
    upload->payload = fedl_bytes_of(buffer, size);
}

static void upload_complete(fedli_client_state *c)
{
    const bool masked = fedli_client_is_masked(c);
    fedl_client_action *log =
        fedli_client_log(c, masked ? FEDL_CLIENT_LOG_MASKED : FEDL_CLIENT_LOG_UPLOADED);
    log->a = fedli_client_vector_size(c);
    log->b = c->update_sent ? 1u : 0u;
    c->update_sent = true;
    if (masked) {
        c->group.reported = true;
        fedli_client_group_unprotect(c);
        fedli_party_uploaded(&c->group.party);
        fedli_client_group_next(c);
        return;
    }
    c->trouble = 0;
    fedli_client_checkin_later(c, 0);
}

void fedli_client_on_accepted(fedli_client_state *c, const fedl_message_accepted *accepted)
{
    const size_t total = fedli_client_vector_size(c);
    const size_t body = total - FEDL_TAIL_WORDS * sizeof(uint64_t);
    if (accepted->complete) {
        upload_complete(c);
        return;
    }
    uint64_t next = accepted->next_offset;
    if (next >= total || next % 64u != 0) {
        fedli_client_link_fail(c, FEDL_CLIENT_LOG_BAD_MESSAGE, FEDL_ERR_RANGE);
        return;
    }
    if (next < body) {
        next -= next % unit_bytes(c);
    }
    /* Going back is legitimate (the server lost its slot), but not for ever. */
    if (next <= c->upload_offset) {
        c->upload_stalls++;
    }
    c->upload_offset = next;
    if (c->upload_stalls > FEDLI_CLIENT_STALLS_MAX) {
        c->upload_stalls = 0;
        fedli_client_link_fail(c, FEDL_CLIENT_LOG_BAD_MESSAGE, FEDL_ERR_STATE);
    }
}

/* The server's words for people: printable ASCII only, whatever it sent. */
static const char *printable(fedli_client_state *c, fedl_bytes text)
{
    const size_t size = text.size < FEDLI_TEXT_BYTES_MAX ? text.size : FEDLI_TEXT_BYTES_MAX;
    for (size_t i = 0; i < size; i++) {
        const uint8_t letter = text.data[i];
        c->text[i] = letter >= 0x20u && letter < 0x7fu ? (char)letter : '?';
    }
    c->text[size] = 0;
    return size == 0 ? NULL : c->text;
}

/* Asks the same again after what the server, or else the back-off, says. */
static void retry_later(fedli_client_state *c, uint32_t retry_after_ms)
{
    uint64_t pause_ms = retry_after_ms;
    if (pause_ms == 0) {
        pause_ms = fedli_client_backoff_ms(c, c->trouble);
        c->trouble++;
    }
    c->request_ns = fedli_client_after_ms(c, pause_ms);
}

/* At once the first time; slower when a server keeps offering what it then calls stale. */
static void checkin_after_stale(fedli_client_state *c, uint32_t retry_after_ms)
{
    uint64_t pause_ms = c->trouble == 0 ? 0 : fedli_client_backoff_ms(c, c->trouble - 1u);
    if (pause_ms < retry_after_ms) {
        pause_ms = retry_after_ms;
    }
    c->trouble++;
    fedli_client_checkin_later(c, pause_ms);
}

static void give_up_task(fedli_client_state *c)
{
    const uint32_t pause_ms = fedli_client_backoff_ms(c, c->trouble);
    c->trouble++;
    const bool in_attempt = c->work == FEDLI_WORK_PUT || c->work == FEDLI_WORK_GET;
    if (c->work == FEDLI_WORK_PUT && fedli_party_item(&c->group.party) == FEDL_ITEM_READY) {
        /* Perhaps another device came first with this one's epoch key, which everybody of an
         * earlier cohort knows: nobody can come first with a fresh one. */
        fedli_wipe(&c->group.epoch, sizeof c->group.epoch);
    }
    /* With its survivors named, the party may still be asked for its last items. */
    if (c->work == FEDLI_WORK_FETCH || c->work == FEDLI_WORK_UPLOAD ||
        (in_attempt && !c->group.closed)) {
        fedli_client_task_drop(c);
    }
    fedli_client_checkin_later(c, pause_ms);
}

static void reject_of_join(fedli_client_state *c, const fedl_message_reject *reject)
{
    switch (reject->code) {
    case FEDL_REJECT_TOKEN:
        fedli_client_finish(c, FEDL_ERR_EXPIRED);
        return;
    case FEDL_REJECT_VERSION:
        fedli_client_finish(c, FEDL_ERR_VERSION);
        return;
    case FEDL_REJECT_LIMIT:
        fedli_client_finish(c, FEDL_ERR_FULL);
        return;
    case FEDL_REJECT_BUSY:
    case FEDL_REJECT_INTERNAL:
    case FEDL_REJECT_MALFORMED:
    case FEDL_REJECT_STALE:
    case FEDL_REJECT_NOT_MEMBER:
    case FEDL_REJECT_MISMATCH:
    case FEDL_REJECT_NOT_FOUND:
        /* The handshake is used up: come back and enrol again with the same keys. A device may wait
         * a day for its certificate, and each handshake costs the server: not before it says. */
        fedli_client_link_sent_away(c, reject->retry_after_ms);
        return;
    }
}

/* A complaint that nobody wants ends as if it had been taken: with the refusal behind it. */
static bool complaining(const fedli_client_state *c)
{
    return c->work == FEDLI_WORK_PUT && fedli_party_item(&c->group.party) == FEDL_ITEM_COMPLAINT;
}

/* Others were quicker: the sum is whole without this device's last item. Nothing is wrong, and
 * nobody need read of it. */
static bool was_late(const fedli_client_state *c, fedl_reject_code code)
{
    return (code == FEDL_REJECT_STALE || code == FEDL_REJECT_NOT_MEMBER) &&
           (c->work == FEDLI_WORK_PUT || c->work == FEDLI_WORK_GET) &&
           fedli_client_group_is_reported(c);
}

void fedli_client_on_reject(fedli_client_state *c, const fedl_message_reject *reject)
{
    if (was_late(c, reject->code)) {
        fedli_client_group_late(c);
        return;
    }
    fedl_client_action *log = fedli_client_log(c, FEDL_CLIENT_LOG_REJECTED);
    log->a = (uint64_t)reject->code;
    log->text = printable(c, reject->text);
    if (c->work == FEDLI_WORK_JOIN) {
        reject_of_join(c, reject);
        return;
    }
    switch (reject->code) {
    case FEDL_REJECT_STALE:
    case FEDL_REJECT_NOT_MEMBER:
        if (complaining(c)) {
            fedli_client_complaint_over(c);
        } else if (c->work != FEDLI_WORK_CHECKIN && c->work != FEDLI_WORK_LEAVE) {
            /* The update is kept: the next attempt of the round may want it. */
            checkin_after_stale(c, reject->retry_after_ms);
        } else {
            retry_later(c, reject->retry_after_ms);
        }
        return;
    case FEDL_REJECT_BUSY:
    case FEDL_REJECT_INTERNAL:
        retry_later(c, reject->retry_after_ms);
        return;
    case FEDL_REJECT_MISMATCH:
    case FEDL_REJECT_NOT_FOUND:
    case FEDL_REJECT_LIMIT:
        if (c->work == FEDLI_WORK_LEAVE) {
            retry_later(c, reject->retry_after_ms);
        } else {
            give_up_task(c);
        }
        return;
    case FEDL_REJECT_VERSION:
        /* Only an update of one side helps. Keep asking, as rarely as allowed. */
        c->request_ns = fedli_client_after_ms(c, c->cfg.backoff_ms_max);
        return;
    case FEDL_REJECT_MALFORMED:
    case FEDL_REJECT_TOKEN:
        fedli_client_session_drop(c);
        fedli_client_link_fail(c, FEDL_CLIENT_LOG_BAD_MESSAGE, FEDL_ERR_FORMAT);
        return;
    }
}
