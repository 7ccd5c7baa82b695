"""No path from outside leaves the root, on any route that takes one. The classes are those of CVE-2023-1177,
CVE-2023-2356, CVE-2023-2780, CVE-2023-6831, CVE-2023-6909, CVE-2024-1483, CVE-2024-1560, CVE-2024-1593,
CVE-2024-3573 and CVE-2024-3848: dots plain, encoded and encoded twice, absolute paths, URIs, backslashes, fragments,
queries and parameters, links."""

import os
import urllib.parse

import pytest

from proxy import AJAX_ROOT, MPU, ROOT, Proxy
from support import AJAX, unique

# As they stand in a URL's path: encoded once on the way.
EVIL = [
    "..",
    "../secret.txt",
    "a/../../secret.txt",
    "a/..",
    "a/../x",
    "%2e%2e/secret.txt",
    "%2E%2E%2Fsecret.txt",
    "..%2fsecret.txt",
    ".%2e/secret.txt",
    "%252e%252e/secret.txt",
    "%252e%252e%252fsecret.txt",
    "%25252e%25252e%25252fsecret.txt",
    "..%252fsecret.txt",
    "..%5csecret.txt",
    "a%5c..%5c..%5csecret.txt",
    "%5c%5cserver%5cshare",
    "a%255cb",
    "/etc/passwd",
    "%2Fetc/passwd",
    "%252Fetc%252Fpasswd",
    "%2F%2Fetc%2Fpasswd",
    "C:%5cwindows",
    "C:/windows",
    "c%3A/windows",
    "c%253A%252Fwindows",
    "file:",
    "file:.",
    "file:///etc/passwd",
    "FILE%3A///etc/passwd",
    "file%253A%252F%252F%252Fetc%252Fpasswd",
    "a%23b",
    "%23",
    "a%2523b",
    "%23/../../secret.txt",
    "a%3f/../../secret.txt",
    "a%3b/../../secret.txt",
    "a;/../../secret.txt",
    "a%00b",
    "%00",
    "%2500",
    "..%00/",
    "%0a",
    "a%0db",
    "a%0d%0aX-Evil:%201",
    "a%250ab",
    "%09",
    "%7f",
    "%ff",
    "%c0%ae%c0%ae/secret.txt",
    "%2525252525252525252525252525252e",
]

# What means the root itself, which is no file and is never deleted.
ROOTS = ["", ".", "/", "./", "/.", "%2e", "%2E/", "%20", "%20%20", "%20/", ".//./", "%2f"]


@pytest.fixture
def walled(store):
    """The store with something beside its root that must never be seen nor touched."""
    secret = store.server.directory / "secret.txt"
    secret.write_text("the secret")
    store.put("keep/me.txt", b"kept").ok()
    before, beside = store.names(), sorted(os.listdir(store.server.directory))
    yield store
    assert secret.read_text() == "the secret"
    assert store.names() == before, "something was written or deleted"
    assert sorted(os.listdir(store.server.directory)) == beside


def refused(answer):
    assert answer.status in (400, 404), answer
    assert b"the secret" not in answer.bytes and b"root:" not in answer.bytes
    assert b"/mlartifacts" not in answer.bytes, "a path of the server"
    return answer


def query(text):
    """The same text as a query value: it is decoded once too, so it goes as it is but for what would end it."""
    return text.replace("#", "%23").replace("&", "%26").replace("+", "%2B").replace(" ", "%20")


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE"])
def test_no_file_route_leaves_the_root(walled, method, evil):
    for root in (ROOT, AJAX_ROOT):
        answer = refused(walled.call(method, f"{root}/{evil}", b"evil" if method == "PUT" else None))
        assert answer.status == 400, answer


@pytest.mark.parametrize("evil", EVIL)
def test_no_listing_leaves_the_root(walled, evil):
    answer = refused(walled.call("GET", f"{ROOT}?path={query(evil)}"))
    assert answer.status == 400, answer


@pytest.mark.parametrize("evil", EVIL)
@pytest.mark.parametrize("step", ["create", "complete", "abort"])
def test_no_multipart_step_leaves_the_root(walled, step, evil):
    body = {"path": "x.bin", "num_parts": 1, "upload_id": "u", "parts": [{"part_number": 1, "etag": "e", "url": "u"}]}
    answer = refused(walled.post(f"{MPU}/{step}/{evil}", body))
    assert answer.status == 400, answer


@pytest.mark.parametrize("name", ["..", "a/..", "a\\..", "", "/", "\\", "a/", "%2e%2e", "x\n", "x#y", "file:", " "])
@pytest.mark.parametrize("step", ["create", "complete", "abort"])
def test_the_name_in_a_multipart_body_names_a_file(walled, step, name):
    body = {"path": name, "num_parts": 1, "upload_id": "u", "parts": [{"part_number": 1, "etag": "e", "url": "u"}]}
    answer = refused(walled.post(f"{MPU}/{step}/dir", body))
    assert answer.status == 400, answer


