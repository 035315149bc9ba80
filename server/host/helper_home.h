/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The folder that is a helper, and the file that makes it one of a fleet:
 *
 *   helper.key       magic "fedlhky1" ‖ Noise secret 32 ‖ H("fedl.hkey.v1", before) 32; mode 0600
 *   helper.request   magic "fedlhrq1" ‖ Noise public 32: goes to whoever has the CA key
 *   helper.grant     magic "fedlhgr1" ‖ fleet 16 ‖ CA public 32 ‖ server certificate 176 ‖ helper
 *                    certificate 176: what comes back; the server needs the same file
 *   revoked          device ids, one a line, as text; may be missing
 *   answered         helper/helper_machine.h; of no fleet (zeros) until a grant is accepted. Made
 *                    with the key, never again: must not be lost, nor restored from an older copy
 *   lock             empty; whoever runs this helper holds it
 */
#ifndef FEDL_HOST_HELPER_HOME_H
#define FEDL_HOST_HELPER_HOME_H

#include "helper/helper_machine.h"
#include "host/server_home.h"

#define FEDL_HELPER_GRANT_BYTES   (8u + 16u + 32u + 2u * FEDLI_CERT_BYTES)
#define FEDL_HELPER_REVOKED_MAX   100000u
#define FEDL_HELPER_REQUEST_FILE  "helper.request"
#define FEDL_HELPER_GRANT_FILE    "helper.grant"
#define FEDL_HELPER_ANSWERED_FILE "answered"

/* All from one grant, verified. */
typedef struct fedl_helper_grant {
    uint8_t fleet_id[16];
    uint8_t ca_public[32];
    uint8_t server_public[32]; /* Noise */
    uint8_t helper_public[32];
    uint8_t helper_cert[FEDLI_CERT_BYTES];
} fedl_helper_grant;

/* The functions below: text gets one line on errors. */

/** Makes folder, key, request, and the list of answered rounds, which is of no fleet yet. Errors:
 * ERR_EXISTS, those of fedl_file_replace(). */
FEDL_NODISCARD fedl_status fedl_helper_home_create(const char *path, const fedl_crypto *crypto,
                                                   char text[FEDL_HOME_TEXT_BYTES]);
/** Reads the key. Errors: ERR_NOT_FOUND, ERR_CORRUPT, those of fedl_file_read(). */
FEDL_NODISCARD fedl_status fedl_helper_home_key(uint8_t secret[32], const char *path,
                                                const fedl_crypto *crypto,
                                                char text[FEDL_HOME_TEXT_BYTES]);
/** Signs a request with the CA key of identity into a grant. Errors: ERR_FORMAT (request), those of
 * the files. */
FEDL_NODISCARD fedl_status fedl_helper_sign(const fedl_server_identity *identity,
                                            const fedl_crypto *crypto, const char *request_path,
                                            const char *grant_path,
                                            char text[FEDL_HOME_TEXT_BYTES]);
/** Errors: ERR_FORMAT, ERR_AUTH (a certificate does not fit), those of fedl_file_read(). */
FEDL_NODISCARD fedl_status fedl_helper_grant_read(fedl_helper_grant *grant,
                                                  const fedl_crypto *crypto, const char *path,
                                                  char text[FEDL_HOME_TEXT_BYTES]);
/** Takes a grant into the home, once: it must be for this home's key. The first one binds the list
 * of answered rounds to its fleet; a later one, of the same fleet, finds the list as it is. Errors:
 * ERR_EXISTS (there is a grant), ERR_MISMATCH (for another key, or the list is of another fleet),
 * ERR_CORRUPT (the list is damaged, or missing), those of the files. */
FEDL_NODISCARD fedl_status fedl_helper_home_accept(const char *path, const fedl_crypto *crypto,
                                                   const char *grant_path,
                                                   char text[FEDL_HOME_TEXT_BYTES]);
/** The grant that was accepted, which must still be for this key. Errors: ERR_NOT_FOUND (none was
 * accepted), ERR_MISMATCH, those of fedl_helper_grant_read(). */
FEDL_NODISCARD fedl_status fedl_helper_home_grant(fedl_helper_grant *grant,
                                                  const fedl_crypto *crypto, const char *path,
                                                  const uint8_t secret[32],
                                                  char text[FEDL_HOME_TEXT_BYTES]);
/** One process at a time, or two could answer one round: holds the home until *fd is closed, by the
 * caller or by the end of the process. Errors: ERR_BUSY, those of open(2). */
FEDL_NODISCARD fedl_status fedl_helper_home_lock(int *fd, const char *path,
                                                 char text[FEDL_HOME_TEXT_BYTES]);
/** Device ids of the file `revoked` (from malloc); none when it is missing. Errors: ERR_FORMAT,
 * those of fedl_file_read(). */
FEDL_NODISCARD fedl_status fedl_helper_home_revoked(uint32_t **ids, uint32_t *count,
                                                    const char *path,
                                                    char text[FEDL_HOME_TEXT_BYTES]);

#endif
