import re

import pytest

from support import expect_error, expect_invalid, invalid, missing, pairs

DELETED = "The run {} must be in the 'active' state. Current state is deleted."


def test_a_created_run_has_every_field(api, experiment):
    created = api.post(
        "runs/create",
        {
            "experiment_id": experiment,
            "user_id": "ann",
            "start_time": 1700000000000,
            "run_name": "first",
            "tags": [{"key": "a", "value": "1"}, {"key": "b", "value": "ü"}],
        },
    ).ok()["run"]
    info = created["info"]
    assert info["run_id"] == info["run_uuid"]
    assert info == {
        "run_id": info["run_id"],
        "run_uuid": info["run_id"],
        "experiment_id": experiment,
        "run_name": "first",
        "user_id": "ann",
        "status": "RUNNING",
        "start_time": 1700000000000,
        "artifact_uri": f"mlflow-artifacts:/{experiment}/{info['run_id']}/artifacts",
        "lifecycle_stage": "active",
    }
    assert created["data"] == {
        "tags": [
            {"key": "a", "value": "1"},
            {"key": "b", "value": "ü"},
            {"key": "mlflow.runName", "value": "first"},
        ]
    }
    found = api.get_run(info["run_id"])
    assert found["info"] == info
    assert pairs(found["data"]["tags"]) == {"a": "1", "b": "ü", "mlflow.runName": "first"}
    assert found["inputs"] == {} and found["outputs"] == {}


def test_a_bare_run_goes_to_experiment_0_with_zero_start_and_empty_user(api):
    for body in ({}, {"experiment_id": ""}, {"experiment_id": None}):
        info = api.post("runs/create", body).ok()["run"]["info"]
        assert (info["experiment_id"], info["user_id"], info["start_time"]) == ("0", "", 0)
        assert "end_time" not in info


def test_a_negative_start_time_is_kept(api, experiment):
    assert api.get_run(api.run(experiment, start_time=-5))["info"]["start_time"] == -5


def test_status_and_end_time_at_create_are_ignored(api, experiment):
    run = api.run(experiment, status="FINISHED", end_time=5, lifecycle_stage="deleted")
    info = api.get_run(run)["info"]
    assert (info["status"], info.get("end_time"), info["lifecycle_stage"]) == ("RUNNING", None, "active")


def test_a_number_serves_as_experiment_id(api, experiment):
    assert api.get_run(api.run(int(experiment)))["info"]["experiment_id"] == experiment


def test_create_in_an_unknown_experiment_is_404(api):
    reply = api.post("runs/create", {"experiment_id": "987654"})
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=987654 exists")


# --- names ---


def test_generated_names_follow_the_pattern(api, experiment):
    names = set()
    for _ in range(30):
        run = api.get_run(api.run(experiment))
        name = run["info"]["run_name"]
        assert re.fullmatch(r"[a-z]+-[a-z]+-(\d{1,3}|1000)", name) and len(name) <= 20, name
        assert pairs(run["data"]["tags"]) == {"mlflow.runName": name}
        names.add(name)
    assert len(names) >= 25


def test_the_name_tag_names_the_run(api, experiment):
    run = api.get_run(api.run(experiment, tags=[{"key": "mlflow.runName", "value": "by tag"}]))
    assert run["info"]["run_name"] == "by tag"
    assert pairs(run["data"]["tags"]) == {"mlflow.runName": "by tag"}


def test_equal_name_and_name_tag_are_fine_and_different_ones_are_refused(api, experiment):
    tag = [{"key": "mlflow.runName", "value": "b"}]
    assert api.get_run(api.run(experiment, run_name="b", tags=tag))["info"]["run_name"] == "b"
    expect_invalid(
        api.post("runs/create", {"experiment_id": experiment, "run_name": "a", "tags": tag}),
        "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "
        "(run_name='a', mlflow.runName='b').",
    )


def test_an_empty_name_tag_is_replaced_by_the_name(api, experiment):
    run = api.get_run(api.run(experiment, run_name="n", tags=[{"key": "mlflow.runName", "value": ""}]))
    assert run["info"]["run_name"] == "n"
    assert pairs(run["data"]["tags"]) == {"mlflow.runName": "n"}
    run = api.get_run(api.run(experiment, tags=[{"key": "mlflow.runName", "value": ""}]))
    assert run["info"]["run_name"] != ""
    assert pairs(run["data"]["tags"]) == {"mlflow.runName": run["info"]["run_name"]}


def test_a_blank_name_is_kept(api, experiment):
    assert api.get_run(api.run(experiment, run_name="  "))["info"]["run_name"] == "  "


