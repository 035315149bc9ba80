/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Items that come in, in parts of any size: cut into records here, judged where they belong. An
 * item is an optional head and then records of one size:
 *
 *   ROSTER     head 8            entries 89
 *   CERTS      none              certificate pairs 312
 *   FORWARD    U2 bitmap         salt and sealed pair 96
 *   SURVIVORS  U3 bitmap         none
 *   CONFIRMS   bitmap over N(u)  tags 16
 *   HELPER     none              certificate 176
 */
#include "base/check.h"
#include "secagg/party_state.h"

#include <string.h>

/* Where the next record is gathered, and its size. */
typedef struct record {
    uint8_t *place;
    uint32_t bytes;
} record;

static record next_record(const fedli_party *party)
{
    fedli_party_state *s = party->state;
    const uint32_t bitmap_bytes = (uint32_t)fedli_bitmap_bytes(s->n);
    switch (s->phase) {
    case FEDLI_PHASE_ROSTER:
    case FEDLI_PHASE_ROSTER_AGAIN:
        return (record){s->gather,
                        s->head_taken ? FEDLI_ROSTER_ENTRY_BYTES : FEDLI_ROSTER_HEAD_BYTES};
    case FEDLI_PHASE_CERTS:
        return (record){s->gather, FEDLI_CERT_PAIR_BYTES};
    case FEDLI_PHASE_FORWARD:
        return s->head_taken ? (record){s->gather, FEDLI_FORWARD_EACH_BYTES}
                             : (record){fedli_party_u2(party), bitmap_bytes};
    case FEDLI_PHASE_SURVIVORS:
        return (record){fedli_party_u3(party), bitmap_bytes};
    case FEDLI_PHASE_CONFIRMS:
        return s->head_taken ? (record){s->gather, FEDLI_CONFIRM_TAG_BYTES}
                             : (record){s->confirms, (uint32_t)fedli_bitmap_bytes(s->k)};
    case FEDLI_PHASE_HELPER:
        return (record){s->gather, FEDLI_DEVICE_CERT_BYTES};
    case FEDLI_PHASE_READY:
    case FEDLI_PHASE_OPENED:
    case FEDLI_PHASE_SHARES:
    case FEDLI_PHASE_SEED:
    case FEDLI_PHASE_UPLOAD:
    case FEDLI_PHASE_CLOSED:
    case FEDLI_PHASE_CONFIRM:
    case FEDLI_PHASE_UNMASK:
    case FEDLI_PHASE_DONE:
    case FEDLI_PHASE_COMPLAINT:
    case FEDLI_PHASE_REFUSED:
        break;
    }
    FEDLI_CHECK(false); /* want is not GET */
    return (record){NULL, 0};
}

static void take_record(fedli_party *party)
{
    fedli_party_state *s = party->state;
    const bool head = !s->head_taken;
    s->gathered = 0;
    s->head_taken = true;
    if (s->phase == FEDLI_PHASE_ROSTER && head) {
        fedli_party_roster_head(party);
    } else if (s->phase == FEDLI_PHASE_ROSTER_AGAIN && head) {
        fedli_party_roster_head_again(party);
    } else if (s->phase == FEDLI_PHASE_ROSTER) {
        fedli_party_roster_entry(party);
    } else if (s->phase == FEDLI_PHASE_ROSTER_AGAIN) {
        fedli_party_roster_entry_again(party);
    } else if (s->phase == FEDLI_PHASE_CERTS) {
        fedli_party_certs_record(party);
    } else if (s->phase == FEDLI_PHASE_FORWARD && head) {
        fedli_party_forward_head(party);
    } else if (s->phase == FEDLI_PHASE_FORWARD) {
        fedli_party_forward_record(party);
    } else if (s->phase == FEDLI_PHASE_SURVIVORS) {
        fedli_party_survivors_record(party);
    } else if (s->phase == FEDLI_PHASE_HELPER) {
        fedli_party_helper_record(party);
    } else if (head) {
        fedli_party_confirms_head(party);
    } else {
        fedli_party_confirms_record(party);
    }
}

