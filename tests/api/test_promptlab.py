import json
import time

import pytest

from support import AJAX, API, expect_error, expect_invalid, pairs


def body(experiment, **more):
    return {
        "experiment_id": experiment,
        "prompt_template": "Say {{ word }}",
        "prompt_parameters": [{"key": "word", "value": "hi"}],
        "model_route": "route-1",
        "model_input": "Say hi",
        "mlflow_version": "3.8.1",
        **more,
    }


def create(api, fields):
    return api.post("runs/create-promptlab-run", fields, root=AJAX)


def test_a_promptlab_run_is_a_finished_run_with_params_and_tags(server, api, experiment):
    before = int(time.time() * 1000) - 1
    run = create(
        api,
        body(
            experiment,
            run_name="lab",
            tags=[{"key": "t", "value": "v"}],
            model_parameters=[{"key": "temperature", "value": 0.5}, {"key": "n", "value": "2"}],
            model_output="hi!",
            model_output_parameters=[{"key": "tokens", "value": "3"}],
            user_id="ann",
        ),
    ).ok()["run"]
    info = run["info"]
    assert (info["status"], info["run_name"], info["user_id"]) == ("FINISHED", "lab", "ann")
    assert before <= info["start_time"] <= info["end_time"]
    assert pairs(run["data"]["params"]) == {
        "temperature": "0.5",
        "n": "2",
        "model_route": "route-1",
        "prompt_template": "Say {{ word }}",
    }
    tags = pairs(run["data"]["tags"])
    assert tags["mlflow.runSourceType"] == "PROMPT_ENGINEERING"
    assert tags["mlflow.loggedArtifacts"] == '[{"path": "eval_results_table.json", "type": "table"}]'
    assert tags["mlflow.runName"] == "lab" and tags["t"] == "v"
    assert [m["artifact_path"] for m in json.loads(tags["mlflow.log-model.history"])] == ["model"]
    assert api.get_run(info["run_id"]) == run


def test_its_artifacts_are_the_table_and_the_model(server, api, experiment):
    run = create(
        api,
        body(experiment, model_output="hi!", model_output_parameters=[{"key": "tokens", "value": "3"}]),
    ).ok()["run"]["info"]
    listed = api.get("artifacts/list", {"run_id": run["run_id"]}).ok()["files"]
    assert [(f["path"], f["is_dir"]) for f in listed] == [("eval_results_table.json", False), ("model", True)]
    inside = api.get("artifacts/list", {"run_id": run["run_id"], "path": "model"}).ok()["files"]
    assert "model/MLmodel" in [f["path"] for f in inside]
    folder = server.directory / "mlartifacts" / experiment / run["run_id"] / "artifacts"
    table = json.loads((folder / "eval_results_table.json").read_text())
    assert table == {"columns": ["word", "prompt", "output", "tokens"], "data": [["hi", "Say hi", "hi!", "3"]]}


def test_a_run_whose_artifacts_cannot_be_written_is_failed_and_still_answered(api):
    run = create(api, body(api.experiment(artifact_location="s3://no-such-bucket/x"))).ok()["run"]
    assert run["info"]["status"] == "FAILED" and run["info"]["end_time"] >= run["info"]["start_time"]
    assert api.get_run(run["info"]["run_id"]) == run


def test_the_optional_fields_have_defaults(api, experiment):
    run = create(api, body(experiment)).ok()["run"]
    assert run["info"]["user_id"] == "unknown"
    assert run["info"]["run_name"] != ""
    assert abs(run["info"]["start_time"] - time.time() * 1000) < 60000


def test_the_required_fields_are_asked_for_in_order(api, experiment):
    names = ["experiment_id", "prompt_template", "prompt_parameters", "model_route", "model_input", "mlflow_version"]
    fields = {}
    for name in names:
        for absent in ({}, {name: None}, {name: [] if name == "prompt_parameters" else ""}):
            message = f"CreatePromptlabRun request must specify {name}."
            expect_invalid(create(api, {**fields, **absent}), message)
        fields[name] = body(experiment)[name]
    create(api, fields).ok()


def test_an_unknown_or_deleted_experiment_takes_no_promptlab_run(api, experiment):
    expect_error(create(api, body("987654")), 404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=987654 exists")
    api.post("experiments/delete", {"experiment_id": experiment}).ok()
    expect_invalid(
        create(api, body(experiment)),
        f"The experiment {experiment} must be in the 'active' state. Current state is deleted.",
    )


@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt_parameters": "x"},
        {"prompt_parameters": [5]},
        {"tags": "x"},
        {"tags": [5]},
        {"model_route": 5},
        {"start_time": "x"},
        {"run_name": []},
    ],
)
def test_wrong_types_are_refused_and_no_run_is_left(api, experiment, wrong):
    expect_invalid(create(api, body(experiment, **wrong)))
    assert api.post("runs/search", {"experiment_ids": [experiment]}).ok() == {}


def test_it_exists_only_for_the_page(api, experiment):
    expect_error(api.post("runs/create-promptlab-run", body(experiment), root=API), 404, "ENDPOINT_NOT_FOUND")
