/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment: Noise XX with a one-time token.
 *
 *   device                                   server
 *   HELLO_XX   → e                        →
 *              ← e, ee, s, es + CA key    ←  the device compares both keys with the fingerprint
 *   FINISH_XX  → s, se + ENROL(secret)    →  token found, not expired → DEVICE_ENROL is stored
 *              ← RECORD(ENROLLED)         ←  only then
 *
 * The prologue is "fedl/1" alone: a device that joins does not know its fleet yet; the fingerprint
 * in the token stands for the fleet. The token's secret is kept only as a keyed hash, and compared
 * with every invited device in constant time.
 *
 * A device that lost the answer enrols again with the same keys and gets the same answer, now or
 * after a restart; with other keys the token counts as used.
 *
 * When the CA's key is kept elsewhere (identity.ca_offline), ENROL makes the device PENDING: it is
 * told to ask again, which it does by enrolling anew with the same keys, until the operator has
 * brought its certificate back. A pending device can do nothing else.
 */
#include "base/check.h"
#include "coord/coord_state.h"
#include "secure/prologue.h"

#include "base/secret.h"

#include <string.h>

#define PENDING_RETRY_MS 5000u

static const uint8_t token_personal[FEDL_PERSONAL_BYTES] = "fedl.tokh.v1";

void fedli_enrol_token_hash(const fedli_coord_state *c, uint8_t out[32],
                            const uint8_t secret[FEDLI_TOKEN_SECRET_BYTES])
{
    fedl_hash hash;
    c->crypto->hash_init(&hash, 32, c->cfg.identity.token_key, 32, token_personal);
    c->crypto->hash_update(&hash, secret, FEDLI_TOKEN_SECRET_BYTES);
    c->crypto->hash_final(&hash, out, 32);
    fedli_wipe(&hash, sizeof hash);
}

void fedli_enrol_hello(fedli_coord_state *c, const fedli_envelope *envelope)
{
    fedli_noise noise = {0};
    uint8_t prologue[FEDLI_PROLOGUE_BYTES_MAX];
    size_t size = 0;
    fedl_status status =
        fedli_noise_init(&noise, c->crypto, FEDLI_NOISE_XX, false,
                         fedli_prologue_encode(prologue, NULL), c->cfg.identity.noise_secret, NULL);
    if (status == FEDL_OK) { /* -> e */
        status = fedli_noise_read(&noise, c->plain, FEDLI_NOISE_MESSAGE_BYTES_MAX, &size,
                                  envelope->body);
    }
    if (status == FEDL_OK) { /* <- e, ee, s, es */
        status = fedli_noise_write(&noise, c->scratch, FEDLI_MESSAGE_ARENA_BYTES, &size,
                                   fedl_bytes_of(c->cfg.identity.ca_public, FEDLI_XX_PAYLOAD_BYTES),
                                   c->event->entropy);
    }
    if (status != FEDL_OK) {
        fedli_noise_wipe(&noise);
        fedli_outbox_refuse(c, c->event->request, status);
        return;
    }
    const uint32_t slot = fedli_session_take(c, FEDLI_SESSION_JOINING, c->event->entropy + 32);
    c->sessions[slot].u.noise = noise;
    fedli_noise_wipe(&noise);
    uint8_t *out = c->out + c->out_used;
    fedli_envelope_header_encode(out, FEDLI_ENVELOPE_HELLO_XX, c->sessions[slot].id);
    memcpy(out + FEDLI_ENVELOPE_HEADER_BYTES, c->scratch, size);
    fedli_outbox_send(c, c->event->request, FEDLI_ENVELOPE_HEADER_BYTES + size);
}

/* Constant time in the secret: every device is looked at, whatever matches. */
static fedli_device *find_token(const fedli_coord_state *c, const uint8_t hash[32])
{
    fedli_device *found = NULL;
    for (uint32_t i = 0; i < c->device_count; i++) {
        const bool equal = fedli_equal_ct(c->devices[i].record.token_hash, hash, 32);
        found = equal ? &c->devices[i] : found;
    }
    return found;
}

/* A device whose certificate was signed elsewhere gets that one, also after the CA's key came here.
 */
static void certificate_of(const fedli_coord_state *c, uint8_t out[FEDLI_CERT_BYTES],
                           const fedl_device_record *record)
{
    static const uint8_t none[64];
    const bool elsewhere = memcmp(record->cert_signature, none, sizeof none) != 0;
    fedl_cert cert = {.role = FEDL_CERT_DEVICE, .subject_id = record->device_id, .serial = 1};
    memcpy(cert.fleet_id, c->cfg.identity.fleet_id, 16);
    memcpy(cert.id_public, record->id_public, 32);
    memcpy(cert.noise_public, record->noise_public, 32);
    fedl_cert_issue(c->crypto, out, &cert, elsewhere ? NULL : c->cfg.identity.ca_secret);
    if (elsewhere) {
        memcpy(out + FEDLI_CERT_BYTES - FEDL_SIGNATURE_BYTES, record->cert_signature,
               FEDL_SIGNATURE_BYTES);
    }
}

