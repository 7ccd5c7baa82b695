import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest
import requests

from support import AJAX, API, Api, Server, expect_error, expect_invalid, unique

ONLY_TEXT = (
    "Endpoint: {} disabled due to the mlflow server running in `--artifacts-only` mode. To enable tracking server "
    "functionality, run `mlflow server` without `--artifacts-only`"
)


# --- The plain routes ---


@pytest.mark.parametrize("path, text", [("/health", "OK"), ("/version", "3.8.1")])
def test_health_and_version_answer_plain_words(api, path, text):
    reply = api.request("GET", path)
    assert (reply.status, reply.text) == (200, text)
    assert reply.headers["content-type"].split(";")[0] == "text/html"
    head = api.request("HEAD", path)
    assert (head.status, head.bytes) == (200, b"")
    wrong = api.request("POST", path, json={})
    assert wrong.status == 405 and {m.strip() for m in wrong.headers["allow"].split(",")} >= {"GET", "HEAD"}


def test_ui_telemetry_is_always_off(api):
    path = "/ajax-api/3.0/mlflow/ui-telemetry"
    off = {"disable_ui_events": [], "disable_ui_telemetry": True, "ui_rollout_percentage": 0}
    assert api.request("GET", path).ok() == off
    assert api.request("POST", path, json={"records": []}).ok() == {"status": "disabled"}
    expect_error(api.request("GET", path.replace("ajax-api", "api")), 404, "ENDPOINT_NOT_FOUND")


def test_the_root_is_a_small_page(api):
    reply = api.request("GET", "/")
    assert reply.status == 200 and reply.headers["content-type"].split(";")[0] == "text/html"
    assert "Tracklight" in reply.text and len(reply.bytes) < 20000
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["x-frame-options"] == "SAMEORIGIN"


def test_there_are_no_metrics_unless_asked_for(api):
    expect_error(api.request("GET", "/metrics"), 404, "ENDPOINT_NOT_FOUND")


def metric_values(api):
    """Every series of /metrics with its value, and the types by name."""
    reply = api.request("GET", "/metrics")
    assert reply.status == 200
    assert reply.headers["content-type"].startswith("text/plain; version=0.0.4")
    values, types = {}, {}
    for line in reply.text.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert name not in types, f"{name} is described twice"
            types[name] = kind
        elif not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            assert series not in values, f"{series} stands there twice"
            values[series] = float(value)
    return values, types


def test_metrics_count_the_requests_of_all_programs(servers):
    api = servers("--expose-prometheus", "metrics").api
    api.experiment()
    api.request("GET", f"{API}runs/get?run_id={'0' * 32}")
    api.request("GET", "/health")
    api.request("GET", "/api/2.0/mlflow-artifacts/artifacts?path=")
    before, types = metric_values(api)
    assert types["mlflow_http_request_total"] == "counter"
    assert types["mlflow_http_request_duration_seconds"] == "histogram"
    assert before['mlflow_exporter_info{version="0.23.1"}'] == 1
    assert before['tracklight_requests_total{program="tracking",operation="createExperiment",status="200"}'] == 1
    assert before['tracklight_requests_total{program="tracking",operation="getRun",status="404"}'] == 1
    assert [s for s in before if 'program="artifacts"' in s and s.startswith("tracklight_requests_total")]
    assert not [s for s in before if "health" in s]
    assert before["tracklight_database_commits_total"] >= 1
    assert before["tracklight_database_bytes"] > 4096 and "tracklight_database_wal_bytes" in before
    assert before['tracklight_queue_depth{queue="webhooks"}'] == 0

    for _ in range(5):
        api.request("GET", f"{API}runs/get?run_id={'0' * 32}")
    after, _ = metric_values(api)
    total = 'mlflow_http_request_total{method="GET",status="404"}'
    assert after[total] - before[total] == 5
    slow = 'mlflow_http_request_duration_seconds_bucket{method="GET",mlflow_version="3.8.1",status="404",le="+Inf"}'
    assert after[slow] - before[slow] == 5


