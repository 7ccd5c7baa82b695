#include "common/http/route.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/http/url.h"

/* A tree over path segments. A node has literal children (sorted), parameter children ("{name}" or
 * "{name}suffix") and at most one child that takes the rest of the path ("{name...}"). Literals win over
 * parameters, those over the rest. */
struct leaf {
    const struct operation *operation;
    char *pattern;
};

struct node {
    char *segment; /* literal text, or the suffix behind a parameter */
    char *parameter;
    bool is_rest;
    struct node **children;
    size_t child_count;
    struct leaf *leaves; /* one per method */
    size_t leaf_count;
};

struct router {
    struct node root;
};

static _Noreturn void broken_table(const char *what, const char *path)
{
    fprintf(stderr, "operations table: %s: %s\n", what, path);
    abort();
}

static void *grow(void *items, size_t count, size_t size)
{
    void *grown = realloc(items, (count + 1) * size);
    if (!grown)
        abort();
    return grown;
}

static char *duplicate(struct sv text)
{
    char *copy = strndup(text.data, text.len);
    if (!copy)
        abort();
    return copy;
}

static int child_kind(const struct node *node)
{
    return node->is_rest ? 2 : node->parameter != NULL;
}

/* Literals first by their text, then parameters with the longest suffix first, then the rest. */
static int child_order(const void *a, const void *b)
{
    const struct node *x = *(const struct node *const *)a;
    const struct node *y = *(const struct node *const *)b;
    if (child_kind(x) != child_kind(y))
        return child_kind(x) - child_kind(y);
    if (child_kind(x) == 1) {
        size_t x_len = strlen(x->segment);
        size_t y_len = strlen(y->segment);
        if (x_len != y_len)
            return x_len > y_len ? -1 : 1;
    }
    return strcmp(x->segment, y->segment);
}

static struct node *child_for(struct node *node, struct sv segment, const char *path)
{
    struct node wanted = {0};
    if (segment.len && segment.data[0] == '{') {
        size_t end = sv_find(segment, '}');
        if (end == segment.len)
            broken_table("unclosed parameter", path);
        struct sv name = sv_first(sv_from_offset(segment, 1), end - 1);
        wanted.is_rest = sv_ends_with(name, SV("..."));
        if (wanted.is_rest)
            name = sv_first(name, name.len - 3);
        wanted.parameter = duplicate(name);
        wanted.segment = duplicate(sv_from_offset(segment, end + 1));
    } else {
        wanted.segment = duplicate(segment);
    }
    for (size_t i = 0; i < node->child_count; i++) {
        struct node *child = node->children[i];
        bool same_parameter =
            (!child->parameter && !wanted.parameter) ||
            (child->parameter && wanted.parameter && !strcmp(child->parameter, wanted.parameter));
        if (same_parameter && child->is_rest == wanted.is_rest && !strcmp(child->segment, wanted.segment)) {
            free(wanted.segment);
            free(wanted.parameter);
            return child;
        }
    }
    struct node *child = calloc(1, sizeof(struct node));
    if (!child)
        abort();
    *child = wanted;
    node->children = grow(node->children, node->child_count, sizeof(struct node *));
    node->children[node->child_count++] = child;
    qsort(node->children, node->child_count, sizeof(struct node *), child_order);
    return child;
}

static void add_route(void *context, const struct operation *operation, struct sv full_path)
{
    struct router *router = context;
    if (operation->needs.resource == RESOURCE_UNDECLARED)
        broken_table("an operation does not say what it needs", operation->path);
    if (!operation->handler || full_path.len == 0 || full_path.data[0] != '/')
        broken_table("an operation is not complete", operation->path);
    struct node *node = &router->root;
    struct sv rest = sv_from_offset(full_path, 1);
    while (rest.data)
        node = child_for(node, sv_cut(&rest, '/'), operation->path);
    for (size_t i = 0; i < node->leaf_count; i++)
        if (node->leaves[i].operation->method == operation->method)
            broken_table("two operations for one path and method", operation->path);
    node->leaves = grow(node->leaves, node->leaf_count, sizeof(struct leaf));
    node->leaves[node->leaf_count++] = (struct leaf){operation, duplicate(full_path)};
}

