import contextlib
import itertools
import random
import sqlite3

import pytest

from support import expect_error, in_threads, pairs, unique

THREADS = 32


@pytest.fixture(params=["one process", "two processes"])
def shared(request, server, servers):
    """A suite with one tracking process, and one with two."""
    return server if request.param == "one process" else servers("--workers", "2")


def test_two_workers_are_two_processes(servers):
    assert len(servers("--workers", "2").programs()) == 2


def test_metrics_of_many_threads_to_one_run_are_all_kept(shared):
    run = shared.api.run(shared.api.experiment())

    def work(i):
        api = shared.api.clone()
        for step in range(20):
            api.metric(run, "m", float(i), timestamp=i, step=step)
            api.metric(run, f"own-{i}", float(step), timestamp=step, step=step)

    in_threads(THREADS, work)
    history = shared.api.history(run, "m")
    assert sorted(history) == sorted((i, step, float(i)) for i in range(THREADS) for step in range(20))
    latest = shared.api.latest(run)
    assert latest["m"] == (float(THREADS - 1), THREADS - 1, 19)
    for i in range(THREADS):
        assert latest[f"own-{i}"] == (19.0, 19, 19)


def test_runs_of_many_threads_do_not_mix(shared):
    experiment = shared.api.experiment()

    def work(i):
        api = shared.api.clone()
        run = api.run(experiment, run_name=f"thread-{i}", start_time=i + 1)
        for j in range(8):
            api.post(
                "runs/log-batch",
                {
                    "run_id": run,
                    "metrics": [{"key": "m", "value": i * 1000.0 + j, "timestamp": j, "step": j}],
                    "params": [{"key": f"p{j}", "value": str(i)}],
                    "tags": [{"key": "t", "value": str(j)}],
                },
            ).ok()
        api.post("runs/update", {"run_id": run, "status": "FINISHED", "end_time": 5}).ok()
        return run

    runs = in_threads(THREADS, work)
    assert len(set(runs)) == THREADS
    for i, run in enumerate(runs):
        found = shared.api.get_run(run)
        assert found["info"]["run_name"] == f"thread-{i}" and found["info"]["status"] == "FINISHED"
        assert shared.api.history(run, "m") == [(j, j, i * 1000.0 + j) for j in range(8)]
        assert pairs(found["data"]["params"]) == {f"p{j}": str(i) for j in range(8)}
        assert pairs(found["data"]["tags"])["t"] == "7"
    body = {"experiment_ids": [experiment], "filter": "status = 'FINISHED' AND metrics.m >= 0", "order_by": ["start_time"]}
    searched = shared.api.post("runs/search", body).ok()["runs"]
    assert [run["info"]["run_id"] for run in searched] == runs


def test_of_conflicting_params_exactly_one_wins(shared):
    for _ in range(5):
        run = shared.api.run()

        def work(i):
            body = {"run_id": run, "key": "p", "value": str(i)}
            return shared.api.clone().post("runs/log-parameter", body).status

        statuses = in_threads(THREADS, work)
        assert statuses.count(200) == 1 and statuses.count(400) == THREADS - 1
        assert shared.api.params(run) == {"p": str(statuses.index(200))}


def test_of_conflicting_batches_exactly_one_wins_as_a_whole(shared):
    run = shared.api.run()

    def work(i):
        body = {
            "run_id": run,
            "params": [{"key": "a", "value": str(i)}, {"key": f"own-{i}", "value": "x"}],
            "metrics": [{"key": f"m-{i}", "value": 1.0, "timestamp": 1}],
            "tags": [{"key": f"t-{i}", "value": "x"}],
        }
        return shared.api.clone().post("runs/log-batch", body).status

    statuses = in_threads(THREADS, work)
    assert statuses.count(200) == 1 and statuses.count(400) == THREADS - 1
    winner = statuses.index(200)
    data = shared.api.get_run(run)["data"]
    assert pairs(data["params"]) == {"a": str(winner), f"own-{winner}": "x"}
    assert [m["key"] for m in data["metrics"]] == [f"m-{winner}"]
    assert {t["key"] for t in data["tags"]} == {f"t-{winner}", "mlflow.runName"}


def test_of_equal_experiment_names_exactly_one_is_created(shared):
    name = unique("race")

    def work(i):
        reply = shared.api.clone().post("experiments/create", {"name": name})
        return reply.json.get("experiment_id") or reply.json["error_code"]

    found = in_threads(THREADS, work)
    created = [one for one in found if one.isdigit()]
    assert len(created) == 1 and found.count("RESOURCE_ALREADY_EXISTS") == THREADS - 1
    assert shared.api.get("experiments/get-by-name", {"experiment_name": name}).ok()["experiment"]["experiment_id"] == created[0]


