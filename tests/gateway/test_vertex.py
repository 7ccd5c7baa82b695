"""Vertex AI through the gateway: its tokens, and the formats of its models."""

import pytest

import wire_anthropic as anthropic
import wire_gemini as gemini
import wire_openai as openai
import wire_vertex as vertex
from gateway_support import expect_detail
from upstream import events, json_answer
from wire_openai import relayed

HI = [{"role": "user", "content": "hi"}]
PLACE = "/v1/projects/project-2/locations/europe-west4"
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


@pytest.fixture(scope="module")
def account():
    return vertex.Account()


@pytest.fixture
def endpoint(gateway, wire, account):
    """endpoint(model) is the name of a fresh one whose account gets its tokens from the wire."""

    def make(model, **config):
        settings = {"vertex_project": "project-2", "vertex_location": "europe-west4", **config}
        return gateway.endpoint("vertex_ai", wire, model=model, secret=account.secret(f"{wire.url}/token"), config=settings)

    return make


def test_a_service_account_gets_a_token_that_is_kept(gateway, wire, account, endpoint):
    name = endpoint("gemini-x")
    wire.answer(vertex.answers(json_answer(gemini.reply())))
    for _ in range(3):
        assert gateway.chat(name).json()["choices"][0]["message"]["content"] == "hello"
    asked, *calls = wire.calls
    account.check(asked, f"{wire.url}/token")
    assert [call.path for call in calls] == [f"{PLACE}/publishers/google/models/gemini-x:generateContent"] * 3
    for call in calls:
        vertex.authenticated(call)
        assert call.json == {**CONTENTS, "generationConfig": {"candidateCount": 1}}


def test_no_token_is_a_bad_gateway_that_shows_no_secret(gateway, wire, account, endpoint):
    name = endpoint("gemini-x")
    wire.answer(vertex.answers(json_answer({}), status=401))
    reply = gateway.chat(name)
    expect_detail(reply, 502, None)
    assert "PRIVATE" not in reply.text and "assertion" not in reply.text
    assert [call.path for call in wire.calls] == ["/token"]


def test_a_secret_that_is_no_service_account_is_named(gateway, wire):
    for secret in ({"vertex_credentials": "{}"}, {"api_key": "k"}):
        name = gateway.endpoint("vertex_ai", wire, model="gemini-x", secret=secret, config={"vertex_project": "p"})
        reply = gateway.chat(name)
        assert reply.status_code == 400
        assert "vertex_credentials" in reply.json()["detail"]["message"]
    assert wire.calls == []


def test_calls_of_functions_have_no_ids(gateway, wire, endpoint):
    name = endpoint("gemini-x")
    wire.answer(vertex.answers(gemini.text_stream("a")))
    messages = [
        *HI,
        {"role": "assistant", "tool_calls": [{"id": "t0", "type": "function", "function": {"name": "now", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "t0", "content": "7"},
    ]
    assert gateway.stream(name, messages=messages)[0]["choices"][0]["delta"]["content"] == "a"
    call = wire.last_call()
    assert (call.path, call.query) == (f"{PLACE}/publishers/google/models/gemini-x:streamGenerateContent", {"alt": "sse"})
    assert call.json["contents"][1:] == [
        {"role": "model", "parts": [{"functionCall": {"name": "now", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"name": "now", "response": {"result": 7}}}]},
    ]


def test_claude_is_asked_in_anthropics_format(gateway, wire, endpoint):
    name = endpoint("claude-x@20250101")
    wire.answer(vertex.answers(lambda call: anthropic.text_stream("a") if call.json.get("stream") else json_answer(anthropic.message())))
    assert gateway.chat(name, max_tokens=5).json()["choices"][0]["message"]["content"] == "hello"
    assert [one["choices"][0]["delta"]["content"] for one in gateway.stream(name, max_tokens=5)] == ["", "a", None]
    plain, streamed = wire.calls[1:]
    body = {"anthropic_version": "vertex-2023-10-16", "messages": HI, "max_tokens": 5}
    assert plain.raw_path == f"{PLACE}/publishers/anthropic/models/claude-x%4020250101:rawPredict"
    assert plain.json == body
    assert streamed.raw_path == f"{PLACE}/publishers/anthropic/models/claude-x%4020250101:streamRawPredict"
    assert streamed.json == {**body, "stream": True}
    vertex.authenticated(streamed)


def test_other_models_are_asked_in_openais_format(gateway, wire, endpoint):
    name = endpoint("meta/llama-x")
    wire.answer(vertex.answers(lambda call: events(*openai.chunks("a")) if call.json.get("stream") else json_answer(openai.chat())))
    assert gateway.chat(name).json()["choices"][0]["message"]["content"] == "hello"
    assert gateway.stream(name)[1] == openai.unified_chunk({"content": "a"})
    plain = wire.calls[1]
    assert plain.path == f"{PLACE}/endpoints/openapi/chat/completions"
    assert plain.json == {"model": "meta/llama-x", "messages": HI, "n": 1}
    vertex.authenticated(plain)


def test_embeddings_are_predictions(gateway, wire, endpoint):
    def predictions(call):
        found = [{"embeddings": {"values": [len(one["content"])], "statistics": {"token_count": 2}}} for one in call.json["instances"]]
        return json_answer({"predictions": found})

    wire.answer(vertex.answers(predictions))
    for model, calls in (("text-embedding-x", 1), ("gemini-embedding-x", 2)):
        wire.calls.clear()
        body = gateway.embed(endpoint(model), ["a", "bb"]).json()
        assert [one["embedding"] for one in body["data"]] == [[1], [2]]
        assert body["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
        assert [call.path for call in wire.calls if call.path != "/token"] == [f"{PLACE}/publishers/google/models/{model}:predict"] * calls


@pytest.mark.parametrize("status", [400, 401, 429, 500])
def test_refusals_keep_status_and_text(gateway, wire, endpoint, status):
    wire.answer(vertex.answers(gemini.error(f"because {status}", status)))
    name = endpoint("gemini-x")
    for streams in (False, True):
        expect_detail(gateway.chat(name, stream=streams), status, f"because {status}")


def test_its_models_own_formats_are_relayed(gateway, wire, endpoint):
    google, claude = endpoint("gemini-x"), endpoint("claude-x")
    answer = gemini.text_stream("a")
    wire.answer(vertex.answers(answer))
    assert relayed(gateway.post(f"gemini/v1beta/models/{google}:streamGenerateContent", CONTENTS)) == b"".join(answer.pieces)
    vertex.authenticated(wire.last_call())
    wire.answer(vertex.answers(json_answer(anthropic.message())))
    reply = gateway.post("anthropic/v1/messages", {"model": claude, "max_tokens": 5, "messages": HI}, {"x-api-key": "client"})
    assert reply.json() == anthropic.message()
    vertex.authenticated(wire.last_call())
    assert wire.last_call().json == {"anthropic_version": "vertex-2023-10-16", "max_tokens": 5, "messages": HI}
    expect_detail(gateway.post("anthropic/v1/messages", {"model": google, "max_tokens": 5, "messages": HI}), 400, None)
