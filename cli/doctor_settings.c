#include <string.h>
#include <sys/stat.h>

#include "cli/doctor.h"
#include "cli/worker_retention.h"
#include "common/jobs/types.h"
#include "common/security/envelope.h"
#include "common/security/security.h"
#include "common/store/auth_settings.h"
#include "common/store/statistics.h"
#include "common/store/users.h"

/* --- The file --- */

static bool is_secret(const char *name)
{
    static const char *const names[] = {"admin_password", "session_secret_key", "crypto_kek_passphrase",
                                        "webhook_secret_encryption_key", "jobs_worker_token"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcmp(name, names[i]) == 0)
            return true;
    }
    return false;
}

static void check_file(struct doctor *doctor)
{
    struct stat info;
    const char *path = doctor->config.file.data ? arena_cstr(doctor->arena, doctor->config.file) : NULL;
    if (!path || stat(path, &info) != 0)
        return;
    if (info.st_mode & S_IWOTH)
        doctor_say(doctor, FINDING_PROBLEM, "settings", SV("Everybody may change the file of settings."),
                   doctor_text(doctor, "chmod o-w %s", path));
    for (size_t i = 0; i < setting_count && info.st_mode & S_IROTH; i++) {
        if (doctor->config.sources[i] != SETTING_FILE || !is_secret(setting_table[i].name))
            continue;
        doctor_say(doctor, FINDING_PROBLEM, "settings",
                   doctor_text(doctor, "Everybody may read the file of settings, which holds %s.",
                               setting_table[i].name),
                   doctor_text(doctor, "chmod o-r %s", path));
        return;
    }
}

/* --- Who may ask --- */

static bool is_loopback(struct sv host)
{
    return sv_starts_with(host, SV("127.")) || sv_equal(host, SV("::1")) || sv_equal(host, SV("localhost"));
}

static bool allows_everybody(struct sv list)
{
    while (list.data) {
        if (sv_equal(sv_trim(sv_cut(&list, ',')), SV("*")))
            return true;
    }
    return false;
}

static void check_hosts(struct doctor *doctor)
{
    const struct settings *settings = &doctor->config.settings;
    const struct security_settings rules = {
        .allowed_hosts = settings->allowed_hosts,
        .allowed_origins = settings->cors_allowed_origins,
        .frame_options = settings->x_frame_options,
    };
    struct sv problem = SV_ABSENT;
    struct security *security = security_new(&rules, doctor->arena, &problem);
    bool open = !is_loopback(settings->host);
    if (!security)
        doctor_say(doctor, FINDING_PROBLEM, "hosts", problem,
                   SV("correct allowed_hosts or cors_allowed_origins."));
    else if (settings->disable_security_middleware)
        doctor_say(
            doctor, FINDING_PROBLEM, "hosts",
            SV("The checks of Host and Origin are off: every web page that a user opens can use the server."),
            SV("remove disable_security_middleware."));
    else if (allows_everybody(settings->allowed_hosts))
        doctor_say(doctor, FINDING_WARNING, "hosts",
                   SV("Requests for any Host are answered, which DNS rebinding needs."),
                   SV("name the server's own names in allowed_hosts."));
    else if (open && !settings->allowed_hosts.len)
        doctor_say(doctor, FINDING_WARNING, "hosts",
                   SV("The server listens beyond this machine, but answers only requests for localhost and "
                      "private addresses, not for a name."),
                   SV("set allowed_hosts to the name that clients use, such as tracking.example.org."));
    else
        doctor_say(doctor, FINDING_OK, "hosts", SV("The rules about Host and Origin make sense."), SV_ABSENT);
    if (allows_everybody(settings->cors_allowed_origins))
        doctor_say(doctor, FINDING_WARNING, "origins", SV("Every web page may use the server."),
                   SV("name the pages in cors_allowed_origins."));
    if (security)
        security_free(security);
}

static void check_access(struct doctor *doctor)
{
    const struct settings *settings = &doctor->config.settings;
    if (auth_is_on(settings))
        return;
    if (!is_loopback(settings->host) && settings->trust_remote_user.len == 0)
        return;
    doctor_say(doctor, is_loopback(settings->host) ? FINDING_OK : FINDING_WARNING, "users",
               is_loopback(settings->host)
                   ? SV("There are no users: whoever reaches the server may do everything.")
                   : SV("The server listens beyond this machine, and whoever reaches it may do everything."),
               is_loopback(settings->host)
                   ? SV_ABSENT
                   : SV("set app_name = basic-auth, and tracklight user add --admin NAME."));
}

