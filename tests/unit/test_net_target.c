#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/net/target.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct arena *arena;

static int make_arena(void **state)
{
    (void)state;
    arena = arena_new(1 << 20);
    return 0;
}

static int free_arena(void **state)
{
    (void)state;
    arena_free(arena);
    return 0;
}

static const struct {
    const char *address;
    enum address_class class;
} classes[] = {
    {"8.8.8.8", ADDRESS_PUBLIC},
    {"1.1.1.1", ADDRESS_PUBLIC},
    {"223.255.255.255", ADDRESS_PUBLIC},
    {"0.0.0.0", ADDRESS_UNSPECIFIED},
    {"0.255.255.255", ADDRESS_UNSPECIFIED},
    {"9.255.255.255", ADDRESS_PUBLIC},
    {"10.0.0.0", ADDRESS_PRIVATE},
    {"10.255.255.255", ADDRESS_PRIVATE},
    {"11.0.0.0", ADDRESS_PUBLIC},
    {"100.63.255.255", ADDRESS_PUBLIC},
    {"100.64.0.0", ADDRESS_PRIVATE},
    {"100.100.100.200", ADDRESS_METADATA},
    {"100.127.255.255", ADDRESS_PRIVATE},
    {"100.128.0.0", ADDRESS_PUBLIC},
    {"126.255.255.255", ADDRESS_PUBLIC},
    {"127.0.0.1", ADDRESS_LOOPBACK},
    {"127.255.255.255", ADDRESS_LOOPBACK},
    {"128.0.0.0", ADDRESS_PUBLIC},
    {"168.63.129.15", ADDRESS_PUBLIC},
    {"168.63.129.16", ADDRESS_METADATA},
    {"169.253.255.255", ADDRESS_PUBLIC},
    {"169.254.0.0", ADDRESS_LINK_LOCAL},
    {"169.254.169.254", ADDRESS_LINK_LOCAL},
    {"169.254.170.2", ADDRESS_LINK_LOCAL},
    {"169.255.0.0", ADDRESS_PUBLIC},
    {"172.15.255.255", ADDRESS_PUBLIC},
    {"172.16.0.0", ADDRESS_PRIVATE},
    {"172.31.255.255", ADDRESS_PRIVATE},
    {"172.32.0.0", ADDRESS_PUBLIC},
    {"192.0.0.192", ADDRESS_METADATA},
    {"192.0.0.1", ADDRESS_RESERVED},
    {"192.0.2.1", ADDRESS_RESERVED},
    {"192.88.99.1", ADDRESS_RESERVED},
    {"192.167.255.255", ADDRESS_PUBLIC},
    {"192.168.0.0", ADDRESS_PRIVATE},
    {"192.169.0.0", ADDRESS_PUBLIC},
    {"198.17.255.255", ADDRESS_PUBLIC},
    {"198.18.0.0", ADDRESS_RESERVED},
    {"198.19.255.255", ADDRESS_RESERVED},
    {"198.51.100.7", ADDRESS_RESERVED},
    {"203.0.113.7", ADDRESS_RESERVED},
    {"224.0.0.1", ADDRESS_MULTICAST},
    {"239.255.255.255", ADDRESS_MULTICAST},
    {"240.0.0.0", ADDRESS_RESERVED},
    {"255.255.255.255", ADDRESS_RESERVED},
    {"2606:4700::1111", ADDRESS_PUBLIC},
    {"2a00:1450:4001::1", ADDRESS_PUBLIC},
    {"::", ADDRESS_UNSPECIFIED},
    {"::1", ADDRESS_LOOPBACK},
    {"::2", ADDRESS_UNSPECIFIED}, /* 0.0.0.2, compatible */
    {"::7f00:1", ADDRESS_LOOPBACK},
    {"::ffff:127.0.0.1", ADDRESS_LOOPBACK},
    {"::ffff:10.1.2.3", ADDRESS_PRIVATE},
    {"::ffff:169.254.169.254", ADDRESS_LINK_LOCAL},
    {"::ffff:8.8.8.8", ADDRESS_PUBLIC},
    {"::ffff:0:127.0.0.1", ADDRESS_LOOPBACK},
    {"64:ff9b::7f00:1", ADDRESS_LOOPBACK},
    {"64:ff9b::a9fe:a9fe", ADDRESS_LINK_LOCAL},
    {"64:ff9b::808:808", ADDRESS_PUBLIC},
    {"64:ff9b:1::808:808", ADDRESS_PRIVATE},
    {"100::1", ADDRESS_RESERVED},
    {"2001::1", ADDRESS_RESERVED},
    {"2001:0:4136:e378:8000:63bf:3fff:fdd2", ADDRESS_RESERVED},
    {"2001:1ff::1", ADDRESS_RESERVED},
    {"2001:200::1", ADDRESS_PUBLIC},
    {"2001:db8::1", ADDRESS_RESERVED},
    {"2002:7f00:1::", ADDRESS_LOOPBACK},
    {"2002:a9fe:a9fe::1", ADDRESS_LINK_LOCAL},
    {"2002:c0a8:101::", ADDRESS_PRIVATE},
    {"2002:808:808::", ADDRESS_PUBLIC},
    {"2606:4700::5efe:192.168.1.1", ADDRESS_PRIVATE},
    {"2606:4700::200:5efe:127.0.0.1", ADDRESS_LOOPBACK},
    {"3fff::1", ADDRESS_RESERVED},
    {"4000::1", ADDRESS_RESERVED},
    {"fc00::1", ADDRESS_PRIVATE},
    {"fdff:ffff::1", ADDRESS_PRIVATE},
    {"fd00:ec2::254", ADDRESS_METADATA},
    {"fd20:ce::254", ADDRESS_METADATA},
    {"fe80::1", ADDRESS_LINK_LOCAL},
    {"febf::1", ADDRESS_LINK_LOCAL},
    {"fec0::1", ADDRESS_PRIVATE},
    {"ff02::1", ADDRESS_MULTICAST},
    {"ffff:ffff::1", ADDRESS_MULTICAST},
};

