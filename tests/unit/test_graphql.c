#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/graphql/execute.h"
#include "common/graphql/lexer.h"
#include "common/graphql/parser.h"
#include "common/json/json_read.h"

#include <cmocka.h>

/* --- A schema whose fields show what they were asked --- */

struct item {
    struct sv name;
    int64_t number;
    double real;
    bool truth;
};

static struct item made(int64_t number)
{
    return (struct item){SV("item"), number, number == 1 ? 0.0 / 0.0 : 0.5, number == 2};
}

static void show(struct buffer *out, const struct graphql_value *value)
{
    static const char *const kinds[] = {"null", "$", "int ", "float ", "string ", "bool ", "enum ", "[", "{"};
    buffer_printf(out, "%s", kinds[value->kind]);
    if (value->kind == GRAPHQL_INT)
        buffer_printf(out, "%lld", (long long)value->number);
    else if (value->kind == GRAPHQL_BOOLEAN)
        buffer_printf(out, "%d", value->truth);
    else if (value->kind != GRAPHQL_NULL)
        buffer_append_sv(out, value->text);
    for (const struct graphql_value *each = value->items; each; each = each->next) {
        if (each->name.len)
            buffer_printf(out, "%.*s: ", SV_ARG(each->name));
        show(out, each);
        if (each->next)
            buffer_printf(out, ", ");
    }
    if (value->kind == GRAPHQL_LIST || value->kind == GRAPHQL_OBJECT)
        buffer_printf(out, "%s", value->kind == GRAPHQL_LIST ? "]" : "}");
}

static enum graphql_outcome told(struct graphql_call *call, const void *parent, struct graphql_result *result)
{
    struct buffer out;
    (void)parent;
    buffer_init_in(&out, call->arena, 4096);
    for (const struct graphql_value *each = call->arguments; each; each = each->next) {
        buffer_printf(&out, "%s%.*s: ", each == call->arguments ? "" : ", ", SV_ARG(each->name));
        show(&out, each);
    }
    result->text = buffer_sv(&out);
    return GRAPHQL_DONE;
}

static enum graphql_outcome one(struct graphql_call *call, const void *parent, struct graphql_result *result)
{
    struct item *item = ARENA_NEW(call->arena, struct item);
    (void)parent;
    *item = made(0);
    result->object = item;
    return GRAPHQL_DONE;
}

static size_t most_held; /* bytes that the arena held while items were loaded */

static enum graphql_outcome load(struct graphql_call *call, const struct graphql_result *list, size_t index,
                                 const void **object)
{
    struct item *item = ARENA_NEW(call->arena, struct item);
    (void)list;
    arena_alloc(call->arena, 1000);
    if (arena_used(call->arena) > most_held)
        most_held = arena_used(call->arena);
    *item = made((int64_t)index);
    *object = item;
    return GRAPHQL_DONE;
}

static enum graphql_outcome many(struct graphql_call *call, const void *parent, struct graphql_result *result)
{
    const struct graphql_value *count = graphql_item(call->arguments, SV("count"));
    (void)parent;
    *result = (struct graphql_result){.count = count ? (size_t)count->number : 0, .load = load};
    return GRAPHQL_DONE;
}

static enum graphql_outcome fails(struct graphql_call *call, const void *parent,
                                  struct graphql_result *result)
{
    (void)parent;
    (void)result;
    call->message = SV("it failed");
    return GRAPHQL_REFUSED;
}

static enum graphql_outcome denied(struct graphql_call *call, const void *parent,
                                   struct graphql_result *result)
{
    (void)call;
    (void)parent;
    (void)result;
    return GRAPHQL_REFUSED;
}

static enum graphql_outcome stops(struct graphql_call *call, const void *parent,
                                  struct graphql_result *result)
{
    (void)call;
    (void)parent;
    (void)result;
    return GRAPHQL_STOPPED;
}

