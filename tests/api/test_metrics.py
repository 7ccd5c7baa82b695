import base64
import itertools
import json
import math
import random
import re

import pytest

from support import AJAX, TAIL, expect_error, expect_invalid, invalid, missing, unique

LARGEST = 1.7976931348623157e308
LONG_MAX = 2**63 - 1
BAD_TIME = (
    "Invalid value {} for parameter 'timestamp' supplied: metric 'm' (value=1.5). Timestamp must be a nonnegative long "
    "(64-bit integer) "
)


def metric(run, **fields):
    return {"run_id": run, "key": "m", "value": 1.5, "timestamp": 1, **fields}


# --- values in and out ---


def test_a_logged_metric_shows_in_the_run_and_in_its_history(api, run):
    assert api.post("runs/log-metric", metric(run, timestamp=1700000000000, step=3)).ok() == {}
    assert api.get_run(run)["data"]["metrics"] == [
        {"key": "m", "value": 1.5, "timestamp": 1700000000000, "step": 3}
    ]
    assert api.history(run, "m") == [(1700000000000, 3, 1.5)]


def test_step_defaults_to_0_and_may_be_negative(api, run):
    api.post("runs/log-metric", metric(run)).ok()
    api.post("runs/log-metric", metric(run, key="n", step=-7)).ok()
    assert api.latest(run) == {"m": (1.5, 1, 0), "n": (1.5, 1, -7)}


@pytest.mark.parametrize("field, value", [("timestamp", LONG_MAX), ("step", LONG_MAX), ("step", -(2**63)), ("timestamp", 0)])
def test_the_ends_of_the_64_bit_range_are_kept(api, run, field, value):
    api.post("runs/log-metric", metric(run, **{field: value})).ok()
    found = api.get_run(run)["data"]["metrics"][0]
    assert found[field] == value


@pytest.mark.parametrize(
    "value", [0.1, 1 / 3, 1e22, 5e-324, LARGEST, -LARGEST, 123456789012345680.0, 2**53 + 2.0, -0.5, 1e-5, 100.0, 0.30000000000000004]
)
def test_a_double_survives_exactly_and_in_its_shortest_form(api, run, value):
    api.post("runs/log-metric", metric(run, value=value)).ok()
    reply = api.get("runs/get", {"run_id": run})
    text = re.search(r'"value":\s*([^,\s}"]+)', reply.text[reply.text.index('"metrics"') :]).group(1)
    assert float(text) == value
    digits = lambda t: len(re.sub(r"e.*|[^0-9]", "", t).strip("0"))
    assert digits(text) <= digits(repr(value))


@pytest.mark.parametrize("value, text", [(1, "1.0"), (1.0, "1.0"), (0, "0.0"), (-3, "-3.0"), (1e16, "1e+16"), (1e15, "1000000000000000.0")])
def test_whole_doubles_keep_their_fraction(api, run, value, text):
    api.post("runs/log-metric", metric(run, value=value)).ok()
    assert re.search(r'"value":\s*' + re.escape(text) + r"[,\s}]", api.get("runs/get", {"run_id": run}).text)


