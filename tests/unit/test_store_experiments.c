#include "tests/unit/store_fixture.h"

#include "common/store/artifact_location.h"
#include "common/store/uri.h"

static int64_t create(struct store_fixture *fixture, const char *name, const char *location)
{
    int64_t id = -1;
    assert_int_equal(experiment_create(fixture->tx, sv_from(name), sv_from(location), NULL, 0, &id), OK);
    return id;
}

static struct experiment load(struct store_fixture *fixture, int64_t id)
{
    struct experiment experiment;
    assert_int_equal(experiment_load(fixture->tx, id, &experiment), OK);
    return experiment;
}

static void experiment_0_is_there_from_the_start(void **state)
{
    struct experiment experiment = load(*state, 0);
    assert_text(experiment.name, "Default");
    assert_text(experiment.artifact_location, "mlflow-artifacts:/0");
    assert_int_equal(experiment.lifecycle, LIFECYCLE_ACTIVE);
}

static void ids_count_up(void **state)
{
    assert_int_equal(create(*state, "a", NULL), 1);
    assert_int_equal(create(*state, "b", NULL), 2);
    assert_text(load(*state, 2).artifact_location, "mlflow-artifacts:/2");
}

static void ids_are_strict_decimals(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t id;
    assert_int_equal(experiment_parse_id(fixture->tx, SV("12"), &id), OK);
    assert_int_equal(id, 12);
    assert_failed(fixture, experiment_parse_id(fixture->tx, SV(" 1"), &id), INVALID_PARAMETER_VALUE,
                  "Invalid experiment ID ' 1'. Experiment ID must be a valid integer.");
    assert_int_equal(experiment_parse_id(fixture->tx, SV("1_0"), &id), FAILED);
    error_clear(fixture->tx->error);
    struct experiment experiment;
    assert_failed(fixture, experiment_load(fixture->tx, 77, &experiment), RESOURCE_DOES_NOT_EXIST,
                  "No Experiment with id=77 exists");
}

static void a_name_is_taken_even_by_a_deleted_experiment(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t id = create(fixture, "a", NULL), other;
    assert_int_equal(experiment_delete(fixture->tx, id), OK);
    assert_failed(fixture, experiment_create(fixture->tx, SV("a"), SV_ABSENT, NULL, 0, &other),
                  RESOURCE_ALREADY_EXISTS, "Experiment(name=a) already exists.");
    assert_failed(fixture, experiment_rename(fixture->tx, 0, SV("a")), RESOURCE_ALREADY_EXISTS,
                  "Experiment(name=a) already exists.");
    assert_failed(fixture, experiment_rename(fixture->tx, id, SV("b")), WRONG_STATE,
                  "Cannot rename a non-active experiment.");
}

static void deleting_takes_the_runs_along_and_restoring_brings_all_back(void **state)
{
    struct store_fixture *fixture = *state;
    make_run(fixture, 0);
    assert_int_equal(run_delete(fixture->tx, fixture->run_id), OK);
    assert_int_equal(experiment_delete(fixture->tx, 0), OK);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM runs WHERE lifecycle = 1"), 2);
    assert_failed(fixture, experiment_delete(fixture->tx, 0), RESOURCE_DOES_NOT_EXIST,
                  "No Experiment with id=0 exists");
    struct run_create refused = {.experiment_id = 0};
    int64_t id;
    assert_failed(fixture, run_create(fixture->tx, &refused, &id), INVALID_PARAMETER_VALUE,
                  "The experiment 0 must be in the 'active' state. Current state is deleted.");
    assert_int_equal(experiment_restore(fixture->tx, 0), OK);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM runs WHERE lifecycle = 1"), 0);
    assert_failed(fixture, experiment_restore(fixture->tx, 0), RESOURCE_DOES_NOT_EXIST,
                  "No Experiment with id=0 exists");
}

static void of_equal_tags_the_last_counts(void **state)
{
    struct store_fixture *fixture = *state;
    const struct key_value tags[] = {{SV("k"), SV("1")}, {SV("k"), SV("2")}, {SV("e"), SV_ABSENT}};
    int64_t id;
    assert_int_equal(experiment_create(fixture->tx, SV("a"), SV_ABSENT, tags, 3, &id), OK);
    struct experiment experiment = load(fixture, id);
    assert_int_equal(experiment.tag_count, 2);
    assert_text(value_of(experiment.tags, 2, "k"), "2");
    assert_text(value_of(experiment.tags, 2, "e"), "");
    assert_int_equal(experiment_delete_tag(fixture->tx, id, SV("k")), OK);
    assert_failed(fixture, experiment_delete_tag(fixture->tx, id, SV("k")), RESOURCE_DOES_NOT_EXIST,
                  "No tag with name: k in experiment with id 1");
}

/* --- artifact locations --- */

static void local_locations_become_absolute(void **state)
{
    static const struct {
        const char *given, *stored;
    } cases[] = {
        {"rel/path", "/work dir/rel/path"},
        {"./rel", "/work dir/rel"},
        {"~/x", "/work dir/~/x"},
        {"/abs/x/", "/abs/x"},
        {"../x", "/x"},
        {"file:rel", "file:///work dir/rel"},
        {"file:///abs/x", "file:///abs/x"},
        {"file://localhost/x", "file:///x"},
        {"s3://bucket/p?x=1", "s3://bucket/p?x=1"},
        {"mlflow-artifacts:/x", "mlflow-artifacts:/x"},
        {"weird://x/y", "weird://x/y"},
    };
    struct store_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sv name = arena_printf(fixture->tx->arena, "e%zu", i);
        int64_t id = create(fixture, name.data, cases[i].given);
        assert_text(load(fixture, id).artifact_location, cases[i].stored);
    }
}

