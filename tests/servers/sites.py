"""Tracklight under web servers that are not its own: each site runs a real server on loopback with the configuration
that deploy/ ships, with the paths of a test put in their places."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest

from command import BUILD, ROOT

PATIENCE_SECONDS = 20
PROGRAMS = ["tracking", "artifacts", "gateway", "jobs"]
PROGRAM_FOLDER = "/usr/local/lib/tracklight/fcgi-bin"
PASSWORD = "a long and quiet password"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def find(*names):
    for name in names:
        path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin:/usr/local/sbin")
        if path:
            return path
    raise FileNotFoundError(f"{names[0]} is not installed: scripts/install-dependencies check")


def environment():
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "TRACKLIGHT_"))}
    kept.pop("BUILD", None)
    return kept


class Site:
    """One web server in front of the programs. `url` is where the API begins; `token` lets an administrator in."""

    prefix = ""
    can_reload = False

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}{self.prefix}"
        self.processes = []
        self.logs = []
        self.folder.chmod(0o755)
        for name in ("run", "artifacts", "data", "tmp", "www"):
            (self.folder / name).mkdir(mode=0o777)
            (self.folder / name).chmod(0o777)
        self.conf = self.folder / "tracklight.conf"
        self.conf.write_text(
            f"backend_store_uri = sqlite:///{self.folder}/data/t.db\n"
            f"artifacts_destination = {self.folder}/artifacts\n"
            f"app_name = basic-auth\n"
            f"enable_jobs = true\n"
            f"log_file = {self.folder}/data/log\n"
        )
        self.environment = {**environment(), "TRACKLIGHT_CONFIG": str(self.conf)}
        self.token = self.make_user()

    def make_user(self):
        command = [BUILD / "bin/tracklight", "user"]
        run = lambda *words: subprocess.run(  # noqa: E731
            [*command, *words], env={**self.environment, "TRACKLIGHT_PASSWORD": PASSWORD}, cwd=self.folder,
            capture_output=True, text=True, check=True, timeout=30,
        ).stdout  # fmt: skip
        run("add", "--admin", "chief")
        shown = run("token", "chief", "--scope", "all")
        for path in (self.folder / "data").iterdir():
            path.chmod(0o666 if not path.name.endswith("key") else 0o600)
        return re.search(r"\btl-?\S+|\b[A-Za-z0-9_-]{30,}\b", shown).group(0)

    # --- Processes ---

    def start(self, *command, name=None):
        log = self.folder / f"{name or pathlib.Path(str(command[0])).name}.out"
        self.logs.append(log)
        with open(log, "ab") as out:
            process = subprocess.Popen(
                [str(word) for word in command], cwd=self.folder, env=self.environment, stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip
        self.processes.append(process)
        return process

    def start_programs(self):
        for name in PROGRAMS:
            self.start(BUILD / f"fcgi-bin/{name}.fcgi", "--listen", f"unix:{self.folder}/run/{name}.sock")
        for name in PROGRAMS:
            self.wait_for(lambda name=name: (self.folder / f"run/{name}.sock").exists(), f"{name}.sock")

    def wait_for(self, condition, what):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"no {what} after {PATIENCE_SECONDS} s\n{self.text()}"
            time.sleep(0.02)

    def wait_until_healthy(self):
        def healthy():
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(f"GET {self.prefix}/health HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
                connection.settimeout(10)
                return b"200" in connection.recv(64)
            return False

        self.wait_for(healthy, "healthy site")

    def text(self):
        more = [self.folder / "data/log", *self.folder.glob("*.log")]
        return "\n".join(f"--- {p.name}\n{p.read_text(errors='replace')[-4000:]}" for p in [*self.logs, *more] if p.exists())

    def stop(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    # --- Configuration ---

    def shipped(self, path, **more):
        """A shipped configuration with this site's paths in it."""
        text = (ROOT / "deploy" / path).read_text()
        replaced = {
            "/run/tracklight/": f"{self.folder}/run/",
            "/run/lighttpd/": f"{self.folder}/run/",
            PROGRAM_FOLDER: str(self.program_folder()),
            "/etc/tracklight/tracklight.conf": str(self.conf),
            "/var/lib/tracklight/artifacts": f"{self.folder}/artifacts",
            "/usr/local/share/tracklight/htdocs": str(BUILD / "htdocs"),
            **more,
        }
        for old, new in replaced.items():
            text = text.replace(old, new)
        return text

    def program_folder(self):
        return BUILD / "fcgi-bin"


