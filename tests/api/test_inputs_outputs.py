import pytest

from support import expect_invalid, missing, pairs


def dataset(name="d", digest="x", **more):
    return {"name": name, "digest": digest, "source_type": "local", "source": "{}", **more}


def dataset_input(name="d", digest="x", tags=None, **more):
    item = {"dataset": dataset(name, digest, **more)}
    if tags is not None:
        item["tags"] = [{"key": k, "value": v} for k, v in tags]
    return item


def log(api, run, *items, **more):
    return api.post("runs/log-inputs", {"run_id": run, "datasets": list(items), **more})


def inputs(api, run):
    return api.get_run(run)["inputs"].get("dataset_inputs", [])


def test_a_logged_dataset_comes_back_whole(api, run):
    full = dataset_input("train é", "abc", [("mlflow.data.context", "train"), ("k", "v")], schema='{"a":1}', profile="p")
    assert log(api, run, full).ok() == {}
    (found,) = inputs(api, run)
    assert found["dataset"] == full["dataset"]
    assert pairs(found["tags"]) == {"mlflow.data.context": "train", "k": "v"}


def test_schema_and_profile_may_be_absent(api, run):
    log(api, run, dataset_input()).ok()
    found = inputs(api, run)
    assert found[0]["dataset"]["name"] == "d" and "tags" not in found[0]


def test_several_datasets_and_the_same_name_with_another_digest_are_kept_apart(api, run):
    log(api, run, dataset_input("a", "1"), dataset_input("a", "2"), dataset_input("b", "1")).ok()
    found = {(i["dataset"]["name"], i["dataset"]["digest"]) for i in inputs(api, run)}
    assert found == {("a", "1"), ("a", "2"), ("b", "1")} and len(inputs(api, run)) == 3


def test_of_equal_datasets_in_one_request_the_first_wins(api, run):
    log(api, run, dataset_input(source="first"), dataset_input(source="second")).ok()
    assert [i["dataset"]["source"] for i in inputs(api, run)] == ["first"]


def test_logging_the_same_dataset_again_changes_nothing(api, run):
    log(api, run, dataset_input(tags=[("k", "1")])).ok()
    before = inputs(api, run)
    log(api, run, dataset_input(tags=[("k", "2"), ("l", "3")])).ok()
    assert inputs(api, run) == before


def test_runs_share_a_dataset_but_not_its_tags(api, experiment):
    first, second = api.run(experiment), api.run(experiment)
    log(api, first, dataset_input(tags=[("k", "1")])).ok()
    log(api, second, dataset_input(tags=[("k", "2")])).ok()
    assert pairs(inputs(api, first)[0]["tags"]) == {"k": "1"}
    assert pairs(inputs(api, second)[0]["tags"]) == {"k": "2"}


def test_an_empty_request_is_fine(api, run):
    assert log(api, run).ok() == {}
    assert api.post("runs/log-inputs", {"run_id": run}).ok() == {}
    assert api.get_run(run)["inputs"] == {}


@pytest.mark.parametrize("absent", ["name", "digest", "source_type", "source"])
@pytest.mark.parametrize("kind", ["absent", "null", "empty"])
def test_a_dataset_part_is_needed(api, run, absent, kind):
    item = dataset_input()
    if kind == "absent":
        del item["dataset"][absent]
    else:
        item["dataset"][absent] = None if kind == "null" else ""
    expect_invalid(log(api, run, dataset_input("fine"), item), missing(f"datasets[1].dataset.{absent}"))
    assert inputs(api, run) == []


def test_a_dataset_input_needs_a_dataset(api, run):
    expect_invalid(log(api, run, {"tags": []}), missing("datasets[0].dataset"))


@pytest.mark.parametrize("tag", [{"value": "v"}, {"key": "", "value": "v"}])
def test_an_input_tag_needs_a_key(api, run, tag):
    item = dataset_input()
    item["tags"] = [tag]
    expect_invalid(log(api, run, item), missing("datasets[0].tags[0].key"))
    assert inputs(api, run) == []


