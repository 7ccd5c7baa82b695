"""Users and permissions as the API manages them."""

import html
import re

import pytest

from auth_support import (
    ADMIN, PASSWORD, admin, client, expect_denied, fresh, grant, make_user, start,
)
from support import API, API_3, TAIL, expect_error, expect_invalid, missing, unique

WEAK = "Password is one of the first that are tried. Choose another one."
SHORT = "Password must be a string longer than 12 characters."

# kind -> root of the API, path, key of a reply, what identifies a thing, how messages call it
KINDS = {
    "experiment": (API, "experiments", "experiment_permission", {"experiment_id": "4711"}, "Experiment permission"),
    "model": (API, "registered-models", "registered_model_permission", {"name": "a model/with ✓"}, "Registered model permission"),
    "scorer": (API_3, "scorers", "scorer_permission", {"experiment_id": "4711", "scorer_name": "s"}, "Scorer permission"),
    "secret": (API_3, "gateway/secrets", "gateway_secret_permission", {"secret_id": "s-1"}, "Gateway secret permission"),
    "endpoint": (API_3, "gateway/endpoints", "gateway_endpoint_permission", {"endpoint_id": "e-1"}, "Gateway endpoint permission"),
    "definition": (
        API_3, "gateway/model-definitions", "gateway_model_definition_permission", {"model_definition_id": "d-1"},
        "Gateway model definition permission",
    ),
}


@pytest.fixture(scope="module")
def suite(servers):
    return start(servers, "--allow-signup")


@pytest.fixture
def boss(suite):
    return admin(suite)


@pytest.fixture
def name(suite):
    return make_user(suite)


def user(boss, name):
    return boss.get("users/get", {"username": name}).ok()["user"]


# --- Users ---


def test_a_user_is_made_with_no_rights_and_reads_back(boss):
    name = unique("alice")
    made = boss.post("users/create", {"username": name, "password": PASSWORD}).ok()["user"]
    assert made == {
        "id": made["id"],
        "username": name,
        "is_admin": False,
        "experiment_permissions": [],
        "registered_model_permissions": [],
        "scorer_permissions": [],
    }
    assert user(boss, name) == made


def test_a_name_that_is_taken_is_told_without_the_hash(boss, name):
    text = f"User (username={name}) already exists."
    expect_error(boss.post("users/create", {"username": name, "password": PASSWORD}), 400, "RESOURCE_ALREADY_EXISTS", text)


def test_the_content_type_of_a_new_user_may_have_parameters(boss):
    name = unique("alice")
    body = f'{{"username": "{name}", "password": "{PASSWORD}"}}'.encode()
    assert boss.post_bytes("users/create", body, "application/json; charset=utf-8").status == 200
    expect_invalid(boss.post_bytes("users/create", body, "text/plain"))


@pytest.mark.parametrize(
    "body, text",
    [
        ({"username": "x"}, missing("password")),
        ({"password": PASSWORD}, missing("username")),
        ({"username": "x", "password": "eleven char"}, SHORT),
        ({"username": "x", "password": "password1234"}, WEAK),
        ({"username": "x", "password": "zzzzzzzzzzzzzz"}, WEAK),
        ({"username": "a-name-of-a-user", "password": "A-name-of-a-user"}, WEAK),
        ({"username": "a:b", "password": PASSWORD}, re.compile("must not contain a colon")),
        ({"username": "x" * 256, "password": PASSWORD}, re.compile("at most 255")),
        ({"username": 5, "password": PASSWORD}, re.compile("^Invalid value 5 for parameter 'username'")),
        ({"username": "x", "password": 123456789012}, re.compile("for parameter 'password'")),
    ],
)
def test_what_cannot_be_a_user_is_refused(boss, body, text):
    expect_invalid(boss.post("users/create", body), text)


@pytest.mark.parametrize("body", [{"username": "", "password": PASSWORD}, {"username": "x", "password": ""}])
def test_an_empty_name_or_password_gets_a_plain_answer(boss, body):
    reply = boss.post("users/create", body)
    assert (reply.status, reply.text) == (400, "Username and password cannot be empty.")


def test_only_administrators_make_change_and_delete_users(suite, name):
    alice = fresh(suite)
    expect_denied(alice.post("users/create", {"username": unique("x"), "password": PASSWORD}))
    expect_denied(alice.patch("users/update-admin", {"username": alice.name, "is_admin": True}))
    expect_denied(alice.delete("users/delete", {"username": alice.name}))
    expect_denied(alice.get("users/get", {"username": name}))
    expect_denied(alice.get("users/get", {"username": "nobody at all"}))
    expect_denied(alice.patch("users/update-password", {"username": name, "password": PASSWORD}))
    assert alice.get("users/get", {"username": alice.name}).status == 200


