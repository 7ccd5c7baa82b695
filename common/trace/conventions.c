#include "common/trace/conventions.h"

#include <math.h>
#include <string.h>

#include "common/json/json_read.h"
#include "common/trace/value_text.h"
#include "common/trace/vercel.h"

enum { KEYS_MAX = 7 };

struct type_name {
    const char *value; /* of the convention's attribute, in any case */
    const char *type;
};

/* One convention for naming what a span did. In keys, # stands for a run of digits. */
struct convention {
    const char *type_keys[2];
    const struct type_name *types; /* ends with a NULL value */
    const char *inputs[KEYS_MAX];
    const char *outputs[KEYS_MAX];
    const char *input_tokens[2];
    const char *output_tokens[2];
    const char *total_tokens[2];
    const char *cache_read_tokens[2];
    const char *cache_creation_tokens[2];
    const char *input_cost, *output_cost, *total_cost;
    const char *models[3];
    const char *providers[2];
    bool is_vercel;
};

static const struct type_name openinference_types[] = {
    {"LLM", "LLM"},
    {"CHAIN", "CHAIN"},
    {"AGENT", "AGENT"},
    {"TOOL", "TOOL"},
    {"RETRIEVER", "RETRIEVER"},
    {"EMBEDDING", "EMBEDDING"},
    {"RERANKER", "RERANKER"},
    {"GUARDRAIL", "GUARDRAIL"},
    {"EVALUATOR", "EVALUATOR"},
    {NULL, NULL},
};

static const struct type_name genai_types[] = {
    {"chat", "CHAT_MODEL"},      {"create_agent", "AGENT"}, {"invoke_agent", "AGENT"},
    {"embeddings", "EMBEDDING"}, {"execute_tool", "TOOL"},  {"generate_content", "LLM"},
    {"text_completion", "LLM"},  {"response", "LLM"},       {NULL, NULL},
};

static const struct type_name traceloop_types[] = {
    {"workflow", "WORKFLOW"}, {"task", "TASK"},       {"agent", "AGENT"},
    {"tool", "TOOL"},         {"unknown", "UNKNOWN"}, {NULL, NULL},
};

static const struct type_name vercel_types[] = {
    {"ai.generateText", "LLM"},
    {"ai.generateText.doGenerate", "LLM"},
    {"ai.streamText", "LLM"},
    {"ai.streamText.doStream", "LLM"},
    {"ai.generateObject", "LLM"},
    {"ai.generateObject.doGenerate", "LLM"},
    {"ai.streamObject", "LLM"},
    {"ai.streamObject.doStream", "LLM"},
    {"ai.toolCall", "TOOL"},
    {"ai.embed", "EMBEDDING"},
    {"ai.embed.doEmbed", "EMBEDDING"},
    {"ai.embedMany", "EMBEDDING"},
    {"ai.embedMany.doEmbed", "EMBEDDING"},
    {NULL, NULL},
};

static const struct type_name voltagent_types[] = {
    {"agent", "AGENT"}, {"llm", "LLM"}, {"tool", "TOOL"}, {"memory", "MEMORY"}, {NULL, NULL},
};

