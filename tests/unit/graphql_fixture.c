#include "tests/unit/graphql_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

size_t most_held;

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

int set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    world->arena = arena_new(64UL * 1024 * 1024);
    buffer_init(&world->out, 16UL * 1024 * 1024);
    *state = world;
    return 0;
}

int tear_down(void **state)
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

enum graphql_answer answer(struct world *world, const char *query, const char *variables,
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

const char *said(struct world *world)
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

void expect(struct world *world, const char *query, const char *variables, const char *expected)
{
    assert_int_equal(answer(world, query, variables, NULL), GRAPHQL_ANSWERED);
    assert_string_equal(said(world), expected);
}

void expect_told(struct world *world, const char *arguments, const char *expected)
{
    struct sv query = arena_printf(world->arena, "{tell(%s)}", arguments);
    struct sv whole_answer =
        arena_printf(world->arena, "{\"data\":{\"tell\":\"%s\"},\"errors\":null}", expected);
    expect(world, query.data, NULL, whole_answer.data);
}

void expect_errors(struct world *world, const char *query, const char *variables, const char *errors)
{
    struct sv whole_answer = arena_printf(world->arena, "{\"data\":null,\"errors\":[%s]}", errors);
    expect(world, query, variables, whole_answer.data);
}

void expect_syntax_error(struct world *world, const char *query, const char *error)
{
    struct sv whole_answer =
        arena_printf(world->arena, "{\"data\":null,\"errors\":[\"Syntax Error: %s\"]}", error);
    assert_int_equal(answer(world, query, NULL, NULL), GRAPHQL_UNREADABLE);
    assert_string_equal(said(world), whole_answer.data);
}
