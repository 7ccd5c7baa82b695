import base64
import json
import math
import time

import pytest

from support import AJAX, expect_invalid, pairs, unique

MODELS = "registered-models/search"
VERSIONS = "model-versions/search"
IS_PROMPT = "mlflow.prompt.is_prompt"
PROMPT = {"key": IS_PROMPT, "value": "true"}


class Some:
    """Models with versions, all under a prefix of their own, and prompts."""

    def __init__(self, api):
        self.api = api
        self.prefix = unique("Reg")
        self.run = api.run()
        for i, name in enumerate(["alpha", "Beta", "gamma_1", "gamma-1", "50%", "Üml", "a b", "10", "9", "it's"]):
            tags = [{"key": "team", "value": "red" if i % 2 else "Blue"}] if i % 3 else []
            tags += [{"key": "all", "value": self.prefix}, {"key": "a key", "value": str(i)}, {"key": "long", "value": "x" * 300}]
            full = api.registered_model(f"{self.prefix}-{name}", tags=tags, description=f"d{i}")
            for j in range(i % 4):
                more = {"run_id": self.run} if j == 1 else {}
                vtags = [{"key": "all", "value": self.prefix}, {"key": "size", "value": "big" if j else "Small"}]
                api.model_version(full, f"s3://b/{i}/{j}", tags=vtags, **more)
                time.sleep(0.002)
            time.sleep(0.002)
        api.patch("model-versions/update", {"name": f"{self.prefix}-gamma_1", "version": "1", "description": "d"}).ok()
        self.prompts = []
        for i, value in enumerate(["true", "true", "false"]):
            tags = [{"key": IS_PROMPT, "value": value}, {"key": "all", "value": self.prefix}]
            full = api.registered_model(f"{self.prefix}-prompt{i}", tags=tags)
            api.model_version(full, "dummy-source", tags=tags)
            self.prompts.append(full)
        self.models = self.whole(MODELS, f"name LIKE '{self.prefix}-%'")
        self.versions = self.whole(VERSIONS, f"name LIKE '{self.prefix}-%'")

    def search(self, kind, filter="", **more):
        return self.api.get(kind, {"max_results": "1000", "filter": filter, **more})

    def whole(self, kind, filter="", **more):
        """The entities of this fixture, in the server's order."""
        key = "registered_models" if kind == MODELS else "model_versions"
        found = self.search(kind, filter, **more).ok().get(key, [])
        return [one for one in found if one["name"].startswith(self.prefix)]

    def short(self, kind, filter="", **more):
        return [self.label(one) for one in self.whole(kind, filter, **more)]

    def label(self, one):
        name = one["name"][len(self.prefix) + 1 :]
        return f"{name}/{one['version']}" if "version" in one else name

    def agree(self, kind, filter, predicate):
        base = self.models if kind == MODELS else self.versions
        assert sorted(self.short(kind, filter)) == sorted(self.label(one) for one in base if predicate(one)), filter


@pytest.fixture(scope="module")
def some(server):
    return Some(server.api.clone())


def tag(one, key):
    return pairs(one.get("tags")).get(key)


def test_the_fixture_is_what_it_should_be(some):
    assert len(some.models) == 11 and len(some.versions) == 0 + 1 + 2 + 3 + 0 + 1 + 2 + 3 + 0 + 1 + 1


# --- filters ---


