#include <math.h>
#include <stdio.h>

#include "tests/unit/input_fixture.h"

static void send(struct sv body)
{
    begin_request(METHOD_POST);
    request.content_type = SV("application/json");
    request.body = body;
}

static const void *accept_body(const char *body)
{
    send(sv_from(body));
    return accepted();
}

static void refuse_body(const char *body, struct sv message)
{
    send(sv_from(body));
    refused(message);
}

#define WRONG_TYPE(value, path, type)                                                               \
    SV("Invalid value " value " for parameter '" path "' supplied:  Hint: Value was of type '" type \
       "'. See the API docs for more information about request parameters.")
#define MISSING(path)                                \
    SV("Missing value for required parameter '" path \
       "'. See the API docs for more information about request parameters.")

static void every_type_is_filled(void **state)
{
    (void)state;
    const struct sample_in *in = accept_body(
        "{\"text\":\"t\\u0000\xc3\xa9\",\"experiment_id\":\"12\",\"max_results\":5,\"page_size\":-3,"
        "\"value\":0.5,"
        "\"flag\":true,\"status\":\"FINISHED\",\"order_by\":[\"a\",\"\"],\"experiment_ids\":[\"1\",2],"
        "\"time_points\":[1,\"2\",3.0],\"dataset\":{\"key\":\"k\",\"value\":\"v\"},"
        "\"metrics\":[{\"key\":\"m\",\"value\":1,\"timestamp\":2,\"step\":3},{\"key\":\"n\",\"value\":"
        "\"NaN\",\"timestamp\":0}],"
        "\"any_json\":[{}]}");
    assert_text(in->text, SV("t\0\xc3\xa9"));
    assert_text(in->experiment_id, SV("12"));
    assert_true(in->max_results.set && in->max_results.value == 5);
    assert_true(in->page_size.set && in->page_size.value == -3);
    assert_true(in->value.set && in->value.value == 0.5);
    assert_true(in->flag.set && in->flag.value);
    assert_true(in->status.set && in->status.value == 3);
    assert_true(in->order_by.set);
    assert_int_equal(in->order_by.count, 2);
    const struct sv *texts = in->order_by.items;
    assert_text(texts[0], SV("a"));
    assert_text(texts[1], SV(""));
    assert_int_equal(in->experiment_ids.count, 2);
    texts = in->experiment_ids.items;
    assert_text(texts[0], SV("1"));
    assert_text(texts[1], SV("2"));
    assert_int_equal(in->time_points.count, 3);
    const int64_t *points = in->time_points.items;
    assert_true(points[0] == 1 && points[1] == 2 && points[2] == 3);
    const struct pair_in *dataset = in->dataset.value;
    assert_text(dataset->key, SV("k"));
    assert_text(dataset->value, SV("v"));
    assert_int_equal(in->metrics.count, 2);
    const struct metric_in *metrics = in->metrics.items;
    assert_text(metrics[0].key, SV("m"));
    assert_true(metrics[0].value.value == 1 && metrics[0].timestamp.value == 2 && metrics[0].step.value == 3);
    assert_true(isnan(metrics[1].value.value) && metrics[1].timestamp.set && !metrics[1].step.set);
    assert_true(json_object_is_type(in->any_json, json_type_array));
}

static void assert_nothing_is_set(const struct sample_in *in)
{
    assert_null(in->text.data);
    assert_null(in->experiment_id.data);
    assert_false(in->max_results.set);
    assert_false(in->value.set);
    assert_false(in->flag.set);
    assert_false(in->status.set);
    assert_false(in->order_by.set);
    assert_false(in->experiment_ids.set);
    assert_null(in->dataset.value);
    assert_false(in->metrics.set);
    assert_null(in->any_json);
}

static void nothing_and_null_are_an_empty_object(void **state)
{
    (void)state;
    static const char *const bodies[] = {
        "", " \n", "null", "{}", "\xef\xbb\xbf{}", "\"{}\"", "\"null\"", "{\"unknown\":[1,{\"x\":2}]}"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++)
        assert_nothing_is_set(accept_body(bodies[i]));
    send(SV_ABSENT);
    assert_nothing_is_set(accepted());
}

