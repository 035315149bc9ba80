/* SPDX-License-Identifier: Apache-2.0 */
/* Audit rows as text for people, and their hash chain. See the header for the layout. */
#include "store/audit_chain.h"
#include "base/cursor.h"
#include "base/hex.h"
#include "store/crash_point.h"
#include "store/state_name.h"
#include "store/store_check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const uint8_t audit_personal[FEDL_PERSONAL_BYTES] = "fedl.audit.v1";

/* A name from outside must not be able to draw lines into a log or a terminal. */
static void clean(char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20u || c == 0x7fu) {
            *text = '?';
        }
    }
}

/* ", device 7 is to blame", ", between device 7 and device 9", or nothing. */
static void describe_blame(fedl_audit_entry *entry, const fedl_store_op *op)
{
    size_t used = strlen(entry->detail);
    char *out = entry->detail + used;
    size_t room = sizeof entry->detail - used;
    if (op->blamed != 0 && op->blamed_other != 0) {
        (void)snprintf(out, room, ", between device %" PRIu32 " and device %" PRIu32, op->blamed,
                       op->blamed_other);
    } else if (op->blamed != 0 && op->blamed_in_doubt) {
        (void)snprintf(out, room, ", the helper accuses device %" PRIu32, op->blamed);
    } else if (op->blamed != 0) {
        (void)snprintf(out, room, ", device %" PRIu32 " is to blame", op->blamed);
    }
}

/* ", rho 123": what a failed attempt, or the noise of the server, has cost; or nothing. */
static void describe_charge(fedl_audit_entry *entry, const fedl_store_op *op)
{
    const size_t used = strlen(entry->detail);
    if (op->rho > 0) {
        (void)snprintf(entry->detail + used, sizeof entry->detail - used, ", rho %" PRIu64,
                       op->rho);
    }
}

static uint32_t survivors(const fedl_store_op *op)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < op->member_count; i++) {
        count += op->share_kinds[i] == FEDL_SHARE_SURVIVOR ? 1u : 0u;
    }
    return count;
}

void fedl_audit_describe(fedl_audit_entry *entry, const fedl_store_op *op)
{
    const char *text = op->text != NULL ? op->text : "";
    char *out = entry->detail;
    size_t room = sizeof entry->detail;
    char digest[65];
    entry->utc_s = op->utc_s;
    (void)snprintf(entry->what, sizeof entry->what, "%s", fedl_store_op_name(op->kind));
    switch (op->kind) {
    case FEDL_STORE_DEVICE_ADD:
        (void)snprintf(out, room, "device %" PRIu32 " name \"%s\" token expires %" PRIu64,
                       op->device.device_id, op->device.name, op->device.token_expires_s);
        break;
    case FEDL_STORE_DEVICE_ENROL:
        fedli_hex_encode(digest, op->device.id_public, 32);
        (void)snprintf(out, room, "device %" PRIu32 " key %s%s", op->device.device_id, digest,
                       op->device.state == FEDL_DEVICE_PENDING ? ", waits for its certificate"
                                                               : "");
        break;
    case FEDL_STORE_DEVICE_CERTIFY:
        fedli_hex_encode(digest, op->device.cert_signature, 32);
        (void)snprintf(out, room, "device %" PRIu32 " certificate signed elsewhere %s…",
                       op->device.device_id, digest);
        break;
    case FEDL_STORE_DEVICE_READMIT:
        (void)snprintf(out, room, "device %" PRIu32 " may take part in all tasks again",
                       op->device.device_id);
        break;
    case FEDL_STORE_DEVICE_STATE:
        (void)snprintf(out, room, "device %" PRIu32 " %s", op->device.device_id,
                       fedl_device_state_name(op->device.state));
        break;
    case FEDL_STORE_TASK_ADD:
        fedli_hex_encode(digest, op->model.digest, 32);
        (void)snprintf(out, room, "task %" PRIu32 " name \"%s\" model %s", op->task_id, op->name,
                       digest);
        break;
    case FEDL_STORE_TASK_STATE:
        (void)snprintf(out, room, "task %" PRIu32 " %s: %s", op->task_id,
                       fedl_task_state_name(op->task_state), text);
        break;
    case FEDL_STORE_ROUND_OPEN:
        (void)snprintf(out, room,
                       "task %" PRIu32 " round %" PRIu32 " attempt %" PRIu32 " members %" PRIu32,
                       op->task_id, op->round, op->attempt, op->member_count);
        break;
    case FEDL_STORE_ROUND_ABORT:
    case FEDL_STORE_ROUND_BURN:
        (void)snprintf(out, room, "task %" PRIu32 " round %" PRIu32 " attempt %" PRIu32 ": %.300s",
                       op->task_id, op->round, op->attempt, text);
        describe_blame(entry, op);
        describe_charge(entry, op);
        break;
    case FEDL_STORE_GROUP_COMMIT:
        (void)snprintf(out, room,
                       "task %" PRIu32 " round %" PRIu32 " attempt %" PRIu32 " survivors %" PRIu32
                       " of %" PRIu32 " rho %" PRIu64,
                       op->task_id, op->round, op->attempt, survivors(op), op->member_count,
                       op->rho);
        break;
    case FEDL_STORE_COMMIT:
        fedli_hex_encode(digest, op->model.digest, 32);
        (void)snprintf(out, room,
                       "task %" PRIu32 " round %" PRIu32 " attempt %" PRIu32 " reports %" PRIu32
                       " version %" PRIu32 " model %s",
                       op->task_id, op->round, op->attempt, op->member_count, op->model.version,
                       digest);
        describe_blame(entry, op);
        describe_charge(entry, op);
        break;
    }
    clean(entry->detail);
}

