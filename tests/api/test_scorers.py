import json
import re

import pytest

from support import API_3, expect_error, expect_invalid, invalid, missing, unique


class Scorers:
    """Scorers of one experiment over HTTP."""

    def __init__(self, api, experiment):
        self.api = api
        self.experiment = experiment

    def body(self, **fields):
        return {"experiment_id": self.experiment, **fields}

    def try_register(self, name="sc", serialized='{"a": 1}', **more):
        return self.api.post("scorers/register", self.body(name=name, serialized_scorer=serialized, **more), root=API_3)

    def register(self, *arguments):
        return self.try_register(*arguments).ok()

    def get(self, path, **query):
        return self.api.get(f"scorers/{path}", self.body(**query), root=API_3)

    def latest(self):
        """[(name, version)]"""
        return [(s["scorer_name"], s["scorer_version"]) for s in self.get("list").ok().get("scorers", [])]

    def versions(self, name="sc"):
        return [s["scorer_version"] for s in self.get("versions", name=name).ok()["scorers"]]

    def delete(self, name="sc", **more):
        return self.api.delete("scorers/delete", self.body(name=name, **more), root=API_3)

    def configure(self, name="sc", **fields):
        return self.api.request("PUT", f"{API_3}scorers/online-config", json=self.body(name=name, **fields))

    def configs(self, *ids):
        return self.api.get("scorers/online-configs", {"scorer_ids": ids}, root=API_3).ok()["configs"]

    def missing(self, name):
        return f"Scorer with name '{name}' not found for experiment {self.experiment}."


@pytest.fixture
def scorers(api, experiment):
    return Scorers(api, experiment)


def test_versions_count_up_and_keep_the_id(scorers):
    first = scorers.register("sc", '{"v": 1}')
    second = scorers.register("sc", '{"v": 2}')
    assert (first["version"], second["version"]) == (1, 2)
    assert first["scorer_id"] == second["scorer_id"]
    assert second["experiment_id"] == scorers.experiment
    assert second["name"] == "sc" and second["serialized_scorer"] == '{"v": 2}'
    assert scorers.versions() == [1, 2]


def test_get_gives_the_latest_or_the_one_that_is_asked_for(scorers):
    made = [scorers.register("sc", json.dumps({"v": i})) for i in range(3)]
    for query, number in (({}, 3), ({"version": 1}, 1), ({"version": 2}, 2)):
        found = scorers.get("get", name="sc", **query).ok()["scorer"]
        assert found == {
            "experiment_id": int(scorers.experiment),
            "scorer_name": "sc",
            "scorer_version": number,
            "serialized_scorer": json.dumps({"v": number - 1}),
            "creation_time": made[number - 1]["creation_time"],
            "scorer_id": made[0]["scorer_id"],
        }


def test_list_gives_the_latest_of_each_by_name(scorers):
    assert scorers.get("list").ok() == {}
    for name in ("b", "a", "ü", "B", "a"):
        scorers.register(name)
    assert scorers.latest() == [("B", 1), ("a", 2), ("b", 1), ("ü", 1)]


def test_experiments_have_scorers_of_their_own(api, scorers):
    other = Scorers(api, api.experiment())
    assert scorers.register()["scorer_id"] != other.register()["scorer_id"]
    assert other.versions() == [1]


def test_listings_write_the_json_anew_and_get_gives_it_as_it_came(scorers):
    text = '{"b":"ü",  "a":[1.50,1e16, 12345678901234567890123,"\\u00e9/"]}'
    written = '{"b": "\\u00fc", "a": [1.5, 1e+16, 12345678901234567890123, "\\u00e9/"]}'
    assert scorers.register("sc", text)["serialized_scorer"] == text
    assert scorers.get("get", name="sc").ok()["scorer"]["serialized_scorer"] == text
    for path, query in (("list", {}), ("versions", {"name": "sc"})):
        (found,) = scorers.get(path, **query).ok()["scorers"]
        assert found["serialized_scorer"] == written


@pytest.mark.parametrize("name", ["with blank", "a/b", "é", "..", "x" * 300])
def test_any_name_will_do(scorers, name):
    scorers.register(name)
    assert scorers.get("get", name=name).ok()["scorer"]["scorer_name"] == name


