/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends standard input to a UNIX socket as it is and prints what comes back until the other side
 * has answered `lines` lines or closes.   admin_poke SOCKET LINES
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char buffer[65536];
    ssize_t count = 0;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (argc != 3 || fd < 0) {
        return 2;
    }
    long lines = strtol(argv[2], NULL, 10);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    if (connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        perror(argv[1]);
        return 1;
    }
    while ((count = read(STDIN_FILENO, buffer, sizeof buffer)) > 0) {
        for (ssize_t at = 0; at < count;) {
            ssize_t sent = send(fd, buffer + at, (size_t)(count - at), MSG_NOSIGNAL);
            if (sent <= 0) {
                at = count; /* closed: what it said before is still worth printing */
                break;
            }
            at += sent;
        }
    }
    while (lines > 0 && (count = read(fd, buffer, sizeof buffer)) > 0) {
        for (ssize_t i = 0; i < count; i++) {
            lines -= buffer[i] == '\n' ? 1 : 0;
        }
        (void)fwrite(buffer, 1, (size_t)count, stdout);
    }
    return 0;
}
