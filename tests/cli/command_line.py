"""`tracklight` as an administrator calls it."""

import os
import subprocess

import support


def clean_environment():
    return {name: value for name, value in os.environ.items() if not name.startswith(("MLFLOW_", "TRACKLIGHT_")) and name != "BUILD"}


class Done:
    def __init__(self, done):
        self.status = done.returncode
        self.out = done.stdout
        self.err = done.stderr

    def __repr__(self):
        return f"exit status {self.status}\n{self.out}\n{self.err}"

    @property
    def lines(self):
        return self.out.splitlines()


class CommandLine:
    def __init__(self, directory, database=None):
        self.directory = directory
        self.database = database

    def line(self, *arguments):
        line = [str(support.BUILD / "bin" / "tracklight"), *map(str, arguments)]
        return line + (["--backend-store-uri", f"sqlite:///{self.database}"] if self.database else [])

    def start(self, *arguments, environment=None, **more):
        return subprocess.Popen(
            self.line(*arguments),
            cwd=self.directory,
            env={**clean_environment(), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )

    def __call__(self, *arguments, status=0, environment=None):
        with self.start(*arguments, environment=environment) as process:
            out, err = process.communicate(timeout=60)
        done = Done(subprocess.CompletedProcess(arguments, process.returncode, out, err))
        assert done.status == status, done
        return done
