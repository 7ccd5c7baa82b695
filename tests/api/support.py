"""A running suite, a client for it, and the shapes of its replies."""

import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import threading
import time

import requests

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", "build"))
if not BUILD.is_absolute():
    BUILD = ROOT / BUILD

TAIL = " See the API docs for more information about request parameters."
SANITIZER_REPORT = re.compile(
    rb"ERROR: (Address|Leak|Memory|Thread)Sanitizer|WARNING: ThreadSanitizer|[^ ]+:\d+:\d+: runtime error:"
)


def missing(name):
    return f"Missing value for required parameter '{name}'.{TAIL}"


def invalid(value, name):
    kind = type(value).__name__ if value is not None else "NoneType"
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return f"Invalid value {text} for parameter '{name}' supplied:  Hint: Value was of type '{kind}'.{TAIL}"


# --- Shapes of replies ---

TEXT = str
WHOLE = int
REAL = "double"  # a JSON number with a fraction or exponent, or "NaN"
ID = re.compile(r"\d+")
RUN_ID = re.compile(r"[0-9a-f]{32}")


class Maybe:
    """A list that may be empty; every other list is left out when it has no items."""

    def __init__(self, item):
        self.item = item


class Any:
    """Whatever JSON holds."""


class Map:
    """An object of texts."""


def check_shape(value, shape, where="reply"):
    """Fails unless `value` has exactly the keys and types of `shape`; a key that ends with ? may be absent."""
    if shape is Any:
        pass
    elif shape is Map:
        assert type(value) is dict and value, f"{where}: {value!r} is no object, or an empty one"
        assert all(type(item) is str for item in value.values()), f"{where}: {value!r} has more than texts"
    elif shape is REAL:
        assert type(value) is float or value == "NaN", f"{where}: {value!r} is no double"
    elif shape is TEXT or shape is WHOLE:
        assert type(value) is shape, f"{where}: {value!r} is no {shape.__name__}"
    elif isinstance(shape, re.Pattern):
        assert type(value) is str and shape.fullmatch(value), f"{where}: {value!r} is not like {shape.pattern}"
    elif isinstance(shape, (set, frozenset)):
        assert value in shape, f"{where}: {value!r} is none of {sorted(shape)}"
    elif isinstance(shape, Maybe):
        assert type(value) is list, f"{where}: {value!r} is no list"
        for i, item in enumerate(value):
            check_shape(item, shape.item, f"{where}[{i}]")
    elif isinstance(shape, list):
        assert value, f"{where}: an empty list is left out"
        check_shape(value, Maybe(shape[0]), where)
    else:
        assert type(value) is dict, f"{where}: {value!r} is no object"
        known = {key.rstrip("?") for key in shape}
        required = {key for key in shape if not key.endswith("?")}
        assert required <= set(value), f"{where}: lacks {sorted(required - set(value))}"
        assert set(value) <= known, f"{where}: has unknown {sorted(set(value) - known)}"
        for key, inner in shape.items():
            name = key.rstrip("?")
            if name in value:
                check_shape(value[name], inner, f"{where}.{name}")


