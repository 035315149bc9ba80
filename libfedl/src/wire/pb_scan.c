/* SPDX-License-Identifier: Apache-2.0 */
/* Wire types of protobuf: developers.google.com/protocol-buffers/docs/encoding. */
#include "wire/pb_scan.h"

#include "base/cursor.h"

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* Base-128 number of at most 10 bytes; a tenth byte above 1 would not fit 64 bits. */
static uint64_t read_varint(fedli_reader *reader)
{
    uint64_t value = 0;
    for (uint32_t shift = 0; shift < 64u; shift += 7u) {
        const uint8_t byte = fedli_read_u8(reader);
        if (shift == 63u && byte > 1u) {
            break;
        }
        value |= (uint64_t)(byte & 0x7fu) << shift;
        if ((byte & 0x80u) == 0) {
            return value;
        }
    }
    reader->failed = true;
    return 0;
}

static void skip_value(fedli_reader *reader, uint64_t wire_type)
{
    if (wire_type == WIRE_VARINT) {
        (void)read_varint(reader);
    } else if (wire_type == WIRE_64) {
        (void)fedli_read_u64(reader);
    } else if (wire_type == WIRE_32) {
        (void)fedli_read_u32(reader);
    } else if (wire_type == WIRE_BYTES) {
        const uint64_t size = read_varint(reader);
        if (size > fedli_reader_left(reader)) {
            reader->failed = true;
            return;
        }
        (void)fedli_read_view(reader, (size_t)size);
    } else {
        reader->failed = true; /* groups, and the two unassigned types */
    }
}

fedl_status fedli_pb_scan(fedl_bytes message)
{
    fedli_reader reader;
    uint64_t seen = 0; /* bit n: field number n was there */
    fedli_reader_init(&reader, message);
    while (!reader.failed && fedli_reader_left(&reader) > 0) {
        const uint64_t key = read_varint(&reader);
        const uint64_t number = key >> 3;
        if (number == 0 || number > FEDLI_PB_FIELD_NUMBER_MAX || (seen & (1ull << number)) != 0) {
            return FEDL_ERR_FORMAT;
        }
        seen |= 1ull << number;
        skip_value(&reader, key & 7u);
    }
    return reader.failed ? FEDL_ERR_FORMAT : FEDL_OK;
}
