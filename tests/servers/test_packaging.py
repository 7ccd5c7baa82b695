"""What `make install` puts where, and the Debian package: built by Debian's own tools, then installed, upgraded, removed and
purged in a folder of its own."""

import os
import pathlib
import shutil
import sqlite3
import subprocess

import pytest

from command import BUILD, ROOT

WANTED = [
    "bin/tracklight", "lib/tracklight/fcgi-bin/tracking.fcgi", "lib/tracklight/fcgi-bin/gateway.fcgi",
    "share/tracklight/htdocs/index.html", "share/man/man1/tracklight.1", "share/man/man5/tracklight.conf.5",
    "share/bash-completion/completions/tracklight", "lib/systemd/system/tracklight-tracking.socket",
    "lib/systemd/system/tracklight-worker.service", "share/tracklight/deploy/apache/tracklight.conf",
    "share/tracklight/deploy/apache/htaccess", "share/tracklight/deploy/nginx/tracklight.conf",
    "share/tracklight/deploy/lighttpd/tracklight.conf", "share/doc/tracklight/deployment.md",
]  # fmt: skip


def run(*command, check=True, **more):
    result = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=900, check=False, **more)
    assert not check or result.returncode == 0, f"{command}: {result.stdout[-3000:]}{result.stderr[-3000:]}"
    return result


def make(*words):
    environment = {k: v for k, v in os.environ.items() if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
    return run("make", "--no-print-directory", f"BUILD={BUILD}", *words, cwd=ROOT, env=environment)


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def test_what_is_installed_lies_where_the_hierarchy_standard_wants_it_and_can_be_taken_away(tmp_path):
    make("install", f"DESTDIR={tmp_path}", "PREFIX=/opt/tl")
    root = tmp_path / "opt/tl"
    missing = [name for name in WANTED if not (root / name).is_file()]
    assert not missing
    assert all(os.access(root / name, os.X_OK) for name in WANTED[:3])
    for path in [root / "lib/systemd/system/tracklight-tracking.service", root / "share/tracklight/deploy/lighttpd/tracklight.conf"]:
        text = path.read_text()
        assert "/opt/tl/lib/tracklight/fcgi-bin/tracking.fcgi" in text and "/usr/local" not in text
    shown = run(root / "bin/tracklight", "--version").stdout
    assert shown.startswith("tracklight ")
    run(root / "bin/tracklight", "db", "upgrade", f"sqlite:///{tmp_path}/t.db")
    assert sqlite3.connect(tmp_path / "t.db").execute("PRAGMA integrity_check").fetchone() == ("ok",)
    (tmp_path / "t.db").unlink()
    for rest in tmp_path.glob("t.db*"):
        rest.unlink()
    make("uninstall", f"DESTDIR={tmp_path}", "PREFIX=/opt/tl")
    assert files_below(tmp_path) == []


@pytest.mark.parametrize("page, words", [("tracklight.1", ["import", "worker", "--env-file"]), ("tracklight.conf.5", ["backend_store_uri", "MLFLOW_PORT"])])
def test_manual_pages_are_readable(page, words):
    if not shutil.which("man"):
        pytest.skip("man is not here")
    result = run("man", "--warnings", "-l", ROOT / "docs/man" / page, env={**os.environ, "MANWIDTH": "120", "LC_ALL": "C.UTF-8"})
    assert result.stderr == ""
    plain = result.stdout.replace("\u2010\n", "")
    assert all(word in plain for word in words)


def test_completion_knows_commands_and_options(tmp_path):
    script = (
        f"source {ROOT}/deploy/completion/tracklight.bash; complete_it() {{ COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _tracklight; "
        "printf '%s\\n' \"${COMPREPLY[@]}\"; }; complete_it tracklight im; complete_it tracklight server --allowed-h; complete_it tracklight db b"
    )
    environment = {**os.environ, "PATH": f"{BUILD}/bin:{os.environ['PATH']}"}
    assert run("bash", "-c", script, env=environment, cwd=tmp_path).stdout.split() == ["import", "--allowed-hosts", "backup"]


# --- The Debian package ---


def dpkg(root, *words, check=True):
    return run("dpkg", f"--root={root}", "--log=/dev/null", "--force-depends", "--force-script-chrootless", *words, check=check)


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    if not shutil.which("dh"):
        pytest.skip("debhelper is not here: scripts/install-dependencies deb")
    folder = tmp_path_factory.mktemp("deb")
    run(ROOT / "scripts/build-deb", folder / "out")
    (built,) = (folder / "out").glob("*.deb")
    return built


@pytest.fixture
def root(tmp_path):
    for name in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "etc"):
        (tmp_path / "root" / name).mkdir(parents=True)
    for name in ("status", "available"):
        (tmp_path / "root/var/lib/dpkg" / name).touch()
    return tmp_path / "root"


