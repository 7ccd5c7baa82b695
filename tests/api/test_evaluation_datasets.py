import base64
import hashlib
import json
import math
import re

import pytest

from support import API_3, expect_error, expect_invalid, invalid, missing, unique


class Datasets:
    """Evaluation datasets over HTTP."""

    def __init__(self, api):
        self.api = api

    def post(self, path, body):
        return self.api.post(f"datasets/{path}", body, root=API_3)

    def create(self, name=None, **fields):
        if "tags" in fields:
            fields["tags"] = json.dumps(fields["tags"])
        return self.post("create", {"name": name or unique("eval"), **fields}).ok()["dataset"]

    def id(self, **fields):
        return self.create(**fields)["dataset_id"]

    def load(self, dataset_id):
        return self.api.get(f"datasets/{dataset_id}", root=API_3).ok()["dataset"]

    def tags(self, dataset_id):
        return json.loads(self.load(dataset_id)["tags"])

    def put(self, dataset_id, records):
        return self.post(f"{dataset_id}/records", {"records": json.dumps(records)})

    def upsert(self, dataset_id, records):
        """(inserted, updated)"""
        counts = self.put(dataset_id, records).ok()
        return counts["inserted_count"], counts["updated_count"]

    def page(self, dataset_id, **query):
        return self.api.get(f"datasets/{dataset_id}/records", query, root=API_3)

    def records(self, dataset_id, **query):
        return json.loads(self.page(dataset_id, **query).ok()["records"])

    def record(self, dataset_id):
        (one,) = self.records(dataset_id)
        return one

    def search(self, **body):
        return self.post("search", body)

    def names(self, **body):
        return [dataset["name"] for dataset in self.search(**body).ok().get("datasets", [])]

    def experiments(self, dataset_id):
        return self.api.get(f"datasets/{dataset_id}/experiment-ids", root=API_3).ok().get("experiment_ids", [])


@pytest.fixture
def datasets(api):
    return Datasets(api)


@pytest.fixture
def dataset(datasets):
    """The id of a fresh dataset."""
    return datasets.id()


def digest(name, time):
    return hashlib.sha256(f"{name}:{time}".encode()).hexdigest()[:8]


# --- create, get, delete ---


def test_a_new_dataset_has_a_digest_and_no_schema(datasets):
    name = unique("é")
    made = datasets.create(name)
    assert made["name"] == name
    assert made["tags"] == "{}"
    assert made["created_time"] == made["last_update_time"]
    assert made["digest"] == digest(name, made["created_time"])
    assert not {"schema", "profile", "created_by", "last_updated_by", "experiment_ids"} & set(made)
    assert datasets.load(made["dataset_id"]) == made


def test_names_are_not_unique(datasets):
    name = unique("twice")
    assert datasets.id(name=name) != datasets.id(name=name)
    assert datasets.names(filter_string=f"name = '{name}'") == [name, name]


def test_only_the_answer_to_create_names_the_experiments(datasets, experiment):
    made = datasets.create(experiment_ids=[experiment, "0", experiment, "987654321"])
    assert sorted(made["experiment_ids"], key=int) == ["0", experiment, "987654321"]
    assert "experiment_ids" not in datasets.load(made["dataset_id"])
    assert datasets.experiments(made["dataset_id"]) == made["experiment_ids"]


def test_the_user_tag_says_who_made_it(datasets):
    made = datasets.create(tags={"mlflow.user": "ada", "k": "v"})
    assert (made["created_by"], made["last_updated_by"]) == ("ada", "ada")
    assert json.loads(made["tags"]) == {"mlflow.user": "ada", "k": "v"}


def test_tags_that_are_no_texts_become_json_and_nulls_are_left_out(datasets):
    made = datasets.create(tags={"t": True, "n": 1, "f": 1.5, "o": {"a": [1, None]}, "null": None, "e": ""})
    assert json.loads(made["tags"]) == {"t": "true", "n": "1", "f": "1.5", "o": '{"a": [1, null]}', "e": ""}
    assert datasets.create(tags=None)["tags"] == "{}"


@pytest.mark.parametrize("tags, message", [("{", re.compile("^'tags' does not hold valid JSON: ")), ("[]", invalid([], "tags")), ('"x"', invalid("x", "tags")), ({"a": "b"}, invalid({"a": "b"}, "tags"))])
def test_bad_tags_are_refused_and_nothing_is_made(datasets, tags, message):
    name = unique("bad")
    expect_invalid(datasets.post("create", {"name": name, "tags": tags}), message)
    assert datasets.names(filter_string=f"name = '{name}'") == []


