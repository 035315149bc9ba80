/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at protobuf bytes before protobuf-c unpacks them. It enforces the rules of proto/README.md
 * that bound the work: field numbers 1 … 63, every number at most once, no groups, every length
 * inside the message. After it, unpacking a message of n bytes takes at most 2n + 8 KiB of arena
 * and prints nothing.
 */
#ifndef FEDL_WIRE_PB_SCAN_H
#define FEDL_WIRE_PB_SCAN_H

#include "fedl/bytes.h"
#include "fedl/status.h"

#define FEDLI_PB_FIELD_NUMBER_MAX 63u

/** Errors: ERR_FORMAT. */
FEDL_NODISCARD fedl_status fedli_pb_scan(fedl_bytes message);

#endif
