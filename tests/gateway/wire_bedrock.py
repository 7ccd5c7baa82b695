"""What Amazon Bedrock and STS answer, and a check of Signature Version 4 that knows nothing of the gateway's."""

import hashlib
import hmac
import json
import re
import struct
import time
import urllib.parse
import zlib

from upstream import Answer, json_answer, stream
from wire_openai import only

REGION = "eu-west-1"
USAGE = {"inputTokens": 3, "outputTokens": 4, "totalTokens": 7}
KEYS = {"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
AUTHORIZATION = re.compile(r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([\w-]+)/(\w+)/aws4_request, SignedHeaders=([\w;-]+), Signature=([0-9a-f]{64})")


# --- Answers ---


def reply(*content, stop="end_turn"):
    message = {"role": "assistant", "content": list(content) or [{"text": "hello"}]}
    return {"output": {"message": message}, "stopReason": stop, "usage": USAGE, "metrics": {"latencyMs": 1}}


def tool_use(name, use_id, **arguments):
    return {"toolUse": {"toolUseId": use_id, "name": name, "input": arguments}}


def header(name, value):
    return bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()


def message(headers, payload):
    """One message of application/vnd.amazon.eventstream."""
    payload = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    packed = b"".join(header(f":{name}", value) for name, value in headers.items())
    head = struct.pack(">II", 16 + len(packed) + len(payload), len(packed))
    head += struct.pack(">I", zlib.crc32(head))
    whole = head + packed + payload
    return whole + struct.pack(">I", zlib.crc32(whole))


def event(kind, **payload):
    return message({"event-type": kind, "content-type": "application/json", "message-type": "event"}, payload)


def exception(kind, text):
    return message({"exception-type": kind, "content-type": "application/json", "message-type": "exception"}, {"message": text})


def text_block(index, *pieces):
    return [*[event("contentBlockDelta", contentBlockIndex=index, delta={"text": piece}) for piece in pieces], event("contentBlockStop", contentBlockIndex=index)]


def tool_block(index, name, use_id, *pieces):
    return [
        event("contentBlockStart", contentBlockIndex=index, start={"toolUse": {"toolUseId": use_id, "name": name}}),
        *[event("contentBlockDelta", contentBlockIndex=index, delta={"toolUse": {"input": piece}}) for piece in pieces],
        event("contentBlockStop", contentBlockIndex=index),
    ]


START = event("messageStart", role="assistant")


def end(stop="end_turn"):
    return [event("messageStop", stopReason=stop), event("metadata", usage=USAGE, metrics={"latencyMs": 1})]


def pieces(*messages):
    return stream(*messages, content_type="application/vnd.amazon.eventstream")


def text_stream(*texts):
    return pieces(START, *text_block(0, *texts), *end())


def error(text, status, kind="SomeException"):
    return json_answer({"message": text}, status, {"x-amzn-errortype": kind})


def lent(access="ASIALENT", secret="lent-secret", session="lent-session", seconds=900):
    """What STS answers to AssumeRole."""
    expires = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + seconds))
    body = f"""<AssumeRoleResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleResult>
    <AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn><AssumedRoleId>A:s</AssumedRoleId></AssumedRoleUser>
    <Credentials>
      <AccessKeyId>{access}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>
      <SessionToken>{session}</SessionToken><Expiration>{expires}</Expiration>
    </Credentials>
  </AssumeRoleResult>
  <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</AssumeRoleResponse>"""
    return Answer(200, {"content-type": "text/xml"}, [body.encode()])


# --- Checks ---


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def signed(wire, call, access, secret, session=None, service="bedrock", region=REGION):
    """The call is signed by this key, here and now, and so are its essential headers."""
    found = AUTHORIZATION.fullmatch(call.header("authorization") or "")
    assert found, call.header("authorization")
    names = found[5].split(";")
    assert found.group(1, 3, 4) == (access, region, service)
    assert names == sorted(names)
    assert {"host", "x-amz-date", "content-type"} <= set(names)
    assert call.header("x-amz-security-token") == session
    assert session is None or "x-amz-security-token" in names
    date = call.header("x-amz-date")
    assert date[:8] == found[2]
    assert call.header("host") == f"127.0.0.1:{wire.port}"
    # What was sent, encoded once more: S3 is the only service that does without.
    path = urllib.parse.quote(f"/{wire.name}{call.raw_path}", safe="/-_.~")
    headers = "".join(f"{name}:{call.header(name).strip()}\n" for name in names)
    query = urllib.parse.urlsplit(call.target).query
    canonical = "\n".join([call.method, path, query, headers, found[5], hashlib.sha256(call.body).hexdigest()])
    scope = f"{date[:8]}/{region}/{service}/aws4_request"
    to_sign = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
    key = f"AWS4{secret}".encode()
    for part in (date[:8], region, service, "aws4_request"):
        key = digest(key, part)
    assert digest(key, to_sign).hex() == found[6]
    only(call, "authorization")
