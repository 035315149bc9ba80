/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of the real fedl-server under real fedl-client processes: peak resident set over runs with
 * different numbers of clients and parameters, and the fit  RSS = base + a·clients + c·parameters.
 *
 *   bench_server [--plain] [--bits B] [--clients N] [--quick] [--json FILE]
 *
 * Every run is a fresh server home, n enrolments, n running clients and two rounds with all of
 * them, masked unless told otherwise. The clients hold two rows each: what is measured is the
 * server.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define INPUTS      999u
#define RUNS_MAX    9u
#define CLIENTS_MAX 500u
#define URL_BYTES   64u

extern char **environ;

typedef struct run {
    const char *mode;
    uint32_t ring_bits;
    uint32_t clients;
    uint32_t parameters;
    double rss_bytes;
    double peak_bytes;
} run;

static char bin[512];
static char box[64] = "/tmp/fedl-bench-XXXXXX";
static pid_t server_pid;
static pid_t client_pids[CLIENTS_MAX];
static uint32_t client_count;

static void stop_all(void)
{
    for (uint32_t i = 0; i < client_count; i++) {
        (void)kill(client_pids[i], SIGKILL);
        (void)waitpid(client_pids[i], NULL, 0);
    }
    client_count = 0;
    if (server_pid > 0) {
        (void)kill(server_pid, SIGTERM);
        (void)waitpid(server_pid, NULL, 0);
        server_pid = 0;
    }
}

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "bench_server: %s (files are left in %s)\n", what, box);
    stop_all();
    exit(1);
}

/* Starts bin/argv[0]; standard output and error go to log when it is given. */
static pid_t start(const char *log, char *const argv[])
{
    char path[640];
    pid_t pid;
    posix_spawn_file_actions_t actions;
    (void)snprintf(path, sizeof path, "%s/%s", bin, argv[0]);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_addopen(&actions, 1, log != NULL ? log : "/dev/null",
                                           O_WRONLY | O_CREAT | O_APPEND, 0600);
    (void)posix_spawn_file_actions_adddup2(&actions, 1, 2);
    if (posix_spawn(&pid, path, &actions, NULL, argv, environ) != 0) {
        fail(path);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return pid;
}

static void must_run(char *const argv[])
{
    char log[128];
    int status = 0;
    (void)snprintf(log, sizeof log, "%s/log", box);
    const pid_t pid = start(log, argv);
    if (waitpid(pid, &status, 0) != pid || status != 0) {
        fail(argv[0]);
    }
}

/* Runs a command and gives back the first line that it prints. */
__attribute__((format(printf, 3, 4))) static void ask(char *line, size_t size, const char *format,
                                                      ...)
{
    char command[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(command, sizeof command, format, arguments);
    va_end(arguments);
    FILE *pipe = popen(command, "r");
    if (pipe == NULL || fgets(line, (int)size, pipe) == NULL || pclose(pipe) != 0) {
        fail(command);
    }
}

static void text_in(char *out, size_t size, const char *json, const char *key)
{
    char pattern[64];
    (void)snprintf(pattern, sizeof pattern, "\"%s\":\"", key);
    const char *at = strstr(json, pattern);
    const char *end = at == NULL ? NULL : strchr(at + strlen(pattern), '"');
    if (end == NULL || (size_t)(end - at) - strlen(pattern) >= size) {
        fail(json);
    }
    at += strlen(pattern);
    memcpy(out, at, (size_t)(end - at));
    out[end - at] = '\0';
}

static void write_file(const char *path, const void *data, size_t size)
{
    FILE *f = fopen(path, "wb");
    if (f == NULL || fwrite(data, 1, size, f) != size || fclose(f) != 0) {
        fail(path);
    }
}

/* Two rows of 999 pixels: the clients have something to train on, no more. */
static void write_data(void)
{
    static uint8_t images[16 + 2 * INPUTS] = {0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 3, 0xe7};
    static const uint8_t labels[10] = {0, 0, 8, 1, 0, 0, 0, 2, 0, 1};
    char path[128];
    for (size_t i = 16; i < sizeof images; i++) {
        images[i] = (uint8_t)(i * 37u);
    }
    (void)snprintf(path, sizeof path, "%s/images", box);
    write_file(path, images, sizeof images);
    (void)snprintf(path, sizeof path, "%s/labels", box);
    write_file(path, labels, sizeof labels);
}

static void write_plan(const run *r)
{
    char path[128];
    char text[1024];
    const int size = snprintf(
        text, sizeof text,
        "[task]\nname = bench\n[model]\ninputs = %u\nlayers = dense %u\nloss = softmax\n"
        "[train]\nepochs = 1\nbatch = 1\nlr = 0.01\nseed = 1\n"
        "[round]\nrounds = 2\nclients = %u\nmin_reports = %u\nselect = %u\npool = %u\n"
        "deadline = 10m\nattempts = 3\nretry = 1s\n"
        "[aggregation]\nmode = %s\nclip = 1\nring_bits = %u\nclients_max = %u\nw_max = 1\n%s"
        "[data]\nformat = idx\n[eval]\nholdout = 0%%\n",
        INPUTS, r->parameters / (INPUTS + 1u), r->clients, (r->clients + 1u) / 2u, r->clients,
        r->clients, r->mode, r->ring_bits, r->clients,
        strcmp(r->mode, "plain") == 0 ? "" : "step_timeout = 2m\n");
    (void)snprintf(path, sizeof path, "%s/plan.ini", box);
    write_file(path, text, (size_t)size);
}

static double proc_bytes(const char *key)
{
    char path[64];
    char line[256];
    double kib = -1;
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)server_pid);
    FILE *f = fopen(path, "r");
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, key, strlen(key)) == 0) {
            kib = strtod(line + strlen(key) + 1, NULL);
        }
    }
    if (f == NULL || fclose(f) != 0 || kib < 0) {
        fail("the server's /proc entry can't be read");
    }
    return kib * 1024;
}

