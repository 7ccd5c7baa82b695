#include "common/gateway/chat_request.h"

#include <math.h>
#include <string.h>

#include "common/base/number.h"
#include "common/json/json_read.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

struct checker {
    struct arena *arena;
    struct sv problem; /* absent while nothing is wrong */
};

/* Where a value stands; chained from the innermost to the outermost. */
struct place {
    const struct place *outer;
    const char *name; /* NULL: an item of an array */
    size_t index;
};

static struct sv place_text(struct arena *arena, const struct place *place)
{
    struct sv text = SV_ABSENT;
    for (; place; place = place->outer) {
        struct sv own = place->name ? sv_from(place->name) : arena_printf(arena, "%zu", place->index);
        text = text.data ? arena_printf(arena, "%.*s.%.*s", SV_ARG(own), SV_ARG(text)) : own;
    }
    return text;
}

/* Always NULL, for `return wrong(…)`. */
static struct json_object *wrong(struct checker *checker, const struct place *place, const char *what)
{
    if (!checker->problem.data)
        checker->problem =
            place ? arena_printf(checker->arena, "%.*s: %s", SV_ARG(place_text(checker->arena, place)), what)
                  : sv_from(what);
    return NULL;
}

/* --- Values --- */

struct rule;

/* What of the value goes on: a reference that the caller owns, or NULL if it is refused. Never called with
 * null. */
typedef struct json_object *check_value(struct checker *checker, const struct place *place,
                                        const struct rule *rule, struct json_object *value);

struct rule {
    const char *name;
    check_value *check;
    bool required;
    bool not_null; /* null is refused, rather than left out */
    double min, max;
    const char *const *words; /* of check_word; ends with NULL */
    const char *refusal;
    const struct rule *members; /* of check_object; ends with a NULL name */
    check_value *item;          /* of check_list */
    const struct rule *item_rule;
    bool not_empty;
    const char *fallback; /* what a text is that is not given */
    bool keeps_unknown;   /* members that have no rule go on */
};

static struct json_object *check_text(struct checker *checker, const struct place *place,
                                      const struct rule *rule, struct json_object *value)
{
    (void)rule;
    if (!json_object_is_type(value, json_type_string))
        return wrong(checker, place, "Input should be a valid string");
    return json_object_get(value);
}

static struct json_object *check_word(struct checker *checker, const struct place *place,
                                      const struct rule *rule, struct json_object *value)
{
    for (const char *const *word = rule->words; json_object_is_type(value, json_type_string) && *word;
         word++) {
        if (sv_equal(json_string_view(value), sv_from(*word)))
            return json_object_get(value);
    }
    return wrong(checker, place, rule->refusal);
}

/* A number, a boolean that counts as one, or a text that is one. */
static bool read_number(struct json_object *value, double *number)
{
    switch (json_object_get_type(value)) {
    case json_type_int:
    case json_type_double:
        *number = json_object_get_double(value);
        return true;
    case json_type_boolean:
        *number = json_object_get_boolean(value) ? 1 : 0;
        return true;
    case json_type_string:
        return parse_double(sv_trim(json_string_view(value)), number);
    default:
        return false;
    }
}

static bool check_bounds(struct checker *checker, const struct place *place, const struct rule *rule,
                         double number)
{
    struct arena *arena = checker->arena;
    const char *format = NULL;
    double bound = 0;
    if (!(number >= rule->min)) {
        format = "greater";
        bound = rule->min;
    } else if (!(number <= rule->max)) {
        format = "less";
        bound = rule->max;
    }
    if (!format)
        return true;
    wrong(checker, place, arena_printf(arena, "Input should be %s than or equal to %g", format, bound).data);
    return false;
}

static struct json_object *check_number(struct checker *checker, const struct place *place,
                                        const struct rule *rule, struct json_object *value)
{
    double number;
    if (!read_number(value, &number))
        return wrong(checker, place, "Input should be a valid number");
    if (!check_bounds(checker, place, rule, number))
        return NULL;
    bool is_number =
        json_object_is_type(value, json_type_int) || json_object_is_type(value, json_type_double);
    return is_number ? json_object_get(value) : json_object_new_double(number);
}

static struct json_object *check_integer(struct checker *checker, const struct place *place,
                                         const struct rule *rule, struct json_object *value)
{
    double number;
    if (!read_number(value, &number))
        return wrong(checker, place, "Input should be a valid integer");
    /* Beyond 2^53 a double is no longer exact, and no count of tokens. */
    if (!(fabs(number) <= 9007199254740992.0) || number != floor(number))
        return wrong(checker, place, "Input should be a valid integer, within what a count may be");
    if (!check_bounds(checker, place, rule, number))
        return NULL;
    return json_object_is_type(value, json_type_int) ? json_object_get(value)
                                                     : json_object_new_int64((int64_t)number);
}

