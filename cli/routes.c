#include "cli/routes.h"

#include <stdlib.h>
#include <string.h>

static size_t literal_length(struct sv path)
{
    return sv_find(path, '{');
}

static bool has_parameter(struct sv path)
{
    return literal_length(path) < path.len;
}

static bool is_sane(struct sv path)
{
    if (path.len < 2 || path.data[0] != '/')
        return false;
    for (size_t i = 0; i < path.len; i++) {
        char c = path.data[i];
        if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9') &&
            !strchr("/._-~:{}", c))
            return false;
    }
    return true;
}

static void add_path(struct operation_paths *paths, struct arena *arena, struct sv path, size_t program)
{
    if (paths->count == paths->capacity) {
        size_t capacity = paths->capacity ? paths->capacity * 2 : 64;
        struct operation_path *items = ARENA_ARRAY(arena, struct operation_path, capacity);
        if (paths->count)
            memcpy(items, paths->items, paths->count * sizeof(*items));
        paths->items = items;
        paths->capacity = capacity;
    }
    paths->items[paths->count++] = (struct operation_path){path, program};
}

static void add_with_prefix(struct operation_paths *paths, struct arena *arena, struct sv path,
                            size_t program, struct sv static_prefix)
{
    add_path(paths, arena, path, program);
    if (static_prefix.len && !sv_starts_with(path, arena_printf(arena, "%.*s/", SV_ARG(static_prefix))))
        add_path(paths, arena, arena_printf(arena, "%.*s%.*s", SV_ARG(static_prefix), SV_ARG(path)), program);
}

bool routes_read(struct operation_paths *paths, size_t program, struct sv operations, struct sv static_prefix,
                 struct arena *arena)
{
    while (operations.data) {
        struct sv line = sv_cut(&operations, '\n');
        struct sv path = SV_ABSENT;
        while (line.data && !sv_starts_with(path, SV("/")))
            path = sv_cut(&line, '\t');
        if (!sv_starts_with(path, SV("/")))
            continue;
        path = sv_trim(path);
        if (!is_sane(path))
            return false;
        path = arena_copy(arena, path);
        add_with_prefix(paths, arena, path, program, static_prefix);
        if (sv_equal(sv_cut(&line, '\t'), SV("both")) && sv_starts_with(path, SV("/api/")))
            add_with_prefix(paths, arena,
                            arena_printf(arena, "/ajax-api/%.*s", SV_ARG(sv_from_offset(path, 5))), program,
                            static_prefix);
    }
    return true;
}

/* Whether some path that begins with `prefix` can belong to the operation at `other`. */
static bool may_begin_with(struct sv other, struct sv prefix)
{
    struct sv literal = sv_first(other, literal_length(other));
    return sv_starts_with(literal, prefix) || (has_parameter(other) && sv_starts_with(prefix, literal));
}

static bool belongs_to_one_program(const struct operation_paths *paths, struct sv prefix, size_t program)
{
    for (size_t i = 0; i < paths->count; i++) {
        if (paths->items[i].program != program && may_begin_with(paths->items[i].path, prefix))
            return false;
    }
    return true;
}

/* The shortest beginning of the path, in whole segments, that no other program knows; absent if none. */
static struct sv own_prefix(const struct operation_paths *paths, const struct operation_path *item)
{
    size_t literal = literal_length(item->path);
    for (size_t end = 2; end <= literal; end++) {
        struct sv prefix = sv_first(item->path, end);
        bool whole_segment = prefix.data[end - 1] == '/' || end == item->path.len;
        if (whole_segment && belongs_to_one_program(paths, prefix, item->program))
            return prefix;
    }
    return SV_ABSENT;
}

/* Cuts the first piece off the pattern: a parameter, or the literal text before one. */
static struct sv cut_piece(struct sv *pattern)
{
    size_t end = literal_length(*pattern);
    if (end == 0) {
        end = sv_find(*pattern, '}');
        end += end < pattern->len;
    }
    struct sv piece = sv_first(*pattern, end);
    *pattern = sv_from_offset(*pattern, end);
    return piece;
}

