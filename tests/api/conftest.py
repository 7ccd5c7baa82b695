import pathlib

import pytest

pytest.register_assert_rewrite("support")

from rights_support import start_closed  # noqa: E402
from support import Server  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left out of short runs under sanitizers")


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The suite with default settings, shared by all tests."""
    running = Server(tmp_path_factory.mktemp("suite"))
    yield running
    running.stop()


@pytest.fixture
def api(server):
    return server.api


@pytest.fixture(scope="session")
def servers(tmp_path_factory):
    """servers(*options, environment=…) gives a suite with other settings; equal settings share one."""
    running = {}

    def get(*options, environment=None, **more):
        key = (options, tuple(sorted((environment or {}).items())), tuple(sorted(more.items())))
        if key not in running:
            running[key] = Server(tmp_path_factory.mktemp("suite"), *options, environment=environment, **more)
        return running[key]

    yield get
    problems = []
    for one in running.values():
        one.begin_to_stop()
    for one in running.values():
        try:
            one.stop()
        except AssertionError as problem:
            problems.append(f"{' '.join(one.command)}: {problem}")
    assert not problems, "\n".join(problems)


@pytest.fixture(scope="session")
def closed_suite(servers, tmp_path_factory):
    """With users, who may do nothing by default."""
    return start_closed(servers, tmp_path_factory.mktemp("closed"), "--allow-signup")


@pytest.fixture
def experiment(api):
    """The id of a fresh experiment."""
    return api.experiment()


@pytest.fixture
def run(api, experiment):
    """The id of a fresh run in a fresh experiment."""
    return api.run(experiment)


def pytest_collection_modifyitems(config, items):
    """The check that every operation was exercised comes last, and only when every file of this folder is run."""
    last = [item for item in items if "exercised_by_these_tests" in item.name]
    files = {pathlib.Path(str(item.fspath)).name for item in items}
    complete = {path.name for path in HERE.glob("test_*.py")} <= files and not config.option.keyword
    for item in last:
        items.remove(item)
    if complete:
        items.extend(last)
    elif last:
        config.hook.pytest_deselected(items=last)
