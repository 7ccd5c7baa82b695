"""Several workers, some of which die: every job ends once, nothing runs twice at a time, nothing is left behind."""

import os
import random
import signal
import sqlite3
import time

import pytest

from jobs_support import TOKEN, command_lines, wait_for


def notes(path):
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def attempts(site):
    """job id -> how often it was begun, as the queue counts"""
    with sqlite3.connect(f"file:{site.server.database}?mode=ro", uri=True) as database:
        return dict(database.execute("SELECT job_id, attempts FROM jobs"))


def kill_workers_at_random(site, count, is_done):
    chance = random.Random(7)
    own = [site.worker("--jobs", 4), site.worker("--jobs", 4)]
    for _ in range(count):
        time.sleep(chance.uniform(0.1, 0.3))
        if is_done():
            break
        victim = chance.randrange(3)
        if victim == 2:
            pid = wait_for(site.own_worker, 10)
            os.kill(pid, signal.SIGKILL)
        else:
            site.kill(own[victim])
            own[victim] = site.worker("--jobs", 4)


def check_jobs_end_once(site, jobs, kills):
    record = site.directory / "record"
    site.type(
        "short",
        f'note() {{ echo "$1 $_MLFLOW_SERVER_JOB_ID" >> {record}; }}\nnote begin; sleep 0.05; note end; echo true',
        shell=True,
        max_parallel=12,
    )
    site.start("--jobs-per-worker", "4", TRACKLIGHT_JOBS_MAX_CRASHES="1000")
    submitted = [site.submit("short") for _ in range(jobs)]
    kill_workers_at_random(site, kills, lambda: not site.search(statuses=["PENDING", "RUNNING"]))
    wait_for(lambda: not site.search(statuses=["PENDING", "RUNNING"]), 120, every=0.2)
    found = {job["job_id"]: job for job in site.search()}
    assert sorted(found) == sorted(submitted)
    assert {job["status"] for job in found.values()} == {"SUCCEEDED"}
    # An attempt whose worker died may have come to its end, or not even begun; every other one has done both once.
    begun, ended, tried = {}, {}, attempts(site)
    for what, job_id in notes(record):
        counts = begun if what == "begin" else ended
        counts[job_id] = counts.get(job_id, 0) + 1
    for job_id in submitted:
        assert 1 <= ended[job_id] <= begun[job_id] <= tried[job_id], (begun[job_id], ended[job_id], tried[job_id])
    again = [job_id for job_id in submitted if tried[job_id] > 1]
    assert again, "no worker died while it ran a job"
    assert {job["retry_count"] for job in found.values()} == {0}
    site.check_nothing_is_left()


def test_jobs_end_once_whatever_happens_to_their_workers(site):
    check_jobs_end_once(site, 150, 8)


@pytest.mark.slow
def test_a_thousand_jobs_end_once_whatever_happens_to_their_workers(site):
    check_jobs_end_once(site, 1000, 60)


def test_a_killed_worker_leaves_nothing_behind_and_its_job_is_run_again(site):
    record = site.directory / "record"
    site.type("lasting", f"echo begin $$ >> {record}; sleep 600 & sleep 600 & wait", shell=True)
    site.start()
    job_id = site.submit("lasting")
    wait_for(lambda: len(notes(record)) == 1)
    first = wait_for(site.own_worker)
    os.kill(first, signal.SIGKILL)
    # Long before the lease is over, since the next worker sees that the first one is dead.
    wait_for(lambda: len(notes(record)) == 2, 8)
    (_, killed), (_, again) = notes(record)
    living = {str(pid) for pid in command_lines()}
    assert killed not in living and again in living
    assert site.get(job_id)["status"] == "RUNNING"
    site.cancel(job_id)
    site.check_nothing_is_left()


def test_a_job_that_kills_its_workers_is_given_up(site):
    site.type("murder", "import os, signal\nos.kill(int(open('/proc/%d/stat' % os.getppid()).read().rpartition(')')[2].split()[1]), signal.SIGKILL)")
    site.start(TRACKLIGHT_JOBS_MAX_CRASHES="2")
    job_id = site.submit("murder")
    job = site.wait(job_id, "FAILED")
    assert job["result"] == "The job was given up: the worker that ran it was lost, 2 times in all."


