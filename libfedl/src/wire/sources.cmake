# SPDX-License-Identifier: Apache-2.0
include(FedlProto)
set(_wire_proto_users
  wire/message.c wire/message_item.c wire/message_join.c wire/message_task.c wire/message_transfer.c)
fedl_proto_user(${_wire_proto_users})
list(APPEND FEDL_CLIENT_SOURCES
  wire/frame.c wire/pb_arena.c wire/pb_scan.c ${_wire_proto_users} $<TARGET_OBJECTS:fedl_proto>)
