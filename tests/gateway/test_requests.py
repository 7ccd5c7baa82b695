"""The routes of inference, what they refuse, and in which order."""

import json
import pathlib
import subprocess

import pytest
import requests

from gateway_support import KEY, expect_detail, unique
from plain_openai import USAGE, chat, chunks, embeddings, text_of
from support import API_3, BUILD
from upstream import Answer

UNKNOWN = {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "GatewayEndpoint not found (name='nobody')"}
TABLE = pathlib.Path(__file__).resolve().parent.parent / "data" / "operations.tsv"
HI = [{"role": "user", "content": "hi"}]

BY_MODEL = [
    "mlflow/v1/chat/completions",
    "openai/v1/chat/completions",
    "openai/v1/embeddings",
    "openai/v1/responses",
    "anthropic/v1/messages",
]
BY_PATH = [
    "nobody/mlflow/invocations",
    "gemini/v1beta/models/nobody:generateContent",
    "gemini/v1beta/models/nobody:streamGenerateContent",
]


@pytest.fixture
def name(gateway, wire):
    wire.answer(chat())
    return gateway.endpoint("openai", wire)


# --- What is there ---


def test_the_program_answers_the_operations_of_mlflow_s_gateway_and_no_others():
    done = subprocess.run([BUILD / "fcgi-bin" / "gateway.fcgi", "--operations"], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
    answered = {tuple(line.split("\t")[i] for i in (1, 2, 3, 4)) for line in done.stdout.splitlines()}
    rows = [line.split("\t") for line in TABLE.read_text().splitlines()]
    names = rows[0]
    documented = {
        (row["method"], row["path"], row["aliases"], row["name"])
        for row in (dict(zip(names, row)) for row in rows[1:])
        if row["since"] == "3.8" and row["program"] == "gateway.fcgi"
    }
    assert len(documented) == 10
    assert answered == documented


# --- What is answered ---


def test_a_chat_by_path_is_answered_in_our_shape(gateway, wire, name):
    reply = gateway.chat(name, "hi", temperature=0.5)
    assert reply.status_code == 200
    assert reply.headers["content-type"].startswith("application/json")
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.json() == {
        "id": "chat-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "model-1",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "hello", "tool_calls": None, "refusal": None},
                "finish_reason": "stop",
            }
        ],
        "usage": USAGE,
    }
    assert wire.only_call().json == {"model": "model-1", "messages": HI, "temperature": 0.5, "n": 1}


def test_replies_are_compact_and_in_utf_8(gateway, wire, name):
    wire.answer(chat("grüße 𝄞"))
    assert '"content":"grüße 𝄞"'.encode() in gateway.chat(name).content


def test_a_chat_by_model_is_answered_and_the_name_does_not_go_on(gateway, wire, name):
    reply = gateway.post("mlflow/v1/chat/completions", {"model": name, "messages": HI})
    assert reply.json()["choices"][0]["message"]["content"] == "hello"
    assert wire.only_call().json["model"] == "model-1"


def test_input_makes_it_embeddings(gateway, wire, name):
    wire.answer(embeddings([0.5, -1.0]))
    assert gateway.embed(name, ["a"]).json() == {
        "object": "list",
        "data": [{"object": "embedding", "embedding": [0.5, -1.0], "index": 0}],
        "model": "model-1",
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    }
    assert wire.only_call().path == "/embeddings"


def test_the_content_type_of_a_request_does_not_matter(gateway, name):
    reply = gateway.invoke(name, {"messages": HI}, headers={"content-type": "text/plain"})
    assert reply.status_code == 200


def test_what_is_passed_through_is_relayed_as_it_is(gateway, wire, name):
    wire.answer(chat(system_fingerprint="fp", service_tier=None))
    body = {"model": name, "messages": HI, "metadata": {"a": None}, "temperature": 9}
    reply = gateway.post("openai/v1/chat/completions", body)
    assert reply.json()["system_fingerprint"] == "fp"
    assert reply.json()["service_tier"] is None
    assert wire.only_call().json == {**body, "model": "model-1"}


def test_headers_of_the_client_go_on_but_not_its_credentials(gateway, wire, name):
    headers = {
        "authorization": "Bearer client",
        "x-api-key": "client",
        "api-key": "client",
        "cookie": "session=client",
        "proxy-authorization": "Basic client",
        "te": "trailers",
        "accept-encoding": "br",
        "x-stainless-lang": "js",
        "openai-organization": "org",
        "user-agent": "the client",
        "connection": "keep-alive, x-hop",
        "x-hop": "1",
    }
    gateway.post("openai/v1/chat/completions", {"model": name, "messages": HI}, headers=headers)
    call = wire.only_call()
    assert call.header("authorization") == f"Bearer {KEY}"
    assert call.header("x-stainless-lang") == "js"
    assert call.header("openai-organization") == "org"
    assert call.header("user-agent") == "the client"
    for gone in ("x-api-key", "api-key", "cookie", "proxy-authorization", "te", "accept-encoding", "x-hop"):
        assert gone not in call.header_names(), gone