@pytest.mark.parametrize(
    "given, kept",
    [
        ("NaN", "NaN"),
        ("nan", "NaN"),
        ("-nan", "NaN"),
        ("Infinity", LARGEST),
        ("-Infinity", -LARGEST),
        ("inf", LARGEST),
        ("-INF", -LARGEST),
        ("1e400", LARGEST),
        ("+5", 5.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1.5e3", 1500.0),
        ("-0.25", -0.25),
    ],
)
def test_doubles_are_read_from_strings(api, run, given, kept):
    api.post("runs/log-metric", metric(run, value=given)).ok()
    assert api.latest(run) == {"m": (kept, 1, 0)}
    assert api.history(run, "m") == [(1, 0, kept)]


@pytest.mark.parametrize("token, kept", [("NaN", "NaN"), ("Infinity", LARGEST), ("-Infinity", -LARGEST)])
def test_the_bare_tokens_that_python_writes_are_read(api, run, token, kept):
    body = f'{{"run_id": "{run}", "key": "m", "value": {token}, "timestamp": 5}}'
    api.post_bytes("runs/log-metric", body).ok()
    assert api.latest(run) == {"m": (kept, 5, 0)}


@pytest.mark.parametrize("value", ["x", "1,5", "0x10", "1 2", True, False, [], {}, [1.5]])
def test_a_value_that_is_no_number_is_refused(api, run, value):
    expect_invalid(api.post("runs/log-metric", metric(run, value=value)), invalid(value, "value"))
    assert api.latest(run) == {}


@pytest.mark.parametrize("given, kept", [("12", 12), (12.0, 12), (1e3, 1000), ("-3", -3)])
def test_integers_are_read_from_whole_numbers_and_digits(api, run, given, kept):
    api.post("runs/log-metric", metric(run, step=given)).ok()
    assert api.latest(run) == {"m": (1.5, 1, kept)}


@pytest.mark.parametrize("step", ["x", 1.5, "1.5", True, [], {}, 2**63, -(2**63) - 1, " 5", "5 ", "1_0", "٣", "0x5", "1e400"])
def test_a_step_that_is_no_64_bit_integer_is_refused(api, run, step):
    message = expect_invalid(api.post("runs/log-metric", metric(run, step=step)))
    assert message.startswith("Invalid value ") and "for parameter 'step' supplied" in message, message
    assert api.latest(run) == {}


def test_required_fields_are_reported_in_order(api, run):
    whole = metric(run)
    for name in ("run_id", "key", "value", "timestamp"):
        for absent in ({k: v for k, v in whole.items() if k != name}, {**whole, name: None}, {**whole, name: ""}):
            expect_invalid(api.post("runs/log-metric", absent), missing(name))
    assert api.latest(run) == {}


def test_a_negative_timestamp_is_refused_with_the_metric_named(api, run):
    expect_invalid(api.post("runs/log-metric", metric(run, timestamp=-1)), BAD_TIME.format(-1))
    batch = {"run_id": run, "metrics": [{"key": "ok", "value": 1, "timestamp": 0}, {"key": "m", "value": 1.5, "timestamp": -1}]}
    text = BAD_TIME.format(-1).replace("'timestamp'", "'metrics[1].timestamp'")
    expect_invalid(api.post("runs/log-batch", batch), text)
    assert api.latest(run) == {}


# --- latest ---


def test_the_latest_value_is_the_greatest_step_then_timestamp_then_value(api, experiment):
    points = list(itertools.product((0, 1), (0, 1), (-1.0, 2.0)))  # step, timestamp, value
    best = max(points)
    shuffler = random.Random(3)
    for _ in range(6):
        shuffler.shuffle(points)
        run = api.run(experiment)
        for step, timestamp, value in points:
            api.metric(run, "m", value, timestamp, step)
        assert api.latest(run) == {"m": (best[2], best[1], best[0])}
        assert len(api.history(run, "m")) == len(points)


def test_the_latest_rule_holds_inside_one_batch(api, experiment):
    shuffler = random.Random(4)
    points = [(s, t, v) for s in (0, 5, -5) for t in (1, 2) for v in (0.5, -0.5)]
    for _ in range(4):
        shuffler.shuffle(points)
        run = api.run(experiment)
        items = [{"key": "m", "value": v, "timestamp": t, "step": s} for s, t, v in points]
        api.post("runs/log-batch", {"run_id": run, "metrics": items}).ok()
        assert api.latest(run) == {"m": (0.5, 2, 5)}


def test_a_later_time_with_a_smaller_step_does_not_win(api, run):
    api.metric(run, "m", 1.0, timestamp=10, step=5)
    api.metric(run, "m", 2.0, timestamp=99, step=4)
    assert api.latest(run) == {"m": (1.0, 10, 5)}


def test_nan_counts_as_zero_in_the_latest_rule(api, experiment):
    for first, second, kept in (
        ("NaN", 1.0, 1.0),
        (1.0, "NaN", 1.0),
        (-1.0, "NaN", "NaN"),
        ("NaN", -1.0, "NaN"),
    ):
        run = api.run(experiment)
        api.metric(run, "m", first)
        api.metric(run, "m", second)
        assert api.latest(run) == {"m": (kept, 0, 0)}, (first, second)


# --- history ---


def test_an_exact_duplicate_is_stored_once_and_another_value_beside_it(api, run):
    for value in (1.0, 1.0, 2.0, 1.0):
        api.metric(run, "m", value, timestamp=1, step=1)
    assert api.history(run, "m") == [(1, 1, 1.0), (1, 1, 2.0)]


def test_history_is_ordered_by_time_step_and_value(api, run):
    points = [(t, s, v) for t in (5, 1, 3) for s in (2, -1, 0) for v in (1.5, -2.5)]
    random.Random(1).shuffle(points)
    for t, s, v in points:
        api.metric(run, "m", v, t, s)
    assert api.history(run, "m") == sorted(points)
    assert api.history(run, "m", max_results=25000) == sorted(points)


def test_the_history_of_an_unknown_run_or_metric_is_empty(api, run):
    assert api.get("metrics/get-history", {"run_id": run, "metric_key": "none"}).ok() == {}
    assert api.get("metrics/get-history", {"run_id": "f" * 32, "metric_key": "none"}).ok() == {}


def test_history_is_read_in_pages_without_gap_or_repetition(api, run):
    items = [{"key": "m", "value": float(i), "timestamp": i // 3, "step": i} for i in range(250)]
    api.post("runs/log-batch", {"run_id": run, "metrics": items}).ok()
    whole = api.history(run, "m")
    assert len(whole) == 250
    for size in (1000, 250, 249, 100, 77):
        got, token, pages = [], None, 0
        while True:
            query = {"run_id": run, "metric_key": "m", "max_results": size}
            if token:
                query["page_token"] = token
            page = api.get("metrics/get-history", query).ok()
            got += [(m["timestamp"], m["step"], m["value"]) for m in page["metrics"]]
            pages += 1
            token = page.get("next_page_token")
            if not token:
                break
            assert len(page["metrics"]) == size and pages < 10
        assert got == whole, size
        assert pages == math.ceil(250 / size)


def test_a_page_token_is_base64_of_an_offset(api, run):
    for i in range(5):
        api.metric(run, "m", float(i), i)
    token = api.get("metrics/get-history", {"run_id": run, "metric_key": "m", "max_results": 2}).ok()["next_page_token"]
    base64.b64decode(token, validate=True)
    page = api.get("metrics/get-history", {"run_id": run, "metric_key": "m", "max_results": 2, "page_token": token}).ok()
    assert [m["value"] for m in page["metrics"]] == [2.0, 3.0]


@pytest.mark.parametrize("token", ["%%%", "a", "bm90IGpzb24=", "e30=", "WzFd", "eyJvZmZzZXQiOiAtNX0=", "eyJvZmZzZXQiOiAieCJ9"])
def test_a_bad_page_token_is_a_client_error(api, run, token):
    api.metric(run, "m", 1.0)
    message = expect_invalid(api.get("metrics/get-history", {"run_id": run, "metric_key": "m", "max_results": 1, "page_token": token}))
    assert message.startswith("Invalid page token"), message


@pytest.mark.parametrize("value", [0, -1, -5])
def test_max_results_of_a_history_must_be_positive(api, run, value):
    expect_invalid(
        api.get("metrics/get-history", {"run_id": run, "metric_key": "m", "max_results": value}),
        re.compile(rf"^Invalid value {value} for parameter 'max_results' supplied\. It must be a positive integer\.?$"),
    )


def test_history_needs_run_and_key(api, run):
    expect_invalid(api.get("metrics/get-history", {"metric_key": "m"}), missing("run_id"))
    expect_invalid(api.get("metrics/get-history", {"run_id": run}), missing("metric_key"))


# --- many runs at once ---


def bulk(api, runs, key="m", **more):
    return api.get("metrics/get-history-bulk", {"run_id": runs, "metric_key": key, **more}, root=AJAX)


def test_the_bulk_history_is_ordered_by_run_time_step_and_value(api, experiment):
    runs = [api.run(experiment) for _ in range(3)]
    points = []
    for i, run in enumerate(runs[:2]):
        for t, s, v in ((3, 0, 1.0), (1, 5, 2.0), (1, 2, 9.0), (1, 2, -9.0)):
            api.metric(run, "m", v + i, t, s)
            points.append({"key": "m", "run_id": run, "step": s, "timestamp": t, "value": v + i})
    expected = sorted(points, key=lambda p: (p["run_id"], p["timestamp"], p["step"], p["value"]))
    assert bulk(api, runs).ok() == {"metrics": expected}
    assert bulk(api, list(reversed(runs))).ok() == {"metrics": expected}
    assert bulk(api, runs, max_results=5).ok() == {"metrics": expected[:5]}


def test_the_bulk_history_shows_an_empty_list_and_nan_as_a_string(api, run):
    assert bulk(api, [run, "f" * 32]).ok() == {"metrics": []}
    api.metric(run, "m", "NaN")
    assert bulk(api, [run]).ok()["metrics"][0]["value"] == "NaN"


def test_the_bulk_history_checks_its_input(api, run):
    start = "GetMetricHistoryBulk request "
    expect_invalid(api.get("metrics/get-history-bulk", {"metric_key": "m"}, root=AJAX), start + "must specify at least one run_id.")
    expect_invalid(
        bulk(api, [f"{i:032x}" for i in range(101)]),
        start + "cannot specify more than 100 run_ids. Received 101 run_ids.",
    )
    expect_invalid(api.get("metrics/get-history-bulk", {"run_id": run}, root=AJAX), start + "must specify a metric_key.")
    assert bulk(api, [f"{i:032x}" for i in range(100)]).ok() == {"metrics": []}
    for wrong in ("x", "-1", "1.5"):
        expect_invalid(bulk(api, [run], max_results=wrong))


def interval(api, runs, **more):
    return api.get("metrics/get-history-bulk-interval", {"run_ids": runs, "metric_key": "m", **more})


def fill(api, run, steps):
    items = [{"key": "m", "value": float(s), "timestamp": 100 + s, "step": s} for s in steps]
    for i in range(0, len(items), 1000):
        api.post("runs/log-batch", {"run_id": run, "metrics": items[i : i + 1000]}).ok()


def sampled_steps(owns, start, end, limit):
    """The documented sampling: every (n/limit)-th distinct step, the last one, and both ends of each run."""
    inside = lambda steps: {s for s in steps if start <= s <= end}
    steps = sorted(inside(set().union(*owns)))
    if len(steps) <= limit:
        return set(steps)
    picked = {steps[int(i * len(steps) / limit)] for i in range(limit)} | {steps[-1]}
    return picked | inside({s for own in owns for s in (min(own), max(own))})


def test_interval_sampling_gives_the_documented_steps(api, run):
    fill(api, run, range(10))
    found = interval(api, [run], max_results=3).ok()["metrics"]
    assert [m["step"] for m in found] == [0, 3, 6, 9]
    assert found[1] == {"key": "m", "value": 3.0, "timestamp": 103, "step": 3, "run_id": run}


def test_interval_sampling_agrees_with_the_rule_on_several_runs(api, experiment):
    shuffler = random.Random(9)
    owns = [sorted(shuffler.sample(range(300), k)) for k in (120, 7, 60)]
    runs = [api.run(experiment) for _ in owns]
    for run, own in zip(runs, owns):
        fill(api, run, own)
    everyone = set().union(*owns)
    for limit, bounds in ((1, None), (2, None), (10, None), (33, (20, 280)), (50, (0, 150)), (500, (7, 8)), (2500, None)):
        more = {} if bounds is None else {"start_step": bounds[0], "end_step": bounds[1]}
        start, end = bounds or (min(everyone), max(everyone))
        picked = sampled_steps(owns, start, end, limit)
        expected = [(run, step) for run, own in zip(runs, owns) for step in own if step in picked]
        found = interval(api, runs, max_results=limit, **more).ok().get("metrics", [])
        assert [(m["run_id"], m["step"]) for m in found] == expected, (limit, bounds)


def test_the_interval_is_answered_under_both_roots_in_request_order(api, experiment):
    runs = sorted((api.run(experiment) for _ in range(2)), reverse=True)
    for run in runs:
        fill(api, run, (1, 2))
    plain = interval(api, runs).ok()
    assert [m["run_id"] for m in plain["metrics"]] == [runs[0]] * 2 + [runs[1]] * 2
    query = {"run_ids": runs, "metric_key": "m"}
    assert api.get("metrics/get-history-bulk-interval", query, root=AJAX).ok() == plain


def test_negative_steps_are_in_the_interval(api, run):
    fill(api, run, (-3, 0, 4))
    assert [m["step"] for m in interval(api, [run]).ok()["metrics"]] == [-3, 0, 4]
    assert [m["step"] for m in interval(api, [run], start_step=-3, end_step=0).ok()["metrics"]] == [-3, 0]


def test_all_points_of_a_step_are_shown_in_order(api, run):
    for t, v in ((5, 1.0), (3, 2.0), (3, -2.0)):
        api.metric(run, "m", v, t, 1)
    found = interval(api, [run]).ok()["metrics"]
    assert [(m["timestamp"], m["value"]) for m in found] == [(3, -2.0), (3, 2.0), (5, 1.0)]


def test_the_interval_checks_its_input(api, run):
    expect_invalid(api.get("metrics/get-history-bulk-interval", {"metric_key": "m"}), missing("run_ids"))
    expect_invalid(api.get("metrics/get-history-bulk-interval", {"run_ids": run}), missing("metric_key"))
    expect_invalid(
        interval(api, [f"{i:032x}" for i in range(101)]),
        f"GetMetricHistoryBulkInterval request must specify at most 100 run_ids. Received 101 run_ids.{TAIL}",
    )
    one_bound = "If either start step or end step are specified, both must be specified."
    expect_invalid(interval(api, [run], start_step=1), one_bound)
    expect_invalid(interval(api, [run], end_step=1), one_bound)
    expect_invalid(
        interval(api, [run], start_step=5, end_step=1),
        "end_step must be greater than start_step. Found start_step=5 and end_step=1.",
    )
    for wrong in (0, -1, 2501):
        expect_invalid(interval(api, [run], max_results=wrong), f"max_results must be between 1 and 2500.{TAIL}")
    assert interval(api, [run], max_results=2500).ok() == {}
    assert interval(api, ["f" * 32]).ok() == {}


# --- logged models ---


def test_a_metric_for_an_unknown_model_is_404_and_stores_nothing(api, run):
    model = "m-" + "0" * 32
    reply = api.post("runs/log-metric", metric(run, model_id=model))
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", f"Logged model with ID '{model}' not found.")
    batch = {
        "run_id": run,
        "params": [{"key": "p", "value": "1"}],
        "tags": [{"key": "t", "value": "1"}],
        "metrics": [{"key": "m", "value": 1.0, "timestamp": 1, "model_id": model}],
    }
    expect_error(api.post("runs/log-batch", batch), 404, "RESOURCE_DOES_NOT_EXIST", f"Logged model with ID '{model}' not found.")
    data = api.get_run(run)["data"]
    assert set(data) == {"tags"} and [t["key"] for t in data["tags"]] == ["mlflow.runName"]


@pytest.mark.parametrize("fields", [{"dataset_name": "d"}, {"dataset_digest": "x"}])
def test_dataset_name_and_digest_come_together(api, run, fields):
    text = "Both dataset_name and dataset_digest must be provided if one is provided"
    expect_invalid(api.post("runs/log-metric", metric(run, **fields)), text)
    assert api.latest(run) == {}


def test_dataset_fields_without_a_model_are_accepted(api, run):
    api.post("runs/log-metric", metric(run, dataset_name="d", dataset_digest="x")).ok()
    assert api.latest(run) == {"m": (1.5, 1, 0)}


def test_metric_names_with_slashes_blanks_and_unicode_are_found_by_history(api, run):
    for key in ("val/f1 score", "é", "a:b.c-d_e", "a b"):
        api.metric(run, key, 1.0)
        assert api.history(run, key) == [(0, 0, 1.0)]


def test_equal_names_in_other_experiments_do_not_mix(api):
    runs = [api.run(api.experiment(unique("mix"))) for _ in range(2)]
    for i, run in enumerate(runs):
        api.metric(run, "m", float(i))
    assert [api.history(run, "m") for run in runs] == [[(0, 0, 0.0)], [(0, 0, 1.0)]]
    assert len(bulk(api, runs).ok()["metrics"]) == 2


def test_the_timestamp_is_a_plain_json_number(api, run):
    api.metric(run, "m", 1.0, timestamp=LONG_MAX)
    text = api.get("metrics/get-history", {"run_id": run, "metric_key": "m"}).text
    assert json.loads(text)["metrics"][0]["timestamp"] == LONG_MAX
