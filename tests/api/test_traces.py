import re

import pytest

from support import API, API_3, expect_error, expect_invalid, in_threads, invalid, missing, unique
from traces_support import ARTIFACTS, LOCATION, START, START_NS, Spans, Traces

TOKENS = "mlflow.trace.tokenUsage"


@pytest.fixture
def traces(api, experiment):
    return Traces(api, experiment)


def start_body(api, body):
    return api.post("traces", body, root=API_3)


# --- A trace that its client reports ---


def test_a_new_trace_reads_back_as_it_was_reported(traces):
    trace_id = unique("tr")
    given = traces.info(
        trace_id,
        client_request_id="c-1",
        request_preview="question",
        response_preview="answer",
        execution_duration="0.296s",
        state="ERROR",
        trace_metadata={"k": "v"},
        tags={"t": "\u00e4"},
    )
    shown = start_body(traces.api, {"trace": {"trace_info": given}}).ok()["trace"]["trace_info"]
    location = traces.api.get_experiment(traces.experiment)["artifact_location"]
    assert shown == {**given, "tags": {"t": "\u00e4", ARTIFACTS: f"{location}/traces/{trace_id}/artifacts"}}
    assert traces.load(trace_id) == shown


def test_what_was_not_reported_is_left_out(traces):
    shown = traces.start()
    for name in ("client_request_id", "request_preview", "response_preview", "execution_duration", "assessments"):
        assert name not in shown
    assert "trace_metadata" not in shown and set(shown["tags"]) == {ARTIFACTS}


def test_empty_previews_and_a_duration_of_nothing_are_shown(traces):
    shown = traces.start(request_preview="", response_preview="", execution_duration="0s")
    assert (shown["request_preview"], shown["response_preview"], shown["execution_duration"]) == ("", "", "0s")


def test_previews_are_never_cut(traces):
    assert traces.start(request_preview="x" * 5000)["request_preview"] == "x" * 5000


@pytest.mark.parametrize(
    "given, shown",
    [
        ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20Z"),
        ("2026-11-22T08:19:09.776Z", "2026-11-22T08:19:09.776Z"),
        ("2026-11-22T08:19:09.776999Z", "2026-11-22T08:19:09.776Z"),
        ("2026-11-22T10:19:09.500+02:00", "2026-11-22T08:19:09.500Z"),
    ],
)
def test_times_are_kept_in_milliseconds(traces, given, shown):
    assert traces.start(request_time=given)["request_time"] == shown


@pytest.mark.parametrize(
    "given, shown", [("1.2345s", "1.234s"), ("1.5s", "1.500s"), ("10s", "10s"), ("-1.5s", "-1.500s")]
)
def test_durations_are_kept_in_milliseconds(traces, given, shown):
    assert traces.start(execution_duration=given)["execution_duration"] == shown


@pytest.mark.parametrize("given, shown", [("IN_PROGRESS", "IN_PROGRESS"), (2, "ERROR"), ("STATE_UNSPECIFIED",) * 2])
def test_states_are_names_or_numbers(traces, given, shown):
    assert traces.start(state=given)["state"] == shown


def test_a_trace_without_a_time_is_one_of_now(traces):
    assert traces.start(request_time=None)["request_time"] > "2026"


def test_fields_may_be_in_camel_case_and_unknown_ones_are_ignored(traces):
    trace_id = unique("tr")
    place = {"type": "MLFLOW_EXPERIMENT", "mlflowExperiment": {"experimentId": traces.experiment}}
    info = {"trace_id": trace_id, "traceLocation": place, "requestTime": START, "requestPreview": "q", "bogus": [1]}
    shown = start_body(traces.api, {"trace": {"trace_info": info}, "more": 1}).ok()["trace"]["trace_info"]
    assert (shown["request_time"], shown["request_preview"]) == (START, "q")


