#include <string.h>

#include "common/base/signature.h"
#include "common/json/json_escape.h"
#include "common/store/span_index.h"
#include "common/store/trace_search_internal.h"

/* Conditions that let a search pass over traces whose spans cannot say what it looks for. A trace passes by
 * its signature, or because spans of it are not in the index yet; the search itself then decides. */

/* Up to as many contents behind the watermark are read to know their traces; beyond, each trace's spans are
 * asked. */
enum { BEHIND_FEW = 5000 };

enum { FIRST_HASHES = 32 };

/* What a signature must hold. */
struct wanted {
    struct arena *arena;
    char *bytes;
    size_t len, capacity;
};

static void want(struct wanted *wanted, const uint32_t *hashes, size_t count)
{
    size_t size = count * sizeof(hashes[0]);
    if (wanted->capacity - wanted->len < size) {
        size_t capacity = wanted->capacity ? wanted->capacity * 2 : FIRST_HASHES * sizeof(hashes[0]);
        char *bytes = arena_alloc(wanted->arena, capacity);
        if (wanted->len)
            memcpy(bytes, wanted->bytes, wanted->len);
        wanted->bytes = bytes;
        wanted->capacity = capacity;
    }
    memcpy(wanted->bytes + wanted->len, hashes, size);
    wanted->len += size;
}

static void want_trigrams(struct wanted *wanted, struct sv text, uint32_t place)
{
    for (size_t i = 0; i + 3 <= text.len; i++) {
        uint32_t hash = signature_trigram(text.data + i, place);
        want(wanted, &hash, 1);
    }
}

/* Whether a byte reads the same inside a JSON string. */
static bool is_plain(char byte)
{
    return json_plain_run((struct sv){&byte, 1}, 0) == 1;
}

/* What stands between a pattern's wildcards; `plain`: and between characters that JSON escapes. */
static void want_literals(struct wanted *wanted, struct sv pattern, bool plain, uint32_t place)
{
    size_t end = sv_find(pattern, '\0'); /* where the database takes a pattern to end */
    size_t from = 0;
    for (size_t i = 0; i <= end; i++) {
        if (i < end && pattern.data[i] != '%' && pattern.data[i] != '_' &&
            (!plain || is_plain(pattern.data[i])))
            continue;
        want_trigrams(wanted, (struct sv){pattern.data + from, i - from}, place);
        from = i + 1;
    }
}

static struct sv wanted_bytes(const struct wanted *wanted)
{
    return (struct sv){wanted->bytes, wanted->len};
}

/* --- The conditions --- */

enum status trace_gate_open(struct store_tx *tx, struct trace_gate *gate)
{
    struct span_index_state state;
    if (span_index_state(tx, &state) != OK)
        return FAILED;
    *gate = (struct trace_gate){
        .exists = state.watermark > 0,
        .watermark = state.watermark,
        .far_behind = state.newest - state.watermark > BEHIND_FEW,
    };
    return OK;
}

/* "(… OR … ) AND ": the signature has what one of them wants. */
static void add_gate(struct sql_text *sql, const struct trace_gate *gate, const struct wanted *any,
                     size_t count)
{
    sql_text_add(sql, "(EXISTS (SELECT 1 FROM trace_signatures g WHERE g.trace = t.id AND (");
    for (size_t i = 0; i < count; i++) {
        sql_text_add(sql, i ? " OR signature_has(g.bits, ?)" : "signature_has(g.bits, ?)");
        sql_text_bind(sql, db_blob(wanted_bytes(&any[i])));
    }
    sql_text_add(sql,
                 gate->far_behind
                     ? ")) OR EXISTS (SELECT 1 FROM spans b WHERE b.trace = t.id AND b.content > ?)) AND "
                     : ")) OR t.id IN (SELECT b.trace FROM span_contents b WHERE b.id > ?)) AND ");
    sql_text_bind(sql, db_int(gate->watermark));
}

void trace_gate_add_text(struct store_tx *tx, const struct trace_gate *gate, const struct sv *patterns,
                         size_t count, struct sql_text *sql)
{
    struct wanted any[TRACE_PATTERNS_MAX];
    bool usable = gate->exists;
    for (size_t i = 0; i < count && usable; i++) {
        any[i] = (struct wanted){.arena = tx->arena};
        want_literals(&any[i], patterns[i], false, 0);
        usable = any[i].len > 0;
    }
    if (usable)
        add_gate(sql, gate, any, count);
}

void trace_gate_add_attribute(struct store_tx *tx, const struct trace_gate *gate,
                              const struct search_clause *clause, struct sql_text *sql)
{
    enum { SHORT, LONG, FORMS };
    struct wanted any[FORMS] = {{.arena = tx->arena}, {.arena = tx->arena}};
    uint32_t key[SIGNATURE_KEY_HASHES], pair[SIGNATURE_PAIR_HASHES];
    size_t count = 1;
    if (!gate->exists)
        return;
    signature_key(clause->key, key);
    want(&any[SHORT], key, SIGNATURE_KEY_HASHES);
    if (clause->op == SEARCH_EQ) {
        signature_pair(clause->key, clause->text, pair);
        want(&any[SHORT], pair, SIGNATURE_PAIR_HASHES);
    } else if (clause->op == SEARCH_LIKE || clause->op == SEARCH_ILIKE) {
        uint32_t is_long = span_index_long(clause->key);
        want_literals(&any[SHORT], clause->text, false, span_index_place(clause->key));
        want(&any[LONG], &is_long, 1);
        want_literals(&any[LONG], clause->text, true, 0);
        count = FORMS;
    }
    add_gate(sql, gate, any, count);
}
