import math
import time

import pytest

from support import AJAX, expect_invalid, invalid, pairs, unique


@pytest.fixture(scope="module")
def some(server):
    """A dozen experiments whose names begin with a prefix of their own."""
    api = server.api.clone()
    prefix = unique("Search")
    made = []
    for i, name in enumerate(["alpha", "Beta", "gamma_1", "gamma-1", "50%", "Üml", "zeta", "a b", "é", "10", "9"]):
        tags = [{"key": "team", "value": "red" if i % 2 else "Blue"}] if i % 3 else []
        number = api.experiment(f"{prefix}/{name}", tags=tags + [{"key": "all", "value": str(i)}])
        made.append(api.get_experiment(number))
        time.sleep(0.002)
    api.post("experiments/delete", {"experiment_id": made[-1]["experiment_id"]}).ok()
    made[-1] = api.get_experiment(made[-1]["experiment_id"])
    return Some(api, prefix, made)


class Some:
    def __init__(self, api, prefix, made):
        self.api = api
        self.prefix = prefix
        self.made = made

    def search(self, filter="", **more):
        return self.api.post("experiments/search", {"max_results": 50000, "filter": filter, **more})

    def names(self, filter="", **more):
        """Names without the prefix, of this fixture's experiments only."""
        filter = filter or f"name LIKE '{self.prefix}/%'"
        found = [e["name"] for e in self.search(filter, **more).ok().get("experiments", [])]
        return [name[len(self.prefix) + 1 :] for name in found if name.startswith(self.prefix)]

    def expected(self, predicate, stages=("active",)):
        found = [e for e in self.made if e["lifecycle_stage"] in stages and predicate(e)]
        return sorted(e["name"][len(self.prefix) + 1 :] for e in found)

    def agree(self, filter, predicate):
        assert sorted(self.names(filter)) == self.expected(predicate), filter


def short(experiment):
    return experiment["name"].split("/", 1)[1]


def test_name_comparators_find_what_they_say(some):
    p = some.prefix
    some.agree(f"name = '{p}/alpha'", lambda e: short(e) == "alpha")
    some.agree(f"name = '{p}/ALPHA'", lambda e: False)
    some.agree(f"name != '{p}/alpha'", lambda e: short(e) != "alpha")
    some.agree(f"name LIKE '{p}/%a'", lambda e: short(e).endswith("a"))
    some.agree(f"name LIKE '{p}/gamma_1'", lambda e: short(e).startswith("gamma"))
    some.agree(f"name LIKE '{p.lower()}/%'", lambda e: False)
    some.agree(f"name ILIKE '{p.lower()}/BETA'", lambda e: short(e) == "Beta")
    some.agree(f"name like '{p}/%'", lambda e: True)
    some.agree(f"name ilike '{p}/b%'", lambda e: short(e) == "Beta")
    some.agree(f'attribute.name = "{p}/a b"', lambda e: short(e) == "a b")


def test_tag_comparators_find_what_they_say(some):
    team = lambda e: pairs(e["tags"]).get("team")
    some.agree("tags.team = 'red'", lambda e: team(e) == "red")
    some.agree("tag.team = 'blue'", lambda e: False)
    some.agree("tags.team != 'red'", lambda e: team(e) not in (None, "red"))
    some.agree("tags.team LIKE '%l%'", lambda e: team(e) == "Blue")
    some.agree("tags.`team` ILIKE 'BLUE'", lambda e: team(e) == "Blue")
    some.agree("tags.\"team\" = 'red' AND tags.all = '1'", lambda e: team(e) == "red" and pairs(e["tags"])["all"] == "1")
    some.agree("tags.none = 'x'", lambda e: False)


@pytest.mark.parametrize("key", ["creation_time", "last_update_time"])
def test_time_comparators_find_what_they_say(some, key):
    middle = some.made[5][key]
    for op, test in (
        ("=", lambda v: v == middle),
        ("!=", lambda v: v != middle),
        ("<", lambda v: v < middle),
        ("<=", lambda v: v <= middle),
        (">", lambda v: v > middle),
        (">=", lambda v: v >= middle),
    ):
        some.agree(f"{key} {op} {middle}", lambda e: test(e[key]))
        some.agree(f"attribute.{key} {op} {middle}", lambda e: test(e[key]))


def test_clauses_are_joined_by_and(some):
    both = f"name LIKE '{some.prefix}/%a' and creation_time > {some.made[0]['creation_time']}"
    some.agree(both, lambda e: short(e).endswith("a") and e["creation_time"] > some.made[0]["creation_time"])


@pytest.mark.parametrize("view, stages", [(None, ("active",)), ("ACTIVE_ONLY", ("active",)), ("DELETED_ONLY", ("deleted",)), ("ALL", ("active", "deleted")), (2, ("deleted",)), ("3", ("active", "deleted"))])
def test_the_view_chooses_by_lifecycle(some, view, stages):
    more = {} if view is None else {"view_type": view}
    assert sorted(some.names(**more)) == some.expected(lambda e: True, stages)


@pytest.mark.parametrize("view", ["x", "all", 0, 9, True])
def test_an_unknown_view_is_refused(some, view):
    expect_invalid(some.search(view_type=view), invalid(view, "view_type"))


# --- order ---


def ordered(some, key, descending):
    active = [e for e in some.made if e["lifecycle_stage"] == "active"]
    return [short(e) for e in sorted(active, key=key, reverse=descending)]


