/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canonical encoding of a plan: 256 fixed bytes, then the data lines. The table of offsets is
 * in docs/protocol.md "Plan encoding". The same plan always gives the same bytes, and decoding
 * refuses every byte that encoding would not have written, so that a digest of the bytes is a
 * digest of the plan.
 *
 * Rejected: protobuf (not canonical), and only as many layers as there are (a fixed width lets an
 * MCU read single fields in place).
 */
#include "base/cursor.h"
#include "fedl/plan.h"

#include <string.h>

#define PLAN_VERSION              2u
#define PLAN_FIXED_BYTES          256u
#define PROTECTION_RESERVED_BYTES 28u
_Static_assert(PLAN_FIXED_BYTES + FEDL_PLAN_DATA_BYTES_MAX <= FEDL_PLAN_BYTES_MAX, "plan size");
_Static_assert(FEDL_LAYERS_MAX == 16, "the layout below has 16 places for layers");

static const uint8_t magic[4] = {'f', 'p', 'l', 'n'};

static void write_model(fedli_writer *writer, const fedl_model_spec *model)
{
    fedli_write_u32(writer, model->input_count);
    fedli_write_i8(writer, model->input_exp);
    fedli_write_u8(writer, (uint8_t)model->loss);
    fedli_write_u16(writer, (uint16_t)model->layer_count);
    for (uint32_t i = 0; i < FEDL_LAYERS_MAX; i++) {
        const fedl_layer_spec none = {0};
        const fedl_layer_spec *layer = i < model->layer_count ? &model->layers[i] : &none;
        fedli_write_u8(writer, (uint8_t)layer->kind);
        fedli_write_i8(writer, layer->weight_exp);
        fedli_write_u16(writer, 0);
        fedli_write_u32(writer, layer->units);
    }
}

static void write_protection(fedli_writer *writer, const fedl_plan *plan)
{
    const fedl_secagg_config *secagg = &plan->secagg;
    const fedl_privacy_config *privacy = &plan->privacy;
    fedli_write_u8(writer, (uint8_t)secagg->trust);
    fedli_write_u8(writer, (uint8_t)privacy->mode);
    fedli_write_u8(writer, privacy->rotate ? 1u : 0u);
    fedli_write_u8(writer, privacy->adaptive_clip ? 1u : 0u);
    fedli_write_u16(writer, secagg->min_cohort);
    fedli_write_u16(writer, secagg->gamma_permille);
    fedli_write_u16(writer, secagg->delta_permille);
    fedli_write_u16(writer, privacy->quantile_permille);
    fedli_write_u32(writer, secagg->step_ms);
    fedli_write_u32(writer, secagg->epoch_rounds);
    fedli_write_u32(writer, privacy->sigma2_q8);
    fedli_write_u64(writer, privacy->rho_budget);
    fedli_write_u32(writer, privacy->bit_sigma2_q8);
    for (uint32_t i = 0; i < PROTECTION_RESERVED_BYTES; i++) {
        fedli_write_u8(writer, 0);
    }
}

fedl_status fedl_plan_encode(uint8_t *out, size_t out_bytes, size_t *out_size,
                             const fedl_plan *plan)
{
    const fedl_status status = fedl_plan_check(plan);
    if (status != FEDL_OK) {
        return status;
    }
    fedli_writer writer;
    fedli_writer_init(&writer, out, out_bytes);
    fedli_write_copy(&writer, magic, sizeof magic);
    fedli_write_u16(&writer, PLAN_VERSION);
    fedli_write_u8(&writer, (uint8_t)plan->aggregation);
    fedli_write_u8(&writer, 0);
    fedli_write_u32(&writer, plan->run_seed);
    fedli_write_u32(&writer, plan->holdout_permille);
    fedli_write_u32(&writer, plan->train.local_epochs);
    fedli_write_u32(&writer, plan->train.batch_rows);
    fedli_write_u32(&writer, plan->train.lr_q24);
    fedli_write_u32(&writer, plan->train.prox_mu_q16);
    fedli_write_u32(&writer, plan->update.clip_q16);
    fedli_write_i8(&writer, plan->update.update_exp);
    fedli_write_u8(&writer, plan->update.ring_bits);
    fedli_write_u16(&writer, 0);
    fedli_write_u32(&writer, plan->update.clients_max);
    fedli_write_u32(&writer, plan->update.w_unit);
    fedli_write_u32(&writer, plan->update.w_max);
    write_model(&writer, &plan->model);
    write_protection(&writer, plan);
    fedli_write_u32(&writer, (uint32_t)plan->data.size);
    fedli_write_copy(&writer, plan->data.data, plan->data.size);
    return fedli_writer_end(&writer, out_size);
}

/* Returns false when a reserved byte or an unused layer place is not zero. Enums are taken as they
 * are: fedl_plan_check() knows them. */
