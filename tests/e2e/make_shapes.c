/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes a small data set that can really be learnt: 8×8 images of four classes (horizontal,
 * vertical, diagonal bar, square) with noise, as raw IDX files.
 *
 *   make_shapes IMAGES LABELS COUNT SEED
 */
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>

#define SIDE 8u

static void put_u32_big_endian(FILE *f, uint32_t x)
{
    const uint8_t bytes[4] = {(uint8_t)(x >> 24), (uint8_t)(x >> 16), (uint8_t)(x >> 8),
                              (uint8_t)x};
    (void)fwrite(bytes, 1, sizeof bytes, f);
}

static int is_lit(uint32_t shape, uint32_t x, uint32_t y, uint32_t at)
{
    switch (shape) {
    case 0:
        return y == at;
    case 1:
        return x == at;
    case 2:
        return (x + at) % SIDE == y;
    default:
        return (x == at || x == at + 2) && y >= 2 && y <= 5;
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: make_shapes IMAGES LABELS COUNT SEED\n");
        return 2;
    }
    const uint32_t count = (uint32_t)strtoul(argv[3], NULL, 10);
    FILE *images = fopen(argv[1], "wb");
    FILE *labels = fopen(argv[2], "wb");
    if (images == NULL || labels == NULL) {
        perror("make_shapes");
        return 1;
    }
    fedli_rng rng;
    fedli_rng_init(&rng, strtoull(argv[4], NULL, 10));
    put_u32_big_endian(images, 0x803);
    put_u32_big_endian(images, count);
    put_u32_big_endian(images, SIDE);
    put_u32_big_endian(images, SIDE);
    put_u32_big_endian(labels, 0x801);
    put_u32_big_endian(labels, count);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t shape = fedli_rng_below(&rng, 4);
        const uint32_t at = fedli_rng_below(&rng, SIDE - 2u);
        for (uint32_t p = 0; p < SIDE * SIDE; p++) {
            const uint32_t noise = fedli_rng_below(&rng, 90);
            (void)fputc((int)(is_lit(shape, p % SIDE, p / SIDE, at) ? 255u - noise : noise),
                        images);
        }
        (void)fputc((int)shape, labels);
    }
    if (fclose(images) != 0 || fclose(labels) != 0) {
        perror("make_shapes");
        return 1;
    }
    return 0;
}
