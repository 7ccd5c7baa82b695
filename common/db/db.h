#ifndef TRACKLIGHT_DB_DB_H
#define TRACKLIGHT_DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/sv.h"

/* The one place that talks to the database engine. Today that is SQLite; the interface names none of its
 * types, so that another driver fits behind it. */

struct db;      /* a database: a pool of read connections and one write connection, shared by all threads */
struct db_conn; /* a connection with a transaction open, owned by one thread from db_begin to commit or
                   rollback */
struct db_stmt; /* a prepared statement of a connection */

enum db_durability {
    DB_DURABILITY_FULL,   /* a commit survives power loss */
    DB_DURABILITY_NORMAL, /* never inconsistent, but power loss may take the last moments */
};

enum db_access { DB_READ, DB_WRITE };

struct db_options {
    struct sv path;
    enum db_durability durability;
    unsigned max_readers;     /* 0: 2 x cores + 2 */
    int64_t write_timeout_ms; /* a writer that cannot start in time gets TEMPORARILY_UNAVAILABLE */
    int64_t read_timeout_ms;  /* a read transaction that takes longer is interrupted: DEADLINE-like
                                 TEMPORARILY_UNAVAILABLE */
    bool create;              /* make the file if it does not exist, and migrate it */
};

/* Opens, checks application id and schema version, migrates (each step in one transaction). Fails with a
 * message for the administrator: not ours, newer schema, not a database, no permission. NULL on failure. */
struct db *db_open(const struct db_options *options, struct arena *arena, struct error *error);
void db_close(struct db *db);

/* Begins a transaction. DB_READ: a snapshot that refuses writes. DB_WRITE: joins the group of writers; nobody
 * else writes until commit or rollback. *conn is the caller's until then. Errors go to `error`, messages to
 * `arena`. */
enum status db_begin(struct db *db, enum db_access access, struct arena *arena, struct error *error,
                     struct db_conn **conn);

/* Ends the transaction. For a writer OK means durable; FAILED means that nothing of it was kept. A reader's
 * commit only ends the snapshot. A transaction whose error is set (and not forgiven) is rolled back and
 * FAILED. conn is gone either way. */
enum status db_commit(struct db_conn *conn);

/* Undoes the transaction (a writer's group members are not touched) and gives the connection back. */
void db_rollback(struct db_conn *conn);

/* Undoes everything since db_begin but keeps the transaction open; for code that wants to try again. */
enum status db_undo(struct db_conn *conn);

/* A part of a write transaction that can fail by itself: begin, then keep or undo. Parts are not nested, and
 * no statement is open where one begins or ends. Undo also clears the error; it is for faults of the client's
 * data, not for a database that cannot store (TEMPORARILY_UNAVAILABLE), which ends the whole transaction. */
enum status db_part_begin(struct db_conn *conn);
enum status db_part_keep(struct db_conn *conn);
enum status db_part_undo(struct db_conn *conn);

struct arena *db_arena(struct db_conn *conn);
struct error *db_error(struct db_conn *conn);

/* --- Statements --- */

enum db_type { DB_NULL, DB_INT, DB_DOUBLE, DB_TEXT, DB_BLOB };

struct db_value {
    enum db_type type;
    int64_t integer;
    double real;
    struct sv bytes;
};

static inline struct db_value db_int(int64_t value)
{
    return (struct db_value){.type = DB_INT, .integer = value};
}
static inline struct db_value db_double(double value)
{
    return (struct db_value){.type = DB_DOUBLE, .real = value};
}
/* An absent text is NULL. The bytes must live until the statement is reset. */
static inline struct db_value db_text(struct sv value)
{
    return (struct db_value){.type = value.data ? DB_TEXT : DB_NULL, .bytes = value};
}
static inline struct db_value db_blob(struct sv value)
{
    return (struct db_value){.type = value.data ? DB_BLOB : DB_NULL, .bytes = value};
}
static inline struct db_value db_null(void)
{
    return (struct db_value){.type = DB_NULL};
}

/* A literal's place in the statement caches; one static per use, gathered in the linker section "db_literals"
 * so that a test can prepare them all. */
struct db_literal {
    const char *sql;
};

#define DB_LITERAL(sql_)                                                  \
    __extension__({                                                       \
        static const struct db_literal db_literal_                        \
            __attribute__((used, section("db_literals"))) = {"" sql_ ""}; \
        &db_literal_;                                                     \
    })

#define DB_VALUES(...)        \
    (const struct db_value[]) \
    {                         \
        __VA_ARGS__           \
    }
#define DB_VALUE_COUNT(...) (sizeof(DB_VALUES(__VA_ARGS__)) / sizeof(struct db_value))

