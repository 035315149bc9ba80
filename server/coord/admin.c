/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's commands. Each gets exactly one ADMIN_REPLY: at once when it can't be done, else
 * with the STORED event of what it changed. A revocation holds from the moment it is given, stored
 * or not; when the store fails the operator is told so and gives the command again.
 */
#include "base/check.h"
#include "coord/coord_state.h"

#include "base/secret.h"

#include <string.h>

static void answer(fedli_coord_state *c, fedl_status status)
{
    const fedl_admin *admin = &c->event->admin;
    fedli_outbox_admin(c, admin->ticket, status, admin->device_id, admin->task_id, NULL);
}

static void device_add(fedli_coord_state *c)
{
    const fedl_admin *admin = &c->event->admin;
    if (c->device_count + c->device_adds_out >= c->cfg.devices_max) {
        answer(c, FEDL_ERR_FULL);
        return;
    }
    fedl_device_record record = {.device_id = c->device_id_next, .state = FEDL_DEVICE_INVITED};
    memcpy(record.name, admin->name, sizeof record.name);
    record.name[sizeof record.name - 1u] = '\0';
    record.token_expires_s = admin->token_valid_s > UINT64_MAX - c->event->utc_s
                                 ? UINT64_MAX
                                 : c->event->utc_s + admin->token_valid_s;
    fedli_enrol_token_hash(c, record.token_hash, c->event->entropy);
    fedli_device_op *op = fedli_device_op_take(c, FEDL_STORE_DEVICE_ADD, &record);
    if (op == NULL) {
        answer(c, FEDL_ERR_BUSY);
        return;
    }
    c->device_id_next++;
    c->device_adds_out++;
    op->admin_ticket = admin->ticket;
    memcpy(op->secret, c->event->entropy, sizeof op->secret);
}

static void device_revoke(fedli_coord_state *c)
{
    const fedl_admin *admin = &c->event->admin;
    fedli_device *d = fedli_device_find(c, admin->device_id);
    if (d == NULL) {
        answer(c, FEDL_ERR_NOT_FOUND);
        return;
    }
    if (d->op_out) {
        answer(c, FEDL_ERR_BUSY);
        return;
    }
    if (d->record.state == FEDL_DEVICE_REVOKED && !d->unstored) {
        answer(c, FEDL_OK);
        return;
    }
    fedl_device_record record = d->record;
    record.state = FEDL_DEVICE_REVOKED;
    fedli_device_op *op = fedli_device_op_take(c, FEDL_STORE_DEVICE_STATE, &record);
    if (op == NULL) {
        answer(c, FEDL_ERR_BUSY);
        return;
    }
    op->admin_ticket = admin->ticket;
    d->op_out = true;
    d->unstored = true;
    d->record.state = FEDL_DEVICE_REVOKED;
    d->record.changed_s = c->event->utc_s;
    fedli_device_expel(c, d);
}

/* Into all tasks at once: whoever looks after devices does not think in tasks. */
static void device_readmit(fedli_coord_state *c)
{
    const fedl_admin *admin = &c->event->admin;
    fedli_device *d = fedli_device_find(c, admin->device_id);
    if (d == NULL) {
        answer(c, FEDL_ERR_NOT_FOUND);
        return;
    }
    if (d->excluded_tasks == 0) {
        answer(c, FEDL_ERR_STATE);
        return;
    }
    fedli_device_op *op =
        d->op_out ? NULL : fedli_device_op_take(c, FEDL_STORE_DEVICE_READMIT, &d->record);
    if (op == NULL) {
        answer(c, FEDL_ERR_BUSY);
        return;
    }
    op->admin_ticket = admin->ticket;
    d->op_out = true;
}

static void readmit_stored(fedli_coord_state *c, const fedli_device_op *op, fedli_device *d,
                           fedl_status status)
{
    if (status == FEDL_OK) {
        fedli_excluded_readmit(c, d); /* all that were stored before: ops are told of in order */
        fedli_outbox_log(c, FEDL_LOG_DEVICE_READMITTED)->device_id = d->record.device_id;
    }
    fedli_outbox_admin(c, op->admin_ticket, status, d->record.device_id, 0, NULL);
}

