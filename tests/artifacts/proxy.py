"""A client of the artifact proxy that sends targets exactly as given, and looks at the folder behind it."""

import http.client
import json
import urllib.parse

from support import check_shape, strict_json, unique

ROOT = "/api/2.0/mlflow-artifacts/artifacts"
AJAX_ROOT = "/ajax-api/2.0/mlflow-artifacts/artifacts"
MPU = "/api/2.0/mlflow-artifacts/mpu"
TEMPORARY = ".artifact.uploading."


class Answer:
    def __init__(self, method, target, response, body):
        self.method, self.target = method, target
        self.status = response.status
        self.headers = {}
        for name, value in response.getheaders():
            assert name.lower() not in self.headers or name.lower() == "vary", f"{name} twice"
            self.headers[name.lower()] = value
        self.bytes = body

    @property
    def json(self):
        return strict_json(self.bytes.decode())

    def ok(self):
        assert self.status == 200, self
        return self

    def expect(self, status, code, message=None):
        assert self.status == status, self
        assert self.headers["content-type"] == "application/json", self
        check_shape(self.json, {"error_code": str, "message": str})
        assert self.json["error_code"] == code, self
        if message is not None:
            assert self.json["message"] == message
        return self

    def __repr__(self):
        return f"{self.method} {self.target} -> {self.status} {self.headers} {self.bytes[:400]!r}"


def raw(port, method, target, body=None, headers=None, timeout=60):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        return Answer(method, target, response, response.read())
    finally:
        connection.close()


class Proxy:
    def __init__(self, server):
        self.server = server
        self.api = server.api
        self.folder = server.directory / "mlartifacts"

    def call(self, method, target, body=None, headers=None, **more):
        return raw(self.server.port, method, target, body, headers, **more)

    @staticmethod
    def target(path, root=ROOT):
        return f"{root}/{urllib.parse.quote(path)}"

    def put(self, path, data, headers=None):
        return self.call("PUT", self.target(path), data, headers)

    def get(self, path, headers=None, method="GET"):
        return self.call(method, self.target(path), headers=headers)

    def delete(self, path):
        return self.call("DELETE", self.target(path))

    def list(self, path=None):
        query = "" if path is None else "?" + urllib.parse.urlencode({"path": path})
        return self.call("GET", ROOT + query)

    def post(self, target, body):
        return self.call("POST", target, json.dumps(body), {"Content-Type": "application/json"})

    def names(self):
        """Every file and link below the root, whatever its name."""
        return sorted(str(path.relative_to(self.folder)) for path in self.folder.rglob("*") if not path.is_dir())

    def fresh(self):
        """A folder that nobody else uses."""
        return unique("dir")
