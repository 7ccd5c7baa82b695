#include <math.h>

#include "tests/unit/input_fixture.h"

#define CONTENT_TYPE_MISSING SV("Bad Request. Content-Type header is missing.")
#define CONTENT_TYPE_WRONG   SV("Bad Request. Content-Type must be one of ['application/json'].")

#define TAIL " See the API docs for more information about request parameters."
#define WRONG_STRING(value, path)                                                                 \
    SV("Invalid value \"" value "\" for parameter '" path "' supplied:  Hint: Value was of type " \
       "'str'." TAIL)

static void ask(struct sv query)
{
    begin_request(METHOD_GET);
    request.query = query;
}

static const struct sample_in *accept_query(const char *query)
{
    ask(sv_from(query));
    return accepted();
}

static void refuse_query(const char *query, struct sv message)
{
    ask(sv_from(query));
    refused(message);
}

static void every_scalar_type_is_read(void **state)
{
    (void)state;
    const struct sample_in *in = accept_query(
        "text=a+b%26&experiment_id=7&max_results=-5&page_size=3&value=nan&flag=TRUE&status=FAILED");
    assert_text(in->text, SV("a b&"));
    assert_text(in->experiment_id, SV("7"));
    assert_true(in->max_results.set && in->max_results.value == -5);
    assert_true(in->page_size.set && in->page_size.value == 3);
    assert_true(in->value.set && isnan(in->value.value));
    assert_true(in->flag.set && in->flag.value);
    assert_true(in->status.set && in->status.value == 4);
    in = accept_query("status=1&flag=False");
    assert_int_equal(in->status.value, 1);
    assert_true(in->flag.set && !in->flag.value);
}

static void the_first_of_repeated_scalars_wins(void **state)
{
    (void)state;
    const struct sample_in *in = accept_query("text=1&max_results=2&text=3&max_results=x");
    assert_text(in->text, SV("1"));
    assert_int_equal(in->max_results.value, 2);
}

static void repeated_fields_collect_all_values(void **state)
{
    (void)state;
    const struct sample_in *in =
        accept_query("order_by=b&experiment_ids=2&order_by=&time_points=9&experiment_ids=1&order_by=a");
    assert_int_equal(in->order_by.count, 3);
    const struct sv *texts = in->order_by.items;
    assert_text(texts[0], SV("b"));
    assert_text(texts[1], SV(""));
    assert_text(texts[2], SV("a"));
    assert_int_equal(in->experiment_ids.count, 2);
    assert_int_equal(in->time_points.count, 1);
    assert_int_equal(((const int64_t *)in->time_points.items)[0], 9);
    assert_false(accept_query("text=1")->order_by.set);
    refuse_query("text=a&time_points=1&text=b&time_points=x", WRONG_STRING("x", "time_points[1]"));
}

static void names_are_exact_and_unknown_ones_ignored(void **state)
{
    (void)state;
    const struct sample_in *in = accept_query("maxResults=5&Text=a&unknown=1&&=");
    assert_false(in->max_results.set);
    assert_null(in->text.data);
}

static void objects_cannot_be_written_in_a_query(void **state)
{
    (void)state;
    const struct sample_in *in = accept_query("dataset=x&metrics=y&any_json=1");
    assert_null(in->dataset.value);
    assert_false(in->metrics.set);
    assert_null(in->any_json);
}

static void numbers_are_parsed_strictly(void **state)
{
    (void)state;
    refuse_query("max_results=", WRONG_STRING("", "max_results"));
    refuse_query("max_results=+5", WRONG_STRING(" 5", "max_results"));
    refuse_query("max_results=5x", WRONG_STRING("5x", "max_results"));
    refuse_query("max_results=1e3", WRONG_STRING("1e3", "max_results"));
    refuse_query("max_results=9223372036854775808", WRONG_STRING("9223372036854775808", "max_results"));
    refuse_query("page_size=2147483648", WRONG_STRING("2147483648", "page_size"));
    refuse_query("value=%C3%A9", WRONG_STRING("\\u00e9", "value"));
    refuse_query("status=running", WRONG_STRING("running", "status"));
    refuse_query("status=2", WRONG_STRING("2", "status"));
}

