import json
import sqlite3
import time

import pytest

from support import expect_error, expect_invalid, in_threads, invalid, missing, pairs, unique

PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}
RELATIVE = (
    "Invalid model version source: '{}'. If supplying a source as an http, https, local file path, ftp, objectstore, or "
    "mlflow-artifacts uri, an absolute path must be provided without relative path references present. Please provide an "
    "absolute path."
)
LOCAL = (
    "Invalid model version source: '{}'. To use a local path as a model version source, the run_id request parameter has to be "
    "specified and the local path has to be contained within the artifact directory of the run specified by the run_id."
)


@pytest.fixture
def model(api):
    """The name of a fresh model."""
    return api.registered_model()


def create(api, name, source="s3://bucket/model", **fields):
    return api.post("model-versions/create", {"name": name, "source": source, **fields})


def get(api, name, version):
    return api.get("model-versions/get", {"name": name, "version": version})


def update(api, name, version, **fields):
    return api.patch("model-versions/update", {"name": name, "version": version, **fields})


def delete(api, name, version):
    return api.delete("model-versions/delete", {"name": name, "version": version})


def set_tag(api, name, version, key, value):
    return api.post("model-versions/set-tag", {"name": name, "version": version, "key": key, "value": value})


def delete_tag(api, name, version, key):
    return api.delete("model-versions/delete-tag", {"name": name, "version": version, "key": key})


def transition(api, name, version, stage, archive=None):
    more = {} if archive is None else {"archive_existing_versions": archive}
    return api.post("model-versions/transition-stage", {"name": name, "version": version, "stage": stage, **more})


def download_uri(api, name, version):
    return api.get("model-versions/get-download-uri", {"name": name, "version": str(version)}).ok()["artifact_uri"]


def no_version(reply, name, version):
    text = f"Model Version (name={name}, version={version}) not found"
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", text)


def numbers(api, name):
    found = api.get("model-versions/search", {"filter": f"name = '{name}'"}).ok().get("model_versions", [])
    return sorted(int(v["version"]) for v in found)


# --- create, get ---


def test_a_new_version_is_what_was_asked_for(api, model):
    run = api.run()
    tags = [{"key": "b", "value": "1"}, {"key": "a", "value": "2"}, {"key": "b", "value": "3"}]
    fields = {"source": "s3://bucket/x", "run_id": run, "run_link": "http://h/run", "description": "about", "tags": tags}
    version = create(api, model, **fields).ok()["model_version"]
    assert {**version, "creation_timestamp": 0, "last_updated_timestamp": 0} == {
        "name": model,
        "version": "1",
        "creation_timestamp": 0,
        "last_updated_timestamp": 0,
        "current_stage": "None",
        "status": "READY",
        "tags": [{"key": "b", "value": "3"}, {"key": "a", "value": "2"}],
        **{key: fields[key] for key in ("source", "run_id", "run_link", "description")},
    }
    assert version["creation_timestamp"] == version["last_updated_timestamp"]
    assert abs(version["creation_timestamp"] - time.time() * 1000) < 60000
    assert api.get_model_version(model, 1) == version


def test_what_was_not_given_is_empty_text(api, model):
    version = create(api, model).ok()["model_version"]
    assert version["description"] == version["run_id"] == version["run_link"] == ""
    assert "tags" not in version and "aliases" not in version


def test_creating_a_version_moves_the_time_of_the_model_only(api, model):
    api.model_version(model)
    first, before = api.get_model_version(model, 1), api.get_registered_model(model)
    time.sleep(0.005)
    second = create(api, model).ok()["model_version"]
    after = api.get_registered_model(model)
    assert after["last_updated_timestamp"] == second["creation_timestamp"] > before["last_updated_timestamp"]
    assert api.get_model_version(model, 1) == first


def test_a_version_needs_a_name_a_source_and_a_model(api, model):
    expect_invalid(create(api, ""), missing("name"))
    expect_invalid(create(api, model, source=""), missing("source"))
    text = "Registered Model with name=none not found"
    expect_error(create(api, "none"), 404, "RESOURCE_DOES_NOT_EXIST", text)


