"""Runs one of MLflow's own jobs against a server: the entry point that MLflow starts for each job, but with stores that
speak to MLFLOW_TRACKING_URI. Left to itself it would open the server's database, and migrate it."""

import functools
import os
import runpy

ENTRY_POINT = "mlflow.server.jobs._job_subproc_entry"
DATABASE_VARIABLES = ("_MLFLOW_SERVER_FILE_STORE", "_MLFLOW_SERVER_REGISTRY_STORE")


def preset_stores(uri):
    import mlflow
    from mlflow.server import handlers
    from mlflow.store.model_registry.rest_store import RestStore as RegistryStore
    from mlflow.store.tracking.rest_store import RestStore as TrackingStore
    from mlflow.utils.credentials import get_default_host_creds

    credentials = functools.partial(get_default_host_creds, uri)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    handlers._tracking_store = TrackingStore(credentials)
    handlers._model_registry_store = RegistryStore(credentials, handlers._tracking_store)


def main():
    for name in DATABASE_VARIABLES:
        os.environ.pop(name, None)
    preset_stores(os.environ["MLFLOW_TRACKING_URI"])
    runpy.run_module(ENTRY_POINT, run_name="__main__")


if __name__ == "__main__":
    main()
