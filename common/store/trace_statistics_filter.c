#include "common/search/lexer.h"
#include "common/store/sql_text.h"
#include "common/store/text.h"
#include "common/store/trace_statistics.h"

#define FAIL(tx, ...) store_fail(tx, INVALID_PARAMETER_VALUE, __VA_ARGS__)

struct clause {
    struct sv identifier;
    struct sv value; /* without its quotes */
};

static enum status refuse_clauses(struct store_tx *tx, struct sv rest)
{
    return FAIL(tx, "Invalid clause(s) in filter string: %.*s", SV_ARG(search_clip(sv_trim(rest))));
}

/* "identifier = 'value'", and nothing behind it. */
static enum status parse(struct store_tx *tx, struct sv filter, struct clause *clause)
{
    struct search_lexer lexer = {.text = filter};
    struct search_token word = search_lexer_next(&lexer);
    if (word.kind == SEARCH_TOKEN_END)
        return FAIL(tx, "Invalid filter: '%.*s'. Expected one filter clause.", SV_ARG(search_clip(filter)));
    size_t begin = lexer.at;
    struct search_token comparator = search_lexer_next(&lexer);
    struct search_token value = search_lexer_next(&lexer);
    if (word.kind != SEARCH_TOKEN_WORD ||
        (comparator.kind != SEARCH_TOKEN_OPERATOR && comparator.kind != SEARCH_TOKEN_WORD))
        return refuse_clauses(tx, filter);
    if (!sv_equal(comparator.text, SV("=")))
        return FAIL(tx, "Invalid comparator: '%.*s', only '=' operator is supported",
                    SV_ARG(search_clip(comparator.text)));
    if (value.kind != SEARCH_TOKEN_STRING)
        return FAIL(tx, "Invalid filter value '%.*s': it must stand in single or double quotes.",
                    SV_ARG(search_clip(sv_trim(sv_from_offset(filter, begin)))));
    struct sv rest = sv_from_offset(filter, lexer.at);
    if (sv_trim(rest).len)
        return refuse_clauses(tx, rest);
    clause->identifier = word.text;
    clause->value = (struct sv){value.text.data + 1, value.text.len - 2};
    return OK;
}

static struct sv unquote(struct sv key)
{
    bool is_quoted = key.len >= 2 && (key.data[0] == '`' || key.data[0] == '"' || key.data[0] == '\'') &&
                     key.data[key.len - 1] == key.data[0];
    return is_quoted ? (struct sv){key.data + 1, key.len - 2} : key;
}

static enum status refuse_entity(struct store_tx *tx, const char *type, struct sv entity, const char *valid)
{
    return FAIL(tx, "Invalid entity '%.*s' specified for view type '%s'. Valid entities are [%s]",
                SV_ARG(search_clip(entity)), type, valid);
}

static enum status refuse_view(struct store_tx *tx, const char *type, const char *wanted,
                               enum statistics_view view)
{
    static const char *const names[] = {
        [STATISTICS_TRACES] = "TRACES",
        [STATISTICS_SPANS] = "SPANS",
        [STATISTICS_ASSESSMENTS] = "ASSESSMENTS",
    };
    return FAIL(tx, "Filtering by %s is only supported for %s view type, got %s", type, wanted, names[view]);
}

static enum status refuse_key(struct store_tx *tx, const char *type, struct sv entity)
{
    return FAIL(tx, "Filtering by %.*s does not require a key, use '%s.%.*s' instead", SV_ARG(entity), type,
                SV_ARG(entity));
}

/* An unknown word is a state that nothing has. */
static int64_t trace_state(struct sv text)
{
    for (int state = TRACE_UNSPECIFIED; state <= TRACE_IN_PROGRESS; state++)
        if (sv_equal(text, sv_from(trace_status_name((enum trace_status)state))))
            return state;
    return -1;
}

static int64_t span_state(struct sv text)
{
    return sv_equal(text, SV("UNSET"))   ? 0
           : sv_equal(text, SV("OK"))    ? 1
           : sv_equal(text, SV("ERROR")) ? 2
                                         : -1;
}

