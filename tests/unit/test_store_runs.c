#include "tests/unit/store_fixture.h"

#include <string.h>

#include "common/store/datasets.h"
#include "common/store/metrics.h"
#include "common/store/run_data.h"

static struct sv param(struct store_fixture *fixture, const char *key)
{
    struct run run = load_run(fixture, fixture->run_id);
    return value_of(run.params, run.param_count, key);
}

static struct sv tag(struct store_fixture *fixture, const char *key)
{
    struct run run = load_run(fixture, fixture->run_id);
    return value_of(run.tags, run.tag_count, key);
}

static enum status log_param(struct store_fixture *fixture, const char *key, const char *value)
{
    return run_log_param(fixture->tx, fixture->run_id, sv_from(key), sv_from(value));
}

/* --- names of runs --- */

static void a_run_without_a_name_gets_one_and_its_tag(void **state)
{
    struct store_fixture *fixture = *state;
    struct run run = load_run(fixture, fixture->run_id);
    assert_true(run.info.name.len > 0 && run.info.name.len <= 20);
    assert_true(sv_equal(tag(fixture, RUN_NAME_TAG), run.info.name));
    assert_int_equal(run.info.status, RUN_RUNNING);
    assert_false(run.info.has_end_time);
    assert_text(run.info.user_id, "");
}

static void an_empty_name_tag_is_replaced(void **state)
{
    struct store_fixture *fixture = *state;
    const struct key_value tags[] = {{SV(RUN_NAME_TAG), SV("")}, {SV("a"), SV("1")}, {SV("a"), SV("2")}};
    struct run_create create = {.name = SV("n"), .tags = tags, .tag_count = 3};
    struct run run;
    int64_t id;
    assert_int_equal(run_create(fixture->tx, &create, &id), OK);
    assert_int_equal(run_load(fixture->tx, id, &run), OK);
    assert_text(run.info.name, "n");
    assert_text(value_of(run.tags, run.tag_count, RUN_NAME_TAG), "n");
    assert_text(value_of(run.tags, run.tag_count, "a"), "2");
    assert_int_equal(run.tag_count, 2);
}

static void two_different_names_are_refused(void **state)
{
    struct store_fixture *fixture = *state;
    const struct key_value tags[] = {{SV(RUN_NAME_TAG), SV("b")}};
    struct run_create create = {.name = SV("a"), .tags = tags, .tag_count = 1};
    int64_t id;
    assert_failed(
        fixture, run_create(fixture->tx, &create, &id), INVALID_PARAMETER_VALUE,
        "Both 'run_name' argument and 'mlflow.runName' tag are specified, but with different values "
        "(run_name='a', mlflow.runName='b').");
}

static void the_name_follows_the_tag_and_the_tag_the_name(void **state)
{
    struct store_fixture *fixture = *state;
    struct run_info info;
    assert_int_equal(run_set_tag(fixture->tx, fixture->run_id, SV(RUN_NAME_TAG), SV("by tag")), OK);
    assert_text(load_run(fixture, fixture->run_id).info.name, "by tag");
    struct run_update update = {.name = SV("by name")};
    assert_int_equal(run_update(fixture->tx, fixture->run_id, &update, &info), OK);
    assert_text(info.name, "by name");
    assert_text(tag(fixture, RUN_NAME_TAG), "by name");
    assert_int_equal(run_set_tag(fixture->tx, fixture->run_id, SV(RUN_NAME_TAG), SV("")), OK);
    assert_text(tag(fixture, RUN_NAME_TAG), "by name");
    assert_int_equal(run_delete_tag(fixture->tx, fixture->run_id, SV(RUN_NAME_TAG)), OK);
    assert_text(load_run(fixture, fixture->run_id).info.name, "by name");
    assert_null(tag(fixture, RUN_NAME_TAG).data);
}

/* --- life --- */

static void an_update_changes_only_what_it_names(void **state)
{
    struct store_fixture *fixture = *state;
    struct run_info info;
    struct run_update end = {.has_status = true, .status = RUN_FAILED, .has_end_time = true, .end_time = 5};
    assert_int_equal(run_update(fixture->tx, fixture->run_id, &end, &info), OK);
    struct run_update back = {.has_status = true, .status = RUN_RUNNING};
    assert_int_equal(run_update(fixture->tx, fixture->run_id, &back, &info), OK);
    assert_int_equal(info.status, RUN_RUNNING);
    assert_true(info.has_end_time);
    assert_int_equal(info.end_time, 5);
    assert_int_equal(info.start_time, 1);
}