def test_create_wants_a_name_and_integers_for_experiments(datasets):
    expect_invalid(datasets.post("create", {}), missing("name"))
    expect_invalid(datasets.post("create", {"name": ""}), missing("name"))
    message = "Invalid experiment ID 'x'. Experiment ID must be a valid integer."
    expect_invalid(datasets.post("create", {"name": "n", "experiment_ids": ["x"]}), message)


def test_an_unknown_dataset_is_404(datasets):
    reply = datasets.api.get("datasets/nope", root=API_3)
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", "Evaluation dataset with id 'nope' not found")


def test_deleting_takes_the_records_along_and_twice_is_no_error(datasets, dataset):
    datasets.upsert(dataset, [{"inputs": {"a": 1}}])
    for _ in range(2):
        assert datasets.api.delete(f"datasets/{dataset}", {}, root=API_3).ok() == {}
    assert datasets.api.get(f"datasets/{dataset}", root=API_3).status == 404
    assert datasets.records(dataset) == []


@pytest.mark.parametrize("path", ["", "/tags/k"])
def test_a_delete_with_the_type_of_a_form_is_refused(datasets, dataset, path):
    reply = datasets.api.request("DELETE", f"{API_3}datasets/{dataset}{path}", data="x", headers={"Content-Type": "text/plain"})
    expect_invalid(reply, "Bad Request. Content-Type must be one of ['application/json'].")
    assert datasets.load(dataset)


# --- tags ---


def set_tags(datasets, dataset_id, tags):
    return datasets.api.patch(f"datasets/{dataset_id}/tags", {"tags": tags}, root=API_3)


def test_setting_tags_keeps_the_others_and_touches_nothing_else(datasets):
    made = datasets.create(tags={"a": "1", "b": "2"})
    set_tags(datasets, made["dataset_id"], json.dumps({"b": "3", "c": False, "a": None})).ok()
    now = datasets.load(made["dataset_id"])
    assert json.loads(now["tags"]) == {"a": "1", "b": "3", "c": "false"}
    assert {**now, "tags": made["tags"]} == {k: v for k, v in made.items() if k != "experiment_ids"}


def test_tags_of_an_unknown_dataset(datasets):
    message = "Could not find evaluation dataset with ID nope"
    expect_error(set_tags(datasets, "nope", '{"a": "b"}'), 404, "RESOURCE_DOES_NOT_EXIST", message)
    assert datasets.api.delete("datasets/nope/tags/a", {}, root=API_3).ok() == {}


@pytest.mark.parametrize("tags", ["", None])
def test_set_tags_wants_tags(datasets, dataset, tags):
    expect_invalid(set_tags(datasets, dataset, tags), missing("tags"))


@pytest.mark.parametrize("key", ["k", "a b", "ü", "a.b"])
def test_a_tag_is_deleted_once_and_then_is_no_error(datasets, key):
    dataset = datasets.id(tags={key: "v", "other": "w"})
    for _ in range(2):
        assert datasets.api.delete(f"datasets/{dataset}/tags/{key}", {}, root=API_3).ok() == {}
        assert datasets.tags(dataset) == {"other": "w"}


# --- experiments ---


def test_experiments_are_added_and_removed(datasets, experiment, dataset):
    before = datasets.load(dataset)
    added = datasets.post(f"{dataset}/add-experiments", {"experiment_ids": ["0", experiment, "0"]}).ok()["dataset"]
    assert added["digest"] == before["digest"]
    assert added["last_update_time"] >= before["last_update_time"]
    assert datasets.experiments(dataset) == ["0", experiment]
    datasets.post(f"{dataset}/remove-experiments", {"experiment_ids": ["0", "987654321"]}).ok()
    assert datasets.experiments(dataset) == [experiment]


def test_only_experiments_that_exist_are_added_and_else_none(datasets, experiment, dataset):
    reply = datasets.post(f"{dataset}/add-experiments", {"experiment_ids": [experiment, "987654321"]})
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", "Experiment '987654321' not found")
    assert datasets.experiments(dataset) == []


