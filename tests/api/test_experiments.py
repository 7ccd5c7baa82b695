import time

import pytest

from support import AJAX, expect_error, expect_invalid, invalid, missing, pairs, unique

NOT_AN_ID = "Invalid experiment ID '{}'. Experiment ID must be a valid integer."


def test_the_default_experiment_exists_from_the_start(api):
    default = api.get_experiment("0")
    assert default["name"] == "Default"
    assert default["lifecycle_stage"] == "active"
    assert default["artifact_location"] == "mlflow-artifacts:/0"
    assert "tags" not in default


def test_a_created_experiment_can_be_fetched_by_id_and_by_name(api):
    name = unique("é ü/ñ:name")
    before = int(time.time() * 1000) - 1
    tags = [{"key": "team", "value": "a"}, {"key": "note", "value": "✓"}]
    number = api.experiment(name, tags=tags)
    found = api.get_experiment(number)
    after = int(time.time() * 1000) + 1
    assert found["name"] == name
    assert found["artifact_location"] == f"mlflow-artifacts:/{number}"
    assert found["lifecycle_stage"] == "active"
    assert before <= found["creation_time"] <= after
    assert found["last_update_time"] == found["creation_time"]
    assert pairs(found["tags"]) == {"team": "a", "note": "✓"}
    assert api.get("experiments/get-by-name", {"experiment_name": name}).ok() == {"experiment": found}


def test_both_roots_answer_the_same(api):
    number = api.post("experiments/create", {"name": unique("ajax")}, root=AJAX).ok()["experiment_id"]
    ajax = api.get("experiments/get", {"experiment_id": number}, root=AJAX).ok()
    assert ajax["experiment"] == api.get_experiment(number)


def test_ids_grow_by_one_and_are_strings(api):
    first = api.experiment()
    assert int(api.experiment()) == int(first) + 1


@pytest.mark.parametrize("method, query", [("experiments/get", "experiment_id"), ("experiments/delete", None)])
def test_an_unknown_id_is_404_with_the_number(api, method, query):
    if query:
        reply = api.get(method, {query: "987654"})
    else:
        reply = api.post(method, {"experiment_id": "987654"})
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=987654 exists")


@pytest.mark.parametrize("text", ["abc", "1.5", " 1", "1_0", "0x1", "1 ", "-", "٣", "1e3", "None", "1;"])
def test_an_id_that_is_no_plain_integer_is_refused_by_every_operation(api, text):
    message = NOT_AN_ID.format(text)
    expect_invalid(api.get("experiments/get", {"experiment_id": text}), message)
    body = {"experiment_id": text, "new_name": "x", "key": "k", "value": "v"}
    for operation in ("update", "delete", "restore", "set-experiment-tag", "delete-experiment-tag"):
        expect_invalid(api.post(f"experiments/{operation}", body), message)
    expect_invalid(api.post("runs/create", {"experiment_id": text}), message)


def test_an_id_beyond_64_bits_is_a_client_error(api):
    assert api.get("experiments/get", {"experiment_id": "9" * 30}).status in (400, 404)


def test_a_number_serves_as_an_id(api, experiment):
    api.post("experiments/set-experiment-tag", {"experiment_id": int(experiment), "key": "k", "value": "v"}).ok()
    assert pairs(api.get_experiment(experiment)["tags"]) == {"k": "v"}


def test_names_are_matched_exactly(api):
    name = unique("Case")
    api.experiment(name)
    for other in (name.lower(), name + " ", name[:-1] + "%", name.upper()):
        reply = api.get("experiments/get-by-name", {"experiment_name": other})
        expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", f"Could not find experiment with name '{other}'")


def test_a_duplicate_name_is_refused_even_of_a_deleted_experiment(api):
    name = unique("twice")
    number = api.experiment(name)
    for _ in range(2):
        reply = api.post("experiments/create", {"name": name})
        expect_error(reply, 400, "RESOURCE_ALREADY_EXISTS", f"Experiment(name={name}) already exists.")
        api.post("experiments/delete", {"experiment_id": number})


def test_no_error_text_of_a_duplicate_shows_sql(api):
    name = unique("sql")
    api.experiment(name)
    reply = api.post("experiments/create", {"name": name})
    for word in ("SQL", "UNIQUE", "INSERT", "constraint"):
        assert word not in reply.text


@pytest.mark.parametrize("name", [" ", "a/b", "..", "a\nb", "'; DROP TABLE experiments; --", "x" * 490, "名前" * 100])
def test_odd_names_are_kept_as_they_are(api, name):
    name = unique(name)
    assert api.get_experiment(api.experiment(name))["name"] == name


