"""/graphql: what MLflow's web page asks, answered as MLflow 3.8 does; its limits; who sees what."""

import re

import pytest

from auth_support import client, fresh, grant, start, token
from support import expect_error, unique

RUN_FIELDS = """
  info { runName status runUuid experimentId artifactUri endTime lifecycleStage startTime userId __typename }
  experiment { experimentId name tags { key value __typename } artifactLocation lifecycleStage lastUpdateTime __typename }
  modelVersions { status version name source creationTimestamp __typename }
  data {
    metrics { key value step timestamp __typename } params { key value __typename } tags { key value __typename } __typename
  }
  inputs {
    datasetInputs { dataset { digest name profile schema source sourceType __typename } tags { key value __typename } __typename }
    modelInputs { modelId __typename } __typename
  }
  outputs { modelOutputs { modelId step __typename } __typename }
  __typename
"""
GET_RUN = (
    "query GetRun($data: MlflowGetRunInput!) @component(name: \"MLflow.ExperimentRunTracking\") {\n"
    "  mlflowGetRun(input: $data) { apiError { helpUrl code message __typename } run {" + RUN_FIELDS + "} __typename }\n}"
)
SEARCH_RUNS = (
    "query SearchRuns($data: MlflowSearchRunsInput!) @component(name: \"MLflow.ExperimentRunTracking\") {\n"
    "  mlflowSearchRuns(input: $data) { apiError { helpUrl code message __typename } runs {" + RUN_FIELDS + "} __typename }\n}"
)
GET_EXPERIMENT = """query MlflowGetExperimentQuery($input: MlflowGetExperimentInput!) @component(name: "MLflow.ExperimentRunTracking") {
  mlflowGetExperiment(input: $input) {
    apiError { code message __typename }
    experiment { artifactLocation creationTime experimentId lastUpdateTime lifecycleStage name tags { key value __typename } __typename }
    __typename
  }
}"""
INTERVAL = """query GetMetricHistoryBulkInterval($data: MlflowGetMetricHistoryBulkIntervalInput!) @component(name: "X") {
  mlflowGetMetricHistoryBulkInterval(input: $data) {
    metrics { timestamp step runId key value __typename } apiError { code message __typename } __typename
  }
}"""


def send(api, query, variables=None, **more):
    body = {"query": query, **more}
    if variables is not None:
        body["variables"] = variables
    reply = api.request("POST", "/graphql", json=body)
    assert reply.headers["content-type"] == "application/json"
    answer = reply.json
    assert set(answer) == {"data", "errors"}, reply
    assert answer["errors"] is None or all(isinstance(text, str) for text in answer["errors"]), reply
    return reply


def ask(api, query, variables=None, **more):
    """The data of an answer without errors."""
    answer = send(api, query, variables, **more).ok()
    assert answer["errors"] is None, answer
    return answer["data"]


def refused(api, query, variables=None, **more):
    """The errors of an answer that has nothing else."""
    answer = send(api, query, variables, **more).ok()
    assert answer["data"] is None, answer
    return answer["errors"]


def typed(name, /, **fields):
    return {"__typename": name, **fields}


def pair(name, key, value):
    return typed(name, key=key, value=value)


# --- What the web page sends ---


@pytest.fixture
def full_run(api):
    """(experiment id, run id) of a run with something of everything."""
    experiment = api.experiment(unique("graph"), tags=[{"key": "team", "value": "blue"}])
    run = api.run(experiment, run_name="first", user_id="ann", start_time=1000, tags=[{"key": "t", "value": "1"}])
    api.post("runs/log-batch", {
        "run_id": run,
        "metrics": [{"key": "loss", "value": 0.5, "timestamp": 7, "step": 9007199254740993}, {"key": "nan", "value": "NaN", "timestamp": 1}],
        "params": [{"key": "lr", "value": "0.1"}],
    }).ok()
    dataset = {"name": "d", "digest": "abc", "source_type": "local", "source": "{}"}
    model = api.model(experiment)
    api.post("runs/log-inputs", {
        "run_id": run, "models": [{"model_id": model}],
        "datasets": [{"dataset": dataset, "tags": [{"key": "mlflow.data.context", "value": "train"}]}],
    }).ok()
    api.post("runs/outputs", {"run_id": run, "models": [{"model_id": model, "step": 3}]}).ok()
    name = api.registered_model()
    api.model_version(name, "s3://bucket/one", run_id=run)
    return {"experiment": experiment, "run": run, "model": model, "name": name}


