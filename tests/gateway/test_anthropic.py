"""Anthropic through the gateway: unified and passed through, whole and as streams."""

import time

import pytest

import wire_anthropic as anthropic
import wire_openai as openai
from gateway_support import KEY, expect_detail
from upstream import CUT, json_answer, stream
from wire_openai import relayed

HI = [{"role": "user", "content": "hi"}]
USAGE = {"prompt_tokens": 15, "completion_tokens": 5, "total_tokens": 20}


@pytest.fixture
def name(gateway, wire):
    return gateway.endpoint("anthropic", wire, model="claude-x")


def chunk(delta=None, finish=None, **more):
    choices = [{"index": 0, "finish_reason": finish, "delta": {**openai.EMPTY_DELTA, **(delta or {})}}]
    return {"id": "msg_1", "object": "chat.completion.chunk", "model": "claude-served", "choices": choices, **more}


def chunks(gateway, name, **more):
    """What comes of a unified stream, without the times."""
    found = gateway.stream(name, **more)
    for one in found:
        assert abs(one.pop("created", time.time()) - time.time()) < 60
    return found


# --- Unified ---


def test_a_chat_becomes_a_message_and_its_answer_a_completion(gateway, wire, name):
    wire.answer(json_answer(anthropic.message({"type": "text", "text": "h\u00e9l"}, {"type": "text", "text": "lo"})))
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "Gr\u00fc\u00dfe"}]
    reply = gateway.chat(name, messages=messages, temperature=1, stop=["END"], max_tokens=9)
    assert reply.status_code == 200
    body = reply.json()
    assert abs(body.pop("created") - time.time()) < 60
    assert body == {
        "id": "msg_1",
        "object": "chat.completion",
        "model": "claude-served",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "h\u00e9llo", "tool_calls": None, "refusal": None},
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
    }
    call = wire.only_call()
    assert (call.method, call.path, call.query) == ("POST", "/messages", {})
    anthropic.authenticated(call)
    assert call.header("content-type") == "application/json"
    assert call.json == {
        "model": "claude-x",
        "system": "be brief",
        "messages": [{"role": "user", "content": "Gr\u00fc\u00dfe"}],
        "temperature": 0.5,
        "stop_sequences": ["END"],
        "max_tokens": 9,
    }


def test_tools_and_images_go_both_ways(gateway, wire, name):
    wire.answer(json_answer(anthropic.message(anthropic.TOOL_USE, stop_reason="tool_use")))
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "see"}, image]},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "t0", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Bonn"}'}},
        ]},
        {"role": "tool", "tool_call_id": "t0", "content": "sunny"},
    ]  # fmt: skip
    body = gateway.chat(name, messages=messages, tools=[openai.WEATHER], tool_choice="required").json()
    choice = body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"] == [
        {"id": "toolu_1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "K\\u00f6ln"}'}}
    ]
    sent = wire.only_call().json
    assert sent["messages"] == [
        {"role": "user", "content": [
            {"type": "text", "text": "see"},
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}},
        ]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "t0", "name": "weather", "input": {"place": "Bonn"}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t0", "content": "sunny"}]},
    ]  # fmt: skip
    function = openai.WEATHER["function"]
    assert sent["tools"] == [{"name": "weather", "description": function["description"], "input_schema": function["parameters"]}]
    assert sent["tool_choice"] == {"type": "any"}


def test_a_stream_of_text_comes_in_chunks(gateway, wire, name):
    wire.answer(anthropic.text_stream("Hel", "l\u00f6"))
    assert chunks(gateway, name) == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hel"}),
        chunk({"content": "l\u00f6"}),
        chunk(finish="stop", usage=USAGE),
    ]
    assert wire.only_call().json["stream"] is True


def test_streamed_tools_can_be_put_together(gateway, wire, name):
    second = {**anthropic.TOOL_USE, "id": "toolu_2", "name": "now"}
    wire.answer(
        stream(
            anthropic.start(),
            *anthropic.text_block(0, "so"),
            *anthropic.tool_block(1, anthropic.TOOL_USE, '{"place":', '"Bonn"}'),
            *anthropic.tool_block(2, second),
            *anthropic.end("tool_use"),
        )
    )
    calls = {}
    found = chunks(gateway, name)
    assert {choice["index"] for one in found for choice in one["choices"]} == {0}
    for one in found:
        for piece in one["choices"][0]["delta"]["tool_calls"] or []:
            made = calls.setdefault(piece["index"], {"id": piece["id"], "name": piece["function"]["name"], "arguments": ""})
            made["arguments"] += piece["function"]["arguments"] or ""
    assert calls == {
        0: {"id": "toolu_1", "name": "weather", "arguments": '{"place":"Bonn"}'},
        1: {"id": "toolu_2", "name": "now", "arguments": "{}"},
    }
    assert found[-1]["choices"][0]["finish_reason"] == "tool_calls"