static bool takes_rest(struct sv parameter)
{
    return sv_ends_with(parameter, SV("...}"));
}

/* Whether the pattern matches everything that `path` matches; a parameter of `path` counts as some text
 * without a slash. */
static bool covers(struct sv pattern, struct sv path)
{
    while (pattern.len) {
        struct sv piece = cut_piece(&pattern);
        if (piece.data[0] != '{') {
            if (!sv_starts_with(path, piece))
                return false;
            path = sv_from_offset(path, piece.len);
            continue;
        }
        if (takes_rest(piece))
            return path.len > 0;
        size_t end = sv_find(path, '/');
        if (end == 0 || takes_rest(sv_first(path, end)))
            return false;
        path = sv_from_offset(path, end);
    }
    return path.len == 0;
}

static size_t specificity(struct sv path)
{
    size_t count = 0;
    while (path.len) {
        struct sv piece = cut_piece(&path);
        count += piece.data[0] == '{' ? 0 : piece.len;
    }
    return count;
}

static struct sv expression(struct arena *arena, struct sv path)
{
    struct sv text = SV("^");
    while (path.len) {
        struct sv piece = cut_piece(&path);
        if (piece.data[0] == '{') {
            text = arena_printf(arena, "%.*s%s", SV_ARG(text), takes_rest(piece) ? ".+" : "[^/]+");
            continue;
        }
        while (piece.data && piece.len) {
            struct sv plain = sv_cut(&piece, '.');
            text = arena_printf(arena, "%.*s%.*s%s", SV_ARG(text), SV_ARG(plain), piece.data ? "[.]" : "");
        }
    }
    return arena_printf(arena, "%.*s$", SV_ARG(text));
}

struct rules {
    struct route_rule *items;
    size_t count;
};

static void add_rule(struct rules *rules, struct route_rule rule)
{
    for (size_t i = 0; i < rules->count; i++) {
        if (rules->items[i].is_pattern == rule.is_pattern && sv_equal(rules->items[i].match, rule.match))
            return;
    }
    rules->items[rules->count++] = rule;
}

static void add_pattern(struct rules *rules, struct arena *arena, const struct operation_path *item)
{
    add_rule(rules, (struct route_rule){true, expression(arena, item->path), specificity(item->path),
                                        item->program});
}

/* Paths of other programs that the pattern matches although they name the place more exactly. */
static void add_exceptions(struct rules *rules, struct arena *arena, const struct operation_paths *paths,
                           const struct operation_path *item)
{
    for (size_t i = 0; i < paths->count; i++) {
        const struct operation_path *other = &paths->items[i];
        if (other->program != item->program && specificity(other->path) > specificity(item->path) &&
            covers(item->path, other->path))
            add_pattern(rules, arena, other);
    }
}

static int least_specific_first(const void *a, const void *b)
{
    const struct route_rule *x = a, *y = b;
    if (x->specificity != y->specificity)
        return x->specificity < y->specificity ? -1 : 1;
    return sv_compare(x->match, y->match);
}

struct route_rule *routes_rules(const struct operation_paths *paths, struct arena *arena, size_t *count)
{
    struct rules rules = {ARENA_ARRAY(arena, struct route_rule, 2 * paths->count + 1), 0};
    for (size_t i = 0; i < paths->count; i++) {
        const struct operation_path *item = &paths->items[i];
        if (item->program == 0)
            continue;
        struct sv prefix = own_prefix(paths, item);
        if (prefix.data) {
            add_rule(&rules, (struct route_rule){false, prefix, prefix.len, item->program});
        } else {
            add_pattern(&rules, arena, item);
            add_exceptions(&rules, arena, paths, item);
        }
    }
    qsort(rules.items, rules.count, sizeof(*rules.items), least_specific_first);
    *count = rules.count;
    return rules.items;
}
