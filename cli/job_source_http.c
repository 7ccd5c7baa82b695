#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "cli/job_source.h"
#include "cli/job_worker_name.h"
#include "common/base/clock.h"
#include "common/base/id.h"
#include "common/base/log.h"
#include "common/jobs/parameters.h"
#include "common/json/json_read.h"
#include "common/json/json_write.h"
#include "common/net/http_client.h"

/* The worker's side of the queue over HTTP; docs/jobs.md describes the protocol. A thread asks whether there
 * is something to take, or something is cancelled, in requests that the server answers when there is. */

#define BODY_MAX_BYTES    (15UL * 1024 * 1024) /* the server takes 16 MiB */
#define ANSWER_MAX_BYTES  (64UL * 1024 * 1024)
#define WATCH_LIMIT_BYTES (16UL * 1024 * 1024)
#define STACK_BYTES       (256 * 1024)
#define CALL_MS           10000
#define WAIT_MS           1000 /* so long a job may run before it is asked for: it is cancelled within 2 s */
#define PAUSE_MS          200  /* between two answers that there is something */
#define TROUBLE_MS        2000
#define LOOK_EVERY_MS     2000

struct http_source {
    struct job_source base;
    const char *server;
    struct sv token;
    struct http_client *client; /* of the thread that works */
    bool started;
    int wake;
    pthread_t watcher;
    bool watching;
    atomic_bool ending;
    pthread_mutex_t mutex; /* of what follows */
    struct buffer asked;   /* the body of the next question */
};

static struct http_source *self_of(struct job_source *source)
{
    return (struct http_source *)source;
}

/* --- Calls --- */

static bool is_ending(void *context)
{
    return atomic_load((atomic_bool *)context);
}

static struct sv said(struct arena *arena, struct json_object *answer)
{
    struct json_object *message;
    if (!json_object_object_get_ex(answer, "message", &message) ||
        !json_object_is_type(message, json_type_string))
        return SV("");
    return arena_printf(arena, ": %.*s", SV_ARG(json_string_view(message)));
}

struct question {
    const char *name;
    const struct buffer *body;
    int64_t wait_ms; /* that the server may take for an answer */
    atomic_bool *ending;
};

static enum status trouble(struct error *error, struct arena *arena, const struct http_source *self,
                           const char *why)
{
    return error_set(error, arena, TEMPORARILY_UNAVAILABLE, "%s cannot be reached: %s", self->server, why);
}

/* The answer, an object that is the caller's; NULL with an error. */
static struct json_object *ask(const struct http_source *self, struct http_client *client,
                               const struct question *question, struct arena *arena, struct error *error)
{
    struct sv bearer = arena_printf(arena, "Bearer %.*s", SV_ARG(self->token));
    const struct name_value headers[] = {{SV("Content-Type"), SV("application/json")},
                                         {SV("Authorization"), bearer}};
    struct http_call call = {
        .method = SV("POST"),
        .url = arena_printf(arena, "%s/api/3.0/tracklight/jobs/worker/%s", self->server, question->name),
        .headers = headers,
        .header_count = 2,
        .body = buffer_sv(question->body),
        .connect_ms = CALL_MS / 2,
        .total_ms = CALL_MS + question->wait_ms,
        .cancelled = question->ending ? is_ending : NULL,
        .cancel_context = question->ending,
    };
    struct http_reply reply;
    struct buffer body;
    struct json_object *answer = NULL;
    struct sv problem;
    buffer_init(&body, ANSWER_MAX_BYTES);
    enum http_outcome outcome = http_exchange(client, &call, &reply, &body);
    bool parsed = outcome == HTTP_OK && json_parse(arena, buffer_sv(&body), &answer, &problem) == JSON_OK &&
                  json_object_is_type(answer, json_type_object);
    buffer_free(&body);
    OPENSSL_cleanse((char *)bearer.data, bearer.len);
    if (parsed && reply.status == 200)
        return answer;
    if (outcome != HTTP_OK)
        trouble(error, arena, self, http_problem(client));
    else
        error_set(
            error, arena,
            reply.status >= 500
                ? TEMPORARILY_UNAVAILABLE
                : (reply.status == 401 || reply.status == 404 ? UNAUTHENTICATED : INVALID_PARAMETER_VALUE),
            "%s answers %d%.*s", self->server, reply.status, SV_ARG(said(arena, answer)));
    json_object_put(answer);
    return NULL;
}

static void begin_body(struct json_writer *json, struct buffer *body, const struct http_source *self)
{
    buffer_init(body, BODY_MAX_BYTES);
    json_writer_init(json, body);
    json_begin_object(json);
    if (self) {
        json_put_string_field(json, "worker", self->base.worker);
        json_put_string_field(json, "host", self->base.host);
    }
}

