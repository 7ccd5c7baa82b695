#ifndef TRACKLIGHT_STORE_SPAN_INDEX_H
#define TRACKLIGHT_STORE_SPAN_INDEX_H

#include "common/store/store.h"

/* The index over what spans say: a signature for each trace (common/base/signature.h) of
 *
 *   - every three bytes that stand together in a span's content,
 *   - the keys of its attributes, and each key with its value, as searches decode it,
 *   - every three bytes of a value that is not long, as those of its key; of a long one that it is long.
 *
 * It only tells which traces need no look: what a search finds is decided by the contents. It is filled step
 * by step, in the order of the contents' ids, by whoever calls these; several may do so at the same time. */

#define SPAN_INDEX_VALUE_MAX 128 /* bytes; longer values are long */

/* What tells the pieces of one key's values from those of another. */
uint32_t span_index_place(struct sv key);
/* That a value of the key is long. */
uint32_t span_index_long(struct sv key);

struct span_index_state {
    int64_t watermark; /* contents up to this id are in the index */
    int64_t newest;    /* the highest id of a content; 0: there is none */
};
enum status span_index_state(struct store_tx *tx, struct span_index_state *state);

/* The most that one step takes, so that its transactions last a few milliseconds. One content may be longer.
 */
#define SPAN_INDEX_STEP_SPANS 256
#define SPAN_INDEX_STEP_BYTES (512UL * 1024)

/* One step, read and worked out in the arena; it takes no lock that would hold up a writer. */
struct span_index_step {
    int64_t newest;   /* as in the state */
    int64_t from, to; /* watermarks */
    size_t spans;     /* 0: nothing is left to do */
    struct span_index_trace *traces;
    size_t trace_count;
};
struct span_index_trace {
    int64_t trace;
    int64_t hashes;
    struct sv bits;
};
enum status span_index_read(struct store_tx *tx, struct span_index_step *step);

/* Stores it, in a write transaction. *stored is false if another one has moved the watermark meanwhile:
 * nothing is changed then. */
enum status span_index_write(struct store_tx *tx, const struct span_index_step *step, bool *stored);

#endif
