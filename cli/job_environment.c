#include <stdlib.h>
#include <string.h>

#include "cli/job_run.h"

#define MAX_VARIABLE_BYTES (127 * 1024) /* execve(2) takes 128 KiB for one */
#define OWN_VARIABLES      16

struct environment {
    struct arena *arena;
    const char **items;
    size_t count;
};

static bool has(const struct environment *environment, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < environment->count; i++) {
        if (strncmp(environment->items[i], name, len) == 0 && environment->items[i][len] == '=')
            return true;
    }
    return false;
}

/* What stands first stays. */
static void put(struct environment *environment, const char *name, struct sv value)
{
    if (value.data && value.len <= MAX_VARIABLE_BYTES && !memchr(value.data, '\0', value.len) &&
        !has(environment, name))
        environment->items[environment->count++] =
            arena_printf(environment->arena, "%s=%.*s", name, SV_ARG(value)).data;
}

/* A job that had our database's address would come to open it, which only we may. */
static bool is_secret(struct sv name)
{
    static const char *const secrets[] = {
        "MLFLOW_BACKEND_STORE_URI",
        "MLFLOW_REGISTRY_STORE_URI",
        "_MLFLOW_SERVER_FILE_STORE",
        "_MLFLOW_SERVER_REGISTRY_STORE",
        "MLFLOW_CRYPTO_KEK_PASSPHRASE",
        "MLFLOW_FLASK_SERVER_SECRET_KEY",
        "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY",
        "TRACKLIGHT_ADMIN_PASSWORD",
        "TRACKLIGHT_CONFIG",
        "TRACKLIGHT_IMPORT_KEK_PASSPHRASE",
        "TRACKLIGHT_JOBS_WORKER_TOKEN",
        "TRACKLIGHT_JOBS_WORKER_TOKEN_FILE",
        "TRACKLIGHT_NEW_KEK_PASSPHRASE",
        "TRACKLIGHT_PASSWORD",
    };
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++) {
        if (sv_equal(name, sv_from(secrets[i])))
            return true;
    }
    return false;
}

static void put_declared(struct environment *environment, const struct job_type *type)
{
    for (size_t i = 0; i < type->variable_count; i++) {
        const struct job_variable *variable = &type->environment[i];
        const char *name = arena_cstr(environment->arena, variable->name);
        struct sv value = variable->value;
        if (!value.data && !is_secret(variable->name))
            value = sv_from(getenv(name));
        put(environment, name, value);
    }
}

static void put_job(struct environment *environment, const struct job_taken *taken,
                    const struct job_surroundings *surroundings)
{
    put(environment, "_MLFLOW_SERVER_JOB_ID", taken->job.job_id);
    put(environment, "_MLFLOW_SERVER_JOB_NAME", taken->job.name);
    put(environment, "_MLFLOW_SERVER_JOB_PARAMS", taken->job.params);
    put(environment, "MLFLOW_TRACKING_URI", sv_from(surroundings->tracking_uri));
    put(environment, "MLFLOW_GATEWAY_URI", sv_from(surroundings->gateway_uri));
}

/* MLflow misspells the name of one variable; its later releases do not. */
static void put_entry_point(struct environment *environment, const struct job_type *type, const char *folder)
{
    struct arena *arena = environment->arena;
    struct sv classes = arena_printf(arena, "%s/" JOB_TRANSIENT_FILE_NAME, folder);
    put(environment, "_MLFLOW_SERVER_JOB_FUNCTION_FULLNAME", type->function);
    put(environment, "_MLFLOW_SERVER_JOB_RESULT_DUMP_PATH",
        arena_printf(arena, "%s/" JOB_RESULT_FILE_NAME, folder));
    put(environment, "_MLFLOW_SERVER_JOB_TRANSIENT_ERROR_ClASSES_PATH", classes);
    put(environment, "_MLFLOW_SERVER_JOB_TRANSIENT_ERROR_CLASSES_PATH", classes);
}

const char *const *job_environment(struct arena *arena, const struct job_taken *taken,
                                   const struct job_user *user, const struct job_surroundings *surroundings,
                                   const char *folder)
{
    struct environment environment = {.arena = arena};
    environment.items = ARENA_ARRAY(arena, const char *, taken->type->variable_count + OWN_VARIABLES);
    put_job(&environment, taken, surroundings);
    if (taken->type->result == JOB_RESULT_FILE)
        put_entry_point(&environment, taken->type, folder);
    put_declared(&environment, taken->type);
    if (user) {
        put(&environment, "HOME", sv_from(user->home));
        put(&environment, "USER", sv_from(user->name));
        put(&environment, "LOGNAME", sv_from(user->name));
    }
    put(&environment, "PATH", SV(JOB_PATH));
    put(&environment, "TMPDIR", sv_from(folder));
    return environment.items;
}
