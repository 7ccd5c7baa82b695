"""Jobs over HTTP, and the protocol of workers on other hosts, which these tests speak themselves: the suite's own worker
leaves all jobs to them."""

import base64
import json
import re
import subprocess
import threading
import time

import pytest

import support
from support import unique

ROOT = "/ajax-api/3.0/jobs"
WORKERS = "/api/3.0/tracklight/jobs/worker/"
TOKEN = "a token of the tests"[::-1].replace(" ", "-")
TYPES = """
[echo]
command = /bin/true
max_parallel = 1000
param.text = any required
param.count = integer

[scorer]
command = /bin/true
function = mlflow.genai.scorers.job.scorer_job
param.experiment_id = string required
param.trace_ids = array required
param.log_assessments = boolean optional

[forbidden]
command = /bin/true
function = module.forbidden_job
enabled = false

[alone]
command = /bin/true
max_parallel = 10
exclusive = key
param.key = any required

[flaky]
command = /bin/true
max_retries = 1
retry_delay = 0.2
"""
KEYS = [
    "job_id",
    "creation_time",
    "job_name",
    "params",
    "timeout",
    "status",
    "result",
    "retry_count",
    "last_update_time",
    "status_details",
    "progress",
    "progress_message",
]


class Jobs:
    """Jobs of one server."""

    def __init__(self, server):
        self.server = server
        self.api = server.api

    def request(self, method, path="/", **options):
        return self.api.request(method, ROOT + path, **options)

    def try_submit(self, name, params=None, **more):
        return self.request("POST", json={"job_name": name, "params": params or {}, **more})

    def submit(self, *arguments, **more):
        job = self.try_submit(*arguments, **more).ok()
        assert list(job) == KEYS
        return job

    def get(self, job_id):
        return self.request("GET", f"/{job_id}").ok()

    def cancel(self, job_id):
        return self.request("PATCH", f"/cancel/{job_id}")

    def search(self, **body):
        return self.request("POST", "/search", json=body).ok()["jobs"]

    def log(self, job_id, **query):
        return self.request("GET", f"/{job_id}/log", params=query).ok()


class Worker:
    """A worker on another host."""

    def __init__(self, server, token=TOKEN):
        self.api = server.api
        self.name = unique("worker")
        self.headers = {"authorization": f"Bearer {token}"}

    def call(self, path, may_be_5xx=False, **body):
        return self.api.request("POST", WORKERS + path, json=body, headers=self.headers)

    def take_all(self, *types, **more):
        return self.call("take", worker=self.name, host="h", types=types, **{"max": 100, **more}).ok()

    def take(self, job):
        """Takes this job, and gives up others that were left behind."""
        for taken in self.take_all(job["job_name"])["jobs"]:
            if taken["job_id"] == job["job_id"]:
                return taken
            self.report(taken, end="failed", text="left behind")
        raise AssertionError("it could not be taken")

    def report(self, taken, **news):
        reply = self.call("report", worker=self.name, jobs=[{"lease": taken["lease"], **news}]).ok()
        (told,) = reply["jobs"]
        assert told.pop("lease") == taken["lease"]
        return told


@pytest.fixture(scope="module")
def types(tmp_path_factory):
    directory = tmp_path_factory.mktemp("jobs.d")
    (directory / "test.conf").write_text(TYPES)
    return directory


@pytest.fixture
def jobs_server(servers, types):
    environment = {
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "true",
        "TRACKLIGHT_JOBS_PER_WORKER": "0",
        "TRACKLIGHT_JOBS_WORKER_TOKEN": TOKEN,
        "TRACKLIGHT_JOBS_LEASE": "3",
    }
    return servers("--jobs-dir", str(types), environment=environment)


@pytest.fixture
def jobs(jobs_server):
    return Jobs(jobs_server)


@pytest.fixture
def worker(jobs_server):
    return Worker(jobs_server)


def expect_detail(reply, status, detail):
    assert reply.status == status, reply
    assert reply.json == {"detail": detail}


# --- submit ---


