"""`tracklight server --ui-dir`: a built MLflow web page in the place of our own. The page here is made up; what matters is
how the files lie: index.html asks for static-files/static/js/…, which is static/js/… in the folder."""

import pytest

from command import Running, made_up_suite, run_command

CACHED = "public, max-age=2419200"
LIBRARY = "/static-files/lib/notebook-trace-renderer/index.html"
PAGE = '<!doctype html><script defer src="static-files/static/js/main.0a1b.js"></script><div id="root"></div>'


@pytest.fixture
def binary(tmp_path):
    return made_up_suite(tmp_path)


@pytest.fixture
def work(tmp_path):
    directory = tmp_path / "work"
    directory.mkdir()
    return directory


@pytest.fixture
def build(work):
    folder = work / "build"
    files = {
        "index.html": PAGE,
        "static/js/main.0a1b.js": "console.log(1);",
        "static/css/main.css": "a {}",
        "static/media/font.woff2": "font",
        "lib/notebook-trace-renderer/index.html": "<p>a trace</p>",
        "no-extension": "x",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("prefix", ("", "/my.team/x"))
def test_a_built_page_and_its_files_are_served(binary, work, build, prefix):
    options = ("--static-prefix", prefix) if prefix else ()
    with Running(binary, "--ui-dir", "build", *options, directory=work) as server:
        status, headers, text = server.ask(f"{prefix}/")
        assert (status, text, headers["Content-Type"]) == (200, PAGE, "text/html; charset=utf-8")
        assert (headers["Cache-Control"], headers["X-Frame-Options"]) == ("no-cache", "SAMEORIGIN")
        assert server.ask(f"{prefix}/", headers={"If-None-Match": headers["ETag"]})[0] == 304
        for path, kind in {
            "static/js/main.0a1b.js": "text/javascript; charset=utf-8",
            "static/css/main.css": "text/css; charset=utf-8",
            "static/media/font.woff2": "font/woff2",
        }.items():
            status, headers, text = server.ask(f"{prefix}/static-files/{path}")
            assert (status, text) == (200, (build / path).read_text())
            assert (headers["Cache-Control"], headers["Content-Type"]) == (CACHED, kind)
            assert headers["ETag"]
            assert headers["X-Content-Type-Options"] == "nosniff"
        assert server.answering_program("/health" if not prefix else f"{prefix}/health") == "tracking.fcgi"
        assert server.answering_program(f"{prefix}/", "POST") == "tracking.fcgi"
        if prefix:
            assert server.ask(prefix)[1]["Location"] == f"{prefix}/"
            for path in ("/", "/static-files/static/css/main.css", "/my-team/x/"):
                assert server.answering_program(path) == "tracking.fcgi", path


@pytest.mark.parametrize("prefix", ("", "/pre"))
def test_notebooks_may_frame_the_trace_renderer_and_nothing_else(binary, work, build, prefix):
    options = ("--static-prefix", prefix) if prefix else ()
    with Running(binary, "--ui-dir", build, "--x-frame-options", "DENY", *options, directory=work) as server:
        status, headers, _ = server.ask(prefix + LIBRARY)
        assert (status, headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == (200, None, "nosniff")
        assert headers["Cache-Control"] == CACHED
        for path in ("/", "/static-files/static/css/main.css"):
            assert server.ask(prefix + path)[1]["X-Frame-Options"] == "DENY", path


def test_links_do_not_lead_out_and_folders_are_not_listed(binary, work, build):
    (work / "secret").write_text("a secret")
    (build / "out").symlink_to("../secret")
    (build / "outside").symlink_to(work)
    (build / "static" / "out.js").symlink_to(work / "secret")
    with Running(binary, "--ui-dir", build, directory=work) as server:
        for path in ("out", "outside/secret", "static/out.js", "%2e%2e/secret", "../secret", "..%2fsecret", "static/../../secret"):
            status, _, text = server.ask(f"/static-files/{path}")
            assert (status, "a secret" in text) == (404, False), path
        for path in ("", "static", "static/", "static/js/", "none.js"):
            status, headers, text = server.ask(f"/static-files/{path}")
            assert status in (301, 404) and "main.0a1b.js" not in text, path
            assert status == 301 or headers["Cache-Control"] is None, path


def test_the_folder_may_be_given_by_a_link_and_in_the_settings(binary, work, build):
    (work / "current").symlink_to(build)
    with Running(binary, directory=work, environment={"TRACKLIGHT_UI_DIR": "current"}) as server:
        assert server.ask("/")[2] == PAGE


def test_a_folder_without_a_page_is_refused(binary, work, build):
    (build / "index.html").unlink()
    status, _, text = run_command(binary, "server", "--ui-dir", "build", directory=work)
    assert status == 2
    assert f"--ui-dir: there is no index.html in {build}. Name the folder of a built MLflow web page" in text
    status, _, text = run_command(binary, "server", "--ui-dir", "none", directory=work)
    assert (status, "--ui-dir: the folder none cannot be read: No such file or directory." in text) == (2, True)
    (build / "index.html").symlink_to("static/css/main.css")
    assert run_command(binary, "server", "--ui-dir", "build", directory=work)[0] == 2


def test_a_folder_whose_name_the_web_server_could_misread_is_refused(binary, work, build):
    odd = work / 'a "quoted" $name'
    build.rename(odd)
    status, _, text = run_command(binary, "server", "--ui-dir", odd, directory=work)
    assert status == 2 and "has characters that the web server's configuration cannot hold" in text
