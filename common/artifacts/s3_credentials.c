#include "common/artifacts/s3_credentials.h"

#include <stdlib.h>

#include "common/artifacts/s3_credentials_internal.h"
#include "common/artifacts/s3_settings.h"

static struct sv from_environment(struct arena *arena, const char *name)
{
    struct sv value = sv_from(getenv(name));
    return value.len ? arena_copy(arena, value) : SV_ABSENT;
}

static bool take_environment(struct arena *arena, struct sigv4_credentials *credentials)
{
    credentials->access_key = from_environment(arena, "AWS_ACCESS_KEY_ID");
    credentials->secret_key = from_environment(arena, "AWS_SECRET_ACCESS_KEY");
    credentials->session_token = from_environment(arena, "AWS_SESSION_TOKEN");
    return credentials->access_key.data && credentials->secret_key.data;
}

static bool take_section(struct sv text, struct sv section, struct sigv4_credentials *credentials)
{
    if (!text.data)
        return false;
    credentials->access_key = s3_profile_value(text, section, SV("aws_access_key_id"));
    credentials->secret_key = s3_profile_value(text, section, SV("aws_secret_access_key"));
    credentials->session_token = s3_profile_value(text, section, SV("aws_session_token"));
    return credentials->access_key.data && credentials->secret_key.data;
}

static const char *unsupported_key(struct arena *arena, struct sv shared, struct sv config)
{
    static const char *const keys[] = {"role_arn", "credential_process", "sso_session", "sso_start_url"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if ((shared.data && s3_profile_value(shared, s3_profile_name(), sv_from(keys[i])).data) ||
            (config.data && s3_profile_value(config, s3_config_section(arena), sv_from(keys[i])).data))
            return keys[i];
    }
    return NULL;
}

enum status s3_credentials_find(struct arena *arena, struct error *error, struct sv region,
                                struct sigv4_credentials *credentials)
{
    *credentials = (struct sigv4_credentials){0};
    if (take_environment(arena, credentials))
        return OK;
    if (getenv("AWS_WEB_IDENTITY_TOKEN_FILE") && s3_service_credentials(arena, region, credentials) == OK)
        return OK;
    struct sv shared = s3_profile_file(arena, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
    struct sv config = s3_profile_file(arena, "AWS_CONFIG_FILE", "config");
    if (take_section(shared, s3_profile_name(), credentials) ||
        take_section(config, s3_config_section(arena), credentials))
        return OK;
    *credentials = (struct sigv4_credentials){0};
    const char *unsupported = unsupported_key(arena, shared, config);
    if (unsupported)
        return error_internal(error, arena, "S3: the AWS profile %.*s uses %s, which is not supported",
                              SV_ARG(s3_profile_name()), unsupported);
    if (s3_service_credentials(arena, region, credentials) == OK)
        return OK;
    return error_internal(error, arena,
                          "S3: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                          "AWS_PROFILE and a shared credentials "
                          "file; MLFLOW_EXPERIMENTAL_S3_SIGNATURE_VERSION=unsigned goes without");
}
