#ifndef TRACKLIGHT_DB_FOREIGN_H
#define TRACKLIGHT_DB_FOREIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/sv.h"
#include "common/db/db.h"

/* A database that another program made, read and never written: all of it as it was when it was opened, also
 * while that program goes on. Columns are asked for by name, so that a schema which lacks some is readable.
 * One thread's. */
struct foreign;
struct foreign_rows;

/* INVALID_PARAMETER_VALUE, with a sentence, if there is no database. NULL then. */
struct foreign *foreign_open(struct sv path, struct arena *arena, struct error *error);
void foreign_close(struct foreign *foreign);

/* An empty database of its own, on disk if it grows, gone when it is closed: for what another program keeps
 * in other forms than a database. */
struct foreign *foreign_new(struct arena *arena, struct error *error);

/* Runs statements that give no rows: `sql` is a literal of several, without parameters. */
enum status foreign_run(struct foreign *foreign, const char *sql, struct error *error);

/* Runs a statement that gives no rows, a literal, with its parameters. */
enum status foreign_put(struct foreign *foreign, const char *sql, const struct db_value *values, size_t count,
                        struct error *error);

bool foreign_has_table(struct foreign *foreign, const char *table);

/* The rows of a SELECT, which is a literal; `value`, if it is not absent, is bound to its first parameter and
 * `second` to its next. The statement is kept for the next time. NULL on failure (the error is set). Finish
 * it with foreign_done; one use at a time. */
struct foreign_rows *foreign_query(struct foreign *foreign, const char *sql, struct sv value,
                                   struct sv second, struct error *error);
bool foreign_next(struct foreign_rows *rows);
enum status foreign_done(struct foreign_rows *rows);

/* Columns of the current row. NULL, and a column that is not there, are absent, `otherwise`, or 0.0. Texts
 * and blobs are valid until the next row. */
struct sv foreign_text(struct foreign_rows *rows, const char *column);
struct sv foreign_blob(struct foreign_rows *rows, const char *column);
int64_t foreign_int(struct foreign_rows *rows, const char *column, int64_t otherwise);
double foreign_double(struct foreign_rows *rows, const char *column);
bool foreign_is_null(struct foreign_rows *rows, const char *column);

#endif
