"""The whole suite with its artifacts on S3: what a client of the server sees."""

import os
import socket
import time

import pytest
import requests
from conftest import BUCKET
from s3_support import ACCESS_KEY, SECRET_KEY, Fault, error_body

MIB = 1024 * 1024
PART = 8 * MIB
ARTIFACTS = "/api/2.0/mlflow-artifacts/artifacts"
UPLOADS = "/api/2.0/mlflow-artifacts/mpu"


class Suite:
    def __init__(self, server, client, prefix):
        self.server, self.client, self.prefix = server, client, prefix
        self.url = server.url + ARTIFACTS

    def put(self, path, body, **more):
        return requests.put(f"{self.url}/{path}", data=body, timeout=120, **more)

    def get(self, path, **more):
        return requests.get(f"{self.url}/{path}", timeout=120, **more)

    def list(self, path):
        return requests.get(self.url, params={"path": path}, timeout=60).json()

    def keys(self):
        return [key[len(self.prefix) + 1 :] for key in self.client.keys(BUCKET, self.prefix)]

    def uploads(self):
        return self.client.uploads(BUCKET, self.prefix)

    def memory_kib(self):
        (pid,) = self.server.programs("artifacts.fcgi")
        with open(f"/proc/{pid}/status", encoding="utf-8") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def expect(reply, status, code):
    assert (reply.status_code, reply.json()["error_code"]) == (status, code), reply.text
    return reply.json()["message"]


@pytest.fixture(scope="session")
def shared(suite_server, one_proxy, tmp_path_factory):
    """The suite, whose S3 is the real server behind the proxy."""
    running = suite_server(
        tmp_path_factory.mktemp("suite"), "--artifacts-destination", f"s3://{BUCKET}/suite",
        environment={
            "MLFLOW_S3_ENDPOINT_URL": one_proxy.endpoint,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
            "TRACKLIGHT_S3_IDLE_TIMEOUT_MS": "1500",
        },
    )  # fmt: skip
    yield running
    running.stop()


