#include "common/graphql/plan.h"

struct builder {
    struct graphql_values *values;
    const struct graphql_document *document;
};

/* Selections of one key: their subselections are one. */
struct part {
    const struct graphql_selection *field;
    struct part *next;
};

struct group {
    struct sv key;
    struct part *parts;
    struct part **last;
    struct group *next;
};

/* The fragments that were spread into a set already. */
struct visited {
    const struct graphql_fragment *fragment;
    struct visited *next;
};

struct set {
    const struct graphql_type *type;
    struct group *groups;
    struct group **last;
    struct visited *visited;
};

static struct graphql_errors *errors_of(const struct builder *builder)
{
    return builder->values->errors;
}

/* --- Directives --- */

static const struct graphql_input_field if_argument[] = {
    {.name = "if", .type = &graphql_boolean_type, .required = true},
    {.name = NULL},
};

static const struct graphql_directive_type selection_directives[] = {
    {"skip", if_argument},
    {"include", if_argument},
    {NULL, NULL},
};

static const struct graphql_directive_type *find_directive(const struct graphql_directive_type *table,
                                                           struct sv name)
{
    for (; table && table->name; table++)
        if (sv_equal(name, sv_from(table->name)))
            return table;
    return NULL;
}

static bool check_directive(const struct builder *builder, const struct graphql_directive *directive,
                            const struct graphql_directive_type *allowed, const char *place)
{
    struct sv name = directive->name;
    const struct graphql_directive_type *type = find_directive(allowed, name);
    if (!find_directive(selection_directives, name) &&
        !find_directive(builder->values->schema->operation_directives, name)) {
        graphql_error(errors_of(builder), "Unknown directive '@%.*s'.", SV_ARG(name));
        return false;
    }
    if (!type) {
        graphql_error(errors_of(builder), "Directive '@%.*s' may not be used on %s.", SV_ARG(name), place);
        return false;
    }
    for (const struct graphql_directive *other = directive->next; other; other = other->next) {
        if (sv_equal(other->name, name)) {
            graphql_error(errors_of(builder), "The directive '@%.*s' can only be used once at this location.",
                          SV_ARG(name));
            return false;
        }
    }
    graphql_arguments_take(builder->values, type->arguments, directive->arguments,
                           arena_printf(builder->values->arena, "directive '@%.*s'", SV_ARG(name)));
    return true;
}

/* Up to the first that is wrong: a list of them is short only if all are right. */
static void check_directives(const struct builder *builder, const struct graphql_directive *directives,
                             const struct graphql_directive_type *allowed, const char *place)
{
    while (directives && check_directive(builder, directives, allowed, place))
        directives = directives->next;
}

static bool is_included(const struct builder *builder, const struct graphql_directive *directives)
{
    for (const struct graphql_directive *each = directives; each; each = each->next) {
        bool skips = sv_equal(each->name, SV("skip"));
        struct graphql_value *arguments =
            graphql_arguments_take(builder->values, if_argument, each->arguments, each->name);
        const struct graphql_value *condition = graphql_item(arguments, SV("if"));
        if (condition && condition->truth == skips)
            return false;
    }
    return true;
}

static bool takes(const struct builder *builder, const struct graphql_selection *selection)
{
    static const char *const places[] = {"FIELD", "FRAGMENT_SPREAD", "INLINE_FRAGMENT"};
    if (!builder->values->checking)
        return is_included(builder, selection->directives);
    check_directives(builder, selection->directives, selection_directives, places[selection->kind]);
    return true;
}

/* --- Which fields there are --- */

static bool type_exists(const struct graphql_schema *schema, struct sv name)
{
    for (size_t i = 0; schema->types[i]; i++)
        if (sv_equal(name, sv_from(schema->types[i]->name)))
            return true;
    return sv_equal(name, sv_from(schema->query->name)) || sv_equal(name, sv_from(schema->mutation->name));
}

/* `fragment` is absent for inline fragments. */
static bool is_on(const struct builder *builder, const struct graphql_type *type, struct sv condition,
                  struct sv fragment)
{
    if (!condition.data || sv_equal(condition, sv_from(type->name)))
        return true;
    if (!type_exists(builder->values->schema, condition)) {
        graphql_error(errors_of(builder), "Unknown type '%.*s'.", SV_ARG(condition));
        return false;
    }
    struct sv name =
        fragment.data ? arena_printf(builder->values->arena, "'%.*s' ", SV_ARG(fragment)) : SV("");
    graphql_error(errors_of(builder),
                  "Fragment %.*scannot be spread here as objects of type '%s' can never be of type '%.*s'.",
                  SV_ARG(name), type->name, SV_ARG(condition));
    return false;
}

