import os
import re
import time

import pytest

from support import AJAX, MODEL_ID, RUN_ID, expect_error, expect_invalid, in_threads, invalid, missing, pairs

UNKNOWN = "m-" + "0" * 32
NOT_FOUND = f"Logged model with ID '{UNKNOWN}' not found."
LARGEST = 1.7976931348623157e308


def create(api, experiment, **fields):
    return api.post("logged-models", {"experiment_id": experiment, **fields})


def finalize(api, model, status, **more):
    return api.patch(f"logged-models/{model}", {"model_id": model, "status": status, **more})


def log_params(api, model, params, **more):
    return api.post(f"logged-models/{model}/params", {"model_id": model, "params": kv(params), **more})


def set_tags(api, model, tags):
    return api.patch(f"logged-models/{model}/tags", {"tags": kv(tags)})


def delete(api, model):
    return api.request("DELETE", f"/api/2.0/mlflow/logged-models/{model}")


def delete_tag(api, model, key):
    return api.request("DELETE", f"/api/2.0/mlflow/logged-models/{model}/tags/{key}")


def kv(items):
    return [{"key": key, "value": value} for key, value in (items.items() if isinstance(items, dict) else items)]


@pytest.fixture
def model(api, experiment):
    """The id of a fresh logged model."""
    return api.model(experiment)


# --- create ---


def test_a_new_model_has_everything_it_was_given(api, experiment):
    before = int(time.time() * 1000)
    fields = {"name": "my model é", "model_type": "agent", "source_run_id": "any text"}
    made = create(api, experiment, **fields, params=kv({"a": "1", "b": ""}), tags=kv({"k": "v"})).ok()["model"]
    info = made["info"]
    assert {key: info[key] for key in fields} == fields
    assert info["experiment_id"] == experiment
    assert info["status"] == "LOGGED_MODEL_PENDING"
    assert info["tags"] == kv({"k": "v"})
    assert before <= info["creation_timestamp_ms"] == info["last_updated_timestamp_ms"] <= time.time() * 1000
    assert info["artifact_uri"] == f"mlflow-artifacts:/{experiment}/models/{info['model_id']}/artifacts"
    assert made["data"] == {"params": kv({"a": "1", "b": ""})}
    assert api.get_model(info["model_id"]) == made


def test_a_model_without_a_type_or_a_run_shows_them_empty(api, experiment):
    made = create(api, experiment).ok()["model"]
    assert (made["info"]["model_type"], made["info"]["source_run_id"]) == ("", "")
    assert made["data"] == {} and "tags" not in made["info"] and "status_message" not in made["info"]


@pytest.mark.parametrize("fields", [{}, {"name": ""}, {"name": None}])
def test_a_model_without_a_name_gets_one(api, experiment, fields):
    name = create(api, experiment, **fields).ok()["model"]["info"]["name"]
    assert re.fullmatch(r"[a-z]+-[a-z]+-\d{1,4}", name) and len(name) <= 20


def test_names_are_not_unique(api, experiment):
    assert api.model(experiment, name="same") != api.model(experiment, name="same")


@pytest.mark.parametrize("name", ["a/b", "a:b", "a.b", "a%b", 'a"b', "a'b", "/"])
def test_a_name_with_a_forbidden_character_is_refused(api, experiment, name):
    text = "Model name must be a non-empty string and cannot contain the following characters: ('/', ':', '.', '%', '\"', \"'\")"
    expect_invalid(create(api, experiment, name=name), f"Invalid model name ({name!r}) provided. {text}")


def test_a_name_has_at_most_500_characters(api, experiment):
    assert create(api, experiment, name="é" * 500).ok()["model"]["info"]["name"] == "é" * 500
    expect_invalid(create(api, experiment, name="é" * 501), "'name' exceeds the maximum length of 500 characters")