struct root_form {
    bool prefixed;
    const char *start;
};

/* At most two forms a root; an entry without start ends the list. */
static const struct root_form root_forms[][3] = {
    [ROOT_API_2] = {{false, "/api/2.0"}, {true, "/ajax-api/2.0"}, {false, NULL}},
    [ROOT_API_3] = {{false, "/api/3.0"}, {true, "/ajax-api/3.0"}, {false, NULL}},
    [ROOT_AJAX_2] = {{true, "/ajax-api/2.0"}, {false, NULL}},
    [ROOT_AJAX_3] = {{true, "/ajax-api/3.0"}, {false, NULL}},
    [ROOT_API_2_ONLY] = {{false, "/api/2.0"}, {true, "/api/2.0"}, {false, NULL}},
    [ROOT_API_3_ONLY] = {{false, "/api/3.0"}, {true, "/api/3.0"}, {false, NULL}},
    [ROOT_PREFIXED] = {{true, ""}, {false, NULL}},
    [ROOT_PLAIN] = {{false, ""}, {false, NULL}},
    [ROOT_BOTH] = {{false, ""}, {true, ""}, {false, NULL}},
};

void router_each(const struct program *program, struct sv static_prefix,
                 void (*visit)(void *context, const struct operation *operation, struct sv full_path),
                 void *context)
{
    for (const struct operation *const *table = program->tables; *table; table++) {
        for (const struct operation *operation = *table; operation->path; operation++) {
            const struct root_form *first = root_forms[operation->root];
            for (const struct root_form *form = first; form->start; form++) {
                if (form != first && !static_prefix.len && strcmp(form->start, first->start) == 0)
                    continue;
                char path[1024];
                int len = snprintf(
                    path, sizeof(path), "%.*s%s%s", form->prefixed ? sv_printf_length(static_prefix) : 0,
                    static_prefix.data ? static_prefix.data : "", form->start, operation->path);
                if (len < 0 || (size_t)len >= sizeof(path))
                    broken_table("path too long", operation->path);
                visit(context, operation, (struct sv){path, (size_t)len});
            }
        }
    }
}

struct router *router_new(const struct program *program, struct sv static_prefix)
{
    struct router *router = calloc(1, sizeof(struct router));
    if (!router)
        abort();
    router_each(program, static_prefix, add_route, router);
    return router;
}

static void node_clear(struct node *node)
{
    for (size_t i = 0; i < node->child_count; i++) {
        node_clear(node->children[i]); /* as deep as the longest path of the tables */
        free(node->children[i]);
    }
    for (size_t i = 0; i < node->leaf_count; i++)
        free(node->leaves[i].pattern);
    free(node->children);
    free(node->leaves);
    free(node->segment);
    free(node->parameter);
}

void router_free(struct router *router)
{
    if (!router)
        return;
    node_clear(&router->root);
    free(router);
}

/* The segments of one path, decoded. */
struct segments {
    struct sv items[PATH_LIMIT_SEGMENTS];
    size_t count;
};

static bool is_dot_segment(struct sv segment)
{
    return sv_equal(segment, SV(".")) || sv_equal(segment, SV(".."));
}

static bool split(struct request *request, struct sv path, struct segments *segments)
{
    while (path.len > 1 && path.data[0] == '/' && path.data[1] == '/')
        path = sv_from_offset(path, 1);
    if (path.len == 0 || path.data[0] != '/')
        return false;
    struct sv rest = sv_from_offset(path, 1);
    segments->count = 0;
    while (rest.data) {
        if (segments->count == PATH_LIMIT_SEGMENTS)
            return false;
        struct sv *segment = &segments->items[segments->count++];
        if (!url_decode(request->arena, sv_cut(&rest, '/'), false, segment))
            return false;
    }
    return true;
}

