"""Who is asking: passwords, tokens, sessions of the web page, and users for whom the web server vouches."""

import base64
import hashlib
import http.client
import os
import re
import sqlite3
import stat
import subprocess
import time

import pytest
import requests

from auth_support import (
    ADMIN, ADMIN_PASSWORD, ON, PASSWORD, admin, cgi, client, command, expect_denied, expect_unknown, fresh, grant,
    make_user, start, token,
)
from support import AJAX_3, API, API_3, BUILD, Server, expect_error, expect_invalid, in_threads, unique

SESSION = AJAX_3.replace("mlflow", "tracklight")
SELF = API + "users/get"


@pytest.fixture(scope="module")
def suite(servers):
    """With two processes, so that what one of them knows is not what the other one does."""
    return start(servers, "--workers", "2", "--trusted-proxies", "127.0.0.1")


@pytest.fixture
def boss(suite):
    return admin(suite)


def of(api):
    """What only the user himself may ask, asked."""
    return api.get("users/get", {"username": api.name})


# --- Without credentials ---


def test_nothing_but_health_and_version_answers_without_credentials(suite):
    nobody = client(suite)
    for path in ("/health", "/version"):
        assert nobody.request("GET", path).status == 200
    for method, path in (
        ("GET", API + "experiments/get?experiment_id=0"),
        ("GET", "/ajax-api/2.0/mlflow/experiments/search"),
        ("HEAD", API + "experiments/search"),
        ("POST", API + "experiments/create"),
        ("GET", "/ajax-api/3.0/mlflow/ui-telemetry"),
        ("POST", "/v1/traces"),
        ("GET", "/api/2.0/mlflow-artifacts/artifacts"),
        ("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/x"),
        ("GET", "/get-artifact?run_uuid=x&path=y"),
        ("GET", "/ajax-api/2.0/mlflow/get-trace-artifact?request_id=x"),
        ("POST", "/ajax-api/2.0/mlflow/upload-artifact?run_uuid=x&path=y"),
        ("GET", "/signup"),
        ("GET", API + "users/get?username=boss"),
        ("GET", SESSION + "session"),
    ):
        reply = nobody.request(method, path, data=b"x" if method in ("PUT", "POST") else None)
        assert reply.status == 401, reply
        if method != "HEAD":
            assert expect_unknown(reply) == 'Basic realm="mlflow"'


def test_refused_uploads_do_not_cost_the_connection(suite):
    """A reply that overtakes the body would have the web server close the connection without a word, now and then."""
    connection = http.client.HTTPConnection("127.0.0.1", suite.port, timeout=30)
    for number in range(400):
        connection.request("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/x", body=b"x" * (1 if number % 2 else 60000))
        reply = connection.getresponse()
        assert (reply.status, reply.read() != b"") == (401, True)
    connection.close()


def test_an_upload_without_credentials_leaves_no_file(suite):
    client(suite).request("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/unasked", data=b"bytes")
    assert not list(suite.directory.rglob("unasked"))


def test_the_body_of_who_is_not_known_is_not_read_as_a_request(suite):
    before = admin(suite).get("experiments/get-by-name", {"experiment_name": "sneaked in"}).status
    client(suite).post("experiments/create", {"name": "sneaked in"})
    assert before == admin(suite).get("experiments/get-by-name", {"experiment_name": "sneaked in"}).status == 404