@pytest.mark.parametrize("kind", [MODELS, VERSIONS])
def test_name_comparators_find_what_they_say(some, kind):
    p = some.prefix
    short = lambda one: one["name"][len(p) + 1 :]
    some.agree(kind, f"name = '{p}-Beta'", lambda one: short(one) == "Beta")
    some.agree(kind, f"attribute.name = '{p}-Beta'", lambda one: short(one) == "Beta")
    some.agree(kind, f"name = '{p}-BETA'", lambda one: False)
    some.agree(kind, f"name != '{p}-Beta' AND name LIKE '{p}-%'", lambda one: short(one) != "Beta")
    some.agree(kind, f"name LIKE '{p}-%a'", lambda one: short(one).endswith("a"))
    some.agree(kind, f"name LIKE '{p}-gamma_1'", lambda one: short(one).startswith("gamma"))
    some.agree(kind, f"name LIKE '{p.lower()}-%'", lambda one: False)
    some.agree(kind, f"name ILIKE '{p.lower()}-BETA'", lambda one: short(one) == "Beta")
    some.agree(kind, f"name like '{p}-%' and name ilike '%M%'", lambda one: "m" in short(one).lower())
    some.agree(kind, f"`name` = \"{p}-it's\"", lambda one: short(one) == "it's")
    some.agree(kind, f"name LIKE '{p}-Ü%'", lambda one: short(one) == "Üml")


def test_tag_comparators_find_what_they_say(some):
    all = f" AND tags.all = '{some.prefix}'"
    some.agree(MODELS, "tags.team = 'red'" + all, lambda one: tag(one, "team") == "red")
    some.agree(MODELS, "tag.team = 'blue'" + all, lambda one: False)
    some.agree(MODELS, "tags.team != 'red'" + all, lambda one: tag(one, "team") not in (None, "red"))
    some.agree(MODELS, "tags.team LIKE '%l%'" + all, lambda one: tag(one, "team") == "Blue")
    some.agree(MODELS, "tags.`team` ILIKE 'BLUE'" + all, lambda one: tag(one, "team") == "Blue")
    some.agree(MODELS, "tags.\"a key\" = '3'" + all, lambda one: tag(one, "a key") == "3")
    some.agree(MODELS, "tags.`a key` != '3' and tags.team = 'red'" + all, lambda one: tag(one, "team") == "red" and tag(one, "a key") != "3")
    some.agree(MODELS, "tags.team = 'red' and tags.team != 'red'" + all, lambda one: False)
    some.agree(MODELS, "tags.team LIKE 'r%' and tags.team LIKE '%d'" + all, lambda one: tag(one, "team") == "red")
    some.agree(MODELS, f"tags.long = '{'x' * 300}'" + all, lambda one: tag(one, "long") is not None)
    some.agree(MODELS, "tags.none != 'x'" + all, lambda one: False)
    some.agree(VERSIONS, "tags.size = 'big'" + all, lambda one: tag(one, "size") == "big")
    some.agree(VERSIONS, "tags.size ILIKE 'SMALL'" + all, lambda one: tag(one, "size") == "Small")
    some.agree(VERSIONS, "tags.team = 'red'" + all, lambda one: False)


def test_versions_are_found_by_run_source_and_number(some):
    p = f" and name LIKE '{some.prefix}-%'"
    number = lambda one: int(one["version"])
    some.agree(VERSIONS, f"run_id = '{some.run}'", lambda one: one["run_id"] == some.run)
    some.agree(VERSIONS, f"run_id IN ('{some.run}', 'x')", lambda one: one["run_id"] == some.run)
    some.agree(VERSIONS, f"run_id in ('x')" + p, lambda one: False)
    some.agree(VERSIONS, "run_id = ''" + p, lambda one: one["run_id"] == "")
    some.agree(VERSIONS, f"run_id != '{some.run}'" + p, lambda one: one["run_id"] != some.run)
    some.agree(VERSIONS, f"run_id LIKE '{some.run[:20]}%'" + p, lambda one: one["run_id"] == some.run)
    some.agree(VERSIONS, "source_path = 's3://b/3/1'" + p, lambda one: one["source"] == "s3://b/3/1")
    some.agree(VERSIONS, "source_path ILIKE 'S3://B/3/%'" + p, lambda one: one["source"].startswith("s3://b/3/"))
    some.agree(VERSIONS, "source_path LIKE 'S3://b/3/%'" + p, lambda one: False)
    for op, test in (
        ("=", lambda v: v == 2),
        ("!=", lambda v: v != 2),
        ("<", lambda v: v < 2),
        ("<=", lambda v: v <= 2),
        (">", lambda v: v > 2),
        (">=", lambda v: v >= 2),
    ):
        for value in ("2", "2.0", "'2'", '"2"'):
            some.agree(VERSIONS, f"version_number {op} {value}" + p, lambda one: test(number(one)))
    some.agree(VERSIONS, "version_number > 1.5 AND version_number < 2.5" + p, lambda one: number(one) == 2)
    some.agree(VERSIONS, "version_number = -1" + p, lambda one: False)


