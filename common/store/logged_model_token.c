#include <json-c/json.h>

#include "common/base/buffer.h"
#include "common/base/id.h"
#include "common/json/json_read.h"
#include "common/json/json_write.h"
#include "common/store/logged_model_search_internal.h"
#include "common/store/text.h"

/* Page tokens of logged-models/search: base64 of {"experiment_ids", "filter_string", "order_by", "offset"} as
 * MLflow's are, and of ours: "datasets", "after". */

#define TOKEN_MAX (64L * 1024 * 1024) /* bytes; a token is as long as the query */

/* --- The query as messages show it: as Python prints lists, strings and None --- */

static struct sv shown_text(struct arena *arena, struct sv text)
{
    return text.len ? search_repr(arena, text) : SV("None");
}

static struct sv shown_ids(struct arena *arena, const struct sv *ids, size_t count)
{
    enum { SHOWN_MAX = 20 };
    struct sv list = SV("[");
    for (size_t i = 0; i < count && i < SHOWN_MAX; i++)
        list = arena_printf(arena, "%.*s%s%.*s", SV_ARG(list), i ? ", " : "",
                            SV_ARG(search_repr(arena, ids[i])));
    return arena_printf(arena, "%.*s%s]", SV_ARG(list), count > SHOWN_MAX ? ", ..." : "");
}

static struct sv shown_order(struct arena *arena, const struct logged_model_order *orders, size_t count)
{
    struct sv list = SV("[");
    if (!count)
        return SV("None");
    for (size_t i = 0; i < count; i++) {
        const struct logged_model_order *order = &orders[i];
        list = arena_printf(
            arena,
            "%.*s%s{'field_name': %.*s, 'ascending': %s, 'dataset_name': %.*s, 'dataset_digest': %.*s}",
            SV_ARG(list), i ? ", " : "", SV_ARG(shown_text(arena, order->field_name)),
            order->ascending ? "True" : "False", SV_ARG(shown_text(arena, order->dataset.name)),
            SV_ARG(shown_text(arena, order->dataset.digest)));
    }
    return arena_printf(arena, "%.*s]", SV_ARG(list));
}

static struct sv shown_datasets(struct arena *arena, const struct logged_model_dataset *datasets,
                                size_t count)
{
    struct sv list = SV("[");
    if (!count)
        return SV("None");
    for (size_t i = 0; i < count; i++)
        list = arena_printf(arena, "%.*s%s{'dataset_name': %.*s, 'dataset_digest': %.*s}", SV_ARG(list),
                            i ? ", " : "", SV_ARG(shown_text(arena, datasets[i].name)),
                            SV_ARG(shown_text(arena, datasets[i].digest)));
    return arena_printf(arena, "%.*s]", SV_ARG(list));
}

/* --- Reading --- */

/* What a token says. Texts point into its JSON. */
struct token {
    struct sv *ids;
    size_t id_count;
    struct sv filter;
    struct logged_model_order *orders;
    size_t order_count;
    bool names_datasets;
    struct logged_model_dataset *datasets;
    size_t dataset_count;
    int64_t offset;
};

/* An absent or null text is absent; false for anything else but a text. */
static bool take_text(struct json_object *object, const char *key, struct sv *text)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(object, key, &value);
    *text = value ? json_string_view(value) : SV_ABSENT;
    return !value || json_object_is_type(value, json_type_string);
}

/* The items of a list that must be objects; an absent or null list is empty. */
static bool take_list(struct json_object *object, const char *key, struct json_object **list, size_t *count)
{
    json_object_object_get_ex(object, key, list);
    if (*list && !json_object_is_type(*list, json_type_array))
        return false;
    *count = *list ? json_object_array_length(*list) : 0;
    for (size_t i = 0; i < *count; i++)
        if (!json_object_is_type(json_object_array_get_idx(*list, i), json_type_object))
            return false;
    return true;
}

static bool take_dataset(struct json_object *object, struct logged_model_dataset *dataset)
{
    return take_text(object, "dataset_name", &dataset->name) &&
           take_text(object, "dataset_digest", &dataset->digest);
}

static bool take_ids(struct arena *arena, struct json_object *root, struct token *token)
{
    struct json_object *list = NULL;
    json_object_object_get_ex(root, "experiment_ids", &list);
    if (!json_object_is_type(list, json_type_array))
        return false;
    token->id_count = json_object_array_length(list);
    token->ids = ARENA_ARRAY(arena, struct sv, token->id_count);
    for (size_t i = 0; i < token->id_count; i++) {
        struct json_object *id = json_object_array_get_idx(list, i);
        if (!json_object_is_type(id, json_type_string))
            return false;
        token->ids[i] = json_string_view(id);
    }
    return true;
}

