"""What OpenAI, and all that speak its formats, answer; and how they are called."""

from gateway_support import KEY
from upstream import json_answer

EMPTY_DELTA = {"role": None, "content": None, "tool_calls": None}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a place",
        "parameters": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
    },
}


def usage(prompt=3, completion=4, cached=1):
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def chat(content="hello", tool_calls=None, finish="stop", **more):
    message = {"role": "assistant", "content": content, "refusal": None, "annotations": []}
    if tool_calls:
        message["tool_calls"] = tool_calls
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1700000000,
        "model": "gpt-served",
        "choices": [choice],
        "usage": usage(),
        "system_fingerprint": "fp_1",
        **more,
    }


def chunk(delta=None, finish=None, **more):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "gpt-served",
        "service_tier": "default",
        "choices": choices,
        **more,
    }


def chunks(*words):
    """A stream that asks for its usage gets a tail with it."""
    deltas = [chunk({"role": "assistant", "content": ""}), *[chunk({"content": word}) for word in words]]
    return [*deltas, chunk({}, "stop"), chunk(usage=usage())]


def unified_chunk(delta=None, finish=None, **more):
    choices = [] if delta is None else [{"index": 0, "finish_reason": finish, "delta": {**EMPTY_DELTA, **delta}}]
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "gpt-served",
        "choices": choices,
        **more,
    }


def embeddings(*vectors):
    data = [{"object": "embedding", "index": at, "embedding": vector} for at, vector in enumerate(vectors)]
    return {"object": "list", "data": data, "model": "embed-served", "usage": {"prompt_tokens": 5, "total_tokens": 5}}


def error(message, status, **more):
    return json_answer({"error": {"message": message, "type": "some_error", "param": None, "code": None, **more}}, status)


def bearer(call, key=KEY):
    """How most of them are authenticated: this header, and no other one with a secret in it."""
    assert call.header("authorization") == f"Bearer {key}"
    only(call, "authorization")


def api_key(call, key=KEY):
    assert call.header("api-key") == key
    only(call, "api-key")


def only(call, *names):
    secrets = {"authorization", "api-key", "x-api-key", "x-goog-api-key", "cookie", "proxy-authorization"}
    assert call.header_names() & secrets == set(names)


def routed(**by_path):
    """An answer by the call's path, for providers that are asked at several: name=(end of the path, answer)."""

    def answer(call):
        for end, found in by_path.values():
            if call.path.endswith(end):
                return found(call) if callable(found) else found
        return json_answer({"error": {"message": f"nothing is at {call.path}"}}, 404)

    return answer


def relayed(reply):
    """A stream that is passed through, as it came; comments are the gateway's own."""
    assert reply.status_code == 200, reply.text
    return reply.content

