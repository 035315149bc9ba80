/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From request to reply: nothing of a sum exists before the round is durable, a server that asks
 * for two sets gets one sum, and neither answer nor sum depends on how the work is cut up.
 */
#include "helper_fleet.h"

#include "cmocka_all.h"

#include <string.h>

#define VECTOR_MAX (48u * 1024u + 64u)

static uint8_t reply[FEDL_HELPER_REPLY_HEAD_BYTES + VECTOR_MAX];
static uint8_t first[sizeof reply];
static fedli_mask_key keys[DEVICES + 2];
static fedl_helper_verdict verdict;

/* The disk of the helper, and what may happen to it. */
static uint8_t disk[FEDL_HELPER_STATE_BYTES(8)];
static size_t disk_size;
static uint32_t kept;
static bool disk_is_full;

static bool keep(void *context, fedl_bytes state)
{
    (void)context;
    for (size_t i = 0; i < sizeof reply; i++) {
        assert_int_equal(reply[i], 0xa5); /* no byte of an answer yet */
    }
    if (disk_is_full) {
        return false;
    }
    assert_true(state.size <= sizeof disk);
    memcpy(disk, state.data, state.size);
    disk_size = state.size;
    kept++;
    return true;
}

/* Last part first, as threads may do it. */
static void backwards(void *context, fedl_helper_work work, void *job, uint32_t parts)
{
    (void)context;
    for (uint32_t part = parts; part > 0; part--) {
        work(job, part - 1u, parts);
    }
}

static int setup(void **state)
{
    (void)state;
    helper_fleet_setup(NULL);
    helper.cfg.keep = keep;
    disk_size = 0;
    kept = 0;
    disk_is_full = false;
    return 0;
}

/* The helper's process ends, wherever it is, and starts with what the disk has. */
static void restart(void)
{
    const fedl_helper_config cfg = helper.cfg;
    assert_int_equal(fedl_helper_init(&helper, &cfg), FEDL_OK);
    if (disk_size > 0) {
        assert_int_equal(fedl_helper_decode(&helper, fedl_bytes_of(disk, disk_size)), FEDL_OK);
    }
}

static size_t serve(fedl_bytes of)
{
    static const fedli_mask_key nothing[DEVICES + 2];
    const fedl_helper_room room = {keys, fedl_helper_keys_max(of), reply, sizeof reply};
    assert_true(room.keys_max <= DEVICES + 2);
    assert_true(fedl_helper_reply_bytes(&helper, of) <= sizeof reply);
    memset(reply, 0xa5, sizeof reply);
    const size_t size = fedl_helper_serve(&helper, &room, &verdict, of, UTC_S);
    assert_memory_equal(keys, nothing, room.keys_max * sizeof keys[0]);
    for (size_t i = size; i < sizeof reply; i++) {
        assert_int_equal(reply[i], 0xa5);
    }
    return size;
}

static void expect(fedl_helper_answer answer, uint32_t accused)
{
    const size_t sum = answer == FEDL_HELPER_SUM ? request.shape.vector_bytes : 0;
    assert_int_equal(serve(pack()), FEDL_HELPER_REPLY_HEAD_BYTES + sum);
    assert_int_equal(verdict.answer, answer);
    assert_int_equal(verdict.accused, accused);
}

static void the_round_is_durable_before_there_is_a_sum(void **state)
{
    (void)state;
    expect(FEDL_HELPER_SUM, 0); /* keep() looks at the reply */
    assert_true(verdict.is_new);
    assert_int_equal(verdict.count, 5);
    assert_int_equal(verdict.about.round, 4);
    assert_int_equal(kept, 1);
    memcpy(first, reply, sizeof reply);
    expect(FEDL_HELPER_SUM, 0);
    assert_false(verdict.is_new);
    assert_int_equal(kept, 1);
    assert_memory_equal(reply, first, sizeof reply);
}

static void what_cant_be_stored_is_not_answered(void **state)
{
    (void)state;
    disk_is_full = true;
    expect(FEDL_HELPER_STORE, 0);
    assert_false(verdict.is_new);
    expect(FEDL_HELPER_STORE, 0);
    disk_is_full = false;
    request.count = 4; /* nobody has got a sum of five */
    expect(FEDL_HELPER_SUM, 0);
    request.count = 5;
    expect(FEDL_HELPER_ANSWERED, 0);
}

static void two_sets_of_one_round_get_one_sum(void **state)
{
    (void)state;
    /* The difference of both sums would be the mask of one device. */
    for (uint32_t left_out = 0; left_out < 2; left_out++) {
        for (int killed = 0; killed < 3; killed++) {
            setup(NULL);
            request.count = left_out == 0 ? 5 : 4;
            if (killed == 1) { /* before the round was durable */
                disk_is_full = true;
                expect(FEDL_HELPER_STORE, 0);
                disk_is_full = false;
                restart();
            }
            expect(FEDL_HELPER_SUM, 0);
            memcpy(first, reply, sizeof reply);
            if (killed == 2) { /* after it, whether or not the answer went out */
                restart();
            }
            request.count = left_out == 0 ? 4 : 5;
            expect(FEDL_HELPER_ANSWERED, 0);
            request.attempt.attempt++;
            seal_all();
            expect(FEDL_HELPER_ANSWERED, 0);
            request.attempt.attempt--;
            seal_all();
            request.count = left_out == 0 ? 5 : 4;
            expect(FEDL_HELPER_SUM, 0); /* the same bytes, as often as asked */
            assert_memory_equal(reply, first, sizeof reply);
            assert_int_equal(kept, 1);
        }
    }
}

