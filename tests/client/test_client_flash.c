/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of a masked attempt lies in a device's storage, and for how long: a host with two places,
 * progress and saved state, which follows docs/embedding.md to the letter. What the machine itself
 * stores never holds a secret; a saved state does, until the MEMORY event was answered.
 */
#include "cmocka_all.h"

#include "device_saved.h"
#include "secagg/party_state.h"

#include <string.h>

#define PIECES_MAX 256u

static uint8_t pieces[PIECES_MAX][32];
static uint32_t piece_count;

static void collect(const void *bytes, size_t size)
{
    static const uint8_t zeros[32];
    for (size_t at = 0; at + 32 <= size; at += 32) {
        const uint8_t *piece = (const uint8_t *)bytes + at;
        if (memcmp(piece, zeros, 32) != 0) {
            assert_true(piece_count < PIECES_MAX);
            memcpy(pieces[piece_count++], piece, 32);
        }
    }
}

/* Every key, chain and opened share that the machine holds now. */
static void collect_secrets(const world *w)
{
    const fedli_client_group *g = &w->client.state->group;
    const fedli_party *party = &g->party;
    const fedli_party_state *s = party->state;
    piece_count = 0;
    collect(g->epoch.secret, sizeof g->epoch.secret);
    collect(s->secret, sizeof s->secret);
    collect(s->self_seed, sizeof s->self_seed);
    collect(s->noise_key, sizeof s->noise_key);
    for (uint32_t i = 0; i < s->k; i++) {
        collect(fedli_party_pairs(party)[i].chain, 32);
    }
    if (s->phase == FEDLI_PHASE_UPLOAD || s->phase == FEDLI_PHASE_SURVIVORS) {
        collect(fedli_party_area(party), 64u * (size_t)s->u2_peers); /* both kinds of share */
    }
    assert_true(piece_count >= 3);
}

static uint32_t held(const uint8_t *place, size_t size)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < piece_count; i++) {
        for (size_t at = 0; at + 32 <= size; at++) {
            if (memcmp(place + at, pieces[i], 32) == 0) {
                count++;
                break;
            }
        }
    }
    return count;
}

static const char *const stops[] = {"PUT READY",  "GET CERTS",     "PUT SHARES", "UPLOAD 0",
                                    "log masked", "GET SURVIVORS", "PUT CONFIRM"};

static void nothing_is_left_in_storage(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
        world *w = world_create(FEDL_CLIENT_RUN);
        w->cfg.chunk_bytes_max = 512;
        world_masked(w, 5, FEDL_TRUST_ACTIVE, 16);
        while (!world_said(w, stops[i]) || fedl_client_save_bytes(&w->client) == 0) {
            world_run(w, 1);
            assert_int_equal(held(w->stored_progress, w->stored_progress_bytes), 0);
        }
        collect_secrets(w);
        put_away(w); /* into the place of saved states: it holds them all */
        assert_int_equal(held(saved, saved_size), piece_count);
        forget_machine(w);
        world_forget(w);
        assert_int_equal(take_up(w), FEDL_OK);
        while (w->task_block == NULL || w->client.state->work == FEDLI_WORK_MEMORY) {
            world_run(w, 1);
        }
        memset(saved, 0, sizeof saved); /* MEMORY was answered: it goes at once */
        for (uint32_t n = 0; n < 4000 && !world_said(w, "log uploaded"); n++) {
            if (w->queue_count == 0) {
                world_advance(w, 1);
            } else {
                world_run(w, 1);
            }
            assert_int_equal(held(w->stored_progress, w->stored_progress_bytes), 0);
        }
        world_expect_sum(w);
        assert_int_equal(w->train_count, 1);
        assert_int_equal(held(saved, sizeof saved), 0);
        assert_int_equal(held(w->stored_identity, sizeof w->stored_identity), 0);
        world_destroy(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_left_in_storage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
