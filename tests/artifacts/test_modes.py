"""--no-serve-artifacts, --artifacts-only, and the table of operations."""

import pathlib
import re
import subprocess

import pytest
import support

from proxy import AJAX_ROOT, MPU, ROOT, Proxy
from support import AJAX

TABLE = pathlib.Path(__file__).resolve().parent.parent / "data" / "operations.tsv"
NOT_SERVING = (
    "Endpoint: {} disabled due to the mlflow server running with `--no-serve-artifacts`. To enable artifacts server "
    "functionality, run `mlflow server` with `--serve-artifacts`"
)
ONLY = (
    "Endpoint: {} disabled due to the mlflow server running in `--artifacts-only` mode. To enable tracking server "
    "functionality, run `mlflow server` without `--artifacts-only`"
)


@pytest.fixture
def not_serving(servers):
    return Proxy(servers("--no-serve-artifacts"))


@pytest.fixture
def only(servers):
    return Proxy(servers("--artifacts-only", backend=False))


def refused(answer, text):
    assert answer.status == 503 and answer.bytes.decode() == text, answer
    assert answer.headers["content-type"].split(";")[0] == "text/html"


@pytest.mark.parametrize("root", [ROOT, AJAX_ROOT])
def test_without_serving_the_proxy_is_503(not_serving, root):
    refused(not_serving.call("GET", f"{root}?path=x"), NOT_SERVING.format(root))
    for method in ("GET", "PUT", "DELETE"):
        answer = not_serving.call(method, f"{root}/0/x", b"x" if method == "PUT" else None)
        refused(answer, NOT_SERVING.format(f"{root}/<path:artifact_path>"))
    assert not not_serving.folder.exists()


def test_without_serving_multipart_uploads_are_503(not_serving):
    for step in ("create", "complete", "abort"):
        refused(not_serving.post(f"{MPU}/{step}/0", {"path": "x"}), NOT_SERVING.format(f"{MPU}/{step}/<path:artifact_path>"))


def test_without_serving_local_runs_have_artifacts_and_proxied_ones_are_told_why_not(not_serving, tmp_path):
    api = not_serving.api
    run = api.run(api.experiment(artifact_location=str(tmp_path)))
    not_serving.call("POST", f"{AJAX}upload-artifact?run_uuid={run}&path=f", b"x").ok()
    assert not_serving.call("GET", f"/get-artifact?run_id={run}&path=f").ok().bytes == b"x"
    run = api.run(api.experiment(artifact_location="mlflow-artifacts:/x"))
    for answer in (
        not_serving.call("POST", f"{AJAX}upload-artifact?run_uuid={run}&path=f", b"x"),
        not_serving.call("GET", f"/get-artifact?run_id={run}&path=f"),
    ):
        answer.expect(400, "INVALID_PARAMETER_VALUE")
        assert "--serve-artifacts" in answer.json["message"]


def test_with_artifacts_only_the_proxy_works_and_no_database_is_made(only):
    only.put("0/f.txt", b"x" * 100_000).ok()
    assert only.get("0/f.txt").ok().bytes == b"x" * 100_000
    assert only.list("0").json == {"files": [{"path": "f.txt", "is_dir": False, "file_size": 100_000}]}
    only.post(f"{MPU}/create/0", {"path": "x", "num_parts": 1}).expect(501, "NOT_IMPLEMENTED")
    only.delete("0").ok()
    assert not list(only.server.directory.glob("*.db"))


@pytest.mark.parametrize(
    "method, path",
    [
        ("GET", "/get-artifact"),
        ("POST", AJAX + "upload-artifact"),
        ("GET", "/model-versions/get-artifact"),
        ("GET", AJAX + "get-trace-artifact"),
        ("GET", "/ajax-api/3.0/mlflow/get-trace-artifact"),
    ],
)
def test_with_artifacts_only_what_needs_the_store_is_503(only, method, path):
    refused(only.call(method, f"{path}?run_id=x&run_uuid=x&path=f&name=m&version=1", b"x" if method == "POST" else None), ONLY.format(path))


def test_with_artifacts_only_a_logged_model_s_files_are_503(only):
    path = AJAX + "logged-models/{}/artifacts/files"
    refused(only.call("GET", path.format("m-1") + "?artifact_file_path=f"), ONLY.format(path.format("<model_id>")))


def test_the_destination_is_a_setting_and_may_be_a_file_uri(servers, tmp_path):
    for given, folder in ((str(tmp_path / "plain"), tmp_path / "plain"), (f"file://{tmp_path}/by%20uri", tmp_path / "by uri"), (f"{tmp_path}/odd\"$1", tmp_path / 'odd"$1')):
        store = Proxy(servers("--artifacts-destination", given))
        assert not folder.exists(), "made before it is needed"
        store.put("0/f", b"x" * 100_000).ok()
        assert (folder / "0/f").stat().st_size == 100_000
        assert store.get("0/f").ok().bytes == b"x" * 100_000


def test_the_program_answers_exactly_the_documented_operations():
    done = subprocess.run(
        [str(support.BUILD / "fcgi-bin" / "artifacts.fcgi"), "--operations"], capture_output=True, text=True, timeout=20, check=True
    )
    rows = {tuple(line.split("\t")) for line in done.stdout.splitlines()}
    lines = [line.split("\t") for line in TABLE.read_text().splitlines()]
    documented = {tuple(line[1:7]) for line in lines[1:] if line[6] == "artifacts.fcgi"}
    assert documented and rows == documented
    assert all(re.fullmatch(r"/\S+", row[2]) for row in rows)
