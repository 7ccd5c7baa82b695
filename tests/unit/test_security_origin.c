#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/security/security.h"

struct row {
    struct sv origin;
    struct sv host;
    bool allowed; /* to change state */
    bool cors;    /* may read the answer */
};

#define TEXT(text)                   \
    {                                \
        "" text "", sizeof(text) - 1 \
    }
#define ROW(origin, host, allowed, cors)        \
    {                                           \
        TEXT(origin), TEXT(host), allowed, cors \
    }
#define CHECK(origins, rows) check(origins, rows, sizeof(rows) / sizeof((rows)[0]))

static struct security *new_security(struct security_settings settings)
{
    struct arena *arena = arena_new(1 << 20);
    struct sv problem = SV_ABSENT;
    struct security *security = security_new(&settings, arena, &problem);
    if (!security)
        fail_msg("%.*s", SV_ARG(problem));
    arena_free(arena);
    return security;
}

static void check(const char *origins, const struct row *rows, size_t count)
{
    struct security *security = new_security((struct security_settings){.allowed_origins = sv_from(origins)});
    for (size_t i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        if (security_origin_allowed(security, row->origin, row->host) != row->allowed)
            fail_msg("origins '%s': a write from '%.*s' on '%.*s' should be %s", origins ? origins : "",
                     SV_ARG(row->origin), SV_ARG(row->host), row->allowed ? "allowed" : "refused");
        struct cors cors = security_cors(security, row->origin);
        if ((cors.allow_origin.data != NULL) != row->cors)
            fail_msg("origins '%s': '%.*s' should %s", origins ? origins : "", SV_ARG(row->origin),
                     row->cors ? "be answered with CORS headers" : "get no CORS headers");
        assert_true(cors.allow_credentials == row->cors);
        assert_true(cors.vary_origin == row->cors);
        if (row->cors)
            assert_true(sv_equal(cors.allow_origin, row->origin));
    }
    security_free(security);
}

static void localhost_pages_may_write_and_those_of_http_may_read(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("http://localhost", "mlflow.corp", true, true),
        ROW("http://localhost:3000", "mlflow.corp", true, true),
        ROW("http://127.0.0.1", "mlflow.corp", true, true),
        ROW("http://127.0.0.1:8888", "mlflow.corp", true, true),
        ROW("http://[::1]", "mlflow.corp", true, true),
        ROW("http://[::1]:5000", "mlflow.corp", true, true),
        ROW("https://localhost", "mlflow.corp", true, false),
        ROW("https://localhost:3000", "mlflow.corp", true, false),
        ROW("https://127.0.0.1:8443", "mlflow.corp", true, false),
        ROW("https://[::1]:8443", "mlflow.corp", true, false),
    };
    CHECK(NULL, rows);
    CHECK("", rows);
    CHECK("https://app.corp", rows);
}

static void foreign_origins_are_refused(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("http://evil.com", "localhost:5000", false, false),
        ROW("https://evil.com", "localhost:5000", false, false),
        ROW("null", "localhost:5000", false, false),
        ROW("NULL", "localhost:5000", false, false),
        ROW("", "localhost:5000", false, false),
        ROW("*", "localhost:5000", false, false),
        ROW("ftp://localhost:99", "localhost:5000", false, false),
        ROW("file://localhost", "localhost:5000", false, false),
        ROW("ws://localhost:5000", "localhost:5000", false, false),
        ROW("chrome-extension://abcdefghijklmnop", "localhost:5000", false, false),
        ROW("http://localhost.evil.com", "localhost:5000", false, false),
        ROW("http://evil.localhost", "localhost:5000", false, false),
        ROW("http://127.0.0.1.evil.com", "localhost:5000", false, false),
        ROW("http://127.0.0.2", "localhost:5000", false, false),
        ROW("http://0.0.0.0:5000", "localhost:5000", false, false),
        ROW("http://10.0.0.1", "localhost:5000", false, false),
        ROW("http://192.168.1.1:5000", "localhost:5000", false, false),
        ROW("http://[::ffff:127.0.0.1]", "localhost:5000", false, false),
        ROW("http://localhost.", "mlflow.corp", false, false),
        ROW("http://127.0.0.1.", "mlflow.corp", false, false),
        ROW("http://2130706433", "localhost:5000", false, false),
        ROW("http://0177.0.0.1", "localhost:5000", false, false),
        ROW("http://0x7f.1", "localhost:5000", false, false),
    };
    CHECK(NULL, rows);
    CHECK("https://app.corp", rows);
}

