/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything secret in the virtual world, from its seed: H("fedl.sim.world", seed ‖ entity ‖
 * purpose ‖ counter). Repeatable on purpose, and therefore good for nothing outside the simulator.
 */
#include "sim_state.h"

#include <stdio.h>
#include <string.h>

typedef enum key_purpose {
    KEY_ENTROPY = 1,
    KEY_FLEET = 2,
    KEY_SERVER_NOISE = 3,
    KEY_ROUND = 4,
    KEY_CA = 5,
    KEY_TOKEN = 6,
    KEY_DEVICE_NOISE = 7,
    KEY_DEVICE_ID = 8,
    KEY_HELPER = 9,
} key_purpose;

static void put_u64(uint8_t out[8], uint64_t value)
{
    for (uint32_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static void derive(const fedl_sim_world *world, uint32_t entity, key_purpose purpose,
                   uint64_t counter, uint8_t *out, size_t out_bytes)
{
    static const uint8_t personal[FEDL_PERSONAL_BYTES] = "fedl.sim.world";
    uint8_t message[32];
    put_u64(message, world->cfg.seed);
    put_u64(message + 8, entity);
    put_u64(message + 16, (uint64_t)purpose);
    put_u64(message + 24, counter);
    fedl_hash hash;
    world->crypto->hash_init(&hash, out_bytes, NULL, 0, personal);
    world->crypto->hash_update(&hash, message, sizeof message);
    world->crypto->hash_final(&hash, out, out_bytes);
}

void fedli_sim_entropy(const fedl_sim_world *world, uint32_t entity, uint64_t *counter,
                       uint8_t out[FEDL_ENTROPY_BYTES])
{
    derive(world, entity, KEY_ENTROPY, (*counter)++, out, FEDL_ENTROPY_BYTES);
}

void fedli_sim_server_keys(fedl_sim_world *world)
{
    const fedl_crypto *crypto = world->crypto;
    fedl_server_identity *server = &world->server;
    uint8_t seed[32];
    derive(world, 0, KEY_FLEET, 0, server->fleet_id, sizeof server->fleet_id);
    derive(world, 0, KEY_SERVER_NOISE, 0, server->noise_secret, sizeof server->noise_secret);
    derive(world, 0, KEY_TOKEN, 0, server->token_key, sizeof server->token_key);
    crypto->x25519_public(server->noise_public, server->noise_secret);
    derive(world, 0, KEY_ROUND, 0, seed, sizeof seed);
    crypto->sign_keypair(server->round_public, server->round_secret, seed);
    derive(world, 0, KEY_CA, 0, seed, sizeof seed);
    crypto->sign_keypair(server->ca_public, server->ca_secret, seed);

    fedl_cert cert = {.role = FEDL_CERT_ROUND, .subject_id = 0, .serial = 1};
    memcpy(cert.fleet_id, server->fleet_id, sizeof cert.fleet_id);
    memcpy(cert.id_public, server->round_public, sizeof cert.id_public);
    memcpy(cert.noise_public, server->noise_public, sizeof cert.noise_public);
    fedl_cert_issue(crypto, server->server_cert, &cert, server->ca_secret);
}

void fedli_sim_helper_keys(fedl_sim_world *world)
{
    const fedl_crypto *crypto = world->crypto;
    fedl_cert cert = {.role = FEDL_CERT_HELPER, .subject_id = 0, .serial = 1};
    derive(world, 0, KEY_HELPER, 0, world->helper.secret, sizeof world->helper.secret);
    memcpy(cert.fleet_id, world->server.fleet_id, sizeof cert.fleet_id);
    crypto->x25519_public(cert.noise_public, world->helper.secret);
    fedl_cert_issue(crypto, world->helper.cert, &cert, world->server.ca_secret);
}

void fedli_sim_device_keys(const fedl_sim_world *world, fedl_identity *identity,
                           fedl_device_record *record, uint32_t device_id)
{
    const fedl_crypto *crypto = world->crypto;
    *identity = (fedl_identity){.device_id = device_id};
    *record = (fedl_device_record){
        .device_id = device_id, .state = FEDL_DEVICE_ACTIVE, .changed_s = FEDLI_SIM_UTC_S};
    uint8_t seed[32];
    derive(world, device_id, KEY_DEVICE_ID, 0, seed, sizeof seed);
    crypto->sign_keypair(record->id_public, identity->id_secret, seed);
    derive(world, device_id, KEY_DEVICE_NOISE, 0, identity->noise_secret,
           sizeof identity->noise_secret);
    crypto->x25519_public(record->noise_public, identity->noise_secret);
    memcpy(identity->fleet_id, world->server.fleet_id, sizeof identity->fleet_id);
    memcpy(identity->server_noise_public, world->server.noise_public,
           sizeof identity->server_noise_public);
    memcpy(identity->ca_public, world->server.ca_public, sizeof identity->ca_public);
    memcpy(identity->server_round_public, world->server.round_public,
           sizeof identity->server_round_public);
    fedl_cert cert = {.role = FEDL_CERT_DEVICE, .subject_id = device_id, .serial = 1};
    memcpy(cert.fleet_id, world->server.fleet_id, sizeof cert.fleet_id);
    memcpy(cert.id_public, record->id_public, sizeof cert.id_public);
    memcpy(cert.noise_public, record->noise_public, sizeof cert.noise_public);
    fedl_cert_issue(crypto, identity->cert, &cert, world->server.ca_secret);
    identity->has_cert = true;
    snprintf(record->name, sizeof record->name, "sim-%u", device_id);
}