def test_versions_are_read_as_integers(api, model):
    api.model_version(model)
    for text in ("1", "01", "+1"):
        assert get(api, model, text).ok()["model_version"]["version"] == "1"
    for text in ("abc", "1.0", "1x", "-"):
        expect_invalid(get(api, model, text), f"Parameter 'version' must be an integer, got '{text}'.")
    for text in ("2", "0", "-1", "99999999999999999999999"):
        no_version(get(api, model, text), model, text)
    no_version(get(api, "none", "1"), "none", "1")
    expect_invalid(get(api, model, ""), missing("version"))
    expect_invalid(get(api, "", "1"), missing("name"))


def test_a_number_is_no_version(api, model):
    api.model_version(model)
    expect_invalid(update(api, model, 1), invalid(1, "version"))
    expect_invalid(delete(api, model, 1), invalid(1, "version"))
    assert numbers(api, model) == [1]


# --- numbers ---


def test_numbers_count_up_and_are_never_used_again(api, model):
    assert [api.model_version(model) for _ in range(3)] == ["1", "2", "3"]
    for version in ("3", "1"):
        assert delete(api, model, version).ok() == {}
    assert api.model_version(model) == "4"
    delete(api, model, "4").ok()
    assert api.model_version(model) == "5"
    assert numbers(api, model) == [2, 5]


def test_a_refused_version_takes_no_number(api, model):
    expect_invalid(create(api, model, source="/etc"))
    expect_invalid(create(api, model, tags=[{"key": "a\tb"}]))
    assert create(api, model, source="models:/none/1").status == 404
    assert api.model_version(model) == "1"


@pytest.mark.parametrize("options", [(), ("--workers", "2")])
def test_versions_that_are_created_at_once_get_consecutive_numbers(servers, options):
    shared = servers(*options)
    name = shared.api.registered_model()

    def work(i):
        api = shared.api.clone()
        return [int(api.model_version(name, f"s3://b/{i}/{j}")) for j in range(12)]

    found = in_threads(16, work)
    assert sorted(number for numbers in found for number in numbers) == list(range(1, 16 * 12 + 1))
    assert all(numbers == sorted(numbers) for numbers in found)
    for i, mine in enumerate(found):
        for j, number in enumerate(mine):
            assert shared.api.get_model_version(name, number)["source"] == f"s3://b/{i}/{j}"


def test_creating_while_others_delete_and_rename_keeps_numbers_unique(servers):
    shared = servers("--workers", "2")
    name, other = shared.api.registered_model(), unique("other")

    def work(i):
        api, mine = shared.api.clone(), []
        for j in range(10):
            if i == 0:
                api.post("registered-models/rename", {"name": name, "new_name": other})
                api.post("registered-models/rename", {"name": other, "new_name": name})
                continue
            reply = create(api, name)
            assert reply.status in (200, 404), reply
            if reply.status == 200:
                mine.append(int(reply.json["model_version"]["version"]))
                delete(api, name, str(mine[-1]))
        return mine

    made = [number for mine in in_threads(8, work) for number in mine]
    assert len(made) == len(set(made)) and sorted(made) == list(range(1, len(made) + 1))


# --- update, delete ---


def test_an_update_changes_the_description_of_the_version_only(api, model):
    api.model_version(model, description="old")
    before = api.get_model_version(model, 1), api.get_registered_model(model)
    time.sleep(0.005)
    after = update(api, model, "1", description="new").ok()["model_version"]
    assert after["description"] == "new"
    assert after["last_updated_timestamp"] > before[0]["last_updated_timestamp"]
    assert {**after, "description": "", "last_updated_timestamp": 0} == {**before[0], "description": "", "last_updated_timestamp": 0}
    assert api.get_registered_model(model)["last_updated_timestamp"] == before[1]["last_updated_timestamp"]
    assert "description" not in update(api, model, "1").ok()["model_version"]
    no_version(update(api, model, "9"), model, "9")
    expect_invalid(update(api, model, "x"), "Parameter 'version' must be an integer, got 'x'.")


