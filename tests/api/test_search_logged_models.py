import base64
import json
import math
import re
import time

import pytest

from support import AJAX, expect_invalid, in_threads, invalid, missing, pairs

READY, PENDING, FAILED = "LOGGED_MODEL_READY", "LOGGED_MODEL_PENDING", "LOGGED_MODEL_UPLOAD_FAILED"
NAN = float("nan")

# name, experiment, status, model type, params, tags, metrics: (key, timestamp, step, value, dataset name, digest)
MODELS = [
    ("alpha", 0, READY, "agent", {"lr": "0.1", "opt": "adam"}, {"team": "red"}, [("acc", 1, 1, 0.5, "train", "d1"), ("acc", 2, 0, 0.9, "test", "d2")]),
    ("Beta", 0, PENDING, "Agent", {"lr": "0.01"}, {}, [("acc", 1, 1, 0.7, None, None)]),
    ("gamma_1", 0, FAILED, "", {"lr": "0.1"}, {"team": "Blue", "a b": "x"}, []),
    ("gamma-1", 1, READY, "tree", {}, {"team": "blue"}, [("acc", 5, 5, NAN, "train", "d1")]),
    ("fifty", 1, READY, "", {"opt": "ADAM"}, {}, [("acc", 5, 1, 0.2, "train", "d3"), ("acc", 4, 9, 0.95, "train", "d1"), ("loss", 0, 0, 3.0, "test", "d2")]),
    ("it`s", 1, PENDING, "", {}, {"team": "red"}, [("loss", 0, 0, -1.5, None, None)]),
    ("Üml", 1, READY, "agent", {"lr": "10"}, {}, [("acc", 0, 0, 0.5, None, None), ("acc", 1, 0, 0.0, None, None)]),
    ("zeta", 0, READY, "x", {"lr": "9"}, {}, [("acc", 9, 9, 0.5, "train", "d1"), ("a.b", 0, 0, 1.0, None, None)]),
]


class Some:
    """The models above, and what a search finds among them, by name."""

    def __init__(self, api):
        self.api = api
        self.experiments = [api.experiment(), api.experiment()]
        self.made = {}
        for name, place, status, model_type, params, tags, metrics in MODELS:
            experiment = self.experiments[place]
            run = api.run(experiment)
            kv = lambda items: [{"key": k, "value": v} for k, v in items.items()]
            more = {"model_type": model_type, "params": kv(params), "tags": kv(tags), "source_run_id": run}
            model = api.model(experiment, name=name, **more)
            for key, timestamp, step, value, dataset, digest in metrics:
                fields = {"dataset_name": dataset, "dataset_digest": digest} if dataset else {}
                value = "NaN" if math.isnan(value) else value
                api.metric(run, key, value, timestamp=timestamp, step=step, model_id=model, **fields)
            if status != PENDING:
                api.patch(f"logged-models/{model}", {"model_id": model, "status": status}).ok()
            time.sleep(0.002)
            self.made[name] = api.get_model(model)
        gone = api.model(self.experiments[0], name="gone", params=[{"key": "lr", "value": "0.1"}])
        api.request("DELETE", f"/api/2.0/mlflow/logged-models/{gone}").ok()

    def search(self, filter=None, **more):
        body = {"experiment_ids": self.experiments, **more}
        if filter is not None:
            body["filter"] = filter
        return self.api.post("logged-models/search", body)

    def names(self, filter=None, **more):
        return [m["info"]["name"] for m in self.search(filter, **more).ok().get("models", [])]

    def agree(self, filter, predicate, **more):
        """The filter finds exactly what the predicate does, newest first."""
        expected = [name for name, model in reversed(self.made.items()) if predicate(model)]
        assert self.names(filter, **more) == expected, filter

    def sorted(self, *keys):
        """Names by functions of a model, which give None for what is absent and comes last."""
        found = list(reversed(self.made.items()))
        for key, descending in reversed(keys):
            there = [item for item in found if key(item[1]) is not None]
            there.sort(key=lambda item: key(item[1]), reverse=descending)
            found = there + [item for item in found if key(item[1]) is None]
        return [name for name, _ in found]


