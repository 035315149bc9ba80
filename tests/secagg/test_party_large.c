/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attempts of large cohorts: complete graphs up to 128 devices, rings above. Signatures are not
 * the point here and cost most of the time, so that the port's verify() is exchanged.
 */
#include "secagg/party.h"

#include "cmocka_all.h"
#include "party_world.h"

#include <stdlib.h>
#include <string.h>

static bool verify_nothing(const uint8_t signature[64], const void *message, size_t size,
                           const uint8_t public_key[32])
{
    (void)signature;
    (void)message;
    (void)size;
    (void)public_key;
    return true;
}

/* A ring's state is as good to take up as a complete graph's, at every step of one device. */
static void take_up(world *w, uint32_t position)
{
    world_device *device = &w->devices[position];
    fedli_party party;
    if (position == 5) { /* a copy: a roster that is half read would begin again */
        const size_t size = fedli_party_size(&w->plan);
        void *copy = aligned_alloc(16, (size + 15u) & ~(size_t)15u);
        assert_non_null(copy);
        memcpy(copy, device->block, size);
        assert_int_equal(fedli_party_restore(&party, &device->setup, &device->epoch, device->cache,
                                             device->cache_count, copy, size),
                         FEDL_OK);
        free(copy);
    }
}

static void run(uint32_t n, fedl_server_trust trust, uint32_t shares_lost, uint32_t vectors_lost,
                uint32_t part_bytes)
{
    world w;
    world_init(&w, n, trust, 16, n);
    w.crypto.verify = verify_nothing;
    w.part_bytes = part_bytes;
    w.look = take_up;
    for (uint32_t i = 0; i < shares_lost; i++) {
        w.devices[(7 * i + 3) % n].lost_at_shares = true;
    }
    for (uint32_t i = 0; i < vectors_lost; i++) {
        w.devices[(7 * i + 5) % n].lost_at_vector = true;
    }
    world_begin(&w, 1, 1);
    world_to_end(&w);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(fedli_party_next(&w.devices[i].party) == FEDLI_PARTY_DONE, w.toy.in_u3[i]);
    }
    world_expect_sum(&w);
    world_deinit(&w);
}

static void the_largest_complete_graph(void **state)
{
    (void)state;
    run(128, FEDL_TRUST_ACTIVE, 5, 20, 0);
}

static void the_smallest_ring(void **state)
{
    (void)state;
    run(129, FEDL_TRUST_CURIOUS, 0, 0, 0);
    run(129, FEDL_TRUST_CURIOUS, 2, 3, 1000);
}

static void three_hundred_devices(void **state)
{
    (void)state;
    run(300, FEDL_TRUST_CURIOUS, 4, 6, 0);
    run(300, FEDL_TRUST_ACTIVE, 4, 6, 4096);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_complete_graph),
        cmocka_unit_test(the_smallest_ring),
        cmocka_unit_test(three_hundred_devices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
