"""Secrets, model definitions and endpoints of the gateway."""

import json
import sqlite3

import pytest
from gateway_support import KEY, Gateway
from support import API_3, Server, expect_error, expect_invalid, invalid, missing, unique

NOWHERE = "0" * 32


@pytest.fixture
def gateway(api):
    return Gateway(api)


def not_found(reply, entity, **fields):
    shown = ", ".join(f"{name}='{value}'" for name, value in fields.items())
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", f"{entity} not found ({shown})")


# --- Secrets ---


def test_a_secret_is_shown_masked(gateway):
    name = unique("secret")
    value = {"aws_access_key_id": "AKIAIOSFODNN7EXAMPLE", "short": "1234567", "ümläut": "äöüß-…-ñ€"}
    config = {"api_base": "http://127.0.0.1:9/v1", "region": "ü"}
    made = gateway.secret(secret_name=name, secret_value=value, auth_config=config, created_by="me", provider="bedrock")
    assert made["secret_name"] == name
    assert made["masked_values"] == {"aws_access_key_id": "AKI...MPLE", "short": "***", "ümläut": "äöü...…-ñ€"}
    assert made["auth_config"] == config
    assert (made["provider"], made["created_by"], made["last_updated_by"]) == ("bedrock", "me", "me")
    assert made["created_at"] == made["last_updated_at"]
    assert gateway.get_secret(made["secret_id"]) == made


def test_what_is_not_known_of_a_secret_is_left_out(gateway):
    made = gateway.secret(provider="", auth_config={}, created_by="")
    assert set(made) == {"secret_id", "secret_name", "masked_values", "created_at", "last_updated_at"}


def test_the_name_of_a_secret_is_taken_once(gateway):
    name = gateway.secret()["secret_name"]
    reply = gateway.post("secrets/create", secret_name=name, secret_value={"api_key": "other"})
    expect_error(reply, 400, "RESOURCE_ALREADY_EXISTS", f"Secret with name '{name}' already exists")


@pytest.mark.parametrize("body", [{}, {"secret_value": {}}, {"secret_value": None}])
def test_a_secret_without_a_value_is_refused(gateway, body):
    reply = gateway.post("secrets/create", secret_name=unique("s"), **body)
    expect_invalid(reply, "Missing value for required parameter 'secret_value'.")


@pytest.mark.parametrize(
    "value",
    [
        KEY,
        [KEY],
        {"api_key": 1},
        {"api_key": None},
        {"api_key": {"nested": KEY}},
        {"": KEY},
        {"api_key": KEY + "\n"},
        {"api_key": "\r" + KEY},
        {"api_key": KEY + "\0"},
        {"api\nkey": KEY},
        {"vertex_credentials": KEY + "\0"},
        {"api_key": "sk-" + "x" * 70000},
        {f"k{i}": KEY for i in range(33)},
    ],
)
def test_a_value_that_is_no_map_of_clean_texts_is_refused_and_not_repeated(gateway, value):
    for path, fields in (("create", {"secret_name": unique("s")}), ("update", {"secret_id": gateway.secret()["secret_id"]})):
        reply = gateway.post(f"secrets/{path}", secret_value=value, **fields)
        message = expect_error(reply, 400, "INVALID_PARAMETER_VALUE")
        assert "'secret_value'" in message
        assert KEY not in reply.text and "xxxx" not in reply.text


def test_the_key_file_of_a_service_account_keeps_its_lines(gateway):
    value = {"vertex_credentials": json.dumps({"type": "service_account", "private_key": "a\nb"}, indent=2)}
    gateway.secret(secret_value=value, provider="vertex_ai")


@pytest.mark.parametrize("value", ["$HOME", "/etc/passwd", "%s%n", "\u0001", "a" * 60000])
def test_a_value_is_taken_literally(gateway, value):
    masked = gateway.secret(secret_value={"api_key": value})["masked_values"]["api_key"]
    assert masked == ("***" if len(value) < 8 else f"{value[:3]}...{value[-4:]}")