static const struct convention conventions[] = {
    {
        .type_keys = {"openinference.span.kind"},
        .types = openinference_types,
        .inputs = {"input.value"},
        .outputs = {"output.value"},
        .input_tokens = {"llm.token_count.prompt"},
        .output_tokens = {"llm.token_count.completion"},
        .total_tokens = {"llm.token_count.total"},
        .cache_read_tokens = {"llm.token_count.prompt_details.cache_read"},
        .cache_creation_tokens = {"llm.token_count.prompt_details.cache_write"},
        .input_cost = "llm.cost.prompt",
        .output_cost = "llm.cost.completion",
        .total_cost = "llm.cost.total",
        .models = {"llm.model_name", "embedding.model_name"},
        .providers = {"llm.provider", "llm.system"},
    },
    {
        .type_keys = {"gen_ai.operation.name"},
        .types = genai_types,
        .inputs = {"gen_ai.input.messages", "gen_ai.tool.call.arguments"},
        .outputs = {"gen_ai.output.messages", "gen_ai.tool.call.result"},
        .input_tokens = {"gen_ai.usage.input_tokens"},
        .output_tokens = {"gen_ai.usage.output_tokens"},
        .cache_read_tokens = {"gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"},
        .cache_creation_tokens = {"gen_ai.usage.cache_creation.input_tokens",
                                  "gen_ai.usage.cache_creation_input_tokens"},
        .total_cost = "gen_ai.usage.cost",
        .models = {"gen_ai.response.model", "gen_ai.request.model"},
        .providers = {"gen_ai.provider.name", "gen_ai.system"},
    },
    {
        .type_keys = {"traceloop.span.kind"},
        .types = traceloop_types,
        .inputs = {"traceloop.entity.input", "gen_ai.prompt.#.content",
                   "gen_ai.completion.#.tool_calls.#.arguments"},
        .outputs = {"traceloop.entity.output", "gen_ai.completion.#.content"},
        .input_tokens = {"gen_ai.usage.prompt_tokens"},
        .output_tokens = {"gen_ai.usage.completion_tokens"},
        .total_tokens = {"llm.usage.total_tokens"},
    },
    {
        .inputs = {"gcp.vertex.agent.llm_request", "gcp.vertex.agent.tool_call_args"},
        .outputs = {"gcp.vertex.agent.llm_response", "gcp.vertex.agent.tool_response"},
    },
    {
        .type_keys = {"ai.operationId"},
        .types = vercel_types,
        .inputs = {"ai.prompt", "ai.toolCall.args", "ai.value", "ai.values"},
        .outputs = {"ai.response.text", "ai.toolCall.result", "ai.response.object", "ai.embedding",
                    "ai.embeddings"},
        .models = {"ai.response.model", "ai.model.id"},
        .providers = {"ai.model.provider"},
        .is_vercel = true,
    },
    {
        .type_keys = {"span.type", "entity.type"},
        .types = voltagent_types,
        .inputs = {"agent.messages", "llm.messages", "input"},
        .outputs = {"output"},
        .input_tokens = {"usage.prompt_tokens", "llm.usage.prompt_tokens"},
        .output_tokens = {"usage.completion_tokens", "llm.usage.completion_tokens"},
        .total_tokens = {"usage.total_tokens", "llm.usage.total_tokens"},
        .models = {"llm.model", "ai.model.name"},
    },
};

enum { CONVENTIONS = sizeof(conventions) / sizeof(conventions[0]) };

/* --- Keys --- */

static bool matches(const char *pattern, struct sv key)
{
    size_t at = 0;
    for (; *pattern; pattern++) {
        if (*pattern != '#') {
            if (at == key.len || key.data[at++] != *pattern)
                return false;
            continue;
        }
        size_t from = at;
        while (at < key.len && key.data[at] >= '0' && key.data[at] <= '9')
            at++;
        if (at == from)
            return false;
    }
    return at == key.len;
}

/* The attribute of a key, or the first that a pattern matches; absent if there is none. */
static struct sv find(const struct attributes *attributes, const char *key)
{
    if (!key)
        return SV_ABSENT;
    if (!strchr(key, '#'))
        return attributes_get(attributes, sv_from(key));
    for (size_t i = 0; i < attributes->count; i++)
        if (matches(key, attributes->items[i].key))
            return attributes->items[i].text;
    return SV_ABSENT;
}

/* The first of these that says something. */
static struct sv first_of(const struct attributes *attributes, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count && keys[i]; i++) {
        struct sv text = find(attributes, keys[i]);
        if (text.data && !value_is_falsy(text))
            return text;
    }
    return SV_ABSENT;
}

#define FIRST_OF(attributes, keys) first_of((attributes), (keys), sizeof(keys) / sizeof((keys)[0]))

static struct sv quoted(struct arena *arena, const char *text)
{
    return arena_printf(arena, "\"%s\"", text);
}

/* --- Type --- */

static const char *type_by_name(const struct convention *convention, struct sv value)
{
    for (const struct type_name *name = convention->types; name && name->value; name++)
        if (sv_equal_ignoring_case(value, sv_from(name->value)))
            return name->type;
    return NULL;
}

static const char *find_type(const struct attributes *attributes)
{
    for (size_t c = 0; c < CONVENTIONS; c++) {
        for (size_t k = 0; k < 2; k++) {
            struct sv text = find(attributes, conventions[c].type_keys[k]);
            if (!text.data)
                continue;
            const char *type = type_by_name(&conventions[c], value_decoded(attributes->arena, text));
            if (type)
                return type;
        }
    }
    return NULL;
}

static void translate_type(struct attributes *attributes, struct span_row *row)
{
    struct sv given = attributes_get(attributes, SV(SPAN_TYPE));
    row->type = given.data ? value_decoded(attributes->arena, given) : SV("");
    if (sv_equal(row->type, SV("null")))
        row->type = SV("");
    if (row->type.len && !sv_equal(row->type, SV("UNKNOWN")))
        return;
    const char *type = find_type(attributes);
    if (!type)
        return;
    row->type = sv_from(type);
    attributes_put(attributes, SV(SPAN_TYPE), quoted(attributes->arena, type));
}