def expected_run(api, made):
    experiment = api.get_experiment(made["experiment"])
    info = api.get_run(made["run"])["info"]
    version = api.get_model_version(made["name"], 1)
    return typed(
        "MlflowRunExtension",
        info=typed(
            "MlflowRunInfo", runName="first", status="RUNNING", runUuid=made["run"], experimentId=made["experiment"],
            artifactUri=info["artifact_uri"], endTime="0", lifecycleStage="active", startTime="1000", userId="ann",
        ),
        experiment=typed(
            "MlflowExperiment", experimentId=made["experiment"], name=experiment["name"], lifecycleStage="active",
            tags=[pair("MlflowExperimentTag", "team", "blue")], artifactLocation=experiment["artifact_location"],
            lastUpdateTime=str(experiment["last_update_time"]),
        ),
        modelVersions=[typed(
            "MlflowModelVersion", status="READY", version="1", name=made["name"], source="s3://bucket/one",
            creationTimestamp=str(version["creation_timestamp"]),
        )],
        data=typed(
            "MlflowRunData",
            metrics=[
                typed("MlflowMetricExtension", key="loss", value=0.5, step="9007199254740993", timestamp="7"),
                typed("MlflowMetricExtension", key="nan", value=None, step="0", timestamp="1"),
            ],
            params=[pair("MlflowParam", "lr", "0.1")],
            tags=[pair("MlflowRunTag", "mlflow.runName", "first"), pair("MlflowRunTag", "t", "1")],
        ),
        inputs=typed(
            "MlflowRunInputs",
            datasetInputs=[typed(
                "MlflowDatasetInput", tags=[pair("MlflowInputTag", "mlflow.data.context", "train")],
                dataset=typed("MlflowDataset", digest="abc", name="d", profile="", schema="", source="{}", sourceType="local"),
            )],
            modelInputs=[typed("MlflowModelInput", modelId=made["model"])],
        ),
        outputs=typed("MlflowRunOutputs", modelOutputs=[typed("MlflowModelOutput", modelId=made["model"], step="3")]),
    )


def in_order(run):
    """Tags, params and metrics come in any order."""
    for items in run["data"].values():
        if isinstance(items, list):
            items.sort(key=lambda item: item["key"])
    return run


def test_a_run_as_the_page_asks_for_it(api, full_run):
    data = ask(api, GET_RUN, {"data": {"runId": full_run["run"]}}, operationName="GetRun")
    in_order(data["mlflowGetRun"]["run"])
    assert data == {"mlflowGetRun": typed("MlflowGetRunResponse", apiError=None, run=expected_run(api, full_run))}


def test_runs_as_the_page_searches_them(api, full_run):
    variables = {"data": {"filter": f'attributes.run_id = "{full_run["run"]}"', "experimentIds": [full_run["experiment"]]}}
    data = ask(api, SEARCH_RUNS, variables, operationName="SearchRuns")
    in_order(data["mlflowSearchRuns"]["runs"][0])
    assert data == {"mlflowSearchRuns": typed("MlflowSearchRunsResponse", apiError=None, runs=[expected_run(api, full_run)])}


