/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IDX, the format of MNIST and its followers: magic 0, 0, type, rank; rank big-endian u32 sizes;
 * values. We read unsigned bytes (type 8): images of any shape, flattened, and labels of rank 1.
 * Source: the description on the MNIST page (Y. LeCun, C. Cortes, C. Burges).
 *
 * Only the wanted rows are read, straight into the table, so ten devices with a tenth of a file
 * each need the memory of one. Rejected: mapping the file; scattered rows touch every page of it.
 *
 * Labels are class indices. A model that reconstructs its input needs no labels.
 */
#include "source.h"

#include "fedl/normalise.h"
#include "partition_file.h"
#include "posix/durable_file.h"

#include <stdlib.h>
#include <unistd.h>

#define IDX_TYPE_U8   8u
#define IDX_RANK_MAX  8u
#define IDX_HEAD_SIZE 4u

#define IDX_HEAD_MAX (IDX_HEAD_SIZE + 4u * IDX_RANK_MAX)

typedef struct idx_file {
    int fd; /* −1: none */
    size_t header_size;
    uint32_t count;      /* first size: rows */
    uint64_t row_values; /* product of the others */
} idx_file;

static uint32_t load_be32(const uint8_t *p)
{
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}

/* p: as much of the file's head as there is, up to IDX_HEAD_MAX. */
static fedl_status idx_parse(idx_file *file, const uint8_t *p, size_t size, const char *path,
                             const char *what, char text[FEDL_SOURCE_TEXT_BYTES])
{
    if (size < IDX_HEAD_SIZE) {
        return fedli_source_fail(text, FEDL_ERR_TRUNCATED,
                                 "%s: %zu bytes are too few for an IDX header: fetch the %s again",
                                 path, size, what);
    }
    const uint32_t rank = p[3];
    if (p[0] != 0 || p[1] != 0 || rank == 0 || rank > IDX_RANK_MAX) {
        return fedli_source_fail(text, FEDL_ERR_FORMAT,
                                 "%s: not an IDX file (it starts with %02x %02x %02x %02x): give "
                                 "the %s as IDX, or use --csv for tables",
                                 path, p[0], p[1], p[2], p[3], what);
    }
    if (p[2] != IDX_TYPE_U8) {
        return fedli_source_fail(text, FEDL_ERR_UNSUPPORTED,
                                 "%s: values of IDX type 0x%02x: only unsigned bytes (0x08) are "
                                 "read, convert the %s",
                                 path, p[2], what);
    }
    const size_t header_size = IDX_HEAD_SIZE + 4u * (size_t)rank;
    if (size < header_size) {
        return fedli_source_fail(text, FEDL_ERR_TRUNCATED,
                                 "%s: the file ends inside its header: fetch the %s again", path,
                                 what);
    }
    file->header_size = header_size;
    file->count = load_be32(p + IDX_HEAD_SIZE);
    file->row_values = 1;
    for (uint32_t i = 1; i < rank; i++) {
        /* Below 2^32 before each step, so the product of two stays below 2^64. */
        file->row_values *= load_be32(p + IDX_HEAD_SIZE + 4u * (size_t)i);
        if (file->row_values > FEDL_TABLE_BYTES_MAX) {
            break;
        }
    }
    const uint64_t body_size = size - header_size;
    /* row_values ≤ 2^63 here; divide instead of multiplying by count. */
    if (file->row_values > FEDL_TABLE_BYTES_MAX ||
        (file->row_values > 0 && file->count > FEDL_TABLE_BYTES_MAX / file->row_values)) {
        return fedli_source_fail(text, FEDL_ERR_FULL,
                                 "%s: the header declares more than 2 GiB: the file is damaged, "
                                 "fetch the %s again",
                                 path, what);
    }
    const uint64_t declared = file->row_values * file->count;
    if (declared > body_size) {
        return fedli_source_fail(text, FEDL_ERR_TRUNCATED,
                                 "%s: %llu bytes of values declared, %llu there: fetch the %s "
                                 "again",
                                 path, (unsigned long long)declared, (unsigned long long)body_size,
                                 what);
    }
    if (declared < body_size) {
        return fedli_source_fail(text, FEDL_ERR_FORMAT,
                                 "%s: %llu bytes follow the declared values: the file is damaged, "
                                 "fetch the %s again",
                                 path, (unsigned long long)(body_size - declared), what);
    }
    return FEDL_OK;
}

