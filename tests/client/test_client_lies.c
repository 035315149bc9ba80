/* SPDX-License-Identifier: Apache-2.0 */
/* A lying server, seen from the whole device: each lie ends in its named refusal, nothing but a
 * complaint is sent any more, and honest work afterwards is done as if nothing had been. What can
 * be wrong inside the items has its own tests in tests/secagg. */
#include "cmocka_all.h"

#include "base/cursor.h"
#include "device_group.h"

#include <string.h>

#define ENTRY(i) (FEDLI_ROSTER_HEAD_BYTES + FEDLI_ROSTER_ENTRY_BYTES * (size_t)(i))
#define OWN      2u /* ids 3, 5, 7 (the device), 11, 13, 17 */

typedef struct lie {
    fedl_group_item item;
    void (*tell)(world *w, uint8_t *bytes, fedl_message_part *part);
    fedl_refusal refusal;
    uint32_t accused;
    bool closed; /* the survivors are named before it is found out */
} lie;

static void ids_fall(world *w, uint8_t *bytes, fedl_message_part *part)
{
    (void)w;
    (void)part;
    fedli_store_u32(bytes + ENTRY(0), 6);
}

static void without_me(world *w, uint8_t *bytes, fedl_message_part *part)
{
    (void)w;
    (void)part;
    fedli_store_u32(bytes + ENTRY(OWN), 8);
}

static void other_nonce(world *w, uint8_t *bytes, fedl_message_part *part)
{
    (void)w;
    (void)part;
    bytes[ENTRY(OWN) + 80] ^= 1u;
}

static void two_keys_alike(world *w, uint8_t *bytes, fedl_message_part *part)
{
    (void)w;
    (void)part;
    memcpy(bytes + ENTRY(1) + 36, bytes + ENTRY(0) + 36, 32);
}

static void small_threshold(world *w, uint8_t *bytes, fedl_message_part *part)
{
    (void)w;
    (void)part;
    bytes[6]--;
}

static void four_devices(world *w, uint8_t *bytes, fedl_message_part *part)
{
    (void)w;
    bytes[0] = 4;
    bytes[4] = 3;
    bytes[6] = 3;
    part->total_bytes = ENTRY(4);
    part->payload.size = ENTRY(4);
}

static void cut_size(world *w, uint8_t *bytes, fedl_message_part *part)
{
    (void)w;
    (void)bytes;
    part->total_bytes--;
    part->payload.size--;
}

static void other_certificate(world *w, uint8_t *bytes, fedl_message_part *part)
{
    (void)w;
    (void)part;
    bytes[150] ^= 1u; /* signature of the CA */
}

static void other_epoch(world *w, uint8_t *bytes, fedl_message_part *part)
{
    (void)w;
    (void)part;
    bytes[FEDLI_DEVICE_CERT_BYTES + 130] ^= 1u;
}

static void wrong_share(world *w, uint8_t *bytes, fedl_message_part *part)
{
    (void)w;
    (void)part;
    bytes[1 + 2 * FEDLI_FORWARD_EACH_BYTES + 40] ^= 1u; /* of the third neighbour */
}

static void dirty_padding(world *w, uint8_t *bytes, fedl_message_part *part)
{
    (void)w;
    (void)part;
    bytes[0] |= 0x80u;
}

static void me_fallen_out(world *w, uint8_t *bytes, fedl_message_part *part)
{
    (void)w;
    (void)part;
    bytes[0] = (uint8_t)(bytes[0] & ~(1u << OWN));
}

static void two_fallen_out(world *w, uint8_t *bytes, fedl_message_part *part)
{
    (void)w;
    (void)part;
    bytes[0] &= 0x0fu;
}

static void two_fallen_out_of_u2(world *w, uint8_t *bytes, fedl_message_part *part)
{
    (void)w;
    bytes[0] &= 0x0fu;
    part->total_bytes = 1u + 3u * FEDLI_FORWARD_EACH_BYTES;
    part->payload.size = (size_t)part->total_bytes;
}

static void strange_tags(world *w, uint8_t *bytes, fedl_message_part *part)
{
    (void)w;
    for (size_t i = 1; i < part->payload.size; i += FEDLI_CONFIRM_TAG_BYTES) {
        bytes[i] ^= 1u;
    }
}

