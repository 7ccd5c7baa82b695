"""The spans of a trace as a file."""

import json

import pytest

from support import AJAX as AJAX_2, AJAX_3
from traces_support import ARTIFACTS, START_NS, Spans, Traces, base64_of, size_stats

UPLOADED = b'{"spans": [{"name": "x", "unknown": "\\u00e4"}], "more": 1}'


@pytest.fixture
def traces(store):
    return Traces(store.api, store.api.experiment())


def get(store, trace_id, root=AJAX_2):
    return store.call("GET", f"{root}get-trace-artifact?request_id={trace_id}")


def refused(reply):
    reply.expect(404, "NOT_FOUND", "Trace data not found for path=traces.json")


@pytest.mark.parametrize("root", [AJAX_2, AJAX_3])
def test_spans_of_the_store_are_sent_as_a_file(store, traces, root):
    spans = Spans()
    root_id = spans.add("r\u00e4", attributes={"k": "a", "o": {"n": 1}}, status={"code": 2, "message": "bad"})
    child_id = spans.add("child", parent=root_id, start=START_NS - 1)
    trace_id = traces.send(spans)
    reply = get(store, trace_id, root).ok()
    assert reply.headers["content-type"] == "text/plain"
    assert reply.headers["content-disposition"] == "attachment; filename=traces.json"
    assert reply.headers["cache-control"] == "no-cache"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.bytes.isascii() and b"\n" not in reply.bytes
    first, second = json.loads(reply.bytes)["spans"]
    assert list(first) == [
        "trace_id", "span_id", "parent_span_id", "name", "start_time_unix_nano", "end_time_unix_nano", "events", "status",
        "attributes",
    ]  # fmt: skip
    assert (first["trace_id"], first["span_id"]) == (base64_of(spans.hex), base64_of(root_id))
    assert (first["parent_span_id"], second["parent_span_id"]) == (None, base64_of(root_id))
    assert first["name"] == "r\u00e4" and second["span_id"] == base64_of(child_id)
    assert first["status"] == {"code": "STATUS_CODE_ERROR", "message": "bad"}
    assert second["status"] == {"code": "STATUS_CODE_UNSET", "message": ""}
    texts = {"k": '"a"', "o": '{"n": 1}', "mlflow.traceRequestId": f'"{trace_id}"'}
    assert texts.items() <= first["attributes"].items()


def test_a_trace_of_which_spans_are_to_come_is_sent_as_it_is(store, traces):
    trace_id = traces.arrived()
    traces.start(trace_id, trace_metadata=size_stats(5))
    assert len(json.loads(get(store, trace_id).ok().bytes)["spans"]) == 1


def test_many_spans_are_sent_whole(store, traces):
    spans = Spans()
    for i in range(3000):
        spans.add(str(i), start=START_NS + i, attributes={"filling": "x" * 300})
    trace_id = traces.send(spans)
    assert [s["name"] for s in json.loads(get(store, trace_id).ok().bytes)["spans"]] == [str(i) for i in range(3000)]


def test_what_the_client_uploaded_is_sent_where_the_store_has_no_spans(store, traces):
    trace_id = traces.new()
    store.put(f"{traces.experiment}/traces/{trace_id}/artifacts/traces.json", UPLOADED).ok()
    reply = get(store, trace_id).ok()
    assert reply.bytes == UPLOADED
    assert "attachment" in reply.headers["content-disposition"] and "traces.json" in reply.headers["content-disposition"]
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_nothing_uploaded_is_not_found(store, traces):
    refused(get(store, traces.new()))


def test_a_tag_leads_to_no_other_place(store, traces):
    other = traces.new()
    store.put(f"{traces.experiment}/traces/{other}/artifacts/traces.json", UPLOADED).ok()
    trace_id = traces.new()
    place = traces.load(other)["tags"][ARTIFACTS]
    traces.set_tag(trace_id, key=ARTIFACTS, value=place).ok()
    refused(get(store, trace_id))


@pytest.mark.parametrize("trace_id", ["../{0}", "..", "{0}/../{0}", "./{0}"])
def test_an_id_leads_to_no_other_place(store, traces, trace_id):
    other = traces.new()
    store.put(f"{traces.experiment}/traces/{other}/artifacts/traces.json", UPLOADED).ok()
    sly = trace_id.format(other)
    assert traces.start(sly)["trace_id"] == sly
    refused(get(store, sly))
    traces.delete(request_ids=[sly]).ok()
