# SPDX-License-Identifier: Apache-2.0
# The mask generator depends on nothing, so it is part of the core. A build that takes the portable
# files alone, without these definitions, is complete.
list(APPEND FEDL_CORE_SOURCES
  secagg/mask.c secagg/prg.c secagg/prg_lanes.c secagg/prg_portable.c)

# The processor that the compiler builds for, which also holds for cross compilers.
include(CheckCSourceCompiles)
check_c_source_compiles("#ifndef __x86_64__\n#error no\n#endif\nint main(void) { return 0; }" FEDL_TARGET_X86_64)
check_c_source_compiles("#if !defined(__aarch64__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__\n#error no\n#endif\nint main(void) { return 0; }" FEDL_TARGET_AARCH64)
if(FEDL_TARGET_X86_64)
  list(APPEND FEDL_CORE_SOURCES secagg/prg_avx2.c secagg/prg_avx512.c)
  set_source_files_properties(secagg/prg.c PROPERTIES COMPILE_DEFINITIONS FEDLI_PRG_HAS_X86)
  set_source_files_properties(secagg/prg_avx2.c PROPERTIES COMPILE_OPTIONS -mavx2)
  set_source_files_properties(secagg/prg_avx512.c PROPERTIES COMPILE_OPTIONS "-mavx512f;-mavx512bw")
elseif(FEDL_TARGET_AARCH64)
  list(APPEND FEDL_CORE_SOURCES secagg/prg_neon.c)
  set_source_files_properties(secagg/prg.c PROPERTIES COMPILE_DEFINITIONS FEDLI_PRG_HAS_NEON)
endif()
