/* An export as JSON is refused with a reason, or every span of it that is taken has content that is JSON. */

#include <stdint.h>
#include <stdlib.h>

#include "common/json/json_read.h"
#include "common/trace/span.h"

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_span(struct arena *arena, const struct otlp_span *from)
{
    struct trace_span span;
    struct json_object *root;
    const char *problem = NULL;
    struct sv why;
    if (!span_prepare(arena, from, &span, &problem)) {
        require(problem != NULL);
        return;
    }
    enum json_outcome outcome = json_parse(arena, span.row.content, &root, &why);
    require(outcome == JSON_OK || outcome == JSON_TOO_BIG);
    json_object_put(root);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(512UL * 1024 * 1024);
    struct json_object *root = NULL;
    struct sv why;
    if (json_parse(arena, (struct sv){(const char *)data, size}, &root, &why) == JSON_OK) {
        struct otlp_export export;
        const char *problem = NULL;
        enum otlp_outcome outcome = otlp_from_json(arena, root, &export, &problem);
        require((outcome == OTLP_OK) == (problem == NULL));
        for (size_t i = 0; outcome == OTLP_OK && i < export.span_count; i++)
            check_span(arena, &export.spans[i]);
    }
    json_object_put(root);
    arena_free(arena);
    return 0;
}
