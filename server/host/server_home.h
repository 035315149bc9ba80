/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder that is a server: fedl.ini, fedl.db, server.key, admin.sock. Mode 0700; the keys 0600.
 *
 *   server.key, fixed 472 bytes, little-endian: magic "fedlkey1" · fleet id 16 · Noise secret 32 ·
 *   round secret 64 · CA secret 64 · token key 32 · server certificate 176 · reserved 48 (zero) ·
 *   BLAKE2b-256 of all that, personalised "fedl.home.v1"
 *
 * With the magic "fedlkey2" the CA key is kept elsewhere: of its secret only the second half, the
 * public key, is here, the first is zero. Versions of fedl that don't know this refuse the file.
 */
#ifndef FEDL_HOST_SERVER_HOME_H
#define FEDL_HOST_SERVER_HOME_H

#include "coord/coord.h"
#include "host/server_config.h"

#define FEDL_HOME_TEXT_BYTES 768u
#define FEDL_HOME_KEY_BYTES  472u

typedef struct fedl_home {
    char path[128];
    char config_path[144];
    char database_path[144];
    char key_path[144];
    char socket_path[144];
} fedl_home;

/** Where the home lies: option if given, else $FEDL_HOME, else ~/.fedl. Errors: ERR_RANGE (too
 * long for the admin socket: 95 bytes), ERR_NOT_FOUND (no home folder of the user). */
FEDL_NODISCARD fedl_status fedl_home_locate(fedl_home *home, const char *option,
                                            char text[FEDL_HOME_TEXT_BYTES]);
/**
 * Makes a new home: folder (with its parents), config, database, keys last, so that a home with
 * keys is complete and an interrupted init can be repeated. entropy: 192 secret random bytes.
 * ca_path: NULL, or a new file for the CA key (posix/ca_key.h), which is then not in the home.
 * Errors: ERR_EXISTS, ERR_READ_ONLY, ERR_NO_SPACE, ERR_NOT_FOUND, ERR_IO and those of the store;
 * text is one line with a remedy.
 */
FEDL_NODISCARD fedl_status fedl_home_create(const fedl_home *home, const fedl_crypto *crypto,
                                            const uint8_t entropy[192],
                                            const fedl_server_config *config, const char *ca_path,
                                            char text[FEDL_HOME_TEXT_BYTES]);
/** Reads keys. Errors: ERR_NOT_FOUND (no home), ERR_POLICY (others may read the keys),
 * ERR_CORRUPT, ERR_FORMAT, ERR_VERSION, ERR_READ_ONLY, ERR_IO. */
FEDL_NODISCARD fedl_status fedl_home_load_keys(const fedl_home *home, const fedl_crypto *crypto,
                                               fedl_server_identity *identity,
                                               char text[FEDL_HOME_TEXT_BYTES]);
/** Reads fedl.ini. Errors: ERR_NOT_FOUND, ERR_READ_ONLY, ERR_IO, those of the parser. */
FEDL_NODISCARD fedl_status fedl_home_load_config(const fedl_home *home, fedl_server_config *config,
                                                 char text[FEDL_HOME_TEXT_BYTES]);

#endif
