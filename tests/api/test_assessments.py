import re

import pytest

from support import API_3, expect_error, expect_invalid, missing, unique
from traces_support import Traces

SOURCE = {"source_type": "HUMAN", "source_id": "bob"}
TIME = "2026-11-22T08:19:09.776Z"


class Assessments:
    """Assessments of one trace over HTTP."""

    def __init__(self, traces):
        self.traces = traces
        self.api = traces.api
        self.trace_id = traces.new()

    def try_create(self, assessment_name="good", **fields):
        return self.traces.assess(self.trace_id, assessment_name=assessment_name, **fields)

    def create(self, *arguments, **fields):
        return self.try_create(*arguments, **fields).ok()["assessment"]

    def feedback(self, value=True, **fields):
        """The id of a fresh one."""
        return self.create(feedback={"value": value}, **fields)["assessment_id"]

    def path(self, assessment_id):
        return f"traces/{self.trace_id}/assessments/{assessment_id}"

    def try_load(self, assessment_id):
        return self.api.get(self.path(assessment_id), root=API_3)

    def load(self, assessment_id):
        return self.try_load(assessment_id).ok()["assessment"]

    def try_update(self, assessment_id, mask, **fields):
        body = {"assessment": fields}
        if mask is not None:
            body["update_mask"] = mask
        return self.api.patch(self.path(assessment_id), body, root=API_3)

    def update(self, assessment_id, mask, **fields):
        return self.try_update(assessment_id, mask, **fields).ok()["assessment"]

    def delete(self, assessment_id):
        return self.api.delete(self.path(assessment_id), {}, root=API_3)

    def valid(self, assessment_id):
        return self.load(assessment_id)["valid"]


@pytest.fixture
def assessments(api, experiment):
    return Assessments(Traces(api, experiment))


def refuse_unknown(reply, assessments, assessment_id):
    message = f"Assessment with ID '{assessment_id}' not found for trace '{assessments.trace_id}'"
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", message)


# --- Making ---


def test_feedback_reads_back_whole(assessments):
    given = {
        "assessment_id": unique("a"),
        "assessment_name": "good",
        "span_id": "00000000000000ff",
        "source": SOURCE,
        "create_time": TIME,
        "last_update_time": "2026-11-22T08:19:10Z",
        "feedback": {"value": "yes"},
        "rationale": "because",
        "metadata": {"k": "\u00e4"},
    }
    shown = assessments.create(**given)
    assert shown == {**given, "trace_id": assessments.trace_id, "valid": True}
    assert assessments.load(shown["assessment_id"]) == shown
    assert assessments.traces.load(assessments.trace_id)["assessments"] == [shown]


def test_the_server_gives_an_id_and_times(assessments):
    shown = assessments.create(feedback={"value": 1})
    assert re.fullmatch("a-[0-9a-f]{32}", shown["assessment_id"])
    assert shown["create_time"] == shown["last_update_time"] > "2026"


def test_the_id_in_the_path_wins(assessments):
    body = {"assessment": {"assessment_name": "x", "feedback": {"value": 1}, "trace_id": "other"}}
    reply = assessments.api.post(f"traces/{assessments.trace_id}/assessments", body, root=API_3)
    assert reply.ok()["assessment"]["trace_id"] == assessments.trace_id


def test_a_new_assessment_is_valid_whatever_the_client_says(assessments):
    assert assessments.create(feedback={"value": 1}, valid=False)["valid"] is True


@pytest.mark.parametrize(
    "given, shown",
    [
        (True, True),
        (False, False),
        ("yes", "yes"),
        (5, 5.0),
        (1.5, 1.5),
        ([1, "x", None], [1.0, "x", None]),
        ({"a": {"b": 2}}, {"a": {"b": 2.0}}),
        ("", ""),
        (0, 0.0),
        ([], []),
    ],
)
def test_feedback_is_any_json_with_numbers_as_doubles(assessments, given, shown):
    back = assessments.create(feedback={"value": given})["feedback"]
    assert back == {"value": shown} and type(back["value"]) is type(shown)


@pytest.mark.parametrize("given, shown", [(True, True), ("x", "x"), (5, 5.0)])
def test_expectations_that_are_scalars_come_back_as_they_are(assessments, given, shown):
    assert assessments.create(expectation={"value": given})["expectation"] == {"value": shown}


