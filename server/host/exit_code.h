/* SPDX-License-Identifier: Apache-2.0 */
/* How fedl-server and fedl end; the numbers are part of the interface (docs/server.md). */
#ifndef FEDL_HOST_EXIT_CODE_H
#define FEDL_HOST_EXIT_CODE_H

typedef enum fedl_exit {
    FEDL_EXIT_OK = 0,
    FEDL_EXIT_FAILED = 1,     /* anything else */
    FEDL_EXIT_USAGE = 2,      /* command line */
    FEDL_EXIT_CONFIG = 3,     /* fedl.ini or a plan */
    FEDL_EXIT_NO_HOME = 4,    /* not initialised */
    FEDL_EXIT_EXISTS = 5,     /* init: there is one already; add: the name is taken */
    FEDL_EXIT_READ_ONLY = 6,  /* not writable */
    FEDL_EXIT_NO_SPACE = 7,   /* disk full */
    FEDL_EXIT_LISTEN = 8,     /* address in use or not ours */
    FEDL_EXIT_BUSY = 9,       /* another server has the database */
    FEDL_EXIT_DATABASE = 10,  /* damaged, foreign or from a newer fedl */
    FEDL_EXIT_KEYS = 11,      /* key file damaged or readable by others */
    FEDL_EXIT_NO_SERVER = 12, /* fedl: no server answers at the admin socket */
    FEDL_EXIT_NOT_FOUND = 13, /* fedl: no such device, task or version */
    FEDL_EXIT_STATE = 14,     /* fedl: not possible in this state */
} fedl_exit;

#endif