static struct json_object *check_boolean(struct checker *checker, const struct place *place,
                                         const struct rule *rule, struct json_object *value)
{
    static const char *const texts[][6] = {{"0", "off", "f", "false", "n", "no"},
                                           {"1", "on", "t", "true", "y", "yes"}};
    (void)rule;
    double number;
    if (json_object_is_type(value, json_type_boolean))
        return json_object_get(value);
    if (json_object_is_type(value, json_type_string)) {
        for (size_t truth = 0; truth < COUNT(texts); truth++) {
            for (size_t i = 0; i < COUNT(texts[0]); i++) {
                if (sv_equal_ignoring_case(json_string_view(value), sv_from(texts[truth][i])))
                    return json_object_new_boolean((json_bool)truth);
            }
        }
    } else if (read_number(value, &number) && (number == 0 || number == 1)) {
        return json_object_new_boolean(number == 1);
    }
    return wrong(checker, place, "Input should be a valid boolean");
}

/* As it is: the schemas of tools. */
static struct json_object *check_dictionary(struct checker *checker, const struct place *place,
                                            const struct rule *rule, struct json_object *value)
{
    (void)rule;
    if (!json_object_is_type(value, json_type_object))
        return wrong(checker, place, "Input should be a valid dictionary");
    return json_object_get(value);
}

static struct json_object *check_list(struct checker *checker, const struct place *place,
                                      const struct rule *rule, struct json_object *value)
{
    if (!json_object_is_type(value, json_type_array))
        return wrong(checker, place, "Input should be a valid list");
    size_t count = json_object_array_length(value);
    if (count == 0 && rule->not_empty)
        return wrong(checker, place, "List should have at least 1 item after validation, not 0");
    struct json_object *list = json_object_new_array();
    for (size_t i = 0; i < count; i++) {
        struct json_object *item = json_object_array_get_idx(value, i);
        struct place inner = {.outer = place, .index = i};
        struct json_object *checked = item ? rule->item(checker, &inner, rule->item_rule, item) : NULL;
        if (!item)
            wrong(checker, &inner, "Input should not be null");
        if (!checked || json_object_array_add(list, checked) != 0) {
            json_object_put(checked);
            json_object_put(list);
            return NULL;
        }
    }
    return list;
}

/* --- Objects --- */

/* A copy without members that are null; shares what has none. Not deeper than the parser lets through. */
static struct json_object *without_nulls(struct json_object *value)
{
    if (json_object_is_type(value, json_type_object)) {
        struct json_object *copy = json_object_new_object();
        json_object_object_foreach(value, name, member)
        {
            if (member)
                json_object_object_add(copy, name, without_nulls(member));
        }
        return copy;
    }
    if (json_object_is_type(value, json_type_array)) {
        struct json_object *copy = json_object_new_array();
        for (size_t i = 0; i < json_object_array_length(value); i++)
            json_object_array_add(copy, without_nulls(json_object_array_get_idx(value, i)));
        return copy;
    }
    return json_object_get(value);
}

static bool check_member(struct checker *checker, const struct place *place, const struct rule *rule,
                         struct json_object *object, struct json_object *checked)
{
    struct place inner = {.outer = place, .name = rule->name};
    struct json_object *value = NULL;
    bool given = json_object_object_get_ex(object, rule->name, &value);
    if (!given && rule->required) {
        wrong(checker, &inner, "Field required");
        return false;
    }
    if (given && !value && (rule->required || rule->not_null)) {
        wrong(checker, &inner, "Input should not be null");
        return false;
    }
    if (value) {
        value = rule->check(checker, &inner, rule, value);
        if (!value)
            wrong(checker, &inner, "There is no memory for it");
        return value && json_object_object_add(checked, rule->name, value) == 0;
    }
    if (rule->fallback)
        json_object_object_add(checked, rule->name, json_object_new_string(rule->fallback));
    return true;
}

static const struct rule *rule_for(const struct rule *rules, const char *name)
{
    while (rules->name && strcmp(rules->name, name) != 0)
        rules++;
    return rules->name ? rules : NULL;
}

static struct json_object *check_object(struct checker *checker, const struct place *place,
                                        const struct rule *rule, struct json_object *value)
{
    if (!json_object_is_type(value, json_type_object))
        return wrong(checker, place, "Input should be a valid dictionary");
    struct json_object *checked = json_object_new_object();
    for (const struct rule *member = rule->members; member->name; member++) {
        if (!check_member(checker, place, member, value, checked)) {
            json_object_put(checked);
            return NULL;
        }
    }
    if (rule->keeps_unknown) {
        json_object_object_foreach(value, name, member)
        {
            if (member && !rule_for(rule->members, name))
                json_object_object_add(checked, name, without_nulls(member));
        }
    }
    return checked;
}

