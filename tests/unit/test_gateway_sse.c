#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/gateway/sse.h"

/* What a stream says, as text: "type|data|id;" for each event, "-" where something is absent, "!" for a
 * stream that is given up. */
static char told[4096];

static void tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void tell(const char *format, ...)
{
    size_t len = strlen(told);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(told + len, sizeof(told) - len, format, arguments);
    va_end(arguments);
}

static void tell_event(const struct sse_event *event)
{
    struct sv dash = SV("-");
    assert_non_null(event->data.data);
    tell("%.*s|%.*s|%.*s;", SV_ARG(event->type.data ? event->type : dash), SV_ARG(event->data),
         SV_ARG(event->id.data ? event->id : dash));
}

/* Each piece lies in memory of its own that is given up after it, so that a sanitizer sees what is kept of
 * it. */
static const char *read_in_pieces(struct sv stream, size_t piece)
{
    struct sse_parser parser;
    struct sse_event event;
    enum sse_step step;
    told[0] = '\0';
    sse_init(&parser);
    while (stream.len) {
        struct sv part = sv_first(stream, piece);
        stream = sv_from_offset(stream, part.len);
        char *copy = malloc(part.len);
        assert_non_null(copy);
        memcpy(copy, part.data, part.len);
        struct sv input = {copy, part.len};
        while ((step = sse_next(&parser, &input, &event)) == SSE_EVENT)
            tell_event(&event);
        assert_int_equal(step, SSE_MORE);
        assert_int_equal(input.len, 0);
        free(copy);
    }
    if (sse_end(&parser, &event) == SSE_EVENT)
        tell_event(&event);
    assert_int_equal(sse_end(&parser, &event), SSE_MORE);
    sse_free(&parser);
    return told;
}

static void assert_stream(struct sv stream, const char *expected)
{
    for (size_t piece = 1; piece <= stream.len; piece++)
        assert_string_equal(read_in_pieces(stream, piece), expected);
}

static void events_end_at_blank_lines_whatever_the_pieces(void **state)
{
    (void)state;
    assert_stream(SV("data: one\n\ndata: two\n\n"), "-|one|-;-|two|-;");
}

static void lines_end_with_lf_crlf_or_cr(void **state)
{
    (void)state;
    assert_stream(SV("data: a\r\n\r\ndata: b\r\rdata: c\n\r\ndata: d\r\n\n"), "-|a|-;-|b|-;-|c|-;-|d|-;");
}

static void a_cr_ends_an_event_before_the_next_byte_comes(void **state)
{
    (void)state;
    struct sse_parser parser;
    struct sse_event event;
    struct sv input = SV("data: a\r\n\r");
    sse_init(&parser);
    assert_int_equal(sse_next(&parser, &input, &event), SSE_EVENT);
    assert_true(sv_equal(event.data, SV("a")));
    sse_free(&parser);
}

static void lines_of_data_are_joined_by_line_feeds(void **state)
{
    (void)state;
    assert_stream(SV("data: a\ndata:\ndata\ndata: b\n\n"), "-|a\n\n\nb|-;");
}

static void one_blank_behind_the_colon_is_dropped_and_no_more(void **state)
{
    (void)state;
    assert_stream(SV("data:{\"a\":1}\n\ndata:  b \n\n"), "-|{\"a\":1}|-;-| b |-;");
}

static void comments_and_unknown_fields_mean_nothing(void **state)
{
    (void)state;
    assert_stream(SV(": OPENROUTER PROCESSING\n\n:\nretry: 10\nfoo: bar\n data: x\ndata: a\n\n"), "-|a|-;");
}

static void a_byte_order_mark_is_dropped_at_the_beginning_only(void **state)
{
    (void)state;
    assert_stream(SV("\xef\xbb\xbf"
                     "data: a\n\n\xef\xbb\xbf"
                     "data: b\n\n"),
                  "-|a|-;");
}

static void types_belong_to_one_event_and_ids_stay(void **state)
{
    (void)state;
    assert_stream(SV("event: ping\nid: 7\ndata: a\n\ndata: b\n\nid\nevent:\ndata: c\n\n"),
                  "ping|a|7;-|b|7;-|c|;");
}

static void an_id_with_a_nul_is_ignored(void **state)
{
    (void)state;
    assert_stream(SV("id: 1\ndata: a\n\nid: 2\0003\ndata: b\n\n"), "-|a|1;-|b|1;");
}

