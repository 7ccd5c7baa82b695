"""The proxy in front of S3: the same requests, another store behind. The server is the one of tests/s3."""

import os
import re
import socket
import time

import pytest
import requests
import s3_support as s3

from proxy import MPU, Proxy
from support import AJAX

BUCKET = "artifacts"


@pytest.fixture(scope="module")
def bucket(tmp_path_factory):
    """A client that looks into the bucket from outside."""
    swift = s3.Swift(tmp_path_factory.mktemp("s3"))
    client = s3.Client(swift.endpoint)
    client.make_bucket(BUCKET)
    yield client
    swift.stop()


@pytest.fixture
def keys(bucket):
    return {
        "MLFLOW_S3_ENDPOINT_URL": bucket.endpoint,
        "AWS_ACCESS_KEY_ID": s3.ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": s3.SECRET_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@pytest.fixture
def proxy(servers, keys):
    return Proxy(servers("--artifacts-destination", f"s3://{BUCKET}/root", environment=keys))


@pytest.mark.parametrize("size", [0, 1, 100_000, 12_000_000])
@pytest.mark.parametrize("name", ["f.bin", "é ü%41 +?.txt"])
def test_a_file_comes_back_as_it_went(proxy, bucket, name, size):
    path, data = f"{proxy.fresh()}/a/{name}", os.urandom(size)
    assert proxy.put(path, data).ok().json == {}
    assert bucket.get(BUCKET, f"root/{path}").content == data
    reply = proxy.get(path).ok()
    assert reply.bytes == data and reply.headers["content-length"] == str(size)
    assert reply.headers["content-disposition"].startswith("attachment") and "sandbox" in reply.headers["content-security-policy"]
    head = proxy.get(path, method="HEAD").ok()
    assert head.headers["etag"] == reply.headers["etag"] and head.headers["content-length"] == str(size)


def test_a_body_of_unknown_length_is_stored_whole(proxy):
    path, pieces = f"{proxy.fresh()}/chunked", [os.urandom(1_000_000) for _ in range(13)]
    proxy.call("PUT", proxy.target(path), iter(pieces)).ok()
    assert proxy.get(path).ok().bytes == b"".join(pieces)


def test_ranges_and_validators(proxy):
    path, data = f"{proxy.fresh()}/f", os.urandom(100_000)
    proxy.put(path, data).ok()
    for asked, part in (("5-9", data[5:10]), ("-7", data[-7:]), ("99990-", data[99990:])):
        reply = proxy.get(path, {"Range": f"bytes={asked}"})
        assert (reply.status, reply.bytes) == (206, part)
        assert reply.headers["content-range"].endswith("/100000")
    assert proxy.get(path, {"Range": "bytes=100000-"}).status == 416
    etag = proxy.get(path).headers["etag"]
    assert proxy.get(path, {"If-None-Match": etag}).status == 304
    assert proxy.get(path, {"Range": "bytes=5-9", "If-Range": etag}).bytes == data[5:10]


def test_listing_and_deleting(proxy, bucket):
    folder = proxy.fresh()
    for name in ("b.txt", "sub/deep/x", "sub2/y"):
        proxy.put(f"{folder}/{name}", b"12").ok()
    assert proxy.list(folder).ok().json == {
        "files": [
            {"path": "b.txt", "is_dir": False, "file_size": 2},
            {"path": "sub", "is_dir": True},
            {"path": "sub2", "is_dir": True},
        ]
    }
    assert proxy.delete(f"{folder}/sub").ok().json == {}
    assert sorted(bucket.keys(BUCKET, f"root/{folder}")) == [f"root/{folder}/b.txt", f"root/{folder}/sub2/y"]
    assert proxy.delete(f"{folder}/").ok().json == {}
    assert bucket.keys(BUCKET, f"root/{folder}/") == [] and proxy.list(folder).ok().json == {}
    assert proxy.delete(folder).ok().json == {}


def test_what_is_not_there(proxy):
    folder = proxy.fresh()
    proxy.put(f"{folder}/f", b"x").ok()
    for method in ("GET", "HEAD"):
        assert proxy.get(f"{folder}/none", method=method).status == 404
    proxy.get(f"{folder}/none").expect(404, "RESOURCE_DOES_NOT_EXIST", f"No such artifact: '{folder}/none'")
    for root in ("%20", ".", "", "%2e%2e/x"):
        proxy.call("DELETE", f"{proxy.target('')}{root}").expect(400, "INVALID_PARAMETER_VALUE", "Invalid path")
    assert proxy.get(f"{folder}/f").ok().bytes == b"x"


def test_a_client_uploads_the_parts_itself(proxy, bucket):
    folder, part = proxy.fresh(), os.urandom(5 << 20)
    created = proxy.post(f"{MPU}/create/{folder}", {"path": "/home/me/model.bin", "num_parts": 2}).ok().json
    assert [item["part_number"] for item in created["credentials"]] == [1, 2]
    parts = []
    for item, data in zip(created["credentials"], (part, b"the end")):
        done = requests.put(item["url"], data=data, headers=item.get("headers", {}), timeout=60)
        assert done.status_code == 200, done.text
        parts.append({"part_number": item["part_number"], "etag": done.headers["ETag"], "url": item["url"]})
    body = {"path": "/home/me/model.bin", "upload_id": created["upload_id"], "parts": parts[::-1]}
    assert proxy.post(f"{MPU}/complete/{folder}", body).ok().json == {}
    assert proxy.get(f"{folder}/model.bin").ok().bytes == part + b"the end"


def test_a_multipart_upload_can_be_given_up(proxy, bucket):
    folder = proxy.fresh()
    created = proxy.post(f"{MPU}/create/{folder}", {"path": "m", "num_parts": 1}).ok().json
    assert proxy.post(f"{MPU}/abort/{folder}", {"path": "m", "upload_id": created["upload_id"]}).ok().json == {}
    assert bucket.uploads(BUCKET, f"root/{folder}") == [] and proxy.get(f"{folder}/m").status == 404
    for number in (0, -1, 10001, None):
        proxy.post(f"{MPU}/create/{folder}", {"path": "m", "num_parts": number}).expect(400, "INVALID_PARAMETER_VALUE")


def test_a_run_may_have_its_place_in_s3(servers, keys, bucket):
    proxy = Proxy(servers(environment=keys))
    experiment = proxy.api.experiment(artifact_location=f"s3://{BUCKET}/direct")
    run = proxy.api.run(experiment)
    data = os.urandom(100_000)
    proxy.call("POST", f"{AJAX}upload-artifact?run_uuid={run}&path=sub/f.txt", data).ok()
    assert bucket.get(BUCKET, f"direct/{run}/artifacts/sub/f.txt").content == data
    reply = proxy.call("GET", f"/get-artifact?run_id={run}&path=sub/f.txt").ok()
    assert reply.bytes == data and reply.headers["content-type"] == "text/plain"
    proxy.call("GET", f"/get-artifact?run_id={run}&path=none").expect(404, "RESOURCE_DOES_NOT_EXIST")
    listed = proxy.api.get("artifacts/list", {"run_id": run, "path": "sub"}).ok()
    assert listed["files"] == [{"path": "sub/f.txt", "is_dir": False, "file_size": 100_000}]


def test_an_upload_that_breaks_off_leaves_nothing(proxy, bucket):
    folder = proxy.fresh()
    connection = socket.create_connection(("127.0.0.1", proxy.server.port), timeout=60)
    head = f"PUT {proxy.target(folder + '/f')} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 30000000\r\n\r\n"
    connection.sendall(head.encode() + b"x" * 20_000_000)
    connection.close()
    assert proxy.get(f"{folder}/f").status == 404
    proxy.put(f"{folder}/g", b"x").ok()
    for _ in range(100):
        if not bucket.uploads(BUCKET, f"root/{folder}"):
            break
        time.sleep(0.1)
    assert bucket.uploads(BUCKET, f"root/{folder}") == []
    assert bucket.keys(BUCKET, f"root/{folder}") == [f"root/{folder}/g"]


def test_a_bucket_that_is_not_there_is_said(servers, keys):
    proxy = Proxy(servers("--artifacts-destination", "s3://no-such-bucket/x", environment=keys))
    for answer in (proxy.list("x"), proxy.get("x")):
        assert answer.status == 404, answer
        assert not re.search(r"127\.0\.0\.1|Traceback", answer.bytes.decode())