static const char *const colors[] = {"RED", "GREEN", NULL};
static const struct graphql_input_type color = {.name = "Color", .kind = GRAPHQL_IN_ENUM, .values = colors};
static const struct graphql_input_type whole = {.name = "Long", .kind = GRAPHQL_IN_LONG};
static const struct graphql_input_field in_fields[] = {
    {.name = "text", .type = &graphql_string_type},
    {.name = "texts", .type = &graphql_string_type, .is_list = true},
    {.name = NULL},
};
static const struct graphql_input_type in = {.name = "In", .kind = GRAPHQL_IN_OBJECT, .fields = in_fields};
static const struct graphql_input_field tell_arguments[] = {
    {.name = "text", .type = &graphql_string_type},
    {.name = "number", .type = &graphql_int_type},
    {.name = "long", .type = &whole},
    {.name = "truth", .type = &graphql_boolean_type},
    {.name = "color", .type = &color},
    {.name = "texts", .type = &graphql_string_type, .is_list = true},
    {.name = "in", .type = &in},
    {.name = NULL},
};
static const struct graphql_input_field count_argument[] = {{.name = "count", .type = &graphql_int_type},
                                                            {.name = NULL}};
static const struct graphql_type item_type;
static const struct graphql_field item_fields[] = {
    {.name = "name", .shape = GRAPHQL_TEXT, .scalar = "String", .offset = offsetof(struct item, name)},
    {.name = "number", .shape = GRAPHQL_LONG, .scalar = "Long", .offset = offsetof(struct item, number)},
    {.name = "real", .shape = GRAPHQL_REAL, .scalar = "Float", .offset = offsetof(struct item, real)},
    {.name = "truth", .shape = GRAPHQL_TRUTH, .scalar = "Boolean", .offset = offsetof(struct item, truth)},
    {.name = "kind", .shape = GRAPHQL_TEXT, .scalar = "String", .fixed = "plain"},
    {.name = "item", .shape = GRAPHQL_ONE, .type = &item_type, .resolve = one},
    {.name = "fails", .shape = GRAPHQL_TEXT, .scalar = "String", .resolve = fails},
    {.name = NULL},
};
static const struct graphql_type item_type = {"Item", item_fields};
static const struct graphql_field query_fields[] = {
    {.name = "tell", .shape = GRAPHQL_TEXT, .scalar = "String", .arguments = tell_arguments, .resolve = told},
    {.name = "item", .shape = GRAPHQL_ONE, .type = &item_type, .resolve = one},
    {.name = "items",
     .shape = GRAPHQL_MANY,
     .type = &item_type,
     .arguments = count_argument,
     .resolve = many},
    {.name = "fails", .shape = GRAPHQL_ONE, .type = &item_type, .resolve = fails},
    {.name = "denied", .shape = GRAPHQL_ONE, .type = &item_type, .resolve = denied},
    {.name = "stops", .shape = GRAPHQL_ONE, .type = &item_type, .resolve = stops},
    {.name = NULL},
};
static const struct graphql_type query_type = {"Query", query_fields};
static const struct graphql_type mutation_type = {"Mutation", query_fields};
static const struct graphql_type *const types[] = {&item_type, NULL};
static const struct graphql_input_type *const input_types[] = {
    &graphql_string_type, &graphql_int_type, &graphql_boolean_type, &whole, &color, &in, NULL};
static const struct graphql_input_field name_argument[] = {
    {.name = "name", .type = &graphql_string_type, .required = true}, {.name = NULL}};
static const struct graphql_directive_type directives[] = {{"component", name_argument}, {NULL, NULL}};
static const struct graphql_schema schema = {&query_type, &mutation_type, types, input_types, directives};

/* --- Asking --- */

struct world {
    struct arena *arena;
    struct buffer out;
    size_t objects; /* that may still be written */
    size_t limit;   /* how many may be, at most 10000; 0: so many */
};

static int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    world->arena = arena_new(64UL * 1024 * 1024);
    buffer_init(&world->out, 16UL * 1024 * 1024);
    *state = world;
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    arena_free(world->arena);
    buffer_free(&world->out);
    free(world);
    return 0;
}

static bool goes_on(void *context)
{
    struct world *world = context;
    return world->objects && world->objects--;
}

