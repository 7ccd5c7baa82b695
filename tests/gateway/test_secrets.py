"""Keys: what is changed counts for the next request, whichever process changed it, and nothing gives them away."""

import os
import resource
import signal
import subprocess
import time

import pytest

from gateway_support import KEY, expect_detail
from plain_openai import chat, error
from support import API_3, BUILD

NEW = "sk-new-9876543210fedcba"


@pytest.fixture
def made(gateway, wire):
    """(endpoint, id of its secret)"""
    wire.answer(chat())
    secret = gateway.secret(KEY, auth_config={"api_base": wire.url})
    body = {"name": f"d-{secret}", "secret_id": secret, "provider": "openai", "model_name": "m"}
    model = gateway.api.post("gateway/model-definitions/create", body, root=API_3).ok()["model_definition"]
    return gateway.endpoint_of(model["model_definition_id"]), secret


def sent_key(gateway, wire, name):
    assert gateway.chat(name).status_code == 200
    return wire.last_call().header("authorization")


def test_a_changed_key_is_used_by_the_next_request(gateway, wire, made):
    name, secret = made
    for _ in range(3):
        assert sent_key(gateway, wire, name) == f"Bearer {KEY}"
    for i in range(5):
        key = f"{NEW}-{i}"
        gateway.api.post("gateway/secrets/update", {"secret_id": secret, "secret_value": {"api_key": key}}, root=API_3).ok()
        assert sent_key(gateway, wire, name) == f"Bearer {key}"


def test_a_changed_address_is_used_by_the_next_request(gateway, wire, made, upstream):
    name, secret = made
    other = upstream.wire().answer(chat("other"))
    gateway.chat(name)
    gateway.api.post("gateway/secrets/update", {"secret_id": secret, "auth_config": {"api_base": other.url}}, root=API_3).ok()
    assert gateway.chat(name).json()["choices"][0]["message"]["content"] == "other"


def test_a_deleted_key_is_not_used_any_more(gateway, wire, made):
    name, secret = made
    gateway.chat(name)
    gateway.api.delete("gateway/secrets/delete", {"secret_id": secret}, root=API_3).ok()
    reply = gateway.chat(name)
    assert reply.status_code == 404
    assert len(wire.calls) == 1


def test_a_rename_of_the_endpoint_counts_at_once(gateway, wire, made):
    name, _ = made
    gateway.chat(name)
    listed = gateway.api.get("gateway/endpoints/list", root=API_3).ok()["endpoints"]
    (endpoint_id,) = [one["endpoint_id"] for one in listed if one["name"] == name]
    gateway.api.post("gateway/endpoints/update", {"endpoint_id": endpoint_id, "name": name + "-new"}, root=API_3).ok()
    assert gateway.chat(name).status_code == 404
    assert gateway.chat(name + "-new").status_code == 200


def test_a_secret_without_a_key_is_refused_in_the_words_of_its_provider(gateway, wire):
    name = gateway.endpoint("openai", wire, secret={"other": "value"})
    reply = gateway.chat(name)
    expect_detail(reply, 400, None)
    assert reply.json()["detail"]["error_code"] == "INVALID_PARAMETER_VALUE"
    assert wire.calls == []


def test_a_key_is_taken_literally(gateway, wire, tmp_path, monkeypatch):
    path = tmp_path / "file"
    path.write_text("content of the file")
    wire.answer(chat())
    for key in ("$HOME", str(path)):
        name = gateway.endpoint("openai", wire, secret=key)
        assert sent_key(gateway, wire, name) == f"Bearer {key}"


def test_another_passphrase_cannot_open_what_is_there(gateway, wire, made, tmp_path):
    """The program by itself, on the same database, with a passphrase that the secrets are not encrypted under."""
    name, _ = made
    recording = tmp_path / "request"
    body = '{"messages":[{"role":"user","content":"hi"}]}'
    recording.write_text(f"POST /gateway/{name}/mlflow/invocations HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n{body}")
    done = subprocess.run(
        [BUILD / "fcgi-bin" / "gateway.fcgi", "--replay", recording, "--backend-store-uri", f"sqlite:///{gateway.server.database}"],
        env={**os.environ, "MLFLOW_CRYPTO_KEK_PASSPHRASE": "another one"},
        capture_output=True, timeout=30, stdin=subprocess.DEVNULL, cwd=tmp_path,
    )  # fmt: skip
    assert b"Status: 400 " in done.stdout, done
    assert b"Failed to decrypt secret." in done.stdout
    assert wire.calls == []


def dumps_core(folder, *command):
    """Whether the system writes a core file when this process is aborted."""
    process = subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY,) * 2),
    )  # fmt: skip
    time.sleep(0.5)
    process.send_signal(signal.SIGABRT)
    _, status = os.waitpid(process.pid, 0)
    assert os.WIFSIGNALED(status), status
    return os.WCOREDUMP(status)


def test_the_process_leaves_no_core_behind(tmp_path):
    if not dumps_core(tmp_path, "sleep", "10"):
        pytest.skip("no process leaves a core file here")
    database = ("--backend-store-uri", f"sqlite:///{tmp_path}/t.db")
    assert not dumps_core(tmp_path, BUILD / "fcgi-bin" / "gateway.fcgi", "--listen", f"unix:{tmp_path}/socket", *database)


def test_nothing_that_a_call_leaves_behind_has_the_key(gateway, wire, made):
    name, _ = made
    gateway.chat(name)
    wire.answer(error(500, f"{KEY} does not work"))
    gateway.chat(name)
    found = [path for path in gateway.server.directory.rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]
    assert found == []
