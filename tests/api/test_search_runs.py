"""runs/search: a random population is searched by the server and by a few lines of Python, which must agree."""

import functools
import math
import operator
import random
import re

import pytest

from support import expect_error, expect_invalid, invalid, unique

STATUSES = ["RUNNING", "SCHEDULED", "FINISHED", "FAILED", "KILLED"]
METRICS = ["acc", "loss", "val/f1", "a b"]
PARAMS = ["lr", "opt", "a.b.c", "weird key/1"]
TAGS = ["team", "Team", "x-y", "mlflow.note"]
WORDS = ["adam", "Adam", "sgd", "SGD_2", "100%", "a_b", "axb", "", "é", "it's", 'say "hi"', "10", "9", "back\\slash", " "]


def words(shuffler):
    return shuffler.choice(WORDS)


@pytest.fixture(scope="module")
def population(server):
    """Runs as Python knows them: a list of dicts."""
    api = server.api.clone()
    shuffler = random.Random(20)
    experiments = [api.experiment(unique("population")) for _ in range(2)]
    runs = []
    for i in range(70):
        run = {
            "experiment": shuffler.choice(experiments),
            "start_time": shuffler.choice([0, 100, 100, 200, 1700000000000 + i]),
            "user_id": shuffler.choice(["ann", "Bob", ""]),
            "run_name": shuffler.choice(["alpha", "Beta", "gamma-1", "gamma_1", "Ümlaut", f"run {i}"]),
            "status": shuffler.choice(STATUSES),
            "end_time": shuffler.choice([None, 5, 150, 1700000000500]),
            "metrics": {
                key: shuffler.choice([float("nan"), -1.5, 0.0, 0.5, 1.0, 1e3, float(i), shuffler.random()])
                for key in METRICS
                if shuffler.random() < 0.7
            },
            "params": {key: words(shuffler) for key in PARAMS if shuffler.random() < 0.7},
            "tags": {key: words(shuffler) for key in TAGS if shuffler.random() < 0.7},
            "datasets": [
                {
                    "name": shuffler.choice(["dsA", "dsB", "2024", "ds_c"]),
                    "digest": f"{shuffler.randrange(3)}",
                    "context": shuffler.choice(["train", "Eval", None]),
                }
                for _ in range(shuffler.choice([0, 0, 1, 2]))
            ],
            "deleted": shuffler.random() < 0.15,
        }
        known = {}
        for dataset in run["datasets"]:
            known.setdefault((dataset["name"], dataset["digest"]), dataset)
        run["datasets"] = list(known.values())
        created = api.post(
            "runs/create",
            {
                "experiment_id": run["experiment"],
                "start_time": run["start_time"],
                "user_id": run["user_id"],
                "run_name": run["run_name"],
            },
        ).ok()["run"]
        run["run_id"] = created["info"]["run_id"]
        run["artifact_uri"] = created["info"]["artifact_uri"]
        # Older points that must not matter: search looks at the latest value.
        old = [{"key": k, "value": 77.0, "timestamp": 9, "step": -1} for k in run["metrics"]]
        new = [{"key": k, "value": "NaN" if math.isnan(v) else v, "timestamp": 5} for k, v in run["metrics"].items()]
        batch = {"run_id": run["run_id"], "metrics": new + old}
        for kind in ("params", "tags"):
            batch[kind] = [{"key": k, "value": v} for k, v in run[kind].items()]
        api.post("runs/log-batch", batch).ok()
        run["tags"]["mlflow.runName"] = run["run_name"]
        items = []
        for dataset in run["datasets"]:
            item = {"dataset": {"name": dataset["name"], "digest": dataset["digest"], "source_type": "l", "source": "s"}}
            if dataset["context"] is not None:
                item["tags"] = [{"key": "mlflow.data.context", "value": dataset["context"]}]
            items.append(item)
        if items:
            api.post("runs/log-inputs", {"run_id": run["run_id"], "datasets": items}).ok()
        update = {"run_id": run["run_id"], "status": run["status"]}
        if run["end_time"] is not None:
            update["end_time"] = run["end_time"]
        api.post("runs/update", update).ok()
        if run["deleted"]:
            api.post("runs/delete", {"run_id": run["run_id"]}).ok()
        runs.append(run)
    return Population(api, experiments, runs)


