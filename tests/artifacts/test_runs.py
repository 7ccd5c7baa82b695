"""Artifacts of runs and other entities, as the pages ask for them."""

import os
import pathlib
import re
import urllib.parse

import pytest

from proxy import Proxy
from support import AJAX, AJAX as AJAX_2, unique

AJAX_3 = "/ajax-api/3.0/mlflow/"
TAIL = " See the API docs for more information about request parameters."
LIMIT = 10 * 1024 * 1024


@pytest.fixture(params=["the proxy's root", "a custom place in it", "a local folder", "a file: URI", "by http"])
def located(request, proxy, tmp_path):
    """(client, run id, the folder its artifacts lie in) for each kind of location that this server reaches."""
    name = unique("place")
    location, folder = {
        "the proxy's root": (None, None),
        "a custom place in it": (f"mlflow-artifacts:/{name}/x", proxy.folder / name / "x"),
        "a local folder": (str(tmp_path / "plain"), tmp_path / "plain"),
        "a file: URI": (f"file://{tmp_path}/by%20uri", tmp_path / "by uri"),
        "by http": (f"http://elsewhere:1/api/2.0/mlflow-artifacts/artifacts/{name}/y", proxy.folder / name / "y"),
    }[request.param]
    experiment = proxy.api.experiment(**({"artifact_location": location} if location else {}))
    run = proxy.api.run(experiment)
    return proxy, run, (folder or proxy.folder / experiment) / run / "artifacts"


@pytest.fixture
def run(store):
    return store.api.run(store.api.experiment())


def upload(store, run, path, data, headers=None):
    return store.call("POST", f"{AJAX}upload-artifact?run_uuid={run}&path={path}", data, headers)


def get(store, run, path, headers=None, method="GET"):
    return store.call(method, f"/get-artifact?run_id={run}&path={path}", headers=headers)


def test_what_is_uploaded_is_listed_and_comes_back(located):
    proxy, run, folder = located
    for size in (1, 100_000):
        data = os.urandom(size)
        reply = upload(proxy, run, f"sub/f{size}.bin", data).ok()
        assert reply.bytes == b"" and reply.headers["content-type"] == "application/json"
        assert (folder / "sub" / f"f{size}.bin").read_bytes() == data
        assert get(proxy, run, f"sub/f{size}.bin").ok().bytes == data
    listed = proxy.api.get("artifacts/list", {"run_id": run, "path": "sub"}).ok()["files"]
    assert [(entry["path"], entry["file_size"]) for entry in listed] == [("sub/f1.bin", 1), ("sub/f100000.bin", 100_000)]


def test_a_run_s_artifact_has_validators_ranges_and_a_safe_disposition(located):
    proxy, run, _ = located
    data = bytes(range(256)) * 400
    upload(proxy, run, "x%20y.html", data).ok()
    reply = get(proxy, run, "x%20y.html").ok()
    assert reply.headers["content-type"] == "text/html"
    assert reply.headers["content-disposition"] == 'attachment; filename="x y.html"'
    assert reply.headers["x-content-type-options"] == "nosniff" and "sandbox" in reply.headers["content-security-policy"]
    assert reply.headers["cache-control"] == "no-cache" and reply.headers["content-length"] == str(len(data))
    assert get(proxy, run, "x%20y.html", {"If-None-Match": reply.headers["etag"]}).status == 304
    assert get(proxy, run, "x%20y.html", {"If-Modified-Since": reply.headers["last-modified"]}).status == 304
    part = get(proxy, run, "x%20y.html", {"Range": "bytes=5-9"})
    assert (part.status, part.bytes) == (206, data[5:10])
    assert get(proxy, run, "x%20y.html", {"Range": f"bytes={len(data)}-"}).status == 416
    assert get(proxy, run, "x%20y.html", method="HEAD").ok().headers["etag"] == reply.headers["etag"]


def test_run_uuid_is_another_name_of_run_id(store, run):
    upload(store, run, "f", b"x").ok()
    assert store.call("GET", f"/get-artifact?run_uuid={run}&path=f").ok().bytes == b"x"


