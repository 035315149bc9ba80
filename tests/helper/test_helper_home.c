/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A helper's home from key to grant: the list of answered rounds is made once, with the key, and
 * whoever loses it has no helper any more.
 */
#include "host/helper_home.h"
#include "posix/durable_file.h"
#include "sodium/crypto_sodium.h"

#include "cmocka_all.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char box[64];
static char fleets[64];
static fedl_server_identity identities[2];
static char home[100];
static char grants[2][100]; /* of two fleets, for this home's key */
static char text[FEDL_HOME_TEXT_BYTES];
static const fedl_crypto *crypto;

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static void in_home(char out[200], const char *name)
{
    (void)snprintf(out, 200, "%s/%s", home, name);
}

static bool is_there(const char *name)
{
    char path[200];
    in_home(path, name);
    return access(path, F_OK) == 0;
}

static void lose(const char *name)
{
    char path[200];
    in_home(path, name);
    assert_int_equal(unlink(path), 0);
}

static void make_fleet(uint32_t fleet)
{
    char path[100];
    uint8_t entropy[192];
    fedl_home server;
    fedl_server_config config;
    (void)snprintf(path, sizeof path, "%s/server%u", fleets, (unsigned)fleet);
    memset(entropy, 0x11 + (int)fleet, sizeof entropy);
    fedl_server_config_default(&config);
    (void)snprintf(config.advertise, sizeof config.advertise, "tcp://fleet:7070");
    assert_int_equal(fedl_home_locate(&server, path, text), FEDL_OK);
    assert_int_equal(fedl_home_create(&server, crypto, entropy, &config, NULL, text), FEDL_OK);
    assert_int_equal(fedl_home_load_keys(&server, crypto, &identities[fleet], text), FEDL_OK);
}

static int make_fleets(void **state)
{
    (void)state;
    crypto = fedl_crypto_sodium();
    assert_int_equal(fedl_crypto_sodium_init(), FEDL_OK);
    (void)snprintf(fleets, sizeof fleets, "/tmp/fedl-fleets-XXXXXX");
    assert_non_null(mkdtemp(fleets));
    make_fleet(0);
    make_fleet(1);
    return 0;
}

