/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical bytes of a model. One spec has exactly one header, so equal models have equal
 * bytes.
 *
 *   0  "FEDM"            8  u32 input_count        16  per layer, 8 bytes:
 *   4  u16 version = 1  12  i8  input_exp               u8 kind, i8 weight_exp, u16 0, u32 units
 *   6  u16 0            13  u8  loss
 *                       14  u8  layer_count
 *                       15  u8  0
 *
 * Behind the header, per dense layer: weights int16 [units][in], biases int32 [units].
 */
#include "base/cursor.h"
#include "fedl/model.h"
#include "nn/model_state.h"

#include <string.h>

#define HEADER_FIXED_BYTES 16u
#define HEADER_LAYER_BYTES 8u
#define VERSION            1u

static const uint8_t magic[4] = {'F', 'E', 'D', 'M'};

size_t fedl_container_header_size(const fedl_model_spec *spec)
{
    return HEADER_FIXED_BYTES + (size_t)HEADER_LAYER_BYTES * spec->layer_count;
}

size_t fedl_container_size(const fedl_model_spec *spec)
{
    size_t size = fedl_container_header_size(spec);
    size_t width = spec->input_count;
    for (uint32_t i = 0; i < spec->layer_count; i++) {
        if (spec->layers[i].kind == FEDL_LAYER_DENSE) {
            const size_t units = spec->layers[i].units;
            size += units * width * 2u + units * 4u;
            width = units;
        }
    }
    return size;
}

fedl_status fedl_container_header_encode(uint8_t *out, size_t out_bytes,
                                         const fedl_model_spec *spec)
{
    if (out_bytes < fedl_container_header_size(spec)) {
        return FEDL_ERR_SIZE;
    }
    fedli_writer writer;
    fedli_writer_init(&writer, out, out_bytes);
    fedli_write_copy(&writer, magic, sizeof magic);
    fedli_write_u16(&writer, VERSION);
    fedli_write_u16(&writer, 0);
    fedli_write_u32(&writer, spec->input_count);
    fedli_write_i8(&writer, spec->input_exp);
    fedli_write_u8(&writer, (uint8_t)spec->loss);
    fedli_write_u8(&writer, (uint8_t)spec->layer_count);
    fedli_write_u8(&writer, 0);
    for (uint32_t i = 0; i < spec->layer_count; i++) {
        fedli_write_u8(&writer, (uint8_t)spec->layers[i].kind);
        fedli_write_i8(&writer, spec->layers[i].weight_exp);
        fedli_write_u16(&writer, 0);
        fedli_write_u32(&writer, spec->layers[i].units);
    }
    size_t size = 0;
    return fedli_writer_end(&writer, &size);
}

/* The fields behind the version; *reserved collects what has to be zero. */
static void read_fields(fedli_reader *reader, fedl_model_spec *spec, uint32_t *reserved)
{
    *reserved = fedli_read_u16(reader);
    spec->input_count = fedli_read_u32(reader);
    spec->input_exp = fedli_read_i8(reader);
    spec->loss = (fedl_loss_kind)fedli_read_u8(reader);
    spec->layer_count = fedli_read_u8(reader);
    *reserved |= fedli_read_u8(reader);
    for (uint32_t i = 0; i < spec->layer_count && i < FEDL_LAYERS_MAX; i++) {
        spec->layers[i].kind = (fedl_layer_kind)fedli_read_u8(reader);
        spec->layers[i].weight_exp = fedli_read_i8(reader);
        *reserved |= fedli_read_u16(reader);
        spec->layers[i].units = fedli_read_u32(reader);
    }
}

fedl_status fedl_container_header_decode(fedl_model_spec *spec, fedl_bytes bytes)
{
    fedli_reader reader;
    uint8_t mark[sizeof magic];
    fedli_reader_init(&reader, bytes);
    fedli_read_copy(&reader, mark, sizeof mark);
    const uint32_t version = fedli_read_u16(&reader);
    if (reader.failed) {
        return FEDL_ERR_TRUNCATED;
    }
    if (memcmp(mark, magic, sizeof magic) != 0) {
        return FEDL_ERR_FORMAT;
    }
    if (version != VERSION) {
        return FEDL_ERR_VERSION;
    }
    fedl_model_spec read;
    uint32_t reserved = 0;
    memset(&read, 0, sizeof read);
    read_fields(&reader, &read, &reserved);
    if (reader.failed) {
        return FEDL_ERR_TRUNCATED;
    }
    if (reserved != 0) {
        return FEDL_ERR_FORMAT;
    }
    const fedl_status status = fedl_model_spec_check(&read);
    if (status == FEDL_OK) {
        *spec = read;
    }
    return status;
}

fedl_status fedl_model_load(fedl_model *model, fedl_bytes container)
{
    fedli_model_state *state = model->state;
    fedl_model_spec spec;
    const fedl_status status = fedl_container_header_decode(&spec, container);
    if (status != FEDL_OK) {
        return status;
    }
    if (!fedl_model_spec_equal(&spec, &state->spec)) {
        return FEDL_ERR_MISMATCH;
    }
    if (container.size != fedl_container_size(&spec)) {
        return container.size < fedl_container_size(&spec) ? FEDL_ERR_TRUNCATED : FEDL_ERR_FORMAT;
    }
    const uint8_t *at = container.data + fedl_container_header_size(&spec);
    for (uint32_t i = 0; i < spec.layer_count; i++) {
        fedli_layer *layer = &state->layers[i];
        if (layer->weights == NULL) {
            continue;
        }
        const size_t weight_count = (size_t)layer->out_count * layer->in_count;
        for (size_t k = 0; k < weight_count; k++, at += 2) {
            layer->weights[k] = fedli_i16_of(fedli_load_u16(at));
        }
        for (size_t n = 0; n < layer->out_count; n++, at += 4) {
            layer->biases[n] = fedli_i32_of(fedli_load_u32(at));
        }
    }
    return FEDL_OK;
}

fedl_status fedl_model_export(const fedl_model *model, uint8_t *out, size_t out_bytes)
{
    const fedli_model_state *state = model->state;
    if (out_bytes < fedl_container_size(&state->spec)) {
        return FEDL_ERR_SIZE;
    }
    const fedl_status status = fedl_container_header_encode(out, out_bytes, &state->spec);
    if (status != FEDL_OK) {
        return status;
    }
    uint8_t *at = out + fedl_container_header_size(&state->spec);
    for (uint32_t i = 0; i < state->spec.layer_count; i++) {
        const fedli_layer *layer = &state->layers[i];
        if (layer->weights == NULL) {
            continue;
        }
        const size_t weight_count = (size_t)layer->out_count * layer->in_count;
        for (size_t k = 0; k < weight_count; k++, at += 2) {
            fedli_store_u16(at, (uint16_t)layer->weights[k]);
        }
        for (size_t n = 0; n < layer->out_count; n++, at += 4) {
            fedli_store_u32(at, (uint32_t)layer->biases[n]);
        }
    }
    return FEDL_OK;
}
