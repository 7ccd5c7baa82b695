"""Traces of one experiment over HTTP."""

import base64
import json
import os

from support import API, API_3, unique

LOCATION = "mlflow.trace.spansLocation"
ARTIFACTS = "mlflow.artifactLocation"
SIZE_STATS = "mlflow.trace.sizeStats"
START_NS = 1_700_000_000_123_456_789
START = "2023-11-14T22:13:20.123Z"


def new_hex(count):
    return os.urandom(count).hex()


def base64_of(hex_id):
    return base64.b64encode(bytes.fromhex(hex_id)).decode()


def otlp_value(value):
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [otlp_value(item) for item in value]}}
    return {"kvlistValue": {"values": otlp_pairs(value)}}


def otlp_pairs(items):
    return [{"key": key, "value": otlp_value(value)} for key, value in items.items()]


class Spans:
    """What one trace says in OTLP's JSON."""

    def __init__(self):
        self.hex = new_hex(16)
        self.trace_id = f"tr-{self.hex}"
        self.spans = []

    def add(self, name="span", parent=None, start=START_NS, milliseconds=10, attributes=None, **more):
        span = {
            "traceId": self.hex,
            "spanId": new_hex(8),
            "name": name,
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(start + milliseconds * 1_000_000),
            "attributes": otlp_pairs(attributes or {}),
            **more,
        }
        if parent:
            span["parentSpanId"] = parent
        self.spans.append(span)
        return span["spanId"]


class Traces:
    def __init__(self, api, experiment):
        self.api = api
        self.experiment = experiment

    def send(self, spans):
        """Exports the spans; they are sent once."""
        body = {"resourceSpans": [{"scopeSpans": [{"spans": spans.spans}]}]}
        headers = {"x-mlflow-experiment-id": self.experiment}
        reply = self.api.request("POST", "/v1/traces", json=body, headers=headers)
        assert reply.status == 200 and reply.json == {}, reply
        spans.spans = []
        return spans.trace_id

    def arrived(self, **span):
        """A trace of one root span, known from its spans alone."""
        spans = Spans()
        spans.add(**span)
        return self.send(spans)

    def info(self, trace_id=None, **fields):
        return {
            "trace_id": trace_id or unique("tr"),
            "trace_location": {
                "type": "MLFLOW_EXPERIMENT",
                "mlflow_experiment": {"experiment_id": self.experiment},
            },
            "request_time": START,
            "state": "OK",
            **fields,
        }

    def try_start(self, trace_id=None, **fields):
        return self.api.post("traces", {"trace": {"trace_info": self.info(trace_id, **fields)}}, root=API_3)

    def start(self, trace_id=None, **fields):
        return self.try_start(trace_id, **fields).ok()["trace"]["trace_info"]

    def new(self, **fields):
        """The id of a fresh trace."""
        return self.start(**fields)["trace_id"]

    def try_load(self, trace_id):
        return self.api.get(f"traces/{trace_id}", root=API_3)

    def load(self, trace_id):
        return self.try_load(trace_id).ok()["trace"]["trace_info"]

    def exists(self, trace_id):
        return self.try_load(trace_id).status == 200

    def set_tag(self, trace_id, root=API, **fields):
        return self.api.patch(f"traces/{trace_id}/tags", fields, root=root)

    def delete_tag(self, trace_id, root=API, **fields):
        return self.api.delete(f"traces/{trace_id}/tags", fields, root=root)

    def delete(self, root=API, **fields):
        return self.api.post("traces/delete-traces", {"experiment_id": self.experiment, **fields}, root=root)

    def get(self, trace_id, **query):
        return self.api.get("traces/get", {"trace_id": trace_id, **query}, root=API_3)

    def get_spans(self, trace_id, **query):
        return self.get(trace_id, **query).ok()["trace"].get("spans", [])

    def batch(self, *trace_ids):
        """[trace id] in the order of the reply"""
        reply = self.api.get("traces/batchGet", {"trace_ids": trace_ids}, root=API_3).ok()
        assert reply.get("traces") != [], "an empty list is left out"
        return [trace["trace_info"]["trace_id"] for trace in reply.get("traces", [])]

    def assess(self, trace_id, **assessment):
        return self.api.post(f"traces/{trace_id}/assessments", {"assessment": assessment}, root=API_3)


def size_stats(spans):
    return {SIZE_STATS: json.dumps({"total_size_bytes": 1, "num_spans": spans})}
