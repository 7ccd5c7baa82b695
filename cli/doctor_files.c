#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "cli/installation.h"
#include "common/artifacts/repository.h"
#include "common/artifacts/resolve.h"
#include "common/artifacts/s3_settings.h"
#include "common/base/disk_space.h"
#include "common/http/conditional.h"
#include "common/net/http_client.h"

#define MEBIBYTE    (1024 * 1024)
#define SKEW_MOST_S 300 /* AWS refuses signatures that are fifteen minutes off */
#define SKEW_MUCH_S 30

/* --- Artifacts in a folder --- */

static void check_local(struct doctor *doctor, struct sv root)
{
    const char *path = arena_cstr(doctor->arena, root);
    int64_t bytes;
    if (access(path, R_OK | W_OK | X_OK) != 0) {
        bool missing = errno == ENOENT;
        doctor_say(
            doctor, missing ? FINDING_WARNING : FINDING_PROBLEM, "artifacts",
            missing ? doctor_text(doctor, "The folder %s is not there yet; the first upload makes it.", path)
                    : doctor_text(doctor, "The folder %s cannot be used: %s.", path, strerror(errno)),
            missing ? SV("correct artifacts_destination, if there are artifacts already.")
                    : doctor_text(doctor, "chown -R USER %s, with the server's user", path));
        return;
    }
    if (!disk_space_free(path, &bytes))
        return;
    static const enum finding findings[] = {[DISK_SPACE_ENOUGH] = FINDING_OK,
                                            [DISK_SPACE_LOW] = FINDING_WARNING,
                                            [DISK_SPACE_OUT] = FINDING_PROBLEM};
    enum disk_space space = disk_space_judge(bytes, doctor->config.settings.artifacts_free_space_limit);
    doctor_say(doctor, findings[space], "artifacts",
               doctor_text(doctor, "%s can be written to, and %lld MiB are free.", path,
                           (long long)(bytes / MEBIBYTE)),
               space == DISK_SPACE_ENOUGH ? SV_ABSENT
                                          : SV("tracklight gc --older-than 30d, or a larger disk."));
}

/* --- Artifacts on S3 --- */

static bool time_of_s3(struct doctor *doctor, const struct s3_settings *s3, int64_t *seconds)
{
    struct http_client *client = http_client_new();
    struct http_reply reply;
    struct sv url = s3->endpoint.data
                        ? doctor_text(doctor, "%.*s/", SV_ARG(s3->endpoint))
                        : doctor_text(doctor, "https://s3.%.*s.amazonaws.com/", SV_ARG(s3->region));
    const struct http_call call = {
        .method = SV("HEAD"),
        .url = url,
        .connect_ms = 5000,
        .first_byte_ms = 10000,
        .total_ms = 15000,
        .ca_file = s3->ca_file,
        .trust_anybody = s3->trust_anybody,
    };
    bool told = client && http_begin(client, &call, &reply) == HTTP_OK &&
                http_date_parse(http_header(client, SV("date")), seconds);
    if (client)
        http_client_free(client);
    return told;
}

static void check_clock(struct doctor *doctor, const struct s3_settings *s3)
{
    int64_t theirs;
    if (!time_of_s3(doctor, s3, &theirs))
        return;
    int64_t skew = (int64_t)time(NULL) - theirs;
    skew = skew < 0 ? -skew : skew;
    doctor_say(doctor,
               skew > SKEW_MOST_S   ? FINDING_PROBLEM
               : skew > SKEW_MUCH_S ? FINDING_WARNING
                                    : FINDING_OK,
               "clock",
               doctor_text(doctor, "This machine's clock and that of the S3 server are %lld s apart.",
                           (long long)skew),
               skew > SKEW_MUCH_S ? SV("timedatectl set-ntp true") : SV_ABSENT);
}

/* A name that nothing has is as good as any: what matters is whether there is an answer. */
static void check_s3(struct doctor *doctor, struct sv root)
{
    static const struct repository_settings settings = {0};
    struct error error = {.code = ERROR_NONE};
    struct repository *repository;
    struct artifact_info info;
    struct s3_settings s3;
    if (s3_settings_read(&s3, doctor->arena, &error) == OK)
        check_clock(doctor, &s3);
    error_clear(&error);
    enum status status = repository_open(&settings, doctor->arena, &error, root, &repository);
    if (status == OK) {
        status = repository->kind->stat(repository, SV("tracklight-doctor"), &info);
        repository->kind->end(repository);
    }
    if (status == OK || error.code == RESOURCE_DOES_NOT_EXIST)
        doctor_say(doctor, FINDING_OK, "artifacts", doctor_text(doctor, "%.*s answers.", SV_ARG(root)),
                   SV_ABSENT);
    else
        doctor_say(doctor, FINDING_PROBLEM, "artifacts",
                   doctor_text(doctor, "%.*s cannot be used: %.*s%s%.*s", SV_ARG(root), SV_ARG(error.message),
                               error.detail.len ? " " : "", SV_ARG(error.detail)),
                   SV("see docs/s3.md for MLFLOW_S3_ENDPOINT_URL, AWS_ACCESS_KEY_ID and the others."));
}

static void check_artifacts(struct doctor *doctor)
{
    const struct settings *settings = &doctor->config.settings;
    const struct artifact_settings artifacts = {
        .serve_artifacts = true,
        .destination = settings->artifacts_destination,
        .working_directory = doctor->directory,
    };
    if (!settings->serve_artifacts)
        return;
    struct artifact_place place = artifact_destination(&artifacts, doctor->arena);
    if (sv_starts_with(place.root, SV("/")))
        check_local(doctor, place.root);
    else
        check_s3(doctor, place.root);
}

/* --- Programs --- */

static void check_programs(struct doctor *doctor)
{
    static const char *const names[] = {"tracking.fcgi", "artifacts.fcgi", "gateway.fcgi", "jobs.fcgi"};
    struct installation installation;
    bool complete = true;
    installation_find(&installation, doctor->arena);
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (installation_program(&installation, doctor->arena, names[i]))
            continue;
        complete = false;
        doctor_say(doctor, FINDING_PROBLEM, "programs",
                   doctor_text(doctor, "%s is not where this command looks for it.", names[i]),
                   SV("install the whole suite: make install, or the Debian packages."));
    }
    if (complete)
        doctor_say(doctor, FINDING_OK, "programs", SV("All programs of the suite are there."), SV_ABSENT);
    if (installation.web_server)
        doctor_say(doctor, FINDING_OK, "web server",
                   doctor_text(doctor, "%s is there for `tracklight server`.", installation.web_server),
                   SV_ABSENT);
    else
        doctor_say(doctor, FINDING_WARNING, "web server",
                   SV("There is no lighttpd, which `tracklight server` needs. Other web servers do not."),
                   SV("apt install lighttpd"));
}

static void check_metrics(struct doctor *doctor)
{
    struct sv directory = doctor->config.settings.expose_prometheus;
    if (!directory.len || access(arena_cstr(doctor->arena, directory), W_OK | X_OK) == 0 || errno == ENOENT)
        return;
    doctor_say(
        doctor, FINDING_PROBLEM, "metrics",
        doctor_text(doctor, "The folder %.*s cannot be written to: %s.", SV_ARG(directory), strerror(errno)),
        doctor_text(doctor, "install -d -o USER -m 700 %.*s, with the server's user", SV_ARG(directory)));
}

void doctor_files(struct doctor *doctor)
{
    check_artifacts(doctor);
    check_programs(doctor);
    check_metrics(doctor);
}