static enum status add_trace(struct store_tx *tx, struct sv entity, struct sv key, struct sv value,
                             struct sql_text *sql)
{
    bool is_tag = sv_equal(entity, SV("tag"));
    if (sv_equal(entity, SV("status"))) {
        if (key.data)
            return refuse_key(tx, "trace", entity);
        sql_text_add(sql, " AND t.status = ?");
        sql_text_bind(sql, db_int(trace_state(value)));
        return OK;
    }
    if (!is_tag && !sv_equal(entity, SV("metadata")))
        return refuse_entity(tx, "trace", entity, "'status', 'tag', 'metadata'");
    if (!key.len)
        return FAIL(tx, "Filtering by %.*s requires a key, e.g. 'trace.%.*s.<key> = <value>'", SV_ARG(entity),
                    SV_ARG(entity));
    sql_text_printf(sql,
                    " AND EXISTS (SELECT 1 FROM %s AS x JOIN trace_names AS xn ON xn.id = x.name "
                    "WHERE x.trace = t.id AND xn.kind = %d AND xn.name = ? AND x.value = ?)",
                    is_tag ? "trace_tags" : "trace_metadata", is_tag ? TRACE_NAME_TAG : TRACE_NAME_METADATA);
    sql_text_bind(sql, db_text(key));
    sql_text_bind(sql, db_text(value));
    return OK;
}

static enum status add_span(struct store_tx *tx, struct sv entity, struct sv key, struct sv value,
                            struct sql_text *sql)
{
    bool is_name = sv_equal(entity, SV("name")), is_type = sv_equal(entity, SV("type"));
    if (!is_name && !is_type && !sv_equal(entity, SV("status")))
        return refuse_entity(tx, "span", entity, "'name', 'status', 'type'");
    if (key.data)
        return refuse_key(tx, "span", entity);
    sql_text_add(sql, is_name ? " AND c.name = ?" : is_type ? " AND c.type = ?" : " AND c.status = ?");
    sql_text_bind(sql, is_name || is_type ? db_text(value) : db_int(span_state(value)));
    return OK;
}

static enum status add_assessment(struct store_tx *tx, struct sv entity, struct sv key, struct sv value,
                                  struct sql_text *sql)
{
    bool is_name = sv_equal(entity, SV("name"));
    if (!is_name && !sv_equal(entity, SV("type")))
        return refuse_entity(tx, "assessment", entity, "'name', 'type'");
    if (key.data)
        return refuse_key(tx, "assessment", entity);
    sql_text_add(sql, is_name ? " AND an.name = ?" : " AND a.kind = ?");
    int64_t kind = sv_equal(value, SV("feedback"))      ? ASSESSMENT_FEEDBACK
                   : sv_equal(value, SV("expectation")) ? ASSESSMENT_EXPECTATION
                                                        : -1;
    sql_text_bind(sql, is_name ? db_text(value) : db_int(kind));
    return OK;
}

enum status statistics_add_filter(struct store_tx *tx, enum statistics_view view, struct sv filter,
                                  struct sql_text *sql)
{
    struct clause clause = {SV_ABSENT, SV_ABSENT};
    if (parse(tx, filter, &clause) != OK)
        return FAILED;
    struct sv key = clause.identifier;
    struct sv type = sv_cut(&key, '.');
    struct sv entity = key.data ? sv_cut(&key, '.') : SV_ABSENT;
    if (entity.data && sv_equal(type, SV("trace")))
        return add_trace(tx, entity, unquote(key), clause.value, sql);
    if (entity.data && sv_equal(type, SV("span")))
        return view == STATISTICS_SPANS ? add_span(tx, entity, key, clause.value, sql)
                                        : refuse_view(tx, "span", "SPANS", view);
    if (entity.data && sv_equal(type, SV("assessment")))
        return view == STATISTICS_ASSESSMENTS ? add_assessment(tx, entity, key, clause.value, sql)
                                              : refuse_view(tx, "assessment", "ASSESSMENTS", view);
    return FAIL(tx,
                "Invalid identifier '%.*s'. Columns should be specified as 'trace.<key>', 'span.<key>', "
                "'assessment.<key>'.",
                SV_ARG(search_clip(clause.identifier)));
}
