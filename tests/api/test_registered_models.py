import re
import time

import pytest

from support import AJAX, expect_error, expect_invalid, in_threads, invalid, missing, pairs, unique

PROMPT = {"key": "mlflow.prompt.is_prompt", "value": "true"}


@pytest.fixture
def model(api):
    """The name of a fresh model."""
    return api.registered_model()


def no_model(reply, name):
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", f"Registered Model with name={name} not found")


def taken(reply, message):
    expect_error(reply, 400, "RESOURCE_ALREADY_EXISTS", message)


def rename(api, name, new_name):
    return api.post("registered-models/rename", {"name": name, "new_name": new_name})


def update(api, name, **fields):
    return api.patch("registered-models/update", {"name": name, **fields})


def set_tag(api, name, key, value):
    return api.post("registered-models/set-tag", {"name": name, "key": key, "value": value})


def set_alias(api, name, alias, version):
    return api.post("registered-models/alias", {"name": name, "alias": alias, "version": version})


def by_alias(api, name, alias):
    return api.get("registered-models/alias", {"name": name, "alias": alias})


# --- create, get ---


def test_a_new_model_is_what_was_asked_for(api):
    name, before = unique("model"), int(time.time() * 1000)
    tags = [{"key": "b", "value": "1"}, {"key": "a", "value": "2"}]
    made = api.post("registered-models/create", {"name": name, "tags": tags, "description": "about"}).ok()
    model = made["registered_model"]
    assert model["name"] == name and model["description"] == "about" and model["tags"] == tags
    assert before - 1000 <= model["creation_timestamp"] == model["last_updated_timestamp"] <= time.time() * 1000 + 1000
    assert "latest_versions" not in model and "aliases" not in model
    assert api.get_registered_model(name) == model


@pytest.mark.parametrize("root", [None, AJAX])
def test_both_roots_answer_the_same(api, model, root):
    more = {"root": root} if root else {}
    assert api.get("registered-models/get", {"name": model}, **more).ok()["registered_model"] == api.get_registered_model(model)


@pytest.mark.parametrize("fields", [{}, {"description": ""}, {"description": None}])
def test_an_empty_description_is_left_out(api, fields):
    assert "description" not in api.get_registered_model(api.registered_model(**fields))


def test_of_equal_tag_keys_the_last_value_counts_at_the_first_place(api):
    tags = [{"key": "a", "value": "1"}, {"key": "b", "value": "2"}, {"key": "a", "value": "3"}, {"key": "c"}]
    assert api.get_registered_model(api.registered_model(tags=tags))["tags"] == [
        {"key": "a", "value": "3"},
        {"key": "b", "value": "2"},
        {"key": "c", "value": ""},
    ]


def test_names_may_have_blanks_and_any_script_and_300_characters(api):
    for name in (unique("a b"), unique("Модель"), unique("模型"), unique("x" * 300), unique("100%&?#+"), unique("'\"")):
        assert api.get_registered_model(api.registered_model(name))["name"] == name


def test_names_differ_by_case(api):
    name = unique("case")
    assert api.registered_model(name) != api.registered_model(name.upper())
    no_model(api.get("registered-models/get", {"name": name.title()}), name.title())


@pytest.mark.parametrize("name", ["a/b", "a:b", "/", "models:/x"])
def test_names_that_no_uri_could_name_are_refused(api, model, name):
    text = f"Invalid model name '{name}'. Names cannot contain '/' or ':'."
    expect_invalid(api.post("registered-models/create", {"name": name}), text)
    expect_invalid(rename(api, model, name), text)
    no_model(api.get("registered-models/get", {"name": name}), name)


def test_a_name_is_required(api):
    for body in ({}, {"name": ""}, {"name": None}):
        expect_invalid(api.post("registered-models/create", body), missing("name"))
        expect_invalid(update(api, **{"name": None, **body}), missing("name"))
        expect_invalid(api.delete("registered-models/delete", body), missing("name"))
    expect_invalid(api.get("registered-models/get"), missing("name"))
    expect_invalid(api.post("registered-models/create", {"name": 5}), invalid(5, "name"))


def test_a_name_is_taken_once(api, model):
    taken(api.post("registered-models/create", {"name": model}), f"Registered Model (name={model}) already exists.")
    prompt = api.registered_model(tags=[PROMPT])
    taken(api.post("registered-models/create", {"name": prompt, "tags": [PROMPT]}), f"Prompt (name={prompt}) already exists.")


