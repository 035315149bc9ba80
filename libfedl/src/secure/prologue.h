/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both sides of a handshake must agree on before and inside it (docs/protocol.md):
 *
 *   prologue of IK = "fedl/1" ‖ fleet id; of XX = "fedl/1" alone, because a joining device does not
 *   know its fleet yet
 *   payload of XX message 2 (server → device) = CA public key, 32 bytes: together with the server's
 *   static key of the same message it must give the token's fingerprint
 *   payload of XX message 3 = one frame with ENROL
 */
#ifndef FEDL_SECURE_PROLOGUE_H
#define FEDL_SECURE_PROLOGUE_H

#include "fedl/bytes.h"

#include <string.h>

#define FEDLI_PROLOGUE_BYTES_MAX 22u
#define FEDLI_XX_PAYLOAD_BYTES   32u /* of message 2 */

/** fleet_id: 16 bytes, or NULL for XX. The view points into out. */
static inline fedl_bytes fedli_prologue_encode(uint8_t out[FEDLI_PROLOGUE_BYTES_MAX],
                                               const uint8_t *fleet_id)
{
    memcpy(out, "fedl/1", 6);
    if (fleet_id == NULL) {
        return fedl_bytes_of(out, 6);
    }
    memcpy(out + 6, fleet_id, 16);
    return fedl_bytes_of(out, FEDLI_PROLOGUE_BYTES_MAX);
}

#endif