static void a_deleted_run_takes_no_writes_until_it_is_restored(void **state)
{
    struct store_fixture *fixture = *state;
    assert_int_equal(run_delete(fixture->tx, fixture->run_id), OK);
    assert_int_equal(run_delete(fixture->tx, fixture->run_id), OK);
    struct sv message = arena_printf(fixture->tx->arena,
                                     "The run %.*s must be in the 'active' state. Current state is deleted.",
                                     SV_ARG(fixture->run_id));
    assert_failed(fixture, log_param(fixture, "a", "1"), INVALID_PARAMETER_VALUE, message.data);
    assert_failed(fixture, run_delete_tag(fixture->tx, fixture->run_id, SV("a")), INVALID_PARAMETER_VALUE,
                  message.data);
    struct run_batch batch = {.metric_count = 0};
    assert_failed(fixture, run_log_batch(fixture->tx, fixture->run_id, &batch), INVALID_PARAMETER_VALUE,
                  message.data);
    assert_failed(fixture, run_log_inputs(fixture->tx, fixture->run_id, NULL, 0, NULL, 0),
                  INVALID_PARAMETER_VALUE, message.data);
    assert_int_equal(run_restore(fixture->tx, fixture->run_id), OK);
    assert_int_equal(run_restore(fixture->tx, fixture->run_id), OK);
    assert_int_equal(log_param(fixture, "a", "1"), OK);
}

static void a_run_that_does_not_exist_is_told_by_its_id(void **state)
{
    struct store_fixture *fixture = *state;
    struct run_ref ref;
    assert_failed(fixture, run_find(fixture->tx, SV("nope"), &ref), RESOURCE_DOES_NOT_EXIST,
                  "Run with id=nope not found");
    assert_failed(fixture, run_delete(fixture->tx, SV("nope")), RESOURCE_DOES_NOT_EXIST,
                  "Run with id=nope not found");
}

/* --- parameters --- */

static void a_parameter_never_changes(void **state)
{
    struct store_fixture *fixture = *state;
    assert_int_equal(log_param(fixture, "a", "1"), OK);
    assert_int_equal(log_param(fixture, "a", "1"), OK);
    struct sv message =
        arena_printf(fixture->tx->arena,
                     "Changing param values is not allowed. Param with key='a' was already logged "
                     "with value='1' for run ID='%.*s'. Attempted logging new value '2'.",
                     SV_ARG(fixture->run_id));
    assert_failed(fixture, log_param(fixture, "a", "2"), INVALID_PARAMETER_VALUE, message.data);
    assert_text(param(fixture, "a"), "1");
}

static void parameters_are_compared_after_cutting(void **state)
{
    struct store_fixture *fixture = *state;
    struct sv longer = repeated(fixture, "x", 6002), shorter = sv_first(longer, 6001);
    assert_int_equal(run_log_param(fixture->tx, fixture->run_id, SV("a"), longer), OK);
    assert_int_equal(run_log_param(fixture->tx, fixture->run_id, SV("a"), shorter), OK);
    assert_int_equal(param(fixture, "a").len, 6000);
}

static void an_absent_value_is_empty(void **state)
{
    struct store_fixture *fixture = *state;
    assert_int_equal(run_log_param(fixture->tx, fixture->run_id, SV("a"), SV_ABSENT), OK);
    assert_int_equal(run_set_tag(fixture->tx, fixture->run_id, SV("t"), SV_ABSENT), OK);
    assert_text(param(fixture, "a"), "");
    assert_text(tag(fixture, "t"), "");
}

/* --- batches --- */

static void a_batch_tells_all_changed_parameters(void **state)
{
    struct store_fixture *fixture = *state;
    const struct key_value first[] = {{SV("a"), SV("1")}, {SV("b"), SV("it's")}, {SV("c"), SV("3")}};
    const struct key_value second[] = {
        {SV("a"), SV("2")}, {SV("b"), SV("\"")}, {SV("c"), SV("3")}, {SV("d"), SV("4")}};
    struct run_batch batch = {.params = first, .param_count = 3};
    assert_int_equal(run_log_batch(fixture->tx, fixture->run_id, &batch), OK);
    batch = (struct run_batch){.params = second, .param_count = 4};
    struct sv message = arena_printf(
        fixture->tx->arena,
        "Changing param values is not allowed. Params were already logged='[{'key': 'a', 'old_value': '1', "
        "'new_value': '2'}, {'key': 'b', 'old_value': \"it's\", 'new_value': '\"'}]' for run ID='%.*s'.",
        SV_ARG(fixture->run_id));
    assert_failed(fixture, run_log_batch(fixture->tx, fixture->run_id, &batch), INVALID_PARAMETER_VALUE,
                  message.data);
}

