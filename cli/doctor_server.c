#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/doctor.h"
#include "cli/fastcgi_ask.h"
#include "common/base/worker_mark.h"
#include "common/net/http_client.h"
#include "common/security/security.h"

#define ANSWER_MAX 4096

/* --- Sockets --- */

static void check_socket(struct doctor *doctor, const char *name)
{
    const char *path = arena_cstr(doctor->arena, doctor_text(doctor, "%s/%s.sock", doctor->sockets, name));
    struct sv problem = SV_ABSENT;
    struct stat info;
    if (stat(path, &info) != 0 || !S_ISSOCK(info.st_mode))
        return;
    if (info.st_mode & S_IWOTH)
        doctor_say(doctor, FINDING_PROBLEM, "sockets",
                   doctor_text(doctor, "Everybody on this machine may speak to %s, and say who he is.", path),
                   doctor_text(doctor, "chmod o-w %s, and SocketMode=0660 in its unit", path));
    int status = fastcgi_ask(path, "/health", doctor->arena, &problem);
    if (status)
        doctor_say(doctor, FINDING_OK, "sockets", doctor_text(doctor, "The program at %s answers.", path),
                   SV_ABSENT);
    else
        doctor_say(doctor, FINDING_PROBLEM, "sockets",
                   doctor_text(doctor, "The program at %s does not answer: %.*s.", path, SV_ARG(problem)),
                   doctor_text(doctor,
                               "systemctl restart tracklight-%s, and look into journalctl -u tracklight-%s",
                               name, name));
}

/* --- A running server --- */

struct answer {
    enum http_outcome outcome;
    int status;
    struct sv text;
};

static struct answer ask(struct doctor *doctor, struct http_client *client, const char *path)
{
    size_t len = strlen(doctor->url);
    while (len > 0 && doctor->url[len - 1] == '/')
        len--;
    const struct http_call call = {
        .method = SV("GET"),
        .url = doctor_text(doctor, "%.*s%s", (int)len, doctor->url, path),
        .connect_ms = 5000,
        .first_byte_ms = 15000,
        .total_ms = 20000,
    };
    struct http_reply reply = {0};
    struct answer answer = {.outcome = http_begin(client, &call, &reply), .text = SV("")};
    answer.status = reply.status;
    char *bytes = arena_alloc(doctor->arena, ANSWER_MAX);
    size_t got = 0;
    for (long count = 1; answer.outcome == HTTP_OK && got < ANSWER_MAX && count > 0;
         got += count > 0 ? (size_t)count : 0)
        count = http_read(client, bytes + got, ANSWER_MAX - got, -1);
    answer.text = (struct sv){bytes, got};
    return answer;
}

static const char *outcome_text(enum http_outcome outcome)
{
    switch (outcome) {
    case HTTP_NOT_REACHED:
        return "nobody can be reached there";
    case HTTP_TIMED_OUT:
        return "there is no answer in time";
    case HTTP_UNTRUSTED:
        return "its certificate is not good";
    case HTTP_MISUSED:
        return "that is no URL of a server";
    default:
        return "what answers is no web server";
    }
}

static void judge_rules(struct doctor *doctor, const struct answer *answer)
{
    if (answer->outcome != HTTP_OK)
        return;
    if (answer->status == 403 && sv_starts_with(answer->text, SV(HOST_REFUSED_TEXT)))
        doctor_say(
            doctor, FINDING_PROBLEM, "server",
            doctor_text(doctor, "%s refuses requests for its own name.", doctor->url),
            SV("add the name to allowed_hosts, and systemctl reload tracklight-tracking (and the others)."));
    else if (answer->status == 200 || answer->status == 401)
        doctor_say(doctor, FINDING_OK, "server",
                   doctor_text(doctor, "%s answers clients%s.", doctor->url,
                               answer->status == 401 ? " that log in" : ""),
                   SV_ABSENT);
    else
        doctor_say(
            doctor, FINDING_PROBLEM, "server",
            doctor_text(doctor, "%s answers a search for experiments with %d.", doctor->url, answer->status),
            SV("look into the log of the server, and of the web server."));
}

static void check_url(struct doctor *doctor)
{
    struct http_client *client = http_client_new();
    if (!client)
        return;
    struct answer answer = ask(doctor, client, "/health");
    if (answer.outcome != HTTP_OK)
        doctor_say(doctor, FINDING_PROBLEM, "server",
                   doctor_text(doctor, "%s cannot be asked: %s.", doctor->url, outcome_text(answer.outcome)),
                   SV("start the server: tracklight server, or systemctl start tracklight.target and the web "
                      "server."));
    else if (answer.status != 200 || !sv_equal(answer.text, SV("OK")))
        doctor_say(doctor, FINDING_PROBLEM, "server",
                   doctor_text(doctor, "%s/health answers %d, which is not Tracklight's.", doctor->url,
                               answer.status),
                   SV("see that the web server hands the path to tracking.fcgi: docs/deployment.md."));
    else {
        answer = ask(doctor, client, "/api/2.0/mlflow/experiments/search?max_results=1");
        judge_rules(doctor, &answer);
    }
    http_client_free(client);
}

/* --- The worker --- */

static void check_worker(struct doctor *doctor)
{
    if (worker_mark_is_held(doctor->database))
        doctor_say(doctor, FINDING_OK, "worker", SV("A worker works on the database."), SV_ABSENT);
    else
        doctor_say(
            doctor, FINDING_WARNING, "worker",
            SV("No worker works on the database: nobody delivers webhooks, indexes spans, or runs jobs."),
            SV("systemctl enable --now tracklight-worker, or tracklight worker --once in cron; `tracklight "
               "server` has one of its own."));
}

void doctor_server(struct doctor *doctor)
{
    static const char *const names[] = {"tracking", "artifacts", "gateway", "jobs"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        check_socket(doctor, names[i]);
    if (doctor->url)
        check_url(doctor);
    if (doctor->store.db)
        check_worker(doctor);
}
