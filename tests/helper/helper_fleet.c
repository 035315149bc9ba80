/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "helper_fleet.h"

#include "base/cursor.h"
#include "cmocka_all.h"
#include "sodium/crypto_sodium.h"

#include <string.h>

const fedl_crypto *crypto;
fedl_helper helper;
uint8_t fleet_id[16];
uint8_t ca_secret[64];
uint8_t helper_public[32];
sender senders[DEVICES];
fedl_helper_request request;
uint8_t bytes[REQUEST_MAX];
uint32_t revoked[1];

void certify(sender *s, const uint8_t *by, fedl_cert_role role, uint64_t not_after_s)
{
    fedl_cert cert = {.role = role, .subject_id = s->id, .serial = 1, .not_after_s = not_after_s};
    memcpy(cert.fleet_id, fleet_id, 16);
    memcpy(cert.id_public, s->id_public, 32);
    crypto->x25519_public(cert.noise_public, s->noise_secret);
    fedl_cert_issue(crypto, s->seed.cert, &cert, by);
}

void seal(sender *s)
{
    uint8_t secret[32];
    uint8_t ephemeral[32];
    uint8_t unused[32];
    const fedli_seed_keys k = {s->id_secret, s->noise_secret, helper_public, fleet_id};
    memset(secret, (int)s->id, sizeof secret);
    fedli_seed_derive(crypto, unused, ephemeral, secret, s->seed.rb);
    assert_int_equal(fedli_seed_seal(crypto, s->item, &s->seed, &k, ephemeral), FEDL_OK);
}

void seal_all(void)
{
    for (uint32_t i = 0; i < DEVICES; i++) {
        fedli_helper_binding(crypto, senders[i].seed.rb, &request.attempt);
        seal(&senders[i]);
    }
}

fedl_bytes pack(void)
{
    for (uint32_t i = 0; i < request.count; i++) {
        uint8_t *entry = bytes + FEDL_HELPER_HEAD_BYTES + i * FEDL_HELPER_ENTRY_BYTES;
        fedli_store_u32(entry, senders[i].id);
        memcpy(entry + 4, senders[i].item, FEDLI_SEED_ITEM_BYTES);
    }
    fedl_helper_request_write(bytes, crypto, &request);
    return fedl_bytes_of(bytes, fedl_helper_request_bytes(request.count));
}

int helper_fleet_setup(void **state)
{
    uint8_t seed[32];
    uint8_t ca_public[32];
    uint8_t helper_secret[32];
    fedl_helper_config cfg = {.min_cohort = 3};
    (void)state;
    assert_int_equal(fedl_crypto_sodium_init(), FEDL_OK);
    crypto = fedl_crypto_sodium();
    memset(fleet_id, 0x11, sizeof fleet_id);
    memset(seed, 0x22, sizeof seed);
    crypto->sign_keypair(ca_public, ca_secret, seed);
    memset(helper_secret, 0x33, sizeof helper_secret);
    crypto->x25519_public(helper_public, helper_secret);
    cfg.crypto = crypto;
    memcpy(cfg.fleet_id, fleet_id, 16);
    memcpy(cfg.noise_secret, helper_secret, 32);
    memcpy(cfg.ca_public, ca_public, 32);
    cfg.revoked = revoked;
    cfg.revoked_count = 1;
    revoked[0] = 999;
    assert_int_equal(fedl_helper_init(&helper, &cfg), FEDL_OK);
    memset(&request, 0, sizeof request);
    memcpy(request.attempt.fleet_id, fleet_id, 16);
    request.attempt.task_id = TASK;
    request.attempt.round = 4;
    request.attempt.attempt = 1;
    request.attempt.version = 4;
    memset(request.attempt.model_digest, 0x44, 32);
    memset(request.attempt.plan_digest, 0x55, 32);
    request.shape = (fedli_mask_shape){16, 256, 320};
    request.count = 5;
    for (uint32_t i = 0; i < DEVICES; i++) {
        sender *s = &senders[i];
        memset(s, 0, sizeof *s);
        s->id = 10 + 3 * i;
        memset(seed, (int)s->id, sizeof seed);
        crypto->sign_keypair(s->id_public, s->id_secret, seed);
        memset(s->noise_secret, (int)(100 + s->id), 32);
        memset(s->seed.seed, (int)(200 + i), 32);
        s->seed.device_id = s->id;
        s->seed.min_cohort = 3;
        certify(s, ca_secret, FEDL_CERT_DEVICE, 0);
    }
    seal_all();
    return 0;
}
