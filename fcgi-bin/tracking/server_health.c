#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "common/base/clock.h"
#include "common/base/disk_space.h"
#include "common/base/worker_mark.h"
#include "common/http/url.h"
#include "common/store/outbox.h"
#include "common/store/span_index.h"
#include "common/store/uri.h"
#include "fcgi-bin/auth.h"
#include "fcgi-bin/tracking/tracking.h"

/* GET /health: "OK", for probes that ask every second. With ?full=1, what is wrong with the server, for
 * administrators and for those who watch it. */

#define SLOW_US    1000000
#define OVERDUE_MS (10 * 60 * 1000)
#define SPANS_MANY 200000
#define MEBIBYTE   (1024 * 1024)

enum condition { CONDITION_OK, CONDITION_WARNING, CONDITION_FAILED };

struct report {
    struct request *request;
    struct json_writer *json;
    enum condition worst;
};

static void tell(struct report *report, const char *check, enum condition condition, struct sv message)
{
    static const char *const names[] = {"ok", "warning", "failed"};
    json_begin_object(report->json);
    json_put_string_field(report->json, "name", sv_from(check));
    json_put_string_field(report->json, "status", sv_from(names[condition]));
    json_put_string_field(report->json, "message", message);
    json_end_object(report->json);
    if (condition > report->worst)
        report->worst = condition;
}

/* --- The database --- */

/* Each of the two waits its turn like any other, and leaves no trace. */
static enum status probe(struct report *report, enum access access, int64_t *elapsed_us)
{
    int64_t began_us = clock_monotonic_us();
    enum status status = request_begin(report->request, access);
    if (status == OK && access == ACCESS_READ) {
        struct span_index_state state;
        status = span_index_state(request_tx(report->request), &state);
    }
    if (report->request->transaction)
        request_rollback(report->request);
    *elapsed_us = clock_monotonic_us() - began_us;
    return status;
}

static void check_database(struct report *report)
{
    struct request *request = report->request;
    int64_t read_us, write_us;
    if (probe(report, ACCESS_READ, &read_us) != OK || probe(report, ACCESS_WRITE, &write_us) != OK) {
        struct sv message =
            arena_printf(request->arena, "The database cannot be used: %.*s", SV_ARG(request->error.message));
        error_clear(&request->error);
        tell(report, "database", CONDITION_FAILED, message);
    } else if (read_us > SLOW_US || write_us > SLOW_US) {
        tell(report, "database", CONDITION_WARNING,
             arena_printf(request->arena,
                          "The database is slow: a read began after %" PRId64 " ms, a write after %" PRId64
                          " ms.",
                          read_us / 1000, write_us / 1000));
    } else {
        tell(report, "database", CONDITION_OK, SV("The database can be read, and written in its turn."));
    }
}

/* --- Disks --- */

static void check_space(struct report *report, const char *check, struct sv path, int64_t reserved)
{
    struct arena *arena = report->request->arena;
    int64_t bytes;
    if (!disk_space_free(arena_cstr(arena, path), &bytes)) {
        bool missing = errno == ENOENT;
        tell(report, check, missing ? CONDITION_OK : CONDITION_FAILED,
             missing ? SV("The folder does not exist yet.")
                     : arena_printf(arena, "The folder cannot be used: %s.", strerror(errno)));
        return;
    }
    static const enum condition conditions[] = {[DISK_SPACE_ENOUGH] = CONDITION_OK,
                                                [DISK_SPACE_LOW] = CONDITION_WARNING,
                                                [DISK_SPACE_OUT] = CONDITION_FAILED};
    static const char *const advice[] = {[DISK_SPACE_ENOUGH] = "",
                                         [DISK_SPACE_LOW] = " Make room soon.",
                                         [DISK_SPACE_OUT] = " Make room now."};
    enum disk_space space = disk_space_judge(bytes, reserved);
    struct sv kept = reserved
                         ? arena_printf(arena, ", %" PRId64 " of which are to stay free", reserved / MEBIBYTE)
                         : SV("");
    tell(report, check, conditions[space],
         arena_printf(arena, "%" PRId64 " MiB are free%.*s.%s", bytes / MEBIBYTE, SV_ARG(kept),
                      advice[space]));
}

static struct sv folder_of(struct sv path)
{
    size_t len = path.len;
    while (len > 0 && path.data[len - 1] != '/')
        len--;
    return len ? sv_first(path, len) : SV(".");
}

