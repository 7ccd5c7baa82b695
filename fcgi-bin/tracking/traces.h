#ifndef TRACKLIGHT_FCGI_TRACES_H
#define TRACKLIGHT_FCGI_TRACES_H

#include "common/store/traces.h"
#include "fcgi-bin/tracking/tracking.h"

/* What the operations on traces share. */

/* A trace as API 3.0 shows it (TraceInfo), and as API 2.0 does. */
void put_trace_info(struct request *request, struct json_writer *json, const struct trace *trace);
void put_trace_info_2(struct request *request, struct json_writer *json, const struct trace *trace);

/* {"assessment_id": …}: one assessment. */
void put_assessment(struct request *request, struct json_writer *json, const struct assessment *assessment);

/* Maps of strings: {"key": "value"} under `path`. Absent or null is empty. */
enum status take_string_map(struct request *request, struct json_object *map, const char *path,
                            const struct key_value **items, size_t *count);

/* A time or a duration in protobuf's JSON form. */
enum status take_timestamp(struct request *request, struct sv text, const char *path, int64_t *ms);
enum status take_duration(struct request *request, struct sv text, const char *path, int64_t *ms);

/* Reads an assessment that a client sent; ids and times that it left out stay empty and 0. */
enum status take_assessment(struct request *request, struct json_object *value, const char *path,
                            struct assessment *assessment);

extern const struct enum_name trace_state_names[];

#endif
