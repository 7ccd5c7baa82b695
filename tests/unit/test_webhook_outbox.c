#include "tests/unit/store_fixture.h"

#include "common/store/outbox.h"
#include "common/store/webhooks.h"

#define LEASE_MS 60000
#define MANY     100 /* deliveries of one webhook at a time: no limit */

static const struct webhook_event model_created = {WEBHOOK_REGISTERED_MODEL, WEBHOOK_CREATED};

static struct sv make_webhook(struct store_fixture *fixture, const char *name, struct webhook_event event)
{
    const struct webhook_change change = {
        .name = sv_from(name), .url = SV("https://example.com/"), .events = &event, .event_count = 1};
    struct sv webhook_id = SV_ABSENT;
    assert_int_equal(webhook_create(fixture->tx, &change, &webhook_id), OK);
    return webhook_id;
}

static void put(struct store_fixture *fixture, const char *data)
{
    assert_int_equal(outbox_put(fixture->tx, SV("registered_model"), SV("created"), sv_from(data)), OK);
}

static bool is_due(struct store_fixture *fixture)
{
    bool due = false;
    assert_int_equal(outbox_is_due(fixture->tx, MANY, &due), OK);
    return due;
}

static bool take_of(struct store_fixture *fixture, int64_t per_webhook, struct outbox_delivery *delivery)
{
    bool taken = false;
    assert_int_equal(outbox_take(fixture->tx, per_webhook, LEASE_MS, delivery, &taken), OK);
    return taken;
}

static bool take(struct store_fixture *fixture, struct outbox_delivery *delivery)
{
    return take_of(fixture, MANY, delivery);
}

static void finish(struct store_fixture *fixture, const struct outbox_delivery *delivery,
                   struct outbox_result result)
{
    assert_int_equal(outbox_finish(fixture->tx, delivery, &result), OK);
}

static const struct outbox_result made = {.delivered = true, .http_status = 200};

static int64_t state_count(struct store_fixture *fixture, int state)
{
    static const char *const queries[] = {"SELECT count(*) FROM webhook_deliveries WHERE state = 0",
                                          "SELECT count(*) FROM webhook_deliveries WHERE state = 1",
                                          "SELECT count(*) FROM webhook_deliveries WHERE state = 2"};
    return store_number(fixture, queries[state]);
}

static void an_event_that_nobody_wants_leaves_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    make_webhook(fixture, "other", (struct webhook_event){WEBHOOK_PROMPT, WEBHOOK_CREATED});
    put(fixture, "{}");
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM webhook_deliveries"), 0);
    bool wanted = true;
    assert_int_equal(outbox_wants(fixture->tx, SV("registered_model"), SV("created"), &wanted), OK);
    assert_false(wanted);
    assert_int_equal(outbox_wants(fixture->tx, SV("prompt"), SV("created"), &wanted), OK);
    assert_true(wanted);
}

static void an_event_that_does_not_exist_is_a_fault_of_ours(void **state)
{
    struct store_fixture *fixture = *state;
    assert_int_equal(outbox_put(fixture->tx, SV("registered_model"), SV("deleted"), SV("{}")), FAILED);
    assert_int_equal(fixture->tx->error->code, INTERNAL_ERROR);
}

static void each_active_subscriber_gets_a_delivery_of_its_own(void **state)
{
    struct store_fixture *fixture = *state;
    struct outbox_delivery first, second, third;
    make_webhook(fixture, "one", model_created);
    make_webhook(fixture, "two", model_created);
    const struct webhook_change disable = {.status = WEBHOOK_DISABLED};
    assert_int_equal(webhook_update(fixture->tx, make_webhook(fixture, "off", model_created), &disable), OK);
    put(fixture, "{\"name\":\"m\"}");
    assert_true(take(fixture, &first));
    assert_true(take(fixture, &second));
    assert_false(take(fixture, &third));
    assert_false(sv_equal(first.webhook_id, second.webhook_id));
    assert_false(sv_equal(first.delivery_id, second.delivery_id));
    assert_string_equal(first.entity, "registered_model");
    assert_string_equal(first.action, "created");
    assert_text(first.data, "{\"name\":\"m\"}");
    assert_int_equal(first.attempt, 1);
}

