/* SPDX-License-Identifier: Apache-2.0 */
/* A lying server before anything secret left the device: ROSTER and CERTS. */
#include "base/cursor.h"
#include "cmocka_all.h"
#include "party_attack.h"
#include "secure/cert.h"

#include <stdlib.h>
#include <string.h>

#define NAMED(spoil) #spoil
/* Offsets in a roster's entry. */
#define AT_ID_PUBLIC 4u
#define AT_EPOCH_PK  36u
#define AT_EPOCH     68u
#define AT_CAPS      72u
#define AT_NONCE     73u

/* ---- form ---- */

static void no_total(world *w, toy_blob *roster)
{
    (void)w;
    attack_resize(roster, 7);
}

static void one_entry_more(world *w, toy_blob *roster)
{
    (void)w;
    attack_resize(roster, roster->size + FEDLI_ROSTER_ENTRY_BYTES);
}

static void one_byte_less(world *w, toy_blob *roster)
{
    (void)w;
    attack_resize(roster, roster->size - 1);
}

static void huge_n(world *w, toy_blob *roster)
{
    (void)w;
    fedli_store_u32(roster->data, UINT32_MAX);
}

static void ids_fall(world *w, toy_blob *roster)
{
    (void)w;
    uint8_t entry[FEDLI_ROSTER_ENTRY_BYTES];
    memcpy(entry, attack_entry(roster, 3), sizeof entry);
    memcpy(attack_entry(roster, 3), attack_entry(roster, 4), sizeof entry);
    memcpy(attack_entry(roster, 4), entry, sizeof entry);
}

static void duplicated_client(world *w, toy_blob *roster)
{
    (void)w;
    memcpy(attack_entry(roster, 3), attack_entry(roster, 2), FEDLI_ROSTER_ENTRY_BYTES);
}

static void id_zero(world *w, toy_blob *roster)
{
    (void)w;
    fedli_store_u32(attack_entry(roster, 0), 0);
}

static void unknown_caps(world *w, toy_blob *roster)
{
    (void)w;
    attack_entry(roster, 2)[AT_CAPS] = 1;
}

/* ---- own entry ---- */

static void own_missing(world *w, toy_blob *roster)
{
    (void)w;
    fedli_store_u32(attack_entry(roster, 0), w->devices[0].id + 1);
}

static void own_twice(world *w, toy_blob *roster)
{
    (void)w;
    memcpy(attack_entry(roster, 1), attack_entry(roster, 0), FEDLI_ROSTER_ENTRY_BYTES);
}

static void own_twice_apart(world *w, toy_blob *roster)
{
    fedli_store_u32(attack_entry(roster, 4), w->devices[0].id);
}

static void own_nonce_differs(world *w, toy_blob *roster)
{
    (void)w;
    attack_entry(roster, 0)[AT_NONCE + 15] ^= 1;
}

static void own_epoch_key_differs(world *w, toy_blob *roster)
{
    (void)w;
    attack_entry(roster, 0)[AT_EPOCH_PK] ^= 1;
}

static void own_identity_differs(world *w, toy_blob *roster)
{
    (void)w;
    attack_entry(roster, 0)[AT_ID_PUBLIC] ^= 1;
}

static void own_epoch_differs(world *w, toy_blob *roster)
{
    (void)w;
    attack_entry(roster, 0)[AT_EPOCH] ^= 1;
}

/* ---- keys ---- */

static void same_key(const toy_blob *roster, uint32_t from, uint32_t to, uint32_t at)
{
    memcpy(attack_entry(roster, to) + at, attack_entry(roster, from) + at, 32);
}

static void own_epoch_key_again(world *w, toy_blob *roster)
{
    (void)w;
    same_key(roster, 0, 4, AT_EPOCH_PK);
}

static void own_identity_again(world *w, toy_blob *roster)
{
    (void)w;
    same_key(roster, 0, 1, AT_ID_PUBLIC);
}

static void same_epoch_keys(world *w, toy_blob *roster)
{
    (void)w;
    same_key(roster, 1, 4, AT_EPOCH_PK);
}

