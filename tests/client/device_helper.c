/* SPDX-License-Identifier: Apache-2.0 */
/* The helper of a world: the real machine, asked by the real group, without wires. */
#include "cmocka_all.h"

#include "device_group.h"
#include "secure/cert.h"

#include <stdlib.h>
#include <string.h>

static bool keep(void *context, fedl_bytes state)
{
    (void)context;
    return state.size > 0;
}

void world_helper_certify(world *w, uint8_t out[FEDLI_CERT_BYTES], fedl_cert_role role,
                          const uint8_t ca_secret[64], uint64_t not_after_s)
{
    fedl_cert cert = {.role = role, .subject_id = 0, .serial = 1, .not_after_s = not_after_s};
    memcpy(cert.fleet_id, w->server.fleet_id, 16);
    w->crypto->x25519_public(cert.noise_public, w->group->helper_secret);
    fedl_cert_issue(w->crypto, out, &cert, ca_secret);
}

void world_helper_make(world *w)
{
    world_group *g = w->group;
    fedl_helper_config cfg = {.crypto = w->crypto, .min_cohort = FEDL_COHORT_MIN, .keep = keep};
    memset(g->helper_secret, 0x68, sizeof g->helper_secret);
    world_helper_certify(w, g->helper_cert, FEDL_CERT_HELPER, w->server.ca_secret, 0);
    memcpy(cfg.fleet_id, w->server.fleet_id, 16);
    memcpy(cfg.ca_public, w->server.ca_public, 32);
    memcpy(cfg.noise_secret, g->helper_secret, 32);
    g->helper = calloc(1, sizeof *g->helper);
    assert_non_null(g->helper);
    assert_int_equal(fedl_helper_init(g->helper, &cfg), FEDL_OK);
}

void world_helper_destroy(world *w)
{
    fedl_helper_deinit(w->group->helper);
    free(w->group->helper);
}

void world_helper_serve(world *w)
{
    static fedli_mask_key keys[WORLD_PEERS_MAX + 2u];
    static uint8_t reply[8192];
    world_group *g = w->group;
    fedl_helper_verdict verdict;
    fedl_bytes sum;
    if (!fedl_group_helper_ask(&g->group, w->now_ns)) {
        return;
    }
    const fedl_bytes question = fedl_bytes_of(g->exported, g->exported_size);
    const fedl_helper_room room = {keys, fedl_helper_keys_max(question), reply, sizeof reply};
    assert_true(room.keys_max <= WORLD_PEERS_MAX + 2u);
    assert_true(fedl_helper_reply_bytes(g->helper, question) <= sizeof reply);
    const size_t size = fedl_helper_serve(g->helper, &room, &verdict, question, w->utc_s);
    g->helper_asked++;
    g->helper_answer = verdict.answer;
    fedl_group_helper_said(&g->group, w->now_ns, FEDL_OK, question, fedl_bytes_of(reply, size),
                           &sum);
    if (sum.size > 0) { /* what the accumulator holds from now on has no masks */
        static uint8_t vector[8192];
        const fedl_bytes masked = fedl_bytes_of(vector, g->accum.vector_bytes);
        assert_int_equal(fedl_accum_export(&g->accum, vector, sizeof vector), FEDL_OK);
        assert_int_equal(fedl_accum_import(&g->accum, masked, 0), FEDL_OK);
        assert_int_equal(fedl_accum_add(&g->accum, sum), FEDL_OK);
    }
}

/* ---- worlds ---- */

world *helped_world(uint32_t chunk_bytes)
{
    world *w = world_create(FEDL_CLIENT_RUN);
    w->cfg.chunk_bytes_max = chunk_bytes;
    world_helped(w, 5, 16);
    return w;
}

world *open_world(uint32_t chunk_bytes)
{
    world *w = helped_world(chunk_bytes);
    w->group->peers[1].gone_after = FEDL_ITEM_SEED;
    world_next_attempt(w);
    return w;
}

void wait_for_the_helper(world *w)
{
    const uint32_t asked = w->group->helper_asked;
    for (uint32_t i = 0; i < 100 && w->group->helper_asked == asked; i++) {
        w->now_ns += 1000 * WORLD_MS; /* the goal is not reached: time ends the gathering */
        world_group_pump(w);
    }
}
