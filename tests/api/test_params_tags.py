import pytest

from support import expect_error, expect_invalid, invalid, missing

BAD_NAME = (
    "Names may only contain alphanumerics, underscores (_), dashes (-), periods (.), spaces ( ), colon(:) and "
    "slashes (/)."
)
BAD_PATH = (
    "Names may be treated as files in certain cases, and must not resolve to other names when treated as such. "
    "This name would resolve to '{}'"
)

GOOD_KEYS = ["a", "A_1", "val/f1", "a.b", "a-b", "a b", "a:b", "é", "名前", "a..b", "1", ".a", "k" * 250, "x" + "é" * 249]
# key, what POSIX normalisation makes of it
PATH_KEYS = [
    ("a//b", "a/b"),
    ("a/", "a"),
    ("./a", "a"),
    ("a/../b", "b"),
    ("a/.", "a"),
    ("..", ".."),
    ("../a", "../a"),
    ("..x", "..x"),
    (".", "."),
    ("/", "/"),
    ("/a", "/a"),
]
CHARACTER_KEYS = ["a@b", "a\n", "a\tb", "a#b", "a,b", "a\\b", "a'b", 'a"b', "a;b", "a%b", "a\u0000b", "a(b)", "☃"]


def log_param(api, run, key, value):
    return api.post("runs/log-parameter", {"run_id": run, "key": key, "value": value})


def set_tag(api, run, key, value):
    return api.post("runs/set-tag", {"run_id": run, "key": key, "value": value})


# --- keys ---


@pytest.mark.parametrize("key", GOOD_KEYS)
def test_a_good_key_serves_param_tag_and_metric(api, run, key):
    log_param(api, run, key, "p").ok()
    set_tag(api, run, key, "t").ok()
    api.metric(run, key, 1.5)
    assert api.params(run) == {key: "p"}
    assert api.tags(run)[key] == "t"
    assert api.latest(run) == {key: (1.5, 0, 0)}


@pytest.mark.parametrize("key, normal", PATH_KEYS)
def test_a_key_that_is_no_plain_path_is_refused(api, run, key, normal):
    before = api.get_run(run)
    text = f'Invalid value "{key}" for parameter \'{{}}\' supplied: ' + BAD_PATH.format(normal)
    expect_invalid(log_param(api, run, key, "p"), text.format("key"))
    expect_invalid(set_tag(api, run, key, "t"), text.format("key"))
    metric = {"run_id": run, "key": key, "value": 1, "timestamp": 0}
    expect_invalid(api.post("runs/log-metric", metric), text.format("name"))
    assert api.get_run(run) == before


@pytest.mark.parametrize("key", CHARACTER_KEYS)
def test_a_key_with_other_characters_is_refused(api, run, key):
    before = api.get_run(run)
    for reply in (
        log_param(api, run, key, "p"),
        set_tag(api, run, key, "t"),
        api.post("runs/log-metric", {"run_id": run, "key": key, "value": 1, "timestamp": 0}),
    ):
        message = expect_invalid(reply)
        assert message.startswith("Invalid value ") and message.endswith(BAD_NAME), message
    assert api.get_run(run) == before


def test_the_text_of_a_bad_character_names_value_and_parameter(api, run):
    expect_invalid(log_param(api, run, "a@b", "p"), f"Invalid value \"a@b\" for parameter 'key' supplied: {BAD_NAME}")


def test_a_key_may_have_250_characters(api, run):
    key = "é" * 251
    expect_invalid(log_param(api, run, key, "p"), "'Param key' exceeds the maximum length of 250 characters")
    expect_invalid(set_tag(api, run, key, "t"), "'key' exceeds the maximum length of 250 characters")
    metric = {"run_id": run, "key": key, "value": 1, "timestamp": 0}
    expect_invalid(api.post("runs/log-metric", metric), "'Metric name' exceeds the maximum length of 250 characters")


@pytest.mark.parametrize("operation", ["log-parameter", "set-tag", "delete-tag"])
def test_a_key_is_needed(api, run, operation):
    for key in ({}, {"key": None}, {"key": ""}):
        expect_invalid(api.post(f"runs/{operation}", {"run_id": run, "value": "v", **key}), missing("key"))
    expect_invalid(api.post(f"runs/{operation}", {"run_id": run, "value": "v", "key": 5}), invalid(5, "key"))


# --- params ---


def test_a_param_can_be_logged_again_with_the_same_value_only(api, run):
    assert log_param(api, run, "a", "1").ok() == {}
    assert log_param(api, run, "a", "1").ok() == {}
    expect_invalid(
        log_param(api, run, "a", "2"),
        "Changing param values is not allowed. Param with key='a' was already logged with value='1' for run "
        f"ID='{run}'. Attempted logging new value '2'.",
    )
    assert api.params(run) == {"a": "1"}


