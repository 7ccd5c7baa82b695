"""What rights mean where one request touches many things, or says one thing twice; and how rights come and go."""

import json

import pytest

from auth_support import admin, client, expect_denied, expect_unknown, fresh, make_user, start
from gateway_support import Gateway
from rights import ROWS
from rights_support import DEFINITION, ENDPOINT, EXPERIMENT, MODEL, SECRET, Things, give_all, start_closed
from support import AJAX, API, API_3, expect_error, expect_invalid, unique
from test_permissions_everywhere import ask
from traces_support import Spans, Traces

FILES = "/api/2.0/mlflow-artifacts/artifacts/"
JOBS = "/ajax-api/3.0/jobs"


@pytest.fixture(scope="module")
def suite(closed_suite):
    return closed_suite


@pytest.fixture(scope="module")
def boss(suite):
    return admin(suite)


@pytest.fixture(scope="module")
def foreign(suite, boss):
    """An experiment that nobody here has rights on."""
    return boss.experiment()


@pytest.fixture
def alice(suite):
    return fresh(suite)


@pytest.fixture
def mine(alice):
    """An experiment of alice's own."""
    return alice.experiment()


def give(server, user, resource, thing, level, *name):
    give_all(server, (user.name, resource, thing, level, *name))
    return thing


def level(boss, user, path, root=API, **thing):
    """The user's row, or None."""
    reply = boss.get(path + "/permissions/get", {**thing, "username": user}, root=root)
    if reply.status == 404:
        return None
    (row,) = reply.ok().values()
    return row["permission"]


# --- Who makes a thing manages it ---


def test_an_experiment_is_its_makers(suite, boss, alice, mine):
    assert level(boss, alice.name, "experiments", experiment_id=mine) == "MANAGE"
    alice.run(mine)
    alice.post("experiments/delete", {"experiment_id": mine}).ok()
    expect_denied(fresh(suite).get("experiments/get", {"experiment_id": mine}))
    assert level(boss, alice.name, "experiments", experiment_id=mine) == "MANAGE", "it may be restored"


def test_who_makes_a_thing_can_share_it(suite, alice, mine):
    bob = fresh(suite)
    expect_denied(bob.get("experiments/get", {"experiment_id": mine}))
    alice.post("experiments/permissions/create", {"experiment_id": mine, "username": bob.name, "permission": "READ"}).ok()
    bob.get_experiment(mine)
    expect_denied(bob.post("runs/create", {"experiment_id": mine}))


def test_all_rights_on_a_model_go_with_it_whoever_deletes_it(suite, boss, alice):
    bob = fresh(suite)
    name = alice.registered_model()
    give(suite, bob, MODEL, name, "READ")
    boss.delete("registered-models/delete", {"name": name}).ok()
    assert level(boss, alice.name, "registered-models", name=name) is None
    assert level(boss, bob.name, "registered-models", name=name) is None
    bob.registered_model(name)
    assert level(boss, bob.name, "registered-models", name=name) == "MANAGE"
    expect_denied(alice.get("registered-models/get", {"name": name}))


def test_rights_move_with_a_renamed_model_and_leave_none_behind(suite, boss, alice):
    bob = fresh(suite)
    old, new = alice.registered_model(), unique("new")
    give(suite, bob, MODEL, new, "MANAGE")
    alice.post("registered-models/rename", {"name": old, "new_name": new}).ok()
    alice.get_registered_model(new)
    expect_denied(bob.get("registered-models/get", {"name": new}))
    assert level(boss, alice.name, "registered-models", name=old) is None


def test_a_scorer_can_be_registered_again_and_its_rights_end_with_its_last_version(boss, alice, mine):
    body = {"experiment_id": mine, "name": "judge", "serialized_scorer": '{"a": 1}'}
    versions = [alice.post("scorers/register", body, root=API_3).ok()["version"] for _ in range(2)]
    assert versions == [1, 2]
    key = {"experiment_id": mine, "scorer_name": "judge"}
    assert level(boss, alice.name, "scorers", root=API_3, **key) == "MANAGE"
    for version, left in ((1, "MANAGE"), (2, None)):
        alice.delete("scorers/delete", {"experiment_id": mine, "name": "judge", "version": version}, root=API_3).ok()
        assert level(boss, alice.name, "scorers", root=API_3, **key) == left