def test_a_model_and_a_prompt_do_not_share_a_name(api, model):
    end = " MLflow does not allow creating a model and a prompt with the same name."
    taken(
        api.post("registered-models/create", {"name": model, "tags": [PROMPT]}),
        f"Tried to create a prompt with name '{model}', but the name is already taken by a registered model." + end,
    )
    prompt = api.registered_model(tags=[{"key": PROMPT["key"], "value": "whatever"}])
    taken(
        api.post("registered-models/create", {"name": prompt}),
        f"Tried to create a registered model with name '{prompt}', but the name is already taken by a prompt." + end,
    )


def test_of_equal_names_at_once_exactly_one_is_created(servers):
    shared = servers("--workers", "2")
    name = unique("race")

    def work(i):
        reply = shared.api.clone().post("registered-models/create", {"name": name})
        return reply.status if reply.status == 200 else reply.json["error_code"]

    found = in_threads(16, work)
    assert found.count(200) == 1 and found.count("RESOURCE_ALREADY_EXISTS") == 15


# --- update, rename, delete ---


def test_an_update_sets_the_description_and_the_time(api, model):
    before = api.get_registered_model(model)
    time.sleep(0.005)
    after = update(api, model, description="new").ok()["registered_model"]
    assert after["description"] == "new" and after["last_updated_timestamp"] > before["last_updated_timestamp"]
    assert after["creation_timestamp"] == before["creation_timestamp"]
    assert "description" not in update(api, model).ok()["registered_model"]
    no_model(update(api, "none"), "none")


def test_a_rename_takes_everything_along(api):
    old, new = api.registered_model(tags=[{"key": "k", "value": "v"}], description="d"), unique("renamed")
    api.model_version(old, tags=[{"key": "vk", "value": "vv"}])
    api.model_version(old)
    set_alias(api, old, "champion", "1").ok()
    before = api.get_model_version(old, 1)
    time.sleep(0.005)
    model = rename(api, old, new).ok()["registered_model"]
    assert model["name"] == new and pairs(model["tags"]) == {"k": "v"} and model["description"] == "d"
    assert model["aliases"] == [{"alias": "champion", "version": "1"}]
    assert [v["name"] for v in model["latest_versions"]] == [new]
    version = by_alias(api, new, "champion").ok()["model_version"]
    assert version["name"] == new and version["tags"] == before["tags"]
    assert version["last_updated_timestamp"] == model["last_updated_timestamp"] > before["last_updated_timestamp"]
    no_model(api.get("registered-models/get", {"name": old}), old)
    assert api.get("model-versions/get", {"name": old, "version": "1"}).status == 404
    assert api.model_version(api.registered_model(old)) == "1"  # the name is free again
    assert api.model_version(new) == "3"


def test_a_rename_to_a_name_in_use_changes_nothing(api, model):
    other = api.registered_model()
    before = api.get_registered_model(model), api.get_registered_model(other)
    taken(rename(api, model, other), f"Registered Model (name={other}) already exists.")
    assert (api.get_registered_model(model), api.get_registered_model(other)) == before


def test_a_rename_to_itself_only_moves_the_time(api, model):
    before = api.get_registered_model(model)
    time.sleep(0.005)
    after = rename(api, model, model).ok()["registered_model"]
    assert after["last_updated_timestamp"] > before["last_updated_timestamp"]
    assert {**after, "last_updated_timestamp": 0} == {**before, "last_updated_timestamp": 0}


def test_a_rename_wants_both_names_and_a_model(api, model):
    expect_invalid(rename(api, "", "x"), missing("name"))
    expect_invalid(rename(api, model, ""), missing("new_name"))
    no_model(rename(api, "none", "x"), "none")


def test_a_delete_leaves_nothing_behind(api, model):
    api.model_version(model, tags=[{"key": "k", "value": "v"}])
    set_alias(api, model, "champion", "1").ok()
    set_tag(api, model, "k", "v").ok()
    assert api.delete("registered-models/delete", {"name": model}).ok() == {}
    no_model(api.get("registered-models/get", {"name": model}), model)
    no_model(api.delete("registered-models/delete", {"name": model}), model)
    assert api.get("model-versions/search", {"filter": f"name = '{model}'"}).ok() == {}
    api.registered_model(model)
    assert api.get_registered_model(model).keys() == {"name", "creation_timestamp", "last_updated_timestamp"}
    assert by_alias(api, model, "champion").status == 400
    assert api.model_version(model) == "1"


