/* SPDX-License-Identifier: Apache-2.0 */
/* The device's own epoch key: made when the former one does not serve a round any longer. */
#include "base/check.h"
#include "base/secret.h"
#include "secagg/party.h"

#include <string.h>

void fedli_epoch_key_make(const fedl_crypto *crypto, fedli_epoch_key *epoch,
                          const uint8_t fleet_id[16], uint32_t device_id, uint32_t task_id,
                          uint32_t round, uint32_t epoch_rounds, const uint8_t id_secret[64],
                          const uint8_t secret[32])
{
    FEDLI_CHECK(round >= 1 && epoch_rounds >= 1 && epoch_rounds <= FEDL_EPOCH_ROUNDS_MAX);
    fedli_wipe(epoch, sizeof *epoch);
    fedli_epoch_cert *cert = &epoch->cert;
    memcpy(cert->fleet_id, fleet_id, sizeof cert->fleet_id);
    cert->device_id = device_id;
    cert->task_id = task_id;
    cert->epoch = round;
    cert->round_lo = round;
    const uint32_t further = epoch_rounds - 1u;
    cert->round_hi = round > UINT32_MAX - further ? UINT32_MAX : round + further;
    memcpy(epoch->secret, secret, sizeof epoch->secret);
    crypto->x25519_public(cert->epoch_public, epoch->secret);
    fedli_epoch_cert_issue(crypto, epoch->cert_bytes, cert, id_secret);
}

bool fedli_epoch_key_good(const fedli_epoch_key *epoch, uint32_t device_id, uint32_t task_id,
                          uint32_t round)
{
    const fedli_epoch_cert *cert = &epoch->cert;
    return cert->round_lo != 0 && cert->device_id == device_id && cert->task_id == task_id &&
           cert->round_lo <= round && round <= cert->round_hi;
}
