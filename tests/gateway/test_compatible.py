"""Azure, Azure AI, Databricks, Mistral and the providers that are rows of a table."""

import base64
import urllib.parse

import pytest

import wire_openai as openai
from gateway_support import KEY, expect_detail
from upstream import events, json_answer

COMPATIBLE = ["groq", "deepseek", "openrouter", "cohere", "litellm_proxy", "no-such-provider"]


@pytest.mark.parametrize("provider", COMPATIBLE)
def test_compatible_providers_answer_chats_streams_and_embeddings(gateway, wire, provider):
    name = gateway.endpoint(provider, wire, model="some/model")
    wire.answer(json_answer(openai.chat("a")), events(*openai.chunks("b")), json_answer(openai.embeddings([0.5])))
    assert gateway.chat(name).json()["choices"][0]["message"]["content"] == "a"
    assert [item["choices"][0]["delta"]["content"] for item in gateway.stream(name) if item["choices"]] == ["", "b", None]
    assert gateway.embed(name).json()["data"][0]["embedding"] == [0.5]
    assert [call.path for call in wire.calls] == ["/chat/completions", "/chat/completions", "/embeddings"]
    for call in wire.calls:
        openai.bearer(call)
        assert call.json["model"] == "some/model"
    assert wire.calls[1].json["stream_options"] == {"include_usage": True}


@pytest.mark.parametrize("provider", ["ollama", "hosted_vllm", "lm_studio"])
def test_local_servers_need_no_key(gateway, wire, provider):
    wire.answer(json_answer(openai.chat()))
    assert gateway.chat(gateway.endpoint(provider, wire, secret={"note": "none"})).status_code == 200
    openai.only(wire.only_call())


def test_others_need_one(gateway, wire):
    reply = gateway.chat(gateway.endpoint("groq", wire, secret={"note": "none"}))
    expect_detail(reply, 400, None)
    assert reply.json()["detail"]["message"].startswith("The api key provided is not a string")
    assert not wire.calls