@pytest.mark.parametrize("kind", [MODELS, VERSIONS])
def test_a_spare_and_is_no_fault(some, kind):
    name = f"name = '{some.prefix}-Beta'"
    expected = some.short(kind, name)
    assert expected
    for filter in (f"{name} AND", f"AND {name}", f"{name} and AND {name}", f"{name} {name}"):
        assert some.short(kind, filter) == expected


REFUSED = [
    ("name = 'a' OR name = 'b'", "Invalid clause(s) in filter string: OR"),
    ("name IS NULL", "Invalid clause(s) in filter string: name, IS, NULL"),
    ("NOT name = 'a'", "Invalid clause(s) in filter string: NOT"),
    ("name", "Invalid clause(s) in filter string: name"),
    ("   ", "Invalid filter '   '. Could not be parsed."),
    ("attr.name = 'a'", "Invalid entity type 'attr'. Valid entity types are ('attribute', 'tag', 'tags')"),
    ("attributes.name = 'a'", "Invalid entity type 'attributes'. Valid entity types are ('attribute', 'tag', 'tags')"),
    ("name = m1", "Parameter value is either not quoted or unidentified quote types used for string value m1. Use either single or double quotes."),
    ("tags.k = m1", "Parameter value is either not quoted or unidentified quote types used for string value m1. Use either single or double quotes."),
    ("tags.k = 5", "Expected a quoted string value for tag (e.g. 'my-value'). Got value 5"),
    ("tags.k > 'a'", "Invalid comparator for tag: >"),
    ("name > 'a'", "Invalid comparator for attribute: >"),
    ("name NOT LIKE 'a'", "Invalid comparator for attribute: NOT LIKE"),
    ("name IN ('a')", "Only the 'run_id' attribute supports comparison with a list of quoted string values."),
    ("'m1' = name", "Invalid comparison clause. Expected 'Identifier' found ''m1''"),
    ("name = 'a'; name = 'b'", "Search filter contained multiple expression \"name = 'a'; name = 'b'\". Provide AND-ed expression list."),
]
REFUSED_MODELS = [
    ("foo = 'a'", "Invalid attribute key 'foo' specified. Valid keys are '{'name'}'"),
    ("run_id = 'a'", "Invalid attribute key 'run_id' specified. Valid keys are '{'name'}'"),
    ("name = 5", "Expected a quoted string value or a list of quoted string values for attributes. Got value 5"),
]
REFUSED_VERSIONS = [
    ("foo = 'a'", "Invalid attribute key 'foo' specified. Valid keys are '{'name', 'run_id', 'source_path', 'version_number'}'"),
    ("current_stage = 'None'", "Invalid attribute key 'current_stage' specified. Valid keys are '{'name', 'run_id', 'source_path', 'version_number'}'"),
    ("name = 5", "Only the '{'version_number', 'creation_timestamp', 'last_updated_timestamp'}' attributes support comparison with numeric values."),
    ("version_number LIKE '1'", "Invalid comparator for attribute version_number: LIKE"),
    ("version_number IN ('1')", "Only the 'run_id' attribute supports comparison with a list of quoted string values."),
    ("run_id IN ()", "While parsing a list in the query, expected a non-empty list of string values, but got empty list"),
    ("run_id IN ('a', 5)", "While parsing a list in the query, expected string value, punctuation, or whitespace, but got different type in list: ('a', 5)"),
    ("run_id NOT IN ('a')", "Invalid comparator for attribute: NOT IN"),
    ("run_id > 'a'", "Invalid comparator for attribute: >"),
    ("version_number = 'abc'", None),
    ("version_number = abc", None),
    ("run_id = ('a')", None),
]


