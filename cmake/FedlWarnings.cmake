# SPDX-License-Identifier: Apache-2.0
# One interface target carries the warnings, the hardening flags and the sanitizers of our own code.
include(CheckCCompilerFlag)

add_library(fedl_flags INTERFACE)
set(_warnings
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes
  -Wswitch-enum -Wvla -Wdouble-promotion -Wformat=2 -Wundef -Wcast-align -Wpointer-arith)
foreach(_flag IN LISTS _warnings)
  string(MAKE_C_IDENTIFIER "FEDL_HAS${_flag}" _var)
  check_c_compiler_flag(${_flag} ${_var})
  if(${_var})
    target_compile_options(fedl_flags INTERFACE ${_flag})
  endif()
endforeach()
if(FEDL_WERROR)
  target_compile_options(fedl_flags INTERFACE -Werror)
endif()

# Fixed point must not depend on the compiler's mood; where float exists it is never contracted.
target_compile_options(fedl_flags INTERFACE -ffp-contract=off -fno-strict-aliasing)

if(FEDL_SANITIZE)
  target_compile_options(fedl_flags INTERFACE -fsanitize=${FEDL_SANITIZE} -fno-omit-frame-pointer
    -fno-sanitize-recover=all)
  target_link_options(fedl_flags INTERFACE -fsanitize=${FEDL_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release" AND FEDL_HOST)
  target_compile_options(fedl_flags INTERFACE -fstack-protector-strong)
  target_compile_definitions(fedl_flags INTERFACE _FORTIFY_SOURCE=2)
  target_link_options(fedl_flags INTERFACE -Wl,-z,relro -Wl,-z,now)
endif()
