"""OpenAI through the gateway: unified and passed through, whole and as streams."""

import json

import pytest

import wire_openai as openai
from gateway_support import KEY, expect_detail
from upstream import CUT, Answer, events, frame, json_answer, stream


@pytest.fixture
def name(gateway, wire):
    return gateway.endpoint("openai", wire, model="gpt-x")


# --- Unified ---


def test_a_chat_is_sent_with_the_model_and_answered_with_exactly_our_keys(gateway, wire, name):
    wire.answer(json_answer(openai.chat("h\u00e9llo")))
    reply = gateway.chat(name, "Gr\u00fc\u00dfe", temperature=0.5)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.json() == {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "gpt-served",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "h\u00e9llo", "tool_calls": None, "refusal": None},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    }
    assert "h\u00e9llo".encode() in reply.content
    call = wire.only_call()
    assert (call.method, call.path, call.query) == ("POST", "/chat/completions", {})
    openai.bearer(call)
    assert call.header("content-type") == "application/json"
    assert call.json == {"model": "gpt-x", "messages": [{"role": "user", "content": "Gr\u00fc\u00dfe"}], "temperature": 0.5, "n": 1}


def test_a_reply_without_usage_is_an_answer(gateway, wire, name):
    wire.answer(json_answer({key: value for key, value in openai.chat().items() if key != "usage"}))
    assert gateway.chat(name).json()["usage"] == {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}


def test_tools_go_both_ways(gateway, wire, name):
    calls = [{"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "Bonn"}'}}]
    wire.answer(json_answer(openai.chat(None, calls, "tool_calls")))
    reply = gateway.chat(name, tools=[openai.WEATHER], tool_choice="auto").json()
    assert reply["choices"][0]["message"]["tool_calls"] == calls
    assert reply["choices"][0]["message"]["content"] is None
    assert reply["choices"][0]["finish_reason"] == "tool_calls"
    sent = wire.only_call().json
    assert sent["tools"][0]["function"]["parameters"]["required"] == ["place"]
    assert sent["tool_choice"] == "auto"


def test_images_go_on_as_they_came(gateway, wire, name):
    wire.answer(json_answer(openai.chat()))
    content = [{"type": "text", "text": "what is it?"}, {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "low"}}]
    assert gateway.chat(name, content).status_code == 200
    assert wire.only_call().json["messages"] == [{"role": "user", "content": content}]


def test_a_stream_asks_for_its_usage_and_passes_it_on(gateway, wire, name):
    wire.answer(events(*openai.chunks("Hel", "lo")))
    assert gateway.stream(name) == [
        openai.unified_chunk({"role": "assistant", "content": ""}),
        openai.unified_chunk({"content": "Hel"}),
        openai.unified_chunk({"content": "lo"}),
        openai.unified_chunk({}, "stop"),
        openai.unified_chunk(usage={"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}),
    ]
    sent = wire.only_call().json
    assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})


def test_pieces_of_parallel_tool_calls_keep_their_places(gateway, wire, name):
    pieces = [
        [{"index": 0, "id": "call_1", "type": "function", "function": {"name": "weather", "arguments": ""}}],
        [{"index": 1, "id": "call_2", "type": "function", "function": {"name": "time", "arguments": ""}}],
        [{"index": 1, "function": {"arguments": "{}"}}, {"index": 0, "function": {"arguments": '{"place"'}}],
    ]
    wire.answer(events(*[openai.chunk({"tool_calls": one}) for one in pieces]))
    found = [item["choices"][0]["delta"]["tool_calls"] for item in gateway.stream(name)]
    assert found[:2] == pieces[:2]
    assert found[2] == [
        {"index": 1, "id": None, "type": None, "function": {"name": None, "arguments": "{}"}},
        {"index": 0, "id": None, "type": None, "function": {"name": None, "arguments": '{"place"'}},
    ]


def test_a_stream_may_be_cut_anywhere_and_end_its_lines_anyhow(gateway, wire, name):
    whole = b": OPENROUTER PROCESSING\r\n\r\n" + frame(openai.chunk({"content": "\u00e9\u4e2d"}), end="\r\n")
    whole += b"data:" + json.dumps(openai.chunk({"content": "b"})).encode() + b"\n\n: more\n\ndata: "
    whole += json.dumps(openai.chunk({"content": "c"})).encode()
    wire.answer(stream(*[whole[at : at + 7] for at in range(0, len(whole), 7)]))
    assert [item["choices"][0]["delta"]["content"] for item in gateway.stream(name)] == ["\u00e9\u4e2d", "b", "c"]


def test_a_unified_stream_has_no_done(gateway, wire, name):
    wire.answer(events(openai.chunk({"content": "a"})))
    reply = gateway.chat(name, stream=True)
    assert reply.status_code == 200 and b"[DONE]" not in reply.content


@pytest.mark.parametrize(
    "vectors, sent",
    [([[0.25, -1.5]], "one"), ([[0.1], [0.2]], ["one", "two"]), (["AACAPw=="], "base64")],
)
def test_embeddings_are_answered(gateway, wire, name, vectors, sent):
    wire.answer(json_answer(openai.embeddings(*vectors)))
    assert gateway.embed(name, sent).json() == {
        "object": "list",
        "data": [{"object": "embedding", "embedding": vector, "index": at} for at, vector in enumerate(vectors)],
        "model": "embed-served",
        "usage": {"prompt_tokens": 5, "total_tokens": 5},
    }
    call = wire.only_call()
    assert (call.path, call.json) == ("/embeddings", {"model": "gpt-x", "input": sent})
    openai.bearer(call)


def test_an_organization_is_named(gateway, wire):
    wire.answer(json_answer(openai.chat()))
    assert gateway.chat(gateway.endpoint("openai", wire, config={"organization": "org-1"})).status_code == 200
    assert wire.only_call().header("openai-organization") == "org-1"


# --- Errors ---


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_a_providers_error_has_its_status_and_message(gateway, wire, name, status, streamed):
    wire.answer(openai.error("not like this", status))
    expect_detail(gateway.chat(name, stream=streamed), status, "not like this")


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "body, detail",
    [
        ({"error": "a text"}, "a text"),
        ({"message": "no error key"}, {"message": "no error key"}),
        ({"error": {"type": "x"}}, "Not Found"),
    ],
)
def test_errors_of_other_forms_are_told(gateway, wire, name, body, detail, streamed):
    wire.answer(json_answer(body, 404))
    expect_detail(gateway.chat(name, stream=streamed), 404, detail)


