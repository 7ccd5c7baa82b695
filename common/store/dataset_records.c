#include "common/store/dataset_records.h"

#include <json-c/json.h>
#include <stdio.h>

#include "common/base/arena_text.h"
#include "common/base/digest.h"
#include "common/base/id.h"
#include "common/base/number.h"
#include "common/base/utf8.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"
#include "common/search/page_token.h"
#include "common/store/evaluation_datasets.h"
#include "common/store/text.h"

/* --- What a client sent --- */

static const char *const source_types[] = {"UNSPECIFIED", "TRACE", "HUMAN", "DOCUMENT", "CODE"};

struct source {
    struct sv type; /* absent: no source */
    struct sv id;
    struct sv json;
};

/* The parts are NULL where they are absent or null. */
struct record {
    struct json_object *json;
    struct json_object *inputs;
    struct json_object *outputs;
    bool has_outputs;
    struct json_object *expectations;
    struct json_object *tags;
    struct source source;
    struct json_object *user; /* one of the tags */
};

static enum status refuse(struct store_tx *tx, size_t index, const char *part, const char *wanted,
                          struct json_object *value)
{
    return store_fail(tx, INVALID_PARAMETER_VALUE, "records[%zu]%s%s must be %s, but was of type '%s'.",
                      index, part ? "." : "", part ? part : "", wanted, json_python_type(value));
}

static enum status take_object(struct store_tx *tx, size_t index, struct json_object *record,
                               const char *part, struct json_object **value)
{
    *value = json_object_object_get(record, part);
    if (*value && !json_object_is_type(*value, json_type_object))
        return refuse(tx, index, part, "an object", *value);
    return OK;
}

static struct sv upper_case(struct arena *arena, struct sv text)
{
    char *upper = arena_cstr(arena, text);
    for (size_t i = 0; i < text.len; i++) {
        if (upper[i] >= 'a' && upper[i] <= 'z')
            upper[i] = (char)(upper[i] - 'a' + 'A');
    }
    return (struct sv){upper, text.len};
}

static bool is_source_type(struct sv type)
{
    for (size_t i = 0; i < sizeof(source_types) / sizeof(source_types[0]); i++) {
        if (sv_equal(type, sv_from(source_types[i])))
            return true;
    }
    return false;
}

static enum status take_source(struct store_tx *tx, size_t index, struct json_object *record,
                               struct source *source)
{
    struct json_object *json, *data;
    *source = (struct source){.type = SV_ABSENT};
    if (take_object(tx, index, record, "source", &json) != OK)
        return FAILED;
    if (!json || json_object_object_length(json) == 0)
        return OK;
    struct json_object *type = json_object_object_get(json, "source_type");
    if (!json_object_is_type(type, json_type_string))
        return refuse(tx, index, "source.source_type", "a string", type);
    source->type = upper_case(tx->arena, json_string_view(type));
    if (!is_source_type(source->type)) {
        struct sv shown = search_clip(source->type);
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Invalid dataset record source type: %.*s. Valid source types: "
                          "['UNSPECIFIED', 'TRACE', 'HUMAN', 'DOCUMENT', 'CODE']",
                          SV_ARG(shown));
    }
    data = json_object_object_get(json, "source_data");
    if (data && !json_object_is_type(data, json_type_object))
        return refuse(tx, index, "source.source_data", "an object", data);
    bool is_trace = sv_equal(source->type, SV("TRACE"));
    source->id =
        evaluation_tag_text(tx->arena, json_object_object_get(data, is_trace ? "trace_id" : "source_id"));
    struct sv shown = data ? json_dump(tx->arena, data, false) : SV("{}");
    source->json = arena_printf(tx->arena, "{\"source_type\": \"%.*s\", \"source_data\": %.*s}",
                                SV_ARG(source->type), SV_ARG(shown));
    return OK;
}