def test_a_deleted_version_is_gone_everywhere(api, model):
    run = api.run()
    for _ in range(2):
        api.model_version(model, run_id=run, tags=[{"key": "k", "value": model}])
    before = api.get_registered_model(model)
    time.sleep(0.005)
    delete(api, model, "2").ok()
    for reply in (
        get(api, model, "2"),
        delete(api, model, "2"),
        update(api, model, "2"),
        set_tag(api, model, "2", "k", "v"),
        delete_tag(api, model, "2", "k"),
        transition(api, model, "2", "Staging"),
        api.get("model-versions/get-download-uri", {"name": model, "version": "2"}),
        api.post("registered-models/alias", {"name": model, "alias": "a", "version": "2"}),
    ):
        no_version(reply, model, "2")
    for filter in (f"name = '{model}'", f"run_id = '{run}'", f"tags.k = '{model}'"):
        found = api.get("model-versions/search", {"filter": filter}).ok()["model_versions"]
        assert [v["version"] for v in found] == ["1"]
    after = api.get_registered_model(model)
    assert [v["version"] for v in after["latest_versions"]] == ["1"]
    assert after["last_updated_timestamp"] > before["last_updated_timestamp"]


# --- stages ---


def test_stages_are_taken_in_any_case_and_shown_in_one(api, model):
    api.model_version(model)
    before = api.get_registered_model(model)
    time.sleep(0.005)
    for text, stage in (("production", "Production"), ("STAGING", "Staging"), ("none", "None"), ("Archived", "Archived")):
        version = transition(api, model, "1", text).ok()["model_version"]
        assert version["current_stage"] == stage == api.get_model_version(model, 1)["current_stage"]
    after = api.get_registered_model(model)
    assert after["last_updated_timestamp"] == api.get_model_version(model, 1)["last_updated_timestamp"]
    assert after["last_updated_timestamp"] > before["last_updated_timestamp"]


def test_an_unknown_stage_is_refused(api, model):
    api.model_version(model)
    text = "Invalid Model Version stage: {}. Value must be one of None, Staging, Production, Archived."
    for stage in ("x", "Deleted_Internal", "prod"):
        expect_invalid(transition(api, model, "1", stage), text.format(stage))
    expect_invalid(transition(api, model, "1", ""), missing("stage"))
    no_version(transition(api, model, "7", "Staging"), model, "7")
    assert api.get_model_version(model, 1)["current_stage"] == "None"


def test_existing_versions_are_archived_on_request(api, model):
    for _ in range(4):
        api.model_version(model)
    for version, stage in ((1, "Production"), (2, "Production"), (3, "Staging")):
        transition(api, model, str(version), stage).ok()
    untouched = api.get_model_version(model, 3)
    time.sleep(0.005)
    moved = transition(api, model, "4", "Production", archive=True).ok()["model_version"]
    assert [api.get_model_version(model, i)["current_stage"] for i in (1, 2, 3, 4)] == ["Archived", "Archived", "Staging", "Production"]
    assert api.get_model_version(model, 1)["last_updated_timestamp"] == moved["last_updated_timestamp"]
    assert api.get_model_version(model, 3) == untouched
    transition(api, model, "4", "Production", archive=True).ok()
    assert api.get_model_version(model, 4)["current_stage"] == "Production"
    transition(api, model, "3", "Production", archive=False).ok()
    assert api.get_model_version(model, 4)["current_stage"] == "Production"


@pytest.mark.parametrize("stage", ["None", "Archived"])
def test_only_an_active_stage_can_push_others_out(api, model, stage):
    api.model_version(model)
    expect_invalid(
        transition(api, model, "1", stage.lower(), archive=True),
        f"Model version transition cannot archive existing model versions because '{stage}' is not an Active stage. Valid "
        "stages are ['Staging', 'Production']",
    )
    transition(api, model, "1", stage, archive=False).ok()


# --- tags ---


def test_tags_of_a_version_are_set_changed_and_deleted(api, model):
    api.model_version(model)
    before = api.get_model_version(model, 1), api.get_registered_model(model)["last_updated_timestamp"]
    for key, value in (("b", "1"), ("a", ""), ("b", "3")):
        assert set_tag(api, model, "1", key, value).ok() == {}
    after = api.get_model_version(model, 1)
    assert after["tags"] == [{"key": "b", "value": "3"}, {"key": "a", "value": ""}]
    for _ in range(2):
        assert delete_tag(api, model, "1", "b").ok() == {}
    after = api.get_model_version(model, 1)
    assert after.pop("tags") == [{"key": "a", "value": ""}]
    assert (after, api.get_registered_model(model)["last_updated_timestamp"]) == before


