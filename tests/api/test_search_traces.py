"""traces/search of both versions, and calculate-filter-correlation."""

import base64
import json
import re

import pytest

from support import API_3, expect_invalid, invalid, missing
from traces_support import Spans, Traces

# name: place, minute, seconds, state, tags, metadata, feedback, expectations, and the spans besides the root.
TRACES = {
    "alpha": (0, 1, "1.500s", "OK", {"team": "red", "sp ace": "x"}, {"user.name": "ann"}, {"good": True, "score": 5}, {"answer": "yes"}, []),
    "beta": (0, 2, None, "IN_PROGRESS", {"team": "Red"}, {"user.name": "Bob"}, {"good": False, "score": 4.5}, {}, ["tool"]),
    "Gamma": (0, 3, "0s", "ERROR", {}, {}, {"note": "fine \u00fc"}, {"answer": "no"}, ["llm"]),
    "delta-1": (1, 4, "20s", "OK", {"team": "blue_1", "run_id": "t"}, {"user.name": "ann"}, {"score": 10}, {}, ["llm", "tool"]),
    "delta_1": (1, 5, "0.010s", "STATE_UNSPECIFIED", {"team": "blue-1"}, {"other": "1"}, {"name": "alpha"}, {"answer": "yes"}, []),
}
CHILDREN = {
    "llm": {"name": "ask", "attributes": {"mlflow.spanType": "LLM", "model": "gpt-4", "said": 'Gr\u00fc\u00dfe, "you"', "temp": 5, "nested": {"a": [1]}}},
    "tool": {"name": "Fetch", "attributes": {"mlflow.spanType": "TOOL", "model": "none"}, "status": {"code": 2, "message": "broken pipe"}},
}
RUN, OTHER_RUN = "a" * 32, "b" * 32


