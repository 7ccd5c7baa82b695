#include "tests/unit/store_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/signature.h"
#include "common/base/utf8.h"
#include "common/search/languages.h"
#include "common/search/parser.h"
#include "common/store/span_index.h"
#include "common/store/spans.h"
#include "common/store/trace_search_internal.h"

/* --- Signatures --- */

static struct sv pieces(struct arena *arena, const char *text)
{
    size_t count = strlen(text) - 2;
    uint32_t *hashes = ARENA_ARRAY(arena, uint32_t, count);
    for (size_t i = 0; i < count; i++)
        hashes[i] = signature_trigram(text + i, 0);
    return (struct sv){(const char *)hashes, count * sizeof(hashes[0])};
}

static struct packed_signature pack(struct arena *arena, const char *text, const struct packed_signature *old)
{
    struct signature *set = ARENA_NEW(arena, struct signature);
    signature_add_trigrams(set, sv_from(text), 0);
    return signature_pack(set, old, arena_alloc(arena, SIGNATURE_BYTES_MAX));
}

static void a_signature_has_every_piece_of_its_text_in_capitals_or_not(void **state)
{
    struct arena *arena = ((struct store_fixture *)*state)->tx->arena;
    struct packed_signature made = pack(arena, "The quick brown fox", NULL);
    assert_true(signature_has(made.bytes, pieces(arena, "The quick brown fox")));
    assert_true(signature_has(made.bytes, pieces(arena, "tHE QUICK")));
    assert_false(signature_has(made.bytes, pieces(arena, "jumps over the lazy dog")));
    assert_int_equal(made.count, 17);
}

static void a_signature_that_grows_keeps_what_it_had(void **state)
{
    struct arena *arena = ((struct store_fixture *)*state)->tx->arena;
    struct packed_signature made = pack(arena, "the first text", NULL);
    size_t small = made.bytes.len;
    for (int i = 0; i < 400; i++)
        made = pack(arena, arena_printf(arena, "number %d of many, %d", i * 7919, i * 104729).data, &made);
    assert_true(made.bytes.len > small);
    assert_true(signature_has(made.bytes, pieces(arena, "the first text")));
    assert_true(signature_has(made.bytes, pieces(arena, "number 3159681 of many")));
    assert_false(signature_has(made.bytes, pieces(arena, "unheard-of zymurgy")));
    struct packed_signature again = pack(arena, "the first text", &made);
    assert_true(sv_equal(again.bytes, made.bytes));
}

static void what_is_no_signature_may_have_anything(void **state)
{
    struct arena *arena = ((struct store_fixture *)*state)->tx->arena;
    assert_true(signature_has(SV(""), pieces(arena, "abc")));
    assert_true(signature_has(SV("123456789"), pieces(arena, "abc")));
}

/* --- A store --- */

static void index_step(struct store_fixture *fixture, size_t expected)
{
    struct span_index_step step;
    bool stored;
    assert_int_equal(span_index_read(fixture->tx, &step), OK);
    if (expected != SIZE_MAX)
        assert_int_equal(step.spans, expected);
    if (!step.spans)
        return;
    assert_int_equal(span_index_write(fixture->tx, &step, &stored), OK);
    assert_true(stored);
}

static void make_trace(struct store_fixture *fixture, int64_t experiment, int64_t number,
                       struct trace_info *trace)
{
    *trace = (struct trace_info){
        .trace_id = arena_printf(fixture->tx->arena, "tr-%lld", (long long)number),
        .experiment_id = experiment,
        .request_time = number,
        .status = TRACE_OK,
    };
    assert_int_equal(trace_insert(fixture->tx, trace), OK);
}

static struct otlp_attribute string(const char *key, struct sv value)
{
    return (struct otlp_attribute){sv_from(key), {.type = OTLP_STRING, .bytes = value}};
}

