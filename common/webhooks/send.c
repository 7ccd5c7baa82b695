#include "common/webhooks/send.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/number.h"
#include "common/base/utf8.h"
#include "common/net/http_client.h"

#define BACKOFF_MAX_MS     60000
#define JITTER_MS          1000
#define RETRY_AFTER_MAX_MS (3600 * 1000L)
#define DRAIN_MAX_BYTES    (64 * 1024)

/* --- Sending --- */

static int64_t retry_after(struct arena *arena, struct sv value)
{
    int64_t seconds;
    struct tm parts = {0};
    if (!value.len)
        return -1;
    if (parse_int64(value, 0, INT32_MAX, &seconds))
        return seconds * 1000;
    if (!strptime(arena_cstr(arena, value), "%a, %d %b %Y %H:%M:%S GMT", &parts))
        return -1;
    int64_t left = (int64_t)timegm(&parts) * 1000 - clock_now_ms();
    return left > 0 ? left : 0;
}

/* A cut may have gone through a character. */
static struct sv whole_characters(struct sv text)
{
    for (size_t less = 0; less < 4 && less <= text.len; less++) {
        struct sv shorter = sv_first(text, text.len - less);
        if (utf8_valid(shorter))
            return shorter;
    }
    return text;
}

/* Reads some of what follows too, so that the connection can be used again. */
static void read_answer(struct http_client *client, struct arena *arena, size_t max,
                        struct webhook_answer *answer)
{
    char *kept = arena_alloc(arena, max + 1);
    char piece[4096];
    size_t len = 0, total = 0;
    long got;
    while (total < DRAIN_MAX_BYTES && (got = http_read(client, piece, sizeof(piece), -1)) > 0) {
        size_t taken = (size_t)got < max - len ? (size_t)got : max - len;
        memcpy(kept + len, piece, taken);
        len += taken;
        total += (size_t)got;
    }
    answer->body = whole_characters((struct sv){kept, len});
}

static enum webhook_outcome outcome_of(enum http_outcome outcome)
{
    switch (outcome) {
    case HTTP_OK:
        return WEBHOOK_ANSWERED;
    case HTTP_CANCELLED:
        return WEBHOOK_CANCELLED;
    case HTTP_MISUSED:
        return WEBHOOK_REFUSED;
    default:
        return WEBHOOK_UNREACHED;
    }
}

static void exchange(struct http_client *client, struct arena *arena, const struct webhook_call *call,
                     const struct http_call *http, struct webhook_answer *answer)
{
    struct http_reply reply;
    enum http_outcome outcome = http_begin(client, http, &reply);
    answer->outcome = outcome_of(outcome);
    if (outcome == HTTP_OK) {
        answer->status = reply.status;
        answer->retry_after_ms = retry_after(arena, http_header(client, SV("Retry-After")));
        read_answer(client, arena, call->answer_max, answer);
    } else {
        const char *problem = http_problem(client);
        answer->problem = arena_copy(arena, sv_from(*problem ? problem : "The call could not be made."));
    }
    http_end(client);
}

void webhook_send(const struct webhook_rules *rules, struct arena *arena, const struct webhook_call *call,
                  struct webhook_answer *answer)
{
    struct error error = {.code = ERROR_NONE};
    struct target target;
    bool proxied = false;
    *answer = (struct webhook_answer){.outcome = WEBHOOK_UNREACHED, .retry_after_ms = -1};
    if (webhook_resolve(rules, arena, &error, call->url, &target, &proxied) != OK) {
        if (error.code == INVALID_PARAMETER_VALUE)
            answer->outcome = WEBHOOK_REFUSED;
        answer->problem = error.message;
        return;
    }
    struct http_client *client = http_client_of_thread(HTTP_FOR_CALLS);
    if (!client) {
        answer->problem = SV("There is no memory for the call.");
        return;
    }
    struct name_value headers[4] = {
        {SV("Content-Type"), SV("application/json")},
        {SV("X-MLflow-Delivery-Id"), call->delivery_id},
        {SV("X-MLflow-Timestamp"), arena_printf(arena, "%lld", (long long)call->time_s)},
    };
    size_t header_count = 3;
    if (call->secret.data)
        headers[header_count++] = (struct name_value){
            SV("X-MLflow-Signature"),
            webhook_signature(arena, call->secret, call->delivery_id, call->time_s, call->body)};
    const struct http_call http = {
        .method = SV("POST"),
        .url = call->url,
        .headers = headers,
        .header_count = header_count,
        .body = call->body,
        .connect_ms = call->timeout_ms,
        .idle_ms = call->timeout_ms,
        .total_ms = 2 * call->timeout_ms,
        .cancelled = call->cancelled,
        .cancel_context = call->context,
        .pinned = target.pinned,
        .no_proxy = !proxied,
        .no_expect = true,
        .http1 = true,
    };
    exchange(client, arena, call, &http, answer);
}

/* --- What follows --- */

static bool is_passing(int status)
{
    return status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

static int64_t backoff_ms(int64_t attempt)
{
    if (attempt <= 1)
        return 0;
    int64_t delay = attempt > 6 ? BACKOFF_MAX_MS : 1000 * (INT64_C(1) << (attempt - 1));
    uint32_t random;
    random_bytes(&random, sizeof(random));
    delay += random % JITTER_MS;
    return delay < BACKOFF_MAX_MS ? delay : BACKOFF_MAX_MS;
}

struct webhook_verdict webhook_judge(const struct webhook_rules *rules, struct arena *arena,
                                     const struct webhook_answer *answer, int64_t attempt)
{
    struct webhook_verdict verdict = {.problem = answer->problem};
    if (answer->outcome == WEBHOOK_ANSWERED) {
        verdict.delivered = answer->status >= 200 && answer->status < 300;
        if (!verdict.delivered)
            verdict.problem =
                arena_printf(arena, "The receiver answered %d%s.", answer->status,
                             answer->status / 100 == 3 ? ", and redirects are not followed" : "");
    }
    if (answer->outcome == WEBHOOK_CANCELLED) {
        verdict.again = true;
        return verdict;
    }
    bool passing = answer->outcome == WEBHOOK_UNREACHED ||
                   (answer->outcome == WEBHOOK_ANSWERED && is_passing(answer->status));
    verdict.again = passing && attempt <= rules->max_retries;
    if (!verdict.again)
        return verdict;
    verdict.delay_ms = backoff_ms(attempt);
    if (answer->retry_after_ms >= 0)
        verdict.delay_ms =
            answer->retry_after_ms < RETRY_AFTER_MAX_MS ? answer->retry_after_ms : RETRY_AFTER_MAX_MS;
    return verdict;
}
