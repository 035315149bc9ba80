/* SPDX-License-Identifier: Apache-2.0 */
/* GATHERING: who gets into the roster, who does not, and when it freezes. */
#include "group_world.h"

#include "base/cursor.h"
#include "secagg/epoch.h"
#include "secure/cert.h"

#include <string.h>

static fedl_group_answer put_ready(group_world *w, uint32_t index, const uint8_t *blob)
{
    return group_world_put(w, index, FEDL_ITEM_READY, blob, FEDLI_READY_BYTES);
}

static void copy_ready(group_world *w, uint32_t index, uint8_t blob[FEDLI_READY_BYTES])
{
    memcpy(blob, group_world_ready_blob(w, index), FEDLI_READY_BYTES);
}

/* READY with other certificates, signed as they should be, and with this epoch secret. */
static void make_ready(group_world *w, uint32_t index, uint8_t blob[FEDLI_READY_BYTES],
                       const fedl_cert *cert, const fedli_epoch_cert *epoch)
{
    copy_ready(w, index, blob);
    fedl_cert_issue(w->crypto, blob + 52, cert, w->ca_secret);
    fedli_epoch_cert_issue(w->crypto, blob + 52 + FEDLI_DEVICE_CERT_BYTES, epoch,
                           w->devices[index].id_secret);
}

static fedl_cert cert_of(group_world *w, uint32_t index)
{
    fedl_cert cert;
    assert_int_equal(fedl_cert_open(&cert, w->crypto,
                                    fedl_bytes_of(w->devices[index].device_cert, FEDLI_CERT_BYTES),
                                    w->ca_public, 0),
                     FEDL_OK);
    return cert;
}

static void every_part_of_ready_is_checked(void **state)
{
    (void)state;
    group_world w;
    uint8_t blob[FEDLI_READY_BYTES];
    group_world_open(&w, 3, FEDL_TRUST_CURIOUS, 16);
    group_world_begin(&w, 1);
    for (uint32_t at = FEDLI_NONCE16_BYTES; at < FEDLI_READY_BYTES; at++) {
        copy_ready(&w, 0, blob);
        blob[at] ^= 4; /* only the nonce may be anything */
        assert_int_equal(put_ready(&w, 0, blob), FEDL_GROUP_MISMATCH);
        assert_int_equal(fedl_group_cohort(&w.group), 0);
    }
    copy_ready(&w, 0, blob);
    assert_int_equal(put_ready(&w, 0, blob), FEDL_GROUP_OK);
    assert_int_equal(fedl_group_cohort(&w.group), 1);
    group_world_close(&w);
}

static void certificates_must_fit(void **state)
{
    (void)state;
    group_world w;
    uint8_t blob[FEDLI_READY_BYTES];
    group_world_open(&w, 3, FEDL_TRUST_CURIOUS, 16);
    group_world_begin(&w, 1);
    const fedl_cert good = cert_of(&w, 0);
    const fedli_epoch_cert good_epoch = w.devices[0].epoch.cert;
    fedl_cert certs[6];
    for (uint32_t i = 0; i < 6; i++) {
        certs[i] = good;
    }
    certs[0].role = FEDL_CERT_ROUND;
    certs[1].fleet_id[3] ^= 1;
    certs[2].subject_id++;
    certs[3].id_public[0] ^= 1;
    certs[4].noise_public[0] ^= 1;
    certs[5].not_after_s = w.setup.utc_s - 1;
    for (uint32_t i = 0; i < 6; i++) {
        make_ready(&w, 0, blob, &certs[i], &good_epoch);
        assert_int_equal(put_ready(&w, 0, blob), FEDL_GROUP_MISMATCH);
    }
    fedli_epoch_cert epochs[6];
    for (uint32_t i = 0; i < 6; i++) {
        epochs[i] = good_epoch;
    }
    epochs[0].fleet_id[3] ^= 1;
    epochs[1].device_id++;
    epochs[2].task_id++;
    epochs[3].epoch = epochs[3].round_lo = w.setup.attempt.round + 1; /* not yet */
    epochs[4].epoch = epochs[4].round_lo = 1;
    epochs[4].round_hi = w.setup.attempt.round - 1; /* no longer */
    memset(epochs[5].epoch_public, 0, 32);          /* of low order */
    for (uint32_t i = 0; i < 6; i++) {
        make_ready(&w, 0, blob, &good, &epochs[i]);
        assert_int_equal(put_ready(&w, 0, blob), FEDL_GROUP_MISMATCH);
    }
    /* A good READY under another device's name. */
    copy_ready(&w, 1, blob);
    assert_int_equal(put_ready(&w, 0, blob), FEDL_GROUP_MISMATCH);
    make_ready(&w, 0, blob, &good, &good_epoch);
    assert_int_equal(put_ready(&w, 0, blob), FEDL_GROUP_OK);
    group_world_close(&w);
}