static enum status take_record(struct store_tx *tx, size_t index, struct json_object *json,
                               struct record *record)
{
    if (!json_object_is_type(json, json_type_object))
        return refuse(tx, index, NULL, "an object", json);
    *record = (struct record){.json = json};
    record->has_outputs = json_object_object_get_ex(json, "outputs", &record->outputs);
    if (take_object(tx, index, json, "inputs", &record->inputs) != OK ||
        take_object(tx, index, json, "expectations", &record->expectations) != OK ||
        take_object(tx, index, json, "tags", &record->tags) != OK ||
        take_source(tx, index, json, &record->source) != OK)
        return FAILED;
    record->user = json_object_object_get(record->tags, USER_TAG);
    return OK;
}

/* Absent for nothing. */
static struct sv dump(struct store_tx *tx, struct json_object *value)
{
    return value ? json_dump(tx->arena, value, false) : SV_ABSENT;
}

static struct sv dump_or_empty(struct store_tx *tx, struct json_object *object)
{
    return object ? json_dump(tx->arena, object, false) : SV("{}");
}

/* --- The schema of a dataset: the names that its records use, and the type that each had first --- */

static const char *type_name(struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_boolean:
        return "boolean";
    case json_type_int:
        return "integer";
    case json_type_double:
        return json_is_integer(value) ? "integer" : "float";
    case json_type_string:
        return "string";
    case json_type_array:
        return "array";
    case json_type_object:
        return "object";
    case json_type_null:
        break;
    }
    return "null";
}

static void add_names(struct json_object *names, struct json_object *values)
{
    if (!json_object_is_type(names, json_type_object) || !values)
        return;
    json_object_object_foreach(values, key, value)
    {
        if (!json_object_object_get_ex(names, key, NULL))
            json_object_object_add(names, key, json_object_new_string(type_name(value)));
    }
}

static void add_to_schema(struct json_object *schema, const struct record *record)
{
    add_names(json_object_object_get(schema, "inputs"), record->inputs);
    add_names(json_object_object_get(schema, "expectations"), record->expectations);
    struct json_object *outputs = json_object_object_get(schema, "outputs");
    if (json_object_is_type(record->outputs, json_type_object))
        add_names(outputs, record->outputs);
    else if (record->outputs && json_object_is_type(outputs, json_type_object) &&
             json_object_object_length(outputs) == 0)
        json_object_object_add(schema, "outputs", json_object_new_string(type_name(record->outputs)));
}

/* The text that the store keeps is its own, so that what cannot be read is a fault of ours. */
static enum status parse_stored(struct store_tx *tx, struct sv text, struct json_object **value)
{
    struct sv problem;
    if (json_parse(tx->arena, text, value, &problem) == JSON_OK)
        return OK;
    return error_internal(tx->error, tx->arena, "stored JSON of an evaluation dataset: %.*s",
                          SV_ARG(problem));
}

/* The array holds the schema from now on: nothing else would free it if the arena ran full. */
static enum status load_schema(struct store_tx *tx, struct sv stored, struct json_object *records,
                               struct json_object **schema)
{
    struct sv text =
        stored.data ? stored
                    : SV("{\"inputs\": {}, \"outputs\": {}, \"expectations\": {}, \"version\": \"1.0\"}");
    if (parse_stored(tx, text, schema) != OK)
        return FAILED;
    json_object_array_add(records, *schema);
    return OK;
}

/* --- Writing --- */

struct upsert {
    struct store_tx *tx;
    const struct evaluation_dataset *dataset;
    struct sv id_prefix;
    struct dataset_records_counts *counts;
};

/* Ids of one call ascend, so that the listing, which goes by time and id, keeps the order of the call. */
static struct sv next_id(const struct upsert *upsert)
{
    return arena_printf(upsert->tx->arena, "dr-%.*s%08llx", SV_ARG(upsert->id_prefix),
                        (long long unsigned)upsert->counts->inserted);
}

