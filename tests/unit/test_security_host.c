#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/security/security.h"

struct row {
    struct sv host;
    bool allowed;
};

static struct security *new_security(const char *allowed_hosts)
{
    struct arena *arena = arena_new(1 << 20);
    struct sv problem = SV_ABSENT;
    struct security_settings settings = {.allowed_hosts = sv_from(allowed_hosts)};
    struct security *security = security_new(&settings, arena, &problem);
    if (!security)
        fail_msg("'%s' was refused: %.*s", allowed_hosts, SV_ARG(problem));
    arena_free(arena);
    return security;
}

static void check(const char *allowed_hosts, const struct row *rows, size_t count)
{
    struct security *security = new_security(allowed_hosts);
    for (size_t i = 0; i < count; i++)
        if (security_host_allowed(security, rows[i].host) != rows[i].allowed)
            fail_msg("allowed hosts '%s': '%.*s' should be %s", allowed_hosts ? allowed_hosts : "(default)",
                     SV_ARG(rows[i].host), rows[i].allowed ? "allowed" : "refused");
    security_free(security);
}
#define CHECK(allowed_hosts, rows) check(allowed_hosts, rows, sizeof(rows) / sizeof((rows)[0]))

#define YES(text)           \
    {                       \
        SV_INIT(text), true \
    }
#define NO(text)             \
    {                        \
        SV_INIT(text), false \
    }
#define SV_INIT(text)                \
    {                                \
        "" text "", sizeof(text) - 1 \
    }

static void loopback_and_private_addresses_are_allowed_by_default(void **state)
{
    (void)state;
    static const struct row rows[] = {
        YES("localhost"),
        YES("localhost:5000"),
        YES("LOCALHOST"),
        YES("LocalHost:80"),
        YES("localhost."),
        YES("localhost.:5000"),
        YES("localhost:0"),
        YES("localhost:65535"),
        YES("127.0.0.1"),
        YES("127.0.0.1:5000"),
        YES("127.0.0.2"),
        YES("127.255.255.254:1"),
        YES("0.0.0.0"),
        YES("0.0.0.0:5000"),
        YES("[::1]"),
        YES("[::1]:5000"),
        YES("[0:0:0:0:0:0:0:1]:5000"),
        YES("10.0.0.1"),
        YES("10.255.255.255:8080"),
        YES("172.16.0.1"),
        YES("172.31.255.255:5000"),
        YES("192.168.1.1"),
        YES("192.168.255.255:65535"),
        YES("[fc00::1]"),
        YES("[fd00::1]:5000"),
        YES("[FD12:3456::1]:5000"),
        YES("[fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]"),
    };
    CHECK(NULL, rows);
    CHECK("", rows);
    CHECK(" , ", rows);
}

static void everything_else_is_refused_by_default(void **state)
{
    (void)state;
    static const struct row rows[] = {
        NO(""),
        NO("evil.com"),
        NO("evil.com:5000"),
        NO("localhost.evil.com"),
        NO("evil.localhost"),
        NO("127.0.0.1.evil.com"),
        NO("10.evil.com"),
        NO("10.evil.example:5000"),
        NO("10.0.0.1.evil.com"),
        NO("192.168.evil.com:80"),
        NO("192.168.1.1.nip.io"),
        NO("172.16.x"),
        NO("172.15.255.255"),
        NO("172.32.0.1"),
        NO("11.0.0.1"),
        NO("9.255.255.255"),
        NO("192.167.255.255"),
        NO("192.169.0.0"),
        NO("126.255.255.255"),
        NO("128.0.0.1"),
        NO("0.0.0.1"),
        NO("169.254.169.254"),
        NO("8.8.8.8"),
        NO("[::]"),
        NO("[::2]"),
        NO("[fe80::1]"),
        NO("[fbff::1]"),
        NO("[fe00::1]"),
        NO("[2001:db8::1]"),
    };
    CHECK(NULL, rows);
}

