"""`tracklight db stats`."""

import sqlite3

from support import unique
from traces_support import Traces


def tables(done):
    lines = done.out.split("\n\n")[1].splitlines()
    assert lines[0].split() == ["table", "rows", "bytes"]
    return {name: (int(rows), size) for name, rows, size in (line.split() for line in lines[1:])}


def test_rows_and_bytes_of_each_table_are_told(server, api, command):
    experiment = api.experiment()
    for _ in range(3):
        api.metric(api.run(experiment), "m", 1.0)
    shown = tables(command("db", "stats"))
    with sqlite3.connect(f"file:{server.database}?mode=ro", uri=True) as database:
        names = [row[0] for row in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
        counts = {name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in names}
        pages = database.execute("PRAGMA page_count").fetchone()[0]
    assert {name: rows for name, (rows, _) in shown.items()} == counts
    sizes = [int(size) for _, size in shown.values() if size != "?"]
    assert not sizes or 0 < sum(sizes) <= pages * 4096


def test_the_largest_experiments_come_first(api, command):
    small, large, seen = api.experiment(), api.experiment(unique("é\n")), api.experiment()
    for experiment, count in ((small, 11), (large, 12)):
        for _ in range(count):
            api.run(experiment)
    for _ in range(4):
        Traces(api, seen).arrived()
    api.post("experiments/delete", {"experiment_id": small}).ok()
    runs, traces = command("db", "stats").out.split("\n\n")[3:5]
    lines = [line.split() for line in runs.splitlines()]
    assert [line[:2] for line in lines[1:3]] == [[large, "12"], [small, "11"]]
    assert lines[2][-1] == "(deleted)" and "\\u00e9\\n" in lines[1][2]
    assert traces.splitlines()[1].split()[:2] == [seen, "4"]


def test_the_runs_of_the_store_are_summed_up(api, command):
    experiment = api.experiment()
    api.run(experiment, start_time=-86_400_000)
    api.run(experiment, start_time=253_370_764_800_000)
    part = command("db", "stats").out.split("\n\n")[2]
    assert "oldest run: 1969-12-31T00:00:00Z" in part.splitlines()
    assert "newest run: 9999-01-01T00:00:00Z" in part.splitlines()


def test_a_database_that_is_not_there_is_an_error(command, tmp_path):
    command.database = None
    assert "There is no database" in command("db", "stats", f"sqlite:///{tmp_path}/none.db", status=1).err
