"""Gemini through the gateway: unified and passed through, whole and as streams."""

import hashlib
import time

import pytest

import wire_gemini as gemini
import wire_openai as openai
from gateway_support import expect_detail
from upstream import CUT, frame, json_answer, stream
from wire_openai import relayed

USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
CONTENTS = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}


@pytest.fixture
def name(gateway, wire):
    return gateway.endpoint("gemini", wire, model="gemini-x")


def test_a_chat_becomes_contents_and_candidates_choices(gateway, wire, name):
    thought = {"text": "hm", "thought": True}
    wire.answer(json_answer(gemini.reply(gemini.candidate(thought, "h\u00e9l", "lo", finish="MAX_TOKENS"))))
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "Gr\u00fc\u00dfe"}]
    reply = gateway.chat(name, messages=messages, temperature=1, stop=["END"], max_tokens=9, seed=3)
    body = reply.json()
    created = body.pop("created")
    assert abs(created - time.time()) < 60
    assert body == {
        "id": f"gemini-chat-{created}",
        "object": "chat.completion",
        "model": "gemini-x",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "h\u00e9llo", "tool_calls": None, "refusal": None},
                "finish_reason": "length",
            }
        ],
        "usage": USAGE,
    }
    call = wire.only_call()
    assert (call.method, call.path, call.query) == ("POST", "/gemini-x:generateContent", {})
    gemini.authenticated(call)
    assert call.json == {
        "contents": [{"role": "user", "parts": [{"text": "Gr\u00fc\u00dfe"}]}],
        "system_instruction": {"parts": [{"text": "be brief"}]},
        "generationConfig": {"temperature": 1, "stopSequences": ["END"], "maxOutputTokens": 9, "candidateCount": 1},
    }


