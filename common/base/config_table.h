/* The settings: included several times with different macros, so no include guard.
 *
 *   SETTING_STRING(name, default, environment, option, short, value_name, help)
 *   SETTING_INT(name, default, min, max, environment, option, short, value_name, help)
 *   SETTING_BOOL(name, default, environment, option, help)
 */
SETTING_STRING(host, "127.0.0.1", "MLFLOW_HOST", "--host", 'h', "HOST", "Address to listen on. 0.0.0.0 listens on all interfaces.")
SETTING_INT(port, "5000", 0, 65535, "MLFLOW_PORT", "--port", 'p', "PORT", "TCP port to listen on.")
SETTING_STRING(backend_store_uri, NULL, "MLFLOW_BACKEND_STORE_URI", "--backend-store-uri", 0, "URI", "Database of experiments and runs: sqlite:///relative.db or sqlite:////absolute.db. Default: sqlite:///tracklight.db.")
SETTING_STRING(registry_store_uri, NULL, "MLFLOW_REGISTRY_STORE_URI", "--registry-store-uri", 0, "URI", "Database of the model registry. Default: the backend store.")
SETTING_STRING(default_artifact_root, NULL, "MLFLOW_DEFAULT_ARTIFACT_ROOT", "--default-artifact-root", 0, "URI", "Artifact location of new experiments. Default: mlflow-artifacts:/ when artifacts are served, else ./mlruns.")
SETTING_BOOL(serve_artifacts, "true", "MLFLOW_SERVE_ARTIFACTS", "--serve-artifacts", "Serve artifacts through the server.")
SETTING_BOOL(artifacts_only, "false", "MLFLOW_ARTIFACTS_ONLY", "--artifacts-only", "Serve artifacts and nothing else.")
SETTING_STRING(artifacts_destination, "./mlartifacts", "MLFLOW_ARTIFACTS_DESTINATION", "--artifacts-destination", 0, "URI", "Where served artifacts are kept.")
SETTING_STRING(static_prefix, NULL, "MLFLOW_STATIC_PREFIX", "--static-prefix", 0, "PREFIX", "Path prefix of pages and of /ajax-api; begins with a slash, does not end with one.")
SETTING_STRING(allowed_hosts, NULL, "MLFLOW_SERVER_ALLOWED_HOSTS", "--allowed-hosts", 0, "HOSTS", "Comma-separated Host headers to answer; * stands for any. Default: localhost and private addresses.")
SETTING_STRING(cors_allowed_origins, NULL, "MLFLOW_SERVER_CORS_ALLOWED_ORIGINS", "--cors-allowed-origins", 0, "ORIGINS", "Comma-separated origins of web pages that may use the API; * stands for any.")
SETTING_STRING(x_frame_options, "SAMEORIGIN", "MLFLOW_SERVER_X_FRAME_OPTIONS", "--x-frame-options", 0, "VALUE", "X-Frame-Options header: SAMEORIGIN, DENY or NONE.")
SETTING_BOOL(disable_security_middleware, "false", "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE", "--disable-security-middleware", "Turn host, origin and header checks off. Dangerous.")
SETTING_STRING(expose_prometheus, NULL, "MLFLOW_EXPOSE_PROMETHEUS", "--expose-prometheus", 0, "DIR", "Serve /metrics; DIR keeps the counters.")
SETTING_INT(workers, "1", 1, 64, "MLFLOW_WORKERS", "--workers", 'w', "N", "Number of tracking processes.")
SETTING_STRING(app_name, NULL, NULL, "--app-name", 0, "NAME", "basic-auth turns authentication on.")
SETTING_STRING(durability, "full", "TRACKLIGHT_DURABILITY", "--durability", 0, "LEVEL", "full: an answered write survives power loss. normal: power loss may take the last moments.")
SETTING_INT(threads, "64", 1, 1024, "TRACKLIGHT_THREADS", "--threads", 0, "N", "Most requests that one program works on at a time.")
SETTING_INT(write_timeout_ms, "10000", 100, 600000, "TRACKLIGHT_WRITE_TIMEOUT_MS", NULL, 0, "MS", "How long a write may wait for its turn before it is answered 503.")
SETTING_INT(read_timeout_ms, "30000", 100, 600000, "TRACKLIGHT_READ_TIMEOUT_MS", NULL, 0, "MS", "How long one query may run before it is answered 503.")
SETTING_STRING(log_level, "info", "MLFLOW_LOGGING_LEVEL", "--log-level", 0, "LEVEL", "error, warning, info or debug.")
SETTING_STRING(log_file, NULL, "TRACKLIGHT_LOG_FILE", "--log-file", 0, "FILE", "Write the log there instead of to standard error; reopened on SIGHUP.")
SETTING_INT(artifact_location_max_length, "2048", 1, 65536, "MLFLOW_ARTIFACT_LOCATION_MAX_LENGTH", NULL, 0, "N", "Longest artifact location of an experiment.")
SETTING_BOOL(truncate_long_values, "true", "MLFLOW_TRUNCATE_LONG_VALUES", NULL, "Cut parameter and tag values that are too long instead of refusing them.")
#undef SETTING_STRING
#undef SETTING_INT
#undef SETTING_BOOL