def test_long_tags_and_metadata_are_cut_on_their_way_out(traces):
    long_key = "k" * 300
    shown = traces.start(tags={long_key: "\u00e4" * 5000}, trace_metadata={long_key: "\u00e4" * 5000})
    assert shown["tags"]["k" * 250] == "\u00e4" * 4096
    assert shown["trace_metadata"] == {"k" * 250: "\u00e4" * 250}


def test_the_place_of_artifacts_is_the_servers_to_say(traces):
    shown = traces.start(tags={ARTIFACTS: "/etc"})
    assert shown["tags"][ARTIFACTS].endswith(f"/traces/{shown['trace_id']}/artifacts")


# --- Spans came first ---


def test_a_report_completes_what_spans_said(traces):
    spans = Spans()
    spans.add("child", parent="00000000000000aa")
    trace_id = traces.send(spans)
    assert traces.load(trace_id)["state"] == "IN_PROGRESS"
    shown = traces.start(
        trace_id, state="OK", execution_duration="2s", client_request_id="c", trace_metadata={"m": "1"}, tags={"t": "1"}
    )
    assert (shown["state"], shown["execution_duration"], shown["client_request_id"]) == ("OK", "2s", "c")
    assert (shown["request_time"], shown["trace_metadata"]["m"], shown["tags"]["t"]) == (START, "1", "1")
    assert shown["tags"][LOCATION] == "TRACKING_STORE"


def test_a_report_keeps_previews_duration_and_session_that_spans_gave(traces):
    texts = {"mlflow.spanInputs": '{"q": 1}', "mlflow.spanOutputs": '{"a": 2}', "session.id": "s1"}
    trace_id = traces.arrived(milliseconds=1500, attributes=texts)
    before = traces.load(trace_id)
    shown = traces.start(trace_id)
    assert (shown["request_preview"], shown["response_preview"]) == ('{"q": 1}', '{"a": 2}')
    assert shown["execution_duration"] == "1.500s"
    assert shown["trace_metadata"]["mlflow.trace.session"] == "s1"
    assert before["trace_metadata"].items() <= shown["trace_metadata"].items()


def test_a_report_without_time_and_state_keeps_those_of_the_spans(traces):
    trace_id = traces.arrived(start=START_NS, status={"code": 2})
    shown = traces.start(trace_id, request_time=None, state=None)
    assert (shown["request_time"], shown["state"]) == (START, "ERROR")


def test_tags_metadata_and_assessments_from_before_stay(traces):
    trace_id = traces.arrived()
    traces.set_tag(trace_id, key="one", value="1").ok()
    traces.set_tag(trace_id, key="two", value="2").ok()
    traces.assess(trace_id, assessment_name="early", feedback={"value": True}).ok()
    shown = traces.start(trace_id, tags={"two": "new", "three": "3"})
    assert {"one": "1", "two": "new", "three": "3", LOCATION: "TRACKING_STORE"}.items() <= shown["tags"].items()
    assert [a["assessment_name"] for a in shown["assessments"]] == ["early"]


def test_spans_that_come_later_change_nothing_that_was_reported(traces):
    spans = Spans()
    root = spans.add("root", milliseconds=100)
    trace_id = traces.send(spans)
    before = traces.start(trace_id, execution_duration="1s", state="OK")
    spans.add("late", parent=root, start=START_NS - 5_000_000_000, milliseconds=60_000, status={"code": 2})
    traces.send(spans)
    after = traces.load(trace_id)
    for name in ("request_time", "execution_duration", "state"):
        assert after[name] == before[name]
    assert [s["name"] for s in traces.get_spans(trace_id)] == ["root", "late"]


def test_a_report_may_come_twice(traces):
    trace_id = traces.new(tags={"a": "1", "b": "1"}, trace_metadata={"m": "1"}, state="IN_PROGRESS")
    shown = traces.start(trace_id, tags={"b": "2"}, trace_metadata={"n": "2"}, state="OK")
    assert shown["state"] == "OK"
    assert {"a": "1", "b": "2"}.items() <= shown["tags"].items()
    assert shown["trace_metadata"] == {"m": "1", "n": "2"}


