#include "common/store/run_data.h"

#include "common/store/limits.h"
#include "common/store/list.h"
#include "common/store/names.h"
#include "common/store/text.h"
#include "common/store/validate.h"

/* --- Tags --- */

enum status run_put_tag(struct store_tx *tx, const struct run_ref *ref, const struct key_value *tag)
{
    int64_t name;
    if (name_intern(tx, ref->experiment_id, NAME_TAG, tag->key, &name) != OK)
        return FAILED;
    return db_exec(tx->db, NULL,
                   "INSERT INTO tags (run, name, value) VALUES (?, ?, ?) "
                   "ON CONFLICT (run, name) DO UPDATE SET value = excluded.value",
                   db_int(ref->id), db_int(name), db_text(tag->value));
}

/* Stores a tag that was checked; the one that names the run renames it. */
static enum status apply_tag(struct store_tx *tx, const struct run_ref *ref, const struct key_value *tag)
{
    if (!sv_equal(tag->key, SV(RUN_NAME_TAG)))
        return run_put_tag(tx, ref, tag);
    return tag->value.len ? run_rename(tx, ref, tag->value) : OK;
}

enum status run_set_tag(struct store_tx *tx, struct sv run_id, struct sv key, struct sv value)
{
    struct run_ref ref;
    struct key_value tag = {key, value};
    if (validate_run_tag(tx, &tag, NO_ITEM) != OK || run_find_active(tx, run_id, &ref) != OK)
        return FAILED;
    return apply_tag(tx, &ref, &tag);
}

enum status run_delete_tag(struct store_tx *tx, struct sv run_id, struct sv key)
{
    struct run_ref ref;
    int64_t name, changed = 0;
    if (run_find_active(tx, run_id, &ref) != OK ||
        name_find(tx, ref.experiment_id, NAME_TAG, key, &name) != OK)
        return FAILED;
    if (name && db_exec(tx->db, &changed, "DELETE FROM tags WHERE run = ? AND name = ?", db_int(ref.id),
                        db_int(name)) != OK)
        return FAILED;
    if (changed)
        return OK;
    struct sv shown = search_clip(key);
    return store_fail(tx, RESOURCE_DOES_NOT_EXIST, "No tag with name: %.*s in run with id %.*s",
                      SV_ARG(shown), SV_ARG(run_id));
}

/* --- Parameters --- */

enum param_outcome { PARAM_STORED, PARAM_SAME, PARAM_DIFFERENT };

static enum status find_param(struct store_tx *tx, int64_t run, int64_t name, struct sv *value)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT value FROM params WHERE run = ? AND name = ?", db_int(run), db_int(name));
    if (!stmt)
        return FAILED;
    *value = db_step(stmt) == DB_ROW ? db_column_text_copy(stmt, 0) : SV_ABSENT;
    return db_done(stmt);
}

/* *old is the value that the run has already; only set if it is not the new one. */
static enum status put_param(struct store_tx *tx, const struct run_ref *ref, const struct key_value *param,
                             enum param_outcome *outcome, struct sv *old)
{
    int64_t name, inserted = 0;
    if (name_intern(tx, ref->experiment_id, NAME_PARAM, param->key, &name) != OK ||
        db_exec(tx->db, &inserted,
                "INSERT INTO params (run, name, value) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
                db_int(ref->id), db_int(name), db_text(param->value)) != OK)
        return FAILED;
    *outcome = PARAM_STORED;
    if (inserted)
        return OK;
    if (find_param(tx, ref->id, name, old) != OK)
        return FAILED;
    *outcome = sv_equal(*old, param->value) ? PARAM_SAME : PARAM_DIFFERENT;
    return OK;
}

enum status run_log_param(struct store_tx *tx, struct sv run_id, struct sv key, struct sv value)
{
    struct run_ref ref;
    struct key_value param = {key, value};
    enum param_outcome outcome;
    struct sv old;
    if (validate_param(tx, &param, NO_ITEM) != OK || run_find_active(tx, run_id, &ref) != OK ||
        put_param(tx, &ref, &param, &outcome, &old) != OK)
        return FAILED;
    if (outcome != PARAM_DIFFERENT)
        return OK;
    struct sv shown_old = search_clip(old), shown_new = search_clip(param.value);
    return store_fail(tx, INVALID_PARAMETER_VALUE,
                      "Changing param values is not allowed. Param with key='%.*s' was already logged with "
                      "value='%.*s' for run ID='%.*s'. Attempted logging new value '%.*s'.",
                      SV_ARG(param.key), SV_ARG(shown_old), SV_ARG(run_id), SV_ARG(shown_new));
}

/* --- Batches --- */

struct changed_param {
    struct key_value param;
    struct sv old;
};

