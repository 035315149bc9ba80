/* SPDX-License-Identifier: Apache-2.0 */
#include "secagg/graph.h"

#include "base/cursor.h"
#include "base/hex.h"
#include "cmocka_all.h"
#include "fedl/secagg.h"
#include "secagg_fixture.h"
#include "secagg_vectors.h"
#include "sodium/crypto_sodium.h"

#include <stdbool.h>
#include <string.h>

#define N_MAX 2000u

static uint8_t root[32];
static uint8_t beacon[32];
static uint16_t words[2 * N_MAX];
static fedli_graph graph;

static int setup(void **state)
{
    (void)state;
    uint8_t rb[32];
    fixture_binding(rb, root, beacon);
    return 0;
}

static fedl_status init(uint32_t n, uint32_t k)
{
    return fedli_graph_init(&graph, fedl_crypto_sodium(), n, k, root, beacon, words);
}

/* Symmetric, k different neighbours each, none of them oneself, index undoes neighbour, and who is
 * nobody's neighbour has no index. */
static void check_graph(uint32_t n, uint32_t k)
{
    static bool is_neighbour[N_MAX];
    assert_int_equal(init(n, k), FEDL_OK);
    assert_int_equal(graph.n, n);
    assert_int_equal(graph.k, k);
    for (uint32_t p = 0; p < n; p++) {
        memset(is_neighbour, 0, sizeof is_neighbour);
        for (uint32_t i = 0; i < k; i++) {
            const uint32_t other = fedli_graph_neighbour(&graph, p, i);
            assert_true(other < n && other != p && !is_neighbour[other]);
            is_neighbour[other] = true;
            assert_int_equal(fedli_graph_index(&graph, p, other), i);
            const uint32_t back = fedli_graph_index(&graph, other, p);
            assert_true(back < k);
            assert_int_equal(fedli_graph_neighbour(&graph, other, back), p);
        }
        for (uint32_t other = 0; other < n; other += n < 300 ? 1 : 7) {
            if (!is_neighbour[other]) {
                assert_int_equal(fedli_graph_index(&graph, p, other), UINT32_MAX);
            }
        }
    }
}

static void complete_graphs_are_regular(void **state)
{
    (void)state;
    for (uint32_t n = 3; n <= FEDL_COMPLETE_GRAPH_MAX; n += n < 12 ? 1 : 29) {
        assert_int_equal(fedli_graph_words(n), 0);
        check_graph(n, n - 1);
        assert_int_equal(fedli_graph_neighbour(&graph, 0, 0), 1);
        assert_int_equal(fedli_graph_neighbour(&graph, 1, 0), 0);
        assert_int_equal(fedli_graph_neighbour(&graph, n - 1, n - 2), n - 2);
    }
    assert_int_equal(fedli_graph_words(FEDL_COMPLETE_GRAPH_MAX), 0);
    check_graph(FEDL_COMPLETE_GRAPH_MAX, FEDL_COMPLETE_GRAPH_MAX - 1);
}

static void rings_are_regular(void **state)
{
    (void)state;
    const uint32_t shapes[][2] = {{129, 2},  {129, 68},  {129, 128}, {130, 128},
                                  {131, 66}, {500, 254}, {1000, 66}, {N_MAX, 48}};
    for (uint32_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        assert_int_equal(fedli_graph_words(shapes[i][0]), 2 * shapes[i][0]);
        check_graph(shapes[i][0], shapes[i][1]);
    }
}

/* Neighbour order: −k/2 … −1, +1 … +k/2 along the ring. */
static void ring_order_is_the_documented_one(void **state)
{
    (void)state;
    const uint32_t n = 129;
    assert_int_equal(init(n, 6), FEDL_OK);
    const uint32_t steps[6] = {n - 3, n - 2, n - 1, 1, 2, 3};
    for (uint32_t place = 0; place < n; place++) {
        for (uint32_t i = 0; i < 6; i++) {
            assert_int_equal(fedli_graph_neighbour(&graph, graph.ring[place], i),
                             graph.ring[(place + steps[i]) % n]);
        }
    }
}

static void expect_ring(const char *vector, uint32_t n)
{
    static uint8_t bytes[2 * N_MAX];
    assert_int_equal(strlen(vector), 4 * n);
    assert_int_equal(fedli_hex_decode(bytes, 2 * (size_t)n, vector), FEDL_OK);
    assert_int_equal(init(n, 66), FEDL_OK);
    for (uint32_t i = 0; i < n; i++) {
        assert_int_equal(graph.ring[i], fedli_load_u16(bytes + 2 * (size_t)i));
        assert_int_equal(graph.place_of[graph.ring[i]], i);
    }
}

