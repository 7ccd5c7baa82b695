"""Helpers of the S3 tests: the real server, an independent client for it, a proxy that fails on purpose, a scripted server."""

import datetime
import hashlib
import hmac
import http.server
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import urllib.parse
import xml.etree.ElementTree

import requests

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
BUILD = pathlib.Path(os.environ.get("BUILD", ROOT / "build"))
TOOL = BUILD / "tests/s3/s3_tool"

ACCESS_KEY, SECRET_KEY, REGION = "test:tester", "testing", "us-east-1"
POWERLESS_KEY, POWERLESS_SECRET = "test:guest", "guesting"

# The order of enum error_code.
CODES = """ERROR_NONE INTERNAL_ERROR TEMPORARILY_UNAVAILABLE BAD_REQUEST INVALID_PARAMETER_VALUE ENDPOINT_NOT_FOUND NOT_FOUND
RESOURCE_DOES_NOT_EXIST RESOURCE_ALREADY_EXISTS RESOURCE_CONFLICT ALREADY_EXISTS ABORTED PERMISSION_DENIED UNAUTHENTICATED
CUSTOMER_UNAUTHORIZED REQUEST_LIMIT_EXCEEDED RESOURCE_EXHAUSTED INVALID_STATE NOT_IMPLEMENTED DEADLINE_EXCEEDED CANCELLED
DATA_LOSS METHOD_NOT_ALLOWED PAYLOAD_TOO_LARGE REQUEST_TIMEOUT UNSUPPORTED_MEDIA_TYPE INSUFFICIENT_STORAGE""".split()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Swift:
    """OpenStack Swift's S3 API as a process of its own."""

    def __init__(self, folder):
        self.port = free_port()
        self.endpoint = f"http://127.0.0.1:{self.port}"
        # pylint: disable=consider-using-with
        self.log = open(folder / "swift.log", "w+", encoding="utf-8")
        self.process = subprocess.Popen(
            [sys.executable, "-B", str(HERE / "swift_server.py"), str(folder / "swift"), str(self.port)],
            stdout=subprocess.PIPE, stderr=self.log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        line = self.process.stdout.readline()
        assert line == b"ready\n", f"Swift does not start, see {self.log.name}:\n" + pathlib.Path(self.log.name).read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(10)
        self.process.stdout.close()
        self.log.close()


class Client:
    """Talks S3 by its own signer, so that what the program does can be looked at from outside."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.host = urllib.parse.urlsplit(endpoint).netloc

    def call(self, method, path, query=(), headers=None, body=b""):
        quoted = urllib.parse.quote(path, safe="/~")
        pairs = sorted((urllib.parse.quote(k, safe="~"), urllib.parse.quote(v, safe="~")) for k, v in dict(query).items())
        text = "&".join(f"{k}={v}" for k, v in pairs)
        now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        digest = hashlib.sha256(body).hexdigest()
        signed = {"host": self.host, "x-amz-content-sha256": digest, "x-amz-date": now}
        names = ";".join(sorted(signed))
        canonical = "\n".join(
            [method, quoted, text, *(f"{k}:{signed[k]}" for k in sorted(signed)), "", names, digest]
        )
        scope = f"{now[:8]}/{REGION}/s3/aws4_request"
        to_sign = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        key = f"AWS4{SECRET_KEY}".encode()
        for piece in (now[:8], REGION, "s3", "aws4_request", to_sign):
            key = hmac.new(key, piece.encode(), hashlib.sha256).digest()
        signed["Authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
        )
        url = f"{self.endpoint}{quoted}" + (f"?{text}" if text else "")
        reply = requests.request(method, url, headers={**(headers or {}), **signed}, data=body, timeout=60)
        assert reply.status_code < 300 or method in ("HEAD", "GET"), (reply.status_code, reply.text)
        return reply

    def make_bucket(self, name):
        self.call("PUT", f"/{name}")

    def put(self, bucket, key, body=b""):
        self.call("PUT", f"/{bucket}/{key}", body=body)

    def get(self, bucket, key):
        return self.call("GET", f"/{bucket}/{key}")

    def head(self, bucket, key):
        return self.call("HEAD", f"/{bucket}/{key}")

    def keys(self, bucket, prefix=""):
        found, token = [], None
        while True:
            query = {"list-type": "2", "prefix": prefix, "encoding-type": "url"}
            if token:
                query["continuation-token"] = token
            root = xml.etree.ElementTree.fromstring(self.call("GET", f"/{bucket}", query).content)
            ns = {"s3": "http://s3.amazonaws.com/doc/2006-03-01/"}
            found += [urllib.parse.unquote_plus(key.text) for key in root.findall("s3:Contents/s3:Key", ns)]
            token = root.findtext("s3:NextContinuationToken", None, ns)
            if root.findtext("s3:IsTruncated", "false", ns) != "true":
                return found

    def uploads(self, bucket, prefix):
        """The keys of multipart uploads under way."""
        return re.findall(r"<Key>(.*?)</Key>", self.call("GET", f"/{bucket}", {"uploads": "", "prefix": prefix}).text)


class Result:
    def __init__(self, done, seconds):
        self.status = done.returncode
        self.output = done.stdout
        self.seconds = seconds
        self.log = done.stderr.decode()
        lines = [line for line in self.log.splitlines() if not line.startswith("time=")]
        assert self.status in (0, 1), f"{done.args}: {self.status}\n{self.log}"
        self.peak_kib = int(re.match(r"peak (\d+)", lines[-1]).group(1))
        self.code = self.message = None
        if self.status:
            number, text = lines[-2].split(" ", 1)
            self.code = CODES[int(number)]
            self.message, self.detail = text.split(" | ", 1) if " | " in text else (text.rstrip(" |"), "")
        self.info = lines[0].split() if lines and not self.status else None

    @property
    def text(self):
        return self.output.decode()

    @property
    def lines(self):
        return self.text.splitlines()


class Tool:
    """The program under test."""

    def __init__(self, endpoint, root, **environment):
        self.root = root
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/nonexistent",
            "AWS_EC2_METADATA_DISABLED": "true",
            "TRACKLIGHT_S3_IDLE_TIMEOUT_MS": "20000",
            "MLFLOW_S3_ENDPOINT_URL": endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }
        self.environment.update({k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")})
        self.environment.update(environment)

    def with_(self, root=None, **environment):
        tool = Tool("", root or self.root)
        tool.environment = {**self.environment, **environment}
        tool.environment = {k: v for k, v in tool.environment.items() if v is not None}
        return tool

    def __call__(self, verb, path, *arguments, body=b"", seconds=120):
        command = [str(TOOL), self.root, verb, path, *map(str, arguments)]
        began = time.monotonic()
        done = subprocess.run(
            command, input=body, capture_output=True, env=self.environment, timeout=seconds, check=False
        )
        return Result(done, time.monotonic() - began)

    def put(self, path, body, announced=True):
        return self("put", path, len(body) if announced else -1, body=body)

    def get(self, path, *span):
        return self("get", path, *span)


# --- A proxy that fails on purpose ---


class Cut(Exception):
    """The connection is to be reset."""


def read_head(connection, buffered):
    while b"\r\n\r\n" not in buffered:
        piece = connection.recv(65536)
        if not piece:
            raise Cut
        buffered += piece
    head, rest = buffered.split(b"\r\n\r\n", 1)
    return head, rest


class Fault:
    """What is to happen to a request. `times` of those that match (method, part of the target) are hit, the rest pass.

    status, body, headers: answered instead; after_forwarding: but S3 has carried the request out.
    cut_upload: the connection is reset after so many bytes of the request's body.
    cut_download: ... of the answer's body. stall: seconds without a word before anything is answered.
    stall_download: bytes of the answer after which nothing more comes.
    """

    def __init__(self, method, target="", times=1, skip=0, **what):
        self.method, self.target, self.times, self.skip = method, target, times, skip
        self.status = what.pop("status", None)
        self.body = what.pop("body", b"")
        self.headers = what.pop("headers", {})
        self.after_forwarding = what.pop("after_forwarding", False)
        self.cut_upload = what.pop("cut_upload", None)
        self.cut_download = what.pop("cut_download", None)
        self.stall = what.pop("stall", 0)
        self.stall_download = what.pop("stall_download", None)
        self.before = what.pop("before", None)
        assert not what
        self.hits = 0

    def takes(self, method, target):
        if method != self.method or self.target not in target:
            return False
        self.hits += 1
        return self.skip < self.hits <= self.skip + self.times


class Proxy:
    """Forwards to an S3 server, one connection for each request, and keeps what was asked."""

    def __init__(self, backend_port):
        self.backend = ("127.0.0.1", backend_port)
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.endpoint = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        self.faults = []
        self.requests = []
        self.lock = threading.Lock()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self.accept, daemon=True)]
        self.threads[0].start()

    def stop(self):
        self.stopping.set()
        self.listener.close()

    def reset(self, *faults):
        with self.lock:
            self.faults = list(faults)
            self.requests = []

    def asked(self, method, target=""):
        with self.lock:
            return [r for r in self.requests if r[0] == method and target in r[1]]

    def accept(self):
        while not self.stopping.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        rest = b""
        try:
            with connection:
                connection.settimeout(60)
                while True:
                    rest = self.exchange(connection, rest)
        except Cut:
            # SO_LINGER with zero seconds: a reset instead of an orderly end.
            try:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.close()
            except OSError:
                pass
        except OSError:
            pass

    def exchange(self, connection, rest):
        head, rest = read_head(connection, rest)
        lines = head.decode().split("\r\n")
        method, target, _ = lines[0].split(" ", 2)
        headers = {k.lower(): v.strip() for k, v in (line.split(":", 1) for line in lines[1:])}
        with self.lock:
            self.requests.append((method, target, headers))
            fault = next((f for f in self.faults if f.takes(method, target)), None)
        if "expect" in headers:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        body, left = [rest], int(headers.get("content-length", 0)) - len(rest)
        received = len(rest)
        while left > 0:
            if fault and fault.cut_upload is not None and received >= fault.cut_upload:
                raise_cut(connection)
            most = min(left, 65536)
            if fault and fault.cut_upload is not None:
                most = min(most, fault.cut_upload - received)
            piece = connection.recv(most)
            if not piece:
                raise Cut
            body.append(piece)
            received += len(piece)
            left -= len(piece)
        if fault and fault.before:
            fault.before()
        if fault and fault.stall:
            self.stopping.wait(fault.stall)
            raise_cut(connection)
        if not fault or fault.status is None or fault.after_forwarding:
            self.forward(connection, head, b"".join(body), method, fault)
        if fault and fault.status:
            lines = [f"HTTP/1.1 {fault.status} Fault", f"Content-Length: {len(fault.body)}"]
            lines += [f"{k}: {v}" for k, v in fault.headers.items()]
            connection.sendall("\r\n".join([*lines, "", ""]).encode() + (fault.body if method != "HEAD" else b""))
        return b""

    def forward(self, connection, head, body, method, fault):
        lines = [line for line in head.decode().split("\r\n") if not line.lower().startswith(("expect:", "connection:"))]
        with socket.create_connection(self.backend, timeout=60) as backend:
            backend.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)
            answer, rest = read_head(backend, b"")
            if fault and fault.status:
                while backend.recv(65536):
                    pass
                return
            answer = "\r\n".join(l for l in answer.decode().split("\r\n") if not l.lower().startswith("connection:"))
            connection.sendall(answer.encode() + b"\r\n\r\n")
            if re.search(r"(?im)^transfer-encoding: *chunked", answer):
                while rest := rest or backend.recv(65536):
                    connection.sendall(rest)
                    rest = b""
                return
            length = re.search(r"(?im)^content-length: *(\d+)", answer)
            left = int(length.group(1)) if length and method != "HEAD" else 0
            sent = 0
            limit = None
            if fault:
                limit = fault.cut_download if fault.cut_download is not None else fault.stall_download
            while left > 0:
                piece = rest or backend.recv(65536)
                rest = b""
                if not piece:
                    raise Cut
                if limit is not None and sent + len(piece) > limit:
                    connection.sendall(piece[: limit - sent])
                    if fault.cut_download is None:
                        self.stopping.wait(30)
                    else:
                        time.sleep(0.05)
                    raise_cut(connection)
                connection.sendall(piece)
                sent += len(piece)
                left -= len(piece)


def raise_cut(connection):
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Cut


# --- A scripted server ---


class Scripted:
    """Answers by a function of (method, path with query, headers, body) that gives (status, headers, body)."""

    def __init__(self, answer, context=None):
        outer = self
        self.requests = []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {k.lower(): v for k, v in self.headers.items()}
                outer.requests.append((self.command, self.path, headers, body))
                status, more, reply = answer(self.command, self.path, headers, body)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(reply)), **more}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(reply)

            do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do

            def log_message(self, *_):  # pylint: disable=arguments-differ
                return None

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        if context:
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_address[1]
        self.endpoint = f"{'https' if context else 'http'}://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def error_body(code, message="on purpose"):
    return f'<?xml version="1.0"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'.encode()


def listing(*keys, token=None):
    more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    items = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)
    return f'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{more}{items}</ListBucketResult>'.encode()
