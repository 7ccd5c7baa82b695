"""`tracklight doctor`, on good and on broken installations."""

import http.server
import os
import pathlib
import signal
import socket
import sqlite3
import stat
import subprocess
import threading

import pytest

import support
from command_line import CommandLine

PASSWORD = "correct-horse-battery"


def findings(done):
    """[(ok|warning|problem, subject, the rest)] of each line but the sum."""
    found = []
    for line in done.lines[:-1]:
        word, rest = line.split(None, 1)
        subject, text = rest.split(": ", 1)
        assert word in ("ok", "warning", "problem")
        found.append((word, subject, text))
    problems = sum(word == "problem" for word, _, _ in found)
    warnings = sum(word == "warning" for word, _, _ in found)
    assert done.lines[-1] == f"{problems} problems, {warnings} warnings"
    assert done.status == (1 if problems else 0)
    return found


def told(done, subject, word):
    """What is said about a subject in that way, joined."""
    return "\n".join(text for its, name, text in findings(done) if name == subject and its == word)


@pytest.fixture
def house(tmp_path):
    """A fresh installation with a database and a folder of artifacts."""
    command = CommandLine(tmp_path, tmp_path / "t.db")
    command("db", "upgrade")
    (tmp_path / "mlartifacts").mkdir()
    return command


def test_a_running_suite_is_in_order(server, command):
    pathlib.Path(server.directory, "mlartifacts").mkdir(exist_ok=True)
    done = command("doctor", "--url", server.url)
    assert {(word, subject) for word, subject, _ in findings(done)} >= {
        ("ok", "settings"), ("ok", "hosts"), ("ok", "database"), ("ok", "rights"), ("ok", "disk"), ("ok", "artifacts"),
        ("ok", "programs"), ("ok", "server"), ("ok", "worker"),
    }  # fmt: skip
    assert done.lines[-1] == "0 problems, 0 warnings"


def test_settings_that_make_no_sense_end_it(tmp_path):
    (tmp_path / "t.conf").write_text("thraeds = 1\n")
    done = CommandLine(tmp_path)("doctor", "--config", tmp_path / "t.conf", status=1)
    assert "t.conf" in told(done, "settings", "problem") and len(done.lines) == 2


def test_a_file_with_secrets_is_for_few(house):
    file = house.directory / "t.conf"
    file.write_text("crypto_kek_passphrase = x\n")
    file.chmod(0o644)
    assert f"chmod o-r {file}" in told(house("doctor", "--config", file, status=1), "settings", "problem")
    file.chmod(0o640)
    assert told(house("doctor", "--config", file), "settings", "problem") == ""


def test_a_database_that_is_not_there_is_told(tmp_path):
    done = CommandLine(tmp_path, tmp_path / "none.db")("doctor", status=1)
    assert "There is no database" in told(done, "database", "problem") and "tracklight db upgrade" in told(done, "database", "problem")


def test_a_database_of_somebody_else_is_told(tmp_path):
    with sqlite3.connect(tmp_path / "t.db") as other:
        other.execute("CREATE TABLE t (a)")
    assert told(CommandLine(tmp_path, tmp_path / "t.db")("doctor", status=1), "database", "problem")


@pytest.mark.parametrize("first, last", [(1, 60), (100, 150)], ids=["so much that it cannot be opened", "some"])
def test_damage_is_told(house, first, last):
    with open(house.database, "r+b") as file:
        for page in range(first, last):
            file.seek(page * 4096)
            file.write(b"\xff" * 4096)
    assert "tracklight db restore" in told(house("doctor", status=1), "database", "problem")


def test_a_database_that_somebody_holds_is_told(house):
    with sqlite3.connect(house.database, isolation_level=None) as holder:
        holder.execute("BEGIN IMMEDIATE")
        assert "cannot be written" in told(house("doctor", status=1), "database", "problem")


def test_rights_that_are_too_wide_are_told(house):
    key = pathlib.Path(f"{house.database}.session-key")
    key.write_text("x")
    key.chmod(0o644)
    os.chmod(house.database, 0o644)
    done = house("doctor", status=1)
    assert f"chmod 600 {key}" in told(done, "rights", "problem")
    assert f"chmod o-rwx {house.database}" in told(done, "rights", "warning")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_files_of_another_user_beside_the_database_are_told(house):
    lock = pathlib.Path(f"{house.database}-lock")
    lock.touch()
    os.chown(lock, 12345, -1)
    assert f"chown root {lock}" in told(house("doctor", status=1), "rights", "problem")


def test_hosts_that_do_not_fit_the_address_are_told(house):
    assert "set allowed_hosts" in told(house("doctor", "--host", "0.0.0.0"), "hosts", "warning")
    assert told(house("doctor", "--host", "0.0.0.0", "--allowed-hosts", "a.example"), "hosts", "ok")
    assert "DNS rebinding" in told(house("doctor", "--allowed-hosts", "*"), "hosts", "warning")
    assert told(house("doctor", "--disable-security-middleware", status=1), "hosts", "problem")
    assert "basic-auth" in told(house("doctor", "--host", "0.0.0.0"), "users", "warning")


