#include "tests/unit/store_fixture.h"

#include <math.h>
#include <stdlib.h>

#include "common/store/logged_model_metrics.h"
#include "common/store/logged_model_search.h"
#include "common/store/logged_models.h"
#include "common/store/run_data.h"

static struct logged_model load_model(struct store_fixture *fixture, struct sv model_id)
{
    struct logged_model_ref ref;
    struct logged_model model;
    assert_int_equal(logged_model_find(fixture->tx, model_id, &ref), OK);
    assert_int_equal(logged_model_load(fixture->tx, ref.id, &model), OK);
    return model;
}

static struct sv make_model(struct store_fixture *fixture, int64_t experiment, const char *name)
{
    struct logged_model_create create = {.experiment_id = experiment, .name = sv_from(name)};
    struct logged_model model;
    int64_t id;
    assert_int_equal(logged_model_create(fixture->tx, &create, &id), OK);
    assert_int_equal(logged_model_load(fixture->tx, id, &model), OK);
    return model.model_id;
}

static struct metric_input metric_of(struct sv model_id, const char *key, double value, int64_t timestamp,
                                     int64_t step)
{
    return (struct metric_input){.metric = {sv_from(key), value, timestamp, step}, .model_id = model_id};
}

static void log_metric(struct store_fixture *fixture, struct metric_input input)
{
    assert_int_equal(metric_log(fixture->tx, fixture->run_id, &input), OK);
}

/* --- models --- */

static void an_id_is_m_dash_and_32_hex_digits_and_stands_in_the_uri(void **state)
{
    struct store_fixture *fixture = *state;
    struct sv id = make_model(fixture, 0, "n");
    assert_int_equal(id.len, 34);
    assert_true(sv_starts_with(id, SV("m-")));
    for (size_t i = 2; i < id.len; i++)
        assert_true((id.data[i] >= '0' && id.data[i] <= '9') || (id.data[i] >= 'a' && id.data[i] <= 'f'));
    struct sv uri = arena_printf(fixture->tx->arena, "mlflow-artifacts:/0/models/%.*s/artifacts", SV_ARG(id));
    assert_true(sv_equal(load_model(fixture, id).artifact_uri, uri));
    struct sv found;
    assert_int_equal(logged_model_artifact_uri(fixture->tx, id, &found), OK);
    assert_true(sv_equal(found, uri));
}

static void a_deleted_model_has_no_artifacts_but_can_be_found(void **state)
{
    struct store_fixture *fixture = *state;
    struct sv id = make_model(fixture, 0, "n"), uri;
    struct logged_model_ref ref;
    assert_int_equal(logged_model_delete(fixture->tx, id), OK);
    assert_int_equal(logged_model_delete(fixture->tx, id), OK);
    assert_int_equal(logged_model_find(fixture->tx, id, &ref), OK);
    assert_int_equal(ref.lifecycle, LIFECYCLE_DELETED);
    struct sv text = arena_printf(fixture->tx->arena, "Logged model with ID '%.*s' not found.", SV_ARG(id));
    const char *message = arena_cstr(fixture->tx->arena, text);
    assert_failed(fixture, logged_model_find_existing(fixture->tx, id, &ref), RESOURCE_DOES_NOT_EXIST,
                  message);
    assert_failed(fixture, logged_model_artifact_uri(fixture->tx, id, &uri), RESOURCE_DOES_NOT_EXIST,
                  message);
}

static void params_of_one_request_may_repeat_but_not_contradict_each_other(void **state)
{
    struct store_fixture *fixture = *state;
    struct sv id = make_model(fixture, 0, "n");
    const struct key_value same[] = {{SV("a"), SV("1")}, {SV("b"), SV_ABSENT}, {SV("a"), SV("1")}};
    assert_int_equal(logged_model_log_params(fixture->tx, id, same, 3), OK);
    struct logged_model model = load_model(fixture, id);
    assert_int_equal(model.param_count, 2);
    assert_text(value_of(model.params, 2, "b"), "");
    const struct key_value other[] = {{SV("c"), SV("1")}, {SV("c"), SV("2")}};
    assert_int_equal(logged_model_log_params(fixture->tx, id, other, 2), FAILED);
    assert_int_equal(fixture->tx->error->code, INVALID_PARAMETER_VALUE);
    error_clear(fixture->tx->error);
}

