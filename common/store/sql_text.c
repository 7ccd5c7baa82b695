#include "common/store/sql_text.h"

#include <stdio.h>
#include <string.h>

enum { FIRST_TEXT = 2048, FIRST_VALUES = 32, SHORTEST_LIST = 4 };

void sql_text_init(struct sql_text *sql, struct arena *arena)
{
    *sql = (struct sql_text){.arena = arena, .capacity = FIRST_TEXT, .value_capacity = FIRST_VALUES};
    sql->data = arena_alloc(arena, FIRST_TEXT);
    sql->values = ARENA_ARRAY(arena, struct db_value, FIRST_VALUES);
}

void sql_text_clear(struct sql_text *sql)
{
    sql->len = 0;
    sql->value_count = 0;
}

static void add_bytes(struct sql_text *sql, const char *bytes, size_t len)
{
    if (len > sql->capacity - sql->len) {
        size_t capacity = sql->capacity * 2;
        while (capacity - sql->len < len)
            capacity *= 2;
        char *data = arena_alloc(sql->arena, capacity);
        memcpy(data, sql->data, sql->len);
        sql->data = data;
        sql->capacity = capacity;
    }
    memcpy(sql->data + sql->len, bytes, len);
    sql->len += len;
}

void sql_text_add(struct sql_text *sql, const char *piece)
{
    add_bytes(sql, piece, strlen(piece));
}

void sql_text_printf(struct sql_text *sql, const char *format, ...)
{
    char piece[512];
    va_list arguments;
    va_start(arguments, format);
    int len = vsnprintf(piece, sizeof(piece), format, arguments);
    va_end(arguments);
    /* A piece that does not fit would be a wrong statement: better none. */
    if (len < 0 || (size_t)len >= sizeof(piece))
        sql_text_add(sql, " piece too long ");
    else
        add_bytes(sql, piece, (size_t)len);
}

void sql_text_bind(struct sql_text *sql, struct db_value value)
{
    if (sql->value_count == sql->value_capacity) {
        struct db_value *values = ARENA_ARRAY(sql->arena, struct db_value, sql->value_capacity * 2);
        memcpy(values, sql->values, sql->value_count * sizeof(values[0]));
        sql->values = values;
        sql->value_capacity *= 2;
    }
    sql->values[sql->value_count++] = value;
}

void sql_text_add_list(struct sql_text *sql, const struct sv *items, size_t count)
{
    size_t length = SHORTEST_LIST;
    while (length < count)
        length *= 2;
    for (size_t i = 0; i < length; i++) {
        sql_text_add(sql, i ? ", ?" : "(?");
        sql_text_bind(sql, db_text(items[i < count ? i : count - 1]));
    }
    sql_text_add(sql, ")");
}

const char *sql_text_before_value(const struct search_clause *clause)
{
    return clause->op == SEARCH_ILIKE ? "lower(" : "";
}

void sql_text_add_comparison(struct sql_text *sql, const struct search_clause *clause)
{
    switch (clause->op) {
    case SEARCH_IN:
    case SEARCH_NOT_IN:
        sql_text_add(sql, clause->op == SEARCH_IN ? " IN " : " NOT IN ");
        sql_text_add_list(sql, clause->items, clause->item_count);
        return;
    case SEARCH_EQ:
        sql_text_add(sql, " = ?");
        break;
    case SEARCH_NE:
        sql_text_add(sql, " <> ?");
        break;
    case SEARCH_ILIKE:
        sql_text_add(sql, ") LIKE lower(?)");
        break;
    case SEARCH_RLIKE:
        sql_text_add(sql, " REGEXP ?");
        break;
    default:
        sql_text_add(sql, " LIKE ?");
        break;
    }
    sql_text_bind(sql, db_text(clause->text));
}

void sql_text_add_test(struct sql_text *sql, const char *column, const struct search_clause *clause)
{
    sql_text_add(sql, sql_text_before_value(clause));
    sql_text_add(sql, column);
    sql_text_add_comparison(sql, clause);
}

struct db_value sql_text_number(const struct search_clause *clause)
{
    return clause->number.is_integer ? db_int(clause->number.integer) : db_double(clause->number.real);
}

struct db_stmt *sql_text_query(struct sql_text *sql, struct db_conn *conn)
{
    return db_query_text(conn, (struct sv){sql->data, sql->len}, sql->values, sql->value_count);
}