static void an_origin_that_is_not_scheme_host_and_port_is_refused(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("localhost", "localhost", false, false),
        ROW("localhost:5000", "localhost:5000", false, false),
        ROW("//localhost", "localhost", false, false),
        ROW("://localhost", "localhost", false, false),
        ROW("http:localhost", "localhost", false, false),
        ROW("http:/localhost", "localhost", false, false),
        ROW("http://", "localhost", false, false),
        ROW("http:///localhost", "localhost", false, false),
        ROW("http://localhost/", "localhost", false, false),
        ROW("http://localhost:5000/", "localhost:5000", false, false),
        ROW("http://localhost?x", "localhost", false, false),
        ROW("http://localhost#x", "localhost", false, false),
        ROW("http://localhost:", "localhost", false, false),
        ROW("http://localhost:abc", "localhost", false, false),
        ROW("http://localhost:1.evil.com", "localhost:1", false, false),
        ROW("http://localhost:65536", "localhost", false, false),
        ROW("http://localhost:99999999999999999999", "localhost", false, false),
        ROW("http://user@localhost", "localhost", false, false),
        ROW("http://localhost@evil.com", "localhost", false, false),
        ROW("http://localhost:80@evil.com", "localhost", false, false),
        ROW("http://localhost:5000 ", "localhost:5000", false, false),
        ROW(" http://localhost:5000", "localhost:5000", false, false),
        ROW("http://local host", "localhost", false, false),
        ROW("http://localhost\t", "localhost", false, false),
        ROW("http://localhost\r\nx-evil: 1", "localhost", false, false),
        ROW("http://localhost\n", "localhost", false, false),
        ROW("http://localhost\0", "localhost", false, false),
        ROW("http://localhost\0.evil.com", "localhost", false, false),
        ROW("http\0://localhost", "localhost", false, false),
        ROW("http://localhost%00", "localhost", false, false),
        ROW("http://localhost%2eevil.com", "localhost", false, false),
        ROW("http://localhost\\evil.com", "localhost", false, false),
        ROW("http://localhost, http://evil.com", "localhost", false, false),
        ROW("http://evil.com, http://localhost", "localhost", false, false),
        ROW("http://localhost http://evil.com", "localhost", false, false),
        ROW("http://loc\xc3\xa0lhost", "localhost", false, false),
        ROW("http://\xef\xbd\x8cocalhost", "localhost", false, false),
        ROW("http://[::1", "[::1]", false, false),
        ROW("http://::1", "[::1]", false, false),
        ROW("http://[::1%25lo]", "[::1]", false, false),
        ROW("1http://localhost", "localhost", false, false),
        ROW("ht tp://localhost", "localhost", false, false),
        ROW("http://*", "localhost", false, false),
    };
    CHECK(NULL, rows);
}

static void very_long_origins_are_refused(void **state)
{
    (void)state;
    char text[20000];
    struct security *security =
        new_security((struct security_settings){.allowed_origins = SV("http://*,*://a*")});
    memset(text, 'a', sizeof text);
    struct sv origin = {text, sizeof text};
    assert_false(security_origin_allowed(security, origin, SV("a")));
    memcpy(text, "http://", 7);
    assert_false(security_origin_allowed(security, origin, SV("a")));
    assert_null(security_cors(security, origin).allow_origin.data);
    origin.len = 7 + 63;
    assert_true(security_origin_allowed(security, origin, SV("a")));

    memset(text, 'a', sizeof text);
    memcpy(text + 33, "://a", 4);
    origin.len = 37;
    assert_false(security_origin_allowed(security, origin, SV("a")));
    security_free(security);
}

