#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/store/webhook_event.h"
#include "common/webhooks/message.h"
#include "common/webhooks/send.h"

static struct arena *arena;

static int setup(void **state)
{
    (void)state;
    arena = arena_new(16 * 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static void assert_text(struct sv text, const char *expected)
{
    assert_int_equal(text.len, strlen(expected));
    assert_memory_equal(text.data, expected, text.len);
}

static struct sv body_of(int64_t time_ms, const char *data)
{
    const struct webhook_message message = {"model_version", "created", time_ms, sv_from(data)};
    return webhook_body(arena, &message);
}

static void a_body_is_spaced_as_python_spaces_it(void **state)
{
    (void)state;
    assert_text(body_of(1795335612444, "{\"name\":\"a\",\"tags\":{\"k\":[1,2]}}"),
                "{\"entity\": \"model_version\", \"action\": \"created\", \"timestamp\": "
                "\"2026-11-22T08:20:12.444000+00:00\", \"data\": {\"name\": \"a\", \"tags\": {\"k\": [1, "
                "2]}}}");
}

static void texts_within_a_body_stay_as_they_are(void **state)
{
    (void)state;
    assert_non_null(strstr(body_of(0, "{ \"a,b:c \\\" d\" :  \"x\\\\\",\n\"e\": null }").data,
                           "{\"a,b:c \\\" d\": \"x\\\\\", \"e\": null}}"));
}

static void a_whole_second_has_no_fraction(void **state)
{
    (void)state;
    assert_non_null(
        strstr(body_of(1795335612000, "{}").data, "\"2026-11-22T08:20:12+00:00\", \"data\": {}}"));
}

static void the_signature_covers_id_time_and_body(void **state)
{
    (void)state;
    struct sv id = SV("0b0b0b0b-0000-4000-8000-000000000001"), body = SV("{\"a\": 1}");
    assert_text(webhook_signature(arena, SV("s3cret"), id, 1763800012, body),
                "v1,V+RCQCKbKwz4sAD6RGKHK5RvR8sVedQaLt+oi3LJSJo=");
    struct sv right = webhook_signature(arena, SV("s3cret"), id, 1763800012, body);
    assert_false(sv_equal(right, webhook_signature(arena, SV("other"), id, 1763800012, body)));
    assert_false(sv_equal(right, webhook_signature(arena, SV("s3cret"), id, 1763800013, body)));
    assert_false(sv_equal(right, webhook_signature(arena, SV("s3cret"), id, 1763800012, SV("{\"a\": 2}"))));
}

static void there_is_a_sample_for_each_event_and_for_nothing_else(void **state)
{
    (void)state;
    int count = 0;
    for (int entity = 0; entity <= 10; entity++) {
        for (int action = 0; action <= 5; action++) {
            struct webhook_event event = {(enum webhook_entity)entity, (enum webhook_action)action};
            struct sv sample = webhook_sample(sv_from(webhook_entity_name(event.entity)),
                                              sv_from(webhook_action_name(event.action)));
            assert_int_equal(sample.data != NULL, webhook_event_exists(event));
            count += sample.data != NULL;
        }
    }
    assert_int_equal(count, 14);
    assert_text(webhook_sample(SV("prompt_version"), SV("created")),
                "{\"name\": \"example_prompt\", \"version\": \"1\", \"template\": \"Hello {{name}}!\", "
                "\"tags\": {\"example_key\": \"example_value\"}, \"description\": \"An example prompt "
                "version\"}");
}

/* --- What follows an attempt --- */

static struct webhook_verdict judge(enum webhook_outcome outcome, int status, int64_t retry_after_ms,
                                    int64_t attempt)
{
    const struct webhook_rules rules = {.max_retries = 3};
    const struct webhook_answer answer = {.outcome = outcome,
                                          .status = status,
                                          .retry_after_ms = retry_after_ms,
                                          .problem = outcome == WEBHOOK_ANSWERED ? SV_ABSENT : SV("problem")};
    return webhook_judge(&rules, arena, &answer, attempt);
}

static void every_2xx_is_a_delivery(void **state)
{
    (void)state;
    for (int status = 200; status < 300; status++) {
        struct webhook_verdict verdict = judge(WEBHOOK_ANSWERED, status, -1, 1);
        assert_true(verdict.delivered && !verdict.again && !verdict.problem.data);
    }
}

static void only_what_may_pass_is_tried_again(void **state)
{
    (void)state;
    for (int status = 300; status < 600; status++) {
        bool passing = status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
        struct webhook_verdict verdict = judge(WEBHOOK_ANSWERED, status, -1, 1);
        assert_false(verdict.delivered);
        assert_int_equal(verdict.again, passing);
        assert_non_null(verdict.problem.data);
    }
    assert_true(judge(WEBHOOK_UNREACHED, 0, -1, 1).again);
    assert_false(judge(WEBHOOK_REFUSED, 0, -1, 1).again);
}

static void the_pauses_double_with_up_to_a_second_more(void **state)
{
    (void)state;
    assert_int_equal(judge(WEBHOOK_UNREACHED, 0, -1, 1).delay_ms, 0);
    bool differ = false;
    int64_t before = judge(WEBHOOK_UNREACHED, 0, -1, 2).delay_ms;
    for (int i = 0; i < 100; i++) {
        int64_t second = judge(WEBHOOK_UNREACHED, 0, -1, 2).delay_ms;
        int64_t third = judge(WEBHOOK_UNREACHED, 0, -1, 3).delay_ms;
        assert_in_range(second, 2000, 2999);
        assert_in_range(third, 4000, 4999);
        differ |= second != before;
    }
    assert_true(differ);
    const struct webhook_rules patient = {.max_retries = 100};
    const struct webhook_answer none = {.outcome = WEBHOOK_UNREACHED, .retry_after_ms = -1};
    for (int64_t attempt = 7; attempt <= 100; attempt++)
        assert_int_equal(webhook_judge(&patient, arena, &none, attempt).delay_ms, 60000);
}

static void after_the_last_retry_it_is_given_up(void **state)
{
    (void)state;
    assert_true(judge(WEBHOOK_ANSWERED, 500, -1, 3).again);
    assert_false(judge(WEBHOOK_ANSWERED, 500, -1, 4).again);
    assert_true(judge(WEBHOOK_CANCELLED, 0, -1, 4).again);
}

static void the_receiver_may_say_when_within_an_hour(void **state)
{
    (void)state;
    assert_int_equal(judge(WEBHOOK_ANSWERED, 503, 7000, 1).delay_ms, 7000);
    assert_int_equal(judge(WEBHOOK_ANSWERED, 429, 0, 3).delay_ms, 0);
    assert_int_equal(judge(WEBHOOK_ANSWERED, 503, INT64_C(1) << 40, 1).delay_ms, 3600000);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_body_is_spaced_as_python_spaces_it),
        TEST(texts_within_a_body_stay_as_they_are),
        TEST(a_whole_second_has_no_fraction),
        TEST(the_signature_covers_id_time_and_body),
        TEST(there_is_a_sample_for_each_event_and_for_nothing_else),
        TEST(every_2xx_is_a_delivery),
        TEST(only_what_may_pass_is_tried_again),
        TEST(the_pauses_double_with_up_to_a_second_more),
        TEST(after_the_last_retry_it_is_given_up),
        TEST(the_receiver_may_say_when_within_an_hour),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