static void bools_are_true_or_false(void **state)
{
    (void)state;
    refuse_query("flag=1", SV("Invalid boolean value: 1, must be 'true' or 'false'."));
    refuse_query("flag=", SV("Invalid boolean value: , must be 'true' or 'false'."));
    char query[5000] = "flag=";
    for (size_t i = 0; i < 800; i++)
        memcpy(query + 5 + 3 * i, "\xe2\x82\xac", 4);
    ask(sv_from(query));
    assert_int_equal(input_check(&request), FAILED);
    assert_int_equal(request.error.message.len,
                     strlen("Invalid boolean value: , must be 'true' or 'false'.") +
                         ERROR_VALUE_LIMIT / 3 * 3);
}

static void required_and_aliased_fields_work_as_in_a_body(void **state)
{
    (void)state;
    static const struct field fields[] = {
        FIELD(struct sample_in, text, STRING, .required = true, .alias = "other_text"),
        FIELD(struct sample_in, order_by, STRINGS, .required = true),
        FIELDS_END,
    };
    describe(fields, sizeof(struct sample_in));
    refuse_query("x=1", SV("Missing value for required parameter 'text'." TAIL));
    refuse_query("text=", SV("Missing value for required parameter 'text'." TAIL));
    refuse_query("text=&other_text=a", SV("Missing value for required parameter 'text'." TAIL));
    refuse_query("text=a", SV("Missing value for required parameter 'order_by'." TAIL));
    assert_text(accept_query("other_text=a&order_by=x")->text, SV("a"));
    assert_text(accept_query("other_text=b&text=a&order_by=x")->text, SV("a"));
}

static void a_query_that_cannot_be_decoded_is_refused(void **state)
{
    (void)state;
    static const char *const queries[] = {"text=%", "text=%ff", "%00=1", "unknown=%zz"};
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        ask(sv_from(queries[i]));
        assert_int_equal(input_check(&request), FAILED);
        assert_int_equal(request.error.code, INVALID_PARAMETER_VALUE);
    }
}

static void a_query_hides_the_body_of_get_and_head(void **state)
{
    (void)state;
    static const enum http_method methods[] = {METHOD_GET, METHOD_HEAD};
    for (size_t i = 0; i < 2; i++) {
        begin_request(methods[i]);
        request.query = SV("max_results=1");
        request.body = SV("{\"text\":\"body\"}");
        const struct sample_in *in = accepted();
        assert_int_equal(in->max_results.value, 1);
        assert_null(in->text.data);

        begin_request(methods[i]);
        request.query = SV("max_results=1");
        request.body = SV("not JSON");
        accepted();
    }
}

static void get_without_a_query_reads_a_body_of_any_type(void **state)
{
    (void)state;
    static const struct sv types[] = {{NULL, 0}, {"", 0}, {"text/plain", 10}, {"application/json", 16}};
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        begin_request(METHOD_GET);
        request.query = SV("");
        request.content_type = types[i];
        request.body = SV("{\"maxResults\":4}");
        assert_int_equal(((const struct sample_in *)accepted())->max_results.value, 4);
    }
    begin_request(METHOD_GET);
    accepted();
}

static void post_ignores_the_query(void **state)
{
    (void)state;
    begin_request(METHOD_POST);
    request.content_type = SV("application/json");
    request.query = SV("max_results=1&text=%zz");
    request.body = SV("{\"text\":\"body\"}");
    const struct sample_in *in = accepted();
    assert_false(in->max_results.set);
    assert_text(in->text, SV("body"));
}

static void send_type(enum http_method method, struct sv type)
{
    begin_request(method);
    request.content_type = type;
    request.body = SV("{\"text\":\"t\"}");
}