static void a_host_that_is_not_host_and_port_is_refused(void **state)
{
    (void)state;
    static const struct row rows[] = {
        NO("localhost:abc"),
        NO("localhost:"),
        NO("localhost:1.evil.com"),
        NO("localhost:65536"),
        NO("localhost:99999"),
        NO("localhost:000000080"),
        NO("localhost:-1"),
        NO("localhost:+80"),
        NO("localhost: 80"),
        NO("localhost:80 "),
        NO("localhost:80:80"),
        NO("localhost:80,evil.com"),
        NO("localhost:0x50"),
        NO(" localhost"),
        NO("localhost "),
        NO("local host"),
        NO("localhost\t"),
        NO("\tlocalhost"),
        NO("localhost\r\n"),
        NO("localhost\n"),
        NO("localhost\0"),
        NO("localhost\0.evil.com"),
        NO("\0localhost"),
        NO("127.0.0.1\0"),
        NO("localhost%00"),
        NO("localhost%00.evil.com"),
        NO("localhos%74"),
        NO("localhost.."),
        NO("localhost...:80"),
        NO(".localhost"),
        NO("."),
        NO(".."),
        NO(":"),
        NO(":5000"),
        NO("localhost/"),
        NO("localhost/path"),
        NO("localhost?x"),
        NO("localhost#x"),
        NO("localhost\\@evil.com"),
        NO("http://localhost"),
        NO("user@localhost"),
        NO("evil.com@localhost"),
        NO("localhost@evil.com"),
        NO("user:pass@localhost:5000"),
        NO("localhost,evil.com"),
        NO("localhost;evil.com"),
        NO("localhost, localhost"),
        NO("*"),
        NO("l*"),
        NO("l\xc3\xb3"
           "calhost"),
        NO("\xef\xbd\x8c"
           "ocalhost"),
        NO("localhost\xe3\x80\x82"),
        NO("localhost\xff"),
        NO("::1"),
        NO("::1:5000"),
        NO("fc00:1"),
        NO("fd12::1"),
        NO("[::1"),
        NO("::1]"),
        NO("["),
        NO("[]"),
        NO("[]:80"),
        NO("[:]"),
        NO("[::1]5000"),
        NO("[::1]."),
        NO("[::1].evil.com"),
        NO("[::1]:"),
        NO("[::1]:abc"),
        NO("[::1]:65536"),
        NO("[::1]]"),
        NO("[[::1]]"),
        NO("[::1%25eth0]"),
        NO("[::1%lo]"),
        NO("[::1\0]"),
        NO("[::1 ]"),
        NO("[localhost]"),
        NO("[127.0.0.1]"),
        NO("[fc00:*]"),
        NO("[fd00::1::2]"),
        NO("[fd00:12345::1]"),
        NO("x[::1]"),
    };
    CHECK(NULL, rows);
}

static void only_a_strict_dotted_quad_is_an_ipv4_address(void **state)
{
    (void)state;
    static const struct row rows[] = {
        NO("2130706433"),
        NO("0x7f000001"),
        NO("0x7f.0.0.1"),
        NO("0177.0.0.1"),
        NO("127.0.0.01"),
        NO("127.1"),
        NO("127.0.1"),
        NO("127.0.0.1.1"),
        NO("10"),
        NO("10.1"),
        NO("012.0.0.1"),
        NO("10.0.0.256"),
        NO("10.0.0.1e1"),
        NO("10.0.0."),
        NO("10..0.1"),
        NO("10.0.0.-1"),
        NO("10.0.0.1-evil"),
        NO("1e1.0.0.1"),
        NO("[::10.0.0.1]"),
        NO("[::ffff:10.0.0.1]"),
        NO("[::ffff:127.0.0.1]:5000"),
        NO("[::ffff:7f00:1]"),
    };
    CHECK(NULL, rows);
    CHECK("10.*,127.*,172.16.*", rows);
}

static void overlong_hosts_are_refused(void **state)
{
    (void)state;
    struct security *security = new_security("*.example,x*");
    char text[100000];
    memset(text, 'x', sizeof text);
    for (size_t len = 64; len <= sizeof text; len = len < 300 ? len + 1 : len * 2)
        assert_false(security_host_allowed(security, (struct sv){text, len}));
    assert_true(security_host_allowed(security, (struct sv){text, 63}));

    for (size_t i = 49; i < sizeof text; i += 50)
        text[i] = '.';
    assert_true(security_host_allowed(security, (struct sv){text, 253}));
    assert_false(security_host_allowed(security, (struct sv){text, 255}));
    assert_false(security_host_allowed(security, (struct sv){text, sizeof text}));

    memset(text, '1', sizeof text);
    memcpy(text, "localhost:", 10);
    assert_false(security_host_allowed(security, (struct sv){text, sizeof text}));
    memset(text, ':', sizeof text);
    memcpy(text, "[", 1);
    text[sizeof text - 1] = ']';
    assert_false(security_host_allowed(security, (struct sv){text, sizeof text}));
    security_free(security);
}