@pytest.mark.parametrize("verb", ["add", "remove"])
def test_experiments_of_an_unknown_dataset(datasets, verb):
    reply = datasets.post(f"nope/{verb}-experiments", {"experiment_ids": ["0"]})
    expect_error(reply, 404, "RESOURCE_DOES_NOT_EXIST", "Dataset 'nope' not found")
    expect_invalid(datasets.post(f"nope/{verb}-experiments", {}), missing("experiment_ids"))
    assert datasets.experiments("nope") == []


def test_a_malformed_query_is_refused(datasets, dataset):
    expect_invalid(datasets.api.get(f"datasets/{dataset}/experiment-ids", {"a": b"\xff"}, root=API_3))


# --- records: what is the same ---


def test_equal_inputs_are_one_record(datasets, dataset):
    assert datasets.upsert(dataset, [{"inputs": {"a": 1, "b": {"x": 1, "y": 2}}}]) == (1, 0)
    assert datasets.upsert(dataset, [{"inputs": {"b": {"y": 2, "x": 1}, "a": 1}}]) == (0, 1)
    assert len(datasets.records(dataset)) == 1


def test_numbers_and_booleans_are_told_apart(datasets, dataset):
    values = [1, 1.0, True, "1", None, [1], 10**20, 10**20 + 1, 1e20, -0.0, 0.0, 0]
    assert datasets.upsert(dataset, [{"inputs": {"a": value}} for value in values]) == (len(values), 0)
    assert datasets.upsert(dataset, [{"inputs": {"a": value}} for value in values]) == (0, len(values))
    found = [record["inputs"]["a"] for record in datasets.records(dataset)]
    assert [repr(value) for value in found] == [repr(value) for value in values]


@pytest.mark.parametrize("text", ['{"f": 1e5}', '{"f": 100000.0}', '{ "f" : 1.0E+5 }'])
def test_a_number_counts_by_its_value_not_by_how_it_is_written(datasets, dataset, text):
    assert datasets.upsert(dataset, [{"inputs": {"f": 1e5}}]) == (1, 0)
    counts = datasets.post(f"{dataset}/records", {"records": f'[{{"inputs": {text}}}]'}).ok()
    assert counts == {"inserted_count": 0, "updated_count": 1}


def test_escapes_do_not_count(datasets, dataset):
    assert datasets.upsert(dataset, [{"inputs": {"ü": "😀\u007f\n"}}]) == (1, 0)
    text = json.dumps([{"inputs": {"ü": "😀\u007f\n"}}], ensure_ascii=False)
    assert datasets.post(f"{dataset}/records", {"records": text}).ok()["updated_count"] == 1
    assert datasets.record(dataset)["inputs"] == {"ü": "😀\u007f\n"}


def test_missing_inputs_are_empty_ones(datasets, dataset):
    assert datasets.upsert(dataset, [{}, {"inputs": {}}]) == (1, 1)
    assert datasets.record(dataset)["inputs"] == {}


def test_two_datasets_may_have_the_same_inputs(datasets, dataset):
    other = datasets.id()
    for one in (dataset, other):
        assert datasets.upsert(one, [{"inputs": {"a": 1}}]) == (1, 0)


# --- records: what is kept ---


def test_a_bare_record_has_empty_outputs_and_tags(datasets, dataset):
    datasets.upsert(dataset, [{"inputs": {"q": "?"}}])
    made = datasets.record(dataset)
    assert re.fullmatch("dr-[0-9a-f]{32}", made.pop("dataset_record_id"))
    assert made.pop("created_time") == made.pop("last_update_time") == datasets.load(dataset)["last_update_time"]
    assert made == {"dataset_id": dataset, "inputs": {"q": "?"}, "outputs": {}, "tags": {}}


def test_a_full_record_reads_back(datasets, dataset):
    record = {
        "inputs": {"q": ["a", {"b": None}]},
        "outputs": ["any", {"json": 1.5}],
        "expectations": {"answer": 42, "n": [1]},
        "tags": {"mlflow.user": "ada", "n": 5},
        "source": {"source_type": "human", "source_data": {"source_id": "s1", "more": [1]}},
    }
    datasets.upsert(dataset, [record])
    made = datasets.record(dataset)
    for part in ("inputs", "outputs", "expectations", "tags"):
        assert made[part] == record[part]
    assert made["source"] == {"source_type": "HUMAN", "source_data": {"source_id": "s1", "more": [1]}}
    assert (made["source_type"], made["source_id"]) == ("HUMAN", "s1")
    assert (made["created_by"], made["last_updated_by"]) == ("ada", "ada")


