#include "common/store/model_aliases.h"

#include "common/base/utf8.h"
#include "common/store/limits.h"
#include "common/store/registered_models.h"
#include "common/store/registry_events.h"
#include "common/store/text.h"
#include "common/store/validate.h"

static bool is_latest(struct sv alias)
{
    return sv_equal_ignoring_case(alias, SV("latest"));
}

/* v1, V2: would be taken for a version. */
static bool looks_like_a_version(struct sv alias)
{
    if (alias.len < 2 || (alias.data[0] != 'v' && alias.data[0] != 'V'))
        return false;
    for (size_t i = 1; i < alias.len; i++) {
        if (alias.data[i] < '0' || alias.data[i] > '9')
            return false;
    }
    return true;
}

static enum status check_alias(struct store_tx *tx, struct sv alias)
{
    struct sv shown = search_clip(alias);
    size_t offset = 0;
    while (offset < alias.len) {
        uint32_t code_point = utf8_next(alias, &offset);
        if (code_point != '-' && !utf8_is_word(code_point))
            return store_fail(tx, INVALID_PARAMETER_VALUE,
                              "Invalid alias name: '%.*s'. Names may only contain alphanumerics, underscores "
                              "(_), and dashes (-).",
                              SV_ARG(shown));
    }
    return validate_length(tx, alias, MODEL_ALIAS_MAX, NO_ITEM, "Registered model alias name");
}

enum status model_alias_set(struct store_tx *tx, struct sv name, struct sv alias, struct sv version)
{
    if (check_alias(tx, alias) != OK)
        return FAILED;
    if (is_latest(alias))
        return store_fail(tx, INVALID_PARAMETER_VALUE, "'latest' alias name (case insensitive) is reserved.");
    if (looks_like_a_version(alias)) {
        struct sv shown = search_clip(alias);
        return store_fail(tx, INVALID_PARAMETER_VALUE, "Version alias name '%.*s' is reserved.",
                          SV_ARG(shown));
    }
    struct model_version_ref ref;
    if (model_version_find(tx, name, version, &ref) != OK ||
        db_exec(tx->db, NULL,
                "INSERT INTO model_aliases (model, alias, version) VALUES (?, ?, ?) "
                "ON CONFLICT (model, alias) DO UPDATE SET version = excluded.version",
                db_int(ref.model), db_text(alias), db_int(ref.version)) != OK)
        return FAILED;
    return registry_event_alias(tx, ref.model, name, alias, ref.version);
}

enum status model_alias_delete(struct store_tx *tx, struct sv name, struct sv alias)
{
    int64_t model;
    if (check_alias(tx, alias) != OK || registered_model_find(tx, name, &model) != OK ||
        db_exec(tx->db, NULL, "DELETE FROM model_aliases WHERE model = ? AND alias = ?", db_int(model),
                db_text(alias)) != OK)
        return FAILED;
    return registry_event_alias(tx, model, name, alias, 0);
}

enum status model_alias_load(struct store_tx *tx, struct sv name, struct sv alias,
                             struct model_version *version)
{
    if (check_alias(tx, alias) != OK)
        return FAILED;
    if (is_latest(alias))
        return model_version_load_newest(tx, name, version);
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT v.id FROM registered_models m JOIN model_aliases a ON a.model = m.id "
                 "JOIN model_versions v ON v.model = a.model AND v.version = a.version WHERE m.name = ? AND "
                 "a.alias = ?",
                 db_text(name), db_text(alias));
    if (!stmt)
        return FAILED;
    int64_t id = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    if (db_done(stmt) != OK)
        return FAILED;
    if (!id) {
        struct sv shown = search_clip(alias);
        return store_fail(tx, INVALID_PARAMETER_VALUE, "Registered model alias %.*s not found.",
                          SV_ARG(shown));
    }
    if (model_version_load_by_id(tx, id, version) != OK)
        return FAILED;
    return model_version_load_aliases(tx, version);
}
