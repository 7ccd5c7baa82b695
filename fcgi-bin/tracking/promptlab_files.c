#include <json-c/json.h>
#include <string.h>
#include <time.h>

#include "common/base/buffer.h"
#include "common/base/id.h"
#include "common/base/utf8.h"
#include "common/json/json_read.h"
#include "common/json/json_write.h"
#include "common/store/text.h"
#include "fcgi-bin/tracking/promptlab.h"

/* The files of a prompt laboratory's run. */

#define FILE_CEILING (256L * 1024 * 1024)

struct sv promptlab_text(struct arena *arena, struct json_object *value)
{
    switch (json_object_get_type(value)) {
    case json_type_null:
        return SV("None");
    case json_type_boolean:
        return json_object_get_boolean(value) ? SV("True") : SV("False");
    case json_type_string:
        return json_string_view(value);
    case json_type_double:
        return text_double(arena, json_object_get_double(value));
    default:
        return arena_copy(arena, sv_from(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN)));
    }
}

struct promptlab_model promptlab_model(struct arena *arena, const struct promptlab *in, struct sv run_id)
{
    char created[32];
    time_t now = time(NULL);
    struct tm utc;
    gmtime_r(&now, &utc);
    size_t len = strftime(created, sizeof(created), "%Y-%m-%d %H:%M:%S.000000", &utc);
    return (struct promptlab_model){
        .run_id = run_id,
        .model_uuid = id_new(arena),
        .utc_time_created = arena_copy(arena, (struct sv){created, len}),
        .mlflow_version = in->mlflow_version,
    };
}

/* Moves a buffer's content to the arena; absent if it did not fit. */
static struct sv take(struct arena *arena, struct buffer *buffer)
{
    struct sv text = buffer->failed ? SV_ABSENT : arena_copy(arena, buffer_sv(buffer));
    buffer_free(buffer);
    return text;
}

struct sv promptlab_description(struct arena *arena, const struct promptlab_model *model)
{
    struct buffer buffer;
    struct json_writer json;
    buffer_init(&buffer, FILE_CEILING);
    json_writer_init(&json, &buffer);
    json_begin_object(&json);
    json_put_string_field(&json, "run_id", model->run_id);
    json_put_string_field(&json, "artifact_path", SV("model"));
    json_put_string_field(&json, "utc_time_created", model->utc_time_created);
    json_put_string_field(&json, "model_uuid", model->model_uuid);
    json_key(&json, "flavors");
    json_begin_object(&json);
    json_key(&json, "python_function");
    json_begin_object(&json);
    json_put_string_field(&json, "loader_module", SV("mlflow._promptlab"));
    json_end_object(&json);
    json_end_object(&json);
    json_end_object(&json);
    return take(arena, &buffer);
}

/* --- eval_results_table.json --- */

static void put_value(struct json_writer *json, struct json_object *value)
{
    if (!value)
        json_put_null(json);
    else if (json_object_is_type(value, json_type_string))
        json_put_string(json, json_string_view(value));
    else if (json_object_is_type(value, json_type_double))
        json_put_double(json, json_object_get_double(value));
    else
        json_put_raw(json, sv_from(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN)));
}

static void put_keys(struct json_writer *json, const struct list *list)
{
    const struct promptlab_parameter *items = list->items;
    for (size_t i = 0; i < list->count; i++)
        json_put_string(json, items[i].key);
}

static void put_values(struct json_writer *json, const struct list *list)
{
    const struct promptlab_parameter *items = list->items;
    for (size_t i = 0; i < list->count; i++)
        put_value(json, items[i].value);
}

static struct sv make_table(struct arena *arena, const struct promptlab *in)
{
    struct buffer buffer;
    struct json_writer json;
    buffer_init(&buffer, FILE_CEILING);
    json_writer_init(&json, &buffer);
    json_begin_object(&json);
    json_key(&json, "columns");
    json_begin_array(&json);
    put_keys(&json, &in->prompt_parameters);
    json_put_string(&json, SV("prompt"));
    json_put_string(&json, SV("output"));
    put_keys(&json, &in->model_output_parameters);
    json_end_array(&json);
    json_key(&json, "data");
    json_begin_array(&json);
    json_begin_array(&json);
    put_values(&json, &in->prompt_parameters);
    json_put_string(&json, in->model_input);
    if (in->model_output.data)
        json_put_string(&json, in->model_output);
    else
        json_put_null(&json);
    put_values(&json, &in->model_output_parameters);
    json_end_array(&json);
    json_end_array(&json);
    json_end_object(&json);
    return take(arena, &buffer);
}

