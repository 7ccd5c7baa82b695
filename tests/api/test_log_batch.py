import pytest

from support import expect_error, expect_invalid, missing, pairs

ONE_PARAM = (
    "Duplicate parameter keys have been submitted: ['z']. Please ensure the request contains only one param value per "
    "param key."
)
TOO_MANY = "A batch logging request can contain at most {} {}. Got {} {}. Please split up {} across multiple requests and try again."


def m(key="m", value=1.0, timestamp=1, **more):
    return {"key": key, "value": value, "timestamp": timestamp, **more}


def p(key="p", value="1"):
    return {"key": key, "value": value}


def batch(api, run, **fields):
    return api.post("runs/log-batch", {"run_id": run, **fields})


def numbered(make, count):
    return [make(f"k{i}") for i in range(count)]


@pytest.fixture
def untouched(api, run):
    """The run, checked to be unchanged at the end of the test."""
    before = api.get_run(run)
    yield run
    assert api.get_run(run) == before


def test_a_batch_stores_all_its_parts(api, run):
    assert batch(
        api,
        run,
        metrics=[m("a", 1.0, 5, step=1), m("a", 2.0, 6, step=2), m("b", "NaN")],
        params=[p("x", "1"), p("y")],
        tags=[p("t", "u")],
    ).ok() == {}
    assert api.latest(run) == {"a": (2.0, 6, 2), "b": ("NaN", 1, 0)}
    assert api.history(run, "a") == [(5, 1, 1.0), (6, 2, 2.0)]
    assert api.params(run) == {"x": "1", "y": "1"}
    assert api.tags(run)["t"] == "u"


def test_an_empty_batch_is_fine_after_the_run_checks(api, untouched):
    assert batch(api, untouched).ok() == {}
    assert batch(api, untouched, metrics=[], params=[], tags=[]).ok() == {}
    assert batch(api, untouched, metrics=None, params=None).ok() == {}
    assert batch(api, "f" * 32).status == 404


def test_a_full_batch_of_1000_items_is_stored(api, run):
    batch(api, run, metrics=numbered(m, 800), params=numbered(p, 100), tags=numbered(p, 100)).ok()
    data = api.get_run(run)["data"]
    assert (len(data["metrics"]), len(data["params"]), len(data["tags"])) == (800, 100, 101)
    batch(api, run, metrics=[m("h", float(i), i, step=i) for i in range(1000)]).ok()
    assert len(api.history(run, "h")) == 1000


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"metrics": numbered(m, 1001)}, TOO_MANY.format(1000, "metrics", 1001, "metrics", "metrics")),
        ({"params": numbered(p, 101)}, TOO_MANY.format(100, "params", 101, "params", "params")),
        ({"tags": numbered(p, 101)}, TOO_MANY.format(100, "tags", 101, "tags", "tags")),
        (
            {"metrics": numbered(m, 801), "params": numbered(p, 100), "tags": numbered(p, 100)},
            TOO_MANY.format(1000, *["metrics, params, and tags", 1001, *["metrics, params, and tags"] * 2]),
        ),
    ],
)
def test_more_than_the_limit_is_refused_as_a_whole(api, untouched, fields, message):
    expect_invalid(batch(api, untouched, **fields), message)


def test_a_batch_of_more_than_a_million_bytes_is_refused(api, untouched):
    reply = batch(api, untouched, tags=[p(f"t{i}", "x" * 11000) for i in range(95)])
    message = expect_invalid(reply)
    assert message.startswith("Batched logging API requests must be at most 1000000 bytes, got a request of size 104")


def test_duplicate_param_keys_fail_even_with_equal_values(api, untouched):
    expect_invalid(batch(api, untouched, params=[p("z", "1"), p("z", "1")]), ONE_PARAM)
    expect_invalid(batch(api, untouched, params=[p("z", "1"), p("a", "1"), p("z", "2")], metrics=[m()]), ONE_PARAM)


def test_of_duplicate_tag_keys_the_last_wins(api, run):
    batch(api, run, tags=[p("t", "1"), p("t", "2"), p("t", "3")]).ok()
    assert api.tags(run)["t"] == "3"