KEY_VALUE = {"key": TEXT, "value": TEXT}
EXPERIMENT = {
    "experiment_id": ID,
    "name": TEXT,
    "artifact_location": TEXT,
    "lifecycle_stage": {"active", "deleted"},
    "creation_time": WHOLE,
    "last_update_time": WHOLE,
    "tags?": [KEY_VALUE],
}
METRIC = {"key": TEXT, "value": REAL, "timestamp": WHOLE, "step": WHOLE}
RUN_INFO = {
    "run_id": RUN_ID,
    "run_uuid": RUN_ID,
    "experiment_id": ID,
    "run_name": TEXT,
    "user_id": TEXT,
    "status": {"RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"},
    "start_time": WHOLE,
    "end_time?": WHOLE,
    "artifact_uri": TEXT,
    "lifecycle_stage": {"active", "deleted"},
}
RUN_DATA = {"metrics?": [METRIC], "params?": [KEY_VALUE], "tags?": [KEY_VALUE]}
DATASET = {
    "name": TEXT,
    "digest": TEXT,
    "source_type": TEXT,
    "source": TEXT,
    "schema?": TEXT,
    "profile?": TEXT,
}
DATASET_INPUT = {"dataset": DATASET, "tags?": [KEY_VALUE]}
OUTPUTS = {"model_outputs?": [{"model_id": TEXT, "step": WHOLE}]}
RUN_FOUND = {
    "info": RUN_INFO,
    "data": RUN_DATA,
    "inputs": {"dataset_inputs?": [DATASET_INPUT]},
    "outputs": OUTPUTS,
}
RUN = {
    "info": RUN_INFO,
    "data": RUN_DATA,
    "inputs": {"dataset_inputs?": [DATASET_INPUT], "model_inputs?": [{"model_id": TEXT}]},
    "outputs": OUTPUTS,
}
RUN_CREATED = {"info": RUN_INFO, "data": RUN_DATA, "inputs": {}}
NEXT = {"next_page_token?": TEXT}
BULK_METRIC = {**METRIC, "run_id": RUN_ID}
MODEL_ID = re.compile(r"m-[0-9a-f]{32}")
LOGGED_MODEL = {
    "info": {
        "model_id": MODEL_ID,
        "experiment_id": ID,
        "name": TEXT,
        "creation_timestamp_ms": WHOLE,
        "last_updated_timestamp_ms": WHOLE,
        "artifact_uri": TEXT,
        "status": {
            "LOGGED_MODEL_STATUS_UNSPECIFIED",
            "LOGGED_MODEL_PENDING",
            "LOGGED_MODEL_READY",
            "LOGGED_MODEL_UPLOAD_FAILED",
        },
        "model_type": TEXT,
        "source_run_id": TEXT,
        "tags?": [KEY_VALUE],
    },
    "data": {
        "params?": [KEY_VALUE],
        "metrics?": [{**BULK_METRIC, "model_id": MODEL_ID, "dataset_name?": TEXT, "dataset_digest?": TEXT}],
    },
}
MODEL_VERSION = {
    "name": TEXT,
    "version": ID,
    "creation_timestamp": WHOLE,
    "last_updated_timestamp": WHOLE,
    "current_stage": {"None", "Staging", "Production", "Archived"},
    "description?": TEXT,
    "source": TEXT,
    "run_id": TEXT,
    "run_link": TEXT,
    "status": {"READY"},
    "tags?": [KEY_VALUE],
}
MODEL_VERSION_WHOLE = {**MODEL_VERSION, "aliases?": [TEXT]}
REGISTERED_MODEL = {
    "name": TEXT,
    "creation_timestamp": WHOLE,
    "last_updated_timestamp": WHOLE,
    "description?": TEXT,
    "latest_versions?": [MODEL_VERSION],
    "tags?": [KEY_VALUE],
    "aliases?": [{"alias": TEXT, "version": ID}],
}
FILE = {"path": TEXT, "is_dir": {True, False}, "file_size?": WHOLE}
WEBHOOK = {
    "webhook_id": re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"),
    "name": TEXT,
    "description?": TEXT,
    "url": TEXT,
    "events": [{"entity": re.compile("[A-Z_]+"), "action": {"CREATED", "DELETED", "SET"}}],
    "status": {"ACTIVE", "DISABLED"},
    "creation_timestamp": WHOLE,
    "last_updated_timestamp": WHOLE,
}
EVALUATION_DATASET = {
    "dataset_id": re.compile(r"d-[0-9a-f]{32}"),
    "name": TEXT,
    "tags": TEXT,
    "schema?": TEXT,
    "profile?": TEXT,
    "digest": re.compile(r"[0-9a-f]{8}"),
    "created_time": WHOLE,
    "last_update_time": WHOLE,
    "created_by?": TEXT,
    "last_updated_by?": TEXT,
}
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
SCORER = {
    "experiment_id": WHOLE,
    "scorer_name": TEXT,
    "scorer_version": WHOLE,
    "serialized_scorer": TEXT,
    "creation_time": WHOLE,
    "scorer_id": UUID,
}
ONLINE_CONFIG = {
    "online_scoring_config_id": re.compile(r"[0-9a-f]{32}"),
    "scorer_id": UUID,
    "sample_rate": REAL,
    "experiment_id": ID,
    "filter_string?": TEXT,
}
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
SECONDS = re.compile(r"-?\d+(\.\d{3})?s")
ASSESSMENT = {
    "assessment_id": TEXT,
    "assessment_name": TEXT,
    "trace_id": TEXT,
    "span_id?": TEXT,
    "source": {"source_type": {"SOURCE_TYPE_UNSPECIFIED", "HUMAN", "LLM_JUDGE", "CODE"}, "source_id?": TEXT},
    "create_time": RFC_3339,
    "last_update_time": RFC_3339,
    "feedback?": {
        "value": Any,
        "error?": {"error_code?": TEXT, "error_message?": TEXT, "stack_trace?": TEXT},
    },
    "expectation?": {"value?": Any, "serialized_value?": {"serialization_format": {"JSON_FORMAT"}, "value": TEXT}},
    "rationale?": TEXT,
    "metadata?": Map,
    "overrides?": TEXT,
    "valid": {True, False},
}
TRACE_INFO = {
    "trace_id": TEXT,
    "client_request_id?": TEXT,
    "trace_location": {"type": {"MLFLOW_EXPERIMENT"}, "mlflow_experiment": {"experiment_id": ID}},
    "request_preview?": TEXT,
    "response_preview?": TEXT,
    "request_time": RFC_3339,
    "execution_duration?": SECONDS,
    "state": {"STATE_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS"},
    "trace_metadata?": Map,
    "tags?": Map,
    "assessments?": [ASSESSMENT],
}
TRACE_INFO_2 = {
    "request_id": TEXT,
    "experiment_id": ID,
    "timestamp_ms": WHOLE,
    "execution_time_ms": WHOLE,
    "status": {"TRACE_STATUS_UNSPECIFIED", "OK", "ERROR", "IN_PROGRESS"},
    "request_metadata?": [KEY_VALUE],
    "tags?": [KEY_VALUE],
}
BASE64_ID = re.compile(r"[A-Za-z0-9+/]+=*")
ATTRIBUTE = {"key": TEXT, "value?": Any}
SPAN = {
    "trace_id": BASE64_ID,
    "span_id": BASE64_ID,
    "parent_span_id?": BASE64_ID,
    "name?": TEXT,
    "start_time_unix_nano?": WHOLE,
    "end_time_unix_nano?": WHOLE,
    "attributes?": [ATTRIBUTE],
    "events?": [{"time_unix_nano": WHOLE, "name?": TEXT, "attributes?": [ATTRIBUTE]}],
    "status": {"code?": {"STATUS_CODE_OK", "STATUS_CODE_ERROR"}, "message?": TEXT},
}
WHOLE_TRACE = {"trace_info": TRACE_INFO, "spans?": [SPAN]}
HEX = "[0-9a-f]{32}"
AUDIT = {"created_at": WHOLE, "last_updated_at": WHOLE, "created_by?": TEXT, "last_updated_by?": TEXT}
GATEWAY_SECRET = {
    "secret_id": re.compile("s-" + HEX),
    "secret_name": TEXT,
    "masked_values": Map,
    "provider?": TEXT,
    "auth_config?": Map,
    **AUDIT,
}
GATEWAY_MODEL = {
    "model_definition_id": re.compile("d-" + HEX),
    "name": TEXT,
    "secret_id?": re.compile("s-" + HEX),
    "secret_name?": TEXT,
    "provider": TEXT,
    "model_name": TEXT,
    **AUDIT,
}
GATEWAY_MAPPING = {
    "mapping_id": re.compile("m-" + HEX),
    "endpoint_id": re.compile("e-" + HEX),
    "model_definition_id": re.compile("d-" + HEX),
    "model_definition": GATEWAY_MODEL,
    "weight": REAL,
    "created_at": WHOLE,
    "created_by?": TEXT,
    "linkage_type": {"PRIMARY", "FALLBACK"},
    "fallback_order?": WHOLE,
}
GATEWAY_ENDPOINT = {
    "endpoint_id": re.compile("e-" + HEX),
    "name": TEXT,
    "created_at": WHOLE,
    "last_updated_at": WHOLE,
    "created_by": TEXT,
    "last_updated_by": TEXT,
    "model_mappings?": [GATEWAY_MAPPING],
    "tags?": [KEY_VALUE],
    "routing_strategy?": {"REQUEST_BASED_TRAFFIC_SPLIT"},
    "fallback_config?": {"strategy?": {"SEQUENTIAL"}, "max_attempts?": WHOLE},
}
GATEWAY_BINDING = {"endpoint_id": re.compile("e-" + HEX), "resource_type": {"scorer_job"}, "resource_id": TEXT, **AUDIT}
AUTH_FIELD = {"name": TEXT, "type": {"string"}, "description": TEXT, "required": {True, False}, "default?": TEXT}
GATEWAY_SHAPES = {
    "gateway/secrets/create": {"secret": GATEWAY_SECRET},
    "gateway/secrets/get": {"secret": GATEWAY_SECRET},
    "gateway/secrets/update": {"secret": GATEWAY_SECRET},
    "gateway/secrets/delete": {},
    "gateway/secrets/list": {"secrets?": [GATEWAY_SECRET]},
    "gateway/secrets/config": {"secrets_available": {True}, "using_default_passphrase": {True, False}},
    "gateway/model-definitions/create": {"model_definition": GATEWAY_MODEL},
    "gateway/model-definitions/get": {"model_definition": GATEWAY_MODEL},
    "gateway/model-definitions/update": {"model_definition": GATEWAY_MODEL},
    "gateway/model-definitions/delete": {},
    "gateway/model-definitions/list": {"model_definitions?": [GATEWAY_MODEL]},
    "gateway/endpoints/create": {"endpoint": GATEWAY_ENDPOINT},
    "gateway/endpoints/get": {"endpoint": GATEWAY_ENDPOINT},
    "gateway/endpoints/update": {"endpoint": GATEWAY_ENDPOINT},
    "gateway/endpoints/delete": {},
    "gateway/endpoints/list": {"endpoints?": [GATEWAY_ENDPOINT]},
    "gateway/endpoints/models/attach": {"mapping": GATEWAY_MAPPING},
    "gateway/endpoints/models/detach": {},
    "gateway/endpoints/bindings/create": {"binding": GATEWAY_BINDING},
    "gateway/endpoints/bindings/delete": {},
    "gateway/endpoints/bindings/list": {"bindings?": [GATEWAY_BINDING]},
    "gateway/endpoints/set-tag": {},
    "gateway/endpoints/delete-tag": {},
    "gateway/supported-providers": {"providers": [TEXT]},
    "gateway/supported-models": {"models": Maybe(Any)},
    "gateway/provider-config": {
        "auth_modes": [
            {
                "mode": TEXT,
                "display_name": TEXT,
                "description": TEXT,
                "secret_fields": [AUTH_FIELD],
                "config_fields": Maybe(AUTH_FIELD),
            }
        ],
        "default_mode": TEXT,
    },
    "gateway/usage": {"since": WHOLE, "until": WHOLE, "bucket_ms": WHOLE, "usage": Maybe(Any)},
}

