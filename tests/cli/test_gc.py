"""`tracklight gc`, on the database and the artifacts of a server that runs."""

import os
import pathlib
import pty
import re
import signal
import sqlite3
import subprocess
import time

import pytest

from support import API_3, unique
from traces_support import Traces

PROXY = "/api/2.0/mlflow-artifacts/artifacts"


def put(api, path, data=b"bytes"):
    reply = api.request("PUT", f"{PROXY}/{path}", data=data)
    assert reply.status == 200, reply


def rows(server, table, where="1", *values):
    with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as database:
        return database.execute(f"SELECT count(*) FROM {table} WHERE {where}", values).fetchone()[0]


def deleted_run(api, experiment, files=("model/weights", "plot.png")):
    run = api.run(experiment)
    for file in files:
        put(api, f"{experiment}/{run}/artifacts/{file}")
    api.post("runs/delete", {"run_id": run}).ok()
    return run


def run_exists(api, run):
    return api.get("runs/get", {"run_id": run}).status == 200


def folder(server, *parts):
    return pathlib.Path(server.directory, "mlartifacts", *parts)


def message(run):
    return f"Run with ID {run} has been permanently deleted."


def test_deleted_runs_go_with_their_artifacts_and_others_stay(server, api, command):
    experiment = api.experiment()
    gone, kept = deleted_run(api, experiment), api.run(experiment)
    put(api, f"{experiment}/{kept}/artifacts/file")
    assert folder(server, experiment, gone, "artifacts", "model", "weights").exists()
    done = command("gc")
    assert message(gone) in done.lines and done.err == ""
    assert not run_exists(api, gone) and run_exists(api, kept)
    assert not folder(server, experiment, gone).exists()
    assert folder(server, experiment, kept, "artifacts", "file").read_bytes() == b"bytes"
    assert command("gc").out == ""


def test_everything_that_belongs_to_a_run_goes_with_it(server, api, command):
    experiment = api.experiment()
    run = api.run(experiment)
    model = api.model(experiment)
    trace = Traces(api, experiment).arrived()
    api.post("runs/log-batch", {
        "run_id": run,
        "metrics": [{"key": "m", "value": i, "timestamp": i, "step": i} for i in range(900)],
        "params": [{"key": "p", "value": "1"}],
        "tags": [{"key": "t", "value": "1"}],
    }).ok()  # fmt: skip
    api.metric(run, "of the model", 1.0, model_id=model)
    dataset = {"name": "d", "digest": "1", "source_type": "local", "source": "{}"}
    api.post("runs/log-inputs", {"run_id": run, "datasets": [{"dataset": dataset, "tags": [{"key": "c", "value": "train"}]}]}).ok()
    api.post("traces/link-to-run", {"run_id": run, "trace_ids": [trace]}).ok()
    with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as database:
        number = database.execute("SELECT id FROM runs WHERE run_id = ?", (run,)).fetchone()[0]
    places = ["metrics", "latest_metrics", "params", "tags", "dataset_inputs", "logged_model_metrics"]
    assert all(rows(server, table, "run = ?", number) for table in places)
    assert rows(server, "trace_run_links", "run_id = ?", run) == 1
    api.post("runs/delete", {"run_id": run}).ok()
    assert command("gc", "--run-ids", run).lines == [message(run)]
    assert not any(rows(server, table, "run = ?", number) for table in places)
    assert rows(server, "trace_run_links", "run_id = ?", run) == 0
    assert api.get_model(model)["info"]["model_id"] == model
    assert rows(server, "traces", "trace_id = ?", trace) == 1


def test_logged_models_go_by_themselves(server, api, command):
    experiment = api.experiment()
    model, other = api.model(experiment), api.model(experiment)
    put(api, f"{experiment}/models/{model}/artifacts/MLmodel")
    api.delete(f"logged-models/{model}", {}).ok()
    assert command("gc", "--logged-model-ids", model).lines == [f"Logged model with ID {model} has been permanently deleted."]
    assert not folder(server, experiment, "models", model).exists()
    assert rows(server, "logged_models", "model_id = ?", model) == 0
    assert rows(server, "logged_models", "model_id = ?", other) == 1
    refused = command("gc", "--logged-model-ids", other, status=1)
    assert f"Logged model {other} is not in `deleted` lifecycle stage." in refused.err


