"""What breaks: connections, disks, processes. Nothing is left behind, nothing hangs, nobody sees half a file."""

import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

import pytest

from proxy import ROOT, TEMPORARY, Proxy
from support import in_threads, raw_status

BIG = 3_000_000


def begin_upload(proxy, path, length, sent):
    """A connection over which `sent` bytes of an upload of `length` bytes have gone."""
    connection = socket.create_connection(("127.0.0.1", proxy.server.port), timeout=90)
    head = f"PUT {proxy.target(path)} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n"
    connection.sendall(head.encode() + b"u" * sent)
    return connection


def eventually(check, seconds=10):
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)


def temporary_files(proxy, folder):
    return [name for name in os.listdir(proxy.folder / folder) if name.startswith(TEMPORARY)]


@pytest.mark.parametrize("sent", [0, 1, 100_000, BIG - 1])
def test_an_upload_that_breaks_off_leaves_nothing(store, sent):
    folder = store.fresh()
    store.put(f"{folder}/kept", b"kept").ok()
    connection = begin_upload(store, f"{folder}/kept", BIG, sent)
    if sent > 65536:
        eventually(lambda: temporary_files(store, folder))
    connection.close()
    eventually(lambda: not temporary_files(store, folder))
    assert os.listdir(store.folder / folder) == ["kept"]
    assert store.get(f"{folder}/kept").ok().bytes == b"kept"


def test_nobody_sees_an_upload_before_it_is_whole(store):
    folder = store.fresh()
    store.put(f"{folder}/kept", b"kept").ok()
    connection = begin_upload(store, f"{folder}/kept", BIG, BIG - 1)
    eventually(lambda: temporary_files(store, folder))
    assert store.get(f"{folder}/kept").ok().bytes == b"kept"
    assert store.list(folder).json == {"files": [{"path": "kept", "is_dir": False, "file_size": 4}]}
    connection.sendall(b"!")
    assert raw_status(connection.recv(65536)) == 200
    connection.close()
    assert store.get(f"{folder}/kept").ok().bytes == b"u" * (BIG - 1) + b"!"
    assert temporary_files(store, folder) == []


def test_many_broken_uploads_and_downloads_cost_no_thread_and_no_descriptor(proxy):
    folder = proxy.fresh()
    proxy.put(f"{folder}/big", b"x" * 20_000_000).ok()
    (program,) = proxy.server.programs("artifacts.fcgi")

    def descriptors():
        return len(os.listdir(f"/proc/{program}/fd"))

    proxy.get(f"{folder}/big").ok()
    before = descriptors()

    def work(number):
        for _ in range(10):
            begin_upload(proxy, f"{folder}/broken{number}", BIG, 200_000).close()
            with socket.create_connection(("127.0.0.1", proxy.server.port), timeout=30) as connection:
                connection.sendall(f"GET {proxy.target(folder + '/big')} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
                assert raw_status(connection.recv(4096)) == 200

    in_threads(8, work)
    eventually(lambda: not temporary_files(proxy, folder) and descriptors() <= before + 1, 60)
    assert os.listdir(proxy.folder / folder) == ["big"]
    assert len(proxy.get(f"{folder}/big").ok().bytes) == 20_000_000


def test_a_file_that_shrinks_while_it_is_sent_breaks_the_connection_off(servers):
    proxy = Proxy(servers(environment={"TRACKLIGHT_X_SENDFILE": "off"}))
    path = f"{proxy.fresh()}/shrinks"
    proxy.put(path, b"x" * 50_000_000).ok()
    connection = http.client.HTTPConnection("127.0.0.1", proxy.server.port, timeout=30)
    connection.request("GET", proxy.target(path))
    response = connection.getresponse()
    assert response.status == 200 and response.read(1000) == b"x" * 1000
    os.truncate(proxy.folder / path, 1000)
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        response.read()
    connection.close()
    assert proxy.get(path).ok().bytes == b"x" * 1000


def test_a_deleted_file_is_still_sent_whole(servers):
    proxy = Proxy(servers(environment={"TRACKLIGHT_X_SENDFILE": "off"}))
    path = f"{proxy.fresh()}/goes"
    proxy.put(path, b"x" * 50_000_000).ok()
    connection = http.client.HTTPConnection("127.0.0.1", proxy.server.port, timeout=30)
    connection.request("GET", proxy.target(path))
    response = connection.getresponse()
    first = response.read(1000)
    proxy.delete(path).ok()
    assert len(first + response.read()) == 50_000_000
    connection.close()


@pytest.mark.slow
def test_a_client_that_stalls_is_sent_away_and_leaves_nothing(store):
    folder = store.fresh()
    store.put(f"{folder}/kept", b"kept").ok()
    connection = begin_upload(store, f"{folder}/kept", BIG, 100_000)
    started = time.monotonic()
    received = connection.recv(65536)
    assert received == b"" or raw_status(received) == 408, received
    assert time.monotonic() - started < 60
    connection.close()
    eventually(lambda: not temporary_files(store, folder))
    assert store.get(f"{folder}/kept").ok().bytes == b"kept"


# --- Limits and full disks ---


def test_an_artifact_may_be_as_large_as_the_limit_and_no_larger(servers):
    store = Proxy(servers("--artifacts-size-limit", "100000"))
    folder = store.fresh()
    store.put(f"{folder}/most", b"x" * 100_000).ok()
    store.put(f"{folder}/more", b"x" * 100_001).expect(413, "BAD_REQUEST")
    store.call("PUT", store.target(f"{folder}/more"), iter([b"x" * 60_000] * 2)).expect(413, "BAD_REQUEST")
    store.put(f"{folder}/most", b"y" * 100_001).expect(413, "BAD_REQUEST")
    assert os.listdir(store.folder / folder) == ["most"]
    assert store.get(f"{folder}/most").ok().bytes == b"x" * 100_000


def test_an_upload_that_would_leave_too_little_space_is_507(servers):
    store = Proxy(servers("--artifacts-free-space-limit", str(1 << 49)))
    for body in (b"x", iter([b"x"])):
        store.call("PUT", store.target("f"), body).expect(507, "RESOURCE_EXHAUSTED")
    assert store.names() == []
    run = store.api.run()
    store.call("POST", f"/ajax-api/2.0/mlflow/upload-artifact?run_uuid={run}&path=f", b"x").expect(507, "RESOURCE_EXHAUSTED")


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(folder)], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("mounting needs root")
    yield folder
    for _ in range(50):
        if subprocess.run(["umount", str(folder)], capture_output=True, check=False).returncode == 0:
            return
        time.sleep(0.1)
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_a_full_disk_is_507_and_leaves_nothing(small_disk, tmp_path):
    from support import Server

    server = Server(tmp_path / "server", "--artifacts-destination", str(small_disk / "artifacts"))
    try:
        store = Proxy(server)
        store.put("0/kept", b"kept").ok()
        for body in (b"x" * 8_000_000, iter([b"x" * 100_000] * 80)):
            store.call("PUT", store.target("0/kept"), body).expect(507, "RESOURCE_EXHAUSTED")
        assert sorted(os.listdir(small_disk / "artifacts/0")) == ["kept"]
        store.put("0/fits", b"x" * 2_000_000).ok()
        assert store.get("0/kept").ok().bytes == b"kept"
    finally:
        server.stop()


