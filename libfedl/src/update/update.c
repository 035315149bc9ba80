/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The vector of one client, produced block by block: every byte that fedl_update_read() writes and
 * every number that fedl_update_begin() measures comes out of fill(), so the two cannot disagree.
 *
 *   begin: pass 1 Σd² → factor   pass 2 round, check the norm   (pass 3 truncate)   → tail
 *   read:  fill → weight → ring → bytes
 *
 * Memory: one block of 64 values and its bytes on the stack (0.5 KB). Rejected: a quantised copy of
 * the model (2–4 bytes per parameter on the device, and a second truth).
 */
#include "fedl/update.h"

#include "base/cursor.h"
#include "base/fixed.h"
#include "update/clip.h"
#include "update/delta.h"
#include "update/pack.h"
#include "update/quantise.h"
#include "update/rotate.h"
#include "update/update_noised.h"
#include "update/update_stream.h"

#include <string.h>

#define BLOCK_WORDS 64u

static uint32_t min_u32(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static size_t min_size(size_t a, size_t b)
{
    return a < b ? a : b;
}

static fedli_quantiser quantiser_of(const fedl_update *update)
{
    const fedli_quantiser quantiser = {.factor_q15 = update->factor_q15,
                                       .shift = update->config.update_exp - FEDLI_DELTA_EXP,
                                       .seed = update->rounding_seed,
                                       .truncate = update->truncate};
    return quantiser;
}

static uint32_t parameter_count_of(const fedl_update *update)
{
    return fedl_model_parameter_count(fedl_model_spec_of(update->model));
}

/* Σ d² of the whole delta; < 2^63 by the configuration check. */
static uint64_t measure_delta(const fedl_update *update)
{
    const uint32_t total = parameter_count_of(update);
    int32_t values[BLOCK_WORDS];
    uint64_t sum = 0;
    fedli_update_stream s;
    fedli_update_stream_init(&s, update, 0);
    while (s.next < total) {
        const uint32_t count = min_u32(BLOCK_WORDS, total - s.next);
        fedli_update_stream_read(&s, values, count);
        sum += fedli_clip_sum_squares(values, count);
    }
    return sum;
}

/* What rounding with the update's present factor and mode gives. */
typedef struct measure {
    uint64_t sum_squares; /* Σ z², in units of the update grid */
    uint64_t saturated;
} measure;

static measure measure_rounded(const fedl_update *update)
{
    const uint32_t total = parameter_count_of(update);
    const fedli_quantiser quantiser = quantiser_of(update);
    int32_t values[BLOCK_WORDS];
    measure result = {0, 0};
    fedli_update_stream s;
    fedli_update_stream_init(&s, update, 0);
    while (s.next < total) {
        const uint32_t first = s.next;
        const uint32_t count = min_u32(BLOCK_WORDS, total - first);
        fedli_update_stream_read(&s, values, count);
        fedli_quantise(&quantiser, values, first, count);
        result.sum_squares += fedli_clip_sum_squares(values, count);
        result.saturated += fedli_quantise_saturate(values, count, update->q_max);
    }
    return result;
}

/*
 * True when ‖z·2^shift‖ ≤ clip. For shift > 0 the sum in 2^-16 units is
 *   Σ (z·2^s)² ≤ (‖d'‖ + 2^s·√n)² ≤ (2^31.5 + 2^12·2^10)² < 2^64,
 * since each |z|·2^s < |d'| + 2^s; so shifting the sum left by 2s loses nothing.
 */
static bool norm_holds(const fedl_update *update, uint64_t sum_squares)
{
    const int32_t shift = update->config.update_exp - FEDLI_DELTA_EXP;
    const uint64_t clip = update->config.clip_q16;
    return shift <= 0 || (sum_squares << (2 * shift)) <= clip * clip;
}

static uint32_t bound_of(const fedl_update_config *cfg)
{
    return cfg->bound_q16 == 0 ? cfg->clip_q16 : cfg->bound_q16;
}

bool fedli_update_is_above(const fedl_update *update)
{
    return update->config.bit_sigma2_q8 != 0 && update->norm_q16 > bound_of(&update->config);
}

static uint64_t cut_u64(uint64_t value, uint64_t max)
{
    return value < max ? value : max;
}

static void fill_tail(fedl_update *update, uint32_t row_count, const fedl_train_stats *train,
                      const fedl_eval_stats *eval, uint64_t saturated)
{
    uint64_t *tail = update->tail;
    memset(tail, 0, sizeof update->tail);
    tail[FEDL_TAIL_WEIGHT] = fedl_update_weight(&update->config, row_count);
    if (update->config.noise_sigma2_q8 != 0 || update->config.sum_sigma2_q8 != 0) {
        /* Exact metrics are not private; this one gets noise before anybody else sees it. */
        tail[FEDL_TAIL_CLIPPED] = fedli_update_is_above(update) ? 1 : 0;
        return;
    }
    tail[FEDL_TAIL_ROWS] = row_count;
    if (train != NULL) {
        tail[FEDL_TAIL_LOSS_Q16] = cut_u64(train->loss_sum_q16, FEDL_TAIL_LOSS_Q16_MAX);
    }
    if (eval != NULL) {
        tail[FEDL_TAIL_EVAL_ROWS] = cut_u64(eval->row_count, UINT32_MAX);
        tail[FEDL_TAIL_EVAL_CORRECT] = cut_u64(eval->correct_count, UINT32_MAX);
        tail[FEDL_TAIL_EVAL_LOSS_Q16] = cut_u64(eval->loss_sum_q16, FEDL_TAIL_LOSS_Q16_MAX);
    }
    tail[FEDL_TAIL_SATURATED] = saturated;
    tail[FEDL_TAIL_CLIPPED] = update->factor_q15 < FEDLI_CLIP_ONE_Q15 ? 1 : 0;
}

static fedl_status check_reference(const fedl_model_spec *spec, fedl_bytes reference)
{
    fedl_model_spec found;
    const fedl_status status = fedl_container_header_decode(&found, reference);
    if (status != FEDL_OK) {
        return status;
    }
    if (!fedl_model_spec_equal(&found, spec)) {
        return FEDL_ERR_MISMATCH;
    }
    const size_t size = fedl_container_size(spec);
    return reference.size < size   ? FEDL_ERR_TRUNCATED
           : reference.size > size ? FEDL_ERR_FORMAT
                                   : FEDL_OK;
}

fedl_status fedl_update_begin(fedl_update *update, const fedl_model *model, fedl_bytes reference,
                              const fedl_update_config *cfg, const fedl_train_seed *seed,
                              uint32_t row_count, const fedl_train_stats *train,
                              const fedl_eval_stats *eval)
{
    const fedl_model_spec *spec = fedl_model_spec_of(model);
    fedl_status status = fedl_update_config_check(cfg, spec);
    if (status != FEDL_OK) {
        return status;
    }
    status = check_reference(spec, reference);
    if (status != FEDL_OK) {
        return status;
    }
    fedl_update made = {.model = model,
                        .reference = reference,
                        .config = *cfg,
                        .rounding_seed = fedli_quantise_seed(seed),
                        .q_max = fedl_update_q_max(cfg),
                        .truncate = false};
    const uint64_t n2 = measure_delta(&made);
    made.norm_q16 = fedli_clip_norm(n2);
    made.factor_q15 = cfg->bit_sigma2_q8 == 0
                          ? fedli_clip_factor_q15(n2, cfg->clip_q16)
                          : fedli_clip_rescale_q15(made.norm_q16, cfg->clip_q16, bound_of(cfg));
    if (cfg->noise_sigma2_q8 != 0) { /* rounding waits for the secret of the attempt */
        made.rotate_seed = fedli_rotate_seed(seed->run_seed, seed->round);
        fill_tail(&made, row_count, NULL, NULL, 0);
        *update = made;
        return FEDL_OK;
    }
    measure rounded = measure_rounded(&made);
    if (!norm_holds(&made, rounded.sum_squares)) {
        /* Truncation only shortens d', which is within the clip by the proof in clip.h. */
        made.truncate = true;
        rounded = measure_rounded(&made);
    }
    fill_tail(&made, row_count, train, eval, rounded.saturated);
    *update = made;
    return FEDL_OK;
}

/* Bytes [at, end) of the words; a block starts at a word, so the first one may be cut in front. */
static void read_words(const fedl_update *update, uint8_t *out, size_t at, size_t end)
{
    const fedli_quantiser quantiser = quantiser_of(update);
    const uint32_t weight = (uint32_t)update->tail[FEDL_TAIL_WEIGHT];
    const size_t word_bytes = update->config.ring_bits / 8u;
    const uint32_t word_end = (uint32_t)((end + word_bytes - 1u) / word_bytes);
    int32_t values[BLOCK_WORDS];
    uint8_t bytes[BLOCK_WORDS * 4u];
    fedli_update_stream s;
    fedli_update_stream_init(&s, update, (uint32_t)(at / word_bytes));
    size_t skip = at % word_bytes; /* not 0 for 24-bit words only: 64 is no multiple of 3 */
    while (at < end) {
        const uint32_t first = s.next;
        const uint32_t count = min_u32(BLOCK_WORDS, word_end - first);
        fedli_update_stream_read(&s, values, count);
        fedli_quantise(&quantiser, values, first, count);
        (void)fedli_quantise_saturate(values, count, update->q_max);
        fedli_pack(bytes, values, count, weight, update->config.ring_bits);
        const size_t part = min_size(count * word_bytes - skip, end - at);
        memcpy(out, bytes + skip, part);
        out += part;
        at += part;
        skip = 0;
    }
}

static void read_tail(const fedl_update *update, uint8_t *out, size_t at, size_t size)
{
    uint8_t bytes[FEDL_TAIL_WORDS * 8u];
    for (size_t i = 0; i < FEDL_TAIL_WORDS; i++) {
        fedli_store_u64(bytes + 8 * i, update->tail[i]);
    }
    memcpy(out, bytes + at, size);
}

fedl_status fedl_update_read(const fedl_update *update, uint8_t *out, size_t offset, size_t size)
{
    const uint32_t parameter_count = parameter_count_of(update);
    const bool noised = update->config.noise_sigma2_q8 != 0;
    const size_t word_bytes = update->config.ring_bits / 8u;
    const size_t words_size = fedl_update_word_count(&update->config, parameter_count) * word_bytes;
    const size_t body_size = fedl_update_body_size(&update->config, parameter_count);
    const size_t vector_size = fedl_update_vector_size(&update->config, parameter_count);
    if (offset % 64u != 0 || offset > vector_size || size > vector_size - offset) {
        return FEDL_ERR_RANGE;
    }
    if (noised && !update->noised) {
        return FEDL_ERR_STATE;
    }
    const size_t end = offset + size;
    size_t at = offset;
    if (at < words_size && at < end) {
        const size_t stop = min_size(end, words_size);
        if (noised) {
            fedli_noised_read(update, out, at, stop);
        } else {
            read_words(update, out, at, stop);
        }
        at = stop;
    }
    if (at < body_size && at < end) {
        const size_t stop = min_size(end, body_size);
        memset(out + (at - offset), 0, stop - at);
        at = stop;
    }
    if (at < end) {
        read_tail(update, out + (at - offset), at - body_size, end - at);
    }
    return FEDL_OK;
}