#define TEXT(name_)                          \
    {                                        \
        .name = (name_), .check = check_text \
    }
#define OBJECT(name_, ...)                                               \
    {                                                                    \
        .name = (name_), .check = check_object, .members = (__VA_ARGS__) \
    }
#define WORDS(...)                                      \
    .check = check_word, .words = (const char *const[]) \
    {                                                   \
        __VA_ARGS__, NULL                               \
    }
#define ANY_NUMBER .min = -INFINITY, .max = INFINITY
#define END          \
    {                \
        .name = NULL \
    }

/* --- Messages --- */

static const struct rule text_part[] = {
    TEXT("type"),
    {.name = "text", .check = check_text, .required = true},
    END,
};

static const struct rule image_url[] = {
    {.name = "url", .check = check_text, .required = true},
    {.name = "detail", WORDS("auto", "low", "high"), .refusal = "Input should be 'auto', 'low' or 'high'"},
    END,
};
static const struct rule image_part[] = {
    TEXT("type"),
    {.name = "image_url", .check = check_object, .required = true, .members = image_url},
    END,
};

static const struct rule input_audio[] = {
    {.name = "data", .check = check_text, .required = true},
    {.name = "format", WORDS("wav", "mp3"), .refusal = "Input should be 'wav' or 'mp3'", .required = true},
    END,
};
static const struct rule audio_part[] = {
    TEXT("type"),
    {.name = "input_audio", .check = check_object, .required = true, .members = input_audio},
    END,
};

static struct json_object *check_part(struct checker *checker, const struct place *place,
                                      const struct rule *rule, struct json_object *value)
{
    static const struct {
        const char *type;
        struct rule rule;
    } parts[] = {
        {"text", {.members = text_part}},
        {"image_url", {.members = image_part}},
        {"input_audio", {.members = audio_part}},
    };
    (void)rule;
    struct json_object *type = NULL;
    if (!json_object_is_type(value, json_type_object))
        return wrong(checker, place, "Input should be a valid dictionary");
    json_object_object_get_ex(value, "type", &type);
    for (size_t i = 0; json_object_is_type(type, json_type_string) && i < COUNT(parts); i++) {
        if (sv_equal(json_string_view(type), sv_from(parts[i].type)))
            return check_object(checker, place, &parts[i].rule, value);
    }
    struct place inner = {.outer = place, .name = "type"};
    return wrong(checker, &inner, "Input should be 'text', 'image_url' or 'input_audio'");
}

static struct json_object *check_content(struct checker *checker, const struct place *place,
                                         const struct rule *rule, struct json_object *value)
{
    static const struct rule parts = {.item = check_part};
    (void)rule;
    if (json_object_is_type(value, json_type_string))
        return json_object_get(value);
    if (json_object_is_type(value, json_type_array))
        return check_list(checker, place, &parts, value);
    return wrong(checker, place, "Input should be a valid string, or a list of content parts");
}

static const struct rule called_function[] = {TEXT("name"), TEXT("arguments"), END};

static const struct rule tool_call_members[] = {
    {.name = "id", .check = check_text, .required = true},
    {.name = "type", .check = check_text, .not_null = true, .fallback = "function"},
    {.name = "function", .check = check_object, .required = true, .members = called_function},
    END,
};
static const struct rule tool_call = {.members = tool_call_members};

static const struct rule message_members[] = {
    {.name = "role", .check = check_text, .required = true},
    {.name = "content", .check = check_content},
    {.name = "tool_calls", .check = check_list, .item = check_object, .item_rule = &tool_call},
    TEXT("refusal"),
    TEXT("tool_call_id"),
    END,
};
static const struct rule message = {.members = message_members};

/* --- Tools and formats --- */

static const struct rule tool_function[] = {
    {.name = "name", .check = check_text, .required = true},
    TEXT("description"),
    {.name = "parameters", .check = check_dictionary},
    {.name = "strict", .check = check_boolean},
    END,
};
static const struct rule catalog_function[] = {
    {.name = "name", .check = check_text, .required = true},
    END,
};
static const struct rule tool_members[] = {
    {.name = "type",
     WORDS("function", "uc_function"),
     .refusal = "Input should be 'function' or 'uc_function'",
     .required = true},
    OBJECT("function", tool_function),
    {.name = "uc_function", .check = check_object, .members = catalog_function, .keeps_unknown = true},
    END,
};
static const struct rule tool = {.members = tool_members, .keeps_unknown = true};