@pytest.mark.parametrize(
    "field, limit", [("name", 500), ("digest", 36), ("source", 65535), ("schema", 1048575)]
)
def test_dataset_fields_have_limits(api, experiment, field, limit):
    run = api.run(experiment)
    log(api, run, dataset_input(**{field: "é" * limit})).ok()
    assert inputs(api, run)[0]["dataset"][field] == "é" * limit
    run = api.run(experiment)
    message = expect_invalid(log(api, run, dataset_input(**{field: "é" * (limit + 1)})))
    assert message == f"'{field}' exceeds the maximum length of {limit} characters"
    assert inputs(api, run) == []


def test_a_profile_may_have_16777215_characters(api, run):
    log(api, run, dataset_input(profile="x" * 16777215)).ok()
    assert len(inputs(api, run)[0]["dataset"]["profile"]) == 16777215
    message = expect_invalid(log(api, run, dataset_input("other", profile="x" * 16777216)))
    assert message == "'profile' exceeds the maximum length of 16777215 characters"


def test_input_tags_have_limits(api, run):
    log(api, run, dataset_input(tags=[("k" * 255, "é" * 500)])).ok()
    assert "255" in expect_invalid(log(api, run, dataset_input("b", tags=[("k" * 256, "v")])))
    assert "500" in expect_invalid(log(api, run, dataset_input("c", tags=[("k", "é" * 501)])))
    assert len(inputs(api, run)) == 1


def test_duplicate_input_tag_keys_are_refused(api, run):
    expect_invalid(log(api, run, dataset_input(tags=[("k", "1"), ("k", "2")])))
    assert inputs(api, run) == []


def test_one_bad_dataset_stores_none(api, run):
    expect_invalid(log(api, run, dataset_input("good"), dataset_input("bad", "x" * 37)))
    assert inputs(api, run) == []


@pytest.mark.parametrize("run_id", ["a@b", "-a", "a b", "x" * 257])
def test_the_format_of_the_run_id_is_checked(api, run_id):
    message = expect_invalid(log(api, run_id, dataset_input()))
    assert message.endswith("for parameter 'run_id' supplied."), message


# --- models ---


def test_model_inputs_are_kept_once_and_shown_by_get_but_not_by_search(api, experiment, run):
    for _ in range(2):
        assert log(api, run, models=[{"model_id": "m-1"}, {"model_id": "m-2"}]).ok() == {}
    found = api.get_run(run)
    assert sorted(m["model_id"] for m in found["inputs"]["model_inputs"]) == ["m-1", "m-2"]
    assert found["outputs"] == {}
    searched = api.post("runs/search", {"experiment_ids": [experiment]}).ok()["runs"][0]
    assert searched["inputs"] == {}


def test_model_outputs_are_kept_with_their_step(api, experiment, run):
    models = [{"model_id": "m-1", "step": 3}, {"model_id": "m-2"}]
    assert api.post("runs/outputs", {"run_id": run, "models": models}).ok() == {}
    expected = {"m-1": 3, "m-2": 0}
    for found in (api.get_run(run), api.post("runs/search", {"experiment_ids": [experiment]}).ok()["runs"][0]):
        assert {m["model_id"]: m["step"] for m in found["outputs"]["model_outputs"]} == expected
        assert found["inputs"] == {}


def test_an_output_recorded_again_takes_the_new_step(api, run):
    for step in (1, 7):
        api.post("runs/outputs", {"run_id": run, "models": [{"model_id": "m-1", "step": step}]}).ok()
    assert api.get_run(run)["outputs"] == {"model_outputs": [{"model_id": "m-1", "step": 7}]}


def test_outputs_need_models_which_may_be_empty(api, run):
    expect_invalid(api.post("runs/outputs", {"run_id": run}), missing("models"))
    expect_invalid(api.post("runs/outputs", {"run_id": run, "models": None}), missing("models"))
    assert api.post("runs/outputs", {"run_id": run, "models": []}).ok() == {}
    assert api.get_run(run)["outputs"] == {}


def test_search_shows_dataset_inputs_as_get_does(api, experiment, run):
    log(api, run, dataset_input(tags=[("k", "v")])).ok()
    searched = api.post("runs/search", {"experiment_ids": [experiment]}).ok()["runs"][0]
    assert searched["inputs"]["dataset_inputs"] == inputs(api, run)
