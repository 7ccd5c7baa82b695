#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/search/languages.h"
#include "common/search/like.h"
#include "common/search/parser.h"

static struct arena *arena;

static int set_up(void **state)
{
    (void)state;
    arena = arena_new(64 * 1024 * 1024);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static struct search_filter parse(const struct search_language *language, const char *text)
{
    struct error error = {.code = ERROR_NONE};
    struct search_filter filter;
    enum status status = search_parse_filter(arena, &error, language, sv_from(text), &filter);
    if (status != OK)
        print_error("%s: %.*s\n", text, SV_ARG(error.message));
    assert_int_equal(status, OK);
    return filter;
}

static void assert_error(const struct error *error, const char *text, const char *message)
{
    if (!sv_equal(error->message, sv_from(message)))
        print_error("%s\n  gives  %.*s\n  not    %s\n", text, SV_ARG(error->message), message);
    assert_int_equal(error->code, INVALID_PARAMETER_VALUE);
    assert_true(sv_equal(error->message, sv_from(message)));
}

static void assert_refused(const struct search_language *language, const char *text, const char *message)
{
    struct error error = {.code = ERROR_NONE};
    struct search_filter filter;
    assert_int_equal(search_parse_filter(arena, &error, language, sv_from(text), &filter), FAILED);
    assert_error(&error, text, message);
}

static void assert_sv(struct sv view, const char *expected)
{
    if (!sv_equal(view, sv_from(expected)))
        print_error("'%.*s' is not '%s'\n", SV_ARG(view), expected);
    assert_true(sv_equal(view, sv_from(expected)));
}

/* --- What is accepted --- */

static void an_empty_filter_has_no_clauses(void **state)
{
    (void)state;
    assert_int_equal(parse(&run_language, "").count, 0);
    struct error error = {.code = ERROR_NONE};
    struct search_filter filter;
    assert_int_equal(search_parse_filter(arena, &error, &run_language, SV_ABSENT, &filter), OK);
    assert_int_equal(filter.count, 0);
}

static void every_spelling_of_an_entity_is_known(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int entity;
    } cases[] = {
        {"metric.a = 1", RUN_METRIC},
        {"metrics.a = 1", RUN_METRIC},
        {"parameter.a = 'x'", RUN_PARAM},
        {"parameters.a = 'x'", RUN_PARAM},
        {"param.a = 'x'", RUN_PARAM},
        {"params.a = 'x'", RUN_PARAM},
        {"tag.a = 'x'", RUN_TAG},
        {"tags.a = 'x'", RUN_TAG},
        {"attribute.run_id = 'x'", RUN_ATTRIBUTE},
        {"attributes.run_id = 'x'", RUN_ATTRIBUTE},
        {"attr.run_id = 'x'", RUN_ATTRIBUTE},
        {"run.run_id = 'x'", RUN_ATTRIBUTE},
        {"run_id = 'x'", RUN_ATTRIBUTE},
        {"dataset.name = 'x'", RUN_DATASET},
        {"datasets.digest = 'x'", RUN_DATASET},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct search_filter filter = parse(&run_language, cases[i].text);
        assert_int_equal(filter.count, 1);
        assert_int_equal(filter.clauses[0].entity->id, cases[i].entity);
    }
}

static void attribute_aliases_mean_the_same_key(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int key;
    } cases[] = {
        {"created > 1", RUN_KEY_START_TIME},
        {"attributes.Created > 1", RUN_KEY_START_TIME},
        {"start_time > 1", RUN_KEY_START_TIME},
        {"end_time > 1", RUN_KEY_END_TIME},
        {"attributes.`run name` = 'x'", RUN_KEY_RUN_NAME},
        {"attributes.\"Run name\" = 'x'", RUN_KEY_RUN_NAME},
        {"`Run Name` = 'x'", RUN_KEY_RUN_NAME},
        {"\"run name\" = 'x'", RUN_KEY_RUN_NAME},
        {"run_name = 'x'", RUN_KEY_RUN_NAME},
        {"user_id = 'x'", RUN_KEY_USER_ID},
        {"status = 'x'", RUN_KEY_STATUS},
        {"artifact_uri = 'x'", RUN_KEY_ARTIFACT_URI},
        {"dataset.context = 'x'", RUN_KEY_DATASET_CONTEXT},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(parse(&run_language, cases[i].text).clauses[0].fixed->id, cases[i].key);
}

