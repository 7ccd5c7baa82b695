#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/net/proxy.h"
#include "common/webhooks/rules.h"

static struct arena *arena;

static const char *const proxy_variables[] = {"http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY",
                                              "all_proxy",  "ALL_PROXY",  "no_proxy",    "NO_PROXY"};

static int setup(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof proxy_variables / sizeof proxy_variables[0]; i++)
        unsetenv(proxy_variables[i]);
    arena = arena_new(16 * 1024 * 1024);
    return 0;
}

static int teardown(void **state)
{
    arena_free(arena);
    arena = NULL;
    (void)state;
    return 0;
}

static struct webhook_rules rules_of(const char *schemes, const char *networks, bool allow_private)
{
    const struct settings settings = {
        .webhook_allowed_schemes = sv_from(schemes),
        .webhook_allowed_networks = sv_from(networks),
        .webhook_allow_private_ips = allow_private,
        .webhook_request_timeout = 30,
    };
    struct webhook_rules rules;
    struct sv problem = SV("");
    if (!webhook_rules_from(&settings, arena, &rules, &problem))
        fail_msg("%.*s", SV_ARG(problem));
    return rules;
}

/* NULL if the URL passes. */
static const char *refusal(const struct webhook_rules *rules, const char *url)
{
    struct error error = {0};
    if (webhook_check_url(rules, arena, &error, sv_from(url)) == OK)
        return NULL;
    assert_int_equal(error.code, INVALID_PARAMETER_VALUE);
    return arena_cstr(arena, error.message);
}

static void expect(const struct webhook_rules *rules, const char *url, const char *message)
{
    const char *found = refusal(rules, url);
    assert_non_null(found);
    if (!strstr(found, message))
        fail_msg("'%s' says '%s' instead of '%s'", url, found, message);
}

static void urls_on_the_internet_pass(void **state)
{
    (void)state;
    static const char *const urls[] = {"https://example.com/hook", "HTTPS://Example.COM:8443/a?b=c#d",
                                       "https://1.1.1.1/", "https://[2606:4700:4700::1111]:443/x",
                                       "https://example.com"};
    struct webhook_rules rules = rules_of("https", NULL, false);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        assert_null(refusal(&rules, urls[i]));
}

static void a_url_must_have_a_scheme_that_is_allowed(void **state)
{
    (void)state;
    struct webhook_rules rules = rules_of("https", NULL, false), both = rules_of(" http,HTTPS ", NULL, false);
    expect(&rules, "   ", "Webhook URL cannot be empty or just whitespace: '   '");
    expect(&rules, "ftp://example.com/", "Invalid webhook URL scheme: 'ftp'. Allowed schemes are: https.");
    expect(&rules, "http://example.com/", "Invalid webhook URL scheme: 'http'. Allowed schemes are: https.");
    expect(&rules, "example.com/hook", "Invalid webhook URL scheme: ''. Allowed schemes are: https.");
    expect(&both, "file:///etc/passwd",
           "Invalid webhook URL scheme: 'file'. Allowed schemes are: http, https.");
    assert_null(refusal(&both, "http://example.com/"));
}

static void a_url_must_have_a_host_and_no_password(void **state)
{
    (void)state;
    struct webhook_rules rules = rules_of("http,https", NULL, true);
    expect(&rules, "http://", "Webhook URL must include a hostname: 'http://'");
    expect(&rules, "https:///path", "Webhook URL must include a hostname: 'https:///path'");
    expect(&rules, "https://:443/", "Webhook URL must include a hostname");
    expect(&rules, "https:example.com", "Webhook URL must include a hostname");
    expect(&rules, "https://user:password@example.com/", "user name or password");
    assert_null(strstr(refusal(&rules, "https://user:password@example.com/"), "user:password"));
    expect(&rules, "https://exa mple.com/", "Invalid webhook URL");
    expect(&rules, "https://example.com:99999/", "Invalid webhook URL");
    expect(&rules, "https://example.com/\r\nX: y", "Invalid webhook URL");
}

static void hosts_in_the_own_network_are_refused(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "https://127.0.0.1/",
        "https://127.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0177.0.0.1/",
        "https://[::1]/",
        "https://[::ffff:7f00:1]/",
        "https://localhost:8000/",
        "https://LOCALHOST./",
        "https://x.localhost/",
        "https://10.1.2.3/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fe80::1]/",
        "https://[fd00:ec2::254]/",
        "https://0.0.0.0/",
        "https://100.64.0.1/",
        "https://[::]/",
        "https://224.0.0.1/",
    };
    struct webhook_rules rules = rules_of("https", NULL, false);
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++)
        expect(&rules, urls[i], "Webhook URL must not resolve to a non-public IP address.");
}

static void private_addresses_may_be_allowed_but_not_metadata_services(void **state)
{
    (void)state;
    struct webhook_rules rules = rules_of("https", NULL, true);
    assert_null(refusal(&rules, "https://127.0.0.1/"));
    assert_null(refusal(&rules, "https://localhost/"));
    assert_null(refusal(&rules, "https://10.1.2.3/"));
    expect(&rules, "https://169.254.169.254/", "non-public");
    expect(&rules, "https://[fe80::1]/", "non-public");
}

