/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plan files: INI text → checked structs. Read by fedl-server (task add), fedl-sim, fedl and, for
 * the [data] section that travels with a plan, by fedl-client. libinih does the INI; our own line
 * reader in front of it counts lines, refuses over-long ones and duplicates. Unknown sections and
 * keys are errors. Reference of all keys: docs/plan.md.
 */
#ifndef FEDL_PORT_PLAN_FILE_H
#define FEDL_PORT_PLAN_FILE_H

#include "fedl/plan.h"

#include <stdbool.h>

#define FEDL_PLAN_TEXT_BYTES_MAX (64u * 1024u)
#define FEDL_PLAN_PATH_BYTES_MAX 512u
#define FEDL_DATA_COLUMNS_MAX    256u

typedef enum fedl_data_format {
    FEDL_DATA_IDX = 1, /* images + labels, pixels 0 … 255 */
    FEDL_DATA_CSV = 2,
} fedl_data_format;

/* One input column of a table. */
typedef struct fedl_data_column {
    char name[48];      /* header name, or "#3" = fourth column of a file without header */
    char mean_text[24]; /* decimal; x = (value − mean) / scale */
    char scale_text[24];
} fedl_data_column;

/* The [data] section: how rows become inputs and targets. The same on devices, server tools and
 * simulator. */
typedef struct fedl_data_config {
    fedl_data_format format;
    uint32_t column_count; /* CSV: number of inputs */
    fedl_data_column columns[FEDL_DATA_COLUMNS_MAX];
    char label_column[48];
    bool header;              /* CSV: first line holds names; false for IDX */
    char separator;           /* CSV: ',' by default; 0 for IDX */
    char class_names[32][24]; /* optional: label texts in class order; class_count = 0: labels are 0
                                 … n−1 */
    uint32_t class_count;
} fedl_data_config;

typedef enum fedl_partition_kind {
    FEDL_PARTITION_IID = 1,
    FEDL_PARTITION_DIRICHLET = 2,
} fedl_partition_kind;

/* The parts that only fedl-sim and the tools read: where the data of an experiment lies and how it
 * is spread. */
typedef struct fedl_experiment_config {
    char train_path[FEDL_PLAN_PATH_BYTES_MAX]; /* IDX: images; CSV: table. Empty: none given */
    char train_labels_path[FEDL_PLAN_PATH_BYTES_MAX];
    char test_path[FEDL_PLAN_PATH_BYTES_MAX];
    char test_labels_path[FEDL_PLAN_PATH_BYTES_MAX];
    fedl_partition_kind partition;
    double dirichlet_alpha;
    uint32_t client_count;
    uint32_t partition_seed;
    uint32_t eval_every_rounds; /* test-set evaluation every n rounds, ≥ 1 */
} fedl_experiment_config;

typedef struct fedl_task_config {
    char name[FEDL_TASK_NAME_BYTES_MAX];
    fedl_plan plan; /* plan.data points to data_text below */
    fedl_round_config round;
    fedl_data_config data;
    fedl_experiment_config experiment;
    uint32_t dropout_permille; /* expected while training: sets the default of select */
    double privacy_delta; /* that the budget was made with; for reports, as plan.privacy holds ρ */
    char data_text[FEDL_PLAN_DATA_BYTES_MAX];
} fedl_task_config;

#define FEDL_PLAN_REMEDIES_MAX 4u

/* Where and why a plan was refused, and what would do. */
typedef struct fedl_plan_error {
    uint32_t line; /* 1-based; 0 = the file as a whole */
    /* One line, ready to print: the reason ("unknown key 'epoch' in [train]; did you mean
     * 'epochs'?") and, when there are remedies, ": use …". */
    char text[1024];
    uint32_t reason_bytes; /* of text, without what to use */
    /* Overrides, separated by blanks, with each of which alone the plan is accepted, strictly. Each
     * was tried. The best comes first; all change as few keys as possible. */
    uint32_t remedy_count;
    char remedies[FEDL_PLAN_REMEDIES_MAX][320];
} fedl_plan_error;

/** "section.key=value" from the command line, applied on top of the file. */
typedef struct fedl_plan_override {
    const char *text;
} fedl_plan_override;

/**
 * Parses a plan from text, checks it, and fills in the defaults. config is ~40 KB: allocate it; it
 * is written whatever comes out, and plan.data points into it, so it is not to be copied. Of
 * the file's value and several overrides of one key the last one counts, the others are not looked
 * at. Relative paths stay as they are. Errors:
 * ERR_FORMAT (syntax, unknown, missing or double key, wrong type), ERR_RANGE (a value or a
 * combination outside its range), ERR_UNSUPPORTED (a kind that this build lacks), ERR_FULL (text, a
 * line, a list or the normalised [data] section is too long). error says where and why; its line is
 * 0 for a missing key and for an override. Reference of all keys: docs/plan.md.
 */
FEDL_NODISCARD fedl_status fedl_plan_file_parse(fedl_task_config *config, fedl_bytes text,
                                                const fedl_plan_override *overrides,
                                                size_t override_count, fedl_plan_error *error);
/**
 * Reads the file, then parses it. Relative paths in the file start at its folder; those in
 * overrides stay as they are. Errors: those of parse (an empty file: ERR_FORMAT), ERR_NOT_FOUND,
 * ERR_IO (a folder too), ERR_NO_MEMORY, ERR_FULL (path). error->text never repeats path.
 */
FEDL_NODISCARD fedl_status fedl_plan_file_read(fedl_task_config *config, const char *path,
                                               const fedl_plan_override *overrides,
                                               size_t override_count, fedl_plan_error *error);
/**
 * As read, and strictly: refuses also (ERR_RANGE) plans that are safe but would hardly ever work,
 * because too many attempts at a masked round fail, or rounds with all their attempts
 * (fedl_attempts_suffice() in planner/attempt_failure.h). For operators; servers and simulators run
 * such plans.
 */
FEDL_NODISCARD fedl_status fedl_plan_file_check(fedl_task_config *config, const char *path,
                                                const fedl_plan_override *overrides,
                                                size_t override_count, fedl_plan_error *error);
/**
 * Parses the [data] lines of a received plan (fedl_plan.data): gives the same struct as the plan
 * file gave. data owns everything. Errors: ERR_FORMAT, ERR_RANGE, ERR_FULL, with error as above.
 */
FEDL_NODISCARD fedl_status fedl_plan_data_parse(fedl_data_config *data, fedl_bytes data_text,
                                                fedl_plan_error *error);

#endif
