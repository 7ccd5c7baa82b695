"""A scripted provider of models on loopback.

One Upstream runs for the whole session; every test takes a Wire of its own from it, whose URL is what `api_base` of a
model is set to. A wire records the calls that come below its URL and answers them by its script:

    wire.answer(json_answer({...}))                    every call from now on
    wire.answer(first, second)                         one after the other; the last one stays
    wire.answer(lambda call: json_answer({...}))       made when the call comes

    call = wire.only_call()                            exactly one came
    call.path, call.query, call.header("x-api-key"), call.json

An Answer is a status, headers and pieces of a body, sent one by one:

    Answer(200, {"content-type": "text/event-stream"}, [b"data: 1\\n\\n", 0.2, b"data: [DONE]\\n\\n"])

A number is a pause in seconds. CUT breaks the connection off at this place; HANG keeps silent until the gateway closes
the connection, or 20 s at most; then `call.closed_at` is the time.monotonic() of the moment. `stream(...)`, `events(...)`
and `json_answer(...)` are the common forms. A body goes out chunked if it has more than one piece, else with its length.

What a provider wants (its paths, how it is authenticated, the forms of its answers) is not known here: that is in
wire_<provider>.py, as functions that make answers and check calls.
"""

import json
import select
import socket
import struct
import threading
import time
import urllib.parse

CUT = object()
HANG = object()
HANG_SECONDS = 20


class Answer:
    def __init__(self, status=200, headers=None, pieces=(), reason="Scripted"):
        self.status = status
        self.reason = reason
        self.headers = dict(headers or {})
        self.pieces = list(pieces)


def json_answer(value, status=200, headers=None):
    return Answer(status, {"content-type": "application/json", **(headers or {})}, [json.dumps(value).encode()])


def frame(data, event=None, end="\n"):
    """One server-sent event; `data` is a text, or a value that goes out as JSON."""
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    name = f"event: {event}{end}" if event else ""
    return f"{name}data: {text}{end}{end}".encode()


def stream(*pieces, content_type="text/event-stream", status=200):
    """Pieces as they are, in chunks."""
    return Answer(status, {"content-type": content_type, "transfer-encoding": "chunked"}, pieces)


def events(*values, done=True, end="\n"):
    """Each value as a data frame of its own chunk; texts, numbers and bytes pass as in Answer."""
    pieces = [value if isinstance(value, (bytes, int, float)) or value in (CUT, HANG) else frame(value, end=end) for value in values]
    return stream(*pieces, *([f"data: [DONE]{end}{end}".encode()] if done else []))


class Call:
    """What came, and what became of it."""

    def __init__(self, method, target, headers, body):
        self.method = method
        self.target = target
        parts = urllib.parse.urlsplit(target)
        self.raw_path = parts.path
        self.path = urllib.parse.unquote(parts.path)
        self.query = dict(urllib.parse.parse_qsl(parts.query, keep_blank_values=True))
        self.headers = headers  # [(lower-case name, value)]
        self.body = body
        self.at = time.monotonic()
        self.closed_at = None
        self.broken = False  # the gateway went away before the answer was out
        self.sent = 0  # bytes of the answer's body
        self.ended = threading.Event()

    @property
    def json(self):
        return json.loads(self.body)

    def header(self, name):
        values = [value for key, value in self.headers if key == name]
        assert len(values) < 2, f"{name} came {len(values)} times"
        return values[0] if values else None

    def header_names(self):
        return {name for name, _ in self.headers}

    def __repr__(self):
        return f"{self.method} {self.target} {dict(self.headers)} {self.body[:2000]!r}"


class Wire:
    def __init__(self, upstream, name):
        self.name = name
        self.url = f"{upstream.url}/{name}"
        self.port = upstream.port
        self.calls = []
        self.lock = threading.Lock()
        self.script = []

    def answer(self, *answers):
        with self.lock:
            self.script = list(answers)
        return self

    def take(self, call):
        with self.lock:
            self.calls.append(call)
            if not self.script:
                return json_answer({"error": {"message": "the test has no answer for this call"}}, 599)
            answer = self.script[0] if len(self.script) == 1 else self.script.pop(0)
        return answer(call) if callable(answer) else answer

    def only_call(self):
        assert len(self.calls) == 1, self.calls
        return self.calls[0]

    def last_call(self):
        assert self.calls, "no call came"
        return self.calls[-1]

    def wait_for_call(self, count=1, seconds=10):
        deadline = time.monotonic() + seconds
        while len(self.calls) < count:
            assert time.monotonic() < deadline, f"{len(self.calls)} of {count} calls came"
            time.sleep(0.005)
        return self.calls[count - 1]


class Upstream:
    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.wires = {}
        self.connections = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def wire(self):
        name = f"w{len(self.wires) + 1}"
        self.wires[name] = Wire(self, name)
        return self.wires[name]

    def stop(self):
        self.listener.close()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with connection, connection.makefile("rb") as reader:
            try:
                while self.serve_one(connection, reader):
                    pass
            except (OSError, ValueError):
                pass

    def serve_one(self, connection, reader):
        """Whether the connection can be used again."""
        line = reader.readline(65536).decode("latin-1").strip()
        if not line:
            return False
        method, target, _ = line.split(" ")
        headers = []
        while True:
            line = reader.readline(65536).decode("latin-1").rstrip("\r\n")
            if not line:
                break
            name, _, value = line.partition(":")
            headers.append((name.strip().lower(), value.strip()))
        named = dict(headers)
        if named.get("transfer-encoding") == "chunked":
            body = b""
            while size := int(reader.readline().split(b";")[0], 16):
                body += reader.read(size)
                reader.readline()
            reader.readline()
        else:
            body = reader.read(int(named.get("content-length", 0)))
        prefix, _, rest = target.lstrip("/").partition("/")
        call = Call(method, "/" + rest, headers, body)
        wire = self.wires.get(prefix)
        answer = wire.take(call) if wire else json_answer({"error": {"message": "no such wire"}}, 404)
        try:
            return self.send(connection, call, answer)
        except OSError:
            call.broken = True
            call.closed_at = call.closed_at or time.monotonic()
            raise
        finally:
            call.ended.set()

    @staticmethod
    def send(connection, call, answer):
        names = {name.lower() for name in answer.headers}
        whole = len(answer.pieces) == 1 and isinstance(answer.pieces[0], bytes) and "transfer-encoding" not in names
        chunked = not whole and "content-length" not in names and answer.pieces
        head = f"HTTP/1.1 {answer.status} {answer.reason}\r\n"
        for name, value in answer.headers.items():
            if name.lower() != "transfer-encoding":
                head += f"{name}: {value}\r\n"
        if chunked:
            head += "transfer-encoding: chunked\r\n"
        elif "content-length" not in names:
            head += f"content-length: {len(answer.pieces[0]) if answer.pieces else 0}\r\n"
        connection.sendall(head.encode("latin-1") + b"\r\n")
        for piece in answer.pieces:
            if piece is CUT:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            if piece is HANG:
                if select.select([connection], [], [], HANG_SECONDS)[0]:
                    call.closed_at = time.monotonic()
                return False
            if isinstance(piece, (int, float)):
                if select.select([connection], [], [], piece)[0]:
                    call.closed_at = time.monotonic()
                    return False
                continue
            connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if chunked else piece)
            call.sent += len(piece)
        if chunked:
            connection.sendall(b"0\r\n\r\n")
        return True
