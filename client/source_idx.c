/* SPDX-License-Identifier: Apache-2.0 */
/*
 * IDX, the format of MNIST and its followers: magic 0, 0, type, rank; rank big-endian u32 sizes;
 * values. We read unsigned bytes (type 8): images of any shape, flattened, and labels of rank 1.
 * Source: the description on the MNIST page (Y. LeCun, C. Cortes, C. Burges).
 *
 * Labels are class indices. A model that reconstructs its input needs no labels.
 */
#include "source.h"

#include "fedl/normalise.h"

#include <stdlib.h>

#define IDX_TYPE_U8   8u
#define IDX_RANK_MAX  8u
#define IDX_HEAD_SIZE 4u

typedef struct idx_file {
    uint8_t *bytes; /* the whole file */
    const uint8_t *values;
    uint32_t count;      /* first size: rows */
    uint64_t row_values; /* product of the others */
} idx_file;

static uint32_t load_be32(const uint8_t *p)
{
    return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}

static fedl_status idx_parse(idx_file *file, size_t size, const char *path, const char *what,
                             char text[FEDL_SOURCE_TEXT_BYTES])
{
    const uint8_t *p = file->bytes;
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
    file->values = p + header_size;
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

static fedl_status idx_read(idx_file *file, const char *path, const char *what,
                            char text[FEDL_SOURCE_TEXT_BYTES])
{
    size_t size = 0;
    fedl_status status = fedli_source_file(&file->bytes, &size, path, what, text);
    if (status != FEDL_OK) {
        return status;
    }
    status = idx_parse(file, size, path, what, text);
    if (status != FEDL_OK) {
        free(file->bytes);
        file->bytes = NULL;
    }
    return status;
}

/* Pixels become inputs; the value of 255 is 1 whatever exponent the plan chose. */
static void decode_pixels(fedl_table *table, const idx_file *images)
{
    const size_t count = (size_t)table->row_count * table->input_count;
    for (size_t i = 0; i < count; i++) {
        table->inputs[i] = fedl_normalise_pixel(images->values[i]);
    }
}

static fedl_status decode_labels(fedl_table *table, const idx_file *labels, const char *path,
                                 uint32_t class_count, char text[FEDL_SOURCE_TEXT_BYTES])
{
    for (uint32_t i = 0; i < table->row_count; i++) {
        if (labels->values[i] >= class_count) {
            return fedli_source_fail(text, FEDL_ERR_RANGE,
                                     "%s: label %u in row %u: the model has classes 0 … %u", path,
                                     labels->values[i], i, class_count - 1u);
        }
        table->targets[i] = labels->values[i];
    }
    return FEDL_OK;
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
    if (labels->bytes == NULL) {
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
    fedl_status status = check_shapes(request, images, labels, text);
    if (status != FEDL_OK) {
        return status;
    }
    status =
        fedl_table_create(&made, images->count, request->model->input_count, labels->bytes != NULL);
    if (status != FEDL_OK) {
        return fedli_source_fail(text, status, "%s: %s", request->path, fedl_status_text(status));
    }
    made->row_count = images->count;
    made->input_exp = request->model->input_exp;
    made->reconstruct = labels->bytes == NULL && fedli_source_reconstructs(request->model);
    decode_pixels(made, images);
    if (labels->bytes != NULL) {
        status = decode_labels(made, labels, request->labels_path,
                               fedl_model_output_count(request->model), text);
    }
    if (status != FEDL_OK) {
        fedl_table_destroy(made);
        return status;
    }
    *table = made;
    return FEDL_OK;
}

static fedl_status idx_open(fedl_table **table, const fedl_source_request *request,
                            char text[FEDL_SOURCE_TEXT_BYTES])
{
    const bool reconstruct = fedli_source_reconstructs(request->model);
    idx_file images = {0};
    idx_file labels = {0};
    fedl_status status = check_request(request, !request->labels_optional && !reconstruct, text);
    if (status == FEDL_OK) {
        status = idx_read(&images, request->path, "images", text);
    }
    if (status == FEDL_OK && request->labels_path != NULL && !reconstruct) {
        status = idx_read(&labels, request->labels_path, "labels", text);
    }
    if (status == FEDL_OK) {
        status = build(table, request, &images, &labels, text);
    }
    free(images.bytes);
    free(labels.bytes);
    return status;
}

const fedl_source_format fedl_source_idx = {FEDL_DATA_IDX, "IDX", idx_open};
