"""What `tracklight import` makes of a database that a real MLflow 3.8.2 server wrote: afterwards each of 116 requests gets
the reply that the old server gave."""

import gzip
import hashlib
import json
import os
import pathlib
import sqlite3
import subprocess

import pytest
import requests

from support import Server

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
PASSPHRASE = "sample-passphrase-for-testing-only-0123456789"
REPLIES = json.loads(gzip.decompress((DATA / "mlflow-3.8.replies.json.gz").read_bytes()))
TRACKLIGHT = pathlib.Path(os.environ.get("BUILD", "build")).absolute() / "bin/tracklight"


def old_database(folder):
    path = folder / "mlflow.db"
    path.write_bytes(gzip.decompress((DATA / "mlflow-3.8.db.gz").read_bytes()))
    return path


def run_import(source, database, *options, environment=None):
    env = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "TRACKLIGHT_"))}
    env.update(environment or {})
    return subprocess.run(
        [TRACKLIGHT, "import", str(source), "--backend-store-uri", f"sqlite:///{database}", *options],
        env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def report(output):
    """The table that the command ends with: what → (imported, there before, refused)."""
    rows = {}
    for line in output.splitlines()[1:]:
        words = line.rsplit(None, 3)
        rows[words[0].strip()] = tuple(int(word) for word in words[1:])
    return rows


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A server on an imported database."""
    folder = tmp_path_factory.mktemp("imported")
    result = run_import(old_database(folder), folder / "t.db", environment={"MLFLOW_CRYPTO_KEK_PASSPHRASE": PASSPHRASE})
    assert result.returncode == 0, result.stderr
    server = Server(folder, environment={"MLFLOW_CRYPTO_KEK_PASSPHRASE": PASSPHRASE})
    yield server
    server.stop()


def by_key(value):
    """Metrics, params and tags of one entity have no order that means anything: here they come by key."""
    if isinstance(value, dict):
        return {name: by_key(item) for name, item in value.items()}
    if isinstance(value, list):
        items = [by_key(item) for item in value]
        if items and all(isinstance(item, dict) and "key" in item and "run_id" not in item for item in items):
            keys = [item["key"] for item in items]
            if len(set(keys)) == len(keys):
                items.sort(key=lambda item: item["key"])
        return items
    return value


def name_of(request):
    body = json.dumps(request["body"], sort_keys=True) if request["body"] else ""
    return f"{request['method']} {request['path']} {body}"


@pytest.mark.parametrize("request_and_reply", REPLIES, ids=name_of)
def test_the_reply_is_the_old_servers(imported, request_and_reply):
    wanted = request_and_reply
    reply = requests.request(wanted["method"], imported.url + wanted["path"], json=wanted["body"], timeout=30)
    assert reply.status_code == wanted["status"]
    assert by_key(reply.json()) == by_key(wanted["reply"])


EVERYTHING = {
    "experiments": 4, "runs": 9, "logged models": 3, "registered models": 3, "model versions": 6, "webhooks": 1,
    "traces": 8, "evaluation datasets": 1, "scorers": 1, "gateway secrets": 1, "gateway model definitions": 1,
    "gateway endpoints": 1,
}  # fmt: skip


def test_a_second_import_finds_everything_there_and_changes_nothing(tmp_path):
    source = old_database(tmp_path)
    before = source.read_bytes()
    first = run_import(source, tmp_path / "new.db")
    assert {what: row[0] for what, row in report(first.stdout).items()} == EVERYTHING
    dump = list(sqlite3.connect(tmp_path / "new.db").iterdump())
    second = run_import(f"sqlite:///{source}", tmp_path / "new.db")
    assert second.returncode == 0
    assert all(row[0] == 0 and row[2] == 0 for row in report(second.stdout).values())
    assert list(sqlite3.connect(tmp_path / "new.db").iterdump()) == dump
    assert source.read_bytes() == before


def test_an_import_that_was_broken_off_is_completed_by_the_next(tmp_path):
    source = old_database(tmp_path)
    assert run_import(source, tmp_path / "whole.db").returncode == 0
    assert run_import(source, tmp_path / "broken.db").returncode == 0
    with sqlite3.connect(tmp_path / "broken.db") as database:
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("DELETE FROM logged_models")
        database.execute("DELETE FROM runs WHERE id % 2 = 0")
        database.execute("DELETE FROM traces WHERE id % 2 = 0")
        database.execute("DELETE FROM registered_models WHERE id = 2")
    result = run_import(source, tmp_path / "broken.db")
    assert report(result.stdout)["runs"] == (4, 5, 0)
    assert report(result.stdout)["traces"] == (4, 4, 0)

    def counts(path):
        database = sqlite3.connect(path)
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return {name: database.execute(f"SELECT count(*) FROM {name}").fetchone() for name in tables if name != "sqlite_sequence"}

    assert counts(tmp_path / "broken.db") == counts(tmp_path / "whole.db")


def test_an_older_schema_is_read_too(tmp_path):
    """MLflow 2.9 had neither traces nor logged models, no aliases of prompts, and fewer columns."""
    source = old_database(tmp_path)
    with sqlite3.connect(source) as database:
        for table in (
            "assessments spans trace_metrics trace_tags trace_request_metadata trace_info logged_model_metrics logged_model_params "
            "logged_model_tags logged_models entity_associations evaluation_dataset_records evaluation_dataset_tags evaluation_datasets "
            "online_scoring_configs scorer_versions scorers webhook_events webhooks endpoint_tags endpoint_bindings "
            "endpoint_model_mappings endpoints model_definitions secrets jobs"
        ).split():
            database.execute(f"DROP TABLE {table}")
        database.execute("ALTER TABLE inputs DROP COLUMN step")
    result = run_import(source, tmp_path / "new.db")
    assert result.returncode == 0, result.stderr
    assert report(result.stdout)["runs"] == (9, 0, 0)
    assert "traces" not in report(result.stdout)


def test_another_passphrase_is_told_and_with_the_old_one_secrets_are_wrapped_anew(tmp_path):
    source = old_database(tmp_path)
    told = run_import(source, tmp_path / "a.db", environment={"MLFLOW_CRYPTO_KEK_PASSPHRASE": "another-passphrase-of-many-characters"})
    assert told.returncode == 0 and "Secret 'key1' cannot be decrypted" in told.stderr
    anew = run_import(
        source, tmp_path / "b.db",
        environment={
            "MLFLOW_CRYPTO_KEK_PASSPHRASE": "another-passphrase-of-many-characters",
            "TRACKLIGHT_IMPORT_KEK_PASSPHRASE": PASSPHRASE,
        },
    )  # fmt: skip
    assert anew.returncode == 0 and "cannot be decrypted" not in anew.stderr
    select = "SELECT wrapped_dek, encrypted_value FROM gateway_secrets"
    (old_key, old_value), = sqlite3.connect(source).execute("SELECT wrapped_dek, encrypted_value FROM secrets")
    (new_key, new_value), = sqlite3.connect(tmp_path / "b.db").execute(select)
    assert new_value == old_value and new_key != old_key


def test_webhook_secrets_of_another_key_are_left_behind_and_their_webhooks_disabled(tmp_path):
    source = old_database(tmp_path)
    with sqlite3.connect(source) as database:
        database.execute("UPDATE webhooks SET secret = 'gAAAAABnonsense'")
    result = run_import(source, tmp_path / "new.db")
    assert result.returncode == 0 and "comes without its secret, and disabled" in result.stderr
    assert sqlite3.connect(tmp_path / "new.db").execute("SELECT status, secret FROM webhooks").fetchall() == [(2, None)]


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda path: None, "is not there"),
        (lambda path: path.write_bytes(b"no database at all" * 100), "cannot be read as an SQLite database"),
        (lambda path: sqlite3.connect(path).execute("CREATE TABLE t (x)"), "is no database of an MLflow server"),
    ],
)
def test_what_cannot_be_imported_is_refused_with_a_reason(tmp_path, make, words):
    make(tmp_path / "source.db")
    result = run_import(tmp_path / "source.db", tmp_path / "new.db")
    assert result.returncode == 1 and words in result.stderr


def test_another_experiment_of_the_same_id_is_not_mixed_up(tmp_path):
    source = old_database(tmp_path)
    assert run_import(source, tmp_path / "new.db").returncode == 0
    with sqlite3.connect(source) as database:
        database.execute("UPDATE experiments SET name = 'quite another' WHERE experiment_id = 1")
    result = run_import(source, tmp_path / "new.db")
    assert result.returncode == 1 and "another experiment with the id 1" in result.stderr


def scrypt(password):
    salt = "NaCl"
    return f"scrypt:32768:8:1${salt}${hashlib.scrypt(password.encode(), salt=salt.encode(), n=32768, r=8, p=1, maxmem=2**26).hex()}"


def test_users_come_with_passwords_and_permissions(tmp_path):
    """MLflow's basic_auth.db, as its alembic revision a1b2c3d4e5f6 lays it out."""
    source = tmp_path / "basic_auth.db"
    with sqlite3.connect(source) as database:
        database.executescript("""
            CREATE TABLE alembic_version_auth (version_num VARCHAR(32));
            CREATE TABLE users (id INTEGER PRIMARY KEY, username VARCHAR(255) UNIQUE, password_hash VARCHAR(255), is_admin BOOLEAN);
            CREATE TABLE experiment_permissions (id INTEGER PRIMARY KEY, experiment_id VARCHAR(255), user_id INTEGER, permission VARCHAR(255));
            CREATE TABLE registered_model_permissions (id INTEGER PRIMARY KEY, name VARCHAR(255), user_id INTEGER, permission VARCHAR(255));
            CREATE TABLE scorer_permissions (id INTEGER PRIMARY KEY, experiment_id VARCHAR(255), scorer_name VARCHAR(256), user_id INTEGER, permission VARCHAR(255));
            INSERT INTO experiment_permissions VALUES (1, '1', 2, 'NO_PERMISSIONS'), (2, '2', 2, 'MANAGE'), (3, '2', 1, 'EDIT');
            INSERT INTO registered_model_permissions VALUES (1, 'model 1-0', 2, 'EDIT');
            INSERT INTO scorer_permissions VALUES (1, '1', 'sc', 2, 'READ'), (2, '1', 'sc', 1, 'WHATEVER');
        """)
        database.execute("INSERT INTO users VALUES (1, 'admin', ?, 1)", (scrypt("password1234"),))
        database.execute("INSERT INTO users VALUES (2, 'alice', ?, 0)", (scrypt("a good old password"),))
    database = tmp_path / "server" / "t.db"
    database.parent.mkdir()
    assert run_import(old_database(tmp_path), database).returncode == 0
    result = run_import(source, database)
    assert result.returncode == 0, result.stderr
    assert report(result.stdout) == {"users": (2, 0, 0)}
    assert "User 'admin' has the password that every MLflow server begins with" in result.stderr
    assert "A permission 'WHATEVER' is not known here" in result.stderr

    server = Server(
        database.parent, "--app-name", "basic-auth",
        environment={"TRACKLIGHT_ADMIN_USERNAME": "chief", "TRACKLIGHT_ADMIN_PASSWORD": "another long password"},
    )  # fmt: skip
    try:
        def ask(user, password, path):
            return requests.get(server.url + path, auth=(user, password), timeout=30)

        experiment = "/api/2.0/mlflow/experiments/get?experiment_id="
        assert ask("alice", "a good old password", experiment + "2").status_code == 200
        assert ask("alice", "a good old password", experiment + "1").status_code == 403
        assert ask("alice", "something else", experiment + "2").status_code == 401
        assert ask("admin", "password1234", experiment + "2").status_code == 401
        shown = ask("chief", "another long password", "/api/2.0/mlflow/users/get?username=alice").json()["user"]
        assert {(p["experiment_id"], p["permission"]) for p in shown["experiment_permissions"]} == {("1", "NO_PERMISSIONS"), ("2", "MANAGE")}
        assert [(p["name"], p["permission"]) for p in shown["registered_model_permissions"]] == [("model 1-0", "EDIT")]
        assert [(p["scorer_name"], p["permission"]) for p in shown["scorer_permissions"]] == [("sc", "READ")]
    finally:
        server.stop()
    assert report(run_import(source, database).stdout) == {"users": (0, 2, 0)}


def test_the_command_explains_itself():
    shown = subprocess.run([TRACKLIGHT, "import", "--help"], capture_output=True, text=True, check=True).stdout
    assert "SOURCE is the SQLite database of MLflow 2.9 to 3.8" in shown
    wrong = subprocess.run([TRACKLIGHT, "import"], capture_output=True, text=True, check=False)
    assert wrong.returncode == 2 and "Missing argument 'SOURCE'" in wrong.stderr