/* Stored as an exporter's span would be; a span of the same number is replaced. */
static void put_span(struct store_fixture *fixture, const struct trace_info *trace, int number,
                     const struct otlp_attribute *attributes, size_t count)
{
    char id[8] = {'s', 'p', 'a', 'n', 0, 0, 0, (char)(number + 1)};
    struct otlp_span otlp = {
        .trace_id = SV("0123456789abcdef"),
        .span_id = (struct sv){id, sizeof(id)},
        .name = SV("n"),
        .start_time = 1000,
        .end_time = 2000,
        .attributes = attributes,
        .attribute_count = count,
        .status_message = SV(""),
    };
    struct trace_span span;
    const char *problem;
    assert_true(span_prepare(fixture->tx->arena, &otlp, &span, &problem));
    assert_int_equal(span_put(fixture->tx, trace, &span.row), OK);
}

static void say(struct store_fixture *fixture, const struct trace_info *trace, int number, const char *key,
                const char *value)
{
    struct otlp_attribute attribute = string(key, sv_from(value));
    put_span(fixture, trace, number, &attribute, 1);
}

/* The traces found, as " 3 1", newest first. */
static const char *found(struct store_fixture *fixture, const char *experiment, struct sv filter)
{
    struct sv experiment_id = sv_from(experiment);
    struct trace_search search = {.experiment_ids = &experiment_id,
                                  .experiment_count = 1,
                                  .filter = filter,
                                  .max_results = TRACE_SEARCH_RESULTS_MAX};
    struct trace_page page;
    const char *text = "";
    if (trace_search(fixture->tx, &search, &page) != OK)
        fail_msg("%.*s: %.*s", SV_ARG(filter), SV_ARG(fixture->tx->error->message));
    for (size_t i = 0; i < page.count; i++) {
        struct trace trace;
        assert_int_equal(trace_load(fixture->tx, page.ids[i], &trace), OK);
        text =
            arena_printf(fixture->tx->arena, "%s %.*s", text, SV_ARG(sv_from_offset(trace.info.trace_id, 3)))
                .data;
    }
    return text;
}

static void assert_found(struct store_fixture *fixture, const char *filter, const char *expected)
{
    assert_string_equal(found(fixture, "0", sv_from(filter)), expected);
}

/* --- What is indexed --- */

static void without_anybody_who_fills_the_index_searches_find_all(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_info trace;
    make_trace(fixture, 0, 1, &trace);
    say(fixture, &trace, 0, "city", "Reykjavik");
    assert_found(fixture, "trace.text LIKE '%Reykja%'", " 1");
    assert_found(fixture, "span.attributes.city = 'Reykjavik'", " 1");
    assert_found(fixture, "span.attributes.city = 'reykjavik'", "");
}

static void a_step_takes_what_has_come_and_the_next_one_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_info trace;
    index_step(fixture, 0);
    make_trace(fixture, 0, 1, &trace);
    for (int i = 0; i < 3; i++)
        say(fixture, &trace, i, "city", "Reykjavik");
    index_step(fixture, 3);
    index_step(fixture, 0);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM trace_signatures"), 1);
    for (int i = 0; i < SPAN_INDEX_STEP_SPANS; i++) {
        make_trace(fixture, 0, 100 + i, &trace);
        say(fixture, &trace, 0, "city", "Oslo");
    }
    make_trace(fixture, 0, 99, &trace);
    say(fixture, &trace, 0, "city", "Bergen");
    index_step(fixture, SPAN_INDEX_STEP_SPANS);
    index_step(fixture, 1);
    assert_found(fixture, "trace.text LIKE '%Bergen%'", " 99");
}

static void a_step_that_was_overtaken_changes_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    struct span_index_step first, second;
    struct trace_info trace;
    bool stored;
    make_trace(fixture, 0, 1, &trace);
    say(fixture, &trace, 0, "city", "Oslo");
    assert_int_equal(span_index_read(fixture->tx, &first), OK);
    say(fixture, &trace, 1, "city", "Bergen");
    assert_int_equal(span_index_read(fixture->tx, &second), OK);
    assert_int_equal(span_index_write(fixture->tx, &second, &stored), OK);
    assert_true(stored);
    assert_int_equal(span_index_write(fixture->tx, &first, &stored), OK);
    assert_false(stored);
    assert_found(fixture, "trace.text LIKE '%Oslo%' AND trace.text LIKE '%Bergen%'", " 1");
    index_step(fixture, 0);
}

