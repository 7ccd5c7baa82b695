"""What every operation of every program needs, as the documents say it: the table that test_permissions_everywhere.py walks."""

PUBLIC, ANY, ADMIN = "public", "any", "admin"
READ, USE, EDIT, MANAGE = "READ", "USE", "EDIT", "MANAGE"
ANSWERED = "answered"  # by the handler, whatever it says: it has nobody to ask, or needs what these tests have not


class Row:
    """Texts "$thing" in a request stand for what Things.thing() gives, "$fresh_thing" for one that the request may destroy."""

    def __init__(self, need, answer=200, query=None, body=None, path=None, headers=None, data=None):
        self.need = need
        self.answer = answer
        self.query, self.body, self.path, self.headers, self.data = query, body, path or {}, headers, data


def named(fields):
    """A field that is called as an argument here has an underscore behind it."""
    return {name.rstrip("_"): value for name, value in fields.items()}


def get(need, answer=200, path=None, **query):
    return Row(need, answer, query=named(query), path=path)


def send(need, answer=200, path=None, **body):
    return Row(need, answer, body=named(body), path=path)


A = "/api/2.0/mlflow/"
A3 = "/api/3.0/mlflow/"
J = "/ajax-api/2.0/mlflow/"
J3 = "/ajax-api/3.0/mlflow/"
FILES = "/api/2.0/mlflow-artifacts/"
JOBS = "/ajax-api/3.0/jobs"
WORKERS = "/api/3.0/tracklight/jobs/worker/"
INFO = {"trace_id": "$unique", "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "$experiment"}}}
FEEDBACK = {"assessment_name": "a", "source": {"source_type": "HUMAN", "source_id": "x"}, "feedback": {"value": True}}
DATASET = {"dataset": {"name": "d", "digest": "1", "source_type": "local", "source": "{}"}}
TRACE = {"trace_id": "$trace"}
OLD_TRACE = {"request_id": "$trace"}
MODEL = {"model_id": "$logged_model"}
SET = {"dataset_id": "$dataset"}
CHAT = {"model": "$endpoint_name", "messages": [{"role": "user", "content": "hello"}]}
INPUT = {"model": "$endpoint_name", "input": "hello"}
HEAD = {"x-mlflow-experiment-id": "$experiment"}
SPANS = {"resourceSpans": [{"scopeSpans": [{"spans": "$spans"}]}]}
IN_FOLDER = {"artifact_path": "$file"}


def permissions(path, **thing):
    """The four operations on the rights of one kind of things."""
    path += "/permissions/"
    return {
        f"POST {path}create": send(MANAGE, **thing, username="$fresh_user", permission="READ"),
        f"GET {path}get": get(MANAGE, **thing, username="$reader"),
        f"PATCH {path}update": send(MANAGE, **thing, username="$reader", permission="READ"),
        f"DELETE {path}delete": send(MANAGE, **thing, username="$granted_user"),
    }


ROWS = {
    # Experiments
    f"POST {A}experiments/create": send(ANY, name="$unique"),
    f"GET {A}experiments/get": get(READ, experiment_id="$experiment"),
    f"GET {A}experiments/get-by-name": get(READ, experiment_name="$experiment_name"),
    f"POST {A}experiments/update": send(EDIT, experiment_id="$fresh_experiment", new_name="$unique"),
    f"POST {A}experiments/delete": send(MANAGE, experiment_id="$fresh_experiment"),
    f"POST {A}experiments/restore": send(MANAGE, experiment_id="$deleted_experiment"),
    f"GET {A}experiments/search": get(ANY, max_results="10"),
    f"POST {A}experiments/search": send(ANY, max_results=10),
    f"POST {A}experiments/set-experiment-tag": send(EDIT, experiment_id="$experiment", key="k", value="v"),
    f"POST {A}experiments/delete-experiment-tag": send(EDIT, experiment_id="$tagged_experiment", key="gone"),
    f"POST {J}experiments/search-datasets": send(READ, experiment_ids=["$experiment"]),
    # Runs
    f"POST {A}runs/create": send(EDIT, experiment_id="$experiment"),
    f"GET {A}runs/get": get(READ, run_id="$run"),
    f"POST {A}runs/update": send(EDIT, run_id="$run", run_name="renamed"),
    f"POST {A}runs/delete": send(MANAGE, run_id="$fresh_run"),
    f"POST {A}runs/restore": send(MANAGE, run_id="$deleted_run"),
    f"POST {A}runs/search": send(ANY, experiment_ids=["$experiment"]),
    f"POST {A}runs/log-metric": send(EDIT, run_id="$run", key="m", value=1, timestamp=1),
    f"POST {A}runs/log-parameter": send(EDIT, run_id="$run", key="$unique", value="1"),
    f"POST {A}runs/set-tag": send(EDIT, run_id="$run", key="k", value="v"),
    f"POST {A}runs/delete-tag": send(EDIT, run_id="$tagged_run", key="gone"),
    f"POST {A}runs/log-batch": send(EDIT, run_id="$run", metrics=[{"key": "m", "value": 1, "timestamp": 1}]),
    f"POST {A}runs/log-model": send(EDIT, run_id="$run", model_json="$model_json"),
    f"POST {A}runs/log-inputs": send(EDIT, run_id="$run", datasets=[DATASET]),
    f"POST {A}runs/outputs": send(EDIT, run_id="$run", models=[{"model_id": "$logged_model", "step": 1}]),
    f"GET {A}metrics/get-history": get(READ, run_id="$run", metric_key="m"),
    f"GET {J}metrics/get-history-bulk": get(READ, run_id="$run", metric_key="m"),
    f"GET {A}metrics/get-history-bulk-interval": get(READ, run_ids="$run", metric_key="m"),
    f"GET {A}artifacts/list": get(READ, run_id="$run"),
    f"POST {J}runs/create-promptlab-run": send(
        EDIT, experiment_id="$experiment", prompt_template="{{x}}", prompt_parameters=[{"key": "x", "value": "y"}], model_route="r",
        model_input="y", mlflow_version="3.8.2",
    ),
    # Logged models
    f"POST {A}logged-models": send(EDIT, experiment_id="$experiment"),
    f"POST {A}logged-models/search": send(ANY, experiment_ids=["$experiment"]),
    f"GET {A}logged-models/{{model_id}}": get(READ, path=MODEL),
    f"PATCH {A}logged-models/{{model_id}}": send(EDIT, path=MODEL, status="LOGGED_MODEL_READY"),
    f"DELETE {A}logged-models/{{model_id}}": send(MANAGE, path={"model_id": "$fresh_logged_model"}),
    f"POST {A}logged-models/{{model_id}}/params": send(EDIT, path=MODEL, params=[{"key": "$unique", "value": "1"}]),
    f"PATCH {A}logged-models/{{model_id}}/tags": send(EDIT, path=MODEL, tags=[{"key": "k", "value": "v"}]),
    f"DELETE {A}logged-models/{{model_id}}/tags/{{tag_key}}": send(MANAGE, path={"model_id": "$tagged_logged_model", "tag_key": "gone"}),
    f"GET {A}logged-models/{{model_id}}/artifacts/directories": get(READ, path=MODEL),
    f"GET {J}logged-models/{{model_id}}/artifacts/files": get(READ, ANSWERED, path=MODEL, artifact_file_path="none"),
    # The model registry
    f"POST {A}registered-models/create": send(ANY, name="$unique"),
    f"GET {A}registered-models/get": get(READ, name="$model"),
    f"PATCH {A}registered-models/update": send(EDIT, name="$model", description="d"),
    f"POST {A}registered-models/rename": send(EDIT, name="$fresh_model", new_name="$unique"),
    f"DELETE {A}registered-models/delete": send(MANAGE, name="$fresh_model"),
    f"GET {A}registered-models/search": get(ANY),
    f"POST {A}registered-models/get-latest-versions": send(READ, name="$model"),
    f"GET {A}registered-models/get-latest-versions": get(READ, name="$model"),
    f"POST {A}registered-models/set-tag": send(EDIT, name="$model", key="k", value="v"),
    f"DELETE {A}registered-models/delete-tag": send(EDIT, name="$model", key="k"),
    f"POST {A}registered-models/alias": send(EDIT, name="$model", alias="a", version="1"),
    f"DELETE {A}registered-models/alias": send(MANAGE, name="$model", alias="gone"),
    f"GET {A}registered-models/alias": get(READ, name="$model", alias="kept"),
    f"POST {A}model-versions/create": send(EDIT, name="$model", source="s3://bucket/model"),
    f"GET {A}model-versions/get": get(READ, name="$model", version="1"),
    f"PATCH {A}model-versions/update": send(EDIT, name="$model", version="1", description="d"),
    f"POST {A}model-versions/transition-stage": send(EDIT, name="$model", version="1", stage="Staging", archive_existing_versions=False),
    f"DELETE {A}model-versions/delete": send(MANAGE, name="$model", version="$fresh_version"),
    f"GET {A}model-versions/search": get(ANY),
    f"GET {A}model-versions/get-download-uri": get(READ, name="$model", version="1"),
    f"POST {A}model-versions/set-tag": send(EDIT, name="$model", version="1", key="k", value="v"),
    f"DELETE {A}model-versions/delete-tag": send(MANAGE, name="$model", version="1", key="k"),
    # Webhooks
    f"POST {A}webhooks": send(ADMIN, name="$unique", url="https://example.com/", events=[{"entity": "REGISTERED_MODEL", "action": "CREATED"}]),
    f"GET {A}webhooks": get(ADMIN),
    f"GET {A}webhooks/{{webhook_id}}": get(ADMIN, path={"webhook_id": "$webhook"}),
    f"PATCH {A}webhooks/{{webhook_id}}": send(ADMIN, path={"webhook_id": "$webhook"}, name="$unique"),
    f"DELETE {A}webhooks/{{webhook_id}}": send(ADMIN, path={"webhook_id": "$fresh_webhook"}),
    f"POST {A}webhooks/{{webhook_id}}/test": send(ADMIN, 404, path={"webhook_id": "none"}),
    # Evaluation datasets
    f"POST {A3}datasets/create": send(EDIT, name="$unique", experiment_ids=["$experiment"]),
    f"GET {A3}datasets/search": get(ANY, max_results="10"),
    f"POST {A3}datasets/search": send(ANY, max_results=10),
    f"GET {A3}datasets/{{dataset_id}}": get(READ, path=SET),
    f"DELETE {A3}datasets/{{dataset_id}}": send(MANAGE, path={"dataset_id": "$fresh_dataset"}),
    f"PATCH {A3}datasets/{{dataset_id}}/tags": send(EDIT, path=SET, tags='{"k": "v"}'),
    f"DELETE {A3}datasets/{{dataset_id}}/tags/{{key}}": send(EDIT, path={**SET, "key": "k"}),
    f"POST {A3}datasets/{{dataset_id}}/records": send(EDIT, path=SET, records='[{"inputs": {"q": 1}}]'),
    f"GET {A3}datasets/{{dataset_id}}/records": get(READ, path=SET),
    f"GET {A3}datasets/{{dataset_id}}/experiment-ids": get(READ, path=SET),
    f"POST {A3}datasets/{{dataset_id}}/add-experiments": send(EDIT, path=SET, experiment_ids=["$experiment"]),
    f"POST {A3}datasets/{{dataset_id}}/remove-experiments": send(EDIT, path={"dataset_id": "$fresh_dataset"}, experiment_ids=["$experiment"]),
    # Scorers
    f"POST {A3}scorers/register": send(EDIT, experiment_id="$experiment", name="$unique", serialized_scorer='{"a": 1}'),
    f"GET {A3}scorers/list": get(READ, experiment_id="$experiment"),
    f"GET {A3}scorers/versions": get(READ, experiment_id="$experiment", name="$scorer"),
    f"GET {A3}scorers/get": get(READ, experiment_id="$experiment", name="$scorer"),
    f"DELETE {A3}scorers/delete": send(MANAGE, experiment_id="$experiment", name="$fresh_scorer"),
    f"PUT {A3}scorers/online-config": send(EDIT, experiment_id="$experiment", name="$scorer", sample_rate=0),
    f"GET {A3}scorers/online-configs": get(READ, scorer_ids="$scorer_id"),
    f"POST {J3}scorer/invoke": send(
        EDIT, experiment_id="$experiment", trace_ids=["$trace"],
        serialized_scorer='{"name": "j", "instructions_judge_pydantic_data": {"instructions": "Is {{ outputs }} polite?", "model": "openai:/gpt"}}',
    ),
    # Traces
    "POST /v1/traces": Row(EDIT, headers=HEAD, body=SPANS),
    f"POST {A3}traces": send(EDIT, trace={"trace_info": INFO}),
    f"GET {A3}traces/{{trace_id}}": get(READ, path=TRACE),
    f"PATCH {A3}traces/{{trace_id}}/tags": send(EDIT, path=TRACE, key="k", value="v"),
    f"DELETE {A3}traces/{{trace_id}}/tags": send(EDIT, path={"trace_id": "$tagged_trace"}, key="gone"),
    f"POST {A3}traces/delete-traces": send(MANAGE, experiment_id="$experiment", request_ids=["none"]),
    f"POST {A}traces/delete-traces": send(MANAGE, experiment_id="$experiment", request_ids=["none"]),
    f"POST {A}traces/link-to-run": send(EDIT, trace_ids=["$trace"], run_id="$run"),
    f"POST {A}traces/link-prompts": send(EDIT, trace_id="$trace", prompt_versions=[{"name": "p", "version": "1"}]),
    f"POST {A}traces": send(EDIT, experiment_id="$experiment", timestamp_ms=1),
    f"PATCH {A}traces/{{request_id}}": send(EDIT, path=OLD_TRACE, timestamp_ms=1, status="OK"),
    f"GET {A}traces/{{request_id}}/info": get(READ, path=OLD_TRACE),
    f"PATCH {A}traces/{{request_id}}/tags": send(EDIT, path=OLD_TRACE, key="k", value="v"),
    f"DELETE {A}traces/{{request_id}}/tags": send(EDIT, path={"request_id": "$tagged_trace"}, key="gone"),
    f"POST {A3}traces/search": send(ANY, locations=[INFO["trace_location"]]),
    f"GET {A}traces": get(ANY, experiment_ids="$experiment"),
    f"POST {A3}traces/calculate-filter-correlation": send(
        ANY, experiment_ids=["$experiment"], filter_string1="trace.status = 'OK'", filter_string2="trace.status = 'ERROR'"
    ),
    f"GET {A3}traces/get": get(READ, trace_id="$exported_trace"),
    f"GET {A3}traces/batchGet": get(READ, trace_ids="$exported_trace"),
    f"POST {A3}traces/metrics": send(
        ANY, experiment_ids=["$experiment"], view_type="TRACES", metric_name="trace_count", aggregations=[{"aggregation_type": "COUNT"}]
    ),
    f"POST {A3}traces/{{trace_id}}/assessments": send(EDIT, path=TRACE, assessment=FEEDBACK),
    f"GET {A3}traces/{{trace_id}}/assessments/{{assessment_id}}": get(READ, path={**TRACE, "assessment_id": "$assessment"}),
    f"PATCH {A3}traces/{{trace_id}}/assessments/{{assessment_id}}": send(
        EDIT, path={**TRACE, "assessment_id": "$assessment"}, assessment=FEEDBACK, update_mask="feedback"
    ),
    f"DELETE {A3}traces/{{trace_id}}/assessments/{{assessment_id}}": send(EDIT, path={**TRACE, "assessment_id": "$fresh_assessment"}),
    f"GET {J}get-trace-artifact": get(READ, request_id="$exported_trace"),
    f"GET {J3}get-trace-artifact": get(READ, request_id="$exported_trace"),
    # The gateway
    f"POST {A3}gateway/secrets/create": send(ANY, secret_name="$unique", secret_value={"api_key": "sk-0123456789abcdef"}),
    f"GET {A3}gateway/secrets/get": get(READ, secret_id="$secret"),
    f"POST {A3}gateway/secrets/update": send(EDIT, secret_id="$secret", secret_value={"api_key": "sk-0123456789abcdef"}),
    f"DELETE {A3}gateway/secrets/delete": send(MANAGE, secret_id="$fresh_secret"),
    f"GET {A3}gateway/secrets/list": get(ANY),
    f"POST {A3}gateway/model-definitions/create": send(USE, name="$unique", secret_id="$secret", provider="openai", model_name="m"),
    f"GET {A3}gateway/model-definitions/get": get(READ, model_definition_id="$definition"),
    f"POST {A3}gateway/model-definitions/update": send(EDIT, model_definition_id="$definition", model_name="m"),
    f"DELETE {A3}gateway/model-definitions/delete": send(MANAGE, model_definition_id="$fresh_definition"),
    f"GET {A3}gateway/model-definitions/list": get(ANY),
    f"POST {A3}gateway/endpoints/create": send(
        USE, name="$unique", model_configs=[{"model_definition_id": "$definition", "linkage_type": "PRIMARY"}]
    ),
    f"GET {A3}gateway/endpoints/get": get(READ, endpoint_id="$endpoint"),
    f"POST {A3}gateway/endpoints/update": send(EDIT, endpoint_id="$fresh_endpoint", name="$unique"),
    f"DELETE {A3}gateway/endpoints/delete": send(MANAGE, endpoint_id="$fresh_endpoint"),
    f"GET {A3}gateway/endpoints/list": get(ANY),
    f"POST {A3}gateway/endpoints/models/attach": send(
        EDIT, endpoint_id="$fresh_endpoint", model_config={"model_definition_id": "$definition", "linkage_type": "FALLBACK"}
    ),
    f"POST {A3}gateway/endpoints/models/detach": send(EDIT, endpoint_id="$fresh_endpoint", model_definition_id="$definition"),
    f"POST {A3}gateway/endpoints/set-tag": send(EDIT, endpoint_id="$endpoint", key="k", value="v"),
    f"DELETE {A3}gateway/endpoints/delete-tag": send(EDIT, endpoint_id="$endpoint", key="k"),
    f"POST {A3}gateway/endpoints/bindings/create": send(EDIT, endpoint_id="$endpoint", resource_type="scorer_job", resource_id="$unique"),
    f"DELETE {A3}gateway/endpoints/bindings/delete": send(EDIT, endpoint_id="$endpoint", resource_type="scorer_job", resource_id="$bound"),
    f"GET {A3}gateway/endpoints/bindings/list": get(READ, endpoint_id="$endpoint"),
    f"GET {J3}gateway/supported-providers": get(ANY),
    f"GET {J3}gateway/supported-models": get(ANY),
    f"GET {J3}gateway/provider-config": get(ANY, provider="openai"),
    f"GET {J3}gateway/secrets/config": get(ANY),
    f"GET {A3}gateway/usage": get(ANY),
    "POST /gateway/{endpoint_name}/mlflow/invocations": send(
        USE, ANSWERED, path={"endpoint_name": "$endpoint_name"}, messages=CHAT["messages"]
    ),
    "POST /gateway/mlflow/v1/chat/completions": send(USE, ANSWERED, **CHAT),
    "POST /gateway/openai/v1/chat/completions": send(USE, ANSWERED, **CHAT),
    "POST /gateway/openai/v1/embeddings": send(USE, ANSWERED, **INPUT),
    "POST /gateway/openai/v1/responses": send(USE, ANSWERED, **INPUT),
    "POST /gateway/anthropic/v1/messages": send(USE, ANSWERED, **CHAT, max_tokens=1),
    "POST /gateway/gemini/v1beta/models/{endpoint_name}:generateContent": send(USE, ANSWERED, path={"endpoint_name": "$endpoint_name"}),
    "POST /gateway/gemini/v1beta/models/{endpoint_name}:streamGenerateContent": send(
        USE, ANSWERED, path={"endpoint_name": "$endpoint_name"}
    ),
    f"GET {J}gateway-proxy": get(ANY, gateway_path="api/2.0/endpoints"),
    f"POST {J}gateway-proxy": send(ANY, gateway_path="api/2.0/endpoints"),
    # Jobs
    f"POST {JOBS}/": send(EDIT, job_name="echo", params={"experiment_id": "$experiment"}),
    f"POST {JOBS}": send(EDIT, job_name="echo", params={"experiment_id": "$experiment"}),
    f"POST {JOBS}/search": send(ANY),
    f"GET {JOBS}/{{job_id}}": get(READ, path={"job_id": "$job"}),
    f"GET {JOBS}/{{job_id}}/log": get(READ, path={"job_id": "$job"}),
    f"PATCH {JOBS}/cancel/{{job_id}}": send(EDIT, path={"job_id": "$fresh_job"}),
    # Artifacts
    f"GET {FILES}artifacts": get(READ, path_="$folder"),
    f"GET {FILES}artifacts/{{artifact_path...}}": get(READ, path=IN_FOLDER),
    f"PUT {FILES}artifacts/{{artifact_path...}}": Row(EDIT, path={"artifact_path": "$new_file"}, data=b"hello"),
    f"DELETE {FILES}artifacts/{{artifact_path...}}": Row(MANAGE, path={"artifact_path": "$fresh_file"}),
    f"POST {FILES}mpu/create/{{artifact_path...}}": send(EDIT, 501, path={"artifact_path": "$folder"}, path_="x", num_parts=1),
    f"POST {FILES}mpu/complete/{{artifact_path...}}": send(
        EDIT, 501, path={"artifact_path": "$folder"}, path_="x", upload_id="u", parts=[{"part_number": 1, "etag": "e"}]
    ),
    f"POST {FILES}mpu/abort/{{artifact_path...}}": send(EDIT, 501, path={"artifact_path": "$folder"}, path_="x", upload_id="u"),
    f"GET {FILES}presigned/{{artifact_path...}}": get(READ, 501, path=IN_FOLDER),
    "GET /get-artifact": get(READ, run_id="$run", path_="kept.txt"),
    f"POST {J}upload-artifact": Row(EDIT, query={"run_uuid": "$run", "path": "kept.txt"}, data=b"hello"),
    "GET /model-versions/get-artifact": get(READ, ANSWERED, name="$model", version="1", path_="none"),
    # The server
    "GET /health": get(PUBLIC),
    "GET /version": get(PUBLIC),
    f"GET {J3}ui-telemetry": get(ANY),
    f"POST {J3}ui-telemetry": send(ANY),
    "GET /metrics": get(ANY),
    "GET /graphql": get(ANY, query="{ __typename }"),
    "POST /graphql": send(ANY, query="{ __typename }"),
    # Users and rights
    f"POST {A}users/create": send(ADMIN, username="$unique", password="a long enough one"),
    f"GET {A}users/get": get(ADMIN, username="$fresh_user"),
    f"PATCH {A}users/update-password": send(ADMIN, username="$fresh_user", password="a long enough one"),
    f"PATCH {A}users/update-admin": send(ADMIN, username="$fresh_user", is_admin=True),
    f"DELETE {A}users/delete": send(ADMIN, username="$fresh_user"),
    "POST /api/3.0/tracklight/login": send(PUBLIC, ANSWERED, username="nobody", password="nothing"),
    "POST /api/3.0/tracklight/logout": send(ANY),
    "GET /api/3.0/tracklight/session": get(ANY),
    "GET /api/3.0/tracklight/users": get(ADMIN),
    "GET /api/3.0/tracklight/users/grants": get(ADMIN, username="$fresh_user"),
    "GET /signup": get(ADMIN),
    f"POST {A}users/create-ui": Row(ADMIN, 400, data=b"username=x", headers={"Content-Type": "application/x-www-form-urlencoded"}),
    **permissions(A + "experiments", experiment_id="$experiment"),
    **permissions(A + "registered-models", name="$model"),
    **permissions(A3 + "scorers", experiment_id="$experiment", scorer_name="$scorer"),
    **permissions(A3 + "gateway/secrets", secret_id="$secret"),
    **permissions(A3 + "gateway/endpoints", endpoint_id="$endpoint"),
    **permissions(A3 + "gateway/model-definitions", model_definition_id="$definition"),
    # Workers of jobs are no users: their own token lets them in
    **{f"POST {WORKERS}{what}": send(PUBLIC, ANSWERED) for what in ("start", "stop", "take", "wait", "report")},
}
