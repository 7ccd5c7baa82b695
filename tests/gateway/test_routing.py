"""Which model of an endpoint answers: shares of the traffic, fallbacks, and what is said when all have failed."""

import collections
import json

import pytest

from gateway_support import expect_detail
from plain_openai import chat, chunks, error, text_of
from upstream import CUT, Answer, json_answer, stream

SPLIT = {"routing_strategy": "REQUEST_BASED_TRAFFIC_SPLIT"}


def primary(model, weight=1.0):
    return {"model_definition_id": model, "linkage_type": "PRIMARY", "weight": weight}


def fallback(model, order=None):
    config = {"model_definition_id": model, "linkage_type": "FALLBACK", "weight": 1}
    return config if order is None else {**config, "fallback_order": order}


def sequential(attempts=None):
    config = {"strategy": "SEQUENTIAL"}
    return {"fallback_config": config if attempts is None else {**config, "max_attempts": attempts}}


def content(reply):
    assert reply.status_code == 200, reply.text
    return reply.json()["choices"][0]["message"]["content"]


@pytest.fixture
def wires(upstream):
    """Three providers; each answers with its letter."""
    made = [upstream.wire() for _ in range(3)]
    for wire, letter in zip(made, "abc"):
        wire.answer(chat(letter))
    return made


@pytest.fixture
def models(gateway, wires):
    return [gateway.model("openai", wire, model=f"model-{letter}") for wire, letter in zip(wires, "abc")]


def tries(wires):
    return [len(wire.calls) for wire in wires]


def test_without_a_strategy_the_first_primary_answers(gateway, wires, models):
    name = gateway.endpoint_of(primary(models[1]), primary(models[0], 9))
    assert [content(gateway.chat(name)) for _ in range(5)] == ["b"] * 5
    assert wires[1].last_call().json["model"] == "model-b"


def test_traffic_is_split_by_weight(gateway, wires, models):
    name = gateway.endpoint_of(primary(models[0], 0.75), primary(models[1], 0.25), primary(models[2], 0), **SPLIT)
    seen = collections.Counter(content(gateway.chat(name)) for _ in range(200))
    # The odds of a fair split to fall out of this range are below one in a million.
    assert 115 <= seen["a"] <= 182
    assert seen["a"] + seen["b"] == 200


def test_a_weight_below_a_hundredth_is_no_share(gateway, models):
    name = gateway.endpoint_of(primary(models[0], 0.009), primary(models[1], 0.01), **SPLIT)
    assert {content(gateway.chat(name)) for _ in range(10)} == {"b"}


def test_a_split_without_weights_is_refused(gateway, wires, models):
    name = gateway.endpoint_of(primary(models[0], 0), primary(models[1], 0), **SPLIT)
    reply = gateway.chat(name)
    expect_detail(reply, 400, None)
    assert name in reply.json()["detail"]["message"]
    assert tries(wires) == [0, 0, 0]


def test_a_fallback_answers_when_the_primary_fails(gateway, wires, models):
    wires[0].answer(error(500))
    name = gateway.endpoint_of(primary(models[0]), fallback(models[1], 0), **sequential())
    assert content(gateway.chat(name)) == "b"
    assert tries(wires) == [1, 1, 0]


def test_fallbacks_come_in_their_order_and_those_without_one_last(gateway, wires, models):
    for wire in wires[:2]:
        wire.answer(error(503))
    name = gateway.endpoint_of(primary(models[0]), fallback(models[2]), fallback(models[1], 7), **sequential())
    assert content(gateway.chat(name)) == "c"
    assert tries(wires) == [1, 1, 1]


def test_attempts_are_limited_and_the_last_error_is_told(gateway, wires, models):
    for wire, status in zip(wires, (500, 429, 418)):
        wire.answer(error(status, f"status {status}"))
    name = gateway.endpoint_of(primary(models[0]), fallback(models[1], 0), fallback(models[2], 1), **sequential(1))
    expect_detail(gateway.chat(name), 429, "All 2 fallback attempts failed. Last error: 429: status 429")
    assert tries(wires) == [1, 1, 0]
    name = gateway.endpoint_of(primary(models[0]), fallback(models[1], 0), fallback(models[2], 1), **sequential(9))
    expect_detail(gateway.chat(name), 418, "All 3 fallback attempts failed. Last error: 418: status 418")


def test_an_error_of_the_gateway_itself_is_told_without_a_status(gateway, wires, models):
    wires[0].answer(error(500))
    wires[1].answer(Answer(200, {"content-type": "text/html"}, [b"<html>"]))
    name = gateway.endpoint_of(primary(models[0]), fallback(models[1], 0), **sequential())
    text = "The returned data type from the route service is not supported. Received content type: text/html"
    expect_detail(gateway.chat(name), 502, f"All 2 fallback attempts failed. Last error: {text}")


