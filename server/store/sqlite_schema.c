/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The schema as numbered migrations. A published migration never changes; a new one is appended.
 *
 * Unsigned 64-bit values (tail sums) are kept as the signed integer with the same bits. Blobs of a
 * model are cut into rows of at most 64 KiB, so that neither SQLite nor the server ever holds a
 * whole one. What history says is insert-only by trigger: a program error, or a person with a
 * database shell, gets an error instead of a changed past (who may write the file can still drop
 * the trigger; the audit chain is there to show that).
 */
#include "store/sqlite_migrate.h"

/* Who takes part, and in what. */
static const char migration_1[] =
    "CREATE TABLE device("
    " device_id INTEGER PRIMARY KEY CHECK(device_id BETWEEN 1 AND 4294967295),"
    " state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 4),"
    " name TEXT NOT NULL,"
    " id_public BLOB NOT NULL CHECK(length(id_public) = 32),"
    " noise_public BLOB NOT NULL CHECK(length(noise_public) = 32),"
    " changed_s INTEGER NOT NULL) STRICT;"

    /* Only a keyed hash of the secret; the row goes when the token is used or withdrawn. */
    "CREATE TABLE enrolment_token("
    " device_id INTEGER PRIMARY KEY REFERENCES device(device_id),"
    " token_hash BLOB NOT NULL CHECK(length(token_hash) = 32),"
    " expires_s INTEGER NOT NULL) STRICT;"

    "CREATE TABLE task("
    " task_id INTEGER PRIMARY KEY CHECK(task_id BETWEEN 1 AND 4294967295),"
    " name TEXT NOT NULL UNIQUE,"
    " state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 3),"
    " reason TEXT,"
    " created_s INTEGER NOT NULL) STRICT;"

    "CREATE TABLE plan("
    " task_id INTEGER PRIMARY KEY REFERENCES task(task_id),"
    " text BLOB NOT NULL) STRICT;"

    /* state: 1 open, 2 aborted, 3 committed, 4 lost (the server went down while it was open). */
    "CREATE TABLE round("
    " task_id INTEGER NOT NULL REFERENCES task(task_id),"
    " round INTEGER NOT NULL CHECK(round >= 1),"
    " attempt INTEGER NOT NULL CHECK(attempt >= 1),"
    " state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 4),"
    " opened_s INTEGER NOT NULL,"
    " closed_s INTEGER,"
    " reason TEXT,"
    " PRIMARY KEY(task_id, round, attempt)) STRICT, WITHOUT ROWID;"
    "CREATE UNIQUE INDEX round_one_open ON round(task_id) WHERE state = 1;"
    "CREATE UNIQUE INDEX round_one_commit ON round(task_id, round) WHERE state = 3;"

    "CREATE TABLE member("
    " task_id INTEGER NOT NULL,"
    " round INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL,"
    " device_id INTEGER NOT NULL REFERENCES device(device_id),"
    " counted INTEGER NOT NULL DEFAULT 0 CHECK(counted IN (0, 1)),"
    " PRIMARY KEY(task_id, round, attempt, device_id),"
    " FOREIGN KEY(task_id, round, attempt) REFERENCES round(task_id, round, attempt))"
    " STRICT, WITHOUT ROWID;";

