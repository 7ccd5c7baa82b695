"""Streams on their way: at once, not faster than the client takes them, and not longer than it wants them."""

import json
import pathlib
import socket
import time

import pytest

from gateway_support import parse_events, wait_until
from plain_openai import chunk, chunks, text_of
from upstream import HANG, Answer, frame, stream

HI = [{"role": "user", "content": "hi"}]


@pytest.fixture
def name(gateway, wire):
    return gateway.endpoint("openai", wire)


class Reader:
    """A client that reads a stream piece by piece."""

    def __init__(self, gateway, path, body, receive_buffer=None):
        data = json.dumps(body).encode()
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(15)
        self.socket.connect(("127.0.0.1", gateway.server.port))
        head = f"POST /gateway/{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(data)}\r\n\r\n"
        self.socket.sendall(head.encode() + data)
        self.received = b""

    def until(self, text):
        """Reads until this came; the time when it had."""
        while text not in self.received:
            piece = self.socket.recv(65536)
            assert piece, self.received
            self.received += piece
        return time.monotonic()

    def leave(self):
        self.socket.close()
        return time.monotonic()


def chat_body(**more):
    return {"messages": HI, "stream": True, **more}


def relayed_body(name):
    return {"model": name, "messages": HI, "stream": True}


ROUTES = {
    "unified": lambda name: (f"{name}/mlflow/invocations", chat_body()),
    "relayed": lambda name: ("openai/v1/chat/completions", relayed_body(name)),
}


@pytest.fixture(params=ROUTES)
def route(request):
    return ROUTES[request.param]


# --- Pieces ---


def test_every_event_leaves_as_it_comes(gateway, wire, name, route):
    wire.answer(chunks("one", 0.4, "two", 0.4, "three"))
    reader = Reader(gateway, *route(name))
    times = [reader.until(word) for word in (b"one", b"two", b"three")]
    assert times[1] - times[0] > 0.2
    assert times[2] - times[1] > 0.2
    reader.leave()


def test_the_head_comes_before_the_first_event_if_that_takes_its_time(gateway, wire, name, route):
    wire.answer(stream(1.2, frame(chunk("late")), b"data: [DONE]\n\n"))
    began = time.monotonic()
    reader = Reader(gateway, *route(name))
    assert reader.until(b"\r\n\r\n") - began < 1
    assert b"text/event-stream" in reader.received
    assert reader.until(b"late") - began > 1
    reader.leave()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_a_stream_may_come_in_any_pieces(gateway, wire, name, size, end):
    whole = b": hello" + end.encode() + b"".join(frame(chunk(text), end=end) for text in ("grüße ", "𝄞 ", "done")) + b"data: [DONE]"
    wire.answer(stream(*[whole[i : i + size] for i in range(0, len(whole), size)]))
    assert text_of(gateway.stream(name)) == "grüße 𝄞 done"


def test_a_unified_stream_has_no_done_and_nothing_behind_its_end(gateway, wire, name):
    wire.answer(chunks("a", b"data: [DONE]\n\n", "behind"))
    reply = gateway.invoke(name, chat_body())
    assert text_of(parse_events(reply.content)) == "a"
    assert b"[DONE]" not in reply.content


def test_a_relayed_stream_is_the_same_byte_for_byte(gateway, wire, name):
    sent = [b"event: x\r\n", b"data: {\"a\":", b"1}\r\n\r\n", b": comment\n\n", b"id: 7\ndata: y\n\ndata: [DONE]", b"\n\n", b"data: more\n"]
    wire.answer(stream(*sent))
    assert gateway.post("openai/v1/chat/completions", relayed_body(name)).content == b"".join(sent)


def test_a_connection_to_the_provider_is_used_again(gateway, wire, name, upstream):
    wire.answer(chunks("a"))
    for _ in range(3):
        gateway.stream(name)
    before = upstream.connections
    for _ in range(20):
        assert text_of(gateway.stream(name)) == "a"
    # One request after the other, though each may come to another thread of the gateway.
    assert upstream.connections - before <= 10


# --- Quiet ---


def test_a_quiet_stream_has_heartbeats_between_events_only(gateway, wire, name, route):
    wire.answer(stream(frame(chunk("a")), 1.0, frame(chunk("b")), b'data: {"half":', 0.6, b"1}\n\n", b"data: [DONE]\n\n"))
    path, body = route(name)
    content = gateway.post(path, body).content
    assert content.count(b": \n\n") >= 2
    events = [block for block in content.split(b"\n\n") if block and not block.startswith(b":")]
    assert [json.loads(event[6:]) for event in events[:2]] and all(event.startswith(b"data: ") for event in events), events


def test_heartbeats_of_gemini_are_blank_lines(gateway, wire):
    event = frame({"candidates": [{"content": {"parts": [{"text": "a"}]}}]}, end="\r\n")
    wire.answer(stream(event, 1.0, event))
    name = gateway.endpoint("gemini", wire)
    content = gateway.post(f"gemini/v1beta/models/{name}:streamGenerateContent", {"contents": []}).content
    assert content.startswith(event + b"\n")
    assert content.replace(b"\n", b"").replace(b"\r", b"") == (event * 2).replace(b"\n", b"").replace(b"\r", b"")


# --- Leaving ---


def test_the_provider_is_left_within_a_second_of_the_client(gateway, wire, name, route):
    wire.answer(stream(frame(chunk("a")), HANG))
    reader = Reader(gateway, *route(name))
    reader.until(b'"a"')
    call = wire.only_call()
    time.sleep(0.3)
    left = reader.leave()
    assert call.ended.wait(5), "the provider is still being read"
    assert call.closed_at - left < 1


def test_a_client_that_leaves_before_the_first_event_is_noticed(gateway, wire, name, route):
    wire.answer(stream(HANG))
    reader = Reader(gateway, *route(name))
    call = wire.wait_for_call()
    reader.until(b"\r\n\r\n")
    left = reader.leave()
    assert call.ended.wait(5)
    assert call.closed_at - left < 1


# --- Slowness ---


def resident(gateway):
    (pid,) = gateway.server.programs("gateway.fcgi")
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) * 1024


def test_a_slow_client_slows_the_provider_down_and_takes_no_memory(gateway, wire, name, route):
    total = 400
    big = chunk("x" * 100_000)
    wire.answer(stream(*[frame(big)] * total))
    before = resident(gateway)
    reader = Reader(gateway, *route(name), receive_buffer=16 * 1024)
    reader.until(b"xxx")
    call = wire.only_call()
    last = -1
    while call.sent != last:
        last = call.sent
        time.sleep(0.5)
    assert call.sent < total * 100_000 / 2, "the provider was read although nobody takes what it says"
    assert resident(gateway) - before < 12 * 1024 * 1024
    got = len(reader.received)
    while b"\r\n0\r\n\r\n" not in reader.received[-10:]:
        reader.received = reader.received[-10:]
        piece = reader.socket.recv(1 << 20)
        assert piece
        got += len(piece)
        reader.received += piece
    assert got > total * 100_000
    reader.leave()


def test_many_streams_at_once(gateway, wire, name):
    wire.answer(chunks("a", 0.5, "b", 0.5, "c"))
    readers = [Reader(gateway, f"{name}/mlflow/invocations", chat_body()) for _ in range(60)]
    began = time.monotonic()
    for reader in readers:
        reader.until(b'"c"')
        reader.leave()
    assert time.monotonic() - began < 6


def test_no_stream_is_left_open(gateway, wire, name):
    wire.answer(chunks("a"))
    gateway.stream(name)
    wait_until(lambda: wire.last_call().ended.is_set())
    assert not wire.last_call().broken
