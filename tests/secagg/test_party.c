/* SPDX-License-Identifier: Apache-2.0 */
/* A device's side of an attempt against the toy server: whole attempts, resends, save and restore.
 */
#include "secagg/party.h"

#include "cmocka_all.h"
#include "party_world.h"

#include <stdlib.h>
#include <string.h>

static const fedl_server_trust trusts[] = {FEDL_TRUST_CURIOUS, FEDL_TRUST_ACTIVE};

static void expect_all_done(const world *w)
{
    for (uint32_t i = 0; i < w->count; i++) {
        const world_device *device = &w->devices[i];
        if (w->toy.in_u3[i]) {
            assert_int_equal(fedli_party_next(&device->party), FEDLI_PARTY_DONE);
            assert_int_equal(fedli_party_refusal(&device->party), FEDL_REFUSAL_NONE);
            assert_int_equal(device->stored_opened, 1);
            assert_int_equal(device->stored_closed, 1);
            assert_int_equal(fedli_party_cohort(&device->party), w->count);
            assert_memory_equal(fedli_party_binding(&device->party), w->toy.rb, 32);
            world_expect_wiped(w, i);
        }
    }
}

static void run(uint32_t n, fedl_server_trust trust, uint32_t ring_bits, uint32_t shares_lost,
                uint32_t vectors_lost)
{
    world w;
    world_init(&w, n, trust, ring_bits, 1000u * n + ring_bits);
    for (uint32_t i = 0; i < shares_lost; i++) {
        w.devices[(2 * i + 1) % n].lost_at_shares = true;
    }
    for (uint32_t i = 0; i < vectors_lost; i++) {
        w.devices[(2 * i + 1 + 2 * shares_lost) % n].lost_at_vector = true;
    }
    world_begin(&w, 1, 1);
    world_to_end(&w);
    expect_all_done(&w);
    world_expect_sum(&w);
    world_deinit(&w);
}

static void sums_are_exact_in_every_ring(void **state)
{
    (void)state;
    for (uint32_t trust = 0; trust < 2; trust++) {
        for (uint32_t ring_bits = 8; ring_bits <= 32; ring_bits += 8) {
            run(3, trusts[trust], ring_bits, 0, 0);
            run(5, trusts[trust], ring_bits, 0, 1);
            run(5, trusts[trust], ring_bits, 1, 0);
            run(10, trusts[trust], ring_bits, 0, 0);
            run(10, trusts[trust], ring_bits, 2, 1);
            run(10, trusts[trust], ring_bits, 0, 3);
        }
    }
}

static void fifty_devices(void **state)
{
    (void)state;
    run(50, FEDL_TRUST_CURIOUS, 16, 5, 10);
    run(50, FEDL_TRUST_ACTIVE, 24, 0, 0);
}

/* The same attempt in other parts, with resends and restores, is the same attempt. */
static void transcript_of(uint8_t digest[32], uint32_t part_bytes, size_t mask_bytes,
                          uint32_t ring_bits, bool restore_always)
{
    world w;
    fedl_hash hash;
    world_init(&w, 5, FEDL_TRUST_ACTIVE, ring_bits, 77);
    world_set_cache(&w, 3);
    w.devices[2].lost_at_vector = true;
    w.part_bytes = part_bytes;
    w.mask_bytes = mask_bytes;
    w.restore_always = restore_always;
    w.put_twice = restore_always;
    world_record(&w, &hash);
    world_begin(&w, 1, 1);
    world_to_end(&w);
    expect_all_done(&w);
    world_expect_sum(&w);
    world_transcript(&w, digest);
    world_deinit(&w);
}

static void parts_of_any_size_are_the_same(void **state)
{
    (void)state;
    uint8_t whole[32];
    uint8_t parts[32];
    for (uint32_t ring_bits = 8; ring_bits <= 32; ring_bits += 8) {
        transcript_of(whole, 0, 0, ring_bits, false);
        transcript_of(parts, 1, 192, ring_bits, false);
        assert_memory_equal(parts, whole, 32);
    }
    for (uint32_t part_bytes = 2; part_bytes < 700; part_bytes += 1 + part_bytes / 9) {
        transcript_of(parts, part_bytes, 64, 32, false);
        assert_memory_equal(parts, whole, 32);
    }
}

static void restored_parties_go_on_with_the_same_bytes(void **state)
{
    (void)state;
    uint8_t whole[32];
    uint8_t parts[32];
    transcript_of(whole, 0, 0, 16, false);
    transcript_of(parts, 0, 0, 16, true);
    assert_memory_equal(parts, whole, 32);
    transcript_of(parts, 97, 64, 16, true);
    assert_memory_equal(parts, whole, 32);
}

