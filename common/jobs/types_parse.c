#include <math.h>
#include <string.h>

#include "common/base/conf_file.h"
#include "common/base/number.h"
#include "common/jobs/types.h"

#define VALUE_MAX      8192
#define PARAMETERS_MAX 100
#define VARIABLES_MAX  200

struct loader {
    struct arena *arena;
    struct job_types *types;
    const struct job_defaults *defaults;
    const char *file;
    int line;
    struct sv *problem;
    struct job_type *type; /* of the section; NULL before the first */
    uint64_t seen;         /* keys of the section, by their index in the table */
};

/* A sentence without its place. */
#define fail(loader, ...) fail_text((loader), arena_printf((loader)->arena, __VA_ARGS__))

static bool fail_text(struct loader *loader, struct sv text)
{
    *loader->problem = arena_printf(loader->arena, "%s:%d: %.*s", loader->file, loader->line, SV_ARG(text));
    return false;
}

static struct sv shown(struct sv text)
{
    return sv_first(text, 200);
}

static bool is_letter_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool is_name(struct sv name, const char *also)
{
    bool good = name.len > 0 && name.len <= JOB_NAME_MAX;
    for (size_t i = 0; good && i < name.len; i++)
        good = is_letter_or_digit(name.data[i]) || (name.data[i] && strchr(also, name.data[i]));
    return good;
}

static bool is_variable_name(struct sv name)
{
    return is_name(name, "_") && !(name.data[0] >= '0' && name.data[0] <= '9');
}

/* --- Values --- */

struct key {
    const char *name;
    bool (*set)(struct loader *loader, const struct key *key, struct sv value);
    size_t offset;
    int64_t min, max;
};

static void *member(const struct loader *loader, const struct key *key)
{
    return (char *)loader->type + key->offset;
}

static bool set_bool(struct loader *loader, const struct key *key, struct sv value)
{
    bool yes = sv_equal(value, SV("true"));
    if (!yes && !sv_equal(value, SV("false")))
        return fail(loader, "Invalid value for %s: '%.*s' is not true or false.", key->name,
                    SV_ARG(shown(value)));
    *(bool *)member(loader, key) = yes;
    return true;
}

static bool set_int(struct loader *loader, const struct key *key, struct sv value)
{
    if (parse_int64(value, key->min, key->max, member(loader, key)))
        return true;
    return fail(loader, "Invalid value for %s: '%.*s' is not an integer from %lld to %lld.", key->name,
                SV_ARG(shown(value)), (long long)key->min, (long long)key->max);
}

/* Seconds, with a fraction. */
static bool set_duration(struct loader *loader, const struct key *key, struct sv value)
{
    double seconds;
    if (!parse_double(value, &seconds) || !(seconds >= 0) || seconds * 1000 > (double)key->max)
        return fail(loader, "Invalid value for %s: '%.*s' is not a number of seconds from 0 to %lld.",
                    key->name, SV_ARG(shown(value)), (long long)key->max / 1000);
    *(int64_t *)member(loader, key) = (int64_t)ceil(seconds * 1000);
    return true;
}

/* Bytes, or with K, M or G behind the number. */
static bool set_size(struct loader *loader, const struct key *key, struct sv value)
{
    static const char units[] = "KMG";
    struct sv digits = value;
    int64_t number, factor = 1;
    const char *unit = value.len ? strchr(units, value.data[value.len - 1]) : NULL;
    if (unit && *unit) {
        digits.len--;
        factor = INT64_C(1) << (10 * (unit - units + 1));
    }
    if (!parse_int64(digits, 0, key->max / factor, &number) || number * factor < key->min)
        return fail(loader,
                    "Invalid value for %s: '%.*s' is not a size from %lld to %lld bytes, such as 512M.",
                    key->name, SV_ARG(shown(value)), (long long)key->min, (long long)key->max);
    *(int64_t *)member(loader, key) = number * factor;
    return true;
}

static bool set_name(struct loader *loader, const struct key *key, struct sv value)
{
    if (!is_name(value, "_.-"))
        return fail(loader, "Invalid value for %s: '%.*s' is not a name.", key->name, SV_ARG(shown(value)));
    *(struct sv *)member(loader, key) = arena_copy(loader->arena, value);
    return true;
}