static int64_t int_member(struct json_object *object, const char *name, int64_t otherwise)
{
    struct json_object *value;
    return json_object_object_get_ex(object, name, &value) && json_object_is_type(value, json_type_int)
               ? json_object_get_int64(value)
               : otherwise;
}

static struct sv text_member(struct json_object *object, const char *name, struct arena *arena)
{
    struct json_object *value;
    return json_object_object_get_ex(object, name, &value) && json_object_is_type(value, json_type_string)
               ? arena_copy(arena, json_string_view(value))
               : SV_ABSENT;
}

static void learn_lease(struct http_source *self, struct json_object *answer)
{
    int64_t lease_ms = int_member(answer, "lease_ms", self->base.lease_ms);
    if (lease_ms >= 1000)
        self->base.lease_ms = lease_ms;
}

/* "start" and "stop": who works. */
static bool announce(struct http_source *self, const char *name, struct arena *arena, struct error *error)
{
    struct json_writer json;
    struct buffer body;
    begin_body(&json, &body, self);
    json_end_object(&json);
    const struct question question = {.name = name, .body = &body};
    struct json_object *answer = ask(self, self->client, &question, arena, error);
    buffer_free(&body);
    if (!answer)
        return false;
    learn_lease(self, answer);
    json_object_put(answer);
    return true;
}

/* --- Telling --- */

static void put_news(struct json_writer *json, struct arena *arena, const struct job_news *news)
{
    static const char *const ends[] = {
        [JOB_END_SUCCEEDED] = "succeeded", [JOB_END_FAILED] = "failed",     [JOB_END_TIMEOUT] = "timeout",
        [JOB_END_TRANSIENT] = "transient", [JOB_END_RETURNED] = "returned",
    };
    json_begin_object(json);
    json_put_string_field(json, "lease", news->lease->lease);
    if (news->log.len)
        json_put_string_field(json, "log", base64_encode(arena, news->log));
    if (news->has_progress) {
        if (news->progress >= 0)
            json_put_double_field(json, "progress", news->progress);
        json_put_string_field_if_set(json, "message", news->message);
        if (news->details.len) {
            json_key(json, "details");
            json_put_raw(json, news->details);
        }
    }
    if (news->ending) {
        json_put_string_field(json, "end", sv_from(ends[news->ending->end]));
        json_put_string_field_if_set(json, "text", news->ending->text);
    }
    json_end_object(json);
}

static enum job_hold hold_of(struct json_object *answer, struct arena *arena)
{
    struct sv hold = text_member(answer, "hold", arena);
    if (sv_equal(hold, SV("held")))
        return JOB_HELD;
    return sv_equal(hold, SV("canceled")) ? JOB_HOLD_CANCELED : JOB_HOLD_LOST;
}

static bool report(struct http_source *self, struct job_news *news, size_t count, struct arena *arena,
                   struct error *error)
{
    struct json_writer json;
    struct buffer body;
    begin_body(&json, &body, self);
    json_key(&json, "jobs");
    json_begin_array(&json);
    for (size_t i = 0; i < count; i++)
        put_news(&json, arena, &news[i]);
    json_end_array(&json);
    json_end_object(&json);
    const struct question question = {.name = "report", .body = &body};
    struct json_object *jobs, *answer = body.failed ? NULL : ask(self, self->client, &question, arena, error);
    if (body.failed)
        error_set(error, arena, INVALID_PARAMETER_VALUE, "the news of jobs are too long to be sent");
    buffer_free(&body);
    bool good = answer && json_object_object_get_ex(answer, "jobs", &jobs) &&
                json_object_is_type(jobs, json_type_array) && json_object_array_length(jobs) == count;
    if (answer && !good)
        trouble(error, arena, self, "the answer to a report is not understood");
    for (size_t i = 0; good && i < count; i++) {
        news[i].hold = hold_of(json_object_array_get_idx(jobs, i), arena);
        news[i].entered = true;
    }
    if (good)
        learn_lease(self, answer);
    json_object_put(answer);
    return good;
}

/* What the server refuses for itself, it refuses for ever: so the job has failed. */
static bool report_one(struct http_source *self, struct job_news *news, struct arena *arena,
                       struct error *error)
{
    if (report(self, news, 1, arena, error))
        return true;
    if (error->code != INVALID_PARAMETER_VALUE)
        return false;
    log_error("jobs: %.*s", SV_ARG(error->message));
    error_clear(error);
    const struct job_ending ending = {.end = JOB_END_FAILED,
                                      .text = SV("The server does not take what the job has become.")};
    struct job_news instead = {.lease = news->lease, .type = news->type};
    if (news->ending)
        instead.ending = &ending;
    if (!report(self, &instead, 1, arena, error))
        return false;
    news->hold = instead.hold;
    news->entered = true;
    return true;
}

