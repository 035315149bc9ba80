# SPDX-License-Identifier: Apache-2.0
list(APPEND FEDL_CLIENT_SOURCES
  secagg/binding.c
  secagg/epoch.c
  secagg/graph.c
  secagg/helper.c
  secagg/item.c
  secagg/pair.c
  secagg/params.c
  secagg/params_table.c
  secagg/refusal.c
  secagg/shamir.c
  secagg/share.c
  secagg/share_seedbox.c)
