#include "common/store/scorers.h"

#include <json-c/json.h>
#include <string.h>

#include "common/base/id.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"
#include "common/store/experiments.h"
#include "common/store/list.h"
#include "common/store/scorer_model.h"
#include "common/store/sql_text.h"
#include "common/store/text.h"
#include "common/store/trace_search.h"

/* Bound one by one; SQLite takes 32,766 values. */
enum { SCORER_IDS_MAX = 10000 };

static enum status no_scorer(struct store_tx *tx, int64_t experiment_id, struct sv name)
{
    struct sv shown = search_clip(name);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Scorer with name '%.*s' not found for experiment %lld.",
                      SV_ARG(shown), (long long)experiment_id);
}

static enum status no_version(struct store_tx *tx, int64_t experiment_id, struct sv name, int64_t version)
{
    if (!version)
        return no_scorer(tx, experiment_id, name);
    struct sv shown = search_clip(name);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST,
                      "Scorer with name '%.*s' and version %lld not found for experiment %lld.",
                      SV_ARG(shown), (long long)version, (long long)experiment_id);
}

struct scorer {
    int64_t id; /* -1: there is none */
    struct sv scorer_id;
};

static enum status find(struct store_tx *tx, int64_t experiment_id, struct sv name, struct scorer *scorer)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT id, scorer_id FROM scorers WHERE experiment = ? AND name = ?",
                 db_int(experiment_id), db_text(name));
    if (!stmt)
        return FAILED;
    *scorer = (struct scorer){.id = -1};
    if (db_step(stmt) == DB_ROW)
        *scorer = (struct scorer){db_column_int(stmt, 0), db_column_text_copy(stmt, 1)};
    return db_done(stmt);
}

/* In an active experiment. RESOURCE_DOES_NOT_EXIST if there is none. */
static enum status require(struct store_tx *tx, int64_t experiment_id, struct sv name, struct scorer *scorer)
{
    if (experiment_require_active(tx, experiment_id) != OK || find(tx, experiment_id, name, scorer) != OK)
        return FAILED;
    return scorer->id >= 0 ? OK : no_scorer(tx, experiment_id, name);
}

/* --- Registering --- */

static enum status make(struct store_tx *tx, int64_t experiment_id, struct sv name, struct scorer *scorer)
{
    scorer->scorer_id = id_new_uuid(tx->arena);
    if (db_exec(tx->db, NULL, "INSERT INTO scorers (scorer_id, experiment, name) VALUES (?, ?, ?)",
                db_text(scorer->scorer_id), db_int(experiment_id), db_text(name)) != OK)
        return FAILED;
    scorer->id = db_last_insert_id(tx->db);
    return OK;
}

static enum status next_version(struct store_tx *tx, int64_t scorer, int64_t *version)
{
    struct db_stmt *stmt = db_query(
        tx->db, "SELECT coalesce(max(version), 0) + 1 FROM scorer_versions WHERE scorer = ?", db_int(scorer));
    if (!stmt)
        return FAILED;
    if (db_step(stmt) == DB_ROW)
        *version = db_column_int(stmt, 0);
    return db_done(stmt);
}

enum status scorer_register(struct store_tx *tx, int64_t experiment_id, struct sv name, struct sv serialized,
                            struct json_object *object, struct scorer_version *made)
{
    if (!json_object_is_type(object, json_type_object))
        return store_fail(tx, INVALID_PARAMETER_VALUE,
                          "'serialized_scorer' must hold a JSON object, but was of type '%s'.",
                          json_python_type(object));
    struct scorer scorer;
    struct scorer_model model;
    int64_t version = 1;
    if (experiment_require_active(tx, experiment_id) != OK || scorer_model_find(tx, object, &model) != OK ||
        find(tx, experiment_id, name, &scorer) != OK ||
        (scorer.id < 0 && make(tx, experiment_id, name, &scorer) != OK) ||
        next_version(tx, scorer.id, &version) != OK)
        return FAILED;
    struct sv listed = json_dump(tx->arena, object, false);
    if (sv_equal(listed, serialized))
        listed = SV_ABSENT;
    if (db_exec(tx->db, NULL,
                "INSERT INTO scorer_versions (scorer, version, serialized, listed, creation_time, "
                "uses_gateway, gateway_endpoint) VALUES (?, ?, ?, ?, ?, ?, ?)",
                db_int(scorer.id), db_int(version), db_text(serialized), db_text(listed), db_int(tx->now_ms),
                db_int(model.uses_gateway), model.uses_gateway ? db_int(model.endpoint) : db_null()) != OK)
        return FAILED;
    *made = (struct scorer_version){
        .experiment_id = experiment_id,
        .scorer_id = scorer.scorer_id,
        .name = name,
        .version = version,
        .serialized = serialized,
        .creation_time = tx->now_ms,
    };
    return OK;
}

