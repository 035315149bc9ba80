/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Little-endian reading and writing with a sticky error: a parser reads all fields in a row and
 * asks once at the end. Struct casts are never used for bytes that leave the process.
 *
 * After an error every read gives 0 and every write does nothing. Both kinds of cursor only borrow
 * their buffer.
 */
#ifndef FEDL_BASE_CURSOR_H
#define FEDL_BASE_CURSOR_H

#include "fedl/bytes.h"
#include "fedl/status.h"

#include <stdbool.h>

typedef struct fedli_reader {
    const uint8_t *data;
    size_t size;
    size_t position;
    bool failed;
} fedli_reader;

typedef struct fedli_writer {
    uint8_t *data;
    size_t capacity;
    size_t position;
    bool failed;
} fedli_writer;

void fedli_reader_init(fedli_reader *reader, fedl_bytes bytes);
uint8_t fedli_read_u8(fedli_reader *reader);
uint16_t fedli_read_u16(fedli_reader *reader);
uint32_t fedli_read_u32(fedli_reader *reader);
uint64_t fedli_read_u64(fedli_reader *reader);
int8_t fedli_read_i8(fedli_reader *reader);
int32_t fedli_read_i32(fedli_reader *reader);
int64_t fedli_read_i64(fedli_reader *reader);
/** Copies size bytes; zeros after an error. */
void fedli_read_copy(fedli_reader *reader, void *out, size_t size);
/** A view of the next size bytes inside the reader's buffer; empty after an error. */
fedl_bytes fedli_read_view(fedli_reader *reader, size_t size);
/** Bytes not read yet (0 after an error). */
size_t fedli_reader_left(const fedli_reader *reader);
/** FEDL_OK when nothing failed and everything was read; ERR_TRUNCATED, or ERR_FORMAT for bytes left
 * over. */
FEDL_NODISCARD fedl_status fedli_reader_end(const fedli_reader *reader);

void fedli_writer_init(fedli_writer *writer, void *buffer, size_t capacity);
void fedli_write_u8(fedli_writer *writer, uint8_t value);
void fedli_write_u16(fedli_writer *writer, uint16_t value);
void fedli_write_u32(fedli_writer *writer, uint32_t value);
void fedli_write_u64(fedli_writer *writer, uint64_t value);
void fedli_write_i8(fedli_writer *writer, int8_t value);
void fedli_write_i32(fedli_writer *writer, int32_t value);
void fedli_write_i64(fedli_writer *writer, int64_t value);
void fedli_write_copy(fedli_writer *writer, const void *data, size_t size);
/** FEDL_OK and the number of bytes written, or ERR_SIZE when something did not fit. */
FEDL_NODISCARD fedl_status fedli_writer_end(const fedli_writer *writer, size_t *out_size);

/* The same layouts at a fixed address, for loops over tensors. */
static inline uint16_t fedli_load_u16(const uint8_t *p)
{
    return (uint16_t)(p[0] | (uint16_t)(p[1] << 8));
}

static inline uint32_t fedli_load_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | ((uint32_t)p[1] << 8) | ((uint32_t)p[2] << 16) | ((uint32_t)p[3] << 24);
}

static inline uint64_t fedli_load_u64(const uint8_t *p)
{
    return (uint64_t)fedli_load_u32(p) | ((uint64_t)fedli_load_u32(p + 4) << 32);
}

static inline void fedli_store_u16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)value;
    p[1] = (uint8_t)(value >> 8);
}

static inline void fedli_store_u32(uint8_t *p, uint32_t value)
{
    fedli_store_u16(p, (uint16_t)value);
    fedli_store_u16(p + 2, (uint16_t)(value >> 16));
}

static inline void fedli_store_u64(uint8_t *p, uint64_t value)
{
    fedli_store_u32(p, (uint32_t)value);
    fedli_store_u32(p + 4, (uint32_t)(value >> 32));
}

/* Two's complement without implementation-defined conversions. */
static inline int16_t fedli_i16_of(uint16_t u)
{
    return (int16_t)(u < 0x8000u ? (int32_t)u : (int32_t)u - 0x10000);
}

static inline int32_t fedli_i32_of(uint32_t u)
{
    return u < 0x80000000u ? (int32_t)u : (int32_t)(u - 0x80000000u) - 0x7fffffff - 1;
}

static inline int64_t fedli_i64_of(uint64_t u)
{
    return u < 0x8000000000000000u ? (int64_t)u
                                   : (int64_t)(u - 0x8000000000000000u) - 0x7fffffffffffffff - 1;
}

#endif