@pytest.mark.parametrize(
    "kind, filter, text",
    [(MODELS, *row) for row in REFUSED + REFUSED_MODELS] + [(VERSIONS, *row) for row in REFUSED + REFUSED_VERSIONS],
)
def test_a_bad_filter_is_refused(some, kind, filter, text):
    expect_invalid(some.search(kind, filter), text)


# --- prompts ---


def prompts_found(some, kind, filter):
    label = "prompt"
    return sorted(name.split("/")[0] for name in some.short(kind, f"{filter} AND tags.all = '{some.prefix}'") if name.startswith(label))


@pytest.mark.parametrize("kind", [MODELS, VERSIONS])
@pytest.mark.parametrize(
    "clause, found",
    [
        ("= 'true'", ["prompt0", "prompt1"]),
        ("!= 'false'", ["prompt0", "prompt1"]),
        ("= 'TRUE'", []),
        ("= 'false'", ["prompt2"]),
        ("!= 'true'", ["prompt2"]),
        ("LIKE 'true'", ["prompt2"]),
    ],
)
def test_only_a_filter_that_asks_for_prompts_finds_them(some, kind, clause, found):
    assert prompts_found(some, kind, f"tags.`{IS_PROMPT}` {clause}") == found
    assert prompts_found(some, kind, f"tag.{IS_PROMPT} {clause}") == found


@pytest.mark.parametrize("kind", [MODELS, VERSIONS])
def test_prompts_are_hidden_from_every_other_search(some, kind):
    for name, hidden in zip(some.prompts, (True, True, False)):
        assert len(some.short(kind, f"name = '{name}'")) == (0 if hidden else 1)
    others = [one for one in some.short(kind, f"tags.all = '{some.prefix}'") if not one.startswith("prompt")]
    first_clause_decides = f"tags.`{IS_PROMPT}` = 'false' AND tags.`{IS_PROMPT}` = 'true' AND tags.all = '{some.prefix}'"
    assert [one for one in some.short(kind, first_clause_decides) if not one.startswith("prompt")] == others


def test_versions_of_a_prompt_are_hidden_by_the_tag_of_any_version(api):
    name = api.registered_model()
    api.model_version(name)
    api.model_version(name)
    search = lambda: [v["version"] for v in api.get(VERSIONS, {"filter": f"name = '{name}'"}).ok().get("model_versions", [])]
    assert sorted(search()) == ["1", "2"]
    api.post("model-versions/set-tag", {"name": name, "version": "2", **PROMPT}).ok()
    assert search() == []
    api.delete("model-versions/delete-tag", {"name": name, "version": "2", "key": IS_PROMPT}).ok()
    assert sorted(search()) == ["1", "2"]


def test_a_model_becomes_a_prompt_by_its_tag(api):
    name = api.registered_model()
    search = lambda: len(api.get(MODELS, {"filter": f"name = '{name}'"}).ok().get("registered_models", []))
    assert search() == 1
    api.post("registered-models/set-tag", {"name": name, **PROMPT}).ok()
    assert search() == 0
    api.delete("registered-models/delete-tag", {"name": name, "key": IS_PROMPT}).ok()
    assert search() == 1


# --- order ---


@pytest.mark.parametrize("direction", ["", " ASC", " DESC", " desc"])
def test_models_are_ordered_as_asked(some, direction):
    down = direction.strip().upper() == "DESC"
    name = lambda one: one["name"].encode()
    filter = f"tags.all = '{some.prefix}'"
    for key in ("name", "`name`", '"name"'):
        expected = [some.label(one) for one in sorted(some.models, key=name, reverse=down)]
        assert some.short(MODELS, filter, order_by=[key + direction]) == expected
    for key in ("timestamp", "last_updated_timestamp"):
        by_name = sorted(some.models, key=name)
        expected = [some.label(one) for one in sorted(by_name, key=lambda one: one["last_updated_timestamp"], reverse=down)]
        assert some.short(MODELS, filter, order_by=[key + direction]) == expected


