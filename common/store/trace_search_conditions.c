#include <math.h>
#include <string.h>

#include "common/base/number.h"
#include "common/json/json_escape.h"
#include "common/store/trace_search_internal.h"

/* What a filter's clauses become in SQL. */

#define LIKE_PATTERN_MAX  50000 /* bytes; the database takes no longer ones */
#define INDEXED_VALUE_MAX 256   /* code points, as the migration has it */

#define SPAN_STATUS_SQL "CASE c.status WHEN 1 THEN 'OK' WHEN 2 THEN 'ERROR' ELSE 'UNSET' END"

struct compiler {
    struct store_tx *tx;
    struct sql_text *sql;
    int64_t experiment;
};

static const char *const number_tests[SEARCH_OPERATORS] = {
    [SEARCH_EQ] = " = ?",  [SEARCH_NE] = " <> ?", [SEARCH_LT] = " < ?",
    [SEARCH_LE] = " <= ?", [SEARCH_GT] = " > ?",  [SEARCH_GE] = " >= ?",
};

static bool is_null_test(const struct search_clause *clause)
{
    return clause->op == SEARCH_IS_NULL || clause->op == SEARCH_IS_NOT_NULL;
}

/* --- Tags and metadata --- */

static const char *table_of(enum trace_name_kind kind)
{
    return kind == TRACE_NAME_TAG ? "trace_tags" : "trace_metadata";
}

/* A condition on the value of one key, without " AND ". */
static enum status add_value_test(struct compiler *compiler, enum trace_name_kind kind, struct sv key,
                                  const struct search_clause *clause)
{
    struct sql_text *sql = compiler->sql;
    const char *table = table_of(kind);
    int64_t name;
    if (trace_name_find(compiler->tx, compiler->experiment, kind, key, &name) != OK)
        return FAILED;
    if (is_null_test(clause)) {
        sql_text_printf(sql, "%sEXISTS (SELECT 1 FROM %s v WHERE v.trace = t.id AND v.name = ?)",
                        clause->op == SEARCH_IS_NULL ? "NOT " : "", table);
        sql_text_bind(sql, db_int(name));
        return OK;
    }
    if (clause->op == SEARCH_EQ && clause->text.len <= INDEXED_VALUE_MAX) { /* by the index of the values */
        sql_text_printf(sql,
                        "t.id IN (SELECT v.trace FROM %s v WHERE v.name = ? AND v.value = ? "
                        "AND length(v.value) <= %d)",
                        table, INDEXED_VALUE_MAX);
        sql_text_bind(sql, db_int(name));
        sql_text_bind(sql, db_text(clause->text));
        return OK;
    }
    sql_text_printf(sql, "%s(SELECT v.value FROM %s v WHERE v.trace = t.id AND v.name = ?)",
                    sql_text_before_value(clause), table);
    sql_text_bind(sql, db_int(name));
    sql_text_add_comparison(sql, clause);
    return OK;
}

/* --- Attributes --- */

static enum status add_run_test(struct compiler *compiler, const struct search_clause *clause)
{
    struct sql_text *sql = compiler->sql;
    bool by_link = clause->op == SEARCH_EQ;
    sql_text_add(sql, by_link ? "(" : "");
    if (add_value_test(compiler, TRACE_NAME_METADATA, SV(TRACE_METADATA_SOURCE_RUN), clause) != OK)
        return FAILED;
    if (by_link) {
        sql_text_add(sql, " OR t.trace_id IN (SELECT l.trace_id FROM trace_run_links l WHERE l.run_id = ?))");
        sql_text_bind(sql, db_text(clause->text));
    }
    return OK;
}

enum escapes { ESCAPE_SPECIAL = 1, ESCAPE_FOREIGN = 2, ESCAPE_ALL = 3 };

/* As JSON has it inside a string: escapes for special characters (quotes, backslashes, control characters),
 * for those that are not ASCII, or for both. */
static struct sv escaped(struct arena *arena, struct sv text, enum escapes escapes)
{
    if (json_plain_run(text, 0) == text.len)
        return text;
    char *bytes = arena_alloc(arena, text.len * 6 + JSON_ESCAPE_MAX);
    size_t len = 0;
    for (size_t at = 0; at < text.len;) {
        size_t size = json_plain_run(text, at);
        if (size == 0) {
            bool foreign = (unsigned char)text.data[at] >= 0x80;
            if (escapes & (foreign ? ESCAPE_FOREIGN : ESCAPE_SPECIAL)) {
                len += json_escape(text, &at, bytes + len);
                continue;
            }
            size = 1;
        }
        memcpy(bytes + len, text.data + at, size);
        len += size;
        at += size;
    }
    return (struct sv){bytes, len};
}

