#ifndef TRACKLIGHT_STORE_SQL_TEXT_H
#define TRACKLIGHT_STORE_SQL_TEXT_H

#include "common/search/parser.h"
#include "common/store/store.h"

/* SQL put together from fixed pieces, with its values beside it: nothing of a client's ever becomes part of
 * the text. One is reused for all statements of a request. */
struct sql_text {
    struct arena *arena;
    char *data;
    size_t len;
    size_t capacity;
    struct db_value *values;
    size_t value_count;
    size_t value_capacity;
};

void sql_text_init(struct sql_text *sql, struct arena *arena);
void sql_text_clear(struct sql_text *sql);

void sql_text_add(struct sql_text *sql, const char *piece);
/* printf of fixed pieces and numbers that the program made. */
void sql_text_printf(struct sql_text *sql, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* One value for one "?" that a piece holds, in the order of the text. */
void sql_text_bind(struct sql_text *sql, struct db_value value);

/* "(?, ?, …)" for a list. Its length is rounded up to a power of two by repeating the last item, so that
 * lists of all lengths share few texts. */
void sql_text_add_list(struct sql_text *sql, const struct sv *items, size_t count);

/* A clause on a text column: "column = ?", "lower(column) LIKE lower(?)", … */
void sql_text_add_test(struct sql_text *sql, const char *column, const struct search_clause *clause);
/* The same around a value that the caller writes: what comes before it, and what behind. */
const char *sql_text_before_value(const struct search_clause *clause);
void sql_text_add_comparison(struct sql_text *sql, const struct search_clause *clause);

/* A clause's number, exact if it is an integer. */
struct db_value sql_text_number(const struct search_clause *clause);

struct db_stmt *sql_text_query(struct sql_text *sql, struct db_conn *conn);

#endif