def test_models_are_ordered_by_name_by_default(some):
    assert some.short(MODELS) == [some.label(one) for one in sorted(some.models, key=lambda one: one["name"].encode())]


@pytest.mark.parametrize("prefix", ["", "attribute."])
@pytest.mark.parametrize("direction", ["", " DESC"])
def test_versions_are_ordered_as_asked(some, prefix, direction):
    down = bool(direction)
    for key, getter in (
        ("name", lambda one: one["name"].encode()),
        ("version_number", lambda one: int(one["version"])),
        ("creation_timestamp", lambda one: one["creation_timestamp"]),
        ("last_updated_timestamp", lambda one: one["last_updated_timestamp"]),
    ):
        rest = sorted(some.versions, key=lambda one: (one["name"].encode(), -int(one["version"])))
        expected = [some.label(one) for one in sorted(rest, key=getter, reverse=down)]
        for filter in (f"tags.all = '{some.prefix}'", f"name LIKE '{some.prefix}-%'"):
            assert some.short(VERSIONS, filter, order_by=[prefix + key + direction]) == expected, (key, filter)


def test_versions_are_ordered_by_their_last_update_by_default(some):
    key = lambda one: (-one["last_updated_timestamp"], one["name"].encode(), -int(one["version"]))
    assert some.short(VERSIONS) == [some.label(one) for one in sorted(some.versions, key=key)]
    assert some.short(VERSIONS, f"name LIKE '{some.prefix}-gamma%'")[0] != "gamma_1/2"  # gamma_1/1 was updated last of its model


def test_several_orders_count_one_after_the_other(some):
    key = lambda one: (-int(one["version"]), one["name"].encode())
    expected = [some.label(one) for one in sorted(some.versions, key=key)]
    assert some.short(VERSIONS, order_by=["version_number DESC", "name ASC"]) == expected


@pytest.mark.parametrize("kind", [MODELS, VERSIONS])
@pytest.mark.parametrize(
    "order, text",
    [
        (["name, timestamp"], "Invalid order_by clause 'name, timestamp'. Could not be parsed."),
        (["name ASC,"], "Invalid order_by clause 'name ASC,'. Could not be parsed."),
        (["name "], "Invalid order_by clause 'name '. Could not be parsed."),
        (["name up"], "Invalid ordering key in order_by clause 'name up'."),
        (["name", "name DESC"], "`order_by` contains duplicate fields: ['name DESC']"),
        (["tags.x"], None),
        ([""], None),
    ],
)
def test_a_bad_order_is_refused(some, kind, order, text):
    expect_invalid(some.search(kind, order_by=order), text)


def test_unknown_orders_are_named(some):
    for key in ("foo", "creation_timestamp", "attribute.name"):
        text = f"Invalid order by key '{key}' specified. Valid keys are '{{'name', 'timestamp'}}'"
        expect_invalid(some.search(MODELS, order_by=[key]), text)
    expect_invalid(some.search(MODELS, order_by=["timestamp", "last_updated_timestamp"]))
    expect_invalid(
        some.search(VERSIONS, order_by=["foo"]),
        "Invalid attribute key 'foo' specified. Valid keys are '{'name', 'version_number', 'creation_timestamp', 'last_updated_timestamp'}'",
    )


# --- pages ---