static void check_disks(struct report *report, struct sv database)
{
    struct request *request = report->request;
    const struct settings *settings = request_service(request)->settings;
    struct artifact_place place = artifact_destination(request_artifacts(request), request->arena);
    if (database.data)
        check_space(report, "database disk", folder_of(database), 0);
    if (settings->serve_artifacts && sv_starts_with(place.root, SV("/")))
        check_space(report, "artifacts disk", place.root, settings->artifacts_free_space_limit);
}

/* --- The worker --- */

struct waiting {
    int64_t oldest_ms; /* of deliveries; 0: none */
    int64_t spans;
};

static enum status look_for_work(struct request *request, struct waiting *waiting)
{
    const struct outbox_summary *rows;
    struct span_index_state state;
    size_t count;
    *waiting = (struct waiting){0};
    if (request_begin(request, ACCESS_READ) != OK || span_index_state(request_tx(request), &state) != OK ||
        outbox_summarize(request_tx(request), &rows, &count) != OK || request_commit(request) != OK)
        return FAILED;
    waiting->spans = state.newest - state.watermark;
    for (size_t i = 0; i < count; i++) {
        int64_t oldest = rows[i].oldest_waiting_ms;
        if (oldest && (!waiting->oldest_ms || oldest < waiting->oldest_ms))
            waiting->oldest_ms = oldest;
    }
    return OK;
}

static void check_worker(struct report *report, struct sv database)
{
    struct request *request = report->request;
    struct waiting waiting;
    bool runs = worker_mark_is_held(database);
    if (look_for_work(request, &waiting) != OK) {
        error_clear(&request->error);
        tell(report, "worker", CONDITION_WARNING, SV("What waits for the worker could not be looked up."));
        return;
    }
    bool overdue = waiting.oldest_ms && clock_now_ms() - waiting.oldest_ms > OVERDUE_MS;
    if (!runs)
        tell(report, "worker", overdue ? CONDITION_FAILED : CONDITION_WARNING,
             overdue ? SV("No worker runs, and deliveries of webhooks wait. Start `tracklight worker`.")
                     : SV("No worker runs: nobody delivers webhooks, indexes spans, or runs jobs. Start "
                          "`tracklight worker`."));
    else if (waiting.spans > SPANS_MANY)
        tell(report, "worker", CONDITION_WARNING,
             arena_printf(request->arena, "A worker runs, but %" PRId64 " spans wait to be indexed.",
                          waiting.spans));
    else
        tell(report, "worker", CONDITION_OK, SV("A worker runs."));
}

/* --- The operation --- */

static enum status full(struct request *request)
{
    struct service *service = request_service(request);
    struct report report = {.request = request};
    struct error ignored = {.code = ERROR_NONE};
    struct sv database = SV_ABSENT;
    if (service->has_store &&
        store_uri_path(request->arena, &ignored, service->settings->backend_store_uri, &database) != OK)
        database = SV_ABSENT;
    reply_header(request, "cache-control", SV("no-store"));
    report.json = reply_json(request);
    json_begin_object(report.json);
    json_key(report.json, "checks");
    json_begin_array(report.json);
    if (service->has_store)
        check_database(&report);
    check_disks(&report, database);
    if (service->has_store && report.worst != CONDITION_FAILED && database.data)
        check_worker(&report, database);
    json_end_array(report.json);
    json_put_string_field(report.json, "status",
                          report.worst == CONDITION_FAILED    ? SV("failed")
                          : report.worst == CONDITION_WARNING ? SV("warning")
                                                              : SV("ok"));
    json_end_object(report.json);
    if (report.worst == CONDITION_FAILED)
        request->reply.status = 503;
    return OK;
}

static bool wants_full(struct request *request)
{
    struct query_pair *pairs;
    size_t count;
    if (!request->query.len || !query_parse(request->arena, request->query, &pairs, &count))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (sv_equal(pairs[i].name, SV("full")))
            return sv_equal(pairs[i].value, SV("1")) || sv_equal_ignoring_case(pairs[i].value, SV("true"));
    }
    return false;
}

enum status server_health(struct request *request, const void *input)
{
    (void)input;
    if (!wants_full(request))
        return reply_text(request, 200, "text/html", SV("OK"));
    /* Probes are exempt from the rule about hosts, but they do not ask for this. */
    if (!request_host_allowed(request))
        return request_refuse_host(request);
    if (request_auth(request)) {
        if (auth_identify(request) != OK)
            return auth_answered(request);
        if (!request->identity || !request->identity->is_admin)
            return reply_text(request, 200, "text/html", SV("OK"));
    }
    return full(request);
}