def test_the_experiment_must_be_there_and_active(api, experiment):
    expect_invalid(api.post("logged-models", {}), missing("experiment_id"))
    expect_invalid(create(api, "x"), "Invalid experiment ID 'x'. Experiment ID must be a valid integer.")
    expect_error(create(api, "987654321"), 404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=987654321 exists")
    api.post("experiments/delete", {"experiment_id": experiment}).ok()
    text = f"The experiment {experiment} must be in the 'active' state. Current state is deleted."
    expect_invalid(create(api, experiment), text)


@pytest.mark.parametrize("field", ["params", "tags"])
def test_a_key_that_comes_twice_is_refused_and_no_model_is_made(api, experiment, field):
    for values in (("1", "1"), ("1", "2")):
        expect_invalid(create(api, experiment, **{field: kv([("a", values[0]), ("b", "0"), ("a", values[1])])}))
    assert api.post("logged-models/search", {"experiment_ids": [experiment]}).ok() == {}


@pytest.mark.parametrize("field", ["params", "tags"])
def test_a_param_or_tag_needs_a_key_but_no_value(api, experiment, field):
    expect_invalid(create(api, experiment, **{field: [{"value": "x"}]}), missing(f"{field}[0].key"))
    made = create(api, experiment, **{field: [{"key": "x"}]}).ok()["model"]
    assert (made["data"] if field == "params" else made["info"])[field] == kv({"x": ""})


@pytest.mark.parametrize("field, value", [("name", 1), ("model_type", []), ("source_run_id", 5), ("params", "x"), ("tags", {})])
def test_a_wrong_type_is_refused(api, experiment, field, value):
    expect_invalid(create(api, experiment, **{field: value}), invalid(value, field))


def test_keys_and_values_know_no_rules_and_no_limits(api, experiment):
    items = {"a@b#c": "x", "/": "y" * 20000, "k" * 3000: "", " ": "é\n✓"}
    made = create(api, experiment, params=kv(items), tags=kv(items)).ok()["model"]
    assert pairs(made["data"]["params"]) == items == pairs(made["info"]["tags"])


def test_the_location_of_the_experiment_leads_to_that_of_the_model(api, tmp_path):
    experiment = api.experiment(artifact_location="s3://bucket/p?x=1")
    info = create(api, experiment).ok()["model"]["info"]
    assert info["artifact_uri"] == f"s3://bucket/p/models/{info['model_id']}/artifacts?x=1"


def test_both_roots_answer(api, experiment):
    made = api.post("logged-models", {"experiment_id": experiment}, root=AJAX).ok()["model"]
    assert api.get(f"logged-models/{made['info']['model_id']}", root=AJAX).ok()["model"] == made


# --- status ---


@pytest.mark.parametrize(
    "status, shown",
    [
        ("LOGGED_MODEL_STATUS_UNSPECIFIED", "LOGGED_MODEL_STATUS_UNSPECIFIED"),
        ("LOGGED_MODEL_PENDING", "LOGGED_MODEL_PENDING"),
        ("LOGGED_MODEL_READY", "LOGGED_MODEL_READY"),
        ("LOGGED_MODEL_UPLOAD_FAILED", "LOGGED_MODEL_UPLOAD_FAILED"),
        (2, "LOGGED_MODEL_READY"),
        ("3", "LOGGED_MODEL_UPLOAD_FAILED"),
    ],
)
def test_every_status_can_be_set(api, model, status, shown):
    before = api.get_model(model)
    time.sleep(0.003)
    made = finalize(api, model, status).ok()["model"]
    assert made["info"]["status"] == shown
    assert made["info"]["last_updated_timestamp_ms"] > before["info"]["last_updated_timestamp_ms"]
    assert made["info"]["creation_timestamp_ms"] == before["info"]["creation_timestamp_ms"]
    assert api.get_model(model) == made


def test_any_transition_is_allowed(api, model):
    for status in ("READY", "PENDING", "UPLOAD_FAILED", "READY", "READY"):
        assert finalize(api, model, f"LOGGED_MODEL_{status}").ok()["model"]["info"]["status"].endswith(status)


@pytest.mark.parametrize("status", ["READY", "ready", "BOGUS", 9, -1, True, [], 1.5])
def test_an_unknown_status_is_refused_and_changes_nothing(api, model, status):
    before = api.get_model(model)
    expect_invalid(finalize(api, model, status), invalid(status, "status"))
    assert api.get_model(model) == before


def test_a_status_is_needed(api, model):
    expect_invalid(api.patch(f"logged-models/{model}", {"model_id": model}), missing("status"))
    expect_invalid(api.patch(f"logged-models/{model}", {}), missing("status"))


def test_the_path_decides_which_model_is_meant(api, experiment, model):
    other = api.model(experiment)
    made = api.patch(f"logged-models/{model}", {"model_id": other, "status": "LOGGED_MODEL_READY"}).ok()["model"]
    assert made["info"]["model_id"] == model
    assert api.get_model(other)["info"]["status"] == "LOGGED_MODEL_PENDING"
    log_params(api, model, {"p": "1"}, model_id=other).ok()
    assert api.get_model(other)["data"] == {}


# --- get, delete ---


def test_a_model_that_is_not_there_is_404_for_every_operation(api):
    for reply in (
        api.get(f"logged-models/{UNKNOWN}"),
        api.get(f"logged-models/{UNKNOWN}", {"allow_deleted": "true"}),
        finalize(api, UNKNOWN, "LOGGED_MODEL_READY"),
        delete(api, UNKNOWN),
        log_params(api, UNKNOWN, {"a": "b"}),
        set_tags(api, UNKNOWN, {"a": "b"}),
        delete_tag(api, UNKNOWN, "a"),
        api.get(f"logged-models/{UNKNOWN}/artifacts/directories"),
    ):
        expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", NOT_FOUND)


def test_a_deleted_model_is_seen_only_on_demand(api, model):
    before = api.get_model(model)
    time.sleep(0.003)
    assert delete(api, model).ok() == {}
    text = f"Logged model with ID '{model}' not found."
    expect_error(api.get(f"logged-models/{model}"), 404, "RESOURCE_DOES_NOT_EXIST", text)
    expect_error(api.get(f"logged-models/{model}", {"allow_deleted": "False"}), 404, "RESOURCE_DOES_NOT_EXIST", text)
    for spelling in ("true", "TRUE", "True"):
        found = api.get_model(model, allow_deleted=spelling)
        assert found["info"]["model_id"] == model
        assert found["info"]["last_updated_timestamp_ms"] > before["info"]["last_updated_timestamp_ms"]
    text = "Invalid boolean value: 1, must be 'true' or 'false'."
    expect_invalid(api.get(f"logged-models/{model}", {"allow_deleted": "1"}), text)


def test_deleting_twice_is_no_fault(api, model):
    delete(api, model).ok()
    assert api.request("DELETE", f"/ajax-api/2.0/mlflow/logged-models/{model}", json={"model_id": model}).ok() == {}


def test_a_deleted_model_can_still_be_written(api, run, model):
    set_tags(api, model, {"gone": "1"}).ok()
    delete(api, model).ok()
    finalize(api, model, "LOGGED_MODEL_READY").ok()
    set_tags(api, model, {"k": "v"}).ok()
    delete_tag(api, model, "gone").ok()
    log_params(api, model, {"p": "1"}).ok()
    api.metric(run, "m", 1.0, model_id=model)
    found = api.get_model(model, allow_deleted="true")
    assert found["info"]["status"] == "LOGGED_MODEL_READY" and found["info"]["tags"] == kv({"k": "v"})
    assert found["data"]["params"] == kv({"p": "1"}) and found["data"]["metrics"][0]["key"] == "m"


def test_deleting_the_experiment_leaves_its_models(api, experiment, model):
    before = api.get_model(model)
    api.post("experiments/delete", {"experiment_id": experiment}).ok()
    assert api.get_model(model) == before


# --- params and tags ---


def test_params_are_added_and_never_change(api, model):
    log_params(api, model, {"a": "1", "b": "2"}).ok()
    assert log_params(api, model, [("b", "2"), ("c", "3"), ("c", "3")]).ok() == {}
    before = api.get_model(model)
    assert pairs(before["data"]["params"]) == {"a": "1", "b": "2", "c": "3"}
    text = (
        "Changing param values is not allowed. Param with key='a' was already logged with value='1' for model "
        f"ID='{model}'. Attempted logging new value '9'."
    )
    expect_invalid(log_params(api, model, {"d": "4", "a": "9"}), text)
    expect_invalid(log_params(api, model, [("x", "1"), ("x", "2")]))
    assert api.get_model(model) == before


def test_no_params_and_no_tags_are_no_fault(api, model):
    for body in ({}, {"params": []}, {"params": None}):
        assert api.post(f"logged-models/{model}/params", body).ok() == {}
    for body in ({}, {"tags": []}, {"tags": None}):
        assert api.patch(f"logged-models/{model}/tags", body).ok() == {}


def test_tags_are_set_and_replaced(api, model):
    set_tags(api, model, {"a": "1", "b": "2"}).ok()
    assert set_tags(api, model, [("b", "3"), ("c", "4"), ("c", "5"), ("d", "")]).ok() == {}
    assert pairs(api.get_model(model)["info"]["tags"]) == {"a": "1", "b": "3", "c": "5", "d": ""}


def test_tags_and_params_of_models_and_runs_do_not_mix(api, experiment, run, model):
    other = api.model(experiment)
    set_tags(api, model, {"k": "model"}).ok()
    api.post("runs/set-tag", {"run_id": run, "key": "k", "value": "run"}).ok()
    log_params(api, model, {"p": "model"}).ok()
    api.post("runs/log-parameter", {"run_id": run, "key": "p", "value": "run"}).ok()
    assert api.get_model(other)["data"] == {} and "tags" not in api.get_model(other)["info"]
    assert api.tags(run)["k"] == "run" and api.params(run) == {"p": "run"}
    assert api.get_model(model)["data"]["params"] == kv({"p": "model"})


@pytest.mark.parametrize("key", ["plain", "a b", "é", "a%2Bb", "a.b:c"])
def test_a_tag_is_deleted_by_its_key_in_the_path(api, model, key):
    plain = key.replace("%2B", "+")
    set_tags(api, model, {plain: "1", "other": "2"}).ok()
    assert delete_tag(api, model, key).ok() == {}
    assert api.get_model(model)["info"]["tags"] == kv({"other": "2"})
    text = f"No tag with key '{plain}' found for model with ID '{model}'."
    expect_error(delete_tag(api, model, key), 404, "RESOURCE_DOES_NOT_EXIST", text)


def test_wrong_types_of_params_and_tags_are_refused(api, model):
    for wrong, place in (("x", "params"), ([1], "params[0]")):
        reply = api.post(f"logged-models/{model}/params", {"params": wrong})
        expect_invalid(reply, invalid(wrong[0], place))
    expect_invalid(log_params(api, model, {"a": 5}), invalid(5, "params[0].value"))
    expect_invalid(set_tags(api, model, [("a", "1"), ("b", ["x"])]), invalid(["x"], "tags[1].value"))
    assert api.get_model(model)["data"] == {} and "tags" not in api.get_model(model)["info"]


def test_hundreds_of_params_in_several_calls(api, experiment):
    params = {f"p{i}": str(i) for i in range(300)}
    items = list(params.items())
    model = api.model(experiment, params=kv(items[:100]))
    for start in (100, 200):
        log_params(api, model, items[start : start + 100]).ok()
    assert pairs(api.get_model(model)["data"]["params"]) == params


# --- metrics ---


def metrics_of(api, model):
    """[(key, timestamp, step, value, dataset name, digest, run)]"""
    found = api.get_model(model)["data"].get("metrics", [])
    assert all(m["model_id"] == model for m in found)
    return sorted((m["key"], m["timestamp"], m["step"], m["value"], m.get("dataset_name"), m.get("dataset_digest"), m["run_id"]) for m in found)


def test_a_metric_with_a_model_id_goes_to_the_run_and_to_the_model(api, run, model):
    api.metric(run, "acc", 0.5, timestamp=10, step=1, model_id=model)
    api.metric(run, "acc", 0.75, timestamp=20, step=2, model_id=model, dataset_name="d", dataset_digest="x")
    api.metric(run, "other", 1.0)
    assert metrics_of(api, model) == [("acc", 10, 1, 0.5, None, None, run), ("acc", 20, 2, 0.75, "d", "x", run)]
    assert api.history(run, "acc") == [(10, 1, 0.5), (20, 2, 0.75)]


def test_a_batch_reaches_every_model_that_it_names(api, experiment, run, model):
    other = api.model(experiment)
    metrics = [{"key": f"m{i % 7}", "value": float(i), "timestamp": i, "step": i} for i in range(100)]
    for i, item in enumerate(metrics):
        if i % 3:
            item["model_id"] = model if i % 3 == 1 else other
        if i % 6 == 1:
            item.update(dataset_name=f"d{i % 2}", dataset_digest=str(i % 4))
    api.post("runs/log-batch", {"run_id": run, "metrics": metrics}).ok()
    for one in (model, other):
        expected = [
            (m["key"], m["timestamp"], m["step"], m["value"], m.get("dataset_name"), m.get("dataset_digest"), run)
            for m in metrics
            if m.get("model_id") == one
        ]
        assert metrics_of(api, one) == sorted(expected) and len(expected) == 33
    assert len(api.latest(run)) == 7


def test_the_last_value_for_the_same_place_wins(api, experiment, run, model):
    api.metric(run, "m", 1.0, timestamp=5, step=5, model_id=model, dataset_name="d", dataset_digest="x")
    api.metric(run, "m", 0.5, timestamp=5, step=5, model_id=model)
    assert metrics_of(api, model) == [("m", 5, 5, 0.5, None, None, run)]
    other = api.run(experiment)
    api.metric(other, "m", 2.0, timestamp=5, step=5, model_id=model)
    assert len(metrics_of(api, model)) == 2
    assert api.history(run, "m") == [(5, 5, 0.5), (5, 5, 1.0)]


def test_nan_stays_nan_and_infinities_become_the_largest_numbers(api, run, model):
    for step, value in enumerate(["NaN", "Infinity", "-Infinity"]):
        api.metric(run, "m", value, step=step, model_id=model)
    assert [m[3] for m in metrics_of(api, model)] == ["NaN", LARGEST, -LARGEST]


def test_a_run_of_another_experiment_may_log_to_the_model(api, model):
    run = api.run(api.experiment())
    api.metric(run, "m", 1.0, step=-3, model_id=model)
    assert metrics_of(api, model) == [("m", 0, -3, 1.0, None, None, run)]


@pytest.mark.parametrize("fields", [{"dataset_name": "d"}, {"dataset_digest": "x"}, {"dataset_name": "d", "dataset_digest": ""}])
def test_name_and_digest_of_a_dataset_come_together(api, run, model, fields):
    text = "Both dataset_name and dataset_digest must be provided if one is provided"
    metric = {"key": "m", "value": 1.0, "timestamp": 1, "model_id": model, **fields}
    expect_invalid(api.post("runs/log-metric", {"run_id": run, **metric}), text)
    expect_invalid(api.post("runs/log-batch", {"run_id": run, "metrics": [metric]}), text)
    assert metrics_of(api, model) == [] and api.latest(run) == {}


def test_a_batch_with_one_unknown_model_stores_nothing(api, run, model):
    metrics = [{"key": "m", "value": 1.0, "timestamp": 1, "model_id": one} for one in (model, UNKNOWN)]
    reply = api.post("runs/log-batch", {"run_id": run, "metrics": metrics, "params": kv({"p": "1"})})
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", NOT_FOUND)
    assert metrics_of(api, model) == [] and api.latest(run) == {} and api.params(run) == {}


def test_a_deleted_run_logs_nothing_to_a_model(api, run, model):
    api.post("runs/delete", {"run_id": run}).ok()
    body = {"run_id": run, "key": "m", "value": 1.0, "timestamp": 1, "model_id": model}
    expect_invalid(api.post("runs/log-metric", body))
    assert metrics_of(api, model) == []


def test_a_model_with_thousands_of_metrics_is_shown_whole(api, experiment, run, model):
    expected = []
    for start in range(0, 3000, 1000):
        metrics = [{"key": f"m{i % 3}", "value": i / 2, "timestamp": i, "step": -i, "model_id": model} for i in range(start, start + 1000)]
        api.post("runs/log-batch", {"run_id": run, "metrics": metrics}).ok()
        expected += [(m["key"], m["timestamp"], m["step"], m["value"], None, None, run) for m in metrics]
    assert metrics_of(api, model) == sorted(expected)
    shown = api.get_model(model)
    assert api.post("logged-models/search", {"experiment_ids": [experiment]}).ok()["models"] == [shown]
    assert finalize(api, model, "LOGGED_MODEL_READY").ok()["model"]["data"] == shown["data"]


def test_several_models_with_thousands_of_metrics_are_found_whole(api, experiment, run):
    made = [api.model(experiment, tags=kv({"n": str(i) * 1000})) for i in range(4)]
    for i, one in enumerate(made):
        for start in range(0, 1000 * i, 1000):
            metrics = [{"key": "m", "value": float(k), "timestamp": start + k, "model_id": one} for k in range(1000)]
            api.post("runs/log-batch", {"run_id": run, "metrics": metrics}).ok()
    found = api.post("logged-models/search", {"experiment_ids": [experiment]}).ok()["models"]
    assert [len(m["data"].get("metrics", [])) for m in found] == [3000, 2000, 1000, 0]
    assert found == [api.get_model(one) for one in reversed(made)]


def test_threads_that_log_to_one_model_lose_nothing(server, experiment):
    model = server.api.model(experiment)
    runs = [server.api.run(experiment) for _ in range(8)]

    def log(i):
        api = server.api.clone()
        for step in range(10):
            api.metric(runs[i], "m", float(i), step=step, model_id=model)
            set_tags(api, model, {f"t{i}": str(step)}).ok()

    in_threads(8, log)
    found = metrics_of(server.api, model)
    assert sorted((m[6], m[2], m[3]) for m in found) == sorted((runs[i], step, float(i)) for i in range(8) for step in range(10))
    assert pairs(server.api.get_model(model)["info"]["tags"]) == {f"t{i}": "9" for i in range(8)}


# --- inputs and outputs of runs ---


def test_a_run_shows_the_models_that_it_read_and_made(api, experiment, run, model):
    other = api.model(experiment, source_run_id=run)
    api.post("runs/log-inputs", {"run_id": run, "models": [{"model_id": model}]}).ok()
    api.post("runs/outputs", {"run_id": run, "models": [{"model_id": other, "step": 3}]}).ok()
    found = api.get_run(run)
    assert found["inputs"]["model_inputs"] == [{"model_id": model}]
    assert found["outputs"]["model_outputs"] == [{"model_id": other, "step": 3}]


# --- artifacts/directories ---


def listed(api, model, path=None):
    return api.get(f"logged-models/{model}/artifacts/directories", {} if path is None else {"artifact_directory_path": path})


def test_the_files_of_a_model_are_listed(api, tmp_path):
    model = api.model(api.experiment(artifact_location=str(tmp_path / "root")))
    folder = tmp_path / "root" / "models" / model / "artifacts"
    assert listed(api, model).ok() == {"root_uri": str(folder)}
    (folder / "sub").mkdir(parents=True)
    (folder / "MLmodel").write_bytes(b"12345")
    (folder / "sub" / "x").write_bytes(b"")
    expected = [{"path": "MLmodel", "is_dir": False, "file_size": 5}, {"path": "sub", "is_dir": True}]
    for path in (None, "", "."):
        assert listed(api, model, path).ok() == {"root_uri": str(folder), "files": expected}
    assert listed(api, model, "sub/").ok()["files"] == [{"path": "sub/x", "is_dir": False, "file_size": 0}]
    assert listed(api, model, "nothing").ok() == {"root_uri": str(folder)}
    os.symlink("/etc", folder / "etc")
    assert "passwd" not in listed(api, model, "etc").text


@pytest.mark.parametrize("path", ["..", "../x", "a/../../b", "/etc", "%2e%2e/x", "a#b", "\x00"])
def test_a_path_that_could_leave_the_model_is_refused(api, model, path):
    expect_invalid(listed(api, model, path))


def test_a_proxied_model_is_listed_from_the_destination(server, api, experiment, model):
    folder = server.directory / "mlartifacts" / experiment / "models" / model / "artifacts"
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_bytes(b"1")
    uri = f"mlflow-artifacts:/{experiment}/models/{model}/artifacts"
    assert listed(api, model).ok() == {"root_uri": uri, "files": [{"path": "MLmodel", "is_dir": False, "file_size": 1}]}


def test_a_deleted_model_has_no_files(api, model):
    delete(api, model).ok()
    expect_error(listed(api, model), 404, "RESOURCE_DOES_NOT_EXIST", f"Logged model with ID '{model}' not found.")


# --- paths ---


def test_ids_are_what_the_path_says_and_nothing_else(api, experiment):
    for path in ("x", "..%2Fx", "m-1", "%00", "é", "a" * 500):
        reply = api.request("GET", f"/api/2.0/mlflow/logged-models/{path}")
        assert reply.status in (400, 404), reply
    made = create(api, experiment).ok()["model"]["info"]["model_id"]
    assert MODEL_ID.fullmatch(made) and RUN_ID.fullmatch(made[2:])
    assert api.request("GET", f"/api/2.0/mlflow/logged-models/{made}/").status == 404
    reply = api.request("PUT", f"/api/2.0/mlflow/logged-models/{made}", json={})
    assert reply.status == 405
