"""What /metrics says about queues, and about what the worker does."""

import http.server
import re
import threading
import time

import pytest
import requests

from support import Server, unique

TYPES = "[good]\ncommand = /bin/echo 1\n[bad]\ncommand = /bin/false\n"


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("watched")
    (folder / "jobs.d").mkdir()
    (folder / "jobs.d" / "t.conf").write_text(TYPES)
    environment = {"MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https", "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true", "TRACKLIGHT_JOBS_KILL_GRACE": "0"}
    running = Server(folder, "--expose-prometheus", "metrics", "--enable-jobs", environment=environment)
    yield running
    running.stop()


def metric(server, name, **labels):
    """The value of a series; 0 if it is not there yet."""
    text = requests.get(f"{server.url}/metrics", timeout=10).text
    wanted = {f'{key}="{value}"' for key, value in labels.items()}
    for found in re.finditer(rf"^{name}(?:\{{(.*)\}})? (\S+)$", text, re.M):
        if wanted == set(filter(None, (found.group(1) or "").split(","))):
            return float(found.group(2))
    return 0.0


def becomes(server, value, name, **labels):
    deadline = time.monotonic() + 20
    while metric(server, name, **labels) != value:
        assert time.monotonic() < deadline, (name, labels, metric(server, name, **labels))
        time.sleep(0.05)


def test_deliveries_of_webhooks_are_counted(watched):
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver) as receiver:
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{receiver.server_port}/"
        events = [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]
        watched.api.post("webhooks", {"name": unique("w"), "url": url, "events": events}).ok()
        for _ in range(3):
            watched.api.registered_model()
        becomes(watched, 3, "tracklight_webhook_deliveries_total", result="delivered")
        receiver.shutdown()
    becomes(watched, 0, "tracklight_queue_depth", queue="webhooks")


def test_jobs_are_counted_by_how_they_end(watched):
    for name in ("good", "good", "bad"):
        watched.api.request("POST", "/ajax-api/3.0/jobs/", json={"job_name": name, "params": {}}).ok()
    becomes(watched, 2, "tracklight_jobs_ended_total", status="SUCCEEDED")
    becomes(watched, 1, "tracklight_jobs_ended_total", status="FAILED")
    becomes(watched, 0, "tracklight_queue_depth", queue="jobs", status="RUNNING")
    assert metric(watched, "tracklight_queue_depth", queue="jobs", status="PENDING") == 0


def test_jobs_that_wait_are_a_queue(tmp_path):
    (tmp_path / "jobs.d").mkdir()
    (tmp_path / "jobs.d" / "t.conf").write_text(TYPES)
    server = Server(tmp_path, "--expose-prometheus", "metrics", "--enable-jobs", "--jobs-per-worker", "0")
    try:
        for _ in range(3):
            server.api.request("POST", "/ajax-api/3.0/jobs/", json={"job_name": "good", "params": {}}).ok()
        assert metric(server, "tracklight_queue_depth", queue="jobs", status="PENDING") == 3
        assert metric(server, "tracklight_queue_depth", queue="jobs", status="RUNNING") == 0
    finally:
        server.stop()
