import pathlib
import shutil
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "api")]

from support import BUILD  # noqa: E402

OFFLINE = ("ENOTFOUND", "EAI_AGAIN", "ECONNREFUSED", "ECONNRESET", "ETIMEDOUT", "ENETUNREACH")


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: left out of short runs")


@pytest.fixture(scope="session", autouse=True)
def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if shutil.which(name):
            return shutil.which(name)
    pytest.skip("there is no Chromium here")


@pytest.fixture(scope="session", autouse=True)
def node_modules():
    """The browser's driver, installed below the build folder once per lock."""
    for program in ("node", "npm"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    folder = BUILD / "web"
    lock = (HERE / "package-lock.json").read_bytes()
    stamp = folder / "installed"
    if not stamp.exists() or stamp.read_bytes() != lock:
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder / name)
        command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, stdin=subprocess.DEVNULL, check=False)
        if done.returncode and any(word in done.stderr for word in OFFLINE):
            pytest.skip("the npm registry cannot be reached")
        assert done.returncode == 0, done.stderr
        stamp.write_bytes(lock)
    return folder / "node_modules"