def newer(package, folder):
    """The same with a higher version, and a setting that the new version adds."""
    run("dpkg-deb", "-R", package, folder / "tree")
    control = folder / "tree/DEBIAN/control"
    control.write_text(control.read_text().replace("\nVersion: 0", "\nVersion: 9"))
    with open(folder / "tree/etc/tracklight/tracklight.conf", "a", encoding="utf-8") as conf:
        conf.write("\n# new in version 9\n")
    run("dpkg-deb", "--root-owner-group", "-b", folder / "tree", folder / "newer.deb")
    return folder / "newer.deb"


@pytest.mark.slow
@pytest.mark.skipif(os.getuid() != 0, reason="dpkg wants to be root")
def test_the_package_is_installed_upgraded_removed_and_purged(package, root, tmp_path):
    dpkg(root, "-i", package)
    assert "tracklight:" in (root / "etc/passwd").read_text()
    for name in ("usr/bin/tracklight", "etc/tracklight/tracklight.conf", "etc/apache2/conf-available/tracklight.conf", "etc/lighttpd/conf-available/50-tracklight.conf"):
        assert (root / name).is_file(), name
    enabled = [path for path in (root / "etc/systemd").rglob("*") if "tracklight" in path.name] if (root / "etc/systemd").exists() else []
    assert enabled == [], "an installation starts nothing"
    assert run(root / "usr/bin/tracklight", "--version").stdout.startswith("tracklight")

    data = root / "var/lib/tracklight/tracklight.db"
    data.parent.mkdir(parents=True, exist_ok=True)
    run(root / "usr/bin/tracklight", "db", "upgrade", f"sqlite:///{data}")
    conf = root / "etc/tracklight/tracklight.conf"
    conf.write_text("port = 8080\n")
    dpkg(root, "--force-confold", "-i", newer(package, tmp_path))
    assert conf.read_text() == "port = 8080\n", "an upgrade leaves the administrator's settings alone"
    assert "Version: 9" in run("dpkg-query", f"--admindir={root}/var/lib/dpkg", "-s", "tracklight").stdout

    dpkg(root, "-r", "tracklight")
    assert not (root / "usr/bin/tracklight").exists() and conf.exists()
    dpkg(root, "-P", "tracklight")
    assert not conf.exists() and not (root / "etc/apache2/conf-available").exists()
    assert data.exists(), "databases stay"
    assert not [name for name in files_below(root / "usr")] if (root / "usr").exists() else True


@pytest.mark.slow
def test_the_package_says_what_it_needs(package):
    control = run("dpkg-deb", "-f", package).stdout
    assert "libsqlite3-0" in control and "libfcgi" in control and "libcurl4" in control
    conffiles = run("dpkg-deb", "--ctrl-tarfile", package, check=False)
    assert conffiles.returncode == 0
    names = {pathlib.PurePath(line.split()[-1]).as_posix() for line in run("dpkg-deb", "-c", package).stdout.splitlines()}
    assert not [name for name in names if name.startswith("usr/local")]