def test_metrics_are_shown_to_the_networks_that_are_named(servers):
    here = servers("--expose-prometheus", "m", "--metrics-allowed-networks", "10.0.0.0/8, 127.0.0.1")
    assert here.api.request("GET", "/metrics").status == 200
    elsewhere = servers("--expose-prometheus", "m", "--metrics-allowed-networks", "10.0.0.0/8")
    expect_error(elsewhere.api.request("GET", "/metrics"), 403, "PERMISSION_DENIED")
    assert elsewhere.api.request("GET", "/health").status == 200
    foreign = here.api.request("GET", "/metrics", headers={"Host": "evil.example"})
    assert foreign.status == 403


@pytest.mark.parametrize("path", ["/lighttpd.conf", "/t.db", "/../t.db", "/%2e%2e/t.db", "/server.log", "/.git/config", "/index.html/..%2f..%2fetc/passwd"])
def test_no_file_beside_the_page_is_served(server, api, path):
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", server.port), timeout=5) as connection:
        connection.sendall(request)
        received = connection.recv(65536)
    assert re.match(rb"HTTP/1\.1 (400|403|404)", received), received[:200]
    assert b"SQLite format" not in received


# --- Static prefix ---


@pytest.fixture
def prefixed(servers):
    return servers("--static-prefix", "/pre", health="/pre/health").api


def test_a_static_prefix_moves_pages_and_ajax_but_not_the_api(prefixed):
    for path in ("/pre/health", "/pre/version", "/pre" + AJAX + "experiments/get?experiment_id=0", API + "experiments/get?experiment_id=0", "/pre/ajax-api/3.0/mlflow/ui-telemetry"):
        assert prefixed.request("GET", path).status == 200, path
    for path in ("/health", "/version", AJAX + "experiments/get?experiment_id=0", "/pre" + API + "experiments/get?experiment_id=0", "/prehealth", "/pre/pre/health"):
        assert prefixed.request("GET", path).status == 404, path


def test_the_prefixed_page_exists_and_the_bare_prefix_leads_to_it(prefixed):
    assert prefixed.request("GET", "/pre/").status == 200
    bare = prefixed.request("GET", "/pre")
    assert bare.status in (301, 308) and bare.headers["location"].endswith("/pre/")


def test_the_checks_hold_under_a_prefix(prefixed):
    create = "/pre" + AJAX + "experiments/create"
    reply = prefixed.request("POST", create, json={"name": unique("p")}, headers={"Origin": "http://evil.com"})
    assert reply.status == 403
    assert prefixed.request("GET", "/pre" + AJAX + "experiments/get?experiment_id=0", headers={"Host": "evil.com"}).status == 403
    for path in ("/pre/health", "/pre/version"):
        assert prefixed.request("GET", path, headers={"Host": "evil.com"}).status == 200
    assert prefixed.request("POST", create, json={"name": unique("p")}).ok()["experiment_id"]


# --- Artifacts only ---


@pytest.fixture
def artifacts_only(servers):
    return servers("--artifacts-only", backend=False).api


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", API + "experiments/get"),
        ("POST", API + "experiments/create"),
        ("POST", API + "runs/log-batch"),
        ("POST", API + "runs/search"),
        ("GET", API + "artifacts/list"),
        ("GET", AJAX + "metrics/get-history-bulk"),
        ("POST", AJAX + "runs/create"),
    ],
)
def test_tracking_is_503_with_artifacts_only(artifacts_only, method, path):
    reply = artifacts_only.request(method, path, may_be_5xx=True, **({} if method == "GET" else {"json": {}}))
    assert (reply.status, reply.text) == (503, ONLY_TEXT.format(path))
    assert reply.headers["content-type"].split(";")[0] == "text/html"


def test_health_and_version_answer_with_artifacts_only(artifacts_only):
    assert artifacts_only.request("GET", "/health").text == "OK"
    assert artifacts_only.request("GET", "/version").text == "3.8.1"
    assert artifacts_only.request("GET", API + "nope").status == 404