def test_an_experiment_as_the_page_asks_for_it(api, full_run):
    experiment = api.get_experiment(full_run["experiment"])
    assert ask(api, GET_EXPERIMENT, {"input": {"experimentId": full_run["experiment"]}}) == {
        "mlflowGetExperiment": typed("MlflowGetExperimentResponse", apiError=None, experiment=typed(
            "MlflowExperiment", artifactLocation=experiment["artifact_location"], creationTime=str(experiment["creation_time"]),
            experimentId=full_run["experiment"], lastUpdateTime=str(experiment["last_update_time"]), lifecycleStage="active",
            name=experiment["name"], tags=[pair("MlflowExperimentTag", "team", "blue")],
        ))
    }


def test_histories_of_metrics_are_sampled_by_the_variables(api, experiment):
    one, other = api.run(experiment), api.run(experiment)
    for step in range(10):
        api.metric(one, "m", step / 2, timestamp=step, step=step)
    api.metric(other, "m", "NaN", timestamp=5, step=4)

    def points(**data):
        found = ask(api, INTERVAL, {"data": {"runIds": [one, other], "metricKey": "m", **data}})["mlflowGetMetricHistoryBulkInterval"]
        assert (found["__typename"], found["apiError"]) == ("MlflowGetMetricHistoryBulkIntervalResponse", None)
        assert {point["__typename"] for point in found["metrics"]} <= {"MlflowMetricWithRunId"}
        return [(point["runId"], point["step"], point["timestamp"], point["value"]) for point in found["metrics"] if point["key"] == "m"]

    whole = [(one, str(step), str(step), step / 2) for step in range(10)] + [(other, "4", "5", None)]
    assert points(startStep=None, endStep=None, maxResults=320) == whole
    assert points() == whole
    assert points(startStep=2, endStep=4) == [(one, "2", "2", 1.0), (one, "3", "3", 1.5), (one, "4", "4", 2.0), (other, "4", "5", None)]
    few = points(maxResults=3)
    assert [step for run, step, _, _ in few if run == one] == ["0", "3", "4", "6", "9"]
    assert (other, "4", "5", None) in few


@pytest.mark.parametrize("data, message", [
    ({"runIds": ["r"], "metricKey": "m", "startStep": 1}, "If either start step or end step are specified, both must be specified."),
    ({"runIds": ["r"], "metricKey": "m", "startStep": 5, "endStep": 1}, "end_step must be greater than start_step. Found start_step=5 and end_step=1."),
    ({"runIds": ["r"], "metricKey": "m", "maxResults": 2501}, re.compile("max_results must be between 1 and 2500.")),
    ({"runIds": ["r"], "metricKey": "m", "maxResults": -1}, re.compile("max_results must be between 1 and 2500.")),
    ({"runIds": ["r"] * 101, "metricKey": "m"}, re.compile("must specify at most 100 run_ids. Received 101 run_ids.")),
    ({"metricKey": "m"}, re.compile("Missing value for required parameter 'run_ids'.")),
    ({"runIds": ["r"]}, re.compile("Missing value for required parameter 'metric_key'.")),
])
def test_histories_that_cannot_be_are_refused(api, data, message):
    answer = send(api, INTERVAL, {"data": data}).ok()
    assert answer["data"] == {"mlflowGetMetricHistoryBulkInterval": None}
    assert len(answer["errors"]) == 1
    assert message.search(answer["errors"][0]) if isinstance(message, re.Pattern) else answer["errors"] == [message]


# --- The other fields ---


def test_the_echoes_answer(api):
    assert ask(api, '{test(inputString: "\\u00fc\\"") {output __typename}}') == {"test": typed("Test", output='ü"')}
    assert ask(api, 'mutation {testMutation(inputString: "x") {output __typename}}') == {"testMutation": typed("TestMutation", output="x")}
    assert ask(api, '{test(inputString: """\n    one\n      two\n    """) {output}}') == {"test": {"output": "one\n  two"}}