def test_whose_data_is_read_is_not_decided_by_a_second_spelling(suite, name):
    alice = fresh(suite)
    path = f"{API}users/get?username={alice.name}&username={name}"
    reply = alice.request("GET", path)
    assert reply.status in (400, 403) or reply.json["user"]["username"] == alice.name


def test_a_user_changes_his_own_password_by_the_same_rules(suite):
    alice = fresh(suite)
    for password, text in (("x", SHORT), ("", missing("password")), ("password1234", WEAK)):
        expect_invalid(alice.patch("users/update-password", {"username": alice.name, "password": password}), text)
    new = "a quite new password"
    assert alice.patch("users/update-password", {"username": alice.name, "password": new}).ok() == {}
    assert client(suite, alice.name, new).get("users/get", {"username": alice.name}).status == 200


def test_whoever_is_not_there_is_not_found(boss):
    text = "User with username=nobody not found"
    for reply in (
        boss.get("users/get", {"username": "nobody"}),
        boss.patch("users/update-password", {"username": "nobody", "password": PASSWORD}),
        boss.patch("users/update-admin", {"username": "nobody", "is_admin": True}),
        boss.delete("users/delete", {"username": "nobody"}),
    ):
        expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", text)


def test_being_an_administrator_is_true_or_false(boss, name):
    expect_invalid(boss.patch("users/update-admin", {"username": name, "is_admin": "maybe"}))
    expect_invalid(boss.patch("users/update-admin", {"username": name}), missing("is_admin"))
    assert boss.patch("users/update-admin", {"username": name, "is_admin": True}).ok() == {}
    assert user(boss, name)["is_admin"] is True
    assert boss.patch("users/update-admin", {"username": name, "is_admin": False}).ok() == {}
    assert user(boss, name)["is_admin"] is False


def test_the_last_administrator_stays_one(boss):
    text = f"'{ADMIN}' is the last administrator. Make another user an administrator first."
    expect_invalid(boss.patch("users/update-admin", {"username": ADMIN, "is_admin": False}), text)
    expect_invalid(boss.delete("users/delete", {"username": ADMIN}), text)


def test_a_user_is_deleted_with_his_permissions(suite, boss, name):
    grant(suite, name, "0", "EDIT")
    assert boss.delete("users/delete", {"username": name}).ok() == {}
    make_user(suite, name)
    assert user(boss, name)["experiment_permissions"] == []


def test_a_delete_takes_its_parameters_from_the_query_or_from_json_but_never_from_both(suite, boss):
    first, second = make_user(suite), make_user(suite)
    assert boss.request("DELETE", f"{API}users/delete?username={first}").ok() == {}
    reply = boss.request("DELETE", f"{API}users/delete?username={second}", json={"username": "nobody"})
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", "User with username=nobody not found")
    assert user(boss, second)["username"] == second
    expect_invalid(boss.request("DELETE", f"{API}users/delete"), missing("username"))


# --- Permissions ---


def manage(api, kind, verb, username, **more):
    root, path, _, target, _ = KINDS[kind]
    parameters = {**target, "username": username, **more}
    path = f"{path}/permissions/{verb}"
    if verb == "get":
        return api.get(path, parameters, root=root)
    send = {"create": api.post, "update": api.patch, "delete": api.delete}[verb]
    return send(path, parameters, root=root)


@pytest.mark.parametrize("kind", KINDS)
def test_a_permission_is_made_read_changed_and_deleted(boss, suite, name, kind):
    _, _, key, target, title = KINDS[kind]
    user_id = user(boss, name)["id"]
    row = {key: {**target, "permission": "EDIT", "user_id": user_id}}
    assert manage(boss, kind, "create", name, permission="EDIT").ok() == row
    assert manage(boss, kind, "get", name).ok() == row
    assert manage(boss, kind, "update", name, permission="NO_PERMISSIONS").ok() == {}
    assert manage(boss, kind, "get", name).ok() == {key: {**row[key], "permission": "NO_PERMISSIONS"}}
    assert manage(boss, kind, "delete", name).ok() == {}
    text = ", ".join(f"{field}={value}" for field, value in target.items())
    comma = "," if kind == "scorer" else ""
    for reply in (
        manage(boss, kind, "get", name),
        manage(boss, kind, "update", name, permission="READ"),
        manage(boss, kind, "delete", name),
    ):
        expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", f"{title} with {text}{comma} and username={name} not found")