static void a_key_is_its_first_owners(void **state)
{
    (void)state;
    group_world w;
    uint8_t blob[FEDLI_READY_BYTES];
    group_world_open(&w, 4, FEDL_TRUST_CURIOUS, 16);
    group_world_begin(&w, 1);
    fedli_epoch_cert stolen = w.devices[1].epoch.cert;
    memcpy(stolen.epoch_public, w.devices[0].epoch.cert.epoch_public, 32);
    const fedl_cert cert = cert_of(&w, 1);
    assert_int_equal(put_ready(&w, 0, group_world_ready_blob(&w, 0)), FEDL_GROUP_OK);
    make_ready(&w, 1, blob, &cert, &stolen);
    assert_int_equal(put_ready(&w, 1, blob), FEDL_GROUP_MISMATCH);
    /* The same with the identity key: two registrations with one key. */
    group_device twin = w.devices[1];
    memcpy(w.devices[1].id_public, w.devices[0].id_public, 32);
    memcpy(w.devices[1].id_secret, w.devices[0].id_secret, 64);
    fedl_cert twin_cert = cert;
    memcpy(twin_cert.id_public, w.devices[0].id_public, 32);
    make_ready(&w, 1, blob, &twin_cert, &w.devices[1].epoch.cert);
    assert_int_equal(put_ready(&w, 1, blob), FEDL_GROUP_MISMATCH);
    memcpy(w.devices[1].id_public, twin.id_public, 32);
    memcpy(w.devices[1].id_secret, twin.id_secret, 64);
    assert_int_equal(put_ready(&w, 1, group_world_ready_blob(&w, 1)), FEDL_GROUP_OK);
    assert_int_equal(fedl_group_cohort(&w.group), 2);
    group_world_close(&w);
}