def test_a_submitted_job_is_pending_and_reads_back(jobs):
    params = {"text": ["ä", 1.0, {"n": None}], "more": 1e100}
    job = jobs.submit("echo", params, timeout=60)
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", job["job_id"])
    assert job["job_name"] == "echo"
    assert job["params"] == params
    assert job["timeout"] == 60.0
    assert job["status"] == "PENDING"
    assert job["result"] is None
    assert job["retry_count"] == 0
    assert abs(job["creation_time"] - time.time() * 1000) < 60000
    assert job["last_update_time"] == job["creation_time"]
    assert job["status_details"] is None and job["progress"] is None and job["progress_message"] is None
    assert jobs.get(job["job_id"]) == job


def test_the_reply_is_compact_and_floats_are_floats(jobs):
    reply = jobs.try_submit("echo", {"text": "é"}, timeout=60)
    assert b'"params":{"text":"\xc3\xa9"},"timeout":60.0,"status":"PENDING","result":null,"retry_count":0,' in reply.bytes


def test_the_path_without_a_slash_works_too(jobs):
    assert jobs.request("POST", "", json={"job_name": "echo", "params": {"text": 1}}).ok()["status"] == "PENDING"


@pytest.mark.parametrize("timeout", [None, 1, 0.5, "2.5", True])
def test_timeouts_are_numbers_as_pydantic_takes_them(jobs, timeout):
    expected = None if timeout is None else float(timeout)
    assert jobs.submit("echo", {"text": 1}, timeout=timeout)["timeout"] == expected


def test_parameters_that_are_not_declared_are_kept(jobs):
    assert jobs.submit("echo", {"text": 1, "bogus": True})["params"] == {"text": 1, "bogus": True}


def test_an_unknown_name_is_refused(jobs):
    expect_detail(jobs.try_submit("nope"), 400, "Invalid job name: nope")


def test_a_type_that_is_not_allowed_is_refused_before_its_parameters_are_looked_at(jobs):
    expect_detail(jobs.try_submit("forbidden"), 400, "The function module.forbidden_job is not in the allowed job function list")


def test_missing_parameters_are_named_with_the_function(jobs):
    detail = (
        "Missing required parameters for function 'scorer_job': ['experiment_id', 'trace_ids']. "
        "Expected parameters: ['experiment_id', 'trace_ids', 'log_assessments']"
    )
    expect_detail(jobs.try_submit("scorer", {"log_assessments": True}), 400, detail)


def test_a_parameter_of_another_type_than_declared_is_refused(jobs):
    expect_detail(jobs.try_submit("echo", {"text": 1, "count": "1"}), 400, "The parameter 'count' of a job 'echo' must be an integer.")


def test_nothing_is_left_of_a_job_that_was_refused(jobs):
    before = len(jobs.search())
    jobs.try_submit("echo", {})
    jobs.try_submit("nope")
    assert len(jobs.search()) == before


def test_without_the_switch_only_submitting_fails(servers, types):
    off = Jobs(servers("--jobs-dir", str(types)))
    reply = off.request("POST", json={"job_name": "echo", "params": {"text": 1}}, may_be_5xx=True)
    detail = "Mlflow server job execution feature is not enabled, please set environment variable 'MLFLOW_SERVER_ENABLE_JOB_EXECUTION' to 'true' to enable it."
    expect_detail(reply, 500, detail)
    expect_detail(off.try_submit("nope"), 400, "Invalid job name: nope")
    assert off.search() == []
    expect_detail(off.request("GET", "/x"), 404, "Job with ID x not found")


# --- validation ---

DICT = "Input should be a valid dictionary"
OBJECT = "Input should be a valid dictionary or object to extract fields from"
STATUSES = "'PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'TIMEOUT' or 'CANCELED'"


def problem(type_, loc, msg, input_, **more):
    return {"type": type_, "loc": ["body", *loc], "msg": msg, "input": input_, **more}


