/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka wants these four headers first, in this order. */
#ifndef FEDL_TESTS_CMOCKA_ALL_H
#define FEDL_TESTS_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