static void a_batch_names_each_duplicate_parameter_once(void **state)
{
    struct store_fixture *fixture = *state;
    const struct key_value params[] = {
        {SV("z"), SV("1")}, {SV("y"), SV("1")}, {SV("z"), SV("1")}, {SV("z"), SV("2")}, {SV("y"), SV("1")}};
    struct run_batch batch = {.params = params, .param_count = 5};
    assert_failed(
        fixture, run_log_batch(fixture->tx, fixture->run_id, &batch), INVALID_PARAMETER_VALUE,
        "Duplicate parameter keys have been submitted: ['z', 'y']. Please ensure the request contains only "
        "one param value per param key.");
}

static void a_batch_has_limits_per_kind_and_in_all(void **state)
{
    struct store_fixture *fixture = *state;
    struct metric_input *metrics = ARENA_ARRAY(fixture->tx->arena, struct metric_input, 1001);
    struct key_value *tags = ARENA_ARRAY(fixture->tx->arena, struct key_value, 101);
    for (size_t i = 0; i < 1001; i++)
        metrics[i].metric = (struct metric){SV("m"), 1.0, (int64_t)i, 0};
    for (size_t i = 0; i < 101; i++)
        tags[i] = (struct key_value){SV("t"), SV("v")};
    struct run_batch batch = {.metrics = metrics, .metric_count = 1001};
    assert_failed(
        fixture, run_log_batch(fixture->tx, fixture->run_id, &batch), INVALID_PARAMETER_VALUE,
        "A batch logging request can contain at most 1000 metrics. Got 1001 metrics. Please split up "
        "metrics across multiple requests and try again.");
    batch = (struct run_batch){.tags = tags, .tag_count = 101};
    assert_failed(
        fixture, run_log_batch(fixture->tx, fixture->run_id, &batch), INVALID_PARAMETER_VALUE,
        "A batch logging request can contain at most 100 tags. Got 101 tags. Please split up tags across "
        "multiple requests and try again.");
    batch = (struct run_batch){.metrics = metrics, .metric_count = 901, .tags = tags, .tag_count = 100};
    assert_failed(
        fixture, run_log_batch(fixture->tx, fixture->run_id, &batch), INVALID_PARAMETER_VALUE,
        "A batch logging request can contain at most 1000 metrics, params, and tags. Got 1001 metrics, "
        "params, and tags. Please split up metrics, params, and tags across multiple requests and try "
        "again.");
    batch.metric_count = 900;
    assert_int_equal(run_log_batch(fixture->tx, fixture->run_id, &batch), OK);
}

/* --- models and datasets --- */

#define MODEL(more)                                                                                  \
    "{\"run_id\": \"r\", \"artifact_path\": \"model\", \"utc_time_created\": \"now\", \"flavors\": " \
    "{\"f\": {\"config\": {\"x\": 1}, \"a\": [1, 2.0, true, null, \"é\"]}}" more "}"

static void logged_models_are_appended_to_a_history(void **state)
{
    struct store_fixture *fixture = *state;
    assert_int_equal(run_log_model(fixture->tx, fixture->run_id, SV(MODEL(", \"model_uuid\": \"u\""))), OK);
    assert_int_equal(run_log_model(fixture->tx, fixture->run_id, SV(MODEL(""))), OK);
    assert_text(
        tag(fixture, "mlflow.log-model.history"),
        "[{\"run_id\": \"r\", \"artifact_path\": \"model\", \"utc_time_created\": \"now\", \"model_uuid\": "
        "\"u\", \"flavors\": {\"f\": {\"a\": [1, 2.0, true, null, \"\\u00e9\"]}}}, "
        "{\"run_id\": \"r\", \"artifact_path\": \"model\", \"utc_time_created\": \"now\", \"model_uuid\": "
        "null, \"flavors\": {\"f\": {\"a\": [1, 2.0, true, null, \"\\u00e9\"]}}}]");
}

