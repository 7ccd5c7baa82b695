"""POST /v1/traces: what exporters send, byte for byte, and what becomes of it."""

import gzip
import json
import secrets
import threading
import zlib

import pytest

from otlp_encoder import field, json_body, json_span, partial_success, protobuf, text, varint
from support import API_3, strict_json, unique

SECOND = 10**9
START = 1_700_000_000 * SECOND
PROTOBUF = "application/x-protobuf"
JSON = "application/json"


def export(api, body, experiment="0", content_type=PROTOBUF, **headers):
    all_headers = {"Content-Type": content_type, "x-mlflow-experiment-id": experiment}
    all_headers.update({name.replace("_", "-"): value for name, value in headers.items()})
    return api.request("POST", "/v1/traces", data=body, headers={k: v for k, v in all_headers.items() if v is not None})


def sent(api, spans, experiment, resource=None, **headers):
    """The spans are stored, and the reply says so as a protobuf."""
    reply = export(api, protobuf(spans, resource), experiment, **headers)
    assert (reply.status, reply.headers["content-type"], reply.bytes) == (200, PROTOBUF, b""), reply


def expect_detail(reply, status, detail):
    assert reply.status == status, reply
    assert reply.headers["content-type"] == JSON
    assert reply.json == {"detail": detail}


def make_span(trace=None, parent=None, start=0.0, end=1.0, **more):
    """Start and end in seconds after START; end None is a span that is still running."""
    span = {
        "trace_id": trace or secrets.token_bytes(16),
        "span_id": secrets.token_bytes(8),
        "name": "span",
        "start": START + int(start * SECOND),
        "end": 0 if end is None else START + int(end * SECOND),
        **more,
    }
    if parent is not None:
        span["parent"] = parent if isinstance(parent, bytes) else parent["span_id"]
    return span


def id_of(span):
    return "tr-" + span["trace_id"].hex()


def info(api, span):
    return api.get(f"traces/{id_of(span)}", root=API_3).ok()["trace"]["trace_info"]


def is_stored(api, span):
    return api.get(f"traces/{id_of(span)}", root=API_3).status == 200


def spans_of(api, span):
    reply = api.get("traces/get", {"trace_id": id_of(span), "allow_partial": "true"}, root=API_3)
    return reply.ok()["trace"].get("spans", [])


def attribute_values(span):
    return {item["key"]: item.get("value", {}) for item in span.get("attributes", [])}


# --- From spans to a trace ---


def test_a_span_becomes_a_trace_of_the_header_s_experiment(api, experiment):
    span = make_span(end=1.5)
    sent(api, [span], experiment)
    found = info(api, span)
    assert found["trace_location"]["mlflow_experiment"]["experiment_id"] == experiment
    assert found["request_time"] == "2023-11-14T22:13:20Z"
    assert found["execution_duration"] == "1.500s"
    assert found["state"] == "OK"
    assert found["tags"]["mlflow.trace.spansLocation"] == "TRACKING_STORE"
    assert found["tags"]["mlflow.artifactLocation"].endswith(f"/traces/{id_of(span)}/artifacts")
    assert "mlflow.traceName" not in found["tags"]


def test_both_encodings_give_the_same_spans(api, experiment):
    attributes = {
        "text": "é\n",
        "int": -(2**63),
        "double": 0.1,
        "bool": False,
        "none": None,
        "list": [1, "x", [True]],
        "object": {"k": {"z": 1}},
        "json": '{"a": 1}',
        "bytes": b"\x00\xff",
    }
    events = [{"name": "event", "time": START + 1, "attributes": {"k": "v"}}]
    got = []
    for encode, content_type in ((protobuf, PROTOBUF), (json_body, JSON)):
        span = make_span(attributes=attributes, events=events, status=2, message="no", name="näme")
        child = make_span(trace=span["trace_id"], parent=span)
        span["span_id"], child["parent"] = b"12345678", b"12345678"
        child["span_id"] = b"87654321"
        assert export(api, encode([child, span]), experiment, content_type).status == 200
        spans = spans_of(api, span)
        assert [one["name"] for one in spans] == ["näme", "span"]
        for one in spans:
            del one["trace_id"]
            one["attributes"] = {k: v for k, v in attribute_values(one).items() if k != "mlflow.traceRequestId"}
        got.append(spans)
    assert got[0] == got[1]
    values = got[0][0]["attributes"]
    assert values["text"] == {"string_value": "é\n"}
    assert values["int"] == {"int_value": -(2**63)}
    assert values["double"] == {"double_value": 0.1}
    assert values["bool"] == {"bool_value": False}
    assert values["none"] == {}
    assert values["bytes"] == {"string_value": "AP8="}
    assert got[0][0]["status"] == {"message": "no", "code": "STATUS_CODE_ERROR"}
    assert got[0][0]["events"][0]["time_unix_nano"] == START + 1
    assert got[0][0]["start_time_unix_nano"] == START


