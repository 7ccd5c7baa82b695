"""How requests are read, for every operation: methods, paths, content types, bodies, wrong types."""

import json
import re
import socket
import time

import pytest

from support import (
    AJAX,
    API,
    exchange,
    expect_error,
    expect_invalid,
    invalid,
    missing,
    raw_status,
    unique,
)

# --- The fields of every operation ---
#
# kind of each field; ! marks a required one, ? one that only makes sense with others. Lists of messages show their
# item's fields.

KV = [{"key": "string!", "value": "string"}]
METRIC_ITEM = {
    "key": "string!",
    "value": "double!",
    "timestamp": "int64!",
    "step": "int64",
    "model_id": "string?",
    "dataset_name": "string?",
    "dataset_digest": "string?",
}
DATASET_ITEM = {
    "dataset": {
        "name": "string!",
        "digest": "string!",
        "source_type": "string!",
        "source": "string!",
        "schema": "string",
        "profile": "string",
    },
    "tags": KV,
}
FIELDS = {
    ("POST", API, "experiments/create"): {"name": "string!", "artifact_location": "string", "tags": KV},
    ("GET", API, "experiments/get"): {"experiment_id": "id!"},
    ("GET", API, "experiments/get-by-name"): {"experiment_name": "string!"},
    ("POST", API, "experiments/update"): {"experiment_id": "id!", "new_name": "string!"},
    ("POST", API, "experiments/delete"): {"experiment_id": "id!"},
    ("POST", API, "experiments/restore"): {"experiment_id": "id!"},
    ("POST", API, "experiments/search"): {
        "max_results": "int64",
        "page_token": "string",
        "filter": "string",
        "order_by": "strings",
        "view_type": "enum",
    },
    ("GET", API, "experiments/search"): {"max_results": "int64", "view_type": "enum"},
    ("POST", API, "experiments/set-experiment-tag"): {"experiment_id": "id!", "key": "string!", "value": "string"},
    ("POST", API, "experiments/delete-experiment-tag"): {"experiment_id": "id!", "key": "string!"},
    ("POST", API, "runs/create"): {
        "experiment_id": "id",
        "user_id": "string",
        "start_time": "int64",
        "run_name": "string",
        "tags": KV,
    },
    ("GET", API, "runs/get"): {"run_id": "string!"},
    ("POST", API, "runs/update"): {
        "run_id": "string!",
        "status": "enum",
        "end_time": "int64",
        "run_name": "string",
    },
    ("POST", API, "runs/delete"): {"run_id": "string!"},
    ("POST", API, "runs/restore"): {"run_id": "string!"},
    ("POST", API, "runs/search"): {
        "experiment_ids": "ids",
        "filter": "string",
        "run_view_type": "enum",
        "max_results": "int32",
        "order_by": "strings",
        "page_token": "string",
    },
    ("POST", API, "runs/log-metric"): {"run_id": "string!", **METRIC_ITEM},
    ("POST", API, "runs/log-parameter"): {"run_id": "string!", "key": "string!", "value": "string"},
    ("POST", API, "runs/set-tag"): {"run_id": "string!", "key": "string!", "value": "string"},
    ("POST", API, "runs/delete-tag"): {"run_id": "string!", "key": "string!"},
    ("POST", API, "runs/log-batch"): {"run_id": "string!", "metrics": [METRIC_ITEM], "params": KV, "tags": KV},
    ("POST", API, "runs/log-inputs"): {
        "run_id": "string!",
        "datasets": [DATASET_ITEM],
        "models": [{"model_id": "string"}],
    },
    ("POST", API, "runs/outputs"): {"run_id": "string!", "models": [{"model_id": "string", "step": "int64"}]},
    ("POST", API, "runs/log-model"): {"run_id": "string!", "model_json": "string!"},
    ("GET", API, "metrics/get-history"): {"run_id": "string!", "metric_key": "string!", "max_results": "int32"},
    ("GET", API, "metrics/get-history-bulk-interval"): {
        "metric_key": "string!",
        "start_step": "int32",
        "end_step": "int32",
        "max_results": "int32",
    },
    ("GET", API, "artifacts/list"): {"run_id": "string!"},
    ("POST", AJAX, "experiments/search-datasets"): {"experiment_ids": "ids"},
}

