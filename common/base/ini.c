#include "common/base/ini.h"

struct ini_parser {
    struct arena *arena;
    struct ini_entry *entries;
    size_t count;
    struct sv section; /* absent before the first */
    int line;
    struct sv *problem;
};

static bool refuse(struct ini_parser *parser, const char *why)
{
    *parser->problem = arena_printf(parser->arena, "line %d: %s", parser->line, why);
    return false;
}

static struct sv lower(struct arena *arena, struct sv text)
{
    char *copy = arena_cstr(arena, text);
    for (size_t i = 0; i < text.len; i++) {
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] = (char)(copy[i] - 'A' + 'a');
    }
    return (struct sv){copy, text.len};
}

/* Turns %% into %, in place. */
static bool take_percents(struct ini_parser *parser, struct sv *value)
{
    char *copy = arena_cstr(parser->arena, *value);
    size_t len = 0;
    for (size_t i = 0; i < value->len; i++) {
        if (copy[i] == '%' && (++i == value->len || copy[i] != '%'))
            return refuse(parser, "a '%' must be written '%%'; references to other keys are not supported.");
        copy[len++] = copy[i];
    }
    *value = (struct sv){copy, len};
    return true;
}

static bool begin_section(struct ini_parser *parser, struct sv line)
{
    size_t end = sv_find(line, ']');
    if (end + 1 != line.len || end < 2)
        return refuse(parser, "a section is written [name], alone on its line.");
    parser->section = sv_first(sv_from_offset(line, 1), end - 1);
    return true;
}

static bool is_known(const struct ini_parser *parser, struct sv key)
{
    for (size_t i = 0; i < parser->count; i++) {
        if (sv_equal(parser->entries[i].section, parser->section) && sv_equal(parser->entries[i].key, key))
            return true;
    }
    return false;
}

static bool take_entry(struct ini_parser *parser, struct sv line)
{
    size_t equals = sv_find(line, '='), colon = sv_find(line, ':');
    size_t end = equals < colon ? equals : colon;
    struct sv key = lower(parser->arena, sv_trim(sv_first(line, end)));
    struct sv value = sv_trim(sv_from_offset(line, end + 1));
    if (end == line.len || key.len == 0)
        return refuse(parser, "expected 'key = value'.");
    if (!parser->section.data)
        return refuse(parser, "there is no [section] before it.");
    if (is_known(parser, key))
        return refuse(parser, "the key was set further up already.");
    if (!take_percents(parser, &value))
        return false;
    parser->entries[parser->count++] =
        (struct ini_entry){.section = parser->section, .key = key, .value = value, .line = parser->line};
    return true;
}

static bool take_line(struct ini_parser *parser, struct sv raw)
{
    struct sv line = sv_trim(raw);
    if (line.len == 0 || line.data[0] == '#' || line.data[0] == ';')
        return true;
    if (sv_find(line, '\0') < line.len)
        return refuse(parser, "there is a NUL byte.");
    if (raw.data[0] == ' ' || raw.data[0] == '\t')
        return refuse(parser, "the line is indented: values have one line.");
    return line.data[0] == '[' ? begin_section(parser, line) : take_entry(parser, line);
}

static size_t count_lines(struct sv text)
{
    size_t lines = 1;
    for (size_t i = 0; i < text.len; i++)
        lines += text.data[i] == '\n';
    return lines;
}

bool ini_parse(struct arena *arena, struct sv text, const struct ini_entry **entries, size_t *count,
               struct sv *problem)
{
    struct ini_parser parser = {.arena = arena, .section = SV_ABSENT, .problem = problem};
    if (text.len > INI_MAX_BYTES) {
        *problem = arena_printf(arena, "it is larger than %zu bytes.", INI_MAX_BYTES);
        return false;
    }
    parser.entries = ARENA_ARRAY(arena, struct ini_entry, count_lines(text));
    for (parser.line = 1; text.data; parser.line++) {
        if (!take_line(&parser, sv_cut(&text, '\n')))
            return false;
    }
    *entries = parser.entries;
    *count = parser.count;
    return true;
}
