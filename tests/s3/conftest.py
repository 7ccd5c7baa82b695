import os
import pathlib
import sys

import pytest

pytest.register_assert_rewrite("s3_support")

from s3_support import Client, Proxy, Scripted, Swift, Tool  # noqa: E402

BUCKET = "artifacts"
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "api"))


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left out of short runs under sanitizers")


@pytest.fixture(scope="session")
def swift(tmp_path_factory):
    running = Swift(tmp_path_factory.mktemp("s3"))
    Client(running.endpoint).make_bucket(BUCKET)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def client(swift):
    return Client(swift.endpoint)


@pytest.fixture
def prefix():
    """A prefix in the bucket that only this test uses."""
    return os.urandom(8).hex()


@pytest.fixture
def s3(swift, prefix):
    """The program on a repository of its own in the real server."""
    return Tool(swift.endpoint, f"s3://{BUCKET}/{prefix}")


@pytest.fixture(scope="session")
def one_proxy(swift):
    running = Proxy(swift.port)
    yield running
    running.stop()


@pytest.fixture
def proxy(one_proxy):
    one_proxy.reset()
    return one_proxy


@pytest.fixture
def faulty(proxy, prefix):
    """The same through the proxy, with little patience."""
    return Tool(proxy.endpoint, f"s3://{BUCKET}/{prefix}", TRACKLIGHT_S3_IDLE_TIMEOUT_MS="1500")


@pytest.fixture(scope="session")
def suite_server():
    from support import Server  # of the API tests

    return Server


@pytest.fixture
def scripted():
    """scripted(answer) gives a server that answers by that function."""
    running = []

    def start(answer, **more):
        running.append(Scripted(answer, **more))
        return running[-1]

    yield start
    for server in running:
        server.stop()