@pytest.fixture(scope="module")
def some(server):
    return Some(server.api.clone())


def info(model):
    return model["info"]


def params(model):
    return pairs(model["data"].get("params"))


def tags(model):
    return pairs(model["info"].get("tags"))


def values(model, key, datasets=None):
    """Every value of a metric, on one of the datasets (name, digest or None) if some are given."""
    return [m["value"] for m in model["data"].get("metrics", []) if m["key"] == key and is_on(m, datasets)]


def is_on(metric, datasets):
    if datasets is None:
        return True
    place = (metric.get("dataset_name"), metric.get("dataset_digest"))
    return any(place[0] == name and digest in (None, place[1]) for name, digest in datasets)


def newest(model, key, datasets=None):
    """The value with the greatest timestamp, then step; None if there is none."""
    found = [m for m in model["data"].get("metrics", []) if m["key"] == key and is_on(m, datasets)]
    return max(found, key=lambda m: (m["timestamp"], m["step"]))["value"] if found else None


# --- filter ---


def test_without_a_filter_everything_is_found_newest_first(some):
    some.agree(None, lambda m: True)
    some.agree("", lambda m: True)
    found = some.search().ok()["models"]
    assert found == list(reversed(some.made.values()))
    assert some.api.post("logged-models/search", {"experiment_ids": some.experiments}, root=AJAX).ok()["models"] == found


def test_only_the_models_of_the_experiments_are_found(some):
    for i, experiment in enumerate(some.experiments):
        expected = [m[0] for m in reversed(MODELS) if m[1] == i]
        assert some.names(experiment_ids=[experiment]) == expected
        assert some.names(experiment_ids=[experiment, experiment, "987654321"]) == expected
        assert some.names(experiment_ids=experiment) == expected
        assert some.names(f"experiment_id = {experiment}") == expected
        assert some.names(f"experiment_id = '{experiment}'") == expected
        assert some.names(f"experiment_id NOT IN ('{experiment}')") == [m[0] for m in reversed(MODELS) if m[1] != i]


def test_text_comparators_find_what_they_say(some):
    for key, get in (("name", lambda m: info(m)["name"]), ("model_type", lambda m: info(m)["model_type"])):
        for prefix in ("", "attributes."):
            for value in ("alpha", "Beta", "agent", "", "none"):
                some.agree(f"{prefix}{key} = '{value}'", lambda m: get(m) == value)
                some.agree(f"{prefix}{key} != '{value}'", lambda m: get(m) != value)
                some.agree(f'{prefix}{key} IN ("{value}", \'zeta\', \'x\')', lambda m: get(m) in (value, "zeta", "x"))
                some.agree(f"{prefix}{key} NOT IN ('{value}')", lambda m: get(m) != value)
    some.agree("name LIKE 'gamma_1'", lambda m: info(m)["name"].startswith("gamma"))
    some.agree("name LIKE '%a'", lambda m: info(m)["name"].endswith("a"))
    some.agree("name LIKE 'B%'", lambda m: info(m)["name"] == "Beta")
    some.agree("name LIKE 'b%'", lambda m: False)
    some.agree("name ILIKE 'b%'", lambda m: info(m)["name"] == "Beta")
    some.agree("model_type ILIKE 'AGENT'", lambda m: info(m)["model_type"].lower() == "agent")
    some.agree('name = "alpha"', lambda m: info(m)["name"] == "alpha")
    some.agree("attributes.`name` = 'alpha'", lambda m: info(m)["name"] == "alpha")


def test_ids_and_places_find_their_model(some):
    for name, model in some.made.items():
        for key, value in (("model_id", info(model)["model_id"]), ("source_run_id", info(model)["source_run_id"]), ("artifact_location", info(model)["artifact_uri"])):
            assert some.names(f"{key} = '{value}'") == [name]
            assert some.names(f"{key} IN ('{value}')") == [name]


