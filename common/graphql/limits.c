#include "common/graphql/limits.h"

/* Walks what is selected as if all fragments were written out. Ends early once a limit is passed, so that a
 * few fragments which multiply one another cost nothing. */
struct walk {
    const struct graphql_document *document;
    struct graphql_errors *errors;
    int64_t selections; /* spreads too, which alone could be many */
    int64_t root_fields;
    int64_t aliases; /* the most in one set */
    bool too_deep;
};

static bool over(const struct walk *walk)
{
    return walk->too_deep || walk->selections > GRAPHQL_SELECTIONS_MAX || walk->errors->count > 0;
}

static void visit(struct walk *walk, const struct graphql_selection *selection, int depth, int64_t *aliases);

static void visit_set(struct walk *walk, const struct graphql_selection *selections, int depth)
{
    int64_t aliases = 0;
    if (depth > GRAPHQL_DEPTH_MAX)
        walk->too_deep = true;
    visit(walk, selections, depth, &aliases);
    if (aliases > walk->aliases)
        walk->aliases = aliases;
}

static void visit_spread(struct walk *walk, struct sv name, int depth, int64_t *aliases)
{
    struct graphql_fragment *fragment = graphql_fragment_find(walk->document, name);
    if (!fragment)
        return;
    if (fragment->entered) {
        graphql_error(walk->errors, "Cannot spread fragment '%.*s' within itself.", SV_ARG(name));
        return;
    }
    fragment->entered = true;
    visit(walk, fragment->selections, depth, aliases);
    fragment->entered = false;
}

static void visit(struct walk *walk, const struct graphql_selection *selection, int depth, int64_t *aliases)
{
    for (; selection && !over(walk); selection = selection->next) {
        walk->selections++;
        if (selection->kind == GRAPHQL_SPREAD) {
            visit_spread(walk, selection->name, depth, aliases);
        } else if (selection->kind == GRAPHQL_INLINE_FRAGMENT) {
            visit(walk, selection->selections, depth, aliases);
        } else {
            walk->root_fields += depth == 1;
            *aliases += selection->alias.data != NULL;
            if (selection->selections)
                visit_set(walk, selection->selections, depth + 1);
        }
    }
}

static void refuse_number(struct graphql_errors *errors, int64_t limit, int64_t found, const char *what,
                          const char *variable)
{
    graphql_error(
        errors,
        "GraphQL queries should have at most %lld %s, got %lld %s. To increase the limit, set the %s "
        "environment variable.",
        (long long)limit, what, (long long)found, what, variable);
}

void graphql_limits_check(const struct graphql_document *document, const struct graphql_limits *limits,
                          struct graphql_errors *errors)
{
    struct walk walk = {.document = document, .errors = errors};
    for (const struct graphql_operation *operation = document->operations; operation && !over(&walk);
         operation = operation->next)
        visit_set(&walk, operation->selections, 1);
    if (errors->count)
        return;
    if (walk.too_deep)
        graphql_error(errors, "Query exceeds maximum depth of %d", GRAPHQL_DEPTH_MAX);
    else if (walk.selections > GRAPHQL_SELECTIONS_MAX)
        graphql_error(errors, "Query exceeds maximum total selections of %d", GRAPHQL_SELECTIONS_MAX);
    else if (walk.root_fields > limits->root_fields)
        refuse_number(errors, limits->root_fields, walk.root_fields, "root fields",
                      "MLFLOW_SERVER_GRAPHQL_MAX_ROOT_FIELDS");
    else if (walk.aliases > limits->aliases)
        refuse_number(errors, limits->aliases, walk.aliases, "aliases", "MLFLOW_SERVER_GRAPHQL_MAX_ALIASES");
}
