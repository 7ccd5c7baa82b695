"""What providers do wrong, and what clients see of it."""

import os
import socket
import subprocess
import threading
import time

import pytest

from gateway_support import KEY, expect_detail, parse_events
from plain_openai import chat, chunk, chunks, error, text_of
from support import BUILD, free_port
from upstream import CUT, HANG, Answer, events, frame, json_answer, stream

HI = [{"role": "user", "content": "hi"}]
TYPE = "The returned data type from the route service is not supported. Received content type: "


@pytest.fixture
def name(gateway, wire):
    return gateway.endpoint("openai", wire)


def streamed(gateway, name):
    return gateway.invoke(name, {"messages": HI, "stream": True})


def relayed(gateway, name, stream=False):
    return gateway.post("openai/v1/chat/completions", {"model": name, "messages": HI, "stream": stream})


CALLS = {"unified": lambda g, n: g.chat(n), "unified stream": streamed, "relayed": relayed, "relayed stream": lambda g, n: relayed(g, n, True)}


@pytest.fixture(params=CALLS)
def call(request):
    return CALLS[request.param]


# --- Statuses ---


@pytest.mark.parametrize("status", [400, 401, 429, 500, 529])
def test_an_error_keeps_its_status_and_message_on_every_route(gateway, wire, name, call, status):
    wire.answer(error(status, "grüße: no"))
    expect_detail(call(gateway, name), status, "grüße: no")
    assert len(wire.calls) == 1


@pytest.mark.parametrize("body, detail", [
    ({"error": "only a text"}, "only a text"),
    ({"error": {"type": "x"}}, "Too Many Requests"),
    ({"error": {"message": None}}, "Too Many Requests"),
    ({"error": None}, "Too Many Requests"),
    ({"message": "else", "code": 3}, {"message": "else", "code": 3}),
    ({"detail": [{"loc": ["ä"]}]}, {"detail": [{"loc": ["ä"]}]}),
])  # fmt: skip
def test_errors_have_many_forms(gateway, wire, name, call, body, detail):
    wire.answer(json_answer(body, 429))
    expect_detail(call(gateway, name), 429, detail)


def test_an_error_in_plain_text_is_told(gateway, wire, name, call):
    wire.answer(Answer(503, {"content-type": "text/plain; charset=utf-8"}, [b"try later"]))
    expect_detail(call(gateway, name), 503, {"message": "try later"})


def test_an_error_page_is_a_bad_gateway(gateway, wire, name, call):
    wire.answer(Answer(500, {"content-type": "text/html"}, [b"<html>"]))
    expect_detail(call(gateway, name), 502, TYPE + "text/html")


def test_an_answer_of_another_type_is_a_bad_gateway(gateway, wire, name):
    for headers, shown in (({"content-type": "application/xml"}, "application/xml"), ({}, "")):
        wire.answer(Answer(200, headers, [b"<x/>"]))
        expect_detail(gateway.chat(name), 502, TYPE + shown)


def test_a_redirect_is_not_followed(gateway, wire, name, call, upstream):
    elsewhere = upstream.wire()
    elsewhere.answer(chat())
    wire.answer(Answer(307, {"location": elsewhere.url + "/x", "content-type": "application/json"}, [b"{}"]))
    expect_detail(call(gateway, name), 502, None)
    assert elsewhere.calls == []


def test_rate_limit_headers_of_the_provider_are_its_own(gateway, wire, name):
    wire.answer(json_answer({"error": {"message": "x"}}, 429, {"retry-after": "30", "x-request-id": "theirs"}))
    reply = gateway.chat(name)
    assert "retry-after" not in reply.headers
    assert reply.headers["x-request-id"] != "theirs"


def test_a_provider_that_repeats_the_key_does_not_give_it_away(gateway, wire, name, call):
    for answer in (error(401, f"Incorrect API key: {KEY}!"), json_answer({"got": [KEY]}, 403), json_answer({"error": KEY}, 401)):
        wire.answer(answer)
        reply = call(gateway, name)
        assert reply.status_code >= 400
        assert KEY not in reply.text
        assert "***" in reply.text


# --- Garbage ---


@pytest.mark.parametrize("body", [b"", b"{", b"<html>", b'{"choices": [}', b"\xff\xfe", b"[" * 5000, b"nul"], ids=lambda body: repr(body[:12]))
def test_json_that_is_none_is_a_bad_gateway(gateway, wire, name, call, body):
    wire.answer(Answer(200, {"content-type": "application/json"}, [body]))
    expect_detail(call(gateway, name), 502, None)


