"""Webhooks: their management, what is sent to whom, and what a receiver that does not play along changes."""

import base64
import datetime
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import re
import socket
import stat
import subprocess
import threading
import time

import pytest

from support import AJAX, BUILD, Server, expect_error, expect_invalid, missing, unique

CREATED = {"entity": "REGISTERED_MODEL", "action": "CREATED"}
OPEN = {"MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https", "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true"}
IMPATIENT = {**OPEN, "MLFLOW_WEBHOOK_REQUEST_TIMEOUT": "2"}
KEY_FILE = "t.db.webhook-key"
EVERY_EVENT = [
    {"entity": entity, "action": action}
    for entity, actions in {
        "REGISTERED_MODEL": ["CREATED"],
        "MODEL_VERSION": ["CREATED"],
        "MODEL_VERSION_TAG": ["DELETED", "SET"],
        "MODEL_VERSION_ALIAS": ["CREATED", "DELETED"],
        "PROMPT": ["CREATED"],
        "PROMPT_VERSION": ["CREATED"],
        "PROMPT_TAG": ["DELETED", "SET"],
        "PROMPT_VERSION_TAG": ["DELETED", "SET"],
        "PROMPT_ALIAS": ["CREATED", "DELETED"],
    }.items()
    for action in actions
]


class Delivery:
    def __init__(self, path, headers, body):
        self.at = time.monotonic()
        self.path = path
        self.headers = {name.lower(): value for name, value in headers.items()}
        self.body = body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def kind(self):
        return f"{self.json['entity']}.{self.json['action']}"

    @property
    def delivery_id(self):
        return self.headers["x-mlflow-delivery-id"]

    def signature(self, secret):
        text = f"{self.delivery_id}.{self.headers['x-mlflow-timestamp']}.".encode() + self.body
        return "v1," + base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()


