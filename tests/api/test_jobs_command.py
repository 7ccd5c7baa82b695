"""`tracklight jobs` and `tracklight gc`, on the database of a server that runs."""

import base64
import json
import subprocess
import time

import pytest

import support
from support import unique

TOKEN = "tests-of-the-command-line"
TYPES = "[note]\ncommand = /bin/true --x 'a b'\nmax_parallel = 1000\n[off]\ncommand = /bin/false\nenabled = false\n"


@pytest.fixture(scope="module")
def types(tmp_path_factory):
    directory = tmp_path_factory.mktemp("jobs.d")
    (directory / "test.conf").write_text(TYPES)
    return directory


@pytest.fixture
def server(servers, types):
    environment = {"TRACKLIGHT_JOBS_PER_WORKER": "0", "TRACKLIGHT_JOBS_WORKER_TOKEN": TOKEN}
    return servers("--enable-jobs", "--jobs-dir", str(types), environment=environment)


@pytest.fixture
def command(server):
    def run(*arguments, status=0, database=True):
        line = [str(support.BUILD / "bin" / "tracklight"), *arguments]
        if database:
            line += ["--backend-store-uri", f"sqlite:///{server.database}"]
        done = subprocess.run(line, capture_output=True, text=True, timeout=30, env=server.environment, stdin=subprocess.DEVNULL)
        assert done.returncode == status, done
        return done.stdout if status == 0 else done.stderr

    return run


def submit(server, **params):
    return server.api.request("POST", "/ajax-api/3.0/jobs/", json={"job_name": "note", "params": params}).ok()["job_id"]


def end(server, *job_ids, log=b"", **how):
    """Takes jobs as a worker, and ends them."""

    def call(path, **body):
        headers = {"authorization": f"Bearer {TOKEN}"}
        return server.api.request("POST", f"/api/3.0/tracklight/jobs/worker/{path}", json={"worker": "w1", **body}, headers=headers).ok()

    for taken in call("take", types=["note"], max=100, host="here")["jobs"]:
        if taken["job_id"] in job_ids:
            call("report", jobs=[{"lease": taken["lease"], "log": base64.b64encode(log).decode(), **how}])
        else:
            call("report", jobs=[{"lease": taken["lease"], "end": "returned"}])


def test_jobs_are_listed_oldest_first_and_filtered(server, command):
    mark = unique("experiment")
    first, second = submit(server, experiment_id=mark), submit(server, experiment_id=mark)
    end(server, first, end="succeeded", text="1")
    lines = command("jobs", "list", "--experiment", mark).splitlines()
    assert [line.split()[0:2] for line in lines] == [[first, "SUCCEEDED"], [second, "PENDING"]]
    assert lines[0].endswith(" note")
    found = command("jobs", "list", "--experiment", mark, "--status", "PENDING", "--status=FAILED", "--name", "note")
    assert [line.split()[0] for line in found.splitlines()] == [second]
    assert command("jobs", "list", "--experiment", mark, "--limit", "1").split()[0] == second
    assert command("jobs", "list", "--experiment", mark, "--name", "other") == ""
    listed = json.loads(command("jobs", "list", "--experiment", mark, "--json"))
    assert listed == [server.api.request("GET", f"/ajax-api/3.0/jobs/{job}").ok() for job in (first, second)]


def test_a_job_is_shown(server, command):
    job = submit(server, text="é")
    end(server, job, end="failed", text="ValueError('no')", progress=0.5, message="half")
    shown = dict(line.split(None, 1) for line in command("jobs", "show", job).splitlines())
    assert shown["id:"] == job
    assert shown["status:"] == "FAILED"
    assert shown["params:"] == '{"text":"é"}'
    assert shown["error:"] == "ValueError('no')"
    assert (shown["progress:"], shown["message:"], shown["worker:"], shown["attempts:"]) == ("50.0%", "half", "w1", "1")
    assert json.loads(command("jobs", "show", job, "--json")) == server.api.request("GET", f"/ajax-api/3.0/jobs/{job}").ok()
    assert "Job with ID nope not found" in command("jobs", "show", "nope", status=1)


def test_jobs_are_cancelled_each_by_itself(server, command):
    done, waiting = submit(server), submit(server)
    end(server, done, end="succeeded", text="1")
    told = command("jobs", "cancel", done, waiting, status=1)
    assert f"The Job {done} is already finalized with status: SUCCEEDED, it can't be updated." in told
    assert server.api.request("GET", f"/ajax-api/3.0/jobs/{waiting}").ok()["status"] == "CANCELED"
    other = submit(server)
    assert command("jobs", "cancel", other) == f"Job with ID {other} has been canceled.\n"