/* A restarted device replaces its nonce as long as the roster is open, and not a moment longer. */
static void ready_again(void **state)
{
    (void)state;
    group_world w;
    uint8_t blob[FEDLI_READY_BYTES], other[FEDLI_READY_BYTES];
    uint8_t roster[FEDLI_ROSTER_HEAD_BYTES + 3 * FEDLI_ROSTER_ENTRY_BYTES];
    uint64_t next;
    bool complete;
    size_t size;
    group_world_open(&w, 3, FEDL_TRUST_CURIOUS, 16);
    group_world_begin(&w, 1);
    group_device *d = &w.devices[0];
    copy_ready(&w, 0, blob);
    memcpy(other, blob, sizeof other);
    other[0] ^= 0xff;
    assert_int_equal(put_ready(&w, 0, other), FEDL_GROUP_OK);
    assert_int_equal(put_ready(&w, 0, other), FEDL_GROUP_OK);
    assert_int_equal(fedl_group_cohort(&w.group), 1);
    /* The first part of another one: it is not ready until the rest has come. */
    assert_int_equal(fedl_group_put(&w.group, w.now_ns, d->device_id, d->id_public, d->noise_public,
                                    FEDL_ITEM_READY, 0, sizeof blob, fedl_bytes_of(blob, 100),
                                    &next, &complete),
                     FEDL_GROUP_OK);
    assert_int_equal(next, 100);
    assert_false(complete);
    assert_int_equal(fedl_group_cohort(&w.group), 0);
    /* A part that fits neither starts it over. */
    assert_int_equal(fedl_group_put(&w.group, w.now_ns, d->device_id, d->id_public, d->noise_public,
                                    FEDL_ITEM_READY, 50, sizeof blob, fedl_bytes_of(other, 100),
                                    &next, &complete),
                     FEDL_GROUP_OK);
    assert_int_equal(next, 0);
    assert_int_equal(put_ready(&w, 0, blob), FEDL_GROUP_OK);
    assert_int_equal(put_ready(&w, 1, group_world_ready_blob(&w, 1)), FEDL_GROUP_OK);
    assert_int_equal(put_ready(&w, 2, group_world_ready_blob(&w, 2)), FEDL_GROUP_OK);
    assert_int_equal(fedl_group_phase_of(&w.group), FEDL_GROUP_SHARING);
    assert_int_equal(put_ready(&w, 0, blob), FEDL_GROUP_OK);
    assert_int_equal(put_ready(&w, 0, other), FEDL_GROUP_MISMATCH);
    assert_int_equal(group_world_get(&w, 1, FEDL_ITEM_ROSTER, roster, sizeof roster, &size),
                     FEDL_GROUP_OK);
    assert_int_equal(size, sizeof roster);
    assert_memory_equal(roster + 8 + 73, blob, 16); /* the nonce that was there last */
    group_world_run(&w);
    group_world_expect_exact(&w);
    group_world_close(&w);
}

static void the_goal_freezes_the_roster(void **state)
{
    (void)state;
    group_world w;
    uint8_t out[8];
    size_t size;
    group_world_open(&w, 6, FEDL_TRUST_CURIOUS, 16);
    w.setup.cohort_goal = 4;
    const uint32_t excluded[] = {w.devices[3].device_id, 4000000000u};
    w.setup.excluded = excluded;
    w.setup.excluded_count = 2;
    group_world_begin(&w, 1);
    assert_true(fedl_group_news(&w.group));
    assert_false(fedl_group_news(&w.group));
    assert_int_equal(put_ready(&w, 3, group_world_ready_blob(&w, 3)), FEDL_GROUP_NOT_MEMBER);
    const uint32_t order[] = {5, 0, 4, 1};
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(group_world_get(&w, order[i], FEDL_ITEM_ROSTER, out, sizeof out, &size),
                         FEDL_GROUP_NOT_MEMBER);
        assert_int_equal(fedl_group_phase_of(&w.group), FEDL_GROUP_GATHERING);
        assert_int_equal(put_ready(&w, order[i], group_world_ready_blob(&w, order[i])),
                         FEDL_GROUP_OK);
        assert_int_equal(fedl_group_news(&w.group), i == 3);
    }
    assert_int_equal(fedl_group_phase_of(&w.group), FEDL_GROUP_SHARING);
    assert_int_equal(put_ready(&w, 2, group_world_ready_blob(&w, 2)), FEDL_GROUP_STALE);
    assert_int_equal(put_ready(&w, 3, group_world_ready_blob(&w, 3)), FEDL_GROUP_NOT_MEMBER);
    for (uint32_t i = 0; i < 4; i++) {
        fedli_party_put_done(&w.devices[order[i]].party);
    }
    group_world_run(&w);
    group_world_expect_exact(&w);
    assert_int_equal(fedl_group_cohort(&w.group), 4);
    assert_int_equal(w.devices[2].answer, FEDL_GROUP_STALE);
    assert_int_equal(w.devices[3].answer, FEDL_GROUP_NOT_MEMBER);
    group_world_close(&w);
}