def test_a_chunked_request_is_taken(gateway, wire, name):
    body = json.dumps({"messages": HI}).encode()
    reply = gateway.session.post(f"{gateway.url}/gateway/{name}/mlflow/invocations", data=iter([body[:7], body[7:]]), timeout=10)
    assert reply.status_code == 200
    assert wire.only_call().json["messages"] == HI


# --- What is refused, and in which order ---


@pytest.mark.parametrize("path", BY_MODEL + BY_PATH)
def test_a_body_that_is_no_json_is_refused_first(gateway, path):
    for body in (b"", b"{", b"{'a': 1}", b'{"a": 1} x'):
        reply = gateway.post(path, body)
        expect_detail(reply, 400, None)
        assert reply.json()["detail"].startswith("Invalid JSON payload: "), reply.text


@pytest.mark.parametrize("path", BY_MODEL + BY_PATH)
def test_a_body_that_is_no_object_is_refused(gateway, path):
    for body in (b"[]", b"null", b"5", b'"text"'):
        expect_detail(gateway.post(path, body), 400, None)


@pytest.mark.parametrize("path", BY_MODEL)
def test_a_body_without_a_model_is_refused_before_anything_else_in_it(gateway, path):
    for body in ({}, {"model": None}, {"model": ""}, {"messages": 5}):
        expect_detail(gateway.post(path, body), 400, "Missing required 'model' parameter in request body")
    expect_detail(gateway.post(path, {"model": 5}), 400, None)


@pytest.mark.parametrize("path", BY_MODEL + BY_PATH)
def test_an_endpoint_that_is_not_there_is_404_with_its_name(gateway, path):
    reply = gateway.post(path, {"model": "nobody", "messages": HI} if path in BY_MODEL else {"messages": HI})
    expect_detail(reply, 404, UNKNOWN)


@pytest.mark.parametrize("path", BY_MODEL + BY_PATH)
def test_other_methods_are_not_there(gateway, path):
    reply = gateway.session.get(f"{gateway.url}/gateway/{path}", timeout=10)
    assert reply.status_code in (404, 405)


def test_a_body_is_a_chat_or_embeddings_by_the_presence_of_keys(gateway):
    neither = "Invalid request: payload format must be either chat or embeddings"
    expect_detail(gateway.invoke("nobody", {}), 400, neither)
    expect_detail(gateway.invoke("nobody", {"prompt": "x"}), 400, neither)
    for body, kind in (({"messages": None}, "chat"), ({"messages": [], "input": "x"}, "chat"), ({"input": None}, "embeddings")):
        reply = gateway.invoke("nobody", body)
        expect_detail(reply, 400, None)
        assert reply.json()["detail"].startswith(f"Invalid {kind} payload: "), reply.text


def test_a_bad_chat_is_refused_before_its_endpoint_is_looked_for(gateway):
    for more in ({"temperature": 3}, {"stop": "x"}, {"stream": "maybe"}, {"n": 0}):
        reply = gateway.chat("nobody", **more)
        expect_detail(reply, 400, None)
        assert reply.json()["detail"].startswith("Invalid chat payload: ")


def test_an_endpoint_without_a_usable_model_is_404(gateway, wire):
    secret = gateway.secret("sk-gone-0123456789")
    definition = {"name": unique("definition"), "secret_id": secret, "provider": "openai", "model_name": "m"}
    reply = gateway.api.post("gateway/model-definitions/create", definition, root=API_3).ok()
    name = gateway.endpoint_of(reply["model_definition"]["model_definition_id"])
    gateway.api.delete("gateway/secrets/delete", {"secret_id": secret}, root=API_3).ok()
    message = f"Endpoint '{name}' has no PRIMARY models configured"
    expect_detail(gateway.chat(name), 404, {"error_code": "RESOURCE_DOES_NOT_EXIST", "message": message})


def test_an_endpoint_with_a_name_that_no_path_should_have_is_refused(gateway, wire):
    name = gateway.endpoint_of(gateway.model("openai", wire), name=unique("with blanks"))
    reply = gateway.post("mlflow/v1/chat/completions", {"model": name, "messages": HI})
    expect_detail(reply, 400, None)
    detail = reply.json()["detail"]
    assert detail["error_code"] == "INVALID_PARAMETER_VALUE"
    assert detail["message"].startswith("The route name provided contains disallowed characters")
    assert wire.calls == []


@pytest.mark.parametrize("stream", [False, True])
def test_a_model_in_the_body_of_an_invocation_is_refused(gateway, wire, name, stream):
    reply = gateway.chat(name, model="gpt", stream=stream)
    text = "The parameter 'model' is not permitted to be passed. The route being queried already defines a model instance."
    expect_detail(reply, 422, text)
    assert wire.calls == []


