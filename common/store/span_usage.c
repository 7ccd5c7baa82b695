#include <math.h>
#include <string.h>

#include "common/store/list.h"
#include "common/store/spans.h"

/* What a trace used, from what its spans say. Parents often repeat the sums of their children, so of spans
 * that lie on one path only the topmost counts. */

enum { NUMBERS = 8, TOKENS = 5 };

/* Whether numbers of a kind are said above. */
enum above { ABOVE_UNKNOWN = 0, ABOVE_NONE, ABOVE_SOME, ABOVE_VISITING };

struct node {
    struct sv span_id;
    struct sv parent;
    const double *numbers; /* NULL: says nothing */
    unsigned char above[2];
};

static double *number_of(struct span_usage *usage, size_t index)
{
    double *const numbers[NUMBERS] = {
        &usage->input_tokens,
        &usage->output_tokens,
        &usage->total_tokens,
        &usage->cache_read_input_tokens,
        &usage->cache_creation_input_tokens,
        &usage->input_cost,
        &usage->output_cost,
        &usage->total_cost,
    };
    return numbers[index];
}

/* Tokens and costs are told apart: a parent may sum up the one and not the other. */
static bool says(const struct node *node, int kind)
{
    if (!node->numbers)
        return false;
    for (size_t i = kind ? TOKENS : 0; i < (kind ? NUMBERS : TOKENS); i++)
        if (!isnan(node->numbers[i]))
            return true;
    return false;
}

/* Nodes are ordered by id, as the primary key is. */
static struct node *find_node(struct node *nodes, size_t count, struct sv span_id)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = sv_compare(nodes[middle].span_id, span_id);
        if (order == 0)
            return &nodes[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Whether an ancestor says numbers of this kind. Every node is walked over once in all; a circle of parents
 * ends where it closes. */
static bool said_above(struct node *nodes, size_t count, struct node *node, int kind, struct node **path)
{
    const struct node *start = node;
    size_t length = 0;
    enum above above = ABOVE_NONE;
    while (node->above[kind] == ABOVE_UNKNOWN) {
        node->above[kind] = ABOVE_VISITING;
        path[length++] = node;
        struct node *parent = node->parent.data ? find_node(nodes, count, node->parent) : NULL;
        if (!parent || parent == start)
            break;
        if (says(parent, kind)) {
            above = ABOVE_SOME;
            break;
        }
        node = parent;
        if (node->above[kind] == ABOVE_SOME)
            above = ABOVE_SOME;
    }
    if (!length)
        return node->above[kind] == ABOVE_SOME;
    for (size_t i = 0; i < length; i++)
        path[i]->above[kind] = (unsigned char)above;
    return above == ABOVE_SOME;
}

static enum status load_nodes(struct store_tx *tx, int64_t trace, struct row_list *list)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT s.span_id, s.parent_span_id, u.span_id IS NOT NULL, "
                 "u.input_tokens, u.output_tokens, u.total_tokens, "
                 "u.cache_read_input_tokens, u.cache_creation_input_tokens, "
                 "u.input_cost, u.output_cost, u.total_cost FROM spans AS s "
                 "LEFT JOIN span_usage AS u ON u.trace = s.trace AND u.span_id = s.span_id "
                 "WHERE s.trace = ? ORDER BY s.span_id",
                 db_int(trace));
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW) {
        struct node *node = ROW_LIST_ADD(list, tx->arena, struct node);
        node->span_id = db_column_text_copy(stmt, 0);
        node->parent = db_column_text_copy(stmt, 1);
        if (!db_column_int(stmt, 2))
            continue;
        double *numbers = ARENA_ARRAY(tx->arena, double, NUMBERS);
        for (int i = 0; i < NUMBERS; i++)
            numbers[i] = db_column_is_null(stmt, 3 + i) ? NAN : db_column_double(stmt, 3 + i);
        node->numbers = numbers;
    }
    return db_done(stmt);
}

static void add(double *sum, double number)
{
    if (!isnan(number))
        *sum = isnan(*sum) ? number : *sum + number;
}

enum status span_usage_of_trace(struct store_tx *tx, int64_t trace, struct span_usage *usage)
{
    *usage = (struct span_usage){0};
    for (size_t i = 0; i < NUMBERS; i++)
        *number_of(usage, i) = NAN;
    struct row_list list = {0};
    if (load_nodes(tx, trace, &list) != OK)
        return FAILED;
    struct node *nodes = list.items;
    struct node **path = ARENA_ARRAY(tx->arena, struct node *, list.count + 1);
    for (size_t n = 0; n < list.count; n++) {
        for (int kind = 0; kind < 2; kind++) {
            if (!says(&nodes[n], kind) || said_above(nodes, list.count, &nodes[n], kind, path))
                continue;
            for (size_t i = kind ? TOKENS : 0; i < (kind ? NUMBERS : TOKENS); i++)
                add(number_of(usage, i), nodes[n].numbers[i]);
        }
    }
    return OK;
}
