"""Upload, list, download, delete."""

import email.utils
import os
import re
import time

import pytest

from proxy import AJAX_ROOT, ROOT, TEMPORARY
from support import in_threads

SIZES = [0, 1, 65527, 65528, 65529, 65536, 200_000, 5_000_001]


@pytest.mark.parametrize("size", SIZES)
def test_a_file_comes_back_as_it_went(proxy, size):
    path = f"{proxy.fresh()}/a/b.bin"
    data = os.urandom(size)
    reply = proxy.put(path, data).ok()
    assert reply.json == {} and reply.headers["content-type"] == "application/json"
    assert (proxy.folder / path).read_bytes() == data
    back = proxy.get(path).ok()
    assert back.bytes == data and back.headers["content-length"] == str(size)


def test_both_spellings_of_the_root_are_one_store(proxy):
    path = f"{proxy.fresh()}/x.txt"
    proxy.call("PUT", proxy.target(path, AJAX_ROOT), b"both").ok()
    assert proxy.get(path).bytes == b"both"
    assert proxy.call("GET", f"{AJAX_ROOT}?path={path.split('/')[0]}").json == {
        "files": [{"path": "x.txt", "is_dir": False, "file_size": 4}]
    }


def test_a_body_of_unknown_length_is_stored_whole(proxy):
    path = f"{proxy.fresh()}/chunked.bin"
    pieces = [os.urandom(size) for size in (1, 70_000, 3, 300_000)]
    proxy.call("PUT", proxy.target(path), iter(pieces)).ok()
    assert proxy.get(path).bytes == b"".join(pieces)


@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded", "text/html", None])
def test_the_content_type_of_an_upload_does_not_matter(store, kind):
    path = f"{store.fresh()}/f"
    store.put(path, b"a=b&c={", {"Content-Type": kind} if kind else {}).ok()
    assert (store.folder / path).read_bytes() == b"a=b&c={"


def test_an_upload_replaces_what_was_there_and_the_next_reader_sees_it(proxy):
    path = f"{proxy.fresh()}/f.bin"
    for generation in range(5):
        data = bytes([generation]) * 100_000
        proxy.put(path, data).ok()
        assert proxy.get(path).bytes == data
    assert [name for name in os.listdir(proxy.folder / path.split("/")[0])] == ["f.bin"]


def test_readers_see_the_old_file_or_the_new_one_and_never_a_mixture(proxy):
    path = f"{proxy.fresh()}/f.bin"
    size = 300_000
    proxy.put(path, b"0" * size).ok()
    stop = time.monotonic() + 2

    def work(number):
        seen = set()
        while time.monotonic() < stop:
            if number == 0:
                for digit in b"123":
                    proxy.put(path, bytes([digit]) * size).ok()
            else:
                body = proxy.get(path).ok().bytes
                assert len(body) == size and len(set(body)) == 1
                seen.add(body[:1])
        return seen

    seen = set().union(*in_threads(4, work)[1:])
    assert len(seen) > 1


# --- Listing ---


def test_a_folder_lists_its_direct_children_in_byte_order(store):
    folder = store.fresh()
    for name in ("b.txt", "B", "é.txt", "sub/deep/x", "empty", "a b"):
        store.put(f"{folder}/{name}", b"" if name == "empty" else b"12").ok()
    reply = store.list(folder).ok()
    assert reply.headers["content-type"] == "application/json"
    assert reply.json == {
        "files": [
            {"path": "B", "is_dir": False, "file_size": 2},
            {"path": "a b", "is_dir": False, "file_size": 2},
            {"path": "b.txt", "is_dir": False, "file_size": 2},
            {"path": "empty", "is_dir": False, "file_size": 0},
            {"path": "sub", "is_dir": True},
            {"path": "é.txt", "is_dir": False, "file_size": 2},
        ]
    }
    assert store.list(f"{folder}/sub//deep/.").json == {"files": [{"path": "x", "is_dir": False, "file_size": 2}]}


def test_what_is_no_folder_lists_nothing(store):
    path = f"{store.fresh()}/f"
    store.put(path, b"x").ok()
    for nothing in (path, path + "/x", "none/at/all", "x" * 300):
        assert store.list(nothing).ok().json == {}


def test_the_root_lists_without_a_path(store):
    folder = store.fresh()
    store.put(f"{folder}/f", b"x").ok()
    for reply in (store.list(), store.list("")):
        assert {"path": folder, "is_dir": True} in reply.ok().json["files"]


def test_names_that_clients_would_refuse_and_uploads_under_way_are_not_listed(store):
    folder = store.fresh()
    store.put(f"{folder}/good", b"x").ok()
    for name in ("a#b", "back\\slash", "new\nline", TEMPORARY + "x", "%2e%2e"):
        (store.folder / folder / name).write_bytes(b"x")
    (store.folder / folder / os.fsdecode(b"\xff")).write_bytes(b"x")
    (store.folder / folder / "link").symlink_to("good")
    os.mkfifo(store.folder / folder / "fifo")
    assert store.list(folder).json == {"files": [{"path": "good", "is_dir": False, "file_size": 1}]}