def test_duplicate_metrics_are_stored_once(api, run):
    batch(api, run, metrics=[m(), m(), m()]).ok()
    batch(api, run, metrics=[m()]).ok()
    assert api.history(run, "m") == [(1, 0, 1.0)]


def test_a_changed_param_fails_the_whole_batch(api, run):
    batch(api, run, params=[p("bp", "1"), p("same", "s")]).ok()
    before = api.get_run(run)
    reply = batch(
        api, run, params=[p("new", "n"), p("bp", "2"), p("same", "s")], metrics=[m()], tags=[p("t", "v")]
    )
    expect_invalid(
        reply,
        "Changing param values is not allowed. Params were already logged='[{'key': 'bp', 'old_value': '1', "
        f"'new_value': '2'}}]' for run ID='{run}'.",
    )
    assert api.get_run(run) == before


def test_the_same_params_again_are_fine(api, run):
    for _ in range(2):
        batch(api, run, params=[p("a", "1"), p("b", "é" * 6500)]).ok()
    assert api.params(run) == {"a": "1", "b": "é" * 6000}


def test_the_name_tag_in_a_batch_renames(api, run):
    batch(api, run, tags=[p("mlflow.runName", "batch name")]).ok()
    assert api.get_run(run)["info"]["run_name"] == "batch name"


def test_a_long_tag_value_is_cut_in_a_batch(api, run):
    batch(api, run, tags=[p("t", "é" * 8100)]).ok()
    assert api.tags(run)["t"] == "é" * 8000


# --- item validation ---


@pytest.mark.parametrize(
    "fields, name",
    [
        ({"metrics": [m(), {"value": 1, "timestamp": 1}]}, "metrics[1].key"),
        ({"metrics": [{"key": "a", "timestamp": 1}]}, "metrics[0].value"),
        ({"metrics": [{"key": "a", "value": "", "timestamp": 1}]}, "metrics[0].value"),
        ({"metrics": [{"key": "a", "value": 1}]}, "metrics[0].timestamp"),
        ({"metrics": [{"key": "a", "value": 1, "timestamp": None}]}, "metrics[0].timestamp"),
        ({"params": [p(), {"value": "x"}]}, "params[1].key"),
        ({"params": [{"key": "", "value": "x"}]}, "params[0].key"),
        ({"tags": [p(), p("q"), {"value": "x"}]}, "tags[2].key"),
        ({"tags": [{"key": None, "value": "x"}]}, "tags[0].key"),
    ],
)
def test_a_missing_part_of_an_item_is_named_by_its_path(api, untouched, fields, name):
    fields = {"metrics": [m("fine")], "params": [p("fine")], "tags": [p("fine")], **fields}
    expect_invalid(batch(api, untouched, **fields), missing(name))


@pytest.mark.parametrize(
    "fields, start",
    [
        ({"metrics": [m(), m("a@b")]}, "Invalid value \"a@b\" for parameter 'metrics[1].name' supplied: Names may only"),
        ({"metrics": [m("a//b")]}, "Invalid value \"a//b\" for parameter 'metrics[0].name' supplied: Names may be treated"),
        ({"params": [p("a@b")]}, "Invalid value \"a@b\" for parameter 'params[0].key' supplied: Names may only"),
        ({"tags": [p(), p("/")]}, "Invalid value \"/\" for parameter 'tags[1].key' supplied: Names may be treated"),
        ({"metrics": [m("a", "x")]}, "Invalid value \"x\" for parameter 'metrics[0].value' supplied"),
        ({"metrics": [m("a", True)]}, "Invalid value true for parameter 'metrics[0].value' supplied"),
        ({"metrics": [m("a", 1, "x")]}, "Invalid value \"x\" for parameter 'metrics[0].timestamp' supplied"),
        ({"metrics": [m(), m("a", 1, 1.5)]}, "Invalid value 1.5 for parameter 'metrics[1].timestamp' supplied"),
        ({"metrics": [m(step="x")]}, "Invalid value \"x\" for parameter 'metrics[0].step' supplied"),
        ({"metrics": [m(5)]}, "Invalid value 5 for parameter 'metrics[0].key' supplied"),
        ({"params": [p("a", 5)]}, "Invalid value 5 for parameter 'params[0].value' supplied"),
        ({"tags": [p("a", {"x": 1})]}, "Invalid value {\"x\":1} for parameter 'tags[0].value' supplied"),
        ({"metrics": ["a"]}, 'Invalid value '),
        ({"metrics": [None]}, "Invalid value "),
        ({"params": [[]]}, "Invalid value "),
        ({"tags": [5]}, "Invalid value "),
        ({"metrics": "a"}, "Invalid value \"a\" for parameter 'metrics' supplied"),
        ({"params": {}}, "Invalid value {} for parameter 'params' supplied"),
        ({"tags": 5}, "Invalid value 5 for parameter 'tags' supplied"),
    ],
)
def test_a_bad_item_is_named_by_its_path_and_nothing_is_stored(api, untouched, fields, start):
    fields = {"metrics": [m("fine")], "params": [p("fine")], "tags": [p("fine")], **fields}
    message = expect_invalid(batch(api, untouched, **fields))
    assert message.startswith(start), message


