"""The pages of experiments, runs, comparisons, files and traces in Chromium, against a suite with something in it."""

import json
import statistics

import pytest
from browser import Browser
from load import HOSTILE, MARKDOWN, Loader
from support import BUILD, Server

LIMIT_BYTES = 250 * 1024
ADMIN = {"TRACKLIGHT_ADMIN_USERNAME": "root", "TRACKLIGHT_ADMIN_PASSWORD": "correct horse battery"}
FILES = {
    "readme.md": MARKDOWN,
    "deep/table.csv": "a,b\n1,<b>x\n",
    "data.json": '{"a":[1,2]}',
    "notes.txt": HOSTILE,
    "picture.svg": "<svg xmlns='http://www.w3.org/2000/svg' width='40' height='40'><script>window.hacked=1</script><rect width='40' height='40' fill='teal'/></svg>",
    "page.html": "<h1 onclick='top.hacked=1'>hello</h1><script>top.hacked=1</script><style>h1{color:red}</style><p style='color:red'>x</p>"
    "<img src='http://example.com/x.png' onerror='top.hacked=1'>",
}


@pytest.fixture(scope="session")
def pictures():
    folder = BUILD / "results" / "web"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def browser(chromium, node_modules, pictures):
    running = Browser(chromium, node_modules, pictures)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    running = Server(tmp_path_factory.mktemp("suite"))
    yield running
    running.stop()


class World:
    """What the suite holds. Tests that change something have runs and an experiment of their own."""

    def __init__(self, url, runs=60, traces=40):
        load = self.load = Loader(url)
        self.experiment = load.experiment("vision")
        self.runs = [load.run(self.experiment, f"run-{i}", i, points=200 if i < 8 else 0, status="FAILED" if i == 5 else "FINISHED") for i in range(runs)]
        self.hostile_experiment = load.experiment(HOSTILE[:200])
        self.hostile = load.hostile_run(self.hostile_experiment)
        for path, content in FILES.items():
            load.file(self.hostile, self.hostile_experiment, path, content.encode())
        self.traces = [load.trace(self.experiment, i, error=i % 10 == 3) for i in range(traces)]
        self.hostile_trace = load.trace(self.hostile_experiment, text=HOSTILE)
        load.assess(self.hostile_trace, HOSTILE[:60], HOSTILE, HOSTILE)

    def found(self):
        return self.load.call("runs/search", {"experiment_ids": [self.experiment], "max_results": 1000})["runs"]

    def views(self):
        e, h, some = self.experiment, self.hostile_experiment, ",".join(self.runs[:6])
        return {
            "experiments": "experiments", "runs": f"experiments/{e}", "groups": f"experiments/{e}?group=p.model", "about": f"experiments/{h}/about",
            "hostile_runs": f"experiments/{h}", "columns": f"experiments/{h}?cols=a.name,a.source,a.dataset,p.evil,t.evil", "run": f"experiments/{h}/runs/{self.hostile}",
            "chart": f"experiments/{h}/runs/{self.hostile}/charts", "files": f"experiments/{h}/runs/{self.hostile}/artifacts/readme.md",
            "text_file": f"experiments/{h}/runs/{self.hostile}/artifacts/notes.txt", "traces": f"experiments/{e}/traces", "hostile_traces": f"experiments/{h}/traces",
            "trace": f"experiments/{h}/traces/{self.hostile_trace}", "compare_curves": f"compare?runs={some}", "compare_diff": f"compare?runs={some}&tab=diff",
            "compare_scatter": f"compare?runs={some}&tab=scatter", "compare_parallel": f"compare?runs={some}&tab=parallel", "compare_box": f"compare?runs={some}&tab=box&group=p.model",
            "compare_as_mlflow_links_it": f'compare-runs?runs=["{self.runs[0]}","{self.runs[1]}"]&experiments=["{e}"]',
        }  # fmt: skip


@pytest.fixture(scope="session")
def world(server):
    return World(server.url)


@pytest.mark.parametrize("look", ["light", "dark", "narrow"])
def test_every_view_shows_hostile_texts_as_texts_is_accessible_and_fits(browser, server, world, look):
    views = world.views()
    if look != "light":
        views = {name: views[name] for name in ("runs", "run", "chart", "files", "trace", "compare_curves", "compare_diff")}
    browser("look", server.url, views=views, look=look)


def test_the_keyboard_finds_opens_and_experiments_are_renamed_and_deleted_and_come_back(browser, server, world):
    world.load.experiment("to be renamed")
    browser("experiments", server.url, name="to be renamed")