@pytest.mark.parametrize("evil", EVIL)
def test_no_presigned_url_is_made_for_a_path_outside(walled, evil):
    assert refused(walled.call("GET", f"/api/2.0/mlflow-artifacts/presigned/{evil}")).status == 400


@pytest.mark.parametrize("root", ROOTS)
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_the_root_is_no_file_and_is_never_deleted(walled, method, root):
    answer = walled.call(method, f"{ROOT}/{root}", b"evil" if method == "PUT" else None)
    answer.expect(400, "INVALID_PARAMETER_VALUE", "Invalid path")


@pytest.fixture(params=["proxied", "local"])
def run(request, walled, tmp_path):
    location = {} if request.param == "proxied" else {"artifact_location": str(tmp_path / "location")}
    return walled.api.run(walled.api.experiment(**location))


ROUTES = [
    ("GET", "/get-artifact?run_id={run}&path={path}"),
    ("GET", "/get-artifact?run_uuid={run}&path={path}"),
    ("POST", AJAX + "upload-artifact?run_uuid={run}&path={path}"),
    ("GET", "/model-versions/get-artifact?name=m&version=1&path={path}"),
    ("GET", AJAX + "logged-models/m-1/artifacts/files?artifact_file_path={path}"),
    ("GET", "/api/2.0/mlflow/artifacts/list?run_id={run}&path={path}"),
]


@pytest.mark.parametrize("method, route", ROUTES)
def test_no_route_with_a_path_in_its_query_leaves_the_root(walled, run, method, route):
    for evil in EVIL:
        target = route.format(run=run, path=query(evil))
        answer = refused(walled.call(method, target, b"evil" if method == "POST" else None))
        assert answer.status == 400, answer


# --- Links, pipes and devices ---


@pytest.fixture
def linked(store):
    """(store, folder) with links that somebody with access to the disk has made: out of the root and within it."""
    folder = store.fresh()
    outside = store.server.directory / unique("outside")
    (outside / "sub").mkdir(parents=True)
    (outside / "secret.txt").write_text("the secret")
    (outside / "sub" / "deep.txt").write_text("the secret")
    store.put(f"{folder}/real/file.txt", b"real").ok()
    here = store.folder / folder
    (here / "out").symlink_to(outside)
    (here / "relative").symlink_to(os.path.relpath(outside, here))
    (here / "secret.txt").symlink_to(outside / "secret.txt")
    (here / "inner").symlink_to("real")
    (here / "loop").symlink_to("loop")
    (here / "root").symlink_to("/")
    (here / "proc").symlink_to("/proc/self/root")
    yield store, folder
    assert (outside / "secret.txt").read_text() == "the secret"
    assert sorted(path.name for path in outside.rglob("*")) == ["deep.txt", "secret.txt", "sub"]
    assert (here / "out").is_symlink(), "the link was deleted"


THROUGH_LINKS = [
    "out/secret.txt", "out/sub/deep.txt", "relative/secret.txt", "secret.txt", "inner/file.txt", "loop", "loop/x",
    "root/etc/passwd", "proc/etc/passwd", "out/new.txt",
]  # fmt: skip


@pytest.mark.parametrize("path", THROUGH_LINKS)
def test_nothing_is_read_through_a_link(linked, path):
    store, folder = linked
    for method in ("GET", "HEAD"):
        answer = store.get(f"{folder}/{path}", method=method)
        assert answer.status in (400, 404), answer
        assert b"the secret" not in answer.bytes and b"real" not in answer.bytes


