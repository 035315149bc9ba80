# SPDX-License-Identifier: Apache-2.0
# A device's side of a masked attempt.
list(APPEND FEDL_CLIENT_SOURCES
  secagg/party.c
  secagg/party_certs.c
  secagg/party_check.c
  secagg/party_confirm.c
  secagg/party_epoch.c
  secagg/party_forward.c
  secagg/party_helper.c
  secagg/party_item.c
  secagg/party_layout.c
  secagg/party_mask.c
  secagg/party_roster.c
  secagg/party_shares.c
  secagg/party_survivors.c)