static void null_is_absent(void **state)
{
    (void)state;
    assert_nothing_is_set(accept_body(
        "{\"text\":null,\"experiment_id\":null,\"max_results\":null,\"value\":null,\"flag\":null,\"status\":"
        "null,"
        "\"order_by\":null,\"experiment_ids\":null,\"dataset\":null,\"metrics\":null,\"any_json\":null}"));
}

static void empty_values_are_set(void **state)
{
    (void)state;
    const struct sample_in *in = accept_body(
        "{\"text\":\"\",\"order_by\":[],\"metrics\":[],\"max_results\":0,\"flag\":false,\"any_json\":0}");
    assert_text(in->text, SV(""));
    assert_true(in->order_by.set && !in->order_by.count);
    assert_true(in->metrics.set && !in->metrics.count);
    assert_true(in->max_results.set && !in->max_results.value);
    assert_true(in->flag.set && !in->flag.value);
    assert_non_null(in->any_json);
}

static void a_doubly_encoded_object_is_decoded_twice(void **state)
{
    (void)state;
    const struct sample_in *in = accept_body("\"{\\\"text\\\": \\\"twice\\\", \\\"max_results\\\": 7}\"");
    assert_text(in->text, SV("twice"));
    assert_int_equal(in->max_results.value, 7);
}

static void a_body_that_is_not_json_is_refused(void **state)
{
    (void)state;
    refuse_body("{\"text\":",
                SV("Bad Request. The request body is not valid JSON: expected a value at byte 8."));
    static const char *const bodies[] = {"{'text':1}", "text=1", "{\"text\":\"\xff\"}",   "{} x", "\"\"",
                                         "\"text\"",   "\"{\"",  "{\"text\":\"\\ud800\"}"};
    for (size_t i = 0; i < sizeof(bodies) / sizeof(bodies[0]); i++) {
        send(sv_from(bodies[i]));
        assert_int_equal(input_check(&request), FAILED);
        assert_int_equal(request.error.code, INVALID_PARAMETER_VALUE);
        assert_true(
            sv_starts_with(request.error.message, SV("Bad Request. The request body is not valid JSON: ")));
    }
}

static void a_body_that_is_no_object_is_refused(void **state)
{
    (void)state;
    refuse_body("[]", SV("Bad Request. The request body must be a JSON object, but was of type 'list'."));
    refuse_body("1", SV("Bad Request. The request body must be a JSON object, but was of type 'int'."));
    refuse_body("true", SV("Bad Request. The request body must be a JSON object, but was of type 'bool'."));
    refuse_body("\"[1.5]\"",
                SV("Bad Request. The request body must be a JSON object, but was of type 'list'."));
    refuse_body("\"\\\"{}\\\"\"",
                SV("Bad Request. The request body must be a JSON object, but was of type 'str'."));
}

static void lower_camel_case_names_fill_optional_fields(void **state)
{
    (void)state;
    const struct sample_in *in = accept_body("{\"experiment_id\":3,\"maxResults\":4,\"orderBy\":[\"x\"]}");
    assert_int_equal(in->max_results.value, 4);
    assert_int_equal(in->order_by.count, 1);
    in = accept_body("{\"max_results\":1,\"maxResults\":2}");
    assert_int_equal(in->max_results.value, 1);
    in = accept_body("{\"max_results\":null,\"maxResults\":2}");
    assert_int_equal(in->max_results.value, 2);
    in = accept_body("{\"MaxResults\":2,\"max_Results\":3,\"MAX_RESULTS\":4}");
    assert_false(in->max_results.set);
}

