"""`tracklight server` for tests of the command itself: the real suite, or the command with programs that the tests
make up."""

import http.client
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / os.environ.get("BUILD", "build")
READY = re.compile(r"^INFO:     Tracklight running on (http://\S+) \(Press CTRL\+C to quit\)$", re.M)
PATIENCE_SECONDS = 30

# A FastCGI responder (FastCGI spec 1.0, sections 3 to 6) of one process: answers who it is and what it was asked.
PROGRAM = r'''#!/usr/bin/python3 -IS
import os, pathlib, socket, struct, sys, time
name = pathlib.Path(sys.argv[0]).name
if sys.argv[1:] == ["--operations"]:
    sys.stdout.write(pathlib.Path(sys.argv[0] + ".operations").read_text())
    raise SystemExit(0)

def exactly(stream, count):
    data = stream.read(count)
    if len(data) != count:
        raise ConnectionError
    return data

def variables(data):
    found, at = {}, 0
    while at < len(data):
        sizes = []
        for _ in range(2):
            size = data[at]
            at += 1
            if size & 128:
                size = struct.unpack(">I", data[at - 1:at + 3])[0] & 0x7FFFFFFF
                at += 3
            sizes.append(size)
        key = data[at:at + sizes[0]].decode()
        at += sizes[0]
        found[key] = data[at:at + sizes[1]].decode()
        at += sizes[1]
    return found

def answer(connection):
    stream, parameters, body = connection.makefile("rb"), b"", 0
    while True:
        _, kind, request, length, padding, _ = struct.unpack(">BBHHBB", exactly(stream, 8))
        content = exactly(stream, length)
        exactly(stream, padding)
        if kind == 4:
            parameters += content
        elif kind == 5:
            body += length
            if not length:
                break
    asked = variables(parameters)
    uri = asked["REQUEST_URI"]
    if uri.endswith("/crash"):
        os.abort()
    if uri.endswith("/slow"):
        pathlib.Path(sys.argv[0] + ".busy").touch()
        time.sleep(1)
    status = 200 if uri.endswith(("/health", "/slow")) else 404
    text = f"{name} {os.getpid()} {asked['REQUEST_METHOD']} {uri} {body} {asked.get('SCRIPT_NAME', '')}\n"
    reply = f"Status: {status} -\r\nContent-Type: text/plain\r\n\r\n{text}".encode()
    for kind, content in ((6, reply), (6, b""), (3, bytes(8))):
        connection.sendall(struct.pack(">BBHHBB", 1, kind, request, len(content), 0, 0) + content)

listening = socket.socket(fileno=0)
while True:
    with listening.accept()[0] as connection:
        try:
            answer(connection)
        except OSError:
            pass
'''


def made_up_suite(directory, programs=None, pages=True):
    """A tree like the build's, with the real command and programs of the tests. `programs` maps a name to the text of
    its `--operations`, or to the whole text of another program; default is a tracking program alone."""
    binaries = directory / "suite" / "build" / "bin"
    fcgi = directory / "suite" / "build" / "fcgi-bin"
    binaries.mkdir(parents=True)
    fcgi.mkdir()
    shutil.copy(BUILD / "bin" / "tracklight", binaries)
    if pages:
        shutil.copytree(ROOT / "htdocs", directory / "suite" / "htdocs")
    for name, text in (programs or {"tracking": ""}).items():
        program = fcgi / f"{name}.fcgi"
        program.write_text(text if text.startswith("#!") else PROGRAM)
        program.chmod(0o755)
        (fcgi / f"{name}.fcgi.operations").write_text(text)
    return binaries / "tracklight"


def clean_environment(extra=None):
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLFLOW_", "TRACKLIGHT_", "LISTEN_")) and name not in ("DO_NOT_TRACK", "BUILD")
    }
    environment.update(extra or {})
    return environment


def run_command(binary, *arguments, directory, environment=None):
    """Runs the command to its end: (exit status, stdout, stderr)."""
    done = subprocess.run(
        [str(binary), *map(str, arguments)],
        cwd=directory,
        env=clean_environment(environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def wait_until(condition, seconds=PATIENCE_SECONDS):
    """The first true value of condition()."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


class Running:
    """A started `tracklight server`, in a session of its own; waits for its ready line."""

    def __init__(self, binary, *options, directory, environment=None, port=0, wait=True):
        self.directory = directory
        self.log = directory / f"server-{time.monotonic_ns()}.log"
        with open(self.log, "wb") as log:
            self.started = time.monotonic()
            self.process = subprocess.Popen(
                [str(binary), "server", "--port", str(port), *map(str, options)],
                cwd=directory,
                env=clean_environment(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self.url = None
        if wait:
            self.wait_until_ready()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_SECONDS + 10)
            finally:
                for pid in self.members():
                    os.kill(pid, signal.SIGKILL)

    def text(self):
        return self.log.read_text(errors="replace")

    def wait_until_ready(self):
        wait_until(lambda: READY.search(self.text()) or self.process.poll() is not None)
        found = READY.search(self.text())
        assert found, f"ended with {self.process.poll()}:\n{self.text()}"
        self.url = found.group(1)
        self.ready_after = time.monotonic() - self.started

    @property
    def port(self):
        return urllib.parse.urlsplit(self.url).port

    @property
    def host(self):
        return urllib.parse.urlsplit(self.url).hostname

    def connect(self, timeout=PATIENCE_SECONDS):
        return http.client.HTTPConnection(self.host, self.port, timeout=timeout)

    def ask(self, path, method="GET", body=None, headers=None):
        """(status, headers, text) of one request on a connection of its own."""
        connection = self.connect()
        try:
            connection.request(method, path, body=body, headers=headers or {})
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read().decode()
        finally:
            connection.close()

    def answering_program(self, path, method="GET"):
        """Which made-up program answered."""
        return self.ask(path, method)[2].split(" ")[0]

    def members(self):
        """pid -> command line of every living process of the session but the command itself."""
        found = {}
        for entry in pathlib.Path("/proc").iterdir():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[3]) == self.process.pid and fields[0] not in "ZX" and int(entry.name) != self.process.pid:
                    found[int(entry.name)] = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
            except (OSError, ValueError, IndexError):
                continue
        return found

    def pids(self, word):
        return sorted(pid for pid, command in self.members().items() if word in command)

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS + 10)

    def run_directories(self):
        return sorted(self.directory.glob("*.run-*"))
