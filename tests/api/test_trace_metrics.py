"""Counts, sums, averages and percentiles over traces, spans and assessments."""

import json
import re

import pytest

from support import API_3, expect_invalid, missing
from traces_support import START_NS, Spans, Traces

BASE = 1_700_000_000_000
NAME = "mlflow.traceName"


class Metrics(Traces):
    def query(self, view, name, *aggregations, **fields):
        given = [{"aggregation_type": a} if isinstance(a, str) else percentile(a) for a in aggregations]
        body = {"experiment_ids": [self.experiment], "view_type": view, "metric_name": name, "aggregations": given}
        return self.api.post("traces/metrics", {**body, **fields}, root=API_3)

    def points(self, *arguments, **fields):
        """[(dimensions, values)]"""
        points = self.query(*arguments, **fields).ok().get("data_points", [])
        assert all(p["metric_name"] == arguments[1] for p in points)
        return [(p.get("dimensions"), p["values"]) for p in points]

    def values(self, *arguments, **fields):
        ((dimensions, values),) = self.points(*arguments, **fields)
        assert dimensions is None
        return values

    def report(self, name=None, milliseconds=0, **fields):
        seconds, rest = divmod(milliseconds, 1000)
        when = f"2023-11-14T22:{13 + (20 + seconds) // 60:02}:{(20 + seconds) % 60:02}.{rest:03}Z"
        return self.new(request_time=when, tags={NAME: name} if name else {}, **fields)


def percentile(value):
    return {"aggregation_type": "PERCENTILE", "percentile_value": value}


@pytest.fixture
def metrics(api, experiment):
    return Metrics(api, experiment)


# --- Traces ---


def test_traces_are_counted(metrics):
    for _ in range(3):
        metrics.report()
    reply = metrics.query("TRACES", "trace_count", "COUNT")
    assert reply.ok() == {"data_points": [{"metric_name": "trace_count", "values": {"COUNT": 3.0}}]}
    assert re.search(r'"COUNT":\s*3\.0', reply.text)


def test_nothing_counted_is_an_empty_reply(metrics):
    assert metrics.query("TRACES", "trace_count", "COUNT").ok() == {}


def test_traces_are_counted_by_name_and_state(metrics):
    for name, state in (("b", "OK"), ("a", "OK"), ("a", "ERROR"), ("a", "OK"), (None, "OK")):
        metrics.report(name, state=state)
    assert metrics.points("TRACES", "trace_count", "COUNT", dimensions=["trace_name", "trace_status"]) == [
        ({"trace_name": "a", "trace_status": "ERROR"}, {"COUNT": 1.0}),
        ({"trace_name": "a", "trace_status": "OK"}, {"COUNT": 2.0}),
        ({"trace_name": "b", "trace_status": "OK"}, {"COUNT": 1.0}),
    ]
    assert metrics.points("TRACES", "trace_count", "COUNT", dimensions=["trace_status"]) == [
        ({"trace_status": "ERROR"}, {"COUNT": 1.0}),
        ({"trace_status": "OK"}, {"COUNT": 4.0}),
    ]


def test_percentiles_lie_between_the_nearest_values(metrics):
    for seconds in ("0.400s", "0.100s", "0.200s", "0.300s", None):
        metrics.report(execution_duration=seconds)
    values = metrics.values("TRACES", "latency", "AVG", 0, 25, 50, 90, 99.9, 100)
    assert values.pop("P99.9") == pytest.approx(399.7)
    assert values == {"AVG": 250.0, "P0.0": 100.0, "P25.0": 175.0, "P50.0": 250.0, "P90.0": 370.0, "P100.0": 400.0}


def test_one_value_is_every_percentile(metrics):
    metrics.report(execution_duration="0.070s")
    assert metrics.values("TRACES", "latency", 1, 99) == {"P1.0": 70.0, "P99.0": 70.0}


def test_tokens_are_summed(metrics):
    for used in (10, 30):
        usage = {"input_tokens": used, "output_tokens": 2 * used, "total_tokens": 3 * used}
        metrics.report(trace_metadata={"mlflow.trace.tokenUsage": json.dumps(usage)})
    metrics.report()
    assert metrics.values("TRACES", "input_tokens", "SUM", "AVG", 50) == {"SUM": 40.0, "AVG": 20.0, "P50.0": 20.0}
    assert metrics.values("TRACES", "output_tokens", "SUM") == {"SUM": 80.0}
    assert metrics.values("TRACES", "total_tokens", "SUM") == {"SUM": 120.0}


def test_an_aggregation_that_is_repeated_shows_once(metrics):
    metrics.report()
    reply = metrics.query("TRACES", "trace_count", "COUNT", "COUNT")
    assert reply.ok()["data_points"][0]["values"] == {"COUNT": 1.0} and reply.text.count("COUNT") == 1


