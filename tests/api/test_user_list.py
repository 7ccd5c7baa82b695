"""Lists of users and of what they were granted, for administrators."""

from auth_support import ADMIN, admin, expect_denied, fresh, make_user
from support import API_3, expect_error, unique

USERS = "/api/3.0/tracklight/users"


def test_an_administrator_sees_all_users(closed_suite):
    name = make_user(closed_suite)
    users = {user["username"]: user for user in admin(closed_suite).request("GET", USERS).ok()["users"]}
    assert users[ADMIN]["is_admin"] is True
    assert set(users[name]) == {"id", "username", "is_admin", "has_password", "creation_time"}
    assert (users[name]["is_admin"], users[name]["has_password"]) == (False, True)
    assert list(users) == sorted(users, key=str.encode)


def test_grants_of_every_kind_are_listed(closed_suite):
    boss, name = admin(closed_suite), make_user(closed_suite)
    experiment, model = boss.experiment(), boss.registered_model()
    secret = boss.post("gateway/secrets/create", {"secret_name": unique("s"), "secret_value": {"api_key": "k" * 10}}, root=API_3).ok()["secret"]["secret_id"]
    assert boss.request("GET", USERS + "/grants", params={"username": name}).ok() == {"grants": []}
    boss.post("experiments/permissions/create", {"username": name, "experiment_id": experiment, "permission": "EDIT"}).ok()
    boss.post("registered-models/permissions/create", {"username": name, "name": model, "permission": "MANAGE"}).ok()
    boss.post("scorers/permissions/create", {"username": name, "experiment_id": experiment, "scorer_name": "s", "permission": "READ"}, root=API_3).ok()
    boss.post("gateway/secrets/permissions/create", {"username": name, "secret_id": secret, "permission": "NO_PERMISSIONS"}, root=API_3).ok()
    grants = boss.request("GET", USERS + "/grants", params={"username": name}).ok()["grants"]
    assert grants == [
        {"kind": "experiment", "id": experiment, "permission": "EDIT"},
        {"kind": "model", "id": model, "permission": "MANAGE"},
        {"kind": "scorer", "id": experiment, "name": "s", "permission": "READ"},
        {"kind": "secret", "id": secret, "permission": "NO_PERMISSIONS"},
    ]


def test_nobody_else_sees_them(closed_suite):
    api = fresh(closed_suite)
    expect_denied(api.request("GET", USERS))
    expect_denied(api.request("GET", USERS + "/grants", params={"username": api.name}))


def test_grants_of_nobody_are_not_found(closed_suite):
    reply = admin(closed_suite).request("GET", USERS + "/grants", params={"username": "nobody"})
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST")