static enum graphql_answer answer(struct world *world, const char *query, const char *variables,
                                  const char *operation)
{
    struct json_object *json = NULL;
    struct json_writer writer;
    struct sv problem;
    if (variables)
        assert_int_equal(json_parse(world->arena, sv_from(variables), &json, &problem), JSON_OK);
    const struct graphql_request request = {
        .query = sv_from(query),
        .operation_name = sv_from(operation),
        .variables = json,
        .schema = &schema,
        .limits = {.root_fields = 10, .aliases = 10},
        .answer_max = 4096,
        .context = world,
        .goes_on = goes_on,
    };
    world->objects = world->limit ? world->limit : 10000;
    buffer_clear(&world->out, 0);
    json_writer_init(&writer, &world->out);
    enum graphql_answer outcome = graphql_execute(world->arena, &request, &writer);
    json_object_put(json);
    return outcome;
}

/* The answer without the blanks between its parts. */
static const char *said(struct world *world)
{
    struct json_object *json;
    struct sv problem;
    assert_int_equal(json_parse(world->arena, buffer_sv(&world->out), &json, &problem), JSON_OK);
    const char *text =
        arena_cstr(world->arena, sv_from(json_object_to_json_string_ext(json, JSON_C_TO_STRING_NOSLASHESCAPE |
                                                                                  JSON_C_TO_STRING_PLAIN)));
    json_object_put(json);
    return text;
}

static void expect(struct world *world, const char *query, const char *variables, const char *expected)
{
    assert_int_equal(answer(world, query, variables, NULL), GRAPHQL_ANSWERED);
    assert_string_equal(said(world), expected);
}

/* What `tell` shows of its arguments. */
static void expect_told(struct world *world, const char *arguments, const char *expected)
{
    struct sv query = arena_printf(world->arena, "{tell(%s)}", arguments);
    struct sv whole_answer =
        arena_printf(world->arena, "{\"data\":{\"tell\":\"%s\"},\"errors\":null}", expected);
    expect(world, query.data, NULL, whole_answer.data);
}

static void expect_errors(struct world *world, const char *query, const char *variables, const char *errors)
{
    struct sv whole_answer = arena_printf(world->arena, "{\"data\":null,\"errors\":[%s]}", errors);
    expect(world, query, variables, whole_answer.data);
}

static void expect_syntax_error(struct world *world, const char *query, const char *error)
{
    struct sv whole_answer =
        arena_printf(world->arena, "{\"data\":null,\"errors\":[\"Syntax Error: %s\"]}", error);
    assert_int_equal(answer(world, query, NULL, NULL), GRAPHQL_UNREADABLE);
    assert_string_equal(said(world), whole_answer.data);
}

/* --- The language --- */

static void what_is_ignored_stands_between_tokens(void **state)
{
    expect(*state, "\xef\xbb\xbf query\r\n,,,{ # a comment }\n\ttell,tell }", NULL,
           "{\"data\":{\"tell\":\"\"},\"errors\":null}");
}

static void literals_mean_what_the_specification_says(void **state)
{
    expect_told(*state, "text: \"\\u0041\\u00e9\\ud83d\\ude00\\t\"", "text: string A\u00e9\U0001F600\\t");
    expect_told(*state, "text: \"\"", "text: string ");
    expect_told(*state, "number: -0, truth: true", "number: int 0, truth: bool 1");
    expect_told(*state, "number: 2147483647, long: 9223372036854775807",
                "number: int 2147483647, long: int 9223372036854775807");
    expect_told(*state, "color: RED, texts: [\"a\" null \"b\"]",
                "color: enum RED, texts: [string a, null, string b]");
    expect_told(*state, "in: {texts: [], text: null}", "in: {text: null, texts: []}");
}

static void one_value_where_a_list_is_wanted_is_a_list_of_one(void **state)
{
    expect_told(*state, "texts: \"a\"", "texts: [string a]");
}

