"""What Anthropic's Messages API answers, and how it is called."""

from gateway_support import KEY
from upstream import frame, json_answer, stream
from wire_openai import only

USAGE = {"input_tokens": 10, "cache_read_input_tokens": 3, "cache_creation_input_tokens": 2, "output_tokens": 5}
TOOL_USE = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"place": "K\u00f6ln"}}


def message(*content, stop_reason="end_turn", usage=None, **more):
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude-served",
        "content": list(content) or [{"type": "text", "text": "hello"}],
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "usage": usage or USAGE,
        **more,
    }


def event(kind, **more):
    return frame({"type": kind, **more}, kind)


def start():
    return event("message_start", message=message(stop_reason=None, usage={**USAGE, "output_tokens": 1}))


def text_block(index, *pieces):
    yield event("content_block_start", index=index, content_block={"type": "text", "text": ""})
    yield event("ping")
    for piece in pieces:
        yield event("content_block_delta", index=index, delta={"type": "text_delta", "text": piece})
    yield event("content_block_stop", index=index)


def tool_block(index, tool, *pieces):
    yield event("content_block_start", index=index, content_block={**tool, "input": {}})
    for piece in pieces:
        yield event("content_block_delta", index=index, delta={"type": "input_json_delta", "partial_json": piece})
    yield event("content_block_stop", index=index)


def end(stop_reason="end_turn"):
    yield event("message_delta", delta={"stop_reason": stop_reason, "stop_sequence": None}, usage={"output_tokens": 5})
    yield event("message_stop")


def text_stream(*pieces):
    return stream(start(), *text_block(0, *pieces), *end())


def error(kind, text, status):
    return json_answer({"type": "error", "error": {"type": kind, "message": text}, "request_id": "req_1"}, status)


def authenticated(call, key=KEY, version="2023-06-01"):
    assert call.header("x-api-key") == key
    assert call.header("anthropic-version") == version
    only(call, "x-api-key")