static void what_is_taken_is_not_taken_again_while_the_lease_lasts(void **state)
{
    struct store_fixture *fixture = *state;
    struct outbox_delivery first, second;
    make_webhook(fixture, "one", model_created);
    put(fixture, "{}");
    assert_true(is_due(fixture));
    assert_true(take(fixture, &first));
    assert_false(is_due(fixture));
    fixture->tx->now_ms += LEASE_MS - 1;
    assert_false(take(fixture, &second));
    fixture->tx->now_ms += 1;
    assert_true(is_due(fixture));
    assert_true(take(fixture, &second));
    assert_int_equal(second.id, first.id);
    assert_int_equal(second.attempt, 2);
    assert_true(sv_equal(first.delivery_id, second.delivery_id));
    assert_int_equal(first.signed_time_s, second.signed_time_s);
}

static void who_lost_the_lease_has_no_say_any_more(void **state)
{
    struct store_fixture *fixture = *state;
    struct outbox_delivery slow, quick;
    make_webhook(fixture, "one", model_created);
    put(fixture, "{}");
    assert_true(take(fixture, &slow));
    fixture->tx->now_ms += LEASE_MS;
    assert_true(take(fixture, &quick));
    finish(fixture, &slow, (struct outbox_result){.problem = SV("late")});
    assert_int_equal(state_count(fixture, 0), 1);
    finish(fixture, &quick, made);
    assert_int_equal(state_count(fixture, 1), 1);
}

static void a_delivery_that_was_made_is_not_due_again(void **state)
{
    struct store_fixture *fixture = *state;
    struct outbox_delivery delivery;
    make_webhook(fixture, "one", model_created);
    put(fixture, "{}");
    assert_true(take(fixture, &delivery));
    finish(fixture, &delivery, made);
    fixture->tx->now_ms += 10 * LEASE_MS;
    assert_false(is_due(fixture));
    assert_int_equal(state_count(fixture, 1), 1);
}

static void a_retry_is_due_when_its_delay_is_over(void **state)
{
    struct store_fixture *fixture = *state;
    struct outbox_delivery delivery;
    make_webhook(fixture, "one", model_created);
    put(fixture, "{}");
    assert_true(take(fixture, &delivery));
    finish(fixture, &delivery,
           (struct outbox_result){.again = true, .delay_ms = 2000, .http_status = 500, .problem = SV("500")});
    fixture->tx->now_ms += 1999;
    assert_false(take(fixture, &delivery));
    fixture->tx->now_ms += 1;
    assert_true(take(fixture, &delivery));
    assert_int_equal(delivery.attempt, 2);
    finish(fixture, &delivery, (struct outbox_result){.problem = SV("no more")});
    assert_int_equal(state_count(fixture, 2), 1);
    assert_false(is_due(fixture));
}

static void one_webhook_does_not_occupy_all_workers(void **state)
{
    struct store_fixture *fixture = *state;
    struct outbox_delivery delivery;
    struct sv slow = make_webhook(fixture, "slow", model_created);
    for (int i = 0; i < 5; i++)
        put(fixture, "{}");
    fixture->tx->now_ms += 1;
    make_webhook(fixture, "quick", model_created);
    put(fixture, "{}");
    assert_true(take_of(fixture, 2, &delivery) && sv_equal(delivery.webhook_id, slow));
    assert_true(take_of(fixture, 2, &delivery) && sv_equal(delivery.webhook_id, slow));
    assert_true(take_of(fixture, 2, &delivery) && !sv_equal(delivery.webhook_id, slow));
    assert_false(take_of(fixture, 2, &delivery));
    assert_true(take_of(fixture, 3, &delivery) && sv_equal(delivery.webhook_id, slow));
}

static void disabling_a_webhook_gives_up_what_waits(void **state)
{
    struct store_fixture *fixture = *state;
    const struct webhook_change disable = {.status = WEBHOOK_DISABLED}, enable = {.status = WEBHOOK_ACTIVE};
    struct sv webhook_id = make_webhook(fixture, "one", model_created);
    put(fixture, "{}");
    assert_int_equal(webhook_update(fixture->tx, webhook_id, &disable), OK);
    assert_int_equal(webhook_update(fixture->tx, webhook_id, &enable), OK);
    assert_false(is_due(fixture));
    assert_int_equal(state_count(fixture, 2), 1);
}

