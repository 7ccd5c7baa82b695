/* The input checker accepts nothing that its field table forbids. The first byte chooses method and content
 * type; the rest is the query string or the body. */

#include <json-c/json.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/utf8.h"
#include "common/http/input.h"

struct item_in {
    struct sv key;
    struct opt_double value;
    struct opt_int64 step;
    struct list inner;
};

struct fuzz_in {
    struct sv run_id;
    struct sv experiment_id;
    struct opt_int64 max_results;
    struct opt_int64 page_size;
    struct opt_double value;
    struct opt_bool flag;
    struct opt_int64 status;
    struct list order_by;
    struct list experiment_ids;
    struct list time_points;
    struct opt_object dataset;
    struct list metrics;
    struct json_object *any_json;
};

static const struct enum_name status_names[] = {{"RUNNING", 1}, {"FINISHED", 3}, {NULL, 0}};

static const struct field inner_fields[] = {
    FIELD(struct item_in, key, STRING, .required = true),
    FIELDS_END,
};

static const struct field item_fields[] = {
    FIELD(struct item_in, key, STRING, .required = true),
    FIELD(struct item_in, value, DOUBLE, .required = true),
    FIELD(struct item_in, step, INT64),
    FIELD(struct item_in, inner, OBJECTS, .fields = inner_fields, .size = sizeof(struct item_in)),
    FIELDS_END,
};

static const struct field fuzz_fields[] = {
    FIELD(struct fuzz_in, run_id, STRING, .required = true, .alias = "run_uuid"),
    FIELD(struct fuzz_in, experiment_id, ID),
    FIELD(struct fuzz_in, max_results, INT64),
    FIELD(struct fuzz_in, page_size, INT32),
    FIELD(struct fuzz_in, value, DOUBLE),
    FIELD(struct fuzz_in, flag, BOOL),
    FIELD(struct fuzz_in, status, ENUM, .enums = status_names),
    FIELD(struct fuzz_in, order_by, STRINGS),
    FIELD(struct fuzz_in, experiment_ids, IDS),
    FIELD(struct fuzz_in, time_points, INT64S),
    FIELD(struct fuzz_in, dataset, OBJECT, .fields = item_fields, .size = sizeof(struct item_in)),
    FIELD(struct fuzz_in, metrics, OBJECTS, .fields = item_fields, .size = sizeof(struct item_in)),
    FIELD(struct fuzz_in, any_json, JSON),
    FIELDS_END,
};

static const struct operation operation = {
    .name = "fuzz", .path = "/fuzz", .input = INPUT(struct fuzz_in, fuzz_fields)};

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_text(struct sv text, bool required)
{
    require(text.data || !text.len);
    require(!required || text.len);
    require(utf8_valid(text));
}

static void check_texts(const struct list *list)
{
    const struct sv *texts = list->items;
    require(list->set || !list->count);
    for (size_t i = 0; i < list->count; i++) {
        require(texts[i].data);
        check_text(texts[i], false);
    }
}

static void check_item(const struct item_in *item)
{
    check_text(item->key, true);
    require(item->value.set);
    const struct item_in *inner = item->inner.items;
    for (size_t i = 0; i < item->inner.count; i++)
        check_text(inner[i].key, true);
}

static void check_accepted(const struct fuzz_in *in)
{
    check_text(in->run_id, true);
    check_text(in->experiment_id, false);
    require(!in->page_size.set || (in->page_size.value >= INT32_MIN && in->page_size.value <= INT32_MAX));
    require(!in->status.set || in->status.value == 1 || in->status.value == 3);
    require(in->flag.set || !in->flag.value);
    check_texts(&in->order_by);
    check_texts(&in->experiment_ids);
    if (in->dataset.value)
        check_item(in->dataset.value);
    const struct item_in *metrics = in->metrics.items;
    for (size_t i = 0; i < in->metrics.count; i++)
        check_item(&metrics[i]);
}

static void check_refused(const struct request *request)
{
    require(request->error.code == INVALID_PARAMETER_VALUE);
    require(request->error.message.len > 0);
    require(request->error.message.len < 2 * ERROR_VALUE_LIMIT);
    require(utf8_valid(request->error.message));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sv types[] = {
        {"application/json", 16}, {"application/json", 16}, {NULL, 0}, {"text/plain", 10}};
    if (!size)
        return 0;
    unsigned mode = data[0];
    struct sv rest = {(const char *)data + 1, size - 1};
    struct request request = {
        .arena = arena_new(256UL * 1024 * 1024),
        .operation = &operation,
        .method = (enum http_method)(mode % METHOD_OPTIONS),
        .content_type = types[mode / 8 % 4],
    };
    if (mode & 0x80)
        request.query = rest;
    else
        request.body = rest;
    if (input_check(&request) == OK)
        check_accepted(request.input);
    else
        check_refused(&request);
    json_object_put(request.json);
    arena_free(request.arena);
    return 0;
}