def test_an_answer_that_is_no_chat_is_a_bad_gateway(gateway, wire, name):
    wire.answer(json_answer({"hello": "world"}))
    expect_detail(gateway.chat(name), 502, None)


def test_a_page_instead_of_json_is_a_bad_gateway(gateway, wire, name):
    wire.answer(Answer(200, {"content-type": "text/html"}, [b"<html>"]))
    expect_detail(
        gateway.chat(name),
        502,
        "The returned data type from the route service is not supported. Received content type: text/html",
    )


def test_an_error_within_a_stream_is_told_in_it_and_ends_it(gateway, wire, name):
    wire.answer(events(openai.chunk({"content": "a"}), {"error": {"message": "overloaded", "type": "server_error"}}, openai.chunk({"content": "b"})))
    found = gateway.stream(name)
    assert found[0] == openai.unified_chunk({"content": "a"})
    assert len(found) == 2 and found[1]["error"]["message"] == "overloaded" and found[1]["error"]["type"]


def test_a_stream_that_breaks_off_says_so(gateway, wire, name):
    wire.answer(events(openai.chunk({"content": "a"}), CUT, done=False))
    found = gateway.stream(name)
    assert found[0] == openai.unified_chunk({"content": "a"})
    assert len(found) == 2 and found[1]["error"]["message"]


def test_garbage_within_a_stream_is_left_out(gateway, wire, name):
    wire.answer(events(b"data: {nonsense\n\n", b"\x00\xff\n\n", openai.chunk({"content": "a"}), b"data: []\n\n"))
    assert gateway.stream(name) == [openai.unified_chunk({"content": "a"})]


# --- Passthrough ---

PASSED_ON = {"user-agent": "OpenAI/Python 1.0", "x-stainless-lang": "python", "openai-beta": "assistants=v2"}
DROPPED = {
    "authorization": "Bearer dummy",
    "api-key": "dummy",
    "x-api-key": "dummy",
    "cookie": "session=1",
    "proxy-authorization": "Basic eDp5",
    "te": "trailers",
}


