#ifndef TRACKLIGHT_STORE_LIMITS_H
#define TRACKLIGHT_STORE_LIMITS_H

/* MLflow's limits. Lengths are in code points. */
#define KEY_MAX                         250
#define PARAM_VALUE_MAX                 6000
#define RUN_TAG_VALUE_MAX               8000
#define EXPERIMENT_TAG_VALUE_MAX        5000
#define EXPERIMENT_NAME_MAX             500
#define BATCH_METRICS_MAX               1000
#define BATCH_PARAMS_MAX                100
#define BATCH_TAGS_MAX                  100
#define BATCH_TOTAL_MAX                 1000
#define BATCH_BYTES_MAX                 1000000
#define DATASET_NAME_MAX                500
#define DATASET_DIGEST_MAX              36
#define DATASET_SOURCE_TYPE_MAX         36
#define DATASET_SOURCE_MAX              65535
#define DATASET_SCHEMA_MAX              1048575
#define DATASET_PROFILE_MAX             16777215
#define INPUT_TAG_KEY_MAX               255
#define DATASET_TAGS_MAX                1000 /* tags of one dataset input; ours */
#define INPUT_TAG_VALUE_MAX             500
#define ARTIFACT_LOCATION_MAX           2048
#define SEARCH_RESULTS_MAX              50000
#define SEARCH_RESULTS_DEFAULT          1000
#define BULK_HISTORY_RUNS_MAX           100
#define BULK_HISTORY_POINTS_MAX         25000
#define BULK_INTERVAL_RUNS_MAX          100
#define BULK_INTERVAL_RESULTS_MAX       2500
#define SEARCH_DATASETS_EXPERIMENTS_MAX 20
#define SEARCH_DATASETS_ROWS_MAX        1000
#define REGISTRY_TAG_VALUE_MAX          100000
#define MODEL_NAME_MAX                  1024 /* ours */
#define MODEL_ALIAS_MAX                 255
#define MODEL_SOURCE_MAX                16384  /* ours */
#define MODEL_TEXT_MAX                  100000 /* of descriptions and links; ours */
#define SEARCH_MODELS_MAX               1000
#define SEARCH_MODELS_DEFAULT           100
#define SEARCH_VERSIONS_MAX             200000
#define LOGGED_MODEL_NAME_MAX           500
#define LOGGED_MODELS_RESULTS_DEFAULT   50
#define LOGGED_MODELS_RESULTS_MAX       1000 /* ours */
#define LOGGED_MODELS_DATASETS_MAX      100  /* ours */

#endif