static void spans_that_come_late_are_found_before_and_after_they_are_indexed(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_info old, other;
    make_trace(fixture, 0, 1, &old);
    make_trace(fixture, 0, 2, &other);
    say(fixture, &old, 0, "city", "Oslo");
    say(fixture, &other, 0, "city", "Bergen");
    index_step(fixture, 2);
    say(fixture, &old, 1, "city", "Tromsoe");
    assert_found(fixture, "trace.text LIKE '%Tromsoe%'", " 1");
    assert_found(fixture, "span.attributes.city LIKE 'Trom%'", " 1");
    index_step(fixture, 1);
    assert_found(fixture, "trace.text LIKE '%Tromsoe%'", " 1");
    assert_found(fixture, "span.attributes.city LIKE 'Trom%'", " 1");
    assert_found(fixture, "span.attributes.city = 'Oslo'", " 1");
}

static void a_span_that_is_replaced_says_only_what_is_new(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_info trace;
    make_trace(fixture, 0, 1, &trace);
    say(fixture, &trace, 0, "city", "Oslo");
    index_step(fixture, 1);
    say(fixture, &trace, 0, "city", "Bergen");
    assert_found(fixture, "trace.text LIKE '%Oslo%'", "");
    assert_found(fixture, "span.attributes.city = 'Bergen'", " 1");
    index_step(fixture, 1);
    assert_found(fixture, "trace.text LIKE '%Oslo%'", "");
    assert_found(fixture, "span.attributes.city = 'Bergen'", " 1");
}

static void what_is_deleted_is_not_found_and_leaves_nothing_behind(void **state)
{
    struct store_fixture *fixture = *state;
    struct span_index_step step;
    struct trace_info trace, next;
    bool stored;
    make_trace(fixture, 0, 1, &trace);
    say(fixture, &trace, 0, "city", "Oslo");
    index_step(fixture, 1);
    say(fixture, &trace, 1, "city", "Bergen");
    assert_int_equal(span_index_read(fixture->tx, &step), OK);
    assert_int_equal(trace_delete(fixture->tx, &trace), OK);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM trace_signatures"), 0);
    assert_int_equal(span_index_write(fixture->tx, &step, &stored), OK);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM trace_signatures"), 0);
    /* The store's own id may come back. */
    make_trace(fixture, 0, 2, &next);
    say(fixture, &next, 0, "city", "Tromsoe");
    assert_found(fixture, "trace.text LIKE '%Oslo%'", "");
    assert_found(fixture, "trace.text LIKE '%Tromsoe%'", " 2");
    index_step(fixture, 1);
    assert_found(fixture, "trace.text LIKE '%Tromsoe%'", " 2");
}

static void values_are_found_however_their_json_was_written(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_info trace;
    make_trace(fixture, 0, 1, &trace);
    say(fixture, &trace, 0, "city", "\"\\u0052eykjavik\"");
    struct sv filler = repeated(fixture, "much ", 40);
    say(fixture, &trace, 1, "story",
        arena_printf(fixture->tx->arena, "\"%.*s \\u0052eykjavik\"", SV_ARG(filler)).data);
    for (int i = 0; i < 2; i++) {
        assert_found(fixture, "span.attributes.city = 'Reykjavik'", " 1");
        assert_found(fixture, "span.attributes.city LIKE 'Reyk%'", " 1");
        assert_found(fixture, "span.attributes.city ILIKE '%KJAVIK'", " 1");
        assert_found(fixture, "span.attributes.city RLIKE '^R.*k$'", " 1");
        assert_found(fixture, "span.attributes.city != 'Oslo'", " 1");
        assert_found(fixture, "span.attributes.story LIKE '%Reykjavik'", " 1");
        assert_found(fixture, "span.attributes.town LIKE '%'", "");
        index_step(fixture, i ? 0 : 2);
    }
}