static void every_address_has_its_class(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(classes); i++) {
        uint8_t address[ADDRESS_BYTES];
        assert_true(address_parse(sv_from(classes[i].address), address));
        if (address_class_of(address) != classes[i].class)
            fail_msg("%s is of class %d", classes[i].address, (int)address_class_of(address));
    }
}

static void literals_have_one_notation_only(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "",           "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.1 ", " 127.0.0.1",
        "127.0.0.1.", "[::1]", "fe80::1%lo", "::1::",      "1.2.3.4.5",  "localhost",  "::ffff:127.0.0.256"};
    uint8_t address[ADDRESS_BYTES];
    for (size_t i = 0; i < COUNT(odd); i++) {
        if (address_parse(sv_from(odd[i]), address))
            fail_msg("'%s' was taken", odd[i]);
    }
    assert_false(address_parse(SV("127.0.0.1\0x"), address));
}

static bool holds(const char *list, const char *literal)
{
    struct network *networks;
    size_t count;
    struct sv problem;
    uint8_t address[ADDRESS_BYTES];
    assert_true(networks_parse(arena, sv_from(list), &networks, &count, &problem));
    assert_true(address_parse(sv_from(literal), address));
    return networks_hold(networks, count, address);
}

static void networks_hold_what_their_prefix_says(void **state)
{
    (void)state;
    assert_true(holds("10.0.0.0/8", "10.255.0.1"));
    assert_false(holds("10.0.0.0/8", "11.0.0.1"));
    assert_true(holds("192.168.1.128/25", "192.168.1.200"));
    assert_false(holds("192.168.1.128/25", "192.168.1.100"));
    assert_true(holds("10.1.2.3", "10.1.2.3"));
    assert_false(holds("10.1.2.3", "10.1.2.4"));
    assert_true(holds("0.0.0.0/0", "10.1.2.3"));
    assert_false(holds("0.0.0.0/0", "2606:4700::1"));
    assert_true(holds(" fd00::/8 , 10.1.2.3/32", "fd12::1"));
    assert_true(holds("::/0", "8.8.8.8"));
    assert_true(holds("10.0.0.0/8", "::ffff:10.0.0.1"));
    assert_false(holds("", "10.1.2.3"));
}

static void what_is_no_network_is_named(void **state)
{
    (void)state;
    static const char *const odd[] = {"10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x",
                                      "fd00::/129",  "10.*",      "example.com"};
    for (size_t i = 0; i < COUNT(odd); i++) {
        struct network *networks;
        size_t count;
        struct sv problem = SV_ABSENT;
        assert_false(networks_parse(arena, sv_from(odd[i]), &networks, &count, &problem));
        assert_non_null(strstr(arena_cstr(arena, problem), odd[i]));
    }
}

static enum error_code resolve(const struct target_policy *policy, const char *url, struct target *target)
{
    struct error error = {0};
    enum status status = target_resolve(policy, arena, &error, sv_from(url), target);
    assert_true((status == OK) == (error.code == ERROR_NONE));
    return error.code;
}

static void public_addresses_are_targets_and_others_are_not(void **state)
{
    (void)state;
    const struct target_policy strict = {0};
    struct target target;
    assert_int_equal(resolve(&strict, "https://8.8.8.8/x", &target), ERROR_NONE);
    assert_true(target.is_https);
    assert_int_equal(target.port, 443);
    assert_null(target.pinned.data);
    assert_int_equal(resolve(&strict, "http://[2606:4700::1111]:8080/", &target), ERROR_NONE);
    assert_int_equal(target.port, 8080);
    assert_true(sv_equal(target.host, SV("2606:4700::1111")));

    static const char *const refused[] = {
        "http://127.0.0.1/",         "http://localhost:5000/", "http://LOCALHOST./",
        "http://10.0.0.1/",          "http://[::1]/",          "http://169.254.169.254/latest/meta-data/",
        "http://0.0.0.0/",           "http://2130706433/",     "http://0x7f000001/",
        "http://0177.0.0.1/",        "http://127.1/",          "http://[::ffff:7f00:1]/",
        "http://[64:ff9b::7f00:1]/", "http://[fe80::1]/",      "http://224.0.0.1/",
    };
    for (size_t i = 0; i < COUNT(refused); i++) {
        if (resolve(&strict, refused[i], &target) != INVALID_PARAMETER_VALUE)
            fail_msg("%s was not refused", refused[i]);
    }
}

