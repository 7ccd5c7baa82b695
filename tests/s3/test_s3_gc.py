"""`tracklight gc` where the artifacts are on S3."""

import subprocess

import requests
from conftest import BUCKET
from s3_support import ACCESS_KEY, BUILD, SECRET_KEY

API = "/api/2.0/mlflow"


def post(server, path, body):
    reply = requests.post(f"{server.url}{API}/{path}", json=body, timeout=30)
    assert reply.status_code == 200, reply.text
    return reply.json()


def collect(server, endpoint, prefix):
    environment = {
        **server.environment,
        "MLFLOW_S3_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "MLFLOW_ARTIFACTS_DESTINATION": f"s3://{BUCKET}/{prefix}",
    }
    line = [str(BUILD / "bin/tracklight"), "gc", "--backend-store-uri", f"sqlite:///{server.database}"]
    return subprocess.run(line, env=environment, cwd=server.directory, capture_output=True, text=True, timeout=60, check=False)


def test_artifacts_on_s3_go_by_their_names_and_stay_while_the_store_is_away(suite_server, swift, client, prefix, tmp_path):
    environment = {"MLFLOW_S3_ENDPOINT_URL": swift.endpoint, "AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    server = suite_server(tmp_path, "--artifacts-destination", f"s3://{BUCKET}/{prefix}/served", environment=environment)
    try:
        direct = post(server, "experiments/create", {"name": "direct", "artifact_location": f"s3://{BUCKET}/{prefix}/direct"})
        served = post(server, "experiments/create", {"name": "served"})["experiment_id"]
        runs = [post(server, "runs/create", {"experiment_id": e})["run"]["info"]["run_id"] for e in (direct["experiment_id"], served)]
        names = [f"direct/{runs[0]}/artifacts/f", f"direct/{runs[0]}-other/artifacts/f", f"served/{served}/{runs[1]}/artifacts/f"]
        for name in names:
            client.call("PUT", f"/{BUCKET}/{prefix}/{name}", body=b"bytes")
        for run in runs:
            post(server, "runs/delete", {"run_id": run})
        away = collect(server, "http://127.0.0.1:1", f"{prefix}/served")
        assert away.returncode == 1 and away.stdout == "" and away.stderr.count("is left for the next time") == 2, away
        assert len(client.keys(BUCKET, f"{prefix}/")) == 3
        done = collect(server, swift.endpoint, f"{prefix}/served")
        assert (done.returncode, done.stderr) == (0, ""), done
        assert sorted(done.stdout.splitlines()) == sorted(f"Run with ID {run} has been permanently deleted." for run in runs)
        assert client.keys(BUCKET, f"{prefix}/") == [f"{prefix}/{names[1]}"]
    finally:
        server.stop()
