#include "common/store/job_log.h"

#include <string.h>

#define PIECE_MAX ((size_t)16 * 1024)

static enum status find_size(struct store_tx *tx, int64_t id, int64_t *size)
{
    struct db_stmt *stmt = db_query(tx->db, "SELECT log_size FROM jobs WHERE id = ?", db_int(id));
    if (!stmt)
        return FAILED;
    *size = db_step(stmt) == DB_ROW ? db_column_int(stmt, 0) : 0;
    return db_done(stmt);
}

/* How much the last piece still takes, if it ends at `size`; 0: begin a new one. */
static enum status find_room(struct store_tx *tx, int64_t id, int64_t size, int64_t *begin, size_t *room)
{
    struct db_stmt *stmt = db_query(
        tx->db, "SELECT begin, length(bytes) FROM job_logs WHERE job = ? ORDER BY begin DESC LIMIT 1",
        db_int(id));
    if (!stmt)
        return FAILED;
    *room = 0;
    if (db_step(stmt) == DB_ROW) {
        size_t len = (size_t)db_column_int(stmt, 1);
        *begin = db_column_int(stmt, 0);
        if (*begin + (int64_t)len == size && len < PIECE_MAX)
            *room = PIECE_MAX - len;
    }
    return db_done(stmt);
}

static enum status extend_last(struct store_tx *tx, int64_t id, int64_t *size, struct sv *bytes)
{
    int64_t begin = 0;
    size_t room;
    if (find_room(tx, id, *size, &begin, &room) != OK)
        return FAILED;
    struct sv piece = sv_first(*bytes, room);
    if (!piece.len)
        return OK;
    if (db_exec(tx->db, NULL,
                "UPDATE job_logs SET bytes = CAST(bytes || ? AS BLOB) WHERE job = ? AND begin = ?",
                db_blob(piece), db_int(id), db_int(begin)) != OK)
        return FAILED;
    *size += (int64_t)piece.len;
    *bytes = sv_from_offset(*bytes, piece.len);
    return OK;
}

static enum status add_pieces(struct store_tx *tx, int64_t id, int64_t *size, struct sv bytes)
{
    while (bytes.len) {
        struct sv piece = sv_first(bytes, PIECE_MAX);
        if (db_exec(tx->db, NULL, "INSERT INTO job_logs (job, begin, bytes) VALUES (?, ?, ?)", db_int(id),
                    db_int(*size), db_blob(piece)) != OK)
            return FAILED;
        *size += (int64_t)piece.len;
        bytes = sv_from_offset(bytes, piece.len);
    }
    return OK;
}

enum status job_log_append(struct store_tx *tx, const struct job_lease *lease, struct sv bytes,
                           int64_t limit_bytes, enum job_hold *hold)
{
    int64_t size;
    if (job_check(tx, lease, hold) != OK)
        return FAILED;
    if (*hold == JOB_HOLD_LOST || !bytes.len)
        return OK;
    if (bytes.len > JOB_LOG_APPEND_MAX)
        return store_fail(tx, INVALID_PARAMETER_VALUE, "At most %zu bytes can be added to a log at a time.",
                          JOB_LOG_APPEND_MAX);
    if (find_size(tx, lease->id, &size) != OK || extend_last(tx, lease->id, &size, &bytes) != OK ||
        add_pieces(tx, lease->id, &size, bytes) != OK)
        return FAILED;
    if (db_exec(tx->db, NULL, "DELETE FROM job_logs WHERE job = ? AND begin <= ?", db_int(lease->id),
                db_int(size - limit_bytes - (int64_t)PIECE_MAX)) != OK)
        return FAILED;
    return db_exec(tx->db, NULL, "UPDATE jobs SET log_size = ? WHERE id = ?", db_int(size),
                   db_int(lease->id));
}

struct log_owner {
    int64_t id, size;
    bool ended;
};

static enum status find_owner(struct store_tx *tx, struct sv job_id, struct log_owner *owner)
{
    struct job job;
    if (job_get(tx, job_id, &job) != OK)
        return FAILED;
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT log_size, lease IS NULL FROM jobs WHERE id = ?", db_int(job.id));
    if (!stmt)
        return FAILED;
    *owner = (struct log_owner){.id = job.id};
    if (db_step(stmt) == DB_ROW) {
        owner->size = db_column_int(stmt, 0);
        owner->ended = job_is_final(job.status) && db_column_int(stmt, 1);
    }
    return db_done(stmt);
}

/* The first bytes that are kept at or behind `offset`. */
static enum status read_pieces(struct store_tx *tx, int64_t id, int64_t offset, size_t max,
                               struct job_log_part *part)
{
    struct db_stmt *stmt =
        db_query(tx->db, "SELECT begin, bytes FROM job_logs WHERE job = ? AND begin > ? ORDER BY begin",
                 db_int(id), db_int(offset - (int64_t)PIECE_MAX));
    if (!stmt)
        return FAILED;
    char *bytes = ARENA_ARRAY(tx->arena, char, max + 1);
    size_t len = 0;
    part->begin = part->size;
    while (len < max && db_step(stmt) == DB_ROW) {
        int64_t begin = db_column_int(stmt, 0);
        struct sv piece = db_column_blob(stmt, 1);
        if (begin < offset) {
            piece = sv_from_offset(piece, (size_t)(offset - begin));
            begin = offset;
        }
        piece = sv_first(piece, max - len);
        if (!piece.len)
            continue;
        if (!len)
            part->begin = begin;
        memcpy(bytes + len, piece.data, piece.len);
        len += piece.len;
    }
    part->bytes = (struct sv){bytes, len};
    part->end = part->begin + (int64_t)len;
    return db_done(stmt);
}

enum status job_log_read(struct store_tx *tx, struct sv job_id, int64_t offset, size_t max,
                         struct job_log_part *part)
{
    struct log_owner owner;
    if (find_owner(tx, job_id, &owner) != OK)
        return FAILED;
    if (offset < 0)
        offset = owner.size > -(offset + 1) ? owner.size + offset : 0;
    if (offset > owner.size)
        offset = owner.size;
    if (!max || max > JOB_LOG_READ_MAX)
        max = JOB_LOG_READ_MAX;
    *part = (struct job_log_part){.size = owner.size};
    if (read_pieces(tx, owner.id, offset, max, part) != OK)
        return FAILED;
    part->complete = owner.ended && part->end == owner.size;
    return OK;
}
