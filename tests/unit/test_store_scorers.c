#include "tests/unit/store_fixture.h"

#include "common/json/json_read.h"
#include "common/store/scorers.h"

static enum status try_register(struct store_fixture *fixture, const char *name, const char *serialized,
                                struct scorer_version *made)
{
    struct json_object *object;
    struct sv problem;
    assert_int_equal(json_parse(fixture->tx->arena, sv_from(serialized), &object, &problem), JSON_OK);
    enum status status = scorer_register(fixture->tx, 0, sv_from(name), sv_from(serialized), object, made);
    json_object_put(object);
    return status;
}

static struct scorer_version make(struct store_fixture *fixture, const char *name, const char *serialized)
{
    struct scorer_version made;
    assert_int_equal(try_register(fixture, name, serialized, &made), OK);
    return made;
}

static void numbers_go_on_behind_the_highest_that_is_there(void **state)
{
    struct store_fixture *fixture = *state;
    struct scorer_version first = make(fixture, "s", "{}");
    for (int64_t version = 2; version <= 4; version++)
        assert_int_equal(make(fixture, "s", "{}").version, version);
    assert_int_equal(scorer_delete(fixture->tx, 0, SV("s"), 2), OK);
    assert_int_equal(make(fixture, "s", "{}").version, 5);
    assert_int_equal(scorer_delete(fixture->tx, 0, SV("s"), 5), OK);
    assert_int_equal(make(fixture, "s", "{}").version, 5);
    for (int64_t version = 1; version <= 5; version++)
        if (version != 2)
            assert_int_equal(scorer_delete(fixture->tx, 0, SV("s"), version), OK);
    struct scorer_version again = make(fixture, "s", "{}");
    assert_int_equal(again.version, 1);
    assert_true(sv_equal(again.scorer_id, first.scorer_id));
}

static void only_json_that_is_written_otherwise_is_kept_twice(void **state)
{
    struct store_fixture *fixture = *state;
    make(fixture, "as-dumped", "{\"a\": [1, 2.5, \"\\u00e9\"]}");
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM scorer_versions WHERE listed IS NULL"), 1);
    make(fixture, "other", "{\"a\":1}");
    struct scorer_list list;
    assert_int_equal(scorer_list_latest(fixture->tx, 0, &list), OK);
    assert_int_equal(list.count, 2);
    assert_text(list.items[0].serialized, "{\"a\": [1, 2.5, \"\\u00e9\"]}");
    assert_text(list.items[1].serialized, "{\"a\": 1}");
    struct scorer_version found;
    assert_int_equal(scorer_get(fixture->tx, 0, SV("other"), 0, &found), OK);
    assert_text(found.serialized, "{\"a\":1}");
}

static void a_gateway_model_without_an_endpoint_is_refused(void **state)
{
    struct store_fixture *fixture = *state;
    struct scorer_version made;
    assert_failed(
        fixture,
        try_register(fixture, "s", "{\"builtin_scorer_pydantic_data\": {\"model\": \"gateway:/e\"}}", &made),
        RESOURCE_DOES_NOT_EXIST, "GatewayEndpoint not found (name='e')");
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM scorers"), 0);
    make(fixture, "s", "{\"builtin_scorer_pydantic_data\": 5, \"model\": \"gateway:/e\"}");
}

static void all_goes_with_the_scorer_and_with_its_experiment(void **state)
{
    struct store_fixture *fixture = *state;
    struct online_config config;
    make(fixture, "a", "{}");
    make(fixture, "b", "{}");
    assert_int_equal(online_config_put(fixture->tx, 0, SV("a"), 0, SV_ABSENT, &config), OK);
    assert_int_equal(online_config_put(fixture->tx, 0, SV("b"), 0, SV("name = 'x'"), &config), OK);
    assert_int_equal(scorer_delete(fixture->tx, 0, SV("a"), 0), OK);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM scorer_versions"), 1);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM online_scoring_configs"), 1);
    assert_int_equal(db_exec(fixture->tx->db, NULL, "DELETE FROM runs WHERE experiment = ?", db_int(0)), OK);
    assert_int_equal(db_exec(fixture->tx->db, NULL, "DELETE FROM experiments WHERE id = ?", db_int(0)), OK);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM scorers"), 0);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM scorer_versions"), 0);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM online_scoring_configs"), 0);
}

static void a_list_of_ids_may_be_long_but_not_endless(void **state)
{
    struct store_fixture *fixture = *state;
    struct scorer_version made = make(fixture, "a", "{}");
    struct online_config config;
    struct online_config_list list;
    assert_int_equal(online_config_put(fixture->tx, 0, SV("a"), 0, SV_ABSENT, &config), OK);
    enum { MANY = 10000 };
    struct sv *ids = ARENA_ARRAY(fixture->tx->arena, struct sv, MANY + 1);
    for (size_t i = 0; i <= MANY; i++)
        ids[i] = i == 5000 ? made.scorer_id : SV("x");
    assert_int_equal(online_config_list(fixture->tx, ids, MANY, &list), OK);
    assert_int_equal(list.count, 1);
    assert_int_equal(online_config_list(fixture->tx, ids, 0, &list), OK);
    assert_int_equal(list.count, 0);
    assert_failed(fixture, online_config_list(fixture->tx, ids, MANY + 1, &list), INVALID_PARAMETER_VALUE,
                  "`scorer_ids` may have at most 10000 items.");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(numbers_go_on_behind_the_highest_that_is_there),
        TEST(only_json_that_is_written_otherwise_is_kept_twice),
        TEST(a_gateway_model_without_an_endpoint_is_refused),
        TEST(all_goes_with_the_scorer_and_with_its_experiment),
        TEST(a_list_of_ids_may_be_long_but_not_endless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