def test_an_experiment_goes_with_all_that_is_in_it(server, api, command):
    experiment = api.experiment()
    run, model = api.run(experiment), api.model(experiment)
    traces = Traces(api, experiment)
    ids = [traces.arrived() for _ in range(5)]
    api.post("datasets/create", {"name": unique("d"), "experiment_ids": [experiment]}, root=API_3).ok()
    api.post("scorers/register", {"experiment_id": experiment, "name": "s", "serialized_scorer": "{}"}, root=API_3).ok()
    put(api, f"{experiment}/{run}/artifacts/f")
    put(api, f"{experiment}/models/{model}/artifacts/f")
    put(api, f"{experiment}/traces/{ids[0]}/artifacts/traces.json")
    api.post("experiments/delete", {"experiment_id": experiment}).ok()
    done = command("gc", "--experiment-ids", experiment)
    assert done.lines == [
        message(run),
        f"Logged model with ID {model} has been permanently deleted.",
        f"Experiment with ID {experiment} has been permanently deleted.",
    ]
    assert not folder(server, experiment).exists()
    tables = ["runs", "names", "logged_models", "traces", "span_classes", "trace_names", "scorers", "datasets", "evaluation_dataset_experiments"]
    assert {table: rows(server, table, "experiment = ?", int(experiment)) for table in tables} == dict.fromkeys(tables, 0)
    assert rows(server, "spans", "trace NOT IN (SELECT id FROM traces)") == 0
    assert command("db", "check").out.endswith("no problems found.\n")


def test_what_is_not_deleted_is_refused_and_the_rest_goes_on(api, command):
    experiment = api.experiment()
    active, deleted = api.run(experiment), deleted_run(api, experiment)
    done = command("gc", "--run-ids", f"{active},nope,{deleted}", status=1)
    assert done.lines == [message(deleted)]
    assert f"Run {active} is not in `deleted` lifecycle stage. Only runs in `deleted` lifecycle stage can be deleted." in done.err
    assert "Run with id=nope not found" in done.err
    assert run_exists(api, active)
    refused = command("gc", "--experiment-ids", experiment, status=1)
    assert f"Experiments ['{experiment}'] are not in the deleted lifecycle stage. Only experiments" in refused.err


def test_named_ones_are_all_that_goes(api, command):
    experiment = api.experiment()
    first, second = deleted_run(api, experiment), deleted_run(api, experiment)
    assert command("gc", "--run-ids", first).lines == [message(first)]
    assert run_exists(api, second)
    command("gc", "--run-ids", second)


def test_only_what_was_deleted_long_enough_ago_goes(api, command):
    experiment = api.experiment()
    run = deleted_run(api, experiment)
    assert message(run) not in command("gc", "--older-than", "1h30m").lines
    refused = command("gc", "--run-ids", run, "--older-than", "1d", status=1)
    assert f"Run {run} is not older than the required age. Only runs older than 1d can be deleted." in refused.err
    assert run_exists(api, run)
    time.sleep(0.06)
    assert message(run) in command("gc", "--older-than", "0.05s").lines


def test_an_experiment_with_a_run_that_is_active_stays(api, command):
    experiment = api.experiment()
    run = api.run(experiment)
    api.post("experiments/delete", {"experiment_id": experiment}).ok()
    api.post("runs/restore", {"run_id": run}).ok()
    done = command("gc")
    assert f"Experiment {experiment} is kept: its run {run}" in done.err
    assert run_exists(api, run)
    api.post("runs/delete", {"run_id": run}).ok()
    assert f"Experiment with ID {experiment} has been permanently deleted." in command("gc").lines


def test_missing_artifacts_are_no_fault(server, api, command):
    run = deleted_run(api, api.experiment(), files=())
    assert command("gc", "--run-ids", run).err == ""
    assert not run_exists(api, run)


@pytest.mark.parametrize(
    "location",
    ["gs://bucket/there", "ftp://host/x", "http://other.example/nothing"],
)
def test_artifacts_that_nobody_here_can_remove_hold_nothing_up(api, command, location):
    run = deleted_run(api, api.experiment(artifact_location=location), files=())
    done = command("gc", "--run-ids", run)
    assert done.lines == [message(run)]
    assert f"The files of run {run} stay at {location}" in done.err


def test_a_location_that_cannot_be_reached_keeps_its_run_for_the_next_time(server, api, command):
    experiment = api.experiment()
    stuck, other = deleted_run(api, experiment), deleted_run(api, experiment)
    place = folder(server, experiment, stuck)
    kept = place.with_name("kept")
    place.rename(kept)
    place.symlink_to(kept)
    done = command("gc", status=1)
    assert message(other) in done.lines
    assert f"run {stuck} is left for the next time" in done.err
    assert run_exists(api, stuck) and (kept / "artifacts" / "plot.png").exists()
    place.unlink()
    kept.rename(place)
    assert command("gc").lines == [message(stuck)]
    assert not place.exists()


def test_artifacts_can_be_left_where_they_are(server, api, command):
    experiment = api.experiment()
    run = deleted_run(api, experiment)
    assert command("gc", "--run-ids", run, "--keep-artifacts").lines == [message(run)]
    assert folder(server, experiment, run, "artifacts", "plot.png").exists()