/* Every item to device 0, cut in two at each of its bytes: the block ends the same. */
static void cut_everywhere(world *w, uint32_t *cuts)
{
    world_device *device = &w->devices[0];
    const size_t size = fedli_party_size(&w->plan);
    const toy_blob blob = toy_get(&w->toy, 0, fedli_party_item(&device->party));
    uint8_t *before = malloc(size);
    uint8_t *after = malloc(size);
    assert_true(before != NULL && after != NULL && blob.data != NULL);
    memcpy(before, device->block, size);
    fedli_party_take(&device->party, fedl_bytes_of(blob.data, blob.size), blob.size);
    assert_int_not_equal(fedli_party_next(&device->party), FEDLI_PARTY_REFUSED);
    memcpy(after, device->block, size);
    for (size_t cut = 0; cut < blob.size; cut++) {
        memcpy(device->block, before, size);
        fedli_party_take(&device->party, fedl_bytes_of(blob.data, cut), blob.size);
        assert_int_equal(fedli_party_offset(&device->party), cut);
        assert_int_equal(fedli_party_next(&device->party), FEDLI_PARTY_GET);
        fedli_party_take(&device->party, fedl_bytes_of(blob.data + cut, blob.size - cut),
                         blob.size);
        assert_memory_equal(device->block, after, size);
        (*cuts)++;
    }
    free(before);
    free(after);
    free(blob.data);
}

static void every_cut_is_the_same(void **state)
{
    (void)state;
    world w;
    uint32_t cuts = 0;
    world_init(&w, 5, FEDL_TRUST_ACTIVE, 16, 78);
    w.devices[3].lost_at_vector = true;
    world_begin(&w, 1, 1);
    world_to_roster(&w);
    cut_everywhere(&w, &cuts); /* ROSTER */
    cut_everywhere(&w, &cuts); /* CERTS */
    world_pump_all(&w);
    toy_freeze_u2(&w.toy);
    cut_everywhere(&w, &cuts); /* FORWARD */
    world_pump_all(&w);
    toy_freeze_u3(&w.toy);
    cut_everywhere(&w, &cuts); /* SURVIVORS */
    world_pump_all(&w);
    w.toy.confirms_frozen = true;
    cut_everywhere(&w, &cuts); /* CONFIRMS */
    world_pump_all(&w);
    expect_all_done(&w);
    world_expect_sum(&w);
    assert_int_equal(cuts, 8 + 5 * 89 + 4 * 312 + 1 + 4 * 96 + 1 + 1 + 3 * 16);
    world_deinit(&w);
}

/* ---- the cache of pairs ---- */

static void round_with(world *w, uint32_t round, uint32_t attempt, uint32_t certs_expected)
{
    world_begin(w, round, attempt);
    world_to_end(w);
    expect_all_done(w);
    world_expect_sum(w);
    for (uint32_t i = 0; i < w->count; i++) {
        assert_int_equal(w->devices[i].certs_got, certs_expected);
    }
}

static void cached_pairs_spare_certificates(void **state)
{
    (void)state;
    world w;
    world_init(&w, 5, FEDL_TRUST_ACTIVE, 16, 79);
    world_set_cache(&w, 4);
    round_with(&w, 1, 1, 1);
    round_with(&w, 1, 2, 0); /* another attempt of the same round */
    round_with(&w, 2, 1, 0);
    round_with(&w, 9, 1, 0);    /* rounds were skipped */
    world_new_epoch(&w, 2, 10); /* its peers have to look at the new key; so has itself */
    round_with(&w, 10, 1, 1);
    round_with(&w, 11, 1, 0);
    for (uint32_t i = 0; i < w.count; i++) {
        world_new_epoch(&w, i, 21);
    }
    round_with(&w, 21, 1, 1);
    world_set_cache(&w, 2); /* too small a cache serves too, but spares nothing */
    round_with(&w, 22, 1, 1);
    round_with(&w, 23, 1, 1);
    world_set_cache(&w, 0);
    round_with(&w, 24, 1, 1);
    world_deinit(&w);
}

