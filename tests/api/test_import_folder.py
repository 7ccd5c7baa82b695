"""What `tracklight import` makes of a folder of MLflow's file store: one that a real client wrote, and one with everything
that such a folder can hold, written here as MLflow 3.8 lays it out."""

import pathlib
import tarfile

import pytest

from support import Server
from test_import import report, run_import

DATA = pathlib.Path(__file__).resolve().parent.parent / "data"
RUN = "0123456789abcdef0123456789abcdef"
MODEL = "m-0123456789abcdef0123456789abcdef"
TRACE = "tr-0123456789abcdef0123456789abcdef"

FILES = {
    "0/meta.yaml": "artifact_location: file:///old/0\ncreation_time: 1\nexperiment_id: '0'\nlast_update_time: 1\nlifecycle_stage: active\nname: Default\n",
    "77/meta.yaml": "artifact_location: file:///old/77\ncreation_time: 5\nexperiment_id: '77'\nlast_update_time: 6\nlifecycle_stage: active\nname: \"caf\\xE9\"\n",
    "77/tags/team": "a\nb",
    ".trash/78/meta.yaml": "artifact_location: file:///old/78\ncreation_time: 5\nexperiment_id: '78'\nlast_update_time: 6\nlifecycle_stage: deleted\nname: gone\n",
    f"77/{RUN}/meta.yaml": (
        f"artifact_uri: file:///old/77/{RUN}/artifacts\nend_time: null\nexperiment_id: '77'\nlifecycle_stage: active\n"
        f"run_id: {RUN}\nrun_name: first\nstart_time: 1700000000000\nstatus: 4\ntags: []\nuser_id: me\n"
    ),
    f"77/{RUN}/metrics/loss": "1700000000000 0.5 0\n1700000000002 0.125 2\n1700000000001 0.25 1\n",
    f"77/{RUN}/metrics/deep/er/nan": "1 nan 0\n",
    f"77/{RUN}/metrics/old": "1 2.5\n",
    f"77/{RUN}/metrics/broken": "no number at all\n3 1.5 1\n",
    f"77/{RUN}/params/lr": "0.1",
    f"77/{RUN}/params/deep/er": "x",
    f"77/{RUN}/tags/mlflow.runName": "first",
    "77/datasets/d1/meta.yaml": "digest: abc\nname: train\nprofile: null\nschema: '{}'\nsource: '{\"x\": 1}'\nsource_type: local\n",
    f"77/{RUN}/inputs/i1/meta.yaml": "destination_id: d1\ndestination_type: RUN\nsource_id: d1\nsource_type: DATASET\ntags:\n  mlflow.data.context: training\n",
    f"77/{RUN}/inputs/i2/meta.yaml": f"destination_id: {MODEL}\ndestination_type: RUN\nsource_id: {MODEL}\nsource_type: MODEL\ntags: {{}}\n",
    f"77/{RUN}/outputs/{MODEL}/meta.yaml": f"destination_id: {MODEL}\ndestination_type: MODEL_OUTPUT\nsource_id: {MODEL}\nsource_type: RUN_OUTPUT\nstep: 3\ntags: {{}}\n",
    f"77/models/{MODEL}/meta.yaml": (
        f"artifact_location: file:///old/77/models/{MODEL}/artifacts\ncreation_timestamp: 7\nexperiment_id: '77'\nlast_updated_timestamp: 8\n"
        f"lifecycle_stage: active\nmodel_id: {MODEL}\nmodel_type: agent\nname: lm\nsource_run_id: {RUN}\nstatus: LoggedModelStatus.READY\nstatus_message: null\n"
    ),
    f"77/models/{MODEL}/params/depth": "3",
    f"77/models/{MODEL}/tags/colour": "red",
    f"77/models/{MODEL}/metrics/acc": f"9 0.75 1 {RUN} train abc\n",
    f"77/traces/{TRACE}/trace_info.yaml": (
        f"execution_duration_ms: 25\nrequest_preview: '\"in\"'\nrequest_time: '2023-11-14T22:13:20.123Z'\nresponse_preview: '\"out\"'\nstate: OK\n"
        f"trace_id: {TRACE}\ntrace_location:\n  mlflow_experiment:\n    experiment_id: '77'\n  type: MLFLOW_EXPERIMENT\n"
    ),
    f"77/traces/{TRACE}/tags/tt": "x1",
    f"77/traces/{TRACE}/request_metadata/mlflow.trace_schema.version": "3",
    f"77/traces/{TRACE}/assessments/a-1.yaml": (
        f"assessment_id: a-1\nassessment_name: correct\ncreate_time: '2023-11-14T22:13:21Z'\nfeedback:\n  value: true\nlast_update_time: '2023-11-14T22:13:21Z'\n"
        f"rationale: because\nsource:\n  source_id: me\n  source_type: HUMAN\ntrace_id: {TRACE}\nvalid: true\n"
    ),
    "models/reg/meta.yaml": "aliases: {}\ncreation_timestamp: 11\ndescription: what it is\nlast_updated_timestamp: 12\nname: reg\n",
    "models/reg/tags/owner": "me",
    "models/reg/aliases/champion": "2",
    "models/reg/version-1/meta.yaml": f"creation_timestamp: 13\ncurrent_stage: Archived\ndescription: null\nlast_updated_timestamp: 14\nname: reg\nrun_id: {RUN}\nrun_link: ''\nsource: file:///old/x\nstatus: READY\nstorage_location: file:///old/y\nversion: 1\n",
    "models/reg/version-2/meta.yaml": "creation_timestamp: 15\ncurrent_stage: None\ndescription: second\nlast_updated_timestamp: 16\nname: reg\nrun_id: null\nrun_link: null\nsource: file:///old/z\nstatus: READY\nversion: 2\n",
    "models/reg/version-2/tags/checked": "yes",
    "77/nothing/here.txt": "not a run",
}  # fmt: skip