# --- Time ---


def test_bounds_are_inclusive(metrics):
    for ms in (0, 10, 20):
        metrics.report(milliseconds=ms)

    def count(**bounds):
        return metrics.values("TRACES", "trace_count", "COUNT", **bounds)["COUNT"]

    assert count(start_time_ms=BASE + 10) == 2
    assert count(end_time_ms=BASE + 10) == 2
    assert count(start_time_ms=BASE + 10, end_time_ms=BASE + 10) == 1
    assert count(start_time_ms=0, end_time_ms=0) == 3


def test_traces_are_counted_by_time(metrics):
    for ms in (0, 30_000, 45_000, 120_000):
        metrics.report("n", milliseconds=ms)
    bounds = {"start_time_ms": BASE - 1000, "end_time_ms": BASE + 10**6, "time_interval_seconds": 60}
    assert metrics.points("TRACES", "trace_count", "COUNT", **bounds) == [
        ({"time_bucket": "2023-11-14T22:13:00+00:00"}, {"COUNT": 2.0}),
        ({"time_bucket": "2023-11-14T22:14:00+00:00"}, {"COUNT": 1.0}),
        ({"time_bucket": "2023-11-14T22:15:00+00:00"}, {"COUNT": 1.0}),
    ]
    bounds["time_interval_seconds"] = 3600
    (point,) = metrics.points("TRACES", "trace_count", "COUNT", dimensions=["trace_name"], **bounds)
    assert point == ({"time_bucket": "2023-11-14T22:00:00+00:00", "trace_name": "n"}, {"COUNT": 4.0})


@pytest.mark.parametrize("bounds", [{}, {"start_time_ms": 1}, {"end_time_ms": 1}, {"start_time_ms": 0, "end_time_ms": 1}])
def test_an_interval_needs_both_bounds(metrics, bounds):
    message = "start_time_ms and end_time_ms are required if time_interval_seconds is set"
    expect_invalid(metrics.query("TRACES", "trace_count", "COUNT", time_interval_seconds=60, **bounds), message)


@pytest.mark.parametrize("seconds", [-1, 10**18, "soon"])
def test_an_interval_must_make_sense(metrics, seconds):
    bounds = {"start_time_ms": 1, "end_time_ms": 2}
    reply = metrics.query("TRACES", "trace_count", "COUNT", time_interval_seconds=seconds, **bounds)
    expect_invalid(reply, re.compile("time_interval_seconds"))


# --- Spans ---


@pytest.fixture
def spanned(metrics):
    """A root of 100 ms, two TOOL spans of 10 and 30 ms, and one that still runs."""
    spans = Spans()
    root = spans.add("root", milliseconds=100, status={"code": 1})
    for milliseconds in (10, 30):
        spans.add("tool", parent=root, milliseconds=milliseconds, attributes={"mlflow.spanType": "TOOL"})
    spans.add("open", parent=root, endTimeUnixNano="0", status={"code": 2})
    metrics.send(spans)
    return metrics


def test_spans_are_counted(spanned):
    assert spanned.values("SPANS", "span_count", "COUNT") == {"COUNT": 4.0}
    assert spanned.points("SPANS", "span_count", "COUNT", dimensions=["span_name", "span_status"]) == [
        ({"span_name": "open", "span_status": "ERROR"}, {"COUNT": 1.0}),
        ({"span_name": "root", "span_status": "OK"}, {"COUNT": 1.0}),
        ({"span_name": "tool", "span_status": "UNSET"}, {"COUNT": 2.0}),
    ]
    by_type = spanned.points("SPANS", "span_count", "COUNT", dimensions=["span_type"])
    assert ({"span_type": "TOOL"}, {"COUNT": 2.0}) in by_type


def test_spans_that_run_have_no_latency(spanned):
    assert spanned.points("SPANS", "latency", "AVG", 50, dimensions=["span_name"]) == [
        ({"span_name": "root"}, {"AVG": 100.0, "P50.0": 100.0}),
        ({"span_name": "tool"}, {"AVG": 20.0, "P50.0": 20.0}),
    ]


def test_spans_stand_in_the_bucket_of_their_own_start(metrics):
    spans = Spans()
    root = spans.add("root")
    spans.add("late", parent=root, start=START_NS + 60 * 10**9)
    metrics.send(spans)
    bounds = {"start_time_ms": BASE, "end_time_ms": BASE + 1000, "time_interval_seconds": 60}
    buckets = [d["time_bucket"] for d, _ in metrics.points("SPANS", "span_count", "COUNT", **bounds)]
    assert buckets == ["2023-11-14T22:13:00+00:00", "2023-11-14T22:14:00+00:00"]