def test_json_is_answered_in_json(api, experiment):
    reply = export(api, json_body([make_span()]), experiment, "application/json; charset=utf-8")
    assert reply.headers["content-type"] == JSON
    assert reply.ok() == {}


def test_children_come_before_their_parent(api, experiment):
    root = make_span(start=0, end=3)
    child = make_span(trace=root["trace_id"], parent=root, start=1, end=2)
    sent(api, [child], experiment)
    assert info(api, root)["state"] == "IN_PROGRESS"
    assert info(api, root)["execution_duration"] == "1s"
    sent(api, [root], experiment)
    found = info(api, root)
    assert (found["state"], found["request_time"], found["execution_duration"]) == ("OK", "2023-11-14T22:13:20Z", "3s")
    assert [span["name"] for span in spans_of(api, root)] == ["span", "span"]


def test_a_late_span_stretches_the_trace(api, experiment):
    root = make_span(end=1)
    sent(api, [root], experiment)
    sent(api, [make_span(trace=root["trace_id"], parent=root, start=2, end=5)], experiment)
    assert info(api, root)["execution_duration"] == "5s"


def test_only_a_root_that_failed_makes_a_trace_fail(api, experiment):
    failed = make_span(status=2)
    fine = make_span()
    child = make_span(trace=fine["trace_id"], parent=fine, status=2)
    sent(api, [failed, fine, child], experiment)
    assert info(api, failed)["state"] == "ERROR"
    assert info(api, fine)["state"] == "OK"


def test_a_parent_of_zeros_is_no_parent(api, experiment):
    span = make_span(parent=bytes(8))
    sent(api, [span], experiment)
    assert info(api, span)["state"] == "OK"
    assert "parent_span_id" not in spans_of(api, span)[0]


def test_a_span_without_an_end_is_still_running(api, experiment):
    span = make_span(end=None)
    sent(api, [span], experiment)
    assert info(api, span)["state"] == "IN_PROGRESS"
    assert "execution_duration" not in info(api, span)
    assert "end_time_unix_nano" not in spans_of(api, span)[0]
    sent(api, [{**span, "end": START + 2 * SECOND}], experiment)
    assert info(api, span)["state"] == "OK"
    assert info(api, span)["execution_duration"] == "2s"


def test_the_same_span_again_changes_nothing(api, experiment):
    span = make_span(attributes={"gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 4})
    sent(api, [span], experiment)
    before = info(api, span)
    sent(api, [span], experiment)
    assert info(api, span) == before
    assert len(spans_of(api, span)) == 1


def test_tokens_of_spans_are_summed_without_counting_roll_ups_twice(api, experiment):
    root = make_span(attributes={"gen_ai.usage.input_tokens": 8, "gen_ai.usage.output_tokens": 9})
    calls = [
        make_span(
            trace=root["trace_id"],
            parent=root,
            attributes={"gen_ai.usage.input_tokens": count, "gen_ai.usage.output_tokens": str(count + 1)},
        )
        for count in (3, 4)
    ]
    sent(api, calls, experiment)
    usage = {"input_tokens": 7, "output_tokens": 9, "total_tokens": 16}
    assert json.loads(info(api, root)["trace_metadata"]["mlflow.trace.tokenUsage"]) == usage
    sent(api, [root], experiment)
    usage = {"input_tokens": 8, "output_tokens": 9, "total_tokens": 17}
    assert json.loads(info(api, root)["trace_metadata"]["mlflow.trace.tokenUsage"]) == usage


def test_session_and_user_become_metadata_without_quotes(api, experiment):
    span = make_span(attributes={"session.id": "s-1", "user.id": "u-1"})
    sent(api, [span], experiment)
    metadata = info(api, span)["trace_metadata"]
    assert metadata["mlflow.trace.session"] == "s-1"
    assert metadata["mlflow.trace.user"] == "u-1"


def test_the_root_gives_the_previews(api, experiment):
    question = {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "What?"}]}
    span = make_span(attributes={"mlflow.spanInputs": json.dumps(question), "mlflow.spanOutputs": "x" * 1200})
    sent(api, [span], experiment)
    assert info(api, span)["request_preview"] == "What?"
    assert info(api, span)["response_preview"] == '"' + "x" * 996 + "..."


