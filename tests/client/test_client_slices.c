/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No step of the machine does more public-key work than a watchdog can bear, however many
 * certificates come in one message: counted by a crypto table that counts.
 */
#include "cmocka_all.h"

#include "device_group.h"

#include <string.h>

#define PEERS 8u
/* Checking in with an update that is kept: the manifest, the own certificate, a new epoch key and
 * its signature. A neighbour: two signatures and one DH. A handshake message: four. */
#define WORK_MAX 4u

static fedl_crypto counting;
static const fedl_crypto *real;
static uint32_t work;

static bool count_x25519(uint8_t shared[32], const uint8_t secret[32], const uint8_t point[32])
{
    work++;
    return real->x25519(shared, secret, point);
}

static void count_x25519_public(uint8_t public_key[32], const uint8_t secret[32])
{
    work++;
    real->x25519_public(public_key, secret);
}

static void count_sign_keypair(uint8_t public_key[32], uint8_t secret[64], const uint8_t seed[32])
{
    work++;
    real->sign_keypair(public_key, secret, seed);
}

static void count_sign(uint8_t signature[64], const void *message, size_t size,
                       const uint8_t secret[64])
{
    work++;
    real->sign(signature, message, size, secret);
}

static bool count_verify(const uint8_t signature[64], const void *message, size_t size,
                         const uint8_t public_key[32])
{
    work++;
    return real->verify(signature, message, size, public_key);
}

static world *counted_world(uint32_t chunk_bytes)
{
    world *w = world_create(FEDL_CLIENT_RUN);
    real = w->crypto;
    counting = *real;
    counting.x25519 = count_x25519;
    counting.x25519_public = count_x25519_public;
    counting.sign_keypair = count_sign_keypair;
    counting.sign = count_sign;
    counting.verify = count_verify;
    w->cfg.chunk_bytes_max = chunk_bytes;
    w->cfg.crypto = &counting;
    world_masked(w, PEERS, FEDL_TRUST_ACTIVE, 16);
    return w;
}

/* One event at a time; returns all the work of the round. */
static uint32_t run_counted(world *w)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < 4000 && !world_said(w, "log uploaded"); i++) {
        work = 0;
        if (w->queue_count == 0) {
            world_advance(w, 1);
        } else {
            world_run(w, 1);
        }
        assert_in_range(work, 0, WORK_MAX);
        sum += work;
    }
    assert_true(world_said(w, "log uploaded"));
    return sum;
}

static void a_step_checks_one_neighbour_at_most(void **state)
{
    (void)state;
    static const uint32_t chunks[] = {256, 300, 312, 1000, 16384};
    uint32_t sum = 0;
    for (size_t i = 0; i < sizeof chunks / sizeof chunks[0]; i++) {
        world *w = counted_world(chunks[i]);
        const uint32_t all = run_counted(w);
        world_expect_sum(w);
        assert_true(all > 3u * PEERS);
        assert_true(sum == 0 || sum == all); /* nothing is checked twice */
        sum = all;
        assert_int_equal(world_count(w, "GET CERTS"),
                         (312u * PEERS + chunks[i] - 1u) / chunks[i]); /* nor asked for */
        world_next_round(w);
        world_forget(w);
        assert_true(run_counted(w) < 3u * PEERS); /* the pairs are known */
        world_destroy(w);
    }
}

static world *world_in_a_part(void)
{
    world *w = counted_world(16384);
    while (w->client.state->work != FEDLI_WORK_TAKE) {
        world_run(w, 1);
    }
    assert_int_equal(w->queue_count, 0);
    assert_true(fedl_client_deadline_ns(&w->client) <= w->now_ns); /* it goes on at once */
    assert_int_equal(w->client.state->group.part.size, 312u * (PEERS - 1u));
    return w;
}

static void feed(world *w, fedl_client_event_kind kind, fedl_status expected)
{
    static const uint8_t noise[64] = {1, 2, 3};
    fedl_client_actions actions;
    fedl_client_event event;
    memset(&event, 0, sizeof event);
    event.kind = kind;
    event.now_ns = w->now_ns;
    event.bytes = fedl_bytes_of(noise, sizeof noise);
    assert_int_equal(fedl_client_step(&w->client, &event, &actions), expected);
}

/* Whatever happens meanwhile, the part is worked off. */
static void a_part_survives_what_comes_in_between(void **state)
{
    (void)state;
    for (int kind = FEDL_CLIENT_TICK; kind <= (int)FEDL_CLIENT_STORED; kind++) {
        world *w = world_in_a_part();
        const bool answer = kind >= (int)FEDL_CLIENT_MEMORY;
        feed(w, (fedl_client_event_kind)kind, answer ? FEDL_ERR_STATE : FEDL_OK);
        assert_int_equal(w->client.state->work, FEDLI_WORK_TAKE);
        assert_int_equal(w->client.state->group.part.size, 312u * (PEERS - (answer ? 1u : 2u)));
        (void)run_counted(w);
        world_expect_sum(w);
        assert_int_equal(world_count(w, "GET CERTS"), 1);
        world_destroy(w);
    }
}

/* A second answer is a message that nobody waits for: it does not get between the slices. */
static void a_part_is_not_written_over(void **state)
{
    (void)state;
    world *w = world_in_a_part();
    fedl_message again;
    memset(&again, 0, sizeof again);
    again.kind = FEDL_MESSAGE_PART;
    again.request_id = w->client.state->request_id_next;
    static const uint8_t junk[2000] = {0xee};
    again.u.part.item = FEDL_ITEM_CERTS;
    again.u.part.total_bytes = 312u * PEERS;
    again.u.part.payload = fedl_bytes_of(junk, sizeof junk);
    world_send(w, &again);
    (void)run_counted(w);
    world_expect_sum(w);
    world_destroy(w);
}

/* The host may also put the machine away then; the rest of the part is asked for again. */
static void a_pause_in_a_part_asks_for_its_rest(void **state)
{
    (void)state;
    static uint8_t saved[65536];
    world *w = world_in_a_part();
    size_t size = 0;
    assert_int_equal(fedl_client_save(&w->client, saved, sizeof saved, &size), FEDL_OK);
    world_power_cut(w);
    fedl_client_deinit(&w->client);
    assert_int_equal(fedl_client_restore(&w->client, &w->cfg, w->block, w->block_bytes,
                                         fedl_bytes_of(saved, size)),
                     FEDL_OK);
    (void)run_counted(w);
    world_expect_sum(w);
    assert_true(world_said(w, "GET CERTS 312"));
    assert_int_equal(w->train_count, 1);
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_checks_one_neighbour_at_most),
        cmocka_unit_test(a_part_survives_what_comes_in_between),
        cmocka_unit_test(a_part_is_not_written_over),
        cmocka_unit_test(a_pause_in_a_part_asks_for_its_rest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
