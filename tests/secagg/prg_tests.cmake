# SPDX-License-Identifier: Apache-2.0
# The mask generator belongs to the core: these tests also run where the host libraries are missing.
# There the reference is the portable backend (which test_prg holds against RFC 8439), else libsodium.
set(_sources secagg/prg_conformance.c)
set(_link fedl_core)
if(FEDL_HOST)
  list(APPEND _sources secagg/prg_reference_sodium.c)
  list(APPEND _link PkgConfig::SODIUM)
else()
  list(APPEND _sources secagg/prg_reference_core.c)
endif()
fedl_test(test_prg SOURCES secagg/test_prg.c ${_sources} LINK ${_link})
fedl_test(test_mask SOURCES secagg/test_mask.c ${_sources} LINK ${_link})
