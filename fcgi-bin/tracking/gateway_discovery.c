#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/gateway/model_table.h"
#include "common/gateway/provider.h"
#include "common/security/envelope.h"
#include "fcgi-bin/tracking/gateway.h"
#include "fcgi-bin/tracking/tracking.h"

/* What pages need to know to let somebody set the gateway up. */

struct provider_in {
    struct sv provider;
};

static const struct field provider_fields[] = {
    FIELD(struct provider_in, provider, STRING),
    FIELDS_END,
};

/* --- supported-providers --- */

/* Those that are answered 501 are not offered. */
static enum status supported_providers(struct request *request, const void *input)
{
    (void)input;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "providers");
    json_begin_array(json);
    for (const struct provider_row *row = provider_rows; row->name; row++) {
        if (row->adapter != &provider_unsupported)
            json_put_string(json, sv_from(row->name));
    }
    json_end_array(json);
    json_end_object(json);
    return OK;
}

/* --- supported-models --- */

static void put_tokens(struct json_writer *json, const char *key, long tokens)
{
    json_key(json, key);
    if (tokens)
        json_put_int(json, tokens);
    else
        json_put_null(json);
}

/* For one token, from the price of a million: through decimal text, so that 0.15 becomes 1.5e-07 and nothing
 * near it. */
static void put_price(struct json_writer *json, const char *key, double million)
{
    char text[40];
    json_key(json, key);
    if (million < 0) {
        json_put_null(json);
        return;
    }
    snprintf(text, sizeof(text), "%.12ge-6", million);
    json_put_double(json, strtod(text, NULL));
}

static void put_ability(struct json_writer *json, const char *key, const struct model_row *row,
                        enum model_ability ability)
{
    json_put_bool_field(json, key, (row->abilities & (unsigned)ability) != 0);
}

static void put_model(struct json_writer *json, const struct model_row *row)
{
    json_begin_object(json);
    json_put_string_field(json, "model", sv_from(row->name));
    json_put_string_field(json, "provider", sv_from(row->provider));
    json_put_string_field(json, "mode", row->abilities & MODEL_EMBEDDING ? SV("embedding") : SV("chat"));
    put_ability(json, "supports_function_calling", row, MODEL_FUNCTIONS);
    put_ability(json, "supports_vision", row, MODEL_VISION);
    put_ability(json, "supports_reasoning", row, MODEL_REASONING);
    put_ability(json, "supports_prompt_caching", row, MODEL_CACHING);
    put_ability(json, "supports_response_schema", row, MODEL_SCHEMA);
    put_tokens(json, "max_input_tokens", row->input_tokens);
    put_tokens(json, "max_output_tokens", row->output_tokens);
    put_price(json, "input_cost_per_token", row->input_price);
    put_price(json, "output_cost_per_token", row->output_price);
    json_key(json, "deprecation_date");
    if (row->deprecation_date)
        json_put_string(json, sv_from(row->deprecation_date));
    else
        json_put_null(json);
    json_end_object(json);
}

static enum status supported_models(struct request *request, const void *input)
{
    const struct provider_in *in = input;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "models");
    json_begin_array(json);
    for (const struct model_row *row = model_rows; row->provider; row++) {
        if (!in->provider.len || sv_equal(in->provider, sv_from(row->provider)))
            put_model(json, row);
    }
    json_end_array(json);
    json_end_object(json);
    return OK;
}

/* --- provider-config --- */

struct auth_field {
    const char *name;
    const char *description;
    bool secret;
    bool optional;
    const char *default_value;
};

#define AUTH_FIELDS_MAX 6

struct auth_mode {
    const char *mode;
    const char *display_name;
    const char *description;
    struct auth_field fields[AUTH_FIELDS_MAX]; /* ended by a NULL name */
};

#define AUTH_MODES_MAX 3

/* The first mode is the default. */
struct provider_auth {
    const char *provider;
    struct auth_mode modes[AUTH_MODES_MAX]; /* ended by a NULL mode */
};

#define SECRET(name_, description_)                                    \
    {                                                                  \
        .name = (name_), .description = (description_), .secret = true \
    }
#define CONFIG(name_, description_, ...)                            \
    {                                                               \
        .name = (name_), .description = (description_), __VA_ARGS__ \
    }

#define AWS_KEY_ID      SECRET("aws_access_key_id", "AWS access key ID")
#define AWS_SECRET_KEY  SECRET("aws_secret_access_key", "AWS secret access key")
#define AWS_REGION(...) CONFIG("aws_region_name", "AWS region, such as us-east-1", __VA_ARGS__)
#define AZURE_BASE      CONFIG("api_base", "URL of the Azure OpenAI resource")
#define AZURE_VERSION                                                                 \
    CONFIG("api_version", "Version of the API, such as 2024-02-01", .optional = true, \
           .default_value = "2024-02-01")
