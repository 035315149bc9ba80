/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SHARES: this device's secrets, shared among its neighbours. Built once; afterwards the attempt's
 * secret is gone, and only the seed of the own mask and the key of the noise are kept.
 *
 *   cb 32 ‖ salt 16 ‖ per neighbour {sealed pair 80 ‖ tag b 16 ‖ tag d 16} ‖ SeedBox 32·k + 16
 */
#include "base/secret.h"
#include "secagg/party_state.h"
#include "secagg/share.h"

#include <string.h>

static void share_for(const fedli_party *party, uint8_t *out, uint32_t index,
                      const fedli_attempt_secrets *secrets)
{
    const fedl_crypto *crypto = party->setup->crypto;
    const fedli_party_state *s = party->state;
    const uint32_t own_id = party->setup->device_id;
    const uint32_t peer_id = fedli_party_peers(party)[index].device_id;
    const uint8_t x = (uint8_t)(index + 1u); /* k ≤ 254 */
    uint8_t pair[2 * FEDLI_SHARE_BYTES];
    uint8_t key[32];
    fedli_share_pair(pair, secrets, s->t, x);
    fedli_pair_share_key(crypto, key, &fedli_party_pairs(party)[index], s->rb, own_id, peer_id,
                         secrets->salt);
    fedli_share_seal(crypto, out, pair, key, s->rb, own_id, peer_id, x);
    uint8_t *tag = out + FEDLI_SEALED_PAIR_BYTES;
    fedli_share_tag(crypto, tag, s->rb, own_id, x, FEDLI_SHARE_B, pair);
    fedli_share_tag(crypto, tag + FEDLI_SHARE_TAG_BYTES, s->rb, own_id, x, FEDLI_SHARE_D,
                    pair + FEDLI_SHARE_BYTES);
    fedli_wipe(pair, sizeof pair);
    fedli_wipe(key, sizeof key);
}

void fedli_party_shares_build(fedli_party *party)
{
    const fedl_crypto *crypto = party->setup->crypto;
    fedli_party_state *s = party->state;
    uint8_t *blob = fedli_party_area(party);
    uint8_t *box = blob + FEDLI_SHARES_HEAD_BYTES + (size_t)FEDLI_SHARES_EACH_BYTES * s->k;
    fedli_attempt_secrets secrets;
    fedli_wipe(blob, s->at.area_bytes);
    fedli_attempt_secrets_derive(crypto, &secrets, s->secret);
    fedli_commitment(crypto, blob, s->rb, party->setup->device_id, secrets.b);
    memcpy(blob + 32, secrets.salt, sizeof secrets.salt);
    for (uint32_t i = 0; i < s->k; i++) {
        share_for(party, blob + FEDLI_SHARES_HEAD_BYTES + (size_t)FEDLI_SHARES_EACH_BYTES * i, i,
                  &secrets);
        fedli_pair_seed(crypto, box + 32u * (size_t)i, &fedli_party_pairs(party)[i], s->rb);
    }
    fedli_seedbox_seal(crypto, box, box, s->k, secrets.d, s->rb, party->setup->device_id);
    fedli_self_seed(crypto, s->self_seed, secrets.b, s->rb);
    fedli_wipe(&secrets, sizeof secrets);
    fedli_wipe(s->secret, sizeof s->secret);
}