static void integers_are_numbers_without_fraction_or_digit_strings(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        int64_t value;
    } good[] = {
        {"12", 12},
        {"-12", -12},
        {"12.0", 12},
        {"1e3", 1000},
        {"-0.0", 0},
        {"\"12\"", 12},
        {"\"-5\"", -5},
        {"\"+5\"", 5},
        {"9223372036854775807", INT64_MAX},
        {"-9223372036854775808", INT64_MIN},
        {"\"-9223372036854775808\"", INT64_MIN},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char body[100];
        snprintf(body, sizeof(body), "{\"max_results\":%s}", good[i].json);
        const struct sample_in *in = accept_body(body);
        assert_true(in->max_results.set && in->max_results.value == good[i].value);
    }
    refuse_body("{\"max_results\":1.5}", WRONG_TYPE("1.5", "max_results", "float"));
    refuse_body("{\"max_results\":true}", WRONG_TYPE("true", "max_results", "bool"));
    refuse_body("{\"max_results\":\"\"}", WRONG_TYPE("\"\"", "max_results", "str"));
    refuse_body("{\"max_results\":\" 5\"}", WRONG_TYPE("\" 5\"", "max_results", "str"));
    refuse_body("{\"max_results\":\"1_0\"}", WRONG_TYPE("\"1_0\"", "max_results", "str"));
    refuse_body("{\"max_results\":\"5.0\"}", WRONG_TYPE("\"5.0\"", "max_results", "str"));
    refuse_body("{\"max_results\":[1]}", WRONG_TYPE("[1]", "max_results", "list"));
    refuse_body("{\"max_results\":{}}", WRONG_TYPE("{}", "max_results", "dict"));
    refuse_body("{\"max_results\":9223372036854775808}",
                WRONG_TYPE("9223372036854775808", "max_results", "int"));
    refuse_body("{\"max_results\":18446744073709551615}",
                WRONG_TYPE("18446744073709551615", "max_results", "int"));
    refuse_body("{\"max_results\":\"9223372036854775808\"}",
                WRONG_TYPE("\"9223372036854775808\"", "max_results", "str"));
    refuse_body("{\"max_results\":9223372036854775808.0}",
                WRONG_TYPE("9.223372036854776e+18", "max_results", "float"));
    refuse_body("{\"max_results\":-99999999999999999999}", WRONG_TYPE("-1e+20", "max_results", "float"));
    refuse_body("{\"max_results\":NaN}", WRONG_TYPE("NaN", "max_results", "float"));
    refuse_body("{\"max_results\":1e400}", WRONG_TYPE("Infinity", "max_results", "float"));
}

static void int32_has_its_own_range(void **state)
{
    (void)state;
    const struct sample_in *in = accept_body("{\"page_size\":2147483647}");
    assert_true(in->page_size.value == INT32_MAX);
    in = accept_body("{\"page_size\":\"-2147483648\"}");
    assert_true(in->page_size.value == INT32_MIN);
    refuse_body("{\"page_size\":2147483648}", WRONG_TYPE("2147483648", "page_size", "int"));
    refuse_body("{\"page_size\":-2147483649}", WRONG_TYPE("-2147483649", "page_size", "int"));
    refuse_body("{\"page_size\":\"2147483648\"}", WRONG_TYPE("\"2147483648\"", "page_size", "str"));
    refuse_body("{\"page_size\":3e9}", WRONG_TYPE("3000000000.0", "page_size", "float"));
}

static void doubles_are_numbers_or_their_spellings(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        double value;
    } good[] = {
        {"1", 1},
        {"-1.5", -1.5},
        {"\"1e3\"", 1000},
        {"\"+5\"", 5},
        {"\".5\"", 0.5},
        {"\"5.\"", 5},
        {"NaN", NAN},
        {"\"NaN\"", NAN},
        {"\"nan\"", NAN},
        {"\"-nan\"", NAN},
        {"Infinity", INFINITY},
        {"-Infinity", -INFINITY},
        {"\"Infinity\"", INFINITY},
        {"\"-Infinity\"", -INFINITY},
        {"\"inf\"", INFINITY},
        {"1e400", INFINITY},
        {"\"-1e400\"", -INFINITY},
        {"18446744073709551615", 18446744073709551615.0},
        {"99999999999999999999", 99999999999999999999.0},
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char body[100];
        snprintf(body, sizeof(body), "{\"value\":%s}", good[i].json);
        const struct sample_in *in = accept_body(body);
        assert_true(in->value.set);
        assert_true(isnan(good[i].value) ? isnan(in->value.value) : in->value.value == good[i].value);
    }
    refuse_body("{\"value\":true}", WRONG_TYPE("true", "value", "bool"));
    refuse_body("{\"value\":\"\"}", WRONG_TYPE("\"\"", "value", "str"));
    refuse_body("{\"value\":\"0x10\"}", WRONG_TYPE("\"0x10\"", "value", "str"));
    refuse_body("{\"value\":\"1,5\"}", WRONG_TYPE("\"1,5\"", "value", "str"));
    refuse_body("{\"value\":\" 1\"}", WRONG_TYPE("\" 1\"", "value", "str"));
    refuse_body("{\"value\":[]}", WRONG_TYPE("[]", "value", "list"));
}