static void permutation_is_that_of_the_second_implementation(void **state)
{
    (void)state;
    expect_ring(VECTOR_RING_130, 130);
    expect_ring(VECTOR_RING_1000, 1000);
}

/* Every place gets every position about equally often: χ² over 129 · 129 cells, 4000 keys. Its mean
 * is 128² = 16384 and its standard deviation 181; six of them are allowed. The keys are fixed. */
static void permutations_are_uniform(void **state)
{
    (void)state;
    enum { n = 129, keys = 4000 };
    static uint32_t seen[n][n];
    uint8_t other[32];
    memcpy(other, beacon, 32);
    memset(seen, 0, sizeof seen);
    for (uint32_t key = 0; key < keys; key++) {
        fedli_store_u32(other, key);
        assert_int_equal(fedli_graph_init(&graph, fedl_crypto_sodium(), n, 2, root, other, words),
                         FEDL_OK);
        for (uint32_t i = 0; i < n; i++) {
            seen[i][graph.ring[i]]++;
        }
    }
    const double expected = (double)keys / n;
    double chi = 0;
    for (uint32_t i = 0; i < n; i++) {
        for (uint32_t j = 0; j < n; j++) {
            const double d = (double)seen[i][j] - expected;
            chi += d * d / expected;
        }
    }
    assert_true(chi > 16384 - 6 * 181 && chi < 16384 + 6 * 181);
}

static void permutation_covers_root_and_beacon(void **state)
{
    (void)state;
    uint16_t before[129];
    assert_int_equal(init(129, 2), FEDL_OK);
    memcpy(before, words, sizeof before);
    root[31] ^= 1;
    assert_int_equal(init(129, 2), FEDL_OK);
    assert_memory_not_equal(before, words, sizeof before);
    root[31] ^= 1;
    beacon[0] ^= 1;
    assert_int_equal(init(129, 2), FEDL_OK);
    assert_memory_not_equal(before, words, sizeof before);
    beacon[0] ^= 1;
    assert_int_equal(init(129, 2), FEDL_OK);
    assert_memory_equal(before, words, sizeof before);
}

static void refuses_shapes_out_of_range(void **state)
{
    (void)state;
    const uint32_t shapes[][2] = {{0, 0},      {2, 1},      {3, 1},        {3, 3},     {128, 66},
                                  {128, 128},  {129, 0},    {129, 67},     {129, 130}, {1000, 256},
                                  {1000, 999}, {65536, 66}, {65536, 65535}};
    memset(&graph, 0x5a, sizeof graph);
    const fedli_graph before = graph;
    for (uint32_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        assert_int_equal(init(shapes[i][0], shapes[i][1]), FEDL_ERR_RANGE);
        assert_memory_equal(&graph, &before, sizeof graph);
    }
}

/* The largest cohort: places and positions still fit 16 bits. With this beacon a word of the
 * keystream falls into the last, incomplete multiple of its range and is thrown away. */
static void largest_cohort_fits_and_throws_words_away(void **state)
{
    (void)state;
    static uint16_t many[2 * FEDL_COHORT_MAX];
    static uint8_t bytes[2 * FEDL_COHORT_MAX];
    uint8_t digest[32];
    uint8_t other[32];
    memcpy(other, beacon, 32);
    other[31] = VECTOR_THROWING_BEACON_LAST;
    assert_int_equal(
        fedli_graph_init(&graph, fedl_crypto_sodium(), FEDL_COHORT_MAX, 254, root, other, many),
        FEDL_OK);
    for (uint32_t i = 0; i < FEDL_COHORT_MAX; i++) {
        fedli_store_u16(bytes + 2 * (size_t)i, graph.ring[i]);
    }
    fedl_digest(fedl_crypto_sodium(), digest, bytes, sizeof bytes);
    fixture_expect(digest, 32, VECTOR_RING_65535);
    for (uint32_t p = 0; p < FEDL_COHORT_MAX; p += 6553) {
        for (uint32_t i = 0; i < 254; i++) {
            const uint32_t neighbour = fedli_graph_neighbour(&graph, p, i);
            assert_int_equal(fedli_graph_index(&graph, p, neighbour), i);
            assert_int_equal(fedli_graph_index(&graph, neighbour, p), 253 - i);
        }
    }
}

int main(void)
{
    if (fedl_crypto_sodium_init() != FEDL_OK) {
        return 1;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(complete_graphs_are_regular),
        cmocka_unit_test(rings_are_regular),
        cmocka_unit_test(ring_order_is_the_documented_one),
        cmocka_unit_test(permutation_is_that_of_the_second_implementation),
        cmocka_unit_test(permutations_are_uniform),
        cmocka_unit_test(permutation_covers_root_and_beacon),
        cmocka_unit_test(refuses_shapes_out_of_range),
        cmocka_unit_test(largest_cohort_fits_and_throws_words_away),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
