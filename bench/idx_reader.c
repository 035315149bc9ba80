/* SPDX-License-Identifier: Apache-2.0 */
#include "idx_reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIXELS_MAX 65536u

static bool read_be32(FILE *file, uint32_t *value)
{
    uint8_t b[4];
    if (fread(b, 1, sizeof b, file) != sizeof b) {
        return false;
    }
    *value = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return true;
}

/* Reads up to rows_max items of an IDX file of unsigned bytes; NULL when it is not one. */
static uint8_t *read_items(const char *path, uint32_t dimensions, uint32_t rows_max,
                           uint32_t *row_count, uint32_t *item_bytes)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    uint32_t magic = 0;
    bool sound =
        read_be32(file, &magic) && magic == (0x800u | dimensions) && read_be32(file, row_count);
    *item_bytes = 1;
    for (uint32_t i = 1; sound && i < dimensions; i++) {
        uint32_t side = 0;
        sound = read_be32(file, &side) && side >= 1 && side <= PIXELS_MAX / *item_bytes;
        *item_bytes *= sound ? side : 1;
    }
    uint8_t *items = NULL;
    if (sound) {
        *row_count = *row_count < rows_max ? *row_count : rows_max;
        const size_t size = (size_t)*row_count * *item_bytes;
        items = malloc(size + 1);
        if (items != NULL && fread(items, 1, size, file) != size) {
            free(items);
            items = NULL;
        }
    }
    (void)fclose(file);
    return items;
}

bool idx_set_open(idx_set *set, const char *dir, const char *prefix, uint32_t rows_max)
{
    char path[1024];
    uint32_t label_count = 0;
    uint32_t label_bytes = 0;
    memset(set, 0, sizeof *set);
    (void)snprintf(path, sizeof path, "%s/%s-images-idx3-ubyte", dir, prefix);
    set->pixels = read_items(path, 3, rows_max, &set->row_count, &set->pixel_count);
    (void)snprintf(path, sizeof path, "%s/%s-labels-idx1-ubyte", dir, prefix);
    set->labels = read_items(path, 1, rows_max, &label_count, &label_bytes);
    if (set->pixels == NULL || set->labels == NULL || label_count != set->row_count) {
        idx_set_close(set);
        return false;
    }
    return true;
}

void idx_set_close(idx_set *set)
{
    free(set->pixels);
    free(set->labels);
    memset(set, 0, sizeof *set);
}
