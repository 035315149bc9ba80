/* SPDX-License-Identifier: Apache-2.0 */
/* The table that people read before they believe a partition. */
#include "sim_partition.h"

#include <stdlib.h>

#define CLIENTS_SHOWN_MAX 20u
#define CLASSES_SHOWN_MAX 12u

static int by_number(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a;
    const uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void print_client(FILE *out, const fedl_partition *partition, uint32_t client,
                         const int32_t *classes, uint32_t class_count)
{
    const uint32_t first = partition->first[client];
    const uint32_t end = partition->first[client + 1];
    fprintf(out, "%8u %8u", client + 1, end - first);
    const uint32_t shown = class_count > CLASSES_SHOWN_MAX ? CLASSES_SHOWN_MAX : class_count;
    for (uint32_t c = 0; classes != NULL && c < shown; c++) {
        uint32_t count = 0;
        for (uint32_t at = first; at < end; at++) {
            count += classes[partition->rows[at]] == (int32_t)c ? 1u : 0u;
        }
        fprintf(out, " %6u", count);
    }
    fprintf(out, "\n");
}

static void print_summary(FILE *out, const fedl_partition *partition)
{
    const uint32_t clients = partition->client_count;
    uint32_t *sizes = calloc(clients, sizeof *sizes);
    if (sizes == NULL) {
        return;
    }
    for (uint32_t i = 0; i < clients; i++) {
        sizes[i] = partition->first[i + 1] - partition->first[i];
    }
    qsort(sizes, clients, sizeof *sizes, by_number);
    fprintf(out, "%u clients, %u rows: smallest %u, median %u, largest %u\n", clients,
            partition->row_count, sizes[0], sizes[clients / 2], sizes[clients - 1]);
    free(sizes);
}

void fedl_sim_partition_print(FILE *out, const fedl_partition *partition, const int32_t *classes,
                              uint32_t class_count)
{
    const uint32_t columns = classes == NULL ? 0 : class_count;
    fprintf(out, "%8s %8s", "client", "rows");
    for (uint32_t c = 0; c < columns && c < CLASSES_SHOWN_MAX; c++) {
        fprintf(out, " %6u", c);
    }
    fprintf(out, "%s\n",
            columns > CLASSES_SHOWN_MAX ? "  … (rows per class)"
            : columns > 0               ? "  (rows per class)"
                                        : "");
    for (uint32_t i = 0; i < partition->client_count && i < CLIENTS_SHOWN_MAX; i++) {
        print_client(out, partition, i, classes, class_count);
    }
    if (partition->client_count > CLIENTS_SHOWN_MAX) {
        fprintf(out, "%8s\n", "…");
    }
    print_summary(out, partition);
}
