/* The files of jobs.d, and what is made of the types in them. */
#include <stdint.h>
#include <stdlib.h>

#include <json-c/json.h>

#include "common/jobs/parameters.h"
#include "common/jobs/scorer.h"
#include "common/jobs/types.h"
#include "common/json/json_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct job_type *type, struct arena *arena, struct json_object *params)
{
    struct error error = {.code = ERROR_NONE};
    if (!type->argc || type->argv[0].data[0] != '/' || type->max_parallel < 1 || type->timeout_ms < 0)
        abort();
    for (int64_t retry = 1; retry < 70; retry++) {
        int64_t delay = job_retry_delay_ms(type, retry);
        if (delay < 0 || delay > type->retry_delay_max_ms)
            abort();
    }
    job_check_params(type, params, arena, &error);
    struct sv key = job_lock_key(type, params, arena);
    if ((type->exclusive == JOB_SHARED) != (key.data == NULL))
        abort();
}

/* Up to a NUL it is a file, behind that the parameters, and a scorer. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct job_defaults defaults = {3, 15000, 60000};
    struct arena *arena = arena_new(64UL * 1024 * 1024);
    struct sv rest = {(const char *)data, size}, file = sv_cut(&rest, '\0'), problem;
    struct json_object *params = NULL;
    struct job_types types = {0};
    struct error error = {.code = ERROR_NONE};
    bool session_level;
    if (json_parse(arena, rest, &params, &problem) != JSON_OK ||
        !json_object_is_type(params, json_type_object)) {
        json_object_put(params);
        params = json_object_new_object();
    }
    job_json_text(params, arena);
    job_scorer_check(rest, arena, &error, &session_level);
    if (job_types_parse(&types, arena, "fuzz.conf", file, &defaults, &problem)) {
        for (size_t i = 0; i < types.count; i++) {
            if (job_types_find(&types, types.items[i].name) != &types.items[i])
                abort();
            use(&types.items[i], arena, params);
        }
    }
    json_object_put(params);
    arena_free(arena);
    return 0;
}