static const lie lies[] = {
    {FEDL_ITEM_ROSTER, ids_fall, FEDL_REFUSAL_ROSTER_FORM, 0, false},
    {FEDL_ITEM_ROSTER, cut_size, FEDL_REFUSAL_ROSTER_FORM, 0, false},
    {FEDL_ITEM_ROSTER, without_me, FEDL_REFUSAL_ROSTER_SELF, 0, false},
    {FEDL_ITEM_ROSTER, other_nonce, FEDL_REFUSAL_ROSTER_NONCE, 0, false},
    {FEDL_ITEM_ROSTER, two_keys_alike, FEDL_REFUSAL_ROSTER_KEYS, 0, false},
    {FEDL_ITEM_ROSTER, small_threshold, FEDL_REFUSAL_PARAMETERS, 0, false},
    {FEDL_ITEM_ROSTER, four_devices, FEDL_REFUSAL_COHORT_SMALL, 0, false},
    {FEDL_ITEM_CERTS, cut_size, FEDL_REFUSAL_CERTIFICATE, 0, false},
    {FEDL_ITEM_CERTS, other_certificate, FEDL_REFUSAL_CERTIFICATE, 3, false},
    {FEDL_ITEM_CERTS, other_epoch, FEDL_REFUSAL_EPOCH_KEY, 3, false},
    {FEDL_ITEM_FORWARD, wrong_share, FEDL_REFUSAL_SHARE, 11, false},
    {FEDL_ITEM_FORWARD, dirty_padding, FEDL_REFUSAL_FORWARD_FORM, 0, false},
    {FEDL_ITEM_FORWARD, me_fallen_out, FEDL_REFUSAL_FORWARD_SELF, 0, false},
    {FEDL_ITEM_FORWARD, two_fallen_out_of_u2, FEDL_REFUSAL_FORWARD_SMALL, 0, false},
    {FEDL_ITEM_SURVIVORS, dirty_padding, FEDL_REFUSAL_SURVIVORS_FORM, 0, false},
    {FEDL_ITEM_SURVIVORS, me_fallen_out, FEDL_REFUSAL_SURVIVORS_SELF, 0, false},
    {FEDL_ITEM_SURVIVORS, two_fallen_out, FEDL_REFUSAL_SURVIVORS_SMALL, 0, false},
    {FEDL_ITEM_CONFIRMS, dirty_padding, FEDL_REFUSAL_CONFIRM_FORM, 0, true},
    {FEDL_ITEM_CONFIRMS, strange_tags, FEDL_REFUSAL_CONFIRM_FEW, 0, true},
};

static world_answer tell(world *w, const fedl_message *request, fedl_message *reply)
{
    const lie *told = &lies[w->counter];
    if (request->kind == FEDL_MESSAGE_GET && request->u.get.item == told->item &&
        reply->kind == FEDL_MESSAGE_PART && reply->u.part.total_bytes != 0) {
        told->tell(w, w->group->item, &reply->u.part);
    }
    return WORLD_REPLY;
}

/* After the refusal the device says nothing but, later, that it is there. */
static void expect_silence(const world *w)
{
    const char *after = strstr(w->transcript, "log task refused");
    assert_non_null(after);
    after = strstr(after, "device > ");
    assert_true(after == NULL || strncmp(after, "device > CHECKIN", 16) == 0);
    assert_false(world_said(w, "PUT UNMASK"));
}

static void every_lie_has_its_refusal(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        world *w = world_create(FEDL_CLIENT_RUN);
        w->cfg.chunk_bytes_max = 4096; /* every item in one part */
        world_masked(w, 5, FEDL_TRUST_ACTIVE, 16);
        w->counter = (int)i;
        w->hook = tell;
        const fedl_instant_ns before_ns = w->now_ns;
        for (uint32_t n = 0; n < 300 && !world_said(w, "log task refused"); n++) {
            world_run(w, 1);
        }
        if (w->refusal != lies[i].refusal || w->accused != lies[i].accused) {
            print_error("lie %zu: refusal %d accused %u after\n%s", i, (int)w->refusal, w->accused,
                        w->transcript);
            fail();
        }
        expect_silence(w);
        assert_int_equal(world_said(w, "PUT COMPLAINT"), w->refusal == FEDL_REFUSAL_SHARE);
        fedl_client_progress kept;
        assert_int_equal(fedl_client_progress_decode(
                             &kept, fedl_bytes_of(w->stored_progress, w->stored_progress_bytes)),
                         FEDL_OK);
        assert_int_equal(kept.tasks[0].round_closed, lies[i].closed ? 1 : 0);
        /* Nothing of the attempt is left in memory. */
        const fedli_client_state *c = w->client.state;
        assert_false(c->group.active);
        for (size_t at = 0; at < c->group.block_bytes; at++) {
            assert_int_equal(((const uint8_t *)c->group.block)[at], 0);
        }
        world_run(w, 50);
        expect_silence(w);
        w->hook = NULL;
        if (lies[i].closed) {
            world_next_round(w);
        } else {
            world_next_attempt(w);
        }
        world_until_done(w);
        world_expect_sum(w);
        assert_true(w->now_ns - before_ns >= (fedl_instant_ns)w->cfg.backoff_ms_min / 2 * WORLD_MS);
        world_destroy(w);
    }
}

/* A complaint that comes too late ends like one that was taken. */
static world_answer late_complaint(world *w, const fedl_message *request, fedl_message *reply)
{
    if (request->kind == FEDL_MESSAGE_PUT && request->u.put.item == FEDL_ITEM_COMPLAINT) {
        reply->kind = FEDL_MESSAGE_REJECT;
        memset(&reply->u, 0, sizeof reply->u);
        reply->u.reject.code = FEDL_REJECT_STALE;
        return WORLD_REPLY;
    }
    return tell(w, request, reply);
}

static void a_complaint_nobody_wants_is_logged_all_the_same(void **state)
{
    (void)state;
    world *w = world_create(FEDL_CLIENT_RUN);
    world_masked(w, 5, FEDL_TRUST_CURIOUS, 16);
    w->counter = 10;
    assert_int_equal(lies[10].refusal, FEDL_REFUSAL_SHARE);
    w->hook = late_complaint;
    for (uint32_t n = 0; n < 300 && !world_said(w, "log task refused"); n++) {
        world_run(w, 1);
    }
    assert_int_equal(w->refusal, FEDL_REFUSAL_SHARE);
    assert_int_equal(w->accused, 11);
    world_destroy(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_lie_has_its_refusal),
        cmocka_unit_test(a_complaint_nobody_wants_is_logged_all_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