static void send_pending(fedli_coord_state *c, uint32_t slot)
{
    fedli_outbox_reject(c, slot, FEDL_REJECT_BUSY, PENDING_RETRY_MS,
                        "enrolled, waits for the operator to bring its certificate");
}

static void send_enrolled(fedli_coord_state *c, uint32_t slot, const fedl_device_record *record)
{
    uint8_t bytes[FEDLI_CERT_BYTES];
    certificate_of(c, bytes, record);

    fedl_message message = {.kind = FEDL_MESSAGE_ENROLLED};
    message.u.enrolled.device_id = record->device_id;
    memcpy(message.u.enrolled.fleet_id, c->cfg.identity.fleet_id, 16);
    message.u.enrolled.device_cert = fedl_bytes_of(bytes, sizeof bytes);
    message.u.enrolled.server_cert =
        fedl_bytes_of(c->cfg.identity.server_cert, sizeof c->cfg.identity.server_cert);
    fedli_outbox_reply(c, slot, &message);
}

static void use_token(fedli_coord_state *c, uint32_t slot, const fedl_message_enrol *enrol,
                      const uint8_t noise_public[32])
{
    uint8_t hash[32];
    const fedli_device *known = fedli_device_find_key(c, noise_public);
    const bool same = known != NULL && memcmp(known->record.id_public, enrol->id_public, 32) == 0;
    if (same && known->record.state == FEDL_DEVICE_ACTIVE) {
        send_enrolled(c, slot, &known->record); /* it has proved its key; the answer was lost */
        return;
    }
    if (same && known->record.state == FEDL_DEVICE_PENDING) {
        send_pending(c, slot);
        return;
    }
    fedli_enrol_token_hash(c, hash, enrol->secret);
    fedli_device *d = find_token(c, hash);
    if (known != NULL || d == NULL || d->record.state != FEDL_DEVICE_INVITED ||
        d->record.token_expires_s < c->event->utc_s) {
        fedli_outbox_reject(c, slot, FEDL_REJECT_TOKEN, 0, "token unknown, used or expired");
        return;
    }
    fedl_device_record record = d->record;
    record.state = c->cfg.identity.ca_offline ? FEDL_DEVICE_PENDING : FEDL_DEVICE_ACTIVE;
    record.token_expires_s = 0;
    memset(record.token_hash, 0, sizeof record.token_hash); /* used up */
    memcpy(record.id_public, enrol->id_public, 32);
    memcpy(record.noise_public, noise_public, 32);
    fedli_device_op *op =
        d->op_out ? NULL : fedli_device_op_take(c, FEDL_STORE_DEVICE_ENROL, &record);
    if (op == NULL) {
        fedli_outbox_reject(c, slot, FEDL_REJECT_BUSY, 1000, "try again");
        return;
    }
    d->op_out = true;
    op->session_id = c->sessions[slot].id;
    c->sessions[slot].pending = FEDLI_PENDING_STORE;
}

void fedli_enrol_finish(fedli_coord_state *c, const fedli_envelope *envelope)
{
    uint32_t slot = 0;
    size_t size = 0;
    fedli_session *s = fedli_session_find(c, envelope->session_id, &slot);
    if (s != NULL && s->state == FEDLI_SESSION_JOINED && s->reply_bytes != 0) {
        fedli_session_resend(c, slot, c->event->request); /* sealed: of use to the device only */
        return;
    }
    if (s == NULL || s->state != FEDLI_SESSION_JOINING) {
        fedli_outbox_refuse_unknown(c, c->event->request);
        return;
    }
    fedl_message message;
    /* -> s, se. A forged message leaves the handshake as it was: the true one may still come. */
    fedl_status status = fedli_noise_read(&s->u.noise, c->plain, FEDLI_NOISE_MESSAGE_BYTES_MAX,
                                          &size, envelope->body);
    if (status != FEDL_OK) {
        fedli_outbox_refuse(c, c->event->request, status);
        return;
    }
    uint8_t noise_public[32];
    uint8_t send_key[32];
    uint8_t receive_key[32];
    uint8_t hash[64];
    memcpy(noise_public, fedli_noise_remote_static(&s->u.noise), 32);
    status = fedli_noise_split(&s->u.noise, send_key, receive_key, hash);
    FEDLI_CHECK(status == FEDL_OK);
    fedli_channel_init(&s->channel, c->crypto, send_key, receive_key);
    fedli_wipe(send_key, sizeof send_key);
    fedli_wipe(receive_key, sizeof receive_key);
    fedli_wipe(hash, sizeof hash);
    s->state = FEDLI_SESSION_JOINED; /* same list as JOINING */
    c->requests[slot] = c->event->request;

    status = fedl_message_decode(&message, fedl_bytes_of(c->plain, size), c->arena,
                                 FEDLI_MESSAGE_ARENA_BYTES);
    if (status != FEDL_OK || message.kind != FEDL_MESSAGE_ENROL) {
        fedli_outbox_reject(c, slot, FEDL_REJECT_MALFORMED, 0, "not an ENROL");
    } else {
        s->request_id = message.request_id;
        use_token(c, slot, &message.u.enrol, noise_public);
    }
    fedli_wipe(c->plain, size); /* the token's secret, wherever decoding stopped */
    fedli_wipe(c->arena, FEDLI_MESSAGE_ARENA_BYTES);
    fedli_wipe(&message, sizeof message);
}

