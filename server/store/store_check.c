/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. Nothing here allocates or knows a database. */
#include "store/store_check.h"

#include <string.h>

#define PLAN_TEXT_BYTES_MAX (64u * 1024u)
#define GROUP_BYTES_MAX     ((size_t)1 << 30)
#define AGG_STATE_BYTES_MAX (64u * (size_t)FEDL_PARAMETERS_MAX)

static bool name_ok(const char name[FEDL_TASK_NAME_BYTES_MAX])
{
    return name[0] != '\0' && memchr(name, '\0', FEDL_TASK_NAME_BYTES_MAX) != NULL;
}

static bool device_state_ok(fedl_device_state state)
{
    return state >= FEDL_DEVICE_INVITED && state <= FEDL_DEVICE_PENDING;
}

static bool members_ok(const fedl_store_op *op)
{
    if (op->round == 0 || op->attempt == 0 || op->member_count == 0 || op->members == NULL) {
        return false;
    }
    uint32_t last = 0;
    for (uint32_t i = 0; i < op->member_count; i++) {
        if (op->members[i] <= last) {
            return false;
        }
        last = op->members[i];
    }
    return true;
}

/* Every member has one of the two kinds, and somebody survives: otherwise there is no sum. */
static bool group_ok(const fedl_store_op *op)
{
    uint32_t survivors = 0;
    if (op->share_kinds == NULL || op->masked_sum.size == 0 || op->group_state.size == 0 ||
        op->masked_sum.size > GROUP_BYTES_MAX || op->group_state.size > GROUP_BYTES_MAX ||
        op->rho > FEDL_STORE_RHO_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < op->member_count; i++) {
        if (op->share_kinds[i] != FEDL_SHARE_SURVIVOR &&
            op->share_kinds[i] != FEDL_SHARE_VANISHED) {
            return false;
        }
        survivors += op->share_kinds[i] == FEDL_SHARE_SURVIVOR ? 1u : 0u;
    }
    return survivors > 0;
}

void fedl_store_digest(const fedl_crypto *crypto, uint8_t digest[32], fedl_bytes container)
{
    fedl_hash hash;
    crypto->hash_init(&hash, 32, NULL, 0, NULL);
    crypto->hash_update(&hash, container.data, container.size);
    crypto->hash_final(&hash, digest, 32);
}

static fedl_status model_check(const fedl_crypto *crypto, const fedl_store_op *op)
{
    const fedl_model_record *model = &op->model;
    uint8_t digest[32];
    if (model->task_id != op->task_id || model->round != op->round || model->version == 0 ||
        model->container.size == 0 || model->parameter_count == 0 || model->master_words == NULL ||
        model->parameter_count > FEDL_PARAMETERS_MAX ||
        model->agg_state.size > AGG_STATE_BYTES_MAX) {
        return FEDL_ERR_RANGE;
    }
    fedl_store_digest(crypto, digest, model->container);
    return memcmp(digest, model->digest, sizeof digest) == 0 ? FEDL_OK : FEDL_ERR_MISMATCH;
}

fedl_status fedl_store_op_check(const fedl_crypto *crypto, const fedl_store_op *op)
{
    static const uint8_t zero[64];
    bool ok = false;
    switch (op->kind) {
    case FEDL_STORE_DEVICE_ADD:
        ok = op->device.device_id != 0 && op->device.state == FEDL_DEVICE_INVITED &&
             name_ok(op->device.name);
        break;
    case FEDL_STORE_DEVICE_ENROL:
        ok = op->device.device_id != 0 &&
             (op->device.state == FEDL_DEVICE_ACTIVE || op->device.state == FEDL_DEVICE_PENDING);
        break;
    case FEDL_STORE_DEVICE_CERTIFY:
        ok = op->device.device_id != 0 &&
             memcmp(op->device.cert_signature, zero, sizeof op->device.cert_signature) != 0;
        break;
    case FEDL_STORE_DEVICE_READMIT:
        ok = op->device.device_id != 0;
        break;
    case FEDL_STORE_DEVICE_STATE:
        ok = op->device.device_id != 0 && device_state_ok(op->device.state);
        break;
    case FEDL_STORE_TASK_ADD:
        if (op->task_id == 0 || !name_ok(op->name) || op->plan_text.size > PLAN_TEXT_BYTES_MAX ||
            op->model.version != 1 || op->round != 0) {
            return FEDL_ERR_RANGE;
        }
        return model_check(crypto, op);
    case FEDL_STORE_TASK_STATE:
        ok = op->task_id != 0 && op->task_state >= FEDL_TASK_RUNNING &&
             op->task_state <= FEDL_TASK_COMPLETE;
        break;
    case FEDL_STORE_ROUND_OPEN:
        ok = op->task_id != 0 && members_ok(op);
        break;
    case FEDL_STORE_ROUND_ABORT:
    case FEDL_STORE_ROUND_BURN:
        ok =
            op->task_id != 0 && op->round != 0 && op->attempt != 0 && op->rho <= FEDL_STORE_RHO_MAX;
        break;
    case FEDL_STORE_COMMIT:
        if (op->task_id == 0 || !members_ok(op) || op->model.version < 2 ||
            op->rho > FEDL_STORE_RHO_MAX) {
            return FEDL_ERR_RANGE;
        }
        return model_check(crypto, op);
    case FEDL_STORE_GROUP_COMMIT:
        ok = op->task_id != 0 && members_ok(op) && group_ok(op);
        break;
    }
    return ok ? FEDL_OK : FEDL_ERR_RANGE;
}

bool fedl_store_device_may(fedl_device_state from, fedl_device_state to)
{
    switch (to) {
    case FEDL_DEVICE_REVOKED:
        return from != FEDL_DEVICE_REVOKED;
    case FEDL_DEVICE_LEFT:
        return from == FEDL_DEVICE_ACTIVE;
    case FEDL_DEVICE_INVITED:
    case FEDL_DEVICE_ACTIVE:
    case FEDL_DEVICE_PENDING:
        break;
    }
    return false;
}

bool fedl_store_task_may(fedl_task_state from, fedl_task_state to)
{
    return from != to && from != FEDL_TASK_COMPLETE;
}
