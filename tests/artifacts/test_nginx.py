"""artifacts.fcgi behind nginx: downloads by X-Accel-Redirect, streamed uploads, kept connections."""

import os
import pathlib
import shutil
import subprocess
import time

import pytest
import requests
import support

from proxy import ROOT, Proxy, raw
from support import Api, free_port

NGINX = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")

CONFIGURATION = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log;
events {{ worker_connections 256; }}
http {{
    access_log off; sendfile on; client_max_body_size 0;
    client_body_temp_path {folder}/tmp; proxy_temp_path {folder}/tmp; fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp; scgi_temp_path {folder}/tmp;
    upstream artifacts {{ server unix:{folder}/artifacts.sock; keepalive 8; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            fastcgi_pass artifacts;
            fastcgi_keep_conn on;
            include /etc/nginx/fastcgi_params;
            fastcgi_request_buffering off;
            fastcgi_max_temp_file_size 0;
            fastcgi_buffers 4 64k; fastcgi_buffer_size 64k; fastcgi_busy_buffers_size 128k;
        }}
        location /tracklight-artifacts/ {{
            internal;
            alias {folder}/mlartifacts/;
            etag off;
            add_header ETag $upstream_http_etag;
            add_header X-Request-Id $upstream_http_x_request_id;
            add_header X-Content-Type-Options $upstream_http_x_content_type_options;
            add_header X-Frame-Options $upstream_http_x_frame_options;
            add_header Content-Security-Policy $upstream_http_content_security_policy;
        }}
    }}
}}
"""


class Suite:
    def __init__(self, folder):
        self.directory = folder
        self.port = free_port()
        self.api = Api(f"http://127.0.0.1:{self.port}")
        (folder / "tmp").mkdir()
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "TRACKLIGHT_"))}
        environment["TRACKLIGHT_X_SENDFILE"] = "x-accel-redirect"
        self.log = open(folder / "log", "wb")
        self.program = subprocess.Popen(
            [support.BUILD / "fcgi-bin/artifacts.fcgi", "--listen", f"unix:{folder}/artifacts.sock", "--artifacts-only"],
            cwd=folder, env=environment, stdout=self.log, stderr=self.log,
        )  # fmt: skip
        (folder / "nginx.conf").write_text(CONFIGURATION.format(folder=folder, port=self.port))
        self.nginx = subprocess.Popen([NGINX, "-c", folder / "nginx.conf", "-p", folder], stdout=self.log, stderr=self.log)
        deadline = time.monotonic() + 20
        while True:
            try:
                if requests.get(f"http://127.0.0.1:{self.port}{ROOT}", timeout=2).status_code == 200:
                    break
            except requests.RequestException:
                pass
            assert time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.05)

    def stop(self):
        for process in (self.nginx, self.program):
            process.terminate()
            process.wait(40)
        self.log.close()
        assert self.program.returncode == 0


@pytest.fixture(scope="module")
def nginx(tmp_path_factory):
    if not NGINX:
        pytest.skip("nginx is not here")
    suite = Suite(pathlib.Path(tmp_path_factory.mktemp("nginx")))
    yield Proxy(suite)
    suite.stop()


@pytest.mark.parametrize("size", [0, 10, 70_000, 5_000_000])
@pytest.mark.parametrize("name", ["f.bin", "é %?.txt", "p%41.html", "a b;c.txt"])
def test_a_file_comes_back_as_it_went(nginx, name, size):
    path, data = f"{nginx.fresh()}/{name}", os.urandom(size)
    nginx.put(path, data).ok()
    reply = nginx.get(path).ok()
    assert reply.bytes == data and reply.headers["content-length"] == str(size)
    assert reply.headers["content-disposition"].startswith("attachment")
    assert reply.headers["x-content-type-options"] == "nosniff" and "sandbox" in reply.headers["content-security-policy"]
    head = nginx.get(path, method="HEAD").ok()
    assert head.headers["content-length"] == str(size) and head.bytes == b""


@pytest.mark.parametrize("size", [1000, 100_000])
def test_ranges_and_validators(nginx, size):
    path, data = f"{nginx.fresh()}/f", os.urandom(size)
    nginx.put(path, data).ok()
    part = nginx.get(path, {"Range": "bytes=5-9"})
    assert (part.status, part.bytes, part.headers["content-range"]) == (206, data[5:10], f"bytes 5-9/{size}")
    assert nginx.get(path, {"Range": f"bytes={size}-"}).status == 416
    etag = nginx.get(path).headers["etag"]
    resumed = nginx.get(path, {"Range": "bytes=5-9", "If-Range": etag})
    assert (resumed.status, resumed.bytes) == (206, data[5:10])
    assert nginx.get(path, {"If-None-Match": etag}).status == 304


def test_a_body_of_unknown_length_is_stored_whole(nginx):
    path, pieces = f"{nginx.fresh()}/chunked", [os.urandom(70_000) for _ in range(5)]
    nginx.call("PUT", nginx.target(path), iter(pieces)).ok()
    assert nginx.get(path).ok().bytes == b"".join(pieces)


def test_the_internal_location_and_the_header_are_not_for_clients(nginx):
    nginx.put("secret/f.bin", b"x" * 100_000).ok()
    assert raw(nginx.server.port, "GET", "/tracklight-artifacts/secret/f.bin").status == 404
    for name in ("X-Accel-Redirect", "X-Sendfile"):
        reply = nginx.get("none", {name: "/tracklight-artifacts/secret/f.bin"})
        assert reply.status == 404 and b"xxx" not in reply.bytes


def test_a_refused_body_does_not_spoil_the_kept_connection(nginx):
    for _ in range(20):
        nginx.put("..", b"x" * 500_000).expect(400, "INVALID_PARAMETER_VALUE")
        nginx.list("none").ok()