static struct sv join(struct arena *arena, const struct segments *segments, size_t from)
{
    size_t len = 0;
    for (size_t i = from; i < segments->count; i++)
        len += segments->items[i].len + 1;
    char *text = arena_alloc(arena, len + 1);
    size_t at = 0;
    for (size_t i = from; i < segments->count; i++) {
        if (i > from)
            text[at++] = '/';
        if (segments->items[i].len)
            memcpy(text + at, segments->items[i].data, segments->items[i].len);
        at += segments->items[i].len;
    }
    return (struct sv){text, at};
}

static bool parameter_matches(const struct node *node, struct sv segment, struct sv *value)
{
    struct sv suffix = sv_from(node->segment);
    if (segment.len <= suffix.len || !sv_ends_with(segment, suffix))
        return false;
    *value = sv_first(segment, segment.len - suffix.len);
    return sv_find(*value, '/') == value->len;
}

/* The leaf node for segments[at..], filling parameters on the way; NULL if there is none. */
static const struct node *match(const struct node *node, struct request *request,
                                const struct segments *segments, size_t at, bool *bad)
{
    if (at == segments->count)
        return node->leaf_count ? node : NULL;
    struct sv segment = segments->items[at];
    for (size_t i = 0; i < node->child_count; i++) {
        const struct node *child = node->children[i];
        struct sv value;
        size_t parameters = request->parameter_count;
        if (!child->parameter) {
            if (!sv_equal(sv_from(child->segment), segment))
                continue;
        } else if (child->is_rest) {
            value = join(request->arena, segments, at);
            request->parameters[request->parameter_count++] =
                (struct path_parameter){sv_from(child->parameter), value};
            return child;
        } else if (is_dot_segment(segment)) {
            *bad = true;
            continue;
        } else if (parameter_matches(child, segment, &value) && parameters < MAX_PATH_PARAMETERS) {
            request->parameters[request->parameter_count++] =
                (struct path_parameter){sv_from(child->parameter), value};
        } else {
            continue;
        }
        /* As deep as the longest path of the tables. */
        const struct node *found = match(child, request, segments, at + 1, bad);
        if (found)
            return found;
        request->parameter_count = parameters;
    }
    return NULL;
}

static const char *method_text(enum http_method method)
{
    static const char *const names[] = {
        [METHOD_GET] = "GET",         [METHOD_HEAD] = "HEAD",   [METHOD_POST] = "POST",
        [METHOD_PUT] = "PUT",         [METHOD_PATCH] = "PATCH", [METHOD_DELETE] = "DELETE",
        [METHOD_OPTIONS] = "OPTIONS", [METHOD_OTHER] = "?",
    };
    return names[method];
}

static struct sv allowed_methods(struct arena *arena, const struct node *node)
{
    struct sv list = SV("OPTIONS");
    for (size_t i = node->leaf_count; i-- > 0;) {
        enum http_method method = node->leaves[i].operation->method;
        list = arena_printf(arena, "%s, %s%.*s", method_text(method), method == METHOD_GET ? "HEAD, " : "",
                            SV_ARG(list));
    }
    return list;
}

enum route_outcome router_find(const struct router *router, struct request *request, struct sv path,
                               struct sv *allow)
{
    *allow = SV_ABSENT;
    request->operation = NULL;
    request->parameter_count = 0;
    struct segments segments;
    if (!split(request, path, &segments))
        return ROUTE_BAD_PATH;
    bool bad = false;
    const struct node *node = match(&router->root, request, &segments, 0, &bad);
    if (!node)
        return bad ? ROUTE_BAD_PATH : ROUTE_UNKNOWN;
    *allow = allowed_methods(request->arena, node);
    enum http_method method = request->method == METHOD_HEAD ? METHOD_GET : request->method;
    for (size_t i = 0; i < node->leaf_count; i++) {
        const struct leaf *leaf = &node->leaves[i];
        if (leaf->operation->method == method || method == METHOD_OPTIONS) {
            request->operation = leaf->operation;
            request->pattern = sv_from(leaf->pattern);
            return ROUTE_FOUND;
        }
    }
    return ROUTE_WRONG_METHOD;
}