def test_things_of_the_gateway_are_their_makers(suite, boss, alice):
    gateway = Gateway(alice)
    secret = gateway.secret()["secret_id"]
    definition = gateway.model(secret)["model_definition_id"]
    endpoint = gateway.endpoint(model_configs=[{"model_definition_id": definition, "linkage_type": "PRIMARY"}])["endpoint_id"]
    kinds = [
        ("gateway/endpoints", {"endpoint_id": endpoint}), ("gateway/model-definitions", {"model_definition_id": definition}),
        ("gateway/secrets", {"secret_id": secret}),
    ]
    for path, key in kinds:
        assert level(boss, alice.name, path, root=API_3, **key) == "MANAGE"
        alice.delete(path + "/delete", key, root=API_3).ok()
        assert level(boss, alice.name, path, root=API_3, **key) is None


# --- Lists and searches ---


def ids(reply, key, name):
    return [item[name] for item in reply.ok().get(key, [])]


def pages(ask_for, key):
    """[[row]] of all pages; all but the last are full."""
    found, token = [], None
    for _ in range(20):
        reply = ask_for(**({"page_token": token} if token else {})).ok()
        found.append(reply.get(key, []))
        token = reply.get("next_page_token")
        if not token:
            return found
    raise AssertionError("the pages do not end")


def sizes(found):
    return [len(page) for page in found]


def test_pages_of_experiments_are_full_of_what_may_be_read(suite, boss, alice):
    name = unique("page")
    made = [boss.experiment(f"{name}-{i}") for i in range(12)]
    readable = made[1::2]
    give_all(suite, *((alice.name, EXPERIMENT, one, "READ") for one in readable))

    def search(**more):
        return alice.post("experiments/search", {"max_results": 2, "filter": f"name LIKE '{name}%'", **more})

    found = pages(search, "experiments")
    assert sizes(found) == [2, 2, 2]
    assert sorted(e["experiment_id"] for page in found for e in page) == sorted(readable)
    assert sizes(pages(lambda **more: boss.get("experiments/search", {"max_results": "5", "filter": f"name LIKE '{name}%'", **more}), "experiments")) == [5, 5, 2]


def test_pages_of_models_and_versions_are_full_of_what_may_be_read(suite, boss, alice):
    name = unique("page")
    made = [boss.registered_model(f"{name}-{i}") for i in range(8)]
    for model in made:
        boss.model_version(model)
    readable = made[::2]
    give_all(suite, *((alice.name, MODEL, one, "READ") for one in readable))
    like = {"filter": f"name LIKE '{name}%'", "max_results": "2"}
    models = pages(lambda **more: alice.get("registered-models/search", {**like, **more}), "registered_models")
    versions = pages(lambda **more: alice.get("model-versions/search", {**like, **more}), "model_versions")
    for found in (models, versions):
        assert sizes(found) == [2, 2]
        assert sorted(row["name"] for page in found for row in page) == readable


def test_searches_in_experiments_leave_out_those_that_may_not_be_read(boss, foreign, alice, mine):
    def everything(api, experiments):
        body = {"experiment_ids": experiments}
        locations = [{"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": one}} for one in experiments]
        return {
            "runs": ids(api.post("runs/search", body), "runs", "info"),
            "models": ids(api.post("logged-models/search", body), "models", "info"),
            "traces": ids(api.get("traces", body), "traces", "experiment_id"),
            "traces 3": ids(api.post("traces/search", {"locations": locations}, root=API_3), "traces", "trace_location"),
        }

    for api, experiment in ((boss, foreign), (alice, mine)):
        api.run(experiment)
        api.model(experiment)
        Traces(api, experiment).new()
    found = everything(alice, [foreign, mine])
    assert [run["experiment_id"] for run in found["runs"]] == [mine]
    assert [model["experiment_id"] for model in found["models"]] == [mine]
    assert found["traces"] == [mine]
    assert [place["mlflow_experiment"]["experiment_id"] for place in found["traces 3"]] == [mine]
    assert everything(alice, [foreign]) == {"runs": [], "models": [], "traces": [], "traces 3": []}
    assert all(len(rows) > 1 for rows in everything(boss, [foreign, mine]).values())


