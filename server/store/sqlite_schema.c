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

/*
 * Masked rounds. round is made anew, in the order that SQLite's manual gives for it, because its
 * CHECK knows no state 5 = burnt: the number is used up, no attempt follows. A masked sum closes
 * the round to everything but its end; one device has one kind of share per round, over all
 * attempts.
 */
static const char migration_3[] =
    "CREATE TABLE round_new("
    " task_id INTEGER NOT NULL REFERENCES task(task_id),"
    " round INTEGER NOT NULL CHECK(round >= 1),"
    " attempt INTEGER NOT NULL CHECK(attempt >= 1),"
    " state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 5),"
    " opened_s INTEGER NOT NULL,"
    " closed_s INTEGER,"
    " reason TEXT,"
    " PRIMARY KEY(task_id, round, attempt)) STRICT, WITHOUT ROWID;"
    "INSERT INTO round_new SELECT task_id, round, attempt, state, opened_s, closed_s, reason FROM"
    " round;"
    "DROP TABLE round;"
    "ALTER TABLE round_new RENAME TO round;"
    "CREATE UNIQUE INDEX round_one_open ON round(task_id) WHERE state = 1;"
    "CREATE UNIQUE INDEX round_one_end ON round(task_id, round) WHERE state IN (3, 5);"

    "CREATE TABLE group_sum("
    " task_id INTEGER NOT NULL,"
    " round INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL,"
    " u2_count INTEGER NOT NULL CHECK(u2_count >= u3_count),"
    " u3_count INTEGER NOT NULL CHECK(u3_count >= 1),"
    " sum_bytes INTEGER NOT NULL CHECK(sum_bytes >= 1),"
    " sum_digest BLOB NOT NULL CHECK(length(sum_digest) = 32),"
    " state_bytes INTEGER NOT NULL CHECK(state_bytes >= 1),"
    " state_digest BLOB NOT NULL CHECK(length(state_digest) = 32),"
    " PRIMARY KEY(task_id, round),"
    " UNIQUE(task_id, round, attempt),"
    " FOREIGN KEY(task_id, round, attempt) REFERENCES round(task_id, round, attempt))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER group_sum_once BEFORE INSERT ON group_sum WHEN EXISTS(SELECT 1 FROM group_sum"
    " WHERE task_id = NEW.task_id AND round = NEW.round) OR NOT EXISTS(SELECT 1 FROM round WHERE"
    " task_id = NEW.task_id AND round = NEW.round AND attempt = NEW.attempt AND state = 1)"
    " BEGIN SELECT raise(ABORT, 'one masked sum per round, in its open attempt'); END;"
    "CREATE TRIGGER group_sum_no_update BEFORE UPDATE ON group_sum"
    " BEGIN SELECT raise(ABORT, 'group_sum is insert-only'); END;"
    "CREATE TRIGGER group_sum_no_delete BEFORE DELETE ON group_sum"
    " BEGIN SELECT raise(ABORT, 'group_sum is insert-only'); END;"
    "CREATE TRIGGER round_after_sum BEFORE UPDATE ON round WHEN NEW.state NOT IN (3, 5) AND"
    " EXISTS(SELECT 1 FROM group_sum WHERE task_id = NEW.task_id AND round = NEW.round)"
    " BEGIN SELECT raise(ABORT, 'a round with a masked sum is finished or burnt'); END;"
    "CREATE TRIGGER round_no_retry BEFORE INSERT ON round WHEN"
    " EXISTS(SELECT 1 FROM group_sum WHERE task_id = NEW.task_id AND round = NEW.round)"
    " BEGIN SELECT raise(ABORT, 'a round with a masked sum is not tried again'); END;"

    /* kind: 1 = b, the device's own mask; 2 = d, what it shares with its neighbours. */
    "CREATE TABLE unmask_kind("
    " task_id INTEGER NOT NULL,"
    " round INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL,"
    " device_id INTEGER NOT NULL,"
    " kind INTEGER NOT NULL CHECK(kind IN (1, 2)),"
    " PRIMARY KEY(task_id, round, device_id),"
    " FOREIGN KEY(task_id, round, attempt) REFERENCES group_sum(task_id, round, attempt),"
    " FOREIGN KEY(task_id, round, attempt, device_id)"
    " REFERENCES member(task_id, round, attempt, device_id)) STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER unmask_kind_once BEFORE INSERT ON unmask_kind WHEN EXISTS(SELECT 1 FROM"
    " unmask_kind WHERE task_id = NEW.task_id AND round = NEW.round AND device_id ="
    " NEW.device_id) BEGIN SELECT raise(ABORT, 'one kind of share per device and round'); END;"
    "CREATE TRIGGER unmask_kind_no_update BEFORE UPDATE ON unmask_kind"
    " BEGIN SELECT raise(ABORT, 'unmask_kind is insert-only'); END;"
    "CREATE TRIGGER unmask_kind_no_delete BEFORE DELETE ON unmask_kind"
    " BEGIN SELECT raise(ABORT, 'unmask_kind is insert-only'); END;";