static void block_strings_lose_their_common_indentation_and_blank_ends(void **state)
{
    expect_told(*state, "text: \"\"\"\n\n    Hello,\n      World!\n\n    Yours\n  \n\"\"\"",
                "text: string Hello,\\n  World!\\n\\nYours");
    expect_told(*state, "text: \"\"\"one \\\"\"\" \\n\"\"\"", "text: string one \\\"\\\"\\\" \\\\n");
    expect_told(*state, "text: \"\"\"\"\"\"", "text: string ");
    expect_told(*state, "text: \"\"\"  first\r\n    second\r    third\"\"\"",
                "text: string   first\\nsecond\\nthird");
}

static void bad_tokens_are_refused_at_their_place(void **state)
{
    expect_syntax_error(*state, "{tell(number: 01)}",
                        "Invalid number, unexpected digit after 0. (line 1, column 16)");
    expect_syntax_error(*state, "{tell(number: 1.)}",
                        "Invalid number, expected a digit. (line 1, column 17)");
    expect_syntax_error(*state, "{tell(number: 1a)}",
                        "Invalid number, expected a digit. (line 1, column 16)");
    expect_syntax_error(*state, "{tell(text: \"a\nb\")}", "Unterminated string. (line 1, column 13)");
    expect_syntax_error(*state, "{\n tell(text: \"\"\"a)}", "Unterminated string. (line 2, column 13)");
    expect_syntax_error(*state, "{tell(text: \"\\x\")}",
                        "Invalid character escape sequence. (line 1, column 14)");
    expect_syntax_error(*state, "{tell(text: \"\\ud83d\")}",
                        "Invalid Unicode escape sequence. (line 1, column 14)");
    expect_syntax_error(*state, "{tell(text: \"\\ude00\\ud83d\")}",
                        "Invalid Unicode escape sequence. (line 1, column 14)");
    expect_syntax_error(*state, "{tell ?}", "Unexpected character: '?'. (line 1, column 7)");
    expect_syntax_error(*state, "{a..b}", "Unexpected character: '.'. (line 1, column 3)");
}

static void documents_that_end_or_turn_wrong_are_refused(void **state)
{
    expect_syntax_error(*state, "   ", "Unexpected <EOF>. (line 1, column 4)");
    expect_syntax_error(*state, "{}", "Expected Name, found '}'. (line 1, column 2)");
    expect_syntax_error(*state, "{tell()}", "Expected Name, found ')'. (line 1, column 7)");
    expect_syntax_error(*state, "query($a Int) {tell}",
                        "Expected ':', found Name 'Int'. (line 1, column 10)");
    expect_syntax_error(*state, "query($a: Int = $b) {tell}", "Unexpected '$'. (line 1, column 17)");
    expect_syntax_error(*state, "fragment on on Item {name}", "Unexpected Name 'on'. (line 1, column 10)");
    expect_syntax_error(*state, "{tell} type A {b: C}", "Unexpected Name 'type'. (line 1, column 8)");
}

static void nesting_names_and_tokens_are_bounded(void **state)
{
    struct world *world = *state;
    char *deep = arena_alloc(world->arena, 400);
    memset(deep, '[', 300);
    expect_syntax_error(world, arena_printf(world->arena, "{tell(texts: %s", deep).data,
                        "More than 64 levels of nesting. (line 1, column 77)");
    char *long_list = arena_alloc(world->arena, 2 * 20000 + 100);
    for (size_t i = 0; i < 20000; i++)
        memcpy(long_list + 2 * i, "1 ", 2);
    struct sv query = arena_printf(world->arena, "{tell(texts: [%s])}", long_list);
    expect_syntax_error(world, query.data, "The document has more than 15000 tokens. (line 1, column 30003)");
    char *names = arena_alloc(world->arena, 4 * 65 + 1);
    for (size_t i = 0; i < 65; i++)
        memcpy(names + 4 * i, "a:1 ", 4);
    expect_syntax_error(world, arena_printf(world->arena, "{tell(%s)}", names).data,
                        "More than 64 names in one list. (line 1, column 263)");
}

/* --- What is selected --- */

