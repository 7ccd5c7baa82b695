#ifndef TRACKLIGHT_TRACE_SPAN_PROTO_H
#define TRACKLIGHT_TRACE_SPAN_PROTO_H

#include <stdbool.h>

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/sv.h"

/* Adds a stored span (span.h: its content) as the message Span of OTLP's opentelemetry.proto.trace.v1, in
 * protobuf's JSON form with the names of its .proto: ids in base64, 64-bit numbers as JSON numbers,
 * attributes as what their stored texts say. False, and nothing is added, if the content cannot be read. */
bool span_put_proto(struct buffer *out, struct arena *arena, struct sv content);

#endif
