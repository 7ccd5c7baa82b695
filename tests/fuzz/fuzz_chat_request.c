/* What passes once passes again, and does not change any more. */

#include <stdint.h>
#include <stdlib.h>

#include "common/gateway/chat_request.h"
#include "common/json/json_dump.h"
#include "common/json/json_read.h"

typedef enum status check(struct arena *arena, struct json_object *body, struct json_object **payload,
                          struct sv *problem);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void run(struct arena *arena, check *function, struct json_object *body)
{
    struct json_object *once, *twice;
    struct sv problem;
    if (function(arena, body, &once, &problem) != OK) {
        require(!once && problem.len > 0);
        return;
    }
    require(function(arena, once, &twice, &problem) == OK);
    require(sv_equal(json_dump(arena, once, true), json_dump(arena, twice, true)));
    json_object_put(once);
    json_object_put(twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new(256UL * 1024 * 1024);
    struct json_object *body;
    struct sv problem;
    if (json_parse(arena, (struct sv){(const char *)data, size}, &body, &problem) == JSON_OK) {
        run(arena, chat_request_check, body);
        run(arena, embeddings_request_check, body);
        json_object_put(body);
    }
    arena_free(arena);
    return 0;
}