/* --- the model's folder --- */

/* A YAML double-quoted scalar (YAML 1.2 section 7.3.1) in pure ASCII. */
static void put_yaml(struct buffer *out, struct sv text)
{
    size_t offset = 0;
    buffer_append_byte(out, '"');
    while (offset < text.len) {
        uint32_t c = utf8_next(text, &offset);
        if (c == '"' || c == '\\')
            buffer_printf(out, "\\%c", (char)c);
        else if (c >= 0x20 && c < 0x7f)
            buffer_append_byte(out, (char)c);
        else
            buffer_printf(out, "\\U%08X", (unsigned)c);
    }
    buffer_append_byte(out, '"');
}

static void put_yaml_field(struct buffer *out, const char *key, struct sv value)
{
    buffer_printf(out, "%s: ", key);
    put_yaml(out, value);
    buffer_append_byte(out, '\n');
}

static void put_yaml_parameters(struct arena *arena, struct buffer *out, const char *name,
                                const struct list *list)
{
    const struct promptlab_parameter *items = list->items;
    buffer_printf(out, "%s:%s\n", name, list->count ? "" : " []");
    for (size_t i = 0; i < list->count; i++) {
        BUFFER_LITERAL(out, "- key: ");
        put_yaml(out, items[i].key);
        BUFFER_LITERAL(out, "\n  value: ");
        put_yaml(out, promptlab_text(arena, items[i].value));
        buffer_append_byte(out, '\n');
    }
}

static struct sv make_mlmodel(struct arena *arena, const struct promptlab_model *model)
{
    struct buffer out;
    buffer_init(&out, FILE_CEILING);
    BUFFER_LITERAL(&out, "artifact_path: model\n"
                         "flavors:\n"
                         "  python_function:\n"
                         "    loader_module: mlflow._promptlab\n"
                         "    parameters_path: parameters.yaml\n");
    put_yaml_field(&out, "mlflow_version", model->mlflow_version);
    put_yaml_field(&out, "model_uuid", model->model_uuid);
    put_yaml_field(&out, "run_id", model->run_id);
    put_yaml_field(&out, "utc_time_created", model->utc_time_created);
    return take(arena, &out);
}

static struct sv make_parameters(struct arena *arena, const struct promptlab *in)
{
    struct buffer out;
    buffer_init(&out, FILE_CEILING);
    put_yaml_field(&out, "prompt_template", in->prompt_template);
    put_yaml_parameters(arena, &out, "prompt_parameters", &in->prompt_parameters);
    put_yaml_field(&out, "model_route", in->model_route);
    put_yaml_parameters(arena, &out, "model_parameters", &in->model_parameters);
    return take(arena, &out);
}

/* A version as it may stand in a requirements file; anything else leaves the version open. */
static bool is_version(struct sv version)
{
    for (size_t i = 0; i < version.len; i++) {
        char c = version.data[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') && c != '.' && c != '+')
            return false;
    }
    return version.len > 0 && version.len < 64;
}

static struct sv make_requirements(struct arena *arena, const struct promptlab_model *model)
{
    if (!is_version(model->mlflow_version))
        return SV("mlflow\n");
    return arena_printf(arena, "mlflow==%.*s\n", SV_ARG(model->mlflow_version));
}

enum status promptlab_write(struct arena *arena, struct error *error, const struct local_root *root,
                            const struct promptlab *in, const struct promptlab_model *model)
{
    const struct {
        struct sv path;
        struct sv content;
    } files[] = {
        {SV(PROMPTLAB_TABLE), make_table(arena, in)},
        {SV("model/MLmodel"), make_mlmodel(arena, model)},
        {SV("model/parameters.yaml"), make_parameters(arena, in)},
        {SV("model/requirements.txt"), make_requirements(arena, model)},
    };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (!files[i].content.data)
            return error_internal(error, arena, "no memory for %.*s", SV_ARG(files[i].path));
        if (local_write(arena, error, root, files[i].path, files[i].content) != OK)
            return FAILED;
    }
    return OK;
}
