"""A suite with users, and clients that are one of them."""

import hashlib
import sqlite3
import subprocess
import time

from support import BUILD, Api, unique

ADMIN = "boss"
ADMIN_PASSWORD = "correct horse battery"
PASSWORD = "staple under the bed"
ON = {"TRACKLIGHT_ADMIN_USERNAME": ADMIN, "TRACKLIGHT_ADMIN_PASSWORD": ADMIN_PASSWORD}
UNKNOWN = (
    "You are not authenticated. Please see https://www.mlflow.org/docs/latest/auth/index.html#authenticating-to-mlflow"
    " on how to authenticate."
)


def start(servers, *options, environment=None, **more):
    return servers("--app-name", "basic-auth", *options, environment={**ON, **(environment or {})}, **more)


def client(server, username=None, password=PASSWORD, token=None):
    """An Api that sends these credentials, or none."""
    api = Api(server.url)
    if token:
        api.session.headers["Authorization"] = f"Bearer {token}"
    elif username:
        api.session.auth = (username.encode(), password.encode())
    return api


def admin(server):
    return client(server, ADMIN, ADMIN_PASSWORD)


def make_user(server, name=None, password=PASSWORD, is_admin=False):
    """The name of a fresh user. The hash of the password is an old one of little strength, so that logging in takes no
    time."""
    name = name or unique("user")
    key = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 1).hex()
    database = sqlite3.connect(getattr(server, "users", server.database), timeout=30)
    with database:
        database.execute(
            "INSERT INTO users (username, password_hash, is_admin, creation_time) VALUES (?, ?, ?, ?)",
            (name, f"pbkdf2:sha256:1$salt${key}", is_admin, int(time.time() * 1000)),
        )
    database.close()
    return name


def fresh(server):
    """A client of a fresh user, who has no rights but the default ones; `name` is the user's."""
    name = make_user(server)
    api = client(server, name)
    api.name = name
    return api


def grant(server, username, experiment_id, permission):
    body = {"experiment_id": experiment_id, "username": username, "permission": permission}
    return admin(server).post("experiments/permissions/create", body).ok()


def command(server, *arguments, password=None, check=True):
    """`tracklight user …` on the server's database."""
    done = subprocess.run(
        [str(BUILD / "bin" / "tracklight"), "user", *arguments],
        cwd=server.directory,
        env={**server.environment, "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{server.database}"},
        input=(password or "") + "\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert not check or done.returncode == 0, (done.stdout, done.stderr)
    return done


def token(server, username, *options):
    return command(server, "token", username, *options).stdout.strip()


def expect_unknown(reply):
    assert reply.status == 401, reply
    assert reply.text == UNKNOWN
    assert reply.headers["content-type"].split(";")[0] == "text/html"
    return reply.headers["www-authenticate"]


def expect_denied(reply):
    assert (reply.status, reply.text) == (403, "Permission denied"), reply
    assert reply.headers["content-type"].split(";")[0] == "text/html"


def cgi(server, path, method="GET", **variables):
    """One request to tracking.fcgi as plain CGI, for what only a web server can say: (status, body)."""
    environment = {
        **server.environment,
        "MLFLOW_BACKEND_STORE_URI": f"sqlite:///{server.database}",
        "TRACKLIGHT_APP_NAME": "basic-auth",
        "GATEWAY_INTERFACE": "CGI/1.1",
        "REQUEST_METHOD": method,
        "REQUEST_URI": path,
        "QUERY_STRING": path.partition("?")[2],
        "HTTP_HOST": "localhost",
        "REMOTE_ADDR": "127.0.0.1",
        **variables,
    }
    done = subprocess.run(
        [str(BUILD / "fcgi-bin" / "tracking.fcgi")],
        env=environment,
        cwd=server.directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    head, _, body = done.stdout.partition(b"\r\n\r\n")
    assert head.startswith(b"Status: "), (done.stdout, done.stderr)
    return int(head.split()[1]), body.decode()
