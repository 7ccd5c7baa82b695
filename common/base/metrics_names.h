/* The metrics: included with METRIC(name, type, help) defined, so no include guard. Sorted by name. The
 * mlflow_ names and their buckets are the reference's, whose dashboards they serve. */
METRIC(mlflow_exporter_info, gauge, "The exporter whose metric names these are.")
METRIC(mlflow_http_request_duration_seconds, histogram, "Duration of requests.")
METRIC(mlflow_http_request_exceptions_total, counter, "Requests that failed through a fault of the server.")
METRIC(mlflow_http_request_total, counter, "Requests.")
METRIC(tracklight_database_bytes, gauge, "Size of the database file.")
METRIC(tracklight_database_commits_total, counter, "Commits of write transactions, each of a group.")
METRIC(tracklight_database_grouped_writes_total, counter, "Writes that those commits made durable together.")
METRIC(tracklight_database_wal_bytes, gauge, "Size of the write-ahead log.")
METRIC(tracklight_gateway_calls_total, counter, "Calls of models.")
METRIC(tracklight_gateway_duration_seconds, histogram, "Duration of calls of models.")
METRIC(tracklight_gateway_tokens_total, counter, "Tokens of calls of models.")
METRIC(tracklight_gateway_usage_dropped_total, counter, "Calls of models whose usage was not recorded.")
METRIC(tracklight_jobs_ended_total, counter, "Attempts of jobs that ended in workers on this host, by how.")
METRIC(tracklight_queue_depth, gauge, "What waits to be done.")
METRIC(tracklight_removed_total, counter, "What the worker removed because of the rules of retention.")
METRIC(tracklight_request_duration_seconds, histogram, "Duration of requests by operation.")
METRIC(tracklight_requests_total, counter, "Requests by operation and status.")
METRIC(tracklight_start_time_seconds, gauge,
       "When the answering process was started, in seconds since 1970 UTC.")
METRIC(tracklight_webhook_deliveries_total, counter, "Attempts to deliver events to webhooks, by result.")
#undef METRIC