def test_get_artifact_says_what_is_missing(store, run):
    missing = f"Missing value for required parameter 'path'.{TAIL}"
    store.call("GET", f"/get-artifact?run_id={run}").expect(400, "INVALID_PARAMETER_VALUE", missing)
    store.call("GET", f"/get-artifact?run_id={run}&path=").expect(400, "INVALID_PARAMETER_VALUE", missing)
    store.call("GET", "/get-artifact?path=f").expect(404, "RESOURCE_DOES_NOT_EXIST", "Run with id=None not found")
    get(store, "nope", "f").expect(404, "RESOURCE_DOES_NOT_EXIST", "Run with id=nope not found")
    wanted = f"No such artifact: '{store.api.get_run(run)['info']['experiment_id']}/{run}/artifacts/nope'"
    get(store, run, "nope").expect(404, "RESOURCE_DOES_NOT_EXIST", wanted)
    upload(store, run, "d/f", b"x").ok()
    get(store, run, "d").expect(400, "INVALID_PARAMETER_VALUE")
    reply = store.call("POST", f"/get-artifact?run_id={run}&path=d/f", b"{}", {"Content-Type": "application/json"})
    assert reply.status == 405


def test_a_deleted_run_can_be_read_but_not_written(store, run):
    upload(store, run, "f", b"x").ok()
    store.api.post("runs/delete", {"run_id": run}).ok()
    assert get(store, run, "f").ok().bytes == b"x"
    text = f"The run {run} must be in the 'active' state. Current state is deleted."
    upload(store, run, "g", b"x").expect(400, "INVALID_PARAMETER_VALUE", text)


def test_upload_artifact_says_what_is_missing(store, run):
    def refuse(query, data, text):
        store.call("POST", f"{AJAX}upload-artifact{query}", data).expect(400, "INVALID_PARAMETER_VALUE", text)

    refuse("", b"x", "Request must specify run_uuid.")
    refuse(f"?run_id={run}&path=f", b"x", "Request must specify run_uuid.")
    refuse(f"?run_uuid={run}", b"x", "Request must specify path.")
    refuse(f"?run_uuid={run}&path=f", b"", "Request must specify data.")
    refuse(f"?run_uuid={run}&path=f", b"x" * (LIMIT + 1), "Artifact size is too large. Max size is 10MB.")
    upload(store, "nope", "f", b"x").expect(404, "RESOURCE_DOES_NOT_EXIST", "Run with id=nope not found")
    assert store.api.get("artifacts/list", {"run_id": run}).ok().get("files") is None


def test_the_limit_of_upload_artifact_counts_what_really_comes(store, run):
    upload(store, run, "most", b"x" * LIMIT).ok()
    target = f"{AJAX}upload-artifact?run_uuid={run}&path=more"
    pieces = iter([b"x" * (1024 * 1024)] * 10 + [b"y"])
    store.call("POST", target, pieces).expect(
        400, "INVALID_PARAMETER_VALUE", "Artifact size is too large. Max size is 10MB."
    )
    store.call("POST", target, iter([])).expect(400, "INVALID_PARAMETER_VALUE", "Request must specify data.")
    get(store, run, "more").expect(404, "RESOURCE_DOES_NOT_EXIST")


def test_a_form_is_data_too(store, run):
    upload(store, run, "form", b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}).ok()
    assert get(store, run, "form").ok().bytes == b"a=b"


def test_another_site_s_page_cannot_upload(store, run):
    for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"}):
        assert upload(store, run, "f", b"x", headers).status == 403
        assert store.call("PUT", store.target("evil"), b"x", headers).status == 403
        assert store.call("DELETE", store.target("evil"), headers=headers).status == 403
    assert store.call("GET", store.target("f"), headers={"Host": "evil.example"}).status == 403
    assert not (store.folder / "evil").exists()


def test_ajax_only_routes_have_no_twin(store, run):
    for path in ("upload-artifact", "get-trace-artifact", "logged-models/m-1/artifacts/files"):
        reply = store.call("GET", f"/api/2.0/mlflow/{path}?run_uuid={run}&path=f")
        assert reply.status == 404, reply


def test_stores_that_this_server_does_not_know_are_named(store):
    for location, status, code in (("gs://b/x", 501, "NOT_IMPLEMENTED"), ("weird://x/y", 400, "INVALID_PARAMETER_VALUE")):
        run = store.api.run(store.api.experiment(artifact_location=location))
        for reply in (get(store, run, "f"), upload(store, run, "f", b"x")):
            reply.expect(status, code)
            assert "s3" in reply.json["message"].lower() and "file" in reply.json["message"]
    run = store.api.run(store.api.experiment(artifact_location="https://elsewhere/no/such/path"))
    get(store, run, "f").expect(400, "INVALID_PARAMETER_VALUE")


# --- Model versions, logged models, traces ---