static void an_event_without_data_is_none(void **state)
{
    (void)state;
    assert_stream(SV("event: gone\n\ndata: a\n\n\n\n"), "-|a|-;");
}

static void empty_data_is_data(void **state)
{
    (void)state;
    assert_stream(SV("data\n\n"), "-||-;");
}

static void the_last_event_needs_no_line_end(void **state)
{
    (void)state;
    assert_stream(SV("data: a\n\ndata: b"), "-|a|-;-|b|-;");
    assert_stream(SV("event: x\ndata: c\n"), "x|c|-;");
    assert_stream(SV(""), "");
    told[0] = '\0';
    assert_string_equal(read_in_pieces(SV(""), 1), "");
}

static struct sv repeated(char *memory, const char *head, size_t len)
{
    size_t head_len = strlen(head);
    memcpy(memory, head, head_len);
    memset(memory + head_len, 'x', len - head_len);
    return (struct sv){memory, len};
}

static enum sse_step feed(struct sse_parser *parser, struct sv input, size_t *events)
{
    struct sse_event event;
    enum sse_step step;
    while ((step = sse_next(parser, &input, &event)) == SSE_EVENT)
        ++*events;
    return step;
}

static void a_line_beyond_the_limit_is_given_up_for_good(void **state)
{
    (void)state;
    struct sse_parser parser;
    struct sse_event event;
    size_t events = 0;
    char *memory = malloc(SSE_EVENT_MAX + 16);
    assert_non_null(memory);
    sse_init(&parser);
    assert_int_equal(feed(&parser, repeated(memory, "data: ", SSE_EVENT_MAX), &events), SSE_MORE);
    assert_int_equal(feed(&parser, SV("x"), &events), SSE_TOO_LONG);
    assert_int_equal(feed(&parser, SV("\n\ndata: a\n\n"), &events), SSE_TOO_LONG);
    assert_int_equal(sse_end(&parser, &event), SSE_TOO_LONG);
    assert_int_equal(events, 0);
    sse_free(&parser);
    free(memory);
}

static void so_are_many_lines_of_one_event(void **state)
{
    (void)state;
    struct sse_parser parser;
    size_t events = 0, piece = 1024 * 1024;
    char *memory = malloc(piece + 1);
    assert_non_null(memory);
    repeated(memory, "data:", piece);
    memory[piece] = '\n';
    sse_init(&parser);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(feed(&parser, (struct sv){memory, piece + 1}, &events), SSE_MORE);
    assert_int_equal(feed(&parser, (struct sv){memory, piece + 1}, &events), SSE_TOO_LONG);
    assert_int_equal(events, 0);
    sse_free(&parser);
    free(memory);
}

static void memory_does_not_grow_from_event_to_event(void **state)
{
    (void)state;
    struct sse_parser parser;
    size_t events = 0;
    sse_init(&parser);
    for (size_t i = 0; i < 20000; i++)
        assert_int_equal(feed(&parser, SV("event: e\nid: 1\ndata: some text\ndata: mo"), &events) |
                             feed(&parser, SV("re\n\n"), &events),
                         SSE_MORE);
    assert_int_equal(events, 20000);
    assert_true(parser.line.capacity + parser.data.capacity + parser.type.capacity + parser.id.capacity <=
                4 * 4096);
    sse_free(&parser);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_end_at_blank_lines_whatever_the_pieces),
        cmocka_unit_test(lines_end_with_lf_crlf_or_cr),
        cmocka_unit_test(a_cr_ends_an_event_before_the_next_byte_comes),
        cmocka_unit_test(lines_of_data_are_joined_by_line_feeds),
        cmocka_unit_test(one_blank_behind_the_colon_is_dropped_and_no_more),
        cmocka_unit_test(comments_and_unknown_fields_mean_nothing),
        cmocka_unit_test(a_byte_order_mark_is_dropped_at_the_beginning_only),
        cmocka_unit_test(types_belong_to_one_event_and_ids_stay),
        cmocka_unit_test(an_id_with_a_nul_is_ignored),
        cmocka_unit_test(an_event_without_data_is_none),
        cmocka_unit_test(empty_data_is_data),
        cmocka_unit_test(the_last_event_needs_no_line_end),
        cmocka_unit_test(a_line_beyond_the_limit_is_given_up_for_good),
        cmocka_unit_test(so_are_many_lines_of_one_event),
        cmocka_unit_test(memory_does_not_grow_from_event_to_event),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