def test_tags_of_a_version_are_checked(api, model):
    api.model_version(model)
    no_version(set_tag(api, model, "2", "k", "v"), model, "2")
    no_version(delete_tag(api, model, "2", "k"), model, "2")
    expect_invalid(set_tag(api, model, "x", "k", "v"), "Parameter 'version' must be an integer, got 'x'.")
    expect_invalid(set_tag(api, model, "1", "", "v"), missing("key"))
    expect_invalid(delete_tag(api, model, "1", ""), missing("key"))
    expect_invalid(set_tag(api, model, "1", "k" * 251, "v"), "'key' exceeds the maximum length of 250 characters")
    expect_invalid(set_tag(api, model, "1", "k", "v" * 100001), "'value' exceeds the maximum length of 100000 characters")
    text = "Prompt text exceeds max length of 100000 characters."
    expect_invalid(set_tag(api, model, "1", "mlflow.prompt.text", "v" * 100001), text)
    expect_invalid(create(api, model, tags=[{"key": "mlflow.prompt.text", "value": "v" * 100001}]), text)
    assert "tags" not in api.get_model_version(model, 1) and numbers(api, model) == [1]


# --- sources ---


@pytest.mark.parametrize(
    "source",
    [
        "s3://bucket/a/b",
        "http://h//a//b",
        "https://h/a?x=1#y",
        "s3:/x//y/",
        "http://h/a/",
        "dbfs:/x",
        "mlflow-artifacts:/1/2/artifacts/model",
        "runs:/0123456789abcdef/model",
        "S3://bucket/a%20b",
        "wasbs://c@a.blob.core.windows.net/x",
        "s3://bucket/a..b/...",
    ],
)
def test_remote_sources_are_stored_as_sent(api, model, source):
    assert create(api, model, source).ok()["model_version"]["source"] == source
    assert download_uri(api, model, 1) == source


@pytest.mark.parametrize(
    "source",
    [
        "s3://bucket/a/../b",
        "s3://bucket/..",
        "http://h/a/./b",
        "http://h/a/%2e%2e/b",
        "http://h/a/%252e%252e/b",
        "http://h/a/%25252e%25252e%25252fb",
        "http://h/a%2f..%2fb",
        "http://h/a?x=/../b",
        "mlflow-artifacts:/../../etc",
        "mlflow-artifacts:../x",
        "C:\\x",
        "models:x",
        "s3://bucket",
        "http://h/a%00b",
    ],
)
def test_remote_sources_with_relative_pieces_are_refused(api, model, source):
    expect_invalid(create(api, model, source), RELATIVE.format(source))


@pytest.mark.parametrize("source", ["/etc", "/etc/passwd", "file:///etc", "file://localhost/etc", "FILE:/etc", "x/y", "..", "#abc", "\\host\\share", "file:etc"])
def test_local_sources_need_a_run(api, model, run, source):
    expect_invalid(create(api, model, source), LOCAL.format(source))
    expect_error(create(api, model, source, run_id="0" * 32), 404, "RESOURCE_DOES_NOT_EXIST", f"Run with id={'0' * 32} not found")
    # The run's own artifacts are not local files of a client's.
    expect_invalid(create(api, model, source, run_id=run))


def test_a_file_on_another_host_is_refused(api, model):
    expect_invalid(
        create(api, model, "file://host/x"),
        "file://host/x is not a valid remote uri. For remote access on windows, please consider using a different scheme such "
        "as SMB (e.g. smb://<hostname>/<path>).",
    )


@pytest.fixture(params=["path", "file URI"])
def local(request, servers, tmp_path_factory):
    """(api, model, run, its artifact directory) of a server whose runs keep artifacts in a folder."""
    root = tmp_path_factory.mktemp("with blank")
    api = servers().api.clone()
    location = str(root) if request.param == "path" else "file://" + str(root).replace(" ", "%20")
    run = api.run(api.experiment(artifact_location=location))
    return api, api.registered_model(), run, f"{root}/{run}/artifacts"


