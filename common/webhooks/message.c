#include "common/webhooks/message.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/base/id.h"

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n';
}

/* The same JSON with one blank behind each comma and colon and none elsewhere. */
static struct sv space_out(struct arena *arena, struct sv json)
{
    char *out = arena_alloc(arena, 2 * json.len + 1);
    size_t len = 0;
    bool in_string = false;
    for (size_t i = 0; i < json.len; i++) {
        char byte = json.data[i];
        if (!in_string && is_blank(byte))
            continue;
        out[len++] = byte;
        if (in_string && byte == '\\' && i + 1 < json.len)
            out[len++] = json.data[++i];
        else if (byte == '"')
            in_string = !in_string;
        else if (!in_string && (byte == ',' || byte == ':'))
            out[len++] = ' ';
    }
    return (struct sv){out, len};
}

/* As Python's datetime.isoformat of a time in UTC: without a fraction where that is zero. */
static struct sv iso_time(struct arena *arena, int64_t time_ms)
{
    time_t seconds = (time_t)(time_ms / 1000);
    struct tm parts;
    char text[32], fraction[8] = "";
    gmtime_r(&seconds, &parts);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
    if (time_ms % 1000)
        snprintf(fraction, sizeof(fraction), ".%03u000", (unsigned)(time_ms % 1000) % 1000U);
    return arena_printf(arena, "%s%s+00:00", text, fraction);
}

struct sv webhook_body(struct arena *arena, const struct webhook_message *message)
{
    struct sv time = iso_time(arena, message->event_time_ms), data = space_out(arena, message->data);
    return arena_printf(arena,
                        "{\"entity\": \"%s\", \"action\": \"%s\", \"timestamp\": \"%.*s\", \"data\": %.*s}",
                        message->entity, message->action, SV_ARG(time), SV_ARG(data));
}

struct sv webhook_signature(struct arena *arena, struct sv secret, struct sv delivery_id, int64_t time_s,
                            struct sv body)
{
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct sv text =
        arena_printf(arena, "%.*s.%lld.%.*s", SV_ARG(delivery_id), (long long)time_s, SV_ARG(body));
    if (!HMAC(EVP_sha256(), secret.data, (int)secret.len, (const unsigned char *)text.data, text.len, mac,
              &len)) {
        fputs("OpenSSL cannot sign\n", stderr);
        abort();
    }
    struct sv encoded = base64_encode(arena, (struct sv){(const char *)mac, len});
    return arena_printf(arena, "v1,%.*s", SV_ARG(encoded));
}

#define MODEL        "\"name\": \"example_model\""
#define PROMPT       "\"name\": \"example_prompt\""
#define VERSION      ", \"version\": \"1\""
#define KEY          ", \"key\": \"example_key\""
#define VALUE        ", \"value\": \"example_value\""
#define ALIAS        ", \"alias\": \"example_alias\""
#define TAGS         ", \"tags\": {\"example_key\": \"example_value\"}"
#define TEMPLATE     ", \"template\": \"Hello {{name}}!\""
#define AN_EXAMPLE   ", \"description\": \"An example "
#define VERSION_FROM VERSION ", \"source\": \"models:/123\", \"run_id\": \"abcd1234abcd5678\""

static const struct {
    const char *entity, *action, *data;
} samples[] = {
    {"registered_model", "created", "{" MODEL TAGS AN_EXAMPLE "registered model\"}"},
    {"model_version", "created", "{" MODEL VERSION_FROM TAGS AN_EXAMPLE "model version\"}"},
    {"model_version_tag", "set", "{" MODEL VERSION KEY VALUE "}"},
    {"model_version_tag", "deleted", "{" MODEL VERSION KEY "}"},
    {"model_version_alias", "created", "{" MODEL ALIAS VERSION "}"},
    {"model_version_alias", "deleted", "{" MODEL ALIAS "}"},
    {"prompt", "created", "{" PROMPT TAGS AN_EXAMPLE "prompt\"}"},
    {"prompt_version", "created", "{" PROMPT VERSION TEMPLATE TAGS AN_EXAMPLE "prompt version\"}"},
    {"prompt_tag", "set", "{" PROMPT KEY VALUE "}"},
    {"prompt_tag", "deleted", "{" PROMPT KEY "}"},
    {"prompt_version_tag", "set", "{" PROMPT VERSION KEY VALUE "}"},
    {"prompt_version_tag", "deleted", "{" PROMPT VERSION KEY "}"},
    {"prompt_alias", "created", "{" PROMPT ALIAS VERSION "}"},
    {"prompt_alias", "deleted", "{" PROMPT ALIAS "}"},
};

struct sv webhook_sample(struct sv entity, struct sv action)
{
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        if (sv_equal(entity, sv_from(samples[i].entity)) && sv_equal(action, sv_from(samples[i].action)))
            return sv_from(samples[i].data);
    }
    return SV_ABSENT;
}