@pytest.mark.parametrize("provider", ["perplexity", "codestral", "mistral"])
def test_some_are_not_asked_for_their_usage(gateway, wire, provider):
    wire.answer(events(openai.chunk({"content": "a"}, "stop", usage=openai.usage())))
    found = gateway.stream(gateway.endpoint(provider, wire))
    assert found == [openai.unified_chunk({"content": "a"}, "stop", usage={"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7})]
    assert "stream_options" not in wire.only_call().json


def test_embedders_do_not_chat(gateway, wire):
    for provider in ("voyage", "jina_ai"):
        name = gateway.endpoint(provider, wire)
        expect_detail(gateway.chat(name), 501, f"The chat route is not implemented for {provider} models.")
        wire.answer(json_answer({"data": [{"embedding": [1.5], "index": 0}], "usage": {"total_tokens": 2}}))
        assert gateway.embed(name).json() == {
            "object": "list",
            "data": [{"object": "embedding", "embedding": [1.5], "index": 0}],
            "model": "model-1",
            "usage": {"prompt_tokens": 2, "total_tokens": 2},
        }


def test_nvidias_embeddings_have_an_input_type(gateway, wire):
    wire.answer(json_answer(openai.embeddings([1.0])))
    name = gateway.endpoint("nvidia_nim", wire)
    gateway.embed(name)
    gateway.embed(name, input_type="passage")
    assert [call.json["input_type"] for call in wire.calls] == ["query", "passage"]


def test_some_send_headers_of_their_own(gateway, wire):
    wire.answer(json_answer(openai.chat()))
    gateway.chat(gateway.endpoint("github_copilot", wire))
    assert wire.last_call().header("copilot-integration-id") and wire.last_call().header("x-github-api-version")
    gateway.chat(gateway.endpoint("openrouter", wire, config={"http_referer": "https://me", "x_title": "Me"}))
    assert (wire.last_call().header("http-referer"), wire.last_call().header("x-title")) == ("https://me", "Me")


@pytest.mark.parametrize("provider, title", [("groq", "LiteLLM"), ("mistral", "Mistral")])
def test_they_have_no_passthrough(gateway, wire, provider, title):
    reply = gateway.post("openai/v1/chat/completions", {"model": gateway.endpoint(provider, wire)})
    expect_detail(reply, 501, f"The passthrough route '/openai/v1/chat/completions' is not implemented for {title} models.")
    assert not wire.calls


@pytest.mark.parametrize("provider", ["sagemaker", "watsonx", "replicate", "oci", "snowflake"])
def test_formats_that_are_not_translated_are_said_to_be_so(gateway, wire, provider):
    reply = gateway.chat(gateway.endpoint(provider, wire))
    expect_detail(reply, 501, None)
    assert provider in reply.text and not wire.calls


def test_a_provider_that_is_not_known_and_has_no_address_is_named(gateway):
    reply = gateway.chat(gateway.endpoint("no-such-provider"))
    assert reply.status_code in (400, 501) and "no-such-provider" in reply.text


# --- Mistral ---


def test_mistral_gets_the_payload_unchanged(gateway, wire):
    wire.answer(json_answer(openai.chat("bonjour")))
    reply = gateway.chat(gateway.endpoint("mistral", wire, model="mistral-large"), temperature=0.9, n=2, top_k=4)
    assert reply.json()["choices"][0]["message"]["content"] == "bonjour"
    call = wire.only_call()
    openai.bearer(call)
    assert call.json == {
        "model": "mistral-large",
        "messages": [{"role": "user", "content": "hi"}],
        "temperature": 0.9,
        "n": 2,
        "top_k": 4,
    }


def test_mistrals_embeddings_have_the_definitions_name_and_its_errors_are_told_whole(gateway, wire):
    name = gateway.endpoint("mistral", wire, model="mistral-embed")
    problem = {"object": "error", "message": "Unauthorized", "type": "auth", "code": 1}
    wire.answer(json_answer(openai.embeddings([0.5])), json_answer(problem, 401))
    assert gateway.embed(name).json()["model"] == "mistral-embed"
    expect_detail(gateway.embed(name), 401, problem)


# --- Azure ---


def test_azures_deployment_is_the_model(gateway, wire):
    wire.answer(json_answer(openai.chat("a")), events(openai.chunk({"content": "b"})), json_answer(openai.chat("c")))
    name = gateway.endpoint("azure", wire, model="gpt-dep")
    assert gateway.chat(name).json()["choices"][0]["message"]["content"] == "a"
    assert gateway.stream(name)[0]["choices"][0]["delta"]["content"] == "b"
    passed = gateway.post("openai/v1/chat/completions", {"model": name, "x": 1}, headers={"authorization": "Bearer dummy"})
    assert passed.json() == openai.chat("c")
    for call in wire.calls:
        assert (call.path, call.query) == ("/openai/deployments/gpt-dep/chat/completions", {"api-version": "2024-02-01"})
        assert "model" not in call.json and "stream_options" not in call.json
        openai.api_key(call)


def principal(gateway, wire, **more):
    config = {"auth_mode": "service_principal", "tenant_id": "tenant-1", "client_id": "client-1", "authority_host": wire.url, **more}
    return gateway.endpoint("azure", wire, model="gpt-dep", secret={"client_secret": "s3cret+/="}, config=config)


def test_a_service_principal_gets_a_token_once(gateway, wire):
    token = json_answer({"token_type": "Bearer", "expires_in": 3599, "access_token": "azure-token"})
    wire.answer(openai.routed(token=("/token", token), chat=("/chat/completions", json_answer(openai.chat("a")))))
    name = principal(gateway, wire)
    for _ in range(2):
        assert gateway.chat(name).json()["choices"][0]["message"]["content"] == "a"
    first, *chats = wire.calls
    assert first.path == "/tenant-1/oauth2/v2.0/token"
    assert first.header("content-type") == "application/x-www-form-urlencoded"
    assert dict(urllib.parse.parse_qsl(first.body.decode())) == {
        "grant_type": "client_credentials",
        "client_id": "client-1",
        "client_secret": "s3cret+/=",
        "scope": "https://cognitiveservices.azure.com/.default",
    }
    assert [call.path for call in chats] == ["/openai/deployments/gpt-dep/chat/completions"] * 2
    for call in chats:
        openai.bearer(call, "azure-token")


def test_a_refused_principal_is_told_without_its_secret(gateway, wire):
    wire.answer(json_answer({"error": "invalid_client", "error_description": "AADSTS7000215"}, 401))
    reply = gateway.chat(principal(gateway, wire))
    assert reply.status_code >= 400 and set(reply.json()) == {"detail"}
    assert "s3cret" not in reply.text
    assert wire.only_call().path.endswith("/token")


def test_azure_ai_is_called_below_models(gateway, wire):
    wire.answer(json_answer(openai.chat("a")))
    assert gateway.chat(gateway.endpoint("azure_ai", wire, model="phi")).status_code == 200
    call = wire.only_call()
    assert (call.path, call.query) == ("/models/chat/completions", {"api-version": "2024-05-01-preview"})
    assert call.json["model"] == "phi"
    openai.api_key(call)


# --- Databricks ---


def test_databricks_is_called_below_serving_endpoints_and_reasoning_is_left_out(gateway, wire):
    content = [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}, {"type": "text", "text": "answer"}]
    wire.answer(json_answer(openai.chat(content)), events(openai.chunk({"content": content})))
    name = gateway.endpoint("databricks", wire, model="dbrx")
    assert gateway.chat(name).json()["choices"][0]["message"]["content"] == "answer"
    assert gateway.stream(name)[0]["choices"][0]["delta"]["content"] == "answer"
    for call in wire.calls:
        assert (call.path, call.json["model"]) == ("/serving-endpoints/chat/completions", "dbrx")
        openai.bearer(call)


def test_databricks_lends_tokens_to_machines(gateway, upstream, wire):
    """Tokens come from the host itself, so all of the upstream is taken: the wire that is called is told apart by its
    path."""
    seen = []

    def token(call):
        seen.append(call)
        return json_answer({"access_token": "dbx-token", "token_type": "Bearer", "expires_in": 3600})

    upstream.wires["oidc"] = wire.__class__(upstream, "oidc").answer(token)
    try:
        wire.answer(json_answer(openai.chat("a")))
        config = {"auth_mode": "oauth_m2m", "client_id": "client-1"}
        name = gateway.endpoint("databricks", wire, model="dbrx", secret={"client_secret": "s:1"}, config=config)
        for _ in range(2):
            assert gateway.chat(name).status_code == 200
    finally:
        del upstream.wires["oidc"]
    assert [(call.path, call.body) for call in seen] == [("/v1/token", b"grant_type=client_credentials&scope=all-apis")]
    assert seen[0].header("authorization") == "Basic " + base64.b64encode(b"client-1:s:1").decode()
    for call in wire.calls:
        openai.bearer(call, "dbx-token")
    assert KEY not in str(seen)
