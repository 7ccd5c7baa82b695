/* fill_traces DATABASE EXPERIMENTS TRACES SPANS: fills experiments with so many traces of so many spans each,
 * for measuring. What it writes is the same for the same arguments.
 *
 *   tags        team: 10 values, ticket: 1 trace in 1,000 each
 *   attributes  component: one for each span of a trace, model: 10 values, customer: 1 trace in 2,000 each
 *   text        inputs and outputs of 60 words out of 4,000; "because" in every span, "zephyr" in 1 trace in
 * 1,000 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/base/number.h"
#include "common/store/experiments.h"
#include "common/store/spans.h"

enum { BATCH = 500, VOCABULARY = 4000, WORD_MAX = 16, WORDS = 60 };

static uint64_t state = 0x9e3779b97f4a7c15;

/* xorshift64*: good enough, and the same everywhere. */
static uint64_t draw(void)
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(2685821657736338717);
}

static char vocabulary[VOCABULARY][WORD_MAX];

static void make_vocabulary(void)
{
    static const char *const syllables[] = {"ba", "con", "de",  "el", "for", "ga",  "hi",  "in", "jo",
                                            "ka", "lu",  "men", "no", "or",  "pre", "qu",  "ri", "so",
                                            "ta", "ul",  "ver", "wa", "xi",  "yo",  "ing", "er", "tion"};
    for (size_t i = 0; i < VOCABULARY; i++) {
        size_t len = 0;
        for (uint64_t n = 2 + draw() % 2; n; n--) {
            const char *syllable = syllables[draw() % (sizeof(syllables) / sizeof(syllables[0]))];
            size_t size = strlen(syllable);
            memcpy(vocabulary[i] + len, syllable, size);
            len += size;
        }
    }
}

struct fill {
    struct store store;
    struct store_tx *tx;
    struct arena *arena;
    struct error error;
    int64_t spans;
};

static struct sv words(struct fill *fill, size_t count, const char *extra)
{
    char *text = arena_alloc(fill->arena, count * WORD_MAX + 32);
    size_t len = 0;
    for (size_t i = 0; i < count; i++)
        len += (size_t)snprintf(text + len, WORD_MAX + 1, "%s ", vocabulary[draw() % VOCABULARY]);
    len += (size_t)snprintf(text + len, 32, "because%s", extra);
    return (struct sv){text, len};
}

static enum status write_span(struct fill *fill, const struct trace_info *trace, int64_t number, int64_t i)
{
    struct arena *arena = fill->arena;
    int64_t start = (trace->request_time + i) * 1000000;
    struct sv question = words(fill, WORDS / 3, number % 1000 == 7 && i == 3 ? " zephyr" : "");
    struct sv answer = words(fill, WORDS - WORDS / 3, "");
    struct sv id = arena_printf(arena, "%016" PRIx64, draw() | 1);
    struct sv content = arena_printf(
        arena,
        "{\"trace_id\": \"%016" PRIx64 "%06" PRIx64 "==\", \"span_id\": \"%011" PRIx64
        "=\", \"parent_span_id\": %s, \"name\": \"step %" PRId64 "\", \"start_time_unix_nano\": %" PRId64
        ", \"end_time_unix_nano\": %" PRId64
        ", \"events\": [], \"status\": {\"code\": \"STATUS_CODE_UNSET\", \"message\": \"\"}, "
        "\"attributes\": {\"component\": \"\\\"step-%" PRId64 "\\\"\", \"model\": \"\\\"model-%" PRId64
        "\\\"\", \"customer\": \"\\\"customer-%05" PRId64 "\\\"\", \"attempt\": \"%" PRId64
        "\", \"mlflow.spanInputs\": \"{\\\"question\\\": \\\"%.*s\\\"}\", "
        "\"mlflow.spanOutputs\": \"{\\\"answer\\\": \\\"%.*s\\\"}\"}}",
        draw(), draw() & 0xffffff, draw() & UINT64_C(0xfffffffffff), i ? "\"AQAAAAAAAAE=\"" : "null", i,
        start, start + 500000, i, (number + i) % 10, number % 2000, number % 3, SV_ARG(question),
        SV_ARG(answer));
    struct span_row row = {
        .span_id = id,
        .parent_span_id = i ? SV("0100000000000001") : SV_ABSENT,
        .name = arena_printf(arena, "step %" PRId64, i),
        .type = SV("CHAIN"),
        .status = SPAN_OK,
        .start_time = start,
        .has_end_time = true,
        .end_time = start + 500000,
        .content = content,
    };
    return span_put(fill->tx, trace, &row);
}