/* What a masked sum holds until its round ends, and what it cost. */
static const char migration_4[] =
    /* kind: 1 masked sum, 2 state of the group; deleted when the round ends. */
    "CREATE TABLE group_blob("
    " task_id INTEGER NOT NULL,"
    " round INTEGER NOT NULL,"
    " kind INTEGER NOT NULL CHECK(kind BETWEEN 1 AND 2),"
    " part INTEGER NOT NULL CHECK(part >= 0),"
    " data BLOB NOT NULL CHECK(length(data) BETWEEN 1 AND 65536),"
    " PRIMARY KEY(task_id, round, kind, part),"
    " FOREIGN KEY(task_id, round) REFERENCES group_sum(task_id, round)) STRICT;"
    "CREATE TRIGGER group_blob_no_update BEFORE UPDATE ON group_blob"
    " BEGIN SELECT raise(ABORT, 'group_blob is written once'); END;"
    "CREATE TRIGGER group_blob_keep BEFORE DELETE ON group_blob WHEN EXISTS(SELECT 1 FROM round"
    " WHERE task_id = OLD.task_id AND round = OLD.round AND state = 1)"
    " BEGIN SELECT raise(ABORT, 'a masked sum is kept until its round ends'); END;"

    "CREATE TABLE privacy_ledger("
    " task_id INTEGER NOT NULL,"
    " round INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL,"
    " rho INTEGER NOT NULL CHECK(rho >= 1),"
    " PRIMARY KEY(task_id, round, attempt),"
    " FOREIGN KEY(task_id, round, attempt) REFERENCES group_sum(task_id, round, attempt))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TRIGGER privacy_ledger_once BEFORE INSERT ON privacy_ledger WHEN EXISTS(SELECT 1 FROM"
    " privacy_ledger WHERE task_id = NEW.task_id AND round = NEW.round AND attempt = NEW.attempt)"
    " BEGIN SELECT raise(ABORT, 'privacy_ledger is insert-only'); END;"
    "CREATE TRIGGER privacy_ledger_no_update BEFORE UPDATE ON privacy_ledger"
    " BEGIN SELECT raise(ABORT, 'privacy_ledger is insert-only'); END;"
    "CREATE TRIGGER privacy_ledger_no_delete BEFORE DELETE ON privacy_ledger"
    " BEGIN SELECT raise(ABORT, 'privacy_ledger is insert-only'); END;";

/*
 * Devices whose certificate is signed elsewhere: state 5 = pending, and the signature. device is
 * made anew as round was in migration 3.
 */
static const char migration_5[] =
    "CREATE TABLE device_new("
    " device_id INTEGER PRIMARY KEY CHECK(device_id BETWEEN 1 AND 4294967295),"
    " state INTEGER NOT NULL CHECK(state BETWEEN 1 AND 5),"
    " name TEXT NOT NULL,"
    " id_public BLOB NOT NULL CHECK(length(id_public) = 32),"
    " noise_public BLOB NOT NULL CHECK(length(noise_public) = 32),"
    " changed_s INTEGER NOT NULL,"
    " cert_signature BLOB CHECK(cert_signature IS NULL OR length(cert_signature) = 64)) STRICT;"
    "INSERT INTO device_new SELECT device_id, state, name, id_public, noise_public, changed_s, NULL"
    " FROM device;"
    "DROP TABLE device;"
    "ALTER TABLE device_new RENAME TO device;";

/* A charge belongs to an attempt, whether a sum came of it or not. */
static const char migration_6[] =
    "CREATE TABLE privacy_ledger_new("
    " task_id INTEGER NOT NULL,"
    " round INTEGER NOT NULL,"
    " attempt INTEGER NOT NULL,"
    " rho INTEGER NOT NULL CHECK(rho >= 1),"
    " PRIMARY KEY(task_id, round, attempt),"
    " FOREIGN KEY(task_id, round, attempt) REFERENCES round(task_id, round, attempt))"
    " STRICT, WITHOUT ROWID;"
    "INSERT INTO privacy_ledger_new SELECT task_id, round, attempt, rho FROM privacy_ledger;"
    "DROP TABLE privacy_ledger;"
    "ALTER TABLE privacy_ledger_new RENAME TO privacy_ledger;"
    "CREATE TRIGGER privacy_ledger_once BEFORE INSERT ON privacy_ledger WHEN EXISTS(SELECT 1 FROM"
    " privacy_ledger WHERE task_id = NEW.task_id AND round = NEW.round AND attempt = NEW.attempt)"
    " BEGIN SELECT raise(ABORT, 'privacy_ledger is insert-only'); END;"
    "CREATE TRIGGER privacy_ledger_no_update BEFORE UPDATE ON privacy_ledger"
    " BEGIN SELECT raise(ABORT, 'privacy_ledger is insert-only'); END;"
    "CREATE TRIGGER privacy_ledger_no_delete BEFORE DELETE ON privacy_ledger"
    " BEGIN SELECT raise(ABORT, 'privacy_ledger is insert-only'); END;";

/* Devices that a task leaves out for lying, until the operator readmits them. */
static const char migration_7[] = "CREATE TABLE exclusion("
                                  " task_id INTEGER NOT NULL REFERENCES task(task_id),"
                                  " device_id INTEGER NOT NULL REFERENCES device(device_id),"
                                  " PRIMARY KEY(task_id, device_id)) STRICT, WITHOUT ROWID;";

const char *const fedli_migrations[] = {migration_1, migration_2, migration_3, migration_4,
                                        migration_5, migration_6, migration_7};
const uint32_t fedli_migration_count = sizeof fedli_migrations / sizeof fedli_migrations[0];