LEVEL = {"READ", "USE", "EDIT", "MANAGE", "NO_PERMISSIONS"}
LEVEL_OF_USER = {"permission": LEVEL, "user_id": WHOLE}
# path -> key and row of a reply
PERMISSIONS = {
    "experiments": ("experiment_permission", {"experiment_id": TEXT, **LEVEL_OF_USER}),
    "registered-models": ("registered_model_permission", {"name": TEXT, **LEVEL_OF_USER}),
    "scorers": ("scorer_permission", {"experiment_id": TEXT, "scorer_name": TEXT, **LEVEL_OF_USER}),
    "gateway/secrets": ("gateway_secret_permission", {"secret_id": TEXT, **LEVEL_OF_USER}),
    "gateway/endpoints": ("gateway_endpoint_permission", {"endpoint_id": TEXT, **LEVEL_OF_USER}),
    "gateway/model-definitions": (
        "gateway_model_definition_permission",
        {"model_definition_id": TEXT, **LEVEL_OF_USER},
    ),
}
USER = {
    "id": WHOLE,
    "username": TEXT,
    "is_admin": {True, False},
    "experiment_permissions": Maybe(PERMISSIONS["experiments"][1]),
    "registered_model_permissions": Maybe(PERMISSIONS["registered-models"][1]),
    "scorer_permissions": Maybe(PERMISSIONS["scorers"][1]),
}

