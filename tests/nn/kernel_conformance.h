/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance suite of kernel tables: every backend must return the exact integers that
 * docs/numerics.md defines, at every shape and at the extremes of every operand. A new backend adds
 * one test program that calls these with its table.
 */
#ifndef FEDL_TESTS_KERNEL_CONFORMANCE_H
#define FEDL_TESTS_KERNEL_CONFORMANCE_H

#include "nn/kernels.h"

/** All three functions against naive 64-bit loops; cmocka assertions. */
void conformance_forward(const fedli_kernels *kernels);
void conformance_data_gradient(const fedli_kernels *kernels);
void conformance_update(const fedli_kernels *kernels);

#endif
