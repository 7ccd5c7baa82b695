"""Amazon Bedrock through the gateway: as whom it is called, and the Converse API."""

import time
import urllib.parse

import pytest

import wire_bedrock as bedrock
import wire_openai as openai
from gateway_support import KEY, Gateway, expect_detail
from upstream import CUT, Answer, json_answer
from wire_openai import bearer

MODEL = "anthropic.claude-x-v1:0"
PATH = "/model/anthropic.claude-x-v1%3A0"
HI = {"messages": [{"role": "user", "content": [{"text": "hi"}]}]}
USAGE = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
ROLE = "arn:aws:iam::123456789012:role/gateway"


@pytest.fixture
def endpoint(gateway, wire):
    def make(model=MODEL, secret=None, using=None, **config):
        settings = {"aws_region_name": bedrock.REGION, **config}
        return (using or gateway).endpoint("bedrock", wire, model=model, secret=secret, config=settings)

    return make


@pytest.fixture
def name(endpoint):
    return endpoint()


def chunks(gateway, name, **more):
    found = gateway.stream(name, **more)
    for one in found:
        if "created" in one:
            assert abs(one.pop("created") - time.time()) < 60
            assert (one.pop("id"), one.pop("model"), one.pop("object")) == (None, MODEL, "chat.completion.chunk")
    return found


def chunk(delta=None, finish=None):
    return {"choices": [{"index": 0, "finish_reason": finish, "delta": {**openai.EMPTY_DELTA, **(delta or {})}}]}


# --- As whom ---


def test_an_api_key_is_sent_as_it_is(gateway, wire, name):
    wire.answer(json_answer(bedrock.reply()))
    assert gateway.chat(name).status_code == 200
    call = wire.only_call()
    assert (call.method, call.raw_path) == ("POST", f"{PATH}/converse")
    bearer(call, KEY)
    assert call.json == HI


@pytest.mark.parametrize("session", [None, "a/session+token=="])
def test_access_keys_sign_every_call(gateway, wire, endpoint, session):
    secret = {**bedrock.KEYS, **({"aws_session_token": session} if session else {})}
    name = endpoint(secret=secret, auth_mode="access_keys")
    wire.answer(lambda call: bedrock.text_stream("a") if call.path.endswith("stream") else json_answer(bedrock.reply()))
    assert gateway.chat(name, "Gr\u00fc\u00dfe").status_code == 200
    assert gateway.stream(name)
    assert [call.raw_path for call in wire.calls] == [f"{PATH}/converse", f"{PATH}/converse-stream"]
    for call in wire.calls:
        bedrock.signed(wire, call, *bedrock.KEYS.values(), session)
        assert call.header("content-type") == "application/json"


def test_models_may_be_arns(gateway, wire, endpoint):
    arn = f"arn:aws:bedrock:{bedrock.REGION}:123456789012:application-inference-profile/abc"
    wire.answer(json_answer(bedrock.reply()))
    assert gateway.chat(endpoint(model=arn, secret=bedrock.KEYS)).status_code == 200
    call = wire.only_call()
    assert call.raw_path == f"/model/{urllib.parse.quote(arn, safe='')}/converse"
    bedrock.signed(wire, call, *bedrock.KEYS.values())


def test_a_role_is_assumed_once_and_its_keys_sign(gateway, wire, endpoint):
    settings = {"auth_mode": "iam_role", "aws_role_name": ROLE, "aws_sts_endpoint": f"{wire.url}/sts/"}
    name = endpoint(secret=bedrock.KEYS, **settings)
    wire.answer(lambda call: bedrock.lent() if call.path == "/sts/" else json_answer(bedrock.reply()))
    for _ in range(3):
        assert gateway.chat(name).status_code == 200
    asked, *calls = wire.calls
    assert len(calls) == 3
    bedrock.signed(wire, asked, *bedrock.KEYS.values(), service="sts")
    assert dict(urllib.parse.parse_qsl(asked.body.decode(), strict_parsing=True)) == {
        "Action": "AssumeRole",
        "Version": "2011-06-15",
        "RoleArn": ROLE,
        "RoleSessionName": "ai-gateway-bedrock",
        "DurationSeconds": "900",
    }
    for call in calls:
        bedrock.signed(wire, call, "ASIALENT", "lent-secret", "lent-session")


