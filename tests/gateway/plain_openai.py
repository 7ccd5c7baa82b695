"""The least that a provider of OpenAI's shape answers, for tests that are about the gateway and not about providers."""

from upstream import events, json_answer

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def chat(text="hello", **more):
    message = {"role": "assistant", "content": text}
    return json_answer(
        {
            "id": "chat-1",
            "object": "chat.completion",
            "created": 1700000000,
            "model": "model-1",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": USAGE,
            **more,
        }
    )


def embeddings(*vectors):
    data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(vectors)]
    return json_answer({"object": "list", "data": data, "model": "model-1", "usage": {"prompt_tokens": 4, "total_tokens": 4}})


def chunk(text, finish_reason=None, **more):
    return {
        "id": "chat-1",
        "object": "chat.completion.chunk",
        "created": 1700000000,
        "model": "model-1",
        "choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}],
        **more,
    }


def chunks(*texts, **more):
    """A stream of these texts; numbers, CUT and HANG as in upstream.Answer."""
    return events(*[chunk(text) if isinstance(text, str) else text for text in texts], **more)


def error(status, message="no"):
    return json_answer({"error": {"message": message, "type": "some_error"}}, status)


def text_of(found):
    """What the chunks of a unified stream say together."""
    return "".join(choice["delta"]["content"] or "" for one in found for choice in one.get("choices", []))