static void aliases_fragments_and_type_names_are_answered_in_order(void **state)
{
    expect(*state,
           "query { b: item { ...F n: number ... { real } ... on Item { truth } } __typename }\n"
           "fragment F on Item { name __typename kind }",
           NULL,
           "{\"data\":{\"b\":{\"name\":\"item\",\"__typename\":\"Item\",\"kind\":\"plain\",\"n\":\"0\","
           "\"real\":0.5,"
           "\"truth\":false},\"__typename\":\"Query\"},\"errors\":null}");
    expect(*state, "mutation {__typename}", NULL, "{\"data\":{\"__typename\":\"Mutation\"},\"errors\":null}");
}

static void equal_keys_are_one_field_with_all_their_selections(void **state)
{
    expect(*state, "{item {name} ...F item {item {name}}} fragment F on Query {item {item {number}}}", NULL,
           "{\"data\":{\"item\":{\"name\":\"item\",\"item\":{\"number\":\"0\",\"name\":\"item\"}}},"
           "\"errors\":null}");
}

static void skip_and_include_leave_out(void **state)
{
    static const char query[] =
        "query($y: Boolean!, $n: Boolean = false) {item {a: name @skip(if: $y) b: name @include(if: $y)"
        " c: name @skip(if: $n) ...F @include(if: $n) ... @skip(if: true) {kind} d: name @skip(if: false) "
        "@include(if: false)}} fragment F on Item {number}";
    expect(*state, query, "{\"y\": true}",
           "{\"data\":{\"item\":{\"b\":\"item\",\"c\":\"item\"}},\"errors\":null}");
}

static void lists_are_written_item_by_item_and_nothing_is_kept(void **state)
{
    struct world *world = *state;
    most_held = 0;
    expect(world, "{items(count: 3) {number real truth}}", NULL,
           "{\"data\":{\"items\":[{\"number\":\"0\",\"real\":0.5,\"truth\":false},{\"number\":\"1\",\"real\":"
           "null,"
           "\"truth\":false},{\"number\":\"2\",\"real\":0.5,\"truth\":true}]},\"errors\":null}");
    size_t held = most_held;
    most_held = 0;
    struct arena *fresh = world->arena;
    size_t before = arena_used(fresh);
    assert_int_equal(answer(world, "{items(count: 300) {truth}}", NULL, NULL), GRAPHQL_ANSWERED);
    assert_true(most_held - before < held + 10000);
}

static void failures_are_null_and_leave_the_others(void **state)
{
    expect(
        *state, "{fails {name} denied {name} item {name fails}}", NULL,
        "{\"data\":{\"fails\":null,\"denied\":null,\"item\":{\"name\":\"item\",\"fails\":null}},\"errors\":["
        "\"it failed\"]}");
}

static void errors_of_items_outlive_the_items(void **state)
{
    expect(*state, "{items(count: 2) {fails}}", NULL,
           "{\"data\":{\"items\":[{\"fails\":null},{\"fails\":null}]},\"errors\":[\"it failed\"]}");
}

static void a_resolver_that_stops_ends_all(void **state)
{
    assert_int_equal(answer(*state, "{item {name} stops {name}}", NULL, NULL), GRAPHQL_BROKEN_OFF);
}

static void an_answer_that_grows_too_long_is_given_up(void **state)
{
    expect_errors(*state, "{items(count: 1000) {name}}", NULL,
                  "\"The answer is longer than 4096 bytes. Ask for less at a time.\"");
}

static void what_may_not_go_on_is_broken_off(void **state)
{
    struct world *world = *state;
    world->limit = 20;
    assert_int_equal(answer(world, "{items(count: 20) {number}}", NULL, NULL), GRAPHQL_ANSWERED);
    assert_int_equal(answer(world, "{items(count: 21) {number}}", NULL, NULL), GRAPHQL_BROKEN_OFF);
}

