"""Artifacts on a real S3 server."""

import os
import time

import pytest
import requests
from conftest import BUCKET
from s3_support import POWERLESS_KEY, POWERLESS_SECRET

MIB = 1024 * 1024
PART = 8 * MIB


@pytest.mark.parametrize("announced", [True, False], ids=["announced", "not-announced"])
@pytest.mark.parametrize("size", [0, 1, 70000, PART, PART + 1, 2 * PART, 20 * MIB + 7])
def test_a_file_of_any_size_comes_back_as_it_was(s3, client, prefix, size, announced):
    body = os.urandom(size)
    assert s3.put("dir/file.bin", body, announced).status == 0
    assert client.get(BUCKET, f"{prefix}/dir/file.bin").content == body
    got = s3.get("dir/file.bin")
    assert got.output == body
    assert int(got.info[0]) == size
    is_multipart = client.head(BUCKET, f"{prefix}/dir/file.bin").headers["ETag"].rstrip('"').endswith("-N") or "-" in got.info[2]
    assert is_multipart == (size > PART)
    assert client.uploads(BUCKET, prefix) == []


def test_stat_tells_size_time_and_etag(s3):
    s3.put("a.txt", b"hello")
    size, modified, etag = s3("stat", "a.txt").text.split()
    assert size == "5"
    assert abs(int(modified) - time.time()) < 60
    assert etag == "5d41402abc4b2a76b9719d911017c592"


def test_an_artifact_is_replaced(s3):
    s3.put("a.txt", b"before")
    s3.put("a.txt", b"and after")
    assert s3.get("a.txt").output == b"and after"


@pytest.mark.parametrize(
    "span, expected",
    [((0, 0), b"0"), ((3, 6), b"3456"), ((7, -1), b"789"), ((9, 9), b"9"), ((4, 100), b"456789")],
)
def test_a_range_is_read(s3, span, expected):
    s3.put("digits", b"0123456789")
    got = s3.get("digits", *span)
    assert got.output == expected
    assert got.info[0] == "10", "the size is that of the whole"


def test_a_range_beyond_the_end_is_refused(s3):
    s3.put("digits", b"0123456789")
    assert s3.get("digits", 10, 12).code == "INVALID_PARAMETER_VALUE"


@pytest.mark.parametrize(
    "name",
    ["with blank", "plus+and%percent%41", "ünïcödé-ሴ", "a&b<c>'d\".txt", "~!*()=@:,;$", "back\\slash", "a?b#c", "...", " "],
)
def test_every_name_survives(s3, client, prefix, name):
    assert s3.put(f"d/{name}", b"x").status == 0
    assert client.keys(BUCKET, prefix) == [f"{prefix}/d/{name}"]
    assert s3("list", "d").text == f"f 1 {name}\n"
    assert s3.get(f"d/{name}").output == b"x"
    assert s3("stat", f"d/{name}").status == 0
    assert s3("remove", f"d/{name}").status == 0
    assert client.keys(BUCKET, prefix) == []


def test_the_media_type_goes_by_the_name(s3, client, prefix):
    for name, wanted in (("a.json", "text/plain"), ("p.png", "image/png"), ("model.bin", "application/octet-stream")):
        s3.put(name, b"x")
        assert client.head(BUCKET, f"{prefix}/{name}").headers["Content-Type"] == wanted
    s3.put("t.tar.gz", b"x")
    assert client.head(BUCKET, f"{prefix}/t.tar.gz").headers["Content-Encoding"] == "gzip"


def test_extra_arguments_become_headers_of_small_and_large_objects(s3, client, prefix):
    tool = s3.with_(
        MLFLOW_S3_UPLOAD_EXTRA_ARGS='{"CacheControl": "no-store", "Metadata": {"team": "blue"}, "ContentType": "x/y"}'
    )
    for name, size in (("small.txt", 5), ("large.txt", PART + 1)):
        assert tool.put(name, b"x" * size).status == 0
        headers = client.head(BUCKET, f"{prefix}/{name}").headers
        assert headers["Content-Type"] == "x/y"
        assert headers["x-amz-meta-team"] == "blue"