NOT_TEXT = [1, 1.5, True, [], {}, ["x"]]
WRONG = {
    "string": NOT_TEXT,
    "int64": ["x", "1.5", 1.5, True, [], {}, 2**63, " 1", "1_0"],
    "int32": ["x", "1.5", 1.5, True, [], {}, 2**31, 2**63],
    "double": ["x", True, [], {}],
    "enum": ["BOGUS", 99, True, [], {}, 1.5],
    "strings": [1, True, {}, [1], [None], [["x"]]],
    "ids": [True, {}, [True], [["1"]], [{}]],
    "id": [True, 1.5, [], {}],
}


def good(kind, name, context):
    if isinstance(kind, list):
        return [good(kind[0], name, context)]
    if isinstance(kind, dict):
        return {key: good(inner, key, context) for key, inner in kind.items() if not str(inner).endswith("?")}
    if name in context:
        return context[name]
    return {"string": "x", "int64": 1, "int32": 1, "double": 1.5, "enum": 1, "strings": [], "ids": ["0"], "id": "0"}[kind.rstrip("!?")]


def body_of(fields, context):
    """A request that would succeed, in so far as its values make sense together."""
    return good(fields, "", context)


def places(kind, path=()):
    """(path, kind) of every field, also inside lists and messages."""
    for name, inner in kind.items():
        yield path + (name,), inner
        if isinstance(inner, list):
            yield from places(inner[0], path + (name, 0))
        elif isinstance(inner, dict):
            yield from places(inner, path + (name,))


def replaced(body, path, value):
    body = json.loads(json.dumps(body))
    inner = body
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return body


def without(body, path):
    body = json.loads(json.dumps(body))
    inner = body
    for step in path[:-1]:
        inner = inner[step]
    inner.pop(path[-1], None)
    return body


def path_text(path):
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


@pytest.fixture(scope="module")
def context(server):
    api = server.api.clone()
    experiment = api.experiment(unique("wire"))
    run = api.run(experiment)
    api.post("runs/set-tag", {"run_id": run, "key": "x", "value": "x"}).ok()
    return {
        "experiment_id": experiment,
        "run_id": run,
        "filter": "",
        "page_token": "",
        "artifact_location": "",
        "max_results": 5,
        "new_name": unique("new"),
        "name": unique("wire-name"),
        "experiment_name": "Default",
        "model_json": '{"artifact_path":"m","flavors":{},"utc_time_created":"t","run_id":"r"}',
    }


POSTS = sorted(key for key in FIELDS if key[0] == "POST")
GETS = sorted(key for key in FIELDS if key[0] == "GET")
names = lambda key: f"{key[0]} {key[2]}"


def state(api, context):
    """What a refused request must not change."""
    experiment = api.get_experiment(context["experiment_id"])
    runs = api.post("runs/search", {"experiment_ids": [context["experiment_id"]], "run_view_type": "ALL"}).ok()
    created = api.get("experiments/get-by-name", {"experiment_name": context["name"]}).status
    return experiment, runs, created