SHAPES = {
    **GATEWAY_SHAPES,
    "experiments/create": {"experiment_id": ID},
    "experiments/get": {"experiment": EXPERIMENT},
    "experiments/get-by-name": {"experiment": EXPERIMENT},
    "experiments/search": {"experiments?": [EXPERIMENT], **NEXT},
    "experiments/update": {},
    "experiments/delete": {},
    "experiments/restore": {},
    "experiments/set-experiment-tag": {},
    "experiments/delete-experiment-tag": {},
    "experiments/search-datasets": {
        "dataset_summaries?": [{"experiment_id": ID, "name": TEXT, "digest": TEXT, "context?": TEXT}]
    },
    "runs/create": {"run": RUN_CREATED},
    "runs/get": {"run": RUN},
    "runs/update": {"run_info": RUN_INFO},
    "runs/delete": {},
    "runs/restore": {},
    "runs/search": {"runs?": [RUN_FOUND], **NEXT},
    "runs/log-metric": {},
    "runs/log-parameter": {},
    "runs/set-tag": {},
    "runs/delete-tag": {},
    "runs/log-batch": {},
    "runs/log-inputs": {},
    "runs/outputs": {},
    "runs/log-model": {},
    "runs/create-promptlab-run": {"run": RUN},
    "metrics/get-history": {"metrics?": [METRIC], **NEXT},
    "metrics/get-history-bulk": {"metrics": Maybe(BULK_METRIC)},
    "metrics/get-history-bulk-interval": {"metrics?": [BULK_METRIC]},
    "artifacts/list": {"root_uri": TEXT, "files?": [FILE]},
    "registered-models/create": {"registered_model": REGISTERED_MODEL},
    "registered-models/get": {"registered_model": REGISTERED_MODEL},
    "registered-models/update": {"registered_model": REGISTERED_MODEL},
    "registered-models/rename": {"registered_model": REGISTERED_MODEL},
    "registered-models/delete": {},
    "registered-models/search": {"registered_models?": [REGISTERED_MODEL], **NEXT},
    "registered-models/get-latest-versions": {"model_versions?": [MODEL_VERSION_WHOLE]},
    "registered-models/set-tag": {},
    "registered-models/delete-tag": {},
    ("GET", "registered-models/alias"): {"model_version": MODEL_VERSION_WHOLE},
    "registered-models/alias": {},
    "model-versions/create": {"model_version": MODEL_VERSION_WHOLE},
    "model-versions/get": {"model_version": MODEL_VERSION_WHOLE},
    "model-versions/update": {"model_version": MODEL_VERSION_WHOLE},
    "model-versions/transition-stage": {"model_version": MODEL_VERSION_WHOLE},
    "model-versions/delete": {},
    "model-versions/search": {"model_versions?": [MODEL_VERSION], **NEXT},
    "model-versions/get-download-uri": {"artifact_uri": TEXT},
    "model-versions/set-tag": {},
    "model-versions/delete-tag": {},
    "logged-models": {"model": LOGGED_MODEL},
    "logged-models/search": {"models?": [LOGGED_MODEL], **NEXT},
    ("GET", "logged-models/{model_id}"): {"model": LOGGED_MODEL},
    ("PATCH", "logged-models/{model_id}"): {"model": LOGGED_MODEL},
    ("DELETE", "logged-models/{model_id}"): {},
    "logged-models/{model_id}/params": {},
    "logged-models/{model_id}/tags": {},
    "logged-models/{model_id}/tags/{tag_key}": {},
    ("GET", "webhooks"): {"webhooks?": [WEBHOOK], **NEXT},
    ("POST", "webhooks"): {"webhook": WEBHOOK},
    ("GET", "webhooks/{webhook_id}"): {"webhook": WEBHOOK},
    ("PATCH", "webhooks/{webhook_id}"): {"webhook": WEBHOOK},
    ("DELETE", "webhooks/{webhook_id}"): {},
    "webhooks/{webhook_id}/test": {
        "result": {"success": {True, False}, "response_status?": WHOLE, "response_body?": TEXT, "error_message?": TEXT}
    },
    "users/create": {"user": USER},
    "users/get": {"user": USER},
    "users/update-password": {},
    "users/update-admin": {},
    "users/delete": {},
    **{
        f"{path}/permissions/{verb}": shape
        for path, (key, row) in PERMISSIONS.items()
        for verb, shape in {"create": {key: row}, "get": {key: row}, "update": {}, "delete": {}}.items()
    },
    "logged-models/{model_id}/artifacts/directories": {"root_uri": TEXT, "files?": [FILE]},
    "datasets/create": {"dataset": {**EVALUATION_DATASET, "experiment_ids?": [ID]}},
    "datasets/search": {"datasets?": [EVALUATION_DATASET], **NEXT},
    ("GET", "datasets/{dataset_id}"): {"dataset": EVALUATION_DATASET},
    ("DELETE", "datasets/{dataset_id}"): {},
    "datasets/{dataset_id}/tags": {},
    "datasets/{dataset_id}/tags/{key}": {},
    ("GET", "datasets/{dataset_id}/records"): {"records": TEXT, **NEXT},
    ("POST", "datasets/{dataset_id}/records"): {"inserted_count": WHOLE, "updated_count": WHOLE},
    "datasets/{dataset_id}/experiment-ids": {"experiment_ids?": [ID]},
    "datasets/{dataset_id}/add-experiments": {"dataset": EVALUATION_DATASET},
    "datasets/{dataset_id}/remove-experiments": {"dataset": EVALUATION_DATASET},
    "scorers/register": {
        "version": WHOLE,
        "scorer_id": UUID,
        "experiment_id": ID,
        "name": TEXT,
        "serialized_scorer": TEXT,
        "creation_time": WHOLE,
    },
    "scorers/list": {"scorers?": [SCORER]},
    "scorers/versions": {"scorers": [SCORER]},
    "scorers/get": {"scorer": SCORER},
    "scorers/delete": {},
    "scorers/online-config": {"config": ONLINE_CONFIG},
    "scorers/online-configs": {"configs": Maybe(ONLINE_CONFIG)},
    "traces/get": {"trace": WHOLE_TRACE},
    "traces/batchGet": {"traces?": [WHOLE_TRACE]},
    "traces/delete-traces": {"traces_deleted": WHOLE},
    "traces/link-to-run": {},
    "traces/metrics": {"data_points?": [{"metric_name": TEXT, "dimensions?": Map, "values": Any}]},
    "traces/link-prompts": {},
    ("PATCH", "traces/{request_id}"): {"trace_info": TRACE_INFO_2},
    "traces/{request_id}/info": {"trace_info": TRACE_INFO_2},
    "traces/{trace_id}/tags": {},
    ("GET", "traces/{trace_id}"): {"trace": {"trace_info": TRACE_INFO}},
    "traces/{trace_id}/assessments": {"assessment": ASSESSMENT},
    ("GET", "traces/{trace_id}/assessments/{assessment_id}"): {"assessment": ASSESSMENT},
    ("PATCH", "traces/{trace_id}/assessments/{assessment_id}"): {"assessment": ASSESSMENT},
    ("DELETE", "traces/{trace_id}/assessments/{assessment_id}"): {},
}


