#ifndef TRACKLIGHT_TRACE_OTLP_H
#define TRACKLIGHT_TRACE_OTLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <json-c/json.h>

#include "common/base/arena.h"
#include "common/base/buffer.h"
#include "common/base/sv.h"

/* Exports of traces by the OpenTelemetry protocol (OTLP 1.x over HTTP), as protobuf and as JSON. */

/* What one export may hold. */
#define OTLP_MAX_BYTES  (64L * 1024 * 1024) /* of a body, and of what it unpacks to */
#define OTLP_MAX_DEPTH  32                  /* of values inside values */
#define OTLP_MAX_SPANS  100000
#define OTLP_MAX_FIELDS 4000000 /* fields of all messages together */

enum otlp_type {
    OTLP_NONE,
    OTLP_STRING,
    OTLP_BOOL,
    OTLP_INT,
    OTLP_DOUBLE,
    OTLP_ARRAY,
    OTLP_OBJECT,
    OTLP_BYTES,
};

struct otlp_value {
    enum otlp_type type;
    size_t count; /* of an array or object */
    union {
        bool boolean;
        int64_t integer;
        double real;
        struct sv bytes;                     /* of a string (UTF-8) or of bytes */
        const struct otlp_value *items;      /* of an array */
        const struct otlp_attribute *fields; /* of an object */
    };
};

struct otlp_attribute {
    struct sv key; /* UTF-8 */
    struct otlp_value value;
};

struct otlp_event {
    struct sv name;
    uint64_t time; /* nanoseconds since 1970 UTC */
    const struct otlp_attribute *attributes;
    size_t attribute_count;
};

struct otlp_resource {
    const struct otlp_attribute *attributes;
    size_t attribute_count;
};

/* Ids are as they came: their lengths are not checked. */
struct otlp_span {
    struct sv trace_id;
    struct sv span_id;
    struct sv parent_span_id;
    struct sv name;
    uint64_t start_time; /* nanoseconds since 1970 UTC */
    uint64_t end_time;
    const struct otlp_attribute *attributes;
    size_t attribute_count;
    const struct otlp_event *events;
    size_t event_count;
    int32_t status_code;
    struct sv status_message;
    const struct otlp_resource *resource;
};

struct otlp_export {
    size_t resource_count; /* resource_spans messages */
    const struct otlp_span *spans;
    size_t span_count;
};

enum otlp_outcome {
    OTLP_OK,
    OTLP_BAD,     /* not the format; `problem` says why, NULL if there is nothing to say */
    OTLP_TOO_BIG, /* beyond the limits above; `problem` says which */
};

/* One pass over a protobuf without recursion and without allocating: what it passes, protobuf-c can unpack on
 * a small stack and in bounded memory. *problem is static. */
enum otlp_outcome otlp_scan(struct sv message, const char **problem);

/* An ExportTraceServiceRequest. Everything is in the arena. *problem is static. */
enum otlp_outcome otlp_from_protobuf(struct arena *arena, struct sv message, struct otlp_export *export,
                                     const char **problem);

/* The same by the JSON encoding of OTLP/HTTP: ids in hex, enums as numbers, names in lowerCamelCase; unknown
 * fields are ignored. `root` is the parsed body, which must outlive the export. */
enum otlp_outcome otlp_from_json(struct arena *arena, struct json_object *root, struct otlp_export *export,
                                 const char **problem);

/* An ExportTraceServiceResponse as protobuf: empty where nothing was refused. In the arena. */
struct sv otlp_reply_protobuf(struct arena *arena, int64_t rejected, struct sv message);

#endif
