"""What /metrics says about calls of models."""

import re

import pytest
import requests

from gateway_support import Gateway, wait_until
from plain_openai import chat, error

HI = [{"role": "user", "content": "hi"}]


@pytest.fixture
def counted(servers):
    return Gateway(servers("--expose-prometheus", "metrics"))


def series(gateway):
    text = requests.get(f"{gateway.api.url}/metrics", timeout=10).text
    return {name: float(value) for name, value in re.findall(r"^(tracklight_gateway_\S+) (\S+)$", text, re.M)}


def test_calls_are_counted_by_provider_and_status(counted, wire):
    name = counted.endpoint("openai", wire)
    before = series(counted)
    wire.answer(chat("hello"), error(400, "no"))
    for _ in range(2):
        counted.chat(name, messages=HI)

    def grown(key):
        return lambda: series(counted).get(key, 0) - before.get(key, 0)

    wait_until(lambda: grown('tracklight_gateway_calls_total{provider="openai",status="400"}')() == 1, 5, "failures are not counted")
    assert grown('tracklight_gateway_calls_total{provider="openai",status="200"}')() == 1
    assert grown('tracklight_gateway_duration_seconds_count{provider="openai"}')() == 2
    assert grown('tracklight_gateway_tokens_total{provider="openai",kind="input"}')() > 0
    assert grown('tracklight_gateway_tokens_total{provider="openai",kind="output"}')() > 0


def test_what_clients_make_up_is_no_label(counted, wire):
    name = counted.endpoint("made-up-provider", wire)
    wire.answer(chat("hello"))
    counted.chat(name, messages=HI)
    wait_until(lambda: any('provider="other"' in key for key in series(counted)), 5, "the call is not counted")
    assert not any("made-up" in key for key in series(counted))