static bool take_orders(struct arena *arena, struct json_object *root, struct token *token)
{
    struct json_object *list = NULL;
    if (!take_list(root, "order_by", &list, &token->order_count) || token->order_count > SEARCH_ORDER_BY_MAX)
        return false;
    token->orders = ARENA_ARRAY(arena, struct logged_model_order, token->order_count);
    for (size_t i = 0; i < token->order_count; i++) {
        struct json_object *item = json_object_array_get_idx(list, i);
        struct json_object *ascending = NULL;
        struct logged_model_order *order = &token->orders[i];
        json_object_object_get_ex(item, "ascending", &ascending);
        order->ascending = !ascending || json_object_get_boolean(ascending);
        if (!take_text(item, "field_name", &order->field_name) || !take_dataset(item, &order->dataset))
            return false;
    }
    return true;
}

static bool take_datasets(struct arena *arena, struct json_object *root, struct token *token)
{
    struct json_object *list = NULL;
    if (!take_list(root, "datasets", &list, &token->dataset_count))
        return false;
    token->names_datasets = list != NULL;
    token->datasets = ARENA_ARRAY(arena, struct logged_model_dataset, token->dataset_count);
    for (size_t i = 0; i < token->dataset_count; i++)
        if (!take_dataset(json_object_array_get_idx(list, i), &token->datasets[i]))
            return false;
    return true;
}

static bool take_token(struct arena *arena, struct json_object *root, struct token *token)
{
    struct json_object *offset = NULL;
    *token = (struct token){0};
    if (!json_object_is_type(root, json_type_object))
        return false;
    json_object_object_get_ex(root, "offset", &offset);
    token->offset = json_object_get_int64(offset);
    return (!offset || json_object_is_type(offset, json_type_int)) && token->offset >= 0 &&
           token->offset <= PAGE_OFFSET_MAX && take_ids(arena, root, token) &&
           take_text(root, "filter_string", &token->filter) && take_orders(arena, root, token) &&
           take_datasets(arena, root, token);
}

/* Absent and empty are the same. */
static bool is_same(struct sv a, struct sv b)
{
    return a.len == b.len && sv_compare(a, b) == 0;
}

static bool is_same_dataset(const struct logged_model_dataset *a, const struct logged_model_dataset *b)
{
    return is_same(a->name, b->name) && is_same(a->digest, b->digest);
}

static enum status check_same_query(struct store_tx *tx, const struct logged_model_search *search,
                                    const struct token *token)
{
    struct arena *arena = tx->arena;
    bool same = token->id_count == search->experiment_count;
    for (size_t i = 0; same && i < token->id_count; i++)
        same = is_same(token->ids[i], search->experiment_ids[i]);
    if (!same)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Experiment IDs in the page token do not match the requested experiment IDs. "
                          "Expected: %.*s. Found: %.*s",
                          SV_ARG(shown_ids(arena, search->experiment_ids, search->experiment_count)),
                          SV_ARG(shown_ids(arena, token->ids, token->id_count)));
    if (!is_same(token->filter, search->filter)) {
        struct sv wanted = search->filter.len ? search_clip(search->filter) : SV("None");
        struct sv found = token->filter.len ? search_clip(token->filter) : SV("None");
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Filter string in the page token does not match the requested filter string. "
                          "Expected: %.*s. Found: %.*s",
                          SV_ARG(wanted), SV_ARG(found));
    }
    same = token->order_count == search->order_by_count;
    for (size_t i = 0; same && i < token->order_count; i++)
        same = is_same(token->orders[i].field_name, search->order_by[i].field_name) &&
               token->orders[i].ascending == search->order_by[i].ascending &&
               is_same_dataset(&token->orders[i].dataset, &search->order_by[i].dataset);
    if (!same)
        return store_fail(
            tx, INVALID_PARAMETER_VALUE,
            "Order by in the page token does not match the requested order by. Expected: %.*s. Found: %.*s",
            SV_ARG(shown_order(arena, search->order_by, search->order_by_count)),
            SV_ARG(shown_order(arena, token->orders, token->order_count)));
    same = !token->names_datasets || token->dataset_count == search->dataset_count;
    for (size_t i = 0; same && i < token->dataset_count; i++)
        same = is_same_dataset(&token->datasets[i], &search->datasets[i]);
    if (!same)
        return store_fail(
            tx, INVALID_PARAMETER_VALUE,
            "Datasets in the page token do not match the requested datasets. Expected: %.*s. Found: %.*s",
            SV_ARG(shown_datasets(arena, search->datasets, search->dataset_count)),
            SV_ARG(shown_datasets(arena, token->datasets, token->dataset_count)));
    return OK;
}