/* As a JSON string. */
static struct sv quoted(struct arena *arena, struct sv text)
{
    struct sv inside = escaped(arena, text, ESCAPE_ALL);
    return arena_printf(arena, "\"%.*s\"", SV_ARG(inside));
}

/* The patterns that look for a clause's in a column of JSON in pure ASCII. It may mean the text as it stands,
 * what a string in it says, or (`nested`) what a string in the JSON of such a string says. */
static enum status find_patterns(struct compiler *compiler, const struct search_clause *clause, bool nested,
                                 struct sv patterns[TRACE_PATTERNS_MAX], size_t *count)
{
    struct arena *arena = compiler->tx->arena;
    bool plain = json_plain_run(clause->text, 0) == clause->text.len;
    struct sv special = escaped(arena, clause->text, ESCAPE_SPECIAL);
    patterns[0] = escaped(arena, clause->text, ESCAPE_FOREIGN);
    patterns[1] = escaped(arena, clause->text, ESCAPE_ALL);
    patterns[2] = escaped(arena, special, ESCAPE_ALL);
    *count = plain ? 1 : nested ? 3 : 2;
    for (size_t i = 0; i < *count; i++) {
        if (patterns[i].len > LIKE_PATTERN_MAX)
            return store_fail(compiler->tx, INVALID_PARAMETER_VALUE,
                              "A pattern in the filter is too long: with its characters escaped as in JSON, "
                              "it may have at most %d bytes.",
                              LIKE_PATTERN_MAX);
    }
    return OK;
}

/* "(column LIKE ? OR …)" */
static enum status add_patterns(struct compiler *compiler, const char *column,
                                const struct search_clause *clause, bool nested)
{
    struct sv patterns[TRACE_PATTERNS_MAX];
    size_t count;
    if (find_patterns(compiler, clause, nested, patterns, &count) != OK)
        return FAILED;
    sql_text_add(compiler->sql, "(");
    for (size_t i = 0; i < count; i++) {
        struct search_clause pattern = *clause;
        pattern.text = patterns[i];
        sql_text_add(compiler->sql, i ? " OR " : "");
        sql_text_add_test(compiler->sql, column, &pattern);
    }
    sql_text_add(compiler->sql, ")");
    return OK;
}

/* Attributes are JSON in strings of a span's JSON. */
static enum status add_text_test(struct compiler *compiler, const struct search_clause *clause)
{
    sql_text_add(compiler->sql, "EXISTS (SELECT 1 FROM spans s JOIN span_contents c ON c.id = s.content "
                                "WHERE s.trace = t.id AND ");
    if (add_patterns(compiler, "c.content", clause, true) != OK)
        return FAILED;
    sql_text_add(compiler->sql, ")");
    return OK;
}

static void add_number_test(struct sql_text *sql, const char *column, const struct search_clause *clause)
{
    sql_text_add(sql, column);
    sql_text_add(sql, number_tests[clause->op]);
    sql_text_bind(sql, sql_text_number(clause));
}

static enum status add_attribute_test(struct compiler *compiler, const struct search_clause *clause)
{
    struct sql_text *sql = compiler->sql;
    switch ((enum trace_key)clause->fixed->id) {
    case TRACE_KEY_NAME:
        return add_value_test(compiler, TRACE_NAME_TAG, SV(TRACE_TAG_NAME), clause);
    case TRACE_KEY_RUN_ID:
        return add_run_test(compiler, clause);
    case TRACE_KEY_PROMPT:
        sql_text_add(sql, "t.trace_id IN (SELECT l.trace_id FROM trace_prompt_links l WHERE l.prompt = ?)");
        sql_text_bind(sql, db_text(clause->text));
        return OK;
    case TRACE_KEY_TEXT:
        return add_text_test(compiler, clause);
    case TRACE_KEY_TIMESTAMP:
        add_number_test(sql, "t.request_time", clause);
        return OK;
    case TRACE_KEY_EXECUTION_TIME:
        add_number_test(sql, "t.duration", clause);
        return OK;
    case TRACE_KEY_END_TIME:
        add_number_test(sql, "t.request_time + coalesce(t.duration, 0)", clause);
        return OK;
    case TRACE_KEY_CLIENT_REQUEST_ID:
        sql_text_add_test(sql, "t.client_request_id", clause);
        return OK;
    case TRACE_KEY_REQUEST_ID:
        sql_text_add_test(sql, "t.trace_id", clause);
        return OK;
    default:
        sql_text_add_test(sql, TRACE_STATUS_SQL, clause);
        return OK;
    }
}

