"""Multipart uploads: on a local folder the client is told to upload in one piece."""

import pytest

from proxy import MPU
from support import missing

UNSUPPORTED = "Multipart upload is not supported for the current artifact repository"
PART = {"part_number": 1, "etag": "e", "url": "http://x/"}


@pytest.mark.parametrize("root", [MPU, MPU.replace("/api/", "/ajax-api/")])
@pytest.mark.parametrize("path", ["model.pkl", "/home/me/model.pkl", "C:\\Users\\me\\model.pkl", "../up/model.pkl"])
@pytest.mark.parametrize(
    "step, body", [("create", {"num_parts": 3}), ("create", {}), ("complete", {"upload_id": "u", "parts": [PART]}), ("abort", {"upload_id": "u"})]
)
def test_a_local_folder_has_none(store, root, path, step, body):
    store.post(f"{root}/{step}/0/run/artifacts", {"path": path, **body}).expect(501, "NOT_IMPLEMENTED", UNSUPPORTED)


@pytest.mark.parametrize("step", ["create", "complete", "abort"])
def test_the_name_of_the_file_is_required(store, step):
    for body in ({}, {"path": ""}, {"path": None}):
        store.post(f"{MPU}/{step}/0", {**body, "parts": [PART]}).expect(400, "INVALID_PARAMETER_VALUE", missing("path"))


def test_completing_needs_parts(store):
    for body in ({}, {"parts": []}):
        store.post(f"{MPU}/complete/0", {"path": "x", **body}).expect(400, "INVALID_PARAMETER_VALUE", missing("parts"))


@pytest.mark.parametrize("body", [b"[]", b"nonsense", b'{"path": 1}', b'{"path": "x", "num_parts": "many"}'])
def test_what_is_no_request_is_refused(store, body):
    store.call("POST", f"{MPU}/create/0", body, {"Content-Type": "application/json"}).expect(400, "INVALID_PARAMETER_VALUE")


def test_a_form_is_refused(store):
    store.call("POST", f"{MPU}/create/0", b"path=x", {"Content-Type": "application/x-www-form-urlencoded"}).expect(
        400, "INVALID_PARAMETER_VALUE"
    )


def test_there_are_no_presigned_downloads_of_a_local_folder(store):
    store.put("presigned.txt", b"x").ok()
    store.call("GET", "/api/2.0/mlflow-artifacts/presigned/presigned.txt").expect(
        501, "NOT_IMPLEMENTED", "Multipart download is not supported for the current artifact repository"
    )
