"""The pages of models, prompts, datasets, jobs, the gateway and users, in a browser."""

import json
import pathlib
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "gateway"), str(HERE.parent / "api")]

from browser import Browser  # noqa: E402

import auth_support as auth  # noqa: E402
from gateway_support import wait_until  # noqa: E402
from support import API_3, BUILD, Server, unique  # noqa: E402
from upstream import HANG, Upstream, frame, json_answer, stream  # noqa: E402
from wire_openai import chunk, usage  # noqa: E402

NASTY = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>'\"&"


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("pages"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browse(suite, chromium, node_modules):
    """browse(step, url=the suite's, …)"""
    folder = BUILD / "results" / "web"
    folder.mkdir(parents=True, exist_ok=True)
    running = Browser(chromium, node_modules, folder)
    yield lambda step, url=None, **arguments: running(step, url or suite.url, nasty=NASTY, **arguments)
    running.stop()


@pytest.fixture
def api(suite):
    return suite.api


# --- Models ---


def test_a_model_is_found_described_tagged_and_its_versions_get_aliases_and_stages(api, browse):
    experiment = api.experiment()
    run = api.run(experiment, run_name=f"run {NASTY}")
    name = unique("model") + " <b>'\"x"
    api.registered_model(name, description=NASTY, tags=[{"key": "owner", "value": NASTY}])
    api.model_version(name, source=f"s3://bucket/{run}/model", run_id=run, description=NASTY, tags=[{"key": "k", "value": NASTY}])
    browse("models", name=name, run={"id": run, "name": f"run {NASTY}"})
    model = api.get_registered_model(name)
    assert model["description"] == f"what it is for {NASTY}"
    assert {"key": "team", "value": NASTY} in model["tags"]
    assert "aliases" not in model
    assert api.get_model_version(name, 1)["current_stage"] == "Production"


@pytest.mark.slow
def test_the_list_of_models_is_read_in_pages_as_it_is_scrolled(api, browse):
    prefix = unique("many")
    for i in range(210):
        api.registered_model(f"{prefix}-{i:03}")
    browse("model_pages", prefix=prefix, count=210)


def test_a_model_is_deleted_after_a_question(api, browse):
    name = api.registered_model(unique("model") + NASTY.replace("/", ""))
    browse("a_model_is_deleted_after_a_question", name=name)
    assert api.get("registered-models/get", {"name": name}).status == 404


def test_a_logged_model_is_shown_and_registered(api, browse):
    experiment = api.experiment()
    model = api.model(experiment, name="logged", params=[{"key": "p", "value": NASTY}], tags=[{"key": "t", "value": NASTY}])
    browse("a_logged_model", experiment=experiment, id=model)
    assert api.get_model_version(f"registered-{model}", 1)["source"] == f"models:/{model}"


# --- Jobs and the server ---

JOBS = {
    "count": "import json, time\n"
    "for i in range(1, 4): print(f'line <i>{i}</i>', flush=True); time.sleep(0.3)\n"
    "print(json.dumps({'progress': 0.5, 'message': 'half <u>done</u>'}), flush=True)\n"
    "time.sleep(60)\n",
    "fails": "import sys\nsys.exit('it went <b>wrong</b>')\n",
    "works": "import json\nprint(json.dumps({'answer': '<b>42</b>'}))\n",
}


@pytest.fixture(scope="module")
def jobs_suite(tmp_path_factory):
    directory = tmp_path_factory.mktemp("jobs")
    (directory / "jobs.d").mkdir()
    for name, script in JOBS.items():
        (directory / f"{name}.py").write_text(script)
        command = f"/usr/bin/python3 -IS {directory}/{name}.py"
        (directory / "jobs.d" / f"{name}.conf").write_text(f"[{name}]\ncommand = {command}\n")
    running = Server(directory, "--enable-jobs", environment={"TRACKLIGHT_JOBS_KILL_GRACE": "1", "TRACKLIGHT_JOBS_STOP_TIMEOUT": "0"})
    yield running
    running.stop()


def test_jobs_are_listed_followed_as_they_run_and_cancelled(jobs_suite, browse):
    def submit(name):
        return jobs_suite.api.request("POST", "/ajax-api/3.0/jobs/", json={"job_name": name, "params": {}}).ok()["job_id"]

    def state(job):
        return jobs_suite.api.request("GET", f"/ajax-api/3.0/jobs/{job}").ok()["status"]

    done, failed, running = submit("works"), submit("fails"), submit("count")
    wait_until(lambda: state(done) == "SUCCEEDED" and state(failed) == "FAILED", 10)
    browse("jobs", jobs_suite.url, running=running, done=done, failed=failed)
    assert state(running) == "CANCELED"


def test_the_server_says_how_it_is_and_lists_without_anything_say_how_to_have_some(api, browse):
    browse("server", version=api.request("GET", "/version").text)


# --- The gateway ---


@pytest.fixture(scope="module")
def upstream():
    running = Upstream()
    yield running
    running.stop()


def test_the_gateway_is_set_up_tried_measured_and_taken_down(api, browse, upstream):
    wire = upstream.wire()
    browse("gateway", upstream=wire.url)
    secret = api.get("gateway/secrets/list", root=API_3).ok()["secrets"][0]
    assert (secret["secret_name"], secret["auth_config"]) == (NASTY, {"api_base": wire.url})
    model = api.get("gateway/model-definitions/list", root=API_3).ok()["model_definitions"][0]
    assert (model["model_name"], model["secret_id"]) == ("gpt-x", secret["secret_id"])

    begin, rest, end, tail = (frame(chunk(*one[0], **one[1])) for one in (
        (({"content": "the first words"},), {}), (({"content": f" and {NASTY}"},), {}), (({}, "stop"), {}), ((), {"usage": usage()}),
    ))  # fmt: skip
    failing = json_answer({"error": {"message": f"not today {NASTY}"}}, 429)
    wire.answer(stream(begin, 0.6, rest, end, tail), failing, stream(frame(chunk({"content": "never ends"})), HANG))
    browse("playground", answer=f"the first words and {NASTY}", detail=f"not today {NASTY}")
    assert wire.calls[0].header("authorization") == "Bearer sk-live-0123456789abcdef"
    assert [one["content"] for one in wire.calls[2].json["messages"]] == ["hello", f"the first words and {NASTY}", "and on"]
    wait_until(lambda: wire.calls[2].closed_at, 5, "the call goes on after it was stopped")

    wait_until(lambda: api.get("gateway/usage", root=API_3).ok()["usage"], 5)
    browse("usage")
    browse("secret_is_replaced_and_deleted")
    assert api.get("gateway/endpoints/list", root=API_3).ok() == {}


# --- Users ---


def test_below_a_prefix_users_are_made_granted_things_and_deleted(tmp_path_factory, browse):
    server = Server(tmp_path_factory.mktemp("users"), "--app-name", "basic-auth", "--static-prefix", "/team", environment=auth.ON, health="/team/health")
    try:
        boss, name, title = auth.admin(server), f"ada {NASTY}".replace(":", ""), f"an experiment {NASTY}"
        who = {"admin": auth.ADMIN, "password": auth.ADMIN_PASSWORD, "name": name, "title": title}
        experiment = boss.experiment(title)
        browse("users", f"{server.url}/team", experiment=experiment, **who)
        user = boss.get("users/get", {"username": name}).ok()["user"]
        assert user["experiment_permissions"] == [{"experiment_id": experiment, "permission": "MANAGE", "user_id": user["id"]}]
        browse("a_user_without_rights", f"{server.url}/team", **who)
        browse("users_go", f"{server.url}/team", **who)
        assert boss.get("users/get", {"username": name}).status == 404
    finally:
        server.stop()


# --- Prompts and datasets ---


def test_prompts_are_made_versioned_and_compared_word_by_word(api, browse):
    name = unique("greet").replace("-", "_")
    browse("prompts", name=name)
    made = api.get_registered_model(name)
    assert {"key": "mlflow.prompt.is_prompt", "value": "true"} in made["tags"]
    assert made["aliases"] == [{"alias": "live", "version": "2"}]
    tags = {tag["key"]: tag["value"] for tag in api.get_model_version(name, 2)["tags"]}
    assert tags["mlflow.prompt.text"] == f"Say goodbye to {{{{name}}}}, please. {NASTY}"


def test_a_chat_is_shown_as_messages_and_what_differs_adds_up_to_both_texts(api, browse):
    name, experiment = unique("chat").replace("-", "_"), api.experiment()
    messages = json.dumps([{"role": "system", "content": "Be brief."}, {"role": "user", "content": NASTY}])
    kind = {"key": "mlflow.prompt.is_prompt", "value": "true"}
    api.registered_model(name, tags=[kind, {"key": "_mlflow_experiment_ids", "value": f",{experiment},"}])
    api.model_version(name, "prompt-template", tags=[kind, {"key": "_mlflow_prompt_type", "value": "chat"}, {"key": "mlflow.prompt.text", "value": messages}])
    browse("a_chat", name=name, experiment=experiment)
    assert api.get("registered-models/get", {"name": name}).status == 404


def test_datasets_are_made_filled_found_and_deleted(api, browse):
    experiment, data = api.experiment(), f"data {NASTY}"
    run = api.run(experiment)
    dataset = {"name": data, "digest": "abc", "source_type": "local", "source": "{}"}
    api.post("runs/log-inputs", {"run_id": run, "datasets": [{"dataset": dataset}]}).ok()
    browse("datasets", experiment=experiment, data=data)
    assert api.post("datasets/search", {"experiment_ids": [experiment]}, root=API_3).ok() == {}


def test_records_are_read_in_pages_and_need_not_be_strict_json(api, browse):
    dataset = api.post("datasets/create", {"name": unique("many")}, root=API_3).ok()["dataset"]["dataset_id"]
    records = [{"inputs": {"i": i}, "expectations": {"x": float("nan")} if i == 0 else {}} for i in range(120)]
    api.post(f"datasets/{dataset}/records", {"records": json.dumps(records)}, root=API_3).ok()
    browse("records", id=dataset, count=120)


# --- Looks ---


@pytest.fixture(scope="module")
def views(suite, upstream):
    """Views with something hostile in them."""
    api = suite.api

    def post(path, body):
        return api.post(path, body, root=API_3).ok()

    model, prompt = api.registered_model(unique("shown"), description=NASTY, tags=[{"key": "k", "value": NASTY}]), unique("prompt").replace("-", "_")
    api.model_version(model, description=NASTY, tags=[{"key": "k", "value": NASTY}])
    api.post("registered-models/alias", {"name": model, "alias": "champion", "version": "1"}).ok()
    kind = {"key": "mlflow.prompt.is_prompt", "value": "true"}
    api.registered_model(prompt, tags=[kind])
    for text in ("one", "two"):
        api.model_version(prompt, "prompt-template", tags=[kind, {"key": "mlflow.prompt.text", "value": f"{text} {NASTY} " * 9}])
    dataset = post("datasets/create", {"name": unique("set")})["dataset"]["dataset_id"]
    post(f"datasets/{dataset}/records", {"records": json.dumps([{"inputs": {"q": NASTY}, "expectations": {"a": [1]}}])})
    secret = post("gateway/secrets/create", {"secret_name": f"{unique('s')} {NASTY}", "secret_value": {"api_key": "k" * 20}, "provider": "openai", "auth_config": {"api_base": upstream.wire().url}})["secret"]
    definition = post("gateway/model-definitions/create", {"name": f"d {NASTY}", "secret_id": secret["secret_id"], "provider": "openai", "model_name": "gpt-x"})["model_definition"]
    post("gateway/endpoints/create", {"name": unique("e"), "model_configs": [{"model_definition_id": definition["model_definition_id"]}]})
    return {
        **{f"gateway_{tab}": f"gateway/{tab}" for tab in ("endpoints", "models", "secrets", "playground", "usage")},
        "models": "models",
        "model": f"models/{model}",
        "model_version": f"models/{model}/versions/1",
        "prompts": "prompts",
        "prompt": f"prompts/{prompt}?version=2&with=1",
        "datasets": "datasets",
        "dataset": f"datasets/{dataset}",
        "jobs": "jobs",
        "server": "server",
        "users": "users",
    }


@pytest.mark.slow
@pytest.mark.parametrize("look", ["light", "dark", "narrow"])
def test_every_view_is_accessible_and_fits(browse, views, look):
    browse("look", views=views, look=look)


@pytest.mark.slow
@pytest.mark.parametrize("look", ["light", "dark", "narrow"])
def test_jobs_are_accessible_and_fit(jobs_suite, browse, look):
    job = jobs_suite.api.request("POST", "/ajax-api/3.0/jobs/", json={"job_name": "fails", "params": {"text": NASTY}}).ok()["job_id"]
    wait_until(lambda: jobs_suite.api.request("GET", f"/ajax-api/3.0/jobs/{job}").ok()["status"] == "FAILED", 10)
    browse("look", jobs_suite.url, views={"job": f"jobs/{job}", "jobs_some": "jobs"}, look=look)