static void single_networks_may_be_allowed(void **state)
{
    (void)state;
    struct webhook_rules rules = rules_of("https", "10.1.0.0/16, 127.0.0.1", false);
    assert_null(refusal(&rules, "https://10.1.2.3/"));
    assert_null(refusal(&rules, "https://127.0.0.1/"));
    expect(&rules, "https://10.2.2.3/", "non-public");
    expect(&rules, "https://127.0.0.2/", "non-public");
}

static void a_name_that_means_the_own_machine_is_refused_when_it_is_resolved(void **state)
{
    (void)state;
    struct webhook_rules rules = rules_of("https", NULL, false),
                         open = rules_of("https", "127.0.0.0/8,::1", false);
    struct error error = {0};
    struct target target;
    bool proxied = true;
    assert_int_equal(webhook_resolve(&rules, arena, &error, SV("https://127.0.0.1/"), &target, &proxied),
                     FAILED);
    assert_int_equal(error.code, INVALID_PARAMETER_VALUE);
    error = (struct error){0};
    assert_int_equal(webhook_resolve(&open, arena, &error, SV("https://127.0.0.1/"), &target, &proxied), OK);
    assert_false(proxied);
}

static void a_proxy_resolves_names_but_literal_addresses_are_still_checked(void **state)
{
    (void)state;
    struct webhook_rules rules = rules_of("https", NULL, false);
    struct error error = {0};
    struct target target;
    bool proxied = false;
    setenv("https_proxy", "http://127.0.0.1:1", 1);
    assert_int_equal(webhook_resolve(&rules, arena, &error, SV("https://name.invalid/"), &target, &proxied),
                     OK);
    assert_true(proxied);
    assert_null(target.pinned.data);
    assert_int_equal(webhook_resolve(&rules, arena, &error, SV("https://10.0.0.1/"), &target, &proxied),
                     FAILED);
}

static void settings_that_make_no_sense_are_told(void **state)
{
    (void)state;
    struct webhook_rules rules;
    struct sv problem = SV_ABSENT;
    struct settings settings = {.webhook_allowed_schemes = SV("https,gopher")};
    assert_false(webhook_rules_from(&settings, arena, &rules, &problem));
    assert_non_null(strstr(problem.data, "MLFLOW_WEBHOOK_ALLOWED_SCHEMES"));
    settings =
        (struct settings){.webhook_allowed_schemes = SV("https"), .webhook_allowed_networks = SV("10.0/8")};
    assert_false(webhook_rules_from(&settings, arena, &rules, &problem));
    assert_non_null(strstr(problem.data, "--webhook-allowed-networks"));
}

/* --- Proxies --- */

static void the_variables_of_the_scheme_count(void **state)
{
    (void)state;
    assert_false(proxy_is_used(true, SV("example.com")));
    setenv("https_proxy", "http://p:1", 1);
    assert_true(proxy_is_used(true, SV("example.com")));
    assert_false(proxy_is_used(false, SV("example.com")));
    setenv("all_proxy", "http://p:1", 1);
    assert_true(proxy_is_used(false, SV("example.com")));
    setenv("all_proxy", "", 1);
    setenv("https_proxy", "", 1);
    assert_false(proxy_is_used(true, SV("example.com")));
}

static void a_variable_that_a_cgi_client_could_set_does_not_count(void **state)
{
    (void)state;
    setenv("HTTP_PROXY", "http://p:1", 1);
    assert_false(proxy_is_used(false, SV("example.com")));
}

static void exceptions_are_names_and_what_is_below_them(void **state)
{
    (void)state;
    setenv("https_proxy", "http://p:1", 1);
    setenv("no_proxy", "internal.example, .corp ,127.0.0.1", 1);
    assert_false(proxy_is_used(true, SV("internal.example")));
    assert_false(proxy_is_used(true, SV("Hooks.Internal.example.")));
    assert_false(proxy_is_used(true, SV("a.corp")));
    assert_false(proxy_is_used(true, SV("127.0.0.1")));
    assert_true(proxy_is_used(true, SV("notinternal.example")));
    assert_true(proxy_is_used(true, SV("example")));
    setenv("no_proxy", "*", 1);
    assert_false(proxy_is_used(true, SV("example")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(urls_on_the_internet_pass),
        TEST(a_url_must_have_a_scheme_that_is_allowed),
        TEST(a_url_must_have_a_host_and_no_password),
        TEST(hosts_in_the_own_network_are_refused),
        TEST(private_addresses_may_be_allowed_but_not_metadata_services),
        TEST(single_networks_may_be_allowed),
        TEST(a_name_that_means_the_own_machine_is_refused_when_it_is_resolved),
        TEST(a_proxy_resolves_names_but_literal_addresses_are_still_checked),
        TEST(settings_that_make_no_sense_are_told),
        TEST(the_variables_of_the_scheme_count),
        TEST(a_variable_that_a_cgi_client_could_set_does_not_count),
        TEST(exceptions_are_names_and_what_is_below_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