def test_preflights_and_unknown_paths_need_no_credentials_and_tell_nothing(suite):
    nobody = client(suite)
    expect_error(nobody.request("GET", "/healthz"), 404, "ENDPOINT_NOT_FOUND")
    headers = {"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    assert nobody.request("OPTIONS", API + "runs/create", headers=headers).status == 200


def test_without_the_setting_there_are_no_users(api):
    expect_error(api.get("users/get", {"username": "boss"}), 404, "ENDPOINT_NOT_FOUND")
    expect_error(api.request("GET", "/signup"), 404, "ENDPOINT_NOT_FOUND")
    expect_error(api.post("login", {}, root=SESSION), 404, "ENDPOINT_NOT_FOUND")
    assert api.get("experiments/get", {"experiment_id": "0"}).status == 200


# --- Passwords ---


def test_a_user_with_the_right_password_is_let_in(suite):
    alice = fresh(suite)
    assert of(alice).ok()["user"]["username"] == alice.name
    assert of(alice).ok()["user"]["is_admin"] is False


def test_wrong_passwords_and_unknown_users_get_the_same_answer(suite):
    name = make_user(suite)
    wrong = client(suite, name, PASSWORD + "x").request("GET", SELF)
    unknown = client(suite, unique("nobody"), PASSWORD).request("GET", SELF)
    assert expect_unknown(wrong) == expect_unknown(unknown) == 'Basic realm="mlflow"'


@pytest.mark.parametrize(
    "header",
    ["Basic", "Basic ", "Basic !!!", "Basic " + base64.b64encode(b"no colon").decode(), "Digest x", "Bearer", "Bearer ",
     "Bearer tlk_x", "Bearer tlk_" + "A" * 43, "Basic " + base64.b64encode(b":").decode(),
     "Basic " + base64.b64encode(b"\xff\xfe:\x00").decode()],
)
def test_malformed_credentials_are_none(suite, header):
    expect_unknown(client(suite).request("GET", SELF, headers={"Authorization": header}))


def test_names_and_passwords_may_be_in_any_script(suite):
    name, password = unique("Jürgen ✓"), "пароль из слов: да"
    admin(suite).post("users/create", {"username": name, "password": password}).ok()
    alice = client(suite, name, password)
    assert alice.get("users/get", {"username": name}).ok()["user"]["username"] == name


def test_verified_passwords_are_quick_the_second_time(suite):
    alice = fresh(suite)
    for _ in range(8):
        of(alice).ok()
    began = time.monotonic()
    for _ in range(20):
        of(alice).ok()
    assert time.monotonic() - began < 1


def test_many_at_once_with_a_password_that_nobody_has_verified_yet_are_all_let_in(suite):
    name = unique("user")
    admin(suite).post("users/create", {"username": name, "password": PASSWORD}).ok()
    replies = in_threads(60, lambda i: client(suite, name).get("users/get", {"username": name}).status)
    assert replies == [200] * 60


def test_many_at_once_with_a_wrong_password_are_all_refused(suite):
    name = make_user(suite)
    replies = in_threads(8, lambda i: client(suite, name, "wrong").get("users/get", {"username": name}).status)
    assert set(replies) <= {401, 429} and 401 in replies


def test_a_new_password_counts_at_once_in_every_process(suite):
    alice = fresh(suite)
    for _ in range(8):
        of(alice).ok()
    new = "another staple entirely"
    alice.patch("users/update-password", {"username": alice.name, "password": new}).ok()
    for _ in range(4):
        expect_unknown(of(alice))
    renewed = client(suite, alice.name, new)
    assert {renewed.get("users/get", {"username": alice.name}).status for _ in range(8)} == {200}


def test_a_deleted_user_is_out_at_once_and_does_not_come_back_by_the_name(suite, boss):
    alice = fresh(suite)
    for _ in range(8):
        of(alice).ok()
    boss.delete("users/delete", {"username": alice.name}).ok()
    for _ in range(3):
        expect_unknown(of(alice))
    make_user(suite, alice.name, "quite another password")
    expect_unknown(of(alice))


def test_becoming_an_administrator_counts_at_once(suite, boss):
    alice = fresh(suite)
    expect_denied(alice.get("webhooks"))
    boss.patch("users/update-admin", {"username": alice.name, "is_admin": True}).ok()
    assert {alice.get("webhooks").status for _ in range(8)} == {200}
    boss.patch("users/update-admin", {"username": alice.name, "is_admin": False}).ok()
    assert {alice.get("webhooks").status for _ in range(8)} == {403}


def stored_hash(suite, name):
    with sqlite3.connect(suite.database) as database:
        return database.execute("SELECT password_hash FROM users WHERE username = ?", (name,)).fetchone()[0]


def test_hashes_are_those_of_the_reference(suite):
    name = unique("user")
    admin(suite).post("users/create", {"username": name, "password": PASSWORD}).ok()
    found = re.fullmatch(r"scrypt:32768:8:1\$([A-Za-z0-9]{16})\$([0-9a-f]{128})", stored_hash(suite, name))
    key = hashlib.scrypt(
        PASSWORD.encode(), salt=found.group(1).encode(), n=32768, r=8, p=1, maxmem=64 * 1024 * 1024, dklen=64
    )
    assert key.hex() == found.group(2)


def test_hashes_of_older_databases_are_verified(suite):
    name = make_user(suite)
    key = hashlib.pbkdf2_hmac("sha256", b"an old password", b"salt", 1000).hex()
    with sqlite3.connect(suite.database) as database:
        database.execute(
            "UPDATE users SET password_hash = ?, generation = generation + 1 WHERE username = ?",
            (f"pbkdf2:sha256:1000$salt${key}", name),
        )
    assert client(suite, name, "an old password").get("users/get", {"username": name}).status == 200
    expect_unknown(client(suite, name).get("users/get", {"username": name}))


# --- Guessing ---


def test_who_guesses_has_to_wait_and_then_may_come_in(suite):
    alice = fresh(suite)
    guesser = client(suite, alice.name, "not the password")
    for _ in range(5):
        expect_unknown(of_name(guesser, alice.name))
    reply = of_name(guesser, alice.name)
    expect_error(reply, 429, "REQUEST_LIMIT_EXCEEDED", re.compile(r"^Too many failed logins\. Try again in \d+ s\.$"))
    assert 1 <= int(reply.headers["retry-after"]) <= 2
    assert of_name(alice, alice.name).status == 429
    assert fresh(suite).get("users/get", {"username": "x"}).status == 403
    deadline = time.monotonic() + 20
    while of_name(alice, alice.name).status == 429 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert of_name(alice, alice.name).status == 200
    # The success has made up for the failures.
    expect_unknown(of_name(guesser, alice.name))


def of_name(api, name):
    return api.get("users/get", {"username": name})


def test_who_is_in_stays_in_while_others_guess(servers):
    suite = start(servers, "--allow-signup")  # with one process, which has seen the password
    alice = fresh(suite)
    of(alice).ok()
    with sqlite3.connect(suite.database) as database:
        key = hashlib.sha256(b"user\n127.0.0.1\n" + alice.name.encode()).hexdigest()
        database.execute("INSERT INTO login_failures VALUES (?, 100, ?)", (key, int(time.time() * 1000)))
    assert client(suite, alice.name, "guess").get("users/get", {"username": alice.name}).status == 429
    assert of(alice).status == 200


# --- Tokens ---


def test_a_token_stands_for_its_user(suite):
    name = make_user(suite)
    mine = client(suite, token=token(suite, name))
    assert mine.get("users/get", {"username": name}).ok()["user"]["username"] == name
    expect_denied(mine.get("users/get", {"username": ADMIN}))


def test_a_token_for_reading_changes_nothing(suite):
    reader = client(suite, token=token(suite, ADMIN, "--scope", "read"))
    assert reader.get("experiments/get", {"experiment_id": "0"}).status == 200
    assert reader.post("runs/search", {"experiment_ids": ["0"]}).status == 200
    for reply in (
        reader.post("experiments/create", {"name": unique("exp")}),
        reader.post("runs/create", {"experiment_id": "0"}),
        reader.request("PUT", "/api/2.0/mlflow-artifacts/artifacts/0/x", data=b"x"),
        reader.request("POST", "/v1/traces", data=b"", headers={"x-mlflow-experiment-id": "0"}),
        reader.get("webhooks"),
        reader.post("users/create", {"username": "x", "password": PASSWORD}),
    ):
        expect_denied(reply)


def test_a_token_for_writing_is_not_for_users_and_permissions(suite):
    writer = client(suite, token=token(suite, ADMIN))
    experiment = writer.experiment()
    writer.run(experiment)
    body = {"experiment_id": experiment, "username": make_user(suite), "permission": "READ"}
    expect_denied(writer.post("experiments/permissions/create", body))
    expect_denied(writer.post("users/create", {"username": "x", "password": PASSWORD}))
    expect_denied(writer.get("webhooks"))
    whole = client(suite, token=token(suite, ADMIN, "--scope", "all"))
    assert whole.post("experiments/permissions/create", body).status == 200


def test_a_token_for_one_program_is_good_for_no_other(suite):
    files = client(suite, token=token(suite, ADMIN, "--programs", "artifacts"))
    expect_denied(files.get("experiments/get", {"experiment_id": "0"}))
    assert files.request("GET", "/api/2.0/mlflow-artifacts/artifacts").status == 200


def test_a_revoked_token_ends_at_once_and_an_expired_one_too(suite):
    name = make_user(suite)
    secret = token(suite, name, "--label", "ci")
    mine = client(suite, token=secret)
    assert mine.get("users/get", {"username": name}).status == 200
    listed = command(suite, "token", "--list", name).stdout
    assert secret not in listed and "\tvalid\t" in listed and "\tci\n" in listed
    command(suite, "token", "--revoke", listed.split("\t")[0])
    expect_unknown(mine.get("users/get", {"username": name}))
    assert "\trevoked\t" in command(suite, "token", "--list", name).stdout
    secret = token(suite, name)
    with sqlite3.connect(suite.database) as database:
        database.execute("UPDATE tokens SET expiry_time = ? WHERE revoked_time IS NULL", (int(time.time() * 1000),))
    expect_unknown(client(suite, token=secret).get("users/get", {"username": name}))


def test_a_token_is_kept_as_a_digest_and_its_use_is_noted(suite):
    name = make_user(suite)
    secret = token(suite, name)
    client(suite, token=secret).get("users/get", {"username": name}).ok()
    digest = hashlib.sha256(secret.encode()).hexdigest()
    with sqlite3.connect(suite.database) as database:
        (used,) = database.execute("SELECT last_used_time FROM tokens WHERE hash = ?", (digest,)).fetchone()
    assert abs(used / 1000 - time.time()) < 60
    assert not any(secret.encode() in path.read_bytes() for path in suite.directory.rglob("*") if path.is_file())


# --- Sessions ---


def login(suite, name, password=PASSWORD, **options):
    """A client with the session's cookie and the token that goes with it."""
    page = client(suite)
    reply = page.post("login", {"username": name, "password": password}, root=SESSION, **options)
    page.csrf = reply.ok()["csrf_token"]
    page.name = name
    page.cookie = reply.headers["set-cookie"]
    return page


def test_a_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(suite):
    page = login(suite, make_user(suite))
    assert re.fullmatch(
        r"tracklight_session=[\w.-]+; Path=/; Max-Age=43200; HttpOnly; SameSite=Lax", page.cookie
    ), page.cookie
    assert of(page).ok()["user"]["username"] == page.name
    behind_tls = login(suite, page.name, headers={"X-Forwarded-Proto": "https"})
    assert behind_tls.cookie.endswith("; Secure")


def test_what_a_session_changes_needs_its_token(suite):
    page, other = login(suite, make_user(suite)), login(suite, make_user(suite))
    for headers, text in (
        ({}, "The CSRF token is missing."),
        ({"X-CSRFToken": "x"}, "The CSRF token is invalid."),
        ({"X-CSRFToken": other.csrf}, "The CSRF token is invalid."),
    ):
        reply = page.post("experiments/create", {"name": unique("exp")}, headers=headers)
        assert (reply.status, reply.text) == (400, text)
    page.post("experiments/create", {"name": unique("exp")}, headers={"X-CSRFToken": page.csrf}).ok()


def test_a_page_that_is_loaded_again_learns_its_token(suite):
    page = login(suite, make_user(suite))
    session = page.get("session", root=SESSION).ok()
    assert session["csrf_token"] == page.csrf
    assert session["user"]["username"] == page.name and session["user"]["is_admin"] is False
    by_password = client(suite, page.name).get("session", root=SESSION).ok()
    assert "csrf_token" not in by_password


def test_a_forged_cookie_is_none(suite):
    page = login(suite, make_user(suite))
    value = page.session.cookies["tracklight_session"]
    text, _, signature = value.rpartition(".")
    as_admin = "-".join([text.split("-")[0], "1", *text.split("-")[2:]])
    for forged in (f"{as_admin}.{signature}", value[:-1] + ("A" if value[-1] != "A" else "B"), text, "x", ""):
        nobody = client(suite)
        nobody.session.cookies["tracklight_session"] = forged
        reply = nobody.get("users/get", {"username": ADMIN})
        # A browser is not made to ask for a password in a window of its own.
        assert expect_unknown(reply).split()[0] == ("Session" if forged else "Basic")


def test_logging_out_takes_the_cookie_and_everywhere_ends_all_sessions(suite):
    name = make_user(suite)
    here, there = login(suite, name), login(suite, name)
    copy = here.session.cookies["tracklight_session"]
    reply = here.post("logout", {}, root=SESSION, headers={"X-CSRFToken": here.csrf})
    assert reply.ok() == {} and "Max-Age=0" in reply.headers["set-cookie"]
    expect_unknown(of(here))
    assert of(there).status == 200
    there.post("logout", {"everywhere": True}, root=SESSION, headers={"X-CSRFToken": there.csrf}).ok()
    stolen = client(suite)
    stolen.session.cookies["tracklight_session"] = copy
    expect_unknown(stolen.get("users/get", {"username": name}))


def test_a_new_password_ends_the_sessions(suite, boss):
    page = login(suite, make_user(suite))
    boss.patch("users/update-password", {"username": page.name, "password": "yet another password"}).ok()
    expect_unknown(of(page))


def test_a_login_with_a_wrong_password_begins_no_session(suite):
    name = make_user(suite)
    reply = client(suite).post("login", {"username": name, "password": "wrong"}, root=SESSION)
    assert expect_unknown(reply) == 'Session realm="mlflow"'
    assert "set-cookie" not in reply.headers
    expect_invalid(client(suite).post("login", {"username": name}, root=SESSION))
    evil = client(suite).post("login", {"username": name, "password": PASSWORD}, root=SESSION,
                              headers={"Origin": "https://evil.example"})
    assert evil.status == 403


def test_the_key_of_sessions_is_in_a_file_of_its_own_or_is_the_one_that_is_set(suite, tmp_path):
    path = suite.database.with_name("t.db.session-key")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    secret = {"MLFLOW_FLASK_SERVER_SECRET_KEY": "a static secret"}
    running = Server(tmp_path, "--app-name", "basic-auth", environment={**ON, **secret})
    try:
        cookie = login(running, ADMIN, ADMIN_PASSWORD).session.cookies["tracklight_session"]
        assert not list(tmp_path.glob("*session-key"))
        running.stop()
        running.start()
        again = client(running)
        again.session.cookies["tracklight_session"] = cookie
        assert again.get("users/get", {"username": ADMIN}).status == 200
    finally:
        running.stop()


# --- The web server's word ---


def ask(suite, **variables):
    status, body = cgi(suite, SESSION + "session", **variables)
    return status, body


def test_the_web_servers_word_is_taken_only_if_the_settings_say_so(suite):
    name = make_user(suite)
    assert ask(suite, REMOTE_USER=name)[0] == 401
    assert ask(suite, REMOTE_USER=name, TRACKLIGHT_TRUST_REMOTE_USER="known")[0] == 200
    assert ask(suite, TRACKLIGHT_TRUST_REMOTE_USER="known")[0] == 401
    assert ask(suite, HTTP_REMOTE_USER=name, TRACKLIGHT_TRUST_REMOTE_USER="known")[0] == 401


def test_users_that_only_the_web_server_knows_are_refused_or_made(suite, boss):
    name = unique("remote")
    assert ask(suite, REMOTE_USER=name, TRACKLIGHT_TRUST_REMOTE_USER="known") == (403, "Permission denied")
    expect_error(boss.get("users/get", {"username": name}), 404, "RESOURCE_DOES_NOT_EXIST")
    for _ in range(2):
        status, body = ask(suite, REMOTE_USER=name, TRACKLIGHT_TRUST_REMOTE_USER="create")
        assert status == 200 and f'"username":"{name}"' in body
    made = boss.get("users/get", {"username": name}).ok()["user"]
    assert made["is_admin"] is False
    expect_unknown(client(suite, name, "").get("users/get", {"username": name}))


# --- Starting ---


def refuse_to_start(tmp_path, *options, environment=None):
    done = subprocess.run(
        [str(BUILD / "bin" / "tracklight"), "server", "--port", "0", "--app-name", "basic-auth", *options],
        cwd=tmp_path,
        env={**{k: v for k, v in os.environ.items() if not k.startswith(("MLFLOW_", "TRACKLIGHT_"))}, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    return done.stderr


def test_the_default_password_and_other_weak_ones_are_refused_at_the_start(tmp_path):
    for password in ("password1234", "short"):
        said = refuse_to_start(tmp_path, environment={**ON, "TRACKLIGHT_ADMIN_PASSWORD": password})
        assert "The administrator 'boss' that the settings name cannot be made" in said
        assert password not in said
    config = tmp_path / "auth.ini"
    config.write_text("[mlflow]\nadmin_username = admin\nadmin_password = password1234\n")
    said = refuse_to_start(tmp_path, environment={"MLFLOW_AUTH_CONFIG_PATH": str(config)})
    assert "'admin'" in said


def test_a_file_that_makes_no_sense_is_named_with_its_line(tmp_path):
    config = tmp_path / "auth.ini"
    config.write_text("[mlflow]\n\nauthorization_function = my.module:check\n")
    said = refuse_to_start(tmp_path, environment={"MLFLOW_AUTH_CONFIG_PATH": str(config)})
    assert f"{config}: line 3: authorization_function can only be" in said
    assert "cannot be read" in refuse_to_start(tmp_path, environment={"MLFLOW_AUTH_CONFIG_PATH": f"{tmp_path}/none"})
    assert "'basic-auth'" in refuse_to_start(tmp_path, "--app-name", "my-app")


def test_without_an_administrator_the_start_tells_what_to_do(tmp_path):
    running = Server(tmp_path, "--app-name", "basic-auth")
    try:
        assert "tracklight user add --admin" in running.log_text()
        expect_unknown(client(running, "admin", "password1234").get("users/get", {"username": "admin"}))
        command(running, "add", "--admin", "first", password=PASSWORD)
        assert client(running, "first").get("webhooks").status == 200
    finally:
        running.stop()


def test_users_may_have_a_database_of_their_own_and_files_alone_need_one(servers, tmp_path):
    config = tmp_path / "auth.ini"
    config.write_text(
        f"[mlflow]\ndatabase_uri = sqlite:///{tmp_path}/users.db\nadmin_username = boss\n"
        f"admin_password = {ADMIN_PASSWORD}\ndefault_permission = NO_PERMISSIONS\n"
    )
    environment = {"MLFLOW_AUTH_CONFIG_PATH": str(config)}
    assert "database_uri" in refuse_to_start(tmp_path, "--artifacts-only", environment=None)
    suite = start(servers, environment=environment)
    suite.users = tmp_path / "users.db"
    experiment = admin(suite).experiment()
    alice = fresh(suite)
    grant(suite, alice.name, experiment, "EDIT")
    expect_denied(alice.get("experiments/permissions/get", {"experiment_id": experiment, "username": alice.name}))
    with sqlite3.connect(suite.database) as database:
        assert database.execute("SELECT count(*) FROM users").fetchone() == (0,)
    with sqlite3.connect(tmp_path / "users.db") as database:
        assert database.execute("SELECT count(*) FROM permissions WHERE permission = 3").fetchone() == (1,)
        assert database.execute("SELECT count(*) FROM experiments").fetchone() == (0,)
    files = start(servers, "--artifacts-only", backend=False, environment=environment)
    path = "/api/2.0/mlflow-artifacts/artifacts"
    expect_unknown(client(files).request("GET", path))
    assert admin(files).request("GET", path).status == 200


# --- What is put down ---


def test_refusals_and_changes_are_in_the_log_without_secrets(suite):
    name, request_id = unique("user"), unique("id")
    admin(suite).post("users/create", {"username": name, "password": PASSWORD}).ok()
    alice = client(suite, name)
    alice.name = name
    grant(suite, name, "0", "EDIT")
    alice.get("webhooks", headers={"X-Request-Id": request_id})
    client(suite, 'x" audit=true user="boss', "wrong password").request("GET", SELF)
    client(suite).request("GET", SELF)
    secret = token(suite, alice.name)
    client(suite, token=secret).request("GET", SELF)
    page = login(suite, alice.name)
    cookie = page.session.cookies["tracklight_session"]
    whole = suite.log.read_text()
    text = "\n".join(line for line in whole.splitlines() if "audit=true" in line)
    assert f'action=createUser user="boss" target="{alice.name}" from=127.0.0.1' in text
    assert f'action=createExperimentPermission user="boss" target="{alice.name}: EDIT on experiment_id 0"' in text
    assert f'id={request_id} refused="not allowed" user="{alice.name}" operation=listWebhooks from=127.0.0.1' in text
    assert 'refused="wrong user or password" user="x\\" audit=true user=\\"boss"' in text
    assert 'refused="no credentials" user="-"' in text
    for hidden in (PASSWORD, ADMIN_PASSWORD, "wrong password", secret, cookie, page.csrf, "scrypt:"):
        assert hidden not in whole