def test_a_name_may_have_500_characters_and_no_more(api):
    exact = unique("é" * 400).ljust(500, "é")
    assert api.get_experiment(api.experiment(exact))["name"] == exact
    too_long = exact + "x"
    message = "'name' exceeds the maximum length of 500 characters"
    expect_invalid(api.post("experiments/create", {"name": too_long}), message)


def test_create_needs_a_name(api):
    for body in ({}, {"name": None}, {"name": ""}):
        expect_invalid(api.post("experiments/create", body), missing("name"))
    expect_invalid(api.post("experiments/create", {"name": 1}), invalid(1, "name"))


def test_a_tag_without_value_is_empty(api):
    number = api.experiment(tags=[{"key": "bare"}])
    assert pairs(api.get_experiment(number)["tags"]) == {"bare": ""}


@pytest.mark.parametrize(
    "tags",
    [
        [{"key": "", "value": "v"}],
        [{"value": "v"}],
        [{"key": "a@b", "value": "v"}],
        [{"key": "a//b", "value": "v"}],
        [{"key": "k" * 251, "value": "v"}],
        [{"key": "k", "value": "v" * 5001}],
    ],
)
def test_tags_at_create_follow_the_rules_of_set_experiment_tag(api, tags):
    name = unique("bad-tags")
    expect_invalid(api.post("experiments/create", {"name": name, "tags": tags}))
    assert api.get("experiments/get-by-name", {"experiment_name": name}).status == 404


def test_a_duplicate_tag_key_at_create_is_refused_or_the_last_wins(api):
    reply = api.post(
        "experiments/create",
        {"name": unique("dup"), "tags": [{"key": "k", "value": "1"}, {"key": "k", "value": "2"}]},
    )
    if reply.status == 200:
        assert pairs(api.get_experiment(reply.json["experiment_id"])["tags"]) == {"k": "2"}
    else:
        expect_invalid(reply)


# --- update ---


def test_update_renames_and_bumps_the_update_time(api, experiment):
    before = api.get_experiment(experiment)
    time.sleep(0.01)
    name = unique("renamed")
    assert api.post("experiments/update", {"experiment_id": experiment, "new_name": name}).ok() == {}
    after = api.get_experiment(experiment)
    assert after["name"] == name
    assert after["last_update_time"] > before["last_update_time"]
    assert after["creation_time"] == before["creation_time"]
    assert after["artifact_location"] == before["artifact_location"]
    gone = api.get("experiments/get-by-name", {"experiment_name": before["name"]})
    assert gone.status == 404


def test_update_to_a_taken_name_is_refused(api, experiment):
    taken = unique("taken")
    api.experiment(taken)
    before = api.get_experiment(experiment)
    reply = api.post("experiments/update", {"experiment_id": experiment, "new_name": taken})
    expect_error(reply, 400, "RESOURCE_ALREADY_EXISTS", f"Experiment(name={taken}) already exists.")
    assert api.get_experiment(experiment) == before


def test_update_needs_id_and_name(api, experiment):
    expect_invalid(api.post("experiments/update", {"new_name": "x"}), missing("experiment_id"))
    expect_invalid(api.post("experiments/update", {"experiment_id": experiment}), missing("new_name"))
    expect_invalid(api.post("experiments/update", {"experiment_id": experiment, "new_name": ""}), missing("new_name"))


def test_update_limits_the_name_to_500_characters(api, experiment):
    before = api.get_experiment(experiment)
    reply = api.post("experiments/update", {"experiment_id": experiment, "new_name": "n" * 501})
    expect_invalid(reply)
    assert "exceeds the maximum length of 500 characters" in reply.text
    assert api.get_experiment(experiment) == before


def test_a_deleted_experiment_cannot_be_renamed_and_the_client_need_not_retry(api, experiment):
    api.post("experiments/delete", {"experiment_id": experiment}).ok()
    reply = api.post("experiments/update", {"experiment_id": experiment, "new_name": unique("no")})
    assert reply.status == 400, reply
    assert reply.json == {"error_code": "INVALID_STATE", "message": "Cannot rename a non-active experiment."}


# --- delete and restore ---


def test_delete_takes_the_runs_along_and_restore_brings_them_back(api, experiment):
    runs = [api.run(experiment) for _ in range(3)]
    before = api.get_experiment(experiment)
    time.sleep(0.005)
    assert api.post("experiments/delete", {"experiment_id": experiment}).ok() == {}
    deleted = api.get_experiment(experiment)
    assert deleted["lifecycle_stage"] == "deleted"
    assert deleted["last_update_time"] > before["last_update_time"]
    for run in runs:
        assert api.get_run(run)["info"]["lifecycle_stage"] == "deleted"
    assert api.post("experiments/restore", {"experiment_id": experiment}).ok() == {}
    assert api.get_experiment(experiment)["lifecycle_stage"] == "active"
    for run in runs:
        assert api.get_run(run)["info"]["lifecycle_stage"] == "active"


