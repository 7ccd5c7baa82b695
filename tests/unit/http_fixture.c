#include "tests/unit/http_fixture.h"

#include <stdlib.h>
#include <string.h>

struct echo_in {
    struct sv text;
};
static const struct field echo_fields[] = {FIELD(struct echo_in, text, STRING, .required = true), FIELDS_END};

static enum status echo(struct request *request, const void *in)
{
    const struct echo_in *input = in;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_put_string_field(json, "text", input->text);
    json_end_object(json);
    return OK;
}

struct number_in {
    struct opt_int64 number;
};
static const struct field number_fields[] = {FIELD(struct number_in, number, INT64), FIELDS_END};

static enum status fail_with_code(struct request *request, const void *in)
{
    const struct number_in *input = in;
    reply_text(request, 200, "text/plain", SV("half a reply"));
    return fail(request, (enum error_code)input->number.value, "said on purpose");
}

static enum status eat_memory(struct request *request, const void *in)
{
    (void)in;
    for (size_t i = 0; i <= REQUEST_MEMORY_LIMIT / (32 * 1024 * 1024); i++)
        arena_alloc(request->arena, 32 * 1024 * 1024);
    return reply_empty(request);
}

static enum status stream(struct request *request, const void *in)
{
    const struct number_in *input = in;
    request->reply.status = 200;
    request->reply.content_type = "text/plain";
    for (int64_t page = 0; page < input->number.value; page++) {
        buffer_printf(&request->reply.body, "page %lld\n", (long long)page);
        if (reply_drain(request, true) != OK)
            return FAILED;
    }
    return OK;
}

static enum status silent(struct request *request, const void *in)
{
    (void)request;
    (void)in;
    return OK;
}

static enum status health(struct request *request, const void *in)
{
    (void)in;
    return reply_text(request, 200, "text/html", SV("OK"));
}

static const struct operation rows[] = {
    {"echo", "test", METHOD_POST, ROOT_API_2, "/echo", echo, ACCESS_WRITE, NEEDS(ANY, NONE),
     .input = INPUT(struct echo_in, echo_fields), .body_limit = 1000},
    {"fail", "test", METHOD_GET, ROOT_API_2, "/fail", fail_with_code, ACCESS_READ, NEEDS(ANY, NONE),
     .input = INPUT(struct number_in, number_fields)},
    {"failDetail", "test", METHOD_GET, ROOT_API_2, "/fail-detail", fail_with_code, ACCESS_READ,
     NEEDS(ANY, NONE), .input = INPUT(struct number_in, number_fields), .error_shape = ERROR_DETAIL},
    {"eatMemory", "test", METHOD_GET, ROOT_API_2, "/eat-memory", eat_memory, ACCESS_READ, NEEDS(ANY, NONE)},
    {"stream", "test", METHOD_GET, ROOT_API_2, "/stream", stream, ACCESS_STREAM_READ, NEEDS(ANY, NONE),
     .input = INPUT(struct number_in, number_fields)},
    {"silent", "test", METHOD_GET, ROOT_API_2, "/silent", silent, ACCESS_NONE, NEEDS(ANY, NONE)},
    {"item", "test", METHOD_GET, ROOT_API_2, "/items/{id}", silent, ACCESS_NONE, NEEDS(ANY, NONE)},
    {"health", "test", METHOD_GET, ROOT_PREFIXED, "/health", health, ACCESS_NONE, NEEDS(PUBLIC, NONE),
     .never_artifacts_only = true},
    {.path = NULL},
};
static const struct operation *const tables[] = {rows, NULL};
const struct program fixture_program = {.name = "test", .tables = tables};

char fixture_transactions[64];
bool fixture_commit_fails;
unsigned fixture_good_commits;

static struct error *error_of_transaction;
static struct arena *arena_of_transaction;

static void note(char event)
{
    size_t len = strlen(fixture_transactions);
    if (len + 1 < sizeof(fixture_transactions))
        fixture_transactions[len] = event;
}

static enum status begin(void *context, const struct operation *operation, enum access access,
                         struct arena *arena, struct error *error, void **transaction)
{
    (void)context;
    (void)operation;
    (void)access;
    note('b');
    error_of_transaction = error;
    arena_of_transaction = arena;
    *transaction = fixture_transactions;
    return OK;
}

static enum status commit(void *transaction)
{
    (void)transaction;
    note('c');
    if (fixture_commit_fails && fixture_good_commits)
        fixture_good_commits--;
    else if (fixture_commit_fails)
        return error_set(error_of_transaction, arena_of_transaction, TEMPORARILY_UNAVAILABLE,
                         "the disk is full");
    return OK;
}

static void rollback(void *transaction)
{
    (void)transaction;
    note('r');
}

struct server *fixture_server(const char *static_prefix, bool artifacts_only)
{
    struct arena *arena = arena_new(64 * 1024);
    struct sv problem;
    struct security_settings rules = {.frame_options = SV("SAMEORIGIN")};
    struct server_options options = {
        .program = &fixture_program,
        .hooks = {begin, commit, rollback},
        .settings = {.static_prefix = sv_from(static_prefix),
                     .artifacts_only = artifacts_only,
                     .threads = 4,
                     .security = security_new(&rules, arena, &problem)},
    };
    arena_free(arena);
    memset(fixture_transactions, 0, sizeof(fixture_transactions));
    fixture_commit_fails = false;
    fixture_good_commits = 0;
    return server_new(&options);
}