def test_a_duplicate_tag_key_at_create_takes_the_last(api, experiment):
    run = api.run(experiment, run_name="x", tags=[{"key": "k", "value": "1"}, {"key": "k", "value": "2"}])
    assert api.tags(run) == {"k": "2", "mlflow.runName": "x"}


@pytest.mark.parametrize("tag", [{"key": "a@b", "value": ""}, {"key": "k" * 251, "value": ""}, {"value": "v"}])
def test_tags_at_create_follow_the_rules_of_set_tag(api, experiment, tag):
    expect_invalid(api.post("runs/create", {"experiment_id": experiment, "tags": [tag]}))
    assert api.post("runs/search", {"experiment_ids": [experiment]}).ok() == {}


# --- get ---


def test_an_unknown_run_is_404_everywhere(api):
    unknown = "0123456789abcdef" * 2
    message = f"Run with id={unknown} not found"
    expect_error(api.get("runs/get", {"run_id": unknown}), 404, "RESOURCE_DOES_NOT_EXIST", message)
    expect_error(api.get("artifacts/list", {"run_id": unknown}), 404, "RESOURCE_DOES_NOT_EXIST", message)
    body = {"run_id": unknown, "key": "k", "value": "1", "timestamp": 1, "models": []}
    body["model_json"] = '{"artifact_path":"m","flavors":{},"utc_time_created":"t","run_id":"r"}'
    for operation in WRITES + ["delete", "restore"]:
        expect_error(api.post(f"runs/{operation}", body), 404, "RESOURCE_DOES_NOT_EXIST", message)


WRITES = [
    "update",
    "log-metric",
    "log-parameter",
    "set-tag",
    "delete-tag",
    "log-batch",
    "log-inputs",
    "outputs",
    "log-model",
]


def test_run_ids_are_matched_exactly(api, run):
    for other in (run.upper(), run[:-1], run + "0", " " + run, run[:-1] + "%", "%", "_" * 32):
        if other != run:
            assert api.get("runs/get", {"run_id": other}).status == 404, other


@pytest.mark.parametrize("operation", ["delete", "restore"] + WRITES)
def test_run_uuid_is_taken_for_run_id_everywhere(api, experiment, operation):
    run = api.run(experiment)
    api.post("runs/set-tag", {"run_id": run, "key": "k", "value": "v"}).ok()
    body = {"run_uuid": run, "key": "k", "value": "1", "timestamp": 1, "models": []}
    body["model_json"] = '{"artifact_path":"m","flavors":{},"utc_time_created":"t","run_id":"r"}'
    api.post(f"runs/{operation}", body).ok()
    api.post("runs/restore", {"run_id": run}).ok()
    api.post("runs/set-tag", {"run_id": None, "run_uuid": run, "key": "k", "value": "v"}).ok()
    api.post(f"runs/{operation}", {"run_id": None, **body}).ok()
    api.post("runs/restore", {"run_id": run}).ok()
    expect_invalid(api.post(f"runs/{operation}", {**body, "run_id": ""}), missing("run_id"))


def test_run_uuid_is_taken_for_run_id_by_get_requests(api, run):
    api.metric(run, "m", 1.0)
    assert api.get("runs/get", {"run_uuid": run}).ok()["run"]["info"]["run_id"] == run
    assert "root_uri" in api.get("artifacts/list", {"run_uuid": run}).ok()
    assert len(api.get("metrics/get-history", {"run_uuid": run, "metric_key": "m"}).ok()["metrics"]) == 1


# --- update ---


def test_update_sets_status_end_time_and_name(api, run):
    info = api.post("runs/update", {"run_id": run, "status": "FINISHED", "end_time": 1700000000001}).ok()["run_info"]
    assert (info["status"], info["end_time"]) == ("FINISHED", 1700000000001)
    info = api.post("runs/update", {"run_id": run, "run_name": "new"}).ok()["run_info"]
    assert (info["run_name"], info["status"], info["end_time"]) == ("new", "FINISHED", 1700000000001)
    found = api.get_run(run)
    assert found["info"] == info
    assert pairs(found["data"]["tags"])["mlflow.runName"] == "new"


def test_update_with_nothing_changes_nothing(api, run):
    before = api.get_run(run)
    assert api.post("runs/update", {"run_id": run}).ok()["run_info"] == before["info"]
    assert api.post("runs/update", {"run_id": run, "run_name": ""}).ok()["run_info"] == before["info"]
    assert api.get_run(run) == before