def test_pages_of_runs_stay_full_beside_experiments_that_may_not_be_read(boss, foreign, alice, mine):
    for _ in range(3):
        boss.run(foreign)
        alice.run(mine)
    found = pages(lambda **more: alice.post("runs/search", {"experiment_ids": [foreign, mine], "max_results": 2, **more}), "runs")
    assert sizes(found) == [2, 1]


def test_numbers_over_traces_count_only_those_that_may_be_read(boss, foreign, alice, mine):
    Traces(boss, foreign).new()
    for _ in range(2):
        Traces(alice, mine).new()

    def count(api, experiments):
        body = {
            "experiment_ids": experiments, "view_type": "TRACES", "metric_name": "trace_count",
            "aggregations": [{"aggregation_type": "COUNT"}],
        }
        points = api.post("traces/metrics", body, root=API_3).ok().get("data_points", [])
        return sum(point["values"]["COUNT"] for point in points)

    def correlate(experiments):
        body = {"experiment_ids": experiments, "filter_string1": "trace.status = 'OK'", "filter_string2": "trace.status = 'OK'"}
        return alice.post("traces/calculate-filter-correlation", body, root=API_3).ok()["total_count"]

    assert count(alice, [foreign, mine]) == 2
    assert count(alice, [foreign]) == 0
    assert count(boss, [foreign, mine]) > 2
    assert (correlate([foreign, mine]), correlate([foreign])) == (2, 0)


def test_datasets_are_found_if_all_their_experiments_may_be_read(boss, foreign, alice, mine):
    def create(api, *experiments):
        body = {"name": unique("dataset"), "experiment_ids": list(experiments)}
        return api.post("datasets/create", body, root=API_3).ok()["dataset"]["dataset_id"]

    own = [create(alice, mine) for _ in range(3)]
    hidden = [create(boss, foreign), create(boss, mine, foreign), create(boss)]
    found = pages(lambda **more: alice.post("datasets/search", {"max_results": 2, **more}, root=API_3), "datasets")
    assert sizes(found) == [2, 1]
    assert sorted(row["dataset_id"] for page in found for row in page) == sorted(own)
    for one in hidden:
        expect_denied(alice.get(f"datasets/{one}", root=API_3))
    body = {"name": unique("dataset"), "experiment_ids": [mine, foreign]}
    expect_denied(alice.post("datasets/create", body, root=API_3))
    expect_denied(alice.post(f"datasets/{own[0]}/add-experiments", {"experiment_ids": [foreign]}, root=API_3))


def test_lists_of_the_gateway_show_what_may_be_read(suite, boss, alice):
    gateway = Gateway(boss)
    secrets = [gateway.secret()["secret_id"] for _ in range(2)]
    definitions = [gateway.model(one)["model_definition_id"] for one in secrets]
    endpoints = [
        gateway.endpoint(model_configs=[{"model_definition_id": one, "linkage_type": "PRIMARY"}])["endpoint_id"] for one in definitions
    ]
    give_all(
        suite, (alice.name, SECRET, secrets[0], "READ"), (alice.name, DEFINITION, definitions[0], "READ"),
        (alice.name, ENDPOINT, endpoints[0], "READ"),
    )
    asked = Gateway(alice)
    assert ids(asked.get("secrets/list"), "secrets", "secret_id") == [secrets[0]]
    assert ids(asked.get("model-definitions/list"), "model_definitions", "model_definition_id") == [definitions[0]]
    assert ids(asked.get("endpoints/list"), "endpoints", "endpoint_id") == [endpoints[0]]
    assert ids(asked.get("secrets/list", provider="openai"), "secrets", "secret_id") == [secrets[0]]


