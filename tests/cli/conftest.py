import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "api")]

pytest.register_assert_rewrite("support", "command_line")

from command_line import CommandLine  # noqa: E402
from support import Server  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left out of short runs")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """A suite whose database the commands work on."""
    running = Server(tmp_path_factory.mktemp("suite"))
    yield running
    running.stop()


@pytest.fixture
def api(server):
    return server.api


@pytest.fixture
def command(server):
    """command("gc", …) as the administrator of that suite, in its folder."""
    return CommandLine(server.directory, server.database)