@pytest.mark.parametrize(
    "kind, order",
    [(MODELS, []), (MODELS, ["name DESC"]), (MODELS, ["timestamp DESC"]), (VERSIONS, []), (VERSIONS, ["name DESC"])]
    + [(VERSIONS, ["version_number"]), (VERSIONS, ["creation_timestamp DESC", "version_number"])],
)
def test_pages_join_to_the_whole(some, kind, order):
    filter = f"name LIKE '{some.prefix}-%'"
    whole = some.short(kind, filter, order_by=order)
    for size in (1, 3, len(whole), len(whole) + 5):
        got, token, pages = [], None, 0
        while True:
            page = some.search(kind, filter, order_by=order, max_results=size, **({"page_token": token} if token else {})).ok()
            got += [some.label(one) for one in page["registered_models" if kind == MODELS else "model_versions"]]
            pages += 1
            token = page.get("next_page_token")
            if token is None:
                break
            assert pages <= len(whole)
        assert got == whole and pages == math.ceil(len(whole) / size)


@pytest.mark.parametrize("kind", [MODELS, VERSIONS])
def test_mlflows_own_page_tokens_are_understood(some, kind):
    filter = f"name LIKE '{some.prefix}-%'"
    token = base64.b64encode(json.dumps({"offset": 4}).encode()).decode()
    assert some.short(kind, filter, page_token=token) == some.short(kind, filter)[4:]


@pytest.mark.parametrize("kind", [MODELS, VERSIONS])
def test_a_bad_page_token_is_refused(some, kind):
    for text in ("%%%", "a", "bm90IGpzb24=", "e30=", "eyJvZmZzZXQiOiAwfQ=="):
        assert expect_invalid(some.search(kind, page_token=text)).startswith("Invalid page token")


def test_max_results_has_bounds(some):
    tail = " See the API docs for more information about request parameters."
    for kind, above in ((MODELS, "1001"), (VERSIONS, "200001")):
        text = f"Invalid value \"{above}\" for parameter 'max_results' supplied:  Hint: Value was of type 'str'.{tail}"
        expect_invalid(some.search(kind, max_results=above), text)
        some.search(kind, max_results=str(int(above) - 1)).ok()
        for value in ("0", "-1", "x", "1.5"):
            expect_invalid(some.search(kind, max_results=value))
    text = "Invalid value for max_results. It must be a positive integer, but got 0"
    expect_invalid(some.search(VERSIONS, max_results="0"), text)


def test_the_default_page_of_models_has_100(api):
    prefix = unique("many")
    for i in range(101):
        api.registered_model(f"{prefix}-{i}")
    page = api.get(MODELS, {"filter": f"name LIKE '{prefix}-%'"}).ok()
    assert len(page["registered_models"]) == 100 and page["next_page_token"]


# --- replies ---


def test_found_models_and_versions_are_as_get_shows_them_but_for_aliases(api):
    name = api.registered_model(tags=[{"key": "k", "value": "v"}], description="d")
    api.model_version(name, tags=[{"key": "k", "value": "v"}], run_id=api.run(), run_link="l", description="d")
    api.post("registered-models/alias", {"name": name, "alias": "champion", "version": "1"}).ok()
    for root in (None, AJAX):
        more = {"root": root} if root else {}
        found = api.get(MODELS, {"filter": f"name = '{name}'"}, **more).ok()["registered_models"]
        assert found == [api.get_registered_model(name)] and found[0]["aliases"]
        version = api.get_model_version(name, 1)
        assert version.pop("aliases") == ["champion"]
        assert api.get(VERSIONS, {"filter": f"name = '{name}'"}, **more).ok()["model_versions"] == [version]


@pytest.mark.parametrize("kind", [MODELS, VERSIONS])
def test_nothing_found_is_an_empty_object(api, kind):
    assert api.get(kind, {"filter": f"name = '{unique('none')}'"}).ok() == {}


def test_a_long_list_of_versions_is_sent_whole(api):
    name = api.registered_model()
    text = "x" * 20000
    for _ in range(80):
        api.model_version(name, description=text)
    found = api.get(VERSIONS, {"filter": f"name = '{name}'", "order_by": ["version_number"]}).ok()["model_versions"]
    assert [int(v["version"]) for v in found] == list(range(1, 81)) and all(v["description"] == text for v in found)