def test_an_extra_argument_that_is_unknown_is_not_passed_over(s3):
    done = s3.with_(MLFLOW_S3_UPLOAD_EXTRA_ARGS='{"Colour": "red"}').put("a", b"x")
    assert done.code == "INTERNAL_ERROR"
    assert "Colour" in done.detail


# --- Listing ---


def test_a_listing_has_files_and_directories_in_byte_order(s3, client, prefix):
    for key in ("b.txt", "a/1", "a/2/3", "Z", "a.txt", "ä"):
        client.put(BUCKET, f"{prefix}/{key}", b"xy")
    assert s3("list", "").lines == ["f 2 Z", "d 0 a", "f 2 a.txt", "f 2 b.txt", "f 2 ä"]
    assert s3("list", "a").lines == ["f 2 1", "d 0 2"]


def test_a_listing_of_a_file_or_of_nothing_is_empty(s3):
    s3.put("a.txt", b"x")
    assert s3("list", "a.txt").output == b""
    assert s3("list", "nothing/there").output == b""


def test_a_neighbour_with_the_same_beginning_is_not_listed(s3, client, prefix):
    client.put(BUCKET, f"{prefix}/model/a", b"x")
    client.put(BUCKET, f"{prefix}/model2/b", b"x")
    assert s3("list", "model").lines == ["f 1 a"]


def test_a_marker_object_of_a_directory_is_not_listed(s3, client, prefix):
    client.put(BUCKET, f"{prefix}/d/", b"")
    client.put(BUCKET, f"{prefix}/d/file", b"x")
    assert s3("list", "d").lines == ["f 1 file"]


def test_a_listing_of_many_pages_is_whole(s3, client, prefix):
    names = sorted(f"f{i:03}" for i in range(120))
    for name in names:
        client.put(BUCKET, f"{prefix}/{name}", b"x")
    assert [line.split()[2] for line in s3("list", "").lines] == names


def test_the_whole_bucket_can_be_the_root(s3, client, prefix):
    client.put(BUCKET, f"{prefix}-file", b"x")
    tool = s3.with_(root=f"s3://{BUCKET}")
    assert f"f 1 {prefix}-file" in tool("list", "").lines
    assert tool.get(f"{prefix}-file").output == b"x"


# --- Removing ---


def test_removing_a_directory_takes_all_below_it_and_nothing_else(s3, client, prefix):
    for key in ("model", "model/", "model/a", "model/b/c", "model2/d", "model.txt", "other"):
        client.put(BUCKET, f"{prefix}/{key}", b"x")
    assert s3("remove", "model").status == 0
    assert client.keys(BUCKET, prefix) == [f"{prefix}/{key}" for key in ("model.txt", "model2/d", "other")]


def test_removing_many_pages_removes_all(s3, client, prefix):
    for i in range(120):
        client.put(BUCKET, f"{prefix}/d/f{i:03}", b"x")
    assert s3("remove", "d").status == 0
    assert client.keys(BUCKET, prefix) == []


def test_removing_what_is_not_there_is_no_error(s3):
    assert s3("remove", "nothing").status == 0


def test_the_root_itself_is_never_removed(s3, client, prefix):
    client.put(BUCKET, f"{prefix}/a", b"x")
    assert s3("remove", "").code == "INVALID_PARAMETER_VALUE"
    assert s3.with_(root=f"s3://{BUCKET}")("remove", "").code == "INVALID_PARAMETER_VALUE"
    assert client.keys(BUCKET, prefix) == [f"{prefix}/a"]


# --- What is not there, what is not allowed ---


