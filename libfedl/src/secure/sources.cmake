# SPDX-License-Identifier: Apache-2.0
list(APPEND FEDL_CLIENT_SOURCES
  secure/cert.c secure/channel.c secure/digest.c secure/manifest.c secure/noise.c
  secure/noise_symmetric.c secure/token.c)