class Receiver(http.server.ThreadingHTTPServer):
    """Remembers what it gets. Answers 200, or what `answers` says for the path: a list of statuses, of which the last
    holds for all that follow, or a function that is handed the request handler."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self):
        self.lock = threading.Lock()
        self.deliveries = []
        self.answers = {}
        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, path, host="127.0.0.1"):
        return f"http://{host}:{self.server_port}{path}"

    def got(self, path):
        with self.lock:
            return [delivery for delivery in self.deliveries if delivery.path == path]

    def wait_for(self, path, count, seconds=20):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and len(self.got(path)) < count:
            time.sleep(0.02)
        found = self.got(path)
        assert len(found) >= count, f"{len(found)} deliveries to {path} instead of {count}"
        return found


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        receiver = self.server
        with receiver.lock:
            receiver.deliveries.append(Delivery(self.path, self.headers, body))
            answer = receiver.answers.get(self.path, [200])
            status = answer if callable(answer) else answer.pop(0) if len(answer) > 1 else answer[0]
        if callable(status):
            status(self)
        else:
            self.reply(status, b"seen")

    do_GET = do_POST

    def reply(self, status, body, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture(scope="module")
def receiver():
    running = Receiver()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture
def open_api(servers):
    """A server that may call this machine."""
    return servers(environment=OPEN).api


def create(api, url="https://example.com/hook", events=(CREATED,), name="hook", **fields):
    body = {"name": name, "url": url, "events": list(events), **fields}
    return api.post("webhooks", body).ok()["webhook"]


def get(api, webhook):
    return api.get(f"webhooks/{webhook['webhook_id']}").ok()["webhook"]


def update(api, webhook, **fields):
    return api.patch(f"webhooks/{webhook['webhook_id']}", fields)


def delete(api, webhook):
    return api.delete(f"webhooks/{webhook['webhook_id']}", {})


def test_now(api, webhook, **fields):
    return api.post(f"webhooks/{webhook['webhook_id']}/test", fields).ok()["result"]


test_now.__test__ = False


@pytest.fixture
def hook(open_api, receiver):
    """hook(events…) makes a webhook with a path of its own, which is deleted after the test."""
    made = []

    def make(*events, **fields):
        webhook = create(open_api, receiver.url(f"/{unique('path')}"), events or [CREATED], **fields)
        webhook["path"] = "/" + webhook["url"].rpartition("/")[2]
        made.append(webhook)
        return webhook

    yield make
    for webhook in made:
        delete(open_api, webhook)


def make_model(api, name=None, **fields):
    name = name or unique("model")
    api.post("registered-models/create", {"name": name, **fields}).ok()
    return name


# --- Management ---


def test_a_webhook_reads_back_as_it_was_created(api):
    before = time.time() * 1000 - 1
    made = create(api, description="tells", events=[CREATED], status="DISABLED", secret="s")
    assert before <= made["creation_timestamp"] <= time.time() * 1000 + 1
    assert made == {
        "webhook_id": made["webhook_id"],
        "name": "hook",
        "description": "tells",
        "url": "https://example.com/hook",
        "events": [CREATED],
        "status": "DISABLED",
        "creation_timestamp": made["creation_timestamp"],
        "last_updated_timestamp": made["creation_timestamp"],
    }
    assert get(api, made) == made
    assert get(api, create(api))["status"] == "ACTIVE"


def test_the_secret_is_never_returned(api):
    made = create(api, secret="a very secret thing")
    for reply in (
        api.get("webhooks", {"max_results": "1000"}),
        api.get(f"webhooks/{made['webhook_id']}"),
        update(api, made, secret="another secret thing"),
    ):
        assert reply.status == 200 and "secret" not in reply.text


def test_an_empty_description_is_none(api):
    assert "description" not in create(api, description="")


def test_events_come_back_once_and_in_the_order_of_their_names(api):
    events = [{"entity": e["entity"], "action": e["action"]} for e in reversed(EVERY_EVENT)]
    made = create(api, events=events + events)
    key = lambda event: (event["entity"], event["action"])
    assert made["events"] == sorted(EVERY_EVENT, key=key)


def test_events_may_be_given_by_number(api):
    made = create(api, events=[{"entity": 3, "action": 4}, {"entity": "9", "action": "3"}])
    assert made["events"] == [
        {"entity": "MODEL_VERSION_TAG", "action": "SET"},
        {"entity": "PROMPT_ALIAS", "action": "DELETED"},
    ]


def test_both_roots_answer_the_same(api):
    made = create(api)
    path = f"webhooks/{made['webhook_id']}"
    assert api.get(path, root=AJAX).ok() == api.get(path).ok()
    assert api.post("webhooks", {"name": "a", "url": "https://example.com/", "events": [CREATED]}, root=AJAX).ok()
    assert api.get("webhooks", root=AJAX).ok()["webhooks"]
    assert api.patch(path, {"name": "renamed"}, root=AJAX).ok()["webhook"]["name"] == "renamed"
    assert "result" in api.post(path + "/test", {}, root=AJAX).ok()
    assert api.delete(path, {}, root=AJAX).ok() == {}


def test_names_need_not_be_unique(api):
    assert create(api, name="same")["webhook_id"] != create(api, name="same")["webhook_id"]


@pytest.mark.parametrize("name", ["a", "A.b_c-9", "0" * 63])
def test_good_names_pass(api, name):
    assert create(api, name=name)["name"] == name


@pytest.mark.parametrize("name", ["a b", "-a", "a-", ".a", "a/b", "0" * 64, "ä", "a\n"])
def test_bad_names_are_refused(api, name):
    body = {"name": name, "url": "https://example.com/", "events": [CREATED]}
    expect_invalid(
        api.post("webhooks", body),
        f"Webhook name '{name}' is invalid. It must start and end with a letter or digit, be less than 63 characters "
        "long, and contain only letters, digits, dots (.), underscores (_), and hyphens (-).",
    )
    made = create(api)
    expect_invalid(update(api, made, name=name))
    assert get(api, made) == made


@pytest.mark.parametrize("field", ["name", "url", "events"])
def test_required_fields_are_required(api, field):
    body = {"name": "a", "url": "https://example.com/", "events": [CREATED]}
    del body[field]
    expect_invalid(api.post("webhooks", body), missing(field))


@pytest.mark.parametrize(
    "url, message",
    [
        ("   ", "Webhook URL cannot be empty or just whitespace: '   '"),
        ("ftp://example.com/", "Invalid webhook URL scheme: 'ftp'. Allowed schemes are: https."),
        ("http://example.com/", "Invalid webhook URL scheme: 'http'. Allowed schemes are: https."),
        ("https://", "Webhook URL must include a hostname: 'https://'"),
        ("https://user:pw@example.com/", re.compile("must not contain a user name or password")),
        ("https://exa mple.com/", re.compile("^Invalid webhook URL 'https://exa mple.com/': ")),
        ("https://127.0.0.1/", re.compile("^Webhook URL must not resolve to a non-public IP address. '127.0.0.1' ")),
        ("https://2130706433/", re.compile("non-public IP address. '127.0.0.1' ")),
        ("https://localhost/", re.compile("non-public IP address. 'localhost' ")),
        ("https://[::1]/", re.compile("non-public IP address. '::1' ")),
        ("https://10.0.0.1/", re.compile("non-public IP address.")),
        ("https://169.254.169.254/latest", re.compile("non-public IP address.")),
    ],
)
def test_bad_urls_are_refused(api, url, message):
    body = {"name": "a", "url": url, "events": [CREATED]}
    expect_invalid(api.post("webhooks", body), message)
    made = create(api)
    expect_invalid(update(api, made, url=url), message)
    assert get(api, made) == made


def test_bad_events_are_refused(api):
    def refused(events, message=None):
        return expect_invalid(api.post("webhooks", {"name": "a", "url": "https://example.com/", "events": events}), message)

    refused([], "Webhook events must be a non-empty list of WebhookEvent objects: [].")
    refused(
        [{"entity": "REGISTERED_MODEL", "action": "DELETED"}],
        "Invalid action 'deleted' for entity 'registered_model'. Valid actions are: ['created']",
    )
    refused(
        [CREATED, {"entity": "PROMPT_TAG", "action": "UPDATED"}],
        "Invalid action 'updated' for entity 'prompt_tag'. Valid actions are: ['deleted', 'set']",
    )
    for event in ({"entity": "NOTHING", "action": "CREATED"}, {"entity": "PROMPT"}, {"action": "SET"}, {}, "x", 7,
                  {"entity": 10, "action": 1}, {"entity": 0, "action": 1}, {"entity": "prompt", "action": "created"}):
        refused([event])


def test_an_unknown_status_is_refused(api):
    body = {"name": "a", "url": "https://example.com/", "events": [CREATED], "status": "PAUSED"}
    expect_invalid(api.post("webhooks", body))
    expect_invalid(update(api, create(api), status="PAUSED"))


def test_only_what_is_sent_is_changed(api):
    made = create(api, description="old", events=[CREATED])
    time.sleep(0.002)
    changed = update(api, made, name="new").ok()["webhook"]
    assert changed["last_updated_timestamp"] > made["last_updated_timestamp"]
    assert {**changed, "last_updated_timestamp": 0} == {**made, "name": "new", "last_updated_timestamp": 0}
    other = {"entity": "PROMPT_TAG", "action": "SET"}
    everything = {"description": "d", "url": "https://example.org/", "events": [other], "status": "DISABLED"}
    changed = update(api, made, **everything).ok()["webhook"]
    assert {key: changed[key] for key in everything} == everything


def test_empty_texts_and_lists_mean_not_sent(api):
    made = create(api, description="old")
    changed = update(api, made, name="", description="", url="", events=[], secret="").ok()["webhook"]
    assert {**changed, "last_updated_timestamp": 0} == {**made, "last_updated_timestamp": 0}


def test_what_is_deleted_is_gone(api):
    made = create(api)
    assert delete(api, made).ok() == {}
    text = f"Webhook with ID {made['webhook_id']} not found."
    for reply in (delete(api, made), update(api, made, name="x"), api.get(f"webhooks/{made['webhook_id']}"),
                  api.post(f"webhooks/{made['webhook_id']}/test", {})):
        expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", text)
    assert made["webhook_id"] not in api.get("webhooks", {"max_results": "1000"}).text


def test_pages_are_newest_first_and_hold_everything_once(servers):
    api = servers("--workers", "2").api
    before = api.get("webhooks", {"max_results": "1000"}).ok().get("webhooks", [])
    made = [create(api, name=f"hook-{i}")["webhook_id"] for i in range(25)]
    found, token = [], None
    for _ in range(20):
        query = {"max_results": "10", **({"page_token": token} if token else {})}
        page = api.get("webhooks", query).ok()
        assert len(page["webhooks"]) <= 10
        found += [webhook["webhook_id"] for webhook in page["webhooks"]]
        token = page.get("next_page_token")
        if not token:
            break
    assert found == made[::-1] + [webhook["webhook_id"] for webhook in before]


def test_the_size_of_a_page_has_limits(api):
    for bad in ("-1", "1001"):
        expect_invalid(api.get("webhooks", {"max_results": bad}), "max_results must be between 1 and 1000.")
    assert len(api.get("webhooks", {"max_results": "0"}).ok()["webhooks"]) <= 100
    expect_invalid(api.get("webhooks", {"page_token": "nonsense"}))


# --- What is sent ---


def test_a_delivery_says_what_happened(open_api, hook, receiver):
    webhook = hook(CREATED)
    before = time.time()
    name = make_model(open_api, description="dé", tags=[{"key": "k", "value": "v"}])
    (delivery,) = receiver.wait_for(webhook["path"], 1)
    assert delivery.json == {
        "entity": "registered_model",
        "action": "created",
        "timestamp": delivery.json["timestamp"],
        "data": {"name": name, "tags": {"k": "v"}, "description": "dé"},
    }
    moment = datetime.datetime.fromisoformat(delivery.json["timestamp"])
    assert moment.utcoffset() == datetime.timedelta(0)
    assert before - 0.01 <= moment.timestamp() <= time.time() + 0.01
    assert delivery.body == json.dumps(delivery.json).encode()
    assert delivery.headers["content-type"] == "application/json"
    assert re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", delivery.delivery_id)
    assert before - 1 <= int(delivery.headers["x-mlflow-timestamp"]) <= time.time() + 1
    assert "x-mlflow-signature" not in delivery.headers
    assert "expect" not in delivery.headers


def test_with_a_secret_deliveries_are_signed(open_api, hook, receiver):
    webhook = hook(CREATED, secret="s3cr€t")
    make_model(open_api)
    (delivery,) = receiver.wait_for(webhook["path"], 1)
    assert delivery.headers["x-mlflow-signature"] == delivery.signature("s3cr€t")
    update(open_api, webhook, secret="other").ok()
    make_model(open_api)
    delivery = receiver.wait_for(webhook["path"], 2)[1]
    assert delivery.headers["x-mlflow-signature"] == delivery.signature("other")


def cause_model_events(api):
    """Returns what is to be heard of it, in the order of the causes."""
    name = unique("model")
    model = {"name": name}
    version = {"name": name, "version": "1"}
    prompt_like = {"key": "key", "value": "1"}
    api.post("registered-models/create", {**model, "tags": [prompt_like]}).ok()
    api.post("model-versions/create", {**model, "source": "s3://b/x", "tags": [prompt_like], "description": "d"}).ok()
    api.post("model-versions/set-tag", {**version, "key": "a", "value": "b"}).ok()
    api.delete("model-versions/delete-tag", {**version, "key": "a"}).ok()
    api.delete("model-versions/delete-tag", {**version, "key": "a"}).ok()
    api.post("registered-models/alias", {**version, "alias": "best"}).ok()
    api.delete("registered-models/alias", {**model, "alias": "best"}).ok()
    return [
        ("registered_model.created", {"name": name, "tags": {"key": "1"}, "description": ""}),
        (
            "model_version.created",
            {**version, "source": "s3://b/x", "run_id": None, "tags": {"key": "1"}, "description": "d"},
        ),
        ("model_version_tag.set", {**version, "key": "a", "value": "b"}),
        ("model_version_tag.deleted", {**version, "key": "a"}),
        ("model_version_tag.deleted", {**version, "key": "a"}),
        ("model_version_alias.created", {**version, "alias": "best"}),
        ("model_version_alias.deleted", {**model, "alias": "best"}),
    ]


def cause_prompt_events(api):
    name = unique("prompt")
    model = {"name": name}
    version = {"name": name, "version": "1"}
    is_prompt = {"key": "mlflow.prompt.is_prompt", "value": "true"}
    text = {"key": "mlflow.prompt.text", "value": "Hi {{you}}"}
    own = {"key": "own", "value": "1"}
    api.post("registered-models/create", {**model, "tags": [is_prompt, own], "description": "says hi"}).ok()
    api.post("model-versions/create", {**model, "source": "dummy-source", "tags": [is_prompt, text, own]}).ok()
    api.post("registered-models/set-tag", {**model, "key": "a", "value": "b"}).ok()
    api.delete("registered-models/delete-tag", {**model, "key": "a"}).ok()
    api.post("model-versions/set-tag", {**version, "key": "a", "value": "b"}).ok()
    api.delete("model-versions/delete-tag", {**version, "key": "a"}).ok()
    api.post("registered-models/alias", {**version, "alias": "best"}).ok()
    api.delete("registered-models/alias", {**model, "alias": "best"}).ok()
    return [
        ("prompt.created", {"name": name, "tags": {"own": "1"}, "description": "says hi"}),
        ("prompt_version.created", {**version, "template": "Hi {{you}}", "tags": {"own": "1"}, "description": None}),
        ("prompt_tag.set", {**model, "key": "a", "value": "b"}),
        ("prompt_tag.deleted", {**model, "key": "a"}),
        ("prompt_version_tag.set", {**version, "key": "a", "value": "b"}),
        ("prompt_version_tag.deleted", {**version, "key": "a"}),
        ("prompt_alias.created", {**version, "alias": "best"}),
        ("prompt_alias.deleted", {**model, "alias": "best"}),
    ]


@pytest.mark.parametrize("cause", [cause_model_events, cause_prompt_events])
def test_every_event_reaches_who_asked_for_it(open_api, hook, receiver, cause):
    webhook = hook(*EVERY_EVENT)
    expected = cause(open_api)
    found = receiver.wait_for(webhook["path"], len(expected))
    time.sleep(0.7)
    found = receiver.got(webhook["path"])
    order = lambda pair: (pair[0], json.dumps(pair[1], sort_keys=True))
    assert sorted(((d.kind, d.json["data"]) for d in found), key=order) == sorted(expected, key=order)
    assert len({delivery.delivery_id for delivery in found}) == len(found)


def test_what_is_no_event_sends_nothing(open_api, hook, receiver):
    name = make_model(open_api)
    open_api.post("model-versions/create", {"name": name, "source": "s3://b/x"}).ok()
    webhook = hook(*EVERY_EVENT)
    version = {"name": name, "version": "1"}
    open_api.post("registered-models/set-tag", {"name": name, "key": "a", "value": "b"}).ok()
    open_api.delete("registered-models/delete-tag", {"name": name, "key": "a"}).ok()
    open_api.patch("registered-models/update", {"name": name, "description": "d"}).ok()
    open_api.patch("model-versions/update", {**version, "description": "d"}).ok()
    open_api.post("model-versions/transition-stage", {**version, "stage": "Staging"}).ok()
    open_api.delete("model-versions/delete", version).ok()
    open_api.post("registered-models/rename", {"name": name, "new_name": name + "x"}).ok()
    open_api.delete("registered-models/delete", {"name": name + "x"}).ok()
    expect_error(open_api.post("model-versions/set-tag", {**version, "key": "a", "value": "b"}), 404, "RESOURCE_DOES_NOT_EXIST")
    last = make_model(open_api)
    (delivery,) = receiver.wait_for(webhook["path"], 1)
    assert delivery.json["data"]["name"] == last


def test_only_who_asked_hears_of_it(open_api, hook, receiver):
    wants, other = hook(CREATED), hook({"entity": "PROMPT", "action": "CREATED"})
    disabled = hook(CREATED, status="DISABLED")
    make_model(open_api)
    receiver.wait_for(wants["path"], 1)
    time.sleep(0.7)
    assert [len(receiver.got(webhook["path"])) for webhook in (wants, other, disabled)] == [1, 0, 0]


def test_a_change_counts_from_the_next_event_on(open_api, hook, receiver):
    webhook, witness = hook(CREATED), hook(CREATED)
    update(open_api, webhook, status="DISABLED").ok()
    make_model(open_api)
    receiver.wait_for(witness["path"], 1)
    update(open_api, webhook, status="ACTIVE").ok()
    name = make_model(open_api)
    assert receiver.wait_for(webhook["path"], 1)[0].json["data"]["name"] == name
    delete(open_api, webhook).ok()
    make_model(open_api)
    receiver.wait_for(witness["path"], 3)
    time.sleep(0.7)
    assert len(receiver.got(webhook["path"])) == 1


def test_a_failed_write_sends_nothing(open_api, hook, receiver):
    name = make_model(open_api)
    webhook = hook(CREATED)
    expect_error(open_api.post("registered-models/create", {"name": name}), 400, "RESOURCE_ALREADY_EXISTS")
    last = make_model(open_api)
    (delivery,) = receiver.wait_for(webhook["path"], 1)
    assert delivery.json["data"]["name"] == last


# --- Receivers that do not play along ---


def test_passing_failures_are_tried_again_with_the_same_ids(open_api, hook, receiver):
    webhook = hook(CREATED, secret="s")
    receiver.answers[webhook["path"]] = [503, 500, 200]
    make_model(open_api)
    first, second, third = receiver.wait_for(webhook["path"], 3)
    assert first.delivery_id == second.delivery_id == third.delivery_id
    assert first.headers["x-mlflow-timestamp"] == third.headers["x-mlflow-timestamp"]
    assert first.headers["x-mlflow-signature"] == third.headers["x-mlflow-signature"] == first.signature("s")
    assert first.body == second.body == third.body
    assert second.at - first.at < 1.5
    assert 2.0 <= third.at - second.at < 5
    time.sleep(0.7)
    assert len(receiver.got(webhook["path"])) == 3


def test_retry_after_is_heard(open_api, hook, receiver):
    webhook = hook(CREATED)

    def later(handler):
        late = len(receiver.got(webhook["path"])) > 1
        handler.reply(200, b"") if late else handler.reply(429, b"", Retry_After="2")

    receiver.answers[webhook["path"]] = later
    make_model(open_api)
    first, second = receiver.wait_for(webhook["path"], 2)
    assert 2.0 <= second.at - first.at < 4


def status_of(server, webhook):
    done = worker(server, "--status")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    (at,) = [i for i, line in enumerate(lines) if line.startswith(webhook["webhook_id"])]
    return " ".join([lines[at]] + [line.strip() for line in lines[at + 1 : at + 4] if line.startswith("    ")])


def worker(server, *options, environment=None):
    command = [str(BUILD / "bin" / "tracklight"), "worker", "--backend-store-uri", f"sqlite:///{server.database}", *options]
    return subprocess.run(
        command,
        cwd=server.directory,
        env={**server.environment, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("status", [404, 400, 302])
def test_lasting_failures_are_given_up_at_once(servers, open_api, hook, receiver, status):
    webhook = hook(CREATED)
    elsewhere = f"/{unique('elsewhere')}"
    receiver.answers[webhook["path"]] = lambda handler: handler.reply(status, b"", Location=receiver.url(elsewhere))
    make_model(open_api)
    receiver.wait_for(webhook["path"], 1)
    time.sleep(1.5)
    assert len(receiver.got(webhook["path"])) == 1
    assert receiver.got(elsewhere) == []
    found = status_of(servers(environment=OPEN), webhook)
    assert "waiting 0, delivered 0, given up 1" in found and f"answered {status}" in found


def test_after_the_last_retry_it_is_given_up(servers, receiver):
    server = servers(environment={**OPEN, "MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES": "1"})
    path = f"/{unique('dead')}"
    receiver.answers[path] = [500]
    webhook = create(server.api, receiver.url(path))
    make_model(server.api)
    receiver.wait_for(path, 2)
    time.sleep(3.5)
    assert len(receiver.got(path)) == 2
    assert "waiting 0, delivered 0, given up 1" in status_of(server, webhook)


def test_a_receiver_that_is_gone_or_silent_slows_nobody(servers, receiver):
    server = servers(environment=IMPATIENT)
    api = server.api
    path, quick = f"/{unique('silent')}", f"/{unique('quick')}"
    gate = threading.Event()
    receiver.answers[path] = lambda handler: gate.wait(30)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}/"
        hooks = [create(api, receiver.url(path)), create(api, gone), create(api, receiver.url(quick))]
        slowest = 0.0
        for _ in range(20):
            began = time.monotonic()
            make_model(api)
            slowest = max(slowest, time.monotonic() - began)
        assert slowest < 1.0
        assert len(receiver.wait_for(quick, 20, seconds=10)) == 20
    gate.set()
    for webhook in hooks:
        delete(api, webhook)


def test_a_silent_receiver_is_given_its_time_and_no_more(servers, receiver):
    api = servers(environment=IMPATIENT).api
    path = f"/{unique('silent')}"
    gate = threading.Event()
    receiver.answers[path] = lambda handler: gate.wait(30)
    webhook = create(api, receiver.url(path))
    began = time.monotonic()
    result = test_now(api, webhook)
    assert 1.5 < time.monotonic() - began < 6
    assert result["success"] is False and result["error_message"].startswith("Failed to test webhook: ")
    gate.set()
    delete(api, webhook)


def test_a_receiver_that_trickles_is_cut_off(servers, receiver):
    api = servers(environment=IMPATIENT).api
    path = f"/{unique('trickle')}"

    def trickle(handler):
        try:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX-A: ")
            for _ in range(100):
                handler.wfile.write(b"x")
                handler.wfile.flush()
                time.sleep(0.2)
        except OSError:
            pass

    receiver.answers[path] = trickle
    webhook = create(api, receiver.url(path))
    began = time.monotonic()
    assert test_now(api, webhook)["success"] is False
    assert time.monotonic() - began < 8
    delete(api, webhook)


def test_an_event_survives_a_crash(tmp_path, receiver):
    """What was answered is delivered, although every process was killed before."""
    server = Server(tmp_path / "crash", environment=OPEN)
    path = f"/{unique('crash')}"
    receiver.answers[path] = [503, 200]
    try:
        create(server.api, receiver.url(path), secret="s")
        names = [make_model(server.api) for _ in range(5)]
        server.kill()
        server.start()
        deadline = time.monotonic() + 20
        told = set()
        while time.monotonic() < deadline and told != set(names):
            told = {delivery.json["data"]["name"] for delivery in receiver.got(path)}
            time.sleep(0.05)
        # What was under way when the worker was killed comes again when its lease is over, which takes longer than a test.
        waiting = re.search(r"waiting (\d+)", worker(server, "--status").stdout)
        assert len(set(names) - told) <= int(waiting.group(1))
        assert all(d.headers["x-mlflow-signature"] == d.signature("s") for d in receiver.got(path))
    finally:
        server.stop()


def test_several_workers_deliver_each_event_once(servers, receiver):
    server = servers(environment=OPEN)
    path = f"/{unique('shared')}"
    receiver.answers[path] = lambda handler: (time.sleep(0.05), handler.reply(200, b""))
    webhook = create(server.api, receiver.url(path))
    command = [str(BUILD / "bin" / "tracklight"), "worker", "--backend-store-uri", f"sqlite:///{server.database}"]
    others = [
        subprocess.Popen(command, cwd=server.directory, env=server.environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(2)
    ]
    try:
        names = [make_model(server.api) for _ in range(60)]
        found = receiver.wait_for(path, 60, seconds=30)
        time.sleep(0.7)
        assert sorted(d.json["data"]["name"] for d in receiver.got(path)) == sorted(names), len(found)
    finally:
        for other in others:
            other.terminate()
        assert [other.wait(20) for other in others] == [0, 0]
        delete(server.api, webhook)


# --- The worker by hand ---


@pytest.fixture
def stopped(tmp_path, receiver):
    """A database with a webhook whose server is stopped and which is left with one event to be delivered."""
    server = Server(tmp_path / "stopped", environment={**OPEN, "MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES": "20"})
    path = f"/{unique('stopped')}"
    receiver.answers[path] = [503]
    webhook = create(server.api, receiver.url(path), secret="s")
    webhook["path"] = path
    make_model(server.api)
    receiver.wait_for(path, 3)
    server.stop()
    return server, webhook


def test_once_delivers_what_is_due_and_ends(stopped, receiver):
    server, webhook = stopped
    receiver.answers[webhook["path"]] = [200]
    deadline = time.monotonic() + 30
    text = ""
    while time.monotonic() < deadline and "1 delivered" not in text:
        done = worker(server, "--once")
        assert done.returncode == 0, done.stderr
        text = done.stdout
        time.sleep(0.5)
    assert text == "1 delivered, 0 to be tried again, 0 given up\n"
    assert "waiting 0, delivered 1, given up 0" in status_of(server, webhook)
    assert worker(server, "--once").stdout == "0 delivered, 0 to be tried again, 0 given up\n"
    found = receiver.got(webhook["path"])
    assert len({delivery.delivery_id for delivery in found}) == 1


def test_the_worker_explains_itself_and_refuses_what_it_does_not_know(stopped):
    server, _ = stopped
    help_text = worker(server, "--help")
    assert help_text.returncode == 0 and "--once" in help_text.stdout and "--status" in help_text.stdout
    for options in (["--nonsense"], ["--once", "--status"], ["--webhook-allowed-networks", "10.0/8"]):
        assert worker(server, *options).returncode == 2
    assert worker(server, "--status", "--backend-store-uri", "sqlite:////nowhere/at/all.db").returncode == 1


def test_the_server_replaces_a_worker_that_dies(tmp_path, receiver):
    server = Server(tmp_path / "replaced", environment=OPEN)
    path = f"/{unique('replaced')}"
    try:
        create(server.api, receiver.url(path))
        (pid,) = [pid for pid, command in server.members().items() if command.endswith("tracklight worker")]
        os.kill(pid, 9)
        make_model(server.api)
        receiver.wait_for(path, 1)
    finally:
        server.stop()


# --- Testing a webhook ---


def test_a_test_sends_the_sample_of_the_first_event_also_of_a_disabled_webhook(open_api, hook, receiver):
    webhook = hook({"entity": "PROMPT", "action": "CREATED"}, {"entity": "MODEL_VERSION", "action": "CREATED"},
                   status="DISABLED", secret="s")
    assert test_now(open_api, webhook) == {"success": True, "response_status": 200, "response_body": "seen"}
    (delivery,) = receiver.got(webhook["path"])
    assert delivery.kind == "model_version.created"
    assert delivery.json["data"] == {
        "name": "example_model",
        "version": "1",
        "source": "models:/123",
        "run_id": "abcd1234abcd5678",
        "tags": {"example_key": "example_value"},
        "description": "An example model version",
    }
    assert delivery.headers["x-mlflow-signature"] == delivery.signature("s")


def test_a_test_sends_any_event_that_is_asked_for(open_api, hook, receiver):
    webhook = hook(CREATED)
    for event in EVERY_EVENT:
        assert test_now(open_api, webhook, event=event)["success"] is True
    kinds = [delivery.kind.upper() for delivery in receiver.got(webhook["path"])]
    assert kinds == [f"{event['entity']}.{event['action']}" for event in EVERY_EVENT]
    expect_invalid(
        open_api.post(f"webhooks/{webhook['webhook_id']}/test", {"event": {"entity": "PROMPT", "action": "SET"}}),
        "Invalid action 'set' for entity 'prompt'. Valid actions are: ['created']",
    )


@pytest.mark.parametrize("status, success", [(204, True), (302, True), (404, False), (503, False)])
def test_a_test_is_made_once_and_tells_the_status(open_api, hook, receiver, status, success):
    webhook = hook(CREATED)
    receiver.answers[webhook["path"]] = lambda handler: handler.reply(status, b"" if status == 204 else b"why")
    result = test_now(open_api, webhook)
    assert (result["success"], result["response_status"]) == (success, status)
    time.sleep(0.5)
    assert len(receiver.got(webhook["path"])) == 1


def test_a_test_repeats_only_the_beginning_of_an_answer(open_api, hook, receiver):
    webhook = hook(CREATED)
    receiver.answers[webhook["path"]] = lambda handler: handler.reply(200, "ä".encode() * 1000000)
    text = test_now(open_api, webhook)["response_body"]
    assert set(text) == {"ä"} and len(text.encode()) <= 4096


def test_a_test_of_a_receiver_that_is_not_there_is_no_fault_of_ours(open_api, receiver):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        webhook = create(open_api, f"http://127.0.0.1:{closed.getsockname()[1]}/")
        result = test_now(open_api, webhook)
    assert result["success"] is False and set(result) == {"success", "error_message"}
    assert result["error_message"].startswith("Failed to test webhook: ")
    delete(open_api, webhook)


def test_while_a_test_waits_the_server_writes_on(open_api, hook, receiver):
    webhook = hook(CREATED)
    gate = threading.Event()
    receiver.answers[webhook["path"]] = lambda handler: (gate.wait(10), handler.reply(200, b""))
    results = []
    waiting = threading.Thread(target=lambda: results.append(test_now(open_api.clone(), webhook)))
    waiting.start()
    receiver.wait_for(webhook["path"], 1)
    began = time.monotonic()
    open_api.experiment()
    assert time.monotonic() - began < 1
    gate.set()
    waiting.join(20)
    assert results[0]["success"] is True


# --- Where the server may be sent ---


def change_url(server, webhook, url):
    """As if the rules had been others when the webhook was made."""
    import sqlite3

    with sqlite3.connect(server.database) as database:
        database.execute("UPDATE webhooks SET url = ? WHERE webhook_id = ?", (url, webhook["webhook_id"]))


def test_an_address_that_is_not_allowed_is_not_called_even_if_the_webhook_has_it(servers, receiver):
    server = servers(environment={"MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http,https"})
    path = f"/{unique('private')}"
    webhook = create(server.api, "http://example.com/")
    # A name: what it resolves to is known only when it is resolved.
    change_url(server, webhook, receiver.url(path, host=socket.gethostname() if resolves_here() else "127.0.0.1"))
    make_model(server.api)
    result = test_now(server.api, webhook)
    assert result["success"] is False and "non-public IP address" in result["error_message"]
    deadline = time.monotonic() + 10
    while "given up 1" not in status_of(server, webhook) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert "waiting 0, delivered 0, given up 1" in status_of(server, webhook)
    assert receiver.got(path) == []
    delete(server.api, webhook)


def resolves_here():
    try:
        return socket.gethostbyname(socket.gethostname()).startswith("127.")
    except OSError:
        return False


def test_single_networks_can_be_allowed(servers, receiver):
    server = servers("--webhook-allowed-networks", "127.0.0.1/32", environment={"MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http"})
    path = f"/{unique('allowed')}"
    webhook = create(server.api, receiver.url(path))
    make_model(server.api)
    receiver.wait_for(path, 1)
    assert test_now(server.api, webhook)["success"] is True
    body = {"name": "a", "url": "http://127.0.0.2/", "events": [CREATED]}
    expect_invalid(server.api.post("webhooks", body), re.compile("non-public IP address"))
    delete(server.api, webhook)


def test_metadata_services_are_refused_even_where_private_addresses_are_allowed(open_api):
    for host in ("169.254.169.254", "[fd00:ec2::254]", "100.100.100.200"):
        body = {"name": "a", "url": f"http://{host}/", "events": [CREATED]}
        expect_invalid(open_api.post("webhooks", body), re.compile("non-public IP address"))


@pytest.mark.parametrize(
    "options, environment, word",
    [
        (["--webhook-allowed-networks", "everything"], {}, "--webhook-allowed-networks"),
        ([], {"MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "gopher"}, "MLFLOW_WEBHOOK_ALLOWED_SCHEMES"),
    ],
)
def test_rules_that_make_no_sense_stop_the_start(tmp_path, options, environment, word):
    done = subprocess.run(
        [str(BUILD / "bin" / "tracklight"), "server", "--port", "0", *options],
        cwd=tmp_path,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 2 and word in done.stderr


# --- Secrets at rest ---


def stored_secret(server, webhook):
    import sqlite3

    with sqlite3.connect(server.database) as database:
        (found,) = database.execute("SELECT secret FROM webhooks WHERE webhook_id = ?", (webhook["webhook_id"],)).fetchone()
    return found


def test_a_secret_is_encrypted_with_a_key_beside_the_database(servers):
    server = servers(environment=OPEN)
    webhook = create(server.api, secret="plainly visible")
    assert stored_secret(server, webhook).startswith("gAAAA")
    for path in server.directory.glob("t.db*"):
        if path.is_file():
            assert b"plainly visible" not in path.read_bytes(), path
    key = server.directory / KEY_FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert len(base64.urlsafe_b64decode(key.read_text().strip())) == 32
    delete(server.api, webhook)


def test_without_a_secret_there_is_no_key(tmp_path):
    server = Server(tmp_path / "keyless")
    try:
        create(server.api)
        assert not (server.directory / KEY_FILE).exists()
    finally:
        server.stop()


def test_a_given_key_is_used_and_a_lost_one_breaks_only_the_deliveries(tmp_path, receiver):
    keys = [base64.urlsafe_b64encode(bytes([i]) * 32).decode() for i in (1, 2)]
    server = Server(tmp_path / "keys", environment={**OPEN, "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": keys[0]})
    path = f"/{unique('keys')}"
    try:
        webhook = create(server.api, receiver.url(path), secret="s")
        assert test_now(server.api, webhook)["success"] is True
        assert not (server.directory / KEY_FILE).exists()
        server.stop()
        server.environment["MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY"] = keys[1]
        server.start()
        assert get(server.api, webhook) == webhook
        assert webhook in server.api.get("webhooks").ok()["webhooks"]
        result = test_now(server.api, webhook)
        assert result["success"] is False and "secret cannot be decrypted" in result["error_message"]
        assert len(receiver.got(path)) == 1
        update(server.api, webhook, secret="new").ok()
        assert test_now(server.api, webhook)["success"] is True
        assert receiver.got(path)[1].headers["x-mlflow-signature"] == receiver.got(path)[1].signature("new")
        assert delete(server.api, webhook).ok() == {}
    finally:
        server.stop()


def test_a_secret_that_is_too_long_is_refused(api):
    body = {"name": "a", "url": "https://example.com/", "events": [CREATED], "secret": "s" * 1001}
    expect_invalid(api.post("webhooks", body))


def test_webhooks_belong_to_the_registry(tmp_path, receiver):
    server = Server(tmp_path / "two", "--registry-store-uri", f"sqlite:///{tmp_path}/two/registry.db", environment=OPEN)
    path = f"/{unique('registry')}"
    try:
        webhook = create(server.api, receiver.url(path), secret="s")
        make_model(server.api)
        (delivery,) = receiver.wait_for(path, 1)
        assert delivery.headers["x-mlflow-signature"] == delivery.signature("s")
        assert test_now(server.api, webhook)["success"] is True
        assert (pathlib.Path(tmp_path) / "two" / "registry.db.webhook-key").exists()
    finally:
        server.stop()
