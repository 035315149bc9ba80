/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Saved machines with a right tag and wrong contents: the key of the tag lies in the same storage,
 * so the tag shows that bytes are whole, not that this code wrote them. Every field is given values
 * that it leaves nowhere behind. What test_party_forged does with the party is not repeated here.
 */
#include "cmocka_all.h"

#include "base/cursor.h"
#include "client/saved.h"
#include "device_group.h"

#include <stdlib.h>
#include <string.h>

#define SAVED_MAX 32768u

static uint8_t saved[SAVED_MAX];
static uint8_t forged[SAVED_MAX];
static size_t saved_size;

/* Where fields lie in the bytes: docs in client/saved.h. */
#define AT_FLAGS    6u
#define AT_DEVICE   16u
#define AT_FLEET    20u
#define AT_TASK     36u
#define AT_ROUND    40u
#define AT_ATTEMPT  44u
#define AT_LATE     48u
#define AT_EPOCH    52u
#define AT_SECRET   (AT_EPOCH + FEDLI_EPOCH_CERT_BYTES)
#define AT_PROGRESS (AT_SECRET + 32u)
#define AT_MANIFEST (AT_PROGRESS + FEDLI_SAVED_PROGRESS_BYTES)
#define AT_PLAN     (AT_MANIFEST + FEDLI_MANIFEST_KEPT_BYTES)

static size_t at_party(void)
{
    return AT_PLAN + 4u + fedli_load_u32(saved + AT_PLAN);
}

static size_t at_update(void)
{
    return at_party() + 4u + fedli_load_u32(saved + at_party());
}

/* A world whose machine was put away behind the step that says this. */
static world *put_away_at(const char *text)
{
    world *w = world_create(FEDL_CLIENT_RUN);
    w->cfg.chunk_bytes_max = 512;
    world_masked(w, 5, FEDL_TRUST_ACTIVE, 16);
    world_publish(w); /* so that there is a round before */
    world_group_begin(w);
    while (!world_said(w, text) || fedl_client_save_bytes(&w->client) == 0) {
        world_advance(w, 1);
    }
    assert_int_equal(fedl_client_save(&w->client, saved, sizeof saved, &saved_size), FEDL_OK);
    fedl_client_deinit(&w->client);
    free(w->task_block);
    w->task_block = NULL;
    w->queue_count = 0;
    w->wire_used = 0;
    w->server.session = false;
    assert_int_equal(
        fedl_client_progress_decode(&w->cfg.progress,
                                    fedl_bytes_of(w->stored_progress, w->stored_progress_bytes)),
        FEDL_OK);
    memcpy(forged, saved, saved_size);
    world_forget(w);
    return w;
}

static fedl_status restore(world *w)
{
    fedli_saved_tag(w->crypto, forged + saved_size - 32u, &w->cfg.identity, forged,
                    saved_size - 32u);
    return fedl_client_restore(&w->client, &w->cfg, w->block, w->block_bytes,
                               fedl_bytes_of(forged, saved_size));
}

static void expect(world *w, fedl_status expected)
{
    assert_int_equal(restore(w), expected);
    assert_null(w->client.state);
    memcpy(forged, saved, saved_size);
}

static void set_u32(size_t at, uint32_t value)
{
    fedli_store_u32(forged + at, value);
}

/* The party shows in the end what restore() can't see yet: nothing of it is sent. */
static void expect_given_up(world *w)
{
    assert_int_equal(restore(w), FEDL_OK);
    world_run(w, 40);
    assert_true(world_said(w, "log task refused"));
    assert_false(world_said(w, "PUT"));
    assert_false(world_said(w, "GET"));
    assert_false(world_said(w, "UPLOAD"));
    assert_false(w->client.state->group.active);
    memcpy(forged, saved, saved_size);
}

static void clean_up(world *w)
{
    if (w->client.state == NULL) {
        free(w->block);
        world_start(w);
    }
    world_destroy(w);
}

static const char *const stops[] = {"PUT READY",     "PUT SHARES",  "GET FORWARD",
                                    "GET SURVIVORS", "PUT CONFIRM", "log uploaded"};
#define STOPS (sizeof stops / sizeof stops[0])

static void names_and_marks_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < STOPS; i++) {
        world *w = put_away_at(stops[i]);
        const uint32_t ids[] = {AT_TASK, AT_ROUND, AT_ATTEMPT, AT_LATE, AT_DEVICE};
        for (size_t f = 0; f < sizeof ids / sizeof ids[0]; f++) {
            const uint32_t now = fedli_load_u32(saved + ids[f]);
            const uint32_t values[] = {0, 4, now + 1u, now - 1u, UINT32_MAX};
            for (size_t v = 0; v < 5; v++) {
                const bool other_task = ids[f] == AT_TASK;
                /* Before the vector is sent, a later attempt could be one that is not opened: only
                 * the party knows better. */
                const bool later =
                    i < 3 && values[v] > now &&
                    ((ids[f] == AT_ROUND && values[v] <= 5) || /* of the epoch */
                     (ids[f] == AT_ATTEMPT && values[v] <= FEDL_SECAGG_ATTEMPTS_MAX));
                if (values[v] != now && !later) {
                    set_u32(ids[f], values[v]);
                    expect(w, other_task ? FEDL_ERR_REPLAY : FEDL_ERR_CORRUPT);
                }
            }
        }
        for (uint32_t at = AT_PROGRESS; at < AT_MANIFEST; at += 4) {
            forged[at] ^= 1u;
            expect(w, FEDL_ERR_REPLAY);
        }
        forged[AT_FLEET + 3] ^= 1u;
        expect(w, FEDL_ERR_CORRUPT);
        clean_up(w);
    }
}