def test_local_sources_inside_the_runs_artifacts_are_accepted(local):
    api, model, run, folder = local
    sources = [folder, f"{folder}/model", f"file://{folder}/model", f"file://localhost{folder}", f"file:{folder}/a"]
    sources += [f"{folder}/a/../model", f"{folder}//model/", f"file://{folder.replace(' ', '%20')}/model"]
    for source in sources:
        version = create(api, model, source, run_id=run).ok()["model_version"]
        assert version["source"] == source and version["run_id"] == run


def test_local_sources_outside_the_runs_artifacts_are_refused(local):
    api, model, run, folder = local
    for source, resolved in (
        ("/etc", "/etc"),
        (f"{folder}/..", folder.rsplit("/", 1)[0]),
        (f"{folder}/../../../etc", None),
        (f"{folder}x", f"{folder}x"),
        (f"{folder}/%2e%2e/%2e%2e/x", None),
        (f"{folder}/%252e%252e/x", None),
        (f"file://{folder}/%2e%2e/x", None),
        (f"file://{folder}?/../x", None),
        ("/?/.." + folder, None),
        ("x", None),
        ("/", "/"),
    ):
        reply = create(api, model, source, run_id=run)
        expect_invalid(reply, LOCAL.format(resolved) if resolved else None)
    assert numbers(api, model) == []


def test_prompts_have_a_word_or_a_remote_place_as_source(api):
    name = api.registered_model(tags=[PROMPT])
    for source in ("dummy-source", "prompt", "s3://b/x", "a.b_c"):
        assert create(api, name, source, tags=[PROMPT]).ok()["model_version"]["source"] == source
    for source in ("/etc", "file:///etc", "file://host/etc", "x/y", "..", ".", ".ssh", "%2e%2e", "a b", "a\\b"):
        expect_invalid(
            create(api, name, source, tags=[PROMPT]),
            f"Invalid prompt source: '{source}'. Local source paths are not allowed for prompts.",
        )
    expect_invalid(create(api, name, "s3://b/../x", tags=[PROMPT]), RELATIVE.format("s3://b/../x"))
    expect_invalid(create(api, name, "dummy-source"), LOCAL.format("dummy-source"))


def test_the_word_of_a_prompt_is_never_taken_for_a_folder(server):
    api, word = server.api, unique("folder")
    (server.directory / word).mkdir()
    (server.directory / word / "secret.txt").write_text("secret")
    name, copy = api.registered_model(tags=[PROMPT]), api.registered_model()
    api.model_version(name, word, tags=[PROMPT])
    api.model_version(copy, f"models:/{name}/1")
    delete_tag(api, name, "1", PROMPT["key"]).ok()
    for one in (name, copy):
        assert download_uri(api, one, 1) == word
        query = {"name": one, "version": "1", "path": "secret.txt"}
        reply = api.request("GET", "/model-versions/get-artifact", params=query)
        expect_invalid(reply)


def test_the_administrators_pattern_must_match(servers):
    api = servers(environment={"MLFLOW_CREATE_MODEL_VERSION_SOURCE_VALIDATION_REGEX": "^s3://(good|fine)/[0-9]+"}).api
    name = api.registered_model()
    assert api.model_version(name, "s3://good/1/x") == "1"
    for source in ("s3://bad/1", "xs3://good/1", "/etc"):
        expect_invalid(create(api, name, source), f"Invalid model version source: '{source}'.")
    expect_invalid(create(api, name, "dummy", tags=[PROMPT]), "Invalid model version source: 'dummy'.")
    expect_invalid(create(api, name, "s3://good/1/../x"), RELATIVE.format("s3://good/1/../x"))


# --- sources that name another version ---


def test_a_version_of_a_version_is_downloaded_from_the_first(api, model):
    other = api.registered_model()
    api.model_version(model, "s3://b/first")
    api.model_version(model, "s3://b/second")
    transition(api, model, "1", "Production").ok()
    api.post("registered-models/alias", {"name": model, "alias": "champion", "version": "1"}).ok()
    for suffix, place in (("/1", "first"), ("@champion", "first"), ("/production", "first"), ("/latest", "second"), ("/None", "second")):
        source = f"models:/{model}{suffix}"
        version = create(api, other, source).ok()["model_version"]
        assert version["source"] == source
        assert download_uri(api, other, version["version"]) == f"s3://b/{place}"
    copy = api.registered_model()
    api.model_version(copy, f"models:/{other}/1")
    api.delete("registered-models/delete", {"name": other}).ok()
    assert download_uri(api, copy, 1) == "s3://b/first"


