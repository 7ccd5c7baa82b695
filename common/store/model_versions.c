#include "common/store/model_versions.h"

#include "common/base/number.h"
#include "common/store/limits.h"
#include "common/store/list.h"
#include "common/store/model_links.h"
#include "common/store/model_source.h"
#include "common/store/registered_models.h"
#include "common/store/registry_events.h"
#include "common/store/text.h"
#include "common/store/validate.h"

static const char *const stage_names[MODEL_STAGES] = {
    [STAGE_NONE] = "None",
    [STAGE_STAGING] = "Staging",
    [STAGE_PRODUCTION] = "Production",
    [STAGE_ARCHIVED] = "Archived",
};

const char *model_stage_name(enum model_stage stage)
{
    return stage_names[stage];
}

enum status model_stage_parse(struct store_tx *tx, struct sv text, enum model_stage *stage)
{
    for (*stage = STAGE_NONE; *stage < MODEL_STAGES; ++*stage) {
        if (sv_equal_ignoring_case(text, sv_from(stage_names[*stage])))
            return OK;
    }
    struct sv shown = search_clip(text);
    return store_fail(
        tx, INVALID_PARAMETER_VALUE,
        "Invalid Model Version stage: %.*s. Value must be one of None, Staging, Production, Archived.",
        SV_ARG(shown));
}

/* --- Tags --- */

bool registry_tags_have_prompt(const struct key_value *tags, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (sv_equal(tags[i].key, SV(PROMPT_TAG)))
            return true;
    }
    return false;
}

enum status registry_tag_check(struct store_tx *tx, struct key_value *tag)
{
    if (!tag->value.data)
        tag->value = SV("");
    if (validate_name(tx, tag->key, NO_ITEM, "key") != OK ||
        validate_length(tx, tag->key, KEY_MAX, NO_ITEM, "key") != OK)
        return FAILED;
    if (validate_length(tx, tag->value, REGISTRY_TAG_VALUE_MAX, NO_ITEM, "value") == OK)
        return OK;
    if (!sv_equal(tag->key, SV(PROMPT_TEXT_TAG)))
        return FAILED;
    error_clear(tx->error);
    return store_fail(tx, INVALID_PARAMETER_VALUE, "Prompt text exceeds max length of %d characters.",
                      REGISTRY_TAG_VALUE_MAX);
}

/* --- Loading --- */

static enum status no_version(struct store_tx *tx, struct sv name, struct sv version)
{
    struct sv shown_name = search_clip(name), shown = search_clip(version);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Model Version (name=%.*s, version=%.*s) not found",
                      SV_ARG(shown_name), SV_ARG(shown));
}

static bool is_integer(struct sv text)
{
    if (text.len && (text.data[0] == '-' || text.data[0] == '+'))
        text = sv_from_offset(text, 1);
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
    }
    return text.len > 0;
}

/* An integer that no version can have gives 0. */
static enum status parse_version(struct store_tx *tx, struct sv text, int64_t *version)
{
    if (is_integer(text)) {
        if (!parse_int64(text, 1, INT64_MAX, version))
            *version = 0;
        return OK;
    }
    struct sv shown = search_clip(text);
    return store_fail(tx, INVALID_PARAMETER_VALUE, "Parameter 'version' must be an integer, got '%.*s'.",
                      SV_ARG(shown));
}

enum status model_version_find(struct store_tx *tx, struct sv name, struct sv version,
                               struct model_version_ref *ref)
{
    int64_t number = 0;
    *ref = (struct model_version_ref){0};
    if (parse_version(tx, version, &number) != OK)
        return FAILED;
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT v.id, v.model, v.version, v.stage FROM registered_models m "
                 "JOIN model_versions v ON v.model = m.id WHERE m.name = ? AND v.version = ?",
                 db_text(name), db_int(number));
    if (!stmt)
        return FAILED;
    bool found = db_step(stmt) == DB_ROW;
    if (found)
        *ref = (struct model_version_ref){
            .id = db_column_int(stmt, 0),
            .model = db_column_int(stmt, 1),
            .version = db_column_int(stmt, 2),
            .stage = (enum model_stage)db_column_int(stmt, 3),
        };
    if (db_done(stmt) != OK)
        return FAILED;
    return found ? OK : no_version(tx, name, version);
}

