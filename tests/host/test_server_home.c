/* SPDX-License-Identifier: Apache-2.0 */
#include "host/server_home.h"
#include "posix/ca_key.h"
#include "sodium/crypto_sodium.h"

#include "cmocka_all.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char box[64];
static char text[FEDL_HOME_TEXT_BYTES];
static fedl_home home;

static int remove_one(const char *path, const struct stat *info, int flag, struct FTW *ftw)
{
    (void)info;
    (void)flag;
    (void)ftw;
    return remove(path);
}

static int make_box(void **state)
{
    char path[100];
    (void)state;
    (void)snprintf(box, sizeof box, "/tmp/fedl-home-XXXXXX");
    assert_non_null(mkdtemp(box));
    (void)snprintf(path, sizeof path, "%s/a/b", box);
    assert_int_equal(fedl_home_locate(&home, path, text), FEDL_OK);
    assert_int_equal(fedl_crypto_sodium_init(), FEDL_OK);
    return 0;
}

static int drop_box(void **state)
{
    (void)state;
    return nftw(box, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static fedl_status create(uint8_t seed)
{
    uint8_t entropy[192];
    fedl_server_config config;
    memset(entropy, seed, sizeof entropy);
    fedl_server_config_default(&config);
    (void)snprintf(config.advertise, sizeof config.advertise, "tcp://fleet:7070");
    return fedl_home_create(&home, fedl_crypto_sodium(), entropy, &config, NULL, text);
}

static fedl_status load(fedl_server_identity *identity)
{
    return fedl_home_load_keys(&home, fedl_crypto_sodium(), identity, text);
}

static unsigned mode_of(const char *path)
{
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    return info.st_mode & 0777u;
}

static void a_home_is_private_and_loads_again(void **state)
{
    fedl_server_identity identity;
    fedl_server_config config;
    fedl_cert cert;
    uint8_t public_key[32];
    (void)state;
    assert_int_equal(create(7), FEDL_OK);
    assert_int_equal(mode_of(home.path), 0700);
    assert_int_equal(mode_of(home.key_path), 0600);
    assert_int_equal(mode_of(home.database_path), 0600);
    assert_int_equal(load(&identity), FEDL_OK);
    assert_int_equal(identity.fleet_id[0], 7);
    fedl_crypto_sodium()->x25519_public(public_key, identity.noise_secret);
    assert_memory_equal(public_key, identity.noise_public, 32);
    assert_int_equal(
        fedl_cert_open(&cert, fedl_crypto_sodium(),
                       fedl_bytes_of(identity.server_cert, sizeof identity.server_cert),
                       identity.ca_public, 0),
        FEDL_OK);
    assert_int_equal(cert.role, FEDL_CERT_ROUND);
    assert_memory_equal(cert.id_public, identity.round_public, 32);
    assert_memory_equal(cert.noise_public, identity.noise_public, 32);
    assert_int_equal(fedl_home_load_config(&home, &config, text), FEDL_OK);
    assert_string_equal(config.advertise, "tcp://fleet:7070");
}

static void a_second_init_changes_nothing(void **state)
{
    fedl_server_identity identity;
    (void)state;
    assert_int_equal(create(7), FEDL_OK);
    assert_int_equal(create(8), FEDL_ERR_EXISTS);
    assert_non_null(strstr(text, "fedl-server run"));
    assert_int_equal(load(&identity), FEDL_OK);
    assert_int_equal(identity.fleet_id[0], 7);
}

static void an_interrupted_init_can_be_repeated(void **state)
{
    fedl_server_identity identity;
    (void)state;
    assert_int_equal(create(7), FEDL_OK);
    assert_int_equal(unlink(home.key_path), 0); /* the keys come last */
    assert_int_equal(load(&identity), FEDL_ERR_NOT_FOUND);
    assert_non_null(strstr(text, "fedl-server init"));
    assert_int_equal(create(8), FEDL_OK);
    assert_int_equal(load(&identity), FEDL_OK);
    assert_int_equal(identity.fleet_id[0], 8);
}

static void places_that_cannot_be_written_are_named(void **state)
{
    char path[100];
    (void)state;
    (void)snprintf(path, sizeof path, "%s/file", box);
    assert_true(close(open(path, O_CREAT | O_WRONLY, 0600)) == 0);
    (void)snprintf(path, sizeof path, "%s/file/home", box);
    assert_int_equal(fedl_home_locate(&home, path, text), FEDL_OK);
    assert_int_not_equal(create(7), FEDL_OK);
    assert_non_null(strstr(text, path));
    /* Nobody makes folders under /proc, not even root. */
    assert_int_equal(fedl_home_locate(&home, "/proc/fedl-home", text), FEDL_OK);
    assert_int_not_equal(create(7), FEDL_OK);
    assert_non_null(strstr(text, "--home DIR"));
}

static void damaged_keys_are_refused(void **state)
{
    fedl_server_identity identity;
    uint8_t bytes[FEDL_HOME_KEY_BYTES + 1];
    (void)state;
    assert_int_equal(create(7), FEDL_OK);
    int fd = open(home.key_path, O_RDWR);
    assert_int_equal(read(fd, bytes, sizeof bytes), FEDL_HOME_KEY_BYTES);
    for (size_t at = 0; at < FEDL_HOME_KEY_BYTES; at += 13) {
        uint8_t changed = bytes[at] ^ 1u;
        assert_int_equal(pwrite(fd, &changed, 1, (off_t)at), 1);
        fedl_status status = load(&identity);
        assert_true(status == FEDL_ERR_CORRUPT || (at < 8 && status == FEDL_ERR_FORMAT));
        assert_non_null(strstr(text, "backup"));
        assert_int_equal(pwrite(fd, &bytes[at], 1, (off_t)at), 1);
    }
    assert_int_equal(load(&identity), FEDL_OK);
    assert_int_equal(fchmod(fd, 0640), 0);
    assert_int_equal(load(&identity), FEDL_ERR_POLICY);
    assert_non_null(strstr(text, "chmod 600"));
    assert_int_equal(fchmod(fd, 0600), 0);
    assert_int_equal(ftruncate(fd, 100), 0);
    assert_int_equal(load(&identity), FEDL_ERR_FORMAT);
    assert_int_equal(close(fd), 0);
}

static void a_bad_config_is_named_with_its_line(void **state)
{
    fedl_server_config config;
    (void)state;
    assert_int_equal(create(7), FEDL_OK);
    int fd = open(home.config_path, O_WRONLY | O_TRUNC);
    assert_int_equal(write(fd, "[server]\nport = 7\n", 18), 18);
    assert_int_equal(close(fd), 0);
    assert_int_equal(fedl_home_load_config(&home, &config, text), FEDL_ERR_FORMAT);
    assert_non_null(strstr(text, "fedl.ini:2: unknown key"));
    assert_int_equal(unlink(home.config_path), 0);
    assert_int_equal(fedl_home_load_config(&home, &config, text), FEDL_ERR_NOT_FOUND);
}

static void the_home_is_found_in_order(void **state)
{
    char path[120];
    (void)state;
    assert_int_equal(setenv("HOME", "/users/u", 1), 0);
    assert_int_equal(unsetenv("FEDL_HOME"), 0);
    assert_int_equal(fedl_home_locate(&home, NULL, text), FEDL_OK);
    assert_string_equal(home.path, "/users/u/.fedl");
    assert_int_equal(setenv("FEDL_HOME", "/srv/f", 1), 0);
    assert_int_equal(fedl_home_locate(&home, NULL, text), FEDL_OK);
    assert_string_equal(home.path, "/srv/f");
    assert_int_equal(fedl_home_locate(&home, "/opt/f", text), FEDL_OK);
    assert_string_equal(home.socket_path, "/opt/f/admin.sock");
    memset(path, 'x', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    assert_int_equal(fedl_home_locate(&home, path, text), FEDL_ERR_RANGE);
    assert_int_equal(unsetenv("FEDL_HOME"), 0);
    assert_int_equal(unsetenv("HOME"), 0);
    assert_int_equal(fedl_home_locate(&home, NULL, text), FEDL_ERR_NOT_FOUND);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, make_box, drop_box)

static void the_ca_key_can_be_kept_elsewhere(void **state)
{
    fedl_server_identity identity;
    fedl_ca_key key;
    uint8_t entropy[192];
    uint8_t none[32] = {0};
    uint8_t signature[64];
    char path[120];
    fedl_server_config config;
    const fedl_crypto *crypto = fedl_crypto_sodium();
    (void)state;
    (void)snprintf(path, sizeof path, "%s/ca.key", box);
    memset(entropy, 7, sizeof entropy);
    fedl_server_config_default(&config);
    assert_int_equal(fedl_home_create(&home, crypto, entropy, &config, path, text), FEDL_OK);
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(load(&identity), FEDL_OK);
    assert_true(identity.ca_offline);
    assert_memory_equal(identity.ca_secret, none, 32);
    assert_int_equal(fedl_ca_key_read(&key, crypto, path), FEDL_OK);
    assert_memory_equal(key.fleet_id, identity.fleet_id, 16);
    crypto->sign(signature, "x", 1, key.secret);
    assert_true(crypto->verify(signature, "x", 1, identity.ca_public));
    /* It is never overwritten; a home that is missing its keys again asks for another name. */
    assert_int_equal(unlink(home.key_path), 0);
    assert_int_equal(fedl_home_create(&home, crypto, entropy, &config, path, text),
                     FEDL_ERR_EXISTS);
    assert_non_null(strstr(text, "name a new one"));
    assert_int_equal(access(home.key_path, F_OK), -1);
    assert_int_equal(chmod(path, 0640), 0);
    assert_int_equal(fedl_ca_key_read(&key, crypto, path), FEDL_ERR_POLICY);
    assert_int_equal(chmod(path, 0600), 0);
    assert_int_equal(truncate(path, 119), 0);
    assert_int_equal(fedl_ca_key_read(&key, crypto, path), FEDL_ERR_FORMAT);
    assert_int_equal(truncate(path, 120), 0); /* the last byte is zero now */
    assert_int_equal(fedl_ca_key_read(&key, crypto, path), FEDL_ERR_CORRUPT);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(fedl_ca_key_read(&key, crypto, path), FEDL_ERR_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_home_is_private_and_loads_again),
        CASE(a_second_init_changes_nothing),
        CASE(an_interrupted_init_can_be_repeated),
        CASE(places_that_cannot_be_written_are_named),
        CASE(damaged_keys_are_refused),
        CASE(a_bad_config_is_named_with_its_line),
        CASE(the_home_is_found_in_order),
        CASE(the_ca_key_can_be_kept_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
