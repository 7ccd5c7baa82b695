"""Fills a running suite with what the pages show: runs, traces, files, and texts that try to be more than text."""

import json
import math
import random
import time

import requests

HOSTILE = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>'\"</textarea>${1}{{1}}"
MARKDOWN = f"""# Heading {HOSTILE}

[click](javascript:window.hacked=1) ![picture](https://example.com/x.png) **bold** `code` <b onclick="window.hacked=1">html</b>

| a | b |
|---|---|
| 1 | {HOSTILE.replace("|", "")} |

- one
- two
"""


class Loader:
    def __init__(self, url, headers=None):
        self.url = url
        self.session = requests.Session()
        self.session.headers.update(headers or {})
        self.random = random.Random(7)

    def call(self, path, body=None, method=None, version="2.0"):
        reply = self.session.request(method or ("GET" if body is None else "POST"), f"{self.url}/api/{version}/mlflow/{path}", json=body, timeout=60)
        assert reply.status_code == 200, (path, reply.status_code, reply.text)
        return reply.json()

    def experiment(self, name):
        return self.call("experiments/create", {"name": name, "tags": [{"key": "team", "value": HOSTILE}]})["experiment_id"]

    def run(self, experiment, name, number=0, status="FINISHED", points=0, extra=()):
        now = int(time.time() * 1000) - 60_000 * (number + 2)
        run = self.call("runs/create", {"experiment_id": experiment, "run_name": name, "start_time": now, "tags": list(extra)})["run"]["info"]["run_id"]
        depth = 2 + number % 6
        loss = round(1 / depth + self.random.random() / 10, 4)
        metrics = [{"key": "loss", "value": loss, "timestamp": now, "step": 0}, {"key": "accuracy", "value": 1 - loss, "timestamp": now, "step": 0}]
        for step in range(points):
            metrics.append({"key": "train_loss", "value": math.exp(-step / 40) + self.random.random() / 20, "timestamp": now + step * 100, "step": step})
        params = [{"key": "depth", "value": str(depth)}, {"key": "model", "value": ("tree", "forest", "net")[number % 3]}, {"key": "same", "value": "1"}]
        for at in range(0, len(metrics), 900):
            self.call("runs/log-batch", {"run_id": run, "metrics": metrics[at : at + 900], "params": params if at == 0 else []})
        if status != "RUNNING":
            self.call("runs/update", {"run_id": run, "status": status, "end_time": now + 30_000})
        return run

    def hostile_run(self, experiment):
        """A run all of whose texts try to be HTML."""
        run = self.run(experiment, HOSTILE, points=120)
        self.call("runs/log-batch", {"run_id": run, "metrics": [{"key": "bad/x y:z", "value": 1, "timestamp": 1, "step": 0}],
            "params": [{"key": "evil", "value": HOSTILE}], "tags": [{"key": "evil", "value": HOSTILE}, {"key": "mlflow.note.content", "value": MARKDOWN},
                {"key": "mlflow.source.name", "value": "javascript:window.hacked=1"}, {"key": "mlflow.user", "value": HOSTILE}]})
        self.call("runs/log-inputs", {"run_id": run, "datasets": [{"dataset": {"name": HOSTILE, "digest": "abc", "source_type": "local",
            "source": HOSTILE, "schema": json.dumps({"x": HOSTILE}), "profile": HOSTILE}, "tags": [{"key": "mlflow.data.context", "value": "training"}]}]})
        return run

    def file(self, run, experiment, path, content):
        reply = self.session.put(f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{experiment}/{run}/artifacts/{path}", data=content, timeout=60)
        assert reply.status_code == 200, reply.text

    def trace(self, experiment, number=0, text="What is a fjord?", error=False):
        trace_id = f"{self.random.getrandbits(128):032x}"
        now = time.time_ns() - number * 10**9

        def span(n, parent, name, kind, begin, end, inputs, outputs, more=()):
            attributes = {"mlflow.spanType": kind, "mlflow.spanInputs": inputs, "mlflow.spanOutputs": outputs, **dict(more)}
            return {"traceId": trace_id, "spanId": f"{n:016x}", "parentSpanId": f"{parent:016x}" if parent else "", "name": name, "kind": 1,
                "startTimeUnixNano": str(now + begin * 10**6), "endTimeUnixNano": str(now + end * 10**6),
                "attributes": [{"key": k, "value": {"stringValue": json.dumps(v)}} for k, v in attributes.items()],
                "status": {"code": 2 if error and n != 2 else 1, "message": text if error else ""}}

        messages = {"messages": [{"role": "system", "content": "Be short."}, {"role": "user", "content": text}]}
        answer = {"choices": [{"message": {"role": "assistant", "content": f"An inlet. {text}"}}]}
        spans = [span(1, 0, "answer", "CHAIN", 0, 900, {"question": text}, f"An inlet. {text}"), span(2, 1, "look up", "RETRIEVER", 20, 250, {"query": text}, [{"page_content": text}]),
            span(3, 1, text[:80], "CHAT_MODEL", 260, 880, messages, answer, {"mlflow.chat.tokenUsage": {"input_tokens": 12, "output_tokens": 30, "total_tokens": 42}}.items())]
        reply = self.session.post(f"{self.url}/v1/traces", json={"resourceSpans": [{"scopeSpans": [{"spans": spans}]}]}, headers={"x-mlflow-experiment-id": experiment}, timeout=60)
        assert reply.status_code == 200, reply.text
        return f"tr-{trace_id}"

    def assess(self, trace_id, name="helpful", value=True, rationale="short"):
        return self.call(f"traces/{trace_id}/assessments", {"assessment": {"assessment_name": name, "source": {"source_type": "HUMAN", "source_id": HOSTILE},
            "feedback": {"value": value}, "rationale": rationale}}, version="3.0")