def test_a_trace_stays_in_the_experiment_in_which_it_arrived(api, traces):
    trace_id = traces.arrived()
    other = Traces(api, api.experiment())
    place = other.start(trace_id)["trace_location"]["mlflow_experiment"]["experiment_id"]
    assert place == traces.experiment


def test_reports_of_one_trace_at_the_same_time_all_count(traces):
    trace_id = unique("tr")

    def report(i):
        return Traces(traces.api.clone(), traces.experiment).start(trace_id, tags={f"t{i}": str(i)})

    in_threads(8, report)
    tags = traces.load(trace_id)["tags"]
    assert {f"t{i}": str(i) for i in range(8)}.items() <= tags.items()


@pytest.mark.parametrize("usage", ["{}", "rubbish", '{"input_tokens": "many"}', "[1]", ""])
def test_token_usage_that_says_nothing_is_kept_as_it_is(traces, usage):
    assert traces.start(trace_metadata={TOKENS: usage})["trace_metadata"][TOKENS] == usage


# --- Assessments in a report ---


def test_assessments_of_a_report_are_stored(traces):
    trace_id = unique("tr")
    given = [
        {"assessment_name": "good", "feedback": {"value": True}, "trace_id": "other", "valid": False},
        {"assessment_name": "right", "expectation": {"value": "x"}, "assessment_id": unique("a")},
    ]
    first, second = traces.start(trace_id, assessments=given)["assessments"]
    assert re.fullmatch("a-[0-9a-f]{32}", first["assessment_id"])
    assert first["trace_id"] == trace_id and first["valid"] is True
    assert second["assessment_id"] == given[1]["assessment_id"]


def test_an_assessment_that_is_reported_again_is_not_one_more(traces):
    trace_id = unique("tr")
    given = {"assessment_id": unique("a"), "assessment_name": "good", "feedback": {"value": 1}}
    traces.start(trace_id, assessments=[given])
    (again,) = traces.start(trace_id, assessments=[{**given, "feedback": {"value": 2}}])["assessments"]
    assert again["feedback"] == {"value": 2.0}


def test_a_bad_assessment_refuses_the_whole_report(traces):
    trace_id = unique("tr")
    expect_invalid(traces.try_start(trace_id, assessments=[{"assessment_name": "x"}]), "Unknown assessment type: None")
    expect_invalid(traces.try_start(trace_id, assessments={}), invalid({}, "trace.trace_info.assessments"))
    assert not traces.exists(trace_id)


# --- Reports that are refused ---


def test_the_parts_of_a_report_are_required(api, traces):
    expect_invalid(start_body(api, {}), missing("trace"))
    expect_invalid(start_body(api, {"trace": {}}))
    expect_invalid(start_body(api, {"trace": {"trace_info": {}}}))
    body = {"trace": {"trace_info": {**traces.info(), "trace_id": ""}}}
    expect_invalid(start_body(api, body), re.compile("trace_id"))


@pytest.mark.parametrize(
    "location", [None, {}, {"type": "MLFLOW_EXPERIMENT"}, {"inference_table": {"full_table_name": "a.b.c"}}]
)
def test_an_experiment_is_required(traces, location):
    reply = traces.try_start(trace_location=location)
    expect_invalid(reply, "trace_location.mlflow_experiment is required")


def test_the_type_of_the_place_must_fit(traces):
    place = {"type": "INFERENCE_TABLE", "mlflow_experiment": {"experiment_id": traces.experiment}}
    expect_invalid(traces.try_start(trace_location=place), re.compile("Trace location type INFERENCE_TABLE does not match"))


