#ifndef TRACKLIGHT_STORE_STORE_H
#define TRACKLIGHT_STORE_STORE_H

#include <regex.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/db/db.h"

/* The store: what the entities' files (experiments.h, runs.h, …) have in common. It knows nothing of HTTP: it
 * is handed typed values and answers with entities in the arena, or with an error whose code and text are
 * MLflow's. */

struct store_settings {
    struct sv artifact_root;         /* --default-artifact-root, resolved; location of new experiments */
    int64_t artifact_location_limit; /* MLFLOW_ARTIFACT_LOCATION_MAX_LENGTH, code points */
    bool truncate_long_values;       /* MLFLOW_TRUNCATE_LONG_VALUES */
    struct sv working_directory;     /* relative artifact locations are resolved against it */
    int64_t usage_retention_ms;      /* how long calls of the gateway are remembered; 0: for ever */
};

struct store {
    struct db *db;
    struct store_settings settings;
    regex_t
        *model_source_pattern; /* what sources of model versions must match (model_source.h); NULL: all do */
};

/* One transaction's view of the store. Lives in the request's arena. */
struct store_tx {
    struct store *store;
    struct db_conn *db;
    struct arena *arena;
    struct error *error;
    int64_t now_ms; /* one time for the whole transaction */
};

/* Opens the database and makes experiment 0 "Default" if it is missing. */
enum status store_open(struct store *store, const struct db_options *options,
                       const struct store_settings *settings, struct arena *arena, struct error *error);
void store_close(struct store *store);

/* NULL on failure (error is set). */
struct store_tx *store_begin(struct store *store, enum db_access access, struct arena *arena,
                             struct error *error);
enum status store_commit(struct store_tx *tx);
void store_rollback(struct store_tx *tx);

/* return store_fail(tx, CODE, "…", …); */
#define store_fail(tx, code, ...) error_set((tx)->error, (tx)->arena, (code), __VA_ARGS__)

enum lifecycle { LIFECYCLE_ACTIVE = 0, LIFECYCLE_DELETED = 1 };
enum view_type { VIEW_ACTIVE_ONLY = 1, VIEW_DELETED_ONLY = 2, VIEW_ALL = 3 };
const char *lifecycle_name(enum lifecycle lifecycle); /* "active", "deleted" */

struct key_value {
    struct sv key;
    struct sv value;
};

/* All rows of a statement whose first two columns are a key and a value, and the end of its use. A NULL
 * statement is one that could not be prepared: FAILED. In the arena. */
enum status key_values_read(struct store_tx *tx, struct db_stmt *stmt, const struct key_value **items,
                            size_t *count);

#endif