static void same_identities(world *w, toy_blob *roster)
{
    (void)w;
    same_key(roster, 3, 4, AT_ID_PUBLIC);
}

/* ---- k and t ---- */

static void weaker_t(world *w, toy_blob *roster)
{
    fedli_store_u16(roster->data + 6, (uint16_t)(w->toy.t - 1));
}

static void t_above_k(world *w, toy_blob *roster)
{
    fedli_store_u16(roster->data + 6, (uint16_t)(w->toy.k + 1));
}

static void weaker_k(world *w, toy_blob *roster)
{
    fedli_store_u16(roster->data + 4, (uint16_t)(w->toy.k - 1));
}

static void larger_k(world *w, toy_blob *roster)
{
    fedli_store_u16(roster->data + 4, (uint16_t)(w->toy.k + 1));
}

/* ---- certificates ---- */

static void certs_short(world *w, toy_blob *certs)
{
    (void)w;
    attack_resize(certs, certs->size - FEDLI_CERT_PAIR_BYTES);
}

static void certs_swapped(world *w, toy_blob *certs)
{
    (void)w;
    uint8_t pair[FEDLI_CERT_PAIR_BYTES];
    memcpy(pair, certs->data, sizeof pair);
    memcpy(certs->data, certs->data + sizeof pair, sizeof pair);
    memcpy(certs->data + sizeof pair, pair, sizeof pair);
}

static void invented_client(world *w, toy_blob *certs)
{
    world_certify(w, &w->devices[2], false); /* by another CA */
    memcpy(certs->data + FEDLI_CERT_PAIR_BYTES, w->devices[2].device_cert, 176);
}

static void broken_certificate(world *w, toy_blob *certs)
{
    (void)w;
    certs->data[3 * FEDLI_CERT_PAIR_BYTES + 40] ^= 4;
}

/* Signs an epoch certificate for device 2 as `signer`; field decides what is wrong. */
static void epoch_cert(world *w, toy_blob *certs, uint32_t signer, fedli_epoch_cert cert)
{
    fedli_epoch_cert_issue(&w->crypto, certs->data + FEDLI_CERT_PAIR_BYTES + 176, &cert,
                           w->devices[signer].id_secret);
}

static void forged_epoch_key(world *w, toy_blob *certs)
{
    epoch_cert(w, certs, 3, w->devices[2].epoch.cert);
}

static void epoch_key_of_another_round(world *w, toy_blob *certs)
{
    fedli_epoch_cert cert = w->devices[2].epoch.cert;
    cert.epoch = 2;
    cert.round_lo = 2;
    epoch_cert(w, certs, 2, cert);
}

static void epoch_key_of_another_task(world *w, toy_blob *certs)
{
    fedli_epoch_cert cert = w->devices[2].epoch.cert;
    cert.task_id++;
    epoch_cert(w, certs, 2, cert);
}

static void epoch_key_not_in_roster(world *w, toy_blob *certs)
{
    fedli_epoch_cert cert = w->devices[2].epoch.cert;
    cert.epoch_public[31] ^= 1;
    epoch_cert(w, certs, 2, cert);
}