@pytest.mark.parametrize(
    "body, problems",
    [
        ({}, [problem("missing", ["job_name"], "Field required", {}), problem("missing", ["params"], "Field required", {})]),
        ({"job_name": "echo"}, [problem("missing", ["params"], "Field required", {"job_name": "echo"})]),
        ({"job_name": 1, "params": {}}, [problem("string_type", ["job_name"], "Input should be a valid string", 1)]),
        ({"job_name": None, "params": {}}, [problem("string_type", ["job_name"], "Input should be a valid string", None)]),
        ({"job_name": "echo", "params": [1]}, [problem("dict_type", ["params"], DICT, [1])]),
        ({"job_name": "echo", "params": "x"}, [problem("dict_type", ["params"], DICT, "x")]),
        (
            {"job_name": "echo", "params": {}, "timeout": "soon"},
            [problem("float_parsing", ["timeout"], "Input should be a valid number, unable to parse string as a number", "soon")],
        ),
        ({"job_name": "echo", "params": {}, "timeout": [1]}, [problem("float_type", ["timeout"], "Input should be a valid number", [1])]),
        (
            {"job_name": "echo", "params": {}, "timeout": -1},
            [problem("greater_than_equal", ["timeout"], "Input should be greater than or equal to 0", -1, ctx={"ge": 0})],
        ),
        ([1], [problem("model_attributes_type", [], OBJECT, [1])]),
        ("x", [problem("model_attributes_type", [], OBJECT, "x")]),
        (None, [problem("missing", [], "Field required", None)]),
    ],
)
def test_a_body_that_is_no_submission_is_answered_as_pydantic_does(jobs, body, problems):
    reply = jobs.request("POST", data=json.dumps(body).encode(), headers={"content-type": "application/json"})
    expect_detail(reply, 422, problems)


@pytest.mark.parametrize("path", ["/", "/search"])
def test_a_body_is_needed(jobs, path):
    expect_detail(jobs.request("POST", path, data=b""), 422, [problem("missing", [], "Field required", None)])


@pytest.mark.parametrize("path", ["/", "/search"])
@pytest.mark.parametrize("content_type, body", [("application/json", b"{nope"), ("text/plain", b'{"job_name":"echo","params":{}}')])
def test_other_bodies_than_json_are_refused(jobs, path, content_type, body):
    reply = jobs.request("POST", path, data=body, headers={"content-type": content_type})
    expect_detail(reply, 422, [problem("model_attributes_type", [], OBJECT, body.decode())])


def test_all_problems_are_told_at_once(jobs):
    reply = jobs.request("POST", "/search", json={"job_name": 1, "params": 2, "statuses": ["RUNNING", "x", 3]})
    enum = f"Input should be {STATUSES}"
    expect_detail(
        reply,
        422,
        [
            problem("string_type", ["job_name"], "Input should be a valid string", 1),
            problem("dict_type", ["params"], DICT, 2),
            problem("enum", ["statuses", 1], enum, "x", ctx={"expected": STATUSES}),
            problem("enum", ["statuses", 2], enum, 3, ctx={"expected": STATUSES}),
        ],
    )


def test_statuses_are_a_list(jobs):
    reply = jobs.request("POST", "/search", json={"statuses": "RUNNING"})
    expect_detail(reply, 422, [problem("list_type", ["statuses"], "Input should be a valid list", "RUNNING")])


# --- get, cancel, search ---


def test_a_job_that_does_not_exist_is_not_found(jobs):
    expect_detail(jobs.request("GET", "/nope"), 404, "Job with ID nope not found")
    expect_detail(jobs.cancel("nope"), 404, "Job with ID nope not found")
    expect_detail(jobs.request("GET", "/nope/log"), 404, "Job with ID nope not found")


def test_a_pending_job_is_cancelled_once(jobs):
    job = jobs.submit("echo", {"text": 1})
    cancelled = jobs.cancel(job["job_id"]).ok()
    assert list(cancelled) == KEYS
    assert cancelled["status"] == "CANCELED" and cancelled["result"] is None
    detail = f"The Job {job['job_id']} is already finalized with status: CANCELED, it can't be updated."
    expect_detail(jobs.cancel(job["job_id"]), 400, detail)


def test_a_finished_job_keeps_its_result_when_it_is_cancelled(jobs, worker):
    job = jobs.submit("echo", {"text": 1})
    worker.report(worker.take(job), end="succeeded", text='{"a": [1.0, "é"]}')
    detail = f"The Job {job['job_id']} is already finalized with status: SUCCEEDED, it can't be updated."
    expect_detail(jobs.cancel(job["job_id"]), 400, detail)
    after = jobs.get(job["job_id"])
    assert after["status"] == "SUCCEEDED" and after["result"] == {"a": [1.0, "é"]}


