"""OTLP exports of traces, encoded by hand: protobuf from the published field numbers, and OTLP/HTTP's JSON."""

import base64
import json
import struct


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, content):
    """A length-delimited field."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def text(number, content):
    return field(number, content.encode())


def fixed64(number, value):
    return varint(number << 3 | 1) + struct.pack("<Q", value)


def any_value(value):
    if value is None:
        return b""
    if isinstance(value, bool):
        return varint(2 << 3) + varint(int(value))
    if isinstance(value, int):
        return varint(3 << 3) + varint(value)
    if isinstance(value, float):
        return varint(4 << 3 | 1) + struct.pack("<d", value)
    if isinstance(value, str):
        return text(1, value)
    if isinstance(value, bytes):
        return field(7, value)
    if isinstance(value, list):
        return field(5, b"".join(field(1, any_value(item)) for item in value))
    return field(6, b"".join(field(1, key_value(*item)) for item in value.items()))


def key_value(key, value):
    return text(1, key) + field(2, any_value(value))


def attributes(number, items):
    pairs = items.items() if isinstance(items, dict) else items
    return b"".join(field(number, key_value(key, value)) for key, value in pairs)


def encode_event(event):
    return fixed64(1, event.get("time", 0)) + text(2, event["name"]) + attributes(3, event.get("attributes", {}))


def encode_span(span):
    """From {trace_id, span_id, parent, name, start, end, attributes, events, status, message}; ids are bytes."""
    out = field(1, span["trace_id"]) + field(2, span["span_id"])
    if "parent" in span:
        out += field(4, span["parent"])
    out += text(5, span.get("name", "span")) + varint(6 << 3) + varint(1)
    out += fixed64(7, span.get("start", 0)) + fixed64(8, span.get("end", 0))
    out += attributes(9, span.get("attributes", {}))
    out += b"".join(field(11, encode_event(event)) for event in span.get("events", []))
    status = text(2, span["message"]) if "message" in span else b""
    if "status" in span:
        status += varint(3 << 3) + varint(span["status"])
    return out + (field(15, status) if status else b"") + varint(16 << 3 | 5) + struct.pack("<I", 0x101)


def protobuf(spans, resource=None):
    """One ExportTraceServiceRequest."""
    group = field(1, attributes(1, resource)) if resource else b""
    scope = field(1, text(1, "scope") + text(2, "1.0"))
    return field(1, group + field(2, scope + b"".join(field(2, encode_span(span)) for span in spans)))


# --- JSON ---


def json_value(value):
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
    if isinstance(value, bytes):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return {"arrayValue": {"values": [json_value(item) for item in value]}}
    return {"kvlistValue": {"values": json_attributes(value)}}


def json_attributes(items):
    return [{"key": key, "value": json_value(value)} for key, value in items.items()]


def json_span(span):
    out = {
        "traceId": span["trace_id"].hex(),
        "spanId": span["span_id"].hex(),
        "name": span.get("name", "span"),
        "kind": 1,
        "startTimeUnixNano": str(span.get("start", 0)),
        "endTimeUnixNano": str(span.get("end", 0)),
        "attributes": json_attributes(span.get("attributes", {})),
        "droppedAttributesCount": 0,
        "links": [],
        "events": [
            {"timeUnixNano": str(e.get("time", 0)), "name": e["name"], "attributes": json_attributes(e.get("attributes", {}))}
            for e in span.get("events", [])
        ],
        "status": {"code": span.get("status", 0)},
    }
    if "message" in span:
        out["status"]["message"] = span["message"]
    if "parent" in span:
        out["parentSpanId"] = span["parent"].hex()
    return out


def json_body(spans, resource=None):
    scope = {"scope": {"name": "scope"}, "spans": [json_span(span) for span in spans]}
    group = {"resource": {"attributes": json_attributes(resource or {})}, "scopeSpans": [scope], "schemaUrl": ""}
    return json.dumps({"resourceSpans": [group]}).encode()


# --- Reading replies ---


def decode(message):
    """{field number: [values]} of one level of a protobuf; values are integers or bytes."""
    found = {}
    at = 0

    def read_varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                return value

    while at < len(message):
        tag = read_varint()
        if tag & 7 == 0:
            value = read_varint()
        else:
            assert tag & 7 == 2, f"wire type {tag & 7}"
            length = read_varint()
            value = message[at : at + length]
            assert len(value) == length
            at += length
        found.setdefault(tag >> 3, []).append(value)
    return found


def partial_success(message):
    """(rejected spans, message) of an ExportTraceServiceResponse."""
    if not message:
        return 0, ""
    (inner,) = decode(message)[1]
    fields = decode(inner)
    return fields.get(1, [0])[0], fields.get(2, [b""])[0].decode()
