"""A suite in which nobody may do anything by default, things in it, and users with each level of rights on them."""

import json
import sqlite3

from auth_support import ADMIN, ADMIN_PASSWORD, admin, client, make_user, start
from gateway_support import Gateway
from support import API_3, unique
from traces_support import Spans, Traces

EXPERIMENT, MODEL, SCORER, SECRET, ENDPOINT, DEFINITION = range(1, 7)
LEVELS = ("NO_PERMISSIONS", "READ", "USE", "EDIT", "MANAGE")
NOWHERE = "http://127.0.0.1:9/v1"  # no provider is called
ECHO = "[echo]\ncommand = /bin/true\n[invoke_scorer]\ncommand = /bin/true\n"


def start_closed(servers, directory, *options, users=None):
    """A suite in which nobody may do anything by default, with jobs that are taken and not done; `users`: the URI of their
    database."""
    types = directory / "jobs.d"
    types.mkdir(parents=True, exist_ok=True)
    (types / "test.conf").write_text(ECHO)
    config = directory / "auth.ini"
    config.write_text(
        f"[mlflow]\ndefault_permission = NO_PERMISSIONS\nadmin_username = {ADMIN}\nadmin_password = {ADMIN_PASSWORD}\n"
        + (f"database_uri = {users}\n" if users else "")
    )
    settings = {
        "MLFLOW_AUTH_CONFIG_PATH": str(config),
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "true",
        "TRACKLIGHT_JOBS_PER_WORKER": "0",
    }
    return start(servers, "--jobs-dir", str(types), "--expose-prometheus", str(directory / "metrics"), *options, environment=settings)


def give_all(server, *rows):
    """Rights, put where the server looks for them: (username, resource, id, level) and perhaps a scorer's name."""
    database = sqlite3.connect(getattr(server, "users", server.database), timeout=30)
    with database:
        for username, resource, thing, level, *name in rows:
            database.execute(
                "INSERT OR REPLACE INTO permissions (user, resource, resource_id, name, permission) "
                "SELECT id, ?, ?, ?, ? FROM users WHERE username = ?",
                (resource, thing, name[0] if name else "", LEVELS.index(level), username),
            )
    database.close()