def test_delete_never_reads_the_query(api, model):
    reply = api.request("DELETE", "/api/2.0/mlflow/registered-models/delete", params={"name": model})
    expect_invalid(reply, missing("name"))
    assert api.get_registered_model(model)["name"] == model


# --- tags ---


def test_tags_are_set_changed_and_deleted(api, model):
    before = api.get_registered_model(model)
    for key, value in (("b", "1"), ("a", "2"), ("b", "3")):
        assert set_tag(api, model, key, value).ok() == {}
    assert api.get_registered_model(model)["tags"] == [{"key": "b", "value": "3"}, {"key": "a", "value": "2"}]
    for _ in range(2):
        assert api.delete("registered-models/delete-tag", {"name": model, "key": "b"}).ok() == {}
    after = api.get_registered_model(model)
    assert after["tags"] == [{"key": "a", "value": "2"}]
    assert after["last_updated_timestamp"] == before["last_updated_timestamp"]


def test_a_tag_needs_a_model_and_a_good_key(api, model):
    no_model(set_tag(api, "none", "k", "v"), "none")
    no_model(api.delete("registered-models/delete-tag", {"name": "none", "key": "k"}), "none")
    expect_invalid(set_tag(api, model, "", "v"), missing("key"))
    expect_invalid(api.delete("registered-models/delete-tag", {"name": model}), missing("key"))
    expect_invalid(
        set_tag(api, model, "a\tb", "v"),
        "Invalid value \"a\\tb\" for parameter 'key' supplied: Names may only contain alphanumerics, underscores (_), "
        "dashes (-), periods (.), spaces ( ), colon(:) and slashes (/).",
    )
    for key in ("..", "/a", "a//b", "."):
        expect_invalid(set_tag(api, model, key, "v"), re.compile("must not resolve to other names"))
    expect_invalid(set_tag(api, model, "k" * 251, "v"), "'key' exceeds the maximum length of 250 characters")
    expect_invalid(set_tag(api, model, "k", "v" * 100001), "'value' exceeds the maximum length of 100000 characters")
    assert "tags" not in api.get_registered_model(model)
    set_tag(api, model, "k" * 250, "é" * 100000).ok()
    assert api.get_registered_model(model)["tags"] == [{"key": "k" * 250, "value": "é" * 100000}]


def test_a_bad_tag_at_creation_creates_nothing(api):
    name = unique("model")
    expect_invalid(api.post("registered-models/create", {"name": name, "tags": [{"key": "ok"}, {"key": "a\tb"}]}))
    no_model(api.get("registered-models/get", {"name": name}), name)


# --- aliases ---


def test_an_alias_names_one_version_and_moves(api, model):
    for _ in range(3):
        api.model_version(model)
    before = api.get_registered_model(model)
    assert set_alias(api, model, "champion", "1").ok() == {}
    set_alias(api, model, "another", "1").ok()
    version = by_alias(api, model, "champion").ok()["model_version"]
    assert version["version"] == "1" and version["aliases"] == ["another", "champion"]
    assert version == api.get_model_version(model, 1)
    set_alias(api, model, "champion", "03").ok()
    assert by_alias(api, model, "champion").ok()["model_version"]["version"] == "3"
    after = api.get_registered_model(model)
    assert after["aliases"] == [{"alias": "another", "version": "1"}, {"alias": "champion", "version": "3"}]
    assert all("aliases" not in v for v in after["latest_versions"])
    assert after["last_updated_timestamp"] == before["last_updated_timestamp"]


def test_a_deleted_alias_is_gone_and_deleting_it_again_succeeds(api, model):
    api.model_version(model)
    set_alias(api, model, "champion", "1").ok()
    for _ in range(2):
        assert api.delete("registered-models/alias", {"name": model, "alias": "champion"}).ok() == {}
    expect_invalid(by_alias(api, model, "champion"), "Registered model alias champion not found.")
    assert "aliases" not in api.get_registered_model(model)
    no_model(api.delete("registered-models/alias", {"name": "none", "alias": "x"}), "none")


def test_the_alias_of_a_deleted_version_goes_with_it(api, model):
    api.model_version(model)
    api.model_version(model)
    set_alias(api, model, "champion", "1").ok()
    set_alias(api, model, "other", "2").ok()
    api.delete("model-versions/delete", {"name": model, "version": "1"}).ok()
    assert api.get_registered_model(model)["aliases"] == [{"alias": "other", "version": "2"}]
    expect_invalid(by_alias(api, model, "champion"), "Registered model alias champion not found.")