class Lighttpd(Site):
    """The programs are started by lighttpd."""

    def begin(self):
        (self.folder / "site.conf").write_text(self.shipped("lighttpd/tracklight.conf"))
        (self.folder / "lighttpd.conf").write_text(
            f'server.port = {self.port}\nserver.bind = "127.0.0.1"\nserver.document-root = "{self.folder}/www"\n'
            f'server.upload-dirs = ( "{self.folder}/tmp" )\nserver.errorlog = "{self.folder}/error.log"\n'
            f'include "{self.folder}/site.conf"\n'
        )
        self.start(find("lighttpd"), "-D", "-f", self.folder / "lighttpd.conf")


class Nginx(Site):
    """The programs listen on sockets; nginx reaches them there."""

    can_reload = True

    def begin(self):
        self.start_programs()
        self.begin_nginx()

    def begin_nginx(self):
        site = self.shipped("nginx/tracklight.conf").replace("listen 80;", f"listen 127.0.0.1:{self.port};")
        site = site.replace("    listen [::]:80;\n", "").replace("include fastcgi_params", "include /etc/nginx/fastcgi_params")
        (self.folder / "nginx.conf").write_text(
            f"{'user root;' if os.getuid() == 0 else ''}\ndaemon off;\nworker_processes 1;\npid {self.folder}/nginx.pid;\n"
            f"error_log {self.folder}/error.log;\nevents {{ worker_connections 512; }}\nhttp {{\naccess_log off;\n"
            + "".join(f"{kind}_temp_path {self.folder}/tmp;\n" for kind in ("client_body", "fastcgi", "proxy", "scgi", "uwsgi"))
            + site
            + "}\n"
        )
        self.server = self.start(find("nginx"), "-c", self.folder / "nginx.conf", "-p", self.folder, name="nginx")

    def reload(self):
        self.server.send_signal(signal.SIGHUP)


class SpawnFcgi(Nginx):
    """As Nginx, with the programs started by spawn-fcgi."""

    def begin(self):
        for name in PROGRAMS:
            self.start(
                find("spawn-fcgi"), "-n", "-b", "1024", "-M", "0666", "-s", self.folder / f"run/{name}.sock", "--",
                BUILD / f"fcgi-bin/{name}.fcgi", name=f"spawn-{name}",
            )  # fmt: skip
        for name in PROGRAMS:
            self.wait_for(lambda name=name: (self.folder / f"run/{name}.sock").exists(), f"{name}.sock")
        self.begin_nginx()


class SystemdSockets(Nginx):
    """As Nginx, with the programs on sockets that systemd hands over (LISTEN_FDS)."""

    def begin(self):
        if not shutil.which("systemd-socket-activate"):
            pytest.skip("systemd is not here")
        for name in PROGRAMS:
            self.start(
                find("systemd-socket-activate"), "-l", self.folder / f"run/{name}.sock", "-E", "TRACKLIGHT_CONFIG",
                BUILD / f"fcgi-bin/{name}.fcgi", name=f"systemd-{name}",
            )  # fmt: skip
        for name in PROGRAMS:
            self.wait_for(lambda name=name: (self.folder / f"run/{name}.sock").exists(), f"{name}.sock")
        self.begin_nginx()


