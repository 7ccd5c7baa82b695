#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "common/artifacts/media_type.h"

static void text_is_what_the_page_shows_as_text(void **state)
{
    (void)state;
    static const char *const names[] = {
        "a.txt", "a.log",        "a.err",   "a.cfg",     "a.conf",        "a.cnf",         "a.cf",
        "a.ini", "a.properties", "a.prop",  "a.hocon",   "a.toml",        "a.yaml",        "a.yml",
        "a.xml", "a.json",       "a.js",    "a.py",      "a.py3",         "a.csv",         "a.tsv",
        "a.md",  "a.rst",        "MLmodel", "mlproject", "x/y.z/MLmodel", "d.bin/a.b.txt", "txt",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_string_equal(media_type_of(sv_from(names[i])), "text/plain");
}

static void other_names_go_by_their_extension(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a.html", "text/html"},        {"a.HTML", "text/html"},
        {"A.JSON", "application/json"}, {"a.css", "text/css"},
        {"a.svg", "image/svg+xml"},     {"a.svgz", "image/svg+xml"},
        {"a.pdf", "application/pdf"},   {"a.png", "image/png"},
        {"a.jpg", "image/jpeg"},        {"a.webp", "image/webp"},
        {"a.mp4", "video/mp4"},         {"a.zip", "application/zip"},
        {"a.wasm", "application/wasm"}, {"a.parquet", "application/vnd.apache.parquet"},
        {"a.tar", "application/x-tar"}, {"a.tar.gz", "application/x-tar"},
        {"a.tgz", "application/x-tar"}, {"a.html.gz", "text/html"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(media_type_of(sv_from(cases[i][0])), cases[i][1]);
}

static void what_is_unknown_is_bytes(void **state)
{
    (void)state;
    static const char *const names[] = {
        "",        "a",       "a.",    "a.gz",   "a.ipynb", "a.npy", "a.pkl",
        "a.what",  ".html",   "..txt", "a.txt/", "a.txt/b", "html",  "a.averyveryverylongextension",
        "mlmodel", "MLMODEL",
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        assert_string_equal(media_type_of(sv_from(names[i])), "application/octet-stream");
}

static void the_name_to_save_under_is_the_last_component(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"a.txt", "attachment; filename=\"a.txt\""},
        {"x/y/a.txt", "attachment; filename=\"a.txt\""},
        {"x y;z=1.html", "attachment; filename=\"x y;z=1.html\""},
        {"a\"b.txt", "attachment; filename=\"a_b.txt\"; filename*=UTF-8''a%22b.txt"},
        {"a\\b", "attachment; filename=\"a_b\"; filename*=UTF-8''a%5Cb"},
        {"100%.txt", "attachment; filename=\"100_.txt\"; filename*=UTF-8''100%25.txt"},
        {"\xc3\xa9\xe2\x82\xac", "attachment; filename=\"__\"; filename*=UTF-8''%C3%A9%E2%82%AC"},
        {"a\r\nX: y", "attachment; filename=\"a__X: y\"; filename*=UTF-8''a%0D%0AX%3A%20y"},
        {"\xff", "attachment"},
        {"", "attachment"},
        {"a/", "attachment"},
    };
    struct arena *arena = arena_new(1024UL * 1024);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sv given = content_disposition(arena, sv_from(cases[i][0]));
        assert_true(sv_equal(given, sv_from(cases[i][1])));
    }
    arena_free(arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_what_the_page_shows_as_text),
        cmocka_unit_test(other_names_go_by_their_extension),
        cmocka_unit_test(what_is_unknown_is_bytes),
        cmocka_unit_test(the_name_to_save_under_is_the_last_component),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