def test_names_and_texts_of_secrets_have_limits(gateway):
    gateway.secret(secret_name=unique("ü" * 200))
    for fields in ({"secret_name": "x" * 256}, {"secret_name": "a\nb"}, {"provider": "p" * 65}, {"created_by": "c" * 256}):
        body = {"secret_name": unique("s"), "secret_value": {"api_key": KEY}, **fields}
        expect_error(gateway.post("secrets/create", **body), 400, "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize("config", ["x", {"api_base": 1}, {"api_base": "http://x\r\ny: z"}, [1]])
def test_a_configuration_that_is_no_map_of_clean_texts_is_refused(gateway, config):
    body = {"secret_name": unique("s"), "secret_value": {"api_key": KEY}, "auth_config": config}
    assert "'auth_config'" in expect_error(gateway.post("secrets/create", **body), 400, "INVALID_PARAMETER_VALUE")


def test_update_changes_what_is_sent(gateway):
    made = gateway.secret(auth_config={"a": "1"}, created_by="me")
    key = made["secret_id"]
    changed = gateway.post("secrets/update", secret_id=key, secret_value={"api_key": "new-value-9999"}, updated_by="you").ok()["secret"]
    assert changed["masked_values"] == {"api_key": "new...9999"}
    assert changed["auth_config"] == {"a": "1"}
    assert (changed["created_by"], changed["last_updated_by"]) == ("me", "you")
    changed = gateway.post("secrets/update", secret_id=key, auth_config={"b": "2"}, secret_value={}).ok()["secret"]
    assert changed["masked_values"] == {"api_key": "new...9999"}
    assert changed["auth_config"] == {"b": "2"}
    assert "last_updated_by" not in changed
    assert changed["last_updated_at"] >= made["last_updated_at"]
    assert gateway.post("secrets/update", secret_id=key, auth_config={}).ok()["secret"]["auth_config"] == {"b": "2"}
    assert gateway.get_secret(key)["auth_config"] == {"b": "2"}


def test_secrets_that_are_not_there(gateway):
    key = "s-" + NOWHERE
    not_found(gateway.get("secrets/get", secret_id=key), "GatewaySecret", secret_id=key)
    not_found(gateway.post("secrets/update", secret_id=key), "GatewaySecret", secret_id=key)
    not_found(gateway.post("secrets/update", secret_id=key, secret_value={"a": KEY}), "GatewaySecret", secret_id=key)
    not_found(gateway.delete("secrets/delete", secret_id=key), "GatewaySecret", secret_id=key)


def test_required_fields_of_secrets(gateway):
    expect_invalid(gateway.post("secrets/create", secret_value={"api_key": KEY}), missing("secret_name"))
    expect_invalid(gateway.get("secrets/get"), missing("secret_id"))
    expect_invalid(gateway.get("secrets/get", secret_name="x"), missing("secret_id"))
    expect_invalid(gateway.post("secrets/update"), missing("secret_id"))
    expect_invalid(gateway.delete("secrets/delete", secret_id=""), missing("secret_id"))


def test_a_delete_takes_its_id_from_the_body(gateway):
    key = gateway.secret()["secret_id"]
    reply = gateway.api.request("DELETE", f"{API_3}gateway/secrets/delete?secret_id={key}")
    expect_invalid(reply, missing("secret_id"))
    gateway.delete("secrets/delete", secret_id=key).ok()
    not_found(gateway.get("secrets/get", secret_id=key), "GatewaySecret", secret_id=key)


def test_secrets_are_listed_by_provider(gateway):
    provider = unique("provider")
    made = [gateway.secret(provider=provider) for _ in range(3)]
    assert gateway.get("secrets/list", provider=provider).ok()["secrets"] == made
    assert made[0] in gateway.get("secrets/list").ok()["secrets"]
    assert gateway.get("secrets/list", provider=unique("none")).ok() == {}
    expect_invalid(gateway.api.request("GET", API_3 + "gateway/secrets/list", json={"provider": 1}), invalid(1, "provider"))


# --- Model definitions ---


def test_a_model_definition_names_its_secret(gateway):
    secret = gateway.secret()
    made = gateway.model(secret["secret_id"], name=unique("m"), model_name="gpt-4o-mini", created_by="me")
    assert (made["secret_id"], made["secret_name"]) == (secret["secret_id"], secret["secret_name"])
    assert (made["provider"], made["model_name"], made["created_by"], made["last_updated_by"]) == ("openai", "gpt-4o-mini", "me", "me")
    assert gateway.get("model-definitions/get", model_definition_id=made["model_definition_id"]).ok() == {"model_definition": made}


def test_a_definition_outlives_its_secret(gateway):
    made = gateway.model()
    gateway.delete("secrets/delete", secret_id=made["secret_id"]).ok()
    found = gateway.get("model-definitions/get", model_definition_id=made["model_definition_id"]).ok()["model_definition"]
    assert "secret_id" not in found and "secret_name" not in found


def test_model_definitions_are_updated(gateway):
    made = gateway.model(created_by="me")
    key = made["model_definition_id"]
    same = gateway.post("model-definitions/update", model_definition_id=key, name="", secret_id="", provider="", model_name="").ok()
    assert {**same["model_definition"], "last_updated_at": 0} == {**made, "last_updated_at": 0}
    secret, name = gateway.secret(), unique("renamed")
    body = {"name": name, "secret_id": secret["secret_id"], "provider": "groq", "model_name": "m", "updated_by": "you"}
    changed = gateway.post("model-definitions/update", model_definition_id=key, **body).ok()["model_definition"]
    assert {key: changed[key] for key in ("name", "secret_id", "provider", "model_name")} == {key: body[key] for key in ("name", "secret_id", "provider", "model_name")}
    assert (changed["secret_name"], changed["created_by"], changed["last_updated_by"]) == (secret["secret_name"], "me", "you")


def test_refusals_of_model_definitions(gateway):
    made, other = gateway.model(), gateway.model()
    taken = f"Model definition with name '{made['name']}' already exists"
    body = {"name": made["name"], "secret_id": made["secret_id"], "provider": "openai", "model_name": "m"}
    expect_error(gateway.post("model-definitions/create", **body), 400, "RESOURCE_ALREADY_EXISTS", taken)
    reply = gateway.post("model-definitions/update", model_definition_id=other["model_definition_id"], name=made["name"])
    expect_error(reply, 400, "RESOURCE_ALREADY_EXISTS", taken)
    for field in body:
        expect_invalid(gateway.post("model-definitions/create", **{**body, field: ""}), missing(field))
    for field, length in (("name", 255), ("provider", 64), ("model_name", 256)):
        expect_error(gateway.post("model-definitions/create", **{**body, field: "x" * (length + 1)}), 400, "INVALID_PARAMETER_VALUE")
    nowhere = "s-" + NOWHERE
    not_found(gateway.post("model-definitions/create", **{**body, "name": unique("m"), "secret_id": nowhere}), "GatewaySecret", secret_id=nowhere)
    reply = gateway.post("model-definitions/update", model_definition_id=made["model_definition_id"], secret_id=nowhere)
    not_found(reply, "GatewaySecret", secret_id=nowhere)
    key = "d-" + NOWHERE
    for reply in (
        gateway.get("model-definitions/get", model_definition_id=key),
        gateway.post("model-definitions/update", model_definition_id=key, name="x"),
        gateway.delete("model-definitions/delete", model_definition_id=key),
    ):
        not_found(reply, "GatewayModelDefinition", model_definition_id=key)
    expect_invalid(gateway.get("model-definitions/get", name="x"), missing("model_definition_id"))
    expect_invalid(gateway.post("model-definitions/update"), missing("model_definition_id"))
    expect_invalid(gateway.delete("model-definitions/delete"), missing("model_definition_id"))


def test_a_definition_in_use_is_not_deleted(gateway):
    endpoint = gateway.endpoint()
    key = endpoint["model_mappings"][0]["model_definition_id"]
    text = "Cannot delete model definition that is currently in use by endpoints. Detach it from all endpoints first."
    expect_error(gateway.delete("model-definitions/delete", model_definition_id=key), 400, "INVALID_STATE", text)
    gateway.post("endpoints/models/detach", endpoint_id=endpoint["endpoint_id"], model_definition_id=key).ok()
    gateway.delete("model-definitions/delete", model_definition_id=key).ok()
    not_found(gateway.get("model-definitions/get", model_definition_id=key), "GatewayModelDefinition", model_definition_id=key)


def test_model_definitions_are_listed(gateway):
    provider, secret = unique("provider"), gateway.secret()["secret_id"]
    first, second = gateway.model(provider=provider), gateway.model(secret, provider=provider)
    listed = lambda **query: gateway.get("model-definitions/list", **query).ok().get("model_definitions", [])  # noqa: E731
    assert listed(provider=provider) == [first, second]
    assert listed(secret_id=secret) == [second]
    assert listed(provider="other", secret_id=secret) == []
    assert first in listed()
    reply = gateway.api.request("GET", API_3 + "gateway/model-definitions/list", json={"provider": []})
    expect_invalid(reply, invalid([], "provider"))


# --- Endpoints ---


def test_an_endpoint_shows_its_models(gateway):
    model = gateway.model()
    config = {"model_definition_id": model["model_definition_id"], "linkage_type": "PRIMARY", "weight": 0.1}
    made = gateway.endpoint(model_configs=[config])
    (mapping,) = made["model_mappings"]
    assert mapping["model_definition"] == model
    assert (mapping["weight"], mapping["linkage_type"], mapping["endpoint_id"]) == (0.1, "PRIMARY", made["endpoint_id"])
    assert (made["created_by"], made["last_updated_by"]) == ("", "")
    assert not {"routing_strategy", "fallback_config", "tags"} & set(made)
    assert gateway.get_endpoint(made["endpoint_id"]) == made


def test_everything_that_an_endpoint_may_have(gateway):
    configs = [
        gateway.config(weight=0.25),
        gateway.config(weight=0),
        gateway.config(linkage_type="FALLBACK", fallback_order=0),
        gateway.config(linkage_type=2, fallback_order=7, weight="1e-05"),
    ]
    made = gateway.endpoint(
        model_configs=configs,
        created_by="me",
        routing_strategy="REQUEST_BASED_TRAFFIC_SPLIT",
        fallback_config={"strategy": "SEQUENTIAL", "max_attempts": 2},
    )
    shown = [(m["linkage_type"], m["weight"], m.get("fallback_order"), m["created_by"]) for m in made["model_mappings"]]
    assert shown == [("PRIMARY", 0.25, None, "me"), ("PRIMARY", 0.0, None, "me"), ("FALLBACK", 1.0, 0, "me"), ("FALLBACK", 1e-05, 7, "me")]
    assert [m["model_definition_id"] for m in made["model_mappings"]] == [c["model_definition_id"] for c in configs]
    assert made["routing_strategy"] == "REQUEST_BASED_TRAFFIC_SPLIT"
    assert made["fallback_config"] == {"strategy": "SEQUENTIAL", "max_attempts": 2}
    assert (made["created_by"], made["last_updated_by"]) == ("me", "me")


def test_weights_are_single_precision_in_their_shortest_form(gateway):
    made = gateway.endpoint(model_configs=[gateway.config(weight=w) for w in (1 / 3, 0.1, 16777217, 0.7)])
    assert [m["weight"] for m in made["model_mappings"]] == [0.33333334, 0.1, 16777216.0, 0.7]


def test_fallback_models_without_a_configuration_show_an_empty_one(gateway):
    made = gateway.endpoint(model_configs=[gateway.config(), gateway.config(linkage_type="FALLBACK")])
    assert made["fallback_config"] == {}


def test_a_strategy_that_is_not_known_is_as_none_and_a_linkage_is_refused(gateway):
    made = gateway.endpoint(routing_strategy="ROUND_ROBIN", fallback_config={"strategy": "PARALLEL"})
    assert "routing_strategy" not in made and made["fallback_config"] == {}
    assert gateway.endpoint(routing_strategy=1)["routing_strategy"] == "REQUEST_BASED_TRAFFIC_SPLIT"
    config = gateway.config(linkage_type="SECONDARY")
    reply = gateway.post("endpoints/create", name=unique("e"), model_configs=[config])
    expect_invalid(reply, invalid("SECONDARY", "model_configs[0].linkage_type"))
    del config["linkage_type"]
    assert gateway.endpoint(model_configs=[config])["model_mappings"][0]["linkage_type"] == "PRIMARY"


def test_refusals_of_endpoints(gateway):
    made, config = gateway.endpoint(), gateway.config()
    create = lambda **body: gateway.post("endpoints/create", **{"name": unique("e"), "model_configs": [config], **body})  # noqa: E731
    expect_error(create(name=made["name"]), 400, "BAD_REQUEST", f"Endpoint with name '{made['name']}' already exists")
    expect_invalid(create(name=""), missing("name"))
    expect_invalid(gateway.post("endpoints/create", name=unique("e")), missing("model_configs"))
    expect_invalid(create(model_configs=[]), "Endpoint must have at least one model configuration")
    expect_invalid(create(model_configs=[{}]), missing("model_configs[0].model_definition_id"))
    one, two = "d-" + "1" * 32, "d-" + "2" * 32
    configs = [{"model_definition_id": one}, config, {"model_definition_id": two}]
    expect_error(create(model_configs=configs), 404, "RESOURCE_DOES_NOT_EXIST", f"Model definitions not found: {one}, {two}")
    expect_error(create(model_configs=[config, config]), 400, "RESOURCE_ALREADY_EXISTS")
    for weight in (-0.5, "NaN", "Infinity", 1e300):
        expect_error(create(model_configs=[{**config, "weight": weight}]), 400, "INVALID_PARAMETER_VALUE")
    expect_invalid(create(fallback_config={"max_attempts": "x"}), invalid("x", "fallback_config.max_attempts"))
    expect_error(create(fallback_config={"max_attempts": -1}), 400, "INVALID_PARAMETER_VALUE")
    expect_error(create(name="x" * 256), 400, "INVALID_PARAMETER_VALUE")
    expect_error(create(model_configs=[config] * 101), 400, "INVALID_PARAMETER_VALUE", "An endpoint can have at most 100 models.")


def test_an_update_of_models_replaces_them_and_the_fallback(gateway):
    made = gateway.endpoint(created_by="me", fallback_config={"max_attempts": 3}, model_configs=[gateway.config(), gateway.config(linkage_type="FALLBACK")])
    key, config = made["endpoint_id"], gateway.config()
    changed = gateway.post("endpoints/update", endpoint_id=key, model_configs=[config], updated_by="you").ok()["endpoint"]
    assert [m["model_definition_id"] for m in changed["model_mappings"]] == [config["model_definition_id"]]
    assert changed["model_mappings"][0]["created_by"] == "you"
    assert changed["fallback_config"] == {}
    assert (changed["created_by"], changed["last_updated_by"]) == ("me", "you")
    mapping = changed["model_mappings"][0]
    changed = gateway.post("endpoints/update", endpoint_id=key, model_configs=[], fallback_config={"strategy": "SEQUENTIAL"}).ok()["endpoint"]
    assert changed["model_mappings"] == [mapping]
    assert changed["fallback_config"] == {"strategy": "SEQUENTIAL"}
    assert changed["last_updated_by"] == "you"


def test_endpoints_are_renamed_and_routed(gateway):
    made, other = gateway.endpoint(), gateway.endpoint()
    name = unique("renamed")
    changed = gateway.post("endpoints/update", endpoint_id=made["endpoint_id"], name=name, routing_strategy="REQUEST_BASED_TRAFFIC_SPLIT").ok()["endpoint"]
    assert (changed["name"], changed["routing_strategy"]) == (name, "REQUEST_BASED_TRAFFIC_SPLIT")
    assert changed["model_mappings"] == made["model_mappings"]
    reply = gateway.post("endpoints/update", endpoint_id=other["endpoint_id"], name=name)
    expect_error(reply, 400, "BAD_REQUEST", f"Endpoint with name '{name}' already exists")
    reply = gateway.post("endpoints/update", endpoint_id=other["endpoint_id"], name=unique("e"), model_configs=[{"model_definition_id": "d-0"}])
    not_found(reply, "GatewayModelDefinition", model_definition_id="d-0")
    assert gateway.get_endpoint(other["endpoint_id"]) == other


def test_endpoints_are_listed_even_without_models(gateway):
    provider = unique("provider")
    config = {"model_definition_id": gateway.model(provider=provider)["model_definition_id"]}
    made = gateway.endpoint(model_configs=[config, {**config, "linkage_type": "FALLBACK"}])
    bare = gateway.endpoint()
    definition = bare.pop("model_mappings")[0]["model_definition_id"]
    gateway.post("endpoints/models/detach", endpoint_id=bare["endpoint_id"], model_definition_id=definition).ok()
    assert gateway.get("endpoints/list", provider=provider).ok() == {"endpoints": [made]}
    listed = gateway.get("endpoints/list").ok()["endpoints"]
    assert made in listed and bare in listed
    assert gateway.get("endpoints/list", provider=unique("none")).ok() == {}
    expect_invalid(gateway.api.request("GET", API_3 + "gateway/endpoints/list", json={"provider": 1}), invalid(1, "provider"))


def test_a_deleted_endpoint_takes_everything_along(gateway):
    made = gateway.endpoint()
    key = made["endpoint_id"]
    gateway.post("endpoints/bindings/create", endpoint_id=key, resource_type="scorer_job", resource_id="j").ok()
    gateway.post("endpoints/set-tag", endpoint_id=key, key="k", value="v").ok()
    gateway.delete("endpoints/delete", endpoint_id=key).ok()
    assert gateway.get("endpoints/bindings/list", endpoint_id=key).ok() == {}
    gateway.delete("model-definitions/delete", model_definition_id=made["model_mappings"][0]["model_definition_id"]).ok()
    for reply in (
        gateway.get("endpoints/get", endpoint_id=key),
        gateway.delete("endpoints/delete", endpoint_id=key),
        gateway.post("endpoints/update", endpoint_id=key, name="x"),
        gateway.post("endpoints/models/attach", endpoint_id=key, model_config=gateway.config()),
        gateway.post("endpoints/set-tag", endpoint_id=key, key="k"),
        gateway.delete("endpoints/delete-tag", endpoint_id=key, key="k"),
        gateway.post("endpoints/bindings/create", endpoint_id=key, resource_type="scorer_job", resource_id="j"),
    ):
        not_found(reply, "GatewayEndpoint", endpoint_id=key)
    expect_invalid(gateway.get("endpoints/get", name=made["name"]), missing("endpoint_id"))
    expect_invalid(gateway.delete("endpoints/delete"), missing("endpoint_id"))
    expect_invalid(gateway.post("endpoints/update"), missing("endpoint_id"))


# --- Their models, tags and bindings ---


def test_a_model_is_attached_once_for_each_linkage(gateway):
    made, config = gateway.endpoint(), gateway.config(weight=2)
    key, definition = made["endpoint_id"], config["model_definition_id"]
    mapping = gateway.post("endpoints/models/attach", endpoint_id=key, model_config=config, created_by="you").ok()["mapping"]
    assert (mapping["weight"], mapping["created_by"]) == (2.0, "you")
    gateway.post("endpoints/models/attach", endpoint_id=key, model_config={**config, "linkage_type": "FALLBACK"}).ok()
    reply = gateway.post("endpoints/models/attach", endpoint_id=key, model_config=config)
    expect_error(reply, 400, "RESOURCE_ALREADY_EXISTS", f"Model definition '{definition}' is already attached to endpoint '{key}'")
    found = gateway.get_endpoint(key)
    assert [m["linkage_type"] for m in found["model_mappings"]] == ["PRIMARY", "PRIMARY", "FALLBACK"]
    assert found["last_updated_by"] == "you" and "fallback_config" not in found
    for expected in (["PRIMARY", "FALLBACK"], ["PRIMARY"]):
        gateway.post("endpoints/models/detach", endpoint_id=key, model_definition_id=definition).ok()
        assert [m["linkage_type"] for m in gateway.get_endpoint(key)["model_mappings"]] == expected
    reply = gateway.post("endpoints/models/detach", endpoint_id=key, model_definition_id=definition)
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", f"Model definition '{definition}' is not attached to endpoint '{key}'")


def test_refusals_of_attaching(gateway):
    key = gateway.endpoint()["endpoint_id"]
    reply = gateway.post("endpoints/models/attach", endpoint_id=key, model_config={"model_definition_id": "d-0"})
    not_found(reply, "GatewayModelDefinition", model_definition_id="d-0")
    expect_invalid(gateway.post("endpoints/models/attach", endpoint_id=key), missing("model_config"))
    expect_invalid(gateway.post("endpoints/models/attach", model_config={}), missing("endpoint_id"))
    expect_invalid(gateway.post("endpoints/models/detach", endpoint_id=key), missing("model_definition_id"))


def test_tags_of_endpoints(gateway):
    key = gateway.endpoint()["endpoint_id"]
    for name, value in (("b", "1"), ("a", None), ("b", "2"), ("ü", "x" * 5000)):
        gateway.post("endpoints/set-tag", endpoint_id=key, key=name, value=value).ok()
    assert gateway.get_endpoint(key)["tags"] == [{"key": "a", "value": ""}, {"key": "b", "value": "2"}, {"key": "ü", "value": "x" * 5000}]
    for name in ("a", "b", "ü", "never"):
        gateway.delete("endpoints/delete-tag", endpoint_id=key, key=name).ok()
    assert "tags" not in gateway.get_endpoint(key)
    expect_invalid(gateway.post("endpoints/set-tag", endpoint_id=key), missing("key"))
    expect_invalid(gateway.delete("endpoints/delete-tag", endpoint_id=key), missing("key"))
    expect_error(gateway.post("endpoints/set-tag", endpoint_id=key, key="k" * 251), 400, "INVALID_PARAMETER_VALUE")
    expect_error(gateway.post("endpoints/set-tag", endpoint_id=key, key="k", value="v" * 5001), 400, "INVALID_PARAMETER_VALUE")


def test_bindings_of_endpoints(gateway):
    one, two = gateway.endpoint()["endpoint_id"], gateway.endpoint()["endpoint_id"]
    job = unique("job")
    body = {"endpoint_id": one, "resource_type": "scorer_job", "resource_id": job}
    made = gateway.post("endpoints/bindings/create", created_by="me", **body).ok()["binding"]
    assert (made["created_by"], made["last_updated_by"]) == ("me", "me")
    expect_error(gateway.post("endpoints/bindings/create", **body), 400, "RESOURCE_ALREADY_EXISTS")
    second = gateway.post("endpoints/bindings/create", **{**body, "endpoint_id": two}).ok()["binding"]
    listed = lambda **query: gateway.get("endpoints/bindings/list", **query).ok().get("bindings", [])  # noqa: E731
    assert listed(endpoint_id=one) == [made]
    assert listed(resource_id=job, resource_type="scorer_job") == [made, second]
    assert made in listed()
    assert listed(resource_type="other") == []
    gateway.delete("endpoints/bindings/delete", **body).ok()
    not_found(gateway.delete("endpoints/bindings/delete", **body), "GatewayEndpointBinding", **body)
    message = expect_error(gateway.post("endpoints/bindings/create", **{**body, "resource_type": "notebook"}), 400, "INVALID_PARAMETER_VALUE")
    assert "notebook" in message and "scorer_job" in message
    for field in body:
        for reply in (gateway.post("endpoints/bindings/create", **{**body, field: ""}), gateway.delete("endpoints/bindings/delete", **{**body, field: ""})):
            expect_invalid(reply, missing(field))
    reply = gateway.api.request("GET", API_3 + "gateway/endpoints/bindings/list", json={"resource_id": {}})
    expect_invalid(reply, invalid({}, "resource_id"))


# --- Discovery ---


def test_providers_are_listed_by_name(gateway):
    names = gateway.ask("supported-providers").ok()["providers"]
    assert names == sorted(names)
    assert {"openai", "anthropic", "azure", "bedrock", "gemini", "vertex_ai", "databricks", "mistral", "cohere", "ollama", "groq"} <= set(names)
    assert "sagemaker" not in names


def test_models_are_listed_by_provider(gateway):
    every = gateway.ask("supported-models").ok()["models"]
    assert {m["provider"] for m in every} <= set(gateway.ask("supported-providers").ok()["providers"])
    assert len(every) == len({(m["provider"], m["model"]) for m in every})
    for model in every:
        assert set(model) == {
            *("model", "provider", "mode", "supports_function_calling", "supports_vision", "supports_reasoning"),
            *("supports_prompt_caching", "supports_response_schema", "max_input_tokens", "max_output_tokens"),
            *("input_cost_per_token", "output_cost_per_token", "deprecation_date"),
        }
        assert model["mode"] in ("chat", "embedding")
        assert model["input_cost_per_token"] is None or 0 <= model["input_cost_per_token"] < 0.001
    openai = {m["model"]: m for m in gateway.ask("supported-models", provider="openai").ok()["models"]}
    assert openai["gpt-4o"]["input_cost_per_token"] == 2.5e-06
    assert openai["text-embedding-3-small"]["mode"] == "embedding"
    assert [m for m in every if m["provider"] == "openai"] == list(openai.values())
    assert gateway.ask("supported-models", provider="nobody").ok() == {"models": []}
    reply = gateway.api.request("GET", "/ajax-api/3.0/mlflow/gateway/supported-models", json={"provider": 1})
    expect_invalid(reply, invalid(1, "provider"))


REGION = [("aws_region_name", False, None)]
KEYS = ["aws_access_key_id", "aws_secret_access_key"]
ROLE = [("aws_role_name", True, None), ("aws_session_name", False, None)]
VERSION = ("api_version", False, "2024-02-01")
BASE = ("api_base", True, None)
MODES = {
    "bedrock": [("api_key", ["api_key"], []), ("access_keys", KEYS, REGION), ("iam_role", KEYS, ROLE + REGION)],
    "azure": [
        ("api_key", ["api_key"], [BASE, VERSION]),
        ("service_principal", ["client_secret"], [BASE, ("client_id", True, None), ("tenant_id", True, None), VERSION]),
    ],
    "vertex_ai": [
        ("service_account_json", ["vertex_credentials"], [("vertex_project", True, None), ("vertex_location", False, "us-central1")])
    ],
    "databricks": [("pat_token", ["api_key"], [BASE]), ("oauth_m2m", ["client_secret"], [BASE, ("client_id", True, None)])],
    "sagemaker": [
        ("access_keys", KEYS, [("aws_region_name", True, None)]),
        ("iam_role", KEYS, [*ROLE, ("aws_region_name", True, None)]),
    ],
    "openai": [("api_key", ["api_key"], [])],
}
MODES["bedrock_converse"] = MODES["bedrock"]


@pytest.mark.parametrize("provider", sorted(MODES))
def test_what_a_provider_wants_to_know(gateway, provider):
    found = gateway.ask("provider-config", provider=provider).ok()
    modes = [
        (m["mode"], [f["name"] for f in m["secret_fields"]], [(f["name"], f["required"], f.get("default")) for f in m["config_fields"]])
        for m in found["auth_modes"]
    ]
    assert modes == MODES[provider]
    assert found["default_mode"] == MODES[provider][0][0]
    assert all(f["required"] and "default" not in f for m in found["auth_modes"] for f in m["secret_fields"])


@pytest.mark.parametrize("provider, title", [("openai", "Openai"), ("together_ai", "Together_Ai"), ("ai21labs", "Ai21Labs"), ("x y", "X Y")])
def test_a_provider_that_is_not_listed_has_a_key(gateway, provider, title):
    field = {"name": "api_key", "type": "string", "description": f"{title} API Key", "required": True}
    mode = {
        "mode": "api_key",
        "display_name": "API Key",
        "description": f"Use {title} API Key",
        "secret_fields": [field],
        "config_fields": [],
    }
    assert gateway.ask("provider-config", provider=provider).ok() == {"auth_modes": [mode], "default_mode": "api_key"}


def test_a_provider_must_be_named(gateway):
    expect_invalid(gateway.ask("provider-config"), "Provider parameter is required")
    expect_error(gateway.ask("provider-config", provider="x" * 65), 400, "INVALID_PARAMETER_VALUE")


# --- Usage ---


def test_usage_wants_sane_times(gateway):
    found = gateway.get("usage", since=0, until=1000, bucket="day").ok()
    assert found == {"since": 0, "until": 1000, "bucket_ms": 86400000, "usage": []}
    found = gateway.get("usage").ok()
    assert (found["until"] - found["since"], found["bucket_ms"]) == (86400000, 3600000)
    expect_invalid(gateway.get("usage", bucket="year"), invalid("year", "bucket"))
    expect_error(gateway.get("usage", since=2, until=1), 400, "INVALID_PARAMETER_VALUE")
    expect_error(gateway.get("usage", since=-1), 400, "INVALID_PARAMETER_VALUE")
    expect_invalid(gateway.get("usage", since="x"), invalid("x", "since"))


def test_calls_are_summed_up(gateway, server):
    endpoint, name, start = f"e-{unique('usage')}", unique("used"), 1_700_000_000_000 // 3600000 * 3600000
    call = (endpoint, name, "openai", "gpt-4o")
    rows = [
        (start, *call, 200, 1, 1, 100, 40, 10, 5, 4),
        (start + 59_999, *call, 200, 1, 1, 201, 51, 10, None, None),
        (start + 60_000, *call, 502, 0, 3, 50, None, None, None, None),
        (start + 3_600_000, endpoint, name, None, None, 404, 0, 0, 1, None, None, None, None),
    ]
    connection = sqlite3.connect(server.database, timeout=20)
    connection.executemany(
        "INSERT INTO gateway_usage (time, endpoint_id, endpoint_name, provider, model, status, streamed, attempts, duration_ms, "
        "first_token_ms, input_tokens, output_tokens, cached_tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        rows,
    )
    connection.commit()
    connection.close()
    called = {"endpoint_id": endpoint, "endpoint_name": name, "provider": "openai", "model": "gpt-4o"}
    minute = {
        **{"calls": 2, "errors": 0, "streamed": 2, "attempts": 2, "input_tokens": 20, "output_tokens": 5, "cached_tokens": 4},
        **{"mean_duration_ms": 150.5, "max_duration_ms": 201, "mean_time_to_first_token_ms": 45.5},
    }
    nothing = {"input_tokens": 0, "output_tokens": 0, "cached_tokens": 0}
    failed = {"calls": 1, "errors": 1, "streamed": 0, "attempts": 3, **nothing, "mean_duration_ms": 50.0, "max_duration_ms": 50}
    unknown = {"calls": 1, "errors": 1, "streamed": 0, "attempts": 0, **nothing, "mean_duration_ms": 1.0, "max_duration_ms": 1}
    last = {"time": start + 3_600_000, "endpoint_id": endpoint, "endpoint_name": name, **unknown}
    for which in ({"endpoint_id": endpoint}, {"name": name}, {"endpoint_id": endpoint, "name": name}):
        found = gateway.get("usage", since=start, until=start + 3_600_001, bucket="minute", **which).ok()
        assert found["usage"] == [{"time": start, **called, **minute}, {"time": start + 60_000, **called, **failed}, last]
    found = gateway.get("usage", since=start, until=start + 3_600_000, endpoint_id=endpoint).ok()["usage"]
    assert [(sum["time"], sum["calls"], sum["mean_duration_ms"]) for sum in found] == [(start, 3, 117.0)]
    assert gateway.get("usage", since=start, until=start + 3_600_001, endpoint_id=endpoint, name="other").ok()["usage"] == []
    assert gateway.get("usage", endpoint_id=endpoint).ok()["usage"] == []


# --- What is kept, and how ---


def test_no_secret_is_in_clear_anywhere(tmp_path):
    server = Server(tmp_path, environment={"MLFLOW_CRYPTO_KEK_PASSPHRASE": "passphrase-of-a-test-0123", "MLFLOW_LOGGING_LEVEL": "debug"})
    try:
        gateway = Gateway(server.api)
        assert gateway.ask("secrets/config").ok() == {"secrets_available": True, "using_default_passphrase": False}
        made = gateway.secret(auth_config={"api_base": "http://plain.example"})
        gateway.post("secrets/update", secret_id=made["secret_id"], secret_value={"api_key": "second-" + KEY}).ok()
        gateway.post("secrets/create", secret_name=made["secret_name"], secret_value={"api_key": KEY})
        gateway.post("secrets/create", secret_name="", secret_value={"api_key": KEY})
        texts = [gateway.get("secrets/list").text, gateway.get("secrets/get", secret_id=made["secret_id"]).text]
        assert all(KEY not in text for text in texts)
        server.kill()
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        contents = {path: path.read_bytes() for path in files}
        assert any(b"plain.example" in content for content in contents.values())
        for path, content in contents.items():
            for secret in (KEY, KEY[4:-4], "passphrase-of-a-test"):
                assert secret.encode() not in content, path
        server.start()
        assert gateway.get_secret(made["secret_id"])["masked_values"] == {"api_key": "sec...cdef"}
    finally:
        server.stop()


@pytest.mark.slow
def test_the_default_passphrase_is_warned_of_once_it_protects_something(tmp_path):
    server = Server(tmp_path)
    try:
        gateway = Gateway(server.api)
        warning = "MLFLOW_CRYPTO_KEK_PASSPHRASE is not set"
        assert warning not in server.log_text()
        assert gateway.ask("secrets/config").ok()["using_default_passphrase"] is True
        for _ in range(3):
            gateway.secret()
        assert server.log_text().count(warning) == 1
        server.stop()
        server.start()
        assert server.log_text().count(warning) == 2
    finally:
        server.stop()


def test_each_process_sees_what_the_others_change(servers):
    gateway = Gateway(servers("--workers", "2").api)
    clones = [Gateway(gateway.api.clone()) for _ in range(4)]
    made = clones[0].secret()
    for turn in range(20):
        value = f"value-{turn:04}-{turn:04}"
        clones[turn % 4].post("secrets/update", secret_id=made["secret_id"], secret_value={"api_key": value}).ok()
        assert {c.get_secret(made["secret_id"])["masked_values"]["api_key"] for c in clones} == {f"val...{turn:04}"}
