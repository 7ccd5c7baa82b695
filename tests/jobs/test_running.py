"""How one job is run: what it gets, what becomes of what it prints, and how it ends."""

import json
import os
import time

import pytest

from jobs_support import wait_for


@pytest.fixture(scope="module")
def types():
    """name -> script, settings: the types that the tests of this file share."""
    return {
        "echo": ("import sys; sys.stdout.write(sys.stdin.read())", {"param.x": "any"}),
        "environment": ("import os, json; print(json.dumps(dict(os.environ)))", {"set.LANG": "C.UTF-8", "environment": "SHARED, MLFLOW_BACKEND_STORE_URI"}),
        "state": (
            "import os, json, resource as r\n"
            "print(json.dumps({'cwd': os.getcwd(), 'empty': os.listdir('.'), 'fds': sorted(os.listdir('/proc/self/fd'))[:-1],\n"
            " 'leader': os.getsid(0) == os.getpid(), 'core': r.getrlimit(r.RLIMIT_CORE), 'files': r.getrlimit(r.RLIMIT_NOFILE),\n"
            " 'cpu': r.getrlimit(r.RLIMIT_CPU), 'memory': r.getrlimit(r.RLIMIT_AS),\n"
            " 'status': open('/proc/self/status').read()}))",
            {"open_files": 64, "cpu_seconds": 7, "memory": "512M"},
        ),
        "fail": ("import sys; sys.stderr.write('noise\\n' * 3000 + \"ValueError: it's\\n\"); sys.exit(3)", {}),
        "silent": ("import sys; sys.exit(9)", {}),
        "crash": ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", {}),
        "transient": (
            "import sys, pathlib\n"
            "count = pathlib.Path(__file__ + '.count')\n"
            "n = int(count.read_text()) if count.exists() else 0\n"
            "count.write_text(str(n + 1))\n"
            "sys.stderr.write('busy'); sys.exit(75 if n < 2 else 0)",
            {"max_retries": 2, "retry_delay": 0.1},
        ),
        "always_transient": ("import sys; sys.stderr.write('still busy'); sys.exit(75)", {"max_retries": 2, "retry_delay": 0.05}),
        "hang": ("import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('ready', flush=True); time.sleep(600)", {}),
        "polite": ("import time; print('ready', flush=True); time.sleep(600)", {}),
        "progress": (
            "import time, sys, pathlib\n"
            "print('{\"progress\": 0.25, \"message\": \"a quarter\"}', flush=True)\n"
            "while not pathlib.Path(__file__ + '.go').exists(): time.sleep(0.02)\n"
            "print('{\"progress\": 1.0}'); print('[1]')",
            {},
        ),
        "daemon": (
            "import os, time\n"
            "for _ in range(3):\n"
            "    if os.fork() == 0:\n"
            "        os.setsid()\n"
            "        if os.fork() == 0:\n"
            "            for fd in range(3): os.close(fd)\n"
            "            time.sleep(600)\n"
            "        os._exit(0)\n"
            "time.sleep(0.2); print('true')",
            {},
        ),
        "flood": (
            "import sys\n"
            "for _ in range(3000): sys.stdout.write('x' * 10000 + '\\n')\n"
            "print('the end'); print('[1]')",
            {"output_bytes": "64K"},
        ),
        "large": ("print('\"' + 'x' * 100000 + '\"')", {"output_bytes": "64K"}),
        "fork_bomb": (
            "import os, signal\n"
            "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
            "while True:\n"
            "    try: os.fork()\n"
            "    except OSError: os.sched_yield()\n",
            {"processes": 12, **({"user": 61234} if os.getuid() == 0 else {})},
        ),
    }  # fmt: skip


@pytest.fixture(scope="module", params=["none", "cgroup"], ids=["without cgroups", "with cgroups"])
def shared(request, tmp_path_factory, types):
    from jobs_support import Site

    site = Site(tmp_path_factory.mktemp("jobs"))
    for name, (script, settings) in types.items():
        site.type(name, script, **settings)
    more = {"TRACKLIGHT_JOBS_CGROUP": "none"} if request.param == "none" else {}
    site.start(SHARED="passed on", NOT_SHARED="secret", **more)
    yield site
    site.close()


once = pytest.mark.parametrize("shared", ["none"], indirect=True, ids=[""])


@once
def test_parameters_come_as_json_on_standard_input_and_in_a_variable(shared):
    assert shared.run("echo", x=[1, "ä", None])["result"] == {"x": [1, "ä", None]}
    job_id = shared.submit("environment", x=1)
    got = shared.wait(job_id, "SUCCEEDED")["result"]
    assert json.loads(got["_MLFLOW_SERVER_JOB_PARAMS"]) == {"x": 1}
    assert got["_MLFLOW_SERVER_JOB_ID"] == job_id
    assert got["_MLFLOW_SERVER_JOB_NAME"] == "environment"