static enum status write_trace(struct fill *fill, int64_t experiment, int64_t number)
{
    struct arena *arena = fill->arena;
    struct trace_info trace = {
        .trace_id = arena_printf(arena, "tr-%016" PRIx64 "%016" PRIx64, draw(), draw()),
        .experiment_id = experiment,
        .request_time = 1700000000000 + number * 1000,
        .has_duration = true,
        .duration = number % 977,
        .status = number % 50 ? TRACE_OK : TRACE_ERROR,
        .finalized = true,
        .request_preview = words(fill, 12, ""),
        .response_preview = words(fill, 12, ""),
    };
    if (trace_insert(fill->tx, &trace) != OK ||
        trace_put_tag(fill->tx, &trace, SV("team"), arena_printf(arena, "t%" PRId64, number % 10)) != OK ||
        trace_put_tag(fill->tx, &trace, SV("ticket"), arena_printf(arena, "k%" PRId64, number % 1000)) !=
            OK ||
        trace_put_tag(fill->tx, &trace, SV(TRACE_TAG_SPANS_LOCATION), SV(TRACE_SPANS_IN_STORE)) != OK)
        return FAILED;
    for (int64_t i = 0; i < fill->spans; i++) {
        struct arena_mark mark = arena_mark(arena);
        if (write_span(fill, &trace, number, i) != OK)
            return FAILED;
        arena_rewind(arena, mark);
    }
    return OK;
}

static enum status end(struct fill *fill, enum status status)
{
    if (status == OK)
        return store_commit(fill->tx);
    store_rollback(fill->tx);
    return FAILED;
}

static enum status write_batch(struct fill *fill, int64_t experiment, int64_t first, int64_t last)
{
    enum status status = OK;
    fill->tx = store_begin(&fill->store, DB_WRITE, fill->arena, &fill->error);
    if (!fill->tx)
        return FAILED;
    for (int64_t number = first; number < last && status == OK; number++)
        status = write_trace(fill, experiment, number);
    return end(fill, status);
}

static enum status make_experiment(struct fill *fill, int64_t number, int64_t *experiment)
{
    fill->tx = store_begin(&fill->store, DB_WRITE, fill->arena, &fill->error);
    if (!fill->tx)
        return FAILED;
    return end(fill, experiment_create(fill->tx, arena_printf(fill->arena, "bench %" PRId64, number),
                                       SV_ABSENT, NULL, 0, experiment));
}

/* Experiment after experiment, batch after batch: all of them grow together. */
static enum status write_all(struct fill *fill, int64_t experiments, int64_t traces)
{
    enum status status = OK;
    int64_t ids[100];
    for (int64_t i = 0; i < experiments && status == OK; i++)
        status = make_experiment(fill, i, &ids[i]);
    for (int64_t first = 0; first < traces; first += BATCH)
        for (int64_t i = 0; i < experiments && status == OK; i++) {
            arena_reset(fill->arena);
            status = write_batch(fill, ids[i], first, first + BATCH < traces ? first + BATCH : traces);
        }
    return status;
}

int main(int argc, char **argv)
{
    struct fill fill = {.arena = arena_new((size_t)1 << 30)};
    int64_t experiments, traces;
    if (argc != 5 || !parse_int64(sv_from(argv[2]), 1, 100, &experiments) ||
        !parse_int64(sv_from(argv[3]), 1, 1000000, &traces) ||
        !parse_int64(sv_from(argv[4]), 1, 1000000, &fill.spans)) {
        fputs("Usage: fill_traces DATABASE EXPERIMENTS TRACES SPANS\n", stderr);
        return 2;
    }
    make_vocabulary();
    struct db_options options = {.path = sv_from(argv[1]),
                                 .durability = DB_DURABILITY_NORMAL,
                                 .write_timeout_ms = 60000,
                                 .read_timeout_ms = 60000,
                                 .create = true};
    struct store_settings settings = {.artifact_root = SV("mlflow-artifacts:/"),
                                      .artifact_location_limit = 2048};
    enum status status = store_open(&fill.store, &options, &settings, fill.arena, &fill.error);
    if (status == OK)
        status = write_all(&fill, experiments, traces);
    if (status != OK)
        fprintf(stderr, "%.*s %.*s\n", SV_ARG(fill.error.message), SV_ARG(fill.error.detail));
    store_close(&fill.store);
    arena_free(fill.arena);
    return status == OK ? 0 : 1;
}