static void a_new_model_refuses_keys_that_come_twice(void **state)
{
    struct store_fixture *fixture = *state;
    const struct key_value twice[] = {{SV("a"), SV("1")}, {SV("a"), SV("1")}};
    struct logged_model_create create = {.params = twice, .param_count = 2};
    int64_t id;
    assert_failed(fixture, logged_model_create(fixture->tx, &create, &id), INVALID_PARAMETER_VALUE,
                  "Duplicate parameter keys have been submitted: ['a']. Please ensure the request contains "
                  "only one param value per param key.");
    create = (struct logged_model_create){.tags = twice, .tag_count = 2};
    assert_failed(
        fixture, logged_model_create(fixture->tx, &create, &id), INVALID_PARAMETER_VALUE,
        "Duplicate tag keys have been submitted: ['a']. Please ensure the request contains only one "
        "tag value per tag key.");
}

/* --- metrics --- */

static void metrics_are_read_page_by_page_in_order(void **state)
{
    enum { POINTS = 25, PAGE = 4 };
    struct store_fixture *fixture = *state;
    struct sv id = make_model(fixture, 0, "n");
    for (int i = 0; i < POINTS; i++)
        log_metric(fixture, metric_of(id, i % 2 ? "a" : "b", i, (i * 7) % 5, -i));
    struct logged_model_cursor cursor = {0};
    struct logged_model_metric page[PAGE], before = {0};
    int64_t model = load_model(fixture, id).id;
    size_t count, total = 0;
    do {
        assert_int_equal(logged_model_metrics(fixture->tx, model, &cursor, page, PAGE, &count), OK);
        for (size_t i = 0; i < count; i++, total++) {
            struct metric *metric = &page[i].metric;
            assert_true(sv_equal(page[i].run_id, fixture->run_id));
            if (total && sv_equal(metric->key, before.metric.key))
                assert_true(
                    metric->timestamp > before.metric.timestamp ||
                    (metric->timestamp == before.metric.timestamp && metric->step > before.metric.step));
            before = page[i];
        }
    } while (count == PAGE);
    assert_int_equal(total, POINTS);
}

static void a_metric_without_a_model_writes_nothing_for_models(void **state)
{
    struct store_fixture *fixture = *state;
    make_model(fixture, 0, "n");
    log_metric(fixture, metric_of(SV_ABSENT, "m", 1.0, 1, 1));
    log_metric(fixture, metric_of(SV(""), "m", 2.0, 1, 1));
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM logged_model_metrics"), 0);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM metrics"), 2);
}

static void a_dataset_is_stored_once_and_a_later_value_may_name_another(void **state)
{
    struct store_fixture *fixture = *state;
    struct sv id = make_model(fixture, 0, "n");
    struct metric_input inputs[3];
    for (int i = 0; i < 3; i++) {
        inputs[i] = metric_of(id, "m", i, 1, 1);
        inputs[i].dataset_name = SV("d");
        inputs[i].dataset_digest = i == 2 ? SV("y") : SV("x");
    }
    struct run_batch batch = {.metrics = inputs, .metric_count = 3};
    assert_int_equal(run_log_batch(fixture->tx, fixture->run_id, &batch), OK);
    struct logged_model_cursor cursor = {0};
    struct logged_model_metric found[2];
    size_t count;
    assert_int_equal(logged_model_metrics(fixture->tx, load_model(fixture, id).id, &cursor, found, 2, &count),
                     OK);
    assert_int_equal(count, 1);
    assert_true(found[0].metric.value == 2.0);
    assert_text(found[0].dataset_digest, "y");
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM logged_model_datasets"), 2);
}