def test_a_provider_without_the_route_is_passed_over_too(gateway, wires, models):
    anthropic = gateway.model("anthropic", wires[2])
    wires[0].answer(json_answer({"object": "list", "data": [], "model": "m", "usage": {}}))
    name = gateway.endpoint_of(primary(anthropic), fallback(models[0], 0), **sequential())
    assert gateway.embed(name).status_code == 200
    assert tries(wires) == [1, 0, 0]


def test_without_a_fallback_config_there_is_no_fallback_and_no_talk_of_it(gateway, wires, models):
    wires[0].answer(error(500, "alone"))
    expect_detail(gateway.chat(gateway.endpoint_of(primary(models[0]))), 500, "alone")
    name = gateway.endpoint_of(primary(models[0]), **sequential())
    expect_detail(gateway.chat(name), 500, "alone")


def test_a_split_and_fallbacks_go_together(gateway, wires, models):
    wires[0].answer(error(500))
    wires[1].answer(error(500))
    name = gateway.endpoint_of(primary(models[0]), primary(models[1]), fallback(models[2], 0), **SPLIT, **sequential())
    assert [content(gateway.chat(name)) for _ in range(4)] == ["c"] * 4
    assert sum(tries(wires)[:2]) == 4


def test_a_fallback_whose_secret_is_bad_is_passed_over(gateway, wires, models):
    wires[0].answer(error(500))
    empty = gateway.model("openai", wires[1], secret={"other": "x"})
    name = gateway.endpoint_of(primary(models[0]), fallback(empty, 0), fallback(models[2], 1), **sequential())
    assert content(gateway.chat(name)) == "c"
    assert tries(wires) == [1, 0, 1]


# --- Streams ---

FIRST_FAILURES = {
    "a status": error(500),
    "no stream": Answer(200, {"content-type": "text/html"}, [b"<html>"]),
    "a break before the first event": stream(CUT),
    "an error as the first event": stream(b'data: {"error": {"message": "busy"}}\n\n'),
}


@pytest.mark.parametrize("failure", FIRST_FAILURES)
def test_a_stream_falls_back_before_its_first_event(gateway, wires, models, failure):
    wires[0].answer(FIRST_FAILURES[failure])
    wires[1].answer(chunks("from ", "b"))
    name = gateway.endpoint_of(primary(models[0]), fallback(models[1], 0), **sequential())
    assert text_of(gateway.stream(name)) == "from b"
    assert tries(wires) == [1, 1, 0]


def test_a_relayed_stream_falls_back_too(gateway, wires, models):
    wires[0].answer(error(529))
    wires[1].answer(chunks("x"))
    name = gateway.endpoint_of(primary(models[0]), fallback(models[1], 0), **sequential())
    reply = gateway.post("openai/v1/chat/completions", {"model": name, "messages": [], "stream": True})
    assert reply.content.endswith(b"data: [DONE]\n\n")
    assert b'"content":"x"' in reply.content
    assert wires[1].only_call().json["model"] == "model-b"


def test_a_stream_that_has_begun_does_not_fall_back(gateway, wires, models):
    wires[0].answer(chunks("begun", CUT, done=False))
    name = gateway.endpoint_of(primary(models[0]), fallback(models[1], 0), **sequential())
    found = gateway.stream(name)
    assert text_of(found) == "begun"
    assert set(found[-1]["error"]) == {"message", "type"}
    assert tries(wires) == [1, 0, 0]


def test_when_all_streams_fail_the_reply_is_no_stream(gateway, wires, models):
    wires[0].answer(error(500, "first"))
    wires[1].answer(error(401, "second"))
    name = gateway.endpoint_of(primary(models[0]), fallback(models[1], 0), **sequential())
    reply = gateway.invoke(name, {"messages": [{"role": "user", "content": "x"}], "stream": True})
    expect_detail(reply, 401, "All 2 fallback attempts failed. Last error: 401: second")


def test_a_passed_through_body_is_the_same_for_every_attempt(gateway, wires, models):
    wires[0].answer(error(500))
    body = {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}], "seed": 5}
    name = gateway.endpoint_of(primary(models[0]), fallback(models[1], 0), **sequential())
    assert gateway.post("openai/v1/chat/completions", {"model": name, **body}).status_code == 200
    sent = [json.loads(wire.only_call().body) for wire in wires[:2]]
    assert sent == [{**body, "model": "model-a"}, {**body, "model": "model-b"}]