static bool tell(struct http_source *self, struct job_round *round, struct arena *arena, struct error *error)
{
    if (round->news_count == 0 || report(self, round->news, round->news_count, arena, error))
        return true;
    if (error->code != INVALID_PARAMETER_VALUE)
        return false;
    error_clear(error);
    for (size_t i = 0; i < round->news_count; i++) {
        if (!report_one(self, &round->news[i], arena, error))
            return false;
    }
    return true;
}

/* --- Taking --- */

static void put_types(struct json_writer *json, const struct job_types *types)
{
    json_key(json, "types");
    json_begin_array(json);
    for (size_t i = 0; i < types->count; i++)
        json_put_string(json, types->items[i].name);
    json_end_array(json);
}

static bool read_taken(struct json_object *object, const struct job_types *types, struct arena *arena,
                       struct job_taken *taken)
{
    struct json_object *params = NULL;
    *taken = (struct job_taken){0};
    taken->job.job_id = text_member(object, "job_id", arena);
    taken->job.name = text_member(object, "job_name", arena);
    taken->job.status = JOB_RUNNING;
    taken->type = job_types_find(types, taken->job.name);
    taken->timeout_ms = int_member(object, "timeout_ms", 0);
    taken->lease = (struct job_lease){
        .job_id = taken->job.job_id,
        .lease = text_member(object, "lease", arena),
        .attempt = int_member(object, "attempt", 1),
    };
    if (json_object_object_get_ex(object, "params", &params))
        taken->job.params = job_json_text(params, arena);
    return taken->type && taken->lease.lease.data && taken->job.params.data;
}

static bool take(struct http_source *self, struct job_round *round, struct arena *arena, struct error *error)
{
    struct json_writer json;
    struct buffer body;
    begin_body(&json, &body, self);
    put_types(&json, round->types);
    json_put_int_field(&json, "max", (int64_t)round->wanted);
    json_put_int_field(&json, "wait_ms", 0);
    json_end_object(&json);
    const struct question question = {.name = "take", .body = &body};
    struct json_object *jobs, *answer = ask(self, self->client, &question, arena, error);
    buffer_free(&body);
    if (!answer)
        return false;
    learn_lease(self, answer);
    int64_t due_in_ms = int_member(answer, "due_in_ms", -1);
    round->due_ms = due_in_ms < 0 ? INT64_MAX : clock_now_ms() + due_in_ms;
    size_t count =
        json_object_object_get_ex(answer, "jobs", &jobs) && json_object_is_type(jobs, json_type_array)
            ? json_object_array_length(jobs)
            : 0;
    for (size_t i = 0; i < count && round->taken_count < round->wanted; i++) {
        if (read_taken(json_object_array_get_idx(jobs, i), round->types, arena,
                       &round->taken[round->taken_count]))
            round->taken_count++;
    }
    json_object_put(answer);
    return true;
}

/* What is asked next: whether there are jobs, if there is room for some, and whether those are still ours. */
static void prepare_question(struct http_source *self, const struct job_round *round)
{
    static const struct job_types none = {0};
    struct json_writer json;
    bool room = round->wanted > round->taken_count;
    pthread_mutex_lock(&self->mutex);
    buffer_clear(&self->asked, 64 * 1024);
    json_writer_init(&json, &self->asked);
    json_begin_object(&json);
    put_types(&json, room ? round->types : &none);
    json_key(&json, "leases");
    json_begin_array(&json);
    for (size_t i = 0; i < round->held_count; i++)
        json_put_string(&json, round->held[i]);
    for (size_t i = 0; i < round->taken_count; i++)
        json_put_string(&json, round->taken[i].lease.lease);
    json_end_array(&json);
    json_put_int_field(&json, "wait_ms", WAIT_MS);
    json_end_object(&json);
    pthread_mutex_unlock(&self->mutex);
}

static bool exchange(struct job_source *source, struct job_round *round, struct arena *arena,
                     struct error *error)
{
    struct http_source *self = self_of(source);
    round->taken_count = 0;
    round->due_ms = INT64_MAX;
    if (!self->started && !announce(self, "start", arena, error))
        return false;
    self->started = true;
    bool done = tell(self, round, arena, error) && (round->wanted == 0 || take(self, round, arena, error));
    prepare_question(self, round);
    return done;
}

