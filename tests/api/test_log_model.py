import json

import pytest

from support import expect_invalid, missing

HISTORY = "mlflow.log-model.history"


def model(run, **more):
    return {
        "run_id": run,
        "artifact_path": "model",
        "utc_time_created": "2026-01-01 00:00:00.000000",
        "flavors": {"python_function": {"env": "conda.yaml", "config": {"secret": 1}}, "sklearn": {"v": "1"}},
        "model_uuid": "u1",
        "mlflow_version": "3.8.1",
        **more,
    }


def log(api, run, value):
    text = value if isinstance(value, str) else json.dumps(value)
    return api.post("runs/log-model", {"run_id": run, "model_json": text})


def test_a_model_is_appended_to_the_history_tag_without_flavor_config(api, run):
    assert log(api, run, model(run)).ok() == {}
    first = {
        "run_id": run,
        "artifact_path": "model",
        "utc_time_created": "2026-01-01 00:00:00.000000",
        "model_uuid": "u1",
        "flavors": {"python_function": {"env": "conda.yaml"}, "sklearn": {"v": "1"}},
    }
    assert json.loads(api.tags(run)[HISTORY]) == [first]
    log(api, run, model(run, artifact_path="second", model_uuid="u2")).ok()
    assert json.loads(api.tags(run)[HISTORY]) == [first, {**first, "artifact_path": "second", "model_uuid": "u2"}]


def test_the_history_has_the_spacing_that_python_writes(api, run):
    log(api, run, model(run, flavors={"a": {}})).ok()
    text = api.tags(run)[HISTORY]
    assert text.startswith("[{") and '"artifact_path": "model"' in text and '", "' in text


def test_the_history_may_exceed_the_limit_of_a_tag(api, run):
    for i in range(12):
        log(api, run, model(run, artifact_path="p" * 1000 + str(i))).ok()
    text = api.tags(run)[HISTORY]
    assert len(text) > 8000
    assert [m["artifact_path"][1000:] for m in json.loads(text)] == [str(i) for i in range(12)]


@pytest.mark.parametrize("absent", ["artifact_path", "flavors", "utc_time_created", "run_id"])
def test_the_mandatory_fields_are_named_when_missing(api, run, absent):
    value = model(run)
    del value[absent]
    message = expect_invalid(log(api, run, value))
    assert message.startswith("Model json is missing mandatory fields: {") and f"'{absent}'" in message, message
    assert HISTORY not in api.tags(run)


def test_several_missing_fields_are_all_named(api, run):
    message = expect_invalid(log(api, run, {"run_id": "x"}))
    for name in ("artifact_path", "flavors", "utc_time_created"):
        assert f"'{name}'" in message


@pytest.mark.parametrize("text", ["{", "not json", "{'a': 1}", '{"a": 1,}'])
def test_text_that_is_no_json_is_quoted(api, run, text):
    expect_invalid(log(api, run, text), f"Malformed model info. \n {text} \n is not a valid JSON.")
    assert HISTORY not in api.tags(run)


@pytest.mark.parametrize("text", ["[]", "5", "null", '"x"', "true"])
def test_json_that_is_no_object_is_refused(api, run, text):
    expect_invalid(log(api, run, text))
    assert HISTORY not in api.tags(run)


@pytest.mark.parametrize("flavors", [[], "x", 5, None])
def test_flavors_that_are_no_object_are_refused(api, run, flavors):
    expect_invalid(log(api, run, model(run, flavors=flavors)))
    assert HISTORY not in api.tags(run)


def test_model_json_is_needed(api, run):
    expect_invalid(api.post("runs/log-model", {"run_id": run}), missing("model_json"))
    expect_invalid(api.post("runs/log-model", {"run_id": run, "model_json": ""}), missing("model_json"))


def test_unicode_in_a_model_survives(api, run):
    log(api, run, model(run, artifact_path="é/✓")).ok()
    assert json.loads(api.tags(run)[HISTORY])[0]["artifact_path"] == "é/✓"