def test_param_values_are_compared_exactly(api, run):
    log_param(api, run, "a", "é").ok()
    for other in ("É", "e\u0301", "é ", "", "é\u0000"):
        assert log_param(api, run, "a", other).status == 400, repr(other)
    assert api.params(run) == {"a": "é"}


@pytest.mark.parametrize("body", [{}, {"value": None}, {"value": ""}])
def test_an_absent_param_value_is_empty(api, run, body):
    api.post("runs/log-parameter", {"run_id": run, "key": "a", **body}).ok()
    assert api.params(run) == {"a": ""}


@pytest.mark.parametrize("value", [1, 0, 1.5, True, [], {}, ["x"]])
def test_a_param_value_that_is_no_string_is_refused(api, run, value):
    expect_invalid(log_param(api, run, "a", value), invalid(value, "value"))
    assert api.params(run) == {}


@pytest.mark.parametrize("value", ["ü ✓ 🎉", "a\nb\tc", '"quoted" \\ back', "<script>", "a\u0000b", "\x7f", "\u2028"])
def test_any_text_comes_back_as_it_went_in(api, run, value):
    log_param(api, run, "p", value).ok()
    set_tag(api, run, "t", value).ok()
    assert api.params(run) == {"p": value}
    assert api.tags(run)["t"] == value


def test_a_long_param_value_is_cut_and_compared_after_the_cut(api, run):
    log_param(api, run, "a", "é" * 6001).ok()
    assert api.params(run) == {"a": "é" * 6000}
    log_param(api, run, "a", "é" * 7000).ok()
    log_param(api, run, "a", "é" * 6000).ok()
    assert log_param(api, run, "a", "é" * 5999).status == 400


# --- tags ---


def test_a_tag_is_overwritten(api, run):
    for value in ("1", "2", "", "ü"):
        assert set_tag(api, run, "k", value).ok() == {}
        assert api.tags(run)["k"] == value


@pytest.mark.parametrize("body", [{}, {"value": None}])
def test_an_absent_run_tag_value_is_empty(api, run, body):
    api.post("runs/set-tag", {"run_id": run, "key": "k", **body}).ok()
    assert api.tags(run)["k"] == ""


def test_a_tag_value_that_is_no_string_is_refused(api, run):
    for value in (1, 1.5, False, [], {"a": 1}):
        expect_invalid(set_tag(api, run, "k", value), invalid(value, "value"))


def test_a_long_tag_value_is_cut_at_8000_characters(api, run):
    set_tag(api, run, "k", "é" * 8001).ok()
    assert api.tags(run)["k"] == "é" * 8000


def test_delete_tag_removes_one_tag_and_404s_for_an_absent_one(api, run):
    set_tag(api, run, "k", "v").ok()
    set_tag(api, run, "K", "w").ok()
    assert api.post("runs/delete-tag", {"run_id": run, "key": "k"}).ok() == {}
    tags = api.tags(run)
    assert "k" not in tags and tags["K"] == "w"
    message = f"No tag with name: k in run with id {run}"
    expect_error(api.post("runs/delete-tag", {"run_id": run, "key": "k"}), 404, "RESOURCE_DOES_NOT_EXIST", message)


def test_keys_differ_by_case_and_accent(api, run):
    for i, key in enumerate(("k", "K", "é", "e")):
        log_param(api, run, key, str(i)).ok()
    assert api.params(run) == {"k": "0", "K": "1", "é": "2", "e": "3"}


# --- without truncation ---


@pytest.fixture
def strict(servers):
    return servers(environment={"MLFLOW_TRUNCATE_LONG_VALUES": "false"}).api


def test_without_truncation_long_values_are_refused(strict):
    run = strict.run()
    log_param(strict, run, "fits", "é" * 6000).ok()
    set_tag(strict, run, "fits", "é" * 8000).ok()
    param_text = "'Param value' exceeds the maximum length of 6000 characters"
    expect_invalid(log_param(strict, run, "a", "é" * 6001), param_text)
    expect_invalid(set_tag(strict, run, "k", "é" * 8001), "'value' exceeds the maximum length of 8000 characters")
    batch = {"run_id": run, "tags": [{"key": "ok", "value": "v"}, {"key": "k", "value": "é" * 8001}]}
    tag_text = "'tags[1].value' exceeds the maximum length of 8000 characters"
    expect_invalid(strict.post("runs/log-batch", batch), tag_text)
    batch = {"run_id": run, "params": [{"key": "p", "value": "é" * 6001}]}
    expect_error(strict.post("runs/log-batch", batch), 400, "INVALID_PARAMETER_VALUE")
    assert strict.params(run) == {"fits": "é" * 6000}
    assert set(strict.tags(run)) == {"fits", "mlflow.runName"}