@pytest.mark.parametrize("body", [b"[]", b"null", b"5", b"{}", b'{"choices": 5}'])
def test_json_that_is_no_answer_is_a_bad_gateway(gateway, wire, name, body):
    wire.answer(Answer(200, {"content-type": "application/json"}, [body]))
    expect_detail(gateway.chat(name), 502, None)
    expect_detail(gateway.embed(name), 502, None)


def test_a_provider_that_does_not_speak_http_is_a_bad_gateway(gateway, wire):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        name = gateway.endpoint("openai", config={"api_base": f"http://127.0.0.1:{listener.getsockname()[1]}"})
        def serve():
            for _ in range(2):
                connection, _ = listener.accept()
                connection.recv(65536)
                connection.sendall(b"SSH-2.0-nothing\r\n")
                connection.close()

        threading.Thread(target=serve, daemon=True).start()
        expect_detail(gateway.chat(name), 502, None)
        expect_detail(streamed(gateway, name), 502, None)


def test_garbage_in_a_stream_is_passed_over(gateway, wire, name):
    wire.answer(stream(
        b": comment\n\n", b"nonsense\n\n", b"data: not json\n\n", b"data: [1]\n\n", frame(chunk("a")),
        b"data:\n\n", frame(chunk("b"), end="\r\n"), b"data: [DONE]",
    ))  # fmt: skip
    assert text_of(gateway.stream(name)) == "ab"


# --- Connections ---


def test_a_provider_that_is_not_there_is_a_bad_gateway(gateway):
    name = gateway.endpoint("openai", config={"api_base": f"http://127.0.0.1:{free_port()}/v1"})
    for reply in (gateway.chat(name), streamed(gateway, name), relayed(gateway, name)):
        expect_detail(reply, 502, "The provider 'openai' cannot be reached.")


def test_a_host_that_does_not_exist_is_a_bad_gateway(gateway):
    name = gateway.endpoint("openai", config={"api_base": "http://no-such-host.invalid"})
    expect_detail(gateway.chat(name), 502, None)


def test_a_provider_that_hangs_up_is_a_bad_gateway(gateway, wire, name, call):
    wire.answer(lambda call: (_ for _ in ()).throw(OSError("hangs up")))
    expect_detail(call(gateway, name), 502, None)


def test_a_whole_answer_that_breaks_off_is_a_bad_gateway(gateway, wire, name):
    wire.answer(Answer(200, {"content-type": "application/json", "content-length": "500"}, [b'{"id": "x",', CUT]))
    expect_detail(gateway.chat(name), 502, None)
    expect_detail(relayed(gateway, name), 502, None)


@pytest.mark.parametrize("base", [
    "http://169.254.169.254/latest", "http://10.0.0.1", "http://192.168.1.1:8080/v1", "http://[fe80::1]/", "http://[fd00:ec2::254]",
    "http:///169.254.169.254/", "http://0.0.0.0:1/", "http://2130706433.169.254.169.254.nip.invalid@10.0.0.1/", "ftp://127.0.0.1/", "file:///etc/passwd",
])  # fmt: skip
def test_addresses_of_the_own_network_are_not_called(gateway, base):
    reply = gateway.chat(gateway.endpoint("openai", config={"api_base": base}))
    assert reply.status_code in (400, 502), reply.text
    assert reply.status_code == 400 or "cannot be found" in reply.text, reply.text


def test_an_allowed_network_is_called(special):
    allowed = special.chat(special.endpoint("openai", config={"api_base": "http://192.0.2.1:9"}))
    assert allowed.status_code in (502, 504), allowed.text
    refused = special.chat(special.endpoint("openai", config={"api_base": "http://198.51.100.1:9"}))
    assert refused.status_code == 400


def test_a_server_with_networks_that_are_none_does_not_start(tmp_path):
    done = subprocess.run(
        [BUILD / "fcgi-bin" / "gateway.fcgi", "--listen", f"unix:{tmp_path}/s", "--gateway-allowed-networks", "10.0.0.0/99",
         "--backend-store-uri", f"sqlite:///{tmp_path}/t.db"],
        capture_output=True, timeout=20, stdin=subprocess.DEVNULL, cwd=tmp_path,
        env={**os.environ, "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{tmp_path}/t.db"},
    )  # fmt: skip
    assert done.returncode == 1
    assert b"--gateway-allowed-networks: '10.0.0.0/99' is no network" in done.stderr