static enum status insert_record(const struct upsert *upsert, const struct record *record, struct sv hash)
{
    struct store_tx *tx = upsert->tx;
    struct sv outputs = record->has_outputs ? dump(tx, record->outputs) : SV("{}");
    struct db_value now = db_int(tx->now_ms);
    struct db_value user = db_text(evaluation_tag_text(tx->arena, record->user));
    if (db_exec(tx->db, NULL,
                "INSERT INTO evaluation_records (record_id, dataset, input_hash, inputs, outputs, "
                "expectations, tags, source, source_id, source_type, created_time, last_update_time, "
                "created_by, last_updated_by) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                db_text(next_id(upsert)), db_int(upsert->dataset->id), db_text(hash),
                db_text(dump_or_empty(tx, record->inputs)), db_text(outputs),
                db_text(dump(tx, record->expectations)), db_text(dump_or_empty(tx, record->tags)),
                db_text(record->source.json), db_text(record->source.id), db_text(record->source.type), now,
                now, user, user) != OK)
        return FAILED;
    upsert->counts->inserted++;
    return OK;
}

/* The stored object with the new values over its own. The record holds it from now on. */
static enum status merge(struct store_tx *tx, struct sv stored, struct json_object *values,
                         struct json_object *record, const char *part, struct sv *merged)
{
    *merged = stored;
    if (!values || json_object_object_length(values) == 0)
        return OK;
    if (!stored.data) {
        *merged = dump(tx, values);
        return OK;
    }
    struct json_object *object;
    if (parse_stored(tx, stored, &object) != OK)
        return FAILED;
    bool fits = true;
    json_object_object_foreach(values, key, value)
    {
        if (fits)
            fits = json_object_object_add(object, key, json_object_get(value)) == 0;
    }
    if (json_object_object_add(record, part, object) != 0 || !fits)
        return store_fail(tx, TEMPORARILY_UNAVAILABLE, "There is no memory for the records. Try again.");
    *merged = dump(tx, object);
    return OK;
}

struct stored {
    int64_t id; /* -1: there is none */
    struct sv outputs;
    struct sv expectations;
    struct sv tags;
};

static enum status find_record(struct store_tx *tx, int64_t dataset, struct sv hash, struct stored *stored)
{
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT id, outputs, expectations, tags FROM evaluation_records "
                                    "WHERE dataset = ? AND input_hash = ?",
                                    db_int(dataset), db_text(hash));
    if (!stmt)
        return FAILED;
    *stored = (struct stored){.id = -1};
    if (db_step(stmt) == DB_ROW)
        *stored = (struct stored){
            .id = db_column_int(stmt, 0),
            .outputs = db_column_text_copy(stmt, 1),
            .expectations = db_column_text_copy(stmt, 2),
            .tags = db_column_text_copy(stmt, 3),
        };
    return db_done(stmt);
}

static enum status update_record(const struct upsert *upsert, const struct record *record,
                                 const struct stored *stored)
{
    struct store_tx *tx = upsert->tx;
    struct sv outputs = record->has_outputs ? dump(tx, record->outputs) : stored->outputs;
    struct sv expectations, tags;
    struct sv user = evaluation_tag_text(tx->arena, record->user);
    if (merge(tx, stored->expectations, record->expectations, record->json, "expectations", &expectations) !=
            OK ||
        merge(tx, stored->tags, record->tags, record->json, "tags", &tags) != OK ||
        db_exec(tx->db, NULL,
                "UPDATE evaluation_records SET outputs = ?, expectations = ?, tags = ?, "
                "last_update_time = ?, last_updated_by = coalesce(?, last_updated_by) WHERE id = ?",
                db_text(outputs), db_text(expectations), db_text(tags), db_int(tx->now_ms), db_text(user),
                db_int(stored->id)) != OK)
        return FAILED;
    upsert->counts->updated++;
    return OK;
}

static enum status put_record(const struct upsert *upsert, const struct record *record)
{
    struct store_tx *tx = upsert->tx;
    struct sv canonical = record->inputs ? json_dump(tx->arena, record->inputs, true) : SV("{}");
    struct sv hash = sha256_hex(tx->arena, canonical);
    struct stored stored;
    if (find_record(tx, upsert->dataset->id, hash, &stored) != OK)
        return FAILED;
    return stored.id < 0 ? insert_record(upsert, record, hash) : update_record(upsert, record, &stored);
}

