# SPDX-License-Identifier: Apache-2.0
# Every build option of fedl, on one page.

option(FEDL_HOST "Build the shells: fedl-server, fedl-client, fedl-sim, fedl (needs the host libraries)" ON)
option(FEDL_TESTS "Build the tests (needs cmocka)" ON)
option(FEDL_BENCH "Build the benchmarks (needs FEDL_HOST)" ON)
option(FEDL_WERROR "Treat compiler warnings as errors" OFF)
set(FEDL_SANITIZE "" CACHE STRING "Sanitizers for -fsanitize=, e.g. address,undefined or thread")