def fits(template, path):
    """Whether a path is one of an operation, whose parameters are in braces and span no slash."""
    return re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path) is not None


def shape_of(method, path):
    """The shape of a success; None for a path without one."""
    if (method, path) in SHAPES or path in SHAPES:
        return SHAPES.get((method, path), SHAPES.get(path))
    for key, shape in SHAPES.items():
        known_method, template = key if isinstance(key, tuple) else (method, key)
        if "{" in template and known_method == method and fits(template, path):
            return shape
    return None


API = "/api/2.0/mlflow/"
AJAX = "/ajax-api/2.0/mlflow/"
API_3 = "/api/3.0/mlflow/"
AJAX_3 = "/ajax-api/3.0/mlflow/"

# (method, path) -> statuses seen, over the whole session; test_operations.py reads it.
EXERCISED = {}
EXERCISED_LOCK = threading.Lock()


def strict_json(text):
    def refuse(token):
        raise ValueError(f"{token} is not JSON")

    return json.loads(text, parse_constant=refuse)


class Reply:
    def __init__(self, method, path, response):
        self.method = method
        self.path = path
        self.status = response.status_code
        self.headers = response.headers
        self.bytes = response.content
        self.response = response

    @property
    def text(self):
        return self.bytes.decode()

    @property
    def json(self):
        return strict_json(self.text)

    def __repr__(self):
        return f"{self.method} {self.path} -> {self.status} {self.bytes[:600]!r}"

    def check_success_shape(self):
        """Every JSON success of a known operation has the documented keys and types, whatever the test is about."""
        for root in (API, AJAX, API_3, AJAX_3):
            shape = shape_of(self.method, self.path[len(root) :]) if self.path.startswith(root) else None
            if shape is not None and self.method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
                assert self.headers["content-type"] == "application/json", self
                check_shape(self.json, shape, self.path)

    def ok(self):
        assert self.status == 200, self
        return self.json


