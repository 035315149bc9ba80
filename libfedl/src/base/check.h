/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks that stay on in every build. A failing check means a defect in fedl or a broken contract
 * of its host, never bad input: bad input gets a status. The core has no stdio, so the check traps;
 * a debugger or the fault handler of the firmware shows where.
 */
#ifndef FEDL_BASE_CHECK_H
#define FEDL_BASE_CHECK_H

#define FEDLI_CHECK(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            __builtin_trap();                                                                      \
        }                                                                                          \
    } while (0)

#endif
