#include <errno.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/doctor.h"
#include "common/base/disk_space.h"
#include "common/base/uri.h"
#include "common/store/auth_settings.h"
#include "common/store/uri.h"
#include "common/store/webhooks.h"

#define MEBIBYTE (1024 * 1024)

/* --- Its files --- */

static struct sv name_of_user(struct doctor *doctor, uid_t uid)
{
    struct passwd entry, *found = NULL;
    char *text = arena_alloc(doctor->arena, 4096);
    if (getpwuid_r(uid, &entry, text, 4096, &found) == 0 && found)
        return doctor_text(doctor, "%s", entry.pw_name);
    return doctor_text(doctor, "%lld", (long long)uid);
}

static void check_owner(struct doctor *doctor, const struct stat *database)
{
    uid_t own = geteuid();
    if (own == database->st_uid || own == 0)
        return;
    doctor_say(doctor, FINDING_PROBLEM, "rights",
               doctor_text(doctor, "The database belongs to %.*s, not to you (%.*s).",
                           SV_ARG(name_of_user(doctor, database->st_uid)), SV_ARG(name_of_user(doctor, own))),
               doctor_text(doctor, "call this as the server's user: sudo -u %.*s tracklight doctor",
                           SV_ARG(name_of_user(doctor, database->st_uid))));
}

/* What somebody else made beside the database, often root by a command, the server cannot use. */
static void check_companions(struct doctor *doctor, const struct stat *database)
{
    static const char *const endings[] = {"-wal", "-shm", "-lock", "-worker", "-jobs", ".session-key"};
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        const char *path =
            arena_cstr(doctor->arena, doctor_text(doctor, "%.*s%s", SV_ARG(doctor->database), endings[i]));
        struct stat info;
        if (lstat(path, &info) == 0 && info.st_uid != database->st_uid)
            doctor_say(
                doctor, FINDING_PROBLEM, "rights",
                doctor_text(doctor, "%s belongs to %.*s, the database to %.*s.", path,
                            SV_ARG(name_of_user(doctor, info.st_uid)),
                            SV_ARG(name_of_user(doctor, database->st_uid))),
                doctor_text(doctor, "chown %.*s %s", SV_ARG(name_of_user(doctor, database->st_uid)), path));
    }
}

static void check_key(struct doctor *doctor, struct sv file, bool strict)
{
    const char *path = arena_cstr(doctor->arena, file);
    struct stat info;
    if (stat(path, &info) == 0 && info.st_mode & 077)
        doctor_say(doctor, strict ? FINDING_PROBLEM : FINDING_WARNING, "rights",
                   doctor_text(doctor, "%s is a secret, but others than its owner may read it (mode %03o).",
                               path, (unsigned)info.st_mode & 0777),
                   doctor_text(doctor, "chmod 600 %s", path));
}

static void check_keys(struct doctor *doctor)
{
    const struct settings *settings = &doctor->config.settings;
    struct error error = {.code = ERROR_NONE};
    struct sv uri =
        settings->registry_store_uri.len ? settings->registry_store_uri : settings->backend_store_uri;
    struct sv path;
    if (webhook_key_path(doctor->arena, &error, uri, &path) == OK)
        check_key(doctor, path, true);
    check_key(doctor, doctor_text(doctor, "%.*s.session-key", SV_ARG(doctor->database)), true);
    if (settings->jobs_worker_token_file.len)
        check_key(doctor, settings->jobs_worker_token_file, true);
}

static void check_rights(struct doctor *doctor)
{
    const char *path = arena_cstr(doctor->arena, doctor->database);
    unsigned before = doctor->problems + doctor->warnings;
    struct stat info;
    if (stat(path, &info) != 0)
        return;
    check_owner(doctor, &info);
    check_companions(doctor, &info);
    if (info.st_mode & 007)
        doctor_say(doctor, FINDING_WARNING, "rights",
                   doctor_text(doctor, "Everybody may read the database (mode %03o).",
                               (unsigned)info.st_mode & 0777),
                   doctor_text(doctor, "chmod o-rwx %s", path));
    check_keys(doctor);
    if (before == doctor->problems + doctor->warnings)
        doctor_say(doctor, FINDING_OK, "rights", SV("Database and keys are for their owner only."),
                   SV_ABSENT);
}

/* --- Its folder --- */

static const char *folder_of(struct doctor *doctor)
{
    size_t len = doctor->database.len;
    while (len > 1 && doctor->database.data[len - 1] != '/')
        len--;
    return len ? arena_cstr(doctor->arena, sv_first(doctor->database, len)) : ".";
}