/* Whether the values can be a row's: only some are ever absent, or NaN. */
static bool are_possible(const struct model_query *query, const struct sort_value *values)
{
    for (size_t i = 0; i < query->term_count; i++)
        if ((values[i].class == SORT_ABSENT && !query->terms[i].nullable) ||
            (values[i].class == SORT_NAN && !query->terms[i].is_metric))
            return false;
    return true;
}

static enum status invalid_token(struct store_tx *tx, struct sv decoded, struct sv problem)
{
    struct sv shown = search_clip(decoded);
    return store_fail(tx, INVALID_PARAMETER_VALUE, "Invalid page token: %.*s. %.*s", SV_ARG(shown),
                      SV_ARG(problem));
}

enum status logged_model_token_read(const struct model_query *query, int64_t *offset,
                                    const struct sort_value **after)
{
    struct store_tx *tx = query->tx;
    struct sv text = query->search->page_token;
    struct json_object *root = NULL, *last = NULL;
    struct token token;
    struct sv problem;
    *offset = 0;
    *after = NULL;
    if (!text.len)
        return OK;
    struct sv decoded = base64_decode(tx->arena, text);
    if (!decoded.data)
        return invalid_token(tx, text, SV("It is not base64."));
    if (json_parse(tx->arena, decoded, &root, &problem) != JSON_OK)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "Invalid page token: %.*s. %.*s",
                          SV_ARG(search_repr_bytes(tx->arena, decoded)), SV_ARG(problem));
    enum status status;
    if (take_token(tx->arena, root, &token)) {
        status = check_same_query(tx, query->search, &token);
    } else {
        status = invalid_token(tx, decoded, SV("It does not describe a query of logged models."));
    }
    *offset = token.offset;
    if (status == OK && json_object_object_get_ex(root, "after", &last)) {
        *after = sort_values_read(tx->arena, last, query->types, query->term_count);
        if (!*after || !are_possible(query, *after))
            status = invalid_token(tx, decoded, SV("It does not describe a row of this query."));
    }
    json_object_put(root);
    return status;
}

/* --- Writing --- */

static void put_text(struct json_writer *json, const char *key, struct sv text)
{
    json_key(json, key);
    if (text.len)
        json_put_string(json, text);
    else
        json_put_null(json);
}

static void put_dataset(struct json_writer *json, const struct logged_model_dataset *dataset)
{
    put_text(json, "dataset_name", dataset->name);
    put_text(json, "dataset_digest", dataset->digest);
}

static void put_query(struct json_writer *json, const struct logged_model_search *search)
{
    json_key(json, "experiment_ids");
    json_begin_array(json);
    for (size_t i = 0; i < search->experiment_count; i++)
        json_put_string(json, search->experiment_ids[i]);
    json_end_array(json);
    put_text(json, "filter_string", search->filter);
    json_key(json, "order_by");
    json_begin_array(json);
    for (size_t i = 0; i < search->order_by_count; i++) {
        json_begin_object(json);
        put_text(json, "field_name", search->order_by[i].field_name);
        json_put_bool_field(json, "ascending", search->order_by[i].ascending);
        put_dataset(json, &search->order_by[i].dataset);
        json_end_object(json);
    }
    json_end_array(json);
    json_key(json, "datasets");
    json_begin_array(json);
    for (size_t i = 0; i < search->dataset_count; i++) {
        json_begin_object(json);
        put_dataset(json, &search->datasets[i]);
        json_end_object(json);
    }
    json_end_array(json);
}

enum status logged_model_token_write(const struct model_query *query, int64_t offset,
                                     const struct sort_value *after, struct sv *token)
{
    struct arena *arena = query->tx->arena;
    struct buffer text;
    struct json_writer json;
    buffer_init(&text, TOKEN_MAX);
    json_writer_init(&json, &text);
    json_begin_object(&json);
    put_query(&json, query->search);
    json_put_int_field(&json, "offset", offset);
    json_key(&json, "after");
    sort_values_write(&json, after, query->term_count);
    json_end_object(&json);
    bool fits = !text.failed;
    struct sv plain = fits ? arena_copy(arena, buffer_sv(&text)) : SV_ABSENT;
    buffer_free(&text);
    if (!fits)
        return store_fail(query->tx, INVALID_PARAMETER_VALUE,
                          "The query is too long to be repeated in a page token. Ask for fewer experiments "
                          "or use a shorter filter.");
    *token = base64_encode(arena, plain);
    return OK;
}