def test_a_source_that_names_nothing_is_refused(api, model):
    api.model_version(model)
    start = "Unable to fetch model from model URI source artifact location '{}'.Error: "
    for source, status, end in (
        (f"models:/{model}/7", 404, f"Model Version (name={model}, version=7) not found"),
        ("models:/none/1", 404, "Model Version (name=none, version=1) not found"),
        (f"models:/{model}@x", 400, "Registered model alias x not found."),
        (f"models:/{model}/Staging", 404, f"No versions of model with name '{model}' and stage 'Staging' found"),
        ("models:/none/latest", 404, "Registered Model with name=none not found"),
        ("models:/m-0", 404, "Logged model with ID 'm-0' not found."),
    ):
        reply = create(api, model, source)
        assert reply.status == status and reply.json["message"] == start.format(source) + end, reply
    for source in (f"models:/{model}/1/2", "models://host/x/1", f"models:/{model}/nostage"):
        expect_invalid(create(api, model, source))
    assert numbers(api, model) == [1]


def test_download_uri_names_what_is_missing(api, model):
    expect_invalid(api.get("model-versions/get-download-uri", {"version": "1"}), "Missing value for required parameter 'name'.")
    expect_invalid(api.get("model-versions/get-download-uri", {"name": model}), "Parameter 'version' must be an integer, got ''.")
    no_version(api.get("model-versions/get-download-uri", {"name": model, "version": "1"}), model, "1")


# --- versions of logged models ---


def linked(api, model_id):
    """What the logged model says it was registered as."""
    tags = pairs(api.get_model(model_id)["info"].get("tags"))
    return json.loads(tags.get("mlflow.modelVersions", "[]"))


@pytest.fixture(params=["one database", "a registry apart"])
def anywhere(request, servers, tmp_path_factory):
    if request.param == "one database":
        return servers().api
    return servers("--registry-store-uri", f"sqlite:///{tmp_path_factory.getbasetemp() / 'registry.db'}", "--workers", "2").api


def test_a_version_of_a_logged_model_has_its_run_and_is_known_to_it(anywhere):
    api = anywhere
    name, other, experiment = api.registered_model(), api.registered_model("with \"quotes\" " + unique("é")), api.experiment()
    run = api.run(experiment)
    model_id = api.model(experiment, source_run_id=run)
    version = create(api, name, model_id=model_id).ok()["model_version"]
    assert version["run_id"] == run and "model_id" not in version
    own = api.run(experiment)
    assert create(api, name, model_id=model_id, run_id=own).ok()["model_version"]["run_id"] == own
    create(api, other, model_id=model_id).ok()
    assert linked(api, model_id) == [
        {"name": name, "version": 1},
        {"name": name, "version": 2},
        {"name": other, "version": 1},
    ]


def test_a_tag_that_is_no_list_is_begun_anew(anywhere):
    api = anywhere
    name, model_id = api.registered_model(), api.model(api.experiment())
    for text in ("nonsense", "{}", "[]", ""):
        body = {"tags": [{"key": "mlflow.modelVersions", "value": text}]}
        api.request("PATCH", f"/api/2.0/mlflow/logged-models/{model_id}/tags", json=body).ok()
        number = int(create(api, name, model_id=model_id).ok()["model_version"]["version"])
        assert linked(api, model_id) == [{"name": name, "version": number}]


def test_a_missing_or_deleted_logged_model_is_refused_and_nothing_is_made(anywhere):
    api = anywhere
    name, gone = api.registered_model(), api.model(api.experiment())
    api.request("DELETE", f"/api/2.0/mlflow/logged-models/{gone}").ok()
    for model_id in ("m-" + "0" * 32, gone):
        text = f"Logged model with ID '{model_id}' not found."
        for fields in ({"model_id": model_id}, {"model_id": model_id, "source": "/etc"}, {"model_id": model_id, "run_id": api.run()}):
            expect_error(create(api, name, **fields), 404, "RESOURCE_DOES_NOT_EXIST", text)
    assert numbers(api, name) == []


