#include "tests/unit/store_fixture.h"

#include "common/store/model_aliases.h"
#include "common/store/model_source.h"
#include "common/store/registered_models.h"
#include "common/store/registry_search.h"
#include "common/store/webhooks.h"

static void make_model(struct store_fixture *fixture, const char *name)
{
    assert_int_equal(registered_model_create(fixture->tx, sv_from(name), SV_ABSENT, NULL, 0), OK);
}

static struct model_version make_version(struct store_fixture *fixture, const char *name, const char *source)
{
    struct model_version_create create = {.name = sv_from(name), .source = sv_from(source)};
    struct model_version version;
    assert_int_equal(model_version_create(fixture->tx, fixture->tx, &create, &version), OK);
    return version;
}

static enum status try_source(struct store_fixture *fixture, const char *source, struct sv run_id)
{
    struct model_version_create create = {.name = SV("m"), .source = sv_from(source), .run_id = run_id};
    return model_source_check(fixture->tx, &create);
}

static void refuse_source(struct store_fixture *fixture, const char *source, struct sv run_id)
{
    if (try_source(fixture, source, run_id) == OK)
        fail_msg("'%s' was accepted", source);
    assert_int_equal(fixture->tx->error->code, INVALID_PARAMETER_VALUE);
    error_clear(fixture->tx->error);
}

static void numbers_are_not_used_again(void **state)
{
    struct store_fixture *fixture = *state;
    make_model(fixture, "m");
    assert_int_equal(make_version(fixture, "m", "s3://b/x").version, 1);
    assert_int_equal(make_version(fixture, "m", "s3://b/x").version, 2);
    assert_int_equal(model_version_delete(fixture->tx, SV("m"), SV("2")), OK);
    assert_int_equal(make_version(fixture, "m", "s3://b/x").version, 3);
    make_model(fixture, "other");
    assert_int_equal(make_version(fixture, "other", "s3://b/x").version, 1);
}

static void a_deleted_model_leaves_no_row_behind(void **state)
{
    struct store_fixture *fixture = *state;
    make_model(fixture, "m");
    make_version(fixture, "m", "s3://b/x");
    assert_int_equal(model_alias_set(fixture->tx, SV("m"), SV("a"), SV("1")), OK);
    assert_int_equal(registered_model_set_tag(fixture->tx, SV("m"), SV("k"), SV("v")), OK);
    assert_int_equal(model_version_set_tag(fixture->tx, SV("m"), SV("1"), SV("k"), SV("v")), OK);
    assert_int_equal(registered_model_delete(fixture->tx, SV("m")), OK);
    static const char *const tables[] = {
        "SELECT count(*) FROM registered_models", "SELECT count(*) FROM registered_model_tags",
        "SELECT count(*) FROM model_versions",    "SELECT count(*) FROM model_version_tags",
        "SELECT count(*) FROM model_aliases",
    };
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        assert_int_equal(store_number(fixture, tables[i]), 0);
}

static void a_deleted_version_takes_its_aliases_along_and_no_other(void **state)
{
    struct store_fixture *fixture = *state;
    make_model(fixture, "m");
    make_version(fixture, "m", "s3://b/x");
    make_version(fixture, "m", "s3://b/x");
    assert_int_equal(model_alias_set(fixture->tx, SV("m"), SV("a"), SV("1")), OK);
    assert_int_equal(model_alias_set(fixture->tx, SV("m"), SV("b"), SV("2")), OK);
    assert_int_equal(model_version_delete(fixture->tx, SV("m"), SV("1")), OK);
    struct model_version version;
    assert_failed(fixture, model_alias_load(fixture->tx, SV("m"), SV("a"), &version), INVALID_PARAMETER_VALUE,
                  "Registered model alias a not found.");
    assert_int_equal(model_alias_load(fixture->tx, SV("m"), SV("b"), &version), OK);
    assert_int_equal(version.version, 2);
}