static void a_trace_that_says_very_much_is_never_passed_over(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_info trace;
    uint64_t draw = 1;
    make_trace(fixture, 0, 1, &trace);
    for (int i = 0; i < 20; i++) {
        char *noise = arena_alloc(fixture->tx->arena, 60001);
        for (size_t at = 0; at < 60000; at++) {
            draw = draw * UINT64_C(6364136223846793005) + 1442695040888963407;
            noise[at] = "0123456789abcdefghijklmnopqrstuvwxyz+-/.,:;#@!~^()[]{}<>"[(draw >> 33) % 56];
        }
        say(fixture, &trace, i, "noise", noise);
    }
    say(fixture, &trace, 20, "city", "Reykjavik");
    while (store_number(fixture, "SELECT watermark < (SELECT max(id) FROM span_contents) FROM span_index"))
        index_step(fixture, SIZE_MAX);
    assert_int_equal(store_number(fixture, "SELECT length(bits) FROM trace_signatures"), SIGNATURE_BYTES_MAX);
    assert_found(fixture, "trace.text LIKE '%Reykjavik%'", " 1");
    assert_found(fixture, "trace.text LIKE '%Trondheim%'", "");
}

static void a_span_that_is_too_long_is_looked_at_each_time(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_info trace, other;
    struct sv filler = repeated(fixture, "sixteen letters. ", SPAN_CONTENT_MAX / 16);
    struct span_row row = {
        .span_id = SV("0123456789abcdef"),
        .name = SV("n"),
        .type = SV(""),
        .content = arena_printf(fixture->tx->arena, "{\"attributes\": {\"long\": \"%.*sReykjavik\"}}",
                                SV_ARG(filler)),
    };
    make_trace(fixture, 0, 1, &trace);
    make_trace(fixture, 0, 2, &other);
    assert_int_equal(span_put(fixture->tx, &trace, &row), OK);
    say(fixture, &other, 0, "short", "Oslo");
    index_step(fixture, 2);
    index_step(fixture, 0);
    assert_found(fixture, "trace.text LIKE '%Reykjavik%'", " 1");
    assert_found(fixture, "span.attributes.long LIKE '%Reykjavik'", " 1");
    assert_found(fixture, "trace.text LIKE '%Oslo%'", " 2");
}

/* --- The index and a look at every span agree --- */

static const char *const words[] = {
    "alpha",      "beta",    "gamma ray", "Delta",    "naive \xc3\xaf",       "a\"b",
    "c\\d",       "50% off", "x_y",       "[1, 2]",   "{\"deep\": \"sea\"}",  "17",
    "\"quoted\"", "",        "tab\there", "slash/ed", "\xf0\x9f\x98\x80 face"};
static const char *const keys[] = {"k", "color", "the key", "\"odd\" key", "gen_ai.model"};

static uint64_t random_state = 88172645463325252;

static size_t draw(size_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (size_t)(random_state % below);
}

#define PICK(array) (array)[draw(sizeof(array) / sizeof((array)[0]))]

static struct sv sentence(struct arena *arena)
{
    const char *first = PICK(words), *second = PICK(words);
    return draw(3) ? arena_printf(arena, "%s %s %zu", first, second, draw(30)) : sv_from(first);
}

static void put_random_span(struct store_fixture *fixture, const struct trace_info *trace)
{
    struct otlp_attribute attributes[3];
    size_t count = draw(4);
    for (size_t i = 0; i < count; i++) {
        struct sv value = sentence(fixture->tx->arena);
        if (draw(8) == 0)
            value = arena_printf(fixture->tx->arena, "%.*s%.*s", SV_ARG(value),
                                 SV_ARG(repeated(fixture, " and more", 20)));
        attributes[i] = string(PICK(keys), value);
        if (draw(6) == 0)
            attributes[i].value = (struct otlp_value){.type = OTLP_INT, .integer = (int64_t)draw(100)};
    }
    put_span(fixture, trace, (int)draw(6), attributes, count);
}

