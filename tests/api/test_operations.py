"""The operations of the API, of the program and of these tests are the same."""

import pathlib
import re
import subprocess

import pytest

import support

TABLE = pathlib.Path(__file__).resolve().parent.parent / "data" / "operations.tsv"
PLAIN = {("GET", "/health"), ("GET", "/version")}
WITH_OPTION = {("GET", "/metrics")}  # which are there only if the server is told to
NO_INPUT = {("GET", f"/ajax-api/3.0/mlflow/gateway/{what}") for what in ("supported-providers", "secrets/config")} | {
    ("GET", "/signup"), ("GET", "/ajax-api/3.0/mlflow/ui-telemetry"), ("POST", "/ajax-api/3.0/mlflow/ui-telemetry")
}
PROGRAMS = ("tracking.fcgi", "jobs.fcgi")


AREAS = "tracking registry logged-models webhooks evaluation-datasets scorers traces otlp jobs gateway-management server".split()
WITH_USERS = ["auth"]  # which are there only with authentication


def documented(areas=(*AREAS, *WITH_USERS)):
    """{(method, path)} of MLflow 3.8's operations that these programs answer so far, with both spellings of the root."""
    lines = TABLE.read_text().splitlines()
    names = lines[0].split("\t")
    found = set()
    for line in lines[1:]:
        row = dict(zip(names, line.split("\t")))
        if row["since"] != "3.8" or row["area"] not in areas:
            continue
        if row["program"] not in PROGRAMS:
            continue
        found.add((row["method"], row["path"]))
        if row["aliases"] == "both":
            found.add((row["method"], row["path"].replace("/api/", "/ajax-api/", 1)))
    return found


def answered():
    """{(method, path)} as the programs themselves list them."""
    lines = []
    for program in PROGRAMS:
        done = subprocess.run(
            [str(support.BUILD / "fcgi-bin" / program), "--operations"],
            capture_output=True,
            text=True,
            timeout=20,
            stdin=subprocess.DEVNULL,
        )
        assert done.returncode == 0, done.stderr
        lines += done.stdout.splitlines()
    found = set()
    for line in lines:
        area, method, path, aliases, name, program = line.split("\t")
        found.add((method, path))
        if aliases == "both":
            found.add((method, path.replace("/api/", "/ajax-api/", 1)))
    return found


def test_the_table_of_this_folder_is_not_empty():
    assert len(documented()) >= 50


def test_every_documented_operation_is_in_the_program():
    assert sorted((documented() | PLAIN) - answered()) == []


def test_every_tracking_operation_of_the_program_is_documented():
    tracking = {
        (method, path)
        for method, path in answered()
        if path == "/v1/traces"
        or re.match(r"/(ajax-)?api/3\.0/mlflow/(datasets|scorers|traces)\b", path)
        or re.match(r"/(ajax-)?api/3\.0/mlflow/gateway/(?!usage$)", path)
        or re.match(r"/(ajax-)?api/2\.0/mlflow/(experiments|runs|metrics|artifacts|registered-models|model-versions|logged-models|webhooks|traces|users)\b", path)
    }
    assert sorted(tracking - documented()) == []


@pytest.mark.parametrize("method, path", sorted((documented(AREAS) | PLAIN) - WITH_OPTION))
def test_every_documented_operation_is_routed(api, method, path):
    reply = api.request(method, path, **({} if method == "GET" else {"json": {}}))
    assert reply.status != 405, reply
    assert reply.status != 404 or reply.json.get("error_code") != "ENDPOINT_NOT_FOUND", reply


def statuses_of(method, path):
    """What the tests saw of an operation, under either spelling of its root."""
    templates = (path, path.replace("/ajax-api/", "/api/", 1))
    seen = set()
    for (seen_method, seen_path), statuses in support.EXERCISED.items():
        if seen_method == method and any(support.fits(template, seen_path) for template in templates):
            seen |= statuses
    return seen


def test_every_operation_was_exercised_by_these_tests():
    lacking = []
    for method, path in sorted((documented() | PLAIN) - WITH_OPTION):
        statuses = statuses_of(method, path)
        refusals = {400, 404, 422} if "{" in path else {400, 422}
        if 200 not in statuses:
            lacking.append(f"{method} {path}: never succeeded")
        if (method, path) not in PLAIN | NO_INPUT and not statuses & refusals and path.find("-datasets") < 0:
            lacking.append(f"{method} {path}: never refused anything")
    assert lacking == []
