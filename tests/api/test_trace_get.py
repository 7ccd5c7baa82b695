import json
import math
import time

import pytest

from support import API_3, expect_error, expect_invalid, missing
from traces_support import LOCATION, START_NS, Spans, Traces, base64_of, size_stats


@pytest.fixture
def traces(api, experiment):
    return Traces(api, experiment)


def only_span(traces, **span):
    """The span as it is read back."""
    return traces.get_spans(traces.arrived(**span))[0]


def values_of(span):
    return {item["key"]: item.get("value") for item in span["attributes"]}


def test_a_span_reads_back_with_its_ids_times_and_name(traces):
    spans = Spans()
    root = spans.add("root", milliseconds=5)
    child = spans.add("child", parent=root, start=START_NS + 1, milliseconds=2)
    first, second = traces.get_spans(traces.send(spans))
    assert first["trace_id"] == base64_of(spans.hex)
    assert first["span_id"] == base64_of(root) and "parent_span_id" not in first
    assert (first["name"], first["start_time_unix_nano"]) == ("root", START_NS)
    assert first["end_time_unix_nano"] == START_NS + 5_000_000
    assert second["span_id"] == base64_of(child) and second["parent_span_id"] == base64_of(root)
    assert second["start_time_unix_nano"] == START_NS + 1


def test_roots_come_first_and_then_spans_by_their_start(traces):
    spans = Spans()
    root = "00000000000000ff"
    for name, start in (("late", 30), ("early", 10), ("middle", 20)):
        spans.add(name, parent=root, start=START_NS + start)
    spans.add("root", start=START_NS + 40)
    assert [s["name"] for s in traces.get_spans(traces.send(spans))] == ["root", "early", "middle", "late"]


def test_a_running_span_has_no_end_and_an_empty_name_is_left_out(traces):
    span = only_span(traces, name="", endTimeUnixNano="0")
    assert "end_time_unix_nano" not in span and "name" not in span


@pytest.mark.parametrize(
    "status, shown",
    [
        ({}, {}),
        ({"code": 1, "message": "fine"}, {"code": "STATUS_CODE_OK"}),
        ({"code": 2, "message": "err"}, {"code": "STATUS_CODE_ERROR", "message": "err"}),
        ({"code": 2}, {"code": "STATUS_CODE_ERROR"}),
    ],
)
def test_the_state_of_a_span_is_always_shown(traces, status, shown):
    assert only_span(traces, status=status)["status"] == shown


def test_attributes_are_shown_as_what_their_texts_say(traces):
    given = {
        "text": "a",
        "digits": "1",
        "whole": -5,
        "big": 2**63 - 1,
        "real": 1.5,
        "yes": True,
        "nothing": None,
        "none": [],
        "list": [1, "x", None],
        "object": {"k": {"z": 2}, "n": None},
        "empty": {},
        "json": '{"a": [1, 2.5]}',
        "umlaut": "\u00e4\U0001f600\n\"",
    }
    values = values_of(only_span(traces, attributes=given))
    texts = {"string_value": "x"}
    assert values["text"] == {"string_value": "a"}
    assert values["digits"] == {"string_value": "1"}
    assert values["whole"] == {"int_value": -5}
    assert values["big"] == {"int_value": 2**63 - 1}
    assert values["real"] == {"double_value": 1.5}
    assert values["yes"] == {"bool_value": True}
    assert values["nothing"] is None
    assert values["none"] == {"array_value": {}}
    assert values["list"] == {"array_value": {"values": [{"int_value": 1}, texts, {}]}}
    inner = {"kvlist_value": {"values": [{"key": "z", "value": {"int_value": 2}}]}}
    assert values["object"] == {"kvlist_value": {"values": [{"key": "k", "value": inner}, {"key": "n"}]}}
    assert values["empty"] == {"kvlist_value": {}}
    decoded = {"array_value": {"values": [{"int_value": 1}, {"double_value": 2.5}]}}
    assert values["json"] == {"kvlist_value": {"values": [{"key": "a", "value": decoded}]}}
    assert values["umlaut"] == {"string_value": "\u00e4\U0001f600\n\""}


@pytest.mark.parametrize("given, shown", [("NaN", "NaN"), ("Infinity", "Infinity"), ("-Infinity", "-Infinity")])
def test_numbers_that_json_lacks_are_texts(traces, given, shown):
    spans = Spans()
    spans.add()
    spans.spans[0]["attributes"] = [{"key": "k", "value": {"doubleValue": given}}]
    assert values_of(traces.get_spans(traces.send(spans))[0])["k"] == {"double_value": shown}
    assert not math.isfinite(float(shown))


def test_a_span_says_which_trace_it_is_of(traces):
    trace_id = traces.arrived()
    assert values_of(traces.get_spans(trace_id)[0])["mlflow.traceRequestId"] == {"string_value": trace_id}


def test_events_keep_their_times_names_and_attributes(traces):
    attributes = [{"key": "k", "value": {"intValue": "1"}}, {"key": "s", "value": {"stringValue": '{"a": 1}'}}]
    event = {"timeUnixNano": str(START_NS + 7), "name": "exception", "attributes": attributes}
    bare = {"timeUnixNano": str(START_NS), "name": "bare"}
    shown = [{"key": "k", "value": {"int_value": 1}}, {"key": "s", "value": {"string_value": '{"a": 1}'}}]
    assert only_span(traces, events=[event, bare])["events"] == [
        {"time_unix_nano": START_NS + 7, "name": "exception", "attributes": shown},
        {"time_unix_nano": START_NS, "name": "bare"},
    ]


