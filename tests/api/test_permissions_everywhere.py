"""Every operation of every program, asked by nobody, by users with each level of rights, and by an administrator."""

import functools
import pathlib
import re
import subprocess

import pytest

import support
from auth_support import admin, client, expect_denied, expect_unknown, fresh
from rights import ADMIN, ANSWERED, ANY, PUBLIC, ROWS
from rights_support import LEVELS, Things

PROGRAMS = ("tracking", "artifacts", "gateway", "jobs")


DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs" / "users.md"


@functools.cache
def operations():
    """{"METHOD path": (whether the path has a twin below /ajax-api, area, name)}, as the programs say."""
    found = {}
    for program in PROGRAMS:
        done = subprocess.run(
            [str(support.BUILD / "fcgi-bin" / f"{program}.fcgi"), "--operations"],
            capture_output=True, text=True, timeout=20, stdin=subprocess.DEVNULL, check=True,
        )
        for line in done.stdout.splitlines():
            area, method, path, aliases, name, _ = line.split("\t")
            found[f"{method} {path}"] = (aliases == "both", area, name)
    return found



@pytest.fixture(scope="module")
def suite(closed_suite):
    return closed_suite


@pytest.fixture(scope="module")
def things(suite):
    return Things(suite)


@pytest.fixture(scope="module")
def callers(suite, things):
    """{level: client}"""
    return {"NO_PERMISSIONS": fresh(suite), **things.clients(), ADMIN: admin(suite)}


@pytest.fixture(scope="module")
def nobody(suite):
    return client(suite)


def filled(things, value):
    if isinstance(value, str) and value.startswith("$"):
        return things.take(value[1:])
    if isinstance(value, dict):
        return {name: filled(things, item) for name, item in value.items()}
    return [filled(things, item) for item in value] if isinstance(value, list) else value


def ask(api, operation, things, twin=False, as_method=None):
    method, path = operation.split(" ", 1)
    row = ROWS[operation]
    for name, value in row.path.items():
        path = re.sub(r"\{" + name + r"(\.\.\.)?\}", str(filled(things, value)), path)
    options = {"params": filled(things, row.query), "headers": filled(things, row.headers)}
    if row.data is not None:
        options["data"] = row.data
    elif row.body is not None:
        options["json"] = filled(things, row.body)
    if twin:
        path = path.replace("/api/", "/ajax-api/", 1)
    return api.request(as_method or method, path, may_be_5xx=True, **options)


def expect_answer(reply, row):
    if row.answer == ANSWERED:
        assert reply.status != 403 or reply.headers["content-type"].startswith("application/json"), reply
        assert reply.status != 401 or row.need == PUBLIC, reply
    else:
        assert reply.status == row.answer, reply


def may(level, need):
    if need in (PUBLIC, ANY):
        return True
    return level == ADMIN or (need != ADMIN and LEVELS.index(level) >= LEVELS.index(need))


def test_the_table_names_every_operation_and_no_other():
    assert sorted(set(operations()) - set(ROWS)) == []
    assert sorted(set(ROWS) - set(operations())) == []
    assert len(ROWS) > 200


def document():
    """The table of docs/users.md."""
    order = (PUBLIC, ANY, *LEVELS[1:], ADMIN)
    found = {}
    for operation, (_, area, name) in operations().items():
        found.setdefault((order.index(ROWS[operation].need), area), set()).add(name)
    return [f"| {order[need]} | {area} | {', '.join(sorted(found[need, area]))} |" for need, area in sorted(found)]


def test_the_documents_say_what_each_operation_needs():
    chapter = DOCUMENT.read_text().split("\n## What each operation needs\n")[1].split("\n## ")[0]
    assert [line for line in chapter.splitlines() if line.startswith("| ")][1:] == document()


@pytest.mark.parametrize("operation", sorted(ROWS))
def test_who_may(operation, things, callers, nobody):
    row = ROWS[operation]
    spellings = (False, True) if operations().get(operation, (False,))[0] else (False,)
    for twin in spellings:
        if row.need != PUBLIC:
            expect_unknown(ask(nobody, operation, things, twin))
        for level in callers if not twin else ("NO_PERMISSIONS",):
            reply = ask(callers[level], operation, things, twin)
            if may(level, row.need):
                expect_answer(reply, row)
            else:
                expect_denied(reply)
