"""The exporters of OpenTelemetry's JavaScript SDK, as published on npm, send to the suite."""

import json

import pytest

from support import API_3


def send(node, server, encoding, experiment, compression="none"):
    return json.loads(node("send_spans.js", encoding, server.url, experiment, compression))


def values(span):
    return {item["key"]: item.get("value", {}) for item in span["attributes"]}


@pytest.mark.parametrize("compression", ["none", "gzip"])
@pytest.mark.parametrize("encoding", ["proto", "http"])
def test_a_trace_arrives_whole(node, server, api, experiment, encoding, compression):
    sent = send(node, server, encoding, experiment, compression)
    assert sent["problems"] == []
    trace_id = "tr-" + sent["traceId"]
    reply = api.get("traces/get", {"trace_id": trace_id}, root=API_3).ok()["trace"]

    info = reply["trace_info"]
    assert info["state"] == "OK"
    assert info["trace_location"]["mlflow_experiment"]["experiment_id"] == experiment
    assert info["tags"]["service.name"] == "client-test"
    assert info["trace_metadata"]["mlflow.trace.session"] == "session-1"
    tokens = {"input_tokens": 11, "output_tokens": 4, "total_tokens": 15}
    assert json.loads(info["trace_metadata"]["mlflow.trace.tokenUsage"]) == tokens

    spans = {span["name"]: span for span in reply["spans"]}
    assert set(spans) == {"root", "model", "tool"}
    root = spans["root"]
    assert "parent_span_id" not in root
    assert {span["parent_span_id"] for span in spans.values() if span is not root} == {root["span_id"]}
    got = values(root)
    assert got["whole"] == {"int_value": 7}
    assert got["real"] == {"double_value": 1.5}
    assert got["yes"] == {"bool_value": True}
    assert got["list"] == {"array_value": {"values": [{"string_value": "a"}, {"string_value": "b"}]}}
    assert got["text"] == {"string_value": "grüße"}
    assert values(spans["model"])["mlflow.spanType"] == {"string_value": "CHAT_MODEL"}
    assert [event["name"] for event in spans["model"]["events"]] == ["token"]
    assert spans["tool"]["status"] == {"message": "it failed", "code": "STATUS_CODE_ERROR"}
    (event,) = spans["tool"]["events"]
    assert event["name"] == "exception"
    assert values(event)["exception.message"] == {"string_value": "no such thing"}
    assert all(span["end_time_unix_nano"] >= span["start_time_unix_nano"] > 0 for span in spans.values())


@pytest.mark.parametrize("encoding", ["proto", "http"])
def test_the_sender_is_told_when_nothing_was_stored(node, server, api, encoding):
    sent = send(node, server, encoding, "999999")
    assert sent["problems"] != []
    assert api.get(f"traces/tr-{sent['traceId']}", root=API_3).status == 404