/* --- Reading --- */

/* The columns of a version from `column` on: JSON, whether it uses the gateway, the name of its endpoint. */
static struct sv read_serialized(struct store_tx *tx, struct db_stmt *stmt, int column)
{
    struct sv serialized = db_column_text_copy(stmt, column);
    if (!db_column_int(stmt, column + 1))
        return serialized;
    return scorer_model_show(tx, serialized, db_column_text_copy(stmt, column + 2));
}

enum status scorer_get(struct store_tx *tx, int64_t experiment_id, struct sv name, int64_t version,
                       struct scorer_version *found)
{
    struct scorer scorer;
    if (require(tx, experiment_id, name, &scorer) != OK)
        return FAILED;
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT v.version, v.creation_time, v.serialized, v.uses_gateway, e.name "
                 "FROM scorer_versions v LEFT JOIN gateway_endpoints e ON e.id = v.gateway_endpoint "
                 "WHERE v.scorer = ? AND v.version BETWEEN ? AND ? ORDER BY v.version DESC LIMIT 1",
                 db_int(scorer.id), db_int(version), db_int(version ? version : INT64_MAX));
    if (!stmt)
        return FAILED;
    bool exists = db_step(stmt) == DB_ROW;
    if (exists)
        *found = (struct scorer_version){
            .experiment_id = experiment_id,
            .scorer_id = scorer.scorer_id,
            .name = name,
            .version = db_column_int(stmt, 0),
            .serialized = read_serialized(tx, stmt, 2),
            .creation_time = db_column_int(stmt, 1),
        };
    if (db_done(stmt) != OK)
        return FAILED;
    return exists ? OK : no_version(tx, experiment_id, name, version);
}

#define LISTED                                                                                   \
    "SELECT s.scorer_id, s.name, v.version, v.creation_time, coalesce(v.listed, v.serialized), " \
    "v.uses_gateway, e.name FROM scorers s JOIN scorer_versions v ON v.scorer = s.id "           \
    "LEFT JOIN gateway_endpoints e ON e.id = v.gateway_endpoint "

/* Rows of LISTED. */
static enum status read_list(struct store_tx *tx, struct db_stmt *stmt, int64_t experiment_id,
                             struct scorer_list *list)
{
    struct row_list rows = {0};
    while (stmt && db_step(stmt) == DB_ROW)
        *ROW_LIST_ADD(&rows, tx->arena, struct scorer_version) = (struct scorer_version){
            .experiment_id = experiment_id,
            .scorer_id = db_column_text_copy(stmt, 0),
            .name = db_column_text_copy(stmt, 1),
            .version = db_column_int(stmt, 2),
            .serialized = read_serialized(tx, stmt, 4),
            .creation_time = db_column_int(stmt, 3),
        };
    *list = (struct scorer_list){rows.items, rows.count};
    return db_done(stmt);
}

enum status scorer_list_latest(struct store_tx *tx, int64_t experiment_id, struct scorer_list *list)
{
    if (experiment_require_active(tx, experiment_id) != OK)
        return FAILED;
    struct db_stmt *stmt = db_query(tx->db,
                                    LISTED "WHERE s.experiment = ? AND v.version = (SELECT max(w.version) "
                                           "FROM scorer_versions w WHERE w.scorer = s.id) ORDER BY s.name",
                                    db_int(experiment_id));
    return read_list(tx, stmt, experiment_id, list);
}

enum status scorer_list_versions(struct store_tx *tx, int64_t experiment_id, struct sv name,
                                 struct scorer_list *list)
{
    struct scorer scorer;
    if (require(tx, experiment_id, name, &scorer) != OK)
        return FAILED;
    struct db_stmt *stmt = db_query(tx->db, LISTED "WHERE s.id = ? ORDER BY v.version", db_int(scorer.id));
    if (read_list(tx, stmt, experiment_id, list) != OK)
        return FAILED;
    return list->count ? OK : no_scorer(tx, experiment_id, name);
}

/* --- Deleting --- */

enum status scorer_delete(struct store_tx *tx, int64_t experiment_id, struct sv name, int64_t version)
{
    struct scorer scorer;
    int64_t changed = 0;
    if (require(tx, experiment_id, name, &scorer) != OK)
        return FAILED;
    if (!version)
        return db_exec(tx->db, NULL, "DELETE FROM scorers WHERE id = ?", db_int(scorer.id));
    if (db_exec(tx->db, &changed, "DELETE FROM scorer_versions WHERE scorer = ? AND version = ?",
                db_int(scorer.id), db_int(version)) != OK)
        return FAILED;
    return changed ? OK : no_version(tx, experiment_id, name, version);
}