# --- Artifact locations ---


def test_without_serving_the_default_root_is_a_local_folder(servers):
    server = servers("--no-serve-artifacts")
    api = server.api
    root = f"{server.directory}/mlruns"
    assert api.get_experiment("0")["artifact_location"] == f"{root}/0"
    number = api.experiment()
    assert api.get_experiment(number)["artifact_location"] == f"{root}/{number}"
    run = api.run(number)
    assert api.get_run(run)["info"]["artifact_uri"] == f"{root}/{number}/{run}/artifacts"
    assert not pathlib.Path(root).exists()


@pytest.mark.parametrize("root, joined", [("s3://bucket/prefix", "s3://bucket/prefix/{}"), ("s3://bucket/p/", "s3://bucket/p/{}"), ("/tmp/roots", "/tmp/roots/{}")])
def test_a_default_artifact_root_is_joined_with_the_id(servers, root, joined):
    api = servers("--default-artifact-root", root).api
    assert api.get_experiment("0")["artifact_location"] == joined.format("0")
    number = api.experiment()
    assert api.get_experiment(number)["artifact_location"] == joined.format(number)


def test_a_changed_root_is_for_new_experiments_only(tmp_path):
    first = Server(tmp_path)
    number = first.api.experiment()
    first.stop()
    second = Server(tmp_path, "--default-artifact-root", "s3://other")
    try:
        assert second.api.get_experiment(number)["artifact_location"] == f"mlflow-artifacts:/{number}"
        assert second.api.get_experiment("0")["artifact_location"] == "mlflow-artifacts:/0"
        assert second.api.get_experiment(second.api.experiment())["artifact_location"].startswith("s3://other/")
    finally:
        second.stop()


def test_the_length_of_a_location_is_a_setting(servers):
    api = servers(environment={"MLFLOW_ARTIFACT_LOCATION_MAX_LENGTH": "20"}).api
    api.experiment(artifact_location="s3://b/12345678901")
    message = expect_invalid(api.post("experiments/create", {"name": "x", "artifact_location": "s3://b/" + "x" * 30}))
    assert "cannot be greater than 20 characters" in message


# --- Starting and stopping ---


def test_data_survives_a_restart(tmp_path):
    server = Server(tmp_path)
    api = server.api
    experiment = api.experiment("kept")
    run = api.run(experiment, run_name="r")
    api.metric(run, "m", 1.5, 5, 3)
    api.post("runs/set-tag", {"run_id": run, "key": "k", "value": "v"}).ok()
    before = (api.get_experiment(experiment), api.get_run(run))
    server.stop()
    server = Server(tmp_path)
    try:
        assert (server.api.get_experiment(experiment), server.api.get_run(run)) == before
    finally:
        server.stop(signal.SIGINT)


def failing_start(*options, cwd, environment=None):
    import os

    from support import BUILD

    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "TRACKLIGHT_"))}
    return subprocess.run(
        [str(BUILD / "bin" / "tracklight"), "server", *options],
        cwd=cwd,
        env={**clean, **(environment or {})},
        capture_output=True,
        timeout=30,
        text=True,
    )


def test_a_taken_port_is_a_clear_failure(server, tmp_path):
    done = failing_start("--port", str(server.port), "--backend-store-uri", f"sqlite:///{tmp_path}/x.db", cwd=tmp_path)
    assert done.returncode not in (0, -6, -11) and str(server.port) in done.stderr
    assert server.api.request("GET", "/health").status == 200


