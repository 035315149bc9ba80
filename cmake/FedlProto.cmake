# SPDX-License-Identifier: Apache-2.0
# protoc-c turns proto/fedl/v1/fedl.proto into C, in the build tree. The result is an object library
# of its own because generated code is compiled without our warnings. Its header is put on the
# include path of single sources (fedl_proto_user), so that no other folder can reach it.
set(FEDL_PROTO_DIR ${CMAKE_BINARY_DIR}/proto)
set(_proto_c ${FEDL_PROTO_DIR}/fedl/v1/fedl.pb-c.c)
set(_proto_h ${FEDL_PROTO_DIR}/fedl/v1/fedl.pb-c.h)
file(MAKE_DIRECTORY ${FEDL_PROTO_DIR})
add_custom_command(
  OUTPUT ${_proto_c} ${_proto_h}
  COMMAND ${PROTOC_C} --proto_path=${PROJECT_SOURCE_DIR}/proto --c_out=${FEDL_PROTO_DIR}
          fedl/v1/fedl.proto
  DEPENDS ${PROJECT_SOURCE_DIR}/proto/fedl/v1/fedl.proto
  COMMENT "protoc-c fedl/v1/fedl.proto"
  VERBATIM)

add_library(fedl_proto OBJECT ${_proto_c} ${_proto_h})
target_include_directories(fedl_proto PRIVATE ${FEDL_PROTO_DIR})
target_link_libraries(fedl_proto PRIVATE PkgConfig::PROTOBUF_C)
target_compile_options(fedl_proto PRIVATE -w)
# Its assertions guard functions that nobody calls, and would need an __assert_fail on firmware.
target_compile_definitions(fedl_proto PRIVATE NDEBUG)

# fedl_proto_user(SOURCE…): these sources may include "fedl/v1/fedl.pb-c.h".
function(fedl_proto_user)
  set_source_files_properties(${ARGN} PROPERTIES INCLUDE_DIRECTORIES ${FEDL_PROTO_DIR})
endfunction()