class Things:
    """One of each kind, made when it is asked for, all but the fresh_ ones once. Each user of `users` has the rights on all of
    them that his level says."""

    def __init__(self, server):
        self.server = server
        self.api = admin(server)
        self.gateway = Gateway(self.api)
        self.users = {level: make_user(server) for level in LEVELS[1:]}
        self.kept = {}

    def clients(self):
        return {level: client(self.server, name) for level, name in self.users.items()}

    def take(self, name):
        """What "$name" stands for."""
        if name.startswith(("fresh_", "deleted_", "tagged_", "new_", "unique", "granted_", "bound")) or name == "spans":
            return getattr(self, name)()
        if name not in self.kept:
            self.kept[name] = getattr(self, name)()
        return self.kept[name]

    def __getattr__(self, name):
        """What is used up can be had unused as well."""
        if name.startswith("_") or not hasattr(type(self), "fresh_" + name):
            raise AttributeError(name)
        return getattr(self, "fresh_" + name)

    def give(self, resource, thing, name=""):
        give_all(self.server, *((user, resource, thing, level, name) for level, user in self.users.items()))
        return thing

    def unique(self):
        return unique("thing")

    # Users

    def fresh_user(self):
        return make_user(self.server)

    def granted_user(self):
        name = make_user(self.server)
        kinds = {"experiment": EXPERIMENT, "model": MODEL, "secret": SECRET, "endpoint": ENDPOINT, "definition": DEFINITION}
        rows = [(name, resource, self.take(thing), "READ") for thing, resource in kinds.items()]
        give_all(self.server, *rows, (name, SCORER, self.take("experiment"), "READ", self.take("scorer")))
        return name

    def reader(self):
        return self.users["READ"]

    # Experiments, runs, logged models

    def fresh_experiment(self):
        return self.give(EXPERIMENT, self.api.experiment())

    def experiment_name(self):
        return self.api.get_experiment(self.take("experiment"))["name"]

    def deleted_experiment(self):
        made = self.fresh_experiment()
        self.api.post("experiments/delete", {"experiment_id": made}).ok()
        return made

    def tagged_experiment(self):
        made = self.take("experiment")
        self.api.post("experiments/set-experiment-tag", {"experiment_id": made, "key": "gone", "value": "v"}).ok()
        return made

    def fresh_run(self):
        return self.api.run(self.take("experiment"))

    def deleted_run(self):
        made = self.fresh_run()
        self.api.post("runs/delete", {"run_id": made}).ok()
        return made

    def tagged_run(self):
        made = self.take("run")
        self.api.post("runs/set-tag", {"run_id": made, "key": "gone", "value": "v"}).ok()
        return made

    def run(self):
        made = self.fresh_run()
        query = {"run_uuid": made, "path": "kept.txt"}
        assert self.api.request("POST", "/ajax-api/2.0/mlflow/upload-artifact", params=query, data=b"kept").status == 200
        return made

    def model_json(self):
        return json.dumps({"artifact_path": "m", "flavors": {}, "utc_time_created": "2024-01-01 00:00:00.000000", "run_id": self.take("run")})

    def fresh_logged_model(self):
        return self.api.model(self.take("experiment"))

    def tagged_logged_model(self):
        made = self.take("logged_model")
        self.api.patch(f"logged-models/{made}/tags", {"tags": [{"key": "gone", "value": "v"}]}).ok()
        return made

    # The registry

    def fresh_model(self):
        return self.give(MODEL, self.api.registered_model())

    def model(self):
        made = self.fresh_model()
        self.api.model_version(made)
        self.api.post("registered-models/alias", {"name": made, "alias": "kept", "version": "1"}).ok()
        return made

    def fresh_version(self):
        return self.api.model_version(self.take("model"))

    def fresh_webhook(self):
        body = {"name": unique("hook"), "url": "https://example.com/", "events": [{"entity": "REGISTERED_MODEL", "action": "CREATED"}]}
        return self.api.post("webhooks", body).ok()["webhook"]["webhook_id"]

    # Traces, datasets, scorers

    def traces(self):
        return Traces(self.api, self.take("experiment"))

    def fresh_trace(self):
        return self.traces().new()

    def tagged_trace(self):
        made = self.take("trace")
        self.traces().set_tag(made, key="gone", value="v").ok()
        return made

    def exported_trace(self):
        return self.traces().arrived()

    def spans(self):
        made = Spans()
        made.add()
        return made.spans

    def fresh_assessment(self):
        feedback = {"assessment_name": "a", "source": {"source_type": "HUMAN", "source_id": "x"}, "feedback": {"value": True}}
        return self.traces().assess(self.take("trace"), **feedback).ok()["assessment"]["assessment_id"]

    def fresh_dataset(self):
        body = {"name": unique("dataset"), "experiment_ids": [self.take("experiment")]}
        return self.api.post("datasets/create", body, root=API_3).ok()["dataset"]["dataset_id"]

    def register_scorer(self):
        body = {"experiment_id": self.take("experiment"), "name": unique("scorer"), "serialized_scorer": '{"a": 1}'}
        made = self.api.post("scorers/register", body, root=API_3).ok()
        self.give(SCORER, made["experiment_id"], made["name"])
        return made

    def fresh_scorer(self):
        return self.register_scorer()["name"]

    def scorer_id(self):
        return self.register_scorer()["scorer_id"]

    # The gateway, jobs, files

    def fresh_secret(self):
        made = self.gateway.secret(auth_config={"api_base": NOWHERE})
        return self.give(SECRET, made["secret_id"])

    def fresh_definition(self):
        return self.give(DEFINITION, self.gateway.model(self.take("secret"))["model_definition_id"])

    def new_endpoint(self):
        config = {"model_definition_id": self.take("definition"), "linkage_type": "PRIMARY"}
        made = self.gateway.endpoint(model_configs=[config])
        self.give(ENDPOINT, made["endpoint_id"])
        return made

    def fresh_endpoint(self):
        return self.new_endpoint()["endpoint_id"]

    def endpoint_name(self):
        return self.new_endpoint()["name"]

    def bound(self):
        body = {"endpoint_id": self.take("endpoint"), "resource_type": "scorer_job", "resource_id": unique("bound")}
        self.gateway.post("endpoints/bindings/create", **body).ok()
        return body["resource_id"]

    def fresh_job(self):
        body = {"job_name": "echo", "params": {"experiment_id": self.take("experiment")}}
        return self.api.request("POST", "/ajax-api/3.0/jobs", json=body).ok()["job_id"]

    def folder(self):
        return self.take("experiment") + "/files"

    def new_file(self):
        return f"{self.take('folder')}/{unique('file')}"

    def fresh_file(self):
        made = self.new_file()
        assert self.api.request("PUT", f"/api/2.0/mlflow-artifacts/artifacts/{made}", data=b"hello").status == 200
        return made