def test_resources_and_root_attributes_become_tags(api, experiment):
    span = make_span(attributes={"mlflow.traceTag.team": "blue"})
    sent(api, [span], experiment, resource={"service.name": "shop", "telemetry.sdk.language": "nodejs"})
    tags = info(api, span)["tags"]
    assert tags["service.name"] == "shop"
    assert tags["team"] == "blue"
    assert "telemetry.sdk.language" not in tags


def test_foreign_conventions_are_translated(api, experiment):
    span = make_span(attributes={"openinference.span.kind": "LLM", "input.value": "in", "output.value": "out"})
    sent(api, [span], experiment)
    values = attribute_values(spans_of(api, span)[0])
    assert values["mlflow.spanType"] == {"string_value": "LLM"}
    assert values["mlflow.spanInputs"] == {"string_value": "in"}
    assert values["mlflow.spanOutputs"] == {"string_value": "out"}


def test_a_trace_keeps_the_experiment_in_which_it_began(api, experiment):
    root = make_span()
    sent(api, [root], experiment)
    sent(api, [make_span(trace=root["trace_id"], parent=root)], api.experiment())
    assert info(api, root)["trace_location"]["mlflow_experiment"]["experiment_id"] == experiment
    assert len(spans_of(api, root)) == 2


def test_a_thousand_spans_come_in_one_request(api, experiment):
    root = make_span()
    children = [make_span(trace=root["trace_id"], parent=root, start=i / 1000) for i in range(999)]
    sent(api, [*children, root], experiment)
    assert len(spans_of(api, root)) == 1000


