#ifndef TRACKLIGHT_STORE_ARTIFACT_LOCATION_H
#define TRACKLIGHT_STORE_ARTIFACT_LOCATION_H

#include <stdbool.h>
#include <stdint.h>

#include "common/store/store.h"

/* Where artifacts are said to lie: the URIs that experiments and runs carry. */

/* The root of new experiments from --default-artifact-root (absent or "": none given): mlflow-artifacts:/
 * where the server serves artifacts, else ./mlruns. Local paths become absolute against `working_directory`.
 */
enum status artifact_root(struct arena *arena, struct error *error, struct sv given, bool serve_artifacts,
                          struct sv working_directory, struct sv *root);

/* Checks what a client gave as an experiment's location, and makes local paths absolute. */
enum status artifact_location_check(struct store_tx *tx, struct sv given, struct sv *location);

/* <uri>/<suffix>, inserted before a query string. In the arena. */
struct sv artifact_uri_join(struct arena *arena, struct sv uri, struct sv suffix);

/* <root>/<experiment id> */
struct sv artifact_location_default(struct arena *arena, struct sv root, int64_t experiment_id);

/* <experiment's location>/<run id>/artifacts */
struct sv artifact_uri_of_run(struct arena *arena, struct sv location, struct sv run_id);

#endif
