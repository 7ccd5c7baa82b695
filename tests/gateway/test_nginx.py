"""gateway.fcgi behind nginx, by the example in deploy/nginx, beside the suite that manages its endpoints."""

import os
import pathlib
import shutil
import subprocess
import time

import pytest
import requests

from gateway_support import KEY, wait_until
from plain_openai import chat, chunk, chunks, text_of
from support import API_3, BUILD, free_port
from upstream import HANG, frame, stream

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
HI = [{"role": "user", "content": "hi"}]

CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
    server {{
        listen 127.0.0.1:{port};
        include {folder}/gateway.conf;
    }}
}}
"""


@pytest.fixture(scope="module")
def nginx(servers, tmp_path_factory):
    """The address of nginx in front of a second gateway.fcgi on the suite's database."""
    if not NGINX:
        pytest.skip("nginx is not installed")
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "tmp").mkdir()
    example = (ROOT / "deploy/nginx/gateway.conf").read_text()
    example = example.replace("/run/tracklight/gateway.sock", f"{folder}/gateway.sock")
    (folder / "gateway.conf").write_text(example.replace("include fastcgi_params", "include /etc/nginx/fastcgi_params"))
    port = free_port()
    (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, port=port))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "TRACKLIGHT_"))}
    with open(folder / "log", "wb") as log:
        program = subprocess.Popen(
            [BUILD / "fcgi-bin/gateway.fcgi", "--listen", f"unix:{folder}/gateway.sock", "--backend-store-uri", f"sqlite:///{servers().database}"],
            cwd=folder, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        server = subprocess.Popen([NGINX, "-c", folder / "nginx.conf", "-p", folder], stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def answers():
        try:
            return requests.post(f"{url}/gateway/nobody/mlflow/invocations", data=b"{}", timeout=2).status_code == 400
        except requests.RequestException:
            return False

    try:
        wait_until(answers, 20, "nginx does not answer")
        yield url
    finally:
        server.terminate()
        program.terminate()
        assert server.wait(20) == 0
        assert program.wait(40) == 0, (folder / "log").read_text()


@pytest.fixture
def behind(gateway, nginx):
    gateway.url = nginx
    return gateway


def test_calls_and_streams_pass(behind, wire):
    name = behind.endpoint("openai", wire)
    wire.answer(chat("hello"), chunks("a", 0.6, "b"))
    assert behind.chat(name).json()["choices"][0]["message"]["content"] == "hello"
    assert wire.last_call().header("authorization") == f"Bearer {KEY}"
    assert text_of(behind.stream(name)) == "ab"


def test_events_leave_as_they_come(behind, wire):
    name = behind.endpoint("openai", wire)
    wire.answer(chunks("one", 0.5, "two"))
    reply = behind.invoke(name, {"messages": HI, "stream": True}, stream=True)
    times = []
    for piece in reply.iter_content(None):
        times += [time.monotonic() for word in (b"one", b"two") if word in piece]
    assert times[1] - times[0] > 0.3


@pytest.mark.parametrize("streamed", [True, False])
def test_a_client_that_leaves_is_noticed_at_once(behind, wire, streamed):
    """nginx closes the connection to the program, so even a call without a stream is given up."""
    name = behind.endpoint("openai", wire)
    wire.answer(stream(frame(chunk("a")), HANG) if streamed else stream(HANG))
    session = requests.Session()
    path, body = f"{behind.url}/gateway/{name}/mlflow/invocations", {"messages": HI, "stream": streamed}
    if streamed:
        next(session.post(path, json=body, stream=True, timeout=10).iter_content(None))
    else:
        with pytest.raises(requests.Timeout):
            session.post(path, json=body, timeout=0.5)
    session.close()
    left = time.monotonic()
    call = wire.only_call()
    assert call.ended.wait(5)
    assert call.closed_at - left < 1


def test_a_secret_that_the_suite_changes_counts_for_the_other_process(behind, wire):


    secret = behind.secret(KEY, auth_config={"api_base": wire.url})
    body = {"name": f"d-{secret}", "secret_id": secret, "provider": "openai", "model_name": "m"}
    model = behind.api.post("gateway/model-definitions/create", body, root=API_3).ok()["model_definition"]["model_definition_id"]
    name = behind.endpoint_of(model)
    wire.answer(chat())
    for i in range(4):
        assert behind.chat(name).status_code == 200
        behind.api.post("gateway/secrets/update", {"secret_id": secret, "secret_value": {"api_key": f"sk-changed-{i}"}}, root=API_3).ok()
        assert behind.chat(name).status_code == 200
        assert wire.last_call().header("authorization") == f"Bearer sk-changed-{i}"
