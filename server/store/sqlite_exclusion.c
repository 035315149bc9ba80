/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Devices that a task leaves out because they were found lying: written with the op that names
 * them, in its transaction; taken away by the operator. When and why stands in the audit log.
 */
#include "store/sqlite_store.h"

fedl_status fedli_sqlite_exclude(sqlite_store *store, const fedl_store_op *op)
{
    uint64_t known = 0;
    if (op->blamed == 0 || op->blamed_other != 0 || op->blamed_in_doubt) {
        return FEDL_OK;
    }
    const fedl_status status = fedli_sql_one(
        store->db, &known, "SELECT 1 FROM device WHERE device_id = ?", "u", op->blamed);
    return status == FEDL_OK
               ? fedli_sql_run(store->db, NULL, "INSERT OR IGNORE INTO exclusion VALUES(?, ?)",
                               "uu", op->task_id, op->blamed)
               : status;
}

fedl_status fedli_sqlite_readmit(sqlite_store *store, const fedl_store_op *op)
{
    return fedli_sql_run(store->db, NULL, "DELETE FROM exclusion WHERE device_id = ?", "u",
                         op->device.device_id);
}

fedl_status fedli_sqlite_exclusion_each(fedl_store *base, uint32_t task_id,
                                        fedl_exclusion_visit visit, void *context)
{
    sqlite_store *store = (sqlite_store *)base;
    sqlite3_stmt *statement = NULL;
    uint64_t known = 0;
    bool row = true;
    fedl_status status =
        fedli_sql_one(store->db, &known, "SELECT 1 FROM task WHERE task_id = ?", "u", task_id);
    if (status == FEDL_OK) {
        status = fedli_sql_prepare(
            store->db, &statement,
            "SELECT device_id FROM exclusion WHERE task_id = ? ORDER BY device_id");
    }
    if (status == FEDL_OK) {
        status = fedli_sql_bind(statement, "u", task_id);
    }
    while (status == FEDL_OK && row) {
        status = fedli_sql_step(statement, &row);
        if (status == FEDL_OK && row) {
            row = visit(context, fedli_sql_u32(statement, 0));
        }
    }
    (void)sqlite3_finalize(statement);
    return fedli_sqlite_note(store, status);
}
