/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. A record that is lost, doubled or cut shows in its nonce or its tag; one that is
 * missing at the end in the sizes that stand inside. */
#include "host/helper_records.h"
#include "host/helper_wire.h"

#include "base/secret.h"

#include <stdlib.h>

#define RECORD_BYTES (FEDL_HELPER_PLAIN_BYTES + FEDLI_RECORD_OVERHEAD_BYTES)

fedl_status fedl_helper_split(fedli_channel *channel, fedli_noise *noise, const fedl_crypto *crypto)
{
    uint8_t send_key[32];
    uint8_t receive_key[32];
    uint8_t hash[64];
    const fedl_status status = fedli_noise_split(noise, send_key, receive_key, hash);
    if (status == FEDL_OK) {
        fedli_channel_init(channel, crypto, send_key, receive_key);
    }
    fedli_wipe(send_key, sizeof send_key);
    fedli_wipe(receive_key, sizeof receive_key);
    fedli_wipe(hash, sizeof hash);
    return status;
}

fedl_status fedl_helper_records_seal(fedli_channel *channel, uint8_t **out, size_t *out_size,
                                     fedl_bytes plain, fedl_bytes ad)
{
    const size_t count = (plain.size + FEDL_HELPER_PLAIN_BYTES - 1u) / FEDL_HELPER_PLAIN_BYTES;
    const size_t total = plain.size + count * FEDLI_RECORD_OVERHEAD_BYTES;
    uint8_t *bytes = malloc(total + 1u);
    size_t at = 0;
    fedl_status status = bytes == NULL ? FEDL_ERR_NO_MEMORY : FEDL_OK;
    for (size_t i = 0; i < count && status == FEDL_OK; i++) {
        const size_t offset = i * FEDL_HELPER_PLAIN_BYTES;
        const size_t left = plain.size - offset;
        size_t size = 0;
        status = fedli_channel_seal(
            channel, bytes + at, total - at, &size,
            fedl_bytes_of(plain.data + offset,
                          left < FEDL_HELPER_PLAIN_BYTES ? left : FEDL_HELPER_PLAIN_BYTES),
            ad);
        at += size;
    }
    if (status != FEDL_OK) {
        free(bytes);
        return status;
    }
    *out = bytes;
    *out_size = at;
    return FEDL_OK;
}

fedl_status fedl_helper_records_open(fedli_channel *channel, uint8_t **out, size_t *out_size,
                                     fedl_bytes records, fedl_bytes ad)
{
    uint8_t *bytes = NULL;
    size_t used = 0;
    size_t at = 0;
    fedl_status status = records.size == 0 ? FEDL_ERR_TRUNCATED : FEDL_OK;
    if (status == FEDL_OK) {
        bytes = malloc(records.size);
        status = bytes == NULL ? FEDL_ERR_NO_MEMORY : FEDL_OK;
    }
    while (status == FEDL_OK && at < records.size) {
        const size_t left = records.size - at;
        const size_t record = left < RECORD_BYTES ? left : RECORD_BYTES;
        size_t size = 0;
        status = fedli_channel_open(channel, bytes + used, records.size - used, &size,
                                    fedl_bytes_of(records.data + at, record), ad);
        used += size;
        at += record;
    }
    if (status != FEDL_OK) {
        if (bytes != NULL) {
            fedli_wipe(bytes, used);
        }
        free(bytes);
        return status;
    }
    *out = bytes;
    *out_size = used;
    return FEDL_OK;
}