static void the_operation_is_chosen_by_its_name(void **state)
{
    struct world *world = *state;
    static const char query[] = "query A {tell} query B {item {name}}";
    assert_int_equal(answer(world, query, NULL, "B"), GRAPHQL_ANSWERED);
    assert_string_equal(said(world), "{\"data\":{\"item\":{\"name\":\"item\"}},\"errors\":null}");
    expect_errors(world, query, NULL,
                  "\"Must provide operation name if query contains multiple operations.\"");
    assert_int_equal(answer(world, query, NULL, "C"), GRAPHQL_ANSWERED);
    assert_string_equal(said(world), "{\"data\":null,\"errors\":[\"Unknown operation named 'C'.\"]}");
    expect_errors(world, "subscription {tell}", NULL,
                  "\"Schema is not configured to execute subscription operation.\"");
    expect_errors(world, "query A {tell} query A {tell}", NULL,
                  "\"There can be only one operation named 'A'.\"");
    expect_errors(world, "{tell} query A {tell}", NULL,
                  "\"This anonymous operation must be the only defined operation.\"");
}

/* --- What does not fit --- */

static void selections_must_fit_the_types(void **state)
{
    expect_errors(
        *state, "{bogus item {worse}}", NULL,
        "\"Cannot query field 'bogus' on type 'Query'.\",\"Cannot query field 'worse' on type 'Item'.\"");
    expect_errors(*state, "{tell {a}}", NULL,
                  "\"Field 'tell' must not have a selection since type 'String' has no subfields.\"");
    expect_errors(
        *state, "{items}", NULL,
        "\"Field 'items' of type 'Item' must have a selection of subfields. Did you mean 'items { ... "
        "}'?\"");
    expect_errors(*state, "{__typename {a}}", NULL,
                  "\"Field '__typename' must not have a selection since type 'String!' has no subfields.\"");
}

static void fragments_must_exist_fit_and_be_used(void **state)
{
    expect_errors(*state, "{...F}", NULL, "\"Unknown fragment 'F'.\"");
    expect_errors(
        *state, "{...F} fragment F on Item {name}", NULL,
        "\"Fragment 'F' cannot be spread here as objects of type 'Query' can never be of type 'Item'.\"");
    expect_errors(
        *state, "{item {... on Query {tell}}}", NULL,
        "\"Fragment cannot be spread here as objects of type 'Item' can never be of type 'Query'.\"");
    expect_errors(*state, "{... on None {a}}", NULL, "\"Unknown type 'None'.\"");
    expect_errors(*state, "{tell} fragment F on Item {name}", NULL, "\"Fragment 'F' is never used.\"");
    expect_errors(*state, "{...F} fragment F on Query {item {...G}} fragment G on Item {item {...G}}", NULL,
                  "\"Cannot spread fragment 'G' within itself.\"");
    expect_errors(*state, "{...F} fragment F on Query {tell} fragment F on Query {tell}", NULL,
                  "\"There can be only one fragment named 'F'.\",\"Fragment 'F' is never used.\"");
}

static void one_key_must_be_one_thing(void **state)
{
    expect_errors(
        *state, "{item {a: name a: kind}}", NULL,
        "\"Fields 'a' conflict because 'name' and 'kind' are different fields. Use different aliases on "
        "the fields to fetch both if this was intentional.\"");
    expect_errors(
        *state, "{tell(text: \"a\") tell}", NULL,
        "\"Fields 'tell' conflict because they have differing arguments. Use different aliases on the "
        "fields to fetch both if this was intentional.\"");
    expect(*state, "{tell(text: \"a\", number: 1) tell(number: 1, text: \"a\")}", NULL,
           "{\"data\":{\"tell\":\"text: string a, number: int 1\"},\"errors\":null}");
}

