"""docs/compatibility-operations.md says something about every operation, and the truth about those that are absent."""

import pathlib
import re
import subprocess

import support

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ROW = re.compile(r"^\| `([A-Z]+) (/\S*)` \| (\w+) \| ?(.*?) ?\|$", re.M)


def page():
    return ROW.findall((ROOT / "docs" / "compatibility-operations.md").read_text())


def of_mlflow():
    rows = [line.split("\t") for line in (ROOT / "tests" / "data" / "operations.tsv").read_text().splitlines()[1:]]
    return {(method, path) for _, _, method, path, *_ in rows}


def answered():
    found = set()
    for program in sorted((support.BUILD / "fcgi-bin").glob("*.fcgi")):
        done = subprocess.run([str(program), "--operations"], capture_output=True, text=True, timeout=20, check=True, stdin=subprocess.DEVNULL)
        for line in done.stdout.splitlines():
            _, method, path, aliases, *_ = line.split("\t")
            found.add((method, path))
            if aliases == "both":
                found.add((method, path.replace("/api/", "/ajax-api/", 1)))
    return found


def test_every_operation_of_mlflow_is_on_the_page_once():
    listed = [(method, path) for method, path, _, _ in page()]
    assert sorted(of_mlflow() - set(listed)) == []
    assert sorted(set(listed) - of_mlflow()) == []
    assert len(listed) == len(set(listed)) > 200


def test_what_is_said_is_one_of_four_words_and_differences_are_told():
    assert [row for row in page() if row[2] not in ("same", "better", "different", "absent")] == []
    assert [row for row in page() if row[2] in ("better", "different") and not row[3]] == []


def test_absent_are_those_that_no_program_answers():
    absent = {(method, path) for method, path, word, _ in page() if word == "absent"}
    assert absent == of_mlflow() - answered()
