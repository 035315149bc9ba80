/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A helper round on the device: GET HELPER ─► STORE opened ─► PUT SEED ─► UPLOAD ─► DONE. One mask,
 * whose key goes to the helper alone; no neighbours, no shares, nothing to answer afterwards. A
 * later attempt of the round has another secret, so another mask: no mask is ever used twice, and
 * the helper makes one sum per round only.
 */
#include "base/check.h"
#include "base/secret.h"
#include "secagg/helper.h"
#include "secagg/party_state.h"

#include <string.h>

void fedli_party_helper_begin(fedli_party *party)
{
    fedli_helper_binding(party->setup->crypto, party->state->rb, &party->setup->attempt);
    fedli_party_enter(party, FEDLI_PHASE_HELPER);
}

void fedli_party_helper_record(fedli_party *party)
{
    fedli_party_state *s = party->state;
    const fedli_party_setup *setup = party->setup;
    if (fedli_helper_cert_check(setup->crypto, s->helper_public, s->gather, setup->ca_public,
                                setup->attempt.fleet_id, setup->utc_s) != FEDL_OK) {
        fedli_party_refuse(party, FEDL_REFUSAL_HELPER);
        return;
    }
    fedli_party_enter(party, FEDLI_PHASE_OPENED);
}

void fedli_party_seed_build(fedli_party *party)
{
    fedli_party_state *s = party->state;
    const fedli_party_setup *setup = party->setup;
    const fedli_seed_keys keys = {setup->id_secret, setup->noise_secret, s->helper_public,
                                  setup->attempt.fleet_id};
    const uint32_t asked = setup->plan->secagg.min_cohort;
    fedli_seed seed;
    uint8_t ephemeral[32];
    fedli_seed_derive(setup->crypto, seed.seed, ephemeral, s->secret, s->rb);
    memcpy(seed.rb, s->rb, sizeof seed.rb);
    seed.device_id = setup->device_id;
    seed.min_cohort = asked > setup->policy->min_cohort ? asked : setup->policy->min_cohort;
    memcpy(seed.cert, setup->device_cert, sizeof seed.cert);
    const fedl_status status =
        fedli_seed_seal(setup->crypto, fedli_party_area(party), &seed, &keys, ephemeral);
    memcpy(s->self_seed, seed.seed, sizeof s->self_seed);
    fedli_wipe(&seed, sizeof seed);
    fedli_wipe(ephemeral, sizeof ephemeral);
    fedli_wipe(s->secret, sizeof s->secret);
    if (status != FEDL_OK) { /* its key is of low order */
        fedli_party_refuse(party, FEDL_REFUSAL_HELPER);
        return;
    }
    fedli_party_enter(party, FEDLI_PHASE_SEED);
}
