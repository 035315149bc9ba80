# SPDX-License-Identifier: Apache-2.0
list(APPEND FEDL_CORE_SOURCES
  update/clip.c update/delta.c update/gaussian.c update/pack.c update/privacy.c update/quantise.c
  update/rotate.c update/tensor_walk.c update/update.c update/update_config.c
  update/update_noised.c update/update_stream.c)