# --- Time ---


@pytest.mark.parametrize("call", [CALLS["unified"], CALLS["relayed stream"]])
def test_a_provider_that_does_not_begin_in_time_is_504(special, wire, call):
    wire.answer(lambda call: (time.sleep(5), chat())[1])
    name = special.endpoint("openai", wire)
    began = time.monotonic()
    expect_detail(call(special, name), 504, "The provider 'openai' did not answer in time.")
    assert 0.9 < time.monotonic() - began < 4


def test_a_whole_answer_that_pauses_for_too_long_is_504(special, wire):
    wire.answer(Answer(200, {"content-type": "application/json", "content-length": "500"}, [b'{"id": "x",', HANG]))
    expect_detail(special.chat(special.endpoint("openai", wire)), 504, None)


def test_an_answer_that_trickles_is_cut_off_by_the_total(special, wire):
    wire.answer(Answer(200, {"content-type": "application/json", "content-length": "500"}, [b" ", 0.4] * 20))
    began = time.monotonic()
    expect_detail(special.chat(special.endpoint("openai", wire)), 504, None)
    assert 1.9 < time.monotonic() - began < 4.5


def test_a_stream_that_pauses_for_too_long_ends_with_an_error(special, wire):
    wire.answer(chunks("a", HANG, done=False))
    found = special.stream(special.endpoint("openai", wire))
    assert text_of(found[:-1]) == "a"
    assert found[-1]["error"]["type"] == "timeout_error"
    assert wire.only_call().ended.wait(2)


def test_a_stream_that_goes_on_for_too_long_ends_with_an_error(special, wire):
    wire.answer(chunks(*["x", 0.3] * 12))
    found = special.stream(special.endpoint("openai", wire))
    assert found[-1]["error"]["type"] == "timeout_error"
    assert 3 <= len(found) < 13


# --- Breaks in streams ---


def test_a_cut_in_a_stream_is_told_in_it(gateway, wire, name):
    wire.answer(chunks("a", "b", CUT))
    found = gateway.stream(name)
    assert text_of(found[:-1]) == "ab"
    assert set(found[-1]) == {"error"}
    assert found[-1]["error"]["type"] == "upstream_error"
    assert found[-1]["error"]["message"]


def test_an_error_in_a_stream_is_told_in_it(gateway, wire, name):
    wire.answer(events(chunk("a"), 0.5, {"error": {"message": "overloaded", "type": "server_error"}}, chunk("b")))
    found = gateway.stream(name)
    assert text_of(found[:-1]) == "a"
    assert found[-1]["error"]["message"] == "overloaded"


def test_a_cut_in_a_relayed_stream_is_told_in_the_words_of_its_route(gateway, wire, name):
    wire.answer(chunks("a", b'data: {"half', CUT))
    content = relayed(gateway, name, True).content
    assert content.startswith(frame(chunk("a")))
    last = parse_events(content[content.rindex(b"data: ") :])[0]
    assert last["error"]["type"] == "upstream_error"

    anthropic = gateway.endpoint("anthropic", wire)
    wire.answer(stream(b'event: ping\ndata: {"type":"ping"}\n\n', CUT))
    content = gateway.post("anthropic/v1/messages", {"model": anthropic, "messages": HI, "stream": True, "max_tokens": 5}).content
    assert b'\n\nevent: error\ndata: {"type":"error","error":{"message":"' in content


def test_an_event_without_an_end_is_bounded(gateway, wire, name):
    wire.answer(stream(*[b"data: " + b"x" * 500_000] * 10))
    reply = streamed(gateway, name)
    expect_detail(reply, 502, None)


def test_a_failed_call_leaves_the_next_one_alone(gateway, wire, name):
    wire.answer(chunks("a", CUT), chunks("b"), Answer(200, {"content-type": "application/json"}, [b"{"]), chat("d"))
    assert "error" in gateway.stream(name)[-1]
    assert text_of(gateway.stream(name)) == "b"
    assert gateway.chat(name).status_code == 502
    assert gateway.chat(name).json()["choices"][0]["message"]["content"] == "d"


def test_no_key_is_in_the_log(gateway, wire, name):
    wire.answer(error(401, f"bad key {KEY}"))
    gateway.chat(name)
    wire.answer(chunks("a", CUT))
    gateway.stream(name)
    log = gateway.server.log.read_text()
    assert "operation=invocations" in log
    assert KEY not in log
    assert "hi" not in [word for line in log.splitlines() for word in line.split('"')]
