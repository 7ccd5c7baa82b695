"""Writes that were answered 200 survive SIGKILL, of the tracking program and of everything at once."""

import os
import random
import signal
import sqlite3
import threading
import time

import requests

from support import API, Server

WRITERS = 8
ROUNDS = 20
BUDGET_SECONDS = 90


class Writer(threading.Thread):
    """Logs to a run of its own until told to stop, and remembers what was answered 200 and what was not."""

    def __init__(self, url, run, number):
        super().__init__(daemon=True)
        self.url = url + API
        self.run_id = run
        self.number = number
        self.counter = 0
        self.metrics = set()  # (timestamp, step, value) answered
        self.params = {}
        self.tags = {}
        self.maybe_tags = {}  # key -> values sent without an answer since the last answered one
        self.batches = []  # counters of whole batches answered
        self.unexpected = []
        self.going = threading.Event()
        self.idle = threading.Event()
        self.ended = False
        self.session = requests.Session()
        self.session.trust_env = False

    def post(self, path, body):
        try:
            reply = self.session.post(self.url + path, json={"run_id": self.run_id, **body}, timeout=20)
        except requests.RequestException:
            return False
        if reply.status_code == 200:
            return True
        # While the program is gone the web server answers for it.
        if reply.status_code not in (500, 502, 503, 504):
            self.unexpected.append((path, reply.status_code, reply.text[:300]))
        time.sleep(0.01)
        return False

    def step(self):
        self.counter += 1
        n = self.counter
        kind = n % 4
        if kind == 0:
            if self.post("runs/log-parameter", {"key": f"p{n}", "value": str(n)}):
                self.params[f"p{n}"] = str(n)
        elif kind == 1:
            if self.post("runs/log-metric", {"key": "m", "value": n + 0.5, "timestamp": n, "step": n}):
                self.metrics.add((n, n, n + 0.5))
        elif kind == 2:
            key = f"t{n % 3}"
            self.maybe_tags.setdefault(key, set()).add(str(n))
            if self.post("runs/set-tag", {"key": key, "value": str(n)}):
                self.tags[key] = str(n)
                self.maybe_tags[key] = set()
        else:
            metrics = [{"key": f"b{k}", "value": float(n), "timestamp": n, "step": n} for k in range(10)]
            batch = {"metrics": metrics, "params": [{"key": f"b{n}", "value": "x"}]}
            if self.post("runs/log-batch", batch):
                self.batches.append(n)

    def run(self):
        while not self.ended:
            if self.going.wait(0.1):
                self.idle.clear()
                while self.going.is_set():
                    self.step()
                self.idle.set()


def check(server, writers):
    """Everything that was answered is there; what was not answered is there as a whole or not at all."""
    api = server.api.clone()
    for writer in writers:
        assert writer.unexpected == [], writer.unexpected[:3]
        found = set(api.history(writer.run_id, "m"))
        assert writer.metrics <= found, f"lost metrics of writer {writer.number}: {sorted(writer.metrics - found)[:5]}"
        data = api.get_run(writer.run_id)["data"]
        params = {p["key"]: p["value"] for p in data.get("params", [])}
        for key, value in writer.params.items():
            assert params.get(key) == value, f"lost param {key} of writer {writer.number}"
        tags = {t["key"]: t["value"] for t in data.get("tags", [])}
        for key in set(writer.tags) | set(writer.maybe_tags):
            accepted = {writer.tags.get(key)} | writer.maybe_tags.get(key, set())
            assert tags.get(key) in accepted, f"tag {key} of writer {writer.number}: {tags.get(key)}"
        in_batches = [{t for t, _, _ in api.history(writer.run_id, f"b{k}")} for k in range(10)]
        with_params = {int(key[1:]) for key in params if key.startswith("b")}
        for steps in in_batches:
            assert set(writer.batches) <= steps, f"lost a batch of writer {writer.number}"
            assert steps == with_params, f"half a batch of writer {writer.number}: {sorted(steps ^ with_params)[:5]}"
        latest = {m["key"]: m["step"] for m in data.get("metrics", [])}
        if found:
            assert latest["m"] == max(step for _, step, _ in found), "latest and history disagree"


def check_file(path):
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    finally:
        connection.close()


def wait_until_answering(server):
    server.wait_until_healthy()
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            if requests.get(server.url + API + "experiments/get?experiment_id=0", timeout=5).status_code == 200:
                return
        except requests.RequestException:
            pass
        time.sleep(0.02)
    raise AssertionError(f"does not answer after a kill:\n{server.log_text()}")


def test_every_answered_write_survives_twenty_kills_at_random_moments(tmp_path):
    shuffler = random.Random(os.environ.get("KILL_SEED", str(time.time_ns())))
    server = Server(tmp_path)
    began = time.monotonic()
    writers = []
    try:
        experiment = server.api.experiment("kill")
        writers = [Writer(server.url, server.api.run(experiment), i) for i in range(WRITERS)]
        for writer in writers:
            writer.start()
        for number in range(ROUNDS):
            for writer in writers:
                writer.going.set()
            time.sleep(shuffler.uniform(0.05, 1.2))
            if number % 2:
                server.kill()
            else:
                for program in server.programs():
                    os.kill(program, signal.SIGKILL)
                time.sleep(shuffler.uniform(0, 0.3))
            for writer in writers:
                writer.going.clear()
            if number % 2:
                server.start()
            for writer in writers:
                assert writer.idle.wait(30), "a writer hangs"
            wait_until_answering(server)
            check(server, writers)
            assert time.monotonic() - began < BUDGET_SECONDS, f"only {number + 1} rounds in time"
        answered = sum(len(w.metrics) + len(w.params) + len(w.batches) for w in writers)
        assert answered > ROUNDS * WRITERS, "too few writes to prove anything"
    finally:
        for writer in writers:
            writer.ended = True
            writer.going.clear()
        if server.process.poll() is None:
            server.stop()
    check_file(server.database)