def test_a_role_that_is_about_to_expire_is_assumed_again(gateway, wire, endpoint):
    name = endpoint(secret=bedrock.KEYS, auth_mode="iam_role", aws_role_name=ROLE, aws_session_name="mine", aws_sts_endpoint=f"{wire.url}/sts/")
    wire.answer(lambda call: bedrock.lent(seconds=20) if call.path == "/sts/" else json_answer(bedrock.reply()))
    for _ in range(2):
        assert gateway.chat(name).status_code == 200
    assert [call.path for call in wire.calls].count("/sts/") == 2
    assert b"RoleSessionName=mine" in wire.calls[0].body


def test_a_role_that_may_not_be_assumed_is_a_bad_gateway(gateway, wire, endpoint):
    name = endpoint(secret=bedrock.KEYS, auth_mode="iam_role", aws_role_name=ROLE, aws_sts_endpoint=f"{wire.url}/sts")
    denied = b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not you</Message></Error></ErrorResponse>"
    for answer in (Answer(403, {"content-type": "text/xml"}, [denied]), Answer(200, {"content-type": "text/xml"}, [b"<a/>"])):
        wire.answer(answer)
        expect_detail(gateway.chat(name), 502, None)
    assert {call.path for call in wire.calls} == {"/sts"}


def test_the_servers_own_credentials_are_nobodys_unless_the_administrator_says_so(gateway, wire, endpoint):
    reply = gateway.chat(endpoint(secret={"unused": "x"}, auth_mode="default_chain"))
    assert reply.status_code == 403
    assert "gateway_server_credentials" in reply.json()["detail"]["message"]
    assert wire.calls == []


def test_any_other_mode_asks_for_the_servers_own_credentials(servers, upstream, endpoint, wire):
    """A container's service: it is called by the server itself, and once."""
    if "aws-container" not in upstream.wires:
        upstream.wires["aws-container"] = upstream.wire()
    service = upstream.wires["aws-container"]
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 3600))
    service.answer(json_answer({"AccessKeyId": "ASIAOWN", "SecretAccessKey": "own", "Token": "own-session", "Expiration": expires}))
    using = Gateway(servers(environment={"AWS_CONTAINER_CREDENTIALS_FULL_URI": f"{upstream.url}/aws-container/v1", "HOME": "/nowhere", "TRACKLIGHT_GATEWAY_SERVER_CREDENTIALS": "true"}))
    name = endpoint(using=using, secret={"unused": "x"}, auth_mode="default_chain")
    wire.answer(json_answer(bedrock.reply()))
    for _ in range(2):
        assert using.chat(name).status_code == 200
    for call in wire.calls:
        bedrock.signed(wire, call, "ASIAOWN", "own", "own-session")
    assert len(service.calls) == 1


@pytest.mark.parametrize(
    "secret, config, expected",
    [
        (bedrock.KEYS, {"aws_region_name": "x.evil.org/"}, "aws_region_name"),
        ({"aws_access_key_id": "a"}, {"auth_mode": "access_keys"}, "aws_secret_access_key"),
        (bedrock.KEYS, {"auth_mode": "iam_role"}, "aws_role_name"),
        ({"other": "k"}, {}, "api_key"),
    ],
)
def test_what_is_missing_is_named(gateway, wire, endpoint, secret, config, expected):
    reply = gateway.chat(endpoint(secret=secret, **config))
    assert reply.status_code == 400
    assert expected in reply.json()["detail"]["message"]
    assert wire.calls == []


# --- Converse ---