/* What a wrong size of the item under way means. */
static fedl_refusal form_refusal(fedli_party_phase phase)
{
    return phase == FEDLI_PHASE_ROSTER         ? FEDL_REFUSAL_ROSTER_FORM
           : phase == FEDLI_PHASE_ROSTER_AGAIN ? FEDL_REFUSAL_ROSTER_CHANGED
           : phase == FEDLI_PHASE_CERTS        ? FEDL_REFUSAL_CERTIFICATE
           : phase == FEDLI_PHASE_HELPER       ? FEDL_REFUSAL_HELPER
           : phase == FEDLI_PHASE_FORWARD      ? FEDL_REFUSAL_FORWARD_FORM
           : phase == FEDLI_PHASE_SURVIVORS    ? FEDL_REFUSAL_SURVIVORS_FORM
                                               : FEDL_REFUSAL_CONFIRM_FORM;
}

/* What another size in mid-item means. */
static fedl_refusal changed_refusal(fedli_party_phase phase)
{
    return phase == FEDLI_PHASE_ROSTER      ? FEDL_REFUSAL_ROSTER_CHANGED
           : phase == FEDLI_PHASE_FORWARD   ? FEDL_REFUSAL_FORWARD_CHANGED
           : phase == FEDLI_PHASE_SURVIVORS ? FEDL_REFUSAL_SURVIVORS_CHANGED
                                            : form_refusal(phase);
}

/* Sizes that are known before the first byte; those of ROSTER, FORWARD and CONFIRMS are exact once
 * their head was read. */
static bool total_is_possible(const fedli_party *party, uint64_t total)
{
    const fedli_party_state *s = party->state;
    if (s->phase == FEDLI_PHASE_ROSTER_AGAIN) {
        return total == fedli_roster_bytes(s->n);
    }
    if (s->phase == FEDLI_PHASE_CERTS) {
        return total == (uint64_t)FEDLI_CERT_PAIR_BYTES * s->k;
    }
    if (s->phase == FEDLI_PHASE_SURVIVORS) {
        return total == fedli_bitmap_bytes(s->n);
    }
    if (s->phase == FEDLI_PHASE_HELPER) {
        return total == FEDLI_DEVICE_CERT_BYTES;
    }
    return total >= next_record(party).bytes;
}

/* Gathers at most one record; returns the bytes that it used. */
static size_t take_some(fedli_party *party, fedl_bytes bytes)
{
    fedli_party_state *s = party->state;
    const record now = next_record(party);
    const size_t missing = now.bytes - s->gathered;
    const size_t size = bytes.size < missing ? bytes.size : missing;
    memcpy(now.place + s->gathered, bytes.data, size);
    s->gathered += (uint32_t)size;
    s->item_offset += size;
    if (s->gathered == now.bytes) {
        take_record(party);
    }
    return size;
}

size_t fedli_party_take_max(const fedli_party *party)
{
    const fedli_party_state *s = party->state;
    FEDLI_CHECK(fedli_party_next(party) == FEDLI_PARTY_GET);
    return s->phase == FEDLI_PHASE_CERTS ? next_record(party).bytes - s->gathered : SIZE_MAX;
}

void fedli_party_take(fedli_party *party, fedl_bytes bytes, uint64_t total)
{
    fedli_party_state *s = party->state;
    FEDLI_CHECK(fedli_party_next(party) == FEDLI_PARTY_GET);
    const fedli_party_phase phase = s->phase;
    if (s->item_bytes == 0) {
        if (!total_is_possible(party, total)) {
            fedli_party_refuse(party, form_refusal(phase));
        } else {
            s->item_bytes = total;
        }
    } else if (total != s->item_bytes) {
        fedli_party_refuse(party, changed_refusal(phase));
    }
    if (s->phase == phase && bytes.size > s->item_bytes - s->item_offset) {
        fedli_party_refuse(party, form_refusal(phase));
    }
    /* The last record of an item leads to the next phase, and nothing is left then. */
    while (s->phase == phase && bytes.size > 0) {
        const size_t used = take_some(party, bytes);
        bytes = fedl_bytes_of(bytes.data + used, bytes.size - used);
    }
    fedli_party_settle(party);
}
