/* SPDX-License-Identifier: Apache-2.0 */
#include "agg/master.h"

#include "base/arena.h"
#include "base/check.h"
#include "base/cursor.h"
#include "base/fixed.h"
#include "update/tensor_walk.h"

#include <string.h>

#define BIAS_BITS (FEDL_BIAS_EXP - FEDL_MASTER_BIAS_EXP)

size_t fedl_master_size(const fedl_model_spec *spec)
{
    if (fedl_model_spec_check(spec) != FEDL_OK) {
        return 0;
    }
    fedli_arena arena;
    fedli_arena_init(&arena, NULL, 0);
    (void)fedli_arena_take(&arena, fedl_model_parameter_count(spec), sizeof(int32_t));
    return fedli_arena_size(&arena);
}

fedl_status fedl_master_init(fedl_master *master, const fedl_model_spec *spec, void *block,
                             size_t block_bytes)
{
    const fedl_status status = fedl_model_spec_check(spec);
    if (status != FEDL_OK) {
        return status;
    }
    const uint32_t count = fedl_model_parameter_count(spec);
    fedli_arena arena;
    fedli_arena_init(&arena, block, block_bytes);
    int32_t *words = block == NULL ? NULL : fedli_arena_take(&arena, count, sizeof(int32_t));
    if (words == NULL) {
        return FEDL_ERR_SIZE;
    }
    memset(words, 0, count * sizeof(int32_t));
    master->spec = *spec;
    master->parameter_count = count;
    master->words = words;
    return FEDL_OK;
}

/* ---- a word and what the container has of it ---- */

/* int16 · 2^16 fits int32 exactly. */
static int32_t weight_word(const uint8_t *bytes)
{
    return fedli_i16_of(fedli_load_u16(bytes)) * (1 << FEDL_MASTER_WEIGHT_BITS);
}

/* int32 · 2^8 needs 40 bits and may saturate. */
static int32_t bias_word(const uint8_t *bytes)
{
    const int64_t bias = fedli_i32_of(fedli_load_u32(bytes));
    return fedli_sat32(bias * (1 << BIAS_BITS));
}

/* Rounding up 0x7fffffff gives 32768: saturate. */
static int16_t weight_of(int32_t word)
{
    return fedli_sat16(fedli_rshr(word, FEDL_MASTER_WEIGHT_BITS));
}

/* |word| / 2^8 fits int32. */
static int32_t bias_of(int32_t word)
{
    return (int32_t)fedli_rshr(word, BIAS_BITS);
}

/* ---- containers ---- */

static fedl_status check_container(const fedl_master *master, fedl_bytes container)
{
    fedl_model_spec found;
    const fedl_status status = fedl_container_header_decode(&found, container);
    if (status != FEDL_OK) {
        return status;
    }
    if (!fedl_model_spec_equal(&found, &master->spec)) {
        return FEDL_ERR_MISMATCH;
    }
    const size_t size = fedl_container_size(&master->spec);
    return container.size < size   ? FEDL_ERR_TRUNCATED
           : container.size > size ? FEDL_ERR_FORMAT
                                   : FEDL_OK;
}

fedl_status fedl_master_load_container(fedl_master *master, fedl_bytes container)
{
    const fedl_status status = check_container(master, container);
    if (status != FEDL_OK) {
        return status;
    }
    fedli_tensor_walk walk;
    fedli_tensor_walk_init(&walk, &master->spec);
    while (fedli_tensor_walk_next(&walk)) {
        const uint8_t *bytes = container.data + walk.byte_offset;
        int32_t *words = master->words + walk.first;
        for (size_t i = 0; i < walk.count; i++) {
            words[i] = walk.bias ? bias_word(bytes + 4 * i) : weight_word(bytes + 2 * i);
        }
    }
    return FEDL_OK;
}

fedl_status fedl_master_export_container(const fedl_master *master, uint8_t *out, size_t out_bytes)
{
    if (out_bytes < fedl_container_size(&master->spec)) {
        return FEDL_ERR_SIZE;
    }
    const fedl_status status = fedl_container_header_encode(out, out_bytes, &master->spec);
    if (status != FEDL_OK) {
        return status;
    }
    fedli_tensor_walk walk;
    fedli_tensor_walk_init(&walk, &master->spec);
    while (fedli_tensor_walk_next(&walk)) {
        uint8_t *bytes = out + walk.byte_offset;
        const int32_t *words = master->words + walk.first;
        for (size_t i = 0; i < walk.count; i++) {
            if (walk.bias) {
                fedli_store_u32(bytes + 4 * i, (uint32_t)bias_of(words[i]));
            } else {
                fedli_store_u16(bytes + 2 * i, (uint16_t)weight_of(words[i]));
            }
        }
    }
    return FEDL_OK;
}

bool fedl_master_is_of(const fedl_master *master, const uint8_t *container)
{
    fedli_tensor_walk walk;
    fedli_tensor_walk_init(&walk, &master->spec);
    while (fedli_tensor_walk_next(&walk)) {
        const uint8_t *bytes = container + walk.byte_offset;
        const int32_t *words = master->words + walk.first;
        for (size_t i = 0; i < walk.count; i++) {
            /* By way of the word: a first model's bias beyond ±128 has lost what saturated. */
            const bool same =
                walk.bias ? bias_of(words[i]) == bias_of(bias_word(bytes + 4 * i))
                          : weight_of(words[i]) == fedli_i16_of(fedli_load_u16(bytes + 2 * i));
            if (!same) {
                return false;
            }
        }
    }
    return true;
}

int8_t fedl_master_exp(const fedl_master *master, uint32_t index)
{
    FEDLI_CHECK(index < master->parameter_count);
    fedli_tensor_walk walk;
    fedli_tensor_walk_init(&walk, &master->spec);
    do {
        (void)fedli_tensor_walk_next(&walk);
    } while (index >= walk.first + walk.count);
    return (int8_t)(walk.bias ? FEDL_MASTER_BIAS_EXP : walk.exp - FEDL_MASTER_WEIGHT_BITS);
}

size_t fedl_master_state_size(const fedl_master *master)
{
    return master->parameter_count * (size_t)4;
}

fedl_status fedl_master_save(const fedl_master *master, uint8_t *out, size_t out_bytes)
{
    if (out_bytes < fedl_master_state_size(master)) {
        return FEDL_ERR_SIZE;
    }
    for (size_t i = 0; i < master->parameter_count; i++) {
        fedli_store_u32(out + 4 * i, (uint32_t)master->words[i]);
    }
    return FEDL_OK;
}

fedl_status fedl_master_restore(fedl_master *master, fedl_bytes state)
{
    if (state.size != fedl_master_state_size(master)) {
        return FEDL_ERR_MISMATCH;
    }
    for (size_t i = 0; i < master->parameter_count; i++) {
        master->words[i] = fedli_i32_of(fedli_load_u32(state.data + 4 * i));
    }
    return FEDL_OK;
}
