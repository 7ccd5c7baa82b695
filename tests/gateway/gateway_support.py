"""Sets endpoints up and calls them."""

import json
import time

import requests

from support import API_3, unique

KEY = "sk-test-0123456789abcdef"


class Gateway:
    def __init__(self, server):
        self.server = server
        self.api = server.api
        self.url = server.url
        self.session = requests.Session()
        self.session.trust_env = False

    # --- Setting up ---

    def secret(self, value=None, provider="openai", auth_config=None, **more):
        """The id of a fresh secret; `value` is a map, or the API key."""
        value = value if isinstance(value, dict) else {"api_key": value or KEY}
        body = {"secret_name": unique("secret"), "secret_value": value, "provider": provider, **more}
        if auth_config:
            body["auth_config"] = {name: str(item) for name, item in auth_config.items()}
        return self.api.post("gateway/secrets/create", body, root=API_3).ok()["secret"]["secret_id"]

    def model(self, provider, wire=None, model="model-1", secret=None, config=None):
        """The id of a fresh model definition, with a secret of its own, whose api_base is the wire's URL."""
        config = {**({"api_base": wire.url} if wire else {}), **(config or {})}
        body = {
            "name": unique("definition"),
            "secret_id": self.secret(secret, provider, config),
            "provider": provider,
            "model_name": model,
        }
        return self.api.post("gateway/model-definitions/create", body, root=API_3).ok()["model_definition"]["model_definition_id"]

    def endpoint_of(self, *models, name=None, **more):
        """The name of a fresh endpoint. A model is a definition's id, or a model_config."""
        configs = [one if isinstance(one, dict) else {"model_definition_id": one, "linkage_type": "PRIMARY", "weight": 1} for one in models]
        name = name or unique("endpoint")
        self.api.post("gateway/endpoints/create", {"name": name, "model_configs": configs, **more}, root=API_3).ok()
        return name

    def endpoint(self, provider, wire=None, **more):
        """The name of a fresh endpoint with one model."""
        return self.endpoint_of(self.model(provider, wire, **more))

    # --- Calling ---

    def post(self, path, body=None, headers=None, **options):
        """POST below /gateway. `body` is a value that goes out as JSON, or bytes."""
        data = body if isinstance(body, (bytes, str)) else json.dumps(body)
        headers = {"content-type": "application/json", **(headers or {})}
        options.setdefault("timeout", 30)
        return self.session.post(f"{self.url}/gateway/{path}", data=data, headers=headers, **options)

    def invoke(self, name, body, **options):
        return self.post(f"{name}/mlflow/invocations", body, **options)

    def chat(self, name, content="hi", messages=None, **more):
        body = {"messages": messages or [{"role": "user", "content": content}], **more}
        return self.invoke(name, body)

    def stream(self, name, content="hi", messages=None, **more):
        """A unified chat as a stream: what every `data:` frame held, parsed."""
        body = {"messages": messages or [{"role": "user", "content": content}], "stream": True, **more}
        reply = self.invoke(name, body, stream=True)
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
        return parse_events(reply.content)

    def embed(self, name, text="hi", **more):
        return self.invoke(name, {"input": text, **more})


def parse_events(content):
    """What the data frames of a stream hold, comments left out."""
    found = []
    for block in content.decode().replace("\r\n", "\n").split("\n\n"):
        lines = [line for line in block.split("\n") if line and not line.startswith(":")]
        if lines:
            assert all(line.startswith("data: ") for line in lines), block
            found.append(json.loads("\n".join(line[6:] for line in lines)))
    return found


def expect_detail(reply, status, detail):
    """A refusal of the inference routes; `detail` is a text, an object, or None for any text."""
    assert reply.status_code == status, reply.text
    assert reply.headers["content-type"].startswith("application/json")
    body = reply.json()
    assert set(body) == {"detail"}, body
    if detail is None:
        assert isinstance(body["detail"], (str, dict)) and body["detail"]
    else:
        assert body["detail"] == detail


def wait_until(condition, seconds=5, what="it did not come about"):
    """The first true value of condition()."""
    deadline = time.monotonic() + seconds
    while True:
        found = condition()
        if found:
            return found
        assert time.monotonic() < deadline, what
        time.sleep(0.02)