#define WORKSPACE CONFIG("api_base", "URL of the Databricks workspace")

#define ACCESS_KEYS(region_)                                                       \
    {                                                                              \
        .mode = "access_keys", .display_name = "Access Keys",                      \
        .description = "Sign with an AWS access key ID and its secret access key", \
        .fields = {AWS_KEY_ID, AWS_SECRET_KEY, region_},                           \
    }
#define IAM_ROLE(region_)                                                                                \
    {                                                                                                    \
        .mode = "iam_role", .display_name = "IAM Role Assumption",                                       \
        .description = "Take on an IAM role with the help of access keys",                               \
        .fields = {AWS_KEY_ID, AWS_SECRET_KEY, CONFIG("aws_role_name", "ARN of the role to take on"),    \
                   CONFIG("aws_session_name", "Name of the role's session", .optional = true), region_}, \
    }

static const struct provider_auth provider_auths[] = {
    {
        .provider = "azure",
        .modes = {{
                      .mode = "api_key",
                      .display_name = "API Key",
                      .description = "Use Azure OpenAI API Key",
                      .fields = {SECRET("api_key", "Azure OpenAI API Key"), AZURE_BASE, AZURE_VERSION},
                  },
                  {
                      .mode = "service_principal",
                      .display_name = "Service Principal",
                      .description = "Log in as a service principal of Microsoft Entra ID (Azure AD)",
                      .fields = {SECRET("client_secret", "Client secret of the application"), AZURE_BASE,
                                 CONFIG("client_id", "ID of the application (client)"),
                                 CONFIG("tenant_id", "ID of the tenant"), AZURE_VERSION},
                  }},
    },
    {
        .provider = "bedrock",
        .modes = {{
                      .mode = "api_key",
                      .display_name = "API Key",
                      .description = "Use Amazon Bedrock API Key",
                      .fields = {SECRET("api_key", "Amazon Bedrock API Key")},
                  },
                  ACCESS_KEYS(AWS_REGION(.optional = true)),
                  IAM_ROLE(AWS_REGION(.optional = true))},
    },
    {
        .provider = "databricks",
        .modes = {{
                      .mode = "pat_token",
                      .display_name = "Personal Access Token",
                      .description = "Use Databricks Personal Access Token",
                      .fields = {SECRET("api_key", "Databricks Personal Access Token"), WORKSPACE},
                  },
                  {
                      .mode = "oauth_m2m",
                      .display_name = "OAuth M2M (Service Principal)",
                      .description = "Log in as a service principal (OAuth, client credentials)",
                      .fields = {SECRET("client_secret", "OAuth client secret"), WORKSPACE,
                                 CONFIG("client_id", "OAuth client ID")},
                  }},
    },
    {
        .provider = "sagemaker",
        .modes = {ACCESS_KEYS(AWS_REGION(.optional = false)), IAM_ROLE(AWS_REGION(.optional = false))},
    },
    {
        .provider = "vertex_ai",
        .modes = {{
            .mode = "service_account_json",
            .display_name = "Service Account JSON",
            .description = "Log in as a service account of Google Cloud, with its key file",
            .fields = {SECRET("vertex_credentials", "Content of the service account's JSON key file"),
                       CONFIG("vertex_project", "ID of the Google Cloud project"),
                       CONFIG("vertex_location", "Google Cloud region, such as us-central1", .optional = true,
                              .default_value = "us-central1")},
        }},
    },
};

static const struct provider_auth *find_auth(struct sv provider)
{
    if (sv_equal(provider, SV("bedrock_converse")) || sv_equal(provider, SV("amazon-bedrock")))
        provider = SV("bedrock");
    else if (sv_equal(provider, SV("databricks-model-serving")))
        provider = SV("databricks");
    for (size_t i = 0; i < sizeof(provider_auths) / sizeof(provider_auths[0]); i++) {
        if (sv_equal(provider, sv_from(provider_auths[i].provider)))
            return &provider_auths[i];
    }
    return NULL;
}

/* As Python's str.title(), for ASCII: together_ai becomes Together_Ai. */
static struct sv title(struct arena *arena, struct sv text)
{
    char *copy = arena_cstr(arena, text);
    bool after_letter = false;
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)copy[i];
        copy[i] = (char)(after_letter ? tolower(c) : toupper(c));
        after_letter = isalpha(c) != 0;
    }
    return (struct sv){copy, text.len};
}