static void the_origin_of_the_host_itself_may_write(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("http://mlflow.corp", "mlflow.corp", true, false),
        ROW("https://mlflow.corp", "mlflow.corp", true, false),
        ROW("http://MLflow.corp", "mlflow.CORP", true, false),
        ROW("http://mlflow.corp:5000", "mlflow.corp:5000", true, false),
        ROW("https://mlflow.corp:8443", "mlflow.corp:8443", true, false),
        ROW("http://mlflow.corp", "mlflow.corp:80", true, false),
        ROW("http://mlflow.corp:80", "mlflow.corp", true, false),
        ROW("https://mlflow.corp", "mlflow.corp:443", true, false),
        ROW("https://mlflow.corp:443", "mlflow.corp", true, false),
        ROW("http://10.1.2.3:5000", "10.1.2.3:5000", true, false),
        ROW("http://[fd00::1]:5000", "[fd00:0::1]:5000", true, false),
        ROW("http://mlflow.corp.:5000", "mlflow.corp.:5000", true, false),
        ROW("http://mlflow.corp:5000", "mlflow.corp", false, false),
        ROW("http://mlflow.corp", "mlflow.corp:5000", false, false),
        ROW("http://mlflow.corp:5001", "mlflow.corp:5000", false, false),
        ROW("http://mlflow.corp", "mlflow.corp:443", false, false),
        ROW("https://mlflow.corp", "mlflow.corp:80", false, false),
        ROW("http://mlflow.corp:443", "mlflow.corp", false, false),
        ROW("http://x.mlflow.corp", "mlflow.corp", false, false),
        ROW("http://corp", "mlflow.corp", false, false),
        ROW("http://10.1.2.4:5000", "10.1.2.3:5000", false, false),
        ROW("http://[fd00::2]:5000", "[fd00::1]:5000", false, false),
        ROW("ftp://mlflow.corp:5000", "mlflow.corp:5000", false, false),
        ROW("file://mlflow.corp", "mlflow.corp", false, false),
        ROW("chrome-extension://mlflow", "mlflow", false, false),
        ROW("null", "null", false, false),
        ROW("http://evil.com", "", false, false),
        ROW("http://a b", "a b", false, false),
    };
    CHECK(NULL, rows);
}

static void a_request_without_origin_passes_without_cors_headers(void **state)
{
    (void)state;
    static const char *const origins[] = {NULL, "https://app.corp", "*"};
    for (size_t i = 0; i < 3; i++) {
        struct security *security =
            new_security((struct security_settings){.allowed_origins = sv_from(origins[i])});
        assert_true(security_origin_allowed(security, SV_ABSENT, SV("mlflow.corp")));
        assert_true(security_origin_allowed(security, SV_ABSENT, SV_ABSENT));
        struct cors cors = security_cors(security, SV_ABSENT);
        assert_null(cors.allow_origin.data);
        assert_false(cors.allow_credentials);
        assert_false(cors.vary_origin);
        security_free(security);
    }
}

static void an_absent_host_is_nobodys_own_origin(void **state)
{
    (void)state;
    struct security *security = new_security((struct security_settings){.allowed_hosts = SV("*")});
    assert_false(security_origin_allowed(security, SV("http://evil.com"), SV_ABSENT));
    assert_true(security_origin_allowed(security, SV("http://localhost:1"), SV_ABSENT));
    security_free(security);
}

static void configured_origins_may_write_and_read(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("https://app.corp", "m", true, true),
        ROW("HTTPS://App.Corp", "m", true, true),
        ROW("https://app.corp:443", "m", true, true),
        ROW("https://app.corp:8443", "m", false, false),
        ROW("http://app.corp", "m", false, false),
        ROW("http://app.corp:443", "m", false, false),
        ROW("https://app.corp.evil.com", "m", false, false),
        ROW("https://evilapp.corp", "m", false, false),
        ROW("https://x.app.corp", "m", false, false),
        ROW("http://ui.corp:8080", "m", true, true),
        ROW("http://ui.corp", "m", false, false),
        ROW("http://ui.corp:80801", "m", false, false),
        ROW("http://ui.corp:808", "m", false, false),
        ROW("http://10.1.2.3:9", "m", true, true),
        ROW("http://10.1.2.3", "m", false, false),
        ROW("http://[fd00::1]:80", "m", true, true),
        ROW("http://[fd00:0::1]", "m", true, true),
        ROW("http://[fd00::2]", "m", false, false),
        ROW("chrome-extension://abc", "m", true, true),
        ROW("chrome-extension://abcd", "m", false, false),
        ROW("chrome-extension://abc:1", "m", false, false),
        ROW("null", "m", false, false),
        ROW("http://evil.com", "m", false, false),
    };
    CHECK(" HTTPS://app.CORP ,,http://ui.corp:8080,http://10.1.2.3:9,http://[fd00::1],chrome-extension://abc",
          rows);
}