/* Whether the server listens there: its socket is in the folder a moment earlier. */
static bool can_connect(const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%.100s", path);
    const bool good =
        fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    return good;
}

static void start_server(char *home, size_t size, uint32_t index, char *url)
{
    char log[128];
    char line[1024];
    (void)snprintf(home, size, "%s/srv%u", box, index);
    must_run(
        (char *[]){"fedl-server", "init", "--home", home, "--listen", "tcp://127.0.0.1:0", NULL});
    (void)snprintf(log, sizeof log, "%s/server.log", box);
    server_pid = start(log, (char *[]){"fedl-server", "run", "--home", home, NULL});
    (void)snprintf(line, sizeof line, "%s/admin.sock", home);
    while (!can_connect(line)) {
        if (waitpid(server_pid, NULL, WNOHANG) != 0) {
            server_pid = 0;
            fail("the server ended at its start; see server.log");
        }
        (void)usleep(1000);
    }
    /* Port 0 took a free one: the server says which. */
    ask(line, sizeof line, "%s/fedl --home %s --json status", bin, home);
    text_in(url, URL_BYTES, line, "listen");
}

static void start_clients(const run *r, const char *home, uint32_t index, char *url)
{
    char line[2048];
    char token[128];
    char images[128];
    char labels[128];
    (void)snprintf(images, sizeof images, "%s/images", box);
    (void)snprintf(labels, sizeof labels, "%s/labels", box);
    for (uint32_t i = 0; i < r->clients; i++) {
        char client_home[128];
        (void)snprintf(client_home, sizeof client_home, "%s/c%u-%u", box, index, i);
        ask(line, sizeof line, "%s/fedl --home %s --json device add c%u", bin, home, i);
        text_in(token, sizeof token, line, "token");
        must_run((char *[]){"fedl-client", "join", url, "--token", token, "--home", client_home,
                            "--allow-plain", NULL});
        client_pids[client_count++] =
            start(NULL, (char *[]){"fedl-client", "run", "--home", client_home, "--images", images,
                                   "--labels", labels, NULL});
    }
}

static void measure(run *r, uint32_t index)
{
    char home[128];
    char plan[128];
    char url[URL_BYTES];
    char line[1024];
    write_plan(r);
    (void)snprintf(plan, sizeof plan, "%s/plan.ini", box);
    start_server(home, sizeof home, index, url);
    must_run((char *[]){"fedl", "--home", home, "task", "add", plan, NULL});
    start_clients(r, home, index, url);
    ask(line, sizeof line, "%s/fedl --home %s --json task watch | tail -n 1", bin, home);
    if (strstr(line, "complete") == NULL) {
        fail(line);
    }
    r->rss_bytes = proc_bytes("VmRSS");
    r->peak_bytes = proc_bytes("VmHWM");
    stop_all();
    printf("%8s %5u %8u %11u %11.1f MB %11.1f MB\n", r->mode, r->ring_bits, r->clients,
           r->parameters, r->rss_bytes / 1e6, r->peak_bytes / 1e6);
    (void)fflush(stdout);
}

