"""A server that takes jobs, workers, and the jobs themselves: small scripts."""

import os
import pathlib
import signal
import subprocess
import time

import requests

from support import BUILD, Server

TOKEN = "a token of thirty-two characters"[:32].replace(" ", "-")
FINAL = {"SUCCEEDED", "FAILED", "TIMEOUT", "CANCELED"}
PATIENCE_SECONDS = 30


def wait_for(what, seconds=PATIENCE_SECONDS, every=0.02):
    """The first true value of what()."""
    deadline = time.monotonic() + seconds
    while True:
        found = what()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(every)


def command_lines():
    """pid -> command line of everything that runs."""
    found = {}
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                if (entry / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX":
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
    return found


class Site:
    """A folder with jobs.d, the scripts of the jobs and what they leave behind, a server, and workers."""

    def __init__(self, directory):
        # Short, since it is on the command lines of everything that is started here, and looked for there.
        self.directory = directory
        self.directory.chmod(0o755)
        for parent in list(directory.parents)[:3]:
            if parent.stat().st_uid == os.getuid() and parent != pathlib.Path("/tmp"):
                parent.chmod(0o755)
        (directory / "jobs.d").mkdir()
        self.temporary = directory / "tmp"
        self.temporary.mkdir()
        self.temporary.chmod(0o1777)
        self.workers = []
        self.server = None
        self.environment = {"TMPDIR": str(self.temporary), "TRACKLIGHT_JOBS_KILL_GRACE": "1", "TRACKLIGHT_JOBS_STOP_TIMEOUT": "0"}

    def type(self, name, script, shell=False, **settings):
        """Declares a type of jobs whose program is this text."""
        path = self.directory / f"{name}.job"
        path.write_text(f"#!/bin/sh\n{script}" if shell else f"#!/usr/bin/python3 -IS\n{script}")
        path.chmod(0o755)
        lines = [f"[{name}]", f"command = {path}", *(f"{key} = {value}" for key, value in settings.items())]
        (self.directory / "jobs.d" / f"{name}.conf").write_text("\n".join(lines) + "\n")

    def start(self, *options, enable=True, **environment):
        self.environment.update(environment)
        self.server = Server(self.directory, *(["--enable-jobs"] if enable else []), *options, environment=self.environment)
        return self

    def start_without_worker(self, **environment):
        """The server's own worker leaves all jobs to others."""
        return self.start("--jobs-per-worker", "0", **environment)

    # --- Workers ---

    def command(self, *options, where=None):
        where = where or ["--backend-store-uri", f"sqlite:///{self.server.database}"]
        return [str(BUILD / "bin" / "tracklight"), "worker", *map(str, where), *map(str, options)]

    def worker(self, *options, where=None, **environment):
        """One more worker, in a session of its own."""
        log = open(self.directory / f"worker-{len(self.workers)}.log", "ab")
        with log:
            process = subprocess.Popen(
                self.command(*options, where=where),
                cwd=self.directory,
                env={**self.server.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.workers.append(process)
        return process

    def remote_worker(self, *options):
        return self.worker("--jobs", 4, *options, where=["--server", self.server.url], TRACKLIGHT_JOBS_WORKER_TOKEN=TOKEN)

    def run_worker(self, *options, **environment):
        return subprocess.run(
            self.command(*options),
            cwd=self.directory,
            env={**self.server.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def own_worker(self):
        """The pid of the server's own."""
        pids = [pid for pid, line in self.server.members().items() if line.endswith("tracklight worker")]
        return pids[0] if len(pids) == 1 else None

    def log_text(self):
        return self.server.log_text() + "".join(p.read_text() for p in self.directory.glob("worker-*.log"))

    # --- Jobs ---

    def call(self, method, path, body=None):
        return requests.request(method, f"{self.server.url}/ajax-api/3.0/jobs/{path}", json=body, timeout=20)

    def ok(self, method, path, body=None):
        reply = self.call(method, path, body)
        assert reply.status_code == 200, f"{reply.status_code} {reply.text}"
        return reply.json()

    def submit(self, name, timeout=None, **params):
        return self.ok("POST", "", {"job_name": name, "params": params, "timeout": timeout})["job_id"]

    def get(self, job_id):
        return self.ok("GET", job_id)

    def cancel(self, job_id):
        return self.ok("PATCH", f"cancel/{job_id}")

    def search(self, **body):
        return self.ok("POST", "search", body)["jobs"]

    def log(self, job_id):
        text, offset = "", 0
        while True:
            part = self.ok("GET", f"{job_id}/log?offset={offset}")
            text += part["text"]
            if part["next_offset"] <= offset or not part["text"]:
                return text
            offset = part["next_offset"]

    def wait(self, job_id, *statuses, seconds=PATIENCE_SECONDS):
        """The job as soon as it has one of these statuses; any final one if none is named."""
        wanted = set(statuses) or FINAL

        def reached():
            job = self.get(job_id)
            assert job["status"] in wanted or job["status"] not in FINAL, f"{job}\n{self.log_text()}"
            return job if job["status"] in wanted else None

        return wait_for(reached, seconds)

    def run(self, name, timeout=None, **params):
        return self.wait(self.submit(name, timeout, **params))

    # --- What runs, and what is left ---

    def processes(self):
        """Processes of jobs: those whose command line names this folder and a script of it."""
        mark = f"{self.directory}/"
        return {pid: line for pid, line in command_lines().items() if mark in line and ".job" in line}

    def check_nothing_is_left(self):
        wait_for(lambda: not self.processes(), 5)
        wait_for(lambda: not list(self.temporary.iterdir()), 5)

    def kill(self, process):
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    def close(self):
        for process in self.workers:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        problems = []
        for process in self.workers:
            try:
                status = process.wait(20)
                if status not in (0, -signal.SIGKILL):
                    problems.append(f"a worker ended with {status}")
            except subprocess.TimeoutExpired:
                self.kill(process)
                problems.append("a worker did not stop")
        if self.server:
            self.server.stop()
        self.check_nothing_is_left()
        assert not problems, f"{problems}\n{self.log_text()}"