@pytest.mark.parametrize(
    "status, spellings",
    [
        (READY, ("2", "'2'", "'READY'", "'LOGGED_MODEL_READY'")),
        (PENDING, ("1", "'PENDING'", "'LOGGED_MODEL_PENDING'")),
        (FAILED, ("3", "'FAILED'", "'UPLOAD_FAILED'", "'LOGGED_MODEL_UPLOAD_FAILED'")),
    ],
)
def test_a_status_has_several_spellings(some, status, spellings):
    for spelling in spellings:
        some.agree(f"status = {spelling}", lambda m: info(m)["status"] == status)
        some.agree(f"status != {spelling}", lambda m: info(m)["status"] != status)
    some.agree(f"status IN ({spellings[-1]}, 'x')", lambda m: info(m)["status"] == status)
    some.agree(f"status NOT IN ({spellings[-1]})", lambda m: info(m)["status"] != status)
    some.agree("status LIKE '%EA%'", lambda m: info(m)["status"] == READY)
    some.agree("status ILIKE 'ready'", lambda m: info(m)["status"] == READY)
    some.agree("status = 'x'", lambda m: False)


def test_the_lifecycle_is_always_active(some):
    some.agree("lifecycle_stage = 'active'", lambda m: True)
    some.agree("lifecycle_stage != 'active'", lambda m: False)
    some.agree("lifecycle_stage IN ('deleted')", lambda m: False)
    some.agree("status_message = 'x'", lambda m: False)


@pytest.mark.parametrize(
    "key, field",
    [
        ("creation_time", "creation_timestamp_ms"),
        ("creation_timestamp", "creation_timestamp_ms"),
        ("creation_timestamp_ms", "creation_timestamp_ms"),
        ("last_updated_timestamp", "last_updated_timestamp_ms"),
        ("attributes.last_updated_timestamp_ms", "last_updated_timestamp_ms"),
    ],
)
def test_time_comparators_find_what_they_say(some, key, field):
    middle = info(some.made["gamma-1"])[field]
    for op, test in (
        ("=", lambda v: v == middle),
        ("!=", lambda v: v != middle),
        ("<", lambda v: v < middle),
        ("<=", lambda v: v <= middle),
        (">", lambda v: v > middle),
        (">=", lambda v: v >= middle),
    ):
        some.agree(f"{key} {op} {middle}", lambda m: test(info(m)[field]))


def test_param_and_tag_comparators_find_what_they_say(some):
    for prefix, get, key in (("params", params, "lr"), ("params", params, "opt"), ("tags", tags, "team")):
        for value in ("0.1", "adam", "red", "none"):
            name = f"{prefix}.{key}"
            some.agree(f"{name} = '{value}'", lambda m: get(m).get(key) == value)
            some.agree(f"{name} != '{value}'", lambda m: get(m).get(key, value) != value)
            some.agree(f"{name} IN ('{value}', 'Blue')", lambda m: get(m).get(key) in (value, "Blue"))
            some.agree(f"{name} NOT IN ('{value}')", lambda m: get(m).get(key, value) != value)
    some.agree("params.opt LIKE 'ad%'", lambda m: params(m).get("opt") == "adam")
    some.agree("params.opt ILIKE 'ad%'", lambda m: "opt" in params(m))
    some.agree("tags.team ILIKE 'BLUE'", lambda m: tags(m).get("team", "").lower() == "blue")
    some.agree("tags.`a b` = 'x'", lambda m: "a b" in tags(m))
    some.agree("params.unknown != 'x'", lambda m: False)


def test_long_values_are_found_as_well(api, experiment):
    for text in ("v" * 256, "v" * 257, "é" * 256, "v" * 5000):
        model = api.model(experiment, params=[{"key": "p", "value": text}], tags=[{"key": "t", "value": text}])
        for filter in (f"params.p = '{text}'", f"tags.t = '{text}'", f"params.p LIKE '{text}'", f"tags.t IN ('{text}')"):
            found = api.post("logged-models/search", {"experiment_ids": [experiment], "filter": filter}).ok()
            assert [m["info"]["model_id"] for m in found["models"]] == [model]


