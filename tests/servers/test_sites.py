"""The same set of requests through every web server that Tracklight is shipped for, each with its shipped configuration."""

import concurrent.futures
import hashlib
import http.client
import http.server
import json
import os
import threading
import time
import urllib.parse

import pytest
import requests

from sites import PROGRAMS, SITES
from command import BUILD

MIB = 1024 * 1024
SIZE = 64 * MIB


# Those that differ least from others only run in the long form.
RARE = {"spawn-fcgi", "systemd", "shared-hosting"}


@pytest.fixture(scope="module", params=[pytest.param(name, marks=[pytest.mark.slow] if name in RARE else []) for name in SITES])
def site(request, tmp_path_factory):
    running = SITES[request.param](tmp_path_factory.mktemp(request.param))
    for parent in list(running.folder.parents)[:3]:
        if str(parent).startswith(str(tmp_path_factory.getbasetemp().parent)):
            parent.chmod(parent.stat().st_mode | 0o055)
    try:
        running.begin()
        running.wait_until_healthy()
        yield running
    finally:
        running.stop()


@pytest.fixture
def ask(site):
    session = requests.Session()
    session.headers["authorization"] = f"Bearer {site.token}"

    def send(method, path, status=200, **more):
        reply = session.request(method, site.url + path, timeout=60, **more)
        assert reply.status_code == status, f"{method} {path}: {reply.status_code} {reply.text[:500]}\n{site.text()}"
        return reply

    yield send
    session.close()


def test_the_page_is_served_beside_the_programs(site, ask):
    if site.prefix:
        pytest.skip("whoever wants the page there copies it")
    page = ask("GET", "/")
    assert page.headers["content-type"].lower() == "text/html; charset=utf-8"
    script = ask("GET", "/static-files/page/main.js")
    assert script.headers["content-type"].startswith("text/javascript") and "import" in script.text
    for reply in (page, script):
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in reply.headers["content-security-policy"]
        assert reply.headers["cache-control"] == "no-cache" and reply.headers["etag"]
    ask("GET", "/static-files/page/main.js", status=304, headers={"if-none-match": script.headers["etag"]})
    ask("GET", "/static-files/none.js", status=404)


def test_runs_are_logged_and_found(ask):
    experiment = ask("POST", "/api/2.0/mlflow/experiments/create", json={"name": f"e {time.time_ns()} ü"}).json()["experiment_id"]
    run = ask("POST", "/api/2.0/mlflow/runs/create", json={"experiment_id": experiment}).json()["run"]["info"]["run_id"]
    batch = {"run_id": run, "metrics": [{"key": "loss", "value": 0.5, "timestamp": 1, "step": n} for n in range(1000)]}
    ask("POST", "/api/2.0/mlflow/runs/log-batch", json=batch)
    found = ask("POST", "/api/2.0/mlflow/runs/search", json={"experiment_ids": [experiment], "filter": "metrics.loss < 1"}).json()
    assert [one["info"]["run_id"] for one in found["runs"]] == [run]
    history = ask("GET", f"/api/2.0/mlflow/metrics/get-history?run_id={run}&metric_key=loss&max_results=2000").json()
    assert len(history["metrics"]) == 1000


def test_a_get_may_have_a_body_and_long_queries_arrive(ask):
    experiments = "&".join(f"x={'y' * 100}{n}" for n in range(60))
    ask("GET", f"/api/2.0/mlflow/experiments/get?experiment_id=0&{experiments}")
    ask("GET", "/api/2.0/mlflow/experiments/get", json={"experiment_id": "0"})


