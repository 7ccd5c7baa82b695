#!/usr/bin/python3
"""OpenStack Swift with its S3 API, all of it in one process on 127.0.0.1, for tests: swift_server.py FOLDER PORT

Keeps everything below FOLDER, whose file system needs extended attributes. Prints "ready" when it answers. The access
key is "test:tester", the secret key "testing", the region "us-east-1".
"""

import pathlib
import sys
import time

import eventlet
import eventlet.patcher

eventlet.patcher.monkey_patch(all=False, socket=True, select=True, thread=True)

# pylint: disable=wrong-import-position
import eventlet.wsgi  # noqa: E402
from swift.common import wsgi  # noqa: E402
from swift.common.ring.builder import RingBuilder  # noqa: E402

REGION = "us-east-1"
MIDDLE = {
    # Small pages, so that a test sees many without storing thousands of objects.
    "slo": "use = egg:swift#slo\nmax_manifest_segments = 10000\n",
    "s3api": f"use = egg:swift#s3api\nlocation = {REGION}\nmax_upload_part_num = 10000\nstorage_domain = localhost\nmax_bucket_listing = 50\n",
    "tempauth": "use = egg:swift#tempauth\nuser_test_tester = testing .admin\nuser_test_guest = guesting\n",
    "cache": "paste.filter_factory = swift_server:memory_cache\n",
}
PIPELINE = "catch_errors gatekeeper cache listing_formats bulk s3api tempauth slo dlo proxy-server"


class Memory:
    """What Swift asks of memcached, in a dictionary."""

    def __init__(self):
        self.values = {}

    def get(self, key, **_):
        value, expires = self.values.get(key, (None, 0))
        return value if not expires or expires > time.time() else None

    def set(self, key, value, time=0, **_):  # pylint: disable=redefined-outer-name
        self.values[key] = (value, __import__("time").time() + time if time else 0)

    def incr(self, key, delta=1, time=0, **_):  # pylint: disable=redefined-outer-name
        value = int(self.get(key) or 0) + delta
        self.set(key, value, time)
        return value

    def decr(self, key, delta=1, time=0, **_):  # pylint: disable=redefined-outer-name
        return self.incr(key, -delta, time)

    def delete(self, key, **_):
        self.values.pop(key, None)

    def set_multi(self, mapping, _key, time=0, **_):  # pylint: disable=redefined-outer-name
        for key, value in mapping.items():
            self.set(key, value, time)

    def get_multi(self, keys, _key, **_):
        return [self.get(key) for key in keys]


def memory_cache(_conf, **_options):
    memory = Memory()

    def wrap(application):
        def call(environment, start_response):
            environment["swift.cache"] = memory
            return application(environment, start_response)

        return call

    return wrap


def write_rings(folder, ports):
    for kind, port in ports.items():
        builder = RingBuilder(1, 1, 0)
        builder.add_dev({"region": 1, "zone": 1, "weight": 1, "ip": "127.0.0.1", "port": port, "device": "disk"})
        builder.rebalance()
        builder.get_ring().save(str(folder / f"{kind}.ring.gz"))


def backend(folder, kind):
    text = (
        f"[DEFAULT]\nswift_dir = {folder}\ndevices = {folder}/devices\nmount_check = false\nfsync = off\n"
        f"bind_ip = 127.0.0.1\n[pipeline:main]\npipeline = {kind}-server\n"
        f"[app:{kind}-server]\nuse = egg:swift#{kind}\nallow_versions = true\nfallocate_reserve = 0\n"
    )
    path = folder / f"{kind}-server.conf"
    path.write_text(text, encoding="utf-8")
    return path


def proxy(folder):
    text = (
        f"[DEFAULT]\nswift_dir = {folder}\nbind_ip = 127.0.0.1\n[pipeline:main]\npipeline = {PIPELINE}\n"
        "[app:proxy-server]\nuse = egg:swift#proxy\naccount_autocreate = true\nallow_account_management = true\n"
    )
    for name in PIPELINE.split()[:-1]:
        text += f"[filter:{name}]\n" + MIDDLE.get(name, f"use = egg:swift#{name}\n")
    path = folder / "proxy-server.conf"
    path.write_text(text, encoding="utf-8")
    return path


class Quiet:
    @staticmethod
    def write(_text):
        return None


def serve(socket, application):
    eventlet.wsgi.server(socket, application, log=Quiet(), log_output=False, keepalive=True, socket_timeout=60)


def main():
    folder, port = pathlib.Path(sys.argv[1]).absolute(), int(sys.argv[2])
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
    sys.modules.setdefault("swift_server", sys.modules["__main__"])
    (folder / "devices/disk").mkdir(parents=True)
    conf = folder / "swift.conf"
    conf.write_text("[swift-hash]\nswift_hash_path_prefix = a\nswift_hash_path_suffix = b\n", encoding="utf-8")
    wsgi.utils.SWIFT_CONF_FILE = str(conf)
    wsgi.utils.HASH_PATH_PREFIX, wsgi.utils.HASH_PATH_SUFFIX = b"a", b"b"
    kinds = ("account", "container", "object")
    sockets = {kind: eventlet.listen(("127.0.0.1", 0)) for kind in kinds}
    write_rings(folder, {kind: socket.getsockname()[1] for kind, socket in sockets.items()})
    for kind in kinds:
        application = wsgi.loadapp(str(backend(folder, kind)), global_conf={"log_level": "ERROR"})
        eventlet.spawn(serve, sockets[kind], application)
    front = eventlet.listen(("127.0.0.1", port), backlog=256)
    application = wsgi.loadapp(str(proxy(folder)), global_conf={"log_level": "ERROR"})
    print("ready", flush=True)
    serve(front, application)


if __name__ == "__main__":
    main()
