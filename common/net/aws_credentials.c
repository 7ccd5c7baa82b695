#include "common/net/aws_credentials.h"

#include <stdlib.h>

#include "common/net/aws_credentials_internal.h"

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
    credentials->access_key = aws_profile_value(text, section, SV("aws_access_key_id"));
    credentials->secret_key = aws_profile_value(text, section, SV("aws_secret_access_key"));
    credentials->session_token = aws_profile_value(text, section, SV("aws_session_token"));
    return credentials->access_key.data && credentials->secret_key.data;
}

static const char *unsupported_key(struct arena *arena, struct sv shared, struct sv config)
{
    static const char *const keys[] = {"role_arn", "credential_process", "sso_session", "sso_start_url"};
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if ((shared.data && aws_profile_value(shared, aws_profile_name(), sv_from(keys[i])).data) ||
            (config.data && aws_profile_value(config, aws_config_section(arena), sv_from(keys[i])).data))
            return keys[i];
    }
    return NULL;
}

enum status aws_credentials_find(struct arena *arena, struct error *error, struct sv region,
                                 struct sigv4_credentials *credentials)
{
    *credentials = (struct sigv4_credentials){0};
    if (take_environment(arena, credentials))
        return OK;
    if (getenv("AWS_WEB_IDENTITY_TOKEN_FILE") && aws_service_credentials(arena, region, credentials) == OK)
        return OK;
    struct sv shared = aws_profile_file(arena, "AWS_SHARED_CREDENTIALS_FILE", "credentials");
    struct sv config = aws_profile_file(arena, "AWS_CONFIG_FILE", "config");
    if (take_section(shared, aws_profile_name(), credentials) ||
        take_section(config, aws_config_section(arena), credentials))
        return OK;
    *credentials = (struct sigv4_credentials){0};
    const char *unsupported = unsupported_key(arena, shared, config);
    if (unsupported)
        return error_internal(error, arena, "AWS: the profile %.*s uses %s, which is not supported",
                              SV_ARG(aws_profile_name()), unsupported);
    if (aws_service_credentials(arena, region, credentials) == OK)
        return OK;
    return error_internal(error, arena,
                          "AWS: no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
                          "AWS_PROFILE and a shared credentials file (for S3, "
                          "MLFLOW_EXPERIMENTAL_S3_SIGNATURE_VERSION=unsigned goes without)");
}
