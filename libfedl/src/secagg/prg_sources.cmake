# SPDX-License-Identifier: Apache-2.0
# The mask generator depends on nothing, so it is part of the core. A build that takes the portable
# files alone, without these definitions, is complete.
list(APPEND FEDL_CORE_SOURCES
  secagg/mask.c secagg/prg.c secagg/prg_lanes.c secagg/prg_portable.c)
