/* SPDX-License-Identifier: Apache-2.0 */
/* Lower-case hexadecimal text, for digests and keys in files and logs. */
#ifndef FEDL_BASE_HEX_H
#define FEDL_BASE_HEX_H

#include "fedl/status.h"

#include <stddef.h>
#include <stdint.h>

/** Writes 2·size digits and a terminating zero to text (2·size + 1 bytes). */
void fedli_hex_encode(char *text, const uint8_t *data, size_t size);

/** Reads exactly 2·size digits (either case). Errors: ERR_FORMAT for anything else; data is then
 * unspecified. */
FEDL_NODISCARD fedl_status fedli_hex_decode(uint8_t *data, size_t size, const char *text);

#endif