@pytest.mark.parametrize(
    "serialized, message",
    [
        ("{", re.compile("^'serialized_scorer' does not hold valid JSON: ")),
        ("[]", "'serialized_scorer' must hold a JSON object, but was of type 'list'."),
        ("null", "'serialized_scorer' must hold a JSON object, but was of type 'NoneType'."),
        ("1", "'serialized_scorer' must hold a JSON object, but was of type 'int'."),
        ({"a": 1}, invalid({"a": 1}, "serialized_scorer")),
        ("", missing("serialized_scorer")),
    ],
)
def test_what_is_no_json_object_is_refused(scorers, serialized, message):
    expect_invalid(scorers.try_register("sc", serialized), message)
    assert scorers.latest() == []


@pytest.mark.parametrize("part", ["instructions_judge_pydantic_data", "builtin_scorer_pydantic_data"])
def test_a_model_of_the_gateway_must_be_one_of_its_endpoints(scorers, part):
    reply = scorers.try_register("sc", json.dumps({part: {"model": "gateway:/nope"}}))
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", "GatewayEndpoint not found (name='nope')")
    assert scorers.latest() == []
    scorers.register("sc", json.dumps({part: {"model": "openai:/gpt"}}))


def test_register_wants_its_fields(scorers):
    for name in ("experiment_id", "name", "serialized_scorer"):
        body = scorers.body(name="n", serialized_scorer="{}")
        del body[name]
        expect_invalid(scorers.api.post("scorers/register", body, root=API_3), missing(name))


# --- deleting ---


def test_deleting_one_version_leaves_the_others(scorers):
    for _ in range(3):
        scorers.register()
    scorers.delete(version=2).ok()
    assert scorers.versions() == [1, 3]
    scorers.delete(version=3).ok()
    assert scorers.latest() == [("sc", 1)]
    assert scorers.register()["version"] == 2


def test_a_scorer_without_versions_keeps_its_id(scorers):
    made = scorers.register()
    scorers.delete(version=1).ok()
    assert scorers.latest() == []
    for path in ("get", "versions"):
        expect_error(scorers.get(path, name="sc"), 404, "RESOURCE_DOES_NOT_EXIST", scorers.missing("sc"))
    again = scorers.register()
    assert (again["version"], again["scorer_id"]) == (1, made["scorer_id"])


def test_a_scorer_that_is_deleted_whole_comes_back_as_another(scorers):
    made = scorers.register()
    scorers.register()
    scorers.delete().ok()
    assert scorers.latest() == []
    again = scorers.register()
    assert again["version"] == 1 and again["scorer_id"] != made["scorer_id"]


def test_delete_reads_the_body_only(scorers):
    scorers.register()
    reply = scorers.api.request("DELETE", f"{API_3}scorers/delete?experiment_id={scorers.experiment}&name=sc", json={})
    expect_invalid(reply, missing("experiment_id"))
    assert scorers.versions() == [1]


# --- what is not there ---


def test_an_unknown_scorer_is_404_everywhere(scorers):
    message = scorers.missing("zz")
    for reply in (scorers.get("get", name="zz"), scorers.get("versions", name="zz"), scorers.delete("zz"), scorers.configure("zz", sample_rate=0)):
        expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", message)


@pytest.mark.parametrize("version", [9, 2147483647])
def test_an_unknown_version_is_named(scorers, version):
    scorers.register()
    message = f"Scorer with name 'sc' and version {version} not found for experiment {scorers.experiment}."
    expect_error(scorers.get("get", name="sc", version=version), 404, "RESOURCE_DOES_NOT_EXIST", message)
    expect_error(scorers.delete(version=version), 404, "RESOURCE_DOES_NOT_EXIST", message)


@pytest.mark.parametrize("version", [0, -1])
def test_versions_are_positive(scorers, version):
    scorers.register()
    message = f"'version' must be a positive integer, but was {version}."
    expect_invalid(scorers.get("get", name="sc", version=version), message)
    expect_invalid(scorers.delete(version=version), message)
    assert scorers.versions() == [1]


