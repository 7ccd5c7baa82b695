"""`tracklight crypto rotate-kek`: another passphrase for the gateway's secrets."""

import os
import pty
import select
import shutil
import signal
import sqlite3
import subprocess
import time

import pytest
from gateway_support import Gateway
from support import BUILD, Server

OLD, NEW, THIRD = "old-passphrase-0123456789", "new-passphrase-9876543210", "third-passphrase-55555"
DEFAULT = "mlflow-default-kek-passphrase-for-development-only"


def rotate(directory, *options, old=OLD, version=None, new=NEW, environment=None, yes=True, **more):
    command = [str(BUILD / "bin" / "tracklight"), "crypto", "rotate-kek", *(["--yes"] if yes else []), *options]
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "TRACKLIGHT_"))
    }
    variables["MLFLOW_BACKEND_STORE_URI"] = f"sqlite:///{directory}/t.db"
    if old is not None:
        variables["MLFLOW_CRYPTO_KEK_PASSPHRASE"] = old
    if version is not None:
        variables["MLFLOW_CRYPTO_KEK_VERSION"] = str(version)
    variables.update(environment or {})
    return subprocess.run(command, input=new, capture_output=True, text=True, env=variables, timeout=60, **more)


def rows(directory):
    connection = sqlite3.connect(f"{directory}/t.db")
    try:
        query = "SELECT secret_id, kek_version, wrapped_dek, encrypted_value FROM gateway_secrets ORDER BY id"
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def versions(directory):
    return [row[1] for row in rows(directory)]


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A database that has three secrets under OLD."""
    directory = tmp_path_factory.mktemp("template")
    server = Server(directory, environment={"MLFLOW_CRYPTO_KEK_PASSPHRASE": OLD})
    try:
        for _ in range(3):
            Gateway(server.api).secret()
    finally:
        server.stop()
    return directory / "t.db"


@pytest.fixture
def kept(template, tmp_path):
    """A directory with a copy of it, and no server."""
    for path in template.parent.glob("t.db*"):
        if path.is_file():
            shutil.copy(path, tmp_path)
    return tmp_path


def test_keys_are_wrapped_anew_and_values_stay(kept):
    before = rows(kept)
    done = rotate(kept)
    assert done.returncode == 0, done.stderr
    assert "Successfully rotated 3 encryption keys to KEK v2." in done.stdout
    assert "MLFLOW_CRYPTO_KEK_VERSION=2" in done.stdout
    assert NEW not in done.stdout + done.stderr and OLD not in done.stdout + done.stderr
    after = rows(kept)
    assert [(row[0], row[3]) for row in after] == [(row[0], row[3]) for row in before]
    assert versions(kept) == [2, 2, 2]
    assert not {row[2] for row in after} & {row[2] for row in before}
    # Only the new passphrase opens them now.
    refused = rotate(kept, version=2, new=THIRD)
    assert refused.returncode == 1 and "No changes were made" in refused.stderr
    assert rows(kept) == after
    assert rotate(kept, old=NEW, version=2, new=THIRD).returncode == 0
    assert versions(kept) == [3, 3, 3]


@pytest.mark.slow
def test_a_second_run_does_nothing(kept):
    rotate(kept)
    after = rows(kept)
    again = rotate(kept)
    assert again.returncode == 0, again.stderr
    assert "All 3 secrets are under the new passphrase already." in again.stdout
    assert "MLFLOW_CRYPTO_KEK_VERSION=2" in again.stdout
    assert rows(kept) == after


@pytest.mark.slow
def test_the_same_passphrase_gets_a_new_version_once(kept):
    for _ in range(2):
        assert rotate(kept, new=OLD).returncode == 0
        assert versions(kept) == [2, 2, 2]


def test_a_wrong_passphrase_changes_nothing(kept):
    before = rows(kept)
    done = rotate(kept, old="wrong")
    assert done.returncode == 1
    assert before[0][0] in done.stderr and "MLFLOW_CRYPTO_KEK_PASSPHRASE" in done.stderr
    assert rows(kept) == before


@pytest.mark.slow
def test_one_broken_row_holds_all_back(kept):
    connection = sqlite3.connect(f"{kept}/t.db")
    connection.execute("UPDATE gateway_secrets SET wrapped_dek = zeroblob(60) WHERE id = (SELECT max(id) FROM gateway_secrets)")
    connection.commit()
    connection.close()
    before = rows(kept)
    done = rotate(kept)
    assert done.returncode == 1 and before[-1][0] in done.stderr
    assert rows(kept) == before


@pytest.mark.slow
def test_a_database_without_secrets_has_nothing_to_rotate(kept):
    connection = sqlite3.connect(f"{kept}/t.db")
    connection.execute("DELETE FROM gateway_secrets")
    connection.commit()
    connection.close()
    done = rotate(kept)
    assert done.returncode == 0, done.stderr
    assert "No secrets found with kek_version=1. Nothing to rotate." in done.stderr


def test_the_passphrase_of_the_environment_is_needed(kept):
    for old in (None, ""):
        done = rotate(kept, old=old)
        assert done.returncode == 1 and "MLFLOW_CRYPTO_KEK_PASSPHRASE" in done.stderr
    assert versions(kept) == [1, 1, 1]


@pytest.mark.slow
@pytest.mark.parametrize("new", ["", "\n", "x" * 1025])
def test_a_new_passphrase_must_be_given(kept, new):
    assert rotate(kept, new=new).returncode == 1
    assert versions(kept) == [1, 1, 1]


@pytest.mark.slow
def test_where_the_new_passphrase_comes_from(kept):
    done = rotate(kept, new="", environment={"TRACKLIGHT_NEW_KEK_PASSPHRASE": NEW})
    assert done.returncode == 0, done.stderr
    done = rotate(kept, f"--new-passphrase={THIRD}", old=NEW, version=2, new="")
    assert done.returncode == 0, done.stderr
    assert "Warning: arguments are visible" in done.stderr
    done = rotate(kept, old=THIRD, version=3, new=OLD + "\n")
    assert done.returncode == 0, done.stderr
    assert versions(kept) == [4, 4, 4]


@pytest.mark.slow
def test_nobody_to_ask_means_no(kept):
    done = rotate(kept, yes=False)
    assert done.returncode == 1 and "--yes" in done.stderr
    assert versions(kept) == [1, 1, 1]


@pytest.mark.parametrize("answer, rotated", [(b"y\n", True), (b"n\n", False), (b"\n", False)])
def test_at_a_terminal_the_passphrase_is_asked_for_and_not_shown(kept, answer, rotated):
    environment = {**os.environ, "MLFLOW_CRYPTO_KEK_PASSPHRASE": OLD, "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{kept}/t.db"}
    main, terminal = pty.openpty()
    command = [str(BUILD / "bin" / "tracklight"), "crypto", "rotate-kek"]
    process = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=environment, start_new_session=True)
    os.close(terminal)
    shown = b""

    def until(text):
        nonlocal shown
        deadline = time.monotonic() + 30
        while text not in shown:
            assert select.select([main], [], [], max(0, deadline - time.monotonic()))[0], shown
            shown += os.read(main, 4096)

    try:
        until(b"New passphrase: ")
        os.write(main, NEW.encode() + b"\n")
        until(b"Again: New passphrase: ")
        os.write(main, NEW.encode() + b"\n")
        until(b"[y/N]: ")
        os.write(main, answer)
        assert process.wait(30) == (0 if rotated else 1)
    finally:
        if process.poll() is None:
            process.kill()
        os.close(main)
    assert NEW.encode() not in shown
    assert versions(kept) == [2 if rotated else 1] * 3


def test_wrong_calls_show_the_usage(tmp_path):
    tracklight = str(BUILD / "bin" / "tracklight")
    for arguments in ([], ["turn"], ["rotate-kek", "--nothing"], ["rotate-kek", "x"], ["rotate-kek", "--new-passphrase"]):
        done = subprocess.run([tracklight, "crypto", *arguments], capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL)
        assert done.returncode == 2 and "Usage: tracklight crypto rotate-kek" in done.stderr
    done = subprocess.run([tracklight, "crypto", "--help"], capture_output=True, text=True, timeout=20)
    assert done.returncode == 0 and "--new-passphrase" in done.stdout


@pytest.mark.slow
def test_rotation_beside_a_running_server(tmp_path):
    """What the server adds with the old passphrase meanwhile is found by a second run."""
    server = Server(tmp_path)
    try:
        gateway = Gateway(server.api)
        gateway.secret()
        done = rotate(tmp_path, old=DEFAULT)
        assert done.returncode == 0 and "A server runs on" in done.stderr, done.stderr
        late = gateway.secret()
        assert versions(tmp_path) == [2, 1]
        done = rotate(tmp_path, old=DEFAULT)
        assert done.returncode == 0, done.stderr
        assert "Successfully rotated 1 encryption key to KEK v2." in done.stdout
        assert versions(tmp_path) == [2, 2]
        server.stop()
        server.environment.update({"MLFLOW_CRYPTO_KEK_PASSPHRASE": NEW, "MLFLOW_CRYPTO_KEK_VERSION": "2"})
        server.start()
        gateway.post("secrets/update", secret_id=late["secret_id"], secret_value={"api_key": "changed-0000"}).ok()
        assert versions(tmp_path) == [2, 2]
    finally:
        server.stop()
    assert rotate(tmp_path, old=NEW, version=2, new=THIRD).returncode == 0


@pytest.mark.slow
def test_a_rotation_that_is_killed_has_changed_all_or_nothing(kept):
    connection = sqlite3.connect(f"{kept}/t.db")
    connection.execute(
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 10000) "
        "INSERT INTO gateway_secrets (secret_id, name, encrypted_value, wrapped_dek, kek_version, masked_values, creation_time, last_update_time) "
        "SELECT 's-' || i, 'copy ' || i, encrypted_value, wrapped_dek, kek_version, '{}', 0, 0 FROM n, (SELECT * FROM gateway_secrets LIMIT 1)"
    )
    connection.commit()
    connection.close()
    environment = {**os.environ, "MLFLOW_CRYPTO_KEK_PASSPHRASE": OLD, "TRACKLIGHT_NEW_KEK_PASSPHRASE": NEW}
    command = [str(BUILD / "bin" / "tracklight"), "crypto", "rotate-kek", "-y", "--backend-store-uri", f"sqlite:///{kept}/t.db"]
    log = kept / "t.db-wal"
    killed = 0
    for attempt in range(20):
        process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        # Up to the moment when the first pages are written, then somewhat later in each attempt.
        deadline = time.monotonic() + 30
        while process.poll() is None and not (log.exists() and log.stat().st_size > 0) and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(0.004 * attempt)
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            killed += 1
        process.wait(30)
        found = set(versions(kept))
        assert found in ({1}, {2})
        if found == {2}:
            break
    assert killed > 0
    done = rotate(kept)
    assert done.returncode == 0, done.stderr
    assert set(versions(kept)) == {2}