/* The watcher has looked already. */
static bool look(struct job_source *source, const struct job_types *types, struct arena *arena,
                 struct error *error, int64_t *due_ms)
{
    (void)source;
    (void)types;
    (void)arena;
    (void)error;
    *due_ms = 0;
    return true;
}

/* --- Watching --- */

static void pause_watching(struct http_source *self, int64_t ms)
{
    for (int64_t waited = 0; waited < ms && !atomic_load(&self->ending); waited += PAUSE_MS / 4)
        poll(NULL, 0, PAUSE_MS / 4);
}

static struct sv copy_question(struct http_source *self, struct buffer *body)
{
    buffer_clear(body, 64 * 1024);
    pthread_mutex_lock(&self->mutex);
    buffer_append_sv(body, buffer_sv(&self->asked));
    pthread_mutex_unlock(&self->mutex);
    return buffer_sv(body);
}

static bool is_ready(struct json_object *answer)
{
    struct json_object *ready;
    return json_object_object_get_ex(answer, "ready", &ready) && json_object_get_boolean(ready);
}

static void *watch(void *context)
{
    struct http_source *self = context;
    struct http_client *client = http_client_new();
    struct arena *arena = arena_new(WATCH_LIMIT_BYTES);
    struct buffer body;
    const uint64_t one = 1;
    buffer_init(&body, BODY_MAX_BYTES);
    while (client && !atomic_load(&self->ending)) {
        struct error error = {.code = ERROR_NONE};
        arena_reset(arena);
        if (copy_question(self, &body).len == 0) {
            pause_watching(self, PAUSE_MS);
            continue;
        }
        const struct question question = {
            .name = "wait", .body = &body, .wait_ms = WAIT_MS, .ending = &self->ending};
        struct json_object *answer = ask(self, client, &question, arena, &error);
        bool ready = answer && is_ready(answer);
        json_object_put(answer);
        if (ready && write(self->wake, &one, sizeof(one)) != sizeof(one))
            break;
        if (!answer || ready)
            pause_watching(self, answer ? PAUSE_MS : TROUBLE_MS);
    }
    buffer_free(&body);
    arena_free(arena);
    http_client_free(client);
    return NULL;
}

static int wake_fd(const struct job_source *source)
{
    return ((const struct http_source *)source)->wake;
}

static bool woken(struct job_source *source)
{
    uint64_t count;
    return read(self_of(source)->wake, &count, sizeof(count)) == sizeof(count);
}

/* --- Beginning and end --- */

static void close_source(struct job_source *source)
{
    struct http_source *self = self_of(source);
    struct arena *arena = arena_new(ANSWER_MAX_BYTES);
    struct error error = {.code = ERROR_NONE};
    atomic_store(&self->ending, true);
    if (self->watching)
        pthread_join(self->watcher, NULL);
    if (self->started)
        announce(self, "stop", arena, &error);
    arena_free(arena);
    http_client_free(self->client);
    if (self->wake >= 0)
        close(self->wake);
    if (source->alive >= 0)
        close(source->alive);
    buffer_free(&self->asked);
    pthread_mutex_destroy(&self->mutex);
    free(self);
}

static bool start_watching(struct http_source *self)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    self->watching = pthread_create(&self->watcher, &attributes, watch, self) == 0;
    pthread_attr_destroy(&attributes);
    return self->watching;
}

struct job_source *job_source_http(const char *server, struct sv token, const struct settings *settings,
                                   struct arena *arena, struct error *error)
{
    static const struct job_source_class class = {
        .round = exchange, .look = look, .wake_fd = wake_fd, .woken = woken, .close = close_source};
    struct http_source *self = calloc(1, sizeof(*self));
    if (!self)
        abort();
    self->server = server;
    self->token = token;
    self->base = (struct job_source){
        .class = &class,
        .host = job_worker_host(arena),
        .lease_ms = settings->jobs_lease * 1000,
        .look_every_ms = LOOK_EVERY_MS,
    };
    self->base.worker = job_worker_name_new(arena, self->base.host, &self->base.alive);
    buffer_init(&self->asked, BODY_MAX_BYTES);
    pthread_mutex_init(&self->mutex, NULL);
    self->client = http_client_new();
    self->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    /* A server that is not there yet is waited for; one that does not let us in is not. */
    if (!self->client || self->wake < 0 || !start_watching(self))
        error_internal(error, arena, "%s", strerror(errno));
    else if (announce(self, "start", arena, error))
        self->started = true;
    else if (error->code == TEMPORARILY_UNAVAILABLE) {
        log_warning("jobs: %.*s", SV_ARG(error->message));
        error_clear(error);
    }
    if (error->code == ERROR_NONE)
        return &self->base;
    close_source(&self->base);
    return NULL;
}
