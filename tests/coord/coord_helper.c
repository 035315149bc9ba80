/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "coord_helper.h"

#include <string.h>

party_world p;
fedl_helper helper;
uint8_t helper_reply_bytes[8192];

static fedli_mask_key keys[WORLD_DEVICES_MAX];

static bool keep(void *context, fedl_bytes state)
{
    (void)context;
    return state.size > 0;
}

void open_fleet(uint32_t n)
{
    fedl_helper_config cfg = {.min_cohort = 3, .keep = keep};
    parties_open(&p, n, FEDL_TRUST_CURIOUS);
    p.w.plan.aggregation = FEDL_AGGREGATION_HELPER;
    for (uint32_t i = 0; i < n; i++) {
        p.parties[i].policy.min_aggregation = FEDL_AGGREGATION_HELPER;
    }
    cfg.crypto = p.w.crypto;
    memcpy(cfg.fleet_id, p.w.cfg.identity.fleet_id, 16);
    memcpy(cfg.noise_secret, p.w.helper_secret, 32);
    memcpy(cfg.ca_public, p.w.cfg.identity.ca_public, 32);
    assert_int_equal(fedl_helper_init(&helper, &cfg), FEDL_OK);
}

size_t helper_reply(fedl_helper_answer expected)
{
    const fedl_bytes bytes = fedl_bytes_of(p.w.helper_request, p.w.helper_request_bytes);
    const fedl_helper_room room = {keys, WORLD_DEVICES_MAX, helper_reply_bytes,
                                   sizeof helper_reply_bytes};
    fedl_helper_verdict verdict;
    assert_true(fedl_helper_keys_max(bytes) <= WORLD_DEVICES_MAX);
    assert_true(fedl_helper_reply_bytes(&helper, bytes) <= sizeof helper_reply_bytes);
    const size_t size = fedl_helper_serve(&helper, &room, &verdict, bytes, p.w.utc_s);
    assert_int_equal(verdict.answer, expected);
    return size;
}

void helper_answers(fedl_status status, size_t size)
{
    fedl_event event;
    world_event(&p.w, &event, FEDL_EVENT_HELPER);
    event.ticket = p.w.helper_ticket;
    event.status = status;
    event.bytes = fedl_bytes_of(helper_reply_bytes, size);
    p.w.helper_ticket = 0;
    world_step(&p.w, &event);
}

void run_to_the_question(void)
{
    for (uint32_t i = 0; i < 200 && p.w.helper_ticket == 0; i++) {
        parties_run(&p);
        if (p.w.helper_ticket == 0) {
            world_run_ms(&p.w, 250);
        }
    }
    assert_int_not_equal(p.w.helper_ticket, 0);
}
