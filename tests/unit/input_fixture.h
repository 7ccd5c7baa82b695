#ifndef TRACKLIGHT_TESTS_INPUT_FIXTURE_H
#define TRACKLIGHT_TESTS_INPUT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "common/http/input.h"

/* Last: its macro `fail` would hide our function. */
#include <cmocka.h>

/* One operation with a field of each type, and one request to it at a time. */

struct pair_in {
    struct sv key;
    struct sv value;
};

struct metric_in {
    struct sv key;
    struct opt_double value;
    struct opt_int64 timestamp;
    struct opt_int64 step;
};

struct sample_in {
    struct sv text;
    struct sv experiment_id;
    struct opt_int64 max_results;
    struct opt_int64 page_size;
    struct opt_double value;
    struct opt_bool flag;
    struct opt_int64 status;
    struct list order_by;
    struct list experiment_ids;
    struct list time_points;
    struct opt_object dataset;
    struct list metrics;
    struct json_object *any_json;
};

static const struct enum_name status_names[] = {{"RUNNING", 1}, {"FINISHED", 3}, {"FAILED", 4}, {NULL, 0}};

static const struct field metric_fields[] = {
    FIELD(struct metric_in, key, STRING, .required = true),
    FIELD(struct metric_in, value, DOUBLE, .required = true),
    FIELD(struct metric_in, timestamp, INT64, .required = true),
    FIELD(struct metric_in, step, INT64),
    FIELDS_END,
};

static const struct field pair_fields[] = {
    FIELD(struct pair_in, key, STRING, .required = true),
    FIELD(struct pair_in, value, STRING),
    FIELDS_END,
};

static const struct field sample_fields[] = {
    FIELD(struct sample_in, text, STRING),
    FIELD(struct sample_in, experiment_id, ID),
    FIELD(struct sample_in, max_results, INT64),
    FIELD(struct sample_in, page_size, INT32),
    FIELD(struct sample_in, value, DOUBLE),
    FIELD(struct sample_in, flag, BOOL),
    FIELD(struct sample_in, status, ENUM, .enums = status_names),
    FIELD(struct sample_in, order_by, STRINGS),
    FIELD(struct sample_in, experiment_ids, IDS),
    FIELD(struct sample_in, time_points, INT64S),
    FIELD(struct sample_in, dataset, OBJECT, .fields = pair_fields, .size = sizeof(struct pair_in)),
    FIELD(struct sample_in, metrics, OBJECTS, .fields = metric_fields, .size = sizeof(struct metric_in)),
    FIELD(struct sample_in, any_json, JSON),
    FIELDS_END,
};

static struct arena *arena;
static struct request request;
static struct operation operation;
static struct input input;

static void describe(const struct field *fields, size_t size)
{
    input = (struct input){.fields = fields, .size = size};
    operation = (struct operation){.name = "sample", .path = "/sample", .input = &input};
}

static void begin_request(enum http_method method)
{
    if (request.json)
        json_object_put(request.json);
    arena_reset(arena);
    memset(&request, 0, sizeof(request));
    request.arena = arena;
    request.method = method;
    request.operation = &operation;
    request.content_length = -1;
}

static int set_up_input(void **state)
{
    (void)state;
    if (!arena)
        arena = arena_new(256UL * 1024 * 1024);
    describe(sample_fields, sizeof(struct sample_in));
    begin_request(METHOD_POST);
    return 0;
}

static int tear_down_input(void **state)
{
    (void)state;
    begin_request(METHOD_POST);
    arena_free(arena);
    arena = NULL;
    return 0;
}

#define INPUT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_input, tear_down_input)

static void assert_text(struct sv actual, struct sv expected)
{
    if (!sv_equal(actual, expected))
        fail_msg("'%.*s' is not '%.*s'", SV_ARG(actual), SV_ARG(expected));
}

/* The checked input; the test fails if it is refused. */
static const void *accepted(void)
{
    if (input_check(&request) != OK)
        fail_msg("refused: %.*s", SV_ARG(request.error.message));
    assert_int_equal(request.error.code, ERROR_NONE);
    return request.input;
}

static void refused(struct sv message)
{
    assert_int_equal(input_check(&request), FAILED);
    assert_text(request.error.message, message);
    assert_int_equal(request.error.code, INVALID_PARAMETER_VALUE);
}

#endif