def expect_error(reply, status, code, message=None):
    """The reply is an error with exactly this status, code and message (a text, or a compiled pattern)."""
    assert reply.status == status, reply
    assert reply.headers.get("content-type") == "application/json", reply.headers
    body = reply.json
    check_shape(body, {"error_code": TEXT, "message": TEXT}, "error")
    assert body["error_code"] == code, reply
    if isinstance(message, re.Pattern):
        assert message.search(body["message"]), reply
    elif message is not None:
        assert body["message"] == message
    return body["message"]


def expect_invalid(reply, message=None):
    return expect_error(reply, 400, "INVALID_PARAMETER_VALUE", message)


class Api:
    """HTTP to one server. Not to be shared between threads: take clone()."""

    def __init__(self, url):
        self.url = url
        self.session = requests.Session()
        self.session.trust_env = False

    def clone(self):
        return Api(self.url)

    def request(self, method, path, may_be_5xx=False, **options):
        options.setdefault("timeout", 60)
        options.setdefault("allow_redirects", False)
        reply = Reply(method, path, self.session.request(method, self.url + path, **options))
        with EXERCISED_LOCK:
            EXERCISED.setdefault((method, path), set()).add(reply.status)
        assert reply.status < 500 or may_be_5xx, reply
        if reply.status == 200:
            reply.check_success_shape()
        return reply

    def post(self, path, body, root=API, **options):
        return self.request("POST", root + path, json=body, **options)

    def patch(self, path, body, root=API, **options):
        return self.request("PATCH", root + path, json=body, **options)

    def delete(self, path, body, root=API, **options):
        return self.request("DELETE", root + path, json=body, **options)

    def post_bytes(self, path, data, content_type="application/json", root=API):
        headers = {"Content-Type": content_type} if content_type is not None else {}
        return self.request("POST", root + path, data=data, headers=headers)

    def get(self, path, query=None, root=API, **options):
        return self.request("GET", root + path, params=query, **options)

    # What nearly every test needs.

    def experiment(self, name=None, **fields):
        return self.post("experiments/create", {"name": name or unique("exp"), **fields}).ok()["experiment_id"]

    def run(self, experiment_id="0", **fields):
        return self.post("runs/create", {"experiment_id": experiment_id, **fields}).ok()["run"]["info"]["run_id"]

    def registered_model(self, name=None, **fields):
        """The name of a fresh registered model."""
        name = name or unique("model")
        self.post("registered-models/create", {"name": name, **fields}).ok()
        return name

    def model_version(self, name, source="s3://bucket/model", **fields):
        """The number of a fresh version, as text."""
        body = {"name": name, "source": source, **fields}
        return self.post("model-versions/create", body).ok()["model_version"]["version"]

    def get_registered_model(self, name):
        return self.get("registered-models/get", {"name": name}).ok()["registered_model"]

    def get_model_version(self, name, version):
        return self.get("model-versions/get", {"name": name, "version": str(version)}).ok()["model_version"]

    def get_run(self, run_id):
        return self.get("runs/get", {"run_id": run_id}).ok()["run"]

    def get_experiment(self, experiment_id):
        return self.get("experiments/get", {"experiment_id": experiment_id}).ok()["experiment"]

    def metric(self, run_id, key, value, timestamp=0, step=0, **more):
        body = {"run_id": run_id, "key": key, "value": value, "timestamp": timestamp, "step": step, **more}
        return self.post("runs/log-metric", body).ok()

    def latest(self, run_id):
        """key -> (value, timestamp, step)"""
        metrics = self.get_run(run_id)["data"].get("metrics", [])
        return {m["key"]: (m["value"], m["timestamp"], m["step"]) for m in metrics}

    def model(self, experiment_id, **fields):
        """The id of a fresh logged model."""
        reply = self.post("logged-models", {"experiment_id": experiment_id, **fields}).ok()
        return reply["model"]["info"]["model_id"]

    def get_model(self, model_id, **query):
        return self.get(f"logged-models/{model_id}", query).ok()["model"]

    def params(self, run_id):
        return pairs(self.get_run(run_id)["data"].get("params"))

    def tags(self, run_id):
        return pairs(self.get_run(run_id)["data"].get("tags"))

    def history(self, run_id, key, **more):
        """[(timestamp, step, value)] in the server's order"""
        query = {"run_id": run_id, "metric_key": key, **more}
        found = self.get("metrics/get-history", query).ok().get("metrics", [])
        assert all(m["key"] == key for m in found)
        return [(m["timestamp"], m["step"], m["value"]) for m in found]