static void flags_are_checked(void **state)
{
    (void)state;
    for (size_t i = 0; i < STOPS; i++) {
        for (uint32_t flags = 0; flags <= FEDLI_SAVED_FLAGS; flags++) {
            world *w = put_away_at(stops[i]);
            const uint32_t now = fedli_load_u16(saved + AT_FLAGS);
            const uint32_t change = flags ^ now;
            fedli_store_u16(forged + AT_FLAGS, (uint16_t)flags);
            /* An update that was sent in an attempt before, and a line in the log. */
            const bool free_choice =
                change == 0 || (change == FEDLI_SAVED_SENT && (now & FEDLI_SAVED_REPORTED) == 0) ||
                (change == FEDLI_SAVED_ANNOUNCED && (now & FEDLI_SAVED_CLOSED) != 0);
            if (free_choice) {
                assert_int_equal(restore(w), FEDL_OK);
            } else {
                expect(w, FEDL_ERR_CORRUPT);
            }
            clean_up(w);
        }
    }
}

static void keys_and_papers_are_checked(void **state)
{
    (void)state;
    world *w = put_away_at("GET FORWARD");
    for (uint32_t at = AT_EPOCH; at < AT_SECRET; at += 5) {
        forged[at] ^= 1u;
        expect(w, FEDL_ERR_CORRUPT);
    }
    for (uint32_t at = AT_SECRET; at < AT_PROGRESS; at++) {
        forged[at] ^= 8u; /* not one of the bits that X25519 ignores */
        expect(w, FEDL_ERR_CORRUPT);
    }
    for (uint32_t at = AT_MANIFEST; at < AT_PLAN; at += 7) {
        forged[at] ^= 1u;
        expect(w, FEDL_ERR_AUTH);
    }
    forged[AT_PLAN + 10] ^= 1u;
    assert_int_not_equal(restore(w), FEDL_OK);
    memcpy(forged, saved, saved_size);
    /* A right signature under another task, version or size. */
    for (uint32_t way = 0; way < 6; way++) {
        fedl_manifest manifest = w->server.manifest;
        manifest.task_id += way == 0 ? 1u : 0u;
        manifest.version += way == 1 ? 1u : 0u;
        manifest.container_bytes += way == 2 ? 1u : 0u;
        manifest.parameter_count += way == 3 ? 1u : 0u;
        manifest.round += way == 4 ? 1u : 0u;
        manifest.fleet_id[0] ^= way == 5 ? 1u : 0u;
        fedl_manifest_encode(forged + AT_MANIFEST, &manifest);
        fedl_manifest_sign(w->crypto, forged + AT_MANIFEST + FEDLI_MANIFEST_BYTES,
                           forged + AT_MANIFEST, w->server.round_secret);
        expect(w, FEDL_ERR_CORRUPT);
    }
    clean_up(w);
}

static void sizes_are_checked(void **state)
{
    (void)state;
    world *w = put_away_at("GET FORWARD");
    const size_t sizes[] = {AT_PLAN, at_party(), at_update() + 36u};
    for (size_t i = 0; i < 3; i++) {
        const uint32_t now = fedli_load_u32(saved + sizes[i]);
        const uint32_t values[] = {0, 1, now - 1u, now + 1u, 65536, INT32_MAX, UINT32_MAX};
        for (size_t v = 0; v < sizeof values / sizeof values[0]; v++) {
            set_u32(sizes[i], values[v]);
            expect(w, FEDL_ERR_CORRUPT);
        }
    }
    set_u32(at_update(), 0); /* rows */
    expect(w, FEDL_ERR_CORRUPT);
    fedli_store_u64(forged + at_update() + 20u, UINT64_MAX); /* more right than rows */
    expect(w, FEDL_ERR_CORRUPT);
    clean_up(w);
}

static void what_only_the_party_shows_ends_the_attempt(void **state)
{
    (void)state;
    for (uint32_t way = 0; way < 4; way++) {
        world *w = put_away_at(way < 3 ? "GET FORWARD" : "PUT READY");
        if (way == 0) {
            forged[at_party() + 4u + 100u] ^= 1u; /* the party is not whole */
        } else if (way == 1) {
            forged[at_update() + 40u] ^= 1u; /* another model than the round's */
        } else if (way == 2) {
            memset(forged + at_update() + 40u + fedli_load_u32(saved + at_update() + 36u), 0,
                   8); /* trained weights that are none */
        } else {
            set_u32(AT_ATTEMPT, 2); /* a later attempt, which the party is not of */
        }
        expect_given_up(w);
        world_destroy(w);
    }
}

/* Flags, marks in the state and marks of the device all say the same, but not what the party says:
 * that its survivors are named, or that its roster was never accepted. */
static void marks_that_the_party_does_not_bear_end_the_attempt(void **state)
{
    (void)state;
    for (int way = 0; way < 2; way++) {
        world *w = put_away_at(way == 0 ? "GET SURVIVORS" : "GET FORWARD");
        fedl_client_accepted *marks = &w->cfg.progress.tasks[0];
        if (way == 0) {
            marks->round_closed = 2;
            fedli_store_u16(forged + AT_FLAGS,
                            (uint16_t)(fedli_load_u16(saved + AT_FLAGS) | FEDLI_SAVED_CLOSED));
        } else {
            marks->round_opened = 1;
        }
        set_u32(AT_PROGRESS + 36u, marks->round_opened);
        set_u32(AT_PROGRESS + 44u, marks->round_closed);
        expect_given_up(w);
        world_destroy(w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_and_marks_are_checked),
        cmocka_unit_test(flags_are_checked),
        cmocka_unit_test(keys_and_papers_are_checked),
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(what_only_the_party_shows_ends_the_attempt),
        cmocka_unit_test(marks_that_the_party_does_not_bear_end_the_attempt),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