@pytest.mark.parametrize("datasets", [None, [("train", "d1")], [("train", None)], [("test", "d2"), ("train", "d3")], [("none", None)]])
def test_a_metric_clause_looks_at_every_row_of_the_model(some, datasets):
    more = {"datasets": [{"dataset_name": n, **({"dataset_digest": d} if d else {})} for n, d in datasets]} if datasets else {}
    for key in ("acc", "loss"):
        for op, test in (
            (">", lambda v, x: v > x),
            (">=", lambda v, x: v >= x),
            ("<", lambda v, x: v < x),
            ("<=", lambda v, x: v <= x),
            ("=", lambda v, x: v == x),
        ):
            for number in ("0.5", "0", "-1.5", "0.9", "5e-1"):
                expected = lambda m: any(v != "NaN" and test(v, float(number)) for v in values(m, key, datasets))
                some.agree(f"metrics.{key} {op} {number}", expected, **more)
        some.agree(f"metrics.{key} != 0.5", lambda m: any(v != 0.5 for v in values(m, key, datasets)), **more)


def test_a_metric_key_may_hold_dots(some):
    some.agree("metrics.a.b = 1", lambda m: info(m)["name"] == "zeta")
    some.agree("metrics.`a.b` = 1.0", lambda m: info(m)["name"] == "zeta")


@pytest.mark.parametrize("datasets", [[("train", "d1")], [("train", None)], [("test", "d2")], [("train", "d2")], [("none", None), ("test", None)]])
def test_datasets_without_a_metric_clause_ask_for_any_metric_on_them(some, datasets):
    more = [{"dataset_name": name, "dataset_digest": digest} for name, digest in datasets]
    on_them = lambda m: any(is_on(metric, datasets) for metric in m["data"].get("metrics", []))
    some.agree(None, on_them, datasets=more)
    some.agree("params.lr = '0.1'", lambda m: on_them(m) and params(m).get("lr") == "0.1", datasets=more)


def test_clauses_are_joined_by_and(some):
    some.agree("params.lr = '0.1' AND tags.team != 'red'", lambda m: info(m)["name"] == "gamma_1")
    some.agree("metrics.acc > 0.6 and metrics.acc < 0.6", lambda m: info(m)["name"] in ("alpha", "fifty"))
    some.agree(
        "status = 2 AND metrics.acc >= 0.5 AND name LIKE '%a%' AND params.lr IN ('0.1', '9')",
        lambda m: info(m)["name"] in ("alpha", "zeta"),
    )


def test_a_model_with_many_matching_rows_takes_one_place(api, experiment):
    run = api.run(experiment)
    made = [api.model(experiment) for _ in range(3)]
    metrics = [{"key": "m", "value": 1.0, "timestamp": i, "step": i, "model_id": model} for model in made for i in range(20)]
    api.post("runs/log-batch", {"run_id": run, "metrics": metrics}).ok()
    body = {"experiment_ids": [experiment], "filter": "metrics.m > 0.5", "max_results": 2}
    page = api.post("logged-models/search", body).ok()
    assert [m["info"]["model_id"] for m in page["models"]] == [made[2], made[1]]
    page = api.post("logged-models/search", {**body, "page_token": page["next_page_token"]}).ok()
    assert [m["info"]["model_id"] for m in page["models"]] == [made[0]] and "next_page_token" not in page


def test_models_of_a_deleted_experiment_are_found_deleted_models_are_not(api, experiment):
    made = [api.model(experiment) for _ in range(2)]
    api.post("experiments/delete", {"experiment_id": experiment}).ok()
    api.request("DELETE", f"/api/2.0/mlflow/logged-models/{made[0]}").ok()
    found = api.post("logged-models/search", {"experiment_ids": [experiment]}).ok()["models"]
    assert [m["info"]["model_id"] for m in found] == made[1:]


# --- filters that cannot be read ---

