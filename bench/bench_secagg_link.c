/* SPDX-License-Identifier: Apache-2.0 */
#include "bench_secagg.h"

#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_FD 3

extern char **environ;

static pid_t server_pid;

void link_write(int fd, const void *data, size_t size)
{
    const uint8_t *at = data;
    while (size > 0) {
        const ssize_t done = write(fd, at, size);
        if (done <= 0) {
            bench_fail("writing to the other process");
        }
        at += done;
        size -= (size_t)done;
    }
}

void link_read(int fd, void *data, size_t size)
{
    uint8_t *at = data;
    while (size > 0) {
        const ssize_t done = read(fd, at, size);
        if (done <= 0) {
            bench_fail("reading from the other process");
        }
        at += done;
        size -= (size_t)done;
    }
}

int link_spawn(void)
{
    int fds[2];
    posix_spawn_file_actions_t actions;
    char *const argv[] = {"bench_secagg", "--server", NULL};
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0 ||
        posix_spawn_file_actions_init(&actions) != 0) {
        bench_fail("socketpair");
    }
    /* A copy loses the mark that closes it, unless it keeps its number. */
    if (fds[1] == CHILD_FD) {
        fds[1] = dup(fds[1]);
    }
    if (posix_spawn_file_actions_adddup2(&actions, fds[1], CHILD_FD) != 0 ||
        posix_spawn(&server_pid, "/proc/self/exe", &actions, NULL, argv, environ) != 0) {
        bench_fail("starting the server's process");
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    (void)close(fds[1]);
    return fds[0];
}

void link_wait(int fd)
{
    int status = 0;
    (void)close(fd);
    if (waitpid(server_pid, &status, 0) != server_pid || status != 0) {
        bench_fail("the server's process");
    }
}

bench_reply link_ask(int fd, const bench_request *request, const void *in, void *out)
{
    bench_reply reply;
    link_write(fd, request, sizeof *request);
    link_write(fd, in, request->size);
    link_read(fd, &reply, sizeof reply);
    if (reply.size > BENCH_PART_BYTES) {
        bench_fail("the reply's size");
    }
    link_read(fd, out, reply.size);
    return reply;
}
