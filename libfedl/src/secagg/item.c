/* SPDX-License-Identifier: Apache-2.0 */
#include "secagg/item.h"

#include "base/check.h"
#include "base/cursor.h"

#include <string.h>

void fedli_roster_entry_encode(uint8_t out[FEDLI_ROSTER_ENTRY_BYTES],
                               const fedli_roster_entry *entry)
{
    fedli_writer writer;
    size_t size;
    fedli_writer_init(&writer, out, FEDLI_ROSTER_ENTRY_BYTES);
    fedli_write_u32(&writer, entry->device_id);
    fedli_write_copy(&writer, entry->id_public, 32);
    fedli_write_copy(&writer, entry->epoch_public, 32);
    fedli_write_u32(&writer, entry->epoch);
    fedli_write_u8(&writer, entry->caps);
    fedli_write_copy(&writer, entry->nonce, FEDLI_NONCE16_BYTES);
    const fedl_status status = fedli_writer_end(&writer, &size);
    FEDLI_CHECK(status == FEDL_OK && size == FEDLI_ROSTER_ENTRY_BYTES);
}

fedl_status fedli_roster_entry_decode(fedli_roster_entry *entry,
                                      const uint8_t bytes[FEDLI_ROSTER_ENTRY_BYTES])
{
    fedli_roster_entry found;
    fedli_reader reader;
    memset(&found, 0, sizeof found);
    fedli_reader_init(&reader, fedl_bytes_of(bytes, FEDLI_ROSTER_ENTRY_BYTES));
    found.device_id = fedli_read_u32(&reader);
    fedli_read_copy(&reader, found.id_public, 32);
    fedli_read_copy(&reader, found.epoch_public, 32);
    found.epoch = fedli_read_u32(&reader);
    found.caps = fedli_read_u8(&reader);
    fedli_read_copy(&reader, found.nonce, FEDLI_NONCE16_BYTES);
    FEDLI_CHECK(fedli_reader_end(&reader) == FEDL_OK);
    if (found.device_id == 0 || found.caps != 0) {
        return FEDL_ERR_FORMAT;
    }
    *entry = found;
    return FEDL_OK;
}

uint32_t fedli_bitmap_count(const uint8_t *bitmap, uint32_t n)
{
    uint32_t ones = 0;
    for (uint32_t i = 0; i < n; i++) {
        ones += (uint32_t)fedli_bitmap_get(bitmap, i);
    }
    return ones;
}

bool fedli_bitmap_clean(const uint8_t *bitmap, uint32_t n)
{
    return n % 8u == 0 || (uint32_t)bitmap[n / 8u] >> (n % 8u) == 0;
}
