/* SPDX-License-Identifier: Apache-2.0 */
/* IID and Dirichlet partitions: see sim_partition.h. */
#include "sim_partition.h"

#include "base/rng.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Work that is spent on redrawing before giving up: gamma variates, about a second. */
#define GAMMA_DRAWS_MAX 10000000u

/* (0, 1), 32 bits: never 0, so that log() is finite. */
static double uniform(fedli_rng *rng)
{
    return ((double)fedli_rng_u32(rng) + 0.5) / 4294967296.0;
}

static double normal(fedli_rng *rng)
{
    const double radius = sqrt(-2.0 * log(uniform(rng)));
    return radius * cos(6.283185307179586 * uniform(rng));
}

/* Marsaglia and Tsang 2000, "A simple method for generating gamma variables"; α < 1 by their
 * boost. */
static double gamma_variate(fedli_rng *rng, double alpha)
{
    if (alpha < 1.0) {
        const double boost = pow(uniform(rng), 1.0 / alpha);
        return gamma_variate(rng, alpha + 1.0) * boost;
    }
    const double d = alpha - 1.0 / 3.0;
    const double c = 1.0 / sqrt(9.0 * d);
    for (;;) {
        const double x = normal(rng);
        const double v = (1.0 + c * x) * (1.0 + c * x) * (1.0 + c * x);
        if (v > 0.0 && log(uniform(rng)) < 0.5 * x * x + d - d * v + d * log(v)) {
            return d * v;
        }
    }
}

/*
 * One draw: quota[class][client] = how many rows of the class the client gets, total[client]. False
 * when a client stays below rows_min, or when all variates of a class underflowed to 0.
 */
static bool draw_quota(const fedl_sim_partition_config *cfg, fedli_rng *rng,
                       const uint32_t *class_rows, double *share, uint32_t *quota, uint32_t *total)
{
    const uint32_t clients = cfg->client_count;
    memset(total, 0, clients * sizeof *total);
    for (uint32_t c = 0; c < cfg->class_count; c++) {
        double sum = 0.0;
        double sum_open = 0.0;
        for (uint32_t i = 0; i < clients; i++) {
            share[i] = gamma_variate(rng, cfg->alpha);
            sum += share[i];
            /* total · clients < row_count: the client has not yet its even share. */
            sum_open += (uint64_t)total[i] * clients < cfg->row_count ? share[i] : 0.0;
        }
        const bool balance = sum_open > 0.0;
        if (!(balance ? sum_open > 0.0 : sum > 0.0)) {
            return false;
        }
        double upto = 0.0;
        uint32_t given = 0;
        uint32_t last = 0; /* takes what rounding left over: an open client */
        for (uint32_t i = 0; i < clients; i++) {
            const bool open = !balance || (uint64_t)total[i] * clients < cfg->row_count;
            upto += open ? share[i] : 0.0;
            last = open ? i : last;
            uint32_t cut = (uint32_t)(upto / (balance ? sum_open : sum) * (double)class_rows[c]);
            cut = cut > class_rows[c] ? class_rows[c] : cut < given ? given : cut;
            quota[(size_t)c * clients + i] = cut - given;
            given = cut;
        }
        quota[(size_t)c * clients + last] += class_rows[c] - given;
        for (uint32_t i = 0; i < clients; i++) {
            total[i] += quota[(size_t)c * clients + i];
        }
    }
    for (uint32_t i = 0; i < clients; i++) {
        if (total[i] < cfg->rows_min) {
            return false;
        }
    }
    return true;
}

/* Deals the rows of every class, in shuffled order, by quota. rows_of_class: scratch [row_count].
 */