@once
def test_the_environment_is_what_is_declared_and_nothing_else(shared):
    got = shared.run("environment")["result"]
    assert got["MLFLOW_TRACKING_URI"] == got["MLFLOW_GATEWAY_URI"] == shared.server.url
    assert got["LANG"] == "C.UTF-8"
    assert got["SHARED"] == "passed on"
    assert got["PATH"].startswith("/usr/local/sbin:")
    known = {"PATH", "LANG", "SHARED", "TMPDIR", "LC_CTYPE", "MLFLOW_TRACKING_URI", "MLFLOW_GATEWAY_URI"}
    assert {name for name in got if not name.startswith("_MLFLOW_SERVER_JOB_")} <= known
    assert str(shared.server.database) not in json.dumps(got)


@once
def test_the_process_is_its_own_session_with_limits_and_no_way_to_more_rights(shared):
    got = shared.run("state")["result"]
    assert got["leader"] and got["fds"] == ["0", "1", "2"]
    assert got["cwd"].startswith(str(shared.temporary)) and got["empty"] == []
    assert (got["core"], got["files"], got["cpu"]) == ([0, 0], [64, 64], [7, 7])
    assert got["memory"] == [512 * 1024 * 1024] * 2
    status = dict(line.split(":\t", 1) for line in got["status"].splitlines() if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    assert int(status["SigBlk"], 16) == 0
    # Python itself ignores SIGPIPE and SIGXFSZ.
    assert int(status["SigIgn"], 16) & ~(1 << 12 | 1 << 24) == 0


@once
def test_a_failure_is_told_by_the_end_of_standard_error(shared):
    job = shared.run("fail")
    assert job["status"] == "FAILED"
    assert job["result"].endswith("noise\nValueError: it's") and len(job["result"]) <= 4100
    assert shared.run("silent")["result"] == "The job ended with exit status 9."
    assert shared.run("crash")["result"].startswith("The job was killed by signal 11 (SIGSEGV).")


@once
def test_a_transient_error_is_tried_again_as_often_as_the_type_says(shared):
    job = shared.run("transient")
    assert (job["status"], job["retry_count"]) == ("SUCCEEDED", 2)
    job = shared.run("always_transient")
    assert (job["status"], job["retry_count"], job["result"]) == ("FAILED", 2, "still busy")


def test_a_cancelled_job_is_ended_within_two_seconds(shared):
    job_id = shared.submit("polite")
    wait_for(lambda: "ready" in shared.log(job_id))
    before = time.monotonic()
    assert shared.cancel(job_id)["status"] == "CANCELED"
    wait_for(lambda: not shared.processes(), 2)
    assert time.monotonic() - before < 2
    assert shared.get(job_id)["status"] == "CANCELED"


@once
def test_what_ignores_sigterm_is_killed(shared):
    job_id = shared.submit("hang")
    wait_for(lambda: "ready" in shared.log(job_id))
    shared.cancel(job_id)
    wait_for(lambda: not shared.processes(), 5)


@once
def test_a_job_whose_time_is_over_is_ended(shared):
    job = shared.run("hang", timeout=0.3)
    assert (job["status"], job["result"]) == ("TIMEOUT", None)
    wait_for(lambda: not shared.processes(), 5)
    assert shared.run("polite", timeout=0.001)["status"] == "TIMEOUT"


@once
def test_progress_is_shown_while_the_job_runs_and_is_no_part_of_its_result(shared):
    job_id = shared.submit("progress")
    wait_for(lambda: shared.get(job_id)["progress"] == 0.25)
    assert shared.get(job_id)["progress_message"] == "a quarter"
    (shared.directory / "progress.job.go").touch()
    assert shared.wait(job_id)["result"] == [1]


def test_processes_that_leave_the_session_end_with_the_job(shared):
    job_id = shared.submit("daemon")
    wait_for(lambda: len(shared.processes()) >= 4)
    assert shared.wait(job_id)["result"] is True
    assert not shared.processes()


@once
def test_a_flood_of_output_is_bounded_and_keeps_its_end(shared):
    job_id = shared.submit("flood")
    job = shared.wait(job_id)
    assert (job["status"], job["result"]) == ("SUCCEEDED", [1])
    log = shared.log(job_id)
    assert log.endswith("x\nthe end\n[1]\n") and len(log) < 512 * 1024
    job = shared.run("large")
    assert job["status"] == "FAILED" and "larger" in job["result"]


def test_a_fork_bomb_stays_small_and_ends(shared):
    job_id = shared.submit("fork_bomb")
    wait_for(lambda: len(shared.processes()) >= 8)
    most = 0
    for _ in range(20):
        most = max(most, len(shared.processes()))
        time.sleep(0.01)
    shared.cancel(job_id)
    wait_for(lambda: not shared.processes(), 5)
    assert most <= 12 + 2


@once
def test_a_program_that_is_not_there_fails_the_job(shared):
    path = shared.directory / "gone.job"
    (shared.directory / "jobs.d" / "gone.conf").write_text(f"[gone]\ncommand = {path}\n")
    shared.server.process.send_signal(1)
    reply = wait_for(lambda: (r := shared.call("POST", "", {"job_name": "gone", "params": {}})).status_code == 200 and r)
    job = shared.wait(reply.json()["job_id"])
    assert job["status"] == "FAILED" and "No such file or directory" in job["result"]