/* What was published, measured and done: insert-only. */
static const char migration_2[] =
    "CREATE TABLE model("
    " task_id INTEGER NOT NULL REFERENCES task(task_id),"
    " version INTEGER NOT NULL CHECK(version >= 1),"
    " round INTEGER NOT NULL,"
    " digest BLOB NOT NULL CHECK(length(digest) = 32),"
    " parent_digest BLOB NOT NULL CHECK(length(parent_digest) = 32),"
    " manifest BLOB NOT NULL,"
    " signature BLOB NOT NULL CHECK(length(signature) = 64),"
    " container_bytes INTEGER NOT NULL CHECK(container_bytes > 0),"
    " parameter_count INTEGER NOT NULL CHECK(parameter_count > 0),"
    " agg_state_bytes INTEGER NOT NULL CHECK(agg_state_bytes >= 0),"
    " created_s INTEGER NOT NULL,"
    " PRIMARY KEY(task_id, version)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER model_version BEFORE INSERT ON model WHEN NEW.version <>"
    " coalesce((SELECT max(version) FROM model WHERE task_id = NEW.task_id), 0) + 1"
    " BEGIN SELECT raise(ABORT, 'model versions rise by one'); END;"
    "CREATE TRIGGER model_parent BEFORE INSERT ON model WHEN NEW.version > 1 AND"
    " NEW.parent_digest IS NOT (SELECT digest FROM model WHERE task_id = NEW.task_id AND"
    " version = NEW.version - 1)"
    " BEGIN SELECT raise(ABORT, 'a model names its parent'); END;"
    "CREATE TRIGGER model_no_update BEFORE UPDATE ON model"
    " BEGIN SELECT raise(ABORT, 'model is insert-only'); END;"
    "CREATE TRIGGER model_no_delete BEFORE DELETE ON model"
    " BEGIN SELECT raise(ABORT, 'model is insert-only'); END;"

    /* kind: 1 container, 2 master words (int32 little-endian), 3 optimiser state. */
    "CREATE TABLE blob_chunk("
    " task_id INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " kind INTEGER NOT NULL CHECK(kind BETWEEN 1 AND 3),"
    " part INTEGER NOT NULL CHECK(part >= 0),"
    " data BLOB NOT NULL CHECK(length(data) BETWEEN 1 AND 65536),"
    " PRIMARY KEY(task_id, version, kind, part),"
    " FOREIGN KEY(task_id, version) REFERENCES model(task_id, version)) STRICT;"
    "CREATE TRIGGER blob_chunk_once BEFORE INSERT ON blob_chunk WHEN EXISTS(SELECT 1 FROM"
    " blob_chunk WHERE task_id = NEW.task_id AND version = NEW.version AND kind = NEW.kind AND"
    " part = NEW.part) BEGIN SELECT raise(ABORT, 'blob_chunk is insert-only'); END;"
    "CREATE TRIGGER blob_chunk_no_update BEFORE UPDATE ON blob_chunk"
    " BEGIN SELECT raise(ABORT, 'blob_chunk is insert-only'); END;"
    "CREATE TRIGGER blob_chunk_no_delete BEFORE DELETE ON blob_chunk"
    " BEGIN SELECT raise(ABORT, 'blob_chunk is insert-only'); END;"

    "CREATE TABLE metric("
    " task_id INTEGER NOT NULL,"
    " version INTEGER NOT NULL,"
    " report_count INTEGER NOT NULL,"
    " weight INTEGER NOT NULL,"
    " row_count INTEGER NOT NULL,"
    " loss_q16 INTEGER NOT NULL,"
    " eval_row_count INTEGER NOT NULL,"
    " eval_correct_count INTEGER NOT NULL,"
    " eval_loss_q16 INTEGER NOT NULL,"
    " saturated_count INTEGER NOT NULL,"
    " clipped_count INTEGER NOT NULL,"
    " bytes_up INTEGER NOT NULL,"
    " bytes_down INTEGER NOT NULL,"
    " duration_ms INTEGER NOT NULL,"
    " PRIMARY KEY(task_id, version),"
    " FOREIGN KEY(task_id, version) REFERENCES model(task_id, version)) STRICT, WITHOUT ROWID;"

    "CREATE TABLE audit("
    " sequence INTEGER PRIMARY KEY,"
    " utc_s INTEGER NOT NULL,"
    " what TEXT NOT NULL,"
    " detail TEXT NOT NULL,"
    " hash BLOB NOT NULL CHECK(length(hash) = 32)) STRICT;"
    "CREATE TRIGGER audit_sequence BEFORE INSERT ON audit WHEN NEW.sequence <>"
    " coalesce((SELECT max(sequence) FROM audit), 0) + 1"
    " BEGIN SELECT raise(ABORT, 'audit rows have no gaps'); END;"
    "CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit"
    " BEGIN SELECT raise(ABORT, 'audit is insert-only'); END;"
    "CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit"
    " BEGIN SELECT raise(ABORT, 'audit is insert-only'); END;";

const char *const fedli_migrations[] = {migration_1, migration_2};
const uint32_t fedli_migration_count = sizeof fedli_migrations / sizeof fedli_migrations[0];