static const struct provider_auth *unlisted_auth(struct arena *arena, struct sv provider)
{
    struct sv name = title(arena, provider);
    struct provider_auth *auth = ARENA_NEW(arena, struct provider_auth);
    auth->modes[0] = (struct auth_mode){
        .mode = "api_key",
        .display_name = "API Key",
        .description = arena_printf(arena, "Use %.*s API Key", SV_ARG(name)).data,
        .fields = {SECRET("api_key", arena_printf(arena, "%.*s API Key", SV_ARG(name)).data)},
    };
    return auth;
}

static void put_fields(struct json_writer *json, const char *key, const struct auth_mode *mode, bool secret)
{
    json_key(json, key);
    json_begin_array(json);
    for (size_t i = 0; i < AUTH_FIELDS_MAX && mode->fields[i].name; i++) {
        const struct auth_field *field = &mode->fields[i];
        if (field->secret != secret)
            continue;
        json_begin_object(json);
        json_put_string_field(json, "name", sv_from(field->name));
        json_put_string_field(json, "type", SV("string"));
        json_put_string_field(json, "description", sv_from(field->description));
        json_put_bool_field(json, "required", !field->optional);
        json_put_string_field_if_set(json, "default", sv_from(field->default_value));
        json_end_object(json);
    }
    json_end_array(json);
}

#define PROVIDER_NAME_MAX 64

static enum status provider_config_of(struct request *request, const void *input)
{
    const struct provider_in *in = input;
    if (!in->provider.len)
        return fail(request, INVALID_PARAMETER_VALUE, "Provider parameter is required");
    if (in->provider.len > PROVIDER_NAME_MAX)
        return fail(request, INVALID_PARAMETER_VALUE,
                    "'provider' exceeds the maximum length of %d characters", PROVIDER_NAME_MAX);
    const struct provider_auth *auth = find_auth(in->provider);
    if (!auth)
        auth = unlisted_auth(request->arena, in->provider);
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_key(json, "auth_modes");
    json_begin_array(json);
    for (size_t i = 0; i < AUTH_MODES_MAX && auth->modes[i].mode; i++) {
        const struct auth_mode *mode = &auth->modes[i];
        json_begin_object(json);
        json_put_string_field(json, "mode", sv_from(mode->mode));
        json_put_string_field(json, "display_name", sv_from(mode->display_name));
        json_put_string_field(json, "description", sv_from(mode->description));
        put_fields(json, "secret_fields", mode, true);
        put_fields(json, "config_fields", mode, false);
        json_end_object(json);
    }
    json_end_array(json);
    json_put_string_field(json, "default_mode", sv_from(auth->modes[0].mode));
    json_end_object(json);
    return OK;
}

/* --- secrets/config --- */

static enum status secrets_config(struct request *request, const void *input)
{
    (void)input;
    struct json_writer *json = reply_json(request);
    json_begin_object(json);
    json_put_bool_field(json, "secrets_available", true);
    json_put_bool_field(json, "using_default_passphrase", envelope_uses_default(gateway_envelope()));
    json_end_object(json);
    return OK;
}

const struct operation gateway_discovery_operations[] = {
    {
        .name = "supportedProviders",
        .area = "gateway-management",
        .method = METHOD_GET,
        .root = ROOT_AJAX_3,
        .path = "/mlflow/gateway/supported-providers",
        .handler = supported_providers,
        .access = ACCESS_NONE,
        .needs = NEEDS(ANY, NONE),
    },
    {
        .name = "supportedModels",
        .area = "gateway-management",
        .method = METHOD_GET,
        .root = ROOT_AJAX_3,
        .path = "/mlflow/gateway/supported-models",
        .handler = supported_models,
        .access = ACCESS_NONE,
        .needs = NEEDS(ANY, NONE),
        .input = INPUT(struct provider_in, provider_fields),
    },
    {
        .name = "providerConfig",
        .area = "gateway-management",
        .method = METHOD_GET,
        .root = ROOT_AJAX_3,
        .path = "/mlflow/gateway/provider-config",
        .handler = provider_config_of,
        .access = ACCESS_NONE,
        .needs = NEEDS(ANY, NONE),
        .input = INPUT(struct provider_in, provider_fields),
    },
    {
        .name = "secretsConfig",
        .area = "gateway-management",
        .method = METHOD_GET,
        .root = ROOT_AJAX_3,
        .path = "/mlflow/gateway/secrets/config",
        .handler = secrets_config,
        .access = ACCESS_NONE,
        .needs = NEEDS(ANY, NONE),
    },
    {.path = NULL},
};