/* --- Others --- */

static void check_rules(struct doctor *doctor)
{
    struct retention_rules rules;
    struct sv problem = SV_ABSENT;
    if (!retention_rules_from(&doctor->config.settings, doctor->arena, &rules, &problem))
        doctor_say(doctor, FINDING_PROBLEM, "retention", problem,
                   SV("correct it; the worker does not start like that."));
}

static void check_jobs(struct doctor *doctor)
{
    const struct settings *settings = &doctor->config.settings;
    struct job_types types;
    struct sv problem = SV_ABSENT;
    if (!settings->enable_jobs)
        return;
    if (job_types_from_settings(&types, doctor->arena, settings, doctor->config.file, &problem))
        doctor_say(doctor, FINDING_OK, "jobs", SV("The types of jobs make sense."), SV_ABSENT);
    else
        doctor_say(doctor, FINDING_PROBLEM, "jobs", problem,
                   SV("correct it; `tracklight jobs types` shows what is read."));
}

void doctor_settings(struct doctor *doctor)
{
    check_file(doctor);
    check_hosts(doctor);
    check_access(doctor);
    check_rules(doctor);
    check_jobs(doctor);
}

/* --- With the database --- */

static void check_secrets(struct doctor *doctor)
{
    struct error error = {.code = ERROR_NONE};
    int64_t count = 0;
    struct store_tx *tx = store_begin(&doctor->store, DB_READ, doctor->arena, &error);
    enum status status = tx ? store_secret_count(tx, &count) : FAILED;
    if (tx)
        store_rollback(tx);
    if (status != OK || count == 0)
        return;
    if (doctor->config.settings.crypto_kek_passphrase.len)
        doctor_say(doctor, FINDING_OK, "gateway",
                   SV("The keys of providers are under a passphrase of your own."), SV_ABSENT);
    else
        doctor_say(doctor, FINDING_PROBLEM, "gateway",
                   doctor_text(doctor,
                               "%lld keys of providers are under the passphrase that everybody knows.",
                               (long long)count),
                   SV("tracklight crypto rotate-kek, which says what to set then."));
}

static bool have_admin(struct store *store, struct arena *arena, bool *have)
{
    struct error error = {.code = ERROR_NONE};
    struct store_tx *tx = store_begin(store, DB_READ, arena, &error);
    enum status status = tx ? users_have_admin(tx, have) : FAILED;
    if (tx)
        store_rollback(tx);
    return status == OK;
}

static void check_admin(struct doctor *doctor, struct store *users, const struct auth_settings *auth)
{
    bool have = false;
    if (!have_admin(users, doctor->arena, &have))
        doctor_say(doctor, FINDING_PROBLEM, "users", SV("The users cannot be read."),
                   SV("tracklight db check"));
    else if (have || auth->admin_username.len)
        doctor_say(doctor, FINDING_OK, "users", SV("Users log in, and there is an administrator."),
                   SV_ABSENT);
    else
        doctor_say(doctor, FINDING_PROBLEM, "users",
                   SV("Users log in, but there is no administrator: nobody can manage users."),
                   SV("tracklight user add --admin NAME"));
}

static void check_users(struct doctor *doctor)
{
    const struct settings *settings = &doctor->config.settings;
    struct auth_settings auth;
    struct error error = {.code = ERROR_NONE};
    struct sv problem = SV_ABSENT;
    struct store other = {0};
    struct db_options options = {.max_readers = 1, .write_timeout_ms = 1000, .read_timeout_ms = 10000};
    if (!auth_is_on(settings))
        return;
    if (!auth_settings_load(settings, doctor->arena, &auth, &problem)) {
        doctor_say(doctor, FINDING_PROBLEM, "users", problem, SV("correct it, or app_name."));
        return;
    }
    if (auth_database(settings, &auth, doctor->arena, &error, &options.path) != OK) {
        doctor_say(doctor, FINDING_PROBLEM, "users", error.message, SV("correct database_uri."));
        return;
    }
    if (doctor->store.db && sv_equal(options.path, doctor->database)) {
        check_admin(doctor, &doctor->store, &auth);
        return;
    }
    other.db = db_open(&options, doctor->arena, &error);
    if (!other.db) {
        doctor_say(doctor, FINDING_PROBLEM, "users", error.message,
                   SV("tracklight user add --admin NAME, which makes the database."));
        return;
    }
    check_admin(doctor, &other, &auth);
    db_close(other.db);
}

void doctor_contents(struct doctor *doctor)
{
    check_users(doctor);
    if (doctor->store.db)
        check_secrets(doctor);
}