static void keys_may_be_bare_or_quoted_and_hold_dots(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *key;
    } cases[] = {
        {"params.lr = 'x'", "lr"},
        {"params.a.b.c = 'x'", "a.b.c"},
        {"params.`a b` = 'x'", "a b"},
        {"params.\"a/b\" = 'x'", "a/b"},
        {"params.'a-b:c@d' = 'x'", "a-b:c@d"},
        {"params.`123` = 'x'", "123"},
        {"params.1a = 'x'", "1a"},
        {"params.\xc3\xa9t\xc3\xa9 = 'x'", "\xc3\xa9t\xc3\xa9"},
        {"params.from = 'x'", "from"},
        {"params.in = 'x'", "in"},
        {"params.values = 'x'", "values"},
        {"params.case = 'x'", "case"},
        {"params.as = 'x'", "as"},
        {"params.and = 'x'", "and"},
        {"params.`it's` = 'x'", "it's"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct search_filter filter = parse(&run_language, cases[i].text);
        assert_int_equal(filter.count, 1);
        assert_sv(filter.clauses[0].key, cases[i].key);
    }
}

static void operators_are_read_in_any_case_and_without_blanks(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum search_operator op;
    } cases[] = {
        {"metrics.a>1", SEARCH_GT},
        {"metrics.a\n>=\n1", SEARCH_GE},
        {"metrics.a<1", SEARCH_LT},
        {"metrics.a<=1", SEARCH_LE},
        {"metrics.a=1", SEARCH_EQ},
        {"metrics.a!=1", SEARCH_NE},
        {"params.a='x'", SEARCH_EQ},
        {"params.a LIKE 'x'", SEARCH_LIKE},
        {"params.a like 'x'", SEARCH_LIKE},
        {"params.a iLike 'x'", SEARCH_ILIKE},
        {"run_id in ('x')", SEARCH_IN},
        {"run_id IN('x')", SEARCH_IN},
        {"run_id Not  In ('x')", SEARCH_NOT_IN},
        {"dataset.name NOT IN ('x')", SEARCH_NOT_IN},
        {"params.a IS NULL", SEARCH_IS_NULL},
        {"tags.a is not null", SEARCH_IS_NOT_NULL},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct search_filter filter = parse(&run_language, cases[i].text);
        assert_int_equal(filter.count, 1);
        assert_int_equal(filter.clauses[0].op, cases[i].op);
    }
}