@pytest.mark.parametrize("source, kind, name", [({"source_type": "TRACE", "source_data": {"trace_id": "tr-1", "source_id": "x"}}, "TRACE", "tr-1"), ({"source_type": "document"}, "DOCUMENT", None), ({"source_type": "Code", "source_data": None}, "CODE", None), ({"source_type": "unspecified", "source_data": {"trace_id": "t"}}, "UNSPECIFIED", None)])
def test_every_kind_of_source_can_be_listed_again(datasets, dataset, source, kind, name):
    datasets.upsert(dataset, [{"inputs": {}, "source": source}])
    made = datasets.record(dataset)
    assert made["source"] == {"source_type": kind, "source_data": source.get("source_data") or {}}
    assert (made["source_type"], made.get("source_id")) == (kind, name)


def test_nan_and_infinity_are_kept(datasets, dataset):
    datasets.upsert(dataset, [{"inputs": {"a": [math.nan, math.inf, -math.inf]}}])
    a, b, c = datasets.record(dataset)["inputs"]["a"]
    assert math.isnan(a) and (b, c) == (math.inf, -math.inf)


# --- records: merging ---


def test_a_second_time_merges_key_by_key(datasets, dataset):
    first = {"inputs": {"a": 1}, "outputs": "o", "expectations": {"x": 1, "y": 2}, "tags": {"t": "1", "mlflow.user": "ada"}, "source": {"source_type": "CODE"}}
    datasets.upsert(dataset, [first])
    before = datasets.record(dataset)
    second = {"inputs": {"a": 1}, "expectations": {"y": 3, "z": 4}, "tags": {"u": "2"}, "source": {"source_type": "HUMAN"}}
    assert datasets.upsert(dataset, [second]) == (0, 1)
    after = datasets.record(dataset)
    assert after["expectations"] == {"x": 1, "y": 3, "z": 4}
    assert after["tags"] == {"t": "1", "u": "2", "mlflow.user": "ada"}
    for kept in ("dataset_record_id", "outputs", "source", "created_time", "created_by", "last_updated_by"):
        assert after[kept] == before[kept]
    assert after["last_update_time"] >= before["last_update_time"]


def test_outputs_are_replaced_only_if_they_are_named(datasets, dataset):
    for record, outputs in (({"outputs": {"a": 1}}, {"a": 1}), ({}, {"a": 1}), ({"outputs": {"b": 2}}, {"b": 2})):
        datasets.upsert(dataset, [{"inputs": {}, **record}])
        assert datasets.record(dataset)["outputs"] == outputs
    datasets.upsert(dataset, [{"inputs": {}, "outputs": None}])
    assert "outputs" not in datasets.record(dataset)


def test_expectations_may_come_later(datasets, dataset):
    datasets.upsert(dataset, [{"inputs": {}, "expectations": None}])
    assert "expectations" not in datasets.record(dataset)
    datasets.upsert(dataset, [{"inputs": {}, "expectations": {"e": 1}, "tags": {"mlflow.user": "bob"}}])
    made = datasets.record(dataset)
    assert made["expectations"] == {"e": 1}
    assert made["last_updated_by"] == "bob" and "created_by" not in made


def test_duplicates_in_one_call_merge_in_order(datasets, dataset):
    records = [{"inputs": {"a": 1}, "tags": {"n": i, str(i): True}} for i in range(3)]
    assert datasets.upsert(dataset, records) == (1, 2)
    assert datasets.record(dataset)["tags"] == {"n": 2, "0": True, "1": True, "2": True}


# --- records: what they do to the dataset ---


def test_an_upsert_moves_the_digest_the_time_and_the_user(datasets):
    made = datasets.create(tags={"mlflow.user": "ada"})
    dataset = made["dataset_id"]
    datasets.upsert(dataset, [{"inputs": {"a": 1}, "tags": {"mlflow.user": "bob"}}])
    now = datasets.load(dataset)
    assert now["digest"] == digest(now["name"], now["last_update_time"])
    assert now["last_update_time"] > made["last_update_time"]
    assert (now["created_by"], now["last_updated_by"]) == ("ada", "bob")
    datasets.upsert(dataset, [])
    later = datasets.load(dataset)
    assert later["digest"] == digest(now["name"], later["last_update_time"])
    assert later["last_updated_by"] == "bob"
    assert (later["schema"], later["profile"]) == (now["schema"], now["profile"])