static enum status fail_changed(struct store_tx *tx, struct sv run_id, const struct row_list *changed)
{
    struct sv list = SV("");
    const struct changed_param *items = changed->items;
    for (size_t i = 0; i < changed->count; i++) {
        struct sv key = search_repr(tx->arena, items[i].param.key);
        struct sv old = search_repr(tx->arena, items[i].old);
        struct sv new = search_repr(tx->arena, items[i].param.value);
        list = arena_printf(tx->arena, "%.*s%s{'key': %.*s, 'old_value': %.*s, 'new_value': %.*s}",
                            SV_ARG(list), i ? ", " : "", SV_ARG(key), SV_ARG(old), SV_ARG(new));
    }
    return store_fail(tx, INVALID_PARAMETER_VALUE,
                      "Changing param values is not allowed. Params were already logged='[%.*s]' for run "
                      "ID='%.*s'.",
                      SV_ARG(list), SV_ARG(run_id));
}

static enum status put_params(struct store_tx *tx, struct sv run_id, const struct run_ref *ref,
                              const struct key_value *params, size_t count)
{
    struct row_list changed = {0};
    for (size_t i = 0; i < count; i++) {
        enum param_outcome outcome;
        struct sv old = SV_ABSENT;
        if (put_param(tx, ref, &params[i], &outcome, &old) != OK)
            return FAILED;
        if (outcome == PARAM_DIFFERENT)
            *ROW_LIST_ADD(&changed, tx->arena, struct changed_param) = (struct changed_param){params[i], old};
    }
    return changed.count ? fail_changed(tx, run_id, &changed) : OK;
}

static enum status check_limit(struct store_tx *tx, const char *what, size_t limit, size_t count)
{
    if (count <= limit)
        return OK;
    return store_fail(
        tx, INVALID_PARAMETER_VALUE,
        "A batch logging request can contain at most %zu %s. Got %zu %s. Please split up %s across "
        "multiple requests and try again.",
        limit, what, count, what, what);
}

static enum status check_limits(struct store_tx *tx, const struct run_batch *batch)
{
    size_t total = batch->metric_count + batch->param_count + batch->tag_count;
    if (check_limit(tx, "metrics", BATCH_METRICS_MAX, batch->metric_count) != OK ||
        check_limit(tx, "params", BATCH_PARAMS_MAX, batch->param_count) != OK ||
        check_limit(tx, "tags", BATCH_TAGS_MAX, batch->tag_count) != OK)
        return FAILED;
    return check_limit(tx, "metrics, params, and tags", BATCH_TOTAL_MAX, total);
}

static bool occurs_before(const struct key_value *params, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (sv_equal(params[i].key, params[index].key))
            return true;
    }
    return false;
}

static enum status check_duplicates(struct store_tx *tx, const struct key_value *params, size_t count)
{
    struct sv list = SV("");
    for (size_t i = 0; i < count; i++) {
        bool first_repeat = occurs_before(params, i);
        for (size_t k = 0; first_repeat && k < i; k++) {
            if (sv_equal(params[k].key, params[i].key) && occurs_before(params, k))
                first_repeat = false;
        }
        if (!first_repeat)
            continue;
        struct sv key = search_repr(tx->arena, params[i].key);
        list = arena_printf(tx->arena, "%.*s%s%.*s", SV_ARG(list), list.len ? ", " : "", SV_ARG(key));
    }
    if (list.len == 0)
        return OK;
    return store_fail(
        tx, INVALID_PARAMETER_VALUE,
        "Duplicate parameter keys have been submitted: [%.*s]. Please ensure the request contains "
        "only one param value per param key.",
        SV_ARG(list));
}

enum status run_log_batch(struct store_tx *tx, struct sv run_id, const struct run_batch *batch)
{
    struct key_value *params = ARENA_ARRAY(tx->arena, struct key_value, batch->param_count + 1);
    struct key_value *tags = ARENA_ARRAY(tx->arena, struct key_value, batch->tag_count + 1);
    if (validate_run_id(tx, run_id) != OK)
        return FAILED;
    for (size_t i = 0; i < batch->metric_count; i++) {
        if (metric_check(tx, &batch->metrics[i], (struct item){"metrics", i}) != OK)
            return FAILED;
    }
    for (size_t i = 0; i < batch->param_count; i++) {
        params[i] = batch->params[i];
        if (validate_param(tx, &params[i], (struct item){"params", i}) != OK)
            return FAILED;
    }
    for (size_t i = 0; i < batch->tag_count; i++) {
        tags[i] = batch->tags[i];
        if (validate_run_tag(tx, &tags[i], (struct item){"tags", i}) != OK)
            return FAILED;
    }

    struct run_ref ref;
    if (check_limits(tx, batch) != OK || check_duplicates(tx, params, batch->param_count) != OK ||
        run_find_active(tx, run_id, &ref) != OK)
        return FAILED;
    if (put_params(tx, run_id, &ref, params, batch->param_count) != OK ||
        metric_store(tx, &ref, batch->metrics, batch->metric_count) != OK)
        return FAILED;
    for (size_t i = 0; i < batch->tag_count; i++) {
        if (apply_tag(tx, &ref, &tags[i]) != OK)
            return FAILED;
    }
    return OK;
}