@pytest.mark.parametrize(
    "fields, text",
    [
        ({"metrics": [m("k" * 251)]}, "exceeds the maximum length of 250 characters"),
        ({"params": [p("k" * 251)]}, "exceeds the maximum length of 250 characters"),
        ({"tags": [p(), p("k" * 251)]}, "'tags[1].key' exceeds the maximum length of 250 characters"),
    ],
)
def test_a_key_that_is_too_long_is_refused(api, untouched, fields, text):
    assert text in expect_invalid(batch(api, untouched, **fields))


@pytest.mark.parametrize("run_id", ["a@b", "-a", "a b", "a/b", "x" * 257, "é", "..", "a\n"])
def test_the_format_of_the_run_id_is_checked_first(api, run_id):
    message = expect_invalid(batch(api, run_id, metrics=[m("a@b")]))
    assert message.endswith("for parameter 'run_id' supplied."), message


def test_the_order_of_checks_is_items_limits_duplicates_run(api):
    unknown = "f" * 32
    many = numbered(p, 101)
    doubled = [p("z"), p("z")]
    assert "params[0].key" in expect_invalid(batch(api, unknown, params=[p("a@b")] + many + doubled))
    assert "at most 100 params" in expect_invalid(batch(api, unknown, params=many + doubled))
    expect_invalid(batch(api, unknown, params=doubled), ONE_PARAM)
    expect_error(batch(api, unknown, params=[p()]), 404, "RESOURCE_DOES_NOT_EXIST", f"Run with id={unknown} not found")


def test_items_are_checked_in_the_order_metrics_params_tags(api, untouched):
    bad = {"metrics": [m("a@b")], "params": [p("c@d")], "tags": [p("e@f")]}
    assert "metrics[0]" in expect_invalid(batch(api, untouched, **bad))
    del bad["metrics"]
    assert "params[0]" in expect_invalid(batch(api, untouched, **bad))
    del bad["params"]
    assert "tags[0]" in expect_invalid(batch(api, untouched, **bad))


@pytest.mark.parametrize("data", [b"", b"null", b"{", b"\xff\xfe{}", b'{"run_id":'])
def test_an_empty_or_broken_body_misses_the_run_id(api, data):
    expect_invalid(api.post_bytes("runs/log-batch", data), missing("run_id"))


def test_a_batch_with_a_dataset_half_given_is_refused(api, untouched):
    text = "Both dataset_name and dataset_digest must be provided if one is provided"
    assert text in expect_invalid(batch(api, untouched, metrics=[m("fine"), m(dataset_name="d")]))


def test_tags_of_the_reply_are_complete_after_many_batches(api, run):
    for i in range(5):
        batch(api, run, tags=[p(f"t{i}", str(i)), p("shared", str(i))]).ok()
    tags = pairs(api.get_run(run)["data"]["tags"])
    assert {k: v for k, v in tags.items() if k != "mlflow.runName"} == {**{f"t{i}": str(i) for i in range(5)}, "shared": "4"}
