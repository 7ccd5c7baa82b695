#ifndef TRACKLIGHT_IMPORT_IMPORT_H
#define TRACKLIGHT_IMPORT_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/arena.h"
#include "common/base/error.h"
#include "common/base/sv.h"
#include "common/store/store.h"

/* Takes over what an MLflow server kept: a database of MLflow 2.9 to 3.8 (foreign.h), or a folder of its file
 * store. Public ids and times stay; artifacts stay where they are. An entity comes with all that belongs to
 * it in one transaction, and one that is there already is left alone: an import that was broken off is begun
 * again. */

struct foreign;
struct foreign_rows;
struct fernet_key;
struct envelope;

enum import_entity {
    IMPORT_EXPERIMENTS,
    IMPORT_RUNS,
    IMPORT_LOGGED_MODELS,
    IMPORT_REGISTERED_MODELS,
    IMPORT_MODEL_VERSIONS,
    IMPORT_WEBHOOKS,
    IMPORT_TRACES,
    IMPORT_EVALUATION_DATASETS,
    IMPORT_SCORERS,
    IMPORT_SECRETS,
    IMPORT_MODEL_DEFINITIONS,
    IMPORT_ENDPOINTS,
    IMPORT_USERS,
    IMPORT_ENTITIES
};

/* "experiments", "runs", … */
const char *import_entity_name(enum import_entity entity);

struct import_count {
    int64_t taken, present, refused;
};

/* What one import works with. Zero what is not set. */
struct import {
    struct store *store;           /* experiments, runs, traces, … */
    struct store *registry;        /* the model registry and webhooks; may be the same */
    struct store *users;           /* users and permissions; may be the same */
    struct foreign *from;          /* a database, or what import_folder.h made of a folder */
    struct arena *arena_of_source; /* lives as long as the import */
    /* The key of webhooks' secrets here; NULL: none. */
    const struct fernet_key *webhook_key;
    /* The passphrases of the gateway's secrets there and here. `old_envelope` may be the same. */
    struct envelope *old_envelope, *envelope;

    struct import_count counts[IMPORT_ENTITIES];
    /* Told after each transaction; `total` is 0 where it is not known. May be NULL. */
    void (*progress)(void *context, enum import_entity entity, int64_t done, int64_t total);
    /* A line for the report: what was not taken, and why. */
    void (*remark)(void *context, struct sv line);
    void *context;

    struct error error; /* why an import_… function returned FAILED */

    /* The transaction at work; import.c. */
    struct store *tx_store;
    struct store_tx *tx;
    struct arena *arena;
    int64_t rows;
    int64_t total, done;
    enum import_entity entity;
};

/* Before and after; begin sets what the functions below need. */
void import_begin(struct import *import);
void import_end(struct import *import);

/* From a database, in this order. What an older schema lacks is left out. */
enum status import_experiments(struct import *import);
enum status import_runs(struct import *import);
enum status import_logged_models(struct import *import);
enum status import_registry(struct import *import);
enum status import_webhooks(struct import *import);
enum status import_traces(struct import *import);
enum status import_evaluation_datasets(struct import *import);
enum status import_scorers(struct import *import);
enum status import_gateway(struct import *import);

/* From the database of its own in which MLflow keeps users: `from` is that one then. */
enum status import_users(struct import *import);

/* --- For the parts of an import --- */

/* Begins with the entities of one kind. `count_sql` counts them as `total`, a literal; NULL: not known. */
enum status import_kind(struct import *import, enum import_entity entity, struct store *store,
                        const char *count_sql);
/* All entities of a kind: `take` is called for each row of `sql`, a literal. */
enum status import_rows(struct import *import, enum import_entity entity, struct store *store,
                        const char *count_sql, const char *sql,
                        enum status (*take)(struct import *import, struct foreign_rows *rows));
/* The transaction for the next entity: the one that is open, or a new one once that has grown. NULL on
 * failure. */
struct store_tx *import_unit(struct import *import);
/* The entity is complete, of `rows` rows. */
void import_taken(struct import *import, int64_t rows);
void import_present(struct import *import);
/* It is left out; the line says why. Undoes nothing: call it before anything is written. */
void import_refused(struct import *import, const char *format, ...) __attribute__((format(printf, 2, 3)));
void import_remark(struct import *import, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends a kind: what is open is committed. Give it what came so far. */
enum status import_kind_end(struct import *import, enum status status);

#endif