static void a_batch_that_changes_between_models_keeps_them_apart(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t other;
    assert_int_equal(experiment_create(fixture->tx, SV("other"), SV_ABSENT, NULL, 0, &other), OK);
    struct sv ids[2] = {make_model(fixture, 0, "a"), make_model(fixture, other, "b")};
    struct metric_input inputs[40];
    for (int i = 0; i < 40; i++) {
        inputs[i] = metric_of(ids[(i / 3) % 2], i % 2 ? "x" : "y", i, i, 0);
        inputs[i].dataset_name = i % 5 ? SV("d") : SV_ABSENT;
        inputs[i].dataset_digest = i % 5 ? SV("1") : SV_ABSENT;
    }
    struct run_batch batch = {.metrics = inputs, .metric_count = 40};
    assert_int_equal(run_log_batch(fixture->tx, fixture->run_id, &batch), OK);
    size_t seen = 0;
    for (int k = 0; k < 2; k++) {
        struct logged_model_cursor cursor = {0};
        struct logged_model_metric found[40];
        size_t count;
        assert_int_equal(
            logged_model_metrics(fixture->tx, load_model(fixture, ids[k]).id, &cursor, found, 40, &count),
            OK);
        for (size_t n = 0; n < count; n++, seen++) {
            int i = (int)found[n].metric.timestamp;
            assert_int_equal((i / 3) % 2, k);
            assert_text(found[n].metric.key, i % 2 ? "x" : "y");
            assert_int_equal(found[n].dataset_name.data != NULL, i % 5 != 0);
        }
    }
    assert_int_equal(seen, 40);
    assert_int_equal(store_number(fixture, "SELECT count(DISTINCT experiment) FROM logged_model_datasets"),
                     2);
}

/* --- search: pages against sorting in memory --- */

enum { MODELS = 60, EXPERIMENTS = 3 };

struct known {
    int64_t id;
    struct sv model_id;
    int64_t creation_time;
    char name;
    double metric; /* NaN */
    bool has_metric;
};

static bool by_metric, ascending;

static int compare_known(const void *left, const void *right)
{
    const struct known *a = left, *b = right;
    int order = 0;
    if (by_metric) {
        int class_a = !a->has_metric ? 2 : isnan(a->metric), class_b = !b->has_metric ? 2 : isnan(b->metric);
        if (class_a != class_b)
            return class_a - class_b;
        if (class_a == 0)
            order = (a->metric > b->metric) - (a->metric < b->metric);
    } else {
        order = a->name - b->name;
    }
    if (order)
        return ascending ? order : -order;
    if (a->creation_time != b->creation_time)
        return a->creation_time > b->creation_time ? -1 : 1;
    return a->id > b->id ? -1 : a->id < b->id;
}

/* The same numbers in each run (a linear congruential generator, as C's standard shows one). */
static unsigned drawn;
static int draw(int below)
{
    drawn = drawn * 1103515245 + 12345;
    return (int)(drawn / 65536 % (unsigned)below);
}

/* Names and values from few, so that many are equal; times, too. */
static void make_known(struct store_fixture *fixture, const int64_t *experiments, struct known *known)
{
    drawn = 7;
    for (int i = 0; i < MODELS; i++) {
        char name[2] = {(char)('a' + draw(4)), '\0'};
        struct known *one = &known[i];
        fixture->tx->now_ms += draw(2);
        *one = (struct known){.name = name[0], .creation_time = fixture->tx->now_ms};
        one->model_id = make_model(fixture, experiments[draw(EXPERIMENTS)], name);
        one->id = load_model(fixture, one->model_id).id;
        for (int point = draw(4); point > 0; point--) {
            double value = draw(5) == 0 ? (double)NAN : draw(4) - 1.5;
            /* From the newest to the oldest: the first counts. */
            log_metric(fixture, metric_of(one->model_id, "acc", value, point, 9 - point));
            if (!one->has_metric)
                one->metric = value;
            one->has_metric = true;
        }
    }
}