/* The statement of a literal (prepared once per connection), bound to the values, ready to step. NULL on
 * failure (the transaction's error is set). At most one use of one literal is open at a time per connection;
 * finish it with db_done. At least one value: statements without parameters use db_query0 / db_exec0. */
#define db_query(conn, sql, ...) \
    db_query_literal((conn), DB_LITERAL(sql), DB_VALUES(__VA_ARGS__), DB_VALUE_COUNT(__VA_ARGS__))
#define db_query0(conn, sql) db_query_literal((conn), DB_LITERAL(sql), NULL, 0)

/* Runs a statement that gives no rows. *changed (may be NULL) counts the rows it changed. */
#define db_exec(conn, changed, sql, ...) \
    db_exec_literal((conn), (changed), DB_LITERAL(sql), DB_VALUES(__VA_ARGS__), DB_VALUE_COUNT(__VA_ARGS__))
#define db_exec0(conn, changed, sql) db_exec_literal((conn), (changed), DB_LITERAL(sql), NULL, 0)

struct db_stmt *db_query_literal(struct db_conn *conn, const struct db_literal *literal,
                                 const struct db_value *values, size_t count);
enum status db_exec_literal(struct db_conn *conn, int64_t *changed, const struct db_literal *literal,
                            const struct db_value *values, size_t count);

/* SQL that was put together at run time (the search compiler; never from a client's text, whose values are
 * bound). Kept in a bounded cache per connection by its text. */
struct db_stmt *db_query_text(struct db_conn *conn, struct sv sql, const struct db_value *values,
                              size_t count);

enum db_row { DB_ROW, DB_DONE, DB_FAILED };

/* DB_FAILED has set the transaction's error. */
enum db_row db_step(struct db_stmt *stmt);

/* Ends the use of a statement. OK unless a step failed. NULL is allowed (and FAILED). */
enum status db_done(struct db_stmt *stmt);

/* Columns of the current row, from 0. Texts and blobs are valid until the next step; db_column_text_copy
 * copies to the arena. NULL gives 0, 0.0 and absent. */
bool db_column_is_null(struct db_stmt *stmt, int column);
int64_t db_column_int(struct db_stmt *stmt, int column);
double db_column_double(struct db_stmt *stmt, int column);
struct sv db_column_text(struct db_stmt *stmt, int column);
struct sv db_column_blob(struct db_stmt *stmt, int column);
struct sv db_column_text_copy(struct db_stmt *stmt, int column);

/* The id that the last INSERT of this connection made. */
int64_t db_last_insert_id(struct db_conn *conn);

/* Whether the last failure of this transaction was a UNIQUE or PRIMARY KEY / FOREIGN KEY constraint. After
 * such a failure the transaction can go on once db_forgive has cleared the error. */
bool db_failed_unique(struct db_conn *conn);
bool db_failed_foreign_key(struct db_conn *conn);
void db_forgive(struct db_conn *conn);

/* --- Administration (tracklight db …) --- */

#define DB_APPLICATION_ID 0x544b4c54 /* "TKLT" */

struct db_info {
    int64_t schema_version; /* of the file */
    int64_t newest_version; /* that this program knows */
    int64_t database_bytes, wal_bytes;
    int64_t commits, group_members; /* of this process */
};
enum status db_info(struct db *db, struct arena *arena, struct error *error, struct db_info *info);

struct db_table {
    struct sv name;
    int64_t rows;
    int64_t bytes; /* with its indexes; -1: this SQLite cannot tell */
};
struct db_stats {
    int64_t page_bytes, pages, free_pages;
    struct db_table *tables; /* by name */
    size_t table_count;
};
/* Reads the whole file. In the arena. */
enum status db_stats(struct db *db, struct arena *arena, struct error *error, struct db_stats *stats);

/* Looks over the structure of the file, but not over its indexes: seconds where db_check takes minutes.
 * *problem is the first one that was found; absent: none. FAILED if not even that is possible. */
enum status db_quick_check(struct db *db, struct arena *arena, struct error *error, struct sv *problem);

/* Full integrity and foreign key check; problems are reported line by line to `report`, and FAILED then. */
enum status db_check(struct db *db, struct arena *arena, struct error *error,
                     void (*report)(void *context, struct sv line), void *context);

/* SQLite's online backup into a new file, synced to disk; an existing file is refused. Writers go on
 * meanwhile. */
enum status db_backup(struct db *db, struct sv path, struct arena *arena, struct error *error);

/* Puts a copy of `backup` in the place of the database at `path`, which need not exist. FAILED, and nothing
 * is changed, if anybody has the database open, if it is a file that is not ours, or if the backup is not one
 * of ours, has a newer schema or is damaged (which db_check reports). An older schema is brought up to date.
 */
enum status db_restore(struct sv path, struct sv backup, struct arena *arena, struct error *error,
                       void (*report)(void *context, struct sv line), void *context);

#endif