#define VERSION_COLUMNS                                                                               \
    "v.id, v.model, m.name, v.version, v.stage, v.creation_time, v.last_update_time, v.description, " \
    "v.source, v.location, v.run_id, v.run_link"

enum { VERSION_COLUMN_COUNT = 12 };

static void read_version(struct db_stmt *stmt, struct model_version *version)
{
    *version = (struct model_version){
        .id = db_column_int(stmt, 0),
        .model = db_column_int(stmt, 1),
        .name = db_column_text_copy(stmt, 2),
        .version = db_column_int(stmt, 3),
        .stage = (enum model_stage)db_column_int(stmt, 4),
        .creation_time = db_column_int(stmt, 5),
        .last_update_time = db_column_int(stmt, 6),
        .description = db_column_text_copy(stmt, 7),
        .source = db_column_text_copy(stmt, 8),
        .location = db_column_text_copy(stmt, 9),
        .run_id = db_column_text_copy(stmt, 10),
        .run_link = db_column_text_copy(stmt, 11),
    };
}

static enum status load_tags(struct store_tx *tx, struct model_version *version)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT key, value FROM model_version_tags WHERE version = ? ORDER BY id",
                 db_int(version->id));
    return key_values_read(tx, stmt, &version->tags, &version->tag_count);
}

enum status model_version_load_aliases(struct store_tx *tx, struct model_version *version)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT alias FROM model_aliases WHERE model = ? AND version = ? ORDER BY alias",
                 db_int(version->model), db_int(version->version));
    if (!stmt)
        return FAILED;
    struct row_list aliases = {0};
    while (db_step(stmt) == DB_ROW)
        *ROW_LIST_ADD(&aliases, tx->arena, struct sv) = db_column_text_copy(stmt, 0);
    version->aliases = aliases.items;
    version->alias_count = aliases.count;
    return db_done(stmt);
}

enum status model_version_load_by_id(struct store_tx *tx, int64_t id, struct model_version *loaded)
{
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT " VERSION_COLUMNS " FROM model_versions v "
                                    "JOIN registered_models m ON m.id = v.model WHERE v.id = ?",
                                    db_int(id));
    if (!stmt)
        return FAILED;
    bool found = db_step(stmt) == DB_ROW;
    if (found)
        read_version(stmt, loaded);
    if (db_done(stmt) != OK)
        return FAILED;
    if (!found)
        return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "The model version was deleted meanwhile.");
    return load_tags(tx, loaded);
}

enum status model_version_load(struct store_tx *tx, struct sv name, struct sv version,
                               struct model_version *loaded)
{
    struct model_version_ref ref;
    if (model_version_find(tx, name, version, &ref) != OK ||
        model_version_load_by_id(tx, ref.id, loaded) != OK)
        return FAILED;
    return model_version_load_aliases(tx, loaded);
}

static void end_tags(struct model_version *version, struct row_list *tags)
{
    version->tags = tags->items;
    version->tag_count = tags->count;
    *tags = (struct row_list){0};
}

static void add_row(struct store_tx *tx, struct db_stmt *stmt, struct row_list *versions,
                    struct row_list *tags)
{
    struct model_version *items = versions->items;
    if (!versions->count || items[versions->count - 1].id != db_column_int(stmt, 0)) {
        if (versions->count)
            end_tags(&items[versions->count - 1], tags);
        read_version(stmt, ROW_LIST_ADD(versions, tx->arena, struct model_version));
    }
    if (db_column_is_null(stmt, VERSION_COLUMN_COUNT))
        return;
    struct key_value *tag = ROW_LIST_ADD(tags, tx->arena, struct key_value);
    tag->key = db_column_text_copy(stmt, VERSION_COLUMN_COUNT);
    tag->value = db_column_text_copy(stmt, VERSION_COLUMN_COUNT + 1);
}