static const attack attacks[] = {
    {NAMED(no_total), FEDL_ITEM_ROSTER, no_total, FEDL_REFUSAL_ROSTER_FORM},
    {NAMED(one_entry_more), FEDL_ITEM_ROSTER, one_entry_more, FEDL_REFUSAL_ROSTER_FORM},
    {NAMED(one_byte_less), FEDL_ITEM_ROSTER, one_byte_less, FEDL_REFUSAL_ROSTER_FORM},
    {NAMED(huge_n), FEDL_ITEM_ROSTER, huge_n, FEDL_REFUSAL_ROSTER_FORM},
    {NAMED(ids_fall), FEDL_ITEM_ROSTER, ids_fall, FEDL_REFUSAL_ROSTER_FORM},
    {NAMED(duplicated_client), FEDL_ITEM_ROSTER, duplicated_client, FEDL_REFUSAL_ROSTER_FORM},
    {NAMED(id_zero), FEDL_ITEM_ROSTER, id_zero, FEDL_REFUSAL_ROSTER_FORM},
    {NAMED(unknown_caps), FEDL_ITEM_ROSTER, unknown_caps, FEDL_REFUSAL_ROSTER_FORM},
    {NAMED(own_missing), FEDL_ITEM_ROSTER, own_missing, FEDL_REFUSAL_ROSTER_SELF},
    {NAMED(own_twice), FEDL_ITEM_ROSTER, own_twice, FEDL_REFUSAL_ROSTER_SELF},
    {NAMED(own_twice_apart), FEDL_ITEM_ROSTER, own_twice_apart, FEDL_REFUSAL_ROSTER_SELF},
    {NAMED(own_nonce_differs), FEDL_ITEM_ROSTER, own_nonce_differs, FEDL_REFUSAL_ROSTER_NONCE},
    {NAMED(own_epoch_key_differs), FEDL_ITEM_ROSTER, own_epoch_key_differs,
     FEDL_REFUSAL_ROSTER_NONCE},
    {NAMED(own_identity_differs), FEDL_ITEM_ROSTER, own_identity_differs,
     FEDL_REFUSAL_ROSTER_NONCE},
    {NAMED(own_epoch_differs), FEDL_ITEM_ROSTER, own_epoch_differs, FEDL_REFUSAL_ROSTER_NONCE},
    {NAMED(own_epoch_key_again), FEDL_ITEM_ROSTER, own_epoch_key_again, FEDL_REFUSAL_ROSTER_KEYS},
    {NAMED(own_identity_again), FEDL_ITEM_ROSTER, own_identity_again, FEDL_REFUSAL_ROSTER_KEYS},
    {NAMED(same_epoch_keys), FEDL_ITEM_ROSTER, same_epoch_keys, FEDL_REFUSAL_ROSTER_KEYS},
    {NAMED(same_identities), FEDL_ITEM_ROSTER, same_identities, FEDL_REFUSAL_ROSTER_KEYS},
    {NAMED(weaker_t), FEDL_ITEM_ROSTER, weaker_t, FEDL_REFUSAL_PARAMETERS},
    {NAMED(t_above_k), FEDL_ITEM_ROSTER, t_above_k, FEDL_REFUSAL_PARAMETERS},
    {NAMED(weaker_k), FEDL_ITEM_ROSTER, weaker_k, FEDL_REFUSAL_PARAMETERS},
    {NAMED(larger_k), FEDL_ITEM_ROSTER, larger_k, FEDL_REFUSAL_PARAMETERS},
    {NAMED(certs_short), FEDL_ITEM_CERTS, certs_short, FEDL_REFUSAL_CERTIFICATE},
    {NAMED(certs_swapped), FEDL_ITEM_CERTS, certs_swapped, FEDL_REFUSAL_CERTIFICATE},
    {NAMED(invented_client), FEDL_ITEM_CERTS, invented_client, FEDL_REFUSAL_CERTIFICATE},
    {NAMED(broken_certificate), FEDL_ITEM_CERTS, broken_certificate, FEDL_REFUSAL_CERTIFICATE},
    {NAMED(forged_epoch_key), FEDL_ITEM_CERTS, forged_epoch_key, FEDL_REFUSAL_EPOCH_KEY},
    {NAMED(epoch_key_of_another_round), FEDL_ITEM_CERTS, epoch_key_of_another_round,
     FEDL_REFUSAL_EPOCH_KEY},
    {NAMED(epoch_key_of_another_task), FEDL_ITEM_CERTS, epoch_key_of_another_task,
     FEDL_REFUSAL_EPOCH_KEY},
    {NAMED(epoch_key_not_in_roster), FEDL_ITEM_CERTS, epoch_key_not_in_roster,
     FEDL_REFUSAL_EPOCH_KEY},
};

static void lies_about_the_cohort_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        attack_run(&attacks[i], ATTACK_DEVICES);
    }
}

/* ---- what needs a set-up of its own ---- */

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lies_about_the_cohort_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