def test_a_search_completes_keys_is_in_the_address_and_shows_what_it_cannot_read(browser, server, world):
    found = [run for run in world.found() if {"key": "model", "value": "tree"} in run["data"]["params"]]
    browser("search", server.url, experiment=world.experiment, key="mod", model="tree", count=len(found))


def test_runs_are_sorted_by_any_column_and_columns_are_chosen(browser, server, world):
    browser("sort", server.url, experiment=world.experiment)


def test_groups_show_means(browser, server, world):
    groups = {}
    for run in world.found():
        model = next(p["value"] for p in run["data"]["params"] if p["key"] == "model")
        metrics = {m["key"]: float(m["value"]) for m in run["data"]["metrics"]}
        groups.setdefault(model, []).append(metrics)
    first = next(iter(world.found()[0]["data"]["metrics"]))["key"]
    expected = {model: [len(rows), statistics.mean(row[first] for row in rows)] for model, rows in groups.items()}
    browser("groups", server.url, experiment=world.experiment, groups=expected)


def test_a_run_is_deleted_restored_tagged_described_and_renamed(browser, server, world):
    experiment = world.load.experiment("edited")
    world.load.run(experiment, "edit me")
    browser("edit_runs", server.url, experiment=experiment, name="edit me")


def test_a_run_that_ends_is_shown_as_ended(browser, server, world):
    experiment = world.load.experiment("live")
    run = world.load.run(experiment, "live", status="RUNNING")
    browser("live", server.url, experiment=experiment, run=run)


def test_a_chart_is_zoomed_smoothed_and_exported(browser, server, world):
    browser("chart", server.url, experiment=world.experiment, run=world.runs[0], metric="train_loss")


def test_runs_are_compared(browser, server, world):
    browser("compare", server.url, experiment=world.experiment, names=["run-0", "run-1", "run-2", "run-4"])


def test_files_are_shown_without_what_is_in_them_being_run(browser, server, world):
    browser("files", server.url, experiment=world.hostile_experiment, run=world.hostile)


def test_traces_are_searched_followed_and_assessed(browser, server, world):
    errors = sum(i % 10 == 3 for i in range(len(world.traces)))
    browser("traces", server.url, experiment=world.experiment, errors=errors, trace=world.traces[0])


def test_the_shell_has_keys_themes_and_errors_that_say_what_to_do(browser, server, world):
    browser("shell", server.url)


def test_what_is_empty_says_what_to_do_next(browser, server, world):
    browser("empty", server.url, experiment=world.load.experiment("nothing here"))


def test_without_the_library_of_charts_the_page_says_so(browser, server, world):
    browser("without_charts", server.url, experiment=world.experiment, run=world.runs[0])


def test_below_a_prefix_and_with_users_the_page_asks_for_a_login(browser, tmp_path):
    running = Server(tmp_path, "--app-name", "basic-auth", "--static-prefix", "/team", environment=ADMIN, health="/team/health")
    try:
        load = Loader(running.url)
        load.session.auth = (ADMIN["TRACKLIGHT_ADMIN_USERNAME"], ADMIN["TRACKLIGHT_ADMIN_PASSWORD"])
        load.call("users/create", {"username": "reader", "password": "only reading here"})
        browser("login", f"{running.url}/team", name="root", password=ADMIN["TRACKLIGHT_ADMIN_PASSWORD"], other="reader", other_password="only reading here")
    finally:
        running.stop()


def test_no_view_loads_much(browser, server, world):
    runs = ",".join(world.runs[:4])
    views = {"compare": f"compare?runs={runs}&chart=train_loss", "runs": f"experiments/{world.experiment}",
        "run": f"experiments/{world.experiment}/runs/{world.runs[0]}/charts", "trace": f"experiments/{world.experiment}/traces/{world.traces[0]}", "gateway": "gateway"}  # fmt: skip
    weights = {name: browser("weight", server.url, views={name: hash})[name] for name, hash in views.items()}
    assert all(50_000 < weight <= LIMIT_BYTES for weight in weights.values()), weights
    (BUILD / "results" / "web" / "weights.json").write_text(json.dumps(weights))


@pytest.mark.slow
def test_twenty_thousand_runs_and_two_thousand_traces(browser, tmp_path):
    running = Server(tmp_path)
    try:
        load = Loader(running.url)
        experiment = load.experiment("large")
        for i in range(20_000):
            load.call("runs/create", {"experiment_id": experiment, "run_name": f"run-{i}", "start_time": 1_700_000_000_000 + i})
        for i in range(2_000):
            load.trace(experiment, i, error=i % 100 == 0)
        browser("scroll", running.url, experiment=experiment, count=20_000, seconds=180)
        browser("traces", running.url, experiment=experiment, errors=20, trace=load.trace(experiment))
    finally:
        running.stop()