def test_model_versions_are_found_with_what_they_have(api):
    name = api.registered_model()
    for number in range(3):
        api.model_version(name, f"s3://bucket/{number}", description="d" if number else None, tags=[{"key": "k", "value": str(number)}])
    query = """query($input: MlflowSearchModelVersionsInput) { mlflowSearchModelVersions(input: $input) {
      modelVersions { name version creationTimestamp lastUpdatedTimestamp userId currentStage description source runId status
        statusMessage tags {key value __typename} runLink aliases modelId modelParams {name value} modelMetrics {key value step}
        deploymentJobState {jobId runId jobState runState currentTaskName __typename} __typename }
      nextPageToken apiError {code} __typename } }"""
    given = {"filter": f"name = '{name}'", "maxResults": "2", "orderBy": ["version_number ASC"]}
    page = ask(api, query, {"input": given})["mlflowSearchModelVersions"]
    stored = api.get_model_version(name, 1)
    assert (page["__typename"], page["apiError"]) == ("MlflowSearchModelVersionsResponse", None)
    assert page["modelVersions"][0] == typed(
        "MlflowModelVersion", name=name, version="1", creationTimestamp=str(stored["creation_timestamp"]),
        lastUpdatedTimestamp=str(stored["last_updated_timestamp"]), userId="", currentStage="None", description="", source="s3://bucket/0",
        runId="", status="READY", statusMessage="", tags=[pair("MlflowModelVersionTag", "k", "0")], runLink="", aliases=[], modelId="",
        modelParams=[], modelMetrics=[],
        deploymentJobState=typed(
            "MlflowModelVersionDeploymentJobState", jobId="", runId="", currentTaskName="",
            jobState="DEPLOYMENT_JOB_CONNECTION_STATE_UNSPECIFIED", runState="DEPLOYMENT_JOB_RUN_STATE_UNSPECIFIED",
        ),
    )
    assert [version["version"] for version in page["modelVersions"]] == ["1", "2"]
    given["pageToken"] = page["nextPageToken"]
    rest = ask(api, query, {"input": {**given, "maxResults": 2}})["mlflowSearchModelVersions"]
    assert ([version["description"] for version in rest["modelVersions"]], rest["nextPageToken"]) == (["d"], "")


def test_artifacts_are_listed(api, run):
    for path in ("a.txt", "folder/b.bin"):
        assert 200 == api.request("POST", "/ajax-api/2.0/mlflow/upload-artifact", params={"run_uuid": run, "path": path}, data=b"12345").status
    query = "query($data: MlflowListArtifactsInput!) {mlflowListArtifacts(input: $data) {rootUri nextPageToken files {path isDir fileSize __typename} __typename}}"

    def files(**more):
        found = ask(api, query, {"data": {"runId": run, **more}})["mlflowListArtifacts"]
        assert found["rootUri"] == api.get_run(run)["info"]["artifact_uri"]
        return [(file["path"], file["isDir"], file["fileSize"]) for file in found["files"]]

    assert sorted(files()) == [("a.txt", False, "5"), ("folder", True, "0")]
    assert files(path="folder") == [("folder/b.bin", False, "5")]
    both = ask(api, "query($r: String) {a: mlflowListArtifacts(input: {runUuid: $r, path: \"none\"}) {files {path}} "
                    "b: mlflowGetRun(input: {runId: $r}) {run {info {runId}}}}", {"r": run})
    assert both == {"a": {"files": []}, "b": {"run": {"info": {"runId": run}}}}
    answer = send(api, query, {"data": {"runId": run, "path": "../x"}}).ok()
    assert (answer["data"], answer["errors"]) == ({"mlflowListArtifacts": None}, ["Invalid path"])


