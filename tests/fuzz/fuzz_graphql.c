/* The first line is the variables, the rest the query. Whatever they are: the answer is JSON of the right
 * form, the same for the same question, and no longer than it may be. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/graphql/execute.h"
#include "common/json/json_read.h"

#define ANSWER_MAX 65536

static void require(bool condition)
{
    if (!condition)
        abort();
}

struct node {
    struct sv text;
    int64_t number;
    double real;
    bool truth;
    const struct sv *texts;
    size_t text_count;
};

static const struct sv texts[] = {{"one", 3}, {"two", 3}};
static const struct node only = {{"text", 4}, 1, 0.5, true, texts, 2};

static enum graphql_outcome resolve_node(struct graphql_call *call, const void *parent,
                                         struct graphql_result *result)
{
    const struct graphql_value *input = graphql_item(call->arguments, SV("input"));
    const struct graphql_value *fails = graphql_item(call->arguments, SV("fails"));
    (void)parent;
    if (input && input->kind == GRAPHQL_OBJECT)
        for (const struct graphql_value *item = input->items; item; item = item->next)
            require(item->kind != GRAPHQL_VARIABLE && item->kind != GRAPHQL_FLOAT);
    if (fails && fails->truth) {
        call->message = SV("it fails");
        return GRAPHQL_REFUSED;
    }
    result->object = &only;
    return GRAPHQL_DONE;
}

static enum graphql_outcome load_node(struct graphql_call *call, const struct graphql_result *list,
                                      size_t index, const void **object)
{
    struct node *node = ARENA_NEW(call->arena, struct node);
    (void)list;
    *node = only;
    node->number = (int64_t)index;
    *object = node;
    return GRAPHQL_DONE;
}

static enum graphql_outcome resolve_nodes(struct graphql_call *call, const void *parent,
                                          struct graphql_result *result)
{
    const struct graphql_value *count = graphql_item(call->arguments, SV("count"));
    (void)parent;
    result->count = count && count->number > 0 ? (size_t)count->number % 5 : 1;
    result->load = load_node;
    return GRAPHQL_DONE;
}

static const char *const colors[] = {"RED", "GREEN", NULL};
static const struct graphql_input_type color = {.name = "Color", .kind = GRAPHQL_IN_ENUM, .values = colors};
static const struct graphql_input_type whole = {.name = "Long", .kind = GRAPHQL_IN_LONG};
static const struct graphql_input_field input_fields[] = {
    {.name = "text", .type = &graphql_string_type},
    {.name = "texts", .type = &graphql_string_type, .is_list = true},
    {.name = "color", .type = &color},
    {.name = "long", .type = &whole},
    {.name = NULL},
};
static const struct graphql_input_type input = {
    .name = "Input", .kind = GRAPHQL_IN_OBJECT, .fields = input_fields};
static const struct graphql_input_field node_arguments[] = {
    {.name = "input", .type = &input},
    {.name = "fails", .type = &graphql_boolean_type},
    {.name = NULL},
};
static const struct graphql_input_field nodes_arguments[] = {
    {.name = "count", .type = &graphql_int_type},
    {.name = NULL},
};
static const struct graphql_type node_type;
static const struct graphql_field node_fields[] = {
    {.name = "text", .shape = GRAPHQL_TEXT, .scalar = "String", .offset = offsetof(struct node, text)},
    {.name = "number", .shape = GRAPHQL_LONG, .scalar = "Long", .offset = offsetof(struct node, number)},
    {.name = "real", .shape = GRAPHQL_REAL, .scalar = "Float", .offset = offsetof(struct node, real)},
    {.name = "truth", .shape = GRAPHQL_TRUTH, .scalar = "Boolean", .offset = offsetof(struct node, truth)},
    {.name = "texts",
     .shape = GRAPHQL_TEXTS,
     .scalar = "String",
     .offset = offsetof(struct node, texts),
     .count_offset = offsetof(struct node, text_count)},
    {.name = "node",
     .shape = GRAPHQL_ONE,
     .type = &node_type,
     .arguments = node_arguments,
     .resolve = resolve_node},
    {.name = "nodes",
     .shape = GRAPHQL_MANY,
     .type = &node_type,
     .arguments = nodes_arguments,
     .resolve = resolve_nodes},
    {.name = NULL},
};
static const struct graphql_type node_type = {"Node", node_fields};
static const struct graphql_type query_type = {"Query", node_fields + 5};
static const struct graphql_type *const types[] = {&node_type, NULL};
static const struct graphql_input_type *const input_types[] = {
    &graphql_string_type, &graphql_int_type, &graphql_boolean_type, &whole, &color, &input, NULL};
static const struct graphql_input_field name_argument[] = {
    {.name = "name", .type = &graphql_string_type, .required = true},
    {.name = NULL},
};
static const struct graphql_directive_type directives[] = {{"component", name_argument}, {NULL, NULL}};
static const struct graphql_schema schema = {&query_type, &query_type, types, input_types, directives};

static bool goes_on(void *context)
{
    size_t *left = context;
    return *left && (*left)--;
}

/* Absent if it was broken off. */
static struct sv ask(struct arena *arena, struct sv query, struct json_object *variables, struct buffer *out)
{
    size_t objects = 20000;
    struct json_writer json;
    const struct graphql_request request = {
        .query = query,
        .variables = variables,
        .schema = &schema,
        .limits = {.root_fields = 10, .aliases = 10},
        .answer_max = ANSWER_MAX,
        .context = &objects,
        .goes_on = goes_on,
    };
    json_writer_init(&json, out);
    enum graphql_answer answer = graphql_execute(arena, &request, &json);
    require(!out->failed);
    if (answer == GRAPHQL_BROKEN_OFF)
        return SV_ABSENT;
    require(answer != GRAPHQL_UNREADABLE ||
            sv_starts_with(buffer_sv(out), SV("{\"data\":null,\"errors\":[\"")) ||
            sv_starts_with(buffer_sv(out), SV("{\"data\": null, \"errors\": [\"")));
    return buffer_sv(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(256UL * 1024 * 1024);
    struct sv rest = {(const char *)data, size}, problem;
    struct sv first = sv_cut(&rest, '\n');
    struct json_object *variables = NULL, *parsed = NULL;
    struct buffer one, other;
    buffer_init(&one, 64UL * 1024 * 1024);
    buffer_init(&other, 64UL * 1024 * 1024);
    if (json_parse(arena, first, &variables, &problem) != JSON_OK)
        variables = NULL;
    struct sv answer = ask(arena, rest, variables, &one);
    if (answer.data) {
        require(json_parse(arena, answer, &parsed, &problem) == JSON_OK);
        require(json_object_is_type(parsed, json_type_object) && json_object_object_length(parsed) == 2);
        require(sv_equal(answer, ask(arena, rest, variables, &other)));
    }
    json_object_put(variables);
    json_object_put(parsed);
    buffer_free(&one);
    buffer_free(&other);
    arena_free(arena);
    return 0;
}
