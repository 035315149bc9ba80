/* SPDX-License-Identifier: Apache-2.0 */
/* How fedl-server ends; the numbers are part of the interface (docs/server.md). */
#ifndef FEDL_HOST_EXIT_CODE_H
#define FEDL_HOST_EXIT_CODE_H

typedef enum fedl_exit {
    FEDL_EXIT_OK = 0,
    FEDL_EXIT_FAILED = 1,    /* anything else */
    FEDL_EXIT_USAGE = 2,     /* command line */
    FEDL_EXIT_CONFIG = 3,    /* fedl.ini */
    FEDL_EXIT_NO_HOME = 4,   /* not initialised */
    FEDL_EXIT_EXISTS = 5,    /* init: there is one already */
    FEDL_EXIT_READ_ONLY = 6, /* not writable */
    FEDL_EXIT_NO_SPACE = 7,  /* disk full */
    FEDL_EXIT_LISTEN = 8,    /* address in use or not ours */
    FEDL_EXIT_BUSY = 9,      /* another server has the database */
    FEDL_EXIT_DATABASE = 10, /* damaged, foreign or from a newer fedl */
    FEDL_EXIT_KEYS = 11,     /* key file damaged or readable by others */
} fedl_exit;

#endif