@pytest.mark.parametrize("operation", ("query", "mutation"))
def test_runs_are_searched_by_view_order_and_page(api, experiment, operation):
    kept = [api.run(experiment, start_time=number) for number in range(3)]
    gone = api.run(experiment)
    api.post("runs/delete", {"run_id": gone}).ok()
    query = operation + "($input: MlflowSearchRunsInput!) {mlflowSearchRuns(input: $input) {runs {info {runId lifecycleStage}} nextPageToken}}"

    def found(**more):
        return ask(api, query, {"input": {"experimentIds": [experiment], **more}})["mlflowSearchRuns"]

    def ids(page):
        return [run["info"]["runId"] for run in page["runs"]]

    assert sorted(ids(found())) == sorted(kept)
    assert found(runViewType="DELETED_ONLY")["runs"] == [{"info": {"runId": gone, "lifecycleStage": "deleted"}}]
    assert sorted(ids(found(runViewType="ALL"))) == sorted([*kept, gone])
    page = found(orderBy=["attributes.start_time ASC"], maxResults=2)
    assert ids(page) == kept[:2]
    page = found(orderBy=["attributes.start_time ASC"], maxResults=2, pageToken=page["nextPageToken"])
    assert (ids(page), page["nextPageToken"]) == (kept[2:], "")
    assert found(filter="params.none = '1'") == {"runs": [], "nextPageToken": ""}


def test_datasets_are_found(api, full_run):
    query = "mutation($data: MlflowSearchDatasetsInput!) {mlflowSearchDatasets(input: $data) {datasetSummaries {experimentId name digest context __typename} __typename}}"
    assert ask(api, query, {"data": {"experimentIds": [full_run["experiment"]]}}) == {
        "mlflowSearchDatasets": typed("MlflowSearchDatasetsResponse", datasetSummaries=[
            typed("MlflowDatasetSummary", experimentId=full_run["experiment"], name="d", digest="abc", context="train")
        ])
    }
    answer = send(api, query, {"data": {}}).ok()
    assert answer == {"data": {"mlflowSearchDatasets": None}, "errors": ["SearchDatasets request must specify at least one experiment_id."]}


# --- Failures ---


def test_a_field_that_fails_is_null_and_the_others_are_answered(api, run):
    query = """query($run: String) {
      one: mlflowGetRun(input: {runId: "nope"}) {run {info {runId}}}
      two: mlflowGetExperiment(input: {experimentId: "99999"}) {experiment {name}}
      three: mlflowSearchRuns(input: {experimentIds: ["0"], filter: "bad ="}) {runs {info {runId}}}
      four: mlflowGetRun(input: {runId: $run}) {run {info {runId}}}
    }"""
    answer = send(api, query, {"run": run}).ok()
    assert answer["data"] == {"one": None, "two": None, "three": None, "four": {"run": {"info": {"runId": run}}}}
    assert answer["errors"][:2] == ["Run with id=nope not found", "No Experiment with id=99999 exists"]
    assert len(answer["errors"]) == 3


@pytest.mark.parametrize("body, message", [
    ({}, "Must provide query string."),
    ({"query": None}, "Must provide query string."),
    ({"query": ""}, "Must provide query string."),
    ({"query": "{"}, "Syntax Error: Expected Name, found <EOF>. (line 1, column 2)"),
    ({"query": "{test{output}} type"}, "Syntax Error: Unexpected Name 'type'. (line 1, column 16)"),
])
def test_what_is_no_query_is_refused_in_the_same_form(api, body, message):
    reply = api.request("POST", "/graphql", json=body)
    assert (reply.status, reply.json) == (400, {"data": None, "errors": [message]})


def test_bodies_that_are_no_json_are_refused(api):
    expect_error(api.request("POST", "/graphql", data=b"query={test}", headers={"Content-Type": "text/plain"}), 400, "INVALID_PARAMETER_VALUE")
    expect_error(api.request("POST", "/graphql", data=b"{", headers={"Content-Type": "application/json"}), 400, "INVALID_PARAMETER_VALUE")
    expect_error(api.request("POST", "/graphql", json={"query": 5}), 400, "INVALID_PARAMETER_VALUE")


