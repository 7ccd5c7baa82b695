#include "common/store/span_index.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/signature.h"
#include "common/store/spans.h"

enum status span_index_state(struct store_tx *tx, struct span_index_state *state)
{
    struct db_stmt *stmt = db_query0(
        tx->db, "SELECT watermark, coalesce((SELECT max(id) FROM span_contents), 0) FROM span_index");
    if (!stmt)
        return FAILED;
    *state = (struct span_index_state){0};
    if (db_step(stmt) == DB_ROW)
        *state = (struct span_index_state){db_column_int(stmt, 0), db_column_int(stmt, 1)};
    return db_done(stmt);
}

uint32_t span_index_place(struct sv key)
{
    uint32_t hashes[SIGNATURE_KEY_HASHES];
    signature_key(key, hashes);
    return hashes[0];
}

uint32_t span_index_long(struct sv key)
{
    return ~span_index_place(key);
}

/* --- Reading --- */

static void add_hashes(struct signature *set, const uint32_t *hashes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        signature_add(set, hashes[i]);
}

/* Attributes are decoded by the very expression that searches compare (trace_search_conditions.c). */
static enum status add_attributes(struct store_tx *tx, struct sv content, struct signature *set)
{
    struct db_stmt *stmt =
        db_query(tx->db,
                 "SELECT a.key, a.value, CASE WHEN substr(a.value, 1, 1) = '\"' AND json_valid(a.value) "
                 "THEN json_extract(a.value, '$') ELSE a.value END FROM json_each(?, '$.attributes') AS a",
                 db_text(content));
    if (!stmt)
        return FAILED;
    while (db_step(stmt) == DB_ROW) {
        uint32_t key_hashes[SIGNATURE_KEY_HASHES], pair_hashes[SIGNATURE_PAIR_HASHES];
        struct sv key = db_column_text(stmt, 0), text = db_column_text(stmt, 1),
                  value = db_column_text(stmt, 2);
        signature_key(key, key_hashes);
        add_hashes(set, key_hashes, SIGNATURE_KEY_HASHES);
        signature_pair(key, value, pair_hashes);
        add_hashes(set, pair_hashes, SIGNATURE_PAIR_HASHES);
        if (value.len <= SPAN_INDEX_VALUE_MAX)
            signature_add_trigrams(set, value, span_index_place(key));
        else
            signature_add(set, span_index_long(key));
        /* With escapes, a value may say what does not stand in the content as it is. */
        if (value.len > SPAN_INDEX_VALUE_MAX && sv_find(text, '\\') < text.len)
            signature_add_trigrams(set, value, 0);
    }
    return db_done(stmt);
}

static enum status find_stored(struct store_tx *tx, int64_t trace, struct packed_signature *stored)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT bits, hashes FROM trace_signatures WHERE trace = ?", db_int(trace));
    if (!stmt)
        return FAILED;
    *stored = (struct packed_signature){SV(""), 0};
    if (db_step(stmt) == DB_ROW)
        *stored =
            (struct packed_signature){arena_copy(tx->arena, db_column_blob(stmt, 0)), db_column_int(stmt, 1)};
    return db_done(stmt);
}

/* The contents are of one trace. */
static enum status read_trace(struct store_tx *tx, const struct span_content *contents, size_t count,
                              struct signature *set, struct span_index_step *step)
{
    char room[SIGNATURE_BYTES_MAX];
    struct packed_signature stored;
    memset(set, 0, sizeof(*set));
    for (size_t i = 0; i < count; i++) {
        if (!contents[i].content.data) { /* too long to be taken apart: it may say anything */
            memset(set, 0xff, sizeof(*set));
            break;
        }
        signature_add_trigrams(set, contents[i].content, 0);
        if (add_attributes(tx, contents[i].content, set) != OK)
            return FAILED;
    }
    if (find_stored(tx, contents[0].trace, &stored) != OK)
        return FAILED;
    struct packed_signature made = signature_pack(set, &stored, room);
    if (!sv_equal(made.bytes, stored.bytes))
        step->traces[step->trace_count++] = (struct span_index_trace){
            .trace = contents[0].trace, .hashes = made.count, .bits = arena_copy(tx->arena, made.bytes)};
    return OK;
}

static int compare_traces(const void *left, const void *right)
{
    const struct span_content *a = left, *b = right;
    return (a->trace > b->trace) - (a->trace < b->trace);
}

enum status span_index_read(struct store_tx *tx, struct span_index_step *step)
{
    struct span_index_state state;
    struct span_content *contents;
    size_t count;
    *step = (struct span_index_step){0};
    if (span_index_state(tx, &state) != OK)
        return FAILED;
    step->newest = state.newest;
    step->from = step->to = state.watermark;
    if (state.newest <= state.watermark)
        return OK;
    if (span_contents_after(tx, state.watermark, SPAN_INDEX_STEP_SPANS, SPAN_INDEX_STEP_BYTES, &contents,
                            &count) != OK)
        return FAILED;
    if (!count)
        return OK;
    struct signature *set = ARENA_NEW(tx->arena, struct signature);
    step->traces = ARENA_ARRAY(tx->arena, struct span_index_trace, count);
    step->spans = count;
    step->to = contents[count - 1].id;
    qsort(contents, count, sizeof(contents[0]), compare_traces);
    for (size_t from = 0, to; from < count; from = to) {
        to = from + 1;
        while (to < count && contents[to].trace == contents[from].trace)
            to++;
        if (read_trace(tx, &contents[from], to - from, set, step) != OK)
            return FAILED;
    }
    return OK;
}

/* --- Writing --- */

/* A trace that has gone meanwhile gets none. */
static enum status write_trace(struct store_tx *tx, const struct span_index_trace *trace)
{
    return db_exec(tx->db, NULL,
                   "INSERT INTO trace_signatures (trace, hashes, bits) SELECT id, ?, ? FROM traces "
                   "WHERE id = ? ON CONFLICT (trace) DO UPDATE SET hashes = excluded.hashes, "
                   "bits = excluded.bits",
                   db_int(trace->hashes), db_blob(trace->bits), db_int(trace->trace));
}

enum status span_index_write(struct store_tx *tx, const struct span_index_step *step, bool *stored)
{
    int64_t changed = 0;
    if (db_exec(tx->db, &changed, "UPDATE span_index SET watermark = ? WHERE watermark = ?", db_int(step->to),
                db_int(step->from)) != OK)
        return FAILED;
    *stored = changed > 0;
    for (size_t i = 0; *stored && i < step->trace_count; i++)
        if (write_trace(tx, &step->traces[i]) != OK)
            return FAILED;
    return OK;
}