/* --- Spans --- */

static enum status add_span_test(struct compiler *compiler, const struct search_clause *clause)
{
    struct sql_text *sql = compiler->sql;
    if (clause->fixed->id == TRACE_KEY_SPAN_CONTENT)
        return add_text_test(compiler, clause);
    sql_text_add(sql,
                 "t.id IN (SELECT s.trace FROM spans s WHERE s.class IN (SELECT c.id FROM span_classes c "
                 "WHERE c.experiment = ? AND ");
    sql_text_bind(sql, db_int(compiler->experiment));
    if (clause->fixed->id == TRACE_KEY_SPAN_NAME) {
        sql_text_add_test(sql, "c.name", clause);
    } else if (clause->fixed->id == TRACE_KEY_SPAN_TYPE) {
        sql_text_add(sql, "c.type <> '' AND ");
        sql_text_add_test(sql, "c.type", clause);
    } else {
        sql_text_add_test(sql, SPAN_STATUS_SQL, clause);
    }
    sql_text_add(sql, "))");
    return OK;
}

/* Compares what the attribute says: a string itself, of anything else its JSON text. Only spans that hold the
 * key's text, and the value's where that stands there as it is, are parsed. A JSON text that has escapes,
 * which a client may have written in its own way, shows by backslashes that are escaped again. */
static void add_span_attribute_test(struct compiler *compiler, const struct search_clause *clause)
{
    struct sql_text *sql = compiler->sql;
    bool value_stands =
        clause->op == SEARCH_EQ && clause->text.len && json_plain_run(clause->text, 0) == clause->text.len;
    sql_text_add(sql, "EXISTS (SELECT 1 FROM spans s JOIN span_contents c ON c.id = s.content "
                      "JOIN json_each(c.content, '$.attributes') a "
                      "WHERE s.trace = t.id AND instr(c.content, ?) > 0");
    sql_text_bind(sql, db_text(quoted(compiler->tx->arena, clause->key)));
    if (value_stands) {
        sql_text_add(sql, " AND (instr(c.content, ?) > 0 OR instr(c.content, '\\\\') > 0)");
        sql_text_bind(sql, db_text(clause->text));
    }
    sql_text_add(sql, " AND a.key = ? AND ");
    sql_text_bind(sql, db_text(clause->key));
    sql_text_add_test(sql,
                      "CASE WHEN substr(a.value, 1, 1) = '\"' AND json_valid(a.value) "
                      "THEN json_extract(a.value, '$') ELSE a.value END",
                      clause);
    sql_text_add(sql, ")");
}

/* --- Assessments --- */

/* A stored value is JSON: a string is what stands in its quotes or they with it, and of numbers the size
 * counts, not how they are written. */
static void add_equality(struct compiler *compiler, const struct search_clause *clause)
{
    struct sql_text *sql = compiler->sql;
    struct arena *arena = compiler->tx->arena;
    double number;
    bool is_number = parse_double(clause->text, &number) && isfinite(number);
    sql_text_add(sql, clause->op == SEARCH_NE ? "NOT (a.value IN (?, ?)" : "(a.value IN (?, ?)");
    sql_text_bind(sql, db_text(escaped(arena, clause->text, ESCAPE_FOREIGN)));
    sql_text_bind(sql, db_text(quoted(arena, clause->text)));
    if (is_number) {
        sql_text_add(sql, " OR (a.value GLOB '[-0-9]*' AND CAST(a.value AS REAL) = ?)");
        sql_text_bind(sql, db_double(number));
    }
    sql_text_add(sql, ")");
}

