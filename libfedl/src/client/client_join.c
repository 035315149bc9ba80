/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment: Noise XX with a one-time token.
 *
 * The token pins the server: its fingerprint is compared with the server's static key and the CA
 * key of XX message 2 before the secret leaves the device. The device's keys are made once per
 * machine, so that a repeated ENROL after a lost answer is recognised as the same device.
 */
#include "client/client_state.h"

#include "base/check.h"
#include "base/cursor.h"
#include "base/secret.h"
#include "secure/prologue.h"

#include <string.h>

fedl_status fedli_client_join_init(fedli_client_state *c)
{
    memset(&c->cfg.identity, 0, sizeof c->cfg.identity);
    const fedl_status status =
        fedl_token_parse(c->crypto, c->token_secret, c->fingerprint, c->cfg.token);
    c->cfg.token = NULL;
    return status;
}

void fedli_client_join_keys(fedli_client_state *c)
{
    fedl_identity *identity = &c->cfg.identity;
    if (c->work != FEDLI_WORK_JOIN) {
        return;
    }
    c->crypto->sign_keypair(c->id_public, identity->id_secret, c->event->entropy);
    memcpy(identity->noise_secret, c->event->entropy + 32, 32);
    c->crypto->x25519_public(c->noise_public, identity->noise_secret);
    /* The entropy is used up: request ids come from a hash that tells nothing about the keys. */
    uint8_t hash[FEDL_HASH_BYTES];
    fedl_digest(c->crypto, hash, c->id_public, sizeof c->id_public);
    c->request_id_next = fedli_load_u64(hash);
}

void fedli_client_hello_xx(fedli_client_state *c)
{
    uint8_t prologue[FEDLI_PROLOGUE_BYTES_MAX];
    size_t size = 0;
    fedl_status status =
        fedli_noise_init(&c->noise, c->crypto, FEDLI_NOISE_XX, true,
                         fedli_prologue_encode(prologue, NULL), c->cfg.identity.noise_secret, NULL);
    if (status == FEDL_OK) { /* -> e */
        status = fedli_noise_write(&c->noise, c->out + FEDLI_ENVELOPE_HEADER_BYTES,
                                   c->out_bytes - FEDLI_ENVELOPE_HEADER_BYTES, &size,
                                   fedl_bytes_of("", 0), c->event->entropy);
    }
    FEDLI_CHECK(status == FEDL_OK); /* no key of the peer is involved yet */
    c->link = FEDLI_LINK_HELLO;
    fedli_client_send(c, FEDLI_ENVELOPE_HELLO_XX, 0, size, 0);
}

/* Writes XX message 3 with ENROL inside and turns the handshake into a channel. */
static fedl_status write_finish(fedli_client_state *c, size_t *size)
{
    uint8_t send_key[32];
    uint8_t receive_key[32];
    uint8_t hash[64];
    size_t frame_size = 0;
    fedl_message message = {.kind = FEDL_MESSAGE_ENROL, .request_id = c->request_id};
    memcpy(message.u.enrol.secret, c->token_secret, sizeof c->token_secret);
    memcpy(message.u.enrol.id_public, c->id_public, sizeof c->id_public);
    message.u.enrol.library_version = FEDL_LIBRARY_VERSION;
    fedl_status status = fedl_message_encode(c->in, c->in_bytes, &frame_size, &message, c->arena,
                                             FEDLI_MESSAGE_ARENA_BYTES);
    if (status == FEDL_OK) { /* -> s, se */
        status = fedli_noise_write(&c->noise, c->out + FEDLI_ENVELOPE_HEADER_BYTES,
                                   c->out_bytes - FEDLI_ENVELOPE_HEADER_BYTES, size,
                                   fedl_bytes_of(c->in, frame_size), c->event->entropy);
    }
    if (status == FEDL_OK) {
        status = fedli_noise_split(&c->noise, send_key, receive_key, hash);
    }
    if (status == FEDL_OK) {
        fedli_channel_init(&c->channel, c->crypto, send_key, receive_key);
    }
    fedli_wipe(&message, sizeof message);
    fedli_wipe(c->in, frame_size);
    fedli_wipe(c->arena, FEDLI_MESSAGE_ARENA_BYTES);
    fedli_wipe(send_key, sizeof send_key);
    fedli_wipe(receive_key, sizeof receive_key);
    fedli_wipe(hash, sizeof hash);
    return status;
}