/* What one key stands for must be one thing (section 5.3.2). */
static void check_merge(const struct builder *builder, struct sv key, const struct graphql_selection *one,
                        const struct graphql_selection *other)
{
    const struct graphql_value mine = {.kind = GRAPHQL_OBJECT, .items = one->arguments};
    const struct graphql_value theirs = {.kind = GRAPHQL_OBJECT, .items = other->arguments};
    struct sv why;
    if (!sv_equal(one->name, other->name))
        why = arena_printf(builder->values->arena, "'%.*s' and '%.*s' are different fields",
                           SV_ARG(one->name), SV_ARG(other->name));
    else if (!graphql_value_equal(&mine, &theirs))
        why = SV("they have differing arguments");
    else
        return;
    graphql_error(errors_of(builder),
                  "Fields '%.*s' conflict because %.*s. Use different aliases on the fields to fetch both if "
                  "this was intentional.",
                  SV_ARG(key), SV_ARG(why));
}

static void add_field(const struct builder *builder, struct set *set, const struct graphql_selection *field)
{
    struct sv key = field->alias.data ? field->alias : field->name;
    struct part *part = ARENA_NEW(builder->values->arena, struct part);
    struct group *group = set->groups;
    part->field = field;
    while (group && !sv_equal(group->key, key))
        group = group->next;
    if (!group) {
        group = ARENA_NEW(builder->values->arena, struct group);
        group->key = key;
        group->last = &group->parts;
        *set->last = group;
        set->last = &group->next;
    } else if (builder->values->checking) {
        check_merge(builder, key, group->parts->field, field);
    }
    *group->last = part;
    group->last = &part->next;
}

static void collect(const struct builder *builder, struct set *set,
                    const struct graphql_selection *selections);

static void collect_fragment(const struct builder *builder, struct set *set,
                             const struct graphql_selection *spread)
{
    struct graphql_fragment *fragment = graphql_fragment_find(builder->document, spread->name);
    if (!fragment) {
        graphql_error(errors_of(builder), "Unknown fragment '%.*s'.", SV_ARG(spread->name));
        return;
    }
    for (const struct visited *each = set->visited; each; each = each->next)
        if (each->fragment == fragment)
            return;
    struct visited *visited = ARENA_NEW(builder->values->arena, struct visited);
    *visited = (struct visited){fragment, set->visited};
    set->visited = visited;
    fragment->used = true;
    if (builder->values->checking)
        check_directives(builder, fragment->directives, NULL, "FRAGMENT_DEFINITION");
    if (is_on(builder, set->type, fragment->on, fragment->name))
        collect(builder, set, fragment->selections);
}

static void collect(const struct builder *builder, struct set *set,
                    const struct graphql_selection *selections)
{
    for (const struct graphql_selection *each = selections; each; each = each->next) {
        if (!takes(builder, each))
            continue;
        if (each->kind == GRAPHQL_FIELD)
            add_field(builder, set, each);
        else if (each->kind == GRAPHQL_SPREAD)
            collect_fragment(builder, set, each);
        else if (is_on(builder, set->type, each->on, SV_ABSENT))
            collect(builder, set, each->selections);
    }
}

/* --- The plan --- */

static struct graphql_plan *plan_set(const struct builder *builder, struct set *set);

static const struct graphql_field *find_field(const struct graphql_type *type, struct sv name)
{
    for (const struct graphql_field *field = type->fields; field->name; field++)
        if (sv_equal(name, sv_from(field->name)))
            return field;
    return NULL;
}

static const struct graphql_field *look_up(const struct builder *builder, const struct graphql_type *type,
                                           struct sv name)
{
    const struct graphql_field *field = find_field(type, name);
    if (field)
        return field;
    if (type == builder->values->schema->query &&
        (sv_equal(name, SV("__schema")) || sv_equal(name, SV("__type"))))
        graphql_error(
            errors_of(builder),
            "Introspection is off: this server does not answer '%.*s'. See its documentation for what "
            "can be asked.",
            SV_ARG(name));
    else
        graphql_error(errors_of(builder), "Cannot query field '%.*s' on type '%s'.",
                      SV_ARG(sv_first(name, 200)), type->name);
    return NULL;
}