static void seeds_of_other_rounds_and_devices_do_nothing(void **state)
{
    (void)state;
    const fedli_attempt now = request.attempt;
    expect(FEDL_HELPER_SUM, 0);
    request.attempt.round++; /* the seeds of the round before */
    expect(FEDL_HELPER_BINDING, senders[0].id);
    seal_all();
    request.attempt = now;
    request.attempt.round++;
    const sender mine = senders[2];
    memcpy(senders[2].item, senders[3].item, sizeof mine.item); /* of the neighbour */
    expect(FEDL_HELPER_DUPLICATE, senders[2].id);
    senders[2] = mine;
    request.attempt.task_id++; /* of another task */
    expect(FEDL_HELPER_BINDING, senders[0].id);
    assert_int_equal(kept, 1); /* nothing that was refused uses a round up */
    request.attempt.task_id--;
    expect(FEDL_HELPER_SUM, 0);
}

static void parts_change_nothing(void **state)
{
    (void)state;
    static const uint32_t bits[] = {8, 16, 24, 32};
    for (size_t b = 0; b < 4; b++) {
        setup(NULL);
        request.shape = (fedli_mask_shape){bits[b], VECTOR_MAX - 64u, VECTOR_MAX};
        expect(FEDL_HELPER_SUM, 0);
        memcpy(first, reply, sizeof reply);
        for (uint32_t parts = 1; parts <= FEDL_HELPER_PARTS_MAX; parts++) {
            helper.cfg.parts = parts;
            helper.cfg.spread = parts % 2 == 0 ? backwards : NULL;
            expect(FEDL_HELPER_SUM, 0);
            assert_memory_equal(reply, first, sizeof reply);
        }
    }
}

static void who_is_accused_does_not_depend_on_parts(void **state)
{
    (void)state;
    for (uint32_t parts = 1; parts <= FEDL_HELPER_PARTS_MAX; parts++) {
        setup(NULL);
        helper.cfg.parts = parts;
        helper.cfg.spread = backwards;
        request.count = DEVICES;
        revoked[0] = senders[4].id;
        expect(FEDL_HELPER_REVOKED, senders[4].id);
        senders[5].item[9] ^= 1;
        expect(FEDL_HELPER_REVOKED, senders[4].id); /* the first one, whoever is found first */
        senders[1].item[9] ^= 1;
        expect(FEDL_HELPER_SEED, senders[1].id);
        senders[0].seed.min_cohort = DEVICES + 1u;
        seal(&senders[0]);
        expect(FEDL_HELPER_SMALL, 0);
        assert_int_equal(kept, 0);
    }
    fedl_helper_config cfg = helper.cfg;
    cfg.parts = FEDL_HELPER_PARTS_MAX + 1u;
    assert_int_equal(fedl_helper_init(&helper, &cfg), FEDL_ERR_RANGE);
}

static void a_small_room_is_no_answer(void **state)
{
    (void)state;
    const fedl_bytes of = pack();
    const size_t needed = fedl_helper_reply_bytes(&helper, of);
    fedl_helper_room room = {keys, fedl_helper_keys_max(of), reply, needed - 1u};
    memset(reply, 0xa5, sizeof reply);
    assert_int_equal(fedl_helper_serve(&helper, &room, &verdict, of, UTC_S),
                     FEDL_HELPER_REPLY_HEAD_BYTES);
    assert_int_equal(verdict.answer, FEDL_HELPER_FULL);
    room.reply_bytes = needed;
    room.keys_max = 4;
    memset(reply, 0xa5, sizeof reply);
    assert_int_equal(fedl_helper_serve(&helper, &room, &verdict, of, UTC_S),
                     FEDL_HELPER_REPLY_HEAD_BYTES);
    assert_int_equal(verdict.answer, FEDL_HELPER_FULL);
    assert_int_equal(kept, 0);
    expect(FEDL_HELPER_SUM, 0);
    assert_int_equal(fedl_helper_reply_bytes(&helper, fedl_bytes_of(bytes, 50)),
                     FEDL_HELPER_REPLY_HEAD_BYTES);
    serve(fedl_bytes_of(bytes, 50));
    assert_int_equal(verdict.answer, FEDL_HELPER_FORM);
    assert_int_equal(verdict.count, 0);
    assert_int_equal(verdict.about.task_id, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_round_is_durable_before_there_is_a_sum, setup),
        cmocka_unit_test_setup(what_cant_be_stored_is_not_answered, setup),
        cmocka_unit_test_setup(two_sets_of_one_round_get_one_sum, setup),
        cmocka_unit_test_setup(seeds_of_other_rounds_and_devices_do_nothing, setup),
        cmocka_unit_test_setup(parts_change_nothing, setup),
        cmocka_unit_test_setup(who_is_accused_does_not_depend_on_parts, setup),
        cmocka_unit_test_setup(a_small_room_is_no_answer, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