EXPECTED_LIST = "Expected a list of comparisons separated by 'AND' (e.g. 'metrics.loss > 0.1 AND params.lr = 0.01')."
TEXT_OPERATORS = "('=', '!=', 'LIKE', 'ILIKE', 'IN', 'NOT IN')"


@pytest.mark.parametrize("filter", ["   ", "OR", "name", "name = 'a' OR name = 'b'", "name = 'a' name", "(name = 'a')", "params.p IS NULL"])
def test_what_is_no_list_of_comparisons_is_refused(some, filter):
    expect_invalid(some.search(filter), f"Invalid filter string: {filter!r}. {EXPECTED_LIST}")


def test_two_statements_are_refused(some):
    filter = "name = 'a'; name = 'b'"
    expect_invalid(some.search(filter), f"Invalid filter string: {filter!r}. Expected a single SQL expression.")


@pytest.mark.parametrize("entity", ["metric", "param", "tag", "attribute", "run", "dataset", "Metrics"])
def test_an_unknown_entity_is_named(some, entity):
    text = f"Invalid entity type: '{entity}'. Expected one of ['attributes', 'metrics', 'params', 'tags']."
    expect_invalid(some.search(f"{entity}.x = 'a'"), text)


@pytest.mark.parametrize(
    "filter, key, op",
    [
        ("name > 'a'", "attributes.name", ">"),
        ("name <= 5", "attributes.name", "<="),
        ("attributes.status >= 2", "attributes.status", ">="),
        ("params.lr > 0.1", "params.lr", ">"),
        ("tags.x < 'a'", "tags.x", "<"),
        ("metrics.acc LIKE 'x'", "metrics.acc", "LIKE"),
        ("metrics.acc IN (1)", "metrics.acc", "IN"),
        ("creation_time ILIKE 'x'", "attributes.creation_time", "ILIKE"),
        ("name == 'a'", "attributes.name", "=="),
    ],
)
def test_a_wrong_comparator_is_named(some, filter, key, op):
    expect_invalid(some.search(filter), f"Invalid comparison operator for {key}: '{op}'. Expected one of {TEXT_OPERATORS}.")


@pytest.mark.parametrize(
    "filter",
    [
        "foo = 'a'",
        "attributes.tags = 'a'",
        "name = a",
        "name = 5",
        "params.lr = 0.1",
        "metrics.acc = 'x'",
        "metrics.acc > '0.5'",
        "creation_time > 'x'",
        "creation_time > '1'",
        "name IN ()",
        "name IN ('a', 1)",
        "name IN 'a'",
        "status IN 2",
        "experiment_id NOT IN 1",
        "name = ('a')",
        "name =",
        "= 'a'",
        "name = 'a",
        "1 = 1",
        "'a' = 'a'",
        "name = 'a' AND",
        "name = 'a' -- x",
    ],
)
def test_other_faults_of_a_filter_are_refused(some, filter):
    assert len(expect_invalid(some.search(filter))) > 10


def test_a_client_cannot_write_sql(some):
    for text in ("x' OR 1=1 --", "'; DROP TABLE logged_models; --", "%' OR '1'='1"):
        for key in ("name", "params.lr", "tags.team", "status", "experiment_id"):
            assert some.names(f'{key} = "{text}"') == []
    for key in ("lr' OR 1=1 --", 'lr" --', "lr) OR (1=1"):
        assert some.names(f"params.`{key}` = 'x'") == []
    some.agree(None, lambda m: True)


# --- order ---


def ordered(some, *fields, **more):
    return some.names(order_by=list(fields), **more)