static void configured_globs_match_whole_origins(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("https://x.corp", "m", true, true),
        ROW("https://X.Y.corp", "m", true, true),
        ROW("https://x.corp:443", "m", true, true),
        ROW("https://x.corp:8443", "m", false, false),
        ROW("http://x.corp", "m", false, false),
        ROW("https://corp", "m", false, false),
        ROW("https://x.corp.evil.com", "m", false, false),
        ROW("https://evil.com/.corp", "m", false, false),
        ROW("https://evil.com#.corp", "m", false, false),
        ROW("https://evil.com:1.corp", "m", false, false),
        ROW("https://evil.com@x.corp", "m", false, false),
        ROW("http://dev1.lab:3000", "m", true, true),
        ROW("http://dev1.lab", "m", true, true),
        ROW("https://dev1.lab", "m", false, false),
        ROW("http://dev12.lab:3000", "m", false, false),
        ROW("http://10.2.3.4:8080", "m", true, true),
        ROW("http://10.2.3.4", "m", true, true),
        ROW("http://10.evil.example", "m", false, false),
        ROW("http://10.evil.example:8080", "m", false, false),
        ROW("http://any.test:77", "m", true, true),
        ROW("https://any.test:77", "m", true, true),
        ROW("ftp://any.test:77", "m", false, false),
        ROW("http://any.test:78", "m", false, false),
        ROW("http://[fd12::1]", "m", true, true),
        ROW("http://[fe12::1]", "m", false, false),
    };
    CHECK("https://*.corp,http://dev?.lab:*,http://10.*,http*://any.test:77,http://[fd12:*]", rows);
}

static void a_glob_behind_the_scheme_admits_every_host_and_port_of_it(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW("https://evil.com", "m", true, true),     ROW("https://evil.com:1", "m", true, true),
        ROW("https://10.0.0.1:99", "m", true, true),  ROW("http://evil.com", "m", false, false),
        ROW("https://evil.com/x", "m", false, false), ROW("null", "m", false, false),
    };
    CHECK("https://*", rows);
}

static void a_star_allows_every_origin_but_never_credentials(void **state)
{
    (void)state;
    static const char *const origins[] = {"http://evil.com", "null", "http://localhost:3000", "", "x y",
                                          "https://app.corp"};
    struct security *security =
        new_security((struct security_settings){.allowed_origins = SV("https://app.corp, *")});
    for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
        assert_true(security_origin_allowed(security, sv_from(origins[i]), SV("mlflow.corp")));
        struct cors cors = security_cors(security, sv_from(origins[i]));
        assert_true(sv_equal(cors.allow_origin, SV("*")));
        assert_false(cors.allow_credentials);
        assert_false(cors.vary_origin);
    }
    security_free(security);
}

static void security_that_is_disabled_allows_every_origin_and_sends_nothing(void **state)
{
    (void)state;
    struct security *security = new_security((struct security_settings){
        .disabled = true, .allowed_origins = SV("https://app.corp"), .frame_options = SV("DENY")});
    assert_true(security_origin_allowed(security, SV("http://evil.com"), SV("mlflow.corp")));
    assert_true(security_origin_allowed(security, SV("null"), SV_ABSENT));
    assert_null(security_cors(security, SV("https://app.corp")).allow_origin.data);
    assert_null(security_cors(security, SV("http://localhost")).allow_origin.data);
    assert_null(security_frame_options(security).data);
    security_free(security);
}