@pytest.mark.parametrize("given, text", [([1, 2], "[1.0, 2.0]"), ({"a": 1}, '{"a": 1.0}')])
def test_expectations_with_structure_come_back_as_text(assessments, given, text):
    shown = {"serialized_value": {"serialization_format": "JSON_FORMAT", "value": text}}
    assert assessments.create(expectation={"value": given})["expectation"] == shown


@pytest.mark.parametrize("text", ["[1, 2]", '{"a": [1, 2.5]}'])
def test_serialized_expectations_keep_integers(assessments, text):
    given = {"serialized_value": {"serialization_format": "JSON_FORMAT", "value": text}}
    assert assessments.create(expectation=given)["expectation"] == given


def test_an_expectation_keeps_its_rationale(assessments):
    assert assessments.create(expectation={"value": 1}, rationale="r")["rationale"] == "r"


def test_an_error_without_a_value(assessments):
    error = {"error_code": "E", "error_message": "went wrong", "stack_trace": "at x"}
    assert assessments.create(feedback={"error": error})["feedback"] == {"value": None, "error": error}


def test_an_error_beside_a_value(assessments):
    feedback = {"value": "partly", "error": {"error_code": "E"}}
    assert assessments.create(feedback=feedback)["feedback"] == feedback


def test_of_a_long_stack_trace_the_end_stays(assessments):
    head = "[Stack trace is truncated]\n...\n"
    kept = assessments.create(feedback={"error": {"error_code": "E", "stack_trace": "\u00e4" * 10000}})
    cut = assessments.create(feedback={"error": {"error_code": "E", "stack_trace": "x" + "\u00e4" * 10000}})
    assert kept["feedback"]["error"]["stack_trace"] == "\u00e4" * 10000
    assert cut["feedback"]["error"]["stack_trace"] == head + "\u00e4" * (10000 - len(head))


@pytest.mark.parametrize(
    "given, shown",
    [
        (SOURCE, SOURCE),
        ({"source_type": "AI_JUDGE", "source_id": "m"}, {"source_type": "LLM_JUDGE", "source_id": "m"}),
        ({"source_type": "CODE"}, {"source_type": "CODE"}),
        ({"source_type": 2, "source_id": ""}, {"source_type": "LLM_JUDGE"}),
        ({"sourceType": "HUMAN", "sourceId": "x"}, {"source_type": "HUMAN", "source_id": "x"}),
        (None, {"source_type": "SOURCE_TYPE_UNSPECIFIED"}),
    ],
)
def test_where_an_assessment_comes_from(assessments, given, shown):
    assert assessments.create(feedback={"value": 1}, source=given)["source"] == shown


def test_names_of_fields_may_be_in_camel_case(assessments):
    fields = {"assessmentName": "n", "spanId": "s", "createTime": TIME, "expectation": {"value": 1}}
    shown = assessments.traces.assess(assessments.trace_id, **fields).ok()["assessment"]
    assert (shown["assessment_name"], shown["span_id"], shown["create_time"]) == ("n", "s", TIME)


# --- What is refused ---


@pytest.mark.parametrize(
    "fields, message",
    [
        ({}, "Unknown assessment type: None"),
        ({"feedback": {}}, "Either `value` or `error` must be provided."),
        ({"feedback": {"value": None}}, "Either `value` or `error` must be provided."),
        ({"expectation": {}}, "The `value` field must be specified."),
        ({"expectation": {"value": None}}, "The `value` field must be specified."),
        (
            {"expectation": {"serialized_value": {"serialization_format": "X", "value": "1"}}},
            "Unknown serialization format: X. Only JSON_FORMAT is supported.",
        ),
        (
            {"expectation": {"serialized_value": {"serialization_format": "JSON_FORMAT", "value": "{"}}},
            re.compile("assessment.expectation.serialized_value.value"),
        ),
        ({"expectation": {"serialized_value": {"serialization_format": "JSON_FORMAT"}}}, re.compile("serialized_value")),
        ({"feedback": {"value": 1}, "expectation": {"value": 1}}, re.compile("feedback.*expectation")),
        ({"feedback": "yes"}, re.compile("assessment.feedback")),
        ({"feedback": {"error": "bad"}}, re.compile("assessment.feedback.error")),
        ({"feedback": {"error": {"error_code": 5}}}, re.compile("assessment.feedback.error.error_code")),
        ({"expectation": 5}, re.compile("assessment.expectation")),
        ({"feedback": {"value": 1}, "source": {"source_type": "ROBOT"}}, re.compile("assessment.source.source_type")),
        ({"feedback": {"value": 1}, "source": {"source_type": 9}}, re.compile("assessment.source.source_type")),
        ({"feedback": {"value": 1}, "source": "bob"}, re.compile("assessment.source")),
        ({"feedback": {"value": 1}, "metadata": {"k": 1}}, re.compile("assessment.metadata.k")),
        ({"feedback": {"value": 1}, "metadata": []}, re.compile("assessment.metadata")),
        ({"feedback": {"value": 1}, "create_time": "now"}, re.compile("assessment.create_time")),
        ({"feedback": {"value": 1}, "rationale": 5}, re.compile("assessment.rationale")),
        ({"feedback": {"value": 1}, "assessment_name": ""}, re.compile("name")),
        ({"feedback": {"value": 1}, "assessment_name": None}, re.compile("name")),
        ({"feedback": {"value": 1}, "assessment_name": 5}, re.compile("assessment.assessment_name")),
        ({"feedback": {"value": 1}, "assessment_name": "n" * 251}, re.compile("assessment_name.*250")),
    ],
)
def test_what_is_no_assessment_is_refused(assessments, fields, message):
    expect_invalid(assessments.try_create(**fields), message)
    assert "assessments" not in assessments.traces.load(assessments.trace_id)