def test_spans_of_one_trace_from_many_connections_are_all_kept(api, experiment):
    root = make_span()
    children = [make_span(trace=root["trace_id"], parent=root) for _ in range(40)]
    problems = []

    def work(mine, part):
        for span in part:
            reply = export(mine, protobuf([span]), experiment)
            if reply.status != 200:
                problems.append(reply)

    threads = [threading.Thread(target=work, args=(api.clone(), children[i::8])) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    sent(api, [root], experiment)
    assert problems == []
    assert len(spans_of(api, root)) == 41


# --- Bodies ---


def packed_raw(body):
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(body) + packer.flush()


# A zstd frame of one raw block (RFC 8878 section 3.1.1): no compressor needed.
def stored_zstd(body):
    block = (len(body) << 3 | 1).to_bytes(3, "little") + body
    return bytes.fromhex("28b52ffd") + bytes([0b10100000]) + len(body).to_bytes(4, "little") + block


@pytest.mark.parametrize(
    "coding, pack",
    [
        ("gzip", gzip.compress),
        ("GZIP", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", packed_raw),
        ("zstd", stored_zstd),
        ("identity", bytes),
    ],
)
@pytest.mark.parametrize("encode, content_type", [(protobuf, PROTOBUF), (json_body, JSON)])
def test_packed_bodies_are_unpacked(api, experiment, coding, pack, encode, content_type):
    span = make_span()
    reply = export(api, pack(encode([span])), experiment, content_type, content_encoding=coding)
    assert reply.status == 200, reply
    assert is_stored(api, span)


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd"])
def test_damaged_packings_are_refused(api, coding):
    expect_detail(export(api, b"rubbish", content_encoding=coding), 400, f"Failed to decompress {coding} payload")
    body = {"gzip": gzip.compress, "deflate": zlib.compress, "zstd": stored_zstd}[coding](protobuf([make_span()]))
    expect_detail(export(api, body[:-2], content_encoding=coding), 400, f"Failed to decompress {coding} payload")


def test_an_unknown_packing_is_refused(api):
    expect_detail(export(api, b"x", content_encoding="br"), 400, "Unsupported Content-Encoding: br")


def test_a_body_that_unpacks_to_too_much_is_refused(api):
    bomb = gzip.compress(bytes(65 * 1024 * 1024))
    assert len(bomb) < 100_000
    reply = export(api, bomb, content_encoding="gzip")
    assert reply.status == 413, reply
    assert "67108864" in reply.json["detail"]


def test_an_export_without_spans_is_no_fault(api):
    assert export(api, field(1, b"")).bytes == b""
    assert export(api, field(1, field(2, b""))).status == 200
    assert export(api, b'{"resourceSpans": [{}]}', content_type=JSON).ok() == {}


def test_an_empty_message_is_refused(api):
    expect_detail(export(api, b""), 400, "Invalid OpenTelemetry protobuf format - no spans found")
    expect_detail(export(api, b"{}", content_type=JSON), 400, "Invalid OpenTelemetry format - no spans found")


@pytest.mark.parametrize("body", [b"\xff", b"not a protobuf", b"\x0a\x7f", protobuf([make_span()])[:-1]])
def test_what_is_no_protobuf_is_refused(api, body):
    expect_detail(export(api, body), 400, "Invalid OpenTelemetry protobuf format")


@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{", b'{"resourceSpans": 5}', json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "x"}]}]}]}).encode()],
)
def test_what_is_no_json_export_is_refused_with_the_reason(api, body):
    reply = export(api, body, content_type=JSON)
    assert reply.status == 400, reply
    assert reply.json["detail"].startswith("Invalid OpenTelemetry JSON format: "), reply


@pytest.mark.parametrize("depth", [33, 150, 100_000])
def test_values_that_are_nested_too_deeply_are_refused(api, depth):
    # Each level is a list in a value; lengths are counted from the inside.
    sizes = [0]
    for _ in range(depth):
        inner = sizes[-1]
        array = 1 + len(varint(inner)) + inner
        sizes.append(1 + len(varint(array)) + array)
    parts = []
    for i in range(depth, 0, -1):
        array = 1 + len(varint(sizes[i - 1])) + sizes[i - 1]
        parts.append(varint(5 << 3 | 2) + varint(array) + varint(1 << 3 | 2) + varint(sizes[i - 1]))
    value = b"".join(parts)
    assert len(value) == sizes[-1]
    span = field(1, secrets.token_bytes(16)) + field(2, secrets.token_bytes(8))
    body = field(1, field(2, field(2, span + field(9, text(1, "k") + field(2, value)))))
    reply = export(api, body)
    assert reply.status == 413, reply
    assert "nested" in reply.json["detail"]


def test_values_nested_as_deep_as_allowed_are_read_back(api, experiment):
    value = "x"
    for _ in range(31):
        value = [value]
    span = make_span(attributes={"deep": value})
    sent(api, [span], experiment)
    got = attribute_values(spans_of(api, span)[0])["deep"]
    for _ in range(31):
        (got,) = got["array_value"]["values"]
    assert got == {"string_value": "x"}


def test_absurd_counts_are_refused(api):
    spans = field(2, b"") * 100_001
    reply = export(api, field(1, field(2, spans)))
    assert reply.status == 413, reply


# --- Headers ---


def test_the_experiment_has_to_be_named(api):
    reply = export(api, protobuf([make_span()]), experiment=None)
    detail = [{"type": "missing", "loc": ["header", "x-mlflow-experiment-id"], "msg": "Field required", "input": None}]
    expect_detail(reply, 422, detail)


def test_blanks_around_the_experiment_do_no_harm(api, experiment):
    span = make_span()
    sent(api, [span], f"{experiment}  ")
    assert is_stored(api, span)


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/protobuf", None])
def test_other_content_types_are_refused(api, content_type):
    reply = export(api, protobuf([make_span()]), content_type=content_type)
    assert reply.status == 400, reply
    assert reply.json["detail"].startswith(f"Invalid Content-Type: {content_type or ''}. Expected: application/x-protobuf")


def test_another_site_may_not_send(api):
    reply = export(api, protobuf([make_span()]), Origin="https://evil.example")
    assert reply.status == 403, reply


@pytest.mark.parametrize("method, path", [("GET", "/v1/traces"), ("POST", "/v1/traces/")])
def test_only_this_path_and_method_answer(api, method, path):
    assert api.request(method, path).status in (404, 405)


def test_complete_traces_are_linked_to_the_run_of_the_header(api, experiment):
    run = api.run(experiment)
    span = make_span()
    sent(api, [span], experiment, x_mlflow_run_id=run)
    body = {
        "locations": [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}],
        "filter": f"run_id = '{run}'",
    }
    reply = api.post("traces/search", body, root=API_3)
    assert [trace["trace_id"] for trace in reply.ok().get("traces", [])] == [id_of(span)]


# --- Refused traces ---


@pytest.mark.parametrize(
    "experiment, why",
    [
        ("999999", "No Experiment with id=999999 exists"),
        ("abc", "Invalid experiment ID 'abc'. Experiment ID must be a valid integer."),
    ],
)
def test_an_experiment_that_is_not_there_is_refused(api, experiment, why):
    first, second = sorted([make_span(), make_span()], key=id_of)
    detail = f"Failed to log OpenTelemetry spans: Trace {id_of(first)}: {why}\nTrace {id_of(second)}: {why}"
    expect_detail(export(api, protobuf([second, first]), experiment), 422, detail)
    assert not is_stored(api, first)


def test_a_deleted_experiment_takes_no_traces(api):
    experiment = api.experiment(unique("gone"))
    api.post("experiments/delete", {"experiment_id": experiment}).ok()
    span = make_span()
    reply = export(api, protobuf([span]), experiment)
    assert reply.status == 422, reply
    assert "must be in the 'active' state" in reply.json["detail"]
    assert not is_stored(api, span)


@pytest.mark.parametrize("encode, content_type", [(protobuf, PROTOBUF), (json_body, JSON)])
def test_a_refused_trace_takes_nothing_with_it(api, experiment, encode, content_type):
    known = make_span()
    sent(api, [known], experiment)
    late = make_span(trace=known["trace_id"], parent=known)
    unknown = [make_span(), make_span()]
    unknown[1]["trace_id"] = unknown[0]["trace_id"]
    reply = export(api, encode([unknown[0], late, unknown[1]]), "999999", content_type)
    assert (reply.status, reply.headers["content-type"]) == (200, content_type), reply
    message = f"Trace {id_of(unknown[0])}: No Experiment with id=999999 exists"
    if content_type == JSON:
        assert reply.json == {"partialSuccess": {"rejectedSpans": "2", "errorMessage": message}}
    else:
        assert partial_success(reply.bytes) == (2, message)
    assert len(spans_of(api, known)) == 2
    assert not is_stored(api, unknown[0])


@pytest.mark.parametrize(
    "wrong",
    [{"trace_id": b"short"}, {"trace_id": bytes(16)}, {"span_id": b""}, {"span_id": b"123456789"}, {"span_id": bytes(8)}, {"start": 2**64 - 1}],
)
def test_a_span_that_cannot_be_is_refused_alone(api, experiment, wrong):
    bad, good = {**make_span(), **wrong}, make_span()
    reply = export(api, protobuf([bad]), experiment)
    assert reply.status == 422, reply
    assert reply.json["detail"].startswith("Cannot convert OpenTelemetry span to MLflow span")
    reply = export(api, protobuf([bad, good]), experiment)
    assert reply.status == 200, reply
    assert partial_success(reply.bytes)[0] == 1
    assert is_stored(api, good)


def test_every_span_that_is_cut_off_is_refused_and_the_server_lives_on(api, experiment):
    whole = protobuf([make_span(attributes={"k": [1, {"a": "b"}]}, events=[{"name": "e"}])])
    for length in range(1, len(whole)):
        assert export(api, whole[:length], experiment).status == 400
    assert export(api, whole, experiment).status == 200


def test_unknown_fields_of_json_are_ignored(api, experiment):
    span = make_span()
    body = json.dumps(
        {"resourceSpans": [{"future": 1, "scopeSpans": [{"spans": [{**json_span(span), "future": {"deep": [1]}}]}]}]}
    )
    assert export(api, body.encode(), experiment, JSON).ok() == {}
    assert is_stored(api, span)


def test_numbers_are_taken_where_json_wants_texts(api, experiment):
    span = make_span()
    item = {**json_span(span), "startTimeUnixNano": span["start"], "endTimeUnixNano": span["end"]}
    body = json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [item]}]}]})
    assert export(api, body.encode(), experiment, JSON).ok() == {}
    assert spans_of(api, span)[0]["start_time_unix_nano"] == span["start"]


def test_what_comes_back_is_strict_json_even_for_numbers_that_are_none(api, experiment):
    span = make_span(attributes={"nan": float("nan"), "inf": float("-inf")})
    sent(api, [span], experiment)
    reply = api.get("traces/get", {"trace_id": id_of(span), "allow_partial": "true"}, root=API_3)
    assert strict_json(reply.text)
    values = attribute_values(spans_of(api, span)[0])
    assert values["nan"] == {"double_value": "NaN"}
    assert values["inf"] == {"double_value": "-Infinity"}
