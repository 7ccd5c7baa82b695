"""Traces as API 2.0 has them: begun and ended by the client, without spans."""

import re

import pytest

from support import RUN_ID, check_shape, expect_error, expect_invalid, invalid, missing, pairs
from traces_support import ARTIFACTS, Traces


@pytest.fixture
def traces(api, experiment):
    return Traces(api, experiment)


def try_begin(traces, **fields):
    return traces.api.post("traces", {"experiment_id": traces.experiment, **fields})


def begin(traces, **fields):
    return try_begin(traces, **fields).ok()["trace_info"]


def try_end(traces, trace_id, **fields):
    return traces.api.patch(f"traces/{trace_id}", fields)


def end(traces, trace_id, **fields):
    return try_end(traces, trace_id, **fields).ok()["trace_info"]


def info(traces, trace_id):
    return traces.api.get(f"traces/{trace_id}/info").ok()["trace_info"]


def test_a_trace_begins(traces):
    shown = begin(
        traces, timestamp_ms=5, request_metadata=[{"key": "m", "value": "1"}], tags=[{"key": "t", "value": "2"}]
    )
    check_shape(shown["request_id"], RUN_ID)
    tags = pairs(shown.pop("tags"))
    assert tags.pop("t") == "2"
    assert tags[ARTIFACTS].endswith(f"/traces/{shown['request_id']}/artifacts") and len(tags) == 1
    assert shown == {
        "request_id": shown["request_id"],
        "experiment_id": traces.experiment,
        "timestamp_ms": 5,
        "execution_time_ms": 0,
        "status": "IN_PROGRESS",
        "request_metadata": [{"key": "m", "value": "1"}],
    }


def test_a_trace_begins_at_0_unless_said_otherwise(traces):
    assert begin(traces)["timestamp_ms"] == 0


def test_a_trace_ends(traces):
    trace_id = begin(traces, timestamp_ms=1000, tags=[{"key": "t", "value": "1"}])["request_id"]
    shown = end(
        traces,
        trace_id,
        timestamp_ms=1250,
        status="OK",
        request_metadata=[{"key": "m", "value": "1"}],
        tags=[{"key": "t", "value": "2"}, {"key": "u", "value": "3"}],
    )
    assert (shown["timestamp_ms"], shown["execution_time_ms"], shown["status"]) == (1000, 250, "OK")
    assert pairs(shown["request_metadata"]) == {"m": "1"}
    assert {"t": "2", "u": "3"}.items() <= pairs(shown["tags"]).items()
    assert info(traces, trace_id) == shown


def test_a_trace_may_end_again(traces):
    trace_id = begin(traces, timestamp_ms=1000)["request_id"]
    end(traces, trace_id, timestamp_ms=1100, status="OK")
    shown = end(traces, trace_id, timestamp_ms=1300, status="ERROR")
    assert (shown["execution_time_ms"], shown["status"]) == (300, "ERROR")


@pytest.mark.parametrize("fields", [{}, {"status": "TRACE_STATUS_UNSPECIFIED"}, {"status": 0}])
def test_an_end_without_a_state_is_unspecified(traces, fields):
    trace_id = begin(traces)["request_id"]
    assert end(traces, trace_id, timestamp_ms=1, **fields)["status"] == "TRACE_STATUS_UNSPECIFIED"
    assert traces.load(trace_id)["state"] == "STATE_UNSPECIFIED"


def test_the_same_trace_is_seen_by_api_3(traces):
    trace_id = begin(traces, timestamp_ms=1000)["request_id"]
    shown = traces.load(trace_id)
    assert (shown["state"], shown["request_time"]) == ("IN_PROGRESS", "1970-01-01T00:00:01Z")
    assert "execution_duration" not in shown


def test_api_2_shows_no_previews_and_no_assessments(traces):
    trace_id = traces.new(client_request_id="c", request_preview="q", response_preview="a", execution_duration="2s")
    traces.assess(trace_id, assessment_name="good", feedback={"value": True}).ok()
    assert set(info(traces, trace_id)) == {
        "request_id", "experiment_id", "timestamp_ms", "execution_time_ms", "status", "tags"
    }  # fmt: skip


def test_an_unknown_trace_is_not_found(traces):
    message = "Trace with ID 'nope' not found."
    expect_error(try_end(traces, "nope", timestamp_ms=1, status="OK"), 404, "RESOURCE_DOES_NOT_EXIST", message)
    expect_error(traces.api.get("traces/nope/info"), 404, "RESOURCE_DOES_NOT_EXIST", message)


@pytest.mark.parametrize("experiment", [None, ""])
def test_an_experiment_is_required(traces, experiment):
    expect_invalid(try_begin(traces, experiment_id=experiment), missing("experiment_id"))


def test_the_experiment_must_be_there_and_active(api, traces):
    expect_invalid(try_begin(traces, experiment_id="abc"))
    reply = try_begin(traces, experiment_id="987654321")
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=987654321 exists")
    api.post("experiments/delete", {"experiment_id": traces.experiment}).ok()
    message = f"The experiment {traces.experiment} must be in the 'active' state. Current state is deleted."
    expect_invalid(try_begin(traces), message)


@pytest.mark.parametrize(
    "field, value",
    [("timestamp_ms", "late"), ("tags", {"k": "v"}), ("tags", [{"value": "v"}]), ("request_metadata", [{"value": "v"}])],
)
def test_a_field_that_cannot_be_read_is_named(traces, field, value):
    expect_invalid(try_begin(traces, **{field: value}), re.compile(field))
    expect_invalid(try_end(traces, begin(traces)["request_id"], **{field: value}), re.compile(field))


def test_an_unknown_state_is_refused_and_changes_nothing(traces):
    trace_id = begin(traces)["request_id"]
    expect_invalid(try_end(traces, trace_id, timestamp_ms=1, status="FINE"), invalid("FINE", "status"))
    assert info(traces, trace_id)["status"] == "IN_PROGRESS"


def test_an_end_too_far_from_the_start_is_refused(traces):
    trace_id = begin(traces, timestamp_ms=-(2**62))["request_id"]
    expect_invalid(try_end(traces, trace_id, timestamp_ms=2**63 - 1, status="OK"), re.compile("timestamp_ms"))