class Population:
    def __init__(self, api, experiments, runs):
        self.api = api
        self.experiments = experiments
        self.runs = runs

    def search(self, filter=None, **more):
        body = {"experiment_ids": self.experiments, **more}
        if filter is not None:
            body["filter"] = filter
        return self.api.post("runs/search", body)

    def ids(self, filter=None, **more):
        return [run["info"]["run_id"] for run in self.search(filter, **more).ok().get("runs", [])]

    def active(self):
        return [run for run in self.runs if not run["deleted"]]

    def agree(self, filter, predicate):
        """The server finds the active runs that the predicate accepts."""
        expected = {run["run_id"] for run in self.active() if predicate(run)}
        found = self.ids(filter)
        assert len(found) == len(set(found)), "a run twice"
        assert set(found) == expected, filter
        return len(expected)


COMPARE = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def like(pattern, text, fold):
    lower = lambda t: "".join(c.lower() if c.isascii() else c for c in t)
    if fold:
        pattern, text = lower(pattern), lower(text)
    parts = [".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern]
    return re.fullmatch("".join(parts), text, re.S) is not None


def compare(op, left, right):
    if op in COMPARE:
        return COMPARE[op](left, right)
    return like(right, left, fold=op == "ILIKE")


def metric_clause(key, op, value):
    def matches(run):
        if key not in run["metrics"]:
            return False
        found = run["metrics"][key]
        return op == "!=" if math.isnan(found) else COMPARE[op](found, value)

    return matches


def text_clause(kind, key, op, value):
    return lambda run: key in run[kind] and compare(op, run[kind][key], value)


def attribute_clause(key, op, value):
    return lambda run: run[key] is not None and compare(op, run[key], value)


def quoted(text):
    return f"'{text}'" if "'" not in text else f'"{text}"'


# --- every comparator against Python ---


@pytest.mark.parametrize("op", list(COMPARE))
def test_every_metric_comparator_agrees_with_python(population, op):
    found = 0
    for key in METRICS + ["none"]:
        for value, text in ((0, "0"), (0.5, "0.5"), (-1.5, "-1.5"), (1000, "1e3"), (0.25, ".25"), (77, "77")):
            found += population.agree(f'metrics."{key}" {op} {text}', metric_clause(key, op, value))
    assert found > 0


@pytest.mark.parametrize("op", ["=", "!=", "LIKE", "ILIKE"])
@pytest.mark.parametrize("kind", ["params", "tags"])
def test_every_text_comparator_agrees_with_python(population, kind, op):
    keys = PARAMS if kind == "params" else TAGS
    patterns = ["%", "a%", "%m", "_b", "a_b", "%\\%", "ADAM", "é", "É", "it's", "10%", "100%", "%_%", "a__m", "s%"]
    found = 0
    for key in keys + ["none"]:
        for value in WORDS + patterns if op in ("LIKE", "ILIKE") else WORDS:
            if "'" in value and '"' in value:
                continue
            found += population.agree(f"{kind}.`{key}` {op} {quoted(value)}", text_clause(kind, key, op, value))
    assert found > 0


@pytest.mark.parametrize("op", ["=", "!=", "LIKE", "ILIKE"])
@pytest.mark.parametrize("key", ["run_id", "run_name", "user_id", "status", "artifact_uri"])
def test_every_text_attribute_agrees_with_python(population, key, op):
    values = {run[key] for run in population.runs[:12]} | {"%a%", "G%", "gamma_1", "x", "%FIN%", "%fin%", "_eta", ""}
    found = sum(
        population.agree(f"attributes.{key} {op} {quoted(value)}", attribute_clause(key, op, value)) for value in values
    )
    assert found > 0


@pytest.mark.parametrize("op", list(COMPARE))
@pytest.mark.parametrize("key", ["start_time", "end_time"])
def test_every_number_attribute_agrees_with_python(population, key, op):
    found = 0
    for value in (0, 5, 100, 150, 1700000000500, 1700000000007, -1, 99.5):
        found += population.agree(f"attributes.{key} {op} {value}", attribute_clause(key, op, value))
    assert found > 0


def test_run_id_lists_agree_with_python(population):
    some = [run["run_id"] for run in population.runs[::7]]
    items = ", ".join(f"'{run}'" for run in some)
    population.agree(f"run_id IN ({items})", lambda run: run["run_id"] in some)
    population.agree(f"attributes.run_id NOT IN ({items})", lambda run: run["run_id"] not in some)
    population.agree(f"run_id in ('{some[0]}',)", lambda run: run["run_id"] == some[0])
    population.agree(f'run_id IN ("{some[0]}", "nope")', lambda run: run["run_id"] == some[0])
    population.agree("run_id IN ('nope')", lambda run: False)


@pytest.mark.parametrize("key", ["name", "digest", "context"])
def test_dataset_clauses_agree_with_python(population, key):
    found = 0
    for op in ("=", "!=", "LIKE", "ILIKE"):
        for value in ("dsA", "DSa", "2024", "ds%", "D%", "1", "train", "eval", "%", "ds_c"):
            clause = lambda run: any(d[key] is not None and compare(op, d[key], value) for d in run["datasets"])
            found += population.agree(f"dataset.{key} {op} '{value}'", clause)
    lists = [("dsA", "dsB"), ("2024",), ("1", "2"), ("train", "Eval"), ("none",)]
    for items in lists:
        text = "(" + ", ".join(f"'{i}'" for i in items) + ")"
        has = lambda run: any(d[key] in items for d in run["datasets"])
        found += population.agree(f"datasets.{key} IN {text}", has)
        lacks = lambda run: any(d[key] is not None and d[key] not in items for d in run["datasets"])
        found += population.agree(f"dataset.{key} NOT IN {text}", lacks)
    assert found > 0


def test_name_and_context_may_match_different_datasets(population):
    clause = lambda run: any(d["name"] == "dsA" for d in run["datasets"]) and any(
        d["context"] == "train" for d in run["datasets"]
    )
    population.agree("dataset.name = 'dsA' AND dataset.context = 'train'", clause)


def random_clause(shuffler):
    kind = shuffler.randrange(5)
    if kind == 0:
        key, op, value = shuffler.choice(METRICS), shuffler.choice(list(COMPARE)), shuffler.choice([0, 0.5, 1, -1.5])
        return f"metrics.`{key}` {op} {value}", metric_clause(key, op, value)
    if kind in (1, 2):
        name, keys = shuffler.choice([("params", PARAMS), ("tags", TAGS)])
        key, op = shuffler.choice(keys), shuffler.choice(["=", "!=", "LIKE", "ILIKE"])
        value = shuffler.choice(["adam", "sgd", "a%", "%", "s%", "10", "ADAM"])
        return f'{name}."{key}" {op} \'{value}\'', text_clause(name, key, op, value)
    if kind == 3:
        op, value = shuffler.choice(["=", "!=", "LIKE", "ILIKE"]), shuffler.choice(STATUSES + ["%ED", "f%"])
        return f"status {op} '{value}'", attribute_clause("status", op, value)
    op, value = shuffler.choice(list(COMPARE)), shuffler.choice([0, 100, 200, 1700000000030])
    return f"attributes.start_time {op} {value}", attribute_clause("start_time", op, value)


def test_conjunctions_agree_with_python(population):
    shuffler = random.Random(8)
    found = 0
    for _ in range(150):
        clauses = [random_clause(shuffler) for _ in range(shuffler.choice([2, 2, 3, 4]))]
        text = shuffler.choice([" AND ", " and ", " And "]).join(clause for clause, _ in clauses)
        found += population.agree(text, lambda run: all(predicate(run) for _, predicate in clauses))
    assert found > 0


# --- spelling ---


@pytest.mark.parametrize(
    "text, clause",
    [
        ("metrics.acc>0.5", metric_clause("acc", ">", 0.5)),
        ("metric.acc >= .5", metric_clause("acc", ">=", 0.5)),
        ("metrics.acc\n=\n0.5", metric_clause("acc", "=", 0.5)),
        ("  metrics.acc < 1  ", metric_clause("acc", "<", 1)),
        ("metrics.'val/f1' > 0", metric_clause("val/f1", ">", 0)),
        ('metrics."a b" > 0', metric_clause("a b", ">", 0)),
        ("metrics.acc > -1.5e0", metric_clause("acc", ">", -1.5)),
        ("metrics.acc > 5e-1", metric_clause("acc", ">", 0.5)),
        ("param.lr = 'adam'", text_clause("params", "lr", "=", "adam")),
        ("parameter.lr = 'adam'", text_clause("params", "lr", "=", "adam")),
        ("parameters.lr='adam'", text_clause("params", "lr", "=", "adam")),
        ('params.lr = "adam"', text_clause("params", "lr", "=", "adam")),
        ("params.a.b.c = 'adam'", text_clause("params", "a.b.c", "=", "adam")),
        ("params.lr like 'a%'", text_clause("params", "lr", "LIKE", "a%")),
        ("params.lr iLike 'A%'", text_clause("params", "lr", "ILIKE", "A%")),
        ("params.lr = \"it's\"", text_clause("params", "lr", "=", "it's")),
        ("params.lr = 'say \"hi\"'", text_clause("params", "lr", "=", 'say "hi"')),
        ("params.lr = 'back\\slash'", text_clause("params", "lr", "=", "back\\slash")),
        ("params.lr != 'OR 1=1 --'", text_clause("params", "lr", "!=", "OR 1=1 --")),
        ("params.lr != 'a AND b'", text_clause("params", "lr", "!=", "a AND b")),
        ("tag.team = 'adam'", text_clause("tags", "team", "=", "adam")),
        ("tags.mlflow.note = 'adam'", text_clause("tags", "mlflow.note", "=", "adam")),
        ("tags.`mlflow.runName` = 'alpha'", attribute_clause("run_name", "=", "alpha")),
        ("status = 'FINISHED'", attribute_clause("status", "=", "FINISHED")),
        ("attribute.status = 'FINISHED'", attribute_clause("status", "=", "FINISHED")),
        ("attr.status = 'FINISHED'", attribute_clause("status", "=", "FINISHED")),
        ("run.status = 'FINISHED'", attribute_clause("status", "=", "FINISHED")),
        ("status = 'finished'", lambda run: False),
        ("created > 100", attribute_clause("start_time", ">", 100)),
        ("attributes.Created = 100", attribute_clause("start_time", "=", 100)),
        ("attributes.`run name` = 'alpha'", attribute_clause("run_name", "=", "alpha")),
        ("attributes.`Run Name` = 'alpha'", attribute_clause("run_name", "=", "alpha")),
        ('attributes."Run name" = \'alpha\'', attribute_clause("run_name", "=", "alpha")),
        ("", lambda run: True),
    ],
)
def test_a_filter_may_be_spelt_in_many_ways(population, text, clause):
    population.agree(text, clause)


def test_a_doubled_quote_is_two_quotes(api, experiment):
    run = api.run(experiment)
    api.post("runs/log-parameter", {"run_id": run, "key": "p", "value": "it''s"}).ok()
    found = api.post("runs/search", {"experiment_ids": [experiment], "filter": "params.p = 'it''s'"})
    assert found.status == 400 or len(found.json["runs"]) == 1, found


@pytest.mark.parametrize("key", ["from", "in", "values", "case", "as", "é", "_x", "a1"])
def test_bare_keys_may_be_sql_words_and_unicode(api, experiment, key):
    run = api.run(experiment)
    api.post("runs/log-parameter", {"run_id": run, "key": key, "value": "v"}).ok()
    found = api.post("runs/search", {"experiment_ids": [experiment], "filter": f"params.{key} = 'v'"}).ok()
    assert [r["info"]["run_id"] for r in found["runs"]] == [run]


@pytest.mark.parametrize("key", ["a-b", "a/b", "a:b", "123", "select", "a b"])
@pytest.mark.parametrize("quote", ["`", '"', "'"])
def test_every_key_works_in_each_of_the_three_quotes(api, experiment, key, quote):
    run = api.run(experiment)
    api.post("runs/log-parameter", {"run_id": run, "key": key, "value": "v"}).ok()
    api.metric(run, key, 2.0)
    text = f"params.{quote}{key}{quote} = 'v' AND metrics.{quote}{key}{quote} > 1"
    found = api.post("runs/search", {"experiment_ids": [experiment], "filter": text, "order_by": [f"metrics.{quote}{key}{quote}"]})
    assert [r["info"]["run_id"] for r in found.ok()["runs"]] == [run]


# --- what is refused ---

LIST_TEXT = "While parsing a list in the query, expected "


@pytest.mark.parametrize(
    "text, message",
    [
        ("   ", "Invalid filter '   '. Could not be parsed."),
        ("metrics.a > 1; metrics.b > 1", re.compile(r"^Search filter contained multiple expression '.*'\. Provide AND-ed expression list\.$")),
        ("params.a = '1' OR params.b = '2'", re.compile(r"^Invalid clause\(s\) in filter string: .*'OR'")),
        ("params.a = abc", "Parameter value is either not quoted or unidentified quote types used for string value abc. Use either single or double quotes."),
        ("params.a = 10", "Expected a quoted string value for parameter (e.g. 'my-value'). Got value 10"),
        ("tags.a = 10", "Expected a quoted string value for tag (e.g. 'my-value'). Got value 10"),
        ("metrics.a > '0.2'", "Expected numeric value type for metric. Found '0.2'"),
        ("attributes.start_time > '150'", "Expected numeric value type for numeric attribute: start_time. Found '150'"),
        ("attributes.status = 5", "Expected a quoted string value for attributes. Got value 5"),
        ("bar.a = '1'", "Invalid entity type 'bar'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']"),
        ("Metrics.a = 1", "Invalid entity type 'Metrics'. Valid values are ['metric', 'parameter', 'tag', 'attribute', 'dataset']"),
        ("attributes.foo = '1'", re.compile(r"^Invalid attribute key 'foo' specified\. Valid keys are '")),
        ("foo = '1'", re.compile(r"^Invalid attribute key 'foo' specified\. Valid keys are '")),
        ("Status = '1'", re.compile(r"^Invalid attribute key 'Status' specified\. Valid keys are '")),
        ("dataset.foo = '1'", re.compile(r"^Invalid dataset key 'foo' specified\. Valid keys are '")),
        ("params.a > '1'", re.compile(r"^Invalid comparator '>' not one of '")),
        ("tags.a <= '1'", re.compile(r"^Invalid comparator '<=' not one of '")),
        ("metrics.a LIKE 1", re.compile("^Invalid comparator 'LIKE' not one of '|^Expected numeric|^Invalid clause")),
        ("status IN ('a')", "Only the 'run_id' attribute supports comparison with a list of quoted string values."),
        ("run_id IN ()", LIST_TEXT + "a non-empty list of string values, but got empty list"),
        ("run_id IN (1, 2)", LIST_TEXT + "string value, punctuation, or whitespace, but got different type in list: (1, 2)"),
        ("run_id IN ('a', 2)", re.compile("^" + re.escape(LIST_TEXT))),
    ],
)
def test_a_bad_filter_has_the_reference_text(population, text, message):
    expect_invalid(population.search(text), message)


@pytest.mark.parametrize(
    "text",
    [
        "metrics.a",
        "metrics.a >",
        "> 5",
        "metrics. > 5",
        ".a > 5",
        "metrics.a == 5",
        "metrics.a <> 5",
        "metrics.a => 5",
        "metrics.a > 5 5",
        "metrics.a > +5",
        "metrics.a > 0x10",
        "metrics.a > NaN",
        "metrics.a > Infinity",
        "metrics.a > - 5",
        "metrics.a > 1e",
        "metrics.a > 1.2.3",
        "metrics.a BETWEEN 1 AND 2",
        "NOT metrics.a > 5",
        "(metrics.a > 5)",
        "metrics.a > (5)",
        "5 < metrics.a",
        "metrics.a > metrics.b",
        "params.a IS NULL_",
        "params.a IN ('x')",
        "tags.a NOT IN ('x')",
        "params.a = 'x' -- comment",
        "params.a = 'x' /* c */",
        "params.a = 'x",
        'params.a = "x',
        "params.`a = 'x'",
        "params.a = ''x'",
        "params.a-b = 'x'",
        "params.a/b = 'x'",
        "params.123 = 'x'",
        "params.a b = 'x'",
        "run_id IN 'a'",
        "run_id IN ('a'",
        "run_id IN ('a',,'b')",
        "run_id NOT ('a')",
        "dataset.name > 'a'",
        "metrics.a > 5 AND OR metrics.b > 5",
        "params.a = 'x'; DROP TABLE runs",
        "params.a = 'x' UNION SELECT 1",
        "\u0000",
        "metrics.a > 5\u0000",
        "☃",
        "'",
        "`",
        "=",
        "AND",
        "%",
    ],
)
def test_a_filter_outside_the_language_is_refused(population, text):
    assert expect_invalid(population.search(text)) != ""


def test_a_long_conjunction_is_right_or_refused(api, experiment):
    run = api.run(experiment)
    items = [{"key": f"k{i}", "value": float(i), "timestamp": 0} for i in range(300)]
    api.post("runs/log-batch", {"run_id": run, "metrics": items}).ok()
    for count in (30, 60, 70, 130, 300):
        text = " AND ".join(f"metrics.k{i} = {i}" for i in range(count))
        reply = api.post("runs/search", {"experiment_ids": [experiment], "filter": text})
        if count <= 30 or reply.status == 200:
            assert [r["info"]["run_id"] for r in reply.ok()["runs"]] == [run]
        else:
            expect_invalid(reply)


@pytest.mark.parametrize("text", ["(" * 50000, "metrics.a > 1 AND " * 50000, "'" * 100001, "params.a = '" + "x" * 500000 + "'", "run_id IN (" + "'a'," * 100000 + ")"])
def test_a_monstrous_filter_costs_bounded_time(population, text):
    reply = population.search(text)
    assert reply.status in (200, 400) and reply.response.elapsed.total_seconds() < 5, reply


def test_values_are_never_sql(population):
    for value in ("x' OR '1'='1", "'; DROP TABLE runs; --", "%' --", "\\' OR 1=1"):
        reply = population.search(f"params.lr = {quoted(value)}")
        assert reply.status == 400 or reply.json == {}, reply
    assert len(population.ids()) == len(population.active())


# --- order ---


def absent_last(found, missing, key, descending):
    """Sorts (value, …) pairs: numbers or texts first in the wanted direction, then NaN, then absent ones."""

    def rank(value):
        if value is missing:
            return 2
        return 1 if isinstance(value, float) and math.isnan(value) else 0

    def order(a, b):
        left, right = key(a), key(b)
        if rank(left) != rank(right):
            return rank(left) - rank(right)
        if rank(left) or left == right:
            return 0
        if isinstance(left, str):
            left, right = left.encode(), right.encode()
        less = -1 if left < right else 1
        return -less if descending else less

    return sorted(found, key=functools.cmp_to_key(order))


def expected_order(runs, *keys):
    """keys: (getter, descending), the most significant first; the tie-breaks of the server come after them."""
    found = sorted(runs, key=lambda run: run["run_id"])
    if not any(getter is start_time for getter, _ in keys):
        found = sorted(found, key=lambda run: -run["start_time"])
    for getter, descending in reversed(keys):
        found = absent_last(found, None, getter, descending)
    return [run["run_id"] for run in found]


def start_time(run):
    return run["start_time"]


def getter(kind, key):
    return lambda run: run[kind].get(key)


ORDERS = {
    "start_time": start_time,
    "attributes.start_time": start_time,
    "attribute.end_time": lambda run: run["end_time"],
    "status": lambda run: run["status"],
    "attr.run_id": lambda run: run["run_id"],
    "run.run_name": lambda run: run["run_name"],
    "attributes.user_id": lambda run: run["user_id"],
    "artifact_uri": lambda run: run["artifact_uri"],
    "metrics.acc": getter("metrics", "acc"),
    "metric.`val/f1`": getter("metrics", "val/f1"),
    'metrics."a b"': getter("metrics", "a b"),
    "params.lr": getter("params", "lr"),
    "param.a.b.c": getter("params", "a.b.c"),
    "parameters.'weird key/1'": getter("params", "weird key/1"),
    "tags.team": getter("tags", "team"),
    "tag.Team": getter("tags", "Team"),
    "metrics.none": lambda run: None,
    "params.none": lambda run: None,
}


@pytest.mark.parametrize("text", list(ORDERS))
@pytest.mark.parametrize("direction", ["", " ASC", " DESC", " desc", " Asc"])
def test_every_order_agrees_with_python(population, text, direction):
    descending = direction.strip().upper() == "DESC"
    expected = expected_order(population.active(), (ORDERS[text], descending))
    assert population.ids(order_by=[text + direction]) == expected


def test_several_orders_agree_with_python(population):
    shuffler = random.Random(5)
    for _ in range(40):
        chosen = shuffler.sample([k for k in ORDERS if k != "attributes.start_time"], shuffler.choice([2, 3]))
        keys = [(text, shuffler.random() < 0.5) for text in chosen]
        expected = expected_order(population.active(), *((ORDERS[text], descending) for text, descending in keys))
        clauses = [text + (" DESC" if descending else " ASC") for text, descending in keys]
        assert population.ids(order_by=clauses) == expected, clauses


def test_the_default_order_is_newest_first_then_by_id(population):
    expected = expected_order(population.active())
    assert population.ids() == expected
    assert population.ids(order_by=[]) == expected
    assert population.ids(order_by=None) == expected


def test_order_and_filter_work_together(population):
    runs = [run for run in population.active() if run["params"].get("lr") not in (None, "adam")]
    expected = expected_order(runs, (ORDERS["metrics.acc"], True))
    assert population.ids("params.lr != 'adam'", order_by=["metrics.acc DESC"]) == expected


@pytest.mark.parametrize(
    "clause",
    [
        "metrics.a UP",
        "metrics.a DESC DESC",
        "metrics.a, metrics.b",
        "metrics.a; DROP TABLE runs",
        "DESC",
        "metrics.",
        "dataset.name",
        "foo",
        "attributes.foo",
        "bar.a",
        "attributes.`run name`",
        "metrics.`a",
        "metrics.a-b",
        "1",
        "",
        " ",
        "metrics.a\u0000",
        "(metrics.a)",
        "metrics.a = 1",
    ],
)
def test_a_bad_order_is_refused(population, clause):
    assert expect_invalid(population.search(order_by=[clause])) != ""


def test_the_texts_of_a_bad_order(population):
    assert "Invalid identifier type 'dataset'" in expect_invalid(population.search(order_by=["dataset.name"]))
    assert "foo" in expect_invalid(population.search(order_by=["attributes.foo"]))
    message = expect_invalid(population.search(order_by=["metrics.a ASC", "metrics.a DESC"]))
    assert message.startswith("`order_by` contains duplicate fields: [")


# --- view, experiments, paging ---


@pytest.mark.parametrize("view, deleted", [("ACTIVE_ONLY", {False}), ("DELETED_ONLY", {True}), ("ALL", {False, True}), (1, {False}), (2, {True}), (3, {False, True}), ("3", {False, True}), (None, {False})])
def test_the_view_chooses_by_lifecycle(population, view, deleted):
    expected = expected_order([run for run in population.runs if run["deleted"] in deleted])
    assert population.ids(run_view_type=view) == expected


@pytest.mark.parametrize("view", ["BOGUS", "all", 0, 4, "9", True, [], 1.5])
def test_an_unknown_view_is_refused(population, view):
    expect_invalid(population.search(run_view_type=view), invalid(view, "run_view_type"))


def test_only_the_given_experiments_are_searched(population):
    api = population.api
    for experiment in population.experiments:
        expected = expected_order([run for run in population.active() if run["experiment"] == experiment])
        for ids in ([experiment], [int(experiment)], experiment, [experiment, "987654"], [experiment, experiment]):
            found = api.post("runs/search", {"experiment_ids": ids}).ok().get("runs", [])
            assert [run["info"]["run_id"] for run in found] == expected, ids


@pytest.mark.parametrize("fields", [{}, {"experiment_ids": []}, {"experiment_ids": None}, {"experiment_ids": ["987654"]}])
def test_no_experiment_finds_nothing(api, fields):
    assert api.post("runs/search", fields).ok() == {}


@pytest.mark.parametrize("text", ["abc", "1.5", "", "1_0", " 1"])
def test_an_experiment_id_that_is_no_integer_is_refused(api, text):
    expect_invalid(
        api.post("runs/search", {"experiment_ids": ["0", text]}),
        f"Invalid experiment ID '{text}'. Experiment ID must be a valid integer.",
    )


@pytest.mark.parametrize("value", [0, -1, "0"])
def test_max_results_must_be_positive(population, value):
    expect_invalid(
        population.search(max_results=value),
        f"Invalid value {value} for parameter 'max_results' supplied. It must be a positive integer",
    )


def test_max_results_ends_at_50000(population):
    expect_invalid(population.search(max_results=50001), invalid(50001, "max_results"))
    assert len(population.ids(max_results=50000)) == len(population.active())
    assert len(population.ids(max_results=None)) == len(population.active())
    assert len(population.ids(max_results="3")) == 3


@pytest.mark.parametrize("order", [[], ["metrics.acc DESC"], ["params.lr ASC", "end_time DESC"], ["attributes.user_id"], ["tags.team DESC"], ["metrics.none"]])
@pytest.mark.parametrize("filter", ["", "attributes.start_time >= 0", "tags.team LIKE '%'", "metrics.acc != 77"])
def test_pages_join_to_the_whole_without_an_empty_last_one(population, order, filter):
    whole = population.ids(filter, order_by=order)
    for size in (1, 7, len(whole), len(whole) + 1):
        if size == 1 and order:
            continue
        got, token, pages = [], None, 0
        while True:
            more = {"page_token": token} if token else {}
            page = population.search(filter, order_by=order, max_results=size, **more).ok()
            got += [run["info"]["run_id"] for run in page["runs"]]
            pages += 1
            token = page.get("next_page_token")
            if token is None:
                break
            assert len(page["runs"]) == size and pages <= len(whole)
        assert got == whole
        assert pages == math.ceil(len(whole) / size)


def test_an_empty_token_is_none(population):
    assert population.ids(page_token="") == population.ids()
    assert population.ids(page_token=None) == population.ids()


@pytest.mark.parametrize(
    "token",
    ["%%%", "a", "bm90IGpzb24=", "e30=", "W10=", "eyJvZmZzZXQiOiAwfQ==", "eyJvZmZzZXQiOiAtNX0=", "eyJvZmZzZXQiOiAieCJ9", "\u0000", "é", "x" * 5000, "NQ==", "bnVsbA=="],
)
def test_a_bad_page_token_is_refused(population, token):
    message = expect_invalid(population.search(page_token=token))
    assert message.startswith("Invalid page token"), message


# --- what comes back ---


def test_found_runs_carry_their_whole_data(population):
    found = {run["info"]["run_id"]: run for run in population.search(max_results=100).ok()["runs"]}
    for run in population.active():
        answer = found[run["run_id"]]
        assert answer["info"]["status"] == run["status"]
        assert answer["info"].get("end_time") == run["end_time"]
        metrics = {m["key"]: m["value"] for m in answer["data"].get("metrics", [])}
        assert metrics == {k: "NaN" if math.isnan(v) else v for k, v in run["metrics"].items()}
        assert {p["key"]: p["value"] for p in answer["data"].get("params", [])} == run["params"]
        assert {t["key"]: t["value"] for t in answer["data"]["tags"]} == run["tags"]
        one = population.api.get_run(run["run_id"])
        assert sorted(one["data"].get("params", []), key=str) == sorted(answer["data"].get("params", []), key=str)
        assert len(answer["inputs"].get("dataset_inputs", [])) == len(run["datasets"])


def test_a_run_without_its_name_tag_is_still_found_by_name(api, experiment):
    run = api.run(experiment, run_name="lost tag")
    api.post("runs/delete-tag", {"run_id": run, "key": "mlflow.runName"}).ok()
    found = api.post("runs/search", {"experiment_ids": [experiment], "filter": "run_name = 'lost tag'"}).ok()
    assert [r["info"]["run_id"] for r in found["runs"]] == [run]


def test_search_follows_every_change_at_once(api, experiment):
    search = lambda text: [
        run["info"]["run_id"]
        for run in api.post("runs/search", {"experiment_ids": [experiment], "filter": text}).ok().get("runs", [])
    ]
    run = api.run(experiment)
    api.metric(run, "m", 1.0, step=1)
    assert search("metrics.m = 1") == [run]
    api.metric(run, "m", 2.0, step=2)
    assert search("metrics.m = 1") == [] and search("metrics.m = 2") == [run]
    api.metric(run, "m", 3.0, step=0)
    assert search("metrics.m = 2") == [run]
    api.post("runs/update", {"run_id": run, "status": "FINISHED", "end_time": 5}).ok()
    assert search("metrics.m = 2") == [run] and search("metrics.m = 3") == []
    api.metric(run, "m", 4.0, step=9)
    assert search("metrics.m > 3") == [run] and search("metrics.m = 2") == []
    api.post("runs/set-tag", {"run_id": run, "key": "t", "value": "a"}).ok()
    assert search("tags.t = 'a' AND metrics.m = 4") == [run]
    api.post("runs/set-tag", {"run_id": run, "key": "t", "value": "b"}).ok()
    assert search("tags.t = 'a'") == [] and search("tags.t = 'b'") == [run]
    api.post("runs/delete-tag", {"run_id": run, "key": "t"}).ok()
    assert search("tags.t LIKE '%'") == []
    api.post("runs/delete", {"run_id": run}).ok()
    assert search("metrics.m = 4") == []
    api.post("runs/restore", {"run_id": run}).ok()
    assert search("metrics.m = 4 AND status = 'FINISHED'") == [run]


def test_null_checks_are_refused_or_work_as_in_later_releases(population):
    reply = population.search("params.lr IS NULL")
    if reply.status == 200:
        population.agree("params.lr IS NULL", lambda run: "lr" not in run["params"])
        population.agree("tags.team IS NOT NULL", lambda run: "team" in run["tags"])
    else:
        expect_error(reply, 400, "INVALID_PARAMETER_VALUE")
