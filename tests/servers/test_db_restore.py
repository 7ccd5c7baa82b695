"""`tracklight db restore`: back to a backup, or not a byte is changed."""

import contextlib
import signal
import sqlite3
import subprocess
import sys

import pytest

from command import BUILD, ROOT, Running, made_up_suite, run_command

BINARY = BUILD / "bin" / "tracklight"
APPLICATION_ID = 0x544B4C54


@pytest.fixture
def work(tmp_path):
    """A folder with the database t.db, which holds the experiment "later", and a backup from before that."""
    directory = tmp_path / "work"
    directory.mkdir()
    assert run_command(BINARY, "db", "upgrade", "sqlite:///t.db", directory=directory)[0] == 0
    add_experiment(directory / "t.db", "earlier")
    assert run_command(BINARY, "db", "backup", "backup.db", "sqlite:///t.db", directory=directory)[0] == 0
    add_experiment(directory / "t.db", "later")
    return directory


def execute(path, sql):
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        return connection.execute(sql).fetchall()


def add_experiment(path, name):
    execute(
        path,
        "INSERT INTO experiments (name, artifact_location, creation_time, last_update_time) "
        f"VALUES ('{name}', '', 0, 0)",
    )


def names(path):
    return {name for (name,) in execute(path, "SELECT name FROM experiments")}


def restore(directory, backup="backup.db", database="sqlite:///t.db"):
    return run_command(BINARY, "db", "restore", backup, database, directory=directory)


def content(directory):
    return {path.name: path.read_bytes() for path in directory.iterdir() if not path.name.endswith(("-shm", "-lock"))}


@contextlib.contextmanager
def unchanged(directory):
    before = content(directory)
    yield
    assert content(directory) == before


def test_the_database_is_as_the_backup_has_it(work):
    (work / "t.db").chmod(0o640)
    status, out, text = restore(work)
    assert (status, text) == (0, "")
    assert out.endswith("/t.db is as backup.db has it.\n") or out == "t.db is as backup.db has it.\n"
    assert names(work / "t.db") == {"earlier"}
    assert names(work / "backup.db") == {"earlier"}
    assert (work / "t.db").stat().st_mode & 0o777 == 0o640
    assert {path.name for path in work.iterdir()} - {"t.db-lock"} == {"t.db", "backup.db"}
    assert run_command(BINARY, "db", "check", "sqlite:///t.db", directory=work)[0] == 0


def test_a_database_that_is_gone_comes_back(work):
    for path in work.glob("t.db*"):
        path.unlink()
    assert restore(work)[0] == 0
    assert names(work / "t.db") == {"earlier"}
    assert (work / "t.db").stat().st_mode & 0o777 == 0o600


def test_a_symbolic_link_to_the_database_stays_one(work):
    (work / "elsewhere").mkdir()
    (work / "t.db").rename(work / "elsewhere" / "real.db")
    (work / "t.db").symlink_to("elsewhere/real.db")
    assert restore(work)[0] == 0
    assert (work / "t.db").is_symlink()
    assert names(work / "elsewhere" / "real.db") == {"earlier"}


def test_a_damaged_database_is_replaced(work):
    damaged = bytearray((work / "t.db").read_bytes())
    damaged[4096:] = b"\x55" * (len(damaged) - 4096)
    (work / "t.db").write_bytes(damaged)
    assert restore(work)[0] == 0
    assert names(work / "t.db") == {"earlier"}