static void a_source_is_stored_as_sent_and_located_where_it_leads(void **state)
{
    struct store_fixture *fixture = *state;
    make_model(fixture, "m");
    make_version(fixture, "m", "s3://b/x");
    struct model_version copy = make_version(fixture, "m", "models:/m/1");
    assert_text(copy.source, "models:/m/1");
    assert_text(copy.location, "s3://b/x");
    assert_text(make_version(fixture, "m", "models:/m/2").location, "s3://b/x");
    assert_text(make_version(fixture, "m", "models:/m@latest").location, "s3://b/x");
}

static void remote_sources_are_compared_textually(void **state)
{
    static const char *const good[] = {"s3://b/x",  "s3:/x//y/",     "http://h//a//b", "http://h/a?b=c/d",
                                       "runs:/i/m", "s3://b/a%20b/", "dbfs:/x..y",     "x-y+z.1:/a"};
    static const char *const bad[] = {
        "s3://b/../x", "s3://b/./x",   "s3://b/%2E%2e/x", "s3://b/%25252e./x", "s3://b/x?y=/../", "s3:x",
        "s3://",       "http://h/%00", "C:\\x",           "s3://b/x/%2f../y"};
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(try_source(*state, good[i], SV_ABSENT), OK);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        refuse_source(*state, bad[i], SV_ABSENT);
}

/* The fixture's runs keep their artifacts at mlflow-artifacts:/, which is no local place. */
static void local_sources_are_no_way_out_of_the_runs_artifacts(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t experiment;
    assert_int_equal(experiment_create(fixture->tx, SV("local"), SV("/art/e"), NULL, 0, &experiment), OK);
    struct sv run = make_run(fixture, experiment);
    /* before and after the run's id */
    static const char *const inside[][2] = {
        {"/art/e/", "/artifacts"},          {"/art/e/", "/artifacts/m"},
        {"file:///art/e/", "/artifacts/m"}, {"file:/art/./e/", "/artifacts/x/../m"},
        {"/art//e/", "/artifacts/"},
    };
    static const char *const outside[][2] = {
        {"/art/e/", ""},
        {"/art/e/", "/artifactsx"},
        {"/art/e/", "/artifacts/../x"},
        {"/art/e/", "/artifacts/%2e%2e/x"},
        {"file:///art/e/", "/artifacts/%2e%2e/x"},
        {"file:///art/e/", "/artifacts/%252e%252e/x"},
        {"/?/../art/e/", "/artifacts"},
        {"/etc%3f/../art/e/", "/artifacts"},
        {"art/e/", "/artifacts"},
        {"file:art/e/", "/artifacts"},
    };
    for (size_t i = 0; i < sizeof(inside) / sizeof(inside[0]); i++) {
        struct sv source =
            arena_printf(fixture->tx->arena, "%s%.*s%s", inside[i][0], SV_ARG(run), inside[i][1]);
        if (try_source(fixture, source.data, run) != OK)
            fail_msg("'%s' was refused: %.*s", source.data, SV_ARG(fixture->tx->error->message));
        refuse_source(fixture, source.data, SV_ABSENT);
        refuse_source(fixture, source.data, fixture->run_id);
    }
    for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
        refuse_source(
            fixture,
            arena_printf(fixture->tx->arena, "%s%.*s%s", outside[i][0], SV_ARG(run), outside[i][1]).data,
            run);
}

static void a_source_wrapped_in_many_escapes_is_refused(void **state)
{
    struct store_fixture *fixture = *state;
    struct sv layers = repeated(fixture, "25", 5000);
    struct sv source = arena_printf(fixture->tx->arena, "s3://b/%%%.*s2e", SV_ARG(layers));
    refuse_source(fixture, source.data, SV_ABSENT);
}

static void the_pattern_has_to_match_and_must_be_one(void **state)
{
    struct store_fixture *fixture = *state;
    struct arena *arena = fixture->tx->arena;
    struct error error = {0};
    struct store *store = fixture->tx->store;
    static const char *const bad[] = {"(", "[", "a\\d", "\\Ax", "*{"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(model_source_set_pattern(store, sv_from(bad[i]), arena, &error), FAILED);
        assert_null(store->model_source_pattern);
        error_clear(&error);
    }
    assert_int_equal(model_source_set_pattern(store, SV("^s3://\\w+/[0-9]+$"), arena, &error), OK);
    assert_int_equal(try_source(fixture, "s3://b_1/12", SV_ABSENT), OK);
    assert_failed(fixture, try_source(fixture, "s3://b/x", SV_ABSENT), INVALID_PARAMETER_VALUE,
                  "Invalid model version source: 's3://b/x'.");
}

