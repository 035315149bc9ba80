/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prints a TCP port of the loopback interface that is free at this moment. Tests start their server
 * again and again on the same port, so it must not be one that the kernel gives to somebody's
 * outgoing connection in between: those begin at 32768 on Linux unless told otherwise. Processes
 * with different ids begin to search at different ports.
 */
#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PORT_FIRST 12000u
#define PORT_COUNT 20000u
#define STRIDE     7919u /* has no divisor in common with PORT_COUNT: no two ids meet */

static bool is_free(unsigned port)
{
    struct sockaddr_in address;
    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons((unsigned short)port);
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    const bool good = fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}

int main(void)
{
    const unsigned start = (unsigned)getpid() % PORT_COUNT * STRIDE;
    for (unsigned i = 0; i < PORT_COUNT; i++) {
        const unsigned port = PORT_FIRST + (start + i) % PORT_COUNT;
        if (is_free(port)) {
            (void)printf("%u\n", port);
            return 0;
        }
    }
    (void)fprintf(stderr, "free_port: none\n");
    return 1;
}
