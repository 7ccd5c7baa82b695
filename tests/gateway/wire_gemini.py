"""What Google's generateContent answers, and how it is called."""

from gateway_support import KEY
from upstream import frame, json_answer, stream
from wire_openai import only

USAGE = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7, "cachedContentTokenCount": 2}


def candidate(*parts, finish=None, **more):
    ended = {"finishReason": finish} if finish else {}
    return {"content": {"role": "model", "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}, **ended, **more}


def call(name, call_id=None, **arguments):
    return {"functionCall": {"name": name, "args": arguments, **({"id": call_id} if call_id else {})}}


def reply(*candidates, usage=True, **more):
    told = {"usageMetadata": USAGE} if usage else {}
    return {"candidates": list(candidates) or [candidate("hello", finish="STOP")], **told, "modelVersion": "gemini-served", **more}


def pieces(*replies):
    """Google ends its lines with CR LF, and has no [DONE]."""
    return stream(*[frame(one, end="\r\n") for one in replies])


def text_stream(*texts):
    return pieces(*[reply(candidate(text), usage=False) for text in texts], reply(candidate("", finish="STOP")))


def error(text, status):
    return json_answer({"error": {"code": status, "message": text, "status": "SOME_STATUS"}}, status)


def authenticated(made, key=KEY):
    assert made.header("x-goog-api-key") == key
    only(made, "x-goog-api-key")
