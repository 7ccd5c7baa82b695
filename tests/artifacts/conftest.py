import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "api"), str(HERE.parent / "s3")]

from proxy import Proxy  # noqa: E402
from support import Server  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left out of short runs under sanitizers")


@pytest.fixture(scope="session")
def servers(tmp_path_factory):
    """servers(*options, environment=…) gives a suite with these settings; equal settings share one."""
    running = {}

    def get(*options, environment=None, **more):
        key = (options, tuple(sorted((environment or {}).items())), tuple(sorted(more.items())))
        if key not in running:
            running[key] = Server(tmp_path_factory.mktemp("suite"), *options, environment=environment, **more)
        return running[key]

    yield get
    problems = []
    for one in running.values():
        try:
            one.stop()
        except AssertionError as problem:
            problems.append(f"{' '.join(one.command)}: {problem}")
    assert not problems, "\n".join(problems)


@pytest.fixture
def server(servers):
    """The suite with default settings."""
    return servers()


@pytest.fixture(params=["by the web server", "by the program"])
def proxy(request, servers):
    """The proxy's client, once with downloads through X-Sendfile and once without."""
    environment = {"TRACKLIGHT_X_SENDFILE": "off"} if request.param == "by the program" else None
    return Proxy(servers(environment=environment))


@pytest.fixture
def store(server):
    """The proxy's client for what does not depend on how downloads leave."""
    return Proxy(server)