def pairs(items):
    found = {item["key"]: item["value"] for item in items or []}
    assert len(found) == len(items or []), "a key twice"
    return found


_counter = 0
_counter_lock = threading.Lock()


def unique(prefix):
    global _counter
    with _counter_lock:
        _counter += 1
        return f"{prefix}-{os.getpid()}-{_counter}"


# --- A running suite ---


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def session_members(session):
    """pid -> command line of every living process of a session."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
            if int(fields[3]) == session and fields[0] not in "ZX":
                found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
        except (OSError, ValueError, IndexError):
            continue
    return found


class Server:
    """`tracklight server` in a directory of its own, in a session of its own."""

    START_SECONDS = 30
    STOP_SECONDS = 40

    def __init__(self, directory, *options, backend=True, environment=None, health="/health", wait=True):
        self.directory = pathlib.Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database = self.directory / "t.db"
        self.log = self.directory / "server.log"
        self.health = health
        self.command = [str(BUILD / "bin" / "tracklight"), "server", "--host", "127.0.0.1", "--port", str(self.port)]
        if backend:
            self.command += ["--backend-store-uri", f"sqlite:///{self.database}"]
        self.command += options
        self.environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("MLFLOW_", "TRACKLIGHT_")) and name not in ("DO_NOT_TRACK", "BUILD")
        }
        for sanitizer in ("ASAN", "UBSAN", "TSAN", "LSAN"):
            name = f"{sanitizer}_OPTIONS"
            options_before = self.environment.get(name, "")
            self.environment[name] = f"{options_before}:log_path={self.directory}/sanitizer".lstrip(":")
        self.environment.update(environment or {})
        self.process = None
        self.api = Api(self.url)
        self.start(wait)

    def start(self, wait=True):
        self.stopping = False
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command,
                cwd=self.directory,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        if wait:
            self.wait_until_healthy()

    def wait_until_healthy(self):
        deadline = time.monotonic() + self.START_SECONDS
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise AssertionError(f"the server ended with {self.process.returncode}:\n{self.log_text()}")
            try:
                if requests.get(self.url + self.health, timeout=2).status_code == 200:
                    return
            except requests.RequestException:
                pass
            time.sleep(0.02)
        self.kill()
        raise AssertionError(f"not healthy after {self.START_SECONDS} s:\n{self.log_text()}")

    def log_text(self):
        return self.log.read_text(errors="replace")[-8000:]

    def members(self):
        return session_members(self.process.pid)

    def programs(self, name="tracking.fcgi"):
        return sorted(pid for pid, command in self.members().items() if command.split(" ")[0].endswith(name))

    def kill(self):
        """SIGKILL to every process of the session, as a crash of the machine would."""
        for _ in range(100):
            living = self.members()
            if not living:
                break
            for pid in living:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.poll()
            time.sleep(0.01)
        self.process.wait(5)

    def begin_to_stop(self, sign=signal.SIGTERM):
        if not self.stopping and self.process.poll() is None:
            self.stopping = True
            self.process.send_signal(sign)

    def stop(self, sign=signal.SIGTERM):
        """Ends the suite as an administrator would, and checks that nothing was wrong with it."""
        self.begin_to_stop(sign)
        try:
            status = self.process.wait(self.STOP_SECONDS)
        except subprocess.TimeoutExpired:
            left = self.members()
            self.kill()
            raise AssertionError(f"still running {self.STOP_SECONDS} s after {sign!r}: {left}\n{self.log_text()}")
        orphans = self.members()
        if orphans:
            time.sleep(0.5)
            orphans = self.members()
        if orphans:
            self.kill()
        assert not orphans, f"left behind: {orphans}"
        self.check_sanitizers()
        assert status == 0, f"exit status {status}:\n{self.log_text()}"

    def check_sanitizers(self):
        for path in self.directory.rglob("*"):
            if path.is_file() and (path.name.startswith("sanitizer") or "log" in path.name):
                content = path.read_bytes()[:50_000_000]
                found = SANITIZER_REPORT.search(content)
                assert not found, f"{path}:\n{content[found.start():][:6000].decode(errors='replace')}"


def exchange(port, data, wait=10.0, until_closed=False):
    """Sends raw bytes and returns what comes back; for requests that no HTTP library would send."""
    with socket.create_connection(("127.0.0.1", port), timeout=wait) as connection:
        try:
            connection.sendall(data)
        except OSError:
            pass
        received = b""
        while True:
            try:
                piece = connection.recv(65536)
            except OSError:
                break
            if not piece:
                break
            received += piece
            head, separator, body = received.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            if separator and length and len(body) >= int(length.group(1)) and not until_closed:
                break
        return received


def raw_status(received):
    found = re.match(rb"HTTP/1\.[01] (\d{3})", received)
    return int(found.group(1)) if found else 0


def in_threads(count, work):
    """Runs work(i) in `count` threads at once; re-raises the first failure; returns the results in order."""
    results = [None] * count
    problems = []
    barrier = threading.Barrier(count)

    def body(i):
        try:
            barrier.wait(30)
            results[i] = work(i)
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=body, args=(i,)) for i in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert not any(thread.is_alive() for thread in threads), "a request hangs"
    if problems:
        raise problems[0]
    return results
