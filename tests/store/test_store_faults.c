/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the database store does when the world breaks: every write and sync fails once, the process
 * dies at every crash point, the file is not what it should be. Each time the state afterwards is
 * exactly the one before or the one after the op.
 */
#include "fault_vfs.h"
#include "store/crash_point.h"
#include "store_scene.h"

#include "cmocka_all.h"

#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct world {
    char folder[256];
    char path[300];
    char text[256];
    fedl_store *store;
    store_scene *scene;
} world;

static int make_world(void **state)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->scene = calloc(1, sizeof *w->scene);
    assert_non_null(w->scene);
    scene_folder_make(w->folder);
    (void)snprintf(w->path, sizeof w->path, "%s/fedl.db", w->folder);
    *state = w;
    return 0;
}

static void close_store(world *w)
{
    if (w->store != NULL) {
        w->store->ops->close(w->store);
        w->store = NULL;
    }
}

static int drop_world(void **state)
{
    world *w = *state;
    fault_vfs_arm(0, 0, false);
    close_store(w);
    scene_folder_remove(w->folder);
    free(w->scene);
    free(w);
    return 0;
}

static fedl_status open_store(world *w)
{
    return fedl_store_sqlite_open(&w->store, scene_crypto(), w->path, w->text);
}

static fedl_status apply(world *w, uint32_t index)
{
    fedl_store_op op = scene_history_op(w->scene, index);
    return w->store->ops->apply(w->store, &op);
}

#define HISTORY_MAX 32u

/* Fingerprint after the first n ops of the history, from the store in memory; computed once. */
static void expected_print(world *w, uint8_t out[32], uint32_t n)
{
    static uint8_t prints[HISTORY_MAX + 1][32];
    static bool known;
    assert_true(scene_history_count() <= HISTORY_MAX);
    if (!known) {
        fedl_store *mem = NULL;
        assert_int_equal(fedl_store_mem_open(&mem, scene_crypto()), FEDL_OK);
        scene_fingerprint(prints[0], mem);
        for (uint32_t i = 0; i < scene_history_count(); i++) {
            fedl_store_op op = scene_history_op(w->scene, i);
            assert_int_equal(mem->ops->apply(mem, &op), FEDL_OK);
            scene_fingerprint(prints[i + 1], mem);
        }
        mem->ops->close(mem);
        known = true;
    }
    memcpy(out, prints[n], 32);
}

static void sql(world *w, const char *text, int expected)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    (void)sqlite3_exec(db, "PRAGMA recursive_triggers = ON", NULL, NULL, NULL);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), expected);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* Fails the n-th call for n = 1, 2, 3 … in every op until the op gets through untouched. */
static void sweep_faults(world *w, int code, fedl_status expected, bool sticky)
{
    uint8_t before[32];
    uint8_t after[32];
    uint32_t failures = 0;
    assert_int_equal(open_store(w), FEDL_OK);
    for (uint32_t i = 0; i < scene_history_count(); i++) {
        scene_fingerprint(before, w->store);
        /* Once full, every later call fails too: neighbouring starts tell nearly the same. */
        for (uint32_t n = 1;; n += sticky ? 7 : 1) {
            fault_vfs_arm(n, code, sticky);
            fedl_status status = apply(w, i);
            bool fired = fault_vfs_fired();
            fault_vfs_arm(0, 0, false);
            if (status == FEDL_OK) {
                /* A failing checkpoint after COMMIT is no failure of the op. */
                assert_true(!fired || n > 1);
                break;
            }
            assert_true(fired);
            assert_int_equal(status, expected);
            assert_non_null(strstr(w->store->ops->error_text(w->store), "; "));
            scene_fingerprint(after, w->store);
            assert_memory_equal(before, after, 32);
            failures++;
        }
        expected_print(w, after, i + 1);
        scene_fingerprint(before, w->store);
        assert_memory_equal(before, after, 32);
    }
    assert_true(failures >= (sticky ? 1u : 2u) * scene_history_count());
    close_store(w);
    assert_int_equal(open_store(w), FEDL_OK);
    scene_fingerprint(before, w->store);
    assert_memory_equal(before, after, 32);
}

