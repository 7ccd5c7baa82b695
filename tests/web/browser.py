"""A browser that carries out the steps of pages.mjs, one after another."""

import json
import os
import pathlib
import select
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


class Browser:
    def __init__(self, chromium, modules, pictures=None):
        self.process = subprocess.Popen(
            ["node", str(HERE / "pages.mjs")],
            env={**os.environ, "CHROMIUM": chromium, "WEB_MODULES": str(modules), "PICTURES": str(pictures or "")},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.answer(60)

    def answer(self, seconds):
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        assert ready, "the browser says nothing"
        line = self.process.stdout.readline()
        assert line, "the browser is gone"
        return json.loads(line)

    def __call__(self, step, url, seconds=60, **arguments):
        self.process.stdin.write(json.dumps({"step": step, "url": url, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        answer = self.answer(seconds)
        assert "error" not in answer, answer["error"]
        return answer.get("value")

    def stop(self):
        self.process.stdin.close()
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