/* Least squares for peak = x0 + x1·clients + x2·parameters by the normal equations. */
static void fit(double x[3], const run *runs, size_t count)
{
    double m[3][4] = {{0}};
    for (size_t i = 0; i < count; i++) {
        const double row[4] = {1, runs[i].clients, runs[i].parameters, runs[i].peak_bytes};
        for (size_t a = 0; a < 3; a++) {
            for (size_t b = 0; b < 4; b++) {
                m[a][b] += row[a] * row[b];
            }
        }
    }
    for (size_t p = 0; p < 3; p++) {
        for (size_t a = 0; a < 3; a++) {
            const double f = a == p ? 0 : m[a][p] / m[p][p];
            for (size_t b = 0; b < 4; b++) {
                m[a][b] -= f * m[p][b];
            }
        }
    }
    for (size_t p = 0; p < 3; p++) {
        x[p] = m[p][3] / m[p][p];
    }
}

typedef struct options {
    bool quick;
    const char *mode;
    uint32_t ring_bits;
    uint32_t clients; /* 0 = 10, 100 and 500 */
    FILE *json;
} options;

static bool read_options(options *o, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            o->quick = true;
        } else if (strcmp(argv[i], "--plain") == 0) {
            o->mode = "plain";
        } else if (strcmp(argv[i], "--bits") == 0 && i + 1 < argc) {
            o->ring_bits = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--clients") == 0 && i + 1 < argc) {
            o->clients = (uint32_t)strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc) {
            o->json = fopen(argv[++i], "w");
            if (o->json == NULL) {
                perror(argv[i]);
                return false;
            }
        } else {
            return false;
        }
    }
    return o->clients <= CLIENTS_MAX;
}

static void write_run(FILE *json, const run *r)
{
    if (json != NULL) {
        fprintf(json,
                "{\"mode\": \"%s\", \"b\": %u, \"clients\": %u, \"parameters\": %u, "
                "\"rss_bytes\": %.0f, \"peak_rss_bytes\": %.0f}\n",
                r->mode, r->ring_bits, r->clients, r->parameters, r->rss_bytes, r->peak_bytes);
        (void)fflush(json);
    }
}

static void write_fit(FILE *json, const run *runs)
{
    double x[3];
    fit(x, runs, RUNS_MAX);
    printf("peak RSS = %.1f MB + %.1f kB/client + %.2f B/parameter   (limits: 32 kB, 10 B)\n",
           x[0] / 1e6, x[1] / 1e3, x[2]);
    if (json != NULL) {
        fprintf(
            json,
            "{\"base_bytes\": %.0f, \"bytes_per_client\": %.1f, \"bytes_per_parameter\": %.3f}\n",
            x[0], x[1], x[2]);
    }
}

int main(int argc, char **argv)
{
    options o = {.mode = "masked", .ring_bits = 16};
    if (!read_options(&o, argc, argv)) {
        fprintf(stderr, "usage: bench_server [--plain] [--bits B] [--clients N] [--quick] "
                        "[--json FILE]\n");
        return 2;
    }
    const ssize_t length = readlink("/proc/self/exe", bin, sizeof bin - 8);
    char *slash = length > 0 ? strrchr(bin, '/') : NULL;
    if (slash == NULL || mkdtemp(box) == NULL) {
        perror("bench_server");
        return 1;
    }
    (void)strcpy(slash, "/../bin");
    write_data();
    const uint32_t clients[3] = {10, o.quick ? 20 : 100, o.quick ? 40 : 500};
    const uint32_t parameters[3] = {10000, 100000, 1000000};
    run runs[RUNS_MAX];
    const uint32_t count = o.clients != 0 ? 3u : RUNS_MAX;
    printf("%8s %5s %8s %11s %14s %14s\n", "mode", "bits", "clients", "parameters", "RSS at end",
           "peak RSS");
    for (uint32_t i = 0; i < count; i++) {
        runs[i] = (run){.mode = o.mode,
                        .ring_bits = o.ring_bits,
                        .clients = o.clients != 0 ? o.clients : clients[i / 3],
                        .parameters = parameters[i % 3]};
        measure(&runs[i], i);
        write_run(o.json, &runs[i]);
    }
    if (count == RUNS_MAX) { /* one number of clients has no slope */
        write_fit(o.json, runs);
    }
    if (o.json != NULL) {
        (void)fclose(o.json);
    }
    char command[128];
    (void)snprintf(command, sizeof command, "rm -rf '%s'", box);
    return system(command) == 0 ? 0 : 1;
}
