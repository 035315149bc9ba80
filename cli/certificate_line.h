/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two files that travel between the server and the machine with the CA key: text, one line per
 * device, so that people can read what they sign.
 *
 *   fedl-request-1 FLEET-ID DEVICE-ID SIGNING-KEY NOISE-KEY NAME       hexadecimal but the id
 *   fedl-certificate-1 DEVICE-ID CERTIFICATE
 */
#ifndef FEDL_CLI_CERTIFICATE_LINE_H
#define FEDL_CLI_CERTIFICATE_LINE_H

#include "secure/cert.h"

#define CERTIFICATE_REQUEST_WORD   "fedl-request-1"
#define CERTIFICATE_WORD           "fedl-certificate-1"
#define CERTIFICATE_LINE_BYTES_MAX 512u
#define CERTIFICATE_FILE_BYTES_MAX (64u << 20)

#endif