# --- Crashes ---


def test_what_a_crash_leaves_is_hidden_and_swept_with_the_next_upload(servers):
    store = Proxy(servers("--artifacts-size-limit", "1000000000"))
    folder = store.fresh()
    store.put(f"{folder}/kept", b"kept").ok()
    connection = begin_upload(store, f"{folder}/kept", BIG, 1_000_000)
    eventually(lambda: temporary_files(store, folder))
    (program,) = store.server.programs("artifacts.fcgi")
    os.kill(program, signal.SIGKILL)
    connection.close()
    eventually(lambda: store.server.programs("artifacts.fcgi") not in ([], [program]), 30)
    (left,) = temporary_files(store, folder)
    assert store.list(folder).ok().json == {"files": [{"path": "kept", "is_dir": False, "file_size": 4}]}
    assert store.get(f"{folder}/kept").ok().bytes == b"kept"
    old = time.time() - 120
    os.utime(store.folder / folder / left, (old, old))
    store.put(f"{folder}/next", b"x").ok()
    assert sorted(os.listdir(store.folder / folder)) == ["kept", "next"]


def test_the_upload_of_another_process_is_not_swept(servers, store):
    folder = store.fresh()
    store.put(f"{folder}/kept", b"kept").ok()
    connection = begin_upload(store, f"{folder}/slow", BIG, BIG - 1)
    eventually(lambda: temporary_files(store, folder))
    (name,) = temporary_files(store, folder)
    old = time.time() - 120
    os.utime(store.folder / folder / name, (old, old))
    other = Proxy(servers("--artifacts-destination", str(store.folder)))
    other.put(f"{folder}/next", b"x").ok()
    assert temporary_files(store, folder) == [name]
    connection.sendall(b"!")
    assert raw_status(connection.recv(65536)) == 200
    connection.close()
    assert sorted(os.listdir(store.folder / folder)) == ["kept", "next", "slow"]


# --- Memory ---


def most_memory_mib(pid):
    text = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", text, re.M).group(1)) / 1024


def test_large_files_pass_in_constant_memory_and_nothing_gathers_on_disk(proxy):
    (program,) = proxy.server.programs("artifacts.fcgi")
    if re.search(r"lib[at]san", pathlib.Path(f"/proc/{program}/maps").read_text()):
        pytest.skip("sanitizers need memory of their own")
    path, size, piece = f"{proxy.fresh()}/large", 200, os.urandom(1 << 20)
    connection = http.client.HTTPConnection("127.0.0.1", proxy.server.port, timeout=120)
    connection.putrequest("PUT", proxy.target(path))
    connection.putheader("Content-Length", str(size << 20))
    connection.endheaders()
    for _ in range(size):
        connection.send(piece)
    response = connection.getresponse()
    assert response.status == 200 and response.read() == b"{}"
    connection.request("GET", proxy.target(path))
    response = connection.getresponse()
    (gathered,) = proxy.server.directory.glob("*.run-*/upload")
    total = 0
    while block := response.read(1 << 20):
        total += len(block)
        if total == 50 << 20:
            time.sleep(1)
            assert sum(entry.stat().st_size for entry in gathered.iterdir()) < 4 << 20
    connection.close()
    assert total == size << 20
    assert most_memory_mib(program) < 16
    proxy.delete(path).ok()


def test_head_and_early_refusals_do_not_wait_for_a_body(store):
    connection = begin_upload(store, "evil#", 1_000_000_000, 10)
    assert raw_status(connection.recv(65536)) == 400
    connection.close()
    assert store.call("GET", f"{ROOT}?path=").status == 200
