# SPDX-License-Identifier: Apache-2.0
# A device's side of masked attempts, against a server of its own.
fedl_library(fedl_party_world SOURCES party_world.c party_pump.c toy_server.c
  PUBLIC fedl_client fedl_port_sodium PRIVATE fedl_cmocka)
target_include_directories(fedl_party_world PUBLIC ${CMAKE_CURRENT_SOURCE_DIR}
  PRIVATE ${PROJECT_SOURCE_DIR}/tests)
set(_link fedl_party_world fedl_client fedl_port_sodium)
fedl_test(test_party LINK ${_link})
fedl_test(test_party_state LINK ${_link})
fedl_test(test_party_large LINK ${_link} LABELS slow)
fedl_test(test_party_attacks SOURCES test_party_attacks.c party_attack.c LINK ${_link})
fedl_test(test_party_cohort SOURCES test_party_cohort.c party_attack.c LINK ${_link})
fedl_test(test_party_shares SOURCES test_party_shares.c party_attack.c LINK ${_link})
fedl_test(test_observer LINK ${_link} m)
fedl_test(test_party_views LINK ${_link})
fedl_test(test_party_transcripts LINK ${_link})
fedl_test(test_party_rewind LINK fedl_party_world)
fedl_test(test_party_forged LINK ${_link})
fedl_test(test_party_half_read LINK ${_link})