@pytest.mark.parametrize("path", [path for path in THROUGH_LINKS if "/" in path] + ["out/sub/new/file.txt"])
def test_nothing_is_written_through_a_link(linked, path):
    store, folder = linked
    store.put(f"{folder}/{path}", b"evil").expect(400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("path", ["out", "out/", "out/secret.txt", "out/sub", "relative", "inner", "inner/file.txt", "root/etc", "loop"])
def test_nothing_is_deleted_through_a_link(linked, path):
    store, folder = linked
    store.call("DELETE", f"{ROOT}/{folder}/{path}").expect(400, "INVALID_PARAMETER_VALUE")
    assert (store.folder / folder / "real/file.txt").exists()


@pytest.mark.parametrize("path", ["out", "out/sub", "relative", "inner", "root/etc"])
def test_nothing_is_listed_through_a_link(linked, path):
    store, folder = linked
    assert store.list(f"{folder}/{path}").ok().json == {}


def test_a_link_in_place_of_a_file_is_replaced_and_what_it_leads_to_is_not(linked):
    store, folder = linked
    store.put(f"{folder}/secret.txt", b"mine").ok()
    assert not (store.folder / folder / "secret.txt").is_symlink()
    assert store.get(f"{folder}/secret.txt").ok().bytes == b"mine"


def test_a_folder_with_links_in_it_is_deleted_without_following_them(store):
    folder = store.fresh()
    outside = store.server.directory / unique("outside")
    outside.mkdir()
    (outside / "kept.txt").write_text("kept")
    store.put(f"{folder}/sub/file.txt", b"x").ok()
    (store.folder / folder / "sub" / "out").symlink_to(outside)
    os.mkfifo(store.folder / folder / "sub" / "pipe")
    store.delete(folder).ok()
    assert not (store.folder / folder).exists() and (outside / "kept.txt").read_text() == "kept"


def test_pipes_and_devices_are_no_artifacts_and_hold_nobody_up(store):
    folder = store.fresh()
    store.put(f"{folder}/f", b"x").ok()
    os.mkfifo(store.folder / folder / "pipe")
    names = ["pipe"]
    try:
        os.mknod(store.folder / folder / "zero", 0o20644, os.makedev(1, 5))
        names.append("zero")
    except PermissionError:
        pass
    for name in names:
        assert store.call("GET", f"{ROOT}/{folder}/{name}", timeout=10).status in (400, 404)
        assert store.call("HEAD", f"{ROOT}/{folder}/{name}", timeout=10).status in (400, 404)


def test_a_run_s_location_cannot_be_smuggled_elsewhere(store, tmp_path):
    """Fragments, queries and parameters are refused where locations are made; none is read as a path later."""
    (tmp_path / "secret.txt").write_text("the secret")
    for location in (
        f"file:///{tmp_path}/x#/../..",
        f"{tmp_path}/x;/../..",
        f"mlflow-artifacts:/x?/../../{tmp_path}",
        "mlflow-artifacts:/x?%2e%2e",
        "file:///x?..",
    ):
        answer = store.api.post("experiments/create", {"name": unique("evil"), "artifact_location": location})
        assert answer.status == 400, answer


@pytest.mark.parametrize("location", ["mlflow-artifacts:/../up", "mlflow-artifacts:/%2e%2e/up", "mlflow-artifacts:/a/%252e%252e/b", "mlflow-artifacts:/a%5c..%5cb"])
def test_a_proxied_location_stays_below_the_destination(store, location):
    created = store.api.post("experiments/create", {"name": unique("evil"), "artifact_location": location})
    if created.status == 400:
        return
    run = store.api.run(created.json["experiment_id"])
    before = store.names()
    target = f"{AJAX}upload-artifact?run_uuid={run}&path=x.txt"
    store.call("POST", target, b"evil").expect(400, "INVALID_PARAMETER_VALUE")
    store.call("GET", f"/get-artifact?run_id={run}&path=x.txt").expect(400, "INVALID_PARAMETER_VALUE")
    assert store.names() == before and not (store.server.directory / "up").exists()


def test_local_locations_can_be_kept_below_named_folders(servers, tmp_path):
    allowed = tmp_path / "allowed"
    server = servers("--artifact-roots", f"/nowhere,{allowed}")
    store = Proxy(server)
    good = server.api.run(server.api.experiment(artifact_location=str(allowed / "x")))
    proxied = server.api.run(server.api.experiment())
    for run in (good, proxied):
        store.call("POST", f"{AJAX}upload-artifact?run_uuid={run}&path=f.txt", b"data").ok()
        assert store.call("GET", f"/get-artifact?run_id={run}&path=f.txt").ok().bytes == b"data"
    for location in (str(tmp_path / "allowed2"), str(tmp_path), "/", f"file://{tmp_path}/other", f"{allowed}/../other"):
        run = server.api.run(server.api.experiment(artifact_location=location))
        store.call("POST", f"{AJAX}upload-artifact?run_uuid={run}&path=f.txt", b"evil").expect(403, "PERMISSION_DENIED")
        store.call("GET", f"/get-artifact?run_id={run}&path=f.txt").expect(403, "PERMISSION_DENIED")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["allowed"]


def test_the_query_of_a_file_s_url_is_no_part_of_its_path(store):
    folder = store.fresh()
    store.call("PUT", f"{ROOT}/{folder}/a?path=../../x&b", b"data").ok()
    assert store.get(f"{folder}/a").ok().bytes == b"data"
    assert os.listdir(store.folder / folder) == ["a"]


def test_urls_as_paths_are_plain_names(store):
    folder = store.fresh()
    target = f"{ROOT}/{folder}/" + urllib.parse.quote("http://x/y", safe="")
    store.call("PUT", target, b"data").ok()
    assert (store.folder / folder / "http:" / "x" / "y").read_bytes() == b"data"