@pytest.mark.parametrize("direction", ["", " ASC", " DESC", " desc"])
@pytest.mark.parametrize("prefix", ["", "attribute."])
def test_every_order_agrees_with_python(some, prefix, direction):
    descending = direction.strip().upper() == "DESC"
    for key, getter in (
        ("name", lambda e: e["name"].encode()),
        ("experiment_id", lambda e: int(e["experiment_id"])),
        ("creation_time", lambda e: e["creation_time"]),
        ("last_update_time", lambda e: e["last_update_time"]),
    ):
        assert some.names(order_by=[prefix + key + direction]) == ordered(some, getter, descending), key


def test_the_default_order_is_newest_first(some):
    assert some.names() == ordered(some, lambda e: (e["creation_time"], -int(e["experiment_id"])), True)


def test_duplicate_orders_are_allowed_and_ties_fall_back_to_the_id(some):
    assert some.names(order_by=["name", "name DESC"]) == ordered(some, lambda e: e["name"].encode(), False)


@pytest.mark.parametrize("clause", ["tags.team", "foo", "name UP", "lifecycle_stage", "", "name; DROP TABLE x", "metrics.a"])
def test_a_bad_order_is_refused(some, clause):
    expect_invalid(some.search(order_by=[clause]))


def test_the_text_for_ordering_by_a_tag(some):
    assert "Invalid order_by entity: tag" in expect_invalid(some.search(order_by=["tags.team"]))


# --- what is refused ---


@pytest.mark.parametrize(
    "text, part",
    [
        ("params.a = 'x'", "Invalid entity type 'params'. Valid entity types are ('attribute', 'tag', 'tags')"),
        ("attributes.name = 'x'", "Invalid entity type 'attributes'. Valid entity types are ('attribute', 'tag', 'tags')"),
        ("attr.name = 'x'", "Invalid entity type 'attr'. Valid entity types are ('attribute', 'tag', 'tags')"),
        ("tags.a > 'x'", "Invalid comparator for tag: >"),
        ("name = 'a' OR name = 'b'", "Invalid clause(s) in filter string: "),
        ("   ", "Invalid filter '   '. Could not be parsed."),
        ("experiment_id = '1'", ""),
        ("lifecycle_stage = 'active'", ""),
        ("name > 'a'", ""),
        ("name = 5", ""),
        ("name IN ('a')", ""),
        ("creation_time = 'x'", ""),
        ("creation_time LIKE 5", ""),
        ("name = abc", ""),
        ("name", ""),
        ("name = 'x' garbage", ""),
        ("(name = 'x')", ""),
        ("name = 'x'; DROP TABLE experiments", ""),
        ("name = 'x", ""),
        ("\u0000", ""),
    ],
)
def test_a_bad_filter_is_refused(some, text, part):
    assert part in expect_invalid(some.search(text))


@pytest.mark.parametrize("value", [0, -1])
def test_max_results_must_be_positive(some, value):
    expect_invalid(
        some.search(max_results=value),
        f"Invalid value {value} for parameter 'max_results' supplied. It must be a positive integer",
    )


def test_max_results_ends_at_50000(some):
    assert expect_invalid(some.search(max_results=50001)).endswith("It must be at most 50000")
    some.search(max_results=50000).ok()


def test_absent_max_results_is_zero_or_a_default(some):
    reply = some.api.post("experiments/search", {"filter": f"name = '{some.prefix}/alpha'"})
    if reply.status == 200:
        assert [short(e) for e in reply.json["experiments"]] == ["alpha"]
    else:
        expect_invalid(reply, "Invalid value 0 for parameter 'max_results' supplied. It must be a positive integer")


# --- paging and GET ---


@pytest.mark.parametrize("order", [[], ["name DESC"], ["creation_time ASC"], ["last_update_time", "name"]])
def test_pages_join_to_the_whole(some, order):
    filter = f"name LIKE '{some.prefix}/%'"
    whole = some.names(filter, order_by=order)
    for size in (1, 3, len(whole), len(whole) + 5):
        got, token, pages = [], None, 0
        while True:
            more = {"page_token": token} if token else {}
            page = some.search(filter, order_by=order, max_results=size, **more).ok()
            got += [short(e) for e in page["experiments"]]
            pages += 1
            token = page.get("next_page_token")
            if token is None:
                break
            assert pages <= len(whole)
        assert got == whole and pages == math.ceil(len(whole) / size)


@pytest.mark.parametrize("token", ["%%%", "a", "bm90IGpzb24=", "e30=", "W10=", "eyJvZmZzZXQiOiAtNX0="])
def test_a_bad_page_token_is_refused(some, token):
    assert expect_invalid(some.search(page_token=token)).startswith("Invalid page token")


@pytest.mark.parametrize("root", [None, AJAX])
def test_get_reads_repeated_orders_and_digits_from_the_query(some, root):
    query = {
        "max_results": "5",
        "filter": f"name LIKE '{some.prefix}/%'",
        "view_type": "3",
        "order_by": ["last_update_time ASC", "name DESC"],
    }
    more = {} if root is None else {"root": root}
    body = {**query, "max_results": 5, "view_type": "ALL"}
    expected = some.api.post("experiments/search", body).ok()
    assert some.api.get("experiments/search", query, **more).ok() == expected


def test_found_experiments_are_as_get_shows_them(some):
    for found in some.search(f"name LIKE '{some.prefix}/%'").ok()["experiments"]:
        assert found == some.api.get_experiment(found["experiment_id"])