def test_a_source_that_names_a_logged_model_is_located_there(anywhere):
    api = anywhere
    name, experiment = api.registered_model(), api.experiment()
    run = api.run(experiment)
    model_id = api.model(experiment, source_run_id=run)
    version = create(api, name, f"models:/{model_id}").ok()["model_version"]
    assert version["source"] == f"models:/{model_id}" and version["run_id"] == run
    assert download_uri(api, name, 1) == api.get_model(model_id)["info"]["artifact_uri"]
    assert linked(api, model_id) == []


def test_local_sources_lie_inside_the_logged_models_artifacts(anywhere, tmp_path):
    api = anywhere
    name, model_id = api.registered_model(), api.model(api.experiment(artifact_location=str(tmp_path)))
    folder = api.get_model(model_id)["info"]["artifact_uri"]
    assert folder.startswith(str(tmp_path))
    for source in (folder, f"{folder}/x", f"file://{folder}"):
        assert create(api, name, source, model_id=model_id).status == 200
    for source in ("/etc", f"{folder}/..", f"{folder}/%2e%2e"):
        message = expect_invalid(create(api, name, source, model_id=model_id))
        assert "the model_id request parameter has to be specified" in message and message.endswith("specified by the model_id.")
    assert len(linked(api, model_id)) == 3


def test_versions_of_one_logged_model_created_at_once_are_all_known_to_it(anywhere):
    api = anywhere
    name, model_id = api.registered_model(), api.model(api.experiment())

    def work(i):
        mine = api.clone()
        return [int(mine.model_version(name, model_id=model_id)) for _ in range(4)]

    made = sorted(number for numbers in in_threads(16, work) for number in numbers)
    assert made == list(range(1, 65))
    assert sorted(one["version"] for one in linked(api, model_id)) == made


# --- a registry in another database ---


@pytest.fixture
def apart(servers, tmp_path_factory):
    """A server whose registry has a database of its own, and the path of that."""
    path = tmp_path_factory.getbasetemp() / "registry.db"
    return servers("--registry-store-uri", f"sqlite:///{path}", "--workers", "2"), path


def test_a_registry_apart_keeps_models_there_and_runs_here(apart):
    server, path = apart
    name = server.api.registered_model()
    server.api.model_version(name, run_id=server.api.run())

    def names(database):
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as connection:
            return [row[0] for row in connection.execute("SELECT name FROM registered_models")]

    assert name in names(path) and names(server.database) == []
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_a_registry_apart_checks_sources_against_the_runs(apart, tmp_path):
    api = apart[0].api
    run = api.run(api.experiment(artifact_location=str(tmp_path)))
    name = api.registered_model()
    assert create(api, name, f"{tmp_path}/{run}/artifacts/m", run_id=run).status == 200
    expect_invalid(create(api, name, "/etc", run_id=run), LOCAL.format("/etc"))
    assert create(api, name, "/etc", run_id="0" * 32).status == 404
    assert numbers(api, name) == [1]


def test_a_registry_apart_survives_readers_and_writers_of_both(apart):
    server = apart[0]
    name = server.api.registered_model()
    run = server.api.run()

    def work(i):
        api, made = server.api.clone(), []
        for j in range(10):
            if i % 2:
                api.metric(run, f"m{i}", float(j), step=j)
            else:
                made.append(int(api.model_version(name, run_id=run, tags=[{"key": "k", "value": str(i)}])))
                numbers(api, name)
        return made

    made = [number for mine in in_threads(16, work) for number in mine]
    assert sorted(made) == list(range(1, 81))


def test_the_same_uri_twice_is_one_database(servers, tmp_path):
    path = tmp_path / "one.db"
    server = servers("--backend-store-uri", f"sqlite:///{path}", "--registry-store-uri", f"sqlite:///{path.parent}/./one.db", backend=False)
    name = server.api.registered_model()
    server.api.model_version(name, run_id=server.api.run())
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as connection:
        assert connection.execute("SELECT name FROM registered_models").fetchall() == [(name,)]
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)


def test_tags_of_a_version_read_back_by_key(api, model):
    api.model_version(model, tags=[{"key": f"k{i}", "value": str(i)} for i in range(50)])
    assert pairs(api.get_model_version(model, 1)["tags"]) == {f"k{i}": str(i) for i in range(50)}