/* --- Inputs and outputs --- */

static struct sv find_inputs(const struct attributes *attributes, const struct convention *convention)
{
    if (convention->is_vercel && vercel_is_chat(attributes))
        return vercel_gather(attributes, SV("ai.prompt."));
    return FIRST_OF(attributes, convention->inputs);
}

static struct sv find_outputs(const struct attributes *attributes, const struct convention *convention)
{
    if (convention->is_vercel && vercel_is_chat(attributes))
        return vercel_gather(attributes, SV("ai.response."));
    return FIRST_OF(attributes, convention->outputs);
}

typedef struct sv finder(const struct attributes *attributes, const struct convention *convention);

static void translate_content(struct attributes *attributes, struct sv key, finder *find_content)
{
    if (attributes_get(attributes, key).data)
        return;
    for (size_t c = 0; c < CONVENTIONS; c++) {
        struct sv text = find_content(attributes, &conventions[c]);
        if (text.data) {
            attributes_put(attributes, key, text);
            return;
        }
    }
}

static void translate_message_format(struct attributes *attributes)
{
    if (attributes_get(attributes, SV(SPAN_MESSAGE_FORMAT)).data)
        return;
    if (vercel_is_chat(attributes))
        attributes_put(attributes, SV(SPAN_MESSAGE_FORMAT), SV("\"vercel_ai\""));
    else if (attributes_get(attributes, SV("voltagent.operation_id")).data ||
             attributes_get(attributes, SV("voltagent.conversation_id")).data)
        attributes_put(attributes, SV(SPAN_MESSAGE_FORMAT), SV("\"voltagent\""));
}

/* --- Usage --- */

static double number_of(const struct attributes *attributes, const char *const *keys, size_t count)
{
    for (size_t i = 0; i < count && keys[i]; i++) {
        struct sv text = attributes_get(attributes, sv_from(keys[i]));
        double number = text.data ? value_number(attributes->arena, text) : NAN;
        if (number >= 0)
            return number;
    }
    return NAN;
}

#define NUMBER_OF(attributes, keys) number_of((attributes), (keys), sizeof(keys) / sizeof((keys)[0]))

/* The parts and the whole of tokens or costs: a whole that is missing is the sum of its parts. */
static bool complete(double *input, double *output, double *total)
{
    if (isnan(*total) && (!isnan(*input) || !isnan(*output)))
        *total = (isnan(*input) ? 0 : *input) + (isnan(*output) ? 0 : *output);
    return !isnan(*total);
}

struct named_number {
    const char *name;
    double *number;
};

/* {"input_tokens": 7, …} with those that are known. */
static struct sv numbers_text(struct arena *arena, const struct named_number *numbers, size_t count)
{
    struct sv text = SV("{");
    for (size_t i = 0; i < count; i++) {
        if (isnan(*numbers[i].number))
            continue;
        struct otlp_value value = {.type = OTLP_DOUBLE, .real = *numbers[i].number};
        if (value.real == floor(value.real) && value.real < 9007199254740992.0)
            value = (struct otlp_value){.type = OTLP_INT, .integer = (int64_t)value.real};
        struct sv number = value_text(arena, &value);
        text = arena_printf(arena, "%.*s%s\"%s\": %.*s", SV_ARG(text), text.len > 1 ? ", " : "",
                            numbers[i].name, SV_ARG(number));
    }
    return arena_printf(arena, "%.*s}", SV_ARG(text));
}

/* Numbers of a JSON object, which may be texts. */
static void read_numbers(struct arena *arena, struct sv text, const struct named_number *numbers,
                         size_t count)
{
    struct json_object *root = NULL;
    struct sv problem;
    if (json_parse(arena, text, &root, &problem) != JSON_OK)
        return;
    for (size_t i = 0; i < count && json_object_is_type(root, json_type_object); i++) {
        struct json_object *member = NULL;
        double number = NAN;
        json_object_object_get_ex(root, numbers[i].name, &member);
        if (json_object_is_type(member, json_type_int) || json_object_is_type(member, json_type_double))
            number = json_object_get_double(member);
        else if (json_object_is_type(member, json_type_string))
            number = value_number(arena, arena_copy(arena, json_string_view(member)));
        if (number >= 0 && isfinite(number))
            *numbers[i].number = number;
    }
    json_object_put(root);
}