def test_tools_and_images_go_both_ways(gateway, wire, name):
    wire.answer(json_answer(gemini.reply(gemini.candidate(gemini.call("weather", place="Bonn"), gemini.call("now", "c2"), finish="STOP"))))
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "see"}, image]},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "t0", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Bonn"}'}},
            {"id": "t1", "type": "function", "function": {"name": "now", "arguments": "{}"}},
        ]},
        {"role": "tool", "tool_call_id": "t0", "content": "sunny"},
        {"role": "tool", "tool_call_id": "t1", "content": '{"hour": 7}'},
    ]  # fmt: skip
    choice = gateway.chat(name, messages=messages, tools=[openai.WEATHER]).json()["choices"][0]
    arguments = '{"place": "Bonn"}'
    made_id = "call_" + hashlib.md5(f"weather/{arguments}".encode()).hexdigest()
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["tool_calls"] == [
        {"id": made_id, "type": "function", "function": {"name": "weather", "arguments": arguments}},
        {"id": "c2", "type": "function", "function": {"name": "now", "arguments": "{}"}},
    ]
    sent = wire.only_call().json
    assert sent["contents"] == [
        {"role": "user", "parts": [{"text": "see"}, {"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}]},
        {"role": "model", "parts": [
            {"functionCall": {"id": "t0", "name": "weather", "args": {"place": "Bonn"}}},
            {"functionCall": {"id": "t1", "name": "now", "args": {}}},
        ]},
        {"role": "user", "parts": [
            {"functionResponse": {"id": "t0", "name": "weather", "response": {"result": "sunny"}}},
            {"functionResponse": {"id": "t1", "name": "now", "response": {"hour": 7}}},
        ]},
    ]  # fmt: skip
    function = openai.WEATHER["function"]
    assert sent["tools"] == [
        {"functionDeclarations": [
            {"name": "weather", "description": function["description"], "parametersJsonSchema": function["parameters"]},
        ]}
    ]  # fmt: skip


def test_a_stream_comes_in_chunks(gateway, wire, name):
    wire.answer(gemini.text_stream("Hel", "l\u00f6"))
    found = gateway.stream(name)
    assert all(one["id"] == f"gemini-chat-stream-{one['created']}" and one["model"] == "gemini-x" for one in found)
    assert [one["choices"] for one in found] == [
        [{"index": 0, "finish_reason": None, "delta": {"role": "assistant", "content": "Hel", "tool_calls": None}}],
        [{"index": 0, "finish_reason": None, "delta": {"role": "assistant", "content": "l\u00f6", "tool_calls": None}}],
        [{"index": 0, "finish_reason": "stop", "delta": {"role": "assistant", "content": "", "tool_calls": None}}],
    ]
    assert [one.get("usage") for one in found] == [None, None, USAGE]
    call = wire.only_call()
    assert (call.path, call.query) == ("/gemini-x:streamGenerateContent", {"alt": "sse"})
    gemini.authenticated(call)


def test_streamed_calls_of_tools_have_indices_of_their_own(gateway, wire, name):
    wire.answer(gemini.pieces(gemini.reply(gemini.candidate(gemini.call("a", "c1"), gemini.call("b", "c2"))), gemini.reply(gemini.candidate(gemini.call("c", "c3"), finish="STOP"))))
    found = [piece for one in gateway.stream(name) for piece in one["choices"][0]["delta"]["tool_calls"]]
    assert [(piece["index"], piece["id"], piece["function"]["name"]) for piece in found] == [(0, "c1", "a"), (1, "c2", "b"), (2, "c3", "c")]


def test_failures_in_streams_are_told(gateway, wire, name):
    problem = frame({"error": {"code": 503, "message": "overloaded"}}, end="\r\n")
    wire.answer(stream(frame(gemini.reply(gemini.candidate("a"))), problem))
    assert gateway.stream(name)[-1]["error"]["message"] == "overloaded"
    wire.answer(stream(problem))
    expect_detail(gateway.chat(name, stream=True), 503, "overloaded")
    wire.answer(stream(frame(gemini.reply(gemini.candidate("a"))), CUT))
    assert gateway.stream(name)[-1]["error"]["message"]


@pytest.mark.parametrize("status", [400, 401, 429, 500])
@pytest.mark.parametrize("streams", [False, True])
def test_refusals_keep_status_and_text(gateway, wire, name, status, streams):
    wire.answer(gemini.error(f"because {status}", status))
    expect_detail(gateway.chat(name, stream=streams), status, f"because {status}")


def test_embeddings_are_asked_for_alone_or_together(gateway, wire, name):
    wire.answer(json_answer({"embedding": {"values": [0.5, -1]}}), json_answer({"embeddings": [{"values": [1]}, {"values": [2]}]}))
    assert gateway.embed(name, "a").json() == {
        "object": "list",
        "data": [{"object": "embedding", "embedding": [0.5, -1], "index": 0}],
        "model": "gemini-x",
        "usage": {"prompt_tokens": None, "total_tokens": None},
    }
    assert [one["embedding"] for one in gateway.embed(name, ["a", "b"]).json()["data"]] == [[1], [2]]
    alone, together = wire.calls
    gemini.authenticated(alone)
    assert (alone.path, alone.json) == ("/gemini-x:embedContent", {"content": {"parts": [{"text": "a"}]}})
    assert together.path == "/gemini-x:batchEmbedContents"
    assert together.json == {"requests": [{"model": "models/gemini-x", "content": {"parts": [{"text": text}]}} for text in "ab"]}


# --- Passed through ---


def test_generate_content_is_relayed(gateway, wire, name):
    answer = gemini.reply(promptFeedback={"unknown": None})
    wire.answer(json_answer(answer))
    headers = {"x-goog-api-key": "client", "authorization": "Bearer client", "x-goog-api-client": "genai-js"}
    body = {**CONTENTS, "generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}
    reply = gateway.post(f"gemini/v1beta/models/{name}:generateContent?key=client", body, headers)
    assert (reply.status_code, reply.json()) == (200, answer)
    call = wire.only_call()
    assert (call.path, call.query) == ("/gemini-x:generateContent", {})
    gemini.authenticated(call)
    assert call.header("x-goog-api-client") == "genai-js"
    assert call.json == body


@pytest.mark.parametrize("query", ["", "?alt=sse", "?alt=json&x=y"])
def test_a_relayed_stream_stays_as_it_is(gateway, wire, name, query):
    answer = gemini.text_stream("Hel", "l\u00f6")
    wire.answer(answer)
    reply = gateway.post(f"gemini/v1beta/models/{name}:streamGenerateContent{query}", CONTENTS)
    assert relayed(reply) == b"".join(answer.pieces)
    call = wire.only_call()
    assert (call.path, call.query) == ("/gemini-x:streamGenerateContent", {"alt": "sse"})


def test_a_refusal_of_a_relayed_call_is_one(gateway, wire, name):
    wire.answer(gemini.error("API key not valid", 400))
    for method in ("generateContent", "streamGenerateContent"):
        expect_detail(gateway.post(f"gemini/v1beta/models/{name}:{method}", CONTENTS), 400, "API key not valid")