def test_the_schema_keeps_the_first_type_of_each_name(datasets, dataset):
    datasets.upsert(dataset, [{"inputs": {"i": 1, "f": 1.0, "b": True, "s": "", "n": None, "a": [], "o": {}, "w": 10**30}, "outputs": {"x": 1}, "expectations": {"e": "s"}}])
    datasets.upsert(dataset, [{"inputs": {"i": "text", "new": 1}, "outputs": "bare", "expectations": {"e": 1}}])
    found = datasets.load(dataset)
    assert json.loads(found["schema"]) == {
        "inputs": {"i": "integer", "f": "float", "b": "boolean", "s": "string", "n": "null", "a": "array", "o": "object", "w": "integer", "new": "integer"},
        "outputs": {"x": "integer"},
        "expectations": {"e": "string"},
        "version": "1.0",
    }
    assert found["profile"] == '{"num_records": 2}'


def test_bare_outputs_have_a_bare_type_and_objects_may_follow(datasets, dataset):
    datasets.upsert(dataset, [{"inputs": {"a": 1}, "outputs": "text"}, {"inputs": {"a": 2}, "outputs": {"x": 1}}])
    assert json.loads(datasets.load(dataset)["schema"])["outputs"] == "string"
    datasets.upsert(dataset, [{"inputs": {"a": 3}, "outputs": {"y": 1}}])
    assert len(datasets.records(dataset)) == 3


# --- records: what is refused ---


@pytest.mark.parametrize(
    "records, message",
    [
        ('{"inputs": {}}', "'records' must hold a JSON array, but was of type 'dict'."),
        ("null", "'records' must hold a JSON array, but was of type 'NoneType'."),
        ('"x"', "'records' must hold a JSON array, but was of type 'str'."),
        ("[", re.compile("^'records' does not hold valid JSON: ")),
        ("  ", "'records' must hold JSON, but is empty."),
        ("[1]", "records[0] must be an object, but was of type 'int'."),
        ("[null]", "records[0] must be an object, but was of type 'NoneType'."),
        ('[{}, {"inputs": [1]}]', "records[1].inputs must be an object, but was of type 'list'."),
        ('[{"tags": []}]', "records[0].tags must be an object, but was of type 'list'."),
        ('[{"expectations": "x"}]', "records[0].expectations must be an object, but was of type 'str'."),
        ('[{"source": "x"}]', "records[0].source must be an object, but was of type 'str'."),
        ('[{"source": {"a": 1}}]', "records[0].source.source_type must be a string, but was of type 'NoneType'."),
        ('[{"source": {"source_type": "CODE", "source_data": 1}}]', "records[0].source.source_data must be an object, but was of type 'int'."),
        ('[{"source": {"source_type": "bad"}}]', "Invalid dataset record source type: BAD. Valid source types: ['UNSPECIFIED', 'TRACE', 'HUMAN', 'DOCUMENT', 'CODE']"),
    ],
)
def test_bad_records_are_refused_and_nothing_is_kept(datasets, dataset, records, message):
    before = datasets.load(dataset)
    expect_invalid(datasets.post(f"{dataset}/records", {"records": records}), message)
    assert datasets.records(dataset) == []
    assert datasets.load(dataset) == before


def test_records_come_as_text(datasets, dataset):
    expect_invalid(datasets.post(f"{dataset}/records", {"records": [{"inputs": {}}]}), invalid([{"inputs": {}}], "records"))
    expect_invalid(datasets.post(f"{dataset}/records", {}), missing("records"))


@pytest.mark.parametrize("records", [[], [{"inputs": {}}]])
def test_records_for_an_unknown_dataset_are_refused(datasets, records):
    expect_error(datasets.put("nope", records), 404, "RESOURCE_DOES_NOT_EXIST", "Dataset 'nope' not found")


# --- listing ---


def test_records_are_listed_in_the_order_in_which_they_came(datasets, dataset):
    for start in (0, 300):
        datasets.upsert(dataset, [{"inputs": {"i": start + i}} for i in range(300)])
    assert [record["inputs"]["i"] for record in datasets.records(dataset)] == list(range(600))


def test_pages_follow_each_other_without_gap_or_repetition(datasets, dataset):
    datasets.upsert(dataset, [{"inputs": {"i": i}} for i in range(25)])
    seen, query = [], {"max_results": 10}
    for count in (10, 10, 5):
        page = datasets.page(dataset, **query).ok()
        found = json.loads(page["records"])
        assert len(found) == count
        seen += [record["inputs"]["i"] for record in found]
        query["page_token"] = page.get("next_page_token")
        if query["page_token"]:
            last = found[-1]
            assert base64.b64decode(query["page_token"]).decode() == f"{last['created_time']}:{last['dataset_record_id']}"
    assert query["page_token"] is None
    assert seen == list(range(25))