/* --- Searching --- */

static size_t found(struct store_fixture *fixture, const char *filter, bool versions)
{
    struct registry_search search = {.filter = sv_from(filter), .max_results = 1000};
    struct registry_page page = {0};
    assert_int_equal((versions ? model_version_search : registered_model_search)(fixture->tx, &search, &page),
                     OK);
    return page.count;
}

/* More rows than those at which a search starts with the tag itself. */
static void common_and_rare_tags_are_found_alike(void **state)
{
    struct store_fixture *fixture = *state;
    for (int i = 0; i < 1200; i++) {
        const char *name = arena_printf(fixture->tx->arena, "m%d", i).data;
        make_model(fixture, name);
        make_version(fixture, name, "s3://b/x");
        struct sv owner = sv_from(name), rare = i % 400 ? SV("no") : SV("yes");
        assert_int_equal(registered_model_set_tag(fixture->tx, owner, SV("common"), SV("x")), OK);
        assert_int_equal(registered_model_set_tag(fixture->tx, owner, SV("rare"), rare), OK);
        assert_int_equal(model_version_set_tag(fixture->tx, owner, SV("1"), SV("common"), SV("x")), OK);
        assert_int_equal(model_version_set_tag(fixture->tx, owner, SV("1"), SV("rare"), rare), OK);
    }
    for (int versions = 0; versions < 2; versions++) {
        assert_int_equal(found(fixture, "tags.common = 'x'", versions), 1000);
        assert_int_equal(found(fixture, "tags.common = 'x' AND name LIKE 'm11__'", versions), 100);
        assert_int_equal(found(fixture, "tags.rare = 'yes'", versions), 3);
        assert_int_equal(found(fixture, "tags.common = 'x' AND tags.rare = 'yes'", versions), 3);
        assert_int_equal(found(fixture, "tags.rare = 'yes' AND name = 'm400'", versions), 1);
        assert_int_equal(found(fixture, "tags.rare = 'yes' AND tags.rare = 'no'", versions), 0);
        assert_int_equal(found(fixture, "tags.common = 'y'", versions), 0);
    }
}

/* --- Events --- */

static const struct webhook_event all_events[] = {
    {WEBHOOK_REGISTERED_MODEL, WEBHOOK_CREATED},
    {WEBHOOK_MODEL_VERSION, WEBHOOK_CREATED},
    {WEBHOOK_MODEL_VERSION_TAG, WEBHOOK_SET},
    {WEBHOOK_MODEL_VERSION_TAG, WEBHOOK_DELETED},
    {WEBHOOK_MODEL_VERSION_ALIAS, WEBHOOK_CREATED},
    {WEBHOOK_MODEL_VERSION_ALIAS, WEBHOOK_DELETED},
    {WEBHOOK_PROMPT, WEBHOOK_CREATED},
    {WEBHOOK_PROMPT_VERSION, WEBHOOK_CREATED},
    {WEBHOOK_PROMPT_TAG, WEBHOOK_SET},
    {WEBHOOK_PROMPT_TAG, WEBHOOK_DELETED},
    {WEBHOOK_PROMPT_VERSION_TAG, WEBHOOK_SET},
    {WEBHOOK_PROMPT_VERSION_TAG, WEBHOOK_DELETED},
    {WEBHOOK_PROMPT_ALIAS, WEBHOOK_CREATED},
    {WEBHOOK_PROMPT_ALIAS, WEBHOOK_DELETED},
};