def test_a_chat_and_its_answer_are_translated(gateway, wire, name):
    wire.answer(json_answer(bedrock.reply({"text": "h\u00e9llo"}, {"reasoningContent": {}}, {"text": "there"}, stop="max_tokens")))
    messages = [{"role": "system", "content": "be brief"}, {"role": "user", "content": "Gr\u00fc\u00dfe"}]
    body = gateway.chat(name, messages=messages, temperature=1, top_p=0.5, stop=["END"], max_tokens=9, seed=3, user="u").json()
    assert abs(body.pop("created") - time.time()) < 60
    assert body == {
        "id": None,
        "object": "chat.completion",
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "h\u00e9llo\nthere", "tool_calls": None, "refusal": None},
                "finish_reason": "length",
            }
        ],
        "usage": USAGE,
    }
    assert wire.only_call().json == {
        "messages": [{"role": "user", "content": [{"text": "Gr\u00fc\u00dfe"}]}],
        "system": [{"text": "be brief"}],
        "inferenceConfig": {"temperature": 1, "topP": 0.5, "stopSequences": ["END"], "maxTokens": 9},
    }


def test_tools_and_images_go_both_ways(gateway, wire, name):
    wire.answer(json_answer(bedrock.reply(bedrock.tool_use("weather", "u1", place="K\u00f6ln"), stop="tool_use")))
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    calls = [{"id": f"t{i}", "type": "function", "function": {"name": "weather", "arguments": f'{{"place": "{i}"}}'}} for i in range(2)]
    messages = [
        {"role": "user", "content": [{"type": "text", "text": "see"}, image]},
        {"role": "assistant", "content": "so", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "t0", "content": "sunny"},
        {"role": "tool", "tool_call_id": "t1", "content": "rain"},
    ]
    choice = gateway.chat(name, messages=messages, tools=[openai.WEATHER], tool_choice="required").json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"] == [
        {"id": "u1", "type": "function", "function": {"name": "weather", "arguments": '{"place": "K\\u00f6ln"}'}}
    ]
    function = openai.WEATHER["function"]
    specification = {"name": "weather", "description": function["description"], "inputSchema": {"json": function["parameters"]}}
    assert wire.only_call().json == {
        "messages": [
            {"role": "user", "content": [{"text": "see"}, {"image": {"format": "png", "source": {"bytes": "iVBORw0KGgo="}}}]},
            {"role": "assistant", "content": [{"text": "so"}, *[bedrock.tool_use("weather", f"t{i}", place=str(i)) for i in range(2)]]},
            {"role": "user", "content": [
                {"toolResult": {"toolUseId": "t0", "content": [{"text": "sunny"}]}},
                {"toolResult": {"toolUseId": "t1", "content": [{"text": "rain"}]}},
            ]},
        ],
        "toolConfig": {"tools": [{"toolSpec": specification}], "toolChoice": {"any": {}}},
    }  # fmt: skip


def test_embeddings_take_a_call_for_each_text(gateway, wire, endpoint):
    name = endpoint(model="amazon.titan-embed-text-v2:0", secret=bedrock.KEYS)
    wire.answer(lambda call: json_answer({"embedding": [len(call.json["inputText"]), 0.5], "inputTextTokenCount": 2}))
    body = gateway.embed(name, ["a", "bb", "ccc"]).json()
    assert [(one["index"], one["embedding"]) for one in body["data"]] == [(0, [1, 0.5]), (1, [2, 0.5]), (2, [3, 0.5])]
    assert body["usage"] == {"prompt_tokens": 6, "total_tokens": 6}
    assert [call.json for call in wire.calls] == [{"inputText": text} for text in ("a", "bb", "ccc")]
    for call in wire.calls:
        assert call.raw_path == "/model/amazon.titan-embed-text-v2%3A0/invoke"
        bedrock.signed(wire, call, *bedrock.KEYS.values())
    assert gateway.embed(name, "a").json()["data"][0]["embedding"] == [1, 0.5]


