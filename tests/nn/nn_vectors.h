/* SPDX-License-Identifier: Apache-2.0 */
/* Written by nn_vectors.py, an independent implementation of docs/numerics.md. */
#ifndef FEDL_TESTS_NN_VECTORS_H
#define FEDL_TESTS_NN_VECTORS_H

/* clang-format off */
static const nn_vector nn_vectors[] = {
    {"softmax",
     {12, -6, FEDL_LOSS_SOFTMAX_CE, 3, {{FEDL_LAYER_DENSE, 9, -14}, {FEDL_LAYER_RELU, 0, 0}, {FEDL_LAYER_DENSE, 3, -13}}},
     10, {6, 4, 1677722, 0}, {1, 2, 3},
     UINT64_C(0x00978716603c2035), UINT64_C(0x9fb249190747dd22), 308004, 2646, 0},
    {"softmax, batch 1",
     {12, -7, FEDL_LOSS_SOFTMAX_CE, 3, {{FEDL_LAYER_DENSE, 9, -14}, {FEDL_LAYER_RELU, 0, 0}, {FEDL_LAYER_DENSE, 3, -13}}},
     7, {4, 1, 167772, 0}, {9, 0, 77},
     UINT64_C(0x46ba508dc220a6d6), UINT64_C(0x955b0c1bac8c5ee2), 512103, 4116, 0},
    {"softmax, FedProx",
     {12, -6, FEDL_LOSS_SOFTMAX_CE, 3, {{FEDL_LAYER_DENSE, 9, -15}, {FEDL_LAYER_RELU, 0, 0}, {FEDL_LAYER_DENSE, 4, -12}}},
     11, {5, 4, 1677722, 65536}, {1, 2, 4},
     UINT64_C(0xc6aad4425ec79ddf), UINT64_C(0x872baab9bf2e02b8), 902881, 2355, 0},
    {"mse",
     {6, -7, FEDL_LOSS_MSE, 1, {{FEDL_LAYER_DENSE, 2, -13}}},
     9, {8, 4, 838861, 0}, {4, 4, 4},
     UINT64_C(0xbf34260d6d3e66d7), UINT64_C(0x543cd01808cd6435), 351764, 336, 0},
    {"mse, autoencoder",
     {8, -7, FEDL_LOSS_MSE, 6, {{FEDL_LAYER_DENSE, 6, -14}, {FEDL_LAYER_RELU, 0, 0}, {FEDL_LAYER_DENSE, 2, -14}, {FEDL_LAYER_DENSE, 6, -14}, {FEDL_LAYER_RELU, 0, 0}, {FEDL_LAYER_DENSE, 8, -13}}},
     13, {6, 5, 838861, 0}, {8, 7, 6},
     UINT64_C(0xe04402b271fd617c), UINT64_C(0xccf0b6b8d9e43cee), 1930777, 2470, 0},
    {"mse, FedProx, coarse input",
     {6, 0, FEDL_LOSS_MSE, 3, {{FEDL_LAYER_DENSE, 5, -10}, {FEDL_LAYER_RELU, 0, 0}, {FEDL_LAYER_DENSE, 2, -13}}},
     9, {3, 3, 17, 6553600}, {4, 5, 6},
     UINT64_C(0x855f650290ac1af8), UINT64_C(0x9e7a18d1bdfa22cb), 5164397600, 423, 0},
    {"chunked sums",
     {600, -7, FEDL_LOSS_SOFTMAX_CE, 5, {{FEDL_LAYER_DENSE, 150, -14}, {FEDL_LAYER_RELU, 0, 0}, {FEDL_LAYER_DENSE, 140, -14}, {FEDL_LAYER_RELU, 0, 0}, {FEDL_LAYER_DENSE, 4, -13}}},
     7, {2, 4, 838861, 0}, {3, 2, 1},
     UINT64_C(0x1d6c91a08e31501a), UINT64_C(0xa429920b295b79f0), 52653, 447416, 0},
    {"saturating",
     {12, -4, FEDL_LOSS_SOFTMAX_CE, 3, {{FEDL_LAYER_DENSE, 9, -12}, {FEDL_LAYER_RELU, 0, 0}, {FEDL_LAYER_DENSE, 3, -12}}},
     40, {4, 4, 4194304, 0}, {1, 2, 3},
     UINT64_C(0x2ea37b3af0a3ab23), UINT64_C(0x779d6a05dade5fe4), 286716494, 5763, 12},
};
/* clang-format on */

#endif