static void listen_to_everything(struct store_fixture *fixture)
{
    struct webhook_change change = {
        .name = SV("hook"),
        .url = SV("https://example.org/"),
        .events = all_events,
        .event_count = sizeof(all_events) / sizeof(all_events[0]),
    };
    struct sv id;
    assert_int_equal(webhook_create(fixture->tx, &change, &id), OK);
}

/* The next event that was put down, as "entity.action data"; "" for none. */
static struct sv next_event(struct store_fixture *fixture)
{
    struct db_stmt *stmt = db_query0(
        fixture->tx->db, "SELECT entity, action, data, id FROM webhook_deliveries ORDER BY id LIMIT 1");
    assert_non_null(stmt);
    struct sv event = SV("");
    int64_t id = 0;
    if (db_step(stmt) == DB_ROW) {
        struct sv data = db_column_text(stmt, 2);
        event = arena_printf(fixture->tx->arena, "%s.%s %.*s",
                             webhook_entity_name((enum webhook_entity)db_column_int(stmt, 0)),
                             webhook_action_name((enum webhook_action)db_column_int(stmt, 1)), SV_ARG(data));
        id = db_column_int(stmt, 3);
    }
    assert_int_equal(db_done(stmt), OK);
    assert_int_equal(
        db_exec(fixture->tx->db, NULL, "DELETE FROM webhook_deliveries WHERE id = ?", db_int(id)), OK);
    return event;
}

static void models_tell_of_themselves(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_tx *tx = fixture->tx;
    listen_to_everything(fixture);
    const struct key_value good[] = {{SV("a"), SV("1")}, {SV("b"), SV("2")}, {SV("a"), SV("3")}};
    struct model_version version;
    struct model_version_create create = {
        .name = SV("m"), .source = SV("s3://b/x"), .tags = good, .tag_count = 3};
    assert_int_equal(registered_model_create(tx, SV("m"), SV_ABSENT, good, 3), OK);
    assert_text(
        next_event(fixture),
        "registered_model.created {\"name\":\"m\",\"tags\":{\"a\":\"3\",\"b\":\"2\"},\"description\":\"\"}");
    assert_int_equal(model_version_create(tx, tx, &create, &version), OK);
    assert_text(
        next_event(fixture),
        "model_version.created {\"name\":\"m\",\"version\":\"1\",\"source\":\"s3://b/x\",\"run_id\":null,"
        "\"tags\":{\"a\":\"3\",\"b\":\"2\"},\"description\":null}");
    create.run_id = SV("r");
    create.description = SV("d");
    create.tag_count = 0;
    assert_int_equal(model_version_create(tx, tx, &create, &version), OK);
    assert_text(
        next_event(fixture),
        "model_version.created {\"name\":\"m\",\"version\":\"2\",\"source\":\"s3://b/x\",\"run_id\":\"r\","
        "\"tags\":{},\"description\":\"d\"}");
    assert_int_equal(model_version_set_tag(tx, SV("m"), SV("01"), SV("k"), SV_ABSENT), OK);
    assert_text(next_event(fixture),
                "model_version_tag.set {\"name\":\"m\",\"version\":\"1\",\"key\":\"k\",\"value\":\"\"}");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(model_version_delete_tag(tx, SV("m"), SV("1"), SV("k")), OK);
        assert_text(next_event(fixture),
                    "model_version_tag.deleted {\"name\":\"m\",\"version\":\"1\",\"key\":\"k\"}");
    }
    assert_int_equal(model_alias_set(tx, SV("m"), SV("a"), SV("2")), OK);
    assert_text(next_event(fixture),
                "model_version_alias.created {\"name\":\"m\",\"alias\":\"a\",\"version\":\"2\"}");
    assert_int_equal(model_alias_delete(tx, SV("m"), SV("a")), OK);
    assert_text(next_event(fixture), "model_version_alias.deleted {\"name\":\"m\",\"alias\":\"a\"}");
}