void fedli_client_on_hello_xx(fedli_client_state *c, const fedli_envelope *envelope)
{
    uint8_t fingerprint[FEDLI_FINGERPRINT_BYTES];
    size_t size = 0;
    /* <- e, ee, s, es */
    fedl_status status = fedli_noise_read(&c->noise, c->in, c->in_bytes, &size, envelope->body);
    if (status == FEDL_OK && size != FEDLI_XX_PAYLOAD_BYTES) {
        status = FEDL_ERR_FORMAT;
    }
    if (status != FEDL_OK) {
        fedli_client_link_fail(c, FEDL_CLIENT_LOG_BAD_MESSAGE, status);
        return;
    }
    const uint8_t *server_public = fedli_noise_remote_static(&c->noise);
    fedl_fingerprint(c->crypto, fingerprint, server_public, c->in);
    if (!fedli_equal_ct(fingerprint, c->fingerprint, sizeof fingerprint)) {
        /* Another server than the one the token was made for: the secret stays here. */
        fedli_client_finish(c, FEDL_ERR_MISMATCH);
        return;
    }
    memcpy(c->cfg.identity.server_noise_public, server_public, 32);
    memcpy(c->cfg.identity.ca_public, c->in, 32);
    c->request_id_next++;
    c->request_id = c->request_id_next | 1u;
    status = write_finish(c, &size);
    if (status != FEDL_OK) {
        fedli_client_link_fail(c, FEDL_CLIENT_LOG_BAD_MESSAGE, status);
        return;
    }
    c->session = true;
    c->session_id = envelope->session_id;
    c->link = FEDLI_LINK_FINISH;
    c->outstanding = true;
    fedli_client_send(c, FEDLI_ENVELOPE_FINISH_XX, c->session_id, size, 0);
}

/* Both certificates must say what this device knows already. */
static fedl_status check_enrolled(const fedli_client_state *c, const fedl_message_enrolled *m,
                                  fedl_cert *server)
{
    const fedl_identity *identity = &c->cfg.identity;
    fedl_cert device;
    fedl_status status =
        fedl_cert_open(server, c->crypto, m->server_cert, identity->ca_public, c->event->utc_s);
    if (status != FEDL_OK) {
        return status;
    }
    status =
        fedl_cert_open(&device, c->crypto, m->device_cert, identity->ca_public, c->event->utc_s);
    if (status != FEDL_OK) {
        return status;
    }
    const bool same =
        server->role == FEDL_CERT_ROUND && memcmp(server->fleet_id, m->fleet_id, 16) == 0 &&
        memcmp(server->noise_public, identity->server_noise_public, 32) == 0 &&
        device.role == FEDL_CERT_DEVICE && memcmp(device.fleet_id, m->fleet_id, 16) == 0 &&
        device.subject_id == m->device_id && memcmp(device.id_public, c->id_public, 32) == 0 &&
        memcmp(device.noise_public, c->noise_public, 32) == 0;
    return same ? FEDL_OK : FEDL_ERR_MISMATCH;
}

void fedli_client_on_enrolled(fedli_client_state *c, const fedl_message_enrolled *enrolled)
{
    fedl_cert server;
    const fedl_status status = check_enrolled(c, enrolled, &server);
    if (status != FEDL_OK) {
        /* The server is authentic but inconsistent: asking again would change nothing. */
        fedli_client_log(c, FEDL_CLIENT_LOG_BAD_MESSAGE)->status = status;
        fedli_client_finish(c, status);
        return;
    }
    fedl_identity *identity = &c->cfg.identity;
    identity->device_id = enrolled->device_id;
    memcpy(identity->fleet_id, enrolled->fleet_id, sizeof identity->fleet_id);
    memcpy(identity->server_round_public, server.id_public, sizeof identity->server_round_public);
    /* check_enrolled() has opened it, so its size is FEDLI_CERT_BYTES. */
    memcpy(identity->cert, enrolled->device_cert.data, sizeof identity->cert);
    identity->has_cert = true;
    fedl_identity_encode(c->identity_bytes, identity, c->crypto);
    fedl_client_action *store = fedli_client_action(c, FEDL_CLIENT_STORE);
    store->store_kind = FEDL_CLIENT_STORE_IDENTITY;
    store->bytes = fedl_bytes_of(c->identity_bytes, sizeof c->identity_bytes);
    c->work = FEDLI_WORK_IDENTITY;
    c->link = FEDLI_LINK_READY;
}

void fedli_client_identity_stored(fedli_client_state *c, fedl_status status)
{
    fedli_wipe(c->identity_bytes, sizeof c->identity_bytes);
    if (status == FEDL_OK) {
        fedli_client_log(c, FEDL_CLIENT_LOG_ENROLLED)->a = c->cfg.identity.device_id;
    }
    fedli_client_finish(c, status);
}