static void a_history_that_is_no_list_is_left_alone(void **state)
{
    struct store_fixture *fixture = *state;
    assert_int_equal(run_set_tag(fixture->tx, fixture->run_id, SV("mlflow.log-model.history"), SV("[{")), OK);
    assert_int_equal(run_log_model(fixture->tx, fixture->run_id, SV(MODEL(""))), FAILED);
    assert_int_equal(fixture->tx->error->code, INVALID_PARAMETER_VALUE);
    error_clear(fixture->tx->error);
    assert_text(tag(fixture, "mlflow.log-model.history"), "[{");
}

static void a_dataset_logged_again_changes_nothing(void **state)
{
    struct store_fixture *fixture = *state;
    const struct key_value tags[] = {{SV("mlflow.data.context"), SV("train")}},
                           other[] = {{SV("x"), SV("y")}};
    struct dataset dataset = {SV("d"), SV("1"), SV("s3"), SV("{}"), SV_ABSENT, SV("{}")};
    struct dataset_input inputs[] = {{dataset, tags, 1}, {dataset, other, 1}};
    assert_int_equal(run_log_inputs(fixture->tx, fixture->run_id, inputs, 2, NULL, 0), OK);
    assert_int_equal(run_log_inputs(fixture->tx, fixture->run_id, inputs + 1, 1, NULL, 0), OK);
    struct run run = load_run(fixture, fixture->run_id);
    assert_int_equal(run.dataset_input_count, 1);
    assert_int_equal(run.dataset_inputs[0].tag_count, 1);
    assert_text(run.dataset_inputs[0].tags[0].value, "train");
    assert_null(run.dataset_inputs[0].dataset.schema.data);
}

static void datasets_belong_to_their_experiment(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t other;
    assert_int_equal(experiment_create(fixture->tx, SV("other"), SV_ABSENT, NULL, 0, &other), OK);
    struct sv runs[] = {fixture->run_id, make_run(fixture, 0), make_run(fixture, other)};
    const struct key_value tags[] = {{SV("mlflow.data.context"), SV("train")}};
    struct dataset dataset = {SV("d"), SV("1"), SV("s3"), SV("{}"), SV_ABSENT, SV_ABSENT};
    for (size_t i = 0; i < 3; i++) {
        struct dataset_input input = {dataset, tags, i == 1 ? 0 : 1};
        assert_int_equal(run_log_inputs(fixture->tx, runs[i], &input, 1, NULL, 0), OK);
    }
    const int64_t experiments[] = {other, 0, 0, 4711};
    struct dataset_summary *found;
    size_t count;
    assert_int_equal(dataset_search(fixture->tx, experiments, 4, 1000, &found, &count), OK);
    assert_int_equal(count, 3);
    assert_int_equal(found[0].experiment_id, 0);
    assert_null(found[0].context.data);
    assert_text(found[1].context, "train");
    assert_int_equal(found[2].experiment_id, other);
    assert_int_equal(dataset_search(fixture->tx, experiments, 4, 2, &found, &count), OK);
    assert_int_equal(count, 2);
}

static void an_output_recorded_again_takes_the_new_step(void **state)
{
    struct store_fixture *fixture = *state;
    struct run_model model = {SV("m-1"), 1};
    assert_int_equal(run_log_outputs(fixture->tx, fixture->run_id, &model, 1), OK);
    model.step = 7;
    assert_int_equal(run_log_outputs(fixture->tx, fixture->run_id, &model, 1), OK);
    struct run run = load_run(fixture, fixture->run_id);
    assert_int_equal(run.model_output_count, 1);
    assert_int_equal(run.model_outputs[0].step, 7);
    assert_int_equal(run.model_input_count, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(a_run_without_a_name_gets_one_and_its_tag),
        TEST(an_empty_name_tag_is_replaced),
        TEST(two_different_names_are_refused),
        TEST(the_name_follows_the_tag_and_the_tag_the_name),
        TEST(an_update_changes_only_what_it_names),
        TEST(a_deleted_run_takes_no_writes_until_it_is_restored),
        TEST(a_run_that_does_not_exist_is_told_by_its_id),
        TEST(a_parameter_never_changes),
        TEST(parameters_are_compared_after_cutting),
        TEST(an_absent_value_is_empty),
        TEST(a_batch_tells_all_changed_parameters),
        TEST(a_batch_names_each_duplicate_parameter_once),
        TEST(a_batch_has_limits_per_kind_and_in_all),
        TEST(logged_models_are_appended_to_a_history),
        TEST(a_history_that_is_no_list_is_left_alone),
        TEST(a_dataset_logged_again_changes_nothing),
        TEST(datasets_belong_to_their_experiment),
        TEST(an_output_recorded_again_takes_the_new_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