@pytest.fixture
def suite(shared, client, proxy):
    for key in client.keys(BUCKET, "suite/"):
        client.call("DELETE", f"/{BUCKET}/{key}")
    return Suite(shared, client, "suite")


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
@pytest.mark.parametrize("size", [0, 1, PART, 20 * MIB + 3])
def test_a_file_goes_up_and_comes_down(suite, size, chunked):
    body = os.urandom(size)
    sent = suite.put("d/a b.bin", iter([body[: size // 2], body[size // 2 :]]) if chunked and size > 1 else body)
    assert (sent.status_code, sent.json()) == (200, {})
    got = suite.get("d/a b.bin")
    assert got.status_code == 200
    assert got.content == body
    assert int(got.headers["content-length"]) == size
    assert got.headers["content-disposition"].startswith("attachment")
    assert suite.list("d") == {"files": [{"path": "a b.bin", "is_dir": False, "file_size": size}]}
    assert suite.keys() == ["d/a b.bin"]


def test_ranges_conditions_and_head(suite):
    suite.put("digits.txt", b"0123456789")
    part = suite.get("digits.txt", headers={"Range": "bytes=3-5"})
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"345", "bytes 3-5/10")
    assert suite.get("digits.txt", headers={"Range": "bytes=-2"}).content == b"89"
    assert suite.get("digits.txt", headers={"Range": "bytes=10-"}).status_code == 416
    head = requests.head(f"{suite.url}/digits.txt", timeout=30)
    assert (head.status_code, head.headers["content-length"]) == (200, "10")
    assert suite.get("digits.txt", headers={"If-None-Match": head.headers["etag"]}).status_code == 304


def test_a_missing_file_a_directory_and_a_deletion(suite):
    suite.put("d/a", b"x")
    suite.put("d2/b", b"x")
    assert expect(suite.get("nope.txt"), 404, "RESOURCE_DOES_NOT_EXIST") == "No such artifact: 'nope.txt'"
    assert (
        expect(suite.get("d"), 400, "INVALID_PARAMETER_VALUE") == "Artifact path refers to a directory, not a file: 'd'"
    )
    assert requests.delete(f"{suite.url}/d", timeout=30).json() == {}
    assert suite.keys() == ["d2/b"]
    assert suite.list("d") == {}


@pytest.mark.parametrize("path", ["%20/../x", "..%2Fx", "%2E%2E/x", "a/%2e%2e/%2e%2e/x", "a%00b", "%252e%252e/x"])
def test_no_path_leaves_the_prefix(suite, client, path):
    client.put(BUCKET, "x", b"outside")
    for method in ("GET", "PUT", "DELETE"):
        request = requests.Request(method, "http://x/", data=b"y" if method == "PUT" else None).prepare()
        request.url = f"{suite.url}/{path}"
        with requests.Session() as session:
            assert session.send(request, timeout=30).status_code in (400, 404)
    assert client.get(BUCKET, "x").content == b"outside"
    assert suite.keys() == []


@pytest.mark.parametrize("path", ["%20", "%00", ".", "%2E", "", "./"])
def test_the_whole_store_cannot_be_deleted(suite, path):
    suite.put("a", b"x")
    request = requests.Request("DELETE", "http://x/").prepare()
    request.url = f"{suite.url}/{path}"
    with requests.Session() as session:
        session.send(request, timeout=30)
    assert suite.keys() == ["a"]


def test_a_client_uploads_parts_by_itself(suite):
    parts = [os.urandom(5 * MIB), b"rest"]
    made = requests.post(
        suite.server.url + UPLOADS + "/create/d", json={"path": "/home/me/big.bin", "num_parts": 2}, timeout=30
    ).json()
    tags = []
    for part, credential in zip(parts, made["credentials"]):
        sent = requests.put(credential["url"], data=part, headers=credential.get("headers", {}), timeout=60)
        tags.append({"part_number": credential["part_number"], "etag": sent.headers["ETag"], "url": credential["url"]})
    done = requests.post(
        suite.server.url + UPLOADS + "/complete/d",
        json={"path": "/home/me/big.bin", "upload_id": made["upload_id"], "parts": tags[::-1]},
        timeout=60,
    )
    assert (done.status_code, done.json()) == (200, {})
    assert suite.get("d/big.bin").content == b"".join(parts)


def test_artifacts_of_a_run_are_listed_and_served(suite):
    api = suite.server.api
    run = api.run(api.experiment())
    url = suite.server.url + "/api/2.0/mlflow/runs/get"
    uri = requests.get(url, params={"run_id": run}, timeout=30).json()["run"]["info"]["artifact_uri"]
    assert uri.startswith("mlflow-artifacts:/")
    suite.put(f"{uri[len('mlflow-artifacts:/'):]}/m/model.txt", b"hello")
    listed = requests.get(
        suite.server.url + "/api/2.0/mlflow/artifacts/list", params={"run_id": run, "path": "m"}, timeout=30
    ).json()
    assert listed["files"] == [{"path": "m/model.txt", "is_dir": False, "file_size": 5}]
    got = requests.get(suite.server.url + "/get-artifact", params={"run_id": run, "path": "m/model.txt"}, timeout=30)
    assert got.content == b"hello"


# --- Faults, seen from outside ---


def test_a_store_that_is_overloaded_is_told_as_such(suite, proxy):
    suite.put("a", b"x")
    proxy.reset(*(Fault(m, times=1000, status=503, body=error_body("SlowDown")) for m in ("GET", "PUT", "HEAD", "DELETE")))
    expect(suite.get("a"), 503, "TEMPORARILY_UNAVAILABLE")
    expect(suite.put("b", b"x"), 503, "TEMPORARILY_UNAVAILABLE")
    expect(requests.delete(f"{suite.url}/a", timeout=60), 503, "TEMPORARILY_UNAVAILABLE")
    expect(requests.get(suite.url, timeout=60), 503, "TEMPORARILY_UNAVAILABLE")
    proxy.reset()
    assert suite.get("a").content == b"x"


def test_a_broken_download_reaches_the_client_whole(suite, proxy):
    body = os.urandom(3 * MIB)
    suite.put("a", body)
    proxy.reset(Fault("GET", cut_download=MIB, times=2))
    assert suite.get("a").content == body


def break_off(suite, head):
    """Sends 20 MiB of a body that is to be longer, and is gone."""
    with socket.create_connection(("127.0.0.1", suite.server.port), timeout=30) as connection:
        lines = [f"PUT {ARTIFACTS}/a HTTP/1.1", f"Host: 127.0.0.1:{suite.server.port}", *head, "", ""]
        connection.sendall("\r\n".join(lines).encode())
        for _ in range(20):
            chunked = "chunked" in head[0]
            connection.sendall((b"100000\r\n" if chunked else b"") + b"x" * MIB + (b"\r\n" if chunked else b""))


def test_an_announced_upload_that_the_client_breaks_off_is_aborted(suite, proxy):
    break_off(suite, [f"Content-Length: {30 * MIB}"])
    deadline = time.monotonic() + 60
    while not proxy.asked("DELETE", "uploadId") and time.monotonic() < deadline:
        time.sleep(0.05)
    assert proxy.asked("POST", "uploads="), "the first part was full"
    time.sleep(0.2)
    assert suite.uploads() == []
    assert suite.keys() == []


def test_a_chunked_upload_that_the_client_breaks_off_leaves_nothing(suite):
    break_off(suite, ["Transfer-Encoding: chunked"])
    time.sleep(1)
    assert suite.uploads() == []
    assert suite.keys() == []


def test_an_upload_that_s3_refuses_leaves_nothing(suite, proxy):
    proxy.reset(Fault("PUT", "partNumber=2", times=1000, status=403, body=error_body("AccessDenied")))
    expect(suite.put("a", b"x" * (3 * PART)), 403, "PERMISSION_DENIED")
    assert suite.uploads() == []
    assert suite.keys() == []


@pytest.mark.slow
def test_memory_stays_where_it_is(suite):
    body = os.urandom(MIB) * 200
    suite.put("warm", body[: 2 * PART])
    suite.get("warm")
    before = suite.memory_kib()
    for _ in range(3):
        assert suite.put("large", body).status_code == 200
        assert suite.get("large").content == body
    assert suite.memory_kib() < before + 10 * 1024