static void enums_are_names_numbers_or_digit_strings(void **state)
{
    (void)state;
    static const char *const good[] = {"\"FAILED\"", "4", "4.0", "\"4\""};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        char body[100];
        snprintf(body, sizeof(body), "{\"status\":%s}", good[i]);
        const struct sample_in *in = accept_body(body);
        assert_true(in->status.set && in->status.value == 4);
    }
    refuse_body("{\"status\":\"finished\"}", WRONG_TYPE("\"finished\"", "status", "str"));
    refuse_body("{\"status\":\"BOGUS\"}", WRONG_TYPE("\"BOGUS\"", "status", "str"));
    refuse_body("{\"status\":\"\"}", WRONG_TYPE("\"\"", "status", "str"));
    refuse_body("{\"status\":77}", WRONG_TYPE("77", "status", "int"));
    refuse_body("{\"status\":\"77\"}", WRONG_TYPE("\"77\"", "status", "str"));
    refuse_body("{\"status\":4294967300}", WRONG_TYPE("4294967300", "status", "int"));
    refuse_body("{\"status\":1.5}", WRONG_TYPE("1.5", "status", "float"));
    refuse_body("{\"status\":true}", WRONG_TYPE("true", "status", "bool"));
}

static void strings_and_bools_are_not_converted(void **state)
{
    (void)state;
    refuse_body("{\"text\":1}", WRONG_TYPE("1", "text", "int"));
    refuse_body("{\"text\":{\"b\":1,\"a\":[\"\xc3\xa9\"]}}",
                WRONG_TYPE("{\"a\":[\"\\u00e9\"],\"b\":1}", "text", "dict"));
    refuse_body("{\"flag\":1}", WRONG_TYPE("1", "flag", "int"));
    refuse_body("{\"flag\":\"true\"}", WRONG_TYPE("\"true\"", "flag", "str"));
    refuse_body("{\"order_by\":\"a\"}", WRONG_TYPE("\"a\"", "order_by", "str"));
    refuse_body("{\"order_by\":[\"a\",1]}", WRONG_TYPE("1", "order_by[1]", "int"));
    refuse_body("{\"order_by\":[null]}", WRONG_TYPE("null", "order_by[0]", "NoneType"));
}

static void ids_are_strings_or_integers(void **state)
{
    (void)state;
    const struct sample_in *in = accept_body("{\"experiment_id\":42}");
    assert_text(in->experiment_id, SV("42"));
    in = accept_body("{\"experiment_id\":-9223372036854775808}");
    assert_text(in->experiment_id, SV("-9223372036854775808"));
    in = accept_body("{\"experiment_ids\":\"13\"}");
    assert_int_equal(in->experiment_ids.count, 1);
    assert_text(((const struct sv *)in->experiment_ids.items)[0], SV("13"));
    in = accept_body("{\"experiment_ids\":13}");
    assert_int_equal(in->experiment_ids.count, 1);
    assert_text(((const struct sv *)in->experiment_ids.items)[0], SV("13"));
    in = accept_body("{\"experiment_ids\":\"\"}");
    assert_true(in->experiment_ids.set && !in->experiment_ids.count);
    refuse_body("{\"experiment_id\":true}", WRONG_TYPE("true", "experiment_id", "bool"));
    refuse_body("{\"experiment_id\":1.0}", WRONG_TYPE("1.0", "experiment_id", "float"));
    refuse_body("{\"experiment_ids\":{}}", WRONG_TYPE("{}", "experiment_ids", "dict"));
    refuse_body("{\"experiment_ids\":[\"1\",null]}", WRONG_TYPE("null", "experiment_ids[1]", "NoneType"));
    refuse_body("{\"experiment_ids\":[[\"1\"]]}", WRONG_TYPE("[\"1\"]", "experiment_ids[0]", "list"));
}

