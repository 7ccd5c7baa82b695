#include <json-c/json.h>
#include <string.h>

#include "common/base/buffer.h"
#include "common/json/json_escape.h"
#include "common/json/json_read.h"
#include "common/base/number.h"
#include "common/store/names.h"
#include "common/store/run_data.h"
#include "common/store/text.h"
#include "common/store/validate.h"

/* runs/log-model: a list of what was logged, kept as JSON in a tag of the run. */

#define HISTORY_TAG     "mlflow.log-model.history"
#define HISTORY_CEILING (64L * 1024 * 1024)

static void put_string(struct buffer *out, struct sv text)
{
    size_t offset = 0;
    buffer_append_byte(out, '"');
    while (offset < text.len) {
        size_t plain = json_plain_run(text, offset);
        buffer_append(out, text.data + offset, plain);
        offset += plain;
        if (offset < text.len) {
            char escape[JSON_ESCAPE_MAX];
            size_t len = json_escape(text, &offset, escape);
            buffer_append(out, escape, len);
        }
    }
    buffer_append_byte(out, '"');
}

static void put_number(struct buffer *out, double value)
{
    char text[DOUBLE_TEXT_MAX];
    if (value != value)
        BUFFER_LITERAL(out, "NaN");
    else if (value - value != 0)
        buffer_printf(out, "%sInfinity", value < 0 ? "-" : "");
    else
        buffer_append(out, text, format_double(value, text));
}

/* With the blanks that Python's json.dumps sets, without the member `skip` of an object. The depth is bounded
 * by the parser. */
static void put_json(struct buffer *out, struct json_object *value, const char *skip)
{
    bool first = true;
    switch (json_object_get_type(value)) {
    case json_type_object:
        buffer_append_byte(out, '{');
        json_object_object_foreach(value, key, member)
        {
            if (skip && strcmp(key, skip) == 0)
                continue;
            if (!first)
                BUFFER_LITERAL(out, ", ");
            first = false;
            put_string(out, sv_from(key));
            BUFFER_LITERAL(out, ": ");
            put_json(out, member, NULL);
        }
        buffer_append_byte(out, '}');
        return;
    case json_type_array:
        buffer_append_byte(out, '[');
        for (size_t i = 0; i < json_object_array_length(value); i++) {
            if (i)
                BUFFER_LITERAL(out, ", ");
            put_json(out, json_object_array_get_idx(value, i), NULL);
        }
        buffer_append_byte(out, ']');
        return;
    case json_type_string:
        put_string(out, json_string_view(value));
        return;
    case json_type_double:
        put_number(out, json_object_get_double(value));
        return;
    case json_type_null:
        BUFFER_LITERAL(out, "null");
        return;
    default: {
        const char *text = json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN);
        buffer_append(out, text, strlen(text));
        return;
    }
    }
}

static void put_member(struct buffer *out, const char *name, struct json_object *model)
{
    struct json_object *value = NULL;
    json_object_object_get_ex(model, name, &value);
    put_string(out, sv_from(name));
    BUFFER_LITERAL(out, ": ");
    put_json(out, value, NULL);
    BUFFER_LITERAL(out, ", ");
}

static void put_entry(struct buffer *out, struct json_object *model)
{
    buffer_append_byte(out, '{');
    put_member(out, "run_id", model);
    put_member(out, "artifact_path", model);
    put_member(out, "utc_time_created", model);
    put_member(out, "model_uuid", model);
    BUFFER_LITERAL(out, "\"flavors\": {");
    struct json_object *flavors = NULL;
    json_object_object_get_ex(model, "flavors", &flavors);
    bool first = true;
    json_object_object_foreach(flavors, name, flavor)
    {
        if (!first)
            BUFFER_LITERAL(out, ", ");
        first = false;
        put_string(out, sv_from(name));
        BUFFER_LITERAL(out, ": ");
        put_json(out, flavor, "config");
    }
    BUFFER_LITERAL(out, "}}");
}

