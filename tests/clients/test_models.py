"""The SDKs of OpenAI, Anthropic, Google and Vercel, as published on npm, call models through the gateway."""

import json
import os
import pathlib
import select
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "gateway"))

import wire_anthropic  # noqa: E402
import wire_gemini  # noqa: E402
import wire_openai  # noqa: E402
from gateway_support import KEY, Gateway  # noqa: E402
from upstream import CUT, Upstream, events, frame, json_answer, stream  # noqa: E402

WEATHER = {"place": {"city": "Köln"}}


@pytest.fixture(scope="module")
def upstream():
    running = Upstream()
    yield running
    running.stop()


@pytest.fixture
def wire(upstream):
    return upstream.wire()


@pytest.fixture
def gateway(server):
    return Gateway(server)


@pytest.fixture(scope="module")
def client(node_modules):
    process = subprocess.Popen(
        ["node", HERE / "call_models.js"], env={**os.environ, "NODE_PATH": str(node_modules)},
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    yield process
    process.stdin.close()
    assert process.wait(10) == 0


@pytest.fixture
def call(client, gateway):
    """call(SDK, action, endpoint) gives what the SDK's user sees."""

    def run(sdk, action, endpoint):
        client.stdin.write(json.dumps([sdk, action, gateway.url, endpoint]) + "\n")
        client.stdin.flush()
        if not select.select([client.stdout], [], [], 60)[0]:
            client.kill()
            raise AssertionError(f"{sdk} {action} hangs")
        return json.loads(client.stdout.readline())

    return run


def tool_calls(index=None):
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": json.dumps(WEATHER)}}
    return [call if index is None else {"index": index, **call}]


def openai_tool_stream():
    """Two calls at once, whose arguments come in pieces."""

    def piece(index, arguments, **more):
        function = {"arguments": arguments, **({"name": more.pop("name")} if "name" in more else {})}
        return wire_openai.chunk({"tool_calls": [{"index": index, **more, "function": function}]})

    text = json.dumps(WEATHER)
    return events(
        wire_openai.chunk({"role": "assistant", "content": None}),
        piece(0, "", id="call_1", type="function", name="weather"), piece(1, "", id="call_2", type="function", name="weather"),
        piece(0, text[:9]), piece(1, text[:5]), piece(0, text[9:]), piece(1, text[5:]),
        wire_openai.chunk({}, "tool_calls"),
    )  # fmt: skip


# --- OpenAI's SDK on the unified routes, with three providers behind them ---


def test_openai_talks_to_openai(call, gateway, wire):
    wire.answer(json_answer(wire_openai.chat("hellö")))
    reply = call("openai-unified", "chat", gateway.endpoint("openai", wire))
    assert reply["choices"][0]["message"]["content"] == "hellö"
    assert reply["usage"]["total_tokens"] == 7
    assert wire.only_call().header("authorization") == f"Bearer {KEY}"


PROVIDERS = {
    "openai": lambda: events(wire_openai.chunk({"content": "hel"}), 0.6, wire_openai.chunk({"content": "lö"}), wire_openai.chunk({}, "stop")),
    "anthropic": lambda: anthropic_stream("hel", "lö"),
    "gemini": lambda: stream(*[frame(wire_gemini.reply(wire_gemini.candidate(text)), end="\r\n") for text in ("hel", "lö")]),
}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_openai_s_stream_is_the_same_from_every_provider(call, gateway, wire, provider):
    wire.answer(PROVIDERS[provider]())
    found = call("openai-unified", "stream", gateway.endpoint(provider, wire))
    assert "error" not in found, found
    assert "".join(choice["delta"].get("content") or "" for chunk in found for choice in chunk["choices"]) == "hellö"
    assert {chunk["object"] for chunk in found} == {"chat.completion.chunk"}


def test_openai_s_tools_reach_the_model_whole(call, gateway, wire):
    wire.answer(json_answer(wire_openai.chat(None, tool_calls(), "tool_calls")))
    reply = call("openai-unified", "tools", gateway.endpoint("openai", wire))
    (made,) = reply["choices"][0]["message"]["tool_calls"]
    assert json.loads(made["function"]["arguments"]) == WEATHER
    sent = wire.only_call().json["tools"][0]["function"]["parameters"]
    assert sent["properties"]["place"]["properties"] == {"city": {"type": "string"}}


def anthropic_start():
    return wire_anthropic.event("message_start", message={**wire_anthropic.message(stop_reason=None), "content": []})


def anthropic_stream(*pieces):
    return stream(anthropic_start(), *wire_anthropic.text_block(0, *pieces), *wire_anthropic.end())


def anthropic_tool_stream():
    tool = {"type": "tool_use", "name": "weather", "input": {}}
    text = json.dumps(WEATHER)
    return stream(
        anthropic_start(),
        *wire_anthropic.tool_block(0, {**tool, "id": "call_1"}, text[:9], text[9:]),
        *wire_anthropic.tool_block(1, {**tool, "id": "call_2"}, text),
        *wire_anthropic.end("tool_use"),
    )


@pytest.mark.parametrize("provider, answer, action", [
    ("openai", openai_tool_stream, "tools-stream"), ("openai", openai_tool_stream, "tools-helper"),
    ("anthropic", anthropic_tool_stream, "tools-stream"),
])  # fmt: skip
def test_parallel_tools_of_a_stream_are_put_together(call, gateway, wire, provider, answer, action):
    wire.answer(answer())
    made = call("openai-unified", action, gateway.endpoint(provider, wire))
    assert "error" not in made, made
    assert [(one["id"], one["name"], json.loads(one["arguments"])) for one in made] == [("call_1", "weather", WEATHER), ("call_2", "weather", WEATHER)]


@pytest.mark.parametrize("status, name", [(400, "BadRequestError"), (401, "AuthenticationError"), (429, "RateLimitError"), (500, "InternalServerError")])
def test_openai_throws_what_the_status_means(call, gateway, wire, status, name):
    wire.answer(wire_openai.error("it said no", status))
    action = "stream" if status == 429 else "chat"
    error = call("openai-unified", action, gateway.endpoint("openai", wire))["error"]
    assert (error["name"], error["status"]) == (name, status)


def test_openai_throws_when_a_stream_breaks_off(call, gateway, wire):
    wire.answer(events(wire_openai.chunk({"content": "a"}), CUT))
    assert call("openai-unified", "stream", gateway.endpoint("openai", wire))["error"]["name"] == "APIError"


# --- Each SDK on the routes that pass through ---


def test_openai_passes_through(call, gateway, wire):
    name = gateway.endpoint("openai", wire)
    wire.answer(json_answer(wire_openai.chat("hello")))
    assert call("openai", "chat", name)["system_fingerprint"] == "fp_1"
    wire.answer(events(*[wire_openai.chunk({"content": "hel"}), 0.9, wire_openai.chunk({"content": "lo"})]))
    assert "".join(call("openai", "stream", name)) == "hello"
    wire.answer(json_answer(wire_openai.embeddings([0.5])))
    assert call("openai", "embeddings", name)["data"][0]["embedding"] == [0.5]


def test_openai_s_responses_pass_through(call, gateway, wire):
    name = gateway.endpoint("openai", wire)
    content = [{"type": "output_text", "text": "hello", "annotations": []}]
    output = [{"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}]
    reply = {"id": "resp_1", "object": "response", "status": "completed", "output": output}
    wire.answer(json_answer(reply))
    assert call("openai", "responses", name)["output_text"] == "hello"
    assert wire.last_call().path == "/responses"
    kinds = ["response.created", "response.output_text.delta", "response.completed"]
    wire.answer(stream(*[frame({"type": kind, "response": reply, "delta": "x"}, kind) for kind in kinds]))
    assert call("openai", "responses-stream", name) == kinds


def test_anthropic_passes_through(call, gateway, wire):
    name = gateway.endpoint("anthropic", wire)
    wire.answer(json_answer(wire_anthropic.message()))
    assert call("anthropic", "chat", name)["content"][0]["text"] == "hello"
    wire_anthropic.authenticated(wire.last_call())
    wire.answer(anthropic_stream("hel", "lö"))
    found = call("anthropic", "stream", name)
    assert found["message"]["content"][0]["text"] == "hellö"
    assert found["events"][-1] == "message_stop"
    wire.answer(json_answer(wire_anthropic.message(wire_anthropic.TOOL_USE, stop_reason="tool_use")))
    assert call("anthropic", "tools", name)["content"][0]["name"] == "weather"
    wire.answer(wire_anthropic.error("overloaded_error", "busy", 529))
    assert call("anthropic", "chat", name)["error"]["status"] == 529


def test_anthropic_outlives_a_quiet_stream_and_throws_when_it_breaks_off(call, gateway, wire):
    name = gateway.endpoint("anthropic", wire)
    pieces = [anthropic_start(), *wire_anthropic.text_block(0, "hello"), 1.0, *wire_anthropic.end()]
    wire.answer(stream(*pieces))
    assert call("anthropic", "stream", name)["message"]["content"][0]["text"] == "hello"
    wire.answer(stream(*pieces[:3], CUT))
    assert "error" in call("anthropic", "stream", name)


def test_google_passes_through(call, gateway, wire):
    name = gateway.endpoint("gemini", wire)
    wire.answer(json_answer(wire_gemini.reply(wire_gemini.candidate("hello", finish="STOP"))))
    assert call("google", "chat", name)["text"] == "hello"
    assert wire.last_call().header("x-goog-api-key") == KEY
    parts = [frame(wire_gemini.reply(wire_gemini.candidate(text)), end="\r\n") for text in ("hel", "lö")]
    wire.answer(stream(parts[0], 1.0, parts[1]))
    assert call("google", "stream", name) == ["hel", "lö"]
    wire.answer(json_answer(wire_gemini.reply(wire_gemini.candidate(wire_gemini.call("weather", **WEATHER)))))
    assert call("google", "tools", name)[0]["args"] == WEATHER
    wire.answer(json_answer({"error": {"code": 429, "message": "no more", "status": "RESOURCE_EXHAUSTED"}}, 429))
    error = call("google", "chat", name)["error"]
    assert error["status"] == 429
    assert "no more" in error["message"]


# --- Vercel's AI SDK ---


def test_vercel_generates_and_streams_text(call, gateway, wire):
    name = gateway.endpoint("openai", wire)
    wire.answer(json_answer(wire_openai.chat("hello")))
    found = call("ai", "chat", name)
    assert (found["text"], found["finishReason"], found["usage"]["totalTokens"]) == ("hello", "stop", 7)
    wire.answer(events(wire_openai.chunk({"content": "hel"}), 0.6, wire_openai.chunk({"content": "lö"}), wire_openai.chunk({}, "stop")))
    assert call("ai", "stream", name) == {"pieces": ["hel", "lö"], "finishReason": "stop"}
    wire.answer(json_answer(wire_openai.embeddings([0.5])))
    assert call("ai", "embeddings", name) == [0.5]


def test_vercel_calls_tools(call, gateway, wire):
    name = gateway.endpoint("openai", wire)
    wanted = {"toolName": "weather", "input": WEATHER}
    wire.answer(json_answer(wire_openai.chat(None, tool_calls(), "tool_calls")))
    assert call("ai", "tools", name) == [wanted]
    wire.answer(openai_tool_stream())
    assert call("ai", "tools-stream", name) == [wanted, wanted]


@pytest.mark.parametrize("action", ["chat", "stream"])
def test_vercel_throws_what_the_provider_refused(call, gateway, wire, action):
    wire.answer(wire_openai.error("it said no", 401))
    error = call("ai", action, gateway.endpoint("openai", wire))["error"]
    assert (error["name"], error["status"]) == ("APICallError", 401)