@pytest.mark.parametrize("ascending", [True, False, None])
@pytest.mark.parametrize(
    "field, key",
    [
        ("name", lambda m: info(m)["name"].encode()),
        ("model_id", lambda m: info(m)["model_id"]),
        ("model_type", lambda m: info(m)["model_type"].encode()),
        ("source_run_id", lambda m: info(m)["source_run_id"]),
        ("status", lambda m: [PENDING, READY, FAILED].index(info(m)["status"])),
        ("status_message", lambda m: None),
        ("artifact_location", lambda m: info(m)["artifact_uri"]),
        ("experiment_id", lambda m: int(info(m)["experiment_id"])),
        ("lifecycle_stage", lambda m: 0),
        ("creation_time", lambda m: info(m)["creation_timestamp_ms"]),
        ("creation_timestamp", lambda m: info(m)["creation_timestamp_ms"]),
        ("last_updated_timestamp_ms", lambda m: info(m)["last_updated_timestamp_ms"]),
    ],
)
def test_every_attribute_orders(some, field, key, ascending):
    item = {"field_name": field} if ascending is None else {"field_name": field, "ascending": ascending}
    assert ordered(some, item) == some.sorted((key, ascending is False))


def test_metrics_order_by_the_row_of_the_greatest_timestamp_then_step(some):
    # newest acc: alpha 0.9, Beta 0.7, fifty 0.2, Üml 0.0, zeta 0.5, gamma-1 NaN; none: gamma_1, it`s
    absent = ["it`s", "gamma_1"]
    up = ["Üml", "fifty", "zeta", "Beta", "alpha"]
    assert ordered(some, {"field_name": "metrics.acc"}) == up + ["gamma-1"] + absent
    assert ordered(some, {"field_name": "metrics.acc", "ascending": False}) == up[::-1] + ["gamma-1"] + absent


@pytest.mark.parametrize("datasets", [("train", None), ("train", "d1"), ("test", "d2"), ("none", None)])
def test_metrics_order_by_their_rows_on_a_dataset(some, datasets):
    place = {"dataset_name": datasets[0], **({"dataset_digest": datasets[1]} if datasets[1] else {})}
    for descending in (False, True):

        def value(model):
            found = newest(model, "acc", [datasets])
            return (math.inf * (-1 if descending else 1)) if found == "NaN" else found

        got = ordered(some, {"field_name": "metrics.acc", "ascending": not descending, **place})
        assert got == some.sorted((value, descending))


def test_several_fields_order_one_after_the_other(some):
    kind = lambda m: info(m)["model_type"].encode()
    name = lambda m: info(m)["name"].encode()
    acc = lambda m: None if newest(m, "acc") in (None, "NaN") else newest(m, "acc")
    assert ordered(some, {"field_name": "model_type"}, {"field_name": "name", "ascending": False}) == some.sorted((kind, False), (name, True))
    got = ordered(some, {"field_name": "model_type", "ascending": False}, {"field_name": "metrics.acc"}, filter="metrics.acc > -9")
    assert got == [n for n in some.sorted((kind, True), (acc, False)) if any(v != "NaN" for v in values(some.made[n], "acc"))]


def test_a_metric_that_nobody_has_leaves_the_default_order(some):
    assert ordered(some, {"field_name": "metrics.unknown"}) == some.names()
    assert ordered(some, {"field_name": "metrics."}) == some.names()


def test_wrong_fields_of_order_are_refused(some):
    for field in ("foo", "tags", "params", "id", "name DESC", "attributes", "l.name", "1"):
        if "." not in field:
            expect_invalid(some.search(order_by=[{"field_name": field}]), f"Invalid order by field name: {field}")
    for field in ("params.p", "tags.t", "attributes.name", "metric.acc", ".name"):
        text = f"Invalid order by field name: {field}. Only metrics are supported."
        expect_invalid(some.search(order_by=[{"field_name": field}]), text)
    expect_invalid(some.search(order_by=[{}]), missing("order_by[0].field_name"))
    expect_invalid(some.search(order_by=["name"]), invalid("name", "order_by[0]"))
    expect_invalid(some.search(order_by=[{"field_name": "name", "ascending": "yes"}]), invalid("yes", "order_by[0].ascending"))
    expect_invalid(some.search(order_by=[{"field_name": "name"}] * 21))


# --- pages ---

