#include "tests/unit/store_fixture.h"

#include "common/json/json_read.h"
#include "common/store/gateway_endpoints.h"
#include "common/store/gateway_secrets.h"
#include "common/store/gateway_usage.h"
#include "common/store/scorer_model.h"
#include "common/store/scorers.h"

#include <string.h>

static struct sv make_secret(struct store_fixture *fixture, const char *name)
{
    struct gateway_secret_new secret = {
        .secret_id = gateway_new_id(fixture->tx->arena, 's'),
        .name = sv_from(name),
        .value = {SV("value"), SV("wrapped"), 7, SV("{}")},
        .auth_config = SV("{\"api_base\": \"b\"}"),
    };
    assert_int_equal(gateway_secret_create(fixture->tx, &secret), OK);
    return secret.secret_id;
}

static struct sv make_model(struct store_fixture *fixture, const char *name, struct sv secret_id)
{
    struct sv id;
    struct gateway_model_change change = {
        .name = sv_from(name), .secret_id = secret_id, .provider = SV("openai"), .model_name = SV("gpt")};
    assert_int_equal(gateway_model_create(fixture->tx, &change, &id), OK);
    return id;
}

static struct sv make_endpoint(struct store_fixture *fixture, const char *name,
                               const struct gateway_model_config *configs, size_t count)
{
    struct sv id;
    struct gateway_endpoint_change change = {
        .name = sv_from(name), .configs = configs, .config_count = count};
    assert_int_equal(gateway_endpoint_create(fixture->tx, &change, &id), OK);
    return id;
}

static struct gateway_model_config config_of(struct sv model, enum gateway_linkage linkage, int64_t order)
{
    return (struct gateway_model_config){
        .model_definition_id = model, .linkage = linkage, .weight = 0.5, .fallback_order = order};
}

static void a_route_has_all_that_a_call_needs(void **state)
{
    struct store_fixture *fixture = *state;
    struct gateway_routing routing;
    struct sv secret = make_secret(fixture, "s"), lost = make_secret(fixture, "lost");
    struct sv model = make_model(fixture, "m", secret), other = make_model(fixture, "other", secret);
    struct gateway_model_config configs[] = {
        config_of(make_model(fixture, "without", lost), GATEWAY_PRIMARY, GATEWAY_NO_ORDER),
        config_of(model, GATEWAY_PRIMARY, GATEWAY_NO_ORDER),
        config_of(other, GATEWAY_FALLBACK, 3),
        config_of(model, GATEWAY_FALLBACK, 0),
    };
    struct sv endpoint = make_endpoint(fixture, "e", configs, 4);
    assert_int_equal(gateway_secret_delete(fixture->tx, lost), OK);
    assert_int_equal(gateway_route_load(fixture->tx, SV("e"), &routing), OK);
    assert_true(sv_equal(routing.endpoint_id, endpoint));
    assert_text(routing.name, "e");
    assert_false(routing.splits_traffic);
    assert_true(routing.has_fallback);
    assert_int_equal(routing.max_attempts, 0);
    assert_int_equal(routing.count, 3);
    const struct gateway_route_model *first = &routing.models[0];
    assert_true(sv_equal(first->definition_id, model));
    assert_int_equal(first->linkage, GATEWAY_PRIMARY);
    assert_true(first->fallback_order == GATEWAY_NO_ORDER);
    assert_true(first->weight == 0.5);
    assert_text(first->provider, "openai");
    assert_text(first->model_name, "gpt");
    assert_text(first->auth_config, "{\"api_base\": \"b\"}");
    assert_true(sv_equal(first->secret_id, secret));
    assert_text(first->secret_name, "s");
    assert_text(first->encrypted_value, "value");
    assert_text(first->wrapped_dek, "wrapped");
    assert_int_equal(first->kek_version, 7);
    assert_true(sv_equal(routing.models[1].definition_id, other));
    assert_int_equal(routing.models[1].fallback_order, 3);
    assert_int_equal(routing.models[2].fallback_order, 0);
    assert_failed(fixture, gateway_route_load(fixture->tx, SV("E"), &routing), RESOURCE_DOES_NOT_EXIST,
                  "GatewayEndpoint not found (name='E')");
}