@pytest.mark.parametrize("status", [400, 401, 403, 429, 500])
@pytest.mark.parametrize("streams", [False, True])
def test_refusals_keep_status_and_body(gateway, wire, name, status, streams):
    wire.answer(bedrock.error(f"because {status}", status))
    expect_detail(gateway.chat(name, stream=streams), status, {"message": f"because {status}"})


# --- Streams ---


@pytest.mark.parametrize("size", [None, 1, 7, 10_000])
def test_a_stream_comes_in_chunks_however_it_is_cut(gateway, wire, name, size):
    answer = bedrock.text_stream("Hel", "l\u00f6")
    if size:
        whole = b"".join(answer.pieces)
        answer.pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    wire.answer(answer)
    assert chunks(gateway, name) == [
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": "Hel"}),
        chunk({"content": "l\u00f6"}),
        chunk(finish="stop"),
    ]


def test_tokens_of_a_stream_are_told_to_who_asks(gateway, wire, name):
    wire.answer(bedrock.text_stream("a"))
    assert chunks(gateway, name, stream_options={"include_usage": True})[-1] == {"choices": [], "usage": USAGE}


def test_streamed_tools_can_be_put_together(gateway, wire, name):
    wire.answer(
        bedrock.pieces(
            bedrock.START,
            *bedrock.text_block(0, "so"),
            *bedrock.tool_block(1, "weather", "u1", '{"place":', '"Bonn"}'),
            *bedrock.tool_block(3, "now", "u2"),
            *bedrock.end("tool_use"),
        )
    )
    found = chunks(gateway, name)
    calls = {}
    for one in found:
        for piece in one["choices"][0]["delta"]["tool_calls"] or []:
            made = calls.setdefault(piece["index"], [piece["id"], piece["function"]["name"], ""])
            made[2] += piece["function"]["arguments"] or ""
    assert calls == {0: ["u1", "weather", '{"place":"Bonn"}'], 1: ["u2", "now", "{}"]}
    assert found[-1] == chunk(finish="tool_calls")


def test_an_exception_in_a_stream_is_told(gateway, wire, name):
    wire.answer(bedrock.pieces(bedrock.START, *bedrock.text_block(0, "a"), bedrock.exception("modelStreamErrorException", "it broke")))
    found = chunks(gateway, name)
    assert found[1] == chunk({"content": "a"})
    assert found[-1]["error"]["message"] == "it broke"


def test_an_exception_before_anything_else_is_an_error(gateway, wire, name):
    wire.answer(bedrock.pieces(bedrock.exception("throttlingException", "slow down")))
    expect_detail(gateway.chat(name, stream=True), 429, "slow down")


def spoiled(whole):
    return whole[:-6] + bytes([whole[-6] ^ 1]) + whole[-5:]


@pytest.mark.parametrize("rest", [
    [b"\x00\x00\x00\x10 rubbish"],
    [spoiled(bedrock.event("contentBlockDelta", contentBlockIndex=0, delta={"text": "b"}))],
    [bedrock.event("messageStop", stopReason="end_turn")[:-1]],
    [CUT],
], ids=["rubbish", "wrong checksum", "half a message", "connection lost"])  # fmt: skip
def test_what_breaks_a_stream_is_told(gateway, wire, name, rest):
    wire.answer(bedrock.pieces(bedrock.START, *bedrock.text_block(0, "a"), *rest))
    found = chunks(gateway, name)
    assert found[:2] == [chunk({"role": "assistant", "content": ""}), chunk({"content": "a"})]
    assert found[-1]["error"]["message"]
    assert len(found) == 3


def test_its_names_mean_the_same(gateway, wire):
    wire.answer(json_answer(bedrock.reply()))
    for provider in ("amazon-bedrock", "bedrock_converse"):
        name = gateway.endpoint(provider, wire, model=MODEL, config={"aws_region_name": bedrock.REGION})
        assert gateway.chat(name).status_code == 200