def test_delete_works_on_active_ones_only_and_restore_on_deleted_ones_only(api, experiment):
    gone = f"No Experiment with id={experiment} exists"
    expect_error(api.post("experiments/restore", {"experiment_id": experiment}), 404, "RESOURCE_DOES_NOT_EXIST")
    api.post("experiments/delete", {"experiment_id": experiment}).ok()
    again = api.post("experiments/delete", {"experiment_id": experiment})
    expect_error(again, 404, "RESOURCE_DOES_NOT_EXIST", gone)
    api.post("experiments/restore", {"experiment_id": experiment}).ok()
    expect_error(api.post("experiments/restore", {"experiment_id": experiment}), 404, "RESOURCE_DOES_NOT_EXIST")


def test_a_deleted_experiment_is_still_found_by_id_and_by_name(api, experiment):
    api.post("experiments/delete", {"experiment_id": experiment}).ok()
    name = api.get_experiment(experiment)["name"]
    found = api.get("experiments/get-by-name", {"experiment_name": name}).ok()["experiment"]
    assert found["experiment_id"] == experiment and found["lifecycle_stage"] == "deleted"


def test_writing_to_a_deleted_experiment_is_refused(api, experiment):
    api.post("experiments/set-experiment-tag", {"experiment_id": experiment, "key": "k", "value": "v"}).ok()
    api.post("experiments/delete", {"experiment_id": experiment}).ok()
    message = f"The experiment {experiment} must be in the 'active' state. Current state is deleted."
    before = api.get_experiment(experiment)
    tag = {"experiment_id": experiment, "key": "k", "value": "w"}
    expect_invalid(api.post("experiments/set-experiment-tag", tag), message)
    expect_invalid(api.post("experiments/delete-experiment-tag", tag), message)
    expect_invalid(api.post("runs/create", {"experiment_id": experiment}), message)
    assert api.get_experiment(experiment) == before


def test_a_run_of_a_deleted_experiment_can_be_restored_alone(api, experiment, run):
    api.post("experiments/delete", {"experiment_id": experiment}).ok()
    api.post("runs/restore", {"run_id": run}).ok()
    assert api.get_run(run)["info"]["lifecycle_stage"] == "active"
    assert api.get_experiment(experiment)["lifecycle_stage"] == "deleted"


def test_experiment_0_can_be_deleted_and_restored(servers):
    api = servers("--serve-artifacts").api
    api.post("experiments/delete", {"experiment_id": "0"}).ok()
    assert api.get_experiment("0")["lifecycle_stage"] == "deleted"
    api.post("experiments/restore", {"experiment_id": "0"}).ok()
    assert api.get_experiment("0")["lifecycle_stage"] == "active"


# --- tags ---


def test_set_experiment_tag_inserts_and_overwrites(api, experiment):
    for value in ("1", "2", "ü ✓", ""):
        body = {"experiment_id": experiment, "key": "k/é.-: _", "value": value}
        assert api.post("experiments/set-experiment-tag", body).ok() == {}
        assert pairs(api.get_experiment(experiment)["tags"]) == {"k/é.-: _": value}


@pytest.mark.parametrize("body", [{}, {"value": None}])
def test_an_absent_tag_value_is_empty(api, experiment, body):
    api.post("experiments/set-experiment-tag", {"experiment_id": experiment, "key": "k", **body}).ok()
    assert pairs(api.get_experiment(experiment)["tags"]) == {"k": ""}


def test_tag_changes_do_not_touch_the_update_time(api, experiment):
    before = api.get_experiment(experiment)["last_update_time"]
    time.sleep(0.005)
    api.post("experiments/set-experiment-tag", {"experiment_id": experiment, "key": "k", "value": "v"}).ok()
    assert api.get_experiment(experiment)["last_update_time"] == before
    api.post("experiments/delete-experiment-tag", {"experiment_id": experiment, "key": "k"}).ok()
    assert api.get_experiment(experiment)["last_update_time"] == before


def test_experiment_tag_limits_are_errors_not_cuts(api, experiment):
    fits = {"experiment_id": experiment, "key": "k" * 250, "value": "é" * 5000}
    api.post("experiments/set-experiment-tag", fits).ok()
    assert pairs(api.get_experiment(experiment)["tags"]) == {"k" * 250: "é" * 5000}
    expect_invalid(
        api.post("experiments/set-experiment-tag", {**fits, "key": "k" * 251}),
        "'key' exceeds the maximum length of 250 characters",
    )
    expect_invalid(
        api.post("experiments/set-experiment-tag", {**fits, "value": "é" * 5001}),
        "'value' exceeds the maximum length of 5000 characters",
    )
    assert pairs(api.get_experiment(experiment)["tags"]) == {"k" * 250: "é" * 5000}