/* A value, or a pattern made of pieces of it. */
static struct sv random_pattern(struct arena *arena)
{
    struct sv text = sentence(arena);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == '\'')
            return SV("x");
    size_t from = text.len ? draw(text.len) : 0;
    size_t len = text.len > from ? draw(text.len - from) + 1 : 0;
    switch (draw(5)) {
    case 0:
        return text;
    case 1:
        return arena_printf(arena, "%.*s%%", (int)len, text.data);
    case 2:
        return arena_printf(arena, "%%%.*s%%%.*s%%", (int)(len / 2), text.data + from, (int)(len - len / 2),
                            text.data + from + len / 2);
    default:
        return arena_printf(arena, "%%%.*s%%", (int)len, text.data + from);
    }
}

static struct sv random_filter(struct arena *arena)
{
    static const char *const operators[] = {"=", "!=", "LIKE", "ILIKE", "LIKE"};
    static const char *const texts[] = {"trace.text LIKE", "trace.text ILIKE", "span.content LIKE"};
    struct sv filter = SV("");
    for (size_t clauses = 1 + draw(2); clauses; clauses--) {
        struct sv pattern;
        do
            pattern = random_pattern(arena);
        while (!utf8_valid(pattern));
        struct sv clause = draw(2) ? arena_printf(arena, "%s '%.*s'", PICK(texts), SV_ARG(pattern))
                                   : arena_printf(arena, "span.attributes.`%s` %s '%.*s'", PICK(keys),
                                                  PICK(operators), SV_ARG(pattern));
        filter = filter.len ? arena_printf(arena, "%.*s AND %.*s", SV_ARG(filter), SV_ARG(clause)) : clause;
    }
    return filter;
}

/* A watermark of 0 means that there is no index. */
static void compare(struct store_fixture *fixture, struct sv filter, size_t *hits)
{
    const char *by_index = found(fixture, "1", filter);
    int64_t watermark = store_number(fixture, "SELECT watermark FROM span_index");
    assert_int_equal(db_exec0(fixture->tx->db, NULL, "UPDATE span_index SET watermark = 0"), OK);
    const char *by_look = found(fixture, "1", filter);
    assert_int_equal(db_exec(fixture->tx->db, NULL, "UPDATE span_index SET watermark = ?", db_int(watermark)),
                     OK);
    if (strcmp(by_index, by_look) != 0)
        fail_msg("%.*s:%s and not%s", SV_ARG(filter), by_index, by_look);
    *hits += by_look[0] != '\0';
}

static void the_index_and_a_look_at_every_span_find_the_same(void **state)
{
    enum { TRACES = 40, ROUNDS = 1500 };
    struct store_fixture *fixture = *state;
    struct trace_info traces[TRACES] = {{0}};
    int64_t experiment, number = 0;
    size_t hits = 0;
    assert_int_equal(experiment_create(fixture->tx, SV("other"), SV_ABSENT, NULL, 0, &experiment), OK);
    assert_int_equal(experiment, 1);
    for (int round = 0; round < ROUNDS; round++) {
        struct trace_info *trace = &traces[draw(TRACES)];
        if (!trace->id)
            make_trace(fixture, draw(5) ? 1 : 0, ++number, trace);
        if (draw(12) == 0) {
            assert_int_equal(trace_delete(fixture->tx, trace), OK);
            trace->id = 0;
        } else {
            put_random_span(fixture, trace);
        }
        if (draw(15) == 0)
            index_step(fixture, SIZE_MAX);
        if (draw(3) == 0)
            compare(fixture, random_filter(fixture->tx->arena), &hits);
    }
    assert_true(hits > 50);
}

static void an_index_that_is_far_behind_serves_as_well(void **state)
{
    struct store_fixture *fixture = *state;
    struct trace_info trace, late;
    make_trace(fixture, 0, 1, &trace);
    make_trace(fixture, 0, 2, &late);
    say(fixture, &trace, 0, "city", "Oslo");
    index_step(fixture, 1);
    say(fixture, &late, 0, "city", "Bergen");
    /* Ids only grow, and how far they have come tells how much there may be to do. */
    assert_int_equal(db_exec0(fixture->tx->db, NULL,
                              "UPDATE sqlite_sequence SET seq = 100000 WHERE name = 'span_contents'"),
                     OK);
    say(fixture, &trace, 1, "city", "Tromsoe");
    assert_found(fixture, "trace.text LIKE '%Bergen%'", " 2");
    assert_found(fixture, "trace.text LIKE '%Tromsoe%'", " 1");
    assert_found(fixture, "trace.text LIKE '%Oslo%'", " 1");
    assert_found(fixture, "trace.text LIKE '%Hammerfest%'", "");
}