static void check_pages(struct store_fixture *fixture, const struct logged_model_search *search,
                        const struct known *expected)
{
    for (int64_t size = 1; size <= MODELS + 1; size += 6) {
        struct logged_model_search page_search = *search;
        struct logged_model_page page;
        size_t total = 0;
        page_search.max_results = size;
        do {
            assert_int_equal(logged_model_search(fixture->tx, &page_search, &page), OK);
            for (size_t i = 0; i < page.count; i++, total++) {
                assert_true(total < MODELS);
                assert_int_equal(page.ids[i], expected[total].id);
            }
            page_search.page_token = page.next_page_token;
        } while (page.next_page_token.data);
        assert_int_equal(total, MODELS);
    }
}

static void pages_of_every_order_join_to_the_whole(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t experiments[EXPERIMENTS] = {0};
    struct sv ids[EXPERIMENTS];
    struct known known[MODELS];
    for (int i = 0; i < EXPERIMENTS; i++) {
        struct sv name = arena_printf(fixture->tx->arena, "e%d", i);
        if (i)
            assert_int_equal(experiment_create(fixture->tx, name, SV_ABSENT, NULL, 0, &experiments[i]), OK);
        ids[i] = arena_printf(fixture->tx->arena, "%lld", (long long)experiments[i]);
    }
    make_known(fixture, experiments, known);
    for (int order = 0; order < 4; order++) {
        by_metric = order & 1;
        ascending = order & 2;
        struct logged_model_order by = {.field_name = by_metric ? SV("metrics.acc") : SV("name"),
                                        .ascending = ascending};
        struct logged_model_search search = {
            .experiment_ids = ids, .experiment_count = EXPERIMENTS, .order_by = &by, .order_by_count = 1};
        qsort(known, MODELS, sizeof(known[0]), compare_known);
        check_pages(fixture, &search, known);
    }
}

static void a_removed_run_takes_its_metrics_along_and_a_removed_experiment_its_models(void **state)
{
    struct store_fixture *fixture = *state;
    int64_t experiment;
    assert_int_equal(experiment_create(fixture->tx, SV("gone"), SV_ABSENT, NULL, 0, &experiment), OK);
    const struct key_value items[] = {{SV("k"), SV("v")}};
    struct sv id = make_model(fixture, experiment, "n");
    assert_int_equal(logged_model_set_tags(fixture->tx, id, items, 1), OK);
    assert_int_equal(logged_model_log_params(fixture->tx, id, items, 1), OK);
    log_metric(fixture, metric_of(id, "m", 1.0, 1, 1));
    assert_int_equal(
        db_exec(fixture->tx->db, NULL, "DELETE FROM runs WHERE run_id = ?", db_text(fixture->run_id)), OK);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM logged_model_metrics"), 0);
    assert_int_equal(load_model(fixture, id).tag_count, 1);
    assert_int_equal(
        db_exec(fixture->tx->db, NULL, "DELETE FROM experiments WHERE id = ?", db_int(experiment)), OK);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM logged_models"), 0);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM logged_model_params"), 0);
    assert_int_equal(store_number(fixture, "SELECT count(*) FROM logged_model_tags"), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_id_is_m_dash_and_32_hex_digits_and_stands_in_the_uri),
        TEST(a_deleted_model_has_no_artifacts_but_can_be_found),
        TEST(params_of_one_request_may_repeat_but_not_contradict_each_other),
        TEST(a_new_model_refuses_keys_that_come_twice),
        TEST(metrics_are_read_page_by_page_in_order),
        TEST(a_metric_without_a_model_writes_nothing_for_models),
        TEST(a_dataset_is_stored_once_and_a_later_value_may_name_another),
        TEST(a_batch_that_changes_between_models_keeps_them_apart),
        TEST(pages_of_every_order_join_to_the_whole),
        TEST(a_removed_run_takes_its_metrics_along_and_a_removed_experiment_its_models),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