static bool find_tokens(const struct attributes *attributes, struct span_usage *usage)
{
    for (size_t c = 0; c < CONVENTIONS; c++) {
        const struct convention *convention = &conventions[c];
        usage->input_tokens = NUMBER_OF(attributes, convention->input_tokens);
        usage->output_tokens = NUMBER_OF(attributes, convention->output_tokens);
        if (isnan(usage->input_tokens) && isnan(usage->output_tokens))
            continue;
        usage->total_tokens = NUMBER_OF(attributes, convention->total_tokens);
        usage->cache_read_input_tokens = NUMBER_OF(attributes, convention->cache_read_tokens);
        usage->cache_creation_input_tokens = NUMBER_OF(attributes, convention->cache_creation_tokens);
        return true;
    }
    return false;
}

static bool translate_tokens(struct attributes *attributes, struct span_usage *usage)
{
    const struct named_number numbers[] = {
        {"input_tokens", &usage->input_tokens},
        {"output_tokens", &usage->output_tokens},
        {"total_tokens", &usage->total_tokens},
        {"cache_read_input_tokens", &usage->cache_read_input_tokens},
        {"cache_creation_input_tokens", &usage->cache_creation_input_tokens},
    };
    enum { COUNT = sizeof(numbers) / sizeof(numbers[0]) };
    struct sv given = attributes_get(attributes, SV(SPAN_TOKEN_USAGE));
    if (given.data) {
        read_numbers(attributes->arena, given, numbers, COUNT);
        return complete(&usage->input_tokens, &usage->output_tokens, &usage->total_tokens);
    }
    if (!find_tokens(attributes, usage))
        return false;
    complete(&usage->input_tokens, &usage->output_tokens, &usage->total_tokens);
    attributes_put(attributes, SV(SPAN_TOKEN_USAGE), numbers_text(attributes->arena, numbers, COUNT));
    return true;
}

static bool translate_cost(struct attributes *attributes, struct span_usage *usage)
{
    const struct named_number numbers[] = {
        {"input_cost", &usage->input_cost},
        {"output_cost", &usage->output_cost},
        {"total_cost", &usage->total_cost},
    };
    enum { COUNT = sizeof(numbers) / sizeof(numbers[0]) };
    struct sv given = attributes_get(attributes, SV(SPAN_COST));
    if (given.data) {
        read_numbers(attributes->arena, given, numbers, COUNT);
        return complete(&usage->input_cost, &usage->output_cost, &usage->total_cost);
    }
    for (size_t c = 0; c < CONVENTIONS; c++) {
        usage->input_cost = number_of(attributes, &conventions[c].input_cost, 1);
        usage->output_cost = number_of(attributes, &conventions[c].output_cost, 1);
        usage->total_cost = number_of(attributes, &conventions[c].total_cost, 1);
        if (!complete(&usage->input_cost, &usage->output_cost, &usage->total_cost))
            continue;
        attributes_put(attributes, SV(SPAN_COST), numbers_text(attributes->arena, numbers, COUNT));
        return true;
    }
    return false;
}

static struct sv find_word(const struct attributes *attributes, struct sv given, bool model)
{
    for (size_t c = 0; c < CONVENTIONS && !given.data; c++)
        given = model ? FIRST_OF(attributes, conventions[c].models)
                      : FIRST_OF(attributes, conventions[c].providers);
    return given.data ? value_decoded(attributes->arena, given) : SV_ABSENT;
}

static void translate_usage(struct attributes *attributes, struct span_row *row)
{
    struct span_usage usage = {.input_tokens = NAN,
                               .output_tokens = NAN,
                               .total_tokens = NAN,
                               .cache_read_input_tokens = NAN,
                               .cache_creation_input_tokens = NAN,
                               .input_cost = NAN,
                               .output_cost = NAN,
                               .total_cost = NAN};
    bool tokens = translate_tokens(attributes, &usage);
    bool cost = translate_cost(attributes, &usage);
    if (!tokens && !cost)
        return;
    usage.model = find_word(attributes, attributes_get(attributes, SV(SPAN_MODEL)), true);
    usage.provider = find_word(attributes, attributes_get(attributes, SV(SPAN_PROVIDER)), false);
    struct span_usage *kept = ARENA_NEW(attributes->arena, struct span_usage);
    *kept = usage;
    row->usage = kept;
}

void conventions_translate(struct attributes *attributes, struct span_row *row)
{
    translate_type(attributes, row);
    translate_content(attributes, SV(SPAN_INPUTS), find_inputs);
    translate_content(attributes, SV(SPAN_OUTPUTS), find_outputs);
    translate_message_format(attributes);
    translate_usage(attributes, row);
}
