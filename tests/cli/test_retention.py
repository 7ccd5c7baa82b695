"""What the worker removes by the rules of retention."""

import pathlib
import sqlite3
import time

import pytest

from support import unique
from traces_support import START_NS, Traces

DAY_NS = 86_400_000_000_000


@pytest.fixture
def worker(command):
    """worker(setting=value) runs `tracklight worker --once` under these rules."""

    def run(status=0, **rules):
        environment = {f"TRACKLIGHT_RETENTION_{name.upper()}": value for name, value in rules.items()}
        return command("worker", "--once", environment=environment, status=status)

    return run


def traces_of(server, experiment):
    with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as database:
        return {row[0] for row in database.execute("SELECT trace_id FROM traces WHERE experiment = ?", (int(experiment),))}


def test_nothing_is_removed_by_default(server, api, worker):
    experiment = api.experiment()
    run = api.run(experiment)
    api.post("runs/delete", {"run_id": run}).ok()
    trace = Traces(api, experiment).arrived()
    assert "removed" not in worker().out
    assert api.get("runs/get", {"run_id": run}).status == 200
    assert traces_of(server, experiment) == {trace}


def test_deleted_runs_go_once_they_are_old_enough(server, api, worker):
    experiment = api.experiment()
    run, active = api.run(experiment), api.run(experiment)
    assert api.request("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/f", data=b"x").status == 200
    api.post("runs/delete", {"run_id": run}).ok()
    worker(deleted_runs="1d")
    assert api.get("runs/get", {"run_id": run}).status == 200
    time.sleep(0.06)
    assert " deleted runs and 0 old traces removed" in worker(deleted_runs="0.05s").out
    assert api.get("runs/get", {"run_id": run}).status == 404
    assert api.get("runs/get", {"run_id": active}).status == 200
    assert not pathlib.Path(server.directory, "mlartifacts", experiment, run).exists()


def test_old_traces_go_and_an_experiments_tag_counts_instead(server, api, worker):
    experiments = [api.experiment(unique("e")) for _ in range(4)]
    now = time.time_ns()
    kept, removed = {}, {}
    for experiment in experiments:
        traces = Traces(api, experiment)
        removed[experiment] = {traces.arrived(start=START_NS), traces.arrived(start=now - 3 * DAY_NS)}
        kept[experiment] = {traces.arrived(start=now)}
    plain, longer, forever, unclear = experiments
    for experiment, value in ((longer, "2d"), (forever, "0"), (unclear, "a month")):
        api.post("experiments/set-experiment-tag", {"experiment_id": experiment, "key": "tracklight.retention.traces", "value": value}).ok()
    assert traces_of(server, plain) == kept[plain] | removed[plain]
    done = worker(traces="1d")
    assert "0 deleted runs and" in done.out
    assert f"the traces of experiment {unclear} are kept" in done.err
    for experiment in (plain, longer):
        assert traces_of(server, experiment) == kept[experiment]
    for experiment in (forever, unclear):
        assert traces_of(server, experiment) == kept[experiment] | removed[experiment]


def test_files_of_old_traces_go_with_them(server, api, worker):
    experiment = api.experiment()
    trace = Traces(api, experiment).start(request_time="2023-11-14T22:13:20Z")["trace_id"]
    place = f"{experiment}/traces/{trace}/artifacts/traces.json"
    assert api.request("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{place}", data=b"{}").status == 200
    worker(traces="30d")
    assert trace not in traces_of(server, experiment)
    assert not pathlib.Path(server.directory, "mlartifacts", experiment, "traces", trace).exists()


def test_many_traces_go_in_slices(server, api, worker):
    experiment = api.experiment()
    with sqlite3.connect(server.database) as database:
        database.executemany(
            "INSERT INTO traces (trace_id, experiment, request_time, status) VALUES (?, ?, 1000, 1)",
            ((f"tr-{experiment}-{i}", int(experiment)) for i in range(1000)),
        )
    worker(traces="30d")
    assert traces_of(server, experiment) == set()


@pytest.mark.parametrize("value", ["soon", "30", "-1d"])
def test_rules_that_are_no_times_are_refused(worker, value):
    done = worker(deleted_runs=value, status=1)
    assert f"retention_deleted_runs must be a time such as 30d or 12h, or 0, not '{value}'." in done.err