static void arguments_must_be_of_their_types(void **state)
{
    expect_errors(*state, "{tell(text: 5)}", NULL, "\"String cannot represent a non string value: 5\"");
    expect_errors(*state, "{tell(number: 2147483648)}", NULL,
                  "\"Int cannot represent non 32-bit signed integer value: 2147483648\"");
    expect_errors(*state, "{tell(number: \"1\")}", NULL,
                  "\"Int cannot represent non-integer value: \\\"1\\\"\"");
    expect_errors(*state, "{tell(number: 1.0)}", NULL, "\"Int cannot represent non-integer value: 1.0\"");
    expect_errors(*state, "{tell(truth: 1)}", NULL, "\"Boolean cannot represent a non boolean value: 1\"");
    expect_errors(*state, "{tell(color: BLUE)}", NULL, "\"Value 'BLUE' does not exist in 'Color' enum.\"");
    expect_errors(*state, "{tell(color: \"RED\")}", NULL,
                  "\"Enum 'Color' cannot represent non-enum value: \\\"RED\\\".\"");
    expect_errors(*state, "{tell(long: 9223372036854775808)}", NULL,
                  "\"Expected value of type 'Long', found 9223372036854775808.\"");
    expect_errors(*state, "{tell(in: 5)}", NULL, "\"Expected value of type 'In', found 5.\"");
    expect_errors(*state, "{tell(in: {bogus: 1})}", NULL, "\"Field 'bogus' is not defined by type 'In'.\"");
    expect_errors(*state, "{tell(in: {text: \"a\", text: \"b\"})}", NULL,
                  "\"There can be only one input field named 'text'.\"");
    expect_errors(*state, "{tell(bogus: 1)}", NULL, "\"Unknown argument 'bogus' on field 'Query.tell'.\"");
    expect_errors(*state, "{tell(text: \"a\", text: \"a\")}", NULL,
                  "\"There can be only one argument named 'text'.\"");
}

static void directives_must_exist_and_stand_where_they_may(void **state)
{
    expect_errors(*state, "{tell @bogus}", NULL, "\"Unknown directive '@bogus'.\"");
    expect_errors(*state, "{tell @component(name: \"x\")}", NULL,
                  "\"Directive '@component' may not be used on FIELD.\"");
    expect_errors(*state, "query @skip(if: true) {tell}", NULL,
                  "\"Directive '@skip' may not be used on QUERY.\"");
    expect_errors(
        *state, "{tell @skip}", NULL,
        "\"Argument 'if' of type 'Boolean!' on directive '@skip' is required, but it was not provided.\"");
    expect_errors(*state, "{tell @skip(if: true) @skip(if: false)}", NULL,
                  "\"The directive '@skip' can only be used once at this location.\"");
    expect(*state, "query Q @component(name: \"x\") {tell}", NULL,
           "{\"data\":{\"tell\":\"\"},\"errors\":null}");
}

static void variables_must_be_defined_used_and_fit(void **state)
{
    expect_errors(*state, "query Q {tell(text: $a)}", NULL,
                  "\"Variable '$a' is not defined by operation 'Q'.\"");
    expect_errors(*state, "query($a: String) {tell}", NULL, "\"Variable '$a' is never used.\"");
    expect_errors(*state, "query($a: String, $a: String) {tell(text: $a)}", NULL,
                  "\"There can be only one variable named '$a'.\",\"Variable '$a' is never used.\"");
    expect_errors(*state, "query($a: Int) {tell(text: $a)}", NULL,
                  "\"Variable '$a' of type 'Int' used in position expecting type 'String'.\"");
    expect_errors(*state, "query($a: [String!]!) {tell(text: $a)}", NULL,
                  "\"Variable '$a' of type '[String!]!' used in position expecting type 'String'.\"");
    expect_errors(*state, "query($a: String) {tell(texts: $a)}", NULL,
                  "\"Variable '$a' of type 'String' used in position expecting type '[String]'.\"");
    expect_errors(*state, "query($a: Boolean) {tell @skip(if: $a)}", NULL,
                  "\"Variable '$a' of type 'Boolean' used in position expecting type 'Boolean!'.\"");
    expect_errors(*state, "query($a: None) {tell(text: $a)}", NULL,
                  "\"Unknown type 'None' of the variable '$a'.\"");
    expect_errors(*state, "query($a: Int = \"x\") {tell(number: $a)}", NULL,
                  "\"Int cannot represent non-integer value: \\\"x\\\"\"");
}

