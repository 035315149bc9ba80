# SPDX-License-Identifier: Apache-2.0
list(APPEND FEDL_CORE_SOURCES
  update/clip.c update/delta.c update/pack.c update/quantise.c update/tensor_walk.c
  update/update.c update/update_config.c)