ORDERS = [
    None,
    [{"field_name": "name"}],
    [{"field_name": "metrics.acc"}],
    [{"field_name": "metrics.acc", "ascending": False}],
    [{"field_name": "model_type"}, {"field_name": "metrics.acc", "dataset_name": "train", "ascending": False}],
    [{"field_name": "status_message"}, {"field_name": "status", "ascending": False}],
    [{"field_name": "creation_time"}],
    [{"field_name": "lifecycle_stage"}, {"field_name": "experiment_id"}],
]


@pytest.mark.parametrize("order", ORDERS, ids=json.dumps)
def test_pages_join_to_the_whole(some, order):
    more = {"order_by": order} if order else {}
    whole = some.names(**more)
    assert sorted(whole) == sorted(some.made)
    for size in (1, 3, len(whole), len(whole) + 5):
        got, token, pages = [], None, 0
        while pages == 0 or token:
            page = some.search(max_results=size, **more, **({"page_token": token} if token else {})).ok()
            got += [m["info"]["name"] for m in page["models"]]
            token = page.get("next_page_token")
            pages += 1
        assert got == whole and pages == math.ceil(len(whole) / size)


def test_a_page_goes_on_behind_the_last_row_whatever_was_made_meanwhile(api, experiment):
    made = [api.model(experiment) for _ in range(6)]
    body = {"experiment_ids": [experiment], "max_results": 3}
    first = api.post("logged-models/search", body).ok()
    api.model(experiment)
    api.request("DELETE", f"/api/2.0/mlflow/logged-models/{made[5]}").ok()
    second = api.post("logged-models/search", {**body, "page_token": first["next_page_token"]}).ok()
    assert [m["info"]["model_id"] for m in first["models"] + second["models"]] == made[::-1]
    assert "next_page_token" not in second


def encode(token):
    return base64.b64encode(json.dumps(token).encode()).decode()


def test_a_token_that_repeats_the_query_and_an_offset_is_understood(some):
    order = [{"field_name": "name", "ascending": True, "dataset_name": None, "dataset_digest": None}]
    token = {"experiment_ids": some.experiments, "filter_string": None, "order_by": order, "offset": 3}
    by_name = sorted(some.made, key=str.encode)
    assert some.names(order_by=[{"field_name": "name"}], page_token=encode(token)) == by_name[3:]
    token = {"experiment_ids": some.experiments, "filter_string": "status = 2", "order_by": None, "offset": 2}
    assert some.names("status = 2", page_token=encode(token)) == some.names("status = 2")[2:]
    token["offset"] = 10**6
    assert some.names("status = 2", page_token=encode(token)) == []


def test_a_token_of_another_query_is_refused(some):
    first, second = some.experiments
    order = [{"field_name": "name", "ascending": False}]
    token = some.search("status = 2", order_by=order, max_results=1).ok()["next_page_token"]
    refused = lambda *a, **k: expect_invalid(some.search(*a, **{"order_by": order, "page_token": token, "max_results": 1, **k}))
    text = "Experiment IDs in the page token do not match the requested experiment IDs. "
    assert refused("status = 2", experiment_ids=[first]) == text + f"Expected: ['{first}']. Found: ['{first}', '{second}']"
    text = "Filter string in the page token does not match the requested filter string. "
    assert refused("status = 1") == text + "Expected: status = 1. Found: status = 2"
    assert refused() == text + "Expected: None. Found: status = 2"
    text = "Order by in the page token does not match the requested order by. "
    shown = "[{'field_name': 'name', 'ascending': False, 'dataset_name': None, 'dataset_digest': None}]"
    assert refused("status = 2", order_by=[]) == text + f"Expected: None. Found: {shown}"
    other = [{"field_name": "name", "ascending": True}]
    assert refused("status = 2", order_by=other) == text + f"Expected: {shown.replace('False', 'True')}. Found: {shown}"
    assert refused("status = 2", datasets=[{"dataset_name": "train"}]).startswith("Datasets in the page token do not match")
    assert len(some.names("status = 2", order_by=order, page_token=token, max_results=7)) == 4