@pytest.mark.parametrize(
    "given, name",
    [
        ("RUNNING", "RUNNING"),
        ("SCHEDULED", "SCHEDULED"),
        ("FINISHED", "FINISHED"),
        ("FAILED", "FAILED"),
        ("KILLED", "KILLED"),
        (1, "RUNNING"),
        (2, "SCHEDULED"),
        (3, "FINISHED"),
        (4, "FAILED"),
        (5, "KILLED"),
        ("4", "FAILED"),
    ],
)
def test_every_status_can_be_set_by_name_number_and_digit(api, run, given, name):
    assert api.post("runs/update", {"run_id": run, "status": given}).ok()["run_info"]["status"] == name
    assert "end_time" not in api.get_run(run)["info"]


@pytest.mark.parametrize("status", ["BOGUS", "finished", 77, 0, -1, "77", True, [], {}, 1.5])
def test_an_unknown_status_is_refused_and_nothing_changes(api, run, status):
    before = api.get_run(run)
    reply = api.post("runs/update", {"run_id": run, "run_name": "x", "status": status, "end_time": 7})
    expect_invalid(reply, invalid(status, "status"))
    assert api.get_run(run) == before


def test_running_again_does_not_clear_the_end_time(api, run):
    api.post("runs/update", {"run_id": run, "status": "FAILED", "end_time": 9}).ok()
    info = api.post("runs/update", {"run_id": run, "status": "RUNNING"}).ok()["run_info"]
    assert (info["status"], info["end_time"]) == ("RUNNING", 9)


def test_end_time_0_is_not_shown(api, run):
    api.post("runs/update", {"run_id": run, "end_time": 9}).ok()
    assert "end_time" not in api.post("runs/update", {"run_id": run, "end_time": 0}).ok()["run_info"]


# --- names through tags ---


def test_the_name_tag_renames_and_its_removal_keeps_the_name(api, run):
    api.post("runs/set-tag", {"run_id": run, "key": "mlflow.runName", "value": "via tag"}).ok()
    assert api.get_run(run)["info"]["run_name"] == "via tag"
    api.post("runs/set-tag", {"run_id": run, "key": "mlflow.runName", "value": ""}).ok()
    assert api.get_run(run)["info"]["run_name"] == "via tag"
    assert api.tags(run) == {"mlflow.runName": "via tag"}
    api.post("runs/delete-tag", {"run_id": run, "key": "mlflow.runName"}).ok()
    found = api.get_run(run)
    assert found["info"]["run_name"] == "via tag" and found["data"] == {}
    api.post("runs/update", {"run_id": run, "run_name": "again"}).ok()
    assert api.tags(run) == {"mlflow.runName": "again"}


def test_the_user_tag_does_not_change_the_user(api, experiment):
    run = api.run(experiment, user_id="ann")
    api.post("runs/set-tag", {"run_id": run, "key": "mlflow.user", "value": "bob"}).ok()
    assert api.get_run(run)["info"]["user_id"] == "ann"


# --- delete and restore ---


def test_delete_and_restore_are_idempotent(api, run):
    before = api.get_run(run)
    for _ in range(2):
        assert api.post("runs/delete", {"run_id": run}).ok() == {}
        assert api.get_run(run)["info"]["lifecycle_stage"] == "deleted"
    for _ in range(2):
        assert api.post("runs/restore", {"run_id": run}).ok() == {}
        assert api.get_run(run) == before


@pytest.mark.parametrize("operation", WRITES)
def test_no_write_changes_a_deleted_run(api, run, operation):
    api.post("runs/set-tag", {"run_id": run, "key": "k", "value": "v"}).ok()
    api.post("runs/delete", {"run_id": run}).ok()
    before = api.get_run(run)
    body = {"run_id": run, "key": "k", "value": "1", "timestamp": 1, "run_name": "n", "models": [{"model_id": "m-1"}]}
    body["model_json"] = '{"artifact_path":"m","flavors":{},"utc_time_created":"t","run_id":"r"}'
    expect_invalid(api.post(f"runs/{operation}", body), DELETED.format(run))
    assert api.get_run(run) == before


def test_every_run_operation_needs_a_run_id(api):
    body = {"key": "k", "value": "1", "timestamp": 1, "models": [], "model_json": "{}"}
    for operation in WRITES + ["delete", "restore"]:
        for run_id in ({}, {"run_id": None}, {"run_id": ""}):
            expect_invalid(api.post(f"runs/{operation}", {**body, **run_id}), missing("run_id"))
    for operation in ("runs/get", "artifacts/list"):
        expect_invalid(api.get(operation), missing("run_id"))
        expect_invalid(api.get(operation, {"run_id": ""}), missing("run_id"))