static void what_is_no_url_is_refused(void **state)
{
    (void)state;
    const struct target_policy open = {.allow_private = true};
    static const char *const refused[] = {
        "",
        "8.8.8.8/x\n",
        "ftp://8.8.8.8/",
        "file:///etc/passwd",
        "gopher://8.8.8.8/",
        "http://",

        "http://user@8.8.8.8/",
        "http://user:secret@8.8.8.8/",
        "http://8.8.8.8:0/",
        "http://8.8.8.8:99999/",
        "//8.8.8.8/",
        "javascript:alert(1)",
        "http://8.8.8.8 /",
    };
    struct target target;
    for (size_t i = 0; i < COUNT(refused); i++) {
        if (resolve(&open, refused[i], &target) != INVALID_PARAMETER_VALUE)
            fail_msg("%s was not refused", refused[i]);
    }
    struct error error = {0};
    assert_int_equal(target_resolve(&open, arena, &error, SV_ABSENT, &target), FAILED);
    error_clear(&error);
    assert_int_equal(target_resolve(&open, arena, &error, SV("http://8.8.8.8/\0.example"), &target), FAILED);
}

static void names_are_pinned_to_what_was_checked(void **state)
{
    (void)state;
    const struct target_policy open = {.allow_loopback = true};
    struct target target;
    assert_int_equal(resolve(&open, "http://localhost:8080/", &target), ERROR_NONE);
    const char *pinned = arena_cstr(arena, target.pinned);
    assert_int_equal(strncmp(pinned, "localhost:8080:", 15), 0);
    assert_true(strstr(pinned, "127.0.0.1") || strstr(pinned, "[::1]"));
}

static void exceptions_are_as_wide_as_they_say(void **state)
{
    (void)state;
    struct target target;
    const struct target_policy loopback = {.allow_loopback = true}, private = {.allow_private = true};
    assert_int_equal(resolve(&loopback, "http://127.0.0.1/", &target), ERROR_NONE);
    assert_int_equal(resolve(&loopback, "http://10.0.0.1/", &target), INVALID_PARAMETER_VALUE);
    assert_int_equal(resolve(&private, "http://127.0.0.1/", &target), ERROR_NONE);
    assert_int_equal(resolve(&private, "http://10.0.0.1/", &target), ERROR_NONE);
    assert_int_equal(resolve(&private, "http://169.254.169.254/", &target), INVALID_PARAMETER_VALUE);
    assert_int_equal(resolve(&private, "http://168.63.129.16/", &target), INVALID_PARAMETER_VALUE);
    assert_int_equal(resolve(&private, "http://0.0.0.0/", &target), INVALID_PARAMETER_VALUE);

    struct network *networks;
    size_t count;
    struct sv problem;
    assert_true(networks_parse(arena, SV("10.1.0.0/16, 169.254.169.254"), &networks, &count, &problem));
    const struct target_policy listed = {.allowed = networks, .allowed_count = count};
    assert_int_equal(resolve(&listed, "http://10.1.9.9/", &target), ERROR_NONE);
    assert_int_equal(resolve(&listed, "http://10.2.9.9/", &target), INVALID_PARAMETER_VALUE);
    assert_int_equal(resolve(&listed, "http://169.254.169.254/", &target), ERROR_NONE);
}

static void behind_a_proxy_the_literal_host_is_checked(void **state)
{
    (void)state;
    const struct target_policy proxied = {.proxied = true};
    struct target target;
    assert_int_equal(resolve(&proxied, "https://hooks.invalid/x", &target), ERROR_NONE);
    assert_null(target.pinned.data);
    assert_int_equal(resolve(&proxied, "https://10.0.0.1/x", &target), INVALID_PARAMETER_VALUE);
    assert_int_equal(resolve(&proxied, "http://localhost/x", &target), INVALID_PARAMETER_VALUE);
    assert_int_equal(resolve(&proxied, "http://a.localhost./x", &target), INVALID_PARAMETER_VALUE);
}

static void a_name_that_does_not_exist_is_told(void **state)
{
    (void)state;
    const struct target_policy strict = {0};
    struct target target;
    assert_int_equal(resolve(&strict, "https://no-such-host.invalid/", &target), TEMPORARILY_UNAVAILABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_address_has_its_class),
        cmocka_unit_test(literals_have_one_notation_only),
        cmocka_unit_test(networks_hold_what_their_prefix_says),
        cmocka_unit_test(what_is_no_network_is_named),
        cmocka_unit_test(public_addresses_are_targets_and_others_are_not),
        cmocka_unit_test(what_is_no_url_is_refused),
        cmocka_unit_test(names_are_pinned_to_what_was_checked),
        cmocka_unit_test(exceptions_are_as_wide_as_they_say),
        cmocka_unit_test(behind_a_proxy_the_literal_host_is_checked),
        cmocka_unit_test(a_name_that_does_not_exist_is_told),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
