/* SPDX-License-Identifier: Apache-2.0 */
#include "agent_home.h"

#include "base/secret.h"
#include "posix/durable_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

agent_exit agent_exit_of(fedl_status status)
{
    if (status == FEDL_OK) {
        return AGENT_EXIT_OK;
    }
    return status == FEDL_ERR_READ_ONLY  ? AGENT_EXIT_READ_ONLY
           : status == FEDL_ERR_NO_SPACE ? AGENT_EXIT_NO_SPACE
                                         : AGENT_EXIT_FAILED;
}

void agent_home_file(const agent_home *home, char out[AGENT_PATH_BYTES], const char *name)
{
    (void)snprintf(out, AGENT_PATH_BYTES, "%s/%s", home->path, name);
}

static agent_exit choose_path(agent_home *home, const char *path, char text[AGENT_TEXT_BYTES])
{
    const char *from_home = getenv("FEDL_CLIENT_HOME");
    const char *user = getenv("HOME");
    int size = 0;
    if (path == NULL && from_home != NULL && from_home[0] != 0) {
        path = from_home;
    }
    if (path != NULL) {
        size = snprintf(home->path, sizeof home->path, "%s", path);
    } else if (user != NULL && user[0] != 0) {
        size = snprintf(home->path, sizeof home->path, "%s/.fedl-client", user);
    } else {
        (void)snprintf(text, AGENT_TEXT_BYTES, "no home folder known: give --home DIR");
        return AGENT_EXIT_USAGE;
    }
    if (size < 0 || (size_t)size >= sizeof home->path) {
        (void)snprintf(text, AGENT_TEXT_BYTES, "the path of the home folder is too long");
        return AGENT_EXIT_USAGE;
    }
    return AGENT_EXIT_OK;
}

static agent_exit take_lock(agent_home *home, char text[AGENT_TEXT_BYTES])
{
    char path[AGENT_PATH_BYTES];
    agent_home_file(home, path, "lock");
    home->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (home->lock_fd < 0) {
        const fedl_status status = fedl_status_of_errno(errno);
        (void)snprintf(text, AGENT_TEXT_BYTES,
                       "%s: %s: make the folder writable for this user, or give another --home",
                       path, strerror(errno));
        return agent_exit_of(status);
    }
    if (flock(home->lock_fd, LOCK_EX | LOCK_NB) != 0) {
        (void)snprintf(text, AGENT_TEXT_BYTES,
                       "%s: another fedl-client is using this home: stop it, or give this device "
                       "its own --home",
                       home->path);
        (void)close(home->lock_fd);
        home->lock_fd = -1;
        return AGENT_EXIT_BUSY;
    }
    return AGENT_EXIT_OK;
}

agent_exit agent_home_open(agent_home *home, const char *path, bool create, bool lock,
                           char text[AGENT_TEXT_BYTES])
{
    struct stat info;
    home->lock_fd = -1;
    agent_exit code = choose_path(home, path, text);
    if (code != AGENT_EXIT_OK) {
        return code;
    }
    if (create && mkdir(home->path, 0700) != 0 && errno != EEXIST) {
        const fedl_status status = fedl_status_of_errno(errno);
        (void)snprintf(text, AGENT_TEXT_BYTES, "%s: can't make the home folder: %s", home->path,
                       strerror(errno));
        return agent_exit_of(status);
    }
    if (stat(home->path, &info) != 0 || !S_ISDIR(info.st_mode)) {
        (void)snprintf(text, AGENT_TEXT_BYTES,
                       "%s: no such folder: join first (fedl-client join HOST:PORT --token TOKEN "
                       "--home %s)",
                       home->path, home->path);
        return AGENT_EXIT_NO_HOME;
    }
    return lock ? take_lock(home, text) : AGENT_EXIT_OK;
}

void agent_home_close(agent_home *home)
{
    if (home->lock_fd >= 0) {
        (void)close(home->lock_fd); /* the lock goes with it */
        home->lock_fd = -1;
    }
}

bool agent_home_joined(const agent_home *home)
{
    char path[AGENT_PATH_BYTES];
    agent_home_file(home, path, "identity");
    return access(path, F_OK) == 0;
}

