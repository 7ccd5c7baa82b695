"""Scorers that ask models through the gateway."""

import json

import pytest
from gateway_support import Gateway
from support import expect_error, expect_invalid, unique
from test_scorers import Scorers

JUDGE = "instructions_judge_pydantic_data"
BUILT_IN = "builtin_scorer_pydantic_data"


@pytest.fixture
def scorers(api, experiment):
    return Scorers(api, experiment)


@pytest.fixture
def gateway(api):
    return Gateway(api)


def shown(scorers):
    """The scorer as each of the three ways to read it shows it."""
    return [
        json.loads(scorer["serialized_scorer"])
        for scorer in (
            scorers.get("get", name="sc").ok()["scorer"],
            scorers.get("list").ok()["scorers"][0],
            scorers.get("versions", name="sc").ok()["scorers"][-1],
        )
    ]


@pytest.mark.parametrize("part", [JUDGE, BUILT_IN])
def test_a_scorer_follows_its_endpoint(scorers, gateway, part):
    made = gateway.endpoint()
    text = '{"name":"sc","%s":{"model":"gateway:/%s","more":[1]}}' % (part, made["name"])
    assert scorers.register("sc", text)["serialized_scorer"] == text
    assert scorers.get("get", name="sc").ok()["scorer"]["serialized_scorer"] == text
    expected = json.loads(text)
    assert shown(scorers) == [expected] * 3
    name = unique("renamed")
    gateway.post("endpoints/update", endpoint_id=made["endpoint_id"], name=name).ok()
    expected[part]["model"] = f"gateway:/{name}"
    assert shown(scorers) == [expected] * 3
    gateway.delete("endpoints/delete", endpoint_id=made["endpoint_id"]).ok()
    expected[part]["model"] = None
    assert shown(scorers) == [expected] * 3
    # An endpoint that gets the old name is another one.
    gateway.endpoint(name=name)
    assert shown(scorers) == [expected] * 3


def test_scorers_of_the_gateway_score_online(scorers, gateway):
    made = gateway.endpoint()
    text = json.dumps({JUDGE: {"model": f"gateway:/{made['name']}"}})
    scorer = scorers.register("sc", text)["scorer_id"]
    config = scorers.configure(sample_rate=0.25).ok()["config"]
    assert (config["scorer_id"], config["sample_rate"]) == (scorer, 0.25)
    assert scorers.configs(scorer) == [config]
    refusal = "Scorer 'sc' does not use a gateway model. Online scoring is only supported for scorers that use gateway models."
    scorers.register("sc", json.dumps({JUDGE: {"model": "openai:/gpt-4o"}}))
    expect_invalid(scorers.configure(sample_rate=0.5), refusal)
    scorers.register("sc", text)
    scorers.configure(sample_rate=0.5).ok()
    gateway.delete("endpoints/delete", endpoint_id=made["endpoint_id"]).ok()
    expect_invalid(scorers.configure(sample_rate=0.5), refusal)
    reply = scorers.try_register("other", text)
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", f"GatewayEndpoint not found (name='{made['name']}')")