def test_local_locations_lose_what_is_the_runs_own_and_nothing_else(server, api, command, tmp_path):
    experiment = api.experiment(artifact_location=f"file://{tmp_path}")
    run, model = api.run(experiment), api.model(experiment)
    trace = Traces(api, experiment).arrived()
    for path in (f"{run}/artifacts/f", f"models/{model}/artifacts/f", f"traces/{trace}/artifacts/f", "traces/another/artifacts/f", "own"):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("x")
    api.post("experiments/delete", {"experiment_id": experiment}).ok()
    command("gc", "--experiment-ids", experiment)
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()) == ["own", "traces/another/artifacts/f"]


@pytest.mark.parametrize("uri", ["/", "/artifacts", "file:///", "{root}", "{root}/../artifacts", "mlflow-artifacts:/", "mlflow-artifacts:/..", "s3://bucket", "{other}"])
def test_nothing_is_removed_at_places_that_the_server_would_not_choose(server, api, command, tmp_path, uri):
    run = deleted_run(api, api.experiment(), files=())
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "file").write_text("x")
    with sqlite3.connect(server.database) as database:
        value = uri.format(root=tmp_path, other=tmp_path / "artifacts")
        database.execute("UPDATE runs SET artifact_uri = ? WHERE run_id = ?", (value, run))
    done = command("gc", "--run-ids", run)
    assert done.lines == [message(run)]
    assert f"The files of run {run} stay at" in done.err
    assert (tmp_path / "artifacts" / "file").exists() and folder(server).exists()


def test_the_destination_is_emptied_only_where_the_server_put_it(server, api, command):
    other = api.experiment()
    put(api, f"{other}/kept")
    experiment = api.experiment(artifact_location=f"mlflow-artifacts:/{other}/{int(other) + 1}")
    assert int(experiment) == int(other) + 1
    put(api, f"{other}/{experiment}/kept")
    api.post("experiments/delete", {"experiment_id": experiment}).ok()
    command("gc", "--experiment-ids", experiment)
    assert folder(server, other, experiment, "kept").exists() and folder(server, other, "kept").exists()


def test_progress_is_shown_on_a_terminal(api, command):
    experiment = api.experiment()
    for _ in range(5):
        deleted_run(api, experiment, files=())
    screen, terminal = pty.openpty()
    done = subprocess.run(command.line("gc"), cwd=command.directory, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=terminal, timeout=60, check=True)
    os.close(terminal)
    shown = os.read(screen, 65536).decode()
    os.close(screen)
    assert re.search(r"runs +\[#+ *\] [1-5]/5", shown)
    assert shown.endswith("\r\x1b[K") and b"[#" not in done.stdout


def test_what_was_killed_in_the_middle_is_completed_by_the_next(server, api, command):
    experiment = api.experiment()
    runs = [deleted_run(api, experiment, files=("f",)) for _ in range(30)]
    started = command.start("gc")
    for _ in range(10):
        assert started.stdout.readline().startswith("Run with ID ")
    started.send_signal(signal.SIGKILL)
    started.communicate(timeout=10)
    left = [run for run in runs if run_exists(api, run)]
    assert 0 < len(left) <= 20
    done = command("gc")
    assert {message(run) for run in left} <= set(done.lines)
    assert rows(server, "runs", "experiment = ?", int(experiment)) == 0
    assert list(folder(server, experiment).iterdir()) == []
    assert command("db", "check").out.endswith("no problems found.\n")


def test_a_run_with_a_long_history_goes_in_slices(server, api, command):
    run = api.run(api.experiment())
    with sqlite3.connect(server.database) as database:
        number, experiment = database.execute("SELECT id, experiment FROM runs WHERE run_id = ?", (run,)).fetchone()
        name = database.execute("INSERT INTO names (experiment, kind, name) VALUES (?, 0, 'long')", (experiment,)).lastrowid
        database.executemany("INSERT INTO metrics VALUES (?, ?, ?, 0, 1.0, 0)", ((number, name, i) for i in range(5001)))
    api.post("runs/delete", {"run_id": run}).ok()
    assert command("gc", "--run-ids", run).lines == [message(run)]
    assert rows(server, "metrics", "run = ?", number) == 0


def test_a_destination_that_is_not_there_is_told(api, command, tmp_path):
    run = deleted_run(api, api.experiment(), files=())
    done = command("gc", "--run-ids", run, "--artifacts-destination", tmp_path / "elsewhere")
    assert "There is no artifacts destination" in done.err


def test_the_tracking_uri_is_accepted(api, command):
    run = deleted_run(api, api.experiment(), files=())
    assert command("gc", "--run-ids", run, "--tracking-uri", "http://127.0.0.1:1").lines == [message(run)]


@pytest.mark.parametrize(
    "arguments, text",
    [
        (["--older-than", "abc"], "Could not parse any time information from 'abc'. Examples of valid strings: '8h', '2d8h5m20s', '2m4s'"),
        (["stray"], "Got unexpected extra argument (stray)"),
        (["--nope"], "No such option: --nope"),
    ],
)
def test_calls_that_make_no_sense_are_refused(command, arguments, text):
    assert text in command("gc", *arguments, status=2).err