static struct store_fixture *counted;

static void assert_counted(bool changed)
{
    static int64_t before;
    int64_t now;
    assert_int_equal(gateway_changes(counted->tx, &now), OK);
    assert_int_equal(now > before, changed);
    before = now;
}

static void every_change_is_counted(void **state)
{
    struct store_fixture *fixture = counted = *state;
    struct gateway_secret_value value = {SV("v"), SV("w"), 1, SV("{}")};
    struct gateway_secret_keys keys;
    struct gateway_model_change renamed = {.name = SV("renamed")};
    struct gateway_mapping mapping;
    struct sv secret = make_secret(fixture, "s");
    assert_counted(true);
    assert_int_equal(gateway_secret_update(fixture->tx, secret, &value, SV_ABSENT, SV_ABSENT), OK);
    assert_counted(true);
    assert_int_equal(gateway_secret_update(fixture->tx, secret, NULL, SV("{}"), SV_ABSENT), OK);
    assert_counted(true);
    assert_int_equal(gateway_secret_list_keys(fixture->tx, &keys), OK);
    assert_int_equal(gateway_secret_rewrap(fixture->tx, keys.items[0].id, SV("x"), 2), OK);
    assert_counted(true);
    struct sv model = make_model(fixture, "m", secret), second = make_model(fixture, "n", secret);
    assert_counted(true);
    assert_int_equal(gateway_model_update(fixture->tx, model, &renamed), OK);
    assert_counted(true);
    struct gateway_model_config config = config_of(model, GATEWAY_PRIMARY, 1);
    struct gateway_model_config more = config_of(second, GATEWAY_FALLBACK, 1);
    struct gateway_endpoint_change change = {.configs = &config, .config_count = 1};
    struct sv endpoint = make_endpoint(fixture, "e", &config, 1);
    assert_counted(true);
    assert_int_equal(gateway_endpoint_update(fixture->tx, endpoint, &change), OK);
    assert_counted(true);
    assert_int_equal(gateway_endpoint_attach(fixture->tx, endpoint, &more, SV_ABSENT, &mapping), OK);
    assert_counted(true);
    assert_int_equal(gateway_endpoint_detach(fixture->tx, endpoint, model), OK);
    assert_counted(true);
    assert_int_equal(gateway_model_delete(fixture->tx, model), OK);
    assert_counted(true);
    assert_int_equal(gateway_secret_delete(fixture->tx, secret), OK);
    assert_counted(true);
    assert_int_equal(gateway_endpoint_delete(fixture->tx, endpoint), OK);
    assert_counted(true);
    assert_counted(false);
}

static void what_a_secret_was_encrypted_with_stays(void **state)
{
    struct store_fixture *fixture = *state;
    make_secret(fixture, "s");
    assert_int_equal(db_exec(fixture->tx->db, NULL, "UPDATE gateway_secrets SET name = ? WHERE name = 's'",
                             db_text(SV("t"))),
                     FAILED);
    error_clear(fixture->tx->error);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM gateway_secrets WHERE name = 's'"), 1);
}

static void register_scorer(struct store_fixture *fixture, const char *name, struct sv serialized)
{
    struct json_object *object;
    struct sv problem;
    struct scorer_version made;
    assert_int_equal(json_parse(fixture->tx->arena, serialized, &object, &problem), JSON_OK);
    assert_int_equal(scorer_register(fixture->tx, 0, sv_from(name), serialized, object, &made), OK);
    json_object_put(object);
}