static void unsafe_locations_are_refused(void **state)
{
    static const struct {
        const char *given, *message;
    } cases[] = {
        {"s3://b/p#f", "'artifact_location' URL can't include fragments or params."},
        {"s3://b/p;x", "'artifact_location' URL can't include fragments or params."},
        {"/p;x", "'artifact_location' URL can't include fragments or params."},
        {"s3://b/p?a=../x", "Invalid query string"},
        {"s3://b/p?a=%2e%2e/x", "Invalid query string"},
        {"s3://b/p?a=%25252e.", "Invalid query string"},
        {"file://host/x",
         "Artifact location 'file://host/x' names a host. Use file:///path for a local directory."},
        {"a\nb", "'artifact_location' can't include control characters."},
    };
    struct store_fixture *fixture = *state;
    int64_t id;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_failed(fixture, experiment_create(fixture->tx, SV("x"), sv_from(cases[i].given), NULL, 0, &id),
                      INVALID_PARAMETER_VALUE, cases[i].message);
    assert_failed(fixture,
                  experiment_create(fixture->tx, SV("x"), repeated(fixture, "é", 2049), NULL, 0, &id),
                  INVALID_PARAMETER_VALUE,
                  "Invalid artifact path length. The length of the artifact path cannot be greater than 2048 "
                  "characters. To configure this limit, please set the MLFLOW_ARTIFACT_LOCATION_MAX_LENGTH "
                  "environment variable.");
    assert_int_equal(experiment_create(fixture->tx, SV("x"), repeated(fixture, "é", 2048), NULL, 0, &id), OK);
}

static void an_empty_location_is_the_default(void **state)
{
    int64_t id = create(*state, "a", "");
    assert_text(load(*state, id).artifact_location, "mlflow-artifacts:/1");
}

static void runs_lie_below_their_experiment_and_before_its_query(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t id = create(fixture, "a", "s3://b/p/?x=1");
    struct sv run_id = make_run(fixture, id);
    struct sv expected = arena_printf(fixture->tx->arena, "s3://b/p/%.*s/artifacts?x=1", SV_ARG(run_id));
    assert_text(load_run(fixture, run_id).info.artifact_uri, expected.data);
}

static void the_root_depends_on_who_serves_artifacts(void **state)
{
    static const struct {
        const char *given;
        bool serve;
        const char *root;
    } cases[] = {
        {NULL, true, "mlflow-artifacts:/"}, {"", false, "/work dir/mlruns"},
        {"x", true, "/work dir/x"},         {"/y/", false, "/y"},
        {"s3://b", true, "s3://b"},
    };
    struct store_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sv root;
        assert_int_equal(artifact_root(fixture->tx->arena, fixture->tx->error, sv_from(cases[i].given),
                                       cases[i].serve, SV("/work dir"), &root),
                         OK);
        assert_text(root, cases[i].root);
    }
    assert_text(artifact_location_default(fixture->tx->arena, SV("s3://b"), 3), "s3://b/3");
    assert_text(artifact_location_default(fixture->tx->arena, SV("/"), 3), "/3");
}

/* --- store URIs --- */

static void store_uris_name_sqlite_files(void **state)
{
    struct store_fixture *fixture = *state;
    struct arena *arena = fixture->tx->arena;
    struct error *error = fixture->tx->error;
    struct sv path;
    assert_int_equal(store_uri_path(arena, error, SV_ABSENT, &path), OK);
    assert_text(path, "tracklight.db");
    assert_int_equal(store_uri_path(arena, error, SV("sqlite:///a/b.db"), &path), OK);
    assert_text(path, "a/b.db");
    assert_int_equal(store_uri_path(arena, error, SV("sqlite:////a/b.db"), &path), OK);
    assert_text(path, "/a/b.db");
}

static void other_store_uris_are_refused_with_what_to_use(void **state)
{
    static const char *const uris[] = {
        "postgresql://h/d", "mysql+pymysql://h/d", "./mlruns",   "/mlruns",
        "file:///mlruns",   "sqlite://",           "sqlite:///", "sqlite:///:memory:",
        "sqlite:/x.db",     "sqlite:///a.db?x=1",  "http://h"};
    struct store_fixture *fixture = *state;
    for (size_t i = 0; i < sizeof(uris) / sizeof(uris[0]); i++) {
        struct sv path;
        assert_int_equal(store_uri_path(fixture->tx->arena, fixture->tx->error, sv_from(uris[i]), &path),
                         FAILED);
        assert_contains(fixture->tx->error->message, "use sqlite:///relative.db");
        error_clear(fixture->tx->error);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(experiment_0_is_there_from_the_start),
        TEST(ids_count_up),
        TEST(ids_are_strict_decimals),
        TEST(a_name_is_taken_even_by_a_deleted_experiment),
        TEST(deleting_takes_the_runs_along_and_restoring_brings_all_back),
        TEST(of_equal_tags_the_last_counts),
        TEST(local_locations_become_absolute),
        TEST(unsafe_locations_are_refused),
        TEST(an_empty_location_is_the_default),
        TEST(runs_lie_below_their_experiment_and_before_its_query),
        TEST(the_root_depends_on_who_serves_artifacts),
        TEST(store_uris_name_sqlite_files),
        TEST(other_store_uris_are_refused_with_what_to_use),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