def test_a_model_version_s_artifact_needs_name_version_and_path(store):
    def ask(query):
        return store.call("GET", f"/model-versions/get-artifact?{query}")

    ask("name=m&version=1").expect(400, "INVALID_PARAMETER_VALUE", f"Missing value for required parameter 'path'.{TAIL}")
    ask("version=1&path=f").expect(400, "INVALID_PARAMETER_VALUE", f"Missing value for required parameter 'name'.{TAIL}")
    ask("name=m&version=x&path=f").expect(
        400, "INVALID_PARAMETER_VALUE", "Parameter 'version' must be an integer, got 'x'."
    )
    ask("name=none&version=9&path=f").expect(
        404, "RESOURCE_DOES_NOT_EXIST", "Model Version (name=none, version=9) not found"
    )


def test_a_logged_model_s_artifact_needs_a_path_and_a_model(store):
    root = f"{AJAX_2}logged-models/m-none/artifacts/files"
    store.call("GET", root).expect(400, "BAD_REQUEST", 'Request must include the "artifact_file_path" query parameter.')
    store.call("GET", f"{root}?artifact_file_path=f").expect(
        404, "RESOURCE_DOES_NOT_EXIST", "Logged model with ID 'm-none' not found."
    )


def test_a_logged_model_s_files_come_from_its_place(located):
    proxy, run, _ = located
    experiment = proxy.api.get_run(run)["info"]["experiment_id"]
    model = proxy.api.post("logged-models", {"experiment_id": experiment, "name": "m"}).ok()["model"]["info"]
    assert model["artifact_uri"].endswith(f"/models/{model['model_id']}/artifacts")
    below = re.fullmatch(r"(?:mlflow-artifacts:/|http://[^/]+/api/2.0/mlflow-artifacts/artifacts/)(.*)", model["artifact_uri"])
    local = urllib.parse.unquote(model["artifact_uri"].removeprefix("file://"))
    folder = (proxy.folder / below.group(1) if below else pathlib.Path(local)) / "data"
    folder.mkdir(parents=True)
    (folder / "MLmodel").write_bytes(b"flavors: {}")
    root = f"{AJAX}logged-models/{model['model_id']}/artifacts/files?artifact_file_path="
    reply = proxy.call("GET", root + "data/MLmodel").ok()
    assert reply.bytes == b"flavors: {}" and reply.headers["content-type"] == "text/plain"
    proxy.call("GET", root + "none").expect(404, "RESOURCE_DOES_NOT_EXIST")
    proxy.call("GET", root + "data").expect(400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("source", ["the run's own URI", "runs:"])
def test_a_model_version_s_files_come_from_its_source(store, run, source):
    upload(store, run, "model/MLmodel", b"flavors: {}").ok()
    name = unique("model")
    store.api.post("registered-models/create", {"name": name}).ok()
    uri = store.api.get_run(run)["info"]["artifact_uri"] + "/model" if source != "runs:" else f"runs:/{run}/model"
    created = store.api.post("model-versions/create", {"name": name, "source": uri, "run_id": run})
    if created.status != 200 and source == "runs:":
        pytest.skip("the registry refuses such a source")
    version = created.ok()["model_version"]["version"]
    root = f"/model-versions/get-artifact?name={name}&version={version}&path="
    assert store.call("GET", root + "MLmodel").ok().bytes == b"flavors: {}"
    store.call("GET", root + "none").expect(404, "RESOURCE_DOES_NOT_EXIST")
    store.call("GET", f"/model-versions/get-artifact?name={name}&version=99&path=MLmodel").expect(
        404, "RESOURCE_DOES_NOT_EXIST", f"Model Version (name={name}, version=99) not found"
    )


@pytest.mark.parametrize("root", [AJAX_2, AJAX_3])
def test_a_trace_s_artifact_needs_a_trace(store, root):
    store.call("GET", f"{root}get-trace-artifact").expect(
        400, "BAD_REQUEST", 'Request must include the "request_id" query parameter.'
    )
    store.call("GET", f"{root}get-trace-artifact?request_id=tr-none").expect(
        404, "RESOURCE_DOES_NOT_EXIST", "Trace with ID tr-none is not found."
    )


def test_pages_below_a_prefix(servers):
    server = servers("--static-prefix", "/pre", health="/pre/health")
    store = Proxy(server)
    run = server.api.run()
    store.call("POST", f"/pre{AJAX}upload-artifact?run_uuid={run}&path=f", b"x").ok()
    assert store.call("GET", f"/pre/get-artifact?run_id={run}&path=f").ok().bytes == b"x"
    assert store.call("GET", f"/get-artifact?run_id={run}&path=f").status == 404
    target = f"0/{run}/artifacts/f"
    assert store.get(target).ok().bytes == b"x"
    assert store.call("GET", f"/pre/ajax-api/2.0/mlflow-artifacts/artifacts/{target}").ok().bytes == b"x"