/* --- Online scoring --- */

/* Whether the latest version asks a model through the gateway. */
static enum status require_gateway(struct store_tx *tx, const struct scorer *scorer, struct sv name)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT gateway_endpoint IS NOT NULL FROM scorer_versions WHERE scorer = ? "
                 "ORDER BY version DESC LIMIT 1",
                 db_int(scorer->id));
    bool uses_gateway = stmt && db_step(stmt) == DB_ROW && db_column_int(stmt, 0);
    if (db_done(stmt) != OK)
        return FAILED;
    struct sv shown = search_clip(name);
    if (uses_gateway)
        return OK;
    return store_fail(tx, INVALID_PARAMETER_VALUE,
                      "Scorer '%.*s' does not use a gateway model. Online scoring is only supported for "
                      "scorers that use gateway models.",
                      SV_ARG(shown));
}

enum status online_config_put(struct store_tx *tx, int64_t experiment_id, struct sv name, double sample_rate,
                              struct sv filter, struct online_config *made)
{
    if (!(sample_rate >= 0 && sample_rate <= 1)) {
        struct sv shown = text_double(tx->arena, sample_rate);
        return store_fail(tx, INVALID_PARAMETER_VALUE, "sample_rate must be between 0.0 and 1.0, got %.*s",
                          SV_ARG(shown));
    }
    struct scorer scorer;
    if (trace_filter_check(tx, filter) != OK || require(tx, experiment_id, name, &scorer) != OK)
        return FAILED;
    if (sample_rate > 0 && require_gateway(tx, &scorer, name) != OK)
        return FAILED;
    *made = (struct online_config){
        .config_id = id_new(tx->arena),
        .scorer_id = scorer.scorer_id,
        .sample_rate = sample_rate,
        .experiment_id = experiment_id,
        .filter = filter,
    };
    return db_exec(tx->db, NULL,
                   "INSERT INTO online_scoring_configs (config_id, scorer, sample_rate, filter) "
                   "VALUES (?, ?, ?, ?) ON CONFLICT (scorer) DO UPDATE SET config_id = excluded.config_id, "
                   "sample_rate = excluded.sample_rate, filter = excluded.filter",
                   db_text(made->config_id), db_int(scorer.id), db_double(sample_rate), db_text(filter));
}

enum status online_config_list(struct store_tx *tx, const struct sv *scorer_ids, size_t count,
                               struct online_config_list *list)
{
    *list = (struct online_config_list){0};
    if (!count)
        return OK;
    if (count > SCORER_IDS_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "`scorer_ids` may have at most %d items.",
                          SCORER_IDS_MAX);
    struct sql_text sql;
    sql_text_init(&sql, tx->arena);
    sql_text_add(&sql,
                 "SELECT c.config_id, s.scorer_id, c.sample_rate, s.experiment, c.filter FROM scorers s "
                 "JOIN online_scoring_configs c ON c.scorer = s.id WHERE s.scorer_id IN ");
    sql_text_add_list(&sql, scorer_ids, count);
    sql_text_add(&sql, " ORDER BY s.scorer_id");
    struct db_stmt *stmt = sql_text_query(&sql, tx->db);
    struct row_list rows = {0};
    while (stmt && db_step(stmt) == DB_ROW)
        *ROW_LIST_ADD(&rows, tx->arena, struct online_config) = (struct online_config){
            .config_id = db_column_text_copy(stmt, 0),
            .scorer_id = db_column_text_copy(stmt, 1),
            .sample_rate = db_column_double(stmt, 2),
            .experiment_id = db_column_int(stmt, 3),
            .filter = db_column_text_copy(stmt, 4),
        };
    *list = (struct online_config_list){rows.items, rows.count};
    return db_done(stmt);
}

enum status scorer_find_id(struct store_tx *tx, struct sv scorer_id, struct scorer_key *key)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT experiment, name FROM scorers WHERE scorer_id = ?", db_text(scorer_id));
    bool found = stmt && db_step(stmt) == DB_ROW;
    if (found)
        *key = (struct scorer_key){db_column_int(stmt, 0), db_column_text_copy(stmt, 1)};
    if (db_done(stmt) != OK)
        return FAILED;
    struct sv shown = search_clip(scorer_id);
    return found ? OK
                 : store_fail(tx, RESOURCE_DOES_NOT_EXIST, "Scorer with id '%.*s' not found.", SV_ARG(shown));
}