static enum status check_model(struct store_tx *tx, struct json_object *model, struct sv text)
{
    static const char *const mandatory[] = {"artifact_path", "flavors", "utc_time_created", "run_id"};
    if (!json_object_is_type(model, json_type_object)) {
        struct sv shown = search_clip(text);
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Malformed model info. \n %.*s \n is not a JSON object.", SV_ARG(shown));
    }
    struct sv missing = SV("");
    for (size_t i = 0; i < sizeof(mandatory) / sizeof(mandatory[0]); i++) {
        if (!json_object_object_get_ex(model, mandatory[i], NULL))
            missing =
                arena_printf(tx->arena, "%.*s%s'%s'", SV_ARG(missing), missing.len ? ", " : "", mandatory[i]);
    }
    if (missing.len)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "Model json is missing mandatory fields: {%.*s}",
                          SV_ARG(missing));
    struct json_object *flavors = NULL;
    json_object_object_get_ex(model, "flavors", &flavors);
    if (!json_object_is_type(flavors, json_type_object))
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Malformed model info: 'flavors' must be a JSON object.");
    return OK;
}

/* The entry as JSON text, in the arena. */
static enum status make_entry(struct store_tx *tx, struct sv text, struct sv *entry)
{
    struct json_object *model = NULL;
    struct sv problem;
    if (json_parse(tx->arena, text, &model, &problem) != JSON_OK) {
        struct sv shown = search_clip(text);
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Malformed model info. \n %.*s \n is not a valid JSON.", SV_ARG(shown));
    }
    enum status status = check_model(tx, model, text);
    if (status == OK) {
        struct buffer out;
        buffer_init(&out, HISTORY_CEILING);
        put_entry(&out, model);
        if (out.failed)
            status = store_fail(tx, INVALID_PARAMETER_VALUE, "The model's description is too long.");
        else
            *entry = arena_copy(tx->arena, buffer_sv(&out));
        buffer_free(&out);
    }
    json_object_put(model);
    return status;
}

static enum status find_history(struct store_tx *tx, const struct run_ref *ref, struct sv *history)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT tags.value FROM names JOIN tags ON tags.run = ? AND tags.name = names.id "
                 "WHERE names.experiment = ? AND names.kind = 2 AND names.name = "
                 "'mlflow.log-model.history'",
                 db_int(ref->id), db_int(ref->experiment_id));
    if (!stmt)
        return FAILED;
    *history = db_step(stmt) == DB_ROW ? db_column_text_copy(stmt, 0) : SV("[]");
    return db_done(stmt);
}

/* Appending works on the text, so that what clients wrote there stays as it is; but only to a JSON list. */
static enum status append_entry(struct store_tx *tx, struct sv history, struct sv entry, struct sv *longer)
{
    struct json_object *list = NULL;
    struct sv problem;
    bool good = json_parse(tx->arena, history, &list, &problem) == JSON_OK &&
                json_object_is_type(list, json_type_array);
    bool is_empty = good && json_object_array_length(list) == 0;
    json_object_put(list);
    if (!good)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "The run's tag '" HISTORY_TAG
                          "' does not hold a JSON list, so no model can be added to "
                          "it. Delete the tag first.");
    struct sv open = sv_trim(history);
    open = sv_first(open, open.len - 1);
    *longer = arena_printf(tx->arena, "%.*s%s%.*s]", SV_ARG(open), is_empty ? "" : ", ", SV_ARG(entry));
    return OK;
}

enum status run_log_model(struct store_tx *tx, struct sv run_id, struct sv model_json)
{
    struct run_ref ref;
    struct sv entry = SV_ABSENT, history = SV_ABSENT, longer = SV_ABSENT;
    if (make_entry(tx, model_json, &entry) != OK || run_find_active(tx, run_id, &ref) != OK ||
        find_history(tx, &ref, &history) != OK || append_entry(tx, history, entry, &longer) != OK)
        return FAILED;
    if (longer.len > HISTORY_CEILING)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "The run's tag '" HISTORY_TAG "' is too long already.");
    struct key_value tag = {SV(HISTORY_TAG), longer};
    return run_put_tag(tx, &ref, &tag);
}
