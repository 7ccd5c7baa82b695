"""Google's token service, and what calls it: a service account whose claims openssl checks."""

import base64
import json
import pathlib
import subprocess
import tempfile
import time
import urllib.parse

from upstream import json_answer
from wire_openai import only

SCOPE = "https://www.googleapis.com/auth/cloud-platform"
GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def run(*command):
    return subprocess.run(command, capture_output=True, check=True).stdout


class Account:
    """A service account with a key of its own."""

    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp())
        self.private, self.public = self.folder / "private.pem", self.folder / "public.pem"
        run("openssl", "genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.private)
        run("openssl", "pkey", "-in", self.private, "-pubout", "-out", self.public)

    def secret(self, token_uri):
        """What the secret of a model holds."""
        account = {
            "type": "service_account",
            "project_id": "project-1",
            "private_key_id": "key-1",
            "private_key": self.private.read_text(),
            "client_email": "gateway@project-1.iam.gserviceaccount.com",
            "token_uri": token_uri,
        }
        return {"vertex_credentials": json.dumps(account)}

    def check(self, call, token_uri):
        """A request for a token, with claims that this account signed just now."""
        assert call.method == "POST"
        assert call.header("content-type") == "application/x-www-form-urlencoded"
        form = dict(urllib.parse.parse_qsl(call.body.decode(), strict_parsing=True))
        assert set(form) == {"grant_type", "assertion"} and form["grant_type"] == GRANT
        signed, _, signature = form["assertion"].rpartition(".")
        header, claims = [json.loads(decoded(part)) for part in signed.split(".")]
        assert header == {"alg": "RS256", "typ": "JWT", "kid": "key-1"}
        assert abs(claims["iat"] - time.time()) < 60
        assert claims == {
            "iss": "gateway@project-1.iam.gserviceaccount.com",
            "scope": SCOPE,
            "aud": token_uri,
            "iat": claims["iat"],
            "exp": claims["iat"] + 3600,
        }
        (self.folder / "signature").write_bytes(decoded(signature))
        (self.folder / "signed").write_text(signed)
        run("openssl", "dgst", "-sha256", "-verify", self.public, "-signature", self.folder / "signature", self.folder / "signed")


def decoded(text):
    assert "=" not in text and "+" not in text and "/" not in text
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def answers(model_answer, token="ya29.token", status=200):
    """A script for a wire that is both the token service, at /token, and Vertex AI."""

    def answer(call):
        if call.path == "/token":
            return json_answer({"access_token": token, "expires_in": 3599, "token_type": "Bearer"}, status)
        return model_answer(call) if callable(model_answer) else model_answer

    return answer


def authenticated(call, token="ya29.token"):
    assert call.header("authorization") == f"Bearer {token}"
    only(call, "authorization")