@pytest.mark.parametrize(
    "route, path, body, answer",
    [
        ("openai/v1/chat/completions", "/chat/completions", {"messages": [], "x": {"y": None}}, openai.chat("a")),
        ("openai/v1/embeddings", "/embeddings", {"input": [1, 2]}, openai.embeddings([1.0])),
        ("openai/v1/responses", "/responses", {"input": "a"}, {"id": "resp_1", "output": [], "z": None}),
    ],
)
def test_bodies_pass_with_the_model_replaced_and_answers_whole(gateway, wire, name, route, path, body, answer):
    wire.answer(json_answer(answer))
    reply = gateway.post(route, {"model": name, **body}, headers={**PASSED_ON, **DROPPED})
    assert (reply.status_code, reply.json()) == (200, answer)
    call = wire.only_call()
    assert (call.path, call.json) == (path, {"model": "gpt-x", **body})
    openai.bearer(call)
    assert {key: call.header(key) for key in PASSED_ON} == PASSED_ON
    assert not call.header_names() & {"te", "transfer-encoding", "expect"}
    assert call.header("host") == f"127.0.0.1:{wire.port}"


@pytest.mark.parametrize("route", ["openai/v1/chat/completions", "openai/v1/responses"])
def test_a_passed_stream_is_byte_for_byte_what_came(gateway, wire, name, route):
    pieces = [b": hi\r\n\r\n", b'event: response.created\r\ndata: {"type": "x"}\r\n\r\n', b"data: [DONE]\n\n", b"tail"]
    wire.answer(stream(*pieces))
    reply = gateway.post(route, {"model": name, "stream": True})
    assert openai.relayed(reply) == b"".join(pieces)
    assert wire.only_call().json == {"model": "gpt-x", "stream": True}


@pytest.mark.parametrize("streamed", [False, True])
def test_an_error_passes_with_its_status(gateway, wire, name, streamed):
    wire.answer(openai.error("no more", 429))
    expect_detail(gateway.post("openai/v1/chat/completions", {"model": name, "stream": streamed}), 429, "no more")


def test_other_providers_routes_are_refused(gateway, wire, name):
    reply = gateway.post("anthropic/v1/messages", {"model": name})
    expect_detail(reply, 400, None)
    text = json.dumps(reply.json()["detail"])
    assert "Unsupported passthrough endpoint" in text and "/anthropic/v1/messages" in text
    assert "(provider_path: chat/completions)" in text and "for OpenAI provider" in text
    assert not wire.calls


# --- Azure by api_type ---


def azure(gateway, wire, api_type, **config):
    config = {"api_type": api_type, "deployment_name": "dep-1", "api_version": "2024-10-21", **config}
    return gateway.endpoint("openai", wire, config=config)


@pytest.mark.parametrize("api_type, authenticated", [("azure", openai.api_key), ("azuread", openai.bearer)])
def test_azure_is_called_at_its_deployment(gateway, wire, api_type, authenticated):
    wire.answer(json_answer(openai.chat("from azure")))
    name = azure(gateway, wire, api_type)
    assert gateway.chat(name).json()["choices"][0]["message"]["content"] == "from azure"
    reply = gateway.post("openai/v1/chat/completions", {"model": name, "a": 1}, headers=DROPPED)
    assert reply.status_code == 200
    for call in wire.calls:
        assert (call.path, call.query) == ("/openai/deployments/dep-1/chat/completions", {"api-version": "2024-10-21"})
        assert "model" not in call.json
        authenticated(call)


@pytest.mark.parametrize("missing", ["deployment_name", "api_version"])
def test_azure_with_a_setting_missing_is_refused(gateway, wire, missing):
    reply = gateway.chat(azure(gateway, wire, "azure", **{missing: ""}))
    expect_detail(reply, 400, None)
    assert reply.json()["detail"]["error_code"] == "INVALID_PARAMETER_VALUE"
    assert KEY not in reply.text and not wire.calls


def test_keys_are_neither_names_of_variables_nor_of_files(gateway, wire):
    wire.answer(json_answer(openai.chat()))
    for key in ("$HOME", "/etc/hostname"):
        assert gateway.chat(gateway.endpoint("openai", wire, secret=key)).status_code == 200
        openai.bearer(wire.last_call(), key)
