#include "common/base/config.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/conf_file.h"
#include "common/base/number.h"

#define FILE_MAX_BYTES   ((size_t)64 * 1024)
#define VALUE_MAX_BYTES  ((size_t)8 * 1024)
#define FILE_ENVIRONMENT "TRACKLIGHT_CONFIG"

const struct setting setting_table[] = {
#define SETTING_STRING(name, default_text, environment, option, short_option, value_name, help) \
    {#name, SETTING_TYPE_STRING, default_text, 0, 0, environment, option, short_option, value_name, help},
#define SETTING_INT(name, default_text, min, max, environment, option, short_option, value_name, help) \
    {#name, SETTING_TYPE_INT, default_text, min, max, environment, option, short_option, value_name, help},
#define SETTING_BOOL(name, default_text, environment, option, help) \
    {#name, SETTING_TYPE_BOOL, default_text, 0, 0, environment, option, 0, NULL, help},
#include "common/base/config_table.h"
};
const size_t setting_count = sizeof setting_table / sizeof setting_table[0];

static const size_t setting_offsets[] = {
#define SETTING_STRING(name, ...) offsetof(struct settings, name),
#define SETTING_INT(name, ...)    offsetof(struct settings, name),
#define SETTING_BOOL(name, ...)   offsetof(struct settings, name),
#include "common/base/config_table.h"
};

/* Settings that take one of a few words, in any case; the first spelling of a value is the one in the help.
 */
static const struct choice {
    const char *setting;
    const char *spelling;
    const char *value;
} choices[] = {
    {"x_frame_options", "SAMEORIGIN", "SAMEORIGIN"},
    {"x_frame_options", "DENY", "DENY"},
    {"x_frame_options", "NONE", "NONE"},
    {"app_name", "basic-auth", "basic-auth"},
    {"trust_remote_user", "off", "off"},
    {"trust_remote_user", "known", "known"},
    {"trust_remote_user", "create", "create"},
    {"durability", "full", "full"},
    {"durability", "normal", "normal"},
    {"log_level", "error", "error"},
    {"log_level", "warning", "warning"},
    {"log_level", "info", "info"},
    {"log_level", "debug", "debug"},
    /* Python's other names, which MLFLOW_LOGGING_LEVEL may hold. */
    {"log_level", "critical", "error"},
    {"log_level", "fatal", "error"},
    {"log_level", "warn", "warning"},
    {"log_level", "notset", "debug"},
    {"x_sendfile", "off", "off"},
    {"x_sendfile", "x-sendfile", "x-sendfile"},
    {"x_sendfile", "x-accel-redirect", "x-accel-redirect"},
};
#define CHOICES (sizeof choices / sizeof choices[0])

struct loader {
    struct config *config;
    struct arena *arena;
    struct sv *problem;
    enum setting_source source;
    const char *file;
    int line;
};

static void *setting_value(const struct config *config, size_t index)
{
    return (char *)&config->settings + setting_offsets[index];
}

static size_t find_setting(struct sv name)
{
    size_t i = 0;
    while (i < setting_count && !sv_equal(name, sv_from(setting_table[i].name)))
        i++;
    return i;
}

static bool fail(struct loader *loader, struct sv text)
{
    *loader->problem = text;
    return false;
}

static bool fail_in_file(struct loader *loader, struct sv text)
{
    return fail(loader, arena_printf(loader->arena, "%s:%d: %.*s", loader->file, loader->line, SV_ARG(text)));
}

/* `reason` follows the value, as in "'x' is not a valid integer." */
static bool fail_value(struct loader *loader, const struct setting *setting, struct sv value,
                       struct sv reason)
{
    struct arena *arena = loader->arena;
    struct sv place;
    switch (loader->source) {
    case SETTING_FILE:
        place = arena_printf(arena, "%s:%d: Invalid value for %s", loader->file, loader->line, setting->name);
        break;
    case SETTING_ENVIRONMENT:
        place = arena_printf(arena, "Invalid value for the environment variable %s", setting->environment);
        break;
    default:
        place = setting->short_option ? arena_printf(arena, "Invalid value for '%s' / '-%c'", setting->option,
                                                     setting->short_option)
                                      : arena_printf(arena, "Invalid value for '%s'", setting->option);
    }
    return fail(loader, arena_printf(arena, "%.*s: '%.*s' %.*s", SV_ARG(place), SV_ARG(sv_first(value, 200)),
                                     SV_ARG(reason)));
}

static bool parse_bool(struct sv text, bool *value)
{
    static const char *const words[][2] = {{"false", "true"}, {"0", "1"}, {"no", "yes"},
                                           {"off", "on"},     {"f", "t"}, {"n", "y"}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        for (size_t side = 0; side < 2; side++)
            if (sv_equal_ignoring_case(text, sv_from(words[i][side]))) {
                *value = side == 1;
                return true;
            }
    return false;
}

static bool set_int(struct loader *loader, size_t index, struct sv text)
{
    const struct setting *setting = &setting_table[index];
    int64_t value;
    if (!parse_int64(text, INT64_MIN, INT64_MAX, &value))
        return fail_value(loader, setting, text, SV("is not a valid integer."));
    if (value < setting->min || value > setting->max)
        return fail_value(loader, setting, text,
                          arena_printf(loader->arena, "is not in the range %lld to %lld.",
                                       (long long)setting->min, (long long)setting->max));
    *(int64_t *)setting_value(loader->config, index) = value;
    return true;
}

static bool set_bool(struct loader *loader, size_t index, struct sv text)
{
    if (!parse_bool(text, setting_value(loader->config, index)))
        return fail_value(loader, &setting_table[index], text, SV("is neither true nor false."));
    return true;
}

static bool choose(struct loader *loader, const struct setting *setting, struct sv *text)
{
    struct sv known = SV_ABSENT;
    for (size_t i = 0; i < CHOICES; i++) {
        if (strcmp(choices[i].setting, setting->name) != 0)
            continue;
        if (sv_equal_ignoring_case(*text, sv_from(choices[i].spelling))) {
            *text = sv_from(choices[i].value);
            return true;
        }
        if (strcmp(choices[i].spelling, choices[i].value) == 0)
            known = arena_printf(loader->arena, "%.*s%s'%s'", SV_ARG(known), known.data ? ", " : "",
                                 choices[i].value);
    }
    if (!known.data)
        return true;
    return fail_value(loader, setting, *text,
                      arena_printf(loader->arena, "is not one of %.*s.", SV_ARG(known)));
}

static bool is_prefix_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("/-._~", c));
}

static bool check_static_prefix(struct loader *loader, const struct setting *setting, struct sv text)
{
    if (text.data[0] != '/')
        return fail(loader, SV("--static-prefix must begin with a '/'."));
    if (sv_ends_with(text, SV("/")))
        return fail(loader, SV("--static-prefix should not end with a '/'."));
    struct sv rest = sv_from_offset(text, 1);
    while (rest.data) {
        struct sv segment = sv_cut(&rest, '/');
        if (segment.len == 0 || sv_equal(segment, SV(".")) || sv_equal(segment, SV("..")))
            return fail_value(loader, setting, text, SV("has an empty or a dot segment."));
        for (size_t i = 0; i < segment.len; i++)
            if (!is_prefix_byte(segment.data[i]))
                return fail_value(loader, setting, text,
                                  SV("holds other characters than letters, digits, '-', '.', '_' and '~'."));
    }
    return true;
}

static bool set_string(struct loader *loader, size_t index, struct sv text)
{
    const struct setting *setting = &setting_table[index];
    if (!choose(loader, setting, &text))
        return false;
    struct sv *value = setting_value(loader->config, index);
    if (value == &loader->config->settings.static_prefix && !check_static_prefix(loader, setting, text))
        return false;
    *value = arena_copy(loader->arena, text);
    return true;
}

/* An empty value counts as none, so that `--option "$VARIABLE"` works with the variable unset; but an empty
 * X-Frame-Options is how MLflow spells NONE. */
static bool set(struct loader *loader, size_t index, struct sv text)
{
    const struct setting *setting = &setting_table[index];
    if (text.len == 0) {
        if (setting_value(loader->config, index) != &loader->config->settings.x_frame_options ||
            loader->source == SETTING_ENVIRONMENT)
            return true;
        text = SV("NONE");
    }
    if (text.len > VALUE_MAX_BYTES)
        return fail_value(loader, setting, sv_first(text, 20),
                          arena_printf(loader->arena, "... is longer than %zu bytes.", VALUE_MAX_BYTES));
    loader->config->sources[index] = loader->source;
    switch (setting->type) {
    case SETTING_TYPE_INT:
        return set_int(loader, index, text);
    case SETTING_TYPE_BOOL:
        return set_bool(loader, index, text);
    case SETTING_TYPE_STRING:
        return set_string(loader, index, text);
    }
    return false;
}

static bool load_defaults(struct loader *loader)
{
    loader->source = SETTING_DEFAULT;
    for (size_t i = 0; i < setting_count; i++)
        if (setting_table[i].default_text && !set(loader, i, sv_from(setting_table[i].default_text)))
            return false;
    return true;
}

static bool load_line(struct loader *loader, struct sv line)
{
    struct sv key, value;
    const char *reason;
    switch (conf_parse_line(line, &key, &value, &reason)) {
    case CONF_NOTHING:
        return true;
    case CONF_SECTION:
        return fail_in_file(loader, SV("Expected 'key = value'."));
    case CONF_BAD:
        return fail_in_file(loader, sv_from(reason));
    case CONF_SETTING:
        break;
    }
    size_t index = find_setting(key);
    if (index == setting_count)
        return fail_in_file(
            loader, arena_printf(loader->arena, "There is no setting '%.*s'.", SV_ARG(sv_first(key, 200))));
    if (loader->config->sources[index] == SETTING_FILE)
        return fail_in_file(loader, arena_printf(loader->arena, "'%s' was set further up already.",
                                                 setting_table[index].name));
    reason = conf_plain_value(&value);
    return reason ? fail_in_file(loader, sv_from(reason)) : set(loader, index, value);
}

static bool load_file(struct loader *loader, const char *file)
{
    struct sv content;
    loader->source = SETTING_FILE;
    loader->file = file;
    if (!conf_read_file(loader->arena, "configuration file", file, FILE_MAX_BYTES, &content, loader->problem))
        return false;
    for (loader->line = 1; content.data; loader->line++)
        if (!load_line(loader, sv_cut(&content, '\n')))
            return false;
    loader->config->file = arena_copy(loader->arena, sv_from(file));
    return true;
}

static bool load_environment(struct loader *loader)
{
    loader->source = SETTING_ENVIRONMENT;
    for (size_t i = 0; i < setting_count; i++) {
        const char *name = setting_table[i].environment;
        const char *value = name ? getenv(name) : NULL;
        if (value && !set(loader, i, sv_from(value)))
            return false;
    }
    return true;
}

/* Whether `name` is the setting's option, or with `*off` its --no- form. */
static bool is_option(const struct setting *setting, struct sv name, bool *off)
{
    struct sv option = sv_from(setting->option);
    *off = false;
    if (!option.data)
        return false;
    if (sv_equal(name, option))
        return true;
    *off = true;
    return setting->type == SETTING_TYPE_BOOL && sv_starts_with(name, SV("--no-")) &&
           sv_equal(sv_from_offset(name, 5), sv_from_offset(option, 2));
}

static bool load_long_option(struct loader *loader, struct sv name, const char *attached, const char *next,
                             bool *used_next)
{
    size_t i = 0;
    bool off = false;
    while (i < setting_count && !is_option(&setting_table[i], name, &off))
        i++;
    if (i == setting_count)
        return fail(loader, arena_printf(loader->arena, "No such option: %.*s", SV_ARG(sv_first(name, 200))));
    if (setting_table[i].type == SETTING_TYPE_BOOL) {
        if (attached)
            return fail(loader,
                        arena_printf(loader->arena, "Option '%.*s' does not take a value.", SV_ARG(name)));
        return set(loader, i, off ? SV("false") : SV("true"));
    }
    *used_next = !attached;
    if (!attached && !next)
        return fail(loader, arena_printf(loader->arena, "Option '%.*s' requires an argument.", SV_ARG(name)));
    return set(loader, i, sv_from(attached ? attached : next));
}

static bool load_short_option(struct loader *loader, const char *argument, const char *next, bool *used_next)
{
    size_t i = 0;
    while (i < setting_count && setting_table[i].short_option != argument[1])
        i++;
    if (i == setting_count)
        return fail(loader, arena_printf(loader->arena, "No such option: -%c", argument[1]));
    *used_next = argument[2] == '\0';
    if (*used_next && !next)
        return fail(loader, arena_printf(loader->arena, "Option '-%c' requires an argument.", argument[1]));
    return set(loader, i, sv_from(*used_next ? next : argument + 2));
}

static bool load_options(struct loader *loader, int argc, char **argv)
{
    loader->source = SETTING_OPTION;
    for (int i = 0; i < argc; i++) {
        const char *argument = argv[i];
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        bool used_next = false;
        if (strncmp(argument, "--", 2) == 0 && argument[2] != '\0') {
            const char *equals = strchr(argument, '=');
            struct sv name = sv_from(argument);
            if (equals)
                name.len = (size_t)(equals - argument);
            if (!load_long_option(loader, name, equals ? equals + 1 : NULL, next, &used_next))
                return false;
        } else if (argument[0] == '-' && argument[1] != '\0' && argument[1] != '-') {
            if (!load_short_option(loader, argument, next, &used_next))
                return false;
        } else {
            return fail(loader,
                        arena_printf(loader->arena, "Got unexpected extra argument (%.200s)", argument));
        }
        i += used_next;
    }
    return true;
}

bool config_load(struct config *config, struct arena *arena, const char *file, int argc, char **argv,
                 struct sv *problem)
{
    memset(config, 0, sizeof *config);
    config->arena = arena;
    config->sources = ARENA_ARRAY(arena, enum setting_source, setting_count);

    struct loader loader = {.config = config, .arena = arena, .problem = problem};
    if (!file) {
        file = getenv(FILE_ENVIRONMENT);
        if (file && file[0] == '\0')
            file = NULL;
    }
    return load_defaults(&loader) && (!file || load_file(&loader, file)) && load_environment(&loader) &&
           load_options(&loader, argc, argv);
}

static bool export_setting(const struct config *config, size_t index)
{
    const struct setting *setting = &setting_table[index];
    const void *value = setting_value(config, index);
    char number[24];
    const char *text = NULL;
    switch (setting->type) {
    case SETTING_TYPE_INT:
        snprintf(number, sizeof number, "%lld", (long long)*(const int64_t *)value);
        text = number;
        break;
    case SETTING_TYPE_BOOL:
        text = *(const bool *)value ? "true" : "false";
        break;
    case SETTING_TYPE_STRING:
        text = ((const struct sv *)value)->data;
        break;
    }
    return setenv(setting->environment, text, 1) == 0;
}

bool config_export(const struct config *config)
{
    for (size_t i = 0; i < setting_count; i++)
        if (setting_table[i].environment && config->sources[i] == SETTING_OPTION &&
            !export_setting(config, i))
            return false;
    if (!config->file.data)
        return true;
    char *path = realpath(config->file.data, NULL);
    bool done = path && setenv(FILE_ENVIRONMENT, path, 1) == 0;
    free(path);
    return done;
}

#define HELP_COLUMN 30
#define HELP_WIDTH  80

/* Prints at column HELP_COLUMN or behind what stands there; `*column` is how much of the line is used. */
static void print_word(FILE *out, const char *word, size_t len, size_t *column)
{
    if (*column > HELP_COLUMN && *column + 1 + len > HELP_WIDTH) {
        fputc('\n', out);
        *column = 0;
    }
    size_t blanks = *column < HELP_COLUMN ? HELP_COLUMN - *column : *column > HELP_COLUMN;
    fprintf(out, "%*s%.*s", (int)blanks, "", (int)len, word);
    *column += blanks + len;
}

static void print_setting(FILE *out, const struct setting *setting, const char *left)
{
    size_t column = 2 + strlen(left);
    fprintf(out, "  %s", left);
    if (column > HELP_COLUMN - 2) {
        fputc('\n', out);
        column = 0;
    }
    struct sv help = sv_from(setting->help);
    while (help.data) {
        struct sv word = sv_cut(&help, ' ');
        print_word(out, word.data, word.len, &column);
    }

    char note[256];
    if (setting->default_text) {
        snprintf(note, sizeof note, "[default: %s]", setting->default_text);
        print_word(out, note, strlen(note), &column);
    }
    if (setting->environment) {
        snprintf(note, sizeof note, "[env: %s]", setting->environment);
        print_word(out, note, strlen(note), &column);
    }
    fputc('\n', out);
}

void config_print_options(FILE *out)
{
    char left[128];
    fputs("Options:\n", out);
    for (size_t i = 0; i < setting_count; i++) {
        const struct setting *setting = &setting_table[i];
        if (!setting->option)
            continue;
        if (setting->type == SETTING_TYPE_BOOL)
            snprintf(left, sizeof left, "%s / --no-%s", setting->option, setting->option + 2);
        else if (setting->short_option)
            snprintf(left, sizeof left, "-%c, %s %s", setting->short_option, setting->option,
                     setting->value_name);
        else
            snprintf(left, sizeof left, "%s %s", setting->option, setting->value_name);
        print_setting(out, setting, left);
    }

    fputs("\nSettings without an option, for the environment and tracklight.conf:\n", out);
    for (size_t i = 0; i < setting_count; i++)
        if (!setting_table[i].option)
            print_setting(out, &setting_table[i], setting_table[i].name);
}
