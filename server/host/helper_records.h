/* SPDX-License-Identifier: Apache-2.0 */
/* What both ends of the way between server and helper share: host/helper_wire.h. */
#ifndef FEDL_HOST_HELPER_RECORDS_H
#define FEDL_HOST_HELPER_RECORDS_H

#include "secure/channel.h"
#include "secure/noise.h"
#include "secure/prologue.h"

#define FEDL_HELPER_KIND_HELLO        1u
#define FEDL_HELPER_KIND_RECORDS      2u
#define FEDL_HELPER_HELLO_REPLY_BYTES (1u + 8u + FEDLI_NOISE_IK_OVERHEAD_2)

/** The channel of a finished handshake; wipes noise. Errors: ERR_STATE. */
FEDL_NODISCARD fedl_status fedl_helper_split(fedli_channel *channel, fedli_noise *noise,
                                             const fedl_crypto *crypto);
/** Cuts plain into records; *out is from malloc. Errors: ERR_NO_MEMORY, those of the channel. */
FEDL_NODISCARD fedl_status fedl_helper_records_seal(fedli_channel *channel, uint8_t **out,
                                                    size_t *out_size, fedl_bytes plain,
                                                    fedl_bytes ad);
/** And back. Errors: ERR_NO_MEMORY, ERR_TRUNCATED (empty, or a stump), those of the channel. */
FEDL_NODISCARD fedl_status fedl_helper_records_open(fedli_channel *channel, uint8_t **out,
                                                    size_t *out_size, fedl_bytes records,
                                                    fedl_bytes ad);

#endif
