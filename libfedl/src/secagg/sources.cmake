# SPDX-License-Identifier: Apache-2.0
list(APPEND FEDL_CLIENT_SOURCES
  secagg/refusal.c)