def test_deeply_nested_attributes_read_back(traces):
    value = json.loads("[" * 60 + "1" + "]" * 60)
    shown = values_of(only_span(traces, attributes={"deep": json.dumps(value)}))["deep"]
    for _ in range(60):
        (shown,) = shown["array_value"]["values"]
    assert shown == {"int_value": 1}


def test_a_trace_is_read_with_its_information(traces):
    trace_id = traces.arrived()
    traces.assess(trace_id, assessment_name="good", feedback={"value": True}).ok()
    assert traces.get(trace_id).ok()["trace"]["trace_info"] == traces.load(trace_id)


def test_a_trace_of_many_spans_is_read_whole_and_in_order(traces):
    spans = Spans()
    root = spans.add("root")
    for i in range(4500):
        spans.add(str(i), parent=root, start=START_NS + i, attributes={"filling": "x" * 200})
    trace_id = traces.send(spans)
    assert [s["name"] for s in traces.get_spans(trace_id)] == ["root"] + [str(i) for i in range(4500)]
    assert traces.batch(trace_id) == [trace_id]


# --- What cannot be read ---


def test_an_unknown_trace_is_not_found(traces):
    expect_error(traces.get("nope"), 404, "RESOURCE_DOES_NOT_EXIST", "Trace with ID nope is not found.")


def test_a_trace_id_is_required(api):
    expect_invalid(api.get("traces/get", root=API_3), missing("trace_id"))
    expect_invalid(api.get("traces/batchGet", root=API_3), missing("trace_ids"))


def test_allow_partial_must_be_a_boolean(traces):
    message = "Invalid boolean value: maybe, must be 'true' or 'false'."
    expect_invalid(traces.get(traces.arrived(), allow_partial="maybe"), message)


def test_a_trace_whose_spans_are_elsewhere_is_refused(traces):
    reply = traces.get(traces.new())
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", "Trace data not stored in tracking store")


def test_spans_are_read_whatever_clients_do_to_the_tag(traces):
    trace_id = traces.arrived(name="kept")
    traces.set_tag(trace_id, key=LOCATION, value="ARTIFACT_REPO").ok()
    assert [s["name"] for s in traces.get_spans(trace_id)] == ["kept"]


# --- Traces of which spans are still to come ---


def test_an_incomplete_trace_is_refused_soon(traces):
    trace_id = traces.arrived()
    traces.start(trace_id, trace_metadata=size_stats(2))
    before = time.monotonic()
    message = f"Trace with ID {trace_id} is not fully exported yet, please try again later."
    expect_error(traces.get(trace_id), 404, "RESOURCE_DOES_NOT_EXIST", message)
    assert time.monotonic() - before < 3


def test_an_incomplete_trace_is_read_on_request(traces):
    trace_id = traces.arrived(name="first")
    traces.start(trace_id, trace_metadata=size_stats(2))
    assert [s["name"] for s in traces.get_spans(trace_id, allow_partial="True")] == ["first"]


def test_a_trace_is_complete_once_its_last_span_came(traces):
    spans = Spans()
    root = spans.add("root")
    trace_id = traces.send(spans)
    traces.start(trace_id, trace_metadata=size_stats(2))
    spans.add("child", parent=root)
    traces.send(spans)
    assert [s["name"] for s in traces.get_spans(trace_id)] == ["root", "child"]


@pytest.mark.parametrize("stats", ["", "rubbish", "[]", '{"num_spans": "many"}', '{"num_spans": null}', "{}"])
def test_a_size_that_says_nothing_holds_nothing_up(traces, stats):
    trace_id = traces.arrived(name="only")
    traces.start(trace_id, trace_metadata={"mlflow.trace.sizeStats": stats})
    assert [s["name"] for s in traces.get_spans(trace_id)] == ["only"]


# --- Batches ---


def test_a_batch_keeps_the_order_of_the_request(traces):
    first, second, third = traces.arrived(), traces.arrived(), traces.arrived()
    assert traces.batch(third, first, second) == [third, first, second]


def test_a_repeated_id_counts_once_at_its_last_place(traces):
    first, second = traces.arrived(), traces.arrived()
    assert traces.batch(first, second, first) == [second, first]


def test_ids_that_cannot_be_read_leave_the_others_alone(traces):
    good, incomplete = traces.arrived(), traces.arrived()
    traces.start(incomplete, trace_metadata=size_stats(2))
    elsewhere = traces.new()
    assert traces.batch("nope", elsewhere, incomplete, good) == [good]


def test_a_batch_of_nothing_readable_is_empty(api):
    assert api.get("traces/batchGet", {"trace_ids": "nope"}, root=API_3).ok() == {}


def test_a_batch_has_the_spans(api, traces):
    trace_id = traces.arrived(name="root", attributes={"k": 1})
    (trace,) = api.get("traces/batchGet", {"trace_ids": [trace_id]}, root=API_3).ok()["traces"]
    assert trace == traces.get(trace_id).ok()["trace"]
    assert values_of(trace["spans"][0])["k"] == {"int_value": 1}