def test_what_a_killed_supervisor_leaves_is_ended(site):
    site.type("lasting", "echo ready; sleep 600 & setsid sleep 601 & wait", shell=True)
    site.start(TRACKLIGHT_JOBS_CGROUP="none")
    job_id = site.submit("lasting")
    wait_for(lambda: "ready" in site.log(job_id))
    worker = wait_for(site.own_worker)
    children = [pid for pid in command_lines() if parent_of(pid) == worker]
    assert len(children) == 1
    sleepers = {pid for pid, line in command_lines().items() if line.startswith("sleep 60") and in_family(pid, children[0])}
    assert len(sleepers) == 2
    os.kill(children[0], signal.SIGKILL)
    job = site.wait(job_id)
    assert (job["status"], job["result"]) == ("FAILED", "The process that looks after the job was killed.")
    wait_for(lambda: not sleepers & set(command_lines()), 5)


def parent_of(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return int(file.read().rpartition(")")[2].split()[1])
    except OSError:
        return None


def in_family(pid, ancestor):
    while pid:
        if pid == ancestor:
            return True
        pid = parent_of(pid)
    return False


def test_exclusive_jobs_never_run_side_by_side(site):
    site.type(
        "alone",
        f'd={site.directory}/held-$(tr -dc a-z < /dev/stdin | cut -c 4); mkdir $d || echo overlap >> {site.directory}/record\n'
        "sleep 0.1; rmdir $d",
        shell=True,
        max_parallel=8,
        exclusive="key",
        **{"param.key": "string"},
    )
    site.start()
    site.worker("--jobs", 4)
    found = []
    for _ in range(8):
        found += [site.submit("alone", key=key) for key in ("a", "b", "a", "b")]
        time.sleep(0.06)
    ended = [site.wait(job_id)["status"] for job_id in found]
    assert set(ended) == {"SUCCEEDED", "CANCELED"}
    assert not notes(site.directory / "record")


def test_no_more_run_side_by_side_than_the_type_allows(site):
    record = site.directory / "record"
    site.type("pair", f"echo + >> {record}; sleep 0.15; echo - >> {record}", shell=True, max_parallel=2)
    site.start()
    site.worker("--jobs", 4)
    for job_id in [site.submit("pair") for _ in range(8)]:
        assert site.wait(job_id)["status"] == "SUCCEEDED"
    running = most = 0
    for (sign,) in notes(record):
        running += 1 if sign == "+" else -1
        most = max(most, running)
    assert (most, running) == (2, 0)


def test_a_worker_that_is_stopped_gives_its_jobs_back(site):
    record = site.directory / "record"
    site.type("lasting", f"echo begin >> {record}; test $(wc -l < {record}) -gt 1 || sleep 600", shell=True)
    site.start_without_worker()
    worker = site.worker("--jobs", 1)
    job_id = site.submit("lasting")
    wait_for(lambda: len(notes(record)) == 1)
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(10) == 0
    job = site.get(job_id)
    assert (job["status"], job["retry_count"]) == ("PENDING", 0)
    assert not site.processes()
    assert site.run_worker("--once", "--jobs", 1).returncode == 0
    assert site.get(job_id)["status"] == "SUCCEEDED"


def test_a_worker_runs_what_is_due_once_for_cron(site):
    record = site.directory / "record"
    site.type("short", f"echo done >> {record}", shell=True, max_parallel=3)
    site.type("busy", "exit 75", shell=True, max_retries=3, retry_delay=600)
    site.start_without_worker()
    for _ in range(5):
        site.submit("short")
    site.submit("busy")
    done = site.run_worker("--once", "--jobs", 3)
    assert done.returncode == 0, done.stderr
    assert "5 jobs succeeded, 0 failed, 1 to be run again\n" in done.stdout
    assert len(notes(record)) == 5
    again = site.run_worker("--once", "--jobs", 3)
    assert "0 jobs succeeded, 0 failed, 0 to be run again\n" in again.stdout
    status = site.run_worker("--status")
    assert "Jobs: 1 pending, 0 running\n" in status.stdout


def test_a_worker_on_another_host_runs_jobs_over_http(site):
    site.type("echo", "import sys; sys.stdout.write(sys.stdin.read())", **{"param.x": "any"})
    site.type("chatty", 'echo \'{"progress": 0.5, "message": "half"}\'; echo ready; sleep 600', shell=True)
    site.type("fail", "echo oh >&2; exit 1", shell=True)
    site.start_without_worker(TRACKLIGHT_JOBS_WORKER_TOKEN=TOKEN)
    worker = site.remote_worker()
    job_id = site.submit("echo", x="ä")
    assert site.wait(job_id)["result"] == {"x": "ä"}
    assert site.run("fail")["result"] == "oh"
    job_id = site.submit("chatty")
    wait_for(lambda: "ready" in site.log(job_id))
    before = time.monotonic()
    site.cancel(job_id)
    wait_for(lambda: not site.processes(), 3)
    assert time.monotonic() - before < 2
    assert "(remote)" in site.run_worker("--status").stdout
    job_id = site.submit("chatty")
    wait_for(lambda: "ready" in site.log(job_id))
    worker.send_signal(signal.SIGTERM)
    assert worker.wait(15) == 0
    assert site.get(job_id)["status"] == "PENDING"


def test_a_job_whose_remote_worker_died_is_run_again_when_the_lease_is_over(site):
    record = site.directory / "record"
    site.type("lasting", f"echo begin >> {record}; test $(wc -l < {record}) -gt 1 || sleep 600", shell=True)
    site.start_without_worker(TRACKLIGHT_JOBS_WORKER_TOKEN=TOKEN, TRACKLIGHT_JOBS_LEASE="3")
    worker = site.remote_worker()
    job_id = site.submit("lasting")
    wait_for(lambda: len(notes(record)) == 1)
    site.kill(worker)
    wait_for(lambda: not site.processes(), 2)
    site.remote_worker()
    assert site.wait(job_id)["status"] == "SUCCEEDED"
    assert (len(notes(record)), attempts(site)[job_id]) == (2, 2)


def test_a_worker_on_another_host_must_know_the_token(site):
    site.type("echo", "cat", shell=True)
    site.start(TRACKLIGHT_JOBS_WORKER_TOKEN=TOKEN)
    where = ["--server", site.server.url]
    for token in ("", "another-token-of-enough-length"):
        worker = site.worker("--once", where=where, TRACKLIGHT_JOBS_WORKER_TOKEN=token)
        assert worker.wait(15) == 1
        site.workers.remove(worker)
    log = site.log_text()
    assert "TRACKLIGHT_JOBS_WORKER_TOKEN" in log and "answers 401" in log and TOKEN not in log


# --- MLflow's own entry point for jobs in Python ---

ENTRY_POINT = """
import importlib, json, os, sys
params = json.loads(os.environ["_MLFLOW_SERVER_JOB_PARAMS"])
module, _, name = os.environ["_MLFLOW_SERVER_JOB_FUNCTION_FULLNAME"].rpartition(".")
old, new = (os.environ["_MLFLOW_SERVER_JOB_TRANSIENT_ERROR_" + n + "_PATH"] for n in ("ClASSES", "CLASSES"))
assert old == new
classes = open(old).read().splitlines()
said = {"succeeded": True, "result": json.dumps({"function": name, "params": params}), "is_transient_error": None, "error": None}
if params.get("raise"):
    said = {"succeeded": False, "result": None, "is_transient_error": params["raise"] in classes, "error": "Error('%s')" % params["raise"]}
if params.get("exit"):
    sys.exit(params["exit"])
if not params.get("forget"):
    with open(os.environ["_MLFLOW_SERVER_JOB_RESULT_DUMP_PATH"], "w") as file:
        json.dump(said, file)
"""


def test_the_contract_of_mlflows_entry_point_is_kept(site):
    site.type(
        "invoke_scorer", ENTRY_POINT, result="file", function="mlflow.genai.scorers.job.invoke_scorer_job",
        transient_errors="requests.exceptions.ConnectionError", max_retries=1, retry_delay=0.05,
    )  # fmt: skip
    site.start()
    assert site.run("invoke_scorer", a=1)["result"] == {"function": "invoke_scorer_job", "params": {"a": 1}}
    job = site.run("invoke_scorer", **{"raise": "builtins.ValueError"})
    assert (job["status"], job["result"], job["retry_count"]) == ("FAILED", "Error('builtins.ValueError')", 0)
    job = site.run("invoke_scorer", **{"raise": "requests.exceptions.ConnectionError"})
    assert (job["status"], job["result"]) == ("FAILED", "Error('requests.exceptions.ConnectionError')")
    assert job["retry_count"] == 1
    job = site.run("invoke_scorer", exit=4)
    function = "mlflow.genai.scorers.job.invoke_scorer_job"
    # The reference's words, with its spelling.
    assert job["result"] == f"RuntimeError('The subprocess that executes job function {function} exists with error code 4')"
    assert site.run("invoke_scorer", forget=True)["status"] == "FAILED"