static int drop_fleets(void **state)
{
    (void)state;
    return nftw(fleets, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void make_grant(uint32_t fleet)
{
    char request[200];
    (void)snprintf(grants[fleet], sizeof grants[fleet], "%s/grant%u", box, (unsigned)fleet);
    in_home(request, FEDL_HELPER_REQUEST_FILE);
    assert_int_equal(fedl_helper_sign(&identities[fleet], crypto, request, grants[fleet], text),
                     FEDL_OK);
}

static int make_box(void **state)
{
    (void)state;
    (void)snprintf(box, sizeof box, "/tmp/fedl-helper-XXXXXX");
    assert_non_null(mkdtemp(box));
    (void)snprintf(home, sizeof home, "%s/helper", box);
    assert_int_equal(fedl_helper_home_create(home, crypto, text), FEDL_OK);
    make_grant(0);
    make_grant(1);
    return 0;
}

static int drop_box(void **state)
{
    (void)state;
    return nftw(box, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static fedl_status accept_grant(uint32_t fleet)
{
    return fedl_helper_home_accept(home, crypto, grants[fleet], text);
}

/* The list on the disk, as the helper of this fleet reads it; NULL: of no fleet. */
static fedl_status read_list(uint32_t *count, const uint8_t fleet_id[16])
{
    char path[200];
    uint8_t *data = NULL;
    size_t size = 0;
    fedl_helper *helper = calloc(1, sizeof *helper);
    assert_non_null(helper);
    helper->cfg.crypto = crypto;
    if (fleet_id != NULL) {
        memcpy(helper->cfg.fleet_id, fleet_id, 16);
    }
    in_home(path, FEDL_HELPER_ANSWERED_FILE);
    assert_int_equal(fedl_file_read(&data, &size, path, FEDL_HELPER_STATE_BYTES_MAX), FEDL_OK);
    const fedl_status status = fedl_helper_decode(helper, fedl_bytes_of(data, size));
    *count = helper->count;
    free(data);
    free(helper);
    return status;
}

/* Round 9 of task 3 is answered. */
static void answer(const uint8_t fleet_id[16])
{
    char path[200];
    uint8_t bytes[FEDL_HELPER_STATE_BYTES(1)];
    fedl_helper_request request = {.attempt = {.task_id = 3, .round = 9}};
    fedl_helper *helper = calloc(1, sizeof *helper);
    assert_non_null(helper);
    helper->cfg.crypto = crypto;
    memcpy(helper->cfg.fleet_id, fleet_id, 16);
    in_home(path, FEDL_HELPER_ANSWERED_FILE);
    const size_t size = fedl_helper_encode(helper, bytes, &request);
    assert_int_equal(size, sizeof bytes);
    assert_int_equal(fedl_file_replace(path, fedl_bytes_of(bytes, size), 0600), FEDL_OK);
    free(helper);
}

static void fleet_of(uint8_t fleet_id[16], uint32_t fleet)
{
    fedl_helper_grant grant;
    assert_int_equal(fedl_helper_grant_read(&grant, crypto, grants[fleet], text), FEDL_OK);
    memcpy(fleet_id, grant.fleet_id, 16);
}

static void a_list_begins_with_the_key_and_is_bound_once(void **state)
{
    (void)state;
    uint8_t fleet_id[16];
    uint32_t count = 1;
    assert_int_equal(read_list(&count, NULL), FEDL_OK);
    assert_int_equal(count, 0);
    assert_int_equal(accept_grant(0), FEDL_OK);
    fleet_of(fleet_id, 0);
    assert_int_equal(read_list(&count, fleet_id), FEDL_OK);
    assert_int_equal(count, 0);
    assert_int_equal(read_list(&count, NULL), FEDL_ERR_MISMATCH);
    assert_int_equal(accept_grant(0), FEDL_ERR_EXISTS);
    lose(FEDL_HELPER_GRANT_FILE);
    assert_int_equal(accept_grant(1), FEDL_ERR_MISMATCH);
    assert_non_null(strstr(text, "of another fleet"));
    assert_false(is_there(FEDL_HELPER_GRANT_FILE));
    assert_int_equal(read_list(&count, fleet_id), FEDL_OK);
}

static void a_newer_grant_keeps_the_list(void **state)
{
    (void)state;
    uint8_t fleet_id[16];
    uint32_t count = 0;
    assert_int_equal(accept_grant(0), FEDL_OK);
    fleet_of(fleet_id, 0);
    answer(fleet_id);
    lose(FEDL_HELPER_GRANT_FILE);
    assert_int_equal(accept_grant(0), FEDL_OK);
    assert_int_equal(read_list(&count, fleet_id), FEDL_OK);
    assert_int_equal(count, 1);
}

static void expect_no_way_back(void)
{
    assert_int_equal(accept_grant(0), FEDL_ERR_CORRUPT);
    assert_non_null(strstr(text, "make a new helper: fedl-server helper init"));
    assert_false(is_there(FEDL_HELPER_GRANT_FILE));
    assert_false(is_there(FEDL_HELPER_ANSWERED_FILE));
    assert_int_equal(fedl_helper_home_create(home, crypto, text), FEDL_ERR_EXISTS);
    assert_false(is_there(FEDL_HELPER_ANSWERED_FILE));
}

static void a_lost_list_never_begins_anew(void **state)
{
    (void)state;
    uint8_t fleet_id[16];
    assert_int_equal(accept_grant(0), FEDL_OK);
    fleet_of(fleet_id, 0);
    answer(fleet_id);
    lose(FEDL_HELPER_GRANT_FILE);
    lose(FEDL_HELPER_ANSWERED_FILE);
    expect_no_way_back();
    expect_no_way_back();
}

static void nor_does_one_that_was_never_bound(void **state)
{
    (void)state;
    lose(FEDL_HELPER_ANSWERED_FILE);
    expect_no_way_back();
}

/* Another key opens no seed that was sealed for the old one. */
static void another_key_has_its_own_list(void **state)
{
    (void)state;
    uint8_t fleet_id[16];
    uint32_t count = 1;
    assert_int_equal(accept_grant(0), FEDL_OK);
    fleet_of(fleet_id, 0);
    answer(fleet_id);
    lose("helper.key");
    lose(FEDL_HELPER_GRANT_FILE);
    assert_int_equal(fedl_helper_home_create(home, crypto, text), FEDL_OK);
    assert_int_equal(read_list(&count, NULL), FEDL_OK);
    assert_int_equal(count, 0);
    assert_int_equal(accept_grant(0), FEDL_ERR_MISMATCH);
    assert_non_null(strstr(text, "another helper's key"));
}

static void a_damaged_list_is_refused(void **state)
{
    (void)state;
    char path[200];
    static const uint8_t bad[FEDL_HELPER_STATE_BYTES(0)];
    in_home(path, FEDL_HELPER_ANSWERED_FILE);
    assert_int_equal(fedl_file_replace(path, fedl_bytes_of(bad, sizeof bad), 0600), FEDL_OK);
    assert_int_equal(accept_grant(0), FEDL_ERR_CORRUPT);
    assert_false(is_there(FEDL_HELPER_GRANT_FILE));
}

/* Answered rounds of no fleet are nobody's: a grant does not take them over. */
static void only_an_empty_list_is_bound(void **state)
{
    (void)state;
    static const uint8_t none[16];
    answer(none);
    assert_int_equal(accept_grant(0), FEDL_ERR_MISMATCH);
}

#define IN_BOX(test) cmocka_unit_test_setup_teardown(test, make_box, drop_box)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_BOX(a_list_begins_with_the_key_and_is_bound_once),
        IN_BOX(a_newer_grant_keeps_the_list),
        IN_BOX(a_lost_list_never_begins_anew),
        IN_BOX(nor_does_one_that_was_never_bound),
        IN_BOX(another_key_has_its_own_list),
        IN_BOX(a_damaged_list_is_refused),
        IN_BOX(only_an_empty_list_is_bound),
    };
    return cmocka_run_group_tests(tests, make_fleets, drop_fleets);
}
