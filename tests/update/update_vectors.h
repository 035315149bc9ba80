/* SPDX-License-Identifier: Apache-2.0 */
/* Written by update_vectors.py; do not edit. */
#ifndef FEDL_TESTS_UPDATE_VECTORS_H
#define FEDL_TESTS_UPDATE_VECTORS_H

#include "fedl/update.h"

typedef struct update_vector {
    int8_t exps[2];
    uint32_t spread;
    fedl_update_config config;
    fedl_train_seed seed;
    uint32_t row_count;
    bool truncate;
    const char *hex;
} update_vector;

static const update_vector update_vectors[] = {
    {.exps = {-14, -13},
     .spread = 500,
     .config = {65536u, -12, 16, 10, 20, 8, false, 0, 0, 0, 0},
     .seed = {1u, 2u, 3u},
     .row_count = 100,
     .truncate = false,
     .hex = "130179ffbcfd39fe9a014cff4001710261feea01f8fd6801370079ff9100fbff"
            "fefca000b6fe1bfebefbe5fce2ffa6048dff74ff000000000000000000000000"
            "05000000000000006400000000000000e8030000000000001400000000000000"
            "0a00000000000000b80b00000000000000000000000000000000000000000000"},
    {.exps = {-14, -13},
     .spread = 500,
     .config = {5000u, -12, 24, 10, 20, 8, false, 0, 0, 0, 0},
     .seed = {1u, 2u, 4294967295u},
     .row_count = 100,
     .truncate = true,
     .hex = "a50000abffff9dfeffe8fefffa000092ffffc3000081010001ffff2c0100c0fe"
            "ffdc00001e0000b0ffff550000fbffff2afeff5f000033ffffd9feff62fdff16"
            "feffecffffda0200baffffabffff000000000000000000000000000000000000"
            "0000000000000000000000000000000000000000000000000000000000000000"
            "05000000000000006400000000000000e8030000000000001400000000000000"
            "0a00000000000000b80b00000000000000000000000000000100000000000000"},
    {.exps = {-14, -13},
     .spread = 500,
     .config = {4000u, -8, 8, 10, 20, 1, false, 0, 0, 0, 0},
     .seed = {1u, 2u, 5u},
     .row_count = 7,
     .truncate = true,
     .hex = "0100fdfe02ff0103fe03fd0200000000fc00fefefafc00070000000000000000"
            "0000000000000000000000000000000000000000000000000000000000000000"
            "01000000000000000700000000000000e8030000000000001400000000000000"
            "0a00000000000000b80b00000000000000000000000000000100000000000000"},
    {.exps = {-14, -13},
     .spread = 40000,
     .config = {4294967295u, -20, 32, 10, 0, 8, false, 0, 0, 0, 0},
     .seed = {4294967295u, 2u, 3u},
     .row_count = 100,
     .truncate = false,
     .hex = "00df070080b9e4ffc07c0a004041dcff00240200400b14008020e8ff00430600"
            "00cbe8ffc06b0c000061040040c70b00800ffaff40c60300d0b7020010ce0600"
            "803be5ff80a6e7ff809ae4ff00b3f0ff8085000080a9cdff0016f6ff00fd2700"
            "5070ffff00e40000000000000000000000000000000000000000000000000000"
            "01000000000000006400000000000000e8030000000000001400000000000000"
            "0a00000000000000b80b00000000000000000000000000000000000000000000"},
    {.exps = {-15, -8},
     .spread = 60000,
     .config = {1073741824u, -16, 16, 10, 20, 8, false, 0, 0, 0, 0},
     .seed = {1u, 2u, 3u},
     .row_count = 1000,
     .truncate = false,
     .hex = "c80cc80cc80cc80c38f3c80cc80c38f338f338f338f338f338f3c80c38f3c80c"
            "c80cc80cc80c38f338f3c80c38f3c80c38f338f3000000000000000000000000"
            "0800000000000000e803000000000000e8030000000000001400000000000000"
            "0a00000000000000b80b0000000000001a000000000000000000000000000000"},
    {.exps = {-9, -11},
     .spread = 30000,
     .config = {33554432u, -4, 16, 1, 20, 8, false, 0, 0, 0, 0},
     .seed = {1u, 4294967295u, 3u},
     .row_count = 100,
     .truncate = false,
     .hex = "1c0233047d05faf1c70bef0bfffb29f031f7eef30a0f3df0e7ff14001e00e7ff"
            "e80396fb7300a8fd5b0486016bfed40305001900000000000000000000000000"
            "05000000000000006400000000000000e8030000000000001400000000000000"
            "0a00000000000000b80b00000000000000000000000000000000000000000000"},
};

#endif