static void every_failing_write_leaves_the_old_state(void **state)
{
    sweep_faults(*state, SQLITE_FULL, FEDL_ERR_NO_SPACE, false);
}

static void a_disk_that_stays_full_leaves_the_old_state(void **state)
{
    sweep_faults(*state, SQLITE_FULL, FEDL_ERR_NO_SPACE, true);
}

static void opening_survives_every_failing_write(void **state)
{
    world *w = *state;
    uint32_t failures = 0;
    for (uint32_t n = 1;; n++) {
        fault_vfs_arm(n, SQLITE_FULL, false);
        fedl_status status = open_store(w);
        fault_vfs_arm(0, 0, false);
        if (status == FEDL_OK) {
            break;
        }
        assert_int_equal(status, FEDL_ERR_NO_SPACE);
        assert_non_null(strstr(w->text, "free space"));
        failures++;
        /* Odd ones start again from nothing, even ones from what the failure left. */
        if (n % 2 == 1) {
            scene_folder_remove(w->folder);
            scene_folder_make(w->folder);
            (void)snprintf(w->path, sizeof w->path, "%s/fedl.db", w->folder);
        }
    }
    assert_true(failures > 3);
    assert_int_equal(apply(w, 0), FEDL_OK);
}

/* Plays the history in a child that dies at the point; returns how many ops are in afterwards. */
static uint32_t die_at(world *w, const char *point)
{
    int report[2];
    assert_int_equal(pipe(report), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        uint8_t done = 0;
        if (fedl_crash_point_arm(point) != FEDL_OK || open_store(w) != FEDL_OK) {
            _exit(3);
        }
        for (uint32_t i = 0; i < scene_history_count(); i++) {
            if (apply(w, i) != FEDL_OK) {
                _exit(4);
            }
            done++;
            if (write(report[1], &done, 1) != 1) {
                _exit(5);
            }
        }
        _exit(0);
    }
    (void)close(report[1]);
    uint8_t done = 0;
    while (read(report[0], &done, 1) == 1) {
    }
    (void)close(report[0]);
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    return done;
}

static void death_at_every_point_is_before_or_after(void **state)
{
    world *w = *state;
    uint32_t points = 0;
    for (uint32_t p = 0; p < fedl_crash_point_count(); p++) {
        const char *name = fedl_crash_point_name(p);
        const char *dot = strchr(name, '.');
        if (strstr(name, "-store") == NULL && strstr(name, "-commit") == NULL) {
            continue; /* a point of the host, not of the store */
        }
        uint8_t expected[32];
        uint8_t found[32];
        uint32_t done = die_at(w, name);
        uint32_t in = done + (strcmp(dot, ".after-commit") == 0 ? 1u : 0u);
        assert_int_equal(open_store(w), FEDL_OK);
        expected_print(w, expected, in);
        scene_fingerprint(found, w->store);
        assert_memory_equal(expected, found, 32);
        for (uint32_t i = in; i < scene_history_count(); i++) {
            assert_int_equal(apply(w, i), FEDL_OK);
        }
        expected_print(w, expected, scene_history_count());
        scene_fingerprint(found, w->store);
        assert_memory_equal(expected, found, 32);
        close_store(w);
        scene_folder_remove(w->folder);
        scene_folder_make(w->folder);
        (void)snprintf(w->path, sizeof w->path, "%s/fedl.db", w->folder);
        points++;
    }
    assert_int_equal(points, 36);
}

static void crash_points_are_named_and_checked(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < fedl_crash_point_count(); i++) {
        assert_int_equal(fedl_crash_point_arm(fedl_crash_point_name(i)), FEDL_OK);
    }
    assert_string_equal(fedl_crash_point_name(fedl_crash_point_count()), "");
    assert_int_equal(fedl_crash_point_arm("nowhere"), FEDL_ERR_NOT_FOUND);
    assert_int_equal(fedl_crash_point_arm("commit.before-store:0"), FEDL_ERR_FORMAT);
    assert_int_equal(fedl_crash_point_arm("commit.before-store:x"), FEDL_ERR_FORMAT);
    assert_int_equal(fedl_crash_point_arm("commit.before-store:2"), FEDL_OK);
    assert_int_equal(fedl_crash_point_arm(NULL), FEDL_OK);
}