def test_users_without_an_administrator_are_told(house):
    done = house("doctor", "--app-name", "basic-auth", status=1)
    assert "tracklight user add --admin NAME" in told(done, "users", "problem")
    line = house.line("user", "add", "--admin", "root")
    subprocess.run(line, input=f"{PASSWORD}\n", text=True, cwd=house.directory, capture_output=True, timeout=30, check=True)
    assert told(house("doctor", "--app-name", "basic-auth"), "users", "ok")


def test_secrets_under_the_passphrase_that_everybody_knows_are_told(house):
    assert told(house("doctor"), "gateway", "problem") == ""
    with sqlite3.connect(house.database) as database:
        database.execute(
            "INSERT INTO gateway_secrets (secret_id, name, encrypted_value, wrapped_dek, kek_version, masked_values, creation_time, last_update_time) "
            "VALUES ('s-1', 'n', x'00', x'00', 1, '{}', 0, 0)"
        )
    assert "tracklight crypto rotate-kek" in told(house("doctor", status=1), "gateway", "problem")
    environment = {"MLFLOW_CRYPTO_KEK_PASSPHRASE": "our own, and nobody else's"}
    assert told(house("doctor", environment=environment), "gateway", "ok")


def test_rules_of_retention_and_types_of_jobs_are_read(house):
    environment = {"TRACKLIGHT_RETENTION_TRACES": "soon"}
    assert told(house("doctor", environment=environment, status=1), "retention", "problem")
    (house.directory / "jobs.d").mkdir()
    (house.directory / "jobs.d" / "a.conf").write_text("[a]\nx = 1\n")
    assert "There is no key 'x'" in told(house("doctor", "--enable-jobs", status=1), "jobs", "problem")


def test_without_a_worker_there_is_a_warning(house):
    assert "tracklight-worker" in told(house("doctor"), "worker", "warning")


def test_a_server_that_is_not_there_or_is_none_is_told(house):
    port = support.free_port()
    assert "cannot be asked" in told(house("doctor", "--url", f"http://127.0.0.1:{port}", status=1), "server", "problem")

    class Other(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_error(404)

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Other) as other:
        threading.Thread(target=other.serve_forever, daemon=True).start()
        done = house("doctor", "--url", f"http://127.0.0.1:{other.server_port}/", status=1)
        other.shutdown()
    assert "docs/deployment.md" in told(done, "server", "problem")


def test_a_server_that_refuses_its_own_name_is_told(tmp_path_factory, house):
    server = support.Server(tmp_path_factory.mktemp("suite"), "--allowed-hosts", "other.example")
    try:
        assert "add the name to allowed_hosts" in told(house("doctor", "--url", server.url, status=1), "server", "problem")
    finally:
        server.stop()


def test_the_programs_at_the_sockets_are_asked(house, tmp_path_factory):
    sockets = tmp_path_factory.mktemp("s")
    path = sockets / "tracking.sock"
    program = [str(support.BUILD / "fcgi-bin" / "tracking.fcgi"), "--listen", f"unix:{path}"]
    environment = {"MLFLOW_BACKEND_STORE_URI": f"sqlite:///{house.database}", "PATH": os.environ["PATH"]}
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(sockets / "jobs.sock"))  # nobody listens
    with subprocess.Popen(program, env=environment, cwd=house.directory, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        try:
            for _ in range(500):
                if path.exists() and stat.S_ISSOCK(path.stat().st_mode):
                    break
                support.time.sleep(0.01)
            done = house("doctor", "--sockets", sockets, status=1)
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(20)
    dead.close()
    assert f"The program at {path} answers." in told(done, "sockets", "ok")
    assert "jobs.sock does not answer" in told(done, "sockets", "problem")


def test_a_store_on_s3_that_cannot_be_reached_is_told(house):
    environment = {"MLFLOW_S3_ENDPOINT_URL": f"http://127.0.0.1:{support.free_port()}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    done = house("doctor", "--artifacts-destination", "s3://bucket/x", environment=environment, status=1)
    assert "s3://bucket/x cannot be used" in told(done, "artifacts", "problem")


def test_a_clock_that_is_wrong_is_told(house):
    class Old(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response_only(404)
            self.send_header("Date", "Mon, 02 Jan 2023 00:00:00 GMT")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Old) as store:
        threading.Thread(target=store.serve_forever, daemon=True).start()
        environment = {"MLFLOW_S3_ENDPOINT_URL": f"http://127.0.0.1:{store.server_port}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
        done = house("doctor", "--artifacts-destination", "s3://bucket/x", environment=environment, status=1)
        store.shutdown()
    assert "timedatectl set-ntp true" in told(done, "clock", "problem")
    assert "s3://bucket/x answers." in told(done, "artifacts", "ok")


@pytest.mark.parametrize("arguments", [["--nope"], ["--url"]])
def test_calls_that_make_no_sense_are_refused(tmp_path, arguments):
    done = CommandLine(tmp_path)("doctor", *arguments, status=1 if arguments == ["--nope"] else 2)
    assert "--nope" in done.out if arguments == ["--nope"] else "requires an argument" in done.err
