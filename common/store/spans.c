#include "common/store/spans.h"

#include <math.h>
#include <string.h>

#include "common/base/utf8.h"
#include "common/store/list.h"

/* --- Classes --- */

static enum status find_class(struct store_tx *tx, const struct trace_info *trace, struct sv name,
                              struct sv type, enum span_status status, int64_t *id)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT id FROM span_classes WHERE experiment = ? AND name = ? AND "
                 "type = ? AND status = ?",
                 db_int(trace->experiment_id), db_text(name), db_text(type), db_int(status));
    if (!stmt)
        return FAILED;
    *id = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    return db_done(stmt);
}

static enum status intern_class(struct store_tx *tx, const struct trace_info *trace,
                                const struct span_row *span, int64_t *id)
{
    struct sv name = utf8_first(span->name, SPAN_CLASS_TEXT_MAX);
    struct sv type = utf8_first(span->type, SPAN_CLASS_TEXT_MAX);
    if (find_class(tx, trace, name, type, span->status, id) != OK)
        return FAILED;
    if (*id)
        return OK;
    if (db_exec(tx->db, NULL, "INSERT INTO span_classes (experiment, name, type, status) VALUES (?, ?, ?, ?)",
                db_int(trace->experiment_id), db_text(name), db_text(type), db_int(span->status)) != OK)
        return FAILED;
    *id = db_last_insert_id(tx->db);
    return OK;
}

/* --- Writing --- */

/* What is stored under the span's id: content 0 if nothing is. */
static enum status find_stored(struct store_tx *tx, const struct trace_info *trace,
                               const struct span_row *span, int64_t *content, bool *same)
{
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT s.content, c.content = ? FROM spans AS s "
                                    "JOIN span_contents AS c ON c.id = s.content "
                                    "WHERE s.trace = ? AND s.span_id = ?",
                                    db_text(span->content), db_int(trace->id), db_text(span->span_id));
    if (!stmt)
        return FAILED;
    *content = 0;
    if (db_step(stmt) == DB_ROW) {
        *content = db_column_int(stmt, 0);
        *same = db_column_int(stmt, 1) != 0;
    }
    return db_done(stmt);
}

static struct db_value end_value(const struct span_row *span)
{
    return span->has_end_time ? db_int(span->end_time) : db_null();
}

static enum status replace(struct store_tx *tx, const struct trace_info *trace, const struct span_row *span,
                           int64_t class_id, int64_t content, int64_t old_content)
{
    if (db_exec(tx->db, NULL,
                "UPDATE spans SET parent_span_id = ?, class = ?, start_time = ?, end_time = ?, content = ? "
                "WHERE trace = ? AND span_id = ?",
                db_text(span->parent_span_id), db_int(class_id), db_int(span->start_time), end_value(span),
                db_int(content), db_int(trace->id), db_text(span->span_id)) != OK ||
        db_exec(tx->db, NULL, "DELETE FROM span_contents WHERE id = ?", db_int(old_content)) != OK)
        return FAILED;
    return db_exec(tx->db, NULL, "DELETE FROM span_usage WHERE trace = ? AND span_id = ?", db_int(trace->id),
                   db_text(span->span_id));
}

static struct db_value number_value(double number)
{
    return isnan(number) ? db_null() : db_double(number);
}

static enum status put_usage(struct store_tx *tx, const struct trace_info *trace, const struct span_row *span)
{
    const struct span_usage *usage = span->usage;
    return db_exec(
        tx->db, NULL,
        "INSERT INTO span_usage (trace, span_id, input_tokens, output_tokens, total_tokens, "
        "cache_read_input_tokens, cache_creation_input_tokens, input_cost, output_cost, total_cost, model, "
        "provider) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        db_int(trace->id), db_text(span->span_id), number_value(usage->input_tokens),
        number_value(usage->output_tokens), number_value(usage->total_tokens),
        number_value(usage->cache_read_input_tokens), number_value(usage->cache_creation_input_tokens),
        number_value(usage->input_cost), number_value(usage->output_cost), number_value(usage->total_cost),
        db_text(usage->model), db_text(usage->provider));
}

