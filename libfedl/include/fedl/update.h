/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From trained weights to the vector that is sent: delta, L2 clip, one update grid, stochastic
 * rounding, weight, ring. Specification: docs/update.md.
 *
 * The vector (identical in plain and masked mode) is
 *   body  parameter_count little-endian words of ring_bits/8 bytes in Z_{2^b}, zero-padded to 64
 *         bytes, in container order;
 *   tail  FEDL_TAIL_WORDS little-endian uint64 in Z_{2^64} (64 bytes).
 * It is never stored: any part can be produced again from (trained model, container of the round,
 * seed), on the device, in the simulator and in a test, with the same bytes.
 */
#ifndef FEDL_UPDATE_H
#define FEDL_UPDATE_H

#include "fedl/train.h"

#ifdef __cplusplus
extern "C" {
#endif

#define FEDL_TAIL_WORDS 8u

/* Most clients in one sum: their loss words (< 2^47 each) then add up to less than 2^63. */
#define FEDL_UPDATE_CLIENTS_MAX 65535u
#define FEDL_UPDATE_W_MAX       255u
#define FEDL_UPDATE_EXP_MIN     (-20)
#define FEDL_UPDATE_EXP_MAX     (-4)
/* What one client may report as a loss sum; larger sums are cut here. */
#define FEDL_TAIL_LOSS_Q16_MAX ((UINT64_C(1) << 47) - 1u)

/* Index of each word of the tail; every word is a sum over clients after aggregation. */
typedef enum fedl_tail_word {
    FEDL_TAIL_WEIGHT = 0,       /* w_u in [1, w_max] */
    FEDL_TAIL_ROWS = 1,         /* training rows, < 2^32 */
    FEDL_TAIL_LOSS_Q16 = 2,     /* Σ training loss of the last epoch, ≤ FEDL_TAIL_LOSS_Q16_MAX */
    FEDL_TAIL_EVAL_ROWS = 3,    /* held-out rows, evaluated on the model as received; < 2^32 */
    FEDL_TAIL_EVAL_CORRECT = 4, /* < 2^32 */
    FEDL_TAIL_EVAL_LOSS_Q16 = 5, /* ≤ FEDL_TAIL_LOSS_Q16_MAX */
    FEDL_TAIL_SATURATED = 6,     /* coordinates cut at q_max */
    FEDL_TAIL_CLIPPED = 7,       /* 1 when the L2 clip was active; with adaptive clipping and noise
                                    of the devices, that and noise, mod 2^64 */
} fedl_tail_word;

/* Variance of the noise of one device, grid steps², Q8: σ from 2 to 256. */
#define FEDL_SIGMA2_Q8_MIN (UINT32_C(4) << 8)
#define FEDL_SIGMA2_Q8_MAX (UINT32_C(1) << 24)
/* Variance of the noise that a server adds to a sum, Q8: σ from 1/16 to 4095.99; above
 * FEDL_SIGMA2_Q8_MAX whole steps² only, so that the sampler's fractions fit 64 bits. */
#define FEDL_SUM_SIGMA2_Q8_MAX UINT32_C(0xffffff00)
/* With noise: the clip norm in grid steps, clip · 2^-update_exp, is at most this. */
#define FEDL_PRIVACY_CLIP_STEPS_MAX (UINT64_C(1) << 20)

/** out = 64 · block_count bytes of the ChaCha20 keystream of key, from block `counter` on: what
 * secagg/prg.h calls stream. */
typedef void (*fedl_keystream_fn)(uint8_t *out, size_t block_count, const uint8_t key[32],
                                  uint32_t counter);

/* Adaptive clipping: the bound of a round stays within this factor of the plan's clip. */
#define FEDL_BOUND_FACTOR 16u

typedef struct fedl_update_config {
    uint32_t clip_q16;        /* L2 clipping norm C, in units of the weights, Q16, ≥ 1 */
    int8_t update_exp;        /* plan-wide grid of every coordinate, −20 … −4 */
    uint8_t ring_bits;        /* 8, 16, 24 or 32 */
    uint32_t clients_max;     /* most clients in one sum, 1 … FEDL_UPDATE_CLIENTS_MAX */
    uint32_t w_unit;          /* rows per unit of weight; 0 = every client weighs 1 */
    uint32_t w_max;           /* 1 … FEDL_UPDATE_W_MAX */
    bool rotate;              /* random signs and Walsh–Hadamard blocks of 256 before rounding */
    uint32_t noise_sigma2_q8; /* 0, or FEDL_SIGMA2_Q8_MIN … MAX: every device adds discrete
                                 Gaussian noise; w_unit is then 0 and w_max 1 */
    uint32_t sum_sigma2_q8; /* 0, or 1 … FEDL_SUM_SIGMA2_Q8_MAX: the server adds noise to the sum;
                               w_unit is then 0 and w_max 1, and devices report no metrics */
    uint32_t bit_sigma2_q8; /* 0, or adaptive clipping: variance of the noise of FEDL_TAIL_CLIPPED,
                               Q8, in the range of the noise that is asked for above */
    uint32_t bound_q16; /* adaptive clipping: the round's bound C_t, Q16, clip_q16/16 … 16·clip_q16:
                           an update is clipped there, and scaled so that C_t becomes C; 0 = C.
                           Always 0 in a plan */
} fedl_update_config;

/**
 * Checks every field, and cfg together with spec (which was checked).
 * Errors: ERR_RANGE (a field outside its range; q_max would be 0; the squared norm of a delta could
 * reach 2^63 for this spec, see docs/update.md §2).
 */
FEDL_NODISCARD fedl_status fedl_update_config_check(const fedl_update_config *cfg,
                                                    const fedl_model_spec *spec);
/**
 * q_max = ⌊(2^(b−1) − 1 − m) / (clients_max · w_max)⌋: what one coordinate may be before weighting,
 * in units of 2^update_exp; m = ⌈8·√(σ²·clients_max + σ_sum²)⌉ leaves room for the noise of all (0
 * without). 0 when cfg is invalid or its ring is too small for so many clients.
 */
uint32_t fedl_update_q_max(const fedl_update_config *cfg);
/** Whether bound_q16 is one that a round of this configuration may have: with adaptive clipping
 * ⌈clip/16⌉ … 16·clip, else 0. */
bool fedl_update_bound_fits(const fedl_update_config *cfg, uint32_t bound_q16);
/** w = clamp(round half up(rows / w_unit), 1, w_max); 1 when w_unit is 0. */
uint32_t fedl_update_weight(const fedl_update_config *cfg, uint32_t row_count);
/** Words of the body: parameter_count, with rotation rounded up to a multiple of 256. */
uint32_t fedl_update_word_count(const fedl_update_config *cfg, uint32_t parameter_count);
/** Bytes of the body (padded to 64) and of the whole vector; cfg was checked. */
size_t fedl_update_body_size(const fedl_update_config *cfg, uint32_t parameter_count);
size_t fedl_update_vector_size(const fedl_update_config *cfg, uint32_t parameter_count);

/*
 * Caller-owned. norm_q16, factor_q15 and the tail may be read for reports; the rest is private to
 * update/. No pointer but model and reference: the object may be copied while both live.
 */
typedef struct fedl_update {
    const fedl_model *model;
    fedl_bytes reference;
    fedl_update_config config;
    uint32_t rounding_seed;
    uint32_t norm_q16;   /* ‖delta‖ before clipping, rounded up, in units of 2^-16 */
    uint32_t factor_q15; /* clip factor f; 2^15 = not scaled; up to 2^19 with adaptive clipping */
    uint32_t q_max;
    bool truncate; /* round toward zero: the norm check after stochastic rounding failed */
    bool noised;   /* fedl_update_protect() has set what follows; noise_key is secret */
    uint32_t rotate_seed;
    uint32_t rounding_try;
    fedl_keystream_fn stream;
    uint8_t noise_key[32];
    uint64_t tail[FEDL_TAIL_WORDS];
} fedl_update;

/**
 * Measures the delta (passes over model and reference) and fixes clip factor, weight and tail.
 *
 * model and reference (the container of the round) must stay unchanged and outlive the update.
 * train and eval may be NULL (their words of the tail are 0). No scratch but 1 KB of stack.
 * Errors: ERR_RANGE (config), those of fedl_container_header_decode() for the reference,
 * ERR_MISMATCH (reference has another spec), ERR_TRUNCATED or ERR_FORMAT (it is shorter or longer
 * than its spec says). *update is written only on FEDL_OK.
 */
FEDL_NODISCARD fedl_status fedl_update_begin(fedl_update *update, const fedl_model *model,
                                             fedl_bytes reference, const fedl_update_config *cfg,
                                             const fedl_train_seed *seed, uint32_t row_count,
                                             const fedl_train_stats *train,
                                             const fedl_eval_stats *eval);
/**
 * With noise in the config: takes the secret of this attempt, rounds at random under it until the
 * rounded vector keeps the bound Δ̃ of fedl_privacy_bound_q16() (about two passes), and fixes the
 * noise. Needed before fedl_update_read(), once per attempt; a new key gives new noise. The tail is
 * weight 1 and zeros: exact metrics would not be private.
 * Errors: ERR_STATE (the config has no noise), ERR_RANGE (1000 tries were too long: a wrong clip).
 */
FEDL_NODISCARD fedl_status fedl_update_protect(fedl_update *update, fedl_keystream_fn stream,
                                               const uint8_t noise_key[32]);
/**
 * Produces bytes [offset, offset + size) of the vector into out (size bytes, owned by the caller);
 * offset is a multiple of 64, size is free. Same bytes at every call and in any chunking.
 * Errors: ERR_RANGE (beyond the vector, or offset not a multiple of 64), ERR_STATE (noise is asked
 * for, but fedl_update_protect() was not called); out is then untouched.
 */
FEDL_NODISCARD fedl_status fedl_update_read(const fedl_update *update, uint8_t *out, size_t offset,
                                            size_t size);

#ifdef __cplusplus
}
#endif
#endif