# --- Names and types ---


@pytest.mark.parametrize(
    "name, kind",
    [
        ("a.txt", "text/plain"), ("a.json", "text/plain"), ("a.py", "text/plain"), ("a.md", "text/plain"),
        ("a.yaml", "text/plain"), ("a.csv", "text/plain"), ("a.js", "text/plain"), ("a.log", "text/plain"),
        ("MLmodel", "text/plain"), ("mlproject", "text/plain"), ("A.JSON", "application/json"),
        ("a.html", "text/html"), ("a.css", "text/css"), ("a.svg", "image/svg+xml"), ("a.pdf", "application/pdf"),
        ("a.png", "image/png"), ("a.jpg", "image/jpeg"), ("a.webp", "image/webp"), ("a.mp4", "video/mp4"),
        ("a.zip", "application/zip"), ("a.wasm", "application/wasm"), ("a.tar.gz", "application/x-tar"),
        ("a.parquet", "application/vnd.apache.parquet"), ("a.gz", "application/octet-stream"),
        ("a.ipynb", "application/octet-stream"), ("a.npy", "application/octet-stream"),
        ("a.pkl", "application/octet-stream"), ("a", "application/octet-stream"), ("a.what", "application/octet-stream"),
    ],
)  # fmt: skip
def test_the_type_goes_by_the_name(proxy, name, kind):
    path = f"{proxy.fresh()}/{name}"
    proxy.put(path, b"<script>alert(1)</script>").ok()
    assert proxy.get(path).ok().headers["content-type"] == kind


@pytest.mark.parametrize("size", [10, 200_000])
@pytest.mark.parametrize("name", ["page.html", "image.svg", "x", "doc.xml"])
def test_no_browser_runs_what_is_stored(proxy, name, size):
    path = f"{proxy.fresh()}/{name}"
    proxy.put(path, b"<" * size).ok()
    for method in ("GET", "HEAD"):
        headers = proxy.get(path, method=method).ok().headers
        assert headers["content-disposition"].startswith("attachment")
        assert headers["x-content-type-options"] == "nosniff"
        assert "sandbox" in headers["content-security-policy"]


@pytest.mark.parametrize("size", [10, 200_000])
@pytest.mark.parametrize(
    "name, disposition",
    [
        ("a.txt", 'attachment; filename="a.txt"'),
        ("x y.html", 'attachment; filename="x y.html"'),
        ('a"b.txt', "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"),
        ("é€.txt", "attachment; filename=\"__.txt\"; filename*=UTF-8''%C3%A9%E2%82%AC.txt"),
        ("100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"),
        ("a;b=c.txt", 'attachment; filename="a;b=c.txt"'),
        ("what?.txt", 'attachment; filename="what?.txt"'),
        ("a+b&c~d,e.txt", 'attachment; filename="a+b&c~d,e.txt"'),
    ],
)
def test_names_come_back_whole(proxy, name, disposition, size):
    path = f"{proxy.fresh()}/{name}"
    data = os.urandom(size)
    proxy.put(path, data).ok()
    assert (proxy.folder / path).read_bytes() == data
    reply = proxy.get(path).ok()
    assert reply.bytes == data and reply.headers["content-disposition"] == disposition


@pytest.mark.parametrize("size", [10, 200_000])
def test_paths_are_decoded_exactly_once(proxy, size):
    folder, data = proxy.fresh(), os.urandom(size)
    proxy.call("PUT", f"{ROOT}/{folder}/pct%2541.txt", data).ok()
    assert os.listdir(proxy.folder / folder) == ["pct%41.txt"]
    assert proxy.call("GET", f"{ROOT}/{folder}/pct%2541.txt").ok().bytes == data
    proxy.call("GET", f"{ROOT}/{folder}/pct%41.txt").expect(404, "RESOURCE_DOES_NOT_EXIST")
    proxy.call("PUT", f"{ROOT}/{folder}%2Fsub%2Fx", data).ok()
    assert proxy.get(f"{folder}/sub/x").ok().bytes == data


def test_empty_and_dot_segments_mean_nothing(proxy):
    folder = proxy.fresh()
    proxy.call("PUT", f"{ROOT}/{folder}//a/./b.txt", b"x").ok()
    assert (proxy.folder / folder / "a/b.txt").read_bytes() == b"x"
    assert proxy.call("GET", f"{ROOT}/./{folder}/a//b.txt").ok().bytes == b"x"


# --- Conditions and ranges ---