def test_an_unknown_provider_is_taken_for_openai_s_shape_if_it_has_an_address(gateway, wire):
    wire.answer(chat("from afar"))
    name = gateway.endpoint("my-own-provider", wire)
    assert gateway.chat(name).json()["choices"][0]["message"]["content"] == "from afar"
    nowhere = gateway.endpoint("my-own-provider")
    reply = gateway.chat(nowhere)
    assert reply.status_code in (400, 501)
    assert "my-own-provider" in reply.text


def test_a_path_below_gateway_that_nothing_answers_is_404(gateway):
    for path in ("x", "openai/v1/models", "a/b/invocations"):
        assert gateway.post(path, {}).status_code == 404


def test_a_body_larger_than_the_limit_is_413(gateway, name):
    reply = gateway.invoke(name, b" " * (64 * 1024 * 1024 + 1))
    expect_detail(reply, 413, None)


def test_a_cross_site_call_is_refused(gateway, name):
    reply = gateway.chat(name)
    assert reply.status_code == 200
    reply = gateway.post(f"{name}/mlflow/invocations", {"messages": HI}, headers={"origin": "https://evil.example"})
    assert (reply.status_code, reply.text) == (403, "Cross-origin request blocked")
    reply = gateway.post(f"{name}/mlflow/invocations", {"messages": HI}, headers={"host": "evil.example"})
    assert reply.status_code == 403


# --- Streams or not ---


@pytest.mark.parametrize("stream", [True, 1, "yes", "true"])
def test_a_chat_is_a_stream_if_it_says_so_in_any_way(gateway, wire, name, stream):
    wire.answer(chunks("a", "b"))
    assert text_of(gateway.stream(name, stream=stream)) == "ab"
    assert wire.only_call().json["stream"] is True


@pytest.mark.parametrize("stream, is_stream", [(True, True), (1, True), ("no", True), (False, False), (0, False), ("", False), (None, False)])
def test_what_is_passed_through_is_a_stream_if_python_took_it_for_true(gateway, wire, name, stream, is_stream):
    wire.answer(chunks("a") if is_stream else chat())
    reply = gateway.post("openai/v1/chat/completions", {"model": name, "messages": HI, "stream": stream})
    assert reply.headers["content-type"].startswith("text/event-stream" if is_stream else "application/json")


# --- The deployments server ---


@pytest.fixture
def proxied(special, upstream):
    return special.server, upstream.wires["deployments"]


PROXY = "/ajax-api/2.0/mlflow/gateway-proxy"


def test_without_a_deployments_server_there_are_no_endpoints(gateway):
    for reply in (
        requests.get(gateway.url + PROXY, timeout=10),
        requests.get(gateway.url + PROXY, params={"gateway_path": "nonsense"}, timeout=10),
        requests.post(gateway.url + PROXY, json={"gateway_path": "x"}, timeout=10),
    ):
        assert (reply.status_code, reply.json()) == (200, {"endpoints": []})


def test_calls_of_the_deployments_server_are_led_on(proxied):
    server, wire = proxied
    wire.answer(lambda call: chat(call.path))
    reply = requests.get(server.url + PROXY, params={"gateway_path": "api/2.0/endpoints"}, timeout=10)
    assert reply.json()["choices"][0]["message"]["content"] == "/api/2.0/endpoints"
    assert wire.last_call().method == "GET"
    body = {"gateway_path": "gateway/chat/invocations", "json_data": {"messages": [{"a": None}]}}
    assert requests.post(server.url + PROXY, json=body, timeout=10).status_code == 200
    assert wire.last_call().path == "/gateway/chat/invocations"
    assert wire.last_call().json == body["json_data"]


@pytest.mark.parametrize("method, path", [
    ("GET", "gateway/chat/invocations"), ("GET", "api/2.0/endpoints/../x"), ("POST", "api/2.0/endpoints"),
    ("POST", "gateway/a/b/invocations"), ("POST", "gateway/../invocations"), ("POST", "gateway/a?b/invocations"),
])  # fmt: skip
def test_only_two_paths_of_the_deployments_server_are_open(proxied, method, path):
    server, wire = proxied
    before = len(wire.calls)
    options = {"params" if method == "GET" else "json": {"gateway_path": path}}
    reply = requests.request(method, server.url + PROXY, timeout=10, **options)
    assert reply.status_code == 400
    assert reply.json() == {"error_code": "INVALID_PARAMETER_VALUE", "message": f"Invalid gateway_path: {path} for method: {method}"}
    assert len(wire.calls) == before


def test_the_deployments_server_needs_a_path_and_its_refusals_are_told(proxied):
    server, wire = proxied
    reply = requests.get(server.url + PROXY, timeout=10)
    assert reply.json()["message"] == "Deployments proxy request must specify a gateway_path."
    wire.answer(Answer(404, {"content-type": "text/plain"}, [b"no such endpoint"]))
    reply = requests.get(server.url + PROXY, params={"gateway_path": "api/2.0/endpoints"}, timeout=10)
    assert reply.status_code == 404
    assert reply.json()["message"] == "Deployments proxy request failed with error code 404. Error message: no such endpoint"
