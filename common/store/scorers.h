#ifndef TRACKLIGHT_STORE_SCORERS_H
#define TRACKLIGHT_STORE_SCORERS_H

#include <stdint.h>

#include "common/store/store.h"

struct json_object;

/* Scorers: what judges traces, registered in versions in an experiment. */

struct scorer_version {
    int64_t experiment_id;
    struct sv scorer_id;
    struct sv name;
    int64_t version;
    struct sv serialized; /* JSON */
    int64_t creation_time;
};

struct scorer_list {
    struct scorer_version *items;
    size_t count;
};

/* Whose id it is. RESOURCE_DOES_NOT_EXIST if it is nobody's. */
struct scorer_key {
    int64_t experiment_id;
    struct sv name;
};
enum status scorer_find_id(struct store_tx *tx, struct sv scorer_id, struct scorer_key *key);

/* All of these want an experiment that is active. "No version" is 0. */

/* The next version, from 1; a scorer of this name is made if there is none. `serialized` is the text of
 * `object`, a JSON object. */
enum status scorer_register(struct store_tx *tx, int64_t experiment_id, struct sv name, struct sv serialized,
                            struct json_object *object, struct scorer_version *made);

/* The version as it was registered; without one the latest. RESOURCE_DOES_NOT_EXIST if there is none. */
enum status scorer_get(struct store_tx *tx, int64_t experiment_id, struct sv name, int64_t version,
                       struct scorer_version *found);

/* The latest version of each scorer, by name; the versions of one, ascending. Their JSON is written anew, as
 * json_dump does. */
enum status scorer_list_latest(struct store_tx *tx, int64_t experiment_id, struct scorer_list *list);
enum status scorer_list_versions(struct store_tx *tx, int64_t experiment_id, struct sv name,
                                 struct scorer_list *list);

/* One version, after the last of which the scorer keeps its id; or the scorer with all of them. */
enum status scorer_delete(struct store_tx *tx, int64_t experiment_id, struct sv name, int64_t version);

/* --- Online scoring --- */

struct online_config {
    struct sv config_id;
    struct sv scorer_id;
    double sample_rate; /* 0..1 */
    int64_t experiment_id;
    struct sv filter; /* of traces, in the language of their search; absent: all */
};

struct online_config_list {
    struct online_config *items;
    size_t count;
};

/* Replaces the scorer's configuration; an absent filter takes the old one away, and one that
 * cannot be read is refused as a search would. A rate above 0 wants a scorer
 * that asks a model through the gateway. */
enum status online_config_put(struct store_tx *tx, int64_t experiment_id, struct sv name, double sample_rate,
                              struct sv filter, struct online_config *made);

/* Of these scorers, as far as they have one. */
enum status online_config_list(struct store_tx *tx, const struct sv *scorer_ids, size_t count,
                               struct online_config_list *list);

#endif
