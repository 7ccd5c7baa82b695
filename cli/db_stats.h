#ifndef TRACKLIGHT_CLI_DB_STATS_H
#define TRACKLIGHT_CLI_DB_STATS_H

#include "common/db/db.h"

/* `tracklight db stats`: prints what is in the database. FAILED with the error. */
enum status db_stats_print(struct db *db, struct sv path, struct arena *arena, struct error *error);

#endif
