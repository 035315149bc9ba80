/* SPDX-License-Identifier: Apache-2.0 */
/* Which cells of a CSV row are inputs and which one is the label: names and "#3" → positions. */
#ifndef FEDL_CLIENT_CSV_COLUMNS_H
#define FEDL_CLIENT_CSV_COLUMNS_H

#include "csv_reader.h"
#include "fedl/normalise.h"
#include "source.h"

#define FEDL_CSV_NO_COLUMN UINT32_MAX

typedef struct fedl_csv_columns {
    uint32_t cell_count; /* of every row */
    uint32_t input_count;
    uint32_t input_at[FEDL_DATA_COLUMNS_MAX];
    fedl_norm norm[FEDL_DATA_COLUMNS_MAX];
    uint32_t label_at; /* FEDL_CSV_NO_COLUMN: none */
} fedl_csv_columns;

/**
 * Finds the columns of the request. header: the cells of the first line when the plan says that
 * there is one, else NULL. first: the reader standing on the first row of data. Where the data has
 * exactly one cell more than the header, the first cell is a row name, as R writes its tables.
 * "#n" counts cells of the data from 0, the row name included.
 * Errors: ERR_MISMATCH (missing column; the text names the nearest), ERR_FORMAT (a mean or scale
 * that is no number), ERR_RANGE (scale ≤ 0).
 */
FEDL_NODISCARD fedl_status fedl_csv_columns_find(fedl_csv_columns *columns,
                                                 const fedl_source_request *request,
                                                 const fedl_bytes *header, uint32_t header_count,
                                                 uint32_t cell_count, bool label_needed,
                                                 char text[FEDL_SOURCE_TEXT_BYTES]);

#endif