static enum status no_dataset(struct store_tx *tx, struct sv dataset_id)
{
    struct sv shown = search_clip(dataset_id);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Dataset '%.*s' not found", SV_ARG(shown));
}

static enum status finish(const struct upsert *upsert, struct json_object *schema, size_t record_count,
                          struct sv user)
{
    struct store_tx *tx = upsert->tx;
    const struct evaluation_dataset *dataset = upsert->dataset;
    struct sv digest = evaluation_dataset_digest(tx->arena, dataset->name, tx->now_ms);
    struct sv text = record_count ? dump(tx, schema) : dataset->schema;
    return db_exec(tx->db, NULL,
                   "UPDATE evaluation_datasets SET schema = ?, record_count = record_count + ?, digest = ?, "
                   "last_update_time = ?, last_updated_by = coalesce(?, last_updated_by) WHERE id = ?",
                   db_text(text), db_int(upsert->counts->inserted), db_text(digest), db_int(tx->now_ms),
                   db_text(user), db_int(dataset->id));
}

enum status dataset_records_upsert(struct store_tx *tx, struct sv dataset_id, struct json_object *records,
                                   struct dataset_records_counts *counts)
{
    *counts = (struct dataset_records_counts){0};
    if (!json_object_is_type(records, json_type_array))
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "'records' must hold a JSON array, but was of type '%s'.",
                          json_python_type(records));
    int64_t id;
    struct evaluation_dataset dataset;
    if (evaluation_dataset_find(tx, dataset_id, &id) != OK)
        return FAILED;
    if (id < 0)
        return no_dataset(tx, dataset_id);
    if (evaluation_dataset_load(tx, dataset_id, &dataset) != OK)
        return FAILED;

    size_t count = json_object_array_length(records);
    struct json_object *schema;
    if (load_schema(tx, dataset.schema, records, &schema) != OK)
        return FAILED;
    struct upsert upsert = {
        .tx = tx,
        .dataset = &dataset,
        .id_prefix = sv_first(id_new(tx->arena), 24),
        .counts = counts,
    };
    struct json_object *user = NULL;
    for (size_t i = 0; i < count; i++) {
        struct record record = {0};
        struct arena_mark mark = arena_mark(tx->arena);
        if (take_record(tx, i, json_object_array_get_idx(records, i), &record) != OK)
            return FAILED;
        if (record.user)
            user = record.user;
        add_to_schema(schema, &record);
        if (put_record(&upsert, &record) != OK)
            return FAILED;
        arena_rewind(tx->arena, mark);
    }
    return finish(&upsert, schema, count, evaluation_tag_text(tx->arena, user));
}

/* --- Listing --- */

/* Behind which record the page begins, or how many come before it. On the wire: base64 of
 * "<created_time>:<record_id>", or a number. */
struct position {
    int64_t created_time;
    struct sv record_id;
    int64_t offset;
};

static enum status read_token(struct store_tx *tx, struct sv token, struct position *position)
{
    *position = (struct position){.created_time = INT64_MIN, .record_id = SV("")};
    if (!token.len || parse_int64(token, 0, PAGE_OFFSET_MAX, &position->offset))
        return OK;
    struct sv rest = base64_decode(tx->arena, token);
    struct sv time = rest.data ? sv_cut(&rest, ':') : SV_ABSENT;
    if (rest.data && utf8_valid(rest) && parse_int64(time, INT64_MIN, INT64_MAX, &position->created_time)) {
        position->record_id = rest;
        return OK;
    }
    struct sv shown = search_repr(tx->arena, token);
    return store_fail(tx, INVALID_PARAMETER_VALUE,
                      "Invalid page token %.*s. Take the next_page_token of the page before.", SV_ARG(shown));
}

static void add_raw(struct arena_text *out, const char *key, struct sv json)
{
    if (!json.data)
        return;
    arena_text_add(out, SV(", "));
    json_dump_string(out, sv_from(key));
    arena_text_add(out, SV(": "));
    arena_text_add(out, json);
}

static void add_string(struct arena_text *out, const char *key, struct sv text)
{
    if (!text.data)
        return;
    add_raw(out, key, SV(""));
    json_dump_string(out, text);
}

