"""What every test of the gateway has:

    gateway     a running suite, and what is needed to set endpoints up and call them (class Gateway)
    wire        a provider that answers by a script (upstream.py)

    def test_a_chat_is_answered(gateway, wire):
        wire.answer(openai_chat("hello"))
        name = gateway.endpoint("openai", wire, model="gpt-x")
        assert gateway.chat(name).json()["choices"][0]["message"]["content"] == "hello"
        assert wire.only_call().header("authorization") == f"Bearer {KEY}"

A module per provider: wire_<provider>.py has what the provider answers, test_<provider>.py the tests.
"""

import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "api")]

from gateway_support import Gateway  # noqa: E402
from support import Server  # noqa: E402
from upstream import Upstream  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left out of short runs")


@pytest.fixture(scope="session")
def servers(tmp_path_factory):
    """servers(*options, environment=…) gives a suite with these settings; equal settings share one."""
    running = {}

    def get(*options, environment=None):
        key = (options, tuple(sorted((environment or {}).items())))
        if key not in running:
            running[key] = Server(tmp_path_factory.mktemp("suite"), *options, environment=environment)
        return running[key]

    yield get
    problems = []
    for one in running.values():
        try:
            one.stop()
        except AssertionError as problem:
            problems.append(f"{' '.join(one.command)}: {problem}")
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="session")
def upstream():
    running = Upstream()
    yield running
    running.stop()


@pytest.fixture
def wire(upstream):
    return upstream.wire()


@pytest.fixture
def gateway(servers):
    return Gateway(servers())


@pytest.fixture
def special(servers, upstream):
    """A gateway that waits a second for everything, may call 192.0.2.0/24, and has a deployments server: the wire of that
    name."""
    if "deployments" not in upstream.wires:
        upstream.wires["deployments"] = upstream.wire()
    return Gateway(servers("--gateway-allowed-networks", "192.0.2.0/24", environment={
        "TRACKLIGHT_GATEWAY_CONNECT_TIMEOUT": "1",
        "TRACKLIGHT_GATEWAY_FIRST_BYTE_TIMEOUT": "1",
        "TRACKLIGHT_GATEWAY_IDLE_TIMEOUT": "1",
        "MLFLOW_GATEWAY_ROUTE_TIMEOUT_SECONDS": "2",
        "MLFLOW_DEPLOYMENTS_TARGET": upstream.url + "/deployments/",
    }))  # fmt: skip