static bool set_path(struct loader *loader, const struct key *key, struct sv value)
{
    if (!sv_starts_with(value, SV("/")))
        return fail(loader, "Invalid value for %s: '%.*s' is not an absolute path.", key->name,
                    SV_ARG(shown(value)));
    *(struct sv *)member(loader, key) = arena_copy(loader->arena, value);
    return true;
}

/* Names between commas. */
static bool read_names(struct loader *loader, const struct key *key, struct sv value, struct sv **names,
                       size_t *count)
{
    *names = ARENA_ARRAY(loader->arena, struct sv, value.len / 2 + 1);
    *count = 0;
    while (value.data) {
        struct sv name = sv_trim(sv_cut(&value, ','));
        if (!is_name(name, "_.-"))
            return fail(loader, "Invalid value for %s: '%.*s' is not a name.", key->name,
                        SV_ARG(shown(name)));
        (*names)[(*count)++] = arena_copy(loader->arena, name);
    }
    return true;
}

static bool set_classes(struct loader *loader, const struct key *key, struct sv value)
{
    return read_names(loader, key, value, &loader->type->transient_errors,
                      &loader->type->transient_error_count);
}

static bool set_exclusive(struct loader *loader, const struct key *key, struct sv value)
{
    struct job_type *type = loader->type;
    if (sv_equal(value, SV("false")) || sv_equal(value, SV("true"))) {
        type->exclusive = value.data[0] == 't' ? JOB_EXCLUSIVE : JOB_SHARED;
        return true;
    }
    type->exclusive = JOB_EXCLUSIVE_BY_KEY;
    return read_names(loader, key, value, &type->exclusive_keys, &type->exclusive_key_count);
}

static bool set_result(struct loader *loader, const struct key *key, struct sv value)
{
    bool file = sv_equal(value, SV("file"));
    if (!file && !sv_equal(value, SV("stdout")))
        return fail(loader, "Invalid value for %s: '%.*s' is not stdout or file.", key->name,
                    SV_ARG(shown(value)));
    loader->type->result = file ? JOB_RESULT_FILE : JOB_RESULT_STDOUT;
    return true;
}

static bool set_command(struct loader *loader, const struct key *key, struct sv value)
{
    struct job_type *type = loader->type;
    const char *reason = conf_words(loader->arena, value, &type->argv, &type->argc);
    if (reason)
        return fail_text(loader, sv_from(reason));
    if (!type->argc || !sv_starts_with(type->argv[0], SV("/")))
        return fail(loader, "Invalid value for %s: it must begin with the absolute path of a program.",
                    key->name);
    return true;
}

static bool add_variable(struct loader *loader, struct sv name, struct sv value)
{
    struct job_type *type = loader->type;
    if (!is_variable_name(name))
        return fail(loader, "'%.*s' is not the name of an environment variable.", SV_ARG(shown(name)));
    for (size_t i = 0; i < type->variable_count; i++)
        if (sv_equal(type->environment[i].name, name))
            return fail(loader, "The variable '%.*s' was named further up already.", SV_ARG(name));
    if (type->variable_count == VARIABLES_MAX)
        return fail(loader, "There are more than %d environment variables.", VARIABLES_MAX);
    if (!type->environment)
        type->environment = ARENA_ARRAY(loader->arena, struct job_variable, VARIABLES_MAX);
    type->environment[type->variable_count++] =
        (struct job_variable){arena_copy(loader->arena, name), arena_copy(loader->arena, value)};
    return true;
}

static bool set_environment(struct loader *loader, const struct key *key, struct sv value)
{
    (void)key;
    while (value.data)
        if (!add_variable(loader, sv_trim(sv_cut(&value, ',')), SV_ABSENT))
            return false;
    return true;
}

#define KEY(name, set, member, ...)                               \
    {                                                             \
        name, set, offsetof(struct job_type, member), __VA_ARGS__ \
    }

