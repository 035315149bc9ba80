/* SPDX-License-Identifier: Apache-2.0 */
/* The roster freezes: whoever was ready is in it, by rising id; k, t, graph and binding follow. */
#include "coord/group_state.h"

#include "base/check.h"

/* Only ready members stay; order[] is by rising id already. */
static void drop_unready(fedli_group_state *g)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < g->order_count; i++) {
        if (g->members[g->order[i]].ready) {
            g->order[kept++] = g->order[i];
        }
    }
    g->order_count = kept;
}

static void hash_roster(fedli_group_state *g)
{
    const fedl_crypto *crypto = g->setup.crypto;
    fedli_roster_hash hash;
    fedli_roster_hash_init(&hash, crypto, g->n);
    for (uint32_t p = 0; p < g->n; p++) {
        uint8_t bytes[FEDLI_ROSTER_ENTRY_BYTES];
        fedli_roster_entry entry;
        fedli_group_entry(&entry, fedli_group_at(g, p));
        fedli_roster_entry_encode(bytes, &entry);
        fedli_roster_hash_add(&hash, crypto, bytes);
    }
    fedli_roster_hash_end(&hash, crypto, g->roster_root, g->beacon);
}

void fedli_group_freeze_roster(fedli_group_state *g, fedl_instant_ns now_ns)
{
    const fedl_secagg_config *secagg = &g->setup.plan->secagg;
    fedli_params params;
    FEDLI_CHECK(g->phase == FEDL_GROUP_GATHERING);
    drop_unready(g);
    const uint32_t n = g->order_count;
    if (fedli_params_for(&params, n, secagg->gamma_permille, secagg->delta_permille,
                         secagg->trust) != FEDL_OK) {
        fedli_group_fail(g, "no graph for a cohort of this size", 0, 0);
        return;
    }
    FEDLI_CHECK(2u * params.t > params.k && params.t <= params.k);
    g->n = n;
    g->t = params.t;
    g->area_bytes = fedli_group_area_size(params.k);
    FEDLI_CHECK(n * g->area_bytes <= g->pool_bytes);
    hash_roster(g);
    fedli_round_binding(g->setup.crypto, g->rb, &g->setup.attempt, n, (uint16_t)params.k,
                        (uint16_t)params.t, g->roster_root, g->beacon);
    const fedl_status status = fedli_graph_init(&g->graph, g->setup.crypto, n, params.k,
                                                g->roster_root, g->beacon, g->ring);
    FEDLI_CHECK(status == FEDL_OK);
    g->waiting = n;
    fedli_group_enter(g, FEDL_GROUP_SHARING, now_ns);
}