@pytest.mark.parametrize("operation", POSTS, ids=names)
def test_a_wrong_type_in_any_field_is_refused_and_changes_nothing(api, context, operation):
    method, root, path = operation
    fields = FIELDS[operation]
    body = body_of(fields, context)
    before = state(api, context)
    for place, kind in places(fields):
        if isinstance(kind, list):
            wrong = ["x", 1, True, {}, [1], ["x"], [None], [[]]]
        elif isinstance(kind, dict):
            wrong = ["x", 1, True, [], [{}]]
        else:
            wrong = WRONG[kind.rstrip("!?")]
        for value in wrong:
            reply = api.post(path, replaced(body, place, value), root=root)
            message = expect_invalid(reply)
            if isinstance(kind, str) and kind.rstrip("!?") in ("string", "int64", "int32", "double", "enum"):
                if kind.rstrip("!?") == "int32" and value == 2**31 and place == ("max_results",):
                    continue
                assert message == invalid(value, path_text(place)), (place, value)
            elif isinstance(kind, (list, dict)):
                assert message.startswith("Invalid value "), (place, value, message)
                assert re.search(rf"for parameter '{re.escape(path_text(place))}(\[0\])?' supplied", message), (place, value, message)
    assert state(api, context) == before


@pytest.mark.parametrize("operation", GETS, ids=names)
def test_a_wrong_text_in_the_query_is_refused(api, context, operation):
    method, root, path = operation
    fields = FIELDS[operation]
    query = body_of(fields, context)
    query["run_ids"] = context["run_id"]
    for name, kind in fields.items():
        wrong = {"int64": ["x", "1.5", "", "1_0"], "int32": ["x", "1.5", "9" * 30], "enum": ["BOGUS", "99"]}
        for value in wrong.get(kind.rstrip("!?"), []):
            if value == "":
                continue
            message = expect_invalid(api.get(path, {**query, name: value}, root=root))
            assert f"for parameter '{name}' supplied" in message or name == "max_results", message


@pytest.mark.parametrize("operation", sorted(FIELDS), ids=names)
def test_a_required_field_that_is_absent_null_or_empty_is_named(api, context, operation):
    method, root, path = operation
    fields = FIELDS[operation]
    body = body_of(fields, context)
    before = state(api, context)
    for place, kind in places(fields):
        if not isinstance(kind, str) or not kind.endswith("!"):
            continue
        text = missing(path_text(place))
        if method == "GET":
            query = {**body, "run_ids": context["run_id"]}
            expect_invalid(api.get(path, without(query, place), root=root), text)
            expect_invalid(api.get(path, replaced(query, place, ""), root=root), text)
        else:
            for broken in (without(body, place), replaced(body, place, None), replaced(body, place, "")):
                expect_invalid(api.post(path, broken, root=root), text)
    assert state(api, context) == before


@pytest.mark.parametrize("operation", POSTS, ids=names)
def test_every_post_survives_every_kind_of_odd_body(api, context, operation):
    method, root, path = operation
    needed = any(isinstance(kind, str) and kind.endswith("!") for kind in FIELDS[operation].values())
    before = state(api, context)
    bodies = [b"", b"null", b"{", b"}", b"{]", b"\xff", b'{"a":"\xff\xfe"}', b"\x00", b'{"a":1}x', b"{'a':1}", b'{"a":01}', b"nul", b'"\\ud800"']
    bodies += [b"[" * 100000, b'{"a":' * 100000, b'{"tags":' + b"[" * 5000 + b"]" * 5000 + b"}"]
    for data in bodies:
        reply = api.post_bytes(path, data, root=root)
        if needed or path == "experiments/search-datasets":
            assert reply.status == 400, (data[:40], reply)
            expect_invalid(reply)
        else:
            assert reply.status in (200, 400), (data[:40], reply)
    for data in (b"[]", b"5", b"true", b'"text"', b"1.5", b"[{}]"):
        expect_invalid(api.post_bytes(path, data, root=root))
    if path != "runs/create":
        assert state(api, context) == before


# --- JSON bodies ---


@pytest.mark.parametrize("data", [b"", b"null", b"{", b"\xff\xfe", b"{'run_id':1}", b"{}"])
def test_a_body_that_is_nothing_reads_as_an_empty_object(api, data):
    expect_invalid(api.post_bytes("runs/delete", data), missing("run_id"))