static void post_and_put_need_a_json_content_type(void **state)
{
    (void)state;
    static const enum http_method methods[] = {METHOD_POST, METHOD_PUT};
    static const char *const good[] = {"application/json", "Application/JSON",
                                       "application/json; charset=utf-8", "application/json;",
                                       " application/json ;x"};
    static const char *const bad[] = {
        "text/plain",        "application/x-www-form-urlencoded", "multipart/form-data; boundary=x",
        "application/jsonx", "application/json, text/plain",      "text/plain; application/json",
        "application/xml"};
    for (size_t m = 0; m < 2; m++) {
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
            send_type(methods[m], sv_from(good[i]));
            assert_text(((const struct sample_in *)accepted())->text, SV("t"));
        }
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            send_type(methods[m], sv_from(bad[i]));
            refused(CONTENT_TYPE_WRONG);
        }
        send_type(methods[m], SV_ABSENT);
        refused(CONTENT_TYPE_MISSING);
        send_type(methods[m], SV(""));
        refused(CONTENT_TYPE_MISSING);
        send_type(methods[m], SV_ABSENT);
        request.body = SV_ABSENT;
        refused(CONTENT_TYPE_MISSING);
    }
}

static void patch_and_delete_refuse_only_form_types(void **state)
{
    (void)state;
    static const enum http_method methods[] = {METHOD_PATCH, METHOD_DELETE};
    static const char *const bad[] = {"text/plain", "Text/Plain;charset=utf-8",
                                      "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"};
    static const struct sv good[] = {
        {NULL, 0}, {"", 0}, {"application/json", 16}, {"application/octet-stream", 24}};
    for (size_t m = 0; m < 2; m++) {
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
            send_type(methods[m], sv_from(bad[i]));
            refused(CONTENT_TYPE_WRONG);
        }
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
            send_type(methods[m], good[i]);
            assert_text(((const struct sample_in *)accepted())->text, SV("t"));
        }
    }
}

static void an_operation_may_take_any_content_type(void **state)
{
    (void)state;
    operation.any_content_type = true;
    send_type(METHOD_POST, SV("text/plain"));
    assert_text(((const struct sample_in *)accepted())->text, SV("t"));
    send_type(METHOD_POST, SV_ABSENT);
    accepted();
}

static void a_raw_body_is_left_alone_and_the_query_read(void **state)
{
    (void)state;
    operation.raw_body = true;
    operation.any_content_type = true;
    begin_request(METHOD_POST);
    request.query = SV("text=from+query");
    request.body = SV("\xff\xfe");
    assert_text(((const struct sample_in *)accepted())->text, SV("from query"));
    assert_null(request.json);
}

static void an_operation_without_input_still_refuses_forms(void **state)
{
    (void)state;
    operation.input = NULL;
    send_type(METHOD_POST, SV("text/plain"));
    refused(CONTENT_TYPE_WRONG);
    send_type(METHOD_POST, SV("application/json"));
    assert_null(accepted());
    begin_request(METHOD_GET);
    request.query = SV("x=%zz");
    assert_null(accepted());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        INPUT_TEST(every_scalar_type_is_read),
        INPUT_TEST(the_first_of_repeated_scalars_wins),
        INPUT_TEST(repeated_fields_collect_all_values),
        INPUT_TEST(names_are_exact_and_unknown_ones_ignored),
        INPUT_TEST(objects_cannot_be_written_in_a_query),
        INPUT_TEST(numbers_are_parsed_strictly),
        INPUT_TEST(bools_are_true_or_false),
        INPUT_TEST(required_and_aliased_fields_work_as_in_a_body),
        INPUT_TEST(a_query_that_cannot_be_decoded_is_refused),
        INPUT_TEST(a_query_hides_the_body_of_get_and_head),
        INPUT_TEST(get_without_a_query_reads_a_body_of_any_type),
        INPUT_TEST(post_ignores_the_query),
        INPUT_TEST(post_and_put_need_a_json_content_type),
        INPUT_TEST(patch_and_delete_refuse_only_form_types),
        INPUT_TEST(an_operation_may_take_any_content_type),
        INPUT_TEST(a_raw_body_is_left_alone_and_the_query_read),
        INPUT_TEST(an_operation_without_input_still_refuses_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