def test_get_answers_a_body_and_a_query_string(api):
    assert api.request("GET", "/graphql", json={"query": '{test(inputString: "b") {output}}'}).ok()["data"] == {"test": {"output": "b"}}
    assert api.request("GET", "/graphql", params={"query": '{test(inputString: "q") {output}}'}).ok()["data"] == {"test": {"output": "q"}}
    assert api.request("GET", "/graphql").status == 400


@pytest.mark.parametrize("query, message", [
    ("{bogus}", "Cannot query field 'bogus' on type 'Query'."),
    ("{test(inputString: 5) {output}}", "String cannot represent a non string value: 5"),
    ("query A {test {output}} query B {test {output}}", "Must provide operation name if query contains multiple operations."),
    ("{test}", "Field 'test' of type 'Test' must have a selection of subfields. Did you mean 'test { ... }'?"),
    ("{...F} fragment F on Query {test {output}} fragment G on Query {test {output}}", "Fragment 'G' is never used."),
])
def test_documents_that_do_not_fit_the_schema_are_told_why(api, query, message):
    assert refused(api, query) == [message]


@pytest.mark.parametrize("variables, message", [
    (None, "Variable '$data' of required type 'MlflowGetRunInput!' was not provided."),
    ({"data": None}, "Variable '$data' got invalid value null; Expected non-nullable type 'MlflowGetRunInput!' not to be None."),
    ({"data": {"runId": 5}}, "Variable '$data' got invalid value {\"runId\":5} at 'data.runId'; String cannot represent a non string value: 5"),
    ({"data": {"run_id": "x"}}, "Variable '$data' got invalid value {\"run_id\":\"x\"}; Field 'run_id' is not defined by type 'MlflowGetRunInput'."),
    ([], "Variables must be provided as an object."),
])
def test_variables_of_other_types_are_refused(api, variables, message):
    assert refused(api, "query($data: MlflowGetRunInput!) {mlflowGetRun(input: $data) {run {info {runId}}}}", variables) == [message]


@pytest.mark.parametrize("field", ("__schema {types {name}}", '__type(name: "Query") {name}'))
def test_introspection_is_refused_in_a_clear_sentence(api, field):
    (message,) = refused(api, "{" + field + "}")
    assert message.startswith("Introspection is off")


# --- Limits ---


def roots(count, field="test"):
    return "\n".join(f"a{number}: {field} {{output}}" for number in range(count))


def test_the_number_of_root_fields_is_limited(api):
    many = "GraphQL queries should have at most 10 root fields, got 11 root fields. To increase the limit, set the MLFLOW_SERVER_GRAPHQL_MAX_ROOT_FIELDS environment variable."
    assert set(ask(api, "{" + roots(10) + "}")) == {f"a{number}" for number in range(10)}
    assert refused(api, "{" + "test {output}\n" * 11 + "}") == [many]
    assert refused(api, "{...F test {output}} fragment F on Query {" + roots(10) + "}") == [many]


def test_the_number_of_aliases_is_limited(api):
    few = "{mlflowGetRun(input: {runId: \"x\"}) {run {info {%s}}}}"
    many = "GraphQL queries should have at most 10 aliases, got 11 aliases. To increase the limit, set the MLFLOW_SERVER_GRAPHQL_MAX_ALIASES environment variable."
    names = [f"a{number}: runId" for number in range(11)]
    assert send(api, few % " ".join(names[:10])).ok()["errors"] == ["Run with id=x not found"]
    assert refused(api, few % " ".join(names)) == [many]


def test_depth_and_the_number_of_selections_are_limited(api):
    deep = "Query exceeds maximum depth of 10"
    assert refused(api, "{a" * 10 + "{a" + "}" * 11) == [deep]
    assert refused(api, "{a" * 6 + "{...F}" + "}" * 6 + " fragment F on Query " + "{a" * 5 + "}" * 5) == [deep]
    assert refused(api, "{test {" + "output " * 1000 + "}}") == ["Query exceeds maximum total selections of 1000"]
    doubling = "{...F0} " + " ".join(f"fragment F{n} on Query {{...F{n + 1} ...F{n + 1}}}" for n in range(40)) + " fragment F40 on Query {test {output}}"
    assert refused(api, doubling) == ["Query exceeds maximum total selections of 1000"]