def test_jobs_are_found_by_name_status_and_parameters_oldest_first(jobs):
    mark = unique("mark")
    made = [jobs.submit("echo", {"text": mark, "i": i, "x": "0" if i else 0})["job_id"] for i in range(3)]
    other = jobs.submit("alone", {"key": mark, "text": mark})["job_id"]
    jobs.cancel(made[1])

    def found(**body):
        return [job["job_id"] for job in jobs.search(**{"params": {"text": mark}, **body})]

    assert found() == [*made, other]
    assert found(job_name="echo") == made
    assert found(job_name="ech") == []
    assert found(statuses=[]) == found(statuses=None) == [*made, other]
    assert found(statuses=["CANCELED"]) == [made[1]]
    assert found(statuses=["CANCELED", "PENDING"], job_name="echo") == made
    assert found(params={"text": mark, "x": 0}) == [made[0]]
    assert found(params={"text": mark, "x": "0"}) == made[1:]
    assert found(params={"text": mark, "i": 1.0}) == [made[1]]
    assert found(params={"text": mark, "missing": None}) == []
    assert jobs.request("POST", "/search", json={}).ok()["jobs"] == jobs.search(params={})


# --- Workers on other hosts ---


def test_a_worker_takes_a_job_reports_and_finishes_it(jobs, worker):
    job = jobs.submit("echo", {"text": "é"}, timeout=1.5)
    taken = worker.take(job)
    assert taken["params"] == {"text": "é"}
    assert (taken["attempt"], taken["retry_count"], taken["timeout_ms"]) == (1, 0, 1500)
    assert jobs.get(job["job_id"])["status"] == "RUNNING"
    told = worker.report(taken, progress=0.25, message="a quarter", details={"n": 1}, log=base64.b64encode(b"one\n").decode())
    assert told == {"hold": "held"}
    running = jobs.get(job["job_id"])
    assert (running["progress"], running["progress_message"], running["status_details"]) == (0.25, "a quarter", {"n": 1})
    assert worker.report(taken, end="failed", text='ValueError("it\'s")') == {"hold": "held", "status": "FAILED"}
    assert jobs.get(job["job_id"])["result"] == 'ValueError("it\'s")'
    assert worker.report(taken, end="succeeded", text="1") == {"hold": "lost"}


def test_a_worker_hears_that_its_job_was_cancelled(jobs, worker):
    job = jobs.submit("echo", {"text": 1})
    taken = worker.take(job)
    assert worker.report(taken) == {"hold": "held"}
    jobs.cancel(job["job_id"]).ok()
    assert worker.report(taken) == {"hold": "canceled"}
    assert worker.report(taken, end="succeeded", text="1") == {"hold": "canceled", "status": "CANCELED"}
    assert worker.report(taken) == {"hold": "lost"}
    assert jobs.get(job["job_id"])["status"] == "CANCELED"


def test_a_worker_that_waits_is_woken_by_a_job_and_by_a_cancellation(jobs, worker):
    worker.take_all("alone")
    replies = []

    def wait(path, **body):
        thread = threading.Thread(target=lambda: replies.append(worker.call(path, wait_ms=20000, **body).ok()))
        thread.start()
        time.sleep(0.3)
        assert thread.is_alive()
        return thread

    thread = wait("take", worker=worker.name, types=["alone"])
    begin = time.monotonic()
    job = jobs.submit("alone", {"key": unique("k")})
    thread.join(10)
    assert time.monotonic() - begin < 2
    (taken,) = replies.pop()["jobs"]
    assert taken["job_id"] == job["job_id"]
    thread = wait("wait", types=[], leases=[taken["lease"]])
    begin = time.monotonic()
    jobs.cancel(job["job_id"]).ok()
    thread.join(10)
    assert time.monotonic() - begin < 2
    assert replies.pop()["ready"] is True
    worker.report(taken, end="failed", text="")


def test_waiting_ends_with_its_time(worker):
    begin = time.monotonic()
    assert worker.call("wait", types=["flaky"], wait_ms=300).ok()["ready"] is False
    assert 0.25 < time.monotonic() - begin < 5