static fedl_status idx_begin(idx_file *file, const char *path, const char *what,
                             char text[FEDL_SOURCE_TEXT_BYTES])
{
    uint8_t head[IDX_HEAD_MAX];
    size_t head_size = sizeof head;
    size_t size = 0;
    const fedl_status status =
        fedli_source_begin(&file->fd, &size, head, &head_size, path, what, text);
    return status == FEDL_OK ? idx_parse(file, head, size, path, what, text) : status;
}

/* The wanted rows (NULL: all) of the file, one behind the other. */
static fedl_status read_rows(uint8_t *out, const idx_file *file, const uint32_t *rows,
                             uint32_t row_count, const char *path,
                             char text[FEDL_SOURCE_TEXT_BYTES])
{
    const size_t width = (size_t)file->row_values;
    fedl_status status = FEDL_OK;
    if (rows == NULL) {
        status = fedl_file_read_at(file->fd, out, width * row_count, file->header_size);
    }
    for (uint32_t i = 0; rows != NULL && i < row_count && status == FEDL_OK; i++) {
        status = fedl_file_read_at(file->fd, out + i * width, width,
                                   file->header_size + (uint64_t)width * rows[i]);
    }
    return status == FEDL_OK
               ? status
               : fedli_source_fail(text, status, "%s: %s", path, fedl_status_text(status));
}

/* Pixels become inputs, in place; the value of 255 is 1 whatever exponent the plan chose. */
static void decode_pixels(fedl_table *table)
{
    const size_t count = (size_t)table->row_count * table->input_count;
    int8_t mantissa_of[256];
    for (uint32_t p = 0; p < 256; p++) {
        mantissa_of[p] = fedl_normalise_pixel((uint8_t)p);
    }
    for (size_t i = 0; i < count; i++) {
        table->inputs[i] = mantissa_of[(uint8_t)table->inputs[i]];
    }
}

static fedl_status decode_labels(fedl_table *table, const idx_file *labels, const uint32_t *rows,
                                 const char *path, uint32_t class_count,
                                 char text[FEDL_SOURCE_TEXT_BYTES])
{
    /* One byte a row: the whole file is read at once, whichever rows are wanted. */
    uint8_t *values = malloc(labels->count);
    if (values == NULL) {
        return fedli_source_fail(text, FEDL_ERR_NO_MEMORY, "%s: out of memory", path);
    }
    fedl_status status = read_rows(values, labels, NULL, labels->count, path, text);
    for (uint32_t i = 0; i < table->row_count && status == FEDL_OK; i++) {
        const uint32_t row = rows == NULL ? i : rows[i];
        if (values[row] >= class_count) {
            status = fedli_source_fail(text, FEDL_ERR_RANGE,
                                       "%s: label %u in row %u: the model has classes 0 … %u", path,
                                       values[row], row, class_count - 1u);
        }
        table->targets[i] = values[row];
    }
    free(values);
    return status;
}

static fedl_status check_request(const fedl_source_request *request, bool need_labels,
                                 char text[FEDL_SOURCE_TEXT_BYTES])
{
    if (request->path == NULL) {
        return fedli_source_fail(text, FEDL_ERR_MISMATCH,
                                 "the task wants IDX images: give --images FILE --labels FILE");
    }
    if (request->labels_path == NULL && need_labels) {
        return fedli_source_fail(text, FEDL_ERR_MISMATCH,
                                 "the task wants labels too: give --labels FILE");
    }
    if (request->model->loss == FEDL_LOSS_MSE && need_labels) {
        return fedli_source_fail(text, FEDL_ERR_UNSUPPORTED,
                                 "IDX labels are class numbers, the model of the task predicts "
                                 "values: the plan must use CSV");
    }
    if (request->model->input_exp != -7) {
        return fedli_source_fail(text, FEDL_ERR_UNSUPPORTED,
                                 "pixels are mantissas times 2^-7, the plan says 2^%d: set "
                                 "input_exp = -7 in the plan",
                                 request->model->input_exp);
    }
    return FEDL_OK;
}