static void configured_hosts_replace_the_defaults(void **state)
{
    (void)state;
    static const struct row rows[] = {
        YES("a.com"),      YES("a.com:80"),    YES("A.COM:5000"),    YES("a.com."),
        YES("b.com:8080"), YES("B.com.:8080"), NO("b.com"),          NO("b.com:80"),
        NO("b.com:18080"), NO("x.a.com"),      NO("a.com.evil.com"), NO("localhost"),
        NO("127.0.0.1"),   NO("10.0.0.1"),     NO("[::1]:5000"),     NO(""),
        NO("a.co"),        NO("aacom"),        YES("d_b-1.corp:1"),  NO("e.com:8080"),
        YES("e.com:443"),  YES("e.com:444"),   NO("e.com"),          NO("e.com:4430"),
        YES("f.com:80"),   NO("f.com"),        NO("f.com:8"),
    };
    CHECK(" a.com ,B.COM:8080,,d_b-1.corp., e.com:44?,f.com:??", rows);
}

static void configured_addresses_match_however_they_are_spelled(void **state)
{
    (void)state;
    static const struct row rows[] = {
        YES("10.1.2.3:5000"), NO("10.1.2.3"),       NO("10.1.2.4:5000"),     YES("[fd00::1]"),
        YES("[FD00:0::1]:9"), NO("[fd00::2]"),      YES("[2001:db8::1]:80"), NO("[2001:db8::1]:81"),
        YES("8.8.8.8:1"),     NO("8.8.8.8.nip.io"), YES("[::1]:443"),        NO("fd00::1"),
    };
    CHECK("10.1.2.3:5000,fd00::1,[2001:0DB8::1]:80,8.8.8.8,[::1]", rows);
}

static void configured_ranges_match_addresses_only(void **state)
{
    (void)state;
    static const struct row rows[] = {
        YES("10.0.0.0"),     YES("10.255.1.2:5000"), NO("11.0.0.0"),          NO("10.evil.example"),
        YES("100.64.0.1"),   YES("100.127.255.255"), NO("100.128.0.0"),       NO("100.63.255.255"),
        YES("[fd12::1]:80"), NO("[fe00::1]"),        YES("[2001:db8::ffff]"), NO("[2001:db9::1]"),
        YES("1.2.3.4"),      NO("1.2.3.5"),          NO("[::ffff:10.0.0.1]"), NO("localhost"),
    };
    CHECK("10.0.0.0/8,100.64.7.7/10,fc00::/7,[2001:db8::]/32,1.2.3.4/32", rows);

    static const struct row all_ipv4[] = {YES("8.8.8.8:53"), NO("[::1]"), NO("a.com"), NO("")};
    CHECK("0.0.0.0/0", all_ipv4);
}

static void globs_match_the_whole_host_without_its_port(void **state)
{
    (void)state;
    static const struct row rows[] = {
        YES("x.b.com"),    YES("X.B.com:5000"), YES("x.y.b.com."), NO("b.com"),        NO("x.b.com.evil.com"),
        NO("xb.com"),      YES("node1.corp"),   YES("nodea.corp"), NO("node12.corp"),  NO("node.corp"),
        YES("db1.corp:1"), YES("db3.corp"),     NO("db4.corp"),    NO("dbx.corp"),     YES("api.dev:8443"),
        NO("api.dev"),     NO("api.dev:443"),   YES("ui.local"),   YES("ui.local:77"), NO("ui.local:x"),
    };
    CHECK("*.b.com,node?.corp,DB[1-3].corp,api.*:8443,ui.local:*", rows);
}

static void a_glob_that_looks_like_an_address_matches_addresses_only(void **state)
{
    (void)state;
    static const struct row rows[] = {
        YES("10.1.2.3"),
        NO("10.evil.example"),
        NO("10.0.0.1.nip.io"),
        NO("10.1"),
        YES("192.168.4.4:5000"),
        NO("192.168.evil.com"),
        YES("172.16.0.9"),
        NO("172.16.x"),
        YES("172.25.0.1"),
        NO("172.26.0.1"),
        NO("172.2x.com"),
        YES("[fc00::1]:5000"),
        YES("[FC00:1:2::3]"),
        NO("[fc01::1]"),
        NO("fc00"),
        NO("fc00:1"),
        YES("[2001:db8:5::1]"),
        NO("[2001:db9::1]"),
        YES("[fd77::8]:80"),
        NO("[fd77::8]:81"),
        NO("0127.0.0.1"),
        NO("[::ffff:10.1.2.3]"),
        YES("[2001:0DB9:7::1]"),
        NO("[2001:0db9:8::1]"),
    };
    CHECK("10.*,192.168.*,172.16.*,172.2[0-5].*,fc00:*,[2001:db8:*],[fd77:*]:80,2001:0db9:7:*", rows);
}