void fedli_enrol_stored(fedli_coord_state *c, fedli_device_op *op, fedl_status status)
{
    uint32_t slot = 0;
    const fedl_device_record *record = &op->op.device;
    fedli_device *d = fedli_device_find(c, record->device_id);
    FEDLI_CHECK(d != NULL);
    d->op_out = false;
    if (status == FEDL_OK) {
        d->record = *record;
        fedli_device_key_insert(c, d);
        fedli_outbox_log(c, record->state == FEDL_DEVICE_PENDING ? FEDL_LOG_DEVICE_PENDING
                                                                 : FEDL_LOG_DEVICE_ENROLLED)
            ->device_id = record->device_id;
    }
    const fedli_session *s = fedli_session_find(c, op->session_id, &slot);
    if (s == NULL || s->pending != FEDLI_PENDING_STORE) {
        return; /* it made room for others: the device asks again */
    }
    if (status == FEDL_OK && record->state == FEDL_DEVICE_PENDING) {
        send_pending(c, slot);
    } else if (status == FEDL_OK) {
        send_enrolled(c, slot, record);
    } else {
        fedli_outbox_reject(c, slot, FEDL_REJECT_INTERNAL, 1000, "the server could not store");
    }
}

/* Is it, byte for byte, the certificate that this server would have asked for? */
static bool certificate_fits(const fedli_coord_state *c, const fedl_device_record *record,
                             const uint8_t certificate[FEDLI_CERT_BYTES])
{
    uint8_t expected[FEDLI_CERT_BYTES];
    fedl_cert cert;
    fedl_device_record signed_record = *record;
    memcpy(signed_record.cert_signature, certificate + FEDLI_CERT_BYTES - FEDL_SIGNATURE_BYTES,
           FEDL_SIGNATURE_BYTES);
    certificate_of(c, expected, &signed_record);
    return memcmp(expected, certificate, sizeof expected) == 0 &&
           fedl_cert_open(&cert, c->crypto, fedl_bytes_of(certificate, FEDLI_CERT_BYTES),
                          c->cfg.identity.ca_public, 0) == FEDL_OK;
}

void fedli_enrol_certify(fedli_coord_state *c)
{
    const fedl_admin *admin = &c->event->admin;
    fedli_device *d = fedli_device_find(c, admin->device_id);
    fedli_device_op *op = NULL;
    fedl_status status = FEDL_OK;
    if (d == NULL) {
        status = FEDL_ERR_NOT_FOUND;
    } else if (d->record.state != FEDL_DEVICE_PENDING) {
        status = FEDL_ERR_STATE;
    } else if (!certificate_fits(c, &d->record, admin->certificate)) {
        status = FEDL_ERR_MISMATCH;
    } else {
        fedl_device_record record = d->record;
        record.state = FEDL_DEVICE_ACTIVE;
        memcpy(record.cert_signature, admin->certificate + FEDLI_CERT_BYTES - FEDL_SIGNATURE_BYTES,
               FEDL_SIGNATURE_BYTES);
        op = d->op_out ? NULL : fedli_device_op_take(c, FEDL_STORE_DEVICE_CERTIFY, &record);
        status = op == NULL ? FEDL_ERR_BUSY : FEDL_OK;
    }
    if (status != FEDL_OK) {
        fedli_outbox_admin(c, admin->ticket, status, admin->device_id, 0, NULL);
        return;
    }
    op->admin_ticket = admin->ticket;
    d->op_out = true;
}

void fedli_enrol_certified(fedli_coord_state *c, fedli_device_op *op, fedl_status status)
{
    const fedl_device_record *record = &op->op.device;
    fedli_device *d = fedli_device_find(c, record->device_id);
    FEDLI_CHECK(d != NULL);
    d->op_out = false;
    if (status == FEDL_OK) {
        d->record = *record;
        fedli_outbox_log(c, FEDL_LOG_DEVICE_ENROLLED)->device_id = record->device_id;
    }
    fedli_outbox_admin(c, op->admin_ticket, status, record->device_id, 0, NULL);
}
