"""Scorers are invoked on traces by jobs, which nobody runs here."""

import json

import pytest

from support import AJAX_3, Api, expect_error, expect_invalid
from traces_support import Traces

JUDGE = {"name": "judge", "instructions_judge_pydantic_data": {"instructions": "Is {{ outputs }} polite?", "model": "openai:/gpt"}}
TALK = {"name": "talk", "instructions_judge_pydantic_data": {"instructions": "Is {{conversation}} polite?", "model": "openai:/gpt"}}
TYPES = """
[invoke_scorer]
command = /bin/true
function = mlflow.genai.scorers.job.invoke_scorer_job
param.experiment_id = string required
param.serialized_scorer = string required
param.trace_ids = array required
param.log_assessments = boolean optional
"""


@pytest.fixture(scope="module")
def types(tmp_path_factory):
    directory = tmp_path_factory.mktemp("jobs.d")
    (directory / "test.conf").write_text(TYPES)
    return directory


@pytest.fixture
def api(servers, types):
    environment = {"TRACKLIGHT_JOBS_PER_WORKER": "0", "MLFLOW_SERVER_SCORER_INVOKE_BATCH_SIZE": "3"}
    return servers("--enable-jobs", "--jobs-dir", str(types), environment=environment).api


def try_invoke(api, scorer=JUDGE, **fields):
    body = {"experiment_id": "0", "serialized_scorer": json.dumps(scorer), "trace_ids": ["tr-1"], **fields}
    return api.post("scorer/invoke", {key: value for key, value in body.items() if value is not None}, root=AJAX_3)


def invoke(api, *arguments, **fields):
    return try_invoke(api, *arguments, **fields).ok()["jobs"]


def get_job(api, job_id):
    return api.request("GET", f"/ajax-api/3.0/jobs/{job_id}").ok()


def test_traces_are_scored_in_batches(api):
    ids = [f"tr-{i}" for i in range(7)]
    jobs = invoke(api, trace_ids=ids, log_assessments=True)
    assert [job["trace_ids"] for job in jobs] == [ids[:3], ids[3:6], ids[6:]]
    job = get_job(api, jobs[1]["job_id"])
    assert (job["job_name"], job["status"], job["timeout"]) == ("invoke_scorer", "PENDING", None)
    assert job["params"] == {"experiment_id": "0", "serialized_scorer": json.dumps(JUDGE), "trace_ids": ids[3:6], "log_assessments": True}


def test_assessments_are_not_logged_unless_asked_for(api):
    (job,) = invoke(api)
    assert get_job(api, job["job_id"])["params"]["log_assessments"] is False


@pytest.mark.parametrize("scorer", [TALK, {"name": "k", "builtin_scorer_class": "KnowledgeRetention"}])
def test_a_scorer_of_conversations_gets_one_job_for_each_session(api, scorer):
    traces = Traces(api, api.experiment())

    def make(session, time):
        metadata = {"mlflow.trace.session": session} if session else {}
        return traces.new(request_time=f"2026-01-01T00:00:{time:02}Z", trace_metadata=metadata)

    late, other, alone, early = make("a", 30), make("b", 10), make(None, 20), make("a", 5)
    jobs = invoke(api, scorer, trace_ids=[late, other, alone, "tr-unknown", early])
    assert [job["trace_ids"] for job in jobs] == [[early, late], [other]]
    assert get_job(api, jobs[0]["job_id"])["params"]["trace_ids"] == [early, late]
    assert invoke(api, scorer, trace_ids=[alone]) == []


@pytest.mark.parametrize("missing", ["experiment_id", "serialized_scorer", "trace_ids"])
def test_what_is_missing_is_named(api, missing):
    expect_invalid(try_invoke(api, **{missing: None}), f"Missing required parameter: {missing}")


def test_the_first_that_is_missing_is_named(api):
    expect_invalid(api.post("scorer/invoke", {}, root=AJAX_3), "Missing required parameter: experiment_id")
    expect_invalid(try_invoke(api, serialized_scorer=None, trace_ids=[]), "Missing required parameter: serialized_scorer")


@pytest.mark.parametrize(
    "scorer, message",
    [
        ([], "Failed to validate scorer: it must be a JSON object, not list."),
        ({}, "Failed to validate scorer: it has no name."),
        ({"name": "s"}, "Failed to validate scorer: it has none of builtin_scorer_class, call_source and instructions_judge_pydantic_data."),
        ({**JUDGE, "builtin_scorer_class": "Safety"}, "Failed to validate scorer: it has fields of several kinds of scorers."),
        ({"name": "s", "builtin_scorer_class": 1}, "Failed to validate scorer: the field that says its kind is of a wrong type."),
        (
            {"name": "s", "call_source": "return 1"},
            "Failed to validate scorer: Loading custom scorer 's' is not supported outside of Databricks runtime environments due to security concerns.",
        ),
        (
            {"name": "s", "instructions_judge_pydantic_data": {"model": 1}},
            "Failed to validate scorer: Failed to deserialize InstructionsJudge scorer 's': missing required field 'instructions'; "
            "field 'model' must be str, got int",
        ),
    ],
)
def test_a_scorer_that_could_not_be_loaded_is_refused(api, scorer, message):
    expect_invalid(try_invoke(api, scorer), message)


def test_a_scorer_that_is_no_json_is_refused(api):
    assert expect_invalid(try_invoke(api, serialized_scorer="{")).startswith("Invalid JSON in serialized scorer: ")


def test_without_jobs_nothing_is_invoked(servers, types):
    off: Api = servers("--jobs-dir", str(types)).api
    body = {"experiment_id": "0", "serialized_scorer": json.dumps(JUDGE), "trace_ids": ["t"]}
    reply = off.request("POST", AJAX_3 + "scorer/invoke", json=body, may_be_5xx=True)
    message = "Mlflow server job execution feature is not enabled, please set environment variable 'MLFLOW_SERVER_ENABLE_JOB_EXECUTION' to 'true' to enable it."
    expect_error(reply, 500, "INTERNAL_ERROR", message)


def test_without_the_type_of_job_nothing_is_invoked(servers):
    reply = try_invoke(servers("--enable-jobs", environment={"TRACKLIGHT_JOBS_PER_WORKER": "0"}).api)
    expect_invalid(reply, "Invalid job name: invoke_scorer")