def place_of(experiment):
    return {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": experiment}}


def test_the_experiment_must_be_there_and_active(api, traces):
    reply = traces.try_start(trace_location=place_of("987654321"))
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=987654321 exists")
    expect_invalid(traces.try_start(trace_location=place_of("abc")))
    deleted = api.experiment()
    api.post("experiments/delete", {"experiment_id": deleted}).ok()
    message = f"The experiment {deleted} must be in the 'active' state. Current state is deleted."
    expect_invalid(traces.try_start(trace_location=place_of(deleted)), message)


def test_an_unknown_experiment_is_refused_for_a_trace_that_is_there_too(traces):
    reply = traces.try_start(traces.arrived(), trace_location=place_of("987654321"))
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=987654321 exists")


@pytest.mark.parametrize(
    "field, value",
    [
        ("request_time", "bad"),
        ("request_time", 5),
        ("request_time", "2023-11-14"),
        ("execution_duration", "5"),
        ("execution_duration", 5),
        ("execution_duration", "xs"),
        ("state", "FINE"),
        ("state", 17),
        ("request_preview", 5),
        ("client_request_id", {}),
        ("tags", []),
        ("tags", {"k": 1}),
        ("trace_metadata", "text"),
        ("trace_metadata", {"k": 1}),
        ("trace_metadata", {"k": None}),
    ],
)
def test_a_field_that_cannot_be_read_refuses_the_report_and_is_named(traces, field, value):
    trace_id = unique("tr")
    expect_invalid(traces.try_start(trace_id, **{field: value}), re.compile(f"trace.trace_info.{field}"))
    assert not traces.exists(trace_id)


# --- Information ---


def test_an_unknown_trace_is_not_found(traces):
    expect_error(traces.try_load("nope"), 404, "RESOURCE_DOES_NOT_EXIST", "Trace with ID 'nope' not found.")


# --- Tags ---


@pytest.fixture(params=[API, API_3], ids=["2.0", "3.0"])
def root(request):
    return request.param


def test_a_tag_is_set_and_replaced(traces, root):
    trace_id = traces.new()
    assert traces.set_tag(trace_id, root, key="k", value="1").ok() == {}
    assert traces.set_tag(trace_id, root, key="k", value="2").ok() == {}
    assert traces.load(trace_id)["tags"]["k"] == "2"


def test_a_tag_without_a_value_is_empty(traces, root):
    trace_id = traces.new()
    traces.set_tag(trace_id, root, key="k").ok()
    assert traces.load(trace_id)["tags"]["k"] == ""


def test_keys_of_tags_have_rules(traces, root):
    trace_id = traces.new()
    expect_invalid(traces.set_tag(trace_id, root, value="1"), missing("key"))
    message = (
        'Invalid value "bad*key" for parameter \'key\' supplied: Names may only contain alphanumerics, underscores (_), '
        "dashes (-), periods (.), spaces ( ), colon(:) and slashes (/)."
    )
    expect_invalid(traces.set_tag(trace_id, root, key="bad*key", value="1"), message)
    reply = traces.set_tag(trace_id, root, key="k" * 251, value="1")
    expect_invalid(reply, re.compile("'key' exceeds the maximum length of 250 characters"))
    traces.set_tag(trace_id, root, key="k" * 250, value="1").ok()


def test_long_values_of_tags_are_cut(traces, root):
    trace_id = traces.new()
    traces.set_tag(trace_id, root, key="k", value="\u00e4" * 9000).ok()
    assert traces.load(trace_id)["tags"]["k"] == "\u00e4" * 4096


def test_a_tag_of_an_unknown_trace_is_refused(traces, root):
    reply = traces.set_tag("nope", root, key="k", value="1")
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", "Trace with ID 'nope' not found.")


def test_a_tag_is_deleted_by_a_body(traces, root):
    trace_id = traces.new(tags={"k": "1", "other": "2"})
    assert traces.delete_tag(trace_id, root, key="k").ok() == {}
    tags = traces.load(trace_id)["tags"]
    assert "k" not in tags and tags["other"] == "2"


def test_the_query_of_a_delete_is_not_read(api, traces, root):
    trace_id = traces.new(tags={"k": "1"})
    expect_invalid(api.request("DELETE", f"{root}traces/{trace_id}/tags?key=k"), missing("key"))


@pytest.mark.parametrize("known", [True, False])
def test_a_tag_that_is_not_there_cannot_be_deleted(traces, root, known):
    trace_id = traces.new() if known else "nope"
    message = f"No trace tag with key 'k' for trace with ID '{trace_id}'"
    expect_error(traces.delete_tag(trace_id, root, key="k"), 404, "RESOURCE_DOES_NOT_EXIST", message)


# --- Deleting ---


def at(milliseconds):
    return f"2023-11-14T22:13:20.{milliseconds:03}Z"


BASE = 1_700_000_000_000


def test_traces_are_deleted_by_id(traces, root):
    one, two, three = traces.new(), traces.new(), traces.new()
    assert traces.delete(root, request_ids=[one, two, "nope", one]).ok() == {"traces_deleted": 2}
    assert [traces.exists(t) for t in (one, two, three)] == [False, False, True]


def test_traces_of_another_experiment_are_not_deleted(api, traces, root):
    other = Traces(api, api.experiment()).new()
    assert traces.delete(root, request_ids=[other]).ok() == {"traces_deleted": 0}
    assert traces.exists(other)


def test_traces_are_deleted_up_to_and_including_a_time(traces, root):
    ids = [traces.new(request_time=at(i)) for i in (1, 2, 3)]
    assert traces.delete(root, max_timestamp_millis=BASE + 2).ok() == {"traces_deleted": 2}
    assert [traces.exists(t) for t in ids] == [False, False, True]


def test_the_oldest_go_first(traces, root):
    ids = [traces.new(request_time=at(i)) for i in (3, 1, 2)]
    reply = traces.delete(root, max_timestamp_millis=BASE + 9, max_traces=2)
    assert reply.ok() == {"traces_deleted": 2}
    assert [traces.exists(t) for t in ids] == [True, False, False]


def test_many_traces_are_deleted_and_counted(api, root):
    traces = Traces(api, api.experiment())
    for i in range(150):
        spans = Spans()
        spans.add(start=(BASE + i) * 1_000_000)
        traces.send(spans)
    bound = {"max_timestamp_millis": BASE + 139}
    assert traces.delete(root, **bound, max_traces=70).ok() == {"traces_deleted": 70}
    assert traces.delete(root, **bound, max_traces=500).ok() == {"traces_deleted": 70}
    assert traces.delete(root, **bound).ok() == {"traces_deleted": 0}
    here = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": traces.experiment}}
    found = api.post("traces/search", {"locations": [here], "max_results": 500}, root=API_3).ok()["traces"]
    assert sorted(trace["request_time"] for trace in found) == [f"2023-11-14T22:13:20.{140 + i}Z" for i in range(10)]


def test_a_time_of_zero_is_a_bound(traces, root):
    trace_id = traces.new()
    assert traces.delete(root, max_timestamp_millis=0).ok() == {"traces_deleted": 0}
    assert traces.exists(trace_id)


def test_what_belongs_to_a_trace_goes_with_it(traces):
    trace_id = traces.arrived()
    traces.set_tag(trace_id, key="k", value="1").ok()
    traces.assess(trace_id, assessment_name="good", feedback={"value": True}).ok()
    traces.delete(request_ids=[trace_id]).ok()
    shown = traces.start(trace_id)
    assert set(shown["tags"]) == {ARTIFACTS} and "assessments" not in shown
    expect_error(traces.get(trace_id), 404, "RESOURCE_DOES_NOT_EXIST", "Trace data not stored in tracking store")


@pytest.mark.parametrize(
    "fields, message",
    [
        ({}, "Either `max_timestamp_millis` or `trace_ids` must be specified."),
        ({"request_ids": []}, "Either `max_timestamp_millis` or `trace_ids` must be specified."),
        ({"trace_ids": ["x"]}, "Either `max_timestamp_millis` or `trace_ids` must be specified."),
        (
            {"max_timestamp_millis": 1, "request_ids": ["x"]},
            "Only one of `max_timestamp_millis` and `trace_ids` can be specified.",
        ),
        ({"request_ids": ["x"], "max_traces": 1}, "`max_traces` can't be specified if `trace_ids` is specified."),
        ({"max_timestamp_millis": 1, "max_traces": 0}, "`max_traces` must be a positive integer, received 0."),
        ({"max_timestamp_millis": 1, "max_traces": -3}, "`max_traces` must be a positive integer, received -3."),
        ({"request_ids": "x"}, invalid("x", "request_ids")),
        ({"max_timestamp_millis": "late"}, invalid("late", "max_timestamp_millis")),
    ],
)
def test_what_to_delete_must_be_clear(traces, root, fields, message):
    expect_invalid(traces.delete(root, **fields), message)


def test_the_experiment_of_a_deletion_is_checked(api, root):
    body = {"max_timestamp_millis": BASE}
    expect_invalid(api.post("traces/delete-traces", body, root=root), missing("experiment_id"))
    reply = api.post("traces/delete-traces", {**body, "experiment_id": "987654321"}, root=root)
    assert reply.ok() == {"traces_deleted": 0}
    expect_invalid(api.post("traces/delete-traces", {**body, "experiment_id": "abc"}, root=root))


# --- Links ---


def test_traces_are_linked_to_a_run_even_before_they_are_there(api, traces, run):
    ids = [traces.new(), "not-yet"]
    body = {"trace_ids": ids + ids, "run_id": run}
    assert api.post("traces/link-to-run", body).ok() == {}
    assert api.post("traces/link-to-run", body).ok() == {}


def test_nothing_may_be_linked(api, run):
    assert api.post("traces/link-to-run", {"trace_ids": [], "run_id": run}).ok() == {}


def test_at_most_100_traces_are_linked_at_once(api, run):
    ids = [f"tr-{i}" for i in range(101)]
    message = "Cannot link more than 100 traces to a run in a single request. Provided 101 traces."
    expect_invalid(api.post("traces/link-to-run", {"trace_ids": ids, "run_id": run}), message)
    api.post("traces/link-to-run", {"trace_ids": ids[:100], "run_id": run}).ok()


def test_links_to_runs_need_a_run_and_ids_that_are_texts(api, run):
    expect_invalid(api.post("traces/link-to-run", {"trace_ids": ["x"]}), missing("run_id"))
    expect_invalid(api.post("traces/link-to-run", {"trace_ids": "x", "run_id": run}), invalid("x", "trace_ids"))


def test_prompts_are_linked_to_a_trace(api, traces):
    prompts = [{"name": "p", "version": "1"}, {"name": "p", "version": "1"}, {"name": "q", "version": 2}]
    body = {"trace_id": traces.new(), "prompt_versions": prompts}
    assert api.post("traces/link-prompts", body).ok() == {}
    assert api.post("traces/link-prompts", body).ok() == {}


@pytest.mark.parametrize("version", ["one", "1.5", "", "-1", "99999999999999999999", None, 1.5, []])
def test_a_version_of_a_prompt_is_a_whole_number(api, version):
    body = {"trace_id": "x", "prompt_versions": [{"name": "p", "version": version}]}
    expect_invalid(api.post("traces/link-prompts", body), re.compile(r"prompt_versions\[0\].version"))


def test_links_to_prompts_need_a_trace_and_prompts(api):
    expect_invalid(api.post("traces/link-prompts", {"prompt_versions": [{"name": "p", "version": "1"}]}), missing("trace_id"))
    expect_invalid(api.post("traces/link-prompts", {"trace_id": "x"}), missing("prompt_versions"))