/* Rounds with and without a cache send the same bytes from SHARES on. */
static void cached_pairs_are_the_same(void **state)
{
    (void)state;
    uint8_t digests[2][32];
    for (uint32_t cached = 0; cached < 2; cached++) {
        world w;
        fedl_hash hash;
        world_init(&w, 4, FEDL_TRUST_ACTIVE, 16, 80);
        world_set_cache(&w, cached != 0 ? 3 : 0);
        if (cached != 0) {
            round_with(&w, 1, 1, 1);
        }
        world_begin(&w, 7, 1);
        world_to_shares(&w);
        world_record(&w, &hash);
        world_pump_all(&w);
        toy_freeze_u3(&w.toy);
        world_pump_all(&w);
        w.toy.confirms_frozen = true;
        world_pump_all(&w);
        world_expect_sum(&w);
        world_transcript(&w, digests[cached]);
        world_deinit(&w);
    }
    assert_memory_equal(digests[0], digests[1], 32);
}

/* A cached pair is good only while the certificate is that was seen with it. */
static void cached_pairs_expire_with_their_certificate(void **state)
{
    (void)state;
    world w;
    world_init(&w, 4, FEDL_TRUST_CURIOUS, 16, 81);
    world_set_cache(&w, 3);
    round_with(&w, 19, 1, 1);
    for (uint32_t i = 1; i < w.count; i++) {
        w.devices[i].cache[0].round_hi = 40;
    }
    w.devices[0].cache[1].round_hi = 19;
    world_begin(&w, 20, 1);
    world_to_end(&w);
    assert_int_equal(w.devices[0].certs_got, 1);
    assert_int_equal(w.devices[1].certs_got, 0);
    world_expect_sum(&w);
    world_deinit(&w);
}

/* The device's certificate ends before its epoch key: the pair is not good any more, until there is
 * a new certificate. A device without a clock can't know. */
static void cached_pairs_expire_with_the_device(void **state)
{
    (void)state;
    world w;
    world_init(&w, 5, FEDL_TRUST_CURIOUS, 16, 83);
    world_set_cache(&w, 4);
    round_with(&w, 1, 1, 1);
    world_begin(&w, 2, 1);
    w.devices[0].setup.utc_s = WORLD_UTC_S + 1;
    w.devices[1].setup.utc_s = 0;
    w.devices[2].setup.utc_s = WORLD_UTC_S; /* up to and including it */
    world_to_end(&w);
    world_expect_refused(&w, 0, FEDL_REFUSAL_CERTIFICATE);
    assert_int_equal(fedli_party_accused(&w.devices[0].party), w.devices[1].id);
    assert_int_equal(w.devices[1].certs_got, 0);
    assert_int_equal(w.devices[2].certs_got, 0);
    w.not_after_s = WORLD_UTC_S + 10;
    for (uint32_t i = 0; i < w.count; i++) {
        world_certify(&w, &w.devices[i], true);
    }
    for (uint32_t round = 3; round < 5; round++) {
        world_begin(&w, round, 1);
        w.devices[0].setup.utc_s = WORLD_UTC_S + 10;
        world_to_end(&w);
        expect_all_done(&w);
        world_expect_sum(&w);
        assert_int_equal(w.devices[0].certs_got, round == 3); /* and is kept from then on */
        assert_int_equal(w.devices[3].certs_got, 0);
    }
    world_deinit(&w);
}

/* A device that lost its epoch key made another one for the same rounds. */
static void cached_pairs_are_of_one_key(void **state)
{
    (void)state;
    world w;
    uint8_t secret[32] = {77};
    world_init(&w, 4, FEDL_TRUST_CURIOUS, 16, 82);
    world_set_cache(&w, 3);
    round_with(&w, 1, 1, 1);
    fedli_epoch_key_make(&w.crypto, &w.devices[2].epoch, w.fleet_id, w.devices[2].id, WORLD_TASK, 1,
                         w.plan.secagg.epoch_rounds, w.devices[2].id_secret, secret);
    memset(w.devices[2].cache, 0, 3 * sizeof *w.devices[2].cache);
    round_with(&w, 2, 1, 1);
    world_deinit(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sums_are_exact_in_every_ring),
        cmocka_unit_test(fifty_devices),
        cmocka_unit_test(parts_of_any_size_are_the_same),
        cmocka_unit_test(restored_parties_go_on_with_the_same_bytes),
        cmocka_unit_test(every_cut_is_the_same),
        cmocka_unit_test(cached_pairs_spare_certificates),
        cmocka_unit_test(cached_pairs_are_the_same),
        cmocka_unit_test(cached_pairs_are_of_one_key),
        cmocka_unit_test(cached_pairs_expire_with_their_certificate),
        cmocka_unit_test(cached_pairs_expire_with_the_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