static void add_int(struct arena_text *out, const char *key, int64_t value)
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%lld", (long long)value);
    add_raw(out, key, (struct sv){digits, (size_t)len});
}

enum column {
    RECORD_ID,
    INPUTS,
    EXPECTATIONS,
    TAGS,
    SOURCE,
    SOURCE_ID,
    SOURCE_TYPE,
    CREATED_TIME,
    LAST_UPDATE_TIME,
    CREATED_BY,
    LAST_UPDATED_BY,
    OUTPUTS,
};

static void add_record(struct arena_text *out, struct sv dataset_id, struct db_stmt *stmt)
{
    arena_text_add(out, SV("{\"dataset_record_id\": "));
    json_dump_string(out, db_column_text(stmt, RECORD_ID));
    add_string(out, "dataset_id", dataset_id);
    add_raw(out, "inputs", db_column_text(stmt, INPUTS));
    add_raw(out, "expectations", db_column_text(stmt, EXPECTATIONS));
    add_raw(out, "tags", db_column_text(stmt, TAGS));
    add_raw(out, "source", db_column_text(stmt, SOURCE));
    add_string(out, "source_id", db_column_text(stmt, SOURCE_ID));
    add_string(out, "source_type", db_column_text(stmt, SOURCE_TYPE));
    add_int(out, "created_time", db_column_int(stmt, CREATED_TIME));
    add_int(out, "last_update_time", db_column_int(stmt, LAST_UPDATE_TIME));
    add_string(out, "created_by", db_column_text(stmt, CREATED_BY));
    add_string(out, "last_updated_by", db_column_text(stmt, LAST_UPDATED_BY));
    add_raw(out, "outputs", db_column_text(stmt, OUTPUTS));
    arena_text_add(out, SV("}"));
}

static enum status read_page(struct store_tx *tx, struct db_stmt *stmt, struct sv dataset_id,
                             int64_t max_results, struct dataset_records_page *page)
{
    struct arena_text out;
    arena_text_init(&out, tx->arena);
    arena_text_add(&out, SV("["));
    struct sv last_id = SV_ABSENT;
    int64_t last_time = 0;
    int64_t count = 0;
    while (stmt && db_step(stmt) == DB_ROW) {
        if (count == max_results || out.len > DATASET_RECORDS_BYTES) {
            struct sv token = arena_printf(tx->arena, "%lld:%.*s", (long long)last_time, SV_ARG(last_id));
            page->next_page_token = base64_encode(tx->arena, token);
            break;
        }
        if (count++)
            arena_text_add(&out, SV(", "));
        add_record(&out, dataset_id, stmt);
        last_id = db_column_text_copy(stmt, RECORD_ID);
        last_time = db_column_int(stmt, CREATED_TIME);
    }
    arena_text_add(&out, SV("]"));
    page->records = arena_text_sv(&out);
    return db_done(stmt);
}

enum status dataset_records_list(struct store_tx *tx, struct sv dataset_id, int64_t max_results,
                                 struct sv page_token, struct dataset_records_page *page)
{
    int64_t id;
    struct position position;
    *page = (struct dataset_records_page){.records = SV("[]"), .next_page_token = SV_ABSENT};
    if (read_token(tx, page_token, &position) != OK || evaluation_dataset_find(tx, dataset_id, &id) != OK)
        return FAILED;
    if (id < 0)
        return OK;
    if (max_results > DATASET_RECORDS_MAX)
        max_results = DATASET_RECORDS_MAX;
    struct db_stmt *stmt = db_query(
        tx->db,
        "SELECT record_id, inputs, expectations, tags, source, source_id, source_type, created_time, "
        "last_update_time, created_by, last_updated_by, outputs FROM evaluation_records WHERE dataset = ? "
        "AND (created_time, record_id) > (?, ?) ORDER BY created_time, record_id LIMIT ? OFFSET ?",
        db_int(id), db_int(position.created_time), db_text(position.record_id), db_int(max_results + 1),
        db_int(position.offset));
    return read_page(tx, stmt, dataset_id, max_results, page);
}
