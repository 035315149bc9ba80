/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cursor.h"

#include <string.h>

void fedli_reader_init(fedli_reader *reader, fedl_bytes bytes)
{
    reader->data = bytes.data;
    reader->size = bytes.size;
    reader->position = 0;
    reader->failed = false;
}

/* The next size bytes, or NULL after an error; the only place where a reader moves. */
static const uint8_t *take(fedli_reader *reader, size_t size)
{
    if (reader->failed || size > reader->size - reader->position) {
        reader->failed = true;
        return NULL;
    }
    const uint8_t *at = reader->data + reader->position;
    reader->position += size;
    return at;
}

uint8_t fedli_read_u8(fedli_reader *reader)
{
    const uint8_t *p = take(reader, 1);
    return p == NULL ? 0 : p[0];
}

uint16_t fedli_read_u16(fedli_reader *reader)
{
    const uint8_t *p = take(reader, 2);
    return p == NULL ? 0 : fedli_load_u16(p);
}

uint32_t fedli_read_u32(fedli_reader *reader)
{
    const uint8_t *p = take(reader, 4);
    return p == NULL ? 0 : fedli_load_u32(p);
}

uint64_t fedli_read_u64(fedli_reader *reader)
{
    const uint8_t *p = take(reader, 8);
    return p == NULL ? 0 : fedli_load_u64(p);
}

int8_t fedli_read_i8(fedli_reader *reader)
{
    const int32_t byte = fedli_read_u8(reader);
    return (int8_t)(byte < 128 ? byte : byte - 256);
}

int32_t fedli_read_i32(fedli_reader *reader)
{
    return fedli_i32_of(fedli_read_u32(reader));
}

int64_t fedli_read_i64(fedli_reader *reader)
{
    return fedli_i64_of(fedli_read_u64(reader));
}

void fedli_read_copy(fedli_reader *reader, void *out, size_t size)
{
    if (size == 0) {
        return;
    }
    const uint8_t *p = take(reader, size);
    if (p == NULL) {
        memset(out, 0, size);
    } else {
        memcpy(out, p, size);
    }
}

fedl_bytes fedli_read_view(fedli_reader *reader, size_t size)
{
    const uint8_t *p = take(reader, size);
    return fedl_bytes_of(p, p == NULL ? 0 : size);
}

size_t fedli_reader_left(const fedli_reader *reader)
{
    return reader->failed ? 0 : reader->size - reader->position;
}

fedl_status fedli_reader_end(const fedli_reader *reader)
{
    if (reader->failed) {
        return FEDL_ERR_TRUNCATED;
    }
    return reader->position == reader->size ? FEDL_OK : FEDL_ERR_FORMAT;
}

void fedli_writer_init(fedli_writer *writer, void *buffer, size_t capacity)
{
    writer->data = (uint8_t *)buffer;
    writer->capacity = capacity;
    writer->position = 0;
    writer->failed = false;
}

/* Room for size bytes, or NULL after an error; the only place where a writer moves. */
static uint8_t *room(fedli_writer *writer, size_t size)
{
    if (writer->failed || size > writer->capacity - writer->position) {
        writer->failed = true;
        return NULL;
    }
    uint8_t *at = writer->data + writer->position;
    writer->position += size;
    return at;
}

void fedli_write_u8(fedli_writer *writer, uint8_t value)
{
    uint8_t *p = room(writer, 1);
    if (p != NULL) {
        p[0] = value;
    }
}

void fedli_write_u16(fedli_writer *writer, uint16_t value)
{
    uint8_t *p = room(writer, 2);
    if (p != NULL) {
        fedli_store_u16(p, value);
    }
}

void fedli_write_u32(fedli_writer *writer, uint32_t value)
{
    uint8_t *p = room(writer, 4);
    if (p != NULL) {
        fedli_store_u32(p, value);
    }
}

void fedli_write_u64(fedli_writer *writer, uint64_t value)
{
    uint8_t *p = room(writer, 8);
    if (p != NULL) {
        fedli_store_u64(p, value);
    }
}

void fedli_write_i8(fedli_writer *writer, int8_t value)
{
    fedli_write_u8(writer, (uint8_t)value);
}

void fedli_write_i32(fedli_writer *writer, int32_t value)
{
    fedli_write_u32(writer, (uint32_t)value);
}

void fedli_write_i64(fedli_writer *writer, int64_t value)
{
    fedli_write_u64(writer, (uint64_t)value);
}

void fedli_write_copy(fedli_writer *writer, const void *data, size_t size)
{
    if (size == 0) {
        return;
    }
    uint8_t *p = room(writer, size);
    if (p != NULL) {
        memcpy(p, data, size);
    }
}

fedl_status fedli_writer_end(const fedli_writer *writer, size_t *out_size)
{
    if (writer->failed) {
        return FEDL_ERR_SIZE;
    }
    *out_size = writer->position;
    return FEDL_OK;
}