class World:
    """The traces above, and what searches find among them, by name."""

    def __init__(self, api):
        self.api = api
        self.experiments = [api.experiment(), api.experiment()]
        self.ids = {}
        for name, trace in TRACES.items():
            self.ids[name] = self.make(name, *trace)
        self.names_by_id = {trace_id: name for name, trace_id in self.ids.items()}
        elsewhere = Traces(api, api.experiment())
        elsewhere.new(tags={"team": "red", "mlflow.traceName": "alpha"})
        linked = {"trace_ids": [self.ids["beta"]], "run_id": RUN}
        api.post("traces/link-to-run", linked).ok()
        prompts = {"trace_id": self.ids["Gamma"], "prompt_versions": [{"name": "greet", "version": "3"}]}
        api.post("traces/link-prompts", prompts).ok()

    def make(self, name, place, minute, duration, state, tags, metadata, feedback, expectations, children):
        traces = Traces(self.api, self.experiments[place])
        spans = Spans()
        root = spans.add(name="root of " + name)
        for child in children:
            spans.add(parent=root, **CHILDREN[child])
        metadata = dict(metadata)
        if name == "alpha":
            metadata["mlflow.sourceRun"] = RUN
        if name == "delta-1":
            metadata["mlflow.sourceRun"] = OTHER_RUN
        fields = {
            "state": state,
            "request_time": f"2024-01-01T00:0{minute}:00Z",
            "tags": {"mlflow.traceName": name, **tags},
            "trace_metadata": metadata,
            "client_request_id": "c-" + name if name != "beta" else None,
            "assessments": [{"assessment_name": key, "feedback": {"value": value}} for key, value in feedback.items()]
            + [{"assessment_name": key, "expectation": {"value": value}} for key, value in expectations.items()],
        }
        if duration is not None:
            fields["execution_duration"] = duration
        fields = {key: value for key, value in fields.items() if value is not None}
        if duration is not None:
            trace_id = traces.send(spans)
        else:
            del spans.spans[:]
            trace_id = spans.trace_id
        traces.start(trace_id, **fields)
        if duration is None:
            for child in children:
                spans.add(parent="00" * 7 + "01", **CHILDREN[child])
            traces.send(spans)
        return trace_id

    def search(self, filter=None, **more):
        locations = [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": e}} for e in self.experiments]
        body = {"locations": locations, **more}
        if filter is not None:
            body["filter"] = filter
        return self.api.post("traces/search", body, root=API_3)

    def list(self, filter=None, **more):
        return [self.names_by_id[t["trace_id"]] for t in self.search(filter, **more).ok().get("traces", [])]

    def refuse(self, filter, message=None):
        return expect_invalid(self.search(filter), message)


@pytest.fixture(scope="module")
def world(server):
    return World(server.api)


def minute(count):
    return 1704067200000 + 60000 * count


FOUND = [
    # attributes
    ("status = 'OK'", "alpha delta-1"),
    ("trace.status != 'OK'", "beta Gamma delta_1"),
    ("attributes.status IN ('OK', 'ERROR')", "alpha Gamma delta-1"),
    ("attribute.status not in ('OK', 'ERROR')", "beta delta_1"),
    ("status LIKE '%O%'", "alpha beta Gamma delta-1"),
    ("status LIKE 'o%'", ""),
    ("status ILIKE 'o%'", "alpha delta-1"),
    ("status RLIKE '^(OK|ERR)'", "alpha Gamma delta-1"),
    ("client_request_id = 'c-alpha'", "alpha"),
    ("client_request_id != 'c-alpha'", "Gamma delta-1 delta_1"),
    ("client_request_id NOT IN ('c-alpha')", "Gamma delta-1 delta_1"),
    ("client_request_id RLIKE 'delta.1$'", "delta-1 delta_1"),
    (f"timestamp = {minute(1)}", "alpha"),
    (f"timestamp_ms > {minute(3)}", "delta-1 delta_1"),
    (f"trace.timestamp >= {minute(3)} AND timestamp < {minute(5)}", "Gamma delta-1"),
    ("execution_time > 10", "alpha delta-1"),
    ("execution_time_ms <= 10.5", "Gamma delta_1"),
    ("execution_time != 1500", "Gamma delta-1 delta_1"),
    (f"end_time = {minute(1) + 1500}", "alpha"),
    (f"end_time_ms <= {minute(2)}", "alpha beta"),
    # names, runs, prompts
    ("name = 'alpha'", "alpha"),
    ("name ILIKE 'g%'", "Gamma"),
    ("attributes.name LIKE 'delta_1'", "delta-1 delta_1"),
    ("name RLIKE 'a$'", "alpha beta Gamma"),
    ("name RLIKE '('", ""),
    (f"run_id = '{RUN}'", "alpha beta"),
    (f"run_id != '{RUN}'", "delta-1"),
    ("run_id IS NULL", "beta Gamma delta_1"),
    ("run_id is not null", "alpha delta-1"),
    ("prompt = 'greet/3'", "Gamma"),
    ("prompt = 'greet/4'", ""),
    # tags and metadata
    ("tags.team = 'red'", "alpha"),
    ("tag.team ILIKE 'red'", "alpha beta"),
    ("tags.team != 'red'", "beta delta-1 delta_1"),
    ("tags.team LIKE 'blue_1'", "delta-1 delta_1"),
    ("tags.team RLIKE '^b.*_'", "delta-1"),
    ("tags.`sp ace` = 'x'", "alpha"),
    ('tags."sp ace" = "x"', "alpha"),
    ("tags.run_id = 't'", "delta-1"),
    ("tags.team IS NULL", "Gamma"),
    ("tags.team IS NOT NULL", "alpha beta delta-1 delta_1"),
    ("tags.none != 'x'", ""),
    ("metadata.user.name = 'ann'", "alpha delta-1"),
    ("request_metadata.user.name != 'ann'", "beta"),
    ("metadata.user.name IS NULL", "Gamma delta_1"),
    ("metadata.other IS NOT NULL", "delta_1"),
    ("AND metadata.user.name = 'ann' and tags.team = 'red' AND", "alpha"),
    # spans
    ("span.name = 'ask'", "Gamma delta-1"),
    ("span.name ILIKE 'fetch'", "beta delta-1"),
    ("span.name RLIKE '^(ask|Fetch)$'", "beta Gamma delta-1"),
    ("span.type = 'TOOL'", "beta delta-1"),
    ("span.type IN ('LLM', 'TOOL')", "beta Gamma delta-1"),
    ("span.name = 'ask' AND span.name = 'Fetch'", "delta-1"),
    ("span.status = 'ERROR'", "beta delta-1"),
    ("span.content LIKE '%gpt-4%'", "Gamma delta-1"),
    ("trace.text ILIKE '%GPT-4%'", "Gamma delta-1"),
    ("text LIKE '%BROKEN%'", ""),
    ("text LIKE '%Gr\u00fc\u00dfe, \"you\"%'", "Gamma delta-1"),
    ("span.attributes.model = 'gpt-4'", "Gamma delta-1"),
    ("span.attributes.model != 'gpt-4'", "beta delta-1"),
    ("span.attributes.model LIKE '%pt%'", "Gamma delta-1"),
    ("span.attributes.model RLIKE '^none$'", "beta delta-1"),
    ("span.attributes.model IN ('none', 'x')", "beta delta-1"),
    ("span.attributes.temp = '5'", "Gamma delta-1"),
    ("span.attributes.said ILIKE 'gr%YOU\"'", "Gamma delta-1"),
    ("span.attributes.pt = 'x'", ""),
    # assessments
    ("feedback.good = 'true'", "alpha"),
    ("feedback.good != 'true'", "beta"),
    ("feedback.score = '5.0'", "alpha"),
    ("feedback.score = '5'", "alpha"),
    ("feedback.score != '5'", "beta delta-1"),
    ("feedback.score > 5", "delta-1"),
    ("feedback.score >= 4.5", "alpha beta delta-1"),
    ("feedback.note = 'fine \u00fc'", "Gamma"),
    ("feedback.note LIKE '%\u00fc\"'", "Gamma"),
    ("feedback.note IS NULL", "alpha beta delta-1 delta_1"),
    ("feedback.name = 'alpha'", "delta_1"),
    ("feedback.answer = 'yes'", ""),
    ("expectation.answer = 'yes'", "alpha delta_1"),
    ("expectation.answer = '\"yes\"'", "alpha delta_1"),
    ("expectation.answer RLIKE '^.no'", "Gamma"),
    ("expectation.answer IS NOT NULL AND status = 'ERROR'", "Gamma"),
    (None, "alpha beta Gamma delta-1 delta_1"),
    ("", "alpha beta Gamma delta-1 delta_1"),
]


@pytest.mark.parametrize("filter, names", FOUND)
def test_a_filter_finds_exactly_the_traces_that_fulfil_it_newest_first(world, filter, names):
    assert world.list(filter) == names.split()[::-1]


def test_spans_without_a_type_fulfil_no_test_of_types(world):
    assert "alpha" not in world.list("span.type NOT IN ('LLM')")


REFUSED = [
    ("status = 'OK' OR status = 'ERROR'", "Invalid clause(s) in filter string: 'OR'"),
    ("(status = 'OK')", re.compile(r"^Invalid clause\(s\) in filter string")),
    ("status = 'OK';", re.compile(r"^Invalid clause\(s\) in filter string")),
    (
        "status = OK",
        "Parameter value is either not quoted or unidentified quote types used for string value OK. "
        "Use either single or double quotes.",
    ),
    ("bogus = 'x'", re.compile("^Invalid attribute key 'bogus' specified. Valid keys are '{")),
    ("foo.x = 'x'", re.compile("^Invalid entity type 'foo'. Valid values are {")),
    ("assessment.x = 'x'", re.compile("^Invalid entity type 'assessment'.")),
    ("span.foo = 'x'", "Invalid span attribute 'foo'. Supported attributes: name, status, type, attributes.<attribute_name>."),
    ("span.content = 'x'", re.compile("^span.content comparator '=' not one of '{")),
    ("span.attributes.`` = 'x'", "Span attribute name cannot be empty after 'attributes.'"),
    ("feedback.`` = 'x'", "Assessment field name cannot be empty"),
    ("expectation.x IN ('a')", re.compile("^assessment.x comparator 'IN' not one of '{")),
    ("feedback.x = 5", "Expected a quoted string value for feedback (e.g. 'my-value'). Got value 5"),
    ("feedback.x > '1'", "Expected a numeric value for feedback when using comparator '>'. Got value '1'"),
    ("status > 'OK'", re.compile("^Invalid comparator '>' not one of ")),
    ("tags.x IN ('a')", re.compile("^Invalid comparator 'IN' not one of '{")),
    ("name IN ('a')", re.compile("^Invalid comparator 'IN' not one of '{")),
    ("timestamp_ms IN ('1')", re.compile(r"^Only attributes in \{.*\} supports comparison with a list of quoted string values\.$")),
    ("prompt = 'p'", "Invalid prompts filter value 'p'. Expected format: prompt = \"name/version\""),
    ("prompt LIKE 'p/1'", "Invalid comparator 'LIKE' for prompts filter. Only '=' is supported with format: prompt = \"name/version\""),
    ("name RLIKE '" + "a" * 20001 + "'", "A pattern in a filter may have at most 20000 bytes."),
]


@pytest.mark.parametrize("filter, message", REFUSED)
def test_a_filter_that_is_none_is_refused_with_the_reason(world, filter, message):
    world.refuse(filter, message)


def test_a_pattern_that_escapes_make_too_long_is_refused(world):
    world.refuse("text LIKE '" + "\u00fc" * 10000 + "'", re.compile("^A pattern in the filter is too long"))
    assert world.list("text LIKE '" + "\u00fc" * 8000 + "'") == []


def test_a_pattern_that_could_take_for_ever_matches_nothing_soon(world, api):
    traces = Traces(api, world.experiments[0])
    slow = traces.new(request_time="2024-01-01T00:00:30Z", tags={"slow": "a" * 5000})
    assert world.search("tags.slow RLIKE '^(a+)+$x'").ok() == {}
    api.post("traces/delete-traces", {"experiment_id": world.experiments[0], "request_ids": [slow]}).ok()


ORDERS = [
    (["timestamp ASC"], "alpha beta Gamma delta-1 delta_1"),
    (["timestamp_ms desc"], "delta_1 delta-1 Gamma beta alpha"),
    (["execution_time"], "Gamma delta_1 alpha delta-1 beta"),
    (["execution_time DESC"], "delta-1 alpha delta_1 Gamma beta"),
    (["status", "timestamp ASC"], "Gamma beta alpha delta-1 delta_1"),
    (["attributes.name ASC"], "Gamma alpha beta delta-1 delta_1"),
    (["tags.team DESC"], "alpha delta-1 delta_1 beta Gamma"),
    (["metadata.`user.name`"], "beta delta-1 alpha delta_1 Gamma"),
    (["run_id"], "alpha delta-1 delta_1 Gamma beta"),
    (["experiment_id", "timestamp ASC"], "alpha beta Gamma delta-1 delta_1"),
    (["end_time DESC"], "delta_1 delta-1 Gamma beta alpha"),
]


@pytest.mark.parametrize("order_by, names", ORDERS)
def test_traces_come_in_the_order_that_was_asked_for_with_missing_values_last(world, order_by, names):
    assert world.list(order_by=order_by) == names.split()


@pytest.mark.parametrize("order_by, names", ORDERS)
def test_pages_go_on_where_the_page_before_ended_whatever_the_order(world, order_by, names):
    found, token, pages = [], None, 0
    while pages < 10:
        reply = world.search(order_by=order_by, max_results=2, **({"page_token": token} if token else {})).ok()
        found += [world.names_by_id[t["trace_id"]] for t in reply["traces"]]
        token = reply.get("next_page_token")
        pages += 1
        if not token:
            break
    assert (found, pages) == (names.split(), 3)


def test_a_token_that_knows_only_an_offset_is_enough(world):
    token = base64.b64encode(json.dumps({"offset": 3}).encode()).decode()
    assert world.list(page_token=token) == ["beta", "alpha"]
    token = base64.b64encode(json.dumps({"offset": 30}).encode()).decode()
    assert world.list(page_token=token) == []


def test_what_is_no_token_is_refused(world):
    expect_invalid(world.search(page_token="!"), re.compile("^Invalid page token, "))
    token = base64.b64encode(b'{"a": 1}').decode()
    expect_invalid(world.search(page_token=token), "Invalid page token, parsed value={'a': 1}")


@pytest.mark.parametrize(
    "order_by, message",
    [
        (["x foo"], re.compile("^Invalid ordering key|^Invalid order_by clause 'x foo'")),
        (["span.name"], "Invalid identifier type 'span'"),
        (["timestamp", "timestamp_ms DESC"], re.compile(r"^`order_by` contains duplicate fields: \[")),
        (["prompt"], re.compile("^Invalid attribute key 'prompt'")),
    ],
)
def test_an_order_that_is_none_is_refused_with_the_reason(world, order_by, message):
    expect_invalid(world.search(order_by=order_by), message)


def test_a_page_holds_from_one_to_500_traces(world):
    expect_invalid(world.search(max_results=501), invalid(501, "max_results"))
    expect_invalid(
        world.search(max_results=0), "Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer"
    )
    assert world.list(max_results="500", order_by=["timestamp ASC"])[0] == "alpha"


def test_places_are_required_but_may_be_none_or_no_experiments(world, api):
    expect_invalid(api.post("traces/search", {}, root=API_3), missing("locations"))
    for locations in ([], [{"inference_table": {}}], [{"mlflow_experiment": {"experiment_id": "999999"}}]):
        assert api.post("traces/search", {"locations": locations}, root=API_3).ok() == {}
    expect_invalid(api.post("traces/search", {"locations": [{"mlflow_experiment": {"experiment_id": "x"}}]}, root=API_3))


def test_an_experiment_that_is_named_twice_gives_its_traces_once(world, api):
    place = {"mlflow_experiment": {"experiment_id": world.experiments[1]}}
    reply = api.post("traces/search", {"locations": [place, place]}, root=API_3).ok()
    assert [world.names_by_id[t["trace_id"]] for t in reply["traces"]] == ["delta_1", "delta-1"]


def test_traces_of_a_deleted_experiment_are_found(api):
    traces = Traces(api, api.experiment())
    made = traces.new()
    api.post("experiments/delete", {"experiment_id": traces.experiment}).ok()
    place = {"mlflow_experiment": {"experiment_id": traces.experiment}}
    assert [t["trace_id"] for t in api.post("traces/search", {"locations": [place]}, root=API_3).ok()["traces"]] == [made]


def test_a_found_trace_says_all_that_getting_it_says(world, api):
    (found,) = world.search("name = 'alpha'").ok()["traces"]
    assert found == api.get(f"traces/{world.ids['alpha']}", root=API_3).ok()["trace"]["trace_info"]
    assert {a["assessment_name"] for a in found["assessments"]} == {"good", "score", "answer"}


# --- API 2.0 ---


def test_the_search_of_api_2_takes_its_query_and_answers_in_its_own_form(world, api):
    query = {"experiment_ids": world.experiments, "filter": "tags.team ILIKE 'red'", "order_by": ["status", "timestamp ASC"]}
    found = api.get("traces", query).ok()["traces"]
    assert [world.names_by_id[t["request_id"]] for t in found] == ["beta", "alpha"]
    assert found[0] == api.get(f"traces/{world.ids['beta']}/info").ok()["trace_info"]


def test_the_search_of_api_2_has_pages(world, api):
    query = {"experiment_ids": world.experiments, "max_results": 3}
    first = api.get("traces", query).ok()
    second = api.get("traces", {**query, "page_token": first["next_page_token"]}).ok()
    names = [world.names_by_id[t["request_id"]] for t in first["traces"] + second["traces"]]
    assert names == list(TRACES)[::-1]
    assert "next_page_token" not in second


def test_the_search_of_api_2_refuses_what_cannot_be(world, api):
    expect_invalid(api.get("traces"), missing("experiment_ids"))
    expect_invalid(api.get("traces", {"experiment_ids": "0", "max_results": 501}), invalid("501", "max_results"))
    expect_invalid(api.get("traces", {"experiment_ids": "0", "filter": "a.b = 'c'"}))


# --- Correlation ---


def correlate(api, experiments, first, second, **more):
    body = {"experiment_ids": experiments, "filter_string1": first, "filter_string2": second, **more}
    return api.post("traces/calculate-filter-correlation", body, root=API_3)


@pytest.fixture(scope="module")
def four(server):
    """An experiment with four traces: a on 1 and 2, b on 1, c on 3 and 4, d on 1 and 2."""
    traces = Traces(server.api, server.api.experiment())
    for i in (1, 2, 3, 4):
        tags = {key: "x" for key, on in {"a": (1, 2), "b": (1,), "c": (3,), "d": (1, 2)}.items() if i in on}
        traces.new(tags=tags)
    traces.api.post("traces/link-to-run", {"trace_ids": [traces.new(tags={"e": "x"})], "run_id": "c" * 32}).ok()
    return traces


IN_FOUR = "tags.e IS NULL"


@pytest.mark.parametrize(
    "first, second, counts, npmi, smoothed",
    [
        ("a", "b", (2, 1, 1), 0.5, 0.2924812503605779),
        ("a", "d", (2, 2, 2), 0.9999999999999999, 0.583488138377115),
        ("a", "c", (2, 1, 0), -1.0, -0.27894294565112987),
    ],
)
def test_filters_that_go_together_or_do_not_are_weighed(api, four, first, second, counts, npmi, smoothed):
    found = correlate(api, [four.experiment], f"tags.{first} = 'x'", f"tags.{second} = 'x'", base_filter=IN_FOUR).ok()
    assert tuple(found[k] for k in ("filter1_count", "filter2_count", "joint_count")) == counts
    assert found["total_count"] == 4
    assert found["npmi"] == pytest.approx(npmi, abs=1e-12)
    assert found["npmi_smoothed"] == pytest.approx(smoothed, abs=1e-12)


def test_filters_that_find_nothing_have_counts_but_no_weight(api, four):
    found = correlate(api, [four.experiment], "tags.none = 'x'", "tags.a = 'x'").ok()
    assert found == {"filter1_count": 0, "filter2_count": 2, "joint_count": 0, "total_count": 5}


def test_filters_that_find_everything_always_go_together(api, four):
    found = correlate(api, [four.experiment], "status = 'OK'", "status != 'ERROR'").ok()
    assert (found["npmi"], found["npmi_smoothed"]) == (1.0, 1.0)


def test_a_run_counts_in_a_correlation_as_it_does_in_a_search(api, four):
    found = correlate(api, [four.experiment], f"run_id = '{'c' * 32}'", "tags.a = 'x'").ok()
    assert (found["filter1_count"], found["total_count"]) == (1, 5)


def test_a_correlation_needs_experiments_and_two_filters(api):
    for name in ("experiment_ids", "filter_string1", "filter_string2"):
        body = {"experiment_ids": ["0"], "filter_string1": "name = 'a'", "filter_string2": "name = 'b'"}
        del body[name]
        expect_invalid(api.post("traces/calculate-filter-correlation", body, root=API_3), missing(name))
    expect_invalid(correlate(api, [], "name = 'a'", "name = 'b'"), missing("experiment_ids"))
    expect_invalid(correlate(api, ["0"], "name", "name = 'b'"))


@pytest.mark.parametrize(
    "clause",
    ["span.attributes.model RLIKE 'x'", "text ILIKE '%\u00fc\"%'", "feedback.score != '5'", "span.name = 'ask'", "run_id = 'x'", "tags.team IS NULL"],
)
def test_a_filter_may_have_100_clauses_of_any_kind(world, clause):
    assert world.search(" AND ".join([clause] * 100)).status == 200
    world.refuse(" AND ".join([clause] * 101), re.compile("at most 100"))


def test_lists_may_have_10000_items(world):
    ids = ", ".join(f"'tr-{i}'" for i in range(9999))
    assert world.list(f"request_id IN ({ids}, '{world.ids['alpha']}')") == ["alpha"]
    world.refuse(f"request_id IN ({ids}, 'a', 'b')", "Lists in a filter may have at most 10000 items.")