@pytest.mark.parametrize("verb", ["get", "stat"])
def test_a_missing_artifact_is_told(s3, verb):
    s3.put("a.txt", b"x")
    done = s3(verb, "b.txt")
    assert (done.code, done.message) == ("RESOURCE_DOES_NOT_EXIST", "No such artifact: 'b.txt'")


@pytest.mark.parametrize("verb", ["get", "stat"])
def test_a_directory_is_no_file(s3, verb):
    s3.put("d/a.txt", b"x")
    done = s3(verb, "d")
    assert (done.code, done.message) == ("INVALID_PARAMETER_VALUE", "Artifact path refers to a directory, not a file: 'd'")


@pytest.mark.parametrize("verb, arguments", [("list", ()), ("get", ()), ("put", (1,)), ("remove", ()), ("upload-create", (1,))])
def test_a_bucket_that_is_not_there_is_told(s3, verb, arguments):
    done = s3.with_(root="s3://no-such-bucket/p")(verb, "a", *arguments, body=b"x")
    assert done.code == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize("verb, arguments", [("list", ()), ("get", ()), ("put", (1,)), ("remove", ()), ("upload-create", (1,))])
def test_a_user_without_rights_is_told(s3, verb, arguments):
    s3.put("a", b"x")
    tool = s3.with_(AWS_ACCESS_KEY_ID=POWERLESS_KEY, AWS_SECRET_ACCESS_KEY=POWERLESS_SECRET)
    done = tool(verb, "a", *arguments, body=b"x")
    assert done.code == "PERMISSION_DENIED"
    if verb == "list":
        assert done.message.startswith(f"Failed to list artifacts in {s3.root}: ")


@pytest.mark.parametrize("verb, arguments", [("list", ()), ("get", ()), ("put", (1,)), ("upload-create", (1,))])
def test_a_wrong_secret_is_told_and_not_quoted(s3, verb, arguments):
    done = s3.with_(AWS_SECRET_ACCESS_KEY="wrong-secret")(verb, "a", *arguments, body=b"x")
    assert done.code == "UNAUTHENTICATED"
    assert "wrong-secret" not in done.log