def test_the_limits_can_be_set(servers):
    limits = {"MLFLOW_SERVER_GRAPHQL_MAX_ROOT_FIELDS": "2", "MLFLOW_SERVER_GRAPHQL_MAX_ALIASES": "20"}
    api = servers(environment=limits).api
    assert "at most 2 root fields, got 3 root fields" in refused(api, "{" + roots(3) + "}")[0]
    found = ask(api, '{test(inputString: "x") {%s}}' % " ".join(f"a{number}: output" for number in range(20)))
    assert len(found["test"]) == 20


def test_the_static_prefix_counts(servers):
    api = servers("--static-prefix", "/pre", health="/pre/health").api
    assert api.request("POST", "/pre/graphql", json={"query": "{test {output}}"}).ok()["data"] == {"test": {"output": None}}
    assert api.request("POST", "/graphql", json={"query": "{test {output}}"}).status == 404


def test_models_come_from_their_own_database(servers):
    server = servers("--registry-store-uri", "sqlite:///registry.db")
    api = server.api
    run = api.run(api.experiment())
    api.model_version(api.registered_model("apart"), run_id=run)
    found = ask(api, "query($d: MlflowGetRunInput!) {mlflowGetRun(input: $d) {run {experiment {name} modelVersions {name}}} "
                     "mlflowListArtifacts(input: $d2) {files {path}} mlflowSearchModelVersions(input: {}) {modelVersions {name}}}"
                     .replace("mlflowListArtifacts(input: $d2)", 'mlflowListArtifacts(input: {runId: "%s"})' % run), {"d": {"runId": run}})
    assert found["mlflowGetRun"]["run"]["modelVersions"] == [{"name": "apart"}]
    assert found["mlflowListArtifacts"] == {"files": []}
    assert found["mlflowSearchModelVersions"] == {"modelVersions": [{"name": "apart"}]}


# --- Who sees what ---

CLOSED = "[mlflow]\ndefault_permission = NO_PERMISSIONS\n"


@pytest.fixture(scope="module")
def closed(closed_suite):
    return closed_suite


EVERYTHING = """query($e: String, $r: String, $rs: [String], $es: [String]) {
  experiment: mlflowGetExperiment(input: {experimentId: $e}) {experiment {experimentId}}
  run: mlflowGetRun(input: {runId: $r}) {run {info {runId} experiment {experimentId} modelVersions {name}}}
  files: mlflowListArtifacts(input: {runId: $r}) {files {path}}
  points: mlflowGetMetricHistoryBulkInterval(input: {runIds: $rs, metricKey: "m"}) {metrics {value}}
  runs: mlflowSearchRuns(input: {experimentIds: $es}) {runs {info {runId} modelVersions {name}}}
  versions: mlflowSearchModelVersions(input: {}) {modelVersions {name}}
}"""
DATASETS = "mutation($es: [String]) {mlflowSearchDatasets(input: {experimentIds: $es}) {datasetSummaries {name}}}"


def variables_of(experiment, run):
    return {"e": experiment, "r": run, "rs": [run], "es": [experiment]}


@pytest.fixture(scope="module")
def owned(closed):
    """An owner and what is his."""
    owner = fresh(closed)
    experiment = owner.experiment()
    run = owner.run(experiment)
    owner.metric(run, "m", 1)
    name = owner.registered_model()
    owner.model_version(name, run_id=run)
    return owner, experiment, run, name


