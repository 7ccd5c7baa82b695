#ifndef TRACKLIGHT_STORE_DATASET_RECORDS_H
#define TRACKLIGHT_STORE_DATASET_RECORDS_H

#include <stdint.h>

#include "common/store/store.h"

struct json_object;

/* The records of evaluation datasets. What a record is of its inputs say alone: the same inputs again change
 * the record. */

struct dataset_records_counts {
    int64_t inserted;
    int64_t updated;
};

/* `records` is a JSON array of objects with inputs, outputs, expectations, tags, source; anything else is
 * INVALID_PARAMETER_VALUE. All of them or none. It is changed, and what is read besides becomes part of it,
 * so that whoever frees it frees all. */
enum status dataset_records_upsert(struct store_tx *tx, struct sv dataset_id, struct json_object *records,
                                   struct dataset_records_counts *counts);

#define DATASET_RECORDS_DEFAULT 1000
#define DATASET_RECORDS_MAX     50000              /* of one page */
#define DATASET_RECORDS_BYTES   (16 * 1024 * 1024) /* after which a page ends, whatever was asked for */

struct dataset_records_page {
    struct sv records;         /* a JSON array, as text */
    struct sv next_page_token; /* absent on the last page */
};

/* In the order in which they came. `max_results` is positive. None for a dataset that is not there. */
enum status dataset_records_list(struct store_tx *tx, struct sv dataset_id, int64_t max_results,
                                 struct sv page_token, struct dataset_records_page *page);

#endif