def test_the_assessment_is_required(assessments):
    reply = assessments.api.post(f"traces/{assessments.trace_id}/assessments", {}, root=API_3)
    expect_invalid(reply, missing("assessment"))
    reply = assessments.api.post(f"traces/{assessments.trace_id}/assessments", {"assessment": [1]}, root=API_3)
    expect_invalid(reply, re.compile("assessment"))


def test_an_id_counts_once_on_the_whole_server(assessments):
    taken = assessments.feedback(assessment_id=unique("a"))
    reply = assessments.try_create(assessment_id=taken, feedback={"value": 1})
    expect_error(reply, 400, "RESOURCE_ALREADY_EXISTS", f"Assessment(assessment_id={taken}) already exists.")


def test_an_unknown_trace_is_not_found(assessments):
    reply = assessments.traces.assess("nope", assessment_name="x", feedback={"value": 1})
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", "Trace with ID 'nope' not found.")
    reply = assessments.api.get("traces/nope/assessments/x", root=API_3)
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", "Trace with request_id 'nope' not found")


def test_an_unknown_assessment_is_not_found(assessments):
    refuse_unknown(assessments.try_load("x"), assessments, "x")
    refuse_unknown(assessments.try_update("x", "rationale", rationale="r"), assessments, "x")


def test_an_assessment_of_another_trace_is_not_found(api, assessments):
    other = Assessments(assessments.traces)
    theirs = other.feedback()
    refuse_unknown(assessments.try_load(theirs), assessments, theirs)
    assert assessments.delete(theirs).ok() == {}
    assert other.valid(theirs)


# --- Overriding ---


def test_what_is_overridden_is_no_longer_valid(assessments):
    first = assessments.feedback()
    shown = assessments.create(feedback={"value": False}, overrides=first)
    assert shown["overrides"] == first and shown["valid"] is True
    assert assessments.valid(first) is False


def test_deleting_what_overrides_makes_it_valid_again(assessments):
    first = assessments.feedback()
    second = assessments.feedback(overrides=first)
    assert assessments.delete(second).ok() == {}
    assert assessments.valid(first) is True


def test_of_a_chain_only_the_neighbour_becomes_valid(assessments):
    first = assessments.feedback()
    second = assessments.feedback(overrides=first)
    third = assessments.feedback(overrides=second)
    assert [assessments.valid(a) for a in (first, second, third)] == [False, False, True]
    assessments.delete(second).ok()
    assert [assessments.valid(a) for a in (first, third)] == [True, True]
    assert assessments.load(third)["overrides"] == second


def test_only_assessments_of_the_same_trace_are_overridden(assessments):
    theirs = Assessments(assessments.traces).feedback()
    for unknown in ("x", theirs):
        reply = assessments.try_create(feedback={"value": 1}, overrides=unknown)
        refuse_unknown(reply, assessments, unknown)
    assert "assessments" not in assessments.traces.load(assessments.trace_id)


# --- Changing ---


def test_only_what_the_mask_names_changes(assessments):
    before = assessments.create(feedback={"value": 1}, rationale="old", source=SOURCE, last_update_time=TIME)
    shown = assessments.update(
        before["assessment_id"],
        "assessmentName,feedback",
        assessment_name="new",
        feedback={"value": 2},
        rationale="ignored",
        source={"source_type": "CODE"},
    )
    assert shown.pop("last_update_time") > TIME
    assert shown == {
        **{key: value for key, value in before.items() if key != "last_update_time"},
        "assessment_name": "new",
        "feedback": {"value": 2.0},
    }
    assert assessments.load(before["assessment_id"])["assessment_name"] == "new"


