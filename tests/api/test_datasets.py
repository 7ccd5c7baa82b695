import pytest

from support import AJAX, API, expect_error, expect_invalid


def search(api, ids):
    return api.post("experiments/search-datasets", {"experiment_ids": ids}, root=AJAX)


def log(api, run, name, digest, context=None):
    item = {"dataset": {"name": name, "digest": digest, "source_type": "local", "source": "{}"}}
    if context is not None:
        item["tags"] = [{"key": "mlflow.data.context", "value": context}, {"key": "other", "value": "x"}]
    api.post("runs/log-inputs", {"run_id": run, "datasets": [item]}).ok()


def test_summaries_are_distinct_and_ordered(api):
    experiments = [api.experiment() for _ in range(2)]
    for experiment in experiments:
        for _ in range(2):
            run = api.run(experiment)
            log(api, run, "b", "1", "train")
            log(api, run, "a", "2", "test")
            log(api, run, "a", "1")
    expected = []
    for experiment in experiments:
        expected.append({"experiment_id": experiment, "name": "a", "digest": "1"})
        expected.append({"experiment_id": experiment, "name": "a", "digest": "2", "context": "test"})
        expected.append({"experiment_id": experiment, "name": "b", "digest": "1", "context": "train"})
    assert search(api, experiments).ok() == {"dataset_summaries": expected}


def test_one_dataset_with_two_contexts_is_two_rows(api, experiment):
    for context in ("train", "eval"):
        log(api, api.run(experiment), "d", "1", context)
    found = search(api, [experiment]).ok()["dataset_summaries"]
    assert sorted(row["context"] for row in found) == ["eval", "train"]


def test_the_same_dataset_belongs_to_each_experiment_that_uses_it(api):
    for experiment in (api.experiment(), api.experiment()):
        log(api, api.run(experiment), "shared", "same")
        found = search(api, [experiment]).ok()["dataset_summaries"]
        assert found == [{"experiment_id": experiment, "name": "shared", "digest": "same"}]


def test_nothing_found_is_an_empty_object(api, experiment):
    assert search(api, [experiment]).ok() == {}
    assert search(api, ["987654"]).ok() == {}


def test_at_most_1000_rows_come_back(api, experiment):
    run = api.run(experiment)
    items = [
        {"dataset": {"name": f"n{i:04}", "digest": "1", "source_type": "local", "source": "{}"}} for i in range(1005)
    ]
    api.post("runs/log-inputs", {"run_id": run, "datasets": items}).ok()
    found = search(api, [experiment]).ok()["dataset_summaries"]
    assert [row["name"] for row in found] == [f"n{i:04}" for i in range(1000)]


def test_at_least_one_and_at_most_20_experiments_are_asked_for(api):
    none = "SearchDatasets request must specify at least one experiment_id."
    expect_invalid(api.post("experiments/search-datasets", {}, root=AJAX), none)
    expect_invalid(search(api, []), none)
    assert search(api, [str(900000 + i) for i in range(20)]).ok() == {}
    expect_invalid(
        search(api, [str(900000 + i) for i in range(21)]),
        "SearchDatasets request cannot specify more than 20 experiment_ids. Received 21 experiment_ids.",
    )


@pytest.mark.parametrize("text", ["abc", "1.5", ""])
def test_an_id_that_is_no_integer_is_a_client_error(api, text):
    expect_invalid(search(api, [text]))


def test_the_operation_has_no_twin_under_api(api):
    reply = api.post("experiments/search-datasets", {"experiment_ids": ["0"]}, root=API)
    expect_error(reply, 404, "ENDPOINT_NOT_FOUND")