def test_an_error_in_mid_stream_is_told_in_the_stream(gateway, wire, name):
    problem = anthropic.event("error", error={"type": "overloaded_error", "message": "Overloaded"})
    wire.answer(stream(anthropic.start(), *anthropic.text_block(0, "a"), problem))
    last = chunks(gateway, name)[-1]
    assert last["error"]["message"] == "Overloaded"


def test_an_error_before_anything_else_is_an_error(gateway, wire, name):
    wire.answer(stream(anthropic.event("error", error={"type": "rate_limit_error", "message": "slow down"})))
    expect_detail(gateway.chat(name, stream=True), 429, "slow down")


def test_a_stream_that_is_cut_off_tells_so(gateway, wire, name):
    wire.answer(stream(anthropic.start(), *anthropic.text_block(0, "a"), CUT))
    found = chunks(gateway, name)
    assert found[1]["choices"][0]["delta"]["content"] == "a"
    assert found[-1]["error"]["message"]


@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
@pytest.mark.parametrize("streams", [False, True])
def test_refusals_keep_status_and_text(gateway, wire, name, status, streams):
    wire.answer(anthropic.error("some_error", f"because {status}", status))
    expect_detail(gateway.chat(name, stream=streams), status, f"because {status}")


def test_what_the_provider_cannot_do_is_refused_without_a_call(gateway, wire, name):
    expect_detail(gateway.chat(name, temperature=1, top_p=1), 422, "Cannot set both 'temperature' and 'top_p' parameters.")
    expect_detail(gateway.chat(name, n=2), 422, "'n' must be '1' for the Anthropic provider. Received value: '{n}'.")
    expect_detail(gateway.embed(name), 501, "The embeddings route is not implemented for Anthropic models.")
    assert wire.calls == []


# --- Passed through ---


def test_a_message_is_relayed_with_its_headers(gateway, wire, name):
    answer = anthropic.message({"type": "thinking", "thinking": "hm", "signature": "x"}, context_management=None)
    wire.answer(json_answer(answer))
    body = {"model": name, "max_tokens": 5, "messages": HI, "unknown": {"a": None}}
    headers = {
        "authorization": "Bearer client",
        "x-api-key": "client",
        "anthropic-version": "2099-01-01",
        "anthropic-beta": "beta-1",
        "cookie": "a=b",
        "user-agent": "anthropic-sdk/1",
    }
    reply = gateway.post("anthropic/v1/messages", body, headers)
    assert reply.status_code == 200
    assert reply.json() == answer
    call = wire.only_call()
    assert call.path == "/messages"
    anthropic.authenticated(call)
    assert call.header("anthropic-beta") == "beta-1"
    assert call.header("user-agent") == "anthropic-sdk/1"
    assert call.json == {**body, "model": "claude-x"}


def test_the_version_can_be_set(gateway, wire):
    name = gateway.endpoint("anthropic", wire, config={"version": "2024-05-05"})
    wire.answer(json_answer(anthropic.message()))
    assert gateway.post("anthropic/v1/messages", {"model": name, "max_tokens": 5, "messages": HI}).status_code == 200
    assert gateway.chat(name).status_code == 200
    for call in wire.calls:
        anthropic.authenticated(call, KEY, "2024-05-05")


def test_a_relayed_stream_stays_as_it_is(gateway, wire, name):
    answer = anthropic.text_stream("Hel", "l\u00f6")
    wire.answer(answer)
    reply = gateway.post("anthropic/v1/messages", {"model": name, "max_tokens": 5, "messages": HI, "stream": True})
    assert relayed(reply) == b"".join(answer.pieces)


def test_a_refusal_of_a_relayed_call_is_one(gateway, wire, name):
    wire.answer(anthropic.error("authentication_error", "invalid x-api-key", 401))
    body = {"model": name, "max_tokens": 5, "messages": HI, "stream": True}
    expect_detail(gateway.post("anthropic/v1/messages", body), 401, "invalid x-api-key")


def test_other_formats_are_not_relayed(gateway, wire, name):
    reply = gateway.post("openai/v1/chat/completions", {"model": name, "messages": HI})
    expect_detail(
        reply,
        400,
        "Unsupported passthrough endpoint '/openai/v1/chat/completions' for Anthropic provider. Supported endpoints: "
        "/gateway/anthropic/v1/messages (provider_path: messages)",
    )
    assert wire.calls == []