@pytest.mark.parametrize(
    "token",
    ["%%%", "a", "bm90IGpzb24=", "e30=", "W10=", "NQ==", encode({"offset": 5}), encode("x"), encode(None)]
    + [encode({"experiment_ids": ids, "offset": 1}) for ids in (None, 5, "0", [1], [None], {})],
)
def test_a_malformed_token_is_refused(some, token):
    assert expect_invalid(some.search(page_token=token)).startswith("Invalid page token")


def test_a_token_with_wrong_parts_is_refused(some):
    good = {"experiment_ids": some.experiments, "filter_string": None, "order_by": None, "offset": 1}
    made = info(some.made["Beta"])["creation_timestamp_ms"]
    some.search(page_token=encode({**good, "after": [made, 1]})).ok()
    for wrong in (
        {"offset": -1},
        {"offset": "1"},
        {"offset": 1.5},
        {"offset": 2**62},
        {"filter_string": 5},
        {"order_by": "x"},
        {"order_by": ["x"]},
        {"order_by": [{"field_name": 5}]},
        {"datasets": [5]},
        {"datasets": [{"dataset_name": []}]},
        {"after": []},
        {"after": "x"},
        {"after": [made]},
        {"after": [made, "x"]},
        {"after": [None, 1]},
        {"after": [True, 1]},
        {"after": [made, 1, 1]},
    ):
        message = expect_invalid(some.search(page_token=encode({**good, **wrong})))
        assert message.startswith("Invalid page token"), (wrong, message)


# --- the other fields ---


def test_experiment_ids_are_needed_and_may_be_none(some):
    expect_invalid(some.api.post("logged-models/search", {}), missing("experiment_ids"))
    expect_invalid(some.search(experiment_ids=None), missing("experiment_ids"))
    assert some.search(experiment_ids=[]).ok() == {}
    assert some.search(experiment_ids=["987654321"]).ok() == {}
    expect_invalid(some.search(experiment_ids=["x"]), "Invalid experiment ID 'x'. Experiment ID must be a valid integer.")


def test_fifty_models_are_a_page_unless_said_otherwise(server, experiment):
    def make(i):
        api = server.api.clone()
        for _ in range(9):
            api.model(experiment)

    in_threads(6, make)
    body = {"experiment_ids": [experiment]}
    page = server.api.post("logged-models/search", body).ok()
    assert len(page["models"]) == 50 and "next_page_token" in page
    rest = server.api.post("logged-models/search", {**body, "page_token": page["next_page_token"]}).ok()
    ids = [m["info"]["model_id"] for m in page["models"] + rest["models"]]
    assert len(set(ids)) == 54 and "next_page_token" not in rest
    whole = server.api.post("logged-models/search", {**body, "max_results": 1000}).ok()
    assert [m["info"]["model_id"] for m in whole["models"]] == ids


@pytest.mark.parametrize("number", [0, -1, -(2**31)])
def test_max_results_must_be_positive(some, number):
    expect_invalid(some.search(max_results=number), f"Invalid value {number} for parameter 'max_results' supplied. It must be a positive integer")


def test_max_results_is_at_most_1000(some):
    assert len(some.names(max_results=1000)) == len(some.made)
    message = expect_invalid(some.search(max_results=1001))
    assert re.match(r"Invalid value 1001 for parameter 'max_results' supplied\. It must be at most 1000", message)


def test_a_dataset_needs_a_name(some):
    for wrong in ({}, {"dataset_name": ""}, {"dataset_digest": "d1"}):
        expect_invalid(some.search(datasets=[wrong]), "`dataset_name` in the `datasets` clause must be specified.")
    expect_invalid(some.search(datasets=[{"dataset_name": 5}]), invalid(5, "datasets[0].dataset_name"))
    expect_invalid(some.search(datasets="x"), invalid("x", "datasets"))
    expect_invalid(some.search(datasets=[{"dataset_name": "d"}] * 101))


@pytest.mark.parametrize("field, value", [("filter", 5), ("max_results", "x"), ("order_by", "name"), ("page_token", 5)])
def test_a_wrong_type_is_refused(some, field, value):
    expect_invalid(some.search(**{field: value}), invalid(value, field))