@pytest.mark.parametrize("kind", KINDS)
def test_a_second_permission_for_the_same_thing_is_refused(boss, name, kind):
    _, _, _, target, title = KINDS[kind]
    manage(boss, kind, "create", name, permission="READ").ok()
    text = ", ".join(f"{field}={value}" for field, value in {**target, "username": name}.items())
    expect_error(
        manage(boss, kind, "create", name, permission="READ"), 400, "RESOURCE_ALREADY_EXISTS",
        f"{title} ({text}) already exists.",
    )


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_missing_or_no_level_is_named(boss, name, kind):
    root, path, _, target, _ = KINDS[kind]
    for verb in ("create", "update"):
        expect_invalid(manage(boss, kind, verb, name), missing("permission"))
        expect_invalid(
            manage(boss, kind, verb, name, permission="BOGUS"),
            "Invalid permission 'BOGUS'. Valid permissions are: ('READ', 'USE', 'EDIT', 'MANAGE', 'NO_PERMISSIONS')",
        )
    expect_invalid(boss.get(f"{path}/permissions/get", target, root=root), missing("username"))
    expect_invalid(boss.get(f"{path}/permissions/get", {"username": name}, root=root), missing(next(iter(target))))
    expect_invalid(boss.delete(f"{path}/permissions/delete", {"username": name}, root=root), missing(next(iter(target))))


@pytest.mark.parametrize("kind", KINDS)
def test_who_manages_a_thing_manages_who_else_may_use_it_and_nobody_else_does(suite, boss, name, kind):
    alice = fresh(suite)
    for level in (None, "READ", "USE", "EDIT"):
        if level == "READ":
            manage(boss, kind, "create", alice.name, permission=level).ok()
        elif level:
            manage(boss, kind, "update", alice.name, permission=level).ok()
        expect_denied(manage(alice, kind, "create", name, permission="READ"))
        expect_denied(manage(alice, kind, "get", alice.name))
        expect_denied(manage(alice, kind, "update", alice.name, permission="MANAGE"))
        expect_denied(manage(alice, kind, "delete", alice.name))
    manage(boss, kind, "update", alice.name, permission="MANAGE").ok()
    assert manage(alice, kind, "create", name, permission="READ").status == 200
    assert manage(alice, kind, "get", name).status == 200
    assert manage(alice, kind, "update", name, permission="USE").status == 200
    assert manage(alice, kind, "delete", name).status == 200


def test_managing_one_experiment_is_not_managing_another(suite, boss, name):
    alice = fresh(suite)
    grant(suite, alice.name, "4711", "MANAGE")
    for other in ("0", "4712", "x"):
        body = {"experiment_id": other, "username": name, "permission": "READ"}
        expect_denied(alice.post("experiments/permissions/create", body))
    # What is checked is what is done: the second spelling, and the query beside a body, name nothing.
    body = {"experiment_id": "0", "experimentId": "4711", "username": name, "permission": "READ"}
    expect_denied(alice.post("experiments/permissions/create", body))
    path = f"{API}experiments/permissions/delete?experiment_id=4711&username={name}"
    expect_denied(alice.request("DELETE", path, json={"experiment_id": "0", "username": name}))


def test_an_experiment_is_the_same_however_its_number_is_written(boss, name):
    for i, spelling in enumerate(("0815", 815, "815")):
        body = {"experiment_id": spelling, "username": name, "permission": "READ"}
        assert boss.post("experiments/permissions/create", body).status == (400 if i else 200)


def test_permissions_for_whom_nobody_knows_are_refused(boss):
    text = "User with username=nobody not found"
    for kind in KINDS:
        for reply in (
            manage(boss, kind, "create", "nobody", permission="READ"),
            manage(boss, kind, "get", "nobody"),
            manage(boss, kind, "update", "nobody", permission="READ"),
            manage(boss, kind, "delete", "nobody"),
        ):
            expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", text)


