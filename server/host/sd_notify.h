/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part of systemd's notify protocol that a server needs: one datagram to the socket named in
 * NOTIFY_SOCKET. Written by hand (sd_notify(3) describes the format) so that libsystemd is no
 * dependency.
 */
#ifndef FEDL_HOST_SD_NOTIFY_H
#define FEDL_HOST_SD_NOTIFY_H

#include "fedl/status.h"

/**
 * Sends "READY=1", "STOPPING=1" or another state line. No NOTIFY_SOCKET: nothing to do, FEDL_OK.
 * Errors: ERR_RANGE (a name that fits no socket address), ERR_IO.
 */
fedl_status fedl_sd_notify(const char *state);

#endif
