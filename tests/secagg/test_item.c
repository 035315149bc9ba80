/* SPDX-License-Identifier: Apache-2.0 */
#include "secagg/item.h"

#include "cmocka_all.h"
#include "secagg_fixture.h"
#include "secagg_vectors.h"
#include "sodium/crypto_sodium.h"

#include <string.h>

static void sizes_are_the_documented_ones(void **state)
{
    (void)state;
    assert_int_equal(FEDLI_READY_BYTES, 364);
    assert_int_equal(FEDLI_CERT_PAIR_BYTES, 312);
    assert_int_equal(FEDLI_SEALED_PAIR_BYTES, 80);
    assert_int_equal(fedli_roster_bytes(1000), 8 + 89 * 1000);
    assert_int_equal(fedli_seedbox_bytes(66), 32 * 66 + 16);
    assert_int_equal(fedli_shares_bytes(66), 64 + 144 * 66);
    assert_int_equal(fedli_bitmap_bytes(1), 1);
    assert_int_equal(fedli_bitmap_bytes(8), 1);
    assert_int_equal(fedli_bitmap_bytes(9), 2);
    assert_int_equal(fedli_bitmap_bytes(65535), 8192);
}

static void entry_is_the_documented_one(void **state)
{
    (void)state;
    fedli_roster_entry entry;
    fedli_roster_entry back;
    uint8_t bytes[FEDLI_ROSTER_ENTRY_BYTES];
    fixture_entry(&entry, NULL, 4);
    fedli_roster_entry_encode(bytes, &entry);
    fixture_expect(bytes, sizeof bytes, VECTOR_ENTRY_4);
    assert_int_equal(fedli_roster_entry_decode(&back, bytes), FEDL_OK);
    assert_int_equal(back.device_id, entry.device_id);
    assert_memory_equal(back.id_public, entry.id_public, 32);
    assert_memory_equal(back.epoch_public, entry.epoch_public, 32);
    assert_int_equal(back.epoch, entry.epoch);
    assert_int_equal(back.caps, 0);
    assert_memory_equal(back.nonce, entry.nonce, FEDLI_NONCE16_BYTES);
}

static void refuses_id_0_and_unknown_capabilities(void **state)
{
    (void)state;
    fedli_roster_entry entry;
    fedli_roster_entry out;
    uint8_t bytes[FEDLI_ROSTER_ENTRY_BYTES];
    fixture_entry(&entry, NULL, 0);
    memset(&out, 0x5a, sizeof out);
    for (uint32_t bit = 0; bit < 8; bit++) {
        entry.caps = (uint8_t)(1u << bit);
        fedli_roster_entry_encode(bytes, &entry);
        assert_int_equal(fedli_roster_entry_decode(&out, bytes), FEDL_ERR_FORMAT);
    }
    entry.caps = 0;
    entry.device_id = 0;
    fedli_roster_entry_encode(bytes, &entry);
    assert_int_equal(fedli_roster_entry_decode(&out, bytes), FEDL_ERR_FORMAT);
    assert_int_equal(out.device_id, 0x5a5a5a5a);
    entry.device_id = UINT32_MAX;
    fedli_roster_entry_encode(bytes, &entry);
    assert_int_equal(fedli_roster_entry_decode(&out, bytes), FEDL_OK);
    assert_int_equal(out.device_id, UINT32_MAX);
}

static void bitmaps_count_and_tell_padding(void **state)
{
    (void)state;
    uint8_t bitmap[5];
    for (uint32_t n = 1; n <= 39; n++) {
        memset(bitmap, 0, sizeof bitmap);
        assert_int_equal(fedli_bitmap_count(bitmap, n), 0);
        for (uint32_t i = 0; i < n; i++) {
            assert_false(fedli_bitmap_get(bitmap, i));
            fedli_bitmap_set(bitmap, i);
            assert_true(fedli_bitmap_get(bitmap, i));
            assert_int_equal(fedli_bitmap_count(bitmap, n), i + 1);
            assert_true(fedli_bitmap_clean(bitmap, n));
        }
        for (uint32_t i = n; i < 8 * fedli_bitmap_bytes(n); i++) {
            const uint32_t mask = 1u << (i % 8u);
            bitmap[i / 8] = (uint8_t)(bitmap[i / 8] | mask);
            assert_false(fedli_bitmap_clean(bitmap, n));
            assert_int_equal(fedli_bitmap_count(bitmap, n), n);
            bitmap[i / 8] = (uint8_t)(bitmap[i / 8] & ~mask);
        }
    }
    bitmap[0] = 0x05; /* least significant bit first */
    assert_true(fedli_bitmap_get(bitmap, 0) && !fedli_bitmap_get(bitmap, 1));
    assert_true(fedli_bitmap_get(bitmap, 2) && !fedli_bitmap_get(bitmap, 7));
}

static void refusals_have_texts(void **state)
{
    (void)state;
    assert_string_equal(fedl_refusal_text(FEDL_REFUSAL_NONE), "none");
    for (int i = FEDL_REFUSAL_PLAIN; i <= FEDL_REFUSAL_BOUND; i++) {
        const char *text = fedl_refusal_text((fedl_refusal)i);
        assert_true(strlen(text) > 10);
        assert_true(fedl_refusal_known((fedl_refusal)i));
        for (int j = FEDL_REFUSAL_PLAIN; j < i; j++) {
            assert_string_not_equal(text, fedl_refusal_text((fedl_refusal)j));
        }
    }
    assert_string_equal(fedl_refusal_text((fedl_refusal)(FEDL_REFUSAL_BOUND + 1)), "unknown");
    assert_false(fedl_refusal_known((fedl_refusal)(FEDL_REFUSAL_BOUND + 1)));
    assert_false(fedl_refusal_known(FEDL_REFUSAL_NONE));
}

static void site_policy_is_strict_by_default(void **state)
{
    (void)state;
    fedl_site_policy policy;
    memset(&policy, 0x5a, sizeof policy);
    fedl_site_policy_default(&policy);
    assert_int_equal(policy.min_aggregation, FEDL_AGGREGATION_MASKED);
    assert_false(policy.require_active);
    assert_false(policy.require_privacy);
    assert_int_equal(policy.min_cohort, 5);
    assert_int_equal(policy.gamma_permille, 100);
    assert_int_equal(policy.epochs_max, 100);
    assert_int_equal(policy.w_max, 8);
    assert_int_equal(policy.clip_q16_max, UINT32_MAX);
    assert_true(policy.rho_max == UINT64_MAX);
    assert_true(policy.rho_budget == UINT64_MAX);
}

int main(void)
{
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_are_the_documented_ones),
        cmocka_unit_test(entry_is_the_documented_one),
        cmocka_unit_test(refuses_id_0_and_unknown_capabilities),
        cmocka_unit_test(bitmaps_count_and_tell_padding),
        cmocka_unit_test(refusals_have_texts),
        cmocka_unit_test(site_policy_is_strict_by_default),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
