# SPDX-License-Identifier: Apache-2.0
# The four shapes a target can have here. Each keeps one line per target in the folders' CMakeLists.

# fedl_library(NAME SOURCES … [PUBLIC lib…] [PRIVATE lib…] [HOST]): HOST = may see POSIX.
function(fedl_library NAME)
  cmake_parse_arguments(A "HOST" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(${NAME} STATIC ${A_SOURCES})
  target_link_libraries(${NAME} PUBLIC fedl_includes ${A_PUBLIC} PRIVATE fedl_flags ${A_PRIVATE})
  if(A_HOST)
    target_compile_definitions(${NAME} PRIVATE _GNU_SOURCE)
  endif()
endfunction()

# fedl_program(NAME SOURCES … LINK …): an executable in bin/.
function(fedl_program NAME)
  cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${NAME} ${A_SOURCES})
  target_compile_definitions(${NAME} PRIVATE _GNU_SOURCE)
  target_link_libraries(${NAME} PRIVATE fedl_includes fedl_flags ${A_LINK})
  set_target_properties(${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  install(TARGETS ${NAME} RUNTIME)
endfunction()

# fedl_test(NAME SOURCES … LINK … [LABELS …] [TIMEOUT s]): a cmocka test program, run by ctest.
function(fedl_test NAME)
  cmake_parse_arguments(A "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT A_SOURCES)
    set(A_SOURCES ${NAME}.c)
  endif()
  if(NOT A_TIMEOUT)
    set(A_TIMEOUT 120)
  endif()
  add_executable(${NAME} ${A_SOURCES})
  target_compile_definitions(${NAME} PRIVATE _GNU_SOURCE
    FEDL_SOURCE_DIR="${PROJECT_SOURCE_DIR}" FEDL_BINARY_DIR="${CMAKE_BINARY_DIR}")
  target_include_directories(${NAME} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(${NAME} PRIVATE fedl_includes fedl_flags ${A_LINK} fedl_cmocka)
  set_target_properties(${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${NAME} COMMAND ${NAME})
  set_tests_properties(${NAME} PROPERTIES LABELS "${A_LABELS}" TIMEOUT ${A_TIMEOUT})
endfunction()

# fedl_bench(NAME SOURCES … LINK …): a benchmark in bench/.
function(fedl_bench NAME)
  cmake_parse_arguments(A "" "" "SOURCES;LINK" ${ARGN})
  if(NOT A_SOURCES)
    set(A_SOURCES ${NAME}.c)
  endif()
  add_executable(${NAME} ${A_SOURCES})
  target_compile_definitions(${NAME} PRIVATE _GNU_SOURCE)
  target_link_libraries(${NAME} PRIVATE fedl_includes fedl_flags ${A_LINK})
  set_target_properties(${NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
endfunction()
