"""The record of calls."""

import os
import sqlite3
import subprocess
import time

import pytest

from gateway_support import unique, wait_until
from plain_openai import chat, chunk, chunks, embeddings, error
from support import API_3, BUILD
from upstream import CUT, HANG, events, frame, stream

HI = [{"role": "user", "content": "hi"}]
COUNTS = ("calls", "errors", "streamed", "attempts", "input_tokens", "output_tokens", "cached_tokens")


@pytest.fixture
def name(gateway, wire):
    return gateway.endpoint("openai", wire)


def sums(gateway, name, calls=1):
    """By provider and model, once so many calls are recorded."""

    def look():
        found = gateway.api.get("gateway/usage", {"name": name, "bucket": "day"}, root=API_3).ok()["usage"]
        return found if sum(one["calls"] for one in found) >= calls else None

    return wait_until(look, 5, "the calls are not recorded")


def counts(gateway, name, calls=1):
    (one,) = sums(gateway, name, calls)
    assert one["endpoint_name"] == name
    return {key: one[key] for key in COUNTS}


def expected(**more):
    return {key: more.get(key, 0) for key in COUNTS}


def test_a_whole_call_is_recorded(gateway, wire, name):
    usage = {"prompt_tokens": 30, "completion_tokens": 7, "total_tokens": 37, "prompt_tokens_details": {"cached_tokens": 20}}
    wire.answer(chat(usage=usage))
    gateway.chat(name)
    assert counts(gateway, name) == expected(calls=1, attempts=1, input_tokens=30, output_tokens=7, cached_tokens=20)
    (one,) = sums(gateway, name)
    assert (one["provider"], one["model"]) == ("openai", "model-1")
    assert one["max_duration_ms"] >= 0
    assert "mean_time_to_first_token_ms" not in one


def test_embeddings_are_recorded(gateway, wire, name):
    wire.answer(embeddings([1.0]))
    gateway.embed(name)
    assert counts(gateway, name) == expected(calls=1, attempts=1, input_tokens=4)


def test_a_stream_is_recorded_with_the_time_to_its_first_event(gateway, wire, name):
    tail = chunk("", usage={"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14})
    wire.answer(events(0.4, chunk("a"), 0.3, chunk("b"), tail))
    gateway.stream(name)
    assert counts(gateway, name) == expected(calls=1, streamed=1, attempts=1, input_tokens=11, output_tokens=3)
    (one,) = sums(gateway, name)
    assert 350 <= one["mean_time_to_first_token_ms"] < one["max_duration_ms"]


def test_tokens_of_what_is_only_relayed_are_recorded(gateway, wire, name):
    usage = {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11}
    wire.answer(chat(usage=usage), events(chunk("a"), chunk("", usage=usage)))
    body = {"model": name, "messages": HI}
    gateway.post("openai/v1/chat/completions", body)
    gateway.post("openai/v1/chat/completions", {**body, "stream": True})
    assert counts(gateway, name, 2) == expected(calls=2, streamed=1, attempts=2, input_tokens=10, output_tokens=12)


def test_failures_are_recorded_as_errors(gateway, wire, name):
    wire.answer(error(429), error(500), chunks("a", CUT))
    gateway.chat(name)
    gateway.chat(name)
    gateway.stream(name)
    assert counts(gateway, name, 3) == expected(calls=3, errors=3, streamed=1, attempts=3)


def test_a_call_counts_for_the_model_that_answered(gateway, upstream):
    first, second = upstream.wire().answer(error(500)), upstream.wire().answer(chat())
    models = [gateway.model("openai", first, model="model-a"), gateway.model("openai", second, model="model-b")]
    configs = [
        {"model_definition_id": models[0], "linkage_type": "PRIMARY", "weight": 1},
        {"model_definition_id": models[1], "linkage_type": "FALLBACK", "weight": 1, "fallback_order": 0},
    ]
    name = gateway.endpoint_of(*configs, fallback_config={"strategy": "SEQUENTIAL"})
    gateway.chat(name)
    (one,) = sums(gateway, name)
    assert (one["model"], one["calls"], one["attempts"], one["errors"]) == ("model-b", 1, 2, 0)


def test_a_client_that_leaves_is_an_error_in_the_record(gateway, wire, name):
    wire.answer(stream(frame(chunk("a")), HANG))
    reply = gateway.invoke(name, {"messages": HI, "stream": True}, stream=True)
    next(reply.iter_content(10))
    reply.close()
    assert counts(gateway, name) == expected(calls=1, errors=1, streamed=1, attempts=1)


def test_what_is_refused_before_an_endpoint_is_known_is_not_recorded(gateway, wire, name):
    nobody = unique("nobody")
    wire.answer(chat())
    gateway.chat(nobody)
    gateway.chat(name, temperature=9)
    gateway.chat(name)
    assert counts(gateway, name)["calls"] == 1
    assert gateway.api.get("gateway/usage", {"name": nobody}, root=API_3).ok()["usage"] == []


def test_what_was_not_written_down_yet_is_when_the_program_ends(servers, gateway, wire, name, tmp_path):
    wire.answer(chat())
    server = gateway.server
    body = '{"messages":[{"role":"user","content":"hi"}]}'
    recording = tmp_path / "request"
    recording.write_text(f"POST /gateway/{name}/mlflow/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    done = subprocess.run(
        [BUILD / "fcgi-bin" / "gateway.fcgi", "--replay", recording, "--backend-store-uri", f"sqlite:///{server.database}"],
        env={key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")},
        capture_output=True, timeout=30, stdin=subprocess.DEVNULL, cwd=tmp_path,
    )  # fmt: skip
    assert b"Status: 200 " in done.stdout, done
    assert counts(gateway, name)["calls"] == 1


def test_a_call_does_not_wait_for_its_record(gateway, wire, name):
    """While somebody else writes to the database for a long time, calls go on."""
    wire.answer(chat())
    gateway.chat(name)
    sums(gateway, name)
    with sqlite3.connect(gateway.server.database, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        for _ in range(20):
            assert gateway.chat(name).status_code == 200
        taken = time.monotonic() - began
        other.execute("ROLLBACK")
    assert taken < 3
    assert counts(gateway, name, 21)["calls"] == 21