static void deleting_a_webhook_takes_its_deliveries_along(void **state)
{
    struct store_fixture *fixture = *state;
    struct outbox_delivery delivery;
    struct sv webhook_id = make_webhook(fixture, "one", model_created);
    put(fixture, "{}");
    put(fixture, "{}");
    assert_true(take(fixture, &delivery));
    assert_int_equal(webhook_delete(fixture->tx, webhook_id), OK);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM webhook_deliveries"), 0);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM webhook_events"), 0);
    finish(fixture, &delivery, made);
}

static void old_events_are_given_up_and_old_ends_forgotten(void **state)
{
    struct store_fixture *fixture = *state;
    struct outbox_delivery delivery;
    bool more = true;
    make_webhook(fixture, "one", model_created);
    int64_t began = fixture->tx->now_ms;
    put(fixture, "{}");
    put(fixture, "{}");
    assert_true(take(fixture, &delivery));
    finish(fixture, &delivery, made);
    fixture->tx->now_ms += 1000;
    put(fixture, "{}");
    assert_int_equal(outbox_tidy(fixture->tx, began + 1, began, &more), OK);
    assert_false(more);
    assert_int_equal(state_count(fixture, 0), 1);
    assert_int_equal(state_count(fixture, 1), 1);
    assert_int_equal(state_count(fixture, 2), 1);
    assert_int_equal(outbox_tidy(fixture->tx, 0, began + 1, &more), OK);
    assert_int_equal(state_count(fixture, 1), 0);
    assert_int_equal(state_count(fixture, 2), 1);
}

static void tidying_many_rows_is_done_in_slices(void **state)
{
    struct store_fixture *fixture = *state;
    bool more = false;
    make_webhook(fixture, "one", model_created);
    for (int i = 0; i < 600; i++)
        put(fixture, "{}");
    assert_int_equal(outbox_tidy(fixture->tx, fixture->tx->now_ms + 1, 0, &more), OK);
    assert_true(more);
    assert_int_equal(outbox_tidy(fixture->tx, fixture->tx->now_ms + 1, 0, &more), OK);
    assert_false(more);
    assert_int_equal(state_count(fixture, 2), 600);
}

static void the_summary_counts_by_webhook(void **state)
{
    struct store_fixture *fixture = *state;
    struct outbox_delivery delivery;
    const struct outbox_summary *rows = NULL;
    size_t count = 0;
    make_webhook(fixture, "one", model_created);
    make_webhook(fixture, "idle", (struct webhook_event){WEBHOOK_PROMPT, WEBHOOK_CREATED});
    for (int i = 0; i < 3; i++)
        put(fixture, "{}");
    assert_true(take(fixture, &delivery));
    finish(fixture, &delivery, made);
    assert_true(take(fixture, &delivery));
    finish(fixture, &delivery, (struct outbox_result){.http_status = 404, .problem = SV("not there")});
    assert_int_equal(outbox_summarize(fixture->tx, &rows, &count), OK);
    assert_int_equal(count, 2);
    assert_text(rows[0].name, "one");
    assert_true(rows[0].active);
    assert_int_equal(rows[0].waiting, 1);
    assert_int_equal(rows[0].delivered, 1);
    assert_int_equal(rows[0].given_up, 1);
    assert_int_equal(rows[0].oldest_waiting_ms, fixture->tx->now_ms);
    assert_text(rows[0].last_problem, "not there");
    assert_text(rows[1].name, "idle");
    assert_int_equal(rows[1].waiting + rows[1].delivered + rows[1].given_up, 0);
    assert_null(rows[1].last_problem.data);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_event_that_nobody_wants_leaves_nothing),
        TEST(an_event_that_does_not_exist_is_a_fault_of_ours),
        TEST(each_active_subscriber_gets_a_delivery_of_its_own),
        TEST(what_is_taken_is_not_taken_again_while_the_lease_lasts),
        TEST(who_lost_the_lease_has_no_say_any_more),
        TEST(a_delivery_that_was_made_is_not_due_again),
        TEST(a_retry_is_due_when_its_delay_is_over),
        TEST(one_webhook_does_not_occupy_all_workers),
        TEST(disabling_a_webhook_gives_up_what_waits),
        TEST(deleting_a_webhook_takes_its_deliveries_along),
        TEST(old_events_are_given_up_and_old_ends_forgotten),
        TEST(tidying_many_rows_is_done_in_slices),
        TEST(the_summary_counts_by_webhook),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