enum status model_version_load_latest(struct store_tx *tx, int64_t model, const struct model_version **latest,
                                      size_t *count)
{
    /* Two probes a stage, however many versions there are. A row is a version with one of its tags. */
    struct db_stmt *stmt = db_query(
        tx->db,
        "WITH stages (stage) AS (VALUES (0), (1), (2), (3)), "
        "ends (first, last) AS (SELECT "
        "(SELECT min(v.version) FROM model_versions v WHERE v.model = ? AND v.stage = stages.stage), "
        "(SELECT max(v.version) FROM model_versions v WHERE v.model = ? AND v.stage = stages.stage) "
        "FROM stages) "
        "SELECT " VERSION_COLUMNS ", t.key, t.value "
        "FROM ends CROSS JOIN model_versions v CROSS JOIN registered_models m "
        "LEFT JOIN model_version_tags t ON t.version = v.id "
        "WHERE v.model = ? AND v.version = ends.last AND m.id = v.model ORDER BY ends.first, t.id",
        db_int(model), db_int(model), db_int(model));
    if (!stmt)
        return FAILED;
    struct row_list versions = {0}, tags = {0};
    while (db_step(stmt) == DB_ROW)
        add_row(tx, stmt, &versions, &tags);
    struct model_version *items = versions.items;
    if (versions.count)
        end_tags(&items[versions.count - 1], &tags);
    *latest = items;
    *count = versions.count;
    return db_done(stmt);
}

enum status model_version_load_newest(struct store_tx *tx, struct sv name, struct model_version *loaded)
{
    int64_t model;
    if (registered_model_find(tx, name, &model) != OK)
        return FAILED;
    struct db_stmt *stmt = db_query(
        tx->db, "SELECT id FROM model_versions WHERE model = ? ORDER BY version DESC LIMIT 1", db_int(model));
    if (!stmt)
        return FAILED;
    int64_t id = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    if (db_done(stmt) != OK)
        return FAILED;
    if (!id) {
        struct sv shown = search_clip(name);
        return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Latest version not found for model %.*s.",
                          SV_ARG(shown));
    }
    if (model_version_load_by_id(tx, id, loaded) != OK)
        return FAILED;
    return model_version_load_aliases(tx, loaded);
}

/* --- Making and changing --- */

static enum status put_tag(struct store_tx *tx, int64_t model, int64_t id, const struct key_value *tag)
{
    return db_exec(tx->db, NULL,
                   "INSERT INTO model_version_tags (version, model, key, value) VALUES (?, ?, ?, ?) "
                   "ON CONFLICT (version, key) DO UPDATE SET value = excluded.value",
                   db_int(id), db_int(model), db_text(tag->key), db_text(tag->value));
}

/* Counting up is a write: of two clients that do it, one waits for the other's commit. */
static enum status next_version(struct store_tx *tx, int64_t model, int64_t *version)
{
    if (db_exec(
            tx->db, NULL,
            "UPDATE registered_models SET last_version = last_version + 1, last_update_time = ? WHERE id = ?",
            db_int(tx->now_ms), db_int(model)) != OK)
        return FAILED;
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT last_version FROM registered_models WHERE id = ?", db_int(model));
    if (!stmt)
        return FAILED;
    if (db_step(stmt) == DB_ROW)
        *version = db_column_int(stmt, 0);
    return db_done(stmt);
}

static struct sv or_empty(struct sv text)
{
    return text.data ? text : SV("");
}

static enum status check_create(struct store_tx *tx, const struct model_version_create *create,
                                struct key_value *tags)
{
    if (validate_length(tx, create->source, MODEL_SOURCE_MAX, NO_ITEM, "source") != OK ||
        validate_length(tx, create->run_id, MODEL_TEXT_MAX, NO_ITEM, "run_id") != OK ||
        validate_length(tx, create->run_link, MODEL_TEXT_MAX, NO_ITEM, "run_link") != OK ||
        validate_length(tx, create->description, MODEL_TEXT_MAX, NO_ITEM, "description") != OK)
        return FAILED;
    for (size_t i = 0; i < create->tag_count; i++) {
        tags[i] = create->tags[i];
        if (registry_tag_check(tx, &tags[i]) != OK)
            return FAILED;
    }
    return OK;
}