def write_store(root):
    for name, text in FILES.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """The API of a server on the imported folder, and what the import said."""
    folder = tmp_path_factory.mktemp("folder")
    result = run_import(write_store(folder / "mlruns"), folder / "t.db")
    assert result.returncode == 0, result.stderr
    server = Server(folder)
    yield server.api, result
    server.stop()


def get(imported, path, **query):
    reply = imported[0].request("GET", path, params=query)
    assert reply.status == 200, reply
    return reply.json


def test_everything_in_the_folder_is_taken(imported):
    rows = report(imported[1].stdout)
    assert rows == {
        "experiments": (3, 0, 0), "runs": (1, 0, 0), "logged models": (1, 0, 0), "registered models": (1, 0, 0),
        "model versions": (2, 0, 0), "traces": (1, 0, 0),
    }  # fmt: skip
    assert "Metric 'broken'" in imported[1].stderr and "1 lines cannot be read" in imported[1].stderr


def test_experiments_keep_ids_names_tags_and_deletion(imported):
    shown = get(imported, "/api/2.0/mlflow/experiments/get", experiment_id="77")["experiment"]
    assert shown == {
        "experiment_id": "77", "name": "café", "artifact_location": "file:///old/77", "lifecycle_stage": "active",
        "creation_time": 5, "last_update_time": 6, "tags": [{"key": "team", "value": "a\nb"}],
    }  # fmt: skip
    assert get(imported, "/api/2.0/mlflow/experiments/get", experiment_id="78")["experiment"]["lifecycle_stage"] == "deleted"