static void errors_name_the_path_of_nested_values(void **state)
{
    (void)state;
    refuse_body("{\"metrics\":{}}", WRONG_TYPE("{}", "metrics", "dict"));
    refuse_body("{\"metrics\":[7]}", WRONG_TYPE("7", "metrics[0]", "int"));
    refuse_body("{\"metrics\":[null]}", WRONG_TYPE("null", "metrics[0]", "NoneType"));
    refuse_body("{\"metrics\":[{\"value\":1,\"timestamp\":1}]}", MISSING("metrics[0].key"));
    refuse_body("{\"metrics\":[{\"key\":\"a\",\"value\":1,\"timestamp\":1},{\"key\":\"\"}]}",
                MISSING("metrics[1].key"));
    refuse_body("{\"metrics\":[{\"key\":\"a\",\"value\":\"x\",\"timestamp\":1}]}",
                WRONG_TYPE("\"x\"", "metrics[0].value", "str"));
    refuse_body("{\"metrics\":[{\"key\":\"a\",\"value\":1,\"timestamp\":1.5}]}",
                WRONG_TYPE("1.5", "metrics[0].timestamp", "float"));
    refuse_body("{\"dataset\":{}}", MISSING("dataset.key"));
    refuse_body("{\"dataset\":[]}", WRONG_TYPE("[]", "dataset", "list"));
    refuse_body("{\"time_points\":[1,2,\"x\"]}", WRONG_TYPE("\"x\"", "time_points[2]", "str"));
}

static void a_quoted_value_is_cut(void **state)
{
    (void)state;
    char body[5000] = "{\"max_results\":\"";
    size_t len = strlen(body);
    memset(body + len, 'x', 4000);
    memcpy(body + len + 4000, "\"}", 3);
    send(sv_from(body));
    assert_int_equal(input_check(&request), FAILED);
    assert_true(request.error.message.len < ERROR_VALUE_LIMIT + 250);
    assert_true(sv_starts_with(request.error.message, SV("Invalid value \"xxxx")));
}

struct required_in {
    struct sv run_id;
    struct sv key;
    struct opt_double value;
    struct list models;
    struct list ids;
};

static const struct field required_fields[] = {
    FIELD(struct required_in, run_id, STRING, .required = true, .alias = "run_uuid"),
    FIELD(struct required_in, key, STRING, .required = true),
    FIELD(struct required_in, value, DOUBLE, .required = true),
    FIELD(struct required_in, models, OBJECTS, .required = true, .fields = pair_fields,
          .size = sizeof(struct pair_in)),
    FIELD(struct required_in, ids, IDS, .required = true),
    FIELDS_END,
};

static void required_fields_are_neither_absent_null_nor_empty(void **state)
{
    (void)state;
    describe(required_fields, sizeof(struct required_in));
    refuse_body("", MISSING("run_id"));
    refuse_body("{}", MISSING("run_id"));
    refuse_body("{\"run_id\":null}", MISSING("run_id"));
    refuse_body("{\"run_id\":\"\"}", MISSING("run_id"));
    refuse_body("{\"run_id\":\"r\",\"key\":\"\"}", MISSING("key"));
    refuse_body("{\"run_id\":\"r\",\"key\":\"k\"}", MISSING("value"));
    refuse_body("{\"run_id\":\"r\",\"key\":\"k\",\"value\":\"\"}", MISSING("value"));
    refuse_body("{\"run_id\":\"r\",\"key\":\"k\",\"value\":0}", MISSING("models"));
    refuse_body("{\"run_id\":\"r\",\"key\":\"k\",\"value\":0,\"models\":null}", MISSING("models"));
    refuse_body("{\"run_id\":\"r\",\"key\":\"k\",\"value\":0,\"models\":[],\"ids\":\"\"}", MISSING("ids"));
    const struct required_in *in =
        accept_body("{\"run_id\":\"r\",\"key\":\"k\",\"value\":0,\"models\":[],\"ids\":[]}");
    assert_text(in->run_id, SV("r"));
    assert_true(in->models.set && !in->models.count && in->ids.set);
}

static void the_first_field_of_the_table_is_reported(void **state)
{
    (void)state;
    describe(required_fields, sizeof(struct required_in));
    refuse_body("{\"value\":true,\"key\":5,\"run_id\":\"r\"}", WRONG_TYPE("5", "key", "int"));
    refuse_body("{\"value\":true,\"run_id\":\"r\"}", MISSING("key"));
}