def test_a_user_shows_his_permissions_but_not_those_of_the_gateway(boss, name):
    for kind in KINDS:
        manage(boss, kind, "create", name, permission="USE").ok()
    shown = user(boss, name)
    row = {"permission": "USE", "user_id": shown["id"]}
    assert shown["experiment_permissions"] == [{"experiment_id": "4711", **row}]
    assert shown["registered_model_permissions"] == [{"name": "a model/with ✓", **row}]
    assert shown["scorer_permissions"] == [{"experiment_id": "4711", "scorer_name": "s", **row}]
    assert not any("gateway" in key for key in shown)


def test_users_and_permissions_are_not_below_ajax_api(boss):
    for path in ("users/get", "experiments/permissions/get"):
        expect_error(boss.get(path, {"username": ADMIN}, root="/ajax-api/2.0/mlflow/"), 404, "ENDPOINT_NOT_FOUND")


# --- The page to sign up ---


def form_of(api):
    """The token of a fresh form, whose cookie the client keeps."""
    reply = api.request("GET", "/signup")
    assert reply.status == 200 and reply.headers["content-type"].startswith("text/html")
    cookie = reply.headers["set-cookie"]
    assert re.fullmatch(r"session=[\w.-]+; Path=/; HttpOnly; SameSite=Lax", cookie)
    assert 'action="/api/2.0/mlflow/users/create-ui"' in reply.text
    return html.unescape(re.search(r'name="csrf_token" value="([^"]+)"', reply.text).group(1))


def submit(api, headers=None, **fields):
    return api.request("POST", API + "users/create-ui", data=fields, headers=headers)


def test_an_administrator_makes_a_user_by_the_form(suite, boss):
    name = unique("by-form")
    token = form_of(boss)
    reply = submit(boss, username=name, password=PASSWORD, csrf_token=token)
    assert reply.status == 200 and f"Successfully signed up user: {name}" in reply.text
    assert 'location.href = "/"' in reply.text
    assert client(suite, name).get("users/get", {"username": name}).status == 200
    reply = submit(boss, username=name, password=PASSWORD, csrf_token=token)
    assert reply.status == 200 and f"Username has already been taken: {name}" in reply.text
    assert 'location.href = "/signup"' in reply.text


def test_the_token_of_the_form_may_be_a_header(suite, boss):
    name = unique("by-form")
    assert submit(boss, headers={"X-CSRFToken": form_of(boss)}, username=name, password=PASSWORD).status == 200


def test_a_form_without_its_token_or_cookie_makes_nobody(suite, boss):
    name = unique("by-form")
    fields = {"username": name, "password": PASSWORD}
    token, other = form_of(boss), form_of(admin(suite))
    for reply, text in (
        (submit(boss, **fields), "The CSRF token is missing."),
        (submit(boss, **fields, csrf_token="x"), "The CSRF token is invalid."),
        (submit(boss, **fields, csrf_token=other), "The CSRF token is invalid."),
        (submit(admin(suite), **fields, csrf_token=token), "The CSRF session token is missing."),
    ):
        assert reply.status == 400 and text in reply.text, reply
        assert reply.headers["content-type"].startswith("text/html")
    expect_error(boss.get("users/get", {"username": name}), 404, "RESOURCE_DOES_NOT_EXIST")


def test_the_form_has_the_same_rules_as_the_api(boss):
    token = form_of(boss)
    reply = submit(boss, username="", password=PASSWORD, csrf_token=token)
    assert (reply.status, reply.text) == (400, "Username and password cannot be empty.")
    expect_invalid(submit(boss, username=unique("x"), password="x", csrf_token=token), SHORT)
    reply = boss.request("POST", API + "users/create-ui", json={"username": "x"})
    assert (reply.status, reply.text) == (400, "Invalid content type. Must be application/x-www-form-urlencoded")


def test_a_name_does_not_end_the_script_that_shows_it(boss):
    name = unique("</script><script>alert(1)//\"'\\")
    reply = submit(boss, username=name, password=PASSWORD, csrf_token=form_of(boss))
    assert reply.status == 200 and "</script><script>alert(1)" not in reply.text
    assert reply.text.count("<script") == 1


def test_the_form_is_for_administrators_only(suite):
    alice = fresh(suite)
    expect_denied(alice.request("GET", "/signup"))
    expect_denied(submit(alice, username=unique("x"), password=PASSWORD, csrf_token="x"))


def test_the_form_is_off_unless_it_is_turned_on(servers):
    boss = admin(start(servers, "--workers", "2"))
    expect_error(boss.request("GET", "/signup"), 404, "ENDPOINT_NOT_FOUND")
    expect_error(submit(boss, username="x", password=PASSWORD), 404, "ENDPOINT_NOT_FOUND")