static void scorers_that_name_an_endpoint_by_its_id_are_adopted(void **state)
{
    struct store_fixture *fixture = *state;
    struct scorer_version found;
    struct gateway_model_config config =
        config_of(make_model(fixture, "m", make_secret(fixture, "s")), GATEWAY_PRIMARY, GATEWAY_NO_ORDER);
    struct sv endpoint = make_endpoint(fixture, "e", &config, 1);
    struct sv text =
        arena_printf(fixture->tx->arena, "{\"builtin_scorer_pydantic_data\": {\"model\": \"gateway:/%.*s\"}}",
                     SV_ARG(endpoint));
    register_scorer(fixture, "other", SV("{\"builtin_scorer_pydantic_data\": {\"model\": \"openai:/e\"}}"));
    register_scorer(fixture, "mine", SV("{}"));
    assert_int_equal(db_exec(fixture->tx->db, NULL,
                             "UPDATE scorer_versions SET serialized = ? WHERE serialized = '{}'",
                             db_text(text)),
                     OK);
    assert_int_equal(
        scorer_model_adopt(fixture->tx, store_number(fixture, "SELECT id FROM gateway_endpoints"), endpoint),
        OK);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM scorer_versions WHERE uses_gateway = 1"), 1);
    assert_int_equal(scorer_get(fixture->tx, 0, SV("mine"), 0, &found), OK);
    assert_text(found.serialized, "{\"builtin_scorer_pydantic_data\": {\"model\": \"gateway:/e\"}}");
}

/* --- Usage --- */

#define HOUR 3600000LL
#define DAY  (24 * HOUR)

static struct gateway_usage_row call_at(int64_t time_ms)
{
    return (struct gateway_usage_row){
        .time_ms = time_ms,
        .endpoint_id = SV("e-1"),
        .endpoint_name = SV("one"),
        .provider = SV("openai"),
        .model = SV("gpt"),
        .input_tokens = 10,
        .output_tokens = 5,
        .cached_tokens = -1,
        .status = 200,
        .duration_ms = 100,
        .first_token_ms = -1,
        .attempts = 1,
    };
}

static void calls_are_summed_up_by_time_and_endpoint(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t start = 500000 * HOUR;
    struct gateway_usage_row rows[] = {call_at(start), call_at(start + HOUR - 1), call_at(start + HOUR),
                                       call_at(start)};
    rows[1].status = 502;
    rows[1].attempts = 3;
    rows[1].duration_ms = 300;
    rows[1].input_tokens = rows[1].output_tokens = -1;
    rows[0].streamed = true;
    rows[0].first_token_ms = 40;
    rows[0].cached_tokens = 4;
    rows[3].endpoint_id = SV("e-2");
    rows[3].endpoint_name = SV("two");
    rows[3].provider = rows[3].model = SV_ABSENT;
    assert_int_equal(gateway_usage_add(fixture->tx, rows, 4), OK);

    struct gateway_usage_query query = {.since_ms = start, .until_ms = start + 2 * HOUR, .bucket_ms = HOUR};
    struct gateway_usage_report report;
    assert_int_equal(gateway_usage_read(fixture->tx, &query, &report), OK);
    assert_int_equal(report.count, 3);
    const struct gateway_usage_sum *sum = &report.sums[0];
    assert_int_equal(sum->time_ms, start);
    assert_text(sum->endpoint_id, "e-1");
    assert_int_equal(sum->calls, 2);
    assert_int_equal(sum->errors, 1);
    assert_int_equal(sum->streamed, 1);
    assert_int_equal(sum->attempts, 4);
    assert_int_equal(sum->input_tokens, 10);
    assert_int_equal(sum->output_tokens, 5);
    assert_int_equal(sum->cached_tokens, 4);
    assert_int_equal(sum->duration_ms, 400);
    assert_int_equal(sum->max_duration_ms, 300);
    assert_int_equal(sum->first_token_ms, 40);
    assert_int_equal(sum->first_token_calls, 1);
    assert_text(report.sums[1].endpoint_name, "two");
    assert_true(report.sums[1].provider.data == NULL);
    assert_int_equal(report.sums[2].time_ms, start + HOUR);

    query.endpoint_id = SV("e-2");
    assert_int_equal(gateway_usage_read(fixture->tx, &query, &report), OK);
    assert_int_equal(report.count, 1);
    query.endpoint_name = SV("one");
    assert_int_equal(gateway_usage_read(fixture->tx, &query, &report), OK);
    assert_int_equal(report.count, 0);
    query.endpoint_id = SV_ABSENT;
    query.until_ms = start + HOUR;
    assert_int_equal(gateway_usage_read(fixture->tx, &query, &report), OK);
    assert_int_equal(report.count, 1);
    query = (struct gateway_usage_query){.until_ms = INT64_MAX, .bucket_ms = DAY};
    assert_int_equal(gateway_usage_read(fixture->tx, &query, &report), OK);
    assert_int_equal(report.sums[0].calls, 3);
    assert_int_equal(report.sums[0].time_ms, start / DAY * DAY);
}