# --- Writing that does not come to its end ---


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize("size, stop", [(100, 50), (3 * PART, PART // 2), (3 * PART, 2 * PART + 5)])
def test_an_abandoned_upload_leaves_nothing(s3, client, prefix, size, stop, announced):
    assert s3("put", "a", size if announced else -1, stop, body=b"x" * size).status == 0
    assert client.keys(BUCKET, prefix) == []
    assert client.uploads(BUCKET, prefix) == []


@pytest.mark.parametrize("size", [10, 2 * PART])
@pytest.mark.parametrize("difference", [-1, 1])
def test_a_body_of_another_length_than_announced_leaves_nothing(s3, client, prefix, size, difference):
    done = s3("put", "a", size, body=b"x" * (size + difference))
    assert done.code == "INVALID_PARAMETER_VALUE"
    assert client.keys(BUCKET, prefix) == []
    assert client.uploads(BUCKET, prefix) == []


@pytest.mark.parametrize("size, announced", [(11, True), (11, False), (PART + 11, False)])
def test_the_size_limit_holds(s3, client, prefix, size, announced):
    limit = size - 1
    done = s3.with_(S3_TOOL_SIZE_LIMIT=str(limit)).put("a", b"x" * size, announced)
    assert done.code == "PAYLOAD_TOO_LARGE"
    assert str(limit) in done.message
    assert client.keys(BUCKET, prefix) == []
    assert client.uploads(BUCKET, prefix) == []
    assert s3.with_(S3_TOOL_SIZE_LIMIT=str(size)).put("a", b"x" * size, announced).status == 0


# --- Uploads by clients ---


def test_a_client_uploads_parts_by_itself(s3, client, prefix):
    parts = [os.urandom(5 * MIB), os.urandom(5 * MIB), b"the last one"]
    created = s3("upload-create", "m/big.bin", len(parts)).lines
    upload_id, urls = created[0], created[1:]
    assert len(urls) == len(parts)
    tags = [requests.put(url, data=part, timeout=60).headers["ETag"] for url, part in zip(urls, parts)]
    pairs = [f"{i + 1}={tag}" for i, tag in enumerate(tags)]
    assert client.keys(BUCKET, prefix) == []
    assert s3("upload-complete", "m/big.bin", upload_id, *reversed(pairs)).status == 0
    assert client.get(BUCKET, f"{prefix}/m/big.bin").content == b"".join(parts)
    assert client.uploads(BUCKET, prefix) == []


def test_a_part_url_is_good_for_its_part_and_its_key_only(s3):
    url = s3("upload-create", "a", 1).lines[1]
    assert "X-Amz-Expires=3600" in url
    assert requests.put(url.replace("partNumber=1", "partNumber=2"), data=b"x", timeout=60).status_code == 403
    assert requests.put(url.replace("/a?", "/b?"), data=b"x", timeout=60).status_code == 403
    assert requests.put(url, data=b"x", timeout=60).status_code == 200


def test_a_client_gives_its_upload_up(s3, client, prefix):
    upload_id, url = s3("upload-create", "a", 1).lines
    requests.put(url, data=b"x", timeout=60)
    assert s3("upload-abort", "a", upload_id).status == 0
    assert client.uploads(BUCKET, prefix) == []
    assert client.keys(BUCKET, prefix) == []
    assert s3("upload-complete", "a", upload_id, "1=abc").code == "RESOURCE_DOES_NOT_EXIST"


def test_an_upload_needs_a_sensible_number_of_parts(s3):
    assert s3("upload-create", "a", 0).code == "INVALID_PARAMETER_VALUE"
    assert s3("upload-create", "a", 10001).code == "INVALID_PARAMETER_VALUE"
    assert len(s3("upload-create", "a", 10000).lines) == 10001


@pytest.mark.parametrize(
    "parts", [(), ("0=abc",), ("10001=abc",), ("1=abc", "1=def"), ("1=",), ('1=</ETag><x a="',), ("1=a b",)]
)
def test_parts_that_make_no_sense_are_refused(s3, parts):
    upload_id = s3("upload-create", "a", 1).lines[0]
    assert s3("upload-complete", "a", upload_id, *parts).code == "INVALID_PARAMETER_VALUE"
    assert s3("upload-abort", "a", upload_id).status == 0


def test_a_part_that_was_never_uploaded_is_told(s3):
    upload_id = s3("upload-create", "a", 1).lines[0]
    done = s3("upload-complete", "a", upload_id, "1=0123456789abcdef0123456789abcdef")
    assert done.code == "INVALID_PARAMETER_VALUE"
    assert s3("upload-abort", "a", upload_id).status == 0


# --- Ways to get there ---


def test_virtual_hosted_addresses(s3, swift):
    tool = s3.with_(
        MLFLOW_S3_ENDPOINT_URL=f"http://localhost:{swift.port}", MLFLOW_BOTO_CLIENT_ADDRESSING_STYLE="virtual"
    )
    assert tool.put("a b.txt", b"x").status == 0
    assert tool("list", "").lines == ["f 1 a b.txt"]
    assert s3.get("a b.txt").output == b"x"
    url = tool("upload-create", "big", 1).lines[1]
    assert url.startswith(f"http://{BUCKET}.localhost:{swift.port}/")


# --- Memory ---


@pytest.mark.slow
def test_memory_does_not_grow_with_the_file(s3):
    block = os.urandom(MIB)
    small = s3.put("small", block, announced=False).peak_kib
    body = block * 200
    for announced in (True, False):
        done = s3.put("large", body, announced)
        assert done.status == 0
        assert done.peak_kib < small + 12 * 1024, "one part besides what a small file needs"
    got = s3.get("large")
    assert got.output == body
    assert got.peak_kib < small + 2 * 1024