static void an_alias_stands_in_for_an_absent_field(void **state)
{
    (void)state;
    describe(required_fields, sizeof(struct required_in));
    static const char *const good[] = {
        "{\"run_uuid\":\"r\",\"key\":\"k\",\"value\":0,\"models\":[],\"ids\":[]}",
        "{\"run_id\":null,\"run_uuid\":\"r\",\"key\":\"k\",\"value\":0,\"models\":[],\"ids\":[]}",
        "{\"run_id\":\"r\",\"run_uuid\":\"other\",\"key\":\"k\",\"value\":0,\"models\":[],\"ids\":[]}",
    };
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        const struct required_in *in = accept_body(good[i]);
        assert_text(in->run_id, SV("r"));
    }
    refuse_body("{\"run_id\":\"\",\"run_uuid\":\"r\"}", MISSING("run_id"));
    refuse_body("{\"runUuid\":\"r\"}", MISSING("run_id"));
    refuse_body("{\"run_uuid\":5}", WRONG_TYPE("5", "run_id", "int"));
}

static void path_fields_come_from_the_path_only(void **state)
{
    (void)state;
    static const struct field fields[] = {
        FIELD(struct sample_in, experiment_id, ID, .required = true, .in_path = true),
        FIELD(struct sample_in, max_results, INT64, .in_path = true),
        FIELD(struct sample_in, text, STRING),
        FIELDS_END,
    };
    describe(fields, sizeof(struct sample_in));
    send(SV("{\"experiment_id\":\"body\",\"max_results\":1,\"text\":\"t\"}"));
    refused(MISSING("experiment_id"));

    send(SV("{\"experiment_id\":\"body\",\"max_results\":1,\"text\":\"t\"}"));
    request.parameters[0] = (struct path_parameter){SV("experiment_id"), SV("path")};
    request.parameters[1] = (struct path_parameter){SV("max_results"), SV("12")};
    request.parameter_count = 2;
    const struct sample_in *in = accepted();
    assert_text(in->experiment_id, SV("path"));
    assert_int_equal(in->max_results.value, 12);
    assert_text(in->text, SV("t"));

    send(SV("{}"));
    request.parameters[0] = (struct path_parameter){SV("experiment_id"), SV("path")};
    request.parameters[1] = (struct path_parameter){SV("max_results"), SV("x")};
    request.parameter_count = 2;
    refused(WRONG_TYPE("\"x\"", "max_results", "str"));
}

static void the_public_error_quotes_value_and_path(void **state)
{
    (void)state;
    begin_request(METHOD_POST);
    struct json_object *value = json_object_new_int(50001);
    assert_int_equal(fail_invalid_value(&request, value, "max_results"), FAILED);
    json_object_put(value);
    assert_text(request.error.message, WRONG_TYPE("50001", "max_results", "int"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INPUT_TEST(every_type_is_filled),
        INPUT_TEST(nothing_and_null_are_an_empty_object),
        INPUT_TEST(null_is_absent),
        INPUT_TEST(empty_values_are_set),
        INPUT_TEST(a_doubly_encoded_object_is_decoded_twice),
        INPUT_TEST(a_body_that_is_not_json_is_refused),
        INPUT_TEST(a_body_that_is_no_object_is_refused),
        INPUT_TEST(lower_camel_case_names_fill_optional_fields),
        INPUT_TEST(integers_are_numbers_without_fraction_or_digit_strings),
        INPUT_TEST(int32_has_its_own_range),
        INPUT_TEST(doubles_are_numbers_or_their_spellings),
        INPUT_TEST(enums_are_names_numbers_or_digit_strings),
        INPUT_TEST(strings_and_bools_are_not_converted),
        INPUT_TEST(ids_are_strings_or_integers),
        INPUT_TEST(errors_name_the_path_of_nested_values),
        INPUT_TEST(a_quoted_value_is_cut),
        INPUT_TEST(required_fields_are_neither_absent_null_nor_empty),
        INPUT_TEST(the_first_field_of_the_table_is_reported),
        INPUT_TEST(an_alias_stands_in_for_an_absent_field),
        INPUT_TEST(path_fields_come_from_the_path_only),
        INPUT_TEST(the_public_error_quotes_value_and_path),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
