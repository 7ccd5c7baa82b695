import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "api"))

from jobs_support import Site  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left out of short runs under sanitizers")


@pytest.fixture
def site(tmp_path):
    """A place for a server, workers and types of jobs; all of it is ended, and nothing may be left."""
    place = Site(tmp_path)
    yield place
    place.close()