@pytest.mark.parametrize(
    "options, text",
    [
        (["--backend-store-uri", "postgresql://x/y"], "postgresql"),
        (["--backend-store-uri", "sqlite:////nonexistent/dir/x.db"], "/nonexistent/dir"),
        (["--static-prefix", "pre"], "--static-prefix must begin with a '/'."),
        (["--static-prefix", "/pre/"], "--static-prefix should not end with a '/'."),
        (["--port", "99999"], "port"),
        (["--port", "x"], "port"),
        (["--nonsense"], "--nonsense"),
        (["--workers", "0"], "workers"),
    ],
)
def test_a_bad_option_is_a_clear_failure(tmp_path, options, text):
    done = failing_start(*options, cwd=tmp_path)
    assert done.returncode > 0 and text in done.stderr, (done.returncode, done.stderr)


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "x.db"
    path.write_bytes(b"this is not a database" * 100)
    done = failing_start("--port", "0", "--backend-store-uri", f"sqlite:///{path}", cwd=tmp_path)
    assert done.returncode > 0 and str(path) in done.stderr, done.stderr
    assert path.read_bytes() == b"this is not a database" * 100


def test_artifacts_only_with_a_backend_store_is_refused(tmp_path):
    done = failing_start("--artifacts-only", "--backend-store-uri", f"sqlite:///{tmp_path}/x.db", cwd=tmp_path)
    assert done.returncode > 0 and "--artifacts-only" in done.stderr


def test_two_servers_run_side_by_side(servers, server):
    other = servers("--workers", "2")
    name = unique("side")
    server.api.experiment(name)
    assert other.api.get("experiments/get-by-name", {"experiment_name": name}).status == 404


def test_a_program_that_dies_is_started_again(tmp_path):
    import os

    server = Server(tmp_path)
    try:
        experiment = server.api.experiment("before")
        (program,) = server.programs()
        os.kill(program, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while True:
            try:
                found = requests.get(f"{server.url}{API}experiments/get?experiment_id={experiment}", timeout=5)
                if found.status_code == 200:
                    break
            except requests.RequestException:
                pass
            assert time.monotonic() < deadline, server.log_text()
            time.sleep(0.05)
        assert server.programs() != [program]
        assert Api(server.url).experiment("after")
    finally:
        server.stop()


def test_requests_in_flight_are_answered_at_the_end(tmp_path):
    server = Server(tmp_path)
    api = server.api
    run = api.run()
    body = (
        b'{"run_id": "' + run.encode() + b'", "key": "late", "value": "v"}'
    )
    with socket.create_connection(("127.0.0.1", server.port), timeout=30) as connection:
        head = f"POST {API}runs/set-tag HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall(head.encode() + body[:10])
        time.sleep(0.2)
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        connection.sendall(body[10:])
        received = connection.recv(65536)
    server.stop()
    answered = received.startswith(b"HTTP/1.1 200")
    again = Server(tmp_path)
    try:
        assert answered, received[:200]
        assert again.api.tags(run)["late"] == "v"
    finally:
        again.stop()


def test_the_start_message_has_the_url_and_the_security_state(server, servers):
    assert server.url in server.log.read_text()
    assert "Security middleware enabled with default settings (localhost-only)." in server.log.read_text()
    off = servers("--disable-security-middleware")
    assert "WARNING: Security middleware is DISABLED." in off.log.read_text()
    custom = servers("--allowed-hosts", "a.org,b.org,c.org,d.org,127.0.0.1")
    assert "Security middleware enabled. Allowed hosts: a.org, b.org, c.org, and 2 more." in custom.log.read_text()
    anyone = servers("--allowed-hosts", "*")
    assert "WARNING: Accepting ALL hosts. This may leave the server vulnerable to DNS rebinding attacks." in anyone.log.read_text()


def test_each_request_leaves_one_log_line_with_its_id_and_no_body(server, api, run):
    reply = api.post("runs/set-tag", {"run_id": run, "key": "k", "value": "s3cr3t-value"}, headers={"X-Request-Id": "find-me-42"})
    reply.ok()
    time.sleep(0.2)
    logs = "".join(p.read_text(errors="replace") for p in server.directory.rglob("*log*") if p.is_file())
    lines = [line for line in logs.splitlines() if "find-me-42" in line]
    assert len(lines) == 1 and "setTag" in lines[0] and "200" in lines[0], lines
    assert "s3cr3t-value" not in logs