def test_the_log_that_a_killed_process_left_is_not_played_into_the_backup(work):
    script = (
        "import sqlite3, sys\n"
        "connection = sqlite3.connect('t.db', isolation_level=None)\n"
        "connection.execute('UPDATE experiments SET name = name || \"-changed\"')\n"
        "print('done', flush=True)\n"
        "sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], cwd=work, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "done\n"
        process.send_signal(signal.SIGKILL)
    assert (work / "t.db-wal").stat().st_size > 0
    assert restore(work)[0] == 0
    assert names(work / "t.db") == {"earlier"}
    assert run_command(BINARY, "db", "check", "sqlite:///t.db", directory=work)[0] == 0


def test_a_backup_of_an_older_schema_is_brought_up_to_date(work):
    first = sorted((ROOT / "sql/sqlite").glob("*.sql"))[0]
    with contextlib.closing(sqlite3.connect(work / "old.db")) as connection:
        connection.executescript(first.read_text())
        connection.executescript(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1;")
    before = (work / "old.db").read_bytes()
    assert restore(work, "old.db")[0] == 0
    newest = max(int(file.name[:4]) for file in (ROOT / "sql/sqlite").glob("*.sql"))
    assert execute(work / "t.db", "PRAGMA user_version") == [(newest,)]
    assert (work / "old.db").read_bytes() == before


def test_it_is_refused_while_a_server_runs(tmp_path, work):
    with Running(made_up_suite(tmp_path), "--backend-store-uri", "sqlite:///t.db", directory=work) as server:
        status, _, text = restore(work)
        assert (status, "A server runs on" in text) == (1, True)
        assert names(work / "t.db") == {"earlier", "later"}
        assert server.ask("/health")[0] == 200
        assert server.stop() == 0
    assert restore(work)[0] == 0


def test_it_is_refused_while_anybody_has_the_database_open(work):
    with contextlib.closing(sqlite3.connect(work / "t.db", isolation_level=None)) as connection:
        assert connection.execute("SELECT count(*) FROM experiments").fetchone() == (2,)
        status, _, text = restore(work)
        assert (status, "is in use" in text) == (1, True)
        assert connection.execute("SELECT count(*) FROM experiments").fetchone() == (2,)
        assert not list(work.glob("t.db.restore-*"))
    assert restore(work)[0] == 0


def damaged(work):
    content_ = bytearray((work / "backup.db").read_bytes())
    content_[4096 * 3 : 4096 * 3 + 2000] = b"\x55" * 2000
    (work / "bad.db").write_bytes(content_)


def cut_short(work):
    (work / "bad.db").write_bytes((work / "backup.db").read_bytes()[: 4096 * 4])


def newer(work):
    (work / "bad.db").write_bytes((work / "backup.db").read_bytes())
    execute(work / "bad.db", "PRAGMA user_version = 9999")


def of_another_program(work):
    execute(work / "bad.db", "CREATE TABLE alembic_version (version_num TEXT)")


def no_database(work):
    (work / "bad.db").write_text("tracklight\n" * 1000)


def empty(work):
    (work / "bad.db").write_bytes(b"")


def a_folder(work):
    (work / "bad.db").mkdir()


def missing(work):
    assert not (work / "bad.db").exists()


def in_use(work):
    (work / "bad.db").write_bytes((work / "backup.db").read_bytes())
    (work / "bad.db-wal").write_bytes(b"something")


@pytest.mark.parametrize(
    "make", [damaged, cut_short, newer, of_another_program, no_database, empty, a_folder, missing, in_use]
)
def test_what_is_no_sound_backup_changes_nothing(work, make):
    make(work)
    execute(work / "t.db", "PRAGMA wal_checkpoint(TRUNCATE)")
    before = (work / "t.db").read_bytes()
    listing = {path.name for path in work.iterdir()} - {"t.db-wal", "t.db-shm"}
    status, _, text = restore(work, "bad.db")
    assert (status, text.startswith("Error: ")) == (1, True)
    assert "bad.db" in text
    assert (work / "t.db").read_bytes() == before
    assert {path.name for path in work.iterdir()} - {"t.db-wal", "t.db-shm"} == listing


@pytest.mark.parametrize("what", ["text", "database"])
def test_a_file_that_is_not_ours_is_not_overwritten(work, what):
    if what == "text":
        (work / "other.db").write_text("my thesis\n" * 100)
    else:
        execute(work / "other.db", "CREATE TABLE t (a)")
    with unchanged(work):
        status, _, text = restore(work, "backup.db", "sqlite:///other.db")
    assert (status, "is not a database of Tracklight" in text) == (1, True)


def test_a_restore_needs_a_file(work):
    status, _, text = run_command(BINARY, "db", "restore", directory=work)
    assert (status, "Missing argument FILE" in text) == (2, True)