def test_jobs_of_no_experiment_are_the_administrators(boss, foreign, alice, mine):
    def submit(api, **params):
        return api.request("POST", JOBS, json={"job_name": "echo", "params": params})

    expect_denied(submit(alice))
    expect_denied(submit(alice, experiment_id=foreign))
    expect_denied(submit(alice, experiment_id={"a": mine}))
    expect_denied(submit(alice, experiment_id=[mine, foreign]))
    hidden = [submit(boss).ok()["job_id"], submit(boss, experiment_id=foreign).ok()["job_id"]]
    own = submit(alice, experiment_id=mine).ok()["job_id"]
    assert ids(alice.request("POST", JOBS + "/search", json={}), "jobs", "job_id") == [own]
    for job in hidden:
        expect_denied(alice.request("GET", f"{JOBS}/{job}"))
    trace = Traces(boss, foreign).new()
    expect_denied(submit(alice, experiment_id=mine, trace_ids=[trace]))


# --- Requests that say a thing twice ---


@pytest.mark.parametrize("keys", [("run_id", "runId"), ("runId", "run_id"), ("run_id", "run_uuid"), ("run_uuid", "runId")])
def test_the_run_that_is_checked_is_the_run_that_is_written(boss, foreign, alice, mine, keys):
    victim, own = boss.run(foreign), alice.run(mine)
    for first, second in ((own, victim), (victim, own)):
        body = f'{{"{keys[0]}": "{first}", "{keys[1]}": "{second}", "key": "k", "value": "{first}"}}'.encode()
        reply = alice.post_bytes("runs/set-tag", body)
        assert reply.status in (200, 403), reply
        assert "k" not in boss.tags(victim)


@pytest.mark.parametrize("content_type", ["application/json", "application/octet-stream", None])
def test_what_a_delete_names_in_its_query_does_not_open_what_it_names_in_its_body(boss, alice, content_type):
    victim, own = boss.registered_model(), alice.registered_model()
    headers = {"Content-Type": content_type} if content_type else {}
    path = API + "registered-models/delete"
    expect_denied(alice.request("DELETE", path, params={"name": own}, data=json.dumps({"name": victim}), headers=headers))
    boss.get_registered_model(victim)
    alice.get_registered_model(own)


@pytest.mark.parametrize("content_type", ["application/json", "text/x"])
def test_rights_are_deleted_where_they_are_checked(suite, boss, foreign, alice, mine, content_type):
    bob = make_user(suite)
    give_all(suite, (bob, EXPERIMENT, foreign, "READ"), (bob, EXPERIMENT, mine, "READ"))
    alice.request(
        "DELETE", API + "experiments/permissions/delete", params={"experiment_id": mine, "username": bob},
        data=json.dumps({"experiment_id": foreign, "username": bob}), headers={"Content-Type": content_type},
    )
    assert level(boss, bob, "experiments", experiment_id=foreign) == "READ"


def test_every_one_of_several_ids_must_be_allowed(boss, foreign, alice, mine):
    victim, own = boss.run(foreign), alice.run(mine)
    trace, own_trace = Traces(boss, foreign).arrived(), Traces(alice, mine).arrived()
    for runs in ([own, victim], [victim, own]):
        expect_denied(alice.get("metrics/get-history-bulk", {"run_id": runs, "metric_key": "m"}, root=AJAX))
        expect_denied(alice.get("metrics/get-history-bulk-interval", {"run_ids": runs, "metric_key": "m"}))
    for traces in ([own_trace, trace], [trace, own_trace]):
        expect_denied(alice.get("traces/batchGet", {"trace_ids": traces}, root=API_3))
        expect_denied(alice.post("traces/link-to-run", {"trace_ids": traces, "run_id": own}))
        scorer = '{"name": "j", "instructions_judge_pydantic_data": {"instructions": "{{ outputs }}?", "model": "openai:/gpt"}}'
        body = {"experiment_id": mine, "serialized_scorer": scorer, "trace_ids": traces}
        expect_denied(alice.post("scorer/invoke", body, root="/ajax-api/3.0/mlflow/"))
    expect_denied(alice.post("experiments/search-datasets", {"experiment_ids": [mine, foreign]}, root=AJAX))
    assert ids(alice.get("traces/batchGet", {"trace_ids": [own_trace, "tr-none"]}, root=API_3), "traces", "trace_info")