# --- Assessments ---


def test_assessments_are_counted(metrics):
    trace_id = metrics.new()
    for name, value in (("a", "yes"), ("a", 5), ("b", "yes")):
        metrics.assess(trace_id, assessment_name=name, feedback={"value": value}).ok()
    assert metrics.points("ASSESSMENTS", "assessment_count", "COUNT", dimensions=["assessment_name"]) == [
        ({"assessment_name": "a"}, {"COUNT": 2.0}),
        ({"assessment_name": "b"}, {"COUNT": 1.0}),
    ]
    assert metrics.points("ASSESSMENTS", "assessment_count", "COUNT", dimensions=["assessment_value"]) == [
        ({"assessment_value": '"yes"'}, {"COUNT": 2.0}),
        ({"assessment_value": "5.0"}, {"COUNT": 1.0}),
    ]


def test_values_that_are_numbers_or_stand_for_one_are_averaged(metrics):
    trace_id = metrics.new()
    for value in (True, "yes", False, "no", 4, -1.5, "maybe", [7], {"a": 7}, "8"):
        metrics.assess(trace_id, assessment_name="n", feedback={"value": value}).ok()
    values = metrics.values("ASSESSMENTS", "assessment_value", "AVG", 0, 100)
    assert values == {"AVG": pytest.approx(4.5 / 6), "P0.0": -1.5, "P100.0": 4.0}


def test_what_was_overridden_does_not_count(metrics):
    trace_id = metrics.new()
    first = metrics.assess(trace_id, assessment_name="n", feedback={"value": 1}).ok()["assessment"]["assessment_id"]
    metrics.assess(trace_id, assessment_name="n", feedback={"value": 3}, overrides=first).ok()
    assert metrics.values("ASSESSMENTS", "assessment_value", "AVG") == {"AVG": 3.0}
    assert metrics.values("ASSESSMENTS", "assessment_count", "COUNT") == {"COUNT": 1.0}


# --- Which traces ---


def test_experiments_are_kept_apart(api, metrics):
    other = Metrics(api, api.experiment())
    metrics.report()
    other.report()
    count = ("TRACES", "trace_count", "COUNT")
    assert metrics.values(*count) == {"COUNT": 1.0}
    assert metrics.values(*count, experiment_ids=[metrics.experiment, other.experiment]) == {"COUNT": 2.0}
    assert metrics.values(*count, experiment_ids=[])["COUNT"] >= 2
    assert metrics.points(*count, experiment_ids=["987654321"]) == []


@pytest.mark.parametrize(
    "filters, count",
    [
        (["trace.status = 'OK'"], 2),
        (["trace.status = 'NONE'"], 0),
        (["trace.tag.k = 'v'"], 1),
        (["trace.tag.`two words` = 'v'"], 1),
        (['trace.tag."two words" = "v"'], 1),
        (["trace.metadata.m.n = 'v'"], 1),
        (["trace.metadata.k = 'v'"], 0),
        (["trace.status = 'OK'", "trace.tag.k = 'v'"], 1),
        (["trace.status = 'ERROR'", "trace.tag.k = 'v'"], 0),
        ([], 3),
    ],
)
def test_filters_choose_traces(metrics, filters, count):
    metrics.new(tags={"k": "v", "two words": "v"})
    metrics.new(trace_metadata={"m.n": "v"})
    metrics.new(state="ERROR")
    found = metrics.points("TRACES", "trace_count", "COUNT", filters=filters)
    assert found == ([(None, {"COUNT": float(count)})] if count else [])


@pytest.mark.parametrize(
    "text, count",
    [
        ("span.name = 'tool'", 2),
        ("span.type = 'TOOL'", 2),
        ("span.status = 'ERROR'", 1),
        ("span.status = 'OK'", 1),
        ("trace.status = 'OK'", 4),
    ],
)
def test_filters_choose_spans(spanned, text, count):
    assert spanned.values("SPANS", "span_count", "COUNT", filters=[text]) == {"COUNT": float(count)}


@pytest.mark.parametrize(
    "text, count", [("assessment.name = 'a'", 2), ("assessment.type = 'feedback'", 1), ("assessment.type = 'expectation'", 1)]
)
def test_filters_choose_assessments(metrics, text, count):
    trace_id = metrics.new()
    metrics.assess(trace_id, assessment_name="a", feedback={"value": 1}).ok()
    metrics.assess(trace_id, assessment_name="a", expectation={"value": 1}).ok()
    assert metrics.values("ASSESSMENTS", "assessment_count", "COUNT", filters=[text]) == {"COUNT": float(count)}