@pytest.mark.parametrize("mask", ["assessmentName", "assessment_name", " assessmentName , rationale"])
def test_the_name_changes_under_both_spellings(assessments, mask):
    assert assessments.update(assessments.feedback(), mask, assessment_name="new")["assessment_name"] == "new"


@pytest.mark.parametrize("mask", ["", "source", "bogus", "spanId", "source.sourceId", {}, None])
def test_other_masks_change_only_the_time(assessments, mask):
    before = assessments.create(feedback={"value": 1}, rationale="r", source=SOURCE, last_update_time=TIME)
    after = assessments.update(
        before["assessment_id"], mask, assessment_name="new", rationale="new", span_id="s", source={"source_type": 3}
    )
    assert after.pop("last_update_time") > before.pop("last_update_time")
    assert after == before


def test_metadata_is_merged_and_never_deleted(assessments):
    one = assessments.feedback(metadata={"a": "1", "b": "1"})
    assert assessments.update(one, "metadata", metadata={"b": "2", "c": "3"})["metadata"] == {"a": "1", "b": "2", "c": "3"}
    assert assessments.update(one, "metadata", metadata={})["metadata"] == {"a": "1", "b": "2", "c": "3"}
    other = assessments.feedback()
    assert assessments.update(other, "metadata", metadata={"a": "1"})["metadata"] == {"a": "1"}


def test_an_empty_rationale_is_stored(assessments):
    one = assessments.feedback(rationale="r")
    assert assessments.update(one, "rationale", rationale="")["rationale"] == ""


def test_an_expectation_changes_its_value(assessments):
    one = assessments.create(expectation={"value": "x"})["assessment_id"]
    assert assessments.update(one, "expectation", expectation={"value": "y"})["expectation"] == {"value": "y"}


def test_an_error_gives_way_to_a_value(assessments):
    one = assessments.create(feedback={"error": {"error_code": "E"}})["assessment_id"]
    assert assessments.update(one, "feedback", feedback={"value": "ok"})["feedback"] == {"value": "ok"}


def test_validity_may_be_set(assessments):
    one = assessments.feedback()
    assert assessments.update(one, "valid", valid=False)["valid"] is False
    assert assessments.update(one, "valid", valid=True)["valid"] is True


def test_the_kind_of_an_assessment_stays(assessments):
    feedback = assessments.feedback()
    expectation = assessments.create(expectation={"value": 1})["assessment_id"]
    reply = assessments.try_update(feedback, "expectation", expectation={"value": 1})
    expect_invalid(reply, "Cannot update expectation value on a Feedback assessment.")
    reply = assessments.try_update(expectation, "feedback", feedback={"value": 1})
    expect_invalid(reply, "Cannot update feedback value on an Expectation assessment.")


@pytest.mark.parametrize(
    "mask, fields",
    [
        ("feedback", {}),
        ("feedback", {"feedback": {}}),
        ("valid", {"valid": "no"}),
        ("assessmentName", {"assessment_name": ""}),
        ("assessmentName", {"assessment_name": 5}),
        (5, {"rationale": "x"}),
        (["rationale"], {"rationale": "x"}),
    ],
)
def test_a_change_that_cannot_be_made_changes_nothing(assessments, mask, fields):
    before = assessments.create(feedback={"value": 1}, rationale="old")
    expect_invalid(assessments.try_update(before["assessment_id"], mask, **fields))
    assert assessments.load(before["assessment_id"]) == before


# --- Deleting ---


def test_a_deleted_assessment_is_gone(assessments):
    one, other = assessments.feedback(), assessments.feedback()
    assert assessments.delete(one).ok() == {}
    refuse_unknown(assessments.try_load(one), assessments, one)
    assert assessments.valid(other)


def test_deleting_what_is_not_there_succeeds(assessments):
    assert assessments.delete("x").ok() == {}
    assert assessments.api.delete("traces/nope/assessments/x", {}, root=API_3).ok() == {}


def test_a_delete_whose_body_is_no_json_deletes_nothing(assessments):
    one = assessments.feedback()
    headers = {"Content-Type": "application/json"}
    reply = assessments.api.request("DELETE", API_3 + assessments.path(one), data=b"{", headers=headers)
    assert reply.status == 400, reply
    assert assessments.valid(one)