static void too_many_sums_are_refused(void **state)
{
    struct store_fixture *fixture = *state;
    struct gateway_usage_row rows[GATEWAY_USAGE_SUMS_MAX / 10 + 1];
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        rows[i] = call_at((int64_t)i * 60000);
    for (size_t i = 0; i < 10; i++) {
        char id[] = {'e', (char)('0' + i), '\0'};
        for (size_t j = 0; j < sizeof(rows) / sizeof(rows[0]); j++)
            rows[j].endpoint_id = sv_from(id);
        assert_int_equal(gateway_usage_add(fixture->tx, rows, sizeof(rows) / sizeof(rows[0])), OK);
    }
    struct gateway_usage_query query = {.until_ms = INT64_MAX, .bucket_ms = 60000};
    struct gateway_usage_report report;
    assert_failed(
        fixture, gateway_usage_read(fixture->tx, &query, &report), INVALID_PARAMETER_VALUE,
        "There would be more than 10000 sums: ask for a shorter time, longer buckets or one endpoint.");
    query.endpoint_id = SV("e1");
    assert_int_equal(gateway_usage_read(fixture->tx, &query, &report), OK);
    assert_int_equal(report.count, GATEWAY_USAGE_SUMS_MAX / 10 + 1);
}

static void old_calls_are_forgotten_a_slice_at_a_time(void **state)
{
    struct store_fixture *fixture = *state;
    static struct gateway_usage_row rows[2500];
    int64_t now = fixture->tx->now_ms;
    for (size_t i = 0; i < 2500; i++)
        rows[i] = call_at(now - 91 * DAY + (int64_t)i);
    assert_int_equal(gateway_usage_add(fixture->tx, rows, 2500), OK);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM gateway_usage"), 2500);
    fixture->store.settings.usage_retention_ms = 90 * DAY;
    for (int64_t expected = 1500; expected > 0; expected -= 1000) {
        struct gateway_usage_row fresh = call_at(now - 89 * DAY);
        int64_t before = store_number(fixture, "SELECT count(*) FROM gateway_usage");
        assert_int_equal(gateway_usage_add(fixture->tx, &fresh, 1), OK);
        assert_int_equal(store_number(fixture, "SELECT count(*) FROM gateway_usage"), before + 1 - 1001);
    }
    struct gateway_usage_row last = call_at(now);
    assert_int_equal(gateway_usage_add(fixture->tx, &last, 1), OK);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM gateway_usage"), 3);
    fixture->store.settings.usage_retention_ms = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_route_has_all_that_a_call_needs, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(every_change_is_counted, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(what_a_secret_was_encrypted_with_stays, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(scorers_that_name_an_endpoint_by_its_id_are_adopted, store_setup,
                                        store_teardown),
        cmocka_unit_test_setup_teardown(calls_are_summed_up_by_time_and_endpoint, store_setup,
                                        store_teardown),
        cmocka_unit_test_setup_teardown(too_many_sums_are_refused, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(old_calls_are_forgotten_a_slice_at_a_time, store_setup,
                                        store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