static void a_glob_without_letters_and_digits_matches_any_host(void **state)
{
    (void)state;
    static const struct row rows[] = {
        YES("a.com:5000"), YES("10.0.0.1:5000"), YES("[::1]:5000"), NO("a.com"), NO("a.com:5001"), NO(""),
        NO("a com:5000"),
    };
    CHECK("*:5000", rows);
}

static void a_name_of_hex_digits_may_have_any_port(void **state)
{
    (void)state;
    static const struct row rows[] = {YES("cafe:80"), YES("cafe"), YES("a100:9"), NO("[cafe::1]"),
                                      NO("cafex")};
    CHECK("cafe:*,a100:*", rows);
}

static void the_default_list_of_mlflow_written_out_works(void **state)
{
    (void)state;
    static const struct row rows[] = {
        YES("localhost"),    YES("localhost:5000"), YES("127.0.0.1:5000"),      YES("[::1]:5000"),
        YES("0.0.0.0:5000"), YES("192.168.1.1"),    YES("10.0.0.1:1"),          YES("172.31.0.1"),
        YES("[fd00::1]"),    NO("10.evil.example"), NO("localhost:1.evil.com"),
    };
    CHECK(
        "localhost,localhost:*,127.0.0.1,127.0.0.1:*,[::1],[::1]:*,0.0.0.0,0.0.0.0:*,192.168.*,10.*,172.31.*,"
        "fc00:*,fd00:*",
        rows);
}

static void a_star_admits_every_host_and_none(void **state)
{
    (void)state;
    static const struct row rows[] = {YES("evil.com"), YES(""), YES("a b"), YES("[::1"), {{NULL, 0}, true}};
    CHECK("*", rows);
    CHECK("a.com, *", rows);
}

static void an_absent_host_is_refused(void **state)
{
    (void)state;
    static const struct row rows[] = {{{NULL, 0}, false}};
    CHECK(NULL, rows);
    CHECK("a.com,*.b.com,*:5000", rows);
}

static void security_that_is_disabled_admits_every_host(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 16);
    struct sv problem;
    struct security_settings settings = {.disabled = true};
    struct security *security = security_new(&settings, arena, &problem);
    assert_non_null(security);
    assert_true(security_disabled(security));
    assert_true(security_host_allowed(security, SV("evil.com")));
    assert_true(security_host_allowed(security, SV_ABSENT));
    security_free(security);

    settings.disabled = false;
    security = security_new(&settings, arena, &problem);
    assert_false(security_disabled(security));
    security_free(security);
    arena_free(arena);
}

static void entries_that_make_no_sense_are_named(void **state)
{
    (void)state;
    static const char *const entries[] = {
        "http://a.com", "a.com/path", "a.com:",        "a.com:x",   "a.com:65536", "a b.com",
        "user@a.com",   "a..com",     ".a.com",        "[::1",      "[::1]x",      "[::1]:",
        "[]",           "::1::2",     "10.0.0.0/33",   "10.0.0.0/", "10.0.0.0/+8", "10.0.0/8",
        "fc00::/129",   "a.com/8",    "*.c\xc3\xb6m",  "[a",        "a[].com",     "a].com",
        "a[!].com",     "a[b/c].com", "10.0.0.0/8:80", "*:port",    "a:b:c",       "[1:2",
        "\\*.com",      "a.com:[",    "a.com:[]",      "*.a:80:90", "[zz::1]",     "a%.com",
    };
    struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < sizeof entries / sizeof entries[0]; i++) {
        struct sv problem = SV_ABSENT;
        struct sv list = arena_printf(arena, "localhost, %s ,b.com", entries[i]);
        struct security_settings settings = {.allowed_hosts = list};
        struct security *security = security_new(&settings, arena, &problem);
        if (security)
            fail_msg("'%s' was accepted", entries[i]);
        char *text = arena_cstr(arena, problem);
        struct sv quoted = arena_printf(arena, "'%s'", entries[i]);
        if (!text || !strstr(text, quoted.data))
            fail_msg("the problem with '%s' is told as: %s", entries[i], text);
    }
    arena_free(arena);
}

static void an_entry_with_a_nul_byte_is_refused(void **state)
{
    (void)state;
    static const struct sv lists[] = {SV_INIT("10.0.0.0\0x/8"), SV_INIT("a.com\0"), SV_INIT("[::1\0]"),
                                      SV_INIT("*.a\0.com")};
    struct arena *arena = arena_new(1 << 20);
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        struct sv problem = SV_ABSENT;
        struct security_settings settings = {.allowed_hosts = lists[i]};
        assert_null(security_new(&settings, arena, &problem));
        assert_true(problem.len > 0);
    }
    arena_free(arena);
}