def test_a_job_whose_worker_is_not_heard_of_is_run_by_another(jobs, jobs_server, worker):
    other = Worker(jobs_server)
    job = jobs.submit("echo", {"text": 1})
    lost = worker.take(job)
    deadline = time.monotonic() + 15
    again = None
    while not again and time.monotonic() < deadline:
        found = other.call("take", worker=other.name, types=["echo"], max=100, wait_ms=4000).ok()["jobs"]
        again = next((taken for taken in found if taken["job_id"] == job["job_id"]), None)
    assert again["attempt"] == 2 and again["retry_count"] == 0
    assert worker.report(lost, end="succeeded", text="1") == {"hold": "lost"}
    assert other.report(again, end="succeeded", text="2") == {"hold": "held", "status": "SUCCEEDED"}
    assert jobs.get(job["job_id"])["result"] == 2


def test_a_worker_that_starts_again_gives_back_what_it_had(jobs, worker):
    job = jobs.submit("echo", {"text": 1})
    worker.take(job)
    started = worker.call("start", worker=worker.name, host="h").ok()
    assert started["requeued"] >= 1 and started["lease_ms"] == 3000
    assert jobs.get(job["job_id"])["status"] == "PENDING"
    assert worker.call("stop", worker=worker.name).ok() == {}


def test_a_transient_error_is_retried_after_a_delay(jobs, worker):
    job = jobs.submit("flaky")
    assert worker.report(worker.take(job), end="transient", text="E()")["status"] == "PENDING"
    assert jobs.get(job["job_id"])["retry_count"] == 1
    waited = worker.call("take", worker=worker.name, types=["flaky"], wait_ms=5000).ok()["jobs"]
    assert [taken["job_id"] for taken in waited] == [job["job_id"]]
    assert worker.report(waited[0], end="transient", text="E()")["status"] == "FAILED"
    after = jobs.get(job["job_id"])
    assert (after["result"], after["retry_count"]) == ("E()", 1)


def test_of_two_jobs_that_exclude_each_other_one_is_cancelled(jobs, worker):
    key = unique("key")
    first, second = (jobs.submit("alone", {"key": key}) for _ in range(2))
    taken = worker.take(first)
    assert jobs.get(second["job_id"])["status"] == "CANCELED"
    worker.report(taken, end="timeout")
    after = jobs.get(first["job_id"])
    assert (after["status"], after["result"]) == ("TIMEOUT", None)


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": f"Basic {TOKEN}"}, {"authorization": TOKEN}])
@pytest.mark.parametrize("path", ["start", "stop", "take", "wait", "report"])
def test_workers_without_the_token_are_refused(jobs_server, path, headers):
    reply = jobs_server.api.request("POST", WORKERS + path, json={"worker": "w"}, headers=headers)
    support.expect_error(reply, 401, "UNAUTHENTICATED", "The token of the worker is missing or wrong.")


def test_without_a_token_in_the_settings_there_are_no_workers(api):
    reply = api.request("POST", WORKERS + "take", json={"worker": "w"}, headers={"authorization": "Bearer "})
    support.expect_error(reply, 404, "ENDPOINT_NOT_FOUND")


@pytest.mark.parametrize(
    "path, body, message",
    [
        ("take", {}, re.compile("Missing value for required parameter 'worker'")),
        ("wait", {"leases": ["1.x"]}, "'1.x' is not a lease."),
        ("report", {"worker": "w", "jobs": [{"lease": "x"}]}, "'x' is not a lease."),
        ("start", {"worker": "w" * 201}, re.compile("at most 200 bytes")),
    ],
)
def test_what_makes_no_sense_from_a_worker_is_refused(worker, path, body, message):
    support.expect_invalid(worker.call(path, **body), message)


def test_a_log_that_is_no_base64_is_refused(jobs, worker):
    taken = worker.take(jobs.submit("echo", {"text": 1}))
    reply = worker.call("report", worker=worker.name, jobs=[{"lease": taken["lease"], "log": "!"}])
    support.expect_invalid(reply, "'log' is not base64.")
    worker.report(taken, end="failed", text="")


# --- Logs ---