def test_a_deleted_tag_is_gone_and_an_absent_one_is_404(api, experiment):
    tag = {"experiment_id": experiment, "key": "k"}
    api.post("experiments/set-experiment-tag", {**tag, "value": "v"}).ok()
    assert api.post("experiments/delete-experiment-tag", tag).ok() == {}
    assert "tags" not in api.get_experiment(experiment)
    message = f"No tag with name: k in experiment with id {experiment}"
    expect_error(api.post("experiments/delete-experiment-tag", tag), 404, "RESOURCE_DOES_NOT_EXIST", message)


def test_tag_operations_need_id_and_key(api, experiment):
    for operation in ("set-experiment-tag", "delete-experiment-tag"):
        path = f"experiments/{operation}"
        expect_invalid(api.post(path, {"key": "k", "value": "v"}), missing("experiment_id"))
        expect_invalid(api.post(path, {"experiment_id": experiment, "value": "v"}), missing("key"))
        unknown = api.post(path, {"experiment_id": "987654", "key": "k"})
        expect_error(unknown, 404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=987654 exists")


# --- artifact locations ---


@pytest.mark.parametrize(
    "given, kept",
    [
        ("s3://bucket/a", "s3://bucket/a"),
        ("mlflow-artifacts:/custom", "mlflow-artifacts:/custom"),
        ("gs://b/p?x=1", "gs://b/p?x=1"),
        ("weird+scheme://x/y", "weird+scheme://x/y"),
        ("/tmp/absolute/dir", "/tmp/absolute/dir"),
        ("file:///tmp/f", "file:///tmp/f"),
        ("rel/path", "{cwd}/rel/path"),
        ("./rel", "{cwd}/rel"),
        ("file:rel", "file://{cwd}/rel"),
    ],
)
def test_a_given_location_is_kept_and_made_absolute(server, api, given, kept):
    number = api.experiment(artifact_location=given)
    assert api.get_experiment(number)["artifact_location"] == kept.format(cwd=server.directory)


@pytest.mark.parametrize("given", ["", None])
def test_an_empty_location_is_the_default_one(api, given):
    number = api.experiment(artifact_location=given)
    assert api.get_experiment(number)["artifact_location"] == f"mlflow-artifacts:/{number}"


@pytest.mark.parametrize(
    "location, message",
    [
        ("s3://b/x#frag", "'artifact_location' URL can't include fragments or params."),
        ("/tmp/x#frag", "'artifact_location' URL can't include fragments or params."),
        ("/tmp/x;p=1", "'artifact_location' URL can't include fragments or params."),
        ("http://h/x;p=1", "'artifact_location' URL can't include fragments or params."),
        ("s3://b/x?a=../y", "Invalid query string"),
        ("s3://b/x?a=%2e%2e/y", "Invalid query string"),
        ("s3://b/x?a=%252e%252e/y", "Invalid query string"),
        ("file://host/x", None),
    ],
)
def test_a_dangerous_location_is_refused_and_nothing_is_created(api, location, message):
    name = unique("location")
    expect_invalid(api.post("experiments/create", {"name": name, "artifact_location": location}), message)
    assert api.get("experiments/get-by-name", {"experiment_name": name}).status == 404


def test_a_location_may_have_2048_characters(api):
    base = "s3://b/"
    fits = base + "x" * (2048 - len(base))
    assert api.get_experiment(api.experiment(artifact_location=fits))["artifact_location"] == fits
    expect_invalid(
        api.post("experiments/create", {"name": unique("long"), "artifact_location": fits + "x"}),
        "Invalid artifact path length. The length of the artifact path cannot be greater than 2048 characters. To "
        "configure this limit, please set the MLFLOW_ARTIFACT_LOCATION_MAX_LENGTH environment variable.",
    )


@pytest.mark.parametrize(
    "location, uri",
    [
        ("s3://b/p?x=1", "s3://b/p/{run}/artifacts?x=1"),
        ("s3://b/p/", "s3://b/p/{run}/artifacts"),
        ("S3://b/p", "S3://b/p/{run}/artifacts"),
        ("/tmp/d", "/tmp/d/{run}/artifacts"),
        ("sqlite:///x", "sqlite:/x/{run}/artifacts"),
        ("mlflow-artifacts:/5", "mlflow-artifacts:/5/{run}/artifacts"),
    ],
)
def test_the_artifact_uri_of_a_run_is_joined_to_the_location(api, location, uri):
    run = api.run(api.experiment(artifact_location=location))
    assert api.get_run(run)["info"]["artifact_uri"] == uri.format(run=run)