static void a_second_server_is_refused(void **state)
{
    world *w = *state;
    fedl_store *second = NULL;
    char text[256];
    assert_int_equal(open_store(w), FEDL_OK);
    assert_int_equal(fedl_store_sqlite_open(&second, scene_crypto(), w->path, text), FEDL_ERR_BUSY);
    assert_non_null(strstr(text, "another fedl-server"));
    close_store(w);
    assert_int_equal(open_store(w), FEDL_OK);
}

static void a_writing_program_makes_it_busy(void **state)
{
    world *w = *state;
    sqlite3 *db = NULL;
    assert_int_equal(open_store(w), FEDL_OK);
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(apply(w, 0), FEDL_ERR_BUSY);
    assert_int_equal(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(apply(w, 0), FEDL_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void write_file(const char *path, const char *bytes, size_t size)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, bytes, size), size);
    assert_int_equal(close(fd), 0);
}

static void foreign_files_are_named(void **state)
{
    world *w = *state;
    char letter[2000];
    memset(letter, 'x', sizeof letter);
    write_file(w->path, letter, sizeof letter);
    assert_int_equal(open_store(w), FEDL_ERR_FORMAT);
    assert_non_null(strstr(w->text, "not a fedl database"));
    assert_int_equal(unlink(w->path), 0);
    sql(w, "CREATE TABLE mine(x)", SQLITE_OK);
    assert_int_equal(open_store(w), FEDL_ERR_FORMAT);
    sql(w, "DROP TABLE mine; PRAGMA application_id = 1717920876; PRAGMA user_version = 9999",
        SQLITE_OK);
    assert_int_equal(open_store(w), FEDL_ERR_VERSION);
    assert_non_null(strstr(w->text, "newer fedl"));
    (void)snprintf(w->path, sizeof w->path, "%s/missing/fedl.db", w->folder);
    assert_int_equal(open_store(w), FEDL_ERR_NOT_FOUND);
    assert_non_null(strstr(w->text, "fedl-server init"));
}

static void damage_is_found_by_the_digest(void **state)
{
    world *w = *state;
    fedl_model_record record;
    fedl_audit_report report;
    assert_int_equal(open_store(w), FEDL_OK);
    for (uint32_t i = 0; i < 7; i++) {
        assert_int_equal(apply(w, i), FEDL_OK);
    }
    sql(w,
        "DROP TRIGGER blob_chunk_no_update; DROP TRIGGER audit_no_update;"
        "UPDATE blob_chunk SET data = zeroblob(length(data)) WHERE kind = 1 AND part = 1;"
        "UPDATE audit SET detail = 'device 1 never joined' WHERE sequence = 4",
        SQLITE_OK);
    assert_int_equal(w->store->ops->model_read(w->store, &record, 1, 1, w->scene->container,
                                               SCENE_CONTAINER, NULL, 0),
                     FEDL_ERR_CORRUPT);
    assert_int_equal(fedl_audit_verify(&report, w->store, scene_crypto()), FEDL_ERR_CORRUPT);
    assert_int_equal(report.broken_sequence, 4);
}

#define CASE(function)                                                                             \
    {                                                                                              \
#function, function, make_world, drop_world, NULL                                          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(every_failing_write_leaves_the_old_state),
        CASE(a_disk_that_stays_full_leaves_the_old_state),
        CASE(opening_survives_every_failing_write),
        CASE(death_at_every_point_is_before_or_after),
        CASE(crash_points_are_named_and_checked),
        CASE(a_second_server_is_refused),
        CASE(a_writing_program_makes_it_busy),
        CASE(foreign_files_are_named),
        CASE(damage_is_found_by_the_digest),
    };
    fault_vfs_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
