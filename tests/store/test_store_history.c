/* SPDX-License-Identifier: Apache-2.0 */
/* The database file itself: the past can't be changed with a shell, and old files are brought up.
 */
#include "store/sqlite_migrate.h"
#include "store/sqlite_statement.h"
#include "store_scene.h"

#include "cmocka_all.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static int drop_world(void **state)
{
    world *w = *state;
    if (w->store != NULL) {
        w->store->ops->close(w->store);
    }
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

static void sql(world *w, const char *text, int expected)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    (void)sqlite3_exec(db, "PRAGMA recursive_triggers = ON; PRAGMA foreign_keys = ON", NULL, NULL,
                       NULL);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != expected) {
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void history_is_insert_only(void **state)
{
    world *w = *state;
    assert_int_equal(open_store(w), FEDL_OK);
    for (uint32_t i = 0; i < scene_history_count(); i++) {
        assert_int_equal(apply(w, i), FEDL_OK);
    }
    static const char *const attacks[] = {
        "UPDATE model SET round = 7",
        "DELETE FROM model",
        "UPDATE blob_chunk SET part = 7",
        "DELETE FROM blob_chunk WHERE version = 1",
        "UPDATE audit SET detail = ''",
        "DELETE FROM audit WHERE sequence = 1",
        "INSERT OR REPLACE INTO model SELECT * FROM model WHERE version = 2",
        "INSERT OR REPLACE INTO blob_chunk SELECT * FROM blob_chunk LIMIT 1",
        "INSERT OR REPLACE INTO audit SELECT * FROM audit LIMIT 1",
        "UPDATE group_sum SET u3_count = 1",
        "DELETE FROM group_sum WHERE round = 5",
        "INSERT OR REPLACE INTO group_sum SELECT * FROM group_sum WHERE round = 5",
        "UPDATE unmask_kind SET kind = 3 - kind WHERE device_id = 2",
        "DELETE FROM unmask_kind WHERE device_id = 2",
        /* Both kinds of one device in one round, in the same attempt and in another one. */
        "INSERT INTO unmask_kind VALUES(1, 3, 2, 2, 1)",
        "INSERT INTO unmask_kind VALUES(1, 3, 1, 2, 1)",
        "INSERT OR REPLACE INTO unmask_kind VALUES(1, 5, 1, 2, 1)",
        "UPDATE group_blob SET data = x'00'",
        "DELETE FROM group_blob WHERE round = 5",
        "UPDATE privacy_ledger SET rho = 1",
        "DELETE FROM privacy_ledger",
        "INSERT OR REPLACE INTO privacy_ledger VALUES(1, 5, 1, 1)",
        /* A round with a masked sum is neither aborted nor lost nor opened again nor tried again.
         */
        "UPDATE round SET state = 2 WHERE round = 5",
        "UPDATE round SET state = 4 WHERE round = 5",
        "UPDATE round SET state = 1 WHERE round = 4",
        "INSERT INTO round VALUES(1, 4, 2, 1, 0, NULL, NULL)",
        "UPDATE round SET state = 3 WHERE round = 3 AND attempt = 1",
        "INSERT INTO model SELECT task_id, version + 5, round, digest, parent_digest, manifest,"
        " signature, container_bytes, parameter_count, agg_state_bytes, created_s FROM model"
        " WHERE version = 1",
    };
    for (size_t i = 0; i < sizeof attacks / sizeof attacks[0]; i++) {
        sql(w, attacks[i], SQLITE_CONSTRAINT);
    }
}

static void migrations_run_once_and_whole(void **state)
{
    world *w = *state;
    static const char *const good[] = {"CREATE TABLE a(x)", "CREATE TABLE b(x)"};
    static const char *const bad[] = {"CREATE TABLE a(x)", "CREATE TABLE b(x)",
                                      "CREATE TABLE c(x); CREATE TABLE a(x)"};
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(fedli_migrate(db, good, 1), FEDL_OK);
    assert_int_equal(fedli_migrate(db, bad, 3), FEDL_ERR_IO);
    /* The third left nothing behind; the second had run. */
    assert_int_equal(sqlite3_exec(db, "SELECT * FROM b", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "SELECT * FROM c", NULL, NULL, NULL), SQLITE_ERROR);
    assert_int_equal(fedli_migrate(db, good, 2), FEDL_OK);
    assert_int_equal(fedli_migrate(db, good, 1), FEDL_ERR_VERSION);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

/* A file of the version before masked rounds, as that version would have written it. */
static void make_old_file(world *w)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(fedli_migrate(db, fedli_migrations, 2), FEDL_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    sql(w,
        "INSERT INTO device VALUES(1, 2, 'one', zeroblob(32), zeroblob(32), 9);"
        "INSERT INTO device VALUES(2, 2, 'two', zeroblob(32), zeroblob(32), 9);"
        "INSERT INTO device VALUES(5, 2, 'five', zeroblob(32), zeroblob(32), 9);"
        "INSERT INTO task VALUES(1, 'digits', 1, NULL, 9);"
        "INSERT INTO plan VALUES(1, x'41');"
        "INSERT INTO model VALUES(1, 1, 0, zeroblob(32), zeroblob(32), x'00', zeroblob(64), 4, 1, "
        "0, 9);"
        "INSERT INTO model VALUES(1, 2, 1, randomblob(32), zeroblob(32), x'00', zeroblob(64), 4, "
        "1, 0, 9);"
        "INSERT INTO round VALUES(1, 1, 1, 4, 7, 8, 'the server went down');"
        "INSERT INTO round VALUES(1, 1, 2, 3, 8, 9, NULL);"
        "INSERT INTO round VALUES(1, 2, 1, 2, 9, 9, 'too few');"
        "INSERT INTO round VALUES(1, 2, 2, 1, 9, NULL, NULL);"
        "INSERT INTO member VALUES(1, 1, 2, 1, 1); INSERT INTO member VALUES(1, 2, 2, 5, 0)",
        SQLITE_OK);
}

static bool keep_task(void *context, const fedl_task_row *row)
{
    *(fedl_task_row *)context = *row;
    return true;
}

static void an_old_file_is_brought_up(void **state)
{
    world *w = *state;
    fedl_task_row row;
    make_old_file(w);
    sql(w, "UPDATE round SET state = 5", SQLITE_CONSTRAINT); /* the old rule */
    assert_int_equal(open_store(w), FEDL_OK);
    assert_int_equal(w->store->ops->task_each(w->store, keep_task, &row), FEDL_OK);
    assert_int_equal(row.version, 2);
    assert_int_equal(row.round_next, 2);
    assert_int_equal(row.attempt_last, 2);
    assert_true(row.attempt_open);
    assert_int_equal(row.rho_spent, 0);
    assert_int_equal(row.masked_sum_bytes, 0);
    sqlite3 *db = NULL;
    uint64_t value = 0;
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(
        fedli_sql_one(db, &value,
                      "SELECT count(*) FROM round WHERE reason IS 'the server went down' AND"
                      " state = 4 AND opened_s = 7 AND closed_s = 8",
                      ""),
        FEDL_OK);
    assert_int_equal(value, 1);
    assert_int_equal(fedli_sql_one(db, &value, "SELECT count(*) FROM round", ""), FEDL_OK);
    assert_int_equal(value, 4);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    /* Members still point to their round, and the rules of the old table are there. */
    sql(w, "DELETE FROM round WHERE attempt = 2", SQLITE_CONSTRAINT);
    sql(w, "INSERT INTO member VALUES(1, 7, 7, 1, 0)", SQLITE_CONSTRAINT);
    sql(w, "INSERT INTO round VALUES(1, 2, 3, 1, 9, NULL, NULL)", SQLITE_CONSTRAINT);
    sql(w, "UPDATE round SET state = 6", SQLITE_CONSTRAINT);
    fedl_store_op op = scene_round_open(w->scene, 1, 2, 3);
    assert_int_equal(w->store->ops->apply(w->store, &op), FEDL_OK);
    op = scene_group_commit(w->scene, 1, 2, 3);
    assert_int_equal(w->store->ops->apply(w->store, &op), FEDL_OK);
    op = scene_round_burn(1, 2, 3);
    assert_int_equal(w->store->ops->apply(w->store, &op), FEDL_OK);
    assert_int_equal(w->store->ops->task_each(w->store, keep_task, &row), FEDL_OK);
    assert_int_equal(row.round_next, 3);
}

/* A file of the version whose ledger knew masked sums only: its charges stay, and versions of plain
 * rounds may now be charged. */
static void an_old_ledger_is_brought_up(void **state)
{
    world *w = *state;
    fedl_task_row row;
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(fedli_migrate(db, fedli_migrations, 5), FEDL_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    sql(w,
        "INSERT INTO device VALUES(1, 2, 'one', zeroblob(32), zeroblob(32), 9, NULL);"
        "INSERT INTO device VALUES(2, 2, 'two', zeroblob(32), zeroblob(32), 9, NULL);"
        "INSERT INTO device VALUES(5, 2, 'five', zeroblob(32), zeroblob(32), 9, NULL);"
        "INSERT INTO task VALUES(1, 'digits', 1, NULL, 9);"
        "INSERT INTO plan VALUES(1, x'41');"
        "INSERT INTO model VALUES(1, 1, 0, zeroblob(32), zeroblob(32), x'00', zeroblob(64), 4, 1,"
        " 0, 9);"
        "INSERT INTO round VALUES(1, 1, 1, 1, 8, NULL, NULL);"
        "INSERT INTO group_sum VALUES(1, 1, 1, 3, 3, 9, zeroblob(32), 9, zeroblob(32));"
        "INSERT INTO privacy_ledger VALUES(1, 1, 1, 77);"
        "UPDATE round SET state = 5 WHERE round = 1;"
        "INSERT INTO round VALUES(1, 2, 1, 1, 9, NULL, NULL)",
        SQLITE_OK);
    sql(w, "INSERT INTO privacy_ledger VALUES(1, 2, 1, 5)", SQLITE_CONSTRAINT); /* the old rule */
    assert_int_equal(open_store(w), FEDL_OK);
    assert_int_equal(w->store->ops->task_each(w->store, keep_task, &row), FEDL_OK);
    assert_int_equal(row.rho_spent, 77);
    assert_int_equal(row.round_next, 2);
    fedl_store_op op = scene_round_open(w->scene, 1, 2, 2);
    assert_int_equal(w->store->ops->apply(w->store, &op), FEDL_OK);
    op = scene_commit_version(w->scene, 1, 2, 2, 2);
    memset(op.model.parent_digest, 0, sizeof op.model.parent_digest);
    op.rho = 5;
    assert_int_equal(w->store->ops->apply(w->store, &op), FEDL_OK);
    assert_int_equal(w->store->ops->task_each(w->store, keep_task, &row), FEDL_OK);
    assert_int_equal(row.rho_spent, 82);
    sql(w, "INSERT INTO privacy_ledger VALUES(1, 7, 1, 5)",
        SQLITE_CONSTRAINT); /* no such attempt */
    sql(w, "DELETE FROM privacy_ledger WHERE rho = 77", SQLITE_CONSTRAINT);
    sql(w, "UPDATE privacy_ledger SET rho = 1 WHERE rho = 77", SQLITE_CONSTRAINT);
    sql(w, "INSERT OR REPLACE INTO privacy_ledger VALUES(1, 1, 1, 1)", SQLITE_CONSTRAINT);
}

static void a_dangling_old_file_is_not_brought_up(void **state)
{
    world *w = *state;
    sqlite3 *db = NULL;
    make_old_file(w);
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "INSERT INTO member VALUES(1, 9, 9, 1, 0)", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    assert_int_equal(open_store(w), FEDL_ERR_CORRUPT);
    w->store = NULL;
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    uint64_t value = 0;
    assert_int_equal(fedli_sql_one(db, &value, "PRAGMA user_version", ""), FEDL_OK);
    assert_int_equal(value, 2);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void damage_of_a_sum_is_found(void **state)
{
    world *w = *state;
    store_scene *s = w->scene;
    assert_int_equal(open_store(w), FEDL_OK);
    for (uint32_t i = 0; i < scene_history_count(); i++) {
        assert_int_equal(apply(w, i), FEDL_OK);
    }
    const fedl_store_ops *ops = w->store->ops;
    assert_int_equal(ops->group_read(w->store, 1, s->masked_sum, sizeof s->masked_sum,
                                     s->group_state, sizeof s->group_state),
                     FEDL_OK);
    static const char *const damage[] = {
        "UPDATE group_blob SET data = zeroblob(length(data)) WHERE kind = 2",
        "UPDATE group_blob SET data = zeroblob(length(data)) WHERE kind = 1 AND part = 0",
        "UPDATE group_blob SET data = zeroblob(65536) WHERE kind = 1 AND part = 1",
        "DELETE FROM group_blob WHERE kind = 1 AND part = 1",
    };
    sql(w, "DROP TRIGGER group_blob_no_update; DROP TRIGGER group_blob_keep", SQLITE_OK);
    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        sql(w, damage[i], SQLITE_OK);
        assert_int_equal(ops->group_read(w->store, 1, s->masked_sum, sizeof s->masked_sum,
                                         s->group_state, sizeof s->group_state),
                         FEDL_ERR_CORRUPT);
    }
}

static void ended_rounds_keep_no_blobs(void **state)
{
    world *w = *state;
    sqlite3 *db = NULL;
    uint64_t value = 0;
    assert_int_equal(open_store(w), FEDL_OK);
    for (uint32_t i = 0; i < scene_history_count(); i++) {
        assert_int_equal(apply(w, i), FEDL_OK);
    }
    assert_int_equal(sqlite3_open(w->path, &db), SQLITE_OK);
    assert_int_equal(
        fedli_sql_one(db, &value, "SELECT count(*) FROM group_blob WHERE round <> 5", ""), FEDL_OK);
    assert_int_equal(value, 0);
    assert_int_equal(fedli_sql_one(db, &value, "SELECT count(*) FROM group_blob", ""), FEDL_OK);
    assert_int_equal(value, 3); /* the waiting one: two chunks and one */
    assert_int_equal(fedli_sql_one(db, &value, "SELECT count(*) FROM unmask_kind", ""), FEDL_OK);
    assert_int_equal(value, 9);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

#define CASE(function)                                                                             \
    {                                                                                              \
#function, function, make_world, drop_world, NULL                                          \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(history_is_insert_only),
        CASE(migrations_run_once_and_whole),
        CASE(an_old_file_is_brought_up),
        CASE(an_old_ledger_is_brought_up),
        CASE(a_dangling_old_file_is_not_brought_up),
        CASE(damage_of_a_sum_is_found),
        CASE(ended_rounds_keep_no_blobs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