static agent_exit load_identity(const agent_home *home, fedl_identity *identity,
                                const fedl_crypto *crypto, char text[AGENT_TEXT_BYTES])
{
    char path[AGENT_PATH_BYTES];
    struct stat info;
    uint8_t *bytes = NULL;
    size_t size = 0;
    agent_home_file(home, path, "identity");
    fedl_status status = fedl_file_read(&bytes, &size, path, FEDL_IDENTITY_BYTES);
    if (status == FEDL_ERR_NOT_FOUND) {
        (void)snprintf(text, AGENT_TEXT_BYTES,
                       "%s: this home belongs to no device yet: fedl-client join HOST:PORT --token "
                       "TOKEN --home %s",
                       home->path, home->path);
        return AGENT_EXIT_NO_HOME;
    }
    if (status == FEDL_OK && (stat(path, &info) != 0 || (info.st_mode & 077) != 0)) {
        (void)snprintf(text, AGENT_TEXT_BYTES,
                       "%s: others may read this secret: chmod 600 it, and join anew if somebody "
                       "did",
                       path);
        status = FEDL_ERR_POLICY;
    } else if (status == FEDL_OK) {
        status = fedl_identity_decode(identity, fedl_bytes_of(bytes, size), crypto);
    }
    if (status != FEDL_OK && status != FEDL_ERR_POLICY) {
        (void)snprintf(text, AGENT_TEXT_BYTES,
                       "%s: %s: restore it from a backup, or join anew with a new token", path,
                       fedl_status_text(status));
    }
    if (bytes != NULL) {
        fedli_wipe(bytes, size);
    }
    free(bytes);
    return status == FEDL_OK ? AGENT_EXIT_OK : AGENT_EXIT_KEYS;
}

static agent_exit load_url(const agent_home *home, char url[FEDL_URL_BYTES_MAX],
                           char text[AGENT_TEXT_BYTES])
{
    char path[AGENT_PATH_BYTES];
    char why[FEDL_URL_ERROR_BYTES];
    uint8_t *bytes = NULL;
    size_t size = 0;
    agent_home_file(home, path, "server");
    fedl_status status = fedl_file_read(&bytes, &size, path, FEDL_URL_BYTES_MAX);
    if (status == FEDL_OK) {
        char *line = (char *)bytes;
        line[strcspn(line, "\r\n")] = 0;
        status = fedl_client_url(url, line, why);
    }
    free(bytes);
    if (status != FEDL_OK) {
        (void)snprintf(text, AGENT_TEXT_BYTES,
                       "%s: %s: write the server's address into this file, like tcp://host:7070",
                       path, fedl_status_text(status));
        return AGENT_EXIT_KEYS;
    }
    return AGENT_EXIT_OK;
}

/* Without the file the device has accepted nothing yet; a damaged one stops everything, because
 * going on would open the way back to older models. */
static agent_exit load_progress(const agent_home *home, fedl_client_progress *progress,
                                char text[AGENT_TEXT_BYTES])
{
    char path[AGENT_PATH_BYTES];
    uint8_t *bytes = NULL;
    size_t size = 0;
    agent_home_file(home, path, "progress");
    memset(progress, 0, sizeof *progress);
    fedl_status status = fedl_file_read(&bytes, &size, path, FEDL_PROGRESS_BYTES_MAX);
    if (status == FEDL_ERR_NOT_FOUND) {
        return AGENT_EXIT_OK;
    }
    if (status == FEDL_OK) {
        status = fedl_client_progress_decode(progress, fedl_bytes_of(bytes, size));
    }
    free(bytes);
    if (status != FEDL_OK) {
        (void)snprintf(text, AGENT_TEXT_BYTES,
                       "%s: damaged: remove it only if you are sure that the server is honest",
                       path);
        return AGENT_EXIT_KEYS;
    }
    return AGENT_EXIT_OK;
}

agent_exit agent_home_load(const agent_home *home, fedl_identity *identity,
                           char url[FEDL_URL_BYTES_MAX], fedl_client_progress *progress,
                           const fedl_crypto *crypto, char text[AGENT_TEXT_BYTES])
{
    agent_exit code = load_identity(home, identity, crypto, text);
    if (code == AGENT_EXIT_OK && url != NULL) {
        code = load_url(home, url, text);
    }
    if (code == AGENT_EXIT_OK && progress != NULL) {
        code = load_progress(home, progress, text);
    }
    return code;
}

fedl_status agent_home_save(const agent_home *home, const char *name, fedl_bytes bytes)
{
    char path[AGENT_PATH_BYTES];
    agent_home_file(home, path, name);
    return fedl_file_replace(path, bytes, 0600);
}

fedl_status agent_home_forget(const agent_home *home)
{
    char path[AGENT_PATH_BYTES];
    const uint8_t zeros[FEDL_IDENTITY_BYTES] = {0};
    agent_home_file(home, path, "identity");
    /* In place, so that the old bytes are overwritten where the file system does that. */
    const int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        const ssize_t written = write(fd, zeros, sizeof zeros);
        const bool good = written == (ssize_t)sizeof zeros && fsync(fd) == 0;
        (void)close(fd);
        if (!good) {
            return FEDL_ERR_IO;
        }
    }
    fedl_status status = unlink(path) == 0 ? FEDL_OK : fedl_status_of_errno(errno);
    const char *const others[] = {"progress", "model", "server", "policy"};
    for (size_t i = 0; i < sizeof others / sizeof others[0] && status == FEDL_OK; i++) {
        agent_home_file(home, path, others[i]);
        if (unlink(path) != 0 && errno != ENOENT) {
            status = fedl_status_of_errno(errno);
        }
    }
    return status;
}