def test_runs_keep_their_metrics_params_tags_and_inputs(imported):
    run = get(imported, "/api/2.0/mlflow/runs/get", run_id=RUN)["run"]
    assert run["info"]["status"] == "FAILED" and run["info"]["run_name"] == "first" and "end_time" not in run["info"]
    metrics = {metric["key"]: (metric["value"], metric["step"]) for metric in run["data"]["metrics"]}
    assert metrics == {"loss": (0.125, 2), "deep/er/nan": ("NaN", 0), "old": (2.5, 0), "broken": (1.5, 1)}
    assert {param["key"]: param["value"] for param in run["data"]["params"]} == {"lr": "0.1", "deep/er": "x"}
    history = get(imported, "/api/2.0/mlflow/metrics/get-history", run_id=RUN, metric_key="loss")["metrics"]
    assert [point["value"] for point in history] == [0.5, 0.25, 0.125]
    (dataset,) = run["inputs"]["dataset_inputs"]
    assert dataset["dataset"]["name"] == "train" and dataset["tags"] == [{"key": "mlflow.data.context", "value": "training"}]
    assert [model["model_id"] for model in run["inputs"]["model_inputs"]] == [MODEL]
    assert run["outputs"]["model_outputs"] == [{"model_id": MODEL, "step": 3}]


def test_logged_models_come_with_what_was_logged(imported):
    model = get(imported, f"/api/2.0/mlflow/logged-models/{MODEL}")["model"]
    assert model["info"]["status"] == "LOGGED_MODEL_READY" and model["info"]["source_run_id"] == RUN
    assert model["info"]["tags"] == [{"key": "colour", "value": "red"}]
    assert model["data"]["params"] == [{"key": "depth", "value": "3"}]
    (metric,) = model["data"]["metrics"]
    assert (metric["value"], metric["dataset_name"], metric["dataset_digest"]) == (0.75, "train", "abc")


def test_traces_come_with_tags_and_assessments(imported):
    info = get(imported, f"/api/3.0/mlflow/traces/{TRACE}")["trace"]["trace_info"]
    assert (info["request_time"], info["execution_duration"], info["state"]) == ("2023-11-14T22:13:20.123Z", "0.025s", "OK")
    assert info["tags"]["tt"] == "x1"
    (assessment,) = info["assessments"]
    assert assessment["feedback"]["value"] is True and assessment["rationale"] == "because"


def test_the_registry_comes_with_versions_and_aliases(imported):
    model = get(imported, "/api/2.0/mlflow/registered-models/get", name="reg")["registered_model"]
    assert model["description"] == "what it is" and model["tags"] == [{"key": "owner", "value": "me"}]
    assert model["aliases"] == [{"alias": "champion", "version": "2"}]
    first = get(imported, "/api/2.0/mlflow/model-versions/get", name="reg", version="1")["model_version"]
    assert (first["current_stage"], first["run_id"], first["source"]) == ("Archived", RUN, "file:///old/x")
    uri = get(imported, "/api/2.0/mlflow/model-versions/get-download-uri", name="reg", version="1")
    assert uri == {"artifact_uri": "file:///old/y"}


def test_a_folder_that_a_real_client_wrote_is_taken(tmp_path):
    with tarfile.open(DATA / "mlruns.tar.gz") as archive:
        archive.extractall(tmp_path)
    result = run_import(tmp_path / "mlruns", tmp_path / "new.db")
    assert result.returncode == 0, result.stderr
    assert report(result.stdout) == {"experiments": (2, 0, 0), "runs": (4, 0, 0)}
    again = run_import(tmp_path / "mlruns", tmp_path / "new.db")
    assert report(again.stdout) == {"experiments": (0, 2, 0), "runs": (0, 4, 0)}


def test_links_are_not_followed_and_a_folder_of_something_else_is_refused(tmp_path):
    root = write_store(tmp_path / "mlruns")
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    (root / "77" / RUN / "params" / "leak").symlink_to(secret)
    (root / "77" / RUN / "tags" / "self").symlink_to(root)
    result = run_import(root, tmp_path / "new.db")
    assert result.returncode == 0, result.stderr
    assert b"hidden" not in (tmp_path / "new.db").read_bytes()
    (tmp_path / "empty").mkdir()
    refused = run_import(tmp_path / "empty", tmp_path / "other.db")
    assert refused.returncode == 1 and "no folder of MLflow's file store" in refused.stderr