static void a_list_beyond_64_kib_is_refused(void **state)
{
    (void)state;
    struct arena *arena = arena_new(1 << 20);
    struct sv problem = SV_ABSENT;
    char *list = ARENA_ARRAY(arena, char, 65537);
    for (size_t i = 0; i < 65537; i++)
        list[i] = i % 2 ? ',' : 'a';
    struct security_settings settings = {.allowed_hosts = {list, 65537}};
    assert_null(security_new(&settings, arena, &problem));
    assert_true(problem.len > 0);

    settings.allowed_hosts.len = 65536;
    struct security *security = security_new(&settings, arena, &problem);
    assert_non_null(security);
    assert_int_equal(security_host_count(security), 32768);
    assert_true(security_host_allowed(security, SV("a:1")));
    assert_false(security_host_allowed(security, SV("b:1")));
    security_free(security);
    arena_free(arena);
}

static void a_client_behind_trusted_proxies_is_the_last_stranger(void **state)
{
    (void)state;
    static const struct {
        const char *peer, *forwarded_for, *client;
        bool by_proxy;
    } cases[] = {
        {"192.0.2.1", "10.9.9.9", "192.0.2.1", false},
        {"10.0.0.1", "192.0.2.1", "192.0.2.1", true},
        {"10.0.0.1", "192.0.2.1, 10.0.0.2", "192.0.2.1", true},
        {"10.0.0.1", "1.2.3.4, 192.0.2.1 , 10.0.0.2:80", "192.0.2.1", true},
        {"10.0.0.1", "192.0.2.1:4711", "192.0.2.1", true},
        {"fd00::1", "[2001:db8::1]:4711", "2001:db8::1", true},
        {"fd00::1", "2001:db8::1", "2001:db8::1", true},
        {"10.0.0.1", "unknown", "10.0.0.1", true},
        {"10.0.0.1", "192.0.2.1,", "10.0.0.1", true},
        {"10.0.0.1", "", "10.0.0.1", true},
        {"10.0.0.1", ",,,", "10.0.0.1", true},
        {"10.0.0.1", "[", "10.0.0.1", true},
        {"10.0.0.1", "10.0.0.2,10.0.0.3", "10.0.0.2", true},
        {"", "192.0.2.1", "", false},
    };
    struct arena *arena = arena_new(1 << 20);
    struct sv problem;
    struct security_settings settings = {.trusted_proxies = SV("10.0.0.0/8, fd00::/8")};
    struct security *security = security_new(&settings, arena, &problem);
    assert_non_null(security);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        bool by_proxy;
        struct sv client =
            security_client(security, sv_from(cases[i].peer), sv_from(cases[i].forwarded_for), &by_proxy);
        if (!sv_equal(client, sv_from(cases[i].client)) || by_proxy != cases[i].by_proxy)
            fail_msg("%s, %s: %.*s", cases[i].peer, cases[i].forwarded_for, SV_ARG(client));
    }
    security_free(security);
    settings.trusted_proxies = SV("10.0.0.0/33");
    assert_null(security_new(&settings, arena, &problem));
    assert_true(sv_find(problem, '1') < problem.len);
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loopback_and_private_addresses_are_allowed_by_default),
        cmocka_unit_test(everything_else_is_refused_by_default),
        cmocka_unit_test(a_host_that_is_not_host_and_port_is_refused),
        cmocka_unit_test(only_a_strict_dotted_quad_is_an_ipv4_address),
        cmocka_unit_test(overlong_hosts_are_refused),
        cmocka_unit_test(configured_hosts_replace_the_defaults),
        cmocka_unit_test(configured_addresses_match_however_they_are_spelled),
        cmocka_unit_test(configured_ranges_match_addresses_only),
        cmocka_unit_test(globs_match_the_whole_host_without_its_port),
        cmocka_unit_test(a_glob_that_looks_like_an_address_matches_addresses_only),
        cmocka_unit_test(a_glob_without_letters_and_digits_matches_any_host),
        cmocka_unit_test(a_name_of_hex_digits_may_have_any_port),
        cmocka_unit_test(the_default_list_of_mlflow_written_out_works),
        cmocka_unit_test(a_star_admits_every_host_and_none),
        cmocka_unit_test(an_absent_host_is_refused),
        cmocka_unit_test(security_that_is_disabled_admits_every_host),
        cmocka_unit_test(entries_that_make_no_sense_are_named),
        cmocka_unit_test(an_entry_with_a_nul_byte_is_refused),
        cmocka_unit_test(a_list_beyond_64_kib_is_refused),
        cmocka_unit_test(a_client_behind_trusted_proxies_is_the_last_stranger),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