def test_new_experiments_get_different_ids(shared):
    found = in_threads(THREADS, lambda i: [shared.api.clone().experiment() for _ in range(3)])
    assert len(set(itertools.chain(*found))) == THREADS * 3


def test_every_dataset_of_many_threads_is_kept_once(shared):
    experiment = shared.api.experiment()
    runs = [shared.api.run(experiment) for _ in range(4)]

    def work(i):
        items = [
            {"dataset": {"name": f"d{j}", "digest": "1", "source_type": "l", "source": "s"}} for j in range(i % 5 + 1)
        ]
        shared.api.clone().post("runs/log-inputs", {"run_id": runs[i % 4], "datasets": items}).ok()

    in_threads(THREADS, work)
    for number, run in enumerate(runs):
        most = max(i % 5 + 1 for i in range(THREADS) if i % 4 == number)
        names = [d["dataset"]["name"] for d in shared.api.get_run(run)["inputs"]["dataset_inputs"]]
        assert sorted(names) == [f"d{j}" for j in range(most)]


def test_readers_see_each_batch_whole(shared):
    run = shared.api.run()
    rounds = 40

    def work(i):
        api = shared.api.clone()
        if i == 0:
            for j in range(1, rounds + 1):
                items = [{"key": f"k{k}", "value": float(j), "timestamp": j, "step": j} for k in range(20)]
                tags = [{"key": f"t{k}", "value": str(j)} for k in range(20)]
                api.post("runs/log-batch", {"run_id": run, "metrics": items, "tags": tags}).ok()
            return
        last = 0.0
        while last < rounds:
            data = api.get_run(run)["data"]
            values = {m["value"] for m in data.get("metrics", [])}
            tags = {float(t["value"]) for t in data["tags"] if t["key"] != "mlflow.runName"}
            assert len(values) <= 1 and values == tags, (values, tags)
            now = max(values, default=0.0)
            assert now >= last, "a reader went back in time"
            last = now

    in_threads(6, work)


def test_mixed_work_on_shared_runs_never_fails(shared):
    experiment = shared.api.experiment()
    runs = [shared.api.run(experiment) for _ in range(6)]

    def work(i):
        api = shared.api.clone()
        shuffler = random.Random(i)
        for _ in range(25):
            run = shuffler.choice(runs)
            action = shuffler.randrange(8)
            if action == 0:
                api.post("runs/search", {"experiment_ids": [experiment], "filter": "metrics.m > 3", "order_by": ["metrics.m"]}).ok()
            elif action == 1:
                api.post("runs/set-tag", {"run_id": run, "key": f"t{shuffler.randrange(3)}", "value": str(i)}).ok()
            elif action == 2:
                assert api.post("runs/delete-tag", {"run_id": run, "key": f"t{shuffler.randrange(3)}"}).status in (200, 404)
            elif action == 3:
                api.history(run, "m")
            elif action == 4:
                api.post("runs/update", {"run_id": run, "status": shuffler.choice(["RUNNING", "FINISHED"]), "end_time": i + 1}).ok()
            elif action == 5:
                items = [{"key": "m", "value": float(k), "timestamp": k, "step": shuffler.randrange(9)} for k in range(30)]
                api.post("runs/log-batch", {"run_id": run, "metrics": items}).ok()
            elif action == 6:
                api.get_run(run)
            else:
                api.run(experiment)

    in_threads(THREADS, work)
    for run in runs:
        history = shared.api.history(run, "m")
        assert len(history) == len(set(history))
        if history:
            timestamp, step, value = max(history, key=lambda point: (point[1], point[0], point[2]))
            assert shared.api.latest(run)["m"] == (value, timestamp, step)


def test_a_write_that_cannot_start_is_503_while_reads_go_on(servers):
    """Another program holds the database: the one case where a client shall try again."""
    server = servers(environment={"TRACKLIGHT_WRITE_TIMEOUT_MS": "300"})
    api = server.api
    run = api.run()
    with contextlib.closing(sqlite3.connect(server.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        body = {"run_id": run, "key": "k", "value": "v"}
        reply = api.post("runs/set-tag", body, may_be_5xx=True)
        expect_error(reply, 503, "TEMPORARILY_UNAVAILABLE")
        assert int(reply.headers["retry-after"]) >= 1
        assert "k" not in api.tags(run)
        other.execute("ROLLBACK")
    api.post("runs/set-tag", body).ok()
    assert api.tags(run)["k"] == "v"