static fedl_status check_shapes(const fedl_source_request *request, const idx_file *images,
                                const idx_file *labels, char text[FEDL_SOURCE_TEXT_BYTES])
{
    if (images->row_values != request->model->input_count) {
        return fedli_source_fail(text, FEDL_ERR_MISMATCH,
                                 "%s: data has %llu inputs, the task wants %u: this file belongs "
                                 "to another task",
                                 request->path, (unsigned long long)images->row_values,
                                 request->model->input_count);
    }
    if (images->count == 0) {
        return fedli_source_fail(text, FEDL_ERR_MISMATCH, "%s: holds no image", request->path);
    }
    if (labels->fd < 0) {
        return FEDL_OK;
    }
    if (labels->row_values != 1) {
        return fedli_source_fail(text, FEDL_ERR_MISMATCH,
                                 "%s: has %llu values a row, labels have one: are --images and "
                                 "--labels swapped?",
                                 request->labels_path, (unsigned long long)labels->row_values);
    }
    if (labels->count != images->count) {
        return fedli_source_fail(text, FEDL_ERR_MISMATCH,
                                 "%u images in %s but %u labels in %s: give files that belong "
                                 "together",
                                 images->count, request->path, labels->count, request->labels_path);
    }
    return FEDL_OK;
}

static fedl_status build(fedl_table **table, const fedl_source_request *request,
                         const idx_file *images, const idx_file *labels,
                         char text[FEDL_SOURCE_TEXT_BYTES])
{
    fedl_table *made = NULL;
    const uint32_t *rows = NULL; /* all */
    uint32_t row_count = images->count;
    fedl_status status = check_shapes(request, images, labels, text);
    if (status == FEDL_OK && request->partition != NULL) {
        status = fedl_partition_client(request->partition, &rows, &row_count,
                                       request->partition_client, images->count, text);
    }
    if (status != FEDL_OK) {
        return status;
    }
    status = fedl_table_create(&made, row_count, request->model->input_count, labels->fd >= 0);
    if (status != FEDL_OK) {
        return fedli_source_fail(text, status, "%s: %s", request->path, fedl_status_text(status));
    }
    made->row_count = row_count;
    made->input_exp = request->model->input_exp;
    made->reconstruct = labels->fd < 0 && fedli_source_reconstructs(request->model);
    status = read_rows((uint8_t *)made->inputs, images, rows, row_count, request->path, text);
    if (status == FEDL_OK) {
        decode_pixels(made);
    }
    if (status == FEDL_OK && labels->fd >= 0) {
        status = decode_labels(made, labels, rows, request->labels_path,
                               fedl_model_output_count(request->model), text);
    }
    if (status != FEDL_OK) {
        fedl_table_destroy(made);
        return status;
    }
    *table = made;
    return FEDL_OK;
}

static void end(const idx_file *file)
{
    if (file->fd >= 0) {
        (void)close(file->fd);
    }
}

static fedl_status idx_open(fedl_table **table, const fedl_source_request *request,
                            char text[FEDL_SOURCE_TEXT_BYTES])
{
    const bool reconstruct = fedli_source_reconstructs(request->model);
    idx_file images = {.fd = -1};
    idx_file labels = {.fd = -1};
    fedl_status status = check_request(request, !request->labels_optional && !reconstruct, text);
    if (status == FEDL_OK) {
        status = idx_begin(&images, request->path, "images", text);
    }
    if (status == FEDL_OK && request->labels_path != NULL && !reconstruct) {
        status = idx_begin(&labels, request->labels_path, "labels", text);
    }
    if (status == FEDL_OK) {
        status = build(table, request, &images, &labels, text);
    }
    end(&images);
    end(&labels);
    return status;
}

const fedl_source_format fedl_source_idx = {FEDL_DATA_IDX, "IDX", idx_open};
