/* What the scan of a protobuf passes can be unpacked, and every span of it that is taken has content that is
 * JSON. */

#include <stdint.h>
#include <stdlib.h>

#include "common/json/json_read.h"
#include "common/trace/span.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_spans(struct arena *arena, const struct otlp_export *export)
{
    for (size_t i = 0; i < export->span_count; i++) {
        struct trace_span span;
        struct json_object *root;
        const char *problem = NULL;
        struct sv why;
        if (!span_prepare(arena, &export->spans[i], &span, &problem)) {
            require(problem != NULL);
            continue;
        }
        enum json_outcome outcome = json_parse(arena, span.row.content, &root, &why);
        require(outcome == JSON_OK || outcome == JSON_TOO_BIG);
        json_object_put(root);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(512UL * 1024 * 1024);
    struct sv message = {(const char *)data, size};
    struct otlp_export export;
    const char *problem;
    enum otlp_outcome scanned = otlp_scan(message, &problem);
    enum otlp_outcome decoded = otlp_from_protobuf(arena, message, &export, &problem);
    require(scanned == OTLP_OK || decoded == scanned);
    if (decoded == OTLP_OK)
        check_spans(arena, &export);
    arena_free(arena);
    return 0;
}