static bool read_model(fedli_reader *reader, fedl_model_spec *model)
{
    bool clean = true;
    model->input_count = fedli_read_u32(reader);
    model->input_exp = fedli_read_i8(reader);
    model->loss = (fedl_loss_kind)fedli_read_u8(reader);
    model->layer_count = fedli_read_u16(reader);
    for (uint32_t i = 0; i < FEDL_LAYERS_MAX; i++) {
        fedl_layer_spec *layer = &model->layers[i];
        const uint8_t kind = fedli_read_u8(reader);
        layer->kind = (fedl_layer_kind)kind;
        layer->weight_exp = fedli_read_i8(reader);
        clean = fedli_read_u16(reader) == 0 && clean;
        layer->units = fedli_read_u32(reader);
        if (i >= model->layer_count) {
            clean = kind == 0 && layer->weight_exp == 0 && layer->units == 0 && clean;
        }
    }
    return clean;
}

/* The same for the 64 bytes about masking and privacy. */
static bool read_protection(fedli_reader *reader, fedl_plan *plan)
{
    fedl_secagg_config *secagg = &plan->secagg;
    fedl_privacy_config *privacy = &plan->privacy;
    secagg->trust = (fedl_server_trust)fedli_read_u8(reader);
    privacy->mode = (fedl_privacy_mode)fedli_read_u8(reader);
    const uint8_t rotate = fedli_read_u8(reader);
    const uint8_t adaptive = fedli_read_u8(reader);
    bool clean = rotate <= 1 && adaptive <= 1;
    privacy->rotate = rotate != 0;
    privacy->adaptive_clip = adaptive != 0;
    secagg->min_cohort = fedli_read_u16(reader);
    secagg->gamma_permille = fedli_read_u16(reader);
    secagg->delta_permille = fedli_read_u16(reader);
    privacy->quantile_permille = fedli_read_u16(reader);
    secagg->step_ms = fedli_read_u32(reader);
    secagg->epoch_rounds = fedli_read_u32(reader);
    privacy->sigma2_q8 = fedli_read_u32(reader);
    privacy->rho_budget = fedli_read_u64(reader);
    privacy->bit_sigma2_q8 = fedli_read_u32(reader);
    fedl_plan_settle(plan);
    for (uint32_t i = 0; i < PROTECTION_RESERVED_BYTES; i++) {
        clean = fedli_read_u8(reader) == 0 && clean;
    }
    return clean;
}

fedl_status fedl_plan_decode(fedl_plan *plan, fedl_bytes bytes)
{
    fedli_reader reader;
    uint8_t head[4];
    fedl_plan decoded;
    memset(&decoded, 0, sizeof decoded);
    fedli_reader_init(&reader, bytes);
    fedli_read_copy(&reader, head, sizeof head);
    const uint16_t version = fedli_read_u16(&reader);
    if (reader.failed) {
        return FEDL_ERR_TRUNCATED;
    }
    if (memcmp(head, magic, sizeof magic) != 0) {
        return FEDL_ERR_FORMAT;
    }
    if (version != PLAN_VERSION) {
        return FEDL_ERR_VERSION;
    }
    decoded.aggregation = (fedl_aggregation)fedli_read_u8(&reader);
    bool clean = fedli_read_u8(&reader) == 0;
    decoded.run_seed = fedli_read_u32(&reader);
    decoded.holdout_permille = fedli_read_u32(&reader);
    decoded.train.local_epochs = fedli_read_u32(&reader);
    decoded.train.batch_rows = fedli_read_u32(&reader);
    decoded.train.lr_q24 = fedli_read_u32(&reader);
    decoded.train.prox_mu_q16 = fedli_read_u32(&reader);
    decoded.update.clip_q16 = fedli_read_u32(&reader);
    decoded.update.update_exp = fedli_read_i8(&reader);
    decoded.update.ring_bits = fedli_read_u8(&reader);
    clean = fedli_read_u16(&reader) == 0 && clean;
    decoded.update.clients_max = fedli_read_u32(&reader);
    decoded.update.w_unit = fedli_read_u32(&reader);
    decoded.update.w_max = fedli_read_u32(&reader);
    clean = read_model(&reader, &decoded.model) && clean;
    clean = read_protection(&reader, &decoded) && clean;
    const uint32_t data_bytes = fedli_read_u32(&reader);
    if (reader.failed) {
        return FEDL_ERR_TRUNCATED;
    }
    if (!clean || data_bytes > FEDL_PLAN_DATA_BYTES_MAX) {
        return FEDL_ERR_FORMAT;
    }
    decoded.data = fedli_read_view(&reader, data_bytes);
    fedl_status status = fedli_reader_end(&reader);
    if (status == FEDL_OK) {
        status = fedl_plan_check(&decoded);
    }
    if (status == FEDL_OK) {
        *plan = decoded;
    }
    return status;
}