def test_who_may_not_read_gets_nulls_without_a_word(closed, owned):
    _, experiment, run, _ = owned
    stranger = fresh(closed)
    nothing = {"experiment": None, "run": None, "files": None, "points": None, "runs": None, "versions": {"modelVersions": []}}
    assert ask(stranger, EVERYTHING, variables_of(experiment, run)) == nothing
    assert ask(stranger, DATASETS, {"es": [experiment]}) == {"mlflowSearchDatasets": None}
    unknown = ask(stranger, EVERYTHING, variables_of("99999", "0" * 32))
    assert unknown == nothing


def test_who_may_read_gets_all_and_models_need_rights_of_their_own(closed, owned):
    owner, experiment, run, name = owned
    versions = [{"name": name}]

    def expected(shown):
        return {
            "experiment": {"experiment": {"experimentId": experiment}},
            "run": {"run": {"info": {"runId": run}, "experiment": {"experimentId": experiment}, "modelVersions": shown}},
            "files": {"files": []},
            "points": {"metrics": [{"value": 1.0}]},
            "runs": {"runs": [{"info": {"runId": run}, "modelVersions": shown}]},
            "versions": {"modelVersions": shown},
        }

    assert ask(owner, EVERYTHING, variables_of(experiment, run)) == expected(versions)
    reader = fresh(closed)
    grant(closed, reader.name, experiment, "READ")
    assert ask(reader, EVERYTHING, variables_of(experiment, run)) == expected([])
    assert ask(reader, DATASETS, {"es": [experiment]}) == {"mlflowSearchDatasets": {"datasetSummaries": []}}


def test_a_chart_of_runs_needs_rights_on_every_run(closed, owned):
    _, experiment, run, _ = owned
    other = fresh(closed)
    own = other.run(other.experiment())
    other.metric(own, "m", 2)
    query = "query($rs: [String]) {mlflowGetMetricHistoryBulkInterval(input: {runIds: $rs, metricKey: \"m\"}) {metrics {value}}}"
    assert ask(other, query, {"rs": [own]}) == {"mlflowGetMetricHistoryBulkInterval": {"metrics": [{"value": 2.0}]}}
    assert ask(other, query, {"rs": [own, run]}) == {"mlflowGetMetricHistoryBulkInterval": None}


def test_searches_keep_what_may_be_read(closed, owned):
    _, experiment, run, _ = owned
    other = fresh(closed)
    mine = other.experiment()
    own = other.run(mine)
    query = "query($es: [String]) {mlflowSearchRuns(input: {experimentIds: $es}) {runs {info {runId}}}}"
    assert ask(other, query, {"es": [experiment, mine]}) == {"mlflowSearchRuns": {"runs": [{"info": {"runId": own}}]}}
    assert ask(other, query, {"es": [experiment]}) == {"mlflowSearchRuns": None}


def test_nobody_is_answered_without_credentials(closed):
    assert client(closed).request("POST", "/graphql", json={"query": "{test {output}}"}).status == 401


def test_a_token_for_reading_is_enough(closed, owned):
    owner, experiment, _, _ = owned
    reader = client(closed, token=token(closed, owner.name, "--scope", "read"))
    assert ask(reader, DATASETS, {"es": [experiment]}) == {"mlflowSearchDatasets": {"datasetSummaries": []}}


def test_the_switch_turns_the_rights_off(servers, tmp_path):
    path = tmp_path / "auth.ini"
    path.write_text(CLOSED)
    open_suite = start(servers, environment={"MLFLOW_AUTH_CONFIG_PATH": str(path), "MLFLOW_SERVER_ENABLE_GRAPHQL_AUTH": "false"})
    owner = fresh(open_suite)
    experiment = owner.experiment()
    run = owner.run(experiment)
    found = ask(fresh(open_suite), EVERYTHING, variables_of(experiment, run))
    assert found["run"]["run"]["info"] == {"runId": run}
    assert found["runs"] == {"runs": [{"info": {"runId": run}, "modelVersions": []}]}