static const struct key keys[] = {
    KEY("enabled", set_bool, enabled, 0, 0),
    KEY("command", set_command, argv, 0, 0),
    KEY("max_parallel", set_int, max_parallel, 1, 10000),
    KEY("timeout", set_duration, timeout_ms, 0, JOB_TIMEOUT_MAX_MS),
    KEY("exclusive", set_exclusive, exclusive, 0, 0),
    KEY("max_retries", set_int, max_retries, 0, 1000),
    KEY("retry_delay", set_duration, retry_delay_ms, 0, INT64_C(86400000)),
    KEY("retry_delay_max", set_duration, retry_delay_max_ms, 0, INT64_C(86400000)),
    KEY("environment", set_environment, environment, 0, 0),
    KEY("user", set_name, user, 0, 0),
    KEY("directory", set_path, directory, 0, 0),
    KEY("cpu_seconds", set_int, cpu_seconds, 1, INT64_C(31622400)),
    KEY("memory", set_size, memory_bytes, 1048576, INT64_C(1) << 50),
    KEY("open_files", set_int, open_files, 16, 1048576),
    KEY("processes", set_int, processes, 1, 1048576),
    KEY("output_bytes", set_size, output_bytes, 1024, JOB_OUTPUT_MAX),
    KEY("result", set_result, result, 0, 0),
    KEY("function", set_name, function, 0, 0),
    KEY("transient_errors", set_classes, transient_errors, 0, 0),
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

/* --- Parameters --- */

static const char *const parameter_types[] = {
    [JOB_ANY] = "any",         [JOB_STRING] = "string", [JOB_INTEGER] = "integer", [JOB_NUMBER] = "number",
    [JOB_BOOLEAN] = "boolean", [JOB_OBJECT] = "object", [JOB_ARRAY] = "array",
};
#define PARAMETER_TYPES (sizeof(parameter_types) / sizeof(parameter_types[0]))

/* "string", "integer required", "any optional". */
static bool read_parameter(struct sv value, struct job_parameter *parameter)
{
    struct sv word = sv_cut(&value, ' ');
    size_t type = 0;
    while (type < PARAMETER_TYPES && !sv_equal(word, sv_from(parameter_types[type])))
        type++;
    parameter->type = (enum job_parameter_type)type;
    value = sv_trim(value);
    parameter->required = sv_equal(value, SV("required"));
    return type < PARAMETER_TYPES && (!value.len || parameter->required || sv_equal(value, SV("optional")));
}

static bool add_parameter(struct loader *loader, struct sv name, struct sv value)
{
    struct job_type *type = loader->type;
    struct job_parameter parameter = {.name = arena_copy(loader->arena, name)};
    if (!is_name(name, "_.-"))
        return fail(loader, "'%.*s' is not the name of a parameter.", SV_ARG(shown(name)));
    if (!read_parameter(value, &parameter))
        return fail(
            loader,
            "Invalid value for param.%.*s: '%.*s' is not any, string, integer, number, boolean, object "
            "or array, and perhaps required or optional behind it.",
            SV_ARG(name), SV_ARG(shown(value)));
    for (size_t i = 0; i < type->parameter_count; i++)
        if (sv_equal(type->parameters[i].name, name))
            return fail(loader, "'param.%.*s' was set further up already.", SV_ARG(name));
    if (type->parameter_count == PARAMETERS_MAX)
        return fail(loader, "There are more than %d parameters.", PARAMETERS_MAX);
    if (!type->parameters)
        type->parameters = ARENA_ARRAY(loader->arena, struct job_parameter, PARAMETERS_MAX);
    type->parameters[type->parameter_count++] = parameter;
    return true;
}

/* --- Sections --- */

static bool is_parameter(const struct job_type *type, struct sv name)
{
    for (size_t i = 0; i < type->parameter_count; i++)
        if (sv_equal(type->parameters[i].name, name))
            return true;
    return false;
}

/* What can be said only when the whole section is known. */
static bool end_section(struct loader *loader)
{
    const struct job_type *type = loader->type;
    if (!type)
        return true;
    if (!type->argc) {
        *loader->problem = arena_printf(loader->arena, "%.*s: The job '%.*s' has no command.",
                                        SV_ARG(type->place), SV_ARG(type->name));
        return false;
    }
    for (size_t i = 0; i < type->exclusive_key_count; i++)
        if (!is_parameter(type, type->exclusive_keys[i])) {
            *loader->problem = arena_printf(
                loader->arena, "%.*s: The job '%.*s' is exclusive by '%.*s', but has no such parameter.",
                SV_ARG(type->place), SV_ARG(type->name), SV_ARG(type->exclusive_keys[i]));
            return false;
        }
    return true;
}

/* Room for one more in the order of the names. */
static struct job_type *insert_type(struct job_types *types, struct arena *arena, struct sv name)
{
    if (!types->items)
        types->items = ARENA_ARRAY(arena, struct job_type, JOB_TYPES_MAX);
    size_t at = types->count++;
    for (; at > 0 && sv_compare(types->items[at - 1].name, name) > 0; at--)
        types->items[at] = types->items[at - 1];
    return &types->items[at];
}

static bool begin_section(struct loader *loader, struct sv name)
{
    const struct job_type *other = job_types_find(loader->types, name);
    if (!end_section(loader))
        return false;
    if (!is_name(name, "_.-"))
        return fail(loader, "'%.*s' cannot be the name of a job: letters, digits, '_', '-' and '.' can.",
                    SV_ARG(shown(name)));
    if (other)
        return fail(loader, "The job '%.*s' was declared at %.*s already.", SV_ARG(name),
                    SV_ARG(other->place));
    if (loader->types->count == JOB_TYPES_MAX)
        return fail(loader, "There are more than %d types of jobs.", JOB_TYPES_MAX);
    loader->type = insert_type(loader->types, loader->arena, name);
    loader->seen = 0;
    *loader->type = (struct job_type){
        .name = arena_copy(loader->arena, name),
        .enabled = true,
        .max_parallel = 1,
        .max_retries = loader->defaults->max_retries,
        .retry_delay_ms = loader->defaults->retry_delay_ms,
        .retry_delay_max_ms = loader->defaults->retry_delay_max_ms,
        .cpu_seconds = JOB_NO_LIMIT,
        .memory_bytes = JOB_NO_LIMIT,
        .open_files = JOB_NO_LIMIT,
        .processes = JOB_NO_LIMIT,
        .output_bytes = JOB_OUTPUT_DEFAULT,
        .place = arena_printf(loader->arena, "%s:%d", loader->file, loader->line),
    };
    return true;
}

static bool set_key(struct loader *loader, struct sv key, struct sv value)
{
    size_t i = 0;
    while (i < KEYS && !sv_equal(key, sv_from(keys[i].name)))
        i++;
    if (i == KEYS)
        return fail(loader, "There is no key '%.*s'.", SV_ARG(shown(key)));
    if (loader->seen & (UINT64_C(1) << i))
        return fail(loader, "'%s' was set further up already.", keys[i].name);
    loader->seen |= UINT64_C(1) << i;
    const char *reason = keys[i].set == set_command ? NULL : conf_plain_value(&value);
    if (reason)
        return fail_text(loader, sv_from(reason));
    if (!value.len)
        return fail(loader, "'%s' has no value.", keys[i].name);
    return keys[i].set(loader, &keys[i], value);
}

static bool load_setting(struct loader *loader, struct sv key, struct sv value)
{
    if (!loader->type)
        return fail(loader, "Expected '[name]', the name of a job, before the first key.");
    if (value.len > VALUE_MAX)
        return fail(loader, "The value is longer than %d bytes.", VALUE_MAX);
    bool parameter = sv_starts_with(key, SV("param.")), variable = sv_starts_with(key, SV("set."));
    if (!parameter && !variable)
        return set_key(loader, key, value);
    const char *reason = conf_plain_value(&value);
    if (reason)
        return fail_text(loader, sv_from(reason));
    return parameter ? add_parameter(loader, sv_from_offset(key, 6), value)
                     : add_variable(loader, sv_from_offset(key, 4), value.data ? value : SV(""));
}

bool job_types_parse(struct job_types *types, struct arena *arena, const char *file, struct sv content,
                     const struct job_defaults *defaults, struct sv *problem)
{
    struct loader loader = {
        .arena = arena, .types = types, .defaults = defaults, .file = file, .problem = problem};
    for (loader.line = 1; content.data; loader.line++) {
        struct sv key, value;
        const char *reason;
        bool good = true;
        switch (conf_parse_line(sv_cut(&content, '\n'), &key, &value, &reason)) {
        case CONF_NOTHING:
            break;
        case CONF_SETTING:
            good = load_setting(&loader, key, value);
            break;
        case CONF_SECTION:
            good = begin_section(&loader, key);
            break;
        case CONF_BAD:
            good = fail_text(&loader, sv_from(reason));
            break;
        }
        if (!good)
            return false;
    }
    return end_section(&loader);
}