static void check_subselections(const struct builder *builder, const struct group *group, const char *type,
                                bool is_object)
{
    for (const struct part *part = group->parts; part; part = part->next) {
        struct sv name = part->field->name;
        if (!is_object && part->field->selections)
            graphql_error(errors_of(builder),
                          "Field '%.*s' must not have a selection since type '%s' has no subfields.",
                          SV_ARG(name), type);
        else if (is_object && !part->field->selections)
            graphql_error(
                errors_of(builder),
                "Field '%.*s' of type '%s' must have a selection of subfields. Did you mean '%.*s { "
                "... }'?",
                SV_ARG(name), type, SV_ARG(name));
    }
}

static struct graphql_plan *plan_children(const struct builder *builder, const struct group *group,
                                          const struct graphql_type *type)
{
    struct set set = {.type = type};
    set.last = &set.groups;
    for (const struct part *part = group->parts; part; part = part->next)
        collect(builder, &set, part->field->selections);
    return plan_set(builder, &set);
}

static void plan_typename(const struct builder *builder, const struct group *group)
{
    if (!builder->values->checking)
        return;
    check_subselections(builder, group, "String!", false);
    graphql_arguments_take(builder->values, NULL, group->parts->field->arguments, SV("field '__typename'"));
}

static bool plan_group(const struct builder *builder, const struct graphql_type *type,
                       const struct group *group, struct graphql_plan *plan)
{
    const struct graphql_selection *first = group->parts->field;
    plan->key = group->key;
    if (sv_equal(first->name, SV("__typename"))) {
        plan_typename(builder, group);
        return true;
    }
    const struct graphql_field *field = look_up(builder, type, first->name);
    if (!field)
        return false;
    if (builder->values->checking)
        check_subselections(builder, group, field->type ? field->type->name : field->scalar, field->type);
    plan->field = field;
    plan->arguments = graphql_arguments_take(
        builder->values, field->arguments, first->arguments,
        arena_printf(builder->values->arena, "field '%s.%s'", type->name, field->name));
    if (field->type)
        plan->children = plan_children(builder, group, field->type);
    return true;
}

static struct graphql_plan *plan_set(const struct builder *builder, struct set *set)
{
    struct graphql_plan *plans = NULL, **last = &plans;
    for (const struct group *group = set->groups; group; group = group->next) {
        struct graphql_plan *plan = ARENA_NEW(builder->values->arena, struct graphql_plan);
        if (!plan_group(builder, set->type, group, plan))
            continue;
        *last = plan;
        last = &plan->next;
    }
    return plans;
}

static struct graphql_plan *plan_operation(const struct builder *builder)
{
    const struct graphql_operation *operation = builder->values->operation;
    const struct graphql_schema *schema = builder->values->schema;
    struct set set = {.type = operation->kind == GRAPHQL_MUTATION ? schema->mutation : schema->query};
    set.last = &set.groups;
    collect(builder, &set, operation->selections);
    return plan_set(builder, &set);
}

/* --- Variables that nobody uses --- */

static void check_used(const struct builder *builder)
{
    const struct graphql_operation *operation = builder->values->operation;
    for (const struct graphql_variable *variable = operation->variables; variable;
         variable = variable->next) {
        if (variable->used)
            continue;
        if (operation->name.data)
            graphql_error(errors_of(builder), "Variable '$%.*s' is never used in operation '%.*s'.",
                          SV_ARG(variable->name), SV_ARG(operation->name));
        else
            graphql_error(errors_of(builder), "Variable '$%.*s' is never used.", SV_ARG(variable->name));
    }
}

void graphql_plan_check(struct graphql_values *values, const struct graphql_document *document)
{
    static const char *const places[] = {"QUERY", "MUTATION", "SUBSCRIPTION"};
    const struct builder builder = {.values = values, .document = document};
    values->checking = true;
    graphql_variables_check(values);
    check_directives(&builder, values->operation->directives, values->schema->operation_directives,
                     places[values->operation->kind]);
    plan_operation(&builder);
    check_used(&builder);
}

struct graphql_plan *graphql_plan_make(struct graphql_values *values, const struct graphql_document *document)
{
    const struct builder builder = {.values = values, .document = document};
    values->checking = false;
    return plan_operation(&builder);
}