def test_a_large_artifact_comes_back_as_it_was_sent(ask, site):
    block = os.urandom(MIB)
    path = "/api/2.0/mlflow-artifacts/artifacts/0/a%20folder/big%2Bfile.bin"
    ask("PUT", path, data=(block for _ in range(SIZE // MIB)), headers={"content-type": "application/octet-stream"})
    ask("PUT", path, data=block * (SIZE // MIB))
    wanted = hashlib.sha256(block * (SIZE // MIB)).hexdigest()
    got = hashlib.sha256()
    with requests.get(site.url + path, headers={"authorization": f"Bearer {site.token}"}, stream=True, timeout=60) as reply:
        assert reply.status_code == 200
        for piece in reply.iter_content(MIB):
            got.update(piece)
    assert got.hexdigest() == wanted
    part = ask("GET", path, 206, headers={"range": "bytes=10-19"})
    assert part.content == block[10:20]
    listed = ask("GET", "/api/2.0/mlflow-artifacts/artifacts?path=0/a%20folder").json()
    assert listed["files"] == [{"path": "big+file.bin", "is_dir": False, "file_size": SIZE}]


def test_encoded_slashes_and_dots_reach_the_program_unchanged(ask, site):
    """A client that does not normalise paths itself."""
    for path in ("/api/2.0/mlflow-artifacts/artifacts/0/..%2f..%2fetc/passwd", "/api/2.0/mlflow-artifacts/artifacts/0/%2e%2e/%2e%2e/t.db"):
        connection = http.client.HTTPConnection("127.0.0.1", site.port, timeout=30)
        connection.request("GET", site.prefix + path, headers={"authorization": f"Bearer {site.token}", "host": "localhost"})
        reply = connection.getresponse()
        body = reply.read()
        connection.close()
        assert reply.status in (400, 403, 404), (path, reply.status)
        assert b"root:" not in body and b"SQLite" not in body


def test_spans_are_taken(ask):
    span = {
        "traceId": "5b8efff798038103d269b633813fc60c", "spanId": "eee19b7ec3c1b174", "name": "root",
        "startTimeUnixNano": "1700000000000000000", "endTimeUnixNano": "1700000001000000000",
    }  # fmt: skip
    ask("POST", "/v1/traces", json={"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}, headers={"x-mlflow-experiment-id": "0"})
    info = ask("GET", "/api/3.0/mlflow/traces/tr-5b8efff798038103d269b633813fc60c").json()
    assert info["trace"]["trace_info"]["state"] == "OK"


def test_foreign_hosts_and_origins_are_refused(ask):
    for path in ("/api/2.0/mlflow/experiments/get?experiment_id=0", "/gateway/x/mlflow/invocations", "/ajax-api/3.0/jobs/1"):
        assert "DNS rebinding" in ask("GET", path, 403, headers={"host": "evil.example"}).text
    refused = ask("POST", "/api/2.0/mlflow/experiments/create", 403, json={"name": "x"}, headers={"origin": "http://evil.example"})
    assert refused.text == "Cross-origin request blocked"


def test_nobody_gets_in_without_credentials_and_headers_arrive(site, ask):
    for path in ("/api/2.0/mlflow/experiments/get?experiment_id=0", "/ajax-api/3.0/jobs/1", "/api/2.0/mlflow-artifacts/artifacts?path="):
        reply = requests.get(site.url + path, timeout=30)
        assert reply.status_code == 401, path
        assert reply.headers["www-authenticate"].startswith("Basic")
    assert requests.post(site.url + "/gateway/x/mlflow/invocations", json={"messages": []}, timeout=30).status_code == 401
    reply = ask("GET", "/api/2.0/mlflow/experiments/get?experiment_id=0", headers={"x-request-id": "my-own-id"})
    assert reply.headers["x-request-id"] == "my-own-id" and reply.headers["x-content-type-options"] == "nosniff"


def test_all_programs_answer(ask):
    assert ask("GET", "/health").text == "OK"
    assert ask("GET", "/ajax-api/3.0/jobs/none", 404).json() == {"detail": "Job with ID none not found"}
    assert ask("POST", "/gateway/none/mlflow/invocations", 404, json={"messages": [{"role": "user", "content": "x"}]}).json()["detail"]
    assert ask("GET", "/no/such/path", 404).json()["error_code"] == "ENDPOINT_NOT_FOUND"


def test_fifty_clients_at_a_time_are_answered(site):
    def one(_):
        with requests.Session() as session:
            session.headers["authorization"] = f"Bearer {site.token}"
            return [session.get(f"{site.url}/api/2.0/mlflow/experiments/get?experiment_id=0", timeout=60).status_code for _ in range(2)]

    with concurrent.futures.ThreadPoolExecutor(50) as pool:
        assert list(pool.map(one, range(50))) == [[200, 200]] * 50


# --- Event streams ---


class Provider(http.server.BaseHTTPRequestHandler):
    """Three pieces of an answer, the last of which is only sent when the test has seen the first."""

    seen_first = threading.Event()
    waited = []

    def do_POST(self):  # noqa: N802
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for word in ("one", "two", "three"):
            if word == "three":
                self.waited.append(self.seen_first.wait(10))
            chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [{"index": 0, "delta": {"content": word}}]}
            self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
            self.wfile.flush()
        self.wfile.write(b"data: [DONE]\n\n")

    def log_message(self, *_):
        pass


@pytest.fixture
def provider():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    Provider.seen_first.clear()
    Provider.waited.clear()
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_models_answer_streams_through(ask, site, provider):
    name = f"ep-{time.time_ns()}"
    base = "/api/3.0/mlflow/gateway"
    secret = ask("POST", f"{base}/secrets/create", json={
        "secret_name": name, "secret_value": {"api_key": "sk-1234567890"}, "provider": "openai", "auth_config": {"api_base": provider},
    }).json()["secret"]["secret_id"]  # fmt: skip
    model = ask("POST", f"{base}/model-definitions/create", json={
        "name": name, "secret_id": secret, "provider": "openai", "model_name": "m",
    }).json()["model_definition"]["model_definition_id"]  # fmt: skip
    ask("POST", f"{base}/endpoints/create", json={
        "name": name, "model_configs": [{"model_definition_id": model, "linkage_type": "PRIMARY", "weight": 1}],
    })  # fmt: skip
    body = {"model": name, "messages": [{"role": "user", "content": "x"}], "stream": True}
    words = []
    with requests.post(
        f"{site.url}/gateway/mlflow/v1/chat/completions", json=body, stream=True, timeout=30,
        headers={"authorization": f"Bearer {site.token}"},
    ) as reply:  # fmt: skip
        assert reply.status_code == 200 and reply.headers["content-type"].startswith("text/event-stream"), reply.text
        for line in reply.iter_lines(chunk_size=1):
            if line.startswith(b"data: "):
                words.append(json.loads(line[6:])["choices"][0]["delta"]["content"])
                Provider.seen_first.set()
    assert words == ["one", "two", "three"]
    assert Provider.waited == [True], "the first piece only came after the last was sent"


def test_a_reload_under_load_fails_no_request(site):
    if not site.can_reload:
        pytest.skip("this server, or the way it is run, has no reload without a gap")
    stop = threading.Event()
    statuses = []

    def load():
        host = urllib.parse.urlsplit(site.url)
        while not stop.is_set():
            connection = http.client.HTTPConnection(host.hostname, host.port, timeout=30)
            connection.request(
                "GET", f"{site.prefix}/api/2.0/mlflow/experiments/get?experiment_id=0",
                headers={"authorization": f"Bearer {site.token}", "connection": "close"},
            )  # fmt: skip
            statuses.append(connection.getresponse().status)
            connection.close()

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.3)
        site.reload()
        time.sleep(1.5)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(statuses) > 50 and set(statuses) == {200}


def test_every_program_is_built():
    assert all((BUILD / f"fcgi-bin/{name}.fcgi").exists() for name in PROGRAMS)