def test_head_is_as_get(suite, alice):
    things, nobody = Things(suite), client(suite)
    for operation, row in ROWS.items():
        if operation.startswith("GET ") and row.need in ("READ", "admin"):
            assert ask(alice, operation, things, as_method="HEAD").status == 403, operation
            assert ask(nobody, operation, things, as_method="HEAD").status == 401, operation


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"7", b"{", b""])
def test_bodies_that_are_no_object_are_refused_and_nothing_is_done(alice, body):
    for path in ("runs/log-metric", "experiments/delete", "registered-models/rename", "users/create"):
        assert alice.post_bytes(path, body).status in (400, 403)


# --- Side doors ---


def test_metrics_and_links_of_foreign_models_are_not_written(boss, foreign, alice, mine):
    victim, run = boss.model(foreign), alice.run(mine)
    metric = {"key": "m", "value": 1, "timestamp": 1}
    expect_denied(alice.post("runs/log-metric", {"run_id": run, **metric, "model_id": victim}))
    expect_denied(alice.post("runs/log-batch", {"run_id": run, "metrics": [metric, {**metric, "model_id": victim}]}))
    expect_denied(alice.post("runs/outputs", {"run_id": run, "models": [{"model_id": victim, "step": 0}]}))
    expect_denied(alice.post("runs/log-inputs", {"run_id": run, "models": [{"model_id": victim}]}))
    expect_denied(alice.post("logged-models", {"experiment_id": mine, "source_run_id": boss.run(foreign)}))
    own = alice.model(mine)
    assert alice.post("runs/log-batch", {"run_id": run, "metrics": [{**metric, "model_id": own}]}).status == 200


def test_traces_are_not_written_into_through_another_experiment(boss, foreign, alice, mine):
    spans = Spans()
    spans.add()
    trace = Traces(boss, foreign).send(spans)
    spans.add(name="forged")
    body = {"resourceSpans": [{"scopeSpans": [{"spans": spans.spans}]}]}
    reply = alice.request("POST", "/v1/traces", json=body, headers={"x-mlflow-experiment-id": mine})
    assert reply.status == 422 and "another experiment" in reply.text, reply
    expect_denied(Traces(alice, mine).try_start(trace, tags={"k": "v"}))
    assert len(Traces(boss, foreign).get_spans(trace)) == 1
    reply = alice.request("POST", "/v1/traces", json=body, headers={"x-mlflow-experiment-id": mine, "x-mlflow-run-id": boss.run(foreign)})
    expect_denied(reply)


def test_versions_are_not_made_of_what_may_not_be_read(suite, boss, foreign, alice, mine):
    name, secret_model = alice.registered_model(), boss.registered_model()
    boss.model_version(secret_model)
    run, model = boss.run(foreign), boss.model(foreign)
    place = boss.get_run(run)["info"]["artifact_uri"]

    def create(source, **more):
        return alice.post("model-versions/create", {"name": name, "source": source, **more})

    for source in (
        f"models:/{secret_model}/1", f"models:/{secret_model}@a", f"models:/{secret_model}/latest", f"MODELS:///{secret_model}/1",
        f"models:/{model}", f"runs:/{run}/model", place, place + "/model", f"mlflow-artifacts:/{foreign}", "mlflow-artifacts:/",
    ):
        expect_denied(create(source))
    expect_denied(create("s3://bucket/model", run_id=run))
    expect_denied(create("s3://bucket/model", model_id=model))
    own = alice.run(mine)
    assert create(f"runs:/{own}/model", run_id=own).status == 200
    assert create(alice.get_run(own)["info"]["artifact_uri"] + "/model", run_id=own).status == 200
    give(suite, alice, MODEL, secret_model, "READ")
    assert create(f"models:/{secret_model}/1").status == 200


def test_an_experiment_does_not_lie_in_the_folder_of_another(alice, foreign, mine):
    for place in (f"mlflow-artifacts:/{foreign}", f"mlflow-artifacts:/{foreign}/x", "mlflow-artifacts:/"):
        expect_denied(alice.post("experiments/create", {"name": unique("exp"), "artifact_location": place}))
    assert alice.experiment(artifact_location=f"mlflow-artifacts:/{mine}/more")
    assert alice.experiment(artifact_location="mlflow-artifacts:/elsewhere")


