#include "common/webhooks/rules.h"

#include "common/net/proxy.h"

#define SHOWN_BYTES 500

static bool has_word(struct sv list, struct sv word)
{
    while (list.data) {
        if (sv_equal_ignoring_case(sv_trim(sv_cut(&list, ',')), word))
            return true;
    }
    return false;
}

/* "http, https" without repetitions of blanks, or absent if another scheme is in it. */
static struct sv clean_schemes(struct arena *arena, struct sv list)
{
    bool http = has_word(list, SV("http")), https = has_word(list, SV("https"));
    struct sv rest = list;
    while (rest.data) {
        struct sv word = sv_trim(sv_cut(&rest, ','));
        if (word.len && !sv_equal_ignoring_case(word, SV("http")) &&
            !sv_equal_ignoring_case(word, SV("https")))
            return SV_ABSENT;
    }
    if (http && https)
        return arena_copy(arena, SV("http, https"));
    return http ? SV("http") : https ? SV("https") : SV_ABSENT;
}

bool webhook_rules_from(const struct settings *settings, struct arena *arena, struct webhook_rules *rules,
                        struct sv *problem)
{
    struct network *networks;
    *rules = (struct webhook_rules){
        .schemes = clean_schemes(arena, settings->webhook_allowed_schemes),
        .timeout_ms = settings->webhook_request_timeout * 1000,
        .max_retries = settings->webhook_request_max_retries,
    };
    if (!rules->schemes.data) {
        *problem = arena_printf(arena,
                                "MLFLOW_WEBHOOK_ALLOWED_SCHEMES: '%.*s' should be https, http, or "
                                "http,https.",
                                SV_ARG(settings->webhook_allowed_schemes));
        return false;
    }
    struct sv text = settings->webhook_allowed_networks;
    if (!networks_parse(arena, text.data ? text : SV(""), &networks, &rules->targets.allowed_count,
                        problem)) {
        *problem = arena_printf(arena, "--webhook-allowed-networks: %.*s", SV_ARG(*problem));
        return false;
    }
    rules->targets.allowed = networks;
    rules->targets.allow_private = settings->webhook_allow_private_ips;
    return true;
}

static bool is_scheme(struct sv text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.')))
            return false;
    }
    return text.len > 0;
}

static struct sv lower(struct arena *arena, struct sv text)
{
    char *copy = arena_cstr(arena, text);
    for (size_t i = 0; i < text.len; i++) {
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] = (char)(copy[i] - 'A' + 'a');
    }
    return (struct sv){copy, text.len};
}

/* Everything but the host's addresses. */
static enum status check_form(const struct webhook_rules *rules, struct arena *arena, struct error *error,
                              struct sv url)
{
    struct sv shown = sv_first(url, SHOWN_BYTES);
    if (sv_trim(url).len == 0)
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "Webhook URL cannot be empty or just whitespace: '%.*s'", SV_ARG(shown));
    size_t colon = sv_find(url, ':');
    struct sv scheme = colon < url.len && is_scheme(sv_first(url, colon)) ? sv_first(url, colon) : SV("");
    scheme = lower(arena, scheme);
    if (!has_word(rules->schemes, scheme))
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "Invalid webhook URL scheme: '%.*s'. Allowed schemes are: %.*s.", SV_ARG(scheme),
                         SV_ARG(rules->schemes));
    struct sv rest = sv_from_offset(url, colon + 1);
    size_t end = 2;
    while (end < rest.len && rest.data[end] != '/' && rest.data[end] != '?' && rest.data[end] != '#')
        end++;
    struct sv authority = sv_starts_with(rest, SV("//")) ? sv_from_offset(sv_first(rest, end), 2) : SV("");
    if (authority.len == 0 || authority.data[0] == ':')
        return error_set(error, arena, INVALID_PARAMETER_VALUE, "Webhook URL must include a hostname: '%.*s'",
                         SV_ARG(shown));
    if (sv_find(authority, '@') < authority.len)
        return error_set(error, arena, INVALID_PARAMETER_VALUE,
                         "Webhook URL must not contain a user name or password. Use the webhook's secret, "
                         "by which the receiver can verify the signature of what it gets.");
    return OK;
}

static enum status resolve_by(const struct target_policy *policy, struct arena *arena, struct error *error,
                              struct sv url, struct target *target)
{
    struct error problem = {.code = ERROR_NONE};
    if (target_resolve(policy, arena, &problem, url, target) == OK)
        return OK;
    if (problem.code != INVALID_PARAMETER_VALUE)
        return error_set(error, arena, problem.code, "Cannot resolve Webhook URL hostname '%.*s'.",
                         SV_ARG(target->host));
    if (!target->host.data) {
        struct sv shown = sv_first(url, SHOWN_BYTES);
        return error_set(error, arena, INVALID_PARAMETER_VALUE, "Invalid webhook URL '%.*s': %.*s",
                         SV_ARG(shown), SV_ARG(problem.message));
    }
    return error_set(
        error, arena, INVALID_PARAMETER_VALUE,
        "Webhook URL must not resolve to a non-public IP address. '%.*s' is or resolves to one. If "
        "that is meant, the administrator can allow it with --webhook-allowed-networks.",
        SV_ARG(target->host));
}

enum status webhook_check_url(const struct webhook_rules *rules, struct arena *arena, struct error *error,
                              struct sv url)
{
    struct target target;
    struct target_policy literally = rules->targets;
    literally.proxied = true;
    if (check_form(rules, arena, error, url) != OK)
        return FAILED;
    return resolve_by(&literally, arena, error, url, &target);
}

enum status webhook_resolve(const struct webhook_rules *rules, struct arena *arena, struct error *error,
                            struct sv url, struct target *target, bool *proxied)
{
    struct target_policy policy = rules->targets;
    policy.proxied = true;
    if (check_form(rules, arena, error, url) != OK || resolve_by(&policy, arena, error, url, target) != OK)
        return FAILED;
    *proxied = proxy_is_used(target->is_https, target->host);
    policy.proxied = false;
    return *proxied ? OK : resolve_by(&policy, arena, error, url, target);
}
