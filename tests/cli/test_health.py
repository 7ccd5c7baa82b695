"""GET /health?full=1: what is wrong with the server."""

import os
import signal
import sqlite3
import time

import pytest
import requests

from support import Server

PASSWORD = "correct-horse-battery"


def full(server, **more):
    return requests.get(f"{server.url}/health", params={"full": "1"}, timeout=30, **more)


def checks(reply):
    return {check["name"]: check for check in reply.json()["checks"]}


def worker_of(server):
    return [pid for pid, line in server.members().items() if " worker" in line]


def test_the_short_form_stays_what_it_was(server):
    for query in ("", "?full=0", "?full=", "?other=1", "?full=%zz"):
        reply = requests.get(f"{server.url}/health{query}", timeout=10, headers={"host": "evil.example"})
        assert (reply.status_code, reply.text) == (200, "OK")
        assert reply.headers["content-type"].startswith("text/html")


def test_the_full_form_names_every_check(server):
    deadline = time.monotonic() + 10
    while checks(full(server))["worker"]["status"] != "ok" and time.monotonic() < deadline:
        time.sleep(0.05)
    reply = full(server)
    assert reply.status_code == 200
    assert reply.headers["cache-control"] == "no-store"
    assert list(checks(reply)) == ["database", "database disk", "artifacts disk", "worker"]
    assert {name: check["status"] for name, check in checks(reply).items() if "disk" not in name} == {"database": "ok", "worker": "ok"}
    assert all(check["message"].endswith(".") for check in checks(reply).values())


def test_it_writes_nothing(server):
    before = server.database.stat().st_mtime_ns, server.database.with_name("t.db-wal").stat().st_mtime_ns
    full(server)
    assert (server.database.stat().st_mtime_ns, server.database.with_name("t.db-wal").stat().st_mtime_ns) == before


def test_the_rule_about_hosts_holds_for_it(server):
    reply = full(server, headers={"host": "evil.example"})
    assert (reply.status_code, reply.text) == (403, "Invalid Host header - possible DNS rebinding attack detected")


def test_a_database_that_cannot_be_written_is_told(tmp_path):
    server = Server(tmp_path, environment={"TRACKLIGHT_WRITE_TIMEOUT_MS": "300"})
    try:
        with sqlite3.connect(server.database, isolation_level=None) as blocker:
            blocker.execute("BEGIN IMMEDIATE")
            reply = full(server)
            assert reply.status_code == 503 and reply.json()["status"] == "failed"
            assert checks(reply)["database"]["status"] == "failed"
            assert "busy" in checks(reply)["database"]["message"]
            blocker.execute("ROLLBACK")
        assert full(server).status_code == 200
    finally:
        server.stop()


def test_space_that_is_to_stay_free_counts_as_taken(tmp_path):
    server = Server(tmp_path, "--artifacts-free-space-limit", str(2**50))
    try:
        (tmp_path / "mlartifacts").mkdir(exist_ok=True)
        reply = full(server)
        assert reply.status_code == 503
        check = checks(reply)["artifacts disk"]
        assert check["status"] == "failed"
        assert f"{2**30} of which are to stay free. Make room now." in check["message"]
    finally:
        server.stop()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    environment = {"TRACKLIGHT_ADMIN_USERNAME": "root", "TRACKLIGHT_ADMIN_PASSWORD": PASSWORD}
    running = Server(tmp_path_factory.mktemp("guarded"), "--app-name", "basic-auth", environment=environment)
    body = {"username": "someone", "password": PASSWORD}
    created = requests.post(f"{running.url}/api/2.0/mlflow/users/create", json=body, auth=("root", PASSWORD), timeout=30)
    assert created.status_code == 200, created.text
    yield running
    running.stop()


def test_with_users_only_administrators_see_the_full_form(guarded):
    assert list(checks(full(guarded, auth=("root", PASSWORD))))[0] == "database"
    for credentials in (None, ("someone", PASSWORD)):
        reply = full(guarded, auth=credentials)
        assert (reply.status_code, reply.text) == (200, "OK")
    assert full(guarded, auth=("root", "wrong-password-here")).status_code == 401


def test_the_disk_of_a_database_in_the_working_directory_is_looked_at(tmp_path):
    server = Server(tmp_path, "--backend-store-uri", "sqlite:///here.db", backend=False)
    try:
        assert "MiB are free" in checks(full(server))["database disk"]["message"]
    finally:
        server.stop()


def test_a_worker_that_is_not_there_is_told(tmp_path):
    server = Server(tmp_path)
    try:
        (worker,) = worker_of(server)
        deadline = time.monotonic() + 20  # it may still be starting
        while checks(full(server))["worker"]["status"] != "ok":
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(worker, signal.SIGSTOP)
        assert checks(full(server))["worker"]["status"] == "ok"
        os.kill(worker, signal.SIGCONT)
        for _ in range(20):  # the suite starts another one; between the two there is none
            for pid in worker_of(server):
                os.kill(pid, signal.SIGKILL)
            worker = checks(full(server))["worker"]
            if worker["status"] == "warning":
                break
        assert worker["status"] == "warning" and "No worker runs" in worker["message"]
    finally:
        server.stop()
