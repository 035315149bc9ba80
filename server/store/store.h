/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store: durable memory of the server. Two implementations behind one table, one conformance
 * suite: store_mem (simulator, tests) and store_sqlite (fedl-server).
 *
 * A store is used by one thread at a time. apply() is one transaction: when it returns FEDL_OK the
 * op is durable, else nothing of it happened. The server runs it on its own thread and turns the
 * result into a STORED event; see host/store_worker.
 */
#ifndef FEDL_STORE_STORE_H
#define FEDL_STORE_STORE_H

#include "coord/store_op.h"

typedef struct fedl_store fedl_store;

/* Row of the list of versions. */
typedef struct fedl_model_row {
    uint32_t task_id;
    uint32_t version;
    uint32_t round;
    uint8_t digest[32];
    uint8_t parent_digest[32];
    uint64_t created_s;
    uint64_t container_bytes;
    uint32_t parameter_count;
    uint64_t agg_state_bytes;   /* optimiser state kept with this version; 0 = none */
    fedl_round_metrics metrics; /* of the round that made it; zero for version 1 */
} fedl_model_row;

typedef struct fedl_task_row {
    uint32_t task_id;
    fedl_task_state state;
    char name[FEDL_TASK_NAME_BYTES_MAX];
    fedl_bytes plan_text;  /* valid during the call */
    uint32_t version;      /* newest */
    uint32_t round_next;   /* after the newest version's round and after all burnt ones */
    uint32_t attempt_last; /* last attempt opened for round_next; 0 = none */
    bool attempt_open;  /* … and it was neither aborted nor burnt: the server went down in it */
    uint64_t rho_spent; /* sum of the privacy ledger, FEDL_RHO_ONE units */
    /* A masked sum that is neither finished nor burnt, of (round_next, attempt_last); 0 = none. */
    uint64_t masked_sum_bytes;
    uint64_t group_state_bytes;
} fedl_task_row;

/* One charge of the privacy ledger; rows are never changed nor taken back. */
typedef struct fedl_charge_row {
    uint32_t round;
    uint32_t attempt;
    uint64_t rho; /* ≥ 1, FEDL_RHO_ONE units */
} fedl_charge_row;

typedef struct fedl_audit_row {
    uint64_t sequence;
    uint64_t utc_s;
    uint8_t hash[32];   /* BLAKE2b-256(previous hash ‖ row): store/audit_chain.h */
    const char *what;   /* "round.commit" … ; valid during the call */
    const char *detail; /* one line; valid during the call */
} fedl_audit_row;

/* Visitors return false to stop early. */
typedef bool (*fedl_device_visit)(void *context, const fedl_device_record *device);
typedef bool (*fedl_task_visit)(void *context, const fedl_task_row *task);
typedef bool (*fedl_model_visit)(void *context, const fedl_model_row *model);
typedef bool (*fedl_charge_visit)(void *context, const fedl_charge_row *charge);
typedef bool (*fedl_exclusion_visit)(void *context, uint32_t device_id);
typedef bool (*fedl_audit_visit)(void *context, const fedl_audit_row *row);

typedef struct fedl_store_ops {
    /* Errors: ERR_EXISTS / ERR_STATE / ERR_NOT_FOUND (the op contradicts what is stored),
     * ERR_RANGE (a field outside its range), ERR_MISMATCH (the container has another digest than
     * the record says), ERR_NO_SPACE, ERR_READ_ONLY, ERR_BUSY (another program writes to the
     * database), ERR_IO, ERR_CORRUPT, ERR_NO_MEMORY. docs/server.md §Store lists which state each
     * op asks for. */
    fedl_status (*apply)(fedl_store *store, const fedl_store_op *op);
    /* Rising ids. Errors of all visits: ERR_IO, ERR_CORRUPT. */
    fedl_status (*device_each)(fedl_store *store, fedl_device_visit visit, void *context);
    fedl_status (*task_each)(fedl_store *store, fedl_task_visit visit, void *context);
    /* Rising versions. Errors: ERR_NOT_FOUND (task), those of reading. */
    fedl_status (*model_each)(fedl_store *store, uint32_t task_id, fedl_model_visit visit,
                              void *context);
    /*
     * Reads one version whole: record gets the fixed fields; container, master words and agg state
     * are copied into the given buffers when these are not NULL (their sizes must be exact, known
     * from model_each). Errors: ERR_NOT_FOUND, ERR_SIZE, ERR_CORRUPT (digest differs), ERR_IO.
     */
    fedl_status (*model_read)(fedl_store *store, fedl_model_record *record, uint32_t task_id,
                              uint32_t version, uint8_t *container, size_t container_bytes,
                              int32_t *master_words, uint32_t parameter_count);
    /* Optimiser state of a version, agg_state_bytes of its row. Errors: ERR_NOT_FOUND, ERR_SIZE,
     * ERR_CORRUPT, ERR_IO. */
    fedl_status (*agg_state_read)(fedl_store *store, uint32_t task_id, uint32_t version,
                                  uint8_t *agg_state, size_t agg_state_bytes);
    /*
     * Reads the masked sum that waits to be finished or burnt, and the group that made it; the
     * sizes must be those of the task's row. Errors: ERR_NOT_FOUND (no such task, or nothing
     * waits), ERR_SIZE, ERR_CORRUPT (a digest differs), ERR_IO.
     */
    fedl_status (*group_read)(fedl_store *store, uint32_t task_id, uint8_t *masked_sum,
                              size_t masked_sum_bytes, uint8_t *group_state,
                              size_t group_state_bytes);
    /* Charges by rising round and attempt. Errors: ERR_NOT_FOUND (task), those of reading. */
    fedl_status (*charge_each)(fedl_store *store, uint32_t task_id, fedl_charge_visit visit,
                               void *context);
    /* Devices that the task leaves out for lying, by rising id. Errors: ERR_NOT_FOUND (task), those
     * of reading. */
    fedl_status (*exclusion_each)(fedl_store *store, uint32_t task_id, fedl_exclusion_visit visit,
                                  void *context);
    fedl_status (*audit_each)(fedl_store *store, fedl_audit_visit visit, void *context);
    /* One line about the last error, for people; never NULL. */
    const char *(*error_text)(const fedl_store *store);
    void (*close)(fedl_store *store);
} fedl_store_ops;

struct fedl_store {
    const fedl_store_ops *ops;
};

/** Opens an empty store in memory. Errors: ERR_NO_MEMORY. crypto and store outlive each other's
 * use. */
FEDL_NODISCARD fedl_status fedl_store_mem_open(fedl_store **store, const fedl_crypto *crypto);
/**
 * Opens or creates the database at path (WAL, synchronous=FULL, STRICT tables, numbered migrations,
 * application_id). Errors: ERR_NOT_FOUND (folder), ERR_READ_ONLY, ERR_NO_SPACE, ERR_VERSION (made
 * by a newer fedl), ERR_FORMAT (not a fedl database), ERR_BUSY (another server has it open),
 * ERR_CORRUPT, ERR_IO. *text (static, ≤ 256 bytes) says more.
 */
FEDL_NODISCARD fedl_status fedl_store_sqlite_open(fedl_store **store, const fedl_crypto *crypto,
                                                  const char *path, char text[256]);

#endif
