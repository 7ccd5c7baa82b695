import os

import pytest

from support import AJAX, expect_error, expect_invalid

BAD_PATHS = [
    "a\\b",
    "..",
    "../x",
    "a/../..",
    "a/../../b",
    "/etc",
    "/etc/passwd",
    "//etc/passwd",
    "%2e%2e/x",
    "%2e%2e%2fx",
    "%252e%252e%252fx",
    "a#b",
    "\x00",
    "%00",
    "a\nb",
    "C:/x",
]


def fill(folder):
    (folder / "sub" / "deep").mkdir(parents=True)
    (folder / "b.txt").write_bytes(b"12345")
    (folder / "empty").write_bytes(b"")
    (folder / "é ü.txt").write_bytes(b"x")
    (folder / "sub" / "c.json").write_bytes(b"{}")
    (folder / "B").write_bytes(b"1")


EXPECTED = [
    {"path": "B", "is_dir": False, "file_size": 1},
    {"path": "b.txt", "is_dir": False, "file_size": 5},
    {"path": "empty", "is_dir": False, "file_size": 0},
    {"path": "sub", "is_dir": True},
    {"path": "é ü.txt", "is_dir": False, "file_size": 1},
]


@pytest.fixture
def local(api, tmp_path):
    """(run id, artifact folder) of a run whose experiment has a local location."""
    run = api.run(api.experiment(artifact_location=str(tmp_path / "root")))
    folder = tmp_path / "root" / run / "artifacts"
    folder.mkdir(parents=True)
    return run, folder


def listed(api, run, path=None, **more):
    query = {"run_id": run, **more}
    if path is not None:
        query["path"] = path
    return api.get("artifacts/list", query)


def test_a_local_root_is_listed_in_byte_order(api, local):
    run, folder = local
    fill(folder)
    assert listed(api, run).ok() == {"root_uri": str(folder), "files": EXPECTED}
    assert api.get("artifacts/list", {"run_id": run}, root=AJAX).ok() == {"root_uri": str(folder), "files": EXPECTED}


@pytest.mark.parametrize("path", ["sub", "sub/", "./sub", "sub//", "sub/."])
def test_paths_are_relative_to_the_root_of_the_run(api, local, path):
    run, folder = local
    fill(folder)
    assert listed(api, run, path).ok()["files"] == [
        {"path": "sub/c.json", "is_dir": False, "file_size": 2},
        {"path": "sub/deep", "is_dir": True},
    ]


@pytest.mark.parametrize("path", ["", "."])
def test_the_root_is_named_by_nothing_or_a_dot(api, local, path):
    run, folder = local
    fill(folder)
    assert listed(api, run, path).ok()["files"] == EXPECTED


@pytest.mark.parametrize("path", ["none", "b.txt", "sub/none", "b.txt/x", "..a", "...", "~", "con", "é/x"])
def test_a_path_that_is_no_directory_has_no_files(api, local, path):
    run, folder = local
    fill(folder)
    assert listed(api, run, path).ok() == {"root_uri": str(folder)}


def test_a_root_that_does_not_exist_yet_has_no_files(api, experiment, run, tmp_path):
    assert listed(api, run).ok() == {"root_uri": f"mlflow-artifacts:/{experiment}/{run}/artifacts"}
    other = api.run(api.experiment(artifact_location=str(tmp_path / "nowhere")))
    assert listed(api, other).ok() == {"root_uri": f"{tmp_path}/nowhere/{other}/artifacts"}
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("path", BAD_PATHS)
def test_a_path_that_could_leave_the_root_is_refused(api, local, run, path):
    for one in (local[0], run):
        expect_error(listed(api, one, path), 400, "INVALID_PARAMETER_VALUE")


def test_a_path_with_dot_dot_has_the_reference_text(api, local):
    expect_invalid(listed(api, local[0], "../x"), "Invalid path")


def test_links_do_not_lead_out_of_the_root(api, local, tmp_path):
    run, folder = local
    secret = tmp_path / "secret"
    secret.mkdir()
    (secret / "key.txt").write_text("s")
    os.symlink(secret, folder / "out")
    os.symlink("/etc", folder / "etc")
    for path in ("out", "out/", "etc", "etc/ssl", "out/../out"):
        reply = listed(api, run, path)
        assert "key.txt" not in reply.text and "passwd" not in reply.text, reply
        assert reply.status == 400 or reply.json == {"root_uri": str(folder)}, reply


def test_a_proxied_root_is_listed_from_the_destination(server, api, experiment, run):
    folder = server.directory / "mlartifacts" / experiment / run / "artifacts"
    folder.mkdir(parents=True)
    fill(folder)
    uri = f"mlflow-artifacts:/{experiment}/{run}/artifacts"
    assert listed(api, run).ok() == {"root_uri": uri, "files": EXPECTED}
    assert [f["path"] for f in listed(api, run, "sub").ok()["files"]] == ["sub/c.json", "sub/deep"]


def test_a_file_uri_root_is_decoded_once(api, tmp_path):
    location = tmp_path / "a b%41"
    run = api.run(api.experiment(artifact_location="file://" + str(location).replace("%", "%25").replace(" ", "%20")))
    folder = location / run / "artifacts"
    folder.mkdir(parents=True)
    (folder / "f").write_text("x")
    assert listed(api, run).ok()["files"] == [{"path": "f", "is_dir": False, "file_size": 1}]


def test_a_plain_path_root_is_not_decoded(api, tmp_path):
    run = api.run(api.experiment(artifact_location=str(tmp_path / "p%41c")))
    folder = tmp_path / "p%41c" / run / "artifacts"
    folder.mkdir(parents=True)
    (folder / "f").write_text("x")
    assert listed(api, run).ok()["files"] == [{"path": "f", "is_dir": False, "file_size": 1}]


def test_the_page_token_is_ignored_and_deleted_runs_are_listed(api, local):
    run, folder = local
    fill(folder)
    api.post("runs/delete", {"run_id": run}).ok()
    assert listed(api, run, page_token="anything").ok()["files"] == EXPECTED


def test_an_unknown_scheme_is_a_client_error(api):
    run = api.run(api.experiment(artifact_location="weird://x/y"))
    message = expect_invalid(listed(api, run))
    assert message.startswith("Could not find a registered artifact repository for: weird://x/y"), message


def test_a_run_of_a_server_that_no_longer_serves_artifacts_is_a_client_error(servers):
    api = servers("--no-serve-artifacts").api
    run = api.run(api.experiment(artifact_location="mlflow-artifacts:/1"))
    reply = api.get("artifacts/list", {"run_id": run}, may_be_5xx=True)
    assert reply.status in (400, 503) and len(reply.text) > 20, reply