def test_the_experiment_must_be_there_and_active(api, scorers):
    nowhere = Scorers(api, "987654321")
    expect_error(nowhere.try_register(), 404, "RESOURCE_DOES_NOT_EXIST", "No Experiment with id=987654321 exists")
    scorers.register()
    api.post("experiments/delete", {"experiment_id": scorers.experiment}).ok()
    message = f"The experiment {scorers.experiment} must be in the 'active' state. Current state is deleted."
    for reply in (scorers.try_register(), scorers.get("list"), scorers.get("versions", name="sc"), scorers.get("get", name="sc"), scorers.delete(), scorers.configure(sample_rate=0)):
        expect_invalid(reply, message)
    expect_invalid(Scorers(api, "x").get("list"), "Invalid experiment ID 'x'. Experiment ID must be a valid integer.")


# --- online scoring ---


def test_a_configuration_is_replaced(scorers):
    scorer = scorers.register()["scorer_id"]
    assert scorers.configs(scorer) == []
    first = scorers.configure(sample_rate=0, filter_string="status = 'OK'").ok()["config"]
    assert first["scorer_id"] == scorer
    assert (first["sample_rate"], first["experiment_id"], first["filter_string"]) == (0.0, scorers.experiment, "status = 'OK'")
    assert scorers.configs(scorer) == [first]
    second = scorers.configure(sample_rate="0.0").ok()["config"]
    assert "filter_string" not in second
    assert second["online_scoring_config_id"] != first["online_scoring_config_id"]
    assert scorers.configs(scorer, "no such scorer", scorer) == [second]


def test_configurations_of_several_scorers(scorers):
    ids = [scorers.register(name)["scorer_id"] for name in ("a", "b", "c")]
    for name in ("a", "b"):
        scorers.configure(name, sample_rate=0).ok()
    assert sorted(config["scorer_id"] for config in scorers.configs(*ids)) == sorted(ids[:2])


def test_a_configuration_goes_with_its_scorer(scorers):
    scorer = scorers.register()["scorer_id"]
    scorers.configure(sample_rate=0).ok()
    scorers.delete().ok()
    assert scorers.configs(scorer) == []


@pytest.mark.parametrize("rate, shown", [(1.5, "1.5"), (-0.1, "-0.1"), ("NaN", "nan"), ("Infinity", "inf")])
def test_a_rate_is_from_0_to_1(scorers, rate, shown):
    scorers.register()
    expect_invalid(scorers.configure(sample_rate=rate), f"sample_rate must be between 0.0 and 1.0, got {shown}")


@pytest.mark.parametrize("rate", ["x", True, [1]])
def test_a_rate_is_a_number(scorers, rate):
    scorers.register()
    expect_invalid(scorers.configure(sample_rate=rate), invalid(rate, "sample_rate"))


def test_only_models_of_the_gateway_score_online(scorers):
    scorer = scorers.register()["scorer_id"]
    message = "Scorer 'sc' does not use a gateway model. Online scoring is only supported for scorers that use gateway models."
    expect_invalid(scorers.configure(sample_rate=0.5), message)
    assert scorers.configs(scorer) == []


@pytest.mark.parametrize(
    "filter_string, message",
    [
        ("status = OK", re.compile("^Parameter value is either not quoted or unidentified quote types")),
        ("foo.bar = 'x'", re.compile("^Invalid entity type 'foo'")),
        ("prompt = 'p'", "Invalid prompts filter value 'p'. Expected format: prompt = \"name/version\""),
        ("status = 'OK' OR status = 'ERROR'", re.compile(r"^Invalid clause\(s\) in filter string: ")),
    ],
)
def test_what_is_scored_online_is_said_in_the_language_of_searches(scorers, filter_string, message):
    scorer = scorers.register()["scorer_id"]
    expect_invalid(scorers.configure(sample_rate=0, filter_string=filter_string), message)
    assert scorers.configs(scorer) == []


def test_online_scoring_wants_its_fields(scorers):
    scorers.register()
    expect_invalid(scorers.configure(), missing("sample_rate"))
    expect_invalid(scorers.configure("", sample_rate=0), missing("name"))
    expect_invalid(scorers.api.get("scorers/online-configs", root=API_3), missing("scorer_ids"))


def test_names_in_messages_are_cut(scorers):
    name = unique("x" * 5000)
    message = expect_error(scorers.get("get", name=name), 404, "RESOURCE_DOES_NOT_EXIST")
    assert len(message) < 2000