static void put_first_part(group_world *w, uint32_t index, uint64_t *next,
                           fedl_group_answer expected)
{
    const group_device *d = &w->devices[index];
    bool complete;
    assert_int_equal(fedl_group_put(&w->group, w->now_ns, d->device_id, d->id_public,
                                    d->noise_public, FEDL_ITEM_READY, 0, FEDLI_READY_BYTES,
                                    fedl_bytes_of(group_world_ready_blob(w, index), 64), next,
                                    &complete),
                     expected);
    assert_false(complete);
}

/* As many slots as the largest cohort: half a READY keeps one for no longer than a step. */
static void half_a_ready_gives_way(void **state)
{
    (void)state;
    group_world w;
    uint64_t next;
    group_world_open(&w, 4, FEDL_TRUST_CURIOUS, 16);
    w.plan.update.clients_max = 3;
    w.setup.cohort_goal = 3;
    group_world_begin(&w, 1);
    for (uint32_t i = 0; i < 3; i++) {
        put_first_part(&w, i, &next, FEDL_GROUP_OK);
        assert_int_equal(next, 64);
        w.now_ns += 1000;
    }
    put_first_part(&w, 3, &next, FEDL_GROUP_STALE);
    w.now_ns += (fedl_instant_ns)GROUP_STEP_MS * 1000000;
    put_first_part(&w, 3, &next, FEDL_GROUP_OK);
    assert_int_equal(next, 64);
    /* Device 0 lost its slot: the next to go would be 1, whose time is over, too. */
    assert_false(fedl_group_waits_for(&w.group, w.devices[0].device_id));
    assert_true(fedl_group_waits_for(&w.group, w.devices[1].device_id));
    assert_int_equal(put_ready(&w, 0, group_world_ready_blob(&w, 0)), FEDL_GROUP_OK);
    assert_false(fedl_group_waits_for(&w.group, w.devices[1].device_id));
    assert_int_equal(fedl_group_cohort(&w.group), 1);
    group_world_close(&w);
}

static void setups_that_cannot_be(void **state)
{
    (void)state;
    group_world w;
    fedl_group group;
    group_world_open(&w, 5, FEDL_TRUST_CURIOUS, 16);
    group_world_begin(&w, 1);
    fedl_group_setup bad[5];
    fedl_plan plain = w.plan;
    plain.aggregation = FEDL_AGGREGATION_PLAIN;
    for (uint32_t i = 0; i < 5; i++) {
        bad[i] = w.setup;
    }
    bad[0].cohort_min = 2;
    bad[1].cohort_goal = 6;
    bad[2].cohort_goal = 2;
    bad[3].plan = &plain;
    w.plan.secagg.min_cohort = 4;
    bad[4].cohort_min = 3;
    for (uint32_t i = 0; i < 5; i++) {
        assert_int_equal(fedl_group_begin(&group, &bad[i], w.block, w.block_bytes, 0),
                         FEDL_ERR_RANGE);
    }
    w.plan.secagg.min_cohort = 3;
    assert_int_equal(fedl_group_begin(&group, &w.setup, w.block, w.block_bytes - 1, 0),
                     FEDL_ERR_SIZE);
    assert_int_equal(fedl_group_begin(&group, &w.setup, NULL, w.block_bytes, 0), FEDL_ERR_SIZE);
    w.plan.update.clients_max = 2;
    assert_int_equal(fedl_group_size(&w.plan), 0);
    assert_int_equal(fedl_group_export_bytes_max(&w.plan), 0);
    w.plan.update.clients_max = 5;
    group_world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_of_ready_is_checked), cmocka_unit_test(certificates_must_fit),
        cmocka_unit_test(a_key_is_its_first_owners),      cmocka_unit_test(ready_again),
        cmocka_unit_test(the_goal_freezes_the_roster),    cmocka_unit_test(half_a_ready_gives_way),
        cmocka_unit_test(setups_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