def test_files_are_those_of_the_experiment_that_their_path_leads_to(suite, boss, foreign, alice, mine):
    boss.request("PUT", f"{FILES}{foreign}/secret.txt", data=b"secret")
    boss.request("PUT", f"{FILES}free/file.txt", data=b"free")
    assert alice.request("PUT", f"{FILES}{mine}/own.txt", data=b"own").status == 200
    assert alice.request("GET", f"{FILES}{mine}/own.txt").bytes == b"own"
    for path in (f"{foreign}/secret.txt", f"./{foreign}/secret.txt", f"%2e/{foreign}/secret.txt", f"%2F{foreign}/secret.txt", f"{foreign}%2Fsecret.txt",
                 f"0{foreign}/secret.txt", f"{mine}/%2e%2e/{foreign}/secret.txt", "free/file.txt"):
        for method in ("GET", "PUT", "DELETE"):
            for root in ("/api", "/ajax-api"):
                reply = alice.request(method, f"{root}/2.0/mlflow-artifacts/artifacts/{path}", data=b"x" if method == "PUT" else None)
                assert reply.status in (400, 403, 404), reply
    assert boss.request("GET", f"{FILES}{foreign}/secret.txt").bytes == b"secret"
    for query in ({}, {"path": ""}, {"path": "free"}, {"path": foreign}, {"path": f"{foreign}/"}):
        expect_denied(alice.request("GET", FILES.rstrip("/"), params=query))
    bob = fresh(suite)
    give(suite, bob, EXPERIMENT, mine, "EDIT")
    assert bob.request("PUT", f"{FILES}{mine}/more.txt", data=b"more").status == 200
    expect_denied(bob.request("DELETE", f"{FILES}{mine}/more.txt"))


def test_an_upload_is_refused_before_its_bytes_are_taken(alice, foreign):
    reply = alice.request("PUT", f"{FILES}{foreign}/big", data=iter([b"x" * 65536] * 4))
    expect_denied(reply)


def test_scorers_do_not_ask_endpoints_that_their_makers_may_not_use(suite, boss, alice, mine):
    endpoint = Gateway(boss).endpoint()
    scorer = json.dumps({"name": "j", "instructions_judge_pydantic_data": {"instructions": "{{ outputs }}?", "model": f"gateway:/{endpoint['name']}"}})
    body = {"experiment_id": mine, "name": "j", "serialized_scorer": scorer}
    expect_denied(alice.post("scorers/register", body, root=API_3))
    give(suite, alice, ENDPOINT, endpoint["endpoint_id"], "USE")
    assert alice.post("scorers/register", body, root=API_3).status == 200


def test_endpoints_are_made_of_what_their_makers_may_use(suite, boss, alice):
    theirs, own = Gateway(boss), Gateway(alice)
    secret, definition = theirs.secret()["secret_id"], theirs.model()["model_definition_id"]
    config = {"model_definition_id": definition, "linkage_type": "PRIMARY"}
    mine = own.endpoint()["endpoint_id"]
    model = own.model()["model_definition_id"]
    for reply in (
        own.post("model-definitions/create", name=unique("d"), secret_id=secret, provider="openai", model_name="m"),
        own.post("model-definitions/update", model_definition_id=model, secret_id=secret),
        own.post("endpoints/create", name=unique("e"), model_configs=[own.config(), config]),
        own.post("endpoints/update", endpoint_id=mine, model_configs=[config]),
        own.post("endpoints/models/attach", endpoint_id=mine, model_config=config),
    ):
        expect_denied(reply)
    give(suite, alice, DEFINITION, definition, "USE")
    assert own.post("endpoints/update", endpoint_id=mine, model_configs=[config]).status == 200


def test_who_may_not_use_an_endpoint_does_not_learn_whether_it_is_there(boss, alice):
    endpoint = Gateway(boss).endpoint()["name"]
    for name in (endpoint, "none"):
        expect_denied(alice.request("POST", f"/gateway/{name}/mlflow/invocations", json={"messages": []}))
        expect_denied(alice.request("POST", "/gateway/mlflow/v1/chat/completions", json={"model": name, "messages": []}))


