/* SPDX-License-Identifier: Apache-2.0 */
/* The address of a server as people write it. */
#ifndef FEDL_PORT_NNG_CLIENT_URL_H
#define FEDL_PORT_NNG_CLIENT_URL_H

#include "fedl/status.h"

#include <stddef.h>

#define FEDL_URL_BYTES_MAX   256u
#define FEDL_PORT_NUMBER     7070u
#define FEDL_URL_ERROR_BYTES 384u

/**
 * Turns "host", "host:port", "[v6]:port", "tcp://…" or "ipc://path" into the URL that nng dials; a
 * missing port is 7070. Errors: ERR_FORMAT, ERR_RANGE (port, length), ERR_UNSUPPORTED (another
 * scheme); error_text then says what is wrong in one line.
 */
FEDL_NODISCARD fedl_status fedl_client_url(char url[FEDL_URL_BYTES_MAX], const char *text,
                                           char error_text[FEDL_URL_ERROR_BYTES]);

#endif