@pytest.mark.parametrize("data", [b"[]", b"5", b"true", b'"text"', b"[[]]", b'"[]"', b'"5"'])
def test_json_that_is_no_object_is_refused(api, data):
    expect_invalid(api.post_bytes("runs/delete", data))


def test_a_byte_order_mark_is_tolerated(api, run):
    body = b"\xef\xbb\xbf" + json.dumps({"run_id": run, "key": "k", "value": "v"}).encode()
    api.post_bytes("runs/set-tag", body).ok()
    assert api.tags(run)["k"] == "v"


def test_a_json_string_is_decoded_a_second_time(api, run):
    body = json.dumps(json.dumps({"run_id": run, "key": "k", "value": "ü"}))
    api.post_bytes("runs/set-tag", body).ok()
    assert api.tags(run)["k"] == "ü"


def test_of_duplicate_keys_the_last_wins(api, run):
    body = f'{{"run_id": "x", "key": "k", "value": "1", "run_id": "{run}", "value": "2"}}'
    api.post_bytes("runs/set-tag", body).ok()
    assert api.tags(run)["k"] == "2"


def test_unknown_fields_are_ignored_at_any_depth(api, run):
    body = {
        "run_id": run,
        "unknown": {"deep": [1, {"x": None}]},
        "tags": [{"key": "k", "value": "v", "extra": [1]}],
        "metrics": [{"key": "m", "value": 1, "timestamp": 1, "what": {}}],
        "Key": 5,
    }
    api.post("runs/log-batch", body).ok()
    assert api.tags(run)["k"] == "v"


def test_optional_fields_may_be_spelt_in_camel_case(api, experiment):
    created = api.post("runs/create", {"experiment_id": experiment, "runName": "camel", "startTime": 7, "userId": "u"})
    info = created.ok()["run"]["info"]
    assert (info["run_name"], info["start_time"], info["user_id"]) == ("camel", 7, "u")
    api.post("runs/update", {"run_id": info["run_id"], "endTime": 9}).ok()
    assert api.get_run(info["run_id"])["info"]["end_time"] == 9


def test_required_fields_must_be_spelt_in_snake_case(api, run, experiment):
    renamed = api.post("experiments/update", {"experimentId": experiment, "new_name": unique("camel")})
    expect_invalid(renamed, missing("experiment_id"))
    tagged = api.post("runs/set-tag", {"runId": run, "runUuid": run, "key": "k", "value": "v"})
    expect_invalid(tagged, missing("run_id"))
    assert "k" not in api.tags(run)


def test_null_is_absent_for_optional_fields(api, experiment):
    body = {"experiment_id": experiment, "user_id": None, "start_time": None, "run_name": None, "tags": None}
    info = api.post("runs/create", body).ok()["run"]["info"]
    assert (info["user_id"], info["start_time"]) == ("", 0)
    nothing = {"experiment_ids": [experiment], "filter": None, "max_results": None, "order_by": None, "page_token": None}
    assert len(api.post("runs/search", nothing).ok()["runs"]) == 1


@pytest.mark.parametrize("escape", ["\\ud800", "\\udfff", "\\ud83d x", "\\udc00\\ud800"])
def test_a_lone_surrogate_is_refused(api, run, escape):
    before = api.tags(run)
    body = f'{{"run_id": "{run}", "key": "k", "value": "{escape}"}}'
    expect_invalid(api.post_bytes("runs/set-tag", body))
    assert api.tags(run) == before


def test_a_surrogate_pair_is_one_character(api, run):
    api.post_bytes("runs/set-tag", f'{{"run_id": "{run}", "key": "k", "value": "\\ud83c\\udf89"}}').ok()
    assert api.tags(run)["k"] == "🎉"