class Apache(Site):
    modules = ["mpm_event", "authz_core", "unixd", "alias", "dir", "env", "headers", "setenvif", "mime"]

    def begin_apache(self, *more_modules, site):
        modules = pathlib.Path("/usr/lib/apache2/modules")
        lines = [
            f"LoadModule {name}_module {modules}/mod_{name}.so"
            for name in [*self.modules, *more_modules]
            if (modules / f"mod_{name}.so").exists()
        ]
        user = "User www-data\nGroup www-data\n" if os.getuid() == 0 else ""
        (self.folder / "apache.conf").write_text(
            f'ServerRoot "{self.folder}"\nDefaultRuntimeDir "{self.folder}/run"\nPidFile "{self.folder}/run/apache.pid"\n'
            + "\n".join(lines)
            + f"\nListen 127.0.0.1:{self.port}\nServerName localhost\n{user}ErrorLog {self.folder}/error.log\nLogLevel warn\n"
            f'TypesConfig /dev/null\nDocumentRoot "{self.folder}/www"\nKeepAlive On\nThreadsPerChild 64\nMaxRequestWorkers 128\nGracefulShutdownTimeout 10\n'
            + site
        )
        self.server = self.start(find("apache2", "httpd"), "-DFOREGROUND", "-f", self.folder / "apache.conf", name="apache")

    def let_in(self):
        """What Apache's user must reach."""
        for path in [self.folder / "data", self.folder / "artifacts", self.folder / "run", *(self.folder / "data").iterdir()]:
            if os.getuid() == 0:
                shutil.chown(path, "www-data", "www-data")


class ApacheProxy(Apache):
    can_reload = True

    def begin(self):
        self.start_programs()
        for name in PROGRAMS:
            (self.folder / f"run/{name}.sock").chmod(0o777)
        self.begin_apache("proxy", "proxy_fcgi", site=self.shipped("apache/tracklight.conf"))

    def reload(self):
        self.server.send_signal(signal.SIGUSR1)


class ApacheFcgid(Apache):
    """mod_fcgid starts the programs."""

    def begin(self):
        self.let_in()
        more = f'FcgidIPCDir "{self.folder}/run"\nFcgidProcessTableFile "{self.folder}/run/fcgid"\n'
        self.begin_apache("fcgid", site=more + self.shipped("apache/tracklight-fcgid.conf"))


class SharedHosting(Apache):
    """A folder of somebody's site, with an .htaccess; the programs find out where they are."""

    prefix = "/of/mine"

    def begin(self):
        home = self.folder / "www/of/mine"
        home.mkdir(parents=True)
        for name in PROGRAMS:
            wrapper = home / f"{name}.fcgi"
            wrapper.write_text(f"#!/bin/sh\nTRACKLIGHT_CONFIG={self.conf} exec {BUILD}/fcgi-bin/{name}.fcgi\n")
            wrapper.chmod(0o755)
        (home / ".htaccess").write_text(self.shipped("apache/htaccess"))
        self.let_in()
        site = (
            f'FcgidIPCDir "{self.folder}/run"\nFcgidProcessTableFile "{self.folder}/run/fcgid"\nFcgidMaxRequestLen 134217728\n'
            f'FcgidOutputBufferSize 0\nAllowEncodedSlashes NoDecode\n<Directory "{self.folder}/www">\n'
            "AllowOverride FileInfo AuthConfig Options=ExecCGI,MultiViews,Indexes Indexes\nOptions FollowSymLinks\nRequire all granted\n</Directory>\n"
        )
        self.begin_apache("fcgid", "rewrite", site=site)


class PlainCgi(Apache):
    """A process for each request."""

    def begin(self):
        self.let_in()
        self.begin_apache("cgid", site=f'ScriptSock "{self.folder}/run/cgi"\n' + self.shipped("cgi/apache-cgi.conf"))


SITES = {
    "lighttpd": Lighttpd,
    "nginx": Nginx,
    "spawn-fcgi": SpawnFcgi,
    "systemd": SystemdSockets,
    "apache-proxy": ApacheProxy,
    "apache-fcgid": ApacheFcgid,
    "shared-hosting": SharedHosting,
    "cgi": PlainCgi,
}