enum status model_version_create(struct store_tx *tx, struct store_tx *tracking,
                                 const struct model_version_create *create, struct model_version *created)
{
    struct key_value *tags = ARENA_ARRAY(tx->arena, struct key_value, create->tag_count);
    struct sv location, run_id = or_empty(create->run_id);
    int64_t model, version = 0;
    if (check_create(tx, create, tags) != OK || model_source_check(tracking, create) != OK ||
        registered_model_find(tx, create->name, &model) != OK ||
        model_source_resolve(tx, tracking, create, &location, &run_id) != OK ||
        next_version(tx, model, &version) != OK)
        return FAILED;
    if (db_exec(tx->db, NULL,
                "INSERT INTO model_versions (model, version, creation_time, last_update_time, description, "
                "source, location, run_id, run_link) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                db_int(model), db_int(version), db_int(tx->now_ms), db_int(tx->now_ms),
                db_text(or_empty(create->description)), db_text(create->source), db_text(location),
                db_text(run_id), db_text(or_empty(create->run_link))) != OK)
        return FAILED;
    int64_t id = db_last_insert_id(tx->db);
    for (size_t i = 0; i < create->tag_count; i++) {
        if (put_tag(tx, model, id, &tags[i]) != OK)
            return FAILED;
    }
    bool is_link = create->model_id.len && !registry_tags_have_prompt(tags, create->tag_count);
    if (model_version_load_by_id(tx, id, created) != OK ||
        (is_link && model_link_logged_model(tracking, create->model_id, created->name, version) != OK))
        return FAILED;
    return registry_event_version_created(tx, created, create->description);
}

enum status model_version_update(struct store_tx *tx, struct sv name, struct sv version,
                                 struct sv description)
{
    struct model_version_ref ref;
    if (validate_length(tx, description, MODEL_TEXT_MAX, NO_ITEM, "description") != OK ||
        model_version_find(tx, name, version, &ref) != OK)
        return FAILED;
    return db_exec(tx->db, NULL,
                   "UPDATE model_versions SET description = ?, last_update_time = ? WHERE id = ?",
                   db_text(description), db_int(tx->now_ms), db_int(ref.id));
}

enum status model_version_transition(struct store_tx *tx, struct sv name, struct sv version, struct sv stage,
                                     bool archive_existing)
{
    struct model_version_ref ref;
    enum model_stage to;
    if (model_stage_parse(tx, stage, &to) != OK)
        return FAILED;
    bool is_active = to == STAGE_STAGING || to == STAGE_PRODUCTION;
    if (archive_existing && !is_active)
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "Model version transition cannot archive existing model versions because '%s' is "
                          "not an Active stage. Valid stages are ['Staging', 'Production']",
                          model_stage_name(to));
    if (model_version_find(tx, name, version, &ref) != OK)
        return FAILED;
    if (archive_existing &&
        db_exec(tx->db, NULL,
                "UPDATE model_versions SET stage = ?, last_update_time = ? WHERE model = ? AND stage = ? "
                "AND id <> ?",
                db_int(STAGE_ARCHIVED), db_int(tx->now_ms), db_int(ref.model), db_int(to),
                db_int(ref.id)) != OK)
        return FAILED;
    if (db_exec(tx->db, NULL, "UPDATE model_versions SET stage = ?, last_update_time = ? WHERE id = ?",
                db_int(to), db_int(tx->now_ms), db_int(ref.id)) != OK)
        return FAILED;
    return registered_model_touch(tx, ref.model);
}

enum status model_version_delete(struct store_tx *tx, struct sv name, struct sv version)
{
    struct model_version_ref ref;
    if (model_version_find(tx, name, version, &ref) != OK ||
        db_exec(tx->db, NULL, "DELETE FROM model_versions WHERE id = ?", db_int(ref.id)) != OK)
        return FAILED;
    return registered_model_touch(tx, ref.model);
}

enum status model_version_set_tag(struct store_tx *tx, struct sv name, struct sv version, struct sv key,
                                  struct sv value)
{
    struct key_value tag = {key, value};
    struct model_version_ref ref;
    if (registry_tag_check(tx, &tag) != OK || model_version_find(tx, name, version, &ref) != OK ||
        put_tag(tx, ref.model, ref.id, &tag) != OK)
        return FAILED;
    return registry_event_version_tag(tx, &ref, name, key, tag.value);
}

enum status model_version_delete_tag(struct store_tx *tx, struct sv name, struct sv version, struct sv key)
{
    struct key_value tag = {key, SV_ABSENT};
    struct model_version_ref ref;
    if (registry_tag_check(tx, &tag) != OK || model_version_find(tx, name, version, &ref) != OK ||
        db_exec(tx->db, NULL, "DELETE FROM model_version_tags WHERE version = ? AND key = ?", db_int(ref.id),
                db_text(key)) != OK)
        return FAILED;
    return registry_event_version_tag(tx, &ref, name, key, SV_ABSENT);
}