@pytest.mark.parametrize(
    "view, text, message",
    [
        ("TRACES", "span.name = 'x'", "Filtering by span is only supported for SPANS view type, got TRACES"),
        ("SPANS", "assessment.name = 'x'", "Filtering by assessment is only supported for ASSESSMENTS view type, got SPANS"),
        ("TRACES", "trace.status != 'OK'", "Invalid comparator: '!=', only '=' operator is supported"),
        ("TRACES", "trace.status LIKE 'OK'", "Invalid comparator: 'LIKE', only '=' operator is supported"),
        ("TRACES", "trace.tag = 'x'", "Filtering by tag requires a key, e.g. 'trace.tag.<key> = <value>'"),
        ("TRACES", "trace.status.x = 'x'", "Filtering by status does not require a key, use 'trace.status' instead"),
        (
            "TRACES",
            "status = 'OK'",
            "Invalid identifier 'status'. Columns should be specified as 'trace.<key>', 'span.<key>', 'assessment.<key>'.",
        ),
        (
            "TRACES",
            "trace.bogus = 'x'",
            "Invalid entity 'bogus' specified for view type 'trace'. Valid entities are ['status', 'tag', 'metadata']",
        ),
        ("TRACES", "trace.status = 'OK' AND", "Invalid clause(s) in filter string: AND"),
        ("TRACES", "", "Invalid filter: ''. Expected one filter clause."),
        ("TRACES", "trace.status = OK", re.compile("quotes")),
        ("TRACES", "trace.status", re.compile("filter")),
        ("TRACES", "= 'x'", re.compile("Invalid clause")),
        ("TRACES", "trace.status = 'x", re.compile("quotes")),
    ],
)
def test_filters_that_mean_nothing_are_refused(metrics, view, text, message):
    name = {"TRACES": "trace_count", "SPANS": "span_count"}[view]
    expect_invalid(metrics.query(view, name, "COUNT", filters=[text]), message)


# --- Limits and refusals ---


def test_at_most_so_many_points_are_given(metrics):
    for name in "abc":
        metrics.report(name)
    points = metrics.points("TRACES", "trace_count", "COUNT", dimensions=["trace_name"], max_results=2)
    assert points == [({"trace_name": "a"}, {"COUNT": 1.0}), ({"trace_name": "b"}, {"COUNT": 1.0})]


@pytest.mark.parametrize("most", [0, -1])
def test_the_number_of_points_must_be_positive(metrics, most):
    message = f"Invalid value {most} for parameter 'max_results' supplied. It must be a positive integer"
    expect_invalid(metrics.query("TRACES", "trace_count", "COUNT", max_results=most), message)


@pytest.mark.parametrize("name", ["experiment_ids", "view_type", "metric_name", "aggregations"])
def test_what_is_required(metrics, name):
    expect_invalid(metrics.query("TRACES", "trace_count", "COUNT", **{name: None}), missing(name))


def test_an_aggregation_is_required(metrics):
    expect_invalid(metrics.query("TRACES", "trace_count"), missing("aggregations"))


def test_unknown_metrics_aggregations_and_dimensions_are_refused(metrics):
    message = (
        "metric_name must be one of ['trace_count', 'latency', 'input_tokens', 'output_tokens', 'total_tokens'], got 'bogus'"
    )
    expect_invalid(metrics.query("TRACES", "bogus", "COUNT"), message)
    message = "Found invalid aggregation_type(s): ['SUM']. Supported aggregation types: ['AVG', 'PERCENTILE']"
    expect_invalid(metrics.query("TRACES", "latency", "AVG", "SUM"), message)
    message = "Found invalid dimension(s): ['trace_status']. Supported dimensions: ['trace_name']"
    expect_invalid(metrics.query("TRACES", "latency", "AVG", dimensions=["trace_status"]), message)
    expect_invalid(metrics.query("TRACES", "latency", "MEDIAN"), re.compile("aggregation_type"))
    expect_invalid(metrics.query("RUNS", "latency", "AVG"), re.compile("view_type"))
    expect_invalid(metrics.query("TRACES", "latency", "AVG", dimensions=["trace_name"] * 4), re.compile("dimension"))
    expect_invalid(metrics.query("TRACES", "latency", "AVG", experiment_ids=["abc"]))


@pytest.mark.parametrize("value", [-0.1, 100.1, "NaN", None])
def test_a_percentile_lies_between_0_and_100(metrics, value):
    given = [{"aggregation_type": "PERCENTILE", "percentile_value": value}]
    expect_invalid(metrics.query("TRACES", "latency", aggregations=given), re.compile("percentile_value"))


def test_only_percentiles_have_a_percentile(metrics):
    given = [{"aggregation_type": "AVG", "percentile_value": 50}]
    expect_invalid(metrics.query("TRACES", "latency", aggregations=given), re.compile("percentile_value"))