def test_the_log_is_printed_as_it_is(server, command):
    job = submit(server)
    end(server, job, log=b"one\ntwo\n", end="succeeded", text="1")
    assert command("jobs", "log", job) == "one\ntwo\n"
    assert command("jobs", "log", job, "--bytes", "4") == "two\n"
    assert command("jobs", "log", job, "--follow") == "one\ntwo\n"


def test_the_log_is_followed_to_its_end(server, command):
    job = submit(server)
    end(server, job, log=b"one\n")
    line = [str(support.BUILD / "bin" / "tracklight"), "jobs", "log", job, "--follow", "--backend-store-uri", f"sqlite:///{server.database}"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True, env=server.environment, stdin=subprocess.DEVNULL) as process:
        assert process.stdout.readline() == "one\n"
        assert process.poll() is None
        command("jobs", "cancel", job)
        headers = {"authorization": f"Bearer {TOKEN}"}
        server.api.request("POST", "/api/3.0/tracklight/jobs/worker/start", json={"worker": "w1"}, headers=headers).ok()
        assert process.wait(10) == 0


def test_workers_are_listed(server, command):
    end(server)
    assert command("jobs", "workers").startswith("w1  here (over HTTP)  seen ")


def test_types_are_listed_and_checked(types, tmp_path, command):
    listed = command("jobs", "types", "--jobs-dir", str(types), database=False)
    place = f"{types}/test.conf"
    assert listed == f"note  ({place}:1)\n    /bin/true --x a b\noff  ({place}:4)  not enabled\n    /bin/false\n"
    (tmp_path / "bad.conf").write_text("[a]\nx = 1\n")
    assert f"{tmp_path}/bad.conf:2: There is no key 'x'." in command("jobs", "types", "--jobs-dir", str(tmp_path), status=1, database=False)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["jobs"], "Missing command."),
        (["jobs", "nope"], "No such command 'nope'."),
        (["jobs", "show"], "'show' takes the id of a job."),
        (["jobs", "list", "x"], "'list' takes no arguments."),
        (["jobs", "list", "--status", "DONE"], "Invalid value for '--status': 'DONE' is not PENDING"),
        (["jobs", "list", "--limit", "x"], "Invalid value for '--limit': 'x' is not a number."),
        (["jobs", "list", "--nope"], "No such option: --nope"),
        (["gc", "--jobs", "--older-than", "soon"], "Could not parse any time information from 'soon'."),
        (["gc", "--jobs", "--older-than", "1s1d"], "Could not parse any time information from '1s1d'."),
        (["gc", "--jobs", "x"], "Got unexpected extra argument (x)"),
    ],
)
def test_calls_that_make_no_sense_are_refused(command, arguments, message):
    assert message in command(*arguments, status=2)


@pytest.mark.parametrize("name", ["jobs", "gc"])
def test_help_is_given(command, name):
    assert command(name, "--help", database=False).startswith(f"Usage: tracklight {name} ")


# --- gc ---


def exists(server, job):
    return server.api.request("GET", f"/ajax-api/3.0/jobs/{job}").status == 200


def test_only_jobs_that_have_ended_are_removed(server, command):
    done, cancelled, waiting = (submit(server) for _ in range(3))
    end(server, done, log=b"text", end="succeeded", text="1")
    command("jobs", "cancel", cancelled)
    lines = command("gc", "--jobs").splitlines()
    for job in (done, cancelled):
        assert f"Job with ID {job} has been permanently deleted." in lines
        assert not exists(server, job)
    assert exists(server, waiting)
    assert command("gc", "--jobs") == ""


def test_jobs_are_removed_by_id_and_by_age(server, command):
    old, other = submit(server), submit(server)
    end(server, old, other, end="failed", text="E()")
    assert command("gc", "--jobs", "--older-than", "1h30m") == ""
    assert command("gc", "--job-ids", old, "--older-than", "1d") == ""
    assert command("gc", "--job-ids", f"{old},nope") == f"Job with ID {old} has been permanently deleted.\n"
    assert exists(server, other)
    time.sleep(0.06)
    assert f"Job with ID {other} has been permanently deleted." in command("gc", "--jobs", "--older-than", "0.05s")
