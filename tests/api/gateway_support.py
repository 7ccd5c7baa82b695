"""What tests of the gateway's management share."""

from support import AJAX_3, API_3, unique

KEY = "sk-test-0123456789abcdef"


class Gateway:
    def __init__(self, api):
        self.api = api

    def post(self, path, **body):
        return self.api.post("gateway/" + path, body, root=API_3)

    def delete(self, path, **body):
        return self.api.delete("gateway/" + path, body, root=API_3)

    def get(self, path, root=API_3, **query):
        return self.api.get("gateway/" + path, query or None, root=root)

    def ask(self, path, **query):
        return self.get(path, root=AJAX_3, **query)

    def secret(self, **fields):
        body = {"secret_name": unique("secret"), "secret_value": {"api_key": KEY}, "provider": "openai", **fields}
        return self.post("secrets/create", **body).ok()["secret"]

    def model(self, secret_id=None, **fields):
        secret_id = secret_id or self.secret()["secret_id"]
        body = {"name": unique("model"), "secret_id": secret_id, "provider": "openai", "model_name": "gpt-4o", **fields}
        return self.post("model-definitions/create", **body).ok()["model_definition"]

    def config(self, **fields):
        return {"model_definition_id": self.model()["model_definition_id"], "linkage_type": "PRIMARY", **fields}

    def endpoint(self, **fields):
        body = {"name": unique("endpoint"), **fields}
        body.setdefault("model_configs", [self.config()])
        return self.post("endpoints/create", **body).ok()["endpoint"]

    def get_secret(self, secret_id):
        return self.get("secrets/get", secret_id=secret_id).ok()["secret"]

    def get_endpoint(self, endpoint_id):
        return self.get("endpoints/get", endpoint_id=endpoint_id).ok()["endpoint"]