static void entries_that_make_no_sense_are_named(void **state)
{
    (void)state;
    static const char *const entries[] = {
        "app.corp",
        "*.corp",
        "null",
        "https://",
        "https://app.corp/",
        "https://a.b/path",
        "https://a b",
        "://app.corp",
        "https://u@a.corp",
        "https://a.corp:x",
        "https://a.corp:",
        "https://10.0.0.0/8",
        "https://[::1",
        "ht[t]p://a.corp",
        "https://*.c\xc3\xb6rp",
        "https://a.corp:65536",
    };
    struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        struct sv problem = SV_ABSENT;
        struct security_settings settings = {.allowed_origins =
                                                 arena_printf(arena, "http://localhost, %s", entries[i])};
        if (security_new(&settings, arena, &problem))
            fail_msg("'%s' was accepted", entries[i]);
        char *text = arena_cstr(arena, problem);
        if (!text || !strstr(text, arena_printf(arena, "'%s'", entries[i]).data))
            fail_msg("the problem with '%s' is told as: %s", entries[i], text);
    }
    arena_free(arena);
}

static void frame_options_are_upper_case_or_absent(void **state)
{
    (void)state;
    static const struct {
        const char *configured;
        const char *header;
    } rows[] = {
        {NULL, "SAMEORIGIN"},
        {"SAMEORIGIN", "SAMEORIGIN"},
        {"sameorigin", "SAMEORIGIN"},
        {"Deny", "DENY"},
        {"NONE", NULL},
        {"none", NULL},
        {"", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct security *security =
            new_security((struct security_settings){.frame_options = sv_from(rows[i].configured)});
        assert_true(sv_equal(security_frame_options(security), sv_from(rows[i].header)));
        security_free(security);
    }
}

static void frame_options_that_make_no_sense_are_named(void **state)
{
    (void)state;
    static const char *const values[] = {"ALLOWALL", "DENY\r\nX-Evil: 1", "SAMEORIGIN, DENY"};
    struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct sv problem = SV_ABSENT;
        struct security_settings settings = {.frame_options = sv_from(values[i])};
        assert_null(security_new(&settings, arena, &problem));
        char *text = arena_cstr(arena, problem);
        assert_non_null(text);
        assert_non_null(strstr(text, values[i]));
    }
    arena_free(arena);
}

static void the_count_is_of_configured_entries(void **state)
{
    (void)state;
    static const struct {
        const char *hosts;
        const char *origins;
        size_t count;
    } rows[] = {{NULL, NULL, 0}, {"", "", 0}, {"a,b", NULL, 2}, {"a, ,", "http://b,*", 3}, {"*", NULL, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct security *security = new_security((struct security_settings){
            .allowed_hosts = sv_from(rows[i].hosts), .allowed_origins = sv_from(rows[i].origins)});
        assert_int_equal(security_host_count(security), rows[i].count);
        security_free(security);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(localhost_pages_may_write_and_those_of_http_may_read),
        cmocka_unit_test(foreign_origins_are_refused),
        cmocka_unit_test(an_origin_that_is_not_scheme_host_and_port_is_refused),
        cmocka_unit_test(very_long_origins_are_refused),
        cmocka_unit_test(the_origin_of_the_host_itself_may_write),
        cmocka_unit_test(a_request_without_origin_passes_without_cors_headers),
        cmocka_unit_test(an_absent_host_is_nobodys_own_origin),
        cmocka_unit_test(configured_origins_may_write_and_read),
        cmocka_unit_test(configured_globs_match_whole_origins),
        cmocka_unit_test(a_glob_behind_the_scheme_admits_every_host_and_port_of_it),
        cmocka_unit_test(a_star_allows_every_origin_but_never_credentials),
        cmocka_unit_test(security_that_is_disabled_allows_every_origin_and_sends_nothing),
        cmocka_unit_test(entries_that_make_no_sense_are_named),
        cmocka_unit_test(frame_options_are_upper_case_or_absent),
        cmocka_unit_test(frame_options_that_make_no_sense_are_named),
        cmocka_unit_test(the_count_is_of_configured_entries),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