static const struct rule choice_function[] = {
    {.name = "name", .check = check_text, .required = true},
    END,
};
static const struct rule choice_members[] = {
    {.name = "type", WORDS("function"), .refusal = "Input should be 'function'", .required = true},
    {.name = "function", .check = check_object, .required = true, .members = choice_function},
    END,
};

static struct json_object *check_tool_choice(struct checker *checker, const struct place *place,
                                             const struct rule *rule, struct json_object *value)
{
    static const struct rule chosen = {.members = choice_members};
    if (json_object_is_type(value, json_type_object))
        return check_object(checker, place, &chosen, value);
    return check_word(checker, place, rule, value);
}

static const struct rule format_members[] = {
    {.name = "type",
     WORDS("text", "json_object", "json_schema"),
     .refusal = "Input should be 'text', 'json_object' or 'json_schema'",
     .required = true},
    {.name = "json_schema", .check = check_dictionary},
    END,
};

/* --- Whole requests --- */

static const struct rule chat_members[] = {
    {.name = "messages",
     .check = check_list,
     .required = true,
     .not_empty = true,
     .item = check_object,
     .item_rule = &message},
    {.name = "n", .check = check_integer, .not_null = true, .min = 1, .max = INFINITY},
    {.name = "stop", .check = check_list, .not_empty = true, .item = check_text},
    {.name = "max_tokens", .check = check_integer, .min = 1, .max = INFINITY},
    {.name = "max_completion_tokens", .check = check_integer, .min = 1, .max = INFINITY},
    {.name = "stream", .check = check_boolean},
    {.name = "stream_options", .check = check_dictionary},
    TEXT("model"),
    OBJECT("response_format", format_members),
    {.name = "temperature", .check = check_number, .min = 0, .max = 2},
    {.name = "top_p", .check = check_number, .min = 0, .max = 1},
    {.name = "presence_penalty", .check = check_number, .min = -2, .max = 2},
    {.name = "frequency_penalty", .check = check_number, .min = -2, .max = 2},
    {.name = "top_k", .check = check_integer, .min = 1, .max = INFINITY},
    {.name = "tools", .check = check_list, .item = check_object, .item_rule = &tool},
    {.name = "tool_choice",
     .check = check_tool_choice,
     .words = (const char *const[]){"none", "auto", "required", NULL},
     .refusal = "Input should be 'none', 'auto' or 'required', or name a function"},
    END,
};

enum status chat_request_check(struct arena *arena, struct json_object *body, struct json_object **payload,
                               struct sv *problem)
{
    static const struct rule chat = {.members = chat_members, .keeps_unknown = true};
    struct checker checker = {.arena = arena};
    *payload = check_object(&checker, NULL, &chat, body);
    *problem = checker.problem;
    if (!*payload)
        return FAILED;
    if (!json_object_object_get_ex(*payload, "n", NULL))
        json_object_object_add(*payload, "n", json_object_new_int(1));
    return OK;
}

static const struct rule whole_number = {ANY_NUMBER};

static struct json_object *check_numbers(struct checker *checker, const struct place *place,
                                         const struct rule *rule, struct json_object *value)
{
    static const struct rule numbers = {.item = check_integer, .item_rule = &whole_number};
    (void)rule;
    return check_list(checker, place, &numbers, value);
}

/* A text, texts, tokens, or lists of tokens: what the first item is decides. */
static struct json_object *check_input(struct checker *checker, const struct place *place,
                                       const struct rule *rule, struct json_object *value)
{
    static const struct rule texts = {.item = check_text}, lists = {.item = check_numbers};
    if (json_object_is_type(value, json_type_string))
        return json_object_get(value);
    if (!json_object_is_type(value, json_type_array))
        return wrong(checker, place, "Input should be a valid string, or a list of strings or of tokens");
    struct json_object *first = json_object_array_length(value) ? json_object_array_get_idx(value, 0) : NULL;
    if (json_object_is_type(first, json_type_array))
        return check_list(checker, place, &lists, value);
    if (json_object_is_type(first, json_type_int) || json_object_is_type(first, json_type_double))
        return check_numbers(checker, place, rule, value);
    return check_list(checker, place, &texts, value);
}

static const struct rule embeddings_members[] = {
    {.name = "input", .check = check_input, .required = true},
    END,
};

enum status embeddings_request_check(struct arena *arena, struct json_object *body,
                                     struct json_object **payload, struct sv *problem)
{
    static const struct rule embeddings = {.members = embeddings_members, .keeps_unknown = true};
    struct checker checker = {.arena = arena};
    *payload = check_object(&checker, NULL, &embeddings, body);
    *problem = checker.problem;
    return *payload ? OK : FAILED;
}
