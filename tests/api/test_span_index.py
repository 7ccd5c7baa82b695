"""What spans say is indexed by `tracklight worker`, behind the requests' backs; searches never show whether it has been."""

import contextlib
import random
import sqlite3
import subprocess
import threading
import time

import pytest

from support import API_3, BUILD, Server
from traces_support import Spans, Traces

WORDS = ["amber", "Birch", "cobalt", "d\u00fcne", "ember fox", 'quo"te', "back\\slash", "100%", "under_score", "17", "[1, 2]"]
KEYS = ["city", "the key", "gen_ai.model"]


def watermark(server):
    """(contents up to this id are indexed, the newest id)"""
    with contextlib.closing(sqlite3.connect(f"file:{server.database}?mode=ro", uri=True)) as database:
        return database.execute("SELECT watermark, coalesce((SELECT max(id) FROM span_contents), 0) FROM span_index").fetchone()


def wait_until_indexed(server, seconds=30):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        done, newest = watermark(server)
        if done >= newest > 0:
            return
        time.sleep(0.05)
    raise AssertionError(f"not indexed after {seconds} s: {watermark(server)}\n{server.log_text()}")


def run_worker(server, *options):
    command = [str(BUILD / "bin" / "tracklight"), "worker", "--backend-store-uri", f"sqlite:///{server.database}", *options]
    return subprocess.run(command, env=server.environment, capture_output=True, text=True, timeout=60, check=True).stdout


class World:
    """Traces, and what their spans say: searches are answered from here as well."""

    def __init__(self, server, seed):
        self.server = server
        self.draw = random.Random(seed)
        self.experiment = server.api.experiment()
        self.traces = Traces(server.api, self.experiment)
        self.says = {}  # trace: {span: {key: value}}
        self.hexes = {}

    def attributes(self):
        return {key: " ".join(self.draw.sample(WORDS, 2)) + f" {self.draw.randrange(40)}" for key in self.draw.sample(KEYS, 2)}

    def send(self, trace_id=None, span_id=None):
        spans = Spans()
        if trace_id:
            spans.hex, spans.trace_id = self.hexes[trace_id], trace_id
        attributes = self.attributes()
        made = spans.add(attributes=attributes, **({"spanId": span_id} if span_id else {}))
        trace_id = self.traces.send(spans)
        self.hexes[trace_id] = spans.hex
        self.says.setdefault(trace_id, {})[made] = attributes

    def change(self):
        """A new trace, a late span, a span that is sent again with other content, or a trace that goes."""
        fate = self.draw.random()
        if fate < 0.5 or not self.says:
            return self.send()
        trace_id = self.draw.choice(sorted(self.says))
        if fate < 0.7:
            return self.send(trace_id)
        if fate < 0.85:
            return self.send(trace_id, self.draw.choice(sorted(self.says[trace_id])))
        del self.says[trace_id]
        return self.traces.delete(request_ids=[trace_id]).ok()

    def search(self, filter_string):
        here = {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": self.experiment}}
        body = {"locations": [here], "max_results": 500, "filter": filter_string}
        reply = self.server.api.post("traces/search", body, root=API_3).ok()
        return {trace["trace_id"] for trace in reply.get("traces", [])}

    def expected(self, test):
        return {trace_id for trace_id, spans in self.says.items() if any(test(attributes) for attributes in spans.values())}

    def check(self):
        key, word, number = self.draw.choice(KEYS), self.draw.choice(WORDS), self.draw.randrange(40)
        value = f"{word} {self.draw.choice(WORDS)} {number}"
        if self.says and self.draw.random() < 0.7:
            spans = self.says[self.draw.choice(sorted(self.says))]
            value = self.draw.choice(list(spans.values())).get(key, value)
        tail = f" {number}"
        assert self.search(f"span.attributes.`{key}` = '{value}'") == self.expected(lambda a: a.get(key) == value)
        assert self.search(f"span.attributes.`{key}` LIKE '%{tail}'") == self.expected(lambda a: a.get(key, "").endswith(tail))
        assert self.search(f"span.attributes.`{key}` RLIKE '{tail}$'") == self.expected(lambda a: a.get(key, "").endswith(tail))
        if word not in ("17", "100%", "under_score"):  # digits stand everywhere, and the others are patterns
            assert self.search(f"trace.text LIKE '%{word}%'") == self.expected(lambda a: any(word in v for v in a.values()))
            folded = word.lower()
            assert self.search(f"trace.text ILIKE '%{folded}%{tail}%'") == self.expected(
                lambda a: tail in "\n".join(a.values()).lower().partition(folded)[2])


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("span-index") / "server")
    yield server
    server.stop()


def test_searches_find_the_same_while_a_worker_fills_the_index(server):
    world = World(server, 1)
    for _ in range(250):
        world.change()
        if world.draw.random() < 0.2:
            world.check()
    wait_until_indexed(server)
    for _ in range(20):
        world.check()


def test_restarts_between_change_nothing(tmp_path):
    server = Server(tmp_path / "restarted")
    try:
        world = World(server, 2)
        for _ in range(3):
            for _ in range(30):
                world.change()
            server.kill() if world.draw.random() < 0.5 else server.stop()
            server.start()
            for _ in range(30):
                world.change()
            world.check()
        wait_until_indexed(server)
        for _ in range(10):
            world.check()
    finally:
        server.stop()


def test_searches_of_many_clients_go_on_while_the_index_is_filled(server):
    world = World(server, 3)
    needle = "nothing like it 4711"
    spans = Spans()
    spans.add(attributes={"needle": needle})
    wanted = world.traces.send(spans)
    problems, stop = [], threading.Event()

    def search():
        while not stop.is_set():
            for filter_string in (f"span.attributes.needle = '{needle}'", "trace.text LIKE '%like it 47%'"):
                found = world.search(filter_string)
                if found != {wanted}:
                    problems.append((filter_string, found))

    threads = [threading.Thread(target=search) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(60):
            many = Spans()
            for _ in range(20):
                many.add(attributes=world.attributes())
            world.traces.send(many)
        wait_until_indexed(server)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert not problems


def test_a_worker_that_is_called_once_indexes_all_and_ends(tmp_path):
    server = Server(tmp_path / "once", "--registry-store-uri", f"sqlite:///{tmp_path / 'registry.db'}")
    try:
        world = World(server, 4)
        for _ in range(40):
            world.send()
    finally:
        server.stop()
    with contextlib.closing(sqlite3.connect(server.database)) as database:
        database.execute("UPDATE span_index SET watermark = 0")
        database.execute("DELETE FROM trace_signatures")
        database.commit()
    registry = ("--registry-store-uri", f"sqlite:///{tmp_path / 'registry.db'}")
    assert "40 spans indexed\n" in run_worker(server, "--once", *registry)
    assert watermark(server) == (40, 40)
    assert "indexed" not in run_worker(server, "--once", *registry)
    server.start()
    try:
        for _ in range(10):
            world.check()
    finally:
        server.stop()
