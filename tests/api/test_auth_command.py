"""`tracklight user`: the same users, from the machine itself."""

import os
import pty
import select
import sqlite3
import subprocess
import time

import pytest

from auth_support import PASSWORD, admin, client, command, expect_denied, expect_unknown, make_user, start
from support import BUILD, expect_error, unique


@pytest.fixture(scope="module")
def suite(servers):
    return start(servers, "--workers", "2")


def test_a_user_that_was_added_logs_in_at_once(suite):
    name = unique("added")
    done = command(suite, "add", name, password=PASSWORD)
    assert done.stdout == f"The user {name} is made.\n"
    alice = client(suite, name)
    assert alice.get("users/get", {"username": name}).ok()["user"]["is_admin"] is False
    again = command(suite, "add", name, password=PASSWORD, check=False)
    assert (again.returncode, again.stderr) == (1, f"Error: User (username={name}) already exists.\n")


def test_the_password_comes_from_the_environment_or_from_standard_input_never_from_the_arguments(suite):
    name = unique("added")
    suite.environment["TRACKLIGHT_PASSWORD"] = "from the environment"
    try:
        command(suite, "add", name, password="from standard input")
    finally:
        del suite.environment["TRACKLIGHT_PASSWORD"]
    assert client(suite, name, "from the environment").get("users/get", {"username": name}).status == 200
    expect_unknown(client(suite, name, "from standard input").get("users/get", {"username": name}))
    refused = command(suite, "add", unique("x"), "--password", PASSWORD, check=False)
    assert refused.returncode == 2 and "No such option: --password" in refused.stderr


@pytest.mark.parametrize("password, text", [("short", "12 characters"), ("password1234", "first that are tried"), ("", "12")])
def test_weak_passwords_are_refused(suite, password, text):
    done = command(suite, "add", unique("weak"), password=password, check=False)
    assert done.returncode == 1 and text in done.stderr


def at_terminal(suite, arguments, answers):
    """Runs the command at a terminal and types; what the terminal showed, and the exit status."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [str(BUILD / "bin" / "tracklight"), "user", *arguments],
        cwd=suite.directory,
        env={**suite.environment, "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{suite.database}"},
        stdin=theirs, stdout=theirs, stderr=theirs,
    )
    os.close(theirs)
    shown, deadline = "", time.monotonic() + 30
    waiting = list(answers)
    while time.monotonic() < deadline:
        if select.select([ours], [], [], 0.1)[0]:
            try:
                shown += os.read(ours, 4096).decode()
            except OSError:
                break
            if waiting and shown.endswith(": "):
                os.write(ours, waiting.pop(0).encode() + b"\n")
    os.close(ours)
    return shown, process.wait(30)


def test_at_a_terminal_the_password_is_asked_for_twice_and_not_shown(suite):
    name = unique("typed")
    shown, status = at_terminal(suite, ["add", name], [PASSWORD, PASSWORD])
    assert status == 0 and "is made" in shown and PASSWORD not in shown
    assert client(suite, name).get("users/get", {"username": name}).status == 200
    shown, status = at_terminal(suite, ["passwd", name], [PASSWORD, PASSWORD + "x"])
    assert status == 1 and "not the same" in shown


def test_a_password_that_was_changed_counts_at_once_and_who_was_removed_is_out(suite):
    name = make_user(suite)
    old, new = client(suite, name), client(suite, name, "the new password")
    assert old.get("users/get", {"username": name}).status == 200
    command(suite, "passwd", name, password="the new password")
    assert {old.get("users/get", {"username": name}).status for _ in range(3)} == {401}
    assert new.get("users/get", {"username": name}).status == 200
    assert command(suite, "remove", name).stdout == f"The user {name} is deleted.\n"
    expect_unknown(new.get("users/get", {"username": name}))
    expect_error(admin(suite).get("users/get", {"username": name}), 404, "RESOURCE_DOES_NOT_EXIST")


def test_users_without_a_password_come_in_by_token_only(suite):
    name = unique("robot")
    command(suite, "add", "--no-password", name)
    for password in ("", PASSWORD):
        expect_unknown(client(suite, name, password).get("users/get", {"username": name}))
    secret = command(suite, "token", name, "--days", "1", "--label", "nightly").stdout.strip()
    assert client(suite, token=secret).get("users/get", {"username": name}).status == 200
    listed = command(suite, "list").stdout
    assert any(line.split("\t")[1:4] == [name, "user", "no password"] for line in listed.splitlines())


def test_permissions_are_granted_changed_and_taken_back(suite):
    name = make_user(suite)
    boss = admin(suite)

    def shown(key):
        return [row["permission"] for row in boss.get("users/get", {"username": name}).ok()["user"][key]]

    command(suite, "grant", name, "READ", "experiment", "12")
    command(suite, "grant", name, "MANAGE", "experiment", "12")
    command(suite, "grant", name, "EDIT", "model", "m")
    command(suite, "grant", name, "USE", "scorer", "12", "relevance")
    command(suite, "grant", name, "USE", "endpoint", "e-1")
    assert shown("experiment_permissions") == ["MANAGE"]
    assert shown("registered_model_permissions") == ["EDIT"] and shown("scorer_permissions") == ["USE"]
    command(suite, "grant", name, "default", "experiment", "12")
    assert shown("experiment_permissions") == []
    for wrong in (
        ("grant", name, "SOME", "experiment", "12"),
        ("grant", name, "READ", "planet", "12"),
        ("grant", name, "READ", "scorer", "12"),
        ("grant", name, "READ", "experiment"),
    ):
        assert command(suite, *wrong, check=False).returncode == 2
    unknown = command(suite, "grant", "nobody", "READ", "experiment", "12", check=False)
    assert unknown.stderr == "Error: User with username=nobody not found\n"


def test_administrators_are_made_and_unmade_but_for_the_last(suite):
    name = make_user(suite)
    alice = client(suite, name)
    command(suite, "grant", "--admin", name)
    assert alice.get("webhooks").status == 200
    command(suite, "grant", "--no-admin", name)
    expect_denied(alice.get("webhooks"))
    last = command(suite, "remove", "boss", check=False)
    assert last.returncode == 1 and "last administrator" in last.stderr


def test_help_names_every_subcommand_and_mistakes_are_usage_errors(suite, tmp_path):
    help_text = command(suite, "--help").stdout
    for word in ("add", "passwd", "list", "remove", "token", "grant", "--scope", "--days"):
        assert word in help_text
    for wrong in ((), ("promote",), ("add",), ("token", "x", "--scope", "some"), ("token", "x", "--days", "-1"),
                  ("token", "x", "--programs", "mail"), ("token", "--revoke", "x"), ("list", "x")):
        assert command(suite, *wrong, check=False).returncode == 2, wrong
    missing = command(suite, "list", "--backend-store-uri", f"sqlite:///{tmp_path}/none.db", check=False)
    assert missing.returncode == 1 and not list(tmp_path.iterdir())
    with sqlite3.connect(suite.database) as database:
        assert database.execute("SELECT count(*) FROM users WHERE username = 'x'").fetchone() == (0,)