def test_a_page_that_is_just_full_is_the_last(datasets, dataset):
    datasets.upsert(dataset, [{"inputs": {"i": i}} for i in range(3)])
    assert "next_page_token" not in datasets.page(dataset, max_results=3).ok()


def test_a_number_as_token_is_a_count_of_records(datasets, dataset):
    datasets.upsert(dataset, [{"inputs": {"i": i}} for i in range(5)])
    assert [record["inputs"]["i"] for record in datasets.records(dataset, page_token="3")] == [3, 4]


def test_no_maximum_is_a_thousand(datasets, dataset):
    datasets.upsert(dataset, [{"inputs": {"i": i}} for i in range(1001)])
    assert len(datasets.records(dataset)) == len(datasets.records(dataset, max_results=0)) == 1000
    assert len(datasets.records(dataset, max_results=100000)) == 1001


def test_a_page_of_large_records_ends_early_and_says_so(datasets, dataset):
    for i in range(3):
        datasets.upsert(dataset, [{"inputs": {"i": i, "text": "x" * (9 << 20)}}])
    page = datasets.page(dataset).ok()
    first = json.loads(page["records"])
    rest = datasets.records(dataset, page_token=page["next_page_token"])
    assert [record["inputs"]["i"] for record in first + rest] == [0, 1, 2]
    assert len(first) == 2


@pytest.mark.parametrize("token", ["rubbish", "-1", "MTIz", base64.b64encode(b"x:y").decode(), base64.b64encode(b"1:\xff").decode()])
def test_a_bad_token_is_refused(datasets, dataset, token):
    message = f"Invalid page token '{token}'. Take the next_page_token of the page before."
    expect_invalid(datasets.page(dataset, page_token=token), message)


@pytest.mark.parametrize("value", ["-1", "x", "1.5"])
def test_a_bad_maximum_is_refused(datasets, dataset, value):
    expect_invalid(datasets.page(dataset, max_results=value))


def test_records_of_an_unknown_dataset_are_none(datasets):
    assert datasets.page("nope").ok() == {"records": "[]"}


# --- search ---


@pytest.fixture(scope="module")
def some(server):
    """Datasets of an experiment of their own; names, users and tags differ."""
    api = server.api.clone()
    datasets = Datasets(api)
    experiment = api.experiment()
    made = []
    for i, name in enumerate(["alpha", "Beta", "gamma_1", "gamma-1", "é", "50%"]):
        tags = {"all": "x", "i": str(i)}
        if i % 2:
            tags["mlflow.user"] = "Ada" if i % 3 else "bob"
        made.append(datasets.create(name, experiment_ids=[experiment], tags=tags))
    return datasets, experiment, made


def find(some, filter_string="", **more):
    datasets, experiment, _ = some
    return datasets.names(experiment_ids=[experiment], filter_string=filter_string, **more)


def expected(some, predicate):
    return sorted(dataset["name"] for dataset in some[2] if predicate(dataset))


@pytest.mark.parametrize(
    "filter_string, predicate",
    [
        ("name = 'alpha'", lambda d: d["name"] == "alpha"),
        ("name = 'ALPHA'", lambda d: False),
        ("name != 'alpha'", lambda d: d["name"] != "alpha"),
        ("name LIKE '%a%'", lambda d: "a" in d["name"]),
        ("name ILIKE 'BETA'", lambda d: d["name"] == "Beta"),
        ("created_by = 'bob'", lambda d: d.get("created_by") == "bob"),
        ("created_by != 'bob'", lambda d: d.get("created_by") == "Ada"),
        ("created_by ILIKE 'ada'", lambda d: d.get("created_by") == "Ada"),
        ("last_updated_by LIKE 'A%'", lambda d: d.get("created_by") == "Ada"),
        ("tags.i = '3'", lambda d: json.loads(d["tags"])["i"] == "3"),
        ("tags.i != '3'", lambda d: json.loads(d["tags"])["i"] != "3"),
        ("tags.none != 'x'", lambda d: False),
        ("tags.`mlflow.user` ILIKE 'BOB'", lambda d: d.get("created_by") == "bob"),
        ("tags.all LIKE '%x%' AND name LIKE 'g%'", lambda d: d["name"].startswith("g")),
        ("", lambda d: True),
    ],
)
def test_filters_find_what_they_say(some, filter_string, predicate):
    assert sorted(find(some, filter_string)) == expected(some, predicate)