static void variables_take_what_is_given_or_their_defaults(void **state)
{
    static const char query[] = "query($t: String = \"d\", $l: [String!], $o: In, $c: Color, $n: Long) "
                                "{tell(text: $t, texts: $l, in: $o, "
                                "color: $c, long: $n)}";
    expect(*state, query, NULL, "{\"data\":{\"tell\":\"text: string d\"},\"errors\":null}");
    expect(*state, query,
           "{\"t\": null, \"l\": \"one\", \"o\": {\"texts\": [\"x\", null]}, \"c\": \"RED\", \"n\": \"7\"}",
           "{\"data\":{\"tell\":\"text: null, texts: [string one], in: {texts: [string x, null]}, color: "
           "enum RED, "
           "long: int 7\"},\"errors\":null}");
    expect(*state, "query($t: String) {tell(in: {text: $t, texts: [$t]})}", "{\"t\": \"v\", \"other\": 1}",
           "{\"data\":{\"tell\":\"in: {text: string v, texts: [string v]}\"},\"errors\":null}");
    expect(*state, "query($t: String) {tell(in: {text: $t, texts: [$t]})}", "{}",
           "{\"data\":{\"tell\":\"in: {texts: [null]}\"},\"errors\":null}");
}

static void values_of_variables_must_be_of_their_types(void **state)
{
    static const char query[] = "query($o: In!) {tell(in: $o)}";
    expect_errors(*state, query, NULL, "\"Variable '$o' of required type 'In!' was not provided.\"");
    expect_errors(*state, query, "{\"o\": 5}",
                  "\"Variable '$o' got invalid value 5; Expected type 'In' to be a mapping.\"");
    expect_errors(
        *state, query, "{\"o\": {\"texts\": [1]}}",
        "\"Variable '$o' got invalid value {\\\"texts\\\":[1]} at 'o.texts[0]'; String cannot represent a "
        "non string value: 1\"");
    expect_errors(*state, "query($n: Int) {tell(number: $n)}", "{\"n\": 2147483648}",
                  "\"Variable '$n' got invalid value 2147483648; Int cannot represent value: 2147483648\"");
    expect_errors(*state, "query($n: Int) {tell(number: $n)}", "{\"n\": \"1\"}",
                  "\"Variable '$n' got invalid value \\\"1\\\"; Int cannot represent value: \\\"1\\\"\"");
    expect_errors(*state, "query($c: Color) {tell(color: $c)}", "{\"c\": \"BLUE\"}",
                  "\"Variable '$c' got invalid value \\\"BLUE\\\"; Value \\\"BLUE\\\" does not exist in "
                  "'Color' enum.\"");
    expect_errors(*state, "query($n: Long) {tell(long: $n)}", "{\"n\": 18446744073709551615}",
                  "\"Variable '$n' got invalid value 18446744073709551615; Long cannot represent value: "
                  "18446744073709551615\"");
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_ignored_stands_between_tokens),
        TEST(literals_mean_what_the_specification_says),
        TEST(one_value_where_a_list_is_wanted_is_a_list_of_one),
        TEST(block_strings_lose_their_common_indentation_and_blank_ends),
        TEST(bad_tokens_are_refused_at_their_place),
        TEST(documents_that_end_or_turn_wrong_are_refused),
        TEST(nesting_names_and_tokens_are_bounded),
        TEST(aliases_fragments_and_type_names_are_answered_in_order),
        TEST(equal_keys_are_one_field_with_all_their_selections),
        TEST(skip_and_include_leave_out),
        TEST(lists_are_written_item_by_item_and_nothing_is_kept),
        TEST(failures_are_null_and_leave_the_others),
        TEST(errors_of_items_outlive_the_items),
        TEST(a_resolver_that_stops_ends_all),
        TEST(an_answer_that_grows_too_long_is_given_up),
        TEST(what_may_not_go_on_is_broken_off),
        TEST(the_operation_is_chosen_by_its_name),
        TEST(selections_must_fit_the_types),
        TEST(fragments_must_exist_fit_and_be_used),
        TEST(one_key_must_be_one_thing),
        TEST(arguments_must_be_of_their_types),
        TEST(directives_must_exist_and_stand_where_they_may),
        TEST(variables_must_be_defined_used_and_fit),
        TEST(variables_take_what_is_given_or_their_defaults),
        TEST(values_of_variables_must_be_of_their_types),
    };
    return cmocka_run_group_tests_name("graphql", tests, NULL, NULL);
}