static enum status add_assessment_test(struct compiler *compiler, enum assessment_kind kind,
                                       const struct search_clause *clause)
{
    struct sql_text *sql = compiler->sql;
    int64_t name;
    if (trace_name_find(compiler->tx, compiler->experiment, TRACE_NAME_ASSESSMENT, clause->key, &name) != OK)
        return FAILED;
    bool indexed = clause->op == SEARCH_EQ && clause->text.len < INDEXED_VALUE_MAX / 8;
    if (indexed)
        sql_text_printf(sql,
                        "t.id IN (SELECT a.trace FROM assessments a WHERE a.name = ? AND a.kind = %d "
                        "AND length(a.value) <= %d",
                        kind, INDEXED_VALUE_MAX);
    else
        sql_text_printf(
            sql, "%sEXISTS (SELECT 1 FROM assessments a WHERE a.trace = t.id AND a.name = ? AND a.kind = %d",
            clause->op == SEARCH_IS_NULL ? "NOT " : "", kind);
    sql_text_bind(sql, db_int(name));
    if (is_null_test(clause)) {
        sql_text_add(sql, ")");
        return OK;
    }
    sql_text_add(sql, " AND ");
    if (clause->op == SEARCH_EQ || clause->op == SEARCH_NE)
        add_equality(compiler, clause);
    else if (number_tests[clause->op])
        add_number_test(sql, "a.value GLOB '[-0-9]*' AND CAST(a.value AS REAL)", clause);
    else if (clause->op == SEARCH_RLIKE)
        sql_text_add_test(sql, "a.value", clause);
    else if (add_patterns(compiler, "a.value", clause, false) != OK)
        return FAILED;
    sql_text_add(sql, ")");
    return OK;
}

/* --- The whole --- */

static enum status add_clause(struct compiler *compiler, const struct search_clause *clause)
{
    switch ((enum trace_entity)clause->entity->id) {
    case TRACE_ATTRIBUTE:
        return add_attribute_test(compiler, clause);
    case TRACE_TAG:
        return add_value_test(compiler, TRACE_NAME_TAG, clause->key, clause);
    case TRACE_METADATA:
        return add_value_test(compiler, TRACE_NAME_METADATA, clause->key, clause);
    case TRACE_SPAN:
        return add_span_test(compiler, clause);
    case TRACE_SPAN_ATTRIBUTE:
        add_span_attribute_test(compiler, clause);
        return OK;
    case TRACE_FEEDBACK:
        return add_assessment_test(compiler, ASSESSMENT_FEEDBACK, clause);
    case TRACE_EXPECTATION:
        break;
    }
    return add_assessment_test(compiler, ASSESSMENT_EXPECTATION, clause);
}

static bool is_text_clause(const struct search_clause *clause)
{
    return (clause->entity->id == TRACE_ATTRIBUTE && clause->fixed->id == TRACE_KEY_TEXT) ||
           (clause->entity->id == TRACE_SPAN && clause->fixed->id == TRACE_KEY_SPAN_CONTENT);
}

/* Before the conditions: what lets traces be passed over without reading their spans. */
static enum status add_gates(struct compiler *compiler, const struct search_filter *filter)
{
    struct trace_gate gate;
    bool opened = false;
    for (size_t i = 0; i < filter->count; i++) {
        const struct search_clause *clause = &filter->clauses[i];
        struct sv patterns[TRACE_PATTERNS_MAX];
        size_t count;
        bool is_text = is_text_clause(clause);
        if (!is_text && clause->entity->id != TRACE_SPAN_ATTRIBUTE)
            continue;
        if (!opened && trace_gate_open(compiler->tx, &gate) != OK)
            return FAILED;
        opened = true;
        if (!is_text)
            trace_gate_add_attribute(compiler->tx, &gate, clause, compiler->sql);
        else if (find_patterns(compiler, clause, true, patterns, &count) != OK)
            return FAILED;
        else
            trace_gate_add_text(compiler->tx, &gate, patterns, count, compiler->sql);
    }
    return OK;
}

enum status trace_conditions_add(struct store_tx *tx, struct sql_text *sql, int64_t experiment,
                                 const struct search_filter *filter)
{
    struct compiler compiler = {.tx = tx, .sql = sql, .experiment = experiment};
    sql_text_add(sql, filter->count ? " AND " : "");
    if (add_gates(&compiler, filter) != OK)
        return FAILED;
    for (size_t i = 0; i < filter->count; i++) {
        sql_text_add(sql, i ? " AND " : "");
        if (add_clause(&compiler, &filter->clauses[i]) != OK)
            return FAILED;
    }
    return OK;
}