static void hash_text(const fedl_crypto *crypto, fedl_hash *hash, const char *text)
{
    uint8_t size[4];
    size_t bytes = strlen(text);
    fedli_store_u32(size, (uint32_t)bytes);
    crypto->hash_update(hash, size, sizeof size);
    crypto->hash_update(hash, text, bytes);
}

void fedl_audit_link(const fedl_crypto *crypto, uint8_t hash[32], const uint8_t previous[32],
                     uint64_t sequence, uint64_t utc_s, const char *what, const char *detail)
{
    uint8_t fixed[16];
    fedl_hash state;
    fedli_store_u64(fixed, sequence);
    fedli_store_u64(fixed + 8, utc_s);
    crypto->hash_init(&state, 32, NULL, 0, audit_personal);
    crypto->hash_update(&state, previous, 32);
    crypto->hash_update(&state, fixed, sizeof fixed);
    hash_text(crypto, &state, what);
    hash_text(crypto, &state, detail);
    crypto->hash_final(&state, hash, 32);
}

typedef struct verify_state {
    const fedl_crypto *crypto;
    fedl_audit_report *report;
} verify_state;

static bool verify_row(void *context, const fedl_audit_row *row)
{
    verify_state *state = context;
    fedl_audit_report *report = state->report;
    uint8_t expected[32];
    fedl_audit_link(state->crypto, expected, report->head, row->sequence, row->utc_s, row->what,
                    row->detail);
    if (row->sequence != report->row_count + 1 || memcmp(expected, row->hash, 32) != 0) {
        report->broken_sequence = report->row_count + 1;
        return false;
    }
    report->row_count++;
    memcpy(report->head, row->hash, 32);
    return true;
}

fedl_status fedl_audit_verify(fedl_audit_report *report, fedl_store *store,
                              const fedl_crypto *crypto)
{
    verify_state state = {crypto, report};
    memset(report, 0, sizeof *report);
    fedl_status status = store->ops->audit_each(store, verify_row, &state);
    if (status == FEDL_OK && report->broken_sequence != 0) {
        status = FEDL_ERR_CORRUPT;
    }
    return status;
}