@pytest.mark.parametrize("key", ["created_time", "last_update_time"])
@pytest.mark.parametrize("op", ["=", "!=", "<", "<=", ">", ">="])
def test_times_compare(some, key, op):
    middle = some[2][2][key]
    test = {"=": int.__eq__, "!=": int.__ne__, "<": int.__lt__, "<=": int.__le__, ">": int.__gt__, ">=": int.__ge__}[op]
    assert sorted(find(some, f"{key} {op} {middle}")) == expected(some, lambda d: test(d[key], middle))


@pytest.mark.parametrize("filter_string", ["name > 'a'", "tag.i = '1'", "attribute.name = 'x'", "dataset_id = 'x'", "digest = 'x'", "name = 'a' OR name = 'b'", "name = 5", "created_time = 'x'", "created_time LIKE 5", "tags.i > '1'", "name", "name IN ('a')", "tags.i IS NULL"])
def test_a_bad_filter_is_refused(some, filter_string):
    expect_invalid(some[0].search(filter_string=filter_string))


def test_the_default_order_is_newest_first(some):
    newest = sorted(some[2], key=lambda d: (d["created_time"], d["dataset_id"]), reverse=True)
    assert find(some) == [d["name"] for d in newest]


@pytest.mark.parametrize("direction", ["", " ASC", " DESC"])
@pytest.mark.parametrize("key", ["name", "created_time", "last_update_time"])
def test_every_order_agrees_with_python(some, key, direction):
    ids_last = sorted(some[2], key=lambda d: d["dataset_id"], reverse=True)
    value = lambda d: d[key].encode() if key == "name" else d[key]
    assert find(some, order_by=[key + direction]) == [d["name"] for d in sorted(ids_last, key=value, reverse=direction == " DESC")]


@pytest.mark.parametrize("clause", ["created_by", "tags.i", "dataset_id", "name UP", ""])
def test_a_bad_order_is_refused(some, clause):
    expect_invalid(some[0].search(order_by=[clause]))


@pytest.mark.parametrize("order", [[], ["name"], ["created_time ASC", "name DESC"]])
def test_search_pages_follow_each_other_and_the_last_has_no_token(some, order):
    whole = find(some, order_by=order)
    body = {"experiment_ids": [some[1]], "max_results": 2, "order_by": order}
    found = []
    for last in (False, False, True):
        page = some[0].search(**body).ok()
        found += [d["name"] for d in page["datasets"]]
        assert ("next_page_token" not in page) == last
        body["page_token"] = page.get("next_page_token")
    assert found == whole


def test_a_token_with_an_offset_alone_is_enough(some):
    token = base64.b64encode(b'{"offset": 4}').decode()
    assert find(some, page_token=token) == find(some)[4:]
    expect_invalid(some[0].search(page_token="!"), re.compile("^Invalid page token, "))


def test_search_by_experiments_finds_those_of_any(some, experiment):
    datasets, home, _ = some
    other = datasets.create(experiment_ids=[experiment])
    assert datasets.names(experiment_ids=[experiment]) == [other["name"]]
    assert sorted(datasets.names(experiment_ids=[experiment, home])) == sorted([other["name"]] + expected(some, lambda d: True))
    assert datasets.names(experiment_ids=["987654320"]) == []
    expect_invalid(datasets.search(experiment_ids=["x"]))


def test_search_answers_get_as_well(some):
    datasets, experiment, _ = some
    query = {"experiment_ids": [experiment], "filter_string": "name = 'alpha'", "max_results": 5}
    found = datasets.api.get("datasets/search", query, root=API_3).ok()["datasets"]
    assert [d["name"] for d in found] == ["alpha"]
    expect_invalid(datasets.api.get("datasets/search", {"filter_string": "x"}, root=API_3))


@pytest.mark.parametrize("value, message", [(0, "It must be a positive integer"), (-1, "It must be a positive integer"), (50001, "It must be at most 50000")])
def test_a_bad_number_of_results_is_refused(datasets, value, message):
    expect_invalid(datasets.search(max_results=value), f"Invalid value {value} for parameter 'max_results' supplied. {message}")