enum status span_put(struct store_tx *tx, const struct trace_info *trace, const struct span_row *span)
{
    int64_t class_id, old_content;
    bool same = false;
    if (find_stored(tx, trace, span, &old_content, &same) != OK)
        return FAILED;
    if (same)
        return OK;
    if (intern_class(tx, trace, span, &class_id) != OK ||
        db_exec(tx->db, NULL, "INSERT INTO span_contents (trace, content) VALUES (?, ?)", db_int(trace->id),
                db_text(span->content)) != OK)
        return FAILED;
    int64_t content = db_last_insert_id(tx->db);
    enum status status;
    if (old_content)
        status = replace(tx, trace, span, class_id, content, old_content);
    else
        status = db_exec(
            tx->db, NULL,
            "INSERT INTO spans (trace, span_id, parent_span_id, class, start_time, end_time, content) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            db_int(trace->id), db_text(span->span_id), db_text(span->parent_span_id), db_int(class_id),
            db_int(span->start_time), end_value(span), db_int(content));
    if (status != OK || !span->usage)
        return status;
    return put_usage(tx, trace, span);
}

/* --- Reading --- */

enum status span_count(struct store_tx *tx, int64_t trace, int64_t *count)
{
    struct db_stmt *stmt = db_query(tx->db, "SELECT count(*) FROM spans WHERE trace = ?", db_int(trace));
    if (!stmt)
        return FAILED;
    if (db_step(stmt) == DB_ROW)
        *count = db_column_int(stmt, 0);
    return db_done(stmt);
}

static void read_place(struct db_stmt *stmt, struct span_place *place)
{
    struct sv span_id = db_column_text(stmt, 2);
    *place =
        (struct span_place){.is_child = db_column_int(stmt, 0) != 0, .start_time = db_column_int(stmt, 1)};
    memcpy(place->span_id, span_id.data,
           span_id.len < sizeof(place->span_id) ? span_id.len : sizeof(place->span_id) - 1);
}

/* The order is found by the short rows alone; the contents would not fit memory all at once. */
enum status span_page(struct store_tx *tx, int64_t trace, const struct span_place *after,
                      struct span_place *places, size_t limit, size_t *count)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT parent_span_id IS NOT NULL, start_time, span_id FROM spans WHERE trace = ? AND "
                 "(parent_span_id IS NOT NULL, start_time, span_id) > (?, ?, ?) "
                 "ORDER BY parent_span_id IS NOT NULL, start_time, span_id LIMIT ?",
                 db_int(trace), db_int(after ? after->is_child : -1), db_int(after ? after->start_time : 0),
                 db_text(after ? sv_from(after->span_id) : SV("")), db_int((int64_t)limit));
    if (!stmt)
        return FAILED;
    *count = 0;
    while (*count < limit && db_step(stmt) == DB_ROW)
        read_place(stmt, &places[(*count)++]);
    return db_done(stmt);
}

enum status span_content_load(struct store_tx *tx, int64_t trace, const char *span_id, struct sv *content)
{
    struct db_stmt *stmt = db_query(tx->db,
                                    "SELECT c.content FROM spans AS s JOIN span_contents AS c "
                                    "ON c.id = s.content WHERE s.trace = ? AND s.span_id = ?",
                                    db_int(trace), db_text(sv_from(span_id)));
    if (!stmt)
        return FAILED;
    *content = db_step(stmt) == DB_ROW ? db_column_text_copy(stmt, 0) : SV_ABSENT;
    return db_done(stmt);
}

enum status span_contents_after(struct store_tx *tx, int64_t after, size_t limit, size_t bytes,
                                struct span_content **contents, size_t *count)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT id, trace, CASE WHEN length(content) <= ? THEN content END FROM span_contents "
                 "WHERE id > ? ORDER BY id LIMIT ?",
                 db_int((int64_t)SPAN_CONTENT_MAX), db_int(after), db_int((int64_t)limit));
    if (!stmt)
        return FAILED;
    struct row_list list = {0};
    for (size_t taken = 0; taken < bytes && db_step(stmt) == DB_ROW;) {
        struct span_content *content = ROW_LIST_ADD(&list, tx->arena, struct span_content);
        *content = (struct span_content){
            .id = db_column_int(stmt, 0),
            .trace = db_column_int(stmt, 1),
            .content = db_column_text_copy(stmt, 2),
        };
        taken += content->content.len;
    }
    *contents = list.items;
    *count = list.count;
    return db_done(stmt);
}
