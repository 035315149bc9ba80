/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An observer with everything the server ever receives tries to tell which of two updates one
 * honest device sent. It is given all that the protocol gives away (the device's own mask, opened
 * from the shares, and its pair with a device that vanished) and still has to guess: what is left
 * are the masks of the other pairs.
 *
 * The observer is the best that words allow: it counts, coordinate by coordinate, which of the two
 * updates lies nearer in the ring. On a vector without masks it is always right, which shows that
 * it can see.
 */
#include "base/cursor.h"
#include "cmocka_all.h"
#include "party_world.h"
#include "secagg/share.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TRIALS  400u
#define DEVICES 4u

/* Two updates that differ in every word. */
static void fill_update(uint8_t *update, size_t size, bool second)
{
    for (size_t i = 0; i + 2 <= size; i += 2) {
        const uint32_t word =
            second ? 3u * (uint32_t)i + 90u : 0x10000u - 40u - (uint32_t)(i % 50u);
        fedli_store_u16(update + i, (uint16_t)word);
    }
}

static uint32_t distance(uint32_t a, uint32_t b)
{
    const uint32_t up = (a - b) & 0xffffu;
    return up < 0x10000u - up ? up : 0x10000u - up;
}

/* True: the second update lies nearer. */
static bool guess_second(const uint8_t *vector, size_t body_bytes)
{
    uint8_t *first = malloc(body_bytes);
    uint8_t *second = malloc(body_bytes);
    assert_true(first != NULL && second != NULL);
    int64_t score = 0;
    fill_update(first, body_bytes, false);
    fill_update(second, body_bytes, true);
    for (size_t i = 0; i + 2 <= body_bytes; i += 2) {
        const uint32_t word = fedli_load_u16(vector + i);
        score += (int64_t)distance(word, fedli_load_u16(first + i)) -
                 (int64_t)distance(word, fedli_load_u16(second + i));
    }
    free(first);
    free(second);
    return score > 0;
}

typedef struct tally {
    uint32_t right;          /* guesses on what the server holds */
    uint32_t right_unmasked; /* guesses on the update itself */
    uint32_t bytes[2][256];  /* of masked bodies, by update sent */
} tally;

/* What a vanished device's SeedBox gives away: the mask of its pair with device 0, the smallest id.
 */
static void remove_lost_edge(const world *w, const fedli_mask_shape *shape, uint8_t *held,
                             uint32_t lost)
{
    uint8_t d[32];
    uint8_t seeds[32u * DEVICES];
    const uint32_t k = w->toy.k;
    const uint8_t *box =
        w->toy.shares[lost].data + FEDLI_SHARES_HEAD_BYTES + (size_t)FEDLI_SHARES_EACH_BYTES * k;
    assert_true(k <= DEVICES);
    assert_true(toy_open_secret(&w->toy, d, lost, FEDLI_SHARE_D));
    assert_true(fedli_seedbox_open(&w->crypto, seeds, box, k, d, w->toy.rb, w->devices[lost].id));
    fedli_mask_apply(&fedli_prg_portable, shape, held, 0, shape->vector_bytes, seeds, true);
}

/* One attempt; device 0 sends the update that the coin says, the others theirs. */
static void trial(tally *all, uint64_t seed, bool second, bool lost)
{
    world w;
    uint8_t b[32];
    uint8_t self[32];
    world_init(&w, DEVICES + (lost ? 1u : 0u), FEDL_TRUST_CURIOUS, 16, seed);
    const fedli_mask_shape shape = toy_shape(&w.plan);
    fill_update(w.devices[0].update, shape.body_bytes, second);
    if (lost) {
        w.devices[2].lost_at_vector = true;
    }
    world_begin(&w, 1, 1);
    world_to_end(&w);
    world_expect_sum(&w);
    uint8_t *held = malloc(shape.vector_bytes);
    assert_non_null(held);
    memcpy(held, w.toy.vector[0].data, shape.vector_bytes);
    assert_true(toy_open_secret(&w.toy, b, 0, FEDLI_SHARE_B));
    fedli_self_seed(&w.crypto, self, b, w.toy.rb);
    fedli_mask_apply(&fedli_prg_portable, &shape, held, 0, shape.vector_bytes, self, true);
    if (lost) {
        remove_lost_edge(&w, &shape, held, 2);
    }
    all->right += guess_second(held, shape.body_bytes) == second ? 1u : 0u;
    all->right_unmasked += guess_second(w.devices[0].update, shape.body_bytes) == second ? 1u : 0u;
    for (size_t i = 0; i < shape.body_bytes; i++) {
        all->bytes[second ? 1 : 0][held[i]]++;
    }
    free(held);
    world_deinit(&w);
}

static double chi_square_uniform(const uint32_t counts[256])
{
    double total = 0;
    double sum = 0;
    for (uint32_t i = 0; i < 256; i++) {
        total += counts[i];
    }
    for (uint32_t i = 0; i < 256; i++) {
        sum += pow(counts[i] - total / 256, 2) / (total / 256);
    }
    return sum;
}

static void an_observer_does_no_better_than_chance(void **state)
{
    (void)state;
    static tally all;
    uint32_t coin = 12345;
    memset(&all, 0, sizeof all);
    for (uint32_t i = 0; i < TRIALS; i++) {
        coin = coin * 1103515245u + 12345u;
        trial(&all, 1000u + i, (coin >> 20 & 1u) != 0, i % 2u == 1u);
    }
    assert_int_equal(all.right_unmasked, TRIALS);
    /* 200 ± 5 standard deviations of 10. */
    assert_in_range(all.right, TRIALS / 2u - 50u, TRIALS / 2u + 50u);
    for (uint32_t i = 0; i < 2; i++) { /* χ² of 255 degrees: 255 ± 6 · 22.6 */
        const double chi2 = chi_square_uniform(all.bytes[i]);
        assert_true(chi2 > 255 - 136 && chi2 < 255 + 136);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_observer_does_no_better_than_chance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