def test_latest_is_the_highest_version_whatever_the_stages(api, model):
    expect_error(by_alias(api, model, "latest"), 404, "RESOURCE_DOES_NOT_EXIST", f"Latest version not found for model {model}.")
    for _ in range(11):
        api.model_version(model)
    api.post("model-versions/transition-stage", {"name": model, "version": "1", "stage": "Archived"}).ok()
    for alias in ("latest", "LATEST", "Latest"):
        assert by_alias(api, model, alias).ok()["model_version"]["version"] == "11"
    no_model(by_alias(api, "none", "latest"), "none")


def test_an_unknown_alias_is_refused_with_the_text_that_clients_know(api, model):
    for name in (model, "none"):
        expect_invalid(by_alias(api, name, "x"), "Registered model alias x not found.")


def test_alias_names_are_checked(api, model):
    api.model_version(model)
    bad = "Invalid alias name: '{}'. Names may only contain alphanumerics, underscores (_), and dashes (-)."
    for alias in ("a b", "a/b", "a.b", "a@b"):
        expect_invalid(set_alias(api, model, alias, "1"), bad.format(alias))
        expect_invalid(by_alias(api, model, alias), bad.format(alias))
        expect_invalid(api.delete("registered-models/alias", {"name": model, "alias": alias}), bad.format(alias))
    long = "'Registered model alias name' exceeds the maximum length of 255 characters"
    expect_invalid(set_alias(api, model, "a" * 256, "1"), long)
    for alias in ("latest", "LaTest"):
        expect_invalid(set_alias(api, model, alias, "1"), "'latest' alias name (case insensitive) is reserved.")
    for alias in ("v1", "V22"):
        expect_invalid(set_alias(api, model, alias, "1"), f"Version alias name '{alias}' is reserved.")
    for alias in ("a" * 255, "v1a", "version-1", "übung_1", "v"):
        set_alias(api, model, alias, "1").ok()
    expect_invalid(by_alias(api, model, ""), missing("alias"))
    expect_invalid(set_alias(api, model, "a", ""), missing("version"))


def test_an_alias_needs_a_version(api, model):
    api.model_version(model)
    expect_invalid(set_alias(api, model, "a", "x"), "Parameter 'version' must be an integer, got 'x'.")
    for name, version in ((model, "2"), ("none", "1"), (model, "0"), (model, "99999999999999999999999")):
        text = f"Model Version (name={name}, version={version}) not found"
        expect_error(set_alias(api, name, "a", version), 404, "RESOURCE_DOES_NOT_EXIST", text)
    assert "aliases" not in api.get_registered_model(model)


# --- latest versions ---


def stages(versions):
    return [(v["current_stage"], v["version"]) for v in versions]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_latest_versions_are_the_highest_of_each_stage_in_the_order_of_first_meeting(api, model, method):
    def latest(*wanted):
        query = {"name": model, **({"stages": list(wanted)} if wanted else {})}
        call = api.get if method == "GET" else api.post
        return call("registered-models/get-latest-versions", query).ok().get("model_versions", [])

    assert latest() == []
    for _ in range(10):
        api.model_version(model)
    for version, stage in ((1, "Archived"), (2, "Production"), (3, "Staging")):
        api.post("model-versions/transition-stage", {"name": model, "version": str(version), "stage": stage}).ok()
    expected = [("Archived", "1"), ("Production", "2"), ("Staging", "3"), ("None", "10")]
    assert stages(latest()) == stages(api.get_registered_model(model)["latest_versions"]) == expected
    assert stages(latest("Staging", "archived")) == [("Archived", "1"), ("Staging", "3")]
    api.delete("model-versions/delete", {"name": model, "version": "10"}).ok()
    api.delete("model-versions/delete", {"name": model, "version": "1"}).ok()
    assert stages(latest()) == [("Production", "2"), ("Staging", "3"), ("None", "9")]
    set_alias(api, model, "champion", "9").ok()
    assert [v.get("aliases") for v in latest()] == [None, None, ["champion"]]


def test_latest_versions_want_a_model_and_known_stages(api, model):
    for call in (api.get, api.post):
        no_model(call("registered-models/get-latest-versions", {"name": "none"}), "none")
        expect_invalid(call("registered-models/get-latest-versions", {"name": ""}), missing("name"))
        expect_invalid(
            call("registered-models/get-latest-versions", {"name": model, "stages": ["x"]}),
            "Invalid Model Version stage: x. Value must be one of None, Staging, Production, Archived.",
        )