/* --- What is read --- */

static const char *query_plan(struct store_fixture *fixture, const char *filter_text)
{
    struct search_filter filter;
    struct sql_text sql;
    const char *plan = "";
    assert_int_equal(trace_filter_parse(fixture->tx, sv_from(filter_text), &filter), OK);
    sql_text_init(&sql, fixture->tx->arena);
    sql_text_add(&sql, "EXPLAIN QUERY PLAN SELECT t.id FROM traces t WHERE t.experiment = ?");
    sql_text_bind(&sql, db_int(0));
    assert_int_equal(trace_conditions_add(fixture->tx, &sql, 0, &filter), OK);
    sql_text_add(&sql, " ORDER BY t.request_time DESC, t.trace_id LIMIT 100");
    struct db_stmt *stmt = sql_text_query(&sql, fixture->tx->db);
    assert_non_null(stmt);
    while (db_step(stmt) == DB_ROW)
        plan = arena_printf(fixture->tx->arena, "%s%.*s\n", plan, SV_ARG(db_column_text(stmt, 3))).data;
    assert_int_equal(db_done(stmt), OK);
    return plan;
}

static void searches_never_read_spans_of_other_experiments(void **state)
{
    static const char *const filters[] = {
        "trace.text LIKE '%Oslo%'",
        "trace.text LIKE '%O%'",
        "span.content ILIKE '%Oslo%'",
        "span.attributes.city = 'Oslo'",
        "span.attributes.city RLIKE '^Oslo$'",
        "span.name = 'n'",
        "span.status = 'OK'",
        "span.type LIKE 'C%'",
        "trace.text LIKE '%Oslo%' AND span.attributes.city != 'Oslo' AND tags.a = 'b'",
    };
    struct store_fixture *fixture = *state;
    struct trace_info trace;
    make_trace(fixture, 0, 1, &trace);
    for (int indexed = 0; indexed < 2; indexed++) {
        for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
            const char *plan = query_plan(fixture, filters[i]);
            if (!strstr(plan, "SEARCH t USING") || strstr(plan, "SCAN t") || strstr(plan, "SCAN s") ||
                strstr(plan, "SCAN c") || strstr(plan, "SCAN g") || strstr(plan, "SCAN b"))
                fail_msg("%s:\n%s", filters[i], plan);
            bool gated = indexed && (strstr(filters[i], "Oslo") || strstr(filters[i], "attributes"));
            assert_int_equal(strstr(plan, "SEARCH g USING INTEGER PRIMARY KEY") != NULL, gated);
        }
        say(fixture, &trace, 0, "city", "Oslo");
        index_step(fixture, indexed ? 0 : 1);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_signature_has_every_piece_of_its_text_in_capitals_or_not),
        TEST(a_signature_that_grows_keeps_what_it_had),
        TEST(what_is_no_signature_may_have_anything),
        TEST(without_anybody_who_fills_the_index_searches_find_all),
        TEST(a_step_takes_what_has_come_and_the_next_one_nothing),
        TEST(a_step_that_was_overtaken_changes_nothing),
        TEST(spans_that_come_late_are_found_before_and_after_they_are_indexed),
        TEST(a_span_that_is_replaced_says_only_what_is_new),
        TEST(what_is_deleted_is_not_found_and_leaves_nothing_behind),
        TEST(values_are_found_however_their_json_was_written),
        TEST(a_trace_that_says_very_much_is_never_passed_over),
        TEST(a_span_that_is_too_long_is_looked_at_each_time),
        TEST(the_index_and_a_look_at_every_span_find_the_same),
        TEST(an_index_that_is_far_behind_serves_as_well),
        TEST(searches_never_read_spans_of_other_experiments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