def test_things_that_are_not_there_are_told_as_they_are_to_all(alice):
    expect_error(alice.get("runs/get", {"run_id": "none"}), 404, "RESOURCE_DOES_NOT_EXIST", "Run with id=none not found")
    expect_error(alice.get("logged-models/m-none"), 404, "RESOURCE_DOES_NOT_EXIST")
    expect_error(alice.get("traces/tr-none", root=API_3), 404, "RESOURCE_DOES_NOT_EXIST")
    expect_error(alice.get("experiments/get-by-name", {"experiment_name": "none"}), 404, "RESOURCE_DOES_NOT_EXIST")
    expect_error(alice.get("datasets/d-none", root=API_3), 404, "RESOURCE_DOES_NOT_EXIST")
    expect_invalid(alice.get("gateway/secrets/get", {"secret_name": "x"}, root=API_3))
    expect_denied(alice.get("experiments/get", {"experiment_id": "999999"}))


def test_a_run_without_an_experiment_is_one_of_the_default_experiment(suite, alice):
    expect_denied(alice.post("runs/create", {}))
    give(suite, alice, EXPERIMENT, "0", "EDIT")
    assert alice.post("runs/create", {}).status == 200


def test_refusals_are_put_down(suite, alice, foreign):
    expect_denied(alice.get("experiments/get", {"experiment_id": foreign}))
    lines = [line for line in suite.log_text().splitlines() if "audit=true" in line and alice.name in line]
    assert any('refused="not allowed"' in line and "operation=getExperiment" in line for line in lines), lines


# --- Other defaults, other databases ---


def test_what_all_may_read_by_default_can_be_taken_from_one(servers):
    server = start(servers, "--allow-signup")
    boss, carol = admin(server), fresh(server)
    name = unique("open")
    made = [boss.experiment(f"{name}-{i}") for i in range(5)]
    give_all(server, (carol.name, EXPERIMENT, made[1], "NO_PERMISSIONS"), (carol.name, EXPERIMENT, made[3], "EDIT"))
    carol.get_experiment(made[0])
    expect_denied(carol.get("experiments/get", {"experiment_id": made[1]}))
    expect_denied(carol.post("runs/create", {"experiment_id": made[0]}))
    carol.run(made[3])
    like = {"filter": f"name LIKE '{name}%'", "max_results": 2}
    found = pages(lambda **more: carol.post("experiments/search", {**like, **more}), "experiments")
    assert sizes(found) == [2, 2]
    assert made[1] not in [e["experiment_id"] for page in found for e in page]
    runs = carol.post("runs/search", {"experiment_ids": made}).ok()["runs"]
    assert [run["info"]["experiment_id"] for run in runs] == [made[3]]


def test_users_and_models_may_have_databases_of_their_own(servers, tmp_path_factory):
    directory = tmp_path_factory.mktemp("apart")
    users = directory / "users.db"
    server = start_closed(
        servers, directory, "--registry-store-uri", f"sqlite:///{directory}/registry.db",
        users=f"sqlite:///{users}",
    )
    server.users = users
    boss, dave = admin(server), fresh(server)
    hidden, own = boss.experiment(), dave.experiment()
    expect_denied(dave.get("experiments/get", {"experiment_id": hidden}))
    run, foreign = dave.run(own), boss.run(hidden)
    expect_denied(dave.get("runs/get", {"run_id": foreign}))
    assert dave.get_run(run)["info"]["experiment_id"] == own
    assert ids(dave.post("experiments/search", {"max_results": 5}), "experiments", "experiment_id") == [own]
    assert len(dave.post("runs/search", {"experiment_ids": [hidden, own]}).ok()["runs"]) == 1
    name, theirs = dave.registered_model(), boss.registered_model()
    assert ids(dave.get("registered-models/search"), "registered_models", "name") == [name]
    expect_denied(dave.post("model-versions/create", {"name": name, "source": f"models:/{theirs}/1"}))
    expect_denied(dave.post("model-versions/create", {"name": name, "source": "s3://b/m", "run_id": foreign}))
    dave.model_version(name, run_id=run)
    dave.post("registered-models/rename", {"name": name, "new_name": name + "-new"}).ok()
    dave.delete("registered-models/delete", {"name": name + "-new"}).ok()
    expect_denied(dave.get("registered-models/get", {"name": name + "-new"}))
    expect_unknown(client(server).get("experiments/search"))