static void check_folder(struct doctor *doctor)
{
    const char *folder = folder_of(doctor);
    int64_t bytes;
    if (access(folder, W_OK | X_OK) != 0)
        doctor_say(doctor, FINDING_PROBLEM, "folder",
                   doctor_text(doctor, "The folder of the database, %s, cannot be written to: %s.", folder,
                               strerror(errno)),
                   doctor_text(doctor, "install -d -o USER -m 750 %s, with the server's user", folder));
    if (!disk_space_free(folder, &bytes))
        return;
    static const enum finding findings[] = {[DISK_SPACE_ENOUGH] = FINDING_OK,
                                            [DISK_SPACE_LOW] = FINDING_WARNING,
                                            [DISK_SPACE_OUT] = FINDING_PROBLEM};
    enum disk_space space = disk_space_judge(bytes, 0);
    doctor_say(doctor, findings[space], "disk",
               doctor_text(doctor, "%lld MiB are free for the database.", (long long)(bytes / MEBIBYTE)),
               space == DISK_SPACE_ENOUGH
                   ? SV_ABSENT
                   : SV("tracklight gc --older-than 30d; tracklight db stats shows what is large."));
}

/* --- The database --- */

static void open_database(struct doctor *doctor)
{
    struct error error = {.code = ERROR_NONE};
    const struct db_options options = {
        .path = doctor->database, .max_readers = 1, .write_timeout_ms = 2000, .read_timeout_ms = 60000};
    struct stat info;
    if (stat(arena_cstr(doctor->arena, doctor->database), &info) != 0 && errno == ENOENT) {
        doctor_say(
            doctor, FINDING_PROBLEM, "database",
            doctor_text(doctor, "There is no database %.*s.", SV_ARG(doctor->database)),
            SV("start the server, which makes it, or tracklight db upgrade; or correct backend_store_uri."));
        return;
    }
    doctor->store.db = db_open(&options, doctor->arena, &error);
    if (!doctor->store.db)
        doctor_say(doctor, FINDING_PROBLEM, "database",
                   error.detail.len
                       ? doctor_text(doctor, "%.*s (%.*s)", SV_ARG(error.message), SV_ARG(error.detail))
                       : error.message,
                   SV("if it is damaged, stop the server, and tracklight db restore BACKUP; "
                      "docs/operations.md says more."));
}

static void check_content(struct doctor *doctor)
{
    struct error error = {.code = ERROR_NONE};
    struct sv problem = SV_ABSENT;
    struct db_info info;
    if (db_quick_check(doctor->store.db, doctor->arena, &error, &problem) != OK)
        problem = error.message;
    if (problem.data) {
        doctor_say(doctor, FINDING_PROBLEM, "database",
                   doctor_text(doctor, "It is damaged: %.*s", SV_ARG(problem)),
                   SV("stop the server, and tracklight db restore BACKUP; tracklight db check says more."));
    } else if (db_info(doctor->store.db, doctor->arena, &error, &info) == OK) {
        doctor_say(doctor, FINDING_OK, "database",
                   doctor_text(doctor, "%.*s can be read, has schema version %lld and no visible damage.",
                               SV_ARG(doctor->database), (long long)info.schema_version),
                   SV_ABSENT);
    }
}

static void check_turn(struct doctor *doctor)
{
    struct error error = {.code = ERROR_NONE};
    struct store_tx *tx = store_begin(&doctor->store, DB_WRITE, doctor->arena, &error);
    if (tx)
        store_rollback(tx);
    else
        doctor_say(doctor, FINDING_PROBLEM, "database",
                   doctor_text(doctor, "It cannot be written: %.*s (%.*s)", SV_ARG(error.message),
                               SV_ARG(error.detail)),
                   SV("look with fuser or lsof for who holds it, and at the rights above."));
}

void doctor_database(struct doctor *doctor)
{
    struct error error = {.code = ERROR_NONE};
    struct sv path;
    if (store_uri_path(doctor->arena, &error, doctor->config.settings.backend_store_uri, &path) != OK) {
        doctor_say(doctor, FINDING_PROBLEM, "database", error.message, SV("correct backend_store_uri."));
        return;
    }
    doctor->database = path_absolute(doctor->arena, doctor->directory, path);
    check_folder(doctor);
    check_rights(doctor);
    open_database(doctor);
    if (!doctor->store.db)
        return;
    check_content(doctor);
    check_turn(doctor);
}