void fedli_admin_device_stored(fedli_coord_state *c, fedli_device_op *op, fedl_status status)
{
    const fedl_device_record *record = &op->op.device;
    if (op->op.kind == FEDL_STORE_DEVICE_ADD) {
        const char *text = NULL;
        c->device_adds_out--;
        if (status == FEDL_OK) {
            uint8_t fingerprint[FEDLI_FINGERPRINT_BYTES];
            status = fedli_device_insert(c, record);
            FEDLI_CHECK(status == FEDL_OK); /* room and id were set aside */
            fedl_fingerprint(c->crypto, fingerprint, c->cfg.identity.noise_public,
                             c->cfg.identity.ca_public);
            fedl_token_format(c->crypto, c->token_text, op->secret, fingerprint);
            text = c->token_text;
        }
        fedli_outbox_admin(c, op->admin_ticket, status, status == FEDL_OK ? record->device_id : 0,
                           0, text);
        return;
    }
    fedli_device *d = fedli_device_find(c, record->device_id);
    FEDLI_CHECK(d != NULL);
    d->op_out = false;
    if (op->op.kind == FEDL_STORE_DEVICE_READMIT) {
        readmit_stored(c, op, d, status);
        return;
    }
    if (status == FEDL_OK) {
        d->unstored = false;
        fedli_outbox_log(c, FEDL_LOG_DEVICE_REVOKED)->device_id = record->device_id;
    }
    fedli_outbox_admin(c, op->admin_ticket, status, record->device_id, 0, NULL);
}

static void task_add(fedli_coord_state *c)
{
    const fedl_admin *admin = &c->event->admin;
    fedli_task *t = NULL;
    const fedl_status status = fedli_task_create(c, &t, admin->setup, c->task_id_next);
    if (status != FEDL_OK) {
        answer(c, status);
        return;
    }
    t->admin_ticket = admin->ticket;
    t->admin_out = true;
    t->model.version = 1;
    t->model.created_s = c->event->utc_s;
    fedli_publish_sign(c, t, &t->model, t->round);
    t->op.kind = FEDL_STORE_TASK_ADD;
    t->op.task_state = FEDL_TASK_RUNNING;
    memcpy(t->op.name, t->name, sizeof t->op.name);
    t->op.plan_text = t->plan_text;
    t->op.model = t->model;
    fedli_task_emit_op(c, t);
}

static void task_pause(fedli_coord_state *c, fedli_task *t)
{
    if (t->state != FEDL_TASK_RUNNING) {
        answer(c, FEDL_ERR_STATE);
        return;
    }
    if (t->admin_out) {
        answer(c, FEDL_ERR_BUSY);
        return;
    }
    t->admin_ticket = c->event->admin.ticket;
    t->admin_out = true;
    t->want_pause = true;
    switch (t->phase) {
    case FEDL_PHASE_POOL:
    case FEDL_PHASE_RETRY:
        fedli_round_set_state(c, t, FEDL_TASK_PAUSED, "paused by the operator");
        break;
    case FEDL_PHASE_RUNNING:
        fedli_round_abort(c, t, "paused by the operator");
        break;
    case FEDL_PHASE_IDLE: /* about to be paused or complete: its STORED event answers */
    case FEDL_PHASE_OPENING:
    case FEDL_PHASE_FREEZING: /* from the commit point on the sum is finished, or burnt */
    case FEDL_PHASE_UNMASKING:
    case FEDL_PHASE_COMPUTING:
    case FEDL_PHASE_LOADING:
    case FEDL_PHASE_COMMITTING:
    case FEDL_PHASE_ABORTING:
    case FEDL_PHASE_BURNING:
        break;
    }
}

static void task_resume(fedli_coord_state *c, fedli_task *t)
{
    if (t->state != FEDL_TASK_PAUSED) {
        answer(c, FEDL_ERR_STATE);
        return;
    }
    if (t->admin_out) {
        answer(c, FEDL_ERR_BUSY);
        return;
    }
    t->admin_ticket = c->event->admin.ticket;
    t->admin_out = true;
    fedli_round_set_state(c, t, FEDL_TASK_RUNNING, NULL);
}

void fedli_admin_on_event(fedli_coord_state *c)
{
    const fedl_admin *admin = &c->event->admin;
    fedli_task *t = fedli_task_find(c, admin->task_id);
    if (t != NULL && !t->visible) {
        t = NULL;
    }
    switch (admin->kind) {
    case FEDL_ADMIN_DEVICE_ADD:
        device_add(c);
        return;
    case FEDL_ADMIN_DEVICE_REVOKE:
        device_revoke(c);
        return;
    case FEDL_ADMIN_DEVICE_CERTIFY:
        fedli_enrol_certify(c);
        return;
    case FEDL_ADMIN_DEVICE_READMIT:
        device_readmit(c);
        return;
    case FEDL_ADMIN_TASK_ADD:
        task_add(c);
        return;
    case FEDL_ADMIN_TASK_PAUSE:
        if (t == NULL) {
            answer(c, FEDL_ERR_NOT_FOUND);
        } else {
            task_pause(c, t);
        }
        return;
    case FEDL_ADMIN_TASK_RESUME:
        if (t == NULL) {
            answer(c, FEDL_ERR_NOT_FOUND);
        } else {
            task_resume(c, t);
        }
        return;
    }
    FEDLI_CHECK(false); /* checked by step() */
}