def test_a_log_is_read_in_parts_of_whole_characters(jobs, worker):
    job = jobs.submit("echo", {"text": 1})
    taken = worker.take(job)
    text = "aé€😀" * 20
    for piece in (text.encode()[:50], text.encode()[50:]):
        worker.report(taken, log=base64.b64encode(piece).decode())
    read, offset = "", 0
    for _ in range(100):
        part = jobs.log(job["job_id"], offset=offset, max_bytes=17)
        assert part["offset"] == offset and part["size"] == len(text.encode())
        if not part["text"]:
            break
        read += part["text"]
        offset = part["next_offset"]
    assert read == text
    assert part["complete"] is False
    worker.report(taken, end="succeeded", text="1")
    assert jobs.log(job["job_id"], offset=offset)["complete"] is True
    assert jobs.log(job["job_id"], offset=-4)["text"] == "😀"
    assert list(part) == ["job_id", "offset", "next_offset", "size", "complete", "text"]


def test_a_part_of_a_log_has_a_smallest_size(jobs):
    job = jobs.submit("echo", {"text": 1})
    expect_detail(jobs.request("GET", f"/{job['job_id']}/log", params={"max_bytes": 3}), 400, "'max_bytes' must be at least 16.")


# --- The program ---


def test_types_are_read_again_on_sighup(tmp_path, types):
    directory = tmp_path / "types"
    directory.mkdir()
    (directory / "a.conf").write_text("[one]\ncommand = /bin/true\n")
    server = support.Server(tmp_path, "--jobs-dir", str(directory), "--enable-jobs", environment={"TRACKLIGHT_JOBS_PER_WORKER": "0"})
    try:
        jobs = Jobs(server)
        jobs.submit("one")
        expect_detail(jobs.try_submit("two"), 400, "Invalid job name: two")
        (directory / "b.conf").write_text("[two]\ncommand = /bin/true\n")
        (program,) = server.programs("jobs.fcgi")
        subprocess.run(["kill", "-HUP", str(program)], check=True)
        deadline = time.monotonic() + 10
        while jobs.try_submit("two").status != 200 and time.monotonic() < deadline:
            time.sleep(0.05)
        (directory / "b.conf").write_text("[two\n")
        subprocess.run(["kill", "-HUP", str(program)], check=True)
        deadline = time.monotonic() + 10
        while "the types of jobs stay as they are" not in server.log_text() and time.monotonic() < deadline:
            time.sleep(0.05)
        assert f"the types of jobs stay as they are: {directory}/b.conf:1: Expected '[name]'." in server.log_text()
        jobs.submit("two")
    finally:
        server.stop()


def start(directory, *options, **environment):
    return subprocess.run(
        [str(support.BUILD / "bin" / "tracklight"), "server", "--port", str(support.free_port()), *options],
        capture_output=True,
        text=True,
        timeout=30,
        cwd=directory,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", **environment},
        stdin=subprocess.DEVNULL,
    )


def test_what_is_wrong_with_the_types_or_the_token_is_told_at_the_start(tmp_path):
    (tmp_path / "jobs.d").mkdir()
    (tmp_path / "jobs.d" / "x.conf").write_text("[a]\n")
    done = start(tmp_path, "--enable-jobs")
    assert done.returncode == 2 and "Error: jobs.d/x.conf:1: The job 'a' has no command." in done.stderr
    done = start(tmp_path, "--enable-jobs", "--jobs-dir", "nowhere")
    assert done.returncode == 2 and "Error: The types of jobs in 'nowhere' cannot be read: No such file or directory." in done.stderr
    done = start(tmp_path, TRACKLIGHT_JOBS_WORKER_TOKEN="short")
    assert done.returncode == 2 and "The token of workers must be at least 16 characters" in done.stderr
    (tmp_path / "token").write_text("with a blank in it\n")
    done = start(tmp_path, "--jobs-worker-token-file", "token")
    assert done.returncode == 2 and "without blanks" in done.stderr


def test_a_server_that_takes_no_jobs_runs_whatever_jobs_d_is_like(tmp_path):
    (tmp_path / "jobs.d").mkdir()
    (tmp_path / "jobs.d" / "x.conf").write_text("[a]\n")
    server = support.Server(tmp_path)
    try:
        expect_detail(Jobs(server).try_submit("a"), 400, "Invalid job name: a")
    finally:
        server.stop()


def test_the_token_may_stand_in_a_file(tmp_path, types):
    (tmp_path / "token").write_text(f"{TOKEN}\nmore\n")
    server = support.Server(tmp_path, "--jobs-dir", str(types), "--jobs-worker-token-file", str(tmp_path / "token"))
    try:
        assert Worker(server).take_all("echo")["jobs"] == []
    finally:
        server.stop()