static void quoted_values_know_no_escapes(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *value;
    } cases[] = {
        {"params.a = 'x'", "x"},         {"params.a = \"x\"", "x"},
        {"params.a = ''", ""},           {"params.a = 'it''s'", "it''s"},
        {"params.a = \"it's\"", "it's"}, {"params.a = 'say \"hi\"'", "say \"hi\""},
        {"params.a = 'C:\\'", "C:\\"},   {"params.a = 'a AND b; c'", "a AND b; c"},
        {"params.a = ' x '", " x "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_sv(parse(&run_language, cases[i].text).clauses[0].text, cases[i].value);
}

static void numbers_are_read_exactly(void **state)
{
    (void)state;
    assert_true(parse(&run_language, "metrics.a > -1.5e-3").clauses[0].number.real == -1.5e-3);
    assert_true(parse(&run_language, "metrics.a > .5").clauses[0].number.real == 0.5);
    assert_true(parse(&run_language, "metrics.a>-1").clauses[0].number.real == -1);
    struct search_filter filter = parse(&run_language, "start_time = 9007199254740993");
    assert_true(filter.clauses[0].number.is_integer);
    assert_int_equal(filter.clauses[0].number.integer, INT64_C(9007199254740993));
    assert_false(parse(&run_language, "start_time = 1.5").clauses[0].number.is_integer);
}

static void clauses_are_joined_by_and_or_by_nothing(void **state)
{
    (void)state;
    struct search_filter filter =
        parse(&run_language, "metrics.a > 1 and params.b = 'x' AND tags.c != 'y' aNd status='FINISHED'");
    assert_int_equal(filter.count, 4);
    assert_sv(filter.clauses[3].text, "FINISHED");
    assert_int_equal(parse(&run_language, "metrics.a > 1 params.b = 'x'").count, 2);
    assert_int_equal(parse(&run_language, "params.a='x'AND params.b='y'").count, 2);
}

static void lists_are_python_tuples(void **state)
{
    (void)state;
    struct search_filter filter = parse(&run_language, "run_id IN ('a', \"B\",'2024' ,)");
    assert_int_equal(filter.clauses[0].item_count, 3);
    assert_sv(filter.clauses[0].items[0], "a");
    assert_sv(filter.clauses[0].items[1], "B");
    assert_sv(filter.clauses[0].items[2], "2024");
    filter = parse(&run_language, "dataset.name IN ('a' 'b''c', 'd') AND run_id NOT IN (\"e\")");
    assert_int_equal(filter.clauses[0].item_count, 2);
    assert_sv(filter.clauses[0].items[0], "abc");
    assert_sv(filter.clauses[0].items[1], "d");
    assert_int_equal(filter.clauses[1].item_count, 1);
}

/* --- What is refused --- */

struct refusal {
    const char *text;
    const char *message;
};

static void refused_run_filters_say_why(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"   ", "Invalid filter '   '. Could not be parsed."},
        {"params.a = 'x'; params.b = 'y'",
         "Search filter contained multiple expression \"params.a = 'x'; params.b = "
         "'y'\". Provide AND-ed expression list."},
        {"metrics.a > 1; drop", "Search filter contained multiple expression 'metrics.a > 1; drop'. Provide "
                                "AND-ed expression list."},
        {"params.a = 'x' OR params.b = 'y'", "Invalid clause(s) in filter string: 'OR'"},
        {"AND params.a = 'x'", "Invalid clause(s) in filter string: 'AND'"},
        {"params.a = 'x' AND", "Invalid clause(s) in filter string: 'AND'"},
        {"params.a = 'x' AND AND params.b = 'y'", "Invalid clause(s) in filter string: 'AND'"},
        {"params.a = 'x';", "Invalid clause(s) in filter string: ';'"},
        {"NOT params.a = 'x'", "Invalid clause(s) in filter string: 'NOT'"},
        {"params.a", "Invalid clause(s) in filter string: 'params.a'"},
        {"params.123 = 'x'", "Invalid clause(s) in filter string: 'params.123'"},
        {"params. = 'x'", "Invalid clause(s) in filter string: 'params.'"},
        {"params.a-b = 'x'", "Invalid comparison clause. Expected 'Identifier' found 'params.a-b'"},
        {"params.a/b = 'x'", "Invalid comparison clause. Expected 'Identifier' found 'params.a/b'"},
        {"'x' = 'y'", "Invalid comparison clause. Expected 'Identifier' found ''x''"},
        {"1 = 1", "Invalid comparison clause. Expected 'Identifier' found '1'"},
        {"params.a =", "Invalid comparison clause. Expected 3 tokens found 2"},
        {"params.a = AND params.b = 'x'", "Invalid comparison clause. Expected 3 tokens found 2"},
        {"metrics.a > 1 > 2", "Invalid comparison clause. Expected 3 tokens found 5"},
        {"params.a = foo", "Parameter value is either not quoted or unidentified quote types used for string "
                           "value foo. Use either "
                           "single or double quotes."},
        {"params.a = `foo`", "Parameter value is either not quoted or unidentified quote types used for "
                             "string value `foo`. Use either "
                             "single or double quotes."},
        {"run_name = foo-bar", "Parameter value is either not quoted or unidentified quote types used for "
                               "string value foo-bar. Use "
                               "either single or double quotes."},
        {"params.a = 'x", "Parameter value is either not quoted or unidentified quote types used for string "
                          "value 'x. Use either "
                          "single or double quotes."},
        {"params.a = 10", "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 10"},
        {"tags.a = 10", "Expected a quoted string value for tag (e.g. 'my-value'). Got value 10"},
        {"params.a IN ('x')",
         "Expected a quoted string value for parameter (e.g. 'my-value'). Got value ('x')"},
        {"metrics.acc > '0.2'", "Expected numeric value type for metric. Found '0.2'"},
        {"metrics.acc > abc", "Expected numeric value type for metric. Found abc"},
        {"metrics.acc > NaN", "Expected numeric value type for metric. Found NaN"},
        {"metrics.acc > +1", "Expected numeric value type for metric. Found +1"},
        {"metrics.acc > 0x10", "Expected numeric value type for metric. Found 0x10"},
        {"metrics.acc > - 1", "Expected numeric value type for metric. Found -"},
        {"metrics.a > metrics.b", "Expected numeric value type for metric. Found metrics.b"},
        {"start_time > '150'", "Expected numeric value type for numeric attribute: start_time. Found '150'"},
        {"status = 3", "Expected a quoted string value for attributes. Got value 3"},
        {"dataset.name = 3", "Expected a quoted string value for dataset attributes. Got value 3"},
        {"bar.a = 'x'",
         "Invalid entity type 'bar'. Valid values are ['metric', 'parameter', 'tag', 'attribute', "
         "'dataset']"},
        {"Params.a = 'x'", "Invalid entity type 'Params'. Valid values are ['metric', 'parameter', 'tag', "
                           "'attribute', 'dataset']"},
        {"dataset.foo = 'x'",
         "Invalid dataset key 'foo' specified. Valid keys are '{'name', 'digest', 'context'}'"},
        {"metrics.a LIKE 1", "Invalid comparator 'LIKE' not one of '{'=', '!=', '<', '<=', '>', '>='}'"},
        {"metrics.a == 1", "Invalid comparator '==' not one of '{'=', '!=', '<', '<=', '>', '>='}'"},
        {"metrics.a <> 1", "Invalid comparator '<>' not one of '{'=', '!=', '<', '<=', '>', '>='}'"},
        {"params.a > 'x'", "Invalid comparator '>' not one of '{'=', '!=', 'LIKE', 'ILIKE'}'"},
        {"params.a NOT LIKE 'x'", "Invalid comparator 'NOT LIKE' not one of '{'=', '!=', 'LIKE', 'ILIKE'}'"},
        {"run_id > 'x'", "Invalid comparator '>' not one of '{'=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN'}'"},
        {"run_name IN ('x')",
         "Only the 'run_id' attribute supports comparison with a list of quoted string values."},
        {"run_id IN ()",
         "While parsing a list in the query, expected a non-empty list of string values, but got "
         "empty list"},
        {"run_id IN ('a', , 'b')", "While parsing a list in the query, expected a non-empty list of string "
                                   "values, but got ill-formed list."},
        {"run_id IN ('a'", "While parsing a list in the query, expected a non-empty list of string values, "
                           "but got ill-formed list."},
        {"run_id IN 'a'", "While parsing a list in the query, expected a non-empty list of string values, "
                          "but got ill-formed list."},
        {"run_id IN (,)", "While parsing a list in the query, expected a non-empty list of string values, "
                          "but got ill-formed list."},
        {"run_id IN (1, 2)", "While parsing a list in the query, expected string value, punctuation, or "
                             "whitespace, but got different "
                             "type in list: (1, 2)"},
        {"metrics.acc IS NULL",
         "IS NULL / IS NOT NULL is only supported for tags and params, not for 'metric' 'acc'"},
        {"run_name IS NOT NULL",
         "IS NULL / IS NOT NULL is only supported for tags and params, not for 'attribute' 'run_name'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_refused(&run_language, cases[i].text, cases[i].message);
}

static void an_unknown_attribute_is_answered_with_the_known_ones(void **state)
{
    (void)state;
    struct error error = {.code = ERROR_NONE};
    struct search_filter filter;
    assert_int_equal(search_parse_filter(arena, &error, &run_language, SV("foo = 'x'"), &filter), FAILED);
    assert_true(sv_starts_with(error.message,
                               SV("Invalid attribute key 'foo' specified. Valid keys are '{'run_id'")));
}

static void refused_experiment_filters_say_why(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"metrics.a = 1",
         "Invalid entity type 'metrics'. Valid entity types are ('attribute', 'tag', 'tags')"},
        {"attributes.name = 'x'",
         "Invalid entity type 'attributes'. Valid entity types are ('attribute', 'tag', 'tags')"},
        {"name = 'x' OR name = 'y'", "Invalid clause(s) in filter string: OR"},
        {"tags.a > 'x'", "Invalid comparator for tag: >"},
        {"attribute.name > 'x'", "Invalid comparator for attribute: >"},
        {"name IN ('x')",
         "Only the 'run_id' attribute supports comparison with a list of quoted string values."},
        {"creation_time > 'x'",
         "Expected numeric value type for numeric attribute: creation_time. Found 'x'"},
        {"experiment_id = 1",
         "Invalid attribute key 'experiment_id' specified. Valid keys are '{'name', 'creation_time', "
         "'last_update_time'}'"},
        {"name IS NULL",
         "IS NULL / IS NOT NULL is only supported for tags and params, not for 'attribute' 'name'"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_refused(&experiment_language, cases[i].text, cases[i].message);
    assert_int_equal(parse(&experiment_language,
                           "attribute.name ilike 'x%' AND tag.a = 'b' AND tags.c IS NULL AND "
                           "last_update_time >= 5")
                         .count,
                     4);
}

/* A text of `count` times `piece`. */
static struct sv repeat(const char *piece, size_t count)
{
    size_t len = strlen(piece);
    char *text = arena_alloc(arena, len * count);
    for (size_t i = 0; i < count; i++)
        memcpy(text + i * len, piece, len);
    return (struct sv){text, len * count};
}

static void size_limits_are_client_errors(void **state)
{
    (void)state;
    struct error error = {.code = ERROR_NONE};
    struct search_filter filter;
    struct sv texts[] = {
        repeat("a", SEARCH_FILTER_MAX + 1),
        repeat("metrics.a > 1 AND ", SEARCH_CLAUSES_MAX + 1),
        arena_printf(arena, "run_id IN (%.*s)", SV_ARG(repeat("'a',", SEARCH_LIST_ITEMS_MAX + 1))),
        arena_printf(arena, "params.a LIKE '%.*s'", SV_ARG(repeat("%", SEARCH_LIKE_PATTERN_MAX + 1))),
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        error_clear(&error);
        assert_int_equal(search_parse_filter(arena, &error, &run_language, texts[i], &filter), FAILED);
        assert_int_equal(error.code, INVALID_PARAMETER_VALUE);
        assert_true(error.message.len < 1500);
        assert_true(strstr(error.message.data, "at most") != NULL);
    }
    error_clear(&error);
    struct sv fits =
        arena_printf(arena, "run_id IN (%.*s)",
                     SV_ARG(repeat("'0123456789abcdef0123456789abcdef',", SEARCH_LIST_ITEMS_MAX)));
    assert_int_equal(search_parse_filter(arena, &error, &run_language, fits, &filter), OK);
    assert_int_equal(filter.clauses[0].item_count, SEARCH_LIST_ITEMS_MAX);
}

static void many_adjacent_literals_are_joined_in_linear_memory(void **state)
{
    (void)state;
    struct error error = {.code = ERROR_NONE};
    struct search_filter filter;
    struct sv text = arena_printf(arena, "run_id IN (%.*s)", SV_ARG(repeat("'abc' ", 50000)));
    size_t before = arena_used(arena);
    assert_int_equal(search_parse_filter(arena, &error, &run_language, text, &filter), OK);
    assert_int_equal(filter.clauses[0].items[0].len, 150000);
    assert_true(arena_used(arena) - before < 2 * 1024 * 1024);
}

static void bytes_that_are_not_utf8_are_refused(void **state)
{
    (void)state;
    assert_refused(&run_language, "params.a = '\xff'", "The filter is not valid UTF-8.");
}

/* --- order_by --- */

static enum status parse_order(const struct search_language *language, const char *const *texts, size_t count,
                               struct error *error, struct search_order_by *order_by)
{
    struct sv views[64];
    for (size_t i = 0; i < count; i++)
        views[i] = sv_from(texts[i]);
    *error = (struct error){.code = ERROR_NONE};
    return search_parse_order_by(arena, error, language, views, count, order_by);
}

static void order_clauses_give_key_and_direction(void **state)
{
    (void)state;
    static const char *const texts[] = {"metrics.acc DESC",  "params.`a b` asc",   "start_time",
                                        "tags.\"x.y\" Desc", "attribute.end_time", "metrics.from"};
    struct search_order_by order_by;
    struct error error;
    assert_int_equal(parse_order(&run_language, texts, 6, &error, &order_by), OK);
    assert_int_equal(order_by.count, 6);
    assert_sv(order_by.items[0].key, "acc");
    assert_true(order_by.items[0].descending);
    assert_sv(order_by.items[1].key, "a b");
    assert_false(order_by.items[1].descending);
    assert_int_equal(order_by.items[2].fixed->id, RUN_KEY_START_TIME);
    assert_false(order_by.items[2].descending);
    assert_sv(order_by.items[3].key, "x.y");
    assert_true(order_by.items[3].descending);
    assert_int_equal(order_by.items[4].fixed->id, RUN_KEY_END_TIME);
    assert_sv(order_by.items[5].key, "from");
}

static void refused_order_clauses_say_why(void **state)
{
    (void)state;
    static const struct refusal cases[] = {
        {"", "Invalid order_by clause ''. Could not be parsed."},
        {" metrics.a", "Invalid order_by clause ' metrics.a'. Could not be parsed."},
        {"metrics.a ", "Invalid order_by clause 'metrics.a '. Could not be parsed."},
        {"metrics.a; drop", "Invalid order_by clause 'metrics.a; drop'. Could not be parsed."},
        {"metrics.a ASC DESC", "Invalid order_by clause 'metrics.a ASC DESC'. Could not be parsed."},
        {"metrics.a ACS", "Invalid ordering key in order_by clause 'metrics.a ACS'."},
        {"dataset.name", "Invalid identifier type 'dataset'"},
        {"bar.a", "Invalid entity type 'bar'. Valid values are ['metric', 'parameter', 'tag', 'attribute', "
                  "'dataset']"},
    };
    struct search_order_by order_by;
    struct error error;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(parse_order(&run_language, &cases[i].text, 1, &error, &order_by), FAILED);
        assert_error(&error, cases[i].text, cases[i].message);
    }
    /* The blank spellings of run_name are for filters only. */
    static const char *const alias[] = {"attribute.`run name`"};
    assert_int_equal(parse_order(&run_language, alias, 1, &error, &order_by), FAILED);
    static const char *const tag[] = {"tags.a"};
    assert_int_equal(parse_order(&experiment_language, tag, 1, &error, &order_by), FAILED);
    assert_error(&error, "tags.a", "Invalid order_by entity: tag");
}