static void prompts_tell_of_themselves(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_tx *tx = fixture->tx;
    listen_to_everything(fixture);
    const struct key_value tags[] = {{SV(PROMPT_TAG), SV("true")},
                                     {SV(PROMPT_TEXT_TAG), SV("Hi {{n}}\xc3\xa9")},
                                     {SV("_mlflow_prompt_type"), SV("text")},
                                     {SV("k"), SV("v")}};
    struct model_version version;
    struct model_version_create create = {
        .name = SV("p"), .source = SV("dummy"), .tags = tags, .tag_count = 4};
    assert_int_equal(registered_model_create(tx, SV("p"), SV("d"), tags, 1), OK);
    assert_text(next_event(fixture), "prompt.created {\"name\":\"p\",\"tags\":{},\"description\":\"d\"}");
    assert_int_equal(model_version_create(tx, tx, &create, &version), OK);
    assert_text(next_event(fixture), "prompt_version.created {\"name\":\"p\",\"version\":\"1\",\"template\":"
                                     "\"Hi {{n}}\\u00e9\",\"tags\":{\"k\":\"v\"},\"description\":null}");
    assert_int_equal(registered_model_set_tag(tx, SV("p"), SV("k"), SV("v")), OK);
    assert_text(next_event(fixture), "prompt_tag.set {\"name\":\"p\",\"key\":\"k\",\"value\":\"v\"}");
    assert_int_equal(registered_model_delete_tag(tx, SV("p"), SV("k")), OK);
    assert_text(next_event(fixture), "prompt_tag.deleted {\"name\":\"p\",\"key\":\"k\"}");
    assert_int_equal(model_version_set_tag(tx, SV("p"), SV("1"), SV("k"), SV("v")), OK);
    assert_text(next_event(fixture),
                "prompt_version_tag.set {\"name\":\"p\",\"version\":\"1\",\"key\":\"k\",\"value\":\"v\"}");
    assert_int_equal(model_version_delete_tag(tx, SV("p"), SV("1"), SV("k")), OK);
    assert_text(next_event(fixture),
                "prompt_version_tag.deleted {\"name\":\"p\",\"version\":\"1\",\"key\":\"k\"}");
    assert_int_equal(model_alias_set(tx, SV("p"), SV("a"), SV("1")), OK);
    assert_text(next_event(fixture),
                "prompt_alias.created {\"name\":\"p\",\"alias\":\"a\",\"version\":\"1\"}");
    assert_int_equal(model_alias_delete(tx, SV("p"), SV("a")), OK);
    assert_text(next_event(fixture), "prompt_alias.deleted {\"name\":\"p\",\"alias\":\"a\"}");
}

static void what_has_no_event_causes_none(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_tx *tx = fixture->tx;
    make_model(fixture, "m");
    make_version(fixture, "m", "s3://b/x");
    listen_to_everything(fixture);
    assert_int_equal(registered_model_set_tag(tx, SV("m"), SV("k"), SV("v")), OK);
    assert_int_equal(registered_model_delete_tag(tx, SV("m"), SV("k")), OK);
    assert_int_equal(registered_model_update(tx, SV("m"), SV("d")), OK);
    assert_int_equal(registered_model_rename(tx, SV("m"), SV("n")), OK);
    assert_int_equal(model_version_update(tx, SV("n"), SV("1"), SV("d")), OK);
    assert_int_equal(model_version_transition(tx, SV("n"), SV("1"), SV("Staging"), true), OK);
    assert_int_equal(model_version_delete(tx, SV("n"), SV("1")), OK);
    assert_int_equal(registered_model_delete(tx, SV("n")), OK);
    assert_text(next_event(fixture), "");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(numbers_are_not_used_again),
        TEST(a_deleted_model_leaves_no_row_behind),
        TEST(a_deleted_version_takes_its_aliases_along_and_no_other),
        TEST(a_source_is_stored_as_sent_and_located_where_it_leads),
        TEST(remote_sources_are_compared_textually),
        TEST(local_sources_are_no_way_out_of_the_runs_artifacts),
        TEST(a_source_wrapped_in_many_escapes_is_refused),
        TEST(the_pattern_has_to_match_and_must_be_one),
        TEST(common_and_rare_tags_are_found_alike),
        TEST(models_tell_of_themselves),
        TEST(prompts_tell_of_themselves),
        TEST(what_has_no_event_causes_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