@pytest.fixture(params=[26, 260_000])
def alphabet(request, proxy):
    """(path, content): a small file goes through the program in any case, a large one is left to the web server."""
    path = f"{proxy.fresh()}/letters.txt"
    data = bytes(range(97, 123)) * (request.param // 26)
    proxy.put(path, data).ok()
    return path, data


@pytest.mark.parametrize(
    "asked, first, last",
    [("0-0", 0, 0), ("1-3", 1, 3), ("20-", 20, None), ("-5", -5, None), ("0-9999999", 0, None), ("-9999999", 0, None)],
)
def test_a_range_is_a_part(proxy, alphabet, asked, first, last):
    path, data = alphabet
    part = data[first:] if last is None else data[first : last + 1]
    start = first if first >= 0 else len(data) + first
    reply = proxy.get(path, {"Range": f"bytes={asked}"})
    assert reply.status == 206 and reply.bytes == part
    assert reply.headers["content-range"] == f"bytes {start}-{start + len(part) - 1}/{len(data)}"
    assert reply.headers["content-length"] == str(len(part))
    assert reply.headers["content-disposition"].startswith("attachment")


def test_a_range_beyond_the_end_is_416(proxy, alphabet):
    path, data = alphabet
    for asked in (f"{len(data)}-", f"{len(data)}-{len(data) + 5}", "-0"):
        reply = proxy.get(path, {"Range": f"bytes={asked}"})
        assert reply.status == 416 and reply.headers["content-range"] == f"bytes */{len(data)}"
        assert b"alphabet" not in reply.bytes


@pytest.mark.parametrize("asked", ["bytes=5-1", "bytes=a-b", "bytes=", "lines=1-2", "bytes", "bytes=--1", "bytes=+1-2"])
def test_a_range_that_makes_no_sense_is_the_whole(proxy, alphabet, asked):
    path, data = alphabet
    reply = proxy.get(path, {"Range": asked})
    assert reply.status == 200 and reply.bytes == data


def test_the_parts_of_a_download_that_broke_off_fit_together(proxy, alphabet):
    path, data = alphabet
    head = proxy.get(path, {"Range": "bytes=0-9"})
    tail = proxy.get(path, {"Range": "bytes=10-", "If-Range": head.headers["etag"]})
    assert tail.status == 206 and head.bytes + tail.bytes == data
    dated = proxy.get(path, {"Range": "bytes=10-", "If-Range": head.headers["last-modified"]})
    assert dated.status == 206 and head.bytes + dated.bytes == data


def test_if_range_of_another_version_gives_the_whole(proxy, alphabet):
    path, data = alphabet
    for other in ('"other"', 'W/"weak"', "Sun, 06 Nov 1994 08:49:37 GMT"):
        reply = proxy.get(path, {"Range": "bytes=10-12", "If-Range": other})
        assert reply.status == 200 and reply.bytes == data


def test_what_the_client_has_already_is_not_sent_again(proxy, alphabet):
    path, data = alphabet
    first = proxy.get(path).ok()
    etag, date = first.headers["etag"], first.headers["last-modified"]
    assert re.fullmatch(r'"[^"]+"', etag) and email.utils.parsedate_to_datetime(date)
    for headers in (
        {"If-None-Match": etag},
        {"If-None-Match": f'"x", {etag}'},
        {"If-None-Match": f"W/{etag}"},
        {"If-None-Match": "*"},
        {"If-Modified-Since": date},
        {"If-Modified-Since": "Fri, 01 Jan 2100 00:00:00 GMT"},
    ):
        for method in ("GET", "HEAD"):
            reply = proxy.get(path, headers, method)
            assert reply.status == 304 and reply.bytes == b"" and reply.headers["etag"] == etag, (headers, reply)
    for headers in (
        {"If-None-Match": '"x"'},
        {"If-None-Match": '"x"', "If-Modified-Since": date},
        {"If-Modified-Since": "Sun, 06 Nov 1994 08:49:37 GMT"},
        {"If-Modified-Since": "yesterday"},
    ):
        assert proxy.get(path, headers).ok().bytes == data
    proxy.put(path, data[::-1]).ok()
    again = proxy.get(path, {"If-None-Match": etag}).ok()
    assert again.bytes == data[::-1] and again.headers["etag"] != etag


def test_head_is_get_without_the_body(proxy, alphabet):
    path, data = alphabet
    got, head = proxy.get(path).ok(), proxy.get(path, method="HEAD").ok()
    assert head.bytes == b""
    for name in ("content-length", "content-type", "content-disposition", "etag", "last-modified", "accept-ranges"):
        assert head.headers[name] == got.headers[name]
    assert got.headers["content-length"] == str(len(data)) and got.headers["accept-ranges"] == "bytes"


# --- What is not there ---


def test_a_missing_artifact_is_404_without_a_server_path(proxy):
    folder = proxy.fresh()
    proxy.put(f"{folder}/f", b"x").ok()
    for path in ("nope.txt", f"{folder}/nope", f"{folder}/f/below", "x" * 300):
        proxy.get(path).expect(404, "RESOURCE_DOES_NOT_EXIST", f"No such artifact: '{path}'")
        assert proxy.get(path, method="HEAD").status == 404


def test_a_folder_is_no_file(proxy):
    folder = proxy.fresh()
    proxy.put(f"{folder}/f", b"x").ok()
    text = f"Artifact path refers to a directory, not a file: '{folder}'"
    proxy.get(folder).expect(400, "INVALID_PARAMETER_VALUE", text)
    proxy.call("GET", f"{ROOT}/{folder}/").expect(400, "INVALID_PARAMETER_VALUE", text)
    proxy.put(folder, b"x").expect(400, "INVALID_PARAMETER_VALUE", text)
    for target in (f"{folder}/", f"{folder}/.", f"{folder}/new/"):
        proxy.call("PUT", f"{ROOT}/{target}", b"x").expect(400, "INVALID_PARAMETER_VALUE")
    proxy.put(f"{folder}/f/below", b"x").expect(400, "INVALID_PARAMETER_VALUE")
    proxy.put(f"{folder}/{'n' * 256}", b"x").expect(400, "INVALID_PARAMETER_VALUE")
    assert os.listdir(proxy.folder / folder) == ["f"]


def test_names_of_uploads_under_way_are_reserved(store):
    folder = store.fresh()
    store.put(f"{folder}/f", b"x").ok()
    (store.folder / folder / (TEMPORARY + "1")).write_bytes(b"half")
    store.put(f"{folder}/{TEMPORARY}1", b"x").expect(
        400, "INVALID_PARAMETER_VALUE", f"Invalid artifact file name: '{TEMPORARY}1'"
    )
    store.get(f"{folder}/{TEMPORARY}1").expect(404, "RESOURCE_DOES_NOT_EXIST")
    store.delete(f"{folder}/{TEMPORARY}1").expect(400, "INVALID_PARAMETER_VALUE")


# --- Deleting ---


def test_a_file_and_a_folder_with_all_in_it_can_be_deleted(store):
    folder = store.fresh()
    for name in ("a", "sub/b", "sub/deep/er/c", "other/d"):
        store.put(f"{folder}/{name}", b"x").ok()
    assert store.delete(f"{folder}/a").ok().json == {}
    assert store.delete(f"{folder}/sub").ok().json == {}
    assert [name for name in store.names() if name.startswith(f"{folder}/")] == [f"{folder}/other/d"]
    assert store.call("DELETE", f"{ROOT}/{folder}/other/.").ok().json == {}
    assert store.call("DELETE", f"{ROOT}/{folder}/").ok().json == {}
    assert not (store.folder / folder).exists()


def test_deleting_what_is_not_there_succeeds(store):
    folder = store.fresh()
    store.put(f"{folder}/f", b"x").ok()
    for path in (f"{folder}/none", "none/at/all", f"{folder}/f/below", "x" * 300):
        assert store.delete(path).ok().json == {}
    assert (store.folder / folder / "f").exists()


def test_a_body_with_delete_is_ignored(store):
    path = f"{store.fresh()}/f"
    store.put(path, b"x").ok()
    store.call("DELETE", store.target(path), b"no json", {"Content-Type": "application/octet-stream"}).ok()
    assert not (store.folder / path).exists()


def test_deleting_one_name_leaves_those_that_begin_like_it(store):
    folder = store.fresh()
    for name in ("model/a", "model2/a", "model.txt"):
        store.put(f"{folder}/{name}", b"x").ok()
    store.delete(f"{folder}/model").ok()
    assert sorted(os.listdir(store.folder / folder)) == ["model.txt", "model2"]


# --- Many at once ---


def test_many_files_at_once(store):
    folder = store.fresh()

    def work(number):
        data = os.urandom(50_000)
        for i in range(5):
            path = f"{folder}/{number}/{i}"
            store.put(path, data).ok()
            assert store.get(path).ok().bytes == data
        store.delete(f"{folder}/{number}").ok()

    in_threads(16, work)
    assert os.listdir(store.folder / folder) == []


def test_writing_into_a_folder_that_is_being_deleted_fails_cleanly_or_succeeds(store):
    folder = store.fresh()
    stop = time.monotonic() + 2

    def work(number):
        while time.monotonic() < stop:
            if number == 0:
                reply = store.delete(folder)
            else:
                reply = store.put(f"{folder}/a/b/{number}", b"x" * 1000)
            assert reply.status in (200, 503), reply

    in_threads(4, work)
    store.delete(folder).ok()
    assert not (store.folder / folder).exists()