static void runs_refuse_a_key_twice_and_experiments_drop_it(void **state)
{
    (void)state;
    struct search_order_by order_by;
    struct error error;
    static const char *const runs[] = {"start_time DESC", "metrics.a", "Created ASC"};
    assert_int_equal(parse_order(&run_language, runs, 3, &error, &order_by), FAILED);
    assert_error(&error, "start_time, Created", "`order_by` contains duplicate fields: ['Created ASC']");
    static const char *const experiments[] = {"name DESC", "experiment_id", "name"};
    assert_int_equal(parse_order(&experiment_language, experiments, 3, &error, &order_by), OK);
    assert_int_equal(order_by.count, 2);
    assert_true(order_by.items[0].descending);
}

/* --- LIKE --- */

static void like_matches_as_the_database_does(void **state)
{
    (void)state;
    static const struct {
        const char *pattern;
        const char *text;
        bool exact;
        bool ignoring_case;
    } cases[] = {
        {"abc", "abc", true, true},
        {"abc", "ABC", false, true},
        {"a%", "abc", true, true},
        {"%c", "abc", true, true},
        {"%b%", "abc", true, true},
        {"a_c", "abc", true, true},
        {"a_c", "ac", false, false},
        {"%", "", true, true},
        {"_", "", false, false},
        {"", "", true, true},
        {"", "a", false, false},
        {"a\\%", "a%", false, false},
        {"a\\%", "a\\b", true, true},
        {"_", "\xc3\xa9", true, true},
        {"%a%b%a%", "xxabxxba", true, true},
        {"%ab", "aab", true, true},
        {"\xc3\x89", "\xc3\xa9", false, false},
        {"F%", "finished", false, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sv pattern = sv_from(cases[i].pattern);
        struct sv text = sv_from(cases[i].text);
        assert_int_equal(search_like(pattern, text, false), cases[i].exact);
        assert_int_equal(search_like(pattern, text, true), cases[i].ignoring_case);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_filter_has_no_clauses),
        cmocka_unit_test(every_spelling_of_an_entity_is_known),
        cmocka_unit_test(attribute_aliases_mean_the_same_key),
        cmocka_unit_test(keys_may_be_bare_or_quoted_and_hold_dots),
        cmocka_unit_test(operators_are_read_in_any_case_and_without_blanks),
        cmocka_unit_test(quoted_values_know_no_escapes),
        cmocka_unit_test(numbers_are_read_exactly),
        cmocka_unit_test(clauses_are_joined_by_and_or_by_nothing),
        cmocka_unit_test(lists_are_python_tuples),
        cmocka_unit_test(refused_run_filters_say_why),
        cmocka_unit_test(an_unknown_attribute_is_answered_with_the_known_ones),
        cmocka_unit_test(refused_experiment_filters_say_why),
        cmocka_unit_test(size_limits_are_client_errors),
        cmocka_unit_test(many_adjacent_literals_are_joined_in_linear_memory),
        cmocka_unit_test(bytes_that_are_not_utf8_are_refused),
        cmocka_unit_test(order_clauses_give_key_and_direction),
        cmocka_unit_test(refused_order_clauses_say_why),
        cmocka_unit_test(runs_refuse_a_key_twice_and_experiments_drop_it),
        cmocka_unit_test(like_matches_as_the_database_does),
    };
    return cmocka_run_group_tests_name("search parser", tests, set_up, tear_down);
}