@pytest.mark.parametrize("tail", [b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\x80"])
def test_bytes_that_are_no_utf8_are_refused_and_change_nothing(api, run, tail):
    before = api.tags(run)
    expect_invalid(api.post_bytes("runs/set-tag", b'{"run_id":"' + run.encode() + b'","key":"k","value":"' + tail + b'"}'))
    assert api.tags(run) == before


def test_deep_nesting_in_an_unknown_field_is_bounded(api, run):
    before = api.tags(run)
    for depth in (1000, 200000):
        deep = "[" * depth + "]" * depth
        reply = api.post_bytes("runs/set-tag", f'{{"run_id": "{run}", "key": "k", "value": "v", "x": {deep}}}')
        expect_invalid(reply)
        assert reply.response.elapsed.total_seconds() < 3
    assert api.tags(run) == before


def test_a_body_of_many_small_values_costs_bounded_time(api):
    reply = api.post_bytes("runs/delete", b'{"x":[' + b"0," * 3000000 + b"0]}")
    assert reply.status in (400, 413) and reply.response.elapsed.total_seconds() < 10, reply


def test_a_huge_number_is_refused_not_bent(api, run):
    for text in ("9223372036854775808", "1" + "0" * 400, "1e30", "-9223372036854775809"):
        body = f'{{"run_id": "{run}", "key": "m", "value": 1, "timestamp": {text}}}'
        expect_invalid(api.post_bytes("runs/log-metric", body))
    assert api.latest(run) == {}


# --- Query strings ---


def test_a_get_with_query_ignores_its_body(api, experiment):
    reply = api.request(
        "GET",
        API + "experiments/get",
        params={"experiment_id": experiment},
        data=b'{"experiment_id":"0"}',
        headers={"Content-Type": "application/json"},
    )
    assert reply.ok()["experiment"]["experiment_id"] == experiment


@pytest.mark.parametrize("content_type", [None, "application/json", "text/plain"])
def test_a_get_without_query_reads_a_json_body(api, experiment, content_type):
    headers = {"Content-Type": content_type} if content_type else {}
    data = json.dumps({"experiment_id": experiment}).encode()
    reply = api.request("GET", API + "experiments/get", data=data, headers=headers)
    assert reply.ok()["experiment"]["experiment_id"] == experiment


def test_query_names_must_be_exact_and_unknown_ones_are_ignored(api):
    assert api.get("experiments/get", {"experiment_id": "0", "x": "y", "z": ""}).ok()
    expect_invalid(api.get("experiments/get", {"experimentId": "0"}), missing("experiment_id"))
    expect_invalid(api.get("experiments/get", {"Experiment_id": "0"}), missing("experiment_id"))


def test_the_first_of_repeated_scalars_wins(api, experiment):
    reply = api.request("GET", API + f"experiments/get?experiment_id={experiment}&experiment_id=0")
    assert reply.ok()["experiment"]["experiment_id"] == experiment


def test_query_values_are_decoded_once_with_plus_as_blank(api):
    name = unique("a+b c%41é&=")
    api.experiment(name)
    assert api.get("experiments/get-by-name", {"experiment_name": name}).ok()["experiment"]["name"] == name
    blank = unique("plus blank")
    api.experiment(blank)
    reply = api.request("GET", API + "experiments/get-by-name?experiment_name=" + blank.replace(" ", "+"))
    assert reply.ok()["experiment"]["name"] == blank


@pytest.mark.parametrize("query", ["experiment_id=%ff", "experiment_id=%", "experiment_id=%zz", "%ff=1", "experiment_id=0%00"])
def test_a_query_that_cannot_be_decoded_is_a_client_error(api, query):
    reply = api.request("GET", API + "experiments/get?" + query)
    assert reply.status == 400, reply


def test_a_query_is_bounded(api):
    reply = api.request("GET", API + "experiments/get?experiment_id=0&x=" + "y" * 60000)
    assert reply.status in (400, 414, 431), reply
    reply = api.request("GET", API + "experiments/get?" + "&".join(f"a{i}=" for i in range(5000)))
    assert reply.status in (400, 414), reply


def test_a_post_ignores_its_query(api, run):
    reply = api.request("POST", API + f"runs/delete?run_id={run}", json={})
    expect_invalid(reply, missing("run_id"))


# --- Content types ---


@pytest.mark.parametrize(
    "content_type",
    ["application/json", "application/json; charset=utf-8", "application/json;charset=x", "Application/JSON", "application/json ; a=b"],
)
def test_json_content_types_are_taken_in_any_case_and_with_parameters(api, run, content_type):
    data = json.dumps({"run_id": run, "key": "k", "value": content_type})
    api.post_bytes("runs/set-tag", data, content_type).ok()
    assert api.tags(run)["k"] == content_type


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", "text/json", "json", "*/*"],
)
def test_other_content_types_are_refused_and_change_nothing(api, run, content_type):
    before = api.tags(run)
    data = json.dumps({"run_id": run, "key": "k", "value": "v"})
    expect_invalid(
        api.post_bytes("runs/set-tag", data, content_type),
        "Bad Request. Content-Type must be one of ['application/json'].",
    )
    assert api.tags(run) == before


def test_a_post_without_content_type_is_refused(api, run):
    data = json.dumps({"run_id": run, "key": "k", "value": "v"}).encode()
    text = "Bad Request. Content-Type header is missing."
    expect_invalid(api.post_bytes("runs/set-tag", data, None), text)
    expect_invalid(api.post_bytes("runs/set-tag", b"", None), text)


# --- Methods and paths ---


@pytest.mark.parametrize("operation", GETS, ids=names)
def test_head_answers_as_get_without_a_body(api, context, operation):
    method, root, path = operation
    query = {**body_of(FIELDS[operation], context), "run_ids": context["run_id"]}
    shown = api.get(path, query, root=root)
    head = api.request("HEAD", root + path, params=query)
    assert (head.status, head.bytes) == (shown.status, b"") and shown.status == 200
    assert head.headers["content-type"] == shown.headers["content-type"]


def allowed(reply):
    return {name.strip() for name in reply.headers["allow"].split(",")}


@pytest.mark.parametrize("root", [API, AJAX])
def test_options_lists_the_methods_of_a_path(api, root):
    for path, methods in (
        ("runs/create", {"POST", "OPTIONS"}),
        ("runs/get", {"GET", "HEAD", "OPTIONS"}),
        ("experiments/search", {"GET", "HEAD", "POST", "OPTIONS"}),
    ):
        reply = api.request("OPTIONS", root + path)
        assert reply.status in ((204,) if root == API else (200, 204)) and reply.bytes == b"", reply
        assert allowed(reply) == methods


def test_options_of_an_unknown_path_is_404(api):
    assert api.request("OPTIONS", API + "nope").status == 404


@pytest.mark.parametrize("operation", sorted(FIELDS), ids=names)
def test_a_wrong_method_is_405_with_the_allowed_ones(api, operation):
    method, root, path = operation
    both = path == "experiments/search"
    right = {"GET", "HEAD", "POST", "OPTIONS"} if both else {"GET", "HEAD", "OPTIONS"} if method == "GET" else {"POST", "OPTIONS"}
    for wrong in ("PUT", "PATCH", "DELETE", "POST", "GET"):
        if wrong in right:
            continue
        reply = api.request(wrong, root + path, json={})
        message = expect_error(reply, 405, reply.json["error_code"])
        assert message
        assert allowed(reply) == right


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path",
    [
        "/api/2.0/mlflow/nope",
        "/api/2.0/mlflow/runs",
        "/api/2.0/mlflow/runs/create/",
        "/api/2.0/mlflow/runs/create/x",
        "/api/2.0/mlflow/Runs/create",
        "/api/2.0/preview/mlflow/runs/create",
        "/api/3.0/mlflow/experiments/get",
        "/api/2.0mlflow/experiments/search-datasets",
        "/api/2.0/mlflow/metrics/get-history-bulk",
        "/api/2.0/mlflow/",
        "/api/",
        "/ajax-api/2.0/mlflow/nope",
        "/mlflow/runs/create",
        "/favicon.ico",
    ],
)
def test_an_unknown_path_is_404_in_json(api, method, path):
    reply = api.request(method, path, **({} if method == "GET" else {"json": {}}))
    if path == "/favicon.ico" and method == "GET" and reply.status == 200:
        return
    if path == "/favicon.ico" and reply.status == 405:
        return
    assert expect_error(reply, 404, "ENDPOINT_NOT_FOUND") != ""


@pytest.mark.parametrize(
    "path",
    [
        "/api/2.0/mlflow/experiments%2Fget?experiment_id=0",
        "/api/2.0/mlflow/x/../experiments/../../../../etc/passwd",
        "/api/2.0/mlflow/%2e%2e/mlflow/nope",
        "/api/2.0/mlflow/experiments/get%00?experiment_id=0",
        "/api/2.0/mlflow/experiments/get%ff?experiment_id=0",
    ],
)
def test_an_odd_path_is_a_plain_client_error(server, path):
    received = exchange(server.port, f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    assert raw_status(received) in (400, 404), received[:300]


def test_leading_double_slashes_are_merged(server):
    request = b"GET //api/2.0/mlflow/experiments/get?experiment_id=0 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    received = exchange(server.port, request)
    assert raw_status(received) == 200 and b'"Default"' in received, received[:300]


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "FOO", "CONNECT"])
def test_a_strange_method_is_a_client_error(server, method):
    request = f"{method} /api/2.0/mlflow/runs/create HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    assert raw_status(exchange(server.port, request)) in (400, 405, 501)


# --- Replies ---


def test_every_reply_has_the_documented_headers(api):
    for reply in (
        api.get("experiments/get", {"experiment_id": "0"}),
        api.get("experiments/get"),
        api.request("GET", "/nope"),
        api.request("DELETE", API + "runs/create"),
        api.request("GET", "/health"),
    ):
        assert reply.headers["x-content-type-options"] == "nosniff", reply
        assert reply.headers["x-frame-options"] == "SAMEORIGIN", reply
        assert re.fullmatch(r"[\x21-\x7e]{1,64}", reply.headers["x-request-id"]), reply


@pytest.mark.parametrize("text", ["abc-123", "A.b_c", "0123456789abcdef0123456789abcdef", "x"])
def test_a_sane_request_id_is_echoed(api, text):
    for path in (API + "experiments/get?experiment_id=0", "/nope", "/health"):
        assert api.request("GET", path, headers={"X-Request-Id": text}).headers["x-request-id"] == text


@pytest.mark.parametrize("text", ["x" * 1000, "a b", "<script>", "a\tb", '"', "é".encode("latin-1")])
def test_an_insane_request_id_is_replaced(api, text):
    got = api.request("GET", "/health", headers={"X-Request-Id": text}).headers["x-request-id"]
    assert got != text and re.fullmatch(r"[\x21-\x7e]{1,64}", got)


def test_made_request_ids_differ(api):
    assert len({api.request("GET", "/health").headers["x-request-id"] for _ in range(50)}) == 50


# --- Bodies on the wire ---


def post_head(path, run=None, length=None, more=""):
    size = f"Content-Length: {length}\r\n" if length is not None else ""
    return f"POST {API}{path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n{size}{more}\r\n".encode()


def test_a_chunked_body_is_read(server, api, run):
    for size in (7, 4000, 30000):
        body = json.dumps({"run_id": run, "key": "k", "value": "v", "pad": "x" * 70000 if size > 7 else ""}).encode()
        data = post_head("runs/set-tag", more="Transfer-Encoding: chunked\r\nConnection: close\r\n")
        for i in range(0, len(body), size):
            piece = body[i : i + size]
            data += f"{len(piece):x}\r\n".encode() + piece + b"\r\n"
        received = exchange(server.port, data + b"0\r\n\r\n")
        assert raw_status(received) == 200, received[:500]
        assert api.tags(run)["k"] == "v"
        api.post("runs/delete-tag", {"run_id": run, "key": "k"}).ok()


def test_a_body_in_many_small_pieces_is_read(server, api, run):
    body = json.dumps({"run_id": run, "key": "slow", "value": "v"}).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(post_head("runs/set-tag", length=len(body)))
        for i in range(0, len(body), 9):
            connection.sendall(body[i : i + 9])
            time.sleep(0.005)
        assert raw_status(connection.recv(65536)) == 200
    assert api.tags(run)["slow"] == "v"


def test_a_body_that_breaks_off_changes_nothing(server, api, run):
    before = api.tags(run)
    body = json.dumps({"run_id": run, "key": "cut", "value": "v"}).encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(post_head("runs/set-tag", length=len(body) + 10) + body)
    time.sleep(0.3)
    assert api.tags(run) == before


def test_a_body_beyond_the_limit_is_413_and_changes_nothing(server, api, run):
    before = api.tags(run)
    start = json.dumps({"run_id": run, "key": "big", "value": "v"})[:-1].encode() + b', "pad": "'
    total = 80 * 1024 * 1024
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        received = b""
        try:
            connection.sendall(post_head("runs/set-tag", length=total) + start)
            sent = len(start)
            connection.setblocking(True)
            while sent < total:
                piece = min(total - sent, 1 << 20)
                connection.sendall(b"x" * piece)
                sent += piece
        except OSError:
            pass
        try:
            received = connection.recv(65536)
        except OSError:
            pass
    # A server that answers before it has read everything may have its reply lost to the reset.
    assert raw_status(received) == 413 or received == b"", received[:300]
    assert api.tags(run) == before


def test_an_announced_body_beyond_the_limit_is_refused_early(server):
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(post_head("runs/set-tag", length=10**12))
        assert raw_status(connection.recv(65536)) == 413


def test_a_hundred_stalled_senders_keep_nobody_waiting(server, api, run):
    head = post_head("runs/set-tag", length=1000)
    stalled = [socket.create_connection(("127.0.0.1", server.port), timeout=10) for _ in range(100)]
    try:
        for connection in stalled:
            connection.sendall(head + b'{"run_id":')
        started = time.monotonic()
        api.post("runs/set-tag", {"run_id": run, "key": "prompt", "value": "v"}).ok()
        assert time.monotonic() - started < 5
    finally:
        for connection in stalled:
            connection.close()


def test_many_requests_share_a_connection(api, run):
    for i in range(30):
        api.metric(run, "m", float(i), i, i)
        api.get("runs/get", {"run_id": "nope"})
    assert len(api.history(run, "m")) == 30


def test_a_connection_stays_usable_after_a_refusal_that_overtook_the_body(server):
    """Clients send head and body apart; a refusal in between must not cost them the connection without a word."""
    for path, more, status in (
        ("/nope", "", 404),
        (API + "runs/get", "", 405),
        (API + "runs/create", "Origin: http://evil.com\r\n", 403),
        (API + "runs/delete", "", 400),
    ):
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 2\r\n{more}\r\n"
        with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
            connection.sendall(head.encode())
            time.sleep(0.1)
            connection.sendall(b"{}")
            time.sleep(0.1)
            first = connection.recv(65536)
            assert raw_status(first) == status, first[:300]
            if b"connection: close" in first.lower():
                continue
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert raw_status(connection.recv(65536)) == 200, path


def test_pipelined_requests_are_answered_in_order(server):
    one = b"GET " + API.encode() + b"experiments/get?experiment_id=%s HTTP/1.1\r\nHost: localhost\r\n%s\r\n"
    data = one % (b"0", b"") + one % (b"x", b"") + one % (b"0", b"Connection: close\r\n")
    received = exchange(server.port, data, until_closed=True)
    assert re.findall(rb"HTTP/1\.1 (\d{3})", received) == [b"200", b"400", b"200"]