static void deal(uint32_t *client_of_row, const fedl_sim_partition_config *cfg,
                 const uint32_t *quota, uint32_t *rows_of_class)
{
    const uint32_t clients = cfg->client_count;
    for (uint32_t c = 0; c < cfg->class_count; c++) {
        uint32_t count = 0;
        for (uint32_t row = 0; row < cfg->row_count; row++) {
            if (cfg->classes[row] == (int32_t)c) {
                rows_of_class[count++] = row;
            }
        }
        const uint32_t seed = fedli_mix32(cfg->seed + c + 1);
        uint32_t at = 0;
        for (uint32_t i = 0; i < clients; i++) {
            for (uint32_t n = quota[(size_t)c * clients + i]; n > 0; n--) {
                client_of_row[rows_of_class[fedli_shuffle_at(seed, at++, count)]] = i;
            }
        }
    }
}

static fedl_status deal_dirichlet(uint32_t *client_of_row, const fedl_sim_partition_config *cfg)
{
    const size_t clients = cfg->client_count;
    const size_t classes = cfg->class_count;
    uint32_t *counts = calloc(classes + clients, sizeof *counts);
    uint32_t *quota = calloc(classes * clients, sizeof *quota);
    uint32_t *scratch = calloc(cfg->row_count, sizeof *scratch);
    double *share = calloc(clients, sizeof *share);
    fedl_status status = FEDL_ERR_NO_MEMORY;
    if (counts != NULL && quota != NULL && scratch != NULL && share != NULL) {
        for (uint32_t row = 0; row < cfg->row_count; row++) {
            counts[cfg->classes[row]]++;
        }
        fedli_rng rng;
        fedli_rng_init(&rng, cfg->seed);
        status = FEDL_ERR_FULL;
        const size_t draws_max = 1 + GAMMA_DRAWS_MAX / (classes * clients);
        for (size_t draw = 0; draw < draws_max && status != FEDL_OK; draw++) {
            if (draw_quota(cfg, &rng, counts, share, quota, counts + classes)) {
                deal(client_of_row, cfg, quota, scratch);
                status = FEDL_OK;
            }
        }
    }
    free(counts);
    free(quota);
    free(scratch);
    free(share);
    return status;
}

/* Sizes differ by one row at most. */
static void deal_iid(uint32_t *client_of_row, const fedl_sim_partition_config *cfg)
{
    const uint32_t seed = fedli_mix32(cfg->seed);
    for (uint32_t at = 0; at < cfg->row_count; at++) {
        client_of_row[fedli_shuffle_at(seed, at, cfg->row_count)] =
            (uint32_t)((uint64_t)at * cfg->client_count / cfg->row_count);
    }
}

static fedl_status check_config(const fedl_sim_partition_config *cfg)
{
    if (cfg->client_count == 0 || cfg->row_count == 0 || cfg->row_count >= (1u << 30) ||
        !(cfg->alpha >= 0.0)) {
        return FEDL_ERR_RANGE;
    }
    if ((uint64_t)cfg->client_count * cfg->rows_min > cfg->row_count) {
        return FEDL_ERR_FULL;
    }
    if (cfg->alpha > 0.0) {
        if (cfg->classes == NULL || cfg->class_count == 0) {
            return FEDL_ERR_UNSUPPORTED;
        }
        for (uint32_t row = 0; row < cfg->row_count; row++) {
            if (cfg->classes[row] < 0 || (uint32_t)cfg->classes[row] >= cfg->class_count) {
                return FEDL_ERR_RANGE;
            }
        }
    }
    return FEDL_OK;
}

fedl_status fedl_sim_partition_make(fedl_partition *partition, const fedl_sim_partition_config *cfg)
{
    fedl_status status = check_config(cfg);
    if (status != FEDL_OK) {
        return status;
    }
    uint32_t *client_of_row = calloc(cfg->row_count, sizeof *client_of_row);
    if (client_of_row == NULL) {
        return FEDL_ERR_NO_MEMORY;
    }
    if (cfg->alpha > 0.0) {
        status = deal_dirichlet(client_of_row, cfg);
    } else {
        deal_iid(client_of_row, cfg);
    }
    if (status == FEDL_OK) {
        status = fedl_partition_make(partition, client_of_row, cfg->row_count, cfg->client_count);
    }
    free(client_of_row);
    return status;
}
